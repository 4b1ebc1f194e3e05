"""Digests of values, texts and files, and a summary's instants as text."""

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
    """Return the digest of a value as JSON, in 24 hexadecimal digits.

    What JSON does not have counts by its `str`.
    """
    return hex_digest(json.dumps(value, default=str, ensure_ascii=False), n_bytes=12)


def hex_digest(
    *parts: str | bytes | memoryview, n_bytes: int, errors: str = "backslashreplace"
) -> str:
    """Return the digest of texts and bytes, one after the other.

    Digests are kept on disk, so a caller never changes its `n_bytes` and `errors`: every
    night would look changed.

    Parameters
    ----------
    *parts : str, bytes or memoryview
        A text counts as UTF-8.
    n_bytes : int
        Length of the digest, which has twice as many hexadecimal digits.
    errors : str, optional
        How lone surrogates, from file names that are not UTF-8, are encoded: as for
        `str.encode`.
    """
    made = running_digest(n_bytes)
    for part in parts:
        made.update(part.encode("utf-8", errors) if isinstance(part, str) else part)
    return made.hexdigest()


def running_digest(n_bytes: int) -> hashlib.blake2b:
    """Return a hash object to update with bytes."""
    return hashlib.blake2b(digest_size=n_bytes)


def instants_as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict with its datetimes as ISO 8601 text."""
    return {
        name: iso_utc(value) if isinstance(value, datetime.datetime) else value
        for name, value in values.items()
    }


def with_instants(summary: Summary) -> Summary:
    """Return a summary of the index with its instants as datetimes."""
    return {
        name: parse_utc(value) if name in INSTANTS else value for name, value in summary.items()
    }


def short_fingerprint(key: str) -> str:
    """Return the part of a page's fingerprint that the page shows.

    The heartbeat has the same part.
    """
    return key[:10]
