"""All files of a night as a script that a page loads when its reader asks for them.

A page opened from disk may load a script but fetch nothing else, so the rows come as the argument of one call: columns as
JSON, gzipped, in base64. Nothing that others wrote can be code in there. `files-columns.js` reads it.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.model import columns, frames
from observing_monitor.model.names import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    Numbers = NDArray[np.integer[Any]]
    Bools = NDArray[np.bool_]


Packed = dict[
    str, Any
]  # what a packed column has beside its name: `values`, `codes`, `words`, `zero`, by its kind

FUNCTION = "observing_monitor_rows"  # another name for another form: a page of an earlier version, still open, takes it for nothing

# name (of columns.FILE_LIST), how it is packed; in the order in which the page shows them.
COLUMNS = (
    ("path", "path"),
    ("file_class", "word"),
    ("reason", "word"),
    ("size_bytes", "bytes"),
    ("created_at", "instant"),
    ("transferred_at", "instant"),
    ("ingested_at", "instant"),
    ("seq_num", "int"),
    ("detector", "word"),
    ("exposure", "word"),
    ("obsid", "word"),
)
BEFORE_STAGES = 1 + [name for name, *_ in COLUMNS].index("ingested_at")


def render_files_js(files: DataFrame, stages: Sequence[str] = ()) -> str:
    """The script with all rows of `files`, in their order: the same rows give the same bytes.

    Parameters
    ----------
    files : DataFrame
        Columns as in `COLUMNS`, dtypes as in `columns.DTYPES`. Without rows the script has an empty table.
    stages : sequence of str
        Stages beside the last, of which `files` has `STAGE_at`: when each file passed it.

    Returns
    -------
    str
        One call of `FUNCTION` with a base64 text: a gzipped JSON object `{"n", "columns": [{"name", "kind", "label",
        "meaning", "anchor", ...}]}`; `anchor` is the glossary's. Text columns have `words` and, per row, the `codes` of a word
        (-1: none); a path is a word (its folder) and a `values` text (its name); numbers are `values`; instants are seconds
        since the `zero` of their column, which is in seconds since 1970 (UTC). None is null. Of codes, instants and numbers but
        sizes each row has the step from the last one that is there, the first from 0: most are 0 or 1, in the order of creation.
    """
    described = {c.name: c for c in columns.FILE_LIST}
    shown = [
        (name, kind, described[name].label, described[name].meaning, name) for name, kind in COLUMNS
    ]
    beside = [
        (
            f"{stage}_at",
            "instant",
            stage.capitalize(),
            f"When the file passed the stage {stage}",
            "stage_at",
        )
        for stage in stages
    ]
    packed = [
        {"name": name, "kind": kind, "label": label, "meaning": meaning, "anchor": f"file-{word}"}
        | _PACKERS[kind](files[name])
        for name, kind, label, meaning, word in [
            *shown[:BEFORE_STAGES],
            *beside,
            *shown[BEFORE_STAGES:],
        ]
    ]
    table = {"n": len(files), "columns": packed}
    try:
        text = msgspec.json.encode(table)  # in a tenth of the time that json takes
    except UnicodeEncodeError:  # text that is no Unicode
        text = json.dumps(table, separators=(",", ":")).encode("ascii")
    # of a night's list, level 4 makes less than 6 does, in a third to a half of the time; what 5 makes differs by 2 %
    return f'{FUNCTION}("{base64.b64encode(gzip.compress(text, compresslevel=4, mtime=0)).decode("ascii")}");\n'


def _pack_path(values: Series[Any]) -> Packed:
    """Folders are few and long: a night's names cost a third without them."""
    values = values.fillna("")
    if values.dtype == "object":
        parts = [path.rpartition("/") for path in values]
        return _words([folder + slash for folder, slash, _ in parts]) | {
            "values": [name for _, _, name in parts]
        }
    folders, codes, names = split_words(values)
    return {"words": folders, "codes": _steps(codes.to_numpy()), "values": names.to_pylist()}


def _pack_word(values: Series[Any]) -> Packed:
    """Each text once, in order of first use, and per row which one it is; -1 for null."""
    if values.dtype == "object":  # text that is no Unicode, which Arrow can't hold
        return _words(_listed(values))
    found = frames.arrow(values).dictionary_encode()
    return {
        "words": found.dictionary.to_pylist(),
        "codes": _steps(found.indices.fill_null(-1).to_numpy()),
    }


def _words(texts: Iterable[str | None]) -> Packed:
    """Each text once, in order of first use, and per row which one it is."""
    import numpy as np

    codes: dict[str, int] = {}
    rows = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return {"words": list(codes), "codes": _steps(np.array(rows, dtype="int64"))}


def _listed(values: Series[Any]) -> list[Any]:
    """A column's plain values, None for null; text by way of Arrow, which is quick."""
    import pyarrow as pa

    if values.dtype == "object":
        return values.where(values.notna(), None).tolist()
    plain: list[Any] = pa.array(values).to_pylist()
    return plain


def _pack_bytes(values: Series[Any]) -> Packed:
    return {"values": _whole(values.to_numpy("int64", na_value=0), values.isna().to_numpy())}


def _pack_int(values: Series[Any]) -> Packed:
    return {"values": _steps(values.to_numpy("int64", na_value=0), values.isna().to_numpy())}


def _pack_instant(values: Series[Any]) -> Packed:
    import pandas as pd

    instants = pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]")
    absent = instants.isna().to_numpy()
    whole = instants.astype("int64").to_numpy() // 1_000_000
    zero = 0 if absent.all() else int(whole[~absent].min())
    return {"zero": zero, "values": _steps(whole - zero, absent)}


def _steps(numbers: Numbers, absent: Bools | None = None) -> list[int | None]:
    """What each number has more than the last one before it that is there, the first than 0; None where it is absent."""
    import numpy as np

    if absent is not None and absent.any():
        last = np.maximum.accumulate(np.where(absent, 0, np.arange(len(numbers))))
        numbers = np.where(absent[last], 0, numbers[last])  # none was there before
    return _whole(np.diff(numbers, prepend=0), absent)


def _whole(numbers: Numbers, absent: Bools | None) -> list[int | None]:
    """An array's plain numbers, None where they are absent."""
    listed: list[int | None] = numbers.tolist()
    for row in absent.nonzero()[0] if absent is not None else ():
        listed[row] = None
    return listed


_PACKERS = {
    "path": _pack_path,
    "word": _pack_word,
    "int": _pack_int,
    "bytes": _pack_bytes,
    "instant": _pack_instant,
}
