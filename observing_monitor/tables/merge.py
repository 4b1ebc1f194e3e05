"""A night's tables, merged from what its sources return."""

from __future__ import annotations

from dataclasses import replace
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
from observing_monitor.tables.join_files import join_files
from observing_monitor.tables.match import ENRICHED, match
from observing_monitor.tables.reports import merged_reports

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from numpy import int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Reading


# what identifies a sample of a source: two exposures may have a number at the same instant
METRIC_KEYS = ["name", "node", "sampled_at", "exposure"]


def update(
    before: Tables,
    readings: Mapping[str, Reading],
    silent: Collection[str] = (),
    order: Sequence[str] = (),
) -> Tables:
    """Return a night's tables after its sources were read.

    Parameters
    ----------
    before : Tables
        The night's tables so far.
    readings : mapping of str to Reading
        By source, of those that answered.
    silent : collection of str
        Sources of the stream that did not answer; all their data are kept.
    order : sequence of str, optional
        Sources of the stream, the most trusted about exposures first. By default, the order of
        the readings.

    Returns
    -------
    Tables
        The data of a source that answered are replaced. A file that it no longer has is kept,
        as not on disk. A time of transfer is kept until the file itself changes. Data of
        sources that were removed from the settings are kept, except data that another source
        returns now, which may be the same source under a new name.
    """
    removed = sources_of(before) - set(readings) - set(silent)
    attempts = concatenate(
        [*_earlier_attempts(before, readings), *_attempts(readings)], columns.ATTEMPTS
    )
    made_up = _of(
        before.files, [name for name, reading in readings.items() if reading.files is None]
    )
    listed, kept = _merged_files(before, readings, silent, removed)
    files, found = match(listed, attempts, made_up)
    files = _without_doubles(files, removed)
    # attempts of removed sources on files that only they mention go with these
    of_removed = tuple(f"{source}:" for source in removed)
    kept = {old: new for old, new in kept.items() if not old.startswith(of_removed)}
    if kept:
        ids = before.ingests["file_id"]
        ids = ids.mask(ids.isin(list(kept)), ids.map(kept)).astype("str")
        before = replace(before, ingests=before.ingests.assign(file_id=ids))
    ingests = _merged_ingests(before, found, readings, silent, removed, files)
    metrics = _merged_metrics(before, readings, removed)
    files = sort_rows(files, ["file_id"])
    reports = merged_reports(before.reports, readings, removed)
    return Tables(
        files,
        sort_rows(ingests, ["file_id", "stage", "attempted_at", "attempt"]),
        sort_rows(metrics.drop_duplicates(["source", *METRIC_KEYS], keep="last"), METRIC_KEYS),
        *_with_exposures(reports, order or [*readings], files),
        _with_remarks(before.remarks, readings, removed),
    )


def _with_exposures(
    reports: DataFrame, order: Sequence[str], files: DataFrame
) -> tuple[DataFrame, DataFrame]:
    """Return the exposures of reports, and the reports."""
    if reports.empty:
        return reports, reports
    from observing_monitor.tables.observed import join_exposures

    return join_exposures(reports, order, files).exposures, reports


def _with_remarks(
    before: DataFrame, readings: Mapping[str, Reading], removed: Collection[str]
) -> DataFrame:
    """Return the remarks of all sources."""
    if before.empty and all(getattr(one, "remarks", None) is None for one in readings.values()):
        return before
    from observing_monitor.tables.remarks import merged_remarks

    return merged_remarks(before, readings, removed)


def sources_of(tables: Tables) -> set[str]:
    """Return the sources that have rows in a night's tables."""
    return {
        name
        for table in (
            tables.files,
            tables.ingests,
            tables.metrics,
            tables.reports,
            tables.remarks,
        )
        for name in table["source"].dropna().unique()
    }


def _of(frame: DataFrame, sources: Collection[str]) -> DataFrame:
    """Return the rows of some sources."""
    if not sources:
        return frame[:0]
    is_theirs = frame["source"].isin(list(sources))
    return frame if is_theirs.all() else frame[is_theirs]


