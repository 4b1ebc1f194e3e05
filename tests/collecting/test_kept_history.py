"""Data of a night are kept, or made again from the sources."""

import datetime
import json
import os
import shutil
import time

import pytest
from gen2tree import later, make_night
from one_stream import arguments
from running import contents, counts, nights, run, times

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


def test_pages_with_all_sources_down(made, tmp_path):
    """Every page can be written again from the store."""
    asked, now = made
    before = contents(tmp_path / "site")
    for path in (tmp_path / "site").iterdir():
        if path.is_file() and path.suffix in (".html", ".json", ".csv", ".js"):
            path.unlink()
    shutil.rmtree(tmp_path / "input" / "storage")
    shutil.rmtree(tmp_path / "input" / "gen2repo")
    assert run("publish", *asked, now=now) == 0
    assert contents(tmp_path / "site") == before


def test_purged_store_keeps_history(made, tmp_path):
    """A night whose folder is purged stays, and its page says so."""
    asked, now = made
    shutil.rmtree(tmp_path / "input" / "storage" / "2020-02-12")
    shutil.rmtree(tmp_path / "input" / "gen2repo" / "raw" / "2020-02-12")
    before = counts(nights(tmp_path / "site")["2020-02-12"])
    assert run(*asked, now=now) == 1
    night = nights(tmp_path / "site")["2020-02-12"]
    assert counts(night) == before and night["status"] == "error"
    page = (tmp_path / "site" / "2020-02-12.html").read_text()
    assert (
        f"could not be read since {now:%Y-%m-%d %H:%M} UTC" in page
        and "the night&#39;s folder is no longer there" in page
    )
    unchanged = times(tmp_path / "site")
    assert run(*asked, now=now + datetime.timedelta(minutes=5)) == 1
    assert times(tmp_path / "site") == unchanged


def test_lost_index_is_remade(made, tmp_path):
    """A lost index is made again from the tables."""
    asked, now = made
    before = contents(tmp_path / "site")
    (tmp_path / "site" / "data" / "stream=input" / "index.json").write_text(
        '{"schema_version": 1, "nights": {"2020-'
    )
    assert run("publish", *asked, now=now) == 0
    after = contents(tmp_path / "site")
    assert {name for name in after if after[name] != before[name]} <= {
        "data/stream=input/index.json"
    }


def test_cut_table_is_made_anew(made, tmp_path, capfd):
    """A damaged table is named, set aside and made again."""
    asked, now = made
    before = contents(tmp_path / "site")
    table = tmp_path / "site" / "data" / "stream=input" / "night=2020-02-13" / "files.parquet"
    cut = table.read_bytes()[:-100]
    table.write_bytes(cut)
    assert run(*asked, now=now) == 0
    after = contents(tmp_path / "site")
    # it is kept: somebody may be able to read a part of it
    assert after.pop(f"{table.relative_to(tmp_path / 'site')}.damaged") == cut
    assert after == before
    assert f"{table}: can't be read" in capfd.readouterr().err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_damaged_table_of_an_old_night_is_made_again(made, tmp_path, capfd, jobs):
    """A damaged table of an old night is made again by the next run."""
    asked, now = made
    before = contents(tmp_path / "site")
    table = tmp_path / "site" / "data" / "stream=input" / "night=2020-02-12" / "files.parquet"
    table.write_bytes(table.read_bytes()[:-100])
    (tmp_path / "site" / "2020-02-12.html").unlink()  # its page is made from the tables
    last = (*arguments(tmp_path, LAST), "--jobs", jobs)
    assert run(*last, now=now) == 1
    error = capfd.readouterr().err
    assert f"{table}: can't be read" in error and error.count("\n") == 1
    assert "the next run that collects makes it anew" in error
    assert not (tmp_path / "site" / "2020-02-12.html").exists()
    assert run("publish", *last, now=now) == 1
    capfd.readouterr()
    assert run(*last, now=now) == 0
    assert "set aside as files.parquet.damaged" in capfd.readouterr().err
    after = contents(tmp_path / "site")
    del after["data/stream=input/night=2020-02-12/files.parquet.damaged"]
    assert after == before
    unchanged = times(tmp_path / "site")
    assert run(*last, now=now) == 0 and times(tmp_path / "site") == unchanged


def test_chmod_does_not_move_the_transfer(made, tmp_path):
    """A file's transfer time stays when its mode changes."""
    asked, now = made
    before = nights(tmp_path / "site")["2020-02-13"]["last_transferred_at"]
    time.sleep(0.01)
    for path in (tmp_path / "input" / "storage" / "2020-02-13").iterdir():
        os.chmod(path, 0o600)
    assert run(*asked, "--full", now=now) == 0
    assert nights(tmp_path / "site")["2020-02-13"]["last_transferred_at"] == before


def settings_file(folder, text=""):
    """Write a settings file; return its path."""
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "many"\nfirst_day = {FIRST}\nlast_day = {LAST}\n'
        f'[streams.input]\ninput_dir = "input"\n{text}'
    )
    return path


def test_purged_night_outlives_other_settings(made, tmp_path):
    """A purged night survives new sources and upgrades."""
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
    """Without an index, pages still say which source is silent."""
    asked, now = made
    (tmp_path / "input" / "gen2repo" / "registry.sqlite3").unlink()
    assert run(*asked, now=now) == 1
    before = nights(tmp_path / "site")["2020-02-13"]["info"]
    assert "gen2 could not be read since" in before
    (tmp_path / "site" / "data" / "stream=input" / "index.json").unlink()
    assert run("publish", *asked, now=now) == 0
    assert nights(tmp_path / "site")["2020-02-13"]["info"] == before


def test_files_that_move_to_another_night(made, tmp_path):
    """A loose file that moves to another night is gone from neither."""
    asked, now = made
    for name in ("a.fits", "b.fits"):
        path = tmp_path / "input" / "storage" / name
        path.write_bytes(b"x" * 20_000)
        seconds = datetime.datetime.fromisoformat("2020-02-13T03:00:00+00:00").timestamp()
        os.utime(path, (seconds, seconds))
    assert run(*asked, now=now) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site").values()] == [25, 23, 23]
    assert run(*asked, "--night_rule", "UTC", now=now) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site").values()] == [23, 25, 23]
    os.utime(path, (seconds + 86_400, seconds + 86_400))
    assert run(*asked, "--night_rule", "UTC", now=now) == 0
    assert [night["n_files"] for night in nights(tmp_path / "site").values()] == [23, 24, 24]
    path.unlink()
    assert run(*asked, "--night_rule", "UTC", now=now) == 0
    assert [night["n_gone"] for night in nights(tmp_path / "site").values()] == [0, 0, 1]


def test_clock_that_was_ahead(tmp_path):
    """Files that a clock ahead made missing are pending again."""
    now = later()
    make_night(tmp_path / "input", FIRST, {"pending": 3}, now=now)
    asked = arguments(tmp_path, FIRST, FIRST)
    assert run(*asked, now=now + datetime.timedelta(days=2)) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"missing": 3}
    assert run(*asked, now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"pending": 3}
