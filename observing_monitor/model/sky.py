"""Twilight and the Moon over a night, computed offline by ephem.

The Sun sets when its centre is 0.833° below the horizon: refraction and its radius, without the dip
of a high site. Civil, nautical and astronomical twilight end at 6, 12 and 18°. The Moon is up while
its upper limb is, with the same refraction.
"""

from __future__ import annotations

import datetime
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ephem
    import numpy as np
    from numpy.typing import NDArray

    from observing_monitor.model.position import Position

    Floats = NDArray[np.float64]

UTC = datetime.UTC
# least depth of the Sun below the horizon in degrees, and the name of that part, darkest first
DEPTHS = (
    (18.0, "night"),
    (12.0, "astronomical twilight"),
    (6.0, "nautical twilight"),
    (0.833, "civil twilight"),
    (-90.0, "day"),
)


@dataclass(frozen=True)
class Span:
    """A part of a night; `name` is one of DEPTHS, or "Moon"."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    name: str


@dataclass(frozen=True)
class Sky:
    """The parts of a night in order, and the Moon."""

    sun: tuple[Span, ...]
    moon: tuple[Span, ...]
    moon_lit: float


# it is dark while the Sun is so many degrees below the horizon
DARK_DEG = 12.0


def dark_spans(
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    position: Position,
    depth_deg: float = DARK_DEG,
) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """Return when it is dark between two instants.

    It is dark while the Sun is `depth_deg` or more below the horizon.
    """
    import ephem

    observer = _observer(position)
    crossings = _crossings(observer, ephem.Sun(), -depth_deg, starts_at, ends_at, use_center=True)
    spans = itertools.pairwise([starts_at, *crossings, ends_at])
    return [
        (a, b)
        for a, b in spans
        if a < b and _height_deg(observer, ephem.Sun(), a + (b - a) / 2) <= -depth_deg
    ]


def sky_of(starts_at: datetime.datetime, ends_at: datetime.datetime, position: Position) -> Sky:
    """Return the Sky between two aware instants, also near the poles."""
    import ephem

    observer = _observer(position)
    crossings = {
        depth: _crossings(observer, ephem.Sun(), -depth, starts_at, ends_at, use_center=True)
        for depth, _ in DEPTHS[:-1]
    }
    instants = sorted({starts_at, ends_at, *(at for times in crossings.values() for at in times)})
    sun = [_sun_span(observer, a, b) for a, b in zip(instants, instants[1:], strict=False)]
    # 34' of refraction; the upper limb adds the Moon's radius
    up = [
        starts_at,
        *_crossings(observer, ephem.Moon(), -34 / 60, starts_at, ends_at, use_center=False),
        ends_at,
    ]
    moon = [
        Span(a, b, "Moon")
        for a, b in zip(up, up[1:], strict=False)
        if _is_moon_up(observer, a + (b - a) / 2)
    ]
    middle = ephem.Moon(ephem.Date(_naive(starts_at + (ends_at - starts_at) / 2)))
    return Sky(tuple(_joined(sun)), tuple(moon), middle.phase / 100)


@dataclass(frozen=True)
class MoonAt:
    """The Moon at an instant, seen from a place; `lit` is its lit share."""

    altitude_deg: float
    azimuth_deg: float
    ra_deg: float
    dec_deg: float
    lit: float


def moon_at(instant: datetime.datetime, position: Position) -> MoonAt:
    """Return the Moon at an aware instant."""
    import ephem

    observer, moon = _observer(position), ephem.Moon()
    observer.date = _naive(instant)
    moon.compute(observer)
    ra, dec = math.degrees(moon.a_ra), math.degrees(moon.a_dec)
    return MoonAt(math.degrees(moon.alt), math.degrees(moon.az), ra, dec, moon.phase / 100)


def horizontal(
    ra_deg: Floats, dec_deg: Floats, seconds: Floats, position: Position
) -> tuple[Floats, Floats]:
    """Return altitude and azimuth of places on the sky, in degrees.

    To 0.02°, without refraction, which is enough for a map. ephem takes one place at a time, and
    a second for 20,000.

    Parameters
    ----------
    ra_deg, dec_deg : array of float
        ICRS.
    seconds : array of float
        Seconds since 1970 (UTC) at which each is looked at, all in one night.
    position : Position
    """
    import numpy as np

    observer = _observer(position)
    first = float(seconds.min())
    observer.date = _naive(datetime.datetime.fromtimestamp(first, UTC))
    sidereal = float(observer.sidereal_time()) + (seconds - first) * SIDEREAL_RAD_S
    x, y, z = _precession(observer.date) @ _unit_vectors(np.radians(ra_deg), np.radians(dec_deg))
    hour_angle, declination = sidereal - np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))
    latitude = math.radians(position.latitude_deg)
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    north = np.cos(latitude) * np.sin(declination)
    north -= np.sin(latitude) * np.cos(declination) * np.cos(hour_angle)
    east = -np.cos(declination) * np.sin(hour_angle)
    altitude = np.degrees(np.arcsin(np.clip(up, -1, 1)))
    return altitude, np.degrees(np.arctan2(east, north)) % 360


# of the sky, in radians per second
SIDEREAL_RAD_S = 2 * math.pi * 1.00273790935 / 86_400


def _unit_vectors(ra: Floats, dec: Floats) -> Floats:
    import numpy as np

    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def _precession(date: float) -> Floats:
    """Return the rotation from 2000's axes to a date's."""
    import ephem
    import numpy as np

    axes = ((0.0, 0.0), (math.pi / 2, 0.0), (0.0, math.pi / 2))
    places = (ephem.Equatorial(*axis, epoch=ephem.J2000) for axis in axes)
    moved = [ephem.Equatorial(place, epoch=date) for place in places]
    return _unit_vectors(np.array([it.ra for it in moved]), np.array([it.dec for it in moved]))


def _observer(position: Position) -> ephem.Observer:
    import ephem

    observer = ephem.Observer()
    observer.lat, observer.lon = (
        math.radians(position.latitude_deg),
        math.radians(position.longitude_deg),
    )
    observer.pressure = 0  # DEPTHS include the refraction
    return observer


def _naive(instant: datetime.datetime) -> datetime.datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def _crossings(
    observer: ephem.Observer,
    body: ephem.Body,
    horizon_deg: float,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    use_center: bool,
) -> list[datetime.datetime]:
    """Return the instants, in order, at which a body crosses a height."""
    import ephem

    observer.horizon = math.radians(horizon_deg)
    found = []
    for next_crossing in (observer.next_rising, observer.next_setting):
        at = ephem.Date(_naive(starts_at))
        try:
            while (at := next_crossing(body, start=at, use_center=use_center)).datetime().replace(
                tzinfo=UTC
            ) < ends_at:
                found.append(at.datetime().replace(tzinfo=UTC))
                at = ephem.Date(at + ephem.minute)
        except (ephem.AlwaysUpError, ephem.NeverUpError):  # near the poles
            pass
    return sorted(found)


def _height_deg(observer: ephem.Observer, body: ephem.Body, instant: datetime.datetime) -> float:
    observer.date = _naive(instant)
    body.compute(observer)
    return math.degrees(body.alt)


def _sun_span(
    observer: ephem.Observer, starts_at: datetime.datetime, ends_at: datetime.datetime
) -> Span:
    import ephem

    height = _height_deg(observer, ephem.Sun(), starts_at + (ends_at - starts_at) / 2)
    return Span(starts_at, ends_at, next(name for depth, name in DEPTHS if height <= -depth))


def _is_moon_up(observer: ephem.Observer, instant: datetime.datetime) -> bool:
    import ephem

    moon = ephem.Moon()
    return _height_deg(observer, moon, instant) + math.degrees(moon.radius) > -34 / 60


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Merge neighbouring spans of one name."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].name == span.name:
            joined[-1] = Span(joined[-1].starts_at, span.ends_at, span.name)
        else:
            joined.append(span)
    return joined
