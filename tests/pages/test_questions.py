"""Observers' questions, answered within one click."""

import json
import re

import pytest
from running import nights

from observing_monitor.model import wording


@pytest.fixture(scope="module")
def at_night(demo, browser, served):
    """A function that opens a stream's night that `holds`."""
    opened = []

    def open_it(stream, holds=lambda night: True):
        found = max(name for name, night in nights(demo / "site" / stream).items() if holds(night))
        page = browser.new_page()
        opened.append(page)
        page.goto(f"{served}/{stream}/index.html")
        page.locator(f"a[href='{found}.html']").first.click()
        page.wait_for_url(f"**/{found}.html")
        return page, nights(demo / "site" / stream)[found]

    yield open_it
    for page in opened:
        page.close()


@pytest.fixture(scope="module")
def stream_page(browser, served):
    """The page of the stream auxTel."""
    page = browser.new_page()
    page.goto(f"{served}/auxTel/index.html")
    yield page
    page.close()


def words(page, where="main"):
    """Return the words of a part of a page, without commas."""
    return re.sub(r"\s+", " ", page.locator(where).first.inner_text()).replace(",", "")


def test_is_all_well(stream_page, demo):
    """1. The stream's status is at the top as a word."""
    verdict = words(stream_page, ".verdict")
    recent = [night for _, night in sorted(nights(demo / "site" / "auxTel").items())][-2:]
    worst = max((night["status"] for night in recent), key=("normal", "warning", "error").index)
    assert worst in verdict.lower()


def test_is_this_page_current(stream_page):
    """2. The page has the time and age of the last update."""
    assert re.search(
        r"Last update [\d:\- ]+ UTC, .+ ago",
        stream_page.inner_text("#looked").replace("\n", " "),
    )


def test_how_many(at_night):
    """3. A night shows the numbers of its data."""
    page, night = at_night("auxTel", lambda night: night["n_failed"])
    text = words(page)
    assert f"{night['n_files']} created" in text and re.search(
        rf"\b{night['n_ingested']}\b", words(page, "section:has(#numbers)")
    )
    assert "transferred" in text


def test_when_was_the_last(at_night):
    """4. The last arrival and the last ingest are shown."""
    page, night = at_night("auxTel", lambda night: night["n_ingested"])
    for name in ("last_transferred_at", "last_ingested_at"):
        assert page.locator(f"time[datetime^='{night[name][:19]}']").count() >= 1


def test_which_failed_and_why(at_night):
    """5. Files that failed are listed with their messages."""
    page, night = at_night("allSky", lambda night: night["n_failed"])
    assert re.search(r"Failed.*\w", words(page, "section:has(#attention)"))
    assert f"{night['n_failed']} file" in words(page)


def test_which_are_pending(at_night):
    """6. Pending files are counted and listed."""
    page, night = at_night("auxTel", lambda night: night["n_pending"])
    text = words(page)
    assert f"{night['n_pending']} file" in text and "pending" in text.lower()


def test_what_should_be_there(at_night):
    """7. Missing exposures and detectors are named."""
    page, _ = at_night("lsstCam", lambda night: "missing: 17–19" in night["info"])
    text = words(page)
    assert "missing: 17–19 42" in text and "lacking R22_S11" in text


def test_how_late(at_night):
    """8. Delays have median, 90 %, worst and a chart."""
    page, night = at_night("auxTel", lambda night: night["n_ingested"] > 20)
    for name in ("median", "p90", "max"):
        assert wording.seconds(night[f"ingest_delay_{name}_s"]) in words(page)
    assert "worst" in words(page, "#chart-delay figcaption")


def test_is_that_unusual(stream_page):
    """9. Charts over nights shade what is usual."""
    assert "Shaded: the usual range" in words(stream_page, "#chart-delays figcaption")


def test_what_came_twice(at_night):
    """10. A replay is named, and counted."""
    page, _ = at_night("ztf", lambda night: "a replay" in night["info"])
    assert "×2: a replay" in words(page)


def test_where_is_this_file(at_night):
    """11. A file that is searched has its class and stages."""
    page, _ = at_night("gemini", lambda night: night["n_failed"])
    page.goto(f"{page.url}#files?q=fits")
    page.wait_for_selector("#all-files[data-ready]")
    name = page.locator("#files-scroll tbody th bdi").first.inner_text()
    page.fill("#files-search", name.rpartition("/")[2])
    heads = page.locator("#files-scroll thead th").all_inner_texts()
    assert {"Class", "Copy", "Ingested"} <= {head.strip() for head in heads}
    assert name in page.locator("#files-scroll tbody").inner_text()


def test_what_the_pipelines_say(at_night):
    """12. Alerts, times of nodes and depths of queues are shown."""
    page, night = at_night("lasair", lambda night: night["today_alert"])
    assert f"{night['today_alert']:.0f}" in words(page)
    assert page.locator(".plot[data-figure^='chart-stack']").count() >= 1
    page, _ = at_night("gemini", lambda night: night["n_failed"])
    assert re.search(r"queue_depth .*\d", words(page))


def test_another_night(at_night):
    """13. Every night has links to its neighbours."""
    page, night = at_night("auxTel", lambda night: not night["n_files"])
    assert night["night"] in words(page, "h1")
    page.locator("a[rel=prev]").first.click()
    page.wait_for_url(
        lambda url: re.search(r"20\d\d-\d\d-\d\d\.html$", url) and night["night"] not in url
    )
    assert night["night"] not in words(page, "h1")


def test_the_data(at_night, stream_page):
    """14. Numbers and files are there as JSON and CSV."""
    page, night = at_night("auxTel", lambda night: night["n_files"])
    for of, name in ((page, night["night"]), (stream_page, "nights")):
        for ending in ("json", "csv"):
            address = of.evaluate(
                "name => document.querySelector(`a[href='${name}']`).href", f"{name}.{ending}"
            )
            assert of.request.get(address).ok


def test_how_far_along_is_a_program(browser, served, demo):
    """21. A program's hours, exposures and nights are one click away."""
    page = browser.new_page()
    page.goto(f"{served}/lsstCam/index.html")
    page.locator("section:has(#programs) a", has_text="wide").click()
    page.wait_for_url("**/program-wide.html")
    paths = (demo / "site/lsstCam").glob("????-??-??.json")
    data = [json.loads(path.read_text()) for path in paths]
    of_program = {
        night["night"]: found
        for night in data
        if (found := [one for one in night["exposures"] if one.get("program") == "wide"])
    }
    science = [one for found in of_program.values() for one in found]
    assert {one["observation_type"] for one in science} == {"science"}
    opened = sum(one["exposure_time_s"] for one in science)
    shown = words(page, ".use-tiles")
    assert f"{wording.hours(opened)} Open shutter {len(science)} Science exp." in shown
    first = min(of_program)
    page.locator(f"a[href='{first}.html']").first.click()
    page.wait_for_url(f"**/{first}.html")
    page.close()
