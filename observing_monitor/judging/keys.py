"""Fingerprints of everything that judging a night depends on."""

from __future__ import annotations

import functools
from dataclasses import astuple
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.judging import usual
from observing_monitor.model import columns
from observing_monitor.model.digest import digest
from observing_monitor.model.nights import parse_utc

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

    from pandas import DataFrame

    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.tables.cross_night import CrossNightFiles


def judging_key(stream: Stream) -> str:
    """Fingerprint of everything but the tables that affects a night's summary."""
    names = [c.name for c in columns.NIGHTS]
    return digest([__version__, columns.SCHEMA_VERSION, names, stream.fingerprint])


def basis(job: NightWork) -> str:
    """What a night's summary was made from, but for the clock and the nights beside it."""
    return digest([*_told(job), *issues_key(job.issues)])


def _told(job: NightWork) -> list[object]:
    return [
        judging_key(job.stream),
        *(job.row.get(name) for name in ("tables", "notes", "silent", "happened", "is_told")),
    ]


def issues_key(issues: Iterable[Issue]) -> list[list[str]]:
    """Differs when what is known of a night does."""
    return [[issue.pattern, issue.words] for issue in issues]


def is_still_valid(job: NightWork) -> bool:
    """Whether time alone changed nothing since a night was judged."""
    judged_at, late_at = _instant(job.row.get("judged_at")), _instant(job.row.get("next_change_at"))
    # judged at a time that is yet to come: a clock was ahead, and what it made missing may still be pending
    return (judged_at is None or judged_at <= job.now) and (late_at is None or job.now < late_at)


@functools.cache
def _instant(text: str | None) -> datetime.datetime | None:
    """As `parse_utc`: a rebuild judges thousands of nights as of the same instant."""
    return parse_utc(text)


def is_judged(job: NightWork) -> bool:
    """Whether a night's row says what its tables, the settings, the nights around it and the time say now."""
    return is_judged_alone(job) and job.row.get("beside", "") == neighbours_key(job)


def is_judged_alone(job: NightWork) -> bool:
    """As `is_judged`, but for what the nights beside it may have of its files."""
    return (
        job.row.get("basis") == basis(job)
        and is_as_usual(job.row, job.usual)
        and is_still_valid(job)
    )


def neighbours_key(job: NightWork) -> str:
    """Differs when what the nights beside it may have of a night's files does; "" where they have nothing."""
    return digest(job.neighbours) if job.neighbours else ""


def shown_key(job: NightWork, settled: Sequence[CrossNightFiles]) -> str:
    """Differs when what a night's page shows does, but for what is known of it; `settled` is what `strays.settle` came to."""
    return digest([*_told(job), *map(astuple, settled)])


def is_as_usual(row: IndexRow, edges: Mapping[str, float]) -> bool:
    """Whether what is usual, as `usual.edges` has it, changed nothing of what a night's row says."""
    return row.get("worse") == usual.worse(row.get("summary") or {}, edges)


def acknowledged_key(judged: DataFrame) -> str:
    """Differs when other files are acknowledged, or for other reasons."""
    if "acknowledged" not in judged:
        return ""
    known = judged[judged["acknowledged"] != ""]
    return (
        digest(sorted(zip(known["file_id"], known["acknowledged"], strict=True)))
        if len(known)
        else ""
    )
