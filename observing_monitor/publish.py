"""Which pages are stale: judge and write those, then the indexes that name them. The sources may all be down.

A page is current when it exists and the fingerprint of all that its template was given, of the templates and of our
version is the one in the index. The clock is no part of it: time alone changes a night when a pending file turns
missing, and the index keeps the instant of that. Assets come before pages, data before the page that links them, and
the indexes last, so that a reader never follows a link to something that is not there yet.
"""

import datetime
import itertools
import json
import logging
import os
from dataclasses import dataclass, field

from observing_monitor import usual
from observing_monitor.errors import StoreError
from observing_monitor.files import sealed
from observing_monitor.judge import NightJob, is_as_usual, is_judged, is_of_now, judge, judging_key
from observing_monitor.night_page import files_of, has_images, is_whole, look_of, page_key, shown_previews, write_night
from observing_monitor.nights import iso_utc, parse_night
from observing_monitor.site import digest, write_assets
from observing_monitor.store import Store
from observing_monitor.stream_page import publish_site, publish_stream

log = logging.getLogger(__name__)


@dataclass
class Published:
    """What publishing came to."""

    n_pages: int = 0  # pages written
    statuses: dict[str, str] = field(default_factory=dict)  # of each stream
    problems: list[str] = field(default_factory=list)


@dataclass
class NightDone:
    """A night's new row of the index, and whether its page was written."""

    night: datetime.date
    row: dict
    is_written: bool
    problem: str = ""


def _is_untouched(job, names, common):
    """Whether a night's row tells, without any digest, that nothing but the clock changed; `common` is `_common_key`.

    `names` are the files that its stream's folder has.
    """
    is_there = all(relative.rpartition("/")[2] in names for relative in files_of(job)) and has_images(job, job.row)
    return is_there and job.row.get("made_for") == _made_for(job, common) and is_of_now(job)


def _is_current(job, names, common):
    """Whether nothing has to be done for a night; arguments as for `_is_untouched`."""
    if _is_untouched(job, names, common):
        return is_as_usual(job)
    is_there = all(relative.rpartition("/")[2] in names for relative in files_of(job)) and has_images(job, job.row)
    return is_there and is_judged(job) and job.row.get("page") == page_key(job, job.row)


def _common_key(site, stream):
    """Differs when something did that all pages of a stream's nights depend on."""
    return digest([site.key, site.title, judging_key(stream), look_of(stream)])


def _made_for(job, common):
    """What a night's row keeps of the run that found its page current; collecting takes it out when the row changes."""
    return f"{common} {job.previous} {job.next} {shown_previews(job, job.row)}"


def publish_night(job):
    """Judge a night and write its page and data: a `NightDone`. Writes nothing else, so that it can be done anywhere."""
    store = Store(job.site.output, job.stream.name)
    try:
        known = store.load(job.night)
    except StoreError as error:
        store.look_again(job.night)
        return NightDone(job.night, job.row, False, str(error))
    row, judged, found = judge(job, known)
    key = page_key(job, row)
    is_stale = row.get("page") != key or not is_whole(job, row)
    if is_stale:
        row["images"] = write_night(job, row, known, judged, found)
        row["page"] = key
    return NightDone(job.night, row, is_stale)


def publish(site, now, executor=None, progress=None):
    """Write every page of a site that is not current; a `Published`.

    Parameters
    ----------
    site : Site
    now : datetime
    executor : workers.Workers, optional
        Where night pages are made; here, one after the other, without one.
    progress : callable, optional
        Called with each `NightDone` as it comes.
    """
    write_assets(site)
    done = Published()
    cards = []
    for stream in site.streams:
        index = Store(site.output, stream.name).read_index()
        _publish_nights(site, stream, index, now, executor, progress, done)
        cards.append(publish_stream(site, stream, index, now, done))
        done.statuses[stream.name] = cards[-1].status
    if site.has_site_page:
        publish_site(site, cards, done)
    return done


