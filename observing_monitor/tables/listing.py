"""The list of a night's files."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import sort_rows
from observing_monitor.tables.reasons import reasons_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray
    from pandas import DataFrame, Series


# columns of a file that lists show
LISTED = (
    "file_id",
    "file_class",
    "size_bytes",
    "obsid",
    "exposure",
    "seq_num",
    "detector",
    "created_at",
    "transferred_at",
    "ingested_at",
)
ORDER = ["created_at", "file_id"]  # of the list
# columns of which the reason is made; the last only if the stream has known issues
REASON_COLUMNS = ("message", "is_dated_ahead", "acknowledged")


def file_list(judged: DataFrame, done: DataFrame | None = None) -> DataFrame:
    """Return the list of all files for the page and the CSV.

    Parameters
    ----------
    judged : DataFrame
        From `classify`.
    done : DataFrame, optional
        Further instants, one column per stage, in the rows of `judged`; from
        `stages.done_by_stage`.

    Returns
    -------
    DataFrame
        Columns `LISTED`, with `path` instead of `file_id`, those of `done`, `reason`, and
        `message`. Sorted by creation, then path.
    """
    more = [] if done is None else list(done)
    # without the other columns, sorting is faster
    judged = judged[[name for name in (*LISTED, *REASON_COLUMNS) if name in judged]]
    if done is not None:
        judged = pd.concat([judged.drop(columns=more, errors="ignore"), done], axis=1)
    ordered = sort_rows(judged, ORDER)
    listed = ordered[[*LISTED, *more]].rename(columns={"file_id": "path"})
    # whole messages come last: readers of the CSV may count its columns
    return listed.assign(reason=reasons_of(ordered), message=ordered["message"])


def in_list_order(judged: DataFrame, values: NDArray[Any]) -> NDArray[Any]:
    """Return values of the rows of `judged` in the order of the list."""
    return sort_rows(judged[ORDER].assign(value=values), ORDER)["value"].to_numpy()


def records(frame: DataFrame) -> list[dict[str, Any]]:
    """Return rows as dicts of plain Python values, None for null.

    Three times as fast as `DataFrame.to_dict`.
    """
    names = [str(name) for name in frame]
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*(_plain_values(frame[name]) for name in names), strict=True)
    ]


def known_values(frame: Mapping[str, Series[Any]] | DataFrame) -> dict[str, list[Any]]:
    """Return columns as plain values: UNSET for null, text for instants."""
    return {str(name): _known(values) for name, values in frame.items()}


def as_structs(values: Mapping[str, list[Any]]) -> list[Any]:
    """Return rows as structs, of which msgspec leaves out what is UNSET.

    Their members are f0, f1 …; encoded they have the names of the columns. Five times as fast
    as dicts.
    """
    named = {f"f{number}": name for number, name in enumerate(values)}
    fields = [(field, object, msgspec.UNSET) for field in named]
    return list(map(msgspec.defstruct("Row", fields, rename=named, gc=False), *values.values()))


def _known(values: Series[Any]) -> list[Any]:
    """Return values with UNSET for null, instants as text."""
    is_there = values.notna().to_numpy()
    known = _as_text(values if is_there.all() else values[is_there])
    if len(known) == len(values):
        return known
    made: list[Any] = [msgspec.UNSET] * len(values)
    for row, value in zip(np.flatnonzero(is_there).tolist(), known, strict=True):
        made[row] = value
    return made


def _as_text(values: Series[Any]) -> list[Any]:
    """Return values without nulls, instants as `iso_utc` has them."""
    if values.dtype != columns.DTYPES["instant"]:
        return values.tolist()
    return frames.iso_texts(values)


def _plain_values(values: Series[Any]) -> list[Any]:
    nothing: Any = None
    if values.dtype != columns.DTYPES["instant"]:
        return list(values.to_numpy("object", na_value=nothing))
    naive = values.dt.tz_convert(None).to_numpy("datetime64[us]").tolist()
    return [None if at is None else at.replace(tzinfo=datetime.UTC) for at in naive]
