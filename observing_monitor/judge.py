"""From a night's tables to its row of the index: the summary, the findings, the status, and when time alone changes these."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from observing_monitor import __version__, columns, status, usual
from observing_monitor.happenings import in_words
from observing_monitor.nights import iso_utc, parse_utc
from observing_monitor.pages import clock
from observing_monitor.site import Site, as_json, digest
from observing_monitor.streams import classes_of_sources, tellers_of_files

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.config import DescribedSource, Stream
    from observing_monitor.known import Issue
    from observing_monitor.pages import Finding
    from observing_monitor.sources import SourceClass
    from observing_monitor.store import Row
    from observing_monitor.strays import Settled
    from observing_monitor.tables import Tables


@dataclass(
    slots=True
)  # not frozen, which makes each take five times as long: a run makes one of each night of ten years
class NightJob:
    """All that a worker needs to judge a night and to write its page."""

    site: Site
    stream: Stream
    night: datetime.date
    row: Row  # the index's
    previous: datetime.date | None
    next: datetime.date | None
    now: datetime.datetime
    edges: Mapping[str, float] = field(
        default_factory=dict
    )  # what is usual for the stream at that time, as `usual.edges` has it
    issues: tuple[Issue, ...] = ()  # what is known of the night
    beside: tuple[
        tuple[datetime.date, str], ...
    ] = ()  # the nights that may have halves of its files, as `strays.beside` has them
    common: str = ""  # differs when something did that all pages of the stream's nights depend on
    endings: tuple[
        str, ...
    ] = ()  # what the names of the night's files end with, as `night_page.endings_of` has it


def judging_key(stream: Stream) -> str:
    """Differs when what a night's summary depends on, beside its tables, does."""
    limits = (
        stream.last_stage,
        stream.pending_limit_s,
        stream.small_bytes,
        stream.ignore,
        stream.delay_warning_s,
        stream.sources,
    )
    return digest(
        [__version__, columns.SCHEMA_VERSION, [c.name for c in columns.NIGHTS], *map(repr, limits)]
    )


def basis(job: NightJob) -> str:
    """What a night's summary was made from, but for the clock and the nights beside it."""
    return digest([*_told(job), *issues_key(job.issues)])


def _told(job: NightJob) -> list[object]:
    return [
        judging_key(job.stream),
        *(job.row.get(name) for name in ("tables", "notes", "silent", "happened", "is_told")),
    ]


def issues_key(issues: Iterable[Issue]) -> list[list[str]]:
    """Differs when what is known of a night does."""
    return [[issue.pattern, issue.words] for issue in issues]


def is_of_now(job: NightJob) -> bool:
    """Whether time alone changed nothing since a night was judged."""
    judged_at, late_at = _instant(job.row.get("judged_at")), _instant(job.row.get("next_change_at"))
    # judged at a time that is yet to come: a clock was ahead, and what it made missing may still be pending
    return (judged_at is None or judged_at <= job.now) and (late_at is None or job.now < late_at)


@functools.cache
def _instant(text: str | None) -> datetime.datetime | None:
    """As `parse_utc`: a rebuild judges thousands of nights as of the same instant."""
    return parse_utc(text)


def is_judged(job: NightJob) -> bool:
    """Whether a night's row says what its tables, the settings, the nights around it and the time say now."""
    return is_judged_by_itself(job) and job.row.get("beside", "") == beside_key(job)


def is_judged_by_itself(job: NightJob) -> bool:
    """As `is_judged`, but for what the nights beside it may have of its files."""
    return job.row.get("basis") == basis(job) and is_as_usual(job.row, job.edges) and is_of_now(job)


def beside_key(job: NightJob) -> str:
    """Differs when what the nights beside it may have of a night's files does; "" where they have nothing."""
    return digest(job.beside) if job.beside else ""


def shown_key(job: NightJob, settled: Sequence[Settled]) -> str:
    """Differs when what a night's page shows does, but for what is known of it; `settled` is what `strays.settle` came to."""
    return digest([*_told(job), *map(astuple, settled)])


def is_as_usual(row: Row, edges: Mapping[str, float]) -> bool:
    """Whether what is usual, as `usual.edges` has it, changed nothing of what a night's row says."""
    return row.get("worse") == usual.worse(row.get("summary") or {}, edges)


def judge(
    job: NightJob, told: Tables, halves: Mapping[datetime.date, Tables]
) -> tuple[Row, Tables, DataFrame, list[Finding]]:
    """Judge a night by its tables and, where nights beside it may have halves of its files (`NightJob.beside`), theirs and its own.

    Returns
    -------
    row : dict
        The night's new row of the index: its summary, findings, units, and when time alone changes them.
    known : Tables
        The night's tables, each file on one night (`strays.settle`).
    judged : DataFrame
        The night's files with their classes, as `tables.classify` gives them.
    found : list of Finding
        Worst first.
    """
    from observing_monitor import strays, tables

    stream, row = job.stream, job.row.copy()
    known, settled = strays.settle(job.night, told, halves)
    limits = tables.Limits(
        stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore
    )
    is_told = bool(row.get("is_told"))
    judged = tables.classify(known.files, known.ingests, limits, job.now, is_told)
    told_by_sources = _found_by_sources(job, told)  # their own rules go by their own nights
    night = _night(job, known, judged, settled)
    if job.issues:
        texts = {finding.href.removeprefix("#"): finding.text for finding in status.findings(night)}
        judged = tables.acknowledge(judged, lambda *told: _reason_of(job.issues, texts, *told))
        night = _night(job, known, judged, settled)
    found = _acknowledged(status.findings(night, told_by_sources), job.issues)
    word, info = status.sum_up(found)
    headlines, row["units"] = _headline_values(job, told)
    row["summary"] = {
        "night": job.night.isoformat(),
        "status": word,
        "info": info,
        "acknowledged": status.sum_up_known(found),
        **as_json(night.summary),
        **headlines,
    }
    row["findings"] = [asdict(finding) for finding in found]
    row["judged_at"], row["next_change_at"] = (
        iso_utc(job.now),
        iso_utc(tables.next_change(judged, is_told)),
    )
    row["worse"] = dict(night.worse)
    row["basis"], row["beside"], row["shown"] = basis(job), beside_key(job), shown_key(job, settled)
    row["acknowledged"] = _acknowledged_key(judged)
    return row, known, judged, found


