"""A Gen3 Butler repository: what its registry says was ingested, of which exposure, when, and where the file is.

`butler.yaml` tells where the registry's database is (SQLite or PostgreSQL) and where its datastores keep files. The tables
are lsst/daf_butler's; they are no public contract, so the versions of their managers, which the registry writes down in
`butler_attributes`, are compared with those that are known here, and others are refused.

Times in the registry: `dataset.ingest_date` is UTC (as text in SQLite) up to version 1 of the datasets' manager, from
version 2 on nanoseconds in TAI; timespans are nanoseconds in TAI, two columns in SQLite, one range in PostgreSQL.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import os
import struct
import urllib.parse
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import SourceError, UsageError, one_line
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import night_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers import sqlite
from observing_monitor.readers.listing import ABSENT, instants, whole_numbers
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known
    from observing_monitor.readers.sql import Plain
    from observing_monitor.sources.base import Asked

    AnyArray = Any  # Arrow's arrays: their stubs tell kinds apart that the functions of pyarrow.compute don't


# What a registry may be kept by: role -> class -> the major versions whose tables are as they are read here.
MANAGERS: dict[str, dict[str, tuple[int, ...]]] = {
    "datasets": {"ByDimensionsDatasetRecordStorageManagerUUID": (1, 2)},
    "dimensions": {"StaticDimensionRecordStorageManager": (6,)},
    "collections": {"SynthIntKeyCollectionManager": (2,), "NameKeyCollectionManager": (2,)},
    "opaque": {"ByNameOpaqueTableStorageManager": (0,)},
}
# From these instants on (UTC, seconds since 1970), TAI − UTC was so many seconds (IERS Bulletin C 36, 43, 49, 52).
LEAPS = ((1230768000, 34), (1341100800, 35), (1435708800, 36), (1483228800, 37))
UNBOUNDED_NS = 4_102_444_800_000_000_000  # 2100-01-01: how daf_butler writes "no end" in SQLite
RECORDS = "file_datastore_records"  # daf_butler's own name for a datastore's table
RAW = (
    "t.exposure",
    "t.detector",
    "t.{run}",
    "d.ingest_date",
)  # what a raw's row has, and then its path and size in each datastore
# A night is a small part of a registry, and its rows lie together, which PostgreSQL's planner can't know: for a night of many
# exposures it would read a table as a whole, to join by hash or merge, or to give each of several processes a part.
PLANS = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
}
SEEN = ("size", "mtime_ns", "device", "inode")  # what `stat` says of a raw's file
PLAIN_URI = r"^file:///[^%#?\t\r\n]*$"  # a path with a scheme before it, and nothing quoted
_packed = struct.Struct(f"@{len(SEEN)}q").pack
_LARGEST = 2**63 - 1  # signed 64 bits is what the tables hold, here as in tree.py


@dataclass(frozen=True)
class Repository:
    """What a `butler.yaml` says of where things are."""

    url: str  # the registry's database
    namespace: str | None  # its schema, on PostgreSQL
    datastores: tuple[tuple[str, str], ...]  # root (a path, or a URI) and table of records of each


@dataclass(frozen=True)
class Layout:
    """What is looked up in a registry before it can be asked for a night."""

    instruments: tuple[str, ...]
    dataset_type: int | None  # None: nothing of the type was ever ingested
    tags: str  # the table that says which exposure and detector a dataset is of
    run_key: str  # the columns that name collections: a number, or a name in older registries
    collection_key: str


@dataclass(frozen=True)
class Raws:
    """What the registry says of a night's raws."""

    numbers: list[str | None]  # as `Gen3Repository._count` gives them
    table: pa.Table  # a row a raw, as `_table` makes them, in the order of their ingest; no column where there is none
    notes: list[str]


