"""The list of a night's files, and their reasons."""

import pytest
from night_tables import HOUR, NOW, files, ingests, plain

from observing_monitor.model import columns
from observing_monitor.tables import classify, listing, stages
from observing_monitor.tables.classify import Limits
from observing_monitor.tables.reasons import acknowledge, count_acknowledged
from observing_monitor.tables.summary import summarise

TRACEBACK = "Traceback (most recent call last):\n  x\nValueError: why"


@pytest.mark.parametrize(
    ("file", "tries", "expected"),
    [
        ({}, [{}], ""),
        ({}, [{"message": " a word\nand more "}], "a word"),
        ({}, [{"status": "failure"}], ""),
        ({}, [{"status": "failure", "message": f"\n{TRACEBACK}\n"}], "ValueError: why"),
        ({}, [{"status": "failure", "message": "Error\nTraceback\nx"}], "Error"),
        ({}, [{"status": "failure", "message": 600 * "x"}], 500 * "x" + "…"),
        ({}, [{"status": "failure", "message": "Traceback, cut off"}], "Traceback, cut off"),
        ({}, [], "never tried; here since 2020-02-12 20:00:00 UTC"),
        ({"size_bytes": None}, [], "never tried; here since 2020-02-12 20:00:00 UTC"),
        (
            {"created_at": None, "transferred_at": NOW - 2 * HOUR},
            [],
            "never tried; here since 2020-02-13 04:00:00 UTC",
        ),
        ({"created_at": None}, [], "never tried; here since an unknown time"),
        (
            {"transferred_at": NOW - 2 * HOUR},
            [],
            "never tried; here since 2020-02-13 04:00:00 UTC",
        ),
        ({"created_at": NOW - HOUR / 2}, [], "waiting since 2020-02-13 05:30:00 UTC"),
        (
            {"created_at": NOW - HOUR / 2, "transferred_at": NOW - HOUR / 4},
            [],
            "waiting since 2020-02-13 05:45:00 UTC",
        ),
        (
            {"created_at": NOW + 2 * HOUR},
            [],
            "waiting since 2020-02-13 08:00:00 UTC, in the future",
        ),
        (
            {"created_at": NOW + 999 * HOUR, "transferred_at": NOW - HOUR / 4},
            [],
            "waiting since 2020-02-13 05:45:00 UTC",
        ),
        (
            {"created_at": NOW - HOUR / 2},
            [{"status": "running", "message": "half"}],
            "waiting since 2020-02-13 05:30:00 UTC; half",
        ),
        ({"size_bytes": 1_234}, [], "1,234 bytes: too small to be an image, and never tried"),
        ({"on_disk": False}, [], "no longer on disk, and never ingested"),
        (
            {"on_disk": False},
            [{"status": "failure", "message": "full"}],
            "no longer on disk, and never ingested; full",
        ),
        ({"kind": "json"}, [], "not an image"),
        ({"name": "left.fits"}, [], "left out on purpose"),
    ],
)
def test_reason_of_a_file(file, tries, expected):
    """A file's reason is why it is in its class, and one line of its message."""
    night = files({"file_id": "n/a.fits", "name": "a.fits", **file})
    tried = ingests(*({"file_id": "n/a.fits", **row} for row in tries))
    listed = listing.file_list(classify.classify(night, tried, Limits(ignore=("left*",)), NOW))
    assert list(listed["reason"]) == [expected] and listed["reason"].dtype == columns.DTYPES["text"]


