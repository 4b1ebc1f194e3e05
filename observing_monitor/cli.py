"""Arguments to settings, errors to exit codes; the only room that prints."""

import argparse
import contextlib
import datetime
import fcntl
import glob
import logging
import os
import re
import sys
import time
from pathlib import Path

import configargparse

from observing_monitor import __version__, config, pages, redact
from observing_monitor.errors import LockedError, ObservingMonitorError, OutputError, SourceError, UsageError
from observing_monitor.files import Output
from observing_monitor.nights import ONE_DAY, nights_between, parse_night
from observing_monitor.pages import visible

OK, INCOMPLETE, USAGE, LOCKED = 0, 1, 2, 75
MAX_DAYS = 36_600  # a century
ONE_STREAM = ("input_dir", "gen", "query_links", "stream", "night_rule", "pending_limit_s")  # what describes a stream on the command line

LINE_EVERY_S = 30  # between the lines that tell how far a rebuild is, where there is no terminal

log = logging.getLogger("observing_monitor")

COMMANDS = {
    "run": "collect what changed, then publish what changed: what cron runs, and what happens without a command",
    "collect": "read the sources into the store, make no page",
    "publish": "make the pages from the store, read no source",
    "rebuild": "collect and publish a history, in parallel; resumes where it was stopped",
    "check": "tell what the settings say and what each source answers; write nothing",
}

DESCRIPTION = "Static pages that tell, night by night, what was taken, transferred and ingested, and what was not."

EPILOG = """commands:
{commands}
  metrics   record or show a night's numbers, for the programs of a pipeline (observing_monitor metrics --help)

examples:
  observing_monitor --input_dir /data/auxTel --output_dir /www/auxTel
      the last two nights of one stream: files in /data/auxTel/storage, repository in /data/auxTel/gen2repo
  observing_monitor -c site.toml
      all streams of a settings file; put this into a crontab (see cron_observing_monitor.sh)
  observing_monitor rebuild -c site.toml --first_day 2020-01-01 --last_day 2020-12-31 --jobs 4
      a year, anew
  observing_monitor check -c site.toml
      what every source answers

exit codes: 0 all well; 1 published, but something failed; 2 usage or settings; 75 another run holds the lock
A night is a date, by the stream's rule: UTC−12 h unless set, so it runs from noon to noon UTC and is named by its evening."""


