"""Nights far beyond the usual take under 1 GB and no quadratic time."""

import csv
import json
import sqlite3

import pyarrow.compute
import pyarrow.parquet
import pytest
from running import nights
from support.measured import measured

pytestmark = pytest.mark.long

NIGHT = "2021-02-16"
NOW = "2021-02-17T12:00:00+00:00"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
MOST_MEMORY = 1_000_000_000
MOST_PAGE = 2_000_000  # bytes of the night's page
MOST_JSON = 60_000_000
SITE = '[observing_monitor]\noutput_dir = "site"\n[streams.a]\ntime_limit_s = 1000\n'
ATTEMPTS = """
[[streams.a.sources]]
type = "sql"
file = "d.sqlite3"
feeds = "ingests"
query = "select * from a"
columns = { path = "path", attempted_at = "at", status = "status", message = "message" }
constants = { stage = "ingest" }
"""


def write_attempts(folder, messages):
    """Write failed attempts with these messages, and the settings."""
    with sqlite3.connect(folder / "d.sqlite3") as database:
        database.execute("create table a (path text, at text, status text, message text)")
        database.executemany(
            "insert into a values (?, '2021-02-16 22:00:00', 'failure', ?)",
            ((f"AT_O_20210216_{n:06d}.fits", text) for n, text in enumerate(messages)),
        )
    database.close()
    (folder / "site.toml").write_text(SITE + ATTEMPTS)


def run_measured(folder):
    """Run once; return what it took, the night and its JSON."""
    done = measured(folder, "-c", "site.toml", *DAYS, now=NOW)
    assert done.code == 0, done.said
    site = folder / "site" / "a"
    assert done.n_bytes < MOST_MEMORY
    sizes = {path.name: path.stat().st_size for path in site.iterdir()}
    print(sizes)
    assert sizes[f"{NIGHT}.html"] < MOST_PAGE and sizes[f"{NIGHT}.json"] < MOST_JSON
    content = json.loads((site / f"{NIGHT}.json").read_text())
    return done, nights(site)[NIGHT], content


def stored(folder, name):
    """Return a stored table of the night."""
    (path,) = (folder / "site" / "data").rglob(f"{name}.parquet")
    return pyarrow.parquet.read_table(path)


def listed(folder):
    """Yield the rows of the night's CSV file."""
    csv.field_size_limit(1_000_000_000)
    with open(folder / "site" / "a" / f"{NIGHT}.csv", newline="") as file:
        yield from csv.DictReader(file)


def test_distinct_messages(tmp_path):
    """80,000 different messages are in the CSV, and counted in the JSON."""
    words = ("disk", "header", "server", "queue", "checksum")
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = (
        f"{words[n % 5]} " + "".join(letters[(n // 26**k) % 26] for k in range(5))
        for n in range(80_000)
    )
    write_attempts(tmp_path, texts)
    done, row, content = run_measured(tmp_path)
    assert row["n_failed"] == 80_000 and done.seconds < 100
    assert len(content["attention"]) + content["left_out"]["attention"] == 80_000
    assert len({row["message"] for row in listed(tmp_path)}) == 80_000


def test_tracebacks(tmp_path):
    """2,000 tracebacks of 55 kB are whole in the store and the CSV."""
    line = '  File "/opt/ingest/tasks.py", line {n}, in run\n'
    frames = "".join(line.format(n=n) for n in range(1100))
    texts = (f"Traceback (most recent call last):\n{n}\n{frames}Error: {n}" for n in range(2000))
    write_attempts(tmp_path, texts)
    _, row, content = run_measured(tmp_path)
    assert row["n_failed"] == 2000 and content["left_out"]["characters"] > 50_000_000
    lengths = pyarrow.compute.utf8_length(stored(tmp_path, "ingests")["message"])
    assert pyarrow.compute.min(lengths).as_py() > 50_000
    assert min(len(row["message"]) for row in listed(tmp_path)) > 50_000


def test_huge_traceback(tmp_path):
    """A traceback of 50 MB is whole in store and CSV, and cut elsewhere."""
    huge = "Traceback (most recent call last):\n" + "  at line\n" * 5_000_000 + "Error: huge"
    write_attempts(tmp_path, [huge, "no such file"])
    _, row, content = run_measured(tmp_path)
    assert row["n_failed"] == 2
    assert content["left_out"] == {"characters": len(huge) - 100_000}
    lengths = pyarrow.compute.utf8_length(stored(tmp_path, "ingests")["message"])
    assert pyarrow.compute.max(lengths).as_py() == len(huge)
    assert {row["message"] for row in listed(tmp_path)} == {huge, "no such file"}


def test_metric_values(tmp_path):
    """10,000 metrics of 50 nodes are whole in the store and a CSV."""
    with sqlite3.connect(tmp_path / "d.sqlite3") as database:
        database.execute("create table m (name text, node text, at text, value real)")
        database.executemany(
            "insert into m values (?, ?, '2021-02-16 22:00:00', ?)",
            ((f"m{n}", f"node{k}", n * k) for n in range(10_000) for k in range(50)),
        )
    database.close()
    (tmp_path / "site.toml").write_text(f"""{SITE}
[[streams.a.sources]]
type = "sql"
file = "d.sqlite3"
query = "select * from m"
columns = {{ name = "name", node = "node", sampled_at = "at", value = "value" }}
""")
    _, _, content = run_measured(tmp_path)
    assert len(content["metrics"]) + content["left_out"]["metrics"] == 500_000
    assert stored(tmp_path, "metrics").num_rows == 500_000
    with open(tmp_path / "site" / "a" / f"{NIGHT}.metrics.csv", newline="") as file:
        assert sum(float(row["value"]) >= 0 for row in csv.DictReader(file)) == 500_000


def test_known_issues(tmp_path):
    """100 known issues are compared with 10,000 missing files."""
    rows = [f"AT_O_20210216_{n:06d}.fits,{NIGHT}T23:00:00Z" for n in range(10_000)]
    (tmp_path / "files.csv").write_text("\n".join(["path,at", *rows, ""]))
    write_attempts(tmp_path, [])
    sources = (
        '[[streams.a.sources]]\ntype = "table"\nname = "list"\npath = "files.csv"\n'
        'feeds = "files"\ncolumns = { path = "path", created_at = "at", transferred_at = "at" }\n'
    )
    (tmp_path / "site.toml").write_text(SITE + sources + ATTEMPTS)
    issues = [
        f'- night: {NIGHT}\n  pattern: "{pattern}"\n  reason: known {n}\n'
        for n in range(50)
        for pattern in (f"AT_O_20210216_{n:06d}*", f"*guider_{n}.fits")
    ]
    (tmp_path / "known.yaml").write_text("".join(issues))
    done, row, _ = run_measured(tmp_path)
    assert row["n_missing"] == 10_000 and row["n_acknowledged"] == 50
    assert done.seconds < 60


def test_files_of_a_folder(tmp_path):
    """A folder of a million files is listed and shown."""
    folder = tmp_path / "in" / NIGHT
    folder.mkdir(parents=True)
    for n in range(1_000_000):
        (folder / f"{n}.fits").touch()
    (tmp_path / "site.toml").write_text(
        f'{SITE}[[streams.a.sources]]\ntype = "files"\npath = "in"\n'
    )
    _, row, _ = run_measured(tmp_path)
    assert row["n_files"] == 1_000_000
