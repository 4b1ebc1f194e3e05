"""The observing log in a real browser."""

import csv

import logged_night
import pytest
from axe_faults import RULES, faults_of
from logged_night import exposure_name, observe

OPENED = "#log-scroll .detail .exposure"


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A night of 300 exposures with two files each, three of which failed."""
    return observe(tmp_path_factory.mktemp("night"), 300)


@pytest.fixture
def opened(browser, night):
    """Return a function that opens the night, without any error."""
    pages = []

    def opened(address="", served=None, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.on("console", lambda said: said.type == "error" and pytest.fail(said.text))
        place = f"{served}/camera/{night.name}" if served else night.as_uri()
        page.goto(f"{place}{address}")
        return page

    yield opened
    for page in pages:
        page.close()


def ready(page):
    """Return the page with its log in sight."""
    page.locator("#log").scroll_into_view_if_needed()
    page.wait_for_selector("#log[data-ready]")
    return page


def shown(page):
    """Return the drawn rows of the log."""
    return page.eval_on_selector_all(
        "#log-scroll tbody tr[aria-rowindex]",
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))",
    )


def counted(page):
    """Return the words that count the rows."""
    return page.inner_text("#log-shown")


def test_log_has_all_exposures(opened):
    """The log replaces the plain table; it has all, by time."""
    page = ready(opened())
    assert counted(page) == "300 of 300 exposures"
    assert shown(page)[1] == [
        "02-12 23:01:00",
        exposure_name(1),
        "1",
        "science",
        "field 1",
        "survey",
        "r",
        "30",
        "30",
        "0.8",
        "2 Ingested",
    ]
    assert shown(page)[0][5] == "nearby <b>galaxies</b>"
    assert not page.is_visible("#log-plain")
    assert len(shown(page)) < 60


@pytest.mark.long
def test_addresses_are_those_of_the_plain_table(browser, tmp_path, monkeypatch):
    """An exposure has the same address in both tables, whatever its name."""
    names = ("a b", "a-b", "Nächte 🔭/#1?x=2", "a  b")
    monkeypatch.setattr(logged_night, "exposure_name", names.__getitem__)
    page = browser.new_page()
    page.goto(observe(tmp_path, 4).as_uri())
    ready(page)
    ids = page.eval_on_selector_all("#log-plain tr[id]", "rows => rows.map(row => '#' + row.id)")
    links = "#log-scroll tbody th a, #log-scroll tbody td a"
    hrefs = page.eval_on_selector_all(links, "all => all.map(one => one.getAttribute('href'))")
    assert hrefs == ids
    assert hrefs == [f"#exposure-{end}" for end in ("a-b", "a-b-2", "N-chte-1-x-2", "a-b-3")]
    page.close()


@pytest.mark.long
def test_newest_first_while_the_night_runs(browser, tmp_path):
    """While the night runs, the newest exposure is on top."""
    page = browser.new_page()
    page.goto(observe(tmp_path, 30, hours=1).as_uri())
    ready(page)
    assert [row[1] for row in shown(page)[:2]] == [exposure_name(29), exposure_name(28)]
    page.locator("#log-scroll thead").get_by_role("button", name="Started").click()
    assert page.url.endswith("#exposures?sort=started_at")
    assert shown(page)[0][1] == exposure_name(0)
    page.close()


def test_without_a_script_the_plain_table_stays(browser, night):
    """Without JavaScript, the newest exposures are a plain table."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(night.as_uri())
    assert page.locator("#log-plain tbody tr").count() == 200
    assert page.is_visible(f"#exposure-{exposure_name(299)}")
    assert not page.is_visible("#log-table") and not page.is_visible("#log-open")
    context.close()


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("type=flat", 30),
        ("filter=r", 75),
        ("program=survey", 200),
        ("program=nearby+%3Cb%3Egalaxies%3C%2Fb%3E", 100),
        ("target=Field+1", 6),
        ("target=eld+4", 66),
        ("class=failed", 3),
        ("class=ingested", 300),
        ("type=science&filter=g&q=galaxies", 20),
        ("type=nonsense&class=none", 300),
        ("q=nothing", 0),
    ],
)
def test_filters_in_the_address(opened, query, n):
    """The address filters the log, and its CSV."""
    page = ready(opened(f"#exposures?{query}"))
    page.wait_for_function(
        f"document.getElementById('log-shown').textContent === '{n} of 300 exposures'"
    )
    with page.expect_download() as saved:
        page.click("#log-csv")
    assert saved.value.suggested_filename.endswith(".exposures.csv")
    with saved.value.path().open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == n
    if query == "class=failed":
        assert [row["exposure"] for row in rows] == [exposure_name(n) for n in (99, 199, 299)]
        assert rows[0]["failed"] == "1" and rows[0]["dec_deg"] == "-30.25"


