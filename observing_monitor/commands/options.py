"""Turn options into streams, nights and what they work with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import ONE_STREAM
from observing_monitor.errors import UsageError
from observing_monitor.model.nights import ONE_DAY, nights_between
from observing_monitor.pages import render
from observing_monitor.processes.machine import MAX_JOBS
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings.read import stream_of_flags, streams_of_file
from observing_monitor.settings.toml import folder_of
from observing_monitor.storage import redact

if TYPE_CHECKING:
    import argparse
    import datetime

    from observing_monitor.judging.known_issues import KnownIssues
    from observing_monitor.settings.stream import Stream


MAX_DAYS = 36_600  # a century
USUAL_DAYS = 2  # nights that a run looks at: tonight may just have begun
LONG_COMMANDS = ("rebuild", "import-prototype")  # they work on a history


def check_options(options: argparse.Namespace, command: str) -> None:
    """Raise UsageError if an option is impossible for a command."""
    if options.jobs is not None and not 1 <= options.jobs <= MAX_JOBS:
        words = f"is no number of processes; give 1 or more, and {MAX_JOBS:,} at most"
        raise UsageError(f"--jobs {options.jobs} {words}")
    if options.max_run_s is not None and not options.max_run_s > 0:
        words = "is no length of a run; give seconds, more than 0"
        raise UsageError(f"--max_run_s {options.max_run_s:g} {words}")
    if options.from_scratch and command != "rebuild":
        raise UsageError(f"--from-scratch is for rebuild, not for {command}; leave it out")
    if options.site_url and not re.match(r"https?://[^\s/?#]+[^\s?#]*$", options.site_url):
        words = "is no address; write one such as https://example.org/nights/"
        raise UsageError(f"--site_url {options.site_url!r} {words}")
    if options.all and command != "publish":
        raise UsageError(f"--all is for publish, not for {command}; leave it out")
    if command == "import-prototype" and options.database is None:
        words = "it names the prototype's observing_monitor.sqlite3"
        raise UsageError(f"--database is not given; {words}")
    if command != "import-prototype" and options.database is not None:
        raise UsageError(f"--database is for import-prototype, not for {command}; leave it out")


def read_streams(options: argparse.Namespace, command: str) -> list[Stream]:
    """Return the streams of the settings or the command line."""
    flags = {name: value for name in ONE_STREAM if (value := getattr(options, name)) is not None}
    if options.config:
        if command == "import-prototype":  # they say which history to import
            flags = {name: value for name, value in flags.items() if name not in ("stream", "gen")}
        if flags:
            words = "for one stream without a settings file"
            remedy = f"with {options.config}, set it in a stream's own table"
            raise UsageError(f"{', '.join(flags)}: {words}; {remedy}")
        return streams_of_file(options.config)
    if not options.input_dir:
        words = "give --input_dir DIR --output_dir DIR, or -c FILE"
        raise UsageError(f"no stream; {words} (observing_monitor --help has examples)")
    return [stream_of_flags(flags.pop("stream", _usual_name(options.input_dir)), **flags)]


def _usual_name(input_dir: str | Path) -> str:
    """Return the default name of a stream, after its folder."""
    address = is_address(input_dir)
    last = str(input_dir).rpartition("/")[2] if address else Path(input_dir).absolute().name
    return re.sub(r"[^\w.+-]+", "_", last, flags=re.ASCII).lstrip("._+-") or "stream"


def check_sources(
    options: argparse.Namespace, streams: list[Stream], now: datetime.datetime
) -> None:
    """Let every source check its settings before anything is done.

    Raises
    ------
    UsageError
        A setting is wrong; the message names the file and the source.
    """
    from observing_monitor.collecting.sources import make_sources

    for stream in [version for described in streams for version in described.versions]:
        try:
            make_sources(stream, now)
        except UsageError as error:
            where = options.config or "the command line"
            raise UsageError(f"{where}: [streams.{stream.name}] {error}") from error


def nights_of_run(
    options: argparse.Namespace, stream: Stream, now: datetime.datetime
) -> list[datetime.date]:
    """Return the nights that the options choose, in order.

    Raises
    ------
    UsageError
        They choose none, or contradict each other.
    """
    num_days, first, last = _days(options)
    tonight = stream.rule.night_of(now)
    _check_days(num_days, first, last)
    n_nights = num_days or USUAL_DAYS
    earliest = first or (last - ONE_DAY * (n_nights - 1) if last else tonight)
    if earliest > tonight:
        which = f"--first_day {first}" if first else f"--last_day {last}"
        raise UsageError(f"{which} is yet to come; tonight is {tonight} in {stream.name}")
    if first:
        end = last or (first + ONE_DAY * (num_days - 1) if num_days else tonight)
        return nights_between(first, min(end, tonight))
    end = last or tonight
    return nights_between(end - ONE_DAY * (n_nights - 1), min(end, tonight))


def _check_days(
    num_days: int | None, first: datetime.date | None, last: datetime.date | None
) -> None:
    """Raise UsageError if the options for nights contradict each other."""
    if num_days is not None and not 1 <= num_days <= MAX_DAYS:
        words = f"give 1 or more, and {MAX_DAYS:,} at most"
        raise UsageError(f"--num_days {num_days} is no number of nights; {words}")
    if first and last and first > last:
        raise UsageError(f"--first_day {first} comes after --last_day {last}; swap them")
    if first and last and num_days and (last - first).days + 1 != num_days:
        span = f"--first_day {first} to --last_day {last} are {(last - first).days + 1:,} nights"
        words = f"and --num_days says {num_days:,}; two of the three are enough"
        raise UsageError(f"{span}, {words}")


def _days(
    options: argparse.Namespace,
) -> tuple[int | None, datetime.date | None, datetime.date | None]:
    """Return num_days, first_day and last_day as they count.

    Two of them are enough. If there are more, the one that was given farthest from the user
    gives way.
    """
    names = ("num_days", "first_day", "last_day")
    given = {
        name: options.nearness.get(name, 3) for name in names if getattr(options, name) is not None
    }
    if {"num_days", "first_day"} <= set(given) and len(set(given.values())) > 1:
        # without the last night, it is tonight, or follows from the other two
        weighed = given if len(given) == 3 else ("num_days", "first_day")
        del given[min(weighed, key=lambda name: given[name])]
    num_days, first, last = (getattr(options, name) if name in given else None for name in names)
    return num_days, first, last


def make_redaction(options: argparse.Namespace) -> redact.Redaction:
    """Return what is hidden from the pages.

    Raises
    ------
    UsageError
        A text cannot be hidden, for example because the templates contain it.
    """
    texts = options.redact or []
    if texts:
        templates = (path.read_text(encoding="utf-8") for path in render.template_files())
        redact.check(texts, "".join(templates))
    return redact.Redaction(texts)


def stream_named(options: argparse.Namespace, streams: list[Stream]) -> Stream:
    """Return the stream that `--stream` names, or the only one.

    Raises
    ------
    UsageError
        There is no such stream, or several and none is named.
    """
    if len(streams) == 1 and (not options.config or options.stream in (None, streams[0].name)):
        return streams[0]
    for stream in streams:
        if stream.name == options.stream:
            return stream
    asked = f"--stream {options.stream}: there is no such stream"
    names = ", ".join(stream.name for stream in streams)
    raise UsageError(
        f"{asked if options.stream else '--stream is not given'}; it is one of {names}"
    )


def read_known_issues(options: argparse.Namespace, streams: list[Stream]) -> KnownIssues:
    """Return the known issues of --known_issues, or of known.yaml."""
    from observing_monitor.judging import known_issues

    path = options.known_issues
    if path is None:
        path = folder_of(options.config) / "known.yaml" if options.config else None
        if path is None or not path.exists():
            return known_issues.KnownIssues()
    return known_issues.read_known(path, [stream.name for stream in streams])
