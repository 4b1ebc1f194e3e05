"""Runs the program with any clock and reads its output."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from observing_monitor import cli

START = """
import datetime, sys
from observing_monitor import cli
from observing_monitor.processes import timelimit
timelimit.leave(cli.main(sys.argv[1:], {clock}))
"""
# and the list of our files, which has inodes and times
EVERY_RUN = {
    "heartbeat.js",
    "heartbeat.json",
    "status.json",
    "observing_monitor.prom",
    ".observing_monitor",
}
STARTED = []  # processes of the present tests
CLASSES = ("ingested", "gone", "ignored", "not_fits", "failed", "pending", "small", "missing")


def run(*arguments, now=None):
    """Run the program in this process; return its exit code."""
    return cli.main([str(argument) for argument in arguments], now)


def start(*arguments, now=None, **options):
    """Start the program in a process, with the clock at `now`.

    Returns
    -------
    Popen
        Its stdout and stderr are text.
    """
    clock = f"datetime.datetime.fromisoformat({now.isoformat()!r})" if now else "None"
    command = [sys.executable, "-c", START.format(clock=clock), *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    STARTED.append(process)
    return process


def end_started(n_before):
    """Kill processes that a test started and did not wait for.

    Else they would disturb the tests after it.
    """
    for process in STARTED[n_before:]:
        if process.returncode is None:
            with process:
                process.kill()
    del STARTED[n_before:]


def ended(process, limit_s=60):
    """Return exit code and messages of a process that has to end.

    If it does not, it is killed, so that no other test meets it.
    """
    with process:
        try:
            _, said = process.communicate(timeout=limit_s)
        except BaseException:
            process.kill()
            raise
    assert "Traceback" not in said, said
    return process.returncode, said


def nights(folder):
    """Return the nights of a nights.json by date."""
    return {
        night["night"]: night
        for night in json.loads(Path(folder, "nights.json").read_text())["nights"]
    }


def counts(night):
    """Return the numbers of files by class, without zeros."""
    return {name: night[f"n_{name}"] for name in CLASSES if night[f"n_{name}"]}


def times(folder):
    """Return the modification times of files.

    Files that every run rewrites are left out.
    """
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if name not in EVERY_RUN:
                found[str(path.relative_to(folder))] = path.stat().st_mtime_ns
    return found


def contents(folder):
    """Return the bytes of files.

    The times of runs and the feed's ids are left out.
    """
    found = {}
    for relative in times(folder):
        path = Path(folder, relative)
        data = path.read_bytes()
        if path.name == "nights.json":
            data = json.dumps({**json.loads(data), "generated_at": None}).encode()
        if path.name == "changes.atom":  # its ids begin with a random one
            data = re.sub(rb"urn:uuid:[0-9a-f-]{36}", b"urn:uuid:", data)
        if path.name == "feed.json":
            continue
        found[relative] = data
    return found
