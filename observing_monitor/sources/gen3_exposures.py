"""Exposures of a Gen3 registry: the table `exposure`.

Its columns differ by the version of the dimensions, so those that exist are asked for. Angles are
degrees, positions ICRS, timespans nanoseconds of TAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.airmass import airmass_at
from observing_monitor.model.observation_types import normalised
from observing_monitor.readers.listing import ABSENT, whole_numbers
from observing_monitor.sources.gen3_raws import UNBOUNDED_NS, instants_of_tai
from observing_monitor.sources.shared.butler import int_array, text_array

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from pandas import DataFrame, Series


# our column -> the registry's, by age: the newest first
TEXTS = {
    "obsid": ("obs_id",),
    "physical_filter": ("physical_filter",),
    "observation_type_original": ("observation_type",),
    "observation_reason": ("observation_reason",),
    "target": ("target_name",),
    "program": ("science_program",),
    "group": ("group", "group_name"),
}
NUMBERS = {
    "exposure_time_s": ("exposure_time",),
    "dark_time_s": ("dark_time",),
    "ra_deg": ("tracking_ra",),
    "dec_deg": ("tracking_dec",),
    "rotation_deg": ("sky_angle",),
    "azimuth_deg": ("azimuth",),
    "zenith_deg": ("zenith_angle",),
}


def exposure_sql(
    existing: Collection[str], has_band: bool, dialect: str, quote: Callable[[str], str]
) -> dict[str, str]:
    """Return name -> SQL of what is selected of each exposure.

    The first are exposure, obsid, seq_num and ended, as `gen3_raws.Instrument` has them.

    Parameters
    ----------
    existing
        Columns of the table `exposure`, which the query calls e.
    has_band
        True if the table `physical_filter`, called p, has a column `band`.
    dialect
        `sqlite` or `postgresql`.
    quote
        Returns a name as SQL needs it.
    """
    is_postgresql = dialect == "postgresql"
    bounds = (
        ("lower(e.timespan)", "upper(e.timespan)")
        if is_postgresql
        else ("e.timespan_begin", "e.timespan_end")
    )
    made = {"exposure": "e.id", "obsid": "e.obs_id", "seq_num": "e.seq_num", "ended": bounds[1]}
    made["started"] = bounds[0]
    for ours, theirs in {**TEXTS, **NUMBERS, "can_see_sky": ("can_see_sky",)}.items():
        name = next((name for name in theirs if name in existing), None)
        if name and ours not in made:
            made[ours] = f"e.{quote(name)}"
    if has_band:
        made["band"] = "p.band"
    return made


def to_exposures(
    of_instruments: Sequence[tuple[str, list[tuple[Any, ...]]]], names: Sequence[str]
) -> DataFrame:
    """Return exposures with the columns `columns.EXPOSURES`, by their start.

    Parameters
    ----------
    of_instruments
        Each instrument with its rows.
    names
        The names of the rows' values, as `exposure_sql` has them.
    """
    import pandas as pd

    parts = [_of_instrument(name, rows, names) for name, rows in of_instruments if rows]
    if not parts:
        return frames.empty(columns.EXPOSURES)
    joined = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return joined.sort_values(["started_at", "exposure"], kind="stable", ignore_index=True)


def _of_instrument(instrument: str, rows: list[tuple[Any, ...]], names: Sequence[str]) -> DataFrame:
    import pandas as pd
    import pyarrow as pa

    cells = dict(zip(names, zip(*rows, strict=True), strict=True))
    exposure = int_array(cells["exposure"]).cast(pa.large_string())
    original = frames.texts(text_array(cells.get("observation_type_original", [None] * len(rows))))
    made: dict[str, Any] = {
        "exposure": frames.texts(exposure),
        "instrument": instrument,
        "seq_num": whole_numbers(int_array(cells["seq_num"]).fill_null(ABSENT).to_numpy()),
        "started_at": _instants(cells["started"]),
        "ended_at": _instants(cells["ended"]),
        "observation_type": normalised(original),
    }
    for name in (*TEXTS, "band"):
        if name in cells:
            made[name] = frames.texts(text_array(cells[name]))
    for name in NUMBERS:
        if name in cells:
            made[name] = _floats(cells[name])
    if "zenith_deg" in made:
        made["altitude_deg"] = 90 - made["zenith_deg"]
        made["airmass"] = airmass_at(made["altitude_deg"])
    if "can_see_sky" in cells:
        made["can_see_sky"] = _flags(cells["can_see_sky"])
    return frames.frame(columns.EXPOSURES, pd.DataFrame(made))


def _instants(values: Sequence[Any]) -> Series[Any]:
    """Return nanoseconds of TAI as instants, NaT for those without a bound."""
    ns = [at if isinstance(at, int) and 0 < at < UNBOUNDED_NS else None for at in values]
    made: Series[Any] = instants_of_tai(int_array(ns)).to_pandas()
    return made


def _floats(values: Sequence[Any]) -> Series[float]:
    """Return numbers; NaN for anything else.

    SQLite allows any type in any column.
    """
    import pandas as pd

    made = pd.to_numeric(pd.Series(values, dtype="object"), errors="coerce").astype("float64")
    return made.where(made.abs() < float("inf"))


def _flags(values: Sequence[Any]) -> Series[Any]:
    """Return 0, 1, False and True as flags, null for anything else."""
    import pandas as pd

    return pd.Series([bool(v) if v in (0, 1) else None for v in values], dtype="boolean")
