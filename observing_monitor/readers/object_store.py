"""Object stores: the objects below an address such as `s3://bucket/prefix`, reached through fsspec.

Nothing of fsspec is imported until an address is given and asked for something. Who may read and write there is told by
the environment and the profiles of the store's own tools (AWS_PROFILE, ~/.aws/credentials, …), never by our settings, so no
secret passes through here: not into a page, a message, or what a worker is handed.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import logging
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor.errors import ObservingMonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


log = logging.getLogger(__name__)

PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "memory": "fsspec",
}  # the scheme of an address -> what reaches it
_ADDRESS = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/@:]+)(?P<prefix>(?:/[^/]+)*)/*")
_SECRET = re.compile(r"key|secret|token|pass|cred|connection_string", re.IGNORECASE)

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "prom": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class Storage:
    """How an object store is reached: a table [storage]."""

    endpoint_url: str = (
        ""  # a store of one's own, https://s3.example.org; else AWS_ENDPOINT_URL, else Amazon's
    )
    region: str = ""  # where the bucket is; else as AWS_REGION or the profile say
    profile: str = ""  # the profile of ~/.aws/config and ~/.aws/credentials; else AWS_PROFILE
    anonymous: bool = False  # read a public bucket without any credentials
    options: dict[str, Any] = field(
        default_factory=dict
    )  # more, for fsspec's file system of the scheme: gs's project, az's account_name

    def check(self) -> None:
        """Raise UsageError where a setting can't be, or holds a secret."""
        for key in self.options:
            if _SECRET.search(key):
                raise UsageError(
                    f"key {key!r} of options: no secret may stand in the settings; use the environment or a profile"
                )
        if self.endpoint_url and not re.fullmatch(
            r"https?://[^/@\s]+(/[^@\s]*)?", self.endpoint_url
        ):
            raise UsageError(
                "key 'endpoint_url': is no address without user and password; write https://HOST or https://HOST:PORT"
            )


class Object(NamedTuple):
    """What a listing tells of an object."""

    size: int
    modified_at: datetime.datetime | None  # by the store's clock, in UTC
    etag: str  # of S3: the MD5 of what it holds, where it was written at once and is not encrypted with a key of its owner's; "" elsewhere


def check_address(address: str) -> str:
    """The address without a "/" at its end; UsageError where it is none that can be reached."""
    found = _ADDRESS.fullmatch(address)
    if not found:
        # not repeated: it may hold a secret
        raise UsageError(
            "an address of an object store is SCHEME://BUCKET/PREFIX, such as s3://bucket/prefix, without user and password"
        )
    if found["scheme"] not in PACKAGES:
        known = ", ".join(f"{scheme}://" for scheme in PACKAGES if scheme != "memory")
        raise UsageError(f"{address}: {found['scheme']}:// is not known; known are {known}")
    package = PACKAGES[found["scheme"]]
    if importlib.util.find_spec(package) is None:
        extra = "'observing_monitor[s3]'" if package == "s3fs" else package
        raise UsageError(f"{address}: needs the package {package}; pip install {extra}")
    return address.rstrip("/")


def is_plain(address: str) -> bool:
    """Whether an address is a bucket's or a prefix', with nothing in it that may be a secret."""
    return bool(_ADDRESS.fullmatch(address))


def lies_in(address: str, other: str) -> bool:
    """Whether an address is another, or lies below it."""
    return f"{address.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")


