"""Data taken over from the prototype's database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.arrays import concatenate, index_in, sort_rows, take_rows
from observing_monitor.model.reading import Tables
from observing_monitor.tables.match import ENRICHED, is_made_up
from observing_monitor.tables.merge import METRIC_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame, Series


# the tables that the prototype has rows of
TAKEN_OVER = ("files", "ingests", "metrics")


def split_history(tables: Tables) -> tuple[Tables, Tables]:
    """Return a night's rows from its sources, and from the prototype."""
    own: dict[str, Any] = {}
    old: dict[str, DataFrame] = {}
    for name in TAKEN_OVER:
        frame = getattr(tables, name)
        is_old = frame["source"] == columns.HISTORY
        # usually nothing was taken over: then the rows of a large night are not copied
        own[name], old[name] = frame[~is_old] if is_old.any() else frame, frame[is_old]
    return replace(tables, **own), Tables(*old.values())


def join_history(new: Tables, before: Tables) -> Tables:
    """Return the prototype's data: those taken over now, and before.

    A new row replaces an earlier one of the same file, stage, or metric and time.
    """
    joined = {}
    for name in TAKEN_OVER:
        described = columns.TABLES[name]
        now, old = getattr(new, name), getattr(before, name)
        joined[name] = concatenate(
            [now, old[~history_keys(name, old).isin(history_keys(name, now))]], described
        )
    return Tables(*joined.values())


def history_keys(name: str, frame: DataFrame) -> pd.MultiIndex:
    """Return the keys that identify the rows of one of the tables."""
    by = {
        "files": ["file_id"],
        "ingests": ["file_id", "stage"],
        "metrics": METRIC_KEYS,
    }[name]
    return pd.MultiIndex.from_frame(frame[by].astype("str"))


def with_history(tables: Tables, history: Tables) -> Tables:
    """Return a night's tables with the data taken over from the prototype.

    The order in which the two were read does not matter.

    Parameters
    ----------
    tables : Tables
        From the stream's sources; empty if they never answered.
    history : Tables
        From the prototype: all of source `columns.HISTORY`.

    Returns
    -------
    Tables
        A file that both have is one row, the source's, with the facts that only the prototype
        had. An attempt of a stage that both have is the source's. All other rows of the
        prototype are kept. If a source lists the night's files, those that it does not list
        are no longer on disk.
    """
    if not any(len(frame) for frame in (history.files, history.ingests, history.metrics)):
        return tables
    files, old = tables.files, history.files
    made_up = is_made_up(files)
    same = _same_files(files[made_up], history)
    new_ids = dict(zip(files.loc[same.index, "file_id"], same, strict=True))
    ingests = (
        tables.ingests.assign(
            file_id=[new_ids.get(file_id, file_id) for file_id in tables.ingests["file_id"]]
        )
        if new_ids
        else tables.ingests
    )
    old = _filled(old, files.loc[same.index].assign(file_id=same), ENRICHED)
    if not made_up.all():
        old = old.assign(on_disk=False)
    files = _filled(files.drop(same.index), old, (*ENRICHED, "transferred_at"))
    old = old[index_in(old["file_id"], files["file_id"]) < 0]
    kept = history.ingests[index_in(_stage_keys(history.ingests), _stage_keys(ingests)) < 0]
    return replace(
        tables,
        files=sort_rows(concatenate([files, old], columns.FILES), ["file_id"]),
        ingests=sort_rows(
            concatenate([ingests, kept], columns.INGESTS),
            ["file_id", "stage", "attempted_at", "attempt"],
        ),
        metrics=sort_rows(
            concatenate([tables.metrics, history.metrics], columns.METRICS),
            METRIC_KEYS,
        ),
    )


def _same_files(made_up: DataFrame, history: Tables) -> Series[str]:
    """Return the prototype's file_ids of files that only a registry mentions.

    Such a file is the one that the prototype saw linked to, or listed as, its path.
    """
    old = history.files
    by_path = pd.concat(
        [
            history.ingests.dropna(subset=["destination"]).set_index("destination")["file_id"],
            old["file_id"].set_axis(old["file_id"]),
        ]
    )
    return made_up["path"].map(by_path[~by_path.index.duplicated()]).dropna()


def _stage_keys(ingests: DataFrame) -> Series[str]:
    return ingests["file_id"] + "\0" + ingests["stage"]


def _filled(files: DataFrame, others: DataFrame, facts: Iterable[str]) -> DataFrame:
    """Return files with null facts filled from other rows."""
    theirs = take_rows(
        others[list(facts)], index_in(files["file_id"], others["file_id"]), files.index
    )
    return files.assign(**{fact: files[fact].fillna(theirs[fact]) for fact in facts})
