"""The latest values and images of a night's metrics."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, TypedDict

import pandas as pd

from observing_monitor.model.names import in_number_order
from observing_monitor.tables.summary import as_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pandas import DataFrame


# Units of metrics whose `text` is a document: an image (a data URI), or a list (one name per line).
DOCUMENT = r"(?:image|text)/"
IMAGE = "image/png"


class LatestValue(TypedDict):
    """The latest value of a metric on one node."""

    name: str
    # "" for the whole
    node: str
    value: float | None
    text: str
    unit: str
    sampled_at: datetime.datetime | None
    source: str


class LatestImage(TypedDict):
    """The latest state of an image."""

    name: str
    node: str
    sampled_at: datetime.datetime | None
    # a data URI
    text: str


def latest_metrics(metrics: DataFrame) -> list[LatestValue]:
    """Return the latest value of each metric and node of each source.

    Documents are left out.

    None for "not available", "" for no text. Sorted by name and source, then by node, of which
    node2 comes before node10.
    """
    if metrics.empty:
        return []
    metrics = metrics[~metrics["unit"].str.match(DOCUMENT)]
    rows: list[LatestValue] = [
        {
            "name": row.name_,
            "node": "" if pd.isna(row.node) else row.node,
            "value": None if pd.isna(row.value) else float(row.value),
            "text": "" if pd.isna(row.text) else row.text,
            "unit": "" if pd.isna(row.unit) else row.unit,
            "sampled_at": as_datetime(row.sampled_at),
            "source": row.source,
        }
        for row in _latest(metrics)
    ]
    return sorted(rows, key=lambda row: (row["name"], row["source"], in_number_order(row["node"])))


def without_images(metrics: DataFrame) -> DataFrame:
    """Return metrics without those that are images."""
    return metrics[~metrics["unit"].str.startswith("image/", na=False)]


def latest_images(metrics: DataFrame) -> list[LatestImage]:
    """Return the latest state of each image, sorted by name and node."""
    if metrics.empty:
        return []
    rows: list[LatestImage] = [
        {
            "name": row.name_,
            "node": "" if pd.isna(row.node) else row.node,
            "sampled_at": as_datetime(row.sampled_at),
            "text": row.text,
        }
        for row in _latest(metrics[metrics["unit"] == IMAGE])
        if not pd.isna(row.text)
    ]
    return sorted(rows, key=lambda row: (row["name"], in_number_order(row["node"])))


def _latest(metrics: DataFrame) -> Iterable[Any]:
    """Return the last row of each source, name and node.

    As named tuples, in which `name` is `name_`.
    """
    latest = metrics.drop_duplicates(["source", "name", "node"], keep="last")
    return latest.rename(columns={"name": "name_"}).itertuples()
