"""Text files with rows in them: found by a pattern and the night, plain or gzip, CSV, JSON, or a line a row."""

from __future__ import annotations

import contextlib
import csv
import datetime
import glob
import gzip
import io
import json
import os
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.nights import MJD_ZERO, nid_of, night_of_mjd, night_of_nid
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from observing_monitor.model.reading import Known


NIGHT_PLACE = re.compile(r"\{night(?::([^{}]*))?\}")
A_NIGHT = datetime.date(2001, 2, 3)  # whose year, month and day can't be taken for each other
SURROGATE = re.compile("[\ud800-\udfff]")
GZIP_MAGIC = b"\x1f\x8b"


# --- nights as others write them ---------------------------------------------------------------------------------------


def read_night(value: Any, form: str = "date") -> datetime.date | None:
    """The night that a cell says, None where it says none.

    `form` is `date` (2021-12-01, 20211201, an instant's date; also 2021-12-1, as hands and spreadsheets write it, for it
    can mean but one day), `nid`, `mjd`, or a pattern of strptime.
    """
    if isinstance(value, datetime.date):
        return value.date() if isinstance(value, datetime.datetime) else value
    text = "" if value is None else str(value).strip()
    try:
        if form == "nid":
            return night_of_nid(float(text))
        if form == "mjd":
            return night_of_mjd(float(text))
        if form != "date":
            return datetime.datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
        found = re.match(r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])", text, re.ASCII) or re.fullmatch(
            r"(\d{4})(\d\d)(\d\d)(?:\.0+)?", text, re.ASCII
        )
        return datetime.date(*map(int, found.groups())) if found else None
    except (ValueError, OverflowError, re.error):  # the latter: a pattern that has one thing twice
        return None


def write_night(night: datetime.date, form: str = "date") -> int | str:
    """A night as `form` has it (see `read_night`): an int for nid and mjd, else text."""
    if form in ("nid", "mjd"):
        return nid_of(night) if form == "nid" else (night - MJD_ZERO).days
    return night.isoformat() if form == "date" else night.strftime(form)


# --- files -------------------------------------------------------------------------------------------------------------


class TextFiles:
    """The files that a path, a pattern of paths, or one with `{night}` in it names.

    `{night}` stands for the night as YYYY-MM-DD; `{night:%Y%m%d}`, `{night:nid}` and `{night:mjd}` for other ways to
    write it. The files of a pattern without it hold the rows of all nights.
    """

    def __init__(self, path: Path | str) -> None:
        self.pattern = str(path)
        self.root = os.path.dirname(re.split(r"[*?\[{]", self.pattern, maxsplit=1)[0])
        self.has_night = bool(NIGHT_PLACE.search(self.pattern))
        for form in NIGHT_PLACE.findall(self.pattern):
            if form and form not in ("nid", "mjd") and "%" not in form:
                known = "{night}, {night:%Y%m%d}, {night:nid} or {night:mjd}"
                raise UsageError(
                    f"{self.pattern}: {form!r} is no way to write a night; write {known}"
                )

    def nights(self) -> set[datetime.date]:
        """The nights that files are named after: a set, empty where the pattern has no `{night}`."""
        if not self.has_night:
            return set()
        forms, regex = [form or "date" for form in NIGHT_PLACE.findall(self.pattern)], self._regex()
        found = [match.groups() for path in self._found("*") if (match := regex.fullmatch(path))]
        return {night for texts in found if (night := _night_told(texts, forms))}

    def of_night(self, night: datetime.date | None, known: Iterable[str] = ()) -> list[str]:
        """The files that may hold a night's rows, in order of name.

        `known` are paths which held them before. SourceError where the folder, the file, or one of these, isn't there.
        """
        pattern = (
            NIGHT_PLACE.sub(lambda place: str(write_night(night, place[1] or "date")), self.pattern)
            if night
            else self.pattern
        )
        paths = self._found(pattern)
        gone = sorted(set(known) - set(paths))
        if gone:
            raise SourceError(f"{gone[0]}: no longer there; what it told stays as last read")
        if not paths and not self.has_night:
            raise SourceError(f"{self.pattern}: no such file; set path to where it is")
        return paths

    def look(self, night: datetime.date, known: Known) -> Known:
        """The sizes and times of a night's files: what `Source.look` gives."""
        state = {}
        for path in self.of_night(night, (known or {}).get("files", ())):
            try:
                stat = os.stat(path)
            except OSError as error:
                raise SourceError(
                    f"{path}: {(error.strerror or str(error)).lower()}; it must be readable by the one who runs this"
                ) from error
            state[path] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return {"files": state}

    @property
    def roots(self) -> list[str] | None:
        """The folders, as for `files.open_plain`, that the content of files may come from: what a pattern finds may be a link."""
        return (
            None
            if self.pattern == glob.escape(self.pattern) and not self.has_night
            else [self.root or "."]
        )

    def _found(self, pattern: str) -> list[str]:
        """The paths that a pattern names, `*` standing where the night did; SourceError where its folder isn't there."""
        wild = NIGHT_PLACE.sub("*", self.pattern) if pattern == "*" else pattern
        if not os.path.isdir(self.root or "."):
            raise SourceError(f"{self.root}: no such directory; is its disk mounted?")
        return (
            sorted(glob.glob(wild, recursive=True))
            if glob.has_magic(wild)
            else [wild] * os.path.exists(wild)
        )

    def _regex(self) -> re.Pattern[str]:
        """What tells the night in a path: a group for each of its places."""
        parts = NIGHT_PLACE.sub("\0", self.pattern).split("\0")
        return re.compile(
            "([^/]+?)".join(
                re.escape(part).replace(r"\*", ".*").replace(r"\?", ".") for part in parts
            )
        )


