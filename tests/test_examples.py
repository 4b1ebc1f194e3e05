"""The example observatory: what the seed and the clock make of it."""

import datetime
import os
import sqlite3
from contextlib import closing

import cameras
import make_observatory
import pytest

# Three in the morning: all three cameras have been at work tonight.
NOW = datetime.datetime(2021, 3, 11, 3, 0, tzinfo=datetime.UTC)
TONIGHT = "2021-03-10"


def listing(folder):
    """Every path below, with what tells a change: size and time; of links, where they lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[key] = os.path.relpath(path.readlink(), path.parent)
        elif path.is_file() and path.suffix != ".sqlite3":
            found[key] = (path.stat().st_size, path.stat().st_mtime if "storage" in path.parts else 0)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The example as it is at NOW; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("input")
    make_observatory.make_input(folder, NOW)
    return folder


def test_same_seed_and_clock_make_the_same(made, tmp_path):
    """Nothing but the seed and the clock decides what is made."""
    make_observatory.make_input(tmp_path, NOW)
    assert listing(tmp_path) == listing(made)


def test_nights_and_sizes(made):
    """Ten nights, one of them without a file; sizes look real, but take next to no room on disk."""
    nights = [path for path in (made / "auxTel" / "storage").iterdir() if path.is_dir()]
    assert len(nights) == 10
    assert [path.name for path in nights if not any(path.iterdir())] == ["2021-03-04"]

    files = [path.stat() for path in made.glob("*/storage/**/*") if path.is_file()]
    assert 4_500 < len(files) < 6_000
    assert sum(stat.st_size for stat in files) > 50e9
    assert sum(stat.st_blocks * 512 for stat in files) < 1e6


def test_incidents(made):
    """There is a file that is gone, one that the registry lacks, one that nobody linked, a small one, and a name with a tag."""
    raws = list((made / "auxTel" / "gen2repo" / "raw").rglob("*.fits"))
    (lost,) = (path for path in raws if not path.exists())
    with closing(sqlite3.connect(made / "auxTel" / "gen2repo" / "registry.sqlite3")) as registry:
        registered = {f"{number}-det000.fits" for (number,) in registry.execute("select expId from raw")}
    assert lost.name in registered
    assert len([path for path in raws if path.name not in registered]) == 8 + 1 + 1

    storage = made / "auxTel" / "storage"
    linked = {path.readlink() for path in raws}
    images = set(storage.rglob("*.fits"))
    assert storage / "2021-03-08" / "focus <b>sweep.fits" in images - linked
    assert len([path for path in images - linked if path.stat().st_size < 10_000]) == 3
    assert [path for path in images - linked if path.parent.name == TONIGHT], "some are pending"


def test_next_run_goes_on(made, tmp_path):
    """A further run adds files and ingests to tonight, and changes or deletes nothing that was there."""
    make_observatory.make_input(tmp_path, NOW)
    before = listing(tmp_path)
    n_new = make_observatory.make_input(tmp_path, NOW + datetime.timedelta(seconds=10))
    after = listing(tmp_path)

    logs = {f"{name}/rsync.log" for name in cameras.STREAMS} | {"clock.json"}
    assert {key: after[key] for key in before if key not in logs} == {key: before[key] for key in before if key not in logs}
    new = set(after) - set(before)
    assert n_new > 0
    assert len([key for key in new if "/storage/" in key]) == n_new
    assert [key for key in new if "/raw/" in key]
    assert all(TONIGHT in key or TONIGHT.replace("-", "") in key for key in new if "/storage/" in key)


def test_continued_days_later(tmp_path):
    """An example that was left alone for two days has the nights between as if it had been run all the time."""
    make_observatory.make_input(tmp_path / "left", NOW)
    make_observatory.make_input(tmp_path / "left", NOW + datetime.timedelta(days=2))
    make_observatory.make_input(tmp_path / "whole", NOW + datetime.timedelta(days=2), n_nights=12)
    left, whole = (listing(tmp_path / name) for name in ("left", "whole"))
    assert set(left) == set(whole)
