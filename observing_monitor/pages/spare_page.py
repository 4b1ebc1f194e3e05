"""A night's page without thumbnails, for when its tables are pruned.

Without its tables, a night's page cannot be made again. If its thumbnails are kept longer than its
tables, the page that will replace it is therefore made before the tables are removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model.nights import iso_utc
from observing_monitor.pages.night import page_text
from observing_monitor.pages.other_streams import other_streams
from observing_monitor.pages.publish_night import load_judged
from observing_monitor.pages.stale import night_jobs
from observing_monitor.storage import layout
from observing_monitor.storage.index import PREVIEWS
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from observing_monitor.pages.frame import Site
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


def write_spare_pages(
    site: Site, stream: Stream, nights: Collection[datetime.date], now: datetime.datetime
) -> None:
    """Write the spare pages of some nights.

    Raises
    ------
    StoreError
        If a night's tables are damaged.
    """
    store = Store(site.output, stream.name)
    index, others = store.read_index(), other_streams(site, stream, {})
    for job in night_jobs(site, stream, index, now, others=others):
        if job.night not in nights:
            continue
        night = load_judged(job, store)
        key = night.row.get("page", "")
        night.row["pruned"] = {**(night.row.get("pruned") or {}), PREVIEWS: iso_utc(now)}
        site.output.write(layout.spare_page(stream.name, job.night), page_text(night, key))


def use_spare_page(stream: Stream, output: Output, night: datetime.date) -> None:
    """Replace a night's page with its spare page, if any."""
    spare = layout.spare_page(stream.name, night)
    text = output.read(spare)
    if text is not None:
        output.write(layout.in_folder(stream.folder, layout.night_page(night)), text)
        output.remove(spare)


def has_spare_page(stream: Stream, output: Output, night: datetime.date) -> bool:
    """True if a night has a spare page."""
    return output.exists(layout.spare_page(stream.name, night))
