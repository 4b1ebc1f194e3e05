"""The prototype's addresses lead to our pages, in a real browser, from disk and from a server."""

import datetime
import functools
import http.server
import threading

import pytest
from gen2tree import later, make_night
from prototype import BOTH, database
from running import contents, run, times

DAYS = [datetime.date(2020, 2, day) for day in (12, 13)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the input of two nights, and a database of the prototype's."""
    made = tmp_path_factory.mktemp("old")
    for night in DAYS:
        make_night(made / "input", night, {"ingested": 3}, now=later())
    database(
        made / "observing_monitor.sqlite3",
        BOTH,
        [("FILE_COUNT", ("2020-02-11", None, 0, None, 0, 0, 0, 0, None))],
    )
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def opened(browser, tmp_path):
    """A function that opens an address of tmp_path/site from disk and from a server, and tells where a browser ends up in each."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "site")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    roots = [(tmp_path / "site").as_uri(), f"http://127.0.0.1:{server.server_port}"]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    def open_(address, expected):
        for root in roots:
            page.goto(f"{root}/{address}")
            page.wait_for_url(f"{root}/{expected}", timeout=10_000)
            assert page.locator("h1").count() == 1, f"{root}/{expected} is a page of ours"

    yield open_
    context.close()
    server.shutdown()
    server.server_close()


def runs(*arguments):
    asked = ("--first_day", DAYS[0], "--last_day", DAYS[-1])
    assert run(*arguments, *asked, now=later()) == 0


def test_one_stream_by_flags(folder, tmp_path, opened):
    """Where the prototype's database lies beside the pages, the addresses of both Butlers' pages lead on, without a script."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "observing_monitor.sqlite3").write_bytes(
        (folder / "observing_monitor.sqlite3").read_bytes()
    )
    (tmp_path / "site" / "index_gen3.html").write_text("<h1>the prototype's own</h1>")
    arguments = ("--input_dir", folder / "input", "--output_dir", tmp_path / "site")
    runs(*arguments)
    for ending in ("_gen2", "_gen3"):
        opened(f"index{ending}.html", "index.html")
        opened(f"2020-02-12{ending}.html", "2020-02-12.html")
    seen = times(tmp_path / "site")
    runs(*arguments)
    assert times(tmp_path / "site") == seen
    (tmp_path / "site" / "2020-02-12_gen3.html").unlink()
    runs(*arguments)
    opened("2020-02-12_gen3.html", "2020-02-12.html")


def test_two_streams_of_one_folder(folder, tmp_path, opened):
    """A folder of the prototype's that two streams came from leads to each by its Butler; one with another name now leads there whole."""
    (tmp_path / "site.toml").write_text(
        f'[observing_monitor]\noutput_dir = "site"\n[streams.auxTel]\ninput_dir = "{folder}/input"\nprototype_urls = true\n'
        f'[streams.auxTel3]\nprototype_urls = "auxTel"\n[[streams.auxTel3.sources]]\ntype = "files"\npath = "{folder}/input/storage"\n'
        f'[[streams.auxTel3.sources]]\ntype = "gen3"\npath = "{folder}/nowhere"\n'
        f'[streams.bot]\ninput_dir = "{folder}/input"\nprototype_urls = "LSSTCam-bot"\n'
    )
    asked = ("--first_day", DAYS[0], "--last_day", DAYS[-1])
    assert run("-c", tmp_path / "site.toml", *asked, now=later()) == 1, (
        "there is no Gen3 repository"
    )
    opened("auxTel/index_gen3.html", "auxTel3/index.html")
    opened("auxTel/2020-02-13_gen3.html", "auxTel3/2020-02-13.html")
    opened("auxTel/index_gen2.html", "auxTel/index.html")
    opened("auxTel/2020-02-13_gen2.html", "auxTel/2020-02-13.html")
    opened("auxTel/2020-02-13.html", "auxTel/2020-02-13.html")
    opened("LSSTCam-bot/index.html", "bot/index.html")
    opened("LSSTCam-bot/2020-02-12.html", "bot/2020-02-12.html")
    opened("LSSTCam-bot/2020-02-12_gen3.html", "bot/2020-02-12.html")
    before = contents(tmp_path / "site")
    assert (
        run("-c", tmp_path / "site.toml", *asked, now=later()) == 1
        and contents(tmp_path / "site") == before
    )


def test_after_an_import(folder, tmp_path, opened):
    """A stream whose history was taken over keeps its addresses, unless the settings say otherwise; other streams have none."""
    config = tmp_path / "site.toml"
    config.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n[streams.a]\ninput_dir = "{folder}/input"\n[streams.b]\ninput_dir = "gone"\n'
    )
    assert (
        run("import-prototype", "-c", config, "--stream", "a", "--database", folder, now=later())
        == 0
    )
    opened("a/index_gen3.html", "a/index.html")
    opened("a/2020-02-11_gen2.html", "a/2020-02-11.html")
    assert not list((tmp_path / "site" / "b").glob("*_gen?.html"))
    config.write_text(
        config.read_text().replace('/input"\n[', '/input"\nprototype_urls = false\n[')
    )
    (tmp_path / "site" / "a" / "index_gen3.html").unlink()
    runs("publish", "-c", config)
    assert not (tmp_path / "site" / "a" / "index_gen3.html").exists()


@pytest.mark.parametrize("value", ['"../elsewhere"', '"/www"', '""', "3", "'data'", "'assets'"])
def test_folder_that_cannot_be(tmp_path, capsys, value):
    """Addresses outside the output, or among what is the program's own there, can't be asked for."""
    (tmp_path / "site.toml").write_text(
        f'[observing_monitor]\noutput_dir = "s"\n[streams.a]\ninput_dir = "x"\nprototype_urls = {value}\n'
    )
    assert run("check", "-c", tmp_path / "site.toml") == 2
    assert "[streams.a] prototype_urls: " in capsys.readouterr().err
