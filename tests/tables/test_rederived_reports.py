"""Reports of exposures after a change of settings."""

import pandas as pd
import pytest
from night_tables import HOUR, NOW, metrics, reading

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Reading, Tables
from observing_monitor.tables import merge
from observing_monitor.tables.history import split_history, with_history
from observing_monitor.tables.rederive import without_derivable
from observing_monitor.tables.reports import merged_reports


def exposures(*rows):
    """Return exposures of one source."""
    return frames.frame(columns.EXPOSURES, pd.DataFrame(list(rows)))


def known(**readings):
    """Return tables after the first reading."""
    return merge.update(Tables.empty(), readings)


ONE, TWO = {"exposure": "1", "started_at": NOW}, {"exposure": "2", "started_at": NOW + HOUR}


@pytest.mark.parametrize(
    ("now", "changed", "left", "counts"),
    [
        # replaced when merging
        (Reading(exposures=exposures(ONE)), {"zone"}, ["1", "2"], {}),
        # headers that are read once: those that come again are derived anew, others are old
        (Reading(exposures=exposures(ONE), append_exposures=True), {"zone"}, ["2"], 1),
        (Reading(exposures=exposures(ONE, TWO), append_exposures=True), {"zone"}, [], {}),
        # a source that now has other data has no exposures any more
        (reading({"file_id": "a"}), {"feeds"}, [], {}),
        # one that says nothing, or whose settings are the same, keeps them
        (Reading(), {"zone"}, ["1", "2"], 2),
        (reading({"file_id": "a"}), set(), ["1", "2"], 2),
    ],
)
def test_reports_under_changed_settings(now, changed, left, counts):
    """Reports that a source still has are derived anew; others stay, counted."""
    before = known(s=Reading(exposures=exposures(ONE, TWO)))
    tables, found = without_derivable(before, {"s": now}, {"s": changed})
    assert tables.reports["exposure"].tolist() == left
    assert found == {"s": {"exposures": counts} if counts else {}}


def test_all_that_can_still_be_read_counts():
    """Appended reports are compared with all that can still be read."""
    before = known(s=Reading(exposures=exposures(ONE, TWO)))
    there = Reading(exposures=exposures(ONE, TWO))
    now = Reading(exposures=exposures(ONE), append_exposures=True, still_there=there)
    tables, found = without_derivable(before, {"s": now}, {"s": {"zone"}})
    assert tables.reports.empty and found == {"s": {}}


def test_corrected_time_zone_moves_exposures():
    """After a correction the joined rows have the new times alone."""
    before = known(s=Reading(exposures=exposures(ONE), append_exposures=True))
    now = Reading(exposures=exposures({**ONE, "started_at": NOW + 3 * HOUR}), append_exposures=True)
    left, _ = without_derivable(before, {"s": now}, {"s": {"zone"}})
    after = merge.update(left, {"s": now})
    assert after.exposures["started_at"].tolist() == [NOW + 3 * HOUR]


def test_numbers_without_a_time_stay():
    """A number without a time stays, although its source lost it."""
    of = [{"name": "seeing", "value": 0.8, "exposure": n, "sampled_at": None} for n in ("1", "2")]
    before = known(s=Reading(metrics=metrics(*of), append=True, has_own_times=True))
    now = Reading(metrics=metrics(of[1]), append=True, has_own_times=True)
    tables, _ = without_derivable(before, {"s": now}, {"s": {"zone"}})
    assert tables.metrics["exposure"].tolist() == ["1"]
    assert merge.update(tables, {"s": now}).metrics["exposure"].tolist() == ["1", "2"]


def test_metrics_without_a_column_of_exposures():
    """A source that was written for version 1 has metrics without it."""
    old = metrics({"name": "n", "value": 1.0}).drop(columns="exposure")
    told = Reading(metrics=old, append=True)
    before = known(s=told)
    tables, _ = without_derivable(before, {"s": told}, {"s": {"zone"}})
    after = merge.update(tables, {"s": told})
    assert len(after.metrics) == 1 and after.metrics["exposure"].isna().all()


class OldReading:
    """A reading of a source that was written for an earlier version."""

    files = attempts = metrics = is_left_out = is_logged = still_there = None
    append = append_attempts = has_own_times = False
    unread = elsewhere = arrival_settings = ()


def test_reading_of_an_earlier_version():
    """A reading without exposures keeps those of others, and its own."""
    before = known(s=Reading(exposures=exposures(ONE)), t=Reading(exposures=exposures(TWO)))
    after = merge.update(before, {"s": OldReading()}, silent=["t"])
    assert after.exposures["exposure"].tolist() == ["1", "2"]
    tables, _ = without_derivable(before, {"s": OldReading()}, {"s": {"zone"}})
    assert len(tables.reports) == 2


def test_report_on_another_night():
    """An exposure that its source now dates to another night is moved."""
    here = known(s=Reading(exposures=exposures(ONE, TWO)))
    after = merge.update(here, {"s": Reading(exposures=exposures(ONE))})
    there = merge.update(Tables.empty(), {"s": Reading(exposures=exposures(TWO))})
    assert after.exposures["exposure"].tolist() == ["1"]
    assert there.exposures["exposure"].tolist() == ["2"]


def test_no_exposures_at_all_replace_earlier_ones():
    """An empty table of exposures is an answer; None is none."""
    before = known(s=Reading(exposures=exposures(ONE))).reports
    assert len(merged_reports(before, {"s": Reading()}, ())) == 1
    assert merged_reports(before, {"s": Reading(exposures=exposures())}, ()).empty


def test_renamed_source_counts_once():
    """A source under a new name replaces what it said under the old one."""
    before = known(old=Reading(exposures=exposures({**ONE, "target": "M31"}, TWO)))
    told = {"new": Reading(exposures=exposures({**ONE, "target": "M33"}))}
    after = merge.update(before, told)
    assert after.exposures["source"].tolist() == ["new", "old"]
    assert after.exposures["target"].fillna("").tolist() == ["M33", ""]


def test_history_of_the_prototype_leaves_exposures():
    """Splitting off and joining the prototype's rows changes no exposure."""
    before = known(s=Reading(exposures=exposures(ONE), metrics=metrics({"name": "n"})))
    own, history = split_history(before)
    assert history.exposures.empty and history.reports.empty
    again = with_history(own, history)
    old = Tables.empty()
    old.metrics = metrics({"name": "o", "source": columns.HISTORY})
    for made in (again, with_history(own, old)):
        pd.testing.assert_frame_equal(made.exposures, before.exposures)
        pd.testing.assert_frame_equal(made.reports, before.reports)
