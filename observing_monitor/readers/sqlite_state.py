"""The state of an SQLite file, and of a transaction in it."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

from observing_monitor.readers.plain_files import open_plain


class State(NamedTuple):
    """The state of a file: equal states have equal content.

    Attributes
    ----------
    path
        All links resolved, because log and journal lie beside the real file.
    file
        Size, time, inode and change counter.
    log
        Of a write-ahead log that has rows: inode, salt of the rows, size and time; else ().
    journal
        Of a hot rollback journal: inode, and the random number and size in its header; else ().
    keeps_log
        True in WAL mode, with or without a log.
    """

    path: str
    file: tuple[int, ...]
    log: tuple[int, ...]
    journal: tuple[int, ...]
    keeps_log: bool

    @property
    def needs_copy(self) -> bool:
        """True if the file lacks committed content."""
        return bool(self.log or self.journal)

    @property
    def origin(self) -> tuple[object, ...]:
        """Key of a copy, equal while it is right.

        A copy does not contain the changes of an unfinished transaction, so these do not matter.
        """
        return (self.path, self.file[2], self.journal) if self.journal else self


def take_state(path: str) -> State:
    """Return the present state of a file.

    Raises OSError if the file is not there or can't be read.
    """
    real = os.path.realpath(path, strict=True)
    # The file first: a writer that is missed by both looks at the journal (the other is in
    # `is_unchanged`) was at work between them, and has incremented the counter.
    file, keeps_log = _file_of(real)
    return State(real, file, _log_of(real), _journal_of(real), keeps_log)


def is_unchanged(state: State) -> bool:
    """True if the file is still in a state.

    All that was read since then belongs to it.
    """
    path = state.path
    with contextlib.suppress(OSError):  # the file is gone or no longer readable
        now = (_journal_of(path), _log_of(path), _file_of(path)[0])
        return now == (state.journal, state.log, state.file)
    return False


def _file_of(path: str) -> tuple[tuple[int, ...], bool]:
    with open_plain(path) as file:  # opened anew each time, so that NFS asks its server
        header, stat = file.read(28), os.fstat(file.fileno())
    counter = int.from_bytes(header[24:28])
    keeps_log = header[18:20] == b"\2\2"
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino, counter), keeps_log


def _log_of(path: str) -> tuple[int, ...]:
    header, stat = _beginning(f"{path}-wal", 24)
    if not stat or not header:
        return ()
    return stat.st_ino, int.from_bytes(header[16:24]), stat.st_size, stat.st_mtime_ns


def _journal_of(path: str) -> tuple[int, ...]:
    header, stat = _beginning(f"{path}-journal", 20)
    if not stat or header[:1] in (b"", b"\0"):
        return ()
    return stat.st_ino, int.from_bytes(header[12:20])


def _beginning(path: str, n_bytes: int) -> tuple[bytes, os.stat_result | None]:
    """Return a file's first bytes and its `stat`.

    b"" and None if it is not there.
    """
    try:
        with open_plain(path) as file:
            return file.read(n_bytes), os.fstat(file.fileno())
    except FileNotFoundError:
        return b"", None
