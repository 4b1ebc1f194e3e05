"""From what sources answered to what a night was: pure functions, DataFrames in, new DataFrames out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.arrays import (
    concatenate,
    fill_missing,
    index_in,
    is_increasing,
    sort_rows,
    take_rows,
)
from observing_monitor.model.reading import Tables
from observing_monitor.tables.match import ENRICHED, match

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pandas import DataFrame

    from observing_monitor.model.reading import Reading


def update(known: Tables, readings: Mapping[str, Reading], silent: Collection[str] = ()) -> Tables:
    """A night's tables after its sources were read.

    Parameters
    ----------
    known : Tables
        The night as it was.
    readings : dict of str to Reading
        By source; only sources that answered.
    silent : collection of str
        Sources of the stream that did not answer: all that they told stays. So does what sources told that are no longer among
        the stream's: but for what another tells now, be it the same source by another name.

    Returns
    -------
    Tables
        A source that answered replaces what it told before. A file that it no longer has is kept, as not on disk, and a
        time of transfer once known stays until the file itself changes.
    """
    removed = sources_of(known) - set(readings) - set(silent)
    files = [_of(known.files, silent)]
    for name, reading in readings.items():
        if reading.files is not None:
            files.append(
                _keep_known(_of(known.files, [name]), reading.files.assign(source=name), reading)
            )
    files.append(_of(known.files, removed))
    # where two sources tell of one file, one that still has it comes first, and one that was removed last
    store = concatenate(files, columns.FILES)
    if not store["on_disk"].all():
        store = store.sort_values("on_disk", ascending=False, kind="stable")
    if not is_increasing(store["file_id"]):  # in which nothing comes twice
        store = store.drop_duplicates("file_id")
    attempts = concatenate(
        [*_earlier_attempts(known, readings), *_attempts(readings)], columns.ATTEMPTS
    )
    made_up = _of(
        known.files, [name for name, reading in readings.items() if reading.files is None]
    )
    store, found = match(store, attempts, made_up)
    store = _without_doubles(store, removed)
    if logs := [name for name, reading in readings.items() if reading.append_attempts]:
        told_twice = found.duplicated(["source", "file_id", "stage", "attempted_at"], keep="last")
        found = found[~(found["source"].isin(logs) & told_twice)]
    left = _of(known.ingests, removed)
    left = _but(
        left[index_in(left["file_id"], store["file_id"]) >= 0],
        found,
        ["file_id", "stage", "attempted_at"],
    )
    ingests = concatenate([_of(known.ingests, silent), found, left], columns.INGESTS)
    metrics = _latest_images(
        concatenate([_kept_metrics(known.metrics, readings), *_metrics(readings)], columns.METRICS)
    )
    is_left = metrics["source"].isin(removed)
    left = _but(metrics[is_left], metrics[~is_left], ["name", "node", "sampled_at"])
    metrics = concatenate([left, metrics[~is_left]], columns.METRICS)
    return Tables(
        sort_rows(store, ["file_id"]),
        sort_rows(ingests, ["file_id", "stage", "attempted_at", "attempt"]),
        sort_rows(
            metrics.drop_duplicates(["source", "name", "node", "sampled_at"], keep="last"),
            ["name", "node", "sampled_at"],
        ),
    )


def _of(frame: DataFrame, sources: Collection[str]) -> DataFrame:
    """The rows of some sources."""
    return frame[frame["source"].isin(list(sources))] if sources else frame[:0]


def sources_of(known: Tables) -> set[str]:
    """The names of all sources that a night's tables have something of."""
    return {
        name
        for table in (known.files, known.ingests, known.metrics)
        for name in table["source"].dropna().unique()
    }


def _but(rows: DataFrame, others: DataFrame, keys: list[str]) -> DataFrame:
    """The rows that are not among others, by some columns."""
    if rows.empty or others.empty:
        return rows
    return rows[~pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(others[keys]))]


