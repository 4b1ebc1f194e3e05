"""The use of a night.

The words are explained in `docs/use_of_the_night.md`. Instants are seconds since 1970 inside.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from observing_monitor.model import sky
from observing_monitor.model.columns import OBSERVATION_TYPES
from observing_monitor.tables import intervals

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from observing_monitor.model.position import Position
    from observing_monitor.tables.intervals import Flags, Floats, Spans

# the shutter stays closed
CLOSED = ("bias", "dark")
# column -> heading of the tables of exposures; exposures without a value come last
GROUPED_BY = ("observation_type", "physical_filter", "program", "target")
# types, in the order in which pages show them
OF_TYPES = tuple(dict.fromkeys(("science", *OBSERVATION_TYPES)))
# parts of a night between the twilights, in the order in which pages show them
SHARES = ("science", "other", "readout", "overhead", "gaps")


class UseSettings(NamedTuple):
    """Settings of a stream that the use of a night depends on."""

    twilight_deg: float = 12.0  # the night is dark while the Sun is so far below the horizon
    gap_min_s: float = 600.0  # only a longer time without an exposure is a gap
    readout_s: float = 0.0  # not overhead
    image_quality: str = ""  # the measure that is the image quality


class NightSpan(NamedTuple):
    """Begin and end of a night, and up to when it is known."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    known_until: datetime.datetime | None = None  # None if the night is over


class Gap(msgspec.Struct, frozen=True):
    """A long time without an exposure, within the twilights."""

    starts_at: datetime.datetime
    length_s: float
    after: str  # exposure before it; "" if there is none
    before: str  # exposure after it; "" if there is none


class Group(msgspec.Struct, frozen=True):
    """Exposures that have a value in common; "" if they have none."""

    name: str
    n: int
    exposure_time_s: float
    open_shutter_s: float


class Measure(msgspec.Struct, frozen=True):
    """Median of a number that exposures have, such as seeing."""

    name: str
    unit: str
    median: float
    n: int  # values


class NightUse(msgspec.Struct, frozen=True):
    """The use of a night. None stands for what is not known."""

    n_exposures: int
    n_exposures_science: int
    n_undated: int  # exposures without a time, which are in no interval
    open_shutter_s: float
    science_s: float
    evening_at: datetime.datetime | None  # end of evening twilight
    morning_at: datetime.datetime | None  # begin of morning twilight
    known_until: datetime.datetime | None  # None if the whole night is known
    night_s: float | None  # dark time, up to `known_until`
    shares: dict[str, float]  # seconds by SHARES, which add up to night_s; {} without twilights
    gaps: list[Gap] | None  # in order
    started_late_s: float | None
    ended_early_s: float | None
    overhead_s: float | None  # median
    airmass: float | None  # median of science exposures
    measures: list[Measure]  # of science exposures
    groups: dict[str, list[Group]]  # by GROUPED_BY
    image_quality: Measure | None = None  # one of the measures


def use_of_night(
    exposures: DataFrame,
    metrics: DataFrame,
    position: Position | None,
    night: NightSpan,
    settings: UseSettings | None = None,
) -> NightUse | None:
    """Return how a night was used; None if no exposure is known.

    Parameters
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`, one row per exposure.
    metrics : DataFrame
        Columns `columns.METRICS`: rows with `exposure` are measures.
    position : Position or None
        Of the observatory. Without it there are no twilights, and gaps are those between the
        first and the last science exposure.
    night : NightSpan
    settings : UseSettings, optional
    """
    settings = settings or UseSettings()
    if exposures.empty:
        return None
    is_science = (exposures["observation_type"] == "science").to_numpy(bool)
    taken = intervals.of_exposures(exposures)
    dark = _dark(position, night, settings.twilight_deg)
    within = _until(dark, night) if dark is not None else _science_span(taken.spans(is_science))
    idle = intervals.idle_times(taken)
    parts, gaps = _idle_parts(idle, within, settings) if within is not None else (None, None)
    science = intervals.union(taken.spans(is_science))
    busy = intervals.length(intervals.cut(intervals.union(taken.spans()), within))
    science_s = intervals.length(intervals.cut(science, within))
    shares = {}
    if dark is not None and parts is not None:
        shares = {"science": science_s, "other": busy - science_s, **parts}
    evening, morning = _twilights(dark, night)
    over = night.known_until is None or (morning is not None and night.known_until >= morning)
    late, early = _late_and_early(taken.spans(is_science), evening, morning if over else None)
    measures = _measures(metrics, exposures, is_science)
    return NightUse(
        n_exposures=len(exposures),
        n_exposures_science=int(is_science.sum()),
        n_undated=int(np.isnan(taken.starts).sum()),
        open_shutter_s=float(open_shutter(exposures).sum()),
        science_s=science_s,
        evening_at=evening,
        morning_at=morning,
        known_until=None if over else night.known_until,
        night_s=None if dark is None else intervals.length(within),
        shares=shares,
        gaps=None if gaps is None else [_gap(piece, exposures) for piece in gaps],
        started_late_s=late,
        ended_early_s=early,
        overhead_s=_median_overhead(idle, within, settings),
        airmass=_median(exposures["airmass"].to_numpy("float64")[is_science]),
        measures=measures,
        groups={name: _groups(exposures, name) for name in GROUPED_BY},
        image_quality=next((one for one in measures if one.name == settings.image_quality), None),
    )


