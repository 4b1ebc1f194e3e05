"""Workers of a Dask cluster, which may be lost at any time."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from observing_monitor import __version__
from observing_monitor.errors import ClusterError, UsageError
from observing_monitor.processes.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor

    from distributed import Client


SILENT_S = 20.0  # until a scheduler that does not answer counts as lost
NO_WORKER_S = 30.0  # until a cluster without workers is given up
ANSWER_S = 10.0  # for one answer of the scheduler
PACKAGE = "observing_monitor"
# what a worker evaluates: it may lack all of our functions
ASKED = (
    "{'observing_monitor': __import__('observing_monitor').__version__, "
    "'Python': '{}.{}'.format(*__import__('sys').version_info)}"
)
GO_ON = "what is finished is kept; start the same command again to go on"

log = logging.getLogger(__name__)


@contextlib.contextmanager
def cluster(address: str, timeout_s: float = 20) -> Iterator[Workers]:
    """Yield the workers of a Dask cluster.

    They have to see the same folders as this process.

    Parameters
    ----------
    address : str
        Of the scheduler, such as `tcp://host:8786`.
    timeout_s : float, optional
        Time for the scheduler to answer.

    Raises
    ------
    UsageError
        Dask is not installed, no scheduler answers, or the workers have another version.
    ClusterError
        The scheduler or all workers were lost.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        words = "pip install 'observing_monitor[dask]'"
        raise UsageError(f"--scheduler needs Dask, which is not installed; {words}") from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        try:
            client = Client(address, timeout=timeout_s)
        except (OSError, ValueError) as error:
            words = "no scheduler answers; start one with: dask scheduler"
            raise UsageError(f"--scheduler {address}: {words}") from error
        stack.callback(_close, client)
        watch = _Watch(client, address)
        watch.begin()
        # KilledWorker: a task's workers died again and again
        workers = Workers(lambda: _make_executor(client), KilledWorker, watch=watch)
        try:
            yield workers
        except ClusterError:
            raise  # to wait for tasks that are lost would take for ever
        except BaseException:
            workers.stop()
            raise
        workers.stop()


def _make_executor(client: Client) -> Executor:
    """Return an executor that loses no task without a word.

    Dask's own leaves a future pending for ever if the scheduler is lost while a result that is
    ready is fetched.
    """
    from distributed.cfexecutor import ClientExecutor

    class ClusterExecutor(ClientExecutor):
        def _wrap_future(self, future: Any) -> Future[Any]:
            made: Future[Any] = Future()
            made.add_done_callback(lambda made: future.cancel() if made.cancelled() else None)
            loop.add_callback(_pass_on, future, made)
            return made

    loop: Any = client.loop
    make: Any = ClusterExecutor  # Dask declares no types
    executor: Executor = make(client, pure=False)
    return executor


async def _pass_on(theirs: Any, ours: Future[Any]) -> None:
    """Give a future of Python the outcome of Dask's.

    It is cancelled if the task, or its result, was lost.
    """
    try:
        result = await theirs._result(raiseit=False)
        status = theirs.status
    # whatever a connection that breaks off raises
    except Exception:
        result, status = None, "lost"
    if not ours.set_running_or_notify_cancel():
        return  # nobody waits for it any more
    if status == "finished":
        ours.set_result(result)
    elif status == "error":
        ours.set_exception(result[1])
    else:
        ours.set_exception(CancelledError())


def _close(client: Client) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        client.close(timeout=2)


def _is_ours(record: logging.LogRecord) -> bool:
    """True for a record that Dask did not log."""
    return record.name.partition(".")[0] not in ("distributed", "tornado", "asyncio", "dask")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what Dask logs.

    Our messages say what happened.
    """
    loggers = (logging.getLogger(), logging.getLogger("distributed"))
    handlers = [handler for logger in loggers for handler in logger.handlers]
    for handler in handlers:
        handler.addFilter(_is_ours)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_ours)


class _Watch:
    """Looks at a cluster, and raises ClusterError if it is lost."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._answered_at = self._had_workers_at = time.monotonic()
        self._checked: set[str] = set()  # addresses of workers whose versions are right

    def begin(self) -> None:
        """Look at the workers before there is work.

        Raises UsageError if they have another version.
        """
        workers = self._workers()
        if not workers:
            log.warning("the cluster at %s has no worker yet; waiting for one", self._address)
        elif words := self._other_version(workers):
            raise UsageError(f"--scheduler {self._address}: {words}")

    def __call__(self) -> None:
        """Raise ClusterError if nothing will be done any more."""
        workers, now = self._workers(), time.monotonic()
        if workers is None:
            if self._client.status == "closed" or now - self._answered_at > SILENT_S:
                words = "the scheduler does not answer any more"
                raise ClusterError(f"--scheduler {self._address}: {words}; {GO_ON}")
            return
        self._answered_at = now
        if workers:
            self._had_workers_at = now
        elif now - self._had_workers_at > NO_WORKER_S:
            words = f"it has had no worker for {NO_WORKER_S:.0f} s"
            raise ClusterError(f"--scheduler {self._address}: {words}; {GO_ON}")
        if words := self._other_version(workers):
            raise ClusterError(f"--scheduler {self._address}: {words}; {GO_ON}")

    def _workers(self) -> Mapping[str, Any] | None:
        """Return the workers by address; None if the scheduler is silent."""
        client = self._client
        if client.status != "running" or client.scheduler is None:
            return None
        ask = client.scheduler.identity
        try:
            identity = client.sync(ask, n_workers=-1, callback_timeout=ANSWER_S)
        # whatever a connection that breaks off raises
        except Exception:
            return None
        found: Mapping[str, Any] = identity["workers"]
        return found

    def _other_version(self, workers: Mapping[str, Any]) -> str:
        """Return what is wrong with the versions of new workers, or ""."""
        if set(workers) <= self._checked:
            return ""
        client = self._client
        try:
            told = client.sync(
                client._run, eval, ASKED, on_error="return", callback_timeout=ANSWER_S
            )
        except Exception:  # asked again by the next look
            return ""
        ours = {PACKAGE: __version__, "Python": "{}.{}".format(*sys.version_info)}
        for address, answer in told.items():
            theirs = answer if isinstance(answer, dict) else {PACKAGE: None}
            for name, version in theirs.items():
                if version != ours[name]:
                    has = f"has {name} {version}" if version else f"cannot import {name}"
                    words = f"the worker at {address} {has}, but this is {ours[name]}"
                    return f"{words}; install the same version on all hosts"
            self._checked.add(address)
        return ""
