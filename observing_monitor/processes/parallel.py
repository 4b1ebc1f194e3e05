"""Run a function in a second process while this one continues."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


PR_SET_PDEATHSIG = 1  # linux/prctl.h
Result = TypeVar("Result")


def get_ready() -> None:
    """Import what a night is read and published with, for a process that has nothing else to do just now."""
    for name in (
        "pandas",
        "pyarrow.parquet",
        "pyarrow.csv",
        "jinja2",
        "observing_monitor.tables.match",
        "observing_monitor.tables.merge",
        "observing_monitor.tables.summary",
    ):
        importlib.import_module(name)


# What a process `beside` this one does: it imports as little as its answer takes, and dies with the one that began it.
_BESIDE = """
import ctypes, gc, importlib, marshal, os, sys
gc.disable()
parent, module, name, prctl_option, kill = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(int(prctl_option), int(kill))
if os.getppid() == int(parent):
    sys.path, given = marshal.load(sys.stdin.buffer)
    marshal.dump(getattr(importlib.import_module(module), name)(*given), sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(0)
os._exit(1)
"""


def start_process(function: Callable[..., Result], *given: Any) -> Callable[[], Result | None]:
    """Have a function of this package called in a process of its own, while this one does something else.

    What it is given, which is little, and what it returns are plain values, as `marshal` has them. Returns what waits for the answer
    and gives it; None where there is none, because the process could not begin or was killed.
    """
    import marshal
    import subprocess

    place = str(Path(__file__).resolve().parents[2])
    words = [
        os.getpid(),
        function.__module__,
        function.__name__,
        PR_SET_PDEATHSIG,
        int(signal.SIGKILL),
    ]
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BESIDE, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return lambda: None
    with contextlib.suppress(OSError):  # it was killed
        os.write(process.stdin.fileno(), marshal.dumps(([place, *filter(None, sys.path)], given)))  # type: ignore[union-attr]

    def answer() -> Result | None:
        told, _ = process.communicate()
        return cast(Result, marshal.loads(told)) if process.returncode == 0 else None

    return answer
