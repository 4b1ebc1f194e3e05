"""Records of the drawings of a night that need no script."""

from __future__ import annotations

import msgspec


class Mark(msgspec.Struct, frozen=True):
    """One exposure, or several that are too close to tell apart."""

    x: float  # percent
    width: float
    href: str
    words: str


class Strip(msgspec.Struct, frozen=True):
    """The exposures of a type, or of a filter of it."""

    label: str
    css: str  # its colour
    marks: list[Mark]


class Tick(msgspec.Struct, frozen=True):
    """A full hour."""

    x: float
    utc: str
    local: str  # "" without a time zone
    is_odd: bool  # left out if there is little room


class Box(msgspec.Struct, frozen=True):
    """A part of the sky, or a gap."""

    x: float
    width: float
    css: str
    words: str
    label: str  # text inside; "" if there is no room


class Line(msgspec.Struct, frozen=True):
    """The values of a metric on one node."""

    css: str
    points: str  # of a polyline, 0 to 1000 along the time and 0 to 100 down
    dots: list[tuple[float, float]]  # percent; only if there are few


class Curve(msgspec.Struct, frozen=True):
    """A metric below the exposures."""

    label: str
    low: str
    high: str
    lines: list[Line]
    words: str


class Timeline(msgspec.Struct, frozen=True):
    """The section "Timeline"."""

    strips: list[Strip]
    gaps: list[Box]
    sky: list[Box]
    moon: list[Box]
    ticks: list[Tick]
    zone: str  # name of the local time; "" without a time zone
    known_until: float | None  # percent; None if the night is over
    curves: list[Curve]
    missing: list[str]  # metrics that the settings name and that have no values
    words: str  # the sky


class Pointing(msgspec.Struct, frozen=True):
    """A place on a map, in the map's own units."""

    x: float
    y: float


class Kind(msgspec.Struct, frozen=True):
    """The pointings of a filter or a type."""

    words: str  # its name and how many exposures it has
    css: str  # its colour
    shape: int
    horizontal: list[Pointing]
    equatorial: list[Pointing]


class Moon(msgspec.Struct, frozen=True):
    """The Moon; None where a map does not show it."""

    horizontal: Pointing | None
    equatorial: Pointing
    words: str


class SkyMap(msgspec.Struct, frozen=True):
    """The section "Sky map"."""

    kinds: list[Kind]
    has_horizontal: bool
    has_equatorial: bool
    moon: Moon | None  # None without a position
    words: str
