"""Metrics lose no number under many writers, kills and full disks."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from metric_places import NID, start_adders

from observing_monitor.errors import OutputError
from observing_monitor.metrics import Metrics


@pytest.mark.parametrize(("disk", "n"), [("/dev/shm", 10_000), ("", 1000)])
def test_eight_processes_lose_nothing(tmp_path_factory, disk, n):
    """Eight writers lose no add, and a reader never sees half a file.

    In memory, writes are fast and collide most; on disk a tenth of the adds takes as long.
    """
    with tempfile.TemporaryDirectory(
        dir=disk if os.path.isdir(disk) else tmp_path_factory.mktemp("stress")
    ) as folder:
        path = Path(folder, f"status_{NID}.json")
        processes = start_adders(folder, 8, n)
        seen = [0]
        while any(process.poll() is None for process in processes):
            if path.exists():
                kept = json.loads(path.read_text())
                assert kept["icassandra_0"] == kept["today_alert"] / 2
                seen.append(kept["today_alert"])
            time.sleep(0.02)
        assert [process.returncode for process in processes] == [0] * 8
        assert Metrics(folder).read(NID) == {"today_alert": 8 * n, "icassandra_0": 4 * n}
    assert seen == sorted(seen) and len(set(seen)) > 10


@pytest.mark.parametrize(("server", "n"), [("mariadb", 1000), ("postgres", 300)])
def test_eight_processes_lose_nothing_in_a_table(server, n, request):
    """Eight writers to a table lose no add, and readers see complete ones."""
    url = request.getfixturevalue(server).create("stress")
    with Metrics(url, create=True) as metrics:
        metrics.set({"today_alert": 0, "icassandra_0": 0}, NID)
        processes = start_adders(url, 8, n)
        while any(process.poll() is None for process in processes):
            kept = metrics.read(NID)
            assert kept["icassandra_0"] == kept["today_alert"] / 2
            time.sleep(0.02)
        assert [process.returncode for process in processes] == [0] * 8
        assert metrics.read(NID) == {"today_alert": 8 * n, "icassandra_0": 4 * n}


def test_threads_lose_nothing(tmp_path):
    """Threads that share one Metrics lose no add."""
    metrics = Metrics(tmp_path)
    threads = [
        threading.Thread(target=lambda: [metrics.add({"a": 1}, NID) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.read(NID) == {"a": 800}


def test_a_fork_has_a_connection_of_its_own(mariadb):
    """A Metrics used before a fork works in the parent and in its children."""
    url = mariadb.create("forked")
    with Metrics(url, create=True) as metrics:
        metrics.add({"a": 1}, NID)
        children = []
        for _ in range(4):
            child = os.fork()
            if not child:
                status = 1
                try:
                    for _ in range(50):
                        metrics.add({"a": 1}, NID)
                    metrics.close()
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        metrics.add({"a": 1}, NID)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert metrics.read(NID) == {"a": 202}


def test_killed_in_the_middle_of_an_add(tmp_path):
    """A killed process leaves a readable file with each of its finished adds."""
    program = """
import os, sys
from observing_monitor.metrics import Metrics
metrics = Metrics(sys.argv[1])
while True:
    metrics.add({"a": 1, "b": 2}, 2559)
    os.write(1, b".")
"""
    metrics, path, known, rng = (
        Metrics(tmp_path),
        tmp_path / f"status_{NID}.json",
        0,
        random.Random(4),
    )
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
        )
        first = process.stdout.read(1)
        time.sleep(rng.uniform(0.005, 0.1))
        process.send_signal(signal.SIGKILL)
        done = len(first + process.communicate()[0])
        kept = json.loads(path.read_text())
        assert kept["b"] == 2 * kept["a"] and kept["a"] - known in (done, done + 1)
        metrics.add({"a": 1, "b": 2}, NID)  # no lock or temporary file is in the way
        known = kept["a"] + 1
    assert metrics.read(NID) == {"a": known, "b": 2 * known}


def test_damaged_file_is_left_as_it_is(tmp_path):
    """A damaged file is reported and not overwritten; other nights work."""
    metrics, path = Metrics(tmp_path), tmp_path / f"status_{NID}.json"
    for damaged in (
        '{"today_alert": 40',
        "",
        "[1]",
        '{"today_alert": [1]}',
        '{"today_alert": "many"}',
    ):
        path.write_text(damaged)
        with pytest.raises(OutputError, match=path.name):
            metrics.add({"today_alert": 1}, NID)
        assert path.read_text() == damaged
    metrics.add({"today_alert": 1}, NID + 1)
    assert metrics.read(NID + 1) == {"today_alert": 1}


def test_huge_file_is_left_as_it_is(tmp_path):
    """A night's file that holds very much is named, and not read whole."""
    path = tmp_path / "status_2559.json"
    path.write_text("{")
    os.truncate(path, 20_000_000_000)
    with pytest.raises(OutputError, match="status_2559.json: holds more than 100,000,000 bytes"):
        Metrics(str(tmp_path)).add({"n": 1}, 2559)
    assert path.stat().st_size == 20_000_000_000


def test_full_disk_leaves_the_file(tmp_path):
    """If a file cannot be written completely, the old one stays."""
    program = """
import resource, signal, sys
from observing_monitor.errors import OutputError
from observing_monitor.metrics import Metrics
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
metrics = Metrics(sys.argv[1])
metrics.set({"a": 1}, 2559)
try:
    metrics.set({f"name_{n}": n for n in range(1000)}, 2559)
except OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert f"status_{NID}.json: file too large" in done.stdout
    assert Metrics(tmp_path).read(NID) == {"a": 1}
