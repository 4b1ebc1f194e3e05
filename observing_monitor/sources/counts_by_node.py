"""Counts of a night, with a row per node, as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames

if TYPE_CHECKING:
    from pandas import DataFrame


def with_total(counts: DataFrame) -> DataFrame:
    """Return counts with their sum as the node "".

    If there is one node, it is the total. A sum over a missing number is missing.
    """
    import pandas as pd

    if len(counts) == 1:
        return counts.set_axis([""])
    if counts.empty or "" in counts.index:
        return counts
    return pd.concat([counts, counts.sum(skipna=False).to_frame("").T])


def to_metrics(counts: DataFrame) -> DataFrame:
    """Return counts as a table of metrics.

    Parameters
    ----------
    counts : DataFrame
        A row per node, which is its index; "" for the whole. A column per metric; NaN is "no
        data".

    Returns
    -------
    DataFrame
        Columns `columns.METRICS`. The counts are of the whole night, so `sampled_at` is NaT.
    """
    import pandas as pd

    if counts.empty:
        return frames.empty(columns.METRICS)
    long = (
        counts.rename_axis(index="node", columns="name")
        .reset_index()
        .melt(id_vars="node", var_name="name", value_name="value")
    )
    text = pd.Series("no data", index=long.index).where(long["value"].isna())
    return frames.frame(
        columns.METRICS, long.assign(node=long["node"].where(long["node"] != ""), text=text)
    )
