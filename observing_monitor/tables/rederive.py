"""Remove from a night's tables what its sources derive anew.

A changed setting, such as a time zone, makes stored facts wrong. Facts that a source still has are
removed before its reading is merged. Facts that it no longer has stay, and are counted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import frames
from observing_monitor.model.arrays import index_in, take_rows
from observing_monitor.model.columns import METRICS, REMARKS
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables.match import ENRICHED, is_made_up
from observing_monitor.tables.match_rows import stems
from observing_monitor.tables.merge import METRIC_KEYS
from observing_monitor.tables.reports import come_again

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    Mask = NDArray[np.bool_]


# Clocks of all time zones differ by a multiple of this.
ZONE_STEP = pd.Timedelta(minutes=15)


def without_derivable(
    before: Tables,
    readings: Mapping[str, Reading],
    rederived: Mapping[str, Collection[str]],
    *,
    has_others: bool = False,
    doubtful: Collection[str] = (),
) -> tuple[Tables, dict[str, dict[str, int]]]:
    """Return a night's tables without what is derived anew.

    Parameters
    ----------
    before : Tables
        The night's tables so far.
    readings : mapping
        By source, of those that answered.
    rederived : mapping
        Sources among them whose facts are derived anew -> their settings that changed. None
        need to have changed.
    has_others : bool, optional
        True if a source did not answer, or was removed. Files keep what it said about them.
    doubtful : collection of str, optional
        Sources with arrivals under old settings, which count even if no setting changed.

    Returns
    -------
    tables : Tables
        To be merged with the readings.
    counts : dict
        Source -> numbers of facts that stay, though the source no longer has them: `files`,
        `arrivals`, `attempts`, `values`, `exposures` and `remarks`. Without zeros.
    """
    counts: dict[str, dict[str, int]] = {}
    for name, changed in rederived.items():
        reading = readings[name]
        ingests, n_attempts = _ingests(before, name, reading, changed)
        files, n_files, n_arrivals = _files(
            before, ingests, name, reading, changed, name in doubtful
        )
        metrics, n_values = _metrics(before.metrics, name, reading, changed)
        reports, n_exposures = _reports(before.reports, name, reading, changed)
        remarks, n_remarks = _remarks(before.remarks, name, reading, changed)
        before = replace(before, files=files, ingests=ingests, metrics=metrics)
        before = replace(before, reports=reports, remarks=remarks)
        found = {
            "files": n_files,
            "arrivals": n_arrivals,
            "attempts": n_attempts,
            "values": n_values,
            "exposures": n_exposures,
            "remarks": n_remarks,
        }
        counts[name] = {fact: n for fact, n in found.items() if n}
    if rederived and not has_others:
        before = replace(before, files=_without_enriched(before.files, readings))
    return before, counts


def _without_enriched(files: DataFrame, readings: Mapping[str, Reading]) -> DataFrame:
    """Return files without facts from names and attempts."""
    is_seen = pd.Series(False, index=files.index)
    for name, reading in readings.items():
        if reading.files is not None:
            is_seen |= (files["source"] == name) & (
                index_in(files["file_id"], reading.files["file_id"]) >= 0
            )
    return files.assign(**{fact: files[fact].mask(is_seen) for fact in ENRICHED})


# --- files ----------------------------------------------------------------------------------------


def _files(
    before: Tables,
    ingests: DataFrame,
    name: str,
    reading: Reading,
    changed: Collection[str],
    is_doubtful: bool,
) -> tuple[DataFrame, int, int]:
    """Return files that stay; count files and arrivals.

    `ingests` are the attempts that stay.
    """
    files = before.files
    is_own = (files["source"] == name).to_numpy()
    if reading.files is None:
        is_dropped = is_own & _not_reported(before, ingests, name, reading, changed)
        n_files = int((is_own & ~is_dropped).sum()) if reading.attempts is not None else 0
        return files[~is_dropped], 0 if reading.append_attempts else n_files, 0
    rows = index_in(files["file_id"], reading.files["file_id"])
    is_absent = is_own & (rows < 0) & ~files["file_id"].isin(reading.elsewhere).to_numpy()
    is_dropped = is_absent & _left_out(files, is_absent, reading, changed)
    is_seen = is_own & (rows >= 0)
    arrivals, n_arrivals = _arrivals(files, is_seen, rows, reading, changed, is_doubtful)
    files = files.assign(transferred_at=arrivals)
    return files[~is_dropped], int((is_absent & ~is_dropped).sum()), n_arrivals


def _not_reported(
    before: Tables, ingests: DataFrame, name: str, reading: Reading, changed: Collection[str]
) -> Mask:
    """Return True for each file no longer mentioned.

    If it said nothing at all, nothing is known.
    """
    files = before.files
    is_made = is_made_up(files).to_numpy()
    if reading.attempts is None and reading.metrics is None:
        return is_made & False
    had, has = (
        index_in(files["file_id"], rows.loc[rows["source"] == name, "file_id"]) >= 0
        for rows in (before.ingests, ingests)
    )
    if reading.append_attempts:
        return is_made & had & ~has
    return (~is_made | had) if changed else is_made & False


def _left_out(
    files: DataFrame, is_absent: Mask, reading: Reading, changed: Collection[str]
) -> Mask:
    """Return True for each file left out."""
    import numpy as np

    made = np.zeros(len(files), dtype=bool)
    absent = files[is_absent]
    unread = tuple(f"{folder}/" if folder else "" for folder in reading.unread)
    if reading.is_left_out:
        asked = zip(absent["file_id"], absent["path"], absent["on_disk"], strict=True)
        made[is_absent] = [reading.is_left_out(str(i), str(p), bool(d)) for i, p, d in asked]
    elif changed:
        made[is_absent] = absent["on_disk"] & ~absent["file_id"].str.startswith(unread)
    return made


def _arrivals(
    files: DataFrame,
    is_seen: Mask,
    rows: NDArray[np.int64],
    reading: Reading,
    changed: Collection[str],
    is_doubtful: bool,
) -> tuple[Series[pd.Timestamp], int]:
    """Return times of arrival that stay.

    Also returns how many of the others stay under old settings.
    """
    import numpy as np

    assert reading.files is not None
    known, logged = reading.arrival_settings, reading.is_logged
    is_changed = bool(set(changed) & set(known)) if known else bool(changed)
    if logged is not None:
        is_logged = np.zeros(len(files), dtype=bool)
        is_logged[is_seen] = logged.to_numpy(dtype=bool)[rows[is_seen]]
        is_new = is_seen & is_logged
    else:
        is_new = is_seen & is_changed
    if (is_changed or is_doubtful) and logged is not None:
        facts = ["transferred_at", "size_bytes", "inode", "created_at"]
        now = take_rows(reading.files[facts], rows, files.index)
        is_same = pd.Series(is_seen & ~is_new, index=files.index)
        for fact in facts[1:]:
            is_same &= (files[fact] == now[fact]).fillna(False).astype(bool)
        was, seen = files["transferred_at"], now["transferred_at"]
        n_kept = int((is_same & ((was < seen) | (seen.isna() & was.notna()))).sum())
    else:
        n_kept = 0
    # with no other time, the earlier one stays
    has_time = np.zeros(len(files), dtype=bool)
    has_time[is_seen] = reading.files["transferred_at"].notna().to_numpy()[rows[is_seen]]
    return files["transferred_at"].mask(is_new & has_time), n_kept


# --- attempts and metrics of logs -----------------------------------------------------------------


def _ingests(
    before: Tables, name: str, reading: Reading, changed: Collection[str]
) -> tuple[DataFrame, int]:
    """Return attempts that stay, and a log's number.

    Those of other sources than logs are replaced when merging.
    """
    ingests = before.ingests
    if not reading.append_attempts or reading.attempts is None:
        return ingests, 0
    is_own, is_running = ingests["source"] == name, ingests["status"] == "running"
    # the log tells of running ones again
    ingests = ingests[~(is_own & is_running)]
    own = ingests[ingests["source"] == name]
    there = reading.still_there or reading
    now = reading.attempts if there.attempts is None else there.attempts
    names = before.files.drop_duplicates("file_id").set_index("file_id")["name"]
    is_again = _come_again(
        [own["stage"], _stems(own["file_id"].map(names)), own["attempted_at"]],
        [now["stage"], _stems(now["names"]), now["attempted_at"]],
    )
    return ingests.drop(own.index[is_again]), int((~is_again).sum())


def _stems(names: Series[str]) -> Series[str]:
    import pyarrow as pa

    found: list[str] = stems(pa.array(names.fillna(""))).to_pylist()
    return pd.Series(found, index=names.index, dtype="str")


def _metrics(
    metrics: DataFrame, name: str, reading: Reading, changed: Collection[str]
) -> tuple[DataFrame, int]:
    """Return samples that stay, and their number."""
    own = metrics[metrics["source"] == name]
    if reading.metrics is None:
        says_other = _says(reading, "files", "attempts", "remarks")
        is_replaced = bool(changed) and says_other and not reading.append
        return (metrics.drop(own.index), 0) if is_replaced else (metrics, len(own))
    if not reading.append:
        return metrics, 0
    there = reading.still_there or reading
    # a source that was written for an earlier version may lack newer columns
    now = frames.frame(METRICS, reading.metrics if there.metrics is None else there.metrics)
    keys = METRIC_KEYS
    is_again = pd.MultiIndex.from_frame(own[keys]).isin(pd.MultiIndex.from_frame(now[keys]))
    if not reading.has_own_times:
        return metrics.drop(own.index[is_again]), int((~is_again).sum())
    columns = ["name", "node", "exposure", "value", "text", "sampled_at"]
    come_again = _come_again(*([rows[column] for column in columns] for rows in (own, now)))
    # a sample has several values: one that stays the same is no sign
    # numbers of exposures may have no time
    samples = pd.Series(come_again, index=own.index).groupby(own["sampled_at"], dropna=False)
    whole = samples.transform("all")
    is_again |= whole.to_numpy(dtype=bool)
    if len(reading.metrics):
        # the newest sample is the last that there is
        newest = reading.metrics["sampled_at"].max()
        is_again = is_again | (own["sampled_at"] > newest).to_numpy(dtype=bool)
    return metrics.drop(own.index[is_again]), int((~is_again).sum())


def _reports(
    reports: DataFrame, name: str, reading: Reading, changed: Collection[str]
) -> tuple[DataFrame, int]:
    """Return reports of exposures that stay, and a source's number."""
    own = reports[reports["source"] == name]
    exposures = getattr(reading, "exposures", None)
    if own.empty:
        return reports, 0
    if exposures is None:
        # as for metrics: a source that now says other things has none any more
        is_replaced = bool(changed) and _says(reading, "files", "attempts", "metrics", "remarks")
        return (reports.drop(own.index), 0) if is_replaced else (reports, len(own))
    if not getattr(reading, "append_exposures", False):
        return reports, 0
    there = reading.still_there
    again = getattr(there, "exposures", None) if there else None
    is_again = come_again(own, exposures if again is None else again)
    return reports.drop(own.index[is_again]), int((~is_again).sum())


