"""The example's Gen3 repository: a camera's central raft.

    storage/YYYY-MM-DD/MC_O_YYYYMMDD_NNNNNN_R22_Snn.fits    sent by the camera, listed in rsync.log
    gen3repo/butler.yaml, gen3repo/gen3.sqlite3             the registry, with a Butler's tables

The registry is written with sqlite3 alone, so that the example needs no Butler. INCIDENTS says
what goes wrong.
"""

import contextlib
import datetime
import random
import sqlite3
import uuid
from dataclasses import dataclass

from common import append_lines, rsync_line, write_hollow, write_whole
from instruments import LSSTCAM
from observing_plan import Exposure
from observing_plan import plan_night as plan_exposures
from sites import PACHON

from observing_monitor.model.nights import EPOCH, TAI_MINUS_UTC_S

CAMERA = "LSSTCam"
DETECTORS = tuple(f"R22_S{row}{column}" for row in range(3) for column in range(3))
STARTS_AFTER = 4  # nights of the example without this camera
# Night's number, modulo ten -> kind -> sequence numbers.
#   never       the camera read out, but no image arrived
#   incomplete  the image of S11 did not arrive
#   missing     arrived, but was not ingested
#   lost        was ingested; then the file of S00 was deleted
#   late        arrived after most of an hour
INCIDENTS = {
    5: {"lost": (12,)},
    6: {"missing": (20, 21, 22)},
    8: {"never": (17, 18, 19, 42), "incomplete": (65,)},
    9: {"never": (45,), "incomplete": (49,), "missing": (36,), "late": (47,)},
}

BUTLER_YAML = """datastore:
  cls: lsst.daf.butler.datastores.fileDatastore.FileDatastore
  records:
    table: file_datastore_records
  root: <butlerRoot>
registry:
  db: sqlite:///<butlerRoot>/gen3.sqlite3
"""
MANAGERS = {
    "attributes": ("attributes.DefaultButlerAttributeManager", "1.0.1"),
    "dimensions": ("dimensions.static.StaticDimensionRecordStorageManager", "6.0.2"),
    "collections": ("collections.synthIntKey.SynthIntKeyCollectionManager", "2.0.0"),
    "datasets": (
        "datasets.byDimensions._manager.ByDimensionsDatasetRecordStorageManagerUUID",
        "2.0.0",
    ),
    "opaque": ("opaque.ByNameOpaqueTableStorageManager", "0.2.0"),
    "datastores": ("bridge.monolithic.MonolithicDatastoreRegistryBridgeManager", "0.2.1"),
}
SCHEMA = """
create table butler_attributes (name text not null primary key, value text not null);
create table instrument (
    name varchar(32) not null primary key, visit_max bigint, visit_system bigint,
    exposure_max bigint, detector_max bigint, class_name text
);
create table physical_filter (
    instrument varchar(32) not null, name varchar(32) not null, band varchar(32) not null,
    primary key (instrument, name)
);
create table detector (
    instrument varchar(32) not null, id bigint not null, full_name varchar(32),
    name_in_raft varchar(32), raft varchar(32), purpose varchar(32), primary key (instrument, id)
);
create table day_obs (
    instrument varchar(32) not null, id bigint not null, timespan_begin bigint,
    timespan_end bigint, primary key (instrument, id)
);
create table "group" (
    instrument varchar(32) not null, name text not null, primary key (instrument, name)
);
create table exposure (
    instrument varchar(32) not null, id bigint not null, day_obs bigint not null,
    "group" text not null, physical_filter varchar(32) not null, obs_id text,
    exposure_time float, dark_time float, observation_type varchar(16), observation_reason text,
    seq_num bigint, seq_start bigint, seq_end bigint, target_name text, science_program text,
    tracking_ra float, tracking_dec float, sky_angle float, azimuth float, zenith_angle float,
    has_simulated boolean, can_see_sky boolean, timespan_begin bigint, timespan_end bigint,
    primary key (instrument, id), unique (instrument, obs_id)
);
create index exposure_fkidx_instrument_day_obs on exposure (instrument, day_obs);
create table collection (
    collection_id integer not null primary key, name text not null unique,
    type smallint not null, doc text
);
create table run (
    collection_id bigint not null primary key, host text, timespan_begin bigint,
    timespan_end bigint
);
create table dataset_type (
    id integer not null primary key, name text not null unique, storage_class text not null,
    dimensions_key bigint not null, tag_association_table text not null,
    calibration_association_table text
);
create table dataset (
    id char(32) not null primary key, dataset_type_id bigint not null,
    ingest_date bigint not null, run_id bigint not null
);
create table dataset_tags_00000001 (
    dataset_type_id bigint not null, dataset_id char(32) not null, collection_id bigint not null,
    instrument varchar(32) not null, detector bigint not null, exposure bigint not null,
    primary key (dataset_id, collection_id),
    unique (dataset_type_id, collection_id, instrument, detector, exposure)
);
create index dataset_tags_00000001_fkidx_instrument_exposure
    on dataset_tags_00000001 (instrument, exposure);
create table dataset_location (
    datastore_name text not null, dataset_id char(32) not null,
    primary key (datastore_name, dataset_id)
);
create table file_datastore_records (
    dataset_id char(32) not null, path text not null, formatter text not null,
    storage_class text not null, component varchar(32) not null, checksum text,
    file_size bigint, primary key (dataset_id, component)
);
"""


