"""The observing log: exposures with their files and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from observing_monitor.model import columns
from observing_monitor.tables.exposures import group_exposures
from observing_monitor.tables.listing import in_list_order
from observing_monitor.tables.observed import rows_of_metrics

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from numpy.typing import NDArray
    from pandas import DataFrame, Series

MAX_MEASURES = 12  # columns of numbers


class Measure(NamedTuple):
    """A number that exposures have, such as seeing."""

    name: str
    unit: str
    values: Series[float]  # one per row of the log


class ObservingLog(NamedTuple):
    """Exposures of a night.

    Attributes
    ----------
    rows : DataFrame
        By start: columns `columns.EXPOSURES`, `gap_before_s`, `n_files`, and the number of files
        of each class that the night has files of.
    measures : list of Measure
    others : DataFrame
        From `group_exposures`: groups of files that belong to none of the exposures.
    of_files : array of int
        For each row of the list of files, the row of its exposure, or -1.
    """

    rows: DataFrame
    measures: list[Measure]
    others: DataFrame
    of_files: NDArray[np.integer[Any]]


def observing_log(exposures: DataFrame, judged: DataFrame, metrics: DataFrame) -> ObservingLog:
    """Return the observing log of a night.

    Parameters
    ----------
    exposures : DataFrame
        From `join_exposures`.
    judged : DataFrame
        From `classify`, with the column `exposure_row`, from `rows_of_files`.
    metrics : DataFrame
        Columns `columns.METRICS`. Of a number that an exposure has several times, the last
        counts.
    """
    of_files = judged["exposure_row"].to_numpy()
    has_exposure = of_files >= 0
    codes, names = pd.factorize(judged["file_class"])
    cells = of_files[has_exposure] * len(names) + codes[has_exposure]
    counts = np.bincount(cells, minlength=len(exposures) * len(names))
    by_class = counts.reshape(len(exposures), len(names))
    made = {"gap_before_s": _gaps(exposures), "n_files": by_class.sum(axis=1)}
    for column in columns.CLASSES:
        if column.name in names:
            made[column.name] = by_class[:, names.get_loc(column.name)]
    return ObservingLog(
        exposures.assign(**made),
        measures_of(exposures, metrics),
        group_exposures(judged[of_files < 0]),
        in_list_order(judged, of_files),
    )


def _gaps(exposures: DataFrame) -> Series[float]:
    """Return seconds since the shutter last closed; NaN if unknown."""
    started = exposures["started_at"]
    ended = exposures["ended_at"].fillna(started)
    latest = ended.astype("int64").where(ended.notna(), np.iinfo("int64").min).cummax().shift()
    before = (started.astype("int64") - latest) / 1e6
    is_known = started.notna() & latest.notna() & (latest > np.iinfo("int64").min)
    return before.where(is_known).clip(lower=0).astype("float64")


def measures_of(
    exposures: DataFrame, metrics: DataFrame, wanted: Collection[str] | None = None
) -> list[Measure]:
    """Return the numbers of exposures, the most frequent first.

    Parameters
    ----------
    exposures, metrics : DataFrame
        As for `observing_log`.
    wanted : collection of str, optional
        Names; those that no exposure has are left out. By default the MAX_MEASURES most frequent.
    """
    told = metrics[metrics["exposure"].notna() & metrics["value"].notna()]
    if told.empty:
        return []
    rows = rows_of_metrics(told, exposures)
    told = told.assign(row=rows)[rows >= 0]
    names = told["name"].value_counts()
    shown = sorted(names.index, key=lambda name: (-names[name], name))
    shown = shown[:MAX_MEASURES] if wanted is None else [name for name in shown if name in wanted]
    made = []
    for name in shown:
        own = told[told["name"] == name].sort_values("sampled_at", kind="stable")
        last = own.drop_duplicates("row", keep="last").set_index("row")["value"]
        units = own["unit"].dropna()
        values = last.reindex(range(len(exposures))).set_axis(exposures.index)
        made.append(Measure(str(name), str(units.iloc[-1]) if len(units) else "", values))
    return made


def with_measures(log: ObservingLog) -> DataFrame:
    """Return the rows of a log with a column for each measure.

    A measure with the name of a column of exposures gets `measure_` before it.
    """
    taken = set(log.rows)
    return log.rows.assign(
        **{f"measure_{m.name}" if m.name in taken else m.name: m.values for m in log.measures}
    )
