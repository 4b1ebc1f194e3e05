"""The pages' script in a real browser, from disk: warnings, charts, queues and tips."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe
from chart_nights import sky_charts
from night_samples import night_page
from page_samples import frame
from script_site import (
    open_night,
    shown_rows,
    write_gallery,
    write_glossary,
    write_night,
    write_site,
)

from observing_monitor.pages import assets

MEANING = "The last attempt failed; the message says why"
SUMMARY = "Files whose last attempt failed"  # meaning of a heading of the table of stages


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A night's page with 101 files, three of them failed."""
    return write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def gallery(site):
    """Names of pages of each kind, with charts, in the same folder."""
    return write_gallery(site)


# --- the heartbeat -------------------------------------------------------------------------------


def test_age_of_a_fresh_page(browser, site):
    """The page shows the age of the last run by the reader's clock, and no warning."""
    page = open_night(browser, site)
    assert page.inner_text("#looked") == "Last update 03:12:41 UTC, 4 min ago"
    assert not page.is_visible("#stale")


def test_a_stale_page_warns(browser, site):
    """If the last run is older than the limit, the page says so at its top."""
    page = open_night(browser, site, run_at="2020-02-13T01:11:41Z")
    assert frame().stale_after_s < 7200
    warning = "Not updated for 2 h 05 min (last run 01:11:41 UTC)."
    assert page.inner_text("#stale").startswith(warning)


def test_a_page_of_a_removed_stream_warns(browser, site):
    """A page of a stream that the settings no longer name says so."""
    open_night(browser, site).close()  # leaves a heartbeat
    beat = site / "heartbeat.js"
    beat.write_text(beat.read_text().replace('"auxTel"', '"comCam"'))
    page = browser.new_page()
    page.goto(f"file://{site}/auxTel/2020-02-12.html")
    page.wait_for_selector("#stale:not([hidden])")
    assert "This stream is no longer monitored" in page.inner_text("#stale")
    page.close()


def test_a_page_without_heartbeat_warns(browser, site):
    """If the heartbeat cannot be loaded, the page says that it may be out of date."""
    page = open_night(browser, site)
    (site / "heartbeat.js").unlink()
    page.reload()
    assert "could not be loaded" in page.inner_text("#stale")


# --- all kinds of pages, and charts --------------------------------------------------------------


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 360])
def test_every_kind_of_page(browser, site, gallery, width, colours):
    """Each kind draws its charts and fits its window; the console and axe find no fault."""
    open_night(browser, site).close()  # leaves a heartbeat
    for name in gallery:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
        said = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.goto((site / name).as_uri())
        for place in page.query_selector_all(".plot"):
            place.scroll_into_view_if_needed()
        page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every(place => place.dataset.drawn)"
        )
        assert said == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        found = Axe().run(page, options={"preload": False}).response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == [], name
        page.close()


@pytest.fixture(params=["light", "dark"])
def sky_plot(browser, site, gallery, request):
    """The first chart of a night in which Chile's clocks go back, drawn."""
    write_night(
        site / "auxTel/2021-04-03.html", night_page(charts=sky_charts("2021-04-03"), files_js="")
    )
    size = {"width": 1400, "height": 900}
    page = browser.new_page(viewport=size, color_scheme=request.param)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((site / "auxTel/2021-04-03.html").as_uri())
    plot = page.locator("#chart-files .plot")
    plot.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#chart-files .plot').dataset.drawn")
    yield plot
    page.close()


def test_sky_and_local_time(sky_plot):
    """The night is the darkest part behind a chart; local hours are above it."""
    hours = ["20:00", "22:00", "00:00", "02:00", "04:00", "06:00"]
    assert sky_plot.locator(".x2tick").all_text_contents() == hours
    ticks = sky_plot.evaluate("place => place.layout.xaxis2.tickvals.map(Date.parse)")
    # that night has one hour more
    assert [(b - a) / 3_600_000 for a, b in itertools.pairwise(ticks)] == [2, 3, 2, 2, 2]
    brightness = "s => s.layout.shapes.map(one => parseInt(one.fillcolor.slice(1, 3), 16))"
    shades = sky_plot.evaluate(brightness)
    assert shades[:7] == sorted(shades[:4], reverse=True) + sorted(shades[:3])


def test_local_time_of_a_zoom(sky_plot):
    """A zoomed chart has finer local hours, and 23:00 twice when clocks go back."""
    zoom = ["2021-04-04 01:50:00", "2021-04-04 04:10:00"]
    sky_plot.evaluate("(place, range) => Plotly.relayout(place, {'xaxis.range': range})", zoom)
    ticks = sky_plot.locator(".x2tick")
    ticks.filter(has_text="23:30").first.wait_for(state="attached")
    hours = [text for text in ticks.all_text_contents() if text.endswith("00")]
    assert hours == ["23:00", "23:00", "00:00"]


