"""Read SQLite files without disturbing their writers.

Nothing is changed, and no writer has to wait. A file is opened as `immutable`, so that SQLite
takes no lock and makes no file beside it. What locks would guarantee is checked instead: the file
must be the same before and after a query, with no transaction in progress. Otherwise the query is
repeated.

- The file is the same if its size, time and inode are, and the change counter in its header,
  which every transaction increments.
- Before a writer changes the file it saves the old content in a rollback journal, on disk. While
  the journal's header is not zeros the journal is "hot". Most hot journals are gone in an instant,
  and are waited for. If one stays (a large transaction, or a writer that died), the file and then
  the journal are copied, and SQLite undoes the unfinished change in the copy. The journal must
  belong to the same transaction at the beginning and the end of copying: the random number in its
  header shows this.
- A write-ahead log that has rows is copied after its file in the same way. Rows may be added to
  it meanwhile, but it must not be restarted.
- Only a file that changes at every try is read under SQLite's shared lock in the end, if that
  lock is free.

The formats, and the order in which writers write, are described in
https://www.sqlite.org/fileformat.html, lockingv3.html and atomiccommit.html.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import logging
import os
import shutil
import sqlite3
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import SourceError
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.sqlite_state import is_unchanged, take_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader

    from observing_monitor.readers.sqlite_state import State


# how long a hot journal is waited for before it is copied with its file
JOURNAL_S = 1.0
# how often, and for how long, a file that changes each time is read again
TRIES = 10
PATIENCE_S = 5.0
# the first bytes of a journal, and the last of one that belongs to several files
MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
# SQLITE_READONLY: there is a hot journal
CANNOT_LOCK = (
    "SQLITE_BUSY",
    "SQLITE_IOERR",
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)
# SQLite stores any bytes as text
TEXT = functools.partial(str, encoding="utf-8", errors="backslashreplace")

Values = Mapping[str, Any] | Sequence[Any]
Tuples = list[tuple[Any, ...]]

log = logging.getLogger(__name__)


def state_of(path: str) -> list[int]:
    """Return numbers that differ if a file does.

    Raises
    ------
    OSError
        If the file is not there or can't be read.
    """
    state = take_state(path)
    return [*state.file, *state.log, *state.journal]


class Reader:
    """A read-only connection to a file.

    Each query is answered from one state of the file. Has the parts of PEP 249 that SQLAlchemy
    needs.

    Parameters
    ----------
    path
        The file.
    timeout_s
        How long to wait for a writer, if the file can only be read under SQLite's lock.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = os.path.abspath(path)
        self._timeout_s = timeout_s
        self._opened: tuple[State, sqlite3.Connection] | None = None
        self._functions: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def ask(self, sql: str, values: Values = ()) -> Tuples:
        r"""Return the rows that a query selects.

        Bytes of text that are not UTF-8 are shown as `\x..`.

        Raises
        ------
        OSError
            If there is no plain file that can be read.
        sqlite3.Error
            If SQLite finds a fault in the file or in the query.
        SourceError
            If the file changes faster than it can be read.
        """
        return self.answer(sql, values)[1]

    def answer(self, sql: str, values: Values = ()) -> tuple[Any, Tuples]:
        """Return the columns and the rows; see `ask`.

        Columns are as in a cursor's `description`.
        """
        started = time.monotonic()
        for tried in range(TRIES):
            if tried > 1 and time.monotonic() - started > PATIENCE_S:
                break
            time.sleep(0.01 * tried)
            state = _settled_state(self._path)
            try:
                if connection := self._connection(state):
                    answer = _ask(connection, sql, values)
                    if state.needs_copy or is_unchanged(state):
                        return answer
            except (sqlite3.Error, UnicodeError):  # a message may quote bytes of the file
                if state.needs_copy or is_unchanged(state):
                    raise
            self.close()
        return self._answer_under_lock(state, sql, values)

    def _connection(self, state: State) -> sqlite3.Connection | None:
        """Return a connection to the file in a state.

        None if the state has passed.
        """
        if state.needs_copy:
            self.close()
            copy = _copy_of(state)
            return copy and self._prepared(copy)
        if self._opened is None or self._opened[0] != state:
            self.close()
            self._opened = state, self._prepared(_connect(state.path, "mode=ro&immutable=1"))
        return self._opened[1]

    def _answer_under_lock(self, state: State, sql: str, values: Values) -> tuple[Any, Tuples]:
        words = f"{self._path}: changes faster than it can be read"
        if state.keeps_log or state.log:  # SQLite would make files beside it, even to read
            raise SourceError(f"{words}; the next run tries again")
        log.info("%s, and was read under SQLite's shared lock", words)
        try:
            locked = self._prepared(_connect(state.path, "mode=ro", self._timeout_s))
            with contextlib.closing(locked) as connection:
                return _ask(connection, sql, values)
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith(CANNOT_LOCK):
                raise
            reason = "and can't be locked meanwhile"
            raise SourceError(f"{words}, {reason}; the next run tries again") from error

    def _prepared(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        for positional, named in self._functions:
            connection.create_function(*positional, **named)
        return connection

    # --- for SQLAlchemy -------------------------------------------------------------------------

    def create_function(self, *positional: Any, **named: Any) -> None:
        """Add a function of SQL, as sqlite3.Connection does."""
        self._functions.append((positional, named))

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return Cursor(self)

    def commit(self) -> None:
        """Do nothing: there are no transactions."""

    rollback = commit

    def close(self) -> None:
        """Close the file; the next query opens it again."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None


class Cursor:
    """The answer to a query, as in PEP 249."""

    rowcount = -1
    lastrowid = None

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.description: Any = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def execute(self, sql: str, values: Values = ()) -> Cursor:
        """Ask a query."""
        self.description, rows = self._reader.answer(sql, values)
        self._rows = iter(rows)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row; None after the last."""
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> Tuples:
        """Return the next rows, `size` at most."""
        return list(itertools.islice(self._rows, size))

    def fetchall(self) -> Tuples:
        """Return all remaining rows."""
        return list(self._rows)

    def close(self) -> None:
        """Drop the remaining rows."""
        self._rows = iter(())


def ask(path: str, sql: str, values: Values = ()) -> Tuples:
    """Return the rows of one query; see `Reader.ask`."""
    with contextlib.closing(Reader(path, PATIENCE_S)) as reader:
        return reader.ask(sql, values)


def _connect(path: str, options: str, timeout_s: float = 0) -> sqlite3.Connection:
    address = f"file:{urllib.parse.quote(os.fsencode(path))}?{options}"
    connection = sqlite3.connect(address, uri=True, timeout=timeout_s, check_same_thread=False)
    # a mapped file that is truncated, or whose server goes down, would kill the process
    connection.execute("PRAGMA mmap_size=0")
    return connection


def _ask(connection: sqlite3.Connection, sql: str, values: Values) -> tuple[Any, Tuples]:
    def answer() -> tuple[Any, Tuples]:
        cursor = connection.execute(sql, values)
        return cursor.description, cursor.fetchall()

    try:
        return answer()
    except (sqlite3.OperationalError, UnicodeError) as error:
        if "UTF-8" not in str(error) and not isinstance(error, UnicodeError):
            raise
    # only if needed: it is called for every text, which takes half as long again
    connection.text_factory = TEXT
    return answer()


def _settled_state(path: str) -> State:
    """Return a file's state between two transactions.

    If a transaction takes long, it is a state within it.
    """
    state, ends = take_state(path), time.monotonic() + JOURNAL_S
    while state.journal and _existing_copy(state) is None and time.monotonic() < ends:
        time.sleep(0.02)
        state = take_state(path)
    return state


# --- copies -------------------------------------------------------------------------------------

# (process, path) -> the copy's origin, and a connection to the copy
_copies: dict[tuple[int, str], tuple[tuple[object, ...], sqlite3.Connection]] = {}
# a lock per path: a file on a dead server keeps no other waiting
_copying: dict[str, threading.Lock] = {}


def _existing_copy(state: State) -> sqlite3.Connection | None:
    """Return the copy of a state, if there is one."""
    origin, copy = _copies.get((os.getpid(), state.path), (None, None))
    return copy if origin == state.origin else None


def _copy_of(state: State) -> sqlite3.Connection | None:
    """Return a copy of the committed content.

    It is made once for each state. Returns None if the file changed meanwhile; raises OSError if
    it can't be read or copied.
    """
    with _copying.setdefault(state.path, threading.Lock()):
        if copy := _existing_copy(state):
            return copy
        # closing the old connection frees its disk space before the new copy needs some
        _copies.pop((os.getpid(), state.path), None)
        if made := _new_copy(state):
            _copies[os.getpid(), state.path] = state.origin, made
        return made


def _new_copy(state: State) -> sqlite3.Connection | None:
    """Return a new copy, if it is of one state."""
    try:
        made = _copy_file(state.path)
    except sqlite3.Error:
        if _is_same_transaction(state):
            raise
        return None
    if _is_same_transaction(state):
        return made
    made.close()
    return None


def _is_same_transaction(state: State) -> bool:
    """True if a copy has the content of a state.

    The copy was made after the state was taken. With a log or a journal the file itself may have
    changed meanwhile: the log has the rest, and the journal undoes it.
    """
    if not state.needs_copy:
        return is_unchanged(state)
    now = take_state(state.path)
    return (now.file[2], now.log[:2], now.journal) == (state.file[2], state.log[:2], state.journal)


def snapshot(path: str) -> sqlite3.Connection:
    """Return a copy of a file for many queries.

    Raises
    ------
    OSError
        If there is no plain file that can be read.
    sqlite3.Error
        If SQLite finds a fault in the file.
    SourceError
        If the file changes faster than it can be copied.
    """
    for tried in range(TRIES):
        time.sleep(0.01 * tried)
        if made := _new_copy(_settled_state(path)):
            return made
    words = "changes faster than it can be copied; try again when it is not being written"
    raise SourceError(f"{path}: {words}")


def _copy_file(path: str) -> sqlite3.Connection:
    """Return a copy of a file with log and journal."""
    try:
        with tempfile.TemporaryDirectory(prefix="observing_monitor_registry_") as folder:
            here = os.path.join(folder, "registry")
            # the file first: log and journal have all that was changed in it since
            _copy(path, here)
            with contextlib.suppress(FileNotFoundError):
                _copy(f"{path}-wal", f"{here}-wal")
            with contextlib.suppress(FileNotFoundError):
                _copy(f"{path}-journal", f"{here}-journal", _length_to_copy)
            connection = sqlite3.connect(here, check_same_thread=False)
            connection.execute("PRAGMA mmap_size=0")
            # SQLite now has its files open, so that they may lose their names: nothing is left
            # behind, however the run ends
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            connection.execute("PRAGMA query_only=1")
        return connection
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        words = "is copied to be read, for it is being written, and there is no room"
        remedy = "let TMPDIR name a folder that has it"
        raise SourceError(f"{path}: {words} in {tempfile.gettempdir()}; {remedy}") from error


def _copy(
    path: str, here: str, length: Callable[[BufferedReader], int | None] = lambda file: None
) -> None:
    with open_plain(path) as there, open(here, "wb") as copy:
        shutil.copyfileobj(there, copy, 1 << 20)
        copy.truncate(length(there))


def _length_to_copy(journal: BufferedReader) -> int | None:
    """Count bytes to copy; None for all.

    If several files are changed in one transaction, each one's journal ends with the name of a
    journal that they share. SQLite would look for it, and remove it when done. So the name is left
    out. If the shared journal is gone the transaction was committed, and nothing must be undone.
    """
    size = os.fstat(journal.fileno()).st_size
    journal.seek(max(size - 16, 0))
    end = journal.read(16)
    n_bytes = int.from_bytes(end[:4])
    if end[8:] != MAGIC or not 0 < n_bytes <= size - 16:
        return None
    journal.seek(size - 16 - n_bytes)
    return size - 8 if os.path.exists(journal.read(n_bytes)) else 0
