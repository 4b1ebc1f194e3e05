"""What all parts of the example observatory share: its clock, and how files are written."""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from observing_monitor.model.nights import ONE_DAY, nights_between


@dataclass(frozen=True)
class Clock:
    """What a run lets happen: all that was planned for after `since`, until `until`."""

    first_night: datetime.date
    since: datetime.datetime
    until: datetime.datetime
    now: datetime.datetime  # the real time, some minutes after `until`
    seed: int = 1

    def nights(self, rule, skip=0):
        """The nights in which something may have happened since, each with its number counted from the first; not the first `skip`.

        A night is over when its last file was ingested, which may be after the next has begun.
        """
        start = max(self.first_night + skip * ONE_DAY, rule.night_of(self.since) - ONE_DAY)
        return [
            (night, (night - self.first_night).days)
            for night in nights_between(start, rule.night_of(self.until))
        ]

    def has_come(self, at):
        """Whether an instant, None for never, lies in what this run lets happen."""
        return at is not None and self.since < at <= self.until


def write_whole(path, data):
    """Write beside and rename, as a job that others read from should; a file that is the same already keeps its time."""
    path = Path(path)
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    os.replace(new, path)


def write_hollow(path, size_bytes, at):
    """A file of a size without content, which takes no room, with the time of its making."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as opened:
        opened.truncate(size_bytes)
    os.utime(path, (at.timestamp(), at.timestamp()))


def write_at(path, data, at):
    """A file with the time of its making."""
    write_whole(path, data)
    os.utime(path, (at.timestamp(), at.timestamp()))


def append_lines(path, lines):
    """Add lines to the end of a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as opened:
        opened.writelines(lines)


def rsync_line(path, at):
    """What `rsync --log-file` writes, by a clock in UTC, of a new file that it brought to `path`."""
    return f"{at:%Y/%m/%d %H:%M:%S} [4242] >f+++++++++ {path}\n"
