"""Test trees have the files of their counts."""

import datetime
import os
import sqlite3
from collections import Counter
from contextlib import closing

import gen2tree
import pytest

NIGHT = datetime.date(2020, 2, 12)
COUNTS = {
    "ingested": 20,
    "lost": 1,
    "failed": 4,
    "missing": 3,
    "pending": 5,
    "small": 2,
    "not_fits": 3,
    "ignored": 2,
}


def registered(root):
    """Return the registry's number of raws."""
    with closing(sqlite3.connect(root / "gen2repo" / "registry.sqlite3")) as registry:
        return registry.execute("select count(*) from raw").fetchone()[0]


@pytest.mark.parametrize("link", ["symlink", "hardlink", "copy"])
@pytest.mark.parametrize(
    ("camera", "layout"),
    [("latiss", None), ("comCam", "night"), ("comCam", "run"), ("testStand", "run")],
)
def test_night_has_what_was_asked_for(tmp_path, link, camera, layout):
    """Numbers of files, links and rows match the counts."""
    now = gen2tree.later()
    nights = (NIGHT, NIGHT + datetime.timedelta(days=1))
    made = [
        gen2tree.make_night(
            tmp_path, n, COUNTS, now=now, link=link, camera=camera, layout=layout, transfer_log=True
        )
        for n in nights
    ]

    assert all(Counter(file.kind for file in night.files) == COUNTS for night in made)
    assert registered(tmp_path) == 2 * (20 + 1)
    raws = [
        path
        for path in (tmp_path / "gen2repo" / "raw").rglob("*")
        if path.is_symlink() or path.is_file()
    ]
    assert len(raws) == 2 * (20 + 4 + (link == "symlink"))
    assert len(set((tmp_path / "rsync.log").read_text().splitlines())) == 2 * sum(COUNTS.values())
    for night in made:
        folder = tmp_path / "storage" / night.night.isoformat()
        assert {path.name for path in folder.iterdir()} == {
            file.path.name for file in night.files if file.kind != "lost"
        }


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_lead_to_their_files(tmp_path, link):
    """A link leads to its file, with the right size and time."""
    made = gen2tree.make_night(
        tmp_path, NIGHT, {"ingested": 3, "failed": 2}, now=gen2tree.later(), link=link
    )
    for file in made.files:
        assert os.path.samefile(file.link, file.path)
        assert (file.path.stat().st_size, file.path.stat().st_mtime) == (
            file.size_bytes,
            file.created_at.timestamp(),
        )
