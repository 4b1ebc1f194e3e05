"""A page that is wrong on disk is written again."""

import datetime
import os
import shutil

import pytest
from running import contents, nights, run, times

NIGHTS = ("2021-02-12", "2021-02-16")
LAST = ("--first_day", NIGHTS[1], "--last_day", NIGHTS[1])
N_NIGHTS = 5
ALL = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[1])
NOW = datetime.datetime(2021, 2, 17, 12, tzinfo=datetime.UTC)
SETTINGS = """[observing_monitor]
{places}
[streams.cam]
{more}
[[streams.cam.sources]]
type = "files"
path = "in"
"""
OF_SITE = ("index.html", "glossary.html", "changes.atom")
OF_STREAM = ("index.html", "latest.html", "nights.json", "nights.csv", "2021.html", "2021.csv")
OF_NIGHT = (".html", ".json", ".csv", ".files.js")
ENDS = {
    "emptied": lambda data: b"",
    "zeros": lambda data: b"\0" * len(data),
    "cut in its head": lambda data: data[:60],
    "cut": lambda data: data[: len(data) * 9 // 10],
    "edited": lambda data: data.replace(b"2021", b"1999"),
    "same size": lambda data: data[:-5] + b"?" + data[-4:],
    "other words": lambda data: b"moved\n",
}


def make_site(folder, places='output_dir = "site"', more=""):
    """Write settings, and two nights with two files each."""
    for night in NIGHTS:
        for number in range(2):
            path = folder / "in" / night / f"{number}.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 20_000)
    (folder / "site.toml").write_text(SETTINGS.format(places=places, more=more))
    return folder / "site.toml"


def files_of(site, *of_nights):
    """Return the files of a site that a run compares."""
    names = [*OF_SITE, *(f"cam/{name}" for name in OF_STREAM)]
    names += [f"cam/{night}{ending}" for night in of_nights for ending in OF_NIGHT]
    return [site / name for name in names]


def spoil(path, how):
    """Change a file, and keep its modification time."""
    before = path.stat()
    data = ENDS[how](path.read_bytes())
    path.unlink()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def without_found(folder):
    return {name: data for name, data in contents(folder).items() if ".found" not in name}


@pytest.mark.parametrize("how", [*ENDS, "removed"])
def test_a_run_repairs_what_it_looks_at(tmp_path, how):
    """Each file of the night, and each page over nights, is repaired."""
    settings, site = make_site(tmp_path), tmp_path / "site"
    assert run("-c", settings, *ALL, now=NOW) == 0
    good = contents(site)
    for path in files_of(site, NIGHTS[1]):
        if how == "removed":
            path.unlink()
        else:
            spoil(path, how)
    assert run("-c", settings, *LAST, now=NOW) == 0
    assert without_found(site) == good
    before = times(site)
    assert run("-c", settings, *LAST, now=NOW) == 0
    assert times(site) == before


@pytest.mark.parametrize("command", [("publish",), ("run", "--full", *LAST), ("rebuild",)])
def test_old_nights_are_repaired(tmp_path, command):
    """`publish` and `--full` compare the pages of all nights."""
    settings, site = make_site(tmp_path), tmp_path / "site"
    assert run("-c", settings, *ALL, now=NOW) == 0
    good = contents(site)
    page = site / "cam" / f"{NIGHTS[0]}.html"
    spoil(page, "edited")
    assert run("-c", settings, *LAST, now=NOW) == 0
    assert page.read_bytes() != good[f"cam/{NIGHTS[0]}.html"], "a run looks at its nights only"
    jobs = ("--jobs", 1) if command[0] == "rebuild" else ()
    assert run(*command, "-c", settings, *jobs, now=NOW) == 0
    assert contents(site) == good


def test_a_page_of_a_backup(tmp_path):
    """A page restored from before the last change is written again."""
    settings, site = make_site(tmp_path), tmp_path / "site"
    assert run("-c", settings, *LAST, now=NOW) == 0
    shutil.copytree(site / "cam", tmp_path / "backup")
    (tmp_path / "in" / NIGHTS[1] / "2.fits").write_bytes(b"x" * 20_000)
    assert run("-c", settings, *LAST, now=NOW) == 0
    good = contents(site)
    for path in (tmp_path / "backup").iterdir():
        shutil.copy2(path, site / "cam" / path.name)
    assert run("-c", settings, *LAST, now=NOW) == 0
    assert contents(site) == good and nights(site / "cam")[NIGHTS[1]]["n_files"] == 3


def test_other_words_are_kept(tmp_path, capsys):
    """Other words in place of a page are kept."""
    settings = make_site(tmp_path)
    assert run("-c", settings, *LAST, now=NOW) == 0
    page = tmp_path / "site" / "cam" / f"{NIGHTS[1]}.csv"
    for number, name in enumerate((f"{page.name}.found", f"{page.name}.found-2")):
        page.write_bytes(b"my notes %d\n" % number)
        assert run("-c", settings, *LAST, now=NOW) == 0
        assert page.with_name(name).read_bytes() == b"my notes %d\n" % number
        assert f"{page}: was changed by somebody else; their version is kept as {name}" in (
            capsys.readouterr().err
        )


def test_publish_all(tmp_path, capsys):
    """`publish --all` writes every page; other commands refuse it."""
    settings, site = make_site(tmp_path), tmp_path / "site"
    assert run("-c", settings, *ALL, now=NOW) == 0
    good, paths = contents(site), files_of(site, *NIGHTS)
    before = {path: path.stat().st_ino for path in [*paths, *(site / "assets").iterdir()]}
    tables = {path: path.stat().st_ino for path in site.rglob("*.parquet")}
    assert run("publish", "--all", "-c", settings, now=NOW) == 0
    assert [path for path in before if path.stat().st_ino == before[path]] == []
    assert all(path.stat().st_ino == tables[path] for path in tables)
    assert contents(site) == good
    state = times(site)
    assert run("publish", "-c", settings, now=NOW) == 0
    assert times(site) == state
    assert run("run", "--all", "-c", settings, now=NOW) == 2
    assert "--all is for publish, not for run; leave it out" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("run", *LAST), ("publish",), ("rebuild", "--jobs", 1)])
