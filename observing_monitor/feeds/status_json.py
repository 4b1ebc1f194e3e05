"""The file status.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.feeds.site_status import SITE, page_address
from observing_monitor.model.nights import iso_utc
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from observing_monitor.feeds.site_status import Status
    from observing_monitor.storage.index import SourceRows
    from observing_monitor.storage.output import Output


# it rises if a key is removed or means something else; adding keys does not count
SCHEMA_VERSION = 1


def write_status(
    statuses: Sequence[Status], heartbeat: Mapping[str, Any], output: Output, site_url: str
) -> None:
    """Write status.json: the site, its streams and their sources.

    `docs/notifications.md` describes it.
    """
    site = next(status for status in statuses if status.stream == SITE)
    streams = [status for status in statuses if status.stream != SITE]
    document = {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "run_at": heartbeat["run_at"],
        "url": page_address(site_url, layout.INDEX_PAGE) or None,
        **_common(site),
        "streams": [_stream(status, heartbeat) for status in streams],
    }
    output.write(layout.STATUS_JSON, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _common(status: Status) -> dict[str, Any]:
    return {
        "title": status.title,
        "status": status.status,
        "info": status.info,
        "since": iso_utc(status.since),
    }


def _stream(status: Status, heartbeat: Mapping[str, Any]) -> dict[str, Any]:
    beat = heartbeat["streams"].get(status.stream) or {}
    answered = beat.get("sources") or {}
    sources = []
    for name, kind in status.sources:
        silent = status.silent.get(name) or {}
        sources.append(
            {
                "source": name,
                "kind": kind,
                "answered_at": (answered.get(name) or {}).get("answered_at"),
                "silent_since": silent.get("since"),
                "problem": silent.get("problem"),
                "rows": _rows(status.rows.get(name)),
            }
        )
    return {
        "stream": status.stream,
        **_common(status),
        "href": status.href,
        "url": status.url or None,
        "read_at": beat.get("read_at"),
        "latest": status.latest,
        "sources": sources,
    }


def _rows(rows: SourceRows | None) -> dict[str, Any] | None:
    """Return the rows of a source, None if it does not count them."""
    if rows is None:
        return None
    return {
        "n_read": rows["n_read"],
        "n_used": rows["n_read"] - rows["n_left_out"],
        "n_left_out": rows["n_left_out"],
        "left_out_since": rows.get("since"),
        "examples": [
            {"place": place, "where": where, "reason": reason}
            for place, where, reason in rows["examples"]
        ],
    }
