"""The example observatory and the examples of settings."""

import datetime
import gzip
import json
import os
import sqlite3
from contextlib import closing

import fitsstorage_logs
import gen3repo
import make_observatory
import pytest
from conftest import CHECKOUT

from observing_monitor.collecting.sources import make_sources
from observing_monitor.model.nights import nid_of
from observing_monitor.settings import read
from observing_monitor.sources.registry import BUILT_IN

# All cameras have taken images tonight; Lasair and the archive are at work.
NOW = datetime.datetime(2021, 3, 11, 7, 0, tzinfo=datetime.UTC)
TONIGHT = "2021-03-10"


def listing(folder):
    """Return each file's size and time, and targets of links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[key] = os.path.relpath(path.readlink(), path.parent)
        elif path.is_file() and path.suffix != ".sqlite3":
            found[key] = (
                path.stat().st_size,
                path.stat().st_mtime if "storage" in path.parts else 0,
            )
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The example's input at NOW, which tests do not change."""
    folder = tmp_path_factory.mktemp("input")
    make_observatory.make_input(folder, NOW)
    return folder


def test_same_seed_and_clock_make_the_same(made, tmp_path):
    """The same seed and clock make the same files."""
    make_observatory.make_input(tmp_path, NOW)
    assert listing(tmp_path) == listing(made)


def test_nights_and_sizes(made):
    """There are ten nights, whose files take no room on disk."""
    nights = [path for path in (made / "auxTel" / "storage").iterdir() if path.is_dir()]
    assert len(nights) == 10
    assert [path.name for path in nights if not any(path.iterdir())] == ["2021-03-04"]

    files = [path.stat() for path in made.glob("*/storage/**/*") if path.is_file()]
    assert 10_000 < len(files) < 18_000
    assert sum(stat.st_size for stat in files) > 50e9
    assert sum(stat.st_blocks * 512 for stat in files) < 1e6


def test_incidents(made):
    """There are lost, failed, missing, small and odd files."""
    raws = list((made / "auxTel" / "gen2repo" / "raw").rglob("*.fits"))
    (lost,) = (path for path in raws if not path.exists())
    with closing(sqlite3.connect(made / "auxTel" / "gen2repo" / "registry.sqlite3")) as registry:
        registered = {
            f"{number}-det000.fits" for (number,) in registry.execute("select expId from raw")
        }
    assert lost.name in registered
    assert len([path for path in raws if path.name not in registered]) == 8 + 1 + 2

    storage = made / "auxTel" / "storage"
    linked = {path.readlink() for path in raws}
    images = set(storage.rglob("*.fits"))
    assert storage / "2021-03-08" / "focus <b>sweep.fits" in images - linked
    assert len([path for path in images - linked if path.stat().st_size < 10_000]) == 3
    assert [path for path in images - linked if path.parent.name == TONIGHT], "none is pending"


def test_next_run_goes_on(made, tmp_path):
    """A further run adds to tonight and changes no other night."""
    make_observatory.make_input(tmp_path, NOW)
    before, logs = listing(tmp_path), read_log(tmp_path)
    status = tmp_path / "lasair" / f"status_{nid_of(NOW.date())}.json"
    n_alerts = json.loads(status.read_text())["today_alert"]
    n_new = make_observatory.make_input(tmp_path, NOW + datetime.timedelta(seconds=10))
    after = listing(tmp_path)

    assert set(before) <= set(after)
    changed = {key for key in before if after[key] != before[key]}
    assert not {key for key in changed if "storage/" in key or "/raw/" in key or "/slow/" in key}
    of_tonight = (
        TONIGHT.replace("-", ""),
        NOW.strftime("%Y%m%d"),
        "rsync.log",
        "clock.json",
        "mon.json",
        status.name,
    )
    assert {
        key
        for key in changed
        if not key.endswith(".log") and not any(word in key for word in of_tonight)
    } == set()

    new = set(after) - set(before)
    assert n_new > 0
    arrived = ("/storage/", "/slow/", "/images/")
    assert len([key for key in new if any(folder in key for folder in arrived)]) == n_new
    assert [key for key in new if "/raw/" in key]
    assert all(
        TONIGHT in key or TONIGHT.replace("-", "") in key for key in new if "/storage/" in key
    )
    assert json.loads(status.read_text())["today_alert"] > n_alerts > 0
    assert read_log(tmp_path).startswith(logs) and len(read_log(tmp_path)) > len(logs)
    assert (tmp_path / "lwa" / "mon.json").stat().st_mtime == (
        NOW - make_observatory.MINUTE
    ).timestamp()


