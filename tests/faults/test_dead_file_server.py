"""A file server that is down: a real file system (bindfs, by FUSE) whose server is stopped: every stat on it waits in the kernel."""

import contextlib
import datetime
import os
import shutil
import signal
import subprocess
import time

import pytest
from conftest import need
from gen2tree import later, make_night
from running import counts, nights, start

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13)]
DAYS = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1])
STREAMS = 3  # on the one server


@pytest.fixture
def site(tmp_path):
    """Streams of two sources and previews each on a mounted folder, and one on this machine's disk; their server's process."""
    need(
        shutil.which("bindfs") and os.path.exists("/dev/fuse"),
        "there is no bindfs (Debian's package bindfs), or no FUSE",
    )
    now, text = later(), '[observing_monitor]\noutput_dir = "site"\n'
    for night in NIGHTS:
        make_night(tmp_path / "real", night, {"ingested": 3}, now=now, link="hardlink")
        make_night(tmp_path / "camera", night, {"ingested": 3}, now=now)
    (tmp_path / "mounted").mkdir()
    for number in range(STREAMS):
        text += (
            f'[streams.far{number}]\ninput_dir = "mounted"\ntime_limit_s = 0.5\npreviews = true\n'
        )
    (tmp_path / "site.toml").write_text(text + '[streams.near]\ninput_dir = "camera"\n')
    fresh = (
        "attr_timeout=0,entry_timeout=0,negative_timeout=0"  # the kernel remembers nothing of it
    )
    with open(tmp_path / "bindfs.log", "wb") as log:
        command = ["bindfs", "-f", "-o", fresh, tmp_path / "real", tmp_path / "mounted"]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        while (
            server.poll() is None
            and time.monotonic() < deadline
            and not (tmp_path / "mounted" / "storage").exists()
        ):
            time.sleep(0.02)
        need(
            (tmp_path / "mounted" / "storage").exists(),
            f"nothing may be mounted here: {(tmp_path / 'bindfs.log').read_text()}",
        )
        yield tmp_path, server, now
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()  # which unmounts it
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        if os.path.ismount(tmp_path / "mounted"):
            subprocess.run(["umount", "-l", tmp_path / "mounted"], check=False)


def run(site, *arguments):
    """Exit code, what it said, and seconds."""
    folder, _, now = site
    began = time.monotonic()
    process = start(*arguments, "-c", folder / "site.toml", now=now)
    told = "".join(process.communicate(timeout=200))
    return process.returncode, told, time.monotonic() - began


def test_file_server_that_is_down(site):
    """A stat that hangs is left behind in time, however many sources lie there: their pages say so, and the rest goes on."""
    folder, server, now = site
    assert run(site, *DAYS)[:2] == (0, "")
    server.send_signal(signal.SIGSTOP)
    make_night(folder / "camera", NIGHTS[-1] + datetime.timedelta(days=1), {"ingested": 5}, now=now)
    words = f"{folder}/mounted/storage: no answer within 0.5 s; see whether it hangs, or raise time_limit_s if it is only slow"
    for which in (("run",), ("rebuild", "--jobs", "2")):
        code, told, seconds = run(
            site, *which, "--first_day", "2020-02-12", "--last_day", "2020-02-14"
        )
        assert (
            code == 1 and f"observing_monitor: far0: {words}" in told and "Traceback" not in told
        ), told
        # 5 s for the first look at a disk, 0.3 s for each other one, then each source's own limit, in every process; and the run itself
        assert seconds < 5 + STREAMS * 2 * (0.3 + 0.5 * 2) + 25, which
    far, near = nights(folder / "site" / "far0"), nights(folder / "site" / "near")
    assert [counts(night) for night in far.values()] == [{"ingested": 3}, {"ingested": 3}, {}]
    assert [counts(night) for night in near.values()] == [
        {"ingested": 3},
        {"ingested": 3},
        {"ingested": 5},
    ]
    assert (
        words in (folder / "site" / "far0" / "2020-02-13.html").read_text()
        and "error" in far["2020-02-13"]["status"]
    )
    code, told, _ = run(site, "check")
    assert (
        code == 1
        and told.count("no answer within 0.5 s") == 2 * STREAMS
        and "Traceback" not in told
    )
    server.send_signal(signal.SIGCONT)
    assert run(site, *DAYS)[:2] == (0, "")
    assert nights(folder / "site" / "far0")["2020-02-13"]["status"] == "normal"
    assert words not in (folder / "site" / "far0" / "2020-02-13.html").read_text()
