"""What moves from Rubin's prototype to this program: its database's history, its addresses, its command line."""

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import sqlite3

import gen2
import pyarrow.parquet as parquet
import pytest
from gen2tree import later, make_night
from running import contents, counts, nights, run

NIGHT = datetime.date(2020, 2, 12)

# As the prototype's versions made them: the first, the one of 2021 with both Butlers, the last one.
FIRST = """
CREATE TABLE FILE_COUNT (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER, Last_Transfer TEXT,
    N_Ingest INTEGER, Last_Ingest TEXT);
CREATE TABLE TRANSFER_LIST (File_Name TEXT PRIMARY KEY, ST_DEV INTEGER, ST_INO INTEGER, FILENUM INTEGER, Nite_Trans TEXT, Last_Update TEXT,
    Transfer_Path TEXT, Transfer_Time TEXT);
CREATE TABLE INGEST_LIST (Ingest_Path TEXT PRIMARY KEY, File_Name TEXT, ST_DEV INTEGER, ST_INO INTEGER, FILENUM INTEGER, Nite_Obs TEXT,
    Last_Update TEXT, Transfer_Path TEXT, Ingest_Time TEXT);
"""
BOTH = """
CREATE TABLE FILE_COUNT (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER, Last_Creation TEXT, N_Ingest INTEGER,
    N_Small INTEGER, N_Not_Fits, N_Error INTEGER, Last_Ingest TEXT);
CREATE TABLE FILE_COUNT_GEN3 (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER, Last_Creation TEXT, N_Ingest INTEGER,
    N_Small INTEGER, N_Not_Fits, N_Error INTEGER, Last_Transfer TEXT, Last_Ingest TEXT);
CREATE TABLE FILE_LIST_GEN3 (Filenum INTEGER PRIMARY KEY, Nite TEXT, Last_Update TEXT, Transfer_Path TEXT, Status TEXT, Creation_Time TEXT,
    Transfer_Time TEXT, Ingest_Time TEXT, File_Size INT, Err_Message TEXT);
CREATE TABLE TRANSFER_LIST (Filenum INTEGER PRIMARY KEY,  Nite_Trans TEXT, Last_Update TEXT, Transfer_Path TEXT,
    Creation_Time TEXT, File_Size INT);
CREATE TABLE INGEST_LIST (FILENUM INTEGER PRIMARY KEY, Ingest_Path TEXT, Nite_Obs TEXT, Last_Update TEXT, Ingest_Time TEXT);
"""
LAST = """
CREATE TABLE FILE_COUNT_GEN3 (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER, Last_Creation TEXT, N_Ingest INTEGER,
    N_Small INTEGER, N_Not_Fits, N_Error INTEGER, Last_Discovery TEXT, Last_Ingest TEXT, Gen TEXT);
CREATE TABLE FILE_LIST_GEN3 (Filenum INTEGER PRIMARY KEY, Nite TEXT, Last_Update TEXT, Transfer_Path TEXT, Status TEXT, Creation_Time TEXT,
    Discovery_Time TEXT, Ingest_Time TEXT, File_Size INT, Err_Message TEXT, Gen TEXT);
CREATE TABLE IMAGE_DATA (Id INTEGER PRIMARY KEY AUTOINCREMENT, EfdHost TEXT NOT NULL DEFAULT '', EfdTable TEXT NOT NULL DEFAULT '',
    ImageName TEXT NOT NULL DEFAULT '', ImageFileName TEXT NOT NULL DEFAULT '', Creation_Time TEXT NOT NULL DEFAULT '0000-00-00T00:00:00',
    InTransfers INT DEFAULT 0, Nite TEXT NOT NULL DEFAULT '0000-00-00');
"""


def database(path, schema, rows):
    """A database of the prototype with these rows, a list of (table, values)."""
    with sqlite3.connect(path) as connection:
        connection.executescript(schema)
        for table, values in rows:
            connection.execute(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values
            )
    connection.close()
    return path


def settings(folder, text='[streams.latiss]\ninput_dir = "input"\n'):
    path = folder / "site.toml"
    path.write_text(f'[observing_monitor]\noutput_dir = "site"\n{text}')
    return path


def take_over(folder, config, *more, now=None):
    return run(
        "import-prototype",
        "-c",
        config,
        "--database",
        folder / "observing_monitor.sqlite3",
        *more,
        now=now or later(),
    )


