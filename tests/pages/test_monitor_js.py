"""The pages' script in a real browser, from disk: ages and warnings, and the table of all files."""

import itertools
import json
import random
import re
import shutil
from pathlib import Path

import plotly
import pytest
import test_charts
import test_position
from axe_playwright_python.sync_playwright import Axe
from lwa_dump import waterfall
from page_samples import (
    NASTY,
    empty_night_page,
    frame,
    glossary_page,
    night_page,
    night_rows,
    site_page,
    stream_page,
    summary,
)
from test_file_list import table

from observing_monitor.charts.night import night_charts
from observing_monitor.charts.over_nights import stream_charts
from observing_monitor.pages import assets, file_list, render

ASSETS = {name: name for name in (assets.STYLE, assets.SCRIPT, assets.PLOTLY)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A night's page with 101 files, three of them failed, one with a nasty name, beside its assets."""
    root = tmp_path_factory.mktemp("site")
    (root / "assets").mkdir()
    for name in (assets.STYLE, assets.SCRIPT):
        (root / "assets" / name).write_bytes(assets.asset_bytes(name))
    (root / "auxTel/2020-02-12.images").mkdir(parents=True)
    (root / "auxTel/2020-02-12.images/drvs1-spectra-0123456789.png").write_bytes(
        waterfall(random.Random(1))
    )
    files = table(101).astype({"path": "object"})
    files.loc[5, "path"] = f"folder/{NASTY}"
    files.loc[5, "file_class"] = "failed"
    page = night_page(
        charts=[],
        files_js="2020-02-12.files.js",
        summary=summary(n_files=101, n_ingested=98, n_failed=3),
    )
    (root / "auxTel/2020-02-12.html").write_text(
        render.render_night(page, ASSETS), encoding="utf-8"
    )
    (root / "auxTel/2020-02-12.files.js").write_text(
        file_list.render_files_js(files), encoding="utf-8"
    )
    return root


@pytest.fixture(scope="module")
def gallery(site):
    """One page of each kind, with charts, in the same folder: their names."""
    shutil.copy(Path(plotly.__file__).parent / "package_data/plotly.min.js", site / "assets")
    over_nights = stream_charts([row.values for row in night_rows()])
    texts = {
        "index.html": render.render_site(site_page(), ASSETS),
        "glossary.html": render.render_glossary(glossary_page(), ASSETS),
        "auxTel/index.html": render.render_stream(stream_page(charts=over_nights), ASSETS),
        "auxTel/2020-02-11.html": render.render_night(empty_night_page(), ASSETS),
        "auxTel/2020-02-13.html": render.render_night(
            night_page(charts=night_charts(test_charts.night(500), *test_charts.BOUNDS)),
            ASSETS,
        ),
    }
    for name, text in texts.items():
        (site / name).write_text(text, encoding="utf-8")
    return list(texts)


def open_page(browser, site, address="", run_at="2020-02-13T03:12:41Z"):
    """The night's page, opened when the last run was at `run_at`; an error on its console fails the test."""
    heartbeat = {"run_at": run_at, "streams": {"auxTel": {"read_at": run_at, "sources": {}}}}
    (site / "heartbeat.js").write_text(
        f"window.observing_monitor_heartbeat = {json.dumps(heartbeat)};"
    )
    page = browser.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.clock.set_fixed_time("2020-02-13T03:16:45Z")
    page.goto(f"{(site / 'auxTel/2020-02-12.html').as_uri()}{address}")
    return page


def shown(page):
    """The rows of the table of all files that exist just now, as lists of texts."""
    page.wait_for_selector("#all-files[data-ready]")
    return page.eval_on_selector_all(
        "#files-scroll tbody tr:not(.spacer)",
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))",
    )


def test_a_fresh_page_says_when_it_was_looked_after(browser, site):
    """The page tells the age of the last run by the reader's clock, and doesn't warn."""
    page = open_page(browser, site)
    assert page.inner_text("#looked") == "Last update 03:12:41 UTC, 4 min ago"
    assert not page.is_visible("#stale")


def test_a_stale_page_warns(browser, site):
    """When nobody has looked for longer than the limit, the page says so on top."""
    page = open_page(browser, site, run_at="2020-02-13T01:11:41Z")
    assert frame().stale_after_s < 7200
    assert page.inner_text("#stale").startswith(
        "Not updated for 2 h 05 min (last run 01:11:41 UTC)."
    )


