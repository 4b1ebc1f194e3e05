"""Exposures from tables and queries, by a mapping of their columns."""

import collections
import csv
import datetime
import sqlite3
from contextlib import closing

import pytest

from observing_monitor.errors import UsageError
from observing_monitor.model import columns
from observing_monitor.model.nights import EPOCH, NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.sql_query import SqlQuery
from observing_monitor.sources.table import Table

NOW = datetime.datetime(2025, 4, 1, tzinfo=datetime.UTC)
MST_NOON = "UTC-19h"  # DESI's nights begin at noon of Arizona
DESI = {
    "feeds": "exposures",
    "columns": {
        "exposure": "EXPID",
        "started_at": "MJD-OBS",
        "exposure_time_s": "EXPTIME",
        "observation_type": "OBSTYPE",
        "target": "TILEID",
        "program": "PROGRAM",
        "observation_reason": "PURPOSE",
        "group": "SURVEY",
        "airmass": "AIRMASS",
        "ra_deg": "TARGTRA",
        "dec_deg": "TARGTDEC",
        "comment": "EXPFLAG",
    },
    "constants": {"instrument": "DESI"},
    "time_format": "mjd",
    "missing": [-99, "unknown"],
    "measures": {"speed": "SPEED", "effective_time": "EFFTIME_ETC"},
    "units": {"effective_time": "s"},
}
OURS = {"zero": "bias", "dark": "dark", "flat": "flat", "arc": "arc", "science": "science"}


def asked(rule):
    """Return a request to a source."""
    return Asked("any", NightRule.parse(rule), NOW)


def table(path, rule="UTC", **settings):
    """Return a source on a path."""
    return Table(Table.Settings(path=path, **settings), asked(rule))


