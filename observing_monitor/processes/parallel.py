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
    import subprocess
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

    try:
        process = _start(function)
    except OSError:
        return lambda: None
    with contextlib.suppress(OSError):  # it was killed
        os.write(process.stdin.fileno(), marshal.dumps((_path(), given)))  # type: ignore[union-attr]

    def answer() -> Result | None:
        told, _ = process.communicate()
        return cast(Result, marshal.loads(told)) if process.returncode == 0 else None

    return answer


def call_in_process(function: Callable[..., Result], *given: Any, limit_s: float) -> Result | None:
    """Return what a function of this package returns when called in another process.

    What it is given and what it returns may be large, and are plain values. Returns None if the
    process could not be started, failed, or was killed because it took longer than `limit_s`.
    """
    import marshal
    import subprocess

    try:
        process = _start(function)
    except OSError:
        return None
    try:
        told, _ = process.communicate(marshal.dumps((_path(), given)), timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    return cast(Result, marshal.loads(told)) if process.returncode == 0 else None


def _path() -> list[str]:
    """Return where the other process finds this package and its needs."""
    return [str(Path(__file__).resolve().parents[2]), *filter(None, sys.path)]


def _start(function: Callable[..., Any]) -> subprocess.Popen[bytes]:
    """Start a process that reads what a function is given, and writes what it returns."""
    import subprocess

    words = (function.__module__, function.__name__, PR_SET_PDEATHSIG, int(signal.SIGKILL))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BESIDE, *map(str, (os.getpid(), *words))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
