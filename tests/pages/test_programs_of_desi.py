"""Programs of two real nights of DESI."""

import collections
import datetime
import re
import shutil

import desi
import pytest
from running import run
from support.settings_text import to_toml

from observing_monitor.model import wording

NOW = datetime.datetime(2025, 3, 20, 20, tzinfo=datetime.UTC)
COLUMNS = {
    "exposure": "EXPID",
    "started_at": "MJD-OBS",
    "exposure_time_s": "EXPTIME",
    "observation_type": "OBSTYPE",
    "target": "TILEID",
    "program": "PROGRAM",
}


@pytest.fixture(scope="module")
def pages(shared_data, tmp_path_factory):
    """The folder of the stream's pages."""
    folder = tmp_path_factory.mktemp("desi")
    for night in desi.NIGHTS:
        shutil.copy(shared_data / "desi" / f"exposure_table_{night}.csv", folder / f"{night}.csv")
    source = {"type": "table", "path": "{night:%Y%m%d}.csv", "feeds": "exposures"}
    source |= {"columns": COLUMNS, "time_format": "mjd", "missing": [-99, "unknown"]}
    stream = {"night_rule": "UTC-19h", "sources": [source]}
    settings = {"observing_monitor": {"output_dir": "site"}, "streams": {"desi": stream}}
    (folder / "site.toml").write_text(to_toml(settings))
    for night in map(str, map(desi.date_of, desi.NIGHTS)):
        days = ("--first_day", night, "--last_day", night, "--jobs", 1)
        assert run("-c", folder / "site.toml", *days, now=NOW) == 0
    return folder / "site/desi"


def shown_numbers(page):
    """Return the numbers at the top of a program's page by their words."""
    tile = r'<li class="tile plain"><b>([^<]*)</b> <a [^>]*><bdi>([^<]*)</bdi></a></li>'
    return {word: text for text, word in re.findall(tile, page)}


def rows_by_program(shared_data):
    """Return the rows of both nights by program."""
    found = collections.defaultdict(list)
    for night in desi.NIGHTS:
        for row in desi.rows_of(shared_data, night):
            found[row["PROGRAM"]].append(row)
    return found


def test_one_click(pages, shared_data):
    """21. Nights, exposures and hours are those of DESI's tables."""
    by_program = rows_by_program(shared_data)
    assert len(by_program) == 17
    stream = (pages / "index.html").read_text()
    listed = re.search(r'<section aria-labelledby="programs">.*?</section>', stream, re.DOTALL)[0]
    links = dict(re.findall(r'<a href="(program-[^"]+)">([^<]+)</a>', listed))
    assert len(links) == 10 and {"bright", "dark"} <= set(links.values())
    assert f'<a href="programs.html">all {len(by_program)} programs</a>' in listed
    every = re.findall(
        r'<a href="(program-[^"]+)">([^<]+)</a>', (pages / "programs.html").read_text()
    )
    assert sorted(name for _, name in every) == sorted(by_program)
    for href, program in every:
        rows = by_program[program]
        science = [row for row in rows if row["OBSTYPE"] == "science"]
        opened = [row for row in rows if row["OBSTYPE"] not in ("zero", "dark")]
        nights = sorted({row["NIGHT"] for row in rows})
        page = (pages / href).read_text()
        assert shown_numbers(page) == {
            "Science": wording.hours(sum(float(row["EXPTIME"]) for row in science)),
            "Open shutter": wording.hours(sum(float(row["EXPTIME"]) for row in opened)),
            "Science exp.": f"{len(science)}",
            "Exposures": f"{len(rows)}",
            "Nights": f"{len(nights)}",
            "First night": str(desi.date_of(nights[0])),
            "Last night": str(desi.date_of(nights[-1])),
        }
        for night in nights:
            assert f'<a href="{desi.date_of(night)}.html">' in page
