"""Logs of rsync in all their forms, and those that have no effect."""

import datetime
import lzma
import os
import re
import shutil
import socket
import subprocess
import time

import pandas as pd
import pytest
from conftest import need
from filestore import NIGHT, put, read, store

NAME = "2020-02-12/a.fits"
LINES = {
    "": [
        "2020/02/13 04:00:00 [1] >f+++++++++ 2020-02-12/a.fits",
        "2020/02/13 04:00:00 [1] recv host.example [2001:db8::1] cam () 2020-02-12/a.fits 20000",
        "2020/02/13 04:00:00 [1] recv UNDETERMINED [10.0.0.1] cam (me) 2020-02-12/a.fits 20000",
        "2020/02/13 04:00:00 [1] send 2020-02-12/a.fits 20000",
        "2020/02/13 04:00:00 [1] >f+++++++++ a.fits",
    ],
    "/storage": [
        "2020/02/13 04:00:00 [1] >f+++++++++ storage/2020-02-12/a.fits",
        "2020/02/13 04:00:00 [1] recv h [10.0.0.1] data () storage/2020-02-12/a.fits 20000",
        "2020/02/13 04:00:00 [1] >f+++++++++ storage/a.fits",
    ],
    "summit/data": ["2020/02/13 04:00:00 [1] send summit/data/2020-02-12/a.fits 20000"],
}
AT = pd.Timestamp("2020-02-13T04:00:00Z")


def logged(folder, *lines, **settings):
    """Return the reading of a store with one file, and these lines in its log."""
    put(folder / "storage" / NAME)
    (folder / "rsync.log").write_text("".join(f"{line}\n" for line in lines))
    return read(folder / "storage", transfer_log="rsync.log", **settings)


@pytest.mark.parametrize(
    ("prefix", "line"), [(prefix, line) for prefix, lines in LINES.items() for line in lines]
)
def test_forms_of_lines(tmp_path, prefix, line):
    """A client's and a daemon's log are read, below another root too."""
    reading = logged(tmp_path, line, transfer_log_prefix=prefix)
    assert reading.files["transferred_at"].tolist() == [AT]
    assert not reading.notes and not reading.without_effect


def test_other_root_is_named_with_its_remedy(tmp_path):
    """If no path of the log is in the store, the prefix to set is named."""
    for line, remedy in (
        (LINES["/storage"][0], 'set transfer_log_prefix = "storage/"'),
        (LINES["summit/data"][0], 'set transfer_log_prefix = "summit/data/"'),
        ("2020/02/13 04:00:00 [1] >f+++++++++ x/b.fits", "set transfer_log_prefix to what is"),
    ):
        (words,) = logged(tmp_path, line).without_effect
        assert "names 1 file, none of them in" in words and remedy in words
    (words,) = logged(tmp_path, LINES["/storage"][0], transfer_log_prefix="stor").without_effect
    assert 'set transfer_log_prefix = "storage/"' in words


RAW = f"raw/{NAME}"


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("=> raw", NAME),
        ("=> /raw/", RAW),
        ("summit/ => raw/", f"/summit/{NAME}"),
        ("summit=>raw", RAW),
    ],
)
def test_prefix_adds_folders(tmp_path, prefix, path):
    """Folders that the log's paths lack are added, or replace others."""
    put(tmp_path / "storage" / RAW)
    (tmp_path / "rsync.log").write_text(f"2020/02/13 04:00:00 [1] >f+++++++++ {path}\n")
    reading = read(tmp_path / "storage", transfer_log="rsync.log", transfer_log_prefix=prefix)
    assert reading.files["transferred_at"].tolist() == [AT] and not reading.without_effect


def test_lacking_folders_are_named_with_their_remedy(tmp_path):
    """The remedy in the message works."""
    put(tmp_path / "storage" / RAW)
    (tmp_path / "rsync.log").write_text(f"2020/02/13 04:00:00 [1] >f+++++++++ {NAME}\n")
    (words,) = read(tmp_path / "storage", transfer_log="rsync.log").without_effect
    assert f"names 1 file, none of them in {tmp_path}/storage, such as '{NAME}'" in words
    prefix = re.search(r'set transfer_log_prefix = "(.*?)"', words)[1]
    reading = read(tmp_path / "storage", transfer_log="rsync.log", transfer_log_prefix=prefix)
    assert reading.files["transferred_at"].tolist() == [AT] and not reading.without_effect


@pytest.mark.parametrize("folder", ["2020-02-12", "2020-02-12/", ".", "./"])
def test_folders_are_no_files(tmp_path, folder):
    """A log of the form `%o %f %l` names folders like files."""
    lines = [f"2020/02/13 04:00:00 [1] send {path} 4096" for path in (folder, "2020-02-12/b.fits")]
    (words,) = logged(tmp_path, *lines).without_effect
    assert "names 1 file, none of them" in words and "such as '2020-02-12/b.fits'" in words


def test_log_of_other_nights_is_no_fault(tmp_path):
    """Nothing is said of nights that the log is not about."""
    other = "2020/02/25 04:00:00 [1] >f+++++++++ elsewhere/2020-02-24/b.fits"
    assert not logged(tmp_path, other).without_effect
    put(tmp_path / "storage" / "2020-02-13" / "b.fits")
    other = "2020/02/13 04:00:00 [1] >f+++++++++ {}"
    for path in ("2020-02-13/b.fits", "b.fits"):
        assert not logged(tmp_path, other.format(path)).without_effect


