"""The Data Backbone on PostgreSQL."""

import datetime
import itertools
import json
from pathlib import Path

import pytest
from conftest import need
from running import counts, nights, run
from servers import PostgreSQL, free_port

from observing_monitor.errors import SourceError
from observing_monitor.model.nights import NightRule
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.dbb import STATUSES, DataBackbone, _rows

NIGHT = datetime.date(2024, 1, 2)
ASKED = ("--first_day", NIGHT, "--last_day", NIGHT)
NOW = datetime.datetime(2024, 1, 3, 6, tzinfo=datetime.UTC)
OLD, YOUNG = "2024-01-03 01:00:00", "2024-01-03 05:50:00"
P = "obs_auxtel_arc_"
NASTY = 'ValueError: "a" < b, not <script>alert("x")</script>'
_databases = itertools.count(1)


class Tables:
    """A database with the manager's tables."""

    def __init__(self, server, prefix=P, gen=3):
        self.server = server
        self.name = f"dbb{next(_databases)}"
        self.files, self.events = f"{prefix}files", f"{prefix}gen{gen}_file_events"
        self.url = server.create(self.name)
        self.run(
            "create type status as enum ('UNTRIED', 'RERUN', 'PENDING', 'SUCCESS', 'FAILURE',"
            " 'UNKNOWN', 'IGNORED', 'INVALID', 'BACKFILL')"
        )
        self.run(
            f"create table {self.files} (id bigserial primary key, relpath varchar not null,"
            " filename varchar not null unique, checksum varchar not null unique,"
            " size_bytes bigint, added_on timestamp not null)"
        )
        self.run(
            f"create table {self.events} (ingest_ver varchar, start_time timestamp not null,"
            " duration interval, err_message text, status status, files_id integer not null"
            f" references {self.files} (id), primary key (start_time, files_id))"
        )

    def run(self, sql):
        return self.server.execute(sql, dbname=self.name)

    def add(self, name, *events, relpath="2024-01-02", added=OLD, size=20_000):
        """Add a file with events.

        An event is seconds after the file was added, status, message, duration.
        """
        values = f"'{relpath}', '{name}', md5('{name}'), {size}, '{added}'"
        columns = "relpath, filename, checksum, size_bytes, added_on"
        ((number,),) = self.run(
            f"insert into {self.files} ({columns}) values ({values}) returning id"
        )
        for after, status, *rest in events:
            message, duration = (*rest, None, None)[:2]
            text = "null" if message is None else "'" + message.replace("'", "''") + "'"
            took = "null" if duration is None else f"'{duration}'"
            when = f"timestamp '{added}' + interval '{after} s'"
            row = f"'1.0', {when}, {took}, {text}, '{status}', {number}"
            self.run(f"insert into {self.events} values ({row})")
        return number

    def source(self, rule="UTC-12h", **settings):
        asked = Asked("auxTel", NightRule.parse(rule), NOW)
        return DataBackbone(
            DataBackbone.Settings(**{"url": self.url, "prefix": P, **settings}), asked
        )


@pytest.fixture
def tables(postgres):
    """The manager's tables for one test."""
    return Tables(postgres)


def settings_file(folder, url, more=""):
    """Write a settings file with one Data Backbone."""
    path = folder / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "site"\n'
        f'[[streams.auxTel.sources]]\ntype = "dbb"\nurl = "{url}"\nprefix = "{P}"\n{more}'
    )
    return path


def attempts_of(source, night=NIGHT):
    """Return (status, message, duration) by file name."""
    source.look(night, None)
    found = source.read(night).attempts
    found = found.assign(
        duration_s=found["duration_s"].astype("object").where(found["duration_s"].notna(), None)
    )
    return {
        name: list(zip(rows["status"], rows["message"], rows["duration_s"], strict=True))
        for name, rows in found.groupby(found["path"].str.rpartition("/")[2])
    }


