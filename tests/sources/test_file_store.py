"""Files on disk."""

import datetime
import os
import socket

import pytest
from conftest import need
from filestore import NIGHT, NOW, put, read, store
from nobody import as_nobody, can_drop, opened_above

from observing_monitor.errors import SourceError
from observing_monitor.model.nights import NightRule
from observing_monitor.processes import parallel, workers
from observing_monitor.sources.base import Asked
from observing_monitor.sources.file_store import FileStore


def test_folders_named_after_nights(tmp_path):
    """A folder in either spelling gives the night."""
    put(tmp_path / "2020-02-12" / "a.fits", at="2020-02-20T00:00:00")
    put(tmp_path / "20200212" / "deep" / "er" / "b.fits")
    put(tmp_path / "raw" / "auxTel" / "20200212" / "c.fits")
    put(tmp_path / "2020-02-13" / "d.fits")
    files = read(tmp_path).files
    assert list(files["file_id"]) == [
        "2020-02-12/a.fits",
        "20200212/deep/er/b.fits",
        "raw/auxTel/20200212/c.fits",
    ]
    assert store(tmp_path).nights() == {NIGHT, datetime.date(2020, 2, 13)}


def test_files_elsewhere_have_their_own_time(tmp_path):
    """A loose file belongs to the night of its own time."""
    put(tmp_path / "loose.fits", at="2020-02-13T11:59:59")
    put(tmp_path / "20201340" / "odd.fits", at="2020-02-12T12:00:00")
    put(tmp_path / "later.fits", at="2020-02-13T12:00:00")
    assert sorted(read(tmp_path).files["name"]) == ["loose.fits", "odd.fits"]


def test_hidden_and_unfinished_files(tmp_path):
    """Hidden, temporary and skipped files are left out."""
    for name in (
        ".hidden.fits",
        ".a.fits.Xy12Zz",
        ".~tmp~/b.fits",
        ".rsync-partial/c.fits",
        "d.fits.part",
        "e.fits",
    ):
        put(tmp_path / "2020-02-12" / name)
    assert list(read(tmp_path, skip=["*.part"]).files["name"]) == ["e.fits"]


def test_facts_of_a_file(tmp_path):
    """Size, times, kind and name are read."""
    path = put(tmp_path / "2020-02-12" / "AT_O_20200212_000022.fits", size=12_345)
    put(tmp_path / "2020-02-12" / "CC_C_20190530_000001-R22S00.fits.fz")
    put(tmp_path / "2020-02-12" / "3019053000001-R22-S00-det000.fits")
    put(tmp_path / "2020-02-12" / "notes.tar.GZ")
    files = read(tmp_path).files.set_index("name")
    first = files.loc["AT_O_20200212_000022.fits"]
    assert (first["size_bytes"], first["kind"], first["obsid"], first["seq_num"]) == (
        12_345,
        "fits",
        "AT_O_20200212_000022",
        22,
    )
    assert first["created_at"].isoformat() == "2020-02-13T03:12:41+00:00"
    assert first["transferred_at"].timestamp() == pytest.approx(path.stat().st_ctime, abs=1e-3)
    second = files.loc["CC_C_20190530_000001-R22S00.fits.fz"]
    assert (second["kind"], second["obsid"], second["detector"]) == (
        "fits",
        "CC_C_20190530_000001",
        "R22S00",
    )
    third = files.loc["3019053000001-R22-S00-det000.fits"]
    assert (third["exposure"], third["seq_num"], third["detector"]) == ("3019053000001", 1, "000")
    assert files.loc["notes.tar.GZ", "kind"] == "gz"


@pytest.mark.parametrize("year", [1902, 2200, 2400])
def test_times_far_away(tmp_path, year):
    """A file from another century has its night."""
    path = put(tmp_path / "old.fits", at=f"{year}-05-06T20:00:00")
    night = datetime.date(year, 5, 6)
    is_kept = path.stat().st_mtime_ns // 10**9 == int(
        datetime.datetime(year, 5, 6, 20, tzinfo=datetime.UTC).timestamp()
    )
    need(is_kept, "this file system keeps no such times")
    assert list(read(tmp_path, night).files["name"]) == ["old.fits"]


