"""The example's pages by kind, opened in a browser."""

from pathlib import Path

from running import nights

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
# kind of page; `page_of_kind` finds one
KINDS = (
    "site",
    "glossary",
    "stream",
    "year",
    "program",
    "programs",
    "bad night",
    "night without files",
    "tonight",
    "stream of numbers alone",
    "night of numbers alone",
    "night with queues",
    "night with images",
    "night with previews",
    "exposures",
    "pruned",
    "latest",
    "moved",
)


def fullest(site, stream):
    """Return the stream's night with the most to show."""
    pages = [site / f"{stream}/{night}.html" for night in nights(site / stream)]
    return max(pages, key=lambda path: path.stat().st_size)


def page_of_kind(site, kind):
    """Return a page with much, little or rare content."""
    of_nights = nights(site / "auxTel")
    newest = max(of_nights)
    worst = max(of_nights, key=lambda night: of_nights[night]["n_error"])
    empty = next(night for night, values in of_nights.items() if not values["n_files"])
    named = {
        "site": "index.html",
        "glossary": "glossary.html",
        "stream": "auxTel/index.html",
        "year": f"auxTel/{newest[:4]}.html",
        "program": "lsstCam/program-wide.html",
        "programs": "lsstCam/programs.html",
        "bad night": f"auxTel/{worst}.html",
        "night without files": f"auxTel/{empty}.html",
        "tonight": f"auxTel/{newest}.html",
        "stream of numbers alone": "weather/index.html",
        "latest": "auxTel/latest.html",
    }
    largest = {
        "night of numbers alone": "lasair",
        "night with queues": "gemini",
        "night with images": "ovro_lwa",
    }
    if kind in named:
        return site / named[kind]
    if kind in largest:
        return fullest(site, largest[kind])
    return max(_with_something_rare(site, kind))


def _with_something_rare(site, kind):
    """Return pages with content of only a few nights."""
    if kind == "exposures":
        return list((site / "auxTel").glob("*.exposures.html"))
    if kind == "moved":
        return list((site / "comCam").glob("20*_gen2.html"))
    stream, text = {
        "pruned": ("allSky", 'content="pruned"'),
        "night with previews": ("guider", "no-preview"),
    }[kind]
    return [path for path in (site / stream).glob("20*-*.html") if text in path.read_text()]


def open_page(context, path):
    """Open a page; return it and its console, to stay empty."""
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri() if isinstance(path, Path) else path)
    return page, said


def show_all(page):
    """Scroll through a page, so that it draws all.

    It waits by selectors, which a strict policy of the server allows.
    """
    for place in page.query_selector_all(".plot"):
        place.scroll_into_view_if_needed()
        figure = place.get_attribute("data-figure")
        page.wait_for_selector(f".plot[data-figure='{figure}'][data-drawn]", state="attached")
    if page.query_selector("#all-files"):
        page.locator("#all-files").scroll_into_view_if_needed()
        page.wait_for_selector("#all-files[data-ready]")
