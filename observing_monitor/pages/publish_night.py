"""Judge one night and write its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from observing_monitor.errors import StoreError
from observing_monitor.judging.judge import judge_night
from observing_monitor.judging.keys import is_judged, is_judged_alone, neighbours_key, shown_key
from observing_monitor.model.finding import NONE
from observing_monitor.model.nights import iso_utc
from observing_monitor.pages.night import write_night, write_pruned
from observing_monitor.pages.night_files import is_complete
from observing_monitor.pages.night_job import JudgedNight
from observing_monitor.pages.published import NightDone
from observing_monitor.pages.stale import night_key, small_row
from observing_monitor.settings.traits import attempt_sources
from observing_monitor.storage.index import PAGE, TABLES, is_only_page_left, is_pruned
from observing_monitor.storage.store import Store
from observing_monitor.tables import cross_night

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from pandas import DataFrame

    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.storage.index import IndexRow


def publish_night(job: NightJob) -> NightDone:
    """Judge a night and write its page and data.

    Nothing else is written, so that any process may do it.
    """
    if is_only_page_left(job.row):
        # this output has lost the page, and nothing can make it again
        write_pruned(job, small_row(job))
        return NightDone(job.night, job.row, True)
    if is_pruned(job.row, PAGE) and (is_pruned(job.row, TABLES) or is_judged(job)):
        return _publish_pruned(job, job.row)
    store, night = Store(job.site.output, job.stream.name), job.night
    unmatched: dict[datetime.date, Tables] = {}
    try:
        for other in _nights_that_share_files(job):
            night = other
            unmatched[other] = _load_unmatched(job, store, other)
        row_as_before = _row_without_change(job, unmatched)
        if row_as_before is not None:
            return NightDone(job.night, row_as_before, False)
        night = job.night
        tables = store.load(night)
    except StoreError as error:
        store.look_again(night)
        return NightDone(job.night, job.row, False, str(error), damaged=night)
    return _publish_judged(job, tables, unmatched)


def _publish_judged(
    job: NightJob, tables: Tables, unmatched: Mapping[datetime.date, Tables]
) -> NightDone:
    night = JudgedNight(job, *judge_night(job, tables, unmatched, _dome(job, tables)))
    row = night.row
    row["news_at"] = _news_at(job, row)
    if is_pruned(row, PAGE):
        return _publish_pruned(job, row)
    key = night_key(job, row)
    is_stale = row.get("page") != key or not is_complete(job, row)
    if is_stale:
        write_night(night, key)
        row["page"] = key
    return NightDone(job.night, row, is_stale)


def load_judged(job: NightJob, store: Store) -> JudgedNight:
    """Load the tables of a night and judge it; nothing is written."""
    unmatched = {
        other: _load_unmatched(job, store, other) for other in _nights_that_share_files(job)
    }
    tables = store.load(job.night)
    return JudgedNight(job, *judge_night(job, tables, unmatched, _dome(job, tables)))


def _dome(job: NightJob, tables: Tables) -> DataFrame | None:
    """Return another stream's values for the dome, if any."""
    if job.stream.dome is None or tables.reports.empty:
        return None
    from observing_monitor.pages.other_streams import dome_samples

    return dome_samples(job.site, job.stream.dome, job.of_others)


def _nights_that_share_files(job: NightJob) -> list[datetime.date]:
    """Return the nights that may share files, itself last."""
    return [*(night for night, _ in job.neighbours), job.night] if job.neighbours else []


def _load_unmatched(job: NightJob, store: Store, night: datetime.date) -> Tables:
    """Return rows that a neighbouring night may complete."""
    kept = store.load_unmatched(night)
    if kept is None:
        return cross_night.find_unmatched(store.load(night), attempt_sources(job.stream))
    return kept


def _row_without_change(
    job: NightJob, unmatched: Mapping[datetime.date, Tables]
) -> IndexRow | None:
    """Return a night's row if its page is current.

    It is if only its neighbours changed, and nothing that they share with the night.
    """
    if not unmatched or not is_judged_alone(job):
        return None
    _, shared = cross_night.assign_to_nights(job.night, unmatched[job.night], unmatched)
    row = cast("IndexRow", {**job.row, "beside": neighbours_key(job)})
    is_current = (
        row.get("shown") == shown_key(job, shared)
        and row.get("page") == night_key(job, row)
        and is_complete(job, row)
    )
    return row if is_current else None


def _publish_pruned(job: NightJob, row: IndexRow) -> NightDone:
    row = row.copy()
    row["page"] = night_key(job, row)
    row.pop("images", None)
    row.pop("n_exposure_pages", None)
    row.pop("has_log", None)
    row.pop("more_csv", None)
    write_pruned(job, row)
    return NightDone(job.night, row, True)


def _news_at(job: NightJob, row: IndexRow) -> str | None:
    """Return when a night's status or problems last changed.

    One more file that is well is no news, and neither is the first one.
    """
    before, after = job.row.get("summary"), row["summary"]
    if not before:
        return row.get("changed_at") or iso_utc(job.now)
    was = "normal" if before.get("status") == NONE else before.get("status")
    status = "normal" if after["status"] == NONE else after["status"]
    is_same = was == status and before.get("info") == after["info"]
    return (job.row.get("news_at") or row.get("changed_at")) if is_same else iso_utc(job.now)
