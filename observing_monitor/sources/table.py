"""CSV and JSON files with a row per night, file, attempt or number.

A mapping in the settings says what their columns mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from observing_monitor.errors import UsageError
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.csv_rows import check_separator
from observing_monitor.readers.json_rows import Names
from observing_monitor.readers.night_paths import TextFiles
from observing_monitor.readers.textfiles import format_of, read_csv, read_json, read_jsonl
from observing_monitor.sources.shared.mapped import (
    Mapped,
    MappedSource,
    check_settings,
    require,
    wanted,
)
from observing_monitor.sources.shared.mapping import by_night
from observing_monitor.sources.shared.meanings import COMMENT, SEPARATOR
from observing_monitor.sources.shared.missing import without_missing
from observing_monitor.sources.shared.to_tables import in_doubt, to_reading

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from observing_monitor.model.reading import Counts, Known, Reading
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.base import Asked


class Table(MappedSource):
    """Rows of text files, mapped to our columns."""

    @dataclass(kw_only=True)
    class Settings(Mapped):
        """Settings of a source of type `table`."""

        path: Path = setting(
            REQUIRED,
            "File, pattern such as `log/*.csv.gz`, or path with the night in it such as "
            "`counts_{night:%Y%m%d}.json`.",
        )
        format: Literal["", "csv", "tsv", "json", "jsonl"] = setting(
            "", "Format of the files. By default, the ending of the path."
        )
        separator: str = setting("", SEPARATOR, example=";")
        comment: str = setting("#", COMMENT)
        records: str = setting(
            "", "Place of the rows inside a JSON file, such as `data.items`.", example="data.items"
        )

    @staticmethod
    def place_of(settings: Table.Settings) -> str:
        """Return the path."""
        return str(settings.path)

    def __init__(self, settings: Table.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "table"
        self.format = settings.format or format_of(settings.path)
        if not self.format:
            raise UsageError(f"{settings.path} does not end in csv, tsv, json or jsonl; set format")
        self.files = TextFiles(settings.path)
        check_separator(settings.separator)
        check_settings(settings, "table", self.files.has_night)
        # path -> rows by night, of files with all nights, each read once a run
        self._by_night: dict[str, dict[datetime.date, Rows]] = {}
        # path -> its rows, of all nights in it, and those left out
        self._counts: dict[str, Counts] = {}

    def nights(self) -> set[datetime.date]:
        """Return the nights in the files' names, else those of the rows."""
        if self.files.has_night:
            return self.files.nights()
        return {night for path in self.files.of_night(None) for night in self._all_nights(path)}

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the sizes and times of the files that may hold the night's rows."""
        return self.files.look(night, known)

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        return self.files.look(night, None if "path" in changed else earlier)

    def read(self, night: datetime.date) -> Reading:
        """Return the night's rows of all files, mapped."""
        paths = self.files.of_night(night)
        parts = [self._rows_of_night(path, night) for path in paths]
        reading = to_reading([rows for rows in parts if rows is not None], self.settings)
        counts = {path: self._counts[path] for path in paths}
        return replace(reading, counts=counts, unread=in_doubt(counts))

    def _rows_of_night(self, path: str, night: datetime.date) -> Rows | None:
        if not self.files.has_night:
            return self._all_nights(path).get(night)
        return by_night(self._rows(path), self.settings, self.asked.rule, night)[night]

    def _all_nights(self, path: str) -> dict[datetime.date, Rows]:
        if path not in self._by_night:
            self._by_night[path] = by_night(self._rows(path), self.settings, self.asked.rule)
        return self._by_night[path]

    def _rows(self, path: str) -> Rows:
        settings, roots, limits = self.settings, self.files.roots, self.asked.limits
        needed = wanted(settings)
        names = Names(tuple(needed), settings.night_column or "night", settings.night_format)
        if self.format in ("csv", "tsv"):
            rows = read_csv(
                path,
                settings.separator,
                settings.comment,
                roots,
                usual="\t" if self.format == "tsv" else ",",
                is_header=set(needed).issubset,
                limits=limits,
            )
        elif self.format == "json":
            rows = read_json(path, settings.records, roots, names, limits)
        else:
            rows = read_jsonl(path, roots, names, limits)
        require(rows, needed)
        self._counts[path] = rows.counts
        return without_missing(rows, settings.missing)
