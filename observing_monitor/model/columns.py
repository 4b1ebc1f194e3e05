"""The schema: name, kind and meaning of every column of every table.

Instants are aware, in UTC and kept to the microsecond. Names carry units: `_at` an instant,
`_s` seconds, `_bytes` bytes, `n_` a count. The kind says how a column is held in memory, in
Parquet and on a page.

History of the schema. `SCHEMA_VERSION` is in the footer of every table and in every index.

1. files, ingests, metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Numbers of a night: by the names of NIGHTS and of the headlines of the stream's sources. Values as
# in JSON, but instants are datetimes after `digest.with_instants`.
Summary = Mapping[str, Any]

SCHEMA_VERSION = 1
# the `source` of data from import-prototype; no source of a stream may have this name
HISTORY = "prototype"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    kind : str
        A key of `DTYPES`.
    meaning : str
        For the glossary.
    label : str
        Its heading on a page.
    """

    name: str
    kind: str
    meaning: str
    label: str = ""


# kind -> dtype of pandas; storage/parquet.py has those of Arrow. Missing text is NaN.
DTYPES: dict[str, Any] = {
    "text": "str",
    "int": "Int64",
    "float": "float64",
    "bool": "bool",
    "instant": "datetime64[us, UTC]",
}

# A spreadsheet takes text that begins with one of these for a formula, which may start programs,
# so CSV files put an apostrophe before it (OWASP, "CSV injection"). The last four are the
# full-width forms of the first.
FORMULA_HEADS = "=+-@\t\r\n＝＋－＠"
FORMULA = "^([" + FORMULA_HEADS.replace("-", r"\-") + "])"

# A row is a file that was taken or has arrived. Sorted by `file_id`, which is unique.
FILES = (
    Column("file_id", "text", "Path below the source's root: names the file for good", "Path"),
    Column("name", "text", "The last part of the path", "File"),
    Column("path", "text", "Where the file was seen last, in full", "Full path"),
    Column("kind", "text", "fits, or the ending of the name: json, txt …", "Kind"),
    Column("size_bytes", "int", "Size when last seen", "Size"),
    Column("created_at", "instant", "When the file was written at the telescope", "Created"),
    Column(
        "exposed_at",
        "instant",
        "When the exposure ended, where a registry tells: then pages show it as created",
        "Exposed",
    ),
    Column("transferred_at", "instant", "When the file had arrived here", "Transferred"),
    Column("obsid", "text", "The observation's name, such as AT_O_20200212_000022", "Obsid"),
    Column("exposure", "text", "The exposure's identifier", "Exposure"),
    Column("seq_num", "int", "The exposure's number within its night, from 1", "Seq."),
    Column("detector", "text", "The detector's number or name", "Detector"),
    Column("on_disk", "bool", "Whether the file was there at the last look", "On disk"),
    Column("device", "int", "The file system's number (st_dev), to match links", "Device"),
    Column("inode", "int", "The file's number there (st_ino), to match links", "Inode"),
    Column("source", "text", "The source that told of the file", "Source"),
)

# A row is one attempt of one stage on one file; all are kept. Sorted by file_id, stage,
# attempted_at, attempt.
INGESTS = (
    Column("file_id", "text", "The file, as in `files`", "Path"),
    Column("stage", "text", "The step that was tried: ingest, export …", "Stage"),
    Column("attempted_at", "instant", "When the attempt ended, or was last heard of", "Tried"),
    Column("duration_s", "float", "How long the attempt took", "Took"),
    Column("status", "text", "How it ended: a key of STATUSES", "Outcome"),
    Column("message", "text", "What the system said of it, whole", "Message"),
    Column("attempt", "int", "The attempt's number, from 1", "Attempt"),
    Column("destination", "text", "Where the file went", "To"),
    Column("source", "text", "The source that told of the attempt", "Source"),
)

# An attempt as a source returns it: without its file_id, but with the columns to find its file by.
ATTEMPTS = INGESTS[1:] + (
    Column(
        "path",
        "text",
        "Names the attempt's file where no file matches: relative to the source's root",
        "Path",
    ),
    Column(
        "names",
        "text",
        "Names that the file may have, separated by newlines, the likeliest first",
        "Names",
    ),
    *(c for c in FILES if c.name not in ("file_id", "name", "path", "kind", "source")),
)

# A row is a number or a text at an instant. Sorted by name, node, sampled_at.
METRICS = (
    Column("name", "text", "What was measured", "Name"),
    Column("node", "text", "Which machine, band or queue it is of", "Node"),
    Column("sampled_at", "instant", "When it was read", "At"),
    Column("value", "float", "The number; NaN where it is not available", "Value"),
    Column("text", "text", "The value where it is no number", "Text"),
    Column("unit", "text", "Unit of the value", "Unit"),
    Column("source", "text", "The source that told it", "Source"),
)

