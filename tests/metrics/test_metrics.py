"""Recording a night's numbers: nothing is lost or torn, whoever writes at once, and nothing bad is written."""

import datetime
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
from running import run

from observing_monitor.errors import OutputError
from observing_monitor.metrics.recorder import Metrics, Timer
from observing_monitor.metrics.values import nid_of_night

NID = 2559
NIGHT = datetime.date(2024, 1, 4)

ADDER = """
import sys
from observing_monitor.metrics import Metrics
metrics = Metrics(sys.argv[1])
for n in range(int(sys.argv[2])):
    metrics.add({"today_alert": 1, "icassandra_0": 0.5}, 2559)
"""


@pytest.fixture(params=["folder", "sqlite", "postgres", "mariadb"])
def where(request, tmp_path):
    """A place of each form, empty; the tables are made."""
    if request.param == "folder":
        return tmp_path
    url = f"sqlite:///{tmp_path / 'numbers.db'}"
    if request.param != "sqlite":
        url = request.getfixturevalue(request.param).create("numbers")
    with Metrics(url, create=True) as metrics:
        metrics.read(NID)
        metrics.set({"made": 1}, 1)
    return url


def add_from_many(where, n_processes, n):
    """Start processes that add n times each; the processes."""
    return [
        subprocess.Popen([sys.executable, "-c", ADDER, str(where), str(n)])
        for _ in range(n_processes)
    ]


def test_set_replaces_add_increments(where):
    """On every form `set` replaces, `add` increments, other names and nights stay, and `delete` forgets one night."""
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
    """Names that differ in case are two metrics, quotes and `<` are letters like others, and a count goes on above 16,777,216."""
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
    """A value that is no number, or a bad name, is refused before anything is written, the good ones beside it as well."""
    metrics = Metrics(tmp_path)
    for write in (metrics.set, metrics.add):
        with pytest.raises(error):
            write({"good": 1} | values if isinstance(values, dict) else values, NID)
    assert os.listdir(tmp_path) == []


