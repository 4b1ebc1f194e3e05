"""Transfer times from rsync's logs."""

import datetime
import gzip
import json

import pandas as pd
from filestore import NIGHT, put, read, store


def test_rsync_log_has_the_transfer(tmp_path):
    """The logs of rsync give the last transfer."""
    put(tmp_path / "storage" / "2020-02-12" / "a b.fits")
    put(tmp_path / "storage" / "2020-02-12" / "c.fits")
    (tmp_path / "rsync.log").write_text(
        "2020/02/12 17:20:00 [123] receiving file list\n"
        "2020/02/12 17:20:01 [123] >f+++++++++ 2020-02-12/a b.fits\n"
        "2020/02/12 17:20:02 [123] cd+++++++++ 2020-02-12/\n"
        "cut off in the mid"
    )
    earlier = (
        b"2020/02/12 17:00:00 [99] >f+++++++++ 2020-02-12/c.fits\n"
        b"2020/02/12 16:00:00 [98] >f+++++++++ 2020-02-12/a b.fits\n"
    )
    (tmp_path / "rsync.log.1.gz").write_bytes(gzip.compress(earlier))
    files = read(
        tmp_path / "storage", transfer_log="rsync.log*", transfer_log_zone="Pacific/Honolulu"
    ).files
    assert [at.isoformat() for at in files["transferred_at"]] == [
        "2020-02-13T03:20:01+00:00",
        "2020-02-13T03:00:00+00:00",
    ]


def test_transfer_log_that_is_broken(tmp_path):
    """An unreadable log is noted; odd lines are ignored."""
    put(tmp_path / "storage" / "2020-02-12" / "a.fits")
    line = "2020/{} [1] >f+++++++++ 2020-02-12/a.fits\n"
    (tmp_path / "rsync.log").write_text(
        line.format("02/13 04:00:00") + line.format("13/45 99:99:99").replace("a.fits", "b.fits")
    )
    put(tmp_path / "storage" / "2020-02-12" / "b.fits")
    (tmp_path / "rsync.log.1.gz").write_bytes(gzip.compress(b"cut")[:-4])
    (tmp_path / "rsync.log.2").mkdir()
    (tmp_path / "rsync.log.3.gz").write_bytes(b"no gzip\n")
    reading = store(tmp_path / "storage", transfer_log="rsync.log*").read(NIGHT)
    assert reading.files["transferred_at"][0] == pd.Timestamp("2020-02-13T04:00:00Z")
    assert [note.partition(";")[0].partition(" (")[0] for note in reading.notes] == [
        f"{tmp_path}/rsync.log.1.gz: its gzip is cut or broken",
        f"{tmp_path}/rsync.log.2: it is not a plain file",
    ]
    (words,) = reading.without_effect
    assert words.startswith(f"{tmp_path}/rsync.log.3.gz: no line says that a file arrived, as in")


def test_a_night_changes_with_its_own_log_lines(tmp_path):
    """Only its own log lines change a night."""
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
        looks = {night: look(night, known) for night, known in nights.items()}
        assert {night for night, (_, is_news) in looks.items() if is_news} == news
        nights = {night: seen for night, (seen, _) in looks.items()}
    log.rename(tmp_path / "rsync.log.1")
    log.write_text(line.format("23 04:00:00", "2020-02-22/c.fits"))
    assert not any(look(night, known)[1] for night, known in nights.items())
    again = look(NIGHT, nights[NIGHT])[0]
    assert look(NIGHT, again)[0] == again


def test_transfer_log_that_is_not_there(tmp_path):
    """A missing log is noted for nights with files."""
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
