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
import os
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor import columns
from observing_monitor.errors import SourceError, UsageError, one_line
from observing_monitor.files import open_plain
from observing_monitor.nights import night_named
from observing_monitor.sources import Reading, Telling
from observing_monitor.sources.sql import Database

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, CursorResult, TextClause

    Text = Callable[[str], TextClause]  # SQLAlchemy's `text`
    from pandas import DataFrame, Series
    from sqlalchemy import Connection

    from observing_monitor.sources import Asked, Known

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
ROW = (  # what a raw's row has, beside its files and the exposure's end
    "t.dataset_id as dataset",
    "e.instrument as instrument",
    "e.id as exposure",
    "e.obs_id as obsid",
    "e.seq_num as seq_num",
    "t.detector as detector",
    "n.full_name as full_name",
    "n.raft as raft",
    "n.name_in_raft as sensor",
    "d.ingest_date as ingest_date",
)


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


class Gen3Repository(Telling):
    """The raws of a registry, each with its exposure and its file."""

    @dataclass
    class Settings:
        path: Path  # the repository: a directory with butler.yaml, or with gen3repo/butler.yaml; or a butler.yaml
        instrument: str = ""  # this instrument's exposures only; "" for those of all
        dataset_type: str = "raw"  # which datasets count as ingested files
        url: str = ""  # the registry's database, where not as butler.yaml says: a replica, or another user
        password_env: str = ""  # the environment variable with the database's password; libpq's .pgpass works as well
        timeout_s: float = 30  # how long the database may take to answer

    @staticmethod
    def stages_of(settings: Gen3Repository.Settings) -> tuple[str, ...]:
        return ("ingest",)

    @staticmethod
    def place_of(settings: Gen3Repository.Settings) -> str:
        return f"{settings.path} and {Database(settings.url).place}" if settings.url else str(settings.path)

    def __init__(self, settings: Gen3Repository.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "gen3"
        self._repository: Repository | None = None
        self._layout: Layout | None = None
        self._looked: dict[datetime.date, tuple[DataFrame, list[str]]] = {}  # night -> what `_raws` gave of it, from look to read

    def nights(self) -> set[datetime.date]:
        """The nights of the registry's exposures."""
        with self._connect() as (connection, text):
            layout = self._layout_of(connection, text)
            (exposure,) = self._named(connection, "exposure")
            sql = text(f"select distinct day_obs from {exposure} where instrument in :instruments").bindparams(*_expanding("instruments"))
            days = connection.execute(sql, {"instruments": layout.instruments}).scalars()
            return {night for day in days if (night := night_named(str(day)))}

    def look(self, night: datetime.date, known: Known) -> Known:
        """How many rows of the night the registry has, their last time and bytes, and the times of their folders.

        Where the registry is a file that did not change, it isn't even opened.
        """
        registry = self._registry_state()
        is_same = known and registry and registry == known["registry"] and not self.asked.look_at_everything
        rows = known["rows"] if is_same else self._count(night)
        if not known or rows != known["rows"]:
            return {"registry": registry, "rows": rows, "folders": _folder_times(self._folders(night))}
        folders = _folder_times(known["folders"])
        # other nights' changes of the registry are no change of this one
        return known if folders == known["folders"] else {"registry": registry, "rows": rows, "folders": folders}

    def read(self, night: datetime.date) -> Reading:
        """The night's attempts: `success`, or `lost` where the registry has a raw whose file is no longer there."""
        import pandas as pd

        raws, notes = self._looked.pop(night) if night in self._looked else self._raws(night)
        if raws.empty:
            return Reading(attempts=columns.empty(columns.ATTEMPTS), notes=notes)
        places = self._places(raws)
        raws = raws.join(places)
        ended = _instants_of_tai(raws["ended"].where(raws["ended"].lt(UNBOUNDED_NS) & raws["ended"].gt(0)))
        size = raws["size"].where(raws["size"] >= 0).fillna(raws["seen_size"])
        number = raws["detector"].astype("str").str.zfill(3)
        told = {
            "stage": "ingest",
            "attempted_at": _ingest_instants(raws["ingest_date"]),
            "status": pd.Series("success", index=raws.index).where(~raws["is_lost"], "lost"),
            "message": ("the registry has it, but its file is gone: " + raws["place"]).where(raws["is_lost"], ""),
            "destination": raws["place"],
            "path": raws["path"].fillna(self.settings.dataset_type + "/" + raws["exposure"] + "-det" + number),
            "names": _names_of(raws, number),
            "size_bytes": size,
            "created_at": raws["mtime_ns"],
            "exposed_at": ended,
            "obsid": raws["obsid"],
            "exposure": raws["exposure"],
            "seq_num": raws["seq_num"],
            "detector": raws["full_name"].fillna(raws["detector"].astype("str")),
            "on_disk": ~raws["is_lost"],
            "device": raws["device"],
            "inode": raws["inode"],
        }
        attempts = pd.DataFrame(told).sort_values("attempted_at", kind="stable")
        of_one_raw = [raws.loc[attempts.index, name] for name in ("instrument", "exposure", "detector")]
        attempts["attempt"] = attempts.groupby(of_one_raw).cumcount() + 1
        return Reading(attempts=columns.frame(columns.ATTEMPTS, attempts), notes=notes)

    # --- where things are --------------------------------------------------------------------------------------------

    def _where(self) -> Repository:
        if self._repository is None:
            self._repository = read_repository(self.settings.path, self.settings.url)
        return self._repository

    def _database(self) -> Database:
        return Database(self._where().url, self.settings.password_env, self.settings.timeout_s)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[tuple[Connection, Text]]:
        """A connection to the registry, and SQLAlchemy's `text`: imported only when a registry is really asked."""
        from sqlalchemy import text

        try:
            with self._database().connect() as connection:
                yield connection, text
        except UsageError as error:
            raise SourceError(f"{self.settings.path}: {error}; that is what its butler.yaml, or the setting `url`, says") from error

    def _registry_state(self) -> list[int] | None:
        """The numbers of the registry's file, and of what SQLite keeps beside it; None where it is a server's."""
        url = self._where().url
        if not url.startswith("sqlite"):
            return None
        path = url.partition(":///")[2].partition("?")[0]
        try:
            state = os.stat(path)
        except OSError as error:
            raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}; butler.yaml says that the registry is there") from error
        try:
            beside = os.stat(path + "-wal")
        except OSError:
            return [state.st_size, state.st_mtime_ns, state.st_ino]
        return [state.st_size, state.st_mtime_ns, state.st_ino, beside.st_size, beside.st_mtime_ns]

    # --- the registry ------------------------------------------------------------------------------------------------

    def _named(self, connection: Connection, *tables: str) -> list[str]:
        """Names of tables as SQL has them: quoted where need be, in the registry's schema."""
        quote = connection.dialect.identifier_preparer.quote
        namespace = self._where().namespace
        schema = f"{quote(namespace)}." if namespace else ""
        return [schema + quote(table) for table in tables]

    def _layout_of(self, connection: Connection, text: Text) -> Layout:
        """The registry's Layout; SourceError where it is of a kind that isn't known, or lacks the instrument."""
        if self._layout is None:
            place = self._database().place
            attributes, instrument, types = self._named(connection, "butler_attributes", "instrument", "dataset_type")
            sql = f"select name, value from {attributes} where name like 'version:%' or name like 'config:registry.managers.%'"
            keeper = check_managers(place, dict(map(tuple, connection.execute(text(sql.replace(":", "\\:"))))))
            instruments = sorted(connection.execute(text(f"select name from {instrument}")).scalars())
            if self.settings.instrument and self.settings.instrument not in instruments:
                known = ", ".join(instruments) or "none"
                raise SourceError(f"{place}: has no instrument {self.settings.instrument!r}; set `instrument` to one that it has: {known}")
            sql = f"select id, tag_association_table from {types} where name = :name"
            found = connection.execute(text(sql), {"name": self.settings.dataset_type}).first()
            dataset_type, tags = found or (None, "")
            key = "name" if keeper["collections"].startswith("NameKey") else "id"
            chosen = (self.settings.instrument,) if self.settings.instrument else tuple(instruments)
            self._layout = Layout(chosen, dataset_type, tags, f"run_{key}", f"collection_{key}")
        return self._layout

    def _ask(self, connection: Connection, text: Text, night: datetime.date, wanted: list[str]) -> CursorResult[Any]:
        """Ask for some columns of a night's raws: e has the exposure, t the detector, d the dataset, f0, f1 … the files."""
        layout = self._layout_of(connection, text)
        values = {"instruments": layout.instruments, "day": int(night.strftime("%Y%m%d")), "type": layout.dataset_type}
        return connection.execute(text(self._sql(connection, layout, wanted)).bindparams(*_expanding("instruments")), values)

    def _sql(self, connection: Connection, layout: Layout, wanted: list[str]) -> str:
        exposure, tags, dataset, detector = self._named(connection, "exposure", layout.tags, "dataset", "detector")
        stores = self._named(connection, *(table for _, table in self._where().datastores))
        files = [f"left join {table} f{number} on f{number}.dataset_id = t.dataset_id" for number, table in enumerate(stores)]
        # SQLite keeps to the order of a cross join: from the night's exposures to their datasets, by indexes all the way,
        # rather than from all datasets of the instrument; and + 0 hides from it that it could take all raws there ever
        # were by the index of their type. A dataset may be tagged into more collections: its run is the one that counts.
        return f"""
            select {", ".join(wanted)}
            from {exposure} e cross join {tags} t
            join {dataset} d on d.id = t.dataset_id and d.{layout.run_key} = t.{layout.collection_key}
            left join {detector} n on n.instrument = t.instrument and n.id = t.detector
            {" ".join(files)}
            where e.instrument in :instruments and e.day_obs = :day
            and t.instrument = e.instrument and t.exposure = e.id and t.dataset_type_id + 0 = :type"""

    def _count(self, night: datetime.date) -> list[str | None]:
        """The night's rows in the registry, in numbers: how many, the last times, and files and bytes of each datastore."""
        with self._connect() as (connection, text):
            if self._layout_of(connection, text).dataset_type is None:
                return []
            wanted = ["count(*)", "max(d.ingest_date)", f"max({_end_of(connection)})"]
            for number in range(len(self._where().datastores)):
                wanted += [f"count(f{number}.path)", f"sum(f{number}.file_size)"]
            row = self._ask(connection, text, night, wanted).one()
            return [None if value is None else str(value) for value in row]

    def _raws(self, night: datetime.date) -> tuple[DataFrame, list[str]]:
        """The night's raws: what ROW and `ended` say, and of the datastore that has the file: path, size, root. And notes."""
        import pandas as pd

        with self._connect() as (connection, text):
            if self._layout_of(connection, text).dataset_type is None:
                what = self.settings.dataset_type
                return pd.DataFrame(), [f"{self._database().place}: has no dataset type {what!r} yet; nothing of it was ingested"]
            wanted = [*ROW, f"{_end_of(connection)} as ended"]
            for number in range(len(self._where().datastores)):
                wanted += [f"f{number}.path as path{number}", f"f{number}.file_size as size{number}"]
            answer = self._ask(connection, text, night, wanted)
            names, rows = list(answer.keys()), answer.fetchall()
        told = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        raws = pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in told.items()})
        raws["path"], raws["size"], raws["root"] = None, None, None
        for number, (root, _) in enumerate(self._where().datastores):
            here = raws["path"].isna() & raws[f"path{number}"].notna()
            raws["path"] = raws["path"].where(~here, raws[f"path{number}"])
            raws["size"] = raws["size"].where(~here, raws[f"size{number}"])
            raws["root"] = raws["root"].where(~here, root)
        raws["exposure"] = raws["exposure"].astype("str")
        numbers = dict.fromkeys(("seq_num", "ended", "detector", "size"), "Int64")
        texts = dict.fromkeys(("obsid", "full_name", "raft", "sensor"), "str")
        # a dataset that was stored in components has a record of each
        raws = raws.drop_duplicates("dataset", ignore_index=True).astype({**numbers, **texts})
        raws["located"] = pd.Series([locate(path, root) for path, root in zip(raws.pop("path"), raws["root"], strict=True)], dtype="object")
        return raws, []

    # --- files -------------------------------------------------------------------------------------------------------

    def _folders(self, night: datetime.date) -> list[str]:
        """The folders, on this machine, of the night's files."""
        raws, _ = self._looked[night] = self._raws(night)  # the night is about to be read
        return sorted({place.file.rpartition("/")[0] or "/" for place in raws["located"] if place.file}) if len(raws) else []

    def _places(self, raws: DataFrame) -> DataFrame:
        """Where each raw's file is, and what `stat` says of it: by the index of `raws`."""
        import pandas as pd

        exists = _Existing()
        rows = []
        for place, root in zip(raws["located"], raws["root"], strict=True):
            state = _stat(place.file)
            is_lost = not place.shown or (bool(place.file) and state is None and exists.is_ours(place.file, root))
            # signed 64 bits is what the tables hold, here as in tree.py
            links = (state.st_dev & 0x7FFF_FFFF_FFFF_FFFF, state.st_ino & 0x7FFF_FFFF_FFFF_FFFF) if state else ()
            numbers = (state.st_size, state.st_mtime_ns, *links) if state else (None,) * 4
            rows.append((place.key, place.name, place.shown or "no datastore has it", is_lost, *numbers))
        kinds = {"path": "str", "name": "str", "place": "str", "is_lost": "bool"}
        kinds |= dict.fromkeys(("seen_size", "mtime_ns", "device", "inode"), "Int64")
        found = {
            name: pd.Series(values, index=raws.index, dtype=kind)
            for (name, kind), values in zip(kinds.items(), zip(*rows, strict=True), strict=True)
        }
        return pd.DataFrame(found)


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
        raise SourceError(f"{file}: registry and datastore should be tables; is it a Butler's configuration?")
    if "remote" in str(config.get("cls", "")).lower():
        raise SourceError(f"{file}: is a Butler's that is read over HTTP; `path` must lead to the repository itself")

    def filled(text: str) -> str:
        return str(text).replace("<butlerRoot>", root)

    if not isinstance(registry.get("db") or "", str) or "://" not in (registry.get("db") or "sqlite://"):
        raise SourceError(f"{file}: registry.db is no database's address; is it a Butler's configuration?")
    database = url or filled(registry.get("db") or "sqlite:///<butlerRoot>/gen3.sqlite3")
    if database.startswith("sqlite:///") and not database.startswith("sqlite:////"):
        database = "sqlite:///" + os.path.join(root, database.removeprefix("sqlite:///"))
    stores = tuple((filled(where).rstrip("/"), table) for where, table in _datastores(datastore, file))
    return Repository(database, str(registry.get("namespace") or "") or None, stores)


