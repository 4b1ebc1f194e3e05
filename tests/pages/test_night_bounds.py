"""A night's JSON file has bounds, and counts what it leaves out."""

import datetime

from observing_monitor.pages import night_content
from observing_monitor.pages.night_content import Bounds

AT = datetime.datetime(2021, 2, 16, 22, tzinfo=datetime.UTC)


def test_few_rows_are_whole():
    """Usual rows are unchanged, and nothing is counted."""
    bounds = Bounds()
    rows = [{"path": f"{n}.fits", "detail": "x" * 500, "size": n} for n in range(100)]
    assert bounds.rows("attention", rows) == rows and bounds.left_out == {}


def test_many_rows(monkeypatch):
    """The first rows are kept, and the others counted by list."""
    monkeypatch.setattr(night_content, "MAX_ROWS", 10)
    bounds = Bounds()
    assert len(bounds.rows("attention", [{"n": n} for n in range(25)])) == 10
    assert len(bounds.first("findings", range(10))) == 10
    assert len(bounds.rows("waiting", [{"at": AT}] * 12)) == 10
    assert len(bounds.rows("waiting", [{"at": AT}] * 11)) == 10
    assert bounds.left_out == {"attention": 15, "waiting": 3}


def test_long_texts():
    """A long text is cut, and says by how much."""
    bounds = Bounds()
    (row,) = bounds.rows("attention", [{"detail": "x" * 150_000, "path": "a"}])
    assert row["detail"] == "x" * 100_000 + "… (50,000 more characters)"
    assert bounds.left_out == {"characters": 50_000}


def test_many_long_texts(monkeypatch):
    """Once there is no room, each text keeps its beginning."""
    monkeypatch.setattr(night_content, "MAX_TEXTS", 250_000)
    bounds = Bounds()
    rows = bounds.rows("attention", [{"detail": "x" * 100_000}] * 5)
    lengths = [len(row["detail"].partition("…")[0]) for row in rows]
    assert lengths == [100_000, 100_000, 50_000, 1000, 1000]
    assert bounds.left_out == {"characters": 50_000 + 2 * 99_000}
