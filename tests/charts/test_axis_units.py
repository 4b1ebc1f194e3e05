"""Units on the axes of charts: one per axis, in numbers without exponents."""

import pytest
from chart_nights import BOUNDS
from page_samples import at, summary
from sampled import Sampled, metrics

from observing_monitor.charts.axes import delay_axis, value_axis
from observing_monitor.charts.metrics import metric_charts
from observing_monitor.charts.over_nights import stream_charts
from observing_monitor.settings.headlines import Headline

SAMPLES = [(at("2020-02-12T23:00:00"), 46e6), (at("2020-02-13T01:00:00"), 1e6)]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 95, "0 s|20 s|40 s|60 s|80 s|100 s"),
        (0, 5000, "0 min|20 min|40 min|60 min|80 min|100 min"),
        (0, 40_000, "0 h|2 h|4 h|6 h|8 h|10 h|12 h"),
        (0, 500_000, "0 d|1 d|2 d|3 d|4 d|5 d|6 d"),
        (0, 2, "0 s|0.5 s|1 s|1.5 s|2 s|2.5 s"),
        (-90, 30, "−100 s|−80 s|−60 s|−40 s|−20 s|0 s|20 s|40 s"),
    ],
)
def test_delays_have_one_unit(low, high, words):
    """All ticks of a linear axis of delays have one unit."""
    assert "|".join(delay_axis(float(low), float(high), False)["ticktext"]) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 900, "0.1 s|1 s|10 s|100 s|1,000 s"),
        (2, 18_000, "1 s|10 s|100 s|1,000 s|10,000 s|100,000 s"),
        (10, 800_000, "0.1 min|1 min|10 min|100 min|1,000 min|10,000 min|100,000 min"),
        (600, 5e6, "0.1 h|1 h|10 h|100 h|1,000 h|10,000 h"),
        (0, 90_000, "0.1 s|1 s|10 s|1 min|10 min|1 h|10 h|1 d|10 d|100 d|1,000 d"),
    ],
)
def test_delays_of_several_sizes(low, high, words):
    """A logarithmic axis has one unit if that is readable."""
    axis = delay_axis(float(low), float(high), True)
    assert axis["type"] == "log" and "|".join(axis["ticktext"]) == words
    assert axis["tickvals"] == sorted(axis["tickvals"])


@pytest.mark.parametrize(
    ("values", "unit", "title", "by"),
    [
        ([0.0, 2.5e9], "B", "GB", 1e9),
        ([0.0, 46e6], "B/s", "MB/s", 1e6),
        ([0.0, 0.5], "fraction", "%", 0.01),
        ([0.0, 1_500_000], "", "", 1),
        ([2.0, 3.0], "arcsec", "arcsec", 1),
    ],
)
def test_values_have_one_unit(values, unit, title, by):
    """An axis of numbers names one unit; plotly adds no k or M."""
    axis, divisor = value_axis(values, unit)
    assert (axis["title"]["text"], divisor) == (title, by)
    assert axis["exponentformat"] == "none" and axis["separatethousands"]


def test_headlines_are_drawn_in_the_axis_unit():
    """Bars are as high as the axis says; a missing value has none."""
    nights = [summary("2020-02-12", volume=3e9), summary("2020-02-13", volume=None)]
    made = stream_charts(nights, [Headline("volume", "Volume", unit="B")])[0]
    assert made.figure["layout"]["yaxis"]["title"]["text"] == "GB"
    assert made.figure["data"][0]["y"] == [3.0, None]
    assert made.figure["data"][0]["text"][0] == "3.0 GB"


def test_histories_are_drawn_in_the_axis_unit():
    """A line is as high as the axis says."""
    rows = [("rate", "1", instant, value, "B/s") for instant, value in SAMPLES]
    table = metrics(rows)
    (made,) = metric_charts(table, {"one": Sampled}, *BOUNDS)
    assert made.figure["layout"]["yaxis"]["title"]["text"] == "MB/s"
    assert made.figure["data"][0]["y"] == [46.0, 1.0]
    assert made.figure["data"][0]["text"] == ["46.0 MB/s", "1.0 MB/s"]
