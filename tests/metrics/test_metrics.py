"""Metrics and timers: the numbers of a night are recorded and read back."""

import datetime
import json
import math
import os
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from metric_places import NID, PLACES, make_place

from observing_monitor.errors import OutputError
from observing_monitor.metrics import Metrics, Timer
from observing_monitor.metrics.values import nid_of_night

NIGHT = datetime.date(2024, 1, 4)


@pytest.fixture(params=PLACES)
def where(request, tmp_path):
    """An empty place of each kind."""
    return make_place(request, tmp_path)


def test_set_replaces_add_increments(where):
    """`set` replaces, `add` adds and `delete` deletes; all else stays."""
    with Metrics(where) as metrics:
        assert metrics.read(NID) == {}
        metrics.add({"today_alert": 2000, "icassandra_0": 55.25}, NID)
        metrics.add({"today_alert": 2000, "today_filter": 0}, NIGHT)
        metrics.set({"total_count": 20622}, "2024-01-04")
        metrics.set({"total_count": 20623, "min_delay": -1}, "20240104")
        metrics.set({"today_alert": 7}, 2560)
        assert metrics.read("2559") == {
            "today_alert": 4000,
            "icassandra_0": 55.25,
            "today_filter": 0,
            "total_count": 20623,
            "min_delay": -1,
        }
        assert metrics.delete(NIGHT) and not metrics.delete(NIGHT)
        assert metrics.read(NID) == {} and metrics.read(2560) == {"today_alert": 7}


def test_names_are_told_apart(where):
    """Any letters distinguish names, and counts go on above 16,777,216."""
    with Metrics(where) as metrics:
        metrics.set(
            {"diaSource": 1, "DIASOURCE": 2, 'it\'s <b>"%s" :nid': 3, "many": 16_777_216}, NID
        )
        metrics.add({"diaSource": 1, "many": 1}, NID)
        assert metrics.read(NID) == {
            "diaSource": 2,
            "DIASOURCE": 2,
            'it\'s <b>"%s" :nid': 3,
            "many": 16_777_217,
        }


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"bad": math.nan}, ValueError),
        ({"bad": -math.inf}, ValueError),
        ({"bad": 10**400}, ValueError),
        ({"bad": "12"}, TypeError),
        ({"bad": True}, TypeError),
        ({"bad": None}, TypeError),
        ({"bad": [1]}, TypeError),
        ({"bad": {"x": 1}}, TypeError),
        ({"bad": Decimal(1)}, TypeError),
        ({"bad": 1j}, TypeError),
        ({"": 1}, ValueError),
        ({" bad": 1}, ValueError),
        ({"bad\n": 1}, ValueError),
        ({"nid": 2559}, ValueError),
        ({"update_time": 1}, ValueError),
        ({3: 1}, TypeError),
        ([("bad", 1)], TypeError),
    ],
)
def test_bad_values_write_nothing(tmp_path, values, error):
    """If one value or name is wrong, none of the values is written."""
    metrics = Metrics(tmp_path)
    for write in (metrics.set, metrics.add):
        with pytest.raises(error):
            write({"good": 1} | values if isinstance(values, dict) else values, NID)
    assert os.listdir(tmp_path) == []


def test_nights():
    """A night is a number, a date, an aware datetime, or text."""
    evening = datetime.datetime(
        2024, 1, 3, 20, tzinfo=datetime.timezone(datetime.timedelta(hours=-10))
    )
    assert {
        nid_of_night(night) for night in (2559, NIGHT, evening, "2559", " 2024-01-04 ", "20240104")
    } == {NID}
    for night in (
        20240104,
        -1,
        "2021-12-1",
        "2024-02-30",
        "",
        "yesterday",
        datetime.date(2016, 12, 31),
        datetime.datetime(2024, 1, 4),  # noqa: DTZ001
    ):
        with pytest.raises(ValueError, match="night|zone"):
            nid_of_night(night)
    for night in (None, True, 2559.0, [2559]):
        with pytest.raises(TypeError):
            nid_of_night(night)


def test_file_is_the_documented_form(tmp_path, shared_data):
    """A file has the form that Lasair documents, and Lasair's are continued."""
    path = tmp_path / f"status_{NID}.json"
    documented = json.loads((shared_data / "lasair" / path.name).read_text())
    path.write_text(json.dumps(documented))
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    Metrics(tmp_path).add({"today_alert": 1, "min_delay": 1.5}, NID)
    written = json.loads(path.read_text())
    assert (
        before
        <= datetime.datetime.fromisoformat(written["update_time"])
        <= before + datetime.timedelta(minutes=1)
    )
    assert len(written["update_time"]) == len("2024-01-04T12:16:08")
    assert written | {"update_time": ""} == documented | {
        "update_time": "",
        "today_alert": 4001,
        "min_delay": 0.5,
    }


