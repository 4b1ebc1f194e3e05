"""Input that nobody would write on purpose: a small valid input of every kind of source, and ways to break it.

`KINDS` maps a name to a function that makes the input below a folder and returns the stream's sources (tables as in the settings)
and the files that may be broken. `broken` gives the same breakage for the same seed.
"""

import contextlib
import datetime
import gzip
import json
import logging
import os
import random
import sqlite3
from pathlib import Path

import gen3
from gen2tree import make_night

from observing_monitor.collecting.looks import NightTask
from observing_monitor.collecting.night import collect_night
from observing_monitor.collecting.sources import make_sources
from observing_monitor.errors import SourceError
from observing_monitor.pages import publish_night
from observing_monitor.pages.frame import make_site
from observing_monitor.pages.night_job import NightJob
from observing_monitor.settings.build import StreamTable, build_stream
from observing_monitor.settings.records import StreamSettings
from observing_monitor.settings.toml import Section
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

NIGHT = datetime.date(2020, 2, 12)
NOW = datetime.datetime(2020, 2, 13, 13, tzinfo=datetime.UTC)

# What has broken programs before: numbers beyond float and int64, dates beyond datetime, half characters, code for whoever shows it.
TOKENS = (
    b"1e999", b"-1e999", b"9" * 400, b"-9223372036854775809", b"18446744073709551616", b"NaN", b"-inf", b"Infinity", b"0x1p-3", b"1_000",
    b"1e-400", b"\xd9\xa1\xd9\xa2\xd9\xa3", b"9999-12-31T23:59:59.999999", b"0000-00-00", b"0001-01-01T00:00:00+14:00", b"2020-02-30",
    b"10000-01-01", b"-4713-11-24", b"9999-12-31T23:59:59-12:00", b"24:00:00", b"2020-02-12T23:59:60Z", b"2020-W07-3", b"2020-02-12",
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f\x92", b"\\ud83d", b"\\u0000", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\x1b[31m", b"\x85",
    b"<script>window.pwned=1</script>", b"{{ 7*7 }}{% for %}", b"]]>-->", b"=cmd|' /C calc'!A0", b'"', b"'", b"\\", b"\r", b"\n", b"\t",
    b",", b";", b"{", b"}", b"[", b"]", b"[" * 3000, b'{"a":' * 3000, b"null", b"true", b"%s%n", b"../../../../etc/passwd", b"/", b":",
    b"-",
    b"\xef\xbb\xbf", b"SELECT", b"\x1f\x8b", b"",
)  # fmt: skip


def age(path):
    """Give a file a time in the night, for what is told by a file's own time."""
    os.utime(path, (1_581_580_000, 1_581_580_000))


