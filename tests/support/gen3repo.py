"""Builds Gen3 repositories with lsst-daf-butler."""

import contextlib
import datetime
import os
import re
import sqlite3
import urllib.parse
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from needs import need

TAI_MINUS_UTC = datetime.timedelta(seconds=37)


@dataclass(frozen=True)
class Raw:
    """A raw to ingest: its file, exposure and detector."""

    path: Path
    seq_num: int
    night: datetime.date
    detector: int = 0
    instrument: str = "LATISS"
    facts: tuple = ()  # of its exposure: (column, value)

    @property
    def exposure(self):
        """The exposure's number in the form of obs_lsst."""
        return int(self.night.strftime("%Y%m%d")) * 100_000 + self.seq_num

    @property
    def ended_at(self):
        """The end of the exposure (UTC).

        There is one exposure per minute, from 01:00 of the night's second day on.
        """
        day = datetime.datetime.combine(
            self.night, datetime.time(1), datetime.UTC
        ) + datetime.timedelta(days=1)
        return day + datetime.timedelta(minutes=self.seq_num)


def raw_file(folder, night, seq_num, *, detector=None, obsid="AT_O"):
    """Make a file of 20,000 bytes; return its path.

    It is FOLDER/NIGHT/AT_O_YYYYMMDD_NNNNNN[-R22Sdd].fits.
    """
    sensor = "" if detector is None else f"-R22S{detector:02d}"
    path = folder / night.isoformat() / f"{obsid}_{night:%Y%m%d}_{seq_num:06d}{sensor}.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(20_000)
    return path


@contextlib.contextmanager
def butler(root, db=None, namespace=None):
    """Open or make the repository at `root` for writing.

    The test is skipped if lsst-daf-butler is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lsst.daf.butler import Butler, Config
    except ImportError:
        need(False, "lsst-daf-butler is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not (root / "butler.yaml").exists():
            config = Config()
            if db:
                config["registry", "db"] = db
            if namespace:
                config["registry", "namespace"] = namespace
            Butler.makeRepo(str(root), config=config)
        with Butler.from_config(str(root), writeable=True) as opened:
            yield opened


def ingest(opened, raws, transfer="direct", run="raw/all"):
    """Ingest raws and their exposures into a repository.

    Returns
    -------
    list of DatasetRef
    """
    from lsst.daf.butler import DataCoordinate, DatasetRef, DatasetType, FileDataset
    from lsst.daf.butler.formatters.json import JsonFormatter

    class RawFormatter(JsonFormatter):
        """The formatter that a Butler requires."""

        supported_extensions = frozenset({".fits"})
        default_extension = ".fits"

    registry = opened.registry
    kind = DatasetType(
        "raw",
        ("instrument", "exposure", "detector"),
        "StructuredDataDict",
        universe=opened.dimensions,
    )
    registry.registerDatasetType(kind)
    registry.registerRun(run)
    refs = []
    for raw in raws:
        for element, record in _dimension_records(raw):
            registry.insertDimensionData(element, record, skip_existing=True)
        where = {
            "instrument": raw.instrument,
            "exposure": raw.exposure,
            "detector": raw.detector,
        }
        refs.append(
            DatasetRef(kind, DataCoordinate.standardize(where, universe=opened.dimensions), run=run)
        )
    files = [
        FileDataset(path=str(raw.path), refs=[ref], formatter=RawFormatter)
        for raw, ref in zip(raws, refs, strict=True)
    ]
    opened.ingest(*files, transfer=transfer)
    return refs


def _dimension_records(raw):
    """Yield a raw's dimension records: (element, record)."""
    of = {"instrument": raw.instrument}
    day = int(raw.night.strftime("%Y%m%d"))
    limits = dict.fromkeys(("visit_max", "exposure_max", "detector_max"), 10**14)
    yield "instrument", {"name": raw.instrument, "class_name": "lsst.obs.lsst.Latiss", **limits}
    yield "physical_filter", {**of, "name": "r", "band": "r"}
    name = f"S{raw.detector:02d}"
    sensor = {"full_name": f"R22_{name}", "name_in_raft": name, "raft": "R22"}
    yield "detector", {**of, "id": raw.detector, **sensor, "purpose": "SCIENCE"}
    yield "day_obs", {**of, "id": day}
    yield "group", {**of, "name": str(raw.exposure)}
    exposure = {
        "id": raw.exposure,
        "day_obs": day,
        "group": str(raw.exposure),
        "physical_filter": "r",
        "obs_id": raw.path.name.removesuffix(".fits").partition("-")[0],
        "seq_num": raw.seq_num,
        "timespan": _timespan(raw),
        "exposure_time": 30.0,
    }
    yield "exposure", of | exposure | dict(raw.facts)


def _timespan(raw):
    """Return the 30 seconds of a raw's exposure."""
    from astropy.time import Time
    from lsst.daf.butler import Timespan

    end = (raw.ended_at + TAI_MINUS_UTC).replace(tzinfo=None)
    begin = end - datetime.timedelta(seconds=30)
    return Timespan(Time(begin, scale="tai"), Time(end, scale="tai"))


