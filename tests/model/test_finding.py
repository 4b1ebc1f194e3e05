"""Levels of findings and nights."""

from typing import get_args

from observing_monitor.model import columns
from observing_monitor.model.finding import LEVELS, Finding, Level, rank, worst, worst_first


def test_levels_are_those_of_the_schema():
    """The schema, the settings and the order of levels have the same words."""
    names = tuple(column.name for column in columns.LEVELS)
    assert names == LEVELS == get_args(Level) == ("normal", "warning", "error")
    assert [rank(level) for level in LEVELS] == [0, 1, 2]


def test_worst():
    """The worst level wins, and nothing at all is normal."""
    assert worst(["warning", "error", "normal"]) == "error"
    assert worst(["normal", "warning"]) == "warning"
    assert worst([]) == "normal"


def test_worst_first():
    """Findings come by level; those of one level keep their order."""
    found = [Finding("normal", "a"), Finding("error", "b"), Finding("normal", "c")]
    found += [Finding("warning", "d"), Finding("error", "e")]
    assert [finding.text for finding in worst_first(found)] == ["b", "e", "d", "a", "c"]
