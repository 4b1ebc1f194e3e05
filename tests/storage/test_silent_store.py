"""Object stores that stop answering while a command is at work."""

import time

import pytest
from buckets import on_disk, settings_file
from running import ended, run, start
from support.faulty_store import FaultyStore

from observing_monitor.readers import patience
from observing_monitor.storage import lease

pytest_plugins = ["bucket_fixtures"]
pytestmark = pytest.mark.long

ANSWER_S = 2  # instead of patience.ANSWER_S
# A run gives up after two such waits, and may wait for the lock's thread and its removal. The
# rest is for a busy machine.
LIMIT_S = 2 * ANSWER_S + 2 * lease.LAST_S + 16


@pytest.fixture
def site(tree, bucket, ceph, tmp_path, monkeypatch):
    """The server with faults, the arguments of a site in it, and its clock."""
    folder, now = tree
    text = f"""
[observing_monitor]
output_dir = "{bucket.address}/site"
[storage.options.config_kwargs]
read_timeout = {ANSWER_S}
[streams.input]
input_dir = "{folder}"
"""
    with FaultyStore(int(ceph.endpoint.rpartition(":")[2])) as faulty:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.endpoint)
        yield faulty, ("-c", settings_file(tmp_path, text)), now


def fail_after(faulty, after, fault):
    """Let the store fail after further requests."""
    begin, faulty.faults = faulty.n_requests, []
    faulty.fault = lambda number: fault if number > begin + after else ""


def silent(process, faulty):
    """Check that a command ends in time, with one line."""
    got, said = ended(process, 10 * LIMIT_S)
    took_s = time.monotonic() - faulty.failed_at
    print(f"{took_s:.1f} s: {said}")
    assert got == 2 and took_s < LIMIT_S, said
    (line,) = said.splitlines()
    assert "s3://" in line and "nothing answers at http://127.0.0.1" in line


def assert_heals(bucket, site, tmp_path):
    """Check that the next run makes the same site as on a disk."""
    faulty, which, now = site
    faulty.fault = lambda number: ""
    assert run("rebuild", *which, "--jobs", "1", now=now) == 0
    disk = ("--output_dir", tmp_path / "site")
    assert run("rebuild", *which, *disk, "--jobs", "1", now=now) == 0
    assert bucket.contents("site/") == on_disk(tmp_path / "site")


@pytest.mark.parametrize(
    ("fault", "after"),
    [*(("hang", after) for after in (0, 5, 10, 25, 45)), *(("stall", after) for after in (0, 25))],
)
def test_a_rebuild_ends(bucket, site, tmp_path, fault, after):
    """A store that is silent ends a rebuild; the next one heals the site."""
    faulty, which, now = site
    fail_after(faulty, after, fault)
    silent(start("rebuild", *which, "--jobs", "1", now=now), faulty)
    # two tries of each thread that writes, of the lock, and its removal
    assert 2 <= len(faulty.faults) <= 2 * 4 + 3
    assert_heals(bucket, site, tmp_path)


@pytest.mark.parametrize("after", [10, 40])
def test_workers_end(bucket, site, tmp_path, after):
    """Workers give the store up as well."""
    faulty, which, now = site
    fail_after(faulty, after, "hang")
    silent(start("rebuild", *which, "--jobs", "2", now=now), faulty)
    assert_heals(bucket, site, tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--full", "--first_day", "2020-02-10", "--last_day", "2020-02-12"),
        ("publish", "--all"),
        ("prune", "--keep_pages_days", "30", "--yes"),
    ],
)
def test_other_commands_end(bucket, site, command):
    """Other commands end, and the next run heals the site."""
    faulty, which, now = site
    assert run("rebuild", *which, "--jobs", "1", now=now) == 0
    before = bucket.contents("site/")
    for after in (0, 6):
        fail_after(faulty, after, "hang")
        silent(start(*command, *which, now=now), faulty)
    faulty.fault = lambda number: ""
    assert run("publish", "--all", *which, now=now) == 0
    assert bucket.contents("site/") == before


def test_a_check_ends(site):
    """`check` waits once for a store that is silent, and names it."""
    faulty, which, now = site
    fail_after(faulty, 0, "hang")
    process = start("check", *which, now=now)
    said, _ = process.communicate(timeout=10 * LIMIT_S)
    assert time.monotonic() - faulty.failed_at < LIMIT_S
    assert process.returncode == 1 and "nothing answers at http://127.0.0.1" in said, said


def test_a_slow_store_is_not_given_up(bucket, site, tmp_path):
    """A store that answers late, or at the second try, is used."""
    faulty, which, now = site
    faulty.slow_s = ANSWER_S / 2
    faulty.fault = lambda number: {0: "slow", 4: "hang"}.get(number % 8, "")
    code, said = ended(start("rebuild", *which, "--jobs", "1", now=now), 100)
    assert (code, said) == (0, "") and {"slow", "hang"} <= set(faulty.faults)
    assert_heals(bucket, site, tmp_path)


def test_a_silent_store_is_asked_again():
    """After a pause, a store that was given up is asked again."""
    waiting = patience.Patience()
    waiting.answer_s = 0.0
    waiting.note_failure(TimeoutError())
    with pytest.raises(patience.SilentStoreError):
        waiting.check()
    waiting._waits_until -= patience.PAUSE_S
    waiting.check()


def test_a_run_ends_within_a_minute():
    """The waits of a run whose store is silent add up to a minute."""
    assert patience.HANGS * patience.ANSWER_S <= 60 and 2 * lease.LAST_S <= 10
