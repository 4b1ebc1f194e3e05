"""Gemini's FitsStorage: the queues and files of its database, on a real PostgreSQL."""

import datetime
import json
import shutil
import socket
import threading
from pathlib import Path

import pytest
from conftest import need
from running import counts, nights, run
from servers import PostgreSQL

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import source_class
from observing_monitor.sources.shared.gemini import night_of_name, plain_name, seq_num_of_name

UTC = datetime.UTC
NIGHT = datetime.date(2016, 3, 19)
NOW = datetime.datetime(2016, 3, 19, 12, 0, tzinfo=UTC)
NEVER = "9999-12-31 23:59:59.999999"

# The tables as FitsStorage makes them, the columns that we don't read included.
SCHEMA = """
create table ingestqueue (id serial primary key, filename text, path text, inprogress bool, fail_dt timestamp,
    added timestamp, force_md5 bool,
    force bool, after timestamp, no_defer bool, batch text, sortkey text, error text, md5_before_header_update text,
    md5_after_header_update text,
    header_update text, unique (filename, path, inprogress, fail_dt));
create table exportqueue (id serial primary key, filename text, path text, destination text, inprogress bool,
    fail_dt timestamp, sortkey text,
    added timestamp, after timestamp, error text, md5_before_header text, unique (filename, inprogress, fail_dt,
    destination));
create table fileopsqueue (id serial primary key, filename text, inprogress bool, response_required bool,
    fail_dt timestamp, added timestamp,
    after timestamp, sortkey timestamp, error text, request text, response text, batch text);
create table previewqueue (id serial primary key, diskfile_id int, filename text, inprogress bool, fail_dt timestamp,
    force bool, scavengeonly bool,
    sortkey text, error text);
create table calcachequeue (id serial primary key, obs_hid int, inprogress bool, fail_dt timestamp, added timestamp,
    sortkey text, filename text, error text);
create type debundle as enum ('NONE', 'ALL');
create table reducequeue (id serial primary key, filenames text[], inprogress bool, fail_dt timestamp,
    added timestamp, sortkey text, filename text,
    debundle debundle, recipe text, uparms text, batch text, after_batch text, error text, mem_gb int, host text,
    intent text, tag text);
create table file (id serial primary key, name text);
create table diskfile (id serial primary key, file_id int references file, filename text, path text, present bool,
    canonical bool, file_md5 text,
    file_size bigint, lastmod timestamptz, entrytime timestamptz, compressed bool, data_md5 text, data_size bigint,
    isfits bool, fvwarnings int,
    fverrors int, mdready bool);
create index on diskfile (filename);
create index on diskfile (entrytime);
create table header (id serial primary key, diskfile_id int references diskfile, program_id text, data_label text,
    telescope text, instrument text,
    ut_datetime timestamp, observation_type text, exposure_time numeric(8, 4), qa_state text);
"""

TRACEBACK = """Traceback (most recent call last):
  File "service_ingest_queue.py", line 93, in <module>
    raise ValueError("it isn't <b>FITS</b> & 'quoted'")
ValueError: it isn't <b>FITS</b> & 'quoted'


Traceback (most recent call last):
OSError: second try"""


@pytest.fixture
def fitsdata(postgres, request):
    """An empty FitsStorage database: a function that runs statements in it; `.url` is its address."""
    name = f"fits{abs(hash(request.node.name)) % 10**9}"
    url = postgres.create(name)

    def do(*statements):
        return postgres.execute(*statements, dbname=name)

    do(SCHEMA)
    do.url, do.name, do.server = url, name, postgres
    yield do
    postgres.execute(f'drop database "{name}" with (force)')


