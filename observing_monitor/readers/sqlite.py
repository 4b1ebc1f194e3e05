"""SQLite files of others, read so that nothing of them changes and nobody is kept waiting: no byte, no lock, no file beside them.

A file is opened as `immutable`, so that SQLite takes no lock and looks for nothing beside it. What locks would hold is looked at
instead: before a query and after it the file must be the same, and nobody in the middle of a change; else it is asked again.

- Whether it is the same, its size, time and inode say, and the change counter in its header, which every transaction raises.
- A writer notes in a rollback journal what was there before, and has that on the disk before it changes the file; while its header
  isn't zeros the journal is "hot". Most are gone in an instant, and are waited for. Else (a large transaction, or a writer that died)
  the file and then the journal are copied, and SQLite undoes the unfinished change in the copy. For that the journal must be of the
  same transaction at the end of copying as at the beginning: the random number in its header says so.
- A write-ahead log that has rows is copied after its file in the same way. Rows may be added to it meanwhile; it must not be begun anew.
- Only a file that changes at every try is read under SQLite's shared lock in the end, if that can be had.

https://www.sqlite.org/fileformat.html, lockingv3.html and atomiccommit.html have the formats, and the order in which writers write.
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
from typing import TYPE_CHECKING, Any, NamedTuple

from observing_monitor.errors import SourceError, one_line
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader


JOURNAL_S = 1.0  # how long a hot journal is waited for, before it is copied with its file
TRIES = 10  # how often a file is read that changes each time, or for how long
PATIENCE_S = 5.0
MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"  # what a journal begins with, and ends with where it is one of several files' together
CANNOT_LOCK = (
    "SQLITE_BUSY",
    "SQLITE_IOERR",
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)  # the last: a hot journal
TEXT = functools.partial(
    str, encoding="utf-8", errors="backslashreplace"
)  # SQLite keeps whatever bytes it was given as text

Values = Mapping[str, Any] | Sequence[Any]
Rows = list[tuple[Any, ...]]

log = logging.getLogger(__name__)


class _State(NamedTuple):
    """What tells whether a file is as it was, and whether somebody is in the middle of changing it."""

    path: str  # all links resolved, for what belongs to a file lies beside it
    file: tuple[int, ...]  # size, time, inode, change counter
    log: tuple[
        int, ...
    ]  # of a write-ahead log that has rows: inode, the salt of its rows, size, time; else none
    journal: tuple[
        int, ...
    ]  # of a hot rollback journal: inode, and the random number and size in its header; else none
    keeps_log: bool  # in WAL mode, whether or not there is a log

    @property
    def is_copied(self) -> bool:
        """Whether the file alone does not have what it says."""
        return bool(self.log or self.journal)

    @property
    def origin(self) -> tuple[object, ...]:
        """The same as long as a copy that was made stays right: what a transaction will change is not in its copy, wherever it stands."""
        return (self.path, self.file[2], self.journal) if self.journal else self


def state_of(path: str) -> list[int]:
    """Whole numbers that differ when what a file says does. Raises OSError."""
    state = _state_of(path)
    return [*state.file, *state.log, *state.journal]


def _state_of(path: str) -> _State:
    real = os.path.realpath(path, strict=True)
    # in this order: a writer that is in none of the journal's two looks (the other is `_is_still`) was wholly between these, and counted
    file, keeps_log = _file_of(real)
    return _State(real, file, _log_of(real), _journal_of(real), keeps_log)


def _is_still(state: _State) -> bool:
    """Whether all that was read since a state was taken is of that state."""
    path = state.path
    with contextlib.suppress(OSError):  # it is gone, or another's by now
        return (_journal_of(path), _log_of(path), _file_of(path)[0]) == (
            state.journal,
            state.log,
            state.file,
        )
    return False


def _file_of(path: str) -> tuple[tuple[int, ...], bool]:
    with open_plain(path) as file:  # opened anew each time: so NFS asks its server
        header, told = file.read(28), os.fstat(file.fileno())
    return (told.st_size, told.st_mtime_ns, told.st_ino, int.from_bytes(header[24:28])), header[
        18:20
    ] == b"\2\2"


def _log_of(path: str) -> tuple[int, ...]:
    header, told = _beginning(f"{path}-wal", 24)
    return (
        (told.st_ino, int.from_bytes(header[16:24]), told.st_size, told.st_mtime_ns)
        if told and header
        else ()
    )


def _journal_of(path: str) -> tuple[int, ...]:
    header, told = _beginning(f"{path}-journal", 20)
    return (
        (told.st_ino, int.from_bytes(header[12:20]))
        if told and header[:1] not in (b"", b"\0")
        else ()
    )


def _beginning(path: str, n_bytes: int) -> tuple[bytes, os.stat_result | None]:
    """The first bytes of what lies beside a file, and what is told of it; nothing, and None, where it is not there."""
    try:
        with open_plain(path) as file:
            return file.read(n_bytes), os.fstat(file.fileno())
    except FileNotFoundError:
        return b"", None


class Reader:
    """A connection (PEP 249, as much of it as SQLAlchemy asks for) that only reads a file, each query from one state of it.

    Parameters
    ----------
    path : str
    timeout_s : float
        How long a writer is waited for where the file can only be read under its lock.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = os.path.abspath(path)
        self._timeout_s = timeout_s
        self._opened: tuple[_State, sqlite3.Connection] | None = None
        self._functions: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def ask(self, sql: str, values: Values = ()) -> Rows:
        """The rows that a query selects; text that is not UTF-8 is shown as \\x.., and hides no row.

        Raises OSError where there is no plain file that can be read, sqlite3.Error where SQLite finds a fault in it or in the query,
        SourceError where it changes faster than it can be read.
        """
        return self.answer(sql, values)[1]

    def answer(self, sql: str, values: Values = ()) -> tuple[Any, Rows]:
        """As `ask`, with the columns as a cursor's `description` has them."""
        started = time.monotonic()
        for tried in range(TRIES):
            if tried > 1 and time.monotonic() - started > PATIENCE_S:
                break
            time.sleep(0.01 * tried)
            state = _settled(self._path)
            try:
                if connection := self._at(state):
                    answer = _asked(connection, sql, values)
                    if state.is_copied or _is_still(state):
                        return answer
            except (
                sqlite3.Error,
                UnicodeError,
            ):  # the latter: a message with bytes of the file in it
                if state.is_copied or _is_still(state):
                    raise
            self.close()
        return self._answer_under_lock(state, sql, values)

    def _at(self, state: _State) -> sqlite3.Connection | None:
        """A connection to the file as it is in a state; None where that is past."""
        if state.is_copied:
            self.close()
            copy = _copy_of(state)
            return copy and self._prepared(copy)
        if self._opened is None or self._opened[0] != state:
            self.close()
            self._opened = state, self._prepared(_connected(state.path, "mode=ro&immutable=1"))
        return self._opened[1]

    def _answer_under_lock(self, state: _State, sql: str, values: Values) -> tuple[Any, Rows]:
        words = f"{self._path}: changes faster than it can be read"
        if state.keeps_log or state.log:  # with a lock, SQLite would make files beside it
            raise SourceError(f"{words}; the next run tries again")
        log.info("%s, and was read under SQLite's shared lock", words)
        try:
            with contextlib.closing(
                self._prepared(_connected(state.path, "mode=ro", self._timeout_s))
            ) as connection:
                return _asked(connection, sql, values)
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith(CANNOT_LOCK):
                raise
            raise SourceError(
                f"{words}, and can't be locked meanwhile ({one_line(error)}); the next run tries again"
            ) from error

    def _prepared(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        for given, named in self._functions:
            connection.create_function(*given, **named)
        return connection

    # --- what SQLAlchemy asks for besides ---------------------------------------------------------------------------------

    def create_function(self, *given: Any, **named: Any) -> None:
        """As sqlite3.Connection has it: SQLAlchemy brings `regexp`."""
        self._functions.append((given, named))

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        """Nothing: there is no transaction."""

    rollback = commit

    def close(self) -> None:
        """Let go of the file; the next query opens it again."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None


class Cursor:
    """A query's answer, as PEP 249 has it."""

    rowcount = -1
    lastrowid = None

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.description: Any = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def execute(self, sql: str, values: Values = ()) -> Cursor:
        self.description, rows = self._reader.answer(sql, values)
        self._rows = iter(rows)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> Rows:
        return list(itertools.islice(self._rows, size))

    def fetchall(self) -> Rows:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())


