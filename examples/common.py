"""The example observatory's clock and ways to write."""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from sites import PACHON, Site

from observing_monitor.model.nights import ONE_DAY, nights_between


@dataclass(frozen=True)
class Clock:
    """The span of time that a run fills.

    This is all that was planned after `since`, up to `until`.
    """

    first_night: datetime.date
    since: datetime.datetime
    until: datetime.datetime
    now: datetime.datetime  # the real time, some minutes after `until`
    seed: int = 1
    site: Site = PACHON

    def nights(self, rule, skip=0):
        """Return the nights that may have changed, with their numbers.

        The first night has the number 0; the first `skip` nights are left out. The night before
        `since` is included, because its last files may be ingested after it has ended.
        """
        start = max(self.first_night + skip * ONE_DAY, rule.night_of(self.since) - ONE_DAY)
        return [
            (night, (night - self.first_night).days)
            for night in nights_between(start, rule.night_of(self.until))
        ]

    def has_come(self, at):
        """True if an instant, None for never, is in this span."""
        return at is not None and self.since < at <= self.until


def write_whole(path, data):
    """Write a file in one step; an equal file keeps its time."""
    path = Path(path)
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    os.replace(new, path)


def write_hollow(path, size_bytes, at):
    """Write a sparse file with its creation time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as opened:
        opened.truncate(size_bytes)
    os.utime(path, (at.timestamp(), at.timestamp()))


def write_at(path, data, at):
    """Write a file with its creation time."""
    write_whole(path, data)
    os.utime(path, (at.timestamp(), at.timestamp()))


def append_lines(path, lines):
    """Add lines to the end of a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as opened:
        opened.writelines(lines)


def rsync_line(path, at):
    """Return the line of `rsync --log-file` for a new file (UTC)."""
    return f"{at:%Y/%m/%d %H:%M:%S} [4242] >f+++++++++ {path}\n"
