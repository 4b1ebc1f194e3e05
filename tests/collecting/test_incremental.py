"""A run does what has changed and no more, and keeps what was known."""

import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from gen2tree import later, make_night
from running import contents, counts, nights, run, times

from observing_monitor.collecting import night as night_collecting
from observing_monitor.collecting.night import MANY
from observing_monitor.processes import workers
from observing_monitor.sources.gen2 import Gen2Repository
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

FIRST, LAST = datetime.date(2020, 2, 12), datetime.date(2020, 2, 14)


@pytest.fixture
def made(tmp_path):
    """Three nights, collected and published; the arguments of the run, and its clock."""
    now = later()
    for day in (12, 13, 14):
        make_night(
            tmp_path / "input",
            datetime.date(2020, 2, day),
            {"ingested": 20, "missing": 2, "not_fits": 1},
            now=now,
        )
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        FIRST,
        "--last_day",
        LAST,
    )
    assert run(*arguments, now=now) == 0
    return arguments, now


def test_nothing_new_writes_nothing(made, tmp_path):
    """A second run with nothing new writes no page and no table, also one minute later."""
    arguments, now = made
    before = times(tmp_path / "site")
    assert run(*arguments, now=now + datetime.timedelta(minutes=1)) == 0
    assert times(tmp_path / "site") == before


