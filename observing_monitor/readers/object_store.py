"""Access to object stores through fsspec.

fsspec is imported at the first request. Credentials come from the environment and from the
profiles of the store's own tools (`AWS_PROFILE`, `~/.aws/credentials`, …), never from our
settings, so no secret can reach a page, a message or a worker.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor.errors import (
    ObservingMonitorError,
    OutputError,
    SilentOutputError,
    UsageError,
)
from observing_monitor.readers.patience import Patience
from observing_monitor.readers.store_errors import error_code, store_message
from observing_monitor.readers.store_options import Storage, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator


log = logging.getLogger(__name__)

# the scheme of an address -> the package that reaches it
PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "memory": "fsspec"}
_ADDRESS = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/@:]+)(?P<prefix>(?:/[^/]+)*)/*")

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


class Object(NamedTuple):
    """One object of a listing.

    Attributes
    ----------
    size
        In bytes.
    modified_at
        When it was last written, by the store's clock (UTC, aware); None if not known.
    etag
        S3: the MD5 of the content if it was written in one request and is not encrypted with
        the owner's key. "" elsewhere.
    """

    size: int
    modified_at: datetime.datetime | None
    etag: str


def check_address(address: str) -> str:
    """Return an address without a "/" at its end.

    Raises
    ------
    UsageError
        If it is not an address, or the package for its scheme is not installed.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        # the address is not shown: it may hold a secret
        raise UsageError(
            "an address of an object store is SCHEME://BUCKET/PREFIX, "
            "such as s3://bucket/prefix, without user and password"
        )
    if found["scheme"] not in PACKAGES:
        schemes = ", ".join(f"{scheme}://" for scheme in PACKAGES if scheme != "memory")
        raise UsageError(f"{address}: {found['scheme']}:// is not known; known are {schemes}")
    package = PACKAGES[found["scheme"]]
    if importlib.util.find_spec(package) is None:
        extra = "'observing_monitor[s3]'" if package == "s3fs" else package
        raise UsageError(f"{address}: needs the package {package}; pip install {extra}")
    return address.rstrip("/")


def is_plain(address: str) -> bool:
    """True if an address can't contain a secret.

    It is then a bucket, or a prefix in one.
    """
    return bool(_ADDRESS.fullmatch(address))


def lies_in(address: str, other: str) -> bool:
    """True if an address is in another."""
    return f"{address.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")


# In a worker, which gets a copy of an output with each night: address -> patience with its store.
_patience_of_worker: dict[str, Patience] = {}


class Objects:
    """The objects below an address.

    Their names are relative to it. A pickled copy opens the store anew, in the environment of its
    own process.

    Parameters
    ----------
    address
        Such as `s3://bucket/prefix`.
    storage
        How to reach the store.
    error
        The class of the exceptions that every method raises if the store fails. The message is
        one line with the remedy.
    """

    def __init__(self, address: str, storage: Storage, error: type[ObservingMonitorError]) -> None:
        self.address = check_address(address)
        self.storage = storage
        self.error = error
        self._fs: Any = None
        self._patience = Patience()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fs": None, "_patience": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._patience = _patience_of_worker.setdefault(self.address, Patience())

    def path(self, name: str) -> str:
        """Return the full address of an object."""
        return f"{self.address}/{name}" if name else self.address

    def all_below(self, folder: str = "") -> dict[str, Object]:
        """Return all objects below a folder, by name.

        Costs one request per 1,000 objects.
        """
        with self._opened(folder) as fs:
            found = fs.find(self._in_store(folder), detail=True)
        begin = len(self._in_store("")) + 1
        return {
            path[begin:]: _object(info) for path, info in found.items() if not path.endswith("/")
        }

    def folder(self, folder: str = "") -> tuple[dict[str, Object], list[str]]:
        """Return a folder's own objects and its folders.

        Objects come with their names; of folders there are only names.
        """
        with self._opened(folder) as fs:
            try:
                found = fs.ls(self._in_store(folder), detail=True)
            except FileNotFoundError as error:
                if error_code(error) not in ("", "NoSuchKey", "404"):
                    raise
                found = []
        begin = len(self._in_store("")) + 1
        inside = [(info["name"].rstrip("/")[begin:], info) for info in found]
        # some tools write an object that stands for the folder itself
        inside = [(name, info) for name, info in inside if name and name != folder]
        objects = {
            name: _object(info)
            for name, info in inside
            if info["type"] == "file" and not info["name"].endswith("/")
        }
        return objects, [name for name, info in inside if info["type"] == "directory"]

    def info(self, name: str) -> Object | None:
        """Return an object's size, time and ETag.

        None if there is no such object.
        """
        with self._opened(name) as fs:
            try:
                return _object(fs.info(self._in_store(name)))
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes | None:
        """Return an object's content.

        None if there is no such object.
        """
        with self._opened(name) as fs:
            try:
                return bytes(fs.cat_file(self._in_store(name)))
            except FileNotFoundError as error:
                if error_code(error) == "NoSuchBucket":
                    raise
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write an object.

        A reader gets the whole new content or the whole old one.
        """
        with self._opened(name) as fs:
            fs.pipe_file(self._in_store(name), data, **self._headers(name))

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._opened(name) as fs, contextlib.suppress(FileNotFoundError):
            fs.rm_file(self._in_store(name))

    def _headers(self, name: str) -> dict[str, str]:
        """Return content type and caching for browsers."""
        kind = CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        if self.address.startswith("s3:"):
            # names below assets/ contain a hash of the content
            is_fixed = name.startswith("assets/")
            cache = "max-age=31536000, immutable" if is_fixed else "no-cache"
            return {"ContentType": kind, "CacheControl": cache}
        return {"content_type": kind} if self.address.startswith("gs:") else {}

    def _in_store(self, name: str) -> str:
        """Return an object's path as fsspec has it."""
        return str(self._file_system()._strip_protocol(self.path(name)))

    def _file_system(self) -> Any:
        if self._fs is None:
            scheme = self.address.partition("://")[0]
            self._fs = open_store(scheme, self.storage, self._patience)
        return self._fs

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[Any]:
        """Open the file system; whatever goes wrong becomes `self.error`."""
        try:
            self._patience.check()
            yield self._file_system()
        except ObservingMonitorError:
            raise
        except Exception as error:  # each store has exceptions of its own
            self._patience.note_failure(error)
            # not chained: the library's exceptions may contain a signed request
            words = store_message(error, self.storage.endpoint_url)
            raise self._kind_of_error()(f"{self.path(name)}: {words}") from None
        self._patience.note_answer()

    def _kind_of_error(self) -> type[ObservingMonitorError]:
        is_silent = self.error is OutputError and self._patience.is_over
        return SilentOutputError if is_silent else self.error


def _object(info: dict[str, Any]) -> Object:
    """Return the Object that an entry of fsspec's listing describes."""
    keys = ("LastModified", "last_modified", "updated", "mtime", "created")
    at = next((info[key] for key in keys if info.get(key)), None)
    if isinstance(at, str):
        at = datetime.datetime.fromisoformat(at)
    if not isinstance(at, datetime.datetime):
        at = None
    elif at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    return Object(int(info.get("size") or 0), at, str(info.get("ETag") or "").strip('"'))
