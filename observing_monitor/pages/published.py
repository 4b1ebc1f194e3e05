"""The results of publishing."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.feeds.site_status import NightChange, Status

if TYPE_CHECKING:
    from observing_monitor.pages.contexts import StreamCard
    from observing_monitor.storage.index import Index, IndexRow


class Collected(msgspec.Struct, frozen=True):
    """Results of collecting that publishing needs, by stream.

    Attributes
    ----------
    indexes : mapping of str to Index
        Indexes that were brought up to date and not written.
    read_at : mapping of str to datetime, or None
        When the sources were last read; None if that is now, for all.
    looked_at : mapping
        Nights whose files are compared with what was written. All nights of a stream that it does
        not have, or has None for.
    """

    indexes: Mapping[str, Index] = {}
    read_at: Mapping[str, datetime.datetime] | None = None
    looked_at: Mapping[str, Collection[datetime.date] | None] = {}


class Published(msgspec.Struct, frozen=True):
    """The result of publishing a site."""

    n_pages: int = 0  # pages written
    statuses: list[Status] = []  # the site's first, then each stream's
    changes: list[NightChange] = []  # latest changes of each stream
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
