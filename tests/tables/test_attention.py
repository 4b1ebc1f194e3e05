"""Files that need attention, and their groups."""

import datetime
import re

import pytest
from night_tables import HOUR, NOW, files, ingests

from observing_monitor.tables import (
    attention,
    classify,
)
from observing_monitor.tables.classify import Limits
from observing_monitor.tables.reasons import acknowledge

TRACEBACK = "Traceback (most recent call last):\n  x\nValueError: why"


def test_groups_of_messages():
    """Messages that differ in numbers, paths and names are one group."""
    said = [
        f"Traceback (most recent call last):\n  line {n}\n"
        f"KeyError: no DATE-OBS in /raw/n{n}/a_{n}.fits"
        for n in range(3)
    ]
    rows = [{"file_id": f"n/{n}.fits", "created_at": NOW - 9 * HOUR + n * HOUR} for n in range(6)]
    tried = [
        {"file_id": f"n/{n}.fits", "status": "failure", "message": m, "attempted_at": NOW - HOUR}
        for n, m in enumerate(["full", *said])
    ]
    groups = attention.group_attention(
        attention.attention_rows(classify.classify(files(*rows), ingests(*tried), Limits(), NOW))
    )
    assert [
        (re.sub("[0-9a-f]{10}$", "…", g["anchor"]), g["words"], len(g["rows"])) for g in groups
    ] == [
        ("failed", "KeyError: no DATE-OBS in …", 3),
        ("group-…", "full", 1),
        ("missing", "never tried; here since … UTC", 2),
    ]
    assert (
        groups[0]["detail"] == said[0]
        and groups[2]["first_at"] == NOW - 5 * HOUR
        and groups[2]["last_at"] == NOW - 4 * HOUR
    )
    anchors = [row["anchor"] for g in groups for row in g["rows"]]
    assert len(set(anchors)) == 6 and attention.anchor_of("n/0.fits") in anchors


def test_attention_rows():
    """Files come by class, then creation, with all their facts."""
    facts = {
        "exposure": "E",
        "obsid": "O",
        "seq_num": 7,
        "detector": "0",
        "transferred_at": NOW - 2 * HOUR,
    }
    night = files(
        {"file_id": "n/y", "created_at": NOW - HOUR / 2},
        {"file_id": "n/s", "size_bytes": 3},
        {"file_id": "n/m2"},
        {"file_id": "n/m1"},
        {"file_id": "n/g", "on_disk": False},
        {"file_id": "n/done"},
        {"file_id": "n/l"},
        {"file_id": "n/f2", **facts},
        {"file_id": "n/f1", "created_at": NOW - 11 * HOUR},
        {"file_id": "n/f3", "created_at": None},
        {"file_id": "n/f4", "created_at": None},
    )
    messages = {"n/f1": TRACEBACK, "n/f2": 501 * "x", "n/f3": 500 * "x", "n/f4": "one\ntwo"}
    failed = [
        {"file_id": file_id, "status": "failure", "message": message}
        for file_id, message in messages.items()
    ]
    judged = classify.classify(
        night,
        ingests({"file_id": "n/done"}, {"file_id": "n/l", "status": "lost"}, *failed),
        Limits(),
        NOW,
    )
    known = acknowledge(
        judged, lambda file_class, names, reason: "a test" if file_class == "gone" else ""
    )
    rows = attention.attention_rows(known)
    assert [(row["path"], row["file_class"]) for row in rows] == [
        ("n/l", "lost"),
        ("n/f1", "failed"),
        ("n/f2", "failed"),
        ("n/f3", "failed"),
        ("n/f4", "failed"),
        ("n/m1", "missing"),
        ("n/m2", "missing"),
        ("n/g", "gone"),
        ("n/s", "small"),
        ("n/y", "pending"),
    ]
    assert rows[2] == {
        "anchor": attention.anchor_of("n/f2"),
        "path": "n/f2",
        "file_class": "failed",
        "reason": 500 * "x" + "…",
        "detail": 501 * "x",
        "size_bytes": 1_000_000,
        "exposure": "E",
        "obsid": "O",
        "seq_num": 7,
        "detector": "0",
        "created_at": NOW - 10 * HOUR,
        "transferred_at": NOW - 2 * HOUR,
        "tried_at": NOW - 9 * HOUR,
        "n_attempts": 1,
        "acknowledged": "",
    }
    assert rows[7] == {
        "anchor": attention.anchor_of("n/g"),
        "path": "n/g",
        "file_class": "gone",
        "detail": "",
        "size_bytes": 1_000_000,
        "reason": "no longer on disk, and never ingested; known: a test",
        "exposure": "",
        "obsid": "",
        "seq_num": None,
        "detector": "",
        "created_at": NOW - 10 * HOUR,
        "transferred_at": None,
        "tried_at": None,
        "n_attempts": 0,
        "acknowledged": "a test",
    }
    assert [row["detail"] for row in rows[:6]] == [
        "",
        TRACEBACK,
        501 * "x",
        "",
        "one\ntwo",
        "",
    ] and rows[3]["created_at"] is None
    assert {type(row["n_attempts"]) for row in rows} == {int} and type(
        rows[0]["created_at"]
    ) is datetime.datetime
    assert attention.attention_rows(judged.iloc[5:6]) == [] and {
        row["acknowledged"] for row in attention.attention_rows(judged)
    } == {""}


