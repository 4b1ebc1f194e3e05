"""Charts: figures that plotly accepts, light whatever the night's size, and captions that say the same in words."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from page_samples import at, summary

from observing_monitor.charts import over_nights
from observing_monitor.charts.axes import delay_axis
from observing_monitor.charts.metrics import MAX_HISTORIES, metric_charts
from observing_monitor.charts.night import night_charts
from observing_monitor.model import columns, frames
from observing_monitor.pages import render
from observing_monitor.settings import headlines
from observing_monitor.sources.base import Telling
from observing_monitor.sources.lasair import Lasair

BOUNDS = at("2020-02-12T12:00:00"), at("2020-02-13T12:00:00")


def table(created, transferred, ingested):
    """Files by their instants, as texts or None."""
    data = {"created_at": created, "transferred_at": transferred, "ingested_at": ingested}
    files = pd.DataFrame(
        {
            k: pd.Series(pd.to_datetime(v, utc=True)).astype("datetime64[us, UTC]")
            for k, v in data.items()
        }
    )
    return files.assign(file_class="ingested")


def night(n):
    """`n` files over ten hours, moved in 3 to 20 s, ingested in one to 17 minutes."""
    created = np.datetime64("2020-02-12T22:00:00", "us") + (np.linspace(0, 36_000, n) * 1e6).astype(
        "timedelta64[us]"
    )
    moved = created + ((3 + np.arange(n) * 31 % 17) * 1e6).astype("timedelta64[us]")
    return table(
        created, moved, moved + ((61 + np.arange(n) % 977) * 1e6).astype("timedelta64[us]")
    )


def assert_sound(made):
    """plotly takes each figure, JSON has each value, no trace is heavy, every chart has words and its own address."""
    assert len({chart.chart_id for chart in made}) == len(made)
    for chart in made:
        go.Figure(chart.figure)
        json.loads(render.figure_json(chart.figure))
        assert chart.title and chart.caption.endswith(".")
        for trace in chart.figure["data"]:
            assert 0 < len(trace["x"]) == len(trace["y"]) <= 2000
            assert trace["meta"]["tone"]


@pytest.mark.parametrize("n", [1, 2, 50, 200_000])
def test_night(n):
    """A night of any size has its three charts."""
    made = night_charts(night(n), *BOUNDS)
    assert [chart.chart_id for chart in made] == [
        "chart-files",
        "chart-delay",
        "chart-delay-histogram",
    ]
    assert_sound(made)
    assert f"{n:,} created, {n:,} transferred, {n:,} ingested" in made[0].caption
    assert sum(len(render.figure_json(chart.figure)) for chart in made) < 150_000


def test_steps_end_at_the_number_of_files():
    """However many points are left out, a line of steps begins at one file and ends at all."""
    for trace in night_charts(night(12_345), *BOUNDS)[0].figure["data"]:
        assert trace["y"][0] == 1 and trace["y"][-1] == 12_345 and sorted(trace["x"]) == trace["x"]


def test_few_files_are_counted_in_whole_numbers():
    """Where no count is above 5 an axis of files has a tick for each whole number and none between: there is no half of a file."""
    few, many = night_charts(night(4), *BOUNDS), night_charts(night(5000), *BOUNDS)
    classes = [
        dict.fromkeys([f"n_{column.name}" for column in columns.CLASSES], 0)
        | {"n_ingested": n, "n_failed": 1}
        for n in (4, 5)
    ]
    few.append(over_nights.stream_charts([summary("2020-02-11", **classes[0])])[0])
    many.append(
        over_nights.stream_charts(
            [summary("2020-02-11", **classes[0]), summary("2020-02-12", **classes[1])]
        )[0]
    )
    for made, dtick in ((few, 1), (many, None)):
        axes = {
            chart.chart_id: chart.figure["layout"]["yaxis"]
            for chart in made
            if chart.chart_id != "chart-delay"
        }
        assert {name: axis.get("dtick") for name, axis in axes.items()} == dict.fromkeys(
            ["chart-files", "chart-delay-histogram", "chart-classes"], dtick
        )


@pytest.mark.parametrize("n", [0, 3])
def test_night_without_times(n):
    """Without files, or without a single known time, there is nothing to draw."""
    assert night_charts(table([None] * n, [None] * n, [None] * n), *BOUNDS) == []


def test_only_transfers():
    """A night of which only the arrivals are known has that line, and no delays."""
    made = night_charts(table([None], ["2020-02-13T01:00:00"], [None]), *BOUNDS)
    assert [trace["name"] for chart in made for trace in chart.figure["data"]] == ["transferred"]
    assert_sound(made)


def test_delays_are_what_they_should_be():
    """The transfer delay is arrival − creation; the ingest delay counts from the arrival, else from the creation."""
    files = table(
        ["2020-02-13T01:00:00", "2020-02-13T01:00:00"],
        ["2020-02-13T01:00:10", None],
        ["2020-02-13T01:01:10", "2020-02-13T01:02:00"],
    )
    made = night_charts(files, *BOUNDS)
    lines = {t["name"]: t["y"] for t in made[1].figure["data"]}
    assert lines["transfer 99 %"] == [10.0]
    assert (
        lines["ingest"] == [90.0]
        and lines["ingest 90 %"] == [114.0]
        and lines["ingest 99 %"] == [119.4]
    )
    assert (
        "ingest median 1 min 30 s, 90 % within 1 min 54 s, 99 % within 1 min 59 s, worst 2 min 00 s"
        in made[1].caption
    )


def test_negative_delays():
    """Files that arrived before they were created are shown on a linear axis, and said to be odd."""
    made = night_charts(
        table(
            ["2020-02-13T01:00:10"] * 2, ["2020-02-13T01:00:00", "2020-02-13T05:00:00"], [None] * 2
        ),
        *BOUNDS,
    )
    assert_sound(made)
    assert "type" not in made[1].figure["layout"]["yaxis"]
    assert "1 delay is negative: the clocks differ" in made[1].caption


def test_wide_delays_have_a_log_axis():
    """Where the worst delay would flatten all others, the axis is logarithmic, and zero delays stay visible."""
    times = ["2020-02-13T01:00:00"] * 3
    made = night_charts(
        table(
            times, ["2020-02-13T01:00:00", "2020-02-13T01:00:04", "2020-02-13T09:00:00"], [None] * 3
        ),
        *BOUNDS,
    )
    assert_sound(made)
    assert made[1].figure["layout"]["yaxis"]["type"] == "log"
    assert min(min(trace["y"]) for trace in made[1].figure["data"]) > 0
    assert sum(made[2].figure["data"][0]["y"][:-1]) == 3, "the histogram has all files"


def test_times_outside_of_the_night():
    """An ingest years later doesn't stretch the axis, and the caption says that it is there."""
    chart = night_charts(
        table(["2020-02-13T01:00:00"], ["2020-02-13T01:00:05"], ["2026-01-01T00:00:00"]), *BOUNDS
    )[0]
    first, last = chart.figure["layout"]["xaxis"]["range"]
    assert last - first < 86_400_000
    assert "1 time lies outside" in chart.caption


