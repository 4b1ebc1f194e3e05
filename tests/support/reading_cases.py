"""Another value for each setting that affects reading.

The inputs are those of `small_inputs`. A case changes settings of the stream or of its sources.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingCase:
    """Settings changed in one small input."""

    kind: str  # a key of `small_inputs.KINDS`
    changes: dict  # of a source
    source: int = 0  # its number
    rule: str = "UTC-12h"  # the stream's night_rule with the change

    @property
    def id(self):
        rule = {} if self.rule == "UTC-12h" else {"night_rule": self.rule}
        return f"{self.kind}: {', '.join([*rule, *self.changes])}".replace(" ", "-")


NAMES = r"(?P<exposure>\w+)\."
IN_THE_FOLDER = r"(?P<obsid>\w{4})"

ANOTHER_PATH = {"columns": {"path": "message", "attempted_at": "at", "status": "outcome"}}

CASES = [
    ReadingCase("files", {"transfer_log": ""}),
    ReadingCase("files", {"transfer_log_zone": "America/Santiago"}),
    ReadingCase("files", {"skip": ["*_000001*", "*.txt"]}),
    ReadingCase("files", {"name_pattern": IN_THE_FOLDER}),
    ReadingCase("files", {"whole_folders": ["2020-02-12"]}),
    ReadingCase("files", {"headers": True, "types": {"zero": "bias"}}),
    ReadingCase("gen2", {"raw_pattern": r"(?P<exposure>\d{3})\d*-det(?P<detector>\d+)"}, 1),
    ReadingCase("gen2", {"zone": "America/Santiago"}, 1),
    ReadingCase("gen2", {"skip": ["*000002*"]}),
    ReadingCase("gen3", {"dataset_type": "raws"}),
    ReadingCase("dbb", {"timezone": "America/Santiago"}),
    ReadingCase("dbb", {"name_pattern": r"a(?P<seq_num>\d)"}),
    ReadingCase("dbb", {"stage": "registration"}),
    ReadingCase("lasair", {"zone": "Europe/Helsinki"}),
    ReadingCase("lasair", {"zone": "America/Santiago"}),
    ReadingCase("broker_counts", {"night_pattern": r"(?P<night>\d{4}-\d\d-\d\d)"}),
    ReadingCase("broker_counts", {"counts": ["alerts_produced", "avros_stored"]}),
    ReadingCase("broker_counts", {"columns": {"alerts_produced": "messages_published"}}),
    ReadingCase("bucket_listing", {"list_files": False}),
    ReadingCase("bucket_listing", {"metric": "alerts_produced"}),
    ReadingCase("fitsstorage_logs", {"zone": "UTC"}),
    ReadingCase("fitsstorage_logs", {"zone": "America/Santiago"}),
    ReadingCase("fitsstorage_logs", {"pattern": "service_ingest*"}),
    ReadingCase("lwa", {"points": ["summary"]}),
    ReadingCase("lwa", {"recorders": ["drvs1-2"]}),
    ReadingCase("expected", {"sensor_types": ["SCIENCE"]}),
    ReadingCase("expected", {"sensors_pattern": "*.none"}),
    ReadingCase("expected", {"column": "when"}),
    ReadingCase("summit", {"endings": [".json"]}),
    ReadingCase("summit", {"endings": [".jsonl"]}),
    ReadingCase("sql", {"query": "select path, at, bytes from log limit 2"}),
    ReadingCase("sql", {"zone": "Pacific/Honolulu"}),
    ReadingCase("sql", {"constants": {"kind": "json"}}),
    ReadingCase("sql", {"query": "select path, at, outcome, message from log limit 2"}, 1),
    ReadingCase("sql", {"statuses": {"ok": "success"}}, 1),
    ReadingCase("sql", ANOTHER_PATH, 1),
    ReadingCase("sql", {}, rule="UTC+4h"),
    ReadingCase("table, CSV", {"constants": {"node": "roof"}}),
    ReadingCase("table, CSV", {"zone": "TAI"}),
    ReadingCase("table, CSV", {"values": {"rain": "wind"}, "headlines": ["rain"]}),
    ReadingCase("table, CSV", {"units": {"humidity": "%"}}),
    ReadingCase("table, JSON", {"zone": "Pacific/Honolulu"}),
    ReadingCase("table, JSON", {}, rule="UTC+4h"),
    ReadingCase("table, JSON lines", {"values": {"seeing": "rh"}}),
    ReadingCase("table, exposures", {"types": {"sky": "flat"}}),
    ReadingCase("table, exposures", {"measures": {"image_quality": "fwhm"}}),
    ReadingCase("table, exposures", {"zone": "Pacific/Honolulu"}),
    ReadingCase("lasair", {}, rule="UTC"),
    ReadingCase("fitsstorage_logs", {}, rule="UTC"),
    ReadingCase("files", {}, rule="UTC+4h"),
]

# Settings of `sweep_cases.READING` without a case, and why.
SERVER = "its tests have the server that it needs"
ALIKE = "`table` and `sql` map columns alike, and one of them is swept"
OF_ERRORS = "another value is an error with this input"
NOTHING_MISSING = "no value of the input means nothing; the source's own tests have some"
OF_REMARKS = dict.fromkeys(
    ("levels", "flags", "time_lost_types", "time_lost_unit"),
    "no page shows remarks; test_mapped_remarks.py has other values",
)
NOT_SWEPT = {
    "files": {"transfer_log_prefix": "test_rsync_log_forms.py has logs that need it"},
    "objects": dict.fromkeys(("skip", "name_pattern", "storage"), SERVER),
    "fitsstorage": dict.fromkeys(("zone", "files", "stuck_after_s"), SERVER),
    "gen2": {"query_links": "finds the same links in this input"},
    "gen3": {"instrument": OF_ERRORS},
    "lasair": {"table": OF_ERRORS},
    "notes": {"zone": "no page shows remarks; test_remarks_collected.py has other zones"},
    "lwa": {"max_image_bytes": "the input has no images"},
    "broker_counts": {
        **dict.fromkeys(("night_column", "separator", "comment"), OF_ERRORS),
        "missing": NOTHING_MISSING,
    },
    "table": {
        **dict.fromkeys(("statuses", "columns"), ALIKE),
        **dict.fromkeys(("format", "separator", "comment", "records"), OF_ERRORS),
        "missing": NOTHING_MISSING,
        **OF_REMARKS,
        **dict.fromkeys(("night_column", "night_format", "time_format"), OF_ERRORS),
    },
    "sql": {
        **dict.fromkeys(("values", "units", "types"), ALIKE),
        "missing": NOTHING_MISSING,
        **OF_REMARKS,
        **dict.fromkeys(("night_column", "night_format", "time_format"), OF_ERRORS),
    },
}
