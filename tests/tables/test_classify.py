"""The class of each file."""

import pytest
from night_tables import HOUR, NOW, files, ingests, plain

from observing_monitor.model import columns, frames
from observing_monitor.tables import classify
from observing_monitor.tables.classify import Limits


def judge(file, *tries, limits=None, **options):
    """The class of one file."""
    night = files({"file_id": "n/a.fits", **file})
    tried = ingests(*({"file_id": "n/a.fits", **row} for row in tries))
    return classify.classify(night, tried, limits or Limits(), NOW, **options)["file_class"][0]


@pytest.mark.parametrize(
    ("file", "tries", "expected"),
    [
        ({}, [{}], "ingested"),
        ({"on_disk": False}, [{}], "ingested"),
        ({}, [{"status": "lost"}], "ingested"),
        ({"on_disk": False}, [{"status": "failure"}], "gone"),
        ({"on_disk": False}, [], "gone"),
        ({"kind": "json"}, [{"status": "ignored"}], "ignored"),
        ({"kind": "json", "size_bytes": 3}, [], "not_fits"),
        ({"kind": "json"}, [{"status": "failure"}], "not_fits"),
        ({"size_bytes": 3}, [{"status": "failure"}], "failed"),
        ({}, [{"status": "invalid"}], "failed"),
        ({}, [{"status": "unknown"}], "failed"),
        ({}, [{"status": "unregistered"}], "failed"),
        ({}, [{"status": "unregistered", "attempted_at": NOW - HOUR / 2}], "pending"),
        (
            {},
            [{"status": "failure"}, {"status": "waiting", "attempted_at": NOW - 2 * HOUR}],
            "failed",
        ),
        (
            {},
            [{"status": "failure"}, {"status": "waiting", "attempted_at": NOW - HOUR / 2}],
            "pending",
        ),
        ({"created_at": NOW - HOUR / 2, "size_bytes": 3}, [], "pending"),
        ({"created_at": NOW - HOUR / 2}, [{"status": "untried", "attempted_at": None}], "pending"),
        ({"size_bytes": 9_999}, [], "small"),
        ({"size_bytes": 10_000}, [], "missing"),
        ({"size_bytes": None}, [], "missing"),
        ({"created_at": NOW - HOUR}, [], "missing"),
        ({"created_at": None, "transferred_at": NOW}, [], "pending"),
        ({"created_at": None}, [], "missing"),
    ],
)
def test_first_class_that_applies(file, tries, expected):
    """A file is in the first class that applies, in the order of the schema."""
    assert judge(file, *tries) == expected


def test_last_attempt_counts():
    """The latest attempt of the stage decides, then the highest number."""
    failed, done = {"status": "failure"}, {"attempted_at": NOW - 8 * HOUR}
    assert judge({}, done, failed) == "ingested"
    assert judge({}, {"attempt": 1}, {"status": "failure", "attempt": 2}) == "failed"
    assert judge({}, {"stage": "export"}) == "missing"
    assert judge({}, {"stage": "export"}, limits=Limits(last_stage="export")) == "ingested"


def test_ingested_and_failed_later():
    """A file that was ingested and then failed is failed."""
    tried = ingests(
        {"file_id": "a"}, {"file_id": "a", "status": "failure", "attempted_at": NOW - HOUR}
    )
    judged = classify.classify(files({"file_id": "a"}), tried, Limits(), NOW)
    assert plain(judged, "file_class", "tried_at", "ingested_at") == [("failed", NOW - HOUR, None)]


def test_stream_without_stages():
    """In a stream without stages, a file that is there is ingested."""
    assert judge({}, limits=Limits(last_stage="")) == "ingested"
    assert judge({"on_disk": False}, limits=Limits(last_stage="")) == "gone"


def test_registry_that_never_answered():
    """A file is pending if the source of the last stage has never answered."""
    assert judge({}, has_answered=False) == "pending"
    assert judge({"size_bytes": 3}, has_answered=False) == "pending"


