"""A site with receivers that keep their notifications."""

import datetime
import json

from gen2tree import later, make_night
from running import run

NIGHT = datetime.date(2020, 2, 12)
HOUR = datetime.timedelta(hours=1)
PASSWORD = "correct horse battery"


class NotifySite:
    """A stream with one night, which turns bad after two hours."""

    def __init__(self, folder):
        self.now = later()
        self.folder = folder / "site"
        self.settings = folder / "site.toml"
        counts = {"ingested": 4, "pending": 3}
        self.made = make_night(folder / "input", NIGHT, counts, now=self.now, transfer_log=True)

    def write(self, tables, title="Observing monitor"):
        """Write the settings file with more tables of the stream."""
        self.settings.write_text(
            f'[observing_monitor]\noutput_dir = "site"\ntitle = {json.dumps(title)}\n'
            f'site_url = "https://example.org/n/"\n'
            f'first_day = "{NIGHT}"\nlast_day = "{NIGHT}"\n'
            f'[streams.latiss]\ninput_dir = "input"\ntransfer_log = "rsync.log"\n{tables}'
        )

    def run(self, hours=0.0, command="run"):
        """Run a command some hours after `now`; return its exit code."""
        return run(command, "-c", self.settings, now=self.now + hours * HOUR)


def script(path, text):
    """Write a shell script; return its path as TOML."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return json.dumps(str(path))


def command(path, more=""):
    """Return a receiver that records its input and environment.

    It adds a line of JSON to `path`.told, and its environment to `path`.env.
    """
    tell = script(
        path,
        f'cat >>"{path}.told"\nenv | grep ^OBSERVING_MONITOR_ | sort >>"{path}.env"\n'
        f'printf "%s" "$1" >"{path}.argument"',
    )
    return f'type = "command"\ncommand = [{tell}, "$(touch {path}.shell)"]\n{more}'


def told(path):
    """Return what the receiver of `command` was told."""
    file = path.with_name(f"{path.name}.told")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def assert_nowhere(folder, *secrets):
    """Fail if a file in a folder has a secret."""
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in secrets if secret.encode() in data], path
