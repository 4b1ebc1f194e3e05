"""Object stores: the objects below an address such as `s3://bucket/prefix`, reached through fsspec.

Nothing of fsspec is imported until an address is given and asked for something. Who may read and write there is told by
the environment and the profiles of the store's own tools (AWS_PROFILE, ~/.aws/credentials, …), never by our settings, so no
secret passes through here: not into a page, a message, or what a worker is handed.
"""

import bisect
import contextlib
import datetime
import hashlib
import importlib.util
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from observing_monitor.errors import LockedError, ObservingMonitorError, OutputError, UsageError
from observing_monitor.files import STORE, Output
from observing_monitor.redact import Redaction

log = logging.getLogger(__name__)

PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "memory": "fsspec",
}  # the scheme of an address -> what reaches it
_ADDRESS = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/@:]+)(?P<prefix>(?:/[^/]+)*)/*")
_SECRET = re.compile(r"key|secret|token|pass|cred|connection_string", re.IGNORECASE)

RENEW_S = 30  # a run that holds the lock says so that often, by the store's clock
STALE_S = 300  # a lock that was not renewed for so long is nobody's: its run was killed, or cut off
YOUNG_S = 10  # a lock no older than this beside ours may be of a run that came at the same moment and withdraws as well
TRIES = 4  # so often runs that came at the same moment try again

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


# --- the output --------------------------------------------------------------------------------------------------------


class ObjectOutput(Output):
    """An output whose pages, data and lock are objects.

    A run lists everything below the address once, when it first asks what is there, and keeps in mind what it writes; so it
    asks for no object's state, and writes none whose MD5 is the listing's. That nobody else writes is what the lock is for.
    """

    def __init__(self, address: str, storage: Storage, redaction: Redaction | None = None) -> None:
        self.objects = Objects(address, storage, OutputError)
        self.root = self.objects.address
        self.store = f"{self.root}/{STORE}"
        self.redaction = redaction or Redaction([])
        self._listed: dict[str, Object] | None = None
        self._inside: dict[str, set[str]] = {}  # folder -> the names in it
        self._sorted: list[str] | None = None  # the names of all, made when parts are cut
        self._covers: tuple[str, ...] = (
            "",
        )  # the beginnings of the names that the listing tells of
        self._changes: dict[str, Object | None] = {}  # what was written here; None: removed
        self._growing: dict[
            str, tuple[bytes, float]
        ] = {}  # what is appended to, and when it was last written
        self._lease: _Lease | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lease": None, "_sorted": None, "_growing": {}}

    def path(self, *parts: str) -> str:
        return "/".join(filter(None, [self.root, *parts]))

    def make(self) -> None:
        """Nothing: a prefix is there when an object is."""

    def sweep(self) -> None:
        """Nothing: an object that was not written whole is not there at all."""

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock, renewed while the run is at work; LockedError where another run has it."""
        lease = _Lease(self.objects)
        lease.take()
        self._lease = lease
        try:
            with lease.renewed():
                yield
        finally:
            self._lease = None
            lease.release()

    def is_locked(self) -> bool:
        return bool(self.names(".lock"))

    def _write(self, relative: str, data: bytes) -> None:
        if self._lease:
            self._lease.check()
        self.objects.write(relative, data)
        self._changes[relative] = Object(len(data), None, _md5(data))
        self.learn({relative: self._changes[relative]})

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        data = self._public(relative, data)
        there = self._look(relative)
        if (
            there
            and there.size == len(data)
            and (there.etag == _md5(data) or self.objects.read(relative) == data)
        ):
            return False
        self._write(relative, data)
        return True

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        return self.write_changed(relative, b"".join(parts))

    def at_once(self, is_much: bool) -> AbstractContextManager[Callable[..., None]]:
        self._list()  # before several ask for it
        return super().at_once(True)  # a store takes its time for each

    def append(self, relative: str, line: bytes) -> None:
        """An object can't grow: it is written whole, but only every few seconds. What a killed run loses of it is done again."""
        whole, written_at = self._growing.get(relative) or (self.read(relative) or b"", 0.0)
        whole += line + b"\n"
        if time.monotonic() - written_at > 5:
            self._write(relative, whole)
            written_at = time.monotonic()
        self._growing[relative] = whole, written_at

    def rename(self, relative: str, to: str) -> None:
        """An object can't be renamed: it is written anew under the other name."""
        data = self.read(relative)
        if data is not None:
            self._write(to, data)
            self.remove(relative)

    def remove(self, relative: str) -> None:
        self._growing.pop(relative, None)
        if not self._is_sure(relative) or self._look(relative):
            self.objects.remove(relative)
            self._changes[relative] = None
            self.learn({relative: None})

    def exists(self, relative: str) -> bool:
        return self._look(relative) is not None or relative in self._inside

    def size(self, relative: str) -> int | None:
        there = self._look(relative)
        return there.size if there else None

    def names(self, folder: str) -> list[str]:
        self._list()
        return list(self._inside.get(folder.rstrip("/"), ()))

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        for name in self.names(folder):
            if name.endswith(ending) and name not in kept:
                self.remove(f"{folder}/{name}")

    def read(self, relative: str) -> bytes | None:
        if self._is_sure(relative) and self._look(relative) is None:
            return None
        return self.objects.read(relative)

    def part(self, *beginnings: str) -> Output:
        """The output with just that much of the listing as tells of names that begin so: little to hand to a worker."""
        listed = self._list()
        if self._sorted is None:
            self._sorted = sorted(listed)
        made = ObjectOutput(self.root, self.objects.storage, self.redaction)
        made._listed, made._covers = {}, beginnings
        for beginning in beginnings:
            first = bisect.bisect_left(self._sorted, beginning)
            last = bisect.bisect_left(self._sorted, f"{beginning}\U0010ffff")
            for name in self._sorted[first:last]:
                made._note(name, listed[name])
        return made

    def changes(self) -> dict[str, Object | None]:
        return self._changes

    def learn(self, changes: dict[str, Object | None] | None) -> None:
        for name, there in (changes or {}).items():
            if there:
                self._note(name, there)
            else:
                self._forget(name)

    def _is_sure(self, relative: str) -> bool:
        return relative.startswith(self._covers)

    def _look(self, relative: str) -> Object | None:
        return (
            self._list().get(relative) if self._is_sure(relative) else self.objects.info(relative)
        )

    def _list(self) -> dict[str, Object]:
        if self._listed is None:
            self._listed = {}
            for name, there in self.objects.all_below().items():
                self._note(name, there)
        return self._listed

    def _note(self, name: str, there: Object) -> None:
        listed = self._list()
        if name not in listed:
            self._sorted = None
        listed[name] = there
        while name:
            name, _, leaf = name.rpartition("/")
            names = self._inside.setdefault(name, set())
            if leaf in names:
                return
            names.add(leaf)

    def _forget(self, name: str) -> None:
        if self._list().pop(name, None):
            self._sorted = None
        while name:
            name, _, leaf = name.rpartition("/")
            names = self._inside.get(name, set())
            names.discard(leaf)
            if names or not name:
                return
            del self._inside[name]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# --- the lock ----------------------------------------------------------------------------------------------------------


class _Lease:
    """The lock of an output in an object store: an object below `.lock/` for each run that is, or wants to be, at work.

    Every run puts its own there, under a name that no other ever has, and then lists them all. Since a store lists what was
    written before, of two runs at least one sees the other; whoever sees another's that is alive takes its own away again.
    Nothing but that listing is asked of a store: that it refuses to overwrite (`If-None-Match: *`) some don't know, and
    some don't say that they don't. How old a lock is, is told by the store's clock alone. One that was not renewed for
    STALE_S is removed; so is, at once, that of a process of this machine that is gone.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.name = ""
        self._lost = ""
        self._renewed_at = 0.0

    def take(self) -> None:
        """Take the lock, or raise LockedError."""
        for attempt in range(TRIES):
            self.name = f".lock/{_this_process()}-{os.urandom(4).hex()}"
            self.objects.write(self.name, b"")
            others, age_s = self._others()
            if not others:
                self._renewed_at = _seconds()
                return
            self.release()
            if age_s > YOUNG_S or attempt == TRIES - 1:
                break
            time.sleep(
                (0.2 + os.urandom(1)[0] / 320) * 2**attempt
            )  # 0.2 to 1 s, by chance: the other may have withdrawn too
        raise LockedError(
            f"{self.objects.path(others[0])}: another run is at work on this output; this one does nothing"
        )

    def _others(self) -> tuple[list[str], float]:
        """The locks of other runs that are alive, and by how many seconds the oldest of them is older than ours."""
        listed = self.objects.all_below(".lock")
        ours = listed.pop(self.name, None)
        if ours is None:
            raise OutputError(
                f"{self.objects.path(self.name)}: the store does not list what was just written; output_dir must be in one that does"
            )
        alive, oldest = [], 0.0
        for name, there in sorted(listed.items()):
            age_s = (
                (ours.modified_at - there.modified_at).total_seconds()
                if ours.modified_at and there.modified_at
                else 0.0
            )
            if age_s > STALE_S or _is_dead(name.removeprefix(".lock/")):
                log.info("%s: the lock of a run that was killed; removed", self.objects.path(name))
                self.objects.remove(name)
            else:
                alive.append(name)
                oldest = max(oldest, age_s)
        return alive, oldest

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lock every RENEW_S, in a thread, until the block ends."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(done,), daemon=True, name="lock")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=10)

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(RENEW_S):
            try:
                if self.name not in self.objects.all_below(".lock"):
                    self._lost = "was taken over by another run, since it had not been renewed"
                self._check_time()
                if self._lost:
                    return
                self.objects.write(self.name, b"")
                self._renewed_at = _seconds()
            except OutputError as error:
                log.warning("%s", error)  # the next renewal may come through in time

    def check(self) -> None:
        """Raise OutputError where the lock is no longer ours."""
        self._check_time()
        if self._lost:
            raise OutputError(
                f"{self.objects.path(self.name)}: the lock {self._lost}; the next run goes on from what is there"
            )

    def _check_time(self) -> None:
        """Give the lock up before others may take it for stale: this run may have stood still, or been cut off."""
        if _seconds() - self._renewed_at > STALE_S - RENEW_S:
            self._lost = self._lost or "could not be renewed in time"

    def release(self) -> None:
        """Take the lock away again; where the store doesn't answer it turns stale."""
        try:
            self.objects.remove(self.name)
        except OutputError as error:  # what failed before is told already
            log.info("%s", error)


def _seconds() -> float:
    """Seconds that also run while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _this_process() -> str:
    """This process, as other processes of this machine can tell whether it is still there: host-machine-pid-start."""
    return f"{re.sub('[^A-Za-z0-9]+', '_', socket.gethostname())}-{_machine()}-{os.getpid()}-{_started(os.getpid())}"


def _machine() -> str:
    """Differs from machine to machine, boot to boot, and container to container: where a pid is another's, or nobody's."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            told = file.read() + str(os.stat("/proc/self/ns/pid").st_ino).encode()
    except OSError:  # no Linux: nobody's death is told at once
        told = os.urandom(16)
    return hashlib.blake2b(told, digest_size=4).hexdigest()


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; "" where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def _is_dead(name: str) -> bool:
    """Whether a lock is of a process of this machine that is gone."""
    parts = name.split("-")
    if len(parts) != 5 or parts[1] != _machine() or not parts[2].isdigit():
        return False
    return _started(int(parts[2])) != parts[3]
