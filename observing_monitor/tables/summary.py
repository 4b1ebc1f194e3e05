"""Counts, delays and latest times of a night."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import is_increasing
from observing_monitor.model.completeness import completeness

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame, Series


def delays(judged: DataFrame) -> DataFrame:
    """Seconds from creation to arrival and from arrival (or creation) to ingest: transfer_s and ingest_s, by row."""
    transfer = judged["transferred_at"] - judged["created_at"]
    ingest = judged["ingested_at"] - judged["transferred_at"].fillna(judged["created_at"])
    return pd.DataFrame(
        {"transfer_s": transfer.dt.total_seconds(), "ingest_s": ingest.dt.total_seconds()}
    )


def summarise(judged: DataFrame) -> dict[str, Any]:
    """A night in numbers: the names of `columns.NIGHTS` but for night, status and info; plain Python values."""
    n = len(judged)
    of_class = judged["file_class"].value_counts()
    counts = {f"n_{c.name}": int(of_class.get(c.name, 0)) for c in columns.CLASSES}
    is_known = (
        judged["acknowledged"] != ""
        if "acknowledged" in judged
        else pd.Series(False, index=judged.index)
    )
    summary = {
        "n_files": n,
        **counts,
        "n_error": counts["n_failed"] + counts["n_missing"],
        "n_acknowledged": int(is_known.sum()),
        "n_acknowledged_errors": int(
            (is_known & judged["file_class"].isin(["failed", "missing"])).sum()
        ),
        "n_lost": int((judged["last_status"] == "lost").sum()),
        "n_twice": _n_twice(judged.loc[judged["on_disk"], "name"]),
        "n_exposures": int(judged["exposure"].fillna(judged["obsid"]).nunique()),
        "size_bytes": int(judged["size_bytes"].sum())
        if judged["size_bytes"].notna().any()
        else None,
        "completeness": completeness([{"n_files": n, **counts}]),
        "first_created_at": instant(judged["created_at"].min()),
    }
    for stage in ("created", "transferred", "ingested"):
        summary[f"last_{stage}_at"] = instant(judged[f"{stage}_at"].max())
    late = delays(judged)
    for stage in ("transfer", "ingest"):
        seconds = late[f"{stage}_s"].dropna()
        points = seconds.quantile([0.5, 0.9, 1.0]) if len(seconds) else [None] * 3
        for name, point in zip(("median", "p90", "max"), points, strict=True):
            summary[f"{stage}_delay_{name}_s"] = None if point is None else round(float(point), 3)
    return summary


def _n_twice(names: Series[str]) -> int:
    """How many of a column of names came before."""
    import pyarrow.compute as pc

    if is_increasing(names):  # as those of files in one folder are
        return 0
    return len(names) - int(pc.count_distinct(frames.arrow(names), mode="all").as_py())


def instant(value: Any) -> datetime.datetime | None:
    return (
        None
        if value is pd.NaT or pd.isna(value)
        else value.to_pydatetime().astimezone(datetime.UTC)
    )