def stored(folder, night, table):
    """The rows of a stored table, as dicts."""
    return parquet.read_table(
        folder / "data" / "stream=latiss" / f"night={night}" / f"{table}.parquet"
    ).to_pylist()


def observed(folder, now):
    """An input of one night, and the database that the prototype would have made of it: what make_night made, by its counts."""
    made = make_night(
        folder / "input", NIGHT, {"ingested": 30, "missing": 4, "small": 3, "not_fits": 2}, now=now
    )
    update, rows = "2020-02-13T12:00:03", []
    for file in made.files:
        state = file.path.stat()
        number, created = (
            state.st_ino * 10_000 + state.st_dev,
            file.created_at.strftime("%Y-%m-%dT%H:%M:%S"),
        )
        path = str(file.path.relative_to(folder / "input" / "storage"))
        rows.append(
            ("TRANSFER_LIST", (number, NIGHT.isoformat(), update, path, created, file.size_bytes))
        )
        if file.link:
            link = str(file.link.relative_to(folder / "input" / "gen2repo"))
            rows.append(
                ("INGEST_LIST", (number, link, NIGHT.isoformat(), update, "2020-02-13T03:04:05"))
            )
    rows.append(
        (
            "FILE_COUNT",
            (
                NIGHT.isoformat(),
                update,
                39,
                "2020-02-12T23:09:30",
                30,
                3,
                2,
                6,
                "2020-02-13T03:04:05",
            ),
        )
    )
    return made, database(folder / "observing_monitor.sqlite3", BOTH, rows)


def test_history_is_taken_over(tmp_path, capsys):
    """With the files long gone: a page with the prototype's counts, every value in the tables, rows in and out printed."""
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
    """A prototype in the middle of writing its database is not kept waiting, nor does it keep us; nothing is made beside the database."""
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
    """Taken over a second time, nothing is written but what tells when a run was."""
    now = later()
    observed(tmp_path, now)
    config = settings(tmp_path)
    assert take_over(tmp_path, config, now=now) == 0
    before = contents(tmp_path / "site")
    assert take_over(tmp_path, config, now=now + datetime.timedelta(hours=1)) == 0
    assert contents(tmp_path / "site") == before


@pytest.mark.parametrize("first", ["import", "collect"])
def test_truth_is_merged_by_key(tmp_path, first):
    """Where the files can still be read, each stands once, as its source tells it; those purged since stay what they were."""
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
    """Where the store was purged and the repository of copies was not, a raw and the file that the prototype knew are one."""
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
    """Gen3's last events stand beside Gen2's links as a stage of their own; what has no place is kept, a row without a night is told."""
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
    """The first version's database and the last's are read as well, in either's words; tables that we do not know are kept or named."""
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


def test_one_butler_at_a_time(tmp_path, capsys):
    """--gen takes one Butler's tables; the other's, taken later, join them."""
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


def wrong_databases(folder):
    """Files that are no whole database of the prototype, and what is said of each."""
    _, path = observed(folder, later())
    whole = path.read_bytes()
    path.unlink()
    yield path, None, "no such file or directory"
    yield path, b"", "has no table"
    yield path, b"This is no database at all. " * 100, "file is not a database"
    for cut in (50, 4096, len(whole) // 2, len(whole) - 1):
        yield path, whole[:cut], ""
    for page in range(4096, len(whole), 4096):
        yield path, whole[:page] + b"\xff" * 200 + whole[page + 200 :], ""
    other = database(folder / "other.sqlite3", "CREATE TABLE raw (id INT);", [])
    yield path, other.read_bytes(), "has the tables raw; the prototype's are TRANSFER_LIST"


def test_wrong_database(tmp_path, capfd):
    """A file that is not there, is none, is cut or damaged costs one clear line that names it, and nothing is written or lost."""
    config = settings(tmp_path)
    for path, data, words in wrong_databases(tmp_path):
        if data is not None:
            path.write_bytes(data)
        assert take_over(tmp_path, config) == 2
        said = capfd.readouterr().err
        assert (
            said.count("\n") == 1
            and f"observing_monitor: {path}: " in said
            and words in said
            and "nothing was taken over" in said
        )
        assert not list((tmp_path / "site").glob("data/stream=*/night=*"))


def test_asked_wrongly(tmp_path, capsys):
    """Without a database, or with several streams and none named, one line says what to give."""
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
    """One stream by flags takes its history over as well."""
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
