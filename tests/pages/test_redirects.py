"""The prototype's addresses redirect to our pages, in a browser, from disk and from a server."""

import datetime
import functools
import http.server
import shutil
import threading

import pytest
from gen2tree import later, make_night
from prototype import BOTH, database
from running import contents, run, times

DAYS = [datetime.date(2020, 2, day) for day in (12, 13)]
SPAN = ("--first_day", DAYS[0], "--last_day", DAYS[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the input of two nights, and a database of the prototype."""
    made = tmp_path_factory.mktemp("old")
    for night in DAYS:
        make_night(made / "input", night, {"ingested": 3}, now=later())
    row = ("2020-02-11", None, 0, None, 0, 0, 0, 0, None)
    database(made / "observing_monitor.sqlite3", BOTH, [("FILE_COUNT", row)])
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that logs nothing."""

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture
def check_redirect(browser, tmp_path):
    """A function that opens an address from disk and a server, and checks where it leads."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "site")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    roots = [(tmp_path / "site").as_uri(), f"http://127.0.0.1:{server.server_port}"]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    def check(address, expected):
        for root in roots:
            page.goto(f"{root}/{address}")
            page.wait_for_url(f"{root}/{expected}", timeout=10_000)
            assert page.locator("h1").count() == 1, f"{root}/{expected} is one of our pages"

    yield check
    context.close()
    server.shutdown()
    server.server_close()


def run_nights(*arguments):
    """Run for both nights, without a problem."""
    assert run(*arguments, *SPAN, now=later()) == 0


def test_one_stream_by_flags(folder, tmp_path, check_redirect):
    """If the prototype's database is next to the pages, the addresses of both Butlers redirect."""
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(folder / "observing_monitor.sqlite3", site)
    (site / "index_gen3.html").write_text("<h1>the prototype's own</h1>")
    arguments = ("--input_dir", folder / "input", "--output_dir", site)
    run_nights(*arguments)
    for ending in ("_gen2", "_gen3"):
        check_redirect(f"index{ending}.html", "index.html")
        check_redirect(f"2020-02-12{ending}.html", "2020-02-12.html")
    seen = times(site)
    run_nights(*arguments)
    assert times(site) == seen
    (site / "2020-02-12_gen3.html").unlink()
    run_nights(*arguments)
    check_redirect("2020-02-12_gen3.html", "2020-02-12.html")


def test_two_streams_of_one_folder(folder, tmp_path, check_redirect):
    """Addresses in a folder from which two streams came lead to each by its Butler.

    Those of a folder with another name now lead to the stream.
    """
    config = tmp_path / "site.toml"
    config.write_text(f"""
        [observing_monitor]
        output_dir = "site"
        [streams.auxTel]
        input_dir = "{folder}/input"
        prototype_urls = true
        [streams.auxTel3]
        prototype_urls = "auxTel"
        [[streams.auxTel3.sources]]
        type = "files"
        path = "{folder}/input/storage"
        [[streams.auxTel3.sources]]
        type = "gen3"
        path = "{folder}/nowhere"
        [streams.bot]
        input_dir = "{folder}/input"
        prototype_urls = "LSSTCam-bot"
    """)
    without_gen3 = 1
    assert run("-c", config, *SPAN, now=later()) == without_gen3
    for address, expected in {
        "auxTel/index_gen3.html": "auxTel3/index.html",
        "auxTel/2020-02-13_gen3.html": "auxTel3/2020-02-13.html",
        "auxTel/index_gen2.html": "auxTel/index.html",
        "auxTel/2020-02-13_gen2.html": "auxTel/2020-02-13.html",
        "auxTel/2020-02-13.html": "auxTel/2020-02-13.html",
        "LSSTCam-bot/index.html": "bot/index.html",
        "LSSTCam-bot/2020-02-12.html": "bot/2020-02-12.html",
        "LSSTCam-bot/2020-02-12_gen3.html": "bot/2020-02-12.html",
    }.items():
        check_redirect(address, expected)
    before = contents(tmp_path / "site")
    assert run("-c", config, *SPAN, now=later()) == without_gen3
    assert contents(tmp_path / "site") == before


def test_after_an_import(folder, tmp_path, check_redirect):
    """A stream with an imported history keeps its addresses, unless the settings say otherwise."""
    config, site = tmp_path / "site.toml", tmp_path / "site"
    text = f"""
        [observing_monitor]
        output_dir = "site"
        [streams.a]
        input_dir = "{folder}/input"
        [streams.b]
        input_dir = "gone"
    """
    config.write_text(text)
    arguments = ("-c", config, "--stream", "a", "--database", folder)
    assert run("import-prototype", *arguments, now=later()) == 0
    check_redirect("a/index_gen3.html", "a/index.html")
    check_redirect("a/2020-02-11_gen2.html", "a/2020-02-11.html")
    assert not list((site / "b").glob("*_gen?.html"))
    config.write_text(text.replace("[streams.b]", "prototype_urls = false\n[streams.b]"))
    (site / "a" / "index_gen3.html").unlink()
    run_nights("publish", "-c", config)
    assert not (site / "a" / "index_gen3.html").exists()


@pytest.mark.parametrize("value", ['"../elsewhere"', '"/www"', '""', "3", "'data'", "'assets'"])
def test_impossible_folder(tmp_path, capsys, value):
    """Addresses outside the output, or in the program's own folders, are refused."""
    (tmp_path / "site.toml").write_text(f"""
        [observing_monitor]
        output_dir = "s"
        [streams.a]
        input_dir = "x"
        prototype_urls = {value}
    """)
    assert run("check", "-c", tmp_path / "site.toml") == 2
    assert "[streams.a] prototype_urls: " in capsys.readouterr().err
