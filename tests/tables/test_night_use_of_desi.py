"""The use of two real nights of DESI, compared with plain loops."""

import collections
import statistics

import desi
import pytest

from observing_monitor.model import sky
from observing_monitor.tables.night_use import NightSpan, use_of_night


@pytest.fixture(params=desi.NIGHTS)
def night(request):
    """A night that was observed."""
    return request.param


@pytest.fixture
def use(shared_data, night):
    """The use of the night."""
    span = NightSpan(*desi.RULE.bounds(desi.date_of(night)))
    exposures, speeds = desi.exposures_of(shared_data, night), desi.speeds_of(shared_data, night)
    return use_of_night(exposures, speeds, desi.KITT_PEAK, span)


def _intervals(rows):
    starts = [(desi.started_at(row), float(row["EXPTIME"]), row) for row in rows]
    return sorted(((at, at + lasts, row) for at, lasts, row in starts), key=lambda it: it[:2])


def test_counts_and_open_shutter(shared_data, night, use):
    """Exposures and seconds by type and program are those of the table."""
    rows = desi.rows_of(shared_data, night)
    for column, theirs in (("observation_type", "OBSTYPE"), ("program", "PROGRAM")):
        n, exposed = collections.Counter(), collections.Counter()
        for row in rows:
            name = desi.TYPES.get(row[theirs], row[theirs])
            n[name] += 1
            exposed[name] += float(row["EXPTIME"])
        groups = use.groups[column]
        assert {group.name: group.n for group in groups} == n
        assert {group.name: group.exposure_time_s for group in groups} == pytest.approx(exposed)
    open_s = sum(float(row["EXPTIME"]) for row in rows if row["OBSTYPE"] not in ("zero", "dark"))
    assert use.open_shutter_s == pytest.approx(open_s)
    science = [row for row in rows if row["OBSTYPE"] == "science"]
    assert use.n_exposures_science == len(science) == 35
    assert use.airmass == pytest.approx(statistics.median(float(r["AIRMASS"]) for r in science))


def test_gaps_and_shares(shared_data, night, use):
    """Gaps, late start and early end follow from DESI's table."""
    bounds = desi.RULE.bounds(desi.date_of(night))
    ((evening, morning),) = sky.dark_spans(*bounds, desi.KITT_PEAK)
    dark = evening.timestamp(), morning.timestamp()
    gaps, latest = [], dark[0]
    for start, end, _ in _intervals(desi.rows_of(shared_data, night)):
        if end <= dark[0]:
            continue
        if min(start, dark[1]) - latest > 600:
            gaps.append((latest, min(start, dark[1]) - latest))
        latest = max(latest, end)
    if dark[1] - latest > 600:
        gaps.append((latest, dark[1] - latest))
    assert [gap.starts_at.timestamp() for gap in use.gaps] == pytest.approx([g[0] for g in gaps])
    assert [gap.length_s for gap in use.gaps] == pytest.approx([g[1] for g in gaps], abs=0.01)
    assert sum(use.shares.values()) == pytest.approx(dark[1] - dark[0])
    science = _intervals(r for r in desi.rows_of(shared_data, night) if r["OBSTYPE"] == "science")
    first = next(start for start, end, _ in science if end > dark[0])
    last = max(end for start, end, _ in science if start < dark[1])
    assert use.started_late_s == pytest.approx(max(first - dark[0], 0), abs=0.01)
    assert use.ended_early_s == pytest.approx(max(dark[1] - last, 0), abs=0.01)


def test_science_time_and_overhead(shared_data, night, use):
    """Science time and median overhead follow from DESI's table."""
    bounds = desi.RULE.bounds(desi.date_of(night))
    ((evening, morning),) = sky.dark_spans(*bounds, desi.KITT_PEAK)
    dark = evening.timestamp(), morning.timestamp()
    rows = desi.rows_of(shared_data, night)
    science, latest = 0.0, 0.0
    for start, end, row in _intervals(rows):
        if row["OBSTYPE"] == "science":
            begins = max(start, dark[0], latest)
            science += max(min(end, dark[1]) - begins, 0)
            latest = max(latest, end)
    assert use.science_s == pytest.approx(science, abs=0.01)
    overheads, latest = [], None
    for start, end, _ in _intervals(rows):
        if latest is not None and start >= latest >= dark[0] and start <= dark[1]:
            overheads.append(start - latest)
        latest = max(latest or end, end)
    short = [time for time in overheads if time <= 600]
    assert use.overhead_s == pytest.approx(statistics.median(short), abs=0.01)


def test_measures(shared_data, night, use):
    """The median speed is that of the science exposures that have one."""
    science = [r for r in desi.rows_of(shared_data, night) if r["OBSTYPE"] == "science"]
    speeds = [float(row["SPEED"]) for row in science if float(row["SPEED"]) >= 0]
    assert [(m.name, m.n) for m in use.measures] == ([("speed", len(speeds))] if speeds else [])
    if speeds:
        assert use.measures[0].median == pytest.approx(statistics.median(speeds))
