"""Output in an object store: Ceph's S3 gateway, or fsspec's memory."""

import datetime
import os
import shutil
import signal
import subprocess
import sys
import uuid

import exposure_nights as exposures
import pytest
from buckets import (
    DAYS,
    EVERY_RUN,
    Bucket,
    begin,
    command,
    days,
    in_folder,
    on_disk,
    settings_file,
)
from gen2tree import make_night
from running import run

from observing_monitor.commands.exit_codes import LOCKED, USAGE
from observing_monitor.errors import OutputError, UsageError
from observing_monitor.pages.night_page import MAX_GROUPS, MAX_OF_PART
from observing_monitor.readers import object_store
from observing_monitor.readers.store_options import Storage
from observing_monitor.storage import lease
from observing_monitor.storage.object_output import ObjectOutput

pytest_plugins = ["bucket_fixtures"]


def test_site_in_a_bucket_is_that_on_disk(tree, bucket, tmp_path, go):
    """A site in a bucket equals the one on disk."""
    folder, now = tree
    which = ("--input_dir", folder, *days())
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
    """A run with nothing new lists once and writes the heartbeat only."""
    folder, now = tree
    which = ("--input_dir", folder, *days(), "--output_dir", bucket.address)
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
    """The next run writes a deleted page or table, and nothing else."""
    folder, now = tree
    which = ("--input_dir", folder, *days(), "--output_dir", bucket.address)
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
    """Pages of exposures in a bucket are those on disk."""
    which = ("-c", tmp_path / "site.toml", *days(exposures.NIGHT, exposures.NIGHT))
    which += ("--output_dir", bucket.address)
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
    """A killed rebuild continues without repeating nights."""
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
    """A run from disk to disk imports no package of object stores."""
    code = (
        "import sys; from observing_monitor import cli; cli.main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
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


def test_storage_of_each_address(ceph, bucket, tmp_path, monkeypatch, go):
    """A table of [storage] with an address sets how that bucket is reached."""
    other = Bucket(
        ceph, *ceph.user(f"user{uuid.uuid4().hex[:8]}"), f"bucket-{uuid.uuid4().hex[:12]}"
    )
    bucket.put("raw/2020-02-10/AT_O_20200210_000001.fits")
    keys = tmp_path / "credentials"
    keys.write_text(
        "".join(
            f"[{name}]\n"
            f"aws_access_key_id = {one.access_key}\naws_secret_access_key = {one.secret_key}\n"
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
        (
            "[storage.'s3://raw']\nregion = 5",
            '[storage."s3://raw"] region: text, such as "us-west-2", not 5',
        ),
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
    """A wrong setting of an object store is one line without any secret."""
    settings = settings_file(
        tmp_path,
        f"[observing_monitor]\noutput_dir = 's3://pages'\n{text}\n[streams.b]\ninput_dir = 's3://in'\n",
    )
    assert run("-c", settings) == USAGE
    said = capfd.readouterr().err
    assert words in said and "hunter2" not in said and len(said.splitlines()) == 1, said


def test_package_that_is_not_there(monkeypatch):
    """A store without its package is refused with the package's name."""
    monkeypatch.setitem(object_store.PACKAGES, "s3", "no_such_package")
    with pytest.raises(
        UsageError,
        match="s3://bucket: needs the package no_such_package; pip install no_such_package",
    ):
        object_store.check_address("s3://bucket")


def test_memory(tmp_path):
    """Any other store that fsspec reaches holds the same site."""
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
