"""The worked example of a source works, and its page explains every part."""

import os
import re
import subprocess
import sys

import pytest
from conftest import CHECKOUT
from pages import DOCS, blocks, named
from running import nights

SOURCE = DOCS / "writing_a_source.md"


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    """The worked example's package, installed without a network."""
    folder = tmp_path_factory.mktemp("clouds")
    (folder / "observing_monitor_clouds.py").write_text(
        named(SOURCE, "python", "observing_monitor_clouds.py")
    )
    (folder / "setup.cfg").write_text(named(SOURCE, "ini", "setup.cfg"))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    options = (
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        folder / "target",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "target"


def test_worked_example_of_a_source(clouds, tmp_path):
    """The example has its headline and finding, also when its log is gone."""
    (tmp_path / "site.toml").write_text(named(SOURCE, "toml", "site.toml"))
    (log := tmp_path / "clouds.csv").write_text(blocks(SOURCE, "text")[0])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(clouds), os.environ["PYTHONPATH"]]),
    }
    days = ("-c", tmp_path / "site.toml", "--first_day", "2021-12-01", "--last_day", "2021-12-02")
    command = [sys.executable, "-m", "observing_monitor", *days]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = (
        nights(tmp_path / "site/dome")[night] for night in ("2021-12-01", "2021-12-02")
    )
    assert first["clouds_worst"] == 0.45 and second["clouds_worst"] is None, (
        "from noon to noon, both lines are of one night"
    )
    assert "up to 45% of the sky was covered" in first["info"]
    log.unlink()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "is the cloud camera's disk mounted?" in done.stderr
    assert nights(tmp_path / "site/dome")["2021-12-01"]["clouds_worst"] == 0.45


def test_worked_example_on_a_line_that_was_cut(clouds, tmp_path):
    """A source's unforeseen error costs that source alone."""
    (tmp_path / "site.toml").write_text(
        f"{named(SOURCE, 'toml', 'site.toml')}\n[[streams.dome.sources]]\n"
        "type = 'table'\npath = 'seeing.csv'\n"
        "night_column = 'night'\nvalues = {seeing = 'seeing'}\n"
    )
    (tmp_path / "clouds.csv").write_text(f"{blocks(SOURCE, 'text')[0]}2021-12-02T05:1")
    (tmp_path / "seeing.csv").write_text("night,seeing\n2021-12-01,0.8\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(clouds), os.environ["PYTHONPATH"]]),
    }

    def run(*arguments):
        command = [
            sys.executable,
            "-m",
            "observing_monitor",
            *arguments,
            "-c",
            tmp_path / "site.toml",
        ]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    words = "clouds: could not be read (ValueError: not enough values to unpack"
    checked = run("check")
    assert (
        checked.returncode == 1
        and words in checked.stdout
        and "1 night, 2021-12-01 to 2021-12-01" in checked.stdout
    )
    done = run("rebuild", "--jobs", "1")
    assert done.returncode == 1 and f"observing_monitor: dome: {words}" in done.stderr
    assert list(nights(tmp_path / "site/dome")) == ["2021-12-01"]


def test_worked_example_has_the_shape_of_a_source(clouds, tmp_path):
    """mypy accepts the example's class as a `Source`, but no wrong one."""
    module = (clouds / "observing_monitor_clouds.py").read_text()
    check = (
        "\n\nfrom observing_monitor.sources import Source\n\n\ndef made(asked: Asked) -> Source:\n"
    )
    check += '    return Clouds(Clouds.Settings(Path("clouds.csv")), asked)\n'
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--config-file",
        CHECKOUT / "setup.cfg",
    ]
    command += ["--cache-dir", tmp_path / "cache"]
    (tmp_path / "right.py").write_text(module + check)
    (tmp_path / "wrong.py").write_text(
        module.replace("def nights(self) -> set[datetime.date]:", "def nights(self) -> list[str]:")
        + check
    )
    for name, code in (("right.py", 0), ("wrong.py", 1)):
        done = subprocess.run(
            [*command, tmp_path / name], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == code, done.stdout


def test_every_hook_is_explained():
    """The page names each part of a source that the program calls."""
    from observing_monitor.model.reading import Reading
    from observing_monitor.sources.base import Asked, Source, Telling

    parts = {
        name
        for shape in (Source, Telling)
        for name in {**vars(shape), **shape.__annotations__}
        if not name.startswith("_")
    }
    parts |= {name for made in (Reading, Asked) for name in made.__annotations__}
    text = SOURCE.read_text()
    assert not [name for name in sorted(parts) if not re.search(rf"`[^`]*\b{name}\b", text)]
