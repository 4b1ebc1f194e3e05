"""Remarks: those of all sources, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import concatenate, sort_rows
from observing_monitor.model.digest import hex_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Reading

    Key = tuple[str, str]  # source, remark_id


KEYS = ["source", "remark_id"]
# what a remark without an identifier is known by
FACTS = ("begin_at", "exposure", "last_exposure", "author", "text", "category")


@dataclass(frozen=True)
class Versions:
    """Remarks that count, and their history.

    Attributes
    ----------
    current : DataFrame
        Columns `columns.REMARKS`: the newest version of each remark that was not deleted.
    older : DataFrame
        All other rows, with the further column `current_id`: the `remark_id` of the version that
        counts instead. Null if the remark was deleted.
    """

    current: DataFrame
    older: DataFrame


# --- from one reading to the next -----------------------------------------------------------------


def merged_remarks(
    before: DataFrame, readings: Mapping[str, Reading], removed: Collection[str]
) -> DataFrame:
    """Return the remarks of all sources, with earlier versions.

    Parameters
    ----------
    before : DataFrame
        The night's so far.
    readings : mapping of str to Reading
        By source, of those that answered. Their earlier remarks are replaced if they return
        remarks, but versions that an edit replaces are kept.
    removed : collection of str
        Sources that were removed from the settings. Their remarks are kept, unless another
        source has the same ones: it may be the same source under a new name.
    """
    # a reading of a source that was written for an earlier version may be a class of its own
    seen = {name: getattr(one, "remarks", None) for name, one in readings.items()}
    now = {name: _named(name, table) for name, table in seen.items() if table is not None}
    if before.empty and not any(map(len, now.values())):
        return before
    kept = before[~before["source"].isin(list(now))]
    is_removed = kept["source"].isin(list(removed))
    for table in now.values():
        if is_removed.any():
            kept = kept[~(is_removed & _same_text(kept, table))]
            is_removed = kept["source"].isin(list(removed))
    edited = [replaced_versions(before[before["source"] == name], now[name]) for name in now]
    made = concatenate([kept, *edited, *now.values()], columns.REMARKS)
    return sort_rows(made, ["begin_at", "exposure", "remark_id", "source"])


def replaced_versions(own: DataFrame, now: DataFrame) -> DataFrame:
    """Return a source's earlier rows that newer ones replace.

    A source may return only the newest version. Its earlier ones are kept, as no longer valid.
    """
    lost = own[~own["remark_id"].isin(now["remark_id"])]
    wanted = set(now["parent_id"].dropna())
    parents = lost.set_index("remark_id")["parent_id"].dropna().to_dict()
    found: set[str] = set()
    while new := wanted - found:
        found |= new
        wanted = {parents[one] for one in new if one in parents}
    return lost[lost["remark_id"].isin(found)].assign(is_valid=False)


def _named(source: str, table: DataFrame) -> DataFrame:
    """Return a reading's remarks, each with an identifier."""
    made = frames.frame(columns.REMARKS, table.assign(source=source))
    made = made.fillna({"level": "info", "flag": "none"})
    is_nameless = made["remark_id"].isna()
    if is_nameless.any():
        made["remark_id"] = made["remark_id"].fillna(_made_up(made))
    return made.drop_duplicates("remark_id", keep="last", ignore_index=True)


def _made_up(remarks: DataFrame) -> Series[str]:
    """Return an identifier of each remark, made of its facts.

    Equal ones are numbered, so that none is lost.
    """
    facts = pd.Series("", index=remarks.index, dtype="str")
    for fact in FACTS:
        facts = facts + "\0" + remarks[fact].astype("str").fillna("")
    number = facts.groupby(facts).cumcount()
    digests = facts.map(lambda text: hex_digest(text, n_bytes=8)).astype("str")
    return digests + number.map(lambda n: f"-{n + 1}" if n else "").astype("str")


def _same_text(remarks: DataFrame, others: DataFrame) -> Series[bool]:
    """Return True for each remark that others have, by name and text."""
    keys = ["remark_id", "text"]
    there = pd.MultiIndex.from_frame(others[keys])
    return pd.Series(pd.MultiIndex.from_frame(remarks[keys]).isin(there), index=remarks.index)


# --- edits ----------------------------------------------------------------------------------------


def versions_of(remarks: DataFrame) -> Versions:
    """Return a night's remarks that count, and their older versions.

    A row whose `parent_id` names another of the same source replaces that one. A remark is deleted
    if its newest version is not valid. If rows replace each other in a circle, the last counts.

    Parameters
    ----------
    remarks : DataFrame
        Columns `columns.REMARKS`, with all versions.
    """
    has_edits = remarks["parent_id"].notna().any()
    newest = np.array(_newest_of(remarks) if has_edits else range(len(remarks)), dtype="int64")
    is_valid = remarks["is_valid"].to_numpy(dtype=bool)
    is_current = is_valid & (newest == np.arange(len(remarks)))
    current_ids = remarks["remark_id"].take(newest).where(is_valid[newest]).set_axis(remarks.index)
    older = remarks.assign(current_id=current_ids)[~is_current]
    return Versions(
        remarks[is_current].reset_index(drop=True),
        older.reset_index(drop=True),
    )


def _newest_of(remarks: DataFrame) -> list[int]:
    """Return the row of each row's newest version."""
    keys = list(zip(remarks["source"], remarks["remark_id"], strict=True))
    rows = {key: row for row, key in enumerate(keys)}
    parents = _parents(remarks, rows)
    heads = sorted(set(range(len(keys))) - set(parents.values()))
    is_valid = remarks["is_valid"].tolist()
    # of two edits of one version, one that was not deleted counts
    heads.sort(key=lambda row: not is_valid[row])
    newest: dict[int, int] = {}
    # rows of a circle have no head: the last of them is taken for it
    for head in [*heads, *reversed(range(len(keys)))]:
        row: int | None = head
        while row is not None and row not in newest:
            newest[row] = head
            row = parents.get(row)
    return [newest[row] for row in range(len(keys))]


def _parents(remarks: DataFrame, rows: Mapping[Key, int]) -> dict[int, int]:
    """Return the row that each row replaces, if it is there."""
    sources: Sequence[str] = remarks["source"].tolist()
    return {
        row: rows[sources[row], parent]
        for row, parent in enumerate(remarks["parent_id"].tolist())
        if isinstance(parent, str) and rows.get((sources[row], parent), row) != row
    }
