"""What is usual for a stream: a night's numbers against those of the 30 nights before it, from the rows of the index alone."""

from __future__ import annotations

import bisect
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


NIGHTS = 30  # a night is compared with so many before it
LEAST = 5  # fewer known, and there is no "usual"


@dataclass(frozen=True)
class Measure:
    """A number of which more is worse, and how far beyond the usual it must be to be said."""

    name: str
    factor: float
    more: float  # and so much more, in the number's own unit: what is small anyway is no news


MEASURES = (
    Measure("transfer_delay_p90_s", 1.5, 60.0),
    Measure("ingest_delay_p90_s", 1.5, 60.0),
    Measure("error_share", 1.5, 0.02),
)
LEAST_ERRORS = 3  # of so few files a share says nothing


def numbers(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """A night's value of each measure, by the names of `MEASURES`; None where it has none. `summary` is named by `columns.NIGHTS`."""
    n_files, n_error = summary.get("n_files") or 0, _errors(summary)
    values = {name: summary.get(name) for name in ("transfer_delay_p90_s", "ingest_delay_p90_s")}
    # below 0 is no delay, but two clocks that disagree
    values = {name: None if value is None or value < 0 else value for name, value in values.items()}
    return {**values, "error_share": n_error / n_files if n_files else None}


def _errors(summary: Mapping[str, Any]) -> int:
    return int(summary.get("n_error") or 0) - int(
        summary.get("n_acknowledged_errors") or 0
    )  # what is known is no news


def usual_limits(summaries: Iterable[Mapping[str, Any] | None]) -> list[dict[str, float]]:
    """For each night, oldest first, what nine of ten of the NIGHTS before it with a value stayed below, by measure.

    A measure of which fewer than LEAST nights are known is not among them; None stands for a night not judged yet.
    """
    windows = {measure.name: Window() for measure in MEASURES}
    made = []
    for summary in summaries:
        made.append(
            {name: edge for name, window in windows.items() if (edge := window.edge()) is not None}
        )
        values = numbers(summary) if summary else {}
        for name, window in windows.items():
            window.add(values.get(name))
    return made


class Window:
    """The values of the last NIGHTS nights, kept in order as they pass."""

    def __init__(self) -> None:
        self._nights: deque[float | None] = deque()
        self._sorted: list[float] = []

    def add(self, value: float | None) -> None:
        if len(self._nights) == NIGHTS and (old := self._nights.popleft()) is not None:
            del self._sorted[bisect.bisect_left(self._sorted, old)]
        value = None if value is None or not math.isfinite(value) else value
        self._nights.append(value)
        if value is not None:
            bisect.insort(self._sorted, value)

    def edge(self) -> float | None:
        n = len(self._sorted)
        return None if n < LEAST else self._sorted[math.ceil(0.9 * n) - 1]

    def quantile(self, share: float) -> float | None:
        """The value that this share of the nights' stay below, between two of them where it falls there; None while few are known."""
        if len(self._sorted) < LEAST:
            return None
        place, part = divmod((len(self._sorted) - 1) * share, 1)
        low, high = self._sorted[int(place)], self._sorted[math.ceil(place + part)]
        return low + (high - low) * part


def worse(summary: Mapping[str, Any], edge_of: Mapping[str, float]) -> dict[str, float]:
    """The measures in which a night is worse than usual, each with the edge of the usual."""
    values = numbers(summary)
    found = {}
    for measure in MEASURES:
        value, edge = values[measure.name], edge_of.get(measure.name)
        if (
            value is None
            or edge is None
            or (measure.name == "error_share" and _errors(summary) < LEAST_ERRORS)
        ):
            continue
        if value > edge * measure.factor and value - edge > measure.more:
            found[measure.name] = edge
    return found
