"""Nights in the store: their tables, and the index."""

import datetime
import os

import pandas as pd
import pyarrow.dataset
import pytest
from night_tables import NOW, attempts, files, ingests

from observing_monitor.errors import StoreError
from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Tables
from observing_monitor.storage import layout
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

NIGHT = datetime.date(2020, 2, 12)


@pytest.fixture
def store(tmp_path):
    output = Output(tmp_path / "site")
    output.make()
    return Store(output, "auxTel")


def night():
    """Return tables with values and nulls of every kind."""
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
    """A night's tables come back as they were saved."""
    store.save(NIGHT, night())
    for name in columns.TABLES:
        pd.testing.assert_frame_equal(getattr(store.load(NIGHT), name), getattr(night(), name))
    assert store.nights() == [NIGHT]


def test_full_nights_take_little_room(store):
    """Each of 20,000 similar files takes less than ten bytes in the store."""
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
    path = store.output.path(layout.table_file("auxTel", NIGHT, "files"))
    assert os.path.getsize(path) < 10 * n


def test_nothing_known(store):
    """A night that was never saved has empty tables with all columns."""
    assert (
        store.nights() == []
        and store.read_looked(NIGHT) == {}
        and store.read_index()["nights"] == {}
    )
    for name, described in columns.TABLES.items():
        assert list(getattr(store.load(NIGHT), name).columns) == [c.name for c in described]


def test_same_tables_are_not_written_again(store, tmp_path):
    """Saving the same tables touches no file and returns the same digest."""
    first = store.save(NIGHT, night())
    paths = list((tmp_path / "site").rglob("*.parquet"))
    before = [path.stat().st_mtime_ns for path in paths]
    assert store.save(NIGHT, night()) == first
    assert len(paths) == 3 and [path.stat().st_mtime_ns for path in paths] == before


def test_others_can_read_the_history(store, tmp_path):
    """Other programs read the store as a data set by stream and night."""
    store.save(NIGHT, night())
    paths = [
        str(path) for path in (tmp_path / "site" / "data").glob("stream=*/night=*/files.parquet")
    ]
    table = pyarrow.dataset.dataset(paths, partitioning="hive").to_table()
    assert (
        table.column("night").to_pylist() == ["2020-02-12"] * 2
        and table.column("stream").to_pylist() == ["auxTel"] * 2
    )
    # that of its newest column
    assert table.schema.metadata[b"observing_monitor.schema_version"] == b"1"


@pytest.mark.parametrize("cut", [0, 1, 4, 100, -1, -4, -100])
def test_cut_tables(store, tmp_path, cut):
    """A table that is cut anywhere is a StoreError."""
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
    """An index that cannot be read is remade from the nights in the store."""
    digest, _ = store.save(NIGHT, night())
    store.write_looked(NIGHT, {"tables": digest, "changed_at": "2020-02-13T06:00:00Z"})
    store.output.write("data/stream=auxTel/index.json", text)
    assert store.read_index()["nights"] == {
        "2020-02-12": {"tables": digest, "changed_at": "2020-02-13T06:00:00Z"}
    }


def test_last_look_that_is_none(store):
    """A `looked.json` with members of another type counts as none."""
    looked = '{"sources": ["files"], "silent": {}}'
    store.output.write(layout.looked_file("auxTel", NIGHT), looked)
    assert store.read_looked(NIGHT) == {}


def test_notes_of_a_killed_run(store):
    """Rows noted by a killed run are in the index, except a line that is cut."""
    store.write_index({**store.read_index(), "is_settled": True})
    store.note(NIGHT, {"tables": "a"})
    store.note(NIGHT, {"tables": "b"})
    store.output.append(layout.index_notes_file("auxTel"), b'{"night":"2020-02-13","row":{}')
    index = store.read_index()
    assert index["nights"] == {"2020-02-12": {"tables": "b"}}
    assert "is_settled" not in index
    store.write_index(index)
    assert not store.output.exists(layout.index_notes_file("auxTel"))
    assert store.read_index() == index


def test_cached_attempts(store):
    """Cached attempts are returned only for their digest."""
    digest = store.save_attempts("a/b", attempts({"names": "a.fits"}))
    loaded = store.load_attempts("a/b", digest)
    assert loaded["names"].tolist() == ["a.fits"]
    assert store.load_attempts("a/b", "another") is None
    assert store.load_attempts("b", digest) is None
    store.forget_attempts()
    assert store.load_attempts("a/b", digest) is None
