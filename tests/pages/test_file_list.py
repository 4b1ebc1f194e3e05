"""The script with all files of a night."""

import time

import pandas as pd
import pytest
from file_tables import KINDS, file_table, rows_of, unpacked
from page_samples import NASTY

from observing_monitor.pages import file_list, packed
from observing_monitor.pages.glossary import WORDS


def read(files, stages=()):
    """Return the rows of the script of some files."""
    return rows_of(unpacked(file_list.render_files_js(files, stages)))


def test_every_row_comes_back():
    """The script has every value of the table."""
    files = file_table(101)
    rows = read(files)
    assert [row["path"] for row in rows] == files["path"].tolist()
    assert [row["size_bytes"] for row in rows] == files["size_bytes"].tolist()
    assert [row["created_at"] for row in rows] == [int(t.timestamp()) for t in files["created_at"]]
    assert rows[0]["ingested_at"] == int(files["ingested_at"][0].timestamp())
    assert rows[-1]["ingested_at"] is None
    assert rows[0]["reason"] is None and rows[49]["reason"] == "failed: KeyError 'DATE-OBS'"


@pytest.mark.parametrize(
    "missing", [[0], [0, 1, 2], [3, 7], [99, 100], list(range(1, 101)), list(range(101))]
)
def test_every_number_comes_back(missing):
    """Missing values change no other value."""
    files = file_table(101)
    for name in ("seq_num", "size_bytes", "created_at", "detector", "exposure"):
        files.loc[missing, name] = None
    rows = read(files)
    for name in ("seq_num", "size_bytes", "detector", "exposure"):
        values = files[name].astype("object").where(files[name].notna(), None)
        assert [row[name] for row in rows] == values.tolist()
    assert [row["created_at"] for row in rows] == [
        None if pd.isna(at) else int(at.timestamp()) for at in files["created_at"]
    ]


def test_columns_have_the_words_of_the_glossary():
    """Columns have the words of the glossary."""
    files = file_table(2).assign(copy_at=None)
    made = unpacked(file_list.render_files_js(files, ["copy"]))["columns"]
    names = [column["name"] for column in made]
    assert names[names.index("ingested_at") + 1] == "copy_at"
    for column in made:
        if column["name"] == "copy_at":
            said = ("Copy", "When the file passed the stage copy", "file-stage_at")
        else:
            word = WORDS["file"][column["name"]]
            said = (word.label, word.meaning, word.anchor)
        assert (column["label"], column["meaning"], column["anchor"]) == said


def test_last_attempts_are_no_shown_column():
    """The script has the last attempt of files that are not done."""
    at = pd.Timestamp("2020-02-12T23:00:00Z")
    made = file_list.render_files_js(file_table(2).assign(tried_at=[pd.NaT, at]))
    column = unpacked(made)["columns"][-1]
    assert (column["name"], column["is_shown"]) == ("tried_at", False)
    assert [row["tried_at"] for row in rows_of(unpacked(made))] == [None, 1581548400]


@pytest.mark.parametrize(
    ("value", "packed_value"),
    [
        (1.2345678949, 1.23456789),
        (-0.1, -0.1),
        (123456789012.0, 123456789000.0),
        (1e-30, 1e-30),
        (0.0, 0.0),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_numbers_have_nine_digits(value, packed_value):
    """A packed number has nine digits; one that is none is null."""
    assert packed.pack("float", pd.Series([value]))["values"] == [packed_value]


def test_same_rows_same_bytes():
    """The same rows give the same script."""
    assert file_list.render_files_js(file_table(500)) == file_list.render_files_js(file_table(500))


def test_rows_of_several_tables():
    """A table joined from parts gives the same script."""
    names = [f"Nächte/α/{n}.fits" if n % 2 else f"{n}.fits" for n in range(60)]
    whole = file_table(60, path=names)
    pieces = pd.concat([whole.iloc[:20], whole.iloc[20:25], whole.iloc[25:25], whole.iloc[25:]])
    assert file_list.render_files_js(pieces) == file_list.render_files_js(whole)
    assert [row["path"] for row in read(pieces)] == names


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows(n):
    """A night of no file or one has a script."""
    assert unpacked(file_list.render_files_js(file_table(n)))["n"] == n


def test_only_paths_are_known():
    """Columns without any value are null in every row."""
    names = [name for name in KINDS if name in file_table(1).columns and name != "path"]
    rows = read(file_table(2, **{name: [None, None] for name in names}))
    assert all(value is None for row in rows for name, value in row.items() if name != "path")


def test_nasty_names_are_data():
    """Markup in names is in the packed text alone."""
    files = file_table(3).astype({"path": "object", "reason": "object"})
    files.loc[0, ["path", "reason"]] = [f"a/{NASTY}", NASTY]
    script = file_list.render_files_js(files)
    assert script.isascii() and "<" not in script and script.count('"') == 2
    row = rows_of(unpacked(script))[0]
    assert (row["path"], row["reason"]) == (f"a/{NASTY}", NASTY)


def test_large_night():
    """The script of 200,000 files is below 6 MB, made in seconds."""
    files = file_table(200_000)
    started = time.perf_counter()
    script = file_list.render_files_js(files)
    assert len(script) < 6_000_000
    assert time.perf_counter() - started < 5
