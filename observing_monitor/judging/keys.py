"""Fingerprints of everything that judging a night depends on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from msgspec.structs import astuple

from observing_monitor import __version__
from observing_monitor.judging import usual
from observing_monitor.judging.quiet import is_as_quiet
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
    """Return the fingerprint of all but the tables that a summary needs."""
    names = [c.name for c in (*columns.NIGHTS, *columns.STATUS_WORDS)]
    return digest([__version__, columns.SCHEMA_VERSION, names, stream.fingerprint])


def basis(job: NightWork) -> str:
    """Return the fingerprint of what a night's summary was made from.

    The time and the neighbouring nights are left out.
    """
    codes = [job.hidden_key] if job.hidden_key else []
    return digest([*_own_facts(job), *beside_tables(job), *issues_key(job.issues), *codes])


def _own_facts(job: NightWork) -> list[object]:
    zeros, old = files_of_zeros(job.stream, job.row), job.row.get("old_settings")
    return [
        judging_key(job.stream),
        *(job.row.get(name) for name in ("tables", "notes", "silent", "happened", "is_told")),
        *([zeros] if zeros else []),
        *([old] if old else []),
        *([unused] if (unused := job.row.get("without_effect")) else []),
        *(finding.text for finding in job.on_rows),
    ]


def beside_tables(job: NightWork) -> list[str]:
    """Return other facts that findings about exposures depend on.

    The page shows them by these findings alone.
    """
    is_warned = job.is_recent and job.stream.names_measures
    return [*([job.of_dome] if job.of_dome else []), *(["recent"] if is_warned else [])]


def files_of_zeros(stream: Stream, row: IndexRow) -> list[str]:
    """Return the files that previews found full of zeros."""
    return (row.get("previews") or {}).get("zeros", []) if stream.previews else []


def issues_key(issues: Iterable[Issue]) -> list[list[str]]:
    """Return the parts of known issues that a night's findings depend on."""
    return [[issue.pattern, issue.words] for issue in issues]


def is_still_valid(job: NightWork) -> bool:
    """True if time alone has changed nothing."""
    judged_at, late_at = _instant(job.row.get("judged_at")), _instant(job.row.get("next_change_at"))
    # Judged in the future: a clock was ahead then, and files may still be pending.
    return (
        (judged_at is None or judged_at <= job.now)
        and (late_at is None or job.now < late_at)
        and is_as_quiet(job)
    )


# A rebuild judges thousands of nights with the same instant.
@functools.cache
def _instant(text: str | None) -> datetime.datetime | None:
    return parse_utc(text)


def is_judged(job: NightWork) -> bool:
    """True if a night's row is up to date."""
    return is_judged_alone(job) and job.row.get("beside", "") == neighbours_key(job)


def is_judged_alone(job: NightWork) -> bool:
    """True if a row is up to date but for its neighbours."""
    return (
        job.row.get("basis") == basis(job)
        and is_as_usual(job.row, job.usual)
        and is_still_valid(job)
    )


def neighbours_key(job: NightWork) -> str:
    """Return the fingerprint of the neighbours' unmatched files, or ""."""
    return digest(job.neighbours) if job.neighbours else ""


def shown_key(job: NightWork, found: Sequence[CrossNightFiles]) -> str:
    """Return the fingerprint of a night's page, without known issues.

    `found` are the files shared with neighbours, from `cross_night.assign_to_nights`.
    """
    return digest([*_own_facts(job), *map(astuple, found)])


def is_as_usual(row: IndexRow, limits: Mapping[str, float]) -> bool:
    """True if the limits of the usual change nothing."""
    return row.get("worse") == usual.worse(row.get("summary") or {}, limits)


def acknowledged_key(judged: DataFrame) -> str:
    """Return the fingerprint of acknowledged files and reasons, or ""."""
    if "acknowledged" not in judged:
        return ""
    known = judged[judged["acknowledged"] != ""]
    if not len(known):
        return ""
    return digest(sorted(zip(known["file_id"], known["acknowledged"], strict=True)))
