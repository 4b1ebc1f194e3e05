"""Fast operations on DataFrames and Arrow arrays; imports pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model import frames as frames_model
from observing_monitor.model.frames import arrow, empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy import int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.columns import Column

    AnyArray = Any  # Arrow's arrays: their stubs tell kinds apart that the functions of pyarrow.compute don't
    Texts = Series[str] | AnyArray


def concatenated(frames: Iterable[DataFrame], described: Sequence[Column]) -> DataFrame:
    """Frames one below the other; empty ones are left out, for they would spoil the others' dtypes."""
    kept = [frame for frame in frames if len(frame)]
    return (
        frames_model.frame(described, pd.concat(kept, ignore_index=True))
        if kept
        else empty(described)
    )


def in_order(frame: DataFrame, by: list[str]) -> DataFrame:
    """A frame in order of these columns, nulls last; as sort_values, but quick with text."""
    if len(frame) < 2:
        return frame.reset_index(drop=True)
    import numpy as np

    if is_in_order(frame[by[0]]):
        return frame.reset_index(drop=True)
    keys = [_ranks(frame[name]) for name in by]
    keys = [
        key for key in keys if key.min() != key.max()
    ]  # a column of one value says nothing of the order
    order = np.lexsort(keys[::-1]) if keys else np.arange(len(frame))
    if (order[1:] > order[:-1]).all():
        return frame.reset_index(drop=True)
    return frame.take(order).reset_index(drop=True)


def is_in_order(values: Series[Any]) -> bool:
    """Whether each of a column's texts comes after the one before: then nothing else can change the order."""
    import pyarrow.compute as pc

    if values.dtype != columns.DTYPES["text"]:
        return False
    texts = arrow(values)
    return texts.null_count == 0 and bool(pc.all(pc.less(texts[:-1], texts[1:])).as_py())


def _ranks(values: Series[Any]) -> NDArray[int64]:
    """Whole numbers in the order of a column's values, the largest for null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.dtype == columns.DTYPES["text"]:
        return pc.rank(pa.array(values), tiebreaker="dense").to_numpy()
    largest = np.iinfo("int64").max
    if values.dtype == columns.DTYPES["instant"]:
        return np.where(values.isna(), largest, values.astype("int64"))
    return values.to_numpy("int64", na_value=largest)


def places_of(wanted: Texts, among: Texts) -> NDArray[int64]:
    """Where each of a column of texts first stands in another, -1 where it does not; quicker than pandas' own ways by far."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(wanted) or not len(among):
        return np.full(len(wanted), -1)
    return (
        pc.index_in(pa.array(wanted), value_set=pa.array(among), skip_nulls=True)
        .fill_null(-1)
        .to_numpy()
    )


def fill_missing(values: Series[Any], others: Series[Any]) -> Series[Any]:
    """As `fillna`: without the work of it where, as often in a full night, nothing is null or all is."""
    absent = values.isna()
    return others if absent.all() else values.fillna(others) if absent.any() else values


def take_rows(frame: DataFrame, places: NDArray[int64], index: pd.Index[Any]) -> DataFrame:
    """The rows of a frame at these places, with a new index; nulls where a place is -1."""
    taken = frame.reset_index(drop=True)
    if (places < 0).any():
        return taken.reindex(places).set_axis(index)
    return taken.take(places).set_axis(index)
