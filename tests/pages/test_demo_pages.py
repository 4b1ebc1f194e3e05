"""The example's pages in a real browser."""

import datetime
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from axe_faults import RULES, faults_of
from demo_site import KINDS, STREAMS, fullest, open_page, page_of_kind, show_all
from running import nights

WIDTHS, COLOURS = (1400, 360), ("light", "dark")
TIMEOUT_MS = 180_000  # sixteen ways of a page take long on a machine that does other work too
REFRESH = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)">')
# streams whose own kind of page is in KINDS
IN_KINDS = {"auxTel", "gemini", "guider", "lasair", "ovro_lwa"}


@pytest.fixture(scope="module")
def windows(browser):
    """Browsing contexts by width, with and without scripts."""
    made = {
        (width, is_scripted): browser.new_context(
            viewport={"width": width, "height": 4000}, java_script_enabled=is_scripted
        )
        for width in WIDTHS
        for is_scripted in (True, False)
    }
    for context in made.values():
        context.set_default_timeout(TIMEOUT_MS)
    yield made
    for context in made.values():
        context.close()


def check_page(context, address, is_scripted, with_axe=False):
    """Check a page's console, width and links.

    With a script its charts are drawn; without one they are hidden, and the text is there.
    """
    page, said = open_page(context, address)
    assert page.inner_text("#looked").startswith("Last update ") == is_scripted
    for colours in COLOURS:
        page.emulate_media(color_scheme=colours)
        if is_scripted:
            show_all(page)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= page.viewport_size["width"], address
            assert dead_links(page) == [], address
        else:
            assert page.locator("h1").is_visible() and page.inner_text("main")
            plots = page.locator(".plot")
            assert plots.count() == 0 or not plots.first.is_visible()
        assert not with_axe or faults_of(page, RULES[colours]) == [], (address, colours)
    assert said == [], address
    page.close()


def dead_links(page):
    """Return the dead links of an open page."""
    hrefs = page.eval_on_selector_all(
        "a[href]",
        "all => all.map(link => new URL(link.getAttribute('href'), document.baseURI).href)",
    )
    return [href for href in hrefs if not is_there(page, href)]


FOUND = {}  # address -> whether it leads to a file


def is_there(page, href):
    """Return True if a link leads to a file."""
    address = urldefrag(href)[0].partition("?")[0]
    if address not in FOUND:
        path = Path(unquote(urlsplit(address).path))
        is_file = address.startswith("file:")
        FOUND[address] = path.is_file() if is_file else page.request.head(address).ok
    return FOUND[address]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page(demo, served, windows, kind):
    """Each kind of page works in every way."""
    path = page_of_kind(demo / "site", kind)
    refresh = REFRESH.search(path.read_text())
    for address in (path.as_uri(), f"{served}/{path.relative_to(demo / 'site').as_posix()}"):
        is_file = address.startswith("file:")
        for (_, is_scripted), context in windows.items():
            # axe finds the same from disk and from a server; a redirect it can see only on one
            if refresh:
                check_redirect(context, address, refresh[1], is_scripted and not is_file)
            else:
                check_page(context, address, is_scripted, is_scripted and is_file)


def check_redirect(context, address, target, with_axe):
    """Check that a page redirects, and axe's opinion of it."""
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


@pytest.mark.parametrize("stream", sorted(set(STREAMS) - IN_KINDS))
def test_a_night_of_every_stream(demo, windows, stream):
    """The fullest night of every other stream works."""
    check_page(windows[360, True], fullest(demo / "site", stream), True, with_axe=True)


@pytest.mark.parametrize("kind", ["bad night", "stream", "night with images"])
def test_a_printed_page_is_legible(demo, browser, kind):
    """On paper, nothing is cut off, and all is black on white."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme="dark")
    page, _ = open_page(context, page_of_kind(demo / "site", kind))
    show_all(page)
    page.emulate_media(media="print")
    style = """element => {
      const s = getComputedStyle(element);
      return [s.color, s.backgroundColor, s.overflowX, s.maxHeight];
    }"""
    assert page.locator("body").evaluate(style)[:2] == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    boxes = [box.evaluate(style) for box in page.locator(".scroll").all()]
    assert boxes and all(box[2:] == ["visible", "none"] for box in boxes)
    for screen_only in page.query_selector_all("nav, .filters, .modebar, #all-files"):
        assert not screen_only.is_visible()
    page.set_viewport_size({"width": 700, "height": 900})
    page.emulate_media(media="screen")
    page.emulate_media(media="print")
    page.wait_for_function(
        """[...document.querySelectorAll('.plot')].every(plot => {
          const svg = plot.querySelector('.main-svg');
          return svg.style.background === 'rgb(255, 255, 255)'
            && svg.getBoundingClientRect().width <= plot.clientWidth + 1;
        })"""
    )
    assert page.pdf(format="A4").startswith(b"%PDF-")
    context.close()


def test_pages_fit_a_phone(demo, browser):
    """No page is wider than a phone, even if its clock is wrong."""
    site = demo / "site"
    pages = [site / stream / "index.html" for stream in STREAMS]
    pages += [site / "index.html", *(fullest(site, stream) for stream in STREAMS)]
    page, wide = browser.new_page(), []
    for hours_behind in (0, 30):  # "1 d 06 h ahead of this computer's clock"
        now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours_behind)
        page.clock.set_fixed_time(now)
        for path in pages:
            for width in (400, 360):
                page.set_viewport_size({"width": width, "height": 800})
                # opened again: a chart that is drawn takes a moment to follow its window
                page.goto(path.as_uri())
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wide.append((width, hours_behind, path.relative_to(site).as_posix()))
    page.close()
    assert wide == []


def test_each_card_says_when_its_stream_was_read(demo, browser):
    """Every card has the time of its stream's last update."""
    page = browser.new_page()
    page.goto((demo / "site" / "index.html").as_uri())
    page.wait_for_function("document.querySelector('[data-looked]').textContent")
    texts = page.locator("[data-looked]").all_text_contents()
    page.close()
    assert len(texts) == len(STREAMS)
    assert all(text.startswith("Last update ") for text in texts)


@pytest.mark.parametrize("kind", ["stream", "bad night"])
def test_charts_are_there(demo, browser, kind):
    """Pages of a stream and a night have charts."""
    page, _ = open_page(browser, page_of_kind(demo / "site", kind))
    assert page.locator(".plot").count() >= 3
    page.close()


def test_facts_without_javascript(demo, browser):
    """Without JavaScript, numbers, findings and links are there."""
    context, site = browser.new_context(java_script_enabled=False), demo / "site"
    night = next(values for values in nights(site / "auxTel").values() if values["n_failed"] > 1)
    page, _ = open_page(context, site / "auxTel" / f"{night['night']}.html")
    text = page.inner_text("body")
    assert f"{night['n_failed']} files failed" in text
    assert "the registry does not have it" in text
    assert f"{night['n_files']}" in text.replace("\u202f", "").replace(",", "")
    assert page.query_selector(f"a[href='{night['night']}.csv']")
    page.goto((site / "index.html").as_uri())
    assert "attention" in page.inner_text("body")
    context.close()


def test_getting_around(demo, browser):
    """Visible links lead from the site to a night and its neighbours."""
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
