"""The logs of FitsStorage's services: what became of each file, stage by stage, and how deep the queues were.

A line is `2016-03-18 14:32:00,771 28851:copy_from_dhs:41 INFO: Copying N20160319S0018.fits to /sci/dataflow`: local time
without a zone, process, module, source line, level, message; lines that begin otherwise (a traceback's) belong to the one
before. The wording is that of FitsStorage's "Dataflow" document and of today's code, which differs.
Logs are rotated away in time; what they told stays in the store.
"""

from __future__ import annotations

import bz2
import datetime
import gzip
import hashlib
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import ONE_DAY, zone_named
from observing_monitor.model.reading import Reading
from observing_monitor.model.wording import n_of
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.sources.base import Telling
from observing_monitor.sources.shared.gemini import (
    UTC,
    failures,
    name_in,
    night_of_name,
    plain_name,
    seq_num_of_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


STAGES = ("copy", "queue", "ingest", "export", "transfer", "preview", "calcache", "reduce")
QUEUES = ("ingest", "export", "fileops", "preview", "calcache", "reduce")

RECORD = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (\d+):([^\s:]+):\d+ ([A-Z]+): (.*)$", re.MULTILINE
)
Opened = io.BufferedReader | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
OPENERS: dict[str, Callable[[io.BufferedReader], Opened]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
ROTATED = re.compile(
    r"(?:[.-]\d{1,8})?(?:\.(?:gz|bz2|xz))?$"
)  # service.log.2.gz, service.log-20160318.gz

_DEPTH = r"(?:.*?\((?P<depth>\d+) (?:in|on) queue\))?"
STARTS = {  # a message's first word -> the stage that begins, and how the rest reads
    "Copying": ("copy", re.compile(r"(?P<name>\S+) to (?P<to>\S+)")),
    "Adding": ("queue", re.compile(r"(?P<name>\S+) to IngestQueue", re.IGNORECASE)),
    "Ingesting": ("ingest", re.compile(r"(?P<name>\S+?)(?=[,\s]|$)" + _DEPTH)),
    "Exporting": ("export", re.compile(r"(?P<name>\S+?)(?=[,\s]|$)" + _DEPTH)),
    "Transferring": (
        "transfer",
        re.compile(r"file (?P<name>\S+) to destination (?P<to>\S+?)(?:: .*)?$"),
    ),
    "Previewing": ("preview", re.compile(r"(?P<name>\S+?)(?=[,\s]|$)" + _DEPTH)),
    "Processing": ("calcache", re.compile(r"obs_hid \d+ - (?P<name>\S+?)(?=[,\s]|$)" + _DEPTH)),
    "Reducing": (
        "reduce",
        re.compile(r"rqe id \d+ - (?P<name>\S+?)(?:\.\.\.)?(?=[,\s]|$)" + _DEPTH),
    ),
}
IDLE = re.compile(r"Nothing on queue|Pass complete|Re-scanning", re.IGNORECASE)
PUT_OFF = {  # how an attempt ends that neither succeeded nor failed
    "ingest": re.compile(r"Deferring ingestion of recently modified file (?P<name>\S+)"),
    "export": re.compile(r"File (?P<name>\S+) is ingest pending at destination"),
}
ALREADY_THERE = re.compile(r"File (?P<name>\S+) is already at destination")
IN_PROGRESS = re.compile(r"Queue (?P<queue>\w+) has (?P<n>\d+) items? in progress")
STUCK = re.compile(r"(?P<queue>\w+) has (?P<n>\d+) items? stuck in progress: *(?P<ids>.*)")
# metric, node, instant, value, text
Sample = tuple[str, str, datetime.datetime, float | None, str | None]
# instant (UTC), process, module, level, message, and the lines that belong to it
Record = tuple[datetime.datetime, str, str, str, str, str]

BAD = ("ERROR", "CRITICAL", "FATAL")


@dataclass
class Attempt:
    """One stage that one file went through, or was in when the log ended."""

    stage: str
    name: str
    started_at: datetime.datetime
    to: str
    at: datetime.datetime  # when it ended, or was last heard of
    status: str = "running"
    message: str = ""


@dataclass
class Told:
    """What the logs of one service tell."""

    attempts: list[Attempt] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)  # in order of time
    of_night: dict[datetime.date, tuple[list[Attempt], list[Sample]]] = field(
        default_factory=dict
    )  # night -> (its attempts, its samples)
    notes: list[str] = field(default_factory=list)


