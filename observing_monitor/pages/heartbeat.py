"""The file that tells every page when its stream was last read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from observing_monitor.model.nights import iso_utc
from observing_monitor.storage.sealed import as_json, sealed

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from typing import Any

    from observing_monitor.pages.frame import Site


def write_heartbeat(
    site: Site,
    now: datetime.datetime,
    read: Mapping[str, Mapping[str, str | None]],
    made: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Write the small script that every page loads: when each stream and each of its sources was last read, and the newest pages.

    `read` maps a stream's name to {source: problem or None}, for the streams that were collected in this run; `made` is what
    `publish` says of their `pages`, an open one of which renews itself when it is not that any more. What earlier runs wrote
    of others is kept. Returns what it wrote:
    {"run_at", "streams": {name: {"read_at", "sources": {name: {"answered_at", "problem"}}}}}.
    """
    at = iso_utc(now.replace(microsecond=0))
    before = _read_heartbeat(site)
    streams = {}
    for stream in site.streams:
        old = before.get(stream.name, {})
        if stream.name in read:
            sources = {}
            for name, problem in read[stream.name].items():
                answered = (
                    old.get("sources", {}).get(name, {}).get("answered_at") if problem else at
                )
                sources[name] = {"answered_at": answered, "problem": problem}
            old = old | {"read_at": at, "sources": sources}
        streams[stream.name] = old | ({"pages": made[stream.name]} if stream.name in made else {})
    beat = {"run_at": at, "streams": streams, "pages": made.get("") or before.get("", {})}
    site.output.write(
        "data/heartbeat.json", sealed(as_json(beat))
    )  # each time, though it were the same: it says that we were here
    site.output.write("heartbeat.js", f"window.observing_monitor_heartbeat = {json.dumps(beat)};\n")
    return beat


def _read_heartbeat(site: Site) -> dict[str, Any]:
    """The streams of the heartbeat before, by name, and as "" the site's pages; none where it can't be made out."""
    beat = site.output.read_json("data/heartbeat.json") or {}
    try:
        # a stream that was published and never read has no sources yet
        sound = {
            name: old
            for name, old in beat["streams"].items()
            if all("answered_at" in told for told in old.get("sources", {}).values())
        }
        return sound | {"": beat.get("pages", {})}
    except (TypeError, KeyError, AttributeError):
        return {}
