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

import os
import time
from typing import TYPE_CHECKING

from observing_monitor.metrics.folder import Folder
from observing_monitor.metrics.values import nid_of_night, numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from observing_monitor.metrics.values import Night


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
            from observing_monitor.metrics.sql import Table

            self._kept: Table | Folder = Table(where, create, password_env)
        else:
            self._kept = Folder(where, create, sync_every_s)

    @property
    def place(self) -> str:
        """Where the numbers are kept, without any password."""
        return self._kept.place

    def set(self, values: Mapping[str, float], night: Night) -> None:
        """Put these numbers, a mapping of names, in place of the night's numbers of the same names."""
        self._kept.set(numbers_of(values), nid_of_night(night))

    def add(self, values: Mapping[str, float], night: Night) -> None:
        """Add these numbers to the night's; one that isn't there yet begins at zero. Done twice it counts twice."""
        self._kept.add(numbers_of(values), nid_of_night(night))

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
