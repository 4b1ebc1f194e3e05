"""A small valid input of every kind of source.

`KINDS` maps a name to a function that makes the input below a folder. It returns the sources, as
tables of the settings, and the files that tests may break.
"""

import contextlib
import datetime
import gzip
import json
import sqlite3

import gen3
from breakage import age
from gen2tree import make_night

NIGHT = datetime.date(2020, 2, 12)
NOW = datetime.datetime(2020, 2, 13, 13, tzinfo=datetime.UTC)

DBB = """
create table files (id integer primary key, relpath varchar, filename varchar, checksum varchar,
    size_bytes bigint, added_on timestamp);
create table gen3_file_events (ingest_ver varchar, start_time timestamp, duration timestamp,
    err_message text, status varchar, files_id integer);
"""
LASAIR = """
create table lasair_statistics
    (nid int not null, name varchar(32), value float default 0, primary key (nid, name));
"""
COUNTS = """night,alerts_produced,messages_published,avros_stored
2020-02-11,100,90,
ztf_20200212_programid1,288533,577066,283911
"""
LISTING = (
    "     54321  2020-02-12T06:0{0}:00Z  gs://bucket/ZTF18aamyaaj.113721790101501500{0}"
    ".ztf_20200212_programid1.avro\n"
)
LOG = (
    "2020-02-12 04:32:00,771 28851:copy_from_dhs:41 INFO: "
    "Copying N20200212S0018.fits to /sci/dataflow\n"
    "2020-02-12 04:32:01,771 28851:service_ingest_queue:41 INFO: "
    "Ingesting N20200212S0018.fits - 3 (5 on queue)\n"
    "2020-02-12 04:32:02,771 28851:service_ingest_queue:41 ERROR: String - no\n"
    "Traceback (most recent call last):\n  File x\nKeyError: 'a'\n"
    "2020-02-12 04:32:03,771 28851:service_ingest_queue:41 INFO: Nothing on queue... Waiting\n"
)
SENSORS = {
    "obsId": "MC_O_20200212_000001",
    "expectedSensors": {"R01_S00": "SCIENCE", "R00_SG0": "GUIDER"},
}
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


def files(folder):
    counts = {"ingested": 4, "failed": 1, "not_fits": 1, "small": 1}
    make_night(folder, NIGHT, counts, now=NOW, transfer_log=True)
    log, packed = folder / "rsync.log", folder / "rsync.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes(), mtime=0))
    source = {"type": "files", "path": folder / "storage", "transfer_log": "rsync.log*"}
    return [source], [log, packed]


def gen2(folder):
    make_night(folder, NIGHT, {"ingested": 4, "failed": 1, "missing": 1, "lost": 1}, now=NOW)
    storage = {"type": "files", "path": folder / "storage"}
    repository = {"type": "gen2", "path": folder / "gen2repo"}
    return [storage, repository], [folder / "gen2repo" / "registry.sqlite3"]


def gen3_repository(folder):
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
        connection.executescript(DBB)
        for number in range(1, 6):
            added = f"2020-02-12 23:0{number}:00.000000"
            file = (number, "2020-02-12", f"a{number}.fits", "x", 20000, added)
            connection.execute("insert into files values (?,?,?,?,?,?)", file)
            started, took = f"2020-02-12 23:1{number}:00.000000", "1970-01-01 00:00:02.500000"
            status = ("SUCCESS", "FAILURE")[number % 2]
            event = ("1", started, took, "no <b>dimension</b>", status, number)
            connection.execute("insert into gen3_file_events values (?,?,?,?,?,?)", event)
        connection.commit()
    return [{"type": "dbb", "url": f"sqlite:///{path}"}], [path]


