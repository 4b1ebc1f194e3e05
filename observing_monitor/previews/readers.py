"""Read pictures in processes that may fail."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import ObservingMonitorError
from observing_monitor.previews import fits_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess


READER_BYTES = 2_500_000_000  # a reader may take so much more memory than it has when it begins

Task = tuple[
    str, int, float, list[str]
]  # path, pixels of the longer side, seconds, the folders that may be read
Answer = tuple[os.stat_result | None, bytes, int, int, str]  # as `read_one` gives it


# --- readers: processes of their own -----------------------------------------------------------------------------------


def in_readers(tasks: Sequence[Task], jobs: int, deadline: float) -> Iterator[Answer | None]:
    """What `read_one` returns for each of some tasks, in order, done by `jobs` processes.

    A damaged file may crash its reader, or keep it busy for ever: that costs this reader, and is told of this file. What
    isn't done at the `deadline` (of `time.monotonic()`) is None. Raises ReaderError where no reader can work at all.
    """
    readers = [_Reader() for _ in range(jobs)]
    # the last that was at work is asked first, so that no more are started than are needed
    idle: queue.LifoQueue[_Reader] = queue.LifoQueue()
    for reader in readers:
        idle.put(reader)

    def ask(task: Task) -> Answer | None:
        reader = idle.get()
        try:
            return reader.ask(task, deadline)
        finally:
            idle.put(reader)

    with ThreadPoolExecutor(jobs) as threads:
        try:
            yield from threads.map(ask, tasks)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for reader in readers:
                reader.end()


class ReaderError(ObservingMonitorError):
    """No reader can work: what it needs can't be imported."""


class _Reader:
    """A process that reads files; started when it is first asked, and anew when it had to be ended."""

    def __init__(self) -> None:
        self.process: SpawnProcess | None = None

    def ask(self, task: Task, deadline: float) -> Answer | None:
        """What came of a task; None where the deadline came first."""
        if time.monotonic() >= deadline:
            return None
        try:
            if self.process is None and not self._start(deadline):
                return None
            self.here.send(task)
            if self.here.poll(max(0, min(task[2] + 2, deadline - time.monotonic()))):
                answer: Answer = self.here.recv()
                return answer
        except (EOFError, ConnectionError):
            self.end()
            return None, b"", 0, 0, "reading it broke off: it is damaged, or takes too much memory"
        self.end()
        return None if time.monotonic() >= deadline else (None, b"", 0, 0, fits_picture.TOO_LONG)

    def _start(self, deadline: float) -> bool:
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        self.here, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there,), daemon=True)
        self.process.start()
        there.close()
        if not self.here.poll(max(0, deadline - time.monotonic())):
            self.end()
            return False
        if fault := self.here.recv():
            self.end()
            raise ReaderError(fault)
        return True

    def end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.join()


def _serve(there: Connection) -> None:
    """A reader's life: tell that all it needs is there, then answer tasks until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks ends it
    try:
        import astropy.io.fits
        import astropy.visualization  # noqa: F401
        import PIL.JpegImagePlugin  # noqa: F401
    except Exception as error:  # a broken package raises what it likes
        there.send(f"{type(error).__name__}: {error}")
        return
    _limit_memory()
    there.send("")
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            there.send(read_one(*there.recv()))


def _limit_memory() -> None:
    """Let this process take READER_BYTES more than it has: a header can claim an image of any size."""
    import resource

    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + READER_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def read_one(path: str, size: int, seconds: float, roots: Iterable[str] | None) -> Answer:
    """A file's picture: its os.stat, the JPEG, width, height, ""; or its os.stat, if it could be opened, and why there is none."""
    status = None
    try:
        with fits_picture.open_regular(path, roots) as file:
            status = os.fstat(file.fileno())
            picture = fits_picture.read_picture(file, size, time.monotonic() + seconds)
        return status, fits_picture.encode(picture), picture.shape[1], picture.shape[0], ""
    except fits_picture.PreviewError as error:
        return status, b"", 0, 0, str(error)