def make_parser():
    """The one parser of all commands; options come from arguments, then OBSMON_… in the environment, then the file."""

    class FileParser(config.SettingsFileParser):
        options = []

    parser = configargparse.ArgParser(
        prog="observing_monitor",
        description=DESCRIPTION,
        epilog=EPILOG.format(commands="\n".join(f"  {name:10}{words}" for name, words in COMMANDS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        config_file_parser_class=FileParser,
        auto_env_var_prefix="OBSMON_",
        add_env_var_help=False,
        add_config_file_help=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-c", "--config", is_config_file=True, env_var="OBSMON_CONFIG", metavar="FILE", help="settings file, TOML; see examples/site.toml"
    )
    parser.add_argument("--output_dir", "--output", type=Path, metavar="DIR", help="where the pages and the store are written")
    parser.add_argument("--store_dir", type=Path, metavar="DIR", help="where the store is, if not in output_dir/data: out of a web server's reach")
    parser.add_argument(
        "--redact", action="append", metavar="TEXT", help="hide a folder or a host from all pages and their data; may be given again"
    )
    one = parser.add_argument_group("one stream, without a settings file")
    one.add_argument("--input_dir", type=Path, metavar="DIR", help="directory with storage/ (files) and gen2repo/ or gen3repo/")
    one.add_argument("--gen", type=int, choices=[2, 3], help="generation of the Butler repository (default 2)")
    one.add_argument(
        "--query_links",
        action="store_true",
        default=None,
        help="the repository's raw/ is not organised by night: look for links all over it",
    )
    one.add_argument("--stream", metavar="NAME", help="the stream's name (default: input_dir's)")
    one.add_argument("--night_rule", metavar="RULE", help="UTC, UTC-12h, UTC+4h, TAI-12h (default UTC-12h)")
    one.add_argument("--pending_limit_s", type=float, metavar="S", help="younger files are pending, older ones missing (default 3600)")
    which = parser.add_argument_group("which nights")
    which.add_argument("--num_days", type=int, default=2, metavar="N", help="so many nights, the last is tonight or last_day (default 2)")
    which.add_argument("--first_day", type=_night, metavar="NIGHT", help="from this night, YYYY-MM-DD or YYYYMMDD")
    which.add_argument("--last_day", type=_night, metavar="NIGHT", help="to this night, included (default: tonight)")
    how = parser.add_argument_group("how")
    how.add_argument("--title", default="Observing monitor", help="title of the site's page")
    how.add_argument("--full", action="store_true", help="look at every file of every night asked for, whatever folders' times say")
    how.add_argument(
        "--jobs", type=int, metavar="N", help="processes: for rebuild (default: one a core), for new nights of a run (default 1)"
    )
    how.add_argument("-v", "--verbose", action="store_true", help="tell what is done, even where there is no terminal")
    how.add_argument("--scheduler", metavar="ADDRESS", help="rebuild on a Dask cluster, such as tcp://head:8786, instead of --jobs")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    names = (option.removeprefix("--") for option in parser._option_string_actions if option.startswith("--"))
    FileParser.options += [name for name in names if name not in ("help", "version", "config", "output")]
    return parser


def _night(text):
    try:
        night = parse_night(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not 1900 <= night.year < 2200:  # a slip of the pen would make centuries of pages
        raise argparse.ArgumentTypeError(f"{text} is too far away; nights are those of the years 1900 to 2199")
    return night


def split_command(arguments):
    """The command, and the other arguments; the command may stand first or last, and is `run` where there is none."""
    for at in (0, -1):
        if arguments and arguments[at] in COMMANDS and (at == 0 or len(arguments) == 1 or not _takes_value(arguments[-2])):
            rest = arguments[1:] if at == 0 else arguments[:-1]
            return arguments[at], rest
    return "run", list(arguments)


def _takes_value(argument):
    """Whether what follows this argument is its value: a long option or -c without `=`, and no switch."""
    switches = ("--query_links", "--full", "--verbose", "-v")
    return argument.startswith("-") and "=" not in argument and argument not in switches


def main(arguments=None, now=None):
    """Run the command line, as of `now` (an aware datetime, by default the clock's); returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    now = now or datetime.datetime.now(datetime.UTC)
    # Arrow's own allocators keep what a full night took; the system's gives it back
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if arguments[:1] == ["metrics"]:
        from observing_monitor import metrics_cli

        return metrics_cli.main(arguments[1:])
    try:
        command, rest = split_command(arguments)
        options = make_parser().parse_args(rest)
        _set_up_log(options.verbose)
        return _run(command, options, now)
    except LockedError as error:
        _complain(error)
        return LOCKED
    except (UsageError, OutputError) as error:
        _complain(error)
        return USAGE
    except OSError as error:
        if error.filename is None:
            raise
        words = f"{(error.strerror or str(error)).lower()}; output_dir must be a folder that can be read and written"
        _complain(f"{error.filename}: {words}")
        return USAGE
    except KeyboardInterrupt:
        print("observing_monitor: stopped; what was finished is kept, the next run goes on from there", file=sys.stderr)
        return 130


def _complain(error):
    print(visible(f"observing_monitor: {error}"), file=sys.stderr)


def _set_up_log(verbose):
    """Messages to stderr: warnings, and where somebody looks, what is done as well."""
    level = logging.INFO if verbose or sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setFormatter(_Plain("observing_monitor: %(message)s"))


class _Plain(logging.Formatter):
    """A record as text that speaks to no terminal: file names and other people's messages may hold its language."""

    def formatMessage(self, record):  # noqa: N802 - logging's own name
        return super().formatMessage(record).replace("\n", "␊")

    def format(self, record):
        return visible(super().format(record))


def _run(command, options, now):
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs} is no number of processes; give 1 or more")
    streams = _streams(options)
    _check_settings(options, streams, now)
    nights = {stream.name: _nights(options, stream, now) for stream in streams}
    if command == "check":
        return _check(streams, nights, now)
    if options.output_dir is None:
        raise UsageError("output_dir is not set; give --output_dir DIR, or output_dir in [observing_monitor] of the settings file")
    output = _output(options)
    _check_apart(output, streams)
    _check_alone(output, streams)
    output.make()
    with _lock(output):
        output.sweep()
        code = _work(command, options, streams, nights, output, now)
        output.sweep()  # what a worker that died was writing
        return code


def _output(options):
    """The output as the options describe it; UsageError where what is to be hidden would be served all the same."""
    texts = options.redact or []
    if texts and options.store_dir is None:
        words = "the store, which keeps the truth, would lie beside the pages; set store_dir to a folder that no web server shows"
        raise UsageError(f"redact hides {texts[0]!r} and more from the pages, but {words}")
    if texts:
        redact.check(texts, "".join(path.read_text(encoding="utf-8") for path in pages.templates_dir().glob("**/*.*")))
    return Output(options.output_dir, options.store_dir, redact.Redaction(texts))


def _streams(options):
    flags = {name: value for name in ONE_STREAM if (value := getattr(options, name)) is not None}
    if options.config:
        if flags:
            raise UsageError(
                f"{', '.join(flags)}: for one stream without a settings file; with {options.config}, set it in a stream's own table"
            )
        return config.streams_of_file(options.config)
    if not options.input_dir:
        raise UsageError("no stream; give --input_dir DIR --output_dir DIR, or -c FILE (observing_monitor --help has examples)")
    usual = re.sub(r"[^\w.+-]+", "_", options.input_dir.absolute().name, flags=re.ASCII).lstrip("._+-") or "stream"
    return [config.stream_of_flags(flags.pop("stream", usual), **flags)]


def _check_settings(options, streams, now):
    """Let every source see its settings before anything is done; UsageError that names the file and the source."""
    from observing_monitor.collect import make_sources

    for stream in streams:
        try:
            make_sources(stream, now)
        except UsageError as error:
            raise UsageError(f"{options.config or 'the command line'}: [streams.{stream.name}] {error}") from error


def _nights(options, stream, now):
    """The nights asked for, in order; UsageError where the options name none."""
    if not 1 <= options.num_days <= MAX_DAYS:
        raise UsageError(f"--num_days {options.num_days} is no number of nights; give 1 or more, and {MAX_DAYS:,} at most")
    last = options.last_day or stream.rule.night_of(now)
    first = options.first_day or last - ONE_DAY * (options.num_days - 1)
    if first > last and options.last_day:
        raise UsageError(f"--first_day {first} comes after --last_day {last}; swap them")
    if first > last:
        raise UsageError(f"--first_day {first} is yet to come; tonight is {last} in {stream.name}")
    return nights_between(first, last)


def _check_apart(output, streams):
    """Refuse an output that lies in a directory that is read: the pages would be taken for files."""
    for stream in streams:
        for source in stream.sources:
            path = getattr(source.settings, "path", None)
            for name, folder in (("output_dir", output.root), ("store_dir", output.store)):
                if path and Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(path)):
                    raise UsageError(f"{name} {folder} lies in {path}, which {stream.name} reads; choose a folder outside it")


def _check_alone(output, streams):
    """Refuse to lay the pages of one stream, which lie at the top, over those of other streams."""
    if any(stream.folder for stream in streams):
        return
    own = {f"stream={stream.name}" for stream in streams}
    there = glob.glob("stream=*", root_dir=output.path("data"))
    others = [name.removeprefix("stream=") for name in sorted(there) if name not in own]
    if others:
        words = "choose another folder, or describe the streams in a settings file"
        raise UsageError(f"output_dir {output.root} holds the pages of {', '.join(others)}; {words}")


@contextlib.contextmanager
def _lock(output):
    """Hold the output's lock; the kernel releases it if the process dies. LockedError where another run has it."""
    path = output.path(".lock")
    try:
        file = open(path, "a")  # noqa: SIM115 - closed below, after the work
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror.lower()}; output_dir must be a folder that can be written") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(f"{path}: another run is at work on this output; this one does nothing") from error
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror.lower()}; output_dir must be on a disk that knows locks") from error
        yield


