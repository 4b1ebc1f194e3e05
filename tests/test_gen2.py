"""What a Gen2 repository tells, whatever its camera, and however broken it is."""

import contextlib
import datetime
import os
import sqlite3
from pathlib import Path

import pytest
from gen2tree import later, make_night

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.nights import NightRule
from observing_monitor.sources import Asked
from observing_monitor.sources.gen2 import Gen2Repository

NIGHT = datetime.date(2020, 2, 12)
NOW = later()


def repository(path, **settings):
    return Gen2Repository(Gen2Repository.Settings(Path(path), **settings), Asked("latiss", NightRule(), NOW))


def make_raw(path, columns, *rows):
    """A registry whose table raw has these columns and rows, and an empty raw/."""
    (path / "raw").mkdir(parents=True)
    with sqlite3.connect(path / "registry.sqlite3") as connection:
        connection.execute(f"create table raw ({columns})")
        for row in rows:
            connection.execute(f"insert into raw values ({','.join('?' * len(row))})", row)
    connection.close()


def link(path, name, at="2020-02-13T03:12:41+00:00", **target):
    """A file under raw/ whose times say `at`."""
    import os

    file = path / "raw" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * 20_000)
    seconds = datetime.datetime.fromisoformat(at).timestamp()
    os.utime(file, (seconds, seconds))
    return file


@pytest.mark.parametrize(
    ("columns", "row", "name"),
    [
        ("expId int, detector int, dayObs text", (2020021200022, 0, "2020-02-12"), "2020-02-12/2020021200022-det000.fits"),
        ("visit int, detector int, dayObs text", (22, 3, "20200212"), "2020-02-12/22-det003.fits"),
        ("expId int, detector int, dateObs text", (22, 3, "2020-02-13T11:59:59.999"), "2020-02-12/22-R22-S11-det003.fits"),
        ("expId int, date text", (22, "2020-02-12T12:00:00"), "2020-02-12/22-det000.fits"),
    ],
)
def test_cameras_differ(tmp_path, columns, row, name):
    """A night's raws are found by what the camera's table has: dayObs in either spelling, else dateObs, else date."""
    make_raw(tmp_path, columns, row)
    link(tmp_path, name)
    attempts = repository(tmp_path).read(NIGHT).attempts
    assert list(attempts["status"]) == ["success"] and list(attempts["destination"]) == [f"raw/{name}"]
    assert repository(tmp_path).nights() == {NIGHT}
    assert repository(tmp_path).read(NIGHT + datetime.timedelta(days=1)).attempts.empty


def test_ingest_time_is_the_links_own(tmp_path):
    """A symlink's own modification time says when it was ingested, not the times of the file behind it."""
    made = make_night(tmp_path, NIGHT, {"ingested": 1}, now=NOW)
    file = made.files[0]
    attempts = repository(tmp_path / "gen2repo").read(NIGHT).attempts
    assert attempts["attempted_at"][0] == file.created_at + datetime.timedelta(minutes=1)
    assert attempts["created_at"][0] == file.created_at and attempts["size_bytes"][0] == file.size_bytes


def test_rafts_and_detectors(tmp_path):
    """A camera with rafts: the detector is named by raft and sensor, and its file is known by both its names."""
    made = make_night(tmp_path, NIGHT, {"ingested": 9}, now=NOW, camera="comCam")
    attempts = repository(tmp_path / "gen2repo").read(NIGHT).attempts
    assert sorted(attempts["detector"]) == [f"R22_S{i}{j}" for i in range(3) for j in range(3)]
    names = attempts["names"].str.split("\n").explode()
    assert {made.path.name.removesuffix(".fits") for made in made.files} <= set(names)


def test_raws_by_run_need_query_links(tmp_path):
    """Where raws lie by run, the plain way finds no link and says what to set; with query_links they are found."""
    make_night(tmp_path, NIGHT, {"ingested": 3}, now=NOW, camera="testStand", layout="run")
    plain = repository(tmp_path / "gen2repo").read(NIGHT)
    assert set(plain.attempts["status"]) == {"lost"} and "set query_links" in plain.notes[0]
    found = repository(tmp_path / "gen2repo", query_links=True).read(NIGHT)
    assert set(found.attempts["status"]) == {"success"} and found.notes == []