def _night_told(texts: Sequence[str], forms: Sequence[str]) -> datetime.date | None:
    """The night that the places of a path say: the first that has it whole (not the year's folder), else all together (%Y/%m/%d)."""
    for text, form in zip(texts, forms, strict=True):
        if read_night(write_night(A_NIGHT, form), form) == A_NIGHT:
            return read_night(text, form)
    parts = dict(zip(forms, texts, strict=True))
    return read_night("/".join(parts.values()), "/".join(parts))


@contextlib.contextmanager
def opened(
    path: Path | str, roots: Iterable[str | os.PathLike[str]] | None = None
) -> Iterator[TextIO]:
    """A file's text by lines, gunzipped where it is gzip, whatever its name; SourceError where it can't be read to its end.

    With `roots` it must lie in one of these folders, all links resolved.
    """
    try:
        with open_plain(path, roots) as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            with gzip.open(raw) if packed else contextlib.nullcontext(raw) as data:
                yield io.TextIOWrapper(
                    data, encoding="utf-8-sig", errors="backslashreplace", newline=""
                )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{path}: its gzip is cut or broken ({error}); write it beside and rename it when it is whole"
        ) from error
    except OSError as error:
        raise SourceError(
            f"{path}: {(error.strerror or str(error)).lower()}; it must be readable by the one who runs this"
        ) from error


@dataclass
class Rows:
    """Rows of one place, before anybody said what they mean."""

    place: str  # the file, or the database
    columns: list[str]
    rows: list[tuple[Any, ...]]  # as many values as there are columns
    numbers: list[int]  # the line, or the number, of each row, for who has to find it
    word: str = "line"  # what the numbers count
    notes: list[str] = field(default_factory=list)


def at(numbers: list[int], word: str = "line") -> str:
    """`line 3`, `lines 3, 7, 9 and 12 more`."""
    some = ", ".join(str(number) for number in numbers[:3])
    more = f" and {len(numbers) - 3:,} more" if len(numbers) > 3 else ""
    return f"{word}{'s' if len(numbers) > 1 else ''} {some}{more}"


def read_csv(
    path: Path | str,
    separator: str = ",",
    comment: str = "#",
    roots: Iterable[str | os.PathLike[str]] | None = None,
) -> Rows:
    """A CSV file as `Rows`; a line with too few or too many cells is left out, with a note."""
    kept, numbers, header = [], [], None
    short: list[int] = []
    long: list[int] = []
    with opened(path, roots) as text:
        reader = csv.reader((_bare(line, comment) for line in text), delimiter=separator)
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if header is None:
                    header = [cell.strip() for cell in cells]
                elif len(cells) != len(header):
                    (short if len(cells) < len(header) else long).append(reader.line_num)
                else:
                    kept.append(tuple(cell.strip() for cell in cells))
                    numbers.append(reader.line_num)
        except csv.Error as error:
            raise SourceError(f"{path}: line {reader.line_num}: {error}; is it CSV?") from error
    if header is None:
        raise SourceError(f"{path}: is empty; its first line should name its columns")
    rows = Rows(str(path), header, kept, numbers)
    for lines, words in (
        (short, "fewer cells than the header has; was it cut?"),
        (long, "more cells than the header has"),
    ):
        if lines:
            rows.notes.append(f"{path} {at(lines)}: {words}; left out")
    return rows


