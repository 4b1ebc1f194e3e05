"""The files of a night that get a preview."""

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.previews import plan


def files_of(n_exposures, n_detectors=3):
    """Return a night's files, one exposure per minute."""
    rows = [(e, d) for e in range(n_exposures) for d in range(n_detectors)]
    names = [file_name(e, d) for e, d in rows]
    start = pd.Timestamp("2020-02-13T01:00Z")
    made = {
        "file_id": names,
        "name": names,
        "path": [f"/data/{name}" for name in names],
        "kind": "fits",
        "created_at": [start + pd.Timedelta(minutes=e, seconds=d) for e, d in rows],
        "exposure": [f"E{e:03}" for e, _ in rows],
        "detector": [f"{d:03}" for _, d in rows],
    }
    return frames.frame(columns.FILES, pd.DataFrame(made))


def file_name(exposure, detector):
    return f"E{exposure:03}-det{detector:03}.fits"


def test_few_files():
    """All files get one while there are few."""
    chosen, n = plan.choose(files_of(2), 6)
    assert n == 6
    assert list(chosen["file_id"]) == [file_name(e, d) for e in (1, 0) for d in (0, 1, 2)]


def test_many_files():
    """If there are many files, first detectors get one."""
    chosen, n = plan.choose(files_of(10), 12)
    assert n == 30
    newest = [file_name(e, d) for e, d in ((9, 0), (9, 1), (8, 0), (8, 1))]
    assert list(chosen["file_id"][:4]) == newest
    assert sorted(chosen.groupby("exposure").size()) == [1] * 8 + [2] * 2
    chosen, n = plan.choose(files_of(10), 4)
    assert n == 30
    assert list(chosen["file_id"]) == [file_name(e, 0) for e in (9, 8, 7, 6)]


def test_files_without_an_image():
    """A file that is no image or is gone gets none.

    One that is gone and has a picture keeps it.
    """
    files = files_of(5, 1)
    files.loc[0, "kind"] = "json"
    files.loc[1, "on_disk"] = False
    files.loc[2, "path"] = "s3://bucket/E002"
    files.loc[3, "on_disk"] = False
    chosen, n = plan.choose(files, 9, made=[file_name(3, 0)])
    assert list(chosen["file_id"]) == [file_name(4, 0), file_name(3, 0)] and n == 2
    assert plan.choose(frames.empty(columns.FILES), 9)[1] == 0
