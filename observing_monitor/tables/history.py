"""Keep all attempts: split, join and carry on their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.arrays import concatenate, index_in, sort_rows, take_rows
from observing_monitor.model.reading import Tables
from observing_monitor.tables.match import ENRICHED, is_made_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame, Series


def split_history(known: Tables) -> tuple[Tables, Tables]:
    """A night's Tables as two: what sources told, and what was taken over from the prototype's database."""
    parts = [
        (frame, frame["source"] == columns.HISTORY)
        for frame in (known.files, known.ingests, known.metrics)
    ]
    return Tables(*(frame[~is_old] for frame, is_old in parts)), Tables(
        *(frame[is_old] for frame, is_old in parts)
    )


def join_history(new: Tables, before: Tables) -> Tables:
    """What is taken over now with what was before: a row of the same file, stage, or metric and time is the new one."""
    joined = {}
    for name, described in columns.TABLES.items():
        now, old = getattr(new, name), getattr(before, name)
        joined[name] = concatenate(
            [now, old[~history_keys(name, old).isin(history_keys(name, now))]], described
        )
    return Tables(**joined)


def history_keys(name: str, frame: DataFrame) -> pd.MultiIndex:
    """What tells the rows of one of the tables apart, where two may tell the same history."""
    by = {
        "files": ["file_id"],
        "ingests": ["file_id", "stage"],
        "metrics": ["name", "node", "sampled_at"],
    }[name]
    return pd.MultiIndex.from_frame(frame[by].astype("str"))


def with_history(told: Tables, history: Tables) -> Tables:
    """A night's tables with what was taken over from the prototype's database, in whichever order the two came.

    Parameters
    ----------
    told : Tables
        What the stream's sources tell of the night; empty where they never did.
    history : Tables
        What the prototype knew: all of source `columns.HISTORY`.

    Returns
    -------
    Tables
        A file that both know is one row, the source's, which gains what only the prototype knew of it; so is a stage of it
        that both know. All else that the prototype knew stays. Where a source lists the night's files, those that it does
        not list are no longer on disk.
    """
    if not any(len(frame) for frame in (history.files, history.ingests, history.metrics)):
        return told
    files, old = told.files, history.files
    made_up = is_made_up(files)
    # a raw that only the registry tells of is the file that the prototype saw linked, or listed, there
    by_path = pd.concat(
        [
            history.ingests.dropna(subset=["destination"]).set_index("destination")["file_id"],
            old["file_id"].set_axis(old["file_id"]),
        ]
    )
    same = files.loc[made_up, "path"].map(by_path[~by_path.index.duplicated()]).dropna()
    renamed = dict(zip(files.loc[same.index, "file_id"], same, strict=True))
    ingests = (
        told.ingests.assign(
            file_id=[renamed.get(file_id, file_id) for file_id in told.ingests["file_id"]]
        )
        if renamed
        else told.ingests
    )
    old = _filled(old, files.loc[same.index].assign(file_id=same), ENRICHED)
    if not made_up.all():
        old = old.assign(on_disk=False)
    files = _filled(files.drop(same.index), old, (*ENRICHED, "transferred_at"))
    old = old[index_in(old["file_id"], files["file_id"]) < 0]
    kept = history.ingests[index_in(_of_stage(history.ingests), _of_stage(ingests)) < 0]
    return Tables(
        sort_rows(concatenate([files, old], columns.FILES), ["file_id"]),
        sort_rows(
            concatenate([ingests, kept], columns.INGESTS),
            ["file_id", "stage", "attempted_at", "attempt"],
        ),
        sort_rows(
            concatenate([told.metrics, history.metrics], columns.METRICS),
            ["name", "node", "sampled_at"],
        ),
    )


def _of_stage(ingests: DataFrame) -> Series[str]:
    return ingests["file_id"] + "\0" + ingests["stage"]


def _filled(files: DataFrame, others: DataFrame, facts: Iterable[str]) -> DataFrame:
    """Files with those facts filled, where they are null, that other rows of the same file_id have."""
    theirs = take_rows(
        others[list(facts)], index_in(files["file_id"], others["file_id"]), files.index
    )
    return files.assign(**{fact: files[fact].fillna(theirs[fact]) for fact in facts})
