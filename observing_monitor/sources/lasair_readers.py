"""Readers of Lasair's status files and of its table of statistics."""

from __future__ import annotations

import datetime
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import SourceError
from observing_monitor.metrics.values import (
    LAST_NID,
    OWN_KEYS,
    as_written,
    file_name_of,
    nid_of_file_name,
)
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import UTC
from observing_monitor.readers.bounded import LIMITS, Limits, read_json_bytes
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any
    from zoneinfo import ZoneInfo

    from observing_monitor.model.reading import Known
    from observing_monitor.readers.sql import Database


# How often, and how long each time, to wait for Lasair's writers. With 30 writes a second, the
# file is whole for some milliseconds between two writes.
LOCK_TRIES = 500
LOCK_WAIT_S = 0.002
# how often neither file nor lock must be there
ABSENT_TRIES = 3
# a file that was written to longer ago is not being written
AT_WORK_S = 10


class StoredNumbers(NamedTuple):
    """A night's keys and values as they are stored."""

    values: dict[str, Any]
    sampled_at: datetime.datetime | None  # the instant of the values; None if there are none
    notes: list[str]


class StatusFiles:
    """A folder of files `status_<nid>.json`."""

    def __init__(self, folder: Path, zone: ZoneInfo, limits: Limits = LIMITS) -> None:
        self.folder = folder
        self.zone = zone
        self.limits = limits

    def place_of(self, nid: int) -> str:
        """Return the path of a night's file."""
        return f"{self.folder}/{file_name_of(nid)}"

    def nids(self) -> set[int]:
        """Return the numbers of the nights that have a file."""
        try:
            names = os.listdir(self.folder)
        except OSError as error:
            raise _fault(self.folder, error) from error
        # a file that is being written is named .lock
        names = [f"{name[:-5]}.json" if name.endswith(".lock") else name for name in names]
        return {nid for name in names if (nid := nid_of_file_name(name)) is not None}

    def look(self, nid: int) -> Known:
        """Return the file's size, time and inode, None if there is no file."""
        stat = self._stat(nid)
        return stat and {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino}

    def read(self, nid: int) -> StoredNumbers:
        """Return what a night's file holds, without its own keys."""
        stat = self._stat(nid)
        if stat is None:
            return StoredNumbers({}, None, [])
        path = self.place_of(nid)
        raw = self._json(path)
        sampled_at, notes = self._update_time(path, raw, stat)
        own_nid = raw.get("nid", nid)
        if own_nid != nid:
            notes.append(f"{path}: says that it is of night {own_nid!r}")
        values = {key: value for key, value in raw.items() if key not in OWN_KEYS}
        return StoredNumbers(values, sampled_at, notes)

    def _stat(self, nid: int) -> os.stat_result | None:
        """Return the stat of a night's file, or None.

        Lasair's older writer renames the file to .lock while it works on it, so wait for it.
        """
        path = self.place_of(nid)
        lock = _lock_of(path)
        n_absent = 0
        try:
            for _ in range(LOCK_TRIES):
                try:
                    return os.stat(path)
                except FileNotFoundError:
                    if os.path.exists(lock):
                        time.sleep(LOCK_WAIT_S)
                        continue
                # it may have been renamed back just before we looked for the lock
                n_absent += 1
                if n_absent == ABSENT_TRIES:
                    break
            else:
                raise SourceError(
                    f"{path}: is {lock} now: a writer is at work or has died; "
                    "if it has died, rename the file back"
                )
            # a missing folder is an error, a missing file is a night without numbers
            os.stat(self.folder)
            return None
        except OSError as error:
            raise _fault(self.folder, error) from error

    def _json(self, path: str) -> dict[str, Any]:
        """Return what a file holds; a file that is being written is read again."""
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                with open_plain(path, [self.folder]) as file:
                    written_at = os.fstat(file.fileno()).st_mtime
                    raw = parse_json(read_json_bytes(file, path, self.limits))
                break
            except FileNotFoundError as error:
                if not tries_left:
                    raise _fault(path, error) from error
            except OSError as error:
                raise _fault(path, error) from error
            except (ValueError, RecursionError) as error:
                if not tries_left or time.time() - written_at > AT_WORK_S:
                    raise SourceError(
                        f"{path}: is not whole JSON; its writer was interrupted or is at work: "
                        "the next run tries again"
                    ) from error
            time.sleep(LOCK_WAIT_S)
        if not isinstance(raw, dict):
            raise SourceError(
                f"{path}: is JSON, but not of names and numbers; check the program that writes it"
            )
        return raw

    def _update_time(
        self, path: str, raw: dict[str, Any], stat: os.stat_result
    ) -> tuple[datetime.datetime, list[str]]:
        """Return update_time, or the file's own time, and notes."""
        text = raw.get("update_time")
        modified_at = datetime.datetime.fromtimestamp(stat.st_mtime, UTC)
        if text is None:
            return modified_at, []
        try:
            instant = datetime.datetime.fromisoformat(text)
            if instant.tzinfo is None:
                instant = instant.replace(tzinfo=self.zone)
            return instant.astimezone(UTC), []
        except (TypeError, ValueError, OverflowError):
            note = f"{path}: update_time {text!r} is no time; the file's own time is used"
            return modified_at, [note]


