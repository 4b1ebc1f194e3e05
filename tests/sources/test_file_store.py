"""Files as they lie on disk: which they are, of which night, and what was odd."""

import datetime
import json
import os
import socket
from pathlib import Path

import pandas as pd
import pytest
from conftest import need

from observing_monitor.errors import SourceError
from observing_monitor.model.nights import NightRule
from observing_monitor.processes import parallel, workers
from observing_monitor.readers.listing import ABSENT, Listing, shown_all, whole_numbers
from observing_monitor.sources.base import Asked
from observing_monitor.sources.file_store import FileStore

NIGHT = datetime.date(2020, 2, 12)
NOW = datetime.datetime(2020, 3, 1, tzinfo=datetime.UTC)


def store(path, now=NOW, **settings):
    return FileStore(FileStore.Settings(Path(path), **settings), Asked("auxTel", NightRule(), now))


def put(path, size=20_000, at="2020-02-13T03:12:41"):
    """A file of a size and a modification time (UTC)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
    seconds = datetime.datetime.fromisoformat(at + "+00:00").timestamp()
    os.utime(path, (seconds, seconds))
    return path


def read(path, night=NIGHT, **settings):
    return store(path, **settings).read(night)


def test_folders_named_after_nights(tmp_path):
    """Both spellings give the night, at any depth and with any depth below, whatever the file's own time."""
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
    """A file outside such folders belongs to the night of its modification time; 20201340 is a folder like any other."""
    put(tmp_path / "loose.fits", at="2020-02-13T11:59:59")
    put(tmp_path / "20201340" / "odd.fits", at="2020-02-12T12:00:00")
    put(tmp_path / "later.fits", at="2020-02-13T12:00:00")
    assert sorted(read(tmp_path).files["name"]) == ["loose.fits", "odd.fits"]


def test_what_is_no_file_yet(tmp_path):
    """Dot files, rsync's temporary names and folders, and names that the settings skip are no files."""
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
    """Size, times, kind, and what the name tells."""
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


def test_numbers_to_the_last_digit():
    """Inodes of 63 bits and times far away come through: floats would blur the one and overflow at the other."""
    listing = Listing()
    for inode, mtime_ns in ((2**63 - 1, 5), (2**53 + 1, 2**70)):
        listing.add("a", (1, mtime_ns, 0, 1, inode, 1, ABSENT, False))
    assert list(whole_numbers(listing.columns()["inode"])) == [2**63 - 1, 2**53 + 1]
    assert list(whole_numbers(listing.columns()["mtime_ns"])) == [5, pd.NA]
    assert listing.entry(1).mtime_ns == 2**70 and listing.entry(0).link_ns is None


@pytest.mark.parametrize("odd", [None, "é.fits", r"a\\xff.fits", os.fsdecode(b"\xff.fits"), "a\nb"])
def test_paths_and_names_as_they_are_shown(tmp_path, odd):
    """Paths and names are told for all files at once as each is shown: in one folder or in many, odd letters among them or not."""
    for place in (
        "2020-02-12/a.fits",
        "2020-02-12/n/1/b.fits",
        "2020-02-12/n/2/b.fits",
        f"2020-02-12/n/1/{odd or 'c.fits'}",
    ):
        put(tmp_path / place)
    (tmp_path / "2020-02-12" / "empty" / "folder").mkdir(parents=True)
    for root in (tmp_path, tmp_path / "2020-02-12" / "n" / "2"):
        listing = store(root).tree.list_all()
        *texts, is_plain = listing.texts()
        paths, names = (told.to_pylist() for told in texts)
        assert is_plain == all(path.isascii() and "\\" not in path for path in listing.paths)
        assert paths == shown_all(listing.paths) and names == [
            path.rpartition("/")[2] for path in paths
        ]
    assert [len(told) for told in Listing().texts()[:2]] == [0, 0]