def text(value):
    """A value as SQL has it."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def put(do, table, **values):
    """Insert a row; what a queue's row doesn't say is: neither failed nor in progress."""
    if table.endswith("queue"):
        values = {"fail_dt": NEVER, "inprogress": False, **values}
    do(
        f"insert into {table} ({', '.join(values)}) values ({', '.join(map(text, values.values()))})"
    )


def put_file(
    do,
    number,
    name,
    entered,
    *,
    came=None,
    label=None,
    present=True,
    canonical=True,
    size=30_000_000,
    **more,
):
    """A file in `file`, `diskfile` and `header`."""
    put(do, "file", id=number, name=plain_name(name))
    row = {
        "id": number,
        "file_id": number,
        "filename": name,
        "path": "",
        "present": present,
        "canonical": canonical,
        "file_size": size,
    }
    put(
        do,
        "diskfile",
        **row,
        lastmod=came or entered,
        entrytime=entered,
        isfits=True,
        fverrors=0,
        mdready=True,
        **more,
    )
    if label:
        put(
            do,
            "header",
            diskfile_id=number,
            data_label=label,
            ut_datetime="2016-03-19 05:00:00",
            exposure_time="30.0000",
        )


def source(do, now=NOW, rule="UTC", name="fitsstorage", **settings):
    """The source on a database, as of `now`."""
    kind = source_class("fitsstorage")
    made = kind(
        kind.Settings(**{"url": getattr(do, "url", do), "zone": "Pacific/Honolulu", **settings}),
        Asked("gemini", NightRule.parse(rule), now),
    )
    made.name = name
    return made


def by_stage(reading, stage):
    """A reading's attempts of one stage, by name: (status, instant, message)."""
    own = reading.attempts[reading.attempts["stage"] == stage]
    return {
        row.path: (
            row.status,
            row.attempted_at.to_pydatetime() if row.attempted_at == row.attempted_at else None,
            row.message,
        )
        for row in own.itertuples()
    }


def metrics(reading):
    """A reading's numbers by name and node."""
    return {
        (row.name_, row.node): row.value
        for row in reading.metrics.rename(columns={"name": "name_"}).itertuples()
    }


def test_names_tell_the_night():
    """Each form of name at Gemini tells its night and its number; what only looks like a date, or like a name, doesn't."""
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
    """The pair of fail_dt and inprogress, and `after`, tell an entry's state; added is UTC, fail_dt the server's local time."""
    added = "2016-03-19 11:00:00"
    put(fitsdata, "ingestqueue", filename="N20160319S0001.fits", path="", added=added)
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0002.fits",
        path="",
        added=added,
        inprogress=True,
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0003.fits.bz2",
        path="",
        added=added,
        after="2016-03-19 12:00:40",
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0004.fits",
        path="",
        added=added,
        after="2016-03-19 11:59:00",
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0005.fits",
        path="",
        added=added,
        fail_dt="2016-03-19 01:30:00",
        error=TRACEBACK,
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0006.fits",
        path="",
        added=added,
        fail_dt="2016-03-19 01:30:00",
        inprogress=True,
        error="tried before",
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0005.fits",
        path="",
        added="2016-03-19 11:59:00",
    )
    put(fitsdata, "ingestqueue", filename="N20160318S0001.fits", path="", added=added)
    reading = source(fitsdata).read(NIGHT)
    found = by_stage(reading, "ingest")
    assert found["N20160319S0001.fits"] == (
        "waiting",
        datetime.datetime(2016, 3, 19, 11, tzinfo=UTC),
        "waits in the ingest queue",
    )
    assert [found[f"N20160319S000{n}.fits"][0] for n in (2, 3, 4, 6)] == [
        "running",
        "deferred",
        "waiting",
        "running",
    ]
    assert (
        found["N20160319S0003.fits"][2]
        == "put off in the ingest queue until 2016-03-19 12:00:40 UTC"
    )
    assert found["N20160319S0006.fits"][2] == "tried before"
    twice = reading.attempts[reading.attempts["path"] == "N20160319S0005.fits"].sort_values(
        "attempt"
    )
    assert twice["status"].tolist() == ["failure", "waiting"] and twice["attempt"].tolist() == [
        1,
        2,
    ]
    assert twice["message"].iloc[0] == TRACEBACK
    assert twice["attempted_at"].iloc[0] == datetime.datetime(2016, 3, 19, 11, 30, tzinfo=UTC)
    assert "N20160318S0001.fits" not in found
    now = metrics(reading)
    assert [
        now[f"queue_{state}", "ingest"] for state in ("waiting", "running", "deferred", "failed")
    ] == [4, 2, 1, 1]
    assert now["queue_oldest_s", "ingest"] == 3600
    assert (
        "2016-03-18: 1"
        in reading.metrics.set_index(["name", "node"]).loc[("queue_nights", "ingest"), "text"]
    )


