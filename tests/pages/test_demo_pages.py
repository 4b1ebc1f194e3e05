"""The example's pages as an observer meets them: from disk, in a real browser, with and without JavaScript."""

import datetime
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from running import CLASSES, counts, nights

STREAMS = (
    "auxTel",
    "comCam",
    "testStand",
    "lsstCam",
    "summit",
    "gemini",
    "ztf",
    "lasair",
    "ovro_lwa",
    "guider",
    "weather",
    "allSky",
)
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
    return max(
        (site / f"{stream}/{night}.html" for night in nights(site / stream)),
        key=lambda path: path.stat().st_size,
    )


def kinds(site):
    """A page of every kind, by its name: with the least and the most to show, and each thing that only some streams have."""
    of_nights = nights(site / "auxTel")
    worst = max(of_nights, key=lambda night: of_nights[night]["n_error"])
    empty = next(night for night, values in of_nights.items() if not values["n_files"])
    return {
        "site": site / "index.html",
        "glossary": site / "glossary.html",
        "stream": site / "auxTel" / "index.html",
        "year": site / "auxTel" / f"{max(of_nights)[:4]}.html",
        "bad night": site / "auxTel" / f"{worst}.html",
        "night without files": site / "auxTel" / f"{empty}.html",
        "tonight": site / "auxTel" / f"{max(of_nights)}.html",
        "stream of numbers alone": site / "weather" / "index.html",
        "night of numbers alone": fullest(site, "lasair"),
        "night with queues": fullest(site, "gemini"),
        "night with images": fullest(site, "ovro_lwa"),
        "exposures": max((site / "auxTel").glob("*.exposures.html")),
        "pruned": next(
            path
            for path in (site / "allSky").glob("20*-*.html")
            if 'content="pruned"' in path.read_text()
        ),
        "latest": site / "auxTel" / "latest.html",
        "moved": max((site / "comCam").glob("20*_gen2.html")),
        "night with previews": max(
            (
                path
                for path in (site / "guider").glob("20*-*.html")
                if "no-preview" in path.read_text()
            ),
            key=str,
        ),
    }


def open_page(context, path):
    """A page whose console must stay silent, and what it said."""
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri() if isinstance(path, Path) else path)
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
        assert [
            note
            for night in index["nights"].values()
            for note in (night.get("notes") or {}).values()
        ] == [], stream


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
    """Every address on every page, and of what it loads, leads to a file that is there, and to a place in it that is there."""
    site, checked, loaded = demo / "site", 0, set()
    ids = {}
    for page in pages_of(site):
        text = page.read_text()
        addresses = re.findall(
            r'\s(?:href|src|data-plotly|data-files)="([^"]+)"', text
        ) + re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', text)
        points = re.findall(
            r'"(\d{4}-\d\d-\d\d\.html)"', text
        )  # where a click on a chart of nights leads
        for address in [*addresses, *points]:
            if address.startswith("data:"):
                continue
            assert not urlsplit(address).scheme, address
            path, fragment = urldefrag(address)
            target = (page.parent / unquote(path.partition("?")[0])).resolve() if path else page
            assert target.is_file(), f"{page}: {address}"
            loaded.add(target)
            if fragment:
                ids.setdefault(target, set(re.findall(r'\sid="([^"]+)"', target.read_text())))
                assert fragment in ids[target], f"{page}: {address}"
            checked += 1
    assert checked > 10_000
    bookmarks = re.compile(r"latest|.*_gen[23]")  # addresses that others have
    left = {
        path
        for path in site.rglob("*.html")
        if path not in loaded and not bookmarks.fullmatch(path.stem)
    }
    assert left == set(), "and every page can be reached"


def test_every_night_has_its_page(demo):
    """Each night between a stream's first and last that was looked at has a page, that of a night without files says so."""
    for stream in STREAMS:
        for night, values in nights(demo / "site" / stream).items():
            text = (demo / "site" / stream / f"{night}.html").read_text()
            if not values["n_files"]:
                assert (
                    "No files in this night" in text
                    or "headline" in text
                    or "No data of this night" in text
                )


def test_a_row_for_every_exposure(demo):
    """Each exposure of each night has a row in plain HTML, on the night's page or on pages that this one leads to; none is above 500 kB."""
    site, n_pages = demo / "site", 0
    for night, values in nights(site / "auxTel").items():
        parts = sorted((site / "auxTel").glob(f"{night}.exposures*"))
        where = parts or [site / "auxTel" / f"{night}.html"]
        rows = re.findall(
            r'<tr><th scope="row"><bdi>([^<]+)</bdi></th><td>[^<]*</td><td>(\d+)</td>',
            "".join(path.read_text() for path in where),
        )
        assert sum(int(n) for _, n in rows) == values["n_files"] and len(rows) == len(set(rows)), (
            night
        )
        n_pages += len(parts)
    assert n_pages > 5 and max(path.stat().st_size for path in site.rglob("*.html")) < 500_000


