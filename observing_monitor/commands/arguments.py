"""The parser of all commands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import configargparse

from observing_monitor import __version__
from observing_monitor.commands.one_line import OneLineParser
from observing_monitor.errors import UsageError
from observing_monitor.model.nights import YEARS, parse_night
from observing_monitor.processes.timelimit import LIMIT_S
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings import read, toml

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from observing_monitor.commands.one_line import Tell


MAX_RUN_S = 3600.0  # default limit of a run; a rebuild has none
# options that describe a stream without a settings file
ONE_STREAM = (
    "input_dir",
    "gen",
    "query_links",
    "stream",
    "night_rule",
    "pending_limit_s",
    "time_limit_s",
)
# options that only the command line has
NOT_IN_FILE = ("help", "version", "config", "output", "yes", "really", "from-scratch", "all")
# options that take no value
SWITCHES = (
    *("--query_links", "--full", "--verbose", "-v"),
    *("--yes", "--really", "--from-scratch", "--all"),
)

COMMANDS = {
    "run": "collect what changed, then publish what changed: for cron, and the default",
    "collect": "read the sources into the store, write no page",
    "publish": "write the pages from the store, read no source",
    "rebuild": "collect and publish a history, in parallel; continues where it was stopped",
    "import-prototype": "import the history of a prototype's database (--database), and write "
    "its pages",
    "prune": "show what is older than keep_pages_days, keep_tables_days and keep_previews_days; "
    "with --yes, remove it",
    "adopt": "show which files of others are where pages will be; with --yes, take them over: "
    "later runs may replace and remove them",
    "notify": "send every receiver of the settings a message to try it out",
    "check": "show what each source has and what is wrong with it, and if the output can be "
    "written; write nothing",
}

DESCRIPTION = (
    "Static web pages that show for each night what an observatory took, transferred and "
    "ingested, and what is missing."
)

EPILOG = """commands:
{commands}
  metrics           record or show a night's numbers, for the programs of a pipeline
                    (observing_monitor metrics --help)

examples:
  observing_monitor --input_dir /data/auxTel --output_dir /www/auxTel
      the last two nights of one stream: files in /data/auxTel/storage, repository in
      /data/auxTel/gen2repo
  observing_monitor -c site.toml
      all streams of a settings file; for a crontab, see cron_observing_monitor.sh
  observing_monitor rebuild -c site.toml --first_day 2020-01-01 --last_day 2020-12-31 --jobs 4
      a year, four nights at a time; pages that are current are not written again
  observing_monitor check -c site.toml
      what every source answers

exit codes:
  0   all is well
  1   pages were written, but something failed
  2   the command line, the settings or the output are wrong
  75  another run holds the lock
  130 stopped by Ctrl-C

A night is a date by the stream's night_rule: with the default, UTC−12 h, nights run from noon to
noon UTC and are named after their evening."""


def parse(arguments: Sequence[str], tell: Tell | None = None) -> tuple[str, argparse.Namespace]:
    """Return the command and its options.

    Parameters
    ----------
    arguments : sequence of str
    tell : callable, optional
        Prints `--help` and `--version`.

    Returns
    -------
    command : str
    options : argparse.Namespace
        Its `nearness` says where each option was given: 3 on the command line, 2 in the
        environment, 1 in the settings file, 0 nowhere.
    """
    command, rest = _split_command(list(arguments))
    parser = make_parser(tell)
    options = parser.parse_args(rest)
    options.nearness = _nearness(parser, options)
    return command, options


def _split_command(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the command, which may be first or last, and the rest."""
    if arguments and arguments[0] in COMMANDS:
        return arguments[0], arguments[1:]
    if arguments and arguments[-1] in COMMANDS and not _takes_value(arguments[-2]):
        return arguments[-1], arguments[:-1]
    return "run", arguments


def _takes_value(argument: str) -> bool:
    """True if the next argument is this one's value."""
    return argument.startswith("-") and "=" not in argument and argument not in SWITCHES


