"""The tables of the Data Backbone's endpoint manager: every file that came, and every event of its ingest.

`<prefix>files` has a row a file (id, relpath: its directory below the storage area, filename, added_on, in later versions
size_bytes), `<prefix>gen3_file_events` or `<prefix>gen2_file_events` a row an event: start_time, duration, status,
err_message, files_id. Nothing is ever changed or removed: a file's state is its event with the latest start_time. A file
without any event was not seen by the ingester. Times are local to the manager's machine and carry no zone.
(lsst-dm/dbb_buffmngrs_endpoint: declaratives.py, status.py, ingester/ingester.py)
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import night_named, zone_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared.cells import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from zoneinfo import ZoneInfo

    from pandas import DataFrame, Series
    from sqlalchemy import Connection

    from observing_monitor.model.reading import Known
    from observing_monitor.sources.base import Asked


STATUSES = {  # the manager's word -> ours, in the order in which events of the very same time follow each other
    "BACKFILL": "backfill",
    "UNTRIED": "untried",
    "RERUN": "rerun",
    "PENDING": "waiting",
    "UNKNOWN": "unknown",
    "IGNORED": "ignored",
    "INVALID": "invalid",
    "FAILURE": "failure",
    "SUCCESS": "success",
}
SILENT = (
    "BACKFILL",
    "RERUN",
    "PENDING",
    "UNKNOWN",
)  # these come without a message: their meaning stands in its place
NO_EVENT = "no event of it: the ingester has not seen it"
FILE_COLUMNS = ("id", "relpath", "filename", "added_on")
EVENT_COLUMNS = ("files_id", "start_time", "status")
ID_MARGIN = 10_000  # numbers are given when a row is begun: one that was seen later may be smaller by this much
TIME_MARGIN = datetime.timedelta(
    days=1
)  # the clocks of those that add files and of those that ingest them may differ


@dataclass(frozen=True)
class Since:
    """Where a night's rows begin, so that later looks needn't read the tables from their beginning."""

    file: int = 0
    event: str = "1970-01-01T00:00:00"  # in the manager's local time


class DataBackbone(Telling):
    """The files of a Data Backbone endpoint, with every event of their ingest."""

    @dataclass
    class Settings:
        url: str  # the database: postgresql://user@host/name
        prefix: str = ""  # what the tables' names begin with: obs_auxtel_arc_
        gen: int = 3  # which Butler's events: 3 or 2
        timezone: str = (
            "UTC"  # the zone of the tables' times: that of the machines where the manager runs
        )
        stage: str = "ingest"  # what the events are attempts of; two sources with both Butlers' need two names
        name_pattern: str = (
            names.RUBIN
        )  # how a file's name tells obsid, exposure, seq_num and detector
        password_env: str = (
            ""  # the environment variable with the password; libpq's .pgpass works as well
        )
        timeout_s: float = 30  # how long the database may take to answer

    @staticmethod
    def stages_of(settings: DataBackbone.Settings) -> tuple[str, ...]:
        return (settings.stage,)

    @staticmethod
    def place_of(settings: DataBackbone.Settings) -> str:
        return f"{Database(settings.url).place}, tables {settings.prefix}files and {_events_table(settings)}"

    def __init__(self, settings: DataBackbone.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "dbb"
        self.database = Database(settings.url, settings.password_env, settings.timeout_s).check()
        self.tables = (f"{settings.prefix}files", _events_table(settings))
        self._since: dict[datetime.date, Since] = {}  # night -> Since, from look to read
        self._there: set[str] = set()  # the columns that the two tables have
        if settings.gen not in (2, 3):
            raise UsageError(f"gen = {settings.gen} of a Data Backbone is not known; it is 3 or 2")
        self.zone = zone_named("timezone", settings.timezone)

    def nights(self) -> set[datetime.date]:
        """The nights that a file's directory is named after, or, where none is, that the file was added in."""
        with self.database.connect() as connection:
            files, _ = self._checked(connection)
            rows = _rows(
                connection,
                f"select distinct relpath, substr(cast(added_on as varchar(30)), 1, 13) from {files}",
            )
        return {
            night
            for relpath, hour in rows
            if (night := _named_in(relpath) or self._night_of_hour(hour))
        }

    def look(self, night: datetime.date, known: Known) -> Known:
        """How many files and events the night has, and their last: read from where the night's rows begin, once that is known."""
        since = Since(*known["since"]) if known and not self.asked.look_at_everything else Since()
        self._since[night] = since
        with self.database.connect() as connection:
            rows = self._query(
                connection,
                night,
                since,
                "count(distinct f.id), count(e.start_time), max(f.id), max(e.start_time)",
            )
            counts = [str(value) for value in rows[0]]
            if not known:
                ((first, added),) = self._query(
                    connection, night, since, "min(f.id), min(f.added_on)"
                )
                since = self._since_of(connection, first, added)
        return {"counts": counts, "since": known["since"] if known else [since.file, since.event]}

    def read(self, night: datetime.date) -> Reading:
        """The night's attempts: one an event, and one that says so for a file without any."""
        import pandas as pd

        with self.database.connect() as connection:
            self._checked(connection)
            optional = {
                "size_bytes": "f.size_bytes",
                "duration": "e.duration",
                "err_message": "e.err_message",
            }
            wanted = [
                sql if name in self._there else f"null as {name}" for name, sql in optional.items()
            ]
            what = ", ".join(
                [
                    "f.id",
                    "f.relpath",
                    "f.filename",
                    "f.added_on",
                    "e.start_time",
                    "e.status",
                    *wanted,
                ]
            )
            rows = self._query(
                connection,
                night,
                self._since.get(night, Since()),
                what,
                duration="duration" in self._there,
            )
        named = ["id", "relpath", "filename", "added_on", "start_time", "status", *optional]
        told = pd.DataFrame([tuple(row) for row in rows], columns=named, dtype="object")
        told = told[told["filename"].notna()].assign(  # SQLite keeps anything in any column
            relpath=to_text(told["relpath"]).fillna(""), filename=to_text(told["filename"])
        )
        told["added_at"] = _instants(told["added_on"], self.zone)
        events = told.loc[self._is_of(told, night)].reset_index(drop=True)
        if events.empty:
            return Reading(attempts=frames.empty(columns.ATTEMPTS))
        return self._reading(events)

    def _reading(self, events: DataFrame) -> Reading:
        """What the rows of files with their events come to: a Reading."""
        import pandas as pd

        known = events["status"].isin(list(STATUSES)) | events["start_time"].isna()
        odd = events.loc[~known, "status"].astype("str")
        where = f"{self.database.place}, {self.tables[1]}"
        notes = [
            f"{where}: status {word!r} ({count} of them) is not known; it is taken as UNKNOWN"
            for word, count in odd.value_counts().items()
        ]
        events["status"] = events["status"].where(known, "UNKNOWN")
        order = {word: number for number, word in enumerate(STATUSES)}
        events["started_at"] = _instants(events["start_time"], self.zone)
        events = events.assign(order=events["status"].map(order)).sort_values(
            ["id", "started_at", "order"], kind="stable", ignore_index=True
        )
        has_event = events["start_time"].notna()
        took = pd.to_timedelta(events["duration"], errors="coerce")
        took = took.where(took >= pd.Timedelta(0))
        by_file = events["id"]
        # what is noted later ended later: an event without a duration, after one that took long, does not come before it
        ended = (events["started_at"] + took.fillna(pd.Timedelta(0))).groupby(by_file).cummax()
        path = (
            (events["relpath"].str.strip("/") + "/" + events["filename"])
            .str.replace(r"^(?:\./|/)+", "", regex=True)
            .astype("str")
        )
        attempts = {
            "stage": self.settings.stage,
            "attempted_at": ended,
            "duration_s": took.dt.total_seconds(),
            "status": events["status"].map(STATUSES).where(has_event, "untried"),
            "message": _messages(events).where(has_event, NO_EVENT),
            "attempt": (events.groupby("id").cumcount() + 1).where(has_event),
            "path": path,
            "names": events["filename"],
            "size_bytes": frames.whole_numbers(events["size_bytes"]),
            "transferred_at": events["added_at"],
            **names.read_names(
                events["filename"].astype("str"), self.settings.name_pattern
            ).to_dict("series"),
        }
        return Reading(attempts=frames.frame(columns.ATTEMPTS, pd.DataFrame(attempts)), notes=notes)

    # --- the tables --------------------------------------------------------------------------------------------------

    def _checked(self, connection: Connection) -> list[str]:
        """The tables' names as SQL has them, once it is sure that they have the columns that are needed; else SourceError."""
        import sqlalchemy

        if not self._there:
            inspector = sqlalchemy.inspect(connection)
            there = set()
            for table, needed in zip(self.tables, (FILE_COLUMNS, EVENT_COLUMNS), strict=True):
                if not inspector.has_table(table):
                    raise SourceError(
                        f"{self.database.place}: has no table {table}; `prefix` and `gen` make its name"
                    )
                have = {column["name"] for column in inspector.get_columns(table)}
                if lacking := [name for name in needed if name not in have]:
                    raise SourceError(
                        f"{self.database.place}: table {table} has no column {', '.join(lacking)}; is it a Data Backbone's?"
                    )
                there |= have
            self._there = there
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
        """Rows of the night's files with their events."""
        return _rows(connection, *self._sql(connection, night, since, wanted), duration=duration)

    def _sql(
        self, connection: Connection, night: datetime.date, since: Since, wanted: str
    ) -> tuple[str, dict[str, object]]:
        """What to ask for the night's files (f) with their events (e), from `since` on; may give files of other nights.

        No index leads to a directory or to a time of arrival; the tables' numbers and times do, to where they begin.
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

    def _since_of(self, connection: Connection, first: int, added: datetime.datetime) -> Since:
        """The Since of a night whose first file has this number and time; of one without any, where the next would come."""
        files, _ = self._checked(connection)
        if first is None:
            ((first, added),) = _rows(connection, f"select max(id), max(added_on) from {files}")
        if first is None or added is None:
            return Since()
        try:
            added = datetime.datetime.fromisoformat(added) if isinstance(added, str) else added
            return Since(
                max(0, first - ID_MARGIN), (added.replace(tzinfo=None) - TIME_MARGIN).isoformat()
            )
        except (
            ValueError,
            TypeError,
            AttributeError,
            OverflowError,
        ):  # no number, no time: SQLite keeps anything
            return Since()

    # --- nights ------------------------------------------------------------------------------------------------------

    def _is_of(self, events: DataFrame, night: datetime.date) -> Series[bool]:
        """Whether each row's file is of the night: its directory says so, or, where it is silent, the time when it was added."""
        import pandas as pd

        said = events["relpath"].map(
            {relpath: _named_in(relpath) for relpath in events["relpath"].unique()}
        )
        shifted = events["added_at"] + pd.Timedelta(seconds=self.asked.rule.offset_s)
        return said.eq(night) | (said.isna() & shifted.dt.date.eq(night))

    def _night_of_hour(self, hour: object) -> datetime.date | None:
        try:
            local = datetime.datetime.fromisoformat(f"{hour}:30").replace(tzinfo=self.zone)
            return self.asked.rule.night_of(local)
        except (TypeError, ValueError):
            return None