def ask(path: str, sql: str, values: Values = ()) -> Rows:
    """As `Reader.ask`, of a file that is opened for one query."""
    with contextlib.closing(Reader(path, PATIENCE_S)) as reader:
        return reader.ask(sql, values)


def _connected(path: str, options: str, timeout_s: float = 0) -> sqlite3.Connection:
    address = f"file:{urllib.parse.quote(os.fsencode(path))}?{options}"
    connection = sqlite3.connect(address, uri=True, timeout=timeout_s, check_same_thread=False)
    connection.execute(
        "PRAGMA mmap_size=0"
    )  # a mapped file that is cut, or whose server goes down, would kill us
    return connection


def _asked(connection: sqlite3.Connection, sql: str, values: Values) -> tuple[Any, Rows]:
    def answer() -> tuple[Any, Rows]:
        cursor = connection.execute(sql, values)
        return cursor.description, cursor.fetchall()

    try:
        return answer()
    except (sqlite3.OperationalError, UnicodeError) as error:
        if "UTF-8" not in str(error) and not isinstance(error, UnicodeError):
            raise
    connection.text_factory = (
        TEXT  # only now: it is called for every text, and that takes half as long again
    )
    return answer()


def _settled(path: str) -> _State:
    """The state of a file, once no transaction is in the middle of changing it, or that is taking its time."""
    state, ends = _state_of(path), time.monotonic() + JOURNAL_S
    while state.journal and _kept(state) is None and time.monotonic() < ends:
        time.sleep(0.02)
        state = _state_of(path)
    return state


