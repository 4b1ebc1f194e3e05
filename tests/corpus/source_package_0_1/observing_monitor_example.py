"""The seeing of each night, from a monitor's log: a line a measurement, the instant in UTC and the seeing in arc seconds."""

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path

from observing_monitor import columns
from observing_monitor.errors import SourceError
from observing_monitor.pages import Finding
from observing_monitor.sources import Reading, Telling


class Seeing(Telling):
    """A log such as `2021-12-01T03:12:00 0.82`, any number of nights in it."""

    @dataclass
    class Settings:
        path: Path  # the log; relative to the settings file
        warning_above_arcsec: float = 1.5  # warn of a night whose median seeing is worse

    meanings = {"seeing": "Seeing at the monitor", "seeing_median": "Half of the night's measurements were better"}

    histories = ("seeing",)  # drawn over the night

    @staticmethod
    def tells_of_files(settings):
        return False  # numbers alone: a stream of nothing else has no tables of files

    @staticmethod
    def stages_of(settings):
        return ()  # it tells of no stage that a file passes

    @staticmethod
    def place_of(settings):
        return str(settings.path)

    @staticmethod
    def headlines(settings):
        return ("seeing_median",)

    @staticmethod
    def check(night, tables, settings):
        """Made from the stored tables, so that pages can be made while the log can't be read."""
        median = tables.metrics.loc[tables.metrics["name"] == "seeing_median", "value"].max()
        if median > settings.warning_above_arcsec:
            yield Finding("warning", f"the median seeing was {median:.2f}″, above {settings.warning_above_arcsec:g}″", "#metrics")

    def __init__(self, settings, asked):
        self.settings = settings
        self.asked = asked
        self.name = "seeing"

    def nights(self):
        measured, _ = self._measured()
        return {self.asked.rule.night_of(instant) for instant, _ in measured}

    def look(self, night, known):
        """A log that has neither grown nor been touched has no news: no need to read it."""
        with self._readable():
            state = self.settings.path.stat()
        return [state.st_size, state.st_mtime_ns]

    def read(self, night):
        measured, notes = self._measured()
        mine = [(instant, arcsec) for instant, arcsec in measured if self.asked.rule.night_of(instant) == night]
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
            metrics.loc[len(metrics), ["name", "value", "unit"]] = ["seeing_median", metrics["value"].median(), "arcsec"]
        return Reading(metrics=metrics, notes=notes)

    def _measured(self):
        """All measurements as (instant, arcsec), and a note on the lines that are none."""
        with self._readable():
            lines = self.settings.path.read_text(errors="replace").splitlines()
        measured, odd = [], []
        for number, line in enumerate(lines, 1):
            try:
                when, arcsec = line.split()
                measured.append((datetime.datetime.fromisoformat(when).replace(tzinfo=datetime.UTC), float(arcsec)))
            except ValueError:
                odd.append(number)
        return measured, [f"{self.settings.path}: {len(odd)} lines are no measurement, the first is line {odd[0]}"] if odd else []

    @contextlib.contextmanager
    def _readable(self):
        """A source that can't be read says so with SourceError: what is known of its nights then stays as it was."""
        try:
            yield
        except OSError as error:
            raise SourceError(f"{self.settings.path}: {error.strerror.lower()}; does the seeing monitor write its log there?") from error