def _remarks(
    remarks: DataFrame, name: str, reading: Reading, changed: Collection[str]
) -> tuple[DataFrame, int]:
    """Return remarks that stay, and a source's number."""
    own = remarks[remarks["source"] == name]
    now = getattr(reading, "remarks", None)
    if own.empty:
        return remarks, 0
    if now is None:
        is_replaced = bool(changed) and _says(reading, "files", "attempts", "metrics", "exposures")
        return (remarks.drop(own.index), 0) if is_replaced else (remarks, len(own))
    from observing_monitor.tables.remarks import replaced_versions

    # all others are replaced when merging
    return remarks, len(replaced_versions(own, frames.frame(REMARKS, now)))


def _says(reading: Reading, *names: str) -> bool:
    """True if a reading has any of these tables."""
    # a reading of a source that was written for an earlier version may be a class of its own
    return any(getattr(reading, name, None) is not None for name in names)


def _come_again(old: Sequence[Series[Any]], new: Sequence[Series[Any]]) -> Mask:
    """Return True for old rows that come again.

    Each has columns, and last the instants. They are the same if they have the same place
    between two quarters of an hour: logs have milliseconds, and zones differ by quarters.
    """
    return _joined(old).isin(_joined(new)).to_numpy(dtype=bool)


def _joined(columns: Sequence[Series[Any]]) -> Series[str]:
    """Return a text for each row, whatever the zone of its instant."""
    *texts, instants = columns
    places = (instants - instants.dt.floor(ZONE_STEP)).astype("str").fillna("")
    joined: Series[str] = places
    for text in texts:
        joined = joined + "\0" + text.astype("str").fillna("")
    return joined