KINDS = (
    *(
        "site",
        "glossary",
        "stream",
        "year",
        "bad night",
        "night without files",
        "tonight",
        "stream of numbers alone",
    ),
    *(
        "night of numbers alone",
        "night with queues",
        "night with images",
        "night with previews",
        "exposures",
        "pruned",
        "latest",
        "moved",
    ),
)
WIDTHS, COLOURS = (1400, 360), ("light", "dark")
REFRESH = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)">')
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": {
        "type": "rule",
        "values": ["color-contrast", "link-in-text-block"],
    },  # all else is the same in the dark
}


@pytest.fixture(scope="module")
def windows(browser):
    """A browsing context for each width, with scripts and without; high enough that all charts of a page are in sight."""
    made = {
        (width, is_scripted): browser.new_context(
            viewport={"width": width, "height": 4000}, java_script_enabled=is_scripted
        )
        for width in WIDTHS
        for is_scripted in (True, False)
    }
    for context in made.values():
        context.set_default_timeout(
            180_000
        )  # sixteen ways of every page are work for a machine that has other work, too
    yield made
    for context in made.values():
        context.close()


def show_all(page):
    """Scroll through a page, so that it draws its charts and opens its table; waits by selectors, which a strict policy allows."""
    for place in page.query_selector_all(".plot"):
        place.scroll_into_view_if_needed()
        page.wait_for_selector(
            f".plot[data-figure='{place.get_attribute('data-figure')}'][data-drawn]",
            state="attached",
        )
    if page.query_selector("#all-files"):
        page.locator("#all-files").scroll_into_view_if_needed()
        page.wait_for_selector("#all-files[data-ready]")


def faults_of(page, rules):
    """What axe finds wrong with a page."""
    alike = {
        "exclude": [
            ["tbody tr:nth-child(n+6)"],
            [".glossary div:nth-child(n+4)"],
            [".card:nth-child(n+9)"],
            [".js-plotly-plot svg"],
        ]
    }
    found = Axe().run(
        page,
        context=alike,
        options={"preload": False, "resultTypes": ["violations"], "runOnly": rules},
    )
    return [(fault["id"], fault["nodes"][0]["html"]) for fault in found.response["violations"]]


def look_at(context, address, is_scripted, with_axe=False):
    """A page says nothing on the console, fits the window and has no dead link, in light and dark; with a script its charts are drawn."""
    page, said = open_page(context, address)
    assert page.inner_text("#looked").startswith("Last update ") == is_scripted
    for colours in COLOURS:
        page.emulate_media(color_scheme=colours)
        if is_scripted:
            show_all(page)
            assert (
                page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
            ), address
            dead = [
                href
                for href in page.eval_on_selector_all(
                    "a[href]", "all => all.map(link => link.href)"
                )
                if not arrives(page, href)
            ]
            assert dead == [], address
        else:
            assert page.locator("h1").is_visible() and page.inner_text("main")
            assert (
                page.locator(".plot").count() == 0 or not page.locator(".plot").first.is_visible()
            )
        assert not with_axe or faults_of(page, RULES[colours]) == [], (address, colours)
    assert said == [], address
    page.close()


def arrives(page, href):
    """Whether a link of an open page leads to a file of the site; the server's are those of the disk."""
    address = urldefrag(href)[0].partition("?")[0]
    if address not in ARRIVING:
        path = unquote(urlsplit(address).path)
        ARRIVING[address] = (
            Path(path).is_file() if address.startswith("file:") else page.request.head(address).ok
        )
    return ARRIVING[address]


ARRIVING = {}  # what was found out of each address


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page(demo, served, windows, kind):
    """Each kind of page works wide and narrow, light and dark, with JavaScript and without, from disk and from a strict server: all 16."""
    path = kinds(demo / "site")[kind]
    refresh = REFRESH.search(path.read_text())
    for address in (path.as_uri(), f"{served}/{path.relative_to(demo / 'site').as_posix()}"):
        for (_, is_scripted), context in windows.items():
            if refresh:
                leads_on(
                    context,
                    address,
                    refresh[1],
                    with_axe=is_scripted and address.startswith("http"),
                )
            else:  # what axe looks at hangs on no address
                look_at(
                    context,
                    address,
                    is_scripted,
                    with_axe=is_scripted and address.startswith("file:"),
                )


