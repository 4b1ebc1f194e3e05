"""Record the numbers of a night, in a folder or in an SQL table.

    from observing_monitor.metrics import Metrics, Timer

    metrics = Metrics("/data/metrics")  # or "mysql://lasair@dbhost/lasair"
    timer = Timer("icassandra", node=0)
    with timer:
        store(alerts)
    metrics.add({"today_alert": len(alerts)}, 2559)  # add to the night's count
    metrics.set({"total_count": 20622}, "2024-01-04")  # replace the night's value
    metrics.set({"seeing": 0.8}, "2024-01-04", exposure="AT_O_20240104_000001")
    timer.add_to(metrics, datetime.date(2024, 1, 4))  # add the seconds since the last time

A folder holds one small file per night, `status_<nid>.json`: flat, with `nid` and `update_time`
(UTC), as Lasair documents it. A table holds one row per night and name, like Lasair's
`lasair_statistics`. The source `lasair` reads both. Recording in a folder imports the standard
library only.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from observing_monitor.metrics.folder import MetricsFolder
from observing_monitor.metrics.values import nid_of_night, numbers_of, of_exposure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from observing_monitor.metrics.sql import MetricsTable
    from observing_monitor.metrics.values import Night


class Metrics:
    """The numbers of every night, by name.

    Any number of processes, on several hosts, may write at once. A call is done completely or not
    at all: if a process is killed during a call, the numbers from before the call remain.

    Use it as a context manager, or call `close` at the end; neither is needed for a folder.

    Parameters
    ----------
    where : str or os.PathLike
        A folder, or the address of a database as SQLAlchemy writes it: `mysql://user@host/name`,
        `postgresql://user@host/name`, `sqlite:////absolute/path`.
    create : bool, default False
        Create the table, or the folder and its parents, if it does not exist. If False, a missing
        table is an error, and a missing folder is made only if its parent exists. This keeps files
        out of the mount point of a disk that is not mounted.
    password_env : str, default ""
        The environment variable that holds the database's password.
    sync_every_s : float or None, default 1.0
        Force a night's file to disk (fsync) at most once in this many seconds. 0 forces every
        write, None forces none. Only for a folder.

    Raises
    ------
    TypeError
        If `where` is neither text nor a path. A wrong address or a missing folder is reported by
        the first call that needs it.

    Notes
    -----
    A night is given in one of these ways:

    - its number `nid`, days since 2017-01-01: `2559`
    - a date: `datetime.date(2024, 1, 4)`
    - an aware datetime, of which the UTC date counts
    - text of a number or a date: `"2559"`, `"2024-01-04"`, `"20240104"`

    A call writes a new file and renames it, so a killed process leaves the file whole. fsync
    protects against a power cut. Without it, some file systems then show an empty file. A program
    that writes less often than every `sync_every_s` seconds forces each of its writes.

    Examples
    --------
    >>> metrics = Metrics("/data/metrics")
    >>> metrics.set({"today_alert": 2000, "min_delay": 0.5}, "2024-01-04")
    >>> metrics.add({"today_alert": 50}, 2559)
    >>> metrics.read(2559)
    {'today_alert': 2050, 'min_delay': 0.5}
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
                f"where must be a folder or the address of a database, not {type(where).__name__}"
            )
        where = os.fspath(where)
        self._backend: MetricsFolder | MetricsTable
        if "://" in where:
            from observing_monitor.metrics.sql import MetricsTable

            self._backend = MetricsTable(where, create, password_env)
        else:
            self._backend = MetricsFolder(where, create, sync_every_s)

    @property
    def place(self) -> str:
        """The folder or the database's address, without user and password."""
        return self._backend.place

    def set(
        self, values: Mapping[str, float], night: Night, *, exposure: str | None = None
    ) -> None:
        """Replace the night's numbers of these names, and keep the others.

        All values are checked first: if one of them is wrong, none is written.

        Parameters
        ----------
        values : mapping of str to float
            Numbers by name. Names are printable text without spaces at their ends; `nid` and
            `update_time` are reserved.
        night : int, str, date or datetime
            See the notes of `Metrics`.
        exposure : str, optional
            The exposure of the night that the numbers belong to: its name, its obsid or its
            number in the night. By default, they are numbers of the night.

        Raises
        ------
        TypeError
            If a value is no number (text, bool, None, a list), or the night has a wrong type.
        ValueError
            If a value is NaN or infinite, a name may not be used, or there is no such night.
        OutputError
            If the folder or the database cannot be read or written.
        """
        self._backend.set(_checked(values, exposure), nid_of_night(night))

    def add(
        self, values: Mapping[str, float], night: Night, *, exposure: str | None = None
    ) -> None:
        """Add to the night's numbers of these names.

        A name that the night does not have starts at 0. Adding twice counts twice.

        Parameters
        ----------
        values : mapping of str to float
            Numbers by name, as for `set`.
        night : int, str, date or datetime
            See the notes of `Metrics`.
        exposure : str, optional
            As for `set`.

        Raises
        ------
        TypeError, ValueError
            As for `set`; nothing is written.
        OutputError
            If the folder or the database cannot be read or written, or a stored value is no
            number.
        """
        self._backend.add(_checked(values, exposure), nid_of_night(night))

    def read(self, night: Night) -> dict[str, float]:
        """Return the night's numbers.

        Parameters
        ----------
        night : int, str, date or datetime
            See the notes of `Metrics`.

        Returns
        -------
        dict of str to float
            Numbers by name, {} if the night has none. Those of an exposure are called
            `seeing[EXPOSURE]`.

        Raises
        ------
        TypeError, ValueError
            If there is no such night.
        OutputError
            If the folder or the database cannot be read.
        """
        return self._backend.read(nid_of_night(night))

    def delete(self, night: Night) -> bool:
        """Delete all numbers of a night.

        Parameters
        ----------
        night : int, str, date or datetime
            See the notes of `Metrics`.

        Returns
        -------
        bool
            True if the night had any.

        Raises
        ------
        TypeError, ValueError
            If there is no such night.
        OutputError
            If the folder or the database cannot be written.
        """
        return self._backend.delete(nid_of_night(night))

    def close(self) -> None:
        """Close the connection to the database; the next call opens another."""
        self._backend.close()

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Metrics({self.place!r})"


