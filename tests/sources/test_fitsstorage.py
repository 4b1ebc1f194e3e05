"""FitsStorage's database as a source: looks, faults, and a whole site."""

import datetime
import json
import socket
import threading
from pathlib import Path

import pytest
from conftest import need
from fitsdata import (
    NIGHT,
    NOW,
    TRACEBACK,
    by_stage,
    made_database,
    put,
    put_entries,
    put_file,
    source,
)
from running import counts, nights, run
from servers import PostgreSQL

from observing_monitor.errors import SourceError, UsageError


@pytest.fixture
def fitsdata(postgres, request):
    """An empty FitsStorage database."""
    yield from made_database(postgres, request.node.name)


def test_look_differs_when_the_night_did(fitsdata):
    """A look changes with the night's files, entries, and their time."""
    night = datetime.date(2016, 3, 17)
    put_file(fitsdata, 1, "N20160317S0001.fits", "2016-03-17 05:01:00+00")
    put(
        fitsdata,
        "exportqueue",
        filename="N20160317S0001.fits",
        destination="a",
        added="2016-03-19 11:00:00",
        after="2016-03-19 12:30:00",
    )
    before = source(fitsdata).look(night, None)
    assert json.loads(json.dumps(before)) == source(fitsdata).look(night, before) == before
    later = NOW + datetime.timedelta(hours=1)
    assert source(fitsdata, now=later).look(night, before) != before
    put(
        fitsdata,
        "exportqueue",
        filename="N20160317S0002.fits",
        destination="a",
        added="2016-03-19 11:00:00",
    )
    second = source(fitsdata).look(night, before)
    assert second != before
    fitsdata("update diskfile set present = false")
    assert source(fitsdata).look(night, second) != second
    assert source(fitsdata).look(NIGHT, None) != source(fitsdata, now=later).look(NIGHT, None)


def test_absent_tables_and_columns_are_notes(fitsdata):
    """Each missing table or column is noted, and the others are read."""
    put(
        fitsdata,
        "exportqueue",
        filename="N20160319S0001.fits",
        destination="a",
        added="2016-03-19 11:00:00",
        fail_dt="2016-03-19 01:00:00",
    )
    fitsdata(
        "drop table reducequeue",
        "alter table exportqueue drop column error",
        "alter table calcachequeue drop column id",
        "drop table header",
    )
    fitsdata(
        "alter table ingestqueue drop column fail_dt",
        "insert into ingestqueue (filename, added) "
        "values ('N20160319S0002.fits', '2016-03-19 11:00:00')",
    )
    known = source(fitsdata).look(NIGHT, None)
    fitsdata("drop table diskfile cascade")
    made = source(fitsdata)
    reading = made.read(NIGHT)
    expected = (
        "no table reducequeue",
        "exportqueue has no column error",
        "calcachequeue has no column id",
        "ingestqueue has no column fail",
        "no table diskfile",
    )
    for words in expected:
        assert sum(words in note for note in reading.notes) == 1, words
    assert len(reading.notes) == 5
    assert (
        by_stage(reading, "export")["N20160319S0001.fits"][2]
        == "failed in the export queue, which doesn't say why"
    )
    assert by_stage(reading, "ingest")["N20160319S0002.fits"][0] == "waiting"
    with pytest.raises(SourceError, match="diskfile can't be read any more"):
        made.look(NIGHT, known)


def test_time_zone_of_the_database(fitsdata):
    """A TimeZone that shifts the times of diskfile is noted tonight."""
    put_file(fitsdata, 1, "N20160319S0001.fits", "2016-03-19 05:01:00+00")
    assert source(fitsdata).read(NIGHT).notes == []
    fitsdata(f"alter database \"{fitsdata.name}\" set timezone to 'Etc/UTC'")
    (note,) = source(fitsdata).read(NIGHT).notes
    assert (
        "PostgreSQL's TimeZone is Etc/UTC, but zone is Pacific/Honolulu: the times of diskfile "
        "are shifted by 10 h" in note
    )
    assert source(fitsdata, zone="Etc/UTC").read(NIGHT).notes == []
    assert source(fitsdata, zone="Africa/Abidjan").read(NIGHT).notes == []
    assert source(fitsdata).read(NIGHT - datetime.timedelta(days=1)).notes == []
    fitsdata("drop table diskfile cascade")
    assert not [note for note in source(fitsdata).read(NIGHT).notes if "TimeZone" in note]


def test_settings_that_are_wrong():
    """A wrong zone or queue is reported with what to write instead."""
    with pytest.raises(UsageError, match="zone .HST/Maunakea. is no time zone"):
        source("postgresql://x/y", zone="HST/Maunakea")
    with pytest.raises(UsageError, match="fileops"):
        source("postgresql://x/y", queues=["ingests"])


