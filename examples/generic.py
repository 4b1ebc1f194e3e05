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

from observing_monitor.model.nights import ONE_DAY, NightRule

RULE = NightRule()
CLOUDY, SENSOR_OFF, QUOTA = 3, 7, 6  # numbers of nights, modulo ten
HEADINGS = ["# times are UTC; rh in %, wind in m/s\n", "time,rh,wind_speed,temp_c\n"]

SCHEMA = """
create table frame (path text primary key, taken_at text not null, bytes integer);
create table archive_log (
    path text, finished_at text not null, outcome text not null, message text
);
"""


def make_weather(folder, clock):
    """Write the nights' weather and seeing."""
    for night, number in clock.nights(RULE):
        weather, seeing = list(HEADINGS), []
        for at, numbers, measured in plan_weather(night, number % 10, clock.seed):
            if at > clock.until:
                continue
            weather.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{numbers}\n")
            if measured:
                row = {"time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "dimm": measured}
                seeing.append(json.dumps(row) + "\n")
        write_whole(folder / "weather" / f"{night:%Y%m%d}.csv", "".join(weather).encode())
        if seeing:
            write_whole(folder / "seeing" / f"{night:%Y%m%d}.jsonl", "".join(seeing).encode())


def plan_weather(night, number, seed):
    """Yield measurements: (instant, CSV cells, seeing or None)."""
    chance, start = random.Random(f"{seed} weather {night}"), RULE.bounds(night)[0]
    humidity = 85 if number == CLOUDY else chance.uniform(20, 45)
    fwhm, wind = 0.9, chance.uniform(2, 9)
    for minute in range(0, 24 * 60, 10):
        fwhm += 0.1 * (0.8 - fwhm) + chance.gauss(0, 0.05)
        humidity = min(100, max(5, humidity + chance.gauss(0, 1)))
        wind = max(0, wind + chance.gauss(0, 0.4))
        temperature = 11 + 4 * math.cos((minute / 60 - 7) / 12 * math.pi)
        is_off = number == SENSOR_OFF and 15 * 60 <= minute < 18 * 60
        numbers = f"{humidity:.0f},{'' if is_off else f'{wind:.1f}'},{temperature:.1f}"
        measured = None
        if 11 * 60 <= minute < 21.5 * 60 and number != CLOUDY:
            star = f"HR {4000 + minute // 120}"
            measured = {"fwhm": round(max(0.3, fwhm), 2), "star": star}
        yield start + datetime.timedelta(minutes=minute), numbers, measured


def make_all_sky(path, clock):
    """Add the frames and attempts since the last run."""
    is_new = not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous = off")
        if is_new:
            connection.executescript(SCHEMA)
        for night, number in clock.nights(RULE):
            for frame, attempts in plan_frames(night, number, clock.seed):
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


def plan_frames(night, number, seed):
    """Yield a night's frames, each with its attempts.

    A frame is (path, instant, bytes), an attempt (instant, outcome, message). One night is over
    quota for two hours; its frames are archived in the morning.
    """
    chance, start = random.Random(f"{seed} all-sky {night}"), RULE.bounds(night)[0]
    for minute in range(11 * 60, 21 * 60 + 30, 10):
        at = start + datetime.timedelta(minutes=minute, seconds=chance.randrange(30))
        archived_at = at + datetime.timedelta(seconds=chance.uniform(60, 400))
        attempts = [(archived_at, "ok", "")]
        if number % 10 == QUOTA and 15 * 60 <= minute < 17 * 60:
            attempts = [
                (archived_at, "error", "disk quota exceeded on archive:/all_sky"),
                (start + 23 * ONE_DAY / 24, "ok", ""),
            ]
        if number % 10 == QUOTA and minute == 17 * 60:
            attempts = [
                (archived_at, "error", "no space left on device: the frame was only half written")
            ]
        yield (
            (f"{night}/allsky_{at:%Y%m%d_%H%M%S}.fits", at, chance.randrange(8_300_000, 8_500_000)),
            attempts,
        )


def written(at):
    """Return an instant as the camera's program writes it."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