def make_parser(tell: Tell | None = None) -> configargparse.ArgParser:
    """Return the parser of all commands.

    Arguments win over environment variables `OBSMON_…`, and these over the settings file.
    """

    class FileParser(read.SettingsFileParser):
        options: list[str] = []

    # ConfigArgParse has no annotations: its classes are Any
    class Parser(OneLineParser, configargparse.ArgParser):  # type: ignore[misc]
        words = (*COMMANDS, "metrics")

    commands = "\n".join(_listed(name, words) for name, words in COMMANDS.items())
    parser = Parser(
        tell=tell,
        prog="observing_monitor",
        description=DESCRIPTION,
        epilog=EPILOG.format(commands=commands),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        config_file_parser_class=FileParser,
        config_file_open_func=read.unopened,
        auto_env_var_prefix="OBSMON_",
        add_env_var_help=False,
        add_config_file_help=False,
        allow_abbrev=False,
    )
    for add in (_add_places, _add_one_stream, _add_nights, _add_of_commands, _add_of_runs):
        add(parser)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    names = (name.removeprefix("--") for name in parser._option_string_actions if name[1] == "-")
    FileParser.options += [name for name in names if name not in NOT_IN_FILE]
    return parser


def _listed(command: str, words: str) -> str:
    """Return a command's lines of the help."""
    import textwrap

    lines = textwrap.wrap(words, 78)
    return "\n".join([f"  {command:17} {lines[0]}", *(f"{'':20}{line}" for line in lines[1:])])


def _add_places(parser: configargparse.ArgParser) -> None:
    """Add the options about the settings file and the output."""
    parser.add_argument(
        "-c",
        "--config",
        is_config_file=True,
        env_var="OBSMON_CONFIG",
        metavar="FILE",
        help="settings file, TOML; see examples/site.toml",
    )
    parser.add_argument(
        "--output_dir",
        "--output",
        type=_place,
        metavar="DIR",
        help="folder of the pages and the store, or s3://bucket/prefix",
    )
    parser.add_argument(
        "--store_dir",
        type=_place,
        metavar="DIR",
        help="folder of the store if it is not output_dir/data, or s3://bucket/prefix",
    )
    parser.add_argument(
        "--redact",
        action="append",
        metavar="TEXT",
        help="hide a folder or a host from all pages and their data; may be given several times",
    )


def _add_one_stream(parser: configargparse.ArgParser) -> None:
    """Add the options that describe a stream: ONE_STREAM."""
    one = parser.add_argument_group("one stream, without a settings file")
    one.add_argument(
        "--input_dir",
        type=_place,
        metavar="DIR",
        help="folder with storage/ (files) and gen2repo/ or gen3repo/, or s3://bucket/prefix "
        "with files",
    )
    one.add_argument(
        "--gen",
        type=_generation,
        metavar="{2,3}",
        help="generation of the Butler repository (default 2)",
    )
    one.add_argument(
        "--query_links",
        action="store_true",
        default=None,
        help="the folders of the repository's raw/ are not named after nights: look for links "
        "in all of it",
    )
    one.add_argument("--stream", metavar="NAME", help="name of the stream (default: input_dir's)")
    one.add_argument(
        "--night_rule", metavar="RULE", help="UTC, UTC-12h, UTC+4h, TAI-12h (default UTC-12h)"
    )
    one.add_argument(
        "--pending_limit_s",
        type=_number,
        metavar="S",
        help="younger files are pending, older ones missing (default 3600)",
    )
    one.add_argument(
        "--time_limit_s",
        type=_number,
        metavar="S",
        help=f"time that a source has to answer one question (default {LIMIT_S:g})",
    )


def _add_nights(parser: configargparse.ArgParser) -> None:
    """Add the options that choose nights."""
    which = parser.add_argument_group("which nights")
    which.add_argument(
        "--num_days",
        type=_whole_number,
        metavar="N",
        help="number of nights, up to last_day or from first_day on (default 2)",
    )
    which.add_argument(
        "--first_day", type=_night, metavar="NIGHT", help="first night, YYYY-MM-DD or YYYYMMDD"
    )
    which.add_argument(
        "--last_day", type=_night, metavar="NIGHT", help="last night (default: tonight)"
    )


