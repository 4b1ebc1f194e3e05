"""Counts, delays and latest times of a night."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import is_increasing
from observing_monitor.model.completeness import completeness
from observing_monitor.tables.exposures import exposure_names

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.tables.night_use import NightUse


def delays(judged: DataFrame) -> DataFrame:
    """Return each file's delays in seconds: transfer_s and ingest_s.

    From creation to arrival, and from arrival (or creation, if that is unknown) to ingest.
    """
    transfer = judged["transferred_at"] - judged["created_at"]
    ingest = judged["ingested_at"] - judged["transferred_at"].fillna(judged["created_at"])
    return pd.DataFrame(
        {"transfer_s": transfer.dt.total_seconds(), "ingest_s": ingest.dt.total_seconds()}
    )


def summarise(judged: DataFrame, use: NightUse | None = None) -> dict[str, Any]:
    """Return the numbers of a night, by the names of `columns.NIGHTS`.

    Plain Python values. The night itself, its status and its info are left out.

    Parameters
    ----------
    judged : DataFrame
        From `classify`, with the column `acknowledged` if the stream has known issues.
    use : NightUse, optional
        How the night was used; None if no exposure is known.
    """
    n = len(judged)
    of_class = judged["file_class"].value_counts()
    counts = {f"n_{c.name}": int(of_class.get(c.name, 0)) for c in columns.CLASSES}
    is_acknowledged = (
        judged["acknowledged"] != ""
        if "acknowledged" in judged
        else pd.Series(False, index=judged.index)
    )
    is_error = judged["file_class"].isin(["failed", "missing"])
    has_sizes = judged["size_bytes"].notna().any()
    return {
        "n_files": n,
        **counts,
        "n_error": counts["n_failed"] + counts["n_missing"],
        "n_acknowledged": int(is_acknowledged.sum()),
        "n_acknowledged_errors": int((is_acknowledged & is_error).sum()),
        "n_lost": int((judged["last_status"] == "lost").sum()),
        "n_twice": _count_repeated(judged.loc[judged["on_disk"], "name"]),
        "n_exposures": int(exposure_names(judged).nunique()),
        "size_bytes": int(judged["size_bytes"].sum()) if has_sizes else None,
        "completeness": completeness([{"n_files": n, **counts}]),
        "first_created_at": as_datetime(judged["created_at"].min()),
        **{
            f"last_{stage}_at": as_datetime(judged[f"{stage}_at"].max())
            for stage in ("created", "transferred", "ingested")
        },
        **_delay_quantiles(judged),
        **_use_numbers(use),
    }


def _use_numbers(use: NightUse | None) -> dict[str, float | int | None]:
    if use is None:
        return {c.name: None for c in columns.USE}
    from observing_monitor.tables.night_use import numbers_of

    return numbers_of(use)


def _delay_quantiles(judged: DataFrame) -> dict[str, float | None]:
    """Return the median, the 90 % point and the maximum of both delays."""
    late, found = delays(judged), dict[str, float | None]()
    for stage in ("transfer", "ingest"):
        seconds = late[f"{stage}_s"].dropna()
        points = seconds.quantile([0.5, 0.9, 1.0]) if len(seconds) else [None] * 3
        for name, point in zip(("median", "p90", "max"), points, strict=True):
            found[f"{stage}_delay_{name}_s"] = None if point is None else round(float(point), 3)
    return found


def _count_repeated(names: Series[str]) -> int:
    """Return how many names occur earlier in the column."""
    import pyarrow.compute as pc

    # the usual case: files of one folder
    if is_increasing(names):
        return 0
    return len(names) - int(pc.count_distinct(frames.arrow(names), mode="all").as_py())


def repeated_files(judged: DataFrame, most: int) -> dict[str, list[str]]:
    """Return the first names that came twice, with their paths."""
    there = judged[judged["on_disk"]]
    names = there.loc[there["name"].duplicated(), "name"].unique()[:most]
    again = there[there["name"].isin(list(names))].groupby("name")["file_id"]
    return {str(name): sorted(paths) for name, paths in again}


def as_datetime(value: Any) -> datetime.datetime | None:
    """Return a Timestamp as a datetime in UTC; None for NaT."""
    if value is pd.NaT or pd.isna(value):
        return None
    at: datetime.datetime = value.to_pydatetime()
    return at.astimezone(datetime.UTC)