def test_nights():
    """A night is its number, a date, an aware datetime's UTC date, or text of the first two; all else is refused."""
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
    """A night's file is flat, with nid and update_time in UTC; one that Lasair wrote is carried on, its text "-1.0" too."""
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
    """The umask decides who may read a night's file, as with any other: a web server can."""
    before = os.umask(0o022)
    try:
        Metrics(tmp_path).set({"a": 1}, NID)
    finally:
        os.umask(before)
    assert (tmp_path / f"status_{NID}.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("disk", "n"), [("/dev/shm", 10_000), ("", 1000)])
def test_eight_processes_lose_nothing(tmp_path_factory, disk, n):
    """Eight processes adding 10,000 times each lose nothing, and whoever reads meanwhile never sees half a file.

    In memory, for its quickness brings the most collisions; on a disk, whose renames take ten times as long, a tenth of it.
    """
    with tempfile.TemporaryDirectory(
        dir=disk if os.path.isdir(disk) else tmp_path_factory.mktemp("stress")
    ) as folder:
        path = Path(folder, f"status_{NID}.json")
        processes = add_from_many(folder, 8, n)
        seen = [0]
        while any(process.poll() is None for process in processes):
            if path.exists():
                kept = json.loads(path.read_text())
                assert kept["icassandra_0"] == kept["today_alert"] / 2
                seen.append(kept["today_alert"])
            time.sleep(0.02)
        assert [process.returncode for process in processes] == [0] * 8
        assert Metrics(folder).read(NID) == {"today_alert": 8 * n, "icassandra_0": 4 * n}
    assert seen == sorted(seen) and len(set(seen)) > 10


@pytest.mark.parametrize(("server", "n"), [("mariadb", 1000), ("postgres", 300)])
def test_eight_processes_lose_nothing_in_a_table(server, n, request):
    """Eight processes adding to a table lose nothing, and whole adds are seen only."""
    url = request.getfixturevalue(server).create("stress")
    with Metrics(url, create=True) as metrics:
        metrics.set({"today_alert": 0, "icassandra_0": 0}, NID)
        processes = add_from_many(url, 8, n)
        while any(process.poll() is None for process in processes):
            kept = metrics.read(NID)
            assert kept["icassandra_0"] == kept["today_alert"] / 2
            time.sleep(0.02)
        assert [process.returncode for process in processes] == [0] * 8
        assert metrics.read(NID) == {"today_alert": 8 * n, "icassandra_0": 4 * n}


def test_threads_lose_nothing(tmp_path):
    """Threads that share one Metrics lose nothing either."""
    metrics = Metrics(tmp_path)
    threads = [
        threading.Thread(target=lambda: [metrics.add({"a": 1}, NID) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.read(NID) == {"a": 800}


def test_a_fork_has_a_connection_of_its_own(mariadb):
    """A Metrics that was used before a fork works on in the parent and in its children."""
    url = mariadb.create("forked")
    with Metrics(url, create=True) as metrics:
        metrics.add({"a": 1}, NID)
        children = []
        for _ in range(4):
            child = os.fork()
            if not child:
                status = 1
                try:
                    for _ in range(50):
                        metrics.add({"a": 1}, NID)
                    metrics.close()
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        metrics.add({"a": 1}, NID)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert metrics.read(NID) == {"a": 202}


def test_killed_in_the_middle_of_an_add(tmp_path):
    """A process killed amid its adds leaves a readable file with every add that it was told is done, and whole ones only."""
    program = """
import os, sys
from observing_monitor.metrics import Metrics
metrics = Metrics(sys.argv[1])
while True:
    metrics.add({"a": 1, "b": 2}, 2559)
    os.write(1, b".")
"""
    metrics, path, known, rng = (
        Metrics(tmp_path),
        tmp_path / f"status_{NID}.json",
        0,
        random.Random(4),
    )
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
        )
        first = process.stdout.read(1)
        time.sleep(rng.uniform(0.005, 0.1))
        process.send_signal(signal.SIGKILL)
        done = len(first + process.communicate()[0])
        kept = json.loads(path.read_text())
        assert kept["b"] == 2 * kept["a"] and kept["a"] - known in (done, done + 1)
        metrics.add({"a": 1, "b": 2}, NID)  # neither lock nor leavings are in the way
        known = kept["a"] + 1
    assert metrics.read(NID) == {"a": known, "b": 2 * known}


def test_damaged_file_is_left_as_it_is(tmp_path):
    """A file cut short is neither overwritten nor taken for an empty one: the error names it, and other nights go on."""
    metrics, path = Metrics(tmp_path), tmp_path / f"status_{NID}.json"
    for damaged in (
        '{"today_alert": 40',
        "",
        "[1]",
        '{"today_alert": [1]}',
        '{"today_alert": "many"}',
    ):
        path.write_text(damaged)
        with pytest.raises(OutputError, match=path.name):
            metrics.add({"today_alert": 1}, NID)
        assert path.read_text() == damaged
    metrics.add({"today_alert": 1}, NID + 1)
    assert metrics.read(NID + 1) == {"today_alert": 1}


def test_places_that_are_not_there(tmp_path, mariadb):
    """A folder is made where its parent exists; a missing parent or table is an error that says what to do, unless `create`."""
    Metrics(tmp_path / "new").add({"a": 1}, NID)
    deep = tmp_path / "not" / "mounted"
    with pytest.raises(OutputError, match=f"{tmp_path}/not does not exist"):
        Metrics(deep).add({"a": 1}, NID)
    Metrics(deep, create=True).add({"a": 1}, NID)
    assert Metrics(tmp_path / "new").read(NID) == Metrics(deep).read(NID) == {"a": 1}
    for url in (mariadb.create("empty"), f"sqlite:///{tmp_path}/none.db"):
        with pytest.raises(OutputError, match="create=True|unable to open"):
            Metrics(url).add({"a": 1}, NID)
    assert (
        not (tmp_path / "none.db").exists()
        and mariadb.execute("SHOW TABLES", database="empty") == []
    )


def test_full_disk_leaves_the_file(tmp_path):
    """Where a file can't be written whole, what was there stays, and the error says why."""
    program = """
import resource, signal, sys
from observing_monitor.errors import OutputError
from observing_monitor.metrics import Metrics
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
metrics = Metrics(sys.argv[1])
metrics.set({"a": 1}, 2559)
try:
    metrics.set({f"name_{n}": n for n in range(1000)}, 2559)
except OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert f"status_{NID}.json: file too large" in done.stdout
    assert Metrics(tmp_path).read(NID) == {"a": 1}


def test_a_password_is_never_shown(mariadb, monkeypatch):
    """Neither a wrong nor a right password stands in an error or in what a Metrics looks like; one may come from the environment."""
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
    """A longer name than the 32 letters of Lasair's own table is an error even where the server would cut it; nothing is kept."""
    url = mariadb.create("lenient")
    mariadb.execute(
        "SET GLOBAL sql_mode = ''",
        "CREATE TABLE lenient.lasair_statistics (nid int NOT NULL, name VARCHAR(32), value FLOAT DEFAULT 0, PRIMARY KEY (nid, name))",
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
    """A timer sums what lies between on and off, adds it to its node's metric once, and keeps it where that failed."""
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
    timer.add_to(metrics, NIGHT)  # while it runs: up to now, and it runs on
    assert metrics.read(NID) == {"icassandra_0": 13} and timer.seconds == 0
    wait(4)
    timer.off()
    assert timer.seconds == 4


def test_light_enough_for_pipelines(tmp_path):
    """Writing to a folder loads neither pandas nor SQLAlchemy nor numpy."""
    program = f"""
import sys
from observing_monitor.metrics import Metrics
Metrics({str(tmp_path)!r}).add({{"a": 1}}, 2559)
heavy = {{"pandas", "numpy", "sqlalchemy", "pyarrow", "configargparse", "jinja2"}} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_numbers_of_numpy(tmp_path):
    """Numpy's numbers are numbers."""
    import numpy as np

    Metrics(tmp_path).set({"a": np.int64(3), "b": np.float32(0.5)}, np.int64(NID))
    assert Metrics(tmp_path).read(NID) == {"a": 3, "b": 0.5}


# --- the command -------------------------------------------------------------------------------------------------------


def test_command(where, capsys):
    """The command sets, adds, shows and deletes, on every form."""
    assert run("metrics", "set", where, "2024-01-04", "today_alert=2000", "min_delay=-0.5") == 0
    assert run("metrics", "add", where, "2559", "today_alert=2000", "itotal_0=1e2") == 0
    assert capsys.readouterr() == ("", "")
    assert run("metrics", "show", where, "20240104", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "today_alert": 4000,
        "min_delay": -0.5,
        "itotal_0": 100,
    }
    assert run("metrics", "show", where, NID) == 0
    assert "today_alert  4000\n" in capsys.readouterr().out
    assert run("metrics", "delete", where, NID) == 0
    assert run("metrics", "show", where, NID) == 0
    out, err = capsys.readouterr()
    assert out == "" and "has no numbers of night 2559 (2024-01-04)" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "DIR", "2559", "today_alert"),
        ("add", "DIR", "2559", "today_alert=many"),
        ("add", "DIR", "2559", "today_alert=nan"),
        ("add", "DIR", "2559", "a=1", "a=2"),
        ("set", "DIR", "2021-12-1", "a=1"),
        ("set", "DIR/not/there", "2559", "a=1"),
        ("show", "DIR/not", "2559"),
        ("set", "nonsense://x", "2559", "a=1"),
    ],
)
def test_command_used_wrongly(tmp_path, capsys, arguments):
    """What can't be is told in one line on stderr, with exit code 2, and nothing is written."""
    assert run("metrics", *(argument.replace("DIR", str(tmp_path)) for argument in arguments)) == 2
    out, err = capsys.readouterr()
    assert (
        out == ""
        and err.startswith("observing_monitor metrics: ")
        and err.count("\n") == 1
        and "Traceback" not in err
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments", [(), ("add",), ("add", "DIR", "2559"), ("frobnicate", "DIR", "2559")]
)
def test_command_incomplete(arguments):
    """Arguments that lack or are not known are usage: exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run("metrics", *arguments)
    assert ended.value.code == 2


def test_help_teaches(capsys):
    """The help names each form of WHERE and NIGHT and shows commands that work; the main help names the command."""
    with pytest.raises(SystemExit):
        run("metrics", "--help")
    out = capsys.readouterr().out
    assert all(
        words in out
        for words in (
            "status_<nid>.json",
            "mysql://",
            "YYYYMMDD",
            "2559 is 2024-01-04",
            "--password_env",
            "exit codes",
        )
    )
    with pytest.raises(SystemExit):
        run("--help")
    assert "metrics --help" in capsys.readouterr().out
