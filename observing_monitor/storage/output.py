"""Files: read only where they should lie; written so that a reader never sees half of one: beside the target, synced, renamed."""

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
from observing_monitor.storage.redact import Redaction
from observing_monitor.storage.sealed import as_bytes, as_json, is_sealed, sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from typing import Any, BinaryIO


STORE, UNFINISHED = "data", ".unfinished"
AT_ONCE = 4  # files that are written side by side

_numbers = itertools.count()


class Output:
    """A folder that files are written to, whole or not at all; `objects.ObjectOutput` is the same in an object store.

    What is being written lies in `.unfinished/` inside it, so that a killed run's leavings are in one known place: they
    are swept by the next run, which holds the lock.
    """

    def __init__(self, root: str | os.PathLike[str], redaction: Redaction | None = None) -> None:
        self.root = os.path.abspath(root)
        self.store = os.path.join(self.root, STORE)  # where what is below `data/` lies
        self.redaction = redaction or Redaction([])  # of every file that is written
        self.unfinished = os.path.join(self.root, UNFINISHED)

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
                raise LockedError(
                    f"{path}: another run is at work on this output; this one does nothing"
                ) from error
            except OSError as error:
                raise OutputError(
                    f"{path}: {os_error_text(error)}; output_dir must be on a disk that knows locks"
                ) from error
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
            raise OutputError(
                f"{error.filename or self.root}: {os_error_text(error)}; output_dir must be a folder that can be written"
            ) from error

    def write(self, relative: str, data: str | bytes) -> None:
        """Write bytes, or text as UTF-8, to a path below the folder; its parents are made. Raises OutputError."""
        self._write(relative, self._public(relative, data))

    def _public(self, relative: str, data: str | bytes) -> bytes:
        """What a file is to hold, as bytes: without what is hidden."""
        return self.redaction.file(relative, as_bytes(data))

    def _write(self, relative: str, data: bytes) -> None:
        self._write_parts(relative, (data,), None)

    def _write_parts(self, relative: str, parts: Iterable[bytes], before: BinaryIO | None) -> bool:
        """Write bytes, unless they are all that an open file has; whether they were written."""
        target = self.path(relative)
        # unique among threads, processes and hosts that write to one shared disk
        beside = os.path.join(
            self.unfinished, f"{socket.gethostname()}-{os.getpid()}-{next(_numbers)}"
        )
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            is_same = before is not None
            with open(
                beside, "wb"
            ) as file:  # not mkstemp, whose files no web server may read: the umask decides
                for part in parts:
                    file.write(part)
                    is_same = is_same and before is not None and before.read(len(part)) == part
                is_same = is_same and before is not None and not before.read(1)
                if not is_same:
                    file.flush()
                    os.fsync(file.fileno())
            if not is_same:
                os.replace(beside, target)
        except OSError as error:
            # what refused: the folder of what is unfinished may be another's while the target's own is not
            place = error.filename2 or error.filename or target
            if error.errno == errno.EXDEV:
                remedy = f"its folder lies on another disk than {self.root}; let it be on the same"
                raise OutputError(f"{target}: {remedy}") from error
            raise OutputError(
                f"{place}: {os_error_text(error)}; {'it' if place == target else target} was left as it was"
            ) from error
        finally:  # unless it has the target's name by now
            with contextlib.suppress(OSError):
                os.unlink(beside)
        return not is_same

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        """As `write_changed`, of what comes in parts, whole lines each: of a large file no more than one of them is in memory."""
        with contextlib.ExitStack() as opened:
            before = None
            with contextlib.suppress(
                OSError
            ):  # there is none, or it can't be read: then it is written
                before = opened.enter_context(open(self.path(relative), "rb"))
            return self._write_parts(
                relative, (self._public(relative, part) for part in parts), before
            )

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """As `write`, but a file that holds just this already keeps its modification time; whether it was written."""
        data = self._public(relative, data)
        if self.size(relative) == len(data) and self.read(relative) == data:
            return False
        self._write(relative, data)
        return True

    def at_once(self, is_much: bool) -> AbstractContextManager[Callable[..., None]]:
        """Make and write files side by side, if they are much: each call that is begun, a function and its arguments, in another thread.

        At the end all were made; then the first error of them, in the order in which they came, is raised: OutputError, or what else
        they raise. Which of the files is there first is left open. Those of a small night are made at once, one after the other:
        threads would cost it a tenth of its processor time.
        """
        return _side_by_side() if is_much else contextlib.nullcontext(_call)

    def append(self, relative: str, line: bytes) -> None:
        """Add a line to a file, whose parents are made, and whose end may be lost when the run is killed. Raises OutputError."""
        path = self.path(relative)
        with self._writable():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "ab") as file:
                file.write(line + b"\n")

    def rename(self, relative: str, to: str) -> None:
        """Give a file another name. Raises OutputError."""
        with self._writable():
            os.replace(self.path(relative), self.path(to))

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
            raise OutputError(
                f"{path}: {os_error_text(error)}; whoever runs this must be able to read all of output_dir"
            ) from error

    def write_json(self, relative: str, value: Mapping[str, Any]) -> None:
        """Write what the program is to read back, a JSON object that has no member `seal`, as `sealed` does. Raises OutputError.

        A file that holds just this already keeps its modification time.
        """
        self.write_changed(relative, sealed(as_json(value)))

    def read_json(self, relative: str) -> dict[str, Any] | None:
        """What `write_json` wrote; None where there is no such file, or where a disk, or a hand, changed a byte of it."""
        data = self.read(relative)
        try:
            value = None if data is None or not is_sealed(data) else json.loads(data)
        except (ValueError, RecursionError):
            return None
        return (
            {name: member for name, member in value.items() if name != "seal"}
            if isinstance(value, dict)
            else None
        )

    def part(self, *beginnings: str) -> Output:
        """The output as a worker is handed it, who asks for little but what begins so: a folder needs nothing for that."""
        return self

    def changes(self) -> Any:
        """What was written and removed since the part was cut, for `learn`; a folder tells that itself."""
        return None

    def learn(self, changes: Any) -> None:
        """Take note of the `changes` that a worker made."""