def make_repository(root, raws, *, transfer="direct", db=None, namespace=None):
    """Make a repository of raws; return their dataset references."""
    with butler(root, db, namespace) as opened:
        return ingest(opened, raws, transfer)


GROW = """
create temporary table nights as
  select n, to_char(:first + n, 'YYYYMMDD') as day, to_char(:first + n, 'YYYY-MM-DD') as night,
    1581555667000000000 + n * 86400000000000 as at
  from generate_series(0, :n_nights - 1) n;
create temporary table taken as
  select nights.*, s, day::bigint * 100000 + s as id, day || to_char(s, 'FM00000') as name,
    'AT_O_' || day || to_char(s, 'FM_000000') as obsid, at + s * 2500000000 as begun
  from nights, generate_series(2, :n_exposures + 1) s;
insert into day_obs (instrument, id)
  select i.name, day::bigint from instrument i, nights on conflict do nothing;
insert into "group" (instrument, name) select i.name, taken.name from instrument i, taken;
insert into exposure (instrument, id, day_obs, "group", physical_filter, obs_id, exposure_time,
    seq_num, timespan)
  select o.instrument, t.id, day::bigint, t.name, o.physical_filter, obsid, 30, s,
    int8range(begun, begun + 2000000000)
  from (select * from exposure limit 1) o, taken t;
create temporary table made as
  select (lpad(to_hex(n + 1), 12, '0') || '7' || lpad(to_hex(s % 4096), 3, '0') || '8000'
      || lpad(to_hex(s * 16 + d.id), 12, '0'))::uuid as dataset,
    d.id as detector, d.instrument, t.id as exposure, begun + 60000000000 as ingested,
    night || '/' || obsid || '-R22S' || to_char(d.id, 'FM00') || '.fits' as path
  from taken t, detector d;
insert into dataset (id, dataset_type_id, ingest_date, run_id)
  select m.dataset, o.dataset_type_id, m.ingested, o.run_id
  from made m, (select * from dataset limit 1) o;
insert into :tags (dataset_type_id, dataset_id, collection_id, instrument, detector, exposure)
  select o.dataset_type_id, m.dataset, o.collection_id, m.instrument, m.detector, m.exposure
  from made m, (select * from :tags limit 1) o;
insert into dataset_location (datastore_name, dataset_id)
  select o.datastore_name, m.dataset from made m, (select * from dataset_location limit 1) o;
insert into file_datastore_records (dataset_id, path, formatter, storage_class, component,
    checksum, file_size)
  select m.dataset, m.path, o.formatter, o.storage_class, o.component, o.checksum, o.file_size
  from made m, (select * from file_datastore_records limit 1) o
"""
# what SQLAlchemy made as an index, not as a constraint, is faster to make anew than to keep
PLAIN_INDEXES = """
select indexname, indexdef from pg_indexes
where schemaname = '{schema}' and tablename in
    ('dataset', 'dataset_location', 'exposure', 'file_datastore_records', '{tags}')
  and not exists (select 1 from pg_constraint where conname = indexname)
"""


def grow(server, dbname, schema, first, n_nights, n_exposures):
    """Copy a registry's rows into many nights, on PostgreSQL.

    The repository has one raw of each detector, which a Butler ingested; each exposure gets as
    many. Exposures are numbered from 2; their files are not made.
    """
    (tags,) = server.execute(
        f"select tag_association_table from {schema}.dataset_type", dbname=dbname
    )[0]
    indexes = server.execute(PLAIN_INDEXES.format(schema=schema, tags=tags), dbname=dbname)
    sql = GROW
    for name, value in {
        "first": f"date '{first}'",
        "n_nights": n_nights,
        "n_exposures": n_exposures,
        "tags": tags,
    }.items():
        sql = re.sub(rf"(?<!:):{name}\b", str(value), sql)
    # without checks of foreign keys: the rows are copies of rows that passed them
    begin = (f"set search_path to {schema}", "set session_replication_role = replica")
    server.execute(
        *begin,
        *(f'drop index "{name}"' for name, _ in indexes),
        *sql.split(";"),
        *(made for _, made in indexes),
        dbname=dbname,
    )
    server.execute("vacuum analyze", dbname=dbname)


def edit(root, *statements):
    """Change a registry on SQLite, without the Butler."""
    connection = sqlite3.connect(root / "gen3.sqlite3")
    with contextlib.closing(connection), connection:
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(
                statement
            )


def records(root, sql):
    """Return rows of a registry on SQLite."""
    address = f"file:{urllib.parse.quote(str(root / 'gen3.sqlite3'))}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        return connection.execute(sql).fetchall()


def age(path, at):
    """Set a file's modification time."""
    os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.fixture
def three(tmp_path):
    """The raws of an input with three files, two ingested."""
    night = datetime.date(2024, 1, 2)
    files = [raw_file(tmp_path / "input" / "storage", night, number) for number in (1, 2, 3)]
    raws = [Raw(path, number, night) for number, path in enumerate(files[:2], 1)]
    for number, path in enumerate(files, 1):
        age(path, Raw(path, number, night).ended_at + datetime.timedelta(seconds=5))
    make_repository(tmp_path / "input" / "gen3repo", raws)
    return raws