def _publish_nights(site, stream, index, now, executor, progress, done):
    """The pages of a stream's nights; keeps the index in step, so that a killed run is resumed."""
    store = Store(site.output, stream.name)
    try:
        there = set(os.listdir(site.output.path(stream.folder)))
    except FileNotFoundError:
        there = set()
    common = _common_key(site, stream)
    if index.get("is_settled") and all(_is_untouched(job, there, common) for job in _jobs(site, stream, index, now, itertools.repeat({}))):
        return
    index.pop("is_settled", None)
    failed = set()
    try:
        # What a night says of the usual hangs on the nights before it, which may be judged only now: the few that say
        # something else then are judged once more. Their numbers stay, so that is the end of it.
        for _ in range(2):
            edges = usual.edges(row.get("summary") for _, row in sorted(index["nights"].items()))
            stale = _stale(_jobs(site, stream, index, now, edges), there, common)
            jobs = {job.night: job for job in stale if job.night not in failed}
            for result in _results(list(jobs.values()), executor):
                index["nights"][result.night.isoformat()] = result.row
                if result.problem:
                    failed.add(result.night)
                    done.problems.append(result.problem)
                else:
                    result.row["made_for"] = _made_for(jobs[result.night], common)
                    there |= {relative.rpartition("/")[2] for relative in files_of(jobs[result.night])}
                store.note(result.night, result.row)
                done.n_pages += result.is_written
                if progress:
                    progress(result)
        index["is_settled"] = not failed
    finally:
        store.write_index(index)


def _jobs(site, stream, index, now, edges):
    """A job for each night of a stream, oldest first; `edges` tell of each what is usual."""
    nights = [parse_night(text) for text in sorted(index["nights"])]
    for before, night, after, edge_of in zip([None, *nights], nights, [*nights[1:], None], edges, strict=False):
        yield NightJob(site, stream, night, index["nights"][night.isoformat()], before, after, now, edge_of)


def _stale(jobs, names, common):
    """The jobs of those nights for which something has to be done; the others' rows keep that they were found current."""
    stale = []
    for job in jobs:
        if _is_current(job, names, common):
            job.row["made_for"] = _made_for(job, common)
        else:
            stale.append(job)
    return stale


def _results(jobs, executor):
    if executor is None:
        yield from map(_guarded, jobs)
        return
    yield from executor.results(_guarded, [(job,) for job in jobs], _lost)


def _lost(job):
    return NightDone(job.night, job.row, False, f"{job.stream.name} {job.night}: its worker died each time that its page was made")


def _guarded(job):
    """One night's page, at whose edge the unforeseen stops: logged whole, counted, and the other pages are still made."""
    from observing_monitor.errors import OutputError

    try:
        return publish_night(job)
    except OutputError:
        raise
    except Exception as error:
        log.exception("%s %s: its page could not be made", job.stream.name, job.night)
        words = f"{job.stream.name} {job.night}: its page could not be made ({type(error).__name__}: {error})"
        return NightDone(job.night, job.row, False, words)


def write_heartbeat(site, now, read):
    """Write the small script that every page loads: when each stream and each of its sources was last read.

    `read` maps a stream's name to {source: problem or None}, for the streams that were collected in this run; what
    earlier runs wrote of others is kept.
    """
    at = iso_utc(now.replace(microsecond=0))
    before = _read_heartbeat(site)
    streams = {}
    for stream in site.streams:
        old = before.get(stream.name, {})
        if stream.name in read:
            sources = {}
            for name, problem in read[stream.name].items():
                answered = old.get("sources", {}).get(name, {}).get("answered_at") if problem else at
                sources[name] = {"answered_at": answered, "problem": problem}
            old = {"read_at": at, "sources": sources}
        streams[stream.name] = old
    beat = {"run_at": at, "streams": streams}
    site.output.write("data/heartbeat.json", sealed(json.dumps(beat, ensure_ascii=False)))
    site.output.write("heartbeat.js", f"window.observing_monitor_heartbeat = {json.dumps(beat)};\n")


def _read_heartbeat(site):
    """The streams of the heartbeat before, by name; none where it can't be made out."""
    beat = site.output.read_json("data/heartbeat.json")
    try:
        return {name: old for name, old in beat["streams"].items() if all("answered_at" in told for told in old["sources"].values())}
    except (TypeError, KeyError, AttributeError):
        return {}
