"""Checks: from a night's numbers to findings, and the worst rules."""

import dataclasses
import datetime

import pytest

from observing_monitor.judging import checks
from observing_monitor.judging import checks as status
from observing_monitor.model.finding import Finding
from observing_monitor.tables.cross_night import CrossNightFiles

OTHER = datetime.date(2020, 2, 12)

NOTHING = {
    **{
        f"n_{name}": 0
        for name in ("failed", "missing", "gone", "small", "lost", "pending", "twice")
    },
    "transfer_delay_p90_s": None,
    "ingest_delay_p90_s": None,
}


def found(**changed):
    options = {
        name: changed.pop(name)
        for name in [field.name for field in dataclasses.fields(checks.Night)]
        if name in changed
    }
    return [
        (finding.level, finding.text)
        for finding in checks.findings(checks.Night({**NOTHING, **changed}, **options))
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"n_failed": 1}, [("error", "1 file failed")]),
        ({"n_missing": 1200}, [("error", "1,200 files never tried, though older than the limit")]),
        (
            {"n_gone": 2},
            [("warning", "2 files recorded but no longer on disk, and never ingested")],
        ),
        ({"n_small": 1}, [("warning", "1 file too small to be an image")]),
        ({"n_lost": 1}, [("error", "1 file ingested, but since gone from the repository")]),
        ({"n_pending": 3}, [("normal", "3 files pending")]),
        (
            {"n_pending": 3, "is_told": False},
            [("normal", "3 files pending: it is not known if they were ingested")],
        ),
        ({"n_twice": 1}, [("normal", "1 file came twice under the same name")]),
        (
            {"ingest_delay_p90_s": 700, "delay_warning_s": 600},
            [("warning", "slow ingest: one file in ten took longer than 11 min 40 s")],
        ),
        ({"ingest_delay_p90_s": 600, "delay_warning_s": 600}, []),
        ({"ingest_delay_p90_s": 700}, []),
        (
            {"notes": {"files": ["a: odd", "b: odd"]}},
            [("warning", "2 odd things in what was read, listed on the night's page")],
        ),
        (
            {"notes": {"files": ["odd"] * 100 + ["and 9,900 more"]}},
            [("warning", "more than 100 odd things in what was read, listed on the night's page")],
        ),
        (
            {"silent": {"gen2": {"problem": "x: gone; mend it", "since": "2020-02-13T03:12:41Z"}}},
            [("error", "gen2 could not be read since 2020-02-13 03:12 UTC: x: gone; mend it")],
        ),
        (
            {"ahead": (1, 7200.0)},
            [
                (
                    "warning",
                    "1 file dated later than it came, by up to 2 h 00 min: some clock is wrong",
                )
            ],
        ),
        (
            {"ahead": (2000, 90.0)},
            [
                (
                    "warning",
                    "2,000 files dated later than they came, by up to 1 min 30 s: some clock is wrong",
                )
            ],
        ),
        (
            {"happened": (("warning", "3 files moved"), ("normal", "1 came late"))},
            [("warning", "3 files moved"), ("normal", "1 came late")],
        ),
        (
            {
                "settled": (
                    CrossNightFiles("gen2", OTHER, 1, True, "k"),
                    CrossNightFiles("gen3", OTHER, 2000, True, "k"),
                )
            },
            [
                (
                    "normal",
                    "1 file that gen2 dates 2020-02-12 lies on this night: it is counted here",
                ),
                (
                    "normal",
                    "2,000 files that gen3 dates 2020-02-12 lie on this night: they are counted here",
                ),
            ],
        ),
        (
            {
                "settled": (
                    CrossNightFiles("gen2", OTHER, 1, False, "k"),
                    CrossNightFiles("gen2", OTHER, 2, False, "k"),
                )
            },
            [
                (
                    "normal",
                    "1 file that gen2 dates this night lies on 2020-02-12: it is counted there",
                ),
                (
                    "normal",
                    "2 files that gen2 dates this night lie on 2020-02-12: they are counted there",
                ),
            ],
        ),
        (
            {"removed": ("gen2",)},
            [("normal", "gen2 is no longer a source of this stream: its last data are kept")],
        ),
    ],
)
def test_each_check(changed, expected):
    """Each fault has its level and its words, with how many; what is no fault is told as normal or not at all."""
    assert found(**changed) == expected


