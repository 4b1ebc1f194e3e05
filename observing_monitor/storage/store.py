"""The store: nights in and out of Parquet, and an index of nights for each stream.

    data/stream=NAME/night=YYYY-MM-DD/{files,ingests,metrics}.parquet    the tables: what is known
    data/stream=NAME/night=YYYY-MM-DD/_halves.{files,ingests}.parquet    of these, what `strays` asks of a night beside another
    data/stream=NAME/_attempts.SOURCE.parquet                            what a source told last of the newest night, as it told it
    data/stream=NAME/night=YYYY-MM-DD/looked.json                        what the night's sources looked like then
    data/stream=NAME/index.json                                          a row a night; can be remade from the rest
    data/stream=NAME/index.notes                                         while a run is at work: the rows that are new

A night is the unit of writing. The two JSON files open without pandas, so that a run with nothing new ends at once.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import urllib.parse
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from observing_monitor.errors import StoreError
from observing_monitor.model import columns, frames
from observing_monitor.model.digest import running_digest
from observing_monitor.model.messages import error_line
from observing_monitor.model.nights import night_named
from observing_monitor.storage.index import INDEXED, IndexRow, Looked
from observing_monitor.storage.parquet import digest_of, from_parquet, packed_nothing, to_parquet
from observing_monitor.storage.sealed import as_json, is_sealed, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TypeGuard

    from pandas import DataFrame

    from observing_monitor.model.columns import Column
    from observing_monitor.model.reading import Tables
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


FOLDER = "data"
UNMATCHED = ("files", "ingests")  # the tables of which `strays.halves` are kept
ATTEMPTS_PREFIX = "_attempts."  # how the names of files begin that `Store.save_attempts` writes


# The last tables that this process saved, each with a digest of its bytes: a night is nearly always published where it was collected,
# and to unpack what was packed a moment ago takes a full night longer than to judge it.
_just_saved: dict[str, tuple[str, DataFrame]] = {}


class Store:
    """One stream's nights, below an output folder (`files.Output`)."""

    def __init__(self, output: Output, stream: str) -> None:
        self.output = output
        self.stream = stream
        self.folder = f"{FOLDER}/stream={stream}"

    def nights(self) -> list[datetime.date]:
        """The nights that have a folder in the store, in order."""
        names = self.output.names(self.folder)
        nights = (
            night_named(name.removeprefix("night=")) for name in names if name.startswith("night=")
        )
        return sorted(night for night in nights if night)

    def read_index(self) -> Index:
        """The stream's index: {"schema_version", "nights": {night: row}, "sources": {name: row}}; empty where there is none."""
        read = _decoded(self.output.read(f"{self.folder}/index.json"))
        if _is_index(read):
            index = read
        else:
            index = {"schema_version": columns.SCHEMA_VERSION, "nights": {}, "sources": {}}
            for night in self.nights():
                looked = self.read_looked(night)
                # of a night whose tables were pruned the row is all that is left
                kept = cast(
                    IndexRow,
                    {key: value for key, value in looked.items() if key in (*INDEXED, "pruned")},
                )
                index["nights"][night.isoformat()] = looked.get("row") or kept
        if noted := dict(self._noted()):
            index["nights"].update(noted)
            index.pop("is_settled", None)  # nor was it told what these nights change of others
        return index

    def _noted(self) -> Iterator[tuple[str, IndexRow]]:
        """The rows that were noted after the index was written, by a run that was killed."""
        for line in (self.output.read(f"{self.folder}/index.notes") or b"").splitlines():
            with contextlib.suppress(ValueError):  # the line at which it was killed
                told = json.loads(line) if is_sealed(line, or_never=False) else None
                if (
                    isinstance(told, dict)
                    and isinstance(told.get("row"), dict)
                    and night_named(str(told.get("night")))
                ):
                    yield told["night"], told["row"]

    def note(self, night: datetime.date, row: IndexRow) -> None:
        """Keep a night's new row of the index until that is written: a run that is killed need not do the night again."""
        self.output.append(
            f"{self.folder}/index.notes", sealed(as_json({"night": night.isoformat(), "row": row}))
        )

    def write_index(self, index: Index) -> None:
        # in one order, however the nights came: the same index is the same bytes
        index["nights"] = {night: _in_order(row) for night, row in sorted(index["nights"].items())}
        self.output.write_changed(
            f"{self.folder}/index.json", sealed(encoded(dict(sorted(index.items()))))
        )
        self.output.remove(f"{self.folder}/index.notes")

    def read_looked(self, night: datetime.date) -> Looked:
        """What the last look at a night's sources gave; {} where there was none."""
        looked = self.output.read_json(f"{self.night_folder(night)}/looked.json")
        is_whole = looked is not None and all(
            isinstance(looked.get(name) or {}, dict)
            for name in (
                "keys",
                "kept",
                "notes",
                "pruned",
                "row",
                "silent",
                "happened",
                "sizes",
                "sources",
                "strays",
            )
        )
        return cast(Looked, looked) if is_whole else {}

    def write_looked(self, night: datetime.date, looked: Looked) -> None:
        self.output.write_json(f"{self.night_folder(night)}/looked.json", looked)

    def load(self, night: datetime.date) -> Tables:
        """A night's Tables; empty where nothing is known; StoreError where a table can't be read."""
        from observing_monitor.model.reading import Tables

        folder = self.night_folder(night)
        return Tables(
            *(
                self._load_table(f"{folder}/{name}.parquet", described)
                for name, described in columns.TABLES.items()
            )
        )

    def load_whole(self, night: datetime.date) -> tuple[Tables, list[str]]:
        """A night's Tables, those empty that can't be read; and a sentence on each of these, which is set aside."""
        from observing_monitor.model.reading import Tables

        loaded, faults = [], []
        for name, described in columns.TABLES.items():
            path = f"{self.night_folder(night)}/{name}.parquet"
            try:
                loaded.append(self._load_table(path, described))
            except StoreError as error:
                self.output.rename(path, f"{path}.damaged")
                faults.append(f"{error}; set aside as {name}.parquet.damaged")
                loaded.append(frames.empty(described))
        return Tables(*loaded), faults

    def save_attempts(self, source: str, attempts: DataFrame) -> str:
        """Keep what a source told of the newest night, `columns.ATTEMPTS`, instead of what was kept of it before; a digest of it."""
        data = to_parquet(frames.frame(columns.ATTEMPTS, attempts), columns.ATTEMPTS)
        self.output.write_changed(self._kept_attempts(source), data)
        return digest_of(data)

    def load_attempts(self, source: str, digest: str) -> DataFrame | None:
        """What `save_attempts` kept, where it is what had this digest; None where it is something else by now."""
        data = self.output.read(self._kept_attempts(source))
        return (
            None
            if data is None or digest_of(data) != digest
            else from_parquet(data, columns.ATTEMPTS)
        )

    def forget_attempts(self) -> None:
        """Remove all that `save_attempts` kept."""
        for name in self.output.names(self.folder):
            if name.startswith(ATTEMPTS_PREFIX):
                self.output.remove(f"{self.folder}/{name}")

    def _kept_attempts(self, source: str) -> str:
        return f"{self.folder}/{ATTEMPTS_PREFIX}{urllib.parse.quote(source, safe='')}.parquet"

    def save_unmatched(self, night: datetime.date, unmatched: Tables) -> str:
        """Write a night's unmatched files and attempts, or remove them if there are none.

        Returns a digest of what was written.
        """
        digest = running_digest(n_bytes=16)
        for name in UNMATCHED:
            if unmatched.files.empty:
                self.output.remove(self._half(night, name))
            else:
                data = to_parquet(getattr(unmatched, name), columns.TABLES[name])
                digest.update(data)
                self.output.write_changed(self._half(night, name), data)
        return digest.hexdigest()

    def load_unmatched(self, night: datetime.date) -> Tables | None:
        """What `save_unmatched` wrote; None where it is not there whole: the night's tables have it too."""
        from observing_monitor.model.reading import Tables

        if not all(self.output.exists(self._half(night, name)) for name in UNMATCHED):
            return None
        with contextlib.suppress(StoreError):
            return replace(
                Tables.empty(),
                **{
                    name: self._load_table(self._half(night, name), columns.TABLES[name])
                    for name in UNMATCHED
                },
            )
        return None

    def _half(self, night: datetime.date, name: str) -> str:
        return f"{self.night_folder(night)}/_halves.{name}.parquet"

    def look_again(self, night: datetime.date) -> None:
        """Have the next run read a night anew, whatever its sources look like: a table of it can't be read."""
        looked = self.read_looked(night)
        self.write_looked(night, {**looked, "sizes": {}})

    def is_whole(self, night: datetime.date, sizes: object) -> bool:
        """Whether a night's tables are there, as long as they were when written: a table that was cut is not."""
        folder = self.night_folder(night)
        return isinstance(sizes, dict) and all(
            sizes.get(name) is not None
            and self.output.size(f"{folder}/{name}.parquet") == sizes[name]
            for name in columns.TABLES
        )

    def save(self, night: datetime.date, tables: Tables) -> tuple[str, dict[str, int]]:
        """Write a night's tables; one that would be the same stays untouched. Returns a digest of all three, and sizes."""
        digest, sizes = running_digest(n_bytes=16), {}
        for name, described in columns.TABLES.items():
            data = to_parquet(getattr(tables, name), described)
            digest.update(data)
            sizes[name] = len(data)
            self.output.write_changed(f"{self.night_folder(night)}/{name}.parquet", data)
            _just_saved[name] = digest_of(data), getattr(tables, name)
        return digest.hexdigest(), sizes

    def night_folder(self, night: datetime.date) -> str:
        """Where a night's tables are, relative to the output."""
        return f"{self.folder}/night={night.isoformat()}"

    def _load_table(self, relative: str, described: Sequence[Column]) -> DataFrame:
        data = self.output.read(relative)
        if data is None or data == packed_nothing(described):
            return frames.empty(described)
        name = relative.rpartition("/")[2].removesuffix(".parquet")
        if name in _just_saved and _just_saved[name][0] == digest_of(data):
            return _just_saved[name][1].copy(deep=False)
        import pyarrow

        try:
            return from_parquet(data, described)
        except (pyarrow.ArrowException, ValueError, TypeError, OSError) as error:
            raise StoreError(
                f"{self.output.path(relative)}: can't be read ({error_line(error)}); the next run that collects makes it anew"
            ) from error


