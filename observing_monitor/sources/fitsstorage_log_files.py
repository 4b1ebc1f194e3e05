"""The log files of FitsStorage's services, and their records.

A line is `2016-03-18 14:32:00,771 28851:copy_from_dhs:41 INFO: Copying N20160319S0018.fits to
/sci/dataflow`: local time without a zone, process, module, source line, level, message. Lines that
begin otherwise, such as those of a traceback, belong to the record before.
"""

from __future__ import annotations

import datetime
import itertools
import os
import re
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import ONE_DAY, UTC
from observing_monitor.model.wording import n_of
from observing_monitor.readers.bounded import LIMITS, Limits, log_values
from observing_monitor.readers.compressed import decompressed, kind_of_file
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import too_long_words
from observing_monitor.sources.fitsstorage_log_parser import IDLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO
    from zoneinfo import ZoneInfo

    from observing_monitor.sources.fitsstorage_log_parser import Record

    # paths of logs, with their stats, by name
    Logs = list[tuple[Path, os.stat_result]]


RECORD = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (\d+):([^\s:]+):\d+ ([A-Z]+): (.*)$", re.MULTILINE
)
# service.log.2.gz, service.log-20160318.gz
ROTATED = re.compile(r"(?:[.-]\d{1,8})?(?:\.(?:gz|bz2|xz|zst))?$")


