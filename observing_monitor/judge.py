"""From a night's tables to its row of the index: the summary, the findings, the status, and when time alone changes these."""

import datetime
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase

from observing_monitor import __version__, columns, status, usual
from observing_monitor.nights import iso_utc, parse_utc
from observing_monitor.pages import clock
from observing_monitor.site import Site, as_json, digest
from observing_monitor.streams import classes_of_sources, tellers_of_files


@dataclass(frozen=True)
class NightJob:
    """All that a worker needs to judge a night and to write its page."""

    site: Site
    stream: object
    night: datetime.date
    row: dict  # the index's
    previous: datetime.date | None
    next: datetime.date | None
    now: datetime.datetime
    edges: dict = field(default_factory=dict)  # what is usual for the stream at that time, as `usual.edges` has it


def judging_key(stream):
    """Differs when what a night's summary depends on, beside its tables, does."""
    limits = (stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore, stream.delay_warning_s, stream.sources)
    return digest([__version__, columns.SCHEMA_VERSION, *map(repr, limits)])


def basis(stream, row):
    """What a night's summary was made from, but for the clock."""
    return digest([judging_key(stream), *(row.get(name) for name in ("tables", "notes", "silent", "is_told"))])


def is_of_now(job):
    """Whether time alone changed nothing since a night was judged."""
    judged_at, late_at = parse_utc(job.row.get("judged_at")), parse_utc(job.row.get("next_change_at"))
    # judged at a time that is yet to come: a clock was ahead, and what it made missing may still be pending
    return (judged_at is None or judged_at <= job.now) and (late_at is None or job.now < late_at)


def is_judged(job):
    """Whether a night's row says what its tables, the settings, the nights before it and the time say now."""
    return job.row.get("basis") == basis(job.stream, job.row) and is_as_usual(job) and is_of_now(job)


def is_as_usual(job):
    """Whether what is usual changed nothing of what a night's row says."""
    return job.row.get("worse") == usual.worse(job.row.get("summary") or {}, job.edges)


def judge(job, known):
    """Judge a night by its tables (`tables.Tables`).

    Returns
    -------
    row : dict
        The night's new row of the index: its summary, findings, units, and when time alone changes them.
    judged : DataFrame
        The night's files with their classes, as `tables.classify` gives them.
    found : list of Finding
        Worst first.
    """
    from observing_monitor import tables

    stream, row = job.stream, dict(job.row)
    limits = tables.Limits(stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore)
    is_told = bool(row.get("is_told"))
    judged = tables.classify(known.files, known.ingests, limits, job.now, is_told)
    summary = tables.summarise(judged)
    night = status.Night(
        summary,
        row.get("silent") or {},
        row.get("notes") or {},
        is_told,
        stream.delay_warning_s,
        *tellers_of_files(stream),
        worse=usual.worse(summary, job.edges),
        since={name: clock(at, job.night.isoformat()) for name, at in tables.since(judged).items()},
    )
    found = status.findings(night, _found_by_sources(job, known))
    word, info = status.sum_up(found)
    headlines, row["units"] = _headline_values(job, known)
    row["summary"] = {"night": job.night.isoformat(), "status": word, "info": info, **as_json(summary), **headlines}
    row["findings"] = [asdict(finding) for finding in found]
    row["judged_at"], row["next_change_at"] = iso_utc(job.now), iso_utc(tables.next_change(judged, is_told))
    row["worse"] = night.worse
    row["basis"] = basis(stream, row)
    return row, judged, found


def _for_source(known, described, kind):
    """A night's tables as one source's own rules are given them: its own metrics, and those of others that it asks for."""
    import pandas as pd

    if known.metrics.empty:
        return known
    names = known.metrics["name"]
    asked = {name for name in names.unique() if any(fnmatchcase(name, pattern) for pattern in kind.of_others)}
    mine = known.metrics["source"] == described.name
    return replace(known, metrics=known.metrics[mine | (names.isin(asked) if asked else pd.Series(False, index=names.index))])


def _found_by_sources(job, known):
    """What the sources' own checks find in the night, each finding named after its source."""
    found = []
    for described, kind in classes_of_sources(job.stream):
        for finding in kind.check(job.night, _for_source(known, described, kind), described.settings):
            found.append(replace(finding, source=finding.source or described.name))
    return found


def _headline_values(job, known):
    """The night's values of what the stream's sources call headlines, None where one is not available; and their units."""
    values, units, metrics = {}, {}, known.metrics
    for described, kind in classes_of_sources(job.stream):
        rows = metrics[metrics["source"] == described.name].drop_duplicates("name", keep="last").set_index("name")
        own = {**rows["value"].to_dict(), **kind.numbers(job.night, _for_source(known, described, kind), described.settings)}
        for name in kind.headlines(described.settings):
            value = own.get(name)
            value = None if value is None or value != value else float(value)
            if value is not None or name not in values:  # another source may have told it
                values[name] = value
            if isinstance(unit := rows["unit"].get(name), str):
                units[name] = unit
    return values, units
