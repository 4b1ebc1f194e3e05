"""A source as written for version 0.1, which uses all that a source may say. It is not to be changed."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from observing_monitor import columns, nights
from observing_monitor.errors import ObservingMonitorError, SourceError, UsageError
from observing_monitor.sources import Asked, Known, Reading, Source, Telling

if TYPE_CHECKING:
    from observing_monitor.pages import Finding
    from observing_monitor.tables import Tables


class Whole(Telling):
    """A night's files, what became of them, and a count that grows with every look."""

    @dataclass
    class Settings:
        path: Path  # a file with the number of files
        limit: float = 1.5
        words: list[str] = field(default_factory=list)

    meanings = {"looks": "How often it was asked", "part_a": "The first part", "part_b": "The rest"}
    stacks = {"Parts": ("part_a", "part_b")}
    totals = {"Parts": "part_all"}
    histories = ("loo*",)
    looks_at_all = False
    of_others = ("humidity",)

    def __init__(self, settings: Settings, asked: Asked) -> None:
        if settings.limit < 0:
            raise UsageError("key 'limit': is below 0")
        self.settings = settings
        self.asked = asked
        self.name = "whole"

    @staticmethod
    def stages_of(settings: Settings) -> tuple[str, ...]:
        return ("copy", "ingest")

    @staticmethod
    def queues_of(settings: Settings) -> tuple[str, ...]:
        return ("copy",)

    @staticmethod
    def place_of(settings: Settings) -> str:
        return f"the whole of {settings.path.name}"

    @staticmethod
    def tells_of_files(settings: Settings) -> bool:
        return True

    @staticmethod
    def headlines(settings: Settings) -> tuple[str, ...]:
        return ("looks", "n_wanted")

    @staticmethod
    def numbers(night: datetime.date, tables: Tables, settings: Settings) -> dict[str, float | None]:
        return {"n_wanted": float(len(tables.files)) + 0.5}

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Settings) -> list[Finding]:
        from observing_monitor.pages import Finding

        others = tables.metrics[tables.metrics["name"] == "humidity"]["value"].max()
        n_failed = int((tables.ingests["status"] == "failure").sum())
        return [
            Finding("error", f"{n_failed} of {len(tables.files)} whole files failed", "#attention"),
            Finding("warning", f"others measured {others:g}", "#metrics", node="a"),
            Finding(level="normal", text="nothing else", source="the whole"),
        ]

    def nights(self) -> set[datetime.date]:
        return {self.asked.rule.night_of(self.asked.now)}

    def look(self, night: datetime.date, known: Known) -> Known:
        start, end = self.asked.rule.bounds(night)
        assert start.tzinfo == nights.UTC and end - start == nights.ONE_DAY
        self.asked.is_settled(night, self._stat().st_mtime_ns)
        return {"at": nights.iso_utc(self.asked.now), "glance": [self.asked.look_at_everything]}

    def read(self, night: datetime.date) -> Reading:
        start, _ = self.asked.rule.bounds(night)
        names = [f"{night}_{number}.fits" for number in range(int(self.settings.path.read_text()))]
        created = [start + datetime.timedelta(hours=number) for number in range(len(names))]
        files: dict[str, Any] = {
            "file_id": [f"{night}/{name}" for name in names],
            "name": names,
            "path": [f"/whole/{name}" for name in names],
            "kind": ["fits"] * len(names),
            "size_bytes": [20_000] * len(names),
            "created_at": created,
            "transferred_at": created,
            "on_disk": [True] * len(names),
        }
        attempts = {
            "stage": ["ingest", "ingest", "copy"],
            "status": ["success", "failure", "waiting"],
            "message": ["", "ValueError: no whole file", "not before noon"],
            "attempted_at": created[:3],
            "path": names[:3],
            "names": names[:3],
        }
        metrics = {
            "name": ["looks", "part_a", "part_b", "part_all"],
            "node": [None, "n1", "n1", "n1"],
            "value": [3.0, 1.0, 2.0, 3.5],
            "sampled_at": [self.asked.now] * 4,
            "unit": ["", "s", "s", "s"],
        }
        return Reading(
            files=columns.frame(columns.FILES, files),
            attempts=columns.frame(columns.ATTEMPTS, attempts),
            metrics=columns.frame(columns.METRICS, metrics),
            notes=[f"{self.settings.path}: nothing to complain of"],
            unread=["nowhere/"],
            elsewhere=[f"{night}/elsewhere.fits"],
            append=True,
            append_attempts=True,
        )

    def _stat(self) -> Any:
        try:
            return self.settings.path.stat()
        except OSError as error:
            raise SourceError(f"{self.settings.path}: {error.strerror}; write it") from error


assert issubclass(SourceError, ObservingMonitorError) and Source
