"""Files on disk: which were transferred, and when.

A file was created at its modification time, which rsync copies from the telescope. It was
transferred at its change time, because rsync renames a file when it is complete. A hard link that
is made later moves the change time too. So the transfer time of a file with several links is not
known, unless an earlier run saw it or rsync's log has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import zone_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.listing import ABSENT, instants, shown_all, whole_numbers
from observing_monitor.readers.patterns import NamePattern
from observing_monitor.readers.tree import NightTree
from observing_monitor.sources.base import Telling
from observing_monitor.sources.left_out import LeftOut
from observing_monitor.sources.rsync_log import RsyncLog
from observing_monitor.sources.shared.meanings import NAME_PATTERN, SKIP
from observing_monitor.sources.shared.night_imports import NIGHT_IMPORTS
from observing_monitor.sources.shared.skipped import is_skipped, skipped_all

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection
    from typing import Any

    from pandas import DataFrame

    from observing_monitor.model.reading import Known
    from observing_monitor.readers.listing import Listing
    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.file_headers import HeaderReader


# of a look, after a reading that had no time for all headers
IS_PARTIAL = "is_partial"


class FileStore(Telling):
    """A directory of transferred files.

    Files in a folder named after a night belong to that night, other files to the night of their
    modification time.
    """

    @dataclass
    class Settings:
        """Settings of a source of type `files`."""

        path: Path = setting(
            REQUIRED, "Folder with the files, at any depth.", example="/data/auxTel/storage"
        )
        optional: bool = setting(
            False,
            "With `true`, a folder that is not there and never was is no fault.",
            affects_reading=False,
        )
        skip: list[str] = setting([], SKIP, example=["*.part"])
        whole_folders: list[str] = setting(
            [], "Patterns of folders that count as one file each.", example=["*.ms"]
        )
        name_pattern: str = setting(names.RUBIN, NAME_PATTERN)
        transfer_log: str = setting(
            "",
            "Log of rsync (`--log-file`, or a daemon's) with the times of transfer, below the "
            "parent of `path`. Use a pattern, so that rotated logs count too.",
            example="rsync.log*",
        )
        transfer_log_zone: str = setting(
            "UTC",
            "Time zone of the times in that log. rsync writes local time.",
            example="America/Santiago",
        )
        transfer_log_prefix: str = setting(
            "",
            "What paths in that log have before the path below `path`. `OLD => NEW` replaces "
            "folders, and `=> NEW` adds those that the paths lack.",
            example="storage/",
        )
        headers: bool | dict[str, list[str]] = setting(
            False,
            "Read the FITS headers of new files, and show their exposures. A table names the "
            "keywords of our columns, where they are not the usual ones.",
            example={"target": ["OBJECT"], "observation_type_original": ["OBSTYPE"]},
        )
        headers_s: float = setting(
            10.0,
            "Time for headers in each run. The others are read by the next runs, newest first.",
            affects_reading=False,
        )
        types: dict[str, str] = setting(
            {},
            "A header's word for the type of an exposure = ours: bias, dark, flat, arc, science, "
            "acquisition, focus, test or other.",
            example={"skyflat": "flat"},
        )

    @staticmethod
    def stages_of(settings: FileStore.Settings) -> tuple[str, ...]:
        """Return none: it reports no attempts."""
        return ()

    @staticmethod
    def place_of(settings: FileStore.Settings) -> str:
        """Return the directory."""
        return f"{settings.path} (may be absent)" if settings.optional else str(settings.path)

    def __init__(self, settings: FileStore.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "files"
        self.tree = NightTree(
            settings.path,
            asked.rule,
            "file store",
            settings.whole_folders,
            is_optional=settings.optional,
        )
        self.pattern = NamePattern(settings.name_pattern)
        parent = settings.path.parent
        if settings.transfer_log.startswith("/"):
            words = f"is a whole path; write it as it is below {parent}"
            raise UsageError(f"transfer_log {settings.transfer_log!r} {words}")
        zone = zone_named("transfer_log_zone", settings.transfer_log_zone)
        prefix = settings.transfer_log_prefix
        self.log = RsyncLog(settings.path, settings.transfer_log, zone, prefix, asked.limits)
        self.remembers = settings.headers is not False
        self._remembered: bytes | None = None
        self.headers = _header_reader(settings) if self.remembers else None

    def nights(self) -> set[datetime.date]:
        """Return the nights of all folders and loose files."""
        return self.tree.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return digests of the night's files and log lines.

        The files of a settled night are not listed while its folders' times stay the same. The
        logs grow with each file of any night, so what counts is their lines about this night.
        A night with headers to come is read again if there is time for them.
        """
        state = self._look(night, known)
        if known and known.get(IS_PARTIAL):
            others = {key: value for key, value in state.items() if key != IS_PARTIAL}
            is_late = self.headers is not None and self.headers.is_spent
            return {**others, IS_PARTIAL: True} if is_late else others
        return state

    def _look(self, night: datetime.date, known: Known) -> Known:
        self._refuse_purged(night, known)
        folders = self.tree.night_folders().get(night, [])
        glance = (known or {}).get("glance", {})
        before = glance.get("folders", {})
        logs = self.log.states()
        n_loose = len(self.tree.loose(night))
        if known and not n_loose and not known.get("n_loose") and set(folders) <= set(before):
            times = self.tree.folder_times(before)
            newest = max((ns or 0 for ns in times.values()), default=0)
            if times == before and self.asked.is_settled(night, newest):
                if glance.get("logs", []) == logs:
                    return known
                glance = {**glance, "logs": logs}
                return {**known, "glance": glance, "came": self._log_digest(night)}
            if times != before:
                self.tree.begin(night, glance.get("n_files", 0), NIGHT_IMPORTS)
        listing, digest = self.tree.list_night(night), self.tree.digest(night)
        is_same = known and glance.get("logs") == logs and known["digest"] == digest
        came = known.get("came") if is_same else self._log_digest(night)
        seen = {"folders": listing.folders, "logs": logs, "n_files": len(listing)}
        return {"glance": seen, "n_loose": n_loose, "digest": digest, "came": came}

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        if "path" not in changed:
            self._refuse_purged(night, earlier)
        return self.look(night, None)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's files, folder by folder."""
        listing, fault = self.tree.list_night(night), self.tree.fault_of(night)
        self.tree.forget(night)
        paths, name, numbers = self._kept(listing)
        files, notes = frames.empty(columns.FILES), list(listing.notes)
        without_effect = [] if len(paths) else skipped_all(self.settings.skip, listing.paths)
        is_logged = None
        if len(paths):
            files = self._table(frames.texts(paths), frames.texts(name), numbers)
            notes += self.pattern.take_notes()
            without_effect += self.pattern.take_without_effect()
        if len(paths) and self.settings.transfer_log:
            logged = self.log.transferred_at(files, instants(numbers["ctime_ns"]))
            without_effect += self.log.why_unused(
                files["file_id"], logged, self.asked.rule.bounds(night)
            )
            notes += self.log.notes
            files["transferred_at"] = logged.fillna(files["transferred_at"])
            is_logged = logged.notna()
        settings = self.settings
        left_out = LeftOut(settings.path, settings.skip, settings.whole_folders, listing)
        reading = Reading(
            files=files,
            notes=[note for note in notes if not fault.startswith(note)],
            unread=shown_all(listing.unread),
            elsewhere=self.tree.all_loose(),
            is_left_out=left_out.is_left_out,
            arrival_settings=("transfer_log", "transfer_log_zone", "transfer_log_prefix"),
            is_logged=is_logged,
            counts=self._counts(night, len(paths), listing),
            fault=fault,
            without_effect=without_effect,
        )
        if self.headers is not None:
            self._add_headers(night, reading, left_out)
        return reading

    def remind(self, night: datetime.date, remembered: bytes | None) -> None:
        """Take what the last reading of a night remembered of its headers."""
        self._remembered = remembered

    def _add_headers(self, night: datetime.date, reading: Reading, left_out: LeftOut) -> None:
        """Add the exposures in the files' headers to a reading."""
        assert self.headers is not None and reading.files is not None
        root, elsewhere = str(self.settings.path), reading.elsewhere

        def is_gone(file_id: str) -> bool:
            path = f"{root}/{file_id}"
            return file_id in elsewhere or left_out.is_left_out(file_id, path, False)

        files = reading.files
        found = self.headers.read(files, root, night, self._remembered, is_gone)
        reading.files = files.assign(
            exposure=files["exposure"].fillna(files["file_id"].map(found.names).astype("str"))
        )
        reading.exposures, reading.remember = found.exposures, found.remembered
        # what was remembered may have been lost
        reading.append_exposures = not found.was_known
        reading.is_partial = bool(found.n_left)
        reading.notes += found.notes
        if found.counts.n_read:
            reading.counts = {**(reading.counts or {}), found.place: found.counts}

    def _refuse_purged(self, night: datetime.date, known: Known) -> None:
        """Raise SourceError if the night had folders and has none."""
        before = (known or {}).get("glance", {}).get("folders", {})
        if not before or self.tree.night_folders().get(night):
            return
        # by other settings, a folder that is there may count as a file
        if all(time is None for time in self.tree.folder_times(before).values()):
            words = "the night's folder is no longer there; its files stay as last seen"
            raise SourceError(f"{self.tree.root}: {words}")

    def _counts(self, night: datetime.date, n_files: int, listing: Listing) -> dict[str, Counts]:
        """Count files and log lines, and those left out."""
        root, outside = str(self.settings.path), self.tree.outside()
        counts = {f"{root}, night {night}": Counts(n_files + len(listing.unseen))}
        if outside.unseen:
            counts[root] = Counts(len(outside) + len(outside.unseen))
        for place, unseen in zip(counts, (listing.unseen, outside.unseen), strict=False):
            for path, words in unseen:
                counts[place].leave_out(path, words)
        return {**counts, **self.log.counts}

    def _kept(self, listing: Listing) -> tuple[Any, Any, dict[str, Any]]:
        """Return paths, names and numbers without skipped files."""
        import numpy as np

        (paths, name, _), numbers = listing.texts(), listing.columns()
        if self.settings.skip:
            rows = [
                row
                for row, path in enumerate(listing.paths)
                if not is_skipped(path, self.settings.skip)
            ]
            kept = np.array(rows, "int64")
            paths, name = paths.take(kept), name.take(kept)
            numbers = {fact: values[kept] for fact, values in numbers.items()}
        return paths, name, numbers

    def _table(self, paths: Any, name: Any, numbers: dict[str, Any]) -> DataFrame:
        """Return files with the columns `columns.FILES`."""
        import pandas as pd

        has_own_time = (numbers["n_links"] == 1) | (numbers["link_ns"] != ABSENT)
        in_name = self.pattern.read_names(name)
        files = {
            "file_id": paths,
            "name": name,
            "path": shown_all([f"{self.settings.path}/"])[0] + paths,
            "kind": names.kinds(name),
            "size_bytes": pd.Series(whole_numbers(numbers["size"], numbers["size"] >= 0)),
            "created_at": instants(numbers["mtime_ns"]),
            "transferred_at": instants(numbers["ctime_ns"], has_own_time),
            "on_disk": numbers["is_dangling"] == 0,
            "device": pd.Series(whole_numbers(numbers["device"])),
            "inode": pd.Series(whole_numbers(numbers["inode"])),
            **{str(column): values for column, values in in_name.items()},
        }
        return frames.frame(columns.FILES, pd.DataFrame(files))

    def _log_digest(self, night: datetime.date) -> str:
        """Return the digest of the night's log lines, or ""."""
        if not self.settings.transfer_log:
            return ""
        loose = [entry.path for entry in self.tree.loose(night)]
        return self.log.digest(night, self.tree.night_folders().get(night, []), loose)


def _header_reader(settings: FileStore.Settings) -> HeaderReader:
    from observing_monitor.sources.file_headers import HeaderReader

    return HeaderReader(settings.headers, settings.types, settings.headers_s)
