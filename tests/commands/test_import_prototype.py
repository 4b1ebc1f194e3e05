"""The history of a prototype is imported and merged with sources."""

import contextlib
import datetime
import hashlib
import os
import shutil
import sqlite3

import gen2
import pytest
from gen2tree import later, make_night
from prototype import BOTH, NIGHT, database, observed, settings, stored, take_over
from running import contents, counts, nights, run


def test_history_is_taken_over(tmp_path, capsys):
    """Imported nights have the prototype's counts and all its values."""
    now = later()
    made, path = observed(tmp_path, now)
    shutil.rmtree(tmp_path / "input")
    before = hashlib.sha256(path.read_bytes()).hexdigest(), os.stat(path).st_mtime_ns
    assert take_over(tmp_path, settings(tmp_path), now=now) == 0
    said = capsys.readouterr().out
    assert (
        "TRANSFER_LIST           39 rows, 39 taken over" in said
        and "INGEST_LIST             30 rows, 30 taken over" in said
    )
    assert (
        "1 nights, 2020-02-12 to 2020-02-12, 1 of them changed by this" in said
        and "39 files, 30 attempts" in said
    )
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), os.stat(path).st_mtime_ns) == before
    assert [name.name for name in tmp_path.glob("observing_monitor.sqlite3*")] == [path.name]
    night = nights(tmp_path / "site" / "latiss")["2020-02-12"]
    assert (
        counts(night) == {"ingested": 30, "missing": 4, "small": 3, "not_fits": 2}
        and night["last_ingested_at"] == "2020-02-13T03:04:05Z"
    )
    files = {row["file_id"]: row for row in stored(tmp_path / "site", NIGHT, "files")}
    for file in made.files:
        row = files[f"2020-02-12/{file.path.name}"]
        assert (row["size_bytes"], row["created_at"], row["source"]) == (
            file.size_bytes,
            file.created_at,
            "prototype",
        )
    with sqlite3.connect(path) as connection:
        numbers = {number for (number,) in connection.execute("SELECT Filenum FROM TRANSFER_LIST")}
        links = {link for (link,) in connection.execute("SELECT Ingest_Path FROM INGEST_LIST")}
    assert {row["inode"] * 10_000 + row["device"] for row in files.values()} == numbers
    assert {row["destination"] for row in stored(tmp_path / "site", NIGHT, "ingests")} == links
    metrics = {row["name"]: row for row in stored(tmp_path / "site", NIGHT, "metrics")}
    assert (
        metrics["FILE_COUNT.n_error"]["value"] == 6
        and metrics["FILE_COUNT.last_creation"]["text"] == "2020-02-12T23:09:30"
    )
    assert metrics["TRANSFER_LIST.last_update"]["value"] == 39
    assert (
        metrics["TRANSFER_LIST.last_update"]["sampled_at"].isoformat()
        == "2020-02-13T12:00:03+00:00"
    )
    assert "AT_O_20200212" in (tmp_path / "site" / "latiss" / "2020-02-12.html").read_text()


def test_prototype_that_still_runs(tmp_path):
    """An import neither waits for a prototype nor makes it wait."""
    now = later()
    _, path = observed(tmp_path, now)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as prototype:
        prototype.execute("BEGIN EXCLUSIVE")
        prototype.execute("DELETE FROM TRANSFER_LIST")
        before = sorted(name.name for name in tmp_path.glob("observing_monitor.sqlite3*"))
        assert take_over(tmp_path, settings(tmp_path), now=now) == 0
        assert sorted(name.name for name in tmp_path.glob("observing_monitor.sqlite3*")) == before
        prototype.execute("ROLLBACK")
    assert nights(tmp_path / "site" / "latiss")["2020-02-12"]["n_files"] == 39


def test_twice_is_once(tmp_path):
    """A second import writes nothing but the time of the run."""
    now = later()
    observed(tmp_path, now)
    config = settings(tmp_path)
    assert take_over(tmp_path, config, now=now) == 0
    before = contents(tmp_path / "site")
    assert take_over(tmp_path, config, now=now + datetime.timedelta(hours=1)) == 0
    assert contents(tmp_path / "site") == before


