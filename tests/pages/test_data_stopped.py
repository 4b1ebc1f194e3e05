"""Data that stopped, on every page and in every feed."""

import datetime
import re

import pytest
from notified import command, told
from running import nights, times
from steady_camera import NAME, STEP, SteadyCamera

# a file every 30 min: a warning after 90 min, and an error after 270
WARNING, ERROR = 91, 271


@pytest.fixture
def camera(tmp_path):
    return SteadyCamera(tmp_path)


def since(camera):
    """Return the text of the finding."""
    at = f"{camera.last_at:%Y-%m-%d %H:%M} UTC"
    return f"no file since {at}; usually one every 30 min"


def test_a_camera_that_stops_and_comes_back(camera, tmp_path):
    """Each level, and the recovery, is on pages, in feeds and messages."""
    camera.write(f"[streams.{NAME}.notify.desk]\n{command(tmp_path / 'desk')}")
    site = camera.site
    for minutes, level, n in ((60, "normal", 0), (WARNING, "warning", 1), (ERROR, "error", 2)):
        assert camera.run(minutes) == 0
        is_said, text = n > 0, since(camera)
        tonight = nights(site / NAME)[f"{camera.tonight}"]
        assert (tonight["status"], tonight["info"]) == (level, text if is_said else "")
        assert camera.status()["status"] == level
        assert (camera.gauge("status"), camera.gauge("stream_status")) == (n, n)
        for page in (camera.page(), camera.page("index.html"), (site / "index.html").read_text()):
            assert re.search(r"<title>(.*?)</title>", page)[1].endswith(f": {level}")
            assert (text in page) == is_said
        assert (text in (site / "changes.atom").read_text()) == is_said
    camera.add(camera.last_at + ERROR * datetime.timedelta(minutes=1))
    assert camera.run(ERROR + 1) == 0
    assert camera.status()["status"] == "normal" and "no file since" not in camera.page()
    changes = [(change["was"], change["status"]) for change in told(tmp_path / "desk")]
    assert changes == [("normal", "warning"), ("warning", "error"), ("error", "normal")]


def test_pages_are_rewritten_when_the_level_changes(camera):
    """While only time passes, nothing is written until a level changes."""
    assert camera.run(10) == 0
    written = []
    for minutes in range(20, 300, 10):
        before = times(camera.site)
        assert camera.run(minutes) == 0
        after = times(camera.site)
        changed = {name for name in after if after[name] != before.get(name)}
        if changed:
            written.append(minutes)
            assert {f"{NAME}/{camera.tonight}.html", f"{NAME}/index.html", "index.html"} <= changed
            assert f"{NAME}/{camera.tonight - datetime.timedelta(days=3)}.html" not in changed
    assert written == [100, 280]


def test_publishing_does_not_age_data(camera):
    """Nobody looked since the last run, so nobody knows if files came."""
    assert camera.run(60) == 0
    before = times(camera.site)
    assert camera.run(ERROR, "publish") == 0
    assert times(camera.site) == before and camera.status()["status"] == "normal"
    assert camera.run(ERROR) == 0
    before = times(camera.site)
    assert camera.run(ERROR + 30, "publish") == 0
    assert times(camera.site) == before and camera.status()["status"] == "error"


def test_limits_of_the_settings(camera):
    """A changed limit rewrites only the pages that say so."""
    assert camera.run(60) == 0
    before = times(camera.site)
    camera.write("quiet_warning_s = 3000")
    assert camera.run(60) == 0 and camera.status()["status"] == "warning"
    nights_written = {
        name
        for name, at in times(camera.site).items()
        if at != before.get(name) and re.search(r"\d{4}-\d\d-\d\d\.html", name)
    }
    assert nights_written == {f"{NAME}/{camera.tonight}.html"}
    camera.write("quiet_warning_s = 0")
    assert camera.run(ERROR) == 0 and camera.status()["status"] == "normal"
    camera.write("quiet_warning_s = 600\nquiet_error_s = 300")
    assert camera.run(ERROR) == 2


def test_a_limit_from_a_night_on(camera):
    """A dated limit counts for tonight once its night has come."""
    table = f"[[streams.{NAME}.from]]\nnight = {{}}\nquiet_warning_s = 3000"
    camera.write(table.format(camera.tonight + datetime.timedelta(days=1)))
    assert camera.run(60) == 0 and camera.status()["status"] == "normal"
    camera.write(table.format(camera.tonight))
    assert camera.run(60) == 0 and camera.status()["status"] == "warning"
    camera.write("quiet_warning_s = 3000\n" + table.format(camera.tonight).replace("3000", "0"))
    assert camera.run(60) == 0 and camera.status()["status"] == "normal"


def test_publishing_anew_gives_the_same(camera):
    """A night that is judged before its history is known is judged again."""
    assert camera.run(WARNING) == 0
    page = camera.page()
    for path in [*(camera.site / "data").rglob("index.json"), *camera.site.rglob("*.html")]:
        path.unlink()
    assert camera.run(WARNING) == 0
    assert camera.page() == page and since(camera) in page


def test_a_new_stream_has_no_default(tmp_path):
    """Four nights are too few to know what is usual."""
    camera = SteadyCamera(tmp_path, n_nights=3.5)
    assert camera.run(ERROR) == 0
    assert len(nights(camera.site / NAME)) == 8 and camera.status()["status"] == "normal"


def test_over_the_end_of_the_night(camera):
    """The next night takes the finding over."""
    assert camera.run(15 * 60) == 0 and camera.status()["status"] == "error"
    assert camera.run(16 * 60 + 1) == 0
    all_nights = nights(camera.site / NAME)
    new = f"{camera.tonight + datetime.timedelta(days=1)}"
    assert (all_nights[new]["status"], all_nights[new]["info"]) == ("error", since(camera))
    assert all_nights[f"{camera.tonight}"]["status"] == "normal"
    camera.add(camera.last_at + 33 * STEP)
    assert camera.run(33 * 30 + 1) == 0 and camera.status()["status"] == "normal"
