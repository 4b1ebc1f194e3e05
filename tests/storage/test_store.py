"""Nights in and out of Parquet, and files that are written whole or not at all."""

import datetime
import os

import pandas as pd
import pyarrow.dataset
import pytest
from test_tables import NOW, files, ingests

from observing_monitor.errors import OutputError, StoreError
from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Tables
from observing_monitor.storage.output import Output
from observing_monitor.storage.redact import Redaction
from observing_monitor.storage.store import Store

NIGHT = datetime.date(2020, 2, 12)


@pytest.fixture
def store(tmp_path):
    output = Output(tmp_path / "site")
    output.make()
    return Store(output, "auxTel")


def night():
    """Tables with a value, and none, of every kind; text that is hard."""
    rows = (
        {"file_id": 'n/<b>"é\u202e.fits', "seq_num": 3, "transferred_at": NOW, "inode": 2**63 - 1},
        {"file_id": "n/b", "inode": 2**53 + 1},
    )
    metrics = frames.frame(
        columns.METRICS,
        {
            "name": ["a", "a"],
            "value": [1.5, float("nan")],
            "text": [None, ""],
            "sampled_at": [NOW, None],
        },
    )
    return Tables(
        files(*rows), ingests({"file_id": "n/b", "message": "Trace\n  back\x1b[0m"}), metrics
    )


def test_night_comes_back(store):
    """A night's tables come back as they were: values, nulls, dtypes, the order of columns and rows."""
    store.save(NIGHT, night())
    for name in columns.TABLES:
        pd.testing.assert_frame_equal(getattr(store.load(NIGHT), name), getattr(night(), name))
    assert store.nights() == [NIGHT]


def test_full_nights_take_little_room(store):
    """Of 20,000 files in order, whose numbers go up and whose names differ by a number, each takes less than ten bytes."""
    n = 20_000
    many = files(
        *(
            {
                "file_id": f"2020-02-12/CC_O_20200212_{k:06d}_R22_S00.fits",
                "inode": 700_000 + k,
                "size_bytes": 20_000 + k,
            }
            for k in range(n)
        )
    )
    store.save(NIGHT, Tables(many, night().ingests, night().metrics))
    pd.testing.assert_frame_equal(store.load(NIGHT).files, many)
    assert (
        os.path.getsize(store.output.path(store.folder, f"night={NIGHT}", "files.parquet")) < 10 * n
    )


def test_nothing_known(store):
    """A night that was never saved is empty, with all columns."""
    assert (
        store.nights() == []
        and store.read_looked(NIGHT) == {}
        and store.read_index()["nights"] == {}
    )
    for name, described in columns.TABLES.items():
        assert list(getattr(store.load(NIGHT), name).columns) == [c.name for c in described]


def test_same_tables_are_not_written_again(store, tmp_path):
    """Saving the same tables touches no file and gives the same digest."""
    first = store.save(NIGHT, night())
    paths = list((tmp_path / "site").rglob("*.parquet"))
    before = [path.stat().st_mtime_ns for path in paths]
    assert store.save(NIGHT, night()) == first
    assert len(paths) == 3 and [path.stat().st_mtime_ns for path in paths] == before


def test_others_can_read_the_history(store, tmp_path):
    """pyarrow reads the dataset as it stands, with stream and night as columns; the schema's version is in every footer."""
    store.save(NIGHT, night())
    paths = [
        str(path) for path in (tmp_path / "site" / "data").glob("stream=*/night=*/files.parquet")
    ]
    table = pyarrow.dataset.dataset(paths, partitioning="hive").to_table()
    assert (
        table.column("night").to_pylist() == ["2020-02-12"] * 2
        and table.column("stream").to_pylist() == ["auxTel"] * 2
    )
    assert (
        table.schema.metadata[b"observing_monitor.schema_version"]
        == str(columns.SCHEMA_VERSION).encode()
    )


@pytest.mark.parametrize("cut", [0, 1, 4, 100, -1, -4, -100])
def test_cut_tables(store, tmp_path, cut):
    """A table cut at any byte is a StoreError that names it, and is not taken for whole."""
    _, sizes = store.save(NIGHT, night())
    assert store.is_whole(NIGHT, sizes)
    path = tmp_path / "site" / "data" / "stream=auxTel" / "night=2020-02-12" / "files.parquet"
    path.write_bytes(path.read_bytes()[:cut])
    assert not store.is_whole(NIGHT, sizes)
    with pytest.raises(StoreError, match=r"files\.parquet: can't be read"):
        store.load(NIGHT)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema_version": 999}', '{"schema_version": 1}', "\x00"]
)
def test_index_that_is_none(store, text):
    """An index that can't be read is remade from the nights that are there."""
    digest, _ = store.save(NIGHT, night())
    store.write_looked(NIGHT, {"tables": digest, "changed_at": "2020-02-13T06:00:00Z"})
    store.output.write("data/stream=auxTel/index.json", text)
    assert store.read_index()["nights"] == {
        "2020-02-12": {"tables": digest, "changed_at": "2020-02-13T06:00:00Z"}
    }


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """Where the rename fails the old file stays and nothing is left beside it; the path is named."""
    output = Output(tmp_path)
    output.make()
    output.write("a/page.html", "old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(
        OutputError, match=r"page\.html: no space left on device; it was left as it was"
    ):
        output.write("a/page.html", "new")
    assert (tmp_path / "a" / "page.html").read_text() == "old" and os.listdir(
        tmp_path / ".unfinished"
    ) == []