def test_fields_go_into_the_address(opened):
    """Filter, search and order are kept in the address."""
    page = ready(opened("#exposures?type=science"))
    page.select_option("#log-filter", "r")
    page.fill("#log-search", "survey")
    heading = page.locator("#log-scroll thead").get_by_role("button", name="seeing")
    heading.click()
    heading.click()
    address = "#exposures?type=science&filter=r&q=survey&sort=-seeing"
    assert page.url.endswith(address)
    assert shown(page)[0][9] == "1.3" and page.locator('#log th[aria-sort="descending"]').count()
    again = ready(opened(address))
    assert counted(again) == counted(page) != "300 of 300 exposures"
    assert shown(again) == shown(page)


def test_an_exposure_has_an_address(opened):
    """The address of an exposure opens its row, with all facts."""
    page = opened(f"#exposure-{exposure_name(99)}")
    page.wait_for_selector(f"{OPENED} .entries li")
    text = page.inner_text(OPENED)
    assert "2020-02-13 00:39:00" in text and "nearby <b>galaxies</b>" in text
    assert "99° (06:36:00.0)" in text and "-30.25° (-30:15:00)" in text
    failed, done = page.locator(f"{OPENED} .entries li").all_inner_texts()
    assert failed.split("\n")[0] == f"Failed 2020-02-12/{exposure_name(99)}_R1.fits 30.0 MB"
    assert failed.endswith(
        "created 02-13 00:39:30 → transferred +6 s → tried 02-13 00:40:30 ✕ KeyError: 'DATE-OBS'"
    )
    assert done.endswith("created 02-13 00:39:30 → transferred +6 s → ingested +54 s")
    assert page.locator("#log-scroll .opened").is_visible()
    assert page.evaluate("document.activeElement.textContent") == exposure_name(99)


def test_a_row_opens_and_closes(opened):
    """A click opens a row, another closes it; the address keeps it."""
    page = ready(opened("#exposures?filter=r"))
    row = page.locator("#log-scroll tbody tr[aria-rowindex]").nth(1)
    row.locator("td").nth(2).click()
    assert page.url.endswith(f"#exposure-{exposure_name(5)}?filter=r")
    assert row.locator("a").get_attribute("aria-expanded") == "true"
    assert counted(page) == "75 of 300 exposures"
    assert counted(ready(opened(f"#exposure-{exposure_name(5)}?filter=r"))) == counted(page)
    row.locator("a").click()
    assert page.locator(OPENED).count() == 0
    assert page.url.endswith("#exposures?filter=r")
    row.locator("a").click()
    page.evaluate("location.hash = '#exposures?filter=g'")
    page.wait_for_selector(OPENED, state="detached")
    assert shown(page)[1][1] == exposure_name(4)


def test_links_within_the_page_open_rows(opened):
    """Links open a row, also one that a filter hides."""
    page = ready(opened("#exposures?q=nothing"))
    mark = page.locator(".timeline a").first
    assert mark.get_attribute("href").startswith("2020-02-12.exposures.html#exposure-")
    mark.dispatch_event("click")
    page.wait_for_selector(OPENED)
    first = mark.get_attribute("href").partition("#")[2]
    assert page.url.endswith(f".html#{first}")
    after = exposure_name(int(first[-6:]) + 1)
    page.get_by_role("link", name=f"{after} →").click()
    page.wait_for_selector(f"#log-scroll .opened a[href='#exposure-{after}']")
    assert page.url.endswith(f".html#exposure-{after}")
    assert page.locator(OPENED).count() == 1
    assert counted(page) == "300 of 300 exposures"


