"""Charts of metrics: times of nodes stacked, and histories."""

import numpy as np
import pandas as pd
from chart_nights import BOUNDS, check_charts
from page_samples import at
from sampled import Sampled, metrics

from observing_monitor.charts.metrics import MAX_HISTORIES, metric_charts
from observing_monitor.model import columns, frames
from observing_monitor.pages import render
from observing_monitor.sources.base import Telling
from observing_monitor.sources.lasair import Lasair


def test_times_of_nodes_are_stacked():
    """Times of nodes are stacked in the source's order."""
    rows = [
        ("icassandra", "10", BOUNDS[0], 5.0, "s"),
        ("icassandra", "10", at("2020-02-12T13:00:00"), 50.0, "s"),
        *(("icutout", node, BOUNDS[0], 10.0, "s") for node in ("<b>", "2", "10")),
        ("itotal", "10", BOUNDS[0], 70.0, "s"),
        ("ifuture", "2", BOUNDS[0], float("nan"), "s"),
        ("icutout", None, BOUNDS[0], 1e9, "s"),
    ]
    (chart,) = metric_charts(metrics(rows), {"one": Lasair, "other": Telling}, *BOUNDS)
    check_charts([chart])
    bars = {trace["name"]: trace for trace in chart.figure["data"]}
    assert list(bars) == ["icutout", "icassandra", "itotal"]
    assert bars["itotal"]["type"] == "scatter"
    # by number; plotly would take <b> for markup
    assert bars["icassandra"]["x"] == ["2", "10", "&lt;b&gt;"]
    assert bars["icassandra"]["y"] == [None, 50.0, None]
    assert bars["icutout"]["y"] == [10.0] * 3
    assert "highest 1 min 00 s (node 10)" in chart.caption
    assert "icassandra, 62.5 %" in chart.caption


def test_nodes_with_problems_are_marked():
    """A node with a finding has a mark."""
    rows = [("icutout", node, BOUNDS[0], 10.0, "s") for node in ("<b>", "2", "10")]
    odd = {"one": {"10"}, "other": {"2"}}
    (chart,) = metric_charts(metrics(rows), {"one": Lasair}, *BOUNDS, odd=odd)
    assert chart.figure["data"][0]["x"] == ["2", "▲ 10", "&lt;b&gt;"]
    assert "▲ marks nodes with problems: 10." in chart.caption


def test_histories():
    """Samples are lines, one per node, within the night."""
    rows = [
        ("depth", node, at(f"2020-02-12T{hour}:00:00"), hour + 0.5, "")
        for node in ("q10", "q2")
        for hour in (11, 13, 14)
    ]
    rows += [
        ("alone", None, at("2020-02-12T13:00:00"), 1.0, ""),
        ("unknown", None, at("2020-02-12T13:00:00"), float("nan"), ""),
        ("unknown", None, at("2020-02-12T14:00:00"), float("nan"), ""),
    ]
    (chart,) = metric_charts(metrics(rows), {"one": Sampled}, *BOUNDS)
    check_charts([chart])
    assert [(trace["name"], trace["y"]) for trace in chart.figure["data"]] == [
        ("q2", [13.5, 14.5]),
        ("q10", [13.5, 14.5]),
    ]
    assert "Left out: 2 samples outside the night" in chart.caption


def samples(n=20_000):
    """Return many samples with one peak."""
    values = np.sin(np.arange(n) / 500)
    values[12_345] = 99.0
    times = pd.date_range(BOUNDS[0], BOUNDS[1], periods=n + 1)[:-1]
    one = {"name": "lag", "node": "1", "sampled_at": times, "value": values}
    return pd.DataFrame(one | {"unit": "s", "source": "one"})


def test_many_samples_keep_their_extremes():
    """A chart of many samples is small and has the peak."""
    made = metric_charts(frames.frame(columns.METRICS, samples()), {"one": Sampled}, *BOUNDS)
    check_charts(made)
    assert max(made[0].figure["data"][0]["y"]) == 99.0
    words = "Only the lowest and highest value of each interval are drawn"
    assert words in made[0].caption


def test_many_metrics():
    """Charts of many metrics are few and small."""
    one = samples().iloc[:200]
    many = [one.assign(name=f"m{m}", node=f"n{node}") for m in range(30) for node in range(16)]
    table = frames.frame(columns.METRICS, pd.concat(many, ignore_index=True))
    made = metric_charts(table, {"one": Sampled}, *BOUNDS)
    check_charts(made)
    assert len(made) == MAX_HISTORIES
    assert "18 more metrics have a history" in made[-1].caption
    assert sum(len(render.figure_json(chart.figure)) for chart in made) < 300_000
