"""Every source counts the rows that it read and left out."""

import dataclasses
import datetime
import json
import os
import sqlite3

import pytest
from broker_nights import THREE_FORMS, asked
from filestore import put, store
from hostile import stream_of
from small_inputs import KINDS, NIGHT, NOW

from observing_monitor.collecting.rows import MAX_PLACES, nothing_understood, rows_of
from observing_monitor.collecting.sources import make_sources
from observing_monitor.model.nights import NightRule
from observing_monitor.sources import Counts, Reading
from observing_monitor.sources.broker_counts import BrokerCounts
from observing_monitor.sources.bucket_listing import BucketListing

# kind -> by source: rows read. Of Gen2, these are 5 raws and 6 links.
N_READ = {
    # 7 files, and 7 lines in each of two logs
    "files": [21],
    "gen2": [6, 11],
    "gen3": [20],
    "dbb": [5],
    "lasair": [9],
    "lasair, a table": [3],
    "broker_counts": [2],
    "bucket_listing": [10],
    "fitsstorage_logs": [8],
    "lwa": [7],
    "expected": [3],
    "summit": [2],
    "notes": [3],
    "sql": [4, 4],
    "table, CSV": [8],
    "table, JSON": [4],
    "table, JSON lines": [4],
    "table, exposures": [4],
}


def readings(folder, kind):
    """Return what the sources of a kind read of the night."""
    sources, _ = KINDS[kind](folder)
    return [read(source) for source in make_sources(stream_of(sources), NOW)]


def read(source, night=NIGHT):
    """Return a source's reading of a night."""
    source.look(night, None)
    return source.read(night)


def total(reading):
    """Return rows read and left out of all places, and the examples."""
    counts = list(reading.counts.values())
    return (
        sum(one.n_read for one in counts),
        sum(one.n_left_out for one in counts),
        [example for one in counts for example in one.examples],
    )


def one_source(**settings):
    """Return a source with these settings."""
    return make_sources(stream_of([settings]), NOW)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_sources_count_their_rows(tmp_path, kind):
    """Each row of a valid input is counted, and none is left out."""
    found = [total(reading) for reading in readings(tmp_path, kind)]
    assert [n_read for n_read, _, _ in found] == N_READ[kind]
    assert [left_out for _, left_out, _ in found] == [0] * len(found)


def test_places_name_what_was_read(tmp_path):
    """A file is one place for all nights, a folder one per night."""
    ((path, counts),) = readings(tmp_path, "table, JSON")[0].counts.items()
    assert path == f"{tmp_path}/files.json" and counts.n_used == 4
    put(tmp_path / "store" / str(NIGHT) / "a.fits")
    assert list(store(tmp_path / "store").read(NIGHT).counts) == [
        f"{tmp_path}/store, night {NIGHT}"
    ]


@pytest.mark.parametrize(
    ("text", "n_read", "examples"),
    [
        (
            "time,v\n2020-02-12T23:00:00,1\nnever,2\n,3\n",
            3,
            [("line 3", "'time' is 'never'")],
        ),
        (
            "time,v\n2020-02-12T23:00:00,1\n2020-02-12T23:30:00\n",
            2,
            [("line 3", "fewer cells than the header has; was it cut?")],
        ),
    ],
)
def test_table_without_night_or_cell(tmp_path, text, n_read, examples):
    """Rows without a night, and of another shape, are left out."""
    (tmp_path / "t.csv").write_text(text)
    source = one_source(
        type="table",
        path=tmp_path / "t.csv",
        columns={"sampled_at": "time"},
        values={"v": "v"},
    )
    reading = read(source)
    found, left_out, first = total(reading)
    assert (found, left_out, first) == (n_read, n_read - 1, examples)
    assert len(reading.metrics) == 1
    # other nights say the same of the file
    other = source.read(NIGHT + datetime.timedelta(days=9))
    assert other.counts == reading.counts and not len(other.metrics)


