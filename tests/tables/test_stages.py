"""Numbers of stages, and entries of queues."""

import pandas as pd
from night_tables import HOUR, NOW, files, ingests, plain

from observing_monitor.model import columns
from observing_monitor.tables import classify, stages
from observing_monitor.tables.classify import Limits


def test_numbers_of_stages():
    """A stage counts files by last attempt, times from creation."""
    s = pd.Timedelta(seconds=1)
    night = files(
        *(
            {"file_id": f"n/{n}", "created_at": NOW, "transferred_at": NOW + 5 * s}
            for n in range(9)
        ),
        {"file_id": "n/arrived", "created_at": None, "transferred_at": NOW + 4 * s},
        {"file_id": "n/heard", "created_at": None},
    )
    states = [
        "success",
        "lost",
        "failure",
        "invalid",
        "waiting",
        "untried",
        "running",
        "deferred",
        "rerun",
    ]
    move, at = {"stage": "move"}, [NOW + n * 1.1234 * s for n in range(1, 10)]
    tried = ingests(
        *(
            {"file_id": f"n/{n}", **move, "attempted_at": at[n], "status": x, "message": x}
            for n, x in enumerate(states)
        ),
        {"file_id": "n/3", **move, "attempted_at": None},
        *({"file_id": f"n/{n}", **move, "attempted_at": NOW} for n in (4, 8, 2)),
        {"file_id": "n/heard", "stage": "hear", "status": "untried", "attempted_at": NOW},
        {"file_id": "n/heard", **move, "attempted_at": NOW + pd.Timedelta(seconds=7.0006)},
        {"file_id": "n/arrived", **move, "attempted_at": NOW + 10 * s},
        {"file_id": "n/0", "stage": "hear", "status": "backfill"},
        {"file_id": "n/1", "stage": "other", "attempted_at": NOW + 50 * s},
        {"file_id": "n/1", "stage": "also"},
    )
    judged = classify.classify(night, tried, Limits(last_stage="move"), NOW)
    rows = stages.stage_rows(judged, tried, ["hear", "move", "nothing"])
    nothing = dict.fromkeys(
        ["n_done", "n_failed", "n_waiting", "n_running", "n_deferred", "n_attempts"], 0
    )
    nothing |= dict.fromkeys(["last_done_at", "median_s", "p90_s"]) | {"failures": []}
    assert rows[0] == {**nothing, "name": "hear", "n_waiting": 2} and rows[2] == {
        **nothing,
        "name": "nothing",
    }
    # passed: 0 after 1.1234 s, 1 after twice that, 4 (it waits again) at once,
    # one 6 s after its arrival, one 7.0006 s after its first attempt
    assert rows[1] == {
        "name": "move",
        "n_done": 5,
        "n_failed": 2,
        "n_waiting": 3,
        "n_running": 1,
        "n_deferred": 1,
        "n_attempts": 10,
        "last_done_at": NOW + 10 * s,
        "median_s": 2.247,
        "p90_s": 6.6,
        "failures": [
            {
                "path": f"n/{n}",
                "state": states[n],
                "since": at[n],
                "message": states[n],
                "destination": "",
            }
            for n in (2, 3)
        ],
    }
    assert stages.stages_there(tried, ["move", "nothing", "hear"]) == [
        "move",
        "hear",
        "also",
        "other",
    ]
    by_stage = stages.done_by_stage(judged.set_axis(range(5, 16)), tried, ["move", "nothing"])
    done = {0: 1.1234, 1: 2.2468, 2: 0, 4: 0, 8: 0, 9: 10, 10: 7.0006}
    expected = [
        (NOW + pd.Timedelta(seconds=done[n]) if n in done else None, None) for n in range(11)
    ]
    assert plain(by_stage, "move_at", "nothing_at") == expected and list(by_stage.index) == list(
        range(5, 16)
    )
    assert {*by_stage.dtypes} == {columns.DTYPES["instant"]} and list(by_stage) == [
        "move_at",
        "nothing_at",
    ]
    assert stages.done_by_stage(judged, tried, []).shape == (11, 0)


def test_entries_of_queues():
    """A queue has its source's entries, the longest waiting first."""
    states = {
        "a": "waiting",
        "b": "running",
        "c": "deferred",
        "d": "failure",
        "e": "success",
        "f": "invalid",
    }
    tried = ingests(
        *(
            {
                "file_id": i,
                "stage": "q",
                "status": status,
                "attempted_at": NOW - n * HOUR,
                "source": "lwa",
            }
            for n, (i, status) in enumerate(states.items())
        ),
        {"file_id": "x", "stage": "q", "status": "waiting", "source": "other"},
        {
            "file_id": "y",
            "stage": "p",
            "status": "failure",
            "source": "lwa",
            "message": "why",
            "destination": "/to",
        },
        {"file_id": "z", "stage": "r", "status": "success", "source": "lwa"},
    )
    both = stages.queue_rows(tried, [("lwa", "q"), ("lwa", "p")])
    assert both[0]["errors"] == [
        {"path": "d", "state": "failure", "since": NOW - 3 * HOUR, "message": "", "destination": ""}
    ]
    assert [
        (
            row["name"],
            row["source"],
            *([e["path"] for e in row[part]] for part in ("waiting", "errors")),
        )
        for row in both
    ] == [
        ("q", "lwa", ["c", "b", "a"], ["d"]),
        ("p", "lwa", [], ["y"]),
    ]
    assert both[1]["errors"] == [
        {
            "path": "y",
            "state": "failure",
            "since": NOW - 9 * HOUR,
            "message": "why",
            "destination": "/to",
        }
    ]
    assert (
        len(stages.queue_rows(tried, [("lwa", "p"), ("lwa", "r")])) == 2
        and len(stages.queue_rows(tried, [("other", "q")])) == 1
    )
    assert stages.queue_rows(tried, [("lwa", "r")]) == [] == stages.queue_rows(tried, [])
    many = ingests(
        *(
            {"file_id": f"{n:02}", "status": "waiting", "attempted_at": NOW - n % 2 * HOUR}
            for n in range(60)
        )
    )
    entries = stages.queue_rows(many, [("gen2", "ingest")])[0]["waiting"]
    assert [e["path"] for e in entries] == [
        f"{n:02}" for n in (*range(1, 60, 2), *range(0, 60, 2))
    ]  # equal times by name
