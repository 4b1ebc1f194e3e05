"""The prototype's database, and its import."""

import datetime
import sqlite3

import pyarrow.parquet as parquet
from gen2tree import later, make_night
from running import run

NIGHT = datetime.date(2020, 2, 12)

# As the prototype's versions made them: the first, one of 2021 with both Butlers, and the last.
FIRST = """
CREATE TABLE FILE_COUNT (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER,
    Last_Transfer TEXT,
    N_Ingest INTEGER, Last_Ingest TEXT);
CREATE TABLE TRANSFER_LIST (File_Name TEXT PRIMARY KEY, ST_DEV INTEGER, ST_INO INTEGER,
    FILENUM INTEGER, Nite_Trans TEXT, Last_Update TEXT,
    Transfer_Path TEXT, Transfer_Time TEXT);
CREATE TABLE INGEST_LIST (Ingest_Path TEXT PRIMARY KEY, File_Name TEXT, ST_DEV INTEGER,
    ST_INO INTEGER, FILENUM INTEGER, Nite_Obs TEXT,
    Last_Update TEXT, Transfer_Path TEXT, Ingest_Time TEXT);
"""
BOTH = """
CREATE TABLE FILE_COUNT (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER,
    Last_Creation TEXT, N_Ingest INTEGER,
    N_Small INTEGER, N_Not_Fits, N_Error INTEGER, Last_Ingest TEXT);
CREATE TABLE FILE_COUNT_GEN3 (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER,
    Last_Creation TEXT, N_Ingest INTEGER,
    N_Small INTEGER, N_Not_Fits, N_Error INTEGER, Last_Transfer TEXT, Last_Ingest TEXT);
CREATE TABLE FILE_LIST_GEN3 (Filenum INTEGER PRIMARY KEY, Nite TEXT, Last_Update TEXT,
    Transfer_Path TEXT, Status TEXT, Creation_Time TEXT,
    Transfer_Time TEXT, Ingest_Time TEXT, File_Size INT, Err_Message TEXT);
CREATE TABLE TRANSFER_LIST (Filenum INTEGER PRIMARY KEY,  Nite_Trans TEXT, Last_Update TEXT,
    Transfer_Path TEXT,
    Creation_Time TEXT, File_Size INT);
CREATE TABLE INGEST_LIST (FILENUM INTEGER PRIMARY KEY, Ingest_Path TEXT, Nite_Obs TEXT,
    Last_Update TEXT, Ingest_Time TEXT);
"""
LAST = """
CREATE TABLE FILE_COUNT_GEN3 (Nite_Obs TEXT PRIMARY KEY, Last_Update TEXT, N_Files INTEGER,
    Last_Creation TEXT, N_Ingest INTEGER,
    N_Small INTEGER, N_Not_Fits, N_Error INTEGER, Last_Discovery TEXT, Last_Ingest TEXT,
    Gen TEXT);
CREATE TABLE FILE_LIST_GEN3 (Filenum INTEGER PRIMARY KEY, Nite TEXT, Last_Update TEXT,
    Transfer_Path TEXT, Status TEXT, Creation_Time TEXT,
    Discovery_Time TEXT, Ingest_Time TEXT, File_Size INT, Err_Message TEXT, Gen TEXT);
CREATE TABLE IMAGE_DATA (Id INTEGER PRIMARY KEY AUTOINCREMENT, EfdHost TEXT NOT NULL DEFAULT '',
    EfdTable TEXT NOT NULL DEFAULT '',
    ImageName TEXT NOT NULL DEFAULT '', ImageFileName TEXT NOT NULL DEFAULT '',
    Creation_Time TEXT NOT NULL DEFAULT '0000-00-00T00:00:00',
    InTransfers INT DEFAULT 0, Nite TEXT NOT NULL DEFAULT '0000-00-00');
"""


def database(path, schema, rows):
    """Make a prototype's database of rows; return its path.

    A row is (table, values).
    """
    with sqlite3.connect(path) as connection:
        connection.executescript(schema)
        for table, values in rows:
            connection.execute(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values
            )
    connection.close()
    return path


def settings(folder, text='[streams.latiss]\ninput_dir = "input"\n'):
    """Write a settings file; return its path."""
    path = folder / "site.toml"
    path.write_text(f'[observing_monitor]\noutput_dir = "site"\n{text}')
    return path


def take_over(folder, config, *more, now=None):
    """Import a folder's database; return the exit code."""
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
    """Return the rows of a stored table, as dicts."""
    return parquet.read_table(
        folder / "data" / "stream=latiss" / f"night={night}" / f"{table}.parquet"
    ).to_pylist()


def observed(folder, now):
    """Make a night's input and the prototype's database of it.

    Returns what `make_night` made, and the path of the database.
    """
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
