"""Files without thumbnails, as they are proprietary."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import iso_utc, parse_night, parse_utc

if TYPE_CHECKING:
    import datetime

    from numpy import bool_
    from numpy.typing import NDArray

    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow


class Hide(TypedDict, total=False):
    """Hidden facts in an index of thumbnails."""

    hide: str
    release_at: str | None


def is_released(row: IndexRow, now: datetime.datetime) -> bool:
    """True if an exposure was released since."""
    at = parse_utc(release_of(row).get("release_at"))
    return at is not None and at <= now


def release_of(row: IndexRow) -> Hide:
    """Return the next release of a night."""
    return {"release_at": (row.get("previews") or {}).get("release_at")}


def shown_files(
    stream: Stream, night: str, tables: Tables, now: datetime.datetime
) -> tuple[NDArray[bool_] | slice, Hide]:
    """Return files that may have a picture.

    Of a file of no known exposure, nobody knows if it is proprietary.
    """
    if not stream.hide:
        return slice(None), {}
    from observing_monitor.judging.hiding import files_of_hidden

    is_hidden, release_at = files_of_hidden(stream, parse_night(night), tables, now)
    return ~is_hidden, {"hide": hide_key(stream), "release_at": iso_utc(release_at)}


def hide_key(stream: Stream) -> str:
    """Fingerprint of the settings, or ""."""
    if not stream.hide:
        return ""
    text = json.dumps([stream.hide, stream.hide_until, stream.hide_programs])
    return hex_digest(text, n_bytes=8)
