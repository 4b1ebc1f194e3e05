"""Import the prototype's history into a stream's store."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from observing_monitor.commands.prototype_database import (
    GENS,
    NIGHT_COLUMNS,
    count_rows,
    database_file,
    list_tables,
    open_database,
    rows_by_night,
)
from observing_monitor.commands.prototype_rows import history_of
from observing_monitor.errors import StoreError
from observing_monitor.model import columns
from observing_monitor.model.nights import iso_utc
from observing_monitor.settings.traits import attempt_sources
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from observing_monitor.commands.prototype_database import Tables as TableColumns
    from observing_monitor.commands.prototype_values import Row
    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index, IndexRow, Look, Looked
    from observing_monitor.storage.output import Output


@dataclass
class Imported:
    """The result of an import."""

    n_rows: dict[str, int] = field(default_factory=dict)  # table -> rows in the database
    n_placed: Counter[str] = field(default_factory=Counter)  # table -> rows in the store now
    n_files: int = 0
    n_attempts: int = 0
    n_metrics: int = 0
    nights: list[datetime.date] = field(default_factory=list)
    n_changed: int = 0  # nights that this import changed
    left: dict[str, str] = field(default_factory=dict)  # table -> why it was not imported
    problems: list[str] = field(default_factory=list)


class HistoryImport:
    """Imports the history in a prototype's database, once.

    Parameters
    ----------
    stream : Stream
        Events of its own Butler's generation are attempts of its stage; those of the other
        generation are of a stage `ingest_genN`.
    output : Output
        Its lock is held.
    now : datetime
    """

    def __init__(self, stream: Stream, output: Output, now: datetime.datetime) -> None:
        self._stream = stream
        self._now = now
        self._store = Store(output, stream.name)
        self._done = Imported()

    def run(
        self,
        database: Path,
        gen: int | None = None,
        progress: Callable[[datetime.date], None] | None = None,
    ) -> Imported:
        """Import the history night by night.

        Parameters
        ----------
        database : Path
            The file, or the folder that has it; it is only read.
        gen : int, optional
            Generation whose tables are imported; by default both.
        progress : callable, optional
            Is called with each night that is done.

        Raises
        ------
        SourceError
            The database cannot be read, is damaged or is not the prototype's: nothing was
            imported.
        """
        path, done = database_file(database), self._done
        with open_database(path) as connection:
            tables = self._choose_tables(path, connection, gen)
            index = self._store.read_index()
            index.setdefault("moved", {})  # so that the prototype's addresses are kept
            try:
                for night, rows in rows_by_night(
                    connection, tables, self._stream, done.problems.append
                ):
                    self._import_night(index, night, rows)
                    if progress:
                        progress(night)
            finally:
                self._store.write_index(index)
        for name, n_rows in done.n_rows.items():
            if name not in done.left and done.n_placed[name] != n_rows:
                words = f"of {n_rows:,} rows {done.n_placed[name]:,} were taken over"
                done.problems.append(f"{name}: {words}; do not remove the database yet")
        return done

    def _choose_tables(
        self, path: Path, connection: sqlite3.Connection, gen: int | None
    ) -> TableColumns:
        """Return the tables to import; note why others stay."""
        done = self._done
        tables = list_tables(path, connection)
        for name, names in tables.items():
            done.n_rows[name] = count_rows(connection, name)
            if gen is not None and GENS.get(name.upper(), gen) != gen:
                done.left[name] = f"of Gen{GENS[name.upper()]}, not asked for"
            elif not set(names) & set(NIGHT_COLUMNS):
                done.left[name] = "has no column that tells a night"
        return {name: names for name, names in tables.items() if name not in done.left}

    def _import_night(self, index: Index, night: datetime.date, rows: dict[str, list[Row]]) -> None:
        """Merge one night's rows into the store, and check them."""
        from observing_monitor.tables.history import join_history, split_history, with_history

        done, store = self._done, self._store
        if is_pruned(store.read_looked(night), TABLES):
            words = "its tables were pruned; its rows stay in the database"
            done.problems.append(f"{night}: {words}")
            return
        n_rows = {name: len(of_table) for name, of_table in rows.items()}
        history = history_of(self._stream, rows)
        try:
            current, before = split_history(store.load(night))
        except StoreError as error:
            done.problems.append(f"{night}: {error}")
            return
        after = with_history(current, join_history(history, before))
        digest, sizes = store.save(night, after)
        if n_lost := _n_lost(history, store.load(night)):
            words = f"{n_lost} rows are not in the store after it was written"
            done.problems.append(f"{night}: {words}; please report it, with the database")
            return
        done.n_changed += self._note_night(index, night, after, digest, sizes)
        done.nights.append(night)
        done.n_placed.update(n_rows)
        done.n_files += len(history.files)
        done.n_attempts += len(history.ingests)
        done.n_metrics += len(history.metrics)

    def _note_night(
        self,
        index: Index,
        night: datetime.date,
        after: Tables,
        digest: str,
        sizes: dict[str, int],
    ) -> bool:
        """Note a night's new tables; return True if they changed."""
        from observing_monitor.tables import cross_night

        store, staged = self._store, attempt_sources(self._stream)
        unmatched = cross_night.find_unmatched(after, staged)
        unmatched_digest = store.save_unmatched(night, unmatched)
        looked = store.read_looked(night)
        is_changed = looked.get("tables") != digest or not looked.get("is_told")
        row: Look = {
            "tables": digest,
            "notes": looked.get("notes") or {},
            "silent": looked.get("silent") or {},
            "changed_at": iso_utc(self._now) if is_changed else looked.get("changed_at"),
            "is_told": True,
            "strays": cross_night.count_unmatched(unmatched, staged, unmatched_digest),
        }
        now_looked: Looked = {
            "schema_version": columns.SCHEMA_VERSION,
            **looked,
            "sizes": sizes,
            **row,
        }
        store.write_looked(night, now_looked)
        of_index = index["nights"].setdefault(night.isoformat(), {})
        if any(of_index.get(name) != value for name, value in row.items()):
            of_index.update(cast("IndexRow", row))
            of_index.pop("made_for", None)  # its page has to be looked at
            store.note(night, of_index)
        return is_changed


def _n_lost(history: Tables, stored: Tables) -> int:
    """Count the rows of a history that are not stored.

    A row that a source has told under the same key counts as stored.
    """
    from observing_monitor.tables.history import TAKEN_OVER, history_keys

    n_lost = 0
    for name in TAKEN_OVER:
        keys = history_keys(name, getattr(history, name))
        there = history_keys(name, getattr(stored, name))
        n_lost += int((~keys.isin(there)).sum())
    return n_lost
