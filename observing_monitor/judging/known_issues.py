"""Known issues, which raise no alarm.

`known.yaml` is written by hand:

    - night: 2026-03-01                     # or 2026-03-01 to 2026-03-05; or with `until`
      pattern: "*_guider.fits"              # a file's name or path, or an exposure; or the
                                            # beginning of a reason or a finding
      reason: guider headers lack DATE-OBS
      stream: auxTel                        # several with commas; all streams without it
      until: 2026-03-09                     # the last night
      who: night crew

An entry is read by the rules of YAML if it follows them, and line by line if it does not: a pattern
may begin with *, a reason may have a colon. An entry that cannot be understood is reported with its
line, and the others are used.
"""

from __future__ import annotations

import datetime
import functools
import re
from fnmatch import translate
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.errors import UsageError
from observing_monitor.judging.issue_entries import (
    Entry,
    EntryError,
    parse_entry,
    split_entries,
    suggestion,
)
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import parse_night
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


MAX_BYTES = 2**20
# problems reported of one file
MAX_PROBLEMS = 20

# First and last night; the last is None if there is no end.
NightRange = tuple[datetime.date, datetime.date | None]

_DATE = re.compile(
    r"(?<!\d)(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|(\d\d)(\d\d))(?!\d)"
)
# text around a date that begins a range without an end
_OPEN = ("since", "from", "-", "–", "..", "...", "…", "on-", "onwards", "to")
# text around two dates that are a range
_RANGE = (
    *("-", "–", "—", "to", "..", "...", "…", "until"),
    *("till", "through", "/", "fromto", "from-"),
)


class Issue(msgspec.Struct, frozen=True):
    """A known issue of some nights."""

    pattern: str
    reason: str
    nights: tuple[NightRange, ...]
    # all streams if empty
    streams: tuple[str, ...] = ()
    who: str = ""

    @property
    def words(self) -> str:
        """The reason, and who knows it."""
        return f"{self.reason} ({self.who})" if self.who else self.reason

    def holds(self, stream: str, night: datetime.date) -> bool:
        """True if the issue applies to a night of a stream."""
        return (not self.streams or stream in self.streams) and any(
            first <= night and (last is None or night <= last) for first, last in self.nights
        )

    def may_match(self, text: str) -> bool:
        """Return False if the pattern cannot match.

        The text is lower-case ASCII. Ten times as fast as the pattern itself.
        """
        return _literal(self.pattern) in text

    def names(self, texts: Iterable[str]) -> bool:
        """True if the pattern matches a name.

        With a wildcard, it must match the whole name, else a part that is not inside a word.
        """
        whole = _name_pattern(self.pattern)
        return any(whole.search(text) for text in texts)

    def begins(self, text: str) -> bool:
        """True if a finding or a reason begins as the pattern.

        So one name in a list does not acknowledge the others.
        """
        beginning = _text_pattern(self.pattern)
        return any(
            beginning.match(form)
            for form in (text, text.removeprefix("exposure ").removeprefix("node "))
            if form
        )


@functools.lru_cache(maxsize=1000)
def _name_pattern(pattern: str) -> re.Pattern[str]:
    if _has_wildcard(pattern):
        return re.compile(rf"\A{translate(pattern)}", re.IGNORECASE)
    return re.compile(rf"(?<![0-9A-Za-z]){re.escape(pattern)}(?![0-9A-Za-z])", re.IGNORECASE)


@functools.lru_cache(maxsize=1000)
def _text_pattern(pattern: str) -> re.Pattern[str]:
    if _has_wildcard(pattern):
        return re.compile(translate(f"{pattern.rstrip('*')}*"), re.IGNORECASE)
    return re.compile(rf"{re.escape(pattern)}(?![0-9A-Za-z])", re.IGNORECASE)


@functools.lru_cache(maxsize=1000)
def _literal(pattern: str) -> str:
    """Return a pattern's longest literal part, in lower case."""
    parts = re.split(r"[*?]|\[.*", pattern) if _has_wildcard(pattern) else [pattern]
    longest = max(parts, key=len).lower()
    return longest if longest.isascii() else ""


