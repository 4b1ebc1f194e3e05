"""Bands that report to be recording while no file appears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model.finding import Finding, metric_href
from observing_monitor.sources.lwa_points import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from pandas import DataFrame


COUNT = "storage/active_directory_count"
SIZE = "storage/active_directory_size"
FREE = "storage/active_disk_free"


def check_recording(
    bands: list[str], metrics: DataFrame, no_file_after_s: float
) -> Iterator[Finding]:
    """Report bands that record although their directory stays as it is.

    Parameters
    ----------
    bands : list of str
        The ids of a group's bands.
    metrics : DataFrame
        The night's, with columns `columns.METRICS`.
    no_file_after_s : float
        A band that records for so long without a new file is reported; 0 for never.
    """
    if no_file_after_s <= 0:
        return
    own = metrics[
        metrics["name"].isin(["op-type", COUNT, SIZE, FREE]) & metrics["node"].isin(bands)
    ]
    since = {
        str(node): at
        for node, rows in own.groupby("node")
        if (at := _unchanged_since(rows, no_file_after_s)) is not None
    }
    if since:
        have = "sub-band is" if len(since) == 1 else "sub-bands are"
        words = ", ".join(
            f"{band} (since {since[band]:%Y-%m-%d %H:%M} UTC)"
            for band in sorted(since, key=number_of)
        )
        text = f"{len(since)} {have} recording, but no file has appeared: {words}"
        yield Finding("error", text, metric_href(COUNT))


def _unchanged_since(rows: DataFrame, no_file_after_s: float) -> pd.Timestamp | None:
    """Return since when a band records without a new file, or None.

    A recorder that deletes its oldest files may keep their number: if their size is not known,
    the free space has to stay as well.
    """
    ordered = rows.sort_values("sampled_at", kind="stable")
    begun_at = _recording_since(ordered[ordered["name"] == "op-type"])
    if begun_at is None:
        return None
    late = ordered[ordered["sampled_at"] >= begun_at]
    count, size, free = (late[late["name"] == name] for name in (COUNT, SIZE, FREE))
    other = size if size["value"].notna().any() else free
    if len(count) < 2 or count["value"].isna().any():
        return None
    if count["value"].nunique() > 1 or other["value"].nunique() > 1:
        return None
    first, last = count["sampled_at"].iloc[0], count["sampled_at"].iloc[-1]
    return first if (last - first).total_seconds() >= no_file_after_s else None


def _recording_since(states: DataFrame) -> pd.Timestamp | None:
    """Return since when a band records, None if its latest state is another."""
    others = states[states["text"] != "recording"]
    if others.empty:
        return None if states.empty else states["sampled_at"].iloc[0]
    since = states[states["sampled_at"] > others["sampled_at"].iloc[-1]]
    return None if since.empty else since["sampled_at"].iloc[0]
