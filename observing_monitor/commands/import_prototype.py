"""The history in the database of Rubin's prototype of this program, taken over into the store.

The prototype kept `OUTPUT/observing_monitor.sqlite3`. Its tables, as its versions of 2020 to 2022 wrote them
(lsst-dm/observing_monitor observing_monitor.py); columns are found by name, in any order and case:

    TRANSFER_LIST    a row a file of Gen2's store: Filenum (inode·10000 + device), Nite_Trans, Last_Update, Transfer_Path,
                     Creation_Time (first called Transfer_Time; the file's modification time), File_Size
    INGEST_LIST      a row a raw: FILENUM, Ingest_Path, Nite_Obs, Last_Update, Ingest_Time (the link's own time)
    FILE_LIST_GEN3   a row a file of the Data Backbone, and of its last event: Filenum (its id), Nite, Last_Update,
    FILE_LIST_GEN2   Transfer_Path, Status, Creation_Time, Transfer_Time (later Discovery_Time), Ingest_Time, File_Size,
                     Err_Message
    FILE_COUNT, FILE_COUNT_GEN2, FILE_COUNT_GEN3    a row a night: Nite_Obs, Last_Update, N_… and Last_…

Times are UTC, `2020-02-12T03:04:05[.ffffff]` (first `2020-02-12-03:04:05`), zeros where there is none. What has no place in
the store's tables becomes a metric named TABLE.Column, of the file (node), at the row's Last_Update.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from observing_monitor.errors import SourceError, StoreError
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import iso_utc, night_named
from observing_monitor.pages.redirects import DATABASE
from observing_monitor.readers import sqlite
from observing_monitor.settings.traits import attempt_sources, generation
from observing_monitor.sources.dbb import STATUSES
from observing_monitor.storage.index import TABLES, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from observing_monitor.model.reading import Tables
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index, IndexRow, Look, Looked
    from observing_monitor.storage.output import Output


GENS = {  # of which Butler a table tells; the others tell of none
    "TRANSFER_LIST": 2,
    "INGEST_LIST": 2,
    "FILE_COUNT": 2,
    "FILE_COUNT_GEN2": 2,
    "FILE_LIST_GEN2": 2,
    "FILE_COUNT_GEN3": 3,
    "FILE_LIST_GEN3": 3,
}
NIGHT_COLUMNS = ("nite_obs", "nite_trans", "nite")  # the one of a table that tells its rows' night

Row = dict[
    str, Any
]  # a row of the database, by its columns' names in lower case; what has found its place is taken out


@dataclass
class Imported:
    """What an import came to: numbers of rows and of nights, and what could not be done, in sentences."""

    n_rows: dict[str, int] = field(default_factory=dict)  # table -> rows that the database has
    n_placed: Counter[str] = field(
        default_factory=Counter
    )  # table -> rows whose content is in the store now
    n_files: int = 0
    n_attempts: int = 0
    n_metrics: int = 0
    nights: list[datetime.date] = field(default_factory=list)
    n_changed: int = 0  # nights that this import changed
    left: dict[str, str] = field(default_factory=dict)  # table -> why it was left where it is
    problems: list[str] = field(default_factory=list)


def import_history(
    stream: Stream,
    database: Path,
    output: Output,
    now: datetime.datetime,
    gen: int | None = None,
    progress: Callable[[datetime.date], None] | None = None,
) -> Imported:
    """Take over what a prototype's database holds into a stream's store, night by night; done twice it is as done once.

    Parameters
    ----------
    stream : config.Stream
        Events of its own Butler's generation are attempts of its stage; those of the other are of a stage `ingest_genN`.
    database : Path
        The file, or the folder that has it; only read.
    output : files.Output
        Its lock is held.
    now : datetime
    gen : int, optional
        Take the tables of this generation alone.
    progress : callable, optional
        Called with each night that is done.

    Raises
    ------
    SourceError
        The database can't be read, is damaged, or is none of the prototype's: nothing was taken over.
    """
    path = database / DATABASE if database.is_dir() else database
    done = Imported()
    store = Store(output, stream.name)
    with _opened(path) as connection:
        taken = _chosen_tables(path, connection, gen, done)
        index = store.read_index()
        index.setdefault("moved", {})  # so that the prototype's addresses are kept
        try:
            for night, rows in _by_night(connection, taken, stream, done):
                _import_night(stream, store, index, night, rows, now, done)
                if progress:
                    progress(night)
        finally:
            store.write_index(index)
    for name, n_rows in done.n_rows.items():
        if name not in done.left and done.n_placed[name] != n_rows:
            words = f"of {n_rows:,} rows {done.n_placed[name]:,} were taken over; do not remove the database yet"
            done.problems.append(f"{name}: {words}")
    return done


def _chosen_tables(
    path: Path, connection: sqlite3.Connection, gen: int | None, done: Imported
) -> dict[str, list[str]]:
    """The tables to take over, with their columns' names; `done` gets the rows of all, and why the others are left."""
    there = _tables(path, connection)
    for name in there:
        ((done.n_rows[name],),) = connection.execute(f"SELECT count(*) FROM {_quoted(name)}")
        if gen is not None and GENS.get(name.upper(), gen) != gen:
            done.left[name] = f"of Gen{GENS[name.upper()]}, not asked for"
        elif not set(there[name]) & set(NIGHT_COLUMNS):
            done.left[name] = "has no column that tells a night"
    return {name: names for name, names in there.items() if name not in done.left}