def test_limits_of_a_stream():
    """Ignored patterns, the time limit and the size limit are settings."""
    assert judge({}, limits=Limits(ignore=("*.json", "a.*"))) == "ignored"
    assert judge({}, limits=Limits(pending_limit_s=11 * 3600)) == "pending"
    assert judge({"size_bytes": 20_000}, limits=Limits(small_bytes=20_001)) == "small"


def test_next_change():
    """The oldest pending file is the next to change its class."""
    night = files(
        {"file_id": "a.fits", "created_at": NOW - HOUR / 2},
        {"file_id": "b.fits", "created_at": NOW - HOUR / 4},
    )
    judged = classify.classify(night, ingests(), Limits(), NOW)
    assert classify.next_change(judged) == (NOW + HOUR / 2).to_pydatetime()
    assert classify.next_change(judged, has_answered=False) is None
    assert classify.next_change(judged.iloc[:0]) is None


def test_undated_file_counts_from_its_first_attempt():
    """A file without any time counts from its first attempt."""
    night = files(
        *({"file_id": i, "created_at": None} for i in ("first", "a", "b", "unheard"))
    ).iloc[1:]
    told = {
        "a": (NOW - HOUR / 4, NOW - HOUR / 2, None),
        "b": (NOW - 3 * HOUR / 4, NOW - HOUR / 8),
        "first": (NOW - 9 * HOUR,),
    }
    tried = ingests(
        *(
            {"file_id": i, "stage": "export", "attempted_at": at}
            for i, times in told.items()
            for at in times
        )
    )
    judged = classify.classify(night, tried, Limits(), NOW)
    assert plain(judged, "file_id", "file_class", "late_at") == [
        ("a", "pending", NOW + HOUR / 2),
        ("b", "pending", NOW + HOUR / 4),
        ("unheard", "missing", None),
    ]


def test_first_errors():
    """Errors began with the first failed attempt or missing file."""
    night = files(
        {"file_id": "a"},
        {"file_id": "b", "created_at": NOW - 12 * HOUR},
        {"file_id": "c", "created_at": NOW - 8 * HOUR},
        {"file_id": "d", "created_at": None, "transferred_at": NOW - 9 * HOUR},
        {"file_id": "e", "size_bytes": 3},
    )
    failed = [
        {"file_id": i, "status": "failure", "attempted_at": at}
        for i, at in (("a", NOW - 5 * HOUR), ("b", NOW - 6 * HOUR))
    ]
    assert classify.first_errors(classify.classify(night, ingests(*failed), Limits(), NOW)) == {
        "failed": NOW - 6 * HOUR,
        "missing": NOW - 9 * HOUR,
    }
    undated = classify.classify(
        files({"file_id": "a", "created_at": None}), ingests(), Limits(), NOW
    )
    assert list(undated["file_class"]) == ["missing"] and classify.first_errors(undated) == {}


def test_misdated_files():
    """Files created long after their arrival are counted."""
    hours = {"a": 1, "b": 1.001, "c": 3, "d": 2, "e": -5}
    night = files(
        *(
            {"file_id": i, "created_at": NOW, "transferred_at": NOW - n * HOUR}
            for i, n in hours.items()
        ),
        {"file_id": "f"},
    )
    assert classify.count_misdated(classify.classify(night, ingests(), Limits(), NOW)) == (
        3,
        3 * 3600.0,
    )
    assert classify.count_misdated(classify.classify(night.iloc[:1], ingests(), Limits(), NOW)) == (
        0,
        0.0,
    )


def test_classify_an_empty_night():
    """An empty night has the columns and dtypes of any other."""
    nothing = classify.classify(
        frames.empty(columns.FILES), frames.empty(columns.INGESTS), Limits(), NOW
    )
    something = classify.classify(files({"file_id": "a"}), ingests({"file_id": "a"}), Limits(), NOW)
    assert nothing.empty and nothing.dtypes.to_dict() == something.dtypes.to_dict()
    nothing["file_class"] = nothing["file_class"].astype("object")
    again = classify.classify(
        frames.empty(columns.FILES), frames.empty(columns.INGESTS), Limits(), NOW
    )
    assert again.empty and again.dtypes["file_class"] == columns.DTYPES["text"]
