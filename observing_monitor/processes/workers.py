"""Workers: processes of this machine, or of a cluster (`cluster`).

Workers write nights, never indexes: a worker that dies costs only the nights that it was working
on, and these are done again.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from observing_monitor.model.messages import os_error_text
from observing_monitor.processes.parallel import PR_SET_PDEATHSIG
from observing_monitor.processes.tuning import skip_last_collection, tune_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from observing_monitor.processes.parallel import Result


# rounds in which lost tasks are tried together; after that one at a time, so that a task that
# kills its worker takes no other with it
MAX_ROUNDS = 2
WATCH_S = 2.0  # between two looks at the workers of a cluster
# files of a night that are worth another process: to start one takes as long as to list 10,000
VERY_MANY = 30_000
Task = tuple[Any, ...]  # arguments of the function that is called

log = logging.getLogger(__name__)


class _Call:
    """A call whose text shows only the function's name.

    Dask logs and shows the arguments of calls that failed, and settings may have a password.
    """

    def __init__(self, function: Callable[..., Any], task: Task) -> None:
        self.function, self.task = function, task
        self.__name__ = function.__name__  # Dask names the call by it

    def __call__(self) -> Any:
        return self.function(*self.task)

    def __repr__(self) -> str:
        return f"{self.__name__}(…)"


class Workers:
    """A pool of workers that replaces those that die.

    Parameters
    ----------
    make : callable
        Returns a new `concurrent.futures` executor.
    *deaths : type
        Exceptions of the executor, other than those of concurrent.futures, that say that a task's
        worker died.
    end : callable, optional
        Ends what is left of an executor that lost a worker.
    n_workers : int, optional
        Number of workers, if it is known.
    watch : callable, optional
        Looks at the workers every WATCH_S seconds, and after one died. It raises what ends the
        run.
    """

    def __init__(
        self,
        make: Callable[[], Executor],
        *deaths: type[Exception],
        end: Callable[[], None] | None = None,
        n_workers: int = 0,
        watch: Callable[[], None] | None = None,
    ) -> None:
        self._make = make
        self._watch = watch
        self._end = end
        self._n_workers = n_workers
        self._key_of: Callable[[Task], Any] = tuple
        self._done_keys: list[Any] = []  # keys of the last tasks, in the order they were done
        self._deaths: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError, *deaths)
        self._executor = make()
        self._pending: dict[Future[Any], Task] = {}

    def results(
        self,
        function: Callable[..., Result],
        tasks: Iterable[Task],
        lost: Callable[..., Result],
        key_of: Callable[[Task], Any] = tuple,
    ) -> Iterator[Result]:
        """Yield `function(*task)` for each task, as they come.

        Parameters
        ----------
        function : callable
        tasks : iterable of tuple
        lost : callable
            `lost(*task)` is the result of a task that kills its worker every time.
        key_of : callable, optional
            Returns what a task is about, such as its night. If all tasks start at once, each
            goes to the worker that was last busy with the same key: it may still have that
            night's tables in memory.
        """
        left, done, self._key_of = list(tasks), self._done_keys, key_of
        if len(left) <= self._n_workers:
            # the worker that has waited longest takes the first task
            left.sort(key=lambda task: done.index(key_of(task)) if key_of(task) in done else -1)
        self._done_keys = []
        for _ in range(MAX_ROUNDS):
            left = yield from self._round(function, left)
            if not left:
                return
            log.warning("a worker died; %d nights are started again", len(left))
            self._renew()
        for task in left:
            if (yield from self._round(function, [task])):
                self._renew()
                yield lost(*task)

    def _round(
        self, function: Callable[..., Result], tasks: Iterable[Task]
    ) -> Generator[Result, None, list[Task]]:
        """Yield results; return the tasks whose worker died."""
        self._pending, dead = {}, []
        for task in tasks:
            try:
                self._pending[self._executor.submit(_Call(function, task))] = task
            # a worker died during submission: one that is just starting then fails as well
            except (BrokenExecutor, OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    log.warning("no worker could start: %s", os_error_text(error))
                dead.append(task)
        for future in self._as_completed():
            task = self._pending.pop(future)
            try:
                result = future.result()
            except self._deaths:
                dead.append(task)
                continue
            self._done_keys.append(self._key_of(task))
            yield result
        return dead

    def _as_completed(self) -> Iterator[Future[Any]]:
        """Yield pending tasks as they end; watch the workers."""
        ended: SimpleQueue[Future[Any]] = SimpleQueue()
        for future in list(self._pending):
            future.add_done_callback(ended.put)
        looks_at = time.monotonic() + WATCH_S
        for _ in range(len(self._pending)):
            while True:
                if self._watch and time.monotonic() >= looks_at:
                    self._watch()
                    looks_at = time.monotonic() + WATCH_S
                with contextlib.suppress(Empty):
                    future = ended.get(timeout=WATCH_S if self._watch else None)
                    break
            yield future

    def _renew(self) -> None:
        if self._watch:
            self._watch()
        if self._end:
            self._end()
        self.stop()
        self._executor = self._make()

    def stop(self) -> None:
        """End the workers after their present tasks."""
        for future in self._pending:
            future.cancel()
        with contextlib.suppress(BrokenExecutor):
            self._executor.shutdown(wait=True)


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Workers]:
    """Yield workers that are processes of this machine.

    They are spawned, not forked: a copy of a process in which a library runs threads or holds
    connections may hang, or close connections of the original. To spawn takes 0.15 s of
    processor time per worker.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    def make() -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),)
        )

    def end() -> None:
        # an executor forgets a worker that it was starting when another died, and waits for ever
        for left in multiprocessing.active_children():
            left.kill()

    workers = Workers(make, end=end, n_workers=jobs)
    try:
        yield workers
    finally:
        workers.stop()


def _start_worker(parent: int) -> None:
    """Set up a worker, which dies with its parent.

    A terminal sends Ctrl-C to all processes, and a worker finishes its night. Without its parent,
    which held the lock, it must write nothing, and it would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tune_worker()
    atexit.register(skip_last_collection)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    if os.getppid() != parent:  # the parent died before that
        os._exit(1)


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    if parent := parent_process():
        parent.join()
    os._exit(1)
