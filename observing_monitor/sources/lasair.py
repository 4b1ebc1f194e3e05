"""Lasair: alerts counted by each stage, and seconds spent by each node.

Lasair's programs write one of two forms: files `status_<nid>.json` in a folder, flat and with an
`update_time`, as its document "manage_status" describes; or the table `lasair_statistics` (nid,
name, value) of today's code. Both keep only the latest value, so each run that finds a change adds
a sample to the history. `nid` counts nights from 2017-01-01 by the UTC date: the stream's
night_rule should be UTC.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.metrics.values import TABLE
from observing_monitor.model.nights import nid_of, night_of_nid, zone_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import setting
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Telling
from observing_monitor.sources.lasair_checks import check_counts, check_nodes, unavailable
from observing_monitor.sources.lasair_metrics import (
    COUNTS,
    DELAY,
    STACKS,
    TIMERS,
    TOTALS,
    metrics_of,
)
from observing_monitor.sources.lasair_readers import StatisticsTable, StatusFiles

if TYPE_CHECKING:
    from collections.abc import Collection

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked


class Lasair(Telling):
    """Metrics from Lasair's status files or its table of statistics."""

    @dataclass
    class Settings:
        """Settings of a source of type `lasair`."""

        path: Path | None = setting(
            None,
            "Folder with `status_<nid>.json`. Set either this or `url`.",
            example="/data/lasair/status",
        )
        url: str = setting(
            "",
            "Database with the table. Set either this or `path`.",
            example="mysql://reader@dbhost/lasair",
        )
        table: str = setting(TABLE, "Name of the table, or database.name.")
        password_env: str = setting(
            "",
            "Environment variable with the database's password.",
            example="LASAIR_PASSWORD",
            affects_reading=False,
        )
        timeout_s: float = setting(
            30, "Time that the database has to answer.", affects_reading=False
        )
        zone: str = setting(
            "UTC", "Time zone of `update_time` in the files.", example="Europe/London"
        )
        count_tolerance: float = setting(
            0.0,
            "Share by which a stage's count may differ from that of the stage before without a "
            "warning.",
            example=0.01,
            affects_reading=False,
        )
        node_ratio: float = setting(
            3.0,
            "Warn if a node took more than so many times the median of the other nodes, or if "
            "each other node took more than so many times as long.",
            affects_reading=False,
        )
        node_min_s: float = setting(
            10.0, "Ignore a difference between nodes below this time.", affects_reading=False
        )

    meanings = COUNTS | DELAY | TIMERS
    stacks = STACKS
    totals = TOTALS
    histories = ("today_alert", "today_filter", "min_delay")

    @staticmethod
    def tells_of_files(settings: Lasair.Settings) -> bool:
        """Return False: Lasair's numbers concern no files."""
        return False

    @staticmethod
    def stages_of(settings: Lasair.Settings) -> tuple[str, ...]:
        """Return no stages."""
        return ()

    @staticmethod
    def place_of(settings: Lasair.Settings) -> str:
        """Return the folder or the database."""
        return str(settings.path) if settings.path else Database(settings.url).place

    @staticmethod
    def headlines(settings: Lasair.Settings) -> tuple[str, ...]:
        """Return the counts from survey to database, and the delay."""
        return ("today_lsst", "today_alert", "today_filter", "today_filter_out", "min_delay")

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: Lasair.Settings) -> list[Finding]:
        """Return findings on counts that differ, slow nodes and missing values."""
        of_night = tables.metrics[tables.metrics["exposure"].isna()]
        latest = of_night.sort_values("sampled_at", kind="stable").drop_duplicates(
            ["name", "node"], keep="last"
        )
        whole = (
            latest[latest["node"].isna()]
            .drop_duplicates("name", keep="last")
            .set_index("name")["value"]
        )
        timers = latest[latest["name"].isin(TIMERS)]
        missing = whole[whole.isna()].index.intersection(list(COUNTS | DELAY), sort=False)
        return [
            *check_counts(whole.dropna().to_dict(), settings.count_tolerance),
            *check_nodes(timers, settings.node_ratio, settings.node_min_s),
            *unavailable(missing),
        ]

    def __init__(self, settings: Lasair.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "lasair"
        if bool(settings.path) == bool(settings.url):
            raise UsageError(
                "a source of type lasair reads a folder or a table: set either path or url"
            )
        zone = zone_named("zone", settings.zone)
        self._reader: StatusFiles | StatisticsTable
        if settings.path:
            self._reader = StatusFiles(settings.path, zone, asked.limits)
        else:
            database = Database(settings.url, settings.password_env, settings.timeout_s).check()
            self._reader = StatisticsTable(database, settings.table, asked.now)

    def nights(self) -> set[datetime.date]:
        """Return the nights that have a file, or rows in the table."""
        return {night_of_nid(nid) for nid in self._reader.nids()}

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the state of the night's file or rows, or None.

        Numbers that were there at the last look and are gone now are an error.
        """
        state = self._reader.look(nid_of(night))
        if known and not state:
            raise SourceError(
                f"{self._reader.place_of(nid_of(night))} is no longer there; "
                "its numbers stay as last seen"
            )
        return state

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        is_elsewhere = {"path", "url", "table"} & set(changed)
        return self.look(night, None if is_elsewhere else earlier)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's numbers, as one sample more."""
        stored = self._reader.read(nid_of(night))
        metrics, oddities = metrics_of(stored.values, stored.sampled_at)
        place, rule = self._reader.place_of(nid_of(night)), self.asked.rule
        # UTC+4h is right: it reads a nid before it begins, other rules only hours later
        if stored.values and rule.offset_s < 0:
            oddities.append(
                f"its nid is a UTC date, but the stream's nights are those of {rule.text}; "
                "set night_rule to UTC"
            )
        notes = [*stored.notes, *(f"{place}: {words}" for words in oddities)]
        # a table has no times: its samples are of the run
        has_own_times = bool(self.settings.path)
        counts = {place: Counts(len(stored.values))} if stored.values else {}
        return Reading(
            metrics=metrics, notes=notes, append=True, has_own_times=has_own_times, counts=counts
        )
