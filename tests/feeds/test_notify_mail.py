"""Mails tell of a change, by a real mail server or by sendmail."""

import contextlib
import email
import email.policy
import shutil
import ssl
import subprocess

import pytest
from conftest import need
from notified import PASSWORD, NotifySite, assert_nowhere, script
from servers import free_port


@pytest.fixture
def site(tmp_path):
    """The site of a stream that becomes an error."""
    return NotifySite(tmp_path)


class Inbox:
    """Keeps the mails that a server gets."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802 - aiosmtpd
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd
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
    """Run a mail server on loopback; yield its port and its Inbox."""
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
    """A self-signed certificate for localhost, and its key."""
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
    """A mail says what is wrong; line breaks in a title add no header."""
    with mail_server() as (port, inbox):
        site.write(
            '[notify.mail]\ntype = "mail"\nto = ["observers@example.org", "nobody@example.org"]\n'
            'sender = "monitor@example.org"\n'
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
    """A password is sent only to a server with a valid certificate."""
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
            '[notify.mail]\ntype = "mail"\nto = ["observers@example.org"]\n'
            f'sender = "monitor@example.org"\nserver = "localhost"\nport = {port}\n'
            'security = "starttls"\nuser = "monitor"\npassword_env = "MAIL_PASSWORD"\n'
        )
        assert site.run(2) == 1
        assert "the environment has no MAIL_PASSWORD" in capfd.readouterr().err
        monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
        assert site.run(2.1) == 1  # nobody vouches for the certificate
        line = f"localhost:{port}: certificate verify failed: self-signed certificate; the next"
        assert line in capfd.readouterr().err and asked == []
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
    """Without a server, sendmail gets the mail on stdin."""
    sendmail = script(
        tmp_path / "sendmail",
        f'printf "%s\\n" "$@" >"{tmp_path}/arguments"\ncat >"{tmp_path}/mail"',
    )
    site.write(
        '[notify.mail]\ntype = "mail"\nto = ["-oQ/tmp@example.org"]\n'
        f'sender = "monitor@example.org"\nsendmail = {sendmail}\n'
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
