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

    # The stubs of Arrow distinguish kinds of arrays that pyarrow.compute does not.
    AnyArray = Any
    Texts = Series[str] | AnyArray


def concatenate(frames: Iterable[DataFrame], described: Sequence[Column]) -> DataFrame:
    """Return frames one below the other, with the columns described.

    Empty frames are left out, since they would change the dtypes of the others.
    """
    kept = [frame for frame in frames if len(frame)]
    return (
        frames_model.frame(described, pd.concat(kept, ignore_index=True))
        if kept
        else empty(described)
    )


def sort_rows(frame: DataFrame, by: list[str]) -> DataFrame:
    """Return a frame sorted by columns, nulls last, with a new index.

    Equal rows keep their order. Faster with text than `DataFrame.sort_values`.
    """
    if len(frame) < 2:
        return frame.reset_index(drop=True)
    import numpy as np

    if is_increasing(frame[by[0]]):
        return frame.reset_index(drop=True)
    # a column with a single value does not change the order
    keys = [key for name in by if (key := _ranks(frame[name])).min() != key.max()]
    order = np.lexsort(keys[::-1]) if keys else np.arange(len(frame))
    if (order[1:] > order[:-1]).all():
        return frame.reset_index(drop=True)
    return frame.take(order).reset_index(drop=True)


def is_increasing(values: Series[Any]) -> bool:
    """True if each text is greater than the one before.

    Rows are then sorted, whatever the other columns hold. False if a value is null or no text.
    """
    import pyarrow.compute as pc

    if values.dtype != columns.DTYPES["text"]:
        return False
    texts = arrow(values)
    return texts.null_count == 0 and bool(pc.all(pc.less(texts[:-1], texts[1:])).as_py())


def _ranks(values: Series[Any]) -> NDArray[int64]:
    """Return integers in the order of values, the largest for null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.dtype == columns.DTYPES["text"]:
        return pc.rank(pa.array(values), tiebreaker="dense").to_numpy()
    largest = np.iinfo("int64").max
    if values.dtype == columns.DTYPES["instant"]:
        return np.where(values.isna(), largest, values.astype("int64"))
    return values.to_numpy("int64", na_value=largest)


def index_in(wanted: Texts, among: Texts) -> NDArray[int64]:
    """Return each text's first position in another column, or -1.

    Much faster than `Index.get_indexer`; a null is in no column.
    """
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
    """Return a column with its nulls filled from another one.

    As `fillna`, but without copying if no value or every value is null, as is usual.
    """
    absent = values.isna()
    return others if absent.all() else values.fillna(others) if absent.any() else values


def take_rows(frame: DataFrame, rows: NDArray[int64], index: pd.Index[Any]) -> DataFrame:
    """Return rows by position, with a new index; nulls for -1."""
    taken = frame.reset_index(drop=True)
    if (rows < 0).any():
        return taken.reindex(rows).set_axis(index)
    return taken.take(rows).set_axis(index)
