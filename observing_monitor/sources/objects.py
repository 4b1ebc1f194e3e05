"""Files as they lie in an object store: what has arrived, and when.

A listing tells names, sizes and when each object was last written, which is when the file came: an object has no time of its
own making, no links and no folders that could be asked whether anything in them changed. Prefixes named after nights give the
night, other objects their own time. Each prefix is listed once in a run, and of those named after nights only the nights asked for.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import night_named
from observing_monitor.model.reading import Reading
from observing_monitor.readers.object_store import Object, Objects, Storage
from observing_monitor.sources.base import Telling

if TYPE_CHECKING:
    from observing_monitor.model.reading import Known
    from observing_monitor.sources.base import Asked


# night -> its prefixes, and night -> {path: Object} of what lies outside them
Skeleton = tuple[dict[datetime.date, list[str]], dict[datetime.date, dict[str, Object]]]


class ObjectFiles(Telling):
    """The objects below an address; `type = "files"` whose path is an address is this."""

    @dataclass
    class Settings:
        path: str  # the address: s3://bucket/prefix
        optional: bool = False  # where nothing lies below it, and never did, no file is told of, and that is no fault
        skip: list[str] = field(
            default_factory=list
        )  # patterns of names that are no files yet, such as *.part
        name_pattern: str = (
            names.RUBIN
        )  # a regular expression with groups obsid, exposure, seq_num, detector
        storage: Storage = field(
            default_factory=Storage
        )  # how the store is reached; from [storage], unless a table here says so

    @staticmethod
    def stages_of(settings: ObjectFiles.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: ObjectFiles.Settings) -> str:
        return f"{settings.path} (may be absent)" if settings.optional else settings.path

    def __init__(self, settings: ObjectFiles.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "files"
        self.objects = Objects(settings.path, settings.storage, SourceError)
        self._skeleton: Skeleton | None = None  # of the run
        self._fault = ""  # why there is none
        self._loose: frozenset[str] | None = (
            None  # the paths of all objects outside the prefixes of nights
        )
        self._nights: dict[
            datetime.date, dict[str, Object]
        ] = {}  # night -> what lies in it, until it was read
        names.named_pattern("name_pattern", settings.name_pattern)
        settings.storage.check()

    def nights(self) -> set[datetime.date]:
        prefixes, loose = self._listed()
        return set(prefixes) | set(loose)

    def look(self, night: datetime.date, known: Known) -> Known:
        """A digest of every object's name, size and time."""
        prefixes, _ = self._listed()
        if night not in prefixes and (known or {}).get("has_prefix"):
            raise SourceError(
                f"{self.objects.address}: the night's prefix is no longer there; its files stay as last seen"
            )
        listed = sorted(self._of_night(night).items())
        told = "\0".join(
            f"{path}\0{there.size}\0{there.modified_at}\0{there.etag}" for path, there in listed
        )
        digest = hashlib.blake2b(
            told.encode("utf-8", "backslashreplace"), digest_size=16
        ).hexdigest()
        return {"has_prefix": night in prefixes, "digest": digest}

    def read(self, night: datetime.date) -> Reading:
        """The night's objects, by name."""
        import pandas as pd

        listed = sorted(self._of_night(night).items())
        del self._nights[night]
        listed = [(path, there) for path, there in listed if not self._is_skipped(path)]
        if self._loose is None:
            self._loose = frozenset(
                path for others in self._listed()[1].values() for path in others
            )
        elsewhere = self._loose
        if not listed:
            return Reading(files=frames.empty(columns.FILES), elsewhere=elsewhere)
        paths = pd.Series([path for path, _ in listed], dtype="str")
        name = names.last_parts(paths)
        files = {
            "file_id": paths,
            "name": name,
            "path": f"{self.objects.address}/" + paths,
            "kind": names.kinds(name),
            "size_bytes": pd.Series([there.size for _, there in listed], dtype="Int64"),
            "transferred_at": pd.to_datetime(
                pd.Series([there.modified_at for _, there in listed]), utc=True
            ),
            "on_disk": True,
            **names.read_names(name, self.settings.name_pattern).to_dict("series"),
        }
        return Reading(files=frames.frame(columns.FILES, pd.DataFrame(files)), elsewhere=elsewhere)

    def _is_skipped(self, path: str) -> bool:
        return any(fnmatch(path.rpartition("/")[2], pattern) for pattern in self.settings.skip)

    def _of_night(self, night: datetime.date) -> dict[str, Object]:
        """What lies in a night: path -> Object; its prefixes are listed at the first question."""
        if night not in self._nights:
            prefixes, loose = self._listed()
            found = dict(loose.get(night, {}))
            for prefix in prefixes.get(night, []):
                found |= {
                    path: there
                    for path, there in self.objects.all_below(prefix).items()
                    if not _is_hidden(path)
                }
            self._nights[night] = found
        return self._nights[night]

    def _listed(self) -> Skeleton:
        """The prefixes named after nights, and the objects outside them: (night -> prefixes, night -> {path: Object})."""
        if self._fault:  # that is not waited for at every night
            raise SourceError(self._fault)
        if self._skeleton is None:
            try:
                self._skeleton = self._walk()
            except SourceError as error:
                self._fault = str(error)
                raise
        return self._skeleton

    def _walk(self) -> Skeleton:
        """What `_listed` tells, from the store."""
        prefixes: dict[datetime.date, list[str]] = {}
        loose: dict[datetime.date, dict[str, Object]] = {}
        is_empty = True
        to_do = [""]
        while to_do:
            objects, folders = self.objects.folder(to_do.pop())
            is_empty = is_empty and not objects and not folders
            for path, there in objects.items():
                if not _is_hidden(path) and there.modified_at:
                    loose.setdefault(self.asked.rule.night_of(there.modified_at), {})[path] = there
            for folder in folders:
                night = night_named(folder.rpartition("/")[2])
                if night:
                    prefixes.setdefault(night, []).append(folder)
                elif not _is_hidden(folder):
                    to_do.append(folder)
        if is_empty and not self.settings.optional:
            raise SourceError(
                f"{self.objects.address}: there is nothing below it; is the address right?"
            )
        return prefixes, loose


def _is_hidden(path: str) -> bool:
    """Whether a name, or that of a folder on the way to it, begins with a dot, as what is still written often does."""
    return path.startswith(".") or "/." in path
