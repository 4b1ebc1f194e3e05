"""Who is told of a change of status: real commands, a real mail server, a real web server; once, and again where that failed."""

import contextlib
import datetime
import email
import email.policy
import http.server
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import CHECKOUT, need
from gen2tree import later, make_night
from running import run, start
from servers import free_port

from observing_monitor.settings import read
from observing_monitor.settings.receivers import receivers_of_file

NIGHT = datetime.date(2020, 2, 12)
HOUR = datetime.timedelta(hours=1)
PASSWORD = "correct horse battery"


@pytest.fixture
def site(tmp_path):
    """A stream whose one night is normal at `now`, and an error two hours later; `write` adds tables to its settings."""

    class Made:
        now = later()
        folder = tmp_path / "site"

        def write(self, tables, title="Observing monitor"):
            (tmp_path / "site.toml").write_text(
                f'[observing_monitor]\noutput_dir = "site"\ntitle = {json.dumps(title)}\nsite_url = "https://example.org/n/"\n'
                f'first_day = "{NIGHT}"\nlast_day = "{NIGHT}"\n[streams.latiss]\ninput_dir = "input"\ntransfer_log = "rsync.log"\n{tables}'
            )

        def run(self, hours=0.0, command="run"):
            return run(command, "-c", tmp_path / "site.toml", now=self.now + hours * HOUR)

    Made.made = make_night(
        tmp_path / "input", NIGHT, {"ingested": 4, "pending": 3}, now=Made.now, transfer_log=True
    )
    return Made()


def script(path, text):
    """A shell script that can be run; its path as TOML."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return json.dumps(str(path))


def command(path, more=""):
    """A receiver that adds a line of JSON to `path`.told for every change, and its environment to `path`.env."""
    tell = script(
        path,
        f'cat >>"{path}.told"\nenv | grep ^OBSERVING_MONITOR_ | sort >>"{path}.env"\nprintf "%s" "$1" >"{path}.argument"',
    )
    return f'type = "command"\ncommand = [{tell}, "$(touch {path}.shell)"]\n{more}'


def told(path):
    """What the receiver of `command` was told."""
    file = path.with_name(f"{path.name}.told")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_command_is_told_of_changes_alone(site, tmp_path):
    """A command gets each change once, by its environment and as JSON, and nothing while the status stays; no shell reads its arguments."""
    site.write(f"[notify.desk]\n{command(tmp_path / 'desk')}")
    assert [site.run(), site.run(0.1)] == [0, 0]
    assert told(tmp_path / "desk") == []  # what was never told of counts as normal
    assert [site.run(2), site.run(2.1), site.run(3)] == [0, 0, 0]
    (change,) = told(tmp_path / "desk")
    at = f"{site.now + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert change == {
        "site": "Observing monitor",
        "stream": "latiss",
        "title": "latiss",
        "status": "error",
        "was": "normal",
        "info": change["info"],
        "since": at,
        "night": "2020-02-12",
        "url": "https://example.org/n/latiss/index.html",
        "told_at": at,
        "text": f"Observing monitor, latiss: error (was normal): {change['info']} https://example.org/n/latiss/index.html",
    }
    assert "3 files never tried" in change["info"]
    variables = dict(
        line.split("=", 1) for line in (tmp_path / "desk.env").read_text().splitlines()
    )
    assert variables == {
        f"OBSERVING_MONITOR_{name.upper()}": value for name, value in change.items()
    }
    assert (tmp_path / "desk.argument").read_text() == f"$(touch {tmp_path}/desk.shell)" and not (
        tmp_path / "desk.shell"
    ).exists()
    for file in site.made.of("pending"):
        file.path.unlink()  # gone: a warning
    assert site.run(3.1) == 0
    assert [(change["was"], change["status"]) for change in told(tmp_path / "desk")] == [
        ("normal", "error"),
        ("error", "warning"),
    ]


def test_who_is_told_of_what(site, tmp_path):
    """`when` chooses the levels, `of` the streams or the site; a stream's receiver hears of that stream alone."""
    tables = [
        f"[notify.all]\n{command(tmp_path / 'all')}",
        "[notify.site]\n" + command(tmp_path / "site_alone", 'of = "site"'),
        "[notify.warned]\n" + command(tmp_path / "warned", 'when = ["warning"]'),
        f"[streams.latiss.notify.own]\n{command(tmp_path / 'own')}",
        f'[streams.second]\ninput_dir = "second"\n[streams.second.notify.own]\n{command(tmp_path / "second_own")}',
    ]
    make_night(tmp_path / "second", NIGHT, {"ingested": 2, "small": 1}, now=site.now)
    site.write("\n".join(tables))
    assert site.run(2) == 0
    heard = {
        name: [(c["stream"], c["status"]) for c in told(tmp_path / name)]
        for name in ("all", "site_alone", "warned", "own", "second_own")
    }
    assert heard == {
        "all": [("latiss", "error"), ("second", "warning")],
        "site_alone": [("", "error")],
        "warned": [("second", "warning")],
        "own": [("latiss", "error")],
        "second_own": [("second", "warning")],
    }


