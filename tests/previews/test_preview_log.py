"""Previews in the observing log."""

import re

import preview_night
import pytest
from fits_images import sky
from preview_night import NIGHT, add, made
from running import run

DETECTORS = {"3020021200001": "000", "3020021200002": "001", "3020021200003": "001"}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A night of three exposures; one has a file without an image."""
    folder = tmp_path_factory.mktemp("night")
    for number in (1, 2, 3):
        add(folder, number, name=f"30200212{number:05}-det001.fits")
    add(folder, 1, sky(seed=7), "3020021200001-det000.fits")
    add(folder, 3, sky(seed=7)[:0], "3020021200003-det000.fits")
    settings = preview_night.settings(folder)
    settings.write_text(settings.read_text() + "headers = true\n")
    assert run("-c", settings, *preview_night.DAYS) == 0
    return folder


def test_each_row_has_its_picture(night):
    """A row of the log shows the first picture of its files."""
    pictures, text = made(night)
    rows = re.findall(r'<tr id="exposure-(\d+)">(.*?)</tr>', text, re.DOTALL)
    shown = {
        number: re.findall(r'<a href="(.*?)"><img src="(.*?)".*? alt="(.*?)"', row)
        for number, row in rows
    }
    assert {number: [alt for _, _, alt in found] for number, found in shown.items()} == {
        number: [f"Preview of {number} det. {detector}"] for number, detector in DETECTORS.items()
    }
    hrefs = {href for found in shown.values() for href, _, _ in found}
    assert hrefs == {src for found in shown.values() for _, src, _ in found} and len(hrefs) == 3
    assert hrefs <= {f"{NIGHT}.previews/{path.name}" for path in pictures}


def test_picture_in_the_browser(browser, night):
    """The log of the script has the same pictures; a row, a larger one."""
    page = browser.new_page()
    page.goto(f"{(night / 'site' / 'cam' / f'{NIGHT}.html').as_uri()}#exposure-3020021200003")
    page.wait_for_selector(".detail .picture img")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#log img')].every(one => one.complete)"
    )
    drawn = page.eval_on_selector_all(
        "#log-scroll tbody tr[aria-rowindex] img",
        "all => all.map(one => [one.getAttribute('src'), one.naturalWidth > 0])",
    )
    plain = re.findall(r'<a href="[^"]*"><img src="([^"]*)"', made(night)[1].split("log-plain")[1])
    assert drawn == [[src, True] for src in plain[:3]]
    larger = page.get_attribute(".detail .picture", "href")
    assert larger == plain[2] == page.get_attribute(".detail .picture img", "src")
    page.close()
