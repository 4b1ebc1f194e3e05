"""The processors and the memory that this process may use."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

JOB_BYTES = 600_000_000  # memory of a process, for the largest nights
PER_CORE = 4  # processes that a core may have: most wait for disks and servers
MAX_JOBS = 1000  # more is a typing error

log = logging.getLogger("observing_monitor")


def n_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not Linux
        return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return the usable memory; None if unknown."""
    sizes = []
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # of a container
        sizes.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min((size for size in sizes if size > 0), default=None)


def usable_jobs(wanted: int | None) -> int:
    """Return how many processes to use.

    Parameters
    ----------
    wanted : int or None
        The setting `jobs`. None is one process per core. A smaller number than wanted is logged
        as a warning.
    """
    cores, memory = n_cores(), memory_bytes()
    fitting = max(1, memory // JOB_BYTES) if memory else MAX_JOBS
    if wanted is None:
        return min(cores, fitting)
    most = min(cores * PER_CORE, fitting)
    if wanted <= most:
        return wanted
    if fitting < cores * PER_CORE:
        words = f"{(memory or 0) / 1e9:,.1f} GB of memory; each process may need 0.6 GB"
    else:
        words = f"{cores} cores, and more than {PER_CORE} processes on each are no faster"
    log.warning("--jobs %d: using %d, since this machine has %s", wanted, most, words)
    return most
