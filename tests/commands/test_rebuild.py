"""Rebuilds that are killed or interrupted, and their progress."""

import contextlib
import json
import os
import re
import shutil
import signal
import time

import pytest
from histories import DAYS, make_history, rebuild_of
from running import contents, run, start, times


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A history: its folder, its clock, and what a rebuild writes."""
    folder = tmp_path_factory.mktemp("history")
    return folder, *make_history(folder)


def finished(output):
    """Return the nights whose page a killed rebuild has noted."""
    notes = output / "data" / "stream=input" / "index.notes"
    lines = notes.read_text().splitlines(keepends=True) if notes.exists() else []
    noted = [json.loads(line) for line in lines if line.endswith("\n")]
    # collecting notes rows as well, without a page
    return {one["night"] for one in noted if one["row"].get("page")}


def killed_in_the_middle(output, folder, now, *options):
    """Kill a rebuild among its pages; return the finished nights."""
    for _ in range(5):  # on a busy machine it may be done before this looks
        process = start(*rebuild_of(folder, output), *options, now=now, start_new_session=True)
        while process.poll() is None and len(finished(output)) < 5:
            time.sleep(0.002)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if 5 <= len(done := finished(output)) < len(DAYS):
            return done
        shutil.rmtree(output)
    pytest.fail("it was never killed in the middle")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_resumed_after_a_kill(tree, tmp_path, jobs):
    """A rebuild that restarts leaves finished pages alone."""
    folder, now, expected = tree
    output = tmp_path / "site"
    done = killed_in_the_middle(output, folder, now, "--jobs", jobs)
    before = times(output)
    assert run(*rebuild_of(folder, output), "--jobs", jobs, now=now) == 0
    after = times(output)
    tables = [name for name in before if name.endswith((".parquet", "looked.json"))]
    assert [name for name in tables if after[name] != before[name]] == []
    redone = {night for night in done if after[f"{night}.html"] != before[f"{night}.html"]}
    # the tenth night's page compares it with all others, which may be judged after it
    assert redone <= {DAYS[9].isoformat()}
    assert contents(output) == expected


def test_interrupted(tree, tmp_path):
    """Ctrl-C ends a rebuild in one line; the next one completes it."""
    folder, now, expected = tree
    output = tmp_path / "site"
    process = start(*rebuild_of(folder, output), "--jobs", "2", now=now, start_new_session=True)
    while process.poll() is None and not list(output.glob("data/stream=input/night=*/looked.json")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate()
    assert (
        process.returncode == 130
        and error.splitlines()[-1].startswith("observing_monitor: stopped")
        and "Traceback" not in error
    )
    assert run(*rebuild_of(folder, output), "--jobs", "2", now=now) == 0
    assert contents(output) == expected


def test_lines_without_a_terminal(tree, tmp_path, monkeypatch, capfd):
    """Without a terminal, lines show the progress."""
    from observing_monitor.commands import progress

    folder, now, _ = tree
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0)
    assert run(*rebuild_of(folder, tmp_path / "site"), "--jobs", "1", now=now) == 0
    assert re.search(
        r"input: collecting: 6 of 12 nights, [\d,]+ files/s, [\d.]+ s left", capfd.readouterr().err
    )
