"""`prune` removes what is too old, and nothing else."""

import datetime
import fcntl
import json
import os
import re
import shutil
import signal
import time

import numpy
import pytest
from astropy.io import fits
from dead_links import dead_links
from gen2tree import make_night
from running import contents, nights, run, start, times

DAYS = [datetime.date(2020, 2, 3) + datetime.timedelta(days=n) for n in range(10)]
NOW = datetime.datetime(2020, 2, 12, 20, tzinfo=datetime.UTC)  # in the last night
ASKED = {"ingested": 6, "failed": 2, "missing": 1, "not_fits": 1}
OF_EXPOSURES = ("exposures.parquet", "reports.parquet")
TABLES = (
    "files.parquet",
    "ingests.parquet",
    "metrics.parquet",
    "_halves.files.parquet",
    "_halves.ingests.parquet",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A site of ten nights, with its input and settings."""
    folder = tmp_path_factory.mktemp("retained")
    for night in DAYS:
        make_night(folder / "input", night, ASKED, now=NOW)
    settings(folder, folder / "input")
    assert run("rebuild", "-c", folder / "site.toml", "--jobs", 1, now=NOW) == 0
    return folder


@pytest.fixture
def site(made, tmp_path):
    """A copy of it that reads the same sources."""
    shutil.copytree(made / "site", tmp_path / "site")
    settings(tmp_path, made / "input")
    return tmp_path


def settings(folder, input_dir, more="", of_all=""):
    """Write the settings, with more for the stream or for all."""
    (folder / "site.toml").write_text(
        f'[observing_monitor]\noutput_dir = "site"\n{of_all}\n'
        f'[streams.latiss]\ninput_dir = "{input_dir}"\n{more}\n'
    )


def prune(folder, *arguments, now=NOW):
    return run("prune", "-c", folder / "site.toml", *arguments, now=now)


def kept(folder):
    """Return what is left of each night: large or small page, tables."""
    told = []
    for night in DAYS:
        page = (folder / "site" / "latiss" / f"{night}.html").read_text()
        beside = [
            (folder / "site" / "latiss" / f"{night}{ending}").exists()
            for ending in (".csv", ".json", ".files.js")
        ]
        tables = [
            (folder / "site" / "data" / "stream=latiss" / f"night={night}" / name).exists()
            for name in TABLES
        ]
        is_small = 'content="pruned"' in page
        assert set(beside) == {not is_small} and len(set(tables)) == 1
        told.append(("p" if is_small else "P") + ("T" if tables[0] else ""))
    return told


def test_nothing_goes_unasked(site, made, capsys):
    """Nothing is removed without an age, or without --yes."""
    before = contents(site / "site")
    assert prune(site, "--yes") == 0 and contents(site / "site") == before
    assert "keep_pages_days    not set: all stay" in capsys.readouterr().out
    settings(site, made / "input", "keep_pages_days = 4\nkeep_tables_days = 6")
    assert prune(site) == 0
    told = capsys.readouterr().out.splitlines()
    sizes = [
        os.path.getsize(site / "site" / "data" / "stream=latiss" / f"night={night}" / name)
        for night in DAYS[:4]
        for name in (*TABLES, *OF_EXPOSURES)
    ]
    assert told[0] == "latiss: tonight is 2020-02-12"
    assert told[1].startswith(
        "  keep_pages_days    = 4: 6 nights, 2020-02-03 to 2020-02-08: 36 files, "
    )
    span = "2020-02-03 to 2020-02-06"
    total = f"4 nights, {span}: 28 files, {sum(sizes) / 1e6:.1f} MB"
    assert told[2] == f"  keep_tables_days   = 6: {total}"
    assert told[4].startswith("nothing was removed; --yes removes 64 files, ")
    for command in ("run", "publish", "rebuild"):
        assert run(command, "-c", site / "site.toml", now=NOW) == 0
    assert contents(site / "site") == before


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        (("--keep_pages_days", 4), ["pT"] * 6 + ["PT"] * 4),
        (("--keep_tables_days", 4), ["P"] * 6 + ["PT"] * 4),
        (("--keep_pages_days", 4, "--keep_tables_days", 7), ["p"] * 3 + ["pT"] * 3 + ["PT"] * 4),
        (("--keep_pages_days", 7, "--keep_tables_days", 4), ["p"] * 3 + ["P"] * 3 + ["PT"] * 4),
    ],
)
def test_each_has_its_age(site, capfd, ages, expected):
    """Only what is older is removed; rows and links stay."""
    before, large = nights(site / "site" / "latiss"), contents(site / "site")
    assert prune(site, *ages, "--yes") == 0
    assert kept(site) == expected and dead_links(site / "site") == []
    assert nights(site / "site" / "latiss") == before, "what was known stays known"
    for night, left in zip(DAYS, expected, strict=True):
        name = f"latiss/{night}.html"
        if left.startswith("P"):
            assert (site / "site" / name).read_bytes() == large[name]
        else:
            page = (site / "site" / name).read_text()
            assert (
                f"2 files failed since {night} 23:0" in page
                and "were removed on 2020-02-12" in page
                and len(page) < 12_000
            )
    pruned, seen = contents(site / "site"), times(site / "site")
    for command in ("run", "publish"):
        assert run(command, "-c", site / "site.toml", now=NOW) == 0
    assert times(site / "site") == seen, "a run with nothing new writes nothing"
    capfd.readouterr()
    assert run("rebuild", "-c", site / "site.toml", "--full", "--jobs", 1, now=NOW) == 0
    n_without = sum("T" not in left for left in expected)
    words = f"latiss: {n_without} nights stay as they are, with their pages: their tables were"
    assert (words in capfd.readouterr().err) == bool(n_without)
    assert contents(site / "site") == pruned
    assert prune(site, *ages, "--yes") == 0 and contents(site / "site") == pruned, "twice is once"


def test_sources_and_settings_change_later(site):
    """A night without tables stays as it was, whatever its sources say."""
    assert prune(site, "--keep_tables_days", 4, "--yes") == 0
    assert prune(site, "--keep_pages_days", 7, "--yes") == 0
    before, rows = contents(site / "site"), nights(site / "site" / "latiss")
    (site / "purged" / "storage").mkdir(parents=True)
    settings(site, "purged", 'title = "LATISS"\nsmall_bytes = 30_000\npending_limit_s = 1')
    run(
        "rebuild",
        "-c",
        site / "site.toml",
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[-1],
        "--jobs",
        1,
        now=NOW,
    )
    after = nights(site / "site" / "latiss")
    for night in DAYS[:6]:
        assert after[night.isoformat()] == rows[night.isoformat()]
    for night in DAYS[3:6]:
        assert contents(site / "site")[f"latiss/{night}.html"] == before[f"latiss/{night}.html"], (
            "its page is left as it was"
        )
    assert "LATISS" in (site / "site" / "latiss" / f"{DAYS[0]}.html").read_text(), (
        "a small page is made of its row, and follows"
    )
    assert "LATISS" in (site / "site" / "latiss" / f"{DAYS[9]}.html").read_text()
    assert dead_links(site / "site") == []


def test_index_that_is_lost(site):
    """A remade index has the rows of nights without tables."""
    assert prune(site, "--keep_tables_days", 4, "--keep_pages_days", 7, "--yes") == 0
    rows, pages = nights(site / "site" / "latiss"), contents(site / "site" / "latiss")
    (site / "site" / "data" / "stream=latiss" / "index.json").unlink()
    assert run("publish", "-c", site / "site.toml", now=NOW) == 0
    assert nights(site / "site" / "latiss") == rows
    assert (
        contents(site / "site" / "latiss") == pages
        and kept(site) == ["p"] * 3 + ["P"] * 3 + ["PT"] * 4
    )


def test_page_that_somebody_removed(site):
    """A removed page that cannot be made again becomes a small one."""
    assert prune(site, "--keep_tables_days", 4, "--yes") == 0
    for name in os.listdir(site / "site" / "latiss"):
        if name.startswith(str(DAYS[1])):
            (site / "site" / "latiss" / name).unlink()
    assert run("-c", site / "site.toml", now=NOW) == 0
    assert kept(site) == ["P", "p", *["P"] * 4, *["PT"] * 4] and dead_links(site / "site") == []
    seen = times(site / "site")
    assert run("-c", site / "site.toml", now=NOW) == 0 and times(site / "site") == seen


def test_pages_come_back(site, capsys):
    """With a larger age, pages of nights with tables return."""
    before = contents(site / "site" / "latiss")
    assert prune(site, "--keep_pages_days", 3, "--keep_tables_days", 8, "--yes") == 0
    assert prune(site, "--keep_pages_days", 20) == 0
    assert "5 pages come back, 2020-02-05 to 2020-02-09" in capsys.readouterr().out
    assert prune(site, "--keep_pages_days", 20, "--yes") == 0
    assert kept(site) == ["p", "p", *["PT"] * 8] and dead_links(site / "site") == []
    after = contents(site / "site" / "latiss")
    assert all(
        after[name] == data
        for name, data in before.items()
        if name > str(DAYS[2]) and name[:8] == "2020-02-"
    )


def test_stream_table_command_line_and_all(site, made, capsys):
    """The command line wins over the stream, and that over all streams."""
    settings(
        site,
        made / "input",
        "keep_pages_days = 5",
        of_all="keep_pages_days = 9\nkeep_tables_days = 8",
    )
    assert prune(site) == 0
    told = capsys.readouterr().out
    assert "keep_pages_days    = 5: 5 nights" in told and "keep_tables_days   = 8: 2 nights" in told
    assert prune(site, "--keep_pages_days", 7) == 0
    assert "keep_pages_days    = 7: 3 nights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "arguments", "words"),
    [
        (
            "keep_pages_days = 0",
            (),
            "site.toml: [streams.latiss] keep_pages_days: 0 is no number of nights; write 1",
        ),
        ("keep_page_days = 9", (), "unknown key 'keep_page_days'; did you mean 'keep_pages_days'?"),
        (
            "",
            ("--keep_tables_days", "1"),
            "keep_tables_days = 1 is too few: a run looks at 2 nights of latiss",
        ),
        (
            "",
            ("--keep_pages_days", "5", "--first_day", "2020-01-01"),
            "--first_day and --last_day are not for prune",
        ),
    ],
)
def test_ages_that_cannot_be(site, made, capsys, more, arguments, words):
    """An age that is impossible, or too small for runs, is refused."""
    before = contents(site / "site")
    settings(site, made / "input", more)
    assert prune(site, *arguments, "--yes") == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and contents(site / "site") == before


def test_prune_takes_the_lock(site):
    """While another run holds the lock, prune does nothing."""
    before = contents(site / "site")
    with open(site / "site" / ".lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert prune(site, "--keep_pages_days", 4, "--yes") == 75
    assert contents(site / "site") == before


AGES = ("--keep_pages_days", 4, "--keep_tables_days", 6)


def n_prunable(folder):
    """Count the files that prune may remove."""
    site = folder / "site"
    return len([*(site / "latiss").glob("*.csv"), *(site / "data").rglob("*.parquet")])


def test_killed_in_the_middle(site, tmp_path_factory):
    """After a kill at any moment, no link is dead and no row lost."""
    whole = tmp_path_factory.mktemp("whole")
    shutil.copytree(site, whole / "it", symlinks=True)
    rows, n_before = nights(site / "site" / "latiss"), n_prunable(site)
    process = start("prune", "-c", whole / "it" / "site.toml", *AGES, "--yes", now=NOW)
    process.communicate()
    assert process.returncode == 0
    expected, n_removed = kept(whole / "it"), n_before - n_prunable(whole / "it")
    assert expected == ["p"] * 4 + ["pT"] * 2 + ["PT"] * 4 and n_removed > 20
    between = set()
    for n in range(15):
        folder = whole / f"killed{n}"
        shutil.copytree(site, folder, symlinks=True)
        process = start("prune", "-c", folder / "site.toml", *AGES, "--yes", now=NOW)
        # by what is gone, since the time that it takes differs from run to run
        n_gone = int(n_removed * (n * 0.618 % 1))
        while process.poll() is None and n_before - n_prunable(folder) < n_gone:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        between.add(n_prunable(folder))
        assert run("-c", folder / "site.toml", now=NOW) == 0
        assert dead_links(folder / "site") == [] and nights(folder / "site" / "latiss") == rows
        assert os.listdir(folder / "site" / ".unfinished") == []
        assert prune(folder, *AGES, "--yes") == 0 and kept(folder) == expected
        assert nights(folder / "site" / "latiss") == rows and dead_links(folder / "site") == []
        shutil.rmtree(folder)
        if n >= 4 and len(between) > 1:
            break
    assert len(between) > 1, "no kill came while it was at work"


def write_images(folder):
    """Write an image of each of the last four nights."""
    for night in DAYS[-4:]:
        place = folder / "input" / "storage" / night.isoformat()
        place.mkdir(parents=True)
        image = numpy.arange(40_000, dtype="float32").reshape(200, 200)
        fits.PrimaryHDU(image).writeto(place / f"AT_O_{night:%Y%m%d}_000001.fits")


def settings_with_previews(folder, places):
    (folder / "site.toml").write_text(
        f"[observing_monitor]\n{places}\nnum_days = 1\n"
        "[streams.latiss]\npreviews = true\n"
        '[[streams.latiss.sources]]\ntype = "files"\npath = "input/storage"\n'
    )
    return folder / "site.toml"


def test_previews(tmp_path):
    """Previews have an age of their own; pages stay without them."""
    write_images(tmp_path)
    config = settings_with_previews(tmp_path, 'output_dir = "site"')
    assert run("rebuild", "-c", config, "--jobs", 1, now=NOW) == 0
    site = tmp_path / "site" / "latiss"

    def there():
        return [(site / f"{night}.previews").is_dir() for night in DAYS[-4:]]

    assert there() == [True] * 4 and "<img" in (site / f"{DAYS[-4]}.html").read_text()
    assert prune(tmp_path, "--keep_tables_days", 3, "--yes") == 0 and there() == [True] * 4
    assert prune(tmp_path, "--keep_previews_days", 2, "--yes") == 0
    assert there() == [False, False, True, True] and dead_links(tmp_path / "site") == []
    without_tables, with_tables = ((site / f"{night}.html").read_text() for night in DAYS[-4:-2])
    assert "<img" not in without_tables + with_tables
    assert 'id="previews"' not in without_tables + with_tables
    assert not list((tmp_path / "site").rglob("page_without_previews.html"))
    before = contents(tmp_path / "site")
    assert (
        run("rebuild", "-c", config, "--jobs", 1, now=NOW) == 0
        and contents(tmp_path / "site") == before
    )


def test_previews_in_two_outputs(tmp_path):
    """Previews stay where a page that is the last one shows them."""
    write_images(tmp_path)
    # the second output gets its previews from an own store first
    for output, store in (("one", "store"), ("two", "other"), ("two", "store")):
        config = settings_with_previews(tmp_path, f'output_dir = "{output}"\nstore_dir = "{store}"')
        assert run("rebuild", "-c", config, "--jobs", 1, now=NOW) == 0
    for output in ("one", "two"):
        config = settings_with_previews(tmp_path, f'output_dir = "{output}"\nstore_dir = "store"')
        assert prune(tmp_path, "--keep_tables_days", 2, "--yes") == 0
        assert prune(tmp_path, "--keep_previews_days", 2, "--yes") == 0
        assert run("publish", "-c", config, now=NOW) == 0
        assert dead_links(tmp_path / output) == []
    shown = {
        output: "<img" in (tmp_path / output / "latiss" / f"{DAYS[-4]}.html").read_text()
        for output in ("one", "two")
    }
    assert shown == {"one": False, "two": True}


def test_log_of_a_prune(site, made):
    """A prune that removed something adds its line to the log."""
    settings(site, made / "input", of_all='log_file = "runs.log"')
    assert prune(site, *AGES) == 0 and not (site / "runs.log").exists()
    assert prune(site, *AGES, "--yes") == 0
    line = (site / "runs.log").read_text()
    counts = r"nights=6 changed=0 pages=\d+ seconds=\S+ problems=0 exit=0"
    assert re.fullmatch(rf"at=2020-02-12T20:00:00Z command=prune {counts}\n", line)
    assert json.loads((site / "site" / "data" / "stream=latiss" / "index.json").read_text())[
        "nights"
    ]["2020-02-03"]["pruned"] == {
        "page": "2020-02-12T20:00:00Z",
        "tables": "2020-02-12T20:00:00Z",
    }
