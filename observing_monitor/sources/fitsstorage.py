"""FitsStorage's database at Gemini: which files arrived and were ingested, and what its queues hold.

A queue's table has a row for what waits, is in progress or failed; success deletes the row, so what was done stands in
`diskfile`. A row has not failed where `fail_dt` is the latest time there is (9999-12-31), as NULLs would break the
table's uniqueness. `added` and `after` are UTC, but `fail_dt` is the server's local time (fits_storage/queues/orm/,
fits_storage/queues/queue/). The tables differ between versions, so their columns are asked for first.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import iso_utc, parse_utc, zone_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared.gemini import (
    PREFIXES,
    UTC,
    failures,
    name_in,
    night_of_name,
    plain_name,
    seq_num_of_name,
    to_utc,
)

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame, Series
    from sqlalchemy import Connection, Row

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


QUEUES = (
    "ingest",
    "export",
    "fileops",
    "preview",
    "calcache",
    "reduce",
)  # each in a table NAMEqueue
STATES = ("waiting", "running", "deferred", "failure")  # keys of columns.STATUSES

# What we read of a queue's table, where it has it. previewqueue has no `added`, only two have `after`.
WANTED = {
    queue: ("filename", "inprogress", "fail_dt", "error", *more)
    for queue, more in {
        "ingest": ("added", "after"),
        "export": ("added", "after", "destination"),
        "fileops": ("added", "after", "request"),
        "preview": ("diskfile_id",),
        "calcache": ("added",),
        "reduce": ("added", "filenames", "recipe"),
    }.items()
}
DISKFILE = (
    "id",
    "file_id",
    "filename",
    "path",
    "present",
    "canonical",
    "file_size",
    "lastmod",
    "entrytime",
    "isfits",
    "fverrors",
    "mdready",
)
OPTIONAL = (
    "after",
    "recipe",
    "filenames",
    "request",
)  # older versions lack them, and nobody misses them
ROW = (
    "id",
    "filename",
    "first",
    "inprogress",
    "fail_dt",
    "added",
    "after",
    "destination",
    "request",
)
NO_NAME = "requests that name no file"


@dataclass(frozen=True)
class Entry:
    """One row of a queue."""

    queue: str
    id: int
    name: str  # of the file, without .bz2; "" where the row names none
    state: str  # one of STATES
    at: datetime.datetime | None  # when it was added, or failed; None where the table doesn't tell
    after: datetime.datetime | None  # not to be done before
    to: str
    digest: str  # of the error, the request and the file names
    night: datetime.date

    @property
    def key(self) -> str:
        """Names the row among all queues."""
        return f"{self.queue} {self.id}"


class FitsStorage(Telling):
    """The queues and the files of one FitsStorage server, from its PostgreSQL."""

    meanings = {
        "queue_waiting": "Entries that wait in the queue",
        "queue_running": "Entries in progress",
        "queue_deferred": "Entries put off until later",
        "queue_failed": "Entries that failed and lie in the queue",
        "queue_stuck": "Entries that were in progress at an earlier look already",
        "queue_oldest_s": "How long the oldest waiting entry has waited",
        "queue_nights": "The nights of the queue's entries, and how many of each",
        "queues_waiting": "Entries that wait in all queues",
        "queues_failed": "Entries that failed in all queues",
    }
    histories = ("queue_waiting", "queue_failed", "queue_oldest_s")

    @dataclass
    class Settings:
        url: str  # postgresql://user@host/fitsdata
        password_env: str = (
            ""  # the environment variable that holds the password, if .pgpass doesn't
        )
        timeout_s: float = 30  # give up on the server after that
        zone: str = "UTC"  # the zone of the server's clock, which fail_dt is in: Pacific/Honolulu, America/Santiago
        queues: list[str] = field(default_factory=lambda: list(QUEUES))  # which to read
        files: bool = True  # diskfile tells which files there are; false where another source of the stream does
        wait_warning_s: float | None = (
            3600  # warn when the oldest entry of a queue has waited for longer
        )
        stuck_after_s: float = (
            0  # an entry in progress at two looks is stuck, if these are further apart than that
        )

    @staticmethod
    def stages_of(settings: FitsStorage.Settings) -> tuple[str, ...]:
        return tuple(queue for queue in QUEUES if queue in settings.queues or queue == "ingest")

    @staticmethod
    def queues_of(settings: FitsStorage.Settings) -> tuple[str, ...]:
        return tuple(settings.queues)

    @staticmethod
    def place_of(settings: FitsStorage.Settings) -> str:
        return Database(settings.url).place

    @staticmethod
    def headlines(settings: FitsStorage.Settings) -> tuple[str, ...]:
        return ("queues_waiting", "queues_failed")

    def __init__(self, settings: FitsStorage.Settings, asked: Asked) -> None:
        unknown = sorted(set(settings.queues) - set(QUEUES))
        if unknown:
            raise UsageError(
                f"queues has {unknown[0]!r}; FitsStorage's queues are {', '.join(QUEUES)}"
            )
        self.settings = settings
        self.asked = asked
        self.name = "fitsstorage"
        self.zone = zone_named("zone", settings.zone)
        self.database = Database(settings.url, settings.password_env, settings.timeout_s).check()
        self.place = self.database.place
        self._tables: dict[str, set[str]] = {}  # table -> its columns
        self._queued: list[Entry] | None = (
            None  # the queues' entries, read once a run: all nights are of the same moment
        )
        self._notes: list[str] = []
        self._states: dict[datetime.date, Any] = {}  # night -> what the last look gave

    def nights(self) -> set[datetime.date]:
        from sqlalchemy import text

        entries = self._entries()
        found = {entry.night for entry in entries}
        if "diskfile" not in self._tables:
            return found
        by_day = "select min(filename) from diskfile group by substring(filename from '[12][0-9]{7}'), left(filename, 1)"
        by_hour = "select distinct date_trunc('hour', entrytime) from diskfile where filename !~ '[12][0-9]{7}'"
        with self.database.connect() as connection:
            found |= {
                night
                for (name,) in connection.execute(text(by_day))
                if (night := night_of_name(name))
            }
            found |= {
                self.asked.rule.night_of(hour)
                for (hour,) in connection.execute(text(by_hour))
                if hour
            }
        return found

    def look(self, night: datetime.date, known: Known) -> Known:
        """The night's entries and a digest of its files; of tonight all entries, and what now is, for it is sampled.

        `running` maps the entries in progress to when they were first seen so, `stuck` lists those seen so before.
        """
        if known and known["files"] is not None and not self._has_files():
            raise SourceError(
                f"{self.place}: diskfile can't be read any more; its files stay as last seen"
            )
        entries = self._covered(night)
        first_seen = (known or {}).get("running", {})
        now = iso_utc(self.asked.now)
        running = {
            entry.key: first_seen.get(entry.key, now)
            for entry in entries
            if entry.state == "running"
        }
        stuck = sorted(key for key, since in running.items() if self._is_stuck(since))
        nameless = sorted(
            {e.queue for e in entries if not e.name and e.night == night}
            | set((known or {}).get("nameless", []))
        )
        rows = sorted(repr(e) for e in entries)
        digest = hashlib.blake2b(
            "\n".join(rows).encode("utf-8", "backslashreplace"), digest_size=12
        ).hexdigest()
        state = {
            "entries": digest,
            "files": self._files_digest(night),
            "running": running,
            "stuck": stuck,
            "nameless": nameless,
        }
        had_stuck = {key.split()[0] for key in (known or {}).get("stuck", [])}
        self._states[night] = {
            **state,
            "queues_with_stuck": had_stuck | {key.split()[0] for key in stuck},
        }
        return {**state, "sampled_at": now} if night == self._tonight else state

    def read(self, night: datetime.date) -> Reading:
        """The night's files and attempts; of tonight a sample of every queue as well."""
        import pandas as pd

        if night not in self._states:
            self.look(night, None)
        files, done = self._read_files(night)
        entries = [entry for entry in self._entries() if entry.night == night]
        queued = self._attempts(entries, self._messages(entries))
        attempts = pd.concat(
            [frames.frame(columns.ATTEMPTS, t) for t in (done, queued)], ignore_index=True
        )
        order = attempts.groupby(["path", "stage"])["attempted_at"].rank(
            "first", na_option="bottom"
        )
        attempts["attempt"] = order.astype("Int64")
        return Reading(
            files=self._with_queued(files, entries, night) if self.settings.files else None,
            attempts=frames.frame(columns.ATTEMPTS, attempts),
            metrics=self._sample(night),
            notes=list(self._notes),
            append=True,
        )

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: FitsStorage.Settings
    ) -> list[Finding]:
        """What failed in a queue, is stuck, or has waited too long; and what lies in the queues from other nights."""
        found = list(
            failures(
                tables.ingests,
                tuple(queue for queue in settings.queues if queue != "ingest"),
                "#queues",
            )
        )
        latest = tables.metrics.sort_values("sampled_at", kind="stable").drop_duplicates(
            ["name", "node"], keep="last"
        )
        latest = latest.dropna(subset=["node"]).set_index("node")
        told = {
            name: latest[latest["name"] == name]
            for name in ("queue_stuck", "queue_oldest_s", "queue_failed", "queue_waiting")
        }
        for queue, row in told["queue_stuck"].iterrows():
            if row["value"] > 0:
                found.append(
                    Finding(
                        "error",
                        f"{queue} queue: {row['value']:.0f} stuck in progress, {_at(row)}: {row['text']}",
                        "#queues",
                    )
                )
        for queue, row in told["queue_oldest_s"].iterrows():
            if settings.wait_warning_s is not None and row["value"] > settings.wait_warning_s:
                n = told["queue_waiting"]["value"].get(queue, 0)
                found.append(
                    Finding(
                        "warning",
                        f"{queue} queue: {n:.0f} waiting, the oldest for {row['value'] / 3600:.1f} h, {_at(row)}",
                        "#queues",
                    )
                )
        own = tables.ingests[tables.ingests["status"] == "failure"]["stage"].value_counts()
        for queue, row in told["queue_failed"].iterrows():
            others = int(row["value"]) - int(own.get(queue, 0))
            if others > 0:
                found.append(
                    Finding(
                        "normal",
                        f"{queue} queue: {others:,} more failed, of other nights, {_at(row)}",
                        "#metrics",
                    )
                )
        return found

    # --- the queues ------------------------------------------------------------------------------------------------

    @property
    def _tonight(self) -> datetime.date:
        return self.asked.rule.night_of(self.asked.now)

    def _covered(self, night: datetime.date) -> list[Entry]:
        """The entries that a night's look covers: its own, and tonight every one."""
        return [
            entry for entry in self._entries() if entry.night == night or night == self._tonight
        ]

    def _is_stuck(self, since: str) -> bool:
        return (self.asked.now - parse_utc(since)).total_seconds() > self.settings.stuck_after_s

    def _entries(self) -> list[Entry]:
        """All entries of the queues that are read, as they were at the first call."""
        if self._queued is None:
            with self.database.connect() as connection:
                self._tables = self._read_columns(connection)
                queued = []
                for queue in QUEUES:
                    if queue in self.settings.queues:
                        queued += self._read_queue(connection, queue)
            self._queued = queued
        return self._queued

    def _read_columns(self, connection: Connection) -> dict[str, set[str]]:
        """The columns of the tables that we may read: a mapping of tables to sets of names."""
        from sqlalchemy import text

        wanted = [*(f"{queue}queue" for queue in QUEUES), "diskfile", "file", "header"]
        sql = """select table_name, column_name from information_schema.columns
            where table_schema = any(current_schemas(false)) and table_name = any(:names)"""
        there: dict[str, set[str]] = {}
        for table, column in connection.execute(text(sql), {"names": wanted}):
            there.setdefault(table, set()).add(column)
        return there

    def _read_queue(self, connection: Connection, queue: str) -> list[Entry]:
        """A queue's entries, without their errors, which may be long; what its table lacks is noted."""
        from sqlalchemy import text

        table = f"{queue}queue"
        there = self._tables.get(table)
        if not there:
            self._notes.append(
                f"{self.place}: there is no table {table}, or this user may not read it; if that is right, leave it out of queues"
            )
            return []
        if "id" not in there:
            self._notes.append(f"{self.place}: {table} has no column id; the queue was left out")
            return []
        absent = [name for name in WANTED[queue] if name not in there and name not in OPTIONAL]
        if absent:
            self._notes.append(
                f"{self.place}: {table} has no column {', '.join(absent)}; what it would tell is not known"
            )

        told = {name: f"q.{name}" for name in there}
        if "filenames" in there:
            told["first"] = "q.filenames[1]"
        told["inprogress"] = "coalesce(q.inprogress, false)" if "inprogress" in there else "false"
        if "fail_dt" in there:
            told["fail_dt"] = "case when q.fail_dt < timestamp '9999-01-01' then q.fail_dt end"
        if "request" in there:
            told["request"] = "left(q.request, 10000)"
        join = ""
        if "diskfile_id" in there and {"id", "entrytime"} <= self._tables.get("diskfile", set()):
            # what waits for its preview came into the queue when its file had been ingested
            told["added"], join = "d.entrytime", "left join diskfile d on d.id = q.diskfile_id"
        texts = (
            ", ".join(
                f"q.{name}::text"
                for name in ("error", "request", "filenames", "recipe")
                if name in there
            )
            or "null"
        )
        selected = ", ".join(f"{told.get(name, 'null')} as {name}" for name in ROW)
        rows = connection.execute(
            text(
                f"select {selected}, md5(concat_ws('|', {texts})) as digest from {table} q {join} order by q.id"
            )
        )
        return [self._entry(queue, row) for row in rows]

    def _entry(self, queue: str, row: Row[Any]) -> Entry:
        name = plain_name(row.filename or row.first or name_in(row.request))
        failed_at, added, after = (
            to_utc(row.fail_dt, self.zone),
            to_utc(row.added, UTC),
            to_utc(row.after, UTC),
        )
        if row.inprogress:
            state, at = "running", added or failed_at
        elif failed_at:
            state, at = "failure", failed_at
        else:
            state, at = "deferred" if after and after > self.asked.now else "waiting", added
        night = night_of_name(name) or self.asked.rule.night_of(
            added or failed_at or self.asked.now
        )
        return Entry(
            queue, row.id, name, state, at, after, row.destination or "", row.digest, night
        )

    def _messages(self, entries: list[Entry]) -> dict[str, list[str]]:
        """What stands with each of these entries, whole: its error, its request, its files; by `Entry.key`."""
        from sqlalchemy import text

        found: dict[str, list[str]] = {}
        if not entries:
            return found
        with self.database.connect() as connection:
            for queue in {entry.queue for entry in entries}:
                there = self._tables[f"{queue}queue"]
                asked = [
                    f"{name} as {name}" if name in there else f"null as {name}"
                    for name in ("error", "request", "filenames", "recipe")
                ]
                sql = f"select id, {', '.join(asked)} from {queue}queue where id = any(:ids)"
                for row in connection.execute(
                    text(sql), {"ids": [entry.id for entry in entries if entry.queue == queue]}
                ):
                    words = [(row.error or "").strip()]
                    words += [f"Request: {row.request}"] if row.request else []
                    words += [f"Recipe: {row.recipe}"] if row.recipe else []
                    words += (
                        [f"Files: {', '.join(map(str, row.filenames))}"] if row.filenames else []
                    )
                    found[f"{queue} {row.id}"] = words
        return found

    def _attempts(self, entries: list[Entry], messages: dict[str, list[str]]) -> dict[str, Any]:
        """Entries as attempts, the queue's name being the stage."""
        words = {
            "waiting": "waits in the {} queue",
            "running": "in progress in the {} queue",
            "deferred": "put off in the {} queue until {:%Y-%m-%d %H:%M:%S} UTC",
        }
        said = []
        for entry in entries:
            error, *more = messages.get(entry.key, [""])
            first = error or words.get(
                entry.state, "failed in the {} queue, which doesn't say why"
            ).format(entry.queue, entry.after)
            said.append("\n\n".join([first, *more]))
        named = [entry.name or f"{entry.queue}: {NO_NAME}" for entry in entries]
        return {
            "stage": [entry.queue for entry in entries],
            "attempted_at": [entry.at for entry in entries],
            "status": [entry.state for entry in entries],
            "message": said,
            "destination": [entry.to or None for entry in entries],
            "path": named,
            "names": named,
            "seq_num": [seq_num_of_name(entry.name) for entry in entries],
        }

    # --- the files -------------------------------------------------------------------------------------------------

    def _of_night(self, night: datetime.date) -> tuple[str, dict[str, Any]]:
        """SQL for "diskfile d may be of the night", and its values: by the names' beginnings, which have an index, else by time."""
        stamp, (start, end) = night.strftime("%Y%m%d"), self.asked.rule.bounds(night)
        values: dict[str, Any] = {"start": start, "end": end}
        parts = ["(d.entrytime >= :start and d.entrytime < :end)"]
        for number, prefix in enumerate(PREFIXES):
            # whatever the database's collation, names that begin so lie between these two
            parts.append(f"(d.filename >= :from{number} and d.filename <= :to{number})")
            values |= {f"from{number}": prefix + stamp, f"to{number}": prefix + stamp + "zzzzzzzz"}
        return f"({' or '.join(parts)})", values

    def _has_files(self) -> bool:
        """Whether diskfile tells what we must know of it; noted where not."""
        self._entries()
        there = self._tables.get("diskfile", set())
        lacking = [name for name in ("id", "filename", "entrytime") if name not in there]
        if lacking:
            what = (
                f"diskfile has no column {', '.join(lacking)}"
                if there
                else "there is no table diskfile, or this user may not read it"
            )
            note = f"{self.place}: {what}; what arrived and was ingested is not known"
            self._notes += [note] if note not in self._notes else []
        return not lacking

    def _files_digest(self, night: datetime.date) -> list[Any] | None:
        from sqlalchemy import text

        if not self._has_files():
            return None
        told = ", ".join(f"d.{name}::text" for name in DISKFILE if name in self._tables["diskfile"])
        condition, values = self._of_night(night)
        sql = f"select count(*), md5(string_agg(concat_ws(',', {told}), ';' order by d.id)) from diskfile d where {condition}"
        with self.database.connect() as connection:
            return list(connection.execute(text(sql), values).one())

    def _read_files(self, night: datetime.date) -> tuple[DataFrame, DataFrame]:
        """The night's files, a row a name, and the ingests that they went through, a row a version of a file."""
        import pandas as pd
        from sqlalchemy import text

        versions = pd.DataFrame(
            [], columns=[*DISKFILE, "name", "data_label", "ut_datetime", "exposure_time"]
        )
        if self._has_files():
            condition, values = self._of_night(night)
            with self.database.connect() as connection:
                asked = connection.execute(
                    text(f"select {self._told_of_files()} where {condition} order by d.id"), values
                )
                versions = pd.DataFrame(asked.fetchall(), columns=list(asked.keys()))
        rule = self.asked.rule
        versions["plain"] = [
            plain_name(name or filename or "")
            for name, filename in zip(versions["name"], versions["filename"], strict=True)
        ]
        nights = [
            night_of_name(name) or rule.night_of(to_utc(at, UTC))
            for name, at in zip(versions["plain"], versions["entrytime"], strict=True)
        ]
        is_own = pd.Series([own == night for own in nights], index=versions.index, dtype="bool")
        versions = versions[is_own].drop_duplicates("id")
        table = self._described(versions)
        now = table.sort_values(["canonical", "attempted_at"], kind="stable").drop_duplicates(
            "file_id", keep="last"
        )
        return frames.frame(columns.FILES, now), table.assign(path=table["file_id"])

    def _told_of_files(self) -> str:
        """What to select of diskfile, of `file` for the name, of `header` for what the frame is."""
        there, header = self._tables["diskfile"], self._tables.get("header", set())
        told = [f"d.{name}" if name in there else f"null as {name}" for name in DISKFILE]
        joins = "from diskfile d"
        is_named = {"id", "name"} <= self._tables.get("file", set()) and "file_id" in there
        told.append("f.name" if is_named else "null as name")
        joins += " left join file f on f.id = d.file_id" if is_named else ""
        is_headed = "diskfile_id" in header
        told += [
            f"h.{name}" if is_headed and name in header else f"null as {name}"
            for name in ("data_label", "ut_datetime", "exposure_time")
        ]
        joins += " left join header h on h.diskfile_id = d.id" if is_headed else ""
        return f"{', '.join(told)} {joins}"

    def _described(self, versions: DataFrame) -> DataFrame:
        """Versions of files by the names of both `columns.FILES` and `columns.ATTEMPTS`."""
        import pandas as pd

        name = versions["filename"].astype("str")
        is_there = versions["present"].fillna(True).astype(bool)
        kind = versions["plain"].map(names.kind_of).astype("str")
        path = versions["path"].fillna("").astype("str").str.strip("/")
        taken = pd.to_datetime(versions["ut_datetime"], utc=True, errors="coerce")
        exposed = pd.to_timedelta(
            pd.to_numeric(versions["exposure_time"], errors="coerce").fillna(0).clip(lower=0),
            unit="s",
        )
        errors = pd.to_numeric(versions["fverrors"], errors="coerce").fillna(0)
        verified = ("fitsverify found errors: " + errors.astype("int").astype("str")).where(
            errors > 0, ""
        )
        metadata = pd.Series("metadata are not ready", index=versions.index, dtype="str").where(
            versions["mdready"].eq(False), ""
        )
        message = verified.where((verified == "") | (metadata == ""), verified + "; ") + metadata
        return pd.DataFrame(
            {
                "file_id": versions["plain"].astype("str"),
                "name": name,
                "path": path.where(path == "", path + "/") + name,
                "kind": kind.mask(versions["isfits"].eq(False) & (kind == "fits"), "not FITS"),
                "size_bytes": versions["file_size"].astype("Int64"),
                "exposed_at": taken + exposed,  # the header has the exposure's beginning
                "transferred_at": pd.to_datetime(versions["lastmod"], utc=True, errors="coerce"),
                "obsid": versions["data_label"].astype("object"),
                "seq_num": pd.array(
                    [seq_num_of_name(plain) for plain in versions["plain"]], dtype="Int64"
                ),
                "on_disk": is_there,
                "stage": "ingest",
                "attempted_at": pd.to_datetime(versions["entrytime"], utc=True, errors="coerce"),
                "status": "success",
                "message": message,
                "destination": path,
                "names": name + "\n" + versions["plain"].astype("str"),
                "canonical": versions["canonical"].fillna(True).astype(bool),
            }
        )

    def _with_queued(
        self, files: DataFrame, entries: list[Entry], night: datetime.date
    ) -> DataFrame:
        """Files, and those that only a queue tells of; they had come when they were added to the queue.

        A row for requests without a file stays once there was one: it would be told as gone else.
        """
        import pandas as pd

        named = pd.DataFrame(
            {
                "name": [e.name for e in entries if e.name],
                "transferred_at": [e.at for e in entries if e.name],
            }
        )
        queued = named.groupby("name", as_index=False).agg({"transferred_at": "min"})
        queued = queued[~queued["name"].isin(files["file_id"])].astype({"name": "str"})
        seq_num = pd.array([seq_num_of_name(name) for name in queued["name"]], dtype="Int64")
        queued = queued.assign(
            file_id=queued["name"],
            path=queued["name"],
            kind=queued["name"].map(names.kind_of),
            on_disk=True,
            seq_num=seq_num,
        )
        own = [f"{queue}: {NO_NAME}" for queue in self._states[night]["nameless"]]
        nameless = pd.DataFrame(
            {"file_id": own, "name": own, "path": own, "kind": "request", "on_disk": True}
        )
        told = [frames.frame(columns.FILES, table) for table in (files, queued, nameless)]
        return pd.concat([table for table in told if len(table)] or told[:1], ignore_index=True)

    # --- samples ---------------------------------------------------------------------------------------------------

    def _sample(self, night: datetime.date) -> DataFrame:
        """Of tonight, the depth and age of every queue; of other nights how many of their entries are stuck, if any are or were."""
        entries, state = self._covered(night), self._states[night]
        by_key = {entry.key: entry.name for entry in entries}
        rows: list[tuple[str, str | None, float | None, str | None, str | None]] = []
        queues = (
            [q for q in QUEUES if q in self.settings.queues and f"{q}queue" in self._tables]
            if night == self._tonight
            else []
        )
        for queue in queues:
            own = [entry for entry in entries if entry.queue == queue]
            for metric, status in zip(
                ("waiting", "running", "deferred", "failed"), STATES, strict=True
            ):
                rows.append(
                    (
                        f"queue_{metric}",
                        queue,
                        float(sum(e.state == status for e in own)),
                        None,
                        None,
                    )
                )
            since = min((e.at for e in own if e.state == "waiting" and e.at), default=None)
            rows.append(
                (
                    "queue_oldest_s",
                    queue,
                    (self.asked.now - since).total_seconds() if since else None,
                    None,
                    "s",
                )
            )
            counts = {
                n: sum(e.night == n for e in own)
                for n in sorted({e.night for e in own}, reverse=True)
            }
            nights = "; ".join(f"{n}: {count}" for n, count in list(counts.items())[:20])
            rows.append(("queue_nights", queue, None, nights or "none", None))
        if queues:
            for metric, status in (("queues_waiting", "waiting"), ("queues_failed", "failure")):
                rows.append(
                    (metric, None, float(sum(e.state == status for e in entries)), None, None)
                )
        for queue in sorted({*queues, *state["queues_with_stuck"]}):
            stuck = [key for key in state["stuck"] if key.split()[0] == queue]
            words = "; ".join(
                f"{by_key[key] or 'no file'} (since {state['running'][key][:16].replace('T', ' ')} UTC or before)"
                for key in stuck[:20]
            )
            rows.append(("queue_stuck", queue, float(len(stuck)), words or None, None))
        told = {
            name: [row[i] for row in rows]
            for i, name in enumerate(("name", "node", "value", "text", "unit"))
        }
        return frames.frame(columns.METRICS, {**told, "sampled_at": [self.asked.now] * len(rows)})


def _at(row: Series[Any]) -> str:
    return f"at {row['sampled_at']:%Y-%m-%d %H:%M} UTC"
