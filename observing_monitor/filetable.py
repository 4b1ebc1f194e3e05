"""All files of a night as a script that a page loads when its reader asks for them.

A page opened from disk may load a script but fetch nothing else, so the rows come as the argument of one call: columns as
JSON, gzipped, in base64. Nothing that others wrote can be code in there. `assets/monitor.js` is the reader.
"""

import base64
import gzip
import json

from observing_monitor import columns

FUNCTION = "observing_monitor_files"

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
        "meaning", "anchor", ...}]}`; `anchor` is the glossary's. Text columns have `words` and, per row, the `codes` of a word
        (-1: none); a path is a word (its folder) and a `values` text (its name); numbers are `values`; instants are seconds
        since the `zero` of their column, which is in seconds since 1970 (UTC). None is null.
    """
    described = {c.name: c for c in columns.FILE_LIST}
    shown = [(name, kind, described[name].label, described[name].meaning, name) for name, kind in COLUMNS]
    beside = [(f"{stage}_at", "instant", stage.capitalize(), f"When the file passed the stage {stage}", "stage_at") for stage in stages]
    packed = [
        {"name": name, "kind": kind, "label": label, "meaning": meaning, "anchor": f"file-{word}"} | _PACKERS[kind](files[name])
        for name, kind, label, meaning, word in [*shown[:BEFORE_STAGES], *beside, *shown[BEFORE_STAGES:]]
    ]
    text = json.dumps({"n": len(files), "columns": packed}, separators=(",", ":"))
    payload = base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)).decode("ascii")
    return f'{FUNCTION}("{payload}");\n'


def _pack_path(values):
    """Folders are few and long: a night's names cost a third without them."""
    parts = [path.rpartition("/") for path in _listed(values.fillna(""))]
    return _words([folder + slash for folder, slash, _ in parts]) | {"values": [name for _, _, name in parts]}


def _pack_word(values):
    return _words(_listed(values))


def _listed(values):
    """A column's plain values, None for null; text by way of Arrow, which is quick."""
    import pyarrow as pa

    if values.dtype == "object":  # text that is no Unicode, which Arrow can't hold
        return values.where(values.notna(), None).tolist()
    return pa.array(values).to_pylist()


def _words(texts):
    """Each text once, in order of first use, and per row which one it is."""
    codes = {}
    rows = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return {"words": list(codes), "codes": rows}


def _pack_int(values):
    return {"values": _listed(values) if values.isna().any() else values.to_numpy("int64").tolist()}


def _pack_instant(values):
    import pandas as pd

    whole = pd.Series(pd.to_datetime(values, utc=True).astype("datetime64[s, UTC]")).astype("int64")
    known = values.notna()
    zero = int(whole[known].min()) if known.any() else 0
    return {"zero": zero} | _pack_int((whole - zero).astype("Int64").where(known))


_PACKERS = {"path": _pack_path, "word": _pack_word, "int": _pack_int, "bytes": _pack_int, "instant": _pack_instant}
