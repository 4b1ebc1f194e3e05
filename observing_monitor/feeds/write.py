"""Write the feeds: what other programs read of a site.

`status.json` and the Prometheus textfile are written by every run, the Atom feed only if it
changes. None needs more than the rows of the index: no table is opened, and nothing heavy is
imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.feeds.atom import write_feed
from observing_monitor.feeds.prometheus import textfile, write_textfile
from observing_monitor.feeds.site_status import SITE
from observing_monitor.feeds.status_json import write_status

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from observing_monitor.feeds.site_status import NightChange, RunSummary, Status
    from observing_monitor.storage.output import Output


class FeedFacts(msgspec.Struct, frozen=True):
    """Facts of a run that its feeds report."""

    statuses: Sequence[Status]  # of the site and the streams, with their `since`
    changes: Iterable[NightChange]
    heartbeat: Mapping[str, Any]  # as `pages.heartbeat.write_heartbeat` returns it
    run: RunSummary


def write_feeds(
    facts: FeedFacts,
    output: Output,
    now: datetime.datetime,
    site_url: str = "",
    prometheus_file: Path | None = None,
) -> list[str]:
    """Write all feeds.

    Returns
    -------
    list of str
        A line if prometheus_file could not be written.

    Raises
    ------
    OutputError
        The output cannot be written.
    """
    title = next(status.title for status in facts.statuses if status.stream == SITE)
    write_status(facts.statuses, facts.heartbeat, output, site_url)
    write_feed(facts.changes, title, output, site_url, now)
    text = textfile(facts.statuses, facts.heartbeat, facts.run)
    return write_textfile(text, output, prometheus_file)