def test_one_that_fails_is_told_by_the_next_run(site, tmp_path, capfd):
    """A receiver that fails costs one line and the exit code, no page and no other receiver; the next run tells it."""
    broken = script(
        tmp_path / "broken",
        f'test -e "{tmp_path}/mended" && exec cat >"{tmp_path}/broken.told"\necho no paper >&2\nexit 3',
    )
    site.write(
        f'[notify.broken]\ntype = "command"\ncommand = [{broken}]\n[notify.desk]\n{command(tmp_path / "desk")}'
    )
    assert site.run(2) == 1
    line = f"observing_monitor: notify broken: {tmp_path}/broken ended with exit code 3: no paper; the next run tries again\n"
    assert capfd.readouterr().err == line
    assert (
        len(told(tmp_path / "desk")) == 1
        and "never tried" in (site.folder / "latiss" / "2020-02-12.html").read_text()
    )
    (tmp_path / "mended").touch()
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert len(told(tmp_path / "broken")) == len(told(tmp_path / "desk")) == 1


def test_one_that_hangs_is_ended(site, tmp_path, capfd):
    """A command that hangs is ended after its time limit with all that it started, and a server that only drips is left."""

    class Dripping(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"X")
                    self.wfile.flush()
                    time.sleep(0.1)

        def log_message(self, *_):
            pass

    hang = script(
        tmp_path / "hang", f'trap "" TERM\nsleep 300 & echo $! >"{tmp_path}/child"\nwait\nsleep 300'
    )
    with served(Dripping) as address:
        site.write(
            f'[notify.hang]\ntype = "command"\ncommand = [{hang}]\ntimeout_s = 0.5\n'
            f'[notify.drip]\ntype = "webhook"\nurl = "{address}"\ntimeout_s = 1\n[notify.desk]\n{command(tmp_path / "desk")}'
        )
        began = time.monotonic()
        assert site.run(2) == 1
        assert time.monotonic() - began < 12
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition("notify ")[2].partition(" took")[0] for line in lines] == [
        f"hang: {tmp_path}/hang",
        "drip: the webhook",
    ]
    assert len(told(tmp_path / "desk")) == 1
    state = Path("/proc", (tmp_path / "child").read_text().strip(), "status")
    assert not state.exists() or "zombie" in state.read_text()


def test_a_run_killed_while_telling_tells_again(site, tmp_path):
    """A run that is killed after a delivery, before it could note it, is followed by one that tells again: at least once, then no more."""
    tell = script(
        tmp_path / "tell",
        f'cat >>"{tmp_path}/tell.told"\ntest -e "{tmp_path}/let" || kill -9 $PPID',
    )
    site.write(f'[notify.desk]\ntype = "command"\ncommand = [{tell}]')
    killed = start("-c", tmp_path / "site.toml", now=site.now + 2 * HOUR)
    killed.communicate()
    assert killed.returncode == -9 and len(told(tmp_path / "tell")) == 1
    (tmp_path / "let").touch()
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert [change["status"] for change in told(tmp_path / "tell")] == ["error", "error"]