def broken(data, seed):
    """Bytes cut at some place, with a byte or a bit changed, or with one of TOKENS in the middle; one to three times."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(data) + 1)
        how = chance.randrange(7)
        if how == 0:
            data = data[:at]
        elif how == 1 and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        elif how == 2 and at < len(data):
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif how == 3:
            data = data[:at] + chance.choice(TOKENS) + data[at:]
        elif how == 4:  # in place of a word: that is where a value stands
            end = at + next((n for n, byte in enumerate(data[at:]) if byte in b' ,"\n\t:'), 0)
            data = data[:at] + chance.choice(TOKENS) + data[end:]
        elif how == 5:
            data = data[:at] + data[at + chance.randrange(1, 50) :]
        else:
            data = data[:at] + data[max(0, at - chance.randrange(1, 200)) :]
    return data


VALUES = (
    None, 0, -1, 2**63 - 1, -(2**63), 1e308, float("inf"), 1.5, "", " ", "x", "1e999", "9" * 400, "9999-12-31 23:59:59.999999",
    "0000-00-00", "-4713-01-01", "2020-02-12", "2020-02-12 23:01:00", b"\xff\xfe", b"", "\0", "<b>", "a\u202eb", "x" * 100_000, "inf",
    "NaN",
    "/", "../../etc/passwd", "file:///etc/passwd", "://", "#zip-path=", "20200212", 20200212, 99999999, "1970-01-01 00:00:00",
)  # fmt: skip


def upset(path, seed):
    """Put one of VALUES into a cell or a column of an SQLite database, which keeps whatever type it is given; one to three times."""
    chance = random.Random(seed)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
            )
        ]
        for _ in range(chance.choice((1, 1, 2, 3))):
            table = chance.choice(tables)
            columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
            column, value = chance.choice(columns), chance.choice(VALUES)
            one = (
                " where rowid = (select min(rowid) from " + f'"{table}")'
                if chance.random() < 0.5
                else ""
            )
            with contextlib.suppress(sqlite3.IntegrityError):
                connection.execute(f'update "{table}" set "{column}" = ?{one}', (value,))
        connection.commit()


# --- a small valid input of every kind -----------------------------------------------------------------------------------


def files(folder):
    make_night(
        folder,
        NIGHT,
        {"ingested": 4, "failed": 1, "not_fits": 1, "small": 1},
        now=NOW,
        transfer_log=True,
    )
    log = folder / "rsync.log"
    (folder / "rsync.log.1.gz").write_bytes(gzip.compress(log.read_bytes(), mtime=0))
    return [{"type": "files", "path": folder / "storage", "transfer_log": "rsync.log*"}], [
        log,
        folder / "rsync.log.1.gz",
    ]


def gen2(folder):
    make_night(folder, NIGHT, {"ingested": 4, "failed": 1, "missing": 1, "lost": 1}, now=NOW)
    storage = {"type": "files", "path": folder / "storage"}
    return [storage, {"type": "gen2", "path": folder / "gen2repo"}], [
        folder / "gen2repo" / "registry.sqlite3"
    ]


def gen3_(folder):
    raws = gen3.plan_night(NIGHT, 5, 1)[:18]
    registry = folder / "gen3repo" / "gen3.sqlite3"
    registry.parent.mkdir(parents=True)
    yaml = registry.parent / "butler.yaml"
    yaml.write_text(gen3.BUTLER_YAML)
    with gen3.open_registry(registry) as connection:
        gen3.register(connection, folder / "storage", raws)
    return [{"type": "gen3", "path": folder}], [registry, yaml]


def dbb(folder):
    path = folder / "dbb.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            create table files (id integer primary key, relpath varchar, filename varchar, checksum varchar, size_bytes bigint,
                added_on timestamp);
            create table gen3_file_events (ingest_ver varchar, start_time timestamp, duration timestamp, err_message text, status varchar,
                files_id integer);""")
        for number in range(1, 6):
            added = f"2020-02-12 23:0{number}:00.000000"
            connection.execute(
                "insert into files values (?,?,?,?,?,?)",
                (number, "2020-02-12", f"a{number}.fits", "x", 20000, added),
            )
            took = "1970-01-01 00:00:02.500000"
            event = (
                "1",
                f"2020-02-12 23:1{number}:00.000000",
                took,
                "no <b>dimension</b>",
                ("SUCCESS", "FAILURE")[number % 2],
                number,
            )
            connection.execute("insert into gen3_file_events values (?,?,?,?,?,?)", event)
        connection.commit()
    return [{"type": "dbb", "url": f"sqlite:///{path}"}], [path]


def lasair(folder):
    path = folder / "status_1137.json"
    told = {
        "nid": 1137,
        "update_time": "2020-02-13T03:12:00",
        "today_alert": 1200,
        "today_lsst": 1300,
        "today_filter": 1100,
    }
    told |= {
        "today_filter_out": 80,
        "min_delay": "-1.0",
        "icassandra_0": 10.5,
        "icassandra_1": 100.5,
        "itotal_0": 20.0,
        "a_alerts_produced": 3,
    }
    path.write_text(json.dumps(told, indent=1))
    return [{"type": "lasair", "path": folder}], [path]


def lasair_table(folder):
    path = folder / "lasair.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "create table lasair_statistics (nid int not null, name varchar(32), value float default 0, primary key (nid, name))"
        )
        rows = [
            (1137, name, value)
            for name, value in (
                ("today_alert", 120.0),
                ("today_filter", 110.0),
                ("icassandra_0", 12.5),
                ("nid", 1137.0),
            )
        ]
        connection.executemany("insert into lasair_statistics values (?, ?, ?)", rows)
        connection.commit()
    return [{"type": "lasair", "url": f"sqlite:///{path}"}], [path]


def broker_counts(folder):
    path = folder / "counts.csv"
    path.write_text(
        "night,alerts_produced,messages_published,avros_stored\n2020-02-11,100,90,\nztf_20200212_programid1,288533,577066,283911\n"
    )
    return [{"type": "broker_counts", "path": path}], [path]


def bucket_listing(folder):
    path, packed = folder / "20200212.txt", folder / "20200212b.txt.gz"
    lines = "".join(
        f"     54321  2020-02-12T06:0{n}:00Z  gs://bucket/ZTF18aamyaaj.113721790101501500{n}.ztf_20200212_programid1.avro\n"
        for n in range(5)
    )
    path.write_text(f"{lines}TOTAL: 5 objects, 271605 bytes (265 KiB)\n")
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return [{"type": "bucket_listing", "path": folder / "{night:%Y%m%d}*"}], [path, packed]


