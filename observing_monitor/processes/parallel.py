"""Other processes and threads that work while this one continues."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from typing import Any


PR_SET_PDEATHSIG = 1  # of linux/prctl.h
Result = TypeVar("Result")


def import_ahead(modules: Iterable[str]) -> None:
    """Import modules that are needed soon, while another process works."""
    for name in modules:
        importlib.import_module(name)


def start_thread(function: Callable[[], object]) -> None:
    """Call a function in a daemon thread."""
    threading.Thread(target=function, daemon=True).start()


def helper_threads(number: int) -> ThreadPoolExecutor:
    """Return an executor of a few threads.

    Packing and unpacking a large night's Parquet files does: this process can read sources
    meanwhile.
    """
    # imported only here: a run with nothing new needs no threads
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(number)


# Program of the process that `start_process` starts. It imports only the function's module, has no
# garbage to collect in its short life, and ends with the process that started it.
_PROGRAM = """
import ctypes, gc, importlib, marshal, os, sys
gc.disable()
parent, module, name, prctl_option, kill = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(int(prctl_option), int(kill))
if os.getppid() == int(parent):
    sys.path, arguments = marshal.load(sys.stdin.buffer)
    function = getattr(importlib.import_module(module), name)
    marshal.dump(function(*arguments), sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(0)
os._exit(1)
"""
# The same for `each_in_process`: it calls the function with one task after the other, and sends
# each result with its length before it.
START_S = 30.0
_READY = b"ready"
_EACH = _PROGRAM.replace(
    """    marshal.dump(function(*arguments), sys.stdout.buffer)
    sys.stdout.flush()
""",
    """    sys.stdout.buffer.write(b"ready")
    sys.stdout.flush()
    for task in arguments:
        result = marshal.dumps(function(*task))
        sys.stdout.buffer.write(len(result).to_bytes(8, "big") + result)
        sys.stdout.flush()
""",
)


def start_process(function: Callable[..., Result], *arguments: Any) -> Callable[[], Result | None]:
    """Call a function of this package in another process.

    Python's threads would take turns instead: only another process lists a large night, or
    compiles templates, while this one imports pandas.

    Parameters
    ----------
    function : callable
        It is found by its module and name.
    *arguments
        Values that `marshal` can write, and few: they have to fit into a pipe's buffer.

    Returns
    -------
    callable
        It waits for the function's result, which `marshal` has to be able to write, and returns
        it; None if the process could not start, failed or was killed.
    """
    import marshal

    try:
        process = _start(function)
    except OSError:
        return lambda: None
    with contextlib.suppress(OSError):  # it was killed
        os.write(process.stdin.fileno(), _given(arguments))  # type: ignore[union-attr]

    def wait_for_result() -> Result | None:
        output, _ = process.communicate()
        return cast(Result, marshal.loads(output)) if process.returncode == 0 else None

    return wait_for_result


def call_in_process(
    function: Callable[..., Result], *arguments: Any, limit_s: float
) -> Result | None:
    """Call a function in another process, and wait for its result.

    Arguments and result may be large. Returns None if the process could not start, failed, or was
    killed because it took longer than `limit_s`.
    """
    import marshal
    import subprocess

    try:
        process = _start(function)
    except OSError:
        return None
    try:
        output, _ = process.communicate(_given(arguments), timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    return cast(Result, marshal.loads(output)) if process.returncode == 0 else None


def each_in_process(
    function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]], limit_s: float
) -> Iterator[Result]:
    """Yield `function(*task)` for each task, from one other process.

    It ends early if the process failed, was killed, or is killed because a task took longer than
    `limit_s`: the next task is the one to blame. Tasks and results have to be values that
    `marshal` can write. Raises OSError if no process can start.
    """
    import marshal

    process = _start(function, _EACH)
    assert process.stdin and process.stdout
    try:
        # it reads all tasks before it writes
        with contextlib.suppress(OSError):
            process.stdin.write(_given(tuple(tasks)))
            process.stdin.close()
        ready_by = time.monotonic() + START_S
        if _received(process.stdout.fileno(), len(_READY), ready_by) != _READY:
            raise ChildProcessError(errno.ECHILD, "a process did not start")
        for _ in tasks:
            end = time.monotonic() + limit_s
            length = _received(process.stdout.fileno(), 8, end)
            data = length and _received(process.stdout.fileno(), int.from_bytes(length, "big"), end)
            if not data:
                return
            yield cast(Result, marshal.loads(data))
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _received(pipe: int, n_bytes: int, end: float) -> bytes | None:
    """Return bytes from a pipe; None if it ends before, or is late."""
    data = bytearray()
    while len(data) < n_bytes:
        if not select.select([pipe], [], [], max(end - time.monotonic(), 0))[0]:
            return None
        piece = os.read(pipe, n_bytes - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _given(arguments: tuple[Any, ...]) -> bytes:
    """Return the package's place and the arguments, packed."""
    import marshal

    place = str(Path(__file__).resolve().parents[2])
    return marshal.dumps(([place, *filter(None, sys.path)], arguments))


def _start(function: Callable[..., Any], program: str = _PROGRAM) -> subprocess.Popen[bytes]:
    """Start a process that calls a function with what it reads."""
    import subprocess

    words = (function.__module__, function.__name__, PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # -I and -S: without the user's settings and packages, it starts in a third of the time
    options = ["-I", "-S", *(["-X", "utf8"] if sys.flags.utf8_mode else [])]
    return subprocess.Popen(
        [sys.executable, *options, "-c", program, *map(str, (os.getpid(), *words))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
