"""Columns of another system's rows, with our names and types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.sources.shared.cells import (
    Notes,
    is_absent,
    is_blank,
    to_degrees,
    to_instants,
    to_numbers,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.columns import Column
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.shared.mapped import Mapped


INT64_END = 2**63
# words for False and True
NO_WORDS = ("", "0", "0.0", "f", "false", "n", "no")
YES_WORDS = ("1", "1.0", "t", "true", "y", "yes")


def frame_of(rows: Rows) -> DataFrame:
    """Return rows as a DataFrame.

    If columns have the same name, the last counts.
    """
    import pandas as pd

    made = pd.DataFrame(rows.rows, columns=rows.columns, dtype="object")
    return made.loc[:, ~made.columns.duplicated(keep="last")]


def mapped_columns(
    table: DataFrame, settings: Mapped, say: Notes, described: Iterable[Column]
) -> DataFrame:
    """Return the mapped columns and the constants.

    They have our names and types.
    """
    import pandas as pd

    made = {}
    for column in described:
        if column.name in settings.columns:
            values = table[settings.columns[column.name]]
        elif column.name in settings.constants:
            word = settings.constants[column.name]
            values = pd.Series(word, index=table.index, dtype="object")
        else:
            continue
        made[column.name] = _as_kind(values, column, settings, say)
    return pd.DataFrame(made, index=table.index)


def _as_kind(values: Series[Any], column: Column, settings: Mapped, say: Notes) -> Series[Any]:
    """Return cells in the type of our column."""
    if column.kind == "instant":
        instants = to_instants(values, settings.time_format, settings.zone)
        say.add(instants.isna() & ~is_absent(values), f"{column.name} is no time that can be read")
        return instants
    if column.kind == "bool":
        return ~to_text(values).fillna("true").str.lower().isin(NO_WORDS)
    if column.kind == "flag":
        words = to_text(values).str.strip().str.lower()
        flags = words.isin(YES_WORDS).astype("boolean")
        return flags.where(words.isin(YES_WORDS) | (words.isin(NO_WORDS) & (words != "")))
    if column.kind == "text":
        return to_text(values).where(~is_blank(values))
    if column.name in ("ra_deg", "dec_deg"):
        values = to_degrees(values, is_hours=column.name == "ra_deg")
    made, odd = to_numbers(values)
    if column.name.endswith("_bytes"):  # several systems write -1 for "not known"
        made = made.where(~(made < 0))
    if column.kind == "int":
        odd |= made.notna() & (made.abs() >= INT64_END)
    say.add(odd, f"{column.name} is no number that can be kept")
    return made.where(~odd).round().astype("Int64") if column.kind == "int" else made


def without_bars(texts: Series[str]) -> Series[str]:
    """Return texts without the | that ends each part of a DESI list."""
    has_bar = texts.str.endswith("|", na=False)
    if not has_bar.any():
        return texts
    cut = texts[has_bar].str.rstrip("| ").str.replace("|", "; ", regex=False)
    return texts.mask(has_bar, cut.where(cut != ""))