def test_nothing_new_imports_nothing_heavy(tmp_path, made):
    """A run with nothing new imports none of pandas, numpy, plotly, pyarrow, jinja2."""
    arguments, now = made
    code = (
        "import sys, datetime; from observing_monitor import cli; "
        f"code = cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now.isoformat()!r})); "
        "print(code, sorted({'pandas', 'numpy', 'plotly', 'pyarrow', 'jinja2', 'sqlalchemy', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 []\n"


def test_nothing_new_leaves_the_index_unopened_for_writing(made, tmp_path, monkeypatch):
    """A run with nothing new doesn't put the index together, which has 5 MB for ten years; one in which a source fell silent does."""
    arguments, now = made
    written = []
    monkeypatch.setattr(
        Store,
        "write_index",
        lambda store, index, write=Store.write_index: (
            written.append(store.stream),
            write(store, index),
        ),
    )
    assert run(*arguments, now=now + datetime.timedelta(minutes=1)) == 0
    assert written == []
    (tmp_path / "input" / "gen2repo").rename(tmp_path / "away")
    assert run(*arguments, now=now + datetime.timedelta(minutes=2)) == 1
    assert written == ["input"]
    (tmp_path / "away").rename(tmp_path / "input" / "gen2repo")
    assert run(*arguments, now=now + datetime.timedelta(minutes=3)) == 0
    assert (
        written == ["input"] * 2
        and Store(Output(tmp_path / "site"), "input").read_index()["sources"]["gen2"] == {}
    )


def test_killed_between_collecting_and_publishing(made, tmp_path):
    """What a run collected before it was killed, and had in no index yet, is on the pages that `publish` makes next."""
    arguments, now = made
    (tmp_path / "input" / "storage" / "2020-02-13" / "notes.txt").write_text("seeing 0.7")
    code = (
        "import datetime, os, sys; from observing_monitor import cli; from observing_monitor.pages import publish; publish.publish = lambda *_: os._exit(9); "
        f"cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now.isoformat()!r}))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=False).returncode
        == 9
    )
    assert run("publish", *arguments, now=now) == 0
    assert (
        nights(tmp_path / "site")["2020-02-13"]["n_files"] == 24
        and "notes.txt" in (tmp_path / "site" / "2020-02-13.csv").read_text()
    )


def test_one_night_changed(made, tmp_path):
    """A new file in one night rewrites that night's page and data, its tables and the indexes; nothing else."""
    arguments, now = made
    before = times(tmp_path / "site")
    (tmp_path / "input" / "storage" / "2020-02-13" / "notes.txt").write_text("seeing 0.7")
    assert run(*arguments, now=now) == 0
    after = times(tmp_path / "site")
    changed = {name for name in after if after[name] != before.get(name)}
    folder = "data/stream=input"
    assert changed == {
        "2020-02-13.html", "2020-02-13.csv", "2020-02-13.json", "2020-02-13.files.js", "index.html", "nights.json", "nights.csv",
        "2020.html", "2020.json", "2020.csv", "changes.atom",  # which says that it came late
        f"{folder}/index.json", f"{folder}/night=2020-02-13/files.parquet", f"{folder}/night=2020-02-13/looked.json",
        f"{folder}/night=2020-02-13/_halves.files.parquet",  # of which the registry tells nothing
    }  # fmt: skip
    assert nights(tmp_path / "site")["2020-02-13"]["n_not_fits"] == 2


@pytest.mark.parametrize("many", [1, 1000])
def test_a_night_that_grew_is_as_one_read_whole(tmp_path, monkeypatch, many):
    """A night whose files and links came in three parts, a run after each, has the tables and lists of one run over all, byte by byte."""
    monkeypatch.setattr(night_collecting, "MANY", many)
    monkeypatch.setattr(workers, "VERY_MANY", many)  # what a full night has done otherwise
    now, root = later(), tmp_path / "input"
    counts_of = {"ingested": 90, "missing": 9, "failed": 6, "not_fits": 5, "small": 4, "pending": 7}
    make_night(root, FIRST, counts_of, now=now, camera="comCam", layout="night")
    files = sorted(
        path
        for path in [*root.glob("storage/*/*"), *root.glob("gen2repo/raw/*/**/*")]
        if path.is_file() or path.is_symlink()
    )
    parts = [files[number::3] for number in range(3)]  # a file and its link rarely come together
    aside = tmp_path / "aside"
    for path in [*parts[1], *parts[2]]:
        (aside / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(aside / path.relative_to(root))
    arguments = ("--input_dir", root, "--first_day", FIRST, "--last_day", FIRST)
    for part in parts:
        for path in part:
            if not os.path.lexists(path):
                (aside / path.relative_to(root)).rename(path)
        assert run(*arguments, "--output_dir", tmp_path / "grown", now=now) == 0
    assert run(*arguments, "--output_dir", tmp_path / "whole", now=now) == 0
    assert counts(nights(tmp_path / "grown")[str(FIRST)]) == counts_of
    grown, whole = (
        {
            name: data
            for name, data in contents(tmp_path / made).items()
            if name.endswith((".parquet", ".csv", ".files.js"))
        }
        for made in ("grown", "whole")
    )
    assert len(whole) == 9 + (many == 1) and grown == whole  # the page also tells what came when


@pytest.fixture
def reads(monkeypatch):
    """The nights of which a Gen2 repository was read, in order; what it tells is kept however little it is."""
    nights_read, read = [], Gen2Repository.read
    monkeypatch.setattr(night_collecting, "MANY", 1)
    monkeypatch.setattr(
        Gen2Repository, "read", lambda self, night: nights_read.append(night) or read(self, night)
    )
    return nights_read


def test_a_registry_that_did_not_change_is_not_read_again(tmp_path, reads):
    """Where only files came into the newest night its registry is not read anew; a raw whose file came now has it all the same."""
    now, root = later(), tmp_path / "input"
    make_night(root, FIRST, {"ingested": 3}, now=now, link="copy")
    made = make_night(root, LAST, {"ingested": 20, "lost": 2, "missing": 2}, now=now, link="copy")
    late = made.of("ingested")[0].path
    late.rename(tmp_path / "late")
    arguments = ("--input_dir", root, "--first_day", FIRST, "--last_day", LAST)
    assert run(*arguments, "--output_dir", tmp_path / "grown", now=now) == 0
    assert f"gen2:raw/{LAST}/{late.name}" in (tmp_path / "grown" / f"{LAST}.csv").read_text()
    (tmp_path / "late").rename(late)
    (late.parent / "notes.txt").write_text("seeing 0.7")
    n_read = len(reads)
    assert run(*arguments, "--output_dir", tmp_path / "grown", now=now) == 0
    assert len(reads) == n_read > 0
    assert run(*arguments, "--output_dir", tmp_path / "whole", now=now) == 0
    grown, whole = (
        {
            name: data
            for name, data in contents(tmp_path / site).items()
            if name.endswith((".parquet", ".csv", ".files.js"))
        }
        for site in ("grown", "whole")
    )
    assert grown == whole and len([name for name in whole if "attempts." in name]) == 1


def test_workers_keep_what_a_registry_told(tmp_path):
    """Of two nights that two processes read the newest one's attempts are kept, and no others."""
    now, root = later(), tmp_path / "input"
    for night in (FIRST, LAST):
        make_night(root, night, {"ingested": MANY}, now=now, apart_s=1)
    arguments = (
        "--input_dir",
        root,
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        FIRST,
        "--last_day",
        LAST,
        "--jobs",
        2,
    )
    assert run(*arguments, now=now) == 0
    kept = {
        night: Store(Output(tmp_path / "site"), "input").read_looked(night)["kept"]
        for night in (FIRST, LAST)
    }
    assert list(kept[LAST]) == ["gen2"] and kept[FIRST] == {}
    assert (
        len(Store(Output(tmp_path / "site"), "input").load_attempts("gen2", kept[LAST]["gen2"]))
        == MANY
    )


@pytest.mark.parametrize("what", ["link", "row", "cut", "gone", "version", "settings"])
def test_a_registry_is_read_again_where_it_has_to_be(tmp_path, reads, monkeypatch, what):
    """A new link, a new row of the registry, another version or setting, or kept attempts that are not whole have it read anew."""
    now, root = later(), tmp_path / "input"
    made = make_night(root, LAST, {"ingested": 20, "missing": 1}, now=now)
    arguments = [
        "--input_dir",
        root,
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        LAST,
        "--last_day",
        LAST,
    ]
    assert run(*arguments, now=now) == 0
    (kept,) = tmp_path.glob("site/data/*/_attempts.gen2.parquet")
    link = made.of("ingested")[0].link
    if what == "link":
        link.unlink()
    elif what == "row":
        with sqlite3.connect(root / "gen2repo" / "registry.sqlite3") as registry:
            registry.execute(
                "delete from raw where expId = ?", (made.of("ingested")[0].row["expId"],)
            )
    elif what == "cut":
        kept.write_bytes(kept.read_bytes()[:-1])
    elif what == "gone":
        kept.unlink()
    elif what == "version":
        monkeypatch.setattr(night_collecting, "__version__", "another")
    else:
        arguments.append("--query_links")
    (root / "storage" / str(LAST) / "notes.txt").write_text("seeing 0.7")
    assert run(*arguments, now=now) == 0
    assert reads == [LAST, LAST] and kept.exists()
    told = nights(tmp_path / "site")[str(LAST)]
    assert told["n_lost"] == (what == "link") and told["n_ingested"] == 20 - (what == "row")


def test_new_night_changes_its_neighbour(made, tmp_path):
    """A night that is added gets its page; of the others only the one before it, whose link to the next was empty."""
    arguments, now = made
    before = times(tmp_path / "site")
    make_night(tmp_path / "input", datetime.date(2020, 2, 15), {"ingested": 3}, now=now)
    assert run(*arguments[:-1], "2020-02-15", now=now) == 0
    after = times(tmp_path / "site")
    pages = {
        name
        for name in after
        if name.startswith("2020") and name.endswith(".html") and after[name] != before.get(name)
    }
    assert pages == {"2020-02-14.html", "2020-02-15.html", "2020.html"}


def test_page_that_was_removed_is_made_again(made, tmp_path):
    """A page, or a file of its data, that somebody removed comes back, and is the same."""
    arguments, now = made
    before = contents(tmp_path / "site")
    (tmp_path / "site" / "2020-02-13.html").unlink()
    (tmp_path / "site" / "2020-02-12.csv").unlink()
    (tmp_path / "site" / "latest.html").unlink()
    assert run(*arguments, now=now) == 0
    assert contents(tmp_path / "site") == before


def test_pages_with_all_sources_down(made, tmp_path):
    """Every page can be remade from the store alone, and is the same."""
    arguments, now = made
    before = contents(tmp_path / "site")
    for path in (tmp_path / "site").iterdir():
        if path.is_file() and path.suffix in (".html", ".json", ".csv", ".js"):
            path.unlink()
    shutil.rmtree(tmp_path / "input" / "storage")
    shutil.rmtree(tmp_path / "input" / "gen2repo")
    assert run("publish", *arguments, now=now) == 0
    assert contents(tmp_path / "site") == before


def test_purged_store_keeps_history(made, tmp_path):
    """A night's folder that is purged leaves the night as it was known, and the page says since when."""
    arguments, now = made
    shutil.rmtree(tmp_path / "input" / "storage" / "2020-02-12")
    shutil.rmtree(tmp_path / "input" / "gen2repo" / "raw" / "2020-02-12")
    before = counts(nights(tmp_path / "site")["2020-02-12"])
    assert run(*arguments, now=now) == 1
    night = nights(tmp_path / "site")["2020-02-12"]
    assert counts(night) == before and night["status"] == "error"
    page = (tmp_path / "site" / "2020-02-12.html").read_text()
    assert (
        f"could not be read since {now:%Y-%m-%d %H:%M} UTC" in page
        and "the night&#39;s folder is no longer there" in page
    )
    unchanged = times(tmp_path / "site")
    assert run(*arguments, now=now + datetime.timedelta(minutes=5)) == 1
    assert times(tmp_path / "site") == unchanged


def test_lost_index_is_remade(made, tmp_path):
    """The index can be remade from the tables: without it, and the sources down, the pages are the same."""
    arguments, now = made
    before = contents(tmp_path / "site")
    (tmp_path / "site" / "data" / "stream=input" / "index.json").write_text(
        '{"schema_version": 1, "nights": {"2020-'
    )
    assert run("publish", *arguments, now=now) == 0
    after = contents(tmp_path / "site")
    assert {name for name in after if after[name] != before[name]} <= {
        "data/stream=input/index.json"
    }


def test_cut_table_is_made_anew(made, tmp_path, capfd):
    """A table that was cut short is told with its path and made anew from the sources; the other nights are untouched."""
    arguments, now = made
    before = contents(tmp_path / "site")
    table = tmp_path / "site" / "data" / "stream=input" / "night=2020-02-13" / "files.parquet"
    cut = table.read_bytes()[:-100]
    table.write_bytes(cut)
    assert run(*arguments, now=now) == 0
    after = contents(tmp_path / "site")
    assert (
        after.pop(f"{table.relative_to(tmp_path / 'site')}.damaged") == cut
    )  # whoever can may yet take something from it
    assert after == before
    assert f"{table}: can't be read" in capfd.readouterr().err


def test_halves_do_what_the_whole_does(made, tmp_path):
    """`collect` and `publish`, one after the other, make what a run makes."""
    arguments, now = made
    before = contents(tmp_path / "site")
    other = [*arguments[:3], tmp_path / "other", *arguments[4:]]
    assert run("collect", *other, now=now) == 0
    assert not (tmp_path / "other" / "index.html").exists()
    assert run("publish", *other, now=now) == 0
    assert contents(tmp_path / "other") == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_rebuild_finds_the_nights_itself(made, tmp_path, jobs):
    """`rebuild` without days takes every night that the sources know, in one process or two; a second one writes nothing."""
    arguments, now = made
    other = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "other", "--jobs", jobs)
    assert run("rebuild", *other, now=now) == 0
    assert nights(tmp_path / "other") == nights(tmp_path / "site")
    before = times(tmp_path / "other")
    assert run("rebuild", *other, now=now) == 0
    assert times(tmp_path / "other") == before


def test_chmod_does_not_move_the_transfer(made, tmp_path):
    """A transfer's time, once known, stays when the file's mode, and with it its change time, changes."""
    import os
    import time

    arguments, now = made
    before = nights(tmp_path / "site")["2020-02-13"]["last_transferred_at"]
    time.sleep(0.01)
    for path in (tmp_path / "input" / "storage" / "2020-02-13").iterdir():
        os.chmod(path, 0o600)
    assert run(*arguments, "--full", now=now) == 0
    assert nights(tmp_path / "site")["2020-02-13"]["last_transferred_at"] == before


def settings_file(folder, text=""):
    """A settings file of one stream, `input`; its path."""
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "many"\nfirst_day = {FIRST}\nlast_day = {LAST}\n[streams.input]\ninput_dir = "input"\n{text}'
    )
    return path


