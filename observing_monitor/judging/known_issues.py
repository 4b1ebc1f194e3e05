"""What is known to be wrong, and why: `known.yaml`, written by hand. What it names is shown as acknowledged, and alarms no longer.

    - night: 2026-03-01                     # or 2026-03-01 to 2026-03-05; or 2026-03-01, and `until`
      pattern: "*_guider.fits"              # of a file's name or path, an exposure; or how a reason or a finding begins
      reason: guider headers lack DATE-OBS
      stream: auxTel                        # all streams without it; several with commas
      until: 2026-03-09                     # the last night
      who: night crew

An entry is read by YAML's rules where it keeps to them, and line by line where it doesn't: a pattern may begin with *, a reason may
have a colon. One that still says nothing clear is a line that names it, and the others hold.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import re
import textwrap
from dataclasses import dataclass, field
from fnmatch import translate
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import parse_night

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


MAX_BYTES = 2**20
MAX_PROBLEMS = 20  # said of one file

KEYS = {  # what an entry may hold -> the words that people use for it
    "night": ("night", "nights", "date", "dates", "from", "first", "since"),
    "pattern": ("pattern", "patterns", "file", "files", "match"),
    "reason": ("reason", "reasons", "why", "because"),
    "stream": ("stream", "streams"),
    "until": ("until", "till", "to", "last"),
    "who": ("who", "by", "author"),
}
_KEY_OF = {word: key for key, words in KEYS.items() for word in words}
_DATE = re.compile(
    r"(?<!\d)(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|(\d\d)(\d\d))(?!\d)"
)


@dataclass(frozen=True)
class Issue:
    """One entry: what is known of some nights."""

    pattern: str
    reason: str
    nights: tuple[
        tuple[datetime.date, datetime.date | None], ...
    ]  # first and last night of each range; None for no end
    streams: tuple[str, ...] = ()  # all, where none is named
    who: str = ""

    @property
    def words(self) -> str:
        """The reason, and who knows it."""
        return f"{self.reason} ({self.who})" if self.who else self.reason

    def holds(self, stream: str, night: datetime.date) -> bool:
        """Whether it speaks of that night of that stream."""
        return (not self.streams or stream in self.streams) and any(
            first <= night and (last is None or night <= last) for first, last in self.nights
        )

    def names(self, texts: Iterable[str]) -> bool:
        """Whether the pattern matches one of these names: all of it where it has a wildcard, a part between no letters else."""
        whole = _of_names(self.pattern)
        return any(whole.search(text) for text in texts)

    def begins(self, text: str) -> bool:
        """Whether a finding, or the reason of a file, begins as the pattern says: one name in a list acknowledges not the others."""
        begins = _of_texts(self.pattern)
        return any(
            begins.match(said)
            for said in (text, text.removeprefix("exposure ").removeprefix("node "))
            if said
        )


@functools.lru_cache(maxsize=1000)
def _of_names(pattern: str) -> re.Pattern[str]:
    if _has_wildcard(pattern):
        return re.compile(rf"\A{translate(pattern)}", re.IGNORECASE)
    return re.compile(rf"(?<![0-9A-Za-z]){re.escape(pattern)}(?![0-9A-Za-z])", re.IGNORECASE)


@functools.lru_cache(maxsize=1000)
def _of_texts(pattern: str) -> re.Pattern[str]:
    if _has_wildcard(pattern):
        return re.compile(translate(f"{pattern.rstrip('*')}*"), re.IGNORECASE)
    return re.compile(rf"{re.escape(pattern)}(?![0-9A-Za-z])", re.IGNORECASE)


def _has_wildcard(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


@dataclass
class KnownIssues:
    """What a file says: its issues in its order, and a line for each entry that says nothing clear."""

    issues: list[Issue] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _Wrong(Exception):
    """An entry that says nothing clear: in which line of it (from 0), and why."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(words)
        self.line = line


def read_known(path: Path, streams: Sequence[str]) -> KnownIssues:
    """Read a file of known issues; `streams` are the names that an entry may have. Raises nothing: what is wrong is among the problems."""
    try:
        data = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        return KnownIssues(problems=[f"{path}: {os_error_text(error)}; nothing is acknowledged"])
    if len(data) > MAX_BYTES:
        return KnownIssues(
            problems=[f"{path}: larger than {MAX_BYTES >> 20} MB; nothing is acknowledged"]
        )
    known = KnownIssues()
    for number, block in _blocks(data.decode("utf-8-sig", "backslashreplace")):
        try:
            known.issues.append(_issue(_entry(block), streams))
        except _Wrong as wrong:
            known.problems.append(
                f"{path}: line {number + wrong.line}: {wrong}; this entry acknowledges nothing"
            )
    if len(known.problems) > MAX_PROBLEMS:
        rest = len(known.problems) - MAX_PROBLEMS
        known.problems[MAX_PROBLEMS:] = [
            f"{path}: and {rest:,} more entries that acknowledge nothing"
        ]
    return known