def _has_wildcard(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


class KnownIssues(msgspec.Struct):
    """The issues of a file in order, and its problems.

    A problem is a line about an entry that cannot be understood.
    """

    issues: list[Issue] = []
    problems: list[str] = []


def read_known(path: Path, streams: Sequence[str]) -> KnownIssues:
    """Read a file of known issues.

    Raises nothing: all errors are among the problems.

    Parameters
    ----------
    path : Path
    streams : sequence of str
        Names of streams that an entry may have.
    """
    try:
        with open_plain(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return KnownIssues(problems=[f"{path}: {os_error_text(error)}; nothing is acknowledged"])
    if len(data) > MAX_BYTES:
        words = f"larger than {MAX_BYTES >> 20} MB; nothing is acknowledged"
        return KnownIssues(problems=[f"{path}: {words}"])
    known = KnownIssues()
    for number, text in split_entries(data.decode("utf-8-sig", "backslashreplace")):
        try:
            known.issues.append(_issue(parse_entry(text), streams))
        except EntryError as error:
            known.problems.append(
                f"{path}: line {number + error.line}: {error}; this entry acknowledges nothing"
            )
    if len(known.problems) > MAX_PROBLEMS:
        rest = len(known.problems) - MAX_PROBLEMS
        known.problems[MAX_PROBLEMS:] = [
            f"{path}: and {rest:,} more entries that acknowledge nothing"
        ]
    return known


def _issue(entry: Entry, streams: Sequence[str]) -> Issue:
    """Return the issue of an entry.

    Raises EntryError if it is incomplete or wrong.
    """
    for key, example in (
        ("night", "2026-03-01"),
        ("pattern", '"*" for all of the night'),
        ("reason", "why it is so"),
    ):
        line, values = entry.get(key, (0, []))
        if not values:
            raise EntryError(line, f"it has no {key}; write {key}: {example}")
    line, patterns = entry["pattern"]
    if len(patterns) > 1:
        raise EntryError(line, "it has several patterns; write an entry for each")
    return Issue(
        pattern=patterns[0],
        reason=" ".join(" ".join(entry["reason"][1]).split())[:500],
        nights=_nights(entry),
        streams=_streams(entry, streams),
        who=" ".join(", ".join(entry.get("who", (0, []))[1]).split())[:100],
    )


def _streams(entry: Entry, streams: Sequence[str]) -> tuple[str, ...]:
    """Return the streams that an entry names."""
    line, values = entry.get("stream", (0, []))
    named = [name.strip() for value in values for name in value.split(",") if name.strip()]
    for name in named:
        if name not in streams:
            hint = suggestion(name, list(streams), list(streams))
            raise EntryError(line, f"there is no stream {name!r}; {hint}")
    return tuple(named)


def _nights(entry: Entry) -> tuple[NightRange, ...]:
    """Return the ranges of nights of an entry."""
    line, values = entry["night"]
    ranges = [one for value in values for one in _ranges(line, value)]
    if not entry.get("until", (0, []))[1]:
        return tuple(ranges)
    until_line, (value, *_) = entry["until"]
    dates, rest = _dates(until_line, value)
    if len(dates) != 1 or rest:
        raise EntryError(until_line, f"until {value!r} is no night; write YYYY-MM-DD")
    if len(ranges) > 1:
        raise EntryError(until_line, "until goes with one night; write an entry for each")
    (first, last) = ranges[0]
    if dates[0] < first:
        raise EntryError(until_line, f"until {dates[0]} comes before its night, {first}")
    return ((first, dates[0] if last is None or last == first else min(dates[0], last)),)


def _ranges(line: int, text: str) -> list[NightRange]:
    """Return the ranges of nights in a value."""
    dates, rest = _dates(line, text)
    if len(dates) == 1 and rest in ("", "on"):
        return [(dates[0], dates[0])]
    if len(dates) == 1 and rest in _OPEN:
        return [(dates[0], None)]
    if len(dates) == 2 and rest in _RANGE:
        if dates[1] < dates[0]:
            raise EntryError(line, f"night {text!r}: {dates[1]} comes before {dates[0]}")
        return [(dates[0], dates[1])]
    if len(dates) > 1 and re.fullmatch(r"(?:,|and|;|&)*", rest):
        return [(night, night) for night in dates]
    raise EntryError(
        line, f"night {text[:60]!r} is none; write YYYY-MM-DD, or YYYY-MM-DD to YYYY-MM-DD"
    )


def _dates(line: int, text: str) -> tuple[list[datetime.date], str]:
    """Return the dates in a text, and the rest of it.

    The rest is in lower case, without spaces.
    """
    dates = []
    for found in _DATE.finditer(text):
        year, month, day = [part for part in found.groups() if part]
        try:
            dates.append(parse_night(f"{year}-{month:0>2}-{day:0>2}"))
        except UsageError as error:
            raise EntryError(line, f"{found[0]} is no date; write YYYY-MM-DD") from error
    return dates, re.sub(r"\s+", "", _DATE.sub("", text)).lower()
