"""Ask a source within its time limit.

Sources are asked in turn, which costs least, until one keeps the run waiting. Then all the others
are asked at once: any number of sources that are down cost the run the time of one.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.processes.timelimit import (
    HURRY_S,
    LAST_S,
    CallThread,
    TooLateError,
    wait_for,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable
    from typing import Any

    from observing_monitor.processes.timelimit import Answers, Deadline


class StartQueue:
    """The streams whose sources have not been asked yet.

    They are all asked at once if an answer keeps the run waiting.
    """

    def __init__(self) -> None:
        self._later: dict[str, Callable[[], None]] = {}

    def add(self, name: str, begin: Callable[[], None]) -> None:
        """Add a stream, and what asks its first questions."""
        self._later[name] = begin

    def remove(self, name: str) -> None:
        """Remove a stream whose sources have been asked."""
        self._later.pop(name, None)

    def hurry(self) -> None:
        """Ask the sources of all streams that wait."""
        while self._later:
            self._later.popitem()[1]()


class TimedSource:
    """A source that has to answer each question in time.

    If it does not, SourceError is raised, then and for every later question.

    Parameters
    ----------
    source : Source
    place : str
        The place it reads, for messages.
    limit_s : float
        Time for each question.
    deadline : Deadline
        End of the run's time: no question takes much longer.
    queue : StartQueue
        The sources to start if this one keeps the run waiting.
    """

    def __init__(
        self, source: Any, place: str, limit_s: float, deadline: Deadline, queue: StartQueue
    ) -> None:
        self.source = source
        self.name: str = source.name
        self.given_up = ""  # why it is not asked any more; "" while it is
        self._place = place
        self._limit_s = limit_s
        self._deadline = deadline
        self._queue = queue
        self._thread = CallThread(f"source {source.name}")
        self._was_asked = False
        # a question put ahead, the queue of its answer, and when it was put
        self._begun: tuple[tuple[Any, ...], Answers[Any], float] | None = None

    def nights(self) -> set[datetime.date]:
        """Return the source's `nights`."""
        return self.ask("nights")  # type: ignore[no-any-return]

    def look(self, night: datetime.date, known: Any) -> Any:
        """Return the source's `look`."""
        return self.ask("look", night, known)

    def read(self, night: datetime.date) -> Any:
        """Return the source's `read`."""
        return self.ask("read", night)

    def begin(self, *question: Any) -> None:
        """Ask ahead a question such as `"look", night, known`.

        Nothing happens if it was asked before.
        """
        if not self._was_asked:
            self._was_asked = True
            self._begun = question, self._put(question), time.monotonic()

    def end(self) -> None:
        """Let its thread end."""
        # nobody waited for the answer that was asked ahead
        if self._begun and self._begun[1].empty():
            self._thread.abandon()
        self._thread.end()

    def _put(self, question: tuple[Any, ...]) -> Answers[Any]:
        name, *arguments = question
        # a source that does not inherit from `Telling`
        if name == "look_again" and not hasattr(self.source, name):
            name, arguments = "look", [arguments[0], None]
        return self._thread.put(lambda: getattr(self.source, name)(*arguments))

    def ask(self, *question: Any) -> Any:
        """Return the answer to a question: a method and its arguments."""
        if self.given_up:
            raise SourceError(self.given_up)
        begun, self._begun, self._was_asked = self._begun, None, True
        if begun and begun[0] == question:
            _, answers, since = begun
        else:
            answers, since = self._put(question), time.monotonic()
        left_s = max(self._deadline.left_s, LAST_S)
        ends = min(since + self._limit_s, time.monotonic() + left_s)
        hurry = min(since + min(HURRY_S, self._limit_s / 4), ends)
        with contextlib.suppress(TooLateError):
            return wait_for(answers, hurry - time.monotonic())
        self._queue.hurry()
        with contextlib.suppress(TooLateError):
            return wait_for(answers, ends - time.monotonic())
        self._thread.abandon()
        self.given_up = self._late_message(is_own_limit=self._limit_s <= left_s)
        raise SourceError(self.given_up) from None

    def _late_message(self, is_own_limit: bool) -> str:
        # without any time that differs from run to run: each run would seem to be a change
        late = (
            f"no answer within {self._limit_s:g} s"
            if is_own_limit
            else "no answer before the run's own time was up"
        )
        setting = "time_limit_s" if is_own_limit else "max_run_s"
        return f"{self._place}: {late}; see whether it hangs, or raise {setting} if it is only slow"
