"""Forms of tables, times and missing values that are plainly readable."""

import bz2
import datetime
import json
import lzma
import sqlite3

import pandas as pd
import pytest
from running import nights, run

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.broker_counts import BrokerCounts
from observing_monitor.sources.shared.cells import to_instants
from observing_monitor.sources.sql_query import SqlQuery
from observing_monitor.sources.table import Table

NIGHT = datetime.date(2021, 9, 1)
ASKED = Asked("any", NightRule.parse("UTC"), datetime.datetime(2021, 9, 3, tzinfo=datetime.UTC))
TIMED = {"columns": {"sampled_at": "time"}, "values": {"v": "v"}}
BY_NIGHT = {"night_column": "night", "values": {"v": "v"}}
INSTANTS = [pd.Timestamp("2021-09-01T05:13:01Z"), pd.Timestamp("2021-09-01T05:14:01Z")]


def read(path, night=NIGHT, **settings):
    """Return a table's reading of a night."""
    return Table(Table.Settings(path=path, **settings), ASKED).read(night)


@pytest.mark.parametrize(
    ("name", "text", "settings"),
    [
        ("t.csv", "time,v\n2021-09-01 05:13:01 UTC,3\n2021-09-01 05:14:01.000 UTC,14\n", {}),
        ("t.csv", "time,v\n2021-09-01T05:13:01Z,3\n2021-09-01T05:14:01 Z,14\n", {}),
        ("t.csv", "time,v\n2021-09-01 03:13:01-02:00,3\n2021-09-01 07:14:01 +0200,14\n", {}),
        ("t.csv", "time,v\n2021-09-01T05:13:01,3,\n2021-09-01T05:14:01,14,\n", {}),
        ("t.txt", "time                 v\n2021-09-01T05:13:01  3\n2021-09-01T05:14:01 14\n", {}),
        (
            "t.dat",
            "time                 v\n2021-09-01 05:13:01  3\n2021-09-01 05:14:01 14\n",
            {"separator": " "},
        ),
        ("t.csv", "# seeing log\n# time, v\n2021-09-01T05:13:01,3\n2021-09-01T05:14:01,14\n", {}),
        (
            "t.json",
            '[["time", "v"], ["2021-09-01T05:13:01", 3], ["2021-09-01T05:14:01", 14]]',
            {},
        ),
        (
            "t.json",
            '[["2021-09-01T05:13:01", 3], ["2021-09-01T05:14:01", 14]]',
            {"columns": {"sampled_at": "1"}, "values": {"v": "2"}},
        ),
        ("t.jsonl", '["time", "v"]\n["2021-09-01T05:13:01", 3]\n["2021-09-01T05:14:01", 14]\n', {}),
        (
            "t.json",
            '{"columns": ["time", "v"], "data": [["2021-09-01T05:13:01", 3],'
            ' ["2021-09-01T05:14:01", 14]]}',
            {},
        ),
        (
            "t.json",
            '{"2021-09-01": [{"time": "2021-09-01T05:13:01", "v": 3},'
            ' {"time": "2021-09-01T05:14:01", "v": 14}]}',
            {},
        ),
    ],
)
def test_forms_of_a_log(write, name, text, settings):
    """Two numbers with their times, in each form."""
    reading = read(write(name, text), **{**TIMED, **settings})
    assert reading.metrics["value"].tolist() == [3, 14] and not reading.notes
    assert reading.metrics["sampled_at"].tolist() == INSTANTS
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (2, 0)


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ({"2021-09-01": {"v": 3}, "2021-09-02": {"v": 14}}, {}),
        ({"20210901": [{"v": 3}], "20210902": [{"v": 14}]}, {}),
        ({"1704": {"v": 3}, "1705": {"v": 14}}, {"night_format": "nid"}),
        ({"2021-09-01": 3, "2021-09-02": 14}, {"values": {"v": "value"}}),
        ({"2021-09-01": [3], "2021-09-02": [14]}, {"values": {"v": "1"}}),
        ([{"night": "2021-09-01", "v": 3}, {"night": "2021-09-02", "v": 14}], {}),
    ],
)
def test_json_keyed_by_night(write, content, settings):
    """An object whose keys are nights has their rows."""
    path = write("t.json", json.dumps(content))
    for night, value in ((NIGHT, 3), (datetime.date(2021, 9, 2), 14)):
        reading = read(path, night, **{**BY_NIGHT, **settings})
        assert reading.metrics["value"].tolist() == [value]


