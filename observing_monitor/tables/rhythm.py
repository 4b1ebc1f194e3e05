"""The rhythm of a night: how often files came, and passed each stage."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from observing_monitor.model.nights import ONE_DAY, iso_utc
from observing_monitor.model.rhythm import BIN_S, N_BINS, Flow, Rhythm
from observing_monitor.tables.classify import DONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    Seconds = NDArray[Any]
    Bounds = tuple[datetime.datetime, datetime.datetime]


# files of the same minute count once: an exposure has many, and a copy brings them at once
STEP_S = 60
# the hours between two files count as hours with files if the gap is no longer than this
LEAST_FILLED_S = 1800
FILLED_GAPS = 3
# classes of files that no stage has to take
NOT_DUE = ("gone", "ignored", "not_fits", "small")


def rhythm_of(
    judged: DataFrame,
    ingests: DataFrame,
    stages: Iterable[str],
    bounds: Bounds,
    now: datetime.datetime,
) -> Rhythm:
    """Return how often files came, and passed each stage.

    Parameters
    ----------
    judged : DataFrame
        From `classify`.
    ingests : DataFrame
        Attempts of the night.
    stages : iterable of str
    bounds : pair of datetime
        When the night and the next one begin. Times outside are left out.
    now : datetime
        Times after it are left out.
    """
    came_s = _came(judged, bounds, now)
    flows, waits = dict[str, Flow](), dict[str, str]()
    for stage in stages:
        done = ingests[(ingests["stage"] == stage) & ingests["status"].isin(DONE)]
        passed_s = _offsets(done["attempted_at"], bounds, now)
        if flow := _flow(passed_s.to_numpy(), bounds[0]):
            flows[stage] = flow
        is_due = ~judged["file_class"].isin(NOT_DUE) & ~judged["file_id"].isin(done["file_id"])
        # those before the last one that passed are late for another reason
        waiting_s = came_s[is_due & ~(came_s <= passed_s.max())].dropna()
        if len(waiting_s):
            waits[stage] = _instant(bounds[0], float(waiting_s.min()))
    return {
        "n_files": len(judged),
        "files": _flow(came_s.to_numpy(), bounds[0]),
        "stages": flows,
        "waits": waits,
        "late_s": _lateness(judged, bounds),
    }


def _offsets(instants: Series, bounds: Bounds, now: datetime.datetime) -> Series[float]:
    """Return seconds since the start of the night; NaN outside of it."""
    start, end = bounds
    seconds = (instants - start).dt.total_seconds()
    last = min((end - start).total_seconds(), (now - start).total_seconds() + 1)
    return seconds.where((seconds >= 0) & (seconds < last))


def _came(judged: DataFrame, bounds: Bounds, now: datetime.datetime) -> Series[float]:
    """Return when each file was created, or else arrived.

    The arrival is known less well: it changes if a tree is copied or its permissions are changed.
    """
    created = _offsets(judged["created_at"], bounds, now)
    return created.fillna(_offsets(judged["transferred_at"], bounds, now))


def _flow(offsets_s: Seconds, start: datetime.datetime) -> Flow | None:
    """Return the numbers of a flow; None without any time."""
    import numpy as np

    known = offsets_s[~np.isnan(offsets_s)]
    if not len(known):
        return None
    minutes = np.unique(known // STEP_S) * STEP_S
    gaps = np.diff(minutes)
    median_s = round(float(np.median(gaps)), 1) if len(gaps) else None
    return {
        "first_s": round(float(known.min()), 1),
        "last_at": _instant(start, float(known.max())),
        "median_s": median_s,
        "p99_s": round(float(np.quantile(gaps, 0.99)), 1) if len(gaps) else None,
        "bins": _bins(minutes, gaps, median_s or 0.0),
    }


def _bins(minutes: Seconds, gaps: Seconds, median_s: float) -> str:
    """Return the bins with files, or between near ones.

    Files of the nights before and after are taken to be near the bounds.
    """
    numbers = (minutes // BIN_S).astype(int).clip(0, N_BINS - 1).tolist()
    bits = 0
    for number in numbers:
        bits |= 1 << number
    longest_s = max(FILLED_GAPS * median_s, LEAST_FILLED_S)
    is_filled = (gaps <= longest_s).tolist()
    for before, after, fills in zip(numbers, numbers[1:], is_filled, strict=False):
        if fills:
            bits |= (1 << after) - (1 << before)
    if minutes[0] <= longest_s:
        bits |= (1 << numbers[0]) - 1
    if N_BINS * BIN_S - minutes[-1] <= longest_s:
        bits |= (1 << N_BINS) - (1 << numbers[-1])
    return f"{bits:x}"


def _lateness(judged: DataFrame, bounds: Bounds) -> float | None:
    """Return the median time from creation to arrival.

    None if most files have no arrival within a day of the night: their tree was copied later.
    """
    arrived = judged["transferred_at"]
    late = (arrived - judged["created_at"]).dt.total_seconds()
    late = late[(arrived < bounds[1] + ONE_DAY) & (late >= 0)]
    return round(float(late.median()), 1) if len(late) and 2 * len(late) >= len(judged) else None


def _instant(start: datetime.datetime, offset_s: float) -> str:
    return iso_utc((start + datetime.timedelta(seconds=offset_s)).replace(microsecond=0))
