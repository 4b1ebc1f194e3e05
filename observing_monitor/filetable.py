"""All files of a night as a script that a page loads when its reader asks for them.

A page opened from disk may load a script but fetch nothing else, so the rows come as the argument of one call: columns as
JSON, gzipped, in base64. Nothing that others wrote can be code in there. `assets/monitor.js` is the reader.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Packed = dict[str, Any]  # what a packed column has beside its name: `values`, `codes`, `words`, `zero`, by its kind

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
        "meaning", ...}]}`. Text columns have `words` and, per row, the `codes` of a word (-1: none); a path is a word (its
        folder) and a `values` text (its name); numbers are `values`; instants are seconds since the `zero` of their
        column, which is in seconds since 1970 (UTC). None is null.
    """
    beside = [(f"{stage}_at", "instant", stage.capitalize(), f"When the file passed the stage {stage}") for stage in stages]
    packed = [
        {"name": name, "kind": kind, "label": label, "meaning": meaning} | _PACKERS[kind](files[name])
        for name, kind, label, meaning in [*COLUMNS[:BEFORE_STAGES], *beside, *COLUMNS[BEFORE_STAGES:]]
    ]
    text = json.dumps({"n": len(files), "columns": packed}, separators=(",", ":"))
    payload = base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)).decode("ascii")
    return f'{FUNCTION}("{payload}");\n'


def _pack_path(values: Series[Any]) -> Packed:
    """Folders are few and long: a night's names cost a third without them."""
    parts = [path.rpartition("/") for path in _listed(values.fillna(""))]
    return _words([folder + slash for folder, slash, _ in parts]) | {"values": [name for _, _, name in parts]}


def _pack_word(values: Series[Any]) -> Packed:
    return _words(_listed(values))


def _listed(values: Series[Any]) -> list[Any]:
    """A column's plain values, None for null; text by way of Arrow, which is quick."""
    import pyarrow as pa

    if values.dtype == "object":  # text that is no Unicode, which Arrow can't hold
        return values.where(values.notna(), None).tolist()
    plain: list[Any] = pa.array(values).to_pylist()
    return plain


def _words(texts: Iterable[str | None]) -> Packed:
    """Each text once, in order of first use, and per row which one it is."""
    codes: dict[str, int] = {}
    rows = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return {"words": list(codes), "codes": rows}


def _pack_int(values: Series[Any]) -> Packed:
    return {"values": _listed(values) if values.isna().any() else values.to_numpy("int64").tolist()}


def _pack_instant(values: Series[Any]) -> Packed:
    import pandas as pd

    whole = pd.Series(pd.to_datetime(values, utc=True).astype("datetime64[s, UTC]")).astype("int64")
    known = values.notna()
    zero = int(whole[known].min()) if known.any() else 0
    return {"zero": zero} | _pack_int((whole - zero).astype("Int64").where(known))


_PACKERS = {"path": _pack_path, "word": _pack_word, "int": _pack_int, "bytes": _pack_int, "instant": _pack_instant}
