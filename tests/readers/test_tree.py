"""A tree with folders named after nights."""

import os

from filestore import NIGHT, put

from observing_monitor.model.nights import NightRule
from observing_monitor.processes import parallel, workers
from observing_monitor.readers.tree import NightTree


def test_a_listing_made_by_another_process_is_the_same(tmp_path, monkeypatch):
    """A listing by another process is the same."""
    night = tmp_path / "2020-02-12"
    for number in range(50):
        put(night / "raw" / f"AT_O_20200212_{number:06d}.fits")
    put(night / os.fsdecode(b"broken\xff.fits"))
    put(night / "table.ms" / "part")
    put(night / ".AT_O.fits.x7Q2aB")
    os.utime(put(night / "old.fits"), ns=(0, -(2**62)))
    (night / "link.fits").symlink_to(night / "old.fits")
    (night / "dangling.fits").symlink_to(tmp_path / "nothing")
    (night / "again").symlink_to(night / "raw")
    os.mkfifo(night / "pipe")
    here, elsewhere, failing = (
        NightTree(tmp_path, NightRule(), "file store", ["*.ms"]) for _ in range(3)
    )
    monkeypatch.setattr(workers, "VERY_MANY", 1)
    elsewhere.begin(NIGHT, 1)
    assert list(elsewhere._begun) == [NIGHT]
    failing._begun[NIGHT] = parallel.start_process(os._exit, 3)
    expected = here.list_night(NIGHT)
    assert len(expected) == len(expected.paths) == 55 and len(expected.notes) == 2
    assert (
        elsewhere.list_night(NIGHT).values()
        == expected.values()
        == failing.list_night(NIGHT).values()
    )
    assert elsewhere.digest(NIGHT) == here.digest(NIGHT)
