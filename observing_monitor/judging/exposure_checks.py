"""Findings about exposures: their files, and facts that differ."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.judging.checks import MAX_ROWS, listed
from observing_monitor.judging.same_faults import keys_of
from observing_monitor.model.finding import Finding, ListedFinding, Row, plain
from observing_monitor.model.wording import clock, n_of
from observing_monitor.settings.traits import FILE_STORES, file_sources, reports_files
from observing_monitor.tables.exposures import exposure_names
from observing_monitor.tables.observed import COMPARED, rows_of_files
from observing_monitor.tables.summary import as_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pandas import DataFrame, Series

    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.tables.observed import Joined


WORDS = {"target": "target", "physical_filter": "filter", "exposure_time_s": "exposure time"}


@dataclass(frozen=True)
class ExposureFindings:
    """Findings about exposures, and when time alone will add one."""

    found: tuple[Finding, ...] = ()
    next_change: datetime.datetime | None = None

    def beside(self, others: Iterable[Finding]) -> ExposureFindings:
        """Return these without those of which others name every exposure."""
        named = [keys_of(finding) for finding in others]
        found = [
            finding
            for finding in self.found
            if not (keys := keys_of(finding)) or not any(keys <= more for more in named)
        ]
        return replace(self, found=tuple(found))


def exposure_findings(
    job: NightWork, joined: Joined, judged: DataFrame, elsewhere: Iterable[DataFrame]
) -> ExposureFindings:
    """Return the findings about a night's exposures.

    Parameters
    ----------
    job : NightWork
    joined : Joined
        The night's exposures.
    judged : DataFrame
        The night's files, from `classify`.
    elsewhere : iterable of DataFrame
        Further files that exposures of the night may have, such as those that lie on another.
    """
    if joined.exposures.empty:
        return ExposureFindings()
    sources = sorted({name for names in joined.exposures["source"] for name in names.split()})
    said = ", ".join(sources)
    found = [
        *_contradictions(joined.contradictions, said),
        *_ambiguous(joined.ambiguous),
    ]
    if not reports_files(job.stream):
        return ExposureFindings(tuple(found))
    silent, limit = job.row.get("silent") or {}, pd.Timedelta(seconds=job.stream.pending_limit_s)
    of_files = file_sources(job.stream)[0]
    late: list[Series[pd.Timestamp]] = []
    # a source that does not answer may have them
    if not set(of_files.split(", ")) & set(silent):
        late.append(_times_without_files(job, joined, [judged, *elsewhere]) + limit)
        bare = joined.exposures.loc[late[-1].index[late[-1] <= job.now]]
        found += _without_files(bare, of_files)
    if not set(sources) & set(silent) and _has_registry(job, sources):
        late.append(_times_without_exposure(job, judged, joined.exposures) + limit)
        lone = judged.loc[late[-1].index[late[-1] <= job.now]]
        found += _without_exposure(lone, said)
    instants = [as_datetime(times[times > job.now].min()) for times in late]
    return ExposureFindings(tuple(found), min((at for at in instants if at), default=None))


def _has_registry(job: NightWork, sources: Sequence[str]) -> bool:
    """True if a source of exposures knows them from elsewhere than files.

    Headers are read some at a time, and say nothing about files that have none.
    """
    kinds = {described.name: described.kind for described in job.stream.sources}
    return any(name in kinds and kinds[name] not in FILE_STORES for name in sources)


# --- what sources say -----------------------------------------------------------------------------


def _contradictions(found: DataFrame, sources: str) -> Iterable[Finding]:
    if found.empty:
        return
    counts = {WORDS[fact]: int((found["column"] == fact).sum()) for fact in COMPARED}
    named = ", ".join(f"{word} of {n:,}" for word, n in counts.items() if n)
    words = f"sources disagree on {n_of(found['exposure'].nunique(), 'exposure')}: {named}"
    rows = [
        Row(str(name), f"{WORDS[fact]}: {said}")
        for name, fact, said in found.head(MAX_ROWS).itertuples(index=False)
    ]
    finding = Finding("warning", words, "#exposures", sources)
    yield _of_exposures(finding, "sources disagree", rows, len(found))


def _ambiguous(found: DataFrame) -> Iterable[Finding]:
    for source, of_source in found.groupby("source"):
        n = len(of_source)
        words = f"{source}: {n_of(n, 'exposure')} not joined, since the name fits several"
        rows = [Row(str(name), "fits several exposures") for name in of_source["exposure"]]
        finding = Finding("warning", words, "#exposures", str(source))
        yield _of_exposures(finding, "fits several exposures", rows[:MAX_ROWS], n)


def _of_exposures(finding: Finding, label: str, rows: Sequence[Row], n_rows: int) -> ListedFinding:
    return ListedFinding(
        **plain(finding), label=label, is_of_exposures=True, rows=tuple(rows), n_rows=n_rows
    )


# --- exposures and files --------------------------------------------------------------------------


def _times_without_files(
    job: NightWork, joined: Joined, files: Iterable[DataFrame]
) -> Series[pd.Timestamp]:
    """Return when each exposure without a file ended, by its position.

    One whose time is unknown counts from the end of the night.
    """
    exposures = joined.exposures
    # one that fits several has a finding of its own
    has_file = exposures["exposure"].isin(joined.ambiguous["exposure"]).to_numpy(copy=True)
    for some in files:
        rows = rows_of_files(some, exposures)
        has_file[rows[rows >= 0]] = True
    bare = exposures[~has_file]
    ended = bare["ended_at"].fillna(bare["started_at"])
    return ended.fillna(pd.Timestamp(job.stream.rule.bounds(job.night)[1]))


def _without_files(bare: DataFrame, sources: str) -> Iterable[Finding]:
    if bare.empty:
        return
    words = f"{n_of(len(bare), 'exposure')} without files, though older than the limit"
    first = bare.head(MAX_ROWS)
    facts = (first[name] for name in ("exposure", "observation_type", "target", "started_at"))
    rows = [Row(str(name), _told_of(*told)) for name, *told in zip(*facts, strict=True)]
    finding = Finding("warning", words, "#exposures", sources)
    # as `expected` has them, whose finding may be about the same exposures
    numbers, names = bare["seq_num"].astype("str"), bare["obsid"].fillna(bare["exposure"])
    keys = frozenset(numbers.fillna(names).tolist())
    yield replace(_of_exposures(finding, "without files", rows, len(bare)), keys=keys)


def _told_of(kind: object, target: object, started_at: pd.Timestamp) -> str:
    """Return an exposure's type, target and start in words."""
    named = [str(word) for word in (kind, target) if isinstance(word, str) and word]
    at = as_datetime(started_at)
    started = [f"started {clock(at)} UTC"] if at else []
    return ", ".join([" ".join(named)] * bool(named) + started) or "no file"


def _times_without_exposure(
    job: NightWork, judged: DataFrame, exposures: DataFrame
) -> Series[pd.Timestamp]:
    """Return when each file came whose exposure no source reports.

    Only files that passed the last stage count: a registry learns of an exposure by its ingest, and
    the others have findings of their own.
    """
    named = exposure_names(judged)
    is_asked = (named.notna() & (judged["file_class"] == "ingested")).to_numpy()
    lone = judged[is_asked & (rows_of_files(judged, exposures) < 0)]
    came = lone["transferred_at"].fillna(lone["created_at"])
    return came.fillna(pd.Timestamp(job.stream.rule.bounds(job.night)[1]))


def _without_exposure(lone: DataFrame, sources: str) -> Iterable[Finding]:
    if lone.empty:
        return
    verb = "is" if len(lone) == 1 else "are"
    words = f"{n_of(len(lone), 'file')} {verb} of exposures that {sources} did not report"
    first = lone.head(MAX_ROWS)
    rows = tuple(
        Row(str(file_id), f"of exposure {name}")
        for file_id, name in zip(first["file_id"], exposure_names(first), strict=True)
    )
    finding = Finding("warning", words, "#files", sources)
    yield listed(finding, "of unknown exposures", rows, len(lone))
