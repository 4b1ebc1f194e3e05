"""Plan to derive a night from scratch."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.collecting.looks import look_at_night
from observing_monitor.collecting.read_night import merge_night, read_sources
from observing_monitor.errors import StoreError
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.tables.merge import METRIC_KEYS

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.collecting.looks import NightTask


# table -> the columns that identify a row
KEYS = {
    "files": ["file_id"],
    "ingests": ["source", "file_id", "stage", "attempted_at", "attempt"],
    "metrics": ["source", *METRIC_KEYS],
    "exposures": ["exposure", "instrument"],
    "remarks": ["source", "remark_id"],
}


@dataclass(frozen=True)
class TableChanges:
    """Numbers of rows that would differ."""

    n_removed: int
    n_added: int
    n_changed: int


@dataclass(frozen=True)
class NightPlan:
    """Changes of a night, if it is derived from scratch."""

    night: datetime.date
    is_pruned: bool = False  # its tables were pruned, and it stays
    tables: Mapping[str, TableChanges] = field(default_factory=dict)  # of those that differ
    # source -> numbers of facts that stay, though the source no longer has them
    kept: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)  # source -> why it did not answer


def plan_night(task: NightTask) -> NightPlan:
    """Return the changes; write nothing."""
    looked = task.store.read_looked(task.night)
    if is_pruned(looked, TABLES):
        return NightPlan(task.night, is_pruned=True)
    try:
        stored = task.store.load(task.night)
    except StoreError as error:
        return NightPlan(task.night, problems={"observing_monitor": str(error)})
    looks = look_at_night(task, looked)
    reading = read_sources(task, looked, looks, {}, {})
    merged = merge_night(stored, reading)
    found = {
        name: _compare(getattr(stored, name), getattr(merged.after, name), keys)
        for name, keys in KEYS.items()
    }
    tables = {name: one for name, one in found.items() if one != TableChanges(0, 0, 0)}
    kept = {name: counts for name, counts in merged.old.items() if counts}
    return NightPlan(task.night, False, tables, kept, reading.problems)


def _compare(before: DataFrame, after: DataFrame, keys: list[str]) -> TableChanges:
    """Count the rows that were removed, added and changed."""
    old, new = (_texts(rows, keys) for rows in (before, after))
    old_rows, new_rows = (_texts(rows, [*map(str, rows)]) for rows in (before, after))
    is_kept = new.isin(old)
    return TableChanges(
        n_removed=int((~old.isin(new)).sum()),
        n_added=int((~is_kept).sum()),
        n_changed=int((is_kept & ~new_rows.isin(old_rows)).sum()),
    )


def _texts(rows: DataFrame, columns: list[str]) -> pd.Series[str]:
    """Return a text for each row."""
    joined = pd.Series("", index=rows.index, dtype="str")
    for column in columns:
        joined = joined + "\0" + rows[column].astype("str").fillna("")
    return joined
