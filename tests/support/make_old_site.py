"""Makes tests/corpus/site_0_1.tar.xz, a site of commit 27486d5.

    git worktree add /tmp/checkout 27486d5
    python tests/support/make_old_site.py /tmp/checkout

The checkout's own code makes everything, with its examples' generators and its tests' helpers: a
history taken over from the prototype, the nights up to 2021-01-01 by `rebuild`, the next one by
`run`, then `prune`. The clock is fixed; in that run one source is silent. The archive has the
settings and the site, but no input, so all sources are gone. Another archive differs in the
numbers and change times that the file system gives the input.

plotly.min.js, which is 4 MB, is replaced by a line of text.
"""

import datetime
import io
import shutil
import sys
import tarfile
from pathlib import Path

UTC = datetime.UTC
HERE = Path("/tmp/observatory-0.1")  # pages show where sources are: the same place each time
FIRST = datetime.date(2020, 12, 29)
TIMES = [datetime.datetime(2021, 1, day, 4, tzinfo=UTC) for day in (2, 3)]  # of the two runs
EVENING = 3.5
TARGET = Path(__file__).resolve().parent.parent / "corpus" / "site_0_1.tar.xz"

SETTINGS = f"""
[observing_monitor]
output_dir = "site"
title = "Observatory of 0.1"
site_url = "https://night.example/site"

[streams.latiss]
title = "Camera with a Gen2 repository"
input_dir = "{HERE}/input/latiss"
transfer_log = "rsync.log"
delay_warning_s = 900
keep_pages_days = 4
keep_tables_days = 5
latitude_deg = -30.2446
longitude_deg = -70.7494
timezone = "America/Santiago"

[[streams.latiss.from]]
night = 2021-01-01
small_bytes = 8000

[[streams.latiss.sources]]
type = "expected"
sequence = true

[streams.survey]
title = "Camera with a Gen3 repository"
input_dir = "{HERE}/input/survey"
gen = 3
night_rule = "TAI-12h"
transfer_log = "rsync.log"

[streams.summit]
night_rule = "TAI-12h"
[[streams.summit.sources]]
type = "summit"
path = "{HERE}/input/summit"
level = "error"

[streams.guider]
title = "Guide camera"
small_bytes = 2000
previews = true
keep_tables_days = 3
[[streams.guider.sources]]
type = "files"
path = "{HERE}/input/guider/images"
transfer_log = "rsync.log"

[streams.gemini]
night_rule = "UTC"
last_stage = "ingest"
[[streams.gemini.sources]]
type = "fitsstorage_logs"
path = "{HERE}/input/logs"
zone = "Pacific/Honolulu"

[streams.ztf]
night_rule = "UTC"
[[streams.ztf.sources]]
type = "broker_counts"
path = "{HERE}/input/broker/counts.csv"
counts = ["alerts_produced", "messages_published", "avros_stored"]
[[streams.ztf.sources]]
type = "bucket_listing"
list_files = false
path = "{HERE}/input/broker/listings/{{night:%Y%m%d}}.txt.gz"

[streams.lasair]
night_rule = "UTC"
[[streams.lasair.sources]]
type = "lasair"
path = "{HERE}/input/lasair"

[streams.array]
night_rule = "UTC"
[[streams.array.sources]]
type = "lwa"
dump = "{HERE}/input/mon.json"
recorders = ["drvs1-16"]

[streams.weather]
[[streams.weather.sources]]
type = "table"
path = "{HERE}/input/weather.csv"
columns = {{ sampled_at = "time" }}
values = {{ humidity = "rh", wind = "wind" }}
units = {{ humidity = "%", wind = "m/s" }}
headlines = ["humidity"]

[streams.allSky]
[[streams.allSky.sources]]
type = "sql"
name = "frames"
file = "{HERE}/input/all_sky.sqlite3"
query = "select path, taken_at, bytes from frame where taken_at >= :start and taken_at < :end"
feeds = "files"
columns = {{ path = "path", created_at = "taken_at", size_bytes = "bytes" }}
[[streams.allSky.sources]]
type = "sql"
name = "archive"
file = "{HERE}/input/all_sky.sqlite3"
query = "select * from archive_log where finished_at >= :start and finished_at < :end"
feeds = "ingests"
columns = {{ path = "path", attempted_at = "finished_at", status = "outcome", message = "message" }}
constants = {{ stage = "archive" }}
stages = ["archive"]
statuses = {{ ok = "success", error = "failure" }}
"""
KNOWN = """
- night: 2020-12-30 to 2021-01-02
  pattern: AT_O_*_000006
  reason: shutter test, nobody wants it
  stream: latiss
  who: night crew
"""


def make_cameras(night, now):
    """Make the files of both cameras' nights."""
    import guider
    from common import append_lines, rsync_line, write_at
    from gen2tree import make_night

    kinds = {"ingested": 4, "failed": 1, "missing": 2, "small": 1, "not_fits": 1}
    make_night(HERE / "input" / "latiss", night, kinds, now=now, transfer_log=True)
    folder = HERE / "input" / "guider"
    for number in (1, 2):
        at = datetime.datetime.combine(night, datetime.time(23, number), UTC)
        path = f"{night}/guider_{night:%Y%m%d}_{number:03d}.fits"
        data = guider.image("plain", number + night.toordinal())[1]
        write_at(folder / "images" / path, data if number == 1 else data[:3000], at)
        append_lines(folder / "rsync.log", [rsync_line(path, at + datetime.timedelta(seconds=9))])


