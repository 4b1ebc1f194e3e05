"""Builds Gen3 repositories of today's schema with lsst-daf-butler itself, on SQLite or PostgreSQL."""

import contextlib
import datetime
import os
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
        day = datetime.datetime.combine(self.night, datetime.time(1), datetime.UTC) + datetime.timedelta(days=1)
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
    kind = DatasetType("raw", ("instrument", "exposure", "detector"), "StructuredDataDict", universe=opened.dimensions)
    registry.registerDatasetType(kind)
    registry.registerRun(run)
    refs = []
    for raw in raws:
        of = {"instrument": raw.instrument}
        day = int(raw.night.strftime("%Y%m%d"))
        end = Time((raw.ended_at + TAI_MINUS_UTC).replace(tzinfo=None), scale="tai")
        begin = Time((raw.ended_at + TAI_MINUS_UTC - datetime.timedelta(seconds=30)).replace(tzinfo=None), scale="tai")
        obsid = raw.path.name.removesuffix(".fits").partition("-")[0]
        limits = dict.fromkeys(("visit_max", "exposure_max", "detector_max"), 10**14)
        sensor = {"full_name": f"R22_S{raw.detector:02d}", "name_in_raft": f"S{raw.detector:02d}", "raft": "R22", "purpose": "SCIENCE"}
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
            ("instrument", {"name": raw.instrument, "class_name": "lsst.obs.lsst.Latiss", **limits}),
            ("physical_filter", {**of, "name": "r", "band": "r"}),
            ("detector", {**of, "id": raw.detector, **sensor}),
            ("day_obs", {**of, "id": day}),
            ("group", {**of, "name": str(raw.exposure)}),
            ("exposure", exposure),
        ):
            registry.insertDimensionData(element, record, skip_existing=True)
        where = {**of, "exposure": raw.exposure, "detector": raw.detector}
        refs.append(DatasetRef(kind, DataCoordinate.standardize(where, universe=opened.dimensions), run=run))
    files = [FileDataset(path=str(raw.path), refs=[ref], formatter=RawFormatter) for raw, ref in zip(raws, refs, strict=True)]
    opened.ingest(*files, transfer=transfer)
    return refs


def make_repository(root, raws, *, transfer="direct", db=None, namespace=None):
    """A repository at `root` into which `raws` are ingested; returns its dataset references."""
    with butler(root, db, namespace) as opened:
        return ingest(opened, raws, transfer)


def edit(root, *statements):
    """Change the registry of a repository on SQLite, behind the Butler's back."""
    connection = sqlite3.connect(root / "gen3.sqlite3")
    with contextlib.closing(connection), connection:
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)


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
