"""Benchmarks over databases: `gen3`, `gen3_postgresql` and `queue`."""

import datetime
import functools
import shutil
import sys

import gen3_history
from gen3_history import N_DETECTORS
from program import median, spawn
from trees import FIRST, made_once, one_source
from trial import Row

UTC = datetime.UTC
N_NIGHTS = 100
MANY_ROWS = 1000  # of a table that should not be read as a whole

BARE_GEN3 = """
import sqlite3, sys
connection = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)
(tags,), = connection.execute('select tag_association_table from dataset_type')
sql = f'''select t.dataset_id, e.instrument, e.id, e.obs_id, e.seq_num, t.detector, n.full_name,
    n.raft, n.name_in_raft, d.ingest_date, e.timespan_end, f.path, f.file_size
    from exposure e cross join {tags} t join dataset d on d.id = t.dataset_id
    left join detector n on n.instrument = t.instrument and n.id = t.detector
    left join file_datastore_records f on f.dataset_id = d.id
    where e.instrument = 'LATISS' and e.day_obs = ? and t.instrument = e.instrument
        and t.exposure = e.id'''
print(len(connection.execute(sql, [int(sys.argv[2])]).fetchall()))
"""
BARE_GEN3_POSTGRESQL = """
import psycopg2, sys
with psycopg2.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.execute('select tag_association_table from latiss.dataset_type')
    (tags,), = cursor.fetchall()
    cursor.execute(f'''select t.dataset_id, e.instrument, e.id, e.obs_id, e.seq_num, t.detector,
        n.full_name, n.raft, n.name_in_raft, d.ingest_date, upper(e.timespan), f.path, f.file_size
        from latiss.exposure e
        join latiss.{tags} t on t.instrument = e.instrument and t.exposure = e.id
        join latiss.dataset d on d.id = t.dataset_id
        left join latiss.detector n on n.instrument = t.instrument and n.id = t.detector
        left join latiss.file_datastore_records f on f.dataset_id = d.id
        where e.instrument = 'LATISS' and e.day_obs = %s''', [int(sys.argv[2])])
    print(len(cursor.fetchall()))
"""
SOURCE_GEN3 = """
import datetime, pathlib, sys
try:
    from observing_monitor.processes.tuning import tune_process
except ImportError:  # 0.1
    from observing_monitor.workers import suit_full_nights as tune_process
from observing_monitor.nights import NightRule
from observing_monitor.sources import Asked
from observing_monitor.sources.gen3 import Gen3Repository
tune_process()
night = datetime.date.fromisoformat(sys.argv[2])
asked = Asked('gen3', NightRule.parse('UTC-12h'), datetime.datetime.fromisoformat(sys.argv[3]))
source = Gen3Repository(Gen3Repository.Settings(pathlib.Path(sys.argv[1])), asked)
source.look(night, None)
print(len(source.read(night).attempts))
"""
READ_AS_A_WHOLE = f"""
select s.relname from pg_stat_user_tables s join pg_class c on c.oid = s.relid
where s.seq_scan > 0 and c.reltuples > {MANY_ROWS} order by s.relname
"""

FITSSTORAGE = """
create table file as select i as id, 'N' || to_char(date '2020-02-12' + i / {n}, 'YYYYMMDD')
    || 'S' || lpad((i % {n})::text, 6, '0') || '.fits' as name
  from generate_series(0, {all} - 1) i;
create table diskfile as select id, id as file_id, name as filename, ''::text as path,
    true as present, true as canonical, entrytime, entrytime as lastmod,
    30000000::bigint as file_size, true as isfits, 0 as fverrors, true as mdready
  from (select id, name, timestamptz '2020-02-12 06:00Z' + id / {n} * interval '1 day'
    + id % {n} * interval '0.5 second' as entrytime from file) as f;
create table header as select id, id as diskfile_id, 'GN-' || id as data_label,
    entrytime as ut_datetime, 30.0 as exposure_time from diskfile;
alter table file add primary key (id);
alter table diskfile add primary key (id);
alter table header add primary key (id);
create index on header (diskfile_id);
create index on diskfile (filename);
create index on diskfile (entrytime);
create table ingestqueue as select id, name as filename, ''::text as path, false as inprogress,
    timestamp '9999-12-31 23:59:59' as fail_dt, timestamp '2020-02-12 06:00' as added,
    timestamp '2020-02-12 06:00' as after, ''::text as sortkey, null::text as error
  from file where id >= {all} - {waiting};
analyze
"""
BARE_FITSSTORAGE = """
import sqlalchemy, sys
sql = '''select d.*, f.name, h.data_label, h.ut_datetime, h.exposure_time
    from diskfile d join file f on f.id = d.file_id left join header h on h.diskfile_id = d.id
    where d.filename >= :first and d.filename < :last'''
values = {'first': 'N' + sys.argv[2], 'last': 'N' + sys.argv[2] + 'z'}
with sqlalchemy.create_engine(sys.argv[1]).connect() as connection:
    print(len(connection.execute(sqlalchemy.text(sql), values).fetchall()))
"""