def test_a_page_of_a_stream_that_was_removed_warns(browser, site):
    """A page of a stream that the settings no longer name says so, however fresh the other streams are."""
    open_page(browser, site).close()  # leaves a heartbeat
    beat = site / "heartbeat.js"
    beat.write_text(beat.read_text().replace('"auxTel"', '"comCam"'))
    page = browser.new_page()
    page.goto(f"file://{site}/auxTel/2020-02-12.html")
    page.wait_for_selector("#stale:not([hidden])")
    assert "This stream is no longer monitored" in page.inner_text("#stale")
    page.close()


def test_a_page_without_heartbeat_warns(browser, site):
    """When the heartbeat can't be loaded, the page says that it may be out of date."""
    page = open_page(browser, site)
    (site / "heartbeat.js").unlink()
    page.reload()
    assert "could not be loaded" in page.inner_text("#stale")


def test_table_has_all_files(browser, site):
    """Opened by coming into sight, the table counts all files, and shows names and instants as they are."""
    page = open_page(browser, site)
    page.locator("#all-files").scroll_into_view_if_needed()
    rows = shown(page)
    assert page.inner_text("#files-shown") == "101 of 101 files"
    assert rows[0][0] == "2020-02-12/exposure000000/AT_O_20200212_000000_R00.fits"
    assert "2020-02-12 22:00:03" in rows[0]


def test_table_is_filled_as_soon_as_it_is_open(browser, site):
    """The rows that are drawn first reach the lower edge of the table's room."""
    page = open_page(browser, site, "#files")
    shown(page)
    room, last = (
        page.locator(of).bounding_box()
        for of in ("#files-scroll", "#files-scroll tbody tr:nth-last-child(2)")
    )
    assert last["y"] + last["height"] >= room["y"] + room["height"]


def test_nasty_names_are_shown_as_text(browser, site):
    """A name with markup in it is shown letter by letter, with controls as pictures."""
    row = shown(open_page(browser, site, "#files?q=folder"))
    assert len(row) == 1 and row[0][0].startswith(
        "folder/<b>&\"'</script><!--{{ 7*7 }}{% raw %}␛[31mred"
    )


def test_address_keeps_the_filter(browser, site):
    """A class, a search and an order in the address are those of the table; what is typed goes into the address."""
    page = open_page(browser, site, "#files?class=failed&sort=-size_bytes")
    rows = shown(page)
    assert page.inner_text("#files-shown") == "3 of 101 files"
    assert {row[1] for row in rows} == {"Failed"}
    page.fill("#files-search", "R04")
    assert page.inner_text("#files-shown") == "1 of 101 files"
    assert page.url.endswith("#files?class=failed&q=R04&sort=-size_bytes")
    page.fill("#files-search", "")
    assert page.inner_text("#files-shown") == "3 of 101 files"


def test_heads_sort(browser, site):
    """A head sorts by its column, a second press turns the order, and what isn't there comes last either way."""
    page = open_page(browser, site, "#files?q=fits")
    shown(page)
    head = page.get_by_role("button", name="Ingested")
    for order in ("ascending", "descending"):
        head.click()
        assert page.locator(f'th[aria-sort="{order}"]').inner_text().startswith("Ingested")
        page.evaluate("document.getElementById('files-scroll').scrollTop = 1e9")
        page.wait_for_function(
            "document.querySelector('#files-scroll tbody tr[aria-rowindex=\"101\"]')"
        )
        assert shown(page)[-1][6] == "–"


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("exposure=3", 9),
        ("exposure=20200212000003", 9),
        ("exposure=at_o_20200212_000003", 9),
        ("exposure=nothing", 0),
        ("stage=not:ingested_at", 1),
        ("stage=done:ingested_at&class=failed", 3),
        ("by=created_at&from=2020-02-12T22:00:01Z&to=2020-02-12T22:00:02Z", 10),
        ("by=nonsense,created_at&from=2020-02-12T22:00:01Z&to=2020-02-12T22:00:01Z&q=R06", 1),
        ("by=created_at&from=x&to=y&stage=nonsense", 101),
    ],
)
def test_filters_in_the_address(browser, site, query, n):
    """Exposure (by number or name), stage, class and time are filters that the address keeps; the CSV has the rows that they leave."""
    page = open_page(browser, site, f"#files?{query}")
    shown(page)
    page.wait_for_function(
        f"document.getElementById('files-shown').textContent === '{n} of 101 files'"
    )
    with page.expect_download() as saved:
        page.click("#files-csv")
    assert len(saved.value.path().read_text().splitlines()) == 1 + n
    page.close()


