"""A small compressed file that holds very much takes little memory."""

import bz2
import datetime
import gzip
import lzma
import os
from dataclasses import dataclass

import pyarrow
import pytest
from running import nights
from support.measured import measured

pytestmark = pytest.mark.long

NIGHT = "2021-02-16"
NOW = "2021-02-17T12:00:00+00:00"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
N_BYTES = 1_000_000_000  # that each file holds
MOST_PACKED = 8_000_000
MOST_MEMORY = 1_500_000_000
SITE = '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\n'
COLUMNS = 'night_column = "night"\nvalues = {n = "n"}\n'


@dataclass
class Bomb:
    """A file that holds a piece over and over."""

    name: str
    piece: bytes
    first: bytes = b""
    last: bytes = b""

    def write(self, folder):
        """Write the file; return its path."""
        path = folder / self.name
        path.parent.mkdir(exist_ok=True)
        block = self.piece * (1_000_000 // len(self.piece) + 1)
        with _packing(path) as file:
            file.write(self.first)
            for _ in range(N_BYTES // len(block)):
                file.write(block)
            file.write(self.last)
        assert path.stat().st_size < MOST_PACKED
        return path


def _packing(path):
    if path.suffix == ".bz2":
        return bz2.open(path, "wb")
    if path.suffix == ".xz":
        return lzma.open(path, "wb", preset=1)
    if path.suffix == ".zst":
        return pyarrow.CompressedOutputStream(str(path), "zstd")
    return gzip.open(path, "wb")


HEAD = b"night,n\n"
ROW = b'{"night":"2021-02-16","n":1}'
TABLES = [
    Bomb("zeros.csv.gz", b"\0", HEAD),
    Bomb("zeros.csv.bz2", b"\0", HEAD),
    Bomb("zeros.csv.xz", b"\0", HEAD),
    Bomb("zeros.csv.zst", b"\0", HEAD),
    Bomb("blank_lines.csv.gz", b"\n", HEAD),
    Bomb("short_rows.csv.gz", b"2021-02-16,1\n", HEAD),
    Bomb("one_row.csv.gz", b",12", HEAD + b"2021-02-16"),
    Bomb(
        "many_cells.csv.gz",
        b"2021-02-16" + b",12" * 100 + b"\n",
        b"night,n" + b"".join(b",x%d" % n for n in range(99)) + b"\n",
    ),
    Bomb("open_quotes.csv.gz", b'2021-02-16,"\n', HEAD),
    Bomb("lists.json.gz", b"[],", b"[", b"[]]"),
    Bomb("objects.json.gz", ROW + b",", b"[", b"{}]"),
    Bomb("rows.jsonl.gz", ROW + b"\n"),
    Bomb("one_line.jsonl.gz", b"[[],[],[],[]],", b"[", b"]\n"),
]


@pytest.mark.parametrize("bomb", TABLES, ids=lambda bomb: bomb.name)
def test_tables(tmp_path, bomb):
    """A table that holds 1 GB is a finding of its night."""
    bomb.write(tmp_path)
    (tmp_path / "site.toml").write_text(
        f'{SITE}type = "table"\npath = "{bomb.name}"\n{COLUMNS}time_limit_s = 600\n'
    )
    done = measured(tmp_path, "-c", "site.toml", *DAYS, now=NOW)
    assert done.code == 1 and "raise max_unpacked_bytes" in done.said
    assert done.n_bytes < MOST_MEMORY
    assert nights(tmp_path / "site" / "a")[NIGHT]["status"] != "normal"


LISTED = b"gs://b/ztf_20210216_programid1/ZTF18aamyaaj/1704217901015015001.avro\n"
RSYNC = b"2021/02/16 23:00:00 [1] >f+++++++++ 2021-02-16/a.fits\n"
LOGGED = b"2021-02-16 14:32:00,771 1:ingest:41 INFO: x\n"
OTHERS = {
    "bucket_listing": (Bomb("l.txt.gz", LISTED), 'path = "l.txt.gz"\n'),
    "bucket_listing_of_blank_lines": (Bomb("l.txt.gz", b"\n"), 'path = "l.txt.gz"\n'),
    "broker_counts": (
        Bomb("c.csv.gz", b"2021-02-16,1\n", b"night,alerts_produced\n"),
        'path = "c.csv.gz"\n',
    ),
    "fitsstorage_logs": (Bomb("logs/service.log.1.gz", LOGGED), 'path = "logs"\n'),
    "fitsstorage_logs_of_one_record": (
        Bomb("logs/service.log.1.gz", b"  at x\n", LOGGED),
        'path = "logs"\n',
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_sources(tmp_path, kind):
    """A listing or log that holds 1 GB is a finding of its night."""
    bomb, values = OTHERS[kind]
    bomb.write(tmp_path)
    kind = kind.partition("_of_")[0]
    (tmp_path / "site.toml").write_text(f'{SITE}type = "{kind}"\n{values}time_limit_s = 600\n')
    done = measured(tmp_path, "-c", "site.toml", *DAYS, now=NOW)
    page = (tmp_path / "site" / "a" / f"{NIGHT}.html").read_text()
    # of the beginning of a log, which is read, nothing is understood
    said = "none understood" if kind == "fitsstorage_logs" else "raise max_unpacked_bytes"
    assert done.code in (0, 1) and said in page
    assert done.n_bytes < MOST_MEMORY


def test_rsync_log(tmp_path):
    """The beginning of a huge log of rsync is read."""
    Bomb("rsync.log.1.gz", RSYNC).write(tmp_path)
    folder = tmp_path / "storage" / NIGHT
    folder.mkdir(parents=True)
    (folder / "a.fits").touch()
    (tmp_path / "site.toml").write_text(
        f'{SITE}type = "files"\npath = "storage"\ntransfer_log = "rsync.log*"\n'
    )
    done = measured(tmp_path, "-c", "site.toml", *DAYS, now=NOW)
    page = (tmp_path / "site" / "a" / f"{NIGHT}.html").read_text()
    assert done.code in (0, 1) and "raise max_unpacked_bytes" in page
    assert done.n_bytes < MOST_MEMORY


SPARSE = 20_000_000_000
PLAIN = {
    "table": ("rows.json", f'path = "rows.json"\n{COLUMNS}'),
    "lasair": ("metrics/status_1507.json", 'path = "metrics"\n'),
    "lwa": ("dump.json", 'dump = "dump.json"\n'),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_json(tmp_path, kind):
    """A JSON file of 20 GB is a finding, and is not read to its end."""
    name, values = PLAIN[kind]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("[" if kind == "table" else "{")
    os.truncate(path, SPARSE)
    when = datetime.datetime.fromisoformat(NOW).timestamp()
    os.utime(path, (when, when))
    (tmp_path / "site.toml").write_text(f'{SITE}type = "{kind}"\n{values}time_limit_s = 600\n')
    day = NIGHT if kind != "lwa" else NOW[:10]
    days = ("--first_day", day, "--last_day", day)
    done = measured(tmp_path, "-c", "site.toml", *days, now=NOW)
    assert done.code == 1 and f"{path}: it holds more than 500,000,000 bytes" in done.said
    assert "raise max_unpacked_bytes" in done.said and done.n_bytes < MOST_MEMORY
    assert nights(tmp_path / "site" / "a")[day]["status"] != "normal"
