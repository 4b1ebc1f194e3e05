"""Lasair's status files: read, shown with their meaning, and never lost."""

import datetime
import json
import os
import re
import runpy
import shutil
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import CHECKOUT
from lasair_source import NID, NIGHT, NOW, page, site, source, stored
from running import nights, run

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.metrics import Metrics, Timer


def test_documented_night(tmp_path, shared_data):
    """The documented file is shown with meanings, units and checks."""
    settings = site(tmp_path, path=shared_data / "lasair")
    assert run("-c", settings, now=NOW) == 0
    night = nights(tmp_path / "www" / "broker")["2024-01-04"]
    assert (
        night["status"],
        night["today_alert"],
        night["today_filter"],
        night["today_filter_out"],
    ) == ("normal", 4000, 4000, 1424)
    assert night["today_lsst"] is None and night["min_delay"] is None
    words = page(tmp_path)
    assert (
        "icassandra Ingest: time spent this night on storing alerts in Cassandra, by node – "
        in words
        and " 110.3 " in words
    )
    assert "today_alert Alerts that the ingest stage received 4,000 – 01-04 12:16:08" in words
    assert "min_delay Time since the most recent alert not available (-1.0) – h" in words
    assert "counts agree: today_filter and today_alert 4,000" in words
    assert "35.6 % of the alerts: today_filter_out 1,424 of today_filter 4,000" in words
    assert "not available: min_delay, today_lsst, total_count" in words
    metrics = stored(tmp_path)
    documented = json.loads((shared_data / "lasair" / f"status_{NID}.json").read_text())
    assert len(metrics) == len(documented) - len(("nid", "update_time"))
    assert set(metrics["sampled_at"]) == {pd.Timestamp("2024-01-04T12:16:08Z")}
    before = (tmp_path / "www" / "broker" / "2024-01-04.html").stat().st_mtime_ns
    assert run("-c", settings, now=NOW) == 0
    assert (tmp_path / "www" / "broker" / "2024-01-04.html").stat().st_mtime_ns == before


@pytest.mark.parametrize("form", ["files", "table"])
def test_what_programs_write_is_shown(tmp_path, request, form):
    """Numbers that programs record are shown, and each run adds a sample."""
    if form == "files":
        where, settings = tmp_path / "status", {"path": tmp_path / "status"}
    else:
        where = request.getfixturevalue("mariadb").create("lasair")
        settings = {"url": where}
    metrics, timer = Metrics(where, create=True), Timer("icassandra", node=3)
    with timer:
        pass
    metrics.add({"today_alert": 2000, "today_filter": 1500, "today_filter_out": 300}, NIGHT)
    timer.add_to(metrics, NID)
    metrics.close()
    toml = site(tmp_path, **settings)
    first = stored_after(run("-c", toml, now=NOW), tmp_path)
    assert set(first["name"]) == {"today_alert", "today_filter", "today_filter_out", "icassandra"}
    words = page(tmp_path)
    assert (
        "today_alert Alerts that the ingest stage received 2,000 –" in words
        and "on storing alerts in Cassandra, by node – 3 :" in words
    )
    assert (
        "500 of 2,000 ingested alerts were not filtered (25.0 %): today_filter 1,500, "
        "today_alert 2,000" in words
    )
    assert nights(tmp_path / "www" / "broker")["2024-01-04"]["status"] == "warning"
    assert run("metrics", "add", where, "2024-01-04", "today_filter=500") == 0
    if form == "files":  # as if a minute had passed
        path = tmp_path / "status" / f"status_{NID}.json"
        path.write_text(
            re.sub(
                r'"update_time": "[^"]*"', '"update_time": "2030-01-04T12:17:08"', path.read_text()
            )
        )
    second = stored_after(run("-c", toml, now=NOW + datetime.timedelta(minutes=5)), tmp_path)
    assert second[second["name"] == "today_filter"]["value"].tolist() == [1500, 2000]
    assert nights(tmp_path / "www" / "broker")["2024-01-04"]["status"] == "normal"
    assert "secret" not in words and str(where) not in Path(
        tmp_path, "www", "broker", "2024-01-04.html"
    ).read_text().replace(str(tmp_path / "status"), "")


def stored_after(code, folder):
    """Return the stored metrics after a run that succeeded."""
    assert code == 0
    return stored(folder)


