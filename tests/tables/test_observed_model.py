"""Any sources, in any order, make the same exposures of their reports."""

import itertools

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from night_tables import NOW, files

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables import merge
from observing_monitor.tables.observed import join_exposures

ORDER = ("registry", "log", "headers")
# the names that a source may know of an exposure
NAMES = (("exposure",), ("obsid",), ("seq_num",), ("exposure", "obsid"), ("obsid", "seq_num"))
FACTS = ("target", "physical_filter", "exposure_time_s", "airmass")


def truth(n):
    """Return all facts of the n-th exposure."""
    return {
        "exposure": f"20200212{n:05d}",
        "obsid": f"AT_O_20200212_{n:06d}",
        "seq_num": n,
        "instrument": "LATISS",
        "started_at": NOW + pd.Timedelta(minutes=n),
        "target": f"field {n}",
        "physical_filter": "r",
        "exposure_time_s": float(n),
        "airmass": 1 + n / 100,
    }


@st.composite
def sources(draw):
    """Return what each source reports: name -> exposures, and columns."""
    made = {}
    for name in ORDER:
        made[name] = (
            draw(st.sets(st.integers(1, 12), max_size=12)),
            {*draw(st.sampled_from(NAMES)), *draw(st.sets(st.sampled_from(FACTS)))},
            draw(st.booleans()),
        )
    return made


def reading(numbers, known, has_instrument, shuffled=lambda rows: rows):
    """Return a source's reading of some exposures."""
    kept = {*known, *(["instrument"] if has_instrument else []), "started_at"}
    rows = [{k: v for k, v in truth(n).items() if k in kept} for n in sorted(numbers)]
    frame = pd.DataFrame(shuffled(rows), columns=sorted(kept))
    return Reading(exposures=frames.frame(columns.EXPOSURES, frame))


def tables_of(readings, order, silent_first=False):
    """Return tables after the sources answered one after the other."""
    tables = Tables.empty()
    known = {}
    for name in order:
        known[name] = readings[name]
        silent = set(known) - {name} if silent_first else set()
        told = {one: known[one] for one in known if one not in silent}
        tables = merge.update(tables, told, silent=silent, order=ORDER)
    return tables


@settings(max_examples=8, deadline=None, derandomize=True)
@given(sources(), st.sets(st.sampled_from(ORDER), min_size=2), st.randoms())
def test_order_changes_nothing(told, names, chance):
    """Whoever answers first, and whoever is silent: the rows are the same."""
    shuffled = lambda rows: chance.sample(rows, len(rows))  # noqa: E731 - a short one
    readings = {name: reading(*what, shuffled) for name, what in told.items()}
    made = [tables_of(readings, order) for order in itertools.permutations(sorted(names))]
    made += [tables_of(readings, sorted(names), silent_first=True)]
    for other in made[1:]:
        pd.testing.assert_frame_equal(made[0].exposures, other.exposures)
    assert len(made[0].reports) == sum(len(told[name][0]) for name in names)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(sources())
def test_sums_are_right(told):
    """Reports that share a name are one exposure, and no two others are."""
    readings = {name: reading(*what) for name, what in told.items()}
    made = tables_of(readings, ORDER).exposures
    wanted = sorted(map(sorted, expected_groups(told)))
    assert len(made) == len(wanted)
    # started_at says which exposure it is: it joins nothing, and every source knows it
    n = ((made["started_at"] - NOW) / pd.Timedelta(minutes=1)).round().astype(int)
    found = sorted(
        sorted((number, name) for name in names.split())
        for number, names in zip(n, made["source"], strict=True)
    )
    assert found == wanted
    assert not made.duplicated(["exposure", "instrument"]).any()
    for fact in FACTS:
        for number, names, value in zip(n, made["source"], made[fact], strict=True):
            is_known = any(fact in told[name][1] for name in names.split())
            assert (value == truth(number)[fact]) if is_known else pd.isna(value)
    for number, start, end in zip(n, made["started_at"], made["ended_at"], strict=True):
        assert pd.isna(end) or end - start == pd.Timedelta(seconds=number)


def expected_groups(told):
    """Return the reports that are joined: sets of number and source.

    Tier by tier, as a person would do it: by exposure, then by obsid, then by seq_num. No two
    exposures of this world share a name, so nothing is ambiguous.
    """
    groups = [{(n, name)} for name, (numbers, _, _) in told.items() for n in numbers]
    for key in ("exposure", "obsid", "seq_num"):
        for n in range(1, 13):
            same = [
                group
                for group in groups
                if any(k == n and key in told[name][1] for k, name in group)
            ]
            if len(same) > 1:
                groups = [group for group in groups if group not in same] + [set().union(*same)]
    return groups


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=6), st.booleans())
def test_no_report_disappears(obsids, is_numbered):
    """Each report is in an exposure, whatever names are shared."""
    rows = [
        {"obsid": obsid, **({"exposure": str(n)} if is_numbered else {})}
        for n, obsid in enumerate(obsids)
    ]
    parts = [
        frames.frame(columns.EXPOSURES, pd.DataFrame(some)).assign(source=name)
        for name, some in (("registry", rows), ("log", [{"obsid": "a", "target": "M31"}]))
    ]
    reports = pd.concat(parts, ignore_index=True).astype({"source": "str"})
    made = join_exposures(reports, ORDER, files())
    n_a = obsids.count("a")
    assert len(made.exposures) == len(obsids) + (n_a != 1)
    # the log's report fits several, or one, or none
    assert (made.exposures["target"] == "M31").sum() == 1
    ambiguous = set(made.ambiguous["source"])
    assert ("log" in ambiguous) == (n_a > 1)
    # a registry that names its exposures is sure of them
    assert ("registry" in ambiguous) == (n_a > 1 and not is_numbered)
