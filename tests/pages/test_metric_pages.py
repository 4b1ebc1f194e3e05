"""Numbers, stages and images on pages and in data."""

import csv
import datetime
import json

import pytest
from fitsstorage_logs import make_logs
from lasair_status import make_status
from lwa_dump import write_dump
from running import nights, run

NOW = datetime.datetime(2026, 11, 20, 9, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Pages of Lasair, recorders and FitsStorage's logs."""
    root = tmp_path_factory.mktemp("numbers")
    make_status(root / "lasair", NOW)
    make_logs(root / "logs", NOW)
    for name in ("one", "two"):
        write_dump(root / name / "mon.json", NOW)
    (root / "site.toml").write_text(
        """
[observing_monitor]
output_dir = "site"
[streams.lasair]
night_rule = "UTC"
[[streams.lasair.sources]]
type = "lasair"
path = "lasair"
[streams.recorders]
night_rule = "UTC"
[[streams.recorders.sources]]
type = "lwa"
name = "one"
dump = "one/mon.json"
recorders = ["drvs1-4"]
[[streams.recorders.sources]]
type = "lwa"
name = "two"
dump = "two/mon.json"
recorders = ["drvs1-16"]
[streams.gemini]
night_rule = "UTC"
[[streams.gemini.sources]]
type = "fitsstorage_logs"
path = "logs"
zone = "Pacific/Honolulu"
"""
    )
    assert run("-c", root / "site.toml", "--num_days", "10", "--jobs", "1", now=NOW) == 0
    return root / "site"


def data_of(site, page):
    """A page's text and its data."""
    return (site / f"{page}.html").read_text(), json.loads((site / f"{page}.json").read_text())


def test_numbers_alone(site):
    """Lasair's nights have headlines and no list of files."""
    text, data = data_of(site, "lasair/2026-11-18")
    assert (
        "No files" not in text
        and "chart-stack-ingest-time-of-each-node" in text
        and not list((site / "lasair").glob("*.files.js"))
    )
    latest = {(row["name"], row["node"]): row for row in data["metrics"]}
    assert (
        latest["today_alert", ""]["value"] == data["today_alert"] > 0
        and len([node for name, node in latest if name == "itotal"]) == 4
    )
    assert (
        data["today_lsst"] is None and nights(site / "lasair")["2026-11-18"]["today_lsst"] is None
    )
    rows = {
        row["night"]: row
        for row in csv.DictReader((site / "lasair/nights.csv").read_text().splitlines())
    }
    assert (
        rows["2026-11-18"]["today_lsst"] == ""
        and float(rows["2026-11-18"]["today_alert"]) == data["today_alert"]
    )


def test_each_source_judges_its_own(site):
    """Two sources of one kind judge their own data."""
    _, data = data_of(site, "recorders/2026-11-20")
    silent = [finding for finding in data["findings"] if "has not updated" in finding["text"]]
    assert sorted(finding["source"] for finding in silent) == ["one", "two"]
    assert not any(
        "drvs9" in finding["text"] for finding in data["findings"] if finding["source"] == "one"
    )


def test_images_are_files(site, tmp_path):
    """An image is a PNG next to its page."""
    text, data = data_of(site, "recorders/2026-11-20")
    assert data["images"] and text.count('loading="lazy"') == len(data["images"])
    folder = site / "recorders/2026-11-20.images"
    assert {f"{folder.name}/{path.name}" for path in folder.iterdir()} == {
        image["href"] for image in data["images"]
    }
    image = site / "recorders" / data["images"][0]["href"]
    content = image.read_bytes()
    assert content.startswith(b"\x89PNG")
    image.unlink()
    stale, foreign = folder / "drvs1-0123456789.png", folder / "holiday.png"
    stale.write_bytes(content)  # named as one of ours
    foreign.write_bytes(content)
    run("publish", "-c", site.parent / "site.toml", "--jobs", "1", now=NOW)
    assert image.read_bytes() == content and not stale.exists()
    assert foreign.exists(), "it is not ours"
    foreign.unlink()


def test_stages(site):
    """Every stage has a row, a column and its failures."""
    text, data = data_of(site, "gemini/2026-11-18")
    assert [stage["name"] for stage in data["stages"]] == [
        "copy",
        "queue",
        "ingest",
        "export",
        "transfer",
    ]
    assert all(stage["n_done"] + stage["n_failed"] == data["n_files"] for stage in data["stages"])
    assert "transfer: 5 files failed" in text and "is not available (503)" in text
    rows = list(csv.DictReader((site / "gemini/2026-11-18.csv").read_text().splitlines()))
    assert sum(row["transfer_at"] == "" for row in rows) == 5 and all(
        row["copy_at"] for row in rows
    )
    _, data = data_of(site, "gemini/2026-11-19")
    assert [(f["text"], f["source"]) for f in data["findings"] if f["level"] == "error"] == [
        ("1 file failed since 2026-11-19 06:21 UTC", "fitsstorage_logs")
    ]


def test_pages_are_light(site):
    """No night's page is above 500 kB."""
    assert max(path.stat().st_size for path in site.rglob("*.html")) < 500_000
