"""Lists of files, and the script of such a list unpacked."""

import base64
import gzip
import itertools
import json

import numpy as np
import pandas as pd

from observing_monitor.model import columns
from observing_monitor.pages import file_list

KINDS = {c.name: c.kind for c in columns.FILES} | {
    "file_class": "text",
    "reason": "text",
    "ingested_at": "instant",
}


def file_table(n, **changed):
    """Return `n` files of nine detectors, five per second.

    The last one is not ingested.
    """
    number = np.arange(n)
    created = pd.Timestamp("2020-02-12T22:00:00Z") + pd.to_timedelta(number * 0.2, unit="s")
    ingested = pd.Series(created + pd.to_timedelta(61 + number % 977, unit="s"))
    ingested[ingested.index[-1:]] = pd.NaT
    is_failed = number % 50 == 49
    data = {
        "path": [
            f"2020-02-12/exposure{i // 9:06}/AT_O_20200212_{i // 9:06}_R{i % 9:02}.fits"
            for i in number
        ],
        "file_class": np.where(is_failed, "failed", "ingested"),
        "size_bytes": 90_000_000 + (number * 7919) % 9_999_991,
        "obsid": [f"AT_O_20200212_{i // 9:06}" for i in number],
        "exposure": [f"20200212{i // 9:06}" for i in number],
        "seq_num": number // 9,
        "detector": [str(i % 9) for i in number],
        "created_at": created,
        "transferred_at": created + pd.to_timedelta(3 + (number * 31) % 17, unit="s"),
        "ingested_at": ingested,
        "reason": np.where(is_failed, "failed: KeyError 'DATE-OBS'", None),
    }
    return pd.DataFrame(
        {
            name: pd.Series(values).astype(columns.DTYPES[KINDS[name]])
            for name, values in (data | changed).items()
        }
    )


def unpacked(script, function=file_list.FUNCTION):
    """Return the table inside a script."""
    start, end = f'{function}("', '");\n'
    assert script.startswith(start) and script.endswith(end)
    packed = base64.b64decode(script[len(start) : -len(end)], validate=True)
    return json.loads(gzip.decompress(packed))


def rows_of(table):
    """Return an unpacked table's rows as the script reads them."""
    names = [column["name"] for column in table["columns"]]
    values = [_values(column) for column in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _values(column):
    kind, values = column["kind"], column.get("values", [])
    if kind in ("int", "instant"):
        values = _added_up(values)
    if kind == "instant":
        return [None if value is None else value + column["zero"] for value in values]
    codes = _added_up(column.get("codes", []))
    words = [None if code < 0 else column["words"][code] for code in codes]
    if kind == "path":
        return [folder + name for folder, name in zip(words, values, strict=True)]
    return words or values


def _added_up(steps):
    """Return numbers from the differences between them."""
    sums = itertools.accumulate(step for step in steps if step is not None)
    return [None if step is None else next(sums) for step in steps]
