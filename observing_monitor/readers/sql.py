"""How sources read a database: read-only, with a limit of time, and without a password in anything that is shown.

A password comes from the URL, from the environment (`password_env` names the variable), or, for PostgreSQL, from
`.pgpass`, as libpq reads it itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.readers import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from sqlalchemy import URL, Connection, Engine


DRIVERS = {
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
EXTRAS = {
    "psycopg2": "postgresql",
    "pymysql": "mysql",
}  # the driver -> the extra of this package that brings it


@dataclass(frozen=True)
class Plain:
    """A database that answers with plain tuples, all at once, as its driver makes them."""

    dialect: str  # sqlite, postgresql …
    ask: Callable[
        [str, Mapping[str, Any]], list[tuple[Any, ...]]
    ]  # the rows of a query, by its :parameters
    quote: Callable[[str], str]  # a name as SQL has it


@dataclass(frozen=True)
class Database:
    """Where a database is, and how long it may take to answer."""

    url: str  # as SQLAlchemy writes it: sqlite:////path, postgresql://user@host/name, mysql://user@host/name
    password_env: str = ""  # the environment variable that holds the password
    timeout_s: float = 30

    @property
    def place(self) -> str:
        """The address without user, password or options: postgresql://host:5432/name."""
        scheme, _, rest = self.url.partition("://")
        scheme = scheme.partition("+")[0]
        login, _, address = ("", "", rest) if scheme == "sqlite" else rest.rpartition("@")
        # a password may hold / and ? and @ as they are, which urllib takes for the end of the host; in doubt nothing is shown
        if not rest:
            return "a database whose url can't be read"
        return (
            f"{scheme}://…" if set(login) & set("@?") else f"{scheme}://{address.partition('?')[0]}"
        )

    def check(self) -> Database:
        """Itself; UsageError where its url is no database's address, which isn't repeated, for it may hold a password."""
        scheme, _, rest = self.url.partition("://")
        if not scheme or not rest:
            raise UsageError(
                "url is no database's address; write postgresql://user@host/name or sqlite:////path"
            )
        if scheme.startswith("sqlite") and not urllib.parse.urlsplit(self.url).path.startswith(
            "//"
        ):
            raise UsageError(
                "url of SQLite must hold an absolute path; write sqlite:////path, with four slashes"
            )
        return self

    @property
    def sqlite_path(self) -> str | None:
        """The file, where the database is SQLite's; else None."""
        scheme, _, path = self.url.partition("://")
        if not re.fullmatch(r"sqlite(\+\w+)?", scheme):
            return None
        # SQLite's own options would say how it is opened, which is for us to say
        path = path.removeprefix("/").partition("?")[0]
        return (
            urllib.parse.unquote(path.removeprefix("file:")) if path.startswith("file:") else path
        )

    @property
    def _secrets(self) -> set[str]:
        """All that must never be shown, as it stands in the url, and as it is meant."""
        rest, _, options = self.url.partition("://")[2].rpartition("?")
        login = self.url.partition("://")[2].rpartition("@")[0]
        found = {
            os.environ.get(self.password_env, ""),
            login.partition(":")[2],
            rest.rpartition("@")[0].partition(":")[2],
        }
        found |= {
            value for name, value in urllib.parse.parse_qsl(options) if "pass" in name.lower()
        }
        return {meant for secret in found for meant in (secret, urllib.parse.unquote(secret))} - {
            ""
        }

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """A SQLAlchemy Connection that can only read. Whatever goes wrong inside becomes a SourceError without secrets."""
        import sqlalchemy
        from sqlalchemy import exc

        engine = None
        try:
            engine = self._engine(sqlalchemy)
            with engine.connect() as connection:
                yield connection
        except (
            exc.SQLAlchemyError,
            OSError,
            ValueError,
            OverflowError,
        ) as error:  # the latter: a value that its driver can't turn into ours
            raise SourceError(
                f"{self.place}: {self._without_secrets(error)}; nothing of it was read"
            ) from None
        except Exception as error:
            # what its driver raises where it is asked directly; and a traceback goes to a log, and to whoever cron mails
            driver: Any = engine and engine.dialect.dbapi
            if (driver and isinstance(error, driver.Error)) or self._tells_secrets(error):
                raise SourceError(
                    f"{self.place}: {self._without_secrets(error)}; nothing of it was read"
                ) from None
            raise
        finally:
            if engine is not None:
                engine.dispose()

    @contextlib.contextmanager
    def plain(self) -> Iterator[Plain]:
        """As `connect`, for queries of many rows: these come as tuples, and for SQLite's file SQLAlchemy is not even imported."""
        if (path := self.sqlite_path) is not None:
            try:
                with contextlib.closing(sqlite.Reader(path, self.timeout_s)) as reader:
                    yield Plain("sqlite", reader.ask, _quoted)
            except (sqlite3.Error, OSError, UnicodeError) as error:
                raise SourceError(
                    f"{self.place}: {self._without_secrets(error)}; nothing of it was read"
                ) from None
            return
        with self.connect() as connection:
            from sqlalchemy import text

            yield Plain(
                connection.dialect.name,
                lambda sql, values: list(connection.execute(text(sql), values).cursor.fetchall()),
                connection.dialect.identifier_preparer.quote,
            )

    def _engine(self, sqlalchemy: ModuleType) -> Engine:
        url = self._url(sqlalchemy)
        how: dict[str, Any] = {"connect_args": self._arguments(url)}
        if (path := self.sqlite_path) is not None:
            how = {"creator": lambda: sqlite.Reader(path, self.timeout_s)}
        try:
            # no pool: a connection is closed when its work is done, whatever the server is set to keep
            engine: Engine = sqlalchemy.create_engine(
                url, poolclass=sqlalchemy.NullPool, hide_parameters=True, **how
            )
        except ImportError as error:
            what = (
                f"'observing_monitor[{EXTRAS[error.name]}]'" if error.name in EXTRAS else error.name
            )
            raise SourceError(
                f"{self.place}: the driver {error.name} is not installed; pip install {what}"
            ) from None
        if url.drivername == "postgresql+psycopg2":
            sqlalchemy.event.listen(engine, "connect", _take_any_time)
        return engine

    def _url(self, sqlalchemy: ModuleType) -> URL:
        try:
            url: URL = sqlalchemy.make_url(self.url)
        except sqlalchemy.exc.ArgumentError:
            raise UsageError(
                "a source's url is no database's address; write postgresql://user@host/name or sqlite:////path"
            ) from None
        url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
        if self.password_env:
            password = os.environ.get(self.password_env)
            if password is None:
                raise SourceError(
                    f"{self.place}: the environment has no {self.password_env}; export it where this is run"
                )
            url = url.set(password=password)
        return url

    def _arguments(self, url: URL) -> dict[str, Any]:
        """What tells each driver to give up in time, and to refuse to write."""
        seconds = max(1, round(self.timeout_s))
        if url.drivername.startswith("postgresql"):
            limits = f"-c default_transaction_read_only=on -c statement_timeout={seconds * 1000}"
            return {
                "connect_timeout": seconds,
                "options": limits,
                "application_name": "observing_monitor",
            }
        if "mysql" in url.drivername or "mariadb" in url.drivername:
            return {
                "connect_timeout": seconds,
                "read_timeout": seconds,
                "init_command": "SET SESSION TRANSACTION READ ONLY",
            }
        return {"timeout": seconds}

    def _tells_secrets(self, error: BaseException | None) -> bool:
        """Whether an exception, or one that it came of, says what must not be shown."""
        while error is not None:
            if any(secret in str(error) for secret in self._secrets):
                return True
            error = error.__cause__ or error.__context__
        return False

    def _without_secrets(self, error: BaseException) -> str:
        """The first line of what the driver said, the password struck out."""
        lines = (
            str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error)
            .strip()
            .splitlines()
        )
        words = lines[0] if lines else type(error).__name__
        for secret in sorted(self._secrets, key=len, reverse=True):
            words = words.replace(secret, "…")
        return words


def _quoted(name: str) -> str:
    """A name as SQLite has it."""
    return '"' + name.replace('"', '""') + '"'


def _take_any_time(connection: Any, _: object) -> None:
    """PostgreSQL's years go from −4713 to 294276, ours from 1 to 9999: a time beyond is none, and hides no row."""
    from psycopg2 import extensions

    def ours_or_none(cast: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def to_python(text: Any, cursor: Any) -> Any:
            try:
                return cast(text, cursor)
            except (ValueError, OverflowError):
                return None

        return to_python

    for name in ("PYDATE", "PYDATETIME", "PYDATETIMETZ", "PYINTERVAL"):
        cast = getattr(extensions, name)
        extensions.register_type(
            extensions.new_type(cast.values, name, ours_or_none(cast)), connection
        )
