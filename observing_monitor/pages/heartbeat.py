"""The file that says when each stream was last read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from observing_monitor.feeds.site_status import instant_of
from observing_monitor.model.nights import iso_utc
from observing_monitor.pages.hidden import problems_without_names
from observing_monitor.storage import layout
from observing_monitor.storage.sealed import as_json, sealed

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping
    from typing import Any

    from observing_monitor.pages.frame import Site


def write_heartbeat(
    site: Site,
    now: datetime.datetime,
    read: Mapping[str, Mapping[str, str | None]],
    made: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Write the small script that every page loads.

    It says when each stream and each source was last read, and has the fingerprints of the newest
    pages: an open page that has another one reloads itself. It is written at every run, even if
    nothing changed. What earlier runs wrote about other streams is kept. A run that reads no
    source keeps `run_at` as well: it would make old data look new.

    Parameters
    ----------
    site : Site
    now : datetime
    read : mapping
        stream -> source -> its problem, or None; of the streams that this run read.
    made : mapping
        `Published.pages`.

    Returns
    -------
    dict
        What it wrote: {"run_at", "written_at", "pages", "streams": {name: {"read_at", "pages",
        "sources": {name: {"answered_at", "problem"}}}}}. `run_at` is None if no run has read a
        source yet.
    """
    at = iso_utc(now.replace(microsecond=0))
    last = read_heartbeat(site)
    before = last["streams"]
    streams = {}
    for stream in site.streams:
        beat = before.get(stream.name, {})
        if stream.name in read:
            problems = read[stream.name]
            if stream.hide and any(problems.values()):
                problems = problems_without_names(site.output, stream.name, problems)
            sources = _sources(problems, beat.get("sources", {}), at)
            beat = beat | {"read_at": at, "sources": sources}
        pages = {"pages": made[stream.name]} if stream.name in made else {}
        streams[stream.name] = beat | pages
    heartbeat = {
        "run_at": at if read else last["run_at"],
        "written_at": at,
        "streams": streams,
        "pages": made.get("") or last["pages"],
    }
    site.output.write(layout.HEARTBEAT, sealed(as_json(heartbeat)))
    script = f"window.observing_monitor_heartbeat = {json.dumps(heartbeat)};\n"
    site.output.write(layout.HEARTBEAT_JS, script)
    return heartbeat


def _sources(
    problems: Mapping[str, str | None], before: Mapping[str, Any], at: str | None
) -> dict[str, Any]:
    """Return when each source last answered, and its problem."""
    return {
        name: {
            "answered_at": before.get(name, {}).get("answered_at") if problem else at,
            "problem": problem,
        }
        for name, problem in problems.items()
    }


def read_heartbeat(site: Site) -> dict[str, Any]:
    """Return the last heartbeat without damaged parts."""
    heartbeat = site.output.read_json(layout.HEARTBEAT) or {}
    try:
        # a stream that was published and never read has no sources
        valid = {
            name: beat
            for name, beat in heartbeat["streams"].items()
            if all("answered_at" in source for source in beat.get("sources", {}).values())
        }
        run_at = heartbeat.get("run_at")
        return {
            "run_at": run_at if instant_of(run_at) else None,
            "streams": valid,
            "pages": heartbeat.get("pages", {}),
        }
    except (TypeError, KeyError, AttributeError):
        return {"run_at": None, "streams": {}, "pages": {}}


def read_times(
    site: Site, now: datetime.datetime, read: Collection[str]
) -> dict[str, datetime.datetime]:
    """Return when each stream was last read, if known.

    `read` are the streams that this run, of the instant `now`, has read.
    """
    streams = read_heartbeat(site)["streams"] if len(read) < len(site.streams) else {}
    found = {name: instant_of(beat.get("read_at")) for name, beat in streams.items()}
    return {name: at for name, at in found.items() if at} | dict.fromkeys(read, now)
