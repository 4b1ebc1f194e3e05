"""Exposures in FitsStorage's `header`, remarks in `obslog_comment`.

Positions and angles are degrees, `ut_datetime` is the start in UTC. Until `release`, the archive's
own site shows neither the target nor its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.observation_types import normalised
from observing_monitor.sources.shared.gemini import seq_num_of_name

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame, Series


# our column -> that of `header`
TEXTS = {
    "obsid": "data_label",
    "instrument": "instrument",
    "observation_type_original": "observation_type",
    "observation_reason": "observation_class",
    "target": "object",
    "program": "program_id",
    "physical_filter": "filter_name",
    "group": "observation_id",
}
NUMBERS = {
    "exposure_time_s": "exposure_time",
    "ra_deg": "ra",
    "dec_deg": "dec",
    "altitude_deg": "elevation",
    "azimuth_deg": "azimuth",
    "airmass": "airmass",
    "rotation_deg": "cass_rotator_pa",
}
# classes of observations that point the telescope, whatever their type
ACQUISITION = ("acq", "acqcal")


def to_exposures(versions: DataFrame) -> DataFrame:
    """Return exposures with the columns `columns.EXPOSURES`, by their start.

    Parameters
    ----------
    versions
        One row per file, its current version, with the columns of `header`, what observers said
        as `remarks`, and the file's plain name. Files without a data label and a time are no
        exposures. Of several files of a data label, such as a frame and what was made of it, the
        first counts.
    """
    import pandas as pd

    own = versions[versions["data_label"].notna() & versions["ut_datetime"].notna()]
    own = own.sort_values(["ut_datetime", "plain"], kind="stable").drop_duplicates("data_label")
    name = own["plain"].astype("str")
    made: dict[str, Any] = {ours: _texts(own[theirs]) for ours, theirs in TEXTS.items()}
    made |= {
        ours: pd.to_numeric(own[theirs], errors="coerce").astype("float64")
        for ours, theirs in NUMBERS.items()
    }
    of_type = normalised(made["observation_type_original"])
    points = made["observation_reason"].str.casefold().isin(ACQUISITION)
    qa, remarks = _texts(own["qa_state"]), _texts(own["remarks"])
    qa = ("QA: " + qa).where(qa.notna())
    made |= {
        "exposure": name.str.replace(r"\..*$", "", regex=True),
        "seq_num": pd.array([seq_num_of_name(text) for text in name], dtype="Int64"),
        "started_at": pd.to_datetime(own["ut_datetime"], utc=True, errors="coerce"),
        "observation_type": of_type.mask(points & (of_type == "science"), "acquisition"),
        "comment": (qa + "; " + remarks).fillna(qa).fillna(remarks),
        "released_at": pd.to_datetime(own["release"], utc=True, errors="coerce"),
    }
    table = pd.DataFrame(made, index=own.index)
    return frames.frame(columns.EXPOSURES, table).reset_index(drop=True)


def _texts(values: Series[Any]) -> Series[str]:
    """Return values as text, null for empty ones."""
    made = values.astype("object").map(str, na_action="ignore").astype("str").str.strip()
    return made.where(made != "")