@pytest.mark.parametrize(
    "path", ["n/x/a.fits", "n/c.fits", "n/y/c.fits", "n/x/y/c.fits", "n/xc.fits", "c.fits"]
)
def test_digests_differ_where_paths_do(path):
    """No two listings of other paths have one digest, though their files' numbers are the same."""
    listings = Listing(), Listing()
    for listing, second in zip(listings, (path, "n/x/c.fits"), strict=True):
        for name in ("n/x/0", second):
            listing.add(name, (1, 2, 3, 4, 5, 6, ABSENT, False))
    assert listings[0].digest() != listings[1].digest()


@pytest.mark.parametrize("year", [1902, 2200, 2400])
def test_times_far_away(tmp_path, year):
    """A file from another century is read, and belongs to the night that its time says."""
    path = put(tmp_path / "old.fits", at=f"{year}-05-06T20:00:00")
    night = datetime.date(year, 5, 6)
    is_kept = path.stat().st_mtime_ns // 10**9 == int(
        datetime.datetime(year, 5, 6, 20, tzinfo=datetime.UTC).timestamp()
    )
    need(is_kept, "this file system keeps no such times")
    assert list(read(tmp_path, night).files["name"]) == ["old.fits"]


def test_hard_link_hides_the_transfer(tmp_path):
    """A file with a second name has a change time that says when the link was made: its transfer is not known."""
    path = put(tmp_path / "2020-02-12" / "a.fits")
    os.link(path, tmp_path / "link.fits")
    assert read(tmp_path / "2020-02-12", NIGHT).files["transferred_at"].isna().all()


def test_rsync_log_tells_the_transfer(tmp_path):
    """rsync's own log, rotated ones too, says when a file came last, in its declared zone; other lines are passed over."""
    put(tmp_path / "storage" / "2020-02-12" / "a b.fits")
    put(tmp_path / "storage" / "2020-02-12" / "c.fits")
    (tmp_path / "rsync.log").write_text(
        "2020/02/12 17:20:00 [123] receiving file list\n2020/02/12 17:20:01 [123] >f+++++++++ 2020-02-12/a b.fits\n"
        "2020/02/12 17:20:02 [123] cd+++++++++ 2020-02-12/\ncut off in the mid"
    )
    import gzip

    earlier = b"2020/02/12 17:00:00 [99] >f+++++++++ 2020-02-12/c.fits\n2020/02/12 16:00:00 [98] >f+++++++++ 2020-02-12/a b.fits\n"
    (tmp_path / "rsync.log.1.gz").write_bytes(gzip.compress(earlier))
    files = read(
        tmp_path / "storage", transfer_log="rsync.log*", transfer_log_zone="Pacific/Honolulu"
    ).files
    assert [at.isoformat() for at in files["transferred_at"]] == [
        "2020-02-13T03:20:01+00:00",
        "2020-02-13T03:00:00+00:00",
    ]


def test_odd_things_are_told_and_the_rest_goes_on(tmp_path):
    """A pipe, a socket, a dangling link, a loop of links, a name that is no UTF-8: each told or passed, none fatal."""
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
    """A folder without leave to read it, or what lies in it, is told with its path and what to do; its files count as not looked at."""
    need(
        os.geteuid() != 0 or _drop(),
        "root reads every folder, and there is no other user to become",
    )
    put(tmp_path / "2020-02-12" / "a.fits")
    closed = put(tmp_path / "2020-02-12" / "closed" / "b.fits").parent
    (closed / "inner").mkdir()
    closed.chmod(mode)
    _opened_above(tmp_path)
    reading = _as_nobody(lambda: read(tmp_path))
    assert list(reading.files["name"]) == ["a.fits"] and reading.unread == ["2020-02-12/closed"]
    (note,) = reading.notes
    assert "closed: permission denied (give the user that runs this leave to read it)" in note


