"""Instants that a database compares as text."""

import contextlib
import datetime
import sqlite3

import pytest
from running import nights, run
from test_sql_query import sql

from observing_monitor.sources.sql_instants import compared_columns

NIGHT = datetime.date(2021, 2, 16)
NEXT = NIGHT + datetime.timedelta(days=1)
# of the night 2021-02-16 by the rule UTC-12h: all but the first and the last two
TIMES = [
    ("before", "2021-02-16", "11:59:59"),
    ("noon", "2021-02-16", "12:00:00"),
    ("evening", "2021-02-16", "22:00:00"),
    ("morning", "2021-02-17", "02:00:00"),
    ("last", "2021-02-17", "11:59:59"),
    ("end", "2021-02-17", "12:00:00"),
    ("after", "2021-02-17", "22:00:00"),
]
QUERY = "select name, t from f where t >= :start and t < :end"


@pytest.fixture
def table(tmp_path):
    """Make an SQLite table f (name, t), and return its address."""
    path = tmp_path / "d.sqlite3"

    def table(rows, statement="create table f (name text, t text)"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
            connection.executemany("insert into f values (?, ?)", rows)
            connection.commit()
        return f"sqlite:///{path}"

    return table


def files_of(url, query=QUERY, night=NIGHT, zone="UTC", column="t"):
    columns = {"name": "name", "created_at": column}
    source = sql(url, query, rule="UTC-12h", feeds="files", columns=columns, zone=zone)
    reading = source.read(night)
    return sorted(reading.files["name"]), reading.notes


def rows_in(form):
    return [(name, form.format(date=date, time=time)) for name, date, time in TIMES]


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        "select f.name, f.t from f where f.t>=:start and f.t<:end",
        'select name, t from f where "t" >= :start and :end > "t"',
        "select name, t from f where :start <= [t] and `T` < :end order by 1",
        "with x as (select * from f) select name, t from x where (t >= :start and t < :end)",
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "{date}T{time}",
        "{date} {time}",
        "{date}T{time}Z",
        "{date}T{time}.000",
        "{date}T{time}+00:00",
    ],
)
def test_rows_are_in_their_own_night(table, form, query):
    """Bounds are bound as the column has instants, with T or a space."""
    url = table(rows_in(form))
    assert files_of(url, query) == (["evening", "last", "morning", "noon"], [])
    assert files_of(url, query, NEXT) == (["after", "end"], [])


@pytest.mark.parametrize("form", ["{date}T{time}", "{date} {time}"])
def test_only_morning_files(table, form):
    """A night whose rows are all after midnight is found as well."""
    url = table([row for row in rows_in(form) if row[0] == "morning"])
    assert files_of(url) == (["morning"], [])
    assert files_of(url, night=NEXT) == ([], [])


def test_counts_are_of_the_night(table):
    """A query that counts rows counts those of the night."""
    url = table(rows_in("{date}T{time}"))
    query = "select count(*) as n from f where t between :start and :end and t <> :end"
    source = sql(url, query, rule="UTC-12h", values={"n_files": "n"})
    assert source.read(NIGHT).metrics["value"].tolist() == [4]


def test_a_column_of_several_forms(table):
    """Texts of several forms are not compared; a note names the remedy."""
    url = table([*rows_in("{date}T{time}"), *rows_in("{date} {time}")])
    _, (note, *_) = files_of(url)
    assert "t holds instants in several forms" in note and "write datetime(t)" in note
    query = "select name, t from f where datetime(t) >= :start and datetime(t) < :end"
    found, notes = files_of(url, query)
    assert found == ["evening", "last", "morning", "noon"] and notes == []


@pytest.mark.parametrize("separator", ["T", " "])
def test_a_column_with_another_offset(table, separator):
    """Instants with another zone's offset are reported; the remedy works."""
    url = table(rows_in(f"{{date}}{separator}{{time}}+02:00"))
    _, (note, *_) = files_of(url)
    assert "offset" in note and "write datetime(t)" in note
    query = "select name, t from f where datetime(t) >= :start and datetime(t) < :end"
    assert files_of(url, query)[1] == []
    assert files_of(url, query)[0] == ["end", "evening", "last", "morning"]


