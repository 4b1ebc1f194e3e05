"""A store and a site of version 0.1 are taken over, all sources gone.

Commit 27486d5 wrote them, as `tests/support/make_old_site.py` says.
"""

import datetime
import json
import re
import shutil
import tarfile
import urllib.parse
from pathlib import Path

import pytest
from conftest import CHECKOUT
from running import run, times

import observing_monitor
from observing_monitor.model import columns

ARCHIVE = CHECKOUT / "tests" / "corpus" / "site_0_1.tar.xz"
NOW = datetime.datetime(2021, 1, 3, 4, 5, tzinfo=datetime.UTC)  # five minutes after its last run
N_DAYS = 5  # reach back to its first nights
PAGES_ONLY = [f"guider/2020-12-{day}.html" for day in (29, 30)]  # their tables were pruned
OF_EXPOSURES = {c.name for c in columns.USE}  # later versions have these
WORDS = ("info", "acknowledged")  # sentences, which may be worded in another way


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The folder of the old site and its settings, not to be changed."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def taken_over(old, tmp_path_factory):
    """The same after a run of this version over all nights."""
    folder = tmp_path_factory.mktemp("new") / "site"
    shutil.copytree(old, folder)
    assert command(folder) == 1, "the sources are gone"
    return folder


@pytest.fixture
def copy(taken_over, tmp_path):
    """A copy of the site after that run."""
    return Path(shutil.copytree(taken_over, tmp_path / "copy"))


def command(folder, name="run", *more, now=NOW):
    days = ("--num_days", N_DAYS) if name in ("run", "rebuild") else ()
    return run(name, "-c", folder / "site.toml", *days, "--jobs", 1, *more, now=now)


def streams(folder):
    return sorted(path.parent.name for path in (folder / "site").glob("*/nights.json"))


def numbers(folder, *without):
    """Return the nights in each nights.json, apart from sentences.

    A night without anything yet was normal in 0.1.
    """
    normal = {"none": "normal"}
    return {
        stream: [
            {
                name: normal.get(value, value) if name == "status" else value
                for name, value in night.items()
                if name not in (*WORDS, *without) and not (value is None and name in OF_EXPOSURES)
            }
            for night in json.loads((folder / "site" / stream / "nights.json").read_text())[
                "nights"
            ]
        ]
        for stream in streams(folder)
    }


def pages(folder):
    """Return the text of every page, by its path."""
    site = folder / "site"
    return {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}


def anchors(text):
    return set(re.findall(r'\bid="([^"]+)"', text))


def dead_links(folder):
    """Return the links on pages that lead to no file or no anchor."""
    site, texts = folder / "site", pages(folder)
    ids = {name: anchors(text) for name, text in texts.items()}
    dead = []
    for name, text in texts.items():
        for address in re.findall(r'\b(?:href|src|data-plotly|data-files)="([^"]+)"', text):
            if re.match(r"[a-z]+:", address):
                continue
            path, _, anchor = address.partition("#")
            path = urllib.parse.unquote(path.partition("?")[0])
            target = ((site / name).parent / path).resolve() if path else site / name
            relative = target.relative_to(site.resolve()).as_posix() if path else name
            is_page = relative in ids and anchor and "=" not in anchor
            if not target.exists() or (is_page and anchor not in ids[relative]):
                dead.append(f"{name}: {address}")
    return dead


def assert_nothing_is_lost(before, after):
    """Fail if a night, a number, a file or an anchor is gone."""
    assert numbers(after, "status") == numbers(before, "status")
    old_files, new_files = (
        {path.relative_to(folder).as_posix() for path in (folder / "site").rglob("*.*")}
        for folder in (before, after)
    )
    lost = {name for name in old_files - new_files if not re.match("site/(data|assets)/", name)}
    assert not lost
    new = pages(after)
    gone = {
        f"{name}#{anchor}"
        for name, text in pages(before).items()
        for anchor in anchors(text) - anchors(new[name])
    }
    assert not gone
    assert dead_links(after) == []


def test_the_archive_is_as_described(old):
    """The old site has everything that the other tests ask for."""
    texts = pages(old)
    assert len(streams(old)) == 10 and dead_links(old) == []
    assert 'content="pruned"' in texts["latiss/2020-12-28.html"]
    assert 'content="pruned"' in texts["latiss/2020-12-29.html"]
    tables = {
        stream: len(list((old / "site/data" / f"stream={stream}").glob("*/files.parquet")))
        for stream in ("latiss", "guider", "weather")
    }
    assert tables == {"latiss": 5, "guider": 3, "weather": 5}
    assert all('content="pruned"' not in texts[page] for page in PAGES_ONLY)
    assert "weather.csv" in texts["weather/index.html"]
    assert json.loads((old / "site/data/stream=weather/index.json").read_text())["sources"]["table"]
    assert list((old / "site/guider").glob("*.previews/*"))
    assert len(list((old / "site/latiss").glob("*_gen?.html"))) == 14
    assert "shutter test" in texts["latiss/2021-01-02.html"]
    assert list((old / "site/array").glob("*.images/*.png"))


