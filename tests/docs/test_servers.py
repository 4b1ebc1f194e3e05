"""The documented units and configurations of web servers work."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import need
from pages import DOCS, OPERATIONS, named

WEB = DOCS / "web_server.md"
STRICT = re.search(r'Content-Security-Policy "([^"]+)"', WEB.read_text())[1]
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def program(name, package):
    found = shutil.which(name, path=SBIN)
    need(found, f"there is no {name} (Debian's package {package})")
    return found


def test_systemd_units(tmp_path):
    """systemd accepts the units, and calls the service's exposure small."""
    systemd = program("systemd-analyze", "systemd")
    for name in ("service", "timer"):
        unit = named(OPERATIONS, "ini", f"observing_monitor.{name}").replace(
            "/opt/observing_monitor/.venv/bin/observing_monitor", "/bin/true"
        )
        (tmp_path / f"observing_monitor.{name}").write_text(unit.replace("=obsmon", "=daemon"))
    done = subprocess.run(
        [systemd, "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True
    )
    own = [line for line in done.stderr.splitlines() if "observing_monitor" in line]
    assert (done.returncode, own) == (0, [])
    command = [
        systemd,
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold=20",
        tmp_path / "observing_monitor.service",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr  # 2.0 of 10


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(command, port):
    """A web server, until it is no longer wanted."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            for _ in range(100):
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", port), timeout=1),
                ):
                    break
                assert server.poll() is None, server.stdout.read()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
def web_root(tmp_path):
    """A small site, as the program leaves it, that any user may read."""
    root = tmp_path / "site"
    for name in (
        "index.html",
        "assets/monitor-1.js",
        "auxTel/latest.html",
        "data/stream=auxTel/index.json",
        ".unfinished/x",
        ".lock",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("<!doctype html>")
    for folder in (tmp_path, *tmp_path.parents[:3]):  # with workers there is one more
        folder.chmod(folder.stat().st_mode | 0o755)  # one of them may be /tmp, which all may write
    return root


def status_and_headers(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def check_server(address):
    """Pages and assets are served under the policy; the store is not."""
    for path in ("/", "/auxTel/latest.html", "/assets/monitor-1.js"):
        status, headers = status_and_headers(address + path)
        assert (
            status == 200
            and headers["Content-Security-Policy"] == STRICT
            and headers["X-Content-Type-Options"] == "nosniff"
        ), path
        assert headers["Cache-Control"] == "no-cache"
    assert "javascript" in headers["Content-Type"], "or nosniff would keep browsers from running it"
    for path in (
        "/data/stream=auxTel/index.json",
        "/data/",
        "/.unfinished/x",
        "/.lock",
        "//data/stream=auxTel/index.json",
    ):
        assert status_and_headers(address + path)[0] in (403, 404), path


def test_nginx(tmp_path, port, web_root):
    """nginx serves pages under the policy and keeps the store private."""
    nginx = program("nginx", "nginx-light")
    server = named(WEB, "nginx", "observing_monitor.conf")
    server = server.replace("listen 80;", f"listen 127.0.0.1:{port};").replace(
        "/srv/observing_monitor", str(web_root)
    )
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off; {temporary}\n{server}\n}}\n"
    )
    command = [
        nginx,
        "-p",
        tmp_path,
        "-c",
        tmp_path / "nginx.conf",
        "-e",
        "stderr",
        "-g",
        "daemon off; master_process off;",
    ]
    with serving(command, port) as address:
        check_server(address)


def test_apache(tmp_path, port, web_root):
    """Apache serves pages under the policy and keeps the store private."""
    apache = program("apache2", "apache2-bin")
    site = named(WEB, "apache", "observing_monitor.conf").replace(
        "<VirtualHost *:80>", f"<VirtualHost *:{port}>"
    )
    names = ("mpm_event", "authz_core", "headers", "mime", "dir", "autoindex")
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in names
    )
    (tmp_path / "apache.conf").write_text(
        f"ServerRoot {tmp_path}\nServerName localhost\nPidFile {tmp_path}/pid\n"
        f"ErrorLog {tmp_path}/errors\nListen 127.0.0.1:{port}\n{modules}"
        f"DefaultRuntimeDir {tmp_path}\nMutex file:{tmp_path}\nTypesConfig /etc/mime.types\n"
        "User nobody\nGroup nogroup\n" + site.replace("/srv/observing_monitor", str(web_root))
    )
    with serving([apache, "-X", "-f", tmp_path / "apache.conf"], port) as address:
        check_server(address)
