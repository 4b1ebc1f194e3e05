"""The programs of a night, worked out by hand and from DESI's tables."""

import collections

import desi
import pandas as pd
import pytest

from observing_monitor.model import columns, frames, programs
from observing_monitor.tables.programs import MAX_PARTS, MAX_PROGRAMS, programs_of_night


def exposures(*rows):
    """Return exposures: (program, type, seconds, filter, target)."""
    names = ("program", "observation_type", "exposure_time_s", "physical_filter", "target")
    made = pd.DataFrame(rows, columns=names)
    made["exposure"] = [str(number) for number in range(len(rows))]
    return frames.frame(columns.EXPOSURES, made)


def parts(one):
    """Return the filters and targets of a program."""
    return programs.parts_of(one.filters), programs.parts_of(one.targets)


NIGHT = exposures(
    ("A", "science", 100.0, "r", "M 31"),
    ("B", "science", 500.0, "r", None),
    ("A", "science", 200.0, "i", "M 33"),
    ("A", "flat", 10.0, "i", None),
    ("A", "dark", 900.0, None, None),
    (None, "science", 60.0, "r", "M 31"),
    ("A", "science", None, "i", "M 31"),
)


def test_by_hand():
    """Counts, open shutter and science of each program."""
    b, a = programs_of_night(NIGHT).programs
    assert (b.name, b.n_exposures, b.n_exposures_science) == ("B", 1, 1)
    assert (b.open_shutter_s, b.science_exposure_s) == (500.0, 500.0)
    assert parts(b) == ([("r", 1, 500.0)], [("", 1, 500.0)])
    assert (a.name, a.n_exposures, a.n_exposures_science) == ("A", 5, 3)
    assert (a.open_shutter_s, a.science_exposure_s) == (310.0, 300.0)
    filters, targets = parts(a)
    assert filters == [("i", 3, 210.0), ("r", 1, 100.0), ("", 1, 0.0)]
    assert targets == [("M 33", 1, 200.0), ("M 31", 2, 100.0), ("", 2, 10.0)]


def test_as_text():
    """The index has the same programs, whatever their names."""
    rows = [('"\\\n', "science", 1.0, "r", "\u202e"), ("é", "flat", 1.0, "r", None)]
    made = programs_of_night(exposures(*rows))
    assert programs.from_text(programs.as_text(made)) == made
    for text in (None, "", "[[1]]", "{", '[[["a"]]]'):
        assert programs.from_text(text) == programs.NO_PROGRAMS


def test_without_programs():
    """Exposures without a program make none."""
    assert programs_of_night(exposures((None, "science", 1.0, "r", "x"))).programs == ()


def test_too_many():
    """The programs and targets with the least time are left out, and counted."""
    many = [(f"P{n:03}", "science", 1000.0 - n, "r", "x") for n in range(MAX_PROGRAMS + 7)]
    found = programs_of_night(exposures(*many))
    assert len(found.programs) == MAX_PROGRAMS and found.n_left_out == 7
    assert found.programs[-1].name == f"P{MAX_PROGRAMS - 1:03}"
    targets = [("P", "science", 100.0 - n, "r", f"T{n:02}") for n in range(MAX_PARTS + 2)]
    (one,) = programs_of_night(exposures(*targets)).programs
    kept = parts(one)[1]
    assert len(kept) == MAX_PARTS + 1
    # the last two: 100 - 30 and 100 - 31
    assert kept[-1] == (None, 2, 139.0) and kept[-2] == ("T29", 1, 71.0)
    assert sum(n for _, n, _ in kept) == one.n_exposures == MAX_PARTS + 2


@pytest.mark.parametrize("night", desi.NIGHTS)
def test_desi(shared_data, night):
    """Exposures and seconds by program are those of DESI's table."""
    rows = desi.rows_of(shared_data, night)
    n, opened, targets = collections.Counter(), collections.Counter(), collections.Counter()
    for row in rows:
        n[row["PROGRAM"]] += 1
        if row["OBSTYPE"] not in ("zero", "dark"):
            opened[row["PROGRAM"]] += float(row["EXPTIME"])
        if row["TILEID"] != "-99":
            targets[row["PROGRAM"], row["TILEID"]] += float(row["EXPTIME"])
    found = programs_of_night(desi.exposures_of(shared_data, night)).programs
    assert {one.name: one.n_exposures for one in found} == n and len(n) > 5
    theirs = {name: opened[name] for name in n}
    assert {one.name: one.open_shutter_s for one in found} == pytest.approx(theirs, abs=0.01)
    ours = {(one.name, target): s for one in found for target, _, s in parts(one)[1] if target}
    assert ours == pytest.approx(dict(targets), abs=0.01)
