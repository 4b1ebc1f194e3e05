"""A small compressed file that holds very much takes little memory."""

import bz2
import gzip
import json
import lzma
import os
import resource
import subprocess
import sys
import zlib

import pytest
from running import nights, start

pytestmark = pytest.mark.long

NIGHT = "2021-02-16"
NOW = "2021-02-17T12:00:00+00:00"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
MOST_BYTES = 1_500_000_000  # of memory, of 1 GB that a file of 1 MB holds
N_BYTES = 1_000_000_000
PROGRAM = (
    "import datetime, sys; from observing_monitor import cli; "
    f"sys.exit(cli.main(sys.argv[1:], datetime.datetime.fromisoformat({NOW!r})))"
)


def repeated(path, piece, first=b"", last=b"", n_bytes=N_BYTES):
    """Write `piece` over and over, compressed by gzip."""
    block = piece * (1_000_000 // len(piece) + 1)
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(first)
        for _ in range(n_bytes // len(block)):
            file.write(block)
        file.write(last)
    assert path.stat().st_size < 5_000_000


def measured(folder, *arguments):
    """Run the command; return its exit code, output and memory."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), said, used.ru_maxrss * 1024


def settings(folder, kind, **values):
    text = f'[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "{kind}"\n'
    text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    (folder / "site.toml").write_text(text)
    return folder / "site.toml"


TABLES = {
    "zeros.csv.gz": (b"\0", b"night,n\n", b""),
    "blank lines.csv.gz": (b"\n", b"night,n\n", b""),
    "short rows.csv.gz": (b"2021-02-16,1\n", b"night,n\n", b""),
    "many columns.csv.gz": (b",12", b"night,n\n2021-02-16", b"\n"),
    "many cells.csv.gz": (b"2021-02-16" + b",12" * 100 + b"\n", b"night,n" + b",x" * 99 + b"\n", b""),
    "blanks.csv.gz": (b"2021-02-16 12 34 56\n", b"night n a b\n", b""),
    "open quotes.csv.gz": (b'2021-02-16,"\n', b"night,n\n", b""),
    "one line.json.gz": (b"[],", b"[", b"[]]"),
    "objects.json.gz": (b'{"night":"2021-02-16","n":1},', b"[", b"{}]"),
    "rows.jsonl.gz": (b'{"night":"2021-02-16","n":1}\n', b"", b""),
    "deep.jsonl.gz": (b"[[],[],[],[]],", b"[", b"]\n"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path, name):
    """A table that unpacks to 1 GB is a finding of its night."""
    piece, first, last = TABLES[name]
    path = tmp_path / name.replace(" ", "_")
    repeated(path, piece, first, last)
    config = settings(
        tmp_path, "table", path=str(path), night_column="night", values={"n": "n"}
    )
    config.write_text(config.read_text().replace('{"n": "n"}', '{n = "n"}'))
    code, said, n_bytes = measured(tmp_path, "-c", config, *DAYS)
    assert code == 1 and "raise max_unpacked_bytes" in said, said
    assert n_bytes < MOST_BYTES
    row = nights(tmp_path / "site" / "a")[NIGHT]
    assert row["status"] != "normal"
