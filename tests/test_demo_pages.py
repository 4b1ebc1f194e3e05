"""The example's pages as an observer meets them: from disk, in a real browser, with and without JavaScript."""

import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from running import CLASSES, counts, nights

STREAMS = ("auxTel", "comCam", "testStand", "lsstCam", "summit", "gemini", "ztf", "lasair", "ovro_lwa", "guider", "weather", "allSky")
TOLD = {  # what some night of the stream says
    "lsstCam": (
        "missing: 17–19, 42; exposure 65: 8 of 9 detectors, lacking R22_S11",
        "27 files never tried",
        "1 file ingested, but since gone",
    ),
    "summit": ("4 of 70 expected exposures never came; missing: 17–19, 42",),
    "gemini": ("export: 5 files failed; transfer: 5 files failed", "1 file failed"),
    "ztf": ("alerts stored: 4", "×2: a replay", "no data: alerts_produced"),
    "lasair": ("were not filtered (8.3 %)", "node 2 is out of line"),
    "ovro_lwa": (
        "1 sub-band has not updated in 120 s: drvs3",
        "2 sub-bands error: drvs4=Low recording space",
        "15 of 16 sub-bands, lacking 64MHz",
    ),
    "allSky": ("1 file failed",),
}


def pages_of(site):
    """Every page of the site."""
    return sorted(site.rglob("*.html"))


def fullest(site, stream):
    """The page of the stream's night that has the most to say."""
    return max((site / stream).glob("20*.html"), key=lambda path: path.stat().st_size)


def kinds(site):
    """One page of every kind, and the nights of a camera with the most and the least to show."""
    stream = site / "auxTel"
    of_nights = nights(stream)
    worst = max(of_nights, key=lambda night: of_nights[night]["n_error"])
    empty = next(night for night, values in of_nights.items() if not values["n_files"])
    return [
        site / "index.html",
        stream / "index.html",
        stream / f"{worst}.html",
        stream / f"{empty}.html",
        stream / f"{max(of_nights)}.html",
    ]


def open_page(context, path):
    """A page whose console must stay silent, and what it said."""
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    return page, said


def test_numbers_of_the_demo(demo):
    """Every stream is there, of every class that the example promises there is a file, and the classes add up everywhere."""
    site = demo / "site"
    assert {path.parent.name for path in site.glob("*/nights.json")} == set(STREAMS)
    seen = {}
    for stream in STREAMS:
        for night in nights(site / stream).values():
            assert sum(night[f"n_{name}"] for name in CLASSES) == night["n_files"]
            for name, number in counts(night).items():
                seen[name] = seen.get(name, 0) + number
    assert {"ingested", "pending", "failed", "missing", "small", "not_fits", "ignored"} <= set(seen)
    assert any(night["n_files"] == 0 for night in nights(site / "auxTel").values())


def test_no_source_fails(demo):
    """Every source has answered, and none of them left a note of anything odd."""
    for stream in STREAMS:
        index = json.loads((demo / "site" / "data" / f"stream={stream}" / "index.json").read_text())
        assert [name for name, fault in index["sources"].items() if fault] == [], stream
        assert [note for night in index["nights"].values() for note in (night.get("notes") or {}).values()] == [], stream


@pytest.mark.parametrize("stream", TOLD)
def test_what_streams_tell(demo, stream):
    """Each of the example's incidents is told by the pages of its stream."""
    of_nights = nights(demo / "site" / stream).values()
    for words in TOLD[stream]:
        assert any(words in night["info"] for night in of_nights), words
        page = next(f"{night['night']}.html" for night in of_nights if words in night["info"])
        assert words.partition(";")[0] in (demo / "site" / stream / page).read_text()


def test_numbers_beside_files(demo):
    """Numbers that are no files' stand in the table of nights: seeing, alerts, completeness, bands in error."""
    of = {stream: nights(demo / "site" / stream) for stream in STREAMS}
    assert sum(0.3 <= (night["seeing"] or 0) < 2 for night in of["weather"].values()) >= 8
    assert sum((night["today_alert"] or 0) > 100_000 for night in of["lasair"].values()) >= 9
    assert any(0.4 < (night["completeness"] or 0) < 0.42 for night in of["ztf"].values())
    assert of["ovro_lwa"][max(of["ovro_lwa"])]["bands_error"] == 2


def test_every_link_resolves(demo):
    """Every address on every page leads to a file that is there, and to a place in it that is there."""
    site, checked = demo / "site", 0
    ids = {}
    for page in pages_of(site):
        text = page.read_text()
        for address in re.findall(r'(?:href|src|data-plotly)="([^"]+)"', text):
            if address.startswith("data:"):
                continue
            assert not urlsplit(address).scheme, address
            path, fragment = urldefrag(address)
            target = (page.parent / unquote(path)).resolve() if path else page
            assert target.is_file(), f"{page}: {address}"
            if fragment:
                ids.setdefault(target, set(re.findall(r'id="([^"]+)"', target.read_text())))
                assert fragment in ids[target], f"{page}: {address}"
            checked += 1
    assert checked > 300


