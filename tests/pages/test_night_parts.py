"""Groups of files, queues and failures on a night's page, and how much room they get."""

import night_samples
import pytest

from observing_monitor.model.finding import Finding
from observing_monitor.pages import night_parts
from observing_monitor.pages.night_parts import (
    odd_nodes,
    shown_failures,
    shown_groups,
    shown_queues,
)

NIGHT = "2020-02-12"


def group(number, n_files=1, file_class="failed", detail="", **changed):
    """Return a group of files with the same message; number 0 is the first of its class."""
    rows = [
        night_samples.file_row(f"{number}-{i}", f"{i}.fits", detail=detail, file_class=file_class)
        for i in range(n_files)
    ]
    made = {
        "anchor": f"group-{number}" if number else file_class,
        "file_class": file_class,
        "words": f"message {number}",
        "detail": detail,
        "first_at": None,
        "last_at": None,
        "acknowledged": "",
        "rows": rows,
    }
    return made | changed


def anchors(groups):
    return [shown.anchor for shown in groups]


def test_a_group_shows_its_first_files():
    """Of a large group the first files are shown, and how many there are."""
    (shown,) = shown_groups([group(0, 25)], NIGHT)
    assert shown.n_files == 25 and len(shown.table) == night_parts.MAX_OF_GROUP
    assert shown.table.caption.startswith("The first 20 of 25.")
    assert shown.table.row_css == ["failed"] * 20


def test_small_groups_are_open():
    """The first groups are open if they have few files."""
    sizes = (1, 4, 3, 1)
    shown = shown_groups([group(n, size) for n, size in enumerate(sizes)], NIGHT)
    assert [one.is_open for one in shown] == [True, False, True, False]


def test_many_groups(monkeypatch):
    """Of too many groups the largest stay in their order, and the first of each class."""
    monkeypatch.setattr(night_parts, "MAX_ATTENTION_GROUPS", 3)
    groups = [group(0, 1), group(1, 2), group(2, 9), group(0, 1, "missing"), group(3, 3)]
    assert anchors(shown_groups(groups, NIGHT)) == ["failed", "group-2", "missing"]


def test_every_group_has_a_file(monkeypatch):
    """However many files the first groups have, each later one shows at least one."""
    monkeypatch.setattr(night_parts, "MAX_ATTENTION", 22)
    shown = shown_groups([group(n, 20) for n in range(4)], NIGHT)
    assert [len(one.table) for one in shown] == [19, 1, 1, 1]


def test_messages_have_room_for_groups_first(monkeypatch):
    """Messages of groups come before those of single files; one that does not fit is left out."""
    first, second = group(0, 2, detail="a" * 60), group(1, 1, detail="b" * 60)
    first["rows"][1]["detail"] = "c" * 40
    second["rows"][0]["detail"] = "d" * 10
    monkeypatch.setattr(night_parts.Room.__init__, "__defaults__", (110,))
    shown = shown_groups([first, second], NIGHT)
    assert [one.detail for one in shown] == ["a" * 60, ""]
    reasons = [cell.detail for one in shown for cell in one.table.columns[1].cells]
    assert reasons == ["", "c" * 40, "d" * 10]


# --- queues and stages ---------------------------------------------------------------------------


def entry(path, message=""):
    """Return an attempt as `queue_rows` does."""
    return {"path": path, "state": "failure", "since": None, "message": message, "destination": ""}


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        ("", "", ""),
        ("no disk", "no disk", ""),
        ("no disk\nmore", "no disk", "no disk\nmore"),
        ("Traceback (most recent call last):\nKeyError: 1", "KeyError: 1", None),
        ("x" * 201, "x" * 200 + "…", None),
    ],
)
def test_reasons_are_one_line(message, reason, detail):
    """An entry shows one line of its message, and all of it if that is more."""
    queue = {"name": "q", "source": "s", "waiting": [], "errors": [entry("a.fits", message)]}
    ((shown,),) = (one.errors for one in shown_queues([queue]))
    assert shown.reason == reason
    assert shown.detail == (message if detail is None else detail)


def test_queues():
    """A queue has its counts, and the first entries of those that wait and that failed."""
    many = [entry(f"{n}.fits") for n in range(30)]
    queues = [
        {"name": "in", "source": "s", "waiting": many, "errors": many[:2]},
        {"name": "in", "source": "t", "waiting": [], "errors": []},
    ]
    first, second = shown_queues(queues)
    assert (first.n_waiting, first.n_errors, first.error_words) == (30, 2, "2 errors")
    assert len(first.waiting) == night_parts.MAX_ENTRIES
    assert (first.anchor, second.anchor) == ("queue-in", "queue-in-2")
    assert second.error_words == ""


def test_failures_are_listed_once():
    """Failures of a stage are listed unless a queue or the files that need attention have them."""
    stages = [
        {"name": name, "n_failed": n, "failures": [entry(f"{i}.fits") for i in range(n)]}
        for name, n in (("copy", 1), ("queue", 2), ("export", 0))
    ]
    (shown,) = shown_failures(stages, {"queue"})
    assert (shown.name, shown.words, shown.n_failed) == ("copy", "1 file", 1)
    assert [one.path for one in shown.entries] == ["0.fits"]


def test_nodes_with_problems():
    """Nodes are marked that a finding of their source is about, unless it is normal."""
    findings = [
        Finding("error", "a", source="one", node="1"),
        Finding("warning", "b", source="one", node="2"),
        Finding("normal", "c", source="one", node="3"),
        Finding("error", "d", source="two", node="1"),
        Finding("error", "e", source="two"),
    ]
    assert odd_nodes(findings) == {"one": {"1", "2"}, "two": {"1"}}
