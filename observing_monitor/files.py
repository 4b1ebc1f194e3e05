"""Writing so that a reader never sees half a file: beside the target, synced, renamed."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import socket
from collections.abc import Container, Iterator
from typing import Any, Self

from observing_monitor.errors import LockedError, OutputError

_numbers = itertools.count()


def is_address(place: object) -> bool:
    """Whether a place is an object store's (`s3://bucket/prefix`) rather than a path of this machine."""
    return "://" in str(place)


class Output:
    """A folder that files are written to, whole or not at all; `objects.ObjectOutput` is the same in an object store.

    What is being written lies in `.unfinished/` inside it, so that a killed run's leavings are in one known place: they
    are swept by the next run, which holds the lock.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(root)
        self.unfinished = os.path.join(self.root, ".unfinished")

    def path(self, *parts: str) -> str:
        """Where a file is, as messages name it."""
        return os.path.join(self.root, *parts)

    def make(self) -> None:
        """Make the folder; OutputError if that can't be done."""
        with self._writable():
            os.makedirs(self.unfinished, exist_ok=True)

    def sweep(self) -> None:
        """Remove what a killed run left; for the one that holds the lock. Raises OutputError."""
        with self._writable():
            for name in os.listdir(self.unfinished):
                os.unlink(os.path.join(self.unfinished, name))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder's lock; the kernel releases it if the process dies. LockedError where another run has it."""
        path = self.path(".lock")
        with contextlib.ExitStack() as opened:
            with self._writable():
                file = opened.enter_context(open(path, "a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(f"{path}: another run is at work on this output; this one does nothing") from error
            except OSError as error:
                raise OutputError(f"{path}: {_why(error)}; output_dir must be on a disk that knows locks") from error
            yield

    def is_locked(self) -> bool:
        """Whether a run holds the lock; asked with a shared lock, for an instant."""
        try:
            with open(self.path(".lock"), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{error.filename or self.root}: {_why(error)}; output_dir must be a folder that can be written") from error

    def write(self, relative: str, data: str | bytes) -> None:
        """Write bytes, or text as UTF-8, to a path below the folder; its parents are made. Raises OutputError."""
        data = as_bytes(data)
        target = self.path(relative)
        # unique among threads, processes and hosts that write to one shared disk
        beside = os.path.join(self.unfinished, f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}")
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
            raise OutputError(f"{place}: {_why(error)}; {'it' if place == target else target} was left as it was") from error

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """As `write`, but a file that holds just this already keeps its modification time; whether it was written."""
        data = as_bytes(data)
        if self.read(relative) == data:
            return False
        self.write(relative, data)
        return True

    def append(self, relative: str, line: bytes) -> None:
        """Add a line to a file whose end may be lost when the run is killed. Raises OutputError."""
        with self._writable(), open(self.path(relative), "ab") as file:
            file.write(line + b"\n")

    def remove(self, relative: str) -> None:
        """Remove a file, if it is there."""
        with self._writable(), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(relative))

    def exists(self, relative: str) -> bool:
        """Whether there is such a file or folder."""
        return os.path.exists(self.path(relative))

    def size(self, relative: str) -> int | None:
        """A file's length in bytes; None where there is none."""
        try:
            return os.path.getsize(self.path(relative))
        except OSError:
            return None

    def names(self, folder: str) -> list[str]:
        """The names of what a folder holds, files and folders, in no order; none where there is no such folder."""
        try:
            return os.listdir(self.path(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        """Remove a folder's files of one ending but those of some names, and the folder where nothing is left in it."""
        for name in self.names(folder):
            if name.endswith(ending) and name not in kept:
                self.remove(f"{folder}/{name}")
        with contextlib.suppress(OSError):
            os.rmdir(self.path(folder))

    def read(self, relative: str) -> bytes | None:
        """A file's bytes, or None where there is none. Raises OutputError where it can't be read: what it holds is not to be lost."""
        path = self.path(relative)
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path}: {_why(error)}; whoever runs this must be able to read all of output_dir") from error

    def read_json(self, relative: str) -> Any:
        """A JSON file's value; None where there is none, or where it is none that can be read."""
        data = self.read(relative)
        try:
            return None if data is None else json.loads(data)
        except ValueError:
            return None

    def part(self, *beginnings: str) -> Self:
        """The output as a worker is handed it, who asks for little but what begins so: a folder needs nothing for that."""
        return self

    def changes(self) -> Any:
        """What was written and removed since the part was cut, for `learn`; a folder tells that itself."""
        return None

    def learn(self, changes: Any) -> None:
        """Take note of the `changes` that a worker made."""


def as_bytes(data: str | bytes) -> bytes:
    """Text as it is written: UTF-8, and what is no Unicode as \\x.."""
    return data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
