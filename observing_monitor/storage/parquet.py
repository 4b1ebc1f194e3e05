"""Tables as Parquet files."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

from observing_monitor.model import frames
from observing_monitor.model.digest import hex_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pandas import DataFrame
    from pyarrow import DataType
    from pyarrow.parquet import FileMetaData, ParquetFile

    from observing_monitor.model.arrays import AnyArray
    from observing_monitor.model.columns import Column


# from so many rows on, several threads read faster than one
MANY = 20_000
# a file may have so many rows, and so many more for each of its bytes
MOST_ROWS, ROWS_OF_BYTE = 2_000_000, 20
MOST_UNPACKED = 4_000_000_000
# columns of text in which hardly any value occurs twice
ALL_DIFFERENT = ("file_id", "name", "path", "destination", "names")


def _arrow_types() -> dict[str, DataType]:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "flag": pa.bool_(),
        "instant": pa.timestamp("us", "UTC"),
    }


def to_parquet(frame: DataFrame, described: tuple[Column, ...]) -> bytes:
    """Return a table as bytes; equal tables give equal bytes."""
    return _packed(frame, described) if len(frame) else packed_nothing(described)


@functools.cache
def packed_nothing(described: tuple[Column, ...]) -> bytes:
    """Return an empty table as bytes."""
    return _packed(frames.empty(described), described)


def _packed(frame: DataFrame, described: tuple[Column, ...]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    types = _arrow_types()
    described = tuple(c for c in described if c.since == 1 or frame[c.name].notna().any())
    schema = pa.schema(
        [pa.field(c.name, types[c.kind]) for c in described],
        metadata={"observing_monitor.schema_version": str(max(c.since for c in described))},
    )
    # one thread: starting several takes five times as long as converting a thousand rows
    table = pa.Table.from_pandas(
        frame, schema=schema, preserve_index=False, nthreads=1
    ).replace_schema_metadata(schema.metadata)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        table, buffer, compression="zstd", write_page_checksum=True, **_encodings(described)
    )
    return buffer.getvalue()


def from_parquet(data: bytes, described: Sequence[Column]) -> DataFrame:
    """Return the table that `to_parquet` wrote.

    Raises
    ------
    pyarrow.ArrowException, ValueError, TypeError
        If the bytes are damaged or something else.
    """
    import pyarrow
    import pyarrow.parquet

    # read_table would first look for a data set of several files, which takes longer than reading
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), page_checksum_verification=True)
    _check_size(file.metadata, len(data))
    _check_texts(file, data)
    names = [name for name in file.schema_arrow.names if name in {c.name for c in described}]
    if len(set(names)) < len(names):
        raise ValueError("it has two columns of one name")
    table = file.read(names, use_threads=file.metadata.num_rows >= MANY)
    if not table.num_rows:
        return frames.empty(described)
    # what others may have put into the metadata of pandas is not followed
    return frames.frame(described, table.to_pandas(ignore_metadata=True))


def _check_size(metadata: FileMetaData, n_bytes: int) -> None:
    """Raise ValueError if a file claims too much.

    A few bytes can claim billions of equal rows.
    """
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    n_unpacked = sum(group.total_byte_size for group in groups)
    if metadata.num_rows > MOST_ROWS + ROWS_OF_BYTE * n_bytes or n_unpacked > MOST_UNPACKED:
        words = f"{metadata.num_rows:,} rows of {n_unpacked:,} bytes in a file of {n_bytes:,}"
        raise ValueError(f"it claims to hold {words}")


def _check_texts(file: ParquetFile, data: bytes) -> None:
    """Raise ValueError if texts of dictionaries become too long.

    A text of 1 MB in a dictionary can be that of a million rows.
    """
    import pyarrow
    import pyarrow.compute as pc
    import pyarrow.parquet

    for field in file.schema_arrow:
        if pyarrow.types.is_nested(field.type) or pyarrow.types.is_fixed_size_binary(field.type):
            raise ValueError(f"its column {field.name} has no plain values")
    names = _long_texts(file.metadata)
    if not names:
        return
    reader = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), read_dictionary=names)
    n_unpacked = 0
    for column in reader.read(names).columns:
        parts: list[AnyArray] = list(column.chunks)
        for part in parts:
            if pyarrow.types.is_dictionary(part.type):
                lengths = pc.binary_length(part.dictionary).cast(pyarrow.int64())
                n_unpacked += pc.sum(pc.take(lengths, part.indices)).as_py() or 0
    if n_unpacked > MOST_UNPACKED:
        words = f"texts of {n_unpacked:,} bytes in a file of {len(data):,}"
        raise ValueError(f"it claims to hold {words}")


def _long_texts(metadata: FileMetaData) -> list[str]:
    """Return columns whose texts might take too much."""
    most: dict[str, int] = {}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for chunk in map(group.column, range(group.num_columns)):
            if chunk.physical_type == "BYTE_ARRAY" and "DICTIONARY" in str(chunk.encodings):
                # no text is longer than all that the column takes
                n_bytes = chunk.total_uncompressed_size * group.num_rows
                most[chunk.path_in_schema] = most.get(chunk.path_in_schema, 0) + n_bytes
    return [name for name, n_bytes in most.items() if n_bytes > MOST_UNPACKED]


def digest_of(data: bytes) -> str:
    """Return the digest of a table's bytes."""
    return hex_digest(data, n_bytes=16)


def _encodings(described: Sequence[Column]) -> dict[str, Any]:
    """Return options of Parquet for a table's columns.

    Columns whose values differ little from row to row keep the differences; other text is kept
    in a dictionary. Parquet's default is a dictionary for every column. Without repeated values
    it takes as much room as the column itself: a full night's files took eight times the room
    and half as long again to write.
    """
    differing = {c.name: "DELTA_BYTE_ARRAY" for c in described if c.name in ALL_DIFFERENT}
    differing |= {c.name: "DELTA_BINARY_PACKED" for c in described if c.kind in ("int", "instant")}
    words = [c.name for c in described if c.kind == "text" and c.name not in ALL_DIFFERENT]
    return {"use_dictionary": words, "column_encoding": differing}