@pytest.mark.parametrize("form", ["{date}T{time}", "{date}T{time}-10:00", "{date} {time}-10:00"])
def test_a_zone_of_its_own(table, form):
    """Local instants with T are in the night of their zone."""
    found, notes = files_of(table(rows_in(form)), zone="Pacific/Honolulu")
    # the night is 02:00 to 02:00 there
    assert (found, notes) == (["before", "evening", "noon"], [])


def test_rows_outside_the_night_are_reported(table):
    """Rows beyond the night are reported, whatever the reason."""
    url = table(rows_in("{date} {time}"), "create table f (name text, t text collate nocase)")
    query = "select name, t from f where t >= date(:start) and t < :end and t >= :start"
    assert files_of(url, query)[1] == []
    wide = "select name, t from f where t > :start and :end is not null"
    found, notes = files_of(url, wide)
    assert "after" in found
    assert "t: 1 of 5 rows are outside the night, such as '2021-02-17 22:00:00'" in notes[0]
    either = "select name, t from f where (t >= :start and t < :end) or name = 'after'"
    assert files_of(url, either)[1] == []


def test_views_and_odd_names(table):
    """Views count as tables; a view that is broken, and odd names, do no harm."""
    url = table(rows_in("{date}T{time}"), 'create table f (name, "a:b")')
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute('create view seen as select name, "a:b" as t from f')
        connection.execute("create view broken as select t from gone")
        connection.commit()
    query = "select name, t, 'broken' from seen where t >= :start and t < :end"
    assert files_of(url, query)[0]
    query = query.replace(", 'broken'", "")
    assert files_of(url, query) == (["evening", "last", "morning", "noon"], [])
    files_of(url, 'select name, "a\\:b" as t from f where "a\\:b" >= :start and "a\\:b" < :end')


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("select 1 where a.b >= :start and c between :start and :end", {"b", "c"}),
        ("select 1 where datetime(t) >= :start and :end > date(u)", set()),
        ("select :start, :end", set()),
        ('select 1 where "Odd name" > :start', {"Odd name"}),
        ("select 1 where t >= :started", set()),
    ],
)
def test_compared_columns(query, columns):
    """The columns that are compared with the bounds are found in the query."""
    assert compared_columns(query) == columns


def test_a_site_of_instants_with_t(tmp_path, table):
    """The whole way: each file is on the page of its own night."""
    url = table(rows_in("{date}T{time}"))
    (tmp_path / "site.toml").write_text(f"""
[observing_monitor]
output_dir = "site"
[[streams.cam.sources]]
type = "sql"
url = "{url}"
feeds = "files"
query = "{QUERY}"
columns = {{ path = "name", created_at = "t" }}
""")
    days = ("--first_day", "2021-02-15", "--last_day", "2021-02-18")
    assert run("-c", tmp_path / "site.toml", *days) == 0
    found = nights(tmp_path / "site" / "cam")
    assert [night["n_files"] for _, night in sorted(found.items())] == [1, 4, 2, 0]


def test_an_index_is_used(table):
    """Looking how instants are written reads a handful of rows, not the table."""
    from observing_monitor.sources.sql_instants import how_written

    url = table([], "create table f (name text, t text primary key)")
    asked = []
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:

        def ask(query, values):
            asked.append((query, values))
            return connection.execute(query, values).fetchall()

        start = datetime.datetime(2021, 2, 16, 12, tzinfo=datetime.UTC)
        how_written(ask, QUERY, (start, start + datetime.timedelta(days=1)), "UTC")
        plans = [
            connection.execute(f"explain query plan {query}", values).fetchall()
            for query, values in asked[2:]
        ]
    assert len(plans) == 2
    for step in plans[0]:
        assert "SCAN" not in step[3], step
