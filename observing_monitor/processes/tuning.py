"""Memory and garbage collection of a process, for large nights.

Environment variables that are set here are for libraries in this process and its workers.
Programs of others, such as notification commands, start with `inherited_environment`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os

M_ARENA_MAX = -8  # of glibc's malloc.h

# New objects between two searches for cycles. The rows of a large night are hundreds of thousands
# of objects without any cycle: with Python's default of 700, a tenth of a run is spent searching.
GARBAGE_AFTER = 100_000

_added: dict[str, str] = {}  # variables that this process has set for itself


def tune_process() -> None:
    """Set up memory for large nights.

    It has no effect on numpy and pyarrow once these are imported.
    """
    # Arrow's own allocators keep what a large night needed; malloc returns it to the system.
    _set_default("ARROW_DEFAULT_MEMORY_POOL", "system")
    # No linear algebra is done here, and starting its threads takes 0.1 s of processor time.
    _set_default("OPENBLAS_NUM_THREADS", "1")
    # By default, malloc keeps an arena per thread, each as large as the largest night of the
    # source that the thread reads: 100 MB for a large night.
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    gc.set_threshold(GARBAGE_AFTER)


def tune_worker() -> None:
    """Set up memory and threads of a worker."""
    tune_process()
    # There are as many workers as cores: threads of numerical libraries would only compete.
    _set_default("OMP_NUM_THREADS", "1")


def skip_last_collection() -> None:
    """Let the process end without a last search for cycles.

    It takes a tenth of a short run, before the system takes all memory back anyway.
    """
    gc.freeze()


def inherited_environment() -> dict[str, str]:
    """Return this process' original environment, for programs it starts."""
    return {name: value for name, value in os.environ.items() if _added.get(name) != value}


def _set_default(name: str, value: str) -> None:
    if name not in os.environ:
        os.environ[name] = _added[name] = value
