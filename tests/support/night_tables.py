"""Tables of a night with usual values by default."""

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading

NOW = pd.Timestamp("2020-02-13T06:00:00Z")
HOUR = pd.Timedelta(hours=1)


def files(*rows, **common):
    """Return files: by default FITS files of 1 MB on disk."""
    usual = {
        "kind": "fits",
        "size_bytes": 1_000_000,
        "created_at": NOW - 10 * HOUR,
        "on_disk": True,
        "source": "files",
    }
    made = [{**usual, **common, "name": row["file_id"].rpartition("/")[2], **row} for row in rows]
    return frames.frame(columns.FILES, pd.DataFrame(made)) if made else frames.empty(columns.FILES)


def attempts(*rows):
    """Return a source's attempts: by default ingests of raw/x."""
    usual = {
        "stage": "ingest",
        "status": "success",
        "attempt": 1,
        "source": "gen2",
        "path": "raw/x",
        "on_disk": True,
    }
    return frames.frame(
        (*columns.ATTEMPTS, columns.Column("source", "text", "")),
        pd.DataFrame([{**usual, **row} for row in rows]),
    )


def ingests(*rows):
    """Return a night's attempts: by default ingests."""
    usual = {
        "stage": "ingest",
        "status": "success",
        "attempted_at": NOW - 9 * HOUR,
        "attempt": 1,
        "source": "gen2",
    }
    return frames.frame(columns.INGESTS, pd.DataFrame([{**usual, **row} for row in rows] or {}))


def metrics(*rows):
    """Return metrics: usually read now, of the whole."""
    usual = {"node": "", "sampled_at": NOW, "source": "q"}
    return frames.frame(columns.METRICS, pd.DataFrame([{**usual, **row} for row in rows]))


def plain(frame, *names):
    """Return rows as tuples of plain values, or one column's values."""
    cells = frame[list(names)].astype("object")
    rows = [
        tuple(None if pd.isna(value) else value for value in row)
        for row in cells.itertuples(index=False)
    ]
    return [row[0] for row in rows] if len(names) == 1 else rows


def reading(*rows, **options):
    """Return a reading of these files."""
    return Reading(files=files(*rows) if rows else frames.empty(columns.FILES), **options)


def gen2(*rows, **options):
    """Return a reading of attempts on one file each, made now."""
    made = attempts(
        *({"attempted_at": NOW, "path": f"raw/{row['names']}", **row} for row in rows)
    ).drop(columns="source")
    return Reading(attempts=made, **options)
