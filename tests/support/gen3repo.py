"""Builds Gen3 repositories of today's schema with lsst-daf-butler itself, on SQLite or PostgreSQL."""

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
from conftest import need

TAI_MINUS_UTC = datetime.timedelta(seconds=37)


@dataclass(frozen=True)
class Raw:
    """One raw to be ingested: the file, and what it is of."""

    path: Path
    seq_num: int
    night: datetime.date
    detector: int = 0
    instrument: str = "LATISS"

    @property
    def exposure(self):
        """The exposure's number, as obs_lsst makes it."""
        return int(self.night.strftime("%Y%m%d")) * 100_000 + self.seq_num

    @property
    def ended_at(self):
        """When the shutter closed (UTC): a minute an exposure, from 01:00 UTC of the night's second day."""
        day = datetime.datetime.combine(
            self.night, datetime.time(1), datetime.UTC
        ) + datetime.timedelta(days=1)
        return day + datetime.timedelta(minutes=self.seq_num)


def raw_file(folder, night, seq_num, *, detector=None, obsid="AT_O"):
    """A file as it is transferred, of 20,000 bytes: FOLDER/NIGHT/AT_O_YYYYMMDD_NNNNNN[-R22Sdd].fits."""
    sensor = "" if detector is None else f"-R22S{detector:02d}"
    path = folder / night.isoformat() / f"{obsid}_{night:%Y%m%d}_{seq_num:06d}{sensor}.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(20_000)
    return path


@contextlib.contextmanager
def butler(root, db=None, namespace=None):
    """The repository at `root`, to write to; made where there is none. Skips where lsst-daf-butler is not installed."""
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
    """Ingest raws into an open repository, with all that they are of; returns their dataset references."""
    from astropy.time import Time
    from lsst.daf.butler import DataCoordinate, DatasetRef, DatasetType, FileDataset, Timespan
    from lsst.daf.butler.formatters.json import JsonFormatter

    class RawFormatter(JsonFormatter):
        """What a Butler wants for files of a kind; nobody reads ours."""

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
        of = {"instrument": raw.instrument}
        day = int(raw.night.strftime("%Y%m%d"))
        end = Time((raw.ended_at + TAI_MINUS_UTC).replace(tzinfo=None), scale="tai")
        begin = Time(
            (raw.ended_at + TAI_MINUS_UTC - datetime.timedelta(seconds=30)).replace(tzinfo=None),
            scale="tai",
        )
        obsid = raw.path.name.removesuffix(".fits").partition("-")[0]
        limits = dict.fromkeys(("visit_max", "exposure_max", "detector_max"), 10**14)
        sensor = {
            "full_name": f"R22_S{raw.detector:02d}",
            "name_in_raft": f"S{raw.detector:02d}",
            "raft": "R22",
            "purpose": "SCIENCE",
        }
        exposure = {
            **of,
            "id": raw.exposure,
            "day_obs": day,
            "group": str(raw.exposure),
            "physical_filter": "r",
            "obs_id": obsid,
            "seq_num": raw.seq_num,
            "timespan": Timespan(begin, end),
            "exposure_time": 30.0,
        }
        for element, record in (
            (
                "instrument",
                {"name": raw.instrument, "class_name": "lsst.obs.lsst.Latiss", **limits},
            ),
            ("physical_filter", {**of, "name": "r", "band": "r"}),
            ("detector", {**of, "id": raw.detector, **sensor}),
            ("day_obs", {**of, "id": day}),
            ("group", {**of, "name": str(raw.exposure)}),
            ("exposure", exposure),
        ):
            registry.insertDimensionData(element, record, skip_existing=True)
        where = {**of, "exposure": raw.exposure, "detector": raw.detector}
        refs.append(
            DatasetRef(kind, DataCoordinate.standardize(where, universe=opened.dimensions), run=run)
        )
    files = [
        FileDataset(path=str(raw.path), refs=[ref], formatter=RawFormatter)
        for raw, ref in zip(raws, refs, strict=True)
    ]
    opened.ingest(*files, transfer=transfer)
    return refs


def make_repository(root, raws, *, transfer="direct", db=None, namespace=None):
    """A repository at `root` into which `raws` are ingested; returns its dataset references."""
    with butler(root, db, namespace) as opened:
        return ingest(opened, raws, transfer)