def test_all_statuses(tmp_path, tables):
    """Each status gives a file its class."""
    tables.add(
        "AT_O_20240102_000001.fits",
        (1, "UNTRIED"),
        (2, "PENDING"),
        (3, "SUCCESS", "", "00:00:02.5"),
    )
    tables.add(
        "AT_O_20240102_000002.fits",
        (1, "UNTRIED"),
        (2, "PENDING"),
        (3, "FAILURE", NASTY, "00:00:01"),
    )
    tables.add("AT_O_20240102_000003.fits", (1, "UNTRIED"), (2, "PENDING"), (3, "UNKNOWN"))
    tables.add(
        "AT_O_20240102_000004.fits", (1, "IGNORED", "search criteria not met: *.fits", "00:00:00")
    )
    tables.add("AT_O_20240102_000005.fits", (1, "INVALID", "file has 0 bytes", "00:00:00"), size=0)
    tables.add("AT_O_20240102_000006.fits", (1, "BACKFILL"))
    tables.add("AT_O_20240102_000007.fits", (1, "UNTRIED"))
    tables.add("AT_O_20240102_000008.fits", (1, "UNTRIED"), (2, "PENDING"), added=YOUNG)
    # a rerun at 05:40 waits; one that has waited for five hours failed
    tables.add(
        "AT_O_20240102_000009.fits", (3, "FAILURE", "disk full", "00:00:01"), (16800, "RERUN")
    )
    tables.add("AT_O_20240102_000010.fits", (3, "FAILURE", "disk full", "00:00:01"), (60, "RERUN"))
    tables.add("AT_O_20240102_000011.fits")
    tables.add("AT_O_20240102_000012.fits", added=YOUNG)
    assert run("-c", settings_file(tmp_path, tables.url), *ASKED, now=NOW) == 0
    site = tmp_path / "site" / "auxTel"
    values = nights(site)["2024-01-02"]
    # failed: FAILURE, UNKNOWN, INVALID, old RERUN; missing: old UNTRIED, old without event
    assert counts(values) == {"ingested": 1, "ignored": 1, "failed": 4, "pending": 4, "missing": 2}
    assert values["n_error"] == 6 and values["ingest_delay_max_s"] == 5.5
    page = (site / "2024-01-02.html").read_text()
    assert (
        "&lt;script&gt;" in page
        and "<script>alert" not in page
        and "no event of it: the ingester has not seen it" in page
    )
    rows = {
        line.split(",")[0].strip('"')[-7:-5]: line
        for line in (site / "2024-01-02.csv").read_text().splitlines()
    }
    assert (
        "the worker died" in rows["03"]
        and "search criteria not met" in rows["04"]
        and "file has 0 bytes" in rows["05"]
    )
    assert (
        "to be done with the backlog" in rows["06"]
        and "never tried" in rows["07"]
        and "to be tried again" in rows["10"]
    )


def test_every_event_is_kept(tables):
    """All events are attempts; without one a file is untried."""
    tables.add(
        "a.fits",
        (1, "UNTRIED"),
        (2, "PENDING"),
        (3, "FAILURE", "no\nway", "00:01:00"),
        (90, "RERUN"),
        (91, "SUCCESS", "", "00:00:02"),
    )
    tables.add("b.fits")
    source = tables.source()
    found = attempts_of(source)
    assert [status for status, *_ in found["a.fits"]] == [
        "untried",
        "waiting",
        "failure",
        "rerun",
        "success",
    ]
    assert found["a.fits"][2] == ("failure", "no\nway", 60.0)
    assert (
        found["a.fits"][3][1] == "RERUN: to be tried again\nno\nway"
        and found["a.fits"][4][2] == 2.0
    )
    assert found["b.fits"] == [("untried", "no event of it: the ingester has not seen it", None)]
    attempts = source.read(NIGHT).attempts
    assert attempts.loc[attempts["status"] == "success", "attempted_at"].tolist() == [
        datetime.datetime(2024, 1, 3, 1, 1, 33, tzinfo=datetime.UTC)
    ]
    assert (
        attempts["attempt"].dropna().tolist() == [1, 2, 3, 4, 5]
        and attempts["transferred_at"].notna().all()
    )


def test_which_night(tables):
    """The directory or the time of arrival gives the night."""
    tables.add("dashed.fits", relpath="2024-01-02")
    tables.add("plain.fits", relpath="raw/20240102/extra", added="2024-02-28 00:00:00")
    tables.add("other.fits", relpath="2024-01-01", added=OLD)
    # in Chile's summer 11:30 UTC, and 12:30 UTC, which is the next night
    tables.add("loose.fits", relpath="lab/20240102x", added="2024-01-03 08:30:00")
    tables.add("late.fits", relpath=".", added="2024-01-03 09:30:00")
    source = tables.source(timezone="America/Santiago")
    assert set(attempts_of(source)) == {"dashed.fits", "plain.fits", "loose.fits"}
    assert set(attempts_of(source, datetime.date(2024, 1, 3))) == {"late.fits"}
    assert source.nights() == {datetime.date(2024, 1, day) for day in (1, 2, 3)}
    when = source.read(NIGHT).attempts.set_index("path")["transferred_at"]
    assert when["lab/20240102x/loose.fits"] == datetime.datetime(
        2024, 1, 3, 11, 30, tzinfo=datetime.UTC
    )


