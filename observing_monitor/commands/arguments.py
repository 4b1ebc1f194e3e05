"""The one parser of all commands: arguments to options, what is wrong with them in one line; and how an answer is printed."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import configargparse

from observing_monitor import __version__
from observing_monitor.errors import OutputError, UsageError
from observing_monitor.model.nights import YEARS, parse_night
from observing_monitor.processes.timelimit import LIMIT_S
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings import read, toml

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence
    from typing import Any, NoReturn


MAX_RUN_S = 3600.0  # of a run, where the settings say nothing; a rebuild takes as long as it takes
# what describes a stream on the command line
ONE_STREAM = (
    "input_dir",
    "gen",
    "query_links",
    "stream",
    "night_rule",
    "pending_limit_s",
    "time_limit_s",
)

COMMANDS = {
    "run": "collect what changed, then publish what changed: what cron runs, and what happens without a command",
    "collect": "read the sources into the store, make no page",
    "publish": "make the pages from the store, read no source",
    "rebuild": "collect and publish a history, in parallel; resumes where it was stopped",
    "import-prototype": "take over the history in a prototype's observing_monitor.sqlite3 (--database), and make its pages",
    "prune": "tell what is older than keep_pages_days, keep_tables_days, keep_previews_days; with --yes, remove it",
    "notify": "send every receiver of the settings a message to try it out; nothing else",
    "check": "tell what each source has, what is wrong with it or odd, and whether the output can be written; write nothing",
}

DESCRIPTION = "Static pages that tell, night by night, what was taken, transferred and ingested, and what was not."

EPILOG = """commands:
{commands}
  metrics           record or show a night's numbers, for the programs of a pipeline (observing_monitor metrics --help)

examples:
  observing_monitor --input_dir /data/auxTel --output_dir /www/auxTel
      the last two nights of one stream: files in /data/auxTel/storage, repository in /data/auxTel/gen2repo
  observing_monitor -c site.toml
      all streams of a settings file; put this into a crontab (see cron_observing_monitor.sh)
  observing_monitor rebuild -c site.toml --first_day 2020-01-01 --last_day 2020-12-31 --jobs 4
      a year, four nights at once; what is there and did not change is not made again
  observing_monitor check -c site.toml
      what every source answers

exit codes: 0 all well; 1 published, but something failed; 2 usage, settings or output are wrong; 75 another run holds the lock
A night is a date, by the stream's rule: UTC−12 h unless set, so it runs from noon to noon UTC and is named by its evening."""


def tell(line: str, end: str = "\n") -> None:
    """Print what a command was asked for; OutputError where it can't be had, BrokenPipeError where nobody reads it any more."""
    try:
        print(
            line, end=end, flush=True
        )  # a full disk is told of here, not when the interpreter ends
    except OSError as error:
        with contextlib.suppress(
            OSError, ValueError
        ):  # what is printed yet would fail again when the interpreter ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(
            f"the answer can't be printed: {(error.strerror or str(error)).lower()}; send it where there is room"
        ) from error


