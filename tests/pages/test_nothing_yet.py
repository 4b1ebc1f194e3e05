"""A night that has just begun: none until its first row, fault or finding."""

import datetime
import json
import re
import shutil

import pytest
from notified import command, told
from running import nights, run, times
from steady_camera import NAME, SteadyCamera

from observing_monitor.feeds.notify import notify
from observing_monitor.feeds.site_status import SITE, Status
from observing_monitor.model.finding import is_alarming, rank, worst
from observing_monitor.pages import render
from observing_monitor.settings.receivers import receivers_of_file
from observing_monitor.storage.output import Output

DAY = datetime.timedelta(days=1)
BEGUN = 16 * 60 + 5  # minutes after the last file: the next night has begun
GREY = "#5a6472"


@pytest.fixture
def camera(tmp_path):
    """A new stream whose night has just begun."""
    camera = SteadyCamera(tmp_path, n_nights=0.3)
    camera.write(f"[streams.{NAME}.notify.desk]\n{command(tmp_path / 'desk')}")
    return camera


def new_night(camera):
    return f"{camera.tonight + DAY}"


def title(text):
    return re.search(r"<title>(.*?)</title>", text)[1]


def test_until_the_first_row(camera, tmp_path):
    """The first file makes the night normal, and nobody is told."""
    assert camera.run(BEGUN) == 0
    new = new_night(camera)
    assert nights(camera.site / NAME)[new]["status"] == "none"
    page = camera.page(f"{new}.html")
    assert title(page) == f"· {new} {NAME}: nothing yet"
    assert 'content="nothing yet"' in page and "No data so far; the night is not over." in page
    assert "%235a6472" in re.search(r'rel="icon" href="([^"]*)"', page)[1]
    calendar = re.search(
        rf'<td class="none"><a href="{new}.html" title="([^"]*)"', camera.page("index.html")
    )
    assert calendar[1] == f"{new}: nothing yet"
    card = (camera.site / "index.html").read_text().partition("Latest night:")[2]
    assert "nothing yet</span></h3>" in card
    feed = (camera.site / "changes.atom").read_text()
    assert f"night {new}: nothing yet" in feed and '<category term="none"/>' in feed
    # the night before is normal, and that ranks higher
    assert camera.status()["status"] == "normal" and camera.status()["latest"]["status"] == "none"
    updated = re.findall(r"<updated>(.*?)</updated>", feed)
    camera.add(camera.last_at + 16.1 * datetime.timedelta(hours=1))
    assert camera.run(BEGUN + 10) == 0
    assert nights(camera.site / NAME)[new]["status"] == "normal"
    feed = (camera.site / "changes.atom").read_text()
    assert f"night {new}: normal" in feed
    assert re.findall(r"<updated>(.*?)</updated>", feed) == updated, "this is no news"
    assert told(tmp_path / "desk") == []


def test_a_stream_without_any_row(camera, tmp_path):
    """If nothing else is known, stream and site have the status none."""
    shutil.rmtree(camera.folder / "in")
    (camera.folder / "in" / new_night(camera)).mkdir(parents=True)
    assert run("run", "-c", camera.settings, "--num_days", 1, now=camera.last_at + DAY * 0.67) == 0
    status = json.loads((camera.site / "status.json").read_text())
    assert (status["status"], camera.status()["status"]) == ("none", "none")
    assert (camera.gauge("status"), camera.gauge("stream_status")) == (-1, -1)
    for page in (camera.page("index.html"), (camera.site / "index.html").read_text()):
        assert title(page).endswith(": nothing yet") and "well" not in title(page)
    assert told(tmp_path / "desk") == []


def test_expectations_are_no_data(camera):
    """A night is none while only what should come is known."""
    with open(camera.settings, "a", encoding="utf-8") as file:
        file.write(f'[[streams.{NAME}.sources]]\ntype = "expected"\nsequence = true\n')
    assert camera.run(BEGUN) == 0
    assert nights(camera.site / NAME)[new_night(camera)]["status"] == "none"


def test_until_the_first_fault(camera):
    """A source that does not answer is an error of a new night, too."""
    (camera.folder / "in").rename(camera.folder / "away")
    assert camera.run(BEGUN) == 1
    assert nights(camera.site / NAME)[new_night(camera)]["status"] == "error"


def test_a_night_that_stays_empty(camera):
    """Over, it is a night without files; nothing is written before."""
    assert camera.run(BEGUN) == 0
    before = times(camera.site)
    assert camera.run(BEGUN + 600) == 0
    assert times(camera.site) == before
    assert camera.run(BEGUN + 24 * 60) == 0
    all_nights = nights(camera.site / NAME)
    assert all_nights[new_night(camera)]["status"] == "normal"
    assert all_nights[f"{camera.tonight + 2 * DAY}"]["status"] == "none"


@pytest.mark.parametrize("width", [320, 1280])
def test_words_fit_into_the_calendar(camera, browser, width):
    """The words on a night that has just begun stay in their square."""
    camera.run(BEGUN)
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((camera.site / NAME / "index.html").as_uri())
    over = "cell => cell.scrollWidth - cell.clientWidth"
    assert page.eval_on_selector(".month td.none", over) <= 0
    square, words = (
        page.locator(f".month td.none {part}").bounding_box() for part in ("a", "a > span")
    )
    assert words["x"] >= square["x"]
    assert words["x"] + words["width"] <= square["x"] + square["width"]
    assert words["y"] + words["height"] <= square["y"] + square["height"]


def test_ranks():
    """None ranks below normal, and is no alarm."""
    assert [rank(word) for word in ("none", "normal", "warning", "error")] == [-1, 0, 1, 2]
    assert worst(["none", "normal"]) == "normal" and worst(["none"]) == "none"
    assert worst([]) == "normal"
    assert [is_alarming(word) for word in ("none", "normal", "warning")] == [False, False, True]


def test_icon_and_sign():
    """The icon is grey, and its shape differs from that of an unknown status."""
    assert GREY.replace("#", "%23") in render.icon("none")
    assert len({render.icon(word) for word in ("", *render.SIGNS)}) == 5
    assert len(set(render.SIGNS.values())) == 4


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["none", "normal", "none", "normal"], []),
        (["none", "error", "none", "normal"], [("normal", "error"), ("error", "normal")]),
        (["none", "warning", "none", "warning"], [("normal", "warning")]),
        (["error", "none", "error"], [("normal", "error")]),
    ],
)
def test_messages(camera, tmp_path, words, changes):
    """Nobody is told of none; what was told last stays."""
    receivers = receivers_of_file(camera.settings)
    output = Output(tmp_path / "output")
    output.make()
    for word in words:
        both = [Status("Site", name, name, word, "") for name in (SITE, NAME)]
        assert notify(receivers, both, output, camera.last_at) == []
    assert [(change["was"], change["status"]) for change in told(tmp_path / "desk")] == changes
