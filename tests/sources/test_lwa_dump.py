"""OVRO-LWA's recorders in a dump, the names of recorders, and images."""

import base64
import datetime
import json
import os

import etcd
import pytest
from conftest import CHECKOUT
from lwa_station import NOW, UTC, asked, png, sample, station, texts

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
    for wrong in ("drvs", "drvs3-1", "drvs1-2-3", "/mon/drvs1"):
        with pytest.raises(UsageError, match="drvs1-16"):
            bands_of([wrong])


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
        (
            "error: 2 sub-bands error: drvs4=Low recording space (99.3% used); drvs9=Low "
            "recording space (99.1% used)"
        ),
        "warning: 1 sub-band booting: drvs12=Waiting for the first packets",
        "warning: 1 sub-band warning: drvs14=Packet loss of 2.1%",
    ]
    assert (tables.metrics["unit"] == "image/png").sum() == 1