def _import_night(
    stream: Stream,
    store: Store,
    index: Index,
    night: datetime.date,
    rows: dict[str, list[Row]],
    now: datetime.datetime,
    done: Imported,
) -> None:
    """Merge one night's rows into the store, and see that they are there."""
    from observing_monitor.tables import cross_night
    from observing_monitor.tables.history import join_history, split_history, with_history

    if is_pruned(store.read_looked(night), TABLES):
        done.problems.append(f"{night}: its tables were pruned; its rows stay in the database")
        return
    n_rows = {name: len(of_table) for name, of_table in rows.items()}
    history = _history(stream, rows)
    try:
        told, before = split_history(store.load(night))
    except StoreError as error:
        done.problems.append(f"{night}: {error}")
        return
    after = with_history(told, join_history(history, before))
    digest, sizes = store.save(night, after)
    staged = attempt_sources(stream)
    unmatched = cross_night.find_unmatched(after, staged)
    if lost := _n_lost(history, store.load(night)):
        done.problems.append(
            f"{night}: {lost} rows are not in the store after it was written; please report it, with the database"
        )
        return
    looked = store.read_looked(night)
    is_changed = looked.get("tables") != digest or not looked.get("is_told")
    row: Look = {
        "tables": digest,
        "notes": looked.get("notes") or {},
        "silent": looked.get("silent") or {},
        "changed_at": iso_utc(now) if is_changed else looked.get("changed_at"),
        "is_told": True,
        "strays": cross_night.count_unmatched(
            unmatched, staged, store.save_unmatched(night, unmatched)
        ),
    }
    told_now: Looked = {"schema_version": columns.SCHEMA_VERSION, **looked, "sizes": sizes, **row}
    store.write_looked(night, told_now)
    of_index = index["nights"].setdefault(night.isoformat(), {})
    if any(of_index.get(name) != value for name, value in row.items()):
        of_index.update(cast("IndexRow", row))
        of_index.pop("made_for", None)  # its page has to be looked at
        store.note(night, of_index)
    done.nights.append(night)
    done.n_changed += is_changed
    done.n_placed.update(n_rows)
    done.n_files, done.n_attempts = (
        done.n_files + len(history.files),
        done.n_attempts + len(history.ingests),
    )
    done.n_metrics += len(history.metrics)


def _n_lost(history: Tables, kept: Tables) -> int:
    """How many rows of a night's history are neither in its stored tables nor, told by a source, there under the same key."""
    from observing_monitor.tables.history import history_keys

    keys = [
        (
            history_keys(name, getattr(history, name)),
            history_keys(name, getattr(kept, name)),
        )
        for name in columns.TABLES
    ]
    return sum(int((~asked.isin(there)).sum()) for asked, there in keys)


