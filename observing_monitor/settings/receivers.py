"""Receivers of changes of status: tables `[notify.NAME]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from observing_monitor.errors import UsageError
from observing_monitor.model.finding import LEVELS
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.settings.toml import Section, folder_of, read_settings

if TYPE_CHECKING:
    from typing import Any


MAX_TIMEOUT_S = 600  # of a delivery
MAX_PORT = 65_535


@dataclass(kw_only=True)
class ReceiverSettings:
    """Keys that every receiver's table may have."""

    of: Literal["streams", "site"] = setting(
        "streams",
        "For a receiver of the site: send a message when any stream's status changes (`streams`), "
        "or only when the worst status of all streams changes (`site`).",
    )
    when: list[str] = setting(
        ["normal", "warning", "error"],
        "Statuses that cause a message.",
        example=["warning", "error"],
    )
    timeout_s: float = setting(
        20,
        f"Time for a delivery, {MAX_TIMEOUT_S} at most. One that takes longer has failed, and the "
        "next run tries again.",
    )


@dataclass(kw_only=True)
class CommandSettings(ReceiverSettings):
    """`type = "command"`: runs a program.

    The program finds the facts in its environment and, as JSON, on its standard input.
    """

    command: list[str] = setting(
        REQUIRED,
        "The program and its arguments. No shell reads them. A program with a slash in its name "
        "is looked for relative to the settings file.",
        example=["/usr/local/bin/tell", "--urgent"],
    )
    folder: Path = setting(
        Path(),
        "Folder that the program runs in. By default, the folder of the settings file.",
        example="/var/lib/monitor",
    )


@dataclass(kw_only=True)
class MailSettings(ReceiverSettings):
    """`type = "mail"`: sends a mail."""

    to: list[str] = setting(
        REQUIRED, "Addresses that get the mail.", example=["observers@example.org"]
    )
    sender: str = setting(
        REQUIRED, "Address that the mail comes from.", example="monitor@example.org"
    )
    server: str = setting(
        "",
        "Name of the mail server. By default, this machine's `sendmail` is called.",
        example="mail.example.org",
    )
    port: int = setting(
        0, "Port of the server. 0 means 25, with `starttls` 587, with `tls` 465.", example=2525
    )
    security: Literal["none", "starttls", "tls"] = setting(
        "none", "Encryption of the connection to the server."
    )
    user: str = setting("", "User that the server asks for.", example="monitor")
    password_env: str = setting(
        "", "Environment variable with the user's password.", example="MAIL_PASSWORD"
    )
    password_file: Path | None = setting(
        None,
        "File with the user's password in its first line, in place of `password_env`.",
        example="/etc/monitor/mail-password",
    )
    sendmail: str = setting(
        "/usr/sbin/sendmail", "Program that takes the mail if there is no server."
    )


@dataclass(kw_only=True)
class WebhookSettings(ReceiverSettings):
    """`type = "webhook"`: sends an HTTP POST with JSON.

    Redirects are not followed.
    """

    url: str = setting(
        "", "Address to post to, `https://` or `http://`.", example="https://chat.example.org/hook"
    )
    url_env: str = setting(
        "",
        "Environment variable with the address, in place of `url`: for addresses that are secret.",
        example="HOOK_URL",
    )
    url_file: Path | None = setting(
        None,
        "File with the address in its first line, in place of `url`.",
        example="/etc/monitor/hook-url",
    )
    token_env: str = setting(
        "",
        "Environment variable with a token, which is sent as `Authorization: Bearer TOKEN`.",
        example="HOOK_TOKEN",
    )
    token_file: Path | None = setting(
        None,
        "File with the token in its first line, in place of `token_env`.",
        example="/etc/monitor/hook-token",
    )


RECEIVERS: dict[str, type[CommandSettings] | type[MailSettings] | type[WebhookSettings]] = {
    "command": CommandSettings,
    "mail": MailSettings,
    "webhook": WebhookSettings,
}


@dataclass(frozen=True)
class Receiver:
    """One who is told of changes of status."""

    name: str  # as in the settings; a stream's receiver with the stream: auxTel/observers
    stream: str  # "" for a receiver of the site
    settings: CommandSettings | MailSettings | WebhookSettings


def receivers_of_file(path: str | Path) -> list[Receiver]:
    """Return the receivers of a settings file.

    Raises
    ------
    UsageError
        A receiver's setting is wrong.
    """
    tables = read_settings(path)
    base = folder_of(path).absolute()
    receivers = _read_receivers(Section(f"{path}: [notify", base), "", tables.get("notify", {}))
    for name, table in tables.get("streams", {}).items():
        section = Section(f"{path}: [streams.{name}.notify", base)
        receivers += _read_receivers(section, name, table.get("notify", {}))
    return receivers