def test_server_that_is_down_slow_or_refuses(fitsdata, monkeypatch):
    """A server that fails is an error, in time and without password."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="127.0.0.1"):
            source(
                f"postgresql://tester:s3cret@127.0.0.1:{closed.getsockname()[1]}/x", timeout_s=2
            ).look(NIGHT, None)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(SourceError, match="imeout"):
            source(
                f"postgresql://tester:s3cret@127.0.0.1:{mute.getsockname()[1]}/x", timeout_s=2
            ).look(NIGHT, None)
    locked, release = threading.Event(), threading.Event()

    def lock():
        import psycopg2

        connection = psycopg2.connect(fitsdata.url.replace("+psycopg2", ""))
        connection.cursor().execute("lock table ingestqueue")
        locked.set()
        release.wait(20)
        connection.close()

    thread = threading.Thread(target=lock)
    thread.start()
    assert locked.wait(10)
    try:
        with pytest.raises(SourceError, match="timeout"):
            source(fitsdata, timeout_s=1).look(NIGHT, None)
    finally:
        release.set()
        thread.join()
    monkeypatch.setenv("FITS_PASSWORD", "wr0ng-s3cret")
    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    with (
        PostgreSQL(password="right") as server,
        pytest.raises(SourceError, match="password authentication failed") as caught,
    ):
        source(server.url(password="").replace(":@", "@"), password_env="FITS_PASSWORD").look(
            NIGHT, None
        )
    assert "s3cret" not in str(caught.value)


def site_settings(fitsdata, folder):
    """Write settings whose source has a user of its own; return their path."""
    fitsdata.server.execute(
        "do $$ begin if not exists (select from pg_roles where rolname = 'reader') "
        "then create role reader login; end if; end $$"
    )
    fitsdata("grant select on all tables in schema public to reader")
    url = fitsdata.url.replace("tester", "reader")
    settings = folder / "site.toml"
    settings.write_text(
        '[observing_monitor]\noutput_dir = "site"\n'
        '[streams.gemini]\nnight_rule = "UTC"\nlast_stage = "ingest"\n'
        f'[[streams.gemini.sources]]\ntype = "fitsstorage"\nurl = "{url}"\n'
        'password_env = "FITS_PASSWORD"\nzone = "Pacific/Honolulu"\n'
    )
    return settings


def put_night(do):
    """Insert two ingested files, one with a label, and entries of all kinds."""
    entered, came = "2016-03-19 05:01:00+00", "2016-03-19 05:00:40+00"
    put_file(do, 1, "N20160319S0001.fits.bz2", entered, came=came, label="GN-2016A-Q-1-1-001")
    put_file(do, 2, "N20160319S0002.fits", entered, label="GN-2016A-Q-1-1-002")
    failed = {"fail_dt": "2016-03-19 01:59:30"}
    put_entries(
        do,
        "ingest",
        {"filename": "N20160319S0002.fits"},
        {"filename": "N20160319S0003.fits", "error": TRACEBACK, **failed},
        {"filename": "N20160319S0004.fits"},
        {"filename": "N20160319S0005.fits", "added": "2016-03-19 08:00:00"},
        path="",
        added="2016-03-19 11:59:00",
    )
    put_entries(
        do,
        "export",
        {"filename": "N20160319S0001.fits", "inprogress": True},
        {"filename": "N20160101S0001.fits", **failed},
        destination="a",
        added="2016-03-19 11:59:00",
    )
    put_entries(do, "fileops", {"added": "2016-03-19 08:00:00", "request": "ping"})


def test_site(fitsdata, tmp_path, monkeypatch):
    """The pages show each file in its class, and what is stuck, safely."""
    monkeypatch.setenv("FITS_PASSWORD", "s3cret-of-gemini")
    settings, site = site_settings(fitsdata, tmp_path), tmp_path / "site" / "gemini"
    put_night(fitsdata)
    assert run("-c", settings, now=NOW) == 0
    night = nights(site)["2016-03-19"]
    # 2 waits to be ingested again and stays ingested, 5 has waited for four hours, the request
    # is of no file
    assert counts(night) == {"ingested": 2, "failed": 1, "pending": 1, "missing": 1, "not_fits": 1}
    assert night["queues_waiting"] == 4 and night["queues_failed"] == 2
    page = (site / "2016-03-19.html").read_text()
    assert "ingest queue: 3 waiting, the oldest for 4.0 h" in page
    assert "export queue: 1 more failed, of other nights" in page
    assert "raise ValueError(&#34;it isn&#39;t &lt;b&gt;FITS&lt;/b&gt;" in page
    assert "OSError: second try" in page and "<b>FITS" not in page
    assert "stuck in progress" not in page

    fitsdata(
        "delete from ingestqueue where filename like '%4.fits' or filename like '%2.fits'",
        "delete from fileopsqueue",
    )
    entered = "2016-03-19 12:01:00+00"
    put_file(fitsdata, 4, "N20160319S0004.fits.bz2", entered, label="GN-2016A-Q-1-1-004")
    assert run("-c", settings, now=NOW + datetime.timedelta(minutes=5)) == 0
    expected = {"ingested": 3, "failed": 1, "missing": 1, "not_fits": 1}
    assert counts(nights(site)["2016-03-19"]) == expected
    page = (site / "2016-03-19.html").read_text()
    stuck = "export queue: 1 stuck in progress, at 2016-03-19 12:05 UTC: N20160319S0001.fits"
    assert f"{stuck} (since 2016-03-19 12:00 UTC or before)" in page
    fitsdata(
        "update exportqueue set inprogress = false, fail_dt = '2016-03-19 02:06:00' "
        "where filename = 'N20160319S0001.fits'"
    )
    assert run("-c", settings, now=NOW + datetime.timedelta(minutes=10)) == 0
    page = (site / "2016-03-19.html").read_text()
    assert "stuck in progress" not in page and "export: 1 file failed" in page
    paths = [path for path in Path(tmp_path, "site").rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in paths)
    assert b"s3cret-of-gemini" not in everything and b"reader@" not in everything