class SplitOutput(Output):
    """An output whose store, all that is below `data/`, lies elsewhere: two outputs, each a folder or in an object store."""

    def __init__(self, pages: Output, kept: Output) -> None:
        self.pages = pages
        self.kept = kept  # nothing of it is redacted: it has the truth
        self.root, self.store, self.redaction = pages.root, kept.root, pages.redaction

    def _of(self, relative: str) -> tuple[Output, str]:
        """Which of the two has a file, and how it is called there."""
        first, _, rest = relative.partition("/")
        return (self.kept, rest) if first == STORE else (self.pages, relative)

    def path(self, *parts: str) -> str:
        output, relative = self._of("/".join(filter(None, parts)))
        return output.path(relative) if relative else output.root

    def make(self) -> None:
        self.pages.make()
        self.kept.make()

    def sweep(self) -> None:
        self.pages.sweep()
        self.kept.sweep()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the locks of both: another run may write other pages from the same store."""
        with self.pages.lock(), self.kept.lock():
            yield

    def is_locked(self) -> bool:
        return self.pages.is_locked() or self.kept.is_locked()

    def write(self, relative: str, data: str | bytes) -> None:
        output, name = self._of(relative)
        output.write(name, data)

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        output, name = self._of(relative)
        return output.write_changed(name, data)

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        output, name = self._of(relative)
        return output.write_parts(name, parts)

    def at_once(self, is_much: bool) -> AbstractContextManager[Callable[..., None]]:
        return self.pages.at_once(is_much)

    def append(self, relative: str, line: bytes) -> None:
        output, name = self._of(relative)
        output.append(name, line)

    def rename(self, relative: str, to: str) -> None:
        output, name = self._of(relative)
        output.rename(name, self._of(to)[1])

    def remove(self, relative: str) -> None:
        output, name = self._of(relative)
        output.remove(name)

    def exists(self, relative: str) -> bool:
        output, name = self._of(relative)
        return output.exists(name)

    def size(self, relative: str) -> int | None:
        output, name = self._of(relative)
        return output.size(name)

    def names(self, folder: str) -> list[str]:
        output, name = self._of(folder)
        return output.names(name)

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        output, name = self._of(folder)
        output.prune(name, ending, kept)

    def read(self, relative: str) -> bytes | None:
        output, name = self._of(relative)
        return output.read(name)

    def part(self, *beginnings: str) -> Output:
        told = [self._of(beginning) for beginning in beginnings]
        return SplitOutput(
            *(
                output.part(*(name for of, name in told if of is output))
                for output in (self.pages, self.kept)
            )
        )

    def changes(self) -> Any:
        return self.pages.changes(), self.kept.changes()

    def learn(self, changes: Any) -> None:
        for output, made in zip((self.pages, self.kept), changes or (), strict=False):
            output.learn(made)


@contextlib.contextmanager
def _side_by_side() -> Iterator[Callable[..., None]]:
    """As `Output.at_once`."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        calls: list[Future[Any]] = []
        yield lambda function, *args: calls.append(threads.submit(function, *args))
    for call in calls:
        call.result()


def _call(function: Callable[..., Any], *args: Any) -> None:
    function(*args)