@dataclass
class Raw:
    """One detector's image and its times (None: never)."""

    night: datetime.date
    seq_num: int
    detector: int
    ended_at: datetime.datetime
    came_at: datetime.datetime | None
    ingested_at: datetime.datetime | None
    is_lost: bool = False
    shot: Exposure | None = None  # what is known of the exposure

    @property
    def obsid(self):
        """The exposure's name."""
        return f"MC_O_{self.night:%Y%m%d}_{self.seq_num:06d}"

    @property
    def path(self):
        """The file's path below storage/."""
        return f"{self.night}/{self.obsid}_{DETECTORS[self.detector]}.fits"

    @property
    def exposure(self):
        """The exposure's number."""
        return int(f"{self.night:%Y%m%d}{self.seq_num:05d}")

    @property
    def size_bytes(self):
        """The file's size."""
        return 17_000_000 + 1000 * (self.exposure * 9 + self.detector) % 311_000


def plan_night(night, number, seed, site=PACHON):
    """Return all raws of a night in order.

    The example's first night has the number 0.
    """
    chance = random.Random(f"{seed} gen3 {night}")
    fates = {n: kind for kind, numbers in INCIDENTS.get(number % 10, {}).items() for n in numbers}
    return [
        raw
        for shot in plan_exposures(LSSTCAM, site, night, number, seed)
        for raw in plan_raws(night, shot, fates.get(shot.seq_num), chance)
    ]


def plan_raws(night, shot, fate, chance):
    """Yield an exposure's raws."""
    late_s = chance.uniform(2100, 3000) if fate == "late" else 0
    for detector, name in enumerate(DETECTORS):
        ended_at = shot.ended_at + datetime.timedelta(seconds=2 + 0.01 * detector)
        came_at = ended_at + datetime.timedelta(seconds=chance.uniform(6, 20) + late_s)
        ingested_at = came_at + datetime.timedelta(seconds=chance.uniform(20, 75))
        never = fate == "never" or (fate == "incomplete" and name == "R22_S11")
        is_ingested = not never and fate != "missing"
        yield Raw(
            night,
            shot.seq_num,
            detector,
            ended_at,
            None if never else came_at,
            ingested_at if is_ingested else None,
            fate == "lost" and detector == 0,
            shot,
        )


def make_gen3(folder, clock, backlog=datetime.timedelta()):
    """Write what is due; return the number of new files.

    Files that arrived less than `backlog` ago are not ingested yet.
    """
    storage, repository = (folder / "storage").resolve(), (folder / "gen3repo").resolve()
    raws = [
        raw
        for night, number in clock.nights(clock.site.tai_rule, STARTS_AFTER)
        for raw in plan_night(night, number, clock.seed, clock.site)
    ]
    came = sorted((raw for raw in raws if clock.has_come(raw.came_at)), key=lambda raw: raw.came_at)
    storage.mkdir(parents=True, exist_ok=True)
    for raw in came:
        if not raw.is_lost:
            write_hollow(storage / raw.path, raw.size_bytes, raw.ended_at)
    append_lines(folder / "rsync.log", [rsync_line(raw.path, raw.came_at) for raw in came])

    write_whole(repository / "butler.yaml", BUTLER_YAML.encode())
    ingested = [
        raw for raw in raws if raw.ingested_at and clock.has_come(raw.ingested_at + backlog)
    ]
    with open_registry(repository / "gen3.sqlite3") as registry:
        register(registry, storage, ingested)
    return sum(not raw.is_lost for raw in came)


