"""The table of all files in a real browser: rows, order, filters, and clicks that lead to it."""

import re

import pytest
from chart_nights import BOUNDS
from file_tables import file_table
from night_samples import night_page
from page_samples import summary
from script_site import (
    open_night,
    shown_rows,
    wait_for_count,
    write_assets,
    write_night,
    write_site,
)

from observing_monitor.charts.night import night_charts


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A night's page with 101 files, three of them failed."""
    return write_site(tmp_path_factory.mktemp("site"))


def test_table_has_all_files(browser, site):
    """Scrolled into sight, the table opens, counts all files, and shows names and times."""
    page = open_night(browser, site)
    page.locator("#all-files").scroll_into_view_if_needed()
    rows = shown_rows(page)
    assert page.inner_text("#files-shown") == "101 of 101 files"
    assert rows[0][0] == "2020-02-12/exposure000000/AT_O_20200212_000000_R00.fits"
    assert "2020-02-12 22:00:03" in rows[0]


def test_table_is_filled_as_soon_as_it_is_open(browser, site):
    """The rows that are drawn first reach the lower edge of the table's box."""
    page = open_night(browser, site, "#files")
    shown_rows(page)
    box = page.locator("#files-scroll").bounding_box()
    last = page.locator("#files-scroll tbody tr:nth-last-child(2)").bounding_box()
    assert last["y"] + last["height"] >= box["y"] + box["height"]


def test_nasty_names_are_shown_as_text(browser, site):
    """A name with markup is shown letter by letter, with control codes as pictures."""
    row = shown_rows(open_night(browser, site, "#files?q=folder"))
    assert len(row) == 1
    assert row[0][0].startswith("folder/<b>&\"'</script><!--{{ 7*7 }}{% raw %}␛[31mred")


def test_address_keeps_the_filter(browser, site):
    """The address has the class, the search and the order of the table, also after typing."""
    page = open_night(browser, site, "#files?class=failed&sort=-size_bytes")
    rows = shown_rows(page)
    assert page.inner_text("#files-shown") == "3 of 101 files"
    assert {row[1] for row in rows} == {"Failed"}
    page.fill("#files-search", "R04")
    assert page.inner_text("#files-shown") == "1 of 101 files"
    assert page.url.endswith("#files?class=failed&q=R04&sort=-size_bytes")
    page.fill("#files-search", "")
    assert page.inner_text("#files-shown") == "3 of 101 files"


def test_headings_sort(browser, site):
    """A heading sorts by its column, a second click reverses; missing values come last."""
    page = open_night(browser, site, "#files?q=fits")
    shown_rows(page)
    heading = page.get_by_role("button", name="Ingested")
    for order in ("ascending", "descending"):
        heading.click()
        assert page.locator(f'th[aria-sort="{order}"]').inner_text().startswith("Ingested")
        page.evaluate("document.getElementById('files-scroll').scrollTop = 1e9")
        page.wait_for_selector('#files-scroll tbody tr[aria-rowindex="101"]')
        assert shown_rows(page)[-1][6] == "–"


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
    """The address can filter by exposure, stage, class and time; the CSV has the same rows."""
    page = open_night(browser, site, f"#files?{query}")
    shown_rows(page)
    wait_for_count(page, n)
    with page.expect_download() as saved:
        page.click("#files-csv")
    assert len(saved.value.path().read_text().splitlines()) == 1 + n
    page.close()


def test_filters_by_keyboard(browser, site):
    """A typed exposure and a chosen stage go into the address, and the count is announced."""
    page = open_night(browser, site, "#files?q=fits")
    shown_rows(page)
    page.fill("#files-exposure", "11")
    assert page.inner_text("output#files-shown") == "2 of 101 files"
    page.select_option("#files-stage", label="not ingested")
    assert page.inner_text("output#files-shown") == "1 of 101 files"
    assert page.url.endswith("#files?stage=not%3Aingested_at&exposure=11&q=fits")
    page.close()


@pytest.mark.parametrize(("chart", "n"), [("chart-files", r"[1-9]\d?"), ("chart-delay", "101")])
def test_a_click_on_a_point_leads_to_its_rows(browser, site, chart, n):
    """A click on a point shows its files; the address names them; a button shows all again."""
    write_assets(site, with_plotly=True)
    night = night_page(
        charts=night_charts(file_table(101), *BOUNDS),
        files_js="2020-02-12.files.js",
        summary=summary(n_files=101),
    )
    write_night(site / "auxTel/2020-02-14.html", night)
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((site / "auxTel/2020-02-14.html").as_uri())
    plot = page.locator(f"#{chart} .plot")
    plot.scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('#{chart} .plot').dataset.drawn")
    x, y = plot.evaluate(
        """place => {
          const trace = place._fullData[0], {xaxis, yaxis} = place._fullLayout;
          const i = trace.x.length > 9 ? 9 : 0;
          return [xaxis._offset + xaxis.c2p(xaxis.d2c(trace.x[i])),
            yaxis._offset + yaxis.c2p(yaxis.d2c(trace.y[i]))];
        }"""
    )
    plot.click(position={"x": x, "y": y})
    shown_rows(page)
    page.wait_for_url("**/*#files?by=created_at&from=2020-02-12T22%3A0*", timeout=5000)
    assert re.fullmatch(f"{n} of 101 files", page.inner_text("#files-shown"))
    page.click("#files-between")
    assert page.inner_text("#files-shown") == "101 of 101 files"
    assert page.url.endswith("#files")
    page.close()


def test_a_number_leads_to_its_rows(browser, site):
    """A click on the count of failed files shows these files."""
    page = open_night(browser, site)
    page.click(".tile.failed a")
    shown_rows(page)
    wait_for_count(page, 3)
