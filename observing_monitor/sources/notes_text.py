"""Split the notes of a night into remarks."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.model.nights import ONE_DAY, UTC

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


# `## 03:12 clouds`, `- 3:12 UT clouds`, `**21:40–22:10** dome closed`, `2026-12-01 03:12 clouds`
_TIME = re.compile(
    r"[ ]{0,3}(?P<heading>\#{1,6}[ \t]+)?(?:[-*+][ \t]+|\d{1,3}[.)][ \t]+)?[*_\[(]{0,3}"
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[T \t]+)?"
    r"(?P<begin>\d{1,2}:\d\d(?::\d\d)?)"
    r"(?:[ \t]*(?:-|–|—|to)[ \t]*(?P<end>\d{1,2}:\d\d(?::\d\d)?))?"
    r"(?:[ \t]*(?P<half>[ap]\.?m\b\.?)|[ \t]*(?P<utc>UTC|UT|Z)\b)?"
    r"(?![\d.:,]\d|\w|:\d)",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_HEADING = re.compile(r"[ ]{0,3}(#{1,6})(?:[ \t]|$)")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")


@dataclass
class Note:
    """A part of a night's notes.

    Attributes
    ----------
    number : int
        Its first line.
    text : str
        Its lines, as they are.
    begin_at, end_at : datetime or None
        In UTC. None if it is about the whole night.
    """

    number: int
    text: str
    begin_at: datetime.datetime | None = None
    end_at: datetime.datetime | None = None


@dataclass
class Clock:
    """Gives the instant of a time in a night's notes.

    Attributes
    ----------
    start : datetime
        When the night begins. An earlier time of day belongs to the next date.
    zone : ZoneInfo
        Zone of times that have none.
    """

    start: datetime.datetime
    zone: ZoneInfo

    def begin_and_end(
        self, found: re.Match[str]
    ) -> tuple[datetime.datetime, datetime.datetime | None]:
        """Return the instants in a line; ValueError if there is no such time."""
        zone: datetime.tzinfo = UTC if found["utc"] else self.zone
        half = (found["half"] or "").lower()[:1]
        date = datetime.date.fromisoformat(found["date"]) if found["date"] else None
        begin_time = _time(found["begin"], half)
        if date is None:
            begin = _after(self.start, begin_time, zone)
        else:
            begin = instant(date, begin_time, zone)
        if not found["end"]:
            return begin, None
        return begin, _after(begin, _time(found["end"], half), zone)


@dataclass
class Notes:
    """The words of a file.

    Attributes
    ----------
    parts : list of Note
        In the order of the file.
    odd : list of tuple
        Lines with what looks like a time and is none, each with it.
    """

    parts: list[Note] = field(default_factory=list)
    odd: list[tuple[int, str]] = field(default_factory=list)


def split_notes(text: str, clock: Clock) -> Notes:
    """Return the parts of a night's notes.

    A part begins at a line or heading that begins with a time, and ends before the next one. A
    heading without a time ends the part of a line, or of a heading of its own level or below; what
    follows belongs to the night. In blocks of code no time is looked for.
    """
    notes = Notes()
    lines: list[str] = []
    part = Note(1, "")
    level = 0  # of the heading that began the part with a time; 7 if that was a line

    def end_part() -> None:
        part.text = "\n".join(lines).strip("\n")
        if part.text.strip():
            notes.parts.append(part)

    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        found, heading, was_in_code = None, None, bool(fence)
        fence = _fence_after(line, fence)
        if not was_in_code and not fence:
            found, heading = _TIME.match(line), _HEADING.match(line)
        times = None
        if found:
            try:
                times = clock.begin_and_end(found)
            except (ValueError, OverflowError):
                notes.odd.append((number, found[0].strip()))
        if times:
            end_part()
            part, lines = Note(number, "", *times), []
            level = len(heading[1]) if heading else 7
        elif heading and part.begin_at is not None and len(heading[1]) <= level:
            end_part()
            part, lines = Note(number, ""), []
        lines.append(line)
    end_part()
    return notes


def _fence_after(line: str, fence: str) -> str:
    """Return the fence of the block of code that is open after a line, or ""."""
    found = _FENCE.match(line)
    if not found:
        return fence
    if not fence:
        return found[1]
    is_end = found[1].startswith(fence) and not line[found.end() :].strip()
    return "" if is_end else fence


def _time(text: str, half: str) -> datetime.time:
    """Return a time of day; `half` is a, p or "" for 24 hours."""
    hour, minute, second = map(int, f"{text}:0".split(":")[:3])
    if half and not 1 <= hour <= 12:
        raise ValueError(f"{text} {half}m is no time")
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
    return datetime.time(hour, minute, second)


def _after(
    start: datetime.datetime, time: datetime.time, zone: datetime.tzinfo
) -> datetime.datetime:
    """Return the first instant from `start` on with this time of day."""
    date = start.astimezone(zone).date()
    first = instant(date, time, zone)
    return first if first >= start else instant(date + ONE_DAY, time, zone)


def instant(date: datetime.date, time: datetime.time, zone: datetime.tzinfo) -> datetime.datetime:
    """Return a local time in UTC.

    The hour that occurs twice in autumn counts as standard time; the one that spring leaves out,
    as the next hour.
    """
    local = datetime.datetime.combine(date, time, zone)
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
