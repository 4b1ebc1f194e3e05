"""Lasair's table of statistics on MariaDB."""

import datetime
import json
import socket

import pandas as pd
import pytest
import sqlalchemy
from lasair_source import NID, NIGHT, NOW, site, source
from running import nights, run

from observing_monitor.errors import SourceError
from observing_monitor.metrics import Metrics
from observing_monitor.readers.sql import Database

TABLE = (
    "CREATE TABLE lasair_statistics (nid int NOT NULL, name VARCHAR(32), value FLOAT DEFAULT 0, "
    "PRIMARY KEY (nid, name))"
)


def test_lasairs_own_table(mariadb):
    """Every digit of Lasair's 4-byte FLOAT is read; nid is no metric."""
    url = mariadb.create("lasair")
    mariadb.execute(
        TABLE,
        "INSERT INTO lasair_statistics VALUES (2559,'nid',2559), (2559,'today_alert',1234567), "
        "(2559,'diaSource',16777217), (2559,'itotal_0',140.8), (2559,'today_lsst',-1), "
        "(2559,'min_delay',1e9), (2559,'x',NULL), (2558,'today_alert',1), (-3,'a',1), "
        "(2000000000,'a',1)",
        database="lasair",
    )
    lasair = source(url=url)
    assert lasair.nights() == {NIGHT, datetime.date(2024, 1, 3)}
    reading = lasair.read(NIGHT)
    values = reading.metrics.set_index("name")["value"]
    assert (values["today_alert"], values["diaSource"], values["itotal"]) == (
        1234567,
        16777216,
        140.8,
    )
    assert values[["today_lsst", "min_delay", "x"]].isna().all() and "nid" not in values
    assert (
        set(reading.metrics["sampled_at"]) == {pd.Timestamp(NOW)}
        and reading.append
        and reading.notes == []
    )


def test_a_look_tells_of_any_change(mariadb):
    """A look differs if a number does; deleted rows are an error."""
    url = mariadb.create("lasair")
    with Metrics(url, create=True) as metrics:
        assert metrics.read(NID) == {} and source(url=url).look(NIGHT, None) is None
        metrics.set({"today_alert": 1, "itotal_0": 2.5}, NID)
        first = source(url=url).look(NIGHT, None)
        assert first == source(url=url).look(NIGHT, first) == json.loads(json.dumps(first))
        metrics.add({"itotal_0": 0.25}, NID)
        assert source(url=url).look(NIGHT, first) != first
        metrics.delete(NID)
        with pytest.raises(SourceError, match="night 2559 of lasair_statistics is no longer there"):
            source(url=url).look(NIGHT, first)


def test_another_tables_name(mariadb):
    """The table may have any name, also in another database."""
    url = mariadb.create("lasair")
    mariadb.create("other")
    mariadb.execute(
        TABLE.replace("lasair_statistics", "`odd-name`"),
        "INSERT INTO `odd-name` VALUES (2559, 'today_alert', 5)",
        database="other",
    )
    assert source(url=url, table="other.odd-name").read(NIGHT).metrics["value"].tolist() == [5]


def test_a_table_that_lacks_a_column(mariadb, tmp_path):
    """A missing column or table is reported with its place, without password."""
    url = mariadb.create("lasair")
    for prepare, words in (
        ("SELECT 1", "doesn't exist"),
        ("CREATE TABLE lasair_statistics (nid int, name text)", "Unknown column 'value'"),
    ):
        mariadb.execute(prepare, database="lasair")
        with pytest.raises(SourceError, match=words) as caught:
            source(url=url).look(NIGHT, None)
        assert "secret" not in str(caught.value) and f"127.0.0.1:{mariadb.port}/lasair" in str(
            caught.value
        )


def test_a_source_only_reads(mariadb):
    """The connection of a source cannot write."""
    url = mariadb.create("lasair")
    mariadb.execute(TABLE, database="lasair")
    with pytest.raises(SourceError, match="READ ONLY"), Database(url).connect() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO lasair_statistics VALUES (1, 'a', 1)"))


def test_a_server_that_is_down_slow_or_refuses(mariadb, tmp_path, capfd):
    """If the server fails, numbers stay, the page says why, no password shows."""
    with Metrics(mariadb.create("lasair"), create=True) as metrics:
        metrics.set({"today_alert": 4000}, NID)
    assert run("-c", site(tmp_path, url=mariadb.url("lasair")), now=NOW) == 0
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        slow = mariadb.url("lasair", "hunter2").replace(str(mariadb.port), str(port))
        refused, settings = mariadb.url("lasair", "hunter2"), {"name": "lasair"}
        for url, words in ((slow, "timed out"), (refused, "denied")):
            assert run("-c", site(tmp_path, url=url, timeout_s=1, **settings), now=NOW) == 1
            night = nights(tmp_path / "www" / "broker")["2024-01-04"]
            assert (
                night["status"] == "error"
                and night["today_alert"] == 4000
                and words in night["info"]
            )
    assert run("-c", site(tmp_path, url=slow, timeout_s=1, **settings), now=NOW) == 1
    assert "refused" in nights(tmp_path / "www" / "broker")["2024-01-04"]["info"]
    for path in (tmp_path / "www").rglob("*"):
        if path.is_file():
            assert (
                b"hunter2" not in path.read_bytes()
                and mariadb.password.encode() not in path.read_bytes()
            )
    assert "hunter2" not in "".join(capfd.readouterr())
