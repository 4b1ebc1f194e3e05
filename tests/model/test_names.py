"""Facts in the names of files."""

import re

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_groups import groups_by_python

from observing_monitor.model import frames, names
from observing_monitor.readers.patterns import NamePattern

PARTS = (
    "AT_O_",
    "CC_C_",
    "MC_O_",
    "20200212",
    "20200230",
    "2020",
    "_000022",
    "_00022",
    "-R22S00",
    "_R01_S00",
    "-R22-S00",
    "-R22S1",
)
PARTS += (
    "3018092000065",
    "3018132000065",
    "-det000",
    "-det0000",
    "-det00",
    ".fits",
    ".fits.fz",
    "_",
    "-",
    "x",
    "é",
    "٣",
    "\n",
    "7",
)


HEADS = (
    "CC_C_20200212_000022",
    "CC_C_20200213_00022",
    "MC_O_19991231_123456",
    "3018092000065",
    "2020021200001",
    "3018132000065",
    "",
)
some_parts = st.lists(st.sampled_from(PARTS), max_size=6).map("".join)
nearly_names = st.builds(
    "".join, st.tuples(st.sampled_from(["", "", "", "x", "_"]), st.sampled_from(HEADS), some_parts)
)


@example(
    [
        f"{head}{rest}"
        for head in HEADS
        for rest in (
            "",
            ".fits",
            "-R22S00",
            "-R22-S00-det000",
            "-det000.fits",
            "_R01_S000",
            "-det0000",
            "0",
        )
    ]
)
@given(st.lists(st.one_of(some_parts, nearly_names, nearly_names, st.none()), max_size=20))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_both_engines_agree(made_up):
    """Arrow's and Python's engines read the default pattern the same way."""
    told = names.read_names(pd.Series(made_up, dtype="str"))
    by_python = names.read_names(
        pd.Series(made_up, dtype="str"), groups_by_python(f"(?a:{names.RUBIN})", made_up)
    )
    pd.testing.assert_frame_equal(told, by_python)


@pytest.mark.parametrize(
    ("name", "obsid", "exposure", "seq_num", "detector"),
    [
        ("AT_O_20200212_000022.fits", "AT_O_20200212_000022", None, 22, None),
        ("CC_C_20190530_000001-R22S00.fits.fz", "CC_C_20190530_000001", None, 1, "R22S00"),
        ("MC_O_20250502_000010_R01_S00.fits", "MC_O_20250502_000010", None, 10, "R01_S00"),
        ("3018092000065-det000.fits", None, "3018092000065", 65, "000"),
        ("3019053000001-R22-S00-det000.fits", None, "3019053000001", 1, "000"),
        ("3019133000001-det000.fits", None, None, None, None),
        ("notes.txt", None, None, None, None),
    ],
)
def test_forms_of_rubin(name, obsid, exposure, seq_num, detector):
    """Each form of a Rubin name has its facts; other names have none."""
    told = names.read_names(pd.Series([name], dtype="str")).iloc[0]
    expected = {"obsid": obsid, "exposure": exposure, "seq_num": seq_num, "detector": detector}
    assert {key: None if pd.isna(told[key]) else told[key] for key in expected} == expected


def test_pattern_of_the_settings():
    """A pattern of the settings may use all of Python's syntax."""
    pattern = NamePattern(r"_(?P<seq_num>\d+)(?=_b)")
    told = pattern.read_names(pd.Series(["dark_0012_b.fits", "dark_0013.fits", None], dtype="str"))
    assert told["seq_num"].tolist() == [12, pd.NA, pd.NA]
    assert told[["obsid", "exposure", "detector"]].isna().all(axis=None)
    assert re.compile(names.RUBIN).groupindex.keys() >= {"obsid", "exposure", "detector"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.fits", "fits"),
        ("a.FIT.fz", "fits"),
        (".fts.gz", "fits"),
        ("a.b.JSON", "json"),
        ("a.gz", "gz"),
        ("fits", ""),
        ("fits.gz", "gz"),
        ("", ""),
        ("é.fits", "fits"),
        ("日本.x.FTS.BZ2", "fits"),
        ("a.é", "é"),
        (None, ""),
    ],
)
def test_kind_of_a_name(name, kind):
    """A name's ending is its kind, alone and among many."""
    assert names.kinds(frames.texts([name, "b.txt", name])).tolist() == [kind, "txt", kind]
    assert name is None or names.kind_of(name) == kind


@pytest.mark.parametrize(
    "ordered",
    [
        ["2", "10"],
        ["drvs2", "drvs10"],
        ["a1-b2", "a1-b10", "a2-b1"],
        ["x07", "x8"],
        ["", "1" * 9000],
    ],
)
def test_names_in_the_order_of_their_numbers(ordered):
    """Nodes are sorted by the numbers in their names, however long."""
    assert max(ordered, key=names.in_number_order) == ordered[-1]
    assert min(ordered, key=names.in_number_order) == ordered[0]
