"""Time limits: a thread that takes too long is abandoned.

A `stat` on a file server that is down cannot be interrupted, and a database that was stopped
ignores its own timeouts. So the thread that waits is left alone, and the run continues without it.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from observing_monitor.processes.tuning import skip_last_collection

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


LIMIT_S = 120.0  # default time that a source has to answer one question
MAX_LIMIT_S = 7 * 86_400.0
# a source that takes this long, or a quarter of its limit, no longer keeps the others waiting
HURRY_S = 5.0
LAST_S = 1.0  # for a question if the run has no time left
LOOK_S = 5.0  # for a look at a folder before the run
HASTE_S = 0.3  # for further looks once one hung: a disk that works answers in milliseconds
GONE_S = 0.5  # for a thread that has answered to end
T = TypeVar("T")
# has one item: what the function returned, or the exception that it raised
Answers = SimpleQueue[tuple[T, BaseException | None]]

_n_abandoned = 0


class TooLateError(Exception):
    """No answer came in time."""


class Deadline:
    """The end of the time for a run.

    It can be sent to a process on another host, whose `time.monotonic` counts from another
    beginning: it is the same instant there if the two hosts' clocks agree.

    Parameters
    ----------
    seconds : float, optional
        From now; by default, there is no end.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until then; below 0 afterwards."""
        return self._at - time.monotonic()

    @property
    def is_over(self) -> bool:
        """True if there is no time left."""
        return self.left_s <= 0

    def __reduce__(self) -> tuple[Callable[[float], Deadline], tuple[float]]:
        return _deadline_at, (time.time() + self.left_s,)


def _deadline_at(instant: float) -> Deadline:
    """Return the deadline at an instant of `time.time`."""
    return Deadline(instant - time.time())


NEVER = Deadline()


class CallThread:
    """A thread that calls functions until one takes too long."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Any], Answers[Any]] | None] = SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[], T], limit_s: float) -> T:
        """Return what a function returns, or raise what it raises.

        Raises TooLateError if it does neither in time. Nothing more may be called then.
        """
        try:
            return wait_for(self.put(function), limit_s)
        except TooLateError:
            self.abandon()
            raise

    def put(self, function: Callable[[], T]) -> Answers[T]:
        """Queue a function; return the queue of its answer."""
        if not self._thread:
            # a daemon, so that the process can end while it hangs
            self._thread = threading.Thread(target=self._answer, name=self._name, daemon=True)
            self._thread.start()
        answers: Answers[T] = SimpleQueue()
        self._calls.put((function, answers))
        return answers

    def abandon(self) -> None:
        """Stop waiting for the thread.

        It may hang for ever: the process has to end by `leave`.
        """
        global _n_abandoned
        _n_abandoned += 1

    def end(self, wait_s: float = 0.0) -> None:
        """Let the thread end after its last call, and wait up to `wait_s`."""
        self._calls.put(None)
        if self._thread and wait_s:
            self._thread.join(wait_s)

    def _answer(self) -> None:
        while call := self._calls.get():
            function, answers = call
            try:
                answers.put((function(), None))
            except BaseException as error:
                answers.put((None, error))
            # a reading is large, and the next call may be long in coming
            del call, function, answers


def wait_for(answers: Answers[T], limit_s: float) -> T:
    """Return what a function that was `put` returned.

    Raises TooLateError if it did neither in time.
    """
    try:
        answer, error = answers.get(timeout=max(limit_s, 0))
    except Empty:
        raise TooLateError from None
    if isinstance(error, SystemExit):  # of the package that the function is from
        raise RuntimeError("it tried to end the program") from error
    if error is not None:
        raise error
    return answer


def within(seconds: float, function: Callable[[], T], otherwise: T) -> T:
    """Return a function's result, or `otherwise` if it is late.

    This is for a look at a disk that may be down. Once a look has hung, further ones get less
    time: many sources may be on one file server.
    """
    thread, wait_s = CallThread("look"), 0.0
    try:
        answer = thread.call(function, min(seconds, HASTE_S) if _n_abandoned else seconds)
        wait_s = GONE_S
        return answer
    except TooLateError:
        return otherwise
    finally:
        thread.end(wait_s)


def leave(code: int) -> NoReturn:
    """End the process, at once if a thread was abandoned.

    Such a thread might continue while Python shuts down.
    """
    skip_last_collection()
    if _n_abandoned:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