def _without_doubles(files: DataFrame, removed: Collection[str]) -> DataFrame:
    """Files without those of sources that were removed which stand for an attempt alone, where another source has the name."""
    if not removed:
        return files
    is_left = files["source"].isin(removed)
    made_up = [
        file_id.startswith(f"{source}:")
        for file_id, source in zip(files["file_id"], files["source"], strict=True)
    ]
    return files[
        ~(
            is_left
            & pd.Series(made_up, index=files.index)
            & (index_in(files["name"], files.loc[~is_left, "name"]) >= 0)
        )
    ]


def _kept_metrics(known: DataFrame, readings: Mapping[str, Reading]) -> DataFrame:
    """The metrics that stay: of sources which did not tell any now, or whose samples add to a history."""
    replaced = [
        name
        for name, reading in readings.items()
        if reading.metrics is not None and not reading.append
    ]
    return known[~known["source"].isin(replaced)]


def _attempts(readings: Mapping[str, Reading]) -> list[DataFrame]:
    return [
        r.attempts.assign(source=name) for name, r in readings.items() if r.attempts is not None
    ]


def _earlier_attempts(known: Tables, readings: Mapping[str, Reading]) -> list[DataFrame]:
    """What logs told earlier, as attempts that look for their files again; what was under way then is told anew."""
    earlier = known.ingests[
        known.ingests["source"].isin([n for n, r in readings.items() if r.append_attempts])
        & (known.ingests["status"] != "running")
    ]
    if earlier.empty:
        return []
    files = (
        known.files.drop_duplicates("file_id")
        .set_index("file_id")
        .reindex(earlier["file_id"])
        .set_axis(earlier.index)
    )
    facts = {
        name: files[name]
        for name in ("size_bytes", "created_at", "obsid", "exposure", "seq_num", "detector")
    }
    own = earlier["source"] + ":"
    path = [
        i.removeprefix(o) if i.startswith(o) else name
        for i, o, name in zip(earlier["file_id"], own, files["name"], strict=True)
    ]
    return [earlier.assign(path=path, names=files["name"], **facts).dropna(subset=["names"])]


def _metrics(readings: Mapping[str, Reading]) -> list[DataFrame]:
    return [r.metrics.assign(source=name) for name, r in readings.items() if r.metrics is not None]


def _latest_images(metrics: DataFrame) -> DataFrame:
    """Metrics with each image in its latest state alone: a history of images would outgrow all else."""
    is_image = metrics["unit"].str.startswith("image/")
    if not is_image.any():
        return metrics
    latest = (
        metrics[is_image]
        .sort_values("sampled_at", kind="stable")
        .drop_duplicates(["source", "name", "node"], keep="last")
    )
    return pd.concat([metrics[~is_image], latest], ignore_index=True)


def _keep_known(known: DataFrame, seen: DataFrame, reading: Reading) -> DataFrame:
    """A source's files now, with what was known of them before and of those that it no longer has."""
    import numpy as np

    if known.empty:
        return seen
    places = index_in(seen["file_id"], known["file_id"])
    was = take_rows(
        known[["size_bytes", "inode", "created_at", "transferred_at", *ENRICHED]],
        places,
        seen.index,
    )
    is_same = pd.Series(True, index=seen.index)
    for fact in ("size_bytes", "inode", "created_at"):
        is_same &= (was[fact] == seen[fact]).fillna(False).astype(bool)
    # a change time moves when a link is made or the mode is set, though nothing came anew: the earliest is the arrival
    is_earlier = is_same & (
        (was["transferred_at"] < seen["transferred_at"]) | seen["transferred_at"].isna()
    )
    facts = {}
    if is_earlier.any():
        facts["transferred_at"] = seen["transferred_at"].mask(is_earlier, was["transferred_at"])
    # what a registry told of the file stays, for it may not answer this time
    for fact in ENRICHED:
        if seen[fact].isna().any():
            facts[fact] = fill_missing(seen[fact], was[fact].where(is_same))
    seen = seen.assign(**facts)
    is_absent = np.ones(len(known), dtype=bool)
    is_absent[places[places >= 0]] = False
    if not is_absent.any():
        return seen
    absent = known[is_absent & ~known["file_id"].isin(reading.elsewhere)]
    unread = tuple(f"{folder}/" if folder else "" for folder in reading.unread)
    return pd.concat(
        [seen, absent.assign(on_disk=absent["on_disk"] & absent["file_id"].str.startswith(unread))]
    )
