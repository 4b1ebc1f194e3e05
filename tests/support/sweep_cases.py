"""Changes of each setting, or why there is none.

A setting of a source that only says how the source reads is in `READING`. The next run that
collects then reads anew; publishing does not change the store.
"""

import datetime
from dataclasses import dataclass, field

from support.observatory import DROP, LAST, WEATHER, camera, of_input_dir
from support.observatory_kinds import DOME, KINDS, LIMIT, of_exposures, of_kind
from support.observatory_tonight import of_tonight


@dataclass(frozen=True)
class Case:
    """One setting changed in one observatory."""

    table: str  # as `known_settings.tables` names it
    setting: str
    where: str  # a key of OBSERVATORIES
    changes: dict  # as `observatory.changed` takes them
    files: dict = field(default_factory=dict)  # written beside the settings file: name -> text
    note: str = ""  # tells two cases of one setting apart
    leftovers: str = ""  # a pattern of the files that may stay, though nothing makes them any more

    @property
    def id(self):
        return ".".join(filter(None, (self.table.replace(" ", "-"), self.setting, self.note)))


OBSERVATORIES = {
    "camera": camera,
    "camera of tonight": of_tonight,
    "input_dir": of_input_dir,
    "exposures": of_exposures,
    **{kind: (lambda kind=kind: of_kind(kind)) for kind in KINDS},
}

KNOWN = """
- night: 2021-02-16
  pattern: AT_O_20210216_000002
  reason: shutter test
"""
KNOWN_OF_ANOTHER = KNOWN.replace("000002", "000004").replace("shutter", "focus")
_IT = "streams.one.sources.it"
COUNTS = ["alerts_produced", "avros_stored"]


def _site(setting, value, **more):
    return Case(
        "observing_monitor", setting, "camera", {f"observing_monitor.{setting}": value}, **more
    )


def _stream(setting, value, **more):
    return Case("streams", setting, "camera", {f"streams.camera.{setting}": value}, **more)


def _from(setting, **values):
    changes = {"streams.camera.from": [{"night": datetime.date.fromisoformat(LAST), **values}]}
    return Case("from", setting, "camera", changes)


def _source(kind, setting, value, where="", **more):
    return Case(kind, setting, where or kind, {f"{_IT}.{setting}": value}, **more)


def _sources(kind, where="", **values):
    return [_source(kind, setting, value, where) for setting, value in values.items()]


_OF_FILES = {
    f"{_IT}.feeds": "files",
    f"{_IT}.columns": {"created_at": "at", "path": "path"},
    f"{_IT}.constants": {"kind": "fits"},
}

# other values of each setting of a limit
OF_LIMIT = (
    ("measure", "wind"),
    ("types", ["bias"]),
    ("filters", ["r"]),
    ("error_below", 0.6),
    ("warning_below", 0.6),
    ("warning_above", 2),
    ("error_above", 2),
)

