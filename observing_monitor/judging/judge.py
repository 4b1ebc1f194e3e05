"""A night's row of the index, made from its tables.

With its summary, findings and status.
"""

from __future__ import annotations

import datetime
import logging
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from observing_monitor.judging import checks, quiet, usual
from observing_monitor.judging.headline_values import headline_values, old_value_findings
from observing_monitor.judging.hiding import hiding_of
from observing_monitor.judging.keys import (
    acknowledged_key,
    basis,
    files_of_zeros,
    neighbours_key,
    shown_key,
)
from observing_monitor.judging.night_exposures import judge_exposures
from observing_monitor.judging.night_use import night_programs, night_use, use_changes_at
from observing_monitor.judging.same_faults import each_fault_once
from observing_monitor.judging.stopped import stopped_findings
from observing_monitor.judging.usual_flows import is_kept
from observing_monitor.model import columns
from observing_monitor.model.completeness import completeness
from observing_monitor.model.digest import instants_as_text
from observing_monitor.model.finding import (
    NONE,
    Finding,
    Row,
    is_alarming,
    plain,
    worst_first,
)
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import clock, n_of, seconds
from observing_monitor.settings.traits import file_sources, source_classes
from observing_monitor.sources.registry import BUILT_IN
from observing_monitor.tables.changes import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pandas import DataFrame

    from observing_monitor.judging.exposure_checks import ExposureFindings
    from observing_monitor.judging.hiding import Hiding
    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.judging.quiet import Stopped
    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import DescribedSource
    from observing_monitor.sources.registry import SourceClass
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.tables.cross_night import CrossNightFiles
    from observing_monitor.tables.night_use import NightUse

log = logging.getLogger(__name__)
T = TypeVar("T")


# of a name that came several times
MAX_PATHS = 10


def judge_night(
    job: NightWork,
    tables: Tables,
    unmatched: Mapping[datetime.date, Tables],
    dome: DataFrame | None = None,
) -> tuple[IndexRow, Tables, DataFrame, list[Finding]]:
    """Judge a night by its tables.

    Parameters
    ----------
    job : NightWork
    tables : Tables
        Of the night, as its sources returned them.
    unmatched : mapping of date to Tables
        The unmatched files of the night and of `job.neighbours`; empty without neighbours.
    dome : DataFrame, optional
        The values that say if the dome is open; None if the night's own metrics have them.

    Returns
    -------
    row : dict
        The night's new row of the index.
    tables : Tables
        Of the night, with each file on one night (`cross_night.assign_to_nights`). Like the other
        results, without hidden facts.
    judged : DataFrame
        The night's files with their classes, from `classify`.
    found : list of Finding
        The worst first.
    """
    from observing_monitor.tables import cross_night, reasons

    row = job.row.copy()
    own, shared = cross_night.assign_to_nights(job.night, tables, unmatched)
    judged = _classified(job, own)
    own, judged, exposures = judge_exposures(job, own, tables, judged, unmatched, dome)
    _note_rhythm(job, row, judged, own)
    hiding = hiding_of(job, row, own)
    stopped, use = _note_quiet(job, row), _note_use(job, row, hiding.tables(own))
    headlines = headline_values(job.stream, tables.metrics, _computed_headlines(job, tables))
    # the sources' own checks use their own dates
    from_sources = [*_findings_of_sources(job, tables), *old_value_findings(headlines)]
    exposures = exposures.beside(from_sources)
    night = _night(job, own, judged, shared, stopped, exposures, use)
    if job.issues:
        texts = {finding.href.removeprefix("#"): finding.text for finding in checks.findings(night)}
        judged = reasons.acknowledge(judged, lambda *file: _reason_of(job.issues, texts, *file))
        night = _night(job, own, judged, shared, stopped, exposures, use)
    found = _acknowledged(checks.findings(night, [*job.on_rows, *from_sources]), job.issues)
    found = hiding.findings(found)
    row["units"], row["aggregates"] = _units(headlines.units, use), headlines.aggregates
    row["summary"] = _summary(job, own, found, night.summary, headlines.values)
    status = row["summary"]["status"]
    row["judged_at"] = iso_utc(job.now)
    row["next_change_at"] = iso_utc(_next_change(job, judged, status, exposures, use, hiding))
    row["findings"], row["worse"] = [plain(finding) for finding in found], dict(night.worse)
    row["basis"], row["beside"] = basis(job), neighbours_key(job)
    row["shown"], row["acknowledged"] = shown_key(job, shared), acknowledged_key(judged)
    return row, hiding.tables(own), hiding.files(judged), found


def _summary(
    job: NightWork,
    tables: Tables,
    found: list[Finding],
    numbers: Mapping[str, Any],
    headlines: Mapping[str, float | None],
) -> dict[str, Any]:
    """Return a night's summary for the index."""
    status, info = _sum_up(job, tables, found)
    return {
        "night": job.night.isoformat(),
        "status": status,
        "info": info,
        "acknowledged": checks.sum_up_known(found),
        **instants_as_text(numbers),
        "completeness": completeness([{**numbers, **headlines}]),
        **headlines,
    }