def _butler_yaml(path: Path) -> Path:
    """The butler.yaml of a repository, or of the one beside a file store; SourceError if there is none."""
    if path.suffix in (".yaml", ".yml"):
        return path
    here, below = path / "butler.yaml", path / "gen3repo" / "butler.yaml"
    for file in (here, below):
        if file.exists():
            return file
    raise SourceError(f"{here}: no such file, nor {below}; a Gen3 repository has its butler.yaml in one of these places")


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        with open_plain(file) as opened:
            config = yaml.safe_load(opened.read().decode("utf-8"))
    except OSError as error:
        raise SourceError(f"{file}: {(error.strerror or str(error)).lower()}; it tells where a Gen3 repository's registry is") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: is not YAML ({one_line(error)}); is it a Butler's configuration?") from error
    if not isinstance(config, dict):
        raise SourceError(f"{file}: holds no tables; is it a Butler's configuration?")
    return config


def _datastores(config: dict[str, Any], file: Path) -> list[tuple[str, str]]:
    """Root and table of records of each datastore that keeps files, those of a chain in its order."""
    inner = config.get("datastores", ())
    records = config.get("records") or {}
    if not (isinstance(inner or (), list | tuple) and all(isinstance(table, dict) for table in (*(inner or ()), records))):
        raise SourceError(f"{file}: its datastores and their records should be tables; is it a Butler's configuration?")
    if "datastores" in config:
        return [store for one in inner or () for store in _datastores(one, file)]
    if str(config.get("cls", "")).endswith("InMemoryDatastore"):
        return []
    return [(str(config.get("root") or "<butlerRoot>/datastore"), str(records.get("table") or RECORDS))]