def test_hard_link_hides_the_transfer(tmp_path):
    """The transfer time of a hard-linked file is not known."""
    path = put(tmp_path / "2020-02-12" / "a.fits")
    os.link(path, tmp_path / "link.fits")
    assert read(tmp_path / "2020-02-12", NIGHT).files["transferred_at"].isna().all()


def test_odd_things_stop_nothing(tmp_path):
    """Pipes, sockets, loops, dangling links and odd names stop nothing."""
    night = tmp_path / "2020-02-12"
    put(night / "a.fits")
    os.mkfifo(night / "pipe.fits")
    with socket.socket(socket.AF_UNIX) as opened:
        os.chdir(night)  # a socket's path may be no longer than 107 bytes
        opened.bind("sock")
        os.chdir("/")
        (night / "loop").symlink_to(night)
        (night / "dangling.fits").symlink_to(night / "nothing")
        (night / "link.fits").symlink_to(night / "a.fits")
        with open(os.fsencode(night) + b"/bad\xff.fits", "wb"):
            pass
        reading = read(tmp_path)
    files = reading.files.set_index("name")
    assert sorted(files.index) == ["a.fits", r"bad\xff.fits", "dangling.fits", "link.fits"]
    assert (
        not files.loc["dangling.fits", "on_disk"] and files.loc["link.fits", "size_bytes"] == 20_000
    )
    notes = "\n".join(reading.notes)
    assert (
        "pipe.fits: not a file" in notes
        and "sock: not a file" in notes
        and r"bad\xff.fits: its name is not UTF-8" in notes
    )
    assert len(reading.notes) == 3


@pytest.mark.parametrize("mode", [0, 0o444], ids=["nothing", "names alone"])
def test_folder_that_cannot_be_read(tmp_path, mode):
    """An unreadable folder is a fault, with the remedy; the rest is read."""
    need(
        can_drop(),
        "root reads every folder, and there is no other user to become",
    )
    put(tmp_path / "2020-02-12" / "a.fits")
    closed = put(tmp_path / "2020-02-12" / "closed" / "b.fits").parent
    (closed / "inner").mkdir()
    closed.chmod(mode)
    opened_above(tmp_path)
    reading = as_nobody(lambda: read(tmp_path))
    assert list(reading.files["name"]) == ["a.fits"] and reading.unread == ["2020-02-12/closed"]
    assert "closed: permission denied (let the user that runs this read it)" in reading.fault
    assert reading.notes == []


def test_unreadable_folder_of_a_settled_night(tmp_path):
    """Every look lists an unreadable folder again."""
    need(
        can_drop(),
        "root reads every folder, and there is no other user to become",
    )
    closed = put(tmp_path / "2020-02-12" / "closed" / "b.fits").parent
    seconds = datetime.datetime(2020, 2, 20, tzinfo=datetime.UTC).timestamp()
    for folder in (closed, closed.parent):
        os.utime(folder, (seconds, seconds))
    opened_above(tmp_path)
    closed.chmod(0)
    known = as_nobody(lambda: store(tmp_path).look(NIGHT, None))
    assert as_nobody(lambda: store(tmp_path).look(NIGHT, known)) == known
    closed.chmod(0o755)
    assert as_nobody(lambda: store(tmp_path).look(NIGHT, known))["digest"] != known["digest"]


def test_no_store(tmp_path):
    """A missing store is an error that names its path."""
    with pytest.raises(
        SourceError, match=r"storage: no such file or directory; the file store should be there"
    ):
        read(tmp_path / "storage")


