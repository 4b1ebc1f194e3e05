"""Real servers that are stopped, cut off in mid-answer, or changed: what they told stays, the page says so, and they come back."""

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


@contextlib.contextmanager
def stopped(*pids):
    """The processes, stopped as a machine that swaps stops them: connections are taken, and nothing is answered."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(params=["postgres", "mariadb"])
def database(request):
    """A database of one table that takes some room: its address, a function to change it, and its server's process."""
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


def told(folder, stream="pipeline"):
    """The metrics of the night's page, by name, and its findings' texts."""
    data = json.loads((folder / "site" / stream / f"{NIGHT}.json").read_text())
    page = (folder / "site" / stream / f"{NIGHT}.html").read_text()
    findings = [finding["text"] for finding in data["findings"]]
    assert "could not be read since" in page or not any(
        "could not be read since" in text for text in findings
    )
    return {metric["name"]: metric["value"] for metric in data["metrics"]}, findings


def test_database_that_fails_and_comes_back(database, tmp_path, capfd):
    """Stopped, cut off, hanging, without its table or a column: each time the last numbers stay, with why and since when."""
    url, execute, server = database
    whole = {f"n{number}": number for number in range(N_ROWS)}
    with Proxy(server.port) as proxy:
        through = url.replace(f":{server.port}", f":{proxy.port}")
        assert run(*settings(tmp_path, through, 60), now=NOW) == 0
        assert told(tmp_path)[0] == whole
        execute("insert into numbers values ('2021-12-01', 'late', 7, '')")

        def fails(*words, limit_s=60):
            began = time.monotonic()
            assert run(*settings(tmp_path, through, limit_s), now=NOW) == 1
            assert time.monotonic() - began < 20
            proxy.drop()
            error = capfd.readouterr().err
            values, findings = told(tmp_path)
            assert (
                values == whole
                and f"could not be read since {NOW:%Y-%m-%d %H:%M} UTC: " in findings[0]
            )
            assert any(word in findings[0] for word in words) and any(
                word in error for word in words
            ), findings
            assert (
                "Traceback" not in error
                and urllib.parse.quote(getattr(server, "password", None) or "none")
                not in error + findings[0]
            )

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
        values, findings = told(tmp_path)
        assert values == whole | {"late": 7} and findings == []


def test_etcd_that_is_stopped(tmp_path, capfd):
    """An etcd that takes connections and answers nothing costs its limit; the recorders' last state stays, with since when."""
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
    """Two servers stopped, read by four streams each, cost a run the limit of one; what each told stays, and comes back with them."""
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
        text += f'[streams.{name}]\ntime_limit_s = {limit_s}\n[[streams.{name}.sources]]\ntype = "sql"\nurl = "{url}"\n'
        text += 'query = "select night, name, value from numbers"\nnight_column = "night"\ncolumns = { name = "name", value = "value" }\n'
    (tmp_path / "site.toml").write_text(text)
    arguments = ("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*arguments, now=NOW) == 0
    capfd.readouterr()
    began = time.monotonic()
    with stopped(postgres.process.pid, mariadb.process.pid):
        assert run(*arguments, now=NOW) == 1
    seconds, error = time.monotonic() - began, capfd.readouterr().err
    assert (
        error.count(f"no answer within {limit_s} s") == len(urls) and seconds < 1.25 * limit_s + 12
    ), f"{seconds} s: {error}"
    for name in urls:
        values, findings = told(tmp_path, name)
        assert values == {"n": 5} and "could not be read since" in findings[0]
    assert run(*arguments, now=NOW) == 0
    assert [told(tmp_path, name) for name in urls] == [({"n": 5}, [])] * len(urls)
