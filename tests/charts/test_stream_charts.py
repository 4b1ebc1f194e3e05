"""Charts over the nights of a stream, made without numpy."""

import subprocess
import sys

import pytest
from chart_nights import check_charts
from page_samples import summary

from observing_monitor.charts import over_nights
from observing_monitor.settings.headlines import Headline


def test_stream():
    """Charts over nights have one point per night."""
    nights = [
        summary("2020-02-13"),
        summary("2020-02-11", completeness=1.0),
        summary("2020-02-12", completeness=None),
    ]
    made = over_nights.stream_charts(nights)
    names = ["chart-classes", "chart-delays", "chart-completeness"]
    assert [chart.chart_id for chart in made] == names
    check_charts(made)
    dates = ["2020-02-11", "2020-02-12", "2020-02-13"]
    for trace in (trace for chart in made for trace in chart.figure["data"]):
        assert trace["x"] == dates
        assert trace["customdata"] == [f"{date}.html" for date in dates]
    assert "1 of 2 nights is complete" in made[2].caption


def test_usual_band():
    """A band shows the middle 80 % of the nights before."""
    nights = [
        summary(
            f"2020-02-{day:02}", ingest_delay_median_s=50.0 + day, completeness=0.9 + day / 1000
        )
        for day in range(1, 12)
    ]
    slow = summary("2020-02-12", ingest_delay_median_s=900.0, completeness=0.2)
    made = {chart.chart_id: chart for chart in over_nights.stream_charts([*nights, slow])}
    check_charts(made.values())
    for name in ("chart-delays", "chart-completeness"):
        low, high = [
            trace["y"]
            for trace in made[name].figure["data"]
            if trace["meta"].get("is_band") and trace["meta"]["tone"] in ("ingest", "total")
        ]
        assert low[:5] == high[:5] == [None] * 5
        assert "Shaded: the usual range (middle 80 %" in made[name].caption
        # of the eleven nights before; the slow one does not count
        expected = [50.0 + 2, 50.0 + 10] if name == "chart-delays" else [0.902, 0.91]
        assert [low[-1], high[-1]] == pytest.approx(expected, abs=6e-4)
    few = over_nights.stream_charts(nights[:5])
    assert not any(t["meta"].get("is_band") for chart in few for t in chart.figure["data"])


def test_one_night():
    """One night is enough for charts."""
    made = over_nights.stream_charts([summary()])
    check_charts(made)
    assert made


def test_nothing_known():
    """A stream without nights has no chart."""
    empty = dict.fromkeys(summary()) | {"night": "2020-02-12"}
    assert over_nights.stream_charts([]) == []
    assert over_nights.stream_charts([empty]) == []


def test_earlier_nights_show_what_is_usual():
    """Earlier nights only add to the usual band."""
    nights = [
        summary(f"2020-02-{day:02}", ingest_delay_median_s=50.0 + day) for day in range(1, 12)
    ]
    made = over_nights.stream_charts(nights[8:], before=nights[:8])
    check_charts(made)
    whole = {chart.chart_id: chart for chart in over_nights.stream_charts(nights)}
    for chart in made:
        traces = zip(chart.figure["data"], whole[chart.chart_id].figure["data"], strict=True)
        for trace, of_all in traces:
            assert trace["x"] == of_all["x"][8:] and trace["y"] == of_all["y"][8:]


def test_headlines_side_by_side():
    """Headlines have one chart per unit, with gaps."""
    headlines = [
        Headline("produced", "<i>Produced"),
        Headline("stored", "Stored"),
        Headline("lag", "Lag", unit="s"),
        Headline("completeness", "Completeness", "Stored, of what was produced"),
    ]
    names = ("produced", "stored", "lag", "completeness")
    nights = [
        summary("2020-02-11", **dict(zip(names, (10.0, 4.0, 3.0, 0.4), strict=True))),
        summary("2020-02-12", **dict.fromkeys(names)),
    ]
    made = over_nights.stream_charts(nights, headlines)
    check_charts(made)
    traces = made[0].figure["data"]
    assert [trace["name"] for trace in traces] == ["&lt;i&gt;Produced", "Stored"]
    assert traces[0]["y"] == [10.0, None]
    assert made[1].chart_id == "chart-headlines--2"
    assert made[-1].caption.startswith("Stored, of what was produced")


def test_charts_over_nights_are_light():
    """Charts over nights are made without numpy."""
    code = """if True:
        import sys
        from observing_monitor.charts.over_nights import stream_charts
        from observing_monitor.model import columns
        from observing_monitor.settings.headlines import Headline
        night = {c.name: 1 for c in columns.NIGHTS}
        night |= {"night": "2020-02-12", "lag": 3.0, "stored": 2}
        headlines = [Headline("stored", "Stored"), Headline("lag", "Lag", unit="s")]
        print(len(stream_charts([night], headlines, [])), "numpy" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "7 False\n", done.stderr
