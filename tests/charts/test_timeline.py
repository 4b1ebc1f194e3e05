"""The timeline of a night: strips, gaps, curves."""

import datetime

import desi
import numpy as np
import pandas as pd
import pytest
from night_tables import metrics

from observing_monitor.charts import timeline as made
from observing_monitor.charts.timeline import Metric, Place, timeline
from observing_monitor.model import columns, frames
from observing_monitor.model.position import Position
from observing_monitor.tables.night_use import NightSpan, use_of_night

UTC = datetime.UTC
BOUNDS = (
    datetime.datetime(2021, 2, 16, 12, tzinfo=UTC),
    datetime.datetime(2021, 2, 17, 12, tzinfo=UTC),
)
START = pd.Timestamp("2021-02-17T02:00Z")
NOWHERE = Place(None, "")
PACHON = Place(Position(-30.24, -70.74), "America/Santiago")


def exposures(n, every_s=60, **values):
    """Return exposures of 30 s, one every `every_s` seconds."""
    starts = START + pd.to_timedelta(np.arange(n) * every_s, unit="s")
    usual = {
        "exposure": [f"E{number}" for number in range(n)],
        "started_at": starts,
        "ended_at": starts + pd.Timedelta(seconds=30),
        "exposure_time_s": 30.0,
        "observation_type": "science",
    }
    return frames.frame(columns.EXPOSURES, pd.DataFrame(usual | values))


def drawn(exposures, place=NOWHERE, series=(), known_until=None):
    """Return the timeline of a night."""
    use = use_of_night(exposures, metrics(), place.position, NightSpan(*BOUNDS, known_until))
    return timeline(exposures, use, BOUNDS, place, series)


def test_a_strip_per_type_and_filter():
    """Science comes first; each filter and type has a strip."""
    rows = exposures(
        4,
        observation_type=["flat", "science", "science", "bias"],
        physical_filter=["r", "r", "i", None],
    )
    strips = drawn(rows).strips
    assert [strip.label for strip in strips] == ["science i", "science r", "bias", "flat r"]
    assert [len(strip.marks) for strip in strips] == [1, 1, 1, 1]
    assert len({strip.css for strip in strips}) == 4


def test_places_are_percent_of_full_hours():
    """The axis has full hours, and an exposure is where its time is."""
    got = drawn(exposures(2, every_s=5400))  # 02:00 to 03:30:30: the axis ends at 04:00
    (strip,) = got.strips
    assert [tick.utc for tick in got.ticks] == ["02", "03", "04"]
    assert [tick.x for tick in got.ticks] == [0, 50, 100]
    assert [mark.x for mark in strip.marks] == [0, 75]
    assert [mark.width for mark in strip.marks] == pytest.approx([30 / 72, 30 / 72], abs=0.001)
    assert strip.marks[1].href == "#exposure-E1"
    assert strip.marks[1].words == "E1, 02-17 03:30–03:30 UTC, 30 s"


def test_no_time_at_all():
    """A bias at a full hour has an axis of an hour."""
    rows = exposures(1, observation_type="bias", exposure_time_s=0.0, ended_at=START)
    shown = drawn(rows)
    assert [tick.x for tick in shown.ticks] == [0, 100] and shown.strips[0].marks[0].x == 0


def test_many_exposures_are_few_marks():
    """Neighbours closer than a pixel are one mark; all of them are counted."""
    got = drawn(exposures(20_000, every_s=1.5))
    (strip,) = got.strips
    assert len(strip.marks) <= made.MAX_MARKS + 1
    counted = [int(mark.words.split()[0]) for mark in strip.marks if " exposures, " in mark.words]
    assert sum(counted) + len(strip.marks) - len(counted) == 20_000
    assert max(mark.x for mark in strip.marks) > 90


@pytest.mark.parametrize(("n", "n_marks"), [(900, 900), (20_000, 450)])
def test_many_exposures_share_the_marks(n, n_marks):
    """The marks of a crowded night are bounded, so its page stays small."""
    filters = ["griz"[number % 4] for number in range(n)]
    strips = drawn(exposures(n, every_s=36_000 / n, physical_filter=filters)).strips
    assert len(strips) == 4
    assert sum(len(strip.marks) for strip in strips) == pytest.approx(n_marks, rel=0.1)


def test_many_filters_are_few_strips():
    """The rarest filters share a strip."""
    rows = exposures(60, physical_filter=[f"f{n % 30:02}" for n in range(60)])
    strips = drawn(rows).strips
    assert len(strips) == made.MAX_STRIPS and strips[-1].label == "others"
    assert sum(len(strip.marks) for strip in strips) == 60


