"""Output and input in an object store: a real one (Ceph's S3 gateway), and fsspec's memory for what no server is needed."""

import contextlib
import datetime
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import pytest
import test_exposures as exposures
from ceph import Ceph
from conftest import need
from gen2tree import later, make_night
from running import contents, counts, nights, run, start

from observing_monitor.commands.options import LOCKED, USAGE
from observing_monitor.errors import LockedError, OutputError, UsageError
from observing_monitor.pages.night import MAX_GROUPS, MAX_OF_PART
from observing_monitor.readers import object_store
from observing_monitor.readers.object_store import Storage
from observing_monitor.storage import lease
from observing_monitor.storage.object_output import ObjectOutput

DAYS = [datetime.date(2020, 2, 10) + datetime.timedelta(days=n) for n in range(3)]
HEAVY = ("pandas", "numpy", "pyarrow", "plotly", "jinja2", "sqlalchemy")
EVERY_RUN = ["data/heartbeat.json", "heartbeat.js", "observing_monitor.prom", "status.json"]


class Bucket:
    """A bucket of its own in the server, as its owner sees it."""

    def __init__(self, ceph, key, secret, name):
        import botocore.session

        self.ceph, self.name, self.address = ceph, name, f"s3://{name}"
        self.client = botocore.session.Session().create_client(
            "s3",
            endpoint_url=ceph.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=name)
        self.n_before = 0

    def put(self, name, data=b"x" * 20_000):
        self.client.put_object(Bucket=self.name, Key=name, Body=data)

    def delete(self, name):
        self.client.delete_object(Bucket=self.name, Key=name)

    def head(self, name):
        return self.client.head_object(Bucket=self.name, Key=name)

    def listed(self, prefix=""):
        """Every object whose name begins so, by the rest of its name: as the listing tells it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return {
            one["Key"].removeprefix(prefix): one
            for page in pages
            for one in page.get("Contents", [])
        }

    def contents(self, prefix):
        """As `running.contents` of a folder."""
        read = {
            name: self.client.get_object(Bucket=self.name, Key=prefix + name)["Body"].read()
            for name in self.listed(prefix)
        }
        return in_folder(read)

    def asked(self, *methods):
        """What the server was asked about the bucket since this was called last: (method, name, prefix that was listed or None)."""
        time.sleep(0.05)  # the server writes its log after it answers
        told = self.ceph.requests(self.name)
        new, self.n_before = told[self.n_before :], len(told)
        found = []
        for method, path, _ in new:
            prefix = re.search(r"[?&]prefix=([^&]*)", path)
            name = path.removeprefix(f"/{self.name}").lstrip("/").partition("?")[0]
            found.append((method, _plain(name), _plain(prefix[1]) if prefix else None))
        return [one for one in found if not methods or one[0] in methods]


def in_folder(objects):
    """As `running.contents` of a folder that has these files: name -> bytes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in objects.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return contents(folder)


def _plain(text):
    from urllib.parse import unquote

    return unquote(text)


@pytest.fixture
def account(ceph, monkeypatch):
    """A user of the server, whose keys the environment has: what the program needs to get in."""
    key, secret = ceph.user(f"user{uuid.uuid4().hex[:8]}")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    told = {
        "ACCESS_KEY_ID": key,
        "SECRET_ACCESS_KEY": secret,
        "ENDPOINT_URL": ceph.endpoint,
        "DEFAULT_REGION": "us-east-1",
    }
    for name, value in (
        told | {"EC2_METADATA_DISABLED": "true", "CONFIG_FILE": os.devnull}
    ).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return key, secret


@pytest.fixture
def bucket(ceph, account):
    return Bucket(ceph, *account, f"bucket-{uuid.uuid4().hex[:12]}")


