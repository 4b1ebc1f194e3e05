"""Remarks of a night: what sources return, edits, and changes of settings."""

import pandas as pd
import pytest
from night_tables import HOUR, NOW, plain, reading
from test_rederived_reports import OldReading

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables import merge
from observing_monitor.tables.history import split_history, with_history
from observing_monitor.tables.rederive import without_derivable
from observing_monitor.tables.remarks import versions_of


def remarks(*rows):
    """Return remarks of one source."""
    return frames.frame(columns.REMARKS, pd.DataFrame(list(rows)))


def told(*rows):
    """Return a reading of remarks."""
    return Reading(remarks=remarks(*rows))


def after(before=None, /, **readings):
    """Return tables after a reading."""
    return merge.update(before or Tables.empty(), readings)


ONE = {"remark_id": "1", "begin_at": NOW, "text": "clouds"}
TWO = {"remark_id": "2", "begin_at": NOW - HOUR, "text": "guider lost"}


def version(name, parent=None, is_valid=True, source="log"):
    """Return one version of a remark."""
    parent = None if parent is None else str(parent)
    facts = {"text": f"text {name}", "parent_id": parent, "is_valid": is_valid}
    return {"remark_id": str(name), "source": source, **facts}


@pytest.mark.parametrize(
    ("rows", "current", "older"),
    [
        ([], [], {}),
        ([version(1), version(2)], ["1", "2"], {}),
        # an edit replaces its parent, also one that is still said to be valid
        ([version(1, is_valid=False), version(2, 1)], ["2"], {"1": "2"}),
        ([version(1), version(2, 1), version(3, 2)], ["3"], {"1": "3", "2": "3"}),
        # deleted: the remark, and an edit
        ([version(1, is_valid=False)], [], {"1": None}),
        ([version(1), version(2, 1, is_valid=False)], [], {"1": None, "2": None}),
        # two edits of one version, both valid, or the later one deleted
        ([version(1), version(2, 1), version(3, 1)], ["2", "3"], {"1": "2"}),
        ([version(1), version(2, 1, False), version(3, 1)], ["3"], {"1": "3", "2": None}),
        # the version before is in another night, or of another source, or itself
        ([version(2, 1)], ["2"], {}),
        ([version(1, source="other"), version(2, 1)], ["1", "2"], {}),
        ([version(1, 1)], ["1"], {}),
        # rows that replace each other: one is left
        ([version(1, 2), version(2, 1)], ["2"], {"1": "2"}),
        ([version(1, 2), version(2, 1), version(3, 1)], ["3"], {"1": "3", "2": "3"}),
    ],
)
def test_newest_version_counts(rows, current, older):
    """An edit replaces what it edits, and nothing gets lost."""
    found = versions_of(remarks(*rows))
    assert found.current["remark_id"].tolist() == current
    assert dict(plain(found.older, "remark_id", "current_id")) == older
    assert list(found.current) == [c.name for c in columns.REMARKS]
    assert len(found.current) + len(found.older) == len(rows)


def test_long_chain_of_edits():
    """Two thousand edits of one remark leave the last."""
    found = versions_of(remarks(*(version(n, n - 1 if n else None) for n in range(2000))))
    assert found.current["text"].tolist() == ["text 1999"]
    assert (found.older["current_id"] == "1999").all() and len(found.older) == 1999


def test_remarks_are_sorted_and_replaced():
    """A source that answers replaces its remarks; others are kept."""
    first = after(a=told(ONE, TWO), b=told({"text": "seeing 1.2"}))
    assert plain(first.remarks, "text") == ["guider lost", "clouds", "seeing 1.2"]
    assert plain(first.remarks, "source") == ["a", "a", "b"]
    second = merge.update(first, {"a": told(ONE)}, silent=["b"])
    assert plain(second.remarks, "text") == ["clouds", "seeing 1.2"]
    assert after(second, a=told(), b=Reading()).remarks["source"].tolist() == ["b"]


def test_version_that_is_no_longer_returned_stays():
    """A source that only returns the newest version keeps its history."""
    first = after(log=told(ONE, TWO))
    edit = {**ONE, "remark_id": "3", "parent_id": "1", "text": "clouds until 3"}
    second = after(first, log=told(edit))
    assert plain(second.remarks, "remark_id", "is_valid") == [("1", False), ("3", True)]
    again = {**edit, "remark_id": "4", "parent_id": "3", "text": "clouds until 4"}
    third = after(second, log=told(again))
    assert plain(third.remarks, "remark_id") == ["1", "3", "4"]
    assert versions_of(third.remarks).current["text"].tolist() == ["clouds until 4"]


def test_remarks_without_identifier():
    """Remarks are known by their facts; equal ones are all kept."""
    rows = [{"text": "clouds"}, {"text": "clouds"}, {"text": "clouds", "exposure": "17"}]
    made = after(log=told(*rows)).remarks
    assert len(made) == 3 and made["remark_id"].is_unique
    moved = after(log=told(*reversed(rows))).remarks
    assert plain(moved, "remark_id", "exposure") == plain(made, "remark_id", "exposure")


def test_renamed_source_counts_once():
    """A source under a new name replaces what it said under the old one."""
    first = after(old=told(ONE, TWO))
    second = after(first, new=told(ONE, {**TWO, "text": "another"}))
    assert plain(second.remarks, "remark_id", "source") == [
        ("2", "new"),
        ("2", "old"),
        ("1", "new"),
    ]


@pytest.mark.parametrize(
    ("now", "changed", "left", "counts"),
    [
        # replaced when merging
        (told(ONE), {"zone"}, 2, None),
        # an earlier version that only the store has
        (told({**ONE, "remark_id": "3", "parent_id": "1"}), {"zone"}, 2, 1),
        # a source that now has other data has no remarks any more
        (reading({"file_id": "a"}), {"feeds"}, 0, None),
        # one that says nothing, or whose settings are the same, keeps them
        (Reading(), {"zone"}, 2, 2),
        (OldReading(), {"zone"}, 2, 2),
        (reading({"file_id": "a"}), set(), 2, 2),
    ],
)
def test_remarks_under_changed_settings(now, changed, left, counts):
    """Remarks that a source no longer has stay, and are counted."""
    tables, found = without_derivable(after(s=told(ONE, TWO)), {"s": now}, {"s": changed})
    assert len(tables.remarks) == left
    assert found == {"s": {"remarks": counts} if counts else {}}


def test_source_that_now_has_remarks():
    """If a source has remarks in place of exposures or numbers, these go."""
    exposures = frames.frame(columns.EXPOSURES, {"exposure": ["1"]})
    metrics = frames.frame(columns.METRICS, {"name": ["n"]})
    before = after(s=Reading(exposures=exposures, metrics=metrics))
    tables, found = without_derivable(before, {"s": told(ONE)}, {"s": {"feeds"}})
    assert tables.reports.empty and tables.metrics.empty and found == {"s": {}}


def test_reading_of_an_earlier_version():
    """A reading that knows no remarks keeps them."""
    before = after(s=told(ONE), t=told(TWO))
    assert len(merge.update(before, {"s": OldReading()}, silent=["t"]).remarks) == 2


def test_history_of_the_prototype_leaves_remarks():
    """Splitting off and joining the prototype's rows changes no remark."""
    before = after(s=told(ONE))
    own, history = split_history(before)
    assert history.remarks.empty
    pd.testing.assert_frame_equal(with_history(own, history).remarks, before.remarks)