def _classified(job: NightWork, tables: Tables) -> DataFrame:
    """Return files with their classes."""
    from observing_monitor.tables import classify

    stream, has_answered = job.stream, bool(job.row.get("is_told"))
    limits = classify.Limits(
        stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore
    )
    return classify.classify(tables.files, tables.ingests, limits, job.now, has_answered)


def _next_change(
    job: NightWork,
    judged: DataFrame,
    status: str,
    exposures: ExposureFindings,
    use: NightUse | None,
    hiding: Hiding,
) -> datetime.datetime | None:
    """Return when time alone will change anything that is judged."""
    from observing_monitor.tables import classify

    if status == NONE:
        return job.stream.rule.bounds(job.night)[1]
    of_files = classify.next_change(judged, bool(job.row.get("is_told")))
    changes = [of_files, exposures.next_change, use_changes_at(job, use), hiding.next_release]
    if any(getattr(source.settings, "counts", None) for source in job.stream.sources):
        running_until = _running_until(job)
        changes.append(running_until if job.now < running_until else None)
    return min(filter(None, changes), default=None)


def _note_rhythm(job: NightWork, row: IndexRow, judged: DataFrame, tables: Tables) -> None:
    """Note how often files came, and when tonight is dark."""
    from observing_monitor.tables.rhythm import rhythm_of

    stream, bounds = job.stream, job.stream.rule.bounds(job.night)
    row.pop("rhythm", None)
    row.pop("dark", None)
    if is_kept(job.night, stream.rule.night_of(job.now)):
        row["rhythm"] = rhythm_of(judged, tables.ingests, stream.stages, bounds, job.now)
    if job.flows is not None and stream.position:
        row["dark"] = quiet.darkness(stream.position, bounds)


def _note_quiet(job: NightWork, row: IndexRow) -> list[Stopped]:
    """Note and return what has stopped tonight."""
    stopped = quiet.stopped_flows(job, row)
    row["quiet"] = quiet.as_kept(stopped)
    return stopped


def _note_use(job: NightWork, row: IndexRow, tables: Tables) -> NightUse | None:
    """Return how the night was used; note if more exposures may come.

    Note its programs as well.
    """
    use = night_use(job, tables)
    row["is_observed"] = use is not None and use.known_until is not None
    row.pop("programs", None)
    if use is not None and (programs := night_programs(tables)):
        row["programs"] = programs
    return use


def _sum_up(job: NightWork, tables: Tables, found: list[Finding]) -> tuple[str, str]:
    """Return a night's status and problems.

    A night that is not over has the status none until its first row, fault or problem.
    """
    status, info = checks.sum_up(found)
    is_open = job.stream.rule.is_open(job.night, job.now)
    if is_alarming(status) or not is_open or job.row.get("silent") or _has_rows(tables):
        return status, info
    return NONE, info


def _has_rows(tables: Tables) -> bool:
    """True if anything was taken, tried or measured."""
    # lists of what should come are no data
    is_list = tables.metrics["unit"].str.startswith("text/", na=False)
    return bool(
        len(tables.files) or len(tables.ingests) or len(tables.exposures) or not is_list.all()
    )


def _night(
    job: NightWork,
    tables: Tables,
    judged: DataFrame,
    shared: Sequence[CrossNightFiles],
    stopped: Sequence[Stopped],
    exposures: ExposureFindings,
    use: NightUse | None,
) -> checks.Night:
    """Return the facts that checks use."""
    from observing_monitor.tables import classify, merge, reasons
    from observing_monitor.tables.summary import summarise

    stream, row, summary = job.stream, job.row, summarise(judged, use)
    present = {columns.HISTORY, *(described.name for described in stream.sources)}
    of_files, of_stage = file_sources(stream)
    first_errors = classify.first_errors(judged)
    return checks.Night(
        summary,
        silent=row.get("silent") or {},
        notes=row.get("notes") or {},
        counted=frozenset(finding.source for finding in job.on_rows),
        old_settings=row.get("old_settings") or {},
        without_effect=_without_effect(row, judged, stream.ignore),
        has_answered=bool(row.get("is_told")),
        delay_warning_s=stream.delay_warning_s,
        file_sources=of_files,
        stage_sources=of_stage,
        misdated=classify.count_misdated(judged),
        misdated_rows=_misdated_rows(judged),
        repeated=_repeated_rows(judged) if summary["n_twice"] else (),
        changes=tuple(describe(row.get("happened"))),
        removed=tuple(sorted(merge.sources_of(tables) - present)),
        worse=usual.worse(summary, job.usual),
        image_quality=_image_quality(use),
        cross_night=tuple(shared),
        known=reasons.count_acknowledged(judged) if "acknowledged" in judged else {},
        zeros=tuple(files_of_zeros(stream, row)),
        since={name: clock(at) for name, at in first_errors.items()},
        stopped=tuple(stopped_findings(stopped, stream, bool(summary["n_files"]))),
        exposures=exposures.found,
    )


def _units(of_headlines: dict[str, str], use: NightUse | None) -> dict[str, str]:
    """Return the units of headlines and of the image quality."""
    unit = _image_quality(use)[1]
    return {**of_headlines, "image_quality_median": unit} if unit else of_headlines