def test_other_queues(fitsdata):
    """Queues without added, with an array of names, with no name at all or with one in the request only: none is lost."""
    put_file(
        fitsdata, 1, "N20160319S0001.fits.bz2", "2016-03-19 06:00:00+00", label="GN-2016A-Q-1-1-001"
    )
    put(fitsdata, "previewqueue", diskfile_id=1, filename="N20160319S0001.fits.bz2")
    put(
        fitsdata,
        "previewqueue",
        diskfile_id=99,
        filename="N20160319S0009.fits",
        fail_dt="2016-03-18 20:00:00",
        error="no diskfile 99",
    )
    put(
        fitsdata,
        "calcachequeue",
        obs_hid=1,
        added="2016-03-19 06:00:01",
        filename="N20160319S0001.fits",
        inprogress=True,
    )
    put(
        fitsdata,
        "exportqueue",
        filename="N20160319S0001.fits",
        path="",
        destination="https://archive.example",
        added="2016-03-19 06:00:01",
    )
    put(
        fitsdata,
        "reducequeue",
        filenames='{"N20160319S0002.fits","N20160319S0003.fits"}',
        added="2016-03-19 07:00:00",
        recipe="makeProcessedBias",
    )
    put(
        fitsdata,
        "fileopsqueue",
        added="2016-03-19 08:00:00",
        sortkey="2016-03-19 08:00:00",
        request="ping",
        fail_dt="2016-03-18 22:00:00",
        error="no",
    )
    put(
        fitsdata,
        "fileopsqueue",
        added="2016-03-19 08:00:00",
        sortkey="2016-03-19 08:00:00",
        request='{"args": {"filename": "N20160319S0004.fits"}}',
    )
    reading = source(fitsdata).read(NIGHT)
    assert reading.notes == []
    preview = by_stage(reading, "preview")
    assert preview["N20160319S0001.fits"][:2] == (
        "waiting",
        datetime.datetime(2016, 3, 19, 6, tzinfo=UTC),
    )
    assert preview["N20160319S0009.fits"] == (
        "failure",
        datetime.datetime(2016, 3, 19, 6, tzinfo=UTC),
        "no diskfile 99",
    )
    assert by_stage(reading, "calcache")["N20160319S0001.fits"][0] == "running"
    assert by_stage(reading, "reduce")["N20160319S0002.fits"][2].endswith(
        "Recipe: makeProcessedBias\n\nFiles: N20160319S0002.fits, N20160319S0003.fits"
    )
    assert by_stage(reading, "fileops")["N20160319S0004.fits"][0] == "waiting"
    assert (
        by_stage(reading, "fileops")["fileops: requests that name no file"][2]
        == "no\n\nRequest: ping"
    )
    assert (
        reading.attempts.set_index("stage").loc["export", "destination"]
        == "https://archive.example"
    )
    kinds = reading.files.set_index("file_id")["kind"]
    assert (
        kinds["fileops: requests that name no file"] == "request"
        and kinds["N20160319S0004.fits"] == "fits"
    )


def test_files(fitsdata):
    """diskfile gives what came and when it was ingested, every version an attempt; `header` what it is and when it was taken."""
    put_file(
        fitsdata,
        1,
        "N20160319S0001.fits.bz2",
        "2016-03-19 05:01:00+00",
        came="2016-03-18 19:00:40-10",
        label="GN-2016A-Q-1-1-001",
        size=7,
    )
    put(fitsdata, "diskfile", id=2, file_id=1, filename="N20160319S0001.fits", path="old", present=False, canonical=False, file_size=9,
        lastmod="2016-03-19 05:00:35+00", entrytime="2016-03-19 05:00:50+00")  # fmt: skip
    put_file(fitsdata, 3, "bias.fits", "2016-03-19 23:59:59+00")
    put_file(fitsdata, 4, "weather.fits", "2016-03-20 00:00:00+00")
    put_file(fitsdata, 5, "N20160320S0001.fits", "2016-03-19 23:00:00+00")
    put_file(fitsdata, 6, "S20160319S0044.fits", "2019-01-01 00:00:00+00", present=False)
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0007.fits",
        path="",
        added="2016-03-19 11:00:00",
    )
    reading = source(fitsdata).read(NIGHT)
    files = reading.files.set_index("file_id")
    assert sorted(files.index) == [
        "N20160319S0001.fits",
        "N20160319S0007.fits",
        "S20160319S0044.fits",
        "bias.fits",
    ]
    first = files.loc["N20160319S0001.fits"]
    assert (first["name"], first["size_bytes"], first["obsid"], first["seq_num"]) == (
        "N20160319S0001.fits.bz2",
        7,
        "GN-2016A-Q-1-1-001",
        1,
    )
    assert first["exposed_at"] == datetime.datetime(2016, 3, 19, 5, 0, 30, tzinfo=UTC)
    assert first["transferred_at"] == datetime.datetime(2016, 3, 19, 5, 0, 40, tzinfo=UTC)
    assert (
        not files.loc["S20160319S0044.fits", "on_disk"]
        and files.loc["N20160319S0007.fits", "on_disk"]
    )
    assert files.loc["N20160319S0007.fits", "transferred_at"] == datetime.datetime(
        2016, 3, 19, 11, tzinfo=UTC
    )
    tried = reading.attempts[reading.attempts["path"] == "N20160319S0001.fits"].sort_values(
        "attempt"
    )
    assert tried["status"].tolist() == ["success"] * 2 and tried["attempted_at"].dt.strftime(
        "%M:%S"
    ).tolist() == ["00:50", "01:00"]
    assert source(fitsdata).nights() == {NIGHT, datetime.date(2016, 3, 20)}
    assert source(fitsdata, files=False).read(NIGHT).files is None


