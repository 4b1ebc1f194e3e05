"""Files that the program did not write are never replaced or removed."""

import datetime
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from gen2tree import later, make_night
from one_stream import arguments
from running import run, start, times
from support.measured import measured

from observing_monitor.storage import layout
from observing_monitor.storage.output import Output

NIGHT = "2021-02-16"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
NOW = datetime.datetime(2021, 2, 17, 12, tzinfo=datetime.UTC)
MINE = b"written by the observatory\n"
SETTINGS = """[observing_monitor]
output_dir = "site"
{options}
[streams.cam]
[[streams.cam.sources]]
type = "files"
path = "in"
{tables}
"""
PAGES = (
    "index.html",
    "glossary.html",
    "status.json",
    "changes.atom",
    "heartbeat.js",
    "observing_monitor.prom",
    ".observing_monitor",
    "cam/index.html",
    "cam/latest.html",
    "cam/nights.json",
    "cam/nights.csv",
    "cam/2021.html",
    "cam/2021.json",
    "cam/2021.csv",
    f"cam/{NIGHT}.html",
    f"cam/{NIGHT}.json",
    f"cam/{NIGHT}.csv",
    f"cam/{NIGHT}.files.js",
)
IN_STORE = (
    "data/heartbeat.json",
    "data/since.json",
    "data/feed.json",
    "data/stream=cam/index.json",
    f"data/stream=cam/night={NIGHT}/looked.json",
    f"data/stream=cam/night={NIGHT}/files.parquet",
)


def make_site(folder, options="", tables=""):
    """Write settings, and a night with one file."""
    place = folder / "in" / NIGHT
    place.mkdir(parents=True)
    (place / "a.fits").write_bytes(b"x" * 20_000)
    (folder / "site.toml").write_text(SETTINGS.format(options=options, tables=tables))
    return folder / "site.toml"