def _blocks(text: str) -> list[tuple[int, str]]:
    """The entries of a file, each with the number of its first line, from 1; the dash that begins it is a blank."""
    lines = [line.replace("\t", "    ") for line in text.splitlines()]
    starts = [
        number
        for number, line in enumerate(lines)
        if re.match(r"\s*-\s+[\"']?[\w ]+[\"']?\s*:|-(\s|$)", line)
    ]
    if not starts:  # no list: entries with blank lines, or ---, between them
        is_there = [_is_said(line) for line in lines]
        starts = [n for n, there in enumerate(is_there) if there and not (n and is_there[n - 1])]
    elif any(_is_said(line) for line in lines[: starts[0]]):
        starts = [next(number for number, line in enumerate(lines) if _is_said(line)), *starts]
    blocks = []
    for start, end in itertools.pairwise([*starts, len(lines)]):
        block = [re.sub(r"^(\s*)-(?=\s|$)", r"\1 ", lines[start]), *lines[start + 1 : end]]
        blocks.append(
            (start + 1, "\n".join("" if line.strip() in ("---", "...") else line for line in block))
        )
    return blocks


def _is_said(line: str) -> bool:
    """Whether a line says anything: it is no comment, no head of a list such as `known:`, no mark between documents."""
    head = re.fullmatch(r"(\w+)\s*:\s*(#.*)?", line.strip())
    is_head = head is not None and head[1].lower() not in _KEY_OF
    return (
        bool(line.strip())
        and not is_head
        and not re.fullmatch(r"\s*(#.*|---|\.\.\.|\[\s*\]|%.*)\s*", line)
    )


def _entry(block: str) -> dict[str, tuple[int, list[str]]]:
    """An entry's keys, as KEYS has them, each with its line and its values."""
    pairs = None if _is_plain(block) else _by_yaml(block)
    if pairs is None:
        pairs = _by_line(block)
    entry: dict[str, tuple[int, list[str]]] = {}
    for line, word, values in pairs:
        key = _KEY_OF.get(word.strip().lower())
        if key is None:
            import difflib

            near = difflib.get_close_matches(word.strip().lower(), _KEY_OF, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(KEYS)}"
            raise _Wrong(line, f"unknown key {word.strip()!r}; {hint}")
        if key in entry:
            raise _Wrong(line, f"a second {key!r} in one entry; each entry begins with a dash")
        entry[key] = (line, [value.strip() for value in values if value.strip()])
    return entry


_PLAIN = re.compile(
    r"\s*(?:#.*|\w[\w -]*:(?:\s+(?:[^\s\[\]{}|>&!%@'\"#-][^\n]*|\"[^\"\\]*\"|'[^']*'))?\s*)?"
)


def _is_plain(block: str) -> bool:
    """Whether each line is a key and its value, so that YAML, which takes longer to load than the rest of a quiet run, has no say in it."""
    return all(_PLAIN.fullmatch(line) for line in block.splitlines())


def _by_yaml(block: str) -> list[tuple[int, str, list[str]]] | None:
    """The pairs of an entry that is a mapping by YAML's rules; None where it is none. All values stay text: a date, a `no`."""
    import yaml

    try:
        node = yaml.compose(
            textwrap.dedent(block), Loader=yaml.BaseLoader
        )  # the C loader crashes on what is nested too deep
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs = []
    for key, value in node.value:
        values = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not isinstance(key, yaml.ScalarNode) or not all(
            isinstance(one, yaml.ScalarNode) for one in values
        ):
            return None
        pairs.append((key.start_mark.line, key.value, [one.value for one in values]))
    return pairs


