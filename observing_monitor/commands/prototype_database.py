"""The database of Rubin's prototype, read night by night.

The prototype kept `OUTPUT/observing_monitor.sqlite3`. These are its tables, as its versions of
2020 to 2022 wrote them (lsst-dm/observing_monitor, observing_monitor.py). Columns are found by
name, in any order and case:

    TRANSFER_LIST    a row per file of Gen2's store: Filenum (inode·10000 + device), Nite_Trans,
                     Last_Update, Transfer_Path, Creation_Time (first called Transfer_Time; the
                     file's modification time), File_Size
    INGEST_LIST      a row per raw: FILENUM, Ingest_Path, Nite_Obs, Last_Update, Ingest_Time (the
                     link's own time)
    FILE_LIST_GEN3   a row per file of the Data Backbone, with its last event: Filenum (its id),
    FILE_LIST_GEN2   Nite, Last_Update, Transfer_Path, Status, Creation_Time, Transfer_Time (later
                     Discovery_Time), Ingest_Time, File_Size, Err_Message
    FILE_COUNT, FILE_COUNT_GEN2, FILE_COUNT_GEN3
                     a row per night: Nite_Obs, Last_Update, N_… and Last_…

Times are UTC, `2020-02-12T03:04:05[.ffffff]` (first `2020-02-12-03:04:05`), zeros if there is
none.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from observing_monitor.commands.prototype_values import Row, read_instant
from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text, shortened
from observing_monitor.model.nights import YEARS, night_named
from observing_monitor.readers import sqlite
from observing_monitor.readers.fault_words import sqlite_words
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.storage.layout import PROTOTYPE_DATABASE as DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from observing_monitor.settings.stream import Stream


# table -> the generation of the Butler that it is about; other tables are about none
GENS = {
    "TRANSFER_LIST": 2,
    "INGEST_LIST": 2,
    "FILE_COUNT": 2,
    "FILE_COUNT_GEN2": 2,
    "FILE_LIST_GEN2": 2,
    "FILE_COUNT_GEN3": 3,
    "FILE_LIST_GEN3": 3,
}
NIGHT_COLUMNS = ("nite_obs", "nite_trans", "nite")  # a table has one of them

Tables = dict[str, list[str]]  # name of a table -> its columns in lower case


def database_file(place: Path) -> Path:
    """Return the path of the database, given it or its folder."""
    return place / DATABASE if place.is_dir() else place


@contextlib.contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a read-only connection to one state of the database.

    The prototype may be writing to it.

    Raises
    ------
    SourceError
        The file cannot be read, is cut or is damaged.
    """
    _check_length(path)
    connection = None
    try:
        connection = sqlite.snapshot(str(path))
        connection.text_factory = sqlite.TEXT
        ((verdict, *_), *_) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise SourceError(_damaged(path, "is a damaged SQLite database"))
        yield connection
    except (sqlite3.Error, OSError) as error:
        raise SourceError(_damaged(path, sqlite_words(error))) from error
    finally:
        if connection is not None:
            connection.close()


def _check_length(path: Path) -> None:
    """Raise SourceError if a file was cut.

    SQLite itself takes what is cut off the last page for zeros. The header is described in
    sqlite.org/fileformat.html.
    """
    try:
        with open_plain(path) as file:
            header, n_bytes = file.read(100), os.fstat(file.fileno()).st_size
    except OSError as error:
        words = f"--database names the prototype's {DATABASE}, or the folder that has it"
        raise SourceError(f"{path}: {os_error_text(error)}; {words}") from error
    size, n_pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
    is_valid = header[24:28] == header[92:96]
    expected = (65_536 if size == 1 else size) * n_pages if is_valid else 0
    if n_bytes < expected:
        raise SourceError(_damaged(path, f"is cut, {n_bytes:,} bytes are left of {expected:,}"))


def _damaged(path: Path, why: str) -> str:
    remedy = "give a whole SQLite database that no other program changes, such as a copy of it"
    return f"{path}: {' '.join(why.split())}; {remedy}"


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def count_rows(connection: sqlite3.Connection, table: str) -> int:
    """Count rows of a table."""
    ((n_rows,),) = connection.execute(f"SELECT count(*) FROM {quoted(table)}")
    return int(n_rows)


def list_tables(path: Path, connection: sqlite3.Connection) -> Tables:
    """Return the tables of the database, with their columns.

    Raises
    ------
    SourceError
        None of them is the prototype's.
    """
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    names = [name for (name,) in connection.execute(sql)]
    tables = {
        name: [row[1].lower() for row in connection.execute(f"PRAGMA table_info({quoted(name)})")]
        for name in names
    }
    if not any(name.upper() in GENS for name in tables):
        found = f"has the tables {', '.join(sorted(tables))}" if tables else "has no table"
        raise SourceError(f"{path}: {found}; the prototype's are {', '.join(GENS)}")
    return tables