def test_look(tables):
    """A look differs after changes of its night only."""

    def look(known):
        return json.loads(json.dumps(tables.source().look(NIGHT, known)))

    empty = look(None)
    number = tables.add("a.fits")
    first = look(empty)
    assert first != empty and look(first) == first
    tables.add("b.fits", (1, "SUCCESS"), relpath="2024-01-04", added="2024-01-05 01:00:00")
    assert look(first) == first
    row = f"'1.0', timestamp '2024-01-20', null, '', 'SUCCESS', {number}"
    tables.run(f"insert into {tables.events} values ({row})")
    second = look(first)
    assert second != first and look(second) == second
    tables.add("c.fits", added="2024-03-01 00:00:00")
    assert look(second) != second


def test_later_looks_begin_where_the_night_does(tables):
    """Later looks begin at the night's first file."""
    tables.run(
        f"insert into {tables.files} (relpath, filename, checksum, added_on)"
        " select '2023-01-01', n || '.fits', n, timestamp '2023-01-02' + n * interval '1 s'"
        " from generate_series(1, 30000) n"
    )
    row = "'', added_on, null, '', 'SUCCESS', id"
    tables.run(f"insert into {tables.events} select {row} from {tables.files}")
    tables.add("a.fits", (1, "SUCCESS"))
    tables.run("analyze")
    known = tables.source().look(NIGHT, None)
    source = tables.source()
    assert source.look(NIGHT, known) == known
    since = source._since[NIGHT]
    with source.database.connect() as connection:
        sql, values = source._sql(connection, NIGHT, since, "count(*)")
        plan = "\n".join(row[0] for row in _rows(connection, "explain " + sql, values))
    assert since.file == 20_001 and "Seq Scan" not in plan, plan


def test_events_of_the_same_time(tables):
    """The more final event of the same time counts."""
    tables.run(f"alter table {tables.events} drop constraint {tables.events}_pkey")
    tables.add("a.fits", (1, "SUCCESS"), (1, "PENDING"), (1, "UNTRIED"))
    assert [status for status, *_ in attempts_of(tables.source())["a.fits"]] == [
        "untried",
        "waiting",
        "success",
    ]


def test_odd_values(tables):
    """Odd values are null; an unknown status is noted."""
    tables.run("alter type status add value 'PAUSED'")
    number = tables.add("a.fits", (1, "SUCCESS", "", "-00:00:05"))
    tables.add("b.fits", (1, "PAUSED", "why not"))
    tables.run(
        f"insert into {tables.events} values ('', 'infinity', null, 'odd', 'PENDING', {number})"
    )
    source = tables.source()
    source.look(NIGHT, None)
    reading = source.read(NIGHT)
    assert (
        reading.attempts["duration_s"].isna().all()
        and reading.attempts["attempted_at"].isna().sum() == 1
    )
    assert "'PAUSED'" in reading.notes[0] and "obs_auxtel_arc_gen3_file_events" in reading.notes[0]
    assert reading.attempts.loc[reading.attempts["message"] == "why not", "status"].tolist() == [
        "unknown"
    ]


def test_gen2_events(postgres):
    """Events of a Gen2 Butler have their own table."""
    tables = Tables(postgres, "nts_comcam_", gen=2)
    tables.add("a.fits", (1, "SUCCESS"))
    source = tables.source(prefix="nts_comcam_", gen=2, stage="gen2 ingest")
    assert (
        source.stages_of(source.settings) == ("gen2 ingest",)
        and attempts_of(source)["a.fits"][0][0] == "success"
    )


def test_beside_a_file_store(tmp_path, tables):
    """Files are matched to the file store by name."""
    store = tmp_path / "storage" / "2024-01-02"
    store.mkdir(parents=True)
    for name in ("a.fits", "b.fits"):
        (store / name).write_bytes(b"x" * 20_000)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.fits").hardlink_to(store / "a.fits")
    tables.add("a.fits", (1, "SUCCESS"))
    tables.add("gone.fits", (1, "FAILURE", "no such file"))
    more = '[[streams.auxTel.sources]]\ntype = "files"\npath = "storage"\n'
    assert run("-c", settings_file(tmp_path, tables.url, more), *ASKED, now=NOW) == 0
    values = nights(tmp_path / "site" / "auxTel")["2024-01-02"]
    assert (
        values["n_files"] == 3 and counts(values)["ingested"] == 1 and counts(values)["failed"] == 1
    )
    line = next(
        line
        for line in (tmp_path / "site" / "auxTel" / "2024-01-02.csv").read_text().splitlines()
        if "a.fits" in line
    )
    assert "2024-01-03T01:00:00" in line