SWEPT = [
    # --- of the site ---
    _site("title", "Another observatory"),
    _site("site_url", "https://night.example/site"),
    _site("redact", ["/gone/storage"]),
    _site("redact", ["DATE-OBS"], note="in a finding"),
    _site("known_issues", "issues.yaml", files={"issues.yaml": KNOWN}),
    Case("known.yaml", "known.yaml", "camera", {}, files={"known.yaml": KNOWN}),
    # --- of a stream ---
    _stream("title", "Another camera"),
    _stream("night_rule", "UTC"),
    _stream("pending_limit_s", 3e9),
    _stream("small_bytes", 3_000_000),
    _stream("last_stage", "archive"),
    _stream("ignore", ["*_000004.fits"]),
    _stream("delay_warning_s", 60),
    *(
        Case("streams", setting, "camera of tonight", {f"streams.one.{setting}": 600})
        for setting in ("quiet_warning_s", "quiet_error_s")
    ),
    _stream("stale_after_s", 600),
    _stream("stale_after_s", 86_400, note="of one of two streams"),
    Case(
        "streams",
        "stale_after_s",
        "camera",
        {f"streams.{name}.stale_after_s": 86_400 for name in ("camera", "weather")},
        note="of all streams",
    ),
    _stream("prototype_urls", True, leftovers="*_gen?.html"),
    _stream("prototype_urls", "latiss", note="another folder", leftovers="latiss/*"),
    _stream("latitude_deg", 19.8238),
    _stream("longitude_deg", -155.4691),
    _stream("timezone", "Pacific/Honolulu"),
    *(
        Case("streams", setting, "exposures", {f"streams.one.{setting}": value}, note=note)
        for setting, value, note in (
            ("twilight_deg", 18, ""),
            ("gap_min_s", 900, ""),
            ("readout_s", 5, ""),
            ("timeline", ["seeing"], ""),
            ("timeline", ["weather/humidity"], "of another stream"),
            ("measure_limits", [], ""),
            ("image_quality", "seeing", ""),
            ("dome", {}, ""),
            ("hide", ["ra_deg"], ""),
        )
    ),
    *(
        Case(table, setting, "exposures", {f"streams.one.{table}": value})
        for table, setting, value in (
            *(("measure_limits", name, [{**LIMIT, name: value}]) for name, value in OF_LIMIT),
            ("dome", "metric", {**DOME, "metric": "seeing"}),
            ("dome", "closed", {**DOME, "closed": [40]}),
        )
    ),
    *(
        Case(
            "streams",
            setting,
            "exposures",
            {"streams.one.hide": ["ra_deg"], f"streams.one.{setting}": value},
        )
        for setting, value in (("hide_until", 1200), ("hide_programs", ["X*"]))
    ),
    Case("streams", "input_dir", "input_dir", {"streams.one.input_dir": "/elsewhere"}),
    Case("streams", "gen", "input_dir", {"streams.one.gen": 3}),
    _stream("sources", [{"type": "files", "name": "files", "path": "/gone/storage"}]),
    # --- of a stream from a night on ---
    Case(
        "from",
        "night",
        "camera",
        {"streams.camera.from": [{"night": datetime.date(2021, 1, 1), "pending_limit_s": 3e9}]},
    ),
    _from("pending_limit_s", pending_limit_s=3e9),
    _from("small_bytes", small_bytes=3_000_000),
    _from("ignore", ignore=["*_000004.fits"]),
    _from("delay_warning_s", delay_warning_s=60),
    _from("last_stage", last_stage="archive"),
    *(
        Case(
            "from",
            setting,
            "exposures",
            {"streams.one.from": [{"night": datetime.date(2021, 2, 1), setting: value}]},
        )
        for setting, value in (
            ("twilight_deg", 18),
            ("gap_min_s", 900),
            ("readout_s", 5),
            ("timeline", ["seeing"]),
            ("measure_limits", []),
            ("dome", {}),
        )
    ),
    *(
        Case(
            "from",
            setting,
            "camera of tonight",
            {"streams.one.from": [{"night": datetime.date(2021, 2, 1), setting: 600}]},
        )
        for setting in ("quiet_warning_s", "quiet_error_s")
    ),
    _from("sources", sources={"expected": {"detectors": ["0", "1"]}}),
    # --- of every source ---
    Case("every source", "name", "camera", {"streams.camera.sources.gen2.name": "repository"}),
    Case("every source", "type", "camera", {"streams.camera.sources.gen2.type": "gen3"}),
    # --- of one kind of source ---
    *_sources("files", path="/gone/elsewhere", optional=True),
    *_sources("objects", path="s3://night/elsewhere", optional=True),
    *_sources("gen2", path="/gone/elsewhere"),
    *_sources("gen3", path="/gone/elsewhere", url="postgresql://me@db.example/registry"),
    *_sources(
        "dbb", url="postgresql://me@new.example/dbb", prefix="obs_", gen=2, stage="registration"
    ),
    *_sources(
        "fitsstorage",
        url="postgresql://me@new.example/fits",
        queues=["ingest", "preview"],
        wait_warning_s=86_400,
    ),
    *_sources("fitsstorage_logs", path="/gone/elsewhere", pattern="*.txt"),
    *_sources(
        "expected",
        path="/gone/sensors",
        exposures="/gone/list.csv",
        detectors=["0"],
        called="sub-bands",
        sequence=False,
        first=-3,
        n_files=20,
        n_exposures=20,
        detectors_by_type={"science": 0},
        n_exposures_by_type={"bias": 20},
        kinds=["txt"],
        level="error",
        max_named=1,
    ),
    *_sources("expected", "expected of tonight", wait_s=60),
    *_sources("summit", "summit of tonight", wait_s=86_400),
    *_sources("notes", path="/gone/elsewhere"),
    *_sources("summit", path="/gone/elsewhere", kinds=["txt"], level="error"),
    *_sources("lasair", count_tolerance=0.05, node_ratio=9, node_min_s=99),
    Case(
        "lasair",
        "path",
        "lasair",
        {f"{_IT}.path": "/gone/elsewhere"},
    ),
    Case(
        "lasair",
        "url",
        "lasair",
        {
            f"{_IT}.path": DROP,
            f"{_IT}.url": "mysql://me@db.example/lasair",
        },
    ),
    *_sources(
        "lwa",
        dump="/gone/elsewhere.json",
        recorders=["drvs1-2"],
        silent_after_s=10,
        levels={"error": "warning", "warning": "error", "normal": "warning"},
        no_file_after_s=0,
    ),
    Case(
        "lwa",
        "url",
        "lwa",
        {
            f"{_IT}.dump": DROP,
            f"{_IT}.url": "http://etcd.example:2379",
        },
    ),
    *_sources(
        "broker_counts",
        path="/gone/elsewhere.csv",
        counts=COUNTS,
        columns={"alerts_produced": "alerts"},
        aggregate={"alerts_produced": "count"},
        error_below=0.2,
        warning_below=0.9,
        twice_above=0.5,
    ),
    *_sources(
        "bucket_listing",
        path="/gone/elsewhere.txt",
        metric="alerts_produced",
        list_files=False,
        aggregate={"avros_stored": "count"},
        counts=COUNTS,
        error_below=0.2,
        warning_below=0.9,
        twice_above=0.5,
    ),
    *(
        case
        for kind in ("table", "sql")
        for case in _sources(
            kind,
            headlines=["alerts_produced"],
            aggregate={"rain": "count"},
            counts=COUNTS,
            error_below=0.2,
            warning_below=0.9,
            twice_above=0.5,
        )
    ),
    *_sources("table", path="/gone/elsewhere.csv"),
    *_sources("sql", file="/gone/elsewhere.sqlite3"),
    Case(
        "sql",
        "url",
        "sql",
        {
            f"{_IT}.file": DROP,
            f"{_IT}.url": "postgresql://me@db.example/log",
        },
    ),
    *(
        _source(kind, "stages", ["registration"], f"{kind} of attempts")
        for kind in ("table", "sql")
    ),
    *(Case(kind, "feeds", f"{kind} of attempts", dict(_OF_FILES)) for kind in ("table", "sql")),
]

