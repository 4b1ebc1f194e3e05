"""The usual flow of files, and through each stage, in the last nights."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.judging.usual import NIGHTS
from observing_monitor.model.rhythm import N_BINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from observing_monitor.model.rhythm import Flow
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow


# name of the flow of files among those of stages
FILES = ""
# what so many of the nights have is usual
USUAL_SHARE = 0.75
# in darkness, which bounds the hours as well, fewer are enough
DARK_SHARE = 0.5
# with fewer nights the usual delay of arrivals is not known
LEAST_LATE = 3
# rows keep their rhythm for this many nights; only the last NIGHTS are used
KEPT_NIGHTS = 40


class UsualFlow(msgspec.Struct, frozen=True):
    """The usual flow of files, or through a stage."""

    # nights with files
    n_nights: int = 0
    # usual time from one file to the next; None if it is not known
    every_s: float | None = None
    # the 99 % point of these times, which nine of ten nights do not exceed
    gap_s: float = 0.0
    # usual time from creation to arrival
    late_s: float = 0.0
    # seconds from the start of the night until there usually is a file; None if often none comes
    by_s: float | None = None
    # the bins that many of the nights with files have: a bit for each
    hours: int = 0
    # of the file before this night
    last_at: str = ""


def usual_flows(
    rows: Mapping[str, IndexRow], night: datetime.date, stream: Stream
) -> dict[str, UsualFlow]:
    """Return the usual flow of files, and through each stage.

    They are those of the last NIGHTS nights.

    Parameters
    ----------
    rows : mapping
        The rows of the stream's index, by night.
    night : date
        The nights before it count.
    stream : Stream
    """
    share = DARK_SHARE if stream.position else USUAL_SHARE
    dates = [night - datetime.timedelta(days=n) for n in range(NIGHTS, 0, -1)]
    there = [row for date in dates if (row := rows.get(date.isoformat()))]
    rhythms = [row["rhythm"] for row in there if row.get("rhythm") and _is_known(row)]
    late = [late_s for one in rhythms if (late_s := one["late_s"]) is not None]
    late_s = _point(late, 0.5) if len(late) >= LEAST_LATE else 0.0
    made = {FILES: _usual([one["files"] for one in rhythms], share, late_s)}
    with_files = [one for one in rhythms if one["files"]]
    for stage in stream.stages:
        made[stage] = _usual([one["stages"].get(stage) for one in with_files], share)
    return made


def _is_known(row: IndexRow) -> bool:
    """True if a row says whether files came, and when."""
    rhythm = row["rhythm"]
    if rhythm["n_files"]:
        return rhythm["files"] is not None
    return not row.get("silent")


def _usual(nights: Sequence[Flow | None], share: float, late_s: float = 0.0) -> UsualFlow:
    """Return the usual flow of some nights, oldest first.

    None is a night without files. `share` of the others must have an hour for it to be usual.
    """
    flows = [flow for flow in nights if flow]
    if not flows:
        return UsualFlow()
    medians = [s for flow in flows if (s := flow["median_s"]) is not None]
    gaps = [s for flow in flows if (s := flow["p99_s"]) is not None]
    by_s = _point([flow["first_s"] if flow else math.inf for flow in nights], USUAL_SHARE)
    bins = [int(flow["bins"], 16) for flow in flows]
    return UsualFlow(
        n_nights=len(flows),
        every_s=_point(medians, 0.5) if medians else None,
        gap_s=_point(gaps, 0.9) if gaps else 0.0,
        late_s=late_s,
        by_s=by_s if math.isfinite(by_s) else None,
        hours=_common(bins, share),
        last_at=flows[-1]["last_at"],
    )


def _point(values: Iterable[float], share: float) -> float:
    """Return the value that a share of some values do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def _common(bins: Sequence[int], share: float) -> int:
    """Return the bits that a share of some numbers have."""
    least = share * len(bins)
    return sum(1 << bit for bit in range(N_BINS) if sum(one >> bit & 1 for one in bins) >= least)


def is_kept(night: datetime.date, tonight: datetime.date) -> bool:
    """True if a night's row keeps its rhythm."""
    return (tonight - night).days <= KEPT_NIGHTS


def forget_old(rows: Mapping[str, IndexRow], tonight: datetime.date) -> None:
    """Remove the rhythm of old nights, so that the index stays small."""
    first = (tonight - datetime.timedelta(days=KEPT_NIGHTS)).isoformat()
    for night, row in rows.items():
        if night < first:
            row.pop("rhythm", None)
