"""When the sources were read: only commands that read them renew it."""

import json
import sqlite3

import pytest
from running import run
from steady_camera import MINUTE, NAME, SteadyCamera


@pytest.fixture
def camera(tmp_path):
    """A camera that was read an hour after its last file."""
    camera = SteadyCamera(tmp_path, n_nights=1)
    assert camera.run(60) == 0
    return camera


def said(camera):
    """Return all instants that say when the sources were read."""
    script = (camera.site / "heartbeat.js").read_text()
    beat = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    status = json.loads((camera.site / "status.json").read_text())
    stream = status["streams"][0]
    found = {beat["run_at"], status["run_at"], stream["read_at"]}
    found |= {one["read_at"] for one in beat["streams"].values()}
    found |= {source["answered_at"] for source in stream["sources"]}
    return found, beat["written_at"], camera.gauge("run_timestamp_seconds")


def at(camera, minutes):
    return camera.last_at + minutes * MINUTE


def text(instant):
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("command", ["publish", "prune", "import-prototype"])
def test_commands_that_read_no_source(camera, tmp_path, command):
    """They write pages, and leave when the sources were read."""
    path = tmp_path / "old.sqlite3"
    sqlite3.connect(path).execute(
        "create table FILE_COUNT (Nite_Obs text, N_Files int)"
    ).connection.close()
    more = {
        "prune": ["--yes", "--keep_tables_days", "9"],
        "import-prototype": ["--database", path, "--stream", NAME],
    }
    now = at(camera, 120)
    assert run(command, "-c", camera.settings, *more.get(command, ()), now=now) == 0
    read_at = at(camera, 60)
    assert said(camera) == ({text(read_at)}, text(now), read_at.timestamp())


@pytest.mark.parametrize("command", ["run", "rebuild"])
def test_commands_that_read_sources(camera, command):
    """They renew when the sources were read."""
    assert camera.run(120, command) == 0
    now = at(camera, 120)
    assert said(camera) == ({text(now)}, text(now), now.timestamp())


def test_collecting(camera):
    """`collect` renews the heartbeat, and `publish` then tells the feeds."""
    assert camera.run(120, "collect") == 0
    beat = json.loads((camera.site / "data/heartbeat.json").read_text())
    assert beat["run_at"] == beat["streams"][NAME]["read_at"] == text(at(camera, 120))
    assert camera.run(150, "publish") == 0
    read_at = at(camera, 120)
    assert said(camera) == ({text(read_at)}, text(at(camera, 150)), read_at.timestamp())


def test_publishing_before_anything_was_read(camera):
    """Without any reading, the pages say so, and Prometheus has no instant."""
    (camera.site / "data/heartbeat.json").unlink()
    assert camera.run(120, "publish") == 0
    script = (camera.site / "heartbeat.js").read_text()
    assert '"run_at": null' in script
    assert camera.gauge("run_timestamp_seconds") is None
    assert camera.gauge("stream_status") == 0


def test_pages_say_that_nothing_was_read(camera, browser):
    """Without any reading, the line at the top has no time."""
    (camera.site / "data/heartbeat.json").unlink()
    assert camera.run(120, "publish") == 0
    page = browser.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((camera.site / "index.html").as_uri())
    assert page.inner_text("#looked") == "The sources have not been read yet"
    assert "not been read yet" in page.inner_text("#stale")
    page.close()
