"""One night, with everything that is needed to judge it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from observing_monitor.judging.known_issues import Issue
    from observing_monitor.judging.usual_flows import UsualFlow
    from observing_monitor.model.finding import Finding
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow


# Not frozen: that takes five times as long to make, and a run makes one per night of ten years.
class NightWork(msgspec.Struct, kw_only=True):
    """One night of a stream, its row of the index, and outside facts."""

    stream: Stream
    night: datetime.date
    row: IndexRow
    now: datetime.datetime
    # limits of what is usual for the stream at that time, by measure (`usual.usual_limits`)
    usual: Mapping[str, float] = msgspec.field(default_factory=dict)
    # known issues of the night
    issues: tuple[Issue, ...] = ()
    # how files usually come (`usual_flows.usual_flows`); None unless the night is tonight
    flows: Mapping[str, UsualFlow] | None = None
    # when the stream's sources were last read; None if that is unknown
    read_at: datetime.datetime | None = None
    # nights that may share files with this one, each with a digest (`cross_night.neighbours`)
    neighbours: tuple[tuple[datetime.date, str], ...] = ()
    # digest of the nights of another stream that say if the dome is open; "" if none does
    of_dome: str = ""
    # one of the two newest nights
    is_recent: bool = False
    # findings on rows that the sources left out, if the night is the newest
    on_rows: tuple[Finding, ...] = ()
    # secret of the codes for hidden names; "" if the stream hides none
    hidden_key: str = ""