def _image_quality(use: NightUse | None) -> tuple[str, str]:
    """Return the name and the unit of the image quality."""
    measure = use.image_quality if use else None
    return (measure.name, measure.unit) if measure else ("", "")


def _without_effect(
    row: IndexRow, judged: DataFrame, ignore: Sequence[str]
) -> dict[str, list[str]]:
    """Return sentences about settings without effect.

    By source; those about the stream's own settings have the key "".
    """
    from observing_monitor.tables.classify import matches

    found = dict(row.get("without_effect") or {})
    if ignore and len(judged) and matches(judged["name"], ignore).all():
        words = f"fits {n_of(len(judged), 'file')}, which is all of this night"
        found[""] = [f"ignore {', '.join(ignore)} {words}: none can be missing"]
    return found


def _misdated_rows(judged: DataFrame) -> tuple[Row, ...]:
    from observing_monitor.tables.classify import misdated

    worst = misdated(judged).sort_values(ascending=False, kind="stable")[: checks.MAX_ROWS]
    return tuple(
        Row(str(name), f"dated {seconds(float(gap))} later than it came")
        for name, gap in worst.items()
    )


def _repeated_rows(judged: DataFrame) -> tuple[Row, ...]:
    from observing_monitor.tables.summary import repeated_files

    names = repeated_files(judged, checks.MAX_ROWS)
    return tuple(Row(name, ", ".join(paths[:MAX_PATHS])) for name, paths in names.items())


def _reason_of(
    issues: Iterable[Issue],
    texts: Mapping[str, str],
    file_class: str,
    names: Sequence[str],
    reason: str,
) -> str:
    """Return why a file is known, or "".

    Parameters
    ----------
    issues : iterable of Issue
        Of the night.
    texts : mapping
        Class -> text of its finding.
    file_class, names, reason
        Of the file, as `reasons.acknowledge` passes them.
    """
    finding = texts.get(file_class, "")
    whole = "\n".join((*names, file_class, reason, finding)).lower()
    is_ascii = whole.isascii()
    for issue in issues:
        if is_ascii and not issue.may_match(whole):
            continue
        if issue.names([*names, file_class]) or issue.begins(reason) or issue.begins(finding):
            return issue.words
    return ""


def _acknowledged(found: Iterable[Finding], issues: Sequence[Issue]) -> list[Finding]:
    """Return findings, the worst first, with known ones at the level normal.

    Findings about classes of files stay, since each file was matched already.
    """
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


def _running_until(job: NightWork) -> datetime.datetime:
    """Return until when more data of a night may arrive."""
    late = datetime.timedelta(seconds=job.stream.pending_limit_s)
    return job.stream.rule.bounds(job.night)[1] + late


def _for_source(
    job: NightWork, tables: Tables, described: DescribedSource, kind: SourceClass
) -> Tables:
    """Return a night's tables for a source's own checks.

    With its own metrics, and those of other sources that it asks for (`of_others`).
    """
    import pandas as pd

    tables = replace(tables, is_running=job.now < _running_until(job))
    if tables.metrics.empty:
        return tables
    names = tables.metrics["name"]
    wanted = {
        name
        for name in names.unique()
        if any(fnmatchcase(name, pattern) for pattern in kind.of_others)
    }
    is_own = tables.metrics["source"] == described.name
    is_wanted = names.isin(wanted) if wanted else pd.Series(False, index=names.index)
    return replace(tables, metrics=tables.metrics[is_own | is_wanted])


def _computed_headlines(job: NightWork, tables: Tables) -> dict[str, dict[str, float | None]]:
    """Return the headlines that each source computes itself."""
    return {
        described.name: _answer(
            described, job.night, _for_source(job, tables, described, kind), kind.numbers
        )
        or {}
        for described, kind in source_classes(job.stream)
    }


def _findings_of_sources(job: NightWork, tables: Tables) -> list[Finding]:
    """Return the findings of the sources' own checks, each with its source."""
    return each_fault_once(
        replace(finding, source=finding.source or described.name)
        for described, kind in source_classes(job.stream)
        for finding in _told_by(job, tables, described, kind)
    )


def _told_by(
    job: NightWork, tables: Tables, described: DescribedSource, kind: SourceClass
) -> list[Finding]:
    """Return the findings of one source's own check."""
    own = _for_source(job, tables, described, kind)
    told = _answer(described, job.night, own, kind.check)
    if told is None:
        words = f"{described.name}: its own rules could not be applied; the log says why"
        return [Finding("warning", words, "#sources")]
    return list(told)


def _answer(
    described: DescribedSource,
    night: datetime.date,
    tables: Tables,
    ask: Callable[[datetime.date, Tables, Any], T],
) -> T | None:
    """Return a source's answer; None if another package's fails."""
    if described.kind in BUILT_IN:
        return ask(night, tables, described.settings)
    from observing_monitor.sources.packages import PackageError, call

    try:
        return call(lambda: ask(night, tables, described.settings))
    except PackageError as error:
        log.warning("%s %s: its own rules could not be applied: %s", described.name, night, error)
        return None
