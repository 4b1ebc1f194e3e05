"""Any SQL database: a query gives a night's rows, a mapping says what its columns mean.

The query may use `:night` (as `night_format` writes it), `:start` and `:end` (the night's first instant and the first
after it, as `time_format` writes them in `zone`); each is bound, never pasted into the text.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model.nights import EPOCH, TAI_MINUS_UTC_S
from observing_monitor.readers import textfiles
from observing_monitor.readers.sql import Database
from observing_monitor.sources.shared import mapping

if TYPE_CHECKING:
    import datetime
    from typing import Any

    from observing_monitor.model.reading import Known, Reading
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.base import Asked


PARAMETERS = ("night", "start", "end")
BOUND = re.compile(
    r"(?<![:\w\\]):(\w+)(?!:)"
)  # as SQLAlchemy finds them: not in 12:30:00, nor in x::date


class SqlQuery(mapping.MappedSource):
    """The rows of a query, by a mapping of columns."""

    @dataclass(kw_only=True)
    class Settings(mapping.Mapped):
        url: str = (
            ""  # postgresql://user@host/name, mysql://user@host/name, sqlite:////absolute/path
        )
        file: Path | None = None  # in place of url: the file of an SQLite database
        query: str  # selects a night's rows, by :night, or by :start and :end; without these, the rows of all nights
        look_query: str = ""  # says quickly whether a night changed: select count(*), max(updated) …; else the query itself does
        nights_query: str = (
            ""  # selects the nights there are, one a row, for a rebuild without first and last day
        )
        password_env: str = ""  # the environment variable that holds the password; PostgreSQL's .pgpass is read as well
        timeout_s: float = 30  # how long the server may take

    @staticmethod
    def place_of(settings: SqlQuery.Settings) -> str:
        return str(settings.file) if settings.file else Database(settings.url).place

    def __init__(self, settings: SqlQuery.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "sql"
        if bool(settings.url) == bool(settings.file):
            raise UsageError(
                "source 'sql': a database is told by url, or by file where it is SQLite's; set either of them"
            )
        url = f"sqlite:///{settings.file}" if settings.file else settings.url
        self.database = Database(url, settings.password_env, settings.timeout_s).check()
        for query in (settings.query, settings.look_query):
            _check_parameters(query)
        mapping.check_settings(settings, "sql", bool(_parameters(settings.query)))
        self._found: dict[
            datetime.date | None, dict[datetime.date, Rows]
        ] = {}  # night, None for all -> its rows, by night; one query a run for each

    def nights(self) -> set[datetime.date]:
        """What `nights_query` selects; without it, those of a query that selects all nights."""
        if self.settings.nights_query:
            rows = self._run(self.settings.nights_query, None)
            return {
                night
                for row in rows.rows
                if (night := textfiles.read_night(row[0], self.settings.night_format))
            }
        return set() if _parameters(self.settings.query) else set(self._rows_of(None))

    def look(self, night: datetime.date, known: Known) -> Known:
        """A digest of what `look_query` selects, else of the night's rows."""
        rows = (
            self._run(self.settings.look_query, night)
            if self.settings.look_query
            else self._of_night(night)
        )
        text = repr((rows.columns, rows.rows, rows.notes))
        return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()

    def read(self, night: datetime.date) -> Reading:
        """What the night's rows tell."""
        return mapping.to_reading([self._of_night(night)], self.settings)

    def _of_night(self, night: datetime.date) -> Rows:
        """The night's `Rows`; none where the query has none."""
        asked = night if _parameters(self.settings.query) else None
        found = self._rows_of(asked)
        return (
            found[night]
            if night in found
            else textfiles.Rows(self.database.place, mapping.wanted(self.settings), [], [], "row")
        )

    def _rows_of(self, night: datetime.date | None) -> dict[datetime.date, Rows]:
        if night not in self._found:
            if night is not None:
                self._found.clear()  # look and read of one night follow each other; a history needn't be held
            rows = self._run(self.settings.query, night)
            mapping.require(rows, mapping.wanted(self.settings))
            self._found[night] = mapping.by_night(rows, self.settings, self.asked.rule, night)
        return self._found[night]

    def _run(self, query: str, night: datetime.date | None) -> Rows:
        """A query's `Rows`; SourceError, without any secret, where the database doesn't answer."""
        import sqlalchemy

        with self.database.connect() as connection:
            values = self._values(_parameters(query), night, connection.dialect.name)
            result = connection.execute(sqlalchemy.text(query), values)
            names = list(result.keys())
            rows = [
                tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
                for row in result
            ]
        return textfiles.Rows(
            self.database.place, names, rows, list(range(1, len(rows) + 1)), "row"
        )

    def _values(
        self, parameters: set[str], night: datetime.date | None, dialect: str
    ) -> dict[str, Any]:
        """What a query's parameters are bound to."""
        if not parameters or night is None:
            return {}
        start, end = self.asked.rule.bounds(night)
        values = {
            "night": textfiles.write_night(night, self.settings.night_format),
            "start": self._written(start, dialect),
            "end": self._written(end, dialect),
        }
        return {name: values[name] for name in parameters}

    def _written(self, instant: datetime.datetime, dialect: str) -> float | str:
        """An instant as the database's own column has it."""
        form, zone = self.settings.time_format, self.settings.zone
        if form in mapping.NUMERIC_TIMES:
            seconds = (instant - EPOCH).total_seconds() + (TAI_MINUS_UTC_S if zone == "TAI" else 0)
            start = {"mjd": mapping.MJD_OF_1970, "jd": mapping.JD_OF_1970}.get(form, 0)
            number = seconds / mapping.NUMERIC_TIMES[form] + start
            return int(number) if form.startswith("unix_") else number
        local = mapping.to_zone(instant, zone)
        if form != "iso":
            return local.strftime(form)
        # PostgreSQL minds the offset where a column has a zone, and leaves it out where it has none
        return (
            local.isoformat(" ")
            if dialect == "postgresql"
            else local.replace(tzinfo=None).isoformat(" ")
        )


def _parameters(query: str) -> set[str]:
    """The names that a query asks values for."""
    return set(BOUND.findall(query))


def _check_parameters(query: str) -> None:
    """UsageError where a query asks for what we don't have."""
    unknown = _parameters(query) - set(PARAMETERS)
    if unknown:
        raise UsageError(f"the query asks for :{min(unknown)}; known are :night, :start and :end")
