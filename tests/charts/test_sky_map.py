"""The sky map of a night."""

import datetime
import math

import desi
import ephem
import numpy as np
import pandas as pd
import pytest

from observing_monitor.charts.sky_map import STEP, sky_map
from observing_monitor.model import columns, frames, sky
from observing_monitor.model.position import Position

PACHON = Position(-30.24, -70.74)
START = pd.Timestamp("2021-02-17T02:00Z")


def exposures(n, **values):
    """Return science exposures."""
    usual = {
        "exposure": [f"E{number}" for number in range(n)],
        "started_at": [START] * n,
        "ended_at": [START + pd.Timedelta(seconds=60)] * n,
        "observation_type": "science",
    }
    return frames.frame(columns.EXPOSURES, pd.DataFrame(usual | values))


def test_the_dome_from_below():
    """North is up and east left; the zenith is in the middle."""
    rows = exposures(4, altitude_deg=[0.0, 0, 0, 90], azimuth_deg=[0.0, 90, 180, 0])
    (kind,) = sky_map(rows, None).kinds
    assert sorted((it.x, it.y) for it in kind.horizontal) == [(-90, 0), (0, -90), (0, 0), (0, 90)]
    assert kind.equatorial == []


def test_right_ascension_grows_to_the_left():
    """12 h is in the middle, and north is up."""
    rows = exposures(3, ra_deg=[180.0, 270, 30], dec_deg=[0.0, 45, -60])
    got = sky_map(rows, None)
    (kind,) = got.kinds
    assert [(it.x, it.y) for it in kind.equatorial] == [(-90, -45), (0, 0), (150, 60)]
    assert not got.has_horizontal and got.moon is None


def test_altitude_is_computed_from_right_ascension():
    """The southern pole is as high as the latitude, in the south."""
    (kind,) = sky_map(exposures(1, ra_deg=[100.0], dec_deg=[-89.9999]), PACHON).kinds
    (pole,) = kind.horizontal
    assert pole.x == pytest.approx(0, abs=STEP)
    assert pole.y == pytest.approx(90 - 30.24, abs=STEP)


def test_kinds_differ_in_colour_and_shape():
    """Pointings are by filter; calibrations are left out."""
    rows = exposures(
        5,
        physical_filter=["r", "i", "i", "r", None],
        observation_type=["science", "science", "science", "flat", "science"],
        altitude_deg=50.0,
        azimuth_deg=[0.0, 10, 20, 30, 40],
    )
    kinds = sky_map(rows, None).kinds
    assert [kind.words for kind in kinds] == ["i (2)", "no filter (1)", "r (1)"]
    assert len({kind.css for kind in kinds}) == len({kind.shape for kind in kinds}) == 3


def test_by_type_without_filters():
    """Without filters, pointings are by type; a closed dome is no pointing."""
    rows = exposures(
        3,
        observation_type=["science", "focus", "science"],
        can_see_sky=[True, None, False],
        altitude_deg=50.0,
        azimuth_deg=0.0,
    )
    assert [kind.words for kind in sky_map(rows, None).kinds] == ["focus (1)", "science (1)"]


def test_the_moon():
    """The Moon is where ephem has it in the middle of the exposures."""
    got = sky_map(exposures(1, altitude_deg=[50.0], azimuth_deg=[0.0]), PACHON)
    moon = sky.moon_at(datetime.datetime(2021, 2, 17, 2, 0, 30, tzinfo=datetime.UTC), PACHON)
    assert moon.altitude_deg > 0 and f"{round(moon.altitude_deg)}° high" in got.moon.words
    place = got.moon.horizontal
    assert math.hypot(place.x, place.y) == pytest.approx(90 - moon.altitude_deg, abs=STEP)


def test_nothing_known():
    """Without any pointing there is no map, nor with impossible ones."""
    assert sky_map(exposures(2), PACHON) is None
    odd = exposures(1, ra_deg=[10.0], dec_deg=[-99.0], altitude_deg=[-99.0], azimuth_deg=[1.0])
    assert sky_map(odd, None) is None
    assert sky_map(exposures(1, observation_type="bias", ra_deg=[1.0], dec_deg=[1.0]), None) is None


def test_many_pointings_stay_light():
    """Pointings at nearly the same place are one mark."""
    n = 20_000
    altitude = 60 + np.random.default_rng(1).normal(0, 0.05, n)
    got = sky_map(exposures(n, altitude_deg=altitude, azimuth_deg=[10.0] * n), None)
    assert len(got.kinds[0].horizontal) < 20 and got.words.startswith("20,000 exposures")


def test_horizontal_places_as_of_ephem():
    """Altitude and azimuth are those of ephem, to 0.02°."""
    rng = np.random.default_rng(2)
    start = datetime.datetime(2034, 6, 1, tzinfo=datetime.UTC).timestamp()
    ra, dec = rng.uniform(0, 360, 50), rng.uniform(-89, 89, 50)
    seconds = start + rng.uniform(0, 86_400, 50)
    observer = ephem.Observer()
    observer.lat, observer.lon = math.radians(PACHON.latitude_deg), math.radians(-70.74)
    observer.pressure = 0
    altitude, azimuth = sky.horizontal(ra, dec, seconds, PACHON)
    for row in range(50):
        body = ephem.FixedBody()
        body._ra, body._dec = math.radians(ra[row]), math.radians(dec[row])
        at = datetime.datetime.fromtimestamp(seconds[row], datetime.UTC)
        observer.date = at.replace(tzinfo=None)
        body.compute(observer)
        assert altitude[row] == pytest.approx(math.degrees(body.alt), abs=0.02)
        across = (azimuth[row] - math.degrees(body.az) + 180) % 360 - 180
        assert across * math.cos(body.alt) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("night", desi.NIGHTS)
def test_airmass_of_real_nights(shared_data, night):
    """The computed altitudes fit DESI's own airmass."""
    rows = desi.exposures_of(shared_data, night)
    science = rows[rows["observation_type"] == "science"]
    middle = science["started_at"] + pd.to_timedelta(science["exposure_time_s"] / 2, unit="s")
    at = (middle - pd.Timestamp("1970-01-01", tz="UTC")).dt.total_seconds()
    ra, dec = science["ra_deg"].to_numpy(), science["dec_deg"].to_numpy()
    altitude, _ = sky.horizontal(ra, dec, at.to_numpy(), desi.KITT_PEAK)
    airmass = 1 / np.sin(np.radians(altitude))
    assert np.median(np.abs(airmass - science["airmass"])) < 0.05
