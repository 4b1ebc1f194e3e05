"""Files: read only where they should lie; written so that a reader never sees half of one: beside the target, synced, renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import Any

from observing_monitor.errors import OutputError
from observing_monitor.redact import Redaction

STORE, UNFINISHED = "data", ".unfinished"

_numbers = itertools.count()


def open_plain(path: str | os.PathLike[str], roots: Iterable[str | os.PathLike[str]] | None = None) -> BufferedReader:
    """A file of others opened for reading in binary, if it is a plain one and lies, all links resolved, in one of `roots` (None: anywhere).

    OSError else, whose `strerror` says why. What is no plain file is never waited for: a pipe without a writer would keep us for ever.
    """
    real = os.path.realpath(path, strict=True)
    if roots is not None and not any(os.path.commonpath([real, folder]) == folder for folder in map(os.path.realpath, roots)):
        raise PermissionError(errno.EPERM, "it lies outside the folders that are read", os.fspath(path))
    # what became a link meanwhile is not opened
    number = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is not a plain file", os.fspath(path))
    return open(number, "rb")


class Output:
    """A folder that files are written to, whole or not at all.

    What is being written lies in `.unfinished/` inside it, so that a killed run's leavings are in one known place: they
    are swept by the next run, which holds the lock.
    """

    def __init__(
        self, root: str | os.PathLike[str], store: str | os.PathLike[str] | None = None, redaction: Redaction | None = None
    ) -> None:
        self.root = os.path.abspath(root)
        self.store = os.path.abspath(store) if store else os.path.join(self.root, STORE)  # what is below `data/` lies there
        self.redaction = redaction or Redaction([])  # of all files but the store's
        self.unfinished = os.path.join(self.root, UNFINISHED)

    def path(self, *parts: str) -> str:
        """Where a path below the folder is; one below `data/` is in the store, which may lie elsewhere."""
        relative = os.path.join(*parts)
        first, _, rest = relative.partition("/")
        return os.path.join(self.store, rest) if first == STORE else os.path.join(self.root, relative)

    def make(self) -> None:
        """Make the folder; OutputError if that can't be done."""
        with self._writable():
            for folder in self._all_unfinished():
                os.makedirs(folder, exist_ok=True)

    def _all_unfinished(self) -> list[str]:
        """Where files are written first: on the disk where they are to be, for a rename leads no further."""
        apart = [os.path.join(self.store, UNFINISHED)] if self.store != os.path.join(self.root, STORE) else []
        return [self.unfinished, *apart]

    def sweep(self) -> None:
        """Remove what a killed run left; for the one that holds the lock. Raises OutputError."""
        with self._writable():
            for folder in self._all_unfinished():
                for name in os.listdir(folder):
                    os.unlink(os.path.join(folder, name))

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.root}: {(error.strerror or str(error)).lower()}; output_dir must be a folder that can be written"
            ) from error

    def write(self, relative: str, data: bytes | str) -> None:
        """Write bytes, or text as UTF-8, to a path below the folder; its parents are made. Raises OutputError."""
        self._write(relative, self._public(relative, data))

    def _public(self, relative: str, data: bytes | str) -> bytes:
        """What a file is to hold, as bytes: without what is hidden, but for the store's."""
        data = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
        return data if relative.startswith(f"{STORE}/") else self.redaction.file(relative, data)

    def _write(self, relative: str, data: bytes) -> None:
        target = self.path(relative)
        # unique among threads, processes and hosts that write to one shared disk
        unfinished = self._all_unfinished()[-1] if relative.startswith(f"{STORE}/") else self.unfinished
        beside = os.path.join(unfinished, f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}")
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(beside, "wb") as file:  # not mkstemp, whose files no web server may read: the umask decides
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            # what refused: the folder of what is unfinished may be another's while the target's own is not
            place = error.filename2 or error.filename or target
            raise OutputError(
                f"{place}: {(error.strerror or str(error)).lower()}; {'it' if place == target else target} was left as it was"
            ) from error

    def write_changed(self, relative: str, data: bytes | str) -> bool:
        """As `write`, but a file that holds just this already keeps its modification time; whether it was written."""
        data = self._public(relative, data)
        if self.read(relative) == data:
            return False
        self._write(relative, data)
        return True

    def remove(self, relative: str) -> None:
        """Remove a file, if it is there."""
        with self._writable(), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(relative))

    def read(self, relative: str) -> bytes | None:
        """A file's bytes, or None where there is none. Raises OutputError where it can't be read: what it holds is not to be lost."""
        path = self.path(relative)
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise OutputError(f"{path}: {words}; whoever runs this must be able to read all of output_dir") from error

    def read_json(self, relative: str) -> Any:
        """A JSON file's value; None where there is none, or where it is none that can be read, or not as `sealed` made it."""
        data = self.read(relative)
        try:
            return None if data is None or not is_sealed(data) else json.loads(data)
        except (ValueError, RecursionError):
            return None


_SEAL, _SEAL_END = b',"seal":"', b'"}'


def sealed(data: bytes | str) -> bytes:
    """A JSON object's text, as bytes, with a digest of itself as its last member: what a disk, or a hand, changed in it is noticed."""
    data = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    return data[:-1] + _SEAL + _seal_of(data[:-1]) + _SEAL_END


def is_sealed(data: bytes, or_never: bool = True) -> bool:
    """Whether a JSON object's text is just as `sealed` made it; or, with `or_never`, was never sealed: earlier versions did not."""
    body, mark, seal = data.rpartition(_SEAL)
    return seal == _seal_of(body) + _SEAL_END if mark else or_never and b'"seal"' not in data


def _seal_of(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=12).hexdigest().encode()
