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

# Invisible characters, and those that change how others are shown: U+202E turns gpj.exe around.
# monitor.js has the same list; a test compares them.
UNSEEN = (
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
_OF_ANCHORS = "A-Za-z0-9._-"  # characters of an exposure's anchor
_IS_ANCHOR = re.compile(f"[{_OF_ANCHORS}]*").fullmatch
_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{UNSEEN}]")


def new_anchor(kind: str, words: str, taken: set[str]) -> str:
    """Return a new anchor on a page, made of `kind` and some words.

    It is added to `taken`.

    Numbers in the words are left out, so that the anchor stays when only they change. A number
    at its end tells it from an anchor that is taken.
    """
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


def exposure_anchor(exposure: str) -> str:
    """Return the anchor of an exposure's row on the page of its night."""
    return "exposure-" + re.sub(rf"[^{_OF_ANCHORS}]+", "-", exposure)


def exposure_anchors(exposures: list[str]) -> list[str]:
    """Return `exposure_anchor` of many, ten times as fast if none needs a change."""
    made = [f"exposure-{exposure}" for exposure in exposures]
    return made if _IS_ANCHOR("".join(made)) else [exposure_anchor(name) for name in exposures]


def visible(value: T) -> T | str:
    """Return a text with its invisible characters shown.

    Any other value is returned as it is.

    Control characters become their pictures (␛), unseen characters their number (⟨U+202E⟩),
    and what is no character becomes �. Otherwise colour codes would vanish in a terminal, a
    NUL would end some parsers, a lone surrogate (of a file name that is not UTF-8) could not
    be written, and a mark that changes the direction of text could disguise a name.
    """
    # printable text has no such character
    if not isinstance(value, str) or value.isprintable() or hasattr(value, "__html__"):
        return value
    return _CONTROLS.sub(_picture, value)


def visible_line(text: str) -> str:
    """Return a text in one line, with its invisible characters shown.

    A new line becomes ␊.
    """
    return str(visible(text)).replace("\n", "␊")


def is_visible(value: object) -> bool:
    """True if a value is a text of visible characters.

    An empty text is none.
    """
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
    """True if a value means "none": None, "", NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    # the type first: comparing a pandas Timestamp with text is slow
    return isinstance(value, str | float) and (value == "" or value != value)


def dash(value: T) -> T | str:
    """Return the value, or – if there is none."""
    return NOTHING if is_nothing(value) else value


def utc(value: datetime.datetime | None) -> str:
    """Return an instant as `2020-02-13 03:12:41`, in UTC, or –."""
    if value is None or is_nothing(value):
        return NOTHING
    return (value if value.tzinfo is datetime.UTC else value.astimezone(datetime.UTC)).isoformat(
        " ", "seconds"
    )[:19]


def iso(value: datetime.datetime | None) -> str:
    """Return an instant as `2020-02-13T03:12:41Z`, or ""."""
    return (
        ""
        if value is None or is_nothing(value)
        else f"{value.astimezone(datetime.UTC).isoformat('T', 'seconds')[:19]}Z"
    )


def near(value: datetime.datetime | None, night: str) -> str:
    """Return an instant in UTC, without the year of the night.

    For example `02-13 03:12:41` on a page of the night `2020-02-12`.
    """
    text = utc(value)
    return text[5:] if text[:5] == night[:5] else text


def all_near(values: Series[Any], night: str) -> list[str]:
    """Return `near` of each instant of a column, twenty times as fast."""
    year = night[:5]
    return [
        NOTHING if text is None else text[5:] if text.startswith(year) else text
        for text in frames.to_the_second(values)
    ]


def clock(value: datetime.datetime) -> str:
    """Return an instant in UTC to the minute, such as `2020-03-01 03:12`.

    With its date: findings are also read in lists of nights, mails and feeds.
    """
    return f"{value.astimezone(datetime.UTC):%Y-%m-%d %H:%M}"


def count_text(value: float | None) -> str:
    """Return a whole number with grouped thousands: `12,345`."""
    return NOTHING if value is None or is_nothing(value) else f"{int(value):,}"


def of_bytes(value: float | None) -> str:
    """Return a size in units of 1000: `95.1 kB`."""
    if value is None or is_nothing(value):
        return NOTHING
    size, unit = float(value), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if abs(size) < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def seconds(value: float | None) -> str:
    """Return a duration in its two largest units.

    For example `1.4 s`, `3 min 12 s`, `2 h 05 min` or `3 d 04 h`.
    """
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


def interval(value: float) -> str:
    """Return a duration in its largest unit, such as `3 min`."""
    if value < 60:
        return f"{round(value)} s"
    if value < 7200:
        return f"{round(value / 60)} min"
    return f"{round(value / 3600)} h"


def n_of(count: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(value: float | None) -> str:
    """Return a share as `98.2 %`; 100 % only if all, 0 % only if none."""
    if value is None or is_nothing(value):
        return NOTHING
    tenths = round(value * 1000)
    tenths = min(tenths, 999) if value < 1 else tenths
    if value > 0 and tenths == 0:
        return "< 0.1 %"
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def number(value: float | None) -> str:
    """Return a number as text: whole numbers grouped, others with six digits."""
    if value is None or is_nothing(value):
        return NOTHING
    if float(value).is_integer() and abs(value) < 1e16:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:,.{6 if abs(value) < 1e6 else 10}g}".replace("-", "−")


_SCALES = {"B/s": ("B/s", "kB/s", "MB/s", "GB/s", "TB/s")} | dict.fromkeys(
    ("B", "bytes"), ("bytes", "kB", "MB", "GB", "TB", "PB")
)


def scale(largest: float, unit: str) -> tuple[float, str]:
    """Return a divisor and a unit for readable numbers: `1e6, "MB/s"`.

    Parameters
    ----------
    largest : float
        The largest of the numbers.
    unit : str
        Their unit.
    """
    if unit == "fraction":
        return 0.01, "%"
    by, names = 1.0, _SCALES.get(unit, (unit,))
    for larger in names[1:]:
        if abs(largest) / by < 999.95:
            break
        by, unit = by * 1000, larger
    return by, unit


def rounded(value: float) -> str:
    """Return a number as text: whole numbers grouped, others with four digits."""
    whole = float(value).is_integer() or 1000 <= abs(value) < 1e15
    return number(round(value)) if whole else number(float(f"{value:.4g}"))


def measured(value: float, unit: str) -> str:
    """Return a number that was measured, to four digits, with its unit."""
    return quantity(float(f"{value:.4g}"), unit)


def quantity(value: float | None, unit: str) -> str:
    """Return a number with its unit.

    Durations, sizes and shares have forms of their own.
    """
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
