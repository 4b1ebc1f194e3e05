"""Sources of other packages that raise anything, or never end."""

import os
import subprocess
import sys
import time

import pytest
from running import nights

pytestmark = pytest.mark.long

LIMIT_S = 60
SITE = """[observing_monitor]
output_dir = "site"
[[streams.a.sources]]
type = "files"
path = "in"
[[streams.a.sources]]
type = "bad"
"""
SOURCE = """
import dataclasses, sys, time
from observing_monitor.sources import Reading, Telling
{on_import}
class Bad(Telling):
    @dataclasses.dataclass
    class Settings:
        pass
    def __init__(self, settings, asked):
        self.name = "bad"
        {__init__}
    @staticmethod
    def stages_of(settings):
        {stages_of}
        return ()
    @staticmethod
    def place_of(settings):
        {place_of}
        return "there"
    @staticmethod
    def check(night, tables, settings):
        {check}
        return []
    @staticmethod
    def numbers(night, tables, settings):
        {numbers}
        return {{}}
    def nights(self):
        return set()
    def look(self, night, known):
        {look}
        return {{}}
    def read(self, night):
        {read}
        return Reading()
"""
PLACES = ("on_import", "__init__", "stages_of", "place_of", "check", "numbers", "look", "read")
SHORT = """
from observing_monitor.sources import packages
packages.IMPORT_S = packages.CALL_S = 1.0
packages.call.__defaults__ = (1.0,)
import sys
from observing_monitor import cli
from observing_monitor.processes import timelimit
timelimit.leave(cli.main(sys.argv[1:]))
"""


def package(folder, **code):
    """Write a package with an entry point, and code at some places."""
    (folder / "bad_package.py").write_text(
        SOURCE.format(**{place: code.get(place, "pass") for place in PLACES})
    )
    described = folder / "bad_package-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-package\nVersion: 1\n")
    (described / "entry_points.txt").write_text(
        "[observing_monitor.sources]\nbad = bad_package:Bad\n"
    )


def run(folder, program=("-m", "observing_monitor")):
    """Run the command with the package; return its exit code and messages."""
    night = folder / "in" / "2021-12-01"
    night.mkdir(parents=True, exist_ok=True)
    (night / "a.fits").touch()
    (folder / "site.toml").write_text(SITE)
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])
    days = ("--first_day", "2021-12-01", "--last_day", "2021-12-01", "--max_run_s", "9")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *program, "-c", "site.toml", *days],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    print(f"{time.monotonic() - began:.1f} s: {done.stderr}")
    return done.returncode, done.stderr


RAISED = ["raise ValueError('its words')", "raise KeyError('bad')", "sys.exit(0)", "1 / 0"]
HANGS = "time.sleep(1000)"


@pytest.mark.parametrize("code", [*RAISED, "import nothing_here", HANGS])
@pytest.mark.parametrize("place", ["on_import", "__init__", "stages_of", "place_of"])
def test_a_source_that_cannot_be_made(tmp_path, place, code):
    """A package that fails at once is one line and exit code 2."""
    package(tmp_path, **{place: code})
    program = ("-c", SHORT) if code == HANGS else ("-m", "observing_monitor")
    returned, said = run(tmp_path, program)
    assert returned == 2 and len(said.splitlines()) == 1 and "bad" in said, said
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("code", [*RAISED, HANGS])
@pytest.mark.parametrize("place", ["check", "numbers"])
def test_rules_that_fail(tmp_path, place, code):
    """Rules that raise or hang cost a warning, and no page."""
    package(tmp_path, **{place: code})
    returned, said = run(tmp_path, ("-c", SHORT))
    assert "bad 2021-12-01: its own rules could not be applied" in said
    row = nights(tmp_path / "site" / "a")["2021-12-01"]
    assert row["n_files"] == 1 and returned == 0
    if place == "check":
        page = (tmp_path / "site" / "a" / "2021-12-01.html").read_text()
        assert "bad: its own rules could not be applied" in page


@pytest.mark.parametrize("code", [*RAISED, HANGS])
@pytest.mark.parametrize("place", ["look", "read"])
def test_a_reading_that_fails(tmp_path, place, code):
    """A reading that raises or hangs costs only its source."""
    package(tmp_path, **{place: code})
    returned, said = run(tmp_path)
    assert returned == 1 and ("there: no answer" if code == HANGS else "bad") in said
    assert nights(tmp_path / "site" / "a")["2021-12-01"]["n_files"] == 1