@contextlib.contextmanager
def open_registry(path):
    """Open the registry; make it if there is none."""
    is_new = not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous = off")
        if is_new:
            connection.executescript(SCHEMA)
            fill_registry(connection)
        yield connection


def fill_registry(connection):
    """Add the rows of an empty registry."""
    for role, (manager, version) in MANAGERS.items():
        manager = f"lsst.daf.butler.registry.{manager}"
        insert(
            connection,
            "butler_attributes",
            [(f"config:registry.managers.{role}", manager), (f"version:{manager}", version)],
        )
    most = 10**14
    insert(connection, "instrument", [(CAMERA, most, None, most, 205, "lsst.obs.lsst.LsstCam")])
    filters = [(CAMERA, name, band) for name, band in LSSTCAM.bands.items()]
    insert(connection, "physical_filter", filters)
    named = [
        (CAMERA, number, name, name[4:], name[:3], "SCIENCE")
        for number, name in enumerate(DETECTORS)
    ]
    insert(connection, "detector", named)
    insert(connection, "collection", [(1, f"{CAMERA}/raw/all", 1, None)])
    insert(connection, "run", [(1, None, None, None)])
    insert(connection, "dataset_type", [(1, "raw", "Exposure", 1, "dataset_tags_00000001", None)])


def register(connection, storage, raws):
    """Add raws to the registry; existing rows stay.

    The rows are those of `butler ingest-raws --transfer direct`.
    """
    for raw in raws:
        dataset = uuid.uuid5(uuid.NAMESPACE_URL, raw.path).hex
        day = int(f"{raw.night:%Y%m%d}")
        if raw.detector == 0 or raw.seq_num == 1:
            insert(connection, "day_obs", [(CAMERA, day, None, None)])
            insert(connection, '"group"', [(CAMERA, group_of(raw))])
        insert(connection, "exposure", [exposure_row(raw)])
        insert(connection, "dataset", [(dataset, 1, tai_ns(raw.ingested_at), 1)])
        insert(
            connection,
            "dataset_tags_00000001",
            [(1, dataset, 1, CAMERA, raw.detector, raw.exposure)],
        )
        insert(connection, "dataset_location", [("FileDatastore@<butlerRoot>", dataset)])
        formatter = "lsst.obs.lsst.rawFormatter.LsstCamRawFormatter"
        where = (storage / raw.path).as_uri()
        insert(
            connection,
            "file_datastore_records",
            [(dataset, where, formatter, "Exposure", "__NULL_STRING__", None, raw.size_bytes)],
        )


def group_of(raw):
    """Return the name of the exposure's group."""
    return f"{raw.night:%Y%m%d}#{raw.shot.group}" if raw.shot else str(raw.exposure)


def exposure_row(raw):
    """Return the row of the table `exposure`, in the order of its columns."""
    shot = raw.shot or Exposure(
        raw.seq_num,
        raw.ended_at - datetime.timedelta(seconds=30),
        *(30.0, "science", "survey", f"field {raw.seq_num // 10}", "survey", "r_57", "r", 0),
    )
    zenith_angle = None if shot.altitude_deg is None else 90 - shot.altitude_deg
    return (
        *(CAMERA, raw.exposure, int(f"{raw.night:%Y%m%d}"), group_of(raw), shot.filter, raw.obsid),
        *(shot.exposure_s, round(shot.exposure_s + 0.2, 3) if shot.exposure_s else 0.0),
        *(shot.kind, shot.reason, raw.seq_num, raw.seq_num, raw.seq_num),
        *(shot.target or None, shot.program, shot.ra_deg, shot.dec_deg, shot.rotation_deg),
        *(shot.azimuth_deg, zenith_angle, False, shot.can_see_sky),
        *(tai_ns(shot.started_at), tai_ns(shot.ended_at)),
    )


def insert(connection, table, rows):
    """Add rows to a table; existing ones stay."""
    slots = ", ".join("?" * len(rows[0]))
    connection.executemany(f"insert or ignore into {table} values ({slots})", rows)


def tai_ns(at):
    """Return an aware datetime as TAI nanoseconds since 1970."""
    return ((at - EPOCH) // datetime.timedelta(microseconds=1) + TAI_MINUS_UTC_S * 1_000_000) * 1000