def make_others(since, until):
    """Make what the systems wrote after `since`."""
    import broker
    import fitsstorage_logs
    import gen3
    import generic
    import lasair_status
    import lwa_dump
    import summit_messages
    from common import Clock

    folder = HERE / "input"
    clock = Clock(FIRST, since, until, until)
    # the Gen3 camera's first images of the evening: a night has hundreds
    evening = until - datetime.timedelta(hours=16), until - datetime.timedelta(hours=EVENING)
    short = Clock(FIRST - datetime.timedelta(days=2), *evening, until)
    gen3.make_gen3(folder / "survey", short)
    summit_messages.make_messages(folder / "summit", short)
    fitsstorage_logs.make_logs(folder / "logs", until, FIRST, 1)
    lwa_dump.write_dump(folder / "mon.json", until)
    broker.make_broker(folder / "broker", until, FIRST, 1)
    lasair_status.make_status(folder / "lasair", until, FIRST, 1)
    generic.make_all_sky(folder / "all_sky.sqlite3", clock)


def make_weather(until):
    """Make a weather file with two lines per night."""
    lines = ["time,rh,wind\n"]
    night = FIRST
    while night < until.date():
        lines += [f"{night}T23:00:00Z,40,{night.day}\n", f"{night}T23:30:00Z,50,7\n"]
        night += datetime.timedelta(days=1)
    (HERE / "input" / "weather.csv").write_text("".join(lines))


def make_prototype():
    """Make the prototype's database of an earlier night."""
    from test_prototype import BOTH, database

    night, update = "2020-12-28", "2020-12-29T12:00:03"
    counts = (night, update, 2, "2020-12-28T23:10:00", 1, 0, 0, 0, "2020-12-29T00:10:00")
    files = [
        (number, night, update, f"{night}/AT_O_20201228_{number:06d}.fits", f"{night}T23:00:00", 9)
        for number in (1, 2)
    ]
    ingest = (1, "raw/2020-12-28/1-det000.fits", night, update, "2020-12-29T00:10:00")
    rows = [("FILE_COUNT", counts), ("INGEST_LIST", ingest)]
    rows += [("TRANSFER_LIST", file) for file in files]
    return database(HERE / "observing_monitor.sqlite3", BOTH, rows)


def run(*arguments, now, expected=0):
    from observing_monitor import cli

    arguments = [str(argument) for argument in arguments]
    code = cli.main([arguments[0], "-c", str(HERE / "site.toml"), *arguments[1:]], now)
    assert code == expected, f"{arguments}: exit code {code}"


def make_site():
    """Make the site below HERE."""
    first, second = TIMES
    (HERE / "site" / "data").mkdir(parents=True)
    # the feed's id is drawn by chance unless there is one
    feed = '{"id": "00000000-0000-8000-8000-000000000001", "made_at": "2020-12-29T00:00:00Z"}'
    (HERE / "site" / "data" / "feed.json").write_text(feed)
    (HERE / "site.toml").write_text(SETTINGS)
    (HERE / "known.yaml").write_text(KNOWN)
    night = FIRST
    while night < first.date():
        make_cameras(night, first)
        night += datetime.timedelta(days=1)
    make_others(datetime.datetime.combine(FIRST, datetime.time(), UTC), first)
    make_weather(first)
    days = ("--first_day", FIRST, "--last_day", night - datetime.timedelta(days=1))
    run("import-prototype", "--stream", "latiss", "--database", make_prototype(), now=first)
    run("rebuild", *days, "--jobs", 1, now=first)
    make_cameras(night, second)
    make_others(first, second)
    (HERE / "input" / "weather.csv").unlink()
    run("run", "--jobs", 1, now=second, expected=1)
    run("prune", "--yes", now=second)


def pack():
    """Write the archive: files in order, without owners or times."""
    with tarfile.open(TARGET, "w:xz", preset=9) as archive:
        for path in sorted(HERE.rglob("*")):
            name = path.relative_to(HERE).as_posix()
            if path.is_file() and name.startswith(("site/", "site.toml", "known.yaml")):
                data = path.read_bytes()
                if path.name.startswith("plotly-"):
                    data = b"// stands for plotly.js in this archive\n"
                about = tarfile.TarInfo(name)
                about.size = len(data)
                about.mode = 0o644
                archive.addfile(about, io.BytesIO(data))
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


def main():
    """Make and pack the site with the code of a checkout."""
    checkout = Path(sys.argv[1]).resolve()
    sys.path[:0] = [str(checkout), str(checkout / "examples"), str(checkout / "tests")]
    import observing_monitor

    assert Path(observing_monitor.__file__).is_relative_to(checkout)
    shutil.rmtree(HERE, ignore_errors=True)
    make_site()
    pack()
    shutil.rmtree(HERE)


if __name__ == "__main__":
    main()