def _bare(line: str, comment: str) -> str:
    """A line as the CSV reader gets it: a comment is an empty line, so that lines keep their numbers."""
    return "\n" if comment and line.lstrip().startswith(comment) else line.replace("\0", "�")


def read_json(
    path: Path | str, records: str = "", roots: Iterable[str | os.PathLike[str]] | None = None
) -> Rows:
    """A JSON file as `Rows`: a list of objects, an object of lists, or one object alone, which is one row.

    `records` names where in the file these stand: `data.items`. Objects inside objects become columns `a.b`.
    """
    with opened(path, roots) as text:
        value = _parsed(text.read(), f"{path}: ")
    for key in filter(None, records.split(".")):
        if not isinstance(value, dict) or key not in value:
            raise SourceError(f"{path}: has no {records!r}; set records to where its rows stand")
        value = value[key]
    if isinstance(value, dict):
        lists = {key: column for key, column in value.items() if isinstance(column, list)}
        lengths = {len(column) for column in lists.values()}
        is_table = len(lists) == len(value) and len(lengths) == 1
        value = (
            [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]
            if is_table
            else [value]
        )
    if not isinstance(value, list):
        raise SourceError(
            f"{path}: holds neither a list nor an object; set records to where its rows stand"
        )
    return _of_objects(str(path), list(enumerate(value, 1)), "row")


def read_jsonl(path: Path | str, roots: Iterable[str | os.PathLike[str]] | None = None) -> Rows:
    """A file with a JSON object a line as `Rows`; a line that is none is left out, with a note."""
    objects, odd = [], []
    with opened(path, roots) as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                try:
                    objects.append((number, _parsed(line, "")))
                except SourceError:
                    odd.append(number)
    rows = _of_objects(str(path), objects, "line")
    if odd:
        rows.notes.append(f"{path} {at(odd)}: no JSON; was it cut? Left out")
    return rows


def parse_json(text: str | bytes) -> Any:
    """JSON's value, half of a character, which no table can hold, as the text `\\ud83d`; ValueError or RecursionError as json.loads."""
    if isinstance(text, bytes):
        text = text.decode(
            json.detect_encoding(text), "surrogatepass"
        )  # as json.loads does: bytes may hold halves too
    value = json.loads(text)
    if not ("\\ud" in text.lower() or _has_half(text)):
        return value
    return json.loads(
        SURROGATE.sub(
            lambda half: f"\\\\u{ord(half[0]):04x}", json.dumps(value, ensure_ascii=False)
        )
    )


def _has_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _parsed(text: str | bytes, where: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{where}no JSON, or cut short ({error}); write it beside and rename it when it is whole"
        ) from error


def _of_objects(place: str, numbered: Sequence[tuple[int, Any]], word: str) -> Rows:
    """Rows of (number, object) pairs; the columns are all that any object has, in order of appearance."""
    odd = [number for number, value in numbered if not isinstance(value, dict)]
    flat = [(number, _flat(value)) for number, value in numbered if isinstance(value, dict)]
    names = list(dict.fromkeys(name for _, row in flat for name in row))
    rows = Rows(
        place,
        names,
        [tuple(row.get(name) for name in names) for _, row in flat],
        [number for number, _ in flat],
        word,
    )
    if odd:
        rows.notes.append(f"{place} {at(odd, word)}: no object; left out")
    return rows


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """An object whose objects are spread out, named `outer.inner`."""
    made: dict[str, Any] = {}
    for key, inner in value.items():
        made |= (
            _flat(inner, f"{before}{key}.") if isinstance(inner, dict) else {before + key: inner}
        )
    return made


READERS = {
    "csv": read_csv,
    "tsv": read_csv,
    "json": read_json,
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
}


def format_of(path: Path | str) -> str:
    """The format that a path's ending says, "" where it says none that we read."""
    name = re.sub(r"\.gz$", "", str(path), flags=re.IGNORECASE)
    ending = name.rpartition(".")[2].lower()
    return ending if ending in READERS else {"dat": "csv", "txt": "csv"}.get(ending, "")