def test_leave_to_read_a_folder_of_a_settled_night(tmp_path):
    """A folder that could not be read is looked into again at every look: leave to read it changes no folder's time."""
    need(
        os.geteuid() != 0 or _drop(),
        "root reads every folder, and there is no other user to become",
    )
    closed = put(tmp_path / "2020-02-12" / "closed" / "b.fits").parent
    seconds = datetime.datetime(2020, 2, 20, tzinfo=datetime.UTC).timestamp()
    for folder in (closed, closed.parent):
        os.utime(folder, (seconds, seconds))
    _opened_above(tmp_path)
    closed.chmod(0)
    known = _as_nobody(lambda: store(tmp_path).look(NIGHT, None))
    assert _as_nobody(lambda: store(tmp_path).look(NIGHT, known)) == known
    closed.chmod(0o755)
    assert _as_nobody(lambda: store(tmp_path).look(NIGHT, known))["digest"] != known["digest"]


def _opened_above(path):
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)


def _drop():
    import pwd

    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return None


def _as_nobody(look):
    """What a function returns to a user who is not root: `nobody`, where root runs this."""
    if os.geteuid():
        return look()
    os.seteuid(_drop())
    try:
        return look()
    finally:
        os.seteuid(0)


def test_no_store(tmp_path):
    """A store that is not there is a source that did not answer: the path is named."""
    with pytest.raises(
        SourceError, match=r"storage: no such file or directory; the file store should be there"
    ):
        read(tmp_path / "storage")


def test_look_is_settled_by_folder_times(tmp_path):
    """Of a night long over only the folders' times are looked at, unless one has changed, or everything is asked for."""
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
    """A file that grows shows at once while its night is open, though its folder's time stays."""
    put(tmp_path / "2020-02-12" / "a.fits", at="2020-02-13T03:00:00")
    now = datetime.datetime(2020, 2, 13, 4, tzinfo=datetime.UTC)
    seconds = datetime.datetime(2020, 2, 13, 1, tzinfo=datetime.UTC).timestamp()
    os.utime(tmp_path / "2020-02-12", (seconds, seconds))
    known = store(tmp_path, now).look(NIGHT, None)
    put(tmp_path / "2020-02-12" / "a.fits", size=30_000, at="2020-02-13T03:30:00")
    assert store(tmp_path, now).look(NIGHT, known) != known


def test_other_names_of_folders(tmp_path):
    """A symlink such as `latest` to a folder of the tree makes no second file; one to another disk, or to a hidden folder, is followed."""
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


def test_transfer_log_that_is_broken(tmp_path):
    """A log that can't be read is noted with its path, and a line whose digits are no date is passed over: the rest is told."""
    put(tmp_path / "storage" / "2020-02-12" / "a.fits")
    line = "2020/{} [1] >f+++++++++ 2020-02-12/a.fits\n"
    (tmp_path / "rsync.log").write_text(
        line.format("02/13 04:00:00") + line.format("13/45 99:99:99").replace("a.fits", "b.fits")
    )
    put(tmp_path / "storage" / "2020-02-12" / "b.fits")
    (tmp_path / "rsync.log.1.gz").write_bytes(b"no gzip")
    (tmp_path / "rsync.log.2").mkdir()
    reading = store(tmp_path / "storage", transfer_log="rsync.log*").read(NIGHT)
    assert reading.files["transferred_at"][0] == pd.Timestamp("2020-02-13T04:00:00Z")
    assert [note.partition(":")[0] for note in reading.notes] == [
        f"{tmp_path}/rsync.log.1.gz",
        f"{tmp_path}/rsync.log.2",
    ]