TABLES = {"files": FILES, "ingests": INGESTS, "metrics": METRICS}

# Outcomes of an attempt. tables/classify.py derives the class of the file.
STATUSES = {
    "success": "done",
    "lost": "done, but what was made is no longer there",
    "failure": "tried, and it failed",
    "invalid": "refused: no such file, or an empty one",
    "unknown": "the worker died: nobody knows how it ended",
    "ignored": "left out on purpose",
    "unregistered": "linked into the repository, but the registry does not know it",
    "untried": "never tried",
    "waiting": "waits in a queue",
    "running": "being worked on",
    "deferred": "put off until later",
    "rerun": "to be tried again",
    "backfill": "to be done with the backlog",
}

# Classes of files; the first that applies counts. They add up to the number of files.
CLASSES = (
    Column("ingested", "int", "Passed the stream's last stage", "Ingested"),
    Column("gone", "int", "Recorded, but no longer on disk, and never ingested", "Gone"),
    Column(
        "ignored", "int", "Left out on purpose: the ingester, or the settings, say so", "Ignored"
    ),
    Column("not_fits", "int", "Not an image", "Not FITS"),
    Column("failed", "int", "Tried, and it failed: the message says why", "Failed"),
    Column("pending", "int", "Not ingested yet, and younger than the stream's limit", "Pending"),
    Column("small", "int", "Too small to be an image, and not ingested", "Small"),
    Column("missing", "int", "Never tried, and older than the stream's limit", "Missing"),
)

# not a class: such a file is also counted as ingested
LOST = Column("lost", "int", "Ingested, but the repository's link or file is gone", "Lost")

# the meaning of `ingested` in a stream without later stages
ARRIVED = Column(
    "arrived", "int", "Had arrived, where no stage is known that comes after", "Arrived"
)

# A row is a night, on the index pages and in nights.json.
NIGHTS = (
    Column(
        "night", "text", "The date of the night; the stream's page says by which clock", "Night"
    ),
    Column(
        "status", "text", "normal, warning or error: the worst of the night's findings", "Status"
    ),
    Column("info", "text", "What is wrong, and how many", "What is wrong"),
    Column(
        "acknowledged",
        "text",
        "What is wrong for a known reason, and alarms no longer",
        "What is known",
    ),
    Column("n_files", "int", "Files that were taken or have arrived", "Files"),
    *(Column(f"n_{c.name}", c.kind, c.meaning, c.label) for c in CLASSES),
    Column("n_error", "int", "Failed and missing together", "Errors"),
    Column("n_lost", "int", f"{LOST.meaning} (counted beside the classes)", LOST.label),
    Column(
        "n_acknowledged",
        "int",
        "Files that failed, are missing, gone, small or lost for a known reason (of the classes)",
        "Known",
    ),
    Column("n_acknowledged_errors", "int", "Of the errors, those that are known", "Known errors"),
    Column(
        "n_twice",
        "int",
        "Files whose name came before, elsewhere in the night (counted beside the classes)",
        "Twice",
    ),
    Column("n_exposures", "int", "Exposures that the files belong to, where known", "Exposures"),
    Column("size_bytes", "int", "Bytes of all files whose size is known", "Size"),
    Column(
        "completeness",
        "float",
        "Ingested, of all that should be (neither ignored nor other than FITS)",
        "Complete",
    ),
    Column("first_created_at", "instant", "When the first file was written", "First created"),
    Column("last_created_at", "instant", "When the latest file was written", "Last created"),
    Column("last_transferred_at", "instant", "When the latest file arrived", "Last transferred"),
    Column("last_ingested_at", "instant", "When the latest file was ingested", "Last ingested"),
    *(
        Column(
            f"{stage}_delay_{name}_s",
            "float",
            f"{words} of the time from {span}",
            f"{stage.capitalize()} {label}",
        )
        for stage, span in (
            ("transfer", "creation to arrival"),
            ("ingest", "arrival (or creation, where arrival is unknown) to ingest"),
        )
        for name, words, label in (
            ("median", "The median", "median"),
            ("p90", "The 90 % point", "90 %"),
            ("max", "The longest", "worst"),
        )
    ),
)

LEVELS = (
    Column("normal", "text", "Nothing needs attention", "normal"),
    Column("warning", "text", "Something is odd, and should be looked at by day", "warning"),
    Column("error", "text", "Something failed or is missing, and needs attention now", "error"),
)

