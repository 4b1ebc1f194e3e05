"""The use of a night, by its tables and the stream's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model.nights import parse_utc

if TYPE_CHECKING:
    import datetime

    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.model.reading import Tables
    from observing_monitor.tables.night_use import NightUse


def night_use(job: NightWork, tables: Tables) -> NightUse | None:
    """Return how a night was used; None if no exposure is known.

    A night that is not over is known up to its last data. The clock is no part of it: a run
    without new data must change nothing.
    """
    if tables.exposures.empty:
        return None
    ends_at = job.stream.rule.bounds(job.night)[1]
    if job.now >= ends_at:
        return _use(job, tables, None)
    changed_at = parse_utc(job.row.get("changed_at")) or job.now
    use = _use(job, tables, min(changed_at, job.now))
    is_morning = use is not None and use.morning_at is not None and use.morning_at <= job.now
    return _use(job, tables, None) if is_morning else use


def use_changes_at(job: NightWork, use: NightUse | None) -> datetime.datetime | None:
    """Return when time alone will complete a night: in the morning."""
    if use is None or use.known_until is None:
        return None
    return use.morning_at or job.stream.rule.bounds(job.night)[1]


def _use(job: NightWork, tables: Tables, known_until: datetime.datetime | None) -> NightUse | None:
    from observing_monitor.tables.night_use import NightSpan, UseSettings, use_of_night

    stream = job.stream
    return use_of_night(
        tables.exposures,
        tables.metrics,
        stream.position,
        NightSpan(*stream.rule.bounds(job.night), known_until),
        UseSettings(stream.twilight_deg, stream.gap_min_s, stream.readout_s),
    )
