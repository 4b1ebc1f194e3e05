"""Findings lead to their rows on the page, whichever source reports them."""

import datetime
import json
import re
from pathlib import Path

import pytest
from page_reader import Reader
from running import run

NIGHT = "2025-04-30"
NOW = datetime.datetime(2025, 5, 3, tzinfo=datetime.UTC)
SETTINGS = """
[observing_monitor]
output_dir = "site"
[[streams.cam.sources]]
type = "files"
path = "storage"
[[streams.cam.sources]]
type = "summit"
path = "messages"
[[streams.cam.sources]]
type = "expected"
sequence = true
detectors = ["R22_S00", "R22_S01"]
n_files = 8
"""


def obsid(number):
    return f"MC_O_20250430_{number:06d}"


def put(folder, number, sensor):
    """Write one image."""
    path = folder / f"{obsid(number)}_R22_{sensor}.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(20_000)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Exposure 3 never came, 2 lacks a detector, one file came twice."""
    folder = tmp_path_factory.mktemp("listed")
    storage = folder / "storage" / NIGHT
    for number, sensor in [(1, "S00"), (1, "S01"), (2, "S00"), (4, "S00"), (4, "S01")]:
        put(storage, number, sensor)
    put(storage / "again", 1, "S00")
    ended = datetime.datetime(2025, 4, 30, 23, tzinfo=datetime.UTC).timestamp() + 37
    messages = [
        {"imageName": obsid(n), "imageDate": "20250430", "timestampEndOfReadout": ended + n}
        for n in (1, 2, 3, 4)
    ]
    (folder / "messages" / "20250430").mkdir(parents=True)
    (folder / "messages" / "20250430" / "a.json").write_text(json.dumps(messages))
    (folder / "site.toml").write_text(SETTINGS)
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    assert run("-c", folder / "site.toml", *days, now=NOW) == 0
    return folder / "site"


@pytest.fixture(scope="module")
def page(site):
    """The page of the night."""
    return Path(site, "cam", f"{NIGHT}.html").read_text()


def link_of(page, words):
    """Return the link of the finding with these words."""
    found = re.search(r'<a href="(#[^"]+)"><bdi>[^<]*' + re.escape(words), page)
    return found and found[1]


def place(page, href):
    """Return the words of a page from an address on."""
    rest = page[page.index(f'id="{href[1:]}"') :].partition(">")[2]
    return " ".join(re.sub("<[^>]+>", " ", rest).split())


def test_one_finding_of_two_sources(page):
    """Summit and sequence miss the same exposure: one finding names both."""
    assert len(re.findall(r'<li class="\w+" id="finding-[^"]*never-came', page)) == 1
    assert "(summit, expected)" in Reader(page).words


def test_links_lead_to_rows(page):
    """Each finding links to its rows."""
    href = link_of(page, "never came")
    assert place(page, href).startswith(f"{obsid(3)} expected, and no image came")
    href = link_of(page, "exposure 2: 1 of 2 detectors")
    assert place(page, href).startswith("exposure 2 1 of 2 detectors, lacking R22_S01")
    href = link_of(page, "1 file came twice")
    name = f"{obsid(1)}_R22_S00.fits"
    assert f"{name} {NIGHT}/{name}, {NIGHT}/again/{name}" in place(page, href)
    assert link_of(page, "6 of 8 images expected") == "#numbers"


def test_attention_is_not_none(page):
    """The section on attention is not empty."""
    section = Reader(page).words.partition("Files that need attention")[2].partition("Charts")[0]
    assert "None." not in section and "never came" in section and "incomplete" in section


def test_index_has_plain_findings(site):
    """The rows are on the page; the data have the findings as before."""
    data = json.loads(Path(site, "cam", f"{NIGHT}.json").read_text())
    keys = {"level", "text", "href", "source", "node", "anchor", "acknowledged"}
    assert {frozenset(finding) for finding in data["findings"]} == {frozenset(keys)}
    assert data["status"] == "warning"
