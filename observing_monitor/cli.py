"""Arguments to settings, errors to exit codes; the only room that prints."""

from __future__ import annotations

import contextlib
import datetime
import functools
import logging
import math
import os
import re
import sys
import time
from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import MAX_RUN_S, parse, tell
from observing_monitor.commands.options import (
    INCOMPLETE,
    LOCKED,
    LONG,
    OK,
    STOPPED,
    USAGE,
    check_alone,
    check_apart,
    check_settings,
    counted,
    end,
    log_run,
    make_redaction,
    nights_of_run,
    open_output,
    read_known_issues,
    read_streams,
    stream_named,
)
from observing_monitor.commands.progress import progress
from observing_monitor.commands.prune_command import prune
from observing_monitor.commands.surroundings import is_folder_gone, suit_surroundings
from observing_monitor.errors import LockedError, OutputError, SourceError, UsageError
from observing_monitor.model.wording import visible
from observing_monitor.processes.timelimit import leave
from observing_monitor.processes.tuning import tune_process
from observing_monitor.settings.receivers import receivers_of_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from typing import NoReturn

    from observing_monitor.commands.check import Answer
    from observing_monitor.commands.run import Run
    from observing_monitor.settings.receivers import Receiver
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


log = logging.getLogger(__name__)

NO_COUNTS = {"nights": 0, "changed": 0, "pages": 0}


def main(arguments: Sequence[str] | None = None, now: datetime.datetime | None = None) -> int:
    """Run the command line, as of `now` (an aware datetime, by default the clock's); returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    now = now or datetime.datetime.now(datetime.UTC)
    tune_process()
    try:
        if arguments[:1] == ["metrics"]:
            from observing_monitor.commands import metrics

            return metrics.main(arguments[1:])
        command, options = parse(arguments)
        _set_up_log(options.verbose)
        return _run(command, options, now)
    except LockedError as error:
        _complain(error)
        return LOCKED
    except (UsageError, OutputError) as error:
        _complain(error)
        return USAGE
    except BrokenPipeError:  # whoever read what is printed has seen enough
        return INCOMPLETE
    except OSError as error:
        if is_folder_gone():
            _complain("the folder that this was started in is no longer there; go to another")
            return USAGE
        if error.filename is None:
            raise
        words = f"{(error.strerror or str(error)).lower()}; output_dir must be a folder that can be read and written"
        _complain(f"{error.filename}: {words}")
        return USAGE
    except KeyboardInterrupt:
        print(
            "observing_monitor: stopped; what was finished is kept, the next run goes on from there",
            file=sys.stderr,
        )
        return STOPPED


def command_line() -> NoReturn:
    """The command, as a process of its own: never returns."""
    suit_surroundings()
    leave(main())


def _complain(error: object) -> None:
    print(visible(f"observing_monitor: {error}"), file=sys.stderr)


def _set_up_log(verbose: bool) -> None:
    """Messages to stderr: warnings, and where somebody looks, what is done as well."""
    level = logging.INFO if verbose or sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setFormatter(_Plain("observing_monitor: %(message)s"))


class _Plain(logging.Formatter):
    """A record as text that speaks to no terminal: file names and other people's messages may hold its language."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\n", "␊")

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _run(command: str, options: argparse.Namespace, now: datetime.datetime) -> int:
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs} is no number of processes; give 1 or more")
    if options.max_run_s is not None and not options.max_run_s > 0:
        raise UsageError(
            f"--max_run_s {options.max_run_s:g} is no length of a run; give seconds, more than 0"
        )
    if options.site_url and not re.match(r"https?://[^\s/?#]+[^\s?#]*$", options.site_url):
        raise UsageError(
            f"--site_url {options.site_url!r} is no address; write one such as https://example.org/nights/"
        )
    streams = read_streams(options, command)
    check_settings(options, streams, now)
    nights = {stream.name: nights_of_run(options, stream, now) for stream in streams}
    receivers = receivers_of_file(options.config) if options.config else []
    if command == "check":
        return _check(options, streams, nights, now)
    if command == "notify":
        return _notify(options, receivers, now)
    if options.output_dir is None:
        raise UsageError(
            "output_dir is not set; give --output_dir DIR, or output_dir in [observing_monitor] of the settings file"
        )
    output = open_output(options)
    check_apart(output, streams)
    output.make()
    with _logged_lock(options, command, output, now):
        check_alone(output, streams)
        output.sweep()
        run = _begin(command, options, streams, receivers, output, now)
        if command == "prune":
            code = prune(options, run, nights)
        elif command == "import-prototype":
            code = _import_prototype(options, run)
        else:
            code = _work(command, options, run, nights)
        output.sweep()  # what a worker that died was writing
        return code


