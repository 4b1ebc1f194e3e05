"""Previews in runs: made once, shown, made again."""

import json
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from axe_playwright_python.sync_playwright import Axe
from fits_images import bright_corner, broken_files, opened, sky, write_fits
from needs import need
from preview_night import NIGHT, ONE_O_CLOCK, add, go, list_of_previews, made, settings
from running import run, times

from observing_monitor.errors import UsageError
from observing_monitor.previews import readers
from observing_monitor.settings.read import streams_of_file

# camera of the shared data -> night
CAMERAS = {
    "latiss_gen2": "2018-09-20",
    "comCam_gen2": "2019-05-30",
    "latiss_gen3": "2018-09-20",
    "comCam_gen3": "2019-05-30",
}


def test_real_raws(shared_data, tmp_path):
    """Raws of LATISS and ComCam have pictures."""
    text = '[observing_monitor]\noutput_dir = "site"\n'
    for camera in CAMERAS:
        folder = shared_data / "rubin" / camera
        need(folder.is_dir(), f"there is no {camera}")
        text += f'[streams.{camera}]\ninput_dir = "{folder}"\n'
        text += f"gen = {camera[-1]}\npreviews = true\n"
    (tmp_path / "site.toml").write_text(text)
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", 1) == 0
    for camera, night in CAMERAS.items():
        [path] = (tmp_path / "site" / camera).rglob("*.jpg")
        assert opened(path).shape == (251, 256) and np.ptp(opened(path)) == 0
        assert path.name in (tmp_path / "site" / camera / f"{night}.html").read_text()


@pytest.fixture
def two(tmp_path):
    """A folder with two exposures, after a run."""
    for number in (1, 2):
        add(tmp_path, number)
    assert go(tmp_path) == 0
    return tmp_path


def test_pictures_on_the_page(two):
    """The page has the pictures, the newest first."""
    pictures, page = made(two)
    places = [page.index(f'src="{NIGHT}.previews/{picture.name}"') for picture in pictures]
    assert len(places) == 2 and places[0] > places[1]
    assert page.count('loading="lazy"') == 2
    assert 'width="256" height="192" alt="Preview of 3020021200002 det. 000"' in page
    assert bright_corner(opened(pictures[0])) == ("lower", "left")


def test_made_once(two):
    """A picture is made once, and again if its file changes."""
    pictures, _ = made(two)
    before = times(two / "site")
    assert go(two) == 0
    assert times(two / "site") == before
    add(two, 3)
    add(two, 2, sky(400, 400))
    (two / "store" / NIGHT / "3020021200001-det000.fits").unlink()
    assert go(two) == 0
    later, page = made(two)
    assert len(later) == 3 and pictures[0] in later and pictures[1] not in later
    modified = pictures[0].stat().st_mtime_ns
    assert modified == before[str(pictures[0].relative_to(two / "site"))]
    assert all(picture.name in page for picture in later) and pictures[1].name not in page


@pytest.fixture
def broken(tmp_path):
    """A run's folder with many files without a picture."""
    folder = tmp_path / "store" / NIGHT
    folder.mkdir(parents=True)
    assert len(broken_files(folder)) > 10
    (folder / "<b>&.fits").write_bytes(b"no")
    secret = write_fits(tmp_path / "secret.fits", fits.PrimaryHDU(sky()))
    (folder / "link.fits").symlink_to(secret)
    for path in folder.iterdir():
        if path.is_file() and path.name != "link.fits":
            os.utime(path, (ONE_O_CLOCK, ONE_O_CLOCK))
    assert go(tmp_path) == 0
    return tmp_path


def test_reasons_on_the_page(broken):
    """Reasons without a picture are on the page, escaped."""
    pictures, page = made(broken)
    assert len(pictures) == 1  # whole.fits; whole.fz is none by its name
    assert "outside the folders that are read" in page
    assert page.count("it is cut short") == 2
    assert "it is not a FITS file" in page and "holds no image, only tables" in page
    assert "<b>&.fits" not in page and "&lt;b&gt;" in page


def test_broken_files_are_tried_once(broken, monkeypatch):
    """A file is tried again only if it changed."""
    index = list_of_previews(broken)
    before = index.stat().st_mtime_ns
    add(broken, 1, name="cut.fits")
    tried, in_readers = [], readers.in_readers

    def noting(tasks, *rest):
        tried.extend(tasks)
        return in_readers(tasks, *rest)

    monkeypatch.setattr(readers, "in_readers", noting)
    assert go(broken) == 0
    assert [os.path.basename(task[0]) for task in tried] == ["cut.fits"]
    assert len(made(broken)[0]) == 2 and index.stat().st_mtime_ns != before