# --- the database ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read; whatever SQLite says is wrong becomes a SourceError that names the file."""
    try:
        with open(path, "rb") as file:
            header, n_bytes = file.read(100), os.fstat(file.fileno()).st_size
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise SourceError(
            f"{path}: {words}; --database names the prototype's {DATABASE}, or the folder that has it"
        ) from error
    # SQLite takes what is cut off its last page for zeros; the header says how long it should be (sqlite.org/fileformat.html)
    size, n_pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
    should = (65_536 if size == 1 else size) * n_pages if header[24:28] == header[92:96] else 0
    if n_bytes < should:
        raise SourceError(_damaged(path, f"is cut, {n_bytes:,} bytes are left of {should:,}"))
    connection = None
    try:
        connection = sqlite.snapshot(
            str(path)
        )  # the prototype may be writing to it, and all that is read is to be of one state
        connection.text_factory = sqlite.TEXT
        ((verdict, *_), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise SourceError(_damaged(path, verdict))
        yield connection
    except (sqlite3.Error, OSError) as error:
        raise SourceError(_damaged(path, str(error))) from error
    finally:
        if connection is not None:
            connection.close()


def _damaged(path: Path, why: str) -> str:
    words = " ".join(why.split())
    return f"{path}: {words}; give a whole SQLite database that no other program is changing, such as a copy of it"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tables(path: Path, connection: sqlite3.Connection) -> dict[str, list[str]]:
    """The database's tables with their columns in lower case; SourceError where none is the prototype's."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    ]
    there = {
        name: [row[1].lower() for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")]
        for name in names
    }
    known = [name for name in there if name.upper() in GENS]
    if not known:
        found = f"has the tables {', '.join(sorted(there))}" if there else "has no table"
        raise SourceError(f"{path}: {found}; the prototype's are {', '.join(GENS)}")
    return there


def _queries(there: dict[str, list[str]]) -> dict[str, str]:
    """For each table a query of its rows, each with its night as the last column, `its_night`."""
    upper = {name.upper(): name for name in there}
    made = {}
    for name, names in there.items():
        its_night = next(column for column in NIGHT_COLUMNS if column in names)
        made[name] = f"SELECT t.*, t.{its_night} AS its_night FROM {_quoted(name)} t"
    transfers, ingests = upper.get("TRANSFER_LIST"), upper.get("INGEST_LIST")
    if transfers and ingests and "filenum" in there[transfers] and "filenum" in there[ingests]:
        # as on the prototype's pages: an ingested file stands in its raw's night, any other in that of its directory
        nights = f"(SELECT filenum, max(nite_obs) AS n FROM {_quoted(ingests)} GROUP BY filenum)"
        made[transfers] = (
            f"SELECT t.*, coalesce(i.n, t.nite_trans) AS its_night FROM {_quoted(transfers)} t LEFT JOIN {nights} i USING (filenum)"
        )
        paths = f"(SELECT filenum, max(transfer_path) AS its_file FROM {_quoted(transfers)} GROUP BY filenum)"
        wanted = "t.*, f.its_file, t.nite_obs AS its_night"
        made[ingests] = (
            f"SELECT {wanted} FROM {_quoted(ingests)} t LEFT JOIN {paths} f ON f.filenum = t.filenum"
        )
    return made


def _by_night(
    connection: sqlite3.Connection, there: dict[str, list[str]], stream: Stream, done: Imported
) -> Iterator[tuple[datetime.date, dict[str, list[Row]]]]:
    """Every night that any table has, in order, with its rows by table; one night's rows at a time are held."""
    is_night = "date(its_night) IS its_night AND its_night BETWEEN '1970-01-01' AND '2099-12-31'"
    queues, odd = {}, dict[datetime.date, dict[str, list[Row]]]()
    for name, sql in _queries(there).items():
        queues[name] = _Queue(
            connection.execute(f"SELECT * FROM ({sql}) WHERE {is_night} ORDER BY its_night")
        )
        for row in _rows(
            connection.execute(f"SELECT * FROM ({sql}) WHERE NOT coalesce({is_night}, 0)")
        ):
            night = _guessed_night(row, stream)
            if night is None:
                words = f"{name}: a row tells no night, and stays in the database: {json.dumps(row, ensure_ascii=False, default=str)[:300]}"
                done.problems.append(words)
            else:
                odd.setdefault(night, {}).setdefault(name, []).append(row)
    while True:
        coming = [
            night
            for night in (*(queue.night for queue in queues.values()), min(odd, default=None))
            if night
        ]
        if not coming:
            return
        night = min(coming)
        strange = odd.pop(night, {})
        rows = {
            name: [*queue.take(night), *strange.get(name, [])] for name, queue in queues.items()
        }
        yield night, {name: of_table for name, of_table in rows.items() if of_table}


def _rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    names = [described[0].lower() for described in cursor.description]
    for values in cursor:
        yield dict(zip(names, values, strict=True))


class _Queue:
    """A table's rows in order of their nights, read one night at a time."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._rows = _rows(cursor)
        self._next = next(self._rows, None)

    @property
    def night(self) -> datetime.date | None:
        """The night of the next row."""
        return datetime.date.fromisoformat(self._next["its_night"]) if self._next else None

    def take(self, night: datetime.date) -> list[Row]:
        taken = []
        while self._next and self.night == night:
            taken.append(self._next)
            self._next = next(self._rows, None)
        return taken


def _guessed_night(row: Row, stream: Stream) -> datetime.date | None:
    """The night of a row that does not tell it as a date: by another spelling, by the path's folder, by a time; None by none of them."""
    for text in (
        row["its_night"],
        *str(row.get("transfer_path") or row.get("ingest_path") or "").split("/"),
    ):
        if night := night_named(str(text)):
            return night
    for name in ("creation_time", "transfer_time", "discovery_time", "ingest_time"):
        if instant := _instant(row.get(name)):
            return stream.rule.night_of(instant)
    return None


# --- its rows as our tables ----------------------------------------------------------------------------------------------


@dataclass
class _Parts:
    """A night's history as it comes together: rows of the store's tables."""

    stages: dict[int, str]  # which stage a generation's ingest is
    root: str  # where the paths of files begin; "" where nobody knows
    files: dict[str, Row] = field(default_factory=dict)  # by file_id
    ingests: list[Row] = field(default_factory=list)
    metrics: list[Row] = field(default_factory=list)
    rest: dict[str, dict[str, list[Any]]] = field(
        default_factory=dict
    )  # TABLE.Column -> file_id -> what has no place
    updates: dict[str, list[tuple[datetime.datetime | None, str]]] = field(
        default_factory=dict
    )  # table -> when, of which file

    def keep_rest(self, table: str, file_id: str, row: Row) -> None:
        """Keep what is left of a file's row: of each column one metric, of all files that have it."""
        for name, value in row.items():
            if value is not None:
                self.rest.setdefault(f"{table}.{name}", {}).setdefault(file_id, []).append(value)

    def keep_number(self, name: str, at: datetime.datetime | None, value: Any) -> None:
        """Keep one of a night's own values."""
        is_number = isinstance(value, float) or (isinstance(value, int) and abs(value) <= 2**53)
        told = {"value": float(value)} if is_number else {"text": str(value)}
        self.metrics.append({"name": name, "sampled_at": at, **told})


def _history(stream: Stream, rows: dict[str, list[Row]]) -> Tables:
    """One night's rows as Tables, all of source `columns.HISTORY`; nothing of a row is left out."""

    from observing_monitor.model.names import kinds, last_parts, read_names
    from observing_monitor.model.reading import Tables

    parts = _Parts(_stages(stream), _root(stream))
    for name in sorted(
        rows, key=lambda name: name.upper() != "TRANSFER_LIST"
    ):  # what it lists, the others only refer to
        table = name.upper()
        for row in sorted(rows[name], key=lambda row: str(row.get("last_update")), reverse=True):
            row.pop("its_night")
            if table in ("TRANSFER_LIST", "FILE_LIST_GEN2", "FILE_LIST_GEN3"):
                _place_file(parts, table, row)
            elif table == "INGEST_LIST":
                _place_ingest(parts, table, row)
            else:
                _place_count(parts, name, row)
    for table, updates in parts.updates.items():
        _place_updates(parts, table, updates)
    for name, of_files in parts.rest.items():
        parts.metrics.append(
            {"name": name, "text": json.dumps(of_files, ensure_ascii=False, default=repr)}
        )
    for file in parts.files.values():
        del file["tables"]
    files = _frame(columns.FILES, list(parts.files.values()))
    files["name"] = last_parts(files["file_id"])
    files["kind"] = kinds(files["name"])
    files = files.assign(
        **{str(column): told for column, told in read_names(files["name"]).items()}
    )
    return Tables(
        files, _frame(columns.INGESTS, parts.ingests), _frame(columns.METRICS, parts.metrics)
    )


def _frame(described: tuple[columns.Column, ...], rows: list[Row]) -> pd.DataFrame:
    """Rows as one of the store's tables, of source `columns.HISTORY`."""
    import pandas as pd

    # of object, for pandas would take whole numbers of which some are unknown for floats, and lose their last digits
    made = {
        column.name: pd.Series([row.get(column.name) for row in rows], dtype="object")
        for column in described
    }
    made = {
        name: values for name, values in made.items() if name == "on_disk" or values.notna().any()
    }
    return frames.frame(described, pd.DataFrame(made, index=range(len(rows)))).assign(
        source=pd.Series(columns.HISTORY, range(len(rows)), dtype="str")
    )


def _stages(stream: Stream) -> dict[int, str]:
    """Which stage of the stream the events of each generation are attempts of."""
    own = generation(stream)
    stages = [
        getattr(source.settings, "stage", "ingest")
        for source in stream.sources
        if source.kind in ("gen2", "gen3", "dbb")
    ]
    return {
        own: stages[0] if stages else stream.last_stage or "ingest",
        5 - own: f"ingest_gen{5 - own}",
    }


def _root(stream: Stream) -> str:
    """The folder that the prototype's paths of files begin at: that of the stream's first file store."""
    return next(
        (
            f"{getattr(source.settings, 'path', '')}/"
            for source in stream.sources
            if source.kind == "files"
        ),
        "",
    )


def _place_file(parts: _Parts, table: str, row: Row) -> None:
    """A row of a list of files: a file and, of the Data Backbone's, its last event; an older row of the same path is kept as a metric."""
    file_id = str(row.pop("transfer_path", None) or f"{table}/{row.get('filenum')}")
    at = _taken_instant(row, "last_update")
    file = parts.files.setdefault(
        file_id,
        {"file_id": file_id, "path": f"{parts.root}{file_id}", "on_disk": False, "tables": set()},
    )
    if table in file["tables"]:
        parts.keep_rest(table, file_id, {"row": {**row, "last_update": iso_utc(at)}})
        return
    file["tables"].add(table)
    parts.updates.setdefault(table, []).append((at, file_id))
    is_event = table != "TRANSFER_LIST"
    created = "transfer_time" if not is_event and "creation_time" not in row else "creation_time"
    known = [
        _place(file, "size_bytes", row, "file_size", _number),
        _place(file, "created_at", row, created, _instant),
    ]
    if is_event:
        _place(
            file,
            "transferred_at",
            row,
            "discovery_time" if "discovery_time" in row else "transfer_time",
            _instant,
        )
        _place_event(parts, table, row, file_id)
    _place_filenum(file, row, is_inode=not is_event)
    # the Data Backbone has files that the prototype did not find on disk: these have neither size nor time
    file["on_disk"] = file["on_disk"] or not is_event or any(known)
    told = "nite_trans" if "nite_trans" in row else "nite"
    if night_named(str(row.get(told))) == night_named(file_id.partition("/")[0]):
        row.pop(told, None)
    if row.get("gen") == f"gen{GENS[table]}":
        del row["gen"]
    parts.keep_rest(table, file_id, row)


def _place(file: Row, fact: str, row: Row, column: str, read: Callable[[Any], Any]) -> Any:
    """A value of a row as a fact of its file, unless another table told otherwise; what can't be read, or differs, stays in the row."""
    value = row.get(column)
    told = read(value)
    if told is not None and file.setdefault(fact, told) == told or _is_zeros(value):
        del row[column]
    return told


def _place_filenum(file: Row, row: Row, is_inode: bool = True) -> None:
    """What a row tells of the file's number and device, and of its name; what the file has already, or can't have, is left in the row."""
    number = _number(row.get("filenum"))
    if number is not None and number >= 0:
        inode, device = divmod(number, 10_000) if is_inode else (number, None)
        if (file.setdefault("inode", inode), file.setdefault("device", device)) == (inode, device):
            del row["filenum"]
    usual = {
        "file_name": file["file_id"].rpartition("/")[2],
        "st_dev": file.get("device"),
        "st_ino": file.get("inode"),
    }
    for column, value in usual.items():
        if column in row and row[column] == value:
            del row[column]


def _place_event(parts: _Parts, table: str, row: Row, file_id: str) -> None:
    """The last event of a file of the Data Backbone, as an attempt."""
    word = row.get("status")
    if word in STATUSES:
        del row["status"]
    message = row.pop("err_message", None)
    parts.ingests.append(
        {
            "file_id": file_id,
            "stage": parts.stages[GENS[table]],
            "attempted_at": _taken_instant(row, "ingest_time"),
            "status": STATUSES.get(str(word), "unknown"),
            "message": None if message in (None, "") else str(message),
        }
    )


def _place_ingest(parts: _Parts, table: str, row: Row) -> None:
    """A row of the list of raws: an attempt that succeeded, on the file of the same number or, where none is, on one that it makes."""
    at = _taken_instant(row, "last_update")
    link = str(row.pop("ingest_path", None) or f"{table}/{row.get('filenum')}")
    file_id = row.pop("its_file", None)
    if row.get("transfer_path", "") in (
        file_id,
        "NONE",
    ):  # the first version had it here, "NONE" where it did not know it
        del row["transfer_path"]
    if file_id not in parts.files:
        file_id = f"{columns.HISTORY}:{link}"
        parts.files[file_id] = {"file_id": file_id, "path": link, "on_disk": True, "tables": set()}
    _place_filenum(parts.files[file_id], row)
    row.pop("nite_obs", None)
    parts.ingests.append(
        {
            "file_id": file_id,
            "stage": parts.stages[2],
            "attempted_at": _taken_instant(row, "ingest_time"),
            "status": "success",
            "destination": link,
        }
    )
    parts.updates.setdefault(table, []).append((at, file_id))
    parts.keep_rest(table, file_id, row)


def _place_count(parts: _Parts, name: str, row: Row) -> None:
    """A row of a table that tells of a night, or of something unknown: a metric each of a night's columns, or the row whole."""
    at = _taken_instant(row, "last_update")
    if name.upper() in GENS:
        for column, value in row.items():
            if value is not None and column not in NIGHT_COLUMNS:
                parts.keep_number(f"{name}.{column}", at, value)
    else:
        parts.keep_rest(name, "", {"row": {**row, "last_update": iso_utc(at)}})


def _place_updates(
    parts: _Parts, table: str, updates: list[tuple[datetime.datetime | None, str]]
) -> None:
    """When the rows of a night were written: of most of them a metric that counts them, of each other one its own time."""
    ((usual, count),) = Counter(at for at, _ in updates).most_common(1)
    parts.keep_number(f"{table}.last_update", usual, count)
    for at, file_id in updates:
        if at != usual:
            parts.keep_rest(table, file_id, {"other_update": iso_utc(at)})


def _number(value: Any) -> int | None:
    """A whole number that 64 bits can hold; None where it is none."""
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return (
        number
        if abs(number) < 2**63 and str(number) == str(value).strip().removesuffix(".0")
        else None
    )


def _taken_instant(row: Row, name: str) -> datetime.datetime | None:
    """An instant, taken out of a row, or none where it is zeros; what can't be read as one stays there."""
    value = row.get(name)
    instant = _instant(value)
    if instant or _is_zeros(value):
        del row[name]
    return instant


def _is_zeros(value: Any) -> bool:
    """Whether it is what the prototype wrote where there is no time."""
    return isinstance(value, str) and len(value) >= 10 and not value.strip("0-T:. ")


def _instant(value: Any) -> datetime.datetime | None:
    text = str(value)
    if len(text) > 10 and text[10] == "-":  # as the first version wrote it
        text = f"{text[:10]}T{text[11:]}"
    try:
        instant = datetime.datetime.fromisoformat(text) if len(text) >= 16 else None
    except ValueError:
        return None
    if instant is None or not 1678 <= instant.year < 2262:
        return None
    return (
        instant.replace(tzinfo=datetime.UTC)
        if instant.tzinfo is None
        else instant.astimezone(datetime.UTC)
    )
