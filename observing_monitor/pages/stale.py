"""Decide which pages must be rewritten."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.judging.keys import (
    is_as_usual,
    is_judged,
    is_still_valid,
    issues_key,
    judging_key,
    neighbours_key,
)
from observing_monitor.model.digest import digest
from observing_monitor.pages.night_files import (
    endings_of,
    endings_there,
    has_images,
    look_of,
    page_key,
    shown_previews,
)
from observing_monitor.pages.night_job import NightJob
from observing_monitor.storage.index import PAGE, TABLES, is_pruned
from observing_monitor.tables import cross_night

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index, IndexRow


def is_untouched(job: NightJob, names: Collection[str]) -> bool:
    """Whether a night's row tells, without any digest, that nothing but the clock changed; `names` are the files of its stream's folder."""
    if _stays_as_it_was(job, names):
        return True
    is_made = job.row.get("made_for") == made_for(job) and (
        is_still_valid(job) or is_pruned(job.row, TABLES)
    )
    return is_made and _are_files_there(job, names)


def _is_current(job: NightJob, names: Collection[str]) -> bool:
    """Whether nothing has to be done for a night; arguments as for `_is_untouched`."""
    if is_untouched(job, names):
        return is_as_usual(job.row, job.usual) or is_pruned(job.row, TABLES)
    is_made = (is_judged(job) or is_pruned(job.row, TABLES)) and job.row.get("page") == page_key(
        job, job.row
    )
    return is_made and _are_files_there(job, names)


def _are_files_there(job: NightJob, names: Collection[str]) -> bool:
    night = job.night.isoformat()
    return all(
        f"{night}{ending}" in names for ending in endings_there(job.row, job.endings)
    ) and has_images(job, job.row)


def _stays_as_it_was(job: NightJob, names: Collection[str]) -> bool:
    """Whether a night's tables were pruned and its page was not: nothing can make that anew."""
    return (
        is_pruned(job.row, TABLES)
        and not is_pruned(job.row, PAGE)
        and f"{job.night.isoformat()}.html" in names
    )


def _common_key(site: Site, stream: Stream) -> str:
    """Differs when something did that all pages of a stream's nights depend on, as long as its settings hold."""
    return digest([site.key, site.title, judging_key(stream), look_of(stream)])


def made_for(job: NightJob) -> str:
    """What a night's row keeps of the run that found its page current; collecting takes it out when the row changes."""
    known = digest(issues_key(job.issues)) if job.issues else ""
    return f"{job.common} {job.previous} {job.next} {shown_previews(job, job.row)} {known} {neighbours_key(job)}"


def night_jobs(
    site: Site, stream: Stream, index: Index, now: datetime.datetime
) -> Iterator[NightJob]:
    """A job for each night of a stream, oldest first, none of which knows yet what is usual."""
    rows, near = sorted(index["nights"].items()), cross_night.neighbours(index["nights"])
    nights = [datetime.date.fromisoformat(text) for text, _ in rows]
    known = [issue for issue in site.known if not issue.streams or stream.name in issue.streams]
    of_versions = {
        id(version): (_common_key(site, version), endings_of(version))
        for version in stream.versions
    }
    for before, night, after, (_, row) in zip(
        [None, *nights], nights, [*nights[1:], None], rows, strict=False
    ):
        issues = tuple(issue for issue in known if issue.holds(stream.name, night)) if known else ()
        then = stream.at(night)
        common, endings = of_versions[id(then)]
        yield NightJob(
            site=site,
            stream=then,
            night=night,
            row=row,
            previous=before,
            next=after,
            now=now,
            issues=issues,
            neighbours=near.get(night, ()),
            common=common,
            endings=endings,
        )


def stale_nights(
    asked: Iterable[tuple[NightJob, IndexRow, Mapping[str, float]]],
    names: Collection[str],
    untouched: Collection[datetime.date],
) -> list[NightJob]:
    """The jobs of those nights for which something has to be done; the others' rows keep that they were found current.

    `asked` are jobs, each with the night's row and what is usual for it; `untouched` the nights of which `_is_untouched` holds.
    """
    stale = []
    for job, row, edges in asked:
        if job.night in untouched and (is_as_usual(row, edges) or is_pruned(row, TABLES)):
            continue
        job = replace(job, row=row, usual=edges)
        if _is_current(job, names):
            row["made_for"] = made_for(job)
        else:
            stale.append(job)
    return stale
