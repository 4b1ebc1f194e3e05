"""The file status.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.feeds.site_status import SITE, page_address
from observing_monitor.model.nights import iso_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from observing_monitor.feeds.site_status import Status
    from observing_monitor.storage.output import Output


STATUS_JSON = "status.json"
SCHEMA_VERSION = (
    1  # of status.json: a key is never taken away or given another meaning without a new one
)


# --- status.json -----------------------------------------------------------------------------------------------------------


def write_status(
    standings: Sequence[Status], heartbeat: Mapping[str, Any], output: Output, site_url: str
) -> None:
    """Write `status.json`: the site, its streams, and when each source last answered. `docs/notifications.md` describes it."""
    site = next(standing for standing in standings if standing.stream == SITE)
    document = {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "run_at": heartbeat["run_at"],
        "url": page_address(site_url, "index.html") or None,
        **_stand(site),
        "streams": [
            _stream_status(standing, heartbeat) for standing in standings if standing.stream != SITE
        ],
    }
    output.write(STATUS_JSON, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _stand(standing: Status) -> dict[str, Any]:
    return {
        "title": standing.title,
        "status": standing.status,
        "info": standing.info,
        "since": iso_utc(standing.since),
    }


def _stream_status(standing: Status, heartbeat: Mapping[str, Any]) -> dict[str, Any]:
    beat = heartbeat["streams"].get(standing.stream) or {}
    answered = beat.get("sources") or {}
    sources = []
    for name, kind in standing.sources:
        silent = standing.silent.get(name) or {}
        sources.append(
            {
                "source": name,
                "kind": kind,
                "answered_at": (answered.get(name) or {}).get("answered_at"),
                "silent_since": silent.get("since"),
                "problem": silent.get("problem"),
            }
        )
    return {
        "stream": standing.stream,
        **_stand(standing),
        "href": standing.href,
        "url": standing.url or None,
        "read_at": beat.get("read_at"),
        "latest": standing.latest,
        "sources": sources,
    }
