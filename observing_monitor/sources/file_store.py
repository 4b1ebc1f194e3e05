"""Files as they lie on disk: what has been transferred, and when.

Created is a file's modification time, which rsync carries over from where the file was taken. Transferred is its
change time: rsync's last act on a file is to rename it. A hard link made later moves that time too, so a file with
several links has no known transfer time, unless it was seen before or rsync's log tells it.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import gzip
import hashlib
import io
import re
import zlib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import night_named, zone_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.listing import ABSENT, instants, shown_all, whole_numbers
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.tree import NightTree
from observing_monitor.sources.base import Telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Known
    from observing_monitor.readers.listing import Listing
    from observing_monitor.sources.base import Asked


# What rsync writes of a file that came whole, as --log-file has it: date, time, [pid], then -i's eleven letters, name.
RSYNC_LINE = re.compile(
    r"^(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[\d+\] [<>]f\S{9} (?P<path>.+?)\s*$"
)


class FileStore(Telling):
    """A directory of transferred files; folders named after nights give the night, other files their own time."""

    @dataclass
    class Settings:
        path: Path  # the directory with the files, at any depth
        optional: bool = False  # where the directory isn't there, and never was, no file is told of, and that is no fault
        skip: list[str] = field(
            default_factory=list
        )  # patterns of names that are no files yet, such as *.part
        whole_folders: list[str] = field(
            default_factory=list
        )  # patterns of folders that are one file each: *.ms
        name_pattern: str = (
            names.RUBIN
        )  # a regular expression with groups obsid, exposure, seq_num, detector
        transfer_log: str = ""  # rsync's --log-file, below `path`'s parent; a pattern, so that old logs count as well
        transfer_log_zone: str = "UTC"  # the zone of the times in it: rsync writes local time

    @staticmethod
    def stages_of(settings: FileStore.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: FileStore.Settings) -> str:
        return f"{settings.path} (may be absent)" if settings.optional else str(settings.path)

    def __init__(self, settings: FileStore.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "files"
        self._came: dict[str, str] | None = (
            None  # path -> when rsync says that it came; all nights' logs are read once
        )
        self._came_below: dict[
            str, int
        ] = {}  # a night's folder -> a number that differs when what came into it does
        self._logs_were: list[Any] | None = None  # their states
        self._log_notes: list[str] = []  # what of the logs could not be read
        self.tree = NightTree(
            settings.path,
            asked.rule,
            "file store",
            settings.whole_folders,
            is_optional=settings.optional,
        )
        names.named_pattern("name_pattern", settings.name_pattern)
        if settings.transfer_log.startswith("/"):
            raise UsageError(
                f"transfer_log {settings.transfer_log!r} is a whole path; write it as it is below {settings.path.parent}"
            )
        self.zone = zone_named("transfer_log_zone", settings.transfer_log_zone)

    def nights(self) -> set[datetime.date]:
        return self.tree.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """A digest of every file's numbers; of a settled night, the folders' times are enough to tell that it holds.

        rsync's logs grow with each file, of whichever night: what counts is whether they tell something else of the night's own.
        """
        folders = self.tree.night_folders().get(night, [])
        glance = (known or {}).get("glance", {})
        before = glance.get("folders", {})
        if not folders and before:
            raise SourceError(
                f"{self.tree.root}: the night's folder is no longer there; its files stay as last seen"
            )
        logs = self._log_states()
        n_loose = len(self.tree.loose(night))
        if known and not n_loose and not known.get("n_loose") and set(folders) <= set(before):
            times = self.tree.folder_times(before)
            if times == before and self.asked.is_settled(
                night, max((ns or 0 for ns in times.values()), default=0)
            ):
                if glance.get("logs", []) == logs:
                    return known
                return {
                    **known,
                    "glance": {**glance, "logs": logs},
                    "came": self._came_digest(night),
                }
            if times != before:
                self.tree.begin(night, glance.get("n_files", 0))
        listing, digest = self.tree.list_night(night), self.tree.digest(night)
        is_same = known and glance.get("logs") == logs and known["digest"] == digest
        came = known.get("came") if is_same else self._came_digest(night)
        seen = {"folders": listing.folders, "logs": logs, "n_files": len(listing)}
        return {"glance": seen, "n_loose": n_loose, "digest": digest, "came": came}

    def read(self, night: datetime.date) -> Reading:
        """The night's files, folder by folder."""
        import numpy as np
        import pandas as pd

        listing = self.tree.list_night(night)
        self.tree.forget(night)
        (paths, name, _), numbers = listing.texts(), listing.columns()
        if self.settings.skip:
            kept = np.array(
                [row for row, path in enumerate(listing.paths) if not self._is_skipped(path)],
                "int64",
            )
            paths, name, numbers = (
                paths.take(kept),
                name.take(kept),
                {fact: values[kept] for fact, values in numbers.items()},
            )
        if not len(paths):
            return self._reading(frames.empty(columns.FILES), listing)
        name = frames.texts(name)
        files = {
            "file_id": frames.texts(paths),
            "name": name,
            "path": shown_all([f"{self.settings.path}/"])[0] + frames.texts(paths),
            "kind": names.kinds(name),
            "size_bytes": pd.Series(whole_numbers(numbers["size"], numbers["size"] >= 0)),
            "created_at": instants(numbers["mtime_ns"]),
            # a link is as old as its own making; a name with brothers has lost the time of its arrival
            "transferred_at": instants(
                numbers["ctime_ns"], (numbers["n_links"] == 1) | (numbers["link_ns"] != ABSENT)
            ),
            "on_disk": numbers["is_dangling"] == 0,
            "device": pd.Series(whole_numbers(numbers["device"])),
            "inode": pd.Series(whole_numbers(numbers["inode"])),
            **{
                str(column): told
                for column, told in names.read_names(name, self.settings.name_pattern).items()
            },
        }
        table = frames.frame(columns.FILES, pd.DataFrame(files))
        if self.settings.transfer_log:
            table["transferred_at"] = self._logged_transfers(table["file_id"]).fillna(
                table["transferred_at"]
            )
        return self._reading(table, listing, self._log_notes)

    def _reading(self, files: DataFrame, listing: Listing, notes: Iterable[str] = ()) -> Reading:
        return Reading(
            files=files,
            notes=[*listing.notes, *notes],
            unread=shown_all(listing.unread),
            elsewhere=self.tree.all_loose(),
        )

    def _is_skipped(self, path: str) -> bool:
        return any(fnmatch(path.rpartition("/")[2], pattern) for pattern in self.settings.skip)

    def _logs(self) -> list[Any]:
        return (
            sorted(self.settings.path.parent.glob(self.settings.transfer_log))
            if self.settings.transfer_log
            else []
        )

    def _log_states(self) -> list[Any]:
        """The logs' sizes and times as they were when first asked: what they tell is read once a run, and not before that."""
        if self._logs_were is None:
            self._logs_were = []
            for path in self._logs():
                with contextlib.suppress(OSError):  # rotated away just now
                    state = path.stat()
                    self._logs_were.append([path.name, state.st_size, state.st_mtime_ns])
        return self._logs_were

    def _came_digest(self, night: datetime.date) -> str:
        """What differs when rsync's logs tell something else of the night's files, or can't be read; "" where no log is named."""
        if not self.settings.transfer_log:
            return ""
        came = self._all_that_came()
        folders = [
            self._came_below.get(folder) for folder in self.tree.night_folders().get(night, [])
        ]
        loose = [(entry.path, came.get(entry.path)) for entry in self.tree.loose(night)]
        text = repr((folders, loose, self._log_notes))
        return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()

    def _all_that_came(self) -> dict[str, str]:
        """When rsync's logs say that each file came: its path -> the last time."""
        if self._came is None:
            self._came, logs = {}, self._logs()
            if not logs:
                rest = "until it is there a file's change time stands as the time of its transfer"
                self._log_notes.append(
                    f"{self.settings.path.parent / self.settings.transfer_log}: no such log; {rest}"
                )
            for log in logs:
                try:
                    for path, at in _logged(log, self.settings.path.parent):
                        self._came[path] = max(
                            at, self._came.get(path, "")
                        )  # by its name an older log may come after a newer
                except (OSError, EOFError, zlib.error) as error:
                    words = getattr(error, "strerror", None) or error
                    rest = "for what it would tell, a file's change time stands as the time of its transfer"
                    self._log_notes.append(f"{log}: {words}; {rest}")
            for path, at in self._came.items():
                if folder := _night_folder(path.rpartition("/")[0]):
                    told = hashlib.blake2b(
                        f"{path}\0{at}".encode("utf-8", "backslashreplace"), digest_size=8
                    ).digest()
                    # a sum, for logs that were rotated tell the same in another order
                    self._came_below[folder] = (
                        self._came_below.get(folder, 0) + int.from_bytes(told)
                    ) % 2**64
        return self._came

    def _logged_transfers(self, file_ids: Series[Any]) -> Series[Any]:
        """When rsync's log says that each file came: the last time, NaT where it says nothing."""
        came = self._all_that_came()
        times = {path: self._instant(came[path]) for path in file_ids if path in came}
        return file_ids.map(times).astype(columns.DTYPES["instant"])

    def _instant(self, text: str) -> datetime.datetime | None:
        try:
            return (
                datetime.datetime.strptime(text, "%Y/%m/%d %H:%M:%S")
                .replace(tzinfo=self.zone)
                .astimezone(datetime.UTC)
            )
        except (ValueError, OverflowError):  # digits, but no date
            return None


@functools.lru_cache(maxsize=10_000)
def _night_folder(folder: str) -> str:
    """The folder named after a night that a folder is, or lies in, as `NightTree` finds it; "" where there is none."""
    parts = folder.split("/")
    return next(("/".join(parts[: n + 1]) for n, part in enumerate(parts) if night_named(part)), "")


def _logged(log: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Path and time of each file that a log of rsync says came, in the log's order."""
    with open_plain(log, [root]) as raw, gzip.open(raw) if log.suffix == ".gz" else raw as data:
        lines = io.TextIOWrapper(data, encoding="utf-8", errors="backslashreplace")
        for line in lines:
            if found := RSYNC_LINE.match(line):
                yield found["path"], found["at"]
