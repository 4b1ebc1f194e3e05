"""A source of another package: numbers in a text file.

The file may be a pipe. Opened without a writer it hangs in the kernel, where no exception reaches
it, like a file on a file server that is down.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading
from observing_monitor.sources.base import Telling

NAME = "numbers"


class Numbers(Telling):
    """The numbers of a file, the same for every night."""

    @dataclass
    class Settings:
        path: Path  # the file

    def __init__(self, settings, asked):
        self.settings = settings
        self.asked = asked
        self.name = NAME

    @staticmethod
    def stages_of(settings):
        return ()

    @staticmethod
    def place_of(settings):
        return str(settings.path)

    @staticmethod
    def tells_of_files(settings):
        return False

    def nights(self):
        self.settings.path.read_text()
        return set()

    def look(self, night, known):
        return self.settings.path.read_text()

    def read(self, night):
        rows = [line.split() for line in self.settings.path.read_text().splitlines()]
        made = pd.DataFrame(
            {
                "name": pd.Series([name for name, _ in rows], dtype="str"),
                "value": [float(value) for _, value in rows],
                "sampled_at": [pd.Timestamp(self.asked.rule.bounds(night)[0])] * len(rows),
            }
        )
        return Reading(metrics=frames.frame(columns.METRICS, made))


def install(folder):
    """Install this module into a folder, as pip would.

    Returns
    -------
    dict
        The environment of a process that finds it.
    """
    import os

    about = folder / "numbers_source-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers-source\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[observing_monitor.sources]\n{NAME} = numbers_source:Numbers\n"
    )
    (folder / "numbers_source.py").write_text(Path(__file__).read_text())
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(folder), *filter(None, [os.environ.get("PYTHONPATH")]), *sys.path[:1]]
        ),
    }