def test_times_all_over_the_years():
    """Files of which most were created far outside of the night make a chart that is no heavier."""
    days = pd.date_range("2010-01-01", periods=5000, tz="UTC")
    files = table(days, days + pd.Timedelta("5s"), [None] * len(days))
    files.loc[0, ["created_at", "transferred_at"]] = [
        pd.Timestamp(at("2020-02-13T01:00:00")),
        pd.Timestamp(at("2020-02-13T01:00:05")),
    ]
    assert_sound(night_charts(files, *BOUNDS))


def test_stream():
    """The charts over nights have a point a night, oldest first, each with its page."""
    nights = [
        summary("2020-02-13"),
        summary("2020-02-11", completeness=1.0),
        summary("2020-02-12", completeness=None),
    ]
    made = over_nights.stream_charts(nights)
    assert [chart.chart_id for chart in made] == [
        "chart-classes",
        "chart-delays",
        "chart-completeness",
    ]
    assert_sound(made)
    for trace in (trace for chart in made for trace in chart.figure["data"]):
        assert trace["x"] == ["2020-02-11", "2020-02-12", "2020-02-13"]
        assert trace["customdata"] == ["2020-02-11.html", "2020-02-12.html", "2020-02-13.html"]
    assert "1 of 2 nights is complete" in made[2].caption


