"""One night and all that judging and publishing need for it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.pages.frame import Site

if TYPE_CHECKING:
    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Row


@dataclass(
    slots=True
)  # not frozen, which makes each take five times as long: a run makes one of each night of ten years
class NightJob:
    """All that a worker needs to judge a night and to write its page."""

    site: Site
    stream: Stream
    night: datetime.date
    row: Row  # the index's
    previous: datetime.date | None
    next: datetime.date | None
    now: datetime.datetime
    edges: Mapping[str, float] = field(
        default_factory=dict
    )  # what is usual for the stream at that time, as `usual.edges` has it
    issues: tuple[Issue, ...] = ()  # what is known of the night
    beside: tuple[
        tuple[datetime.date, str], ...
    ] = ()  # the nights that may have halves of its files, as `strays.beside` has them
    common: str = ""  # differs when something did that all pages of the stream's nights depend on
    endings: tuple[
        str, ...
    ] = ()  # what the names of the night's files end with, as `night_page.endings_of` has it
