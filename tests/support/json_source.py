"""A source package that answers with JSON files.

    FOLDER/YYYY-MM-DD.json      {"files": [row, ...], "attempts": [row, ...], "metrics": [row, ...],
                                 "exposures": [row, ...]}

A store collected through it can be published with any other kind of source of the same name,
because publishing reads no source.
"""

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path

from observing_monitor import columns
from observing_monitor.sources import Reading, Telling

KIND = "json_files"
TABLES = {
    "files": columns.FILES,
    "attempts": columns.ATTEMPTS,
    "metrics": columns.METRICS,
    "exposures": columns.EXPOSURES,
}


class JsonFiles(Telling):
    """The tables of a folder with one JSON file per night."""

    @dataclass
    class Settings:
        path: Path  # the folder
        stages: list[str] = field(default_factory=list)  # the stages of its attempts

    def __init__(self, settings, asked):
        self.settings = settings
        self.name = KIND

    @staticmethod
    def stages_of(settings):
        return tuple(settings.stages)

    @staticmethod
    def place_of(settings):
        return str(settings.path)

    def nights(self):
        return {datetime.date.fromisoformat(path.stem) for path in self.settings.path.iterdir()}

    def look(self, night, known):
        path = self._path(night)
        return path.read_text() if path.exists() else None

    def read(self, night):
        path = self._path(night)
        tables = json.loads(path.read_text()) if path.exists() else {}
        return Reading(**{name: _table(TABLES[name], rows) for name, rows in tables.items()})

    def _path(self, night):
        return self.settings.path / f"{night.isoformat()}.json"


def _table(described, rows):
    """Return the rows as a table; instants are ISO 8601 texts."""
    names = {name for row in rows for name in row}
    instants = {column.name for column in described if column.kind == "instant"}
    made = {
        name: [
            datetime.datetime.fromisoformat(row[name])
            if name in instants and row.get(name)
            else row.get(name)
            for row in rows
        ]
        for name in names
    }
    return columns.frame(described, made)
