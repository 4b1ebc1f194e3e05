"""Text and JSON with a seal that shows a torn file."""

from __future__ import annotations

import datetime
import json

from observing_monitor.model.digest import hex_digest


def as_bytes(data: str | bytes) -> bytes:
    """Text as it is written: UTF-8, and what is no Unicode as \\x.."""
    return data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data


def as_json(value: object) -> str:
    """A value as the program keeps it for itself: short, an instant as ISO 8601 in UTC."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not for JSON")


_SEAL, _SEAL_END = b',"seal":"', b'"}'


def sealed(data: str | bytes) -> bytes:
    """A JSON object's text, as bytes, with a digest of itself as its last member: what a disk, or a hand, changed in it is noticed."""
    body = memoryview(as_bytes(data))[:-1]  # no copy: an index has 5 MB
    return b"".join([body, _SEAL, _seal_of(body), _SEAL_END])


def is_sealed(data: bytes, or_never: bool = True) -> bool:
    """Whether a JSON object's text is just as `sealed` made it; or, with `or_never`, was never sealed: earlier versions did not."""
    at = data.rfind(_SEAL)
    if at < 0:
        return or_never and b'"seal"' not in data
    return data[at + len(_SEAL) :] == _seal_of(memoryview(data)[:at]) + _SEAL_END


def _seal_of(data: memoryview) -> bytes:
    return hex_digest(data, n_bytes=12).encode()
