"""Runs the program in a process of its own and measures its memory."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

PROGRAM = """
import datetime, sys
from observing_monitor import cli
from observing_monitor.processes import timelimit
timelimit.leave(cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now!r})))
"""


PAUSE_S = 0.1


class Measured(NamedTuple):
    """A run that has ended."""

    code: int
    said: str
    n_bytes: int  # of memory of it and its children, at most
    seconds: float


def measured(folder, *arguments, now):
    """Run the command in a folder, with the clock at `now`.

    Its memory is that of the largest process, or of all at one time if that is more.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(now=now), *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    together, ended = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, together, ended))
    watch.start()
    with process.stdout as output:
        said = output.read()
    ended.set()
    watch.join()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    n_bytes = max(used.ru_maxrss * 1024, *together)
    alone = used.ru_maxrss / 1e6
    print(f"{n_bytes / 1e9:.2f} GB, {alone:.2f} alone, {seconds:.0f} s: {said[:500]}")
    return Measured(process.returncode, said, n_bytes, seconds)


def _watch(number, together, ended):
    """Note the memory of a process and its children, again and again."""
    while not ended.wait(PAUSE_S):
        together.append(sum(map(_share, _tree(number))))


def _tree(number):
    """Yield the numbers of a process and all its children."""
    yield number
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{number}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _share(number):
    """Return a process's bytes, its part of shared ones."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{number}/smaps_rollup").read_text()
        return 1024 * sum(map(int, re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)))
    return 0