# What only says how a source reads, and another value for it.
MAPPED = {
    "columns": {"sampled_at": "at"},
    "constants": {"unit": "mm"},
    "values": {"rain": "rainfall"},
    "units": {"rain": "mm"},
    "night_column": "date",
    "night_format": "nid",
    "time_format": "unix",
    "zone": "TAI",
    "statuses": {"ok": "success"},
    "missing": [-99],
    "types": {"zero": "bias"},
    "levels": {"hot": "urgent"},
    "flags": {"trash": "junk"},
    "time_lost_types": {"rain": "weather"},
    "time_lost_unit": "h",
}
# of rows that are exposures, which those of these observatories are not
OF_EXPOSURES = {"table": ("measures",), "sql": ("measures",)}
DATABASE = {"password_env": "PASSWORD", "timeout_s": 5}
NAMES = r"(?P<exposure>\w+)"
RAW = r"(?P<exposure>\d+)-det(?P<detector>\d+)"
READING = {
    "files": {
        "skip": ["*.part"],
        "whole_folders": ["*.ms"],
        "name_pattern": NAMES,
        "transfer_log": "rsync.log",
        "transfer_log_zone": "America/Santiago",
        "transfer_log_prefix": "storage",
        "headers": True,
        "headers_s": 20,
        "types": {"zero": "bias"},
    },
    "objects": {
        "skip": ["*.part"],
        "name_pattern": NAMES,
        "storage": {"region": "eu-central-1"},
    },
    "gen2": {"query_links": True, "raw_pattern": RAW, "zone": "UTC"},
    "gen3": {"instrument": "LATISS", "dataset_type": "raws", **DATABASE},
    "dbb": {"timezone": "America/Santiago", "name_pattern": NAMES, **DATABASE},
    "fitsstorage": {
        "zone": "America/Santiago",
        "files": False,
        "stuck_after_s": 60,
        **DATABASE,
    },
    "fitsstorage_logs": {"zone": "America/Santiago"},
    "expected": {"sensors_pattern": "*.json", "sensor_types": ["SCIENCE"], "column": "name"},
    "summit": {"endings": [".txt"]},
    "notes": {"zone": "America/Santiago"},
    "lasair": {"table": "statistics", "zone": "America/Santiago", **DATABASE},
    "lwa": {
        "points": ["summary"],
        "dump_late_after_s": 60,
        "user": "",
        "max_image_bytes": 1000,
        **DATABASE,
    },
    "broker_counts": {
        "night_column": "date",
        "night_pattern": r"(?P<night>\d+)",
        "separator": ";",
        "comment": "%",
        "missing": [-99],
    },
    "bucket_listing": {},
    "table": {"format": "csv", "separator": ";", "comment": "%", "records": "data", **MAPPED},
    "sql": {
        "query": "select 1 where :night = night",
        "look_query": "select 1",
        "nights_query": "select 1",
        **MAPPED,
        **DATABASE,
    },
}
EVERY_SOURCE = {"time_limit_s": 5}

