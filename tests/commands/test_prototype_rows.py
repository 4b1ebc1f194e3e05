"""Rows of each version of the prototype have a place in the store."""

import json

import pytest
from gen2tree import later
from prototype import BOTH, FIRST, LAST, NIGHT, database, settings, stored, take_over
from running import nights, run

DAY, UPDATE = NIGHT.isoformat(), "2020-02-13T00:00:00"
MADE = "2020-02-12T23:00:15.000000"
# status, creation, discovery, ingest, size and message of a Data Backbone's files
EVENTS = [
    ("SUCCESS", "2020-02-12T23:00:00.123456", "23:00:09.12345", "T23:01:00.5", 30_000, ""),
    ("FAILURE", MADE, "23:00:19.12345", "T23:01:10.5", 30_000, "no such dimension: O'Neill"),
    ("PENDING", MADE, "23:00:19.12345", "T23:01:10.5", 30_000, ""),
    ("UNTRIED", "0000-00-00T00:00:00.00", "23:00:29.12345", "T23:01:20.5", 0, ""),
    ("SHINY", MADE, "23:00:49.12345", "not a time", 30_000, None),
]


def path_of(number):
    """Return the path of a file by its number."""
    return f"{DAY}/AT_O_20200212_000{number}.fits"


def rows_of_both():
    """Return rows about the same files in the tables of both Butlers."""
    rows = [("FILE_LIST_GEN3", (7, "", None, "odd.fits", "SUCCESS", None, None, None, 1, None))]
    for number, (status, made, came, tried, size, message) in enumerate(EVENTS, 100):
        path, inode = path_of(number), number * 10_000 + 51
        rows.append(("TRANSFER_LIST", (inode, DAY, UPDATE, path, f"{DAY}T23:00:00", size)))
        update = "2020-02-13T00:00:01" if number < 104 else "2020-02-14T00:00:01"
        tried = f"{DAY}{tried}" if tried.startswith("T") else tried
        times = (made, f"{DAY}T{came}", tried)
        rows.append(("FILE_LIST_GEN3", (number, DAY, update, path, status, *times, size, message)))
    for inode, name in ((1_000_051, "a"), (9_990_051, "b")):
        link = f"raw/{DAY}/{name}-det000.fits"
        rows.append(("INGEST_LIST", (inode, link, DAY, UPDATE, UPDATE)))
    # an earlier state of a file
    earlier = (9_980_051, "20200212", "2020-01-01T00:00:00", path_of(101), None, 7)
    return [*rows, ("TRANSFER_LIST", earlier)]


@pytest.fixture
def both(tmp_path, capsys):
    """A site with the history of both Butlers, and what the import said."""
    database(tmp_path / "observing_monitor.sqlite3", BOTH, rows_of_both())
    assert take_over(tmp_path, settings(tmp_path)) == 1
    return tmp_path / "site", capsys.readouterr()


def test_row_without_a_night(both):
    """A row without a night is reported, and all others are imported."""
    _, said = both
    assert "FILE_LIST_GEN3: a row tells no night" in said.err
    assert "FILE_LIST_GEN3: of 6 rows 5 were taken over" in said.err
    assert "TRANSFER_LIST            6 rows, 6 taken over" in said.out


def test_events_of_gen3_are_a_stage(both):
    """Gen3's events are a stage beside Gen2's links, of the same files."""
    site, _ = both
    ingests = stored(site, NIGHT, "ingests")
    of_gen3 = {row["file_id"][-8:-5]: row for row in ingests if row["stage"] == "ingest_gen3"}
    assert {name: row["status"] for name, row in of_gen3.items()} == {
        "100": "success",
        "101": "failure",
        "102": "waiting",
        "103": "untried",
        "104": "unknown",
    }
    assert of_gen3["101"]["message"] == "no such dimension: O'Neill"
    assert of_gen3["100"]["attempted_at"].isoformat() == "2020-02-12T23:01:00.500000+00:00"
    files = {row["file_id"]: row for row in stored(site, NIGHT, "files")}
    of_link = f"prototype:raw/{DAY}/b-det000.fits"
    assert set(files) == {*map(path_of, range(100, 105)), of_link}
    came = files[path_of(100)]["transferred_at"]
    assert came.isoformat() == "2020-02-12T23:00:09.123450+00:00"
    assert nights(site / "latiss")[DAY]["n_ingested"] == 2