def test_local_time_and_twilight():
    """Hours have local time, and the sky is as in the charts."""
    got = drawn(exposures(3), PACHON)
    assert got.zone == "UTC−03"
    at = next(tick for tick in got.ticks if tick.utc == "03")
    assert at.local == "00" and at.is_odd
    assert [box.css for box in got.sky][:4] == [
        "civil-twilight",
        "nautical-twilight",
        "astronomical-twilight",
        "night",
    ]
    assert all(0 <= box.x <= box.x + box.width <= 100.001 for box in (*got.sky, *got.moon))
    assert "sunset" in got.words and "bar at the top" not in got.words


def test_half_hours_of_local_time():
    """A zone of half hours shows the minutes."""
    got = drawn(exposures(3), Place(None, "Asia/Kolkata"))
    assert (got.zone, got.ticks[0].local) == ("IST", "07:30")


def test_gaps_are_labelled():
    """A wide gap has its length inside, and its times for the pointer."""
    got = drawn(exposures(2, every_s=7200))
    (gap,) = got.gaps
    assert gap.label == "1 h 59 min"
    assert gap.words == "gap of 1 h 59 min, 02-17 02:00–04:00 UTC"


def test_a_running_night_has_a_line():
    """The last data of a running night are marked."""
    until = datetime.datetime(2021, 2, 17, 3, tzinfo=UTC)
    got = drawn(exposures(3), PACHON, known_until=until)
    assert 0 < got.known_until < 100
    assert drawn(exposures(3), PACHON).known_until is None


def test_metrics_below_the_exposures():
    """A metric is a line per node; the lowest and highest of many values stay."""
    times = START + pd.to_timedelta(np.arange(3000), unit="s")
    values = np.sin(np.arange(3000) / 100)
    values[1234] = 50.0
    many = frames.frame(
        columns.METRICS,
        pd.DataFrame(
            {"name": "seeing", "node": "", "sampled_at": times, "value": values, "unit": "arcsec"}
        ),
    )
    nodes = metrics(
        *({"name": "t", "node": f"n{n}", "sampled_at": START, "value": n} for n in range(9))
    )
    got = drawn(exposures(60), series=[Metric("seeing", many), Metric("t", nodes)])
    seeing, temperature = got.curves
    assert seeing.label == "seeing, arcsec" and seeing.high == "50"
    (line,) = seeing.lines
    assert len(line.points.split()) <= made.MAX_POINTS + 2 and line.points.count(",5 ") == 1
    assert len(temperature.lines) == made.MAX_LINES and "3 more nodes" in temperature.words
    assert temperature.lines[0].dots == [(0.0, 95.0)]


def test_a_metric_without_values_is_named():
    """A metric that the settings name is never left out silently."""
    empty = metrics()[:0]
    got = drawn(exposures(3), series=[Metric("weather/rain", empty)])
    assert (got.curves, got.missing) == ([], ["weather/rain"])


def test_late_files_have_a_strip():
    """Late files are below the exposures, those of one exposure as one mark."""
    at = START.timestamp()
    rows = exposures(60)
    use = use_of_night(rows, metrics(), None, NightSpan(*BOUNDS))
    late = np.array([at + 1800, at, at + 1, at + 1e6, np.nan])
    got = timeline(rows, use, BOUNDS, NOWHERE, late=late)
    assert [strip.label for strip in got.strips] == ["science", "late or failed files"]
    assert [mark.words for mark in got.strips[1].marks] == [
        "2 files, 02-17 02:00 UTC",
        "1 file, 02-17 02:30 UTC",
    ]
    nothing = timeline(rows, use, BOUNDS, NOWHERE, late=late[3:])
    assert [strip.label for strip in nothing.strips] == ["science"]


def test_without_times():
    """A night whose exposures have no times has no timeline."""
    rows = exposures(2, started_at=[None, None], ended_at=[None, None])
    assert drawn(rows) is None


@pytest.mark.parametrize("night", desi.NIGHTS)
def test_real_nights(shared_data, night):
    """Every exposure of DESI's nights is in a mark."""
    rows, bounds = desi.exposures_of(shared_data, night), desi.RULE.bounds(desi.date_of(night))
    use = use_of_night(rows, metrics(), desi.KITT_PEAK, NightSpan(*bounds))
    got = timeline(rows, use, bounds, Place(desi.KITT_PEAK, "America/Phoenix"))
    assert [strip.label for strip in got.strips] == ["science", "bias", "dark", "flat", "arc"]
    words = [mark.words for strip in got.strips for mark in strip.marks]
    several = [int(text.split()[0]) for text in words if " exposures, " in text]
    assert len(words) - len(several) + sum(several) == len(rows)
    assert len(got.gaps) == len(use.gaps)
