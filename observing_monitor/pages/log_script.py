"""The observing log of a night, as a script for its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observing_monitor.model import columns, wording
from observing_monitor.pages import packed
from observing_monitor.pages.glossary import WORDS, class_words
from observing_monitor.pages.observing_log import is_told
from observing_monitor.tables.observing_log import with_measures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame, Series

    from observing_monitor.tables.observing_log import Measure, ObservingLog


# The form of the data has this name: an open page of an earlier version ignores another one.
FUNCTION = "observing_monitor_log"

# columns of the table, if they say something; an open row has all of them
SHOWN = (
    "started_at",
    "exposure",
    "instrument",
    "seq_num",
    "observation_type",
    "target",
    "program",
    "physical_filter",
    "exposure_time_s",
    "airmass",
    "gap_before_s",
)
LAST_SHOWN = ("files", "comment")
# kind of a column (a key of columns.DTYPES): how it is packed
_KINDS = {"text": "word", "int": "int", "float": "float", "instant": "instant", "flag": "word"}
_UNITS = {"s": "s", "deg": "°"}  # by the end of a column's name


def render_log_js(
    log: ObservingLog, has_files: bool, has_ingest: bool, pictures: Mapping[int, str] | None = None
) -> str:
    """Return the script with all exposures of a night.

    Parameters
    ----------
    log : ObservingLog
    has_files : bool
        True if a source reports files.
    has_ingest : bool
        True if a stage comes after arrival.
    pictures : mapping, optional
        Row of an exposure -> the address of its picture.

    Returns
    -------
    str
        From `packed.script`. Besides the columns, it has `of_files`: for each row of the list of
        files, the row of its exposure, or -1; as differences from the previous one. A column
        without `is_shown` is for open rows. Numbers of files have `is_count`, numbers of
        exposures `is_measure`, yes and no `is_flag`, addresses of pictures `is_picture`.
    """
    rows = with_measures(log)
    made = [_column(rows, name) for name in SHOWN]
    if pictures:
        made.insert(SHOWN.index("exposure") + 1, _pictures(pictures, len(rows)))
    names = [str(name) for name in rows if name not in log.rows]
    made += [_measure(name, one) for name, one in zip(names, log.measures, strict=True)]
    made += _files(rows, has_ingest) if has_files else []
    named = {one["name"] for one in made}
    made += [_column(rows, c.name) for c in columns.EXPOSURES if c.name not in named]
    table = {"n": len(rows), "columns": made, "of_files": packed.steps(log.of_files)}
    return packed.script(FUNCTION, table)


def _column(rows: DataFrame, name: str) -> packed.Packed:
    """Return a column of exposures."""
    word, values = WORDS["observed"][name], rows[name]
    if name == "physical_filter":
        values = values.fillna(rows["band"])
    is_flag = word.kind == "flag"
    return {
        "name": name,
        "kind": _KINDS[word.kind],
        "label": word.label,
        "meaning": word.meaning,
        "anchor": word.anchor,
        "unit": _UNITS.get(name.rpartition("_")[2], ""),
        "is_flag": is_flag,
        "is_shown": name in (*SHOWN, *LAST_SHOWN) and is_told(rows, name),
    } | (_flags(values) if is_flag else packed.pack(_KINDS[word.kind], values))


def _flags(values: Series[Any]) -> packed.Packed:
    """Return flags packed as words."""
    import numpy as np

    codes = np.where(values.fillna(False).to_numpy("bool"), 0, 1)
    return {"words": ["yes", "no"], "codes": packed.steps(np.where(values.isna(), -1, codes))}


def _pictures(pictures: Mapping[int, str], n: int) -> packed.Packed:
    """Return the column of pictures."""
    return {
        "name": "preview",
        "kind": "word",
        "label": "Preview",
        "meaning": "Small picture of the first of its files",
        "anchor": WORDS["observed"]["exposure"].anchor,
        "unit": "",
        "is_shown": True,
        "is_picture": True,
    } | packed.words(pictures.get(row) for row in range(n))


def _measure(name: str, measure: Measure) -> packed.Packed:
    """Return the column of a number."""
    return {
        "name": name,
        "kind": "float",
        "label": measure.name,
        "meaning": f"Latest value of {measure.name} for the exposure",
        "anchor": WORDS["number"]["value"].anchor,
        "unit": measure.unit,
        "is_shown": True,
        "is_measure": True,
    } | packed.pack("float", measure.values)


def _files(rows: DataFrame, has_ingest: bool) -> list[packed.Packed]:
    """Return columns of the numbers of files: in words, and by class."""
    import numpy as np
    import pandas as pd

    words = class_words(has_ingest)
    names = [c.name for c in columns.CLASSES if c.name in rows]
    codes = np.zeros(len(rows), dtype="int64")
    for name in names:  # ten times as fast as to compare whole rows
        of_class = rows[name].to_numpy("int64")
        codes = pd.factorize(codes * (of_class.max(initial=0) + 1) + of_class)[0]
    _, first = np.unique(codes, return_index=True)
    texts, chips = [], []
    for counted in rows[names].iloc[first].to_numpy("int64").tolist():
        found = [(n, name) for n, name in zip(counted, names, strict=True) if n]
        text = ", ".join(f"{wording.count_text(n)} {words[name].label}" for n, name in found)
        texts.append(text or "none")
        chips.append(found[-1][1] if found else "")
    word = WORDS["observed"]["n_files"]
    head = {"label": word.label, "meaning": word.meaning, "anchor": word.anchor, "unit": ""}
    files = {"words": texts, "codes": packed.steps(codes), "chips": chips}
    total = {"name": "n_files", "kind": "int", "is_shown": False, "is_count": True} | head
    return [
        {"name": "files", "kind": "word", "is_shown": True} | head | files,
        total | packed.pack("int", rows["n_files"]),
        *(
            {"name": name, "kind": "int", "is_shown": False, "is_count": True}
            | {"label": words[name].label, "meaning": words[name].meaning, "unit": ""}
            | {"anchor": words[name].anchor}
            | packed.pack("int", rows[name])
            for name in names
        ),
    ]