def lasair(folder):
    path = folder / "status_1137.json"
    status = {
        "nid": 1137,
        "update_time": "2020-02-13T03:12:00",
        "today_alert": 1200,
        "today_lsst": 1300,
        "today_filter": 1100,
        "today_filter_out": 80,
        "min_delay": "-1.0",
        "icassandra_0": 10.5,
        "icassandra_1": 100.5,
        "itotal_0": 20.0,
        "a_alerts_produced": 3,
    }
    path.write_text(json.dumps(status, indent=1))
    return [{"type": "lasair", "path": folder}], [path]


def lasair_table(folder):
    path = folder / "lasair.sqlite3"
    numbers = {"today_alert": 120.0, "today_filter": 110.0, "icassandra_0": 12.5, "nid": 1137.0}
    rows = [(1137, name, value) for name, value in numbers.items()]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(LASAIR)
        connection.executemany("insert into lasair_statistics values (?, ?, ?)", rows)
        connection.commit()
    return [{"type": "lasair", "url": f"sqlite:///{path}"}], [path]


def broker_counts(folder):
    path = folder / "counts.csv"
    path.write_text(COUNTS)
    return [{"type": "broker_counts", "path": path}], [path]


def bucket_listing(folder):
    path, packed = folder / "20200212.txt", folder / "20200212b.txt.gz"
    lines = "".join(LISTING.format(n) for n in range(5))
    path.write_text(f"{lines}TOTAL: 5 objects, 271605 bytes (265 KiB)\n")
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return [{"type": "bucket_listing", "path": folder / "{night:%Y%m%d}*"}], [path, packed]


def fitsstorage_logs(folder):
    path, packed = folder / "service_ingest_queue.log", folder / "service_export_queue.log.1.gz"
    path.write_text(LOG)
    text = path.read_bytes().replace(b"Ingesting", b"Exporting").replace(b"28851", b"77")
    packed.write_bytes(gzip.compress(text, mtime=0))
    source = {"type": "fitsstorage_logs", "path": folder, "zone": "Pacific/Honolulu"}
    return [source], [path, packed]


def lwa(folder):
    path = folder / "mon.json"
    rows = {f"drvs{n}/summary": ("normal", "") for n in range(1, 4)}
    rows["drvs1/bifrost/rx_rate"] = (1e8, "B/s")
    rows["drvs1/statistics/avg"] = ([1, 2.5, None], "")
    points = {f"/mon/{key}": _point(*row) for key, row in rows.items()}
    several = {"timestamp": 1581559200.5, "value": [1, 2], "field": ["a", "b"]}
    points["/mon/drvs2/multi"] = several | {"unit": ["s", "B"]}
    points["/mon/drvs2/latest_time_tag"] = _point(310_000_000_000_000_000, "")
    path.write_text(json.dumps(points, indent=1))
    age(path)
    return [{"type": "lwa", "dump": path, "recorders": ["drvs1-3"]}], [path]


def _point(value, unit):
    return {"timestamp": 1581559200.5, "value": value, "unit": unit}


def expected(folder):
    inside = folder / "sensors" / "20200212"
    inside.mkdir(parents=True)
    sensors = inside / "MC_O_20200212_000001_expectedSensors.json"
    sensors.write_text(json.dumps(SENSORS))
    exposures = folder / "exposures.csv"
    exposures.write_text("obsid,when\nMC_O_20200212_000001,1\nMC_O_20200212_000002,2\n")
    source = {"type": "expected", "path": folder / "sensors", "exposures": exposures}
    return [source | {"sequence": True}], [sensors, exposures]


def summit(folder):
    inside = folder / "20200212"
    inside.mkdir(parents=True)
    readout, notice = inside / "readout.json", inside / "notices.jsonl"
    message = {
        "imageName": "MC_O_20200212_000001",
        "imageDate": "20200212",
        "timestampEndOfReadout": 1581559237.5,
        "requestedExposureTime": 30.0,
        "additionalKeys": "imageType:groupId",
        "additionalValues": "OBJECT:2020-02-12T23\\:00",
    }
    readout.write_text(json.dumps(message))
    key = "LSSTCam/20200212/MC_O_20200212_000001/MC_O_20200212_000001_R22_S11.fits"
    record = {
        "eventTime": "2020-02-12T23:05:00Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 9}},
    }
    notice.write_text(json.dumps({"Records": [record]}) + "\n")
    return [{"type": "summit", "path": folder}], [readout, notice]


