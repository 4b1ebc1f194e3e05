"""Exposures, joined from the reports of several sources."""

import itertools
import random

import pandas as pd
import pytest
from night_tables import HOUR, NOW, files, reading

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables import merge
from observing_monitor.tables.observed import join_exposures, rows_of_files

NO_FILES = frames.empty(columns.FILES)
ORDER = ("registry", "log", "headers")


def exposures(*rows, source=None):
    """Return reports of one source, from one dict per exposure."""
    made = frames.frame(columns.EXPOSURES, pd.DataFrame(list(rows)))
    return made.assign(source=source) if source else made


def reports(**by_source):
    """Return the reports of several sources."""
    return pd.concat(
        [exposures(*rows, source=name) for name, rows in by_source.items()], ignore_index=True
    )


def joined(files=NO_FILES, order=ORDER, **by_source):
    """Return the joined exposures of several sources."""
    return join_exposures(reports(**by_source), order, files)


def test_nothing():
    """Without reports there is no exposure."""
    made = join_exposures(frames.empty(columns.EXPOSURES), ORDER, NO_FILES)
    assert made.exposures.empty and made.contradictions.empty and made.ambiguous.empty
    assert list(made.exposures) == [c.name for c in columns.EXPOSURES]


@pytest.mark.parametrize(
    "one, other",
    [
        ({"exposure": "17"}, {"exposure": "17"}),
        ({"exposure": "17", "obsid": "AT_17"}, {"exposure": "x17", "obsid": "AT_17"}),
        ({"exposure": "17", "seq_num": 3}, {"obsid": "AT_17", "seq_num": 3}),
        (
            {"exposure": "17", "seq_num": 3, "instrument": "a"},
            {"obsid": "AT_17", "seq_num": 3, "instrument": "a"},
        ),
        ({"exposure": "17", "instrument": "a"}, {"exposure": "17"}),
    ],
)
def test_two_sources_report_one_exposure(one, other):
    """Reports are joined by exposure, else obsid, else number."""
    other = {**other, "target": "M31", "exposure_time_s": 30.0}
    made = joined(registry=[{**one, "physical_filter": "r"}], headers=[other])
    (row,) = made.exposures.to_dict("records")
    assert (row["exposure"], row["target"], row["physical_filter"]) == ("17", "M31", "r")
    assert row["source"] == "registry headers" and made.ambiguous.empty


def test_other_instrument_is_another_exposure():
    """One name of two instruments means two exposures."""
    made = joined(
        registry=[{"exposure": "17", "instrument": "blue", "target": "M31"}],
        log=[{"exposure": "17", "instrument": "red", "target": "M33"}],
    )
    assert list(made.exposures["target"]) == ["M31", "M33"]
    assert made.contradictions.empty and made.ambiguous.empty


def test_ambiguous_report_is_not_joined():
    """A report that fits two exposures is its own row, and is named."""
    made = joined(
        registry=[
            {"exposure": "17", "instrument": "blue"},
            {"exposure": "17", "instrument": "red"},
        ],
        log=[{"exposure": "17", "target": "M31"}],
    )
    assert len(made.exposures) == 3
    assert made.ambiguous.to_dict("records") == [{"exposure": "17", "source": "log"}]
    assert sorted(made.exposures["source"]) == ["log", "registry", "registry"]
    # the obsid decides where the name does not
    made = joined(
        registry=[
            {"exposure": "17", "instrument": "blue", "obsid": "b17"},
            {"exposure": "17", "instrument": "red", "obsid": "r17"},
        ],
        log=[{"exposure": "17", "obsid": "r17", "target": "M31"}],
    )
    assert made.ambiguous.empty and len(made.exposures) == 2
    red = made.exposures[made.exposures["instrument"] == "red"]
    assert red["target"].tolist() == ["M31"]


def test_names_of_files_join_reports():
    """A file that has both names joins a report of each."""
    both = files({"file_id": "a", "exposure": "17", "obsid": "AT_17"})
    made = joined(
        files=both, registry=[{"exposure": "17"}], log=[{"obsid": "AT_17", "target": "M31"}]
    )
    (row,) = made.exposures.to_dict("records")
    assert (row["exposure"], row["obsid"], row["target"]) == ("17", "AT_17", "M31")


def test_first_source_with_a_value_wins():
    """Each fact is that of the first source that knows it."""
    made = joined(
        headers=[{"exposure": "1", "target": "from header", "airmass": 1.2}],
        registry=[{"exposure": "1", "target": "from registry"}],
    )
    (row,) = made.exposures.to_dict("records")
    assert (row["target"], row["airmass"]) == ("from registry", 1.2)
    assert row["source"] == "registry headers"
    assert list(made.contradictions["column"]) == ["target"]
    words = "registry: from registry; headers: from header"
    assert list(made.contradictions["words"]) == [words]


@pytest.mark.parametrize(
    "fact, one, other, differs",
    [
        ("target", "M 31", "m31", False),
        ("target", "M31", "M33", True),
        ("physical_filter", "SDSS_r", "sdss-r", False),
        ("exposure_time_s", 30.0, 30.3, False),
        ("exposure_time_s", 900.0, 910.0, False),
        ("exposure_time_s", 30.0, 33.0, True),
    ],
)
def test_contradictions(fact, one, other, differs):
    """A fact in another form, or rounded, is no contradiction."""
    made = joined(registry=[{"exposure": "1", fact: one}], log=[{"exposure": "1", fact: other}])
    assert made.contradictions.empty is not differs


