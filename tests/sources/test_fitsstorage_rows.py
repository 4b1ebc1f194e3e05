"""The rows of FitsStorage's queues and of its table of files."""

import datetime

import pytest
from fitsdata import (
    NIGHT,
    TRACEBACK,
    UTC,
    by_stage,
    made_database,
    metrics,
    put,
    put_entries,
    put_file,
    source,
)

from observing_monitor.sources.shared.gemini import night_of_name, seq_num_of_name


@pytest.fixture
def fitsdata(postgres, request):
    """An empty FitsStorage database."""
    yield from made_database(postgres, request.node.name)


def test_names_tell_the_night():
    """Each form of name at Gemini has its night and number."""
    assert (
        night_of_name("N20160319S0018.fits.bz2")
        == night_of_name("20160319_GN-2016A-Q-1_obslog.txt")
        == NIGHT
    )
    assert (
        night_of_name("SDCH_20160319_0030.fits")
        == night_of_name("img_20160319_05h_10m.fits")
        == NIGHT
    )
    assert [
        night_of_name(name)
        for name in ("N20161319S0018.fits", "20160319.fits", "bias.fits", "", None)
    ] == [None] * 5
    assert [
        seq_num_of_name(name)
        for name in ("S20160319S0018_bias.fits", "SDCK_20160319_0030.fits", "img_20160319_1.fits")
    ] == [
        18,
        30,
        None,
    ]


def test_states_of_entries(fitsdata):
    """fail_dt, inprogress and `after` give an entry's state and time.

    `added` is UTC, `fail_dt` the server's local time.
    """
    failed = {"fail_dt": "2016-03-19 01:30:00"}
    put_entries(
        fitsdata,
        "ingest",
        {"filename": "N20160319S0001.fits"},
        {"filename": "N20160319S0002.fits", "inprogress": True},
        {"filename": "N20160319S0003.fits.bz2", "after": "2016-03-19 12:00:40"},
        {"filename": "N20160319S0004.fits", "after": "2016-03-19 11:59:00"},
        {"filename": "N20160319S0005.fits", "error": TRACEBACK, **failed},
        {"filename": "N20160319S0006.fits", "error": "tried before", "inprogress": True, **failed},
        {"filename": "N20160319S0005.fits", "added": "2016-03-19 11:59:00"},
        {"filename": "N20160318S0001.fits"},
        path="",
        added="2016-03-19 11:00:00",
    )
    reading = source(fitsdata).read(NIGHT)
    found = by_stage(reading, "ingest")
    assert found["N20160319S0001.fits"] == (
        "waiting",
        datetime.datetime(2016, 3, 19, 11, tzinfo=UTC),
        "waits in the ingest queue",
    )
    states = ["running", "deferred", "waiting", "running"]
    assert [found[f"N20160319S000{n}.fits"][0] for n in (2, 3, 4, 6)] == states
    deferred = "put off in the ingest queue until 2016-03-19 12:00:40 UTC"
    assert found["N20160319S0003.fits"][2] == deferred
    assert found["N20160319S0006.fits"][2] == "tried before"
    assert "N20160318S0001.fits" not in found
    twice = reading.attempts[reading.attempts["path"] == "N20160319S0005.fits"]
    twice = twice.sort_values("attempt")
    assert twice["status"].tolist() == ["failure", "waiting"]
    assert twice["attempt"].tolist() == [1, 2]
    assert twice["message"].iloc[0] == TRACEBACK
    assert twice["attempted_at"].iloc[0] == datetime.datetime(2016, 3, 19, 11, 30, tzinfo=UTC)
    now = metrics(reading)
    names = ("waiting", "running", "deferred", "failed")
    assert [now[f"queue_{name}", "ingest"] for name in names] == [4, 2, 1, 1]
    assert now["queue_oldest_s", "ingest"] == 3600
    texts = reading.metrics.set_index(["name", "node"])["text"]
    assert "2016-03-18: 1" in texts["queue_nights", "ingest"]


def put_in_other_queues(do):
    """Insert an entry of each kind into the queues other than ingest."""
    put_entries(
        do,
        "preview",
        {"diskfile_id": 1, "filename": "N20160319S0001.fits.bz2"},
        {
            "diskfile_id": 99,
            "filename": "N20160319S0009.fits",
            "fail_dt": "2016-03-18 20:00:00",
            "error": "no diskfile 99",
        },
    )
    first = {"filename": "N20160319S0001.fits", "added": "2016-03-19 06:00:01"}
    put_entries(do, "calcache", first, obs_hid=1, inprogress=True)
    put_entries(do, "export", first, path="", destination="https://archive.example")
    put_entries(
        do,
        "reduce",
        {"filenames": '{"N20160319S0002.fits","N20160319S0003.fits"}'},
        added="2016-03-19 07:00:00",
        recipe="makeProcessedBias",
    )
    put_entries(
        do,
        "fileops",
        {"request": "ping", "fail_dt": "2016-03-18 22:00:00", "error": "no"},
        {"request": '{"args": {"filename": "N20160319S0004.fits"}}'},
        added="2016-03-19 08:00:00",
        sortkey="2016-03-19 08:00:00",
    )


