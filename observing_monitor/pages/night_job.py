"""One night, before and after judging."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.judging.night_work import NightWork
from observing_monitor.pages.frame import Site

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.other_streams import OtherNight
    from observing_monitor.storage.index import IndexRow


class NightJob(NightWork, kw_only=True):
    """A night to judge and to publish."""

    site: Site
    previous: datetime.date | None = None
    next: datetime.date | None = None
    common: str = ""  # fingerprint of what all pages of the stream's nights depend on
    endings: tuple[str, ...] = ()  # endings of the night's files (`night_files.usual_endings`)
    # nights of other streams whose metrics the timeline shows
    of_others: tuple[OtherNight, ...] = ()
    is_looked_at: bool = False  # whether its files on disk are compared with what was written


class JudgedNight(msgspec.Struct, frozen=True):
    """A judged night: everything that its page shows.

    Attributes
    ----------
    job : NightJob
    row : IndexRow
        The night's new row of the index.
    tables : Tables
        With each file on one night.
    judged : DataFrame
        The night's files with their classes.
    findings : list of Finding
        Worst first.
    """

    job: NightJob
    row: IndexRow
    tables: Tables
    judged: DataFrame
    findings: list[Finding]