def test_table_of_files_without_a_name(tmp_path):
    """A row that names no file is left out, of whichever night it is."""
    rows = [
        {"path": "a.fits", "time": "2020-02-12T23:00:00"},
        {"path": " ", "time": "2020-02-12T06:00:00"},
        {"path": None, "time": "2020-02-19T06:00:00"},
        {"path": None, "time": "no time"},
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    columns = {"path": "path", "created_at": "time"}
    source = one_source(type="table", path=tmp_path / "t.json", feeds="files", columns=columns)
    reading = read(source)
    assert total(reading) == (
        4,
        3,
        [("row 2", "'path' is empty"), ("row 4", "'time' is 'no time'")],
    )
    assert list(reading.files["path"]) == ["a.fits"]


def test_query_of_a_night_and_of_all(tmp_path):
    """A query is a place; one that selects the night is a place for each."""
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("create table t (time text, v int)")
        rows = [("2020-02-12 23:00:00", 1), ("soon", 2)]
        connection.executemany("insert into t values (?, ?)", rows)
    connection.close()
    settings = {
        "type": "sql",
        "file": tmp_path / "x.db",
        "columns": {"sampled_at": "time"},
        "values": {"v": "v"},
    }
    reading = read(one_source(query="select time, v from t", **settings))
    assert total(reading) == (2, 1, [("row 2", "'time' is 'soon'")])
    (place,) = reading.counts
    query = "select time, v from t where time >= :start and time < :end"
    reading = read(one_source(query=query, **settings))
    assert list(reading.counts) == [f"{place}, night {NIGHT}"]
    assert total(reading) == (1, 0, [])


def test_broker_counts_without_a_night(tmp_path):
    """A line whose topic has no night is left out."""
    (tmp_path / "counts.csv").write_text(
        "topic,alerts_produced\nztf_20200212_programid1,5\nsum,5\n"
    )
    source = BrokerCounts(BrokerCounts.Settings(path=tmp_path / "counts.csv"), asked())
    assert total(read(source)) == (2, 1, [("line 3", "'topic' is 'sum'")])


def test_lines_of_a_listing(tmp_path):
    """Lines that name no alert are left out; folders and the sum are no rows."""
    lines = ["gs://bucket/folder/:", "", *THREE_FORMS, "Access denied", "TOTAL: 3 objects, 9 bytes"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    source = BucketListing(BucketListing.Settings(path=tmp_path / "list.txt"), asked())
    expected = (4, 1, [("line 6", "no alert's file (Access denied)")])
    assert total(read(source, datetime.date(2021, 9, 1))) == expected


def test_lines_of_a_transfer_log(tmp_path):
    """Lines that rsync does not write are left out, but not half a line."""
    put(tmp_path / "storage" / str(NIGHT) / "a.fits")
    (tmp_path / "rsync.log").write_text(
        "2020/02/12 17:20:00 [123] receiving file list\n"
        f"2020/02/12 17:20:01 [123] >f+++++++++ {NIGHT}/a.fits\n"
        "yesterday: a.fits came\n"
        "2020/02/12 17:2"
    )
    counts = read(store(tmp_path / "storage", transfer_log="rsync.log*")).counts
    log = counts[f"{tmp_path}/rsync.log"]
    assert (log.n_read, log.n_left_out) == (2, 1)
    assert log.examples == [("", "'yesterday: a.fits came' is no line of rsync")]


def test_links_that_the_pattern_does_not_match(tmp_path):
    """FITS files below raw/ whose name has no exposure are left out."""
    sources, _ = KINDS["gen2"](tmp_path)
    put(tmp_path / "gen2repo" / "raw" / str(NIGHT) / "focus.fits")
    put(tmp_path / "gen2repo" / "raw" / str(NIGHT) / "notes.txt")
    (_, source) = make_sources(stream_of(sources), NOW)
    found, left_out, examples = total(read(source))
    assert (found, left_out) == (12, 1)
    assert examples[0][0] == f"{NIGHT}/focus.fits"


def test_messages_of_the_summit(tmp_path):
    """Messages that make no sense are left out, and files that are none."""
    sources, _ = KINDS["summit"](tmp_path)
    inside = tmp_path / "20200212"
    (inside / "odd.json").write_text('{"imageName": "a"}')
    (inside / "cut.jsonl").write_text('{"imag')
    (source,) = make_sources(stream_of(sources), NOW)
    reading = read(source)
    assert list(reading.counts) == [f"{tmp_path}, night {NIGHT}"]
    found, left_out, examples = total(reading)
    assert (found, left_out) == (4, 2)
    assert sorted(where.rpartition("/")[2] for where, _ in examples) == ["cut.jsonl", "odd.json"]


def test_exposures_without_a_date(tmp_path):
    """Names in a list of all nights that have no date are left out."""
    (tmp_path / "list.csv").write_text("obsid\nMC_O_20200212_000001\nflat 3\n")
    source = one_source(type="expected", exposures=tmp_path / "list.csv")
    assert total(read(source)) == (2, 1, [("flat 3", "its name has no date, so no night")])


def test_unknown_messages_of_a_service(tmp_path):
    """Unknown messages of a service, and files that are no log, are left out."""
    sources, (log, _) = KINDS["fitsstorage_logs"](tmp_path)
    line = "2020-02-12 04:33:00,000 28851:service_ingest_queue:41 INFO: Frobnicating\n"
    log.write_text(log.read_text() + line)
    (tmp_path / "other.log").write_text("hello\nworld\n")
    (source,) = make_sources(stream_of(sources), NOW)
    found, left_out, examples = total(read(source))
    assert (found, left_out) == (11, 3)
    assert ("service_ingest_queue", "unknown message: Frobnicating") in examples


def test_monitor_points_that_make_no_sense(tmp_path):
    """Points that are no JSON, and of unnamed bands, are left out."""
    sources, (dump,) = KINDS["lwa"](tmp_path)
    points = json.loads(dump.read_text())
    points["/mon/drvs1/op-type"] = "no point"
    points["/mon/drvs9/summary"] = points["/mon/drvs1/summary"]
    dump.write_text(json.dumps(points))
    os.utime(dump, (NOW.timestamp(), NOW.timestamp()))
    (source,) = make_sources(stream_of(sources), NOW)
    night = NightRule().night_of(NOW)
    found, left_out, examples = total(read(source, night))
    assert (found, left_out) == (9, 2)
    assert ("/mon/drvs9/summary", "recorders does not name drvs9") in examples


def test_files_of_the_data_backbone_without_a_name(tmp_path):
    """A file without a name, or without any night, is left out."""
    sources, (path,) = KINDS["dbb"](tmp_path)
    with sqlite3.connect(path) as connection:
        row = "(7, '2020-02-12', null, 'x', 1, '2020-02-12 23:00:00.000000')"
        connection.execute(f"insert into files values {row}")
        row = "(8, 'here', 'b.fits', 'x', 1, '2020-02-12 25:00')"
        connection.execute(f"insert into files values {row}")
    connection.close()
    (source,) = make_sources(stream_of(sources), NOW)
    found, left_out, examples = total(read(source))
    assert (found, left_out) == (7, 2)
    assert examples[0] == ("file 7", "has no filename")
    assert examples[1][0] == "file 8"


# --- what is kept of counts -----------------------------------------------------------------------


def test_readings_of_earlier_packages_have_no_counts():
    """A reading made as before says nothing of rows: that is not zero."""
    fields = [field.name for field in dataclasses.fields(Reading)]
    assert {"counts", "fault"} <= set(fields[8:])
    reading = Reading(None, None, None, [], [], (), True, False)
    assert (reading.append, reading.counts, reading.fault) == (True, None, "")


def test_many_places_are_added_up():
    """Places with rows left out are kept, though there are many others."""
    counts = {f"file {n:03}": Counts(10) for n in range(MAX_PLACES + 30)}
    counts["file 079"].leave_out("line 3", "odd")
    rows = rows_of(counts)
    assert len(rows) == MAX_PLACES + 1
    assert rows["file 079"] == (10, 1, [("line 3", "odd")])
    (others,) = [rows[place] for place in rows if "more places" in place]
    assert others == (300, 0, [])
    assert rows_of(counts) == rows


def test_nothing_understood():
    """A reading is not understood if none of its places is."""
    odd, fine = Counts(2), Counts(2)
    odd.leave_out("line 1", "odd", 2)
    assert nothing_understood(rows_of({"a": odd})) == (
        "a: 2 rows, none understood; first: line 1, odd"
    )
    assert nothing_understood(rows_of({"a": odd, "b": odd})).endswith("(and 1 more such place)")
    for other in (fine, Counts()):
        assert nothing_understood(rows_of({"a": odd, "b": other})) == ""
    assert nothing_understood({}) == ""


def test_examples_are_the_first():
    """Only the first examples are kept, all rows are counted."""
    counts = Counts(100)
    for number in range(50):
        counts.leave_out(f"line {number}", "odd", 2)
    assert (counts.n_used, counts.n_left_out) == (0, 100)
    assert [where for where, _ in counts.examples] == ["line 0", "line 1", "line 2"]
