"""Two nights of DESI at Kitt Peak, from its exposure tables."""

import csv
import datetime

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position

KITT_PEAK = Position(31.9640, -111.5997)
RULE = NightRule.parse("UTC-19h")  # from noon to noon in Arizona
NIGHTS = ("20211129", "20250318")
TYPES = {"zero": "bias"}


def rows_of(shared_data, night):
    """Return the rows of a night as DESI wrote them."""
    with open(shared_data / "desi" / f"exposure_table_{night}.csv", newline="") as opened:
        return list(csv.DictReader(opened))


def started_at(row):
    """Return the start of an exposure as seconds since 1970."""
    return (float(row["MJD-OBS"]) - 40587) * 86_400


def exposures_of(shared_data, night):
    """Return the exposures of a night."""
    rows = rows_of(shared_data, night)
    starts = [round(started_at(row) * 1e9) for row in rows]
    airmass = [float(row["AIRMASS"]) for row in rows]
    made = {
        "exposure": [row["EXPID"] for row in rows],
        "seq_num": [int(row["SEQNUM"]) for row in rows],
        "started_at": starts,
        "exposure_time_s": [float(row["EXPTIME"]) for row in rows],
        "observation_type": [TYPES.get(row["OBSTYPE"], row["OBSTYPE"]) for row in rows],
        "observation_type_original": [row["OBSTYPE"] for row in rows],
        "target": [None if row["TILEID"] == "-99" else row["TILEID"] for row in rows],
        "program": [row["PROGRAM"] for row in rows],
        "ra_deg": [float(row["TARGTRA"]) for row in rows],
        "dec_deg": [float(row["TARGTDEC"]) for row in rows],
        "airmass": [value if value > 0 else float("nan") for value in airmass],
        "source": ["desi"] * len(rows),
    }
    frame = frames.frame(columns.EXPOSURES, pd.DataFrame(made))
    lasted = pd.to_timedelta(frame["exposure_time_s"], unit="s")
    frame["ended_at"] = (frame["started_at"] + lasted).astype("datetime64[us, UTC]")
    return frame


def speeds_of(shared_data, night):
    """Return the speed of each exposure that has one, as metrics."""
    rows = [row for row in rows_of(shared_data, night) if float(row["SPEED"]) >= 0]
    made = {
        "name": "speed",
        "node": "",
        "sampled_at": [round(started_at(row) * 1e9) for row in rows],
        "value": [float(row["SPEED"]) for row in rows],
        "source": "desi",
        "exposure": [row["EXPID"] for row in rows],
    }
    return frames.frame(columns.METRICS, pd.DataFrame(made))


def date_of(night):
    """Return the date of a night."""
    return datetime.date.fromisoformat(night)