def test_filters_by_keyboard(browser, site):
    """An exposure is typed, a stage is chosen; both go into the address, and what is left is announced."""
    page = open_page(browser, site, "#files?q=fits")
    shown(page)
    page.fill("#files-exposure", "11")
    assert page.inner_text("output#files-shown") == "2 of 101 files"
    page.select_option("#files-stage", label="not ingested")
    assert page.inner_text("output#files-shown") == "1 of 101 files"
    assert page.url.endswith("#files?stage=not%3Aingested_at&exposure=11&q=fits")
    page.close()


@pytest.mark.parametrize(("chart", "n"), [("chart-files", r"[1-9]\d?"), ("chart-delay", "101")])
def test_a_click_on_a_point_leads_to_its_rows(browser, site, gallery, chart, n):
    """A click on a point shows the files that it stands for, the address says which; a press on the span shows all again."""
    files = table(101)
    bounds = test_charts.BOUNDS
    night = night_page(
        charts=night_charts(files, *bounds),
        files_js="2020-02-12.files.js",
        summary=summary(n_files=101),
    )
    (site / "auxTel/2020-02-14.html").write_text(
        render.render_night(night, ASSETS), encoding="utf-8"
    )
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((site / "auxTel/2020-02-14.html").as_uri())
    plot = page.locator(f"#{chart} .plot")
    plot.scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('#{chart} .plot').dataset.drawn")
    x, y = plot.evaluate(
        """place => {
          const trace = place._fullData[0], {xaxis, yaxis} = place._fullLayout, i = trace.x.length > 9 ? 9 : 0;
          return [xaxis._offset + xaxis.c2p(xaxis.d2c(trace.x[i])), yaxis._offset + yaxis.c2p(yaxis.d2c(trace.y[i]))];
        }"""
    )
    plot.click(position={"x": x, "y": y})
    shown(page)
    page.wait_for_url("**/*#files?by=created_at&from=2020-02-12T22%3A0*", timeout=5000)
    assert re.fullmatch(f"{n} of 101 files", page.inner_text("#files-shown"))
    page.click("#files-between")
    assert page.inner_text("#files-shown") == "101 of 101 files" and page.url.endswith("#files")
    page.close()


def test_a_number_leads_to_its_rows(browser, site):
    """A click on the count of failed files shows these files."""
    page = open_page(browser, site)
    page.click(".tile.failed a")
    shown(page)
    page.wait_for_function(
        "document.getElementById('files-shown').textContent === '3 of 101 files'"
    )


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 360])
def test_every_kind_of_page(browser, site, gallery, width, colours):
    """Each kind of page draws its charts, fits its window, writes nothing to the console, and axe finds no fault in it."""
    open_page(browser, site).close()  # leaves a heartbeat
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


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_sky_and_local_time(browser, site, gallery, colours):
    """Night is darkest behind a chart; above stand round hours of the place, 23:00 twice when clocks go back, finer where one zooms."""
    page_of_it = night_page(charts=test_position.drawn("2021-04-03"), files_js="")
    (site / "auxTel/2021-04-03.html").write_text(
        render.render_night(page_of_it, ASSETS), encoding="utf-8"
    )
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=colours)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((site / "auxTel/2021-04-03.html").as_uri())
    plot = page.locator("#chart-files .plot")
    plot.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#chart-files .plot').dataset.drawn")
    assert plot.locator(".x2tick").all_text_contents() == [
        "20:00",
        "22:00",
        "00:00",
        "02:00",
        "04:00",
        "06:00",
    ]
    ticks = plot.evaluate("place => place.layout.xaxis2.tickvals.map(Date.parse)")
    assert [(b - a) / 3_600_000 for a, b in itertools.pairwise(ticks)] == [2, 3, 2, 2, 2], (
        "that night has one hour more"
    )
    brightness = "s => s.layout.shapes.map(one => parseInt(one.fillcolor.slice(1, 3), 16))"
    shades = plot.evaluate(brightness)
    assert shades[:7] == sorted(shades[:4], reverse=True) + sorted(shades[:3])
    zoom = ["2021-04-04 01:50:00", "2021-04-04 04:10:00"]
    plot.evaluate("(place, range) => Plotly.relayout(place, {'xaxis.range': range})", zoom)
    page.wait_for_function(
        "[...document.querySelectorAll('#chart-files .x2tick')].some(tick => tick.textContent === '23:30')"
    )
    hours = [text for text in plot.locator(".x2tick").all_text_contents() if text.endswith("00")]
    assert hours == ["23:00", "23:00", "00:00"]
    page.close()


