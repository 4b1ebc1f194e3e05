"""OVRO-LWA's recorders in a dump, the names of recorders, and images."""

import base64
import datetime
import json
import os

import etcd
import pytest
from conftest import CHECKOUT
from lwa_station import NOW, UTC, asked, png, point, sample, station, texts, value

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.settings import read
from observing_monitor.sources.lwa import LwaRecorders
from observing_monitor.sources.lwa_bands import bands_of
from observing_monitor.sources.lwa_points import png_uri


def test_recorders_in_words():
    """`drvs1-16` is sixteen bands of one manager; other forms are refused."""
    assert bands_of(["drvs1-3", "dr1", "dr12"]) == {
        "drvs": ["drvs1", "drvs2", "drvs3"],
        "dr": ["dr1", "dr12"],
    }
    assert bands_of(["drvs7601-7602,7701, 8301-8302", "drvs7602", "drvf01-03"]) == {
        "drvs": ["drvs7601", "drvs7602", "drvs7701", "drvs8301", "drvs8302"],
        "drvf": ["drvf01", "drvf02", "drvf03"],
    }
    assert bands_of(["drvs*", "drvs8301"]) == {"drvs": ["*", "drvs8301"]}
    wrong_forms = ("drvs", "drvs3-1", "drvs1-2-3", "/mon/drvs1", "*", "drvs1,", "drvs1-999999999")
    for wrong in wrong_forms:
        with pytest.raises(UsageError, match="drvs1-16"):
            bands_of([wrong])


def written(path, points, at):
    """Write a dump as of a unix time; return its path."""
    path.write_text(json.dumps(points))
    os.utime(path, (at, at))
    return path


def test_bands_named_by_host_and_port(tmp_path):
    """Bands of four digits are read, by ranges or by their points."""
    bands = ["drvs7601", "drvs7602", "drvs8301"]
    points = station(NOW - 5, bands)
    points["/mon/drvs7602/summary"] = point("normal", NOW - 7000)
    path = written(tmp_path / "mon.json", points, NOW)
    for recorders in (["drvs7601-7602,8301"], ["drvs*"]):
        tables, notes = sample(NOW, dump=path, recorders=recorders)
        assert notes == []
        assert texts(tables, recorders=recorders)[0] == (
            "error: 1 sub-band has not updated in 120 s: drvs7602"
        )
        assert value(tables, "bands_normal", "drvs") == 2
    # what is named has to be heard of
    tables, _ = sample(NOW, dump=path, recorders=["drvs*", "drvs8302"])
    found = texts(tables, recorders=["drvs*", "drvs8302"])
    assert found[0] == "error: 2 sub-bands have not updated in 120 s: drvs8302, drvs7602"
    # a pattern of which there is nothing is no peace
    tables, _ = sample(NOW, dump=path, recorders=["drvf*"])
    assert texts(tables, recorders=["drvf*"]) == [
        "error: no sub-bands of drvf were found: none has ever reported its state"
    ]


def test_levels_by_settings(tmp_path):
    """Booting is an error, unless the settings give it another level."""
    points = station(NOW - 5) | {
        "/mon/drvs5/summary": point("booting", NOW - 5),
        "/mon/drvs6/summary": point("servicing", NOW - 5),
    }
    path = written(tmp_path / "mon.json", points, NOW)
    tables, _ = sample(NOW, dump=path)
    assert value(tables, "bands_error", "drvs") == 2
    levels = {"booting": "warning", "servicing": "normal"}
    tables, _ = sample(NOW, dump=path, levels=levels)
    assert value(tables, "bands_error", "drvs") == 0
    assert value(tables, "bands_warning", "drvs") == 1
    assert texts(tables, levels=levels) == [
        "warning: 1 sub-band booting: drvs5=System operating normally",
    ]
    with pytest.raises(UsageError, match="levels: booting = 'bad' is no level"):
        sample(NOW, dump=path, levels={"booting": "bad"})


def test_recording_without_files(tmp_path):
    """A band that records while its directory stays as it is is reported."""
    tables = None
    hours = range(4)
    for hour in hours:
        at = NOW + 3600 * hour
        points = station(at - 5)
        counts = {1: 7, 2: 7 + hour, 3: 7, 4: 7, 5: 7, 6: 7}
        for band, count in counts.items():
            name = f"/mon/drvs{band}"
            points[f"{name}/storage/active_directory_count"] = point(count, at - 5)
            points[f"{name}/storage/active_directory_size"] = point(1e9, at - 5, "B")
        points["/mon/drvs3/op-type"] = point("idle", at - 5)
        # it deletes an old file for each new one
        points["/mon/drvs4/storage/active_directory_size"] = point(1e9 + hour, at - 5)
        points["/mon/drvs5/storage/active_directory_size"] = point(None, at - 5)
        points["/mon/drvs5/storage/active_disk_free"] = point(1e12 - hour, at - 5)
        # it has begun only now
        points["/mon/drvs6/op-type"] = point("idle" if hour < 3 else "recording", at - 5)
        tables, _ = sample(at, tables, dump=written(tmp_path / "mon.json", points, at))
        if hour < 2:
            assert not [text for text in texts(tables) if "no file" in text]
    begun = f"{datetime.datetime.fromtimestamp(NOW - 5, UTC):%Y-%m-%d %H:%M}"
    expected = f"1 sub-band is recording, but no file has appeared: drvs1 (since {begun} UTC)"
    assert [text for text in texts(tables) if "no file" in text] == [f"error: {expected}"]
    assert not [text for text in texts(tables, no_file_after_s=0) if "no file" in text]


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
    """Only a complete PNG of a sensible size is an image."""
    with pytest.raises(ValueError, match=words):
        png_uri(text, 4000)


@pytest.mark.parametrize("form", ["objects", "texts", "answer"])
def test_dump(tmp_path, form):
    """A dump holds objects, texts, or the gateway's answer, as of its writing."""
    written = NOW - 600
    points = station(written - 10)
    content = {
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
    path.write_text(json.dumps(content))
    os.utime(path, (written, written))
    tables, notes = sample(written, dump=path)
    assert (texts(tables), notes) == (["normal: all 16 sub-bands of drvs are normal"], [])


def test_dump_that_is_late_cut_or_absent(tmp_path):
    """A dump that is late, truncated or missing is an error."""
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


def test_example(tmp_path, monkeypatch):
    """The example settings work, and the example dump shows each trouble."""
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
        "error: 1 sub-band booting: drvs12=Waiting for the first packets",
        (
            "error: 2 sub-bands error: drvs4=Low recording space (99.3% used); drvs9=Low "
            "recording space (99.1% used)"
        ),
        "warning: 1 sub-band warning: drvs14=Packet loss of 2.1%",
    ]
    assert (tables.metrics["unit"] == "image/png").sum() == 1
