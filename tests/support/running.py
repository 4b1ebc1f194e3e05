"""Running the program as tests do: in this process with a clock of their own, or in another as a user would."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from observing_monitor import cli

CLASSES = ("ingested", "gone", "ignored", "not_fits", "failed", "pending", "small", "missing")


def run(*arguments, now=None):
    """The command in this process; its exit code."""
    return cli.main([str(argument) for argument in arguments], now)


def start(*arguments, now=None, **options):
    """The command in a process of its own, as `Popen`, with the clock at `now`; stdout and stderr are text."""
    clock = f"datetime.datetime.fromisoformat({now.isoformat()!r})" if now else "None"
    code = f"import datetime, sys; from observing_monitor import cli; from observing_monitor.processes import timelimit; timelimit.leave(cli.main(sys.argv[1:], {clock}))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def nights(folder):
    """The nights of a stream's nights.json, by date."""
    return {
        night["night"]: night
        for night in json.loads(Path(folder, "nights.json").read_text())["nights"]
    }


def counts(night):
    """The numbers above 0 of a night's classes."""
    return {name: night[f"n_{name}"] for name in CLASSES if night[f"n_{name}"]}


def times(folder):
    """The modification time of every file below a folder, but for what is rewritten at every run."""
    every_run = {"heartbeat.js", "heartbeat.json", "status.json", "observing_monitor.prom"}
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if name not in every_run:
                found[str(path.relative_to(folder))] = path.stat().st_mtime_ns
    return found


def contents(folder):
    """The bytes of every file below a folder, but for what tells when a run was, and the feed's ids."""
    found = {}
    for relative in times(folder):
        path = Path(folder, relative)
        data = path.read_bytes()
        if path.name == "nights.json":
            data = json.dumps({**json.loads(data), "generated_at": None}).encode()
        if path.name == "changes.atom":  # its ids begin with one that is made by chance
            data = re.sub(rb"urn:uuid:[0-9a-f-]{36}", b"urn:uuid:", data)
        if path.name == "feed.json":
            continue
        found[relative] = data
    return found
