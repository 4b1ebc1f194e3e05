"""The example's weather station and all-sky camera.

weather/YYYYMMDD.csv     time,rh,wind_speed,temp_c every ten minutes; blank if a sensor is off
seeing/YYYYMMDD.jsonl    a seeing monitor's measurements, every ten minutes of a clear night
all_sky.sqlite3          frame(path, taken_at, bytes)
                         archive_log(path, finished_at, outcome, message)
"""

import contextlib
import datetime
import json
import math
import random
import sqlite3

from common import write_whole
from conditions import conditions_of
from sites import PACHON

from observing_monitor.model.nights import ONE_DAY

HOUR = datetime.timedelta(hours=1)
SENSOR_OFF, QUOTA = 7, 6  # numbers of nights, modulo ten
HEADINGS = ["# times are UTC; rh in %, wind in m/s\n", "time,rh,wind_speed,temp_c\n"]

SCHEMA = """
create table frame (path text primary key, taken_at text not null, bytes integer);
create table archive_log (
    path text, finished_at text not null, outcome text not null, message text
);
"""


def make_weather(folder, clock):
    """Write the nights' weather and seeing."""
    for night, number in clock.nights(clock.site.rule):
        weather, seeing = list(HEADINGS), []
        for at, numbers, measured in plan_weather(night, number, clock.seed, clock.site):
            if at > clock.until:
                continue
            weather.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{numbers}\n")
            if measured:
                row = {"time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "dimm": measured}
                seeing.append(json.dumps(row) + "\n")
        write_whole(folder / "weather" / f"{night:%Y%m%d}.csv", "".join(weather).encode())
        if seeing:
            write_whole(folder / "seeing" / f"{night:%Y%m%d}.jsonl", "".join(seeing).encode())


def plan_weather(night, number, seed, site=PACHON):
    """Yield measurements: (instant, CSV cells, seeing or None)."""
    chance, start = random.Random(f"{seed} weather {night}"), site.rule.bounds(night)[0]
    sky = conditions_of(site, night, number, seed)
    dry, wind, wet = chance.uniform(20, 45), chance.uniform(2, 9), 0.0
    off_at = sky.evening_at + 3 * HOUR
    for minute in range(0, 24 * 60, 10):
        at = start + datetime.timedelta(minutes=minute)
        wet += 0.2 * (1.0 * (sky.is_closed or sky.haze_at(at) > 0) - wet)
        dry = min(90, max(5, dry + chance.gauss(0, 1)))
        humidity = dry + (88 - dry) * wet
        wind = max(0, wind + chance.gauss(0, 0.4))
        # the coldest hour is that before sunrise
        temperature = 11 - 4 * math.cos((at - sky.sunrise_at + HOUR) / HOUR / 12 * math.pi)
        is_off = number % 10 == SENSOR_OFF and off_at <= at < off_at + 3 * HOUR
        numbers = f"{humidity:.0f},{'' if is_off else f'{wind:.1f}'},{temperature:.1f}"
        measured = None
        if sky.sunset_at < at < sky.sunrise_at and not sky.is_closed and not is_cloudy(sky, at):
            star = f"HR {4000 + minute // 120}"
            fwhm = max(0.3, sky.seeing_at(at) + chance.gauss(0, 0.04))
            measured = {"fwhm": round(fwhm, 2), "star": star}
        yield at, numbers, measured


def is_cloudy(sky, at):
    """True if clouds hide the stars."""
    stop = sky.stop_at(at, at + datetime.timedelta(minutes=1))
    return stop is not None and stop.reason == "clouds"


def make_all_sky(path, clock):
    """Add the frames and attempts since the last run."""
    is_new = not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous = off")
        if is_new:
            connection.executescript(SCHEMA)
        for night, number in clock.nights(clock.site.rule):
            for frame, attempts in plan_frames(night, number, clock.seed, clock.site):
                if clock.has_come(frame[1]):
                    connection.execute(
                        "insert into frame values (?, ?, ?)",
                        (frame[0], written(frame[1]), frame[2]),
                    )
                for at, outcome, message in attempts:
                    if clock.has_come(at):
                        connection.execute(
                            "insert into archive_log values (?, ?, ?, ?)",
                            (frame[0], written(at), outcome, message),
                        )


def plan_frames(night, number, seed, site=PACHON):
    """Yield a night's frames, each with its attempts.

    A frame is (path, instant, bytes), an attempt (instant, outcome, message). One night is over
    quota for two hours; its frames are archived in the morning.
    """
    chance, start = random.Random(f"{seed} all-sky {night}"), site.rule.bounds(night)[0]
    sky = conditions_of(site, night, number, seed)
    full_at = sky.evening_at.replace(minute=0, second=0, microsecond=0) + 4 * HOUR
    at = sky.sunset_at.replace(minute=0, second=0, microsecond=0)
    while (at := at + HOUR / 6) < sky.sunrise_at:
        taken_at = at + datetime.timedelta(seconds=chance.randrange(30))
        archived_at = taken_at + datetime.timedelta(seconds=chance.uniform(60, 400))
        attempts = [(archived_at, "ok", "")]
        if number % 10 == QUOTA and full_at <= at < full_at + 2 * HOUR:
            attempts = [
                (archived_at, "error", "disk quota exceeded on archive:/all_sky"),
                (start + 23 * ONE_DAY / 24, "ok", ""),
            ]
        if number % 10 == QUOTA and at == full_at + 2 * HOUR:
            attempts = [
                (archived_at, "error", "no space left on device: the frame was only half written")
            ]
        name = f"{night}/allsky_{taken_at:%Y%m%d_%H%M%S}.fits"
        yield (name, taken_at, chance.randrange(8_300_000, 8_500_000)), attempts


def written(at):
    """Return an instant as the camera's program writes it."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
