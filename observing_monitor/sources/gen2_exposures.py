"""Exposures of a Gen2 registry.

They have what the camera's table `raw` has columns for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.nights import zone_named
from observing_monitor.model.observation_types import normalised
from observing_monitor.sources.shared.butler import int_array, text_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pandas import DataFrame, Series


# Our column -> the registry's, of which the first that the camera has counts
TEXTS = {
    "obsid": ("obsid",),
    "physical_filter": ("filter",),
    "observation_type_original": ("imageType", "dataType"),
    "observation_reason": ("testType",),
    "target": ("object", "field"),
    "program": ("program", "proposal", "propId"),
    "group": ("expGroup",),
}
NUMBERS = {"exposure_time_s": ("expTime",), "dark_time_s": ("darkTime",)}
STARTS = ("dateObs", "date")
WANTED = tuple(
    dict.fromkeys(
        [*STARTS, *(name for of in (TEXTS, NUMBERS) for names in of.values() for name in names)]
    )
)
# of a date, which is no instant
LEN_DATE = len("2020-02-12")


def check_zone(zone: str) -> None:
    """Raise UsageError if the setting `zone` names no zone."""
    if zone != "TAI":
        zone_named("zone", zone)


def to_exposures(names: Sequence[str], rows: list[tuple[Any, ...]], zone: str) -> DataFrame:
    """Return a night's exposures, in order of their start.

    The columns are `columns.EXPOSURES`.

    Parameters
    ----------
    names
        The names of the rows' values: exposure, seqNum, and those of WANTED that there are.
    rows
        Rows of raws. Of several of an exposure the first counts; those without an exposure do not.
    zone
        The zone of `dateObs`, or TAI.
    """
    import pandas as pd

    rows = [row for row in rows if row[0] is not None]
    if not rows:
        return frames.empty(columns.EXPOSURES)
    cells = dict(zip(names, zip(*rows, strict=True), strict=True))
    exposure = [f"{v:.0f}" if isinstance(v, float) else str(v) for v in cells["exposure"]]
    made: dict[str, Any] = {"exposure": frames.texts(exposure)}
    for name, theirs in TEXTS.items():
        if found := _first(theirs, cells):
            made[name] = frames.texts(text_array(cells[found]))
    for name, theirs in NUMBERS.items():
        if found := _first(theirs, cells):
            made[name] = pd.to_numeric(pd.Series(cells[found], dtype="object"), errors="coerce")
    if "observation_type_original" in made:
        made["observation_type"] = normalised(made["observation_type_original"])
    if "seqNum" in cells:
        made["seq_num"] = frames.integers(int_array(cells["seqNum"]))
    if found := _first(STARTS, cells):
        made["started_at"] = _starts(cells[found], zone)
    table = frames.frame(columns.EXPOSURES, pd.DataFrame(made)).drop_duplicates("exposure")
    return table.sort_values(["started_at", "exposure"], kind="stable", ignore_index=True)


def _first(theirs: Sequence[str], cells: dict[str, Any]) -> str | None:
    return next((name for name in theirs if name in cells), None)


def _starts(values: Sequence[Any], zone: str) -> Series[Any]:
    """Return texts as instants, NaT for dates."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from observing_monitor.sources.gen3_raws import instants_of_tai
    from observing_monitor.sources.shared.cells import to_instants

    instants = [v if isinstance(v, str) and len(v.strip()) > LEN_DATE else None for v in values]
    texts = pd.Series(instants, dtype="object")
    read = to_instants(texts, "iso", "UTC" if zone == "TAI" else zone)
    if zone != "TAI":
        return read
    ns = read.dt.tz_localize(None).to_numpy("datetime64[ns]").astype("int64")
    made: Series[Any] = instants_of_tai(pa.array(ns, mask=np.array(read.isna()))).to_pandas()
    return made
