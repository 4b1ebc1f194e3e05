"""Writes small Gen2 repositories of real form.

The columns are those of lsst.obs.lsst's registries of 2019 and 2020. A registry does not record
when a raw was ingested.
"""

import contextlib
import datetime
import os
import shutil
import sqlite3
from dataclasses import dataclass

LATISS_COLUMNS = (
    "dayObs text, seqNum int, visit int, detector int, detectorName text, filter text, "
    "dateObs text, date text, expTime double, object text, imageType text, wavelength int, "
    "expGroup text, obsid text, expId int"
)
LSSTCAM_COLUMNS = (
    "run text, visit int, filter text, date text, dateObs text, expTime double, raftName text, "
    "detectorName text, detector int, snap int, object text, imageType text, testType text, "
    "lsstSerial text, wavelength int, controller text, obsid text, expGroup text, expId int"
)
ONE_RAFT = tuple(f"S{row}{column}" for row in range(3) for column in range(3))


@dataclass(frozen=True)
class Camera:
    """A camera's file names, detectors and registry columns."""

    telescope: str  # the first letters of an obsid
    controller: str  # O is the observatory's, C the camera's own; changes exposure numbers
    raft: str | None
    detectors: tuple[str, ...]
    raw_columns: str
    raw_unique: str
    visit_columns: str
    visit_unique: str
    raws_by: str  # the column after which folders below raw/ are named


CAMERAS = {
    "latiss": Camera(
        "AT",
        "O",
        None,
        ("S00",),
        LATISS_COLUMNS,
        "expId,visit",
        LATISS_COLUMNS,
        "expId,visit",
        "dayObs",
    ),
    "comCam": Camera(
        "CC",
        "O",
        "R22",
        ONE_RAFT,
        LSSTCAM_COLUMNS + ", dayObs text, seqNum int",
        "expId,detector,visit",
        "visit int, filter text, dateObs text, expTime double",
        "visit",
        "dayObs",
    ),
    "testStand": Camera(
        "TS",
        "C",
        "R21",
        ONE_RAFT,
        LSSTCAM_COLUMNS,
        "expId,detector,visit",
        "visit int, filter text, dateObs text, expTime double",
        "visit",
        "run",
    ),
}


def raw_row(camera, night, seq_num, detector, date_obs, **others):
    """Return a raw's row: one detector of one exposure.

    It has the columns of all cameras; `others` are values other than the usual.
    """
    year = night.year + (1000 if camera.controller == "C" else 0)
    exposure = int(f"{year:04d}{night:%m%d}{seq_num:05d}")
    at = date_obs.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return {
        "dayObs": night.isoformat(),
        "seqNum": seq_num,
        "visit": exposure,
        "expId": exposure,
        "expGroup": str(exposure),
        "obsid": f"{camera.telescope}_{camera.controller}_{night:%Y%m%d}_{seq_num:06d}",
        "detector": detector,
        "detectorName": camera.detectors[detector],
        "raftName": camera.raft,
        "filter": "unknown~unknown",
        "date": at,
        "dateObs": at,
        "expTime": 30.0,
        "object": "UNKNOWN",
        "imageType": "OBJECT",
        "testType": "OBJECT",
        "wavelength": -666,
        "lsstSerial": f"ITL-3800C-{200 + detector}",
        "controller": camera.controller,
        "run": "unknown",
        "snap": 0,
        **others,
    }


def file_name(camera, row):
    """Return the name of a file that the camera sends."""
    sensor = f"_{row['raftName']}_{row['detectorName']}" if camera.raft else ""
    return f"{row['obsid']}{sensor}.fits"


def raw_name(camera, row):
    """Return the name of an ingested raw."""
    where = f"-{row['raftName']}-{row['detectorName']}" if camera.raft else ""
    return f"{row['expId']}{where}-det{row['detector']:03d}.fits"


def raw_path(camera, row, by=None):
    """Return an ingested raw's path in the repository.

    `by` overrides the camera's `raws_by`.
    """
    exposure = f"{row['expId']}/" if camera.raft else ""
    return f"raw/{row[by or camera.raws_by]}/{exposure}{raw_name(camera, row)}"


@contextlib.contextmanager
def open_registry(repository, camera):
    """Open a copy of the registry, which replaces it.

    The real ingester does the same.
    """
    path, copy = repository / "registry.sqlite3", repository / "registry.sqlite3.new"
    copy.unlink(missing_ok=True)
    if path.exists():
        shutil.copyfile(path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        connection.execute("pragma synchronous = off")
        if not path.exists():
            connection.execute(
                f"create table raw (id integer primary key autoincrement, {camera.raw_columns}, "
                f"unique({camera.raw_unique}))"
            )
            connection.execute(
                f"create table raw_visit ({camera.visit_columns}, unique({camera.visit_unique}))"
            )
        yield connection
        connection.commit()
    os.replace(copy, path)


def register(connection, camera, rows):
    """Add rows of `raw_row`; existing ones stay."""
    for table, columns in (("raw", camera.raw_columns), ("raw_visit", camera.visit_columns)):
        names = [column.split()[0] for column in columns.split(",")]
        slots = ", ".join(f":{name}" for name in names)
        connection.executemany(
            f"insert or ignore into {table} ({', '.join(names)}) values ({slots})", rows
        )
