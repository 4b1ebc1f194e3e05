"""Queries with a mapping, on SQLite and on a real PostgreSQL."""

import contextlib
import datetime
import json
import sqlite3

import pytest
from conftest import need
from running import counts, nights, run
from servers import PostgreSQL, free_port

from observing_monitor.collecting.sources import make_sources
from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.nights import NightRule
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.sql_query import SqlQuery

NOW = datetime.datetime(2021, 12, 3, tzinfo=datetime.UTC)
FIRST = datetime.date(2021, 12, 1)
COUNTS = {"night_column": "night", "values": {"n_alerts": "alerts", "n_stored": "stored"}}


def sql(url, query, rule="UTC", **settings):
    """Return a source with a query."""
    return SqlQuery(
        SqlQuery.Settings(url=url, query=query, **settings),
        Asked("any", NightRule.parse(rule), NOW),
    )


def values(reading):
    """Return the metrics by name: a number, or the text in place of it."""
    return {
        row.name: row.value if row.value == row.value else row.text
        for row in reading.metrics.itertuples(index=False)
    }


@pytest.fixture
def database(tmp_path):
    """A function that runs statements in a new SQLite database.

    It returns the address of the database.
    """

    def database(*statements):
        """A function that runs statements in a new SQLite database.

        It returns the address of the database.
        """
        path = tmp_path / "a b%.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return f"sqlite:///{path}"

    return database


def test_rows_of_all_nights(database):
    """A query without parameters returns all nights; odd cells are noted."""
    url = database(
        "create table n (night, alerts, stored)",
        "insert into n values ('2021-12-1', 10, 9), ('2021-12-02', null, ''), (null, 3, 3), "
        "('2021-12-03', -5, 9e999)",
    )
    source = sql(url, "select * from n", **COUNTS, counts=["n_alerts", "n_stored"])
    assert sorted(source.nights()) == [
        FIRST,
        datetime.date(2021, 12, 2),
        datetime.date(2021, 12, 3),
    ]
    assert values(source.read(FIRST)) == {"n_alerts": 10, "n_stored": 9}
    assert values(source.read(datetime.date(2021, 12, 2))) == {
        "n_alerts": "no data",
        "n_stored": "no data",
    }
    last = source.read(datetime.date(2021, 12, 3))
    assert values(last) == {"n_alerts": "not available", "n_stored": "not available"}
    assert len(last.notes) == 3 and "row 3: no night" in last.notes[0]
    assert source.read(datetime.date(2021, 12, 4)).metrics.empty


@pytest.mark.parametrize(
    ("form", "kept"),
    [("date", "'2021-12-01'"), ("nid", "1795"), ("mjd", "59549"), ("%Y%m%d", "'20211201'")],
)
def test_bound_night(database, form, kept):
    """`:night` is bound in the form that the settings say."""
    url = database("create table n (night, alerts, stored)", f"insert into n values ({kept}, 1, 2)")
    source = sql(
        url,
        "select alerts, stored from n where night = :night",
        values=COUNTS["values"],
        night_format=form,
        nights_query="select night from n",
    )
    assert source.nights() == {FIRST}
    assert values(source.read(FIRST)) == {"n_alerts": 1, "n_stored": 2}
    assert source.read(datetime.date(2021, 12, 2)).metrics.empty


@pytest.mark.parametrize(
    ("form", "zone", "inside", "outside"),
    [
        ("iso", "UTC", "'2021-12-01 12:00:00'", "'2021-12-02 12:00:00'"),
        ("iso", "Pacific/Honolulu", "'2021-12-01 02:00:00'", "'2021-12-01 01:59:59'"),
        ("%Y-%m-%dT%H:%M:%S", "UTC", "'2021-12-02T11:59:59'", "'2021-12-02T12:00:00'"),
        ("unix", "TAI", "1638360037", "1638360036"),
        ("mjd", "UTC", "59549.5", "59550.5"),
    ],
)
def test_bound_instants(database, form, zone, inside, outside):
    """`:start` and `:end` are bound in the column's form and zone."""
    url = database(
        "create table f (name, t)",
        f"insert into f values ('in.fits', {inside}), ('out.fits', {outside})",
    )
    source = sql(
        url,
        "select * from f where t >= :start and t < :end",
        rule="UTC-12h",
        feeds="files",
        columns={"name": "name", "created_at": "t"},
        time_format=form,
        zone=zone,
    )
    (file,) = source.read(FIRST).files.itertuples()
    start, end = NightRule.parse("UTC-12h").bounds(FIRST)
    assert file.name == "in.fits" and start <= file.created_at < end