def test_names_that_others_wrote_are_text(tmp_path):
    """Quotes and tags in names and values are shown as text."""
    folder = tmp_path / "status"
    folder.mkdir()
    nasty = {
        '<script>alert("1")</script>_0': 3,
        "note": "<img src=x onerror=alert(1)>",
        "it's 100 % ; --": 5,
        "deep": {"<b>": [1]},
    }
    (folder / f"status_{NID}.json").write_text(
        json.dumps({"update_time": "2024-01-04T12:00:00"} | nasty)
    )
    run("-c", site(tmp_path, path=folder), now=NOW)
    text = Path(tmp_path, "www", "broker", "2024-01-04.html").read_text()
    assert "<script>alert" not in text and "<img src=x" not in text
    words = page(tmp_path)
    assert (
        '<script>alert("1")</script> – 0 : 3' in words
        and "<img src=x onerror=alert(1)>" in words
        and "deep is dict, not a number" in words
    )


def test_file_cut_short_keeps_what_was_known(tmp_path, shared_data):
    """A truncated file is an error and changes no number."""
    folder = tmp_path / "status"
    folder.mkdir()
    path = Path(shutil.copy(shared_data / "lasair" / f"status_{NID}.json", folder))
    whole, settings = path.read_text(), site(tmp_path, path=folder)
    assert run("-c", settings, now=NOW) == 0
    for damaged in (whole[:300], "", "[]", "[" * 100_000):
        path.write_text(damaged)
        assert run("-c", settings, now=NOW) == 1
        night = nights(tmp_path / "www" / "broker")["2024-01-04"]
        assert (
            night["status"] == "error"
            and night["today_alert"] == 4000
            and str(path) in night["info"]
        )
    assert len(stored(tmp_path)) == 28
    path.write_text(whole.replace("4000", "4500"))
    assert run("-c", settings, now=NOW) == 0
    assert nights(tmp_path / "www" / "broker")["2024-01-04"]["today_alert"] == 4500


def test_purged_files_stay_known(tmp_path, shared_data):
    """If a file or the folder disappears, its numbers stay, with an error."""
    folder = tmp_path / "status"
    folder.mkdir()
    shutil.copy(shared_data / "lasair" / f"status_{NID}.json", folder)
    settings = site(tmp_path, path=folder)
    assert run("-c", settings, now=NOW) == 0
    for purge in (lambda: os.unlink(folder / f"status_{NID}.json"), folder.rmdir):
        purge()
        assert run("-c", settings, now=NOW) == 1
        night = nights(tmp_path / "www" / "broker")["2024-01-04"]
        assert (
            night["status"] == "error"
            and night["today_alert"] == 4000
            and str(folder) in night["info"]
        )


def test_file_locked_by_lasairs_writer(tmp_path):
    """A file that Lasair's older writer renamed to .lock is waited for."""
    (tmp_path / f"status_{NID}.lock").write_text("{}")
    with pytest.raises(SourceError, match=r"status_2559\.lock"):
        source(path=tmp_path).look(NIGHT, None)
    (tmp_path / f"status_{NID}.lock").rename(tmp_path / f"status_{NID}.json")
    assert source(path=tmp_path).look(NIGHT, None)


def write_in_place(path, text):
    """Write over a file, in two halves."""
    with open(path, "w") as file:
        for half in (text[:20], text[20:]):
            file.write(half)
            file.flush()
            time.sleep(0.005)


def write_under_lock(path, text):
    """Rename a file to .lock, write over it in two halves, and rename it back."""
    lock = path.with_suffix(".lock")
    if path.exists():
        path.rename(lock)
    write_in_place(lock, text)
    lock.rename(path)


@pytest.mark.parametrize("write", [write_in_place, write_under_lock])
def test_writers_at_thirty_writes_a_second(tmp_path, write):
    """No reading fails while a writer is at work, and each is of a whole file."""
    path, ended = tmp_path / f"status_{NID}.json", threading.Event()
    write(path, json.dumps({"nid": NID, "today_alert": 0, "today_filter": 0}))

    def write_on():
        n = 0
        while not ended.is_set():
            n += 1
            write(path, json.dumps({"nid": NID, "today_alert": n, "today_filter": n}))
            ended.wait(0.02)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        for _ in range(60):
            made = source(path=tmp_path)
            assert made.nights() == {NIGHT}
            assert made.look(NIGHT, {"size": 1})
            values = made.read(NIGHT).metrics.set_index("name")["value"]
            assert values["today_alert"] == values["today_filter"]
    finally:
        ended.set()
        writer.join()


def test_nights_of_a_folder(tmp_path):
    """Only names of status files name nights."""
    for name in (
        "status_2559.json",
        "status_0.json",
        ".status_2560.json.new",
        "status_2561.lock",
        "status_x.json",
        "status_02559.json",
        "notes.json",
    ):
        (tmp_path / name).write_text("{}")
    # that of a .lock is being written, or its writer died
    locked = datetime.date(2024, 1, 6)
    assert source(path=tmp_path).nights() == {NIGHT, locked, datetime.date(2017, 1, 1)}
    assert source(path=tmp_path).look(datetime.date(2024, 1, 5), None) is None
    assert len(source(path=tmp_path).read(datetime.date(2024, 1, 5)).metrics) == 0


