"""Nights of files for charts, and checks of all charts."""

import datetime
import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from page_samples import at

from observing_monitor.charts import under_the_sky
from observing_monitor.charts.night import night_charts
from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position
from observing_monitor.pages import render

BOUNDS = at("2020-02-12T12:00:00"), at("2020-02-13T12:00:00")
PACHON = Position(-30.2446, -70.7494)


def files_at(created, transferred, ingested):
    """Return files with their times, as texts or None."""
    times = {"created_at": created, "transferred_at": transferred, "ingested_at": ingested}
    files = pd.DataFrame(
        {
            name: pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]")
            for name, values in times.items()
        }
    )
    return files.assign(file_class="ingested")


def night_of(n):
    """Return `n` files of ten hours.

    They arrive after 3 to 20 s and are ingested after 1 to 17 minutes.
    """
    number = np.arange(n)
    evening = np.datetime64("2020-02-12T22:00:00", "us")
    created = evening + _seconds(np.linspace(0, 36_000, n))
    moved = created + _seconds(3 + number * 31 % 17)
    return files_at(created, moved, moved + _seconds(61 + number % 977))


def _seconds(numbers):
    return (numbers * 1e6).astype("timedelta64[us]")


def sky_charts(night="2020-02-12", position=PACHON, timezone="America/Santiago", n=500):
    """Return the charts of `n` files under a night's sky."""
    bounds = NightRule().bounds(datetime.date.fromisoformat(night))
    made = night_charts(night_of(n), *BOUNDS)
    shift = round((bounds[0] - BOUNDS[0]).total_seconds() * 1000)
    for trace in (trace for chart in made[:2] for trace in chart.figure["data"]):
        trace["x"] = [x + shift for x in trace["x"]]
    return under_the_sky.under_the_sky(made, *bounds, position, timezone)


def check_charts(charts):
    """Check that charts are valid, small and have words."""
    assert len({chart.chart_id for chart in charts}) == len(charts)
    for chart in charts:
        go.Figure(chart.figure)
        json.loads(render.figure_json(chart.figure))
        assert chart.title and chart.caption.endswith(".")
        for trace in chart.figure["data"]:
            assert 0 < len(trace["x"]) == len(trace["y"]) <= 2000
            assert trace["meta"]["tone"]
