"""Deliver a change by mail."""

from __future__ import annotations

import datetime
import logging
from typing import TYPE_CHECKING

from observing_monitor.feeds.by_command import run_program
from observing_monitor.feeds.delivery import (
    DeliveryError,
    network_reason,
    read_secret,
    reason,
    within_limit,
)
from observing_monitor.model.digest import hex_digest

if TYPE_CHECKING:
    from email.message import EmailMessage

    from observing_monitor.feeds.change import Change
    from observing_monitor.settings.receivers import MailSettings


log = logging.getLogger(__name__)

PORTS = {"none": 25, "starttls": 587, "tls": 465}
MAX_SUBJECT = 200  # characters


def deliver_by_mail(settings: MailSettings, change: Change) -> None:
    """Mail a change by a server or by sendmail."""
    message = _message(settings, change)
    if settings.server:
        within_limit(lambda: _send(settings, message), settings.timeout_s, settings.server)
    else:
        command = [settings.sendmail, "-i", "-f", settings.sender, "--", *settings.to]
        run_program(command, message.as_bytes(), settings.timeout_s)


def _message(settings: MailSettings, change: Change) -> EmailMessage:
    from email.message import EmailMessage
    from email.utils import format_datetime

    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    where = change.site if not change.stream else f"{change.site}: {change.title}"
    message["Subject"] = f"{where}: {change.status}"[:MAX_SUBJECT]
    message["Date"] = format_datetime(datetime.datetime.now(datetime.UTC))
    message["Message-ID"] = _message_id(settings, change)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    facts = {
        "Status": f"{change.status}, was {change.was}",
        "Since": change.since,
        "Newest night": change.night,
        "Page": change.url,
    }
    lines = [
        change.info or "All is well.",
        "",
        *(f"{name}: {value}" for name, value in facts.items() if value),
    ]
    message.set_content("\n".join(lines) + "\n")
    return message


def _message_id(settings: MailSettings, change: Change) -> str:
    """Return an id that the same change always has.

    A run that is killed after a delivery, before it is noted, sends again.
    """
    facts = "\0".join((*settings.to, change.stream, change.status, change.since))
    digest = hex_digest(facts, n_bytes=12, errors="strict")
    host = settings.sender.rpartition("@")[2].strip(">") or "localhost"
    return f"<{digest}.observing_monitor@{host}>"


def _send(settings: MailSettings, message: EmailMessage) -> None:
    import smtplib

    password = read_secret(settings.password_env, settings.password_file)
    server = f"{settings.server}:{settings.port or PORTS[settings.security]}"
    try:
        refused = _hand_over(settings, password, message)
    except smtplib.SMTPResponseException as error:
        answer = error.smtp_error
        words = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
        raise DeliveryError(f"{server} answered {error.smtp_code}: {reason(words)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise DeliveryError(f"{server} refuses {', '.join(sorted(error.recipients))}") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise DeliveryError(f"{server}: {network_reason(error)}") from None
    if refused:
        # the others have it: sending it again at every run would be worse
        names = ", ".join(sorted(refused))
        log.warning("%s refuses %s; the others were told", server, names)


def _hand_over(
    settings: MailSettings, password: str, message: EmailMessage
) -> dict[str, tuple[int, bytes]]:
    """Give a mail to the server; return refused recipients."""
    import smtplib
    import ssl

    secure = ssl.create_default_context()
    port = settings.port or PORTS[settings.security]
    with (
        smtplib.SMTP_SSL(settings.server, port, timeout=settings.timeout_s, context=secure)
        if settings.security == "tls"
        else smtplib.SMTP(settings.server, port, timeout=settings.timeout_s)
    ) as server:
        if settings.security == "starttls":
            server.starttls(context=secure)
        if settings.user:
            server.login(settings.user, password)
        return server.send_message(message)
