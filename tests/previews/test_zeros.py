"""Files full of zeros, which previews read, are findings."""

import json
import os

import numpy as np
from astropy.io import fits
from running import nights, run

NIGHT = "2020-02-12"
SITE = """[observing_monitor]
output_dir = "site"
[streams.cam]
night_rule = "UTC-12h"
previews = {}
[[streams.cam.sources]]
type = "files"
path = "store"
"""


def add(folder, number, data):
    """Write an exposure into the store, as of a minute of the night."""
    path = folder / "store" / NIGHT / f"30200212{number:05}-det000.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(data).writeto(path, overwrite=True)
    at = 1581555600 + 60 * number
    os.utime(path, (at, at))
    return path


def go(folder, previews="true"):
    """Run; return the night's row and its page."""
    path = folder / "site.toml"
    path.write_text(SITE.format(previews))
    assert run("-c", path, "--first_day", NIGHT, "--last_day", NIGHT) == 0
    page = (folder / "site" / "cam" / f"{NIGHT}.html").read_text()
    return nights(folder / "site" / "cam")[NIGHT], page


def test_files_full_of_zeros(tmp_path):
    """Files of which every pixel is 0 are an error, until they are written anew."""
    some = np.zeros((40, 30), "f4")
    some[3, 5] = 1
    add(tmp_path, 1, some)
    add(tmp_path, 2, np.full((40, 30), 7, "i4"))
    row, _ = go(tmp_path)
    assert row["status"] == "normal"
    for number in (3, 4):
        add(tmp_path, number, np.zeros((40, 30), "f4" if number == 3 else "u2"))
    row, page = go(tmp_path)
    text = "2 files are full of zeros: 3020021200003-det000.fits, 3020021200004-det000.fits"
    assert (row["status"], row["info"]) == ("error", text)
    assert text in page and page.count("every pixel of it is 0") == 2
    # known without reading them again, and no longer looked for without previews
    assert go(tmp_path)[0]["info"] == text
    assert go(tmp_path, "false")[0]["status"] == "normal"
    assert go(tmp_path)[0]["status"] == "error"
    for number in (3, 4):
        add(tmp_path, number, np.full((80, 60), 7, "f4"))
    row, page = go(tmp_path)
    assert "full of zeros" not in json.dumps(row) + page