def fitsstorage_logs(folder):
    path, packed = folder / "service_ingest_queue.log", folder / "service_export_queue.log.1.gz"
    path.write_text(
        "2020-02-12 04:32:00,771 28851:copy_from_dhs:41 INFO: Copying N20200212S0018.fits to /sci/dataflow\n"
        "2020-02-12 04:32:01,771 28851:service_ingest_queue:41 INFO: Ingesting N20200212S0018.fits - 3 (5 on queue)\n"
        "2020-02-12 04:32:02,771 28851:service_ingest_queue:41 ERROR: String - no\n"
        "Traceback (most recent call last):\n  File x\nKeyError: 'a'\n"
        "2020-02-12 04:32:03,771 28851:service_ingest_queue:41 INFO: Nothing on queue... Waiting\n"
    )
    text = path.read_bytes().replace(b"Ingesting", b"Exporting").replace(b"28851", b"77")
    packed.write_bytes(gzip.compress(text, mtime=0))
    return [{"type": "fitsstorage_logs", "path": folder, "zone": "Pacific/Honolulu"}], [
        path,
        packed,
    ]


def lwa(folder):
    path, at = folder / "mon.json", 1581559200.5
    points = {
        f"/mon/drvs{n}/summary": {"timestamp": at, "value": "normal", "unit": ""}
        for n in range(1, 4)
    }
    points["/mon/drvs1/bifrost/rx_rate"] = {"timestamp": at, "value": 1e8, "unit": "B/s"}
    points["/mon/drvs1/statistics/avg"] = {"timestamp": at, "value": [1, 2.5, None], "unit": ""}
    points["/mon/drvs2/multi"] = {
        "timestamp": at,
        "value": [1, 2],
        "field": ["a", "b"],
        "unit": ["s", "B"],
    }
    points["/mon/drvs2/latest_time_tag"] = {
        "timestamp": at,
        "value": 310_000_000_000_000_000,
        "unit": "",
    }
    path.write_text(json.dumps(points, indent=1))
    age(path)
    return [{"type": "lwa", "dump": path, "recorders": ["drvs1-3"]}], [path]


def expected(folder):
    inside = folder / "sensors" / "20200212"
    inside.mkdir(parents=True)
    sensors, exposures = (
        inside / "MC_O_20200212_000001_expectedSensors.json",
        folder / "exposures.csv",
    )
    sensors.write_text(
        json.dumps(
            {
                "obsId": "MC_O_20200212_000001",
                "expectedSensors": {"R01_S00": "SCIENCE", "R00_SG0": "GUIDER"},
            }
        )
    )
    exposures.write_text("obsid,when\nMC_O_20200212_000001,1\nMC_O_20200212_000002,2\n")
    return [
        {"type": "expected", "path": folder / "sensors", "exposures": exposures, "sequence": True}
    ], [sensors, exposures]


def summit(folder):
    inside = folder / "20200212"
    inside.mkdir(parents=True)
    readout, notice = inside / "readout.json", inside / "notices.jsonl"
    told = {
        "imageName": "MC_O_20200212_000001",
        "imageDate": "20200212",
        "timestampEndOfReadout": 1581559237.5,
        "requestedExposureTime": 30.0,
    }
    readout.write_text(
        json.dumps(
            told
            | {
                "additionalKeys": "imageType:groupId",
                "additionalValues": "OBJECT:2020-02-12T23\\:00",
            }
        )
    )
    key = "LSSTCam/20200212/MC_O_20200212_000001/MC_O_20200212_000001_R22_S11.fits"
    one = {"eventTime": "2020-02-12T23:05:00Z", "eventName": "ObjectCreated:Put"} | {
        "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 9}}
    }
    notice.write_text(json.dumps({"Records": [one]}) + "\n")
    return [{"type": "summit", "path": folder}], [readout, notice]


def sql(folder):
    path = folder / "any.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "create table log (path text, at text, outcome text, message text, bytes integer)"
        )
        for number in range(4):
            row = (
                f"a{number}.fits",
                f"2020-02-12 23:0{number}:00",
                ("ok", "error")[number % 2],
                "boom",
                20_000,
            )
            connection.execute("insert into log values (?, ?, ?, ?, ?)", row)
        connection.commit()
    told = {
        "type": "sql",
        "file": path,
        "query": "select path, at, bytes from log where at >= :start and at < :end",
        "feeds": "files",
    }
    told["columns"] = {"path": "path", "created_at": "at", "size_bytes": "bytes"}
    tried = {
        "type": "sql",
        "name": "archive",
        "file": path,
        "query": "select path, at, outcome, message from log",
        "feeds": "ingests",
    }
    tried["columns"] = {
        "path": "path",
        "attempted_at": "at",
        "status": "outcome",
        "message": "message",
    }
    return [told, tried | {"statuses": {"ok": "success", "error": "failure"}}], [path]


ROWS = [
    {
        "time": f"2020-02-12T23:0{n}:00",
        "rh": 40 + n,
        "path": f"a{n}.fits",
        "bytes": 20_000,
        "inner": {"fwhm": 0.7},
    }
    for n in range(4)
]