def _is_index(value: object) -> TypeGuard[Index]:
    """Whether a JSON value is an index as this version writes it; anything else is remade."""
    return (
        isinstance(value, dict)
        and value.get("schema_version") == columns.SCHEMA_VERSION
        and isinstance(value.get("sources"), dict)
        and isinstance(value.get("nights"), dict)
        and all(
            isinstance(row, dict) and _is_night(night) for night, row in value["nights"].items()
        )
    )


def _in_order(row: IndexRow) -> IndexRow:
    names = list(row)  # of most nights it is as it was read
    return row if names == sorted(names) else cast(IndexRow, dict(sorted(row.items())))


def _is_night(text: str) -> bool:
    """As `night_named`, of what we write ourselves: in a tenth of the time, for an index may have thousands."""
    try:
        night = datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return 1970 <= night.year < 2100 and night.isoformat() == text


def _decoded(data: bytes | None) -> dict[str, Any] | None:
    """As `Output.read_json`, of a large file: in a fifth of the time."""
    import msgspec

    try:
        value = None if data is None or not is_sealed(data) else msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return (
        {name: member for name, member in value.items() if name != "seal"}
        if isinstance(value, dict)
        else None
    )


def encoded(value: object) -> str | bytes:
    """A value as JSON, in a fifth of the usual time."""
    import msgspec

    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # text that is no Unicode
        return as_json(value)