@pytest.mark.parametrize("first", ["import", "collect"])
def test_truth_is_merged_by_key(tmp_path, first):
    """Files that sources still have are counted once."""
    now = later()
    made, _ = observed(tmp_path, now)
    gone = [*made.of("ingested")[:5], *made.of("missing")[:1]]
    for file in gone:
        file.path.unlink()
        if file.link:
            file.link.unlink()
    with gen2.open_registry(tmp_path / "input" / "gen2repo", gen2.CAMERAS["latiss"]) as registry:
        registry.executemany(
            "DELETE FROM raw WHERE expId = ? AND detector = ?",
            [(f.row["expId"], f.row["detector"]) for f in gone],
        )
    config = settings(tmp_path)
    asked = ("-c", config, "--first_day", NIGHT, "--last_day", NIGHT)
    steps = [lambda: take_over(tmp_path, config, now=now), lambda: run(*asked, now=now)]
    for step in steps if first == "import" else reversed(steps):
        assert step() == 0
    night = nights(tmp_path / "site" / "latiss")["2020-02-12"]
    assert counts(night) == {"ingested": 30, "missing": 3, "small": 3, "not_fits": 2, "gone": 1}
    files = stored(tmp_path / "site", NIGHT, "files")
    assert len({row["name"] for row in files}) == len(files) == 39
    assert {row["name"] for row in files if row["source"] == "prototype"} == {
        file.path.name for file in gone
    }
    ingests = stored(tmp_path / "site", NIGHT, "ingests")
    assert len(ingests) == 30 and sum(row["source"] == "gen2" for row in ingests) == 25
    assert run(*asked, now=now) == 0  # the feed tells what was taken over
    before = contents(tmp_path / "site")
    assert run(*asked, "--full", now=now) == 0 and contents(tmp_path / "site") == before


def test_raws_outlive_their_files(tmp_path):
    """A raw and its purged file, which the prototype knew, are one."""
    now = later()
    made = make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=now, link="copy")
    rows = []
    for number, file in enumerate(made.files):
        link = str(file.link.relative_to(tmp_path / "input" / "gen2repo"))
        rows.append(
            (
                "TRANSFER_LIST",
                (
                    number,
                    NIGHT.isoformat(),
                    None,
                    f"2020-02-12/cam-{number}.fits",
                    "2020-02-12T23:00:00",
                    20_000,
                ),
            )
        )
        rows.append(("INGEST_LIST", (number, link, NIGHT.isoformat(), None, "2020-02-13T03:04:05")))
        file.path.unlink()
    database(tmp_path / "observing_monitor.sqlite3", BOTH, rows)
    config = settings(tmp_path)
    assert take_over(tmp_path, config, now=now) == 0
    assert run("-c", config, "--first_day", NIGHT, "--last_day", NIGHT, now=now) == 0
    files = stored(tmp_path / "site", NIGHT, "files")
    assert [row["file_id"] for row in files] == [
        f"2020-02-12/cam-{number}.fits" for number in range(3)
    ]
    assert all(row["exposure"] for row in files), "the registry's word of the exposure is kept"
    assert {row["source"] for row in stored(tmp_path / "site", NIGHT, "ingests")} == {"gen2"}
    assert counts(nights(tmp_path / "site" / "latiss")["2020-02-12"]) == {"ingested": 3}


def test_one_butler_at_a_time(tmp_path, capsys):
    """`--gen` imports one Butler's tables."""
    event = (
        5,
        "2020-02-12",
        None,
        "2020-02-12/x.fits",
        "SUCCESS",
        None,
        None,
        "2020-02-12T23:30:00",
        40_000,
        "",
    )
    transfer = (120_051, "2020-02-12", None, "2020-02-12/x.fits", "2020-02-12T23:00:00", 40_000)
    database(
        tmp_path / "observing_monitor.sqlite3",
        BOTH,
        [("FILE_LIST_GEN3", event), ("TRANSFER_LIST", transfer)],
    )
    config = settings(tmp_path)
    assert take_over(tmp_path, config, "--gen", 3) == 0
    assert (
        "TRANSFER_LIST            1 rows, left in the database: of Gen2, not asked for"
        in capsys.readouterr().out
    )
    assert take_over(tmp_path, config, "--gen", 2) == 0
    (file,) = stored(tmp_path / "site", NIGHT, "files")
    assert file["created_at"] and [
        row["stage"] for row in stored(tmp_path / "site", NIGHT, "ingests")
    ] == ["ingest_gen3"]


def test_asked_wrongly(tmp_path, capsys):
    """Without a database or a stream, the message says what to give."""
    config = settings(
        tmp_path, '[streams.latiss]\ninput_dir = "input"\n[streams.comCam]\ninput_dir = "input2"\n'
    )
    observed(tmp_path, later())
    assert (
        run("import-prototype", "-c", config) == 2
        and "--database is not given" in capsys.readouterr().err
    )
    assert (
        take_over(tmp_path, config) == 2
        and "--stream is not given; it is one of latiss, comCam" in capsys.readouterr().err
    )
    assert (
        take_over(tmp_path, config, "--stream", "Latis") == 2
        and "there is no such stream" in capsys.readouterr().err
    )
    assert take_over(tmp_path, config, "--stream", "latiss") == 0
    assert (
        run("-c", config, "--database", tmp_path) == 2
        and "is for import-prototype" in capsys.readouterr().err
    )


def test_without_settings_file(tmp_path):
    """A history is imported without a settings file."""
    now = later()
    observed(tmp_path, now)
    where = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--stream",
        "latiss",
    )
    assert run("import-prototype", *where, "--database", tmp_path, now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {
        "ingested": 30,
        "missing": 4,
        "small": 3,
        "not_fits": 2,
    }