def _by_line(block: str) -> list[tuple[int, str, list[str]]]:
    """The pairs of an entry as a hasty hand writes them: `key: value` a line, more lines of a value after it."""
    pairs: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(block.splitlines()):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*[\"']?(\w[\w -]{0,20}?)[\"']?\s*:(?:\s+(.*))?", line)
        is_more = (
            found is not None
            and bool(pairs)
            and found[1].lower() not in _KEY_OF
            and line.startswith(" " * 6)
        )
        if found and not is_more:
            value = re.sub(r"\s+#.*$", "", found[2] or "").strip()
            quoted = re.fullmatch(r"([\"'])(.*)\1", value)
            pairs.append((number, found[1], [quoted[2] if quoted else value]))
        elif pairs:
            pairs[-1][2][0] += f" {line.strip()}"
        else:
            raise _Wrong(
                number,
                f"{line.strip()[:60]!r} is no entry; write night: YYYY-MM-DD, pattern: and reason: below each other",
            )
    return pairs


def _issue(entry: dict[str, tuple[int, list[str]]], streams: Sequence[str]) -> Issue:
    """The Issue of an entry."""
    for key, example in (
        ("night", "2026-03-01"),
        ("pattern", '"*" for all of the night'),
        ("reason", "why it is so"),
    ):
        if not entry.get(key, (0, []))[1]:
            raise _Wrong(entry.get(key, (0, []))[0], f"it has no {key}; write {key}: {example}")
    patterns = entry["pattern"][1]
    if len(patterns) > 1:
        raise _Wrong(entry["pattern"][0], "it has several patterns; write an entry for each")
    named = [
        name.strip()
        for value in entry.get("stream", (0, []))[1]
        for name in value.split(",")
        if name.strip()
    ]
    for name in named:
        if name not in streams:
            import difflib

            near = difflib.get_close_matches(name, streams, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(streams)}"
            raise _Wrong(entry["stream"][0], f"there is no stream {name!r}; {hint}")
    return Issue(
        pattern=patterns[0],
        reason=" ".join(" ".join(entry["reason"][1]).split())[:500],
        nights=_nights(entry),
        streams=tuple(named),
        who=" ".join(", ".join(entry.get("who", (0, []))[1]).split())[:100],
    )


def _nights(
    entry: dict[str, tuple[int, list[str]]],
) -> tuple[tuple[datetime.date, datetime.date | None], ...]:
    """The ranges of nights that an entry speaks of."""
    line, values = entry["night"]
    ranges = [one for value in values for one in _ranges(line, value)]
    if not entry.get("until", (0, []))[1]:
        return tuple(ranges)
    until_line, (value, *_) = entry["until"]
    dates, rest = _dates(until_line, value)
    if len(dates) != 1 or rest:
        raise _Wrong(until_line, f"until {value!r} is no night; write YYYY-MM-DD")
    if len(ranges) > 1:
        raise _Wrong(until_line, "until goes with one night; write an entry for each")
    (first, last) = ranges[0]
    if dates[0] < first:
        raise _Wrong(until_line, f"until {dates[0]} comes before its night, {first}")
    return ((first, dates[0] if last is None or last == first else min(dates[0], last)),)


def _ranges(line: int, text: str) -> list[tuple[datetime.date, datetime.date | None]]:
    dates, rest = _dates(line, text)
    if len(dates) == 1 and rest in ("", "on"):
        return [(dates[0], dates[0])]
    if len(dates) == 1 and rest in (
        "since",
        "from",
        "-",
        "–",
        "..",
        "...",
        "…",
        "on-",
        "onwards",
        "to",
    ):
        return [(dates[0], None)]
    if len(dates) == 2 and rest in (
        "-",
        "–",
        "—",
        "to",
        "..",
        "...",
        "…",
        "until",
        "till",
        "through",
        "/",
        "fromto",
        "from-",
    ):
        if dates[1] < dates[0]:
            raise _Wrong(line, f"night {text!r}: {dates[1]} comes before {dates[0]}")
        return [(dates[0], dates[1])]
    if len(dates) > 1 and re.fullmatch(r"(?:,|and|;|&)*", rest):
        return [(night, night) for night in dates]
    raise _Wrong(
        line, f"night {text[:60]!r} is none; write YYYY-MM-DD, or YYYY-MM-DD to YYYY-MM-DD"
    )


def _dates(line: int, text: str) -> tuple[list[datetime.date], str]:
    """The dates in a text, and what else stands there, without blanks."""
    dates = []
    for found in _DATE.finditer(text):
        year, month, day = [part for part in found.groups() if part]
        try:
            dates.append(parse_night(f"{year}-{month:0>2}-{day:0>2}"))
        except UsageError as error:
            raise _Wrong(line, f"{found[0]} is no date; write YYYY-MM-DD") from error
    return dates, re.sub(r"\s+", "", _DATE.sub("", text)).lower()
