"""Charts: figures that plotly accepts, light whatever the night's size, and captions that say the same in words."""

import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from page_samples import at, summary

from observing_monitor import charts, pages

BOUNDS = at("2020-02-12T12:00:00"), at("2020-02-13T12:00:00")


def table(created, transferred, ingested):
    """Files by their instants, as texts or None."""
    data = {"created_at": created, "transferred_at": transferred, "ingested_at": ingested}
    files = pd.DataFrame({k: pd.Series(pd.to_datetime(v, utc=True)).astype("datetime64[us, UTC]") for k, v in data.items()})
    return files.assign(file_class="ingested")


def night(n):
    """`n` files over ten hours, moved in 3 to 20 s, ingested in one to 17 minutes."""
    created = np.datetime64("2020-02-12T22:00:00", "us") + (np.linspace(0, 36_000, n) * 1e6).astype("timedelta64[us]")
    moved = created + ((3 + np.arange(n) * 31 % 17) * 1e6).astype("timedelta64[us]")
    return table(created, moved, moved + ((61 + np.arange(n) % 977) * 1e6).astype("timedelta64[us]"))


def assert_sound(made):
    """plotly takes each figure, JSON has each value, no trace is heavy, every chart has words and its own address."""
    assert len({chart.chart_id for chart in made}) == len(made)
    for chart in made:
        go.Figure(chart.figure)
        json.loads(pages.figure_json(chart.figure))
        assert chart.title and chart.caption.endswith(".")
        for trace in chart.figure["data"]:
            assert 0 < len(trace["x"]) == len(trace["y"]) <= 2000
            assert trace["meta"]["tone"]


@pytest.mark.parametrize("n", [1, 2, 50, 200_000])
def test_night(n):
    """A night of any size has its three charts."""
    made = charts.night_charts(night(n), *BOUNDS)
    assert [chart.chart_id for chart in made] == ["chart-files", "chart-delay", "chart-delay-histogram"]
    assert_sound(made)
    assert f"{n:,} created, {n:,} transferred, {n:,} ingested" in made[0].caption
    assert sum(len(pages.figure_json(chart.figure)) for chart in made) < 150_000


def test_steps_end_at_the_number_of_files():
    """However many points are left out, a line of steps begins at one file and ends at all."""
    for trace in charts.night_charts(night(12_345), *BOUNDS)[0].figure["data"]:
        assert trace["y"][0] == 1 and trace["y"][-1] == 12_345 and sorted(trace["x"]) == trace["x"]


@pytest.mark.parametrize("n", [0, 3])
def test_night_without_times(n):
    """Without files, or without a single known time, there is nothing to draw."""
    assert charts.night_charts(table([None] * n, [None] * n, [None] * n), *BOUNDS) == []


def test_only_transfers():
    """A night of which only the arrivals are known has that line, and no delays."""
    made = charts.night_charts(table([None], ["2020-02-13T01:00:00"], [None]), *BOUNDS)
    assert [trace["name"] for chart in made for trace in chart.figure["data"]] == ["transferred"]
    assert_sound(made)


def test_delays_are_what_they_should_be():
    """The transfer delay is arrival − creation; the ingest delay counts from the arrival, else from the creation."""
    files = table(
        ["2020-02-13T01:00:00", "2020-02-13T01:00:00"],
        ["2020-02-13T01:00:10", None],
        ["2020-02-13T01:01:10", "2020-02-13T01:02:00"],
    )
    lines = {t["name"]: t["y"] for t in charts.night_charts(files, *BOUNDS)[1].figure["data"]}
    assert lines["transfer worst"] == [10.0]
    assert lines["ingest"] == [90.0] and lines["ingest worst"] == [120.0]


def test_negative_delays():
    """Files that arrived before they were created are shown on a linear axis, and said to be odd."""
    made = charts.night_charts(table(["2020-02-13T01:00:10"] * 2, ["2020-02-13T01:00:00", "2020-02-13T05:00:00"], [None] * 2), *BOUNDS)
    assert_sound(made)
    assert "type" not in made[1].figure["layout"]["yaxis"]
    assert "1 delay is below zero" in made[1].caption


def test_wide_delays_have_a_log_axis():
    """Where the worst delay would flatten all others, the axis is logarithmic, and zero delays stay visible."""
    times = ["2020-02-13T01:00:00"] * 3
    made = charts.night_charts(table(times, ["2020-02-13T01:00:00", "2020-02-13T01:00:04", "2020-02-13T09:00:00"], [None] * 3), *BOUNDS)
    assert_sound(made)
    assert made[1].figure["layout"]["yaxis"]["type"] == "log"
    assert min(min(trace["y"]) for trace in made[1].figure["data"]) > 0
    assert sum(made[2].figure["data"][0]["y"][:-1]) == 3, "the histogram has all files"


def test_times_outside_of_the_night():
    """An ingest years later doesn't stretch the axis, and the caption says that it is there."""
    chart = charts.night_charts(table(["2020-02-13T01:00:00"], ["2020-02-13T01:00:05"], ["2026-01-01T00:00:00"]), *BOUNDS)[0]
    first, last = chart.figure["layout"]["xaxis"]["range"]
    assert last - first < 86_400_000
    assert "1 time lies outside" in chart.caption


def test_times_all_over_the_years():
    """Files of which most were created far outside of the night make a chart that is no heavier."""
    days = pd.date_range("2010-01-01", periods=5000, tz="UTC")
    files = table(days, days + pd.Timedelta("5s"), [None] * len(days))
    files.loc[0, ["created_at", "transferred_at"]] = [pd.Timestamp(at("2020-02-13T01:00:00")), pd.Timestamp(at("2020-02-13T01:00:05"))]
    assert_sound(charts.night_charts(files, *BOUNDS))


def test_stream():
    """The charts over nights have a point a night, oldest first, each with its page."""
    nights = [summary("2020-02-13"), summary("2020-02-11", completeness=1.0), summary("2020-02-12", completeness=None)]
    made = charts.stream_charts(nights)
    assert [chart.chart_id for chart in made] == ["chart-classes", "chart-delays", "chart-completeness"]
    assert_sound(made)
    for trace in (trace for chart in made for trace in chart.figure["data"]):
        assert trace["x"] == ["2020-02-11", "2020-02-12", "2020-02-13"]
        assert trace["customdata"] == ["2020-02-11.html", "2020-02-12.html", "2020-02-13.html"]
    assert "1 of 2 nights are complete" in made[2].caption


def test_stream_of_one_night():
    """One night is enough for a chart."""
    assert_sound(charts.stream_charts([summary()]))


def test_stream_with_nothing_known():
    """A stream without nights, or with empty ones, has no chart."""
    empty = dict.fromkeys(summary()) | {"night": "2020-02-12"}
    assert charts.stream_charts([]) == [] and charts.stream_charts([empty]) == []


def test_ten_years_of_nights():
    """Of ten years of nights the charts show the newest thousand, and say so."""
    days = pd.date_range("2015-01-01", periods=3650).strftime("%Y-%m-%d")
    made = charts.stream_charts([summary(day) for day in days])
    assert_sound(made)
    assert made[0].figure["data"][0]["x"][-1] == days[-1]
    assert all("The newest 1,000 of 3,650 nights." in chart.caption for chart in made)
