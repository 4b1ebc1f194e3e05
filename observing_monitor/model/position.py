"""The position of an observatory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """Where an observatory is: degrees, north and east positive."""

    latitude_deg: float
    longitude_deg: float