def test_two_outputs_of_one_store(tmp_path, command):
    """Each output gets what the other one's run found."""
    settings = make_site(tmp_path, 'store_dir = "store"')
    one, other = (("--output_dir", tmp_path / name) for name in "ab")
    for output in (one, other):
        assert run("-c", settings, *output, *ALL, now=NOW) == 0
    for night in NIGHTS:
        (tmp_path / "in" / night / "2.fits").write_bytes(b"x" * 20_000)
    assert run("-c", settings, *other, *ALL, now=NOW) == 0
    assert run(*command, "-c", settings, *one, now=NOW) == 0
    pages = [without_times(tmp_path / name) for name in "ab"]
    assert pages[0] == pages[1]
    made = nights(tmp_path / "a" / "cam")
    assert [made[night]["n_files"] for night in NIGHTS] == [3, 3]
    before = times(tmp_path)
    for output in (one, other):
        assert run("-c", settings, *output, *LAST, now=NOW) == 0
    assert times(tmp_path) == before


def without_times(site):
    return {name: data for name, data in contents(site).items() if not name.endswith(".lock")}


def test_pages_that_cannot_be_made_again(tmp_path):
    """A page without tables stays if it was edited; else a small one is made."""
    settings = make_site(tmp_path, more="keep_tables_days = 3")
    site, later = tmp_path / "site", NOW + datetime.timedelta(days=9)
    assert run("-c", settings, *ALL, now=NOW) == 0
    assert run("prune", "--yes", "-c", settings, now=later) == 0
    first, second = (site / "cam" / f"{night}.html" for night in NIGHTS)
    edited = first.read_bytes().replace(b"<h1>", b"<h1>edited: ")
    first.write_bytes(edited)
    second.write_bytes(second.read_bytes()[:5000])
    assert run("publish", "-c", settings, now=later) == 0
    assert run("publish", "--all", "-c", settings, now=later) == 0
    assert first.read_bytes() == edited
    assert b'content="pruned"' in second.read_bytes()


