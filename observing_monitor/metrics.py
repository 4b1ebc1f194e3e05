"""What programs call to record a night's numbers, in a folder of small files or in an SQL table.

    from observing_monitor.metrics import Metrics, Timer

    metrics = Metrics("/data/metrics")                        # or "mysql://lasair@dbhost/lasair"
    timer = Timer("icassandra", node=0)
    with timer:
        store(alerts)
    metrics.add({"today_alert": len(alerts)}, 2559)           # adds to what is there
    metrics.set({"total_count": 20622}, "2024-01-04")         # replaces it
    timer.add_to(metrics, datetime.date(2024, 1, 4))          # adds the seconds since it was last asked

A folder holds a file a night, `status_<nid>.json`: flat, with `nid` and `update_time` (UTC), as Lasair documents it. A
table holds a row a night and name, as Lasair's `lasair_statistics`. The source `lasair` reads both. For a folder nothing
but the standard library is imported.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import math
import numbers
import os
import struct
import time
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Self, overload

from observing_monitor.errors import OutputError, UsageError
from observing_monitor.nights import nid_of, parse_night

if TYPE_CHECKING:
    from observing_monitor.metrics_sql import Table

LAST_NID = 99_999  # the year 2290: what is above is a date written as a number
OWN_KEYS = ("nid", "update_time")  # of a file, and no metrics


Night = (
    int | str | datetime.date
)  # a night as its number (`nid`), a date, an aware datetime, or text of the first two


class Metrics:
    """The numbers of every night, by name; safe to write from many processes and hosts at once.

    Parameters
    ----------
    where : str or Path
        A folder, or a database's address as SQLAlchemy writes it: mysql://user@host/name, postgresql://…, sqlite:////path.
    create : bool
        Make the table (or the folder and its parents) if it isn't there. Without this a missing table is an error; a
        missing folder is made only where its parent exists, for a disk that is not mounted must not be written beside.
    password_env : str
        The environment variable that holds the database's password.
    sync_every_s : float or None
        A folder's file is forced to disk (fsync) when this object last did so longer ago; 0 is every time, None never.

    A night is its number (`nid`, days since 2017-01-01), a date, an aware datetime (its UTC date), or one of the first two
    as text. Every call is done wholly or not at all: a process killed in the middle leaves what was there before. That is
    the rename's doing; fsync is for a power cut, after which some file systems have an empty file in place of one that was
    renamed unsynced. A program that adds less than once a second is always synced.

    Names and values are looked at before anything is written: TypeError for a value that is no number (text, bool, None, a
    list), ValueError for NaN, infinity, a bad name or a bad night. OutputError where the place can't be read or written.
    """

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        create: bool = False,
        password_env: str = "",
        sync_every_s: float | None = 1.0,
    ) -> None:
        if not isinstance(where, (str, os.PathLike)):
            raise TypeError(
                f"where is a folder or a database's address, not {type(where).__name__}"
            )
        where = os.fspath(where)
        if "://" in where:
            from observing_monitor.metrics_sql import Table

            self._kept: Table | _Folder = Table(where, create, password_env)
        else:
            self._kept = _Folder(where, create, sync_every_s)

    @property
    def place(self) -> str:
        """Where the numbers are kept, without any password."""
        return self._kept.place

    def set(self, values: Mapping[str, float], night: Night) -> None:
        """Put these numbers, a mapping of names, in place of the night's numbers of the same names."""
        self._kept.set(_numbers(values), nid_of_night(night))

    def add(self, values: Mapping[str, float], night: Night) -> None:
        """Add these numbers to the night's; one that isn't there yet begins at zero. Done twice it counts twice."""
        self._kept.add(_numbers(values), nid_of_night(night))

    def read(self, night: Night) -> dict[str, float]:
        """The night's numbers by name; {} where there are none."""
        return self._kept.read(nid_of_night(night))

    def delete(self, night: Night) -> bool:
        """Forget a night; whether there was anything to forget."""
        return self._kept.delete(nid_of_night(night))

    def close(self) -> None:
        """Let go of the database's connection; the next call makes another."""
        self._kept.close()

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Metrics({self.place!r})"