def test_entry_without_any_time(fitsdata):
    """A preview of a file that diskfile doesn't have has no time, and is told; without a night, it is of tonight."""
    put(fitsdata, "previewqueue", diskfile_id=99, filename="N20160319S0009.fits")
    put(fitsdata, "previewqueue", diskfile_id=98, filename="odd.fits")
    reading = source(fitsdata).read(NIGHT)
    told = ("waiting", None, "waits in the preview queue")
    assert by_stage(reading, "preview") == {"N20160319S0009.fits": told, "odd.fits": told}
    assert (
        sorted(reading.files["file_id"]) == ["N20160319S0009.fits", "odd.fits"]
        and reading.files["transferred_at"].isna().all()
    )
    assert source(fitsdata, rule="UTC-6h").read(datetime.date(2016, 3, 18)).files.empty


def test_look_differs_when_the_night_did(fitsdata):
    """A look at an earlier night is the same until a file, a queue, or an entry's `after` passes; tonight is sampled at every run."""
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
    """A queue without a table, a table without a column, no diskfile: each is a note, and the rest is told."""
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
        "insert into ingestqueue (filename, added) values ('N20160319S0002.fits', '2016-03-19 11:00:00')",
    )
    known = source(fitsdata).look(NIGHT, None)
    fitsdata("drop table diskfile cascade")
    made = source(fitsdata)
    reading = made.read(NIGHT)
    told = (
        "no table reducequeue",
        "exportqueue has no column error",
        "calcachequeue has no column id",
        "ingestqueue has no column fail",
        "no table diskfile",
    )
    for words in told:
        assert sum(words in note for note in reading.notes) == 1, words
    assert len(reading.notes) == 5
    assert (
        by_stage(reading, "export")["N20160319S0001.fits"][2]
        == "failed in the export queue, which doesn't say why"
    )
    assert by_stage(reading, "ingest")["N20160319S0002.fits"][0] == "waiting"
    with pytest.raises(SourceError, match="diskfile can't be read any more"):
        made.look(NIGHT, known)


def test_settings_that_are_wrong():
    """A zone or a queue that doesn't exist is told with what to write instead."""
    with pytest.raises(UsageError, match="zone .HST/Maunakea. is no time zone"):
        source("postgresql://x/y", zone="HST/Maunakea")
    with pytest.raises(UsageError, match="fileops"):
        source("postgresql://x/y", queues=["ingests"])


def test_server_that_is_down_slow_or_refuses(fitsdata, monkeypatch):
    """A server that is down, doesn't answer, takes too long or refuses the password is a SourceError, in time, without it."""
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
        pytest.raises(SourceError, match="password authentication failed") as told,
    ):
        source(server.url(password="").replace(":@", "@"), password_env="FITS_PASSWORD").look(
            NIGHT, None
        )
    assert "s3cret" not in str(told.value)


