"""The status of a site and of its streams, as the feeds show it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from observing_monitor.model.nights import NightRule, iso_utc, parse_utc
from observing_monitor.storage.index import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.storage.output import Output


SITE = "*"  # stands for the site where streams' names do: no stream can have this name
SINCE = "data/since.json"  # since when each status holds


@dataclass(frozen=True)
class Status:
    """How a stream, or the site (`stream` is SITE), stands after a run."""

    site: str  # the site's title
    stream: str
    title: str
    status: str  # normal, warning, error
    info: str  # what is wrong, in words; "" where nothing is
    trouble: str = ""  # the worst of it
    night: str = ""  # the newest night; "" where there is none
    href: str = ""  # of the page, relative to the site
    url: str = ""  # the same in full, where the settings have a site_url
    since: datetime.datetime | None = None  # when a run first saw this status
    latest: Mapping[str, Any] | None = (
        None  # the newest night, by the names of columns.NIGHTS, instants as text
    )
    rule: NightRule = NightRule()
    silent: Mapping[str, Fault] = field(default_factory=dict)  # by source
    sources: Sequence[tuple[str, str]] = ()  # name and kind


@dataclass(frozen=True)
class NightChange:
    """A night that changed: an entry of the feed."""

    stream: str
    title: str
    night: str
    href: str
    status: str
    info: str
    changed_at: str  # when its status, or what is wrong with it, last did
    findings: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class RunSummary:
    """What a run did."""

    seconds: float
    n_looked: int  # nights looked at
    n_changed: int
    n_pages: int  # written
    n_problems: int


def page_address(site_url: str, relative: str) -> str:
    """A page's address in full; "" where the site has no site_url."""
    return f"{site_url.rstrip('/')}/{relative}" if site_url else ""


# --- since when ------------------------------------------------------------------------------------------------------------


def with_since(standings: Iterable[Status], output: Output, now: datetime.datetime) -> list[Status]:
    """The same, each with since when its status holds, as far as earlier runs remember; writes only where one changed."""
    record = output.read_json(SINCE) or {}
    before = record.get("standings", record)  # earlier versions had them on top
    before = before if isinstance(before, dict) else {}
    after, made = {}, []
    for standing in standings:
        old = before.get(standing.stream)
        since = str(iso_utc(now.replace(microsecond=0)))
        if (
            isinstance(old, dict)
            and old.get("status") == standing.status
            and instant_of(old.get("since"))
        ):
            since = str(old["since"])
        after[standing.stream] = {"status": standing.status, "since": since}
        made.append(replace(standing, since=instant_of(since) or now))
    if after != before:
        output.write_json(SINCE, {"standings": after})
    return made


def instant_of(text: str | None) -> datetime.datetime | None:
    try:
        return None if text is None else parse_utc(str(text))
    except (ValueError, TypeError):
        return None
