"""The logs of FitsStorage's services: stages of files, depths of queues.

The wording of the messages is that of FitsStorage's "Dataflow" document and that of today's code,
which differ. Logs are rotated away in time; what was read from them stays in the store.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.finding import Finding, metric_href
from observing_monitor.model.nights import ONE_DAY, zone_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.model.wording import n_of
from observing_monitor.sources.base import Telling
from observing_monitor.sources.fitsstorage_log_files import LogFolder, service_of
from observing_monitor.sources.fitsstorage_log_parser import (
    STAGES,
    Attempt,
    Sample,
    ServiceLog,
    changes,
    parse_service,
)
from observing_monitor.sources.shared.gemini import failures, night_of_name, seq_num_of_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pandas import DataFrame

    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.fitsstorage_log_files import Logs


class FitsStorageLogs(Telling):
    """The logs of all services in one folder, rotated ones included."""

    meanings = {
        "queue_depth": "Entries in the queue, as its service logged them",
        "log_running": "Entries in progress, as the queue monitor logged them",
        "log_stuck": "Entries stuck in progress, as the queue monitor logged them",
        "log_error": "An error in a service's log that concerns no file",
        "log_unknown": "Messages of a service's log that are not known; the first as its text",
    }
    histories = ("queue_depth",)
    # present if the database is read as well
    of_others = ("queue_waiting",)

    @dataclass
    class Settings:
        """Settings of a source of type `fitsstorage_logs`."""

        path: Path = setting(REQUIRED, "Folder of the logs.", example="/data/logs")
        pattern: str = setting(
            "*.log*",
            "Names of the logs. Rotated and packed ones (`.1`, `.2.gz`, `.bz2`, `.xz`, `.zst`) "
            "are read too.",
        )
        zone: str = setting(
            "UTC",
            "Time zone of the servers' clocks, which the logs do not name.",
            example="Pacific/Honolulu",
        )

    @staticmethod
    def stages_of(settings: FitsStorageLogs.Settings) -> tuple[str, ...]:
        """Return the stages of all services."""
        return STAGES

    @staticmethod
    def place_of(settings: FitsStorageLogs.Settings) -> str:
        """Return the pattern of the logs' paths."""
        return str(settings.path / settings.pattern)

    def __init__(self, settings: FitsStorageLogs.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "fitsstorage_logs"
        zone = zone_named("zone", settings.zone)
        if not settings.pattern or settings.pattern.startswith("/"):
            raise UsageError(
                f"pattern {settings.pattern!r} names no files below {settings.path}; "
                "write one such as '*.log*'"
            )
        self.folder = LogFolder(settings.path, settings.pattern, zone, asked.limits)
        # service -> the instant from which it was read, and its log, for all nights of a run
        self._services: dict[str, tuple[datetime.datetime | None, ServiceLog]] = {}
        # nights that are read again with other settings
        self._again: set[datetime.date] = set()

    def nights(self) -> set[datetime.date]:
        """Return the nights of all attempts and samples."""
        logs = self.folder.find(None)
        return {night for service in self._read(logs, None) for night in self._by_night(service)}

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the logs' states, and a digest of their lines on the night.

        Lines that only say that there was nothing to do are no change.
        """
        since = self._start_of(night)
        logs = self.folder.find(since)
        stats = sorted(
            [path.name, state.st_size, state.st_mtime_ns, state.st_ino] for path, state in logs
        )
        if known and known["logs"] == stats and not self.asked.look_at_everything:
            return known
        digest = hex_digest(repr(self.lines_of(night, logs, since)), n_bytes=12)
        return known if known and known["digest"] == digest else {"logs": stats, "digest": digest}

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; `read` tells more then."""
        self._again.add(night)
        return self.look(night, None)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's attempts, and each change of a queue's depth.

        Both are added to those of earlier readings.
        """
        since = self._start_of(night)
        attempts, samples, notes = self.lines_of(night, self.folder.find(since), since)
        return Reading(
            attempts=_attempts_table(attempts),
            metrics=_metrics_table(samples),
            notes=notes,
            append=True,
            append_attempts=True,
            has_own_times=True,
            still_there=self._still_there(night) if night in self._again else None,
            counts={self.place_of(self.settings): self._counts()},
        )

    def _still_there(self, night: datetime.date) -> Reading:
        """Return what any log in the folder has of about a night."""
        others = FitsStorageLogs(replace(self.settings, pattern="*"), self.asked)
        attempts, samples = list[Attempt](), list[Sample]()
        for day in (night - ONE_DAY, night, night + ONE_DAY):
            since = self._start_of(day)
            for source in (self, others):
                own_attempts, own_samples, _ = source.lines_of(
                    day, source.folder.find(since), since
                )
                attempts += own_attempts
                samples += own_samples
        return Reading(attempts=_attempts_table(attempts), metrics=_metrics_table(samples))

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: FitsStorageLogs.Settings
    ) -> list[Finding]:
        """Return failed stages, stuck entries, and errors that concern no file."""
        # if the database is read too, its source reports the queues
        has_database = (tables.metrics["name"] == "queue_waiting").any()
        stages = (
            ("copy", "queue", "transfer")
            if has_database
            else tuple(stage for stage in STAGES if stage != "ingest")
        )
        latest = tables.metrics.sort_values("sampled_at", kind="stable").drop_duplicates(
            ["name", "node"], keep="last"
        )
        return [
            *failures(tables.ingests, stages),
            *_stuck(latest),
            *_errors(tables.metrics, latest),
        ]

    def lines_of(
        self, night: datetime.date, logs: Logs, since: datetime.datetime | None
    ) -> tuple[list[Attempt], list[Sample], list[str]]:
        """Return the night's attempts and samples in order, and all notes."""
        attempts: list[Attempt] = []
        samples: list[Sample] = []
        notes: list[str] = []
        for service in self._read(logs, since):
            own_attempts, own_samples = self._by_night(service).get(night, ([], []))
            attempts += own_attempts
            samples += changes(own_samples)
            notes += service.notes
        attempts.sort(key=lambda attempt: (attempt.at, attempt.name, attempt.stage))
        return attempts, samples, sorted(set(notes))

    def _start_of(self, night: datetime.date) -> datetime.datetime:
        """Return the instant before which no line belongs to the night.

        File names carry UTC dates, which may be a day ahead of the night.
        """
        return self.asked.rule.bounds(night)[0] - ONE_DAY

    def _read(self, logs: Logs, since: datetime.datetime | None) -> list[ServiceLog]:
        """Return the log of each service from `since`, read once a run."""
        services: dict[str, list[Path]] = {}
        for path, _ in logs:
            services.setdefault(service_of(path), []).append(path)
        for service, paths in services.items():
            before = self._services.get(service)
            if before is None or (before[0] is not None and (since is None or since < before[0])):
                notes: list[str] = []
                foreign: list[int] = []
                records = self.folder.records(paths, since, notes, foreign)
                log = parse_service(service.partition(".")[0], records)
                log.notes, log.n_foreign = notes, sum(foreign)
                self._services[service] = (since, log)
        return [self._services[service][1] for service in services]

    def _by_night(
        self, service: ServiceLog
    ) -> dict[datetime.date, tuple[list[Attempt], list[Sample]]]:
        """Return a service's attempts and samples by night; worked out once.

        An attempt belongs to the night in its file's name, else, like a sample, to that of its
        time.
        """
        if service.by_night is None:
            by_night: dict[datetime.date, tuple[list[Attempt], list[Sample]]] = {}
            for attempt in service.attempts:
                night = night_of_name(attempt.name) or self.asked.rule.night_of(attempt.at)
                by_night.setdefault(night, ([], []))[0].append(attempt)
            for sample in service.samples:
                night = self.asked.rule.night_of(sample[2])
                by_night.setdefault(night, ([], []))[1].append(sample)
            for night, sample in self._unknown(service).items():
                by_night.setdefault(night, ([], []))[1].append(sample)
            service.by_night = by_night
        return service.by_night

    def _counts(self) -> Counts:
        """Return the numbers of records, and of messages that are not known."""
        counts = Counts()
        for _, service in self._services.values():
            counts.n_read += service.n_records + service.n_foreign
            if service.unknown:
                text = f"unknown message: {service.unknown[0][1]}"
                counts.leave_out(service.name, text, len(service.unknown))
            if service.n_foreign:
                words = "no line is as FitsStorage's services log them"
                counts.leave_out(service.name, words, service.n_foreign)
        return counts

    def _unknown(self, service: ServiceLog) -> dict[datetime.date, Sample]:
        """Count unknown messages per night, and the first."""
        counts: dict[datetime.date, Sample] = {}
        for at, message in service.unknown:
            night = self.asked.rule.night_of(at)
            *_, n, text = counts.get(night, (0.0, message))
            counts[night] = ("log_unknown", service.name, at, (n or 0.0) + 1, text)
        return counts


def _metrics_table(samples: list[Sample]) -> DataFrame:
    """Return samples as a table, with columns `columns.METRICS`."""
    names = ["name", "node", "sampled_at", "value", "text"]
    facts = {name: [sample[i] for sample in samples] for i, name in enumerate(names)}
    return frames.frame(columns.METRICS, facts)


def _attempts_table(attempts: list[Attempt]) -> DataFrame:
    """Return attempts as a table, with columns `columns.ATTEMPTS`."""
    seq_nums = [seq_num_of_name(attempt.name) for attempt in attempts]
    return frames.frame(
        columns.ATTEMPTS,
        {
            "stage": [attempt.stage for attempt in attempts],
            "attempted_at": [attempt.at for attempt in attempts],
            "duration_s": [
                None
                if attempt.status == "running"
                else (attempt.at - attempt.started_at).total_seconds()
                for attempt in attempts
            ],
            "status": [attempt.status for attempt in attempts],
            "message": [attempt.message for attempt in attempts],
            "destination": [attempt.to or None for attempt in attempts],
            "path": [attempt.name for attempt in attempts],
            "names": [attempt.name for attempt in attempts],
            "exposure": [
                attempt.name.partition(".")[0] if number else None
                for attempt, number in zip(attempts, seq_nums, strict=True)
            ],
            "seq_num": seq_nums,
        },
    )


def _stuck(latest: DataFrame) -> Iterator[Finding]:
    """Report entries that the queue monitor called stuck and still are."""
    stuck = latest[latest["name"] == "log_stuck"].set_index("node")
    running = latest[latest["name"] == "log_running"].set_index("node")
    for name, row in stuck.iterrows():
        queue = str(name)
        later = running["sampled_at"].get(queue)
        if later is None or later <= row["sampled_at"] or running["value"][queue] > 0:
            n, at = row["value"], row["sampled_at"]
            words = f"{queue} queue: {n:.0f} stuck in progress, said the queue monitor at"
            text = f"{words} {at:%Y-%m-%d %H:%M} UTC: {row['text']}"
            yield Finding("error", text, metric_href("log_stuck"))


def _errors(metrics: DataFrame, latest: DataFrame) -> Iterator[Finding]:
    """Report the errors in each log that concern no file."""
    counts = metrics.loc[metrics["name"] == "log_error", "node"].value_counts()
    for name, row in latest[latest["name"] == "log_error"].set_index("node").iterrows():
        service = str(name)
        words = f"{n_of(int(counts[service]), 'error')} in the log without a file, the last"
        yield Finding("warning", f"{service}: {words}: {row['text']}", metric_href("log_error"))
