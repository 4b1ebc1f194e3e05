"""Write pages and tables to an object store."""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import OutputError
from observing_monitor.readers.object_store import Object, Objects
from observing_monitor.storage.lease import Lease
from observing_monitor.storage.output import STORE, Output
from observing_monitor.storage.redact import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from observing_monitor.readers.object_store import Storage


# --- the output --------------------------------------------------------------------------------------------------------


class ObjectOutput(Output):
    """An output whose pages, data and lock are objects.

    A run lists everything below the address once, when it first asks what is there, and keeps in mind what it writes; so it
    asks for no object's state, and writes none whose MD5 is the listing's. That nobody else writes is what the lock is for.
    """

    def __init__(self, address: str, storage: Storage, redaction: Redaction | None = None) -> None:
        self.objects = Objects(address, storage, OutputError)
        self.root = self.objects.address
        self.store = f"{self.root}/{STORE}"
        self.redaction = redaction or Redaction([])
        self._listed: dict[str, Object] | None = None
        self._inside: dict[str, set[str]] = {}  # folder -> the names in it
        self._sorted: list[str] | None = None  # the names of all, made when parts are cut
        self._covers: tuple[str, ...] = (
            "",
        )  # the beginnings of the names that the listing tells of
        self._changes: dict[str, Object | None] = {}  # what was written here; None: removed
        self._growing: dict[
            str, tuple[bytes, float]
        ] = {}  # what is appended to, and when it was last written
        self._lease: Lease | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lease": None, "_sorted": None, "_growing": {}}

    def path(self, *parts: str) -> str:
        return "/".join(filter(None, [self.root, *parts]))

    def make(self) -> None:
        """Nothing: a prefix is there when an object is."""

    def sweep(self) -> None:
        """Nothing: an object that was not written whole is not there at all."""

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock, renewed while the run is at work; LockedError where another run has it."""
        lease = Lease(self.objects)
        lease.take()
        self._lease = lease
        try:
            with lease.renewed():
                yield
        finally:
            self._lease = None
            lease.release()

    def is_locked(self) -> bool:
        return bool(self.names(".lock"))

    def _write(self, relative: str, data: bytes) -> None:
        if self._lease:
            self._lease.check()
        self.objects.write(relative, data)
        self._changes[relative] = Object(len(data), None, _md5(data))
        self.learn({relative: self._changes[relative]})

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        data = self._public(relative, data)
        there = self._look(relative)
        if (
            there
            and there.size == len(data)
            and (there.etag == _md5(data) or self.objects.read(relative) == data)
        ):
            return False
        self._write(relative, data)
        return True

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        return self.write_changed(relative, b"".join(parts))

    def at_once(self, is_much: bool) -> AbstractContextManager[Callable[..., None]]:
        self._list()  # before several ask for it
        return super().at_once(True)  # a store takes its time for each

    def append(self, relative: str, line: bytes) -> None:
        """An object can't grow: it is written whole, but only every few seconds. What a killed run loses of it is done again."""
        whole, written_at = self._growing.get(relative) or (self.read(relative) or b"", 0.0)
        whole += line + b"\n"
        if time.monotonic() - written_at > 5:
            self._write(relative, whole)
            written_at = time.monotonic()
        self._growing[relative] = whole, written_at

    def rename(self, relative: str, to: str) -> None:
        """An object can't be renamed: it is written anew under the other name."""
        data = self.read(relative)
        if data is not None:
            self._write(to, data)
            self.remove(relative)

    def remove(self, relative: str) -> None:
        self._growing.pop(relative, None)
        if not self._is_sure(relative) or self._look(relative):
            self.objects.remove(relative)
            self._changes[relative] = None
            self.learn({relative: None})

    def exists(self, relative: str) -> bool:
        return self._look(relative) is not None or relative in self._inside

    def size(self, relative: str) -> int | None:
        there = self._look(relative)
        return there.size if there else None

    def names(self, folder: str) -> list[str]:
        self._list()
        return list(self._inside.get(folder.rstrip("/"), ()))

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        for name in self.names(folder):
            if name.endswith(ending) and name not in kept:
                self.remove(f"{folder}/{name}")

    def read(self, relative: str) -> bytes | None:
        if self._is_sure(relative) and self._look(relative) is None:
            return None
        return self.objects.read(relative)

    def part(self, *beginnings: str) -> Output:
        """The output with just that much of the listing as tells of names that begin so: little to hand to a worker."""
        listed = self._list()
        if self._sorted is None:
            self._sorted = sorted(listed)
        made = ObjectOutput(self.root, self.objects.storage, self.redaction)
        made._listed, made._covers = {}, beginnings
        for beginning in beginnings:
            first = bisect.bisect_left(self._sorted, beginning)
            last = bisect.bisect_left(self._sorted, f"{beginning}\U0010ffff")
            for name in self._sorted[first:last]:
                made._note(name, listed[name])
        return made

    def changes(self) -> dict[str, Object | None]:
        return self._changes

    def learn(self, changes: dict[str, Object | None] | None) -> None:
        for name, there in (changes or {}).items():
            if there:
                self._note(name, there)
            else:
                self._forget(name)

    def _is_sure(self, relative: str) -> bool:
        return relative.startswith(self._covers)

    def _look(self, relative: str) -> Object | None:
        return (
            self._list().get(relative) if self._is_sure(relative) else self.objects.info(relative)
        )

    def _list(self) -> dict[str, Object]:
        if self._listed is None:
            self._listed = {}
            for name, there in self.objects.all_below().items():
                self._note(name, there)
        return self._listed

    def _note(self, name: str, there: Object) -> None:
        listed = self._list()
        if name not in listed:
            self._sorted = None
        listed[name] = there
        while name:
            name, _, leaf = name.rpartition("/")
            names = self._inside.setdefault(name, set())
            if leaf in names:
                return
            names.add(leaf)

    def _forget(self, name: str) -> None:
        if self._list().pop(name, None):
            self._sorted = None
        while name:
            name, _, leaf = name.rpartition("/")
            names = self._inside.get(name, set())
            names.discard(leaf)
            if names or not name:
                return
            del self._inside[name]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