class Gen3Repository(Telling):
    """The raws of a registry, each with its exposure and its file."""

    @dataclass
    class Settings:
        path: Path  # the repository: a directory with butler.yaml, or with gen3repo/butler.yaml; or a butler.yaml
        instrument: str = ""  # this instrument's exposures only; "" for those of all
        dataset_type: str = "raw"  # which datasets count as ingested files
        url: str = (
            ""  # the registry's database, where not as butler.yaml says: a replica, or another user
        )
        password_env: str = ""  # the environment variable with the database's password; libpq's .pgpass works as well
        timeout_s: float = 30  # how long the database may take to answer

    @staticmethod
    def stages_of(settings: Gen3Repository.Settings) -> tuple[str, ...]:
        return ("ingest",)

    @staticmethod
    def place_of(settings: Gen3Repository.Settings) -> str:
        return (
            f"{settings.path} and {Database(settings.url).place}"
            if settings.url
            else str(settings.path)
        )

    def __init__(self, settings: Gen3Repository.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "gen3"
        if settings.url:
            Database(settings.url).check()
        self._repository: Repository | None = None
        self._layout: Layout | None = None
        self._looked: dict[datetime.date, Raws] = {}  # by night, from look to read

    def nights(self) -> set[datetime.date]:
        """The nights of the registry's exposures."""
        with self._connect() as registry:
            layout = self._layout_of(registry)
            (exposure,) = self._named(registry, "exposure")
            sql = f"select distinct day_obs from {exposure} where instrument = :instrument"
            days = {
                day
                for instrument in layout.instruments
                for (day,) in registry.ask(sql, {"instrument": instrument})
            }
            return {night for day in days if (night := night_named(str(day)))}

    def look(self, night: datetime.date, known: Known) -> Known:
        """What the registry has of the night, in numbers, and the times of the folders of its files.

        Where the registry is a file that did not change, it isn't even opened.
        """
        registry = self._registry_state()
        is_same = (
            known
            and registry
            and registry == known["registry"]
            and not self.asked.look_at_everything
        )
        if not known or not (is_same or self._count(night) == known["rows"]):
            raws = self._looked[night] = self._raws(night)  # the night is about to be read
            return {
                "registry": registry,
                "rows": raws.numbers,
                "folders": _folder_times(_folders_of(raws)),
            }
        folders = _folder_times(known["folders"])
        # other nights' changes of the registry are no change of this one
        return (
            known
            if folders == known["folders"]
            else {"registry": registry, "rows": known["rows"], "folders": folders}
        )

    def read(self, night: datetime.date) -> Reading:
        """The night's attempts: `success`, or `lost` where the registry has a raw whose file is no longer there."""
        raws = self._looked.pop(night) if night in self._looked else self._raws(night)
        attempts = (
            self._attempts(raws.table) if raws.table.num_rows else frames.empty(columns.ATTEMPTS)
        )
        return Reading(attempts=attempts, notes=raws.notes)

    def _attempts(self, raws: pa.Table) -> DataFrame:
        """The raws of a `Raws.table` as `columns.ATTEMPTS`."""
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        told: dict[str, AnyArray] = {
            name: raws[name].combine_chunks() for name in raws.column_names
        }
        files = told["file"].to_numpy(zero_copy_only=False)
        seen = _states(files)
        is_lost: AnyArray = pa.array(self._are_lost(files, seen["mtime_ns"] == ABSENT, told))
        place, key = pc.fill_null(told["shown"], "no datastore has it"), told["key"]
        message: AnyArray = pa.nulls(len(files), pa.large_string())
        if key.null_count:
            key = pc.coalesce(
                key,
                _side_by_side(f"{self.settings.dataset_type}/", told["exposure"], told["-det000"]),
            )
        if is_lost.true_count:
            message = pc.if_else(
                is_lost, _side_by_side("the registry has it, but its file is gone: ", place), None
            )
        size = pc.fill_null(told["size"], -1).to_numpy()
        attempts = {
            "stage": "ingest",
            "attempted_at": told["ingested_at"].to_pandas(),
            "status": frames.texts(pc.if_else(is_lost, "lost", "success")),
            "message": frames.texts(pc.fill_null(message, "")),
            "attempt": _counted(told),
            "destination": frames.texts(place),
            "path": frames.texts(key),
            "names": frames.texts(_names_of(told)),
            "size_bytes": whole_numbers(np.where(size < 0, seen["size"], size)),
            "created_at": instants(seen["mtime_ns"]),
            "exposed_at": told["ended_at"].to_pandas(),
            "obsid": frames.texts(told["obsid"]),
            "exposure": frames.texts(told["exposure"]),
            "seq_num": whole_numbers(pc.fill_null(told["seq_num"], ABSENT).to_numpy()),
            "detector": frames.texts(told["detector"]),
            "on_disk": ~is_lost.to_numpy(zero_copy_only=False),
            "device": whole_numbers(seen["device"]),
            "inode": whole_numbers(seen["inode"]),
        }
        return frames.frame(columns.ATTEMPTS, pd.DataFrame(attempts))

    def _are_lost(
        self, files: Sequence[str], is_absent: NDArray[np.bool_], told: Mapping[str, AnyArray]
    ) -> NDArray[np.bool_]:
        """Whether each raw is lost: no datastore has it, or its file isn't there though it should be."""
        is_lost: NDArray[np.bool_] = told["shown"].is_null().to_numpy(zero_copy_only=False).copy()
        exists, roots = _Existing(), [root for root, _ in self._where().datastores]
        stores = told["store"]
        for row in is_absent.nonzero()[0].tolist():
            if file := files[row]:
                is_lost[row] = exists.is_ours(file, roots[stores[row].as_py()])
        return is_lost

    # --- where things are --------------------------------------------------------------------------------------------

    def _where(self) -> Repository:
        if self._repository is None:
            self._repository = read_repository(self.settings.path, self.settings.url)
        return self._repository

    def _database(self) -> Database:
        return Database(self._where().url, self.settings.password_env, self.settings.timeout_s)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Plain]:
        """The registry, to be asked."""
        try:
            with self._database().plain() as registry:
                if registry.dialect == "postgresql":
                    registry.ask(
                        f"select {', '.join(f'set_config({name!r}, {value!r}, true)' for name, value in PLANS.items())}",
                        {},
                    )
                yield registry
        except UsageError as error:
            raise SourceError(
                f"{self.settings.path}: {error}; that is what its butler.yaml, or the setting `url`, says"
            ) from error

    def _registry_state(self) -> list[int] | None:
        """Numbers that differ when the registry's file was written; None where it is a server's."""
        path = Database(self._where().url).sqlite_path
        if path is None:
            return None
        try:
            return sqlite.state_of(path)
        except OSError as error:
            raise SourceError(
                f"{path}: {(error.strerror or str(error)).lower()}; butler.yaml says that the registry is there"
            ) from error

    # --- the registry ------------------------------------------------------------------------------------------------

    def _named(self, registry: Plain, *tables: str) -> list[str]:
        """Names of tables as SQL has them: quoted where need be, in the registry's schema."""
        namespace = self._where().namespace
        schema = f"{registry.quote(namespace)}." if namespace else ""
        return [schema + registry.quote(table) for table in tables]

    def _layout_of(self, registry: Plain) -> Layout:
        """The registry's Layout; SourceError where it is of a kind that isn't known, or lacks the instrument."""
        if self._layout is None:
            place = self._database().place
            attributes, instrument, types = self._named(
                registry, "butler_attributes", "instrument", "dataset_type"
            )
            sql = f"select name, value from {attributes} where name like 'version:%' or name like 'config:registry.managers.%'"
            keeper = check_managers(
                place, {str(name): str(value) for name, value in registry.ask(sql, {})}
            )
            instruments = sorted(
                str(name) for (name,) in registry.ask(f"select name from {instrument}", {})
            )
            if self.settings.instrument and self.settings.instrument not in instruments:
                known = ", ".join(instruments) or "none"
                raise SourceError(
                    f"{place}: has no instrument {self.settings.instrument!r}; set `instrument` to one that it has: {known}"
                )
            sql = f"select id, tag_association_table from {types} where name = :name"
            found = registry.ask(sql, {"name": self.settings.dataset_type})
            dataset_type, tags = found[0] if found else (None, "")
            key = "name" if keeper["collections"].startswith("NameKey") else "id"
            chosen = (self.settings.instrument,) if self.settings.instrument else tuple(instruments)
            self._layout = Layout(chosen, dataset_type, tags, f"run_{key}", f"collection_{key}")
        return self._layout

    def _sql(self, registry: Plain, wanted: Iterable[str]) -> str:
        """A query for a night's raws of one instrument: e has the exposure, t the detector, d the dataset, f0, f1 … the files."""
        layout = self._layout_of(registry)
        exposure, tags, dataset = self._named(registry, "exposure", layout.tags, "dataset")
        stores = self._named(registry, *(table for _, table in self._where().datastores))
        files = [
            f"left join {table} f{number} on f{number}.dataset_id = t.dataset_id"
            for number, table in enumerate(stores)
        ]
        # SQLite keeps to the order of a cross join: from the night's exposures to their datasets, by indexes all the way,
        # rather than from all datasets of the instrument; and + 0 hides from it that it could take all raws there ever
        # were by the index of their type. PostgreSQL would take a raw for one of two hundred by that.
        type_of = (
            "t.dataset_type_id" if registry.dialect == "postgresql" else "t.dataset_type_id + 0"
        )
        # a dataset may be tagged into more collections: its run is the one that counts
        return f"""
            select {", ".join(wanted)}
            from {exposure} e cross join {tags} t
            join {dataset} d on d.id = t.dataset_id and d.{layout.run_key} = t.{layout.collection_key}
            {" ".join(files)}
            where e.instrument = :instrument and e.day_obs = :day
            and t.instrument = e.instrument and t.exposure = e.id and {type_of} = :type"""

    def _exposures(self, registry: Plain, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The night's exposures of one instrument: id, obs_id, seq_num and the end, in nanoseconds of TAI."""
        (exposure,) = self._named(registry, "exposure")
        end = "upper(timespan)" if registry.dialect == "postgresql" else "timespan_end"
        return registry.ask(
            f"select id, obs_id, seq_num, {end} from {exposure} where instrument = :instrument and day_obs = :day",
            values,
        )

    def _values(self, layout: Layout, night: datetime.date, instrument: str) -> dict[str, Any]:
        return {
            "instrument": instrument,
            "day": int(night.strftime("%Y%m%d")),
            "type": layout.dataset_type,
        }

    def _count(self, night: datetime.date) -> list[str | None]:
        """What the registry has of a night, in numbers, for each instrument as `_numbers` has them."""
        wanted = ["count(*)", "max(d.ingest_date)"]
        for number in range(len(self._where().datastores)):
            wanted += [f"count(f{number}.path)", f"sum(f{number}.file_size)"]
        made: list[str | None] = []
        with self._connect() as registry:
            layout = self._layout_of(registry)
            for instrument in layout.instruments if layout.dataset_type is not None else ():
                values = self._values(layout, night, instrument)
                (row,) = registry.ask(self._sql(registry, wanted), values)
                made += [None if value is None else str(value) for value in row]
                made.append(_digest(self._exposures(registry, values)))
        return made

    def _raws(self, night: datetime.date) -> Raws:
        """What the registry says of a night's raws."""
        import pyarrow as pa

        stores = self._where().datastores
        numbers: list[str | None] = []
        tables: list[pa.Table] = []
        with self._connect() as registry:
            layout = self._layout_of(registry)
            if layout.dataset_type is None:
                what = self.settings.dataset_type
                return Raws(
                    [],
                    pa.table({}),
                    [
                        f"{self._database().place}: has no dataset type {what!r} yet; nothing of it was ingested"
                    ],
                )
            wanted = [name.format(run=layout.collection_key) for name in RAW]
            for number in range(len(stores)):
                wanted += [f"f{number}.path", f"f{number}.file_size"]
            (detector,) = self._named(registry, "detector")
            sql = f"select id, full_name, raft, name_in_raft from {detector} where instrument = :instrument"
            for instrument in layout.instruments:
                values = self._values(layout, night, instrument)
                told = list(
                    zip(*registry.ask(self._sql(registry, wanted), values), strict=True)
                ) or [()] * len(wanted)
                exposures = self._exposures(registry, values)
                numbers += _numbers(told, exposures)
                if told[0]:
                    tables.append(
                        _table(
                            told, exposures, registry.ask(sql, values), [root for root, _ in stores]
                        )
                    )
        return Raws(numbers, _in_order(tables) if tables else pa.table({}), [])


# --- butler.yaml -------------------------------------------------------------------------------------------------------


def read_repository(path: Path, url: str = "") -> Repository:
    """The Repository that lies at `path`; `url` is the registry's database where not as butler.yaml says.

    Raises SourceError where there is no butler.yaml, or none that tells where things are.
    """
    file = _butler_yaml(path)
    config = _read_yaml(file)
    root = str(config.get("root") or file.parent).rstrip("/")
    registry, datastore = config.get("registry") or {}, config.get("datastore") or {}
    if not isinstance(registry, dict) or not isinstance(datastore, dict):
        raise SourceError(
            f"{file}: registry and datastore should be tables; is it a Butler's configuration?"
        )
    if "remote" in str(config.get("cls", "")).lower():
        raise SourceError(
            f"{file}: is a Butler's that is read over HTTP; `path` must lead to the repository itself"
        )

    def filled(text: str) -> str:
        return str(text).replace("<butlerRoot>", root)

    if not isinstance(registry.get("db") or "", str) or "://" not in (
        registry.get("db") or "sqlite://"
    ):
        raise SourceError(
            f"{file}: registry.db is no database's address; is it a Butler's configuration?"
        )
    database = url or filled(registry.get("db") or "sqlite:///<butlerRoot>/gen3.sqlite3")
    if database.startswith("sqlite:///") and not database.startswith("sqlite:////"):
        database = "sqlite:///" + os.path.join(root, database.removeprefix("sqlite:///"))
    stores = tuple(
        (filled(where).rstrip("/"), table) for where, table in _datastores(datastore, file)
    )
    return Repository(database, str(registry.get("namespace") or "") or None, stores)


def _butler_yaml(path: Path) -> Path:
    """The butler.yaml of a repository, or of the one beside a file store; SourceError if there is none."""
    if path.suffix in (".yaml", ".yml"):
        return path
    here, below = path / "butler.yaml", path / "gen3repo" / "butler.yaml"
    for file in (here, below):
        if file.exists():
            return file
    raise SourceError(
        f"{here}: no such file, nor {below}; a Gen3 repository has its butler.yaml in one of these places"
    )


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        with open_plain(file) as opened:
            config = yaml.safe_load(opened.read().decode("utf-8"))
    except OSError as error:
        raise SourceError(
            f"{file}: {(error.strerror or str(error)).lower()}; it tells where a Gen3 repository's registry is"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{file}: is not YAML ({one_line(error)}); is it a Butler's configuration?"
        ) from error
    if not isinstance(config, dict):
        raise SourceError(f"{file}: holds no tables; is it a Butler's configuration?")
    return config


def _datastores(config: dict[str, Any], file: Path) -> list[tuple[str, str]]:
    """Root and table of records of each datastore that keeps files, those of a chain in its order."""
    inner = config.get("datastores", ())
    records = config.get("records") or {}
    if not (
        isinstance(inner or (), list | tuple)
        and all(isinstance(table, dict) for table in (*(inner or ()), records))
    ):
        raise SourceError(
            f"{file}: its datastores and their records should be tables; is it a Butler's configuration?"
        )
    if "datastores" in config:
        return [store for one in inner or () for store in _datastores(one, file)]
    if str(config.get("cls", "")).endswith("InMemoryDatastore"):
        return []
    return [
        (str(config.get("root") or "<butlerRoot>/datastore"), str(records.get("table") or RECORDS))
    ]


def check_managers(place: str, attributes: dict[str, str]) -> dict[str, str]:
    """Which class keeps what in a registry: a dict by the roles of MANAGERS; SourceError where its tables aren't known."""
    keepers = {}
    for role, known in MANAGERS.items():
        full = attributes.get(f"config:registry.managers.{role}", "")
        version = attributes.get(f"version:{full}", "")
        keepers[role] = full.rpartition(".")[2]
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) not in known.get(keepers[role], ()):
            wanted = " or ".join(
                f"{name} {' or '.join(map(str, majors))}" for name, majors in known.items()
            )
            is_kept = f"its {role} are kept by {keepers[role] or 'nobody that it names'} {version}".rstrip()
            raise SourceError(
                f"{place}: {is_kept}, and this program knows {wanted}; a newer observing_monitor may read it"
            )
    return keepers