def test_site(fitsdata, tmp_path, monkeypatch):
    """From settings to pages: each file in its class, errors escaped, stuck entries found at the second run, no password anywhere."""
    monkeypatch.setenv("FITS_PASSWORD", "s3cret-of-gemini")
    fitsdata.server.execute(
        "do $$ begin if not exists (select from pg_roles where rolname = 'reader') then create role reader login; end if; end $$"
    )
    fitsdata("grant select on all tables in schema public to reader")
    url = fitsdata.url.replace("tester", "reader")
    settings = tmp_path / "site.toml"
    settings.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n[streams.gemini]\nnight_rule = "UTC"\nlast_stage = "ingest"\n'
        f'[[streams.gemini.sources]]\ntype = "fitsstorage"\nurl = "{url}"\npassword_env = "FITS_PASSWORD"\nzone = "Pacific/Honolulu"\n'
    )
    put_file(
        fitsdata,
        1,
        "N20160319S0001.fits.bz2",
        "2016-03-19 05:01:00+00",
        came="2016-03-19 05:00:40+00",
        label="GN-2016A-Q-1-1-001",
    )
    put_file(
        fitsdata, 2, "N20160319S0002.fits", "2016-03-19 05:01:00+00", label="GN-2016A-Q-1-1-002"
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0002.fits",
        path="",
        added="2016-03-19 11:59:00",
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0003.fits",
        path="",
        added="2016-03-19 11:59:00",
        fail_dt="2016-03-19 01:59:30",
        error=TRACEBACK,
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0004.fits",
        path="",
        added="2016-03-19 11:59:00",
    )
    put(
        fitsdata,
        "ingestqueue",
        filename="N20160319S0005.fits",
        path="",
        added="2016-03-19 08:00:00",
    )
    put(
        fitsdata,
        "exportqueue",
        filename="N20160319S0001.fits",
        destination="a",
        added="2016-03-19 11:59:00",
        inprogress=True,
    )
    put(
        fitsdata,
        "exportqueue",
        filename="N20160101S0001.fits",
        destination="a",
        added="2016-03-19 11:59:00",
        fail_dt="2016-03-19 01:59:30",
    )
    put(fitsdata, "fileopsqueue", added="2016-03-19 08:00:00", request="ping")
    assert run("-c", settings, now=NOW) == 0
    site = tmp_path / "site" / "gemini"
    night = nights(site)["2016-03-19"]
    # 2 waits to be ingested again, and stays ingested; 5 has waited for four hours; the request is of no file
    assert counts(night) == {"ingested": 2, "failed": 1, "pending": 1, "missing": 1, "not_fits": 1}
    assert night["queues_waiting"] == 4 and night["queues_failed"] == 2
    page = (site / "2016-03-19.html").read_text()
    assert (
        "ingest queue: 3 waiting, the oldest for 4.0 h" in page
        and "export queue: 1 more failed, of other nights" in page
    )
    assert (
        "raise ValueError(&#34;it isn&#39;t &lt;b&gt;FITS&lt;/b&gt;" in page
        and "OSError: second try" in page
        and "<b>FITS" not in page
    )
    assert "stuck in progress" not in page

    fitsdata(
        "delete from ingestqueue where filename like '%4.fits' or filename like '%2.fits'",
        "delete from fileopsqueue",
    )
    put_file(
        fitsdata, 4, "N20160319S0004.fits.bz2", "2016-03-19 12:01:00+00", label="GN-2016A-Q-1-1-004"
    )
    assert run("-c", settings, now=NOW + datetime.timedelta(minutes=5)) == 0
    assert counts(nights(site)["2016-03-19"]) == {
        "ingested": 3,
        "failed": 1,
        "missing": 1,
        "not_fits": 1,
    }
    page = (site / "2016-03-19.html").read_text()
    assert (
        "export queue: 1 stuck in progress, at 2016-03-19 12:05 UTC: N20160319S0001.fits (since 2016-03-19 12:00 UTC or before)"
        in page
    )
    fitsdata(
        "update exportqueue set inprogress = false, fail_dt = '2016-03-19 02:06:00' where filename = 'N20160319S0001.fits'"
    )
    assert run("-c", settings, now=NOW + datetime.timedelta(minutes=10)) == 0
    page = (site / "2016-03-19.html").read_text()
    assert "stuck in progress" not in page and "export: 1 file failed" in page
    everything = b"".join(
        path.read_bytes() for path in Path(tmp_path, "site").rglob("*") if path.is_file()
    )
    assert b"s3cret-of-gemini" not in everything and b"reader@" not in everything
    shutil.rmtree(tmp_path / "site")