GROW = """
create temporary table nights as select n, to_char(:first + n, 'YYYYMMDD') as day, to_char(:first + n, 'YYYY-MM-DD') as night,
  1581555667000000000 + n * 86400000000000 as at from generate_series(0, :n_nights - 1) n;
create temporary table taken as select nights.*, s, day::bigint * 100000 + s as id, day || to_char(s, 'FM00000') as name,
  'AT_O_' || day || to_char(s, 'FM_000000') as obsid, at + s * 2500000000 as begun from nights, generate_series(2, :n_exposures + 1) s;
insert into day_obs (instrument, id) select i.name, day::bigint from instrument i, nights on conflict do nothing;
insert into "group" (instrument, name) select i.name, taken.name from instrument i, taken;
insert into exposure (instrument, id, day_obs, "group", physical_filter, obs_id, exposure_time, seq_num, timespan)
  select o.instrument, t.id, day::bigint, t.name, o.physical_filter, obsid, 30, s, int8range(begun, begun + 2000000000)
  from (select * from exposure limit 1) o, taken t;
create temporary table made as select (lpad(to_hex(n + 1), 12, '0') || '7' || lpad(to_hex(s % 4096), 3, '0') || '8000'
  || lpad(to_hex(s * 16 + d.id), 12, '0'))::uuid as dataset, d.id as detector, d.instrument, t.id as exposure,
  begun + 60000000000 as ingested, night || '/' || obsid || '-R22S' || to_char(d.id, 'FM00') || '.fits' as path from taken t, detector d;
insert into dataset (id, dataset_type_id, ingest_date, run_id)
  select m.dataset, o.dataset_type_id, m.ingested, o.run_id from made m, (select * from dataset limit 1) o;
insert into :tags (dataset_type_id, dataset_id, collection_id, instrument, detector, exposure)
  select o.dataset_type_id, m.dataset, o.collection_id, m.instrument, m.detector, m.exposure from made m, (select * from :tags limit 1) o;
insert into dataset_location (datastore_name, dataset_id)
  select o.datastore_name, m.dataset from made m, (select * from dataset_location limit 1) o;
insert into file_datastore_records (dataset_id, path, formatter, storage_class, component, checksum, file_size) select m.dataset, m.path,
  o.formatter, o.storage_class, o.component, o.checksum, o.file_size from made m, (select * from file_datastore_records limit 1) o
"""


def grow(server, dbname, schema, first, n_nights, n_exposures):
    """Nights of exposures in a repository's registry on PostgreSQL, from `first` on, of each of its detectors a raw: by copying rows.

    The repository has one raw of each detector, that a Butler ingested. Exposures are numbered from 2; their files are not made.
    """
    (tags,) = server.execute(
        f"select tag_association_table from {schema}.dataset_type", dbname=dbname
    )[0]
    # what SQLAlchemy made as an index, not as a constraint, is quicker to make anew than to keep
    plain = f"""select indexname, indexdef from pg_indexes where schemaname = '{schema}' and tablename in ('dataset', 'dataset_location',
        'exposure', 'file_datastore_records', '{tags}') and not exists (select 1 from pg_constraint where conname = indexname)"""
    indexes = server.execute(plain, dbname=dbname)
    sql = GROW
    for name, value in {
        "first": f"date '{first}'",
        "n_nights": n_nights,
        "n_exposures": n_exposures,
        "tags": tags,
    }.items():
        sql = re.sub(rf"(?<!:):{name}\b", str(value), sql)
    begin = (
        f"set search_path to {schema}",
        "set session_replication_role = replica",
    )  # the rows are known to fit together
    server.execute(
        *begin,
        *(f'drop index "{name}"' for name, _ in indexes),
        *sql.split(";"),
        *(made for _, made in indexes),
        dbname=dbname,
    )
    server.execute("vacuum analyze", dbname=dbname)


def edit(root, *statements):
    """Change the registry of a repository on SQLite, behind the Butler's back."""
    connection = sqlite3.connect(root / "gen3.sqlite3")
    with contextlib.closing(connection), connection:
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(
                statement
            )


def records(root, sql):
    """Rows of a registry's file, which is only read."""
    address = f"file:{urllib.parse.quote(str(root / 'gen3.sqlite3'))}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        return connection.execute(sql).fetchall()


def age(path, at):
    """Set a file's modification time."""
    os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.fixture
def three(tmp_path):
    """An input directory with a store of three files of 2024-01-02, two of which are ingested in place."""
    night = datetime.date(2024, 1, 2)
    files = [raw_file(tmp_path / "input" / "storage", night, number) for number in (1, 2, 3)]
    raws = [Raw(path, number, night) for number, path in enumerate(files[:2], 1)]
    for number, path in enumerate(files, 1):
        age(path, Raw(path, number, night).ended_at + datetime.timedelta(seconds=5))
    make_repository(tmp_path / "input" / "gen3repo", raws)
    return raws
