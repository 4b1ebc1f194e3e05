"""A history of twelve nights, and the rebuild of it."""

import datetime

from gen2tree import later, make_night
from running import contents, run

DAYS = [datetime.date(2020, 2, 1) + datetime.timedelta(days=n) for n in range(12)]


def make_history(folder):
    """Make twelve nights; return the clock and a rebuild's output."""
    now = later()
    for night in DAYS:
        # The tenth night is worse than usual: its findings depend on the nights before it.
        counts = {"ingested": 40, "failed": 9 if night == DAYS[9] else 2, "missing": 1}
        make_night(folder / "input", night, counts, now=now)
    assert run(*rebuild_of(folder, folder / "whole"), "--jobs", "1", now=now) == 0
    return now, contents(folder / "whole")


def rebuild_of(folder, output):
    """Return the arguments of a rebuild of that history."""
    return ("rebuild", "--input_dir", folder / "input", "--output_dir", output)
