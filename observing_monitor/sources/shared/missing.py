"""Values of other systems that mean "not known", such as -99."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from observing_monitor.readers.textfiles import Rows


def without_missing(rows: Rows, missing: list[float | str]) -> Rows:
    """Return rows with None for missing values.

    These are the values that the setting `missing` lists.

    Numbers are compared as numbers (-99 is -99.0), texts in any case and without blanks around.
    """
    if not missing:
        return rows
    is_missing = _test(missing)
    made = [tuple(None if is_missing(cell) else cell for cell in row) for row in rows.rows]
    return replace(rows, rows=made)


def _test(missing: list[float | str]) -> Callable[[Any], bool]:
    words = {_word(value) for value in missing}
    numbers = {number for value in missing if (number := _number(value)) is not None}

    def is_missing(cell: Any) -> bool:
        if isinstance(cell, str) and _word(cell) in words:
            return True
        return _number(cell) in numbers

    return is_missing


def _word(value: float | str) -> str:
    return str(value).strip().casefold()


def _number(value: Any) -> float | None:
    """Return a cell as a number; None if it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