class Objects:
    """The objects below an address, by their names relative to it. What goes wrong is raised as `error`, one line with the remedy.

    Handed to another process it opens the store anew, with what that process' environment says.
    """

    def __init__(self, address: str, storage: Storage, error: type[ObservingMonitorError]) -> None:
        self.address = check_address(address)
        self.storage = storage
        self.error = error
        self._fs: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fs": None}

    def path(self, name: str) -> str:
        return f"{self.address}/{name}" if name else self.address

    def all_below(self, folder: str = "") -> dict[str, Object]:
        """Every object below a folder at any depth, by name: one listing, a request for each 1,000 objects."""
        with self._answering(folder) as fs:
            found = fs.find(self._in_store(folder), detail=True)
        begin = len(self._in_store("")) + 1
        return {
            path[begin:]: _object(info) for path, info in found.items() if not path.endswith("/")
        }

    def folder(self, folder: str = "") -> tuple[dict[str, Object], list[str]]:
        """The objects that lie right in a folder, by name, and the names of the folders in it: one listing."""
        with self._answering(folder) as fs:
            try:
                found = fs.ls(self._in_store(folder), detail=True)
            except FileNotFoundError as error:
                if _code(error) not in ("", "NoSuchKey", "404"):
                    raise
                found = []
        begin = len(self._in_store("")) + 1
        inside = [(info["name"].rstrip("/")[begin:], info) for info in found]
        inside = [
            (name, info) for name, info in inside if name and name != folder
        ]  # a folder's own marker
        objects = {
            name: _object(info)
            for name, info in inside
            if info["type"] == "file" and not info["name"].endswith("/")
        }
        return objects, [name for name, info in inside if info["type"] == "directory"]

    def info(self, name: str) -> Object | None:
        """One object; None where there is none."""
        with self._answering(name) as fs:
            try:
                return _object(fs.info(self._in_store(name)))
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes | None:
        """What an object holds; None where there is none."""
        with self._answering(name) as fs:
            try:
                return bytes(fs.cat_file(self._in_store(name)))
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write an object: whoever reads it has all of it, or what was there before."""
        with self._answering(name) as fs:
            fs.pipe_file(self._in_store(name), data, **self._told(name))

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._answering(name) as fs, contextlib.suppress(FileNotFoundError):
            fs.rm_file(self._in_store(name))

    def _told(self, name: str) -> dict[str, str]:
        """What a browser is told of an object: its type, and that it may change under its name unless that has a hash in it."""
        kind = CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        if self.address.startswith("s3:"):
            return {
                "ContentType": kind,
                "CacheControl": "max-age=31536000, immutable"
                if name.startswith("assets/")
                else "no-cache",
            }
        return {"content_type": kind} if self.address.startswith("gs:") else {}

    def _in_store(self, name: str) -> str:
        return str(self._opened()._strip_protocol(self.path(name)))

    def _opened(self) -> Any:
        if self._fs is None:
            import fsspec

            for noisy in ("botocore", "aiobotocore", "s3fs", "fsspec", "asyncio"):
                logging.getLogger(noisy).setLevel(logging.WARNING)
            scheme = self.address.partition("://")[0]
            self._fs = fsspec.filesystem(
                scheme,
                **_options(scheme, self.storage),
                skip_instance_cache=True,
                use_listings_cache=False,
            )
        return self._fs

    @contextlib.contextmanager
    def _answering(self, name: str) -> Iterator[Any]:
        try:
            yield self._opened()
        except ObservingMonitorError:
            raise
        except Exception as error:  # each store has exceptions of its own
            # not chained: what a store's library keeps in its exceptions may have been signed
            raise self.error(f"{self.path(name)}: {self._why(error)}") from None

    def _why(self, error: BaseException) -> str:
        """What went wrong and what to do, without any of the store's own words: those may name whom it asked."""
        code, kinds = _code(error), [type(one).__name__ for one in _chain(error)]
        where = (
            self.storage.endpoint_url
            or os.environ.get("AWS_ENDPOINT_URL_S3")
            or os.environ.get("AWS_ENDPOINT_URL")
            or "its address"
        )
        if code == "NoSuchBucket" or (isinstance(error, FileNotFoundError) and not code):
            return "there is no such bucket; make it, or correct the address or endpoint_url in [storage]"
        if code in (
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "IllegalLocationConstraintException",
            "301",
        ):
            return f"the bucket is in another region ({code}); set region in [storage]"
        if code == "RequestTimeTooSkewed":
            return "the store refuses this machine's clock; set it right"
        if code in _REFUSED or isinstance(error, PermissionError):
            remedy = "whoever runs this needs credentials that may do this (AWS_PROFILE, or profile in [storage])"
            return f"refused ({code or 'permission denied'}); {remedy}"
        if "ProfileNotFound" in kinds:
            return (
                "its profile is not in ~/.aws/config; correct profile in [storage], or AWS_PROFILE"
            )
        if any(
            "Credential" in kind or kind in ("TokenRetrievalError", "SSOTokenLoadError")
            for kind in kinds
        ):
            return "no credentials were found; set AWS_PROFILE, profile in [storage], or, for a public bucket, anonymous = true"
        if any(re.search("SSL|Certificate", kind) for kind in kinds):
            return f"the certificate of {where} is not trusted; AWS_CA_BUNDLE names the authority's file"
        if any(re.search("Connect|Timeout|Endpoint|Closed", kind) for kind in kinds):
            return (
                f"nothing answers at {where}; is the store up, and endpoint_url in [storage] right?"
            )
        if code in ("SlowDown", "ServiceUnavailable", "InternalError", "500", "503"):
            return f"the store is busy or broken ({code}); the next run tries again"
        if code:
            return f"the store answered {code}; its log tells more"
        return f"could not be asked ({kinds[0]}); are options in [storage] right?"


_REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "AccountProblem",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "403",
}
_REFUSED |= {
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidSecurity",
    "NotSignedUp",
}


def _options(scheme: str, storage: Storage) -> dict[str, Any]:
    """What fsspec's file system of a scheme is made with."""
    if scheme != "s3":
        anonymous: dict[str, dict[str, Any]] = {"gs": {"token": "anon"}, "az": {"anon": True}}
        return {**(anonymous.get(scheme, {}) if storage.anonymous else {}), **storage.options}
    told: dict[str, Any] = {
        "session": _session(storage.profile),
        "max_concurrency": 1,  # with more, s3fs asks for each object's size before it reads it
        # not every store knows the checksums that Amazon's has had since 2025
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 60,
            "retries": {"mode": "standard", "total_max_attempts": 3},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
    }
    if storage.anonymous:
        told["anon"] = True
    if storage.endpoint_url:
        told["endpoint_url"] = storage.endpoint_url
    if storage.region:
        told["client_kwargs"] = {"region_name": storage.region}
    return {**told, **storage.options}


def _session(profile: str) -> Any:
    """What finds the credentials, and reads the answers: the times in them by Python's own means, which halves what a listing costs."""
    from aiobotocore.session import AioSession
    from botocore.utils import parse_timestamp

    def to_time(told: Any) -> Any:
        try:
            return datetime.datetime.fromisoformat(told)
        except (TypeError, ValueError):  # a header's form, or a number
            return parse_timestamp(told)

    session = AioSession(profile=profile or None)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=to_time)
    return session


def _object(info: dict[str, Any]) -> Object:
    at = next(
        (
            info[key]
            for key in ("LastModified", "last_modified", "updated", "mtime", "created")
            if info.get(key)
        ),
        None,
    )
    if isinstance(at, str):
        at = datetime.datetime.fromisoformat(at)
    if not isinstance(at, datetime.datetime):
        at = None
    elif at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    return Object(int(info.get("size") or 0), at, str(info.get("ETag") or "").strip('"'))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> str:
    """The S3 error code in an exception or in what it came from; "" where there is none."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict) and isinstance(response.get("Error"), dict):
            return str(response["Error"].get("Code") or "")
    return ""
