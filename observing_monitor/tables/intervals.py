"""Intervals of time, as arrays of seconds since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    Floats: TypeAlias = NDArray[np.float64]
    Spans: TypeAlias = NDArray[np.float64]  # two columns: start, end
    Rows: TypeAlias = NDArray[np.int64]
    Flags: TypeAlias = NDArray[np.bool_]


class Taken(NamedTuple):
    """Start and end of each exposure; NaN if unknown."""

    starts: Floats
    ends: Floats

    def spans(self, chosen: Flags | None = None) -> Spans:
        """Return the known intervals, of the chosen rows only."""
        is_known = ~np.isnan(self.starts)
        if chosen is not None:
            is_known &= chosen
        return np.column_stack((self.starts[is_known], self.ends[is_known]))


class Idle(NamedTuple):
    """Times without any exposure, also at both ends."""

    starts: Floats
    ends: Floats
    after: Rows  # row of the exposure that ended; -1 before the first one
    before: Rows  # row of the exposure that starts; -1 after the last one


def of_exposures(exposures: DataFrame) -> Taken:
    """Return when each exposure started and ended.

    An unknown end is the start and the exposure time, an unknown start the end less that time.
    An end before its start is not believed.
    """
    starts, ends = seconds(exposures["started_at"]), seconds(exposures["ended_at"])
    lasted = np.nan_to_num(exposures["exposure_time_s"].to_numpy("float64"), posinf=0.0, neginf=0.0)
    lasted = np.maximum(lasted, 0.0)
    starts = np.where(np.isnan(starts), ends - lasted, starts)
    is_odd = np.isnan(ends) | (ends < starts)
    return Taken(starts, np.where(is_odd, starts + lasted, ends))


def seconds(instants: Series[Any]) -> Floats:
    """Return instants as seconds since 1970; NaT becomes NaN."""
    values = instants.to_numpy("datetime64[us]")
    made = values.astype("int64") / 1e6
    return np.where(np.isnat(values), np.nan, made)


def spans_of(pairs: Sequence[tuple[float, float]]) -> Spans:
    """Return pairs of start and end as an array."""
    return np.array(pairs, "float64").reshape(-1, 2)


def union(spans: Spans) -> Spans:
    """Return the time that any of the spans covers, in order."""
    if not len(spans):
        return spans_of([])
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    latest = np.maximum.accumulate(ordered[:, 1])
    is_first = np.append(True, ordered[1:, 0] > latest[:-1])
    lasts = np.append(np.flatnonzero(is_first)[1:] - 1, len(ordered) - 1)
    return np.column_stack((ordered[is_first, 0], latest[lasts]))


def cut(spans: Spans, within: Spans | None) -> Spans:
    """Return the parts of spans within others; all of them for None."""
    if within is None:
        return spans
    parts = [
        np.column_stack((np.maximum(spans[:, 0], start), np.minimum(spans[:, 1], end)))
        for start, end in within.tolist()
    ]
    made = np.concatenate([*parts, spans_of([])])
    return made[made[:, 1] > made[:, 0]]


def length(spans: Spans | None) -> float:
    """Return the sum of the spans' lengths; they must not overlap."""
    return 0.0 if spans is None or not len(spans) else float((spans[:, 1] - spans[:, 0]).sum())


def idle_times(taken: Taken) -> Idle:
    """Return the times without any exposure.

    The first one has no beginning and the last one no end. Exposures that touch have an idle time
    of length 0 between them.
    """
    rows = np.flatnonzero(~np.isnan(taken.starts))
    rows = rows[np.lexsort((taken.ends[rows], taken.starts[rows]))]
    starts, ends = taken.starts[rows], taken.ends[rows]
    latest = np.maximum.accumulate(ends) if len(ends) else ends
    # the exposure that ends last among those up to each row
    is_new = ends >= latest
    enders = rows[np.maximum.accumulate(np.where(is_new, np.arange(len(rows)), 0))]
    begins = np.concatenate(([-np.inf], latest))
    stops = np.concatenate((starts, [np.inf]))
    is_idle = stops >= begins
    after, before = np.concatenate(([-1], enders)), np.concatenate((rows, [-1]))
    return Idle(begins[is_idle], stops[is_idle], after[is_idle], before[is_idle])
