"""The output as a folder: files are written completely or not at all.

A file is written under another name, synced and renamed, so that no reader sees a part of it.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import fcntl
import itertools
import json
import os
import re
import socket
import stat
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.errors import LockedError, OutputError
from observing_monitor.model.digest import running_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.plain_files import plain
from observing_monitor.storage.layout import LEDGER, LOCK, STORE, UNFINISHED
from observing_monitor.storage.ledger import SIGN_BYTES
from observing_monitor.storage.ownership import Ownership, digest_of
from observing_monitor.storage.redact import Redaction
from observing_monitor.storage.sealed import as_bytes, as_json, is_sealed, sealed, without_seal

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from typing import Any, BinaryIO, Self


# threads that write files in parallel
N_THREADS = 4

_numbers = itertools.count()
# names in `.unfinished`: host, process, number
_UNFINISHED_NAME = r".*-\d+-\d+"


class Output(Ownership):
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
        # folders that are known to be in the root
        self._safe_folders: set[str] = set()

    def path(self, *parts: str) -> str:
        """Return the full path or address of a file, as messages name it."""
        return os.path.join(self.root, *parts)

    def make(self) -> None:
        """Create the folder. Raises OutputError if that fails."""
        with self._writable():
            os.makedirs(self.root, exist_ok=True)
            self._check_inside(self.unfinished)
            os.makedirs(self.unfinished, exist_ok=True)

    def sweep(self) -> None:
        """Remove the unfinished files of a killed run, while holding the lock.

        Raises OutputError if that fails.
        """
        with self._writable():
            for name in os.listdir(self.unfinished):
                if re.fullmatch(_UNFINISHED_NAME, name):
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
                raise _without_locks(path, error) from error
            yield

    def is_locked(self) -> bool:
        """True if a run holds the lock.

        Raises OutputError if the file system refuses locks.
        """
        path = self.path(LOCK)
        with contextlib.ExitStack() as opened:
            try:
                file = opened.enter_context(open(path, "rb", opener=plain))
            except OSError:
                return False
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError as error:
                raise _without_locks(path, error) from error
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

    def write(self, relative: str, data: str | bytes, key: str = "") -> None:
        """Write bytes, or text as UTF-8, to a file; folders are created.

        Parameters
        ----------
        relative : str
        data : str or bytes
        key : str, optional
            The fingerprint of a page.

        Raises
        ------
        ForeignFileError
            If others wrote the file that is there.
        OutputError
            If writing fails; an earlier file is then unchanged.
        """
        self._write(relative, self._public(relative, data), key)

    def _public(self, relative: str, data: str | bytes) -> bytes:
        """Return a file's bytes with hidden texts struck out."""
        return self.redaction.file(relative, as_bytes(data))

    def _write(self, relative: str, data: bytes, key: str = "") -> None:
        self._write_parts(relative, (data,), None, key)

    def _write_parts(
        self, relative: str, parts: Iterable[bytes], before: BinaryIO | None, key: str = ""
    ) -> bool:
        """Write bytes, unless an open file already holds exactly these.

        Returns True if the file was written.
        """
        target = self.path(relative)
        self._check_inside(os.path.dirname(target))
        self._check_ours(relative)
        # unique among threads, processes and hosts that write to one shared disk
        new = os.path.join(
            self.unfinished, f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}"
        )
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            made = _write_new(new, parts, before)
            if not made.is_same:
                os.replace(new, target)
                made.state = _state_of(os.lstat(target))
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
        self._list(relative, made.state, made.digest, key)
        return not made.is_same

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        """Write a file in parts, unless it already holds exactly these.

        A part has whole lines, and only one is in memory at a time. Returns True if the file
        was written.
        """
        with contextlib.ExitStack() as opened:
            before = None
            # a file that is missing or cannot be read is written
            with contextlib.suppress(OSError):
                if not self.is_rewriting:
                    path = self.path(relative)
                    before = opened.enter_context(open(path, "rb", opener=plain))
            return self._write_parts(
                relative, (self._public(relative, part) for part in parts), before
            )

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """Write a file, unless it already holds exactly this.

        An unchanged file keeps its modification time. Returns True if the file was written.
        """
        data = self._public(relative, data)
        if (
            not self.is_rewriting
            and self.size(relative) == len(data)
            and self.read(relative) == data
        ):
            self._list(relative, self._state(relative) or "", digest_of(data))
            return False
        self._write(relative, data)
        return True

    def write_ledger(self) -> None:
        """Write the list of our files, if it changed."""
        if self._ledger is not None and self._ledger.is_changed:
            self._write(LEDGER, self._ledger.as_bytes())
            self._ledger.is_changed = False

    def parallel_writes(self, is_large: bool) -> AbstractContextManager[Callable[..., None]]:
        """Run functions that write files, in parallel if `is_large`.

        The block gets a function to call with a function and its arguments. At the end of the
        block all of them are done; then the first error, in the order of the calls, is raised:
        OutputError, or another of the functions. The files are written in any order. For a
        small night (not `is_large`) each call runs at once, since threads would cost a tenth of
        its processor time.
        """
        return _in_parallel() if is_large else contextlib.nullcontext(_call)

    def append(self, relative: str, line: bytes) -> None:
        """Append a line to a file; folders are created.

        Its end may be lost if the run is killed. Raises OutputError if that fails.
        """
        path = self.path(relative)
        with self._writable():
            self._check_inside(os.path.dirname(path))
            self._check_ours(relative)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "ab", opener=plain) as file:
                file.write(line + b"\n")
            self._list(relative, "", "")

    def rename(self, relative: str, to: str) -> None:
        """Rename a file. Raises OutputError if that fails."""
        self._check_ours(relative)
        self._check_ours(to)
        self._move(relative, to)

    def _move(self, relative: str, to: str) -> None:
        with self._writable():
            self._check_inside(os.path.dirname(self.path(relative)))
            self._check_inside(os.path.dirname(self.path(to)))
            os.replace(self.path(relative), self.path(to))

    def remove(self, relative: str) -> None:
        """Remove a file, if it exists and is ours."""
        with self._writable(), contextlib.suppress(FileNotFoundError):
            if not self._leave_foreign(relative):
                self._check_inside(os.path.dirname(self.path(relative)))
                os.unlink(self.path(relative))
        self._drop(relative)

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
        """Remove our files with an ending, except some.

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

    def _state(self, relative: str) -> str | None:
        path = self.path(relative)
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(path, error) from error
        if stat.S_ISREG(found.st_mode):
            return _state_of(found)
        if stat.S_ISDIR(found.st_mode):
            return None  # the system says so where a file is expected
        words = "it is a link" if stat.S_ISLNK(found.st_mode) else "it is not a plain file"
        raise OutputError(f"{path}: {words}; it stays as it is until you remove it")

    def _ends(self, relative: str) -> tuple[bytes, bytes]:
        path = self.path(relative)
        try:
            with open(path, "rb", opener=plain) as file:
                head = file.read(SIGN_BYTES)
                size = os.fstat(file.fileno()).st_size
                if size <= SIGN_BYTES:
                    return head, head
                file.seek(-SIGN_BYTES, os.SEEK_END)
                return head, file.read()
        except OSError as error:
            raise self._unreadable(path, error) from error

    def check_folder(self, folder: str) -> None:
        """Raise OutputError if a folder is outside."""
        self._check_inside(self.path(folder))

    def _check_inside(self, folder: str) -> None:
        """Raise OutputError if a link leads elsewhere."""
        if folder in self._safe_folders:
            return
        root, place = os.path.realpath(self.root), self.root
        for name in os.path.relpath(folder, self.root).split(os.sep):
            place = os.path.normpath(os.path.join(place, name))
            real = os.path.realpath(place)
            if real != root and not real.startswith(os.path.join(root, "")):
                words = f"leads out of {self.root}, to {real}, where nothing is written"
                raise OutputError(f"{place}: a link {words}; remove it, or set store_dir")
        self._safe_folders.add(folder)

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

    def part(self, *beginnings: str) -> Self:
        """Return the output for a worker that uses these beginnings most.

        It has a part of the list of our files, and of an object store's listing.
        """
        return self._with_ledger_of(copy.copy(self), beginnings)

    def changes(self) -> Any:
        """Return the changes since `part`, for `learn`."""
        return self.ledger.changes

    def learn(self, changes: Any) -> None:
        """Take over the `changes` that a worker made."""
        self.ledger.learn(changes or {})


@contextlib.contextmanager
def _in_parallel() -> Iterator[Callable[..., None]]:
    """Run each call in one of N_THREADS threads, as `Output.parallel_writes`."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(N_THREADS) as threads:
        calls: list[Future[Any]] = []
        yield lambda function, *args: calls.append(threads.submit(function, *args))
    for call in calls:
        call.result()


def _call(function: Callable[..., Any], *args: Any) -> None:
    function(*args)


class _Made(msgspec.Struct):
    """A file that was written or compared."""

    is_same: bool
    state: str
    digest: str


def _without_locks(path: str, error: OSError) -> OutputError:
    remedy = "its folder must be on a file system that supports locks"
    return OutputError(f"{path}: {os_error_text(error)}; {remedy}")


def _write_new(path: str, parts: Iterable[bytes], before: BinaryIO | None) -> _Made:
    """Write and sync a new file, unless `before` is the same."""
    is_same, digest = before is not None, running_digest(n_bytes=12)
    # open() and not mkstemp: the umask decides who may read the file
    with open(path, "wb", opener=plain) as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            is_same = is_same and before is not None and before.read(len(part)) == part
        is_same = is_same and before is not None and not before.read(1)
        if not is_same:
            file.flush()
            os.fsync(file.fileno())
        kept = before if is_same and before is not None else file
        return _Made(is_same, _state_of(os.fstat(kept.fileno())), digest.hexdigest())


def _state_of(found: os.stat_result) -> str:
    """Return a file's size, times and inode.

    A changed file may have its old modification time again, but not that of its last change.
    """
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"
