"""The results of publishing."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.feeds.site_status import NightChange, Status

if TYPE_CHECKING:
    from observing_monitor.pages.contexts import StreamCard
    from observing_monitor.storage.index import IndexRow


class Published(msgspec.Struct, frozen=True):
    """The result of publishing a site."""

    n_pages: int = 0  # pages written
    standings: list[Status] = []  # the site's first, then each stream's
    news: list[NightChange] = []  # latest changes of each stream
    problems: list[str] = []
    # stream, or "" for the site -> page -> fingerprint, of the newest pages
    pages: dict[str, dict[str, str]] = {}


class StreamPublished(msgspec.Struct, frozen=True):
    """The result of publishing the pages over a stream's nights."""

    card: StreamCard
    status: Status
    n_pages: int


class NightsPublished(msgspec.Struct, frozen=True):
    """The result of publishing a stream's nights."""

    n_pages: int = 0
    problems: tuple[str, ...] = ()
    is_changed: bool = False  # whether the index may have changed


class NightDone(msgspec.Struct):
    """A night's new row of the index, and whether its page was written."""

    night: datetime.date
    row: IndexRow
    is_written: bool
    problem: str = ""
    damaged: datetime.date | None = None  # this night, or a neighbour, if its tables are damaged
