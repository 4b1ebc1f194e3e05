"""The settings of those who are notified."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from observing_monitor.errors import UsageError
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.settings.toml import convert, read_settings

if TYPE_CHECKING:
    from typing import Any


@dataclass(kw_only=True)
class ReceiverSettings:
    """Keys that every `[notify.NAME]` and `[streams.NAME.notify.NAME]` table may have."""

    of: Literal["streams", "site"] = setting(
        "streams",
        "For a receiver of the site: it is told when a stream's status changes (`streams`), or "
        "when the site's own status does, which is the worst of all streams (`site`).",
    )
    when: list[str] = setting(
        ["normal", "warning", "error"],
        "Statuses that it is told of.",
        example=["warning", "error"],
    )
    timeout_s: float = setting(
        20,
        "A delivery that takes longer has failed, and the next run tries again. At most 600.",
    )


@dataclass(kw_only=True)
class CommandSettings(ReceiverSettings):
    """`type = "command"`: runs a program for every change of status.

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
    """`type = "mail"`: sends a mail for every change of status."""

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
        0, "Port of the server. By default 25, with `starttls` 587, with `tls` 465.", example=2525
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
    """`type = "webhook"`: sends an HTTP POST with JSON for every change of status.

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
    """One who is told of changes."""

    name: str  # as the settings have it, with the stream before it where it is a stream's: auxTel/observers
    stream: str  # "" where it is the site's
    settings: CommandSettings | MailSettings | WebhookSettings


def receivers_of_file(path: str | Path) -> list[Receiver]:
    """Who is told when a status changes, as a settings file describes them, its own first: `Receiver`s; UsageError where one is wrong."""
    tables = read_settings(path)
    base = Path(path).absolute().parent
    receivers = _receivers(f"{path}: [notify", base, "", tables.get("notify", {}))
    for name, table in tables.get("streams", {}).items():
        receivers += _receivers(
            f"{path}: [streams.{name}.notify", base, name, table.get("notify", {})
        )
    return receivers


def _receivers(where: str, base: Path, stream: str, tables: object) -> list[Receiver]:
    """The receivers of the site, or of one stream; `where` begins every complaint."""
    if not isinstance(tables, dict) or not all(
        isinstance(table, dict) for table in tables.values()
    ):
        raise UsageError(
            f"{where}] holds a table for each receiver; write {where.partition(': ')[2]}.NAME]"
        )
    return [
        _receiver(f"{where}.{name}]", base, name, stream, dict(table))
        for name, table in tables.items()
    ]


def _receiver(where: str, base: Path, name: str, stream: str, table: dict[str, Any]) -> Receiver:
    kind = table.pop("type", None)
    if kind not in RECEIVERS:
        raise UsageError(
            f"{where} the type of a receiver is {kind!r}; it is one of {', '.join(RECEIVERS)}"
        )
    if not (name and name.isprintable()):
        raise UsageError(f"{where} the name of a receiver is {name!r}; write some plain text")
    made = convert(where, base, table, RECEIVERS[kind])
    if stream and "of" in table:
        raise UsageError(
            f"{where} key 'of': a stream's receiver is told of that stream alone; leave it out"
        )
    for word in made.when:
        if word not in ("normal", "warning", "error"):
            raise UsageError(
                f"{where} key 'when': {word!r} is no status; they are normal, warning, error"
            )
    if not made.when:
        raise UsageError(
            f"{where} key 'when' is empty; leave it out, or name what to tell of: normal, warning, error"
        )
    if not 0 < made.timeout_s <= 600:
        raise UsageError(
            f"{where} key 'timeout_s': {made.timeout_s:g} is no time limit; write seconds, 600 at most"
        )
    if isinstance(made, CommandSettings):
        _check_command(where, base, made)
    elif isinstance(made, MailSettings):
        _check_mail(where, base, made)
    else:
        _check_webhook(where, base, made)
    return Receiver(f"{stream}/{name}" if stream else name, stream, made)


def _check_command(where: str, base: Path, made: CommandSettings) -> None:
    if not made.command or not made.command[0] or any("\0" in part for part in made.command):
        raise UsageError(
            f"{where} key 'command' names no program; write a list such as ['/usr/local/bin/tell', '--urgent']"
        )
    if "/" in made.command[0]:
        made.command[0] = str(base / Path(made.command[0]).expanduser())
    made.folder = base / made.folder


def _check_mail(where: str, base: Path, made: MailSettings) -> None:
    for key, addresses in (("to", made.to), ("sender", [made.sender])):
        wrong = [
            address for address in addresses if not re.fullmatch(r"[^\s,;<>\x00-\x1f]+", address)
        ]
        if wrong or not addresses:
            said = repr(wrong[0]) if wrong else "[]"
            raise UsageError(
                f"{where} key {key!r}: {said} is no mail address; write one such as observers@example.org"
            )
    if not 0 <= made.port <= 65535:
        raise UsageError(f"{where} key 'port': {made.port} is no port; write 1 to 65535")
    _check_one(where, made, "password_env", "password_file")
    if made.user and not made.server:
        raise UsageError(
            f"{where} key 'user': sendmail asks for none; name the server, or leave it out"
        )
    if bool(made.user) != bool(made.password_env or made.password_file):
        raise UsageError(
            f"{where} a user and a password belong together; set user, and password_env or password_file"
        )
    if (
        made.user
        and made.security == "none"
        and made.server not in ("localhost", "127.0.0.1", "::1")
    ):
        raise UsageError(
            f'{where} the password would be sent in the open; set security = "starttls" or "tls"'
        )


def _check_webhook(where: str, base: Path, made: WebhookSettings) -> None:
    _check_one(where, made, "url", "url_env", "url_file", is_needed=True)
    _check_one(where, made, "token_env", "token_file")
    if made.url:
        try:
            parts = urlsplit(made.url)
            is_address = (
                parts.scheme in ("http", "https")
                and bool(parts.hostname)
                and "@" not in parts.netloc
                and parts.port != 0
            )
        except ValueError:
            is_address = False
        if not is_address or not made.url.isprintable() or " " in made.url:
            raise UsageError(
                f"{where} key 'url' is no address that can be posted to; write https://host/path, without user or password"
            )


def _check_one(where: str, made: ReceiverSettings, *keys: str, is_needed: bool = False) -> None:
    """Of several ways to say one thing, no more than one may be used."""
    used = [key for key in keys if getattr(made, key)]
    if len(used) > 1:
        raise UsageError(f"{where} {' and '.join(used)} say the same; keep one of them")
    if is_needed and not used:
        raise UsageError(f"{where} key {keys[0]!r} is missing; set one of {', '.join(keys)}")
