"""Twilight and the Moon, against astropy, which computes them in another way."""

import datetime

import numpy as np
import pytest

from observing_monitor.charts.sky import DEPTHS, sky_of
from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position

PACHON = Position(-30.2446, -70.7494)
RULE = NightRule()


def heights(body, position, instants):
    """Heights above the horizon in degrees, as astropy has them, without refraction and without any download."""
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
    """The lit share of the Moon, from its distance to the Sun in the sky, as astropy has them."""
    from astropy.coordinates import get_body
    from astropy.time import Time

    time = Time(text)
    moon, sun = get_body("moon", time), get_body("sun", time)
    return float((1 - np.cos(moon.separation(sun, origin_mismatch="ignore").rad)) / 2)


@pytest.mark.filterwarnings(
    "ignore"
)  # astropy says that its table of the Earth's rotation is old: it is right to a second
@pytest.mark.parametrize(
    "night", [datetime.date(2020, 2, 12), datetime.date(2021, 6, 21), datetime.date(2021, 12, 21)]
)
def test_sun_is_where_it_should_be(night):
    """At each change the Sun's centre is as far below the horizon as the change says, to a fiftieth of a degree."""
    sky = sky_of(*RULE.bounds(night), PACHON)
    depths = {name: depth for depth, name in DEPTHS}
    names = [span.name for span in sky.sun]
    evening = ["day", "civil twilight", "nautical twilight", "astronomical twilight", "night"]
    assert names == [*evening, *evening[-2::-1]]
    edges = [
        (b.starts_at, max(depths[a.name], depths[b.name]))
        for a, b in zip(sky.sun, sky.sun[1:], strict=False)
    ]
    found = heights("sun", PACHON, [at for at, _ in edges])
    assert found == pytest.approx([-depth for _, depth in edges], abs=0.02)
    assert (sky.sun[0].starts_at, sky.sun[-1].ends_at) == RULE.bounds(night)


@pytest.mark.filterwarnings("ignore")
def test_moon_is_where_it_should_be():
    """At rise and set the Moon's centre is a radius and 34 minutes of arc below the horizon; its lit share is right."""
    sky = sky_of(*RULE.bounds(datetime.date(2020, 2, 12)), PACHON)
    edges = [
        at
        for span in sky.moon
        for at in (span.starts_at, span.ends_at)
        if at not in RULE.bounds(datetime.date(2020, 2, 12))
    ]
    assert len(sky.moon) == 2 and len(edges) == 2  # it sets in the morning, and rises in the night
    assert heights("moon", PACHON, edges) == pytest.approx([-0.567 - 0.26] * 2, abs=0.1)
    assert sky.moon_lit == pytest.approx(lit("2020-02-13T00:00:00"), abs=0.01)


def test_white_nights():
    """In the far north the Sun doesn't set in June and doesn't rise in December; the spans say so and nothing fails."""
    north = Position(78.2, 15.6)
    assert [span.name for span in sky_of(*RULE.bounds(datetime.date(2021, 6, 21)), north).sun] == [
        "day"
    ]
    assert "day" not in [
        span.name for span in sky_of(*RULE.bounds(datetime.date(2021, 12, 21)), north).sun
    ]
    assert sky_of(*RULE.bounds(datetime.date(2021, 12, 21)), Position(-90, 0)).sun[0].name == "day"
