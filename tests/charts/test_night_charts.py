"""Charts of a night: files over time, and delays."""

import pandas as pd
import pytest
from chart_nights import BOUNDS, check_charts, files_at, night_of
from page_samples import at, summary

from observing_monitor.charts import over_nights
from observing_monitor.charts.axes import delay_axis
from observing_monitor.charts.night import night_charts
from observing_monitor.model import columns
from observing_monitor.pages import render

ONE = "2020-02-13T01:00:00"


@pytest.mark.parametrize("n", [1, 2, 50, 200_000])
def test_night(n):
    """A night of any size has three charts, which are small."""
    made = night_charts(night_of(n), *BOUNDS)
    names = ["chart-files", "chart-delay", "chart-delay-histogram"]
    assert [chart.chart_id for chart in made] == names
    check_charts(made)
    assert f"{n:,} created, {n:,} transferred, {n:,} ingested" in made[0].caption
    assert sum(len(render.figure_json(chart.figure)) for chart in made) < 150_000


def test_steps_end_at_the_number_of_files():
    """However many points are left out, a line of steps begins at one file and ends at all."""
    for trace in night_charts(night_of(12_345), *BOUNDS)[0].figure["data"]:
        assert trace["y"][0] == 1 and trace["y"][-1] == 12_345
        assert sorted(trace["x"]) == trace["x"]


def test_few_files_are_counted_in_whole_numbers():
    """If no count is above 5, an axis of files has one tick per whole number."""
    few, many = night_charts(night_of(4), *BOUNDS), night_charts(night_of(5000), *BOUNDS)
    none = dict.fromkeys([f"n_{column.name}" for column in columns.CLASSES], 0)
    first = summary("2020-02-11", **none | {"n_ingested": 4, "n_failed": 1})
    second = summary("2020-02-12", **none | {"n_ingested": 5, "n_failed": 1})
    few.append(over_nights.stream_charts([first])[0])
    many.append(over_nights.stream_charts([first, second])[0])
    wanted = ("chart-files", "chart-delay-histogram", "chart-classes")
    for made, dtick in ((few, 1), (many, None)):
        axes = {chart.chart_id: chart.figure["layout"]["yaxis"] for chart in made}
        assert {name: axes[name].get("dtick") for name in wanted} == dict.fromkeys(wanted, dtick)
        assert set(axes) == {*wanted, "chart-delay"}


@pytest.mark.parametrize("n", [0, 3])
def test_night_without_times(n):
    """Without files, or without any time, there are no charts."""
    assert night_charts(files_at([None] * n, [None] * n, [None] * n), *BOUNDS) == []


def test_only_transfers():
    """A night of which only arrivals are known has that line, and no delays."""
    made = night_charts(files_at([None], [ONE], [None]), *BOUNDS)
    assert [trace["name"] for chart in made for trace in chart.figure["data"]] == ["transferred"]
    check_charts(made)


def test_delays():
    """The transfer delay counts from creation; that of ingest from arrival, else from creation."""
    files = files_at(
        [ONE, ONE],
        ["2020-02-13T01:00:10", None],
        ["2020-02-13T01:01:10", "2020-02-13T01:02:00"],
    )
    made = night_charts(files, *BOUNDS)
    lines = {trace["name"]: trace["y"] for trace in made[1].figure["data"]}
    assert lines["transfer 99 %"] == [10.0]
    assert [lines[f"ingest{share}"] for share in ("", " 90 %", " 99 %")] == [
        [90.0],
        [114.0],
        [119.4],
    ]
    said = "median 1 min 30 s, 90 % within 1 min 54 s, 99 % within 1 min 59 s, worst 2 min 00 s"
    assert f"ingest {said}" in made[1].caption


def test_negative_delays():
    """Files that arrived before their creation give a linear axis and a remark."""
    files = files_at(["2020-02-13T01:00:10"] * 2, [ONE, "2020-02-13T05:00:00"], [None] * 2)
    made = night_charts(files, *BOUNDS)
    check_charts(made)
    assert "type" not in made[1].figure["layout"]["yaxis"]
    assert "1 delay is negative: the clocks differ" in made[1].caption


def test_wide_delays_have_a_log_axis():
    """If the worst delay would flatten the others, the axis is logarithmic; zero stays visible."""
    moved = [ONE, "2020-02-13T01:00:04", "2020-02-13T09:00:00"]
    made = night_charts(files_at([ONE] * 3, moved, [None] * 3), *BOUNDS)
    check_charts(made)
    assert made[1].figure["layout"]["yaxis"]["type"] == "log"
    assert min(min(trace["y"]) for trace in made[1].figure["data"]) > 0
    assert sum(made[2].figure["data"][0]["y"][:-1]) == 3, "the histogram has all files"


def test_times_outside_the_night():
    """A late ingest does not stretch the axis; the caption counts it."""
    files = files_at([ONE], ["2020-02-13T01:00:05"], ["2026-01-01T00:00:00"])
    chart = night_charts(files, *BOUNDS)[0]
    first, last = chart.figure["layout"]["xaxis"]["range"]
    assert last - first < 86_400_000
    assert "1 time lies outside" in chart.caption


def test_times_all_over_the_years():
    """Files that were mostly created far outside the night make no larger chart."""
    days = pd.date_range("2010-01-01", periods=5000, tz="UTC")
    files = files_at(days, days + pd.Timedelta("5s"), [None] * len(days))
    files.loc[0, ["created_at", "transferred_at"]] = [
        pd.Timestamp(at(ONE)),
        pd.Timestamp(at("2020-02-13T01:00:05")),
    ]
    check_charts(night_charts(files, *BOUNDS))


@pytest.mark.parametrize(
    "delays",
    [
        (500, 559),
        (5, 90),
        (0.2, 0.7),
        (-30, 50),
        (3600, 3700),
        (90_000, 90_100),
        (7, 7.5),
        (100_000, 900_000),
    ],
)
def test_ticks_of_delays(delays):
    """An axis of delays has ticks around and between them, each with its own words."""
    axis = delay_axis(*map(float, delays), False)
    ticks, words = axis["tickvals"], axis["ticktext"]
    assert ticks[0] <= delays[0] and ticks[-1] >= delays[1] and 2 <= len(ticks) <= 9
    assert len(set(words)) == len(ticks)