def _night(
    job: NightJob, known: Tables, judged: DataFrame, settled: Sequence[Settled]
) -> status.Night:
    """What the checks may look at."""
    from observing_monitor import tables

    stream, row, summary = job.stream, job.row, tables.summarise(judged)
    return status.Night(
        summary,
        row.get("silent") or {},
        row.get("notes") or {},
        bool(row.get("is_told")),
        stream.delay_warning_s,
        *tellers_of_files(stream),
        ahead=tables.ahead(judged),
        happened=tuple(in_words(row.get("happened"))),
        removed=tuple(
            sorted(
                tables.sources_of(known)
                - {columns.HISTORY, *(described.name for described in stream.sources)}
            )
        ),
        worse=usual.worse(summary, job.edges),
        settled=tuple(settled),
        known=tables.count_acknowledged(judged) if "acknowledged" in judged else {},
        since={name: clock(at, job.night.isoformat()) for name, at in tables.since(judged).items()},
    )


def _reason_of(
    issues: Iterable[Issue],
    texts: Mapping[str, str],
    file_class: str,
    names: Sequence[str],
    reason: str,
) -> str:
    """Why a file is known, "" where it is not; `texts` are what the findings say of each class."""
    for issue in issues:
        if (
            issue.names([*names, file_class])
            or issue.begins(reason)
            or issue.begins(texts.get(file_class, ""))
        ):
            return issue.words
    return ""


def _acknowledged(found: Iterable[Finding], issues: Sequence[Issue]) -> list[Finding]:
    """The findings, worst first, those that an issue speaks of no longer alarming. Of classes of files each file was asked about."""
    classes = {f"#{c.name}" for c in (*columns.CLASSES, columns.LOST)}
    made = []
    for finding in found:
        issue = next((issue for issue in issues if issue.begins(finding.text)), None)
        if issue and finding.level != "normal" and finding.href not in classes:
            finding = replace(
                finding,
                level="normal",
                text=f"{finding.text}; known: {issue.words}",
                acknowledged=issue.words,
            )
        made.append(finding)
    return sorted(made, key=lambda finding: -status.LEVELS.index(finding.level))


def _acknowledged_key(judged: DataFrame) -> str:
    """Differs when other files are acknowledged, or for other reasons."""
    if "acknowledged" not in judged:
        return ""
    known = judged[judged["acknowledged"] != ""]
    return (
        digest(sorted(zip(known["file_id"], known["acknowledged"], strict=True)))
        if len(known)
        else ""
    )


def _for_source(known: Tables, described: DescribedSource, kind: SourceClass) -> Tables:
    """A night's tables as one source's own rules are given them: its own metrics, and those of others that it asks for."""
    import pandas as pd

    if known.metrics.empty:
        return known
    names = known.metrics["name"]
    asked = {
        name
        for name in names.unique()
        if any(fnmatchcase(name, pattern) for pattern in kind.of_others)
    }
    mine = known.metrics["source"] == described.name
    return replace(
        known,
        metrics=known.metrics[
            mine | (names.isin(asked) if asked else pd.Series(False, index=names.index))
        ],
    )


def _found_by_sources(job: NightJob, known: Tables) -> list[Finding]:
    """What the sources' own checks find in the night, each finding named after its source."""
    found = []
    for described, kind in classes_of_sources(job.stream):
        for finding in kind.check(
            job.night, _for_source(known, described, kind), described.settings
        ):
            found.append(replace(finding, source=finding.source or described.name))
    return found


def _headline_values(
    job: NightJob, known: Tables
) -> tuple[dict[str, float | None], dict[str, str]]:
    """The night's values of what the stream's sources call headlines, None where one is not available; and their units."""
    values: dict[str, float | None] = {}
    units: dict[str, str] = {}
    metrics = known.metrics
    for described, kind in classes_of_sources(job.stream):
        rows = (
            metrics[metrics["source"] == described.name]
            .drop_duplicates("name", keep="last")
            .set_index("name")
        )
        told: dict[str, float | None] = {str(name): value for name, value in rows["value"].items()}
        own = {
            **told,
            **kind.numbers(job.night, _for_source(known, described, kind), described.settings),
        }
        for name in kind.headlines(described.settings):
            value = own.get(name)
            value = None if value is None or value != value else float(value)
            if value is not None or name not in values:  # another source may have told it
                values[name] = value
            if isinstance(unit := rows["unit"].get(name), str):
                units[name] = unit
    return values, units