def check_managers(place: str, attributes: dict[str, str]) -> dict[str, str]:
    """Which class keeps what in a registry: a dict by the roles of MANAGERS; SourceError where its tables aren't known."""
    keepers = {}
    for role, known in MANAGERS.items():
        full = attributes.get(f"config:registry.managers.{role}", "")
        version = attributes.get(f"version:{full}", "")
        keepers[role] = full.rpartition(".")[2]
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) not in known.get(keepers[role], ()):
            wanted = " or ".join(f"{name} {' or '.join(map(str, majors))}" for name, majors in known.items())
            is_kept = f"its {role} are kept by {keepers[role] or 'nobody that it names'} {version}".rstrip()
            raise SourceError(f"{place}: {is_kept}, and this program knows {wanted}; a newer observing_monitor may read it")
    return keepers


# --- places ------------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a datastore's record says that a file is."""

    key: str | None  # names the file for good: as recorded, without scheme and quoting; None where there is no record
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
    return urllib.parse.unquote(root.removeprefix("file://")) if root.startswith("file://") else root


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


def _stat(file: str) -> os.stat_result | None:
    """What `stat` says of a file, None where it is not there or nobody can tell."""
    try:
        return os.stat(file) if file else None
    except OSError:
        return None


def _folder_times(folders: list[str]) -> dict[str, Any]:
    """The modification time of each folder in ns, None of one that isn't there."""
    times = {}
    for folder in folders:
        state = _stat(folder)
        times[folder] = state.st_mtime_ns if state else None
    return times


