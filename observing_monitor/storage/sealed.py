"""JSON with a seal: a digest that shows if a file was changed."""

from __future__ import annotations

import datetime
import json
from typing import Any

from observing_monitor.model.digest import hex_digest


def as_bytes(data: str | bytes) -> bytes:
    """Return text as UTF-8, with lone surrogates as escapes.

    Bytes are returned as they are.
    """
    return data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data


def as_json(value: object) -> str:
    """Return a value as compact JSON, with datetimes as ISO 8601 in UTC.

    Raises TypeError for a value that JSON does not have.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_instant_as_text)


def _instant_as_text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not for JSON")


_SEAL, _SEAL_END = b',"seal":"', b'"}'


def sealed(data: str | bytes) -> bytes:
    """Return a JSON object with a digest of itself as its last member.

    The digest shows any later change, by a disk or by hand.
    """
    # a memoryview, so that an index of 5 MB is not copied
    body = memoryview(as_bytes(data))[:-1]
    return b"".join([body, _SEAL, _seal_of(body), _SEAL_END])


def is_sealed(data: bytes, or_never: bool = True) -> bool:
    """True if a text is as `sealed` made it.

    Parameters
    ----------
    data : bytes
    or_never : bool, optional
        Also accept a text without a seal, as earlier versions wrote them.
    """
    at = data.rfind(_SEAL)
    if at < 0:
        return or_never and b'"seal"' not in data
    return data[at + len(_SEAL) :] == _seal_of(memoryview(data)[:at]) + _SEAL_END


def without_seal(value: object) -> dict[str, Any] | None:
    """Return the members of a sealed JSON object, or None."""
    if not isinstance(value, dict):
        return None
    return {name: member for name, member in value.items() if name != "seal"}


def _seal_of(data: memoryview) -> bytes:
    return hex_digest(data, n_bytes=12).encode()
