"""One small observatory for each kind of source."""

from support.observatory import (
    FIRST,
    LAST,
    attempt_row,
    beside_weather,
    file_row,
    images,
    metric_row,
)

COUNTED = ("alerts_produced", "messages_published")
MAPPED = {"columns": {"sampled_at": "time"}, "night_column": "night", "values": {"rain": "rain"}}
ATTEMPTED = {
    "feeds": "ingests",
    "columns": {"attempted_at": "at", "path": "path", "status": "status"},
    "constants": {"stage": "archive"},
    "stages": ["archive"],
}


def _metrics(*rows):
    return {"metrics": list(rows)}


def _files():
    return {"files": [*images(FIRST), file_row("notes.txt", FIRST)]}


def _exposures():
    """Return exposures of the night, of two types."""
    names = [row["obsid"] for row in images(FIRST)]
    types = ("science", "science", "bias", "bias")
    rows = zip(names, types, strict=True)
    return {"exposures": [{"obsid": name, "observation_type": type_} for name, type_ in rows]}


def _attempts(stage="ingest"):
    first, second, *_ = images(FIRST)
    failed = attempt_row(second, stage, "failure", message="ValueError: no date")
    return {"attempts": [attempt_row(first, stage), failed]}


def _counts(*names):
    """Return counts 100, 95, 30 and 3 by name."""
    numbers = zip(names, (100, 95, 30, 3), strict=False)
    return _metrics(*(metric_row(name, number, FIRST) for name, number in numbers))


def _as_of(state):
    return metric_row("expected_as_of", None, FIRST, text=state, at="23:50:00")


def _expected(state="over"):
    """Return lists of sensors and exposures, one missing."""
    names = [row["obsid"] for row in images(FIRST, (1, 2, 3, 9))]
    sensors = (
        metric_row("expected_detectors", 2, FIRST, node=name, text="0\n1") for name in names[:2]
    )
    listed = metric_row("expected_exposures", 4, FIRST, text="\n".join(names))
    return _metrics(_as_of(state), *sensors, listed)


def _summit(state="over"):
    rows = images(FIRST, (1, 2, 3, 9))
    names = [row["obsid"] for row in rows]
    readouts = (
        metric_row("expected_exposures", 30, FIRST, node=name, text=name, at="23:00:00")
        for name in names
    )
    return {"files": rows[:2], **_metrics(_as_of(state), *readouts)}


def _fitsstorage():
    first, second, third, _ = rows = images(FIRST)
    waiting = attempt_row(third, "export", "waiting")
    failed = attempt_row(second, "preview", "failure", message="no pixels")
    queues = [
        metric_row("queue_waiting", 1, FIRST, node="export"),
        metric_row("queue_oldest_s", 7200, FIRST, node="export", unit="s"),
    ]
    return {"files": rows, "attempts": [attempt_row(first), waiting, failed], "metrics": queues}


def _lasair():
    counts = {"today_lsst": 1000, "today_alert": 980, "diaSource": 2000, "diaSourceDB": 2000}
    timers = {"0": 9, "1": 10, "2": 11, "3": 45}
    return _metrics(
        *(metric_row(name, number, FIRST) for name, number in counts.items()),
        *(metric_row("icassandra", s, FIRST, node=node, unit="s") for node, s in timers.items()),
    )


def _lwa():
    said = {"drvs1": "23:29:50", "drvs2": "23:28:40", "drvs3": "23:20:00"}
    return _metrics(
        metric_row("bands_silent", 1, FIRST, node="drvs"),
        *(
            metric_row("summary", None, FIRST, node=band, text="normal", at=at)
            for band, at in said.items()
        ),
        metric_row("op-type", None, FIRST, node="drvs1", text="recording", at="19:00:00"),
        *(
            metric_row("storage/active_directory_count", 7, FIRST, node="drvs1", at=at)
            for at in ("19:00:00", "23:00:00")
        ),
    )


_SQL = {"file": "/gone/all.sqlite3", "query": "select * from log where night = :night"}
_OF_LISTING = {"path": "/gone/listing.txt", "counts": [*COUNTED, "avros_stored"]}
_BROKER = {"counts": [*COUNTED, "avros_stored"], "path": "/gone/counts.csv"}
_MAPPED_COUNTS = {**MAPPED, "headlines": ["rain"], "counts": [*COUNTED, "avros_stored"]}

