"""A camera with a file every half hour, around the clock, until it stops."""

import datetime
import json
import os

from gen2tree import later
from running import run

NAME = "cam"
STEP = datetime.timedelta(minutes=30)
MINUTE = datetime.timedelta(minutes=1)


class SteadyCamera:
    """A site of one camera, whose last file is of `last_at`.

    The night began eight hours before, whatever the real time is.
    """

    def __init__(self, folder, n_nights=6, tables=""):
        self.folder = folder
        self.site = folder / "site"
        # long ago, so that no file is dated later than it was written
        self.last_at = later(-20)
        # the date of a clock that showed midnight eight hours ago
        self.offset = datetime.timedelta(hours=-((self.last_at.hour - 8) % 24))
        self.rule = f"UTC{self.offset.total_seconds() / 3600:+g}h"
        self.tonight = self.night_of(self.last_at)
        (folder / "in").mkdir()
        for n in range(int(n_nights * 48)):
            self.add(self.last_at - n * STEP)
        self.write(tables)

    def night_of(self, at):
        """Return the night of an instant."""
        return (at + self.offset).date()

    def add(self, at):
        """Add a file of an instant."""
        path = self.folder / "in" / f"{self.night_of(at)}" / f"img_{at:%Y%m%d_%H%M%S}.fits"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        os.truncate(path, 20_000)
        os.utime(path, (at.timestamp(), at.timestamp()))

    def write(self, tables=""):
        """Write the settings file, with more settings of the stream."""
        self.settings = self.folder / "site.toml"
        self.settings.write_text(
            '[observing_monitor]\noutput_dir = "site"\nnum_days = 8\n'
            'site_url = "https://example.org/n/"\n'
            f'[streams.{NAME}]\nnight_rule = "{self.rule}"\n{tables}\n'
            f'[[streams.{NAME}.sources]]\ntype = "files"\npath = "in"\n'
        )

    def run(self, minutes, command="run"):
        """Run a command some minutes after the last file; return its exit code."""
        return run(command, "-c", self.settings, now=self.last_at + minutes * MINUTE)

    def status(self):
        """Return the stream's part of status.json."""
        return json.loads((self.site / "status.json").read_text())["streams"][0]

    def gauge(self, name):
        """Return the value of a Prometheus metric; None if it is not there."""
        for line in (self.site / "observing_monitor.prom").read_text().splitlines():
            if line.startswith(f"observing_monitor_{name}{{"):
                return float(line.rpartition(" ")[2])
        return None

    def page(self, name=""):
        """Return the text of a page of the stream; by default, of tonight."""
        return (self.site / NAME / (name or f"{self.tonight}.html")).read_text()
