"""A night with an observing log and files, from three tables."""

import datetime

from running import run

NIGHT = datetime.date(2020, 2, 12)
START = datetime.datetime(2020, 2, 12, 23, tzinfo=datetime.UTC)
SETTINGS = """
[observing_monitor]
output_dir = "site"

[streams.camera]
title = "Survey camera"
latitude_deg = -30.2446
longitude_deg = -70.7494
timezone = "America/Santiago"

[[streams.camera.sources]]
type = "table"
name = "exposures"
path = "exposures.csv"
feeds = "exposures"
measures = { seeing = "seeing" }
[streams.camera.sources.columns]
exposure = "name"
seq_num = "number"
started_at = "start"
exposure_time_s = "shutter"
observation_type = "type"
target = "target"
program = "program"
physical_filter = "filter"
ra_deg = "ra"
dec_deg = "dec"

[[streams.camera.sources]]
type = "table"
name = "files"
path = "files.csv"
feeds = "files"
[streams.camera.sources.columns]
path = "path"
size_bytes = "size"
created_at = "created"
transferred_at = "came"
exposure = "exposure"

[[streams.camera.sources]]
type = "table"
name = "registry"
path = "ingests.csv"
feeds = "ingests"
columns = { path = "path", attempted_at = "at", status = "outcome", message = "message" }
constants = { stage = "ingest" }
stages = ["ingest"]
"""


def exposure_name(number):
    """Return the name of an exposure, by its number from 0."""
    return f"MC_O_20200212_{number:06d}"


def observe(folder, n, every_s=60, n_files=2, hours=24, more=""):
    """Run with `n` exposures: some flats, some with a file that failed.

    Files are created 30 s after the start, arrive 6 s later, and are ingested 54 s after that.
    `more` are settings of the site.
    """
    exposures = ["name,number,start,shutter,type,target,program,filter,ra,dec,seeing\n"]
    files, ingests = ["path,size,created,came,exposure\n"], ["path,at,outcome,message\n"]
    for number in range(n):
        at, name = START + datetime.timedelta(seconds=number * every_s), exposure_name(number)
        kind = "flat" if number % 10 == 0 else "science"
        program = "survey" if number % 3 else "nearby <b>galaxies</b>"
        sky = f"field {number % 50},{program},{'griz'[number % 4]},{number % 360},-30.25"
        exposures.append(f"{name},{number},{at:%FT%TZ},30,{kind},{sky},{0.7 + number % 7 / 10}\n")
        times = [at + datetime.timedelta(seconds=seconds) for seconds in (30, 36, 90)]
        created, came, done = (f"{time:%FT%TZ}" for time in times)
        for detector in range(n_files):
            path = f"{NIGHT}/{name}_R{detector}.fits"
            files.append(f"{path},30000000,{created},{came},{name}\n")
            is_failed = number % 100 == 99 and detector == n_files - 1
            ending = "failure,KeyError: 'DATE-OBS'" if is_failed else "success,"
            ingests.append(f"{path},{done},{ending}\n")
    folder.mkdir(exist_ok=True)
    for ending, lines in (("exposures", exposures), ("files", files), ("ingests", ingests)):
        (folder / f"{ending}.csv").write_text("".join(lines))
    head = "[observing_monitor]\n"
    (folder / "site.toml").write_text(SETTINGS.replace(head, head + more))
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    now = START + datetime.timedelta(hours=hours)
    assert run("-c", folder / "site.toml", *days, "--jobs", 1, now=now) in (0, 1)
    return folder / f"site/camera/{NIGHT}.html"
