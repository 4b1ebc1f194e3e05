"""A run does what has changed and no more."""

import datetime
import subprocess
import sys

import pytest
from gen2tree import later, make_night
from one_stream import arguments
from running import contents, nights, run, times

from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

FIRST, LAST = datetime.date(2020, 2, 12), datetime.date(2020, 2, 14)


@pytest.fixture
def made(tmp_path):
    """Three published nights: the arguments of the run, and its clock."""
    now = later()
    for day in (12, 13, 14):
        counts_of = {"ingested": 20, "missing": 2, "not_fits": 1}
        make_night(tmp_path / "input", datetime.date(2020, 2, day), counts_of, now=now)
    asked = arguments(tmp_path, FIRST, LAST)
    assert run(*asked, now=now) == 0
    return asked, now


def test_nothing_new_writes_nothing(made, tmp_path):
    """A run with nothing new writes no page and no table."""
    asked, now = made
    before = times(tmp_path / "site")
    assert run(*asked, now=now + datetime.timedelta(minutes=1)) == 0
    assert times(tmp_path / "site") == before


def test_nothing_new_imports_nothing_heavy(tmp_path, made):
    """A run with nothing new imports nothing heavy."""
    asked, now = made
    code = f"""
import sys, datetime
from observing_monitor import cli
code = cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now.isoformat()!r}))
heavy = {{'pandas', 'numpy', 'plotly', 'pyarrow', 'jinja2', 'sqlalchemy', 'tqdm'}}
ours = 'pages.other_streams pages.observing_log pages.night_page judging.night_use judging.judge'
ours += ' tables.night_use tables.observed settings.receivers storage.hidden_forms feeds.notify'
heavy |= {{f'observing_monitor.{{name}}' for name in ours.split()}}
print(code, sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, asked)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 []\n"


def test_nothing_new_leaves_the_index_unopened_for_writing(made, tmp_path, monkeypatch):
    """A run with nothing new does not write the index.

    A run in which a source fell silent does.
    """
    asked, now = made
    written = []
    monkeypatch.setattr(
        Store,
        "write_index",
        lambda store, index, write=Store.write_index: (
            written.append(store.stream),
            write(store, index),
        ),
    )
    assert run(*asked, now=now + datetime.timedelta(minutes=1)) == 0
    assert written == []
    (tmp_path / "input" / "gen2repo").rename(tmp_path / "away")
    assert run(*asked, now=now + datetime.timedelta(minutes=2)) == 1
    assert written == ["input"]
    (tmp_path / "away").rename(tmp_path / "input" / "gen2repo")
    assert run(*asked, now=now + datetime.timedelta(minutes=3)) == 0
    assert (
        written == ["input"] * 2
        and Store(Output(tmp_path / "site"), "input").read_index()["sources"]["gen2"] == {}
    )


def test_killed_between_collecting_and_publishing(made, tmp_path):
    """Data that a killed run collected are on the next pages."""
    asked, now = made
    (tmp_path / "input" / "storage" / "2020-02-13" / "notes.txt").write_text("seeing 0.7")
    code = f"""
import datetime, os, sys
from observing_monitor import cli
from observing_monitor.pages import publish
publish.publish = lambda *_: os._exit(9)
cli.main(sys.argv[1:], datetime.datetime.fromisoformat({now.isoformat()!r}))
"""
    killed = subprocess.run([sys.executable, "-c", code, *map(str, asked)], check=False)
    assert killed.returncode == 9
    assert run("publish", *asked, now=now) == 0
    assert (
        nights(tmp_path / "site")["2020-02-13"]["n_files"] == 24
        and "notes.txt" in (tmp_path / "site" / "2020-02-13.csv").read_text()
    )


def test_one_night_changed(made, tmp_path):
    """A new file rewrites its night's files and the indexes alone."""
    asked, now = made
    before = times(tmp_path / "site")
    (tmp_path / "input" / "storage" / "2020-02-13" / "notes.txt").write_text("seeing 0.7")
    assert run(*asked, now=now) == 0
    after = times(tmp_path / "site")
    changed = {name for name in after if after[name] != before.get(name)}
    folder = "data/stream=input"
    night = f"{folder}/night=2020-02-13"
    assert changed == {
        *(f"2020-02-13{ending}" for ending in (".html", ".csv", ".json", ".files.js")),
        "2020-02-13.exposures.js",  # which file belongs to which exposure
        *("index.html", "nights.json", "nights.csv", "2020.html", "2020.json", "2020.csv"),
        "changes.atom",  # the file came late
        *(f"{folder}/index.json", f"{night}/files.parquet", f"{night}/looked.json"),
        f"{night}/_halves.files.parquet",  # the registry has nothing about the file
    }
    assert nights(tmp_path / "site")["2020-02-13"]["n_not_fits"] == 2


def test_new_night_changes_its_neighbour(made, tmp_path):
    """A new night changes no page but that of the night before."""
    asked, now = made
    before = times(tmp_path / "site")
    make_night(tmp_path / "input", datetime.date(2020, 2, 15), {"ingested": 3}, now=now)
    assert run(*asked[:-1], "2020-02-15", now=now) == 0
    after = times(tmp_path / "site")
    pages = {
        name
        for name in after
        if name.startswith("2020") and name.endswith(".html") and after[name] != before.get(name)
    }
    assert pages == {"2020-02-14.html", "2020-02-15.html", "2020.html"}


def test_page_that_was_removed_is_made_again(made, tmp_path):
    """A page or data file that somebody removed is written again."""
    asked, now = made
    before = contents(tmp_path / "site")
    (tmp_path / "site" / "2020-02-13.html").unlink()
    (tmp_path / "site" / "2020-02-12.csv").unlink()
    (tmp_path / "site" / "latest.html").unlink()
    assert run(*asked, now=now) == 0
    assert contents(tmp_path / "site") == before


def test_halves_do_what_the_whole_does(made, tmp_path):
    """`collect` and then `publish` write what `run` writes."""
    asked, now = made
    before = contents(tmp_path / "site")
    other = arguments(tmp_path, FIRST, LAST, "other")
    assert run("collect", *other, now=now) == 0
    assert not (tmp_path / "other" / "index.html").exists()
    assert run("publish", *other, now=now) == 0
    assert contents(tmp_path / "other") == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_rebuild_finds_the_nights_itself(made, tmp_path, jobs):
    """`rebuild` without days takes all nights that sources know."""
    asked, now = made
    other = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "other", "--jobs", jobs)
    assert run("rebuild", *other, now=now) == 0
    assert nights(tmp_path / "other") == nights(tmp_path / "site")
    before = times(tmp_path / "other")
    assert run("rebuild", *other, now=now) == 0
    assert times(tmp_path / "other") == before


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
    """A heartbeat that is damaged is written again."""
    asked, now = made
    (tmp_path / "site" / "data" / "heartbeat.json").write_text(text)
    assert run(*asked, now=now) == 0
    assert '"files": {"answered_at": "' in (tmp_path / "site" / "heartbeat.js").read_text()
