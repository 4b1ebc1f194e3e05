"""The output as a folder: files are written completely or not at all.

A file is written under another name, synced and renamed, so that no reader sees a part of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from observing_monitor.errors import LockedError, OutputError
from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.plain_files import plain
from observing_monitor.storage.layout import LOCK, STORE, UNFINISHED
from observing_monitor.storage.redact import Redaction
from observing_monitor.storage.sealed import as_bytes, as_json, is_sealed, sealed, without_seal

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from typing import Any, BinaryIO


# threads that write files in parallel
AT_ONCE = 4

_numbers = itertools.count()


class Output:
    """A folder in which files are written completely or not at all.

    Paths of files are relative to it, with "/" between their parts. Unfinished files are in
    `.unfinished/`; the next run, which holds the lock, removes those of a killed run.
    `ObjectOutput` is the same in an object store.
    """

    def __init__(self, root: str | os.PathLike[str], redaction: Redaction | None = None) -> None:
        self.root = os.path.abspath(root)
        self.store = os.path.join(self.root, STORE)
        self.redaction = redaction or Redaction([])
        self.unfinished = os.path.join(self.root, UNFINISHED)

    def path(self, *parts: str) -> str:
        """Return the full path or address of a file, as messages name it."""
        return os.path.join(self.root, *parts)

    def make(self) -> None:
        """Create the folder. Raises OutputError if that fails."""
        with self._writable():
            os.makedirs(self.unfinished, exist_ok=True)

    def sweep(self) -> None:
        """Remove the unfinished files of a killed run, while holding the lock.

        Raises OutputError if that fails.
        """
        with self._writable():
            for name in os.listdir(self.unfinished):
                os.unlink(os.path.join(self.unfinished, name))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of the folder.

        The kernel releases it if the process dies. Raises LockedError if another run has it.
        """
        path = self.path(LOCK)
        with contextlib.ExitStack() as opened:
            with self._writable():
                file = opened.enter_context(open(path, "a", opener=plain))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(
                    f"{path}: another run is at work on this output; this one does nothing"
                ) from error
            except OSError as error:
                raise OutputError(
                    f"{path}: {os_error_text(error)}; "
                    "output_dir must be on a file system that supports locks"
                ) from error
            yield

    def is_locked(self) -> bool:
        """True if a run holds the lock."""
        try:
            with open(self.path(LOCK), "rb", opener=plain) as file:
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
            raise OutputError(
                f"{error.filename or self.root}: {os_error_text(error)}; "
                "output_dir must be a folder that can be written"
            ) from error

    def write(self, relative: str, data: str | bytes) -> None:
        """Write bytes, or text as UTF-8, to a file; folders are created.

        Raises OutputError if that fails; an earlier file is then unchanged.
        """
        self._write(relative, self._public(relative, data))

    def _public(self, relative: str, data: str | bytes) -> bytes:
        """Return a file's bytes with hidden texts struck out."""
        return self.redaction.file(relative, as_bytes(data))

    def _write(self, relative: str, data: bytes) -> None:
        self._write_parts(relative, (data,), None)

    def _write_parts(self, relative: str, parts: Iterable[bytes], before: BinaryIO | None) -> bool:
        """Write bytes, unless an open file already holds exactly these.

        Returns True if the file was written.
        """
        target = self.path(relative)
        # unique among threads, processes and hosts that write to one shared disk
        new = os.path.join(
            self.unfinished, f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}"
        )
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            is_same = _write_new(new, parts, before)
            if not is_same:
                os.replace(new, target)
        except OSError as error:
            # the path that failed: .unfinished may have another owner than the target's folder
            place = error.filename2 or error.filename or target
            if error.errno == errno.EXDEV:
                remedy = f"its folder lies on another disk than {self.root}; let it be on the same"
                raise OutputError(f"{target}: {remedy}") from error
            kept = "it" if place == target else target
            raise OutputError(
                f"{place}: {os_error_text(error)}; {kept} was left as it was"
            ) from error
        finally:
            # fails if the file was renamed
            with contextlib.suppress(OSError):
                os.unlink(new)
        return not is_same

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        """Write a file in parts, unless it already holds exactly these.

        A part has whole lines, and only one is in memory at a time. Returns True if the file
        was written.
        """
        with contextlib.ExitStack() as opened:
            before = None
            # a file that is missing or cannot be read is written
            with contextlib.suppress(OSError):
                before = opened.enter_context(open(self.path(relative), "rb", opener=plain))
            return self._write_parts(
                relative, (self._public(relative, part) for part in parts), before
            )

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """Write a file, unless it already holds exactly this.

        An unchanged file keeps its modification time. Returns True if the file was written.
        """
        data = self._public(relative, data)
        if self.size(relative) == len(data) and self.read(relative) == data:
            return False
        self._write(relative, data)
        return True

    def at_once(self, is_much: bool) -> AbstractContextManager[Callable[..., None]]:
        """Run functions that write files, in parallel if `is_much`.

        The block gets a function to call with a function and its arguments. At the end of the
        block all of them are done; then the first error, in the order of the calls, is raised:
        OutputError, or another of the functions. The files are written in any order. For a
        small night (not `is_much`) each call runs at once, since threads would cost a tenth of
        its processor time.
        """
        return _in_parallel() if is_much else contextlib.nullcontext(_call)

    def append(self, relative: str, line: bytes) -> None:
        """Append a line to a file; folders are created.

        Its end may be lost if the run is killed. Raises OutputError if that fails.
        """
        path = self.path(relative)
        with self._writable():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "ab", opener=plain) as file:
                file.write(line + b"\n")

    def rename(self, relative: str, to: str) -> None:
        """Rename a file. Raises OutputError if that fails."""
        with self._writable():
            os.replace(self.path(relative), self.path(to))

    def remove(self, relative: str) -> None:
        """Remove a file, if it exists."""
        with self._writable(), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(relative))

    def exists(self, relative: str) -> bool:
        """True if a file or folder exists."""
        return os.path.exists(self.path(relative))

    def size(self, relative: str) -> int | None:
        """Return a file's length in bytes; None if it does not exist."""
        try:
            return os.path.getsize(self.path(relative))
        except OSError:
            return None

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, in any order.

        Empty if there is no such folder.
        """
        try:
            return os.listdir(self.path(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._unreadable(self.path(folder), error) from error

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        """Remove a folder's files with an ending, except those to keep.

        The folder is removed as well if it is empty then.
        """
        for name in self.names(folder):
            if name.endswith(ending) and name not in kept:
                self.remove(f"{folder}/{name}")
        with contextlib.suppress(OSError):
            os.rmdir(self.path(folder))

    def read(self, relative: str) -> bytes | None:
        """Return a file's bytes; None if it does not exist.

        Raises OutputError if it cannot be read, so that its content is not taken for lost.
        """
        path = self.path(relative)
        try:
            with open(path, "rb", opener=plain) as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: OSError) -> OutputError:
        remedy = "the user who runs this must be able to read all of output_dir"
        return OutputError(f"{path}: {os_error_text(error)}; {remedy}")

    def write_json(self, relative: str, value: Mapping[str, Any]) -> None:
        """Write a sealed JSON object, which has no member `seal`.

        An unchanged file keeps its modification time. Raises OutputError if that fails.
        """
        self.write_changed(relative, sealed(as_json(value)))

    def read_json(self, relative: str) -> dict[str, Any] | None:
        """Return what `write_json` wrote, or None if missing or changed."""
        data = self.read(relative)
        try:
            value = None if data is None or not is_sealed(data) else json.loads(data)
        except (ValueError, RecursionError):
            return None
        return without_seal(value)

    def part(self, *beginnings: str) -> Output:
        """Return the output for a worker that uses these beginnings most.

        A folder is used as it is; an object store hands over a part of its listing.
        """
        return self

    def changes(self) -> Any:
        """Return the changes since `part`, for `learn`; None for a folder."""
        return None

    def learn(self, changes: Any) -> None:
        """Take over the `changes` that a worker made."""


class SplitOutput(Output):
    """An output whose store (all files below `data/`) is elsewhere.

    Pages and store are two outputs, each a folder or in an object store. The store is not
    redacted.
    """

    def __init__(self, pages: Output, kept: Output) -> None:
        self.pages = pages
        self.kept = kept
        self.root, self.store, self.redaction = pages.root, kept.root, pages.redaction

    def _of(self, relative: str) -> tuple[Output, str]:
        """Return the output that has a file, and the file's path there."""
        first, _, rest = relative.partition("/")
        return (self.kept, rest) if first == STORE else (self.pages, relative)

    def path(self, *parts: str) -> str:
        """Return the full path or address of a file, as messages name it."""
        output, relative = self._of("/".join(filter(None, parts)))
        return output.path(relative) if relative else output.root

    def make(self) -> None:
        """Create the folders of both."""
        self.pages.make()
        self.kept.make()

    def sweep(self) -> None:
        """Remove the unfinished files of a killed run from both."""
        self.pages.sweep()
        self.kept.sweep()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold both locks.

        Another run may write other pages from the same store.
        """
        with self.pages.lock(), self.kept.lock():
            yield

    def is_locked(self) -> bool:
        """True if a run holds either lock."""
        return self.pages.is_locked() or self.kept.is_locked()

    def write(self, relative: str, data: str | bytes) -> None:
        """Write a file to the output that has it."""
        output, name = self._of(relative)
        output.write(name, data)

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """Write a file, unless it already holds exactly this."""
        output, name = self._of(relative)
        return output.write_changed(name, data)

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        """Write a file in parts, unless it already holds exactly these."""
        output, name = self._of(relative)
        return output.write_parts(name, parts)

    def at_once(self, is_much: bool) -> AbstractContextManager[Callable[..., None]]:
        """Run functions that write files, as the output of the pages does."""
        return self.pages.at_once(is_much)

    def append(self, relative: str, line: bytes) -> None:
        """Append a line to a file in the output that has it."""
        output, name = self._of(relative)
        output.append(name, line)

    def rename(self, relative: str, to: str) -> None:
        """Rename a file within the output that has it."""
        output, name = self._of(relative)
        output.rename(name, self._of(to)[1])

    def remove(self, relative: str) -> None:
        """Remove a file from the output that has it."""
        output, name = self._of(relative)
        output.remove(name)

    def exists(self, relative: str) -> bool:
        """True if a file or folder exists."""
        output, name = self._of(relative)
        return output.exists(name)

    def size(self, relative: str) -> int | None:
        """Return a file's length in bytes; None if it does not exist."""
        output, name = self._of(relative)
        return output.size(name)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files and folders in a folder."""
        output, name = self._of(folder)
        return output.names(name)

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        """Remove a folder's files with an ending, except those to keep."""
        output, name = self._of(folder)
        output.prune(name, ending, kept)

    def read(self, relative: str) -> bytes | None:
        """Return a file's bytes; None if it does not exist."""
        output, name = self._of(relative)
        return output.read(name)

    def part(self, *beginnings: str) -> Output:
        """Return the parts of both outputs for a worker."""
        placed = [self._of(beginning) for beginning in beginnings]
        return SplitOutput(
            *(
                output.part(*(name for of, name in placed if of is output))
                for output in (self.pages, self.kept)
            )
        )

    def changes(self) -> Any:
        """Return the changes of both outputs."""
        return self.pages.changes(), self.kept.changes()

    def learn(self, changes: Any) -> None:
        """Take over the changes of both outputs that a worker made."""
        for output, made in zip((self.pages, self.kept), changes or (), strict=False):
            output.learn(made)


@contextlib.contextmanager
def _in_parallel() -> Iterator[Callable[..., None]]:
    """Run each call in one of AT_ONCE threads, as `Output.at_once`."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        calls: list[Future[Any]] = []
        yield lambda function, *args: calls.append(threads.submit(function, *args))
    for call in calls:
        call.result()


def _call(function: Callable[..., Any], *args: Any) -> None:
    function(*args)


def _write_new(path: str, parts: Iterable[bytes], before: BinaryIO | None) -> bool:
    """Write and sync a new file; return True if `before` is the same."""
    is_same = before is not None
    # open() and not mkstemp: the umask decides who may read the file
    with open(path, "wb", opener=plain) as file:
        for part in parts:
            file.write(part)
            is_same = is_same and before is not None and before.read(len(part)) == part
        is_same = is_same and before is not None and not before.read(1)
        if not is_same:
            file.flush()
            os.fsync(file.fileno())
    return is_same
