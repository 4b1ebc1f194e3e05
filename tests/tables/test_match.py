"""The file of each attempt."""

import pandas as pd
from night_tables import NOW, attempts, files, plain

from observing_monitor.model import columns, frames
from observing_monitor.tables import classify, match
from observing_monitor.tables.classify import Limits
from observing_monitor.tables.summary import summarise


def test_match_by_inode_then_by_name():
    """An inode identifies a file before its names, which may lack an ending."""
    night = files(
        {"file_id": "n/one.fits", "device": 1, "inode": 10},
        {"file_id": "n/two.fits", "device": 1, "inode": 20},
        {"file_id": "n/AT_O_20200212_000003.fits.fz", "device": 1, "inode": 30},
    )
    tried = attempts(
        {"path": "raw/two.fits", "names": "two.fits", "device": 1, "inode": 10},
        {"path": "raw/x.fits", "names": "x.fits\ntwo", "device": 2, "inode": 20},
        {"path": "raw/y.fits", "names": "y.fits\nAT_O_20200212_000003"},
        {"path": "raw/z.fits", "names": "z.fits", "obsid": "AT_O_20200212_000004"},
    )
    matched, found = match.match(night, tried)
    assert list(found["file_id"]) == [
        "n/one.fits",
        "n/two.fits",
        "n/AT_O_20200212_000003.fits.fz",
        "gen2:raw/z.fits",
    ]
    lone = matched.set_index("file_id").loc["gen2:raw/z.fits"]
    assert (lone["source"], lone["name"], lone["obsid"]) == (
        "gen2",
        "z.fits",
        "AT_O_20200212_000004",
    )


def test_match_by_inode_reserves_the_file():
    """A file found by inode is not found by name; an empty name finds no file."""
    night = files(
        {"file_id": "n/a.fits", "device": 1, "inode": 10},
        {"file_id": "n/b.fits"},
        {"file_id": "z/.fits"},
    )
    tried = attempts(
        {"path": "x", "names": "b.fits", "device": 1, "inode": 10},
        {"path": "y", "names": "a.fits"},
        {"path": "z", "names": ""},
    )
    assert list(match.match(night, tried)[1]["file_id"]) == ["n/a.fits", "gen2:y", "gen2:z"]
    earlier = files(
        {"file_id": "gen2:x"}, {"file_id": "gen2:raw/a.fits"}, {"file_id": "gen2:w"}, source="gen2"
    )
    matched, _ = match.match(
        night, attempts({"path": "x", "names": "elsewhere"}), earlier
    )  # one is told again, one has its file by now
    assert plain(matched, "file_id", "on_disk") == [
        ("n/a.fits", True),
        ("n/b.fits", True),
        ("z/.fits", True),
        ("gen2:x", True),
        ("gen2:w", False),
    ]


def test_match_takes_a_name_once():
    """An attempt finds only one of two files with one name."""
    night = files({"file_id": "n/1/a.fits"}, {"file_id": "n/2/a.fits"})
    _, found = match.match(night, attempts({"names": "a.fits"}))
    assert list(found["file_id"]) == ["n/1/a.fits"]
    assert summarise(classify.classify(night, found, Limits(), NOW))["n_twice"] == 1


def test_match_of_nothing():
    """Without attempts nothing is matched; attempts alone make their files."""
    empty = frames.empty(columns.ATTEMPTS).assign(source=pd.Series(dtype="str"))
    matched, found = match.match(files(), empty)
    assert (
        list(matched.columns) == [c.name for c in columns.FILES] and matched.empty and found.empty
    )
    matched, found = match.match(files(), attempts({"names": "a"}))
    assert len(matched) == len(found) == 1
    earlier = files(
        {"file_id": "gen2:raw/a"}, {"file_id": "gen2:raw/b"}, source="gen2"
    )  # told of before, of which nobody tells now
    matched, _ = match.match(files({"file_id": "n/a"}, {"file_id": "n/c"}), empty, earlier)
    assert plain(matched, "file_id", "on_disk") == [
        ("n/a", True),
        ("n/c", True),
        ("gen2:raw/b", False),
    ]
