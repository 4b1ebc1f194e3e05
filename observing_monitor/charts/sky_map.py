"""Maps of a night's pointings, drawn without a script."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from observing_monitor.charts.drawings import Kind, Moon, Pointing, SkyMap
from observing_monitor.model import sky
from observing_monitor.tables.intervals import of_exposures

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.model.position import Position
    from observing_monitor.tables.intervals import Flags, Floats

# a lamp or a closed shutter: the telescope may point anywhere
NO_SKY = ("bias", "dark", "flat", "arc")
N_SHAPES = 5  # shapes that the template draws
N_TONES = 10
MAX_KINDS = 10
RADIUS = 90.0  # of the horizon
STEP, COARSEST = 0.5, 8.0  # pointings that are closer are one mark
MAX_POINTINGS = 500  # of a kind on a map


class _Places(NamedTuple):
    altitude_deg: Floats
    azimuth_deg: Floats
    ra_deg: Floats
    dec_deg: Floats


def sky_map(exposures: DataFrame, position: Position | None) -> SkyMap | None:
    """Return the map of a night; None if no pointing is known.

    Parameters
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`.
    position : Position or None
        Of the observatory. With it, altitude and azimuth are computed if a source has none.
    """
    is_sky = ~exposures["observation_type"].isin(NO_SKY) & exposures["can_see_sky"].fillna(True)
    pointed = exposures[is_sky.astype(bool)]
    times = of_exposures(pointed)
    places = _places(pointed, (times.starts + times.ends) / 2, position)
    is_up = np.isfinite(places.altitude_deg) & np.isfinite(places.azimuth_deg)
    is_up &= places.altitude_deg >= 0
    is_known = np.isfinite(places.ra_deg) & np.isfinite(places.dec_deg)
    if not (is_up.any() or is_known.any()):
        return None
    return SkyMap(
        kinds=_kinds(pointed, places, is_up, is_known),
        has_horizontal=bool(is_up.any()),
        has_equatorial=bool(is_known.any()),
        moon=_moon(times.starts, times.ends, position),
        words=_words(int((is_up | is_known).sum())),
    )


def _words(n: int) -> str:
    noun = "exposure" if n == 1 else "exposures"
    return f"{n:,} {noun}, without bias, dark, flat and arc."


def _places(pointed: DataFrame, at: Floats, position: Position | None) -> _Places:
    columns = ("altitude_deg", "azimuth_deg", "ra_deg", "dec_deg")
    altitude, azimuth, ra, dec = (pointed[name].to_numpy("float64").copy() for name in columns)
    dec[np.abs(dec) > 90] = np.nan
    lacks = (np.isnan(altitude) | np.isnan(azimuth)) & np.isfinite(ra + dec + at)
    if position and lacks.any():
        rows = np.flatnonzero(lacks)
        found = sky.horizontal(ra[rows], dec[rows], at[rows], position)
        altitude[rows], azimuth[rows] = found
    return _Places(altitude, azimuth, ra, dec)


def _kinds(pointed: DataFrame, places: _Places, is_up: Flags, is_known: Flags) -> list[Kind]:
    """Return pointings by filter, or by type if no filter is known."""
    filters = pointed["physical_filter"].fillna(pointed["band"])
    if filters.notna().any():
        names = filters.fillna("no filter").astype(str)
    else:
        names = pointed["observation_type"].fillna("other").astype(str)
    order = sorted(names.value_counts().index[: MAX_KINDS - 1])
    labels = names.where(names.isin(order), "others").to_numpy()
    made = []
    for number, label in enumerate([*order, "others"]):
        is_kind = labels == label
        if not is_kind.any():
            continue
        up, known = is_kind & is_up, is_kind & is_known
        made.append(
            Kind(
                f"{label} ({int(is_kind.sum()):,})",
                f"series-{number % N_TONES}",
                number % N_SHAPES,
                _on_dome(places.altitude_deg[up], places.azimuth_deg[up]),
                _on_grid(places.ra_deg[known], places.dec_deg[known]),
            )
        )
    return made


def _on_dome(altitude_deg: Floats, azimuth_deg: Floats) -> list[Pointing]:
    """Return places seen from below: north up, east left."""
    distance = RADIUS * (90 - np.minimum(altitude_deg, 90)) / 90
    angle = np.radians(azimuth_deg)
    return _distinct(-distance * np.sin(angle), -distance * np.cos(angle))


def _on_grid(ra_deg: Floats, dec_deg: Floats) -> list[Pointing]:
    """Return places with 12 h in the middle, 24 h on the left."""
    return _distinct(180 - np.mod(ra_deg, 360), -dec_deg)


def _distinct(x: Floats, y: Floats) -> list[Pointing]:
    """Return places without those that others hide.

    Of very many, some are moved a little.
    """
    places, step = np.column_stack((x, y)), STEP
    made = np.unique(np.round(places / step), axis=0)
    while len(made) > MAX_POINTINGS and step < COARSEST:
        step *= 2
        made = np.unique(np.round(places / step), axis=0)
    return [Pointing(float(a), float(b)) for a, b in (made * step + 0.0).tolist()]


def _moon(starts: Floats, ends: Floats, position: Position | None) -> Moon | None:
    """Return the Moon in the middle of the exposures."""
    if position is None or np.isnan(starts).all():
        return None
    middle = (float(np.nanmin(starts)) + float(np.nanmax(ends))) / 2
    at = datetime.datetime.fromtimestamp(middle, datetime.UTC)
    moon = sky.moon_at(at, position)
    is_up = moon.altitude_deg > 0
    dome = _on_dome(np.array([moon.altitude_deg]), np.array([moon.azimuth_deg]))
    (grid,) = _on_grid(np.array([moon.ra_deg]), np.array([moon.dec_deg]))
    height = f"{round(moon.altitude_deg)}° high" if is_up else "below the horizon"
    words = f"Moon at {at:%m-%d %H:%M} UTC: {round(100 * moon.lit)} % lit, {height}."
    return Moon(dome[0] if is_up else None, grid, words)
