"""Who is told when a status changes, and only then: a command, a mail, a webhook.

A change is a status that differs from the one that a receiver was last told of, or saw and did not want; a stream that nobody was
told of yet counts as normal. What each was told is kept in `data/told.json`, written after each delivery: a run that is killed in
between tells again, so that every change is told at least once. A delivery that fails is a line, and tried again by the next run.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from observing_monitor.errors import ObservingMonitorError, OutputError
from observing_monitor.feeds.site_status import SITE, page_address
from observing_monitor.model.nights import iso_utc
from observing_monitor.model.wording import visible
from observing_monitor.processes.timelimit import CallThread, TooLateError
from observing_monitor.processes.tuning import inherited_environment
from observing_monitor.settings.receivers import CommandSettings, MailSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from observing_monitor.feeds.site_status import Status
    from observing_monitor.settings.receivers import Receiver, WebhookSettings
    from observing_monitor.storage.output import Output
    from observing_monitor.storage.redact import Redaction


log = logging.getLogger(__name__)

TOLD = "data/told.json"
MAX_SECONDS = 120  # of a run, for all deliveries together; what is left is told by the next run
MAX_INFO = 4000  # characters of what is wrong
GRACE_S = 2  # for a command that is told to end, before it is killed


class DeliveryError(ObservingMonitorError):
    """One message could not be delivered; it is tried again by the next run."""


@dataclass(frozen=True)
class Change:
    """What a receiver is told: all of it plain text without control characters, "" where there is none."""

    site: str  # the site's title
    stream: str  # the stream's name; "" where it is the site that changed
    title: str  # of the stream, or of the site
    status: str  # normal, warning, error
    was: str  # what this receiver was told last
    info: str  # what is wrong, in words
    since: str  # when a run first saw this status: 2020-02-13T03:12:41Z
    night: str  # the newest night
    url: str  # of the page, where the settings have a site_url
    told_at: str  # when this run began
    text: str  # all of it in one line


def notify(
    receivers: Sequence[Receiver],
    standings: Iterable[Status],
    output: Output,
    now: datetime.datetime,
) -> list[str]:
    """Tell every receiver of what changed; a line for each that could not be told. Raises nothing, whatever a receiver does."""
    if not receivers:
        return []
    standings = list(standings)
    told, problems, started = _read_told(output), [], time.monotonic()
    for receiver in receivers:
        own = told.setdefault(receiver.name, {})
        for standing in standings:
            was = own.get(standing.stream, "normal")
            if standing.status == was or not _is_for(receiver, standing):
                continue
            if time.monotonic() - started > MAX_SECONDS:
                problems.append(
                    f"notify {receiver.name}: telling took longer than {MAX_SECONDS} s; the next run tells the rest"
                )
                return problems
            try:
                if standing.status in receiver.settings.when:
                    deliver(receiver, redacted(change_of(standing, was, now), output.redaction))
                own[standing.stream] = standing.status
                output.write_json(TOLD, {"receivers": told})
            except (DeliveryError, OutputError) as error:
                # one that fails may take its whole time limit: its other changes wait as well
                problems.append(f"notify {receiver.name}: {error}; the next run tries again")
                break
    return problems


def _is_for(receiver: Receiver, standing: Status) -> bool:
    if receiver.stream:
        return standing.stream == receiver.stream
    return (standing.stream == SITE) == (receiver.settings.of == "site")


def _read_told(output: Output) -> dict[str, dict[str, str]]:
    """What each receiver was told: its name -> stream -> status; nothing where the file can't be made out, so that all is told again."""
    told = (output.read_json(TOLD) or {}).get("receivers")
    if not isinstance(told, dict):
        return {}
    return {
        name: {stream: status for stream, status in own.items() if isinstance(status, str)}
        for name, own in told.items()
        if isinstance(own, dict)
    }


def change_of(standing: Status, was: str, now: datetime.datetime) -> Change:
    """What is told of a standing."""
    title = plain(standing.title)
    info = plain(standing.info or standing.trouble)
    info = info if len(info) <= MAX_INFO else f"{info[:MAX_INFO]}…"
    since = iso_utc(standing.since.replace(microsecond=0)) or "" if standing.since else ""
    where = title if standing.stream == SITE else f"{plain(standing.site)}, {title}"
    text = (
        f"{where}: {standing.status} (was {was})"
        + (f": {info}" if info else "")
        + (f" {standing.url}" if standing.url else "")
    )
    return Change(
        site=plain(standing.site),
        stream="" if standing.stream == SITE else standing.stream,
        title=title,
        status=standing.status,
        was=was,
        info=info,
        since=since,
        night=standing.night,
        url=standing.url,
        told_at=iso_utc(now.replace(microsecond=0)) or "",
        text=text,
    )


