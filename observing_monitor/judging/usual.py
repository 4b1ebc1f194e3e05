"""Usual values of a stream, from the 30 nights before a night.

Only the rows of the index are needed.
"""

from __future__ import annotations

import bisect
import math
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


# a night is compared with this many nights before it
NIGHTS = 30
# with fewer known values nothing is "usual"
LEAST = 5


class Measure(msgspec.Struct, frozen=True):
    """A number of which more is worse, and how much worse matters.

    It must exceed the limit by `factor` and by `more`, in the number's unit: small values are
    no problem. With fewer than `least` nights before it, there is no limit.
    """

    name: str
    factor: float
    more: float
    least: int = LEAST


MEASURES = (
    Measure("transfer_delay_p90_s", 1.5, 60.0),
    Measure("ingest_delay_p90_s", 1.5, 60.0),
    Measure("error_share", 1.5, 0.02),
    Measure("overhead_median_s", 1.2, 1.0, least=10),
    Measure("image_quality_median", 1.2, 0.0, least=10),
)
# with fewer errors their share means nothing
LEAST_ERRORS = 3
# numbers of exposures, whose medians mean nothing with fewer than LEAST_SCIENCE science exposures
OF_EXPOSURES = ("overhead_median_s", "image_quality_median")
LEAST_SCIENCE = 5


def numbers(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Return a night's value of each measure; None or nothing if unknown.

    `summary` has the names of `columns.NIGHTS`.
    """
    n_files, n_error = summary.get("n_files") or 0, _errors(summary)
    values = {name: summary.get(name) for name in ("transfer_delay_p90_s", "ingest_delay_p90_s")}
    # a negative delay only shows that two clocks differ
    values = {name: None if value is None or value < 0 else value for name, value in values.items()}
    if (summary.get("n_exposures_science") or 0) >= LEAST_SCIENCE:
        # a share of a number below 0 has no meaning
        known = {name: value for name in OF_EXPOSURES if (value := summary.get(name)) is not None}
        values |= {name: value for name, value in known.items() if value >= 0}
    return {**values, "error_share": n_error / n_files if n_files else None}


def _errors(summary: Mapping[str, Any]) -> int:
    """Count errors that are not acknowledged."""
    return int(summary.get("n_error") or 0) - int(summary.get("n_acknowledged_errors") or 0)


def usual_limits(summaries: Iterable[Mapping[str, Any] | None]) -> list[dict[str, float]]:
    """Return each night's limits of the usual, by measure.

    A limit is the value that nine of ten of the NIGHTS before it with a value do not exceed. A
    measure with too few such nights has none.

    Parameters
    ----------
    summaries : iterable of mapping
        Oldest night first; None for a night that is not judged yet.
    """
    windows = {measure.name: (Window(), measure.least) for measure in MEASURES}
    made = []
    for summary in summaries:
        made.append(
            {
                name: limit
                for name, (window, least) in windows.items()
                if (limit := window.limit(least)) is not None
            }
        )
        values = numbers(summary) if summary else {}
        for name, (window, _) in windows.items():
            window.add(values.get(name))
    return made


class Window:
    """The values of the last NIGHTS nights."""

    def __init__(self) -> None:
        self._nights: deque[float | None] = deque()
        self._sorted: list[float] = []

    def add(self, value: float | None) -> None:
        """Add the next night's value, or None; drop the oldest."""
        if len(self._nights) == NIGHTS and (old := self._nights.popleft()) is not None:
            del self._sorted[bisect.bisect_left(self._sorted, old)]
        value = None if value is None or not math.isfinite(value) else value
        self._nights.append(value)
        if value is not None:
            bisect.insort(self._sorted, value)

    def limit(self, least: int = LEAST) -> float | None:
        """Return the value that nine of ten nights do not exceed.

        None with fewer than `least` values.
        """
        n = len(self._sorted)
        return None if n < least else self._sorted[math.ceil(0.9 * n) - 1]

    def quantile(self, share: float) -> float | None:
        """Return a quantile, linear between two values.

        None with fewer than LEAST values.
        """
        if len(self._sorted) < LEAST:
            return None
        place, part = divmod((len(self._sorted) - 1) * share, 1)
        low, high = self._sorted[int(place)], self._sorted[math.ceil(place + part)]
        return low + (high - low) * part


def worse(summary: Mapping[str, Any], limits: Mapping[str, float]) -> dict[str, float]:
    """Return measures that are worse than usual, with their limits."""
    values = numbers(summary)
    found = {}
    for measure in MEASURES:
        value, limit = values.get(measure.name), limits.get(measure.name)
        if value is None or limit is None:
            continue
        if measure.name == "error_share" and _errors(summary) < LEAST_ERRORS:
            continue
        if value > limit * measure.factor and value - limit > measure.more:
            found[measure.name] = limit
    return found
