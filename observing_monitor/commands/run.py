"""The commands run, collect, publish and rebuild, and their lock."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import sys
import time
from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import MAX_RUN_S
from observing_monitor.commands.exit_codes import INCOMPLETE, LOCKED, STOPPED, USAGE
from observing_monitor.commands.options import LONG_COMMANDS, read_known_issues
from observing_monitor.commands.overwriting import check_overwriting
from observing_monitor.commands.places import check_alone, open_output
from observing_monitor.commands.progress import progress
from observing_monitor.commands.run_log import NO_COUNTS, end_run, log_line, run_line
from observing_monitor.commands.site_run import COLLECTING, Nights, SiteRun
from observing_monitor.errors import ClusterError, LockedError, OutputError, UsageError
from observing_monitor.processes import workers
from observing_monitor.processes.machine import n_cores, usable_jobs
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import argparse
    import datetime
    from collections.abc import Iterator

    from observing_monitor.processes.workers import Workers
    from observing_monitor.settings.receivers import Receiver
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


log = logging.getLogger("observing_monitor")


@contextlib.contextmanager
def locked_run(
    command: str,
    options: argparse.Namespace,
    streams: list[Stream],
    receivers: list[Receiver],
    now: datetime.datetime,
) -> Iterator[SiteRun]:
    """Hold the lock of the output, and yield its run.

    A run that finds the lock taken, or ends early, leaves its line in log_file as well.
    """
    output = open_output(options, streams)
    check_overwriting(options, output, streams)
    output.make()
    started = time.monotonic()
    try:
        with output.lock():
            check_alone(output, streams)
            output.sweep()
            if not output.has_ledger():
                _begin_list(output, streams, command)
            is_limited = command in ("run", "collect", "publish")
            usual_s = MAX_RUN_S if is_limited else math.inf
            run = SiteRun(
                streams,
                output,
                now,
                title=options.title,
                site_url=options.site_url,
                known_issues=read_known_issues(options, streams),
                receivers=receivers,
                prometheus_file=options.prometheus_file,
                limit_s=options.max_run_s or usual_s,
                is_of_history=command in LONG_COMMANDS,
                progress=functools.partial(progress, command),
            )
            with _listing(output):
                yield run
            output.sweep()  # unfinished files of workers that died
    except LockedError:
        log_line(options, run_line(command, now, 0, NO_COUNTS, 0, LOCKED), LOCKED)
        raise
    except (UsageError, OutputError, ClusterError, KeyboardInterrupt) as error:
        code, n_problems = _code_of(error)
        took_s = time.monotonic() - started
        log_line(options, run_line(command, now, took_s, NO_COUNTS, n_problems, code), code)
        raise


def _code_of(error: BaseException) -> tuple[int, int]:
    """Return an error's exit code and number of problems."""
    if isinstance(error, KeyboardInterrupt):
        return STOPPED, 0
    return (INCOMPLETE if isinstance(error, ClusterError) else USAGE), 1


def _begin_list(output: Output, streams: list[Stream], command: str) -> None:
    """List what earlier versions wrote.

    Raises ForeignFileError if files of others are in the way.
    """
    from observing_monitor.storage.takeover import check_ours, take_over

    folders = [(stream.name, stream.folder) for stream in streams]
    for name, folder in folders:
        take_over(output, name, folder)
    if command != "adopt":
        check_ours(output, folders)


@contextlib.contextmanager
def _listing(output: Output) -> Iterator[None]:
    """Write the list of our files at the end."""
    try:
        yield
    except OutputError:  # a store that hangs would be waited for once more
        raise
    except BaseException:
        with contextlib.suppress(OutputError):
            output.write_ledger()
        raise
    output.write_ledger()


def run_command(
    command: str, options: argparse.Namespace, run: SiteRun, nights: dict[str, list[datetime.date]]
) -> int:
    """Collect, publish or both; return the exit code."""
    asked = asked_nights(command, options, nights)
    with _executor(command, options, run, asked) as executor:
        if command != "publish":
            run.collect(
                asked,
                executor,
                look_at_everything=options.full,
                from_scratch=options.from_scratch,
                share=1 if command == "collect" else COLLECTING,
                is_then_published=command != "collect",
            )
        if options.all:
            run.output.rewrite_all()
        if command != "collect":
            run.publish(executor)
        else:
            run.beat()
    code = end_run(command, options, run)
    if command != "collect":
        log.info("%s", run.output.path(layout.INDEX_PAGE))
    return code


def asked_nights(
    command: str, options: argparse.Namespace, nights: dict[str, list[datetime.date]]
) -> Nights:
    """Return nights by stream; None for a whole history.

    num_days of the settings says how far back cron looks, not how long the history is.
    """
    is_limited = options.first_day or options.last_day or options.nearness.get("num_days") == 3
    if command == "rebuild" and not is_limited:
        return dict.fromkeys(nights)
    return {**nights}


def _executor(
    command: str, options: argparse.Namespace, run: SiteRun, asked: Nights
) -> contextlib.AbstractContextManager[Workers | None]:
    """Return the workers of a run, if it has any.

    A rebuild uses all cores, or as many processes as the options name. A run with several new
    nights, which is the first one or the first for days, uses two: the machine may be shared.
    """
    if command == "rebuild":
        return executor_of(options.jobs, options.scheduler)
    # Several streams are collected here: only one process finds out together that several sources
    # are down. So is all if pandas is here already: workers would have to import it again.
    is_worth_it = len(run.streams) == 1 and "pandas" not in sys.modules
    if (options.jobs or is_worth_it) and run.n_new(asked) > 1:
        return executor_of(options.jobs or min(2, n_cores()), options.scheduler)
    return contextlib.nullcontext()


@contextlib.contextmanager
def executor_of(jobs: int | None, scheduler: str | None) -> Iterator[Workers | None]:
    """Yield workers on a cluster or on this machine.

    Yields None if this process does all by itself.
    """
    if scheduler:
        from observing_monitor.processes.cluster import cluster

        with cluster(scheduler) as made:
            yield made
        return
    n_jobs = usable_jobs(jobs)
    if n_jobs == 1:
        yield None
        return
    with workers.processes(n_jobs) as made:
        yield made
