"""The position of an observatory."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True):
    """Position of an observatory in degrees; north and east are positive."""

    latitude_deg: float
    longitude_deg: float
