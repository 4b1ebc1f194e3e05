"""Processes that read files for previews."""

import os
import signal
import subprocess
import sys
import time

import pytest
from astropy.io import fits
from fits_images import sky, write_fits
from preview_night import DAYS, add, go, made, settings
from running import start

from observing_monitor.previews import fits_picture, readers

FAILED = "reading it failed: it is damaged, or needs too much memory"


@pytest.fixture
def task(tmp_path):
    """A function that returns the task of reading a file."""
    path = write_fits(tmp_path / "a.fits", fits.PrimaryHDU(sky()))
    return lambda size=256, seconds=20: (str(path), size, seconds, [str(tmp_path)])


def test_readers_go_on(task):
    """A file that cannot be read has a reason."""
    began = time.monotonic()
    tasks = [task(), task(seconds=-1.9), task(), task(size="no size"), task()]
    results = list(readers.in_readers(tasks, 2, began + 60))
    assert [bool(result[1]) for result in results] == [True, False, True, False, True]
    assert results[1][4] == fits_picture.TOO_LONG
    assert list(readers.in_readers([task()], 1, began)) == [None]


@pytest.fixture
def reader():
    """A process that reads files."""
    made = readers._Reader()
    yield made
    made.end()


def test_a_reader_that_is_killed(reader, task):
    """Its file has a reason, and the next file gets a new process."""
    ends = time.monotonic() + 60
    assert reader.ask(task(), ends)[1]
    os.kill(reader.process.pid, signal.SIGKILL)
    assert reader.ask(task(), ends)[1:] == (b"", 0, 0, FAILED)
    assert reader.ask(task(), ends)[1]


def test_a_reader_that_is_stuck(reader, task):
    """It is killed, and the next file gets a new process."""
    ends = time.monotonic() + 60
    assert reader.ask(task(), ends)[1]
    stuck = reader.process.pid
    os.kill(stuck, signal.SIGSTOP)
    answer = reader.ask(task(seconds=-1.9), ends)
    assert answer[1:] == (b"", 0, 0, fits_picture.TOO_LONG)
    assert not os.path.exists(f"/proc/{stuck}")
    assert reader.ask(task(), ends)[1]


def test_a_late_reader_is_not_waited_for(reader, task):
    """After the deadline there is no answer and no process."""
    assert reader.ask(task(), time.monotonic() + 0.01) is None
    assert reader.process is None


# --- missing packages ----------------------------------------------------------------------------


def run_with(folder, path):
    """Run with a folder on Python's path; return output and exit code."""
    paths = [str(path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = start("-c", settings(folder), *DAYS, env=environment)
    return process.communicate()[1], process.returncode


def test_broken_package(tmp_path):
    """If Pillow cannot be loaded, one line says why."""
    add(tmp_path, 1)
    broken = tmp_path / "broken" / "PIL"
    broken.mkdir(parents=True)
    error = "libjpeg.so.62: cannot open shared object file"
    (broken / "__init__.py").write_text(f"raise ImportError({error!r})\n")
    said, code = run_with(tmp_path, broken.parent)
    assert code == 1 and "Traceback" not in said
    line = f"cam: previews cannot be made (ImportError: {error}); pip install --upgrade"
    assert line in said
    assert "1 more is still to be made" in made(tmp_path)[1]
    assert go(tmp_path) == 0 and len(made(tmp_path)[0]) == 1


def test_without_package(tmp_path):
    """If astropy is missing, one line says what to install."""
    add(tmp_path, 1)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "def find_spec(name, *more):\n"
        "    return None if name == 'astropy' else find(name, *more)\n"
        "importlib.util.find_spec = find_spec\n"
    )
    said, code = run_with(tmp_path, blocked)
    assert code == 1 and "Traceback" not in said
    assert said.count("pip install 'observing_monitor[previews]'") == 1
    pictures, page = made(tmp_path)
    assert not pictures and "1 more is still to be made" in page


def test_nothing_heavy(tmp_path):
    """A run with nothing new imports neither astropy nor pandas."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    heavy = {"astropy", "pandas", "numpy", "PIL"}
    code = (
        "import sys; from observing_monitor import cli; cli.main(sys.argv[1:]); "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "-c", str(tmp_path / "site.toml"), *DAYS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
