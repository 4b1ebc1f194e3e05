"""DataFrames with the columns and types of the schema; imports pandas only when called."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from observing_monitor.model.columns import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.columns import Column


def empty(columns: Sequence[Column]) -> DataFrame:
    """A DataFrame of these columns, with their dtypes and no row."""
    return _empty(tuple(columns)).copy(deep=False)


@functools.cache  # a history has many empty nights, and a table of nothing takes as long to make as any
def _empty(columns: tuple[Column, ...]) -> DataFrame:
    return frame(columns, {})


def frame(columns: Sequence[Column], data: Mapping[str, Any] | DataFrame) -> DataFrame:
    """A DataFrame of just these columns, in their order and dtypes, from a mapping or a DataFrame; what it lacks is null.

    Raises ValueError or TypeError where a column's values can't be had in its kind.
    """
    import pandas as pd

    data = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
    made = {}
    for column in columns:
        if column.name in data.columns:
            values = data[column.name]
            values = values if values.dtype == DTYPES[column.kind] else _convert(values, column)
            made[column.name] = in_calendar(values) if column.kind == "instant" else values
        else:
            made[column.name] = _untold(column.kind, len(data)).set_axis(data.index)
    return pd.DataFrame(made, index=data.index)


def _untold(kind: str, n: int) -> Series[Any]:
    """A Series of nothing: of n nulls, or of n times true."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if kind == "text":
        return texts(pa.nulls(n, pa.large_string()))
    if kind == "int":
        return pd.Series(pd.arrays.IntegerArray(np.ones(n, "int64"), np.ones(n, bool)))
    if kind == "instant":
        return pd.Series(np.full(n, "NaT", "datetime64[us]")).dt.tz_localize("UTC")
    return pd.Series(np.ones(n, bool) if kind == "bool" else np.full(n, np.nan))


def whole_numbers(values: Series[Any]) -> Series[Any]:
    """A Series of whatever it holds as Int64: null for what is no number, or none that 64 bits hold."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.dtype.kind in "iu" and numbers.dtype != "uint64":
        return numbers.astype("Int64")
    numbers = numbers.astype("float64")
    return numbers.where(numbers.abs() < 2**63).round().astype("Int64")


def integers(values: Any) -> Series[int]:
    """A Series of Int64 from an Arrow array of whole numbers, to the last digit: pandas takes those with nulls for floats."""
    import pandas as pd
    import pyarrow as pa

    made: Series[int] = values.cast(pa.int64()).to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype()}.get
    )
    return made


def in_calendar(values: Series[Any]) -> Series[Any]:
    """A Series of instants, with NaT for those that Python's calendar, of the years 1 to 9999, can't show in every zone."""
    import pandas as pd

    first, last = pd.Timestamp("0001-01-02", tz="UTC"), pd.Timestamp("9999-12-31", tz="UTC")
    if not len(values) or not (values.min() < first or values.max() >= last):
        return values
    return values.where((values >= first) & (values < last))


def texts(values: Any) -> Series[str]:
    """A Series of text from a list or an Arrow array of it, None for null: in half the time that pandas takes.

    Raises TypeError or ValueError where a value is neither text nor None.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        kept = pa.array(values, pa.large_string())
    except pa.ArrowException as error:
        raise TypeError(str(error)) from error
    return pd.Series(kept, dtype="str")


def arrow(texts: Series[str]) -> Any:
    """A Series of text as one Arrow array: the other way of `texts`."""
    import pyarrow as pa

    made = pa.array(texts, pa.large_string())
    return (
        made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    )  # what was put together lies in pieces


def to_the_second(instants: Series[Any]) -> list[str | None]:
    """A Series of instants as texts, `2020-02-13 03:12:41`, in UTC; None where there is none."""
    import pyarrow as pa

    made: list[str | None] = (
        pa.array(instants.dt.tz_convert(None).to_numpy("datetime64[s]"))
        .cast(pa.string())
        .to_pylist()
    )
    return made


def _convert(values: Series[Any], column: Column) -> Series[Any]:
    """A Series as its column's kind; integers that stand for instants are nanoseconds since 1970."""
    import pandas as pd

    if column.kind == "instant":
        kept = pd.to_datetime(values, utc=True, errors="coerce")
        return kept.astype(DTYPES["instant"])
    if column.kind == "text":  # a None must stay one: str(None) is a word
        return values.astype("object").where(values.notna(), None).astype(DTYPES["text"])
    return values.astype(DTYPES[column.kind])
