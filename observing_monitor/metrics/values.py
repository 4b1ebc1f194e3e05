"""Nights, names and numbers as metrics accept them."""

from __future__ import annotations

import datetime
import math
import numbers
import struct
from typing import TYPE_CHECKING, overload

from observing_monitor.errors import UsageError
from observing_monitor.model.nights import nid_of, parse_night

if TYPE_CHECKING:
    from collections.abc import Mapping


LAST_NID = 99_999  # the year 2290: what is above is a date written as a number
OWN_KEYS = ("nid", "update_time")  # of a file, and no metrics


Night = (
    int | str | datetime.date
)  # a night as its number (`nid`), a date, an aware datetime, or text of the first two


def nid_of_night(night: Night) -> int:
    """The number (days since 2017-01-01) of a night given as that number, a date, an aware datetime, or text of the first two.

    TypeError or ValueError where it is none.
    """
    if isinstance(night, str):
        nid = _nid_of_text(night.strip())
    elif isinstance(night, datetime.datetime):
        if night.tzinfo is None:
            raise ValueError(
                f"{night} has no zone, so its night is not known; give a date, or an aware datetime"
            )
        nid = nid_of(night.astimezone(datetime.UTC).date())
    elif isinstance(night, datetime.date):
        nid = nid_of(night)
    elif isinstance(night, numbers.Integral) and not isinstance(night, bool):
        nid = int(night)
    else:
        raise TypeError(
            f"a night is a number (nid), a date or its text, not {type(night).__name__}"
        )
    if not 0 <= nid <= LAST_NID:
        raise ValueError(
            f"night {night} is out of range; nights count from 0, which is 2017-01-01, and a date as text is YYYY-MM-DD"
        )
    return nid


def _nid_of_text(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return nid_of(parse_night(text))
    except UsageError as error:
        raise ValueError(f"{error}, or its number, such as 2559") from None


def numbers_of(values: Mapping[str, float]) -> dict[str, float]:
    """A dict of plain ints and floats from a mapping of names to numbers; TypeError or ValueError names what is wrong."""
    try:
        items = values.items()
    except AttributeError:
        raise TypeError(
            f"values are a mapping of names to numbers, not {type(values).__name__}"
        ) from None
    return {_name(name): number(name, value) for name, value in items}


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a metric's name is text, not {type(name).__name__}: {name!r}")
    if not name or name != name.strip() or not name.isprintable():
        raise ValueError(
            f"{name!r} is no metric's name; it is printable text without spaces around it"
        )
    if name in OWN_KEYS:
        raise ValueError(f"{name!r} is written by itself, and is no metric's name")
    return name


def number(name: str, value: object) -> float:
    if type(value) is not int and type(value) is not float:  # numpy's numbers count too
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{name}: {value!r} is {type(value).__name__}, not a number; nothing was written"
            )
        value = int(value) if isinstance(value, numbers.Integral) else float(value)
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an int beyond what a float can be
        finite = False
    if not finite:
        raise ValueError(
            f"{name}: {value!r} is no number that can be kept; leave the metric out where it is not known. Nothing was written"
        )
    return value


@overload
def as_written(value: float) -> float: ...
@overload
def as_written(value: None) -> None: ...
def as_written(value: float | None) -> float | None:
    """A float as its writer meant it: what passed through 4 bytes (SQL's FLOAT) gets its shortest form, 140.8 not 140.8000030517578.

    Whole numbers, and floats that never were so short, stay as they are.
    """
    if value is None or not math.isfinite(value) or value == int(value):
        return value
    try:
        if _in_4_bytes(value) != value:
            return value
    except OverflowError:
        return value
    return next(
        short
        for digits in range(6, 10)
        if _in_4_bytes(short := float(f"{value:.{digits}g}")) == value
    )


def _in_4_bytes(value: float) -> float:
    (short,) = struct.unpack("f", struct.pack("f", value))
    return float(short)