def test_charts_stay_here():
    """The buttons of charts are listed one by one: plotly's list can send charts to its makers."""
    script = assets.script_text()
    assert "modeBarButtons: MODE_BAR_BUTTONS" in script and "Cloud" not in script


# --- queues and groups ---------------------------------------------------------------------------


@pytest.mark.parametrize("scripted", [True, False])
def test_queues_by_keyboard(browser, site, scripted):
    """With and without JavaScript, arrow keys change the queue, and an entry opens."""
    context = browser.new_context(java_script_enabled=scripted)
    page = context.new_page()
    page.goto((site / "auxTel/2020-02-12.html").as_uri())
    panels = page.locator(".panel")
    assert (panels.nth(0).is_visible(), panels.nth(1).is_visible()) == (True, False)
    panels.nth(0).locator("summary").first.click()
    assert "ValueError" in panels.nth(0).locator("details[open] pre").inner_text()
    page.focus("#queue-1")
    page.keyboard.press("ArrowRight")
    assert (panels.nth(0).is_visible(), panels.nth(1).is_visible()) == (False, True)
    assert page.url.endswith("2020-02-12.html"), "the arrow did not lead to another night"
    context.close()


def test_an_address_in_a_folded_group_opens_it(browser, site):
    """A link to a file of a closed group opens the group."""
    page = open_night(browser, site, "#file-1")
    assert page.is_visible("#file-1")
    page = open_night(browser, site)
    assert not page.is_visible("#file-1")
    page.evaluate("location.hash = '#file-1'")
    page.wait_for_selector("#file-1", state="visible")


# --- tips ----------------------------------------------------------------------------------------


def tip(page):
    """Return the text of the open tip, or ""."""
    return page.evaluate("(document.querySelector('.tip:popover-open') || {}).textContent || ''")


def failed_heading(page):
    """Return the heading of the failed files in the table of stages."""
    return page.locator(".stages th .word").nth(2)


def test_tip_by_mouse(browser, site):
    """A heading has a tip under the mouse, which closes when the mouse leaves both."""
    page = open_night(browser, site)
    word = failed_heading(page)
    assert word.get_attribute("title") == SUMMARY
    word.hover()
    assert tip(page) == f"{SUMMARY}. Glossary"
    assert word.get_attribute("title") is None, "or the browser would show it too"
    page.locator(".tip").hover()
    page.wait_for_timeout(400)
    assert tip(page)
    page.locator("h1").hover()
    page.wait_for_function("!document.querySelector('.tip:popover-open')")
    assert word.get_attribute("title") == SUMMARY
    page.close()


def test_tip_by_keyboard(browser, site):
    """A heading with the focus has a tip, which stays when the mouse moves; Escape closes it."""
    page = open_night(browser, site)
    page.keyboard.press("Tab")
    failed_heading(page).focus()
    assert tip(page).startswith(SUMMARY)
    # a screen reader says the title
    assert page.locator(".stages th .word:focus").get_attribute("title")
    # as if the page moved under a mouse at rest
    page.locator("h1").dispatch_event("pointerover", {"pointerType": "mouse"})
    page.wait_for_timeout(400)
    assert tip(page)
    page.keyboard.press("Escape")
    assert tip(page) == ""
    page.close()


def test_tip_on_a_phone(browser, site):
    """The first tap shows the tip inside the window, the second follows it; others close it."""
    size = {"width": 360, "height": 700}
    context = browser.new_context(viewport=size, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((site / "auxTel/2020-02-12.html").as_uri())
    word = page.locator(".tile.failed .word")
    word.scroll_into_view_if_needed()
    height = "document.documentElement.scrollHeight"
    before = page.evaluate(height)
    word.tap()
    assert tip(page) == f"{MEANING}. Glossary"
    box = page.locator(".tip").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    assert box["y"] >= 0 and box["y"] + box["height"] <= 700
    assert page.evaluate(height) == before, "nothing moves"
    page.locator("h1").tap()
    assert tip(page) == "" and page.url.endswith("2020-02-12.html")
    word.tap()
    write_glossary(site)
    word.tap()
    page.wait_for_url("**/glossary.html#class-failed")
    context.close()


def test_tip_of_a_heading_that_sorts(browser, site):
    """A heading of the table of all files sorts, and has a tip with a link to the glossary."""
    page = open_night(browser, site, "#files?class=failed")
    shown_rows(page)
    page.get_by_role("button", name="Ingested").hover()
    assert tip(page).startswith("When the file passed the last stage of the stream")
    href = page.locator(".tip a").get_attribute("href")
    assert href == "../glossary.html#file-ingested_at"
    page.close()


def test_words_without_a_script(browser, site):
    """Without a script, a word links to its line of the glossary."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "auxTel/2020-02-12.html").as_uri())
    write_glossary(site)
    page.locator(".tile.failed .word").click()
    page.wait_for_url("**/glossary.html#class-failed")
    assert MEANING in page.locator(":target").inner_text()
    context.close()