def rows_of(path):
    """Return the rows of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "n_exposures"), [("20211129", {"science": 35}), ("20250318", {"science": 35})]
)
@pytest.mark.parametrize("by", ["column", "clock"])
def test_desi_nights(shared_data, name, n_exposures, by):
    """Both real nights are whole: types, programs, times, numbers."""
    path = shared_data / "desi" / f"exposure_table_{name}.csv"
    theirs = rows_of(path)
    more = {"night_column": "NIGHT"} if by == "column" else {}
    source = table(path, MST_NOON, **DESI, **more)
    (night,) = source.nights()
    assert f"{night:%Y%m%d}" == name
    reading = source.read(night)
    made = reading.exposures.set_index("exposure")
    assert list(made.index) == [row["EXPID"] for row in theirs] and not reading.notes
    assert made["observation_type"].tolist() == [OURS[row["OBSTYPE"]] for row in theirs]
    counted = made["observation_type"].value_counts()
    assert n_exposures.items() <= counted.to_dict().items()
    assert made["program"].value_counts().to_dict() == collections.Counter(
        row["PROGRAM"] for row in theirs
    )
    open_s = made.groupby("observation_type")["exposure_time_s"].sum().to_dict()
    for type_, ours in OURS.items():
        seconds = sum(float(row["EXPTIME"]) for row in theirs if row["OBSTYPE"] == type_)
        assert open_s[ours] == pytest.approx(seconds)
    for row, (_, own) in zip(theirs, made.iterrows(), strict=True):
        at = EPOCH + datetime.timedelta(days=float(row["MJD-OBS"]) - 40587)
        assert abs(own["started_at"] - at) < datetime.timedelta(milliseconds=1)
        assert own["instrument"] == "DESI" and own["airmass"] == float(row["AIRMASS"])
        is_known = row["TILEID"] != "-99"
        assert (own["target"] == row["TILEID"]) if is_known else own.isna()["target"]
        flag = row["EXPFLAG"].strip("|")
        assert (own["comment"] == flag) if flag else own.isna()["comment"]
    speeds = {row["EXPID"]: float(row["SPEED"]) for row in theirs if float(row["SPEED"]) != -99}
    own = reading.metrics[reading.metrics["name"] == "speed"]
    assert dict(zip(own["exposure"], own["value"], strict=True)) == speeds and speeds
    starts = own["exposure"].map(made["started_at"])
    assert (own["sampled_at"] == starts).all()
    times = reading.metrics[reading.metrics["name"] == "effective_time"]
    assert set(times["unit"]) == {"s"} and times["value"].min() >= 0
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (len(theirs), 0)


def test_a_target_that_is_corrected(shared_data, tmp_path):
    """A row that is corrected later is noticed."""
    path = tmp_path / "table.csv"
    text = (shared_data / "desi" / "exposure_table_20211129.csv").read_text()
    path.write_text(text)
    night = datetime.date(2021, 11, 29)
    first = table(path, MST_NOON, **DESI).look(night, None)
    assert table(path, MST_NOON, **DESI).look(night, first) == first
    path.write_text(text.replace("science,5122,", "science,15123,"))
    source = table(path, MST_NOON, **DESI)
    assert source.look(night, first) != first
    assert "15123" in set(source.read(night).exposures["target"])


def test_query(tmp_path):
    """A query with a row per detector gives each exposure once."""
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table log (id, n, at, type, sky, fwhm, why)")
        for n in range(4):
            at = f"2025-03-18 05:0{n}:00"
            type_, sky = (("SKYFLAT", 1), ("zero", 0), ("wobble", None), (None, "yes"))[n]
            for _ in range(2):
                row = (f"x{n}", n + 1, at, type_, sky, (0.8, None, -1, "bad")[n], "a|b|")
                connection.execute("insert into log values (?, ?, ?, ?, ?, ?, ?)", row)
    settings = {
        "file": path,
        "query": "select * from log where at >= :start and at < :end",
        "feeds": "exposures",
        "columns": {
            "obsid": "id",
            "seq_num": "n",
            "started_at": "at",
            "observation_type": "type",
            "can_see_sky": "sky",
            "comment": "why",
        },
        "types": {"WOBBLE": "test"},
        "measures": {"seeing": "fwhm"},
        "missing": [-1],
    }
    reading = SqlQuery(SqlQuery.Settings(**settings), asked("UTC")).read(datetime.date(2025, 3, 18))
    made = reading.exposures
    assert made["obsid"].tolist() == ["x0", "x1", "x2", "x3"] and made["exposure"].isna().all()
    types = made["observation_type"].astype("object")
    assert types.where(types.notna(), None).tolist() == ["flat", "bias", "test", None]
    assert made["observation_type_original"].tolist()[:3] == ["SKYFLAT", "zero", "wobble"]
    flags = made["can_see_sky"].astype("object")
    assert flags.where(flags.notna(), None).tolist() == [True, False, None, True]
    assert set(made["comment"]) == {"a; b"}
    numbers = reading.metrics
    assert numbers["exposure"].tolist() == ["x0", "x3"]
    assert numbers["value"].tolist()[0] == 0.8 and numbers["text"].tolist()[1] == "bad"
    assert sum(one.n_read for one in reading.counts.values()) == 8


def test_numbers_only(write):
    """A table may name exposures by their numbers alone."""
    path = write("log.csv", "n,at\n1,2025-03-18 05:00:00\n,2025-03-18 05:01:00\n3,\n")
    source = table(path, feeds="exposures", columns={"seq_num": "n", "started_at": "at"})
    reading = source.read(datetime.date(2025, 3, 18))
    assert reading.exposures["seq_num"].tolist() == [1] and reading.metrics is None
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (3, 2)
    assert [column.name for column in columns.EXPOSURES] == list(reading.exposures.columns)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"columns": {"started_at": "at"}},
            "nothing names the exposures; set columns.exposure, columns.obsid or columns.seq_num",
        ),
        (
            {"columns": {"exposure": "id"}},
            "nothing tells the night of a row; set night_column, columns.started_at",
        ),
        (
            {"columns": {"exposure": "id", "started_at": "at", "filter": "f"}},
            "our table of exposures has no column 'filter'; did you mean 'physical_filter'",
        ),
        (
            {"columns": {"exposure": "id", "started_at": "at"}, "types": {"zero": "bais"}},
            "types: 'bais' is no type of exposures; did you mean 'bias'",
        ),
        (
            {"columns": {"exposure": "id", "started_at": "at"}, "values": {"seeing": "f"}},
            "numbers of exposures belong into measures",
        ),
        (
            {"feeds": "metrics", "night_column": "n", "values": {"a": "b"}, "measures": {"a": "b"}},
            'measures needs feeds = "exposures"',
        ),
    ],
)
def test_what_a_mapping_lacks(settings, message):
    """A mapping that lacks something is refused, with the remedy."""
    with pytest.raises(UsageError, match=message):
        table("log.csv", **{"feeds": "exposures", **settings})
