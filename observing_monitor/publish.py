"""Which pages are stale: judge and write those, then the indexes that name them. The sources may all be down.

A page is current when it exists and the fingerprint of all that its template was given, of the templates and of our
version is the one in the index. The clock is no part of it: time alone changes a night when a pending file turns
missing, and the index keeps the instant of that. Assets come before pages, data before the page that links them, and
the indexes last, so that a reader never follows a link to something that is not there yet.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from observing_monitor import pages, strays, usual, workers
from observing_monitor.assets import sweep_assets
from observing_monitor.errors import StoreError
from observing_monitor.feeds import News, Standing, newest
from observing_monitor.files import as_json, sealed
from observing_monitor.judge import (
    NightJob,
    beside_key,
    is_as_usual,
    is_judged,
    is_judged_by_itself,
    is_of_now,
    issues_key,
    judge,
    judging_key,
    shown_key,
)
from observing_monitor.night_page import (
    endings_of,
    endings_there,
    files_begin,
    files_of,
    has_images,
    is_whole,
    look_of,
    page_key,
    shown_previews,
    write_night,
    write_pruned,
)
from observing_monitor.nights import iso_utc, parse_night
from observing_monitor.old_urls import publish_old_urls
from observing_monitor.retention import PAGE, TABLES, is_pruned
from observing_monitor.site import digest, short, write_assets
from observing_monitor.store import Store
from observing_monitor.stream_page import (
    RECENT_NIGHTS,
    publish_glossary,
    publish_site,
    publish_stream,
)
from observing_monitor.streams import tellers_of_stages
from observing_monitor.timelimit import NEVER, Deadline

if TYPE_CHECKING:
    from observing_monitor.config import Stream
    from observing_monitor.files import Output
    from observing_monitor.site import Site
    from observing_monitor.store import Index, Row
    from observing_monitor.tables import Tables
    from observing_monitor.workers import Workers

log = logging.getLogger(__name__)

OF_STREAM = ("page", "years", "moved")  # what the index keeps of the pages over a stream's nights


@dataclass
class Published:
    """What publishing came to."""

    n_pages: int = 0  # pages written
    standings: list[Standing] = field(default_factory=list)  # of the site, and of each stream
    news: list[News] = field(default_factory=list)  # of each stream the nights that changed last
    problems: list[str] = field(default_factory=list)
    pages: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # of each stream, "" for the site: the newest pages' fingerprints


@dataclass
class NightDone:
    """A night's new row of the index, and whether its page was written."""

    night: datetime.date
    row: Row
    is_written: bool
    problem: str = ""


Progress = Callable[[NightDone], object]  # called with each night as it comes


def _is_untouched(job: NightJob, names: Collection[str]) -> bool:
    """Whether a night's row tells, without any digest, that nothing but the clock changed; `names` are the files of its stream's folder."""
    if _stays_as_it_was(job, names):
        return True
    is_made = job.row.get("made_for") == _made_for(job) and (
        is_of_now(job) or is_pruned(job.row, TABLES)
    )
    return is_made and _are_files_there(job, names)


def _is_current(job: NightJob, names: Collection[str]) -> bool:
    """Whether nothing has to be done for a night; arguments as for `_is_untouched`."""
    if _is_untouched(job, names):
        return is_as_usual(job.row, job.edges) or is_pruned(job.row, TABLES)
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


def _made_for(job: NightJob) -> str:
    """What a night's row keeps of the run that found its page current; collecting takes it out when the row changes."""
    known = digest(issues_key(job.issues)) if job.issues else ""
    return f"{job.common} {job.previous} {job.next} {shown_previews(job, job.row)} {known} {beside_key(job)}"


