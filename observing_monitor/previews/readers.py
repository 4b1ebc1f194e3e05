"""Read pictures in processes that a damaged file may crash."""

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


READER_BYTES = 2_500_000_000  # memory that a reader may use on top of what it starts with

# path, pixels of the longer side, time limit in seconds, folders that may be read
Task = tuple[str, int, float, list[str]]
Answer = tuple[os.stat_result | None, bytes, int, int, str]  # see `read_one`


def in_readers(tasks: Sequence[Task], jobs: int, deadline: float) -> Iterator[Answer | None]:
    """Yield the answer of `read_one` to each task, in order.

    A damaged file may crash its reader or keep it busy for ever. That costs only this reader, and
    the answer for this file says so. A task not done by `deadline` (of `time.monotonic()`) gives
    None.

    Raises
    ------
    ReaderError
        If no reader can work at all.
    """
    readers = [_Reader() for _ in range(jobs)]
    # last in, first out: a reader is started only if all running ones are busy
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
    """No reader can work: a package that it needs cannot be imported."""


class _Reader:
    """A process that reads files, restarted after a failure."""

    def __init__(self) -> None:
        self.process: SpawnProcess | None = None

    def ask(self, task: Task, deadline: float) -> Answer | None:
        """Return the answer to a task, or None if the deadline came first."""
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
            return None, b"", 0, 0, "reading it failed: it is damaged, or needs too much memory"
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
        """End the process, if there is one."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.join()


def _serve(there: Connection) -> None:
    """Report if all packages import, then answer tasks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    try:
        import astropy.io.fits
        import astropy.visualization  # noqa: F401
        import PIL.JpegImagePlugin  # noqa: F401
    except Exception as error:  # a broken package may raise anything
        there.send(f"{type(error).__name__}: {error}")
        return
    _limit_memory()
    there.send("")
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            there.send(read_one(*there.recv()))


def _limit_memory() -> None:
    """Limit the memory: a header can claim an image of any size."""
    import resource

    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + READER_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def read_one(path: str, size: int, seconds: float, roots: Iterable[str] | None) -> Answer:
    """Return the picture of a file.

    Returns
    -------
    status : os.stat_result or None
        None if the file cannot be opened.
    jpeg : bytes
        Empty if there is no picture.
    width, height : int
        In pixels.
    why : str
        Why there is no picture, or what is odd about it, or "".
    """
    status = None
    try:
        with fits_picture.open_regular(path, roots) as file:
            status = os.fstat(file.fileno())
            picture, odd = fits_picture.read_picture(file, size, time.monotonic() + seconds)
        return status, fits_picture.encode(picture), picture.shape[1], picture.shape[0], odd
    except fits_picture.PreviewError as error:
        return status, b"", 0, 0, str(error)