@pytest.mark.parametrize(
    ("said", "zone", "sampled_at", "odd"),
    [
        ('"2024-01-04T12:16:08"', "UTC", "2024-01-04T12:16:08Z", ""),
        ('"2024-01-04T12:16:08"', "Pacific/Honolulu", "2024-01-04T22:16:08Z", ""),
        ('"2024-01-04T12:16:08+01:00"', "Pacific/Honolulu", "2024-01-04T11:16:08Z", ""),
        ('"2021-12-1"', "UTC", "2024-01-04T12:30:00Z", "update_time '2021-12-1' is no time"),
        ('"0001-01-01T00:00:00+14:00"', "UTC", "2024-01-04T12:30:00Z", "is no time"),
        ("5", "UTC", "2024-01-04T12:30:00Z", "update_time 5 is no time"),
        ("null", "UTC", "2024-01-04T12:30:00Z", ""),
    ],
)
def test_update_time(tmp_path, said, zone, sampled_at, odd):
    """A sample is of the file's update_time, or of its modification."""
    path = tmp_path / f"status_{NID}.json"
    path.write_text(f'{{"nid": 2559, "update_time": {said}, "today_alert": 1}}')
    os.utime(path, (1704371400, 1704371400))  # 2024-01-04 12:30 UTC
    reading = source(path=tmp_path, zone=zone).read(NIGHT)
    assert reading.metrics["sampled_at"].tolist() == [pd.Timestamp(sampled_at)]
    assert odd in "".join(reading.notes) and bool(odd) == bool(reading.notes)
    assert reading.append


def test_file_of_another_night(tmp_path):
    """A file with the nid of another night gives a note."""
    (tmp_path / f"status_{NID}.json").write_text('{"nid": 2558, "today_alert": 1}')
    assert "says that it is of night 2558" in source(path=tmp_path).read(NIGHT).notes[0]


@pytest.mark.parametrize(
    ("rule", "is_odd"), [("UTC-12h", True), ("TAI-12h", True), ("UTC", False), ("UTC+4h", False)]
)
def test_night_rule_by_which_a_night_is_late(tmp_path, rule, is_odd):
    """A rule whose nights begin after their nid gives a note."""
    (tmp_path / f"status_{NID}.json").write_text('{"today_alert": 1}')
    notes = source(path=tmp_path, rule=rule).read(NIGHT).notes
    assert bool(notes) == is_odd and all(note.endswith("set night_rule to UTC") for note in notes)
    assert source(path=tmp_path, rule=rule).read(datetime.date(2024, 1, 3)).notes == []


@pytest.mark.parametrize(
    "settings",
    [{}, {"path": Path("x"), "url": "mysql://h/d"}, {"path": Path("x"), "zone": "Mars/Olympus"}],
)
def test_settings_that_cannot_be(settings):
    """Neither or both of path and url, or an unknown zone, are refused."""
    with pytest.raises(UsageError):
        source(**settings)


def test_half_of_a_character(tmp_path):
    """Half of a character in a name or a value hides no number."""
    (tmp_path / f"status_{NID}.json").write_text(
        '{"today_lsst": 100, "say\\ud83d": "lone \\ud83d"}'
    )
    metrics = source(path=tmp_path).read(NIGHT).metrics
    assert metrics.set_index("name")["value"]["today_lsst"] == 100 and "lone \\ud83d" in set(
        metrics["text"]
    )
    (tmp_path / f"status_{NID}.json").write_bytes(
        b'{"today_lsst": 100, "say": "lone \xed\xa0\xbd"}'
    )  # as some programs write it
    assert "lone \\ud83d" in set(source(path=tmp_path).read(NIGHT).metrics["text"])


def test_example(tmp_path):
    """The example settings work and show the three incidents."""
    (tmp_path / "examples").mkdir()
    settings = Path(shutil.copy(CHECKOUT / "examples" / "lasair.toml", tmp_path / "examples"))
    runpy.run_path(CHECKOUT / "examples" / "lasair_status.py")["make_status"](
        tmp_path / "lasair" / "status", NOW
    )
    assert run("-c", settings, "--num_days", "10", now=NOW) == 0
    shown = list(nights(tmp_path / "lasair" / "site" / "lasair").values())
    shown.sort(key=lambda night: night["night"])
    assert [night["status"] for night in shown] == [
        "warning" if n in (3, 5) else "normal" for n in range(10)
    ]
    assert (
        "not filtered (8.3 %)" in shown[3]["info"]
        and "node 2 is out of line" in shown[5]["info"]
        and shown[7]["today_lsst"] is None
    )
