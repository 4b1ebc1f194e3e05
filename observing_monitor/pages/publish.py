"""Which pages are stale: judge and write those, then the indexes that name them. The sources may all be down.

A page is current when it exists and the fingerprint of all that its template was given, of the templates and of our
version is the one in the index. The clock is no part of it: time alone changes a night when a pending file turns
missing, and the index keeps the instant of that. Assets come before pages, data before the page that links them, and
the indexes last, so that a reader never follows a link to something that is not there yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.feeds.atom import newest
from observing_monitor.judging import usual
from observing_monitor.model.digest import short_fingerprint
from observing_monitor.model.nights import parse_night
from observing_monitor.pages import render
from observing_monitor.pages.frame import write_assets
from observing_monitor.pages.night_files import files_begin, files_of
from observing_monitor.pages.publish_night import publish_night
from observing_monitor.pages.published import NightDone, Published
from observing_monitor.pages.redirects import publish_old_urls
from observing_monitor.pages.site import publish_glossary, publish_site
from observing_monitor.pages.stale import is_untouched, made_for, night_jobs, stale_nights
from observing_monitor.pages.stream import RECENT_NIGHTS, publish_stream
from observing_monitor.processes import workers
from observing_monitor.processes.timelimit import NEVER
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.processes.timelimit import Deadline
    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


log = logging.getLogger(__name__)

OF_STREAM = ("page", "years", "moved")  # what the index keeps of the pages over a stream's nights


Progress = Callable[[NightDone], object]  # called with each night as it comes


def publish(
    site: Site,
    now: datetime.datetime,
    executor: Workers | None = None,
    progress: Progress | None = None,
    deadline: Deadline = NEVER,
    indexes: Mapping[str, Index] | None = None,
) -> Published:
    """Write every page of a site that is not current; a `Published`.

    Parameters
    ----------
    site : Site
    now : datetime
    executor : workers.Workers, optional
        Where night pages are made; here, one after the other, without one.
    progress : callable, optional
        Called with each `NightDone` as it comes.
    deadline : timelimit.Deadline
        After it each stream gets the page of one more night, its newest, and those over its nights.
    indexes : mapping, optional
        By stream: those that `collect` brought up to date and did not write.
    """
    write_assets(site)
    done = Published()
    cards = []
    for stream in site.streams:
        store = Store(site.output, stream.name)
        index, is_changed = (indexes or {}).get(stream.name) or store.read_index(), True
        try:
            # the rows, that is; of what else collecting told there is nothing new unless the stream's page has another key
            is_changed = _publish_nights(
                site, stream, index, now, executor, progress, done, deadline
            )
            before = [index.get(name) for name in OF_STREAM]
            newest_night = max(index["nights"], default=None)
            then = stream.at(parse_night(newest_night)) if newest_night else stream.versions[-1]
            cards.append(publish_stream(site, then, index, now, done))
            if stream.prototype_urls is not False:
                publish_old_urls(site, stream, index)
            is_changed = is_changed or before != [index.get(name) for name in OF_STREAM]
        finally:
            if is_changed:  # once, for that of ten years is large
                store.write_index(index)
        done.pages[stream.name] = _newest_pages(index)
        done.news += newest(index["nights"], stream.name, stream.title, stream.folder)
    key = publish_site(site, cards, done)
    if site.has_site_page:
        done.pages[""] = {"index.html": short_fingerprint(key)}
    publish_glossary(site, done)
    return done


def _newest_pages(index: Index) -> dict[str, str]:
    """The fingerprints of a stream's page and of its newest nights' pages, which may be open when the next ones are made."""
    newest = sorted(index["nights"].items())[-RECENT_NIGHTS:]
    years = {f"{year}.html": key for year, key in sorted((index.get("years") or {}).items())[-1:]}
    made = {
        "index.html": index.get("page"),
        **years,
        **{f"{night}.html": row.get("page") for night, row in newest},
    }
    return {name: short_fingerprint(key) for name, key in made.items() if key}


def _publish_nights(
    site: Site,
    stream: Stream,
    index: Index,
    now: datetime.datetime,
    executor: Workers | None,
    progress: Progress | None,
    done: Published,
    deadline: Deadline,
) -> bool:
    """The pages of a stream's nights, and their rows of the index; notes each row, so that a killed run is resumed.

    Returns whether anything of the index may have changed.
    """
    store = Store(site.output, stream.name)
    there = set(site.output.names(stream.folder))
    all_jobs = list(night_jobs(site, stream, index, now))
    untouched = {job.night for job in all_jobs if is_untouched(job, there)}
    n_settled = 0  # of the oldest nights: as they were, and so is what is usual for them
    if index.get("is_settled"):
        n_settled = next(
            (number for number, job in enumerate(all_jobs) if job.night not in untouched),
            len(all_jobs),
        )
        if n_settled == len(all_jobs):
            return False
    index.pop("is_settled", None)
    before, all_jobs = all_jobs[max(0, n_settled - usual.NIGHTS) : n_settled], all_jobs[n_settled:]
    failed, jobs = set(), {}
    was_usual: Sequence[Mapping[str, float] | None] = [None] * len(all_jobs)
    # What a night says of the usual hangs on the nights before it, which may be judged only now: the few that say
    # something else then are judged once more. Their numbers stay, so that is the end of it.
    for _ in range(2):
        rows = [index["nights"][job.night.isoformat()] for job in all_jobs]
        edges = usual.usual_limits(
            row.get("summary") for row in [*(job.row for job in before), *rows]
        )[len(before) :]
        asked = [
            told
            for told, was in zip(zip(all_jobs, rows, edges, strict=True), was_usual, strict=True)
            if told[2] != was
        ]
        stale = stale_nights(asked, there, untouched)
        jobs = {job.night: job for job in stale if job.night not in failed}
        for result in _results(
            list(jobs.values())[::-1], site.output, executor, deadline
        ):  # tonight first
            index["nights"][result.night.isoformat()] = result.row
            if result.problem:
                failed.add(result.night)
                done.problems.append(result.problem)
            else:
                result.row["made_for"] = made_for(jobs[result.night])
                there |= {
                    relative.rpartition("/")[2]
                    for relative in files_of(jobs[result.night], result.row)
                }
            store.note(result.night, result.row)
            done.n_pages += result.is_written
            if progress:
                progress(result)
            del jobs[result.night]
        if jobs:
            words = f"{len(jobs):,} nights' pages not made: the run's time was up; the next run goes on (max_run_s is its limit)"
            done.problems.append(f"{stream.name}: {words}")
            break
        if not stale or stale[0].night == all_jobs[-1].night:
            break  # no night comes after
        was_usual, untouched = edges, untouched - {job.night for job in stale}
    index["is_settled"] = not failed and not jobs
    return True


def _results(
    jobs: Sequence[NightJob], output: Output, executor: Workers | None, deadline: Deadline
) -> Iterator[NightDone]:
    """What became of each job, in any order; of those for which the time was too short nothing."""
    if executor is None:
        if jobs and (jobs[0].row.get("summary") or {}).get("n_files", 0) >= workers.VERY_MANY:
            render.begin_compiling()  # by the time that so many files are judged and listed they are there
        yield from (
            result
            for number, job in enumerate(jobs)
            if (result := _guarded(job, deadline if number else NEVER))
        )
        return
    templates = render.compiled() if jobs else {}
    tasks = [
        (_part_of(job), deadline if number else NEVER, templates) for number, job in enumerate(jobs)
    ]
    for done, changes in executor.results(
        _publish_elsewhere, tasks, _lost, lambda task: (task[0].stream.name, task[0].night)
    ):
        output.learn(changes)
        if done:
            yield done


def _part_of(job: NightJob) -> NightJob:
    """A night's job with as much of the output as a worker asks for."""
    store = Store(job.site.output, job.stream.name)
    nights = [job.night, *(night for night, _ in job.neighbours)]
    output = job.site.output.part(
        files_begin(job), *(f"{store.night_folder(night)}/" for night in nights)
    )
    return replace(job, site=replace(job.site, output=output))


def _publish_elsewhere(
    job: NightJob, deadline: Deadline, templates: Mapping[str, bytes]
) -> tuple[NightDone | None, Any]:
    render.take_compiled(templates)
    return _guarded(job, deadline), job.site.output.changes()


def _lost(
    job: NightJob, deadline: Deadline, templates: Mapping[str, bytes]
) -> tuple[NightDone | None, Any]:
    return NightDone(
        job.night,
        job.row,
        False,
        f"{job.stream.name} {job.night}: its worker died each time that its page was made",
    ), None


def _guarded(job: NightJob, deadline: Deadline) -> NightDone | None:
    """One night's page, at whose edge the unforeseen stops: logged whole, counted, and the other pages are still made.

    None after the deadline.
    """
    from observing_monitor.errors import OutputError

    if deadline.is_over:
        return None
    try:
        return publish_night(job)
    except OutputError:
        raise
    except Exception as error:
        log.exception("%s %s: its page could not be made", job.stream.name, job.night)
        words = f"{job.stream.name} {job.night}: its page could not be made ({type(error).__name__}: {error})"
        return NightDone(job.night, job.row, False, words)
