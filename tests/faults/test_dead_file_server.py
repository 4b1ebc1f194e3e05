"""A file server that is down hangs every `stat`.

The file system is a real one, bindfs by FUSE, whose server is stopped.
"""

import contextlib
import datetime
import os
import shutil
import signal
import subprocess
import time

import pytest
from gen2tree import later, make_night
from needs import need
from running import counts, nights, start

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13)]
DAYS = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1])
STREAMS = 3  # on the one server
LIMIT_S = 2  # also for a busy machine while the server is up
UNCACHED = "attr_timeout=0,entry_timeout=0,negative_timeout=0"  # by the kernel
SILENT = (
    f"no answer within {LIMIT_S} s; see whether it hangs, or raise time_limit_s if it is only slow"
)


@pytest.fixture
def site(tmp_path):
    """The folder, the file server's process and the clock.

    Three streams of two sources with previews are on the server, one stream is on the local disk.
    """
    need(
        shutil.which("bindfs") and os.path.exists("/dev/fuse"),
        "there is no bindfs (Debian's package bindfs), or no FUSE",
    )
    now, text = later(), '[observing_monitor]\noutput_dir = "site"\n'
    for night in NIGHTS:
        make_night(tmp_path / "real", night, {"ingested": 3}, now=now, link="hardlink")
        make_night(tmp_path / "camera", night, {"ingested": 3}, now=now)
    for number in range(STREAMS):
        text += f'[streams.far{number}]\ninput_dir = "mounted"\n'
        text += f"time_limit_s = {LIMIT_S}\npreviews = true\n"
    (tmp_path / "site.toml").write_text(text + '[streams.near]\ninput_dir = "camera"\n')
    with mounted(tmp_path / "real", tmp_path / "mounted", tmp_path / "bindfs.log") as server:
        yield tmp_path, server, now


@contextlib.contextmanager
def mounted(folder, target, log_path):
    """Mount a folder by a file server; gives its process."""
    target.mkdir()
    with open(log_path, "wb") as log:
        command = ["bindfs", "-f", "-o", UNCACHED, folder, target]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + 10
        while (
            server.poll() is None
            and time.monotonic() < give_up
            and not (target / "storage").exists()
        ):
            time.sleep(0.02)
        need((target / "storage").exists(), f"nothing may be mounted here: {log_path.read_text()}")
        yield server
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()  # which unmounts it
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        server.wait()
        if os.path.ismount(target):
            subprocess.run(["umount", "-l", target], check=False)


def run(site, *arguments):
    """Run the command; return exit code, output and seconds."""
    folder, _, now = site
    began = time.monotonic()
    process = start(*arguments, "-c", folder / "site.toml", now=now)
    output = "".join(process.communicate(timeout=200))
    return process.returncode, output, time.monotonic() - began


def check_outage(site):
    """Check two runs while the server is down."""
    folder, _, _ = site
    days = ("--first_day", "2020-02-12", "--last_day", "2020-02-14")
    for command in (("run",), ("rebuild", "--jobs", "2")):
        code, output, seconds = run(site, *command, *days)
        assert code == 1 and "Traceback" not in output, output
        assert f"observing_monitor: far0: {folder}/mounted/storage: {SILENT}" in output, output
        # in every process 5 s for the first look at a disk, 0.3 s for each other one, then each
        # source's own limit; and the run itself
        assert seconds < 5 + STREAMS * 2 * (0.3 + LIMIT_S * 2) + 25, command
    far, near = nights(folder / "site" / "far0"), nights(folder / "site" / "near")
    assert [counts(night) for night in near.values()] == [{"ingested": n} for n in (3, 3, 5)]
    assert [counts(night) for night in far.values()] == [{"ingested": 3}, {"ingested": 3}, {}]
    assert "error" in far["2020-02-13"]["status"]
    page = (folder / "site" / "far0" / "2020-02-13.html").read_text()
    assert f"{folder}/mounted/storage: {SILENT}" in page


@pytest.mark.long
def test_file_server_that_is_down(site):
    """A `stat` that hangs is given up in time."""
    folder, server, now = site
    assert run(site, *DAYS)[:2] == (0, "")
    server.send_signal(signal.SIGSTOP)
    make_night(folder / "camera", NIGHTS[-1] + datetime.timedelta(days=1), {"ingested": 5}, now=now)
    check_outage(site)
    code, output, _ = run(site, "check")
    assert code == 1 and "Traceback" not in output
    assert output.count(f"no answer within {LIMIT_S} s") == 2 * STREAMS
    server.send_signal(signal.SIGCONT)
    assert run(site, *DAYS)[:2] == (0, "")
    assert nights(folder / "site" / "far0")["2020-02-13"]["status"] == "normal"
    assert SILENT not in (folder / "site" / "far0" / "2020-02-13.html").read_text()
