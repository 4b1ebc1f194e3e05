"""Turn the options of a command into streams, nights and an output."""

from __future__ import annotations

import functools
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import ONE_STREAM
from observing_monitor.errors import UsageError
from observing_monitor.model.nights import ONE_DAY, iso_utc, nights_between
from observing_monitor.pages import render
from observing_monitor.processes.timelimit import LOOK_S, within
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings.read import stream_of_flags, streams_of_file
from observing_monitor.settings.storages import storage_of_file
from observing_monitor.storage import redact
from observing_monitor.storage.output import Output, SplitOutput

if TYPE_CHECKING:
    import argparse
    import datetime
    from collections.abc import Mapping

    from observing_monitor.commands.run import Run
    from observing_monitor.judging.known_issues import KnownIssues
    from observing_monitor.settings.stream import Stream


OK, INCOMPLETE, USAGE, LOCKED, STOPPED = 0, 1, 2, 75, 130
MAX_DAYS = 36_600  # a century
USUAL_DAYS = 2  # nights that a run looks at: tonight may have begun only just now
LONG = ("rebuild", "import-prototype")  # commands that work on a history

log = logging.getLogger("observing_monitor")


def open_output(options: argparse.Namespace) -> Output:
    """The output as the options describe it; UsageError where what is to be hidden would be served all the same."""
    texts, redaction = options.redact or [], make_redaction(options)
    if texts and options.store_dir is None:
        words = "the store, which keeps the truth, would lie beside the pages; set store_dir to a folder that no web server shows"
        raise UsageError(f"redact hides {texts[0]!r} and more from the pages, but {words}")
    pages_at = _place_of("output_dir", options.output_dir, options.config, redaction)
    if options.store_dir is None:
        return (
            SplitOutput(pages_at, Output(pages_at.store)) if _lies_elsewhere(pages_at) else pages_at
        )
    kept_at = _place_of("store_dir", options.store_dir, options.config)
    if kept_at.root == pages_at.root:
        raise UsageError(f"store_dir {kept_at.root} is output_dir itself; name another folder")
    return SplitOutput(pages_at, kept_at)


def _lies_elsewhere(output: Output) -> bool:
    """Whether an output's `data` is a link to another disk, or one that is mounted there: from here nothing can be renamed into it."""
    try:
        return (
            not is_address(output.root)
            and os.stat(output.store).st_dev != os.stat(output.root).st_dev
        )
    except OSError:  # it is not there yet
        return False


def read_streams(options: argparse.Namespace, command: str) -> list[Stream]:
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
        return streams_of_file(options.config)
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
    return [stream_of_flags(flags.pop("stream", usual), **flags)]


def check_settings(
    options: argparse.Namespace, streams: list[Stream], now: datetime.datetime
) -> None:
    """Let every source see its settings before anything is done; UsageError that names the file and the source."""
    from observing_monitor.collecting.sources import make_sources

    for stream in [version for described in streams for version in described.versions]:
        try:
            make_sources(stream, now)
        except UsageError as error:
            raise UsageError(
                f"{options.config or 'the command line'}: [streams.{stream.name}] {error}"
            ) from error


def nights_of_run(
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


def make_redaction(options: argparse.Namespace) -> redact.Redaction:
    """What is hidden from what is public; UsageError where it can't be."""
    texts = options.redact or []
    if texts:
        redact.check(
            texts, "".join(path.read_text(encoding="utf-8") for path in render.template_files())
        )
    return redact.Redaction(texts)


def _place_of(
    name: str, place: str | Path, config_file: str | None, redaction: redact.Redaction | None = None
) -> Output:
    """Where something is written, as a setting of that name says: a folder, or in an object store."""
    if not is_address(place):
        return Output(place, redaction)
    from observing_monitor.storage.object_output import ObjectOutput

    try:
        return ObjectOutput(str(place), storage_of_file(config_file, str(place)), redaction)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _check_addresses_apart(name: str, folder: str, source: str, stream: str) -> None:
    """Refuse an output and a source that lie in each other: what is read would be listed for what is written, or the reverse."""
    from observing_monitor.readers.object_store import lies_in

    if lies_in(folder, source) or lies_in(source, folder):
        raise UsageError(
            f"{name} {folder} and {source}, which {stream} reads, lie in each other; choose another prefix"
        )


def check_apart(output: Output, streams: list[Stream]) -> None:
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


def check_alone(output: Output, streams: list[Stream]) -> None:
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


def end(command: str, options: argparse.Namespace, run: Run) -> int:
    """Tell what went wrong, and in one line what a run came to; returns the exit code."""
    for problem in run.problems:
        log.warning("%s", problem)
    counts = {"nights": run.n_looked, "changed": run.n_changed, "pages": run.n_pages}
    return log_run(options, command, run.now, run.seconds, counts, len(run.problems))


def log_run(
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


def counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def stream_named(options: argparse.Namespace, streams: list[Stream]) -> Stream:
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


def read_known_issues(options: argparse.Namespace, streams: list[Stream]) -> KnownIssues:
    """What the file of known issues says; nothing where none is named, and none is beside the settings file."""
    from observing_monitor.judging import known_issues

    path = options.known_issues
    if path is None:
        path = Path(options.config).parent / "known.yaml" if options.config else None
        if path is None or not path.exists():
            return known_issues.KnownIssues()
    return known_issues.read_known(path, [stream.name for stream in streams])
