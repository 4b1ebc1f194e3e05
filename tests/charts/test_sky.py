"""Twilight and the Moon, compared with astropy."""

import datetime

import numpy as np
import pytest

from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position
from observing_monitor.model.sky import DARK_DEG, DEPTHS, dark_spans, sky_of

PACHON = Position(-30.2446, -70.7494)
RULE = NightRule()
# astropy warns that its table of the Earth's rotation is old; it is right to a second
ignore_warnings = pytest.mark.filterwarnings("ignore")


def sky_at(night, position=PACHON):
    """Return the sky of a night."""
    return sky_of(*RULE.bounds(night), position)


def heights(body, position, instants):
    """Return astropy's heights above the horizon in degrees."""
    from astropy import units
    from astropy.coordinates import AltAz, EarthLocation, get_body
    from astropy.time import Time
    from astropy.utils import iers

    iers.conf.auto_download = False
    times = Time([instant.replace(tzinfo=None) for instant in instants])
    place = EarthLocation(
        lat=position.latitude_deg * units.deg, lon=position.longitude_deg * units.deg
    )
    return get_body(body, times, place).transform_to(AltAz(obstime=times, location=place)).alt.deg


def lit(text):
    """Return the lit share of the Moon by astropy."""
    from astropy.coordinates import get_body
    from astropy.time import Time

    time = Time(text)
    moon, sun = get_body("moon", time), get_body("sun", time)
    return float((1 - np.cos(moon.separation(sun, origin_mismatch="ignore").rad)) / 2)


@ignore_warnings
@pytest.mark.parametrize(
    "night", [datetime.date(2020, 2, 12), datetime.date(2021, 6, 21), datetime.date(2021, 12, 21)]
)
def test_sun(night):
    """At each change, the Sun is as low as its name says."""
    sun = sky_at(night).sun
    evening = ["day", "civil twilight", "nautical twilight", "astronomical twilight", "night"]
    assert [span.name for span in sun] == [*evening, *evening[-2::-1]]
    depths = {name: depth for depth, name in DEPTHS}
    changes = [
        (after.starts_at, max(depths[before.name], depths[after.name]))
        for before, after in zip(sun, sun[1:], strict=False)
    ]
    found = heights("sun", PACHON, [at for at, _ in changes])
    assert found == pytest.approx([-depth for _, depth in changes], abs=0.02)
    assert (sun[0].starts_at, sun[-1].ends_at) == RULE.bounds(night)


@ignore_warnings
def test_moon():
    """At rise and set, the Moon's upper edge is at the horizon."""
    night = datetime.date(2020, 2, 12)
    sky, bounds = sky_at(night), RULE.bounds(night)
    ends = [at for span in sky.moon for at in (span.starts_at, span.ends_at) if at not in bounds]
    # it sets in the morning, and rises in the night
    assert len(sky.moon) == len(ends) == 2
    assert heights("moon", PACHON, ends) == pytest.approx([-0.567 - 0.26] * 2, abs=0.1)
    assert sky.moon_lit == pytest.approx(lit("2020-02-13T00:00:00"), abs=0.01)


def test_polar_day_and_night():
    """In the far north, the Sun does not set in June."""
    north, june, december = (
        Position(78.2, 15.6),
        datetime.date(2021, 6, 21),
        datetime.date(2021, 12, 21),
    )
    assert [span.name for span in sky_at(june, north).sun] == ["day"]
    assert "day" not in [span.name for span in sky_at(december, north).sun]
    assert sky_at(december, Position(-90, 0)).sun[0].name == "day"


@ignore_warnings
@pytest.mark.parametrize("latitude_deg", [-65.0, -30.2446, 19.8, 69.0])
def test_darkness(latitude_deg):
    """It is dark while the Sun is 12° below the horizon, by astropy too."""
    place = Position(latitude_deg, -70.7494)
    begin, end = RULE.bounds(datetime.date(2021, 2, 16))
    spans = dark_spans(begin, end, place)
    instants = [begin + n * datetime.timedelta(minutes=10) for n in range(144)]
    is_dark = [any(a <= at < b for a, b in spans) for at in instants]
    assert any(is_dark) and is_dark == (heights("sun", place, instants) <= -DARK_DEG).tolist()
