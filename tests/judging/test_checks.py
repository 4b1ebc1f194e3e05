"""Checks: a night's facts to findings, of which the worst decides."""

import dataclasses
import datetime

import pytest

from observing_monitor.judging import checks
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
            {"n_pending": 3, "has_answered": False},
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
            {"misdated": (1, 7200.0)},
            [
                (
                    "warning",
                    "1 file dated later than it came, by up to 2 h 00 min: some clock is wrong",
                )
            ],
        ),
        (
            {"misdated": (2000, 90.0)},
            [
                (
                    "warning",
                    "2,000 files dated later than they came, by up to 1 min 30 s: "
                    "some clock is wrong",
                )
            ],
        ),
        (
            {"changes": (("warning", "3 files moved"), ("normal", "1 came late"))},
            [("warning", "3 files moved"), ("normal", "1 came late")],
        ),
        (
            {
                "cross_night": (
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
                    "2,000 files that gen3 dates 2020-02-12 lie on this night: "
                    "they are counted here",
                ),
            ],
        ),
        (
            {
                "cross_night": (
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
    """Each problem has its level, number and words."""
    assert found(**changed) == expected


def test_worst_first():
    """Findings come worst first; the worst is the night's status."""
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
    """Each function named check_ or report_ is in CHECKS."""
    named = {name for name in vars(checks) if name.startswith(("check_", "report_"))}
    assert {check.__name__ for check in checks.CHECKS} == named


def test_first_time_of_errors():
    """A finding about errors says since when, if that is known."""
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
    """A finding's address is unique and does not change with its numbers."""
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
    ("n_wrong", "more"), [(checks.MAX_NAMED, ""), (checks.MAX_NAMED + 3, "; and 3 more")]
)
def test_long_lines(n_wrong, more):
    """A night's line names a few problems and counts the rest."""
    faults = [Finding("error", f"fault {number}") for number in range(n_wrong)]
    said = "; ".join(f"fault {number}" for number in range(checks.MAX_NAMED))
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
        ({"misdated": (1, 7200.0)}, [("#files", "files")]),
        ({"changes": (("warning", "3 files moved"),)}, [("#files", "files")]),
        ({"cross_night": (CrossNightFiles("gen2", OTHER, 1, True, "k"),)}, [("#files", "gen2")]),
        ({"cross_night": (CrossNightFiles("gen2", OTHER, 1, False, "k"),)}, [("", "gen2")]),
        ({"removed": ("gen2", "old")}, [("#sources", "gen2"), ("#sources", "old")]),
    ],
)
def test_links_and_sources_of_findings(changed, leads):
    """A finding has a link and the sources of its data."""
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


ERRORS = "more errors than usual: 25 % of the files failed or are missing"
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
            [f"{ERRORS}, usually at most 5 %"],
        ),
        (
            {"error_share": 0.0},
            None,
            [f"{ERRORS}, usually none"],
        ),
    ],
)
def test_worse_than_usual(worse, delay_warning_s, said):
    """All that is worse than usual is one warning."""
    found = checks.findings(
        checks.Night({**NOTHING, **SLOW}, delay_warning_s=delay_warning_s, worse=worse)
    )
    assert [(finding.level, finding.text) for finding in found] == [
        ("warning", words) for words in said
    ]


def test_as_many_notes_as_are_kept():
    """A source with exactly as many notes as are kept has no more."""
    assert found(notes={"files": ["odd"] * checks.MAX_NOTES}) == [
        ("warning", "100 odd things in what was read, listed on the night's page")
    ]


def test_address_ignores_details():
    """A finding's address does not change with the text after its colon."""
    anchors = [
        finding.anchor
        for has_answered in (True, False)
        for finding in checks.findings(
            checks.Night({**NOTHING, "n_pending": 3}, has_answered=has_answered)
        )
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
def test_known_files_in_a_finding(n, known, expected):
    """A class of files is normal if all of them are known."""
    all_found = checks.findings(
        checks.Night({**NOTHING, "n_failed": n}, known={"failed": known, "missing": {"other": 1}})
    )
    assert [(f.level, f.text, f.acknowledged) for f in all_found] == [expected]
    assert checks.sum_up_known(all_found) == (expected[1] if expected[0] == "normal" else "")
    unknown = checks.findings(checks.Night({**NOTHING, "n_failed": n}))
    assert [f.anchor for f in all_found] == [f.anchor for f in unknown]
