"""Metrics kept as files in a folder."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import OutputError
from observing_monitor.metrics.values import OWN_KEYS, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO


class Folder:
    """A file a night, `status_<nid>.json`, under one lock."""

    def __init__(self, folder: str, create: bool, sync_every_s: float | None) -> None:
        self.place = os.path.abspath(folder)
        self._create = create
        self._sync_every_s = sync_every_s
        self._synced_at: dict[
            int, float
        ] = {}  # nid -> when this object last forced the night's file to disk

    def set(self, values: Mapping[str, float], nid: int) -> None:
        with self._lock():
            self._write(nid, {**self._read_all(nid), **values})

    def add(self, values: Mapping[str, float], nid: int) -> None:
        with self._lock():
            kept = self._read_all(nid)
            for name, value in values.items():
                kept[name] = self._sum(nid, name, kept.get(name, 0), value)
            self._write(nid, kept)

    def read(self, nid: int) -> dict[str, float]:
        return {name: value for name, value in self._read_all(nid).items() if name not in OWN_KEYS}

    def delete(self, nid: int) -> bool:
        with self._lock():
            try:
                os.unlink(self._path(nid))
            except FileNotFoundError:
                return False
            except OSError as error:
                raise self._fault(error, nid) from error
        return True

    def close(self) -> None:
        """Nothing is held between two calls."""

    def _path(self, nid: int) -> str:
        return os.path.join(self.place, f"status_{nid}.json")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the folder's lock; the kernel releases it if we are killed."""
        with self._opened_lock() as lock:
            # flock, not lockf: it holds between threads as well. Opened anew each time: a forked child would share it
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(
                    lock, fcntl.LOCK_UN
                )  # closing is not enough where a child was forked meanwhile

    def _opened_lock(self) -> IO[bytes]:
        path = os.path.join(self.place, ".status.lock")
        try:
            try:
                return open(path, "ab", 0)
            except FileNotFoundError:
                self._make()
                return open(path, "ab", 0)
        except OSError as error:
            raise self._fault(error) from error

    def _make(self) -> None:
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
                f"{self.place}: {parent} does not exist; mount or make it, or use create=True (--create)"
            ) from None

    def _read_all(self, nid: int) -> dict[str, float]:
        """A night's file as a dict, {} where there is none; OutputError where it isn't what it should be."""
        path = self._path(nid)
        try:
            with open(path, "rb", 0) as file:
                data = file.read()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._fault(error, nid) from error
        try:
            kept = json.loads(data)
        except ValueError as error:
            raise OutputError(
                f"{path}: is not whole JSON ({error}); it was left as it is: repair it, or move it away"
            ) from error
        if not isinstance(kept, dict):
            raise OutputError(
                f"{path}: is JSON, but not of names and numbers; it was left as it is: move it away"
            )
        return kept

    def _sum(self, nid: int, name: str, before: float | str | None, value: float) -> float:
        """What was there and what is added; null and NaN count as nothing, and text of a number, such as "-1.0", as that number."""
        try:
            before = 0 if before is None else float(before) if isinstance(before, str) else before
            if isinstance(before, bool) or not isinstance(before, (int, float)):
                raise ValueError
        except ValueError:
            raise OutputError(
                f"{self._path(nid)}: {name} is {before!r}, to which nothing can be added; set it first"
            ) from None
        return number(name, (0 if before != before else before) + value)

    def _write(self, nid: int, kept: dict[str, float]) -> None:
        """Put a night's file in place: written beside, renamed. Only the holder of the lock is here, so one name beside is enough."""
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        own = {"nid": nid, "update_time": now.isoformat(timespec="seconds")}
        written = {**own, **{name: value for name, value in kept.items() if name not in OWN_KEYS}}
        # a line a metric; json's own `indent` is many times slower
        text = json.dumps(written, separators=(",\n    ", ": "))
        path, beside = self._path(nid), os.path.join(self.place, f".status_{nid}.json.new")
        try:
            with open(beside, "wb", 0) as file:
                data = memoryview(f"{{\n    {text[1:-1]}\n}}\n".encode())
                while data:
                    data = data[file.write(data) :]
                self._sync(file, nid)
            os.replace(beside, path)
        except OSError as error:
            raise self._fault(error, nid) from error

    def _sync(self, file: IO[bytes], nid: int) -> None:
        if self._sync_every_s is None:
            return
        now = time.monotonic()
        last = self._synced_at.get(nid)
        if last is None or now - last >= self._sync_every_s:
            os.fsync(file.fileno())
            self._synced_at[nid] = now

    def _fault(self, error: OSError, nid: int | None = None) -> OutputError:
        path = self.place if nid is None else self._path(nid)
        return OutputError(
            f"{path}: {(error.strerror or str(error)).lower()}; it was left as it was"
        )
