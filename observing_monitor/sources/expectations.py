"""Expectations of a night, compared with the files that came.

Expectations are lists of exposures, lists of sensors, a camera's detectors, a sequence of numbers,
or a count. The source stores what is expected as metrics. The check compares it with the files of
all the stream's sources. What is expected and never came is counted beside the classes of the
files, never in them; more may come than expected.
"""

from __future__ import annotations

import datetime
import os
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import EPOCH, iso_utc
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.readers.listing import shown_all
from observing_monitor.readers.tree import NightTree
from observing_monitor.sources.base import Telling
from observing_monitor.sources.expected_compare import compare
from observing_monitor.sources.expected_findings import findings
from observing_monitor.sources.expected_lists import ExposureLists, read_sensors, read_text
from observing_monitor.sources.expected_names import count_numbers
from observing_monitor.sources.expected_rows import TextRow, as_of, as_of_row, text_metrics
from observing_monitor.sources.expected_settings import ExpectedSettings, check_types

if TYPE_CHECKING:
    from collections.abc import Collection

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.readers.listing import Entry, Listing
    from observing_monitor.sources.base import Asked


class Expectations(Telling):
    """The files that a night should have."""

    meanings = {
        "n_expected": "Images that should have come, as far as they are known",
        "n_expected_missing": "Of these, images that never came",
        "n_gaps": "Numbers of the sequence of which no file came",
    }

    Settings = ExpectedSettings

    @staticmethod
    def tells_of_files(settings: ExpectedSettings) -> bool:
        """Return False: the files are those of other sources."""
        return False

    @staticmethod
    def stages_of(settings: ExpectedSettings) -> tuple[str, ...]:
        """Return no stages."""
        return ()

    @staticmethod
    def place_of(settings: ExpectedSettings) -> str:
        """Return the folder and the list, or "the settings"."""
        paths = [str(path) for path in (settings.path, settings.exposures) if path]
        return ", ".join(paths) or "the settings"

    @staticmethod
    def headlines(settings: ExpectedSettings) -> tuple[str, ...]:
        """Return the numbers of images and gaps, if they are expected."""
        counts = (
            settings.path,
            settings.exposures,
            settings.detectors,
            settings.detectors_by_type,
            settings.n_files,
            settings.n_exposures,
            settings.n_exposures_by_type,
        )
        return (
            *(("n_expected", "n_expected_missing") if any(counts) else ()),
            *(("n_gaps",) if settings.sequence else ()),
        )

    def __init__(self, settings: ExpectedSettings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "expected"
        if not self.headlines(settings):
            raise UsageError(
                "an expected source expects nothing; "
                "set path, exposures, detectors, detectors_by_type, sequence, n_files, "
                "n_exposures or n_exposures_by_type"
            )
        check_types(settings)
        self.tree = (
            NightTree(settings.path, asked.rule, "folder of expected sensors")
            if settings.path
            else None
        )
        self.lists = (
            ExposureLists(settings.exposures, settings.column) if settings.exposures else None
        )

    def nights(self) -> set[datetime.date]:
        """Return the nights of the folders and lists."""
        nights = self.tree.nights() if self.tree else set()
        return nights | (self.lists.nights() if self.lists else set())

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the state of the lists, and the time in steps.

        Time alone makes an exposure missing, so an open night changes every quarter of `wait_s`.
        """
        state = {
            "as_of": as_of(self.asked, night, self.settings.wait_s)[0],
            "list": self.lists.state(night) if self.lists else None,
        }
        if not self.tree:
            return state
        self._refuse_purged(self.tree, night, known)
        folders = self.tree.night_folders().get(night, [])
        times = self._unchanged_times(self.tree, night, folders, known)
        if times is not None:
            return {**state, "folders": times, "sensors": known["sensors"]}
        listing = self.tree.list_night(night)
        text = repr([tuple(entry) for entry in self._sensor_files(listing)])
        digest = hex_digest(text, n_bytes=16, errors="surrogatepass")
        return {**state, "folders": listing.folders, "sensors": digest}

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        if self.tree and "path" not in changed:
            self._refuse_purged(self.tree, night, earlier)
        return self.look(night, None)

    def _refuse_purged(self, tree: NightTree, night: datetime.date, known: Known) -> None:
        """Raise SourceError if the night had folders and has none."""
        if known and known.get("folders") and not tree.night_folders().get(night):
            raise SourceError(
                f"{tree.root}: the night's folder is no longer there; "
                "what was expected stays as last seen"
            )

    def read(self, night: datetime.date) -> Reading:
        """Return what is expected of the night, as metrics.

        `expected_detectors` has a row per exposure (its node), `expected_exposures` the list,
        `expected_as_of` the time.
        """
        notes: list[str] = []
        counts: dict[str, Counts] = {}
        rows = [as_of_row(self.asked, night, self.settings.wait_s)]
        if self.tree:
            listing = self.tree.list_night(night)
            if fault := self.tree.fault_of(night):
                raise SourceError(fault)
            notes += listing.notes
            place = f"{self.settings.path}, night {night}"
            counts[place] = Counts()
            files = self._sensor_files(listing)
            rows += self._sensor_rows(self.tree.root, files, notes, counts[place])
        names = self.lists.exposures(night) if self.lists else []
        counts |= self.lists.counts if self.lists else {}
        if self.lists and names and (state := self.lists.state(night)):
            at = iso_utc(_instant_of_ns(state[1]))
            text = "\n".join(names)
            rows.append(TextRow("expected_exposures", None, at, float(len(names)), text))
        return Reading(metrics=text_metrics(rows), notes=notes, counts=counts)

    @staticmethod
    def numbers(
        night: datetime.date, tables: Tables, settings: ExpectedSettings
    ) -> dict[str, float | None]:
        """Return how much was expected and never came; None if unknown."""
        compared = compare(tables, settings)
        values = {
            "n_expected": compared.n_expected,
            "n_expected_missing": compared.n_missing,
            "n_gaps": count_numbers(compared.gaps),
        }
        return {
            name: values[name] if compared.is_known else None
            for name in Expectations.headlines(settings)
        }

    @staticmethod
    def check(night: datetime.date, tables: Tables, settings: ExpectedSettings) -> list[Finding]:
        """Return what never came, and, as no fault, what came in excess."""
        return list(findings(compare(tables, settings), settings))

    def _unchanged_times(
        self, tree: NightTree, night: datetime.date, folders: list[str], known: Known
    ) -> dict[str, int | None] | None:
        """Return the folders' times if they prove that nothing changed, else None."""
        if not known or known.get("folders") is None:
            return None
        if not set(folders) <= set(known["folders"]) or tree.loose(night):
            return None
        times = tree.folder_times(known["folders"])
        newest_ns = max(filter(None, times.values()), default=0)
        if times == known["folders"] and self.asked.is_settled(night, newest_ns):
            return times
        return None

    def _sensor_files(self, listing: Listing) -> list[Entry]:
        return [
            entry
            for entry in listing.entries
            if not entry.is_dangling
            and fnmatch(entry.path.rpartition("/")[2], self.settings.sensors_pattern)
        ]

    def _sensor_rows(
        self, root: str, entries: list[Entry], notes: list[str], counts: Counts
    ) -> list[TextRow]:
        """Return a row per exposure with its sensors.

        The newest file of an exposure counts.
        """
        rows: dict[str, TextRow] = {}
        counts.n_read = len(entries)
        for entry, shown in zip(entries, shown_all([entry.path for entry in entries]), strict=True):
            where = f"{self.settings.path}/{shown}"
            try:
                content, flaw = read_sensors(read_text(os.path.join(root, entry.path), [root]))
            except (OSError, ValueError) as error:
                words = os_error_text(error) if isinstance(error, OSError) else error
                counts.leave_out(shown, str(words))
                notes.append(f"{where}: {words}; the sensors of its exposure are not known")
                continue
            if flaw:
                notes.append(f"{where}: {flaw}")
            exposure = content.get("obsId")
            if not isinstance(exposure, str):
                file_name = shown.rpartition("/")[2]
                exposure = re.sub(r"_?expectedSensors\.json$", "", file_name)
            types = self.settings.sensor_types
            sensors = sorted(
                sensor
                for sensor, kind in content["expectedSensors"].items()
                if not types or kind in types
            )
            at = iso_utc(_instant_of_ns(entry.mtime_ns))
            if exposure not in rows or (rows[exposure].sampled_at or "") <= at:
                text = "\n".join(sensors)
                rows[exposure] = TextRow(
                    "expected_detectors", exposure, at, float(len(sensors)), text
                )
        return list(rows.values())


def _instant_of_ns(ns: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=ns // 1000)