def test_look_is_settled_by_folder_times(tmp_path):
    """A settled night needs only its folders' times."""
    path = put(tmp_path / "2020-02-12" / "sub" / "a.fits")
    seconds = datetime.datetime(2020, 2, 20, tzinfo=datetime.UTC).timestamp()
    for folder in (path.parent, path.parent.parent):
        os.utime(folder, (seconds, seconds))
    known = store(tmp_path).look(NIGHT, None)
    put(path, size=5)
    assert store(tmp_path).look(NIGHT, known) == known
    everything = FileStore(
        FileStore.Settings(tmp_path), Asked("auxTel", NightRule(), NOW, look_at_everything=True)
    )
    assert everything.look(NIGHT, known) != known
    put(path.with_name("b.fits"))
    assert store(tmp_path).look(NIGHT, known) != known


def test_open_night_is_looked_at_file_by_file(tmp_path):
    """A growing file of an open night is noticed."""
    put(tmp_path / "2020-02-12" / "a.fits", at="2020-02-13T03:00:00")
    now = datetime.datetime(2020, 2, 13, 4, tzinfo=datetime.UTC)
    seconds = datetime.datetime(2020, 2, 13, 1, tzinfo=datetime.UTC).timestamp()
    os.utime(tmp_path / "2020-02-12", (seconds, seconds))
    known = store(tmp_path, now).look(NIGHT, None)
    put(tmp_path / "2020-02-12" / "a.fits", size=30_000, at="2020-02-13T03:30:00")
    assert store(tmp_path, now).look(NIGHT, known) != known


def test_other_names_of_folders(tmp_path):
    """A link to a folder of the tree is not followed."""
    put(tmp_path / "store" / "2020-02-12" / "a.fits")
    put(tmp_path / "store" / ".staging" / "b.fits")
    put(tmp_path / "disk2" / "c.fits")
    for name, target in {
        "latest": "2020-02-12",
        "staged": ".staging",
        "more": "../disk2",
        "2020-02-12/up": "..",
    }.items():
        (tmp_path / "store" / name).symlink_to(target)
    (tmp_path / "root").symlink_to("store")
    for root in ("store", "root"):
        assert list(read(tmp_path / root).files["file_id"]) == [
            "2020-02-12/a.fits",
            "more/c.fits",
            "staged/b.fits",
        ]


def test_only_large_changed_nights_use_another_process(tmp_path, monkeypatch):
    """Only large changed nights use another process."""
    begun = []
    monkeypatch.setattr(
        parallel, "start_process", lambda *asked: begun.append(asked) or (lambda: None)
    )
    now = datetime.datetime.now(datetime.UTC)
    for number in range(5):
        put(tmp_path / "2020-02-12" / f"AT_O_20200212_{number:06d}.fits")
    known = store(tmp_path, now).look(NIGHT, None)
    put(tmp_path / "2020-02-12" / "AT_O_20200212_000006.fits")
    monkeypatch.setattr(workers, "VERY_MANY", 6)
    known = store(tmp_path, now).look(NIGHT, known)  # it had five
    known = store(tmp_path, now).look(NIGHT, known)
    assert begun == []
    put(tmp_path / "2020-02-12" / "AT_O_20200212_000007.fits")
    assert store(tmp_path, now).look(NIGHT, known)["glance"]["n_files"] == 7 and len(begun) == 1


def test_second_folder_of_a_settled_night(tmp_path):
    """Changes around a settled night are noticed."""
    put(tmp_path / "2020-02-12" / "a.fits")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=3)
    first = store(tmp_path, later).look(NIGHT, None)
    assert store(tmp_path, later).look(NIGHT, first) == first
    put(tmp_path / "20200212" / "b.fits")
    loose = put(tmp_path / "c.fits")
    second = store(tmp_path, later).look(NIGHT, first)
    assert second["digest"] != first["digest"]
    loose.unlink()
    assert store(tmp_path, later).look(NIGHT, second)["digest"] not in (
        first["digest"],
        second["digest"],
    )