class FitsStorageLogs(Telling):
    """The services' logs in one folder, with those that were rotated and compressed."""

    meanings = {
        "queue_depth": "Entries that a service said were in its queue",
        "log_running": "Entries in progress, as the queue monitor logged them",
        "log_stuck": "Entries stuck in progress, as the queue monitor logged them",
        "log_error": "An error in a service's log that is of no file",
    }
    histories = ("queue_depth",)
    of_others = ("queue_waiting",)  # whether the database is read as well

    @dataclass
    class Settings:
        path: Path  # the folder of the logs
        pattern: str = "*.log*"  # which files in it; rotated and compressed ones (.1, .2.gz, .bz2, .xz) are read too
        zone: str = "UTC"  # the zone of the servers' clocks, for the logs don't say: Pacific/Honolulu, America/Santiago

    @staticmethod
    def stages_of(settings: FitsStorageLogs.Settings) -> tuple[str, ...]:
        return STAGES

    @staticmethod
    def place_of(settings: FitsStorageLogs.Settings) -> str:
        return str(settings.path / settings.pattern)

    def __init__(self, settings: FitsStorageLogs.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "fitsstorage_logs"
        self.zone = zone_named("zone", settings.zone)
        if not settings.pattern or settings.pattern.startswith("/"):
            raise UsageError(
                f"pattern {settings.pattern!r} names no files below {settings.path}; write one such as '*.log*'"
            )
        # service -> (since, Told): a run's nights are read from the same lines
        self._told: dict[str, tuple[datetime.datetime | None, Told]] = {}

    def nights(self) -> set[datetime.date]:
        logs = self._logs(None)
        return {night for told in self._read_logs(logs, None) for night in told.of_night}

    def look(self, night: datetime.date, known: Known) -> Known:
        """The logs' sizes and times; where these changed, a digest of what they tell of the night."""
        since = self._since(night)
        logs = self._logs(since)
        stats = sorted(
            [path.name, state.st_size, state.st_mtime_ns, state.st_ino] for path, state in logs
        )
        if known and known["logs"] == stats and not self.asked.look_at_everything:
            return known
        attempts, samples, notes = self._of_night(night, logs, since)
        text = repr((attempts, samples, notes))
        digest = hashlib.blake2b(
            text.encode("utf-8", "backslashreplace"), digest_size=12
        ).hexdigest()
        # a log that only says that there was nothing to do is no news: its night is not read again
        return known if known and known["digest"] == digest else {"logs": stats, "digest": digest}

    def read(self, night: datetime.date) -> Reading:
        """The night's attempts, and the queues' depths wherever they changed; both join what was read before."""
        since = self._since(night)
        attempts, samples, notes = self._of_night(night, self._logs(since), since)
        table = {
            "stage": [a.stage for a in attempts],
            "attempted_at": [a.at for a in attempts],
            "duration_s": [
                (a.at - a.started_at).total_seconds() if a.status != "running" else None
                for a in attempts
            ],
            "status": [a.status for a in attempts],
            "message": [a.message for a in attempts],
            "destination": [a.to or None for a in attempts],
            "path": [a.name for a in attempts],
            "names": [a.name for a in attempts],
            "exposure": [
                a.name.partition(".")[0] if seq_num_of_name(a.name) else None for a in attempts
            ],
            "seq_num": [seq_num_of_name(a.name) for a in attempts],
        }
        names = ["name", "node", "sampled_at", "value", "text"]
        metrics = {name: [sample[i] for sample in samples] for i, name in enumerate(names)}
        return Reading(
            attempts=frames.frame(columns.ATTEMPTS, table),
            metrics=frames.frame(columns.METRICS, metrics),
            notes=notes,
            append=True,
            append_attempts=True,
        )

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: FitsStorageLogs.Settings
    ) -> list[Finding]:
        """What failed on the way, what the queue monitor called stuck, and errors of no file."""
        # where the database is read too, its own check tells of the queues
        stages = (
            ("copy", "queue", "transfer")
            if (tables.metrics["name"] == "queue_waiting").any()
            else tuple(s for s in STAGES if s != "ingest")
        )
        found = list(failures(tables.ingests, stages))
        latest = tables.metrics.sort_values("sampled_at", kind="stable").drop_duplicates(
            ["name", "node"], keep="last"
        )
        of = {
            name: latest[latest["name"] == name].set_index("node")
            for name in ("log_stuck", "log_running", "log_error")
        }
        for name, row in of["log_stuck"].iterrows():
            node = str(name)
            later = of["log_running"]["sampled_at"].get(node)
            if later is None or later <= row["sampled_at"] or of["log_running"]["value"][node] > 0:
                words = f"{node} queue: {row['value']:.0f} stuck in progress, said the queue monitor at {row['sampled_at']:%Y-%m-%d %H:%M} UTC"
                found.append(Finding("error", f"{words}: {row['text']}", "#metrics"))
        counts = tables.metrics.loc[tables.metrics["name"] == "log_error", "node"].value_counts()
        for name, row in of["log_error"].iterrows():
            node = str(name)
            found.append(
                Finding(
                    "warning",
                    f"{node}: {n_of(int(counts[node]), 'error')} in the log without a file, the last: {row['text']}",
                    "#metrics",
                )
            )
        return found

    # --- what of the logs is the night's ---------------------------------------------------------------------------

    def _since(self, night: datetime.date) -> datetime.datetime:
        """No line before this can be of the night: file names carry UTC dates, which may be a day ahead of the night."""
        return self.asked.rule.bounds(night)[0] - ONE_DAY

    def _sort_by_night(self, told: Told) -> None:
        """Fill `of_night`: an attempt is of the night that its file's name says, else, as a sample, of that of its time."""
        for attempt in told.attempts:
            night = night_of_name(attempt.name) or self.asked.rule.night_of(attempt.at)
            told.of_night.setdefault(night, ([], []))[0].append(attempt)
        for sample in told.samples:
            told.of_night.setdefault(self.asked.rule.night_of(sample[2]), ([], []))[1].append(
                sample
            )

    def _of_night(
        self,
        night: datetime.date,
        logs: list[tuple[Path, os.stat_result]],
        since: datetime.datetime | None,
    ) -> tuple[list[Attempt], list[Sample], list[str]]:
        """The night's attempts and samples, in order of time, and all notes."""
        attempts: list[Attempt] = []
        samples: list[Sample] = []
        notes: list[str] = []
        for told in self._read_logs(logs, since):
            own = told.of_night.get(night, ([], []))
            attempts += own[0]
            samples += _changes(own[1])
            notes += told.notes
        attempts.sort(key=lambda a: (a.at, a.name, a.stage))
        return attempts, samples, sorted(set(notes))

    # --- the files ---------------------------------------------------------------------------------------------------

    def _logs(self, since: datetime.datetime | None) -> list[tuple[Path, os.stat_result]]:
        """The logs that were written to after `since`: (Path, its stat), by name."""
        try:
            there = {entry.name for entry in os.scandir(self.settings.path)}
        except OSError as error:
            raise SourceError(
                f"{self.settings.path}: {(error.strerror or str(error)).lower()}; path is the folder of FitsStorage's logs"
            ) from error
        logs = []
        for path in sorted(self.settings.path.glob(self.settings.pattern)):
            try:
                state = path.stat()
            except OSError:
                continue  # rotated away between the two looks
            if path.is_file() and (since is None or state.st_mtime >= since.timestamp()):
                logs.append((path, state))
        if not logs and not any(self.settings.path.glob(self.settings.pattern)):
            raise SourceError(
                f"{self.settings.path}: none of its {len(there)} files matches pattern {self.settings.pattern!r}"
            )
        return logs

    def _read_logs(
        self, logs: list[tuple[Path, os.stat_result]], since: datetime.datetime | None
    ) -> list[Told]:
        """What each service told since then (or a little before): a list of Told."""
        services: dict[str, list[Path]] = {}
        for path, _ in logs:
            services.setdefault(ROTATED.sub("", path.name), []).append(path)
        for service, paths in services.items():
            before = self._told.get(service)
            if before is None or (before[0] is not None and (since is None or since < before[0])):
                self._told[service] = (since, self._read_service(service, paths, since))
        return [self._told[service][1] for service in services]

    def _read_service(
        self, service: str, paths: list[Path], since: datetime.datetime | None
    ) -> Told:
        """What one service told, over its log and the rotated ones before it."""
        notes: list[str] = []
        parts: list[list[Record]] = []
        for path in paths:
            text = self._text(path, since, notes)
            records = list(self._records(text))
            if records:
                parts.append(records)
            elif text.strip():
                notes.append(
                    f"{path}: no line is as FitsStorage's services log them; should pattern leave it out?"
                )
        parts.sort(key=lambda records: records[0][0])
        teller = _Teller(service.partition(".")[0])
        for records in parts:
            for record in records:
                teller.take(*record)
        teller.told.notes = notes
        self._sort_by_night(teller.told)
        return teller.told

    def _text(self, path: Path, since: datetime.datetime | None, notes: list[str]) -> str:
        """A log's text, from about `since` on; of a log that breaks off, or can't be read, what there is."""
        pieces = []
        try:
            with (
                open_plain(path, [self.settings.path]) as raw,
                OPENERS[path.suffix](raw) if path.suffix in OPENERS else raw as file,
            ):
                if path.suffix not in OPENERS and since is not None:
                    # a day more: clocks are set back, and a line's file may have been named before
                    raw.seek(
                        _first_line_at(
                            raw,
                            f"{(since - ONE_DAY).astimezone(self.zone):%Y-%m-%d %H:%M:%S}".encode(),
                        )
                    )
                while piece := file.read1(1 << 20):  # read would lose what comes before the break
                    pieces.append(piece)
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            notes.append(f"{path}: breaks off ({error}); what comes before was read")
        except OSError as error:
            notes.append(
                f"{path}: {error.strerror.lower() if error.strerror else error}; it was left out"
            )
        return b"".join(pieces).decode("utf-8", "backslashreplace")

    def _records(self, text: str) -> Iterator[Record]:
        """Each record of a log: instant (UTC), process, module, level, message, and the lines that belong to it.

        Of a process that says over and over that it has nothing to do, the first time and the last.
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
        """A line's time in UTC; None for one that no clock shows. In the hour that a clock shows twice, order tells."""
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


