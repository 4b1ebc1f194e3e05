"""The rhythm of a night: how often files came, and passed a stage."""

import datetime

import pandas as pd
import pytest

from observing_monitor.model import columns, frames
from observing_monitor.model.nights import NightRule
from observing_monitor.tables.classify import Limits, classify
from observing_monitor.tables.rhythm import rhythm_of

NIGHT = datetime.date(2020, 2, 12)
BOUNDS = NightRule().bounds(NIGHT)
OVER = BOUNDS[1] + datetime.timedelta(days=30)
HOUR = 3600


def at(seconds):
    """Return an instant after the start of the night."""
    return BOUNDS[0] + datetime.timedelta(seconds=seconds)


def rhythm(created, arrived=None, ingested=None, now=OVER, kind="fits"):
    """Return the rhythm of files by seconds of the night."""
    times = [[None if s is None else at(s) for s in row] for row in (created, arrived or created)]
    files = pd.DataFrame(
        {
            "file_id": [f"{n}.fits" for n in range(len(created))],
            "name": [f"{n}.fits" for n in range(len(created))],
            "kind": kind,
            "size_bytes": 50_000,
            "created_at": pd.Series(times[0], dtype="datetime64[us, UTC]"),
            "transferred_at": pd.Series(times[1], dtype="datetime64[us, UTC]"),
        }
    )
    tried = [(n, s) for n, s in enumerate(ingested or ()) if s is not None]
    ingests = pd.DataFrame(
        {
            "file_id": pd.Series([f"{n}.fits" for n, _ in tried], dtype="str"),
            "stage": "ingest",
            "status": "success",
            "attempted_at": pd.Series([at(s) for _, s in tried], dtype="datetime64[us, UTC]"),
        }
    )
    files, ingests = frames.frame(columns.FILES, files), frames.frame(columns.INGESTS, ingests)
    judged = classify(files, ingests, Limits("ingest"), now)
    return rhythm_of(judged, ingests, ["ingest"], BOUNDS, now)


def test_a_file_every_three_minutes():
    """Two hours from 22:00 UTC with a file every 3 min."""
    made = rhythm([10 * HOUR + 180 * n for n in range(41)])
    assert made == {
        "n_files": 41,
        "files": {
            "first_s": 36_000.0,
            "last_at": "2020-02-13T00:00:00Z",
            "median_s": 180.0,
            "p99_s": 180.0,
            "bins": f"{0b1_1111_1111 << 40:x}",
        },
        "stages": {},
        "waits": {"ingest": "2020-02-12T22:00:00Z"},
        "late_s": 0.0,
    }


def test_an_empty_night():
    """A night without files says so."""
    nothing = {"n_files": 0, "files": None, "stages": {}, "waits": {}, "late_s": None}
    assert rhythm([]) == nothing


def test_the_files_of_an_exposure_are_one_step():
    """Many files of the same minute do not make the usual gap zero."""
    starts = [HOUR * n for n in range(10)]
    flow = rhythm([start + part / 10 for start in starts for part in range(189)])["files"]
    assert (flow["median_s"], flow["p99_s"]) == (3600.0, 3600.0)


def test_the_longest_gaps_count():
    """The 99 % point is between the longest gap and the usual one."""
    seconds = [120 * n for n in range(100)] + [120 * 99 + 7200]
    assert rhythm(seconds[:-1])["files"]["p99_s"] == 120.0
    assert rhythm(seconds)["files"]["p99_s"] == pytest.approx(120 + 0.01 * 7080)
    assert rhythm(seconds[50:])["files"]["p99_s"] == pytest.approx(120 + 0.51 * 7080)


def test_hours_between_blocks_are_not_usual():
    """A long pause has no bins; rare files that come regularly have them all."""
    blocks = [*range(0, HOUR + 1, 180), *range(6 * HOUR, 7 * HOUR + 1, 180)]
    assert int(rhythm(blocks)["files"]["bins"], 16) == 0b11111 | 0b11111 << 24
    rare = [HOUR * n for n in range(24)]
    assert int(rhythm(rare)["files"]["bins"], 16) == (1 << 96) - 1


def test_hours_around_the_bounds_of_a_night():
    """Only a file near a bound has neighbours in the next night."""
    near = [1200, *range(2 * HOUR, 3 * HOUR, 180), 24 * HOUR - 1200]
    assert int(rhythm(near)["files"]["bins"], 16) == 0b11 | 0b1111 << 8 | 0b11 << 94
    far = [*range(2000, 3000, 60), 24 * HOUR - 2000]
    assert int(rhythm(far)["files"]["bins"], 16) == 0b11 << 2 | 1 << 93


def test_times_outside_of_the_night_are_left_out():
    """An impossible time does not count; the arrival replaces it."""
    now = at(5 * HOUR)
    made = rhythm([HOUR, 20 * HOUR, -400 * 86_400], [HOUR, None, 2 * HOUR], now=now)
    assert made["files"]["last_at"] == "2020-02-12T14:00:00Z"
    assert rhythm([30 * HOUR])["files"] is None and rhythm([30 * HOUR])["n_files"] == 1


def test_lateness():
    """The median delay of arrival; a tree that was copied later says nothing."""
    assert rhythm([0, 60, 120], [600, 660, 1920])["late_s"] == 600.0
    assert rhythm([0, 60, 120], [600, 40 * 86_400, 41 * 86_400])["late_s"] is None


def test_what_waits_for_a_stage():
    """Only files that came after the last one passed wait."""
    created = [0, 600, 1200, 1800, 2400]
    made = rhythm(created, ingested=[60, None, 1260, None, None])
    assert made["stages"]["ingest"]["last_at"] == "2020-02-12T12:21:00Z"
    assert made["stages"]["ingest"]["first_s"] == 60.0
    assert made["waits"] == {"ingest": "2020-02-12T12:30:00Z"}
    assert rhythm(created, ingested=[60, None, 1260, 1900, 2460])["waits"] == {}
    assert rhythm(created, kind="txt")["waits"] == {}, "no stage takes a file of text"
