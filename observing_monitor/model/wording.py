"""Numbers, times and texts as pages and messages show them."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, TypeVar

from observing_monitor.model import frames

if TYPE_CHECKING:
    from typing import Any

    from pandas import Series


T = TypeVar("T")
NOTHING = "–"


# Characters that change how others are shown, or can't be seen: directions of writing (U+202E turns gpj.exe around), joiners, tags.
UNSEEN = "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{UNSEEN}]")


def address(kind: str, words: str, taken: set[str]) -> str:
    """An address on a page for what is said in some words: `kind-` and these in plain letters, told apart from those `taken` (a set)."""
    plain = (
        re.sub(r"[^a-z0-9]+", "-", re.sub(r"\b\d[\d,.:]*", "", words.lower()))
        .strip("-")[:60]
        .rstrip("-")
    )
    made = first = f"{kind}-{plain or 'other'}"
    number = 1
    while made in taken:
        number += 1
        made = f"{first}-{number}"
    taken.add(made)
    return made


def visible(value: T) -> T | str:
    """Text with its control characters as pictures of them, ⟨U+202E⟩ for the unseen, � for what is no character; other values as they are.

    A terminal's colour codes in a message would vanish, a NUL ends some parsers, half a surrogate pair (a file name that
    isn't UTF-8) can't be written at all, and a mark that turns the direction of writing around makes one name look like another.
    """
    if (
        not isinstance(value, str) or value.isprintable() or hasattr(value, "__html__")
    ):  # what is printable has none of them
        return value
    return _CONTROLS.sub(_picture, value)


def visible_line(text: str) -> str:
    """Return a text in one line, with its invisible characters shown and a new line as ␊."""
    return str(visible(text)).replace("\n", "␊")


def is_visible(value: object) -> bool:
    """True if a value is a text, not empty, that shows each of its characters."""
    return isinstance(value, str) and bool(value) and value.isprintable()


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20 or code == 0x7F:
        return chr(0x2400 + code) if code < 0x20 else "␡"
    return (
        "�"
        if 0x80 <= code < 0xA0 or 0xD800 <= code < 0xE000 or 0xFFFE <= code <= 0xFFFF
        else f"⟨U+{code:04X}⟩"
    )


def is_nothing(value: object) -> bool:
    """Whether a value stands for "there is none": None, "", NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, str | float) and (
        value == "" or value != value
    )  # an instant of pandas takes long to differ from text


def dash(value: T) -> T | str:
    """The value itself, or – where there is none."""
    return NOTHING if is_nothing(value) else value


def utc(value: datetime.datetime | None) -> str:
    """An instant as `2020-02-13 03:12:41`, in UTC."""
    if value is None or is_nothing(value):
        return NOTHING
    return (value if value.tzinfo is datetime.UTC else value.astimezone(datetime.UTC)).isoformat(
        " ", "seconds"
    )[:19]


def iso(value: datetime.datetime | None) -> str:
    """An instant for machines: `2020-02-13T03:12:41Z`."""
    return (
        ""
        if value is None or is_nothing(value)
        else f"{value.astimezone(datetime.UTC).isoformat('T', 'seconds')[:19]}Z"
    )


def near(value: datetime.datetime | None, night: str) -> str:
    """An instant without its year, `02-13 03:12:41`, where that is the year of the night (`YYYY-MM-DD`) beside it."""
    text = utc(value)
    return text[5:] if text[:5] == night[:5] else text


def all_near(values: Series[Any], night: str) -> list[str]:
    """What `near` says of each instant of a column, in a twentieth of the time."""
    year = night[:5]
    return [
        NOTHING if text is None else text[5:] if text.startswith(year) else text
        for text in frames.to_the_second(values)
    ]


def clock(value: datetime.datetime, night: str) -> str:
    """An instant to the minute as it is said of a night (`YYYY-MM-DD`): `03:12`, with its date where that is not the night's."""
    at = value.astimezone(datetime.UTC)
    days = (at.date() - datetime.date.fromisoformat(night)).days
    return f"{at:%H:%M}" if days in (0, 1) else f"{at:%Y-%m-%d %H:%M}"


def count(value: float | None) -> str:
    """A whole number with its thousands grouped: `12,345`."""
    return NOTHING if value is None or is_nothing(value) else f"{int(value):,}"


def of_bytes(value: float | None) -> str:
    """A size in units of 1000: `95.1 kB`."""
    if value is None or is_nothing(value):
        return NOTHING
    size, unit = float(value), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if abs(size) < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def seconds(value: float | None) -> str:
    """A duration in the two largest units that tell it: `1.4 s`, `3 min 12 s`, `2 h 05 min`, `3 d 04 h`."""
    if value is None or is_nothing(value):
        return NOTHING
    minus, size = ("−", -value) if value < 0 else ("", value)
    if size < 9.95:
        return f"{minus}{size:.1f} s"
    whole = round(size)
    if whole < 60:
        return f"{minus}{whole} s"
    if whole < 3600:
        return f"{minus}{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{minus}{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{minus}{whole // 86_400:,} d {whole % 86_400 // 3600:02} h"


def n_of(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(value: float | None) -> str:
    """A share as `98.2 %`; never 100 % while anything lacks, never 0 % while there is some."""
    if value is None or is_nothing(value):
        return NOTHING
    tenths = round(value * 1000)
    tenths = min(tenths, 999) if value < 1 else tenths
    if value > 0 and tenths == 0:
        return "< 0.1 %"
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def number(value: float | None) -> str:
    """A number as it is read: whole ones grouped, others with six digits."""
    if value is None or is_nothing(value):
        return NOTHING
    if float(value).is_integer() and abs(value) < 1e16:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:,.{6 if abs(value) < 1e6 else 10}g}".replace("-", "−")


_SCALES = {"B/s": ("B/s", "kB/s", "MB/s", "GB/s", "TB/s")} | dict.fromkeys(
    ("B", "bytes"), ("bytes", "kB", "MB", "GB", "TB", "PB")
)


def scale(largest: float, unit: str) -> tuple[float, str]:
    """By what numbers of a unit are divided, so that the largest of them reads well, and the unit that they have then: `1e6, "MB/s"`."""
    if unit == "fraction":
        return 0.01, "%"
    by, names = 1.0, _SCALES.get(unit, (unit,))
    for larger in names[1:]:
        if abs(largest) / by < 999.95:
            break
        by, unit = by * 1000, larger
    return by, unit


def rounded(value: float) -> str:
    """A number to be compared with others: whole ones grouped, others with four digits."""
    whole = float(value).is_integer() or 1000 <= abs(value) < 1e15
    return number(round(value)) if whole else number(float(f"{value:.4g}"))


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit, as people say it: durations, sizes and shares by their own rules."""
    if value is None or is_nothing(value):
        return NOTHING
    said = {
        "s": seconds,
        "B": of_bytes,
        "bytes": of_bytes,
        "B/s": lambda v: f"{of_bytes(v)}/s",
        "fraction": percent,
    }.get(unit)
    return said(value) if said else f"{number(value)} {unit}".strip()