def notes(folder):
    path = folder / "2020-02-12.md"
    path.write_text("# Night\n23:05 clouds\n- 00:30 clear again\n")
    return [{"type": "notes", "path": folder}], [path]


def sql(folder):
    path = folder / "any.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "create table log (path text, at text, outcome text, message text, bytes integer)"
        )
        for number in range(4):
            at, outcome = f"2020-02-12 23:0{number}:00", ("ok", "error")[number % 2]
            row = (f"a{number}.fits", at, outcome, "boom", 20_000)
            connection.execute("insert into log values (?, ?, ?, ?, ?)", row)
        connection.commit()
    taken = {
        "type": "sql",
        "file": path,
        "query": "select path, at, bytes from log where at >= :start and at < :end",
        "feeds": "files",
        "columns": {"path": "path", "created_at": "at", "size_bytes": "bytes"},
    }
    columns = {"path": "path", "attempted_at": "at", "status": "outcome", "message": "message"}
    archived = {
        "type": "sql",
        "name": "archive",
        "file": path,
        "query": "select path, at, outcome, message from log",
        "feeds": "ingests",
        "columns": columns,
        "statuses": {"ok": "success", "error": "failure"},
    }
    return [taken, archived], [path]


def table_csv(folder):
    path, packed = folder / "20200212.csv", folder / "20200212.more.csv"
    lines = [f'{row["time"]},{row["rh"]},"1,234.5"\n' for row in ROWS]
    path.write_text("".join(["# weather\n", "time,rh,wind\n", *lines]))
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    source = {
        "type": "table",
        "path": folder / "{night:%Y%m%d}*.csv",
        "feeds": "metrics",
        "columns": {"sampled_at": "time"},
        "values": {"humidity": "rh", "wind": "wind"},
        "headlines": ["humidity"],
    }
    return [source], [path, packed]


def table_json(folder):
    path = folder / "files.json"
    path.write_text(json.dumps({"data": {"items": ROWS}}, indent=1))
    columns = {"path": "path", "created_at": "time", "size_bytes": "bytes"}
    source = {"type": "table", "path": path, "feeds": "files", "records": "data.items"}
    return [source | {"columns": columns}], [path]


def table_jsonl(folder):
    path = folder / "seeing.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    source = {"type": "table", "path": path, "feeds": "metrics", "columns": {"sampled_at": "time"}}
    return [source | {"values": {"seeing": "inner.fwhm", "humidity": "rh"}}], [path]


def table_exposures(folder):
    path = folder / "exposures.csv"
    lines = [f"{n},{row['time']},{('ZERO', 'sky')[n % 2]},0.{n}\n" for n, row in enumerate(ROWS)]
    path.write_text("".join(["id,time,kind,fwhm\n", *lines]))
    columns = {"exposure": "id", "started_at": "time", "observation_type": "kind"}
    source = {"type": "table", "path": path, "feeds": "exposures", "columns": columns}
    return [source | {"measures": {"seeing": "fwhm"}}], [path]


KINDS = {
    "files": files,
    "gen2": gen2,
    "gen3": gen3_repository,
    "dbb": dbb,
    "lasair": lasair,
    "lasair, a table": lasair_table,
    "broker_counts": broker_counts,
    "bucket_listing": bucket_listing,
    "fitsstorage_logs": fitsstorage_logs,
    "lwa": lwa,
    "expected": expected,
    "summit": summit,
    "notes": notes,
    "sql": sql,
    "table, CSV": table_csv,
    "table, JSON": table_json,
    "table, JSON lines": table_jsonl,
    "table, exposures": table_exposures,
}
