"""Any CSV or JSON file with a row a night, a file, an attempt or a number: a mapping says what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from observing_monitor.errors import UsageError
from observing_monitor.readers import textfiles
from observing_monitor.sources.shared import mapping

if TYPE_CHECKING:
    import datetime

    from observing_monitor.model.reading import Known, Reading
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.base import Asked


class Table(mapping.MappedSource):
    """Rows of text files, by a mapping of columns."""

    @dataclass(kw_only=True)
    class Settings(mapping.Mapped):
        path: Path  # a file, a pattern such as log/*.csv.gz, or one with the night: counts_{night:%Y%m%d}.json
        format: Literal["", "csv", "tsv", "json", "jsonl"] = (
            ""  # by the path's ending, unless set; gzip is noticed
        )
        separator: str = ""  # between the cells of a line; a comma (in tsv a tab), unless set
        comment: str = "#"  # a line that begins with it is none
        records: str = ""  # where the rows stand inside a JSON file: data.items

    @staticmethod
    def place_of(settings: Table.Settings) -> str:
        return str(settings.path)

    def __init__(self, settings: Table.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "table"
        self.format = settings.format or textfiles.format_of(settings.path)
        if not self.format:
            raise UsageError(f"{settings.path} doesn't end in csv, tsv, json or jsonl; set format")
        self.files = textfiles.TextFiles(settings.path)
        mapping.check_settings(settings, "table", self.files.has_night)
        self._apart: dict[
            str, dict[datetime.date, Rows]
        ] = {}  # path -> its rows by night; each file that has all nights is read once a run

    def nights(self) -> set[datetime.date]:
        """Those that files are named after, or that rows tell."""
        if self.files.has_night:
            return self.files.nights()
        return {night for path in self.files.of_night(None) for night in self._of_all_nights(path)}

    def look(self, night: datetime.date, known: Known) -> Known:
        """The sizes and times of the files that may hold the night's rows."""
        return self.files.look(night, known)

    def read(self, night: datetime.date) -> Reading:
        """What the night's rows of all its files tell."""
        paths = self.files.of_night(night)
        if self.files.has_night:
            found = [
                mapping.by_night(self._rows(path), self.settings, self.asked.rule, night)[night]
                for path in paths
            ]
        else:
            found = [
                self._of_all_nights(path)[night]
                for path in paths
                if night in self._of_all_nights(path)
            ]
        return mapping.to_reading(found, self.settings)

    def _of_all_nights(self, path: str) -> dict[datetime.date, Rows]:
        if path not in self._apart:
            self._apart[path] = mapping.by_night(self._rows(path), self.settings, self.asked.rule)
        return self._apart[path]

    def _rows(self, path: str) -> Rows:
        if self.format in ("csv", "tsv"):
            separator = self.settings.separator or {"csv": ",", "tsv": "\t"}[self.format]
            rows = textfiles.read_csv(path, separator, self.settings.comment, self.files.roots)
        elif self.format == "json":
            rows = textfiles.read_json(path, self.settings.records, self.files.roots)
        else:
            rows = textfiles.read_jsonl(path, self.files.roots)
        mapping.require(rows, mapping.wanted(self.settings))
        return rows