def test_worst_first():
    """Findings come worst first, those of sources among them, and the worst is the night's status."""
    night = checks.Night({**NOTHING, "n_small": 1, "n_failed": 2, "n_pending": 1})
    all_found = checks.findings(
        night, [Finding("error", "short of 3 alerts"), Finding("normal", "a replay")]
    )
    assert [finding.level for finding in all_found] == [
        "error",
        "error",
        "warning",
        "normal",
        "normal",
    ]
    assert checks.sum_up(all_found) == (
        "error",
        "2 files failed; short of 3 alerts; 1 file too small to be an image",
    )
    assert checks.sum_up([]) == ("normal", "")
    assert checks.sum_up([Finding("normal", "a replay")]) == ("normal", "")


def test_every_check_is_listed():
    """No check is forgotten: each function named check_ or tell_ is in CHECKS."""
    named = {name for name in vars(status) if name.startswith(("check_", "tell_"))}
    assert {check.__name__ for check in checks.CHECKS} == named


def test_since_when():
    """Where it is known since when files fail or wait, the finding says so."""
    told = checks.findings(
        checks.Night(
            {**NOTHING, "n_failed": 14, "n_missing": 2},
            since={"failed": "2020-02-13 03:12", "missing": "2020-02-13 01:00"},
        )
    )
    assert [finding.text for finding in told] == [
        "14 files failed since 2020-02-13 03:12 UTC",
        "2 files never tried since 2020-02-13 01:00 UTC, though older than the limit",
    ]


def test_findings_have_addresses():
    """A finding's address stays while its numbers change, and is its own, however many say nearly the same."""
    more = [Finding("error", "node 2 is out of line"), Finding("error", "node 3 is out of line")]
    one, two = (checks.findings(checks.Night({**NOTHING, "n_failed": n}), more) for n in (14, 1200))
    addresses = [finding.anchor for finding in one]
    assert addresses == [finding.anchor for finding in two]
    assert addresses == [
        "finding-files-failed",
        "finding-node-is-out-of-line",
        "finding-node-is-out-of-line-2",
    ]


@pytest.mark.parametrize(
    ("n_wrong", "more"), [(checks.MAX_SAID, ""), (checks.MAX_SAID + 3, "; and 3 more")]
)
def test_a_long_line_is_cut(n_wrong, more):
    """A night's line names so many of its faults, and counts the rest; a page with just so many names them all."""
    faults = [Finding("error", f"fault {number}") for number in range(n_wrong)]
    said = "; ".join(f"fault {number}" for number in range(checks.MAX_SAID))
    assert checks.sum_up(faults) == ("error", said + more)


SILENT = {"gen2": {"problem": "x", "since": "2020-02-13T03:12:41Z"}}
SLOW = {"transfer_delay_p90_s": 700, "ingest_delay_p90_s": 800, "n_error": 30, "n_files": 120}


@pytest.mark.parametrize(
    ("changed", "leads"),
    [
        ({"n_failed": 1}, [("#failed", "stages")]),
        ({"n_missing": 1}, [("#missing", "stages")]),
        ({"n_gone": 1}, [("#gone", "files")]),
        ({"n_small": 1}, [("#small", "files")]),
        ({"n_lost": 1}, [("#lost", "stages")]),
        ({"n_pending": 1}, [("#pending", "stages")]),
        ({"n_twice": 1}, [("#files", "files")]),
        ({**SLOW, "delay_warning_s": 600}, [("#delays", "files"), ("#delays", "stages")]),
        ({"notes": {"a": ["odd"], "b": [], "c": ["odd"]}}, [("#notes", "a, c")]),
        ({"silent": SILENT}, [("#sources", "gen2")]),
        (
            {**SLOW, "worse": {"ingest_delay_p90_s": 60, "error_share": 0}},
            [("#delays", "stages"), ("#attention", "stages")],
        ),
        ({**SLOW, "worse": {"transfer_delay_p90_s": 60}}, [("#delays", "files")]),
        ({"n_failed": 1, "stage_sources": ""}, [("#failed", "files")]),
        ({"ahead": (1, 7200.0)}, [("#files", "files")]),
        ({"happened": (("warning", "3 files moved"),)}, [("#files", "files")]),
        ({"settled": (CrossNightFiles("gen2", OTHER, 1, True, "k"),)}, [("#files", "gen2")]),
        ({"settled": (CrossNightFiles("gen2", OTHER, 1, False, "k"),)}, [("", "gen2")]),
        ({"removed": ("gen2", "old")}, [("#sources", "gen2"), ("#sources", "old")]),
    ],
)
def test_where_a_finding_leads_and_who_told(changed, leads):
    """Each finding leads to its place on the page, and names who told: of files, or of the last stage where anybody tells of that."""
    names = {field.name for field in dataclasses.fields(checks.Night)}
    options = {
        "file_sources": "files",
        "stage_sources": "stages",
        **{name: value for name, value in changed.items() if name in names},
    }
    night = checks.Night(
        {**NOTHING, **{name: value for name, value in changed.items() if name not in names}},
        **options,
    )
    assert [(finding.href, finding.source) for finding in checks.findings(night)] == leads