def test_charts_stay_here():
    """The charts' buttons are listed one by one: plotly's own list has one that sends the chart to its makers."""
    script = assets.script_text()
    assert "modeBarButtons: MODE_BAR_BUTTONS" in script and "Cloud" not in script


@pytest.mark.parametrize("scripted", [True, False])
def test_queues_by_keyboard(browser, site, scripted):
    """With and without JavaScript the arrow keys go from queue to queue, one of which is shown, and an entry opens."""
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


def test_an_address_inside_a_folded_group_opens_it(browser, site):
    """Whoever follows a link to a file of a closed group sees the file."""
    page = open_page(browser, site, "#file-1")
    assert page.is_visible("#file-1")
    page = open_page(browser, site)
    assert not page.is_visible("#file-1")
    page.evaluate("location.hash = '#file-1'")
    page.wait_for_selector("#file-1", state="visible")


MEANING = "The last attempt failed; the message says why"


def tip(page):
    """What is said of a word just now; "" where nothing is."""
    return page.evaluate("(document.querySelector('.tip:popover-open') || {}).textContent || ''")


def test_words_explain_themselves(browser, site):
    """A head says what it means under the mouse and by keyboard, closes by Escape, and its line lies in the window, above all else."""
    page = open_page(browser, site)
    word = page.locator(".stages th .word").nth(2)
    assert word.get_attribute("title") == "Files whose last attempt failed"
    word.hover()
    assert tip(page) == "Files whose last attempt failed. Glossary"
    assert word.get_attribute("title") is None, "or the browser would say it, too"
    page.locator(".tip").hover()
    page.wait_for_timeout(400)
    assert tip(page), "the mouse may rest on what is said"
    page.locator("h1").hover()
    page.wait_for_function("!document.querySelector('.tip:popover-open')")
    assert word.get_attribute("title") == "Files whose last attempt failed"
    page.keyboard.press("Tab")
    word.focus()
    assert tip(page).startswith("Files whose last attempt failed")
    assert page.locator(".stages th .word:focus").get_attribute("title"), (
        "a screen reader says the title"
    )
    page.locator("h1").dispatch_event(
        "pointerover", {"pointerType": "mouse"}
    )  # as a page does that moves below a mouse at rest
    page.wait_for_timeout(400)
    assert tip(page), "what the keyboard opened stays until it goes on"
    page.keyboard.press("Escape")
    assert tip(page) == ""
    page.close()


def test_words_on_a_phone(browser, site):
    """The first tap explains a head inside the window, the second follows it; a tap beside it closes what is said."""
    context = browser.new_context(
        viewport={"width": 360, "height": 700}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto((site / "auxTel/2020-02-12.html").as_uri())
    word = page.locator(".tile.failed .word")
    word.scroll_into_view_if_needed()
    before = page.evaluate("document.documentElement.scrollHeight")
    word.tap()
    assert tip(page) == f"{MEANING}. Glossary"
    box = page.locator(".tip").bounding_box()
    assert (
        box["x"] >= 0
        and box["x"] + box["width"] <= 360
        and box["y"] >= 0
        and box["y"] + box["height"] <= 700
    )
    assert page.evaluate("document.documentElement.scrollHeight") == before, "nothing moves"
    page.locator("h1").tap()
    assert tip(page) == "" and page.url.endswith("2020-02-12.html")
    word.tap()
    (site / "glossary.html").write_text(
        render.render_glossary(glossary_page(), ASSETS), encoding="utf-8"
    )
    word.tap()
    page.wait_for_url("**/glossary.html#class-failed")
    context.close()


def test_heads_that_sort_explain_themselves(browser, site):
    """A head of the table of all files sorts and explains itself; without a script a word leads to the glossary."""
    page = open_page(browser, site, "#files?class=failed")
    shown(page)
    page.get_by_role("button", name="Ingested").hover()
    assert tip(page).startswith("When the file passed the last stage of the stream")
    assert page.locator(".tip a").get_attribute("href") == "../glossary.html#file-ingested_at"
    page.close()
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((site / "auxTel/2020-02-12.html").as_uri())
    (site / "glossary.html").write_text(
        render.render_glossary(glossary_page(), ASSETS), encoding="utf-8"
    )
    plain.locator(".tile.failed .word").click()
    plain.wait_for_url("**/glossary.html#class-failed")
    assert MEANING in plain.locator(":target").inner_text()
    context.close()