# of the observatory of exposures
LIMIT = {"measure": "seeing", "warning_above": 1}
DOME = {"metric": "weather/humidity", "closed": [55]}
# kind -> the source's settings, what it says of a night, the stages it tells of
KINDS = {
    "files": ({"path": "/gone/storage"}, _files(), []),
    "objects": ({"type": "files", "path": "s3://night/storage"}, _files(), []),
    "gen2": ({"path": "/gone/gen2repo"}, _attempts(), ["ingest"]),
    "gen3": ({"path": "/gone/gen3repo"}, _attempts(), ["ingest"]),
    "dbb": ({"url": "postgresql://me@db.example/dbb"}, _attempts(), ["ingest"]),
    "fitsstorage": ({"url": "postgresql://me@db.example/fits"}, _fitsstorage(), ["ingest"]),
    "fitsstorage_logs": ({"path": "/gone/logs"}, _attempts(), ["ingest"]),
    "expected": ({"sequence": True, "detectors": ["0", "1"]}, _expected(), []),
    "summit": ({"path": "/gone/summit"}, _summit(), []),
    "notes": ({"path": "/gone/notes"}, {}, []),
    "lasair": ({"path": "/gone/lasair"}, _lasair(), []),
    "lwa": ({"dump": "/gone/mon.json", "recorders": ["drvs1-3"]}, _lwa(), []),
    "broker_counts": (_BROKER, _counts(*_BROKER["counts"]), []),
    "bucket_listing": (_OF_LISTING, _files() | _counts(*_OF_LISTING["counts"]), []),
    "table": (
        {"path": "/gone/table.csv", **_MAPPED_COUNTS},
        _counts(*_BROKER["counts"], "rain"),
        [],
    ),
    "sql": ({**_SQL, **_MAPPED_COUNTS}, _counts(*_BROKER["counts"], "rain"), []),
    "expected of tonight": (
        {"type": "expected", "sequence": True, "detectors": ["0", "1"]},
        _expected("open"),
        [],
    ),
    "summit of tonight": ({"type": "summit", "path": "/gone/summit"}, _summit("open"), []),
    "table of attempts": (
        {"type": "table", "path": "/gone/table.csv", **ATTEMPTED},
        _attempts("archive"),
        ["archive"],
    ),
    "sql of attempts": ({"type": "sql", **_SQL, **ATTEMPTED}, _attempts("archive"), ["archive"]),
}


def of_kind(kind):
    """Return a stream of one source, and a weather station."""
    settings, said, stages = KINDS[kind]
    sources, all_said = [{"type": kind, **settings, "name": "it"}], {"it": said}
    if settings.get("type", kind) == "expected":
        sources.append({"type": "files", "name": "files", "path": "/gone/storage"})
        all_said["files"] = _files() | _exposures()
    return beside_weather({"sources": sources}, all_said, {"it": stages})


def of_exposures():
    """Return a telescope: a gap, a bad seeing, a closed dome."""
    starts = ("01:00", "01:11", "01:12", "03:00", "08:50")
    rows = [
        {
            "exposure": f"E{number}",
            "observation_type": "science",
            "started_at": f"{LAST}T{start}:00+00:00",
            "ended_at": f"{LAST}T{start}:50+00:00",
            "exposure_time_s": 50.0,
            "ra_deg": 80.0 + number,
            "dec_deg": -30.0,
        }
        for number, start in enumerate(starts)
    ]
    seeing = [
        {**metric_row("seeing", 0.5 + n, LAST, at=f"0{n + 1}:30:00"), "exposure": f"E{n}"}
        for n in range(3)
    ]
    source = {
        "type": "table",
        "path": "/gone/table.csv",
        "name": "it",
        "feeds": "exposures",
        "columns": {"exposure": "name", "started_at": "at"},
    }
    stream = {
        "latitude_deg": -30.24,
        "longitude_deg": -70.74,
        "measure_limits": [LIMIT],
        "dome": DOME,
        "sources": [source],
    }
    return beside_weather(stream, {"it": {"exposures": rows, "metrics": seeing}})