# --- places ------------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a datastore's record says that a file is."""

    key: (
        str | None
    )  # names the file for good: as recorded, without scheme and quoting; None where there is no record
    name: str | None  # the file's own name
    shown: str | None  # path or URI in full
    file: str  # the path to look at on this machine, "" where it can't be one


def locate(path: str, root: str) -> Place:
    """The Place of a datastore's record: below its root, or a URI of its own where a file was ingested in place.

    A file in a zip (`a.zip#zip-path=b.fits`) is named by its own name, and looked for as the zip.
    """
    if path is None or path != path:  # None, or pandas' NaN
        return Place(None, None, None, "")
    archive, mark, member = path.partition("#zip-path=")
    whole, inside = (archive, urllib.parse.unquote(member)) if mark else (path, "")
    if "://" in whole:
        parts = urllib.parse.urlsplit(whole)
        key = urllib.parse.unquote(parts.path)
        shown, file = (key, key) if parts.scheme == "file" else (whole, "")
    elif whole.startswith("/"):
        key = shown = file = whole
    else:
        key = whole
        base = _base(root)
        shown = f"{base}/{whole}"
        file = "" if "://" in base else shown
    key = f"{key}/{inside}" if inside else key
    return Place(key, key.rpartition("/")[2], f"{shown}#{inside}" if inside else shown, file)


