"""The sky over the example: twilight, clouds, seeing and faults."""

import datetime
import functools
import math
import random
from dataclasses import dataclass

from observing_monitor.model.nights import ONE_DAY
from observing_monitor.model.sky import dark_spans, moon_at

HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)

# Night's number, modulo ten -> hours after the evening's twilight.
CLOUDS = {1: (5.2, 6.4), 5: (0.0, 1.4), 8: (6.6, 24), 9: (1.75, 2.6)}
FAULTS = {2: 4.0, 6: 1.2, 9: 3.75}  # the begin of a fault
FAULT = 25 * MINUTE
CLOSED_NIGHT = 3  # the dome was closed
POOR_NIGHT = 5  # the seeing is poor all night
HAZE = 45 * MINUTE  # before and after clouds, the seeing is poor and light is lost


@dataclass(frozen=True)
class Span:
    """A time without exposures, and its reason."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    reason: str


@dataclass(frozen=True)
class Conditions:
    """A night's conditions.

    The Sun sets at `sunset_at`; it is 12° below the horizon from `evening_at` to `morning_at`.
    """

    sunset_at: datetime.datetime
    evening_at: datetime.datetime
    morning_at: datetime.datetime
    sunrise_at: datetime.datetime
    is_closed: bool
    stops: tuple[Span, ...]
    phases: tuple[float, ...]
    seeing: float

    def stop_at(self, starts_at, ends_at):
        """Return the stop that a span of time touches, or None."""
        return next(
            (stop for stop in self.stops if starts_at < stop.ends_at and ends_at > stop.starts_at),
            None,
        )

    def haze_at(self, at):
        """Return 1 at the edge of clouds, 0 far from them."""
        near = [
            max(stop.starts_at - at, at - stop.ends_at)
            for stop in self.stops
            if stop.reason == "clouds"
        ]
        return max((max(0.0, 1 - max(0.0, gap / HAZE)) for gap in near), default=0.0)

    def seeing_at(self, at):
        """Return the seeing at the zenith, in arcsec."""
        hours = (at - self.evening_at) / HOUR
        waves = zip(self.phases, (0.6, 1.3, 3.1), (0.13, 0.08, 0.05), strict=True)
        waviness = sum(
            part * math.sin(pace * hours + 2 * math.pi * phase) for phase, pace, part in waves
        )
        return self.seeing * (1 + waviness) + 0.9 * self.haze_at(at) ** 2


def sun_below(site, night, depth_deg):
    """Return from when to when the Sun is so far below the horizon."""
    start = site.rule.bounds(night)[0]
    spans = dark_spans(start, start + ONE_DAY, site.position, depth_deg)
    return max(spans, key=lambda span: span[1] - span[0])


@functools.cache
def conditions_of(site, night, number, seed):
    """Return the conditions of a night; the first has the number 0."""
    chance, number = random.Random(f"{seed} sky {night}"), number % 10
    sunset_at, sunrise_at = sun_below(site, night, 0.833)
    evening_at, morning_at = sun_below(site, night, 12)
    stops = []
    if number in CLOUDS:
        begin, end = (evening_at + hours * HOUR for hours in CLOUDS[number])
        stops.append(Span(begin, min(end, sunrise_at), "clouds"))
    if number in FAULTS:
        begin = evening_at + FAULTS[number] * HOUR
        stops.append(Span(begin, begin + FAULT, "fault"))
    return Conditions(
        sunset_at,
        evening_at,
        morning_at,
        sunrise_at,
        number == CLOSED_NIGHT,
        tuple(stops),
        tuple(chance.random() for _ in range(3)),
        chance.uniform(1.3, 1.5) if number == POOR_NIGHT else chance.uniform(0.7, 0.95),
    )


def moonlight(site, at):
    """Return how much the Moon lights the sky, from 0 to 1."""
    moon = moon_at(at, site.position)
    return moon.lit * max(0.0, math.sin(math.radians(moon.altitude_deg)))
