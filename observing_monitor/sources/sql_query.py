"""A query of an SQL database, whose columns are mapped to ours.

The query may use `:night` (as `night_format` writes it), `:start` and `:end` (the night's first
instant and the first after it, as `time_format` writes them in `zone`). Their values are bound,
never pasted into the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import EPOCH, TAI_MINUS_UTC_S
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.night_paths import read_night, write_night
from observing_monitor.readers.sql import Database
from observing_monitor.readers.textfiles import Rows
from observing_monitor.sources.shared.cells import (
    JD_OF_1970,
    MJD_OF_1970,
    NUMERIC_TIMES,
    to_zone,
)
from observing_monitor.sources.shared.mapped import (
    OWN_INSTANT,
    Mapped,
    MappedSource,
    check_settings,
    require,
    wanted,
)
from observing_monitor.sources.shared.mapping import by_night
from observing_monitor.sources.shared.missing import without_missing
from observing_monitor.sources.shared.to_tables import in_doubt, to_reading
from observing_monitor.sources.sql_instants import Written, compared_columns, how_written, outside

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection

    from observing_monitor.model.reading import Counts, Known, Reading
    from observing_monitor.sources.base import Asked


PARAMETERS = ("night", "start", "end")
# parameters as SQLAlchemy finds them: not in 12:30:00, nor in x::date
BOUND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


class SqlQuery(MappedSource):
    """The rows of a query, mapped to our columns."""

    @dataclass(kw_only=True)
    class Settings(Mapped):
        """Settings of a source of type `sql`."""

        url: str = setting(
            "",
            "Address of the database: `postgresql://user@host/name`, `mysql://user@host/name`, "
            "`sqlite:////absolute/path`.",
            example="postgresql://reader@db.observatory.org/obslog",
        )
        file: Path | None = setting(
            None, "File of an SQLite database, in place of `url`.", example="obslog.db"
        )
        query: str = setting(
            REQUIRED,
            "Query for a night's rows, with `:night`, or `:start` and `:end`. Without these, it "
            "selects the rows of all nights.",
        )
        look_query: str = setting(
            "",
            "Fast query whose result changes if the night's rows do. By default, `query` itself.",
            example="select count(*), max(updated) from observations where night = :night",
            affects_reading=False,
        )
        nights_query: str = setting(
            "",
            "Query for all nights, one per row, for `rebuild` without first and last day.",
            example="select distinct night from observations",
            affects_reading=False,
        )
        password_env: str = setting(
            "",
            "Environment variable with the password. PostgreSQL's `.pgpass` works too.",
            example="OBSLOG_PASSWORD",
            affects_reading=False,
        )
        timeout_s: float = setting(
            30, "Time that the database has to answer.", affects_reading=False
        )

    @staticmethod
    def place_of(settings: SqlQuery.Settings) -> str:
        """Return the file, or the address without user and password."""
        return str(settings.file) if settings.file else Database(settings.url).place

    def __init__(self, settings: SqlQuery.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "sql"
        if bool(settings.url) == bool(settings.file):
            raise UsageError("source 'sql': set either url, or file for an SQLite database")
        url = f"sqlite:///{settings.file}" if settings.file else settings.url
        self.database = Database(url, settings.password_env, settings.timeout_s).check()
        for query in (settings.query, settings.look_query):
            _check_parameters(query)
        check_settings(settings, "sql", bool(_parameters(settings.query)))
        # night, or None for a query of all nights -> its rows by night
        self._rows: dict[datetime.date | None, dict[datetime.date, Rows]] = {}
        # night, or None for a query of all nights -> its rows and those left out
        self._counts: dict[datetime.date | None, Counts] = {}

    def nights(self) -> set[datetime.date]:
        """Return the nights of `nights_query`, else of a query for all nights."""
        if self.settings.nights_query:
            cells = [row[0] for row in self._run(self.settings.nights_query, None).rows]
            form = self.settings.night_format
            return {night for cell in cells if (night := read_night(cell, form))}
        return set() if _parameters(self.settings.query) else set(self._rows_by_night(None))

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return a digest of the rows of `look_query`, else of the night's rows."""
        if self.settings.look_query:
            rows = self._run(self.settings.look_query, night)
        else:
            rows = self._rows_of_night(night)
        return hex_digest(repr((rows.columns, rows.rows, rows.notes)), n_bytes=12)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's rows, mapped."""
        reading = to_reading([self._rows_of_night(night)], self.settings)
        selected = self._selected(night)
        place = self.database.place if selected is None else f"{self.database.place}, night {night}"
        counts = {place: self._counts[selected]}
        return replace(reading, counts=counts, unread=in_doubt(counts))

    def _rows_of_night(self, night: datetime.date) -> Rows:
        rows = self._rows_by_night(self._selected(night)).get(night)
        return rows or Rows(self.database.place, wanted(self.settings), [], [], "row")

    def _selected(self, night: datetime.date) -> datetime.date | None:
        """Return the night that the query selects, None if it selects all."""
        return night if _parameters(self.settings.query) else None

    def _rows_by_night(self, night: datetime.date | None) -> dict[datetime.date, Rows]:
        """Return the query's rows for a night, or for all if None.

        The query is run once for each.
        """
        if night not in self._rows:
            if night is not None:
                # `read` follows `look` for the same night, so older nights need no memory
                self._rows.clear()
                self._counts.clear()
            rows = self._run(self.settings.query, night)
            require(rows, wanted(self.settings))
            rows.counts.n_read = len(rows.rows)
            self._counts[night] = rows.counts
            rows = without_missing(rows, self.settings.missing)
            self._rows[night] = by_night(rows, self.settings, self.asked.rule, night)
        return self._rows[night]

    def _run(self, query: str, night: datetime.date | None) -> Rows:
        """Return the rows of a query; SourceError if the database does not answer."""
        import sqlalchemy

        with self.database.connect() as connection:
            values, notes = self._values(query, night, connection)
            result = connection.execute(sqlalchemy.text(query), values)
            names = list(result.keys())
            rows = [
                tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
                for row in result
            ]
        numbers = list(range(1, len(rows) + 1))
        found = Rows(self.database.place, names, rows, numbers, "row", notes)
        if night is not None and not notes:
            notes += self._outside(found, query, night)
        return found

    def _outside(self, rows: Rows, query: str, night: datetime.date) -> list[str]:
        """Return a note if rows are outside the night.

        The query may select rows in other ways as well: with "or", nothing is said.
        """
        column = self.settings.columns.get(OWN_INSTANT[self.settings.feeds], "")
        is_compared = column.casefold() in {name.casefold() for name in compared_columns(query)}
        is_whole = {"start", "end"} <= _parameters(query) and column in rows.columns
        if not (rows.rows and is_compared and is_whole) or re.search(r"\bor\b", query, re.I):
            return []
        bounds = self.asked.rule.bounds(night)
        return outside(rows, column, bounds, self.settings.time_format, self.settings.zone)

    def _values(
        self, query: str, night: datetime.date | None, connection: Connection
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the values of a query's parameters, and notes about them."""
        parameters = _parameters(query)
        if not parameters or night is None:
            return {}, []
        bounds = self.asked.rule.bounds(night)
        dialect, written = connection.dialect.name, Written(" ", [])
        if dialect == "sqlite" and self.settings.time_format == "iso" and parameters - {"night"}:
            written = self._how_written(query, bounds, connection)
        start, end = (self._written(bound, dialect, written.separator) for bound in bounds)
        night_text = write_night(night, self.settings.night_format)
        values = {"night": night_text, "start": start, "end": end}
        notes = [f"{self.database.place}: {note}" for note in written.notes]
        return {name: values[name] for name in parameters}, notes

    def _how_written(
        self,
        query: str,
        bounds: tuple[datetime.datetime, datetime.datetime],
        connection: Connection,
    ) -> Written:
        """Return how an SQLite database holds the instants that a query compares."""
        import sqlalchemy

        def ask(sql: str, values: dict[str, Any]) -> Sequence[Any]:
            return connection.execute(sqlalchemy.text(sql), values).fetchall()

        try:
            return how_written(ask, query, bounds, self.settings.zone)
        except sqlalchemy.exc.DatabaseError:  # such as a view that is broken
            return Written(" ", [])

    def _written(
        self, instant: datetime.datetime, dialect: str, separator: str = " "
    ) -> float | str:
        """Return an instant as the database's column has it."""
        form, zone = self.settings.time_format, self.settings.zone
        if form in NUMERIC_TIMES:
            seconds = (instant - EPOCH).total_seconds() + (TAI_MINUS_UTC_S if zone == "TAI" else 0)
            start = {"mjd": MJD_OF_1970, "jd": JD_OF_1970}.get(form, 0)
            number = seconds / NUMERIC_TIMES[form] + start
            return int(number) if form.startswith("unix_") else number
        local = to_zone(instant, zone)
        if form != "iso":
            return local.strftime(form)
        # PostgreSQL uses the offset for a column with a zone, and drops it for one without
        if dialect == "postgresql":
            return local.isoformat(" ")
        return local.replace(tzinfo=None).isoformat(separator)


def _parameters(query: str) -> set[str]:
    """Return the names of a query's parameters."""
    return set(BOUND.findall(query))


def _check_parameters(query: str) -> None:
    """Raise UsageError if a query has other parameters than ours."""
    unknown = _parameters(query) - set(PARAMETERS)
    if unknown:
        raise UsageError(f"the query asks for :{min(unknown)}; known are :night, :start and :end")
