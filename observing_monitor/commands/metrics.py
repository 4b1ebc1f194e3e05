"""The command metrics: record a night's numbers."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from observing_monitor.commands.exit_codes import OK
from observing_monitor.commands.one_line import OneLineParser
from observing_monitor.errors import OutputError, UsageError
from observing_monitor.metrics.recorder import Metrics
from observing_monitor.metrics.values import nid_of_night
from observing_monitor.model.nights import night_of_nid

if TYPE_CHECKING:
    from typing import Any

    from observing_monitor.commands.one_line import Tell


PROGRAM = "observing_monitor metrics"
EPILOG = """WHERE is a folder, which gets a file status_<nid>.json per night, or the address of a
database with the table lasair_statistics:
  /data/metrics    mysql://lasair@dbhost/lasair    postgresql://user@host/name
  sqlite:////data/metrics.db
NIGHT is a date, YYYY-MM-DD or YYYYMMDD, or its number: days since 2017-01-01 (2559 is 2024-01-04).
A name that ends in _0, _1 … belongs to that node: icassandra_0.

examples:
  observing_monitor metrics add /data/metrics $(date -u +%F) today_alert=2000 icassandra_0=55.1
      2000 more alerts, and 55.1 more seconds that node 0 spent in Cassandra; twice counts twice
  observing_monitor metrics set /data/metrics 2024-01-04 total_count=20622 min_delay=0.5
      replace these two; the night's other numbers stay
  observing_monitor metrics set /data/metrics 2024-01-04 seeing=0.8 --exposure AT_O_20240104_000001
      the seeing of an exposure, which `show` calls seeing[AT_O_20240104_000001]
  observing_monitor metrics show mysql://lasair@dbhost/lasair 2559 --password_env LASAIR_PASSWORD
  observing_monitor metrics delete /data/metrics 2024-01-04

exit codes: 0 done; 2 wrong use, or it could not be written (or read): then nothing was changed
Put a database's password into the environment (--password_env), not into WHERE: all users can see
arguments (ps)."""

COMMANDS = {
    "set": "replace the night's numbers of these names",
    "add": "add to the night's numbers; one that is not there yet begins at zero",
    "show": "print the night's numbers",
    "delete": "remove the night's numbers",
}


def metrics_command(arguments: list[str], tell: Tell, warn: Tell) -> int:
    """Record or show a night's numbers; return the exit code.

    Parameters
    ----------
    arguments : list of str
        Those after `metrics`.
    tell, warn : callable
        Print a line to stdout and to stderr.

    Raises
    ------
    UsageError, OutputError
        Nothing was changed.
    """
    options = _parser(tell).parse_args(arguments)
    try:
        _run(options, tell, warn)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from error
    return OK


def _parser(tell: Tell) -> argparse.ArgumentParser:
    parser = OneLineParser(
        tell=tell,
        prog=PROGRAM,
        description="Record a night's numbers, or show them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.words = tuple(COMMANDS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="set|add|show|delete")
    for name, words in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _add_arguments(name, command)
    return parser


def _add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    command.add_argument("where", metavar="WHERE", help="a folder, or a database's address")
    command.add_argument("night", metavar="NIGHT", help="a date, or its number")
    command.add_argument(
        "--password_env",
        metavar="NAME",
        default="",
        help="environment variable with the database's password",
    )
    if name in ("set", "add"):
        command.add_argument(
            "values", metavar="name=value", nargs="+", help="a metric and its number"
        )
        command.add_argument(
            "--exposure",
            metavar="NAME",
            help="exposure that the numbers belong to: its name, obsid or number in the night",
        )
        command.add_argument(
            "--create",
            action="store_true",
            help="create the table, or the folder and its parents, if it is not there",
        )
    if name == "show":
        command.add_argument("--json", action="store_true", help="as one JSON object")


def _run(options: argparse.Namespace, tell: Tell, warn: Tell) -> None:
    nid = nid_of_night(options.night)
    values = _values(options.values) if options.command in ("set", "add") else {}
    create = getattr(options, "create", False)
    with Metrics(options.where, create=create, password_env=options.password_env) as metrics:
        if options.command == "set":
            metrics.set(values, nid, exposure=options.exposure)
        elif options.command == "add":
            metrics.add(values, nid, exposure=options.exposure)
        elif "://" not in options.where and not os.path.isdir(options.where):
            words = "WHERE is the one that set and add wrote to"
            raise OutputError(f"{options.where}: no such folder; {words}")
        elif options.command == "show":
            numbers = metrics.read(nid)
            if not (numbers or options.json):
                warn(_nothing(metrics, nid))
            for line in _shown(numbers, options.json):
                tell(line)
        elif not metrics.delete(nid):
            warn(_nothing(metrics, nid))


def _values(words: list[str]) -> dict[str, Any]:
    """Return the numbers of words like `today_alert=2000`.

    Raises ValueError if a word is none, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not name=value; write it like today_alert=2000")
        if name in values:
            raise ValueError(f"{name} is given twice; give it once")
        try:
            values[name] = int(text) if text.lstrip("+-").isdigit() else float(text)
        except ValueError:
            words_ = "write it like today_alert=2000"
            raise ValueError(f"{word!r}: {text!r} is not a number; {words_}") from None
    return values


def _shown(numbers: dict[str, Any], as_json: bool) -> list[str]:
    """Return a night's numbers as lines, or as JSON."""
    if as_json:
        return [json.dumps(numbers, ensure_ascii=False, indent=1)]
    width = max(map(len, numbers), default=0)
    return [f"{name:{width}}  {value}" for name, value in numbers.items()]


def _nothing(metrics: Metrics, nid: int) -> str:
    return f"{metrics.place}: has no numbers of night {nid} ({night_of_nid(nid)})"