def test_file_may_be_read_by_others(tmp_path):
    """The umask decides who may read a file, so a web server can."""
    before = os.umask(0o022)
    try:
        Metrics(tmp_path).set({"a": 1}, NID)
    finally:
        os.umask(before)
    assert (tmp_path / f"status_{NID}.json").stat().st_mode & 0o777 == 0o644


def test_places_that_are_not_there(tmp_path, mariadb):
    """A missing folder is made; a missing parent or table is an error."""
    Metrics(tmp_path / "new").add({"a": 1}, NID)
    deep = tmp_path / "not" / "mounted"
    with pytest.raises(OutputError, match=f"{tmp_path}/not does not exist"):
        Metrics(deep).add({"a": 1}, NID)
    Metrics(deep, create=True).add({"a": 1}, NID)
    assert Metrics(tmp_path / "new").read(NID) == Metrics(deep).read(NID) == {"a": 1}
    for url in (mariadb.create("empty"), f"sqlite:///{tmp_path}/none.db"):
        with pytest.raises(OutputError, match="create=True|cannot be opened"):
            Metrics(url).add({"a": 1}, NID)
    assert (
        not (tmp_path / "none.db").exists()
        and mariadb.execute("SHOW TABLES", database="empty") == []
    )


def test_a_password_is_never_shown(mariadb, monkeypatch):
    """No error and no repr shows a password; it may come from the environment."""
    mariadb.create("secrets")
    wrong = Metrics(mariadb.url("secrets", "hunter2/x"))
    with pytest.raises(OutputError) as caught:
        wrong.add({"a": 1}, NID)
    assert (
        "denied" in str(caught.value)
        and "hunter2" not in str(caught.value) + repr(wrong)
        and "secrets" in repr(wrong)
    )
    monkeypatch.setenv("NUMBERS_PASSWORD", mariadb.password)
    with Metrics(
        mariadb.url("secrets", ""), create=True, password_env="NUMBERS_PASSWORD"
    ) as metrics:
        metrics.add({"a": 1}, NID)
        assert metrics.read(NID) == {"a": 1}
    monkeypatch.delenv("NUMBERS_PASSWORD")
    with pytest.raises(OutputError, match="NUMBERS_PASSWORD"):
        Metrics(mariadb.url("secrets", ""), password_env="NUMBERS_PASSWORD").read(NID)


def test_long_names_are_refused_not_cut(mariadb):
    """A name too long for its column is an error, and nothing is written.

    The server is set to cut such names.
    """
    url = mariadb.create("lenient")
    mariadb.execute(
        "SET GLOBAL sql_mode = ''",
        "CREATE TABLE lenient.lasair_statistics (nid int NOT NULL, name VARCHAR(32), "
        "value FLOAT DEFAULT 0, PRIMARY KEY (nid, name))",
    )
    try:
        with Metrics(url) as metrics:
            with pytest.raises(OutputError, match="too long"):
                metrics.add({"a": 1, "x" * 33: 1}, NID)
            metrics.add({"x" * 32: 140.8}, NID)
            assert metrics.read(NID) == {"x" * 32: 140.8}
    finally:
        mariadb.execute("SET GLOBAL sql_mode = DEFAULT")


def test_timer(tmp_path, monkeypatch):
    """A timer sums the seconds that it is on, and keeps them until recorded."""
    clock = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def wait(seconds):
        clock[0] += seconds

    timer = Timer("icassandra", node=0)
    timer.off()
    with timer:
        wait(2)
    wait(5)
    timer.on()
    wait(1)
    timer.on()
    wait(3)
    timer.off()
    assert timer.seconds == 6
    with pytest.raises(OutputError):
        timer.add_to(Metrics(tmp_path / "not" / "there"), NID)
    metrics = Metrics(tmp_path)
    timer.add_to(metrics, NID)
    timer.add_to(metrics, NID)
    assert timer.seconds == 0 and metrics.read(NID) == {"icassandra_0": 6}
    timer.on()
    wait(7)
    timer.add_to(metrics, NIGHT)  # while it runs
    assert metrics.read(NID) == {"icassandra_0": 13} and timer.seconds == 0
    wait(4)
    timer.off()
    assert timer.seconds == 4


def test_light_enough_for_pipelines(tmp_path):
    """Recording in a folder imports neither pandas nor SQLAlchemy nor NumPy."""
    program = f"""
import sys
from observing_monitor.metrics import Metrics
Metrics({str(tmp_path)!r}).add({{"a": 1}}, 2559)
heavy = {{"pandas", "numpy", "sqlalchemy", "pyarrow", "configargparse", "jinja2"}}
heavy &= set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_numbers_of_numpy(tmp_path):
    """NumPy's numbers are accepted."""
    import numpy as np

    Metrics(tmp_path).set({"a": np.int64(3), "b": np.float32(0.5)}, np.int64(NID))
    assert Metrics(tmp_path).read(NID) == {"a": 3, "b": 0.5}
