"""Plans a night of the example, from afternoon to morning.

Nothing here reads a clock or writes a file: an instrument, a site, a night and a seed give the
exposures. An afternoon of calibrations is followed by flats of the twilight sky, a focus sweep,
and science until the morning's twilight. `conditions.py` has the times without exposures.
"""

import datetime
import functools
import math
import random
from dataclasses import dataclass

import numpy as np
from conditions import conditions_of, moonlight

from observing_monitor.model.nights import EPOCH
from observing_monitor.model.sky import horizontal

HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)
LOWEST_DEG, HIGHEST_DEG = 38, 86
# band -> zero point (mag), loss per airmass (mag), and sky (mag per square arcsec, no Moon)
PHOTOMETRY = {
    "u": (26.5, 0.45, 22.9),
    "g": (28.4, 0.20, 22.3),
    "r": (28.2, 0.11, 21.2),
    "i": (27.9, 0.07, 20.5),
    "z": (27.5, 0.05, 19.6),
    "y": (26.7, 0.13, 18.6),
}
MOON = {"u": 4.0, "g": 3.2, "r": 2.0, "i": 1.3, "z": 0.8, "y": 0.3}  # mag, of a full one overhead
FLAT_FIELD = "flat field screen"


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure; what is not known of it is None."""

    seq_num: int
    started_at: datetime.datetime
    exposure_s: float
    kind: str  # our word, such as flat
    reason: str
    target: str
    program: str
    filter: str
    band: str
    group: int
    ra_deg: float | None = None
    dec_deg: float | None = None
    altitude_deg: float | None = None
    azimuth_deg: float | None = None
    airmass: float | None = None
    rotation_deg: float | None = None
    seeing: float | None = None
    zero_point: float | None = None
    sky: float | None = None
    comment: str = ""

    @property
    def ended_at(self):
        """When the shutter closed."""
        return self.started_at + self.exposure_s * SECOND

    @property
    def can_see_sky(self):
        """True if it was taken with the dome open."""
        return self.altitude_deg is not None


@functools.cache
def plan_night(instrument, site, night, number, seed):
    """Return a night's exposures in order, as a tuple.

    Parameters
    ----------
    instrument : Instrument
    site : Site
    night : date
    number : int
        Of the night; modulo ten, it tells what goes wrong.
    seed : int
    """
    plan = _Plan(instrument, site, night, number, seed)
    plan.calibrate()
    if not plan.sky.is_closed and number % 10 in instrument.nights:
        plan.take_flats(plan.sky.sunset_at + 0.12 * HOUR, instrument.flats)
        plan.observe()
        plan.take_flats(plan.sky.morning_at + 0.4 * HOUR, instrument.flats[::-1])
    return tuple(plan.taken)


class _Plan:
    """A night that is planned from one exposure to the next."""

    def __init__(self, instrument, site, night, number, seed):
        self.instrument, self.site = instrument, site
        self.chance = random.Random(f"{seed} {instrument.name} {night}")
        self.sky = conditions_of(site, night, number, seed)
        self.at = self.sky.sunset_at - 3.4 * HOUR
        self.taken, self.group = [], 0
        self.filter = instrument.focus
        self.pointing = None
        self.visits = {}  # targets of this night

    def wait(self, seconds):
        """Let some seconds pass, more or less."""
        self.at += seconds * self.chance.uniform(0.9, 1.15) * SECOND

    def expose(self, kind, exposure_s, target, program, reason, **facts):
        """Take an exposure, and read it out."""
        at = self.at.replace(microsecond=self.at.microsecond // 1000 * 1000)
        self.taken.append(
            Exposure(
                len(self.taken) + 1,
                at,
                exposure_s,
                kind,
                reason,
                target,
                program,
                self.filter,
                self.instrument.bands[self.filter],
                self.group,
                **facts,
            )
        )
        self.at += exposure_s * SECOND
        self.wait(self.instrument.readout_s)

    def use(self, filter_):
        """Change the filter, which takes a while."""
        if filter_ != self.filter:
            self.wait(self.instrument.change_s)
            self.filter = filter_

    def calibrate(self):
        """Take the calibrations of the afternoon, in the closed dome."""
        for kind, filter_, n, exposure_s in self.instrument.calibrations:
            self.group += 1
            self.wait(60)
            self.use(filter_)
            for _ in range(n):
                target = FLAT_FIELD if kind == "flat" else ""
                self.expose(kind, exposure_s, target, "calibration", "afternoon")

    def take_flats(self, at, flats):
        """Take flats of the twilight sky, away from the Sun."""
        self.at = max(self.at, at)
        if self.at >= self.sky.sunrise_at or self.sky.stop_at(self.at, self.at + 0.3 * HOUR):
            return
        azimuth = 90.0 if at < self.sky.evening_at else 270.0
        for filter_, exposure_s in flats:
            self.group += 1
            self.use(filter_)
            for _ in range(self.instrument.n_flats):
                where = {"altitude_deg": 75.0, "azimuth_deg": azimuth, "airmass": airmass(75.0)}
                self.expose("flat", exposure_s, "twilight sky", "calibration", "twilight", **where)
                self.wait(4)

    def observe(self):
        """Observe until the morning; focus first, and after each stop."""
        self.at = max(self.at, self.sky.evening_at + self.chance.uniform(20, 200) * SECOND)
        is_focused = False
        while self.at < self.sky.morning_at - 0.05 * HOUR:
            stop = self.sky.stop_at(self.at, self.at + 60 * SECOND)
            if stop:
                self.at, is_focused = stop.ends_at, False
                continue
            self.block(None if not is_focused else self.program())
            is_focused = True

    def program(self):
        """Return the next program, by chance."""
        programs = self.instrument.programs
        return self.chance.choices(programs, [one.weight for one in programs])[0]

    def target(self, targets):
        """Return the best target now: high, near, and not yet observed."""
        ra = np.array([one.ra_deg for one in targets])
        dec = np.array([one.dec_deg for one in targets])
        altitude, azimuth = self.horizontal(ra, dec, [self.at] * len(targets))
        later, _ = self.horizontal(ra, dec, [self.at + HOUR] * len(targets))
        score = np.minimum(altitude, 62) + np.array(
            [self.chance.gauss(0, 4) - 25 * self.visits.get(one.name, 0) for one in targets]
        )
        score -= 200 * ((np.minimum(altitude, later) < LOWEST_DEG) | (altitude > HIGHEST_DEG))
        if self.pointing:
            score -= 0.35 * _distance_deg(self.pointing, (altitude, azimuth))
        best = int(score.argmax())
        return targets[best], (float(altitude[best]), float(azimuth[best]))

    def horizontal(self, ra_deg, dec_deg, times):
        """Return altitudes and azimuths at some instants."""
        seconds = np.array([(at - EPOCH) / SECOND for at in times])
        return horizontal(np.asarray(ra_deg), np.asarray(dec_deg), seconds, self.site.position)

    def block(self, program):
        """Observe one target of a program; focus on a bright field without one."""
        targets = program.targets if program else self.instrument.programs[-1].targets
        target, pointing = self.target(targets)
        slew_deg = float(_distance_deg(self.pointing or (80.0, 0.0), pointing))
        self.wait(8 + 0.4 * slew_deg)
        self.pointing = pointing
        self.group += 1
        rotation_deg = self.chance.uniform(-60, 60)
        if not program:
            self.use(self.instrument.focus)
            for step in range(5):
                self.point(
                    "focus", 20.0, target, 0, rotation_deg, "engineering", f"sweep {step + 1}"
                )
                self.wait(5)
            return
        self.visits[target.name] = self.visits.get(target.name, 0) + 1
        if program.acquisition:
            self.use(program.acquisition)
            self.point("acquisition", 5.0, target, 0, rotation_deg, program.name, "acquisition")
            self.wait(15)
        for filter_ in self.filters(program):
            self.use(filter_)
            for _ in range(program.n_each):
                end = self.at + program.exposure_s * SECOND
                if self.sky.stop_at(self.at, end) or end > self.sky.morning_at:
                    self.at = end if end > self.sky.morning_at else self.at
                    return
                self.point(
                    "science",
                    program.exposure_s,
                    target,
                    program.dither_deg,
                    rotation_deg,
                    program.name,
                    "survey",
                )
                self.wait(3 if program.dither_deg else 0.5)

    def filters(self, program):
        """Return filters in order: first the one in use.

        A program with many filters uses two of them.
        """
        is_bright = moonlight(self.site, self.at) > 0.2
        own = [f for f in program.filters if not (is_bright and f in self.instrument.dark_time)]
        if len(program.filters) > 3:
            first = (
                own.index(self.filter) if self.filter in own else self.chance.randrange(len(own))
            )
            own = (own[first:] + own[:first])[:2]
        return sorted(own, key=lambda filter_: filter_ != self.filter)

    def point(self, kind, exposure_s, target, dither_deg, rotation_deg, program, reason):
        """Take an exposure of the sky, near a target."""
        dec_deg = target.dec_deg + self.chance.uniform(-1, 1) * dither_deg
        stretch = math.cos(math.radians(target.dec_deg))
        ra_deg = (target.ra_deg + self.chance.uniform(-1, 1) * dither_deg / stretch) % 360
        altitude, azimuth = self.horizontal([ra_deg], [dec_deg], [self.at])
        altitude_deg, azimuth_deg = float(altitude[0]), float(azimuth[0])
        self.expose(
            kind,
            exposure_s,
            target.name,
            program,
            reason,
            ra_deg=round(ra_deg, 5),
            dec_deg=round(dec_deg, 5),
            altitude_deg=round(altitude_deg, 4),
            azimuth_deg=round(azimuth_deg, 4),
            airmass=airmass(altitude_deg),
            rotation_deg=round(rotation_deg, 2),
            **self.measured(kind, altitude_deg),
        )

    def measured(self, kind, altitude_deg):
        """Return the numbers that a pipeline measures in an image."""
        haze = self.sky.haze_at(self.at)
        comment = {"comment": "clouds" if haze > 0.3 else ""}
        band = self.instrument.bands[self.filter]
        if kind == "acquisition" or not band:
            return comment
        thick = airmass(altitude_deg)
        seeing = self.sky.seeing_at(self.at) * thick**0.6 * self.chance.gauss(1, 0.02)
        defocus = self.chance.uniform(0.1, 0.8) if kind == "focus" else 0
        zero_point, loss, sky = PHOTOMETRY[band]
        zero_point -= loss * (thick - 1) + 0.9 * haze + abs(self.chance.gauss(0, 0.01))
        sky -= MOON[band] * moonlight(self.site, self.at) + 0.3 * (thick - 1)
        return {
            "seeing": round(math.hypot(seeing, defocus), 2),
            "zero_point": round(zero_point, 3),
            "sky": round(sky + self.chance.gauss(0, 0.03), 2),
            **comment,
        }


def airmass(altitude_deg):
    """Return the airmass at an altitude, by Pickering (2002)."""
    seen_deg = altitude_deg + 244 / (165 + 47 * altitude_deg**1.1)
    return round(1 / math.sin(math.radians(min(seen_deg, 90))), 4)


def _distance_deg(one, other):
    """Return the angle between two places: (altitude, azimuth)."""
    (alt, az), (alts, azs) = (tuple(map(np.radians, place)) for place in (one, other))
    cosine = np.sin(alt) * np.sin(alts) + np.cos(alt) * np.cos(alts) * np.cos(az - azs)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
