"""Fixtures with buckets, for `pytest_plugins`."""

import os
import uuid

import pytest
from buckets import DAYS, Bucket, set_environment
from gen2tree import later, make_night
from running import run


@pytest.fixture
def account(ceph, monkeypatch):
    """A user of the server, with keys in the environment."""
    key, secret = ceph.user(f"user{uuid.uuid4().hex[:8]}")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    set_environment(monkeypatch, ceph, key, secret)
    return key, secret


@pytest.fixture
def bucket(ceph, account):
    return Bucket(ceph, *account, f"bucket-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def go(capfd):
    """A function that runs the command; gives exit code and stderr."""

    def go(*arguments, now=None):
        return run(*arguments, now=now), capfd.readouterr().err

    return go


@pytest.fixture
def tree(tmp_path):
    """A folder with three nights of input, and its clock."""
    now = later()
    for night in DAYS:
        make_night(tmp_path / "input", night, {"ingested": 5, "failed": 1, "missing": 1}, now=now)
    return tmp_path / "input", now
