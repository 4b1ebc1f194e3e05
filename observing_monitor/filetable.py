"""All files of a night as a script that a page loads when its reader asks for them.

A page opened from disk may load a script but fetch nothing else, so the rows come as the argument of one call: columns as
JSON, gzipped, in base64. Nothing that others wrote can be code in there. `assets/monitor.js` is the reader.
"""

import base64
import gzip
import json

import msgspec

from observing_monitor import columns
from observing_monitor.names import split

FUNCTION = "observing_monitor_files"

# name, how it is packed, the words over it, what it means; in the order in which the page shows them.
COLUMNS = (
    ("path", "path", "File", "Path below the source's root"),
    ("file_class", "word", "Class", "What became of the file"),
    ("reason", "word", "Why", "Why the file needs attention"),
    ("size_bytes", "bytes", "Size", "Size when last seen"),
    ("created_at", "instant", "Created", "When the file was written at the telescope"),
    ("transferred_at", "instant", "Transferred", "When the file had arrived here"),
    ("ingested_at", "instant", "Ingested", "When the file was ingested"),
    ("seq_num", "int", "Seq.", "The exposure's number within its night, from 1"),
    ("detector", "word", "Detector", "The detector's number or name"),
    ("exposure", "word", "Exposure", "The exposure's identifier"),
    ("obsid", "word", "Obsid", "The observation's name"),
)
BEFORE_STAGES = 1 + [name for name, *_ in COLUMNS].index("ingested_at")


def render_files_js(files, stages=()):
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
        "meaning", ...}]}`. Text columns have `words` and, per row, the `codes` of a word (-1: none); a path is a word (its
        folder) and a `values` text (its name); numbers are `values`; instants are seconds since the `zero` of their
        column, which is in seconds since 1970 (UTC). None is null.
    """
    beside = [(f"{stage}_at", "instant", stage.capitalize(), f"When the file passed the stage {stage}") for stage in stages]
    packed = [
        {"name": name, "kind": kind, "label": label, "meaning": meaning} | _PACKERS[kind](files[name])
        for name, kind, label, meaning in [*COLUMNS[:BEFORE_STAGES], *beside, *COLUMNS[BEFORE_STAGES:]]
    ]
    table = {"n": len(files), "columns": packed}
    try:
        text = msgspec.json.encode(table)  # in a tenth of the time that json takes
    except UnicodeEncodeError:  # text that is no Unicode
        text = json.dumps(table, separators=(",", ":")).encode("ascii")
    # of a night's list, level 5 makes less than 6 does, in half the time
    return f'{FUNCTION}("{base64.b64encode(gzip.compress(text, compresslevel=5, mtime=0)).decode("ascii")}");\n'


def _pack_path(values):
    """Folders are few and long: a night's names cost a third without them."""
    values = values.fillna("")
    if values.dtype == "object":
        parts = [path.rpartition("/") for path in values]
        return _words([folder + slash for folder, slash, _ in parts]) | {"values": [name for _, _, name in parts]}
    folders, names = split(values)
    return _pack_word(folders) | {"values": names.tolist()}


def _pack_word(values):
    """Each text once, in order of first use, and per row which one it is; -1 for null."""
    if values.dtype == "object":  # text that is no Unicode, which Arrow can't hold
        return _words(_listed(values))
    found = columns.arrow(values).dictionary_encode()
    return {"words": found.dictionary.to_pylist(), "codes": found.indices.fill_null(-1).to_numpy().tolist()}


def _words(texts):
    codes = {}
    rows = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return {"words": list(codes), "codes": rows}


def _listed(values):
    """A column's plain values, None for null; text by way of Arrow, which is quick."""
    import pyarrow as pa

    if values.dtype == "object":
        return values.where(values.notna(), None).tolist()
    return pa.array(values).to_pylist()


def _pack_int(values):
    return {"values": _whole(values.to_numpy("int64", na_value=0), values.isna())}


def _pack_instant(values):
    import pandas as pd

    instants = pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]")
    absent = instants.isna()
    whole = instants.astype("int64").to_numpy() // 1_000_000
    zero = 0 if absent.all() else int(whole[~absent].min())
    return {"zero": zero, "values": _whole(whole - zero, absent)}


def _whole(numbers, absent):
    """An array's plain numbers, None where they are absent."""
    listed = numbers.tolist()
    for row in absent.to_numpy().nonzero()[0]:
        listed[row] = None
    return listed


_PACKERS = {"path": _pack_path, "word": _pack_word, "int": _pack_int, "bytes": _pack_int, "instant": _pack_instant}