def command(*arguments, now=None):
    """The command in a process of its own: its exit code, what it says on stderr, and which heavy packages it imported."""
    clock = f"datetime.datetime.fromisoformat({now.isoformat()!r})" if now else "None"
    code = (
        "import datetime, sys; from observing_monitor import cli; code = cli.main(sys.argv[1:], "
        f"{clock}); print(*(name for name in {HEAVY} if name in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr, done.stdout.split()


@pytest.fixture
def go(capfd):
    """Runs the command in this process: its exit code, and what it says on stderr."""

    def go(*arguments, now=None):
        return run(*arguments, now=now), capfd.readouterr().err

    return go


def begin(bucket, prefix, wanted, *arguments, now, **options):
    """Start a rebuild in a process of its own, and come back when it has collected so many nights."""
    process = start(*arguments, now=now, **options)
    while (
        process.poll() is None
        and sum(name.endswith("looked.json") for name in bucket.listed(f"{prefix}data/")) < wanted
    ):
        time.sleep(0.01)
    return process


def on_disk(folder):
    """What the same site has on a disk, but for the lock, which is another thing there."""
    found = contents(folder)
    found.pop(".lock")
    return found


@pytest.fixture
def tree(tmp_path):
    """An input of three nights on disk, and its clock."""
    now = later()
    for night in DAYS:
        make_night(tmp_path / "input", night, {"ingested": 5, "failed": 1, "missing": 1}, now=now)
    return tmp_path / "input", now


# --- the output in a bucket --------------------------------------------------------------------------------------------


def test_site_in_a_bucket_is_that_on_disk(tree, bucket, tmp_path, go):
    """Every page, table and index in a bucket is, byte for byte, what the same run writes to a disk, and a browser is told its type."""
    folder, now = tree
    which = ("--input_dir", folder, "--first_day", DAYS[0], "--last_day", DAYS[-1])
    assert go(*which, "--output_dir", tmp_path / "site", now=now)[0] == 0
    assert go(*which, "--output_dir", f"{bucket.address}/a/site", now=now)[0] == 0
    assert bucket.contents("a/site/") == on_disk(tmp_path / "site")
    assert {name.split("/")[0] for name in bucket.listed()} == {"a"}
    types = {
        name: bucket.head(f"a/site/{name}")["ContentType"]
        for name in ("index.html", "heartbeat.js", "nights.json", "nights.csv")
    }
    assert types == {
        "index.html": "text/html; charset=utf-8",
        "heartbeat.js": "text/javascript; charset=utf-8",
        "nights.json": "application/json",
        "nights.csv": "text/csv; charset=utf-8",
    }
    style = next(name for name in bucket.listed("a/site/assets/") if name.endswith(".css"))
    assert bucket.head(f"a/site/assets/{style}")["ContentType"] == "text/css; charset=utf-8"


def test_run_with_nothing_new(tree, bucket, go):
    """A run with nothing new lists the output once, asks for no object's state, writes the heartbeat alone, and imports nothing heavy."""
    folder, now = tree
    which = (
        "--input_dir",
        folder,
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[-1],
        "--output_dir",
        bucket.address,
    )
    assert go(*which, now=now)[0] == 0
    before = bucket.listed()
    bucket.asked()
    assert command(*which, now=now) == (0, "", [])
    asked = bucket.asked()
    assert [prefix for method, _, prefix in asked if prefix is not None] == [".lock/", ""]
    assert [name for method, name, _ in asked if method == "HEAD"] == []
    written = sorted(
        name
        for method, name, _ in asked
        if method in ("PUT", "DELETE") and not name.startswith(".lock/")
    )
    assert written == EVERY_RUN
    assert [method for method, name, _ in asked if name.startswith(".lock/")] == ["PUT", "DELETE"]
    assert len(asked) <= 20, asked
    after = bucket.listed()
    assert {
        name for name in after if after[name]["LastModified"] != before[name]["LastModified"]
    } <= set(EVERY_RUN)


def test_lost_page_is_made_again(tree, bucket, go):
    """A page or a table that somebody deleted from the bucket is there again after the next run, and nothing else is written."""
    folder, now = tree
    which = (
        "--input_dir",
        folder,
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[-1],
        "--output_dir",
        bucket.address,
    )
    assert go(*which, now=now)[0] == 0
    whole = bucket.contents("")
    bucket.delete("2020-02-11.html")
    bucket.delete("data/stream=input/night=2020-02-10/files.parquet")
    bucket.asked()
    assert go(*which, now=now)[0] == 0
    assert bucket.contents("") == whole
    written = {name for _, name, _ in bucket.asked("PUT") if name.endswith((".html", ".parquet"))}
    assert written == {"2020-02-11.html", "data/stream=input/night=2020-02-10/files.parquet"}


def test_pages_of_exposures(bucket, tmp_path, go):
    """Pages of a night's many exposures stand in a bucket as on disk: one that was deleted comes back, those needed no longer go."""
    which = (
        "-c",
        tmp_path / "site.toml",
        "--first_day",
        exposures.NIGHT,
        "--last_day",
        exposures.NIGHT,
        "--output_dir",
        bucket.address,
    )
    parts = [f"camera/{exposures.NIGHT}.exposures{number}.html" for number in ("-2", "")]
    exposures.observe(tmp_path, MAX_OF_PART + 30)
    assert go(*which, now=exposures.NOW)[0] == 0
    assert (
        bucket.contents("") == on_disk(tmp_path / "site")
        and [name for name in bucket.listed() if "exposures" in name] == parts
    )
    bucket.delete(parts[0])
    assert go(*which, now=exposures.NOW)[0] == 0
    assert bucket.contents("") == on_disk(tmp_path / "site")
    shutil.rmtree(tmp_path / "site" / "data")
    for name in bucket.listed("data/"):
        bucket.delete(f"data/{name}")
    exposures.observe(tmp_path, MAX_GROUPS)
    assert go(*which, now=exposures.NOW)[0] == 0
    assert (
        bucket.contents("") == on_disk(tmp_path / "site")
        and [name for name in bucket.listed() if "exposures" in name] == []
    )


def test_rebuild_with_workers_and_after_a_kill(tree, bucket, tmp_path, go):
    """Killed in the middle and run again at once, a rebuild by two workers does no finished night again, and ends as one on disk."""
    folder, now = tree
    for day in range(8):
        make_night(folder, datetime.date(2020, 3, 1 + day), {"ingested": 4}, now=now)
    which = ("rebuild", "--input_dir", folder, "--jobs", "2")
    assert go(*which, "--output_dir", tmp_path / "site", now=now)[0] == 0
    process = begin(
        bucket,
        "site/",
        4,
        *which,
        "--output_dir",
        f"{bucket.address}/site",
        now=now,
        start_new_session=True,
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = {
        name.partition("/looked")[0]: one["LastModified"]
        for name, one in bucket.listed("site/").items()
        if "looked.json" in name
    }
    assert 3 <= len(finished) < 11, "it was not killed in the middle"
    bucket.asked()
    code, words = go(*which, "--output_dir", f"{bucket.address}/site", now=now)
    assert code == 0, words
    asked = bucket.asked()
    again = [
        name
        for method, name, _ in asked
        if method == "PUT" and name.removeprefix("site/").startswith(tuple(finished))
    ]
    assert again == []
    listed = [prefix for *_, prefix in asked if prefix is not None]
    assert listed.count("site/") == 1 and set(listed) == {"site/", "site/.lock/"}
    assert bucket.contents("site/") == on_disk(tmp_path / "site")


def test_nothing_of_object_stores_is_imported_without_an_address(tree, tmp_path):
    """A run from disk to disk imports nothing of fsspec."""
    code = "import sys; from observing_monitor import cli; cli.main(sys.argv[1:]); print(*{name.partition('.')[0] for name in sys.modules})"
    which = ("--input_dir", tree[0], "--output_dir", tmp_path / "site", "--jobs", "1")
    done = subprocess.run(
        [sys.executable, "-c", code, *which], capture_output=True, text=True, check=True
    )
    assert "pandas" in done.stdout and not {
        "fsspec",
        "s3fs",
        "botocore",
        "aiobotocore",
        "aiohttp",
    } & set(done.stdout.split())


# --- the lock ----------------------------------------------------------------------------------------------------------


def test_lock_held_by_another(tree, bucket, monkeypatch, capfd):
    """While a run holds the lock another does nothing and says so, at once; afterwards the next one goes on."""
    folder, now = tree
    monkeypatch.setattr(lease, "YOUNG_S", -1)
    which = ("--input_dir", folder, "--last_day", DAYS[-1], "--output_dir", bucket.address)
    with ObjectOutput(bucket.address, Storage()).lock(), monkeypatch.context() as patched:
        patched.setattr(object_store.time, "sleep", lambda _: pytest.fail("it waits"))
        assert run(*which, now=now) == LOCKED
        assert [name for name in bucket.listed() if not name.startswith(".lock/")] == []
    assert re.search(
        r"s3://\S+/\.lock/\S+: another run is at work on this output; this one does nothing\n$",
        capfd.readouterr().err,
    )
    assert run(*which, now=now) == 0
    assert not [name for name in bucket.listed() if name.startswith(".lock/")]


def test_lock_of_a_killed_run(bucket, monkeypatch):
    """The lock of a run on another machine is somebody's until it was not renewed for long; that of a dead process here is nobody's."""
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
    """A lock that is held is renewed, so that nobody takes it for stale; a run whose lock was taken away writes nothing more."""
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
            for _ in range(20):  # a renewal that was just under way puts it there once more
                for name in bucket.listed(".lock/"):
                    bucket.delete(f".lock/{name}")
                time.sleep(0.7)
                output.write("page.html", "y")


def test_lock_that_can_not_be_renewed(bucket, monkeypatch, caplog):
    """A run that could not renew its lock in time, here since its bucket is gone, stops before others may take the lock for stale."""
    monkeypatch.setattr(lease, "RENEW_S", 0.2)
    monkeypatch.setattr(lease, "STALE_S", 1.5)
    output = ObjectOutput(bucket.address, Storage())
    with output.lock():
        output.write("page.html", "x")
        began = time.monotonic()
        while time.monotonic() < began + 20 and bucket.client.list_buckets()["Buckets"]:
            for name in (
                bucket.listed()
            ):  # a renewal that was just under way puts its object there once more
                bucket.delete(name)
            with contextlib.suppress(bucket.client.exceptions.ClientError):
                bucket.client.delete_bucket(Bucket=bucket.name)
                break
        time.sleep(2)
        with pytest.raises(
            OutputError,
            match="the lock could not be renewed in time; the next run goes on from what is there",
        ):
            output.write("page.html", "y")
    assert "there is no such bucket" in caplog.text


def test_lock_is_never_held_twice(bucket, monkeypatch):
    """Of many that come for the lock at the same moment never two hold it, and one of them gets it."""
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


# --- files in a bucket -------------------------------------------------------------------------------------------------


def settings_file(folder, text):
    path = folder / "site.toml"
    path.write_text(text)
    return path


def test_files_of_a_bucket(bucket, tmp_path, go):
    """Prefixes named after nights give the night, other objects the time at which they came; each prefix is listed once in a run."""
    for night in DAYS:
        for number in range(3):
            bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_{number:06d}.fits")
    bucket.put("raw/deep/er/20200212/AT_O_20200212_000009.fits")
    bucket.put("raw/loose.fits")
    bucket.put(f"raw/{DAYS[2]}/.hidden.fits")
    bucket.put(f"raw/{DAYS[2]}/half.part")
    bucket.put(f"raw/{DAYS[2]}/", b"")  # a folder, as some tools mark it
    bucket.put(f"raw/{DAYS[1]}/ä b%20c#d+e?f.fits")
    settings = settings_file(
        tmp_path,
        f"""
[observing_monitor]
output_dir = "site"
[[streams.auxTel.sources]]
type = "files"
path = "{bucket.address}/raw/"
skip = ["*.part"]
""",
    )
    bucket.asked()
    code, words = go("rebuild", "-c", settings, "--jobs", "1")
    assert code == 0, words
    folders = [
        "raw/",
        "raw/deep/",
        "raw/deep/er/",
        "raw/deep/er/20200212/",
        *(f"raw/{night}/" for night in DAYS),
    ]
    assert sorted(prefix for *_, prefix in bucket.asked()) == sorted(folders)
    tonight = (bucket.head("raw/loose.fits")["LastModified"] - datetime.timedelta(hours=12)).date()
    made = nights(tmp_path / "site" / "auxTel")
    assert {night: row["n_files"] for night, row in made.items()} == {
        "2020-02-10": 3,
        "2020-02-11": 4,
        "2020-02-12": 4,
        tonight.isoformat(): 1,
    }
    assert made["2020-02-12"]["n_exposures"] == 4
    assert (
        f'"{DAYS[1]}/ä b%20c#d+e?f.fits"'
        in (tmp_path / "site" / "auxTel" / "2020-02-11.csv").read_text()
    )
    assert f"{bucket.address}/raw" in (tmp_path / "site" / "auxTel" / "index.html").read_text()


def test_rebuild_from_a_bucket_to_a_bucket(bucket, tmp_path, go):
    """Two workers read a bucket and write into it what one process writes to a disk, and each night's prefix is listed once."""
    for night in DAYS:
        for number in range(3):
            bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_{number:06d}.fits")
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    source = ("--input_dir", f"{bucket.address}/raw")
    assert go("rebuild", *source, "--output_dir", tmp_path / "site", "--jobs", "1", now=now)[0] == 0
    bucket.asked()
    assert (
        go("rebuild", *source, "--output_dir", f"{bucket.address}/site", "--jobs", "2", now=now)[0]
        == 0
    )
    listed = [prefix for *_, prefix in bucket.asked() if prefix is not None]
    of_the_lock = {"site/.lock/"}  # looked at now and then, as long as a run takes
    assert sorted(prefix for prefix in listed if prefix not in {"raw/"} | of_the_lock) == [
        *(f"raw/{night}/" for night in DAYS),
        "site/",
    ]
    assert listed.count("raw/") <= 3  # each process finds where the nights are
    assert bucket.contents("site/") == on_disk(tmp_path / "site")


def test_objects_that_are_gone(bucket, tmp_path, go):
    """An object that was deleted is gone from its night; a whole prefix that vanished leaves its night as it was, and says so."""
    for night in DAYS[:2]:
        for number in range(3):
            bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_{number:06d}.fits")
    which = (
        "--input_dir",
        f"{bucket.address}/raw",
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[1],
        "--output_dir",
        tmp_path / "site",
    )
    assert go(*which)[0] == 0
    bucket.delete(f"raw/{DAYS[0]}/AT_O_20200210_000001.fits")
    for number in range(3):
        bucket.delete(f"raw/{DAYS[1]}/AT_O_20200211_{number:06d}.fits")
    code, words = go(*which)
    assert (
        code == 1 and "the night's prefix is no longer there; its files stay as last seen" in words
    )
    made = nights(tmp_path / "site")
    assert (
        counts(made["2020-02-10"])["gone"] == 1
        and made["2020-02-11"]["n_gone"] == 0
        and made["2020-02-11"]["n_files"] == 3
    )


def test_prefix_with_nothing_below_it(bucket, tmp_path, go):
    """An address below which there is nothing is told once, whatever the number of nights: it may be a wrong one."""
    which = ("--first_day", DAYS[0], "--last_day", DAYS[-1], "--output_dir", tmp_path / "site")
    code, said = go("--input_dir", f"{bucket.address}/nothing", *which)
    assert (
        code == 1
        and said.count("\n") == 1
        and "/nothing: there is nothing below it; is the address right?" in said
    )


# --- what can go wrong -------------------------------------------------------------------------------------------------

WRONG = {
    "no bucket": (
        {},
        "no-such-bucket-here",
        r"there is no such bucket; make it, or correct the address or endpoint_url in \[storage\]",
    ),
    "no such key": (
        {"AWS_ACCESS_KEY_ID": "AKNOBODY"},
        "",
        r"refused \(InvalidAccessKeyId\); whoever runs this needs credentials",
    ),
    "wrong secret": (
        {"AWS_SECRET_ACCESS_KEY": "hunter2hunter2"},
        "",
        r"refused \(SignatureDoesNotMatch\); whoever runs this needs",
    ),
    "no credentials": (
        {"AWS_ACCESS_KEY_ID": None},
        "",
        r"no credentials were found; set AWS_PROFILE, profile in \[storage\], or",
    ),
    "no profile": (
        {"AWS_PROFILE": "nobody"},
        "",
        r"its profile is not in ~/.aws/config; correct profile in \[storage\]",
    ),
    "nobody there": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        "",
        r"nothing answers at http://127.0.0.1:9; is the store up, and",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_store_that_refuses(bucket, tmp_path, account, monkeypatch, wrong, go):
    """A store that doesn't let us in, or isn't there, is one line with the remedy; what was known stays, and no secret is told."""
    night = DAYS[0]
    bucket.put(f"raw/{night}/AT_O_{night:%Y%m%d}_000001.fits")
    which = ("--first_day", night, "--last_day", night, "--stream", "auxTel")
    site = ("--input_dir", f"{bucket.address}/raw", "--output_dir", tmp_path / "site")
    assert go(*which, *site)[0] == 0
    environment, name, words = WRONG[wrong]
    for key, value in environment.items():
        monkeypatch.setenv(key, value) if value else monkeypatch.delenv(key)
    if not environment.get("AWS_ACCESS_KEY_ID", "x"):
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    address = f"s3://{name}" if name else bucket.address

    code, said = go(*which, "--input_dir", f"{address}/raw", "--output_dir", tmp_path / "site")
    assert code == 1 and len(said.splitlines()) == 1 and re.search(words, said), said
    assert nights(tmp_path / "site")[night.isoformat()]["n_files"] == 1

    (tmp_path / "storage").mkdir(exist_ok=True)
    code, told = go(*which, "--input_dir", tmp_path, "--output_dir", f"{address}/site")
    assert code == 2 and len(told.splitlines()) == 1 and re.search(words, told), told
    everything = (
        said
        + told
        + "".join(
            path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()
        )
    )
    for secret in (*account, *filter(None, environment.values())):
        assert "://" in secret or secret == "nobody" or secret not in everything


def test_certificate_that_nobody_vouches_for(tmp_path, account, monkeypatch, go):
    """A store whose certificate is not trusted is not spoken to: one line says so, and what names its authority."""
    openssl = shutil.which("openssl")
    need(openssl, "there is no openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run([openssl, "req", *made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked = []

    def answer(listening):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection, _ = listening.accept()
                with (
                    contextlib.suppress(OSError),
                    connection,
                    context.wrap_socket(connection, server_side=True) as trusted,
                ):
                    asked.append(trusted.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", where)
        code, said = go("--input_dir", tmp_path, "--output_dir", "s3://pages/site")
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert (
        code == 2
        and f"the certificate of {where} is not trusted; AWS_CA_BUNDLE names the authority's file"
        in said
    )
    assert len(said.splitlines()) == 1 and not any(asked)


def test_what_a_store_says_of_itself(bucket, tmp_path, go):
    """What a store answers that has no remedy of its own is told by its code; options that no store takes, as such."""
    with pytest.raises(OutputError, match=r"the store answered \w+; its log tells more"):
        object_store.Objects(bucket.address, Storage(), OutputError).write("x" * 2000, b"")
    text = f"[observing_monitor]\noutput_dir = '{bucket.address}/site'\n[storage]\noptions = {{ client_kwargs = {{ no_such = 1 }} }}\n"
    code, said = go("-c", settings_file(tmp_path, f"{text}[streams.a]\ninput_dir = '{tmp_path}'\n"))
    assert (
        code == 2
        and "could not be asked (TypeError); are options in [storage] right?" in said
        and len(said.splitlines()) == 1
    )


def test_damaged_table_is_set_aside(tree, bucket, go):
    """A table that was damaged in a bucket is kept under another name, and made anew from the sources."""
    folder, now = tree
    which = (
        "--input_dir",
        folder,
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[0],
        "--output_dir",
        bucket.address,
    )
    assert go(*which, now=now)[0] == 0
    (name,) = (name for name in bucket.listed() if name.endswith("/files.parquet"))
    before = bucket.contents("")
    whole = bucket.client.get_object(Bucket=bucket.name, Key=name)["Body"].read()
    bucket.put(name, whole[: len(whole) // 2])
    code, said = go(*which, now=now)
    assert "set aside as files.parquet.damaged" in said and "Traceback" not in said
    assert (
        bucket.client.get_object(Bucket=bucket.name, Key=f"{name}.damaged")["Body"].read()
        == whole[: len(whole) // 2]
    )
    after = bucket.contents("")
    assert code == 0 and {key: after[key] for key in before} == before


def test_store_that_dies_in_the_middle(tree, tmp_path, monkeypatch, go):
    """A store that stops answering during a run is one line; when it is back, the next run goes on at once and ends as on disk."""
    need(Ceph.is_there(), "there is no Ceph (Debian's packages radosgw, ceph-mon and ceph-osd)")
    folder, now = tree
    which = ("rebuild", "--input_dir", folder, "--jobs", "1")
    with Ceph() as ceph:
        key, secret = ceph.user("tester")
        told = {
            "ACCESS_KEY_ID": key,
            "SECRET_ACCESS_KEY": secret,
            "ENDPOINT_URL": ceph.endpoint,
            "DEFAULT_REGION": "us-east-1",
        }
        for name, value in (
            told | {"EC2_METADATA_DISABLED": "true", "CONFIG_FILE": os.devnull}
        ).items():
            monkeypatch.setenv(f"AWS_{name}", value)
        bucket = Bucket(ceph, key, secret, "pages")
        process = begin(
            bucket, "site/", 2, *which, "--output_dir", f"{bucket.address}/site", now=now
        )
        ceph.process.kill()
        ceph.process.wait()
        _, words = process.communicate()
        assert (
            process.returncode == 2
            and len(words.splitlines()) == 1
            and "nothing answers at http://127.0.0.1:" in words
        ), words
        ceph.start()
        assert go(*which, "--output_dir", f"{bucket.address}/site", now=now) == (0, "")
        assert go(*which, "--output_dir", tmp_path / "site", now=now) == (0, "")
        assert bucket.contents("site/") == on_disk(tmp_path / "site")


def test_storage_of_each_address(ceph, bucket, tmp_path, monkeypatch, go):
    """[storage] tells how stores are reached, a table of an address how that is: each bucket by its own profile and endpoint."""
    other = Bucket(
        ceph, *ceph.user(f"user{uuid.uuid4().hex[:8]}"), f"bucket-{uuid.uuid4().hex[:12]}"
    )
    bucket.put("raw/2020-02-10/AT_O_20200210_000001.fits")
    keys = tmp_path / "credentials"
    keys.write_text(
        "".join(
            f"[{name}]\naws_access_key_id = {one.access_key}\naws_secret_access_key = {one.secret_key}\n"
            for name, one in (("reader", credentials(bucket)), ("writer", credentials(other)))
        )
    )
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    settings = settings_file(
        tmp_path,
        f"""
[observing_monitor]
output_dir = "{other.address}/site"
[storage]
endpoint_url = "http://127.0.0.1:9"
[storage."{bucket.address}"]
endpoint_url = "{ceph.endpoint}"
profile = "reader"
[storage."{other.address}"]
endpoint_url = "{ceph.endpoint}"
profile = "writer"
region = "us-east-1"
[streams.auxTel]
input_dir = "{bucket.address}/raw"
""",
    )
    code, words = go("-c", settings, "--first_day", "2020-02-10", "--last_day", "2020-02-10")
    assert code == 0, words
    assert "auxTel/2020-02-10.html" in other.listed("site/")


def credentials(bucket):
    return bucket.client._request_signer._credentials


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[storage]\nendpointurl = 'x'",
            "[storage] unknown key 'endpointurl'; did you mean 'endpoint_url'?",
        ),
        (
            "[storage]\noptions = {secret = 'hunter2'}",
            "[storage] key 'secret' of options: no secret may stand in the settings",
        ),
        (
            "[storage]\nendpoint_url = 'https://me:hunter2@host'",
            "[storage] key 'endpoint_url': is no address without user and password",
        ),
        (
            "[storage.'s3://me:hunter2@raw']\nregion = 'x'",
            "[storage] has a table whose name is no address such as s3://bucket/prefix",
        ),
        ("[storage.'s3://raw']\nregion = 5", '[storage."s3://raw"] region: text, not 5'),
        (
            "[[streams.a.sources]]\ntype='files'\npath='s3://me:hunter2@raw'",
            "[streams.a] source 'files': path: an address of an object",
        ),
        (
            "[[streams.a.sources]]\ntype='files'\npath='ftp://raw/x'",
            "path: ftp://raw/x: ftp:// is not known; known are s3://, gs://, az://",
        ),
        (
            "[[streams.a.sources]]\ntype='gen2'\npath='s3://raw/x'",
            "source 'gen2': path: an address of an object store, which only",
        ),
        (
            "[[streams.a.sources]]\ntype='files'\npath='s3://pages/raw'",
            "s3://pages/raw, which a reads, lie in each other; choose another",
        ),
    ],
)
def test_wrong_settings(tmp_path, capfd, text, words):
    """A wrong setting of an object store is one line that names the table and the key, and repeats no secret."""
    settings = settings_file(
        tmp_path,
        f"[observing_monitor]\noutput_dir = 's3://pages'\n{text}\n[streams.b]\ninput_dir = 's3://in'\n",
    )
    assert run("-c", settings) == USAGE
    said = capfd.readouterr().err
    assert words in said and "hunter2" not in said and len(said.splitlines()) == 1, said


def test_package_that_is_not_there(monkeypatch):
    """A store whose package is not installed is told with the package's name."""
    monkeypatch.setitem(object_store.PACKAGES, "s3", "no_such_package")
    with pytest.raises(
        UsageError,
        match="s3://bucket: needs the package no_such_package; pip install no_such_package",
    ):
        object_store.check_address("s3://bucket")


# --- any store that fsspec reaches -------------------------------------------------------------------------------------


def test_memory(tmp_path):
    """What fsspec reaches otherwise than S3 holds the same site, is read for its files, and is locked."""
    where = f"memory://{uuid.uuid4().hex}"
    files = object_store.Objects(f"{where}-raw", Storage(), OutputError)
    for number in range(3):
        files.write(f"2020-02-10/AT_O_20200210_{number:06d}.fits", b"x" * 20_000)
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    which = (
        "--input_dir",
        f"{where}-raw",
        "--stream",
        "raw",
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[0],
    )
    for _ in range(2):
        assert run(*which, "--output_dir", f"{where}-site", now=now) == 0
        assert run(*which, "--output_dir", tmp_path / "site", now=now) == 0
    site = object_store.Objects(f"{where}-site", Storage(), OutputError)
    found = in_folder({name: site.read(name) for name in site.all_below()})
    assert found == on_disk(tmp_path / "site")
    with ObjectOutput(f"{where}-site", Storage()).lock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "TRIES", 1)
        assert run(*which, "--output_dir", f"{where}-site", now=now) == LOCKED
