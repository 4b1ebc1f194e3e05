"""Sources of other packages, found by their entry points."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import CHECKOUT
from running import nights

SITE = """
[observing_monitor]
output_dir = "site"
[streams.dome]
[[streams.dome.sources]]
type = "seeing"
path = "seeing.log"
"""
LOG = """\
2021-12-01T23:00:00 1.4
2021-12-02T03:00:00 1.6
<b>cut
2021-12-02T05:00:00 1.7
2021-12-02T12:00:00 0.5
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the example package installed, without a network."""
    folder = tmp_path_factory.mktemp("example")
    copied = shutil.copytree(CHECKOUT / "examples/observing_monitor_example", folder / "copy")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        folder / "target",
        copied,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "target"


def observing_monitor(path, *arguments):
    """Run the command with the packages in `path`."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, path), os.environ["PYTHONPATH"]]),
    }
    command = [sys.executable, "-m", "observing_monitor", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_example_package(installed, tmp_path):
    """The example's source fills a stream's pages."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "seeing.log").write_text(LOG)
    days = ("-c", tmp_path / "site.toml", "--first_day", "2021-12-01", "--last_day", "2021-12-02")
    done = observing_monitor([installed], *days)
    assert done.returncode == 0, done.stderr
    rows = nights(tmp_path / "site/dome")
    assert [row["seeing_median"] for row in rows.values()] == [1.6, 0.5], (
        "a night runs from noon to noon"
    )
    assert "the median seeing was 1.60″, above 1.5″" in rows["2021-12-01"]["info"]
    page = (tmp_path / "site/dome/2021-12-01.html").read_text()
    assert "seeing_median" in page and "the first is line 3" in page
    assert "not counted" in (tmp_path / "site/dome/index.html").read_text()
    status = json.loads((tmp_path / "site/status.json").read_text())
    assert status["streams"][0]["sources"][0]["rows"] is None
    assert "source_rows" not in (tmp_path / "site/observing_monitor.prom").read_text()
    assert "rows: not counted" in observing_monitor([installed], "check", *days[:2]).stdout
    (tmp_path / "seeing.log").unlink()
    done = observing_monitor([installed], *days)
    assert done.returncode == 1 and "does the seeing monitor write its log there?" in done.stderr
    assert nights(tmp_path / "site/dome")["2021-12-01"]["seeing_median"] == 1.6


def test_without_the_package(tmp_path):
    """Without the package its kind is unknown."""
    (tmp_path / "site.toml").write_text(SITE)
    done = observing_monitor([], "check", "-c", tmp_path / "site.toml")
    assert (
        done.returncode == 2
        and "the type of a source is 'seeing'" in done.stderr
        and "table" in done.stderr
    )


def test_package_that_is_broken(installed, tmp_path):
    """A package that can't be imported is named."""
    broken = shutil.copytree(installed, tmp_path / "broken")
    (broken / "observing_monitor_example.py").write_text("import no_such_library\n")
    (tmp_path / "site.toml").write_text(SITE)
    done = observing_monitor([broken], "check", "-c", tmp_path / "site.toml")
    assert done.returncode == 2, done.stderr
    assert (
        "'seeing' of observing_monitor_example lacks no_such_library; install it anew"
        in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1


def test_package_with_wrong_tables(installed, tmp_path):
    """A table without our columns costs its own night only."""
    broken = shutil.copytree(installed, tmp_path / "broken")
    module = broken / "observing_monitor_example.py"
    odd = "Seeing.read = lambda self, night: Reading(files=pandas.DataFrame({'a': [1]}))"
    module.write_text(f"{module.read_text()}\n\nimport pandas\n{odd}\n")
    (tmp_path / "seeing.log").write_text(LOG)
    (tmp_path / "store").mkdir()
    (tmp_path / "site.toml").write_text(
        f"{SITE}[[streams.other.sources]]\ntype = 'files'\npath = 'store'\n"
    )
    days = ("-c", tmp_path / "site.toml", "--first_day", "2021-12-01", "--last_day", "2021-12-01")
    done = observing_monitor([broken], *days)
    assert (
        done.returncode == 1
        and "dome: 2021-12-01: could not be collected (KeyError: 'file_id')" in done.stderr
    )
    assert (
        list(nights(tmp_path / "site/other")) == ["2021-12-01"]
        and (tmp_path / "site/dome/2021-12-01.html").exists()
    )
    checked = observing_monitor([broken], "check", *days)
    assert (
        checked.returncode == 1
        and "(KeyError: 'transferred_at')" in checked.stdout
        and "3 looked at: 1 failed" in checked.stdout
    )