def _events_table(settings: DataBackbone.Settings) -> str:
    return f"{settings.prefix}gen{settings.gen}_file_events"


def _named_in(relpath: str) -> datetime.date | None:
    """The night that a directory's path says: that of its first part which is a night's name; None if none is."""
    return next((night for part in str(relpath).split("/") if (night := night_named(part))), None)


def _rows(
    connection: Connection,
    sql: str,
    values: Mapping[str, Any] | None = None,
    *,
    duration: bool = False,
) -> list[Any]:
    """The rows of a query; durations, which SQLite keeps as times since 1970, as timedeltas."""
    import sqlalchemy

    values = values or {}
    typed = [
        sqlalchemy.bindparam(name, type_=sqlalchemy.DateTime())
        for name in ("event", "start", "end")
        if name in values
    ]
    statement = sqlalchemy.text(sql).bindparams(*typed)
    try:
        return list(
            connection.execute(
                statement.columns(duration=sqlalchemy.Interval()) if duration else statement, values
            )
        )
    except TypeError as error:  # SQLite keeps a number, or bytes, where a duration should be
        raise ValueError(f"a duration is none ({error})") from error


def _instants(values: Series[Any], zone: ZoneInfo) -> Series[Any]:
    """Times of the tables as instants: those without a zone are local to `zone`; what is no time is NaT."""
    import numpy as np
    import pandas as pd

    # PostgreSQL's infinity comes as the last instant that Python knows
    plain = values.map(
        lambda value: (
            None if isinstance(value, datetime.datetime) and value.year in (1, 9999) else value
        )
    )
    aware = plain.map(
        lambda value: isinstance(value, datetime.datetime) and value.tzinfo is not None
    )
    if aware.any():
        return frames.in_calendar(
            pd.to_datetime(plain, utc=True, errors="coerce").astype(columns.DTYPES["instant"])
        )
    plain = plain.where(plain.map(lambda value: isinstance(value, str | datetime.datetime)))
    local = pd.to_datetime(plain, errors="coerce", format="ISO8601").astype("datetime64[us]")
    # the hour that comes twice in autumn is taken as winter's, the one that is left out in spring as the next
    local = local.dt.tz_localize(
        zone, ambiguous=np.zeros(len(local), bool), nonexistent="shift_forward"
    )
    return frames.in_calendar(local.dt.tz_convert("UTC").astype(columns.DTYPES["instant"]))


def _messages(events: DataFrame) -> Series[Any]:
    """What was said of each event: the manager's message; where it says none, what its status means, and what was said before."""
    said = to_text(events["err_message"]).fillna("").astype("str")
    before = (
        said.mask(said == "").groupby(events["id"]).ffill().groupby(events["id"]).shift().fillna("")
    )
    meaning = events["status"].map(
        {word: f"{word}: {columns.STATUSES[STATUSES[word]]}" for word in SILENT}
    )
    silent = (said == "") & meaning.notna()
    meaning = meaning.fillna("") + ("\n" + before).where(before != "", "")
    return said.mask(silent, meaning)
