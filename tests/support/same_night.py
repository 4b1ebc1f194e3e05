"""One night as each kind of source reports it.

Exposure 1 has nine images, exposure 2 has three, exposure 3 was read out and never came. All
images of exposure 1 and the first of exposure 2 were ingested, the second failed, the third was
never tried. Two alerts lie beside them.
"""

import contextlib
import csv
import datetime
import json
import sqlite3
from dataclasses import dataclass

import fitsdata
import gen3
from gen2tree import make_night
from small_inputs import DBB

from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import source_class

NIGHT = datetime.date(2020, 2, 12)
NOW = datetime.datetime(2020, 2, 14, 6, tzinfo=datetime.UTC)
DAY = "20200212"
OBSIDS = [f"CC_O_{DAY}_{number:06d}" for number in (1, 2, 3)]
SENSORS = [f"S{row}{column}" for row in range(3) for column in range(3)]
IMAGES = [f"{OBSIDS[0]}_R22_{sensor}.fits" for sensor in SENSORS]
IMAGES += [f"{OBSIDS[1]}_R22_{sensor}.fits" for sensor in SENSORS[:3]]
INGESTED, FAILED, UNTRIED = IMAGES[:10], IMAGES[10], IMAGES[11]
ALERTS = [f"ZTF18aamyaaj.113721790101501500{number}.ztf_{DAY}_programid1.avro" for number in (0, 1)]
STARTED = datetime.datetime(2020, 2, 12, 23, tzinfo=datetime.UTC)


def at(name):
    """Return when a file was made."""
    return STARTED + datetime.timedelta(seconds=15 * (*IMAGES, *ALERTS).index(name))


@dataclass(frozen=True)
class Says:
    """Facts that a source reports.

    `files` are the names that it lists or mentions. `tried` maps a name to the outcome of its
    ingest; None if the source reports no ingests. `has_exposures` is true if it knows the exposure
    of each image.
    """

    files: frozenset
    tried: dict | None = None
    has_exposures: bool = True
    n_missing_exposures: int = 0


DONE = dict.fromkeys(INGESTED, "success")
SAYS = {
    "files": Says(frozenset([*IMAGES, *ALERTS])),
    "gen2": Says(frozenset(INGESTED), DONE),
    "gen3": Says(frozenset(INGESTED), DONE),
    "dbb": Says(frozenset(IMAGES), DONE | {FAILED: "failure", UNTRIED: "untried"}),
    "fitsstorage": Says(frozenset(INGESTED), DONE, has_exposures=False),
    "fitsstorage_logs": Says(frozenset([*INGESTED, FAILED]), DONE | {FAILED: "failure"}, False),
    "bucket_listing": Says(frozenset(ALERTS)),
    "summit": Says(frozenset(IMAGES), n_missing_exposures=1),
    "expected": Says(frozenset(), n_missing_exposures=1),
    "sql": Says(frozenset([*IMAGES, *ALERTS])),
    "table": Says(frozenset([*INGESTED, FAILED]), DONE | {FAILED: "failure"}, False),
}


def make_sources(folder, database):
    """Write each source's input; return the sources.

    `database` is an empty one of FitsStorage, as `fitsdata.made_database` makes it.
    """
    make_night(folder, NIGHT, {"ingested": len(INGESTED), "missing": 2}, now=NOW, camera="comCam")
    for name in ALERTS:
        (folder / "storage" / str(NIGHT) / name).write_bytes(b"Obj" * 100)
    made = {
        "files": {"path": folder / "storage"},
        "gen2": {"path": folder / "gen2repo"},
        "gen3": {"path": _gen3(folder)},
        "dbb": {"url": f"sqlite:///{_dbb(folder)}"},
        "fitsstorage": {"url": _fitsstorage(database), "zone": "UTC"},
        "fitsstorage_logs": {"path": _logs(folder)},
        "bucket_listing": {"path": _listing(folder)},
        "summit": {"path": _messages(folder)},
        "expected": {"exposures": _exposures(folder)},
        "sql": {
            "file": _log_database(folder),
            "query": "select path, at, bytes from log where at >= :start and at < :end",
            "feeds": "files",
            "columns": {"path": "path", "created_at": "at", "size_bytes": "bytes"},
        },
        "table": {
            "path": _table(folder),
            "feeds": "ingests",
            "columns": {"path": "file", "attempted_at": "time", "status": "result"},
            "stages": ["ingest"],
            "statuses": {"done": "success", "no": "failure"},
        },
    }
    asked = Asked("camera", NightRule(), NOW)
    sources = {}
    for name, settings in made.items():
        kind = source_class(name)
        sources[name] = kind(kind.Settings(**settings), asked)
        sources[name].name = name
    return sources


