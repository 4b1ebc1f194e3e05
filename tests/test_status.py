"""Checks: from a night's numbers to findings, and the worst rules."""

import pytest

from observing_monitor import status
from observing_monitor.pages import Finding

NOTHING = {
    **{f"n_{name}": 0 for name in ("failed", "missing", "gone", "small", "lost", "pending", "twice")},
    "transfer_delay_p90_s": None,
    "ingest_delay_p90_s": None,
}


def found(**changed):
    options = {name: changed.pop(name) for name in ("silent", "notes", "is_told", "delay_warning_s") if name in changed}
    return [(finding.level, finding.text) for finding in status.findings(status.Night({**NOTHING, **changed}, **options))]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"n_failed": 1}, [("error", "1 file failed")]),
        ({"n_missing": 1200}, [("error", "1,200 files never tried, though older than the limit")]),
        ({"n_gone": 2}, [("warning", "2 files recorded but no longer on disk, and never ingested")]),
        ({"n_small": 1}, [("warning", "1 file too small to be an image")]),
        ({"n_lost": 1}, [("error", "1 file ingested, but since gone from the repository")]),
        ({"n_pending": 3}, [("normal", "3 files pending")]),
        ({"n_pending": 3, "is_told": False}, [("normal", "3 files pending: whether they were ingested is not known")]),
        ({"n_twice": 1}, [("normal", "1 file came twice under the same name")]),
        ({"ingest_delay_p90_s": 700, "delay_warning_s": 600}, [("warning", "slow ingest: one file in ten took longer than 11 min 40 s")]),
        ({"ingest_delay_p90_s": 600, "delay_warning_s": 600}, []),
        ({"ingest_delay_p90_s": 700}, []),
        ({"notes": {"files": ["a: odd", "b: odd"]}}, [("warning", "2 odd things while looking at what there is")]),
        (
            {"notes": {"files": ["odd"] * 100 + ["and 9,900 more"]}},
            [("warning", "more than 100 odd things while looking at what there is")],
        ),
        (
            {"silent": {"gen2": {"problem": "x: gone; mend it", "since": "2020-02-13T03:12:41Z"}}},
            [("error", "gen2 could not be read since 2020-02-13 03:12 UTC: x: gone; mend it")],
        ),
    ],
)
def test_each_check(changed, expected):
    """Each fault has its level and its words, with how many; what is no fault is told as normal or not at all."""
    assert found(**changed) == expected


def test_worst_first():
    """Findings come worst first, those of sources among them, and the worst is the night's status."""
    night = status.Night({**NOTHING, "n_small": 1, "n_failed": 2, "n_pending": 1})
    all_found = status.findings(night, [Finding("error", "short of 3 alerts"), Finding("normal", "a replay")])
    assert [finding.level for finding in all_found] == ["error", "error", "warning", "normal", "normal"]
    assert status.sum_up(all_found) == ("error", "2 files failed; short of 3 alerts; 1 file too small to be an image")
    assert status.sum_up([]) == ("normal", "")
    assert status.sum_up([Finding("normal", "a replay")]) == ("normal", "")


def test_every_check_is_listed():
    """No check is forgotten: each function named check_ or tell_ is in CHECKS."""
    named = {name for name in vars(status) if name.startswith(("check_", "tell_"))}
    assert {check.__name__ for check in status.CHECKS} == named


def test_since_when():
    """Where it is known since when files fail or wait, the finding says so."""
    told = status.findings(status.Night({**NOTHING, "n_failed": 14, "n_missing": 2}, since={"failed": "03:12", "missing": "01:00"}))
    assert [finding.text for finding in told] == [
        "14 files failed since 03:12",
        "2 files never tried since 01:00, though older than the limit",
    ]


def test_findings_have_addresses():
    """A finding's address stays while its numbers change, and is its own, however many say nearly the same."""
    more = [Finding("error", "node 2 is out of line"), Finding("error", "node 3 is out of line")]
    one, two = (status.findings(status.Night({**NOTHING, "n_failed": n}), more) for n in (14, 1200))
    addresses = [finding.anchor for finding in one]
    assert addresses == [finding.anchor for finding in two]
    assert addresses == ["finding-files-failed", "finding-node-is-out-of-line", "finding-node-is-out-of-line-2"]
