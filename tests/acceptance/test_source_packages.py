"""Source packages written for version 0.1 work unchanged."""

import dataclasses
import importlib
import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import CHECKOUT
from running import nights
from support import packages

CORPUS = CHECKOUT / "tests" / "corpus"
PACKAGE = CORPUS / "source_package_0_1"  # examples/observing_monitor_example of 27486d5
DAY = ("--first_day", "2021-12-01", "--last_day", "2021-12-01")


def command(path, *arguments, now=None):
    """Run the program in its own process, with the packages in a folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(path), os.environ["PYTHONPATH"]]),
    }
    call = "cli.main(sys.argv[1:], now and datetime.datetime.fromisoformat(now))"
    code = (
        f"import datetime, sys; from observing_monitor import cli; now = {now!r}; sys.exit({call})"
    )
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the example package of 0.1, as pip installs it."""
    folder = tmp_path_factory.mktemp("package")
    copied = shutil.copytree(PACKAGE, folder / "copy")
    quiet = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    words = [sys.executable, "-m", "pip", "install", *quiet, "--target", folder / "target", copied]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "target"


def test_the_example_package(installed, tmp_path):
    """The example package of 0.1 shows its numbers, finding and note."""
    settings = '[streams.dome]\n[[streams.dome.sources]]\ntype = "seeing"\npath = "seeing.log"\n'
    (tmp_path / "site.toml").write_text(f'[observing_monitor]\noutput_dir = "site"\n{settings}')
    (tmp_path / "seeing.log").write_text(
        "2021-12-01T23:00:00 1.4\n2021-12-02T03:00:00 1.6\ncut\n2021-12-02T05:00:00 1.7\n"
    )
    done = command(installed, "-c", tmp_path / "site.toml", *DAY)
    assert done.returncode == 0, done.stderr
    (night,) = nights(tmp_path / "site" / "dome").values()
    assert night["seeing_median"] == 1.6 and night["status"] == "warning"
    assert "the median seeing was 1.60″, above 1.5″" in night["info"]
    page = (tmp_path / "site" / "dome" / "2021-12-01.html").read_text()
    assert "Half of the night&#39;s measurements were better" in page
    assert "1 lines are no measurement, the first is line 3" in page
    checked = command(installed, "check", "-c", tmp_path / "site.toml", *DAY)
    assert checked.returncode == 0 and "seeing.log" in checked.stdout
    (tmp_path / "seeing.log").unlink()
    done = command(installed, "-c", tmp_path / "site.toml", *DAY)
    assert done.returncode == 1
    assert "does the seeing monitor write its log there?" in done.stderr
    assert nights(tmp_path / "site" / "dome")["2021-12-01"]["seeing_median"] == 1.6


def test_a_source_that_uses_everything(tmp_path):
    """Pages show all that a source of 0.1 can say."""
    text = (CORPUS / "whole_source_0_1.py").read_text()
    packages.install(tmp_path / "packages", "whole_source", text, kind="whole", object_name="Whole")
    (tmp_path / "whole.txt").write_text("4")
    (tmp_path / "r.csv").write_text("time,r\n2021-12-01T23:00:00,55\n")
    (tmp_path / "site.toml").write_text(
        """
        [observing_monitor]
        output_dir = "site"
        [streams.one]
        sources = [
            { type = "whole", path = "whole.txt" },
            { type = "table", path = "r.csv", columns.sampled_at = "time", values.humidity = "r" },
        ]
        """
    )
    for minute in (0, 30):
        now = f"2021-12-02T03:{minute:02}:00+00:00"
        done = command(tmp_path / "packages", "-c", tmp_path / "site.toml", *DAY, now=now)
        assert done.returncode == 0, done.stderr
    (night,) = nights(tmp_path / "site" / "one").values()
    assert (night["n_files"], night["n_ingested"], night["n_failed"]) == (4, 1, 1)
    assert night["looks"] == 3 and night["n_wanted"] == 4.5 and night["status"] == "error"
    page = (tmp_path / "site" / "one" / "2021-12-01.html").read_text()
    for words in (
        "1 of 4 whole files failed",
        "others measured 55",
        "ValueError: no whole file",
        "not before noon",
        "nothing to complain of",
        "The first part",
    ):
        assert words in page, words
    data = json.loads((tmp_path / "site" / "one" / "2021-12-01.json").read_text())
    assert data["night"] == "2021-12-01"
    assert "the whole of whole.txt" in (tmp_path / "site" / "one" / "index.html").read_text()
    (tmp_path / "whole.txt").unlink()
    done = command(tmp_path / "packages", "-c", tmp_path / "site.toml", *DAY)
    assert done.returncode == 1 and "whole.txt: No such file or directory; write it" in done.stderr


IMPORTS = {
    "observing_monitor": ["__version__"],
    "observing_monitor.cli": ["main"],
    "observing_monitor.sources": ["Source", "Telling", "Reading", "Asked", "Known"],
    "observing_monitor.columns": [
        *("FILES", "ATTEMPTS", "INGESTS", "METRICS", "STATUSES", "CLASSES", "NIGHTS"),
        *("SCHEMA_VERSION", "Column", "empty", "frame"),
    ],
    "observing_monitor.errors": [
        *("ObservingMonitorError", "UsageError", "OutputError", "LockedError"),
        *("StoreError", "SourceError"),
    ],
    "observing_monitor.nights": [
        *("NightRule", "UTC", "EPOCH", "ONE_DAY", "TAI_MINUS_UTC_S", "parse_night", "night_of_nid"),
        *("nid_of", "night_of_mjd", "nights_between", "parse_utc", "iso_utc", "zone_named"),
    ],
    "observing_monitor.metrics": ["Metrics", "Timer"],
    "observing_monitor.pages": ["Finding"],
    "observing_monitor.tables": ["Tables"],
}


@pytest.mark.parametrize("module", IMPORTS)
def test_import_paths(module):
    """Sources and pipelines find all that they import where 0.1 had it."""
    found = importlib.import_module(module)
    assert [name for name in IMPORTS[module] if not hasattr(found, name)] == []


def test_fields_of_records():
    """Records of the API have the fields of 0.1, in that order."""
    from observing_monitor.pages import Finding
    from observing_monitor.sources import Asked, Reading
    from observing_monitor.tables import Tables

    expected = {
        Reading: ["files", "attempts", "metrics", "notes", "unread", "elsewhere", "append"]
        + ["append_attempts"],
        Asked: ["stream", "rule", "now", "look_at_everything"],
        Tables: ["files", "ingests", "metrics"],
        Finding: ["level", "text", "href", "source", "node", "anchor", "acknowledged"],
    }
    for record, names in expected.items():
        found = [field.name for field in dataclasses.fields(record)]
        assert found[: len(names)] == names, record
