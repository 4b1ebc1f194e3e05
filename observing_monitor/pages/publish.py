"""Publish a site: every page that is not current, then the indexes.

No source is read: all of them may be down. Assets come before pages, data before the page that
links them, and the indexes last. A reader therefore never follows a link to a missing file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.collecting.rows import restore_rows
from observing_monitor.errors import SilentOutputError
from observing_monitor.feeds.atom import newest
from observing_monitor.model.digest import short_fingerprint
from observing_monitor.model.nights import parse_night
from observing_monitor.pages.assets import sweep_assets
from observing_monitor.pages.frame import write_assets
from observing_monitor.pages.publish_nights import NightsPublisher, Progress
from observing_monitor.pages.published import Collected, Published
from observing_monitor.pages.redirects import publish_redirects
from observing_monitor.pages.site import publish_glossary, publish_site
from observing_monitor.pages.stream import publish_stream
from observing_monitor.pages.stream_state import RECENT_NIGHTS
from observing_monitor.processes.timelimit import NEVER
from observing_monitor.storage import layout
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from observing_monitor.feeds.site_status import NightChange, Status
    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.published import NightsPublished, StreamPublished
    from observing_monitor.processes.timelimit import Deadline
    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index


# members of an index that describe the pages over nights
OF_STREAM = ("page", "years", "programs", "moved")


def publish(
    site: Site,
    now: datetime.datetime,
    executor: Workers | None = None,
    progress: Progress | None = None,
    deadline: Deadline = NEVER,
    collected: Collected | None = None,
) -> Published:
    """Write every page of a site that is not current.

    Parameters
    ----------
    site : Site
    now : datetime
    executor : Workers, optional
        They make night pages; by default, this process does.
    progress : callable, optional
        Called with each `NightDone`.
    deadline : Deadline
        After it, each stream gets the page of its newest night and the pages over its nights.
    collected : Collected, optional
        What the run has collected; nothing by default.

    Raises
    ------
    OutputError
        If a page cannot be written.
    """
    write_assets(site)
    collected = collected or Collected()
    nights: list[NightsPublished] = []
    streams: list[StreamPublished] = []
    changes: list[NightChange] = []
    pages: dict[str, dict[str, str]] = {}
    for stream in site.streams:
        index = collected.indexes.get(stream.name) or _read_index(site, stream, now)
        publisher = NightsPublisher(site, stream, index, now, executor, progress, deadline)
        publisher.note_looks(collected)
        of_nights, of_stream = _publish_stream(publisher)
        nights.append(of_nights)
        streams.append(of_stream)
        changes += newest(index["nights"], stream.name, stream.title, stream.folder)
        pages[stream.name] = _newest_pages(index)
    status, n_pages = _publish_site(site, streams, pages)
    sweep_assets(site.output, now, site.assets.values())
    return Published(
        n_pages + sum(done.n_pages for done in nights) + sum(done.n_pages for done in streams),
        [status, *(done.status for done in streams)],
        changes,
        [problem for done in nights for problem in done.problems],
        pages,
    )


def _read_index(site: Site, stream: Stream, now: datetime.datetime) -> Index:
    """Return the index of a stream that was not collected."""
    store = Store(site.output, stream.name)
    index = store.read_index()
    restore_rows(index, stream, store, now)
    return index


def _publish_site(
    site: Site, streams: Sequence[StreamPublished], pages: dict[str, dict[str, str]]
) -> tuple[Status, int]:
    """Publish the pages over all streams; return the status and how many.

    The site's page is added to `pages`.
    """
    statuses = [done.status for done in streams]
    status, key, n_pages = publish_site(site, [done.card for done in streams], statuses)
    if site.has_site_page:
        pages[""] = {layout.INDEX_PAGE: short_fingerprint(key)}
    return status, n_pages + publish_glossary(site)


def _publish_stream(publisher: NightsPublisher) -> tuple[NightsPublished, StreamPublished]:
    """Publish a stream's nights, the pages over them, and its index."""
    site, stream, index = publisher.site, publisher.stream, publisher.index
    is_changed = True
    try:
        of_nights = publisher.publish()
        before = [index.get(name) for name in OF_STREAM]
        is_full = publisher.looked_at is None
        names = None if is_full else publisher.names
        newest_version = _newest_version(stream, index)
        of_stream = publish_stream(site, newest_version, index, publisher.now, names)
        publish_redirects(site, stream, index, is_full)
        is_changed = of_nights.is_changed or before != [index.get(name) for name in OF_STREAM]
    except SilentOutputError:  # the index can't be written either; each row was noted
        is_changed = False
        raise
    finally:
        if is_changed:  # once only: the index of ten years is large
            Store(site.output, stream.name).write_index(index)
    return of_nights, of_stream


def _newest_version(stream: Stream, index: Index) -> Stream:
    """Return the stream with the settings of its newest night."""
    night = max(index["nights"], default=None)
    return stream.at(parse_night(night)) if night else stream.versions[-1]


def _newest_pages(index: Index) -> dict[str, str]:
    """Return the fingerprints of the newest pages, which may be open."""
    newest = sorted(index["nights"].items())[-RECENT_NIGHTS:]
    years = sorted((index.get("years") or {}).items())[-1:]
    made = {
        layout.INDEX_PAGE: index.get("page"),
        **{layout.year_page(year): key for year, key in years},
        **{layout.night_page(night): row.get("page") for night, row in newest},
    }
    return {name: short_fingerprint(key) for name, key in made.items() if key}
