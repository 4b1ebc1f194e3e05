"""The tables of FitsStorage's database, and which of their columns exist.

They differ between versions of FitsStorage, so their columns are asked for first.
"""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from observing_monitor.readers.sql import Database


# each in a table NAMEqueue
QUEUES = ("ingest", "export", "fileops", "preview", "calcache", "reduce")


class FitsDatabase:
    """A FitsStorage database, with the columns that its user may read.

    Attributes
    ----------
    notes : list of str
        Sentences on tables and columns that are missing.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.place = database.place
        self.notes: list[str] = []
        # table -> its columns, from the first connection on
        self._columns: dict[str, set[str]] | None = None

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection that can only read; the first one reads the columns."""
        with self.database.connect() as connection:
            if self._columns is None:
                self._columns = _read_columns(connection)
            yield connection

    def columns_of(self, table: str) -> set[str]:
        """Return the columns of a table, or none."""
        if self._columns is None:
            with self.connect():
                pass
        return (self._columns or {}).get(table, set())

    def note_other_zone(self, zone: ZoneInfo, at: datetime.datetime) -> None:
        """Note if PostgreSQL's TimeZone differs from `zone` at an instant.

        FitsStorage writes local times without a zone to `diskfile`, whose columns have one.
        """
        from sqlalchemy import text

        if not self.columns_of("diskfile"):
            return
        sql = "select current_setting('TimeZone'), extract(timezone from cast(:at as timestamptz))"
        with self.connect() as connection:
            name, offset_s = connection.execute(text(sql), {"at": at}).one()
        own_s = (at.astimezone(zone).utcoffset() or datetime.timedelta()).total_seconds()
        if float(offset_s) != own_s:
            hours = f"{abs(float(offset_s) - own_s) / 3600:g} h"
            self.note(
                f"PostgreSQL's TimeZone is {name}, but zone is {zone.key}: the times of diskfile "
                f"are shifted by {hours}; set both to the zone of the server's clock"
            )

    def note(self, text: str) -> None:
        """Add a note about this database, once."""
        note = f"{self.place}: {text}"
        if note not in self.notes:
            self.notes.append(note)


def queue_table(queue: str) -> str:
    """Return the name of a queue's table."""
    return f"{queue}queue"


def select_or_null(names: tuple[str, ...], existing: set[str], alias: str = "") -> list[str]:
    """Return SQL that selects columns, null for those that do not exist.

    `alias` is the table's name in the query, with a point.
    """
    return [f"{alias}{name} as {name}" if name in existing else f"null as {name}" for name in names]


def _read_columns(connection: Connection) -> dict[str, set[str]]:
    """Return the columns of each table that this user may read."""
    from sqlalchemy import text

    tables = [*map(queue_table, QUEUES), "diskfile", "file", "header"]
    sql = """select table_name, column_name from information_schema.columns
        where table_schema = any(current_schemas(false)) and table_name = any(:names)"""
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(text(sql), {"names": tables}):
        columns.setdefault(table, set()).add(column)
    return columns
