"""Tables packed as scripts for the pages.

A page that was opened from disk can load a script but fetch nothing else. The rows are therefore
the argument of one call: columns as JSON, gzipped, in base64. Nothing that others wrote can run as
code. `templates/assets/js/table-columns.js` reads it.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.model import frames
from observing_monitor.model.names import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray
    from pandas import Series

    Numbers = NDArray[np.integer[Any]]
    Bools = NDArray[np.bool_]


# a packed column besides its heading: `values`, `codes`, `words`, `zero`, depending on its kind
Packed = dict[str, Any]

# for a night's list, smaller than level 6 in less than half of the time; level 5 saves 2 %
COMPRESSION = 4


def script(function: str, table: dict[str, Any]) -> str:
    """Return a script that calls a function with a packed table.

    The same table gives the same bytes.

    Parameters
    ----------
    function : str
        The form of the data has this name: an open page of an earlier version ignores another one.
    table : dict
        {"n", "columns": [{"name", "kind", "label", "meaning", "anchor", ...}]}; `anchor` is that
        of the glossary. The other members are those of `pack`.

    Returns
    -------
    str
        One call of the function with a base64 text, the gzipped table as JSON.
    """
    try:
        text = msgspec.json.encode(table)  # ten times as fast as json
    except UnicodeEncodeError:  # lone surrogates
        text = json.dumps(table, separators=(",", ":")).encode("ascii")
    packed_text = gzip.compress(text, compresslevel=COMPRESSION, mtime=0)
    return f'{function}("{base64.b64encode(packed_text).decode("ascii")}");\n'


def pack(kind: str, values: Series[Any]) -> Packed:
    """Return the packed values of a column.

    Text columns have `words` and, per row, the `codes` of a word (-1: none). A path is a word
    (its folder) and a `values` text (its name). Numbers are `values`. Instants are seconds since
    the `zero` of their column, which is in seconds since 1970 (UTC). None is null.

    Codes, instants and whole numbers, except for sizes, are differences from the previous row
    that has a value, the first from 0: most are 0 or 1, in the order of creation.
    """
    return _PACKERS[kind](values)


def _pack_path(values: Series[Any]) -> Packed:
    """Pack folders as words, which saves two thirds of the room."""
    values = values.fillna("")
    if values.dtype == "object":
        parts = [path.rpartition("/") for path in values]
        return words([folder + slash for folder, slash, _ in parts]) | {
            "values": [name for _, _, name in parts]
        }
    folders, codes, names = split_words(values)
    return {"words": folders, "codes": steps(codes.to_numpy()), "values": names.to_pylist()}


def _pack_word(values: Series[Any]) -> Packed:
    """Pack each text once, and its number per row."""
    if values.dtype == "object":  # lone surrogates, which Arrow cannot hold
        return words(values.where(values.notna(), None).tolist())
    found = frames.arrow(values).dictionary_encode()
    return {
        "words": found.dictionary.to_pylist(),
        "codes": steps(found.indices.fill_null(-1).to_numpy()),
    }


def words(texts: Iterable[str | None]) -> Packed:
    """Return texts packed as `pack` does; None has the code -1."""
    import numpy as np

    codes: dict[str, int] = {}
    rows = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return {"words": list(codes), "codes": steps(np.array(rows, dtype="int64"))}


def _pack_bytes(values: Series[Any]) -> Packed:
    return {"values": _whole(values.to_numpy("int64", na_value=0), values.isna().to_numpy())}


def _pack_int(values: Series[Any]) -> Packed:
    return {"values": steps(values.to_numpy("int64", na_value=0), values.isna().to_numpy())}


def _pack_float(values: Series[Any]) -> Packed:
    """Pack numbers with nine digits."""
    import numpy as np

    numbers = values.to_numpy("float64", na_value=np.nan)
    is_number = np.isfinite(numbers)
    if not is_number.any():
        return {"values": [None] * len(numbers)}
    plain = np.where(is_number, numbers, 0.0)
    digits = 8 - np.floor(np.log10(np.abs(np.where(plain == 0, 1.0, plain)))).astype("int64")
    powers = np.array([float(f"1e{n}") for n in range(23)])[np.minimum(np.abs(digits), 22)]
    with np.errstate(over="ignore"):
        rounded = np.where(
            digits > 0, np.rint(plain * powers) / powers, np.rint(plain / powers) * powers
        )
    rounded = np.where(np.abs(digits) > 22, plain, rounded)  # no exact power
    return {"values": _whole(rounded, ~is_number)}


def _pack_instant(values: Series[Any]) -> Packed:
    import pandas as pd

    instants = pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]")
    absent = instants.isna().to_numpy()
    whole = instants.astype("int64").to_numpy() // 1_000_000
    zero = 0 if absent.all() else int(whole[~absent].min())
    return {"zero": zero, "values": steps(whole - zero, absent)}


def steps(numbers: Numbers, absent: Bools | None = None) -> list[int | None]:
    """Return the difference of each number from the previous one.

    The first is its difference from 0; None for an absent one.
    """
    import numpy as np

    if absent is not None and absent.any():
        last = np.maximum.accumulate(np.where(absent, 0, np.arange(len(numbers))))
        numbers = np.where(absent[last], 0, numbers[last])  # 0 before the first one
    return _whole(np.diff(numbers, prepend=0), absent)


def _whole(numbers: NDArray[Any], absent: Bools | None) -> list[Any]:
    """Return an array's plain numbers, None for absent ones."""
    if absent is not None and absent.all():
        return [None] * len(absent)
    listed: list[Any] = numbers.tolist()
    for row in absent.nonzero()[0] if absent is not None else ():
        listed[row] = None
    return listed


_PACKERS = {
    "path": _pack_path,
    "word": _pack_word,
    "int": _pack_int,
    "bytes": _pack_bytes,
    "float": _pack_float,
    "instant": _pack_instant,
}