def _work(command, options, streams, nights, output, now):
    """Collect, publish, or both; returns the exit code."""
    from observing_monitor import previews, publish
    from observing_monitor.collect import collect
    from observing_monitor.site import make_site
    from observing_monitor.store import Store

    started = time.monotonic()
    problems, read, n_changed, n_looked = [], {}, 0, 0
    site = make_site(options.title, streams, output)
    n_new = max(sum(not Store(output, stream.name).read_looked(night) for night in nights[stream.name]) for stream in streams)
    with _executor(command, options, n_new) as executor:
        for stream in streams if command != "publish" else []:
            asked, unasked = _asked(command, options, stream, nights[stream.name], now)
            with _progress(command, f"{stream.name}: collecting", len(asked)) as step:
                outcomes = collect(stream, asked, output, now, look_at_everything=options.full, executor=executor, progress=step)
            read[stream.name] = _source_faults(stream, unasked, outcomes)
            told = [*unasked.values(), *(text for outcome in outcomes for text in outcome.problems.values())]
            problems += [f"{stream.name}: {text}" for text in dict.fromkeys(told)]
            n_looked += len(outcomes)
            n_changed += sum(outcome.is_changed for outcome in outcomes)
            if stream.previews:
                problems += previews.make_previews(stream, output)
        done = publish.Published()
        if command != "collect":
            with _progress(command, "publishing", None) as step:
                done = publish.publish(site, now, executor, step)
            problems += done.problems
        publish.write_heartbeat(site, now, read)
    for problem in problems:
        log.warning("%s", problem)
    seconds = time.monotonic() - started
    log.info(
        "%d nights looked at, %d changed, %d pages written, %.1f s, %d problems", n_looked, n_changed, done.n_pages, seconds, len(problems)
    )
    if command != "collect":
        log.info("%s", output.path("index.html"))
    return INCOMPLETE if problems else OK