def leads_on(context, address, target, with_axe):
    """A page leads on at once; the page itself, seen only where a browser was told not to follow, has no fault."""
    page, said = open_page(context, address)
    page.wait_for_url(f"{address.rpartition('/')[0]}/{target}", wait_until="commit")
    page.wait_for_selector("h1")
    assert said == [], address
    if with_axe:
        page.route(
            address,
            lambda route: route.fulfill(
                body=REFRESH.sub("", route.fetch().text()), content_type="text/html"
            ),
        )
        page.goto(address)
        for colours in COLOURS:
            page.emulate_media(color_scheme=colours)
            assert faults_of(page, RULES[colours]) == [], address
    page.close()


@pytest.mark.parametrize(
    "stream", sorted(set(STREAMS) - {"auxTel", "gemini", "guider", "lasair", "ovro_lwa"})
)
def test_a_night_of_every_stream(demo, windows, stream):
    """Of every stream the night that has the most to say works; of those that have a kind of their own, the test above says so."""
    look_at(windows[360, True], fullest(demo / "site", stream), True, with_axe=True)


@pytest.mark.parametrize("kind", ["bad night", "stream", "night with images"])
def test_a_printed_page_is_legible(demo, browser, kind):
    """On paper, also from a dark screen: black on white, charts too, which fit it; no table cut off by its box, no buttons."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme="dark")
    page, _ = open_page(context, kinds(demo / "site")[kind])
    show_all(page)
    page.emulate_media(media="print")
    style = "element => { const s = getComputedStyle(element); return [s.color, s.backgroundColor, s.overflowX, s.maxHeight]; }"
    assert page.locator("body").evaluate(style)[:2] == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    boxes = [
        page.locator(".scroll").nth(n).evaluate(style)
        for n in range(page.locator(".scroll").count())
    ]
    assert boxes and all(box[2:] == ["visible", "none"] for box in boxes)
    assert not any(
        nav.is_visible() for nav in page.query_selector_all("nav, .filters, .modebar, #all-files")
    )
    page.set_viewport_size({"width": 700, "height": 900})
    page.emulate_media(media="screen")
    page.emulate_media(media="print")
    drawn = "[...document.querySelectorAll('.plot')].map(plot => [plot, plot.querySelector('.main-svg')])"
    is_white, fits = (
        "svg.style.background === 'rgb(255, 255, 255)'",
        "svg.getBoundingClientRect().width <= plot.clientWidth + 1",
    )
    page.wait_for_function(f"{drawn}.every(([plot, svg]) => {is_white} && {fits})")
    assert page.pdf(format="A4").startswith(b"%PDF-")
    context.close()


def test_pages_fit_a_phone(demo, browser):
    """No page is wider than a phone's screen: what is wide scrolls in a place of its own; also where the phone's clock is behind."""
    site = demo / "site"
    paths = [
        site / "index.html",
        *(
            path
            for stream in STREAMS
            for path in (site / stream / "index.html", fullest(site, stream))
        ),
    ]
    page, wide = browser.new_page(), []
    for hours_behind in (0, 30):  # "1 d 06 h ahead of this computer's clock" is long
        page.clock.set_fixed_time(
            datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours_behind)
        )
        for path in paths:
            for width in (400, 360):
                page.set_viewport_size({"width": width, "height": 800})
                page.goto(
                    path.as_uri()
                )  # anew: a chart that was drawn takes a moment to follow a window
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wide.append((width, hours_behind, path.relative_to(site).as_posix()))
    page.close()
    assert wide == []


def test_each_card_says_when_its_stream_was_read(demo, browser):
    """Every stream's card on the site's page tells the age of the last look, though its title is not its name."""
    page = browser.new_page()
    page.goto((demo / "site" / "index.html").as_uri())
    page.wait_for_function("document.querySelector('[data-looked]').textContent")
    told = page.eval_on_selector_all(
        "[data-looked]", "places => places.map(place => place.textContent)"
    )
    page.close()
    assert len(told) == len(STREAMS) and all(text.startswith("Last update ") for text in told)


def test_charts_are_there(demo, browser):
    """A night has its three charts, a stream's page its charts over nights."""
    site = demo / "site"
    for path, least in ((kinds(site)["stream"], 3), (kinds(site)["bad night"], 3)):
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
    page.wait_for_url(f"**/{newest}.html?latest")
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