def put(path, data=MINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def everything(folder):
    """Return the bytes of all files in a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


# --- files of others ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PAGES, *IN_STORE])
def test_a_file_of_others_is_in_the_way(tmp_path, capsys, name):
    """A run stops, names the file and the remedy, and leaves the file."""
    settings = make_site(tmp_path)
    mine = put(tmp_path / "site" / name)
    assert run("-c", settings, *DAYS, now=NOW) == 2
    error = capsys.readouterr().err
    remedy = "or rename it" if name == layout.LEDGER else "observing_monitor adopt"
    assert str(mine) in error and remedy in error
    assert len(error.splitlines()) == 1
    assert mine.read_bytes() == MINE
    assert run("check", "-c", settings, *DAYS, now=NOW) == 1
    assert str(mine) in capsys.readouterr().out


def test_nothing_is_written_around_it(tmp_path, capsys):
    """If the first run can see the file at once, it writes nothing."""
    settings = make_site(tmp_path)
    put(tmp_path / "site" / "index.html")
    assert run("-c", settings, *DAYS, now=NOW) == 2
    assert set(everything(tmp_path / "site")) == {"index.html", ".lock"}


@pytest.mark.parametrize("name", [name for name in PAGES if name != ".observing_monitor"])
def test_adopting_a_file(tmp_path, capsys, name):
    """`adopt` shows the file; with --yes, runs may replace it."""
    settings = make_site(tmp_path)
    mine = put(tmp_path / "site" / name)
    assert run("adopt", "-c", settings, now=NOW) == 0
    shown = capsys.readouterr().out
    assert f"{mine}: {len(MINE)} bytes" in shown and "nothing was adopted" in shown
    assert run("-c", settings, *DAYS, now=NOW) == 2
    assert run("adopt", "-c", settings, "--yes", now=NOW) == 0
    assert "adopted 1 file" in capsys.readouterr().out
    assert mine.read_bytes() == MINE
    assert run("-c", settings, *DAYS, now=NOW) == 0
    assert mine.read_bytes() != MINE
    assert run("adopt", "-c", settings, now=NOW) == 0
    assert "nothing is to be adopted" in capsys.readouterr().out


def test_a_file_that_changed_after_it_was_adopted(tmp_path, capsys):
    """Words written after adopting are kept as well."""
    settings = make_site(tmp_path)
    mine = put(tmp_path / "site" / "cam" / "index.html")
    assert run("adopt", "-c", settings, "--yes", now=NOW) == 0
    mine.write_bytes(b"new words of the observatory\n")
    assert run("-c", settings, *DAYS, now=NOW) == 0
    kept = mine.with_name("index.html.found")
    assert kept.read_bytes() == b"new words of the observatory\n"
    assert b"observing_monitor" in mine.read_bytes()


def test_other_files_in_the_output_stay(tmp_path, capsys):
    """Pruning leaves files of others where pages and pictures were."""
    settings = make_site(tmp_path, "keep_pages_days = 2")
    assert run("-c", settings, *DAYS, now=NOW) == 0
    cam = tmp_path / "site" / "cam"
    others = [
        put(cam / "notes.txt"),
        put(cam / f"{NIGHT}.images" / "plot.png", b"\x89PNG\r\n\x1a\nmine"),
        put(cam / f"{NIGHT}.exposures.html"),
        put(tmp_path / "site" / "assets" / "style-0123456789.css"),
        put(tmp_path / "site" / ".unfinished" / "readme"),
    ]
    before = [path.read_bytes() for path in others]
    much_later = NOW + datetime.timedelta(days=40)
    assert run("-c", settings, now=much_later) == 0
    assert run("prune", "--yes", "-c", settings, now=much_later) == 0
    assert run("prune", "-c", settings, now=much_later) == 0
    said = capsys.readouterr()
    assert "nothing is to be removed" in said.out
    assert run("publish", "-c", settings, now=much_later + datetime.timedelta(days=2)) == 0
    assert b'content="pruned"' in (cam / f"{NIGHT}.html").read_bytes()
    assert [path.read_bytes() for path in others] == before
    assert f"{others[1]}: observing_monitor did not write it" in said.err


def test_a_textfile_of_others(tmp_path, capsys):
    """A file of others named by prometheus_file stays."""
    settings = make_site(tmp_path, 'prometheus_file = "node.prom"')
    mine = put(tmp_path / "node.prom")
    assert run("-c", settings, *DAYS, now=NOW) == 1
    error = capsys.readouterr().err
    assert f"{mine}: observing_monitor did not write it" in error and "remove it, or" in error
    assert mine.read_bytes() == MINE
    mine.unlink()
    assert run("-c", settings, *DAYS, now=NOW) == 0
    assert run("-c", settings, *DAYS, now=NOW) == 0


# --- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cam", "assets", ".unfinished", f"cam/{NIGHT}.images", "data/stream=cam"]
)
def test_a_link_out_of_the_output(tmp_path, capsys, name):
    """A linked folder elsewhere is not written to, and is named."""
    settings = make_site(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere / "host-1-1")
    before = everything(elsewhere)
    link = tmp_path / "site" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    code = run("-c", settings, *DAYS, now=NOW)
    if name.endswith(".images"):
        assert code == 0  # no picture, so nothing is written there
    else:
        assert code == 2 and f"{link}: a link leads out of" in capsys.readouterr().err
    assert everything(elsewhere) == before


def test_a_page_that_is_a_link(tmp_path, capsys):
    """A link in place of a page is not followed and not replaced."""
    settings = make_site(tmp_path)
    mine = put(tmp_path / "mine.html")
    link = tmp_path / "site" / "cam" / f"{NIGHT}.html"
    link.parent.mkdir(parents=True)
    link.symlink_to(mine)
    assert run("-c", settings, *DAYS, now=NOW) == 2
    assert f"{link}: it is a link" in capsys.readouterr().err
    assert mine.read_bytes() == MINE and link.is_symlink()


def test_links_inside_the_output(tmp_path):
    """The output itself may be a link, and links within it are followed."""
    settings = make_site(tmp_path)
    (tmp_path / "disk" / "pages of cam").mkdir(parents=True)
    (tmp_path / "site").symlink_to("disk")
    (tmp_path / "disk" / "cam").symlink_to("pages of cam")
    assert run("-c", settings, *DAYS, now=NOW) == 0
    assert (tmp_path / "disk" / "pages of cam" / "index.html").exists()


def test_a_linked_store(tmp_path, capsys):
    """`data` may lead to a store or an empty folder, and to no other."""
    settings = make_site(tmp_path)
    (tmp_path / "disk").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "data").symlink_to(tmp_path / "disk")
    for _ in range(2):
        assert run("-c", settings, *DAYS, now=NOW) == 0
    assert (tmp_path / "disk" / "stream=cam" / "index.json").exists()
    mine = put(tmp_path / "other" / "site.json")
    (tmp_path / "site" / "data").unlink()
    (tmp_path / "site" / "data").symlink_to(tmp_path / "other")
    for command in ("run", "check"):
        assert run(command, "-c", settings, *DAYS, now=NOW) == 2
        assert "which holds no store and is not empty; set store_dir" in capsys.readouterr().err
    assert everything(tmp_path / "other") == {"site.json": MINE} and mine.exists()


# --- what counts as ours ------------------------------------------------------------------------


def test_every_file_is_marked_or_listed(tmp_path):
    """Without the list, or with nothing but it, every file is ours."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    site = tmp_path / "site"
    names = sorted(set(everything(site)) - {".lock"})
    listed = json.loads((site / layout.LEDGER).read_text())["files"]
    pages = [name for name in names if not name.startswith(("data/", "."))]
    assert set(pages) <= set(listed)
    assert all(len(listed[name].split()) >= 2 for name in pages if name not in layout.EVERY_RUN)
    (site / layout.LEDGER).unlink()
    fresh = Output(site)
    unmarked = [name for name in names if fresh.is_foreign(name)]
    assert [name for name in unmarked if not name.startswith("assets/plotly")] == []


@pytest.mark.parametrize("how", ["list lost", "list cut", "new inodes"])
def test_a_restored_site_is_still_ours(tmp_path, how):
    """A copy of a site goes on without a command, and writes no page."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    site, ledger = tmp_path / "site", tmp_path / "site" / layout.LEDGER
    if how == "list lost":
        ledger.unlink()
    elif how == "list cut":
        ledger.write_bytes(ledger.read_bytes()[:100])
    else:
        shutil.move(site, tmp_path / "backup")
        shutil.copytree(tmp_path / "backup", site)
    before = times(site)
    for command in ("run", "publish"):
        assert run(command, "-c", settings, *DAYS, now=NOW) == 0
    assert times(site) == before
    assert json.loads(ledger.read_text())["files"]


@pytest.mark.parametrize("content", [b"", b"\0" * 5000], ids=["empty", "zeros"])
def test_blank_files_and_no_list(tmp_path, content):
    """A power failure may blank pages and the list: no run is locked out."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    site = tmp_path / "site"
    before = {name: path.stat().st_size for name in PAGES for path in [site / name]}
    for name in PAGES:
        (site / name).write_bytes(content)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    after = {name: (site / name).stat().st_size for name in PAGES}
    # each run writes how long it took into these
    of_runs = {name for name in PAGES if name.rpartition("/")[2] in layout.EVERY_RUN}
    names = set(PAGES) - {layout.LEDGER} - of_runs
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert all((site / name).read_bytes().strip(b"\0") for name in of_runs)


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "not listed"])
def test_a_huge_page(tmp_path, is_listed):
    """A page that grew to many GB is not read into memory."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    page = tmp_path / "site" / "cam" / f"{NIGHT}.html"
    size = page.stat().st_size
    os.truncate(page, 20_000_000_000)  # a hole, which takes no room
    if not is_listed:
        (tmp_path / "site" / layout.LEDGER).unlink()
    done = measured(tmp_path, "-c", settings, *DAYS, now=NOW.isoformat())
    assert done.code == 0 and done.n_bytes < 1_000_000_000
    assert page.stat().st_size == size


def test_pages_of_the_prototype(tmp_path, capsys):
    """The prototype's pages are ours if its database is next to them."""
    night = datetime.date.fromisoformat(NIGHT)
    make_night(tmp_path / "input", night, {"ingested": 2}, now=later())
    asked = arguments(tmp_path, night)
    names = ("index.html", "index_gen2.html", f"{NIGHT}.html", f"{NIGHT}_gen2.html")
    for name in names:
        put(tmp_path / "site" / name, b"<html>by the prototype</html>")
    assert run(*asked, now=later()) == 2
    assert f"{tmp_path}/site/index.html: observing_monitor did not" in capsys.readouterr().err
    sqlite3.connect(tmp_path / "site" / "observing_monitor.sqlite3").close()
    assert run(*asked, now=later()) == 0
    assert all(b"observing_monitor" in (tmp_path / "site" / name).read_bytes() for name in names)
    assert (tmp_path / "site" / "observing_monitor.sqlite3").exists()


