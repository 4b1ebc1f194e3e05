"""Further CSV files of a night: all metrics, and all messages."""

import csv
import datetime
import sqlite3

from running import nights, run

NIGHT = "2021-02-16"
NOW = datetime.datetime(2021, 2, 18, tzinfo=datetime.UTC)
SITE = """
[observing_monitor]
output_dir = "site"
[streams.a]
[[streams.a.sources]]
type = "sql"
file = "d.sqlite3"
feeds = "ingests"
query = "select * from a"
stages = ["copy", "ingest"]
columns = { path = "path", stage = "stage", attempted_at = "at", status = "status", message = "m" }
[[streams.a.sources]]
type = "sql"
name = "numbers"
file = "d.sqlite3"
query = "select * from n"
columns = { name = "name", node = "node", sampled_at = "at", value = "value" }
"""


def write(folder, attempts, numbers):
    """Write a database of attempts and numbers.

    An attempt has path, stage, minute and message, a number minute and value.
    """
    with sqlite3.connect(folder / "d.sqlite3") as database:
        database.executescript(
            "drop table if exists a; drop table if exists n;"
            "create table a (path text, stage text, at text, status text, m text);"
            "create table n (name text, node text, at text, value real);"
        )
        at = "2021-02-16 22:{:02}:00"
        database.executemany(
            "insert into a values (?, ?, ?, ?, ?)",
            [(p, s, at.format(t), "failure" if m else "success", m) for p, s, t, m in attempts],
        )
        database.executemany(
            "insert into n values (?, ?, ?, ?)",
            [("=seeing", "north", at.format(t), value) for t, value in numbers],
        )
    database.close()
    (folder / "site.toml").write_text(SITE)


def publish(folder):
    """Run once, and return the names of the night's CSV files."""
    site = folder / "site.toml"
    assert run("-c", site, "--first_day", NIGHT, "--last_day", NIGHT, now=NOW) == 0
    return sorted(path.name for path in (folder / "site" / "a").glob(f"{NIGHT}*.csv"))


def rows(folder, ending):
    """Return the rows of one of the night's CSV files."""
    with open(folder / "site" / "a" / f"{NIGHT}{ending}", newline="") as file:
        return list(csv.DictReader(file))


def test_all_metrics_and_messages(tmp_path):
    """Every sample, and the messages that the list of files lacks."""
    long = "copy failed\n" + "x" * 5000
    attempts = [
        ("f.fits", "copy", 1, long),
        ("f.fits", "copy", 2, ""),
        ("f.fits", "ingest", 3, "first try"),
        ("f.fits", "ingest", 4, "second try"),
    ]
    write(tmp_path, attempts, [(1, 0.5), (2, 0.75)])
    names = publish(tmp_path)
    assert names == [f"{NIGHT}.csv", f"{NIGHT}.messages.csv", f"{NIGHT}.metrics.csv"]
    told = [(row["path"], row["stage"], row["message"]) for row in rows(tmp_path, ".messages.csv")]
    assert [message for _, _, message in told] == [long, "first try", "second try"]
    assert told[0][1] == "copy" and told[0][0].endswith("f.fits")
    numbers = rows(tmp_path, ".metrics.csv")
    assert [float(row["value"]) for row in numbers] == [0.5, 0.75]
    assert {row["name"] for row in numbers} == {"'=seeing"}  # no formula
    page = (tmp_path / "site" / "a" / f"{NIGHT}.html").read_text()
    assert all(f'href="{name}"' in page for name in names)


def test_files_go_with_their_rows(tmp_path):
    """A file that no longer has rows is removed; a lost one is written again."""
    write(tmp_path, [("f.fits", "ingest", 1, "once")], [(1, 0.5)])
    assert publish(tmp_path) == [f"{NIGHT}.csv", f"{NIGHT}.metrics.csv"]
    (tmp_path / "site" / "a" / f"{NIGHT}.metrics.csv").unlink()
    assert publish(tmp_path) == [f"{NIGHT}.csv", f"{NIGHT}.metrics.csv"]
    write(tmp_path, [("f.fits", "ingest", 1, "once")], [])
    assert publish(tmp_path) == [f"{NIGHT}.csv"]
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_failed"] == 1
