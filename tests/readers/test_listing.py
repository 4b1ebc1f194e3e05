"""Files of a tree in columns."""

import os

import pandas as pd
import pytest
from filestore import put

from observing_monitor.model.nights import NightRule
from observing_monitor.readers.listing import ABSENT, Listing, shown_all, whole_numbers
from observing_monitor.readers.tree import NightTree


def test_numbers_to_the_last_digit():
    """Inodes of 63 bits and times beyond 64 bits are exact."""
    listing = Listing()
    for inode, mtime_ns in ((2**63 - 1, 5), (2**53 + 1, 2**70)):
        listing.add("a", (1, mtime_ns, 0, 1, inode, 1, ABSENT, False))
    assert list(whole_numbers(listing.columns()["inode"])) == [2**63 - 1, 2**53 + 1]
    assert list(whole_numbers(listing.columns()["mtime_ns"])) == [5, pd.NA]
    assert listing.entry(1).mtime_ns == 2**70 and listing.entry(0).link_ns is None


@pytest.mark.parametrize("odd", [None, "é.fits", r"a\\xff.fits", os.fsdecode(b"\xff.fits"), "a\nb"])
def test_paths_and_names_as_they_are_shown(tmp_path, odd):
    """All paths are shown as each alone would be."""
    for place in (
        "2020-02-12/a.fits",
        "2020-02-12/n/1/b.fits",
        "2020-02-12/n/2/b.fits",
        f"2020-02-12/n/1/{odd or 'c.fits'}",
    ):
        put(tmp_path / place)
    (tmp_path / "2020-02-12" / "empty" / "folder").mkdir(parents=True)
    for root in (tmp_path, tmp_path / "2020-02-12" / "n" / "2"):
        listing = NightTree(root, NightRule(), "file store").list_all()
        *texts, is_plain = listing.texts()
        paths, names = (array.to_pylist() for array in texts)
        assert is_plain == all(path.isascii() and "\\" not in path for path in listing.paths)
        assert paths == shown_all(listing.paths) and names == [
            path.rpartition("/")[2] for path in paths
        ]
    assert [len(array) for array in Listing().texts()[:2]] == [0, 0]


@pytest.mark.parametrize(
    "path", ["n/x/a.fits", "n/c.fits", "n/y/c.fits", "n/x/y/c.fits", "n/xc.fits", "c.fits"]
)
def test_digests_differ_where_paths_do(path):
    """Other paths give another digest, even with equal numbers."""
    listings = Listing(), Listing()
    for listing, second in zip(listings, (path, "n/x/c.fits"), strict=True):
        for name in ("n/x/0", second):
            listing.add(name, (1, 2, 3, 4, 5, 6, ABSENT, False))
    assert listings[0].digest() != listings[1].digest()
