"""The age of data that stopped: a script shows it, by the reader's clock."""

import datetime

import pytest
from steady_camera import MINUTE, NAME, SteadyCamera


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """A camera that stopped, with a warning after 91 minutes."""
    camera = SteadyCamera(tmp_path_factory.mktemp("camera"))
    assert camera.run(91) == 0
    return camera


def pages(camera):
    """Return the pages that tell of it, with the place of the text."""
    return {
        f"{NAME}/{camera.tonight}.html": "#findings",
        f"{NAME}/index.html": ".verdict",
        "index.html": ".troubles",
    }


def text_at(browser, address, place, now, **options):
    """Return the text of a place, at an instant of the reader's clock."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.clock.set_fixed_time(now)
    page.goto(address)
    text = " ".join(page.text_content(place).split())
    context.close()
    return text


@pytest.mark.parametrize(
    ("minutes", "words"), [(91, "1 h 31 min ago"), (600, "10 h 00 min ago"), (2881, "2 d ago")]
)
def test_the_age_grows_with_the_readers_clock(browser, camera, strict, zone, minutes, words):
    """All pages show the instant in UTC and its age, in any zone."""
    said = f"no file since {camera.last_at:%Y-%m-%d %H:%M} UTC; usually one every 30 min ({words})"
    now = camera.last_at + minutes * MINUTE
    with strict(camera.site) as address:
        for page, place in pages(camera).items():
            assert said in text_at(browser, f"{address}/{page}", place, now)


def test_without_a_script_the_instant_is_there(browser, camera, zone):
    """The page itself has the instant, and no age."""
    said = f"no file since {camera.last_at:%Y-%m-%d %H:%M} UTC; usually one every 30 min"
    now = camera.last_at + datetime.timedelta(hours=5)
    for page, place in pages(camera).items():
        uri = (camera.site / page).as_uri()
        text = text_at(browser, uri, place, now, java_script_enabled=False)
        assert said in text and "ago" not in text
