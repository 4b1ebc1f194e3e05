"""Arguments to settings, errors to exit codes; the only room that prints."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import logging
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from observing_monitor import config, pages, redact
from observing_monitor.arguments import MAX_RUN_S, ONE_STREAM, parse, tell
from observing_monitor.errors import LockedError, OutputError, SourceError, UsageError
from observing_monitor.files import Apart, Output, is_address
from observing_monitor.nights import ONE_DAY, iso_utc, nights_between
from observing_monitor.pages import visible
from observing_monitor.timelimit import LOOK_S, leave, within
from observing_monitor.workers import is_cheap_to_copy, suit_full_nights

if TYPE_CHECKING:
    from observing_monitor.check import Answer
    from observing_monitor.config import Stream
    from observing_monitor.known import Known
    from observing_monitor.retention import Going
    from observing_monitor.run import Run

OK, INCOMPLETE, USAGE, LOCKED, STOPPED = 0, 1, 2, 75, 130
MAX_DAYS = 36_600  # a century
USUAL_DAYS = 2  # nights that a run looks at: tonight may have begun only just now
LONG = ("rebuild", "import-prototype")  # commands that work on a history

NO_COUNTS = {"nights": 0, "changed": 0, "pages": 0}
LINE_EVERY_S = 30  # between the lines that tell how far a rebuild is, where there is no terminal

log = logging.getLogger("observing_monitor")


def main(arguments: Sequence[str] | None = None, now: datetime.datetime | None = None) -> int:
    """Run the command line, as of `now` (an aware datetime, by default the clock's); returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    now = now or datetime.datetime.now(datetime.UTC)
    suit_full_nights()
    try:
        if arguments[:1] == ["metrics"]:
            from observing_monitor import metrics_cli

            return metrics_cli.main(arguments[1:])
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
        if _is_folder_gone():
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


def suit_surroundings() -> None:
    """Let it not matter how this process was started; for the beginning of one.

    In a locale of another encoding the same name on a disk would be another text, and so another file: Python's UTF-8 mode begins anew.
    """
    _open_streams()
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _open_streams() -> None:
    """Have stdin, stdout and stderr open, and able to say anything, however this was started.

    Where one is closed, the next file that is opened gets its number, and what is printed would be written into that.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, place in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(place, "w", closefd=False, errors="backslashreplace"))
        else:
            stream.reconfigure(
                errors="backslashreplace"
            )  # what a narrow encoding (LC_ALL=C) lacks is no reason to end


def _is_folder_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


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
    streams = _streams(options, command)
    _check_settings(options, streams, now)
    nights = {stream.name: _nights(options, stream, now) for stream in streams}
    receivers = config.receivers_of_file(options.config) if options.config else []
    if command == "check":
        return _check(options, streams, nights, now)
    if command == "notify":
        return _notify(options, receivers, now)
    if options.output_dir is None:
        raise UsageError(
            "output_dir is not set; give --output_dir DIR, or output_dir in [observing_monitor] of the settings file"
        )
    output = _output(options)
    _check_apart(output, streams)
    output.make()
    with _logged_lock(options, command, output, now):
        _check_alone(output, streams)
        output.sweep()
        run = _begin(command, options, streams, receivers, output, now)
        if command == "prune":
            code = _prune(options, run, nights)
        elif command == "import-prototype":
            code = _import_prototype(options, run)
        else:
            code = _work(command, options, run, nights)
        output.sweep()  # what a worker that died was writing
        return code


def _output(options: argparse.Namespace) -> Output:
    """The output as the options describe it; UsageError where what is to be hidden would be served all the same."""
    texts, redaction = options.redact or [], _redaction(options)
    if texts and options.store_dir is None:
        words = "the store, which keeps the truth, would lie beside the pages; set store_dir to a folder that no web server shows"
        raise UsageError(f"redact hides {texts[0]!r} and more from the pages, but {words}")
    pages_at = _place_of("output_dir", options.output_dir, options.config, redaction)
    if options.store_dir is None:
        return Apart(pages_at, Output(pages_at.store)) if _lies_elsewhere(pages_at) else pages_at
    kept_at = _place_of("store_dir", options.store_dir, options.config)
    if kept_at.root == pages_at.root:
        raise UsageError(f"store_dir {kept_at.root} is output_dir itself; name another folder")
    return Apart(pages_at, kept_at)


def _lies_elsewhere(output: Output) -> bool:
    """Whether an output's `data` is a link to another disk, or one that is mounted there: from here nothing can be renamed into it."""
    try:
        return (
            not is_address(output.root)
            and os.stat(output.store).st_dev != os.stat(output.root).st_dev
        )
    except OSError:  # it is not there yet
        return False


def _streams(options: argparse.Namespace, command: str) -> list[Stream]:
    flags = {name: value for name in ONE_STREAM if (value := getattr(options, name)) is not None}
    if command == "import-prototype" and options.database is None:
        raise UsageError(
            "--database is not given; it names the prototype's observing_monitor.sqlite3"
        )
    if options.database is not None and command != "import-prototype":
        raise UsageError(f"--database is for import-prototype, not for {command}")
    if options.config and command == "import-prototype":
        flags = {name: value for name, value in flags.items() if name not in ("stream", "gen")}
    if options.config:
        if flags:
            raise UsageError(
                f"{', '.join(flags)}: for one stream without a settings file; with {options.config}, set it in a stream's own table"
            )
        return config.streams_of_file(options.config)
    if not options.input_dir:
        raise UsageError(
            "no stream; give --input_dir DIR --output_dir DIR, or -c FILE (observing_monitor --help has examples)"
        )
    last = (
        options.input_dir.rpartition("/")[2]
        if is_address(options.input_dir)
        else options.input_dir.absolute().name
    )
    usual = re.sub(r"[^\w.+-]+", "_", last, flags=re.ASCII).lstrip("._+-") or "stream"
    return [config.stream_of_flags(flags.pop("stream", usual), **flags)]


def _check_settings(
    options: argparse.Namespace, streams: list[Stream], now: datetime.datetime
) -> None:
    """Let every source see its settings before anything is done; UsageError that names the file and the source."""
    from observing_monitor.collect import make_sources

    for stream in [version for described in streams for version in described.versions]:
        try:
            make_sources(stream, now)
        except UsageError as error:
            raise UsageError(
                f"{options.config or 'the command line'}: [streams.{stream.name}] {error}"
            ) from error


def _nights(
    options: argparse.Namespace, stream: Stream, now: datetime.datetime
) -> list[datetime.date]:
    """The nights asked for, in order; UsageError where the options name none."""
    num_days, first, last = _days(options)
    if num_days is not None and not 1 <= num_days <= MAX_DAYS:
        raise UsageError(
            f"--num_days {num_days} is no number of nights; give 1 or more, and {MAX_DAYS:,} at most"
        )
    tonight = stream.rule.night_of(now)
    if first and last and first > last:
        raise UsageError(f"--first_day {first} comes after --last_day {last}; swap them")
    earliest = first or (last - ONE_DAY * ((num_days or USUAL_DAYS) - 1) if last else tonight)
    if earliest > tonight:
        which = f"--first_day {first}" if first else f"--last_day {last}"
        raise UsageError(f"{which} is yet to come; tonight is {tonight} in {stream.name}")
    if first and last and num_days and (last - first).days + 1 != num_days:
        words = f"--first_day {first} to --last_day {last} are {(last - first).days + 1:,} nights, and --num_days says {num_days:,}"
        raise UsageError(f"{words}; two of the three are enough")
    if first:
        return nights_between(
            first, min(last or (first + ONE_DAY * (num_days - 1) if num_days else tonight), tonight)
        )
    return nights_between(
        (last or tonight) - ONE_DAY * ((num_days or USUAL_DAYS) - 1), min(last or tonight, tonight)
    )


def _days(
    options: argparse.Namespace,
) -> tuple[int | None, datetime.date | None, datetime.date | None]:
    """num_days, first_day and last_day as they count: two of them are enough, and what was given farthest from the user gives way."""
    names = ("num_days", "first_day", "last_day")
    given = {
        name: options.nearness.get(name, 3) for name in names if getattr(options, name) is not None
    }
    if {"num_days", "first_day"} <= set(given) and len(set(given.values())) > 1:
        # the last night is needed by neither: without it, it is tonight or follows from these two
        weighed = given if len(given) == 3 else ("num_days", "first_day")
        del given[min(weighed, key=lambda name: given[name])]
    num_days, first, last = (getattr(options, name) if name in given else None for name in names)
    return num_days, first, last


def _redaction(options: argparse.Namespace) -> redact.Redaction:
    """What is hidden from what is public; UsageError where it can't be."""
    texts = options.redact or []
    if texts:
        redact.check(
            texts, "".join(path.read_text(encoding="utf-8") for path in pages.template_files())
        )
    return redact.Redaction(texts)


def _place_of(
    name: str, place: str | Path, config_file: str | None, redaction: redact.Redaction | None = None
) -> Output:
    """Where something is written, as a setting of that name says: a folder, or in an object store."""
    if not is_address(place):
        return Output(place, redaction)
    from observing_monitor.objects import ObjectOutput

    try:
        return ObjectOutput(str(place), config.storage_of_file(config_file, str(place)), redaction)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _check_addresses_apart(name: str, folder: str, source: str, stream: str) -> None:
    """Refuse an output and a source that lie in each other: what is read would be listed for what is written, or the reverse."""
    from observing_monitor.objects import lies_in

    if lies_in(folder, source) or lies_in(source, folder):
        raise UsageError(
            f"{name} {folder} and {source}, which {stream} reads, lie in each other; choose another prefix"
        )


def _check_apart(output: Output, streams: list[Stream]) -> None:
    """Refuse an output that lies in a directory that is read, whatever links lead there: the pages would be taken for files."""
    versions = [version for described in streams for version in described.versions]
    read = {
        (str(path), stream.name)
        for stream in versions
        for s in stream.sources
        if (path := getattr(s.settings, "path", None))
    }
    for path, stream_name in sorted(read):
        # a disk that is down is taken as its path says
        really = (
            ""
            if is_address(path)
            else within(LOOK_S, functools.partial(os.path.realpath, path), os.path.abspath(path))
        )
        for name, folder in (("output_dir", output.root), ("store_dir", output.store)):
            if is_address(path) or is_address(folder):
                _check_addresses_apart(name, folder, path, stream_name)
            elif Path(os.path.realpath(folder)).is_relative_to(really):
                raise UsageError(
                    f"{name} {folder} lies in {path}, which {stream_name} reads; choose a folder outside it"
                )


def _check_alone(output: Output, streams: list[Stream]) -> None:
    """Refuse to lay the pages of one stream, which lie at the top, over those of other streams."""
    if any(stream.folder for stream in streams):
        return
    own = {f"stream={stream.name}" for stream in streams}
    there = [name for name in output.names("data") if name.startswith("stream=")]
    others = [name.removeprefix("stream=") for name in sorted(there) if name not in own]
    if others:
        words = "choose another folder, or describe the streams in a settings file"
        raise UsageError(
            f"output_dir {output.root} holds the pages of {', '.join(others)}; {words}"
        )


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
        _log_run(options, command, now, 0, NO_COUNTS, 0, LOCKED)
        raise
    except (UsageError, OutputError, KeyboardInterrupt) as error:
        code, n_problems = (STOPPED, 0) if isinstance(error, KeyboardInterrupt) else (USAGE, 1)
        _log_run(options, command, now, time.monotonic() - started, NO_COUNTS, n_problems, code)
        raise


def _begin(
    command: str,
    options: argparse.Namespace,
    streams: list[Stream],
    receivers: list[config.Receiver],
    output: Output,
    now: datetime.datetime,
) -> Run:
    """What a command is to work on, as the options say."""
    from observing_monitor.run import Run

    return Run(
        streams,
        output,
        now,
        title=options.title,
        site_url=options.site_url,
        known=_known(options, streams),
        receivers=receivers,
        prometheus_file=options.prometheus_file,
        limit_s=(options.max_run_s or MAX_RUN_S)
        if command in ("run", "collect", "publish")
        else options.max_run_s or math.inf,
        is_of_history=command in LONG,
        progress=functools.partial(_progress, command),
    )


def _work(
    command: str, options: argparse.Namespace, run: Run, nights: Mapping[str, list[datetime.date]]
) -> int:
    """Collect, publish, or both; returns the exit code."""
    from observing_monitor.run import COLLECTING, executor_of

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
        run.n_new(asked) > 1 and (options.jobs or (len(run.streams) == 1 and is_cheap_to_copy()))
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
    code = _end(command, options, run)
    if command != "collect":
        log.info("%s", run.output.path("index.html"))
    return code


def _end(command: str, options: argparse.Namespace, run: Run) -> int:
    """Tell what went wrong, and in one line what a run came to; returns the exit code."""
    for problem in run.problems:
        log.warning("%s", problem)
    counts = {"nights": run.n_looked, "changed": run.n_changed, "pages": run.n_pages}
    return _log_run(options, command, run.now, run.seconds, counts, len(run.problems))


def _log_run(
    options: argparse.Namespace,
    command: str,
    now: datetime.datetime,
    took_s: float,
    counts: Mapping[str, int],
    n_problems: int,
    code: int | None = None,
) -> int:
    """Tell in one line what a run came to, on stderr where somebody looks and in log_file; returns the exit code."""
    code = code or (INCOMPLETE if n_problems else OK)
    told = {
        "at": iso_utc(now.replace(microsecond=0)),
        "command": command,
        **counts,
        "seconds": f"{took_s:.2f}",
        "problems": n_problems,
        "exit": code,
    }
    line = " ".join(f"{name}={value}" for name, value in told.items())
    log.info("%s", line)
    if options.log_file:
        try:
            with open(options.log_file, "a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            log.warning(
                "log_file %s: %s; it must be a file that can be written",
                options.log_file,
                (error.strerror or str(error)).lower(),
            )
            code = code or INCOMPLETE
    return code


def _import_prototype(options: argparse.Namespace, run: Run) -> int:
    """Take over a prototype's history and make its pages; prints what came of it, and returns the exit code."""
    from observing_monitor.prototype import import_history

    stream = _stream_named(options, run.streams)
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
    return _end("import-prototype", options, run)


def _prune(options: argparse.Namespace, run: Run, nights: Mapping[str, list[datetime.date]]) -> int:
    """Tell what is older than it is kept, and with --yes remove it; returns the exit code."""
    from observing_monitor import retention

    if options.nearness.get("first_day") == 3 or options.nearness.get("last_day") == 3:
        raise UsageError(
            "--first_day and --last_day are not for prune; the ages tell which nights go"
        )
    planned = []
    for stream in run.streams:
        ages = {
            what: _age(options, stream, name, nights[stream.name])
            for what, name in retention.SETTINGS.items()
        }
        tonight = stream.rule.night_of(run.now)
        planned.append((stream, retention.plan(stream, run.output, ages, tonight)))
        tell(f"{stream.name}: tonight is {tonight}")
        for what, going in planned[-1][1].items():
            _print_going(retention.SETTINGS[what], going, what == retention.PAGE)
    goings = [going for _, of_stream in planned for going in of_stream.values()]
    n_files, n_bytes = (
        sum(going.n_files for going in goings),
        sum(going.n_bytes for going in goings),
    )
    if not options.yes:
        words = f"nothing was removed; --yes removes these {n_files:,} files, {_megabytes(n_bytes)}"
        tell(words if n_files else "nothing is to be removed")
        return OK
    retention.prune(planned, run.output, run.now, run.publish)
    tell(f"{n_files:,} files were removed, {_megabytes(n_bytes)}")
    run.n_looked = len(
        {
            (stream.name, night)
            for stream, of_stream in planned
            for going in of_stream.values()
            for night in going.nights
        }
    )
    return _end("prune", options, run)


def _age(
    options: argparse.Namespace, stream: Stream, name: str, nights: Sequence[datetime.date]
) -> int | None:
    """How many nights of a stream are kept: as the command line says, else the stream's table, else the settings of all streams."""
    asked, own = getattr(options, name), getattr(stream, name)
    age: int | None = own if own is not None and options.nearness.get(name, 0) < 2 else asked
    if age is not None and age < len(nights):
        words = f"a run looks at {len(nights)} nights of {stream.name}"
        raise UsageError(
            f"{name} = {age} is too few: {words}, and would make anew what was removed; write {len(nights)} or more"
        )
    return age


def _print_going(name: str, going: Going, is_page: bool) -> None:
    if going.keep_days is None:
        tell(f"  {name:18} not set: all stay")
        return
    words = "nothing older is there"
    if going.nights:
        n_nights, n_files = _counted(len(going.nights), "night"), _counted(going.n_files, "file")
        words = f"{n_nights}, {going.nights[0]} to {going.nights[-1]}: {n_files}, {_megabytes(going.n_bytes)}"
        words += (
            "; a small page with the night's numbers takes the place of each" if is_page else ""
        )
    if going.back:
        comes = "comes" if len(going.back) == 1 else "come"
        words += f"; {_counted(len(going.back), 'page')} {comes} back, {going.back[0]} to {going.back[-1]}"
    tell(f"  {name:18} = {going.keep_days}: {words}")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def _stream_named(options: argparse.Namespace, streams: list[Stream]) -> Stream:
    """The one stream that a command is for: that of --stream, or the only one."""
    if len(streams) == 1 and (not options.config or options.stream in (None, streams[0].name)):
        return streams[0]
    names = ", ".join(stream.name for stream in streams)
    found = next((stream for stream in streams if stream.name == options.stream), None)
    if found is None:
        words = (
            f"--stream {options.stream}: there is no such stream"
            if options.stream
            else "--stream is not given"
        )
        raise UsageError(f"{words}; it is one of {names}")
    return found


def _known(options: argparse.Namespace, streams: list[Stream]) -> Known:
    """What the file of known issues says; nothing where none is named, and none is beside the settings file."""
    from observing_monitor import known

    path = options.known_issues
    if path is None:
        path = Path(options.config).parent / "known.yaml" if options.config else None
        if path is None or not path.exists():
            return known.Known()
    return known.read_known(path, [stream.name for stream in streams])


def _notify(
    options: argparse.Namespace, receivers: list[config.Receiver], now: datetime.datetime
) -> int:
    """Send every receiver a message to try it out, and print how that went; returns the exit code."""
    from observing_monitor import notify

    if not receivers:
        raise UsageError(
            f"{options.config or 'the command line'}: names no receiver; add a table [notify.NAME] with a type"
        )
    code = OK
    for receiver, fault in notify.try_out(
        receivers, options.title, options.site_url, _redaction(options), now
    ):
        tell(f"  FAILED {receiver.name}: {fault}" if fault else f"  ok     {receiver.name}: told")
        code = INCOMPLETE if fault else code
    return code


@contextlib.contextmanager
def _progress(command: str, what: str, total: int | None) -> Iterator[Callable[[Any], None] | None]:
    """A function to call at every step: a bar in a terminal, a line every half minute elsewhere; for what may take long."""
    if command not in LONG:
        yield None
        return
    from tqdm import tqdm

    started = last = time.monotonic()
    n_nights = n_files = 0
    with tqdm(total=total, desc=what, unit="night", disable=None) as bar:

        def step(result: Any) -> None:
            nonlocal last, n_nights, n_files
            n_nights, n_files = n_nights + 1, n_files + getattr(result, "n_files", 0)
            seconds = max(time.monotonic() - started, 1e-3)
            if n_files:
                bar.set_postfix_str(f"{n_files / seconds:,.0f} files/s", refresh=False)
            bar.update()
            if bar.disable and time.monotonic() - last > LINE_EVERY_S:
                last = time.monotonic()
                log.warning("%s: %s", what, _progress_words(n_nights, total, n_files, seconds))

        yield step


def _progress_words(n_nights: int, total: int | None, n_files: int, seconds: float) -> str:
    """`120 of 1,000 nights, 24,000 files/s, 12 min 3 s left`."""
    from observing_monitor.pages import seconds as in_words

    words = f"{n_nights:,} of {total:,} nights" if total else f"{n_nights:,} nights"
    words += f", {n_files / seconds:,.0f} files/s" if n_files else ""
    return words + (f", {in_words(seconds / n_nights * (total - n_nights))} left" if total else "")


def _check(
    options: argparse.Namespace,
    streams: list[Stream],
    nights: dict[str, list[datetime.date]],
    now: datetime.datetime,
) -> int:
    """Print of the settings, the output and each source what was found; returns the exit code."""
    from observing_monitor import check

    output = _output(options) if options.output_dir else None
    if output:
        _check_apart(output, streams)
        _check_alone(output, streams)
    answers = [check.check_output(output, streams, now)]
    tell(f"settings {options.config or 'of the command line'}: {_counted(len(streams), 'stream')}")
    _print_answer(answers[0], f"output {output.root if output else ''}".strip())
    known = _known(options, streams)
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