@pytest.mark.parametrize("settings", [BY_NIGHT, {"values": {"v": "v"}}, TIMED])
def test_key_that_is_no_date(write, settings):
    """A key that is no date is named, and the nights are read."""
    row = {"time": "2021-09-01T05:13:01", "v": 3}
    path = write("t.json", json.dumps({"2021-09-01": row, "total": {"time": None, "v": 3}}))
    reading = read(path, **{"night_column": "night", **settings})
    assert reading.metrics["value"].tolist() == [3]
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.examples) == (2, [("row 2", "'night' is 'total'")])


def test_object_whose_keys_are_no_nights_is_one_row(tmp_path, write):
    """Objects inside an object are columns, unless all keys are nights."""
    write("n_2021-09-01.json", '{"2021-09-01": {"v": 3}, "more": {"v": 4}}')
    reading = read(tmp_path / "n_{night}.json", values={"a": "2021-09-01.v", "b": "more.v"})
    assert reading.metrics["value"].tolist() == [3, 4]


def test_lists_without_names(write):
    """Lists without names need numbers as names, and the message says so."""
    path = write("t.json", '[["2021-09-01T05:13:01", 3]]')
    with pytest.raises(
        SourceError, match=r"no column 'time'; its rows are lists: .* \"1\" to \"2\""
    ):
        read(path, **TIMED)


@pytest.mark.parametrize(("ending", "pack"), [(".xz", lzma.compress), (".bz2", bz2.compress)])
def test_compressed_table(tmp_path, ending, pack):
    """The format of a compressed table follows from its name."""
    path = tmp_path / f"t.csv{ending}"
    path.write_bytes(pack(b"night,v\n2021-09-01,3\n"))
    assert read(path, **BY_NIGHT).metrics["value"].tolist() == [3]


@pytest.mark.parametrize("word", ["", "NaN", "null", "None", "-", "--", "n/a", "NaT"])
def test_no_time_and_no_number(write, word):
    """Each word for nothing is no time and no number, and not odd."""
    text = f"name,at,size\na.fits,{word},{word}\n"
    path = write("2021-09-01.csv", text)
    reading = read(
        path.parent / "{night}.csv",
        feeds="files",
        columns={"name": "name", "transferred_at": "at", "size_bytes": "size"},
    )
    (row,) = reading.files.itertuples()
    assert pd.isna(row.transferred_at) and pd.isna(row.size_bytes) and not reading.notes


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2021-09-01 05:13:01 UTC", "iso", "05:13:01"),
        ("2021-09-01 05:13:01utc", "iso", "05:13:01"),
        ("2021-09-01 05:13 GMT", "iso", "05:13:00"),
        ("2021-09-01T05:13:01z", "iso", "05:13:01"),
        ("2021-09-01 05:13:01 -0200", "iso", "07:13:01"),
        ("2021-09-01 05:13:01 -02", "iso", "07:13:01"),
        ("01.09.2021 05:13 UTC", "%d.%m.%Y %H:%M", "05:13:00"),
        ("01.09.2021 05:13 UTC", "%d.%m.%Y %H:%M %Z", "05:13:00"),
        ("2021-09-01 05:13:01", "iso", "15:13:01"),
        ("01.09.2021 05:13", "%d.%m.%Y %H:%M", "15:13:00"),
    ],
)
def test_zone_in_the_text_wins(text, form, expected):
    """A zone in the text wins over the setting, however it is written."""
    (at,) = to_instants(pd.Series([text], dtype="object"), form, "Pacific/Honolulu")
    assert f"{at:%F %T}" == f"2021-09-01 {expected}"


@pytest.mark.parametrize("text", ["soon", "2021-09-01 25:00:00 UTC", "UTC", "2021-13-01 05:13 Z"])
def test_text_that_is_no_time(text):
    """A zone at its end makes no time of a text."""
    assert to_instants(pd.Series([text], dtype="object"), "iso", "UTC").isna().all()


def test_missing_values(write):
    """Values of `missing` mean nothing in any column, as numbers or as texts."""
    text = "night,v,who\n2021-09-01,-99.0, Unknown\n2021-09-01,3,me\n2021-09-01,-99.5,unknown?\n"
    settings = {"night_column": "night", "values": {"v": "v", "who": "who"}}
    path = write("t.csv", text)
    kept = read(path, missing=[-99, "unknown"], **settings).metrics
    assert kept["value"].dropna().tolist() == [3, -99.5]
    assert kept["text"].dropna().tolist() == ["no data", "no data", "me", "unknown?"]
    assert -99 in read(path, **settings).metrics["value"].tolist()


