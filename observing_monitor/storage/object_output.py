"""The output in an object store."""

from __future__ import annotations

import bisect
import contextlib
import copy
import hashlib
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import OutputError, SilentOutputError
from observing_monitor.readers.object_store import Object, Objects
from observing_monitor.storage.layout import LOCK, STORE
from observing_monitor.storage.lease import Lease
from observing_monitor.storage.ledger import SIGN_BYTES
from observing_monitor.storage.output import Output
from observing_monitor.storage.ownership import digest_of
from observing_monitor.storage.redact import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Self

    from observing_monitor.readers.store_options import Storage


# an object that is appended to is written at most this often
APPEND_EVERY_S = 5


class ObjectOutput(Output):
    """An output whose pages, data and lock are objects.

    A run lists everything below the address once, when it first needs to know which objects
    exist, and updates the listing as it writes. So it needs no request for the state of an
    object, and does not write an object whose MD5 is that of the listing. The lock keeps others
    from writing.
    """

    def __init__(self, address: str, storage: Storage, redaction: Redaction | None = None) -> None:
        self.objects = Objects(address, storage, OutputError)
        self.root = self.objects.address
        self.store = f"{self.root}/{STORE}"
        self.redaction = redaction or Redaction([])
        self._listed: dict[str, Object] | None = None
        # folder -> names in it
        self._inside: dict[str, set[str]] = {}
        # names of all objects, sorted when `part` first needs them
        self._sorted: list[str] | None = None
        # beginnings of the names for which the listing is complete
        self._covers: tuple[str, ...] = ("",)
        # objects written here; None if removed
        self._changes: dict[str, Object | None] = {}
        # objects that are appended to, and when each was last written
        self._growing: dict[str, tuple[bytes, float]] = {}
        self._lease: Lease | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lease": None, "_sorted": None, "_growing": {}}

    def path(self, *parts: str) -> str:
        """Return the address of an object."""
        return "/".join(filter(None, [self.root, *parts]))

    def make(self) -> None:
        """Do nothing: a prefix exists as soon as an object does."""

    def sweep(self) -> None:
        """Do nothing: an object that was not written completely does not exist."""

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock, and renew it while the run is at work.

        Raises LockedError if another run has it.
        """
        lease = Lease(self.objects)
        lease.take()
        self._lease, is_silent = lease, False
        try:
            with lease.renewed():
                yield
        except SilentOutputError:  # here, or in a worker
            is_silent = True
            raise
        finally:
            self._lease = None
            lease.release(is_silent)

    def is_locked(self) -> bool:
        """True if a run holds the lock."""
        return bool(self.names(LOCK))

    def _write(self, relative: str, data: bytes, key: str = "") -> None:
        self._check_ours(relative)
        self._put(relative, data)
        self._list(relative, self._state(relative) or "", digest_of(data), key)

    def _put(self, relative: str, data: bytes) -> None:
        if self._lease:
            self._lease.check()
        self.objects.write(relative, data)
        self._learn_object(relative, Object(len(data), None, _md5(data)))

    def write_changed(self, relative: str, data: str | bytes) -> bool:
        """Write an object, unless it already holds exactly this."""
        data = self._public(relative, data)
        there = self._find(relative)
        if (
            not self.is_rewriting
            and there
            and there.size == len(data)
            and (there.etag == _md5(data) or self.objects.read(relative) == data)
        ):
            self._list(relative, self._state(relative) or "", digest_of(data))
            return False
        self._write(relative, data)
        return True

    def write_parts(self, relative: str, parts: Iterable[bytes]) -> bool:
        """Write an object given in parts, unless it already holds these."""
        return self.write_changed(relative, b"".join(parts))

    def parallel_writes(self, is_large: bool) -> AbstractContextManager[Callable[..., None]]:
        """Run functions that write objects, always in parallel.

        Each waits for the store.
        """
        self._objects()  # once, before the threads need it
        return super().parallel_writes(True)

    def append(self, relative: str, line: bytes) -> None:
        """Append a line to an object.

        Objects cannot grow, so it is written anew, but only every APPEND_EVERY_S. A killed run
        loses lines, and the next run does their nights again.
        """
        whole, written_at = self._growing.get(relative) or (self.read(relative) or b"", 0.0)
        whole += line + b"\n"
        if time.monotonic() - written_at > APPEND_EVERY_S:
            self._write(relative, whole)
            written_at = time.monotonic()
        self._growing[relative] = whole, written_at

    def rename(self, relative: str, to: str) -> None:
        """Write an object under another name, and remove the old one."""
        self._check_ours(relative)
        self._check_ours(to)
        self._move(relative, to)

    def _move(self, relative: str, to: str) -> None:
        data = self.read(relative)
        if data is not None:
            self._put(to, data)
            self._unlink(relative)

    def remove(self, relative: str) -> None:
        """Remove an object, if it exists and is ours."""
        self._growing.pop(relative, None)
        if not self._leave_foreign(relative):
            self._unlink(relative)
        self._drop(relative)

    def _unlink(self, relative: str) -> None:
        if not self._is_covered(relative) or self._find(relative):
            self.objects.remove(relative)
            self._learn_object(relative, None)

    def check_folder(self, folder: str) -> None:
        """Do nothing: object stores have no links."""

    def _state(self, relative: str) -> str | None:
        there = self._find(relative)
        return f"{there.size}-{there.etag}" if there else None

    def _is_same_state(self, listed: str, state: str) -> bool:
        # some stores have no ETags: the size is all that a listing shows
        if state.endswith("-") or listed.endswith("-"):
            return listed.partition("-")[0] == state.partition("-")[0]
        return listed == state

    def _ends(self, relative: str) -> tuple[bytes, bytes]:
        data = self.read(relative) or b""
        return data[:SIGN_BYTES], data[-SIGN_BYTES:]

    def exists(self, relative: str) -> bool:
        """True if an object or a prefix exists."""
        return self._find(relative) is not None or relative in self._inside

    def size(self, relative: str) -> int | None:
        """Return an object's length in bytes; None if it does not exist."""
        there = self._find(relative)
        return there.size if there else None

    def names(self, folder: str) -> list[str]:
        """Return the names of the objects and prefixes below a prefix."""
        self._objects()
        return list(self._inside.get(folder.rstrip("/"), ()))

    def prune(self, folder: str, ending: str, kept: Container[str]) -> None:
        """Remove objects with an ending, except those to keep."""
        for name in self.names(folder):
            if name.endswith(ending) and name not in kept:
                self.remove(f"{folder}/{name}")

    def read(self, relative: str) -> bytes | None:
        """Return an object's bytes; None if it does not exist."""
        if self._is_covered(relative) and self._find(relative) is None:
            return None
        return self.objects.read(relative)

    def part(self, *beginnings: str) -> Self:
        """Return the output for a worker, with a part of the listing.

        Only objects whose names have one of the beginnings are listed.
        """
        listed = self._objects()
        if self._sorted is None:
            self._sorted = sorted(listed)
        made = self._with_ledger_of(copy.copy(self), beginnings)
        made._listed, made._covers, made._inside = {}, beginnings, {}
        made._sorted, made._changes, made._growing = None, {}, {}
        for beginning in beginnings:
            first = bisect.bisect_left(self._sorted, beginning)
            last = bisect.bisect_left(self._sorted, f"{beginning}\U0010ffff")
            for name in self._sorted[first:last]:
                made._add(name, listed[name])
        return made

    def changes(self) -> Any:
        """Return the objects written and removed here, for `learn`."""
        return self._changes, super().changes()

    def learn(self, changes: Any) -> None:
        """Take over the `changes` that a worker made."""
        objects, listed = changes or ({}, {})
        for name, there in objects.items():
            self._learn_object(name, there)
        super().learn(listed)

    def _learn_object(self, name: str, there: Object | None) -> None:
        """Note an object that was written, or removed (None)."""
        self._changes[name] = there
        if there:
            self._add(name, there)
        else:
            self._drop_object(name)

    def _is_covered(self, relative: str) -> bool:
        return relative.startswith(self._covers)

    def _find(self, relative: str) -> Object | None:
        return (
            self._objects().get(relative)
            if self._is_covered(relative)
            else self.objects.info(relative)
        )

    def _objects(self) -> dict[str, Object]:
        if self._listed is None:
            self._listed = {}
            for name, there in self.objects.all_below().items():
                self._add(name, there)
        return self._listed

    def _add(self, name: str, there: Object) -> None:
        listed = self._objects()
        if name not in listed:
            self._sorted = None
        listed[name] = there
        while name:
            name, _, leaf = name.rpartition("/")
            names = self._inside.setdefault(name, set())
            if leaf in names:
                return
            names.add(leaf)

    def _drop_object(self, name: str) -> None:
        if self._objects().pop(name, None):
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