def test_rebuild_tells_nothing(site, tmp_path):
    """A rebuild tells nobody; the next run tells what it came to, once."""
    site.write(f"[notify.desk]\n{command(tmp_path / 'desk')}")
    assert site.run(2, "rebuild") == 0 and told(tmp_path / "desk") == []
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert len(told(tmp_path / "desk")) == 1


def test_told_file_that_is_damaged(site, tmp_path):
    """Where the record of what was told is cut short, what is wrong is told again."""
    site.write(f"[notify.desk]\n{command(tmp_path / 'desk')}")
    assert site.run(2) == 0
    (site.folder / "data" / "told.json").write_text('{"receivers": {"desk": {"lat')
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert len(told(tmp_path / "desk")) == 2


# --- webhooks --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(handler):
    """A web server on loopback while the block runs; its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/of-a-secret-name"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted; answers `code`, and leads to `location` where there is one."""

    code, location, got = 200, "", ()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got = [
            *self.got,
            (
                self.path,
                self.headers.get("Authorization"),
                self.headers["Content-Type"],
                json.loads(body),
            ),
        ]
        self.send_response(self.code)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


def test_webhook(site, tmp_path, monkeypatch):
    """A webhook gets the change as JSON, with its token, which stands nowhere in what the run wrote."""
    (tmp_path / "token").write_text(f"{PASSWORD}\n")

    class Own(Hook):
        pass

    with served(Own) as address:
        monkeypatch.setenv("HOOK_ADDRESS", address)
        site.write(
            '[notify.chat]\ntype = "webhook"\nurl_env = "HOOK_ADDRESS"\ntoken_file = "token"'
        )
        assert [site.run(2), site.run(2.1)] == [0, 0]
    ((path, authorization, kind, change),) = Own.got
    assert (path, authorization, kind) == (
        "/hook/of-a-secret-name",
        f"Bearer {PASSWORD}",
        "application/json",
    )
    assert change["status"] == "error" and change["text"].startswith(
        "Observing monitor, latiss: error"
    )
    assert_nowhere(site.folder, PASSWORD, "of-a-secret-name")


def assert_nowhere(folder, *secrets):
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in secrets if secret.encode() in data], path


def test_webhook_that_redirects_or_refuses(site, capfd):
    """A redirect leads nowhere, a refusal and a dead server are a line without the address's secret; later it is told."""

    class Elsewhere(Hook):
        pass

    class Own(Hook):
        code = 307

    with served(Elsewhere) as elsewhere, served(Own) as address:
        Own.location = elsewhere
        host = address.split("/")[2]
        site.write(f'[notify.chat]\ntype = "webhook"\nurl = "{address}"')
        assert site.run(2) == 1
        assert Elsewhere.got == () and len(Own.got) == 1
        Own.code, Own.location = 503, ""
        assert site.run(2.1) == 1
        lines = capfd.readouterr().err.splitlines()
        assert lines == [
            f"observing_monitor: notify chat: {host} answered 307, a redirect, which is not followed; the next run tries again",
            f"observing_monitor: notify chat: {host} answered 503; the next run tries again",
        ]
        Own.code = 204
        assert [site.run(2.2), site.run(2.3)] == [0, 0]
        assert len(Own.got) == 3
    for path in (site.folder / "data").glob("told.json"):
        path.unlink()
    assert site.run(2.4) == 1
    assert (
        capfd.readouterr().err
        == f"observing_monitor: notify chat: {host}: [Errno 111] Connection refused; the next run tries again\n"
    )


# --- mails -----------------------------------------------------------------------------------------------------------------