def test_a_log_that_grows_is_news_of_its_nights_alone(tmp_path):
    """A settled night is read anew where rsync's log tells of its own files, not where it tells of others, nor when it is rotated."""
    put(tmp_path / "storage" / "2020-02-12" / "a.fits")
    put(tmp_path / "storage" / "loose.fits", at="2020-02-14T03:00:00")
    log, line = tmp_path / "rsync.log", "2020/02/{} [1] >f+++++++++ {}\n"
    log.write_text(line.format("13 04:00:00", "2020-02-12/a.fits"))
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=3)

    def look(night, known=None):
        seen = json.loads(
            json.dumps(
                store(tmp_path / "storage", later, transfer_log="rsync.log*").look(night, known)
            )
        )
        return seen, known is not None and {**seen, "glance": 0} != {**known, "glance": 0}

    loose = datetime.date(2020, 2, 13)
    nights = {night: look(night)[0] for night in (NIGHT, loose)}
    for name, at, news in (
        ("2020-02-20/b.fits", "21 04:00:00", set()),
        ("2020-02-12/a.fits", "22 04:00:00", {NIGHT}),
        ("loose.fits", "22 05:00:00", {loose}),
    ):
        with open(log, "a") as file:
            file.write(line.format(at, name))
        told = {night: look(night, known) for night, known in nights.items()}
        assert {night for night, (_, is_news) in told.items() if is_news} == news
        nights = {night: seen for night, (seen, _) in told.items()}
    log.rename(tmp_path / "rsync.log.1")
    log.write_text(line.format("23 04:00:00", "2020-02-22/c.fits"))
    assert not any(look(night, known)[1] for night, known in nights.items())
    again = look(NIGHT, nights[NIGHT])[0]
    assert look(NIGHT, again)[0] == again


def test_transfer_log_that_is_not_there(tmp_path):
    """A log that is named and not there, for its name has a slip, say, is told of each night that has files."""
    put(tmp_path / "storage" / "2020-02-12" / "a.fits")
    reading = store(tmp_path / "storage", transfer_log="rsnyc.log*").read(NIGHT)
    (note,) = reading.notes
    assert (
        note.startswith(f"{tmp_path}/rsnyc.log*: no such log; ")
        and reading.files["transferred_at"].notna().all()
    )
    assert (
        read(tmp_path / "storage", datetime.date(2020, 2, 13), transfer_log="rsnyc.log*").notes
        == []
    )


def test_a_listing_made_by_another_process_is_the_same(tmp_path, monkeypatch):
    """A night that a process beside this one lists, with whatever lies in it, is listed as by this one; where that fails this one does."""
    night = tmp_path / "2020-02-12"
    for number in range(50):
        put(night / "raw" / f"AT_O_20200212_{number:06d}.fits")
    put(night / os.fsdecode(b"broken\xff.fits"))
    put(night / "table.ms" / "part")
    put(night / ".AT_O.fits.x7Q2aB")
    os.utime(put(night / "old.fits"), ns=(0, -(2**62)))
    (night / "link.fits").symlink_to(night / "old.fits")
    (night / "dangling.fits").symlink_to(tmp_path / "nothing")
    (night / "again").symlink_to(night / "raw")
    os.mkfifo(night / "pipe")
    here, elsewhere, failing = (store(tmp_path, whole_folders=["*.ms"]).tree for _ in range(3))
    monkeypatch.setattr(workers, "VERY_MANY", 1)
    elsewhere.begin(NIGHT, 1)
    assert list(elsewhere._begun) == [NIGHT]
    failing._begun[NIGHT] = parallel.start_process(os._exit, 3)
    expected = here.list_night(NIGHT)
    assert len(expected) == len(expected.paths) == 55 and len(expected.notes) == 2
    assert (
        elsewhere.list_night(NIGHT).values()
        == expected.values()
        == failing.list_night(NIGHT).values()
    )
    assert elsewhere.digest(NIGHT) == here.digest(NIGHT)


def test_only_a_full_night_with_news_is_listed_by_another_process(tmp_path, monkeypatch):
    """A process is begun for a night of very many files whose folder changed: for no first look, none of few files, none without news."""
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
    """A folder of the other spelling that comes long after the night is noticed, and so is the last file outside folders that goes."""
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
