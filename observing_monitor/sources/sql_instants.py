"""Instants that a query compares as text.

SQLite has no type for instants: `2021-02-16T22:00:00` and `2021-02-16 22:00:00` are texts, and
a T comes after a space. The bounds of a night must be written as the column's own values are.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.sources.shared.cells import to_instants, to_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from observing_monitor.readers.textfiles import Rows

    Ask = Callable[[str, dict[str, Any]], Sequence[Any]]


_ROUNDING = datetime.timedelta(seconds=1)  # of days as numbers
_PART = r'(?:\w+|"[^"]+"|`[^`]+`|\[[^\]]+\])'
_NAME = rf"(?:{_PART}\s*\.\s*)*(?P<name>{_PART})"
_BEFORE = re.compile(rf"{_NAME}\s*(?:[<>]=?|\bbetween\b)\s*:(?:start|end)\b", re.IGNORECASE)
_AFTER = re.compile(rf":(?:start|end)\s*[<>]=?\s*{_NAME}(?!\s*[\w(.])", re.IGNORECASE)
_TABLES = "select name from sqlite_master where type in ('table', 'view')"
_COLUMN = "select name from pragma_table_info(:table) where name = :column collate nocase"
_OFFSET = re.compile(
    r"\d(?:\s?(?P<utc>[Zz]|UTC|GMT)|(?P<sign>[+-])(?P<h>\d\d):?(?P<m>\d\d)?)$", re.ASCII
)


class Written(NamedTuple):
    """The form in which a column has its instants.

    Attributes
    ----------
    separator
        What is between date and time: a space or T.
    notes
        Sentences about instants that the query cannot compare with the night's bounds.
    """

    separator: str
    notes: list[str]


def compared_columns(query: str) -> set[str]:
    """Return the columns that a query compares with `:start` or `:end`."""
    found = [*_BEFORE.finditer(query), *_AFTER.finditer(query)]
    return {match["name"].strip('"`[]') for match in found}


def how_written(
    ask: Ask, query: str, bounds: tuple[datetime.datetime, datetime.datetime], zone: str
) -> Written:
    """Return how columns of an SQLite query hold instants.

    Parameters
    ----------
    ask
        Returns the rows of another query, given its parameters.
    query
        The query, with `:start` or `:end`.
    bounds
        The night's bounds.
    zone
        The setting `zone`.
    """
    local = [to_zone(bound, zone) for bound in bounds]
    dates = sorted({bound.date().isoformat() for bound in local})
    separators: set[str] = set()
    notes = []
    for column, table in _places(ask, query):
        sample = _sample(ask, column, table, dates, "T")
        separators.add("T" if sample else " ")
        if sample and (other := _sample(ask, column, table, dates, " ")):
            words = f"holds instants in several forms ({sample!r} and {other!r})"
            notes.append(_note(column, words))
            continue
        # without an index, a second search would take as long as the query
        sample = sample or _any(ask, column, table)
        if _is_elsewhere(sample, local[0]):
            words = f"holds instants with an offset ({sample!r}), which zone {zone!r} has not"
            notes.append(_note(column, words))
    return Written("T" if separators == {"T"} else " ", notes)


def outside(
    rows: Rows,
    column: str,
    bounds: tuple[datetime.datetime, datetime.datetime],
    form: str,
    zone: str,
) -> list[str]:
    """Return a note if rows of a night have an instant outside it.

    Parameters
    ----------
    rows
        What the query selects for the night.
    column
        The rows' column that the query compares with both bounds.
    bounds
        The night's bounds; a query may include the second.
    form, zone
        The settings `time_format` and `zone`.
    """
    import pandas as pd

    place = rows.columns.index(column)
    cells = pd.Series([row[place] for row in rows.rows], dtype="object")
    instants = to_instants(cells, form, zone)
    is_outside = (instants < bounds[0] - _ROUNDING) | (instants > bounds[1] + _ROUNDING)
    if not is_outside.any():
        return []
    first = cells[is_outside].iloc[0]
    words = f"{is_outside.sum():,} of {len(cells):,} rows are outside the night, such as {first!r}"
    remedy = "compare instants in the query, not texts"
    return [f"{rows.place}: {column}: {words}; {remedy}, or correct time_format and zone"]


def _places(ask: Ask, query: str) -> Iterable[tuple[str, str]]:
    """Return the columns that are compared, each with its table."""
    words = {word.casefold() for word in re.findall(r"\w+", query)}
    columns = sorted(compared_columns(query))
    tables = [table for (table,) in ask(_TABLES, {})] if columns else []
    for table in tables:
        if set(re.findall(r"\w+", table.casefold())) <= words:
            for column in columns:
                for (own,) in ask(_COLUMN, {"table": table, "column": column}):
                    if ":" not in own + table:  # it would be taken for a parameter
                        yield own, table


def _sample(ask: Ask, column: str, table: str, dates: list[str], separator: str) -> str:
    """Return an instant of some dates with a separator, or "".

    An index on the column finds it.
    """
    name, place = _quoted(column), _quoted(table)
    after = chr(ord(separator) + 1)
    values: dict[str, Any] = {}
    ranges = []
    for number, date in enumerate(dates):
        values |= {f"a{number}": date + separator, f"b{number}": date + after}
        ranges.append(f"({name} >= :a{number} and {name} < :b{number})")
    rows = ask(f"select {name} from {place} where {' or '.join(ranges)} limit 1", values)
    return next((str(row[0]) for row in rows), "")


def _any(ask: Ask, column: str, table: str) -> str:
    """Return any instant of a column, or ""."""
    name = _quoted(column)
    rows = ask(f"select {name} from {_quoted(table)} where {name} is not null limit 1", {})
    return next((str(row[0]) for row in rows), "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_elsewhere(text: str, local: datetime.datetime) -> bool:
    """True if an instant has another offset than a local time."""
    found = _OFFSET.search(text[11:])
    if not found:
        return False
    minutes = 0 if found["utc"] else int(found["h"]) * 60 + int(found["m"] or 0)
    offset = datetime.timedelta(minutes=-minutes if found["sign"] == "-" else minutes)
    return offset != local.utcoffset()


def _note(column: str, words: str) -> str:
    remedy = f'write datetime({column}) in the query, and zone = "UTC"'
    return f"{column} {words}; SQLite compares them as text: {remedy}"
