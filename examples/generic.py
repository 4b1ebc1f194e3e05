"""Two systems for which there is no source of their own: a weather station's CSV files, an all-sky camera's database on SQLite.

weather/YYYYMMDD.csv       time,dimm_fwhm,rh,wind_speed,temp_c every ten minutes; cells of a sensor that is off are blank
all_sky.sqlite3            frame(path, taken_at, bytes); archive_log(path, finished_at, outcome, message)
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
CLOUDY, SENSOR_OFF, QUOTA = 3, 7, 6  # numbers of nights, over again after ten


def make_weather(folder, clock):
    """Write the nights' files of both, as they are at the clock's time."""
    for night, number in clock.nights(RULE):
        chance, start, number = (
            random.Random(f"{clock.seed} weather {night}"),
            RULE.bounds(night)[0],
            number % 10,
        )
        fwhm, humidity, wind = (
            0.9,
            85 if number == CLOUDY else chance.uniform(20, 45),
            chance.uniform(2, 9),
        )
        weather, seeing = (
            ["# times are UTC; rh in %, wind in m/s\n", "time,rh,wind_speed,temp_c\n"],
            [],
        )
        for minute in range(0, 24 * 60, 10):
            at = start + datetime.timedelta(minutes=minute)
            fwhm += 0.1 * (0.8 - fwhm) + chance.gauss(0, 0.05)
            humidity = min(100, max(5, humidity + chance.gauss(0, 1)))
            wind = max(0, wind + chance.gauss(0, 0.4))
            temperature = 11 + 4 * math.cos((minute / 60 - 7) / 12 * math.pi)
            blown = "" if number == SENSOR_OFF and 15 * 60 <= minute < 18 * 60 else f"{wind:.1f}"
            if at <= clock.until:
                weather.append(
                    f"{at:%Y-%m-%dT%H:%M:%SZ},{humidity:.0f},{blown},{temperature:.1f}\n"
                )
                if 11 * 60 <= minute < 21.5 * 60 and number != CLOUDY:
                    told = {
                        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                        "dimm": {
                            "fwhm": round(max(0.3, fwhm), 2),
                            "star": f"HR {4000 + minute // 120}",
                        },
                    }
                    seeing.append(json.dumps(told) + "\n")
        write_whole(folder / "weather" / f"{night:%Y%m%d}.csv", "".join(weather).encode())
        if seeing:
            write_whole(folder / "seeing" / f"{night:%Y%m%d}.jsonl", "".join(seeing).encode())


def make_all_sky(path, clock):
    """Add to the database what was taken and archived since the last time."""
    is_new = not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous = off")
        if is_new:
            connection.execute(
                "create table frame (path text primary key, taken_at text not null, bytes integer)"
            )
            connection.execute(
                "create table archive_log (path text, finished_at text not null, outcome text not null, message text)"
            )
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
    """A night's frames, (path, when taken, bytes), each with its attempts, (when, outcome, message)."""
    chance, start = random.Random(f"{seed} all-sky {night}"), RULE.bounds(night)[0]
    for minute in range(11 * 60, 21 * 60 + 30, 10):
        at = start + datetime.timedelta(minutes=minute, seconds=chance.randrange(30))
        archived_at = at + datetime.timedelta(seconds=chance.uniform(60, 400))
        attempts = [(archived_at, "ok", "")]
        if (
            number % 10 == QUOTA and 15 * 60 <= minute < 17 * 60
        ):  # over quota for two hours; tried again in the morning
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
    return f"{at:%Y-%m-%d %H:%M:%S}"
