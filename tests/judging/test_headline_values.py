"""Headlines: their source, and how several values become one."""

import math

import pytest
from running import nights, run

from observing_monitor.errors import UsageError
from observing_monitor.judging.headline_values import aggregated
from observing_monitor.model import columns, frames
from observing_monitor.sources.shared.completeness import CountSettings, check_aggregates


def rows(*values):
    """Return rows of one metric: a node (None for the whole) and a value each."""
    n = len(values)
    nodes, numbers = (list(column) for column in zip(*values, strict=True))
    return frames.frame(
        columns.METRICS,
        {"source": ["it"] * n, "name": ["rain"] * n, "node": nodes, "value": numbers},
    )


NODES = rows(("a", 1.0), ("b", 10.0), ("c", 3.0), ("a", 2.0))


@pytest.mark.parametrize(
    ("table", "is_count", "expected"),
    [
        (rows((None, 1.0), (None, 5.0)), True, (5.0, "")),
        (rows(("a", 1.0), ("a", 5.0)), False, (5.0, "")),
        (NODES, True, (15.0, "sum")),
        (NODES, False, (3.0, "median")),
        # the whole is not the last node, wherever it stands
        (rows(("a", 1.0), (None, 11.0), ("b", 10.0)), True, (11.0, "")),
        # a sum over a missing number is missing, a median is of those that are there
        (rows(("a", 1.0), ("b", math.nan)), True, (None, "sum")),
        (rows(("a", 1.0), ("b", math.nan)), False, (1.0, "median")),
        (rows((None, math.nan)), True, (None, "")),
        # a missing latest value hides no earlier one
        (rows((None, 1.0), (None, 5.0), (None, math.nan)), True, (5.0, "")),
        (rows(("a", 1.0), ("b", 10.0), ("a", math.nan)), True, (11.0, "sum")),
        (NODES[:0], True, (None, "")),
    ],
)
def test_default(table, is_count, expected):
    """One node has its last value; several have their sum or median."""
    value, how = aggregated(table, "", is_count)
    assert (None if value is not None and math.isnan(value) else value, how) == expected


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        ("last", 2.0),
        ("sum", 16.0),
        ("median", 2.5),
        ("min", 1.0),
        ("max", 10.0),
        ("mean", 4.0),
        ("count", 4.0),
    ],
)
def test_aggregates(aggregate, expected):
    """An aggregate is of all values of the night that are not missing."""
    assert aggregated(NODES, aggregate, False) == (expected, aggregate)
    with_blank = rows(("a", 1.0), ("b", 10.0), ("c", 3.0), ("a", 2.0), ("d", math.nan))
    assert aggregated(with_blank, aggregate, False) == (expected, aggregate)


def test_unknown_aggregate():
    """An unknown word is refused, with those that are known."""
    with pytest.raises(UsageError, match="seeing = 'avg' is unknown; write one of last, sum"):
        check_aggregates(CountSettings(aggregate={"seeing": "avg"}))


SITE = """
[observing_monitor]
output_dir = "site"
first_day = "2021-11-18"
last_day = "2021-11-19"
[streams.s]
night_rule = "UTC"
[[streams.s.sources]]
type = "broker_counts"
name = "metadata"
path = "a.csv"
columns = { alerts_produced = "num_alerts" }
counts = ["alerts_produced"]
[[streams.s.sources]]
type = "broker_counts"
name = "fill"
path = "b.csv"
columns = { alerts_produced = "num_alerts" }
counts = []
[[streams.s.sources]]
type = "table"
name = "weather"
path = "w.csv"
night_column = "night"
columns = { node = "dome" }
values = { seeing = "seeing", rain = "rain", dust = "dust" }
headlines = ["seeing", "rain", "dust"]
counts = ["rain"]
aggregate = { dust = "max" }
"""


def test_latest_value_is_missing(tmp_path):
    """The last value that is known is shown, with its time."""
    (tmp_path / "site.toml").write_text(
        """
[observing_monitor]
output_dir = "site"
first_day = "2021-11-18"
last_day = "2021-11-18"
[streams.s]
night_rule = "UTC"
[[streams.s.sources]]
type = "table"
path = "w.csv"
columns = { sampled_at = "at" }
values = { seeing = "seeing", rain = "rain" }
headlines = ["seeing", "rain"]
"""
    )
    (tmp_path / "w.csv").write_text(
        "at,seeing,rain\n2021-11-18T01:00,0.8,1\n2021-11-18T02:00,0.9,2\n2021-11-18T03:00,nan,3\n"
    )
    assert run("-c", tmp_path / "site.toml") == 0
    row = nights(tmp_path / "site/s")["2021-11-18"]
    assert (row["seeing"], row["rain"], row["status"], row["info"]) == (0.9, 3, "normal", "")
    page = (tmp_path / "site/s/2021-11-18.html").read_text()
    assert "seeing: no newer value than that of 2021-11-18 02:00 UTC" in page
    assert 'href="#metric-seeing"' in page and 'id="metric-seeing"' in page
    assert "rain: no newer" not in page


def test_site(tmp_path):
    """A headline has a source's value, and names the aggregate."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "a.csv").write_text("publish_date,num_alerts\n2021-11-18,67827\n2021-11-20,\n")
    (tmp_path / "b.csv").write_text("publish_date,num_alerts\n2021-11-19,196533\n")
    (tmp_path / "w.csv").write_text(
        "night,dome,seeing,rain,dust\n"
        "2021-11-18,n1,0.8,1,5\n2021-11-18,n2,1.2,2,4\n2021-11-18,n3,3.0,3,\n2021-11-19,n1,0.7,4,6\n"
    )
    assert run("-c", tmp_path / "site.toml") == 0
    found = nights(tmp_path / "site" / "s")
    values = {
        night: [row[name] for name in ("alerts_produced", "seeing", "rain", "dust")]
        for night, row in found.items()
    }
    assert values == {
        "2021-11-18": [67827, 1.2, 6, 5],
        "2021-11-19": [196533, 0.7, 4, 6],
    }
    pages = [tmp_path / "site/s" / name for name in ("index.html", "2021-11-18.html")]
    for page in pages:
        text = page.read_text()
        for heading in ("Alerts produced", "Seeing, median", "Rain, sum", "Dust, max"):
            assert f"<bdi>{heading}</bdi>" in text, heading
    # one dome has its own value
    text = (tmp_path / "site/s/2021-11-19.html").read_text()
    assert "<bdi>Seeing</bdi>" in text and "<bdi>Dust, max</bdi>" in text