def _not_in(rows: DataFrame, others: DataFrame, keys: list[str]) -> DataFrame:
    """Return the rows whose keys no row of another frame has."""
    if rows.empty or others.empty:
        return rows
    return rows[~pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(others[keys]))]


# --- files ----------------------------------------------------------------------------------------


def _merged_files(
    before: Tables,
    readings: Mapping[str, Reading],
    silent: Collection[str],
    removed: Collection[str],
) -> tuple[DataFrame, dict[str, str]]:
    """Return the files of all sources, each once."""
    parts = [_of(before.files, silent)]
    for name, reading in readings.items():
        if reading.files is not None:
            seen = reading.files.assign(source=name)
            parts.append(_keep_known(_of(before.files, [name]), seen, reading))
    parts.append(_of(before.files, removed))
    files = concatenate(parts, columns.FILES)
    if is_increasing(files["file_id"]) and sum(len(part) > 0 for part in parts) < 2:
        return files, {}
    return join_files(files)


def _keep_known(known: DataFrame, seen: DataFrame, reading: Reading) -> DataFrame:
    """Return a source's files, with earlier facts and files now gone.

    Parameters
    ----------
    known : DataFrame
        The source's files so far.
    seen : DataFrame
        Its files now.
    reading : Reading
        For its `elsewhere` and `unread`.
    """
    import numpy as np

    if known.empty:
        return seen
    rows = index_in(seen["file_id"], known["file_id"])
    seen = seen.assign(**_earlier_facts(known, seen, rows))
    is_absent = np.ones(len(known), dtype=bool)
    is_absent[rows[rows >= 0]] = False
    if not is_absent.any():
        return seen
    absent = known[is_absent & ~known["file_id"].isin(reading.elsewhere)]
    unread = tuple(f"{folder}/" if folder else "" for folder in reading.unread)
    return pd.concat(
        [seen, absent.assign(on_disk=absent["on_disk"] & absent["file_id"].str.startswith(unread))]
    )


def _earlier_facts(known: DataFrame, seen: DataFrame, rows: NDArray[int64]) -> dict[str, Any]:
    """Return earlier facts about unchanged files, by column of `seen`.

    `rows` is the row of each file in `known`, or -1.
    """
    was = take_rows(
        known[["size_bytes", "inode", "created_at", "transferred_at", *ENRICHED]], rows, seen.index
    )
    is_same = pd.Series(True, index=seen.index)
    for fact in ("size_bytes", "inode", "created_at"):
        # what a source does not know did not change
        is_same &= (was[fact] == seen[fact]).fillna(False).astype(bool) | seen[fact].isna()
    # A new link or mode moves a file's change time though nothing arrived, so the earliest time
    # is the arrival.
    is_earlier = is_same & (
        (was["transferred_at"] < seen["transferred_at"]) | seen["transferred_at"].isna()
    )
    facts = {}
    if is_earlier.any():
        facts["transferred_at"] = seen["transferred_at"].mask(is_earlier, was["transferred_at"])
    # a registry's facts are kept, since it may not answer this time
    for fact in ENRICHED:
        if seen[fact].isna().any():
            facts[fact] = fill_missing(seen[fact], was[fact].where(is_same))
    return facts


def _without_doubles(files: DataFrame, removed: Collection[str]) -> DataFrame:
    """Return files without those of removed sources that another source has.

    That is, files that only attempts of a removed source mention, if another source has a file
    of the same name.
    """
    if not removed:
        return files
    is_removed = files["source"].isin(removed)
    made_up = [
        file_id.startswith(f"{source}:")
        for file_id, source in zip(files["file_id"], files["source"], strict=True)
    ]
    is_double = index_in(files["name"], files.loc[~is_removed, "name"]) >= 0
    return files[~(is_removed & pd.Series(made_up, index=files.index) & is_double)]


