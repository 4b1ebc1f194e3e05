"""Parquet files that somebody else put into the store."""

import io
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import nights, run

from observing_monitor.errors import StoreError
from observing_monitor.model import columns, frames
from observing_monitor.storage import layout
from observing_monitor.storage.output import Output
from observing_monitor.storage.parquet import _long_texts, from_parquet, to_parquet
from observing_monitor.storage.store import Store

NIGHT = "2021-02-16"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)


def packed(table, **options):
    data = io.BytesIO()
    pq.write_table(table, data, **options)
    return data.getvalue()


def equal_rows(number):
    """Return a few bytes with very many equal rows."""
    schema = pa.schema([pa.field("name", pa.string()), pa.field("value", pa.float64())])
    data = io.BytesIO()
    with pq.ParquetWriter(data, schema, compression="zstd") as writer:
        part = pa.table(
            {
                "name": pa.array(np.zeros(number, "int8")).cast(pa.string()),
                "value": np.zeros(number),
            },
            schema=schema,
        )
        writer.write_table(part)
    return data.getvalue()


def good():
    return pa.table({"file_id": ["a"], "name": ["a.fits"], "source": ["files"]})


def with_metadata(text):
    return packed(good().replace_schema_metadata({"pandas": text}))


HOSTILE = {
    "another table": lambda: packed(pa.table({"x": [1]})),
    "text for numbers": lambda: packed(pa.table({"file_id": ["a"], "size_bytes": ["many"]})),
    "lists for text": lambda: packed(pa.table({"file_id": [["a"]], "name": [{"b": 1}]})),
    "bytes for text": lambda: packed(pa.table({"file_id": [b"\xff"], "name": [b"\xfe"]})),
    "instants far away": lambda: packed(
        pa.table({"file_id": ["a"], "created_at": pa.array([2**62], pa.timestamp("us", "UTC"))})
    ),
    "another zone": lambda: packed(
        pa.table({"file_id": ["a"], "created_at": pa.array([0], pa.timestamp("us", "No/Where"))})
    ),
    "two columns of one name": lambda: packed(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["name", "name"])
    ),
    "metadata of pandas": lambda: with_metadata(
        '{"index_columns": ["nothing"], "columns": [{"name": null}], "column_indexes": [1]}'
    ),
    "no metadata of pandas": lambda: with_metadata("{"),
    "no Parquet": lambda: b"PAR1" + bytes(100) + b"PAR1",
    "a footer of 2 GB": lambda: b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1",
    "a cut file": lambda: packed(good())[:-20],
    "null names": lambda: packed(pa.table({"file_id": pa.array([None], pa.string())})),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_table_of_somebody_else(tmp_path, name):
    """A hostile table is a StoreError or a table, nothing else."""
    store = Store(Output(tmp_path), "a")
    store.output.make()
    for table in ("files", "ingests", "metrics"):
        path = layout.table_file("a", pd.Timestamp(NIGHT).date(), table)
        store.output.write(path, HOSTILE[name]())
        try:
            loaded = store._load_table(path, columns.TABLES[table])
        except StoreError as error:
            assert "the next run that collects makes it anew" in str(error)
            continue
        assert list(loaded) == list(frames.empty(columns.TABLES[table]))


def test_very_many_equal_rows():
    """A small file with 50 million rows is refused before it is read."""
    data = equal_rows(3_000_000)
    assert len(data) < 30_000
    with pytest.raises(ValueError, match="it claims to hold 3,000,000 rows"):
        from_parquet(data, columns.METRICS)


@pytest.mark.parametrize("kind", ["text", "category", "bytes", "two groups"])
def test_very_long_equal_texts(kind):
    """A small file whose text is that of many rows is refused unread."""
    long = b"x" * 2_000_000
    texts = pa.array([long if kind == "bytes" else long.decode()])
    column = pa.DictionaryArray.from_arrays(np.zeros(3000, "int32"), texts)
    data = packed(
        pa.table({"message": column}),
        compression="zstd",
        store_schema=kind == "category",
        row_group_size=1500 if kind == "two groups" else None,
    )
    assert len(data) < 2000
    with pytest.raises(ValueError, match="texts of 6,000,000,000 bytes"):
        from_parquet(data, columns.INGESTS)


def test_long_texts_that_fit():
    """Long texts, some of them in a dictionary, are read as they are."""
    texts = [f"{n % 50}" * 40_000 for n in range(1500)] + [f"{n} no space" for n in range(20_000)]
    rows = frames.empty(columns.INGESTS).reindex(range(len(texts))).assign(message=texts)
    data = to_parquet(frames.frame(columns.INGESTS, rows), columns.INGESTS)
    assert _long_texts(pq.ParquetFile(io.BytesIO(data)).metadata) == ["message"]
    assert list(from_parquet(data, columns.INGESTS)["message"]) == texts


@pytest.mark.parametrize("name", HOSTILE)
def test_other_tables_of_somebody_else(tmp_path, name, capfd):
    """Hostile attempts and halves of files hold up no run."""
    (tmp_path / "in" / NIGHT).mkdir(parents=True)
    (tmp_path / "in" / NIGHT / "a.fits").touch()
    rows = "".join(f"{n}.fits,{NIGHT} 23:00:00,success\n" for n in ("a", "b"))
    (tmp_path / "tries.csv").write_text("path,at,status\n" + rows)
    source = 'columns = {path = "path", attempted_at = "at", status = "status"}\n'
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "files"\n'
        'path = "in"\n[[streams.a.sources]]\ntype = "table"\npath = "tries.csv"\n'
        f'feeds = "ingests"\n{source}constants = {{stage = "ingest"}}\n'
    )
    assert run("-c", tmp_path / "site.toml", *DAYS) == 0
    wanted = nights(tmp_path / "site" / "a")[NIGHT]
    store = tmp_path / "site" / "data" / "stream=a"
    for path in (
        store / "_attempts.table.parquet",
        store / f"night={NIGHT}" / "_halves.files.parquet",
        store / f"night={NIGHT}" / "_halves.ingests.parquet",
        store / f"night={NIGHT}" / "ingests.parquet",
    ):
        path.write_bytes(HOSTILE[name]())
    (tmp_path / "in" / NIGHT / "c.fits").touch()
    assert run("-c", tmp_path / "site.toml", *DAYS) in (0, 1)
    assert "Traceback" not in capfd.readouterr().err
    assert run("-c", tmp_path / "site.toml", *DAYS, "--full") in (0, 1)
    found = nights(tmp_path / "site" / "a")[NIGHT]
    assert found["n_files"] == wanted["n_files"] + 1
    assert found["n_ingested"] == wanted["n_ingested"]


def test_a_run_repairs_a_hostile_table(tmp_path, capfd):
    """The next run replaces a hostile table, and shows its night."""
    (tmp_path / "in" / NIGHT).mkdir(parents=True)
    (tmp_path / "in" / NIGHT / "a.fits").touch()
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "files"\n'
        'path = "in"\n'
    )
    assert run("-c", tmp_path / "site.toml", *DAYS) == 0
    (stored,) = (tmp_path / "site" / "data").rglob("files.parquet")
    for name in ("lists for text", "two columns of one name", "a footer of 2 GB"):
        stored.write_bytes(HOSTILE[name]())
        assert run("-c", tmp_path / "site.toml", *DAYS) in (0, 1)
        assert run("-c", tmp_path / "site.toml", *DAYS) == 0
        assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 1
        assert pq.read_table(stored).num_rows == 1
