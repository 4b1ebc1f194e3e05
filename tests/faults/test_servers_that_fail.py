"""Servers that stop, change or cut connections.

Their last data stay, the pages say so, and the servers are read again once they are back.
"""

import contextlib
import datetime
import json
import os
import signal
import time
import urllib.parse

import etcd
import pytest
from proxy import Proxy
from running import run

NOW = datetime.datetime(2021, 12, 1, 20, tzinfo=datetime.UTC)
NIGHT = "2021-12-01"
N_ROWS = 4000
QUERY = """query = "select night, name, value from numbers"
night_column = "night"
columns = { name = "name", value = "value" }
"""


@contextlib.contextmanager
def stopped(*pids):
    """Stop processes; their connections get no answer."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(params=["postgres", "mariadb"])
def database(request):
    """A database's URL, a function to change it, its server."""
    server = request.getfixturevalue(request.param)
    url = server.create("faults")
    where = {"dbname" if request.param == "postgres" else "database": "faults"}

    def execute(*statements):
        server.execute(*statements, **where)

    rows = ",".join(f"('{NIGHT}', 'n{number}', {number}, '{'x' * 60}')" for number in range(N_ROWS))
    execute(
        "create table numbers (night varchar(10), name varchar(10), value int, more varchar(80))",
        f"insert into numbers values {rows}",
    )
    return url, execute, server


def settings(folder, url, limit_s):
    """Write settings of a database; return a run's arguments."""
    folder.joinpath("site.toml").write_text(
        f"""[observing_monitor]
output_dir = "site"
[streams.pipeline]
time_limit_s = {limit_s}
[[streams.pipeline.sources]]
type = "sql"
url = "{url}"
timeout_s = 30
query = "select night, name, value, more from numbers"
night_column = "night"
columns = {{ name = "name", value = "value", text = "more" }}
"""
    )
    return ("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)


def read_page(folder, stream="pipeline"):
    """Return the night's metrics and its findings' texts."""
    data = json.loads((folder / "site" / stream / f"{NIGHT}.json").read_text())
    page = (folder / "site" / stream / f"{NIGHT}.html").read_text()
    findings = [finding["text"] for finding in data["findings"]]
    is_silent = any("could not be read since" in text for text in findings)
    assert "could not be read since" in page or not is_silent
    return {metric["name"]: metric["value"] for metric in data["metrics"]}, findings


def test_database_that_fails_and_comes_back(database, tmp_path, capfd):
    """A failing database keeps its last numbers."""
    url, execute, server = database
    whole = {f"n{number}": number for number in range(N_ROWS)}
    password = urllib.parse.quote(getattr(server, "password", None) or "none")
    with Proxy(server.port) as proxy:
        through = url.replace(f":{server.port}", f":{proxy.port}")
        assert run(*settings(tmp_path, through, 60), now=NOW) == 0
        assert read_page(tmp_path)[0] == whole
        execute("insert into numbers values ('2021-12-01', 'late', 7, '')")

        def fails(*words, limit_s=60):
            began = time.monotonic()
            assert run(*settings(tmp_path, through, limit_s), now=NOW) == 1
            assert time.monotonic() - began < 20
            proxy.drop()
            error = capfd.readouterr().err
            values, findings = read_page(tmp_path)
            assert values == whole
            assert f"could not be read since {NOW:%Y-%m-%d %H:%M} UTC: " in findings[0]
            assert any(word in findings[0] for word in words), findings
            assert any(word in error for word in words), error
            assert "Traceback" not in error and password not in error + findings[0]

        proxy.after, proxy.then = 30_000, "cut"
        fails("closed the connection", "Lost connection", "connection")
        proxy.then = "hang"
        fails("no answer within 1.5 s", limit_s=1.5)
        proxy.after = None
        with stopped(server.process.pid):
            fails("no answer within 1.5 s", limit_s=1.5)
        execute("alter table numbers rename to elsewhere")
        fails("does not exist", "doesn't exist")
        execute(
            "alter table elsewhere rename to numbers",
            "alter table numbers rename column value to amount",
        )
        fails("does not exist", "Unknown column")
        execute("alter table numbers rename column amount to value")
        assert run(*settings(tmp_path, through, 60), now=NOW) == 0
        assert read_page(tmp_path) == (whole | {"late": 7}, [])


def test_etcd_that_is_stopped(tmp_path, capfd):
    """Recorders keep their last state if etcd is silent."""
    (tmp_path / "etcd").mkdir()
    with etcd.running(tmp_path / "etcd") as server:
        server.put({"/mon/drvs1/op-type": {"timestamp": NOW.timestamp(), "value": "recording"}})
        (tmp_path / "site.toml").write_text(
            f'[observing_monitor]\noutput_dir = "site"\n[streams.lwa]\ntime_limit_s = 1.5\n'
            f'[[streams.lwa.sources]]\ntype = "lwa"\nurl = "{server.url}"\nrecorders = ["drvs1"]\n'
        )
        arguments = ("-c", tmp_path / "site.toml", "--num_days", 1)
        run(*arguments, now=NOW)
        before = json.loads((tmp_path / "site" / "lwa" / "2021-12-01.json").read_text())["metrics"]
        assert before, "nothing was read"
        with stopped(server.process.pid):
            capfd.readouterr()
            assert run(*arguments, now=NOW) == 1
            assert "no answer within 1.5 s" in capfd.readouterr().err
        data = json.loads((tmp_path / "site" / "lwa" / "2021-12-01.json").read_text())
        assert data["metrics"] == before
        assert any("lwa could not be read since" in finding["text"] for finding in data["findings"])
        run(*arguments, now=NOW)
        data = json.loads((tmp_path / "site" / "lwa" / "2021-12-01.json").read_text())
        assert not any("could not be read since" in finding["text"] for finding in data["findings"])


def test_servers_that_are_stopped_together(tmp_path, postgres, mariadb, capfd):
    """Two stopped servers cost a run one time limit."""
    urls, limit_s = {}, 4
    for number in range(4):
        for kind, server, where in (("pg", postgres, "dbname"), ("my", mariadb, "database")):
            url = server.create(f"together{number}")
            rows = [
                "create table numbers (night varchar(10), name varchar(10), value int)",
                f"insert into numbers values ('{NIGHT}', 'n', 5)",
            ]
            server.execute(*rows, **{where: f"together{number}"})
            urls[f"{kind}{number}"] = url
    text = '[observing_monitor]\noutput_dir = "site"\n'
    for name, url in urls.items():
        text += f"[streams.{name}]\ntime_limit_s = {limit_s}\n"
        text += f'[[streams.{name}.sources]]\ntype = "sql"\nurl = "{url}"\n{QUERY}'
    (tmp_path / "site.toml").write_text(text)
    arguments = ("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*arguments, now=NOW) == 0
    capfd.readouterr()
    began = time.monotonic()
    with stopped(postgres.process.pid, mariadb.process.pid):
        assert run(*arguments, now=NOW) == 1
    seconds, error = time.monotonic() - began, capfd.readouterr().err
    assert error.count(f"no answer within {limit_s} s") == len(urls), error
    assert seconds < 1.25 * limit_s + 12, error
    for name in urls:
        values, findings = read_page(tmp_path, name)
        assert values == {"n": 5} and "could not be read since" in findings[0]
    assert run(*arguments, now=NOW) == 0
    assert [read_page(tmp_path, name) for name in urls] == [({"n": 5}, [])] * len(urls)
