"""Takes the pictures of README.md: `make pictures`.

Needs Chromium, and playwright and Pillow from the test extra.
"""

import argparse
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
]


def take(browser, page, picture, width, height, colours="light"):
    """Write a picture of the top of a page with its charts."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=colours)
    tab = context.new_page()
    tab.goto(page.resolve().as_uri())
    for plot in tab.query_selector_all(".plot"):
        plot.scroll_into_view_if_needed()
        tab.wait_for_timeout(300)
    tab.evaluate("window.scrollTo(0, 0)")
    tab.wait_for_timeout(300)
    tab.screenshot(path=picture)
    # 256 colours are enough for a page, and take a third of the bytes
    with Image.open(picture) as taken:
        taken.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
    context.close()


def main():
    """Take pictures of the site that `make demo` makes."""
    parser = argparse.ArgumentParser(
        description="Take the pictures of README.md from the example's pages."
    )
    parser.add_argument("site", type=Path, help="the example's pages, such as demo/site")
    parser.add_argument("folder", type=Path, help="the folder to write to, such as docs/pictures")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        print("there is no Chromium; install Debian's package chromium", file=sys.stderr)
        return 2
    stream = options.site / "auxTel"
    night = next(
        path
        for path in sorted(stream.glob("20*-*.html"), reverse=True)
        if "files failed" in path.read_text()
    )
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=SWITCHES)
        take(browser, night, options.folder / "night.png", 1200, 1000)
        take(browser, stream / "index.html", options.folder / "stream.png", 1200, 1000)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
