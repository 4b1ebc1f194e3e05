"""Read from rsync's logs when each file arrived."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import io
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import SourceError
from observing_monitor.model import columns
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import ONE_DAY, night_named
from observing_monitor.model.reading import Counts
from observing_monitor.model.wording import n_of
from observing_monitor.readers.bounded import LIMITS, Limits, log_values
from observing_monitor.readers.compressed import decompressed
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any
    from zoneinfo import ZoneInfo

    from pandas import DataFrame, Series


# A line about a file that arrived: date, time, [pid]; then, in a --log-file, the eleven letters of
# --itemize-changes and the name; in a daemon's log, recv, host, [address], module, (user), name and
# size; or, with --log-file-format='%o %f %l', recv or send, name and size.
RSYNC_LINE = re.compile(
    r"^(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\d+\] (?:"
    r"[<>]f\S{9} (?P<path>.+?)"
    r"|(?:recv|send) (?:\S+ \[\S*\] \S+ \(\S*\) )?(?P<path2>.+) \d+"
    r")\s*$"
)
# other lines of rsync: what it did to folders and links, what it deleted, its messages
OTHER_LINE = re.compile(
    r"^\s*$|^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\d+\] (?:"
    r"[<>ch.][fdLDS]\S{9} |\*deleting|del\. |(?:building|receiving) file list|sent |total: "
    r"|rsync|connect |name lookup|params\.c|max connections|auth |unknown module|unable to|bind\(\)"
    r"|\[|IO |(?:cannot|could not|file|symlink|skipping|created|opening|delta-|total)\b"
    r"|WARNING|@?ERROR)"
)

# between what a prefix removes and what it adds
REPLACED_BY = "=>"
CHANGE_TIMES = "without it files' change times are shown as transfer times"
# of the last names in a log, those that are looked for in the store
N_CHECKED = 20
# how far clocks of two machines may differ
CLOCKS = datetime.timedelta(minutes=1)


class Arrival(NamedTuple):
    """A file that arrived, as a log has it."""

    path: str
    at: str


class RsyncLog:
    """The logs of the rsync that fills a file store.

    All are read once, when first needed.

    Parameters
    ----------
    store
        The folder of files. The logs lie below its parent.
    pattern
        The logs' names, so that rotated logs count too; "" if there are none.
    zone
        The zone of the times in them.
    prefix
        What the logs' paths have before the path below `store`. `OLD => NEW` puts NEW in its
        place, and `=> NEW` adds it to every path.
    limits
        Of lines, and of compressed logs.

    Attributes
    ----------
    notes
        Sentences about logs that could not be read.
    unused
        Sentences about logs without a line about a file.
    """

    def __init__(
        self,
        store: Path,
        pattern: str,
        zone: ZoneInfo,
        prefix: str = "",
        limits: Limits = LIMITS,
    ) -> None:
        self.store = store
        self.root = store.parent
        self.pattern = pattern
        self.zone = zone
        self.limits = limits
        before, _, after = prefix.partition(REPLACED_BY)
        self.prefix, self.added = _as_folder(before), _as_folder(after)
        self.notes: list[str] = []
        self.unused: list[str] = []
        # log -> its lines about files, and lines that no rsync writes; once it was read
        self.counts: dict[str, Counts] = {}
        self._has_prefix = False  # True if a path in the logs had it
        self._states: list[list[Any]] | None = None
        # path -> when the file arrived last, as in the log
        self._arrivals: dict[str, str] | None = None
        # path outside any night's folder -> all its arrivals, in the order of the logs
        self._loose: dict[str, list[str]] = {}
        # a night's folder, or a day -> a number that depends on all arrivals in it, or that are
        # loose and of that day
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

    def digest(self, night: datetime.date, folders: Iterable[str], loose: Iterable[str]) -> str:
        """Return a digest of the arrivals in the logs that may be of a night.

        Parameters
        ----------
        night
            The night.
        folders
            Its folders.
        loose
            Paths of its other files.
        """
        if not self.pattern:
            return ""
        arrivals = self._read()
        sums = [self._sums.get(folder) for folder in folders]
        days = [f"{night + n * ONE_DAY:%Y/%m/%d}" for n in range(3)] if sums else []
        # if one night at a time is sent, paths lack the night's folder
        sums += [self._sums[day] for day in days if day in self._sums]
        of_loose = [(path, arrivals.get(path)) for path in loose]
        return hex_digest(repr((sums, of_loose, self.notes, *self.unused)), n_bytes=16)

    def transferred_at(self, files: DataFrame, changed_at: Series[Any]) -> Series[Any]:
        """Return when each file arrived last (UTC), or NaT.

        Parameters
        ----------
        files
            Columns `file_id` and `created_at`.
        changed_at
            Change time of each file.
        """
        arrivals = self._read()
        ids = files["file_id"]
        times = {path: self.instant(arrivals[path]) for path in ids if path in arrivals}
        if self._loose:
            rows = zip(ids, files["created_at"], changed_at, strict=True)
            times |= {
                path: at
                for path, created, changed in rows
                if path not in times and (at := self._without_folder(path, created, changed))
            }
        return ids.map(times).astype(columns.DTYPES["instant"])

    def _without_folder(self, path: str, created: Any, changed: Any) -> datetime.datetime | None:
        """Return the arrival of a file without its night's folder.

        The same name may be in other nights, so the time must fit the file's own.
        """
        folder = _night_folder(path.rpartition("/")[0])
        texts = self._loose.get(path[len(folder) + 1 :], []) if folder else []
        times = [at for text in texts if (at := self.instant(text))]
        fitting = [at for at in times if created - CLOCKS <= at <= changed + CLOCKS]
        return max(fitting, default=None)

    def why_unused(
        self,
        ids: Series[Any],
        transferred_at: Series[Any],
        bounds: tuple[datetime.datetime, datetime.datetime],
    ) -> list[str]:
        """Return sentences about logs that have no effect.

        No line is about a file, or they are of the night's time, but name no file of the store.

        Parameters
        ----------
        ids
            `file_id` of the night's files.
        transferred_at
            When they arrived, from `transferred_at`.
        bounds
            Of the night.
        """
        if transferred_at.notna().any() or not self._files:
            return self.unused
        first, *last = self._first_and_last
        begin, end = self.instant(first.at), self.instant(last[-1].at)
        if not (begin and end and begin < bounds[1] and end >= bounds[0]):
            return self.unused
        if any(map(self._is_in_store, last)):
            return self.unused
        path, n_files = last[-1].path, n_of(len(self._files), "file")
        words = f"names {n_files}, none of them in {self.store}, such as {path!r}"
        remedy = f"{self._remedy(path, ids)}; {CHANGE_TIMES}"
        return [*self.unused, f"{self.root / self.pattern}: {words}; {remedy}"]

    @functools.cached_property
    def _files(self) -> list[Arrival]:
        """The arrivals, without the folders of others.

        A log with `%o %f %l` has lines about folders that look like those about files.
        """
        arrivals = self._read()
        folders = {"", ".", self.added.rstrip("/"), f"{self.added}."}
        for path in arrivals:
            while (path := path.rpartition("/")[0]) not in folders:
                folders.add(path)
        return [Arrival(path, at) for path, at in arrivals.items() if path not in folders]

    @functools.cached_property
    def _first_and_last(self) -> list[Arrival]:
        """The first arrival, and the last `N_CHECKED`."""
        by_time = sorted(self._files, key=lambda one: one.at)
        return [by_time[0], *by_time[-N_CHECKED:]]

    def _is_in_store(self, arrival: Arrival) -> bool:
        """True if a file is in the store.

        If the log names no night, it is looked for in that of its arrival.
        """
        places = [arrival.path]
        at = self.instant(arrival.at)
        if at and arrival.path in self._loose:
            nights = (at - ONE_DAY, at)
            places += [
                f"{night:{form}}/{arrival.path}"
                for night in nights
                for form in ("%Y-%m-%d", "%Y%m%d")
            ]
        paths = [self.store / place for place in places]
        return any(os.path.lexists(path) and not os.path.isdir(path) for path in paths)

    def _remedy(self, path: str, ids: Iterable[str]) -> str:
        """Return the remedy for paths below another folder."""
        if lacking := self._lacking(ids):
            return f'set transfer_log_prefix = "{REPLACED_BY} {lacking}"'
        parts = path.split("/")
        for n in range(1, len(parts)):
            if os.path.lexists(self.store.joinpath(*parts[n:])):
                prefix = "/".join(parts[:n])
                before = self.prefix if self._has_prefix else ""
                return f'set transfer_log_prefix = "{before}{prefix}/"'
        return "set transfer_log_prefix to what is before the path in the store"

    def _lacking(self, ids: Iterable[str]) -> str:
        """Return the folders that the logs' paths lack, or ""."""
        names = [one.path for one in self._first_and_last]
        pairs = ((file_id, name) for file_id in ids for name in names)
        return next((of.removesuffix(name) for of, name in pairs if of.endswith(f"/{name}")), "")

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
                for one in self._loose.get(path, [at]):
                    self._add_to_sum(path, one)
        return self._arrivals

    def _read_one(self, log: Path, arrivals: dict[str, str]) -> None:
        try:
            self._read_lines(log, arrivals)
        except (OSError, SourceError) as error:
            words = f"{log}: {os_error_text(error)}" if isinstance(error, OSError) else error
            self.notes.append(f"{words}; {CHANGE_TIMES}")

    def _read_lines(self, log: Path, arrivals: dict[str, str]) -> None:
        n_known, odd = 0, list[str]()
        for line in read_log(log, self.root, self.limits):
            if isinstance(line, str):
                odd.append(line)
                continue
            n_known += 1
            if line.path.endswith("/"):  # a folder
                continue
            path = self._below_store(line.path.lstrip("/"))
            # the latest: in order of name an older log may come after a newer one
            arrivals[path] = max(line.at, arrivals.get(path, ""))
            if not _night_folder(path.rpartition("/")[0]):
                self._loose.setdefault(path, []).append(line.at)
        counts = self.counts[str(log)] = Counts(n_known + len(odd))
        if odd:
            words = f"{odd[0].strip()[:120]!r} is no line of rsync"
            counts.leave_out("", words, len(odd))
        if odd and not n_known:
            words = f"no line says that a file arrived, as in {odd[0].strip()[:120]!r}"
            remedy = "rsync must write it with its usual --log-file-format"
            self.unused.append(f"{log}: {words}; {remedy}; {CHANGE_TIMES}")

    def _below_store(self, path: str) -> str:
        """Return a path of a log as it is below the store."""
        if self.prefix:
            if not path.startswith(self.prefix):
                return path
            path, self._has_prefix = path.removeprefix(self.prefix), True
        return path if self.added and path.startswith(self.added) else f"{self.added}{path}"

    def _add_to_sum(self, path: str, at: str) -> None:
        place = _night_folder(path.rpartition("/")[0]) or at[:10]
        line = f"{path}\0{at}".encode("utf-8", "backslashreplace")
        number = int.from_bytes(hashlib.blake2b(line, digest_size=8).digest())
        # a sum does not depend on the order, which differs once a log is rotated
        self._sums[place] = (self._sums.get(place, 0) + number) % 2**64


