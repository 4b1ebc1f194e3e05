"""From a night's tables to its row of the index: the summary, the findings, the status, and when time alone changes these."""

from __future__ import annotations

from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from observing_monitor.judging import checks, usual
from observing_monitor.judging.keys import acknowledged_key, basis, neighbours_key, shown_key
from observing_monitor.model import columns
from observing_monitor.model.digest import instants_as_text
from observing_monitor.model.finding import worst_first
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import clock
from observing_monitor.settings.traits import file_sources, source_classes
from observing_monitor.tables.changes import describe

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

    from pandas import DataFrame

    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import DescribedSource
    from observing_monitor.sources.registry import SourceClass
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.tables.cross_night import CrossNightFiles


def judge_night(
    job: NightWork, told: Tables, halves: Mapping[datetime.date, Tables]
) -> tuple[IndexRow, Tables, DataFrame, list[Finding]]:
    """Judge a night by its tables and, where nights beside it may have halves of its files (`NightWork.beside`), theirs and its own.

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
    from observing_monitor.tables import classify, cross_night, reasons

    stream, row = job.stream, job.row.copy()
    known, settled = cross_night.assign_to_nights(job.night, told, halves)
    limits = classify.Limits(
        stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore
    )
    is_told = bool(row.get("is_told"))
    judged = classify.classify(known.files, known.ingests, limits, job.now, is_told)
    told_by_sources = _found_by_sources(job, told)  # their own rules go by their own nights
    night = _night(job, known, judged, settled)
    if job.issues:
        texts = {finding.href.removeprefix("#"): finding.text for finding in checks.findings(night)}
        judged = reasons.acknowledge(judged, lambda *told: _reason_of(job.issues, texts, *told))
        night = _night(job, known, judged, settled)
    found = _acknowledged(checks.findings(night, told_by_sources), job.issues)
    word, info = checks.sum_up(found)
    headlines, row["units"] = _headline_values(job, told)
    row["summary"] = {
        "night": job.night.isoformat(),
        "status": word,
        "info": info,
        "acknowledged": checks.sum_up_known(found),
        **instants_as_text(night.summary),
        **headlines,
    }
    row["findings"] = [asdict(finding) for finding in found]
    row["judged_at"], row["next_change_at"] = (
        iso_utc(job.now),
        iso_utc(classify.next_change(judged, is_told)),
    )
    row["worse"] = dict(night.worse)
    row["basis"], row["beside"], row["shown"] = (
        basis(job),
        neighbours_key(job),
        shown_key(job, settled),
    )
    row["acknowledged"] = acknowledged_key(judged)
    return row, known, judged, found


def _night(
    job: NightWork, known: Tables, judged: DataFrame, settled: Sequence[CrossNightFiles]
) -> checks.Night:
    """What the checks may look at."""
    from observing_monitor.tables import classify, merge, reasons
    from observing_monitor.tables.summary import summarise

    stream, row, summary = job.stream, job.row, summarise(judged)
    return checks.Night(
        summary,
        row.get("silent") or {},
        row.get("notes") or {},
        bool(row.get("is_told")),
        stream.delay_warning_s,
        *file_sources(stream),
        ahead=classify.ahead(judged),
        happened=tuple(describe(row.get("happened"))),
        removed=tuple(
            sorted(
                merge.sources_of(known)
                - {columns.HISTORY, *(described.name for described in stream.sources)}
            )
        ),
        worse=usual.worse(summary, job.usual),
        settled=tuple(settled),
        known=reasons.count_acknowledged(judged) if "acknowledged" in judged else {},
        since={name: clock(at) for name, at in classify.since(judged).items()},
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
    return worst_first(made)


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


def _found_by_sources(job: NightWork, known: Tables) -> list[Finding]:
    """What the sources' own checks find in the night, each finding named after its source."""
    found = []
    for described, kind in source_classes(job.stream):
        for finding in kind.check(
            job.night, _for_source(known, described, kind), described.settings
        ):
            found.append(replace(finding, source=finding.source or described.name))
    return found


def _headline_values(
    job: NightWork, known: Tables
) -> tuple[dict[str, float | None], dict[str, str]]:
    """The night's values of what the stream's sources call headlines, None where one is not available; and their units."""
    values: dict[str, float | None] = {}
    units: dict[str, str] = {}
    metrics = known.metrics
    for described, kind in source_classes(job.stream):
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