def numbers_of(use: NightUse) -> dict[str, float | int | None]:
    """Return the numbers of `columns.USE`."""
    of_type = {group.name: group.n for group in use.groups["observation_type"]}
    of_type["other"] = of_type.get("other", 0) + of_type.pop("", 0)
    return {
        **{f"n_exposures_{type_}": of_type.get(type_, 0) for type_ in OF_TYPES},
        "open_shutter_s": round(use.open_shutter_s, 3),
        "science_s": round(use.science_s, 3),
        "night_s": _rounded(use.night_s),
        "gaps_s": None if use.gaps is None else round(sum(gap.length_s for gap in use.gaps), 3),
        "n_time_gaps": None if use.gaps is None else len(use.gaps),
        "started_late_s": _rounded(use.started_late_s),
        "ended_early_s": _rounded(use.ended_early_s),
        "overhead_median_s": _rounded(use.overhead_s),
        "image_quality_median": None if use.image_quality is None else use.image_quality.median,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


# --- twilights -----------------------------------------------------------------------------------


def _dark(position: Position | None, night: NightSpan, depth_deg: float) -> Spans | None:
    """Return the dark spans of a night, or None without a position."""
    if position is None:
        return None
    spans = sky.dark_spans(night.starts_at, night.ends_at, position, depth_deg)
    return intervals.spans_of([(a.timestamp(), b.timestamp()) for a, b in spans])


def _until(dark: Spans, night: NightSpan) -> Spans:
    if night.known_until is None:
        return dark
    return intervals.cut(dark, intervals.spans_of([(-np.inf, night.known_until.timestamp())]))


def _science_span(science: Spans) -> Spans | None:
    """Return the time from the first to the last science exposure."""
    if not len(science):
        return None
    return intervals.spans_of([(science[:, 0].min(), science[:, 1].max())])


def _twilights(
    dark: Spans | None, night: NightSpan
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the end of evening twilight, and the begin of morning twilight.

    None if they do not lie within the night.
    """
    if dark is None or not len(dark):
        return None, None
    evening, morning = _instant(dark[0, 0]), _instant(dark[-1, 1])
    return (
        evening if evening > night.starts_at else None,
        morning if morning < night.ends_at else None,
    )


def _late_and_early(
    science: Spans, evening: datetime.datetime | None, morning: datetime.datetime | None
) -> tuple[float | None, float | None]:
    late = early = None
    if evening is not None:
        after = science[science[:, 1] > evening.timestamp()]
        late = _seconds(after[:, 0].min() - evening.timestamp()) if len(after) else None
    if morning is not None:
        before = science[science[:, 0] < morning.timestamp()]
        early = _seconds(morning.timestamp() - before[:, 1].max()) if len(before) else None
    return late, early


def _seconds(late: float) -> float:
    return max(float(late), 0.0)


def _instant(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(float(seconds), datetime.UTC)


# --- idle time -----------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """Part of the time between two exposures that lies within the twilights."""

    starts: float
    length: float
    after: int  # row of the exposure before; -1 if there is none
    before: int
    begins_inside: bool  # False if the exposure before ended in twilight


def _idle_parts(
    idle: intervals.Idle, within: Spans, settings: UseSettings
) -> tuple[dict[str, float], list[_Piece]]:
    """Return seconds of readout, overhead and gaps; and the gaps."""
    parts, gaps = dict.fromkeys(("readout", "overhead", "gaps"), 0.0), []
    for piece in _pieces(idle, within):
        if piece.length > settings.gap_min_s:
            parts["gaps"] += piece.length
            gaps.append(piece)
            continue
        readout = min(settings.readout_s, piece.length) if piece.begins_inside else 0.0
        parts["readout"] += readout
        parts["overhead"] += piece.length - readout
    return parts, gaps


def _pieces(idle: intervals.Idle, within: Spans) -> list[_Piece]:
    made = []
    for start, end in within.tolist():
        starts, ends = np.maximum(idle.starts, start), np.minimum(idle.ends, end)
        for row in np.flatnonzero(ends > starts).tolist():
            begins_inside = bool(idle.starts[row] >= start)
            length = float(ends[row] - starts[row])
            after, before = int(idle.after[row]), int(idle.before[row])
            made.append(_Piece(float(starts[row]), length, after, before, begins_inside))
    return made


def _gap(piece: _Piece, exposures: DataFrame) -> Gap:
    names = exposures["exposure"].fillna("")
    after, before = (
        str(names.iloc[row]) if row >= 0 else "" for row in (piece.after, piece.before)
    )
    return Gap(_instant(piece.starts), piece.length, after, before)


def _median_overhead(
    idle: intervals.Idle, within: Spans | None, settings: UseSettings
) -> float | None:
    """Return the median overhead between two exposures.

    Only where both lie within the twilights, and there is no gap between them.
    """
    if within is None:
        return None
    is_pair = (idle.after >= 0) & (idle.before >= 0)
    starts, ends = idle.starts[is_pair], idle.ends[is_pair]
    is_inside = np.zeros(len(starts), bool)
    for start, end in within.tolist():
        is_inside |= (starts >= start) & (ends <= end)
    times = (ends - starts)[is_inside]
    times = times[times <= settings.gap_min_s]
    return _median(np.maximum(times - settings.readout_s, 0.0))


# --- sums and medians ----------------------------------------------------------------------------


def open_shutter(exposures: DataFrame) -> Floats:
    """Return each exposure's time with the shutter open."""
    times = np.nan_to_num(exposures["exposure_time_s"].to_numpy("float64"))
    return np.where(exposures["observation_type"].isin(CLOSED).to_numpy(bool), 0.0, times)


def _groups(exposures: DataFrame, column: str) -> list[Group]:
    """Return exposures by a column's values, those without a value last."""
    import pandas as pd

    # ten times as fast as `groupby`, and judging does it for every night
    codes, names = pd.factorize(names_of(exposures, column).fillna(""))
    exposed = np.nan_to_num(exposures["exposure_time_s"].to_numpy("float64"))
    sums = (np.bincount(codes, weights) for weights in (exposed, open_shutter(exposures)))
    rows = zip(names, np.bincount(codes).tolist(), *(one.tolist() for one in sums), strict=True)
    made = [Group(str(name), *numbers) for name, *numbers in rows]
    if column == "observation_type":
        places = {name: place for place, name in enumerate(OF_TYPES)}
        return sorted(made, key=lambda group: (group.name == "", places.get(group.name, 99)))
    return sorted(made, key=lambda group: (group.name == "", -group.open_shutter_s, group.name))


def names_of(exposures: DataFrame, column: str) -> Series[str]:
    """Return a column; a band stands for an unknown filter."""
    values = exposures[column]
    return values.fillna(exposures["band"]) if column == "physical_filter" else values


def _measures(metrics: DataFrame, exposures: DataFrame, is_science: Flags) -> list[Measure]:
    """Return the medians of the numbers that science exposures have, by name."""
    if metrics.empty or metrics["exposure"].isna().all():
        return []
    from observing_monitor.tables.observed import rows_of_metrics

    rows = rows_of_metrics(metrics, exposures)
    of_science = metrics[(rows >= 0) & is_science[rows] & np.isfinite(metrics["value"])]
    return [
        Measure(str(name), _unit(rows), float(rows["value"].median()), len(rows))
        for name, rows in of_science.groupby("name", sort=True)
    ]


def _unit(rows: DataFrame) -> str:
    units = rows["unit"].dropna()
    return str(units.iloc[0]) if len(units) else ""


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
