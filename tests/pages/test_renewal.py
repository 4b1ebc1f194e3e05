"""An open page is replaced by a newer one, without disturbing its reader."""

import datetime
import json
import os

import pytest
from gen2tree import later, make_night
from running import run

TONIGHT = datetime.date(2020, 2, 14)
A_POLL_MS = 61_000


@pytest.fixture
def observatory(tmp_path):
    """Make a stream of three nights; `go_on()` adds four files and runs again."""
    start = later()

    def add(night, counts, now):
        make_night(tmp_path / "input", night, counts, now=now, apart_s=3)

    def publish(now, last=TONIGHT):
        arguments = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site")
        assert run(*arguments, "--first_day", "2020-02-12", "--last_day", last, now=now) == 0

    class Observatory:
        site, runs = tmp_path / "site", 0
        long_ago = (start - datetime.timedelta(days=30)).timestamp()

        def go_on(self, night=TONIGHT):
            self.runs += 1
            folder = tmp_path / "input" / "storage" / night.isoformat()
            folder.mkdir(exist_ok=True)
            for number, size in enumerate((30_000, 30_000, 30_000, 100)):
                (folder / f"new_{self.runs}_{number}.fits").write_bytes(bytes(size))
            publish(start + self.runs * datetime.timedelta(minutes=5), max(night, TONIGHT))

        def look_again(self):
            self.runs += 1
            publish(start + self.runs * datetime.timedelta(minutes=5))

    for day in (12, 13, 14):
        add(datetime.date(2020, 2, day), {"ingested": 120, "failed": 30, "missing": 20}, start)
    publish(start)
    return Observatory()


@pytest.fixture
def address(request, observatory, strict):
    """Where the pages are: on disk, or on a server where a test says so."""
    if getattr(request, "param", "disk") == "disk":
        yield observatory.site.as_uri()
    else:
        with strict(observatory.site) as address:
            yield address


@pytest.fixture
def opened(browser, address):
    """Opens a page whose console must stay silent, with a clock that can be put forward."""
    context, said = browser.new_context(viewport={"width": 1200, "height": 700}), []

    def open_it(name):
        page = context.new_page()
        page.clock.install()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{address}/{name}")
        return page

    yield open_it
    context.close()
    assert said == []


def made_of(page):
    return page.locator("body").get_attribute("data-made-of")


def wait_for_another(page, before):
    """Wait for another page, by selectors: the policy forbids what Playwright would evaluate."""
    page.wait_for_selector(f"body:not([data-made-of='{before}'])")


def wait_for_renewal(page, before):
    """Let a minute pass, so that the page looks for a newer one, and wait for it."""
    page.clock.fast_forward(A_POLL_MS)
    wait_for_another(page, before)
    page.wait_for_load_state()
    page.wait_for_selector("#newer:not(:empty)", state="attached")


@pytest.mark.parametrize("address", ["disk", "server"], indirect=True)
def test_tonight_renews_itself_in_place(observatory, opened):
    """The place, open groups, filter, order, focus and caret stay as they are."""
    page = opened("2020-02-14.html#files?class=missing&q=fits&sort=-created_at")
    page.wait_for_selector("#all-files[data-ready]")
    page.locator("#failed > summary").click()
    page.fill("#files-search", "fits")
    page.locator("#files-search").evaluate("field => field.setSelectionRange(1, 1)")
    page.locator("#files-scroll").evaluate("box => { box.scrollTop = 120; }")
    page.evaluate("document.getElementById('missing').scrollIntoView()")
    page.evaluate("window.scrollBy(0, -40)")
    page.clock.fast_forward(40_000)  # nobody types any more
    before, url = made_of(page), page.url
    top = page.locator("#missing").bounding_box()["y"]
    observatory.go_on()
    wait_for_renewal(page, before)
    page.wait_for_selector("#all-files[data-ready]")
    assert page.inner_text("#files-shown").startswith("23 of ")
    assert page.url == url
    assert page.locator("#failed").evaluate("group => group.open")
    assert abs(page.locator("#missing").bounding_box()["y"] - top) <= 2
    assert page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == [
        "files-search",
        1,
    ]
    assert page.locator("th[aria-sort=descending]").inner_text().strip().startswith("Created")
    assert page.inner_text("#newer") == "This page was updated."
    assert "23 files never tried" in page.inner_text(
        "#findings"
    ) and "1 file too small" in page.inner_text("#findings")


