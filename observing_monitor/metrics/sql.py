"""Metrics kept in an SQL table.

The table is Lasair's `lasair_statistics`: one row per night (`nid`) and `name`, with its `value`.
Lasair declares the value FLOAT, which has 4 bytes in MySQL and cannot count by ones above
16,777,216. A table made here has 8 bytes. A program that knows one table works on the other.
"""

from __future__ import annotations

import os
import random
import time
import urllib.parse
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import OutputError, SourceError, UsageError
from observing_monitor.metrics.values import TABLE, as_written
from observing_monitor.readers.sql import Database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

    from sqlalchemy import URL, Engine


MAX_TRIES = 8
# codes with which MySQL and PostgreSQL undo a writer that waited for another one in a ring
DEADLOCK = {1213, 1205, "40P01", "40001"}


@dataclass(frozen=True)
class WritableDatabase(Database):
    """A database that may be written; otherwise like one that sources read.

    It gives up in time, and shows no password.
    """

    create: bool = False

    def engine(self, sqlalchemy: ModuleType) -> Engine:
        """Return a SQLAlchemy engine that keeps its connection."""
        url = self._url(sqlalchemy)
        options: dict[str, Any]
        if url.drivername.startswith("sqlite"):
            if url.database and not url.database.startswith("file:"):
                path = urllib.parse.quote(os.path.abspath(url.database))
                mode = "rwc" if self.create else "rw"
                url = url.set(database=f"file:{path}", query={"mode": mode, "uri": "true"})
            options = {"poolclass": sqlalchemy.NullPool}
        else:
            # READ COMMITTED takes no locks on gaps between rows, on which inserts would wait
            options = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True}
        engine: Engine = sqlalchemy.create_engine(
            url, connect_args=self._arguments(url), hide_parameters=True, **options
        )
        return engine

    def _arguments(self, url: URL) -> dict[str, Any]:
        """Return the driver's arguments, without those that forbid writing."""
        arguments = super()._arguments(url)
        if "options" in arguments:
            read_only = "-c default_transaction_read_only=on"
            arguments["options"] = arguments["options"].replace(read_only, "").strip()
        if "init_command" in arguments:
            # strict: a name too long for its column is refused, not cut
            strict = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
            arguments["init_command"] = strict
        return arguments