def test_the_usual_band():
    """From the sixth night on a shade tells where the middle 80 % of the nights before lie: a slow night stands out of it."""
    nights = [
        summary(
            f"2020-02-{day:02}", ingest_delay_median_s=50.0 + day, completeness=0.9 + day / 1000
        )
        for day in range(1, 12)
    ]
    nights += [summary("2020-02-12", ingest_delay_median_s=900.0, completeness=0.2)]
    made = {chart.chart_id: chart for chart in over_nights.stream_charts(nights)}
    assert_sound(made.values())
    for name in ("chart-delays", "chart-completeness"):
        low, high = [
            t["y"]
            for t in made[name].figure["data"]
            if t["meta"].get("is_band") and t["meta"]["tone"] in ("ingest", "total")
        ]
        assert low[:5] == high[:5] == [None] * 5
        assert "Shaded: the usual range (middle 80 %" in made[name].caption
        expected = [50.0 + 2, 50.0 + 10] if name == "chart-delays" else [0.902, 0.91]
        assert [low[-1], high[-1]] == pytest.approx(expected, abs=6e-4), (
            "of the eleven nights before, the slow one left out"
        )
    few = over_nights.stream_charts(nights[:5])
    assert not any(t["meta"].get("is_band") for chart in few for t in chart.figure["data"])


def test_stream_of_one_night():
    """One night is enough for a chart."""
    assert_sound(over_nights.stream_charts([summary()]))


def test_stream_with_nothing_known():
    """A stream without nights, or with empty ones, has no chart."""
    empty = dict.fromkeys(summary()) | {"night": "2020-02-12"}
    assert over_nights.stream_charts([]) == [] and over_nights.stream_charts([empty]) == []


def test_nights_before_tell_what_is_usual():
    """Of nights before those that are drawn, only the shade of what is usual is made."""
    nights = [
        summary(f"2020-02-{day:02}", ingest_delay_median_s=50.0 + day) for day in range(1, 12)
    ]
    made = over_nights.stream_charts(nights[8:], before=nights[:8])
    assert_sound(made)
    whole = {chart.chart_id: chart for chart in over_nights.stream_charts(nights)}
    for chart in made:
        for trace, of_all in zip(
            chart.figure["data"], whole[chart.chart_id].figure["data"], strict=True
        ):
            assert trace["x"] == of_all["x"][8:] and trace["y"] == of_all["y"][8:]


def metrics(rows):
    """Metrics of one source from rows (name, node, instant, value, unit)."""
    named = ["name", "node", "sampled_at", "value", "unit"]
    made = frames.frame(columns.METRICS, pd.DataFrame(rows, columns=named).assign(source="one"))
    return made.sort_values(["name", "node", "sampled_at"], kind="stable", ignore_index=True)


class Sampled(Telling):
    """A source all of whose numbers have histories."""

    histories = ("*",)


def test_time_of_each_node_is_stacked():
    """The latest times of each node, step on step in the source's order; totals beside, nodes by number, NaN nowhere."""
    rows = [
        ("icassandra", "10", BOUNDS[0], 5.0, "s"),
        ("icassandra", "10", at("2020-02-12T13:00:00"), 50.0, "s"),
    ]
    rows += [("icutout", node, BOUNDS[0], 10.0, "s") for node in ("<b>", "2", "10")]
    rows += [
        ("itotal", "10", BOUNDS[0], 70.0, "s"),
        ("ifuture", "2", BOUNDS[0], float("nan"), "s"),
        ("icutout", None, BOUNDS[0], 1e9, "s"),
    ]
    (chart,) = metric_charts(metrics(rows), {"one": Lasair, "other": Telling}, *BOUNDS)
    assert_sound([chart])
    bars = {trace["name"]: trace for trace in chart.figure["data"]}
    assert list(bars) == ["icutout", "icassandra", "itotal"] and bars["itotal"]["type"] == "scatter"
    assert bars["icassandra"]["x"] == ["2", "10", "&lt;b&gt;"], "plotly would take <b> for markup"
    assert bars["icassandra"]["y"] == [None, 50.0, None] and bars["icutout"]["y"] == [10.0] * 3
    assert "highest 1 min 00 s (node 10)" in chart.caption and "icassandra, 62.5 %" in chart.caption
    (marked,) = metric_charts(
        metrics(rows), {"one": Lasair}, *BOUNDS, odd={"one": {"10"}, "other": {"2"}}
    )
    assert (
        marked.figure["data"][0]["x"] == ["2", "▲ 10", "&lt;b&gt;"]
        and "▲ marks nodes with problems: 10." in marked.caption
    )