def redacted(change: Change, redaction: Redaction) -> Change:
    """The same without what is hidden from public pages: who is told may not be who may know. The page's address stays."""
    told = {name: redaction.text(getattr(change, name)) for name in ("site", "title", "info")}
    before, url, after = change.text.rpartition(change.url) if change.url else (change.text, "", "")
    return replace(change, **told, text=redaction.text(before) + url + redaction.text(after))


def trial(site: str, stream: str, site_url: str, now: datetime.datetime) -> Change:
    """What a receiver is sent to try it out."""
    told_at, text = (
        iso_utc(now.replace(microsecond=0)) or "",
        "a message to try this out: nothing has changed",
    )
    url = page_address(site_url, "index.html")
    return Change(
        plain(site),
        stream,
        stream or plain(site),
        "normal",
        "normal",
        text,
        told_at,
        "",
        url,
        told_at,
        f"{plain(site)}: {text}",
    )


def send_tests(
    receivers: Iterable[Receiver],
    site: str,
    site_url: str,
    redaction: Redaction,
    now: datetime.datetime,
) -> Iterator[tuple[Receiver, str]]:
    """Send each receiver a message to try it out; each with what went wrong, "" where it was told."""
    for receiver in receivers:
        try:
            deliver(receiver, redacted(trial(site, receiver.stream, site_url, now), redaction))
            yield receiver, ""
        except DeliveryError as error:
            yield receiver, str(error)


def plain(text: str) -> str:
    """Text in one line, without what a terminal, a header or the environment would stumble over."""
    return str(visible(" ".join(text.split())))


def deliver(receiver: Receiver, change: Change) -> None:
    """Hand a change to a receiver; DeliveryError where that fails, or takes longer than its `timeout_s`."""
    settings = receiver.settings
    if isinstance(settings, CommandSettings):
        _run(
            settings.command,
            _json(change),
            settings.timeout_s,
            settings.folder,
            _environment(change),
        )
    elif isinstance(settings, MailSettings):
        _mail(settings, change)
    else:
        _in_time(lambda: _post(settings, change), settings.timeout_s, "the webhook")


def _json(change: Change) -> bytes:
    return json.dumps(asdict(change)).encode() + b"\n"


# --- a command -------------------------------------------------------------------------------------------------------------


def _environment(change: Change) -> dict[str, str]:
    """The facts as environment variables. They don't begin with OBSMON_: a command that calls this program must not set its options."""
    return {f"OBSERVING_MONITOR_{name.upper()}": value for name, value in asdict(change).items()}


def _run(
    command: Sequence[str],
    stdin: bytes,
    timeout_s: float,
    folder: Path | None = None,
    more: dict[str, str] | None = None,
) -> None:
    """Run a command, without a shell; DeliveryError where it can't be started, fails, or must be ended with all that it started."""
    import signal
    import subprocess
    import tempfile

    # files, not pipes: a grandchild that lives on and keeps a pipe open can't hold this run
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(stdin)
        given.seek(0)
        environment = inherited_environment() | (more or {})
        try:
            process = subprocess.Popen(
                list(command),
                stdin=given,
                stdout=said,
                stderr=said,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise DeliveryError(
                f"{command[0]} can't be run ({getattr(error, 'strerror', None) or error})"
            ) from error
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, None)):
                _signal_group(process.pid, number)
                try:
                    process.wait(patience_s)
                    break
                except subprocess.TimeoutExpired:
                    continue
            _signal_group(process.pid, signal.SIGKILL)  # what it started may have outlived it
            raise DeliveryError(
                f"{command[0]} took longer than {timeout_s:g} s and was ended"
            ) from None
        if code:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
            lines = said.read().decode(errors="replace").strip().splitlines()
            words = f": {plain(lines[-1])[:300]}" if lines else ""
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise DeliveryError(f"{command[0]} {how}{words}")


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


# --- a mail ----------------------------------------------------------------------------------------------------------------


def _mail(settings: MailSettings, change: Change) -> None:
    message = _message(settings, change)
    if settings.server:
        _in_time(lambda: _send(settings, message), settings.timeout_s, settings.server)
    else:
        _run(
            [settings.sendmail, "-i", "-f", settings.sender, "--", *settings.to],
            message.as_bytes(),
            settings.timeout_s,
        )