def test_other_queues(fitsdata):
    """Entries without `added`, or without a name, are not lost."""
    six = datetime.datetime(2016, 3, 19, 6, tzinfo=UTC)
    put_file(fitsdata, 1, "N20160319S0001.fits.bz2", f"{six}", label="GN-2016A-Q-1-1-001")
    put_in_other_queues(fitsdata)
    reading = source(fitsdata).read(NIGHT)
    assert reading.notes == []
    preview = by_stage(reading, "preview")
    assert preview["N20160319S0001.fits"][:2] == ("waiting", six)
    assert preview["N20160319S0009.fits"] == ("failure", six, "no diskfile 99")
    assert by_stage(reading, "calcache")["N20160319S0001.fits"][0] == "running"
    assert by_stage(reading, "reduce")["N20160319S0002.fits"][2].endswith(
        "Recipe: makeProcessedBias\n\nFiles: N20160319S0002.fits, N20160319S0003.fits"
    )
    fileops, nameless = by_stage(reading, "fileops"), "fileops: requests that name no file"
    assert fileops["N20160319S0004.fits"][0] == "waiting"
    assert fileops[nameless][2] == "no\n\nRequest: ping"
    destinations = reading.attempts.set_index("stage")["destination"]
    assert destinations["export"] == "https://archive.example"
    kinds = reading.files.set_index("file_id")["kind"]
    assert kinds[nameless] == "request" and kinds["N20160319S0004.fits"] == "fits"


def test_files(fitsdata):
    """Diskfile has the files and their ingests, header the exposures."""
    put_file(
        fitsdata,
        1,
        "N20160319S0001.fits.bz2",
        "2016-03-19 05:01:00+00",
        came="2016-03-18 19:00:40-10",
        label="GN-2016A-Q-1-1-001",
        file_size=7,
    )
    older = {"id": 2, "file_id": 1, "filename": "N20160319S0001.fits", "path": "old"}
    older |= {"present": False, "canonical": False, "file_size": 9}
    older |= {"lastmod": "2016-03-19 05:00:35+00", "entrytime": "2016-03-19 05:00:50+00"}
    put(fitsdata, "diskfile", **older)
    put_file(fitsdata, 3, "bias.fits", "2016-03-19 23:59:59+00")
    put_file(fitsdata, 4, "weather.fits", "2016-03-20 00:00:00+00")
    put_file(fitsdata, 5, "N20160320S0001.fits", "2016-03-19 23:00:00+00")
    put_file(fitsdata, 6, "S20160319S0044.fits", "2019-01-01 00:00:00+00", present=False)
    queued = {"filename": "N20160319S0007.fits", "added": "2016-03-19 11:00:00"}
    put_entries(fitsdata, "ingest", queued, path="")
    reading = source(fitsdata).read(NIGHT)
    files = reading.files.set_index("file_id")
    first, seventh = "N20160319S0001.fits", "N20160319S0007.fits"
    assert sorted(files.index) == [first, seventh, "S20160319S0044.fits", "bias.fits"]
    row = files.loc[first]
    assert row[["name", "size_bytes", "obsid", "seq_num"]].tolist() == [
        "N20160319S0001.fits.bz2",
        7,
        "GN-2016A-Q-1-1-001",
        1,
    ]
    assert row["exposed_at"] == datetime.datetime(2016, 3, 19, 5, 0, 30, tzinfo=UTC)
    assert row["transferred_at"] == datetime.datetime(2016, 3, 19, 5, 0, 40, tzinfo=UTC)
    assert not files.loc["S20160319S0044.fits", "on_disk"]
    assert files.loc[seventh, "on_disk"]
    eleven = datetime.datetime(2016, 3, 19, 11, tzinfo=UTC)
    assert files.loc[seventh, "transferred_at"] == eleven
    tried = reading.attempts[reading.attempts["path"] == first].sort_values("attempt")
    assert tried["status"].tolist() == ["success"] * 2
    assert tried["attempted_at"].dt.strftime("%M:%S").tolist() == ["00:50", "01:00"]
    assert source(fitsdata).nights() == {NIGHT, datetime.date(2016, 3, 20)}
    assert source(fitsdata, files=False).read(NIGHT).files is None


def test_entry_without_any_time(fitsdata):
    """An entry without time and night is shown, as of tonight."""
    put(fitsdata, "previewqueue", diskfile_id=99, filename="N20160319S0009.fits")
    put(fitsdata, "previewqueue", diskfile_id=98, filename="odd.fits")
    reading = source(fitsdata).read(NIGHT)
    attempt = ("waiting", None, "waits in the preview queue")
    assert by_stage(reading, "preview") == {"N20160319S0009.fits": attempt, "odd.fits": attempt}
    assert (
        sorted(reading.files["file_id"]) == ["N20160319S0009.fits", "odd.fits"]
        and reading.files["transferred_at"].isna().all()
    )
    assert source(fitsdata, rule="UTC-6h").read(datetime.date(2016, 3, 18)).files.empty