def test_missing_values_of_other_sources(write, tmp_path):
    """`sql` and `broker_counts` have the setting `missing`, too."""
    path = write("counts.csv", "night,alerts_produced,avros_stored\n2021-09-01,-99,7\n")
    settings = BrokerCounts.Settings(path=path, missing=["-99"])
    metrics = BrokerCounts(settings, ASKED).read(NIGHT).metrics.set_index("name")["value"]
    assert pd.isna(metrics["alerts_produced"]) and metrics["avros_stored"] == 7
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.executescript(
            "create table t(time text, v real);"
            "insert into t values('2021-09-01 05:13:01 UTC', -99), ('2021-09-01 05:14:01 UTC', 3)"
        )
    query = {"file": tmp_path / "x.db", "query": "select time, v from t", "missing": [-99]}
    metrics = SqlQuery(SqlQuery.Settings(**query, **TIMED), ASKED).read(NIGHT).metrics
    assert metrics["value"].fillna(0).tolist() == [0, 3]
    assert metrics["sampled_at"].tolist() == INSTANTS


def test_broker_counts_in_other_forms(write):
    """Counts may have a last comma, or a header in a comment."""
    for text in (
        "topic,alerts_produced,messages_published\nztf_20210901_programid1,3,4,\n",
        "# topic,alerts_produced,messages_published\nztf_20210901_programid1,3,4\n",
        "topic;alerts_produced;messages_published\nztf_20210901_programid1;3;4\n",
    ):
        source = BrokerCounts(BrokerCounts.Settings(path=write("c.csv", text)), ASKED)
        metrics = source.read(NIGHT).metrics
        whole = metrics[metrics["node"].isna()].set_index("name")["value"]
        assert whole["alerts_produced"] == 3 and whole["messages_published"] == 4


def test_separator_that_separates_nothing(tmp_path):
    """A separator of several characters is refused by both sources."""
    with pytest.raises(UsageError, match="separates no cells"):
        read(tmp_path / "t.csv", separator="||", **BY_NIGHT)
    with pytest.raises(UsageError, match="separates no cells"):
        BrokerCounts(BrokerCounts.Settings(path=tmp_path / "t.csv", separator="||"), ASKED)


def test_quote_that_is_never_closed_costs_no_other_night(write, tmp_path, capsys):
    """Only the night of an open quote is missing, with its line."""
    write(
        "log.csv",
        'night,n,comment\n2021-09-01,1,"clear"\n2021-09-02,2,"clouds\n2021-09-03,3,fine\n'
        '2021-09-04,4,"dome closed at 9h"\n2021-09-05,5,fine\n',
    )
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.s]\nnight_rule = "UTC"\n'
        '[[streams.s.sources]]\ntype = "table"\npath = "log.csv"\nnight_column = "night"\n'
        'values = {n = "n"}\nheadlines = ["n"]\n'
    )
    now = datetime.datetime(2021, 9, 6, tzinfo=datetime.UTC)
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=now) == 0
    found = {night: row["n"] for night, row in nights(tmp_path / "site" / "s").items()}
    assert found == {f"2021-09-0{n}": n for n in (1, 3, 4, 5)}
    assert "line 3: a quote is never closed" in (tmp_path / "site/s/2021-09-05.html").read_text()


def test_file_of_a_row_that_is_left_out_is_not_gone(write, tmp_path):
    """Files stay if the table cannot say that they are gone."""
    config = tmp_path / "site.toml"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.s]\nnight_rule = "UTC"\n'
        '[[streams.s.sources]]\ntype = "table"\npath = "f.csv"\nfeeds = "files"\n'
        'columns = {name = "name", created_at = "at"}\n'
    )
    rows = "name,at\na.fits,2021-09-01 05:00:00\nb.fits,2021-09-01 06:00:00\n"
    gone = []
    for text in (rows, rows[:-20] + "\n", rows[:-27], rows):
        write("f.csv", text)
        run("-c", config, "--first_day", "2021-09-01", "--last_day", "2021-09-01", now=ASKED.now)
        night = nights(tmp_path / "site" / "s")["2021-09-01"]
        gone.append((night["n_files"], night["n_gone"]))
    assert gone == [(2, 0), (2, 0), (2, 1), (2, 0)]
