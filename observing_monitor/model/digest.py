"""Digests of values, and values as JSON."""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.model.nights import iso_utc, parse_utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from observing_monitor.model.columns import Summary


INSTANTS = [c.name for c in columns.NIGHTS if c.kind == "instant"]


def digest(value: object) -> str:
    """A short text that differs when a value that JSON has, does."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


def instants_as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """A dict with its instants as text."""
    return {
        name: iso_utc(value) if isinstance(value, datetime.datetime) else value
        for name, value in values.items()
    }


def with_instants(summary: Summary) -> Summary:
    """A summary from the index, its instants as datetimes."""
    return {
        name: parse_utc(value) if name in INSTANTS else value for name, value in summary.items()
    }


def short_fingerprint(key: str) -> str:
    """A fingerprint as pages and the heartbeat have it: long enough to differ from that of the same page before."""
    return key[:10]
