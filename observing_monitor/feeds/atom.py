"""The Atom feed of changes."""

from __future__ import annotations

import hashlib
import heapq
import os
from html import escape
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.feeds.site_status import NightChange, page_address
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import visible

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping
    from typing import Any

    from observing_monitor.storage.output import Output


FEED = "changes.atom"
FEED_ID = "data/feed.json"  # what the feed's ids begin with, made once
MAX_ENTRIES = 50  # of the feed
MAX_FINDINGS = 30  # of one of its entries


# --- Atom ------------------------------------------------------------------------------------------------------------------


def newest(
    rows: Mapping[str, Mapping[str, Any]], stream: str, title: str, folder: str
) -> list[NightChange]:
    """The news of a stream's nights, the latest first; `rows` are those of its index."""

    def when(item: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
        return item[1].get("news_at") or item[1].get("changed_at") or "", item[0]

    judged = ((night, row) for night, row in rows.items() if row.get("summary"))
    latest = heapq.nlargest(MAX_ENTRIES, judged, key=when)
    return [
        NightChange(
            stream=stream,
            title=title,
            night=night,
            href=f"{folder}/{night}.html" if folder else f"{night}.html",
            status=row["summary"]["status"],
            info=row["summary"]["info"],
            changed_at=when((night, row))[0],
            findings=row.get("findings") or [],
        )
        for night, row in latest
        if when((night, row))[0]
    ]


def write_feed(
    news: Iterable[NightChange], title: str, output: Output, site_url: str, now: datetime.datetime
) -> bool:
    """Write the Atom feed of the nights that changed last, unless it says so already; whether it was written."""
    entries = heapq.nlargest(
        MAX_ENTRIES, news, key=lambda one: (one.changed_at, one.night, one.stream)
    )
    feed_id, made_at = _feed_id(output, now)
    updated = max((entry.changed_at for entry in entries), default=made_at)
    own = page_address(site_url, FEED) or FEED
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">',
        f"<id>urn:uuid:{feed_id}</id>",
        f"<title>{_xml(title)}: nights that changed</title>",
        f"<updated>{_xml(updated)}</updated>",
        f"<author><name>{_xml(title)}</name></author>",
        f'<generator version="{_xml(__version__)}">observing_monitor</generator>',
        f'<link rel="self" type="application/atom+xml" href="{_xml(own)}"/>',
        f'<link rel="alternate" type="text/html" href="{_xml(page_address(site_url, "index.html") or "index.html")}"/>',
        *(line for entry in entries for line in _entry(entry, feed_id, site_url)),
        "</feed>",
    ]
    return bool(output.write_changed(FEED, "\n".join(lines) + "\n"))


def _entry(entry: NightChange, feed_id: str, site_url: str) -> list[str]:
    findings = entry.findings[:MAX_FINDINGS]
    said = "".join(
        f"<li>{_html(one.get('level', ''))}: {_html(one.get('text', ''))}</li>" for one in findings
    )
    rest = len(entry.findings) - len(findings)
    more = f"<p>and {rest:,} more</p>" if rest > 0 else ""
    content = f"<p>{_html(entry.status)}</p>" + (
        f"<ul>{said}</ul>{more}" if said else "<p>All is well.</p>"
    )
    return [
        "<entry>",
        f"<id>urn:uuid:{_uuid(f'{feed_id} {entry.stream} {entry.night}')}</id>",
        f"<title>{_xml(entry.title)}, night {_xml(entry.night)}: {_xml(entry.status)}</title>",
        f"<updated>{_xml(entry.changed_at)}</updated>",
        f'<link rel="alternate" type="text/html" href="{_xml(page_address(site_url, entry.href) or entry.href)}"/>',
        f'<category term="{_xml(entry.status)}"/>',
        f'<content type="html">{_xml(content)}</content>',
        "</entry>",
    ]


def _html(text: Any) -> str:
    """Text of others as HTML: no control characters, everything escaped."""
    return escape(str(visible(str(text))))


def _xml(text: str) -> str:
    return escape(str(visible(text)))


def _feed_id(output: Output, now: datetime.datetime) -> tuple[str, str]:
    """The feed's own UUID and the instant of which it is; made at the first run, and the same for good, wherever the site moves."""
    record = output.read_json(FEED_ID) or {}
    if isinstance(record.get("id"), str) and isinstance(record.get("made_at"), str):
        return record["id"], record["made_at"]
    made = _uuid(os.urandom(16).hex())
    made_at = str(iso_utc(now.replace(microsecond=0)))
    output.write_json(FEED_ID, {"id": made, "made_at": made_at})
    return made, made_at


def _uuid(text: str) -> str:
    """A UUID (version 8, RFC 9562: made as its maker likes) that differs when the text does."""
    digits = bytearray(
        hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()
    )
    digits[6] = digits[6] & 0x0F | 0x80
    digits[8] = digits[8] & 0x3F | 0x80
    plain = digits.hex()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"
