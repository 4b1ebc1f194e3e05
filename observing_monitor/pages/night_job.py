"""One night and all that a worker needs to judge it and to write its pages."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from observing_monitor.judging.night_work import NightWork
from observing_monitor.pages.frame import Site


@dataclass(slots=True, kw_only=True)
class NightJob(NightWork):
    """A night to judge and to publish."""

    site: Site
    previous: datetime.date | None = None
    next: datetime.date | None = None
    common: str = ""  # fingerprint of what all pages of the stream's nights depend on
    endings: tuple[str, ...] = ()  # endings of the night's files (`night_files.endings_of`)
