"""OVRO-LWA recorders: monitor points of a real etcd and of a dump, rolled up as their manager does."""

import base64
import datetime
import http.server
import json
import os
import struct
import threading
import time
import zlib

import etcd
import pytest
from conftest import CHECKOUT
from running import run

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns
from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.lwa import LwaRecorders, bands_of, png_uri
from observing_monitor.storage.store import Store
from observing_monitor.tables.latest import latest_metrics
from observing_monitor.tables.merge import update

UTC = datetime.UTC
NOW = datetime.datetime(2025, 4, 30, 7, 12, 41, tzinfo=UTC).timestamp()
BANDS = [f"drvs{number}" for number in range(1, 17)]


def png(width=2, height=2):
    """The bytes of a small grey image."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def point(value, at, unit="", **more):
    return {"timestamp": at, "value": value, "unit": unit, **more}


def station(at, bands=BANDS):
    """The points of a manager and of healthy bands, as they stood at a unix time."""
    points = {
        "/mon/drvs/summary": point("normal", at),
        "/mon/drvs/op-type": point("16 recording", at),
    }
    for band in bands:
        points |= {
            f"/mon/{band}/summary": point("normal", at),
            f"/mon/{band}/info": point("System operating normally", at),
            f"/mon/{band}/op-type": point("recording", at),
            f"/mon/{band}/op-tag": point(None, at),
            f"/mon/{band}/bifrost/rx_rate": point(46e6, at, "B/s"),
            f"/mon/{band}/bifrost/pipeline_lag": point(0.5, at),
            f"/mon/{band}/latest_time_tag": point(int(at * 196e6), at),
        }
    return points


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with etcd.running(tmp_path_factory.mktemp("etcd")) as made:
        yield made


@pytest.fixture
def empty(server):
    """The server, with no monitor point."""
    server.delete("/mon/")
    return server


def sample(now, known=None, **settings):
    """Read tonight as of a unix time: the night's tables after it, and the reading's notes."""
    source = LwaRecorders(LwaRecorders.Settings(recorders=["drvs1-16"], **settings), asked(now))
    night = source.asked.rule.night_of(source.asked.now)
    source.look(night, None)
    reading = source.read(night)
    return update(known or Tables.empty(), {"lwa": reading}), reading.notes


def asked(now):
    return Asked("lwa", NightRule(), datetime.datetime.fromtimestamp(now, UTC))


def texts(tables, **settings):
    """The findings as `level: text`."""
    return [
        f"{f.level}: {f.text}"
        for f in LwaRecorders.check(
            None, tables, LwaRecorders.Settings(url="http://x", recorders=["drvs1-16"], **settings)
        )
    ]


def value(tables, name, node):
    rows = tables.metrics[(tables.metrics["name"] == name) & (tables.metrics["node"] == node)]
    return rows["value"].iloc[-1]


# --- etcd -----------------------------------------------------------------------------------------------------------------


def test_healthy_station(empty):
    """All bands normal: one finding says so; numbers have their units, null is "not available", ticks are an instant."""
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
    """Silent bands come first, then errors, then the rest, each kind in one sentence with its bands named and counted."""
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
    points["/mon/drvs8/summary"] = point(
        "timeout", 0
    )  # what the manager puts where a key is absent
    points["/mon/drvs3/summary"] = point("normal", NOW - 121)
    points = {key: told for key, told in points.items() if not key.startswith("/mon/drvs11/")}
    empty.put(points)
    tables, _ = sample(NOW, url=empty.url)

    assert texts(tables) == [
        "error: 3 sub-bands have not updated in 120 s: drvs3, drvs8, drvs11",
        'error: 2 sub-bands error: drvs4=Low recording space (96.1% used); drvs9=No <data> & "quotes"',
        "warning: 1 sub-band booting: drvs5",
        "warning: 1 sub-band shutdown: drvs6=System operating normally",
        "warning: 1 sub-band warning: drvs2=Missing packets",
    ]
    of_all = tables.metrics[tables.metrics["node"].isna()].set_index("name")["value"]
    assert of_all.to_dict() == {
        "bands_error": 2,
        "bands_normal": 8,
        "bands_silent": 3,
        "bands_warning": 3,
    }


def test_samples_become_a_history(empty):
    """Each run adds what was written since; what was not written again is not told twice; silence shows as time passes."""
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
    """A band that was in error earlier in the night and is normal now is named with the time, and is no fault."""
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
    at = f"{datetime.datetime.fromtimestamp(NOW - 60, UTC):%H:%M}"
    assert texts(tables) == [
        "normal: all 16 sub-bands of drvs are normal",
        f"normal: earlier in the night 2 sub-bands were not normal: drvs2 error {at}–{at} UTC, drvs10 booting {at}–{at} UTC",
    ]


def test_other_nights_cost_nothing(empty):
    """Only tonight is sampled: of any other night etcd is not even asked, and what is known of it stays."""
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
    """JSON cut short, values of no kind, no timestamp, foreign ids and clocks ahead are each noted; the rest is read."""
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
        "tells of drvs17",
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
    """An image point (URL-safe base64) becomes a data URI; only the latest is kept, and pages list no base64 as a value."""
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (base64.b64encode(b"<svg onload='alert(1)'>").decode(), "no PNG"),
        (base64.b64encode(png()[:-4]).decode(), "no PNG"),
        (base64.b64encode(png() + b"<script>").decode(), "no PNG"),
        (base64.b64encode(png().replace(b"IDAT", b"IDAX")).decode(), "no PNG"),
        (base64.b64encode(png(900, 900) + b"\0" * 5000).decode(), "larger than|more than"),
        ("é", "not base64"),
        (17, "no text"),
    ],
)
def test_what_is_no_image(text, words):
    """Only a whole PNG of a sensible size is an image."""
    with pytest.raises(ValueError, match=words):
        png_uri(text, 4000)


def test_user_and_password(server):
    """etcd's own users: the password comes from the environment, and a refusal names neither it nor the user's token."""
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
    """No server, one that never answers, one that is no etcd, an odd address: a SourceError that names the place, in time."""
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:\d+: connection refused"):
        sample(NOW, url=f"http://user:hidden@127.0.0.1:{etcd.free_port()}", timeout_s=2)
    for answer, words in (
        (None, "within 0.5 s"),
        (b"<html>", "is etcd's gateway there"),
        (b"[1]", "not etcd's"),
        (b'{"count": "1"}', ""),
    ):
        with _web_server(answer) as url:
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


class _web_server:
    """A web server that answers every request with the same, or (None) drop by drop, never ending."""

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


# --- the settings, a dump, and the pages --------------------------------------------------------------------------------------


def test_recorders_in_words():
    """`drvs1-16` is sixteen bands of one manager; other forms are refused."""
    assert bands_of(["drvs1-3", "dr1", "dr12"]) == {
        "drvs": ["drvs1", "drvs2", "drvs3"],
        "dr": ["dr1", "dr12"],
    }
    for wrong in ("drvs", "drvs3-1", "drvs1-2-3", "/mon/drvs1"):
        with pytest.raises(UsageError, match="drvs1-16"):
            bands_of([wrong])


@pytest.mark.parametrize("form", ["objects", "texts", "answer"])
def test_dump(tmp_path, form):
    """A dump holds values as objects, as texts, or is the gateway's answer; its sample is of when it was written."""
    written = NOW - 600
    points = station(written - 10)
    told = {
        "objects": points,
        "texts": {key: json.dumps(point) for key, point in points.items()},
        "answer": {
            "kvs": [
                {"key": etcd.b64(key), "value": etcd.b64(json.dumps(point))}
                for key, point in points.items()
            ]
        },
    }[form]
    path = tmp_path / "mon.json"
    path.write_text(json.dumps(told))
    os.utime(path, (written, written))
    tables, notes = sample(written, dump=path)
    assert (texts(tables), notes) == (["normal: all 16 sub-bands of drvs are normal"], [])


