"""The command notify: try out every receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.commands.exit_codes import INCOMPLETE, OK
from observing_monitor.commands.options import make_redaction
from observing_monitor.errors import UsageError

if TYPE_CHECKING:
    import argparse
    import datetime

    from observing_monitor.commands.one_line import Tell
    from observing_monitor.settings.receivers import Receiver


def notify_command(
    options: argparse.Namespace,
    receivers: list[Receiver],
    now: datetime.datetime,
    tell: Tell,
) -> int:
    """Send every receiver a message; return the exit code."""
    from observing_monitor.feeds import notify

    if not receivers:
        where = options.config or "the command line"
        raise UsageError(f"{where}: names no receiver; add a table [notify.NAME] with a type")
    code = OK
    tests = notify.send_tests(
        receivers, options.title, options.site_url, make_redaction(options), now
    )
    for receiver, fault in tests:
        tell(f"  FAILED {receiver.name}: {fault}" if fault else f"  ok     {receiver.name}: told")
        code = INCOMPLETE if fault else code
    return code