@contextlib.contextmanager
def _logged_lock(
    options: argparse.Namespace, command: str, output: Output, now: datetime.datetime
) -> Iterator[None]:
    """Hold the output's lock; a run that finds it taken, or ends before it is done, leaves its line in the log as well."""
    started = time.monotonic()
    try:
        with output.lock():
            yield
    except LockedError:
        log_run(options, command, now, 0, NO_COUNTS, 0, LOCKED)
        raise
    except (UsageError, OutputError, KeyboardInterrupt) as error:
        code, n_problems = (STOPPED, 0) if isinstance(error, KeyboardInterrupt) else (USAGE, 1)
        log_run(options, command, now, time.monotonic() - started, NO_COUNTS, n_problems, code)
        raise


def _begin(
    command: str,
    options: argparse.Namespace,
    streams: list[Stream],
    receivers: list[Receiver],
    output: Output,
    now: datetime.datetime,
) -> Run:
    """What a command is to work on, as the options say."""
    from observing_monitor.commands.run import Run

    return Run(
        streams,
        output,
        now,
        title=options.title,
        site_url=options.site_url,
        known=read_known_issues(options, streams),
        receivers=receivers,
        prometheus_file=options.prometheus_file,
        limit_s=(options.max_run_s or MAX_RUN_S)
        if command in ("run", "collect", "publish")
        else options.max_run_s or math.inf,
        is_of_history=command in LONG,
        progress=functools.partial(progress, command),
    )


def _work(
    command: str, options: argparse.Namespace, run: Run, nights: Mapping[str, list[datetime.date]]
) -> int:
    """Collect, publish, or both; returns the exit code."""
    from observing_monitor.commands.run import COLLECTING, executor_of

    asked: Mapping[str, list[datetime.date] | None] = nights
    # num_days of the settings says how far back cron looks, not how long the history is
    if command == "rebuild" and not (
        options.first_day or options.last_day or options.nearness.get("num_days") == 3
    ):
        asked = dict.fromkeys(nights)
    is_history = command == "rebuild"
    # a first run, or one after some days: two at once where that costs nothing to begin, for the machine may be shared; not of several
    # streams, of which any number of sources may be down, and only in one process are those found out together
    n_jobs = options.jobs or (None if is_history else min(2, os.cpu_count() or 1))
    is_parallel = is_history or (
        run.n_new(asked) > 1 and (options.jobs or len(run.streams) == 1)
    )
    with (
        executor_of(n_jobs, options.scheduler)
        if is_parallel
        else contextlib.nullcontext() as executor
    ):
        if command != "publish":
            share = 1 if command == "collect" else COLLECTING
            run.collect(
                asked,
                executor,
                look_at_everything=options.full,
                share=share,
                is_then_published=command != "collect",
            )
        if command != "collect":
            run.publish(executor)
        else:
            run.beat()
    code = end(command, options, run)
    if command != "collect":
        log.info("%s", run.output.path("index.html"))
    return code