def _source_faults(stream, unasked, outcomes):
    faults = {source.name: None for source in stream.sources} | unasked
    for outcome in outcomes:
        faults.update(outcome.problems)
    return faults


def _asked(command, options, stream, nights, now):
    """The nights to collect; a rebuild without days takes every night that the stream's sources know.

    Beside them the sources that could not say which they know: name -> why.
    """
    if command != "rebuild" or options.first_day or options.last_day:
        return nights, {}
    from observing_monitor.collect import make_sources

    known, faults = set(), {}
    for source in make_sources(stream, now):
        try:
            known |= set(source.nights())
        except SourceError as error:
            faults[source.name] = str(error)
    return sorted(known), faults


@contextlib.contextmanager
def _executor(command, options, n_new):
    """Workers (`workers.Workers`) for a rebuild, and with --jobs for several new nights; None, for this process alone, else."""
    is_much = command == "rebuild" or (options.jobs and n_new > 1)
    jobs = options.jobs or os.cpu_count() or 1
    if not is_much or (jobs == 1 and not options.scheduler):
        yield None
        return
    from observing_monitor import workers

    with workers.cluster(options.scheduler) if options.scheduler else workers.processes(jobs) as made:
        yield made


@contextlib.contextmanager
def _progress(command, what, total):
    """A function to call at every step: a bar in a terminal, a line every half minute elsewhere; only for rebuild."""
    if command != "rebuild":
        yield None
        return
    from tqdm import tqdm

    started = last = time.monotonic()
    n_nights = n_files = 0
    with tqdm(total=total, desc=what, unit="night", disable=None) as bar:

        def step(result):
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


def _progress_words(n_nights, total, n_files, seconds):
    """`120 of 1,000 nights, 24,000 files/s, 12 min 3 s left`."""
    from observing_monitor.pages import seconds as in_words

    words = f"{n_nights:,} of {total:,} nights" if total else f"{n_nights:,} nights"
    words += f", {n_files / seconds:,.0f} files/s" if n_files else ""
    return words + (f", {in_words(seconds / n_nights * (total - n_nights))} left" if total else "")


def _check(streams, nights, now):
    """Print, source by source, what was found; returns the exit code."""
    from observing_monitor.collect import make_sources

    failed = False
    for stream in streams:
        print(f"stream {stream.name}: a night is the date of {stream.rule.text}")
        for described, source in zip(stream.sources, make_sources(stream, now), strict=True):
            try:
                known = sorted(source.nights())
                span = f"{len(known)} nights, {known[0]} to {known[-1]}" if known else "no night yet"
                for night in nights[stream.name]:
                    source.look(night, None)
                print(visible(f"  ok     {source.name} at {described.place}: {span}".replace("\n", "␊")))
            except ObservingMonitorError as error:
                failed = True
                print(visible(f"  FAILED {source.name}: {error}".replace("\n", "␊")))
    return INCOMPLETE if failed else OK
