"""Files in an object store: which arrived, and when.

A listing has each object's name, size and the time when it was last written, which is when the
file arrived. Objects have no time of creation, no links, and no folders with a time of their own.

Objects below a prefix named after a night belong to that night, others to the night of their own
time. Each prefix is listed once per run; prefixes of nights only if the night is asked for.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import night_named
from observing_monitor.model.reading import Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.object_store import Object, Objects, Storage
from observing_monitor.readers.patterns import Pattern
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared.meanings import NAME_PATTERN, SKIP

if TYPE_CHECKING:
    from observing_monitor.model.reading import Known
    from observing_monitor.sources.base import Asked


# night -> its prefixes, and night -> {path: Object} of the objects outside them
Skeleton = tuple[dict[datetime.date, list[str]], dict[datetime.date, dict[str, Object]]]


class ObjectFiles(Telling):
    """The objects below an address.

    In the settings, `type = "files"` with an address as path.
    """

    @dataclass
    class Settings:
        """Settings of type `files` with an address."""

        path: str = setting(REQUIRED, "Address of the files.", example="s3://bucket/prefix")
        optional: bool = setting(
            False, "With `true`, it is no fault if nothing lies below the address and never did."
        )
        skip: list[str] = setting([], SKIP, example=["*.part"])
        name_pattern: str = setting(names.RUBIN, NAME_PATTERN)
        storage: Storage = setting(Storage(), "How to reach the store, if not as `[storage]` says.")

    @staticmethod
    def stages_of(settings: ObjectFiles.Settings) -> tuple[str, ...]:
        """Return none: it reports no attempts."""
        return ()

    @staticmethod
    def place_of(settings: ObjectFiles.Settings) -> str:
        """Return the address."""
        return f"{settings.path} (may be absent)" if settings.optional else settings.path

    def __init__(self, settings: ObjectFiles.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "files"
        self.objects = Objects(settings.path, settings.storage, SourceError)
        self._skeleton: Skeleton | None = None
        # the first error: the store is not asked again for every night
        self._fault = ""
        # the paths of all objects outside the prefixes of nights
        self._loose: frozenset[str] | None = None
        # night -> its objects, until it was read
        self._nights: dict[datetime.date, dict[str, Object]] = {}
        self.pattern = Pattern("name_pattern", settings.name_pattern)
        settings.storage.check()

    def nights(self) -> set[datetime.date]:
        """Return the nights of all prefixes and loose objects."""
        prefixes, loose = self._list_outside()
        return set(prefixes) | set(loose)

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return a digest of every object's name, size and time."""
        prefixes, _ = self._list_outside()
        if night not in prefixes and (known or {}).get("has_prefix"):
            words = "the night's prefix is no longer there; its files stay as last seen"
            raise SourceError(f"{self.objects.address}: {words}")
        text = "\0".join(
            f"{path}\0{there.size}\0{there.modified_at}\0{there.etag}"
            for path, there in sorted(self._of_night(night).items())
        )
        return {"has_prefix": night in prefixes, "digest": hex_digest(text, n_bytes=16)}

    def read(self, night: datetime.date) -> Reading:
        """Return the night's objects, by name."""
        import pandas as pd

        listed = sorted(self._of_night(night).items())
        del self._nights[night]
        listed = [(path, there) for path, there in listed if not self._is_skipped(path)]
        elsewhere = self._all_loose()
        if not listed:
            return Reading(files=frames.empty(columns.FILES), elsewhere=elsewhere)
        paths = pd.Series([path for path, _ in listed], dtype="str")
        name = names.last_parts(paths)
        written = pd.Series([there.modified_at for _, there in listed])
        files = {
            "file_id": paths,
            "name": name,
            "path": f"{self.objects.address}/" + paths,
            "kind": names.kinds(name),
            "size_bytes": pd.Series([there.size for _, there in listed], dtype="Int64"),
            "transferred_at": pd.to_datetime(written, utc=True),
            "on_disk": True,
            **self.pattern.read_names(name).to_dict("series"),
        }
        table = frames.frame(columns.FILES, pd.DataFrame(files))
        return Reading(files=table, notes=self.pattern.take_notes(), elsewhere=elsewhere)

    def _is_skipped(self, path: str) -> bool:
        return any(fnmatch(path.rpartition("/")[2], pattern) for pattern in self.settings.skip)

    def _all_loose(self) -> frozenset[str]:
        """Return the paths of all loose objects."""
        if self._loose is None:
            loose = self._list_outside()[1].values()
            self._loose = frozenset(path for objects in loose for path in objects)
        return self._loose

    def _of_night(self, night: datetime.date) -> dict[str, Object]:
        """Return a night's objects by path.

        Its prefixes are listed at the first call.
        """
        if night not in self._nights:
            prefixes, loose = self._list_outside()
            found = dict(loose.get(night, {}))
            for prefix in prefixes.get(night, []):
                below = self.objects.all_below(prefix)
                found |= {path: there for path, there in below.items() if not _is_hidden(path)}
            self._nights[night] = found
        return self._nights[night]

    def _list_outside(self) -> Skeleton:
        """Return nights' prefixes, and the objects outside them.

        They are listed once.
        """
        if self._fault:
            raise SourceError(self._fault)
        if self._skeleton is None:
            try:
                self._skeleton = self._walk()
            except SourceError as error:
                self._fault = str(error)
                raise
        return self._skeleton

    def _walk(self) -> Skeleton:
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
            words = "there is nothing below it; is the address right?"
            raise SourceError(f"{self.objects.address}: {words}")
        return prefixes, loose


def _is_hidden(path: str) -> bool:
    """True if a part of a path begins with a dot.

    Many programs write a file under such a name until it is complete.
    """
    return path.startswith(".") or "/." in path