def publish_night(job: NightJob) -> NightDone:
    """Judge a night and write its page and data: a `NightDone`. Writes nothing else, so that it can be done anywhere."""
    if is_pruned(job.row, TABLES):
        # somebody removed the page, and nothing can make it anew
        row = job.row.copy()
        row["pruned"] = {PAGE: row["pruned"][TABLES], **row["pruned"]}
        return _publish_pruned(job, row)
    if is_pruned(job.row, PAGE) and is_judged(job):
        return _publish_pruned(job, job.row)
    store, halves = Store(job.site.output, job.stream.name), {}
    try:
        for night in [*(other for other, _ in job.beside), job.night] if job.beside else []:
            halves[night] = _halves(job, store, night)
        if (same := _row_where_nothing_moved(job, halves)) is not None:
            return NightDone(job.night, same, False)
        night = job.night
        told = store.load(night)
    except StoreError as error:
        store.look_again(night)
        return NightDone(job.night, job.row, False, str(error))
    row, known, judged, found = judge(job, told, halves)
    row["news_at"] = _news_at(job, row)
    if is_pruned(row, PAGE):
        return _publish_pruned(job, row)
    key = page_key(job, row)
    is_stale = row.get("page") != key or not is_whole(job, row)
    if is_stale:
        write_night(job, row, known, judged, found, key)
        row["page"] = key
    return NightDone(job.night, row, is_stale)


def _halves(job: NightJob, store: Store, night: datetime.date) -> Tables:
    """What a night has of files that may have their other half beside it."""
    kept = store.load_halves(night)
    return strays.halves(store.load(night), tellers_of_stages(job.stream)) if kept is None else kept


def _row_where_nothing_moved(job: NightJob, halves: Mapping[datetime.date, Tables]) -> Row | None:
    """A night's row, where the nights beside it are all that changed, and nothing that they share: its page is current then."""
    if not halves or not is_judged_by_itself(job):
        return None
    _, settled = strays.settle(job.night, halves[job.night], halves)
    row = cast("Row", {**job.row, "beside": beside_key(job)})
    is_current = (
        row.get("shown") == shown_key(job, settled)
        and row.get("page") == page_key(job, row)
        and is_whole(job, row)
    )
    return row if is_current else None


def _publish_pruned(job: NightJob, row: Row) -> NightDone:
    row = row.copy()
    row["page"] = page_key(job, row)
    row.pop("images", None)
    row.pop("n_exposure_pages", None)
    write_pruned(job, row)
    return NightDone(job.night, row, True)


def _news_at(job: NightJob, row: Row) -> str | None:
    """When a night's status, or what is wrong with it, last changed: that is news; one more file that is well is none."""
    before, after = job.row.get("summary"), row["summary"]
    if not before:
        return row.get("changed_at") or iso_utc(job.now)
    is_same = all(before.get(name) == after[name] for name in ("status", "info"))
    return (job.row.get("news_at") or row.get("changed_at")) if is_same else iso_utc(job.now)


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
        done.pages[""] = {"index.html": short(key)}
    publish_glossary(site, done)
    sweep_assets(site.output, now, site.assets.values())
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
    return {name: short(key) for name, key in made.items() if key}


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
    all_jobs = list(_jobs(site, stream, index, now))
    untouched = {job.night for job in all_jobs if _is_untouched(job, there)}
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
        edges = usual.edges(row.get("summary") for row in [*(job.row for job in before), *rows])[
            len(before) :
        ]
        asked = [
            told
            for told, was in zip(zip(all_jobs, rows, edges, strict=True), was_usual, strict=True)
            if told[2] != was
        ]
        stale = _stale(asked, there, untouched)
        jobs = {job.night: job for job in stale if job.night not in failed}
        for result in _results(
            list(jobs.values())[::-1], site.output, executor, deadline
        ):  # tonight first
            index["nights"][result.night.isoformat()] = result.row
            if result.problem:
                failed.add(result.night)
                done.problems.append(result.problem)
            else:
                result.row["made_for"] = _made_for(jobs[result.night])
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