def test_the_last_page_in_two_outputs(tmp_path):
    """A page that cannot be made again stays if another output lacks it.

    The second output begins after the tables were pruned, so it gets small pages. These follow the
    settings; the whole pages and data files of the first output stay.
    """
    more = "keep_tables_days = 3"
    one = make_site(tmp_path, 'output_dir = "one"\nstore_dir = "store"', more)
    later = NOW + datetime.timedelta(days=9)
    assert run("-c", one, *ALL, now=NOW) == 0
    assert run("prune", "--yes", "-c", one, now=later) == 0
    whole = of_nights(tmp_path / "one")
    pages = [name for name in whole if name.endswith(".html")]
    assert len(whole) == len(pages) * len(OF_NIGHT) and len(pages) == N_NIGHTS

    def publish_both(title):
        for output in ("two", "one"):
            settings = make_site(
                tmp_path,
                f'output_dir = "{output}"\nstore_dir = "store"',
                f'{more}\ntitle = "{title}"',
            )
            assert run("publish", "-c", settings, now=later) == 0
            seen = times(tmp_path / output)
            assert run("publish", "-c", settings, now=later) == 0
            assert run("-c", settings, *ALL, now=later) == 0
            assert times(tmp_path / output) == seen
        assert of_nights(tmp_path / "one") == whole
        return of_nights(tmp_path / "two")

    small = publish_both("Cam")
    assert sorted(small) == sorted(pages)
    assert all(b'content="pruned"' in page and b"Cam" in page for page in small.values())
    assert all(b"Dome" in page for page in publish_both("Dome").values())
    # the list of our files is lost
    (tmp_path / "two" / ".observing_monitor").unlink()
    assert publish_both("Cam") == small
    assert run("prune", "--yes", "-c", one, "--keep_pages_days", 3, now=later) == 0
    assert sorted(of_nights(tmp_path / "one")) == sorted(small)


def of_nights(site):
    return {name: data for name, data in contents(site).items() if "/2021-" in name}


def test_a_setting_of_all_pages(tmp_path):
    """A changed stale_after_s is on every page, and so after changing back."""
    site = tmp_path / "site"
    for limit in (3600, 86_400, 3600):
        settings = make_site(tmp_path, more=f"stale_after_s = {limit}")
        assert run("-c", settings, *LAST, now=NOW) == 0
        for page in ("index.html", "glossary.html", "cam/index.html", f"cam/{NIGHTS[1]}.html"):
            assert f'data-stale-after-s="{limit}.0"' in (site / page).read_text(), page


def test_an_object_store(tmp_path, capsys):
    """Objects are compared with their listing; those of others stay."""
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    settings = make_site(tmp_path, 'output_dir = "memory://repaired/site"')
    store.pipe_file("/repaired/site/cam/index.html", b"mine")
    try:
        assert run("-c", settings, *LAST, now=NOW) == 2
        error = capsys.readouterr().err
        assert "memory://repaired/site/cam/index.html: observing_monitor did not write" in error
        assert store.cat_file("/repaired/site/cam/index.html") == b"mine"
        store.rm_file("/repaired/site/cam/index.html")
        assert run("-c", settings, *LAST, now=NOW) == 0
        page = f"/repaired/site/cam/{NIGHTS[1]}.html"
        good = store.cat_file(page)
        for data in (b"", good[:-30], good.replace(b"2021", b"199")):
            store.pipe_file(page, data)
            assert run("-c", settings, *LAST, now=NOW) == 0
            assert store.cat_file(page) == good
    finally:
        store.rm("/repaired", recursive=True)
