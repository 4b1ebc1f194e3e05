"""Queries for the raws in a Gen3 registry.

The tables are lsst/daf_butler's and no public contract. The registry records the versions of its
managers in `butler_attributes`; versions that are not known here are refused.

`dataset.ingest_date` is UTC (text in SQLite) up to version 1 of the datasets' manager, and
nanoseconds of TAI from version 2 on. Timespans are nanoseconds of TAI: two columns in SQLite, one
range in PostgreSQL.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import night_named
from observing_monitor.readers import sqlite
from observing_monitor.sources.gen3_butler import read_repository
from observing_monitor.sources.gen3_exposures import exposure_sql
from observing_monitor.sources.gen3_raws import (
    Instrument,
    RawColumns,
    exposures_digest,
    in_order,
    numbers_of,
    raw_table,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    import pyarrow as pa

    from observing_monitor.readers.sql import Database, Plain
    from observing_monitor.sources.gen3_butler import Repository


# role -> class of its manager -> the major versions whose tables are known
MANAGERS: dict[str, dict[str, tuple[int, ...]]] = {
    "datasets": {"ByDimensionsDatasetRecordStorageManagerUUID": (1, 2)},
    "dimensions": {"StaticDimensionRecordStorageManager": (6,)},
    "collections": {"SynthIntKeyCollectionManager": (2,), "NameKeyCollectionManager": (2,)},
    "opaque": {"ByNameOpaqueTableStorageManager": (0,)},
}
# A night is a small part of a registry, and its rows lie together, which PostgreSQL's planner
# can't know. For a night of many exposures it would read whole tables, for a hash or merge join
# or to share the work between processes.
PLANS = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
}


@dataclass(frozen=True)
class Layout:
    """Facts of a registry that every query needs.

    Attributes
    ----------
    instruments
        The instruments to read.
    dataset_type
        The type's number; None if no dataset of the type was ever ingested.
    tags
        The table with exposure and detector of each dataset.
    run_key, collection_key
        The columns that identify collections: by number, or by name in older registries.
    of_exposure
        Name -> SQL of what is selected of each exposure; see `gen3_exposures.exposure_sql`.
    """

    instruments: tuple[str, ...]
    dataset_type: int | None
    tags: str
    run_key: str
    collection_key: str
    of_exposure: dict[str, str]


@dataclass(frozen=True)
class Raws:
    """A night's raws.

    Attributes
    ----------
    numbers
        As `Gen3Registry.count` returns them.
    table
        As `gen3_raws.raw_table` makes it, in order of ingest. Without columns if there are none.
    notes
        Sentences about what is odd.
    exposures
        Each instrument with the rows of the night's exposures.
    names
        The names of their values.
    """

    numbers: list[str | None]
    table: pa.Table
    notes: list[str]
    exposures: list[tuple[str, list[tuple[Any, ...]]]] = field(default_factory=list)
    names: tuple[str, ...] = ()

    @property
    def n_exposures(self) -> int:
        """The number of exposures of all instruments."""
        return sum(len(rows) for _, rows in self.exposures)


class Gen3Registry:
    """The registry of a repository.

    Every method raises SourceError if it can't be read.

    Parameters
    ----------
    path
        The repository, as for `read_repository`.
    database
        Its database; the url is "" if butler.yaml has it.
    instrument
        The instrument to read; "" for all.
    dataset_type
        The datasets that count as raws.
    """

    def __init__(self, path: Path, database: Database, instrument: str, dataset_type: str) -> None:
        self.path = path
        self.instrument = instrument
        self.dataset_type = dataset_type
        self._given = database
        self._repository: Repository | None = None
        self._layout: Layout | None = None

    @property
    def repository(self) -> Repository:
        """The places of the repository's parts."""
        if self._repository is None:
            self._repository = read_repository(self.path, self._given.url)
        return self._repository

    @property
    def database(self) -> Database:
        """The registry's database."""
        return replace(self._given, url=self.repository.url)

    def state(self) -> list[int] | None:
        """Return numbers that differ if the file has changed.

        None for a registry on a server.
        """
        path = self.database.sqlite_path
        if path is None:
            return None
        try:
            return sqlite.state_of(path)
        except OSError as error:
            words = "butler.yaml says that the registry is there"
            raise SourceError(f"{path}: {os_error_text(error)}; {words}") from error

    def nights(self) -> set[datetime.date]:
        """Return the nights of all exposures."""
        with self.connect() as registry:
            layout = self.layout(registry)
            (exposure,) = self._named(registry, "exposure")
            sql = f"select distinct day_obs from {exposure} where instrument = :instrument"
            days = {
                day
                for instrument in layout.instruments
                for (day,) in registry.ask(sql, {"instrument": instrument})
            }
            return {night for day in days if (night := night_named(str(day)))}

    def count(self, night: datetime.date) -> list[str | None]:
        """Return numbers that differ if a night's raws do.

        See `gen3_raws.numbers_of`.
        """
        wanted = ["count(*)", "max(d.ingest_date)"]
        for number in range(len(self.repository.datastores)):
            wanted += [f"count(f{number}.path)", f"sum(f{number}.file_size)"]
        numbers: list[str | None] = []
        with self.connect() as registry:
            layout = self.layout(registry)
            for instrument in layout.instruments if layout.dataset_type is not None else ():
                values = self.values(layout, night, instrument)
                (row,) = registry.ask(self.sql(registry, wanted), values)
                numbers += [None if value is None else str(value) for value in row]
                numbers.append(exposures_digest(self._exposures(registry, values)))
        return numbers

    def raws(self, night: datetime.date) -> Raws:
        """Return a night's raws."""
        import pyarrow as pa

        roots = [root for root, _ in self.repository.datastores]
        numbers: list[str | None] = []
        tables: list[pa.Table] = []
        found: list[tuple[str, list[tuple[Any, ...]]]] = []
        with self.connect() as registry:
            layout = self.layout(registry)
            if layout.dataset_type is None:
                words = f"has no dataset type {self.dataset_type!r} yet; nothing of it was ingested"
                return Raws([], pa.table({}), [f"{self.database.place}: {words}"])
            for instrument in layout.instruments:
                values = self.values(layout, night, instrument)
                columns = self._raw_columns(registry, layout, values)
                exposures = self._exposures(registry, values)
                numbers += numbers_of(columns, exposures)
                found.append((instrument, exposures))
                if columns.exposure:
                    known = Instrument(exposures, self._detectors(registry, values))
                    tables.append(raw_table(columns, known, roots))
        table = in_order(tables) if tables else pa.table({})
        return Raws(numbers, table, [], found, tuple(layout.of_exposure))

    # --- queries --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def connect(self) -> Iterator[Plain]:
        """Open the registry for queries."""
        try:
            with self.database.plain() as registry:
                if registry.dialect == "postgresql":
                    settings = [f"set_config({name!r}, {to!r}, true)" for name, to in PLANS.items()]
                    registry.ask(f"select {', '.join(settings)}", {})
                yield registry
        except UsageError as error:
            words = "that is what its butler.yaml, or the setting `url`, says"
            raise SourceError(f"{self.path}: {error}; {words}") from error

    def layout(self, registry: Plain) -> Layout:
        """Return the registry's Layout.

        Raises SourceError if its versions are not known, or it lacks the instrument.
        """
        if self._layout is None:
            place = self.database.place
            attributes, instrument, types = self._named(
                registry, "butler_attributes", "instrument", "dataset_type"
            )
            condition = "name like 'version:%' or name like 'config:registry.managers.%'"
            rows = registry.ask(f"select name, value from {attributes} where {condition}", {})
            managers = check_managers(place, {str(name): str(value) for name, value in rows})
            names = registry.ask(f"select name from {instrument}", {})
            instruments = sorted(str(name) for (name,) in names)
            if self.instrument and self.instrument not in instruments:
                words = (
                    f"has no instrument {self.instrument!r}; set `instrument` to one that it has"
                )
                raise SourceError(f"{place}: {words}: {', '.join(instruments) or 'none'}")
            sql = f"select id, tag_association_table from {types} where name = :name"
            found = registry.ask(sql, {"name": self.dataset_type})
            dataset_type, tags = found[0] if found else (None, "")
            key = "name" if managers["collections"].startswith("NameKey") else "id"
            chosen = (self.instrument,) if self.instrument else tuple(instruments)
            of_exposure = self._of_exposure(registry)
            self._layout = Layout(
                chosen, dataset_type, tags, f"run_{key}", f"collection_{key}", of_exposure
            )
        return self._layout

    def _of_exposure(self, registry: Plain) -> dict[str, str]:
        """Return what is selected of each exposure, by the columns that there are."""
        existing = self._columns_of(registry, "exposure")
        of_filters = self._columns_of(registry, "physical_filter")
        has_band = "physical_filter" in existing and {"instrument", "name", "band"} <= of_filters
        return exposure_sql(existing, has_band, registry.dialect, registry.quote)

    def _columns_of(self, registry: Plain, table: str) -> set[str]:
        """Return the columns of a table that the user may read."""
        sql, values = "select name from pragma_table_info(:table)", {"table": table}
        if registry.dialect == "postgresql":
            schema = "any(current_schemas(false))"
            if self.repository.namespace:
                schema, values["schema"] = ":schema", self.repository.namespace
            sql = f"""select column_name from information_schema.columns
                where table_schema = {schema} and table_name = :table"""
        return {str(name) for (name,) in registry.ask(sql, values)}

    def values(self, layout: Layout, night: datetime.date, instrument: str) -> dict[str, Any]:
        """Return the parameters of the query that `sql` returns."""
        return {
            "instrument": instrument,
            "day": int(night.strftime("%Y%m%d")),
            "type": layout.dataset_type,
        }

    def sql(self, registry: Plain, wanted: Iterable[str]) -> str:
        """Return a query for a night's raws of one instrument.

        Parameters
        ----------
        registry
            The open registry.
        wanted
            SQL of the columns to select, with e for the exposure, t for the detector, d for the
            dataset, and f0, f1, … for the file in each datastore.
        """
        layout = self.layout(registry)
        exposure, tags, dataset = self._named(registry, "exposure", layout.tags, "dataset")
        stores = self._named(registry, *(table for _, table in self.repository.datastores))
        files = [
            f"left join {table} f{number} on f{number}.dataset_id = t.dataset_id"
            for number, table in enumerate(stores)
        ]
        # SQLite keeps to the order of a cross join: from the night's exposures to their datasets,
        # by indexes all the way. With + 0 it can't use the index of the datasets' type, by which
        # it would read all raws there ever were. In PostgreSQL + 0 would make the planner expect
        # one raw in two hundred.
        is_postgresql = registry.dialect == "postgresql"
        type_of = "t.dataset_type_id" if is_postgresql else "t.dataset_type_id + 0"
        # a dataset may be tagged into several collections, of which its run counts
        is_run = f"d.{layout.run_key} = t.{layout.collection_key}"
        return f"""
            select {", ".join(wanted)}
            from {exposure} e cross join {tags} t
            join {dataset} d on d.id = t.dataset_id and {is_run}
            {" ".join(files)}
            where e.instrument = :instrument and e.day_obs = :day
            and t.instrument = e.instrument and t.exposure = e.id and {type_of} = :type"""

    def _raw_columns(
        self, registry: Plain, layout: Layout, values: Mapping[str, Any]
    ) -> RawColumns:
        wanted = ["t.exposure", "t.detector", f"t.{layout.collection_key}", "d.ingest_date"]
        for number in range(len(self.repository.datastores)):
            wanted += [f"f{number}.path", f"f{number}.file_size"]
        rows = registry.ask(self.sql(registry, wanted), values)
        columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(wanted)
        exposure, detector, run, ingested, *files = columns
        return RawColumns(exposure, detector, run, ingested, files)

    def _exposures(self, registry: Plain, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return an instrument's exposures of a night."""
        sql = self.exposures_sql(registry)
        return registry.ask(sql, {name: values[name] for name in ("instrument", "day")})

    def exposures_sql(self, registry: Plain) -> str:
        """Return the query for an instrument's exposures of a night."""
        exposure, filters = self._named(registry, "exposure", "physical_filter")
        selected = self.layout(registry).of_exposure
        band = (
            f"left join {filters} p on p.instrument = e.instrument and p.name = e.physical_filter"
        )
        return f"""
            select {", ".join(selected.values())}
            from {exposure} e {band if "band" in selected else ""}
            where e.instrument = :instrument and e.day_obs = :day"""

    def _detectors(self, registry: Plain, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return an instrument's detectors."""
        (detector,) = self._named(registry, "detector")
        names = "id, full_name, raft, name_in_raft"
        sql = f"select {names} from {detector} where instrument = :instrument"
        return registry.ask(sql, values)

    def _named(self, registry: Plain, *tables: str) -> list[str]:
        """Return tables' names, quoted and with their schema."""
        namespace = self.repository.namespace
        schema = f"{registry.quote(namespace)}." if namespace else ""
        return [schema + registry.quote(table) for table in tables]


def check_managers(place: str, attributes: dict[str, str]) -> dict[str, str]:
    """Return the class of each role's manager in a registry.

    Parameters
    ----------
    place
        The registry, for messages.
    attributes
        Names and values of `butler_attributes`.

    Raises
    ------
    SourceError
        If a class or version is not one of `MANAGERS`.
    """
    managers = {}
    for role, known in MANAGERS.items():
        full = attributes.get(f"config:registry.managers.{role}", "")
        version = attributes.get(f"version:{full}", "")
        managers[role] = full.rpartition(".")[2]
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) not in known.get(managers[role], ()):
            wanted = " or ".join(
                f"{name} {' or '.join(map(str, majors))}" for name, majors in known.items()
            )
            keeper = f"{managers[role] or 'nobody that it names'} {version}".rstrip()
            words = f"its {role} are kept by {keeper}, and this program knows {wanted}"
            raise SourceError(f"{place}: {words}; a newer observing_monitor may read it")
    return managers