def test_dump_that_is_late_cut_or_absent(tmp_path):
    """A dump that nobody writes any more is an error of its source, after it was read; so is one that is cut, or not there."""
    path = tmp_path / "mon.json"
    path.write_text(json.dumps(station(NOW)))
    os.utime(path, (NOW, NOW))
    source = LwaRecorders(LwaRecorders.Settings(dump=path, recorders=["drvs1-16"]), asked(NOW + 5))
    night = source.asked.rule.night_of(source.asked.now)
    known = source.look(night, None)
    assert source.look(night, known) == known
    with pytest.raises(SourceError, match="not written since"):
        LwaRecorders(source.settings, asked(NOW + 3700)).look(night, known)
    path.write_text(path.read_text()[:-5])
    os.utime(path, (NOW, NOW))
    with pytest.raises(SourceError, match="is no JSON"):
        source.read(night)
    path.unlink()
    with pytest.raises(SourceError, match="no such file"):
        source.look(night, None)


def test_settings_to_pages(empty, tmp_path, capsys):
    """From a settings file to the pages: the stream is in error, and says which bands and why; etcd gone, it all stays."""
    now = datetime.datetime.fromtimestamp(NOW, UTC)
    points = station(NOW)
    points["/mon/drvs4/summary"] = point("error", NOW)
    points["/mon/drvs4/info"] = point("Low recording space (96.1% used)", NOW)
    points["/mon/drvs9/summary"] = point("error", NOW)
    points["/mon/drvs9/info"] = point("<b>disk</b>", NOW)
    del points["/mon/drvs3/summary"]
    empty.put(points)
    settings = tmp_path / "site.toml"
    text = '[observing_monitor]\noutput_dir = "site"\nnum_days = 1\n[streams.lwa]\n[[streams.lwa.sources]]\n'
    text += 'type = "lwa"\nrecorders = ["drvs1-16"]\nurl = "{}"\n'
    settings.write_text(text.format(empty.url))

    assert run("-c", settings, now=now) == 0
    (night,) = json.loads((tmp_path / "site/lwa/nights.json").read_text())["nights"]
    assert night["status"] == "error"
    assert (
        night["info"]
        == "1 sub-band has not updated in 120 s: drvs3; 2 sub-bands error: drvs4=Low recording space (96.1% used); drvs9=<b>disk</b>"
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
    from observing_monitor.storage.output import Output

    stored = Store(Output(tmp_path / "site"), "lwa").load(
        datetime.date.fromisoformat(night["night"])
    )
    assert (
        set(stored.metrics.columns) == {c.name for c in columns.METRICS}
        and len(stored.metrics) > 100
    )


def test_example(tmp_path, monkeypatch):
    """The example's settings are understood, and the example's dump shows each kind of trouble, and an image."""
    assert [stream.name for stream in read.streams_of_file(CHECKOUT / "examples/lwa.toml")] == [
        "recorders",
        "visibilities",
    ]
    monkeypatch.syspath_prepend(CHECKOUT / "examples")
    import lwa_dump

    lwa_dump.write_dump(tmp_path / "mon.json", datetime.datetime.fromtimestamp(NOW, UTC))
    tables, notes = sample(NOW, dump=tmp_path / "mon.json")
    assert notes == []
    assert texts(tables) == [
        "error: 1 sub-band has not updated in 120 s: drvs3",
        "error: 2 sub-bands error: drvs4=Low recording space (99.3% used); drvs9=Low recording space (99.1% used)",
        "warning: 1 sub-band booting: drvs12=Waiting for the first packets",
        "warning: 1 sub-band warning: drvs14=Packet loss of 2.1%",
    ]
    assert (tables.metrics["unit"] == "image/png").sum() == 1