@pytest.mark.parametrize("address", ["server"], indirect=True)
def test_the_table_is_as_new_as_its_page(observatory, opened):
    """A browser that has cached the table's file asks for it again."""
    os.utime(observatory.site / "2020-02-14.files.js", (observatory.long_ago, observatory.long_ago))
    page = opened("2020-02-14.html#files?class=missing")
    page.wait_for_selector("#all-files[data-ready]")
    assert page.inner_text("#files-shown").startswith("20 of 170")
    before = made_of(page)
    observatory.go_on()
    wait_for_renewal(page, before)
    page.wait_for_selector("#all-files[data-ready]")
    assert page.inner_text("#files-shown").startswith("23 of 174")


def test_a_reader_is_not_disturbed(observatory, opened):
    """While somebody types or selects text, the page only offers the newer one."""
    page = opened("2020-02-14.html")
    before = made_of(page)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    observatory.go_on()
    page.clock.fast_forward(A_POLL_MS)
    page.wait_for_selector("#newer button")
    assert made_of(page) == before
    offer = "A newer version of this page is available. Show it"
    assert page.inner_text("#newer") == offer
    page.click("#newer button")
    wait_for_another(page, before)
    page.locator("#all-files").scroll_into_view_if_needed()
    page.wait_for_selector("#all-files[data-ready]")
    before = made_of(page)
    observatory.go_on()
    page.clock.fast_forward(50_000)
    page.locator("#files-search").press_sequentially("fi")
    page.clock.fast_forward(11_000)
    page.wait_for_selector("#newer button")
    assert made_of(page) == before
    wait_for_renewal(page, before)  # another minute later nobody types
    assert page.input_value("#files-search") == "fi"


def test_the_top_stays_the_top(observatory, opened):
    """Who was at the top of the stream's page sees what is new there."""
    page = opened("index.html")
    before = made_of(page)
    observatory.go_on()
    wait_for_renewal(page, before)
    assert page.evaluate("window.scrollY") == 0 and "23 files never tried" in page.inner_text(
        "main"
    )


def test_nothing_new_no_renewal(observatory, opened):
    """Nothing is reloaded after a run without news, or if the server still has the old page."""
    page = opened("2020-02-14.html")
    page.evaluate("window.is_the_same = true")
    observatory.look_again()
    page.clock.fast_forward(A_POLL_MS)
    page.wait_for_timeout(500)
    assert page.evaluate("window.is_the_same") and page.inner_text("#newer") == ""
    old = (observatory.site / "2020-02-14.html").read_bytes()
    before = made_of(page)
    observatory.go_on()
    (observatory.site / "2020-02-14.html").write_bytes(old)
    page.clock.fast_forward(A_POLL_MS)
    page.wait_for_function("!window.is_the_same && document.readyState === 'complete'")
    observatory.look_again()
    page.evaluate("window.is_the_same = true")
    page.clock.fast_forward(A_POLL_MS)
    page.wait_for_timeout(500)
    assert made_of(page) == before and page.evaluate("window.is_the_same"), "once is enough"


def test_an_older_night_stays(observatory, opened):
    """A page that is not of the newest nights is not reloaded."""
    page = opened("2020-02-12.html")
    page.evaluate("window.is_the_same = true")
    observatory.go_on()
    page.clock.fast_forward(A_POLL_MS)
    page.wait_for_timeout(500)
    assert page.evaluate("window.is_the_same")


def test_latest_follows_the_nights(observatory, opened):
    """A reader of latest.html is led to the next night; one of a night's own address stays."""
    page, stays = opened("latest.html"), opened("2020-02-14.html")
    page.wait_for_url("**/2020-02-14.html?latest")
    observatory.go_on(TONIGHT + datetime.timedelta(days=1))
    for one in (page, stays):
        one.clock.fast_forward(A_POLL_MS)
    page.wait_for_url("**/2020-02-15.html?latest")
    stays.wait_for_selector("a[rel=next] >> nth=0")  # renewed: there is a next night now
    assert stays.url.endswith("2020-02-14.html")


def test_the_heartbeat_is_small_and_right(observatory):
    """The heartbeat has the fingerprints of the stream's page and its newest two nights."""
    for step in (observatory.go_on, observatory.look_again):
        step()
        text = (observatory.site / "heartbeat.js").read_text()
        told = json.loads(text.partition("=")[2].rstrip(";\n"))["streams"]["input"]["pages"]
        assert (
            set(told) == {"index.html", "2020.html", "2020-02-13.html", "2020-02-14.html"}
            and len(text) < 700
        )
        for name, fingerprint in told.items():
            assert f'data-made-of="{fingerprint}"' in (observatory.site / name).read_text()
