"""What all tests share: the checkout on the path, and the things a machine may lack."""

import contextlib
import gzip
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# Where this is started in the background of a script, Ctrl-C is ignored, and so it would be by what it starts.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The commands that tests start must be this checkout's too, whatever is installed.
TESTS = Path(__file__).resolve().parent
sys.path[:0] = [
    str(CHECKOUT),
    str(CHECKOUT / "examples"),
    str(TESTS / "support"),
    *(str(path) for path in sorted(TESTS.iterdir()) if path.is_dir()),
]
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])
)

import zones  # noqa: E402  from tests/support, which is on the path by now


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which may start servers
def pytest_runtest_setup(item):
    """Give each test its time zone, and name it if the test fails."""
    zones.use_zone(zones.zone_of(item))
    item.add_report_section("setup", "time zone", os.environ["TZ"])


def need(condition, reason):
    """Skip the test where `condition` doesn't hold, with the reason; with OBSMON_REQUIRE=all (CI), fail it."""
    if condition:
        return
    if os.environ.get("OBSMON_REQUIRE") == "all":
        pytest.fail(f"{reason}; and OBSMON_REQUIRE=all allows no skips", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(params=zones.ZONES)
def zone(request):
    """Each of the three time zones, for tests about times: they run in all."""
    return request.param


@pytest.fixture
def write(tmp_path):
    """Writes a text, or gzip where the name says so, and gives its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data: beside the checkout as `shared/data`, or where OBSMON_SHARED_DATA says."""
    folder = Path(os.environ.get("OBSMON_SHARED_DATA") or CHECKOUT.parent / "shared" / "data")
    need(folder.is_dir(), f"the real data are not there ({folder}); set OBSMON_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium; OBSMON_CHROMIUM names another."""
    names = (os.environ.get("OBSMON_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    need(found, "there is no Chromium (Debian's package chromium)")
    return found


@pytest.fixture(scope="session")
def browser(chromium):
    """One headless Chromium for all tests; each sees it in its own time zone."""
    from playwright.sync_api import sync_playwright

    off = ["gpu", "quic", "background-networking", "component-update", "sync"]
    with sync_playwright() as running:
        started = running.chromium.launch(
            executable_path=chromium,
            args=[
                "--headless",
                "--no-sandbox",
                "--no-first-run",
                *(f"--disable-{name}" for name in off),
            ],
        )
        yield zones.ZonedBrowser(started)
        started.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The example observatory's folder, its pages made as `make demo` makes them."""
    import make_observatory

    folder = tmp_path_factory.mktemp("demo")
    assert make_observatory.main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def strict():
    """Serves a folder as a plain server does that forbids whatever the pages don't need: a context manager that gives its address."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Strict(SimpleHTTPRequestHandler):
        policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

        def end_headers(self):
            self.send_header("Content-Security-Policy", self.policy)
            super().end_headers()

        def log_message(self, *_):
            """Silence."""

    @contextlib.contextmanager
    def serve(folder):
        with ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(Strict, directory=str(folder))
        ) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()
            thread.join()

    return serve


@pytest.fixture(scope="session")
def served(demo, strict):
    """The address of the example's pages on a strict server of this machine."""
    with strict(demo / "site") as address:
        yield address


@pytest.fixture(scope="session")
def rsync():
    """The path of rsync."""
    found = shutil.which("rsync")
    need(found, "there is no rsync (Debian's package rsync)")
    return found


@pytest.fixture(scope="session")
def postgres():
    """A private PostgreSQL for all tests, without passwords; each test makes the databases it needs in it."""
    from servers import PostgreSQL

    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb():
    """A private MariaDB for all tests; each test makes the databases it needs in it."""
    from mariadb import MariaDB

    need(MariaDB.programs(), "there is no MariaDB (Debian's package mariadb-server)")
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def ceph():
    """A private Ceph for all tests; each test makes the buckets it needs in it."""
    from ceph import Ceph

    need(Ceph.is_there(), "there is no Ceph (Debian's packages radosgw, ceph-mon and ceph-osd)")
    with Ceph() as server:
        yield server