def test_older_and_foreign_tables(tables):
    """Only optional columns may be missing."""
    tables.add("a.fits", (1, "FAILURE", "why"))
    tables.run(f"alter table {tables.files} drop column size_bytes")
    tables.run(f"alter table {tables.events} drop column duration")
    assert attempts_of(tables.source())["a.fits"] == [("failure", "why", None)]
    tables.run(f"alter table {tables.files} drop column added_on")
    with pytest.raises(SourceError, match="table obs_auxtel_arc_files has no column added_on"):
        tables.source().look(NIGHT, None)
    with pytest.raises(SourceError, match="no table obs_comcam_files; `prefix`"):
        tables.source(prefix="obs_comcam_").look(NIGHT, None)


def test_a_server_that_went_down(tmp_path, capfd):
    """If the server is down, the night stays."""
    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    with PostgreSQL(password="correct horse battery") as server:
        tables = Tables(server)
        tables.add("AT_O_20240102_000001.fits", (3, "SUCCESS", "", "00:00:02.5"))
        file = settings_file(
            tmp_path, server.url(tables.name, password="correct%20horse%20battery")
        )
        assert run("-c", file, *ASKED, now=NOW) == 0
        with pytest.raises(SourceError, match="password authentication failed") as error:
            tables.source(url=server.url(tables.name, password="wrong-guess")).look(NIGHT, None)
        assert "wrong-guess" not in str(error.value)
    site = tmp_path / "site" / "auxTel"
    assert run("-c", file, *ASKED, now=NOW) == 1
    assert counts(nights(site)["2024-01-02"]) == {"ingested": 1}
    errors = capfd.readouterr().err
    page = (site / "2024-01-02.html").read_text()
    written = [
        path
        for path in (tmp_path / "site").rglob("*")
        if path.suffix in (".html", ".json") or path.name.startswith("heartbeat")
    ]
    everything = errors + "".join(path.read_text() for path in written)
    assert "dbb could not be read since" in page and "refused" in errors
    assert "horse" not in everything and "tester" not in everything


def test_password_from_the_environment(monkeypatch):
    """The password may be in the environment."""
    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    with PostgreSQL(password="s3cret") as server:
        tables = Tables(server)
        tables.add("a.fits")
        url = server.url(tables.name, password="")
        monkeypatch.delenv("DBB_PASSWORD", raising=False)
        with pytest.raises(SourceError, match="no DBB_PASSWORD"):
            tables.source(url=url, password_env="DBB_PASSWORD").look(NIGHT, None)
        monkeypatch.setenv("DBB_PASSWORD", "s3cret")
        assert attempts_of(tables.source(url=url, password_env="DBB_PASSWORD"))


def test_a_slow_server(tables):
    """A server that does not answer in time is given up."""
    import psycopg2

    connection = psycopg2.connect(tables.url.replace("+psycopg2", ""))
    try:
        connection.cursor().execute(f"lock table {tables.files} in access exclusive mode")
        with pytest.raises(SourceError, match="timeout"):
            tables.source(timeout_s=1).look(NIGHT, None)
    finally:
        connection.close()


def test_nobody_listens():
    """An address where nobody listens is named."""
    port = free_port()
    source = DataBackbone(
        DataBackbone.Settings(url=f"postgresql://reader:s3cret@127.0.0.1:{port}/x"),
        Asked("a", NightRule(), NOW),
    )
    with pytest.raises(SourceError, match=f"127.0.0.1:{port}/x: .*refused") as error:
        source.look(NIGHT, None)
    assert "s3cret" not in str(error.value)


def test_every_status_is_known():
    """The manager's nine statuses are all known."""
    assert len(STATUSES) == 9


def test_settings_of_the_example():
    """examples/dbb.toml has only settings that exist."""
    (stream,) = read.streams_of_file(Path(__file__).parents[2] / "examples" / "dbb.toml")
    assert [source.kind for source in stream.sources] == ["dbb", "files"] and stream.stages == (
        "ingest",
    )
    assert stream.sources[0].place == (
        "postgresql://dbb.example.org/lsstdb, "
        "tables obs_auxtel_arc_files and obs_auxtel_arc_gen3_file_events"
    )
