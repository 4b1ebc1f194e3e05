"""The command line: dispatch, messages and exit codes."""

from __future__ import annotations

import contextlib
import copy
import datetime
import logging
import os
import sys
from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import parse
from observing_monitor.commands.environment import unknown_variables
from observing_monitor.commands.exit_codes import INCOMPLETE, LOCKED, STOPPED, USAGE
from observing_monitor.commands.options import (
    check_options,
    check_sources,
    nights_of_run,
    read_streams,
)
from observing_monitor.commands.run import locked_run, run_command
from observing_monitor.commands.surroundings import is_folder_gone, suit_surroundings
from observing_monitor.errors import ClusterError, LockedError, OutputError, UsageError
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.wording import visible, visible_line
from observing_monitor.processes.timelimit import leave
from observing_monitor.processes.tuning import tune_process
from observing_monitor.settings.toml import forget_pipes, has_receivers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from observing_monitor.settings.receivers import Receiver


PROGRAM = "observing_monitor"

log = logging.getLogger(PROGRAM)


def main(arguments: Sequence[str] | None = None, now: datetime.datetime | None = None) -> int:
    """Run the command line; return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default, those of this process.
    now : datetime, optional
        The clock, aware; by default, the machine's.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    now = now or datetime.datetime.now(datetime.UTC)
    program = f"{PROGRAM} metrics" if arguments[:1] == ["metrics"] else PROGRAM
    tune_process()
    forget_pipes()
    try:
        return _dispatch(arguments, now)
    except LockedError as error:
        _complain(f"{program}: {error}")
        return LOCKED
    except (UsageError, OutputError) as error:
        _complain(f"{program}: {error}")
        return USAGE
    except ClusterError as error:
        _complain(f"{program}: {error}")
        return INCOMPLETE
    except BrokenPipeError:  # nobody reads what is printed any more
        return INCOMPLETE
    except OSError:
        if not is_folder_gone():
            raise
        words = "the folder that this was started in is no longer there; go to another"
        _complain(f"{program}: {words}")
        return USAGE
    except KeyboardInterrupt:
        _complain(f"{program}: stopped; what was finished is kept, the next run continues")
        return STOPPED


def command_line() -> NoReturn:
    """Run the command line as a process of its own; never return."""
    suit_surroundings()
    leave(main())


def _receivers(config: str | None) -> list[Receiver]:
    """Return the receivers of a settings file; most files have none."""
    if not config or not has_receivers(config):
        return []
    from observing_monitor.settings.receivers import receivers_of_file

    return receivers_of_file(config)


def _dispatch(arguments: list[str], now: datetime.datetime) -> int:
    """Run a command; return its exit code."""
    if arguments[:1] == ["metrics"]:
        from observing_monitor.commands.metrics import metrics_command

        return metrics_command(arguments[1:], _tell, _complain)
    command, options = parse(arguments, _tell)
    _set_up_log(options.verbose)
    check_options(options, command)
    streams = read_streams(options, command)
    check_sources(options, streams, now)
    nights = {stream.name: nights_of_run(options, stream, now) for stream in streams}
    receivers = _receivers(options.config)
    unused = unknown_variables(os.environ, options, streams, receivers)
    if command == "check":
        from observing_monitor.commands.check import check_command

        return check_command(options, streams, nights, now, _tell, unused)
    for line in unused:
        log.info("%s", line)
    if command == "notify":
        from observing_monitor.commands.notify import notify_command

        return notify_command(options, receivers, now, _tell)
    with locked_run(command, options, streams, receivers, now) as run:
        if command == "adopt":
            from observing_monitor.commands.adopt import adopt_command

            return adopt_command(options, run, _tell)
        if command == "prune":
            from observing_monitor.commands.prune import prune_command

            return prune_command(options, run, nights, _tell)
        if command == "import-prototype":
            from observing_monitor.commands.import_prototype import import_prototype_command

            return import_prototype_command(options, run, _tell)
        if options.from_scratch and not options.yes:
            from observing_monitor.commands.from_scratch import show_plan

            return show_plan(options, run, nights, _tell)
        return run_command(command, options, run, nights)


def _tell(line: str) -> None:
    """Print a line of an answer.

    Raises
    ------
    OutputError
        It cannot be printed.
    BrokenPipeError
        Nobody reads it any more.
    """
    try:
        # flushed, so that a full disk is noticed here and not when Python ends
        print(line, flush=True)
    except OSError as error:
        # what is still buffered would fail again when Python ends
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        words = f"{os_error_text(error)}; send it where there is room"
        raise OutputError(f"the answer can't be printed: {words}") from error


def _complain(line: str) -> None:
    print(visible(line), file=sys.stderr)


def _set_up_log(verbose: bool) -> None:
    """Log warnings to stderr and, on a terminal or if asked, what is done."""
    level = logging.INFO if verbose or sys.stderr.isatty() else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setFormatter(_VisibleFormatter(f"{PROGRAM}: %(message)s"))


class _VisibleFormatter(logging.Formatter):
    """Formats records as text that no terminal interprets.

    File names and messages of others may have control characters.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text: a line, then a traceback if it has one."""
        shown = copy.copy(record)
        shown.msg, shown.args = visible_line(record.getMessage()), ()
        return visible(super().format(shown))
