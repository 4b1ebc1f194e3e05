"""Runs the program in a process of its own and measures its memory."""

import os
import subprocess
import sys
import time
from typing import NamedTuple

PROGRAM = """
import datetime, sys
from observing_monitor import cli
from observing_monitor.processes import timelimit
timelimit.leave(cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now!r})))
"""


class Measured(NamedTuple):
    """A run that has ended."""

    code: int
    said: str
    n_bytes: int  # of memory, at most
    seconds: float


def measured(folder, *arguments, now):
    """Run the command in a folder, with the clock at `now`."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(now=now), *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process.stdout as output:
        said = output.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    print(f"{used.ru_maxrss / 1e6:.2f} GB, {seconds:.0f} s: {said[:500]}")
    return Measured(process.returncode, said, used.ru_maxrss * 1024, seconds)