def test_a_run_killed_before_it_lists(tmp_path):
    """After a kill at any time, the next run needs no command."""
    settings = make_site(tmp_path)
    for number in range(6):
        place = tmp_path / "in" / NIGHT
        (place / f"{number}.fits").write_bytes(b"x" * 20_000)
        process = start("-c", settings, *DAYS, now=NOW)
        ends = (
            tmp_path / "site" / "cam" / f"{NIGHT}.csv",
            tmp_path / "site" / "assets",
            tmp_path / "site" / "data" / "stream=cam",
            tmp_path / "site" / "cam" / f"{NIGHT}.html",
            tmp_path / "site" / "cam" / "nights.json",
            tmp_path / "site" / "changes.atom",
        )
        while process.poll() is None and not ends[number].exists():
            pass
        process.kill()
        process.communicate()
        (tmp_path / "site" / layout.LEDGER).unlink(missing_ok=True)
    assert run("-c", settings, *DAYS, now=NOW) == 0


def test_a_run_with_nothing_new_leaves_the_list(tmp_path):
    """The list is written only if a file was."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *DAYS, now=NOW) == 0
    ledger = tmp_path / "site" / layout.LEDGER
    before = ledger.stat()
    assert run("-c", settings, *DAYS, now=NOW) == 0
    assert ledger.stat().st_ino == before.st_ino
    assert os.listdir(Path(tmp_path, "site", ".unfinished")) == []