@functools.cache  # asked for every file, and there are few
def _base(root: str) -> str:
    """A datastore's root as a path, where it is one."""
    return (
        urllib.parse.unquote(root.removeprefix("file://")) if root.startswith("file://") else root
    )


class _Existing:
    """Which folders are there; each is asked for once."""

    def __init__(self) -> None:
        self.known: dict[str, bool] = {}

    def __call__(self, folder: str) -> bool:
        if folder not in self.known:
            self.known[folder] = bool(folder.strip("/")) and os.path.isdir(folder)
        return self.known[folder]

    def is_ours(self, file: str, root: str) -> bool:
        """Whether a file that isn't there should be: its datastore is here, or what its folder lies in; else it is another machine's."""
        if file.startswith(f"{root.removeprefix('file://')}/"):
            return self(root.removeprefix("file://"))
        folder = os.path.dirname(file)
        return self(folder) or self(os.path.dirname(folder))


def _folder_times(folders: list[str]) -> dict[str, Any]:
    """The modification time of each folder in ns, None of one that isn't there."""
    times: dict[str, Any] = {}
    for folder in folders:
        try:
            times[folder] = os.stat(folder).st_mtime_ns
        except OSError:
            times[folder] = None
    return times


# --- values ------------------------------------------------------------------------------------------------------------


