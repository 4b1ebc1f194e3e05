"""The benchmarks run for one checkout and for two."""

import subprocess
import sys

import pytest
from conftest import CHECKOUT


def bench(folder, *arguments):
    """Run benchmarks at a tiny size; return the process."""
    command = [sys.executable, CHECKOUT / "benchmarks" / "bench.py"]
    size = ["--scale", "0.002", "--rounds", "1", "--work", folder]
    return subprocess.run(
        [*map(str, [*command, *arguments, *size])], capture_output=True, text=True, check=False
    )


def table(done):
    """Return the cells of a printed table, by row."""
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[2:]]


def test_one_checkout(tmp_path):
    """Each row has its times, its floor and their ratio."""
    *rows, page = table(bench(tmp_path, "full"))
    assert [row[0] for row in rows] == [
        "first run, 2 nights × 200 files",
        "with --jobs 1",
        "(floor: the same without the table of exposures)",
        "(find -printf of the same)",
        "the next run, nothing new",
        "the next run, 100 new files in tonight",
    ]
    assert all(float(row[1]) > 0 for row in rows if "run" in row[0])
    assert all(float(row[4]) >= 0 and "/" in row[5] for row in rows)
    assert "nothing heavy imported (none)" in rows[4][6]
    assert page[0].startswith("a night's page: ")


def test_headers(tmp_path):
    """The cost of headers is the difference of two runs; the floor is fitsio."""
    pytest.importorskip("fitsio")
    (row,) = table(bench(tmp_path, "headers"))
    assert row[0].startswith("headers of 2 new files (floor: fitsio)")
    assert float(row[2]) > 0 and float(row[4]) > 0
    assert row[6].startswith("2 × floor + 1 s = ") and row[6].endswith(" of 2")


def test_two_checkouts(tmp_path):
    """`--vs` measures two checkouts and prints the ratios."""
    *rows, _ = table(bench(tmp_path, "full", "--vs", CHECKOUT))
    assert len(rows) == 6
    for row in rows:
        wall, cpu = (float(ratio) for ratio in row[7].split("/"))
        assert wall > 0 and cpu > 0
    assert {path.name for path in tmp_path.iterdir()} >= {"site_full", "site_full_other"}


def test_no_checkout(tmp_path):
    """A folder without the program is refused."""
    done = bench(tmp_path, "full", "--checkout", tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}: is no checkout of observing_monitor\n"
