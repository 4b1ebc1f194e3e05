"""The pages of a Gen2 stream have the right numbers."""

import csv
import datetime
import json
import re

import gen2
import pytest
from gen2tree import IGNORE, later, make_night
from running import counts, nights, run

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13, 14)]
ASKED = {
    "ingested": 1500,
    "failed": 100,
    "missing": 120,
    "pending": 80,
    "small": 90,
    "not_fits": 60,
    "ignored": 50,
}


def settings(folder, query_links=False):
    """Write a settings file; return its path."""
    path = folder / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.latiss]\ninput_dir = "input"\n'
        f'ignore = ["{IGNORE}"]\nquery_links = {str(query_links).lower()}\n'
    )
    return path


@pytest.mark.parametrize(
    ("link", "layout", "camera"),
    [
        ("symlink", "night", "latiss"),
        ("hardlink", "night", "comCam"),
        ("copy", "night", "latiss"),
        ("symlink", "run", "testStand"),
        ("hardlink", "run", "testStand"),
    ],
)
def test_known_numbers(tmp_path, link, layout, camera):
    """nights.json, pages and CSV have exactly the numbers made."""
    now = later()
    for night in NIGHTS:
        make_night(
            tmp_path / "input", night, ASKED, now=now, link=link, layout=layout, camera=camera
        )
    asked = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1])
    assert run("-c", settings(tmp_path, layout == "run"), *asked, now=now) == 0
    site = tmp_path / "site" / "latiss"
    found = nights(site)
    assert list(found) == [night.isoformat() for night in NIGHTS]
    for night, values in found.items():
        assert counts(values) == ASKED
        assert values["n_files"] == sum(ASKED.values()) == 2000
        assert values["n_error"] == ASKED["failed"] + ASKED["missing"]
        assert values["completeness"] == pytest.approx(1500 / (1890 - ASKED["pending"]))
        with open(site / f"{night}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {
            name: sum(row["file_class"] == name for row in rows) for name in ASKED
        } == ASKED and len(rows) == 2000
        page = (site / f"{night}.html").read_text()
        shown = dict(
            re.findall(r'<li class="tile (\w+)"[^>]*>\s*(?:<a[^>]*>)?<b>([^<]+)</b>', page)
        )
        assert {name: int(re.sub(r"\D", "", shown[name])) for name in ASKED} == ASKED
        assert (
            "100 files failed" in page
            and "120 files never tried" in page
            and "90 files too small" in page
        )
        data = json.loads((site / f"{night}.json").read_text())
        assert counts(data) == ASKED and len(data["attention"]) == 100 + 120 + 80 + 90


@pytest.mark.parametrize("link", ["symlink", "copy"])
def test_registered_raw_whose_file_is_gone(tmp_path, link):
    """A raw of the registry whose file is gone is lost: an error."""
    now = later()
    make_night(tmp_path / "input", NIGHTS[0], {"ingested": 5, "lost": 2}, now=now, link=link)
    assert (
        run("-c", settings(tmp_path), "--first_day", NIGHTS[0], "--last_day", NIGHTS[0], now=now)
        == 0
    )
    night = nights(tmp_path / "site" / "latiss")["2020-02-12"]
    assert night["n_lost"] == 2 and night["n_ingested"] == 7 and night["status"] == "error"
    assert "2 files ingested, but since gone" in night["info"]
    data = json.loads((tmp_path / "site" / "latiss" / "2020-02-12.json").read_text())
    assert [row["file_class"] for row in data["attention"]] == ["lost", "lost"]
    assert all(
        "the registry has it, but its file is gone" in row["reason"] for row in data["attention"]
    )


def test_file_that_vanishes_is_gone_or_stays_ingested(tmp_path):
    """A purged file is gone, or stays ingested if it was."""
    now = later()
    made = make_night(
        tmp_path / "input", NIGHTS[0], {"ingested": 4, "missing": 3}, now=now, link="copy"
    )
    arguments = ("-c", settings(tmp_path), "--first_day", NIGHTS[0], "--last_day", NIGHTS[0])
    assert run(*arguments, now=now) == 0
    made.of("ingested")[0].path.unlink()
    made.of("missing")[0].path.unlink()
    assert run(*arguments, now=now) == 0
    night = nights(tmp_path / "site" / "latiss")["2020-02-12"]
    assert counts(night) == {"ingested": 4, "missing": 2, "gone": 1} and night["n_files"] == 7
    assert "1 file recorded but no longer on disk" in night["info"]


def test_time_alone_turns_pending_into_missing(tmp_path):
    """A pending file turns missing when its time has come."""
    now = later()
    make_night(tmp_path / "input", NIGHTS[0], {"ingested": 4, "pending": 3}, now=now)
    arguments = ("-c", settings(tmp_path), "--first_day", NIGHTS[0], "--last_day", NIGHTS[0])
    assert run(*arguments, now=now) == 0
    site = tmp_path / "site" / "latiss"
    before = (site / "2020-02-12.html").stat().st_mtime_ns
    assert run(*arguments, now=now + datetime.timedelta(minutes=30)) == 0
    assert (site / "2020-02-12.html").stat().st_mtime_ns == before
    assert counts(nights(site)["2020-02-12"]) == {"ingested": 4, "pending": 3}
    assert run(*arguments, now=now + datetime.timedelta(hours=2)) == 0
    assert counts(nights(site)["2020-02-12"]) == {"ingested": 4, "missing": 3}


def test_late_ingest_is_seen(tmp_path):
    """A file of an old night that is ingested late is seen."""
    now = later()
    made = make_night(tmp_path / "input", NIGHTS[0], {"ingested": 4, "failed": 3}, now=now)
    arguments = ("-c", settings(tmp_path), "--first_day", NIGHTS[0], "--last_day", NIGHTS[0])
    assert run(*arguments, now=now) == 0
    assert counts(nights(tmp_path / "site" / "latiss")["2020-02-12"]) == {
        "ingested": 4,
        "failed": 3,
    }
    with gen2.open_registry(tmp_path / "input" / "gen2repo", gen2.CAMERAS["latiss"]) as registry:
        gen2.register(
            registry, gen2.CAMERAS["latiss"], [file.row for file in made.of("failed")[:2]]
        )
    assert run(*arguments, now=now) == 0
    assert counts(nights(tmp_path / "site" / "latiss")["2020-02-12"]) == {
        "ingested": 6,
        "failed": 1,
    }


@pytest.mark.parametrize(
    ("name", "night", "obsid", "size"),
    [
        ("latiss_gen2", "2018-09-20", "AT_C_20180920_000065", 94940),
        ("comCam_gen2", "2019-05-30", "CC_C_20190530_000001", 95147),
    ],
)
def test_real_repositories(shared_data, tmp_path, name, night, obsid, size):
    """Rubin's test repositories have one ingested raw a night."""
    output = tmp_path / "site"
    places = ("--input_dir", shared_data / "rubin" / name, "--output_dir", output)
    assert run(*places, "--first_day", night, "--last_day", night) == 0
    values = nights(output)[night]
    assert (
        counts(values) == {"ingested": 1}
        and values["n_files"] == 1
        and values["status"] == "normal"
    )
    with open(output / f"{night}.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["obsid"] == obsid and int(row["size_bytes"]) == size
    page = (output / f"{night}.html").read_text()
    assert obsid in page and "All is well" in page
