"""The nights that the example observatory plans."""

import datetime
import math
import statistics
from itertools import pairwise
from zoneinfo import ZoneInfo

import conditions
import ephem
import make_observatory
import observing_plan
import pytest
import sites
from conftest import CHECKOUT
from instruments import COMCAM, LATISS, LSSTCAM

from observing_monitor.settings import read

UTC, MINUTE, HOUR = datetime.UTC, datetime.timedelta(minutes=1), datetime.timedelta(hours=1)
INSTRUMENTS = (LATISS, COMCAM, LSSTCAM)
TONIGHT = 9  # the number of the newest of ten nights
# solstices, a leap day, and the ends of ISO weeks and years
DAYS = ("2026-06-21", "2026-12-21", "2024-02-29", "2026-12-31", "2027-01-03", "2021-01-01")
HOURS = ("00:00", "04:40", "09:29", "09:31", "13:59", "14:01", "18:00", "23:59")
NIGHT = datetime.date(2026, 11, 30)
SITE = sites.site_at(datetime.datetime(2026, 12, 1, 4, tzinfo=UTC))


def plan(instrument, number=TONIGHT, seed=1):
    """Return the plan of a night in November."""
    return observing_plan.plan_night(instrument, SITE, NIGHT, number, seed)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("hour", HOURS)
def test_the_newest_night_is_well_under_way(day, hour):
    """At any hour it is about 2 a.m. there; most of the night is over."""
    now = datetime.datetime.fromisoformat(f"{day}T{hour}:00+00:00")
    site = sites.site_at(now)
    local, night = now.astimezone(ZoneInfo(site.timezone)), site.rule.night_of(now)
    assert 1.5 <= local.hour + local.minute / 60 < 2.5
    assert night == (local - 12 * HOUR).date() == site.tai_rule.night_of(now)
    assert site.longitude_deg == local.utcoffset() / HOUR * 15
    sky = conditions.conditions_of(site, night, TONIGHT, 1)
    assert sky.evening_at + 5 * HOUR < now < sky.morning_at
    assert [stop.reason for stop in sky.stops if stop.ends_at < now] == ["clouds", "fault"]
    for instrument in INSTRUMENTS:
        taken = observing_plan.plan_night(instrument, site, night, TONIGHT, 1)
        assert sum(one.ended_at < now and one.kind == "science" for one in taken) >= 25
        assert site.rule.night_of(taken[0].started_at) == night
        assert site.rule.night_of(taken[-1].ended_at) == night


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda one: one.name)
@pytest.mark.parametrize("number", range(10))
def test_a_night_is_possible(instrument, number):
    """No exposure overlaps another, daylight, clouds or a fault."""
    sky, taken = conditions.conditions_of(SITE, NIGHT, number, 1), plan(instrument, number)
    assert [one.seq_num for one in taken] == list(range(1, len(taken) + 1))
    for one, after in pairwise(taken):
        pause_s = (after.started_at - one.ended_at).total_seconds()
        change_s = instrument.change_s if one.filter != after.filter else 0
        assert pause_s >= 0.9 * (instrument.readout_s + change_s) - 0.002
    for one in taken:
        if one.kind in ("science", "focus", "acquisition"):
            assert sky.evening_at < one.started_at and one.ended_at < sky.morning_at
            assert sky.stop_at(one.started_at, one.ended_at) is None
            assert one.altitude_deg > 35
        elif one.can_see_sky:
            is_evening = sky.sunset_at < one.started_at and one.ended_at < sky.evening_at
            assert is_evening or sky.morning_at < one.started_at < sky.sunrise_at
        else:
            assert one.ended_at < sky.sunset_at


def test_positions_agree_with_ephem():
    """Altitude and azimuth are those of the target at that time."""
    observer = ephem.Observer()
    observer.lat, observer.lon = (
        math.radians(sites.LATITUDE_DEG),
        math.radians(SITE.longitude_deg),
    )
    observer.pressure = 0
    star, n = ephem.FixedBody(), 0
    for one in plan(LSSTCAM):
        if one.ra_deg is not None:
            star._ra, star._dec = math.radians(one.ra_deg), math.radians(one.dec_deg)
            observer.date = one.started_at.replace(tzinfo=None)
            star.compute(observer)
            assert math.degrees(star.alt) == pytest.approx(one.altitude_deg, abs=0.05)
            across = (math.degrees(star.az) - one.azimuth_deg + 180) % 360 - 180
            assert across * math.cos(star.alt) == pytest.approx(0, abs=0.05)
            n += 1
    assert n > 60


def test_airmass_by_hand():
    """At 30° it is 1 / sin(30.1137°) = 1 / 0.501717 = 1.9932."""
    assert observing_plan.airmass(30) == 1.9932
    assert observing_plan.airmass(90) == 1
    assert all(one.airmass == observing_plan.airmass(one.altitude_deg) for one in plan(LATISS)[-9:])


def test_seeing_is_poor_before_clouds():
    """Before clouds the seeing is worse by half an arcsec, and light is lost."""
    clouds = conditions.conditions_of(SITE, NIGHT, TONIGHT, 1).stops[0]
    science = [one for one in plan(LSSTCAM) if one.kind == "science"]
    last = [one for one in science if one.ended_at <= clouds.starts_at][-1]
    assert last.seeing > statistics.median(one.seeing for one in science) + 0.5
    usual = max(one.zero_point for one in science if one.filter == last.filter)
    assert last.zero_point < usual - 0.4
    assert last.comment == "clouds"


def test_what_a_night_consists_of():
    """Nights have calibrations and science of programs and filters."""
    kinds = {"bias", "dark", "flat", "focus", "science"}
    assert {one.kind for one in plan(LSSTCAM)} == kinds
    assert {one.kind for one in plan(LATISS)} == kinds | {"acquisition"}
    for instrument in INSTRUMENTS:
        science = [one for one in plan(instrument) if one.kind == "science"]
        assert len({one.program for one in science}) >= 2
        assert len({one.filter for one in science}) >= 3
        assert {one.program for one in science} <= {one.name for one in instrument.programs}
    dithered = [one.ra_deg for one in plan(COMCAM) if one.kind == "science"]
    assert len(set(dithered)) == len(dithered)
    # the dome is closed in this night
    assert {one.kind for one in plan(LSSTCAM, 3)} == {"bias", "dark", "flat"}


def test_a_seed_gives_the_same_plan():
    """A plan depends on its arguments alone."""
    made = observing_plan.plan_night.__wrapped__(LATISS, SITE, NIGHT, TONIGHT, 1)
    assert made == plan(LATISS)
    assert plan(LATISS, seed=2) != made


def test_settings_get_the_place(tmp_path):
    """All streams of the observatory have its longitude, zone and nights."""
    text = (CHECKOUT / "examples" / "site.toml").read_text()
    path = tmp_path / "site.toml"
    path.write_text(make_observatory.at_site(text, SITE))
    streams = {stream.name: stream for stream in read.streams_of_file(path)}
    for name in ("auxTel", "comCam", "testStand", "guider", "weather", "allSky"):
        assert streams[name].rule == SITE.rule, name
    for name in ("lsstCam", "summit"):
        assert streams[name].rule == SITE.tai_rule, name
    for name in ("auxTel", "comCam", "lsstCam", "guider", "summit", "weather", "allSky"):
        assert streams[name].position == SITE.position, name
    # Maunakea stays where it is
    assert streams["gemini"].position.longitude_deg == -155.4691