def _end_of(connection: Connection) -> str:
    """The end of an exposure, in SQL: nanoseconds in TAI."""
    return "upper(e.timespan)" if connection.dialect.name == "postgresql" else "e.timespan_end"


def _expanding(*names: str) -> list[BindParameter[Any]]:
    """Parameters of a query that are lists."""
    from sqlalchemy import bindparam

    return [bindparam(name, expanding=True) for name in names]


# --- values ------------------------------------------------------------------------------------------------------------


def _instants_of_tai(ns: Series[Any]) -> Series[Any]:
    """Nanoseconds in TAI since 1970 (Int64) as instants in UTC."""
    import pandas as pd

    offset = ns * 0 + 33
    for start, seconds in LEAPS:
        offset = offset + (ns >= (start + seconds) * 1_000_000_000).astype("Int64")
    return pd.to_datetime(ns - offset * 1_000_000_000, utc=True)


def _ingest_instants(values: Series[Any]) -> Series[Any]:
    """The registry's times of ingest as instants: whole numbers are nanoseconds in TAI, all else is UTC."""
    import pandas as pd

    if values.map(lambda value: isinstance(value, int)).all():
        return _instants_of_tai(values.astype("Int64"))
    texts = values.map(lambda value: value.isoformat(" ") if isinstance(value, datetime.datetime) else value)
    return pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")


def _names_of(raws: DataFrame, number: Series[Any]) -> Series[Any]:
    """The names that a raw's file may have where it was transferred to, for matching copies: a text a row, by lines."""
    exposure, obsid = raws["exposure"], raws["obsid"].fillna("")
    raft, sensor = raws["raft"].fillna(""), raws["sensor"].fillna("")
    is_alone = raws.groupby(["instrument", "exposure"])["detector"].transform("nunique") == 1
    forms = (
        (exposure + "-" + raft + "-" + sensor + "-det" + number, raft != ""),
        (obsid + "-" + raft + sensor, (obsid != "") & (raft != "")),
        (obsid + "_" + raft + "_" + sensor, (obsid != "") & (raft != "")),
        (obsid, is_alone),  # the observation's name alone tells the file where it has one detector
    )
    names = raws["name"].fillna("") + "\n" + exposure + "-det" + number
    for form, holds in forms:
        names = names + "\n" + form.where(holds, "")
    return names
