"""OVRO-LWA's recorders in a real etcd: points, bands and failures."""

import base64
import datetime
import http.server
import json
import os
import threading
import time

import etcd
import pytest
from lwa_station import NOW, UTC, asked, png, point, sample, station, texts, value
from running import run

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns
from observing_monitor.sources.lwa import LwaRecorders
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store
from observing_monitor.tables.latest import latest_metrics


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real etcd."""
    with etcd.running(tmp_path_factory.mktemp("etcd")) as made:
        yield made


@pytest.fixture
def empty(server):
    """The server, with no monitor point."""
    server.delete("/mon/")
    return server


def test_healthy_station(empty):
    """If all bands are normal one finding says so, and values have units."""
    empty.put(station(NOW - 10))
    tables, notes = sample(NOW, url=empty.url)

    assert texts(tables) == ["normal: all 16 sub-bands of drvs are normal"]
    assert notes == []
    metrics = tables.metrics.set_index(["name", "node"])
    assert metrics.loc[("bifrost/rx_rate", "drvs7"), ["value", "unit"]].tolist() == [46e6, "B/s"]
    assert metrics.loc[("bifrost/pipeline_lag", "drvs7"), "unit"] == "s"
    assert metrics.loc[("op-tag", "drvs7"), ["value", "text"]].isna().all()
    assert metrics.loc[("latest_time_tag", "drvs7"), "text"].startswith(
        datetime.datetime.fromtimestamp(NOW - 10, UTC).isoformat()[:19]
    )
    assert metrics.loc[("op-type", "drvs"), "text"] == "16 recording"


def test_roll_up(empty):
    """Silent bands come first, then errors, then warnings, a finding each."""
    points = station(NOW - 15)
    points["/mon/drvs4/summary"] = point("error", NOW - 5)
    points["/mon/drvs4/info"] = point("Low recording space (96.1% used)", NOW - 5)
    points["/mon/drvs9/summary"] = point("error", NOW - 5)
    points["/mon/drvs9/info"] = point('No <data> & "quotes"', NOW - 5)
    points["/mon/drvs2/summary"] = point("warning", NOW - 5)
    points["/mon/drvs2/info"] = point("Missing packets", NOW - 5)
    points["/mon/drvs5/summary"] = point("booting", NOW - 5)
    points["/mon/drvs5/info"] = point(None, NOW - 5)
    points["/mon/drvs6/summary"] = point("shutdown", NOW - 5)
    # the manager writes this for an absent key
    points["/mon/drvs8/summary"] = point("timeout", 0)
    points["/mon/drvs3/summary"] = point("normal", NOW - 121)
    points = {key: value for key, value in points.items() if not key.startswith("/mon/drvs11/")}
    empty.put(points)
    tables, _ = sample(NOW, url=empty.url)

    assert texts(tables) == [
        "error: 3 sub-bands have not updated in 120 s: drvs3, drvs8, drvs11",
        "error: 1 sub-band booting: drvs5",
        (
            "error: 2 sub-bands error: drvs4=Low recording space (96.1% used); drvs9=No <data> & "
            '"quotes"'
        ),
        "error: 1 sub-band shutdown: drvs6=System operating normally",
        "warning: 1 sub-band warning: drvs2=Missing packets",
    ]
    of_all = tables.metrics[tables.metrics["node"].isna()].set_index("name")["value"]
    assert of_all.to_dict() == {
        "bands_error": 4,
        "bands_normal": 8,
        "bands_silent": 3,
        "bands_warning": 1,
    }


def test_samples_become_a_history(empty):
    """Each run adds what was written since the last one."""
    empty.put(station(NOW))
    tables, _ = sample(NOW + 1, url=empty.url)
    tables, _ = sample(NOW + 60, tables, url=empty.url)
    empty.put({"/mon/drvs1/bifrost/rx_rate": point(1e6, NOW + 61)})
    tables, _ = sample(NOW + 121.5, tables, url=empty.url)

    rates = tables.metrics[
        (tables.metrics["name"] == "bifrost/rx_rate") & (tables.metrics["node"] == "drvs1")
    ]
    assert rates["value"].tolist() == [46e6, 1e6]
    silent = tables.metrics[
        (tables.metrics["name"] == "bands_silent") & (tables.metrics["node"] == "drvs")
    ]
    assert silent["value"].tolist() == [0, 0, 16]
    assert texts(tables)[0].startswith(
        "error: 16 sub-bands have not updated in 120 s: drvs1, drvs2, "
    )
    assert "warning: the manager drvs has not updated in 120 s" in texts(tables)


def test_trouble_that_is_over_is_told(empty):
    """A band that was in error and is normal now is named with the times."""
    empty.put(
        station(NOW - 60)
        | {
            "/mon/drvs10/summary": point("booting", NOW - 60),
            "/mon/drvs2/summary": point("error", NOW - 60),
        }
    )
    tables, _ = sample(NOW - 59, url=empty.url)
    empty.put(station(NOW))
    tables, _ = sample(NOW, tables, url=empty.url)
    at = f"{datetime.datetime.fromtimestamp(NOW - 60, UTC):%Y-%m-%d %H:%M}"
    assert texts(tables) == [
        "normal: all 16 sub-bands of drvs are normal",
        (
            f"normal: earlier in the night 2 sub-bands were not normal: drvs2 error {at}–{at[11:]} "
            f"UTC, drvs10 booting {at}–{at[11:]} UTC"
        ),
    ]


def test_other_nights_cost_nothing(empty):
    """For nights other than tonight, etcd is not asked and nothing changes."""
    source = LwaRecorders(LwaRecorders.Settings(url="http://127.0.0.1:1"), asked(NOW))
    yesterday = source.asked.rule.night_of(source.asked.now) - datetime.timedelta(days=1)
    assert source.look(yesterday, {"sampled_at": "then"}) == {"sampled_at": "then"}
    reading = source.read(yesterday)
    assert (reading.files, reading.attempts, reading.metrics, reading.notes) == (
        None,
        None,
        None,
        [],
    )


def test_bad_points_are_noted(empty):
    """Each point that makes no sense is noted, and the others are read."""
    empty.put(
        {
            **station(NOW - 1),
            "/mon/drvs1/bifrost/rx_rate": '{"timestamp": 17000',
            "/mon/drvs2/bifrost/rx_rate": '{"timestamp": 1700000000, "value": NaN, "unit": ""}',
            "/mon/drvs3/bifrost/rx_rate": "[" * 100_000,
            "/mon/drvs4/bifrost/rx_rate": {"value": 5.0},
            "/mon/drvs5/bifrost/rx_rate": point({"a": 1}, NOW),
            "/mon/drvs6/bifrost/rx_rate": point(1.0, 1e20),
            "/mon/drvs7/bifrost/rx_rate": point(1e999, NOW),
            "/mon/drvs8/bifrost/rx_rate": point("fast", NOW),
            "/mon/drvs8/summary": point("normal", NOW + 4000),
            "/mon/drvs17/summary": point("error", NOW),
            "/mon/drvs9/storage": point([1, "x"], NOW, ["B", ""], field=["free", "where"]),
            "/mon/drvs9/statistics/avg": point([3, 1, None, 2], NOW),
        }
    )
    tables, notes = sample(NOW, url=empty.url)

    said = "\n".join(notes)
    for words in (
        "/mon/drvs1/bifrost/rx_rate: is no JSON",
        "/mon/drvs3/bifrost/rx_rate: is no JSON",
        "/mon/drvs4/bifrost/rx_rate: has no timestamp",
        "/mon/drvs5/bifrost/rx_rate: its value is neither a number nor text",
        "/mon/drvs6/bifrost/rx_rate: has no timestamp that is in the calendar",
        "drvs8: its clock is 4,000 s ahead",
        "has points of drvs17",
    ):
        assert words in said
    assert len(notes) == 7
    assert texts(tables) == ["normal: all 16 sub-bands of drvs are normal"]
    assert value(tables, "bifrost/rx_rate", "drvs10") == 46e6
    assert value(tables, "bifrost/rx_rate", "drvs2") != value(tables, "bifrost/rx_rate", "drvs2")
    assert value(tables, "storage/free", "drvs9") == 1
    assert value(tables, "statistics/avg", "drvs9") == 2
    assert tables.metrics["sampled_at"].max() <= datetime.datetime.fromtimestamp(NOW, UTC)


def test_image_is_kept_in_its_latest(empty):
    """The latest image of a point is kept as a data URI."""
    data, tables = png(), None
    for at in (NOW - 20, NOW - 10):
        empty.put(
            {
                "/mon/drvs1/diagnostics/image": point(
                    base64.urlsafe_b64encode(data).decode(), at, mime="image/png"
                )
            }
        )
        tables, notes = sample(NOW, tables, url=empty.url)
    images = tables.metrics[tables.metrics["unit"] == "image/png"]

    assert notes == []
    assert len(images) == 1 and images["sampled_at"].iloc[0].timestamp() == pytest.approx(NOW - 10)
    assert (
        base64.b64decode(
            images["text"].iloc[0].removeprefix("data:image/png;base64,"), validate=True
        )
        == data
    )
    assert "diagnostics/image" not in {row["name"] for row in latest_metrics(tables.metrics)}


def test_user_and_password(server):
    """The password of etcd's user comes from the environment and never shows."""
    for path, body in (
        ("/v3/auth/user/add", {"name": "root", "password": "s3cret-word"}),
        ("/v3/auth/role/add", {"name": "root"}),
        ("/v3/auth/user/grant", {"user": "root", "role": "root"}),
    ):
        server.post(path, body)
    server.put(station(NOW))
    server.post("/v3/auth/enable", {})
    token = None
    try:
        os.environ["OBSMON_TEST_ETCD"] = "s3cret-word"
        tables, _ = sample(NOW, url=server.url, user="root", password_env="OBSMON_TEST_ETCD")
        assert texts(tables) == ["normal: all 16 sub-bands of drvs are normal"]

        with pytest.raises(SourceError, match="user name is empty|token|permission"):
            sample(NOW, url=server.url)
        os.environ["OBSMON_TEST_ETCD"] = "wrong-word"
        with pytest.raises(SourceError, match="authentication failed") as refused:
            sample(NOW, url=server.url, user="root", password_env="OBSMON_TEST_ETCD")
        assert "word" not in str(refused.value).replace("password", "")
        del os.environ["OBSMON_TEST_ETCD"]
        with pytest.raises(SourceError, match="the environment has no OBSMON_TEST_ETCD"):
            sample(NOW, url=server.url, user="root", password_env="OBSMON_TEST_ETCD")
    finally:
        os.environ.pop("OBSMON_TEST_ETCD", None)
        token = server.post("/v3/auth/authenticate", {"name": "root", "password": "s3cret-word"})[
            "token"
        ]
        server.headers["Authorization"] = token
        server.post("/v3/auth/disable", {})
        del server.headers["Authorization"]


