"""Read rows from text files.

CSV, JSON, or one JSON object per line; plain or compressed.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import SourceError
from observing_monitor.model.reading import Counts
from observing_monitor.readers.bounded import (
    LIMITS,
    Limits,
    csv_values,
    json_values,
    no_values,
)
from observing_monitor.readers.compressed import WRITE_WHOLE, decompressed, without_ending
from observing_monitor.readers.csv_rows import separators_of, split_rows
from observing_monitor.readers.fault_words import json_words
from observing_monitor.readers.json_rows import Names, objects_in
from observing_monitor.readers.plain_files import open_plain, unreadable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO


SURROGATE = re.compile("[\ud800-\udfff]")


@contextlib.contextmanager
def opened(
    path: Path | str,
    roots: Iterable[str | os.PathLike[str]] | None = None,
    limits: Limits = LIMITS,
    *,
    values: Callable[[bytes], int] = no_values,
    too_long: list[int] | None = None,
    is_whole: bool = False,
) -> Iterator[TextIO]:
    """Open a text file, plain or compressed, as its content says.

    Parameters
    ----------
    path
        The file.
    roots
        The folders that it may lie in, all links resolved; None allows any.
    limits, values, too_long, is_whole
        As for `decompressed`.

    Raises
    ------
    SourceError
        If the file can't be read to its end, or holds too much.
    """
    try:
        with (
            open_plain(path, roots) as raw,
            decompressed(
                raw, path, limits, values=values, too_long=too_long, is_whole=is_whole
            ) as data,
        ):
            yield io.TextIOWrapper(
                data, encoding="utf-8-sig", errors="backslashreplace", newline=""
            )
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
    counts
        The rows of `place`, of all nights, and those left out so far.
    """

    place: str
    columns: list[str]
    rows: list[tuple[Any, ...]]
    numbers: list[int]
    word: str = "line"
    notes: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def leave_out(self, numbers: list[int], reason: str) -> None:
        """Count rows, given by their numbers, that are left out."""
        if numbers:
            self.counts.leave_out(f"{self.word} {numbers[0]}", reason, len(numbers))

    def leave_out_long(self, numbers: list[int], limits: Limits) -> None:
        """Count and note lines that are left out because they are too long."""
        if numbers:
            words = too_long_words(limits)
            self.counts.n_read += len(numbers)
            self.leave_out(numbers, words)
            self.notes.append(f"{self.place} {at(numbers)}: {words}; left out")


def too_long_words(limits: Limits) -> str:
    """Return what is wrong with a line that is too long."""
    return f"longer than {limits.line_bytes:,} bytes (max_line_bytes)"


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
    *,
    usual: str = ",",
    is_header: Callable[[list[str]], bool] = bool,
    limits: Limits = LIMITS,
) -> Rows:
    """Return the rows of a CSV file, or of columns that blanks align.

    A row with too few or too many cells is left out, with a note, and so is one with a quote that
    is never closed.

    Parameters
    ----------
    path
        The file. Its first line names the columns, or a comment above the rows.
    separator
        Stands between cells; " " for columns that blanks align; "" to find out, for which
        `is_header` is needed.
    comment
        Begins a comment line; "" if there are none.
    roots
        As for `opened`.
    usual
        The separator that is tried first, if `separator` is "".
    is_header
        True for names of columns that include those that are needed.
    limits
        As for `opened`.

    Raises
    ------
    SourceError
        If the file can't be read, or is empty.
    """
    too_long: list[int] = []
    with opened(path, roots, limits, values=csv_values, too_long=too_long) as text:
        lines = list(text)
    try:
        table = split_rows(lines, separators_of(separator, usual), comment, is_header)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None
    if table.header is None:
        raise SourceError(f"{path}: is empty; its first line should name its columns")
    rows = Rows(str(path), table.header, table.rows, table.numbers)
    rows.counts.n_read = len(table.rows) + sum(map(len, table.left_out.values()))
    for words, numbers in table.left_out.items():
        rows.leave_out(numbers, words)
        rows.notes.append(f"{path} {at(numbers)}: {words}; left out")
    rows.leave_out_long(too_long, limits)
    return rows


def read_json(
    path: Path | str,
    records: str = "",
    roots: Iterable[str | os.PathLike[str]] | None = None,
    names: Names | None = None,
    limits: Limits = LIMITS,
) -> Rows:
    """Return the rows of a JSON file.

    `objects_in` says how they may be nested. Objects inside objects become columns
    `outer.inner`.

    Parameters
    ----------
    path
        The file.
    records
        Where in the file the rows are, such as `data.items`; "" for the top.
    roots
        As for `opened`.
    names
        Names by which the rows are understood.
    limits
        As for `opened`.

    Raises
    ------
    SourceError
        If the file can't be read, is not JSON, or has no rows there.
    """
    with opened(path, roots, limits, values=json_values, is_whole=True) as text:
        value = _parsed(text.read(), f"{path}: ")
    remedy = "set records to where its rows stand"
    for key in filter(None, records.split(".")):
        if not isinstance(value, dict) or key not in value:
            raise SourceError(f"{path}: has no {records!r}; {remedy}")
        value = value[key]
    objects = objects_in(value, names or Names())
    if objects is None:
        raise SourceError(f"{path}: holds neither a list nor an object; {remedy}")
    return _of_objects(str(path), list(enumerate(objects, 1)), "row")


def read_jsonl(
    path: Path | str,
    roots: Iterable[str | os.PathLike[str]] | None = None,
    names: Names | None = None,
    limits: Limits = LIMITS,
) -> Rows:
    """Return the rows of a JSON lines file.

    Each line has an object, or each a list. Another line is left out, with a note. Parameters are
    as for `read_json`.

    Raises
    ------
    SourceError
        If the file can't be read.
    """
    objects, odd = [], []
    too_long: list[int] = []
    with opened(path, roots, limits, values=json_values, too_long=too_long) as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                try:
                    objects.append((number, _parsed(line, "")))
                except SourceError:
                    odd.append(number)
    if objects and all(isinstance(value, list) for _, value in objects):
        found = objects_in([value for _, value in objects], names or Names()) or []
        n_header = len(objects) - len(found)
        numbers = [number for number, _ in objects[n_header:]]
        objects = list(zip(numbers, found, strict=True))
    rows = _of_objects(str(path), objects, "line")
    rows.counts.n_read += len(odd)
    rows.leave_out(odd, "no JSON; was it cut?")
    if odd:
        rows.notes.append(f"{path} {at(odd)}: no JSON; was it cut? Left out")
    rows.leave_out_long(too_long, limits)
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
    rows.counts.n_read = len(numbered)
    rows.leave_out(odd, "no object")
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
    ending = without_ending(str(path)).rpartition(".")[2].lower()
    return ending if ending in READERS else {"dat": "csv", "txt": "csv"}.get(ending, "")
