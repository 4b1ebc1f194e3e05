"""One result of `check`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime


ODD, FAILED, FINE = "odd", "FAILED", "ok"


@dataclass(frozen=True)
class Answer:
    """A verdict and the lines that explain it."""

    verdict: str  # ok, odd (it works, but look at it), FAILED
    lines: list[str] = field(default_factory=list)

    def __add__(self, other: Answer) -> Answer:
        """Return both answers in one, with the worse verdict."""
        order = (FINE, ODD, FAILED)
        verdict = max(self.verdict, other.verdict, key=order.index)
        return Answer(verdict, [*self.lines, *other.lines])


def nights_text(nights: list[datetime.date]) -> str:
    """Return a text such as `3 nights, 2020-02-12 to 2020-02-14`."""
    from observing_monitor.model.wording import n_of

    if not nights:
        return "no night yet"
    return f"{n_of(len(nights), 'night')}, {nights[0]} to {nights[-1]}"


def clock(instant: Any) -> str:
    """Return an instant such as `2020-02-12 03:12 UTC`."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"