def table_csv(folder):
    path, packed = folder / "20200212.csv", folder / "20200212.more.csv"
    path.write_text(
        "# weather\ntime,rh,wind\n"
        + "".join(f'{row["time"]},{row["rh"]},"1,234.5"\n' for row in ROWS)
    )
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    told = {
        "type": "table",
        "path": folder / "{night:%Y%m%d}*.csv",
        "feeds": "metrics",
        "columns": {"sampled_at": "time"},
    }
    return [told | {"values": {"humidity": "rh", "wind": "wind"}, "headlines": ["humidity"]}], [
        path,
        packed,
    ]


def table_json(folder):
    path = folder / "files.json"
    path.write_text(json.dumps({"data": {"items": ROWS}}, indent=1))
    told = {"type": "table", "path": path, "feeds": "files", "records": "data.items"}
    return [told | {"columns": {"path": "path", "created_at": "time", "size_bytes": "bytes"}}], [
        path
    ]


def table_jsonl(folder):
    path = folder / "seeing.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    told = {"type": "table", "path": path, "feeds": "metrics", "columns": {"sampled_at": "time"}}
    return [told | {"values": {"seeing": "inner.fwhm", "humidity": "rh"}}], [path]


KINDS = {
    "files": files,
    "gen2": gen2,
    "gen3": gen3_,
    "dbb": dbb,
    "lasair": lasair,
    "lasair, a table": lasair_table,
    "broker_counts": broker_counts,
    "bucket_listing": bucket_listing,
    "fitsstorage_logs": fitsstorage_logs,
    "lwa": lwa,
    "expected": expected,
    "summit": summit,
    "sql": sql,
    "table, CSV": table_csv,
    "table, JSON": table_json,
    "table, JSON lines": table_jsonl,
}


# --- one night, without the edge at which the program catches what nobody foresaw -------------------------------------------


def stream_of(sources, name="s", rule="UTC-12h"):
    """Return a Stream of some sources, as if its settings had been read from a file."""
    described = StreamSettings(night_rule=rule, sources=sources)
    return build_stream(StreamTable(Section("here:", Path("/")), name, name, described, {}))


@contextlib.contextmanager
def unforeseen_raised():
    """Whatever is logged with a traceback inside is raised at the end: what the program catches at its edges, but did not expect."""
    caught = []

    class Keep(logging.Handler):
        def emit(self, record):
            if record.exc_info:
                caught.append(record.exc_info[1])

    handler = Keep()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    if caught:
        raise caught[0]


def one_night(stream, folder, night=NIGHT, now=NOW):
    """Collect and publish a night into `folder`: (Outcome, NightDone). Whatever goes wrong other than a source's own fault is raised."""
    output = Output(folder)
    output.make()
    sources = make_sources(stream, now)
    for source in sources:
        with contextlib.suppress(SourceError):
            source.nights()
    with unforeseen_raised():
        outcome = collect_night(NightTask(stream, sources, Store(output, stream.name), night, now))
    site = make_site("Hostile", [stream], output)
    done = publish_night.publish_night(
        NightJob(site=site, stream=stream, night=night, row=dict(outcome.row), now=now)
    )
    return outcome, done


# --- names ---------------------------------------------------------------------------------------------------------------


def make_names(folder, payloads):
    """A night's folder with all that a file system allows: every byte, every length, pipes, links in circles; how many are files."""
    place = os.fsencode(folder / "storage" / NIGHT.isoformat())
    os.makedirs(place)
    names = [bytes([byte]) * 3 + b".fits" for byte in range(1, 256) if byte not in b"./"]
    names += [
        payload.encode("utf-8", "surrogatepass").replace(b"/", b"\\")[:250] + b".fits"
        for payload in payloads
    ]
    names += [
        b"n" * 250 + b".fits",
        b"\xff" * 255,
        b" ",
        b"-rf",
        b"~",
        b"*",
        b"?",
        b"[",
        b"a" + b" " * 200 + b".fits",
    ]
    names = list(dict.fromkeys(names))
    for name in names:
        with open(os.path.join(place, name), "wb") as file:
            file.truncate(20_000)
    deep = place
    for _ in range(100):
        deep = os.path.join(deep, b"d" * 20)
        os.mkdir(deep)
    with open(os.path.join(deep, b"deepest.fits"), "wb"):
        names.append(deep)
    os.symlink(b"loop2", os.path.join(place, b"loop1"))
    os.symlink(b"loop1", os.path.join(place, b"loop2"))
    os.symlink(b".", os.path.join(place, b"here"))
    os.symlink(b"..", os.path.join(place, b"up"))
    os.symlink(b"x" * 4000, os.path.join(place, b"far"))
    os.mkfifo(os.path.join(place, b"pipe.fits"))
    return len(names)