def _queries(tables: Tables) -> dict[str, str]:
    """Return a query per table, with the night as `its_night`."""
    upper = {name.upper(): name for name in tables}
    queries = {}
    for name, columns in tables.items():
        its_night = next(column for column in NIGHT_COLUMNS if column in columns)
        queries[name] = f"SELECT t.*, t.{its_night} AS its_night FROM {quoted(name)} t"
    transfers, ingests = upper.get("TRANSFER_LIST"), upper.get("INGEST_LIST")
    if transfers and ingests and "filenum" in tables[transfers] and "filenum" in tables[ingests]:
        # as on the prototype's pages: the night of an ingested file is that of its raw
        nights = f"(SELECT filenum, max(nite_obs) AS n FROM {quoted(ingests)} GROUP BY filenum)"
        queries[transfers] = (
            "SELECT t.*, coalesce(i.n, t.nite_trans) AS its_night "
            f"FROM {quoted(transfers)} t LEFT JOIN {nights} i USING (filenum)"
        )
        paths = (
            f"(SELECT filenum, max(transfer_path) AS its_file FROM {quoted(transfers)} "
            "GROUP BY filenum)"
        )
        queries[ingests] = (
            "SELECT t.*, f.its_file, t.nite_obs AS its_night "
            f"FROM {quoted(ingests)} t LEFT JOIN {paths} f ON f.filenum = t.filenum"
        )
    return queries


def rows_by_night(
    connection: sqlite3.Connection,
    tables: Tables,
    stream: Stream,
    report: Callable[[str], None],
) -> Iterator[tuple[datetime.date, dict[str, list[Row]]]]:
    """Yield every night in order, with its rows by table.

    Only one night's rows are in memory at a time.

    Parameters
    ----------
    connection : sqlite3.Connection
    tables : dict
        The tables to read, with their columns.
    stream : Stream
        Its rule gives the night of rows that have only a time.
    report : callable
        Is called with a sentence about each row that has no night.
    """
    is_night = (
        f"date(its_night) IS its_night AND its_night BETWEEN '{YEARS[0]}-01-01' "
        f"AND '{YEARS[-1]}-12-31'"
    )
    queues, others = {}, dict[datetime.date, dict[str, list[Row]]]()
    for name, sql in _queries(tables).items():
        queues[name] = _RowQueue(
            connection.execute(f"SELECT * FROM ({sql}) WHERE {is_night} ORDER BY its_night")
        )
        cursor = connection.execute(f"SELECT * FROM ({sql}) WHERE NOT coalesce({is_night}, 0)")
        for row in _rows(cursor):
            if night := _guessed_night(row, stream):
                others.setdefault(night, {}).setdefault(name, []).append(row)
            else:
                text = json.dumps(row, ensure_ascii=False, default=str)
                words = "a row tells no night, and stays in the database"
                report(f"{name}: {words}: {shortened(text, 300)}")
    while True:
        coming = [queue.night for queue in queues.values()]
        nights = [night for night in (*coming, min(others, default=None)) if night]
        if not nights:
            return
        night = min(nights)
        odd = others.pop(night, {})
        rows = {name: [*queue.take(night), *odd.get(name, [])] for name, queue in queues.items()}
        yield night, {name: of_table for name, of_table in rows.items() if of_table}


def _rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    names = [described[0].lower() for described in cursor.description]
    for values in cursor:
        yield dict(zip(names, values, strict=True))


class _RowQueue:
    """A table's rows, read one night at a time."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._rows = _rows(cursor)
        self._next = next(self._rows, None)

    @property
    def night(self) -> datetime.date | None:
        """The night of the next row; None at the end."""
        return datetime.date.fromisoformat(self._next["its_night"]) if self._next else None

    def take(self, night: datetime.date) -> list[Row]:
        """Return the rows of the next night."""
        taken = []
        while self._next and self.night == night:
            taken.append(self._next)
            self._next = next(self._rows, None)
        return taken


def _guessed_night(row: dict[str, Any], stream: Stream) -> datetime.date | None:
    """Return the night of a row by its path or its times."""
    path = str(row.get("transfer_path") or row.get("ingest_path") or "")
    for text in (row["its_night"], *path.split("/")):
        if night := night_named(str(text)):
            return night
    for name in ("creation_time", "transfer_time", "discovery_time", "ingest_time"):
        if instant := read_instant(row.get(name)):
            return stream.rule.night_of(instant)
    return None