def test_registry_is_never_locked_nor_written(tmp_path):
    """A writer in the middle of a transaction neither blocks the reading nor is blocked by it; nothing is written."""
    make_night(tmp_path, NIGHT, {"ingested": 3}, now=NOW)
    registry = tmp_path / "gen2repo" / "registry.sqlite3"
    before = registry.read_bytes(), registry.stat().st_mtime_ns
    writer = sqlite3.connect(registry, isolation_level=None, timeout=0)
    writer.execute("begin exclusive")
    assert len(repository(tmp_path / "gen2repo").read(NIGHT).attempts) == 3
    writer.execute("rollback")
    writer.close()
    assert (registry.read_bytes(), registry.stat().st_mtime_ns) == before
    assert {path.name for path in registry.parent.iterdir()} == {"registry.sqlite3", "raw"}


def test_registry_that_is_written_within_a_tick_of_its_clock(tmp_path):
    """A change that left size and time of the registry as they were is noticed all the same; without any, its rows are not asked for."""
    make_night(tmp_path, NIGHT, {"ingested": 3}, now=NOW)
    registry = tmp_path / "gen2repo" / "registry.sqlite3"
    known = repository(tmp_path / "gen2repo").look(NIGHT, None)
    again = repository(tmp_path / "gen2repo")
    again._rows_digest = lambda night: pytest.fail("the registry was asked")
    assert again.look(NIGHT, known) == known
    before = registry.stat()
    with sqlite3.connect(registry) as connection:
        connection.execute("update raw set obsid = 'AT_O_20200212_009999' where rowid = 1")
    connection.close()
    os.utime(registry, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert registry.stat().st_size == before.st_size
    assert repository(tmp_path / "gen2repo").look(NIGHT, known)["rows"] != known["rows"]


def test_a_raw_that_is_registered_while_a_history_is_read(tmp_path):
    """Of many nights each is asked for where its raws lie: one that was registered since is found all the same."""
    nights = [NIGHT + datetime.timedelta(days=n) for n in range(10)]
    make_raw(tmp_path, "expId int, dayObs text", *((number, night.isoformat()) for number, night in enumerate(nights)))
    source = repository(tmp_path)
    for night in nights[1:]:
        assert len(source.read(night).attempts) == 1
    with contextlib.closing(sqlite3.connect(tmp_path / "registry.sqlite3")) as connection, connection:
        connection.execute("insert into raw values (22, ?)", (NIGHT.isoformat(),))
    assert sorted(source.read(NIGHT).attempts["exposure"]) == ["0", "22"]


def test_broken_registries(tmp_path):
    """No registry, one that is no SQLite, one cut short, one without raw: each says its path and what to do."""
    make_night(tmp_path, NIGHT, {"ingested": 200}, now=NOW)
    path = tmp_path / "gen2repo" / "registry.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"registry\.sqlite3: database disk image is malformed; is it a whole Gen2 registry\?"):
        repository(path.parent).read(NIGHT)
    path.write_bytes(b"SIMPLE  =                    T" * 100)
    with pytest.raises(SourceError, match=r"registry\.sqlite3: file is not a database"):
        repository(path.parent).read(NIGHT)
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=r"has no table 'raw'; is it a Gen2 registry"):
        repository(path.parent).read(NIGHT)
    path.unlink()
    with pytest.raises(SourceError, match=r"registry\.sqlite3: no such file or directory; a Gen2 repository has its registry there"):
        repository(path.parent).read(NIGHT)


@pytest.mark.parametrize(
    ("columns", "words"), [("id int", "has neither expId nor visit"), ("expId int, run text", "has none of dayObs, dateObs and date")]
)
def test_tables_that_tell_too_little(tmp_path, columns, words):
    """A table raw without exposures, or without anything that tells the night, is refused in words."""
    make_raw(tmp_path, columns)
    with pytest.raises(SourceError, match=words):
        repository(tmp_path).read(NIGHT)


