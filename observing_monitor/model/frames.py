"""DataFrames of the schema; imports pandas only when called."""

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
    """Return a DataFrame with the columns' names and dtypes, without rows."""
    return _empty(tuple(columns)).copy(deep=False)


# A history has many empty nights, and an empty table takes as long to make as any other.
@functools.cache
def _empty(columns: tuple[Column, ...]) -> DataFrame:
    return frame(columns, {})


def frame(columns: Sequence[Column], data: Mapping[str, Any] | DataFrame) -> DataFrame:
    """Return a DataFrame with exactly these columns and dtypes.

    Parameters
    ----------
    columns : sequence of Column
    data : mapping or DataFrame
        Columns that it lacks become null, or True if their kind is bool. Its other columns
        are left out. Integers in a column of instants are nanoseconds since 1970 (UTC).

    Raises
    ------
    ValueError, TypeError
        If the values of a column cannot be converted.
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
            made[column.name] = _default(column.kind, len(data)).set_axis(data.index)
    return pd.DataFrame(made, index=data.index)


def _default(kind: str, n: int) -> Series[Any]:
    """Return n nulls, or n times True for the kind bool."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if kind == "text":
        return texts(pa.nulls(n, pa.large_string()))
    if kind == "int":
        return pd.Series(pd.arrays.IntegerArray(np.ones(n, "int64"), np.ones(n, bool)))
    if kind == "instant":
        return pd.Series(np.full(n, "NaT", "datetime64[us]")).dt.tz_localize("UTC")
    if kind == "flag":
        return pd.Series(pd.arrays.BooleanArray(np.ones(n, bool), np.ones(n, bool)))
    return pd.Series(np.ones(n, bool) if kind == "bool" else np.full(n, np.nan))


def whole_numbers(values: Series[Any]) -> Series[Any]:
    """Return a Series of any values as Int64, rounded.

    A value that is no number, or too large for 64 bits, becomes null.
    """
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.dtype.kind in "iu" and numbers.dtype != "uint64":
        return numbers.astype("Int64")
    numbers = numbers.astype("float64")
    return numbers.where(numbers.abs() < 2**63).round().astype("Int64")


def integers(values: Any) -> Series[int]:
    """Return an Arrow array of integers as Int64, with all its digits.

    By default pandas turns integers with nulls into floats.
    """
    import pandas as pd
    import pyarrow as pa

    made: Series[int] = values.cast(pa.int64()).to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype()}.get
    )
    return made


def in_calendar(values: Series[Any]) -> Series[Any]:
    """Return instants, with NaT outside the years 1 to 9999.

    For Python's datetime, in any time zone.
    """
    import pandas as pd

    first, last = pd.Timestamp("0001-01-02", tz="UTC"), pd.Timestamp("9999-12-31", tz="UTC")
    if not len(values) or not (values.min() < first or values.max() >= last):
        return values
    return values.where((values >= first) & (values < last))


def texts(values: Any) -> Series[str]:
    """Return a list or an Arrow array of text as a Series.

    None becomes null. Takes half the time that pandas does.

    Raises
    ------
    TypeError, ValueError
        If a value is neither text nor None.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        kept = pa.array(values, pa.large_string())
    except pa.ArrowException as error:
        raise TypeError(str(error)) from error
    return pd.Series(kept, dtype="str")


def arrow(texts: Series[str]) -> Any:
    """Return a Series of text as one Arrow array."""
    import pyarrow as pa

    made = pa.array(texts, pa.large_string())
    # a concatenated Series is in chunks
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def iso_texts(instants: Series[Any]) -> list[str | None]:
    """Return instants as `nights.iso_utc` has them, ten times as fast; None for NaT."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(instants.dt.tz_convert(None).to_numpy("datetime64[us]")).cast(pa.string())
    with_t: Any = pc.utf8_replace_slice(text, 10, 11, "T")
    whole = pc.replace_substring(with_t, ".000000", "")
    return [None if at is None else f"{at}Z" for at in whole.to_pylist()]


def to_the_second(instants: Series[Any]) -> list[str | None]:
    """Return instants in UTC as `2020-02-13 03:12:41`; None for NaT."""
    import pyarrow as pa

    made: list[str | None] = (
        pa.array(instants.dt.tz_convert(None).to_numpy("datetime64[s]"))
        .cast(pa.string())
        .to_pylist()
    )
    return made


def _convert(values: Series[Any], column: Column) -> Series[Any]:
    """Return a Series with the dtype of its column; see `frame`."""
    import pandas as pd

    if column.kind == "instant":
        kept = pd.to_datetime(values, utc=True, errors="coerce")
        return kept.astype(DTYPES["instant"])
    if column.kind == "text":
        # str(None) would be the word "None"
        return values.astype("object").where(values.notna(), None).astype(DTYPES["text"])
    return values.astype(DTYPES[column.kind])