def test_sources_away(tmp_path):
    """Without the file store, pages keep their pictures."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    add(tmp_path, 2)
    assert go(tmp_path, previews="previews = false") == 0
    pictures, page = made(tmp_path)
    assert len(pictures) == 1 and pictures[0].name not in page
    (tmp_path / "store").rename(tmp_path / "away")
    assert go(tmp_path) == 1
    assert run("publish", "-c", settings(tmp_path)) == 0
    again, page = made(tmp_path)
    assert again == pictures and pictures[0].name in page
    (tmp_path / "away").rename(tmp_path / "store")
    assert go(tmp_path) == 0
    again, page = made(tmp_path)
    assert len(again) == 2 and all(picture.name in page for picture in again)


def numbers_of(pictures):
    """Return the numbers of the exposures of some pictures."""
    return [int(picture.name[8:13]) for picture in pictures]


def test_time_is_limited(tmp_path, monkeypatch):
    """Pictures for which a run has no time are made by the next."""
    for number in range(1, 6):
        add(tmp_path, number)

    def first_two(tasks, jobs, deadline):
        return [readers.read_one(*task) for task in tasks[:2]]

    monkeypatch.setattr(readers, "in_readers", first_two)
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert numbers_of(pictures) == [4, 5]
    assert "3 more are still to be made" in page
    monkeypatch.undo()
    assert go(tmp_path) == 0
    pictures, page = made(tmp_path)
    assert len(pictures) == 5 and "still to be made" not in page


def test_number_and_size(tmp_path):
    """The settings limit the number and size of pictures."""
    for number in range(1, 6):
        add(tmp_path, number)
    assert go(tmp_path) == 0
    assert go(tmp_path, previews="previews = { most = 3, size = 64 }") == 0
    pictures, page = made(tmp_path)
    assert numbers_of(pictures) == [3, 4, 5]
    assert opened(pictures[0]).shape == (48, 64) and "3 of 5 images" in page


@pytest.mark.parametrize(
    ("previews", "words"),
    [
        ("previews = { sise = 3 }", "did you mean 'size'"),
        ("previews = { size = 5 }", "previews: size: 5 is not between 32 and 1024"),
        ("previews = 7", "previews"),
        ('previews = { most = "many" }', "most"),
    ],
)
def test_wrong_settings(tmp_path, previews, words):
    """Wrong settings are refused with stream and key."""
    with pytest.raises(UsageError, match=words) as caught:
        streams_of_file(settings(tmp_path, previews))
    assert "[streams.cam]" in str(caught.value)


def test_lost_index(tmp_path):
    """Without the index, pictures stay; lost ones are made again."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    [picture], _ = made(tmp_path)
    before = picture.stat().st_mtime_ns
    (tmp_path / "site" / "data" / "stream=cam" / "index.json").unlink()
    assert go(tmp_path) == 0
    assert picture.stat().st_mtime_ns == before and picture.name in made(tmp_path)[1]
    shutil.rmtree(picture.parent)
    assert run("rebuild", "-c", settings(tmp_path), "--jobs", 2) == 0
    assert picture.exists()
    files = json.loads(list_of_previews(tmp_path).read_text())["files"]
    assert files[0]["picture"] == picture.name


def test_lost_list_of_previews(tmp_path):
    """A lost list of previews is made again."""
    add(tmp_path, 1)
    assert go(tmp_path) == 0
    before, path = made(tmp_path), list_of_previews(tmp_path)
    text = path.read_text()
    path.unlink()
    assert go(tmp_path) == 0
    assert made(tmp_path) == before and path.read_text() == text


def test_a_circle_of_links(two):
    """A circle of links has no picture, and a reason."""
    before, _ = made(two)
    path = two / "store" / NIGHT / "3020021200001-det000.fits"
    path.unlink()
    path.symlink_to(path)
    assert go(two) == 0
    pictures, page = made(two)
    assert pictures == before[1:]
    assert "it cannot be opened: too many levels of symbolic links" in page


def test_no_place_for_pictures(tmp_path, capfd):
    """If the pictures' place is taken, one line names it."""
    add(tmp_path, 1)
    assert go(tmp_path, previews="") == 0
    (tmp_path / "site" / "cam" / f"{NIGHT}.previews").write_text("")
    capfd.readouterr()
    assert go(tmp_path) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"site/cam/{NIGHT}.previews/index.json: not a directory" in said


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 360)])
def test_in_a_browser(tmp_path, browser, scheme, width):
    """The strip of pictures scrolls, and axe finds no fault."""
    for number in range(1, 9):
        add(tmp_path, number)
    add(tmp_path, 9, name="cut.fits").write_bytes(b"SIMPLE  =")
    assert go(tmp_path) == 0
    size = {"width": width, "height": 800}
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto((tmp_path / "site" / "cam" / f"{NIGHT}.html").as_uri())
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    page.locator(".previews img").last.scroll_into_view_if_needed()
    page.wait_for_function(
        """[...document.querySelectorAll('.previews img')].slice(-2)
          .every(image => image.complete && image.naturalWidth == 256)"""
    )
    reason = page.locator(".no-preview").inner_text()
    assert reason == "No preview: its header is damaged or cut short"
    box = page.locator(".scroll:has(.previews)")
    assert box.evaluate("box => box.getBoundingClientRect().right <= innerWidth")
    page.close()
