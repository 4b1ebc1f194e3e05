"""The status of a site and of its streams."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.model.nights import NightRule, iso_utc, parse_utc
from observing_monitor.storage import layout
from observing_monitor.storage.index import Fault, SourceRows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.storage.output import Output


SITE = "*"  # the site's place among names of streams: no stream can have this name


class Status(msgspec.Struct, frozen=True):
    """The status of a stream or of the site."""

    site: str  # title of the site
    stream: str
    title: str
    status: str  # none, normal, warning, error
    info: str  # what is wrong; "" if nothing is
    trouble: str = ""  # the worst of it
    night: str = ""  # the newest night; "" if there is none
    href: str = ""  # of the page, relative to the site
    url: str = ""  # of the page; "" without site_url
    since: datetime.datetime | None = None  # when a run first saw this status
    # the newest night by the names of columns.NIGHTS, with instants as text; None if there is none
    latest: Mapping[str, Any] | None = None
    rule: NightRule = NightRule()
    silent: Mapping[str, Fault] = {}  # by source
    sources: Sequence[tuple[str, str]] = ()  # name and kind
    rows: Mapping[str, SourceRows] = {}  # of the sources that count them, by name


class NightChange(msgspec.Struct, frozen=True):
    """A night that changed: an entry of the Atom feed."""

    stream: str
    title: str
    night: str
    href: str
    status: str
    info: str
    changed_at: str  # when its status or findings last changed
    findings: Sequence[Mapping[str, Any]]


class RunSummary(msgspec.Struct, frozen=True):
    """The numbers of a run."""

    seconds: float
    n_looked: int  # nights looked at
    n_changed: int
    n_pages: int  # pages written
    n_problems: int


def page_address(site_url: str, relative: str) -> str:
    """Return a page's full address; "" without site_url."""
    return f"{site_url.rstrip('/')}/{relative}" if site_url else ""


def with_since(statuses: Iterable[Status], output: Output, now: datetime.datetime) -> list[Status]:
    """Return the statuses with their `since`.

    The note is written only if a status changed.
    """
    record = output.read_json(layout.SINCE) or {}
    # earlier versions had the streams at the top
    before = record.get("standings", record)
    before = before if isinstance(before, dict) else {}
    after, dated = {}, []
    for status in statuses:
        since = _noted_since(before.get(status.stream), status.status)
        since = since or iso_utc(now.replace(microsecond=0))
        after[status.stream] = {"status": status.status, "since": since}
        dated.append(msgspec.structs.replace(status, since=instant_of(since) or now))
    if after != before:
        output.write_json(layout.SINCE, {"standings": after})
    return dated


def _noted_since(note: object, status: str) -> str:
    """Return the instant noted for the same status, or ""."""
    if isinstance(note, dict) and note.get("status") == status and instant_of(note.get("since")):
        return str(note["since"])
    return ""


def instant_of(text: str | None) -> datetime.datetime | None:
    """Return an instant from text, or None."""
    try:
        return None if text is None else parse_utc(str(text))
    except (ValueError, TypeError):
        return None