def test_purged_night_outlives_other_settings(made, tmp_path):
    """A night whose folder was purged stays as last seen when another source joins the stream or the program is a newer one."""
    _, now = made
    settings = settings_file(tmp_path)
    assert run("-c", settings, now=now) == 0
    before = counts(nights(tmp_path / "many" / "input")["2020-02-12"])
    shutil.rmtree(tmp_path / "input" / "storage" / "2020-02-12")
    (tmp_path / "second").mkdir()
    settings_file(
        tmp_path, '[[streams.input.sources]]\ntype = "files"\nname = "second"\npath = "second"\n'
    )
    looked = tmp_path / "many" / "data" / "stream=input" / "night=2020-02-12" / "looked.json"
    told = json.loads(looked.read_text())
    del told["seal"]  # as an earlier version wrote it
    looked.write_text(json.dumps({**told, "version": "0.0"}))
    assert run("-c", settings, now=now) == 1
    night = nights(tmp_path / "many" / "input")["2020-02-12"]
    assert counts(night) == before and "the night's folder is no longer there" in night["info"]


def test_lost_index_keeps_faults(made, tmp_path):
    """Pages that are remade without an index still say which source is silent, and since when."""
    arguments, now = made
    (tmp_path / "input" / "gen2repo" / "registry.sqlite3").unlink()
    assert run(*arguments, now=now) == 1
    before = nights(tmp_path / "site")["2020-02-13"]["info"]
    assert "gen2 could not be read since" in before
    (tmp_path / "site" / "data" / "stream=input" / "index.json").unlink()
    assert run("publish", *arguments, now=now) == 0
    assert nights(tmp_path / "site")["2020-02-13"]["info"] == before


