"""Convert a Gen3 registry's rows to a table."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model import columns
from observing_monitor.model.digest import hex_digest
from observing_monitor.sources.gen3_places import locate_all
from observing_monitor.sources.shared.butler import int_array, join_texts, text_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import pyarrow as pa

    from observing_monitor.sources.shared.butler import AnyArray


# From these instants on (UTC, seconds since 1970), TAI − UTC was so many seconds (IERS Bulletin
# C 36, 43, 49, 52).
LEAPS = ((1230768000, 34), (1341100800, 35), (1435708800, 36), (1483228800, 37))
# 2100-01-01: how daf_butler writes "no end" in SQLite
UNBOUNDED_NS = 4_102_444_800_000_000_000


class RawColumns(NamedTuple):
    """Columns of the raws of one instrument.

    Attributes
    ----------
    exposure, detector
        Numbers.
    run
        Number or name of the collection.
    ingested
        Times of ingest.
    files
        Paths, sizes, paths, sizes, … of all datastores; null if a datastore lacks the raw.
    """

    exposure: Sequence[Any]
    detector: Sequence[Any]
    run: Sequence[Any]
    ingested: Sequence[Any]
    files: Sequence[Sequence[Any]]


class Instrument(NamedTuple):
    """Rows of an instrument's exposures and detectors.

    Attributes
    ----------
    exposures
        id, obs_id, seq_num, and the end in nanoseconds of TAI. Further values are for
        `gen3_exposures`.
    detectors
        id, full_name, raft, name_in_raft.
    """

    exposures: list[tuple[Any, ...]]
    detectors: list[tuple[Any, ...]]


def numbers_of(raws: RawColumns, exposures: list[tuple[Any, ...]]) -> list[str | None]:
    """Return the numbers that `Gen3Registry.count` returns.

    They are the number of raws, the last time of ingest, files and bytes of each datastore, and a
    digest of the exposures.
    """
    numbers: list[object] = [len(raws.ingested), _aggregate(max, raws.ingested)]
    for paths, sizes in zip(raws.files[::2], raws.files[1::2], strict=True):
        numbers += [len(paths) - paths.count(None), _aggregate(sum, sizes)]
    numbers.append(exposures_digest(exposures))
    return [None if value is None else str(value) for value in numbers]


def _aggregate(function: Callable[[list[Any]], object], values: Sequence[Any]) -> object:
    """Return `max` or `sum` without None.

    None if there are none, or they are of several types, as SQLite allows.
    """
    there = [value for value in values if value is not None] if None in values else list(values)
    try:
        return function(there) if there else None
    except (TypeError, ValueError):
        return None


def exposures_digest(rows: list[tuple[Any, ...]]) -> str:
    """Return a short text that differs if exposures do."""
    text = repr(sorted(rows, key=lambda row: str(row[0])))
    return hex_digest(text, n_bytes=8)


def raw_table(raws: RawColumns, instrument: Instrument, roots: Sequence[str]) -> pa.Table:
    """Return a table of raws.

    Parameters
    ----------
    raws
        One value per raw in each column.
    instrument
        The exposures and detectors that the raws may be of.
    roots
        The roots of the datastores, in the order of `raws.files`.

    Returns
    -------
    Table
        exposure (text), exposure_code and detector_code (equal for equal ones), ingested_at,
        obsid, seq_num, ended_at, detector (text); possible endings of a file's name; `key`,
        `shown` and `file` as in `gen3_places.Place`, size, and store (the datastore's position).
    """
    import pandas as pd
    import pyarrow as pa

    exposure, detector = int_array(raws.exposure), int_array(raws.detector)
    codes = [pd.factorize(numbers.to_pandas())[0] for numbers in (exposure, detector)]
    table = pa.table(
        {
            "exposure": exposure.cast(pa.large_string()),
            "exposure_code": pa.array(codes[0]),
            "detector_code": pa.array(codes[1]),
            "ingested_at": _ingest_instants(raws.ingested),
            **_of_exposures(exposure, instrument.exposures),
            **_of_detectors(detector, instrument.detectors),
            **_of_files(raws, roots),
        }
    )
    # a dataset that was stored in components has a record of each
    many_runs = len(set(raws.run)) > 1
    run = text_array(raws.run).dictionary_encode().indices.to_pandas() if many_runs else 0
    keys = pd.DataFrame({"run": run, "exposure": codes[0], "detector": codes[1]})
    is_again = keys.duplicated()
    return table.filter(pa.array(~is_again)) if is_again.any() else table


def _of_exposures(exposure: AnyArray, rows: list[tuple[Any, ...]]) -> dict[str, AnyArray]:
    """Return obsid, seq_num and ended_at of exposures."""
    import pyarrow.compute as pc

    ids, obsid, seq_num, ends = list(zip(*rows, strict=True))[:4] or [()] * 4
    at = pc.index_in(exposure, value_set=int_array(ids))
    bounded = [end if isinstance(end, int) and 0 < end < UNBOUNDED_NS else None for end in ends]
    return {
        "obsid": text_array(obsid).take(at),
        "seq_num": int_array(seq_num).take(at),
        "ended_at": instants_of_tai(int_array(bounded)).take(at),
    }


def _of_detectors(detector: AnyArray, rows: list[tuple[Any, ...]]) -> dict[str, AnyArray]:
    """Return name and endings for an array of detectors' numbers.

    The endings, named after an example, follow an exposure or obsid in files' names.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    there = pc.unique(detector)
    ids, *texts = list(zip(*rows, strict=True)) or [()] * 4
    at = pc.index_in(there, value_set=int_array(ids))
    full_name, raft, sensor = (text_array(values).take(at) for values in texts)
    number = there.cast(pa.large_string())
    ending = join_texts("-det", pc.utf8_lpad(number, 3, "0"))  # as the Gen2 mappers write it
    of_each = {
        "detector": pc.coalesce(full_name, number),
        "-det000": ending,
        "-R22-S00-det000": join_texts("-", raft, "-", sensor, ending),
        "-R22S00": join_texts("-", raft, sensor),
        "_R22_S00": join_texts("_", raft, "_", sensor),
    }
    rows_at = pc.index_in(detector, value_set=there)
    return {name: values.take(rows_at) for name, values in of_each.items()}


def _of_files(raws: RawColumns, roots: Sequence[str]) -> dict[str, AnyArray]:
    """Return each raw's file in the first datastore with it.

    Null if no datastore has it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    none: AnyArray = pa.nulls(len(raws.exposure), pa.large_string())
    number: AnyArray = pc.cast(none, pa.int64())
    made = {"key": none, "shown": none, "file": none, "size": number, "store": number}
    for store, root in enumerate(roots):
        paths, sizes = text_array(raws.files[2 * store]), int_array(raws.files[2 * store + 1])
        is_here = pc.and_(pc.is_null(made["key"]), pc.is_valid(paths))
        key, shown, file = locate_all(paths, root)
        found = {
            "key": key,
            "shown": shown,
            "file": file,
            "size": sizes,
            "store": pa.scalar(store),
        }
        made |= {name: pc.if_else(is_here, values, made[name]) for name, values in found.items()}
    return made


def in_order(tables: list[pa.Table]) -> pa.Table:
    """Return all instruments' raws in order of ingest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    start, joined = 0, []
    for table in tables:
        # exposures of two instruments may have the same number
        code = pc.add(table["exposure_code"], pa.scalar(start))
        at = table.column_names.index("exposure_code")
        joined.append(table.set_column(at, "exposure_code", code))
        start += len(table)
    table = pa.concat_tables(joined)
    times = table["ingested_at"]
    if times.null_count or not pc.all(pc.less_equal(times[:-1], times[1:])).as_py():
        table = table.take(pc.sort_indices(times))
    return table


# --- instants -----------------------------------------------------------------------------------


def instants_of_tai(ns: AnyArray) -> AnyArray:
    """Return nanoseconds of TAI since 1970 as instants in UTC."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = pc.fill_null(ns, 0).to_numpy()
    starts = np.array([(start + seconds) * 1_000_000_000 for start, seconds in LEAPS])
    offsets = np.array([33, *(seconds for _, seconds in LEAPS)])
    seconds = offsets[np.searchsorted(starts, counted, side="right")]
    utc = pa.array(counted // 1000 - seconds * 1_000_000, pa.timestamp("us", "UTC"))
    return pc.if_else(pc.is_valid(ns), utc, None)


def _ingest_instants(values: Sequence[Any]) -> AnyArray:
    """Return times of ingest as instants in UTC.

    Integers are nanoseconds of TAI, everything else is UTC.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        return instants_of_tai(pa.array(values, pa.int64()))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        texts = [
            value.isoformat(" ") if isinstance(value, datetime.datetime) else value
            for value in values
        ]
        read = pd.to_datetime(
            pd.Series(texts, dtype="object"), utc=True, format="ISO8601", errors="coerce"
        )
        return pa.array(read.astype(columns.DTYPES["instant"]), pa.timestamp("us", "UTC"))
