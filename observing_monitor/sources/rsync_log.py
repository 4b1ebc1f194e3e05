"""Read from rsync's logs when each file arrived."""

from __future__ import annotations

import contextlib
import datetime
import functools
import gzip
import hashlib
import io
import re
import zlib
from typing import TYPE_CHECKING

from observing_monitor.model import columns
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import night_named
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any
    from zoneinfo import ZoneInfo

    from pandas import Series


# A line of rsync's --log-file about a file that arrived: date, time, [pid], the eleven letters of
# --itemize-changes, name.
RSYNC_LINE = re.compile(
    r"^(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\d+\] [<>]f\S{9} (?P<path>.+?)\s*$"
)

CHANGE_TIMES = "without it files' change times are shown as transfer times"


class RsyncLog:
    """The logs of the rsync that fills a file store.

    All are read once, when first needed.

    Parameters
    ----------
    root
        The folder that the logs lie below.
    pattern
        Their names below it, so that rotated logs count too; "" if there are none.
    zone
        The zone of the times in them.

    Attributes
    ----------
    notes
        Sentences about logs that could not be read.
    """

    def __init__(self, root: Path, pattern: str, zone: ZoneInfo) -> None:
        self.root = root
        self.pattern = pattern
        self.zone = zone
        self.notes: list[str] = []
        self._states: list[list[Any]] | None = None
        # path -> when the file arrived last, as in the log
        self._arrivals: dict[str, str] | None = None
        # a night's folder -> a number that depends on all arrivals in it
        self._sums: dict[str, int] = {}

    def states(self) -> list[list[Any]]:
        """Return each log's name, size and time.

        They are those of the first call.
        """
        if self._states is None:
            self._states = []
            for path in self._paths():
                with contextlib.suppress(OSError):  # rotated away just now
                    state = path.stat()
                    self._states.append([path.name, state.st_size, state.st_mtime_ns])
        return self._states

    def digest(self, folders: Iterable[str], loose: Iterable[str]) -> str:
        """Return a digest of the arrivals in the logs.

        Parameters
        ----------
        folders
            Folders of a night.
        loose
            Paths of other files.
        """
        if not self.pattern:
            return ""
        arrivals = self._read()
        sums = [self._sums.get(folder) for folder in folders]
        text = repr((sums, [(path, arrivals.get(path)) for path in loose], self.notes))
        return hex_digest(text, n_bytes=16)

    def transferred_at(self, file_ids: Series[Any]) -> Series[Any]:
        """Return when each file arrived last (UTC), or NaT."""
        arrivals = self._read()
        times = {path: self.instant(arrivals[path]) for path in file_ids if path in arrivals}
        return file_ids.map(times).astype(columns.DTYPES["instant"])

    def instant(self, text: str) -> datetime.datetime | None:
        """Return a time of the log in UTC.

        None if its digits are no date.
        """
        try:
            local = datetime.datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=self.zone)
            return local.astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            return None

    def _paths(self) -> list[Path]:
        return sorted(self.root.glob(self.pattern)) if self.pattern else []

    def _read(self) -> dict[str, str]:
        """Return path -> last arrival, as in the log."""
        if self._arrivals is None:
            arrivals = self._arrivals = {}
            logs = self._paths()
            if not logs:
                self.notes.append(f"{self.root / self.pattern}: no such log; {CHANGE_TIMES}")
            for log in logs:
                self._read_one(log, arrivals)
            for path, at in arrivals.items():
                self._add_to_sum(path, at)
        return self._arrivals

    def _read_one(self, log: Path, arrivals: dict[str, str]) -> None:
        try:
            for path, at in read_log(log, self.root):
                # the latest: in order of name an older log may come after a newer one
                arrivals[path] = max(at, arrivals.get(path, ""))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.notes.append(f"{log}: its gzip is cut or broken; {CHANGE_TIMES}")
        except OSError as error:
            self.notes.append(f"{log}: {os_error_text(error)}; {CHANGE_TIMES}")

    def _add_to_sum(self, path: str, at: str) -> None:
        if folder := _night_folder(path.rpartition("/")[0]):
            line = f"{path}\0{at}".encode("utf-8", "backslashreplace")
            number = int.from_bytes(hashlib.blake2b(line, digest_size=8).digest())
            # a sum does not depend on the order, which differs once a log is rotated
            self._sums[folder] = (self._sums.get(folder, 0) + number) % 2**64


def read_log(log: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and time of each file that arrived.

    Files come in the order of the log.

    Parameters
    ----------
    log
        The log, plain or `.gz`.
    root
        The folder that it must lie in, all links resolved.

    Raises
    ------
    OSError, EOFError, zlib.error
        If the log can't be read to its end.
    """
    with open_plain(log, [root]) as raw, gzip.open(raw) if log.suffix == ".gz" else raw as data:
        lines = io.TextIOWrapper(data, encoding="utf-8", errors="backslashreplace")
        for line in lines:
            if found := RSYNC_LINE.match(line):
                yield found["path"], found["at"]


@functools.lru_cache(maxsize=10_000)
def _night_folder(folder: str) -> str:
    """Return the night's folder of a folder, or "".

    That is the folder itself, or one that it lies in.
    """
    parts = folder.split("/")
    return next(("/".join(parts[: n + 1]) for n, part in enumerate(parts) if night_named(part)), "")