def _first_line_at(file: BinaryIO, wanted: bytes) -> int:
    """Where the first line begins whose time (bytes, as in the log) is `wanted` or later: found by halving the file."""
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


def _changes(samples: Iterable[Sample]) -> list[Sample]:
    """Of a queue's samples the first, and those on either side of every change: a service says "nothing" every 2 s."""
    kept: list[Sample] = []
    last: dict[tuple[str, str], Sample] = {}
    kept_last: dict[tuple[str, str], Sample] = {}
    for sample in samples:
        if sample[0] == "log_error":
            kept.append(sample)
            continue
        key, value = sample[:2], sample[3:]
        if key not in last:
            kept.append(sample)
            kept_last[key] = sample
        elif last[key][3:] != value:
            kept += [sample] if kept_last[key] is last[key] else [last[key], sample]
            kept_last[key] = sample
        last[key] = sample
    return kept


class _Teller:
    """Reads one service's records in order, and keeps what each process has in hand."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.told = Told()
        self.open: dict[str, list[Attempt]] = {}  # process -> its attempts under way
        self.failed: dict[
            str, list[Attempt]
        ] = {}  # process -> its attempts that just failed: more errors may follow

    def take(
        self, at: datetime.datetime, process: str, module: str, level: str, message: str, more: str
    ) -> None:
        stuck = STUCK.match(message)
        if stuck:
            self.told.samples.append(
                ("log_stuck", stuck["queue"].lower(), at, float(stuck["n"]), stuck["ids"])
            )
        elif level in BAD or "Traceback (most recent call last)" in more:
            self._fail(at, process, module, f"{message}\n{more}" if more else message)
        else:
            self._go_on(at, process, module, message)

    def _go_on(self, at: datetime.datetime, process: str, module: str, message: str) -> None:
        under_way = self.open.setdefault(process, [])
        for attempt in under_way:
            attempt.at = at
        word, _, rest = message.partition(" ")
        stage, pattern = STARTS.get(word, ("", None))
        found = pattern.match(rest) if pattern else None
        if found:
            self._start(at, process, stage, found)
        elif IDLE.match(message):
            self._end(process, at)
            if message.lower().startswith("nothing on queue"):
                self._sample_depth(module, at, 0)
        elif message.startswith("Transfer completed"):
            self._end(process, at, ("transfer",), message=message)
        elif found := IN_PROGRESS.match(message):
            self.told.samples.append(
                ("log_running", found["queue"].lower(), at, float(found["n"]), None)
            )
        elif ALREADY_THERE.match(message):
            self._end(process, at, ("export", "transfer"), message=message)
        else:
            for stage, pattern in PUT_OFF.items():
                if found := pattern.match(message):
                    self._put_off(at, process, stage, found["name"], message)

    def _start(self, at: datetime.datetime, process: str, stage: str, found: re.Match[str]) -> None:
        self.failed.pop(process, None)
        # a transfer is a part of its export; whatever else begins tells that what was before is done
        self._end(process, at, ("transfer",) if stage == "transfer" else STAGES)
        parts = found.groupdict()
        attempt = Attempt(stage, plain_name(found["name"]), at, parts.get("to") or "", at)
        self.told.attempts.append(attempt)
        if stage == "queue":
            attempt.status = "success"
        else:
            self.open[process].append(attempt)
        if parts.get("depth"):
            self.told.samples.append(("queue_depth", stage, at, float(parts["depth"]), None))

    def _end(
        self,
        process: str,
        at: datetime.datetime,
        stages: tuple[str, ...] = STAGES,
        status: str = "success",
        message: str = "",
    ) -> list[Attempt]:
        """Whatever of these stages the process has in hand has ended."""
        ended = [attempt for attempt in self.open.get(process, ()) if attempt.stage in stages]
        for attempt in ended:
            attempt.at, attempt.status, attempt.message = at, status, message
        self.open[process] = [
            attempt for attempt in self.open.get(process, ()) if attempt not in ended
        ]
        if stages == STAGES:
            self.failed.pop(process, None)
        return ended

    def _put_off(
        self, at: datetime.datetime, process: str, stage: str, name: str, message: str
    ) -> None:
        if not self._end(
            process, at, (stage, "transfer") if stage == "export" else (stage,), "deferred", message
        ):
            self.told.attempts.append(
                Attempt(stage, plain_name(name), at, "", at, "deferred", message)
            )

    def _fail(self, at: datetime.datetime, process: str, module: str, message: str) -> None:
        """An error is of what the process has in hand, else of the file that it names, else of none."""
        ended = self._end(
            process,
            at,
            ("copy", "ingest", "export", "transfer", "preview", "calcache", "reduce"),
            "failure",
            message,
        )
        if ended:
            self.failed[process] = ended
            return
        if self.failed.get(process):
            for attempt in self.failed[process]:
                attempt.message += f"\n\n{message}"
            return
        name, stage = plain_name(name_in(message)), self._stage_of(module)
        if name and stage:
            attempt = Attempt(stage, name, at, "", at, "failure", message)
            self.told.attempts.append(attempt)
            self.failed[process] = [attempt]
            return
        self.told.samples.append(
            ("log_error", self.service, at, None, message.split("\n", 1)[0][:300])
        )

    def _stage_of(self, module: str) -> str:
        """The stage that a service does, by the name of its module or of its log; "" where neither tells."""
        for text in (module, self.service):
            for stage in (*QUEUES, "copy"):
                if stage in text.lower():
                    return stage
        return ""

    def _sample_depth(self, module: str, at: datetime.datetime, depth: int) -> None:
        stage = self._stage_of(module)
        if stage:
            self.told.samples.append(("queue_depth", stage, at, float(depth), None))