def test_files_written_at_once(tmp_path):
    """At the end of the context all files are there but those that could not be written; of what went wrong the first is raised."""
    output = Output(tmp_path)
    output.make()
    (tmp_path / "3" / "in the way").mkdir(parents=True)
    (tmp_path / "5" / "in the way").mkdir(parents=True)
    with (
        pytest.raises(OutputError, match=r"/3: is a directory; it was left as it was"),
        output.at_once(True) as begin,
    ):
        for number in range(9):
            begin(output.write, str(number), f"{number}" * 100_000)
    assert {name for name in os.listdir(tmp_path) if os.path.isfile(tmp_path / name)} == set(
        "0124678"
    )
    assert (tmp_path / "8").read_text() == "8" * 100_000 and os.listdir(
        tmp_path / ".unfinished"
    ) == []
    with pytest.raises(KeyError), output.at_once(True) as begin:
        begin(output.write, "a", "a")
        raise KeyError
    assert (tmp_path / "a").exists()
    with output.at_once(False) as begin:
        begin(output.write, "b", "b")
        assert (tmp_path / "b").exists()
        with pytest.raises(OutputError, match=r"/3: is a directory"):
            begin(output.write, "3", "3")


def test_files_written_in_parts(tmp_path):
    """What comes in parts is written whole; where it is what is there the file keeps its time, and nothing is left beside it."""
    output = Output(tmp_path, Redaction(["/secret/place"]))
    output.make()
    parts = [b"a" * 9, b"", b"/secret/place\n"]
    assert (
        output.write_parts("n/list.csv", parts)
        and (tmp_path / "n" / "list.csv").read_bytes() == b"a" * 9 + b"[hidden]\n"
    )
    os.utime(tmp_path / "n" / "list.csv", (1, 1))
    assert (
        not output.write_parts("n/list.csv", iter(parts))
        and (tmp_path / "n" / "list.csv").stat().st_mtime == 1
    )
    for others in (parts[:2], [*parts, b"b"], [b"b" * 9, *parts[1:]], []):
        assert output.write_parts("n/list.csv", others) and not output.write_parts(
            "n/list.csv", others
        )
    assert (tmp_path / "n" / "list.csv").read_bytes() == b"" and os.listdir(
        tmp_path / ".unfinished"
    ) == []

    def broken():
        yield b"a"
        raise KeyError

    with pytest.raises(KeyError):
        output.write_parts("n/list.csv", broken())
    (tmp_path / "folder" / "in the way").mkdir(parents=True)
    with pytest.raises(OutputError, match="/folder: is a directory"):
        output.write_parts("folder", parts)
    assert (tmp_path / "n" / "list.csv").read_bytes() == b"" and os.listdir(
        tmp_path / ".unfinished"
    ) == []


def test_leavings_are_swept(tmp_path):
    """What a killed run left unfinished is gone after the next one has begun."""
    output = Output(tmp_path)
    output.make()
    (tmp_path / ".unfinished" / "host-1-1").write_text("half a pa")
    output.sweep()
    assert os.listdir(tmp_path / ".unfinished") == []


def test_surrogates_are_written_as_bytes_escaped(tmp_path):
    """Text that is no Unicode, as a file's name may be, is written with its bytes as backslash escapes."""
    output = Output(tmp_path)
    output.make()
    output.write("x.json", "a\udcffb")
    assert (tmp_path / "x.json").read_bytes() == b"a\\udcffb"


def test_what_is_there_but_cannot_be_read(tmp_path, store):
    """A file of the output that can't be read is named, and is not taken for one that is not there."""
    (tmp_path / "x.json").mkdir()
    with pytest.raises(
        OutputError,
        match=r"x\.json: is a directory; the user who runs this must be able to read all of output_dir",
    ):
        Output(tmp_path).read_json("x.json")
    store.output.write(
        "data/stream=auxTel/night=2020-02-12/looked.json", '{"sources": ["files"], "silent": {}}'
    )
    assert store.read_looked(NIGHT) == {}