class StatisticsTable:
    """A table with one row per night and name."""

    def __init__(self, database: Database, table: str, now: datetime.datetime) -> None:
        self.database = database
        self.table = table
        self.now = now
        # nid -> rows of the last look, so that `read` returns what `look` saw
        self._rows: dict[int, list[tuple[str, float | None]]] = {}

    def place_of(self, nid: int) -> str:
        """Return the database, night and table, for messages."""
        return f"{self.database.place}: night {nid} of {self.table}"

    def nids(self) -> set[int]:
        """Return the numbers of the nights that have rows."""
        rows = self._query("SELECT DISTINCT nid FROM {table}", {})
        nids = [nid for (nid,) in rows if isinstance(nid, int | float)]
        return {int(nid) for nid in nids if 0 <= nid <= LAST_NID}

    def look(self, nid: int) -> Known:
        """Return a digest of the night's rows, or None."""
        # + 0E0: MySQL shows a FLOAT with six digits, but a sum with all of them
        rows = self._query(
            "SELECT name, value + 0E0 FROM {table} WHERE nid = :nid ORDER BY name", {"nid": nid}
        )
        self._rows[nid] = [
            (str(name), None if value is None else as_written(float(value))) for name, value in rows
        ]
        return {"digest": hex_digest(repr(self._rows[nid]), n_bytes=12)} if rows else None

    def read(self, nid: int) -> StoredNumbers:
        """Return the rows of the last look, as of this run."""
        if nid not in self._rows:
            self.look(nid)
        values: dict[str, Any] = {}
        notes = []
        for name, value in self._rows[nid]:
            if name not in OWN_KEYS:
                values[name] = value
            elif name == "nid" and value != nid:
                notes.append(f"{self.place_of(nid)}: says that it is of night {value}")
        return StoredNumbers(values, self.now, notes)

    def _query(self, query: str, bound: dict[str, int]) -> list[Any]:
        """Return the rows of a query; `{table}` in it stands for the quoted table."""
        import sqlalchemy

        with self.database.connect() as connection:
            quote = connection.dialect.identifier_preparer.quote
            table = ".".join(quote(part) for part in self.table.split("."))
            text = sqlalchemy.text(query.replace("{table}", table))
            return list(connection.execute(text, bound))


def _lock_of(path: str) -> str:
    """Return the name of a file while Lasair's older writer works on it."""
    return path.removesuffix(".json") + ".lock"


def _fault(path: str | Path, error: OSError) -> SourceError:
    return SourceError(f"{path}: {os_error_text(error)}; path is the folder with status_<nid>.json")