def test_the_sky_map_leads_to_rows(opened):
    """A click on the sky map opens the exposure there, if any."""
    page = ready(opened("", viewport={"width": 1400, "height": 900}))
    svg = page.locator(".sky-maps svg[data-map=equatorial]")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    scale = min(box["width"] / 392, box["height"] / 212)
    middle = (box["width"] / 2, box["height"] / 2 - 2 * scale)  # RA 180°, declination 0°

    def click(ra, dec):
        at = (middle[0] + (180 - ra) * scale, middle[1] - dec * scale)
        svg.click(position={"x": at[0], "y": at[1]})

    click(99, 60)
    page.wait_for_timeout(300)
    assert page.locator(OPENED).count() == 0
    click(99, -30.25)
    page.wait_for_selector(OPENED)
    assert page.url.endswith(f"#exposure-{exposure_name(99)}")


def test_rows_by_keyboard(opened):
    """Tab leads from row to row; Enter opens, Escape closes."""
    page = ready(opened("#exposures?q=MC"))
    page.locator("#log-scroll tbody a").first.focus()
    for number in range(1, 60):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == exposure_name(number)
    page.keyboard.press("Enter")
    assert page.is_visible(OPENED)
    page.keyboard.press("Escape")
    assert page.locator(OPENED).count() == 0
    assert page.evaluate("document.activeElement.textContent") == exposure_name(59)


def test_an_open_row_scrolls_with_the_others(opened):
    """With an open row, the last exposure is still the log's end."""
    page = opened(f"#exposure-{exposure_name(150)}")
    page.wait_for_selector(f"{OPENED} .entries li")
    for top, number in ((1e9, 299), (0, 0)):
        page.evaluate(f"document.getElementById('log-scroll').scrollTop = {top}")
        page.wait_for_selector(f'#log-scroll tr[aria-rowindex="{number + 2}"]')
    height = page.evaluate("document.getElementById('log-scroll').scrollHeight")
    detail = 300 * 28
    assert detail + 200 < height < detail + 900


@pytest.mark.long
def test_a_newer_page_keeps_the_open_row(browser, tmp_path):
    """A page that renews itself keeps the open row, the filters and the place."""
    page = browser.new_page()
    page.clock.install()
    night = observe(tmp_path, 200)
    page.goto(f"{night.as_uri()}#exposure-{exposure_name(101)}?filter=r")
    page.wait_for_selector(f"{OPENED} .entries li")
    page.clock.fast_forward(40_000)
    before = page.locator("body").get_attribute("data-made-of")
    place = "document.getElementById('log-scroll').scrollTop + ' ' + scrollY"
    was = page.evaluate(place)
    observe(tmp_path, 240, hours=25)
    page.clock.fast_forward(61_000)
    page.wait_for_selector(f"body:not([data-made-of='{before}'])")
    page.wait_for_selector(f"{OPENED} .entries li")
    assert counted(page) == "60 of 240 exposures"
    assert page.url.endswith(f"#exposure-{exposure_name(101)}?filter=r")
    assert page.locator("#log-scroll .opened a").inner_text() == exposure_name(101)
    page.wait_for_function(f"{place} === '{was}'", timeout=5000)
    page.close()


@pytest.mark.long
@pytest.mark.parametrize("colours", RULES)
def test_open_row_for_everybody(night, opened, strict, colours):
    """Axe finds no fault, and a strict policy blocks nothing."""
    with strict(night.parents[1]) as served:
        page = opened(f"#exposure-{exposure_name(99)}", served, color_scheme=colours)
        page.wait_for_selector(f"{OPENED} .entries li")
        assert faults_of(page, RULES[colours]) == []


def test_narrow_page_does_not_scroll_sideways(opened):
    """On a phone, an open row is as wide as the screen."""
    page = opened(f"#exposure-{exposure_name(99)}", viewport={"width": 390, "height": 844})
    page.wait_for_selector(f"{OPENED} .entries li")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(OPENED).bounding_box()["width"] < 380
