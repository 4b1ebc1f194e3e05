"""Runs that are killed, race each other or meet rsync."""

import datetime
import os
import shutil
import signal
import subprocess
import sys
import time

import kills
import pandas as pd
import pytest
from gen2tree import later, make_night
from running import contents, counts, nights, run, start, times

DAYS = [datetime.date(2020, 2, day) for day in (12, 13)]


def arguments(folder, output):
    """Return the arguments of a run over DAYS."""
    return (
        "--input_dir",
        folder / "input",
        "--output_dir",
        output,
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[-1],
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """An input of two nights, its clock and its site's contents."""
    folder = tmp_path_factory.mktemp("killed")
    now = later()
    for night in DAYS:
        make_night(
            folder / "input",
            night,
            {"ingested": 300, "failed": 5, "missing": 5, "pending": 2},
            now=now,
        )
    process = start(*arguments(folder, folder / "whole"), now=now)
    assert process.communicate() == ("", "") and process.returncode == 0
    return folder, now, contents(folder / "whole")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign with a fixed seed."""
    return kills.Campaign(tmp_path_factory.mktemp("campaign"), seed=20261122)


@pytest.mark.long
@pytest.mark.parametrize("way", kills.WAYS)
@pytest.mark.parametrize("number", range(3))
def test_killed_and_run_again(campaign, way, number):
    """The run after a kill makes the right pages."""
    assert campaign.kill_one(way) == []


def test_ten_runs_at_once(tree, tmp_path):
    """If ten runs start at once, one works; the others exit with 75."""
    folder, now, expected = tree
    output = tmp_path / "site"
    processes = [start(*arguments(folder, output), now=now) for _ in range(10)]
    ended = [(process.communicate()[1], process.returncode) for process in processes]
    assert {code for _, code in ended} == {0, 75}
    assert all(
        "another run is at work on this output" in error for error, code in ended if code == 75
    )
    assert contents(output) == expected


def test_interrupted(tree, tmp_path):
    """Ctrl-C ends a run in one line; the next goes on."""
    folder, now, expected = tree
    output = tmp_path / "site"
    process = start(*arguments(folder, output), now=now)
    while not (output / "data").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130 and "Traceback" not in error
    assert error.startswith("observing_monitor: stopped")
    assert run(*arguments(folder, output), now=now) == 0
    assert contents(output) == expected


def test_rsync_while_it_runs(tmp_path, rsync):
    """Runs during a transfer count no temporary file."""
    made = make_night(tmp_path / "summit", DAYS[0], {"missing": 40, "not_fits": 3}, now=later())
    source = tmp_path / "summit" / "storage"
    for file in made.files:  # real bytes, so that a copy takes its time
        file.path.write_bytes(os.urandom(500_000))
    names = {file.path.name for file in made.files}
    target = tmp_path / "input" / "storage"
    target.mkdir(parents=True)
    shutil.copytree(tmp_path / "summit" / "gen2repo", tmp_path / "input" / "gen2repo")
    copying = subprocess.Popen(
        [rsync, "-a", "--bwlimit=4000", f"{source}/", f"{target}/"], start_new_session=True
    )
    seen = []
    for least in (1, 15, 30, 43):
        while copying.poll() is None and len(list(target.rglob("*.*"))) < least:
            time.sleep(0.01)
        is_held = copying.poll() is None
        if is_held:  # while the run looks, however slow the machine is
            os.killpg(copying.pid, signal.SIGSTOP)
        process = start(*arguments(tmp_path, tmp_path / "site"))
        assert process.communicate() == ("", "") and process.returncode == 0
        text = (tmp_path / "site" / "2020-02-12.csv").read_text()
        seen.append(text.count("\n") - 1)
        assert all(
            line.partition(",")[0].strip('"').rpartition("/")[2] in names
            for line in text.splitlines()[1:]
        )
        if is_held:
            os.killpg(copying.pid, signal.SIGCONT)
    copying.wait()
    assert copying.returncode == 0
    assert run(*arguments(tmp_path, tmp_path / "site")) == 0
    assert nights(tmp_path / "site")["2020-02-12"]["n_files"] == 43
    assert seen == sorted(seen)
    assert any(0 < count < 43 for count in seen), "no run was in the middle of the transfer"


def test_links_made_while_it_runs(tmp_path):
    """Runs between changes count what is there."""
    now = later()
    counted = {"ingested": 0}
    for _ in range(5):
        counted["ingested"] += 3
        shutil.rmtree(tmp_path / "input", ignore_errors=True)
        make_night(tmp_path / "input", DAYS[0], counted, now=now)
        assert run(*arguments(tmp_path, tmp_path / "site"), now=now) == 0
        assert counts(nights(tmp_path / "site")["2020-02-12"]) == counted


def test_pages_have_the_umasks_mode(tree, tmp_path):
    """The umask decides the modes of pages."""
    folder, now, _ = tree
    process = start(*arguments(folder, tmp_path / "site"), now=now, umask=0o022)
    process.communicate()
    modes = {(tmp_path / "site" / name).stat().st_mode & 0o777 for name in times(tmp_path / "site")}
    assert modes == {0o644}


KILLED_AT = """
import datetime, os, signal, sys
from observing_monitor import cli
from observing_monitor.processes import timelimit

left = {n}

def counted(*paths, then=os.replace, **more):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return then(*paths, **more)

os.replace = counted
timelimit.leave(cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now!r})))
"""


@pytest.mark.long
def test_killed_rebuild_from_scratch(tmp_path):
    """A rebuild from scratch, killed at any write, loses nothing."""
    now = later()
    for night in DAYS:
        make_night(tmp_path / "input", night, {"ingested": 5, "missing": 2}, now=now)
    site, before = tmp_path / "site", tmp_path / "before"
    assert run(*arguments(tmp_path, before), now=now) == 0
    for night in DAYS:  # no source has these any more
        next((tmp_path / "input" / "storage" / f"{night}").glob("*.fits")).unlink()
    assert run(*arguments(tmp_path, before), now=now) == 0
    rebuilt = ("rebuild", *arguments(tmp_path, site), "--jobs", 1, "--from-scratch", "--yes")
    corrected = (*rebuilt, "--night_rule", "UTC-11h")
    shutil.copytree(before, site)
    assert run(*corrected, now=now) == 0
    expected, n = kept_rows(site), 0
    assert all(night["files"] for night in expected.values())
    while True:
        n += 1
        shutil.rmtree(site)
        shutil.copytree(before, site)
        code = KILLED_AT.format(n=n, now=now.isoformat())
        command = [sys.executable, "-c", code, *map(str, corrected)]
        killed = subprocess.run(command, capture_output=True, check=False)
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL
        assert {night: set(rows["files"]) for night, rows in kept_rows(site).items()} == {
            night: set(rows["files"]) for night, rows in expected.items()
        }
        assert run(*corrected, now=now) == 0
        assert kept_rows(site) == expected
    assert n > 10


def kept_rows(site):
    """Return the stored files and attempts of each night."""
    found = {}
    for night in DAYS:
        folder = site / "data" / "stream=input" / f"night={night}"
        files, ingests = (
            pd.read_parquet(folder / f"{name}.parquet") for name in ("files", "ingests")
        )
        attempts = ingests[["file_id", "stage", "status"]].itertuples(index=False)
        found[f"{night}"] = {
            "files": dict(zip(files["file_id"], files["on_disk"], strict=True)),
            "attempts": sorted(map(tuple, attempts)),
        }
    return found