def test_list_of_files():
    """Files are listed by creation, then path, with their reasons."""
    facts = {
        "size_bytes": 2_000_000,
        "obsid": "O",
        "exposure": "E",
        "seq_num": 7,
        "detector": "0",
        "transferred_at": NOW,
    }
    night = files(
        {"file_id": "n/c", **facts},
        {"file_id": "n/b"},
        {"file_id": "n/a", "created_at": NOW - 9 * HOUR},
    )
    tried = ingests(
        {"file_id": "n/c"}, {"file_id": "n/c", "stage": "export", "attempted_at": NOW - HOUR}
    )
    judged = classify.classify(night, tried, Limits(), NOW)
    listed = listing.file_list(judged)
    assert list(listed) == ["path", *listing.LISTED[1:], "reason", "message"]
    said = "never tried; here since 2020-02-12"
    assert plain(listed, *list(listed)[:-1]) == [
        (
            "n/b",
            "missing",
            1_000_000,
            None,
            None,
            None,
            None,
            NOW - 10 * HOUR,
            None,
            None,
            f"{said} 20:00:00 UTC",
        ),
        ("n/c", "ingested", 2_000_000, "O", "E", 7, "0", NOW - 10 * HOUR, NOW, NOW - 9 * HOUR, ""),
        (
            "n/a",
            "missing",
            1_000_000,
            None,
            None,
            None,
            None,
            NOW - 9 * HOUR,
            None,
            None,
            f"{said} 21:00:00 UTC",
        ),
    ]
    quiet = files({"file_id": "n/d"}, {"file_id": "n/e"})
    for silent in (
        classify.classify(quiet, ingests({"file_id": "n/d"}, {"file_id": "n/e"}), Limits(), NOW),
        judged.iloc[:0],
    ):
        reasons = listing.file_list(silent)["reason"]
        assert list(reasons) == [""] * len(silent) and reasons.dtype == columns.DTYPES["text"]
    known = acknowledge(
        judged, lambda file_class, names, reason: "a test" if "n/a" in names else ""
    )
    staged = listing.file_list(known, stages.done_by_stage(known, tried, ["export", "transfer"]))
    more = ["export_at", "transfer_at", "reason", "message"]
    assert list(staged) == ["path", *listing.LISTED[1:], *more]
    assert plain(staged, "path", "export_at", "transfer_at", "reason") == [
        ("n/b", None, None, f"{said} 20:00:00 UTC"),
        ("n/c", NOW - HOUR, None, ""),
        ("n/a", None, None, f"{said} 21:00:00 UTC; known: a test"),
    ]


def test_acknowledged_files():
    """Only files that raise an alarm are looked up among known issues."""
    night = files(
        {"file_id": "n/failed", "exposure": "E", "obsid": "O"},
        {"file_id": "n/missing", "created_at": None},
        {"file_id": "n/done"},
        {"file_id": "n/small", "size_bytes": 3},
        {"file_id": "n/gone", "on_disk": False},
        {"file_id": "n/lost"},
        {"file_id": "n/json", "kind": "json"},
        {"file_id": "n/young", "created_at": NOW},
        {"file_id": "n/lost2"},
        {"file_id": "n/went", "on_disk": False},
    )
    tried = ingests(
        {"file_id": "n/failed", "status": "failure", "message": "full"},
        {"file_id": "n/lost", "status": "lost"},
        {"file_id": "n/done"},
        {"file_id": "n/lost2", "status": "lost"},
    )
    judged = classify.classify(night, tried, Limits(), NOW)
    shown = [
        "failed",
        "missing",
        "ingested",
        "small",
        "gone",
        "lost",
        "not_fits",
        "pending",
        "lost",
        "gone",
    ]
    assert classify.shown_class(judged).tolist() == shown
    asked = []
    known = acknowledge(
        judged,
        lambda *told: asked.append(told) or ("" if "n/small" in told[1] else f"known {told[0]}"),
    )
    assert asked == [
        ("failed", ("n/failed", "failed", "E", "O"), "full"),
        ("missing", ("n/missing", "missing", "", ""), "never tried; here since an unknown time"),
        (
            "small",
            ("n/small", "small", "", ""),
            "3 bytes: too small to be an image, and never tried",
        ),
        ("gone", ("n/gone", "gone", "", ""), "no longer on disk, and never ingested"),
        ("lost", ("n/lost", "lost", "", ""), ""),
        ("lost", ("n/lost2", "lost2", "", ""), ""),
        ("gone", ("n/went", "went", "", ""), "no longer on disk, and never ingested"),
    ]
    alarming = {"failed", "missing", "gone", "lost"}
    assert plain(known, "acknowledged") == [
        f"known {name}" if name in alarming else "" for name in shown
    ]
    counted = {"failed": 1, "missing": 1, "gone": 2, "lost": 2}
    assert count_acknowledged(known) == {name: {f"known {name}": n} for name, n in counted.items()}
    summary = summarise(known)
    assert (summary["n_acknowledged"], summary["n_acknowledged_errors"], summary["n_lost"]) == (
        6,
        2,
        2,
    )
    for silent in (judged.iloc[2:3], judged.iloc[:0]):
        quiet = acknowledge(silent, lambda *told: "never asked")["acknowledged"]
        assert list(quiet) == [""] * len(silent) and quiet.dtype == columns.DTYPES["text"]