def _add_of_commands(parser: configargparse.ArgParser) -> None:
    """Add the options of a single command."""
    old = parser.add_argument_group("import-prototype")
    old.add_argument(
        "--database",
        type=_file,
        metavar="FILE",
        help="the prototype's observing_monitor.sqlite3, or the folder that has it; with a "
        "settings file, --stream names the stream whose history it is, and --gen chooses the "
        "tables of one Butler",
    )
    keep = parser.add_argument_group(
        "prune", "only prune --yes removes what is older; what has no age stays for ever"
    )
    for what in ("pages", "tables", "previews"):
        keep.add_argument(
            f"--keep_{what}_days",
            type=_whole_number,
            metavar="N",
            help=f"number of nights, tonight included, whose {what} are kept",
        )
    keep.add_argument(
        "--yes",
        "--really",
        action="store_true",
        help="do it; without this, prune only shows what would go, adopt what it would take over, "
        "and rebuild --from-scratch what would change",
    )
    anew = parser.add_argument_group("rebuild")
    anew.add_argument(
        "--from-scratch",
        action="store_true",
        help="with --yes, derive the nights anew, and keep only what no source can provide any "
        "more; without --yes, only show what would change",
    )
    pages = parser.add_argument_group("publish")
    pages.add_argument(
        "--all", action="store_true", help="write every page again, also those that are current"
    )


def _add_of_runs(parser: configargparse.ArgParser) -> None:
    """Add the options of every run."""
    how = parser.add_argument_group("how")
    how.add_argument("--title", default="Observing monitor", help="title of the site's page")
    how.add_argument(
        "--site_url",
        default="",
        metavar="URL",
        help="address of the pages, for links in the feed and in messages",
    )
    how.add_argument(
        "--prometheus_file",
        type=_file,
        metavar="FILE",
        help="also write the Prometheus textfile there, for node_exporter",
    )
    how.add_argument(
        "--known_issues",
        type=_file,
        metavar="FILE",
        help="list of known problems, which are shown as acknowledged (default: known.yaml in "
        "the folder of the settings file)",
    )
    how.add_argument(
        "--full",
        action="store_true",
        help="look at every file of the nights, whatever the times of their folders",
    )
    how.add_argument(
        "--jobs",
        type=_whole_number,
        metavar="N",
        help="number of processes (default: for rebuild, one per core; for several new nights "
        "of one stream, 2; otherwise 1)",
    )
    how.add_argument(
        "--max_run_s",
        type=_number,
        metavar="S",
        help="a run starts no further night after this time; tonight comes first "
        f"(default {MAX_RUN_S:g}; rebuild: no limit)",
    )
    how.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="print what the run does, even without a terminal",
    )
    how.add_argument(
        "--log_file",
        type=_file,
        metavar="FILE",
        help="add a line about each run to this file: key=value, always in the same order",
    )
    how.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="rebuild on a Dask cluster, such as tcp://head:8786, instead of --jobs",
    )


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number, not {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number, not {text!r}") from None


def _generation(text: str) -> int:
    if text not in ("2", "3"):
        raise argparse.ArgumentTypeError(f"2 or 3, not {text!r}")
    return int(text)


def _place(text: str) -> str | Path:
    """Return an address without its last "/", or a path."""
    if not text:  # an unset variable would be the folder that the run was started in
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
    if night.year not in YEARS:  # a typing error would make centuries of pages
        words = f"nights are those of the years {YEARS[0]} to {YEARS[-1]}"
        raise argparse.ArgumentTypeError(f"{text} is too far away; {words}")
    return night


def _nearness(parser: configargparse.ArgParser, options: argparse.Namespace) -> dict[str, int]:
    """Return where each option was given, as `parse` describes it."""
    nearness = {name: 3 for name, value in vars(options).items() if value is not None}
    given: dict[str, Any] = parser.get_source_to_settings_dict()
    for place, settings in given.items():
        level = {"environment_variables": 2, "defaults": 0}.get(place, 1)
        if place != "command_line":
            nearness |= {
                action.dest: level for action, _ in settings.values() if action is not None
            }
    return nearness