def test_values_without_a_place_are_kept(both):
    """Values that no table has a place for are kept as metrics."""
    site, _ = both
    metrics = stored(site, NIGHT, "metrics")
    kept = {row["name"]: json.loads(row["text"]) for row in metrics if row["text"]}
    gen3 = "FILE_LIST_GEN3"
    assert kept[f"{gen3}.filenum"] == {path_of(n): [n] for n in range(100, 105)}
    assert kept[f"{gen3}.status"] == {path_of(104): ["SHINY"]}
    assert kept[f"{gen3}.ingest_time"] == {path_of(104): ["not a time"]}
    assert kept[f"{gen3}.other_update"] == {path_of(104): ["2020-02-14T00:00:01Z"]}
    earlier_state = kept["TRANSFER_LIST.row"][path_of(101)][0]
    assert earlier_state["file_size"] == 7
    # the store's own time came first
    assert kept[f"{gen3}.creation_time"][path_of(100)] == ["2020-02-12T23:00:00.123456"]


def test_first_version(tmp_path):
    """The first version had other columns, and another form of times."""
    update, made, tried = (f"2020-02-{at}" for at in ("13-00:00:00", "12-23:00:00", "12-23:59:00"))
    name, numbers = "x.fits", (51, 12, 120_051)
    link = f"raw/{DAY}/x-det000.fits"
    rows = [
        ("TRANSFER_LIST", (name, *numbers, DAY, update, f"{DAY}/{name}", made)),
        ("INGEST_LIST", (link, name, *numbers, DAY, update, "NONE", tried)),
        ("FILE_COUNT", (DAY, update, 1, "0000-00-00-00:00:00", 1, tried)),
    ]
    database(tmp_path / "observing_monitor.sqlite3", FIRST, rows)
    assert take_over(tmp_path, settings(tmp_path)) == 0
    (file,) = stored(tmp_path / "site", NIGHT, "files")
    assert file["created_at"].isoformat() == "2020-02-12T23:00:00+00:00"
    assert (file["inode"], file["device"]) == (12, 51)
    names = {row["name"] for row in stored(tmp_path / "site", NIGHT, "metrics")}
    has_place = ("TRANSFER_LIST.file_name", "INGEST_LIST.st_", "INGEST_LIST.filenum")
    assert not any(name.startswith(has_place) for name in names)


def test_last_version(tmp_path, capsys):
    """Unknown tables are kept by night, or named if they have none."""
    day, image = "2022-05-01", "AT_O_20220501_000001"
    found = (5, day, None, "20220501/y.fits", "SUCCESS", None, f"{day}T23:00:00.1", None)
    counts = ("2022-05-02", None, 0, "0000-00-00T00:00:00", 0, 0, 0, 0, None, None, "gen3")
    rows = [
        ("FILE_LIST_GEN3", (*found, 40_000, "", "gen3")),
        ("IMAGE_DATA", (1, "efd", "t", image, "y.fits", f"{day}T22:00:00", 1, day)),
        ("FILE_COUNT_GEN3", counts),
        ("extra", (1,)),
    ]
    schema = LAST + "CREATE TABLE extra (a INT);"
    path = database(tmp_path / "observing_monitor.sqlite3", schema, rows)
    config = settings(tmp_path, '[streams.latiss]\ninput_dir = "input"\ngen = 3\n')
    assert run("import-prototype", "-c", config, "--database", path.parent, now=later()) == 0
    left = "left in the database: has no column that tells a night"
    assert f"extra                    1 rows, {left}" in capsys.readouterr().out
    (file,) = stored(tmp_path / "site", day, "files")
    assert file["transferred_at"].isoformat() == "2022-05-01T23:00:00.100000+00:00"
    ingests = stored(tmp_path / "site", day, "ingests")
    assert [row["stage"] for row in ingests] == ["ingest"]
    metrics = stored(tmp_path / "site", day, "metrics")
    (kept,) = [row for row in metrics if row["name"] == "IMAGE_DATA.row"]
    assert json.loads(kept["text"])[""][0]["imagename"] == image
    assert list(nights(tmp_path / "site" / "latiss")) == [day, "2022-05-02"]


def test_databases_of_two_versions(tmp_path):
    """Histories of two versions are imported one after the other."""
    first = ("FILE_COUNT", (DAY, "2020-02-13-00:00:00", 1, None, 1, None))
    last = ("FILE_COUNT_GEN3", ("2022-05-02", None, 0, None, 0, 0, 0, 0, None, None, "gen3"))
    for name, schema, row in (("old", FIRST, first), ("new", LAST, last)):
        (tmp_path / name).mkdir()
        database(tmp_path / name / "observing_monitor.sqlite3", schema, [row])
        config = settings(tmp_path, '[streams.latiss]\ninput_dir = "input"\ngen = 3\n')
        asked = ("import-prototype", "-c", config, "--database", tmp_path / name)
        assert run(*asked, now=later()) == 0
    assert list(nights(tmp_path / "site" / "latiss")) == [DAY, "2022-05-02"]