def test_histories():
    """Samples are lines over the night, a node each, in the night's bounds; one sample alone is no history."""
    rows = [
        ("depth", node, at(f"2020-02-12T{hour}:00:00"), hour + 0.5, "")
        for node in ("q10", "q2")
        for hour in (11, 13, 14)
    ]
    rows += [
        ("alone", None, at("2020-02-12T13:00:00"), 1.0, ""),
        ("unknown", None, at("2020-02-12T13:00:00"), float("nan"), ""),
    ]
    rows += [("unknown", None, at("2020-02-12T14:00:00"), float("nan"), "")]
    (chart,) = metric_charts(metrics(rows), {"one": Sampled}, *BOUNDS)
    assert_sound([chart])
    assert [(trace["name"], trace["y"]) for trace in chart.figure["data"]] == [
        ("q2", [13.5, 14.5]),
        ("q10", [13.5, 14.5]),
    ]
    assert "Left out: 2 samples outside the night" in chart.caption


def test_many_samples_keep_their_extremes():
    """However many samples, nodes and metrics there are, the charts stay light and no peak is lost."""
    n, times = 20_000, pd.date_range(BOUNDS[0], BOUNDS[1], periods=20_001)[:-1]
    values = np.sin(np.arange(n) / 500)
    values[12_345] = 99.0
    one = pd.DataFrame(
        {
            "name": "lag",
            "node": "1",
            "sampled_at": times,
            "value": values,
            "unit": "s",
            "source": "one",
        }
    )
    made = metric_charts(frames.frame(columns.METRICS, one), {"one": Sampled}, *BOUNDS)
    assert_sound(made)
    assert (
        max(made[0].figure["data"][0]["y"]) == 99.0
        and "Only the lowest and highest value of each interval are drawn" in made[0].caption
    )
    many = [
        one.iloc[:200].assign(name=f"m{m}", node=f"n{node}")
        for m in range(30)
        for node in range(16)
    ]
    made = metric_charts(
        frames.frame(columns.METRICS, pd.concat(many, ignore_index=True)),
        {"one": Sampled},
        *BOUNDS,
    )
    assert_sound(made)
    assert len(made) == MAX_HISTORIES and "18 more metrics have a history" in made[-1].caption
    assert sum(len(render.figure_json(chart.figure)) for chart in made) < 300_000


def test_headlines_side_by_side():
    """Headlines stand side by side, a chart a unit; a night that has none leaves a gap, and isn't 0."""
    told = [
        headlines.Headline("produced", "<i>Produced"),
        headlines.Headline("stored", "Stored"),
        headlines.Headline("lag", "Lag", unit="s"),
    ]
    told += [headlines.Headline("completeness", "Completeness", "Stored, of what was produced")]
    nights = [summary("2020-02-11", produced=10.0, stored=4.0, lag=3.0, completeness=0.4)]
    nights += [summary("2020-02-12", produced=None, stored=None, lag=None, completeness=None)]
    made = over_nights.stream_charts(nights, told)
    assert_sound(made)
    assert [trace["name"] for trace in made[0].figure["data"]] == ["&lt;i&gt;Produced", "Stored"]
    assert (
        made[0].figure["data"][0]["y"] == [10.0, None] and made[1].chart_id == "chart-headlines--2"
    )
    assert made[-1].caption.startswith("Stored, of what was produced")


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
    """An axis of delays has ticks around and between them, each with words of its own."""
    axis = delay_axis(*map(float, delays), False)
    ticks, words = axis["tickvals"], axis["ticktext"]
    assert ticks[0] <= delays[0] and ticks[-1] >= delays[1] and 2 <= len(ticks) <= 9
    assert len(set(words)) == len(ticks)
    assert len({word.split()[-1] for word in words}) == 1, "one unit per axis"


def test_charts_over_nights_are_light():
    """The charts over nights, of headlines and delays too, are made without numpy: who publishes a history needs no table."""
    code = """if True:
        import sys
        from observing_monitor.charts.over_nights import stream_charts
        from observing_monitor.model import columns
        from observing_monitor.settings.headlines import Headline
        night = {c.name: 1 for c in columns.NIGHTS} | {"night": "2020-02-12", "lag": 3.0, "stored": 2}
        told = [Headline("stored", "Stored"), Headline("lag", "Lag", unit="s")]
        print(len(stream_charts([night], told, [])), "numpy" in sys.modules)
    """
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.stdout == "5 False\n", told.stderr