# Further columns of the pages' tables. The pages and the glossary explain them.
# FILE_LIST: the list of all files, and the files that need attention
FILE_LIST = (
    Column(
        "path", "text", "The file's path below the source's root, which names it for good", "File"
    ),
    Column("file_class", "text", "What became of the file: one of the classes", "Class"),
    Column(
        "reason",
        "text",
        "Why the file needs attention: of a message its first line, of a traceback the last",
        "Why",
    ),
    Column("size_bytes", "int", "Size when last seen", "Size"),
    Column(
        "created_at",
        "instant",
        "When the file was written at the telescope, or its exposure ended where a registry tells that",
        "Created",
    ),
    Column("transferred_at", "instant", "When the file had arrived here", "Transferred"),
    Column(
        "stage_at", "instant", "When the file passed the stage that stands over the column", "Stage"
    ),
    Column("ingested_at", "instant", "When the file passed the stream's last stage", "Ingested"),
    Column("tried_at", "instant", "When the last attempt ended", "Last tried"),
    Column("n_attempts", "int", "How often it was tried", "Attempts"),
    Column("seq_num", "int", "The exposure's number within its night, from 1", "Seq."),
    Column("detector", "text", "The detector's number or name", "Detector"),
    Column("exposure", "text", "The exposure's identifier", "Exposure"),
    Column("obsid", "text", "The observation's name, such as AT_O_20200212_000022", "Obsid"),
)
EXPOSURES = (
    Column(
        "name",
        "text",
        "The exposure's identifier; where files tell of no exposure, the folder that they lie in",
        "Exposure or folder",
    ),
    Column(
        "counts",
        "text",
        "What became of the files of the exposure: each is in one class",
        "Of these",
    ),
)
DELAYS = (
    Column("median", "float", "Half of the files took no longer", "median"),
    Column("p90", "float", "Nine of ten files took no longer", "90 %"),
    Column("max", "float", "No file took longer", "worst"),
)
STAGES = (
    Column("name", "text", "A step that files go through: transfer, ingest, export …", "Stage"),
    Column("n_done", "int", "Files that passed the stage", "Done"),
    Column("n_failed", "int", "Files whose last attempt failed", "Failed"),
    Column("n_waiting", "int", "Files that wait for the stage", "Waiting"),
    Column("n_running", "int", "Files that are being worked on", "In progress"),
    Column("n_deferred", "int", "Files that were put off until later", "Deferred"),
    Column("n_attempts", "int", "How often the stage was tried, on all files together", "Attempts"),
    Column("last_done_at", "instant", "When the latest file passed the stage", "Latest done"),
    Column(
        "median_s",
        "float",
        "Half of the files had passed the stage so long after their creation",
        "Median",
    ),
    Column(
        "p90_s",
        "float",
        "Nine of ten files had passed the stage so long after their creation",
        "90 %",
    ),
)
QUEUES = (
    Column(
        "waiting",
        "int",
        "Entries that wait in the queue, are being worked on, or were put off",
        "Waiting",
    ),
    Column("errors", "int", "Entries that failed, and were not done since", "Errors"),
)
NUMBERS = (
    Column("name", "text", "What was measured, by the name that its source gives it", "Name"),
    Column("value", "float", "The latest value of the whole", "Value"),
    Column(
        "by_node",
        "text",
        "The latest values of the single machines, bands or queues: from which to which they go",
        "By node",
    ),
    Column("unit", "text", "The unit of the values", "Unit"),
    Column("sampled_at", "instant", "When the latest of the values was read", "Read at"),
)
SOURCES = (
    Column("name", "text", "A place where facts are read: a folder, a database, a log", "Source"),
    Column("kind", "text", "Which kind of source it is: the settings call it its type", "Kind"),
    Column("place", "text", "Where it is", "Place"),
    Column("answered_at", "instant", "When it was last read without a fault", "Last answered"),
    Column(
        "problem",
        "text",
        "Why it could not be read; the last that was known of it stays on the pages",
        "Fault",
    ),
)
# A row is a month or a year, on the pages of years and in YYYY.json. Sums over its nights, except
# for the delays.
PERIODS = (
    Column("period", "text", "The month, or the year", "Period"),
    Column("n_nights", "int", "Nights that have been looked at", "Nights"),
    Column("n_nights_error", "int", "Nights whose status is error", "In error"),
    Column("n_nights_warning", "int", "Nights whose status is warning", "In warning"),
    *(
        c
        for c in NIGHTS
        if c.name in ("n_files", "n_ingested", "n_pending", "n_error", "size_bytes", "completeness")
    ),
    *(
        Column(
            f"{stage}_delay_p90_s",
            "float",
            f"The 90 % point of the {stage} delay, in the median night",
            f"{stage.capitalize()} 90 %",
        )
        for stage in ("transfer", "ingest")
    ),
)
