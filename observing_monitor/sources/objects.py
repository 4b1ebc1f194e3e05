"""Files in an object store: which arrived, and when.

A listing has each object's name, size and the time when it was last written, which is when the
file arrived. Objects have no time of creation, no links, and no folders with a time of their own.

Objects below a prefix named after a night belong to that night, others to the night of their own
time. Each prefix is listed once per run; prefixes of nights only if the night is asked for.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import night_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.object_store import Object, Objects
from observing_monitor.readers.patterns import NamePattern
from observing_monitor.readers.store_options import Storage
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared.meanings import NAME_PATTERN, SKIP
from observing_monitor.sources.shared.skipped import is_skipped, skipped_all

if TYPE_CHECKING:
    from collections.abc import Collection

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
            False,
            "With `true`, it is no fault if nothing lies below the address and never did.",
            affects_reading=False,
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
        # paths of objects outside the prefixes of nights that have no time, and so no night
        self._undated: list[str] = []
        # night -> its objects, until it was read
        self._nights: dict[datetime.date, dict[str, Object]] = {}
        self.pattern = NamePattern(settings.name_pattern)
        settings.storage.check()

    def nights(self) -> set[datetime.date]:
        """Return the nights of all prefixes and loose objects."""
        prefixes, loose = self._list_outside()
        return set(prefixes) | set(loose)

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return a digest of every object's name, size and time."""
        self._refuse_purged(night, known)
        prefixes, _ = self._list_outside()
        text = "\0".join(
            f"{path}\0{there.size}\0{there.modified_at}\0{there.etag}"
            for path, there in sorted(self._of_night(night).items())
        )
        return {"has_prefix": night in prefixes, "digest": hex_digest(text, n_bytes=16)}

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        if "path" not in changed:
            self._refuse_purged(night, earlier)
        return self.look(night, None)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's objects, by name."""
        import pandas as pd

        skip, found = self.settings.skip, sorted(self._of_night(night).items())
        counts = self._counts(night)
        del self._nights[night]
        listed = [(path, there) for path, there in found if not is_skipped(path, skip)]
        elsewhere = self._all_loose()
        if not listed:
            return Reading(
                files=frames.empty(columns.FILES),
                elsewhere=elsewhere,
                is_left_out=self._is_left_out,
                counts=counts,
                without_effect=skipped_all(skip, [path for path, _ in found]),
            )
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
        return Reading(
            files=table,
            notes=self.pattern.take_notes(),
            elsewhere=elsewhere,
            is_left_out=self._is_left_out,
            counts=counts,
            without_effect=self.pattern.take_without_effect(),
        )

    def _refuse_purged(self, night: datetime.date, known: Known) -> None:
        """Raise SourceError if the night had a prefix and has none."""
        if night not in self._list_outside()[0] and (known or {}).get("has_prefix"):
            words = "the night's prefix is no longer there; its files stay as last seen"
            raise SourceError(f"{self.objects.address}: {words}")

    def _is_left_out(self, file_id: str, path: str, was_there: bool) -> bool:
        return is_skipped(file_id, self.settings.skip)

    def _counts(self, night: datetime.date) -> dict[str, Counts]:
        """Count the night's objects, and those outside all nights."""
        loose = self._list_outside()[1]
        address, n_loose = self.objects.address, sum(map(len, loose.values()))
        outside = Counts(n_loose + len(self._undated))
        if self._undated:
            outside.leave_out(self._undated[0], "has no time", len(self._undated))
        n_below = len(self._nights[night]) - len(loose.get(night, {}))
        return {address: outside, f"{address}, night {night}": Counts(n_below)}

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
                if _is_hidden(path):
                    continue
                if there.modified_at:
                    loose.setdefault(self.asked.rule.night_of(there.modified_at), {})[path] = there
                else:
                    self._undated.append(path)
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