class LogFolder:
    """A folder of logs.

    Parameters
    ----------
    path : Path
    pattern : str
        The names of the logs, such as `*.log*`.
    zone : ZoneInfo
        The time zone of the servers' clocks.
    limits : Limits
        Of lines, records and packed logs.
    """

    def __init__(self, path: Path, pattern: str, zone: ZoneInfo, limits: Limits = LIMITS) -> None:
        self.path = path
        self.pattern = pattern
        self.zone = zone
        self.limits = limits

    def find(self, since: datetime.datetime | None) -> Logs:
        """Return the logs that were written to after `since`, or all.

        SourceError if the folder cannot be read, or no name matches.
        """
        try:
            n_files = len({entry.name for entry in os.scandir(self.path)})
        except OSError as error:
            raise SourceError(
                f"{self.path}: {os_error_text(error)}; path is the folder of FitsStorage's logs"
            ) from error
        logs = []
        for path in sorted(self.path.glob(self.pattern)):
            try:
                state = path.stat()
            except OSError:
                continue  # rotated away meanwhile
            if path.is_file() and (since is None or state.st_mtime >= since.timestamp()):
                logs.append((path, state))
        if not logs and not any(self.path.glob(self.pattern)):
            raise SourceError(
                f"{self.path}: none of its {n_files} files matches pattern {self.pattern!r}"
            )
        return logs

    def records(
        self,
        paths: list[Path],
        since: datetime.datetime | None,
        notes: list[str],
        foreign: list[int],
    ) -> Iterable[Record]:
        """Return a service's records from about `since`, in order of time.

        Parameters
        ----------
        paths : list of Path
            The service's log and the rotated ones before it, in any order.
        since : datetime or None
            Records of up to a day before may be included.
        notes : list of str
            Gets a sentence for each log that is damaged or is no log.
        foreign : list of int
            Gets the number of lines of each log that is no log of a service.
        """
        parts: list[list[Record]] = []
        for path in paths:
            text = self._text(path, since, notes)
            records = self._cut(path, list(self._records(text)), notes)
            if records:
                parts.append(records)
            elif text.strip():
                foreign.append(sum(1 for line in text.splitlines() if line.strip()))
                notes.append(
                    f"{path}: no line is as FitsStorage's services log them; "
                    "should pattern leave it out?"
                )
        parts.sort(key=lambda records: records[0][0])
        return itertools.chain.from_iterable(parts)

    def _text(self, path: Path, since: datetime.datetime | None, notes: list[str]) -> str:
        """Return a log's text from about `since`, as far as it can be read."""
        pieces: list[bytes] = []
        too_long: list[int] = []
        try:
            with open_plain(path, [self.path]) as raw:
                if since is not None and not kind_of_file(raw):
                    raw.seek(first_line_at(raw, self._stamp(since)))
                with decompressed(
                    raw, path, self.limits, values=log_values, too_long=too_long
                ) as file:
                    # read would lose what comes before a break
                    while piece := file.read1(1 << 20):
                        pieces.append(piece)
        except SourceError as error:
            notes.append(f"{error}; what comes before was read")
        except OSError as error:
            notes.append(f"{path}: {os_error_text(error)}; it was left out")
        if too_long:
            words = f"{n_of(len(too_long), 'line')} {too_long_words(self.limits)}; left out"
            notes.append(f"{path}: {words}")
        return b"".join(pieces).decode("utf-8", "backslashreplace")

    def _cut(self, path: Path, records: list[Record], notes: list[str]) -> list[Record]:
        """Return records whose further lines are not too long."""
        most = self.limits.record_bytes
        n_cut = 0
        for number, record in enumerate(records):
            if len(record[5]) > most:
                words = f"{record[5][:most]}\n… {len(record[5]) - most:,} more characters"
                records[number] = (*record[:5], words)
                n_cut += 1
        if n_cut:
            words = f"longer than {most:,} bytes (max_record_bytes); their end was left out"
            notes.append(f"{path}: {n_of(n_cut, 'record')} {words}")
        return records

    def _stamp(self, since: datetime.datetime) -> bytes:
        """Return a line's time from which to read, as the log has it.

        A day earlier, as clocks are set back, and a line's file may have been named before.
        """
        return f"{(since - ONE_DAY).astimezone(self.zone):%Y-%m-%d %H:%M:%S}".encode()

    def _records(self, text: str) -> Iterator[Record]:
        """Yield each record of a log.

        If a process says over and over that it has nothing to do, only its first and last such
        records are given.
        """
        before: datetime.datetime | None = None
        idle: dict[str, re.Match[str] | None] = {}
        matches = RECORD.finditer(text)
        following = next(matches, None)
        while following:
            found, following = following, next(matches, None)
            process, message = found[3], found[6]
            last = idle.get(process)
            if last and last[6] == message:
                idle[process] = found
                continue
            idle[process] = found if IDLE.match(message) else None
            more = text[found.end() : following.start() if following else len(text)].strip("\r\n")
            for record, lines in ((last, ""), (found, more)):
                at = self._instant(record[1], record[2], before) if record else None
                if record and at is not None:
                    before = at
                    yield at, process, record[4], record[5], record[6].rstrip(), lines
        for last in idle.values():
            if last and (at := self._instant(last[1], last[2], before)) is not None:
                yield at, last[3], last[4], last[5], last[6].rstrip(), ""

    def _instant(
        self, seconds: str, milliseconds: str, before: datetime.datetime | None
    ) -> datetime.datetime | None:
        """Return a line's time in UTC, None if no clock shows it.

        In the hour that a clock shows twice, the line `before` tells which is meant.
        """
        try:
            local = datetime.datetime.fromisoformat(seconds).replace(
                microsecond=int(milliseconds) * 1000, tzinfo=self.zone
            )
        except ValueError:
            return None
        at = local.astimezone(UTC)
        if before is not None and at < before - datetime.timedelta(minutes=30):
            return local.replace(fold=1).astimezone(UTC)
        return at


def service_of(path: Path) -> str:
    """Return the name of the log that a log was rotated from."""
    return ROTATED.sub("", path.name)


def first_line_at(file: BinaryIO, wanted: bytes) -> int:
    """Return the offset of about the first line of a time, by bisection.

    Parameters
    ----------
    file : binary file
        A log, in order of time.
    wanted : bytes
        The time as the log has it: `2016-03-18 14:32:00`.

    Returns
    -------
    int
        The start of a line. No line before it has this time or a later one, and at most some
        64 kB after it have an earlier one.
    """
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > 1 << 16:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        line = file.readline()
        while line and not re.match(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,", line):
            line = file.readline()
        if line and line < wanted:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()
    return file.tell()
