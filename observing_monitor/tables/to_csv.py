"""The list of a night's files as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pandas import DataFrame

    from observing_monitor.model.arrays import AnyArray


# of a part
CSV_ROWS = 8192
CSV_BYTES = 8_000_000  # of whole messages; a part has one row at least


def to_csv(listed: DataFrame) -> Iterator[bytes]:
    """Yield a list of files as CSV, in parts.

    The first part has the header. Instants are ISO 8601 with Z; nulls are empty. As a whole,
    the list of a full night would take 20 MB, and as much again while it is made.
    """
    import io

    import pyarrow as pa
    import pyarrow.csv

    whole = pa.table(
        {str(name): pa.array(values) for name, values in listed.items()}
    ).combine_chunks()
    start = 0
    for end in _ends(whole):
        rows = whole.slice(start, end - start)
        cells = pa.table(
            {
                name: _cells(values)
                for name, values in zip(rows.column_names, rows.columns, strict=True)
            }
        )
        buffer = io.BytesIO()
        pyarrow.csv.write_csv(cells, buffer, pyarrow.csv.WriteOptions(include_header=start == 0))
        yield buffer.getvalue()
        start = end


def _ends(table: AnyArray) -> Iterator[int]:
    """Yield the end of each part: 0 if there are no rows."""
    import pyarrow.compute as pc

    ends, start = None, 0
    if "message" in table.column_names:
        lengths = pc.binary_length(table["message"])
        if (pc.sum(lengths).as_py() or 0) > CSV_BYTES:
            ends = pc.cumulative_sum(lengths.fill_null(0).cast("int64")).to_numpy()
    while True:
        end = min(start + CSV_ROWS, table.num_rows)
        if ends is not None and end > start:
            before = ends[start - 1] if start else 0
            end = min(end, max(start + 1, int(ends.searchsorted(before + CSV_BYTES, "right"))))
        yield end
        start = end
        if end >= table.num_rows:
            return


def _cells(values: AnyArray) -> AnyArray:
    """Return an Arrow column with instants as text and without formulas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(values.type):
        # without its zone it becomes text ten times as fast: 2020-02-12 23:00:00.000000
        text = values.cast(pa.timestamp("us")).cast(pa.string()).cast(pa.binary())
        with_t = pc.binary_replace_slice(text, 10, 11, b"T")
        return pc.binary_replace_slice(with_t, 26, 26, b"Z").cast(pa.string())
    if pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
        # nearly always without a formula, which the distinct first bytes show fast
        heads = pc.unique(pc.binary_slice(values.cast(pa.large_binary()), 0, 1)).to_pylist()
        if not {head.encode()[:1] for head in columns.FORMULA_HEADS}.isdisjoint(heads):
            return pc.replace_substring_regex(values, columns.FORMULA, r"'\1")
    return values
