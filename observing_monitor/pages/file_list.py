"""All files of a night, as a script for its page.

A page that was opened from disk can load a script but fetch nothing else. The rows are therefore
the argument of one call: columns as JSON, gzipped, in base64. Nothing that others wrote can run as
code. `templates/assets/js/files-columns.js` reads it.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.model import frames
from observing_monitor.model.names import split_words
from observing_monitor.pages.glossary import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.pages.glossary import Word

    Numbers = NDArray[np.integer[Any]]
    Bools = NDArray[np.bool_]


# a packed column besides its heading: `values`, `codes`, `words`, `zero`, depending on its kind
Packed = dict[str, Any]

# The form of the data has this name: an open page of an earlier version ignores another one.
FUNCTION = "observing_monitor_rows"
# for a night's list, smaller than level 6 in less than half of the time; level 5 saves 2 %
COMPRESSION = 4

# name (of columns.FILE_LIST), how it is packed; in the order of the page
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
# the stages come after this column
BEFORE_STAGES = "ingested_at"


def render_files_js(files: DataFrame, stages: Sequence[str] = ()) -> str:
    """Return the script with all rows of `files`.

    The same rows give the same bytes.

    Parameters
    ----------
    files : DataFrame
        Columns as in `COLUMNS`, dtypes as in `columns.DTYPES`. Without rows the table is empty.
    stages : sequence of str
        Stages besides the last: `files` has a column `STAGE_at` for each, with the time at which
        each file passed it.

    Returns
    -------
    str
        One call of `FUNCTION` with a base64 text: a gzipped JSON object {"n", "columns":
        [{"name", "kind", "label", "meaning", "anchor", ...}]}; `anchor` is that of the glossary.

        Text columns have `words` and, per row, the `codes` of a word (-1: none). A path is a word
        (its folder) and a `values` text (its name). Numbers are `values`. Instants are seconds
        since the `zero` of their column, which is in seconds since 1970 (UTC). None is null.

        Codes, instants and numbers, except for sizes, are differences from the previous row that
        has a value, the first from 0: most are 0 or 1, in the order of creation.
    """
    packed = [
        {"name": name, "kind": kind, "label": label, "meaning": meaning, "anchor": word.anchor}
        | _PACKERS[kind](files[name])
        for name, kind, label, meaning, word in _shown_columns(stages)
    ]
    table = {"n": len(files), "columns": packed}
    try:
        text = msgspec.json.encode(table)  # ten times as fast as json
    except UnicodeEncodeError:  # lone surrogates
        text = json.dumps(table, separators=(",", ":")).encode("ascii")
    packed_text = gzip.compress(text, compresslevel=COMPRESSION, mtime=0)
    return f'{FUNCTION}("{base64.b64encode(packed_text).decode("ascii")}");\n'


def _shown_columns(stages: Sequence[str]) -> Iterator[tuple[str, str, str, str, Word]]:
    """Yield name, kind, label, meaning and word of each column."""
    words = WORDS["file"]
    for name, kind in COLUMNS:
        word = words[name]
        yield name, kind, word.label, word.meaning, word
        if name == BEFORE_STAGES:
            for stage in stages:
                meaning = f"When the file passed the stage {stage}"
                yield f"{stage}_at", "instant", stage.capitalize(), meaning, words["stage_at"]


def _pack_path(values: Series[Any]) -> Packed:
    """Pack folders as words, which saves two thirds of the room."""
    values = values.fillna("")
    if values.dtype == "object":
        parts = [path.rpartition("/") for path in values]
        return _words([folder + slash for folder, slash, _ in parts]) | {
            "values": [name for _, _, name in parts]
        }
    folders, codes, names = split_words(values)
    return {"words": folders, "codes": _steps(codes.to_numpy()), "values": names.to_pylist()}


def _pack_word(values: Series[Any]) -> Packed:
    """Pack each text once, and its number per row."""
    if values.dtype == "object":  # lone surrogates, which Arrow cannot hold
        return _words(values.where(values.notna(), None).tolist())
    found = frames.arrow(values).dictionary_encode()
    return {
        "words": found.dictionary.to_pylist(),
        "codes": _steps(found.indices.fill_null(-1).to_numpy()),
    }


def _words(texts: Iterable[str | None]) -> Packed:
    """Pack each text once, and its number per row; -1 for None."""
    import numpy as np

    codes: dict[str, int] = {}
    rows = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return {"words": list(codes), "codes": _steps(np.array(rows, dtype="int64"))}


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
    """Return the difference of each number from the previous one.

    The first is its difference from 0; None for an absent one.
    """
    import numpy as np

    if absent is not None and absent.any():
        last = np.maximum.accumulate(np.where(absent, 0, np.arange(len(numbers))))
        numbers = np.where(absent[last], 0, numbers[last])  # 0 before the first one
    return _whole(np.diff(numbers, prepend=0), absent)


def _whole(numbers: Numbers, absent: Bools | None) -> list[int | None]:
    """Return an array's plain numbers, None for absent ones."""
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
