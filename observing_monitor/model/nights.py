"""Nights: dates, and the rule that assigns an instant to one.

A night is a `datetime.date` everywhere in the program and `YYYY-MM-DD` wherever it is written.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from observing_monitor.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


UTC = datetime.UTC
ONE_DAY = datetime.timedelta(days=1)
# since 2017-01-01, with no leap second since then (IERS Bulletin C 52)
TAI_MINUS_UTC_S = 37
# ZTF and Lasair count nights (`nid`) from this UTC date
NID_ZERO = datetime.date(2017, 1, 1)
MJD_ZERO = datetime.date(1858, 11, 17)
# Of nights: an id may look like a date of another year, and many tables write 9999-12-31
# for "never".
YEARS = range(1970, 2100)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)

_RULE = re.compile(
    r"(?P<scale>UTC|TAI)\s*(?:(?P<sign>[+\-−])\s*(?P<hours>\d{1,2}(?:\.\d+)?)\s*h?)?", re.IGNORECASE
)
_NIGHT = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})", re.ASCII)


@dataclass(frozen=True)
class NightRule:
    """Rule for an instant's night: its date after adding `offset_s` seconds.

    `NightRule()` is UTC−12 h: a night runs from noon to noon UTC and has the date of the
    evening.
    """

    offset_s: float = -12 * 3600
    text: str = "UTC−12h"

    @classmethod
    def parse(cls, text: str) -> NightRule:
        """Return the rule of a setting such as `UTC-12h`, `UTC+4h` or `TAI-12h`.

        `TAI-12h` is Rubin's day_obs. Raises UsageError if the text is no rule.
        """
        found = _RULE.fullmatch(text.strip())
        if not found or float(found["hours"] or 0) > 24:
            raise UsageError(
                f"night_rule {text!r} is not a rule; write UTC, UTC-12h, UTC+4h or TAI-12h"
            )
        hours = float(found["hours"] or 0) * (1 if found["sign"] == "+" else -1)
        scale = found["scale"].upper()
        words = f"{scale}{'+' if hours > 0 else '−'}{abs(hours):g}h" if hours else scale
        return cls(hours * 3600 + (TAI_MINUS_UTC_S if scale == "TAI" else 0), words)

    def night_of(self, instant: datetime.datetime) -> datetime.date:
        """Return the night of an aware datetime."""
        return (instant.astimezone(UTC) + datetime.timedelta(seconds=self.offset_s)).date()

    def night_of_ns(self, ns: int) -> datetime.date:
        """Return the night of nanoseconds since 1970 (UTC).

        Raises OverflowError outside the years 1 to 9999.
        """
        return EPOCH.date() + datetime.timedelta(
            days=(ns + int(self.offset_s * 1e9)) // 86_400_000_000_000
        )

    def bounds(self, night: datetime.date) -> tuple[datetime.datetime, datetime.datetime]:
        """Return when a night and the next one begin, in UTC."""
        start = datetime.datetime.combine(night, datetime.time(), UTC) - datetime.timedelta(
            seconds=self.offset_s
        )
        return start, start + ONE_DAY

    def is_open(self, night: datetime.date, now: datetime.datetime) -> bool:
        """True if the night is not over at `now`."""
        return now < self.bounds(night)[1]


def parse_night(text: str) -> datetime.date:
    """Return the night written as `YYYY-MM-DD` or `YYYYMMDD`.

    Raises UsageError if the text is no such date.
    """
    found = _NIGHT.fullmatch(text)
    try:
        if found:
            return datetime.date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        pass
    raise UsageError(f"{text!r} is not a night; write YYYY-MM-DD or YYYYMMDD, such as 2020-12-24")


def night_named(text: str) -> datetime.date | None:
    """Return the night that a folder's name stands for, or None.

    The name is `YYYY-MM-DD` or `YYYYMMDD`, with a year in `YEARS`.
    """
    # four times as fast as parse_night: a run reads thousands of names
    if len(text) not in (8, 10) or not text.startswith(("19", "20")):
        return None
    # date.fromisoformat also accepts weeks of ISO 8601 and text after the date
    if "W" in text or (len(text) == 10 and text[4] + text[7] != "--"):
        return None
    try:
        night = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return night if night.year in YEARS else None


def nights_between(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """Return every night from `first` to `last`, both included, in order."""
    return [first + datetime.timedelta(days=n) for n in range((last - first).days + 1)]


def zone_named(setting: str, name: str) -> ZoneInfo:
    """Return a time zone by its name in the IANA database.

    Raises UsageError, with the name of the setting, if there is no such zone.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    # an OSError if the name is a folder of the database, such as America
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        words = "write one of the IANA database, such as America/Santiago or UTC"
        raise UsageError(f"{setting} {name!r} is no time zone; {words}") from error


def night_of_nid(nid: float) -> datetime.date:
    """Return the UTC date of a ZTF or Lasair night number."""
    return NID_ZERO + datetime.timedelta(days=int(nid))


def nid_of(night: datetime.date) -> int:
    """Return the ZTF or Lasair night number of a UTC date."""
    return (night - NID_ZERO).days


def night_of_mjd(mjd: float) -> datetime.date:
    """Return the UTC date of a Modified Julian Date."""
    return MJD_ZERO + datetime.timedelta(days=int(mjd // 1))


@overload
def parse_utc(text: str) -> datetime.datetime: ...
@overload
def parse_utc(text: str | None) -> datetime.datetime | None: ...
def parse_utc(text: str | None) -> datetime.datetime | None:
    """Return an ISO 8601 instant as a datetime in UTC.

    None for None. Text without a time zone is in UTC. Raises ValueError if it is no instant.
    """
    if text is None:
        return None
    instant = datetime.datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


@overload
def iso_utc(instant: datetime.datetime) -> str: ...
@overload
def iso_utc(instant: datetime.datetime | None) -> str | None: ...
def iso_utc(instant: datetime.datetime | None) -> str | None:
    """Return a datetime as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, or None."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