def _numbers(told: Sequence[Sequence[Any]], exposures: list[tuple[Any, ...]]) -> list[str | None]:
    """Columns by RAW and of the datastores in numbers: how many, the last time; files and bytes of each store; a digest of exposures."""
    ingested, *files = told[len(RAW) - 1 :]
    made: list[object] = [len(ingested), _joined(max, ingested)]
    for paths, sizes in zip(files[::2], files[1::2], strict=True):
        made += [len(paths) - paths.count(None), _joined(sum, sizes)]
    return [None if value is None else str(value) for value in (*made, _digest(exposures))]


def _joined(function: Callable[[list[Any]], object], values: Sequence[Any]) -> object:
    """The largest, or the sum, of the values that there are; None where there are none, or of several kinds (SQLite may hold them)."""
    there = [value for value in values if value is not None] if None in values else list(values)
    try:
        return function(there) if there else None
    except (TypeError, ValueError):
        return None


def _digest(rows: list[tuple[Any, ...]]) -> str:
    return hashlib.blake2b(
        repr(sorted(rows, key=lambda row: str(row[0]))).encode("utf-8", "backslashreplace"),
        digest_size=8,
    ).hexdigest()


def _table(
    told: Sequence[Sequence[Any]],
    exposures: list[tuple[Any, ...]],
    detectors: list[tuple[Any, ...]],
    roots: Sequence[str],
) -> pa.Table:
    """The raws of one instrument, a row each: from columns by RAW and of the datastores, and rows of its exposures and detectors."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    exposure, detector = _whole(told[0]), _whole(told[1])
    codes = [pd.factorize(numbers.to_pandas())[0] for numbers in (exposure, detector)]
    made: dict[str, AnyArray] = {
        "exposure": exposure.cast(pa.large_string()),
        "exposure_code": pa.array(codes[0]),
        "detector_code": pa.array(codes[1]),
        "ingested_at": _ingest_instants(told[len(RAW) - 1]),
    }
    ids, obsid, seq_num, ends = list(zip(*exposures, strict=True)) or [()] * 4
    at = pc.index_in(exposure, value_set=_whole(ids))
    ended_ns = _whole(
        [end if isinstance(end, int) and 0 < end < UNBOUNDED_NS else None for end in ends]
    )
    made |= {
        "obsid": _text(obsid).take(at),
        "seq_num": _whole(seq_num).take(at),
        "ended_at": _instants_of_tai(ended_ns).take(at),
    }
    there = pc.unique(detector)
    made |= {
        name: texts.take(pc.index_in(detector, value_set=there))
        for name, texts in _of_detectors(there, detectors).items()
    }
    none: AnyArray = pa.nulls(len(exposure), pa.large_string())
    made |= {
        "key": none,
        "shown": none,
        "file": none,
        "size": pc.cast(none, pa.int64()),
        "store": pc.cast(none, pa.int64()),
    }
    for number, root in enumerate(roots):
        paths, sizes = _text(told[len(RAW) + 2 * number]), _whole(told[len(RAW) + 2 * number + 1])
        is_here = pc.and_(pc.is_null(made["key"]), pc.is_valid(paths))
        found = {
            **dict(zip(("key", "shown", "file"), _places(paths, root), strict=True)),
            "size": sizes,
            "store": pa.scalar(number),
        }
        made |= {name: pc.if_else(is_here, values, made[name]) for name, values in found.items()}
    # a dataset that was stored in components has a record of each
    run = _text(told[2]).dictionary_encode().indices.to_pandas() if len(set(told[2])) > 1 else 0
    is_again = pd.DataFrame({"run": run, "exposure": codes[0], "detector": codes[1]}).duplicated()
    table = pa.table(made)
    return table.filter(pa.array(~is_again)) if is_again.any() else table


def _of_detectors(there: AnyArray, detectors: list[tuple[Any, ...]]) -> dict[str, AnyArray]:
    """A detector's name, and what may stand behind an exposure or an obsid in a file's name, of each of an Arrow array of numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids, *told = list(zip(*detectors, strict=True)) or [()] * 4
    at = pc.index_in(there, value_set=_whole(ids))
    full_name, raft, sensor = (_text(values).take(at) for values in told)
    number = there.cast(pa.large_string())
    ending = _side_by_side("-det", pc.utf8_lpad(number, 3, "0"))  # as the Gen2 mappers write it
    return {
        "detector": pc.coalesce(full_name, number),
        "-det000": ending,
        "-R22-S00-det000": _side_by_side("-", raft, "-", sensor, ending),
        "-R22S00": _side_by_side("-", raft, sensor),
        "_R22_S00": _side_by_side("_", raft, "_", sensor),
    }


