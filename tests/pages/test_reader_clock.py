"""Times in text, compared with the reader's clock."""

import datetime
import json

import pytest
from file_tables import file_table
from night_samples import night_page
from page_samples import at, site_page, summary

from observing_monitor.pages import assets, file_list, render

ASSETS = {name: name for name in (assets.STYLE, assets.SCRIPT, assets.PLOTLY)}
RUN_AT = "2020-02-13T03:12:41Z"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Pages with a file that was created a day ahead of all clocks."""
    root = tmp_path_factory.mktemp("site")
    (root / "assets").mkdir()
    for name in (assets.STYLE, assets.SCRIPT):
        (root / "assets" / name).write_bytes(assets.asset_bytes(name))
    (root / "auxTel").mkdir()
    heartbeat = {"run_at": RUN_AT, "streams": {"auxTel": {"read_at": RUN_AT, "sources": {}}}}
    (root / "heartbeat.js").write_text(
        f"window.observing_monitor_heartbeat = {json.dumps(heartbeat)};"
    )
    files = file_table(101)
    files.loc[3, "created_at"] = at("2020-02-14T03:00:00")
    page = night_page(charts=[], files_js="2020-02-12.files.js", summary=summary(n_files=101))
    page.attention[0].first_at = page.attention[0].last_at = at("2020-02-14T03:00:00")
    (created,) = [c for c in page.exposed.columns if c.word and c.word.name == "last_created_at"]
    created.cells[0] = "02-14 03:00:00"
    texts = {
        "index.html": render.render_site(site_page(), ASSETS),
        "auxTel/2020-02-12.html": render.render_night(page, ASSETS),
        "auxTel/2020-02-12.files.js": file_list.render_files_js(files),
    }
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def open_page(browser, path, now, width=1400):
    """Return a page open at an instant of the reader's clock."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.clock.set_fixed_time(now)
    page.goto(path.as_uri())
    return page


def test_the_last_update_is_in_utc(browser, site, zone):
    """The line at the top has UTC, with the date unless it is today's in UTC."""
    night = site / "auxTel/2020-02-12.html"
    for now, words in (
        ("2020-02-13T03:16:45Z", "Last update 03:12:41 UTC, 4 min ago"),
        ("2020-02-13T23:59:00Z", "Last update 03:12:41 UTC, 20 h 46 min ago"),
        ("2020-02-14T00:12:41Z", "Last update 2020-02-13 03:12:41 UTC, 21 h 00 min ago"),
    ):
        page = open_page(browser, night, now)
        assert page.inner_text("#looked") == words
        page.close()


def test_times_in_the_future_are_labelled(browser, site, zone):
    """Times ahead are labelled in every table; the night's end is not."""
    page = open_page(browser, site / "auxTel/2020-02-12.html", "2020-02-13T10:00:00Z")
    page.locator("#all-files").scroll_into_view_if_needed()
    page.wait_for_selector("#all-files[data-ready]")
    labelled = page.eval_on_selector_all(
        ".future", "notes => notes.map(note => note.parentElement.textContent)"
    )
    assert sorted(labelled) == [
        "02-14 03:00:00 in the future",  # of files that need attention
        "02-14 03:00:00 in the future",  # created, of an exposure
        "2021-02-13 03:12:41 in the future",  # ingested, of the same
    ]
    cells = page.eval_on_selector_all(
        "#files-scroll td", "cells => cells.map(cell => cell.textContent)"
    )
    assert [text for text in cells if "future" in text] == ["2020-02-14 03:00:00 in the future"]
    page.close()
    page = open_page(browser, site / "auxTel/2020-02-12.html", "2021-02-15T10:00:00Z")
    assert page.locator(".future").count() == 0
    page.close()


@pytest.mark.parametrize("width", [1400, 1000, 720, 360])
def test_a_slow_clock_does_not_break_a_card(browser, site, width):
    """The words for a reader's clock that is behind stay inside their card."""
    now = datetime.datetime.fromisoformat("2020-02-01T00:00:00+00:00")
    page = open_page(browser, site / "index.html", now, width)
    ages = page.eval_on_selector_all(
        ".card .age",
        """ages => ages.map((age) => [age.textContent, age.getBoundingClientRect().right
            <= age.closest("dd").getBoundingClientRect().right + 0.5])""",
    )
    assert ages and all("ahead of this computer's clock" in text for text, _ in ages)
    assert [text for text, fits in ages if not fits] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
