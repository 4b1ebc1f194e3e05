"""Nights, names and numbers as `Metrics` accepts and stores them."""

from __future__ import annotations

import datetime
import math
import numbers
import re
import struct
from typing import TYPE_CHECKING, overload

from observing_monitor.errors import UsageError
from observing_monitor.model.nights import nid_of, parse_night

if TYPE_CHECKING:
    from collections.abc import Mapping


# the year 2290: larger numbers are dates written as a number
LAST_NID = 99_999
# keys of a night's file that are not metrics
OWN_KEYS = ("nid", "update_time")
# Lasair's name of the table
TABLE = "lasair_statistics"

_OF_EXPOSURE = re.compile(r"(.+)\[([^\[\]]+)\]")
_FILE_NAME = re.compile(r"status_(0|[1-9]\d{0,4})\.json")

# a night as its number (`nid`), a date, an aware datetime, or text of the first two
Night = int | str | datetime.date


def file_name_of(nid: int) -> str:
    """Return the name of a night's file: `status_2559.json`."""
    return f"status_{nid}.json"


def nid_of_file_name(name: str) -> int | None:
    """Return the night number in a file's name, None for other files."""
    found = _FILE_NAME.fullmatch(name)
    return int(found[1]) if found else None


def nid_of_night(night: Night) -> int:
    """Count a night.

    Parameters
    ----------
    night : int, str, date or datetime
        The number itself, a date, an aware datetime (its UTC date counts), or text of the
        first two: `2559`, `2024-01-04`, `20240104`.

    Returns
    -------
    int
        Days since 2017-01-01, from 0 to `LAST_NID`.

    Raises
    ------
    TypeError
        If `night` has another type.
    ValueError
        If it names no night, is out of range, or is a datetime without a time zone.
    """
    if isinstance(night, str):
        nid = _nid_of_text(night.strip())
    elif isinstance(night, datetime.datetime):
        if night.tzinfo is None:
            raise ValueError(
                f"{night} has no time zone, so its night is unknown; "
                "use a date or an aware datetime"
            )
        nid = nid_of(night.astimezone(datetime.UTC).date())
    elif isinstance(night, datetime.date):
        nid = nid_of(night)
    elif isinstance(night, numbers.Integral) and not isinstance(night, bool):
        nid = int(night)
    else:
        raise TypeError(
            f"a night is a number (nid), a date or text of these, not {type(night).__name__}"
        )
    if not 0 <= nid <= LAST_NID:
        raise ValueError(
            f"night {night} is out of range; nights count from 2017-01-01, which is 0, and "
            "a date as text is YYYY-MM-DD"
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
    """Return checked metrics: plain ints and floats by name.

    Raises
    ------
    TypeError
        If `values` is no mapping, a name is no text, or a value is no number.
    ValueError
        If a name may not be used, or a value is NaN or infinite.
    """
    try:
        items = values.items()
    except AttributeError:
        raise TypeError(
            f"values must be a mapping of names to numbers, not {type(values).__name__}"
        ) from None
    return {_checked_name(name): number(name, value) for name, value in items}


def of_exposure(values: Mapping[str, float], exposure: str) -> dict[str, float]:
    """Return checked metrics of an exposure, as `key_of` names them.

    Raises
    ------
    TypeError, ValueError
        As for `numbers_of`, or if the exposure's name may not be used.
    """
    if not isinstance(exposure, str):
        raise TypeError(f"an exposure's name is text, not {type(exposure).__name__}: {exposure!r}")
    if not exposure or exposure != exposure.strip() or not exposure.isprintable():
        words = "use printable text without spaces at its ends"
        raise ValueError(f"{exposure!r} cannot name an exposure; {words}")
    checked = numbers_of(values)
    for text in (exposure, *checked):
        if "[" in text or "]" in text:
            raise ValueError(f"{text!r}: brackets stand around the exposure; use other characters")
    return {key_of(name, exposure): value for name, value in checked.items()}


def key_of(name: str, exposure: str) -> str:
    """Return the name of an exposure's metric: `seeing[AT_O_20200212_000001]`."""
    return f"{name}[{exposure}]"


def split_exposure(key: str) -> tuple[str, str | None]:
    """Return the metric and the exposure that a key names."""
    found = _OF_EXPOSURE.fullmatch(key)
    return (found[1], found[2]) if found else (key, None)


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a metric's name is text, not {type(name).__name__}: {name!r}")
    if not name or name != name.strip() or not name.isprintable():
        raise ValueError(
            f"{name!r} cannot name a metric; use printable text without spaces at its ends"
        )
    if name in OWN_KEYS:
        raise ValueError(f"{name!r} is written automatically and cannot name a metric")
    return name


def number(name: str, value: object) -> float:
    """Return a value as a plain int or float.

    Parameters
    ----------
    name : str
        The metric, for messages.
    value : object
        An int, a float, or a number of another type, such as one of NumPy.

    Raises
    ------
    TypeError
        If the value is no real number; bool is none.
    ValueError
        If it is NaN, infinite, or an int that no float can hold.
    """
    if type(value) is not int and type(value) is not float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{name}: {value!r} is {type(value).__name__}, not a number; nothing was written"
            )
        value = int(value) if isinstance(value, numbers.Integral) else float(value)
    try:
        is_finite = math.isfinite(value)
    except OverflowError:
        is_finite = False
    if not is_finite:
        raise ValueError(
            f"{name}: {value!r} cannot be kept; leave out a metric whose value is unknown. "
            "Nothing was written"
        )
    return value


@overload
def as_written(value: float) -> float: ...
@overload
def as_written(value: None) -> None: ...
def as_written(value: float | None) -> float | None:
    """Return a float in the short form in which it was written.

    SQL's FLOAT has 4 bytes, so 140.8 is read back as 140.8000030517578. Such a value becomes
    140.8 again. Whole numbers and floats that need 8 bytes stay as they are; None stays None.
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