def look_at(browser, path, width):
    """From disk a page draws its charts, fits the window, says nothing on the console, and satisfies axe."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page, said = open_page(context, path)
    for place in page.query_selector_all(".plot"):
        place.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.plot')].every(place => place.querySelector('svg'))")
    assert said == [], path
    assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    alike = {"exclude": [["tbody tr:nth-child(n+12)"]]}  # the hundreds of rows of a table are made by the same lines
    faults = Axe().run(page, context=alike, options={"preload": False}).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == [], path
    context.close()


@pytest.mark.parametrize("width", [1400, 400])
def test_pages_in_a_browser(demo, browser, width):
    """Every kind of page works in a wide and in a narrow window."""
    for path in kinds(demo / "site"):
        look_at(browser, path, width)


@pytest.mark.parametrize("stream", STREAMS[1:])
def test_a_night_of_every_stream(demo, browser, stream):
    """Of every stream the night that has the most to say works; of the first, `test_pages_in_a_browser` says so."""
    look_at(browser, fullest(demo / "site", stream), 400 if stream in ("lasair", "weather") else 1400)


def test_pages_fit_a_phone(demo, browser):
    """No page is wider than a phone's screen: what is wide scrolls in a place of its own."""
    site = demo / "site"
    paths = [site / "index.html", *(path for stream in STREAMS for path in (site / stream / "index.html", fullest(site, stream)))]
    page, wide = browser.new_page(), []
    for path in paths:
        for width in (400, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(path.as_uri())  # anew: a chart that was drawn takes a moment to follow a window
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append((width, path.relative_to(site).as_posix()))
    page.close()
    assert wide == []


def test_each_card_says_when_its_stream_was_read(demo, browser):
    """Every stream's card on the site's page tells the age of the last look, though its title is not its name."""
    page = browser.new_page()
    page.goto((demo / "site" / "index.html").as_uri())
    page.wait_for_function("document.querySelector('[data-looked]').textContent")
    told = page.eval_on_selector_all("[data-looked]", "places => places.map(place => place.textContent)")
    page.close()
    assert len(told) == len(STREAMS) and all(text.startswith("Last looked at ") for text in told)


def test_charts_are_there(demo, browser):
    """A night has its three charts, a stream's page its charts over nights."""
    site = demo / "site"
    for path, least in ((kinds(site)[1], 3), (kinds(site)[2], 3)):
        page, _ = open_page(browser, path)
        assert len(page.query_selector_all(".plot")) >= least
        page.close()


def test_facts_without_javascript(demo, browser):
    """With JavaScript switched off the numbers, the findings, the files that need attention and the links are there."""
    context = browser.new_context(java_script_enabled=False)
    site = demo / "site"
    night = next(values for values in nights(site / "auxTel").values() if values["n_failed"] > 1)
    page, _ = open_page(context, site / "auxTel" / f"{night['night']}.html")
    text = page.inner_text("body")
    assert f"{night['n_failed']} files failed" in text and "the registry does not have it" in text
    assert f"{night['n_files']}" in text.replace("\u202f", "").replace(",", "")
    assert page.query_selector(f"a[href='{night['night']}.csv']")
    page.goto((site / "index.html").as_uri())
    assert "attention" in page.inner_text("body")
    context.close()


def test_getting_around(demo, browser):
    """From the site to a stream, to its newest night, to the one before and back: by links that a reader sees."""
    context = browser.new_context()
    page, said = open_page(context, demo / "site" / "index.html")
    page.click("text=Auxiliary telescope")
    newest = max(nights(demo / "site" / "auxTel"))
    page.click(f"table >> text={newest}")
    assert newest in page.inner_text("h1")
    page.click("a[rel=prev] >> nth=0")
    assert newest not in page.inner_text("h1")
    page.click("a[rel=next] >> nth=0")
    assert newest in page.inner_text("h1")
    page.goto((demo / "site" / "auxTel" / "latest.html").as_uri())
    page.wait_for_url(f"**/{newest}.html")
    assert said == []
    context.close()


def test_no_script_in_the_pages(demo):
    """Pages load scripts by address only; data stand in them as data, and what a file's name says is text."""
    for path in pages_of(demo / "site"):
        text = path.read_text()
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, path
        assert not re.search(r"\son\w+=", text), path
    named = [path for path in (demo / "site").rglob("*.csv") if "<b>" in path.read_text()]
    assert named, "the example has a file with <b> in its name"
    assert "<b>" not in re.sub(r"<b>[^<]*</b>", "", Path(named[0]).with_suffix(".html").read_text())


def test_plotly_is_shared(demo):
    """plotly's script is there once for the whole site."""
    assert len(list((demo / "site").rglob("*plotly*"))) == 1
