"""The line about a run, for stderr and log_file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from observing_monitor.commands.exit_codes import INCOMPLETE, OK
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import iso_utc
from observing_monitor.readers.plain_files import unblocked

if TYPE_CHECKING:
    import argparse
    import datetime
    from collections.abc import Mapping

    from observing_monitor.commands.site_run import SiteRun


log = logging.getLogger("observing_monitor")

NO_COUNTS = {"nights": 0, "changed": 0, "pages": 0}


def end_run(command: str, options: argparse.Namespace, run: SiteRun) -> int:
    """Log a run's problems and line; return the exit code."""
    for line in [*run.problems, *run.warnings]:
        log.warning("%s", line)
    counts = {"nights": run.n_looked, "changed": run.n_changed, "pages": run.n_pages}
    code = INCOMPLETE if run.problems else OK
    line = run_line(command, run.now, run.seconds, counts, len(run.problems), code)
    return log_line(options, line, code)


def run_line(
    command: str,
    now: datetime.datetime,
    took_s: float,
    counts: Mapping[str, int],
    n_problems: int,
    code: int,
) -> str:
    """Return `at=… command=run nights=2 … exit=0`."""
    facts = {
        "at": iso_utc(now.replace(microsecond=0)),
        "command": command,
        **counts,
        "seconds": f"{took_s:.2f}",
        "problems": n_problems,
        "exit": code,
    }
    return " ".join(f"{name}={value}" for name, value in facts.items())


def log_line(options: argparse.Namespace, line: str, code: int) -> int:
    """Write a run's line to stderr and to log_file.

    Returns
    -------
    int
        The exit code: that of the run, unless only the line could not be written.
    """
    log.info("%s", line)
    if not options.log_file:
        return code
    try:
        # a pipe that somebody reads is fine: /dev/stderr may be one
        with open(options.log_file, "a", encoding="utf-8", opener=unblocked) as file:
            file.write(f"{line}\n")
    except OSError as error:
        words = "it must be a file that can be written"
        log.warning("log_file %s: %s; %s", options.log_file, os_error_text(error), words)
        return code or INCOMPLETE
    return code
