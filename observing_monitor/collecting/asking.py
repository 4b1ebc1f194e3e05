"""Ask a source within its time limit."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.processes.timelimit import HURRY_S, LAST_S, Question, TooLateError, wait_for

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable
    from typing import Any

    from observing_monitor.processes.timelimit import Answers, Deadline


class StartQueue:
    """Who is to be asked later in a run, and is asked at once when an answer keeps all others waiting."""

    def __init__(self) -> None:
        self._later: dict[str, Callable[[], None]] = {}

    def add(self, name: str, begin: Callable[[], None]) -> None:
        """What begins the questions of a stream."""
        self._later[name] = begin

    def remove(self, name: str) -> None:
        """A stream has had its turn."""
        self._later.pop(name, None)

    def hurry(self) -> None:
        """Begin the questions of all."""
        while self._later:
            self._later.popitem()[1]()


class TimedSource:
    """A source (`sources.Source`) whose every answer has to come in time; SourceError where it doesn't, and ever after.

    Parameters
    ----------
    source : Source
    place : str
        Where it reads, for messages.
    limit_s : float
        Of each question.
    deadline : Deadline
        When the run's own time is up: no question takes much longer.
    turn : Turn
        Of the others, when this one keeps the run waiting.
    """

    def __init__(
        self, source: Any, place: str, limit_s: float, deadline: Deadline, turn: StartQueue
    ) -> None:
        self.source = source
        self.name: str = source.name
        self.given_up = ""  # why it is asked no more; "" while it is
        self._place = place
        self._limit_s = limit_s
        self._deadline = deadline
        self._turn = turn
        self._thread = Question(f"source {source.name}")
        self._is_asked = False
        self._begun: tuple[tuple[Any, ...], Answers[Any], float] | None = (
            None  # a question, where its answer will come, and since when
        )

    def nights(self) -> set[datetime.date]:
        """As the source's own."""
        return self._ask("nights")  # type: ignore[no-any-return]

    def look(self, night: datetime.date, known: Any) -> Any:
        """As the source's own."""
        return self._ask("look", night, known)

    def read(self, night: datetime.date) -> Any:
        """As the source's own."""
        return self._ask("read", night)

    def begin(self, *question: Any) -> None:
        """Have the source answer what it will be asked first, such as `"look", night, known`; nothing, where it was asked before."""
        if not self._is_asked:
            self._is_asked = True
            self._begun = question, self._put(question), time.monotonic()

    def end(self) -> None:
        """Let its thread end."""
        if self._begun and self._begun[1].empty():  # nobody waited for it after all
            self._thread.leave_behind()
        self._thread.end()

    def _put(self, question: tuple[Any, ...]) -> Answers[Any]:
        name, *given = question
        return self._thread.put(lambda: getattr(self.source, name)(*given))

    def _ask(self, *question: Any) -> Any:
        if self.given_up:
            raise SourceError(self.given_up)
        begun, self._begun, self._is_asked = self._begun, None, True
        if begun and begun[0] == question:
            _, answers, since = begun
        else:
            answers, since = self._put(question), time.monotonic()
        left = max(self._deadline.left_s, LAST_S)
        ends = min(since + self._limit_s, time.monotonic() + left)
        with contextlib.suppress(TooLateError):
            return wait_for(
                answers, min(since + min(HURRY_S, self._limit_s / 4), ends) - time.monotonic()
            )
        self._turn.hurry()
        with contextlib.suppress(TooLateError):
            return wait_for(answers, ends - time.monotonic())
        self._thread.leave_behind()
        # the same words at every run, or each would be a change
        words = (
            f"no answer within {self._limit_s:g} s"
            if self._limit_s <= left
            else "no answer before the run's own time was up"
        )
        setting = "time_limit_s" if self._limit_s <= left else "max_run_s"
        self.given_up = (
            f"{self._place}: {words}; see whether it hangs, or raise {setting} if it is only slow"
        )
        raise SourceError(self.given_up) from None