class Inbox:
    """What a mail server keeps of what it was sent."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(
            (
                envelope.mail_from,
                envelope.rcpt_tos,
                email.message_from_bytes(envelope.content, policy=email.policy.default),
            )
        )
        return "250 kept"


@contextlib.contextmanager
def mail_server(**options):
    """A mail server on loopback while the block runs: its port, and its Inbox."""
    from aiosmtpd.controller import Controller

    inbox = Inbox()
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=20, **options)
    controller.start()
    try:
        yield port, inbox
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost, signed by itself, and its key."""
    need(shutil.which("openssl"), "there is no openssl (Debian's package openssl)")
    folder = tmp_path_factory.mktemp("tls")
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    made += [
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
    ]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def test_mail(site):
    """A mail tells of a change: from whom, to whom, what is wrong and where; a title with line breaks adds no header."""
    with mail_server() as (port, inbox):
        site.write(
            f'[notify.mail]\ntype = "mail"\nto = ["observers@example.org", "nobody@example.org"]\nsender = "monitor@example.org"\n'
            f'server = "127.0.0.1"\nport = {port}\n',
            title="Árbol\r\nBcc: victim@example.org",
        )
        assert [site.run(2), site.run(2.1)] == [0, 0]
    ((sender, receivers, mail),) = inbox.mails
    assert (sender, receivers) == ("monitor@example.org", ["observers@example.org"])
    assert mail["Subject"] == "Árbol Bcc: victim@example.org: latiss: error" and mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"].endswith(
        "@example.org>"
    )
    text = mail.get_content()
    assert (
        "3 files never tried" in text
        and "https://example.org/n/latiss/index.html" in text
        and "error, was normal" in text
    )


