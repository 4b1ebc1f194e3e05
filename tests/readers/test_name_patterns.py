"""The setting name_pattern: its groups, and what has no effect."""

import pandas as pd
import pytest
from filestore import put, read

from observing_monitor.model import names
from observing_monitor.readers.patterns import NamePattern, Pattern

FILES = pd.Series(["dark_0012.fits", "dark_0013.fits"], dtype="str")


def unused(pattern, files=FILES):
    """Return what a pattern says of itself after reading names."""
    made = NamePattern(pattern)
    made.read_names(files)
    return made.take_without_effect()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"dark_(?P<expid>\d+)", "nothing is read from its group 'expid'; known are obsid, "),
        (r"(?P<a>d)(?P<seq_num>\d)?(?P<b>a)", "nothing is read from its groups 'a', 'b'; known"),
        (r"dark_(\d+)", "has no named group, so it fills no column; write (?P<seq_num>…)"),
        (r"flat_(?P<seq_num>\d+)", "fits none of 2 names, such as 'dark_0012.fits'"),
    ],
)
def test_pattern_without_effect(pattern, words):
    """A group of another name, no group, and no match are named."""
    (said,) = unused(pattern)
    assert said.startswith("name_pattern") and words in said


def test_pattern_with_effect():
    """Nothing is said if a name fits, without names, or by default."""
    assert unused(r"_(?P<seq_num>0013)") == []
    assert unused(r"flat_(?P<seq_num>\d+)", FILES[:0]) == []
    assert unused(names.RUBIN) == [] and NamePattern(names.RUBIN).old_names() == []


def test_old_name_of_a_group():
    """`seq` is still read as `seq_num`; only `check` asks for today's name."""
    pattern = NamePattern(r"dark_(?P<seq>\d+)")
    assert pattern.read_names(FILES)["seq_num"].tolist() == [12, 13]
    assert pattern.take_without_effect() == []
    (words,) = pattern.old_names()
    assert "the group 'seq' is now called 'seq_num'; write (?P<seq_num>…)" in words


def test_sentences_are_taken_once():
    """A night's sentences are not repeated for the next night."""
    pattern = NamePattern(r"flat_(?P<seq_num>\d+)")
    pattern.read_names(FILES)
    assert len(pattern.take_without_effect()) == 1 and pattern.take_without_effect() == []


def test_groups_of_other_patterns():
    """Other settings know their own groups."""
    pattern = Pattern("raw_pattern", "(?P<a>x)(?P<b>y)(?P<c>z)", "a", others=("b",))
    assert pattern.flaws() == ["raw_pattern: nothing is read from its group 'c'; known are a, b"]


def test_store_of_which_all_is_skipped(tmp_path):
    """A `skip` that leaves out every file of a night says so."""
    put(tmp_path / "storage" / "2020-02-12" / "a.fits")
    assert read(tmp_path / "storage", skip=["*.part"]).without_effect == []
    (words,) = read(tmp_path / "storage", skip=["*.part", "*.fits"]).without_effect
    assert (
        words == "skip *.part, *.fits leaves out 1 file, which is all, such as '2020-02-12/a.fits'"
    )
