"""The Atom feed (RFC 4287) of nights that changed."""

from __future__ import annotations

import heapq
import os
from html import escape
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.feeds.site_status import NightChange, page_address
from observing_monitor.model.columns import NOTHING_YET
from observing_monitor.model.digest import running_digest
from observing_monitor.model.finding import NONE
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import visible
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping
    from typing import Any

    from observing_monitor.storage.output import Output


MAX_ENTRIES = 50  # of the feed
MAX_FINDINGS = 30  # of one entry


def newest(
    rows: Mapping[str, Mapping[str, Any]], stream: str, title: str, folder: str
) -> list[NightChange]:
    """Return a stream's latest changes, the newest first.

    Parameters
    ----------
    rows : mapping
        The rows of the stream's index, by night.
    stream, title, folder : str
        The stream's.
    """

    def changed_at(item: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
        return item[1].get("news_at") or item[1].get("changed_at") or "", item[0]

    judged = ((night, row) for night, row in rows.items() if row.get("summary"))
    latest = heapq.nlargest(MAX_ENTRIES, judged, key=changed_at)
    return [
        NightChange(
            stream=stream,
            title=title,
            night=night,
            href=f"{folder}/{night}.html" if folder else f"{night}.html",
            status=row["summary"]["status"],
            info=row["summary"]["info"],
            changed_at=changed_at((night, row))[0],
            findings=row.get("findings") or [],
        )
        for night, row in latest
        if changed_at((night, row))[0]
    ]


def write_feed(
    changes: Iterable[NightChange],
    title: str,
    output: Output,
    site_url: str,
    now: datetime.datetime,
) -> bool:
    """Write the feed; return False if it is current."""
    entries = heapq.nlargest(
        MAX_ENTRIES, changes, key=lambda change: (change.changed_at, change.night, change.stream)
    )
    feed_id, made_at = _feed_id(output, now)
    updated = max((entry.changed_at for entry in entries), default=made_at)
    own = page_address(site_url, layout.FEED) or layout.FEED
    page = page_address(site_url, layout.INDEX_PAGE) or layout.INDEX_PAGE
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">',
        f"<id>urn:uuid:{feed_id}</id>",
        f"<title>{_xml(title)}: nights that changed</title>",
        f"<updated>{_xml(updated)}</updated>",
        f"<author><name>{_xml(title)}</name></author>",
        f'<generator version="{_xml(__version__)}">observing_monitor</generator>',
        f'<link rel="self" type="application/atom+xml" href="{_xml(own)}"/>',
        f'<link rel="alternate" type="text/html" href="{_xml(page)}"/>',
        *(line for entry in entries for line in _entry(entry, feed_id, site_url)),
        "</feed>",
    ]
    return bool(output.write_changed(layout.FEED, "\n".join(lines) + "\n"))


def _entry(entry: NightChange, feed_id: str, site_url: str) -> list[str]:
    findings = entry.findings[:MAX_FINDINGS]
    items = "".join(
        f"<li>{_xml(one.get('level', ''))}: {_xml(one.get('text', ''))}</li>" for one in findings
    )
    rest = len(entry.findings) - len(findings)
    more = f"<p>and {rest:,} more</p>" if rest > 0 else ""
    status = NOTHING_YET.label if entry.status == NONE else entry.status
    well = "" if entry.status == NONE else "<p>All is well.</p>"
    content = f"<p>{_xml(status)}</p>" + (f"<ul>{items}</ul>{more}" if items else well)
    page = page_address(site_url, entry.href) or entry.href
    return [
        "<entry>",
        f"<id>urn:uuid:{_uuid(f'{feed_id} {entry.stream} {entry.night}')}</id>",
        f"<title>{_xml(entry.title)}, night {_xml(entry.night)}: {_xml(status)}</title>",
        f"<updated>{_xml(entry.changed_at)}</updated>",
        f'<link rel="alternate" type="text/html" href="{_xml(page)}"/>',
        f'<category term="{_xml(entry.status)}"/>',
        f'<content type="html">{_xml(content)}</content>',
        "</entry>",
    ]


def _xml(text: Any) -> str:
    """Return a text escaped for XML or HTML."""
    return escape(str(visible(str(text))))


def _feed_id(output: Output, now: datetime.datetime) -> tuple[str, str]:
    """Return the feed's UUID, and when the first run made it."""
    record = output.read_json(layout.FEED_ID) or {}
    if isinstance(record.get("id"), str) and isinstance(record.get("made_at"), str):
        return record["id"], record["made_at"]
    made = _uuid(os.urandom(16).hex())
    made_at = iso_utc(now.replace(microsecond=0))
    output.write_json(layout.FEED_ID, {"id": made, "made_at": made_at})
    return made, made_at


def _uuid(text: str) -> str:
    """Return a UUID of a text: version 8 of RFC 9562."""
    made = running_digest(16)
    made.update(text.encode("utf-8", "backslashreplace"))
    digits = bytearray(made.digest())
    digits[6] = digits[6] & 0x0F | 0x80
    digits[8] = digits[8] & 0x3F | 0x80
    plain = digits.hex()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"
