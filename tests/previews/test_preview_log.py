"""Previews in the observing log."""

import re

import preview_night
from fits_images import sky
from preview_night import NIGHT, add, made
from running import run


def test_each_row_has_its_picture(tmp_path):
    """A row of the log shows the first picture of its files, and leads to it."""
    for number in (1, 2, 3):
        add(tmp_path, number, name=f"30200212{number:05}-det001.fits")
    add(tmp_path, 1, sky(seed=7), "3020021200001-det000.fits")
    add(tmp_path, 3, sky(seed=7)[:0], "3020021200003-det000.fits")  # no image
    settings = preview_night.settings(tmp_path)
    settings.write_text(settings.read_text() + "headers = true\n")
    assert run("-c", settings, *preview_night.DAYS) == 0
    pictures, text = made(tmp_path)
    rows = re.findall(r'<tr id="exposure-(\d+)">(.*?)</tr>', text, re.DOTALL)
    shown = {
        number: re.findall(r'<a href="(.*?)"><img src="(.*?)".*? alt="(.*?)"', row)
        for number, row in rows
    }
    assert {number: [alt for _, _, alt in found] for number, found in shown.items()} == {
        f"30200212{number:05}": [f"Preview of 30200212{number:05} det. 00{detector}"]
        for number, detector in ((1, 0), (2, 1), (3, 1))
    }
    hrefs = {href for found in shown.values() for href, _, _ in found}
    assert hrefs == {src for found in shown.values() for _, src, _ in found} and len(hrefs) == 3
    assert hrefs <= {f"{NIGHT}.previews/{path.name}" for path in pictures}
