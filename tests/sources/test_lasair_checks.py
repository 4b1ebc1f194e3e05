"""Findings about Lasair's counts and timers."""

import datetime
from pathlib import Path

import pandas as pd
from lasair_source import NIGHT, NOW

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Tables
from observing_monitor.sources.lasair import Lasair
from observing_monitor.sources.lasair_metrics import metrics_of


def findings(raw, **settings):
    """Return (level, text) of the findings in a night with these keys."""
    metrics, _ = metrics_of(raw, NOW)
    tables = Tables(frames.empty(columns.FILES), frames.empty(columns.INGESTS), metrics)
    return [
        (found.level, found.text)
        for found in Lasair.check(NIGHT, tables, Lasair.Settings(path=Path("x"), **settings))
    ]


def test_counts_that_agree_not():
    """A stage with less or more than the one before is a warning."""
    raw = {
        "today_ztf": 5000,
        "today_alert": 4000,
        "today_filter": 8000,
        "diaSource": 100,
        "diaSourceDB": 90,
        "today_filter_out": 0,
    }
    warned = [text for level, text in findings(raw) if level == "warning"]
    assert warned == [
        (
            "1,000 of 5,000 issued alerts were not ingested (20.0 %): today_alert 4,000, "
            "today_lsst 5,000"
        ),
        "today_filter 8,000 is more than today_alert 4,000, ×2.00: something was counted twice",
        "10 of 100 received detections were not stored (10.0 %): diaSourceDB 90, diaSource 100",
    ]
    assert (
        "normal",
        "the filters sent on 0.0 % of the alerts: today_filter_out 0 of today_filter 8,000",
    ) in findings(raw)


def test_counts_not_available_are_not_compared():
    """An unavailable count is reported and not compared; 0 is compared."""
    assert findings({"today_ztf": -1, "today_alert": 4000, "today_filter": 1e9}) == [
        ("normal", "not available: today_lsst, today_filter")
    ]
    assert findings({"today_alert": 4000, "today_filter": 0})[0] == (
        "warning",
        (
            "4,000 of 4,000 ingested alerts were not filtered (100.0 %): today_filter 0, "
            "today_alert 4,000"
        ),
    )
    assert findings({"today_alert": 0, "today_filter": 0}) == [
        ("normal", "counts agree: today_filter and today_alert 0")
    ]
    assert findings({"today_alert": 0, "today_filter": 3})[0][0] == "warning"


def test_count_tolerance():
    """A difference within the tolerance is shown without a warning."""
    raw = {"today_alert": 4000, "today_filter": 3980}
    assert [level for level, _ in findings(raw, count_tolerance=0.01)] == ["normal"]
    assert [level for level, _ in findings(raw, count_tolerance=0.001)] == ["warning"]


def test_a_node_out_of_line():
    """A node slower than three times the median of the others is named."""
    raw = {f"icassandra_{n}": seconds for n, seconds in enumerate((100, 110, 105, 420))} | {
        f"itotal_{n}": 500 for n in range(4)
    }
    assert findings(raw) == [
        (
            "warning",
            (
                "node 3 is out of line: icassandra 420 s, 4 times the median of the other nodes "
                "(105 s)"
            ),
        )
    ]
    assert findings(raw, node_ratio=5.0) == []
    assert (
        findings({f"icassandra_{n}": s for n, s in enumerate((1, 2, 9))}) == []
    )  # a few seconds do not matter
    assert findings({"icassandra_0": 100, "icassandra_1": 20})[0][1].startswith(
        "node 0 is out of line: icassandra 100 s, 5 times"
    )
    assert (
        findings({"icassandra_0": 100, "icassandra_1": -1})
        == []
        == findings({"icassandra_0": 1000})
    )


def test_an_idle_node():
    """One that did almost nothing, beside two or more nodes, is named."""
    assert findings({"itotal_0": 0, "itotal_1": 500, "itotal_2": 520}) == [
        (
            "warning",
            "node 0 is out of line: itotal 0 s, 0 times the median of the other nodes (510 s)",
        )
    ]
    assert [text for _, text in findings({"itotal_0": 10, "itotal_1": 11, "itotal_2": 100})] == [
        "node 2 is out of line: itotal 100 s, 9.52 times the median of the other nodes (10.5 s)"
    ]
    assert (
        findings({"itotal_0": 40, "itotal_1": 0, "itotal_2": 0})[0][1]
        == "node 0 is out of line: itotal 40 s, the other nodes none"
    )


def test_only_the_latest_sample_is_judged():
    """Checks use the latest value of each metric."""
    early, _ = metrics_of({"today_alert": 4000, "today_filter": 100}, NOW)
    late, _ = metrics_of(
        {"today_alert": 4000, "today_filter": 4000}, NOW + datetime.timedelta(minutes=5)
    )
    tables = Tables(
        frames.empty(columns.FILES),
        frames.empty(columns.INGESTS),
        pd.concat([early, late], ignore_index=True),
    )
    found = Lasair.check(NIGHT, tables, Lasair.Settings(path=Path("x")))
    assert [(finding.level, finding.text) for finding in found] == [
        ("normal", "counts agree: today_filter and today_alert 4,000")
    ]
    assert Lasair.check(NIGHT, Tables.empty(), Lasair.Settings(path=Path("x"))) == []


def test_negative_count_beside_none():
    """A negative count beside 0 is a warning."""
    assert findings({"today_alert": 0, "today_filter": -2}) == [
        ("warning", "2 of 0 ingested alerts were not filtered: today_filter -2, today_alert 0")
    ]
