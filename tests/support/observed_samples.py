"""Sections of a night's page about its exposures, with any text."""

import datetime

import pandas as pd
from night_tables import metrics

from observing_monitor.charts.sky_map import sky_map
from observing_monitor.charts.timeline import Metric, Place, timeline
from observing_monitor.model import columns, frames, wording
from observing_monitor.model.position import Position
from observing_monitor.pages.night_use import night_used
from observing_monitor.tables.night_use import NightSpan, UseSettings, use_of_night

NIGHT = "2020-02-12"
BOUNDS = (
    datetime.datetime(2020, 2, 12, 12, tzinfo=datetime.UTC),
    datetime.datetime(2020, 2, 13, 12, tzinfo=datetime.UTC),
)
PLACE = Place(Position(-30.24, -70.74), "America/Santiago")
START = pd.Timestamp("2020-02-13T02:00Z")


class Settings:
    """Settings of a stream that the sections depend on."""

    position = PLACE.position
    twilight_deg = 12.0
    gap_min_s = 600.0


def observed(text):
    """Return the sections of a running night.

    `text` is in all that others wrote.
    """
    text = text.replace("\udcff", "\ufffd")  # tables are UTF-8
    starts = [START + pd.Timedelta(seconds=seconds) for seconds in (0, 60, 61, 5000)]
    rows = frames.frame(
        columns.EXPOSURES,
        pd.DataFrame(
            {
                "exposure": [f"{text}{n}" for n in range(4)],
                "started_at": starts,
                "exposure_time_s": 30.0,
                "observation_type": ["science", "science", "science", "flat"],
                "physical_filter": [text, text, text, None],
                "program": text,
                "target": text,
                "airmass": 1.2,
                "ra_deg": [150.0, 160.0, 170.0, 0.0],
                "dec_deg": [-20.0, -30.0, -40.0, 0.0],
            }
        ),
    )
    numbers = metrics(
        {"name": text, "sampled_at": starts[0], "value": 1.5, "unit": text},
        {"name": text, "sampled_at": starts[1], "value": 0.5, "unit": text},
    )
    numbers["exposure"] = list(rows["exposure"][:2])
    until = datetime.datetime(2020, 2, 13, 6, tzinfo=datetime.UTC)
    span = NightSpan(*BOUNDS, until)
    use = use_of_night(rows, numbers, PLACE.position, span, UseSettings(readout_s=2))
    hrefs = {wording.exposure_anchor(name): "#exposures" for name in rows["exposure"]}
    series = [Metric(text, numbers), Metric(f"rain {text}", numbers[:0])]
    return {
        "use": night_used(use, Settings, NIGHT, hrefs),
        "timeline": timeline(rows, use, BOUNDS, PLACE, series, hrefs),
        "sky_map": sky_map(rows, PLACE.position),
    }
