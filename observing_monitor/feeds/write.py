"""Write all feeds of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.feeds.atom import write_feed
from observing_monitor.feeds.prometheus import textfile, write_textfile
from observing_monitor.feeds.site_status import SITE
from observing_monitor.feeds.status_json import write_status

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from observing_monitor.feeds.site_status import NightChange, RunSummary, Status
    from observing_monitor.storage.output import Output


# --- all of it -------------------------------------------------------------------------------------------------------------


def write_feeds(
    standings: Sequence[Status],
    news: Iterable[NightChange],
    heartbeat: Mapping[str, Any],
    run: RunSummary,
    output: Output,
    now: datetime.datetime,
    site_url: str = "",
    prometheus_file: Path | None = None,
) -> list[str]:
    """Write all that other programs read, after the pages; a line for what could not be written outside of the output.

    `standings` are the site's and the streams', with their `since`; `heartbeat` is what `publish.write_heartbeat` wrote. Raises
    OutputError.
    """
    title = next(standing.title for standing in standings if standing.stream == SITE)
    write_status(standings, heartbeat, output, site_url)
    write_feed(news, title, output, site_url, now)
    return write_textfile(textfile(standings, heartbeat, run), output, prometheus_file)
