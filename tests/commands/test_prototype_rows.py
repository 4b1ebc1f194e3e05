"""Rows of each version of the prototype have a place in the store; nothing of them is lost."""

import json

from gen2tree import later
from prototype import BOTH, FIRST, LAST, NIGHT, database, settings, stored, take_over
from running import nights, run

EVENTS = [
    (
        "SUCCESS",
        "2020-02-12T23:00:00.123456",
        "2020-02-12T23:00:09.12345",
        "2020-02-12T23:01:00.5",
        30_000,
        "",
    ),
    (
        "FAILURE",
        "2020-02-12T23:00:15.000000",
        "2020-02-12T23:00:19.12345",
        "2020-02-12T23:01:10.5",
        30_000,
        "no such dimension: O'Neill",
    ),
    (
        "PENDING",
        "2020-02-12T23:00:15.000000",
        "2020-02-12T23:00:19.12345",
        "2020-02-12T23:01:10.5",
        30_000,
        "",
    ),
    (
        "UNTRIED",
        "0000-00-00T00:00:00.00",
        "2020-02-12T23:00:29.12345",
        "2020-02-12T23:01:20.5",
        0,
        "",
    ),
    (
        "SHINY",
        "2020-02-12T23:00:45.000000",
        "2020-02-12T23:00:49.12345",
        "not a time",
        30_000,
        None,
    ),
]


def test_both_butlers_in_one_database(tmp_path, capsys):
    """Gen3's events are a stage beside Gen2's links; a row without a night is reported."""
    rows = [("FILE_LIST_GEN3", (7, "", None, "odd.fits", "SUCCESS", None, None, None, 1, None))]
    for number, (status, created, came, ingested, size, message) in enumerate(EVENTS, 100):
        path = f"2020-02-12/AT_O_20200212_000{number}.fits"
        rows.append(
            (
                "TRANSFER_LIST",
                (
                    number * 10_000 + 51,
                    "2020-02-12",
                    "2020-02-13T00:00:00",
                    path,
                    "2020-02-12T23:00:00",
                    size,
                ),
            )
        )
        update = "2020-02-13T00:00:01" if number < 104 else "2020-02-14T00:00:01"
        rows.append(
            (
                "FILE_LIST_GEN3",
                (
                    number,
                    "2020-02-12",
                    update,
                    path,
                    status,
                    created,
                    came,
                    ingested,
                    size,
                    message,
                ),
            )
        )
    rows.append(
        (
            "INGEST_LIST",
            (
                1_000_051,
                "raw/2020-02-12/a-det000.fits",
                "2020-02-12",
                "2020-02-13T00:00:00",
                "2020-02-13T00:00:00",
            ),
        )
    )
    rows.append(
        (
            "INGEST_LIST",
            (
                9_990_051,
                "raw/2020-02-12/b-det000.fits",
                "2020-02-12",
                "2020-02-13T00:00:00",
                "2020-02-13T00:00:00",
            ),
        )
    )
    rows.append(
        (
            "TRANSFER_LIST",
            (
                9_980_051,
                "20200212",
                "2020-01-01T00:00:00",
                "2020-02-12/AT_O_20200212_000101.fits",
                None,
                7,
            ),
        )
    )
    database(tmp_path / "observing_monitor.sqlite3", BOTH, rows)
    assert take_over(tmp_path, settings(tmp_path)) == 1
    told = capsys.readouterr()
    assert (
        "FILE_LIST_GEN3: a row tells no night" in told.err
        and "FILE_LIST_GEN3: of 6 rows 5 were taken over" in told.err
    )
    assert "TRANSFER_LIST            6 rows, 6 taken over" in told.out
    ingests = stored(tmp_path / "site", NIGHT, "ingests")
    of_gen3 = {row["file_id"][-8:-5]: row for row in ingests if row["stage"] == "ingest_gen3"}
    assert {name: row["status"] for name, row in of_gen3.items()} == dict(
        zip(
            ("100", "101", "102", "103", "104"),
            ("success", "failure", "waiting", "untried", "unknown"),
            strict=True,
        )
    )
    assert of_gen3["101"]["message"] == "no such dimension: O'Neill"
    assert of_gen3["100"]["attempted_at"].isoformat() == "2020-02-12T23:01:00.500000+00:00"
    files = {row["file_id"]: row for row in stored(tmp_path / "site", NIGHT, "files")}
    assert set(files) == {
        *(f"2020-02-12/AT_O_20200212_000{n}.fits" for n in range(100, 105)),
        "prototype:raw/2020-02-12/b-det000.fits",
    }
    assert (
        files["2020-02-12/AT_O_20200212_000100.fits"]["transferred_at"].isoformat()
        == "2020-02-12T23:00:09.123450+00:00"
    )
    kept = {
        row["name"]: json.loads(row["text"])
        for row in stored(tmp_path / "site", NIGHT, "metrics")
        if row["text"]
    }
    path = "2020-02-12/AT_O_20200212_000{}.fits".format
    assert kept["FILE_LIST_GEN3.filenum"] == {path(n): [n] for n in range(100, 105)}
    assert kept["FILE_LIST_GEN3.status"] == {path(104): ["SHINY"]} and kept[
        "FILE_LIST_GEN3.ingest_time"
    ] == {path(104): ["not a time"]}
    assert kept["FILE_LIST_GEN3.other_update"] == {path(104): ["2020-02-14T00:00:01Z"]}
    assert kept["TRANSFER_LIST.row"][path(101)][0]["file_size"] == 7, (
        "an earlier state of the same file"
    )
    assert kept["FILE_LIST_GEN3.creation_time"][path(100)] == ["2020-02-12T23:00:00.123456"], (
        "the store's own time of it came first"
    )
    assert nights(tmp_path / "site" / "latiss")["2020-02-12"]["n_ingested"] == 2