class Raw(gen3.Raw):
    """A raw of this camera."""

    @property
    def obsid(self):
        """The exposure's name."""
        return OBSIDS[self.seq_num - 1]


def _gen3(folder):
    registry = folder / "gen3repo" / "gen3.sqlite3"
    registry.parent.mkdir()
    (registry.parent / "butler.yaml").write_text(gen3.BUTLER_YAML)
    later = datetime.timedelta(seconds=90)
    raws = [
        Raw(NIGHT, 1 + number // 9, number % 9, at(name), at(name), at(name) + later)
        for number, name in enumerate(INGESTED)
    ]
    with gen3.open_registry(registry) as connection:
        gen3.register(connection, folder / "storage", raws)
    return registry.parent


def _dbb(folder):
    path = folder / "dbb.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(DBB)
        for number, name in enumerate(IMAGES, 1):
            added = f"{at(name):%Y-%m-%d %H:%M:%S.000000}"
            connection.execute(
                "insert into files values (?,?,?,?,?,?)",
                (number, str(NIGHT), name, "x", 20_000, added),
            )
            if name != UNTRIED:
                status = "FAILURE" if name == FAILED else "SUCCESS"
                started = f"{at(name) + datetime.timedelta(minutes=1):%Y-%m-%d %H:%M:%S.000000}"
                took = "1970-01-01 00:00:02.500000"
                connection.execute(
                    "insert into gen3_file_events values (?,?,?,?,?,?)",
                    ("1", started, took, "", status, number),
                )
        connection.commit()
    return path


def _fitsstorage(database):
    for number, name in enumerate(INGESTED, 1):
        entered = at(name) + datetime.timedelta(minutes=2)
        fitsdata.put_file(database, number, name, f"{entered:%Y-%m-%d %H:%M:%S+00}")
    return database.url


def _logs(folder):
    logs = folder / "logs"
    logs.mkdir()
    lines, who = [], "28851:service_ingest_queue:41"
    for name in [*INGESTED, FAILED]:
        for seconds, words in (
            (60, f"INFO: Ingesting {name} - 3 (5 on queue)"),
            (61, "ERROR: String - no" if name == FAILED else "INFO: Pass complete"),
        ):
            when = at(name) + datetime.timedelta(seconds=seconds)
            lines.append((when, f"{when:%Y-%m-%d %H:%M:%S},000 {who} {words}"))
    lines.append((when, f"{when:%Y-%m-%d %H:%M:%S},900 {who} INFO: Nothing on queue... Waiting"))
    text = "\n".join(line for _, line in sorted(lines, key=lambda pair: pair[0]))
    (logs / "service_ingest_queue.log").write_text(text + "\n")
    return logs


def _listing(folder):
    path = folder / "listing.txt"
    path.write_text("".join(f"gs://bucket/{name}\n" for name in ALERTS))
    return path


def _messages(folder):
    inside = folder / "messages" / DAY
    inside.mkdir(parents=True)
    messages = []
    for number, obsid in enumerate(OBSIDS, 1):
        ended = STARTED + datetime.timedelta(minutes=number)
        messages.append(
            {
                "imageName": obsid,
                "imageDate": DAY,
                "timestampEndOfReadout": ended.timestamp() + 37,
            }
        )
    for name in IMAGES:
        key = f"ComCam/{DAY}/{name[:20]}/{name}"
        described = {"bucket": {"name": "b"}, "object": {"key": key, "size": 20_000}}
        record = {
            "eventTime": f"{at(name):%Y-%m-%dT%H:%M:%SZ}",
            "eventName": "ObjectCreated:Put",
            "s3": described,
        }
        messages.append({"Records": [record]})
    (inside / "messages.jsonl").write_text("\n".join(map(json.dumps, messages)))
    return inside.parent


def _exposures(folder):
    path = folder / "exposures.txt"
    path.write_text("\n".join(OBSIDS) + "\n")
    return path


def _log_database(folder):
    path = folder / "log.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table log (path text, at text, bytes integer)")
        for name in [*IMAGES, *ALERTS]:
            row = (f"data/{name}", f"{at(name):%Y-%m-%d %H:%M:%S}", 20_000)
            connection.execute("insert into log values (?, ?, ?)", row)
        connection.commit()
    return path


def _table(folder):
    path = folder / "archive.csv"
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "time", "result"])
        for name in [*INGESTED, FAILED]:
            when = at(name) + datetime.timedelta(minutes=3)
            result = "no" if name == FAILED else "done"
            rows.writerow([name, f"{when:%Y-%m-%dT%H:%M:%SZ}", result])
    return path
