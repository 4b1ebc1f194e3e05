"""Judge one night and write its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from observing_monitor.errors import StoreError
from observing_monitor.judging.judge import judge_night
from observing_monitor.judging.keys import is_judged, is_judged_alone, neighbours_key, shown_key
from observing_monitor.model.nights import iso_utc
from observing_monitor.pages.night import write_night, write_pruned
from observing_monitor.pages.night_files import is_whole
from observing_monitor.pages.published import NightDone
from observing_monitor.pages.stale import night_key
from observing_monitor.settings.traits import attempt_sources
from observing_monitor.storage.index import PAGE, TABLES, is_pruned
from observing_monitor.storage.store import Store
from observing_monitor.tables import cross_night

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.storage.index import IndexRow


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
        for night in [*(other for other, _ in job.neighbours), job.night] if job.neighbours else []:
            halves[night] = _halves(job, store, night)
        if (same := _row_where_nothing_moved(job, halves)) is not None:
            return NightDone(job.night, same, False)
        night = job.night
        told = store.load(night)
    except StoreError as error:
        store.look_again(night)
        return NightDone(job.night, job.row, False, str(error), damaged=night)
    row, known, judged, found = judge_night(job, told, halves)
    row["news_at"] = _news_at(job, row)
    if is_pruned(row, PAGE):
        return _publish_pruned(job, row)
    key = night_key(job, row)
    is_stale = row.get("page") != key or not is_whole(job, row)
    if is_stale:
        write_night(job, row, known, judged, found, key)
        row["page"] = key
    return NightDone(job.night, row, is_stale)


def _halves(job: NightJob, store: Store, night: datetime.date) -> Tables:
    """What a night has of files that may have their other half beside it."""
    kept = store.load_unmatched(night)
    return (
        cross_night.find_unmatched(store.load(night), attempt_sources(job.stream))
        if kept is None
        else kept
    )


def _row_where_nothing_moved(
    job: NightJob, halves: Mapping[datetime.date, Tables]
) -> IndexRow | None:
    """A night's row, where the nights beside it are all that changed, and nothing that they share: its page is current then."""
    if not halves or not is_judged_alone(job):
        return None
    _, settled = cross_night.assign_to_nights(job.night, halves[job.night], halves)
    row = cast("IndexRow", {**job.row, "beside": neighbours_key(job)})
    is_current = (
        row.get("shown") == shown_key(job, settled)
        and row.get("page") == night_key(job, row)
        and is_whole(job, row)
    )
    return row if is_current else None


def _publish_pruned(job: NightJob, row: IndexRow) -> NightDone:
    row = row.copy()
    row["page"] = night_key(job, row)
    row.pop("images", None)
    row.pop("n_exposure_pages", None)
    write_pruned(job, row)
    return NightDone(job.night, row, True)


def _news_at(job: NightJob, row: IndexRow) -> str | None:
    """When a night's status, or what is wrong with it, last changed: that is news; one more file that is well is none."""
    before, after = job.row.get("summary"), row["summary"]
    if not before:
        return row.get("changed_at") or iso_utc(job.now)
    is_same = all(before.get(name) == after[name] for name in ("status", "info"))
    return (job.row.get("news_at") or row.get("changed_at")) if is_same else iso_utc(job.now)
