"""Split text into rows of cells.

Cells are separated by the rules of CSV, or aligned by blanks.

A line break inside quotes belongs to its cell, and so does what looks like a comment there. A quote
that is never closed costs its own line only.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


BLANKS = "  "  # a separator: columns are at least two blanks apart
# separators to try if the settings name none
USUAL = (",", "\t", ";", "|", " ", BLANKS)
# an instant with a blank inside, in a line that blanks separate
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?(UTC|GMT|Z))?(?=\s|$)", re.ASCII
)


class CsvTable(NamedTuple):
    """A table as its text has it.

    Attributes
    ----------
    header
        The names of its columns; None if the text has no row at all.
    rows
        As many cells each as the header has.
    numbers
        The line on which each row begins.
    left_out
        What is wrong with rows that are left out -> the lines on which they begin.
    """

    header: list[str] | None
    rows: list[tuple[str, ...]]
    numbers: list[int]
    left_out: dict[str, list[int]]


NOT_CLOSED = "a quote is never closed"
TOO_FEW = "fewer cells than the header has; was it cut?"
TOO_MANY = "more cells than the header has"


def check_separator(separator: str) -> None:
    """Raise UsageError if a separator can't work."""
    if separator not in ("", BLANKS) and (len(separator) > 1 or separator in '"\r\n'):
        words = "write one character, or one or two blanks for columns that blanks align"
        raise UsageError(f"separator {separator!r} separates no cells; {words}")


def separators_of(separator: str, usual: str = ",") -> tuple[str, ...]:
    """Return the separators to try."""
    if separator == " ":
        return (" ", BLANKS)
    return (separator,) if separator else tuple(dict.fromkeys([usual, *USUAL]))


def split_rows(
    lines: list[str],
    separators: tuple[str, ...],
    comment: str,
    is_header: Callable[[list[str]], bool],
) -> CsvTable:
    """Return the table in lines of text.

    Parameters
    ----------
    lines
        With their line breaks.
    separators
        Those to try, the usual one first.
    comment
        Begins a comment line; "" if there are none.
    is_header
        True for the names of columns that the caller needs. They may also be in a comment above
        the rows. If no line has them, the first line counts as the header.

    Raises
    ------
    SourceError
        If the header has a quote that is never closed. It names the line, not the file.
    """
    separator, header = _find_header(lines, separators, comment, is_header)
    table = CsvTable(header, [], [], {})
    for number, cells in _records(lines, separator, comment):
        if cells is not None and not any(cells):
            continue
        if table.header is None:
            if cells is None:
                raise SourceError(f"line {number}: {NOT_CLOSED}; it should name the columns")
            table = table._replace(header=cells)
        elif cells != table.header:
            _add(table, table.header, number, cells, lines[number - 1], separator)
    return table


def _add(
    table: CsvTable,
    header: list[str],
    number: int,
    cells: list[str] | None,
    line: str,
    separator: str,
) -> None:
    """Add a row, or why it is left out."""
    if cells is None:
        table.left_out.setdefault(NOT_CLOSED, []).append(number)
        return
    fitted = _fitted(cells, header)
    if fitted is None and separator == " ":
        fitted = _fitted(_split_at_blanks(line), header) or _fitted(
            _INSTANT.sub(_joined, line).split(), header
        )
    if fitted is None:
        words = TOO_FEW if len(cells) < len(header) else TOO_MANY
        table.left_out.setdefault(words, []).append(number)
        return
    table.rows.append(tuple(fitted))
    table.numbers.append(number)


def _fitted(cells: list[str], header: list[str]) -> list[str] | None:
    """Return as many cells as the header has, or None.

    Separators at the end of a row or of the header add no column.
    """
    n = len(header)
    if len(cells) >= n:
        return None if any(cells[n:]) else cells[:n]
    return None if any(header[len(cells) :]) else [*cells, *[""] * (n - len(cells))]


def _joined(instant: re.Match[str]) -> str:
    return f"{instant[1]}T{instant[2]}{'Z' if instant[3] else ''}"


def _find_header(
    lines: list[str],
    separators: tuple[str, ...],
    comment: str,
    is_header: Callable[[list[str]], bool],
) -> tuple[str, list[str] | None]:
    """Return the separator, and a header in a comment."""
    hidden, first = [], ""
    for line in lines:
        if comment and line.lstrip().startswith(comment):
            hidden.append(line)
        elif line.strip():
            first = line
            break
    for separator in separators:
        if is_header(_split(first, separator) or []):
            return separator, None
    for separator in separators:
        for line in reversed(hidden):
            names = _split(line.lstrip().lstrip(comment).lstrip(), separator) or []
            if is_header(names):
                return separator, names
    return separators[0], None


class _Feed:
    """Lines for the CSV reader, without comments between rows."""

    def __init__(self, lines: list[str], comment: str) -> None:
        self.lines = lines
        self.comment = comment
        self.next = 0
        self.is_between_rows = True

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.next >= len(self.lines):
            raise StopIteration
        line = self.lines[self.next]
        self.next += 1
        if self.is_between_rows:
            self.is_between_rows = False
            if self.comment and line.lstrip().startswith(self.comment):
                return "\n"
        return line.replace("\0", "�")


def _records(
    lines: list[str], separator: str, comment: str
) -> Iterator[tuple[int, list[str] | None]]:
    """Yield each row's first line, and its cells.

    None for cells with a quote that is never closed.
    """
    if separator == BLANKS:
        for number, line in enumerate(lines, 1):
            is_comment = comment and line.lstrip().startswith(comment)
            yield number, [] if is_comment else _split_at_blanks(line)
        return
    feed = _Feed(lines, comment)
    reader = _reader(feed, separator, is_strict=True)
    while True:
        start, feed.is_between_rows = feed.next, True
        try:
            cells: list[str] | None = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:
            # go on with the next line, as if this one ended where it ends
            cells, feed.next = _split(lines[start], separator), start + 1
            reader = _reader(feed, separator, is_strict=True)
        yield start + 1, cells


def _split(line: str, separator: str) -> list[str] | None:
    """Return a line's cells, None if a quote stays open."""
    if separator == BLANKS:
        return _split_at_blanks(line)
    text = line.rstrip("\r\n").replace("\0", "�") + "\n"
    try:
        cells: list[str] = next(_reader(iter([text]), separator, is_strict=False))
    except csv.Error:  # a cell that is too long
        return None
    if cells and cells[-1].endswith("\n"):
        return None
    return [cell.strip() for cell in cells]


def _reader(lines: Iterator[str], separator: str, *, is_strict: bool) -> Iterator[list[str]]:
    if separator == " ":
        lines = (line.replace("\t", " ") for line in lines)
    return csv.reader(
        lines, delimiter=separator, skipinitialspace=separator == " ", strict=is_strict
    )


def _split_at_blanks(line: str) -> list[str]:
    return re.split(r"\s{2,}|\t", line.strip()) if line.strip() else []
