"""Tables as Parquet files."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.digest import hex_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pandas import DataFrame
    from pyarrow import DataType

    from observing_monitor.model.columns import Column


MANY = 20_000  # rows: so many are read by several threads, which a few rows would only wait for
ALL_DIFFERENT = (
    "file_id",
    "name",
    "path",
    "destination",
    "names",
)  # columns of text in which hardly any value comes twice


def _arrow_types() -> dict[str, DataType]:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "instant": pa.timestamp("us", "UTC"),
    }


def to_parquet(frame: DataFrame, described: tuple[Column, ...]) -> bytes:
    """A table as bytes: the same table gives the same bytes."""
    return _packed(frame, described) if len(frame) else packed_nothing(described)


@functools.cache
def packed_nothing(described: tuple[Column, ...]) -> bytes:
    return _packed(frames.empty(described), described)


def _packed(frame: DataFrame, described: tuple[Column, ...]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    types = _arrow_types()
    schema = pa.schema(
        [pa.field(c.name, types[c.kind]) for c in described],
        metadata={"observing_monitor.schema_version": str(columns.SCHEMA_VERSION)},
    )
    # one thread: a pool of them costs a thousand rows five times what their columns do
    table = pa.Table.from_pandas(
        frame, schema=schema, preserve_index=False, nthreads=1
    ).replace_schema_metadata(schema.metadata)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        table, buffer, compression="zstd", write_page_checksum=True, **_encodings(described)
    )
    return buffer.getvalue()


def from_parquet(data: bytes, described: Sequence[Column]) -> DataFrame:
    """The other way of `_to_parquet`; pyarrow's exceptions, ValueError or TypeError where the bytes are none of it."""
    import pyarrow
    import pyarrow.parquet

    # not read_table, which looks for a data set of several files first: that takes longer than the reading
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), page_checksum_verification=True)
    table = file.read(use_threads=file.metadata.num_rows >= MANY)
    return frames.frame(described, table.to_pandas()) if table.num_rows else frames.empty(described)


def digest_of(data: bytes) -> str:
    return hex_digest(data, n_bytes=16)


def _encodings(described: Sequence[Column]) -> dict[str, Any]:
    """How Parquet is to pack a table's columns: what differs from row to row but little, as what differs; words as numbers of words.

    A dictionary, which Parquet takes for everything unless told, is as long as the column where no value comes twice: a full
    night's files took eight times the room, and half as long again to write.
    """
    differing = {c.name: "DELTA_BYTE_ARRAY" for c in described if c.name in ALL_DIFFERENT}
    differing |= {c.name: "DELTA_BINARY_PACKED" for c in described if c.kind in ("int", "instant")}
    words = [c.name for c in described if c.kind == "text" and c.name not in ALL_DIFFERENT]
    return {"use_dictionary": words, "column_encoding": differing}
