"""`observing_monitor metrics`: what shell scripts call to record a night's numbers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import OneLine, tell
from observing_monitor.errors import OutputError
from observing_monitor.metrics.recorder import Metrics
from observing_monitor.metrics.values import nid_of_night
from observing_monitor.model.nights import night_of_nid

if TYPE_CHECKING:
    from typing import Any


OK, USAGE = 0, 2  # as cli.py has them

EPILOG = """WHERE is a folder, which gets a file status_<nid>.json a night, or a database's address, with the table lasair_statistics:
  /data/metrics    mysql://lasair@dbhost/lasair    postgresql://user@host/name    sqlite:////data/metrics.db
NIGHT is a date, YYYY-MM-DD or YYYYMMDD, or its number: days since 2017-01-01 (2559 is 2024-01-04).
A name that ends in _0, _1 … is told apart by node: icassandra_0.

examples:
  observing_monitor metrics add /data/metrics $(date -u +%F) today_alert=2000 icassandra_0=55.1
      2000 alerts more, and 55.1 seconds more that node 0 spent in Cassandra; add twice, and it counts twice
  observing_monitor metrics set /data/metrics 2024-01-04 total_count=20622 min_delay=0.5
      these two in place of what they were; the night's other numbers stay
  observing_monitor metrics show mysql://lasair@dbhost/lasair 2559 --password_env LASAIR_PASSWORD
  observing_monitor metrics delete /data/metrics 2024-01-04

exit codes: 0 done; 2 usage, or it could not be written (or read): then nothing was changed
A database's password is better in the environment (--password_env) than in WHERE: arguments are seen by all users (ps)."""


def main(arguments: list[str]) -> int:
    """Run `observing_monitor metrics` with these arguments; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (OutputError, TypeError, ValueError) as error:
        print(f"observing_monitor metrics: {error}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = OneLine(
        prog="observing_monitor metrics",
        description="Record a night's numbers, or show them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="set|add|show|delete")
    for name, words in (
        ("set", "put numbers in place of the night's numbers of the same names"),
        ("add", "add numbers to the night's; one that isn't there yet begins at zero"),
        ("show", "print the night's numbers"),
        ("delete", "forget the night's numbers"),
    ):
        command = commands.add_parser(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_argument("where", metavar="WHERE", help="a folder, or a database's address")
        command.add_argument("night", metavar="NIGHT", help="a date, or its number")
        command.add_argument(
            "--password_env",
            metavar="NAME",
            default="",
            help="the environment variable that holds the database's password",
        )
        if name in ("set", "add"):
            command.add_argument(
                "values", metavar="name=value", nargs="+", help="a metric and its number"
            )
            command.add_argument(
                "--create",
                action="store_true",
                help="make the table, or the folder and its parents, if it isn't there",
            )
        if name == "show":
            command.add_argument("--json", action="store_true", help="as one JSON object")
    return parser


def _run(options: argparse.Namespace) -> int:
    nid = nid_of_night(options.night)
    values = _values(options.values) if options.command in ("set", "add") else {}
    with Metrics(
        options.where, create=getattr(options, "create", False), password_env=options.password_env
    ) as metrics:
        if options.command == "set":
            metrics.set(values, nid)
        elif options.command == "add":
            metrics.add(values, nid)
        elif "://" not in options.where and not os.path.isdir(options.where):
            raise OutputError(
                f"{options.where}: no such folder; WHERE is the one that set and add wrote to"
            )
        elif options.command == "show":
            _show(metrics, nid, options.json)
        elif not metrics.delete(nid):
            _tell_empty(metrics, nid)
    return OK


def _values(words: str) -> dict[str, Any]:
    """The numbers of words like `today_alert=2000`; ValueError names the word that is none."""
    values = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not name=value; write it like today_alert=2000")
        if name in values:
            raise ValueError(f"{name} is given twice; give it once")
        try:
            values[name] = int(text) if text.lstrip("+-").isdigit() else float(text)
        except ValueError:
            raise ValueError(f"{word!r}: {text!r} is not a number") from None
    return values


def _show(metrics: Metrics, nid: int, as_json: bool) -> None:
    values = metrics.read(nid)
    if as_json:
        tell(json.dumps(values, ensure_ascii=False, indent=1))
        return
    if not values:
        _tell_empty(metrics, nid)
    width = max(map(len, values), default=0)
    for name, value in values.items():
        tell(f"{name:{width}}  {value}")


def _tell_empty(metrics: Metrics, nid: int) -> None:
    print(f"{metrics.place}: has no numbers of night {nid} ({night_of_nid(nid)})", file=sys.stderr)