def _read_receivers(section: Section, stream: str, tables: object) -> list[Receiver]:
    """Return the receivers of the site, or of one stream.

    The section's name still lacks the receiver's name and its "]".
    """
    where = section.where
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        words = f"write {where.partition(': ')[2]}.NAME]"
        raise UsageError(f"{where}] has a table for each receiver; {words}")
    return [
        _read_receiver(Section(f"{where}.{name}]", section.base), name, stream, dict(table))
        for name, table in tables.items()
    ]


def _read_receiver(section: Section, name: str, stream: str, table: dict[str, Any]) -> Receiver:
    kind = table.pop("type", None)
    if kind not in RECEIVERS:
        known = ", ".join(RECEIVERS)
        raise section.error(f"the type of a receiver is {kind!r}; it is one of {known}")
    if not (name and name.isprintable()):
        raise section.error(f"the name of a receiver is {name!r}; write plain text")
    settings = section.read(table, RECEIVERS[kind])
    if stream and "of" in table:
        raise section.error("of: a stream's receiver is told of that stream only; leave it out")
    _check_common(section, settings)
    if isinstance(settings, CommandSettings):
        _check_command(section, settings)
    elif isinstance(settings, MailSettings):
        _check_mail(section, settings)
    else:
        _check_webhook(section, settings)
    return Receiver(f"{stream}/{name}" if stream else name, stream, settings)


def _check_common(section: Section, settings: ReceiverSettings) -> None:
    for word in settings.when:
        if word not in LEVELS:
            raise section.error(f"when: {word!r} is no status; they are {', '.join(LEVELS)}")
    if not settings.when:
        words = f"leave it out, or name statuses: {', '.join(LEVELS)}"
        raise section.error(f"when is empty; {words}")
    if not 0 < settings.timeout_s <= MAX_TIMEOUT_S:
        words = f"write seconds, {MAX_TIMEOUT_S} at most"
        raise section.error(f"timeout_s: {settings.timeout_s:g} is no time limit; {words}")


def _check_command(section: Section, settings: CommandSettings) -> None:
    command = settings.command
    if not command or not command[0] or any("\0" in part for part in command):
        words = "write a list such as ['/usr/local/bin/tell', '--urgent']"
        raise section.error(f"command names no program; {words}")
    if "/" in command[0]:
        command[0] = str(section.base / Path(command[0]).expanduser())
    settings.folder = section.base / settings.folder


def _check_mail(section: Section, settings: MailSettings) -> None:
    for key, addresses in (("to", settings.to), ("sender", [settings.sender])):
        wrong = [one for one in addresses if not re.fullmatch(r"[^\s,;<>\x00-\x1f]+", one)]
        if wrong or not addresses:
            shown = repr(wrong[0]) if wrong else "[]"
            words = "write one such as observers@example.org"
            raise section.error(f"{key}: {shown} is no mail address; {words}")
    if not 0 <= settings.port <= MAX_PORT:
        raise section.error(f"port: {settings.port} is no port; write 1 to {MAX_PORT}")
    _check_one_of(section, settings, "password_env", "password_file")
    if settings.user and not settings.server:
        raise section.error("user: sendmail needs none; name the server, or leave the user out")
    if bool(settings.user) != bool(settings.password_env or settings.password_file):
        words = "set user, and password_env or password_file"
        raise section.error(f"a user and a password belong together; {words}")
    is_local = settings.server in ("localhost", "127.0.0.1", "::1")
    if settings.user and settings.security == "none" and not is_local:
        words = 'set security = "starttls" or "tls"'
        raise section.error(f"the password would be sent unencrypted; {words}")


def _check_webhook(section: Section, settings: WebhookSettings) -> None:
    _check_one_of(section, settings, "url", "url_env", "url_file", is_needed=True)
    _check_one_of(section, settings, "token_env", "token_file")
    if settings.url and not _is_web_address(settings.url):
        words = "write https://host/path, without user or password"
        raise section.error(f"url is no address to post to; {words}")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    return is_whole and parts.scheme in ("http", "https") and url.isprintable() and " " not in url


def _check_one_of(
    section: Section, settings: ReceiverSettings, *keys: str, is_needed: bool = False
) -> None:
    """Raise UsageError if several of these keys are set.

    If one is needed, it has to be exactly one.
    """
    used = [key for key in keys if getattr(settings, key)]
    if len(used) > 1:
        raise section.error(f"{' and '.join(used)} set the same thing; keep one of them")
    if is_needed and not used:
        raise section.error(f"{keys[0]} is missing; set one of {', '.join(keys)}")
