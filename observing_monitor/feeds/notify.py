"""Tell receivers when a status changes.

A change is a status that differs from the last one that a receiver was told of, or saw and did
not want (`when`). A stream that a receiver has never been told of counts as normal. The status
none, of a night that has just begun, is no change.

`data/told.json` keeps what each receiver was told. It is written after each delivery: a run that
is killed in between tells again, so that every change is told at least once. The next run repeats
a delivery that failed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from observing_monitor.errors import OutputError
from observing_monitor.feeds.by_command import deliver_by_command
from observing_monitor.feeds.by_mail import deliver_by_mail
from observing_monitor.feeds.by_webhook import deliver_by_webhook
from observing_monitor.feeds.change import change_of, redacted, trial
from observing_monitor.feeds.delivery import DeliveryError
from observing_monitor.feeds.site_status import SITE
from observing_monitor.model.finding import NONE
from observing_monitor.settings.receivers import CommandSettings, MailSettings
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from observing_monitor.feeds.change import Change
    from observing_monitor.feeds.site_status import Status
    from observing_monitor.settings.receivers import Receiver
    from observing_monitor.storage.output import Output
    from observing_monitor.storage.redact import Redaction


MAX_SECONDS = 120  # for all deliveries of a run; the next run does the rest


def notify(
    receivers: Sequence[Receiver],
    statuses: Iterable[Status],
    output: Output,
    now: datetime.datetime,
) -> list[str]:
    """Tell every receiver of changes; return failures.

    Parameters
    ----------
    receivers : sequence of Receiver
    statuses : iterable of Status
        The site's and the streams', with their `since`.
    output : Output
    now : datetime
    """
    if not receivers:
        return []
    statuses = list(statuses)
    told, problems, started = _read_told(output), list[str](), time.monotonic()
    for receiver in receivers:
        last = told.setdefault(receiver.name, {})
        for status in statuses:
            was = last.get(status.stream, "normal")
            if status.status in (was, NONE) or not _is_for(receiver, status):
                continue
            if time.monotonic() - started > MAX_SECONDS:
                late = f"telling took longer than {MAX_SECONDS} s; the next run tells the rest"
                return [*problems, f"notify {receiver.name}: {late}"]
            try:
                if status.status in receiver.settings.when:
                    deliver(receiver, redacted(change_of(status, was, now), output.redaction))
                last[status.stream] = status.status
                output.write_json(layout.TOLD, {"receivers": told})
            except (DeliveryError, OutputError) as error:
                problems.append(f"notify {receiver.name}: {error}; the next run tries again")
                # its other changes wait as well: each may take the whole time limit
                break
    return problems


def _is_for(receiver: Receiver, status: Status) -> bool:
    if receiver.stream:
        return status.stream == receiver.stream
    return (status.stream == SITE) == (receiver.settings.of == "site")


def _read_told(output: Output) -> dict[str, dict[str, str]]:
    """Return the last statuses that receivers were told of.

    If the file is damaged, all is told again.
    """
    told = (output.read_json(layout.TOLD) or {}).get("receivers")
    if not isinstance(told, dict):
        return {}
    return {
        name: {stream: status for stream, status in last.items() if isinstance(status, str)}
        for name, last in told.items()
        if isinstance(last, dict)
    }


def send_tests(
    receivers: Iterable[Receiver],
    site: str,
    site_url: str,
    redaction: Redaction,
    now: datetime.datetime,
) -> Iterator[tuple[Receiver, str]]:
    """Send each receiver a message to try it out.

    Yields
    ------
    receiver : Receiver
    fault : str
        "" if it was told.
    """
    for receiver in receivers:
        try:
            deliver(receiver, redacted(trial(site, receiver.stream, site_url, now), redaction))
            yield receiver, ""
        except DeliveryError as error:
            yield receiver, str(error)


def deliver(receiver: Receiver, change: Change) -> None:
    """Deliver a change to a receiver.

    Raises
    ------
    DeliveryError
        It failed, or took longer than the receiver's `timeout_s`.
    """
    settings = receiver.settings
    if isinstance(settings, CommandSettings):
        deliver_by_command(settings, change)
    elif isinstance(settings, MailSettings):
        deliver_by_mail(settings, change)
    else:
        deliver_by_webhook(settings, change)
