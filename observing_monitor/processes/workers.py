"""Where the nights of a rebuild are worked on: processes of this machine, or a Dask cluster.

Workers write nights, never indexes, so a worker that dies costs no more than the nights that it had in hand: they are done again.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
from concurrent.futures import BrokenExecutor, CancelledError, as_completed
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import UsageError
from observing_monitor.processes.parallel import PR_SET_PDEATHSIG

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from observing_monitor.processes.parallel import Result


MAX_ROUNDS = 2  # so often all that was lost is tried together; then each night alone, so that one can't take others with it
VERY_MANY = 30_000  # files of a night that are worth a process beside: to begin one takes as long as to list a third of these
M_ARENA_MAX = -8  # glibc's malloc.h

# Objects between two searches for cycles among them. The rows of a full night are hundreds of thousands, none in a cycle: Python's own
# 700 cost a tenth of a run.
GARBAGE_AFTER = 100_000
WITH_THREADS = (
    "numpy",
    "pyarrow",
    "sqlalchemy",
    "fsspec",
    "distributed",
)  # packages that begin threads, or hold connections
Task = tuple[Any, ...]  # what the function is called with

log = logging.getLogger(__name__)


def suit_full_nights() -> None:
    """Set this process's memory up for nights of 100,000 files; before anything heavy is imported."""
    # Arrow's own allocators keep what a full night took; the system's gives it back
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # nothing here is linear algebra: its threads would only be begun, a tenth of a second of processor time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # which keeps an arena for each thread, and so for each source, as large as that source's largest night: 100 MB in a full one
    with contextlib.suppress(OSError, AttributeError):  # another system's library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    gc.set_threshold(GARBAGE_AFTER)


class _Call:
    """A function and what it is to be called with, of which its text tells the function's name alone.

    Dask writes the arguments of what failed into its logs and shows them to whoever looks, and settings may have a password.
    """

    def __init__(self, function: Callable[..., Any], task: Task) -> None:
        self.function, self.task = function, task
        self.__name__ = function.__name__  # what Dask calls it

    def __call__(self) -> Any:
        return self.function(*self.task)

    def __repr__(self) -> str:
        return f"{self.__name__}(…)"


class Workers:
    """Runs a function on many tasks, somewhere else; `make` gives a new `concurrent.futures` executor.

    `deaths` are what else than concurrent.futures' own exceptions says that a task's worker died; `end` ends what is left of an executor
    that lost one.
    """

    def __init__(
        self,
        make: Callable[[], Executor],
        *deaths: type[Exception],
        end: Callable[[], None] | None = None,
        n_workers: int = 0,
    ) -> None:
        self._make = make
        self._end = end
        self._n_workers = n_workers
        self._of: Callable[[Task], Any] = tuple
        self._came: list[
            Any
        ] = []  # what the tasks of the last results were of, in the order in which they came back
        self._deaths: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError, *deaths)
        self._executor = make()
        self._work: dict[Future[Any], Task] = {}  # future -> task, of what is not done yet

    def results(
        self,
        function: Callable[..., Result],
        tasks: Iterable[Task],
        lost: Callable[..., Result],
        of: Callable[[Task], Any] = tuple,
    ) -> Iterator[Result]:
        """The results of `function(*task)` for a list of tasks, as they come.

        A task whose worker died is done again; one that takes its worker with it every time gives `lost(*task)`. `of` says what a task
        is of, such as its night: whoever had that in hand last may have in its memory what is asked for next.
        """
        left, came, self._of = list(tasks), self._came, of
        if (
            len(left) <= self._n_workers
        ):  # all begin at once; and the worker that has waited longest takes the first
            left.sort(key=lambda task: came.index(of(task)) if of(task) in came else -1)
        self._came = []
        for _ in range(MAX_ROUNDS):
            left = yield from self._round(function, left)
            if not left:
                return
            log.warning("a worker died; %d nights are done again", len(left))
            self._renew()
        for task in left:
            if (yield from self._round(function, [task])):
                self._renew()
                yield lost(*task)

    def _round(
        self, function: Callable[..., Result], tasks: Iterable[Task]
    ) -> Generator[Result, None, list[Task]]:
        """Yield what could be done; returns the tasks whose worker died."""
        self._work, dead = {}, []
        for task in tasks:
            try:
                self._work[self._executor.submit(_Call(function, task))] = task
            except (BrokenExecutor, OSError, ValueError) as error:
                # one died while the others were handed in; a worker that was just to begin then finds closed what all share
                if getattr(error, "errno", None) is not None:
                    log.warning("no worker could begin: %s", error)
                dead.append(task)
        for done in as_completed(self._work):
            task = self._work.pop(done)
            try:
                result = done.result()
            except self._deaths:
                dead.append(task)
                continue
            self._came.append(self._of(task))
            yield result
        return dead

    def _renew(self) -> None:
        if self._end:
            self._end()
        self.stop()
        self._executor = self._make()

    def stop(self) -> None:
        """End the workers after the nights that they have in hand."""
        for waiting in self._work:
            waiting.cancel()
        with contextlib.suppress(BrokenExecutor):
            self._executor.shutdown(wait=True)


def is_cheap_to_copy() -> bool:
    """Whether a worker may be a copy of this process, which begins at once.

    A copy of one with threads may wait for these for ever, and may end connections that are ours.
    """
    return (
        sys.platform == "linux"
        and threading.active_count() == 1
        and not any(name in sys.modules for name in WITH_THREADS)
    )


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Workers]:
    """Workers that are so many processes of this machine."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    def make() -> ProcessPoolExecutor:
        is_alone = is_cheap_to_copy()
        context = multiprocessing.get_context("fork" if is_alone else "spawn")
        executor = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begin, initargs=(os.getpid(),)
        )
        if is_alone:
            executor.submit(os.getpid)  # begins them all, before there are threads
        return executor

    def end() -> None:
        # the executor itself forgets the one that it was just starting when another died, and then waits for it for ever
        for left in multiprocessing.active_children():
            left.kill()

    workers = Workers(make, end=end, n_workers=jobs)
    try:
        yield workers
    finally:
        workers.stop()


def _begin(parent: int) -> None:
    """A worker finishes its night when Ctrl-C, which the terminal sends to all, ends the one that called; and keeps to its core.

    It dies with the one that called: without it, which held the lock, it must write nothing, and it would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    suit_full_nights()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    atexit.register(gc.freeze)  # no search for cycles among what is left, as in `timelimit.leave`
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
    if os.getppid() != parent:  # it died before that
        os._exit(1)


def _end_with_the_parent() -> None:
    from multiprocessing import parent_process

    if parent := parent_process():
        parent.join()
    os._exit(1)


@contextlib.contextmanager
def cluster(address: str, timeout_s: float = 20) -> Iterator[Workers]:
    """Workers of the Dask cluster whose scheduler listens there (`tcp://host:8786`); they see the same folders as we do."""
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise UsageError(
            f"--scheduler needs Dask ({error}); pip install observing_monitor[dask]"
        ) from error
    try:
        client = Client(address, timeout=timeout_s)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--scheduler {address}: no scheduler answers ({error}); start one with: dask scheduler"
        ) from error
    try:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            log.warning("the cluster at %s has no worker yet; waiting for one", address)
        # KilledWorker: a task's workers died again and again
        workers = Workers(lambda: client.get_executor(pure=False), KilledWorker)
        try:
            yield workers
        finally:
            workers.stop()
    finally:
        client.close()
