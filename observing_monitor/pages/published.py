"""The results of publishing."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.feeds.site_status import NightChange, Status

if TYPE_CHECKING:
    from observing_monitor.storage.index import IndexRow


@dataclass
class Published:
    """What publishing came to."""

    n_pages: int = 0  # pages written
    standings: list[Status] = field(default_factory=list)  # of the site, and of each stream
    news: list[NightChange] = field(
        default_factory=list
    )  # of each stream the nights that changed last
    problems: list[str] = field(default_factory=list)
    pages: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # of each stream, "" for the site: the newest pages' fingerprints


@dataclass
class NightDone:
    """A night's new row of the index, and whether its page was written."""

    night: datetime.date
    row: IndexRow
    is_written: bool
    problem: str = ""
