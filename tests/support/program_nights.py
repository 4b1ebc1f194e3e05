"""Nights of exposures that belong to programs, from a table."""

import csv
import datetime
import json

from running import run
from support.settings_text import to_toml

NOW = datetime.datetime(2025, 3, 20, 20, tzinfo=datetime.UTC)
COLUMNS = {
    "exposure": "id",
    "started_at": "at",
    "exposure_time_s": "s",
    "observation_type": "type",
    "program": "program",
    "physical_filter": "filter",
    "target": "target",
}


class Telescope:
    """A stream whose table has nights by program.

    Attributes
    ----------
    nights : dict
        Night -> list of (program, type, seconds, filter, target). Exposures begin at 3 UTC, one
        every 10 minutes.
    """

    def __init__(self, folder, nights):
        self.folder, self.nights = folder, nights

    def run(self, *options, now=NOW, command=(), **settings):
        """Write the table and run; return the exit code."""
        with open(self.folder / "table.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS.values())
            for night, exposures in self.nights.items():
                start = datetime.datetime.fromisoformat(f"{night}T03:00:00")
                for number, (program, kind, seconds, name, target) in enumerate(exposures):
                    at = start + datetime.timedelta(minutes=10 * number)
                    key = f"{night}-{number}"
                    writer.writerow([key, at.isoformat(), seconds, kind, program, name, target])
        table = {"type": "table", "path": self.folder / "table.csv", "feeds": "exposures"}
        stream = settings | {"night_rule": "UTC", "sources": [table | {"columns": COLUMNS}]}
        site = {"observing_monitor": {"output_dir": self.folder / "site"}}
        path = self.folder / "site.toml"
        path.write_text(to_toml(site | {"streams": {"cam": stream}}))
        return run(*command, "-c", path, *(options or self._days()), now=now)

    def _days(self):
        return ("--first_day", min(self.nights), "--last_day", max(self.nights), "--jobs", 1)

    @property
    def pages(self):
        """The folder of the stream's pages."""
        return self.folder / "site/cam"

    def of_programs(self):
        """Return `programs.json` by program."""
        found = json.loads((self.pages / "programs.json").read_text())
        return {one["program"]: one for one in found["programs"]}

    def page_of(self, program):
        """Return the text of a program's page."""
        return (self.pages / self.of_programs()[program]["page"]).read_text()
