"""Faults that several sources report."""

from observing_monitor.judging.same_faults import each_fault_once
from observing_monitor.model.finding import Finding, ListedFinding


def never_came(source, *numbers, level="warning"):
    """Return a finding about exposures that never came."""
    text = f"{len(numbers)} exposures never came: {', '.join(numbers)} ({source})"
    return ListedFinding(level, text, source=source, keys=frozenset(numbers))


def test_two_sources_with_the_same():
    """Exposures that two sources miss are one finding."""
    (one,) = each_fault_once(
        [never_came("summit", "17", "18"), never_came("expected", "17", "18", level="error")]
    )
    assert (one.source, one.level) == ("summit, expected", "error")
    assert one.text == "2 exposures never came: 17, 18 (summit)"


def test_fuller_finding_stays():
    """The finding that names more is kept."""
    few, many = never_came("summit", "17"), never_came("expected", "17", "42")
    for found in ([few, many], [many, few]):
        (one,) = each_fault_once(found)
        assert one.text == many.text and set(one.source.split(", ")) == {"summit", "expected"}


def test_other_faults_stay():
    """Findings that differ stay apart."""
    found = [
        never_came("summit", "17", "18"),
        never_came("expected", "18", "19"),
        never_came("expected", "18"),
        Finding("warning", "a", source="x"),
        Finding("error", "a", source="x"),
        Finding("warning", "b", source="y"),
    ]
    once = each_fault_once(found)
    assert [one.text for one in once] == [one.text for one in found if one is not found[2]]
    assert once[0].source == "summit, expected"


def test_equal_texts_of_two_sources():
    """Two sources of one kind may each have a fault of the same words."""
    pair = [Finding("error", "nothing for 2 h", source=name) for name in ("a", "b")]
    assert each_fault_once(pair) == pair