def test_files_that_move_to_another_night(made, tmp_path):
    """A file outside night folders that another rule, or another time of its own, gives to another night is gone from none."""
    import os

    arguments, now = made
    for name in ("a.fits", "b.fits"):
        path = tmp_path / "input" / "storage" / name
        path.write_bytes(b"x" * 20_000)
        seconds = datetime.datetime.fromisoformat("2020-02-13T03:00:00+00:00").timestamp()
        os.utime(path, (seconds, seconds))
    assert run(*arguments, now=now) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site").values()] == [25, 23, 23]
    assert run(*arguments, "--night_rule", "UTC", now=now) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site").values()] == [23, 25, 23]
    os.utime(path, (seconds + 86_400, seconds + 86_400))
    assert run(*arguments, "--night_rule", "UTC", now=now) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site").values()] == [23, 24, 24]
    path.unlink()
    assert run(*arguments, "--night_rule", "UTC", now=now) == 0
    assert [night["n_gone"] for night in nights(tmp_path / "site").values()] == [0, 0, 1]


def test_clock_that_was_ahead(tmp_path):
    """What a clock that was ahead made missing is pending again when the clock is right, though nothing else changed."""
    now = later()
    make_night(tmp_path / "input", FIRST, {"pending": 3}, now=now)
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        FIRST,
        "--last_day",
        FIRST,
    )
    assert run(*arguments, now=now + datetime.timedelta(days=2)) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"missing": 3}
    assert run(*arguments, now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"pending": 3}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"streams": []}',
        '{"streams": {"input": 3}}',
        '{"streams": {"input": {"sources": {"files": 1}}}}',
    ],
)
def test_heartbeat_that_is_none(made, tmp_path, text):
    """A heartbeat of whatever shape is made anew."""
    arguments, now = made
    (tmp_path / "site" / "data" / "heartbeat.json").write_text(text)
    assert run(*arguments, now=now) == 0
    assert '"files": {"answered_at": "' in (tmp_path / "site" / "heartbeat.js").read_text()
