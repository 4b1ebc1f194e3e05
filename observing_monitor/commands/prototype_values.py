"""Values of the prototype's database."""

from __future__ import annotations

import datetime
from typing import Any

# A row by its columns' names in lower case. A value that has found its place is removed from it.
Row = dict[str, Any]


def read_number(value: Any) -> int | None:
    """Return a whole number of 64 bits, or None."""
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        return None
    is_exact = str(number) == str(value).strip().removesuffix(".0")
    return number if abs(number) < 2**63 and is_exact else None


def read_instant(value: Any) -> datetime.datetime | None:
    """Return an instant in UTC, or None."""
    text = str(value)
    if len(text) > 10 and text[10] == "-":  # as the first version wrote it
        text = f"{text[:10]}T{text[11:]}"
    try:
        instant = datetime.datetime.fromisoformat(text) if len(text) >= 16 else None
    except ValueError:
        return None
    if instant is None or not 1678 <= instant.year < 2262:
        return None
    if instant.tzinfo is None:
        return instant.replace(tzinfo=datetime.UTC)
    return instant.astimezone(datetime.UTC)


def is_zeros(value: Any) -> bool:
    """True if a value stands for no time."""
    return isinstance(value, str) and len(value) >= 10 and not value.strip("0-T:. ")


def take_instant(row: Row, name: str) -> datetime.datetime | None:
    """Remove an instant from a row, and return it."""
    value = row.get(name)
    instant = read_instant(value)
    if instant or is_zeros(value):
        del row[name]
    return instant