class MetricsTable:
    """A table with the numbers of all nights.

    The methods are those of `Metrics`, with checked values and the number of a night. They raise
    `OutputError`, whose message holds no password, if the database cannot be read or written.
    """

    def __init__(self, url: str, create: bool, password_env: str) -> None:
        self._database = WritableDatabase(url, password_env, create=create)
        self._create = create
        self._engine: Engine | None = None
        self._pid: int | None = None
        self._disposal: weakref.finalize[..., MetricsTable] | None = None

    @property
    def place(self) -> str:
        """The database's address, without user and password."""
        return self._database.place

    def set(self, values: Mapping[str, float], nid: int) -> None:
        """Replace the night's numbers of these names."""
        self._put(values, nid, mysql="VALUES(value)", other="excluded.value")

    def add(self, values: Mapping[str, float], nid: int) -> None:
        """Add to the night's numbers of these names."""
        stored = f"COALESCE({TABLE}.value, 0)"
        self._put(
            values, nid, mysql=f"{stored} + VALUES(value)", other=f"{stored} + excluded.value"
        )

    def read(self, nid: int) -> dict[str, float]:
        """Return the night's numbers by name."""
        # + 0E0: MySQL shows a FLOAT with six digits, but a sum with all of them
        rows, _ = self._run(
            f"SELECT name, value + 0E0 FROM {TABLE} WHERE nid = :nid ORDER BY name", {"nid": nid}
        )
        return {name: _number(value) for name, value in rows}

    def delete(self, nid: int) -> bool:
        """Delete the night's rows; True if there were any."""
        return self._run(f"DELETE FROM {TABLE} WHERE nid = :nid", {"nid": nid})[1] > 0

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._disposal is not None:
            self._disposal()
            self._engine = None

    def _put(self, values: Mapping[str, float], nid: int, *, mysql: str, other: str) -> None:
        """Insert or update all values in one statement.

        The server executes it as a whole or not at all.
        `mysql` and `other` are the SQL of a row's new value, for MySQL and for other databases.
        """
        if not values:
            return
        # if all writers take rows in one order, they seldom wait for each other in a ring
        names = sorted(values)
        bound: dict[str, Any] = {"nid": nid}
        for n, name in enumerate(names):
            bound[f"n{n}"], bound[f"v{n}"] = name, float(values[name])
        rows = ", ".join(f"(:nid, :n{n}, :v{n})" for n in range(len(names)))
        start = f"INSERT INTO {TABLE} (nid, name, value) VALUES {rows} "
        self._run(
            {
                "mysql": f"{start} ON DUPLICATE KEY UPDATE value = {mysql}",
                "other": f"{start} ON CONFLICT (nid, name) DO UPDATE SET value = {other}",
            },
            bound,
        )

    def _run(self, statement: dict[str, str] | str, bound: dict[str, Any]) -> tuple[list[Any], int]:
        """Run a statement in its own transaction.

        Returns its rows, and how many it changed. `statement` is SQL for all databases, or SQL by
        `_dialect`. A statement that the server undid because of other writers is tried again.
        """
        import sqlalchemy
        from sqlalchemy import exc

        attempt = 0
        while True:
            try:
                engine = self._connected(sqlalchemy)
                sql = statement if isinstance(statement, str) else statement[_dialect(engine)]
                with engine.begin() as connection:
                    result = connection.execute(sqlalchemy.text(sql), bound)
                    return list(result) if result.returns_rows else [], result.rowcount
            except (SourceError, UsageError) as error:
                raise OutputError(str(error)) from None
            except (exc.SQLAlchemyError, OSError, UnicodeError) as error:
                if attempt == MAX_TRIES - 1 or not _is_deadlock(error):
                    raise OutputError(self._message(sqlalchemy, error)) from None
                time.sleep(random.uniform(0.005, 0.02) * 2**attempt)
                attempt += 1

    def _connected(self, sqlalchemy: ModuleType) -> Engine:
        """Return the engine; a forked child makes its own."""
        if self._engine is None or self._pid != os.getpid():
            self.close()
            try:
                self._engine, self._pid = self._database.engine(sqlalchemy), os.getpid()
                # so that nobody has to call `close`
                self._disposal = weakref.finalize(self, _dispose, self._engine, self._pid)
            except ImportError as error:
                raise SourceError(
                    f"{self.place}: the driver {error.name} is not installed; install it"
                ) from None
            if self._create:
                self._make_table(sqlalchemy, self._engine)
        return self._engine

    def _make_table(self, sqlalchemy: ModuleType, engine: Engine) -> None:
        if self._has_table(sqlalchemy, engine):
            return
        # names that differ in case are two names, on MySQL as well
        binary = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if _dialect(engine) == "mysql" else ""
        definition = (
            f"nid INTEGER NOT NULL, name VARCHAR(64){binary} NOT NULL, "
            "value DOUBLE PRECISION DEFAULT 0, PRIMARY KEY (nid, name)"
        )
        create = f"CREATE TABLE IF NOT EXISTS {TABLE} ({definition})"
        try:
            with engine.begin() as connection:
                connection.execute(sqlalchemy.text(create))
        except sqlalchemy.exc.SQLAlchemyError:
            # another process may have made it meanwhile
            if not self._has_table(sqlalchemy, engine):
                raise

    def _has_table(self, sqlalchemy: ModuleType, engine: Engine) -> bool:
        with engine.connect() as connection:
            return bool(sqlalchemy.inspect(connection).has_table(TABLE))

    def _message(self, sqlalchemy: ModuleType, error: Exception) -> str:
        """Return the message for an error of the database or its driver."""
        words = self._database._without_secrets(error)
        if self._lacks_table(sqlalchemy, error):
            return f"{self.place}: has no table {TABLE}; make it with create=True (--create)"
        return f"{self.place}: {words}; nothing was recorded"

    def _lacks_table(self, sqlalchemy: ModuleType, error: Exception) -> bool:
        """True if the server answers that the table is missing."""
        if not isinstance(error, sqlalchemy.exc.SQLAlchemyError):
            return False
        try:
            return not self._has_table(sqlalchemy, self._connected(sqlalchemy))
        except (sqlalchemy.exc.SQLAlchemyError, OSError, SourceError):
            return False


def _dispose(engine: Engine, pid: int) -> None:
    """Close an engine's connections, unless they belong to our parent process."""
    engine.dispose(close=pid == os.getpid())


def _dialect(engine: Engine) -> str:
    return "mysql" if engine.dialect.name in ("mysql", "mariadb") else "other"


def _is_deadlock(error: Exception) -> bool:
    """True if the server undid a statement because of other writers."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "pgcode", None) or next(iter(getattr(cause, "args", ())), None)
    return code in DEADLOCK or "database is locked" in str(cause)


def _number(value: float) -> float:
    """Return a stored value as it was written: 4000, not 4000.0."""
    value = as_written(None if value is None else float(value))
    return int(value) if value is not None and abs(value) < 2**53 and value == int(value) else value
