"""Metrics kept in a folder: a JSON file per night, under one lock."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import OutputError
from observing_monitor.metrics.values import OWN_KEYS, file_name_of, number
from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.plain_files import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO


MAX_BYTES = 100_000_000  # of a night's file


class MetricsFolder:
    """A folder of files `status_<nid>.json`, one per night.

    The methods are those of `Metrics`, with checked values and the number of a night. They raise
    `OutputError` if the folder or a file cannot be read or written.
    """

    def __init__(self, folder: str, create: bool, sync_every_s: float | None) -> None:
        self.place = os.path.abspath(folder)
        self._create = create
        self._sync_every_s = sync_every_s
        # nid -> time.monotonic() at which this object last forced the file to disk
        self._synced_at: dict[int, float] = {}

    def set(self, values: Mapping[str, float], nid: int) -> None:
        """Replace the night's numbers of these names."""
        with self._lock():
            self._write(nid, {**self._read_all(nid), **values})

    def add(self, values: Mapping[str, float], nid: int) -> None:
        """Add to the night's numbers of these names."""
        with self._lock():
            stored = self._read_all(nid)
            for name, value in values.items():
                stored[name] = self._sum(nid, name, stored.get(name, 0), value)
            self._write(nid, stored)

    def read(self, nid: int) -> dict[str, float]:
        """Return the night's numbers by name."""
        return {name: value for name, value in self._read_all(nid).items() if name not in OWN_KEYS}

    def delete(self, nid: int) -> bool:
        """Remove the night's file; True if there was one."""
        with self._lock():
            try:
                os.unlink(self._path(nid))
            except FileNotFoundError:
                return False
            except OSError as error:
                raise self._fault(error, nid) from error
        return True

    def close(self) -> None:
        """Do nothing: no file stays open between calls."""

    def _path(self, nid: int) -> str:
        return os.path.join(self.place, file_name_of(nid))

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the folder's lock, which the kernel releases if we are killed."""
        with self._opened_lock() as lock:
            # flock, unlike lockf, works between threads; opened at each call, as forks share files
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as error:
                raise OutputError(
                    f"{lock.name}: {os_error_text(error)}; nothing was changed: "
                    "the folder must be on a file system that supports locks"
                ) from error
            try:
                yield
            finally:
                # closing does not unlock if a child was forked meanwhile
                fcntl.flock(lock, fcntl.LOCK_UN)

    def _opened_lock(self) -> IO[bytes]:
        path = os.path.join(self.place, ".status.lock")
        try:
            try:
                return open(path, "ab", 0, opener=plain)
            except FileNotFoundError:
                self._make_folder()
                return open(path, "ab", 0, opener=plain)
        except OSError as error:
            raise self._fault(error) from error

    def _make_folder(self) -> None:
        if self._create:
            os.makedirs(self.place, exist_ok=True)
            return
        try:
            os.mkdir(self.place)
        except FileExistsError:
            pass
        except FileNotFoundError:
            parent = os.path.dirname(self.place)
            raise OutputError(
                f"{self.place}: {parent} does not exist; "
                "mount or make it, or use create=True (--create)"
            ) from None

    def _read_all(self, nid: int) -> dict[str, float]:
        """Return all of a night's file, own keys included; {} if there is none."""
        path = self._path(nid)
        try:
            with open(path, "rb", 0, opener=plain) as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._fault(error, nid) from error
        if len(data) > MAX_BYTES:
            words = f"holds more than {MAX_BYTES:,} bytes; it was not changed: move it away"
            raise OutputError(f"{path}: {words}")
        try:
            stored = json.loads(data)
        except ValueError as error:
            raise OutputError(
                f"{path}: is not complete JSON; it was not changed: repair it or move it away"
            ) from error
        if not isinstance(stored, dict):
            raise OutputError(
                f"{path}: does not hold names and numbers; it was not changed: move it away"
            )
        return stored

    def _sum(self, nid: int, name: str, stored: float | str | None, value: float) -> float:
        """Return a stored value plus an added one.

        Null and NaN count as 0. Text of a number, such as "-1.0", counts as that number, because
        Lasair's programs write such text.
        """
        try:
            before = 0 if stored is None else float(stored) if isinstance(stored, str) else stored
            if isinstance(before, bool) or not isinstance(before, (int, float)):
                raise ValueError
        except ValueError:
            raise OutputError(
                f"{self._path(nid)}: {name} is {stored!r}, to which nothing can be added; "
                "set it first"
            ) from None
        return number(name, (0 if before != before else before) + value)

    def _write(self, nid: int, values: dict[str, float]) -> None:
        """Replace a night's file in one step, while holding the lock."""
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        own = {"nid": nid, "update_time": now.isoformat(timespec="seconds")}
        written = {**own, **{name: value for name, value in values.items() if name not in OWN_KEYS}}
        # one line per metric: json's own `indent` is many times slower
        text = json.dumps(written, separators=(",\n    ", ": "))
        path = self._path(nid)
        temporary = os.path.join(self.place, f".status_{nid}.json.new")
        try:
            with open(temporary, "wb", 0, opener=plain) as file:
                data = memoryview(f"{{\n    {text[1:-1]}\n}}\n".encode())
                while data:
                    data = data[file.write(data) :]
                self._sync(file, nid)
            os.replace(temporary, path)
        except OSError as error:
            raise self._fault(error, nid) from error

    def _sync(self, file: IO[bytes], nid: int) -> None:
        """Force a file to disk unless this object did so recently."""
        if self._sync_every_s is None:
            return
        now = time.monotonic()
        last = self._synced_at.get(nid)
        if last is None or now - last >= self._sync_every_s:
            os.fsync(file.fileno())
            self._synced_at[nid] = now

    def _fault(self, error: OSError, nid: int | None = None) -> OutputError:
        path = self.place if nid is None else self._path(nid)
        return OutputError(f"{path}: {os_error_text(error)}; nothing was changed")