def _message(settings: MailSettings, change: Change) -> Any:
    """The mail, as `email.message.EmailMessage`."""
    from email.message import EmailMessage
    from email.utils import format_datetime

    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    where = change.site if not change.stream else f"{change.site}: {change.title}"
    message["Subject"] = f"{where}: {change.status}"[:200]
    message["Date"] = format_datetime(datetime.datetime.now(datetime.UTC))
    # the same change has the same Message-ID: where a run was killed between telling and noting it, mail programs show one
    digest = hashlib.blake2b(
        "\0".join((*settings.to, change.stream, change.status, change.since)).encode(),
        digest_size=12,
    ).hexdigest()
    message["Message-ID"] = (
        f"<{digest}.observing_monitor@{settings.sender.rpartition('@')[2].strip('>') or 'localhost'}>"
    )
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


def _send(settings: MailSettings, message: Any) -> None:
    import smtplib
    import ssl

    password = _secret(settings.password_env, settings.password_file)
    secure = ssl.create_default_context()
    port = settings.port or {"none": 25, "starttls": 587, "tls": 465}[settings.security]
    try:
        with (
            smtplib.SMTP_SSL(settings.server, port, timeout=settings.timeout_s, context=secure)
            if settings.security == "tls"
            else smtplib.SMTP(settings.server, port, timeout=settings.timeout_s)
        ) as server:
            if settings.security == "starttls":
                server.starttls(context=secure)
            if settings.user:
                server.login(settings.user, password)
            refused = server.send_message(message)
    except smtplib.SMTPResponseException as error:
        said = (
            error.smtp_error.decode(errors="replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        raise DeliveryError(
            f"{settings.server}:{port} answered {error.smtp_code}: {plain(said)[:300]}"
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise DeliveryError(
            f"{settings.server}:{port} refuses {', '.join(sorted(error.recipients))}"
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise DeliveryError(
            f"{settings.server}:{port}: {plain(str(error))[:300] or type(error).__name__}"
        ) from None
    if refused:
        # the others have it: to send it again at every run would be worse
        log.warning(
            "%s:%d refuses %s; the others were told",
            settings.server,
            port,
            ", ".join(sorted(refused)),
        )


# --- a webhook -------------------------------------------------------------------------------------------------------------


def _post(settings: WebhookSettings, change: Change) -> None:
    """POST a change as JSON; a redirect is a failure, for nobody named the place that it leads to."""
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    url = settings.url or _secret(settings.url_env, settings.url_file)
    token = _secret(settings.token_env, settings.token_file)
    if not url.lower().startswith(("http://", "https://")):
        raise DeliveryError("the webhook's url does not begin with https:// or http://")
    headers = {"Content-Type": "application/json", "User-Agent": "observing_monitor"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    # nothing of the url but its host is ever said: for many services the url itself is the password
    host = url.split("/")[2].rpartition("@")[2]
    try:
        request = urllib.request.Request(url, data=_json(change), headers=headers, method="POST")
        with urllib.request.build_opener(NoRedirect).open(
            request, timeout=settings.timeout_s
        ) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        words = ", a redirect, which is not followed" if 300 <= error.code < 400 else ""
        raise DeliveryError(f"{host} answered {error.code}{words}") from None
    except urllib.error.URLError as error:
        raise DeliveryError(f"{host}: {plain(str(error.reason))[:300]}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DeliveryError(f"{host}: {type(error).__name__}") from None


def _secret(variable: str, file: Path | None) -> str:
    """What stands in an environment variable, or in the first line of a file; "" where neither is named."""
    if variable:
        value = os.environ.get(variable)
        if value is None:
            raise DeliveryError(f"the environment has no {variable}; export it where this is run")
        return value
    if file is None:
        return ""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryError(
            f"{file}: {(getattr(error, 'strerror', None) or 'is no text').lower()}"
        ) from None
    return lines[0].strip() if lines else ""


def _in_time(deliver_it: Callable[[], None], timeout_s: float, what: str) -> None:
    """Do something with a limit to the whole of it, which a socket's own limit is not; DeliveryError where it fails or takes longer."""
    thread = CallThread(what)
    try:
        thread.call(deliver_it, timeout_s)
    except TooLateError:
        raise DeliveryError(f"{what} took longer than {timeout_s:g} s") from None
    except DeliveryError:
        raise
    except Exception as error:  # what nobody foresaw of somebody's server: the other receivers are told all the same
        raise DeliveryError(f"{what}: {type(error).__name__}: {plain(str(error))[:300]}") from error
    finally:
        thread.end()
