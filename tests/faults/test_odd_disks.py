"""File systems that refuse locks, ignore case, or show a folder twice."""

import contextlib
import os
import subprocess
import sys

import pytest
from running import START, nights, start
from support.odd_disk import bind_mounted, mounted, shown_by_bindfs

from observing_monitor.commands import overlap
from observing_monitor.errors import OutputError
from observing_monitor.metrics import Metrics

NIGHT = "2021-02-16"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
FILES = 'type = "files"\npath = "{path}"\n'
TABLE = """type = "table"
path = "{path}"
columns = {{ sampled_at = "time" }}
values = {{ t = "t" }}
"""
ROWS = '[{"time": "2021-02-16T23:00:00", "t": 12}]'
REMEDY = "its folder must be on a file system that supports locks"


def write_settings(folder, source, options='output_dir = "site"', stream="weather"):
    """Write settings of one stream with one source."""
    text = f"[observing_monitor]\n{options}\n[streams.{stream}]\n"
    path = folder / "site.toml"
    path.write_text(f"{text}[[streams.{stream}.sources]]\n{source}")
    return path


def finished(process):
    """Return a process's exit code and all that it said."""
    told, said = process.communicate(timeout=60)
    return process.returncode, told + said


def put(path, text=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def contents(folder):
    """Return the names of all files and folders, and the files' bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


# --- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ENOLCK", "EOPNOTSUPP", "EIO"])
@pytest.mark.parametrize("option", ["output_dir", "store_dir"])
def test_disk_that_refuses_locks(tmp_path, name, option):
    """Two runs at once, and `check`, name the lock; nothing is written."""
    put(tmp_path / "in" / NIGHT / "a.fits")
    (tmp_path / "real").mkdir()
    other = 'output_dir = "site"\n' if option == "store_dir" else ""
    options = f'{other}{option} = "{tmp_path}/disk/sub"'
    settings = write_settings(tmp_path, FILES.format(path="in"), options)
    with mounted(tmp_path / "real", tmp_path / "disk", name):
        both = [start("-c", settings, *DAYS) for _ in range(2)]
        done = [*map(finished, both), finished(start("check", "-c", settings))]
        codes = [code for code, _ in done]
        # with a store elsewhere, one of both may find the lock of the pages taken
        busy = [75] if option == "store_dir" else []
        assert codes[2] == 1 and 2 in codes[:2] and {*codes[:2]} <= {2, *busy}
        for code, said in done:
            if code == 75:
                continue
            assert f"{tmp_path}/disk/sub/.lock: " in said, said
            assert REMEDY in said and "Traceback" not in said
    written = {path.name for path in (tmp_path / "real" / "sub").iterdir()}
    assert written == {".lock", ".unfinished"}


def test_disk_with_locks(tmp_path):
    """On a FUSE file system with locks, runs work, one at a time."""
    put(tmp_path / "in" / NIGHT / "a.fits")
    (tmp_path / "real").mkdir()
    settings = write_settings(tmp_path, FILES.format(path="in"), 'output_dir = "disk"', "a")
    with mounted(tmp_path / "real", tmp_path / "disk", "fold") as disk:
        both = [finished(process) for process in [start("-c", settings, *DAYS) for _ in range(2)]]
        assert {code for code, _ in both} <= {0, 75}, both
        assert finished(start("-c", settings, *DAYS))[0] == 0
        assert nights(disk / "a")[NIGHT]["n_files"] == 1


def test_metrics_on_a_disk_that_refuses_locks(tmp_path):
    """A pipeline's number is refused in plain words, and not written."""
    (tmp_path / "real").mkdir()
    with mounted(tmp_path / "real", tmp_path / "disk", "ENOLCK") as disk:
        with pytest.raises(OutputError, match=r"\.status\.lock: .*supports locks"):
            Metrics(str(disk)).add({"n": 1}, NIGHT)
        assert os.listdir(disk) == [".status.lock"]


# --- one folder by two paths ----------------------------------------------------------------------


def in_mount(folder, place, *arguments):
    """Run the program while a folder is mounted at another place, too."""
    program = [sys.executable, "-c", START.format(clock="None"), *map(str, arguments)]
    done = subprocess.run(
        bind_mounted(folder, place, program), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def in_bindfs(folder, place, *arguments):
    """Run the program while bindfs shows a folder at another place."""
    with shown_by_bindfs(folder, place):
        return finished(start(*arguments))


OVERLAPS = {
    "a folder": ("weather", "site/weather", FILES.format(path="in")),
    "a pattern": ("weather", "site/weather", TABLE.format(path="in/{{night}}.json")),
    "a pattern deeper": ("weather", "site", TABLE.format(path="in/*/{{night}}.json")),
    "a file": ("weather", "site/weather", TABLE.format(path=f"in/{NIGHT}.json")),
    "the output": ("weather", "site", FILES.format(path="in/weather")),
    "above the output": ("weather", ".", FILES.format(path="in/site/weather")),
}


@pytest.mark.parametrize("kind", OVERLAPS)
@pytest.mark.parametrize("run", [in_mount, in_bindfs])
def test_a_source_behind_a_mount(tmp_path, run, kind):
    """A source that a mount shows elsewhere is not written over."""
    stream, shown, source = OVERLAPS[kind]
    folder = tmp_path / "all"
    put(folder / "site" / "weather" / f"{NIGHT}.json")
    outside = write_settings(tmp_path, source.replace("{{", "{").replace("}}", "}"))
    outside.write_text(outside.read_text().replace('"site"', '"all/site"'))
    before = contents(folder)
    for command in ("check", "run"):
        code, said = run(folder / shown, tmp_path / "in", command, "-c", outside, *DAYS)
        assert code == 2 and f"is read by stream {stream}" in said, said
        assert contents(folder) == before


@pytest.mark.parametrize("run", [in_mount, in_bindfs])
def test_a_source_next_to_the_output_behind_a_mount(tmp_path, run):
    """A folder next to the output may be read through a mount."""
    put(tmp_path / "all" / "in" / f"{NIGHT}.json")
    settings = write_settings(tmp_path, TABLE.format(path="shown/in/{night}.json"))
    settings.write_text(settings.read_text().replace('"site"', '"all/site"'))
    code, said = run(tmp_path / "all", tmp_path / "shown", "run", "-c", settings, *DAYS)
    assert code == 0, said


# --- case -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def case_blind(tmp_path):
    """Mount a disk that ignores case; yield its folder."""
    (tmp_path / "real").mkdir()
    with mounted(tmp_path / "real", tmp_path / "disk", "fold") as disk:
        yield disk


@pytest.mark.parametrize(
    ("stream", "source"),
    [
        ("weather", FILES.format(path="WEATHER")),
        ("weather", TABLE.format(path="Weather/{night}.json")),
        ("weather", TABLE.format(path="*/{night}.JSON")),
        ("münchen", TABLE.format(path="MU\u0308NCHEN/{night}.json")),
    ],
)
def test_case_blind_disk(tmp_path, stream, source):
    """`Weather` and `weather` are one folder where case does not count."""
    with case_blind(tmp_path) as disk:
        put(disk / "Weather" / f"{NIGHT}.json")
        options = 'output_dir = "."'
        if not stream.isascii():
            options, stream = f'output_dir = "{stream}"\nstore_dir = "s"', "weather"
            source = source.replace("/{night}", "/weather/{night}")
        settings = write_settings(disk, source, options, stream)
        before = contents(disk)
        for command in ("check", "run"):
            code, said = finished(start(command, "-c", settings, *DAYS))
            assert code == 2 and "is read by stream weather" in said, said
            assert contents(disk) == before


def test_disk_says_if_it_ignores_case(tmp_path):
    """Folders are asked by the names in them, not by that of the mount."""
    with case_blind(tmp_path) as disk:
        assert not overlap.ignores_case(str(disk))  # empty: it can't be asked
        put(disk / "12" / "x.json")
        assert not overlap.ignores_case(str(disk))
        assert overlap.ignores_case(str(disk / "12"))
        put(disk / "a")
        assert overlap.ignores_case(str(disk)) and overlap.ignores_case(str(disk / "new" / "b"))
    assert not overlap.ignores_case(str(tmp_path))
    assert not overlap.ignores_case(str(tmp_path / "real"))
