"""Remarks in the store."""

import datetime

import pandas as pd
import pytest
from night_tables import NOW, files
from running import times

from observing_monitor.model import columns, frames
from observing_monitor.model.digest import running_digest
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.storage import layout
from observing_monitor.storage.output import Output
from observing_monitor.storage.parquet import to_parquet
from observing_monitor.storage.store import Store
from observing_monitor.tables import merge

NIGHT = datetime.date(2020, 2, 12)
NOTHING = Tables.empty()
USUAL = ["files.parquet", "ingests.parquet", "metrics.parquet"]


@pytest.fixture
def store(tmp_path):
    output = Output(tmp_path / "site")
    output.make()
    return Store(output, "auxTel")


def with_remarks():
    """Return tables with remarks that have values of every kind."""
    whole = {
        "remark_id": "1",
        "begin_at": NOW,
        "exposure": "17",
        "last_exposure": "18",
        "text": '# Clouds\n\n<b>"é\u202e\n',
        "time_lost_s": 1500.0,
        "urls": "https://a.example/1\nhttps://a.example/2",
        "is_valid": False,
    }
    rows = pd.DataFrame([whole, {"remark_id": "2", "text": "junk"}], dtype="object")
    rows["is_valid"] = rows["is_valid"].fillna(True)
    told = {"log": Reading(remarks=frames.frame(columns.REMARKS, rows), files=files())}
    return merge.update(NOTHING, told)


def test_remarks_come_back(store):
    """Remarks come back as they were saved; a lost table is noticed."""
    tables = with_remarks()
    _, sizes = store.save(NIGHT, tables)
    # not the table that this process has at hand
    path = store.output.path(layout.table_file("auxTel", NIGHT, "remarks"))
    read = frames.frame(columns.REMARKS, pd.read_parquet(path))
    pd.testing.assert_frame_equal(read, tables.remarks)
    assert read["is_valid"].tolist() == [False, True]
    assert store.is_whole(NIGHT, sizes)
    store.output.remove(layout.table_file("auxTel", NIGHT, "remarks"))
    assert not store.is_whole(NIGHT, sizes)


def test_a_night_without_remarks_has_no_file_of_them(store):
    """The table is not written without rows, and removed if it was."""
    names = layout.night_store("auxTel", NIGHT)
    empty, _ = store.save(NIGHT, NOTHING)
    assert sorted(store.output.names(names)) == USUAL
    first, _ = store.save(NIGHT, with_remarks())
    assert sorted(store.output.names(names)) == [*USUAL, "remarks.parquet"]
    assert first != empty, "the digest covers remarks"
    assert store.save(NIGHT, NOTHING)[0] == empty and sorted(store.output.names(names)) == USUAL


def test_damaged_table_is_set_aside(store):
    """A damaged table of remarks leaves the other tables whole."""
    store.save(NIGHT, with_remarks())
    store.output.write(layout.table_file("auxTel", NIGHT, "remarks"), b"PAR1 cut")
    loaded, faults = store.load_whole(NIGHT)
    assert loaded.remarks.empty and len(faults) == 1
    assert "remarks.parquet.damaged" in faults[0]


def test_upgrade_changes_no_night(store):
    """A night without remarks has digest and files of version 2."""
    exposures = frames.frame(columns.EXPOSURES, {"exposure": ["1"], "started_at": [NOW]})
    tables = merge.update(NOTHING, {"a": Reading(exposures=exposures, files=files())})
    digest = running_digest(n_bytes=16)
    of_version_2 = ("files", "ingests", "metrics", "exposures", "reports")
    for name in of_version_2:
        data = to_parquet(getattr(tables, name), columns.TABLES[name])
        store.output.write(layout.table_file("auxTel", NIGHT, name), data)
        digest.update(data)
    folder = store.output.path(layout.night_store("auxTel", NIGHT))
    before = times(folder)
    assert store.load(NIGHT).remarks.empty
    found, sizes = store.save(NIGHT, tables)
    assert found == digest.hexdigest() and set(sizes) == set(of_version_2)
    assert times(folder) == before
