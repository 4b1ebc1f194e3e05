"""SQLite files of others, read so that nothing of them changes: no byte, no lock that stays, no file beside them.

- One in WAL mode whose write-ahead log is empty, or not there, is opened as `immutable`: else SQLite would make files -wal and -shm.
- One that has rows in its log yet is copied with it into the folder for temporary files, and the copy is read: to see the log in
  place SQLite would note there who reads it.
- Any other is opened with `mode=ro`, under SQLite's own shared lock; who wants no lock at all adds `immutable`, and looks whether
  the file changed meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from observing_monitor.errors import SourceError
from observing_monitor.files import open_plain

_WAL = b"\2\2"  # the 19th and 20th byte of a file in WAL mode, says SQLite's file format
_copies: dict[tuple[int, str], tuple[list[int], sqlite3.Connection]] = {}  # by process and path: the state that was copied, and the copy


class _Kept(sqlite3.Connection):
    """A connection that stays open whoever closes it: it is all that is left of a copy."""

    def close(self) -> None:
        pass


def state_of(path: str) -> list[int]:
    """Numbers that differ when the file, or its log, was written: three, and three of the log where that has rows. Raises OSError."""
    told = os.stat(path)
    state = [told.st_size, told.st_mtime_ns, told.st_ino]
    try:
        log = os.stat(f"{path}-wal")
    except OSError:
        return state
    return [*state, log.st_size, log.st_mtime_ns, log.st_ino] if log.st_size else state


def mode(path: str) -> dict[str, str]:
    """How SQLite is to open a file that has no rows in a log; OSError where it is no plain file."""
    with open_plain(path) as file:
        is_wal = file.read(20)[18:] == _WAL
    return {"mode": "ro", "immutable": "1"} if is_wal else {"mode": "ro"}


@contextlib.contextmanager
def opened(path: str, timeout_s: float) -> Iterator[sqlite3.Connection]:
    """A connection that only reads a file; OSError where it is no plain file, SourceError where it changes all the time."""
    if copy := copy_of(path):
        yield copy
        return
    options = urllib.parse.urlencode(mode(path))
    address = f"file:{urllib.parse.quote(os.fsencode(os.path.abspath(path)))}?{options}"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=timeout_s)) as connection:
        yield connection


def ask(connection: sqlite3.Connection, sql: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """The rows that a query selects. Text that is not UTF-8 is shown as \\x.., and hides no row."""
    try:
        return connection.execute(sql, values).fetchall()
    except (sqlite3.OperationalError, UnicodeError) as error:
        if "UTF-8" not in str(error) and not isinstance(error, UnicodeError):
            raise
    connection.text_factory = TEXT  # only now: it is called for every text, and that takes half as long again
    return connection.execute(sql, values).fetchall()


TEXT = functools.partial(str, encoding="utf-8", errors="backslashreplace")  # SQLite keeps whatever bytes it was given as text


def copy_of(path: str) -> sqlite3.Connection | None:
    """A connection to a copy of a file that has rows in its log, made once for each state; None where there are none.

    Raises OSError where it can't be read or copied, SourceError where it changes all the time.
    """
    path, ours = os.path.abspath(path), (os.getpid(), os.path.abspath(path))
    for _ in range(3):
        state = state_of(path)
        if len(state) == 3:
            return None
        if ours in _copies and _copies[ours][0] == state:
            return _copies[ours][1]
        _copies.pop(ours, None)  # its connection, and with it its room on the disk, goes first
        made = _copied(path)
        if state_of(path) == state:
            _copies[ours] = state, made
            return made
    raise SourceError(f"{path}: changes faster than it can be read; the next run tries again")


def _copied(path: str) -> sqlite3.Connection:
    with tempfile.TemporaryDirectory(prefix="observing_monitor_registry_") as folder:
        for ending in ("", "-wal"):
            with open_plain(f"{path}{ending}") as there, open(os.path.join(folder, f"registry{ending}"), "wb") as here:
                shutil.copyfileobj(there, here, 1 << 20)
        connection = sqlite3.connect(os.path.join(folder, "registry"), check_same_thread=False, factory=_Kept)
        # all that it reads is open then; without its names nothing is left behind, however the run ends
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        connection.execute("PRAGMA query_only=1")
    return connection
