"""Lasair's keys and values as metrics."""

import pandas as pd
import pytest
from lasair_source import NOW

from observing_monitor.sources.lasair import Lasair
from observing_monitor.sources.lasair_metrics import metrics_of, number_of, split_key


def rows(raw):
    """Return (name, node) -> (value, text) for keys and values."""
    made, _ = metrics_of(raw, NOW)
    return {
        (r.name_, None if pd.isna(r.node) else r.node): (
            r.value,
            None if pd.isna(r.text) else r.text,
        )
        for r in made.rename(columns={"name": "name_"}).itertuples()
    }


@pytest.mark.parametrize(
    ("key", "name", "node"),
    [
        ("icassandra_0", "icassandra", "0"),
        ("icassandra_12", "icassandra", "12"),
        ("icassandra_Z", "icassandra", "Z"),
        ("icassandra_myhost_a", "icassandra", "myhost_a"),
        ("icassandra", "icassandra", None),
        ("ikafka_1", "ikproduce", "1"),
        ("today_ztf", "today_lsst", None),
        ("today_diaSource", "diaSource", None),
        ("lasair_2SN_1_alerts_produced", "alerts_produced", "lasair_2SN_1"),
        ("lasair_2SN_bytes_rejected", "bytes_rejected", "lasair_2SN"),
        ("something_new", "something_new", None),
        ("something_7", "something", "7"),
        ("_7", "_7", None),
        ("", "", None),
    ],
)
def test_keys(key, name, node):
    """A key's ending or topic is its node; older names become today's."""
    assert split_key(key) == (name, node)


@pytest.mark.parametrize(
    "nodes", [range(10), range(1, 4), range(12), ["Z"], [0, "Z"], ["ingest-a"]]
)
def test_no_node_is_dropped(nodes):
    """Every node has a row, also if there are ten, or none is called 0.

    Lasair's own page drops the nodes 0 to 9 if all are there.
    """
    made = rows({f"icassandra_{node}": n + 1.0 for n, node in enumerate(nodes)})
    assert [value for value, _ in made.values()] == [n + 1.0 for n in range(len(nodes))]
    assert set(made) == {("icassandra", str(node)) for node in nodes}


@pytest.mark.parametrize(
    "raw",
    [
        -1,
        -1.0,
        "-1",
        "-1.0",
        " -1.0 ",
        1e9,
        1_000_000_000,
        "1e9",
        float("nan"),
        "NaN",
        float("inf"),
        10**400,
        None,
        "",
    ],
)
def test_not_available(raw):
    """Values that stand for "unknown" are no numbers, and are shown as such."""
    value, words = number_of(raw)
    assert value != value and words.startswith("not available")


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (0, 0),
        (0.0, 0),
        ("0", 0),
        ("4000", 4000),
        ("1.5e3", 1500),
        (-2, -2),
        (-0.5, -0.5),
        (999_999_999, 999_999_999),
    ],
)
def test_numbers(raw, number):
    """0 is a number, and so is text of a number."""
    assert number_of(raw) == (number, "")


@pytest.mark.parametrize(
    ("raw", "words"),
    [("up", "up"), ("1_000", "1_000"), (True, "true"), ({"a": 1}, '{"a": 1}'), ("٣", "٣")],
)
def test_texts(raw, words):
    """A value that is no number stays as text."""
    value, text = number_of(raw)
    assert value != value and text == words


def test_older_and_newer_name():
    """Both names of a metric are one row; a number under today's name wins."""
    assert (
        rows({"today_ztf": 5, "today_lsst": 7})
        == rows({"today_lsst": 7, "today_ztf": 5})
        == {("today_lsst", None): (7, None)}
    )
    assert rows({"today_lsst": -1, "today_ztf": 5}) == {
        ("today_lsst", None): (5, "written as today_ztf")
    }
    assert metrics_of({"today_ztf": 5, "today_lsst": 7}, NOW)[1] == [
        "today_lsst has two values, 5 and 7, under its older and its newer name"
    ]
    assert metrics_of({"today_ztf": 5, "today_lsst": 5}, NOW)[1] == []


def test_units():
    """Timers are in s, the delay in h, sizes in bytes; all have meanings."""
    made, _ = metrics_of(
        {
            "icutout_0": 1,
            "ikafka_0": 1,
            "min_delay": 1,
            "topic_bytes_produced": 1,
            "today_alert": 1,
        },
        NOW,
    )
    assert made["unit"].tolist()[:4] == ["s", "s", "h", "bytes"] and pd.isna(made["unit"].iloc[4])
    assert set(made["name"]) <= set(Lasair.meanings)