def test_etcd_that_is_down_slow_or_something_else(empty):
    """A server that fails is an error that names the place, in time."""
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:\d+: connection refused"):
        sample(NOW, url=f"http://user:hidden@127.0.0.1:{etcd.free_port()}", timeout_s=2)
    for answer, words in (
        (None, "within 0.5 s"),
        (b"<html>", "is etcd's gateway there"),
        (b"[1]", "not etcd's"),
        (b'{"count": "1"}', ""),
    ):
        with WebServer(answer) as url:
            started = time.monotonic()
            source = LwaRecorders(LwaRecorders.Settings(url=url, timeout_s=0.5), asked(NOW))
            night = source.asked.rule.night_of(source.asked.now)
            if words:
                with pytest.raises(SourceError, match=words):
                    source.look(night, None)
            else:
                assert source.look(night, None)
            assert time.monotonic() - started < 20
    with pytest.raises(UsageError, match="no address") as wrong:
        LwaRecorders(LwaRecorders.Settings(url="etcd:hidden@host"), asked(NOW))
    assert "hidden" not in str(wrong.value)


class WebServer:
    """A web server with one answer to all requests; None never ends."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer or b"")
                try:
                    while answer is None:
                        time.sleep(0.1)
                        self.wfile.write(b" ")
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_settings_to_pages(empty, tmp_path, capsys):
    """The pages say which bands are in error and why, also without etcd."""
    now = datetime.datetime.fromtimestamp(NOW, UTC)
    points = station(NOW)
    points["/mon/drvs4/summary"] = point("error", NOW)
    points["/mon/drvs4/info"] = point("Low recording space (96.1% used)", NOW)
    points["/mon/drvs9/summary"] = point("error", NOW)
    points["/mon/drvs9/info"] = point("<b>disk</b>", NOW)
    del points["/mon/drvs3/summary"]
    empty.put(points)
    settings = tmp_path / "site.toml"
    text = '[observing_monitor]\noutput_dir = "site"\nnum_days = 1\n'
    text += "[streams.lwa]\n[[streams.lwa.sources]]\n"
    text += 'type = "lwa"\nrecorders = ["drvs1-16"]\nurl = "{}"\n'
    settings.write_text(text.format(empty.url))

    assert run("-c", settings, now=now) == 0
    (night,) = json.loads((tmp_path / "site/lwa/nights.json").read_text())["nights"]
    assert night["status"] == "error"
    assert night["info"] == (
        "1 sub-band has not updated in 120 s: drvs3; 2 sub-bands error: drvs4=Low recording "
        "space (96.1% used); drvs9=<b>disk</b>"
    )
    assert (night["bands_error"], night["bands_silent"], night["bands_warning"]) == (2, 1, 0)
    page = (tmp_path / "site/lwa" / f"{night['night']}.html").read_text()
    assert "drvs4=Low recording space (96.1% used)" in page and "<b>disk</b>" not in page
    assert run("check", "-c", settings, now=now) == 0

    settings.write_text(text.format(f"http://127.0.0.1:{etcd.free_port()}"))
    assert run("-c", settings, now=now) == 1
    assert "connection refused" in capsys.readouterr().err
    assert (
        "drvs4=Low recording space"
        in json.loads((tmp_path / "site/lwa/nights.json").read_text())["nights"][0]["info"]
    )
    stored = Store(Output(tmp_path / "site"), "lwa").load(
        datetime.date.fromisoformat(night["night"])
    )
    assert (
        set(stored.metrics.columns) == {c.name for c in columns.METRICS}
        and len(stored.metrics) > 100
    )