def _in_order(tables: list[pa.Table]) -> pa.Table:
    """The raws of all instruments, in the order of their ingest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    start, joined = 0, []
    for table in tables:
        code = pc.add(
            table["exposure_code"], pa.scalar(start)
        )  # exposures of two instruments may have the same number
        joined.append(
            table.set_column(table.column_names.index("exposure_code"), "exposure_code", code)
        )
        start += len(table)
    table = pa.concat_tables(joined)
    times = table["ingested_at"]
    if times.null_count or not pc.all(pc.less_equal(times[:-1], times[1:])).as_py():
        table = table.take(pc.sort_indices(times))
    return table


def _text(values: Sequence[Any]) -> AnyArray:
    """A registry's column as an Arrow array of text; SQLite may hold anything in any column."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.large_string())
    except (pa.ArrowException, TypeError, ValueError):
        return pa.array(
            [None if value is None else str(value) for value in values], pa.large_string()
        )


def _whole(values: Sequence[Any]) -> AnyArray:
    """A registry's column as an Arrow array of whole numbers, null for what is none."""
    import pandas as pd
    import pyarrow as pa

    try:
        return pa.array(values, pa.int64())
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array(frames.whole_numbers(pd.Series(values, dtype="object")), pa.int64())


def _instants_of_tai(ns: AnyArray) -> AnyArray:
    """An Arrow array of nanoseconds in TAI since 1970 as instants, in UTC."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = pc.fill_null(ns, 0).to_numpy()
    starts = np.array([(start + seconds) * 1_000_000_000 for start, seconds in LEAPS])
    seconds = np.array([33, *(seconds for _, seconds in LEAPS)])[
        np.searchsorted(starts, counted, side="right")
    ]
    utc = pa.array(counted // 1000 - seconds * 1_000_000, pa.timestamp("us", "UTC"))
    return pc.if_else(pc.is_valid(ns), utc, None)


def _ingest_instants(values: Sequence[Any]) -> AnyArray:
    """The registry's times of ingest as an Arrow array of instants: whole numbers are nanoseconds in TAI, all else is UTC."""
    import pandas as pd
    import pyarrow as pa

    try:
        return _instants_of_tai(pa.array(values, pa.int64()))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        texts = [
            value.isoformat(" ") if isinstance(value, datetime.datetime) else value
            for value in values
        ]
        told = pd.to_datetime(
            pd.Series(texts, dtype="object"), utc=True, format="ISO8601", errors="coerce"
        )
        return pa.array(told.astype(columns.DTYPES["instant"]), pa.timestamp("us", "UTC"))


