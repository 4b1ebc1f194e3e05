"""The script with all files: small, quick, the same every time, and nothing in it but data."""

import base64
import gzip
import itertools
import json
import time

import numpy as np
import pandas as pd
import pytest
from page_samples import NASTY

from observing_monitor.model import columns
from observing_monitor.pages import file_list

KINDS = {c.name: c.kind for c in columns.FILES} | {
    "file_class": "text",
    "reason": "text",
    "ingested_at": "instant",
}


def table(n, **changed):
    """`n` files of nine detectors, created every two seconds; the last of them not ingested."""
    number = np.arange(n)
    created = pd.Timestamp("2020-02-12T22:00:00Z") + pd.to_timedelta(number * 0.2, unit="s")
    ingested = pd.Series(created + pd.to_timedelta(61 + number % 977, unit="s"))
    ingested[ingested.index[-1:]] = pd.NaT
    data = {
        "path": [
            f"2020-02-12/exposure{i // 9:06}/AT_O_20200212_{i // 9:06}_R{i % 9:02}.fits"
            for i in number
        ],
        "file_class": np.where(number % 50 == 49, "failed", "ingested"),
        "size_bytes": 90_000_000 + (number * 7919) % 9_999_991,
        "obsid": [f"AT_O_20200212_{i // 9:06}" for i in number],
        "exposure": [f"20200212{i // 9:06}" for i in number],
        "seq_num": number // 9,
        "detector": [str(i % 9) for i in number],
        "created_at": created,
        "transferred_at": created + pd.to_timedelta(3 + (number * 31) % 17, unit="s"),
        "ingested_at": ingested,
        "reason": np.where(number % 50 == 49, "failed: KeyError 'DATE-OBS'", None),
    } | changed
    return pd.DataFrame(
        {
            name: pd.Series(values).astype(columns.DTYPES[KINDS[name]])
            for name, values in data.items()
        }
    )


def unpack(script):
    """The table inside a script."""
    start, end = f'{file_list.FUNCTION}("', '");\n'
    assert script.startswith(start) and script.endswith(end)
    return json.loads(
        gzip.decompress(base64.b64decode(script[len(start) : -len(end)], validate=True))
    )


def added_up(steps):
    """From the steps between the numbers that are there to the numbers."""
    sums = itertools.accumulate(step for step in steps if step is not None)
    return [None if step is None else next(sums) for step in steps]


def rows_of(packed):
    """The rows of an unpacked table, as the page's script reads them."""
    read = []
    for column in packed["columns"]:
        words = [
            None if code < 0 else column["words"][code]
            for code in added_up(column.get("codes", []))
        ]
        if column["kind"] in ("int", "instant"):
            column["values"] = added_up(column["values"])
        if column["kind"] == "path":
            words = [folder + name for folder, name in zip(words, column["values"], strict=True)]
        values = words or column.get("values", [])
        if column["kind"] == "instant":
            values = [None if v is None else v + column["zero"] for v in values]
        read.append(values)
    return [
        dict(zip([c["name"] for c in packed["columns"]], row, strict=True))
        for row in zip(*read, strict=True)
    ]


def test_every_row_comes_back():
    """What is read from the script is what was in the table: texts, numbers, instants in whole seconds, and nothing."""
    files = table(101)
    rows = rows_of(unpack(file_list.render_files_js(files)))
    assert [row["path"] for row in rows] == files["path"].tolist()
    assert [row["size_bytes"] for row in rows] == files["size_bytes"].tolist()
    assert [row["created_at"] for row in rows] == [int(t.timestamp()) for t in files["created_at"]]
    assert rows[-1]["ingested_at"] is None and rows[0]["ingested_at"] == int(
        files["ingested_at"][0].timestamp()
    )
    assert rows[0]["reason"] is None and rows[49]["reason"] == "failed: KeyError 'DATE-OBS'"


@pytest.mark.parametrize(
    "missing", [[0], [0, 1, 2], [3, 7], [99, 100], list(range(1, 101)), list(range(101))]
)
def test_every_number_comes_back(missing):
    """Where rows have no number, no instant and no word, at the beginning, the end or in between, all others keep theirs."""
    files = table(101)
    for name in ("seq_num", "size_bytes", "created_at", "detector", "exposure"):
        files.loc[missing, name] = None
    rows = rows_of(unpack(file_list.render_files_js(files)))
    for name in ("seq_num", "size_bytes", "detector", "exposure"):
        assert [row[name] for row in rows] == files[name].astype("object").where(
            files[name].notna(), None
        ).tolist()
    assert [row["created_at"] for row in rows] == [
        None if pd.isna(at) else int(at.timestamp()) for at in files["created_at"]
    ]


def test_same_rows_same_bytes():
    """The script of the same rows is the same, whenever it is made: its fingerprint only changes with the files."""
    assert file_list.render_files_js(table(500)) == file_list.render_files_js(table(500))


def test_rows_of_several_tables():
    """A table that was put together from others, with Unicode in its names, gives the script of one that was made whole."""
    whole = table(60, path=[f"Nächte/α/{n}.fits" if n % 2 else f"{n}.fits" for n in range(60)])
    pieces = pd.concat([whole.iloc[:20], whole.iloc[20:25], whole.iloc[25:25], whole.iloc[25:]])
    assert file_list.render_files_js(pieces) == file_list.render_files_js(whole)
    assert [row["path"] for row in rows_of(unpack(file_list.render_files_js(pieces)))] == whole[
        "path"
    ].tolist()


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows(n):
    """A night of no file, or of one, has a script too."""
    assert unpack(file_list.render_files_js(table(n)))["n"] == n


def test_nothing_known_but_the_path():
    """Columns without a single value are null in every row."""
    unknown = {name: [None, None] for name in KINDS if name in table(1).columns and name != "path"}
    rows = rows_of(unpack(file_list.render_files_js(table(2, **unknown))))
    assert all(value is None for row in rows for name, value in row.items() if name != "path")


def test_nasty_names_are_data():
    """Markup, quotes, turned text and half surrogates in names are inside the packed text, never in the script."""
    files = table(3).astype({"path": "object", "reason": "object"})
    files.loc[0, ["path", "reason"]] = [f"a/{NASTY}", NASTY]
    script = file_list.render_files_js(files)
    assert script.isascii() and "<" not in script and script.count('"') == 2
    assert rows_of(unpack(script))[0]["path"] == f"a/{NASTY}"


def test_large_night():
    """A night of 200,000 files is below 6 MB and made in a few seconds at most."""
    files = table(200_000)
    started = time.perf_counter()
    script = file_list.render_files_js(files)
    assert len(script) < 6_000_000
    assert time.perf_counter() - started < 5, "it takes about one second where nothing else runs"
