"""Exposures of Gen2 registries, real and made here."""

import contextlib
import datetime
import sqlite3
import time

import pandas as pd
import pytest
from test_gen2 import NIGHT, make_raw, repository

from observing_monitor.errors import UsageError
from observing_monitor.model.nights import night_named
from observing_monitor.sources.gen2_exposures import to_exposures

SOME = "expId int, detector int, dayObs text, seqNum int, object text, expTime double"


def change(path, sql):
    """Change a registry."""
    with contextlib.closing(sqlite3.connect(path / "registry.sqlite3")) as connection, connection:
        connection.execute(sql)


@pytest.mark.parametrize(("name", "type_"), [("latiss_gen2", None), ("comCam_gen2", "bias")])
def test_real_repositories(shared_data, name, type_):
    """The exposure has what its registry says; `dateObs` is TAI, as in Gen3."""
    path = shared_data / "rubin" / name / "gen2repo"
    address = f"file:{path / 'registry.sqlite3'}?immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        (theirs,) = connection.execute("select * from raw").fetchall()
    reading = repository(path).read(night_named(theirs["dayObs"]))
    (made,) = reading.exposures.itertuples(index=False)
    assert (made.exposure, made.obsid, made.seq_num) == (
        str(theirs["expId"]),
        theirs["obsid"],
        theirs["seqNum"],
    )
    assert made.target == theirs["object"] and made.physical_filter == theirs["filter"]
    assert made.exposure_time_s == theirs["expTime"] and made.group == theirs["expGroup"]
    assert made.observation_type_original == theirs["imageType"]
    assert made.observation_type == type_ or (type_ is None and pd.isna(made.observation_type))
    at = datetime.datetime.fromisoformat(theirs["dateObs"] + "+00:00")
    assert made.started_at == at - datetime.timedelta(seconds=37)
    gen3 = shared_data / "rubin" / name.replace("gen2", "gen3") / "gen3.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{gen3}?immutable=1", uri=True)) as connection:
        ((begin,),) = connection.execute("select timespan_begin from exposure").fetchall()
    assert made.started_at.timestamp() + 37 == pytest.approx(begin / 1e9, abs=2e-3)


def test_one_row_per_exposure(tmp_path):
    """An exposure is one row; of detectors that differ, the first counts."""
    rows = [(n, d, "2020-02-12", n, "M 31" if d else "M 32", 30) for n in (2, 1) for d in (0, 1)]
    make_raw(tmp_path, SOME, *rows, (None, 0, "2020-02-12", 3, "lost", 1))
    made = repository(tmp_path).read(NIGHT).exposures
    assert made["exposure"].tolist() == ["1", "2"] and made["seq_num"].tolist() == [1, 2]
    assert made["target"].tolist() == ["M 32", "M 32"]
    assert made["started_at"].isna().all() and made["physical_filter"].isna().all()


def test_a_target_that_is_corrected(tmp_path):
    """A column that only exposures have is part of the look."""
    make_raw(tmp_path, SOME, (1, 0, "2020-02-12", 1, "M 31", 30))
    known = repository(tmp_path).look(NIGHT, None)
    assert repository(tmp_path).look(NIGHT, known) == known
    change(tmp_path, "update raw set object = 'M 33'")
    assert repository(tmp_path).look(NIGHT, known)["rows"] != known["rows"]
    assert repository(tmp_path).read(NIGHT).exposures["target"].tolist() == ["M 33"]


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("TAI", "2020-02-13T03:12:41.5", "2020-02-13T03:12:04.500000"),
        ("TAI", "2016-12-31T23:00:00", "2016-12-31T22:59:24"),
        ("UTC", "2020-02-13 03:12:41", "2020-02-13T03:12:41"),
        ("America/Santiago", "2020-02-13T03:12:41", "2020-02-13T06:12:41"),
        ("UTC", "2020-02-13", None),
        ("TAI", "yesterday evening", None),
        ("TAI", None, None),
    ],
)
def test_starts(tmp_path, zone, text, expected):
    """`zone` says what `dateObs` is; a date is no instant."""
    columns = "visit int, dayObs text, dateObs text, dataType text"
    make_raw(tmp_path, columns, (7, "2020-02-12", text, "COMPARISON"))
    (made,) = repository(tmp_path, zone=zone).read(NIGHT).exposures.itertuples(index=False)
    started = None if pd.isna(made.started_at) else made.started_at.tz_localize(None).isoformat()
    assert started == expected
    assert (made.exposure, made.observation_type) == ("7", "arc")


def test_values_of_any_type(tmp_path):
    """A value of another type costs only itself."""
    rows = [(1, 0, "2020-02-12", 1, 5, "long"), (2.0, 0, "2020-02-12", "x", b"\xff", 3)]
    make_raw(tmp_path, SOME, *rows)
    made = repository(tmp_path).read(NIGHT).exposures
    assert made["exposure"].tolist() == ["1", "2"]
    assert made["target"].tolist()[0] == "5" and pd.isna(made["exposure_time_s"][0])


def test_unknown_zone(tmp_path):
    """A zone that does not exist is refused."""
    with pytest.raises(UsageError, match="zone"):
        repository(tmp_path, zone="Mars")


def test_a_large_night(tmp_path):
    """Exposures take no longer than their 100,000 raws, and half a second."""
    rows = [(n // 9, n % 9, "2020-02-12", n // 9, f"field {n // 200}", 30) for n in range(100_000)]
    make_raw(tmp_path, SOME)
    with contextlib.closing(sqlite3.connect(tmp_path / "registry.sqlite3")) as connection:
        connection.executemany("insert into raw values (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    registry = repository(tmp_path).registry
    start = time.perf_counter()
    registry.raws_of(NIGHT)
    middle = time.perf_counter()
    exposures = to_exposures(*registry.exposures_of(NIGHT), "TAI")
    end = time.perf_counter()
    assert len(exposures) == 11_112 and end - middle < (middle - start) + 0.5
