"""Findings about numbers of exposures, by the limits of the settings."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from observing_monitor.judging.checks import MAX_ROWS
from observing_monitor.judging.exposure_checks import ExposureFindings, of_exposures, told_of
from observing_monitor.model.finding import Finding, Row
from observing_monitor.model.wording import exposure_anchor, measured, n_of, quantity
from observing_monitor.tables.observing_log import measures_of
from observing_monitor.tables.summary import as_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame

    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.settings.records import MeasureLimit
    from observing_monitor.tables.intervals import Flags, Floats, Rows
    from observing_monitor.tables.observing_log import Measure


# how far a value may be beyond a limit: level and setting, from the outside
ABOVE = (("error", "error_above"), ("warning", "warning_above"))
BELOW = (("error", "error_below"), ("warning", "warning_below"))


class _Checked(NamedTuple):
    """The exposures that a limit holds for, and their numbers."""

    limit: MeasureLimit
    unit: str
    exposures: DataFrame
    values: Floats  # NaN if unknown
    source: str


def measure_findings(
    job: NightWork, exposures: DataFrame, metrics: DataFrame
) -> Iterable[ExposureFindings]:
    """Yield the findings about a night's measures.

    Parameters
    ----------
    job : NightWork
    exposures : DataFrame
        Columns `columns.EXPOSURES`.
    metrics : DataFrame
        Columns `columns.METRICS`: rows with `exposure` are measures.
    """
    limits, quality = job.stream.measure_limits, job.stream.image_quality
    names = {*(limit.measure for limit in limits), quality} - {""}
    measures = {one.name: one for one in measures_of(exposures, metrics, names)} if names else {}
    for checked in _checked(limits, exposures, measures):
        yield ExposureFindings(tuple(_beyond(checked)))
        if not np.isfinite(checked.values).any():
            yield unknown(job, checked.exposures, _without(checked))
    is_science = (exposures["observation_type"] == "science").to_numpy(bool)
    if quality and not np.isfinite(_values(measures.get(quality), is_science)).any():
        words = f"image_quality: no {quality} of {n_of(int(is_science.sum()), 'science exposure')}"
        yield unknown(job, exposures[is_science], words)


def _checked(
    limits: Iterable[MeasureLimit], exposures: DataFrame, measures: dict[str, Measure]
) -> Iterable[_Checked]:
    """Yield each limit's exposures; the first that fits counts."""
    is_taken: dict[str, Flags] = {}
    for limit in limits:
        taken = is_taken.setdefault(limit.measure, np.zeros(len(exposures), bool))
        rows = _fits(exposures, limit) & ~taken
        taken |= rows
        own, measure = exposures[rows], measures.get(limit.measure)
        sources = {name for names in own["source"].dropna().unique() for name in names.split()}
        unit = "" if measure is None else measure.unit
        yield _Checked(limit, unit, own, _values(measure, rows), ", ".join(sorted(sources)))


def _values(measure: Measure | None, rows: Flags) -> Floats:
    """Return the numbers of some exposures; NaN if unknown."""
    if measure is None:
        return np.full(int(rows.sum()), np.nan)
    return np.asarray(measure.values, "float64")[rows]


def _fits(exposures: DataFrame, limit: MeasureLimit) -> Flags:
    """Return which exposures a limit is for."""
    is_it = exposures["observation_type"].isin(limit.types)
    if limit.filters:
        is_it &= exposures[["physical_filter", "band"]].isin(limit.filters).any(axis="columns")
    return is_it.to_numpy(bool)


def _beyond(checked: _Checked) -> Iterable[Finding]:
    """Yield a finding for each limit exceeded."""
    for side, sign in ((ABOVE, 1.0), (BELOW, -1.0)):
        is_told = np.zeros(len(checked.values), bool)
        for level, key in side:
            bound = getattr(checked.limit, key)
            if bound is None:
                continue
            with np.errstate(invalid="ignore"):
                is_beyond = np.isfinite(checked.values) & (sign * (checked.values - bound) > 0)
            rows = np.flatnonzero(is_beyond & ~is_told)
            is_told |= is_beyond
            if len(rows):
                worst_first = rows[np.argsort(-sign * checked.values[rows], kind="stable")]
                yield _finding(checked, level, key.partition("_")[2], bound, worst_first)


def _finding(checked: _Checked, level: str, side: str, bound: float, rows: Rows) -> Finding:
    """Return the finding about exposures beyond a limit."""
    name, unit = checked.limit.measure, checked.unit
    values = [measured(value, unit) for value in checked.values[rows[:MAX_ROWS]]]
    first = checked.exposures.iloc[rows[:MAX_ROWS]]
    label = f"{name} {side} {quantity(bound, unit)}"
    worst = first["exposure"].iloc[0]
    words = (
        f"{label}: {len(rows):,} of {_named(checked)}, the worst is exposure {worst} "
        f"with {values[0]}"
    )
    facts = (first[fact] for fact in ("exposure", "observation_type", "target", "started_at"))
    told = [
        Row(str(exposure), f"{name} {value}; {told_of(*more)}")
        for value, exposure, *more in zip(values, *facts, strict=True)
    ]
    finding = Finding(level, words, f"#{exposure_anchor(worst)}", checked.source)
    return of_exposures(finding, label, told, len(rows))


def _named(checked: _Checked) -> str:
    """Return the exposures of a limit in words: `35 science exposures in r`."""
    types, filters = checked.limit.types, checked.limit.filters
    words = n_of(len(checked.exposures), f"{' or '.join(types)} exposure")
    return f"{words} in {' or '.join(filters)}" if filters else words


def _without(checked: _Checked) -> str:
    return f"measure_limits: no {checked.limit.measure} of {_named(checked)}"


def unknown(job: NightWork, exposures: DataFrame, words: str) -> ExposureFindings:
    """Return the finding that numbers are absent.

    As for files, it may come late. Recent nights warn: a name in the settings may be wrong.
    """
    if exposures.empty or job.row.get("silent"):
        return ExposureFindings()
    ended = exposures["ended_at"].fillna(exposures["started_at"]).min()
    ended_at = as_datetime(ended) or job.stream.rule.bounds(job.night)[1]
    due_at = ended_at + datetime.timedelta(seconds=job.stream.pending_limit_s)
    if job.now < due_at:
        return ExposureFindings((), due_at)
    level = "warning" if job.is_recent else "normal"
    return ExposureFindings((Finding(level, words, "#exposures"),))