def test_default_of_the_end_and_the_name():
    """An exposure ends after a known exposure time; a number is a name."""
    made = joined(
        log=[
            {"seq_num": 4, "started_at": NOW, "exposure_time_s": 30.0},
            {"obsid": "b", "started_at": NOW + HOUR},
            {"started_at": NOW + 2 * HOUR},
        ]
    ).exposures
    assert made["exposure"].tolist() == ["4", "b", f"{NOW + 2 * HOUR:%H:%M:%S}"]
    assert made["ended_at"][0] == NOW + pd.Timedelta(seconds=30)
    assert made["ended_at"].isna().tolist() == [False, True, True]


def test_any_subset_in_any_order():
    """The order in which sources report changes nothing; sums are right."""
    chance = random.Random(15)
    truth = [
        {"exposure": str(n), "obsid": f"o{n}", "seq_num": n, "target": f"t{n}", "airmass": n / 10}
        for n in range(1, 40)
    ]
    shown = {
        "registry": [{k: e[k] for k in ("exposure", "seq_num")} for e in truth],
        "log": [{k: e[k] for k in ("obsid", "seq_num", "target")} for e in truth],
        "headers": [{k: e[k] for k in ("exposure", "obsid", "airmass")} for e in truth],
    }
    for size in (1, 2, 3):
        for names in itertools.combinations(shown, size):
            told = {name: chance.sample(shown[name], 30) for name in names}
            numbers = {name: {_number(row) for row in told[name]} for name in names}
            made = []
            for order in itertools.permutations(names):
                readings = {name: Reading(exposures=exposures(*told[name])) for name in order}
                tables = merge.update(Tables.empty(), readings, order=ORDER)
                made.append(tables.exposures)
                assert len(tables.reports) == 30 * size
            for other in made[1:]:
                pd.testing.assert_frame_equal(made[0], other)
            # registry and log know each other by number, log and headers by obsid
            assert len(made[0]) == len(set().union(*numbers.values()))
            assert made[0]["seq_num"].nunique() >= len(set().union(*numbers.values())) - 30


def _number(row):
    """Return the number of the exposure that a report is of."""
    return int(row.get("seq_num") or row.get("exposure") or row["obsid"][1:])


# --- merging --------------------------------------------------------------------------------------


def test_reports_of_silent_and_removed_sources_stay():
    """A silent source's reports are kept, an answer replaces its own."""
    first = {
        "registry": Reading(exposures=exposures({"exposure": "1"}, {"exposure": "2"})),
        "log": Reading(exposures=exposures({"exposure": "2", "target": "M31"})),
    }
    known = merge.update(Tables.empty(), first, order=ORDER)
    assert known.exposures["target"].fillna("").tolist() == ["", "M31"]
    again = {"registry": Reading(exposures=exposures({"exposure": "1"}))}
    after = merge.update(known, again, silent={"log"}, order=ORDER)
    assert after.exposures["exposure"].tolist() == ["1", "2"]
    assert after.exposures["source"].tolist() == ["registry", "log"]
    # a source that says nothing about exposures now, such as one from its cache, keeps them
    after = merge.update(known, {"registry": reading(), "log": Reading()}, order=ORDER)
    assert len(after.reports) == 3
    # a removed source's reports stay, unless another says all that they do
    after = merge.update(
        known, {"new": Reading(exposures=exposures({"exposure": "2"}))}, order=("new",)
    )
    assert after.reports[["source", "exposure"]].to_numpy().tolist() == [
        ["log", "2"],
        ["new", "2"],
        ["registry", "1"],
    ]
    assert after.exposures["target"].fillna("").tolist() == ["", "M31"]


def test_added_reports_replace_earlier_ones_of_the_same_exposure():
    """Headers that were read are kept; a header read again replaces its own."""
    first = Reading(
        exposures=exposures({"exposure": "1"}, {"exposure": "2"}), append_exposures=True
    )
    known = merge.update(Tables.empty(), {"headers": first})
    more = exposures({"exposure": "2", "target": "M31"}, {"exposure": "3"})
    after = merge.update(known, {"headers": Reading(exposures=more, append_exposures=True)})
    assert after.exposures["exposure"].tolist() == ["1", "2", "3"]
    assert after.exposures["target"].fillna("").tolist() == ["", "M31", ""]


def test_numbers_of_exposures_at_one_instant():
    """Two exposures may have a number at the same instant."""
    rows = {"name": ["seeing"] * 2, "sampled_at": [NOW] * 2, "value": [0.7, 0.9]}
    measured = frames.frame(columns.METRICS, {**rows, "exposure": ["1", "2"]})
    known = merge.update(Tables.empty(), {"log": Reading(metrics=measured)})
    assert known.metrics["value"].tolist() == [0.7, 0.9]
    after = merge.update(known, {"new": Reading(metrics=measured)})
    assert after.metrics["source"].tolist() == ["new", "new"]


def test_exposure_of_each_file():
    """A file belongs to the exposure of its name, obsid or number."""
    made = joined(
        log=[
            {"exposure": "1", "obsid": "a", "started_at": NOW},
            {"exposure": "2", "obsid": "b", "started_at": NOW + HOUR},
            {"exposure": "3", "seq_num": 7, "started_at": NOW + 2 * HOUR},
        ]
    ).exposures
    told = files(
        {"file_id": "w", "exposure": "1"},
        {"file_id": "x", "obsid": "b"},
        {"file_id": "y", "seq_num": 7},
        {"file_id": "z", "exposure": "9"},
    )
    assert rows_of_files(told, made).tolist() == [0, 1, 2, -1]
    twice = joined(
        log=[
            {"exposure": "1", "instrument": "red", "obsid": "r"},
            {"exposure": "1", "instrument": "blue", "obsid": "b"},
        ]
    ).exposures
    told = files({"file_id": "w", "exposure": "1"}, {"file_id": "x", "exposure": "1", "obsid": "r"})
    rows = rows_of_files(told, twice)
    assert rows[0] == -1 and twice["instrument"][rows[1]] == "red"