def test_look_sees_what_changed(database):
    """A look changes with the night's rows, or with look_query's."""
    url = database(
        "create table n (night, alerts, stored)",
        "insert into n values ('2021-12-01', 1, 2), ('2021-12-02', 1, 2)",
    )
    query = "select * from n where night = :night"
    quick = {"look_query": "select max(alerts) from n where night = :night"}
    before = [sql(url, query, **COUNTS, **more).look(FIRST, None) for more in ({}, quick)]
    database("update n set alerts = 9 where night = '2021-12-02'")
    assert [sql(url, query, **COUNTS, **more).look(FIRST, None) for more in ({}, quick)] == before
    database("update n set stored = 9 where night = '2021-12-01'")
    after = [sql(url, query, **COUNTS, **more).look(FIRST, None) for more in ({}, quick)]
    assert after[0] != before[0] and after[1] == before[1]
    assert json.loads(json.dumps(after)) == after


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "select night, alerts, stored as storde from n",
            "has no column 'stored'; did you mean 'storde'?",
        ),
        ("select * from missing", "has no table missing"),
        ("delete from n", "may not be written"),
    ],
)
def test_queries_that_fail(database, query, said):
    """A query that fails or writes is an error that names the database."""
    url = database(
        "create table n (night, alerts, stored)", "insert into n values ('2021-12-01', 1, 2)"
    )
    with pytest.raises(SourceError) as caught:
        sql(url, query, **COUNTS).read(FIRST)
    assert said in str(caught.value) and str(caught.value).startswith("sqlite://")


@pytest.mark.parametrize(
    ("url", "query", "said"),
    [
        ("me:secret@host", "select 1", "is no database's address"),
        ("sqlite:///relative.db", "select 1", "four slashes"),
        ("sqlite:////x.db", "select * from n where night = :nigth", ":nigth; known are :night"),
    ],
)
def test_wrong_settings(url, query, said):
    """Wrong settings are refused, without showing the address."""
    with pytest.raises(UsageError) as caught:
        sql(url, query, **COUNTS)
    assert said in str(caught.value) and "secret" not in str(caught.value)


def test_driver_that_is_not_there():
    """A missing driver is reported with the package to install."""
    with pytest.raises(
        SourceError, match="the driver oracledb is not installed; pip install oracledb$"
    ):
        sql("oracle+oracledb://reader@host/name", "select 1", **COUNTS).read(FIRST)


def test_missing_database(tmp_path):
    """An SQLite file that is missing is an error, and is not made."""
    with pytest.raises(SourceError, match="no such file or directory"):
        sql(f"sqlite:///{tmp_path}/none.db", "select * from n", **COUNTS).look(FIRST, None)
    assert not (tmp_path / "none.db").exists()


def test_kinds_of_postgres(postgres):
    """PostgreSQL's own types are read, with and without time zone."""
    url = postgres.create("kinds")
    postgres.execute(
        "create table e (path text, night date, naive timestamp, aware timestamptz, "
        "took interval, err bytea, size numeric, ok text)",
        "insert into e values ('a/1.fits', '2021-12-01', '2021-12-01 02:00:00', "
        "'2021-12-01 02:00:00-10', '90 s', 'it''s <b>\\377', 5e4, 'ok')",
        "insert into e values ('a/2.fits', '2021-12-01', 'infinity', '2021-12-01 11:59:59Z', "
        "null, null, 'NaN', 'bad')",
        "create table m (night date, v jsonb, n numeric)",
        "insert into m values ('2021-12-01', '{\"a\": 1}', 12.5)",
        dbname="kinds",
    )
    mapped = {
        "path": "path",
        "status": "ok",
        "duration_s": "took",
        "message": "err",
        "size_bytes": "size",
    }
    for column in ("naive", "aware"):
        source = sql(
            url,
            f"select * from e where {column} >= :start and {column} < :end and night = :night",
            rule="UTC-12h",
            feeds="ingests",
            columns={**mapped, "attempted_at": column},
            statuses={"ok": "success"},
            zone="Pacific/Honolulu",
        )
        (row,) = source.read(FIRST).attempts.itertuples()
        assert (row.path, row.status, row.duration_s, row.size_bytes, row.message) == (
            "a/1.fits",
            "success",
            90,
            50000,
            "it's <b>\\xff",
        )
        assert row.attempted_at.isoformat() == "2021-12-01T12:00:00+00:00"
    never = sql(
        url,
        "select * from e where night = :night",
        feeds="ingests",
        columns={**mapped, "attempted_at": "naive"},
    ).read(FIRST)
    assert (
        never.attempts["attempted_at"].isna().sum() == 1
        and never.attempts["size_bytes"].isna().sum() == 1
    )
    made = sql(url, "select * from m", night_column="night", values={"v": "v", "n": "n"}).read(
        FIRST
    )
    assert made.metrics.set_index("name").loc["n", "value"] == 12.5