# Settings that affect neither judging nor pages, and why.
ONE_STREAM = "describes the stream of a command line that names no settings file"
WHICH_NIGHTS = "says which nights a run looks at; publishing makes the pages of all that are stored"
HOW_READ = "says how a source reads"
AGE = "says what `prune` removes; nothing is removed before"
TOLD = "says who is told of a change, and how; no page shows it"
NOT_SWEPT = {
    "observing_monitor": {
        "output_dir": "says where pages are written; elsewhere they are made anew",
        "store_dir": "says where the store is; another store has other nights",
        **dict.fromkeys(
            (
                "input_dir",
                "gen",
                "query_links",
                "stream",
                "night_rule",
                "pending_limit_s",
                "time_limit_s",
            ),
            ONE_STREAM,
        ),
        **dict.fromkeys(("num_days", "first_day", "last_day"), WHICH_NIGHTS),
        "database": "says what `import-prototype` takes over",
        **dict.fromkeys(("keep_pages_days", "keep_tables_days", "keep_previews_days"), AGE),
        "prometheus_file": "names a file outside of the site, which every run writes",
        "full": "says how closely sources are looked at",
        "jobs": "says in how many processes pages are made",
        "max_run_s": "says when a run ends; the next one goes on",
        "verbose": "says what is printed",
        "log_file": "names a file outside of the site, to which every run adds a line",
        "scheduler": "says where pages are made",
    },
    "streams": {
        "query_links": HOW_READ,
        "transfer_log": HOW_READ,
        "transfer_log_zone": HOW_READ,
        "transfer_log_prefix": HOW_READ,
        "time_limit_s": HOW_READ,
        "max_line_bytes": HOW_READ,
        "max_record_bytes": HOW_READ,
        "max_unpacked_bytes": HOW_READ,
        "previews": "is swept by tests of its own, with real images",
        **dict.fromkeys(("keep_pages_days", "keep_tables_days", "keep_previews_days"), AGE),
        "notify": TOLD,
    },
    "previews": dict.fromkeys(
        ("size", "most", "seconds", "folders"),
        "says which pictures a run that collects makes; publishing makes none",
    ),
    "storage": dict.fromkeys(
        ("endpoint_url", "region", "profile", "anonymous", "options"),
        "says how an object store is reached",
    ),
    "notify command": dict.fromkeys(("of", "when", "timeout_s", "command", "folder"), TOLD),
    "notify mail": dict.fromkeys(
        (
            "of",
            "when",
            "timeout_s",
            "to",
            "sender",
            "server",
            "port",
            "security",
            "user",
            "password_env",
            "password_file",
            "sendmail",
        ),
        TOLD,
    ),
    "notify webhook": dict.fromkeys(
        ("of", "when", "timeout_s", "url", "url_env", "url_file", "token_env", "token_file"), TOLD
    ),
    **{
        kind: dict.fromkeys([*settings, *OF_EXPOSURES.get(kind, ()), *EVERY_SOURCE], HOW_READ)
        for kind, settings in READING.items()
    },
}

# Changes that are of no single setting.
_ORDER = {"streams": {"weather": WEATHER, "camera": camera().settings["streams"]["camera"]}}
_NEW = {"title": "New", "sources": [{"type": "files", "name": "files", "path": "/gone/new"}]}
_MORE = [*camera().settings["streams"]["camera"]["sources"], {"type": "lwa", "dump": "/gone/mon"}]
OTHER_CHANGES = [
    Case("other", "another order of streams", "camera", _ORDER),
    Case("other", "a stream more", "camera", {"streams.new": _NEW}, leftovers="new/*"),
    Case("other", "a stream less", "camera", {"streams.weather": DROP}, leftovers="weather/*"),
    Case("other", "a source more", "camera", {"streams.camera.sources": _MORE}),
]
