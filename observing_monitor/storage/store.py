"""The store: tables of nights, and an index of each stream.

`layout` describes its files. A night is the unit of writing. The index and `looked.json` are
read without pandas, so a run with nothing new ends at once. The index can be remade from the
rest; while a run is at work, its new rows are in `index.notes`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from typing import TYPE_CHECKING, Any, cast

from observing_monitor.errors import StoreError
from observing_monitor.model import columns, frames
from observing_monitor.model.digest import running_digest
from observing_monitor.model.nights import YEARS, night_named
from observing_monitor.storage import layout
from observing_monitor.storage.index import INDEXED, IndexRow, Looked
from observing_monitor.storage.parquet import digest_of, from_parquet, packed_nothing, to_parquet
from observing_monitor.storage.sealed import as_json, is_sealed, sealed, without_seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeGuard

    from pandas import DataFrame

    from observing_monitor.model.columns import Column
    from observing_monitor.model.reading import Tables
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


FOLDER = layout.STORE
ATTEMPTS_PREFIX = layout.ATTEMPTS_PREFIX
# the tables of which unmatched rows are also kept apart
UNMATCHED = ("files", "ingests")
# versions of the schema whose index is read as it is
READABLE = range(1, columns.SCHEMA_VERSION + 1)
# members of `looked.json` that are objects
_OBJECTS = (
    "derived",
    "earlier",
    "keys",
    "kept",
    "notes",
    "old_settings",
    "pruned",
    "row",
    "rows",
    "silent",
    "happened",
    "sizes",
    "sources",
    "strays",
    "without_effect",
)


# The tables that this process saved last, each with the digest of its bytes. A night is nearly
# always published where it was collected, and unpacking a full night takes longer than judging it.
_just_saved: dict[str, tuple[str, DataFrame]] = {}


class Store:
    """The nights of one stream in an output."""

    def __init__(self, output: Output, stream: str) -> None:
        self.output = output
        self.stream = stream
        self.folder = layout.stream_store(stream)

    def nights(self) -> list[datetime.date]:
        """Return the nights that have a folder in the store, in order."""
        nights = map(layout.stored_night, self.output.names(self.folder))
        return sorted(night for night in nights if night)

    # --- the index --------------------------------------------------------------------------------

    def read_index(self) -> Index:
        """Return the stream's index; without nights if there is none.

        An index that is damaged, or of another schema, is remade from the nights' folders.
        """
        read = _decoded(self.output.read(layout.index_file(self.stream)))
        index = read if _is_index(read) else self._remade_index()
        index["schema_version"] = columns.SCHEMA_VERSION
        if noted := dict(self._noted()):
            index["nights"].update(noted)
            # the run was killed before it saw how these nights affect others
            index.pop("is_settled", None)
        return index

    def _remade_index(self) -> Index:
        index: Index = {"schema_version": columns.SCHEMA_VERSION, "nights": {}, "sources": {}}
        for night in self.nights():
            looked = self.read_looked(night)
            kept = cast(
                IndexRow,
                {key: value for key, value in looked.items() if key in (*INDEXED, "pruned")},
            )
            # of a night whose tables were pruned, the row is all that is left
            index["nights"][night.isoformat()] = looked.get("row") or kept
        return index

    def _noted(self) -> Iterator[tuple[str, IndexRow]]:
        """Yield the rows noted by a run that was killed."""
        for line in (self.output.read(layout.index_notes_file(self.stream)) or b"").splitlines():
            # the last line may be cut
            with contextlib.suppress(ValueError):
                note = json.loads(line) if is_sealed(line, or_never=False) else None
                if (
                    isinstance(note, dict)
                    and isinstance(note.get("row"), dict)
                    and night_named(str(note.get("night")))
                ):
                    yield note["night"], note["row"]

    def note(self, night: datetime.date, row: IndexRow) -> None:
        """Note a night's new row, in case the run is killed."""
        line = sealed(as_json({"night": night.isoformat(), "row": row}))
        self.output.append(layout.index_notes_file(self.stream), line)

    def write_index(self, index: Index) -> None:
        """Write the stream's index, and remove the notes."""
        # sorted, so that equal indexes are equal bytes
        index["nights"] = {
            night: _sorted_row(row) for night, row in sorted(index["nights"].items())
        }
        self.output.write_changed(
            layout.index_file(self.stream), sealed(encoded(dict(sorted(index.items()))))
        )
        self.output.remove(layout.index_notes_file(self.stream))

    # --- a night's last look ----------------------------------------------------------------------

    def read_looked(self, night: datetime.date) -> Looked:
        """Return the last look at a night, or {}."""
        looked = self.output.read_json(layout.looked_file(self.stream, night))
        if looked is None or not all(isinstance(looked.get(name) or {}, dict) for name in _OBJECTS):
            return {}
        return cast(Looked, looked)

    def write_looked(self, night: datetime.date, looked: Looked) -> None:
        """Write the state and the result of a look at a night."""
        self.output.write_json(layout.looked_file(self.stream, night), looked)

    def look_again(self, night: datetime.date) -> None:
        """Have the next run read a night anew."""
        looked = self.read_looked(night)
        self.write_looked(night, {**looked, "sizes": {}})

    # --- tables -----------------------------------------------------------------------------------

    def load(self, night: datetime.date) -> Tables:
        """Return a night's tables; empty ones if nothing is known.

        Raises StoreError if a table cannot be read.
        """
        from observing_monitor.model.reading import Tables

        return Tables(
            *(
                self._load_table(layout.table_file(self.stream, night, name), described)
                for name, described in columns.TABLES.items()
            )
        )

    def load_whole(self, night: datetime.date) -> tuple[Tables, list[str]]:
        """Return a night's tables, and a sentence on each damaged one.

        Such a table is renamed to `*.damaged`, and returned empty.
        """
        from observing_monitor.model.reading import Tables

        loaded, faults = [], []
        for name, described in columns.TABLES.items():
            path = layout.table_file(self.stream, night, name)
            try:
                loaded.append(self._load_table(path, described))
            except StoreError as error:
                damaged = self._free_name(path)
                self.output.rename(path, damaged)
                faults.append(f"{error}; set aside as {damaged.rpartition('/')[2]}")
                loaded.append(frames.empty(described))
        return Tables(*loaded), faults

    def _free_name(self, path: str) -> str:
        """Return a name for a damaged table; earlier ones stay."""
        number = 1
        while self.output.exists(layout.damaged_file(path, number)):
            number += 1
        return layout.damaged_file(path, number)

    def save(self, night: datetime.date, tables: Tables) -> tuple[str, dict[str, int]]:
        """Write a night's tables, unless they are unchanged.

        Returns
        -------
        digest : str
            Of all tables.
        sizes : dict of str to int
            Bytes by table, for `is_whole`.
        """
        digest, sizes = running_digest(n_bytes=16), {}
        for name, described in columns.TABLES.items():
            path, table = layout.table_file(self.stream, night, name), getattr(tables, name)
            if name in columns.OPTIONAL and table.empty:
                self.output.remove(path)
                continue
            data = to_parquet(table, described)
            digest.update(data)
            sizes[name] = len(data)
            self.output.write_changed(path, data)
            _just_saved[name] = digest_of(data), table
        return digest.hexdigest(), sizes

    def is_whole(self, night: datetime.date, sizes: object) -> bool:
        """True if a night's tables have the sizes that `save` returned."""
        return isinstance(sizes, dict) and all(
            self.output.size(layout.table_file(self.stream, night, name)) == sizes[name]
            if sizes.get(name) is not None
            else name in columns.OPTIONAL
            for name in columns.TABLES
        )

    def night_folder(self, night: datetime.date) -> str:
        """Return the path of a night's folder, relative to the output."""
        return layout.night_store(self.stream, night)

    def _load_table(self, path: str, described: Sequence[Column]) -> DataFrame:
        data = self.output.read(path)
        if data is None or data == packed_nothing(described):
            return frames.empty(described)
        name = path.rpartition("/")[2].removesuffix(".parquet")
        if name in _just_saved and _just_saved[name][0] == digest_of(data):
            return _just_saved[name][1].copy(deep=False)
        import pyarrow

        try:
            return from_parquet(data, described)
        except (pyarrow.ArrowException, ValueError, TypeError, OSError) as error:
            raise StoreError(
                f"{self.output.path(path)}: can't be read: it is cut or damaged; "
                "the next run that collects makes it anew"
            ) from error

    # --- unmatched files, and cached attempts -----------------------------------------------------

    def save_unmatched(self, night: datetime.date, unmatched: Tables) -> str:
        """Write a night's unmatched files and attempts, if there are any.

        If there are none, earlier ones are removed. Returns a digest of what was written.
        """
        digest = running_digest(n_bytes=16)
        for name in UNMATCHED:
            path = layout.unmatched_file(self.stream, night, name)
            if unmatched.files.empty:
                self.output.remove(path)
            else:
                data = to_parquet(getattr(unmatched, name), columns.TABLES[name])
                digest.update(data)
                self.output.write_changed(path, data)
        return digest.hexdigest()

    def load_unmatched(self, night: datetime.date) -> Tables | None:
        """Return what `save_unmatched` wrote; None if it is missing or damaged.

        The night's tables contain the same rows.
        """
        from observing_monitor.model.reading import Tables

        paths = {name: layout.unmatched_file(self.stream, night, name) for name in UNMATCHED}
        if not all(map(self.output.exists, paths.values())):
            return None
        with contextlib.suppress(StoreError):
            loaded = {
                name: self._load_table(path, columns.TABLES[name]) for name, path in paths.items()
            }
            empty = Tables.empty()
            return Tables(*(loaded.get(name, getattr(empty, name)) for name in columns.TABLES))
        return None

    def save_attempts(self, source: str, attempts: DataFrame) -> str:
        """Cache a source's attempts on the newest night, and return their digest.

        They replace earlier ones. Their columns are `columns.ATTEMPTS`.
        """
        data = to_parquet(frames.frame(columns.ATTEMPTS, attempts), columns.ATTEMPTS)
        self.output.write_changed(layout.attempts_file(self.stream, source), data)
        return digest_of(data)

    def load_attempts(self, source: str, digest: str) -> DataFrame | None:
        """Return a source's cached attempts, or None if others."""
        data = self.output.read(layout.attempts_file(self.stream, source))
        if data is None or digest_of(data) != digest:
            return None
        return from_parquet(data, columns.ATTEMPTS)

    def save_memory(self, night: datetime.date, source: str, remembered: bytes) -> None:
        """Write what a source remembers of a night."""
        self.output.write_changed(layout.memory_file(self.stream, night, source), remembered)

    def load_memory(self, night: datetime.date, source: str) -> bytes | None:
        """Return what `save_memory` wrote, or None."""
        return self.output.read(layout.memory_file(self.stream, night, source))

    def forget_attempts(self) -> None:
        """Remove the cached attempts of all sources."""
        for name in self.output.names(self.folder):
            if layout.is_attempts_file(name):
                self.output.remove(f"{self.folder}/{name}")


def _is_index(value: object) -> TypeGuard[Index]:
    """True if a value is an index that is read as it is."""
    return (
        isinstance(value, dict)
        and value.get("schema_version") in READABLE
        and isinstance(value.get("sources"), dict)
        and isinstance(value.get("nights"), dict)
        and all(
            isinstance(row, dict) and _is_night(night) for night, row in value["nights"].items()
        )
    )


def _sorted_row(row: IndexRow) -> IndexRow:
    names = list(row)  # already sorted, unless the night was done anew
    return row if names == sorted(names) else cast(IndexRow, dict(sorted(row.items())))


def _is_night(text: str) -> bool:
    """True if a text is a night as written here.

    Ten times as fast as `night_named`: an index may have thousands.
    """
    try:
        night = datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return night.year in YEARS and night.isoformat() == text


def _decoded(data: bytes | None) -> dict[str, Any] | None:
    """Return a sealed JSON object as `Output.read_json`, five times as fast."""
    import msgspec

    try:
        value = None if data is None or not is_sealed(data) else msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return without_seal(value)


def encoded(value: object) -> str | bytes:
    """Return a value as JSON, five times as fast as `as_json`."""
    import msgspec

    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # text with lone surrogates
        return as_json(value)
