"""The example's pages: texts, links and scripts."""

import csv
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from demo_site import STREAMS
from running import CLASSES, counts, nights

# what some night of the stream says
INFOS = {
    "lsstCam": (
        "missing: 17–19, 42; exposure 65: 8 of 9 detectors, lacking R22_S11",
        "27 files never tried",
        "1 file ingested, but since gone",
    ),
    "summit": ("expected exposures never came; missing: 17–19, 42",),
    "gemini": ("export: 5 files failed; transfer: 5 files failed", "1 file failed"),
    "ztf": ("alerts stored: 4", "×2: a replay", "no data: alerts_produced"),
    "lasair": ("were not filtered (8.3 %)", "node 2 is out of line"),
    "ovro_lwa": (
        "1 sub-band has not updated in 120 s: drvs3",
        "2 sub-bands error: drvs4=Low recording space",
        "15 of 16 sub-bands, lacking 64MHz",
    ),
    "allSky": ("1 file failed",),
}
ADDRESS = re.compile(r'\s(?:href|src|data-plotly|data-files)="([^"]+)"')
REDIRECT = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
# where a click on a chart of nights leads
POINT = re.compile(r'"(\d{4}-\d\d-\d\d\.html)"')
# pages that only bookmarks lead to
BOOKMARKED = re.compile(r"latest|.*_gen[23]")


def pages_of(site):
    """Return every page of the site."""
    return sorted(site.rglob("*.html"))


def test_numbers_of_the_demo(demo):
    """Every stream and class is there, and classes add up."""
    site, seen = demo / "site", {}
    assert {path.parent.name for path in site.glob("*/nights.json")} == set(STREAMS)
    for stream in STREAMS:
        for night in nights(site / stream).values():
            assert sum(night[f"n_{name}"] for name in CLASSES) == night["n_files"]
            for name, number in counts(night).items():
                seen[name] = seen.get(name, 0) + number
    wanted = {"ingested", "pending", "failed", "missing", "small", "not_fits", "ignored"}
    assert wanted <= set(seen)
    assert any(night["n_files"] == 0 for night in nights(site / "auxTel").values())


def test_no_source_fails(demo):
    """Every source answered, and none noted anything odd."""
    for stream in STREAMS:
        index = json.loads((demo / f"site/data/stream={stream}/index.json").read_text())
        assert [name for name, fault in index["sources"].items() if fault] == [], stream
        notes = [row.get("notes") or {} for row in index["nights"].values()]
        assert [note for of_night in notes for note in of_night.values()] == [], stream


@pytest.mark.parametrize("stream", INFOS)
def test_incidents(demo, stream):
    """Each incident of the example is on a night's page."""
    of_nights = nights(demo / "site" / stream).values()
    for words in INFOS[stream]:
        found = [night["night"] for night in of_nights if words in night["info"]]
        assert found, words
        page = (demo / "site" / stream / f"{found[0]}.html").read_text()
        assert words.partition(";")[0] in page


def test_numbers_besides_files(demo):
    """Sources' numbers, such as seeing, are in the nights' data."""
    of = {stream: nights(demo / "site" / stream) for stream in STREAMS}
    assert sum(0.3 <= (night["seeing"] or 0) < 2 for night in of["weather"].values()) >= 8
    assert sum((night["today_alert"] or 0) > 100_000 for night in of["lasair"].values()) >= 9
    assert any(0.4 < (night["completeness"] or 0) < 0.42 for night in of["ztf"].values())
    # two in error, one booting
    assert of["ovro_lwa"][max(of["ovro_lwa"])]["bands_error"] == 3


def test_every_link_resolves(demo):
    """Every link arrives, and every page has a link to it."""
    site, loaded, ids, n_checked = demo / "site", set(), {}, 0
    for page in pages_of(site):
        text = page.read_text()
        addresses = [*ADDRESS.findall(text), *REDIRECT.findall(text), *POINT.findall(text)]
        for address in addresses:
            if address.startswith("data:"):
                continue
            assert not urlsplit(address).scheme, address
            path, fragment = urldefrag(address)
            target = (page.parent / unquote(path.partition("?")[0])).resolve() if path else page
            assert target.is_file(), f"{page}: {address}"
            loaded.add(target)
            if fragment:
                ids.setdefault(target, set(re.findall(r'\sid="([^"]+)"', target.read_text())))
                assert fragment in ids[target], f"{page}: {address}"
            n_checked += 1
    assert n_checked > 10_000
    unreachable = {path for path in pages_of(site) if path not in loaded}
    assert {path for path in unreachable if not BOOKMARKED.fullmatch(path.stem)} == set()


def test_every_night_has_its_page(demo):
    """Each night has a page, also one without files."""
    said = ("No files in this night", "headline", "No data of this night")
    for stream in STREAMS:
        for night, values in nights(demo / "site" / stream).items():
            text = (demo / "site" / stream / f"{night}.html").read_text()
            assert values["n_files"] or any(words in text for words in said)


OF_NO_EXPOSURE = r'<tr><th scope="row"><bdi>[^<]+</bdi></th><td>[^<]*</td><td>(\d+)</td>'


def test_a_row_for_every_exposure(demo):
    """Each exposure has one row of plain HTML, and each file is counted once."""
    site, n_pages = demo / "site", 0
    for night, values in nights(site / "auxTel").items():
        parts = sorted((site / "auxTel").glob(f"{night}.exposures*.html"))
        page = (site / "auxTel" / f"{night}.html").read_text()
        texts = [path.read_text() for path in parts] or [page]
        rows = re.findall(r'<tr id="(exposure-[^"]+)">', "".join(texts))
        log = site / "auxTel" / f"{night}.exposures.csv"  # not of a night without exposures
        listed = list(csv.DictReader(log.read_text().splitlines())) if log.exists() else []
        assert sorted(rows) == sorted(f"exposure-{row['exposure']}" for row in listed), night
        others = re.findall(OF_NO_EXPOSURE, page)
        n_files = sum(int(row["n_files"]) for row in listed) + sum(map(int, others))
        assert n_files == values["n_files"], night
        n_pages += len(parts)
    assert n_pages > 5


def test_pages_are_light(demo):
    """No page is above 500 kB."""
    assert max(path.stat().st_size for path in pages_of(demo / "site")) < 500_000


def test_no_script_in_the_pages(demo):
    """Scripts are loaded by address; names with markup are text."""
    for path in pages_of(demo / "site"):
        text = path.read_text()
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, path
        assert not re.search(r"\son\w+=", text), path
    named = [path for path in (demo / "site").rglob("*.csv") if "<b>" in path.read_text()]
    assert named, "the example has a file with <b> in its name"
    page = Path(named[0]).with_suffix(".html").read_text()
    assert "<b>" not in re.sub(r"<b>[^<]*</b>", "", page)


def test_plotly_is_shared(demo):
    """One copy of plotly's script serves the whole site."""
    assert len(list((demo / "site").rglob("*plotly*"))) == 1
