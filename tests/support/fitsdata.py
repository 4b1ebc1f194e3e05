"""A FitsStorage database on PostgreSQL, and its source."""

import datetime

from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import source_class
from observing_monitor.sources.shared.gemini import plain_name

UTC = datetime.UTC
NIGHT = datetime.date(2016, 3, 19)
NOW = datetime.datetime(2016, 3, 19, 12, 0, tzinfo=UTC)
NEVER = "9999-12-31 23:59:59.999999"

# The tables as FitsStorage makes them, with the columns that the source does not read.
SCHEMA = """
create table ingestqueue (id serial primary key, filename text, path text, inprogress bool,
    fail_dt timestamp, added timestamp, force_md5 bool, force bool, after timestamp, no_defer
    bool, batch text, sortkey text, error text, md5_before_header_update text,
    md5_after_header_update text, header_update text, unique (filename, path, inprogress,
    fail_dt));
create table exportqueue (id serial primary key, filename text, path text, destination text,
    inprogress bool, fail_dt timestamp, sortkey text, added timestamp, after timestamp, error
    text, md5_before_header text, unique (filename, inprogress, fail_dt, destination));
create table fileopsqueue (id serial primary key, filename text, inprogress bool,
    response_required bool, fail_dt timestamp, added timestamp, after timestamp, sortkey
    timestamp, error text, request text, response text, batch text);
create table previewqueue (id serial primary key, diskfile_id int, filename text, inprogress
    bool, fail_dt timestamp, force bool, scavengeonly bool, sortkey text, error text);
create table calcachequeue (id serial primary key, obs_hid int, inprogress bool, fail_dt
    timestamp, added timestamp, sortkey text, filename text, error text);
create type debundle as enum ('NONE', 'ALL');
create table reducequeue (id serial primary key, filenames text[], inprogress bool, fail_dt
    timestamp, added timestamp, sortkey text, filename text, debundle debundle, recipe text,
    uparms text, batch text, after_batch text, error text, mem_gb int, host text, intent text,
    tag text);
create table file (id serial primary key, name text);
create table diskfile (id serial primary key, file_id int references file, filename text, path
    text, present bool, canonical bool, file_md5 text, file_size bigint, lastmod timestamptz,
    entrytime timestamptz, compressed bool, data_md5 text, data_size bigint, isfits bool,
    fvwarnings int, fverrors int, mdready bool);
create index on diskfile (filename);
create index on diskfile (entrytime);
create table header (id serial primary key, diskfile_id int references diskfile, program_id
    text, observation_id text, data_label text, telescope text, instrument text, ut_datetime
    timestamp, observation_type text, observation_class text, object text, ra numeric(16, 12), dec
    numeric(16, 12), azimuth numeric(16, 12), elevation numeric(16, 12), cass_rotator_pa
    numeric(16, 12), airmass numeric(10, 8), filter_name text, exposure_time numeric(8, 4),
    disperser text, qa_state text, release date);
"""

TRACEBACK = """Traceback (most recent call last):
  File "service_ingest_queue.py", line 93, in <module>
    raise ValueError("it isn't <b>FITS</b> & 'quoted'")
ValueError: it isn't <b>FITS</b> & 'quoted'


Traceback (most recent call last):
OSError: second try"""


def made_database(postgres, test):
    """Yield a function that changes an empty database.

    Its `url` is the database's address. Use it in a fixture, with the name of the test.
    """
    name = f"fits{abs(hash(test)) % 10**9}"
    url = postgres.create(name)

    def do(*statements):
        return postgres.execute(*statements, dbname=name)

    # that of the server's clock, as at Gemini North; a session has it from its start
    do(f"alter database \"{name}\" set timezone to 'Pacific/Honolulu'")
    do(SCHEMA)
    do.url, do.name, do.server = url, name, postgres
    yield do
    postgres.execute(f'drop database "{name}" with (force)')


def sql_text(value):
    """Return a value as SQL has it."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def put(do, table, **values):
    """Insert a row; an entry of a queue is waiting."""
    if table.endswith("queue"):
        values = {"fail_dt": NEVER, "inprogress": False, **values}
    names, cells = ", ".join(values), ", ".join(map(sql_text, values.values()))
    do(f"insert into {table} ({names}) values ({cells})")


def put_file(do, number, name, entered, *, came=None, label=None, facts=None, **more):
    """Insert a file into `file`, `diskfile` and `header`.

    Only files with a data label have a `header`, with these facts.
    """
    put(do, "file", id=number, name=plain_name(name))
    row = {
        "id": number,
        "file_id": number,
        "filename": name,
        "path": "",
        "present": True,
        "canonical": True,
        "file_size": 30_000_000,
        "lastmod": came or entered,
        "entrytime": entered,
        "isfits": True,
        "fverrors": 0,
        "mdready": True,
    }
    put(do, "diskfile", **{**row, **more})
    if label:
        header = {"diskfile_id": number, "data_label": label, "exposure_time": "30.0000"}
        put(do, "header", **{**header, "ut_datetime": "2016-03-19 05:00:00", **(facts or {})})


def put_entries(do, queue, *rows, **common):
    """Insert entries of a queue with common values."""
    for row in rows:
        put(do, f"{queue}queue", **{**common, **row})


def source(do, now=NOW, rule="UTC", name="fitsstorage", **settings):
    """Return a source on a database, as of `now`."""
    kind = source_class("fitsstorage")
    made = kind(
        kind.Settings(**{"url": getattr(do, "url", do), "zone": "Pacific/Honolulu", **settings}),
        Asked("gemini", NightRule.parse(rule), now),
    )
    made.name = name
    return made


def by_stage(reading, stage):
    """Return a reading's attempts of a stage as (status, instant, message)."""
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
    """Return a reading's numbers by name and node."""
    return {
        (row.name_, row.node): row.value
        for row in reading.metrics.rename(columns={"name": "name_"}).itertuples()
    }
