"""Makes tables of exposures in DESI's columns: one CSV file per night.

    python examples/exposure_tables.py FOLDER [NIGHT ...]

Every value is made up; the columns are those of the survey's own tables. `exposure_tables.toml`
reads them.
"""

import csv
import datetime
import io
import random
import sys
from pathlib import Path

from common import write_whole

UTC = datetime.UTC
NIGHTS = (datetime.date(2024, 11, 4), datetime.date(2024, 11, 5))
COLUMNS = (
    *("EXPID", "OBSTYPE", "TILEID", "EXPTIME", "EFFTIME_ETC", "SURVEY", "FAPRGRM", "AIRMASS"),
    *("SPEED", "TARGTRA", "TARGTDEC", "SEQNUM", "SEQTOT", "PROGRAM", "PURPOSE", "MJD-OBS"),
    *("NIGHT", "EXPFLAG", "COMMENTS"),
)
# afternoon calibrations: type, program, number, exposure time (s), readout and pause (s)
CALIBRATIONS = (
    ("zero", "calib zeros", 25, 0.0, 68),
    ("dark", "calib dark 5min", 1, 300.0, 70),
    ("arc", "calib short arcs", 5, 5.0, 85),
    ("flat", "calib leds", 12, 120.0, 80),
)
CLOUDS = ((4.2, 5.4),)  # hours of UTC without a science exposure
NO_NUMBER, NO_WORD = -99, "unknown"


def exposures_of(night, seed=1):
    """Return a night's rows, each a dict by column."""
    chance = random.Random(f"{seed} exposures {night}")
    at = datetime.datetime.combine(night, datetime.time(22, 10), UTC)
    number, rows = 260_000 + 100 * (night - NIGHTS[0]).days, []

    def add(**facts):
        """Add an exposure at `at`."""
        mjd = (at - datetime.datetime(1858, 11, 17, tzinfo=UTC)) / datetime.timedelta(days=1)
        rows.append(
            {
                **dict.fromkeys(("TILEID", "EFFTIME_ETC", "SPEED"), NO_NUMBER),
                **dict.fromkeys(("SURVEY", "FAPRGRM"), NO_WORD),
                **dict.fromkeys(("SEQNUM", "SEQTOT"), 1),
                "EXPID": number + len(rows),
                "AIRMASS": 1.0,
                "TARGTRA": NO_NUMBER,
                "TARGTDEC": NO_NUMBER,
                "PURPOSE": "main survey",
                "MJD-OBS": f"{mjd:.9f}",
                "NIGHT": f"{night:%Y%m%d}",
                "EXPFLAG": "|",
                "COMMENTS": "|",
                **facts,
            }
        )

    for kind, program, n, seconds, pause_s in CALIBRATIONS:
        for sequence in range(1, n + 1):
            add(OBSTYPE=kind, PROGRAM=program, EXPTIME=seconds, SEQNUM=sequence, SEQTOT=n)
            at += datetime.timedelta(seconds=seconds + pause_s)
    midnight = datetime.datetime.combine(night, datetime.time(), UTC) + datetime.timedelta(days=1)
    at, tile = midnight + datetime.timedelta(hours=1.4), 7000 + chance.randrange(900)
    while at < midnight + datetime.timedelta(hours=12.8):
        hour = (at - midnight).total_seconds() / 3600
        program = "dark" if hour > 3 else "bright"
        seconds = chance.uniform(*((700, 1300) if program == "dark" else (200, 500)))
        facts = _science(chance, tile, program, seconds, hour)
        if not any(start <= hour < end for start, end in CLOUDS):
            add(**facts)
        tile += 1
        at += datetime.timedelta(seconds=seconds + chance.uniform(115, 160))
    return rows


def _science(chance, tile, program, seconds, hour):
    """Return the facts of a science exposure."""
    speed = max(0.1, chance.gauss(1.1, 0.2))
    return {
        "OBSTYPE": "science",
        "TILEID": tile,
        "EXPTIME": round(seconds, 4),
        "EFFTIME_ETC": round(seconds * speed, 3),
        "SURVEY": "main",
        "FAPRGRM": program,
        "PROGRAM": program,
        "AIRMASS": round(1 + abs(chance.gauss(0, 0.15)), 4),
        "SPEED": round(speed, 4),
        "TARGTRA": round((330 + 15 * hour + chance.gauss(0, 8)) % 360, 5),
        "TARGTDEC": round(chance.uniform(-5, 60), 5),
        "COMMENTS": "clouds|" if 3.7 < hour < 6 else "|",
    }


def make_tables(folder, nights=NIGHTS):
    """Write the table of each night."""
    for night in nights:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(exposures_of(night))
        write_whole(Path(folder) / f"exposure_table_{night:%Y%m%d}.csv", text.getvalue().encode())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    own = [datetime.date.fromisoformat(text) for text in sys.argv[2:]]
    make_tables(sys.argv[1], own or NIGHTS)
