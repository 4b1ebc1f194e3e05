"""Streams and stages that have stopped tonight.

They are compared with their last nights. A run with nothing new needs only rows of the index:
only the time has passed.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.judging.usual import LEAST
from observing_monitor.model.nights import ONE_DAY, iso_utc, parse_utc
from observing_monitor.model.rhythm import BIN_S, N_BINS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.judging.usual_flows import UsualFlow
    from observing_monitor.model.position import Position
    from observing_monitor.model.rhythm import Rhythm
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow


# the default of quiet_warning_s is at least this
LEAST_WARNING_S = 1800.0
# a warning comes after so many usual gaps, and an error after so many times that
FACTOR = 3


class Stopped(msgspec.Struct, frozen=True):
    """A flow that has stopped."""

    # FILES, or a stage
    flow: str
    level: str
    # the last file; if there is none tonight, when there usually is one, or the first that waits
    since: str
    is_nothing_yet: bool
    every_s: float | None


def stopped_flows(job: NightWork, row: IndexRow) -> list[Stopped]:
    """Return the flows of a night that have stopped.

    () unless the night is tonight: `job.flows` are then known.

    Parameters
    ----------
    job : NightWork
    row : IndexRow
        With the night's rhythm and darkness.
    """
    rhythm = row.get("rhythm")
    if not job.flows or not rhythm or job.read_at is None:
        return []
    found = []
    for name, usual in job.flows.items():
        if _has_silent_source(job.stream, row, name):
            continue
        limits = limits_of(job.stream, usual)
        quiet = _quiet(job, row, rhythm, name, usual)
        if limits and quiet:
            since, is_nothing_yet, quiet_s = quiet
            level = "error" if quiet_s > limits[1] else "warning" if quiet_s > limits[0] else ""
            if level:
                found.append(Stopped(name, level, since, is_nothing_yet, usual.every_s))
    return found


def as_kept(stopped: Iterable[Stopped]) -> list[list[object]]:
    """Return stopped flows as a row of the index keeps them."""
    return [list(msgspec.structs.astuple(one)) for one in stopped]


def is_as_quiet(job: NightWork) -> bool:
    """True if the same flows have stopped as before."""
    kept = job.row.get("quiet") or []
    if job.flows is None:  # ten years of nights come here
        return not kept
    if job.stream.position and "dark" not in job.row:
        return False
    return kept == as_kept(stopped_flows(job, job.row))


def limits_of(stream: Stream, usual: UsualFlow) -> tuple[float, float] | None:
    """Return the limits for a warning and an error.

    None if the settings have no limit and too few nights have files.
    """
    warning_s, error_s = stream.quiet_warning_s, stream.quiet_error_s
    if warning_s is None and usual.n_nights >= LEAST:
        warning_s = max(LEAST_WARNING_S, FACTOR * usual.gap_s, FACTOR * usual.late_s)
    if error_s is None and warning_s is not None:
        error_s = FACTOR * warning_s
    if warning_s is None and error_s is None:
        return None
    return warning_s or math.inf, error_s or math.inf


def _quiet(
    job: NightWork, row: IndexRow, rhythm: Rhythm, name: str, usual: UsualFlow
) -> tuple[str, bool, float] | None:
    """Return since when a flow is quiet; None if it is not.

    With it, if nothing came yet, and the quiet time in seconds.
    """
    assert job.read_at
    now, start = job.read_at, job.stream.rule.bounds(job.night)[0]
    flow = rhythm["stages"].get(name) if name else rhythm["files"]
    waits = rhythm["waits"].get(name) if name else None
    begin = _active_since(job, row, usual)
    if name and not waits:
        return None
    if flow:
        since = waits or flow["last_at"]
        return (flow["last_at"], False, _age_s(since, begin, now)) if begin else None
    if usual.by_s is None or usual.n_nights < LEAST or (rhythm["n_files"] and not name):
        return None
    if begin and begin < start and not name:
        return usual.last_at, False, _age_s(usual.last_at, begin, now)
    if begin is None and job.stream.position:
        return None
    by = start + datetime.timedelta(seconds=usual.by_s)
    begin = max(begin or by, by)
    since = waits or _iso(by)
    return since, True, _age_s(since, begin, now)


def _age_s(since: str, begin: datetime.datetime, now: datetime.datetime) -> float:
    """Return the time from an instant or, if later, from `begin`."""
    return (now - max(parse_utc(since), begin)).total_seconds()


def _active_since(job: NightWork, row: IndexRow, usual: UsualFlow) -> datetime.datetime | None:
    """Return since when files are expected; None if none is now.

    They are during darkness if the position is set, and in the hours in which files usually come
    if these are known.
    """
    assert job.read_at
    begins = []
    if job.stream.position:
        begins.append(_dark_since(row, job.read_at))
    if usual.n_nights >= LEAST or not begins:
        hours = usual.hours if usual.n_nights >= LEAST else 0
        start = job.stream.rule.bounds(job.night)[0]
        begins.append(_usual_since(hours, start, job.read_at))
    known = [begin for begin in begins if begin]
    return max(known) if len(known) == len(begins) else None


def _dark_since(row: IndexRow, now: datetime.datetime) -> datetime.datetime | None:
    spans = ((parse_utc(begin), parse_utc(end)) for begin, end in row.get("dark") or [])
    return next((begin for begin, end in spans if begin <= now < end), None)


def _usual_since(
    hours: int, start: datetime.datetime, now: datetime.datetime
) -> datetime.datetime | None:
    """Return the start of the usual hours around an instant.

    They may begin in the night before, and are then followed for at most a day.
    """
    number = int((now - start).total_seconds() // BIN_S)
    if not hours >> (number % N_BINS) & 1:
        return None
    first = number
    while first > number - N_BINS and hours >> ((first - 1) % N_BINS) & 1:
        first -= 1
    return start + datetime.timedelta(seconds=first * BIN_S)


def _has_silent_source(stream: Stream, row: IndexRow, name: str) -> bool:
    """True if a source of a flow did not answer: nobody knows what came."""
    silent = row.get("silent")
    if not silent:
        return False
    from observing_monitor.settings.traits import source_classes

    return any(
        source.name in silent
        and (kind.tells_of_files(source.settings) or name in kind.stages_of(source.settings))
        for source, kind in source_classes(stream)
    )


def _iso(instant: datetime.datetime) -> str:
    return iso_utc(instant.replace(microsecond=0))


def darkness(
    position: Position, bounds: tuple[datetime.datetime, datetime.datetime]
) -> list[list[str]]:
    """Return when it is dark, since a day before a night."""
    from observing_monitor.model.sky import dark_spans

    spans = dark_spans(bounds[0] - ONE_DAY, bounds[1], position)
    return [[_iso(begin), _iso(end)] for begin, end in spans]