def _checked(values: Mapping[str, float], exposure: str | None) -> dict[str, float]:
    """Return checked numbers by the names under which they are kept."""
    return numbers_of(values) if exposure is None else of_exposure(values, exposure)


class Timer:
    """A stopwatch that sums the seconds between `on` and `off`.

    As a context manager it calls both. A timer belongs to one thread.

    Parameters
    ----------
    name : str
        The name of the metric.
    node : int or str, optional
        The machine or process to which the seconds belong. It is appended to the name:
        `Timer("icassandra", node=0)` records `icassandra_0`, which the pages show as
        `icassandra` of node 0.

    Attributes
    ----------
    name : str
        The name of the metric, with the node.

    Examples
    --------
    >>> timer = Timer("icassandra", node=0)
    >>> with timer:
    ...     store(alerts)
    >>> timer.add_to(metrics, "2024-01-04")
    """

    def __init__(self, name: str, node: int | str | None = None) -> None:
        self.name = name if node is None or node == "" else f"{name}_{node}"
        self._elapsed = 0.0
        # time.perf_counter() at the last `on`; None while it is off
        self._since: float | None = None

    def on(self) -> None:
        """Start the stopwatch; do nothing if it is running."""
        if self._since is None:
            self._since = time.perf_counter()

    def off(self) -> None:
        """Stop the stopwatch; do nothing if it is not running."""
        if self._since is not None:
            self._elapsed += time.perf_counter() - self._since
            self._since = None

    @property
    def seconds(self) -> float:
        """Seconds counted since the timer was made or last recorded."""
        return self._seconds_until(time.perf_counter())

    def add_to(self, metrics: Metrics, night: Night) -> None:
        """Add the seconds to a night's metric, and restart from 0.

        A running timer continues to run. If the seconds cannot be recorded, the timer keeps them
        for the next call.

        Parameters
        ----------
        metrics : Metrics
            Where to record.
        night : int, str, date or datetime
            See the notes of `Metrics`.

        Raises
        ------
        TypeError, ValueError, OutputError
            As for `Metrics.add`.
        """
        now = time.perf_counter()
        metrics.add({self.name: self._seconds_until(now)}, night)
        self._elapsed, self._since = 0.0, None if self._since is None else now

    def _seconds_until(self, now: float) -> float:
        return self._elapsed + (0.0 if self._since is None else now - self._since)

    def __enter__(self) -> Self:
        self.on()
        return self

    def __exit__(self, *_: object) -> None:
        self.off()
