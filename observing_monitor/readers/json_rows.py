"""Find rows in JSON, however they are nested."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.readers.night_paths import read_night

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


# keys that hold the rows of a table whose key "columns" names its columns
DATA_KEYS = ("data", "values", "rows")


class Names(NamedTuple):
    """Names by which rows are understood.

    Attributes
    ----------
    wanted
        Columns that the caller needs.
    night
        Column of the night, which the keys of an object become if they are nights.
    form
        How nights are written, as for `read_night`.
    """

    wanted: tuple[str, ...] = ()
    night: str = "night"
    form: str = "date"


def objects_in(value: Any, names: Names) -> list[Any] | None:
    """Return the objects in JSON, one per row.

    - A list of objects: a row each.
    - A list of lists: the first names the columns if it has those that are wanted; else their
      names are their numbers, from "1".
    - An object with `columns` and a list of lists: a table.
    - An object whose keys are all nights: a row, or a list of rows, for each. If it has none of the
      columns that are wanted, one night among the keys is enough: another key is then a row whose
      night is not understood.
    - An object of lists of one length: a column each.
    - Any other object: one row.

    Parameters
    ----------
    value
        Of JSON.
    names
        Names by which rows are understood.

    Returns
    -------
    list or None
        What is no object is no row. None if the value holds no rows at all.
    """
    if isinstance(value, dict):
        return _of_object(value, names)
    if not isinstance(value, list):
        return None
    if value and all(isinstance(row, list) for row in value):
        return _of_lists(value, names)
    return value


def _of_object(value: dict[str, Any], names: Names) -> list[Any]:
    columns = value.get("columns")
    data = next((value[key] for key in DATA_KEYS if isinstance(value.get(key), list)), None)
    has_lists = data is not None and all(isinstance(row, list) for row in data)
    if isinstance(columns, list) and data is not None and has_lists:
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]
    if value and _is_by_night(value, names):
        return [row for key, inner in value.items() for row in _of_night(key, inner, names)]
    lists = {key: column for key, column in value.items() if isinstance(column, list)}
    lengths = {len(column) for column in lists.values()}
    if len(lists) != len(value) or len(lengths) != 1:
        return [value]
    return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _is_by_night(value: dict[str, Any], names: Names) -> bool:
    """True if the keys of an object are nights."""
    outer = {part for name in names.wanted for part in (name, name.partition(".")[0])}
    is_other_form = names.wanted and outer.isdisjoint(value)
    return (any if is_other_form else all)(read_night(key, names.form) for key in value)


def _of_night(key: str, inner: Any, names: Names) -> list[Any]:
    """Return the rows of one night, which is a key."""
    inner_rows = inner if isinstance(inner, list) else [inner]
    if isinstance(inner, list) and not any(isinstance(row, dict | list) for row in inner):
        inner_rows = [inner]  # the cells of one row
    return [{names.night: key, **_as_object(row)} for row in inner_rows]


def _as_object(row: Any) -> Mapping[str, Any]:
    if isinstance(row, dict):
        return row
    return _numbered(row) if isinstance(row, list) else {"value": row}


def _of_lists(rows: list[list[Any]], names: Names) -> list[dict[str, Any]]:
    first = rows[0]
    if all(isinstance(cell, str) for cell in first) and set(names.wanted) <= set(first):
        return [dict(zip(first, row, strict=False)) for row in rows[1:]]
    return [_numbered(row) for row in rows]


def _numbered(row: list[Any]) -> dict[str, Any]:
    return {str(number): cell for number, cell in enumerate(row, 1)}
