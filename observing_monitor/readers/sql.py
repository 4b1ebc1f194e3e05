"""Read-only access to databases.

Every query has a time limit, and no message shows a password. The password comes from the URL, from
the environment (`password_env` names the variable), or, for PostgreSQL, from `.pgpass`, which
libpq reads itself.
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
from observing_monitor.model.messages import first_line, os_error_text
from observing_monitor.readers import sqlite
from observing_monitor.readers.fault_words import said, sqlite_words
from observing_monitor.readers.passwords import password_from

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
# driver -> the extra of this package that installs it
EXTRAS = {"psycopg2": "postgresql", "pymysql": "mysql"}
NO_ADDRESS = "is no database's address; write postgresql://user@host/name or sqlite:////path"


@dataclass(frozen=True)
class Plain:
    """A database that answers with plain tuples.

    Attributes
    ----------
    dialect
        `sqlite`, `postgresql`, …
    ask
        Returns all rows of a query, given its `:parameters`.
    quote
        Returns a name as SQL needs it.
    """

    dialect: str
    ask: Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]
    quote: Callable[[str], str]


@dataclass(frozen=True)
class Database:
    """A database's address and its time limit.

    Attributes
    ----------
    url
        As SQLAlchemy writes it: `sqlite:////path`, `postgresql://user@host/name`,
        `mysql://user@host/name`.
    password_env
        The environment variable that holds the password.
    timeout_s
        How long an answer may take.
    """

    url: str
    password_env: str = ""
    timeout_s: float = 30

    @property
    def place(self) -> str:
        """The address without user, password or options.

        An example is `postgresql://host:5432/name`.
        """
        scheme, _, rest = self.url.partition("://")
        scheme = scheme.partition("+")[0]
        login, _, address = ("", "", rest) if scheme == "sqlite" else rest.rpartition("@")
        if not rest:
            return "a database whose url can't be read"
        # a password may contain / ? @ unquoted, so that the host's end is uncertain
        if set(login) & set("@?"):
            return f"{scheme}://…"
        return f"{scheme}://{address.partition('?')[0]}"

    def check(self) -> Database:
        """Return the database itself, if its url is an address.

        Raises
        ------
        UsageError
            If it is not. The url is not shown: it may hold a password.
        """
        scheme, _, rest = self.url.partition("://")
        if not scheme or not rest:
            raise UsageError(f"url {NO_ADDRESS}")
        path = urllib.parse.urlsplit(self.url).path
        if scheme.startswith("sqlite") and not path.startswith("//"):
            raise UsageError(
                "url of SQLite must hold an absolute path; write sqlite:////path, with four slashes"
            )
        return self

    @property
    def sqlite_path(self) -> str | None:
        """The file of an SQLite database; None for other databases."""
        scheme, _, path = self.url.partition("://")
        if not re.fullmatch(r"sqlite(\+\w+)?", scheme):
            return None
        # without SQLite's options: `readers.sqlite` decides how the file is opened
        path = path.removeprefix("/").partition("?")[0]
        if path.startswith("file:"):
            return urllib.parse.unquote(path.removeprefix("file:"))
        return path

    @property
    def _secrets(self) -> set[str]:
        """All texts that must not be shown.

        They are listed as the url quotes them, and unquoted.
        """
        rest, _, options = self.url.partition("://")[2].rpartition("?")
        login = self.url.partition("://")[2].rpartition("@")[0]
        found = {
            os.environ.get(self.password_env, ""),
            login.partition(":")[2],
            rest.rpartition("@")[0].partition(":")[2],
        }
        pairs = urllib.parse.parse_qsl(options)
        found |= {value for name, value in pairs if "pass" in name.lower()}
        forms = {form for secret in found for form in (secret, urllib.parse.unquote(secret))}
        return forms - {""}

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a SQLAlchemy Connection that can only read.

        Raises
        ------
        SourceError
            For any database error in the `with` block. The message contains no password.
        """
        import sqlalchemy
        from sqlalchemy import exc

        engine = None
        try:
            engine = self._engine(sqlalchemy)
            with engine.connect() as connection:
                yield connection
        # OverflowError: a value that the driver can't convert to Python's
        except (exc.SQLAlchemyError, OSError, ValueError, OverflowError) as error:
            raise self._unread(error) from None
        except Exception as error:
            # the driver's own errors, and any whose traceback would show a password in a log
            driver: Any = engine and engine.dialect.dbapi
            is_driver_error = driver and isinstance(error, driver.Error)
            if is_driver_error or self._shows_secrets(error):
                raise self._unread(error) from None
            raise
        finally:
            if engine is not None:
                engine.dispose()

    @contextlib.contextmanager
    def plain(self) -> Iterator[Plain]:
        """Open the database for queries of many rows.

        Rows come as plain tuples. An SQLite file is read without importing SQLAlchemy. Raises as
        `connect` does.
        """
        if (path := self.sqlite_path) is not None:
            try:
                with contextlib.closing(sqlite.Reader(path, self.timeout_s)) as reader:
                    yield Plain("sqlite", reader.ask, _quoted)
            except (sqlite3.Error, OSError, UnicodeError) as error:
                raise self._unread(error) from None
            return
        with self.connect() as connection:
            from sqlalchemy import text

            yield Plain(
                connection.dialect.name,
                lambda sql, values: list(connection.execute(text(sql), values).cursor.fetchall()),
                connection.dialect.identifier_preparer.quote,
            )

    def _engine(self, sqlalchemy: ModuleType) -> Engine:
        """Return an engine without a pool.

        A connection is closed when its work is done.
        """
        url = self._url(sqlalchemy)
        options: dict[str, Any] = {"connect_args": self._arguments(url)}
        if (path := self.sqlite_path) is not None:
            options = {"creator": lambda: sqlite.Reader(path, self.timeout_s)}
        try:
            engine: Engine = sqlalchemy.create_engine(
                url, poolclass=sqlalchemy.NullPool, hide_parameters=True, **options
            )
        except ImportError as error:
            name = error.name
            what = f"'observing_monitor[{EXTRAS[name]}]'" if name in EXTRAS else name
            words = f"the driver {name} is not installed; pip install {what}"
            raise SourceError(f"{self.place}: {words}") from None
        if url.drivername == "postgresql+psycopg2":
            sqlalchemy.event.listen(engine, "connect", _accept_any_time)
        return engine

    def _url(self, sqlalchemy: ModuleType) -> URL:
        """Return the url with its driver and password."""
        try:
            url: URL = sqlalchemy.make_url(self.url)
        except sqlalchemy.exc.ArgumentError:
            raise UsageError(f"a source's url {NO_ADDRESS}") from None
        url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
        if self.password_env:
            url = url.set(password=password_from(self.password_env, self.place))
        return url

    def _arguments(self, url: URL) -> dict[str, Any]:
        """Return the driver's arguments.

        They set the time limit and read-only transactions.
        """
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

    def _shows_secrets(self, error: BaseException | None) -> bool:
        """True if an exception or its cause has a secret."""
        while error is not None:
            if any(secret in str(error) for secret in self._secrets):
                return True
            error = error.__cause__ or error.__context__
        return False

    def _unread(self, error: BaseException) -> SourceError:
        """Return the error to raise if a query fails."""
        return SourceError(f"{self.place}: {self._without_secrets(error)}; nothing of it was read")

    def _without_secrets(self, error: BaseException) -> str:
        """Return the fault in plain words, or what the database says.

        Secrets are replaced by `…`.
        """
        is_of_sqlite = isinstance(error, sqlite3.Error)
        cause = error if is_of_sqlite else getattr(error, "orig", None)
        if isinstance(cause, sqlite3.Error):
            words = sqlite_words(cause)
        elif cause is not None:
            words = said("the database", first_line(str(cause)) or type(cause).__name__)
        else:
            words = os_error_text(error)
        for secret in sorted(self._secrets, key=len, reverse=True):
            words = words.replace(secret, "…")
        return words


def _quoted(name: str) -> str:
    """Return a name as SQLite needs it."""
    return '"' + name.replace('"', '""') + '"'


def _accept_any_time(connection: Any, _: object) -> None:
    """Make psycopg2 return None for times that Python can't hold.

    PostgreSQL's years go from −4713 to 294276, Python's from 1 to 9999. By default psycopg2
    raises, and one such value would hide all rows.
    """
    from psycopg2 import extensions

    def or_none(cast: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def to_python(text: Any, cursor: Any) -> Any:
            try:
                return cast(text, cursor)
            except (ValueError, OverflowError):
                return None

        return to_python

    for name in ("PYDATE", "PYDATETIME", "PYDATETIMETZ", "PYINTERVAL"):
        cast = getattr(extensions, name)
        own = extensions.new_type(cast.values, name, or_none(cast))
        extensions.register_type(own, connection)