def test_order_and_times_of_groups():
    """In a class, known groups come last; a group has its first and last time."""

    def row(reason, file_class="failed", **told):
        usual = {
            "acknowledged": "",
            "detail": "",
            "tried_at": None,
            "created_at": None,
            "transferred_at": None,
        }
        return {**usual, "file_class": file_class, "reason": reason, **told}

    rows = [
        row("full 1", tried_at=3, created_at=1),
        row("other"),
        row("full 2", created_at=2, transferred_at=9, detail="whole"),
        *(row(f"full {n}", acknowledged="a test") for n in (3, 4, 5)),
        row("full 6", "missing", transferred_at=5),
        row("full 6", "missing", detail="x"),
        row("full 6", "missing", detail="y"),
    ]
    groups = attention.group_attention(rows)
    told = ("file_class", "words", "detail", "first_at", "last_at", "acknowledged")
    assert [(*(group[name] for name in told), len(group["rows"])) for group in groups] == [
        ("failed", "full …", "whole", 2, 3, "", 2),
        ("failed", "other", "", None, None, "", 1),
        ("failed", "full …", "", None, None, "a test", 3),
        ("missing", "full 6", "x", 5, 5, "", 3),
    ]
    # the addresses that a group has had in earlier versions, so that links to it stay
    assert [group["anchor"] for group in groups] == [
        "failed",
        "group-759056a787",
        "group-0699561ddf",
        "missing",
    ]
    assert groups[0]["rows"] == [rows[0], rows[2]] and attention.group_attention([]) == []


def test_address_of_a_file():
    """A file's address depends on its path alone."""
    assert attention.anchor_of("n/a.fits") == "file-c2e2411741"
    odd = attention.anchor_of("a\udcff")
    assert odd != attention.anchor_of("a\udcfe") and re.fullmatch("file-[0-9a-f]{10}", odd)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no such file: /raw/n1/a_1.fits", "no such file: …"),
        (
            "KeyError: 'DATE-OBS' (a/b), c/d; x=e/f: \"g/h\"",
            "KeyError: 'DATE-OBS' (…), …; x=…: \"…\"",
        ),
        ("took 3.5s, 17, 18 of 20", "took … of …"),
        ("at 2020-02-12T03:04:05+00:00, of x1.fits-y", "at …, of …"),
        ("either / or", "either / or"),
        ("plain words", "plain words"),
    ],
)
def test_pattern_of_a_message(message, expected):
    """Paths and words with digits become …, several in a row become one."""
    assert attention.pattern_of(message) == expected