def _jobs(site: Site, stream: Stream, index: Index, now: datetime.datetime) -> Iterator[NightJob]:
    """A job for each night of a stream, oldest first, none of which knows yet what is usual."""
    rows, near = sorted(index["nights"].items()), strays.beside(index["nights"])
    nights = [datetime.date.fromisoformat(text) for text, _ in rows]
    known = [issue for issue in site.known if not issue.streams or stream.name in issue.streams]
    of_versions = {
        id(version): (_common_key(site, version), endings_of(version))
        for version in stream.versions
    }
    edges: Mapping[str, float] = {}
    for before, night, after, (_, row) in zip(
        [None, *nights], nights, [*nights[1:], None], rows, strict=False
    ):
        issues = tuple(issue for issue in known if issue.holds(stream.name, night)) if known else ()
        then = stream.at(night)
        yield NightJob(
            site,
            then,
            night,
            row,
            before,
            after,
            now,
            edges,
            issues,
            near.get(night, ()),
            *of_versions[id(then)],
        )


def _stale(
    asked: Iterable[tuple[NightJob, Row, Mapping[str, float]]],
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
        job = replace(job, row=row, edges=edges)
        if _is_current(job, names):
            row["made_for"] = _made_for(job)
        else:
            stale.append(job)
    return stale


def _results(
    jobs: Sequence[NightJob], output: Output, executor: Workers | None, deadline: Deadline
) -> Iterator[NightDone]:
    """What became of each job, in any order; of those for which the time was too short nothing."""
    if executor is None:
        if jobs and (jobs[0].row.get("summary") or {}).get("n_files", 0) >= workers.VERY_MANY:
            pages.begin_compiling()  # by the time that so many files are judged and listed they are there
        yield from (
            result
            for number, job in enumerate(jobs)
            if (result := _guarded(job, deadline if number else NEVER))
        )
        return
    templates = pages.compiled() if jobs else {}
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
    nights = [job.night, *(night for night, _ in job.beside)]
    output = job.site.output.part(
        files_begin(job), *(f"{store.night_folder(night)}/" for night in nights)
    )
    return replace(job, site=replace(job.site, output=output))


def _publish_elsewhere(
    job: NightJob, deadline: Deadline, templates: Mapping[str, bytes]
) -> tuple[NightDone | None, Any]:
    pages.take_compiled(templates)
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


def write_heartbeat(
    site: Site,
    now: datetime.datetime,
    read: Mapping[str, Mapping[str, str | None]],
    made: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Write the small script that every page loads: when each stream and each of its sources was last read, and the newest pages.

    `read` maps a stream's name to {source: problem or None}, for the streams that were collected in this run; `made` is what
    `publish` says of their `pages`, an open one of which renews itself when it is not that any more. What earlier runs wrote
    of others is kept. Returns what it wrote:
    {"run_at", "streams": {name: {"read_at", "sources": {name: {"answered_at", "problem"}}}}}.
    """
    at = iso_utc(now.replace(microsecond=0))
    before = _read_heartbeat(site)
    streams = {}
    for stream in site.streams:
        old = before.get(stream.name, {})
        if stream.name in read:
            sources = {}
            for name, problem in read[stream.name].items():
                answered = (
                    old.get("sources", {}).get(name, {}).get("answered_at") if problem else at
                )
                sources[name] = {"answered_at": answered, "problem": problem}
            old = old | {"read_at": at, "sources": sources}
        streams[stream.name] = old | ({"pages": made[stream.name]} if stream.name in made else {})
    beat = {"run_at": at, "streams": streams, "pages": made.get("") or before.get("", {})}
    site.output.write(
        "data/heartbeat.json", sealed(as_json(beat))
    )  # each time, though it were the same: it says that we were here
    site.output.write("heartbeat.js", f"window.observing_monitor_heartbeat = {json.dumps(beat)};\n")
    return beat


def _read_heartbeat(site: Site) -> dict[str, Any]:
    """The streams of the heartbeat before, by name, and as "" the site's pages; none where it can't be made out."""
    beat = site.output.read_json("data/heartbeat.json") or {}
    try:
        # a stream that was published and never read has no sources yet
        sound = {
            name: old
            for name, old in beat["streams"].items()
            if all("answered_at" in told for told in old.get("sources", {}).values())
        }
        return sound | {"": beat.get("pages", {})}
    except (TypeError, KeyError, AttributeError):
        return {}
