"""How long a source may take: each is asked in a thread of its own, which is left behind when no answer comes in time.

A `stat` on a file server that is down can't be interrupted, and a database that was stopped answers no limit that it was given:
nothing in the same thread could go on. So the run goes on without it. A source that did not answer in time is not asked
again in that run; what is known of its nights stays, and the pages say so.

Sources are asked in turn, which costs least, until one keeps the run waiting: then all others are asked at once what they were
to be asked first, so that any number of sources that are down cost the run the time of one.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import os
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


LIMIT_S = 120.0  # of one question to a source, where the settings say nothing
LOOK_S = (
    5.0  # of a look at a directory before a run begins; its source finds out what is the matter
)
HURRY_S = 5.0  # so long, and a quarter of its own limit at most, a source is waited for before the others are asked beside it
HASTE_S = (
    0.3  # of any other such look, when one has hung: a disk that is there answers in milliseconds
)
GONE_S = 0.5  # a thread that has answered is gone at once, but for a machine that is busy
MOST_S = 7 * 86_400.0  # longer than that is no limit
LAST_S = 1.0  # what a question is given whose run has no time left
T = TypeVar("T")
Answers = SimpleQueue[
    tuple[T, BaseException | None]
]  # one: what a function returned, or the exception that it raised

_left_behind = 0


class TooLateError(Exception):
    """No answer came in time."""


class Deadline:
    """When the time of a run, or of a part of it, is up; never, unless it is told how long that is from now.

    It may be handed to another process: on another host, where `time.monotonic` counts from another beginning, it is the same instant
    by the clock on the wall, as far as the two hosts' clocks agree.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until then; below 0 afterwards."""
        return self._at - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.left_s <= 0

    def __reduce__(self) -> tuple[Callable[[float], Deadline], tuple[float]]:
        return _deadline_at, (time.time() + self.left_s,)


def _deadline_at(instant: float) -> Deadline:
    """The deadline at an instant of `time.time`."""
    return Deadline(instant - time.time())


NEVER = Deadline()


class Question:
    """A thread that answers one question after the other, until one takes too long."""

    def __init__(self, name: str) -> None:
        self._questions: SimpleQueue[tuple[Callable[[], Any], Answers[Any]] | None] = SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    def ask(self, question: Callable[[], T], limit_s: float) -> T:
        """What a function returns or raises; TooLateError where it does neither in time, and then nothing more may be asked."""
        try:
            return wait_for(self.put(question), limit_s)
        except TooLateError:
            self.leave_behind()
            raise

    def put(self, question: Callable[[], T]) -> Answers[T]:
        """Have a function called, after those that were put before; where its answer will come, for `taken`."""
        if not self._thread:
            # a daemon: the process ends though it hangs
            self._thread = threading.Thread(target=self._answer, name=self._name, daemon=True)
            self._thread.start()
        answers: Answers[T] = SimpleQueue()
        self._questions.put((question, answers))
        return answers

    def leave_behind(self) -> None:
        """Wait no more for the thread: the process has to end without it (`leave`)."""
        global _left_behind
        _left_behind += 1

    def end(self, wait_s: float = 0.0) -> None:
        """Let the thread end, once it has answered; wait for that so long."""
        self._questions.put(None)
        if self._thread and wait_s:
            self._thread.join(wait_s)

    def _answer(self) -> None:
        while asked := self._questions.get():
            question, answers = asked
            try:
                answers.put((question(), None))
            except BaseException as error:
                answers.put((None, error))
            del (
                asked,
                question,
                answers,
            )  # a reading is large, and the next question may be long in coming


def wait_for(answers: Answers[T], limit_s: float) -> T:
    """What a function that was `put` returned or raised; TooLateError where it did neither in time."""
    try:
        answer, error = answers.get(timeout=max(limit_s, 0))
    except Empty:
        raise TooLateError from None
    if error is not None:
        raise error
    return answer


def within(seconds: float, question: Callable[[], T], otherwise: T) -> T:
    """What a function returns, or `otherwise` where it takes longer than that: for a look at a disk that may be down.

    Where one such look was waited for in vain the next ones are not waited for as long: twenty sources may lie on one file server.
    """
    thread, wait_s = Question("look"), 0.0
    try:
        answer = thread.ask(question, min(seconds, HASTE_S) if _left_behind else seconds)
        wait_s = GONE_S  # a process whose threads are gone can be copied
        return answer
    except TooLateError:
        return otherwise
    finally:
        thread.end(wait_s)


def leave(code: int) -> NoReturn:
    """End the process; at once where a thread was left behind, which might come back while Python takes itself apart.

    For a run's own process: Python would search all that is left for cycles, a tenth of a short run, before the system takes it back.
    """
    gc.freeze()
    if _left_behind:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