class OneLine(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line: what is wrong, the nearest right word, and where to read more; exit code 2."""

    words: Iterable[str] = ()  # words that may stand among the arguments, beside the options

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print --help and --version: argparse's own passes over a disk that is full."""
        if file is sys.stdout:
            tell(message, end="")
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        import difflib

        known = [*self._option_string_actions, *self.words]
        wrong = message.partition("unrecognized arguments: ")[2].split()[:1] or re.findall(
            r"invalid choice: '([^']+)'", message
        )
        near = [
            word
            for text in wrong
            for word in difflib.get_close_matches(text.partition("=")[0], known, 1)
        ]
        hint = f"did you mean {near[0]}? " if near else ""
        hint = f"{wrong[0]} comes first, or last; " if wrong and wrong[0] in self.words else hint
        self.exit(
            2, f"{self.prog}: {' '.join(message.split())}; {hint}{self.prog} --help tells more\n"
        )


def parse(arguments: Sequence[str]) -> tuple[str, argparse.Namespace]:
    """The command and its options; their `nearness` tells of each how near to the user it was given.

    That is 3 on the command line, 2 in the environment, 1 in the settings file, 0 where nobody gave it.
    """
    command, rest = _split_command(list(arguments))
    parser = make_parser()
    options = parser.parse_args(rest)
    options.nearness = _nearness(parser, options)
    return command, options


def _split_command(arguments: list[str]) -> tuple[str, list[str]]:
    """The command, and the other arguments; the command may stand first or last, and is `run` where there is none."""
    for at in (0, -1):
        if (
            arguments
            and arguments[at] in COMMANDS
            and (at == 0 or len(arguments) == 1 or not _takes_value(arguments[-2]))
        ):
            rest = arguments[1:] if at == 0 else arguments[:-1]
            return arguments[at], rest
    return "run", list(arguments)


def _takes_value(argument: str) -> bool:
    """Whether what follows this argument is its value: a long option or -c without `=`, and no switch."""
    switches = ("--query_links", "--full", "--verbose", "-v", "--yes", "--really")
    return argument.startswith("-") and "=" not in argument and argument not in switches


def make_parser() -> configargparse.ArgParser:
    """The one parser of all commands; options come from arguments, then OBSMON_… in the environment, then the file."""

    class FileParser(read.SettingsFileParser):
        options: list[str] = []

    class Parser(OneLine, configargparse.ArgParser):  # type: ignore[misc]  # it has no annotations: its classes are Any
        words = (*COMMANDS, "metrics")

    parser = Parser(  # type: ignore[call-arg]  # those of the base without annotations
        prog="observing_monitor",
        description=DESCRIPTION,
        epilog=EPILOG.format(
            commands="\n".join(f"  {name:17} {words}" for name, words in COMMANDS.items())
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        config_file_parser_class=FileParser,
        config_file_open_func=read.unopened,
        auto_env_var_prefix="OBSMON_",
        add_env_var_help=False,
        add_config_file_help=False,
        allow_abbrev=False,
    )
    for add in (_add_places, _add_one_stream, _add_nights, _add_commands_own, _add_how):
        add(parser)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    names = (
        option.removeprefix("--")
        for option in parser._option_string_actions
        if option.startswith("--")
    )
    FileParser.options += [
        name
        for name in names
        if name not in ("help", "version", "config", "output", "yes", "really")
    ]
    return parser


def _add_places(parser: configargparse.ArgParser) -> None:
    """Where the settings are, and where is written what the public may see, and what it may not."""
    parser.add_argument(
        "-c",
        "--config",
        is_config_file=True,
        env_var="OBSMON_CONFIG",
        metavar="FILE",
        help="settings file, TOML; see examples/site.toml",
    )
    words = "where the pages and the store are written: a directory, or s3://bucket/prefix"
    parser.add_argument("--output_dir", "--output", type=_place, metavar="DIR", help=words)
    words = "where the store is, if not in output_dir/data: a directory, or s3://bucket/prefix"
    parser.add_argument("--store_dir", type=_place, metavar="DIR", help=words)
    parser.add_argument(
        "--redact",
        action="append",
        metavar="TEXT",
        help="hide a folder or a host from all pages and their data; may be given again",
    )


def _add_one_stream(parser: configargparse.ArgParser) -> None:
    """What describes a stream: ONE_STREAM."""
    one = parser.add_argument_group("one stream, without a settings file")
    words = "directory with storage/ (files) and gen2repo/ or gen3repo/; or s3://bucket/prefix: the files below it"
    one.add_argument("--input_dir", type=_place, metavar="DIR", help=words)
    one.add_argument(
        "--gen", type=int, choices=[2, 3], help="generation of the Butler repository (default 2)"
    )
    one.add_argument(
        "--query_links",
        action="store_true",
        default=None,
        help="the repository's raw/ is not organised by night: look for links all over it",
    )
    one.add_argument("--stream", metavar="NAME", help="the stream's name (default: input_dir's)")
    one.add_argument(
        "--night_rule", metavar="RULE", help="UTC, UTC-12h, UTC+4h, TAI-12h (default UTC-12h)"
    )
    one.add_argument(
        "--pending_limit_s",
        type=float,
        metavar="S",
        help="younger files are pending, older ones missing (default 3600)",
    )
    one.add_argument(
        "--time_limit_s",
        type=float,
        metavar="S",
        help=f"a source that doesn't answer within it is asked no more in that run (default {LIMIT_S:g})",
    )


def _add_nights(parser: configargparse.ArgParser) -> None:
    """Which nights."""
    which = parser.add_argument_group("which nights")
    which.add_argument(
        "--num_days",
        type=int,
        metavar="N",
        help="so many nights, up to last_day or from first_day on (default 2)",
    )
    which.add_argument(
        "--first_day", type=_night, metavar="NIGHT", help="from this night, YYYY-MM-DD or YYYYMMDD"
    )
    which.add_argument(
        "--last_day",
        type=_night,
        metavar="NIGHT",
        help="to this night, included (default: tonight)",
    )


def _add_commands_own(parser: configargparse.ArgParser) -> None:
    """What one command alone takes."""
    old = parser.add_argument_group("import-prototype")
    old.add_argument(
        "--database",
        type=_file,
        metavar="FILE",
        help="the prototype's observing_monitor.sqlite3, or the folder that has it; "
        "with a settings file --stream says whose history it is, and --gen takes that of one Butler alone",
    )
    keep = parser.add_argument_group(
        "prune",
        "what is older goes, by prune --yes and by nothing else; what has no age stays for ever",
    )
    for what in ("pages", "tables", "previews"):
        keep.add_argument(
            f"--keep_{what}_days",
            type=int,
            metavar="N",
            help=f"keep the {what} of so many nights, tonight the first of them",
        )
    keep.add_argument(
        "--yes",
        "--really",
        action="store_true",
        help="remove it; without this, prune only tells what would go",
    )


def _add_how(parser: configargparse.ArgParser) -> None:
    """How a run goes, and whom it tells."""
    how = parser.add_argument_group("how")
    how.add_argument("--title", default="Observing monitor", help="title of the site's page")
    how.add_argument(
        "--site_url",
        default="",
        metavar="URL",
        help="where the pages are served: the feed and messages link there",
    )
    how.add_argument(
        "--prometheus_file",
        type=_file,
        metavar="FILE",
        help="also write the Prometheus textfile there, for node_exporter",
    )
    known = "what is known to be wrong, and why; shown as acknowledged (default: known.yaml beside the settings file)"
    how.add_argument("--known_issues", type=_file, metavar="FILE", help=known)
    how.add_argument(
        "--full",
        action="store_true",
        help="look at every file of every night asked for, whatever folders' times say",
    )
    how.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes: for rebuild (default: one a core), for several new nights of a run (default: 2; 1 of several streams)",
    )
    how.add_argument(
        "--max_run_s",
        type=float,
        metavar="S",
        help=f"a run begins no further night after it; tonight comes first (default {MAX_RUN_S:g}; rebuild: no limit)",
    )
    how.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="tell what is done, even where there is no terminal",
    )
    how.add_argument(
        "--log_file",
        type=_file,
        metavar="FILE",
        help="add a line on the run to this file: key=value, always in one order",
    )
    how.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="rebuild on a Dask cluster, such as tcp://head:8786, instead of --jobs",
    )


def _place(text: str) -> str | Path:
    if not text:  # a variable that was not set: this would be the folder that we were started in
        raise argparse.ArgumentTypeError(toml.EMPTY)
    return text.rstrip("/") if is_address(text) else Path(text)


def _file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError(toml.EMPTY)
    return Path(text)


def _night(text: str) -> datetime.date:
    try:
        night = parse_night(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if night.year not in YEARS:  # a slip of the pen would make centuries of pages
        raise argparse.ArgumentTypeError(
            f"{text} is too far away; nights are those of the years {YEARS[0]} to {YEARS[-1]}"
        )
    return night


def _nearness(parser: configargparse.ArgParser, options: argparse.Namespace) -> dict[str, int]:
    """How near to the user each option was given, as `parse` has it."""
    nearness = {name: 3 for name, value in vars(options).items() if value is not None}
    for place, settings in parser.get_source_to_settings_dict().items():
        level = {"environment_variables": 2, "defaults": 0}.get(place, 1)
        if place != "command_line":
            nearness |= {
                action.dest: level for action, _ in settings.values() if action is not None
            }
    return nearness