LONG, USUAL = "one file in ten took longer than", "usually at most 1 min 00 s"


@pytest.mark.parametrize(
    ("worse", "delay_warning_s", "said"),
    [
        (
            {"transfer_delay_p90_s": 60.0},
            None,
            [f"slower transfer than usual: {LONG} 11 min 40 s, {USUAL}"],
        ),
        (
            {"ingest_delay_p90_s": 60.0},
            800,
            [f"slower ingest than usual: {LONG} 13 min 20 s, {USUAL}"],
        ),
        (
            {"ingest_delay_p90_s": 60.0},
            600,
            [
                f"slow transfer: {LONG} 11 min 40 s",
                f"slow ingest: {LONG} 13 min 20 s, {USUAL}",
            ],
        ),
        (
            {"error_share": 0.05},
            None,
            [
                "more errors than usual: 25 % of the files failed or are missing, usually at most 5 %"
            ],
        ),
        (
            {"error_share": 0.0},
            None,
            ["more errors than usual: 25 % of the files failed or are missing, usually none"],
        ),
    ],
)
def test_worse_than_usual(worse, delay_warning_s, said):
    """What is worse than usual is a warning, said once: beyond the stream's own limit the limit says it, with what is usual."""
    found = checks.findings(
        checks.Night({**NOTHING, **SLOW}, delay_warning_s=delay_warning_s, worse=worse)
    )
    assert [(finding.level, finding.text) for finding in found] == [
        ("warning", words) for words in said
    ]


def test_a_hundred_notes_are_all():
    """A source with just as many notes as are kept has no more than these."""
    assert found(notes={"files": ["odd"] * checks.MAX_NOTES}) == [
        ("warning", "100 odd things in what was read, listed on the night's page")
    ]


def test_a_findings_address_lasts():
    """A finding keeps its address on the page while only what stands after its colon changes."""
    anchors = [
        finding.anchor
        for is_told in (True, False)
        for finding in checks.findings(checks.Night({**NOTHING, "n_pending": 3}, is_told=is_told))
    ]
    assert len(anchors) == 2 and len(set(anchors)) == 1


@pytest.mark.parametrize(
    ("n", "known", "expected"),
    [
        (1, {"a test": 1}, ("normal", "1 file failed, known: a test", "a test")),
        (
            2,
            {"a test": 1, "dome": 1},
            ("normal", "2 files failed, all of them known: a test; dome", "a test; dome"),
        ),
        (1200, {"a test": 1100}, ("error", "1,200 files failed, 1,100 of them known: a test", "")),
        (2, {}, ("error", "2 files failed", "")),
    ],
)
def test_what_is_known_is_said_beside_its_class(n, known, expected):
    """Files that are known are counted and named by their reasons; the class alarms while any of it is not known."""
    all_found = checks.findings(
        checks.Night({**NOTHING, "n_failed": n}, known={"failed": known, "missing": {"other": 1}})
    )
    assert [(f.level, f.text, f.acknowledged) for f in all_found] == [expected]
    assert checks.sum_up_known(all_found) == (expected[1] if expected[0] == "normal" else "")
    unknown = checks.findings(checks.Night({**NOTHING, "n_failed": n}))
    assert [f.anchor for f in all_found] == [
        f.anchor for f in unknown
    ]  # what leads to it still does
