"""The schema: name, kind and meaning of every column of every table.

Instants are aware, in UTC and kept to the microsecond. Names carry units: `_at` an instant,
`_s` seconds, `_bytes` bytes, `n_` a count. The kind says how a column is held in memory, in
Parquet and on a page. A `bool` is never null; a `flag` may be.

History of the schema. `SCHEMA_VERSION` is in every index. The footer of a table has the version
of its newest column, so that an upgrade rewrites no table.

1. files, ingests, metrics.
2. exposures, and reports: exposures as each source has them. Written only for nights that have any.
   The column `exposure` of metrics, written only if it has a value. Tables and indexes of version 1
   are read as they are.
3. remarks. Written only for nights that have any. Tables and indexes of versions 1 and 2 are read
   as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from observing_monitor.model.column import Column as Column
from observing_monitor.model.remark_columns import FLAGS as FLAGS
from observing_monitor.model.remark_columns import LEVELS_OF_REMARKS as LEVELS_OF_REMARKS
from observing_monitor.model.remark_columns import REMARKS as REMARKS
from observing_monitor.model.remark_columns import TIME_LOST_TYPES as TIME_LOST_TYPES
from observing_monitor.model.use_columns import OBSERVATION_TYPES as OBSERVATION_TYPES
from observing_monitor.model.use_columns import PROGRAMS as PROGRAMS
from observing_monitor.model.use_columns import USE as USE
from observing_monitor.model.use_columns import USE_TABLES as USE_TABLES

# Numbers of a night: by the names of NIGHTS and of the headlines of the stream's sources. Values as
# in JSON, but instants are datetimes after `digest.with_instants`.
Summary = Mapping[str, Any]

SCHEMA_VERSION = 3
# the `source` of data from import-prototype; no source of a stream may have this name
HISTORY = "prototype"


# kind -> dtype of pandas; storage/parquet.py has those of Arrow. Missing text is NaN.
DTYPES: dict[str, Any] = {
    "text": "str",
    "int": "Int64",
    "float": "float64",
    "bool": "bool",
    "flag": "boolean",
    "instant": "datetime64[us, UTC]",
}

# A spreadsheet takes text that begins with one of these for a formula, which may start programs,
# so CSV files put an apostrophe before it (OWASP, "CSV injection"). The last four are the
# full-width forms of the first.
FORMULA_HEADS = "=+-@\t\r\n＝＋－＠"
FORMULA = "^([" + FORMULA_HEADS.replace("-", r"\-") + "])"

# A row is a file that was taken or has arrived. Sorted by `file_id`, which is unique.
FILES = (
    Column("file_id", "text", "Path below the source's root, which identifies the file", "Path"),
    Column("name", "text", "Last part of the path", "File"),
    Column("path", "text", "Full path where the file was last seen", "Full path"),
    Column("kind", "text", "fits, or the ending of the name, such as json or txt", "Kind"),
    Column("size_bytes", "int", "Size when last seen", "Size"),
    Column("created_at", "instant", "When the file was written at the telescope", "Created"),
    Column(
        "exposed_at",
        "instant",
        "When the exposure ended, if a registry has it; pages then show it as created",
        "Exposed",
    ),
    Column("transferred_at", "instant", "When the file arrived here", "Transferred"),
    Column("obsid", "text", "Name of the observation, such as AT_O_20200212_000022", "Obsid"),
    Column("exposure", "text", "Identifier of the exposure", "Exposure"),
    Column("seq_num", "int", "Number of the exposure in its night, from 1", "Seq."),
    Column("detector", "text", "Number or name of the detector", "Detector"),
    Column("on_disk", "bool", "True if the file was there at the last update", "On disk"),
    Column("device", "int", "Number of the file system (st_dev), to match links", "Device"),
    Column("inode", "int", "Number of the file in it (st_ino), to match links", "Inode"),
    Column("source", "text", "Source that reported the file", "Source"),
)

# A row is one attempt of one stage on one file; all are kept. Sorted by file_id, stage,
# attempted_at, attempt.
INGESTS = (
    Column("file_id", "text", "The file, as in `files`", "Path"),
    Column("stage", "text", "Step that was tried, such as ingest or export", "Stage"),
    Column("attempted_at", "instant", "When the attempt ended or was last reported", "Tried"),
    Column("duration_s", "float", "Duration of the attempt", "Duration"),
    Column("status", "text", "How the attempt ended, such as success or failure", "Outcome"),
    Column("message", "text", "Full message of the system", "Message"),
    Column("attempt", "int", "Number of the attempt, from 1", "Attempt"),
    Column("destination", "text", "Where the file went", "Destination"),
    Column("source", "text", "Source that reported the attempt", "Source"),
)

# An attempt as a source returns it: without its file_id, but with the columns to find its file by.
ATTEMPTS = INGESTS[1:] + (
    Column(
        "path",
        "text",
        "Path of the file below the source's root, used if no known file matches",
        "Path",
    ),
    Column(
        "names",
        "text",
        "Possible names of the file, separated by newlines, the likeliest first",
        "Names",
    ),
    *(c for c in FILES if c.name not in ("file_id", "name", "path", "kind", "source")),
)

# A row is a number or a text at an instant. Sorted by name, node, sampled_at, exposure.
METRICS = (
    Column("name", "text", "What was measured", "Name"),
    Column("node", "text", "Machine, band or queue that it belongs to", "Node"),
    Column("sampled_at", "instant", "When it was measured", "Time"),
    Column("value", "float", "The number; NaN if not available", "Value"),
    Column("text", "text", "The value if it is not a number", "Text"),
    Column("unit", "text", "Unit of the value", "Unit"),
    Column("source", "text", "Source that reported it", "Source"),
    Column("exposure", "text", "Exposure that the value belongs to", "Exposure", since=2),
)

# A row is an exposure: one readout of an instrument. Sorted by started_at, exposure, instrument;
# `exposure` is unique per instrument.
EXPOSURES = (
    Column("exposure", "text", "Identifier of the exposure, unique per instrument", "Exposure"),
    Column("obsid", "text", "Name of the observation, such as AT_O_20200212_000022", "Obsid"),
    Column("seq_num", "int", "Number of the exposure in its night, from 1", "Seq."),
    Column("instrument", "text", "Instrument that took it", "Instrument"),
    Column("started_at", "instant", "When the exposure started", "Started"),
    Column(
        "ended_at",
        "instant",
        "When the exposure ended; by default, the start and the exposure time",
        "Ended",
    ),
    Column("exposure_time_s", "float", "Time that the shutter was open", "Exp. time"),
    Column("dark_time_s", "float", "Time in which dark current was collected", "Dark time"),
    Column(
        "observation_type",
        "text",
        "bias, dark, flat, arc, science, acquisition, focus, test or other",
        "Type",
    ),
    Column("observation_type_original", "text", "Type as its source has it", "Original type"),
    Column("observation_reason", "text", "Why it was taken", "Reason"),
    Column("target", "text", "What was observed", "Target"),
    Column("program", "text", "Program that it belongs to", "Program"),
    Column("physical_filter", "text", "Filter, by the name of the instrument", "Filter"),
    Column("band", "text", "Band of the filter, such as r", "Band"),
    Column("ra_deg", "float", "Right ascension (ICRS), degrees", "RA"),
    Column("dec_deg", "float", "Declination (ICRS), degrees", "Dec."),
    Column("altitude_deg", "float", "Height above the horizon, degrees", "Altitude"),
    Column("azimuth_deg", "float", "Azimuth from north through east, degrees", "Azimuth"),
    Column("airmass", "float", "Airmass", "Airmass"),
    Column("rotation_deg", "float", "Angle of the field on the sky, degrees", "Rotation"),
    Column("can_see_sky", "flag", "True if light of the sky could reach the detector", "Sky"),
    Column("group", "text", "Group of exposures that belong together", "Group"),
    Column("observer", "text", "Who observed", "Observer"),
    Column("comment", "text", "Comment of the source", "Comment"),
    Column("released_at", "instant", "When its data become public", "Released"),
    Column("source", "text", "Sources that reported it, separated by blanks", "Source"),
)

# `reports` has the exposures as each source has them, one source per row. Sorted by source,
# started_at, exposure, instrument.
TABLES = {
    "files": FILES,
    "ingests": INGESTS,
    "metrics": METRICS,
    "exposures": EXPOSURES,
    "reports": EXPOSURES,
    "remarks": REMARKS,
}
# tables that a night may lack; it then has no rows of them
OPTIONAL = ("exposures", "reports", "remarks")

# Outcomes of an attempt. tables/classify.py derives the class of the file.
STATUSES = {
    "success": "done",
    "lost": "done, but the result is no longer there",
    "failure": "tried, and it failed",
    "invalid": "refused: the file does not exist or is empty",
    "unknown": "the worker died: the outcome is unknown",
    "ignored": "left out on purpose",
    "unregistered": "linked into the repository, but not in its registry",
    "untried": "never tried",
    "waiting": "waiting in a queue",
    "running": "in progress",
    "deferred": "put off until later",
    "rerun": "to be tried again",
    "backfill": "to be done with the backlog",
}

# Classes of files; the first that applies counts. They add up to the number of files.
CLASSES = (
    Column("ingested", "int", "Passed the last stage of the stream", "Ingested"),
    Column("gone", "int", "Recorded, but no longer on disk and never ingested", "Gone"),
    Column("ignored", "int", "Left out on purpose by the ingester or the settings", "Ignored"),
    Column("not_fits", "int", "Not an image", "Not FITS"),
    Column("failed", "int", "The last attempt failed; the message says why", "Failed"),
    Column(
        "pending",
        "int",
        "Not ingested yet, but still within the time limit of the stream",
        "Pending",
    ),
    Column("small", "int", "Too small to be an image, and not ingested", "Small"),
    Column("missing", "int", "Never tried, and older than the time limit of the stream", "Missing"),
)

# not a class: such a file is also counted as ingested
LOST = Column("lost", "int", "Ingested, but its link or file in the repository is gone", "Lost")

# the meaning of `ingested` in a stream without later stages
ARRIVED = Column("arrived", "int", "Arrived here; no later stage is known", "Arrived")

# A row is a night, on the index pages and in nights.json.
NIGHTS = (
    Column(
        "night", "text", "Date of the night; the page of the stream says when nights begin", "Night"
    ),
    Column(
        "status",
        "text",
        "The worst finding of the night: normal, warning or error; none without any data yet",
        "Status",
    ),
    Column("info", "text", "What is wrong, and with how many files", "Problems"),
    Column(
        "acknowledged",
        "text",
        "Known problems: they raise no alarm",
        "Acknowledged",
    ),
    Column("n_files", "int", "Files that were taken or have arrived", "Files"),
    *(Column(f"n_{c.name}", c.kind, c.meaning, c.label) for c in CLASSES),
    Column("n_error", "int", "Failed and missing files together", "Errors"),
    Column("n_lost", "int", f"{LOST.meaning} (also counted as ingested)", LOST.label),
    Column(
        "n_acknowledged",
        "int",
        "Failed, missing, gone, small or lost files with a known reason "
        "(also counted in their classes)",
        "Acknowledged",
    ),
    Column("n_acknowledged_errors", "int", "Errors with a known reason", "Acknowledged errors"),
    Column(
        "n_twice",
        "int",
        "Files with the same name as an earlier file of the night (also counted in their classes)",
        "Duplicates",
    ),
    Column("n_exposures", "int", "Exposures that the files belong to, if known", "Exposures"),
    Column("size_bytes", "int", "Total size of the files whose size is known", "Size"),
    Column(
        "completeness",
        "float",
        "Share of files ingested, not counting those that are pending, ignored or not FITS. "
        "Expected images that never came count as not ingested",
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
            ("ingest", "arrival (or creation, if the arrival is unknown) to ingest"),
        )
        for name, words, label in (
            ("median", "Median", "median"),
            ("p90", "90 % point", "90 %"),
            ("max", "Maximum", "worst"),
        )
    ),
    *USE,
)

# status of a night that has just begun
NOTHING_YET = Column(
    "none", "text", "Nothing yet: the night is not over, and has no data", "nothing yet"
)
LEVELS = (
    Column("normal", "text", "Nothing needs attention", "normal"),
    Column("warning", "text", "Something is odd; look at it during the day", "warning"),
    Column("error", "text", "Something failed or is missing; look at it now", "error"),
)
# of nights, streams and the site
STATUS_WORDS = (NOTHING_YET, *LEVELS)

# Further columns of the pages' tables. The pages and the glossary explain them.
# FILE_LIST: the list of all files, and the files that need attention
FILE_LIST = (
    Column("path", "text", "Path below the source's root, which identifies the file", "File"),
    Column("file_class", "text", "Class of the file, such as ingested, pending or failed", "Class"),
    Column(
        "reason",
        "text",
        "Why the file needs attention: the first line of a message, the last line of a traceback",
        "Reason",
    ),
    Column(
        "message",
        "text",
        "The whole message of the last attempt, only in the CSV file",
        "Message",
    ),
    Column("size_bytes", "int", "Size when last seen", "Size"),
    Column(
        "created_at",
        "instant",
        "When the file was written at the telescope, or when its exposure ended, "
        "if a registry has that",
        "Created",
    ),
    Column("transferred_at", "instant", "When the file arrived here", "Transferred"),
    Column("stage_at", "instant", "When the file passed the stage in the heading", "Stage"),
    Column(
        "ingested_at", "instant", "When the file passed the last stage of the stream", "Ingested"
    ),
    Column("tried_at", "instant", "When the last attempt ended", "Last tried"),
    Column("n_attempts", "int", "Number of attempts", "Attempts"),
    Column("seq_num", "int", "Number of the exposure in its night, from 1", "Seq."),
    Column("detector", "text", "Number or name of the detector", "Detector"),
    Column("exposure", "text", "Identifier of the exposure", "Exposure"),
    Column("obsid", "text", "Name of the observation, such as AT_O_20200212_000022", "Obsid"),
)
EXPOSURE_FILES = (
    Column(
        "name",
        "text",
        "Identifier of the exposure; the folder of the files if no exposure is known",
        "Exposure or folder",
    ),
    Column(
        "counts",
        "text",
        "Files of the exposure by class; each file is in one class",
        "Classes",
    ),
)
# the observing log, besides columns of EXPOSURES
LOG = (
    Column("gap_before_s", "float", "Time since the exposure before ended", "Gap before"),
    Column("n_files", "int", "Files of the exposure", "Files"),
)
DELAYS = (
    Column("median", "float", "Half of the files took at most this long", "median"),
    Column("p90", "float", "Nine of ten files took at most this long", "90 %"),
    Column("max", "float", "The longest delay", "worst"),
)
STAGES = (
    Column(
        "name", "text", "Step that files go through, such as transfer, ingest or export", "Stage"
    ),
    Column("n_done", "int", "Files that passed the stage", "Done"),
    Column("n_failed", "int", "Files whose last attempt failed", "Failed"),
    Column("n_waiting", "int", "Files waiting for the stage", "Waiting"),
    Column("n_running", "int", "Files that are being processed", "In progress"),
    Column("n_deferred", "int", "Files put off until later", "Deferred"),
    Column("n_attempts", "int", "Attempts on all files together", "Attempts"),
    Column("last_done_at", "instant", "When the latest file passed the stage", "Last done"),
    Column(
        "median_s",
        "float",
        "Time from creation to the end of the stage: half of the files took at most this long",
        "Median",
    ),
    Column(
        "p90_s",
        "float",
        "Time from creation to the end of the stage: nine of ten files took at most this long",
        "90 %",
    ),
)
QUEUES = (
    Column(
        "waiting",
        "int",
        "Entries that wait in the queue, are in progress or were put off",
        "Waiting",
    ),
    Column("errors", "int", "Entries that failed and have not succeeded since", "Errors"),
)
NUMBERS = (
    Column("name", "text", "Name of the metric, as its source reports it", "Name"),
    Column("value", "float", "Latest value of the whole", "Value"),
    Column(
        "by_node",
        "text",
        "Range of the latest values of the machines, bands or queues",
        "By node",
    ),
    Column("unit", "text", "Unit of the values", "Unit"),
    Column("sampled_at", "instant", "When the latest value was measured", "Time"),
)
SOURCES = (
    Column("name", "text", "Where data are read: a folder, a database, a log", "Source"),
    Column("kind", "text", "Type of the source, as in the settings", "Kind"),
    Column("place", "text", "Path or address of the source", "Place"),
    Column(
        "answered_at", "instant", "When the source was last read without a fault", "Last answered"
    ),
    Column(
        "problem",
        "text",
        "Why the source could not be read; the pages keep its last data",
        "Fault",
    ),
)
ROWS = (
    Column("name", "text", "Where rows are read", "Source"),
    Column(
        "n_read",
        "int",
        "Rows, lines or files that the source read for the two newest nights",
        "Read",
    ),
    Column("n_used", "int", "Those of them that were understood", "Understood"),
    Column("n_left_out", "int", "Those of them that were left out", "Left out"),
    Column("examples", "text", "The first rows that were left out, and why", "First left out"),
)
# A row is a month or a year, on the pages of years and in YYYY.json. Its heading on a page says how
# a value is made from those of the nights.
PERIODS = (
    Column("period", "text", "The month or year", "Period"),
    Column("n_nights", "int", "Nights that were read", "Nights"),
    Column("n_nights_error", "int", "Nights with the status error", "With errors"),
    Column("n_nights_warning", "int", "Nights with the status warning", "With warnings"),
    *(
        c
        for c in NIGHTS
        if c.name in ("n_files", "n_ingested", "n_pending", "n_error", "size_bytes", "completeness")
    ),
    *(
        c
        for c in USE
        if c.name in ("n_exposures_science", "science_s", "open_shutter_s", "night_s")
    ),
    *(
        Column(
            f"{stage}_delay_p90_s",
            "float",
            f"90 % point of the {stage} delay; the median over the nights",
            f"{stage.capitalize()} 90 %",
        )
        for stage in ("transfer", "ingest")
    ),
)