def _places(paths: AnyArray, root: str) -> tuple[AnyArray, AnyArray, AnyArray]:
    """The key, what is shown, and the file of each of an Arrow array of records, as `locate` gives them one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_uri = pc.match_substring(paths, "://")
    if pc.any(is_uri).as_py():
        plain = pc.replace_substring(paths, "file://", "", max_replacements=1)
        paths = pc.if_else(pc.match_substring_regex(paths, PLAIN_URI), plain, paths)
        is_uri = pc.match_substring(paths, "://")
    is_absolute = pc.starts_with(paths, "/")
    base = _base(root)
    below = _side_by_side(f"{base}/", paths)
    shown = pc.if_else(is_absolute, paths, below)
    file = pc.if_else(is_absolute, paths, "") if "://" in base else shown
    made = (paths, shown, file)
    is_odd: AnyArray = pc.or_(is_uri, pc.match_substring(paths, "#zip-path="))
    is_odd = pc.fill_null(is_odd, False)
    if not is_odd.true_count:
        return made
    odd = [locate(path, root) for path in paths.filter(is_odd).to_pylist()]
    told = zip(*((place.key, place.shown, place.file) for place in odd), strict=True)
    key, shown, file = (
        pc.replace_with_mask(a, is_odd, pa.array(b, pa.large_string()))
        for a, b in zip(made, told, strict=True)
    )
    return key, shown, file


def _folders_of(raws: Raws) -> list[str]:
    """The folders, on this machine, of a night's files."""
    if not raws.table.num_rows:
        return []
    files = raws.table["file"].to_numpy()
    return sorted({file.rpartition("/")[0] or "/" for file in files if file})