def bench_gen3(trial):
    """Measure a night among 10 million raws on SQLite.

    The floor is the bare query of the night's rows.
    """
    n_raws = trial.sized(100_000)
    folder, now = made_once(
        trial.work / f"gen3_{n_raws}",
        functools.partial(gen3_history.gen3_history, N_NIGHTS, n_raws),
    )
    last, site = FIRST + datetime.timedelta(days=N_NIGHTS - 1), trial.own("site_gen3")
    settings = trial.own("gen3").with_suffix(".toml")
    one_source(settings, "gen3", "UTC-12h", type="gen3", path=str(folder))
    words = ("-c", settings, "--output_dir", site, "--first_day", last, "--last_day", last)
    registry = folder / "gen3repo" / "gen3.sqlite3"
    bare, alone, first, same = [], [], [], []
    yield
    for _ in trial.repeat():
        shutil.rmtree(site, ignore_errors=True)
        bare.append(spawn(sys.executable, "-c", BARE_GEN3, registry, f"{last:%Y%m%d}"))
        yield
        alone.append(trial.program.python(SOURCE_GEN3, folder, last, now.isoformat()))
        yield
        first.append(trial.program.run(now, *words))
        yield
        same.append(trial.program.run(now, *words))
        yield
    floor = median(bare)
    among = f"a night of {_n_rows(bare, alone):,} raws among {N_NIGHTS * n_raws / 1e6:,.1f} million"
    name = f"Gen3 on SQLite, {among}: the source alone (floor: the bare query)"
    return [
        Row(name, median(alone), floor, "3 ×"),
        Row("  the whole run, with its pages", median(first), floor),
        Row("  the next run, nothing new", median(same), floor, "0.25 s of processor time"),
    ]


def _n_rows(bare, alone):
    """Return the number of rows, equal by both ways."""
    n_rows, of_source = (int(runs[-1].output.split()[-1]) for runs in (bare, alone))
    if n_rows != of_source:
        raise SystemExit(f"gen3: the bare query has {n_rows} rows, the source {of_source}")
    return n_rows


def bench_gen3_postgresql(trial):
    """Measure the same on a PostgreSQL.

    The server's statistics show which large tables the source reads as a whole.
    """
    from servers import PostgreSQL

    if not PostgreSQL.bin():
        print("(no PostgreSQL here: Gen3 on it is left out)")
        return []
    n_exposures = trial.sized(100_000) // N_DETECTORS
    last = FIRST + datetime.timedelta(days=N_NIGHTS - 1)
    now = datetime.datetime.now(UTC).isoformat()
    memory = {"shared_buffers": "512MB", "maintenance_work_mem": "512MB", "max_wal_size": "8GB"}
    with PostgreSQL(**memory) as server:
        url, folder = _grown_repository(trial, server, last, n_exposures)
        bare, alone = [], []
        yield
        for _ in trial.repeat():
            words = (url.replace("+psycopg2", ""), f"{last:%Y%m%d}")
            bare.append(spawn(sys.executable, "-c", BARE_GEN3_POSTGRESQL, *words))
            yield
            server.execute("select pg_stat_reset()", dbname="gen3")
            alone.append(trial.program.python(SOURCE_GEN3, folder, last, now))
            whole = server.execute(READ_AS_A_WHOLE, dbname="gen3")
            yield
    n_all = N_NIGHTS * n_exposures * N_DETECTORS
    among = f"{_n_rows(bare, alone):,} raws among {n_all / 1e6:,.1f} million"
    name = (
        f"Gen3 on PostgreSQL, {among}: the source alone "
        "(floor: the bare query; the server's time is in the clock alone)"
    )
    tables = ", ".join(name for (name,) in whole) or "none"
    return [Row(name, median(alone), median(bare), f"3 ×; tables read as a whole: {tables}")]


def _grown_repository(trial, server, last, n_exposures):
    """Make a repository on a server; return URL and folder."""
    import gen3repo

    folder = trial.own("gen3_postgresql")
    shutil.rmtree(folder, ignore_errors=True)
    url = server.create("gen3")
    server.execute("create extension btree_gist", "create schema latiss", dbname="gen3")
    raws = gen3_history.first_raws(folder / "storage")
    gen3repo.make_repository(folder / "gen3repo", raws, db=url, namespace="latiss")
    gen3repo.grow(server, "gen3", "latiss", FIRST, N_NIGHTS, n_exposures)
    gen3_history.make_raws(folder / "gen3repo", last, n_exposures)
    return url, folder


def bench_queue(trial):
    """Measure FitsStorage's tables and queue.

    The floor is the night's rows by the same client.
    """
    from servers import PostgreSQL

    if not PostgreSQL.bin():
        print("(no PostgreSQL here: FitsStorage is left out)")
        return []
    n_files, waiting = trial.sized(20_000), trial.sized(2_000)
    last, site = FIRST + datetime.timedelta(days=N_NIGHTS - 1), trial.own("site_queue")
    now = datetime.datetime.combine(last, datetime.time(12), UTC)
    with PostgreSQL() as server:
        url = server.create("fitsdata")
        script = FITSSTORAGE.format(n=n_files, all=N_NIGHTS * n_files, waiting=waiting)
        server.execute(*script.split(";"), dbname="fitsdata")
        settings = trial.own("queue").with_suffix(".toml")
        one_source(settings, "queue", "UTC", type="fitsstorage", url=url, queues=["ingest"])
        words = ("-c", settings, "--output_dir", site, "--first_day", last, "--last_day", last)
        bare, first = [], []
        yield
        for _ in trial.repeat():
            shutil.rmtree(site, ignore_errors=True)
            bare.append(spawn(sys.executable, "-c", BARE_FITSSTORAGE, url, f"{last:%Y%m%d}"))
            yield
            first.append(trial.program.run(now, *words))
            yield
    among = f"a night of {n_files:,} files among {N_NIGHTS * n_files / 1e6:,.1f} million"
    name = (
        f"FitsStorage on PostgreSQL, {among}, {waiting:,} waiting: the whole run "
        "(floor: the bare query)"
    )
    return [Row(name, median(first), median(bare))]
