"""Pages follow previews, command lines and versions of source packages."""

import os
import subprocess
import sys

import pytest
from conftest import CHECKOUT, need
from gen2tree import make_night
from running import run
from support import packages
from support.observatory import FIRST, NOW, PLACES
from support.settings_text import to_toml
from support.site_contents import assert_same, copy_site, shown, site_of

DAYS = ("--first_day", FIRST, "--last_day", FIRST)


# --- previews


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """The folder of a collected stream with previews, and its settings."""
    try:
        import astropy  # noqa: F401
        import PIL  # noqa: F401
    except ImportError:
        need(False, "previews need astropy and Pillow")
    import guider

    folder = tmp_path_factory.mktemp("previews")
    path = folder / "images" / FIRST / f"guider_{FIRST.replace('-', '')}_001.fits"
    path.parent.mkdir(parents=True)
    path.write_bytes(guider.image("plain", 1)[1])
    source = {"type": "files", "name": "files", "path": str(folder / "images")}
    settings = {
        "observing_monitor": PLACES,
        "streams": {"guider": {"previews": True, "sources": [source]}},
    }
    _write(folder, settings)
    assert run("collect", "-c", folder / "site.toml", *DAYS, "--jobs", 1, now=NOW) == 0
    return folder, settings


def _write(folder, settings):
    (folder / "site.toml").write_text(to_toml(settings))


def _publish(collected, folder, settings, onto=None):
    """Publish a copy of a store in `folder`; return its site."""
    for place in PLACES.values():
        copy_site((onto or collected) / place, folder / place)
    _write(folder, settings)
    assert run("publish", "-c", folder / "site.toml", now=NOW) == 0
    return site_of(folder / "site")


def test_previews_switched_off_and_on(pictured, tmp_path):
    """Pages show previews as long as the settings ask for them."""
    collected, asked = pictured
    stream = {**asked["streams"]["guider"], "previews": False}
    refused = {**asked, "streams": {"guider": stream}}
    first = _publish(collected, tmp_path / "with", asked)
    page = f"guider/{FIRST}.html"
    assert b".previews/" in first[page]
    without = _publish(collected, tmp_path / "without", refused, onto=tmp_path / "with")
    assert b".previews/" not in without[page]
    assert_same(without, _publish(collected, tmp_path / "never", refused))
    again = _publish(collected, tmp_path / "again", asked, onto=tmp_path / "without")
    assert_same(again, first)


# --- a command line without a settings file


@pytest.fixture(scope="module")
def flagged(tmp_path_factory):
    """The folder of a stream by flags, collected and never published."""
    import datetime

    folder = tmp_path_factory.mktemp("flags")
    night = datetime.date.fromisoformat(FIRST)
    make_night(folder / "input", night, {"ingested": 2, "missing": 1, "small": 1}, now=NOW)
    (folder / "input" / "gen3repo").mkdir()
    assert run("collect", *_flags(folder, folder), *DAYS, "--jobs", 1, now=NOW) == 0
    return folder


def _flags(folder, collected, **more):
    places = (f"--{name}={folder / place}" for name, place in PLACES.items())
    changed = (f"--{name}={value}" for name, value in more.items())
    return (*places, f"--input_dir={collected / 'input'}", *changed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Another observatory"),
        ("site_url", "https://night.example"),
        ("night_rule", "UTC"),
        ("pending_limit_s", "3e9"),
        ("gen", "3"),
        ("redact", "gen2repo"),
    ],
)
def test_options_of_a_command_line(flagged, tmp_path, name, value):
    """A change of an option gives the pages made from scratch with it."""

    def publish(to, onto=None, **more):
        for place in PLACES.values():
            copy_site((onto or flagged) / place, tmp_path / to / place)
        assert run("publish", *_flags(tmp_path / to, flagged, **more), now=NOW) == 0
        return site_of(tmp_path / to / "site")

    before = publish("before")
    fresh = publish("fresh", **{name: value})
    assert shown(fresh) != shown(before)
    assert_same(publish("after", tmp_path / "before", **{name: value}), fresh)
    assert_same(publish("back", tmp_path / "after"), before)


# --- packages of sources

SOURCE = '''
"""A source that says nothing, and finds something."""
import datetime
from dataclasses import dataclass
from observing_monitor.pages import Finding
from observing_monitor.sources import Reading, Telling


class Dome(Telling):
    @dataclass
    class Settings:
        limit: float = 1.0

    meanings = {"slit": "How far the slit is open VERSION"}

    def __init__(self, settings, asked):
        self.name = "dome"

    @staticmethod
    def stages_of(settings):
        return ()

    @staticmethod
    def place_of(settings):
        return "the dome"

    @staticmethod
    def tells_of_files(settings):
        return False

    @staticmethod
    def headlines(settings):
        return ("slit",)

    @staticmethod
    def check(night, tables, settings):
        return [Finding("warning", "the dome says VERSION")]

    def nights(self):
        return set()

    def look(self, night, known):
        return "the same"

    def read(self, night):
        return Reading()
'''


def _command(packages_at, *arguments):
    """Run the program in its own process, with the packages in a folder."""
    path = os.pathsep.join([str(packages_at), os.environ["PYTHONPATH"]])
    clock = f"datetime.datetime.fromisoformat({NOW.isoformat()!r})"
    run_it = f"sys.exit(cli.main(sys.argv[1:], {clock}))"
    code = f"import datetime, sys; from observing_monitor import cli; {run_it}"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
    )
    assert done.returncode == 0, done.stderr


def _install(folder, version):
    text = SOURCE.replace("VERSION", f"hello from {version}")
    about = {"kind": "dome", "object_name": "Dome", "version": version}
    packages.install(folder, "dome_source", text, **about)


@pytest.mark.parametrize("command", ["publish", "run"])
def test_an_upgraded_source_package(tmp_path, command):
    """A new version of a source gives the pages made from scratch with it."""
    settings = {"observing_monitor": PLACES, "streams": {"one": {"sources": [{"type": "dome"}]}}}
    _write(tmp_path, settings)
    _install(tmp_path / "packages", "1.0")
    run_days = ("-c", tmp_path / "site.toml", *DAYS)
    _command(tmp_path / "packages", "collect", *run_days)
    for place in PLACES.values():
        copy_site(tmp_path / place, tmp_path / "fresh" / place)
    _command(tmp_path / "packages", "publish", *run_days)
    first = site_of(tmp_path / "site")
    assert b"the dome says hello from 1.0" in first[f"one/{FIRST}.html"]
    _install(tmp_path / "packages", "1.1")
    _write(tmp_path / "fresh", settings)
    _command(tmp_path / "packages", "publish", "-c", tmp_path / "fresh" / "site.toml")
    fresh = site_of(tmp_path / "fresh" / "site")
    assert b"the dome says hello from 1.1" in fresh[f"one/{FIRST}.html"]
    _command(tmp_path / "packages", command, *run_days)
    assert_same(shown(site_of(tmp_path / "site")), shown(fresh))