def test_slow_postgres(postgres):
    """A query that takes too long is an error, in time."""
    source = sql(
        postgres.url(),
        "select pg_sleep(20), 1 as alerts, 2 as stored",
        values=COUNTS["values"],
        timeout_s=1,
        night_column="alerts",
    )
    with pytest.raises(SourceError, match="statement timeout"):
        source.look(FIRST, None)


def test_postgres_cannot_be_written(postgres):
    """No query can write."""
    url = postgres.create("written")
    postgres.execute("create table n (night date, alerts int, stored int)", dbname="written")
    with pytest.raises(SourceError, match="read-only"):
        sql(
            url,
            "insert into n values ('2021-12-01', 1, 1) returning night, alerts, stored",
            **COUNTS,
        ).read(FIRST)
    assert postgres.execute("select count(*) from n", dbname="written") == [(0,)]


def test_passwords_are_never_shown(tmp_path, monkeypatch, capfd):
    """A refused password and a server that is down are shown without it."""
    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    site, stream = tmp_path / "site.toml", tmp_path / "site/broker"
    with PostgreSQL(password="s3cret-Right") as server:
        server.execute(
            "create table n (night date, alerts int, stored int)",
            "insert into n values ('2021-12-01', 100, 95), ('2021-12-02', 50, 50)",
        )
        site.write_text(f"""
[observing_monitor]
output_dir = "site"
[streams.broker]
night_rule = "UTC"
[[streams.broker.sources]]
type = "sql"
url = "postgresql://tester@127.0.0.1:{server.port}/postgres"
password_env = "TEST_PASSWORD"
query = "select * from n where night = :night"
night_column = "night"
values = {{ alerts_issued = "alerts", alerts_stored = "stored" }}
counts = ["alerts_issued", "alerts_stored"]
headlines = ["alerts_issued"]
timeout_s = 5
""")
        arguments = ("-c", site, "--first_day", "2021-12-01", "--last_day", "2021-12-02")
        monkeypatch.setenv("TEST_PASSWORD", "s3cret-Wrong")
        assert run(*arguments, now=NOW) == 1
        assert "password authentication failed" in capfd.readouterr().err
        monkeypatch.setenv("TEST_PASSWORD", "s3cret-Right")
        assert run(*arguments, now=NOW) == 0
        rows = nights(stream)
        assert (
            rows["2021-12-01"]["info"] == "95 of 100 alerts stored: 95.0 %, 5 missing"
            and rows["2021-12-01"]["alerts_issued"] == 100
        )
        assert rows["2021-12-02"]["status"] == "normal"
    assert run(*arguments, now=NOW) == 1
    rows = nights(stream)
    assert (
        rows["2021-12-02"]["alerts_issued"] == 50
        and "could not be read since" in rows["2021-12-02"]["info"]
    )
    monkeypatch.delenv("TEST_PASSWORD")
    assert run("check", *arguments, now=NOW) == 1
    shown = capfd.readouterr()
    assert "the environment has no TEST_PASSWORD" in shown.out
    written = b"".join(
        path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()
    )
    assert b"s3cret" not in written and "s3cret" not in shown.out + shown.err