# --- attempts -------------------------------------------------------------------------------------


def _attempts(readings: Mapping[str, Reading]) -> list[DataFrame]:
    return [
        r.attempts.assign(source=name) for name, r in readings.items() if r.attempts is not None
    ]


def _earlier_attempts(before: Tables, readings: Mapping[str, Reading]) -> list[DataFrame]:
    """Return earlier attempts from logs, to be matched with files again.

    Without running ones, which the log reports again.
    """
    logs = [name for name, reading in readings.items() if reading.append_attempts]
    if not logs:
        return []
    earlier = before.ingests[
        before.ingests["source"].isin(logs) & (before.ingests["status"] != "running")
    ]
    if earlier.empty:
        return []
    files = (
        before.files.drop_duplicates("file_id")
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
    names = files["name"] + _other_names(before.files).reindex(earlier["file_id"]).to_numpy()
    return [earlier.assign(path=path, names=names, **facts).dropna(subset=["names"])]


def _other_names(files: DataFrame) -> Series[str]:
    """Return files' further names, each after a newline.

    A file that only attempts mention may have the name of another source than its log has.
    """
    obsid, detector = files["obsid"].fillna(""), files["detector"].fillna("")
    forms = "\n" + obsid + "_" + detector + "\n" + obsid + "-" + detector.str.replace("_", "")
    alone = ("\n" + obsid).where(~obsid.duplicated(keep=False), "")
    names = (forms.where(detector != "", "") + alone).where(obsid != "", "")
    return names.set_axis(files["file_id"])[lambda named: ~named.index.duplicated()]


def _merged_ingests(
    before: Tables,
    found: DataFrame,
    readings: Mapping[str, Reading],
    silent: Collection[str],
    removed: Collection[str],
    files: DataFrame,
) -> DataFrame:
    """Return the attempts of all sources.

    `found` are those of the sources that answered, `files` the merged files.
    """
    logs = [name for name, reading in readings.items() if reading.append_attempts]
    if logs:
        keys = ["source", "file_id", "stage", "attempted_at"]
        is_repeated = found.duplicated(keys, keep="last")
        found = found[~(found["source"].isin(logs) & is_repeated)]
    left = _of(before.ingests, removed)
    left = _not_in(
        left[index_in(left["file_id"], files["file_id"]) >= 0],
        found,
        ["file_id", "stage", "attempted_at"],
    )
    return concatenate([_of(before.ingests, silent), found, left], columns.INGESTS)


# --- metrics --------------------------------------------------------------------------------------


def _merged_metrics(
    before: Tables, readings: Mapping[str, Reading], removed: Collection[str]
) -> DataFrame:
    """Return the samples of all sources; those of removed sources come first."""
    now = [r.metrics.assign(source=name) for name, r in readings.items() if r.metrics is not None]
    metrics = _latest_images(
        concatenate([_kept_metrics(before.metrics, readings), *now], columns.METRICS)
    )
    is_removed = metrics["source"].isin(removed)
    left = _not_in(metrics[is_removed], metrics[~is_removed], METRIC_KEYS)
    return concatenate([left, metrics[~is_removed]], columns.METRICS)


def _kept_metrics(before: DataFrame, readings: Mapping[str, Reading]) -> DataFrame:
    """Return samples of sources that return none now, or that append."""
    replaced = [
        name
        for name, reading in readings.items()
        if reading.metrics is not None and not reading.append
    ]
    return before[~before["source"].isin(replaced)]


def _latest_images(metrics: DataFrame) -> DataFrame:
    """Return metrics with only the latest of each image.

    A history of images would be too large.
    """
    is_image = metrics["unit"].str.startswith("image/")
    if not is_image.any():
        return metrics
    latest = (
        metrics[is_image]
        .sort_values("sampled_at", kind="stable")
        .drop_duplicates(["source", "name", "node"], keep="last")
    )
    return pd.concat([metrics[~is_image], latest], ignore_index=True)