def read_log(log: Path, root: Path, limits: Limits = LIMITS) -> Iterator[Arrival | str]:
    """Yield each arrival, and each line that no rsync writes.

    In the order of the log.

    Parameters
    ----------
    log
        The log, plain or compressed.
    root
        The folder that it must lie in, all links resolved.

    Raises
    ------
    OSError, SourceError
        If the log can't be read to its end.
    """
    with (
        open_plain(log, [root]) as raw,
        decompressed(raw, log, limits, values=log_values, too_long=[]) as data,
    ):
        lines = io.TextIOWrapper(data, encoding="utf-8", errors="backslashreplace")
        for line in lines:
            if found := RSYNC_LINE.match(line):
                yield Arrival(found["path"] or found["path2"], found["at"])
            elif not OTHER_LINE.match(line) and line.endswith("\n"):  # else it is being written
                yield line


def _as_folder(text: str) -> str:
    """Return a folder with a slash at its end, or ""."""
    folder = text.strip().strip("/")
    return f"{folder}/" if folder else ""


@functools.lru_cache(maxsize=10_000)
def _night_folder(folder: str) -> str:
    """Return the night's folder of a folder, or "".

    That is the folder itself, or one that it lies in.
    """
    parts = folder.split("/")
    return next(("/".join(parts[: n + 1]) for n, part in enumerate(parts) if night_named(part)), "")