def test_server_that_never_was():
    """A closed port is an error that names the place without password."""
    source = sql(
        f"postgresql://me:s3cret@127.0.0.1:{free_port()}/db",
        "select 1 as night, 2 as alerts, 3 as stored",
        **COUNTS,
        timeout_s=2,
    )
    with pytest.raises(SourceError) as caught:
        source.look(FIRST, None)
    assert "s3cret" not in str(caught.value) and str(caught.value).startswith(
        "postgresql://127.0.0.1:"
    )


@pytest.mark.parametrize(
    "secret", ["s3cret", "12/s3cret", "s3?cret", "s3@cr/et", "s3%2Fcret", "s3#cret"]
)
def test_no_password_of_a_url_is_shown(secret):
    """No part of a password is shown, whatever its characters."""
    for url in (
        f"postgresql://me:{secret}@127.0.0.1:{free_port()}/db",
        f"postgresql://127.0.0.1:{free_port()}/db?password={secret}",
    ):
        source = sql(url, "select 1 as night, 2 as alerts, 3 as stored", **COUNTS, timeout_s=2)
        with pytest.raises((SourceError, UsageError)) as caught:
            source.look(FIRST, None)
        shown = f"{caught.value} {SqlQuery.place_of(source.settings)}"
        assert not any(part in shown for part in ("s3", "cret", "cr/et")), shown


def test_site_of_attempts(database, tmp_path):
    """Attempts of a database are on the pages, and the last one counts."""
    url = database(
        "create table e (relpath, started, status, err)",
        "insert into e values ('n/A_1.fits', '2021-12-01 01:00:00', 'FAILURE', "
        "'it''s \"<b>\"'), ('n/A_1.fits', '2021-12-01 02:00:00', 'SUCCESS', null)",
        "insert into e values ('n/A_2.fits', '2021-12-01 02:00:00', 'failure', 'it''s \"<b>\"')",
    )
    (tmp_path / "site.toml").write_text(f"""
[observing_monitor]
output_dir = "site"
[streams.camera]
night_rule = "UTC"
[[streams.camera.sources]]
type = "sql"
url = "{url}"
query = "select * from e where started >= :start and started < :end"
feeds = "ingests"
columns = {{ path = "relpath", attempted_at = "started", status = "status", message = "err" }}
constants = {{ stage = "archive" }}
stages = ["archive"]
""")
    assert (
        run("-c", tmp_path / "site.toml", "--last_day", "2021-12-01", "--num_days", "1", now=NOW)
        == 0
    )
    assert counts(nights(tmp_path / "site/camera")["2021-12-01"]) == {"ingested": 1, "failed": 1}
    page = (tmp_path / "site/camera/2021-12-01.html").read_text()
    assert "it&#39;s &#34;&lt;b&gt;&#34;" in page and "A_2.fits" in page


def test_text_of_sqlite_that_is_not_utf8(database):
    """A text that is no UTF-8 hides no row; its bytes are shown."""
    url = database(
        "create table n (night, told)",
        "insert into n values ('2021-12-01', cast(x'61ff' as text)), ('2021-12-02', 'b')",
    )
    source = sql(url, "select * from n", night_column="night", values={"said": "told"})
    assert values(source.read(FIRST)) == {"said": "a\\xff"}


def test_file_of_sqlite(database, tmp_path):
    """`file` stands for SQLite's address and excludes `url`."""
    database("create table n (night, alerts, stored)", "insert into n values ('2021-12-01', 10, 9)")
    settings = tmp_path / "site.toml"
    settings.write_text("""
[[streams.any.sources]]
type = "sql"
file = "a b%.db"
query = "select * from n"
night_column = "night"
values = { n_alerts = "alerts" }
""")
    (stream,) = read.streams_of_file(settings)
    (source,) = make_sources(stream, NOW)
    assert values(source.read(FIRST)) == {"n_alerts": 10}
    assert stream.sources[0].place == str(tmp_path / "a b%.db")
    for wrong in ({"url": ""}, {"url": "sqlite:////a.db", "file": tmp_path / "a.db"}):
        with pytest.raises(UsageError, match="set either url, or file for an SQLite database"):
            sql(query="select * from n", **wrong, **COUNTS)
