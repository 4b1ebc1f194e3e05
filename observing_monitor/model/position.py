"""The position of an observatory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """Position of an observatory in degrees; north and east are positive."""

    latitude_deg: float
    longitude_deg: float
