"""A Butler registry's values as Arrow arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import frames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    # pyarrow's stubs distinguish kinds of arrays that the functions of pyarrow.compute do not
    AnyArray = Any


# the message of an attempt whose file is lost, before the file's place
FILE_GONE = "the registry has it, but its file is gone: "


def text_array(values: Sequence[Any]) -> AnyArray:
    """Return a registry's column as an Arrow array of text.

    SQLite stores anything in any column: other values are converted with `str`.
    """
    import pyarrow as pa

    try:
        return pa.array(values, pa.large_string())
    except (pa.ArrowException, TypeError, ValueError):
        texts = [None if value is None else str(value) for value in values]
        return pa.array(texts, pa.large_string())


def int_array(values: Sequence[Any]) -> AnyArray:
    """Return a registry's column as an Arrow array of integers.

    Null for other values.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        return pa.array(values, pa.int64())
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array(frames.whole_numbers(pd.Series(values, dtype="object")), pa.int64())


def join_texts(*parts: AnyArray | str, between: str = "", skip_null: bool = False) -> AnyArray:
    """Return texts joined row by row.

    Parameters
    ----------
    parts
        Arrow arrays of text, or texts that are the same in every row.
    between
        Text between two parts.
    skip_null
        Leave out null parts. By default the result is null if a part is.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [
        pa.scalar(part, pa.large_string()) if isinstance(part, str) else part
        for part in (*parts, between)
    ]
    nulls: Literal["skip", "emit_null"] = "skip" if skip_null else "emit_null"
    return pc.binary_join_element_wise(*texts, null_handling=nulls)
