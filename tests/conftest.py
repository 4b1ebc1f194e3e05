"""Fixtures of all tests, and the import path."""

import contextlib
import gzip
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
CHECKOUT = TESTS.parent

# A script that runs pytest in the background ignores Ctrl-C, and so would the commands that tests
# start and interrupt.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "examples"), str(TESTS / "support")]
# Commands that tests start import this checkout too, not an installed package.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])
)

import running  # noqa: E402 - found by the path above
import zones  # noqa: E402
from needs import need  # noqa: E402

CHROMIUM_SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which may start servers
def pytest_runtest_setup(item):
    """Give each test its time zone; name it if the test fails."""
    zones.use_zone(zones.zone_of(item))
    item.add_report_section("setup", "time zone", os.environ["TZ"])


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Kill processes that a test leaves behind."""
    n_before = len(running.STARTED)
    yield
    running.end_started(n_before)


@pytest.fixture(params=zones.ZONES)
def zone(request):
    """Each of the three time zones, for tests about times."""
    return request.param


@pytest.fixture
def write(tmp_path):
    """A function that writes a text, gzipped for *.gz; gives its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data, `shared/data` by default.

    It is beside the checkout; OBSMON_SHARED_DATA names another.
    """
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
    """One headless Chromium, in the time zone of each test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        started = running.chromium.launch(executable_path=chromium, args=CHROMIUM_SWITCHES)
        yield zones.ZonedBrowser(started)
        started.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The example observatory's folder, with its pages."""
    import make_observatory

    folder = tmp_path_factory.mktemp("demo")
    assert make_observatory.main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def strict():
    """A context manager that serves a folder strictly."""
    import strict_server

    return strict_server.serve


@pytest.fixture(scope="session")
def served(demo, strict):
    """The address of the example's pages on a server."""
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
    """A private PostgreSQL without passwords."""
    from servers import PostgreSQL

    need(PostgreSQL.bin(), "there is no PostgreSQL (Debian's package postgresql)")
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb():
    """A private MariaDB."""
    from mariadb import MariaDB

    need(MariaDB.programs(), "there is no MariaDB (Debian's package mariadb-server)")
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def ceph():
    """A private Ceph."""
    from ceph import Ceph

    need(Ceph.is_there(), "there is no Ceph (Debian's packages radosgw, ceph-mon and ceph-osd)")
    with Ceph() as server:
        yield server
