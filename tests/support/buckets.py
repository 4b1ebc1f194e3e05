"""Buckets of a real object store, Ceph's S3 gateway."""

import datetime
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from running import contents, start

DAYS = [datetime.date(2020, 2, 10) + datetime.timedelta(days=n) for n in range(3)]
HEAVY = ("pandas", "numpy", "pyarrow", "plotly", "jinja2", "sqlalchemy")
EVERY_RUN = ["data/heartbeat.json", "heartbeat.js", "observing_monitor.prom", "status.json"]


class Bucket:
    """A bucket in the server, as its owner uses it."""

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

    def get(self, name):
        return self.client.get_object(Bucket=self.name, Key=name)["Body"].read()

    def delete(self, name):
        self.client.delete_object(Bucket=self.name, Key=name)

    def head(self, name):
        return self.client.head_object(Bucket=self.name, Key=name)

    def listed(self, prefix=""):
        """Return the listing below a prefix, without the prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return {
            one["Key"].removeprefix(prefix): one
            for page in pages
            for one in page.get("Contents", [])
        }

    def contents(self, prefix):
        """Return `running.contents` of the objects below a prefix."""
        return in_folder({name: self.get(prefix + name) for name in self.listed(prefix)})

    def asked(self, *methods):
        """Return the requests about the bucket since the last call.

        Each is (method, name, prefix that was listed or None).
        """
        time.sleep(0.05)  # the server writes its log after it answers
        requests = self.ceph.requests(self.name)
        new, self.n_before = requests[self.n_before :], len(requests)
        found = []
        for method, path, _ in new:
            prefix = re.search(r"[?&]prefix=([^&]*)", path)
            name = path.removeprefix(f"/{self.name}").lstrip("/").partition("?")[0]
            listed = urllib.parse.unquote(prefix[1]) if prefix else None
            found.append((method, urllib.parse.unquote(name), listed))
        return [one for one in found if not methods or one[0] in methods]


def in_folder(objects):
    """Return `running.contents` of a folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in objects.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return contents(folder)


def on_disk(folder):
    """Return the contents of a site on disk, without its lock."""
    found = contents(folder)
    found.pop(".lock")
    return found


def set_environment(monkeypatch, ceph, key, secret):
    """Set the environment of a user of a server."""
    values = {
        "ACCESS_KEY_ID": key,
        "SECRET_ACCESS_KEY": secret,
        "ENDPOINT_URL": ceph.endpoint,
        "DEFAULT_REGION": "us-east-1",
        "EC2_METADATA_DISABLED": "true",
        "CONFIG_FILE": os.devnull,
    }
    for name, value in values.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def command(*arguments, now=None):
    """Run the command in another process.

    Returns its exit code, what it prints on stderr, and the heavy packages it imported.
    """
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


def begin(bucket, prefix, wanted, *arguments, now, **options):
    """Start a rebuild; return once it has collected some nights."""
    process = start(*arguments, now=now, **options)
    while (
        process.poll() is None
        and sum(name.endswith("looked.json") for name in bucket.listed(f"{prefix}data/")) < wanted
    ):
        time.sleep(0.01)
    return process


def days(first=DAYS[0], last=DAYS[-1]):
    """Return the arguments that select nights."""
    return ("--first_day", first, "--last_day", last)


def settings_file(folder, text):
    path = folder / "site.toml"
    path.write_text(text)
    return path
