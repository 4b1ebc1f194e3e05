"""The place of the example observatory.

It depends on the hour at which the example is made: there it is about two in the morning, so that
the newest night is well under way.
"""

import datetime
from dataclasses import dataclass

from observing_monitor.model.nights import UTC, NightRule
from observing_monitor.model.position import Position

LATITUDE_DEG = -30.2446
LOCAL_H = 2  # hour of the night when the example is made


@dataclass(frozen=True)
class Site:
    """A place, with its time zone and the offset of its nights from UTC."""

    longitude_deg: float
    timezone: str
    night_h: int

    @property
    def position(self):
        """The place, for twilight and the Moon."""
        return Position(LATITUDE_DEG, self.longitude_deg)

    @property
    def rule(self):
        """The rule of nights."""
        return NightRule.parse(f"UTC{self.night_h:+d}h")

    @property
    def tai_rule(self):
        """The rule of nights of the Gen3 camera, which counts in TAI."""
        return NightRule.parse(f"TAI{self.night_h:+d}h")


PACHON = Site(-70.7494, "America/Santiago", -12)


def site_at(now):
    """Return a site where it is about two in the morning.

    Its local time differs from UTC by whole hours, and its nights run from noon to noon.
    """
    now = now.astimezone(UTC)
    hour = (now + datetime.timedelta(minutes=30)).hour
    east_h = (LOCAL_H - hour + 12) % 24 - 12
    # the signs of these zones are reversed
    zone = f"Etc/GMT{-east_h:+d}" if east_h else "Etc/GMT"
    return Site(15.0 * east_h, zone, east_h - 12)