def _import_prototype(options: argparse.Namespace, run: Run) -> int:
    """Take over a prototype's history and make its pages; prints what came of it, and returns the exit code."""
    from observing_monitor.commands.import_prototype import import_history

    stream = stream_named(options, run.streams)
    try:
        with run.progress(f"{stream.name}: taking over", None) as step:
            done = import_history(stream, options.database, run.output, run.now, options.gen, step)
    except SourceError as error:
        print(f"observing_monitor: {error}; nothing was taken over", file=sys.stderr)
        return USAGE
    run.n_looked, run.n_changed = len(done.nights), done.n_changed
    run.problems += [f"{stream.name}: {problem}" for problem in done.problems]
    run.publish()
    tell(f"{options.database} -> {stream.name}")
    for name, n_rows in done.n_rows.items():
        why = (
            f", left in the database: {done.left[name]}"
            if name in done.left
            else f", {done.n_placed[name]:,} taken over"
        )
        tell(f"  {name:16} {n_rows:>9,} rows{why}")
    span = f", {done.nights[0]} to {done.nights[-1]}" if done.nights else ""
    tell(f"  {len(done.nights):,} nights{span}, {done.n_changed:,} of them changed by this")
    tell(
        f"  {done.n_files:,} files, {done.n_attempts:,} attempts and {done.n_metrics:,} numbers and texts, all seen in the store"
    )
    tell(f"  {run.n_pages:,} pages written: {run.output.path(stream.folder, 'index.html')}")
    return end("import-prototype", options, run)


def _notify(options: argparse.Namespace, receivers: list[Receiver], now: datetime.datetime) -> int:
    """Send every receiver a message to try it out, and print how that went; returns the exit code."""
    from observing_monitor.feeds import notify

    if not receivers:
        raise UsageError(
            f"{options.config or 'the command line'}: names no receiver; add a table [notify.NAME] with a type"
        )
    code = OK
    for receiver, fault in notify.send_tests(
        receivers, options.title, options.site_url, make_redaction(options), now
    ):
        tell(f"  FAILED {receiver.name}: {fault}" if fault else f"  ok     {receiver.name}: told")
        code = INCOMPLETE if fault else code
    return code


def _check(
    options: argparse.Namespace,
    streams: list[Stream],
    nights: dict[str, list[datetime.date]],
    now: datetime.datetime,
) -> int:
    """Print of the settings, the output and each source what was found; returns the exit code."""
    from observing_monitor.commands import check

    output = open_output(options) if options.output_dir else None
    if output:
        check_apart(output, streams)
        check_alone(output, streams)
    answers = [check.check_output(output, streams, now)]
    tell(f"settings {options.config or 'of the command line'}: {counted(len(streams), 'stream')}")
    _print_answer(answers[0], f"output {output.root if output else ''}".strip())
    known = read_known_issues(options, streams)
    if known.issues or known.problems:
        verdict = "FAILED" if known.problems else "ok"
        answers.append(
            check.Answer(
                verdict, [*known.problems, f"of its entries {len(known.issues):,} are understood"]
            )
        )
        _print_answer(answers[-1], "known issues")
    versions = {stream.name: stream.at(nights[stream.name][-1]) for stream in streams}
    sources = check.sources_of(list(versions.values()), now)
    for stream in streams:
        asked = nights[stream.name]
        tell(f"stream {stream.name}: a run looks at {asked[0]} to {asked[-1]}")
        tell(f"         {check.describe_night(stream, now)}")
        for described, source in zip(
            versions[stream.name].sources, sources[stream.name], strict=True
        ):
            answer = check.check_source(source, versions[stream.name], asked, now)
            _print_answer(answer, f"{described.name} at {described.place}")
            answers.append(answer)
    n_failed, n_odd = (
        sum(answer.verdict == verdict for answer in answers) for verdict in ("FAILED", "odd")
    )
    tell(f"{len(answers)} looked at: {n_failed} failed, {n_odd} odd")
    return INCOMPLETE if n_failed else OK


def _print_answer(answer: Answer, of_what: str) -> None:
    tell(visible(f"  {answer.verdict:6} {of_what}".replace("\n", "␊")))
    for line in answer.said:
        tell(visible(f"           {line}".replace("\n", "␊")))
