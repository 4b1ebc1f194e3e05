"""Convert cells of other systems' tables."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from observing_monitor.model import columns, frames
from observing_monitor.model.nights import TAI_MINUS_UTC_S
from observing_monitor.readers.textfiles import at

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from pandas import Series


# a numeric form of time -> its unit in seconds
NUMERIC_TIMES = {
    "unix": 1.0,
    "unix_ms": 1e-3,
    "unix_us": 1e-6,
    "unix_ns": 1e-9,
    "mjd": 86400.0,
    "jd": 86400.0,
}
MJD_OF_1970 = 40587.0
JD_OF_1970 = 2440587.5
# texts that stand for a missing number or time
NOT_AVAILABLE = ("", "nan", "nat", "none", "null", "n/a", "na", "-", "--")
# a time with a zone that pandas does not read: UTC in letters, or blanks before it
_ZONE_AT_END = re.compile(
    r"(?P<time>.*\d)\s*(?:(?P<utc>UTC|GMT|Z)|(?<=\s)(?P<offset>[+-]\d\d(?::?\d\d)?))", re.IGNORECASE
)
# 12:34:56.7, 12 34 56.7, -12d34m56.7s or 12h34m; the parts are degrees, or hours
_SEXAGESIMAL = re.compile(
    r"\s*(?P<sign>[+−-]?)\s*(?P<whole>\d{1,3})\s*[:hd°\s]\s*(?P<minutes>[0-5]?\d)\s*"
    r"(?:[:m'′\s]\s*(?P<seconds>[0-5]?\d(?:\.\d*)?)?)?\s*[s\"″]?\s*",
    re.ASCII | re.IGNORECASE,
)
MAX_POSITION = 40  # characters of such a text
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


@dataclass
class Notes:
    """Collects sentences about odd cells, each with its lines.

    Attributes
    ----------
    place : str
        The file or database.
    word : str
        What `numbers` counts: `line` or `row`.
    numbers : list of int
        The lines or numbers of the rows that are converted.
    said : list of str
        The sentences so far.
    """

    place: str
    word: str
    numbers: list[int]
    said: list[str]

    def add(self, is_odd: Series[Any], words: str) -> None:
        """Add a sentence if any row is odd.

        Parameters
        ----------
        is_odd : Series of bool
            One value per row.
        words : str
            What is wrong with the odd rows.
        """
        lines = [self.numbers[index] for index in is_odd.index[is_odd]]
        if lines:
            self.said.append(f"{self.place} {at(lines, self.word)}: {words}")


def is_blank(values: Series[Any]) -> Series[bool]:
    """Return True for each empty cell."""
    return values.isna() | values.map(
        lambda value: isinstance(value, str) and not value.strip()
    ).astype(bool)


def is_absent(values: Series[Any]) -> Series[bool]:
    """Return True for each cell without a value."""
    return values.isna() | values.map(
        lambda value: isinstance(value, str) and value.strip().lower() in NOT_AVAILABLE
    ).astype(bool)


def to_text(values: Series[Any]) -> Series[str]:
    r"""Return cells as text.

    Whole numbers have no decimal point. Bytes that are not UTF-8 become `\x..`.
    """

    def word(value: Any) -> str:
        if isinstance(value, bytes | memoryview):
            return bytes(value).decode("utf-8", "backslashreplace")
        if isinstance(value, float) and value.is_integer():
            return f"{value:.0f}"
        return str(value).encode("utf-8", "backslashreplace").decode()

    return values.astype("object").map(word, na_action="ignore").astype("str")


def to_numbers(values: Series[Any]) -> tuple[Series[float], Series[bool]]:
    """Return cells as numbers.

    Returns
    -------
    numbers : Series of float64
        NaN if there is no number.
    is_odd : Series of bool
        True if a cell is neither a number nor blank. Infinity is odd.
    """

    def number(value: Any) -> float | None:
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, str):
            text = value.strip()
            # people write 334,996
            value = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return None

    numbers = values.astype("object").map(number).astype("float64")
    is_odd = (numbers.isna() & ~is_absent(values)) | numbers.abs().eq(float("inf"))
    return numbers.mask(is_odd), is_odd


def to_degrees(values: Series[Any], is_hours: bool) -> Series[Any]:
    """Return cells with sexagesimal texts as degrees, and others as they are.

    Parameters
    ----------
    values : Series
        The cells.
    is_hours : bool
        True if the first part of such a text is hours, of 15°.
    """

    def degrees(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > MAX_POSITION:
            return value
        found = _SEXAGESIMAL.fullmatch(value)
        if found is None:
            return value
        parts = (float(found[name] or 0) for name in ("whole", "minutes", "seconds"))
        whole, minutes, seconds = parts
        size = (whole + minutes / 60 + seconds / 3600) * (15 if is_hours else 1)
        return -size if found["sign"] in ("-", "−") else size

    return values.astype("object").map(degrees)


def to_metric(
    values: Series[Any], is_count: Series[Any], say: Notes, name: str
) -> tuple[Series[float], Series[str]]:
    """Return cells as a metric's value and text.

    Parameters
    ----------
    values : Series
        The cells.
    is_count : Series of bool
        True if a row's metric is a count, which can't be negative or a word.
    say : Notes
        Gets a note on cells that can't be used.
    name : str
        The metric, for notes.

    Returns
    -------
    value : Series of float64
        NaN if there is no number.
    text : Series of str
        Null if there is a number, else "no data", "not available" or the cell's own words.
    """
    import pandas as pd

    value, is_odd = to_numbers(values)
    text = to_text(values)
    is_text = values.map(lambda cell: isinstance(cell, str)).astype(bool)
    is_word = is_odd & is_text & ~_looks_numeric(text)
    too_big = is_odd & ~is_word
    say.add(too_big, f"{name} is beyond any number that can be kept: not available")
    negative = (value < 0) & is_count
    say.add(negative, f"{name} is negative, which no count is: not available")
    say.add(is_word & is_count, f"{name} is no number: not available")
    value = value.mask(negative)
    words = (
        pd.Series("no data", index=values.index)
        .where(value.isna())
        .mask(is_word, text)
        .mask(too_big | negative, "not available")
    )
    return value, words.astype("str")


def _looks_numeric(text: Series[str]) -> Series[bool]:
    return text.fillna("").str.fullmatch(r"\s*[+-]?(?:\d[\d.eE+-]*|inf(?:inity)?)\s*", case=False)


# --- instants -----------------------------------------------------------------------------------


def to_instants(values: Series[Any], form: str, zone: str) -> Series[pd.Timestamp]:
    """Return cells as instants in UTC, else NaT.

    Parameters
    ----------
    values : Series
        Text, numbers, datetimes or dates. A datetime with a zone, or text with an offset, keeps
        its own zone.
    form : str
        The setting `time_format`: `iso`, a key of `NUMERIC_TIMES`, or a pattern of `strptime`.
    zone : str
        The setting `zone`: that of instants without one. TAI is 37 s ahead of UTC.
    """
    import pandas as pd

    if form in NUMERIC_TIMES:
        read, has_zone = _of_numbers(values, form), pd.Series(False, index=values.index)
    else:
        read, has_zone = _of_text_or_dates(values, form)
    # datetime.max and `infinity` stand for "never"
    read = frames.in_calendar(read).where(read < pd.Timestamp("2200-01-01", tz="UTC"))
    return read.where(has_zone, _from_zone(read, zone))


def _of_numbers(values: Series[Any], form: str) -> Series[Any]:
    import pandas as pd

    start = {"mjd": MJD_OF_1970, "jd": JD_OF_1970}.get(form, 0.0)
    seconds = (to_numbers(values)[0] - start) * NUMERIC_TIMES[form]
    instants = pd.to_datetime(seconds, unit="s", utc=True, errors="coerce")
    return instants.astype(columns.DTYPES["instant"])


def _of_text_or_dates(values: Series[Any], form: str) -> tuple[Series[Any], Series[bool]]:
    """Return cells as instants, as if all were UTC.

    The second value is True for those that have a zone of their own.
    """
    import pandas as pd

    is_text, is_date = (_is_of(values, kind) for kind in (str, datetime.date))
    text = values.where(is_text).astype("str").str.strip()
    pattern = "ISO8601" if form == "iso" else form
    of_text, is_utc = _of_text(text, pattern)
    of_dates = pd.to_datetime(values.where(is_date), utc=True, errors="coerce")
    read = of_text.astype(columns.DTYPES["instant"]).fillna(
        of_dates.astype(columns.DTYPES["instant"])
    )
    if form == "iso":
        has_offset = text.str.contains(r"(?:Z|[+-]\d\d:?\d\d|[+-]\d\d)$", na=False)
        has_offset &= text.str.contains(":", na=False, regex=False)
    else:
        has_offset = pd.Series("%z" in form.lower(), index=values.index)
    is_aware = pd.Series(False, index=values.index)
    if is_date.any():
        is_aware |= values.map(lambda value: getattr(value, "tzinfo", None) is not None)
    return read, is_aware | is_utc | (is_text & has_offset)


def _is_of(values: Series[Any], kind: type) -> Series[bool]:
    """Return True for each value of a kind.

    Ten times as fast as asking for each, if all are of a kind or none is.
    """
    import pandas as pd

    types = set(map(type, values))
    found = {type_ for type_ in types if issubclass(type_, kind)}
    if found and found != types:
        return values.map(lambda value: isinstance(value, kind)).astype(bool)
    return pd.Series(bool(found), index=values.index)


def _of_text(text: Series[str], pattern: str) -> tuple[Series[Any], Series[bool]]:
    """Return texts as instants, and if a zone follows a blank.

    UTC, GMT or Z may follow a pattern that says nothing of them.
    """
    import pandas as pd

    read = pd.to_datetime(text, format=pattern, utc=True, errors="coerce")
    found = text[read.isna()].map(_ZONE_AT_END.fullmatch, na_action="ignore").dropna()
    if pattern != "ISO8601":
        found = found[found.map(lambda match: match["utc"] is not None).astype(bool)]
    if found.empty:
        return read, pd.Series(False, index=text.index)
    plain = found.map(
        lambda match: (
            match["time"].rstrip() + ("" if pattern != "ISO8601" else match["offset"] or "Z")
        )
    )
    again = pd.to_datetime(plain.astype("str"), format=pattern, utc=True, errors="coerce").dropna()
    return read.fillna(again), read.index.to_series().isin(again.index)


def to_zone(instant: datetime.datetime, zone: str) -> datetime.datetime:
    """Return an aware datetime in a zone or in TAI.

    Python has no mark for TAI: the result has the clock reading of TAI and the mark of UTC.
    """
    if zone == "TAI":
        return instant + datetime.timedelta(seconds=TAI_MINUS_UTC_S)
    return instant.astimezone(ZoneInfo(zone))


def _from_zone(read: Series[Any], zone: str) -> Series[Any]:
    """Correct instants that were read as if they were UTC.

    Their zone is another, or they are TAI.
    """
    import pandas as pd

    if zone == "TAI":
        return read - pd.Timedelta(seconds=TAI_MINUS_UTC_S)
    if zone == "UTC":
        return read
    return local_to_utc(read.dt.tz_localize(None), ZoneInfo(zone))


def local_to_utc(local: Series[Any], zone: ZoneInfo) -> Series[Any]:
    """Return local times, without a zone, as instants in UTC.

    The hour that occurs twice in autumn counts as standard time; the one that spring leaves out,
    as the next hour.
    """
    import numpy as np

    aware = local.dt.tz_localize(
        zone, ambiguous=np.zeros(len(local), bool), nonexistent="shift_forward"
    )
    made: Series[pd.Timestamp] = aware.dt.tz_convert("UTC").astype(columns.DTYPES["instant"])
    return made