def test_nothing_is_lost(old, taken_over):
    """A run keeps every night, number, address and anchor."""
    assert_nothing_is_lost(old, taken_over)


def test_publishing_keeps_what_nights_were(old, tmp_path):
    """Publishing also keeps each night's status, and rewrites no table."""
    folder = Path(shutil.copytree(old, tmp_path / "copy"))
    assert command(folder, "publish") == 0
    assert_nothing_is_lost(old, folder)
    assert numbers(folder) == numbers(old)
    before, after = (
        {path.relative_to(at): path.read_bytes() for path in at.rglob("*.parquet")}
        for at in (old, folder)
    )
    assert after == before


def test_what_readers_have_subscribed_to(old, taken_over):
    """The feed keeps its id and those of its entries."""
    pattern = r"<id>([^<]+)</id>\s*<title>([^<]+?)(?::[^<]*)?</title>"
    before, after = (
        {
            title: found_id
            for found_id, title in re.findall(pattern, (at / "site/changes.atom").read_text())
        }
        for at in (old, taken_over)
    )
    same = before.keys() & after.keys()
    assert len(same) > 30 and {before[title] == after[title] for title in same} == {True}


def test_since_when_a_status_holds(old, tmp_path):
    """A status that stays the same keeps since when it does."""
    folder = Path(shutil.copytree(old, tmp_path / "copy"))
    assert command(folder, "publish") == 0
    told = [
        {one["title"]: (one["status"], one["since"]) for one in [status, *status["streams"]]}
        for status in (json.loads((at / "site/status.json").read_text()) for at in (old, folder))
    ]
    assert told[0] == told[1]


def test_pages_become_current(taken_over, tmp_path):
    """Every page that can be made anew is as this version makes it."""
    (tmp_path / "input").mkdir()
    settings = '[streams.new]\n[[streams.new.sources]]\ntype = "files"\npath = "input"\n'
    (tmp_path / "site.toml").write_text(f'[observing_monitor]\noutput_dir = "site"\n{settings}')
    assert run("-c", tmp_path / "site.toml", "--num_days", 1, now=NOW) == 0
    loaded = re.compile(r'assets/[^"?]+\.(?:css|js)')
    new = pages(tmp_path)
    allowed = {asset for text in new.values() for asset in loaded.findall(text)}
    version = f"observing_monitor {observing_monitor.__version__}"
    assert all(version in new[name] for name in ("index.html", "glossary.html"))
    found = pages(taken_over)
    for name, text in found.items():
        if name not in PAGES_ONLY and 'http-equiv="refresh"' not in text:
            assert set(loaded.findall(text)) <= allowed, name
            assert version in text, name


def test_pictures_are_still_shown(old, taken_over):
    """Previews and images of monitor points are on the pages as before."""
    shown = re.compile(r'<img[^>]* src="([^"]+)"')
    before, after = pages(old), pages(taken_over)
    for name, text in before.items():
        assert sorted(shown.findall(after[name])) == sorted(shown.findall(text)), name
    assert any(shown.findall(after[name]) for name in after if name.startswith("guider/"))


def test_addresses_of_the_prototype(taken_over):
    """Each redirect leads to a page of its night."""
    for path in (taken_over / "site" / "latiss").glob("*_gen?.html"):
        night = path.name.partition("_")[0]
        target = re.search(r'url=([^"]+)"', path.read_text())[1]
        assert target == f"{night}.html" and (path.parent / target).exists()


@pytest.mark.parametrize("name", ["run", "publish", "rebuild"])
def test_nothing_new_writes_nothing(copy, name):
    """A further run writes no file apart from those that every run writes."""
    before = times(copy / "site")
    assert command(copy, name, now=NOW + datetime.timedelta(minutes=1)) == (name != "publish")
    after = times(copy / "site")
    assert {path for path in after if after[path] != before.get(path)} == set()
    assert set(before) <= set(after)


def test_rebuilding_keeps_everything(old, copy):
    """A full rebuild keeps everything, though no source answers."""
    assert command(copy, "rebuild", "--full") == 1
    assert_nothing_is_lost(old, copy)


def test_an_index_that_is_lost(old, copy):
    """Without the streams' indexes all nights are still known."""
    for path in (copy / "site" / "data").glob("*/index.json"):
        path.unlink()
    assert command(copy, "publish") == 0
    assert numbers(copy, "status") == numbers(old, "status")
    assert dead_links(copy) == []


def test_pruning_keeps_numbers_and_addresses(old, copy):
    """Pruning more nights keeps their numbers, and a page at every address."""
    assert command(copy, "prune", "--yes", "--keep_tables_days", 3, "--keep_pages_days", 3) == 0
    left = list((copy / "site/data/stream=ztf").glob("*/metrics.parquet"))
    assert len(left) < len(list((old / "site/data/stream=ztf").glob("*/metrics.parquet")))
    assert numbers(copy, "status") == numbers(old, "status")
    assert set(pages(old)) <= set(pages(copy))
    assert dead_links(copy) == []
