"""Exposures in the store, and stores of the version without them."""

import datetime
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from night_tables import HOUR, NOW, files, metrics

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.storage import layout
from observing_monitor.storage.output import Output
from observing_monitor.storage.sealed import as_json, sealed
from observing_monitor.storage.store import Store
from observing_monitor.tables import merge

NIGHT = datetime.date(2020, 2, 12)
NOTHING = Tables.empty()


@pytest.fixture
def store(tmp_path):
    output = Output(tmp_path / "site")
    output.make()
    return Store(output, "auxTel")


def written(store):
    """Return the names of the night's files in the store."""
    return sorted(store.output.names(layout.night_store("auxTel", NIGHT)))


def with_exposures():
    """Return tables with exposures of two sources, with values of every kind."""
    whole = {
        "exposure": "1",
        "seq_num": 1,
        "started_at": NOW,
        "airmass": 1.5,
        "can_see_sky": True,
        "target": 'n/<b>"é\u202e',
    }
    rows = [whole, {"exposure": "2", "started_at": NOW + HOUR, "can_see_sky": False}]
    first = frames.frame(columns.EXPOSURES, pd.DataFrame(rows, dtype="object"))
    second = frames.frame(columns.EXPOSURES, {"exposure": ["2", "3"]})
    told = {"a": Reading(exposures=first, files=files()), "b": Reading(exposures=second)}
    return merge.update(NOTHING, told)


def test_exposures_come_back(store):
    """Exposures and reports come back as they were saved."""
    tables = with_exposures()
    assert len(tables.exposures) == 3 and len(tables.reports) == 4
    _, sizes = store.save(NIGHT, tables)
    # not the tables that this process has at hand
    path = store.output.path(layout.table_file("auxTel", NIGHT, "exposures"))
    read = frames.frame(columns.EXPOSURES, pd.read_parquet(path))
    pd.testing.assert_frame_equal(read, tables.exposures)
    for name in columns.TABLES:
        pd.testing.assert_frame_equal(getattr(store.load(NIGHT), name), getattr(tables, name))
    assert store.is_whole(NIGHT, sizes)
    os.unlink(path)
    assert not store.is_whole(NIGHT, sizes)


def test_a_night_without_exposures_has_no_files_of_them(store):
    """Tables without rows are not written, and removed if they were."""
    store.save(NIGHT, with_exposures())
    assert {"exposures.parquet", "reports.parquet"} <= set(written(store))
    digest, sizes = store.save(NIGHT, NOTHING)
    assert written(store) == ["files.parquet", "ingests.parquet", "metrics.parquet"]
    assert set(sizes) == {"files", "ingests", "metrics"} and store.is_whole(NIGHT, sizes)
    assert store.load(NIGHT).exposures.empty and store.save(NIGHT, NOTHING)[0] == digest


def test_digest_covers_exposures(store):
    """Other exposures have another digest, also if all else is equal."""
    tables = with_exposures()
    first, _ = store.save(NIGHT, tables)
    tables.exposures["target"] = "M33"
    assert store.save(NIGHT, tables)[0] != first


def write_version_1(store, tables):
    """Write tables as version 1 did; return their sizes."""
    sizes = {}
    for name in ("files", "ingests", "metrics"):
        kept = [c for c in columns.TABLES[name] if c.name != "exposure" or name == "files"]
        types = {
            "text": pa.string(),
            "int": pa.int64(),
            "float": pa.float64(),
            "bool": pa.bool_(),
            "instant": pa.timestamp("us", "UTC"),
        }
        schema = pa.schema(
            [(c.name, types[c.kind]) for c in kept],
            {"observing_monitor.schema_version": "1"},
        )
        table = pa.Table.from_pandas(getattr(tables, name), schema, preserve_index=False)
        buffer = pa.BufferOutputStream()
        pyarrow.parquet.write_table(table.replace_schema_metadata(schema.metadata), buffer)
        data = buffer.getvalue().to_pybytes()
        store.output.write(layout.table_file("auxTel", NIGHT, name), data)
        sizes[name] = len(data)
    return sizes


def test_store_of_version_1_is_read(store):
    """Tables and sizes of version 1 are read as they are."""
    tables = Tables(files({"file_id": "a"}), NOTHING.ingests, metrics({"name": "seeing"}))
    sizes = write_version_1(store, tables)
    assert store.is_whole(NIGHT, sizes)
    loaded, faults = store.load_whole(NIGHT)
    assert faults == [] and loaded.exposures.empty and loaded.reports.empty
    for name in ("files", "ingests", "metrics"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(tables, name))
    assert loaded.metrics["exposure"].isna().all()


@pytest.mark.parametrize(
    ("version", "is_kept"), [(1, True), (2, True), (3, True), (0, False), (4, False)]
)
def test_index_of_another_version(store, version, is_kept):
    """Rows of an index of versions 1 and 2 are used; others are remade."""
    row = {"2020-02-12": {"tables": "x"}}
    index = {"schema_version": version, "nights": row, "sources": {}}
    store.output.write(layout.index_file("auxTel"), sealed(as_json(index)))
    read = store.read_index()
    # without a folder of the night, a remade index is empty
    assert read["nights"] == (row if is_kept else {})
    store.write_index(read)
    text = store.output.read(layout.index_file("auxTel")).decode()
    assert f'"schema_version":{columns.SCHEMA_VERSION},' in text


def test_upgrade_rewrites_no_table(store):
    """Tables without exposures are the same bytes as in version 1."""
    store.save(NIGHT, Tables(files({"file_id": "a"}), NOTHING.ingests, metrics({"name": "n"})))
    for name in ("files", "ingests", "metrics"):
        path = store.output.path(layout.table_file("auxTel", NIGHT, name))
        schema = pyarrow.parquet.read_schema(path)
        assert schema.metadata[b"observing_monitor.schema_version"] == b"1"
        assert ("exposure" in schema.names) == (name == "files")


def test_numbers_of_exposures_are_of_version_2(store):
    """A metric of an exposure keeps it, and its table says so."""
    measured = metrics({"name": "seeing", "exposure": "1"}, {"name": "wind"})
    store.save(NIGHT, Tables(NOTHING.files, NOTHING.ingests, measured))
    path = store.output.path(layout.table_file("auxTel", NIGHT, "metrics"))
    schema = pyarrow.parquet.read_schema(path)
    assert schema.metadata[b"observing_monitor.schema_version"] == b"2"
    assert pd.read_parquet(path)["exposure"].fillna("").tolist() == ["1", ""]
