"""Timeline of a night: its exposures as strips over time.

Places along the time axis are percent of its length, so that text keeps its size on any screen.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.charts.drawings import Box, Curve, Line, Mark, Strip, Tick, Timeline
from observing_monitor.charts.under_the_sky import sky_words
from observing_monitor.model import sky, wording
from observing_monitor.model.columns import OBSERVATION_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pandas import DataFrame

    from observing_monitor.model.position import Position
    from observing_monitor.tables.intervals import Floats, Rows, Taken
    from observing_monitor.tables.night_use import NightUse

UTC = datetime.UTC
# Narrower exposures are drawn with the one before: a strip has no more marks than this.
MAX_MARKS = 800  # of a strip
MANY, MAX_OF_MANY = 1000, 450  # of a night with many exposures: marks of all strips
NARROWEST = 0.12  # percent: a pixel on most screens
MAX_STRIPS = 16
MAX_POINTS = 300  # of a line
MAX_LINES = 6  # of one metric
N_TONES = 10  # --tone-series-… of the style sheet
HOUR_S = 3600


class Metric(NamedTuple):
    """Values of a metric in a night."""

    label: str  # as the settings name it
    values: DataFrame  # columns `columns.METRICS`


class Place(NamedTuple):
    """Position and time zone of a telescope."""

    position: Position | None
    timezone: str


def timeline(
    exposures: DataFrame,
    use: NightUse,
    bounds: tuple[datetime.datetime, datetime.datetime],
    place: Place,
    series: Sequence[Metric] = (),
    hrefs: Mapping[str, str] | None = None,
    late: Floats | None = None,
) -> Timeline | None:
    """Return the timeline of a night; None if no exposure has a time.

    Parameters
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`.
    use : NightUse
        Its gaps are shown.
    bounds : tuple of datetime
        When the night begins and ends. Exposures outside do not stretch the axis.
    place : Place
    series : sequence of Metric
        The metrics that the settings name.
    hrefs : mapping, optional
        Where the row of each exposure is, by its anchor; by default, on the same page.
    late : array of float, optional
        Seconds since 1970 at which files were created that came late, or were not ingested.
    """
    from observing_monitor.tables.intervals import of_exposures

    taken = of_exposures(exposures)
    over = sky.sky_of(*bounds, place.position) if place.position else None
    axis = _axis(taken, over, bounds)
    if axis is None:
        return None
    zone, ticks = _ticks(axis, place.timezone)
    curves = {one.label: _curve(one, axis) for one in series}
    listed = _listed(exposures, taken, hrefs)
    return Timeline(
        strips=[*_strips(exposures, listed, axis), *_late_strip(late, axis)],
        gaps=_gaps(use, axis),
        sky=[_box(span, axis) for span in over.sun if span.name != "day"] if over else [],
        moon=[_box(span, axis) for span in over.moon if axis.is_in(span)] if over else [],
        ticks=ticks,
        zone=zone,
        known_until=axis.percent(use.known_until.timestamp()) if use.known_until else None,
        curves=[curve for curve in curves.values() if curve],
        missing=[label for label, curve in curves.items() if curve is None],
        words=sky_words(over).replace(" (bar at the top)", "") if over else "",
    )


# --- the axis ------------------------------------------------------------------------------------


class Axis(NamedTuple):
    """The time that is shown, in seconds since 1970."""

    start: float
    end: float

    def percent(self, at: float) -> float:
        """Return the place of an instant, within the axis."""
        return round(100 * (min(max(at, self.start), self.end) - self.start) / self.length, 3)

    @property
    def length(self) -> float:
        """Its length in seconds."""
        return self.end - self.start

    def is_in(self, span: sky.Span) -> bool:
        """True if a span is on the axis at least in part."""
        return span.ends_at.timestamp() > self.start and span.starts_at.timestamp() < self.end


def _axis(
    taken: Taken, over: sky.Sky | None, bounds: tuple[datetime.datetime, datetime.datetime]
) -> Axis | None:
    """Return the axis: full hours with the dark time and all exposures."""
    first, last = (at.timestamp() for at in bounds)
    is_inside = (taken.ends >= first) & (taken.starts < last)
    if not is_inside.any():
        return None
    shown = [taken.starts[is_inside].min(), taken.ends[is_inside].max()]
    for span in over.sun if over else ():
        if span.name != "day":
            shown += [span.starts_at.timestamp(), span.ends_at.timestamp()]
    start, end = min(shown) // HOUR_S * HOUR_S, -(-max(shown) // HOUR_S) * HOUR_S
    if start == end:  # a bias at the full hour, which takes no time
        end += HOUR_S
    return Axis(float(max(start, first)), float(min(end, last)))


def _ticks(axis: Axis, timezone: str) -> tuple[str, list[Tick]]:
    """Return the name of the local time, and the full hours (UTC)."""
    from zoneinfo import ZoneInfo

    zone, names, made = ZoneInfo(timezone) if timezone else None, [], []
    hour = int(-(-axis.start // HOUR_S))
    while hour * HOUR_S <= axis.end:
        at = datetime.datetime.fromtimestamp(hour * HOUR_S, UTC)
        local = at.astimezone(zone) if zone else None
        names += [_zone_name(local)] if local else []
        words = _local_hour(local) if local else ""
        made.append(Tick(axis.percent(hour * HOUR_S), f"{at:%H}", words, bool(at.hour % 2)))
        hour += 1
    return ", then ".join(dict.fromkeys(names)), made


def _zone_name(local: datetime.datetime) -> str:
    """Return the name of a local time.

    Many zones have only numbers, such as -03.
    """
    name = local.tzname() or ""
    return f"UTC{name}".replace("-", "−") if name.startswith(("+", "-")) else name


def _local_hour(local: datetime.datetime) -> str:
    return f"{local:%H:%M}" if local.minute else f"{local:%H}"


def _box(span: sky.Span, axis: Axis) -> Box:
    x, end = (axis.percent(at.timestamp()) for at in (span.starts_at, span.ends_at))
    words = f"{span.name}, {_span_text(span.starts_at.timestamp(), span.ends_at.timestamp())}"
    return Box(x, round(end - x, 3), span.name.replace(" ", "-").lower(), words, "")


def _clock(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, UTC):%H:%M}"


def _dated(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, UTC):%m-%d %H:%M}"


def _span_text(start: float, end: float) -> str:
    """Return a span such as `11-30 10:50–10:51 UTC`."""
    return f"{_dated(start)}–{_clock(end)} UTC"


# --- exposures -----------------------------------------------------------------------------------


class _Exposures(NamedTuple):
    """A night's exposures, as lists: faster than a table."""

    taken: Taken
    names: list[str]
    facts: list[tuple[float, str, str, float]]  # exposure time, target, program, airmass
    hrefs: Mapping[str, str] | None


def _listed(exposures: DataFrame, taken: Taken, hrefs: Mapping[str, str] | None) -> _Exposures:
    names = exposures["exposure"].fillna("").tolist()
    columns = [
        exposures["exposure_time_s"].tolist(),
        *(exposures[name].fillna("").tolist() for name in ("target", "program")),
        exposures["airmass"].tolist(),
    ]
    return _Exposures(taken, names, list(zip(*columns, strict=True)), hrefs)


def _strips(exposures: DataFrame, listed: _Exposures, axis: Axis) -> list[Strip]:
    """Return one strip per type, or per filter."""
    import numpy as np

    kinds = exposures["observation_type"].fillna("other").astype(str).to_numpy()
    known = exposures["physical_filter"].fillna(exposures["band"])
    filters = known.fillna("").astype(str).to_numpy()
    is_shown = (listed.taken.ends >= axis.start) & (listed.taken.starts <= axis.end)
    order = [*dict.fromkeys(("science", *OBSERVATION_TYPES)), *sorted(set(kinds))]
    named: list[tuple[str, Rows]] = []
    for kind in dict.fromkeys(order):
        of_kind = np.flatnonzero((kinds == kind) & is_shown)
        named += [
            (f"{kind} {name}".strip(), of_kind[filters[of_kind] == name])
            for name in sorted(set(filters[of_kind]))
        ]
    tones, strips = _tones([label for label, _ in named]), _bounded(named)
    is_crowded = sum(len(rows) for _, rows in strips) > MANY
    most = MAX_OF_MANY // len(strips) if is_crowded else MAX_MARKS
    return [Strip(label, tones[label], _marks(listed, rows, axis, most)) for label, rows in strips]


def _bounded(named: list[tuple[str, Rows]]) -> list[tuple[str, Rows]]:
    """Return strips; the rarest are one if there are too many."""
    import numpy as np

    if len(named) <= MAX_STRIPS:
        return named
    largest = sorted(named, key=lambda one: -len(one[1]))[: MAX_STRIPS - 1]
    kept = [one for one in named if any(one is other for other in largest)]
    rest = [rows for one in named if not any(one is other for other in kept) for rows in [one[1]]]
    return [*kept, ("others", np.sort(np.concatenate(rest)))]


def _tones(labels: Sequence[str]) -> Mapping[str, str]:
    tones = {label: f"series-{number % N_TONES}" for number, label in enumerate(labels)}
    return tones | {"others": "series-8"}


def _marks(listed: _Exposures, rows: Rows, axis: Axis, most: int) -> list[Mark]:
    """Return the marks of a strip, `most` of them; close ones are one."""
    starts = listed.taken.starts
    nearest = axis.length / most
    groups: list[list[int]] = []
    for row in rows[starts[rows].argsort(kind="stable")].tolist():
        if groups and starts[row] - starts[groups[-1][0]] < nearest:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [_mark(listed, group, axis) for group in groups]


def _mark(listed: _Exposures, group: Sequence[int], axis: Axis) -> Mark:
    first, name = group[0], listed.names[group[0]]
    start, end = listed.taken.starts[first], max(listed.taken.ends[row] for row in group)
    x, times = axis.percent(start), _span_text(start, end)
    if len(group) > 1:
        words = f"{len(group)} exposures, {name} to {listed.names[group[-1]]}, {times}"
    else:
        words = ", ".join([name, times, *_facts(*listed.facts[first])])
    anchor = wording.exposure_anchor(name)
    href = f"#{anchor}" if listed.hrefs is None else listed.hrefs.get(anchor, "")
    return Mark(x, max(round(axis.percent(end) - x, 3), NARROWEST), href, words)


def _facts(exposure_time_s: float, target: str, program: str, airmass: float) -> list[str]:
    """Return facts about an exposure, besides its type and filter."""
    facts = [] if math.isnan(exposure_time_s) else [f"{wording.rounded(exposure_time_s)} s"]
    facts += [text for text in (target, program) if text]
    return facts if math.isnan(airmass) else [*facts, f"airmass {airmass:.2f}"]


def _late_strip(late: Floats | None, axis: Axis) -> list[Strip]:
    """Return the strip of late and failed files, if any."""
    import numpy as np

    if late is None:
        return []
    times = np.sort(late[(late >= axis.start) & (late <= axis.end)])
    if not len(times):
        return []
    # several files of one exposure are one mark
    bins = np.floor((times - axis.start) / axis.length * MAX_MARKS)
    starts = np.flatnonzero(np.diff(bins, prepend=-1)).tolist()
    marks = []
    for start, end in zip(starts, [*starts[1:], len(times)], strict=True):
        words = f"{wording.n_of(end - start, 'file')}, {_dated(times[start])} UTC"
        marks.append(Mark(axis.percent(times[start]), 2 * NARROWEST, "", words))
    return [Strip("late or failed files", "failed", marks)]


def _gaps(use: NightUse, axis: Axis) -> list[Box]:
    made = []
    for gap in use.gaps or ():
        at = gap.starts_at.timestamp()
        x, end = axis.percent(at), axis.percent(at + gap.length_s)
        words = wording.seconds(gap.length_s)
        times = f"gap of {words}, {_span_text(at, at + gap.length_s)}"
        made.append(Box(x, round(end - x, 3), "gap", times, words if end - x > 8 else ""))
    return made


# --- metrics -------------------------------------------------------------------------------------


def _curve(series: Metric, axis: Axis) -> Curve | None:
    """Return a metric as lines, one per node, or None."""
    import numpy as np

    from observing_monitor.tables.intervals import seconds

    values = series.values.assign(at=seconds(series.values["sampled_at"]))
    is_shown = (values["at"] >= axis.start) & (values["at"] <= axis.end)
    values = values[is_shown & np.isfinite(values["value"])].sort_values("at", kind="stable")
    if values.empty:
        return None
    unit = next((str(u) for u in values["unit"].dropna() if u), "")
    by, unit = wording.scale(float(values["value"].abs().max()), unit)
    low, high = float(values["value"].min()), float(values["value"].max())
    nodes = [node for node, _ in values.groupby(values["node"].fillna(""), sort=True)]
    shown = nodes[:1] if nodes[0] == "" else nodes[:MAX_LINES]
    lines = []
    for number, node in enumerate(shown):
        of_node = values[values["node"].fillna("") == node]
        points = _thinned(of_node["at"].to_numpy(), of_node["value"].to_numpy(), axis)
        lines.append(_line(points, (low, high), axis, f"series-{number % N_TONES}"))
    texts = wording.rounded(low / by), wording.rounded(high / by)
    label = f"{series.label}, {unit}" if unit else series.label
    left_out = f"; {len(nodes) - len(shown)} more nodes" if len(nodes) > len(shown) > 1 else ""
    return Curve(label, *texts, lines, f"{label}: {texts[0]} to {texts[1]}{left_out}")


def _thinned(times: Floats, values: Floats, axis: Axis) -> list[tuple[float, float]]:
    """Return points; of many, the lowest and the highest of each bin."""
    import numpy as np

    if len(times) <= MAX_POINTS:
        return list(zip(times.tolist(), values.tolist(), strict=True))
    bins = np.floor((times - axis.start) / axis.length * MAX_POINTS / 2).astype(int)
    kept: set[int] = set()
    edges = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1)).tolist()
    for start, end in zip(edges, [*edges[1:], len(bins)], strict=True):
        part = values[start:end]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    return [(float(times[row]), float(values[row])) for row in sorted(kept)]


def _line(
    points: Sequence[tuple[float, float]], span: tuple[float, float], axis: Axis, css: str
) -> Line:
    low, high = span
    height = (high - low) or 1.0
    placed = [
        (axis.percent(at), round(95 - 90 * (value - low) / height, 1) if high > low else 50.0)
        for at, value in points
    ]
    joined = " ".join(f"{round(10 * x, 1):g},{y:g}" for x, y in placed)
    return Line(css, joined, placed if len(placed) <= MAX_POINTS // 2 else [])