def test_mail_by_starttls_with_a_password(site, certificate, monkeypatch, capfd):
    """A password goes to a server that proves who it is, by STARTTLS, and stands nowhere else; a wrong one is a line without it."""
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(*certificate)
    asked = []

    def is_right(server, session, envelope, mechanism, data):
        from aiosmtpd.smtp import AuthResult

        asked.append((data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    options = {
        "tls_context": own,
        "require_starttls": True,
        "auth_required": True,
        "authenticator": is_right,
    }
    with mail_server(**options) as (port, inbox):
        site.write(
            f'[notify.mail]\ntype = "mail"\nto = ["observers@example.org"]\nsender = "monitor@example.org"\nserver = "localhost"\n'
            f'port = {port}\nsecurity = "starttls"\nuser = "monitor"\npassword_env = "MAIL_PASSWORD"\n'
        )
        assert site.run(2) == 1
        assert "the environment has no MAIL_PASSWORD" in capfd.readouterr().err
        monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
        assert site.run(2.1) == 1  # nobody vouches for the certificate
        assert "certificate verify failed" in capfd.readouterr().err and asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        monkeypatch.setenv("MAIL_PASSWORD", "wrong horse")
        assert site.run(2.2) == 1
        said = capfd.readouterr().err
        assert f"notify mail: localhost:{port} answered 535" in said and "wrong horse" not in said
        monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
        assert [site.run(2.3), site.run(2.4)] == [0, 0]
    assert len(inbox.mails) == 1 and asked[-1] == (b"monitor", PASSWORD.encode())
    assert_nowhere(site.folder, PASSWORD, "wrong horse")


def test_mail_by_sendmail(site, tmp_path):
    """Without a server the machine's sendmail gets the mail on its stdin, the addresses after `--`, read by no shell."""
    sendmail = script(
        tmp_path / "sendmail",
        f'printf "%s\\n" "$@" >"{tmp_path}/arguments"\ncat >"{tmp_path}/mail"',
    )
    site.write(
        f'[notify.mail]\ntype = "mail"\nto = ["-oQ/tmp@example.org"]\nsender = "monitor@example.org"\nsendmail = {sendmail}\n'
    )
    assert site.run(2) == 0
    assert (tmp_path / "arguments").read_text().split() == [
        "-i",
        "-f",
        "monitor@example.org",
        "--",
        "-oQ/tmp@example.org",
    ]
    mail = email.message_from_bytes((tmp_path / "mail").read_bytes(), policy=email.policy.default)
    assert mail["Subject"] == "Observing monitor: latiss: error"


# --- settings --------------------------------------------------------------------------------------------------------------

MAIL = 'type = "mail"\nto = ["a@b"]\nsender = "c@d"\n'


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            '[notify.x]\ntype = "pager"',
            "[notify.x] the type of a receiver is 'pager'; it is one of command, mail, webhook",
        ),
        ("[notify.x]", "[notify.x] the type of a receiver is None"),
        ('[notify.x]\ntype = "command"\ncommand = []', "[notify.x] command names no program"),
        (
            '[notify.x]\ntype = "command"\ncommand = "rm -rf x"',
            '[notify.x] command: a list of texts, such as ["/usr/local/bin/tell", "--urgent"], not text',
        ),
        (
            '[notify.x]\ntype = "command"\ncomand = ["a"]',
            "[notify.x] unknown key 'comand'; did you mean 'command'?",
        ),
        (
            '[notify.x]\ntype = "webhook"',
            "[notify.x] url is missing; set one of url, url_env, url_file",
        ),
        (
            '[notify.x]\ntype = "webhook"\nurl = "file:///etc/passwd"',
            "[notify.x] url is no address",
        ),
        (
            '[notify.x]\ntype = "webhook"\nurl = "https://me:pass@host/x"',
            "without user or password",
        ),
        (
            '[notify.x]\ntype = "webhook"\nurl = "https://a/"\nurl_env = "A"',
            "[notify.x] url and url_env set the same thing",
        ),
        (
            '[notify.x]\ntype = "mail"\nto = ["a b"]\nsender = "c@d"',
            "[notify.x] to: 'a b' is no mail address",
        ),
        (
            f'[notify.x]\n{MAIL}server = "h"\nuser = "u"',
            "[notify.x] a user and a password belong together",
        ),
        (
            f'[notify.x]\n{MAIL}server = "h"\nuser = "u"\npassword_env = "P"',
            "[notify.x] the password would be sent unencrypted",
        ),
        (
            f'[notify.x]\n{MAIL}when = ["bad"]',
            "[notify.x] when: 'bad' is no status; they are normal, warning, error",
        ),
        (f"[notify.x]\n{MAIL}when = []", "[notify.x] when is empty"),
        (f"[notify.x]\n{MAIL}timeout_s = 0", "[notify.x] timeout_s: 0 is no time limit"),
        (f'[streams.latiss.notify.x]\n{MAIL}of = "site"', "[streams.latiss.notify.x] of"),
        ("[streams.latiss.notify]\nx = 1", "write [streams.latiss.notify.NAME]"),
    ],
)
def test_wrong_settings(site, tmp_path, capfd, tables, said):
    """A receiver that can't be is an error before anything is done, which names the file, the table and the key."""
    site.write(tables)
    assert site.run(2) == 2
    assert (
        f"{tmp_path}/site.toml: " in (line := capfd.readouterr().err)
        and said in line
        and line.count("\n") == 1
    )
    assert not site.folder.exists()


@pytest.mark.parametrize(
    "path", ["docs/notifications.md", "docs/known_issues.md", "examples/notify.toml"]
)
def test_examples(tmp_path, path):
    """What the documentation shows of settings is understood."""
    text = (CHECKOUT / path).read_text()
    for number, tables in enumerate(re.findall(r"```toml\n(.*?)```", text, re.DOTALL) or [text]):
        settings = tmp_path / f"{number}.toml"
        settings.write_text(tables)
        receivers = receivers_of_file(settings)
        assert len(receivers) == tables.count("[notify.") + tables.count(".notify.")
        if "input_dir" in tables:
            assert read.streams_of_file(settings)


def test_trying_out(site, tmp_path, capsys):
    """`observing_monitor notify` sends every receiver a message and says how that went; it reads and writes nothing else."""
    site.write(
        f'[notify.desk]\n{command(tmp_path / "desk")}\n[notify.gone]\ntype = "command"\ncommand = ["{tmp_path}/nothing"]'
    )
    assert site.run(2, "notify") == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "  ok     desk: told",
        f"  FAILED gone: {tmp_path}/nothing can't be run (No such file or directory)",
    ]
    assert "nothing has changed" in told(tmp_path / "desk")[0]["text"] and not site.folder.exists()