def _states(files: Iterable[str]) -> dict[str, NDArray[np.int64]]:
    """What `stat` says of each file, an array of int64 for each of SEEN; ABSENT where it is not there, or nobody can tell."""
    import numpy as np

    numbers, nothing = array("q"), _packed(*[ABSENT] * len(SEEN))
    for file in files:
        if not file:
            numbers.frombytes(nothing)
            continue
        try:
            state = os.stat(file)
            row = state.st_size, state.st_mtime_ns, state.st_dev & _LARGEST, state.st_ino & _LARGEST
            numbers.frombytes(_packed(*row))
        except (OSError, ValueError):  # the latter: a name that no file can have
            numbers.frombytes(nothing)
        except struct.error:  # a time that 64 bits do not hold: hundreds of years away
            numbers.frombytes(_packed(row[0], 0, *row[2:]))
    table = np.frombuffer(numbers, dtype="int64").reshape(-1, len(SEEN))
    return {name: table[:, at] for at, name in enumerate(SEEN)}


def _counted(told: Mapping[str, AnyArray]) -> Series[int] | int:
    """Which attempt each raw is of its exposure and detector, from 1."""
    import pandas as pd

    codes = pd.DataFrame(
        {name: told[name].to_numpy() for name in ("exposure_code", "detector_code")}
    )
    return codes.groupby([*codes]).cumcount() + 1 if codes.duplicated().any() else 1


def _side_by_side(*parts: AnyArray | str) -> AnyArray:
    """Texts of Arrow arrays put together, row by row; null where one of them is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [
        pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts
    ]
    return pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))


def _names_of(told: Mapping[str, AnyArray]) -> AnyArray:
    """The names that a raw's file may have where it was transferred to, for matching copies: a text a row, by lines."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    exposure, obsid = told["exposure"], told["obsid"]
    codes = pd.DataFrame(
        {name: told[name].to_numpy() for name in ("exposure_code", "detector_code")}
    ).drop_duplicates()
    is_alone = pa.array(
        (np.bincount(codes["exposure_code"]) == 1)[told["exposure_code"].to_numpy()]
    )
    forms = (
        pc.replace_substring_regex(told["key"], "(?s)^.*/", ""),
        _side_by_side(exposure, told["-det000"]),
        _side_by_side(exposure, told["-R22-S00-det000"]),
        _side_by_side(obsid, told["-R22S00"]),
        _side_by_side(obsid, told["_R22_S00"]),
        pc.if_else(
            is_alone, obsid, None
        ),  # the observation's name alone tells the file where it has one detector
    )
    return pc.binary_join_element_wise(
        *forms, pa.scalar("\n", pa.large_string()), null_handling="skip"
    )