# --- copies ------------------------------------------------------------------------------------------------------------

_copies: dict[
    tuple[int, str], tuple[tuple[object, ...], sqlite3.Connection]
] = {}  # by process and path: of what, and the copy
_copying: dict[
    str, threading.Lock
] = {}  # by path: one on a dead file server keeps no other waiting


def _kept(state: _State) -> sqlite3.Connection | None:
    """The copy that was made of a state, if there is one."""
    origin, copy = _copies.get((os.getpid(), state.path), (None, None))
    return copy if origin == state.origin else None


def _copy_of(state: _State) -> sqlite3.Connection | None:
    """A connection to a copy of a file without what is unfinished, and with what is in its log; None where it changed in the middle.

    It is made once for each state. Raises OSError where it can't be read or copied.
    """
    with _copying.setdefault(state.path, threading.Lock()):
        if copy := _kept(state):
            return copy
        _copies.pop(
            (os.getpid(), state.path), None
        )  # its connection, and with it its room on the disk, goes first
        if made := _whole_copy(state):
            _copies[os.getpid(), state.path] = state.origin, made
        return made


def _whole_copy(state: _State) -> sqlite3.Connection | None:
    """A new copy; None where what was copied may be of several states."""
    try:
        made = _copied(state.path)
    except sqlite3.Error:
        if _is_copied_still(state):
            raise
        return None
    if _is_copied_still(state):
        return made
    made.close()
    return None


def _is_copied_still(state: _State) -> bool:
    """Whether all that was copied since a state was taken is of that state, once its log has told and its journal has undone."""
    if not state.is_copied:
        return _is_still(state)
    now = _state_of(state.path)
    return (now.file[2], now.log[:2], now.journal) == (state.file[2], state.log[:2], state.journal)


def snapshot(path: str) -> sqlite3.Connection:
    """A connection to a copy of a file as it is now, whatever is done to the file; for many queries that have to be of one state.

    Raises OSError where there is no plain file that can be read, sqlite3.Error where SQLite finds a fault in it, SourceError where it
    changes faster than it can be copied.
    """
    for tried in range(TRIES):
        time.sleep(0.01 * tried)
        if made := _whole_copy(_settled(path)):
            return made
    raise SourceError(
        f"{path}: changes faster than it can be copied; try again when it is not being written"
    )


def _copied(path: str) -> sqlite3.Connection:
    try:
        with tempfile.TemporaryDirectory(prefix="observing_monitor_registry_") as folder:
            here = os.path.join(folder, "registry")
            _copy(path, here)  # first: of all that was changed in it, the log and the journal tell
            with contextlib.suppress(FileNotFoundError):
                _copy(f"{path}-wal", f"{here}-wal")
            with contextlib.suppress(FileNotFoundError):
                _copy(f"{path}-journal", f"{here}-journal", _without_others)
            connection = sqlite3.connect(here, check_same_thread=False)
            connection.execute("PRAGMA mmap_size=0")
            # all that it reads is open then; without its names nothing is left behind, however the run ends
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            connection.execute("PRAGMA query_only=1")
        return connection
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        words = "is copied to be read, for it is being written, and there is no room"
        raise SourceError(
            f"{path}: {words} in {tempfile.gettempdir()}; let TMPDIR name a folder that has it"
        ) from error


def _copy(
    path: str, here: str, length: Callable[[BufferedReader], int | None] = lambda file: None
) -> None:
    with open_plain(path) as there, open(here, "wb") as copy:
        shutil.copyfileobj(there, copy, 1 << 20)
        copy.truncate(length(there))


def _without_others(journal: BufferedReader) -> int | None:
    """How much of a journal is to be copied, None for all of it.

    Where several files are changed together, the name of the journal that they have in common stands at the end of each one's own.
    SQLite would look for that, and remove it when it is done. Without it the changes are done, and nothing is to be undone.
    """
    size = os.fstat(journal.fileno()).st_size
    journal.seek(max(size - 16, 0))
    told = journal.read(16)
    n_bytes = int.from_bytes(told[:4])
    if told[8:] != MAGIC or not 0 < n_bytes <= size - 16:
        return None
    journal.seek(size - 16 - n_bytes)
    return size - 8 if os.path.exists(journal.read(n_bytes)) else 0
