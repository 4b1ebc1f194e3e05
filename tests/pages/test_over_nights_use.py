"""Exposures over nights: sums of months and years, and their chart."""

import pytest

from observing_monitor.charts.use_over_nights import types_chart, use_chart
from observing_monitor.model import columns
from observing_monitor.pages import periods

HOUR = 3600.0
NOTHING = {c.name: 0 for c in columns.NIGHTS if c.name.startswith("n_")}
NOTHING |= {c.name: None for c in (*columns.NIGHTS, *columns.USE) if c.name not in NOTHING}
NOTHING |= dict.fromkeys(c.name for c in columns.USE)


def night(date, **used):
    """Return the summary of a night without files."""
    return {**NOTHING, "night": date, "status": "normal", **used}


NIGHTS = [
    night("2020-02-12", n_exposures_science=10, science_s=6 * HOUR, night_s=8 * HOUR, gaps_s=HOUR),
    night("2020-02-13", n_exposures_science=0, science_s=0.0, night_s=8 * HOUR, gaps_s=8 * HOUR),
    night("2020-03-01", n_exposures_science=2, science_s=HOUR, night_s=None, gaps_s=None),
    night("2020-03-02"),
]


def test_sums():
    """Counts and times of exposures are added up."""
    march, february = periods.months(NIGHTS, [])
    assert february.values["n_exposures_science"] == 10
    assert february.values["science_s"] == 6 * HOUR and february.values["night_s"] == 16 * HOUR
    assert march.values["science_s"] == HOUR and march.values["night_s"] is None
    assert periods.how_of("science_s") == "sum"
    assert periods.how_of("ingest_delay_p90_s") == "median"
    (year,) = periods.years(NIGHTS, [])
    assert year.values["n_exposures_science"] == 12 and year.values["open_shutter_s"] is None


def test_chart():
    """Science, gaps and the rest add up to the dark time."""
    chart = use_chart(NIGHTS)
    by_name = {bar["name"]: bar["y"] for bar in chart.figure["data"]}
    assert by_name["science"] == [6, 0, 1, None] and by_name["gaps"] == [1, 8, None, None]
    assert by_name["overhead and other exposures"] == [1, 0, None, None]
    assert chart.caption == (
        "Science: 7.0 h in 3 nights, 37.5 % of the time between the twilights."
    )
    assert chart.figure["data"][0]["customdata"][0] == "2020-02-12.html"


def test_types():
    """Exposures of each night are stacked by type, science below."""
    nights = [
        night("2020-02-12", n_exposures_science=10, n_exposures_bias=5, n_exposures_flat=0),
        night("2020-02-13", n_exposures_science=0, n_exposures_bias=1200, n_exposures_flat=0),
        night("2020-03-02"),
    ]
    chart = types_chart(nights)
    bars = {bar["name"]: bar["y"] for bar in chart.figure["data"]}
    assert list(bars.items()) == [("science", [10, 0, None]), ("bias", [5, 1200, None])]
    assert chart.caption == "Exposures: 10 science, 1,205 bias."
    assert chart.figure["data"][1]["text"] == ["5", "1,200", "–"]
    assert types_chart(nights[2:]) is None


@pytest.mark.parametrize("nights", [[], NIGHTS[3:]])
def test_no_exposures(nights):
    """Without exposures there is no chart."""
    assert use_chart(nights) is None
