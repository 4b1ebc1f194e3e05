"""A source that reads the log of a seeing monitor.

A line of the log is a measurement: its instant (UTC) and the seeing in arc seconds.
"""

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path

from observing_monitor import columns
from observing_monitor.errors import SourceError
from observing_monitor.pages import Finding
from observing_monitor.sources import Reading, Telling


class Seeing(Telling):
    """A log of lines such as `2021-12-01T03:12:00 0.82`."""

    @dataclass
    class Settings:
        """The keys of the source's table of settings."""

        path: Path  # the log; relative to the settings file
        warning_above_arcsec: float = 1.5  # warn if the night's median seeing is worse

    meanings = {
        "seeing": "Seeing at the monitor",
        "seeing_median": "Half of the night's measurements were better",
    }

    histories = ("seeing",)  # drawn as a chart over the night

    @staticmethod
    def tells_of_files(settings):
        """Return False: this source has only numbers."""
        return False

    @staticmethod
    def stages_of(settings):
        """Return the stages that files pass: none."""
        return ()

    @staticmethod
    def place_of(settings):
        """Return the place that the pages show."""
        return str(settings.path)

    @staticmethod
    def headlines(settings):
        """Return the numbers that the pages show first."""
        return ("seeing_median",)

    @staticmethod
    def check(night, tables, settings):
        """Yield the night's findings.

        They are made from the stored tables, so pages can be made while the log can't be read.
        """
        median = tables.metrics.loc[tables.metrics["name"] == "seeing_median", "value"].max()
        if median > settings.warning_above_arcsec:
            yield Finding(
                "warning",
                f"the median seeing was {median:.2f}″, above {settings.warning_above_arcsec:g}″",
                "#metrics",
            )

    def __init__(self, settings, asked):
        self.settings = settings
        self.asked = asked
        self.name = "seeing"

    def nights(self):
        """Return the nights that the log has measurements of."""
        measured, _ = self._measured()
        return {self.asked.rule.night_of(instant) for instant, _ in measured}

    def look(self, night, known):
        """Return the log's size and time.

        If they are as before, the log is not read.
        """
        with self._readable():
            state = self.settings.path.stat()
        return [state.st_size, state.st_mtime_ns]

    def read(self, night):
        """Return the night's measurements and their median."""
        measured, notes = self._measured()
        mine = [
            (instant, arcsec)
            for instant, arcsec in measured
            if self.asked.rule.night_of(instant) == night
        ]
        metrics = columns.frame(
            columns.METRICS,
            {
                "name": ["seeing"] * len(mine),
                "sampled_at": [instant for instant, _ in mine],
                "value": [arcsec for _, arcsec in mine],
                "unit": ["arcsec"] * len(mine),
            },
        )
        if mine:
            metrics.loc[len(metrics), ["name", "value", "unit"]] = [
                "seeing_median",
                metrics["value"].median(),
                "arcsec",
            ]
        return Reading(metrics=metrics, notes=notes)

    def _measured(self):
        """Return all measurements, and notes about other lines."""
        with self._readable():
            lines = self.settings.path.read_text(errors="replace").splitlines()
        measured, odd = [], []
        for number, line in enumerate(lines, 1):
            try:
                when, arcsec = line.split()
                instant = datetime.datetime.fromisoformat(when).replace(tzinfo=datetime.UTC)
                measured.append((instant, float(arcsec)))
            except ValueError:
                odd.append(number)
        notes = []
        if odd:
            where = f"the first is line {odd[0]}"
            notes.append(f"{self.settings.path}: {len(odd)} lines are no measurement, {where}")
        return measured, notes

    @contextlib.contextmanager
    def _readable(self):
        """Raise SourceError if the log can't be read.

        The pages then keep the data of earlier runs.
        """
        try:
            yield
        except OSError as error:
            raise SourceError(
                f"{self.settings.path}: {error.strerror.lower()}; "
                "does the seeing monitor write its log there?"
            ) from error
