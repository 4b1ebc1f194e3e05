"""A change of status, as receivers are told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observing_monitor.feeds.site_status import SITE, page_address
from observing_monitor.model.messages import shortened
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import visible
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import datetime

    from observing_monitor.feeds.site_status import Status
    from observing_monitor.storage.redact import Redaction


MAX_INFO = 4000  # characters


@dataclass(frozen=True)
class Change:
    """A change of status in plain texts, "" for none."""

    site: str  # title of the site
    stream: str  # "" if the site's own status changed
    title: str  # of the stream, or of the site
    status: str  # normal, warning, error
    was: str  # the status that this receiver was told of last
    info: str  # what is wrong
    since: str  # when a run first saw this status: 2020-02-13T03:12:41Z
    night: str  # the newest night
    url: str  # of the page; "" without site_url
    told_at: str  # when this run began
    text: str  # all of it


def plain(text: str) -> str:
    """Return a text in one line, without control characters."""
    return str(visible(" ".join(text.split())))


def change_of(status: Status, was: str, now: datetime.datetime) -> Change:
    """Return the change of a status since a receiver was told of it."""
    title = plain(status.title)
    info = shortened(plain(status.info or status.trouble), MAX_INFO)
    where = title if status.stream == SITE else f"{plain(status.site)}, {title}"
    text = f"{where}: {status.status} (was {was})"
    text += f": {info}" if info else ""
    text += f" {status.url}" if status.url else ""
    return Change(
        site=plain(status.site),
        stream="" if status.stream == SITE else status.stream,
        title=title,
        status=status.status,
        was=was,
        info=info,
        since=iso_utc(status.since.replace(microsecond=0)) if status.since else "",
        night=status.night,
        url=status.url,
        told_at=iso_utc(now.replace(microsecond=0)),
        text=text,
    )


def trial(site: str, stream: str, site_url: str, now: datetime.datetime) -> Change:
    """Return a message to try out a receiver."""
    words = "a message to try this out: nothing has changed"
    at = iso_utc(now.replace(microsecond=0))
    return Change(
        site=plain(site),
        stream=stream,
        title=stream or plain(site),
        status="normal",
        was="normal",
        info=words,
        since=at,
        night="",
        url=page_address(site_url, layout.INDEX_PAGE),
        told_at=at,
        text=f"{plain(site)}: {words}",
    )


def redacted(change: Change, redaction: Redaction) -> Change:
    """Return a change without texts that are hidden."""
    hidden = {name: redaction.text(getattr(change, name)) for name in ("site", "title", "info")}
    before, url, after = change.text.rpartition(change.url) if change.url else (change.text, "", "")
    return replace(change, **hidden, text=redaction.text(before) + url + redaction.text(after))
