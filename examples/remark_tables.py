"""Makes tables of remarks, in the columns of several observatories.

    python examples/remark_tables.py FOLDER [NIGHT ...]

and notes of each night.

Every word is made up; the columns are those of Rubin's exposurelog, narrativelog and nightreport,
of Gemini's `obslog_comment`, and of DESI's tables of exposures. `remarks.toml` reads them. The
observatories' own databases are on PostgreSQL; these are SQLite.
"""

import datetime
import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from common import write_whole
from exposure_tables import make_tables

UTC = datetime.UTC
TAI_MINUS_UTC = datetime.timedelta(seconds=37)
NIGHTS = (datetime.date(2024, 11, 4), datetime.date(2024, 11, 5))
TABLES = """
create table exposurelog (id text, site_id text, obs_id text, instrument text, day_obs integer,
    seq_num integer, message_text text, level integer, tags text, urls text, user_id text,
    user_agent text, is_human boolean, is_valid boolean, exposure_flag text, date_added text,
    date_invalidated text, parent_id text);
create table narrativelog (id text, site_id text, message_text text, level integer, tags text,
    urls text, date_begin text, date_end text, time_lost real, time_lost_type text, category text,
    components_json text, user_id text, user_agent text, is_human boolean, is_valid boolean,
    date_added text, date_invalidated text, parent_id text);
create table nightreport (id text, site_id text, day_obs integer, summary text, weather text,
    maintel_summary text, auxtel_summary text, confluence_url text, observers_crew text,
    date_sent text, user_id text, is_valid boolean, date_added text, parent_id text);
create table header (id integer primary key, data_label text, ut_datetime text);
create table obslog_comment (id integer primary key, data_label text, comment text);
"""


def at(night, hours, offset=datetime.timedelta(0)):
    """Return a time as text: hours after midnight UTC of a night."""
    midnight = datetime.datetime.combine(night, datetime.time(), UTC) + datetime.timedelta(days=1)
    return (midnight + datetime.timedelta(hours=hours) + offset).strftime("%Y-%m-%d %H:%M:%S.%f")


def tai(night, hours):
    """Return the same on the clock of TAI."""
    return at(night, hours, TAI_MINUS_UTC)


def exposure_log(night):
    """Return remarks on exposures, of which one is replaced, one deleted."""
    rows = (
        # exposure, text, level, tags, flag, deleted or replaced, the one that it replaces
        (17, "guider lost", 20, [], "questionable", True, None),
        (17, "guider lost, star out of the slit", 30, ["guider"], "junk", False, 1),
        (23, "fine again", 20, [], "none", False, None),
        (24, "wrong exposure", 20, [], "none", True, None),
    )
    return [
        {
            "id": f"{night:%Y%m%d}-{number}",
            "obs_id": f"AT_O_{night:%Y%m%d}_{seq_num:06d}",
            "instrument": "LATISS",
            "day_obs": int(f"{night:%Y%m%d}"),
            "seq_num": seq_num,
            "message_text": text,
            "level": level,
            "tags": json.dumps(tags),
            "urls": "[]",
            "user_id": "observer",
            "is_human": True,
            "is_valid": not is_over,
            "exposure_flag": flag,
            "date_added": tai(night, 4 + number / 10),
            "date_invalidated": tai(night, 5) if is_over else None,
            "parent_id": f"{night:%Y%m%d}-{parent}" if parent else None,
        }
        for number, (seq_num, text, level, tags, flag, is_over, parent) in enumerate(rows, 1)
    ]


def narrative_log(night):
    """Return what happened when, and the time lost, in hours."""
    rows = (
        (1.0, 2.5, "clouds, dome closed", 1.5, "weather", 30),
        (3.0, 3.25, "rotator does not move", 0.25, "fault", 40),
        (8.0, 8.0, "seeing is good", 0.0, None, 20),
    )
    return [
        {
            "id": f"{night:%Y%m%d}-{number}",
            "message_text": text,
            "level": level,
            "tags": "[]",
            "urls": json.dumps(["https://tickets.example/7"] if level > 30 else []),
            "date_begin": tai(night, begin),
            "date_end": tai(night, end),
            "time_lost": lost,
            "time_lost_type": why,
            "category": "log",
            "user_id": "support",
            "is_human": True,
            "is_valid": True,
            "date_added": tai(night, end),
        }
        for number, (begin, end, text, lost, why, level) in enumerate(rows, 1)
    ]


def night_report(night):
    """Return the report of a night, a row with several texts."""
    return [
        {
            "id": f"{night:%Y%m%d}",
            "day_obs": int(f"{night:%Y%m%d}"),
            "summary": "Half a night of spectra, then clouds.",
            "weather": "Clouds from 1 h to 2.5 h UTC.",
            "maintel_summary": "",
            "auxtel_summary": "Spectra of standard stars.",
            "confluence_url": "https://reports.example/night",
            "observers_crew": "observer, support",
            "date_sent": tai(night, 12),
            "user_id": "observer",
            "is_valid": True,
            "date_added": tai(night, 12),
        }
    ]


def comments(night):
    """Return Gemini's exposures, and comments on them."""
    label = f"GS-CAL{night:%Y%m%d}-1"
    first = 10 * night.toordinal()
    headers = [
        {"id": first + n, "data_label": f"{label}-{n:03d}", "ut_datetime": at(night, 2 + n / 4)}
        for n in (1, 2, 3)
    ]
    said = [{"id": first + 1, "data_label": f"{label}-002", "comment": "lamp was off"}]
    return headers, said


def make_notes(folder, nights=NIGHTS):
    """Write the notes of each night, in the time of Chile, UTC−3 h."""
    for night in nights:
        lines = (
            f"# Night of {night}",
            "Observers: observer, support",
            "",
            "- 21:10 open",
            "- 22:00–23:30 clouds, dome closed",
            "- 00:20 rotator does not move",
            "",
            "## Summary",
            "An hour and a half lost to clouds.",
        )
        write_whole(Path(folder) / f"{night}.md", "\n".join([*lines, ""]).encode())


def make_database(path, nights=NIGHTS):
    """Write one SQLite file with all tables but DESI's."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as database:
        database.executescript(TABLES)
        for night in nights:
            headers, said = comments(night)
            for table, rows in (
                ("exposurelog", exposure_log(night)),
                ("narrativelog", narrative_log(night)),
                ("nightreport", night_report(night)),
                ("header", headers),
                ("obslog_comment", said),
            ):
                for row in rows:
                    names, marks = ", ".join(row), ", ".join("?" * len(row))
                    values = tuple(row.values())
                    database.execute(f"insert into {table} ({names}) values ({marks})", values)
        database.commit()
    os.replace(unfinished, path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    own = [datetime.date.fromisoformat(text) for text in sys.argv[2:]] or NIGHTS
    make_database(Path(sys.argv[1]) / "remarks.sqlite3", own)
    make_tables(sys.argv[1], own)
    make_notes(Path(sys.argv[1]) / "notes", own)
