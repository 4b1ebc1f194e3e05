"""A random walk of changes ends with the pages of an undisturbed site."""

import os
import pickle
from pathlib import Path

import pytest
from walk import walk

pytestmark = [
    pytest.mark.long,
    # Python may complain here of what an earlier test left; `no_process_left` counts our own
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

N_STEPS = 30
SEED = 20210216


@pytest.fixture(autouse=True)
def no_process_left():
    """Each process that a walk starts has ended, and was waited for."""
    before = children()
    yield
    assert children() - before == set()


def children():
    """Return the child processes, zombies included."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


def test_walk(tmp_path):
    """After each of 30 steps, pages and tables are as if made anew."""
    assert walk(SEED, N_STEPS, tmp_path) == []


def test_a_stopped_walk_continues(tmp_path):
    """A walk continues where it was, and notices a wrong number."""
    assert walk(SEED, 1, tmp_path) == []
    walked, _ = pickle.loads((tmp_path / "walk.pickle").read_bytes())
    assert walked.n_steps == 1
    table = tmp_path / "fresh" / "weather" / "2020-02-12.json"
    table.write_text(table.read_text().replace('"metrics":', '"metrics_":'))
    with pytest.raises(KeyError, match="metrics"):
        walked._wrong()
    page = tmp_path / "site" / "weather" / "2020-02-12.html"
    page.write_text(page.read_text() + "edited")
    assert any("weather/2020-02-12.html: byte" in line for line in walked._stale())
    assert walk(SEED, 3, tmp_path) == []


def test_a_page_without_tables_must_stay(tmp_path):
    """A walk notices if a page that cannot be made again changes or goes."""
    assert walk(SEED, 1, tmp_path) == []
    walked, _ = pickle.loads((tmp_path / "walk.pickle").read_bytes())
    last = walked.last_pages
    last.note({("weather", "2020-02-12"), ("camera", "2020-02-13"), ("no_stream", "2020-02-12")})
    assert len(last.files) == 4 and last.faults() == []
    (tmp_path / "site" / "camera" / "2020-02-13.csv").unlink()
    assert last.faults() == ["site: camera/2020-02-13.html cannot be made again, and did not stay"]
    last.may_change("other", "camera/2020-02-13.html")
    last.may_change(last_night="2020-02-12")
    assert len(last.faults()) == 1
    last.may_change("site", "camera/2020-02-13.html")
    assert last.faults() == [] and last.files == {}
