"""Webhooks are told of a change by a real web server."""

import contextlib
import http.server
import json
import threading
import time
from pathlib import Path

import pytest
from notified import PASSWORD, NotifySite, assert_nowhere, command, script, told


@pytest.fixture
def site(tmp_path):
    """The site of a stream that becomes an error."""
    return NotifySite(tmp_path)


@contextlib.contextmanager
def served(handler):
    """Run a web server on loopback; yield its address."""
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
    """Keeps what is posted; answers `code`, or redirects to `location`."""

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

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass


def test_webhook(site, tmp_path, monkeypatch):
    """A webhook gets the change as JSON, with its token."""
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


def test_webhook_that_redirects_or_refuses(site, capfd):
    """Redirects, refusals and dead servers are a line without secrets."""

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
            f"observing_monitor: notify chat: {host} answered {answer}; the next run tries again"
            for answer in ("307, a redirect, which is not followed", "503")
        ]
        Own.code = 204
        assert [site.run(2.2), site.run(2.3)] == [0, 0]
        assert len(Own.got) == 3
    (site.folder / "data" / "told.json").unlink()
    assert site.run(2.4) == 1
    line = f"notify chat: {host}: connection refused; the next run tries again"
    assert capfd.readouterr().err == f"observing_monitor: {line}\n"


def test_one_that_hangs_is_ended(site, tmp_path, capfd):
    """A command that hangs is ended with all that it started."""

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
            f'[notify.drip]\ntype = "webhook"\nurl = "{address}"\ntimeout_s = 1\n'
            f"[notify.desk]\n{command(tmp_path / 'desk')}"
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
