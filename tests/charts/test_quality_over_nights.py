"""Image quality and overhead over nights, with their usual range."""

import datetime

import pytest
from chart_nights import check_charts
from page_samples import summary
from running import run
from support.settings_text import to_toml

from observing_monitor.charts.over_nights import stream_charts
from observing_monitor.settings.headlines import Headline

SEEING = Headline("image_quality_median", "seeing", unit="arcsec")


def nights_of(seeing, overhead_s=None):
    """Return summaries of nights from 2020-02-01 on, with their medians."""
    return [
        summary(f"2020-02-{day:02}", image_quality_median=value, overhead_median_s=overhead_s)
        for day, value in enumerate(seeing, 1)
    ]


def charts_of(nights, before=()):
    """Return the charts by name."""
    made = {chart.chart_id: chart for chart in stream_charts(nights, (), before, quality=SEEING)}
    check_charts(made.values())
    return made


def test_image_quality():
    """The chart has each night's median, and the range of the nights before."""
    nights = nights_of([0.8, None, 0.9, 1.0, 1.1, 1.2, 3.0])
    chart = charts_of(nights)["chart-quality"]
    low, high, medians = chart.figure["data"]
    assert medians["y"] == [0.8, None, 0.9, 1.0, 1.1, 1.2, 3.0]
    assert medians["text"][-1] == "3 arcsec" and medians["customdata"][-1] == "2020-02-07.html"
    # of the last night: 10 % and 90 % of 0.8, 0.9, 1.0, 1.1 and 1.2
    assert low["y"] == [None] * 6 + [pytest.approx(0.84)]
    assert high["y"] == [None] * 6 + [1.16]
    assert chart.title == "Image quality: seeing"
    assert chart.caption == (
        "Median seeing of each night: 0.8 arcsec to 3 arcsec. Shaded: the usual range "
        "(middle 80 % of the medians of the 30 nights before)."
    )


def test_nights_before():
    """Nights that are not drawn say what is usual."""
    nights = nights_of([1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    chart = charts_of(nights[5:], nights[:5])["chart-quality"]
    assert [trace["y"] for trace in chart.figure["data"]] == [[1.0], [1.0], [2.0]]


def test_small_numbers():
    """The range of small numbers is not rounded away."""
    low, high, _ = charts_of(nights_of([4e-6] * 6))["chart-quality"].figure["data"]
    assert low["y"][-1] == high["y"][-1] == 4e-6


def test_overhead():
    """The chart of overhead has times."""
    made = charts_of(nights_of([None, None], overhead_s=90.0))
    assert "chart-quality" not in made
    assert made["chart-overhead"].title == "Overhead"
    assert made["chart-overhead"].caption == "Median overhead of each night: 1 min 30 s."


def test_from_settings_to_page(tmp_path):
    """Pages of streams and years show the image quality."""
    rows = [f"{n},2020-02-{1 + n:02}T02:00:00Z,30,object,{1 + n / 10}\n" for n in range(6)]
    (tmp_path / "log.csv").write_text("id,at,s,type,fwhm\n" + "".join(rows))
    names = {"exposure": "id", "started_at": "at", "exposure_time_s": "s"}
    source = {
        "type": "table",
        "path": "log.csv",
        "feeds": "exposures",
        "columns": names | {"observation_type": "type"},
        "measures": {"seeing": "fwhm"},
        "units": {"seeing": "arcsec"},
    }
    stream = {"image_quality": "seeing", "sources": [source]}
    settings = {"observing_monitor": {"output_dir": "site"}, "streams": {"cam": stream}}
    (tmp_path / "site.toml").write_text(to_toml(settings))
    now = datetime.datetime(2020, 2, 9, tzinfo=datetime.UTC)
    days = ("--first_day", "2020-01-31", "--last_day", "2020-02-06")
    assert run("-c", tmp_path / "site.toml", *days, "--jobs", 1, now=now) == 0
    for name in ("index", "2020"):
        page = (tmp_path / f"site/cam/{name}.html").read_text()
        assert "Median seeing of each night: 1 arcsec to 1.5 arcsec. Shaded" in page
