"""FitsStorage's queues: their entries, and these as attempts.

A queue's table has a row for what waits, is in progress or failed; success deletes the row. A row
that has not failed has the latest time there is as `fail_dt` (9999-12-31), as NULLs would break the
table's uniqueness. `added` and `after` are UTC, but `fail_dt` is the server's local time
(fits_storage/queues/orm/, fits_storage/queues/queue/).
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.sources.fitsstorage_tables import QUEUES, queue_table, select_or_null
from observing_monitor.sources.shared.gemini import (
    UTC,
    name_in,
    night_of_name,
    plain_name,
    seq_num_of_name,
    to_utc,
)

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection, Row

    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.fitsstorage_tables import FitsDatabase


# keys of columns.STATUSES
STATES = ("waiting", "running", "deferred", "failure")
# columns to read from a queue's table; previewqueue has no `added`, only two have `after`
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
# columns that older versions lack; no note says so
OPTIONAL = ("after", "recipe", "filenames", "request")
# columns of the query for entries, in order
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
# columns with texts, which may be long
TEXTS = ("error", "request", "filenames", "recipe")
MAX_REQUEST = 10_000
NO_NAME = "requests that name no file"
_WORDS = {
    "waiting": "waits in the {} queue",
    "running": "in progress in the {} queue",
    "deferred": "put off in the {} queue until {:%Y-%m-%d %H:%M:%S} UTC",
    "failure": "failed in the {} queue, which doesn't say why",
}


@dataclass(frozen=True)
class Entry:
    """One row of a queue."""

    # a look's digest contains the repr: the class and its fields keep their names
    queue: str
    id: int
    name: str  # of the file, without .bz2; "" if the row names none
    state: str  # one of STATES
    at: datetime.datetime | None  # when it was added or failed; None if the table does not say
    after: datetime.datetime | None  # not to be done before
    to: str
    digest: str  # of the error, the request and the file names
    night: datetime.date

    @property
    def key(self) -> str:
        """The row's name among all queues."""
        return f"{self.queue} {self.id}"


class Queues:
    """The queues of one database.

    Parameters
    ----------
    database : FitsDatabase
    queues : list of str
        Names of the queues to read.
    zone : tzinfo
        The time zone of the server's clock.
    asked : Asked
    """

    def __init__(
        self, database: FitsDatabase, queues: list[str], zone: datetime.tzinfo, asked: Asked
    ) -> None:
        self.database = database
        self.names = [queue for queue in QUEUES if queue in queues]
        self.zone = zone
        self.asked = asked
        self._entries: list[Entry] | None = None

    def entries(self) -> list[Entry]:
        """Return all entries, as of the first call.

        So all nights of a run show one moment.
        """
        if self._entries is None:
            with self.database.connect() as connection:
                self._entries = [
                    entry for queue in self.names for entry in self._read(connection, queue)
                ]
        return self._entries

    def existing(self) -> list[str]:
        """Return the names of the queues that can be read."""
        return [queue for queue in self.names if self.database.columns_of(queue_table(queue))]

    def attempts(self, entries: list[Entry]) -> dict[str, Any]:
        """Return entries as attempts at the queue's stage, columns by name."""
        texts = self._texts(entries)
        messages = []
        for entry in entries:
            error, *more = texts.get(entry.key, [""])
            first = error or _WORDS[entry.state].format(entry.queue, entry.after)
            messages.append("\n\n".join([first, *more]))
        names = [entry.name or f"{entry.queue}: {NO_NAME}" for entry in entries]
        return {
            "stage": [entry.queue for entry in entries],
            "attempted_at": [entry.at for entry in entries],
            "status": [entry.state for entry in entries],
            "message": messages,
            "destination": [entry.to or None for entry in entries],
            "path": names,
            "names": names,
            "seq_num": [seq_num_of_name(entry.name) for entry in entries],
        }

    def _read(self, connection: Connection, queue: str) -> list[Entry]:
        """Return a queue's entries without their texts; note what its table lacks."""
        from sqlalchemy import text

        table = queue_table(queue)
        existing = self.database.columns_of(table)
        if not existing:
            self.database.note(
                f"there is no table {table}, or this user may not read it; "
                "if that is right, leave it out of queues"
            )
            return []
        if "id" not in existing:
            self.database.note(f"{table} has no column id; the queue was left out")
            return []
        missing = [name for name in WANTED[queue] if name not in existing and name not in OPTIONAL]
        if missing:
            self.database.note(
                f"{table} has no column {', '.join(missing)}; this part of its entries is not known"
            )
        sql = self._select(table, existing)
        return [self._entry(queue, row) for row in connection.execute(text(sql))]

    def _select(self, table: str, existing: set[str]) -> str:
        """Return the query for a queue's entries, with ROW and `digest`."""
        sources = {name: f"q.{name}" for name in existing}
        if "filenames" in existing:
            sources["first"] = "q.filenames[1]"
        sources["inprogress"] = "false"
        if "inprogress" in existing:
            sources["inprogress"] = "coalesce(q.inprogress, false)"
        if "fail_dt" in existing:
            sources["fail_dt"] = "case when q.fail_dt < timestamp '9999-01-01' then q.fail_dt end"
        if "request" in existing:
            sources["request"] = f"left(q.request, {MAX_REQUEST})"
        join = ""
        has_entrytime = {"id", "entrytime"} <= self.database.columns_of("diskfile")
        if "diskfile_id" in existing and has_entrytime:
            # a file is queued for its preview when it has been ingested
            sources["added"] = "d.entrytime"
            join = "left join diskfile d on d.id = q.diskfile_id"
        texts = ", ".join(f"q.{name}::text" for name in TEXTS if name in existing) or "null"
        selected = ", ".join(f"{sources.get(name, 'null')} as {name}" for name in ROW)
        digest = f"md5(concat_ws('|', {texts})) as digest"
        return f"select {selected}, {digest} from {table} q {join} order by q.id"

    def _entry(self, queue: str, row: Row[Any]) -> Entry:
        name = plain_name(row.filename or row.first or name_in(row.request))
        failed_at = to_utc(row.fail_dt, self.zone)
        added, after = to_utc(row.added, UTC), to_utc(row.after, UTC)
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

    def _texts(self, entries: list[Entry]) -> dict[str, list[str]]:
        """Return the texts of these entries by `Entry.key`, first the error or ""."""
        from sqlalchemy import text

        texts: dict[str, list[str]] = {}
        if not entries:
            return texts
        with self.database.connect() as connection:
            for queue in {entry.queue for entry in entries}:
                table = queue_table(queue)
                selected = ", ".join(select_or_null(TEXTS, self.database.columns_of(table)))
                sql = f"select id, {selected} from {table} where id = any(:ids)"
                ids = [entry.id for entry in entries if entry.queue == queue]
                for row in connection.execute(text(sql), {"ids": ids}):
                    texts[f"{queue} {row.id}"] = _texts_of(row)
        return texts


def _texts_of(row: Row[Any]) -> list[str]:
    texts = [(row.error or "").strip()]
    texts += [f"Request: {row.request}"] if row.request else []
    texts += [f"Recipe: {row.recipe}"] if row.recipe else []
    texts += [f"Files: {', '.join(map(str, row.filenames))}"] if row.filenames else []
    return texts
