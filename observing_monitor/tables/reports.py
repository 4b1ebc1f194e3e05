"""Exposures as each source has them, from one reading to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import concatenate, index_in, sort_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Reading


# the first that a report has names it
NAMES = ("exposure", "obsid", "seq_num", "started_at")
FACTS = tuple(c.name for c in columns.EXPOSURES if c.name != "source")


def merged_reports(
    before: DataFrame, readings: Mapping[str, Reading], removed: Collection[str]
) -> DataFrame:
    """Return the reports of all sources, one source per row.

    Parameters
    ----------
    before : DataFrame
        The night's so far.
    readings : mapping of str to Reading
        By source, of those that answered. Their earlier reports are replaced if they return
        exposures.
    removed : collection of str
        Sources that were removed from the settings. Their reports are kept, unless one other
        source has all their facts: it may be the same source under a new name.
    """
    # a reading of a source that was written for an earlier version may be a class of its own
    seen = {name: getattr(one, "exposures", None) for name, one in readings.items()}
    now = {
        name: frames.frame(columns.EXPOSURES, table.assign(source=name))
        for name, table in seen.items()
        if table is not None
    }
    if before.empty and not any(map(len, now.values())):
        return before
    replaced = before["source"].isin(list(now))
    for name, table in now.items():
        if getattr(readings[name], "append_exposures", False):
            is_own = before["source"] == name
            replaced &= ~is_own | come_again(before, table)
    kept = before[~replaced]
    for table in now.values():
        is_removed = kept["source"].isin(list(removed))
        if is_removed.any():
            kept = kept[~(is_removed & _says_nothing_new(kept, table))]
    by = ["source", "started_at", "exposure", "instrument"]
    return sort_rows(concatenate([kept, *now.values()], columns.EXPOSURES), by)


def come_again(reports: DataFrame, others: DataFrame) -> Series[bool]:
    """Return True for each report that other rows have, by name."""
    return pd.Series(_rows_of(reports, others) >= 0, index=reports.index)


def _says_nothing_new(reports: DataFrame, others: DataFrame) -> Series[bool]:
    """Return True for each report all of whose facts other rows have."""
    rows = _rows_of(reports, others)
    is_known = rows >= 0
    for fact in FACTS:
        has = np.append(others[fact].notna().to_numpy(), False)
        is_known &= reports[fact].isna().to_numpy() | has[rows]
    return pd.Series(is_known, index=reports.index)


def _rows_of(reports: DataFrame, others: DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the row among others of each report, or -1."""
    return index_in(_names(reports), _names(others))


def _names(reports: DataFrame) -> Series[str]:
    """Return what names each report, with its instrument."""
    found = pd.Series(pd.NA, index=reports.index, dtype="str")
    for name in NAMES:
        if found.isna().any():
            found = found.fillna(name + "\0" + reports[name].astype("str"))
    return found + "\0" + reports["instrument"].fillna("")
