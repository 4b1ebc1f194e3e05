"""FitsStorage at Gemini: files that were ingested, and its queues.

A queue holds what waits, is in progress or failed. What was done is in the table `diskfile`.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import iso_utc, parse_utc, zone_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling
from observing_monitor.sources.fitsstorage_files import DiskFiles, with_queued
from observing_monitor.sources.fitsstorage_queues import Queues
from observing_monitor.sources.fitsstorage_samples import (
    MEANINGS,
    StuckEntries,
    check_queues,
    depth_rows,
    samples,
    stuck_rows,
)
from observing_monitor.sources.fitsstorage_tables import QUEUES, FitsDatabase
from observing_monitor.sources.shared.gemini import failures

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.fitsstorage_queues import Entry


class FitsStorage(Telling):
    """The queues and the files of one FitsStorage server, from its PostgreSQL."""

    meanings = MEANINGS
    histories = ("queue_waiting", "queue_failed", "queue_oldest_s")

    @dataclass
    class Settings:
        """Settings of a source of type `fitsstorage`."""

        url: str = setting(
            REQUIRED,
            "Address of the database.",
            example="postgresql://reader@fits.observatory.org/fitsdata",
        )
        password_env: str = setting(
            "",
            "Environment variable with the password, if `.pgpass` does not have it.",
            example="FITSDATA_PASSWORD",
            affects_reading=False,
        )
        timeout_s: float = setting(
            30, "Time that the database has to answer.", affects_reading=False
        )
        zone: str = setting("UTC", "Time zone of the server's clock.", example="Pacific/Honolulu")
        queues: list[str] = setting(list(QUEUES), "Queues to read.")
        files: bool = setting(
            True,
            "Read the files from the table `diskfile`. Set to false if another source of the "
            "stream lists them.",
        )
        wait_warning_s: float | None = setting(
            3600,
            "Warn if the oldest entry of a queue has waited for longer.",
            affects_reading=False,
        )
        stuck_after_s: float = setting(
            0, "An entry in progress at two runs is stuck if they are further apart than this."
        )

    @staticmethod
    def stages_of(settings: FitsStorage.Settings) -> tuple[str, ...]:
        """Return the queues and, as `diskfile` has it, ingest."""
        return tuple(queue for queue in QUEUES if queue in settings.queues or queue == "ingest")

    @staticmethod
    def queues_of(settings: FitsStorage.Settings) -> tuple[str, ...]:
        """Return the queues in the order of the settings."""
        return tuple(settings.queues)

    @staticmethod
    def place_of(settings: FitsStorage.Settings) -> str:
        """Return the database's address, without user and password."""
        return Database(settings.url).place

    @staticmethod
    def headlines(settings: FitsStorage.Settings) -> tuple[str, ...]:
        """Return the numbers of entries that wait and that failed."""
        return ("queues_waiting", "queues_failed")

    def __init__(self, settings: FitsStorage.Settings, asked: Asked) -> None:
        unknown = sorted(set(settings.queues) - set(QUEUES))
        if unknown:
            raise UsageError(
                f"queues has {unknown[0]!r}; FitsStorage's queues are {', '.join(QUEUES)}"
            )
        self.settings = settings
        self.asked = asked
        self.name = "fitsstorage"
        self.zone = zone_named("zone", settings.zone)
        database = Database(settings.url, settings.password_env, settings.timeout_s).check()
        self.database = FitsDatabase(database)
        self.queues = Queues(self.database, settings.queues, self.zone, asked)
        self.files = DiskFiles(self.database, asked.rule)
        # night -> what the last look saw
        self._states: dict[datetime.date, dict[str, Any]] = {}
        self._stuck: dict[datetime.date, StuckEntries] = {}

    def nights(self) -> set[datetime.date]:
        """Return the nights of the queues' entries and of the files."""
        return {entry.night for entry in self.queues.entries()} | self.files.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return digests of the night's entries and files.

        Tonight covers all entries, and differs at each run, so that the queues are sampled.
        `running` maps entries in progress to when they were first seen so, `stuck` lists those
        seen so before, `nameless` the queues with requests that name no file.
        """
        entries = self._covered(night)
        self._refuse_unreadable(known)
        now = iso_utc(self.asked.now)
        first_seen = (known or {}).get("running", {})
        running = {
            entry.key: first_seen.get(entry.key, now)
            for entry in entries
            if entry.state == "running"
        }
        stuck = sorted(key for key, since in running.items() if self._is_stuck(since))
        nameless = {entry.queue for entry in entries if not entry.name and entry.night == night}
        state = {
            "entries": _digest(entries),
            "files": self.files.digest(night),
            "running": running,
            "stuck": stuck,
            "nameless": sorted(nameless | set((known or {}).get("nameless", []))),
        }
        keys = [*stuck, *(known or {}).get("stuck", [])]
        self._states[night] = state
        self._stuck[night] = StuckEntries(running, stuck, {key.split()[0] for key in keys})
        return {**state, "sampled_at": now} if night == self._tonight else state

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        if not {"url", "files"} & set(changed):
            self._refuse_unreadable(earlier)
        return self.look(night, None)

    def _refuse_unreadable(self, known: Known) -> None:
        """Raise SourceError if the files could be read and can't be now."""
        if known and known["files"] is not None and not self.files.is_readable():
            raise SourceError(
                f"{self.database.place}: diskfile can't be read any more; "
                "its files stay as last seen"
            )

    def read(self, night: datetime.date) -> Reading:
        """Return the night's files, exposures and attempts, and tonight's queues."""
        import pandas as pd

        if night not in self._states:
            self.look(night, None)
        files, ingests, exposures = self.files.read(night)
        if night == self._tonight:
            self.database.note_other_zone(self.zone, self.asked.now)
        entries = [entry for entry in self.queues.entries() if entry.night == night]
        parts: list[DataFrame | dict[str, Any]] = [ingests, self.queues.attempts(entries)]
        attempts = pd.concat(
            [frames.frame(columns.ATTEMPTS, part) for part in parts], ignore_index=True
        )
        order = attempts.groupby(["path", "stage"])["attempted_at"].rank(
            "first", na_option="bottom"
        )
        attempts["attempt"] = order.astype("Int64")
        nameless = self._states[night]["nameless"]
        return Reading(
            files=with_queued(files, entries, nameless) if self.settings.files else None,
            attempts=frames.frame(columns.ATTEMPTS, attempts),
            metrics=self._samples(night),
            exposures=exposures,
            notes=list(self.database.notes),
            append=True,
            counts={f"{self.database.place}, night {night}": Counts(len(ingests) + len(entries))},
        )

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: FitsStorage.Settings
    ) -> list[Finding]:
        """Return what failed in a queue, is stuck, or waits too long."""
        stages = tuple(queue for queue in settings.queues if queue != "ingest")
        return [
            *failures(tables.ingests, stages, "#queues"),
            *check_queues(tables.metrics, tables.ingests, settings.wait_warning_s),
        ]

    @property
    def _tonight(self) -> datetime.date:
        return self.asked.rule.night_of(self.asked.now)

    def _covered(self, night: datetime.date) -> list[Entry]:
        """Return the entries that a look at a night covers: its own, tonight all."""
        entries = self.queues.entries()
        return [entry for entry in entries if entry.night == night or night == self._tonight]

    def _is_stuck(self, since: str) -> bool:
        age = self.asked.now - parse_utc(since)
        return age.total_seconds() > self.settings.stuck_after_s

    def _samples(self, night: datetime.date) -> DataFrame:
        """Return the depth of all queues for tonight, and what is or was stuck."""
        queues = self.queues.existing() if night == self._tonight else []
        entries = self._covered(night)
        rows = depth_rows(queues, entries, self.asked.now)
        rows += stuck_rows(queues, entries, self._stuck[night])
        return samples(rows, self.asked.now)


def _digest(entries: list[Entry]) -> str:
    return hex_digest("\n".join(sorted(repr(entry) for entry in entries)), n_bytes=12)
