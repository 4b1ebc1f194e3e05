"""A random walk of changes ends with the pages of an undisturbed site."""

import pickle

import pytest
from walk import walk

pytestmark = pytest.mark.long

N_STEPS = 30
SEED = 20210216


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