@pytest.mark.parametrize("pattern", ["(", r"(?P<exposure>\d+)"])
def test_patterns_that_are_none(tmp_path, pattern):
    """A raw_pattern that is no regular expression, or lacks a group, is refused by name."""
    with pytest.raises(UsageError, match="raw_pattern"):
        repository(tmp_path, raw_pattern=pattern)


def test_values_of_any_type(tmp_path):
    """SQLite holds any type in any column: text for numbers, nulls and floats are read for what they are."""
    columns = "expId int, detector int, dayObs text, seqNum int, obsid text, raftName text, detectorName text"
    rows = [
        ("2020021200001", "0", "2020-02-12", "x", None, None, None),
        (2020021200002.0, None, "2020-02-12", None, 5, None, "S00"),
    ]
    make_raw(tmp_path, columns, *rows)
    attempts = repository(tmp_path).read(NIGHT).attempts
    assert sorted(attempts["exposure"]) == ["2020021200001", "2020021200002"] and set(attempts["status"]) == {"lost"}


def test_text_that_is_not_utf8(tmp_path):
    """One odd text hides no raw: its bytes are shown."""
    make_raw(tmp_path, "expId int, detector int, dayObs text, obsid text", (22, 0, "2020-02-12", "AT"), (23, 0, "2020-02-12", "AT"))
    with sqlite3.connect(tmp_path / "registry.sqlite3") as connection:
        connection.execute("update raw set obsid = cast(x'4154ff' as text) where expId = 23")
    connection.close()
    assert list(repository(tmp_path).read(NIGHT).attempts["obsid"]) == ["AT", "AT\\xff"]


@pytest.mark.parametrize("query_links", [False, True])
def test_links_with_absurd_numbers(tmp_path, query_links):
    """A link whose numbers no registry could hold is no raw's, and stops nothing."""
    make_raw(tmp_path, "expId int, detector text, dayObs text", (2020021200022, "0", "2020-02-12"), (2020021200023, "S00", "2020-02-12"))
    for name in ("2020021200022-det000", "2020021200023-det007", "9" * 200 + "-det000", "2020021200024-det" + "9" * 30):
        link(tmp_path, f"2020-02-12/{name}.fits")
    attempts = repository(tmp_path, query_links=query_links).read(NIGHT).attempts
    assert sorted(attempts["status"]) == ["lost", "success", "unregistered"]


def test_second_link_that_is_whole(tmp_path):
    """Of two links of one raw, in folders of both spellings, the one that leads to a file counts."""
    make_raw(tmp_path, "expId int, detector int, dayObs text", (22, 0, "2020-02-12"))
    link(tmp_path, "20200212/22-det000.fits")
    (tmp_path / "raw" / "2020-02-12").mkdir()
    (tmp_path / "raw" / "2020-02-12" / "22-det000.fits").symlink_to("/nowhere")
    attempts = repository(tmp_path).read(NIGHT).attempts
    assert list(attempts["status"]) == ["success"] and list(attempts["destination"]) == ["raw/20200212/22-det000.fits"]


@pytest.mark.parametrize("query_links", [False, True])
def test_links_that_cannot_be_listed(tmp_path, query_links, monkeypatch):
    """Raws whose links' folder can't be listed are not lost for that: the repository is silent, and names the folder."""
    import os

    make_raw(tmp_path, "expId int, detector int, dayObs text", (22, 0, "2020-02-12"))
    link(tmp_path, "2020-02-12/22-det000.fits")
    whole = os.open

    def refuse(path, *arguments, **options):
        if str(path).endswith("2020-02-12"):
            raise PermissionError(13, "Permission denied")
        return whole(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match="raw/2020-02-12: can't be listed"):
        repository(tmp_path, query_links=query_links).read(NIGHT)
