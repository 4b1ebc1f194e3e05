"""The lock of an output in an object store."""

import os
import re
import subprocess
import sys
import threading
import time

import pytest
from buckets import DAYS
from running import run

from observing_monitor.commands.exit_codes import LOCKED
from observing_monitor.errors import LockedError, OutputError
from observing_monitor.readers.store_options import Storage
from observing_monitor.storage import lease
from observing_monitor.storage.object_output import ObjectOutput

pytest_plugins = ["bucket_fixtures"]


def test_lock_held_by_another(tree, bucket, monkeypatch, capfd):
    """While a run holds the lock, another ends at once and says so."""
    folder, now = tree
    monkeypatch.setattr(lease, "YOUNG_S", -1)
    which = ("--input_dir", folder, "--last_day", DAYS[-1], "--output_dir", bucket.address)
    with ObjectOutput(bucket.address, Storage()).lock(), monkeypatch.context() as patched:
        patched.setattr(lease.time, "sleep", lambda _: pytest.fail("it waits"))
        assert run(*which, now=now) == LOCKED
        assert [name for name in bucket.listed() if not name.startswith(".lock/")] == []
    assert re.search(
        r"s3://\S+/\.lock/\S+: another run is at work on this output; this one does nothing\n$",
        capfd.readouterr().err,
    )
    assert run(*which, now=now) == 0
    assert not [name for name in bucket.listed() if name.startswith(".lock/")]


def test_lock_of_a_killed_run(bucket, monkeypatch):
    """A dead process's lock is removed, elsewhere when it is stale."""
    output = ObjectOutput(bucket.address, Storage())
    dead = subprocess.Popen([sys.executable, "-c", ""])
    name = f".lock/{lease._this_process()}-0".replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    dead.wait()
    bucket.put(name, b"")
    with output.lock():
        assert name not in bucket.listed()
    bucket.put(".lock/elsewhere-0-1-1-0", b"")
    monkeypatch.setattr(lease, "TRIES", 1)
    with pytest.raises(LockedError, match="elsewhere"), output.lock():
        pass
    monkeypatch.setattr(lease, "STALE_S", 1)
    time.sleep(2.1)
    with output.lock():
        assert ".lock/elsewhere-0-1-1-0" not in bucket.listed()


def test_lock_is_renewed_and_missed(bucket, monkeypatch):
    """A held lock is renewed; without it a run writes nothing more."""
    monkeypatch.setattr(lease, "RENEW_S", 0.3)
    monkeypatch.setattr(lease, "YOUNG_S", -1)
    monkeypatch.setattr(lease, "STALE_S", 2)
    output = ObjectOutput(bucket.address, Storage())
    with output.lock():
        time.sleep(3.2)
        with pytest.raises(LockedError), ObjectOutput(bucket.address, Storage()).lock():
            pass
        output.write("page.html", "x")
        with pytest.raises(OutputError, match="lock was taken over by another run"):
            # a renewal in progress may write its object again
            for _ in range(20):
                for name in bucket.listed(".lock/"):
                    bucket.delete(f".lock/{name}")
                time.sleep(0.7)
                output.write("page.html", "y")


def test_lock_that_can_not_be_renewed(bucket, monkeypatch, caplog):
    """A run that cannot renew its lock stops in time."""
    # the bucket is gone before the first renewal, which would find the lock taken over
    monkeypatch.setattr(lease, "RENEW_S", 4)
    monkeypatch.setattr(lease, "STALE_S", 8)
    output = ObjectOutput(bucket.address, Storage())
    with output.lock():
        output.write("page.html", "x")
        for name in bucket.listed():
            bucket.delete(name)
        bucket.client.delete_bucket(Bucket=bucket.name)
        time.sleep(6)
        with pytest.raises(
            OutputError,
            match="the lock could not be renewed in time; the next run goes on from what is there",
        ):
            output.write("page.html", "y")
    assert "there is no such bucket" in caplog.text


def test_lock_is_never_held_twice(bucket, monkeypatch):
    """If several runs start together, one gets the lock, and never two."""
    monkeypatch.setattr(lease, "TRIES", 6)
    holding, most, taken = [], [], []
    start = threading.Barrier(4)

    def come():
        output = ObjectOutput(bucket.address, Storage())
        start.wait()
        try:
            with output.lock():
                holding.append(1)
                most.append(len(holding))
                time.sleep(0.2)
                holding.pop()
                taken.append(1)
        except LockedError:
            pass

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and taken
