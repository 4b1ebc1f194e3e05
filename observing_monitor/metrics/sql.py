"""A night's numbers in an SQL table: what `metrics.Metrics` writes to when it is given a database's address.

The table is Lasair's: a row a night (`nid`) and `name`, and its `value`. Where Lasair declares the value FLOAT, which in
MySQL has 4 bytes and so stops counting by ones at 16,777,216, a table that is made here has 8 bytes; a program that knows
the one works on the other.
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
from observing_monitor.metrics.values import as_written
from observing_monitor.readers.sql import Database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

    from sqlalchemy import URL, Engine


TABLE = "lasair_statistics"
MAX_TRIES = 8
DEADLOCK = {
    1213,
    1205,
    "40P01",
    "40001",
}  # two writers waited for each other, and the server undid one: it may try again


@dataclass(frozen=True)
class WritableDatabase(Database):
    """A database that is written to; else as sources read it: in time, and without a password in anything that is shown."""

    create: bool = False

    def engine(self, sqlalchemy: ModuleType) -> Engine:
        """A SQLAlchemy Engine that keeps its connection."""
        url = self._url(sqlalchemy)
        if url.drivername.startswith("sqlite"):
            if url.database and not url.database.startswith("file:"):
                path = urllib.parse.quote(os.path.abspath(url.database))
                url = url.set(
                    database=f"file:{path}",
                    query={"mode": "rwc" if self.create else "rw", "uri": "true"},
                )
            how: dict[str, Any] = {"poolclass": sqlalchemy.NullPool}
        else:  # READ COMMITTED: no locks on the gaps between rows, in which new rows of others would wait
            how = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True}
        engine: Engine = sqlalchemy.create_engine(
            url, connect_args=self._arguments(url), hide_parameters=True, **how
        )
        return engine

    def _arguments(self, url: URL) -> dict[str, Any]:
        arguments = super()._arguments(url)
        if "options" in arguments:
            arguments["options"] = (
                arguments["options"].replace("-c default_transaction_read_only=on", "").strip()
            )
        if (
            "init_command" in arguments
        ):  # strict: a name too long for its column is refused, not cut
            arguments["init_command"] = (
                "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
            )
        return arguments


class Table:
    """The numbers of all nights in one table; the methods are those of `metrics.Metrics`, on checked values."""

    def __init__(self, url: str, create: bool, password_env: str) -> None:
        self._database = WritableDatabase(url, password_env, create=create)
        self._create = create
        self._engine: Engine | None = None
        self._pid: int | None = None
        self._disposal: weakref.finalize[..., Table] | None = None

    @property
    def place(self) -> str:
        return self._database.place

    def set(self, values: Mapping[str, float], nid: int) -> None:
        self._put(values, nid, {"mysql": "VALUES(value)", "else": "excluded.value"})

    def add(self, values: Mapping[str, float], nid: int) -> None:
        before = f"COALESCE({TABLE}.value, 0) + "
        self._put(
            values, nid, {"mysql": before + "VALUES(value)", "else": before + "excluded.value"}
        )

    def read(self, nid: int) -> dict[str, float]:
        # + 0E0: MySQL shows a FLOAT with six digits, a sum with all that it has
        rows, _ = self._run(
            f"SELECT name, value + 0E0 FROM {TABLE} WHERE nid = :nid ORDER BY name", {"nid": nid}
        )
        return {name: _plain(value) for name, value in rows}

    def delete(self, nid: int) -> bool:
        return self._run(f"DELETE FROM {TABLE} WHERE nid = :nid", {"nid": nid})[1] > 0

    def close(self) -> None:
        if self._disposal is not None:
            self._disposal()
            self._engine = None

    def _put(self, values: Mapping[str, float], nid: int, new_value: dict[str, str]) -> None:
        """Insert or update all of the values in one statement: the server does it wholly or not at all."""
        if not values:
            return
        names = sorted(
            values
        )  # all writers take the rows in one order, and so seldom wait for each other in a ring
        given: dict[str, Any] = {"nid": nid}
        for n, name in enumerate(names):
            given[f"n{n}"], given[f"v{n}"] = name, float(values[name])
        rows = ", ".join(f"(:nid, :n{n}, :v{n})" for n in range(len(names)))
        start = f"INSERT INTO {TABLE} (nid, name, value) VALUES {rows} "
        self._run(
            {
                "mysql": f"{start} ON DUPLICATE KEY UPDATE value = {new_value['mysql']}",
                "else": f"{start} ON CONFLICT (nid, name) DO UPDATE SET value = {new_value['else']}",
            },
            given,
        )

    def _run(self, statement: dict[str, str] | str, given: dict[str, Any]) -> tuple[list[Any], int]:
        """Run one statement in a transaction of its own: its rows, and how many it changed. OutputError without secrets."""
        import sqlalchemy
        from sqlalchemy import exc

        attempt = 0
        while True:
            try:
                engine = self._connected(sqlalchemy)
                text = (
                    statement
                    if isinstance(statement, str)
                    else statement.get(_family(engine), statement["else"])
                )
                with engine.begin() as connection:
                    result = connection.execute(sqlalchemy.text(text), given)
                    return list(result) if result.returns_rows else [], result.rowcount
            except (SourceError, UsageError) as error:
                raise OutputError(str(error)) from None
            except (exc.SQLAlchemyError, OSError, UnicodeError) as error:
                if attempt == MAX_TRIES - 1 or not _is_deadlock(error):
                    raise OutputError(self._fault(sqlalchemy, error)) from None
                time.sleep(random.uniform(0.005, 0.02) * 2**attempt)
                attempt += 1

    def _connected(self, sqlalchemy: ModuleType) -> Engine:
        if self._engine is None or self._pid != os.getpid():
            self.close()
            try:
                self._engine, self._pid = self._database.engine(sqlalchemy), os.getpid()
                self._disposal = weakref.finalize(
                    self, _dispose, self._engine, self._pid
                )  # nobody need call close
            except ImportError as error:
                raise SourceError(
                    f"{self.place}: the driver {error.name} is not installed"
                ) from None
            if self._create:
                self._make(sqlalchemy, self._engine)
        return self._engine

    def _make(self, sqlalchemy: ModuleType, engine: Engine) -> None:
        if self._has_table(sqlalchemy, engine):
            return
        # names that differ in case are two names, on MySQL as well
        name = (
            "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            if _family(engine) == "mysql"
            else "VARCHAR(64)"
        )
        held = f"nid INTEGER NOT NULL, name {name} NOT NULL, value DOUBLE PRECISION DEFAULT 0, PRIMARY KEY (nid, name)"
        made = f"CREATE TABLE IF NOT EXISTS {TABLE} ({held})"
        try:
            with engine.begin() as connection:
                connection.execute(sqlalchemy.text(made))
        except sqlalchemy.exc.SQLAlchemyError:
            if not self._has_table(sqlalchemy, engine):  # else another process was quicker
                raise

    def _has_table(self, sqlalchemy: ModuleType, engine: Engine) -> bool:
        with engine.connect() as connection:
            return bool(sqlalchemy.inspect(connection).has_table(TABLE))

    def _fault(self, sqlalchemy: ModuleType, error: Exception) -> str:
        words = self._database._without_secrets(error)
        try:
            missing = isinstance(error, sqlalchemy.exc.SQLAlchemyError) and not self._has_table(
                sqlalchemy, self._connected(sqlalchemy)
            )
        except (
            sqlalchemy.exc.SQLAlchemyError,
            OSError,
            SourceError,
        ):  # a server that is down can't tell
            missing = False
        if missing:
            return f"{self.place}: has no table {TABLE}; make it with create=True (--create)"
        return f"{self.place}: {words}; nothing was recorded"


def _dispose(engine: Engine, pid: int) -> None:
    """Close an engine's connections; those made before a fork are our parent's, and only let go."""
    engine.dispose(close=pid == os.getpid())


def _family(engine: Engine) -> str:
    return "mysql" if engine.dialect.name in ("mysql", "mariadb") else "else"


def _is_deadlock(error: Exception) -> bool:
    """Whether the server undid the statement only because of other writers."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "pgcode", None) or next(iter(getattr(cause, "args", ())), None)
    return code in DEADLOCK or "database is locked" in str(cause)


def _plain(value: float) -> float:
    """A number as it was meant: 4000, not 4000.0."""
    value = as_written(None if value is None else float(value))
    return int(value) if value is not None and abs(value) < 2**53 and value == int(value) else value
