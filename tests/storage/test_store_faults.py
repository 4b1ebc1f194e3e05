"""Object stores that fail while a run is at work."""

import pytest
from buckets import on_disk
from running import ended, nights, run, start
from support.faulty_store import FaultyStore

pytest_plugins = ["bucket_fixtures"]
pytestmark = pytest.mark.long

LIMIT_S = 120
MANY = {
    "each third is busy": lambda number: "busy" if number % 3 == 0 else "",
    "each third is broken": lambda number: "broken" if number % 3 == 0 else "",
    "each fifth answer is cut": lambda number: "cut" if number % 5 == 0 else "",
    "each fifth answer is lost": lambda number: "lost" if number % 5 == 0 else "",
}


@pytest.fixture
def faulty(ceph, bucket, monkeypatch):
    """The server of the bucket, with faults."""
    with FaultyStore(int(ceph.endpoint.rpartition(":")[2])) as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        yield store


def forget_locks(bucket):
    """Remove the locks of runs whose store did not answer."""
    for name in [name for name in bucket.listed("site/") if name.startswith(".lock/")]:
        bucket.delete(f"site/{name}")


@pytest.mark.parametrize("fault", MANY)
def test_a_store_that_fails_now_and_then(tree, bucket, faulty, tmp_path, fault):
    """A run gets through, or ends with a line; the next completes it."""
    folder, now = tree
    which = ("rebuild", "--input_dir", folder, "--jobs", "1", "--output_dir")
    faulty.fault = MANY[fault]
    code, said = ended(start(*which, f"{bucket.address}/site", now=now), LIMIT_S)
    assert faulty.faults and (code == 0 or (code == 2 and len(said.splitlines()) == 1))
    faulty.fault = lambda number: ""
    assert run(*which, f"{bucket.address}/site", now=now) == 0
    assert run(*which, tmp_path / "site", now=now) == 0
    assert bucket.contents("site/") == on_disk(tmp_path / "site")


@pytest.mark.parametrize("after", [3, 25])
@pytest.mark.parametrize("fault", ["broken", "cut", "lost"])
def test_a_store_that_fails_for_good(tree, bucket, faulty, tmp_path, fault, after):
    """A run ends and names the place; the next completes the site."""
    folder, now = tree
    which = ("rebuild", "--input_dir", folder, "--jobs", "1", "--output_dir")
    faulty.fault = lambda number: fault if number > after else ""
    code, said = ended(start(*which, f"{bucket.address}/site", now=now), LIMIT_S)
    lines = said.splitlines()  # the renewal of the lock may fail first
    assert code == 2 and 1 <= len(lines) <= 3 and all("s3://" in line for line in lines), said
    faulty.fault = lambda number: ""
    forget_locks(bucket)
    assert run(*which, f"{bucket.address}/site", now=now) == 0
    assert run(*which, tmp_path / "site", now=now) == 0
    assert bucket.contents("site/") == on_disk(tmp_path / "site")


@pytest.mark.parametrize("fault", ["broken", "cut", "lost", "hang"])
def test_an_input_that_fails(bucket, faulty, tmp_path, fault):
    """Files of a bucket that fails stay as they were."""
    bucket.put("raw/2020-02-12/AT_O_20200212_000001.fits")
    bucket.put("raw/2020-02-12/AT_O_20200212_000002.fits")
    which = (
        *("--input_dir", f"{bucket.address}/raw", "--output_dir", tmp_path / "site"),
        *("--first_day", "2020-02-12", "--last_day", "2020-02-12", "--time_limit_s", "60"),
    )
    assert run(*which) == 0
    faulty.fault = lambda number: fault
    code, said = ended(start(*which, "--full"), LIMIT_S)
    assert code == 1 and len(said.splitlines()) == 1, said
    assert nights(tmp_path / "site")["2020-02-12"]["n_files"] == 2