def read_log(folder):
    """Return the archive's ingest log."""
    return (folder / "gemini" / "logs" / "service_ingest_queue.py-siq1.log").read_text()


def test_continued_days_later(tmp_path):
    """Two days without a run make no difference."""
    make_observatory.make_input(tmp_path / "left", NOW)
    make_observatory.make_input(tmp_path / "left", NOW + datetime.timedelta(days=2))
    make_observatory.make_input(tmp_path / "whole", NOW + datetime.timedelta(days=2), n_nights=12)
    left, whole = (listing(tmp_path / name) for name in ("left", "whole"))
    assert set(left) == set(whole)
    # hard links are those of the last minutes before a run
    assert {
        key for key in left if left[key] != whole[key] and not key.startswith("comCam/gen2repo/")
    } == set()
    rows = (
        "select exposure, detector, id, ingest_date "
        "from dataset join dataset_tags_00000001 on dataset_id = id order by id"
    )
    ingested = [
        gen3repo.records(tmp_path / name / "lsstCam" / "gen3repo", rows)
        for name in ("left", "whole")
    ]
    assert ingested[0] == ingested[1] and len(ingested[0]) > 2000


def test_gen3_as_the_butler_makes_it(made, tmp_path):
    """The Gen3 registry has the tables of a real Butler's."""
    night = datetime.date(2021, 3, 10)
    raw = gen3repo.Raw(gen3repo.raw_file(tmp_path / "storage", night, 1), 1, night)
    gen3repo.make_repository(tmp_path / "gen3repo", [raw])
    ours, theirs = made / "lsstCam" / "gen3repo", tmp_path / "gen3repo"
    tables = [
        name
        for (name,) in gen3repo.records(ours, "select name from sqlite_master where type = 'table'")
    ]
    assert len(tables) == 14
    for table in tables:
        columns = f"select name, upper(type), \"notnull\", pk from pragma_table_info('{table}')"
        assert gen3repo.records(ours, columns) == gen3repo.records(theirs, columns), table
    attributes = (
        "select name, value from butler_attributes "
        "where name like 'version:%' or name like '%managers%' order by name"
    )
    assert gen3repo.records(ours, attributes) == gen3repo.records(theirs, attributes)


def test_logs_have_their_incidents(made):
    """Logs have a traceback and a destination that is down.

    Old logs are rotated and compressed.
    """
    logs = made / "gemini" / "logs"
    texts = [
        gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        for path in logs.iterdir()
    ]
    assert len(texts) == 6
    assert sum(text.count("Traceback") for text in texts) == 1
    assert sum(text.count("(503)") for text in texts) == 5
    assert max(text.count(fitsstorage_logs.DESTINATION) for text in texts) > 500


@pytest.mark.parametrize(
    "path", sorted((CHECKOUT / "examples").glob("*.toml")), ids=lambda path: path.name
)
def test_settings_are_right(path):
    """Each example of settings is valid."""
    for stream in read.streams_of_file(path):
        assert make_sources(stream, NOW), stream.name


def test_every_source_is_shown():
    """The example has every source that needs no server."""
    streams = read.streams_of_file(CHECKOUT / "examples" / "site.toml")
    assert set(BUILT_IN) - {source.kind for stream in streams for source in stream.sources} == {
        "dbb",
        "fitsstorage",
        "objects",
        "notes",  # no page shows remarks
    }
    assert all(stream.title != stream.name for stream in streams)