def test_first_version_and_last(tmp_path, capsys):
    """The first and the last version are read; unknown tables are kept or named."""
    link = "raw/2020-02-12/x-det000.fits"
    first = [
        (
            "TRANSFER_LIST",
            (
                "x.fits",
                51,
                12,
                120_051,
                "2020-02-12",
                "2020-02-13-00:00:00",
                "2020-02-12/x.fits",
                "2020-02-12-23:00:00",
            ),
        ),
        (
            "INGEST_LIST",
            (
                link,
                "x.fits",
                51,
                12,
                120_051,
                "2020-02-12",
                "2020-02-13-00:00:00",
                "NONE",
                "2020-02-12-23:59:00",
            ),
        ),
        (
            "FILE_COUNT",
            (
                "2020-02-12",
                "2020-02-13-00:00:00",
                1,
                "0000-00-00-00:00:00",
                1,
                "2020-02-12-23:59:00",
            ),
        ),
    ]
    database(tmp_path / "observing_monitor.sqlite3", FIRST, first)
    assert take_over(tmp_path, settings(tmp_path)) == 0
    (file,) = stored(tmp_path / "site", NIGHT, "files")
    assert (file["created_at"].isoformat(), file["inode"], file["device"]) == (
        "2020-02-12T23:00:00+00:00",
        12,
        51,
    )
    names = {row["name"] for row in stored(tmp_path / "site", NIGHT, "metrics")}
    assert not any(
        name.startswith(("TRANSFER_LIST.file_name", "INGEST_LIST.st_", "INGEST_LIST.filenum"))
        for name in names
    )
    last = [
        (
            "FILE_LIST_GEN3",
            (
                5,
                "2022-05-01",
                None,
                "20220501/y.fits",
                "SUCCESS",
                None,
                "2022-05-01T23:00:00.1",
                None,
                40_000,
                "",
                "gen3",
            ),
        ),
        (
            "IMAGE_DATA",
            (
                1,
                "efd",
                "t",
                "AT_O_20220501_000001",
                "y.fits",
                "2022-05-01T22:00:00",
                1,
                "2022-05-01",
            ),
        ),
        (
            "FILE_COUNT_GEN3",
            ("2022-05-02", None, 0, "0000-00-00T00:00:00", 0, 0, 0, 0, None, None, "gen3"),
        ),
    ]
    (tmp_path / "later").mkdir()
    path = database(
        tmp_path / "later" / "observing_monitor.sqlite3",
        LAST + "CREATE TABLE extra (a INT);",
        [*last, ("extra", (1,))],
    )
    config = settings(tmp_path, '[streams.latiss]\ninput_dir = "input"\ngen = 3\n')
    assert run("import-prototype", "-c", config, "--database", path.parent, now=later()) == 0
    assert (
        "extra                    1 rows, left in the database: has no column that tells a night"
        in capsys.readouterr().out
    )
    (file,) = stored(tmp_path / "site", "2022-05-01", "files")
    assert file["transferred_at"].isoformat() == "2022-05-01T23:00:00.100000+00:00"
    assert [row["stage"] for row in stored(tmp_path / "site", "2022-05-01", "ingests")] == [
        "ingest"
    ]
    (kept,) = [
        row
        for row in stored(tmp_path / "site", "2022-05-01", "metrics")
        if row["name"] == "IMAGE_DATA.row"
    ]
    assert json.loads(kept["text"])[""][0]["imagename"] == "AT_O_20220501_000001"
    assert list(nights(tmp_path / "site" / "latiss")) == ["2020-02-12", "2022-05-01", "2022-05-02"]