@pytest.mark.parametrize("line", ["sent everything", "2020/02/13 04:00:00 [1] x/2020-02-12/a.fits"])
def test_log_of_which_no_line_is_understood(tmp_path, line):
    """A log in another form is named with its first line."""
    reading = logged(tmp_path, line)
    (words,) = reading.without_effect
    assert f"no line says that a file arrived, as in {line!r}" in words


def test_log_without_transfers_is_no_fault(tmp_path):
    """A log in which rsync had nothing to send has no effect, rightly."""
    quiet = "2020/02/13 04:00:00 [1] {}"
    said = ("building file list", "cd+++++++++ ./", ".d..t...... ./", "sent 5 bytes", "*deleting x")
    reading = logged(tmp_path, *map(quiet.format, said))
    assert not reading.without_effect and not reading.notes
    assert reading.counts[f"{tmp_path}/rsync.log"].n_left_out == 0


def test_one_night_at_a_time_with_equal_names(tmp_path):
    """If names repeat every night, each file gets the time that fits its own."""
    for night, day in (("2020-02-12", 13), ("2020-02-13", 14)):
        put(tmp_path / "storage" / night / "1.fits", at=f"2020-02-{day}T03:00:00")
        put(tmp_path / "storage" / night / "2.fits", at=f"2020-02-{day}T05:00:00")
    line = "2020/02/{} [1] >f+++++++++ {}.fits\n"
    (tmp_path / "rsync.log").write_text(
        line.format("13 03:05:00", 1)
        + line.format("14 03:05:00", 1)
        + line.format("14 04:00:00", 2)
    )
    # the second file of the first night came before the log begins
    changed = pd.Series(pd.to_datetime(["2020-02-13T03:05:01Z", "2020-02-13T05:05:01Z"]))
    files = read(tmp_path / "storage").files
    log = store(tmp_path / "storage", transfer_log="rsync.log").log
    assert log.transferred_at(files, changed).fillna(AT).tolist() == [
        pd.Timestamp("2020-02-13T03:05:00Z"),
        AT,
    ]
    files = read(tmp_path / "storage", NIGHT + datetime.timedelta(1)).files
    later = changed + pd.Timedelta(days=1)
    assert log.transferred_at(files, later).tolist()[0] == pd.Timestamp("2020-02-14T03:05:00Z")


def test_line_without_folder_changes_its_night(tmp_path):
    """A night is read again if a line may be about one of its files."""
    put(tmp_path / "storage" / NAME)
    log = tmp_path / "rsync.log"
    looks = []
    for line in ("", LINES[""][4], "2020/03/09 04:00:00 [1] >f+++++++++ a.fits"):
        with open(log, "a") as file:
            file.write(f"{line}\n")
        looks.append(store(tmp_path / "storage", transfer_log="rsync.log").look(NIGHT, None))
    assert looks[0]["came"] != looks[1]["came"] == looks[2]["came"]


def test_compressed_log(tmp_path):
    """A rotated log may be compressed with xz."""
    put(tmp_path / "storage" / NAME)
    (tmp_path / "rsync.log.1.xz").write_bytes(lzma.compress(LINES[""][0].encode()))
    files = read(tmp_path / "storage", transfer_log="rsync.log*").files
    assert files["transferred_at"].tolist() == [AT]


def wait_for(port):
    """Wait until a server listens."""
    for _ in range(100):
        with socket.socket() as client:
            if not client.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["folder", "night", "root", "daemon"])
def test_real_rsync(tmp_path, how):
    """The logs that rsync itself writes are read, in four ways to call it."""
    need(shutil.which("rsync"), "rsync is not installed")
    put(tmp_path / "summit/storage" / NAME, at="2020-02-13T03:00:00")
    target, log = tmp_path / "in/storage", tmp_path / "in/rsync.log"
    target.mkdir(parents=True)
    source, options = f"{tmp_path}/summit/storage", [f"--log-file={log}"]
    calls = {
        "folder": [*options, f"{source}/", f"{target}/"],
        "night": [*options, f"{source}/2020-02-12/", f"{target}/2020-02-12/"],
        "root": [*options, source, f"{target.parent}/"],
    }
    if how == "daemon":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = tmp_path / "d.conf"
        user = f"uid = {os.getuid()}\ngid = {os.getgid()}"
        config.write_text(
            f"port = {port}\nlog file = {log}\ntransfer logging = yes\nuse chroot = no\n"
            f"[cam]\npath = {target}\nread only = no\n{user}\n"
        )
        command = ["rsync", "--daemon", "--no-detach", f"--config={config}", "--address=127.0.0.1"]
        daemon = subprocess.Popen(command)
        try:
            wait_for(port)
            address = f"rsync://127.0.0.1:{port}/cam/"
            subprocess.run(["rsync", "-a", f"{source}/", address], check=True)
        finally:
            daemon.terminate()
            daemon.wait()
    else:
        subprocess.run(["rsync", "-a", *calls[how]], check=True)
    prefix = "storage" if how == "root" else ""
    zone = {"transfer_log_zone": os.environ["TZ"], "transfer_log_prefix": prefix}
    reading = read(target, transfer_log="rsync.log", **zone)
    (at,) = reading.files["transferred_at"]
    assert at.microsecond == 0 and abs(at - pd.Timestamp.now(tz="UTC")) < pd.Timedelta(minutes=2)
    assert not reading.notes and not reading.without_effect
