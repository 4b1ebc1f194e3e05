"""Read rows from text files.

CSV, JSON, or one JSON object per line; plain or gzip.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import SourceError
from observing_monitor.readers.fault_words import csv_words, json_words
from observing_monitor.readers.plain_files import open_plain, unreadable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO


SURROGATE = re.compile("[\ud800-\udfff]")
GZIP_MAGIC = b"\x1f\x8b"
WRITE_WHOLE = "write it beside and rename it when it is whole"


@contextlib.contextmanager
def opened(
    path: Path | str, roots: Iterable[str | os.PathLike[str]] | None = None
) -> Iterator[TextIO]:
    """Open a text file; gzip is recognised by its content.

    Parameters
    ----------
    path
        The file.
    roots
        The folders that it may lie in, all links resolved; None allows any.

    Raises
    ------
    SourceError
        If the file can't be read to its end.
    """
    try:
        with open_plain(path, roots) as raw:
            is_gzip = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            with gzip.open(raw) if is_gzip else contextlib.nullcontext(raw) as data:
                yield io.TextIOWrapper(
                    data, encoding="utf-8-sig", errors="backslashreplace", newline=""
                )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        words = f"its gzip is cut or broken; {WRITE_WHOLE}"
        raise SourceError(f"{path}: {words}") from error
    except OSError as error:
        raise unreadable(path, error) from error


@dataclass
class Rows:
    """Rows of a file or database, as they were read.

    Attributes
    ----------
    place
        The file or database, for messages.
    columns
        Names of the columns.
    rows
        As many values each as there are columns.
    numbers
        Each row's line or number in `place`.
    word
        What `numbers` counts: `line` or `row`.
    notes
        Sentences about what was left out, and why.
    """

    place: str
    columns: list[str]
    rows: list[tuple[Any, ...]]
    numbers: list[int]
    word: str = "line"
    notes: list[str] = field(default_factory=list)


def at(numbers: list[int], word: str = "line") -> str:
    """Return `lines 3, 7, 9 and 12 more`."""
    some = ", ".join(str(number) for number in numbers[:3])
    more = f" and {len(numbers) - 3:,} more" if len(numbers) > 3 else ""
    return f"{word}{'s' if len(numbers) > 1 else ''} {some}{more}"


def read_csv(
    path: Path | str,
    separator: str = ",",
    comment: str = "#",
    roots: Iterable[str | os.PathLike[str]] | None = None,
) -> Rows:
    """Return the rows of a CSV file.

    A line with too few or too many cells is left out, with a note.

    Parameters
    ----------
    path
        The file. Its first line names the columns.
    separator
        Stands between cells.
    comment
        Begins a comment line; "" if there are none.
    roots
        As for `opened`.

    Raises
    ------
    SourceError
        If the file can't be read, or is empty.
    """
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
            raise SourceError(f"{path}: line {reader.line_num}: {csv_words(error)}") from error
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
    """Return a line for the CSV reader, empty for a comment.

    The line is kept so that line numbers are right.
    """
    return "\n" if comment and line.lstrip().startswith(comment) else line.replace("\0", "�")


def read_json(
    path: Path | str, records: str = "", roots: Iterable[str | os.PathLike[str]] | None = None
) -> Rows:
    """Return the rows of a JSON file.

    The file has a list of objects, an object of lists, or a single object, which is one row.
    Objects inside objects become columns `outer.inner`.

    Parameters
    ----------
    path
        The file.
    records
        Where in the file the rows are, such as `data.items`; "" for the top.
    roots
        As for `opened`.

    Raises
    ------
    SourceError
        If the file can't be read, is not JSON, or has no rows there.
    """
    with opened(path, roots) as text:
        value = _parsed(text.read(), f"{path}: ")
    remedy = "set records to where its rows stand"
    for key in filter(None, records.split(".")):
        if not isinstance(value, dict) or key not in value:
            raise SourceError(f"{path}: has no {records!r}; {remedy}")
        value = value[key]
    if isinstance(value, dict):
        value = _objects_in(value)
    if not isinstance(value, list):
        raise SourceError(f"{path}: holds neither a list nor an object; {remedy}")
    return _of_objects(str(path), list(enumerate(value, 1)), "row")


def _objects_in(value: dict[str, Any]) -> list[Any]:
    """Return the objects in a JSON object.

    An object of lists is a table with a column per list. Any other object is one row.
    """
    lists = {key: column for key, column in value.items() if isinstance(column, list)}
    lengths = {len(column) for column in lists.values()}
    if len(lists) != len(value) or len(lengths) != 1:
        return [value]
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def read_jsonl(path: Path | str, roots: Iterable[str | os.PathLike[str]] | None = None) -> Rows:
    """Return the rows of a JSON lines file.

    A line that is not an object is left out, with a note. Parameters and errors are as for
    `opened`.
    """
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
    r"""Return the value of JSON text.

    Half a surrogate pair, which no table can store, becomes the text `\ud83d`.

    Raises
    ------
    ValueError, RecursionError
        As `json.loads` does.
    """
    if isinstance(text, bytes):
        # as json.loads does, because bytes too may contain half a pair
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    value = json.loads(text)
    if not ("\\ud" in text.lower() or _has_surrogate(text)):
        return value
    written = json.dumps(value, ensure_ascii=False)
    return json.loads(SURROGATE.sub(lambda half: f"\\\\u{ord(half[0]):04x}", written))


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _parsed(text: str | bytes, where: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        words = f"{json_words(error)}; {WRITE_WHOLE}"
        raise SourceError(f"{where}{words}") from error


def _of_objects(place: str, numbered: Sequence[tuple[int, Any]], word: str) -> Rows:
    """Return rows from pairs of number and object.

    Columns are in order of first appearance.
    """
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
    """Return an object without inner objects.

    Their keys become `outer.inner`.
    """
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            made |= _flat(inner, f"{before}{key}.")
        else:
            made[before + key] = inner
    return made


READERS = {
    "csv": read_csv,
    "tsv": read_csv,
    "json": read_json,
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
}


def format_of(path: Path | str) -> str:
    """Return the format for a path's ending.

    A key of `READERS`, or "" if the ending is not known.
    """
    name = re.sub(r"\.gz$", "", str(path), flags=re.IGNORECASE)
    ending = name.rpartition(".")[2].lower()
    return ending if ending in READERS else {"dat": "csv", "txt": "csv"}.get(ending, "")
