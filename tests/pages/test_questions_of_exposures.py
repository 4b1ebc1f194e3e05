"""Questions about exposures: one click and ten seconds each."""

import datetime
import re
import time

import pytest
from running import run
from support.settings_text import to_toml

NIGHT = "2021-02-16"
NOW = datetime.datetime(2021, 2, 17, 20, tzinfo=datetime.UTC)
# evening twilight (12°) was at 00:23:44 UTC, morning twilight at 09:30:33
PACHON = {"latitude_deg": -30.24, "longitude_deg": -70.74}
EXPOSURES = """exposure,obsid,start,seconds,kind,target,filter,program
1001,C_001,2021-02-16T20:00:00Z,0,bias,,,
1002,C_002,2021-02-16T23:30:00Z,10,flat,dome,r,
1003,C_003,2021-02-17T00:30:00Z,300,science,M 31,r,P-7
1004,C_004,2021-02-17T00:35:20Z,600,science,M 31,i,P-7
1005,C_005,2021-02-17T01:10:20Z,300,science,NGC 253,r,P-9
1006,C_006,2021-02-17T01:15:40Z,900,science,NGC 253,r,P-9
"""
# the pipeline names exposures by their obsid
SEEING = """obsid,at,seeing
C_003,2021-02-17T00:36:00Z,0.8
C_004,2021-02-17T00:46:00Z,1.0
C_005,2021-02-17T01:16:00Z,1.2
C_006,2021-02-17T01:31:00Z,0.9
"""
WEATHER = """at,humidity
2021-02-17T00:00:00Z,35
2021-02-17T01:00:00Z,60
2021-02-17T02:00:00Z,88
"""
COLUMNS = {
    "exposure": "exposure",
    "obsid": "obsid",
    "started_at": "start",
    "exposure_time_s": "seconds",
    "observation_type": "kind",
    "target": "target",
    "physical_filter": "filter",
    "program": "program",
}


def table(name, **settings):
    """Return a source of one table."""
    return {"type": "table", "name": name, "path": f"{name}.csv", **settings}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of a night that was worked out by hand."""
    folder = tmp_path_factory.mktemp("questions")
    texts = {"log": EXPOSURES, "pipeline": SEEING, "mast": WEATHER}
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    log = table("log", feeds="exposures", columns=COLUMNS)
    of_exposures = {"exposure": "obsid", "sampled_at": "at"}
    pipeline = table(
        "pipeline",
        feeds="metrics",
        columns=of_exposures,
        values={"seeing": "seeing"},
        units={"seeing": "arcsec"},
    )
    mast = table("mast", columns={"sampled_at": "at"}, values={"humidity": "humidity"})
    shown = {"timeline": ["seeing", "weather/humidity"], "image_quality": "seeing"}
    streams = {
        "camera": {**PACHON, **shown, "sources": [log, pipeline]},
        "weather": {"sources": [mast | {"units": {"humidity": "%"}}]},
    }
    settings = {"observing_monitor": {"output_dir": "www"}, "streams": streams}
    (folder / "site.toml").write_text(to_toml(settings))
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    assert run("-c", folder / "site.toml", *days, now=NOW) == 0
    return folder / "www"


@pytest.fixture
def night(site, browser, strict):
    """The night's page, one click from the stream's, and the seconds."""
    with strict(site) as address:
        page = browser.new_page()
        page.goto(f"{address}/camera/index.html")
        begun = time.monotonic()
        page.locator(f"a[href='{NIGHT}.html']").first.click()
        page.wait_for_url(f"**/{NIGHT}.html")
        page.wait_for_load_state()
        assert time.monotonic() - begun < 10
        yield page
        page.close()


def words(page, where):
    """Return the words of a part of a page that can be seen."""
    part = page.locator(where).first
    assert part.is_visible(), where
    return re.sub(r"\s+", " ", part.inner_text())


def screens_to(page, where):
    """Return how many screens below the top a part of a page begins."""
    return page.locator(where).first.bounding_box()["y"] / page.viewport_size["height"]


def cells(page, exposure):
    """Return the cells of an exposure's row, by heading."""
    row = page.locator(f"tr#exposure-{exposure}")
    heads = page.locator("table", has=row).locator("thead th").all_inner_texts()
    return dict(
        zip(
            [" ".join(head.split()) for head in heads],
            row.locator("th, td").all_inner_texts(),
            strict=True,
        )
    )


def test_what_was_exposure_n(night):
    """15. An exposure has its target, type, filter and exposure time."""
    asked = ("Type", "Target", "Filter", "Exp. time", "Program")
    found = cells(night, 1004)
    assert [found[name] for name in asked] == ["science", "M 31", "i", "10 min 00 s", "P-7"]
    found = cells(night, 1002)
    assert [found[name] for name in asked[:4]] == ["flat", "dome", "r", "10 s"]
    assert night.locator("tr[id^='exposure-']").count() == 6
    # the address of an exposure leads there, and opens its row
    night.goto(f"{night.url}#exposure-1004")
    night.wait_for_selector("#log .detail .exposure")
    assert "Target M 31" in words(night, "#log .detail .exposure")
    top, height = night.evaluate(
        "() => [document.querySelector('#log .opened').getBoundingClientRect().top, innerHeight]"
    )
    assert 0 <= top < height


def test_how_was_the_night_used(night):
    """16. Open shutter, gaps, late start and early end are in one place."""
    use = words(night, "section[aria-labelledby='use']")
    for told in (
        "35 min 10 s Open shutter",  # 10 + 300 + 600 + 300 + 900 s
        "35 min 00 s Science",
        "2 (8 h 24 min) Gaps",  # 25 min, and 7 h 59 min 53 s in the morning
        "6 min 16 s Late start",  # 00:23:44 to 00:30:00
        "7 h 59 min Early end",  # 01:30:40 to 09:30:33
        "02-17 00:45:20 25 min 00 s 1004 1005",
        "02-17 01:30:40 7 h 59 min 1006 –",
        "Overhead 6 min 56 s",  # 376 + 20 + 20 s
        "P-9 2 20 min 00 s P-7 2 15 min 00 s",
    ):
        assert told in use
    assert screens_to(night, "section[aria-labelledby='use']") < 2


def test_weather_and_image_quality(night):
    """17. Seeing and humidity are below the exposures, seeing also in rows."""
    timeline = words(night, "section[aria-labelledby='timeline']")
    assert "seeing, arcsec 0.8 to 1.2" in timeline
    assert "weather/humidity, % 35 to 88" in timeline
    assert screens_to(night, "section[aria-labelledby='timeline']") < 1
    use = words(night, "section[aria-labelledby='use']")
    assert "seeing 0.95 arcsec 4" in use  # the median of 0.8, 0.9, 1.0 and 1.2
    seeing = {n: cells(night, n)["seeing (arcsec)"] for n in (1001, 1003, 1004, 1005, 1006)}
    assert seeing == {1001: "–", 1003: "0.8", 1004: "1", 1005: "1.2", 1006: "0.9"}
