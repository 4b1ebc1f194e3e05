"""The Data Backbone: files of an endpoint, and their ingest.

The endpoint manager's table `<prefix>files` has a row per file: id, relpath (the directory below
the storage area), filename, added_on and, in later versions, size_bytes. The table
`<prefix>gen3_file_events` or `<prefix>gen2_file_events` has a row per event: start_time, duration,
status, err_message, files_id. Rows are never changed or removed. A file's state is its event with
the latest start_time; a file without an event was not seen by the ingester. Times are local to
the manager's machine and carry no zone.
(lsst-dm/dbb_buffmngrs_endpoint: declaratives.py, status.py, ingester/ingester.py)
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import night_named, zone_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.patterns import NamePattern
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling
from observing_monitor.sources.dbb_events import (
    STATUSES,
    replace_unknown,
    to_attempts,
    to_instants,
)
from observing_monitor.sources.shared.cells import to_text
from observing_monitor.sources.shared.meanings import NAME_PATTERN, PASSWORD_ENV, TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pandas import DataFrame, Series
    from sqlalchemy import Connection

    from observing_monitor.model.reading import Known
    from observing_monitor.sources.base import Asked


__all__ = ["STATUSES", "DataBackbone"]

FILE_COLUMNS = ("id", "relpath", "filename", "added_on")
EVENT_COLUMNS = ("files_id", "start_time", "status")
# column that older versions lack -> how a query selects it
OPTIONAL = {
    "size_bytes": "f.size_bytes",
    "duration": "e.duration",
    "err_message": "e.err_message",
}
# a row's number is assigned when the row is begun, so a row that appears later may have a smaller
# number, by this much
ID_MARGIN = 10_000
# the clocks of the programs that add files and of those that ingest them may differ
TIME_MARGIN = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Since:
    """The beginning of a night's rows.

    Later looks read the tables from here.

    Attributes
    ----------
    file
        The smallest number of a file.
    event
        The earliest start_time of an event, in the manager's local time.
    """

    file: int = 0
    event: str = "1970-01-01T00:00:00"


class DataBackbone(Telling):
    """The files of an endpoint with their events."""

    @dataclass
    class Settings:
        """Settings of a source of type `dbb`."""

        url: str = setting(
            REQUIRED, "Address of the database.", example="postgresql://reader@dbhost/lsstdb"
        )
        prefix: str = setting("", "Beginning of the tables' names.", example="obs_auxtel_arc_")
        gen: int = setting(3, "Butler whose events are read: 3 or 2.")
        timezone: str = setting(
            "UTC",
            "Time zone of the tables' times: that of the machines where the manager runs.",
            example="America/Santiago",
        )
        stage: str = setting(
            "ingest", "Stage of the attempts. Two sources, one for each Butler, need two names."
        )
        name_pattern: str = setting(names.RUBIN, NAME_PATTERN, example=r"_(?P<seq_num>\d{3})\.fits")
        password_env: str = setting("", PASSWORD_ENV, example="DBB_PASSWORD", affects_reading=False)
        timeout_s: float = setting(30, TIMEOUT_S, affects_reading=False)

    @staticmethod
    def stages_of(settings: DataBackbone.Settings) -> tuple[str, ...]:
        """Return the stage in the settings."""
        return (settings.stage,)

    @staticmethod
    def place_of(settings: DataBackbone.Settings) -> str:
        """Return the database and the two tables."""
        tables = f"{settings.prefix}files and {_events_table(settings)}"
        return f"{Database(settings.url).place}, tables {tables}"

    def __init__(self, settings: DataBackbone.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "dbb"
        self.database = Database(settings.url, settings.password_env, settings.timeout_s).check()
        self.tables = (f"{settings.prefix}files", _events_table(settings))
        # night -> Since, from look to read
        self._since: dict[datetime.date, Since] = {}
        # the columns of both tables, once they were checked
        self._columns: set[str] = set()
        if settings.gen not in (2, 3):
            raise UsageError(f"gen = {settings.gen} of a Data Backbone is not known; it is 3 or 2")
        self.zone = zone_named("timezone", settings.timezone)
        self.pattern = NamePattern(settings.name_pattern)

    def nights(self) -> set[datetime.date]:
        """Return the nights of all files."""
        with self.database.connect() as connection:
            files, _ = self._checked(connection)
            hour = "substr(cast(added_on as varchar(30)), 1, 13)"
            rows = _rows(connection, f"select distinct relpath, {hour} from {files}")
        return {
            night
            for relpath, hour in rows
            if (night := _night_in(relpath) or self._night_of_hour(hour))
        }

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return numbers and last of the night's files and events.

        Once the beginning of the night's rows is known, rows before it are not read.
        """
        since = Since(*known["since"]) if known and not self.asked.look_at_everything else Since()
        self._since[night] = since
        wanted = "count(distinct f.id), count(e.start_time), max(f.id), max(e.start_time)"
        with self.database.connect() as connection:
            (row,) = self._query(connection, night, since, wanted)
            counts = [str(value) for value in row]
            if known:
                return {"counts": counts, "since": known["since"]}
            ((first, added),) = self._query(connection, night, since, "min(f.id), min(f.added_on)")
            since = self._since_of(connection, first, added)
        return {"counts": counts, "since": [since.file, since.event]}

    def read(self, night: datetime.date) -> Reading:
        """Return an attempt per event, and per file without one."""
        counts = Counts()
        events = self._events(night, counts)
        events["added_at"] = to_instants(events["added_on"], self.zone)
        self._count_undated(events, counts)
        events = events.loc[self._is_of(events, night)].reset_index(drop=True)
        counts.n_read = len(events) + counts.n_left_out
        counted = {f"{self.place_of(self.settings)}, night {night}": counts}
        if events.empty:
            return Reading(attempts=frames.empty(columns.ATTEMPTS), counts=counted)
        events, notes = replace_unknown(events, f"{self.database.place}, {self.tables[1]}")
        settings = self.settings
        attempts = to_attempts(events, settings.stage, self.pattern, self.zone)
        notes += self.pattern.take_notes()
        unused = self.pattern.take_without_effect()
        return Reading(attempts=attempts, notes=notes, counts=counted, without_effect=unused)

    def _events(self, night: datetime.date, counts: Counts) -> DataFrame:
        """Return the files that may be the night's, with events.

        `counts` gets those that are left out.
        """
        import pandas as pd

        since = self._since.get(night, Since())
        columns = {
            "id": "f.id",
            "relpath": "f.relpath",
            "filename": "f.filename",
            "added_on": "f.added_on",
            "start_time": "e.start_time",
            "status": "e.status",
            **OPTIONAL,
        }
        with self.database.connect() as connection:
            self._checked(connection)
            for name in OPTIONAL.keys() - self._columns:
                columns[name] = f"null as {name}"
            has_duration = "duration" in self._columns
            wanted = ", ".join(columns.values())
            rows = self._query(connection, night, since, wanted, duration=has_duration)
        events = pd.DataFrame([tuple(row) for row in rows], columns=[*columns], dtype="object")
        # SQLite stores anything in any column
        nameless = events[events["filename"].isna()]
        if len(nameless):
            where = f"file {nameless['id'].iloc[0]}"
            counts.leave_out(where, "has no filename", len(nameless))
        events = events[events["filename"].notna()]
        return events.assign(
            relpath=to_text(events["relpath"]).fillna(""), filename=to_text(events["filename"])
        )

    # --- the tables -----------------------------------------------------------------------------

    def _checked(self, connection: Connection) -> list[str]:
        """Return the tables' names as SQL needs them.

        Raises SourceError if a table or one of its columns is missing.
        """
        import sqlalchemy

        if not self._columns:
            inspector = sqlalchemy.inspect(connection)
            place, found = self.database.place, set()
            for table, needed in zip(self.tables, (FILE_COLUMNS, EVENT_COLUMNS), strict=True):
                if not inspector.has_table(table):
                    words = f"has no table {table}; `prefix` and `gen` make its name"
                    raise SourceError(f"{place}: {words}")
                have = {column["name"] for column in inspector.get_columns(table)}
                if lacking := [name for name in needed if name not in have]:
                    words = f"table {table} has no column {', '.join(lacking)}"
                    raise SourceError(f"{place}: {words}; is it a Data Backbone's?")
                found |= have
            self._columns = found
        return [connection.dialect.identifier_preparer.quote(table) for table in self.tables]

    def _query(
        self,
        connection: Connection,
        night: datetime.date,
        since: Since,
        wanted: str,
        *,
        duration: bool = False,
    ) -> list[Any]:
        """Return rows of the night's files with their events."""
        return _rows(connection, *self._sql(connection, night, since, wanted), duration=duration)

    def _sql(
        self, connection: Connection, night: datetime.date, since: Since, wanted: str
    ) -> tuple[str, dict[str, object]]:
        """Return the query for a night's files and events.

        Returns the SQL, in which f is the file and e the event, and its values. The query may
        select files of other nights too. No index covers directories or times of arrival, but
        the primary keys lead to the rows from `since` on.
        """
        files, events = self._checked(connection)
        start, end = (
            instant.astimezone(self.zone).replace(tzinfo=None)
            for instant in self.asked.rule.bounds(night)
        )
        sql = f"""
            select {wanted}
            from {files} f left join {events} e on e.files_id = f.id and e.start_time >= :event
            where f.id >= :file and (
                '/' || f.relpath || '/' like :dashed or '/' || f.relpath || '/' like :plain
                or (f.added_on >= :start and f.added_on < :end))"""
        values = {
            "event": datetime.datetime.fromisoformat(since.event),
            "file": since.file,
            "dashed": f"%/{night.isoformat()}/%",
            "plain": f"%/{night:%Y%m%d}/%",
            "start": start,
            "end": end,
        }
        return sql, values

    def _since_of(
        self, connection: Connection, first: int | None, added: datetime.datetime | str | None
    ) -> Since:
        """Return the Since of a night from its first file.

        For a night without files it is where the next file would come.
        """
        files, _ = self._checked(connection)
        if first is None:
            ((first, added),) = _rows(connection, f"select max(id), max(added_on) from {files}")
        if first is None or added is None:
            return Since()
        try:
            added = datetime.datetime.fromisoformat(added) if isinstance(added, str) else added
            event = (added.replace(tzinfo=None) - TIME_MARGIN).isoformat()
            return Since(max(0, first - ID_MARGIN), event)
        # no number or no time: SQLite stores anything in any column
        except (ValueError, TypeError, AttributeError, OverflowError):
            return Since()

    # --- nights ---------------------------------------------------------------------------------

    def _is_of(self, events: DataFrame, night: datetime.date) -> Series[bool]:
        """Return True for each row whose file is the night's.

        The directory counts, or, if it names no night, the time when the file was added.
        """
        import pandas as pd

        nights = {relpath: _night_in(relpath) for relpath in events["relpath"].unique()}
        named = events["relpath"].map(nights)
        shifted = events["added_at"] + pd.Timedelta(seconds=self.asked.rule.offset_s)
        return named.eq(night) | (named.isna() & shifted.dt.date.eq(night))

    def _count_undated(self, events: DataFrame, counts: Counts) -> None:
        """Count rows without a night."""
        is_undated = events["added_at"].isna() & ~events["relpath"].map(_night_in).notna()
        undated = events[is_undated]
        if len(undated):
            first = undated.iloc[0]
            reason = f"added_on is {str(first['added_on'])!r}, and relpath has no night"
            counts.leave_out(f"file {first['id']}", reason, len(undated))

    def _night_of_hour(self, hour: object) -> datetime.date | None:
        try:
            local = datetime.datetime.fromisoformat(f"{hour}:30").replace(tzinfo=self.zone)
            return self.asked.rule.night_of(local)
        except (TypeError, ValueError):
            return None


def _events_table(settings: DataBackbone.Settings) -> str:
    return f"{settings.prefix}gen{settings.gen}_file_events"


def _night_in(relpath: str) -> datetime.date | None:
    """Return the first night in a path's folders, if any."""
    return next((night for part in str(relpath).split("/") if (night := night_named(part))), None)


def _rows(
    connection: Connection,
    sql: str,
    values: Mapping[str, Any] | None = None,
    *,
    duration: bool = False,
) -> list[Any]:
    """Return the rows of a query.

    With `duration`, that column as timedeltas. SQLite stores durations as times since 1970.
    """
    import sqlalchemy

    values = values or {}
    typed = [
        sqlalchemy.bindparam(name, type_=sqlalchemy.DateTime())
        for name in ("event", "start", "end")
        if name in values
    ]
    statement = sqlalchemy.text(sql).bindparams(*typed)
    try:
        columns = statement.columns(duration=sqlalchemy.Interval()) if duration else statement
        return list(connection.execute(columns, values))
    except TypeError as error:  # SQLite has a number, or bytes, as a duration
        raise ValueError("a duration is none") from error