class Timer:
    """Seconds spent between `on` and `off`, summed up; a context manager does both.

    `name` is the metric's; a `node` (0, "1" …) is appended, icassandra_0, as the source takes it apart again. Turning on
    twice, or off what is not on, changes nothing.
    """

    def __init__(self, name: str, node: str | None = None) -> None:
        self.name = name if node is None or node == "" else f"{name}_{node}"
        self._elapsed = 0.0
        self._since: float | None = None  # None while it is off

    def on(self) -> None:
        """Start the clock."""
        if self._since is None:
            self._since = time.perf_counter()

    def off(self) -> None:
        """Stop the clock."""
        if self._since is not None:
            self._elapsed += time.perf_counter() - self._since
            self._since = None

    @property
    def seconds(self) -> float:
        """What was counted since it was made, or last added to metrics."""
        return self._elapsed + (
            time.perf_counter() - self._since if self._since is not None else 0.0
        )

    def add_to(self, metrics: Metrics, night: Night) -> None:
        """Add the seconds to a night's, and begin at zero again; if they couldn't be added they are kept for the next time."""
        now = time.perf_counter()
        metrics.add(
            {self.name: self._elapsed + (now - self._since if self._since is not None else 0.0)},
            night,
        )
        self._elapsed, self._since = 0.0, None if self._since is None else now

    def __enter__(self) -> Self:
        self.on()
        return self

    def __exit__(self, *_: object) -> None:
        self.off()


def nid_of_night(night: Night) -> int:
    """The number (days since 2017-01-01) of a night given as that number, a date, an aware datetime, or text of the first two.

    TypeError or ValueError where it is none.
    """
    if isinstance(night, str):
        nid = _nid_of_text(night.strip())
    elif isinstance(night, datetime.datetime):
        if night.tzinfo is None:
            raise ValueError(
                f"{night} has no zone, so its night is not known; give a date, or an aware datetime"
            )
        nid = nid_of(night.astimezone(datetime.UTC).date())
    elif isinstance(night, datetime.date):
        nid = nid_of(night)
    elif isinstance(night, numbers.Integral) and not isinstance(night, bool):
        nid = int(night)
    else:
        raise TypeError(
            f"a night is a number (nid), a date or its text, not {type(night).__name__}"
        )
    if not 0 <= nid <= LAST_NID:
        raise ValueError(
            f"night {night} is out of range; nights count from 0, which is 2017-01-01, and a date as text is YYYY-MM-DD"
        )
    return nid


def _nid_of_text(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return nid_of(parse_night(text))
    except UsageError as error:
        raise ValueError(f"{error}, or its number, such as 2559") from None


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    """A dict of plain ints and floats from a mapping of names to numbers; TypeError or ValueError names what is wrong."""
    try:
        items = values.items()
    except AttributeError:
        raise TypeError(
            f"values are a mapping of names to numbers, not {type(values).__name__}"
        ) from None
    return {_name(name): _number(name, value) for name, value in items}


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a metric's name is text, not {type(name).__name__}: {name!r}")
    if not name or name != name.strip() or not name.isprintable():
        raise ValueError(
            f"{name!r} is no metric's name; it is printable text without spaces around it"
        )
    if name in OWN_KEYS:
        raise ValueError(f"{name!r} is written by itself, and is no metric's name")
    return name


def _number(name: str, value: object) -> float:
    if type(value) is not int and type(value) is not float:  # numpy's numbers count too
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{name}: {value!r} is {type(value).__name__}, not a number; nothing was written"
            )
        value = int(value) if isinstance(value, numbers.Integral) else float(value)
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an int beyond what a float can be
        finite = False
    if not finite:
        raise ValueError(
            f"{name}: {value!r} is no number that can be kept; leave the metric out where it is not known. Nothing was written"
        )
    return value


@overload
def as_written(value: float) -> float: ...
@overload
def as_written(value: None) -> None: ...
def as_written(value: float | None) -> float | None:
    """A float as its writer meant it: what passed through 4 bytes (SQL's FLOAT) gets its shortest form, 140.8 not 140.8000030517578.

    Whole numbers, and floats that never were so short, stay as they are.
    """
    if value is None or not math.isfinite(value) or value == int(value):
        return value
    try:
        if _in_4_bytes(value) != value:
            return value
    except OverflowError:
        return value
    return next(
        short
        for digits in range(6, 10)
        if _in_4_bytes(short := float(f"{value:.{digits}g}")) == value
    )


def _in_4_bytes(value: float) -> float:
    (short,) = struct.unpack("f", struct.pack("f", value))
    return float(short)


class _Folder:
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
        return _number(name, (0 if before != before else before) + value)

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
