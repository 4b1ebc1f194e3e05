"""An alert broker's counts: produced, published and stored."""

import datetime

import pytest
from broker_nights import CHRISTMAS, NOW, asked
from running import nights, run

from observing_monitor.errors import SourceError
from observing_monitor.sources.broker_counts import BrokerCounts


def counts_of(path, night, **settings):
    """Return a night's values by (name, node), and its notes."""
    reading = BrokerCounts(BrokerCounts.Settings(path=path, **settings), asked()).read(night)
    return {
        (row.name, row.node if isinstance(row.node, str) else ""): row.value
        for row in reading.metrics.itertuples(index=False)
    }, reading.notes


def test_running_night(tmp_path, write):
    """Missing alerts may still arrive until an hour after the night."""
    write("counts.csv", "night,alerts_produced,avros_stored\n2021-09-01,1000,950\n")
    config = write(
        "site.toml",
        """
[observing_monitor]
output_dir = "site"
[streams.broker]
night_rule = "UTC"
[[streams.broker.sources]]
type = "broker_counts"
path = "counts.csv"
""",
    )

    def made(hours, stored):
        write("counts.csv", f"night,alerts_produced,avros_stored\n2021-09-01,1000,{stored}\n")
        assert run("-c", config, now=NOW + datetime.timedelta(hours=hours)) == 0
        row = nights(tmp_path / "site/broker")["2021-09-01"]
        return row["status"], row["completeness"], row["info"]

    few = "400 of 1,000 alerts stored so far: 40.0 %; 600 may still arrive"
    assert made(-4, 950) == ("normal", None, "")
    page = (tmp_path / "site/broker/2021-09-01.html").read_text()
    assert "950 of 1,000 alerts stored so far: 95.0 %; 50 may still arrive" in page
    assert made(-4, 1000) == ("normal", 1, "")
    assert made(-4, 2000)[0] == "warning"  # a replay
    assert made(-4, 400) == ("warning", None, few) == made(0.9, 400)
    # nothing but time has passed
    missing = "400 of 1,000 alerts stored: 40.0 %, 600 missing"
    assert made(1, 400) == ("error", 0.4, missing)


def test_site_of_pitt_google(tmp_path, shared_data):
    """The real counts are shown: a loss, a replay, and a night without data."""
    (tmp_path / "site.toml").write_text(f"""
[observing_monitor]
output_dir = "site"
[streams.notes]
night_rule = "UTC"
[[streams.notes.sources]]
type = "broker_counts"
path = "{shared_data}/pitt_google/nights.csv"
[streams.daily]
night_rule = "UTC"
[[streams.daily.sources]]
type = "broker_counts"
path = "{shared_data}/pitt_google/daily_counts.dat"
counts = ["alerts_produced"]
columns = {{ alerts_produced = "num_alerts" }}
""")
    # an index has no future nights
    later = NOW + datetime.timedelta(days=365)
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=later) == 0
    rows = nights(tmp_path / "site" / "notes")
    assert {night: row["status"] for night, row in rows.items()} == {
        "2020-12-22": "warning",
        "2020-12-23": "warning",
        "2020-12-24": "error",
        "2020-12-27": "warning",
        "2020-12-28": "normal",
        "2021-01-01": "warning",
    }
    assert rows["2020-12-24"]["info"] == "29,072 of 71,144 alerts stored: 40.9 %, 42,072 missing"
    assert rows["2020-12-24"]["completeness"] == 29072 / 71144
    assert (
        "577,066 published of 288,533 produced: ×2: a replay; 283,911 of 288,533 alerts "
        "stored: 98.4 %" in rows["2020-12-27"]["info"]
    )
    assert rows["2021-01-01"]["info"].startswith("no data")
    assert rows["2021-01-01"]["alerts_produced"] is None
    page = (tmp_path / "site/notes/2021-01-01.html").read_text()
    assert (
        "avros_stored" in page
        and "no data" in page
        and ">0<" not in page.partition(">Metrics</h2>")[2]
    )

    daily = nights(tmp_path / "site" / "daily")
    assert len(daily) == 110 and sum(row["alerts_produced"] for row in daily.values()) > 20e6
    assert daily["2021-09-12"]["alerts_produced"] == 258686
    last = max(daily)
    assert ",4523" in (tmp_path / f"site/daily/{last}.html").read_text()
    assert [night for night, row in daily.items() if row["status"] != "normal"] == [last], (
        "the row without a topic is told once"
    )


def test_odd_cells(write):
    """Blanks, words, and impossible numbers are not available, and noted."""
    path = write(
        "counts.csv",
        "# produced by hand\nnight,alerts_produced,messages_published,avros_stored\n\n"
        f'2020-12-24,"71,144",-5,1e999\n2020-12-25,many,,{"9" * 400}\n',
    )
    values, notes = counts_of(path, CHRISTMAS)
    assert values["alerts_produced", ""] == 71144
    assert values["messages_published", ""] != values["messages_published", ""]
    assert values["avros_stored", ""] != values["avros_stored", ""]
    assert any("line 4: messages_published is negative" in note for note in notes) and any(
        "line 4: avros_stored is beyond" in note for note in notes
    )
    values, notes = counts_of(path, datetime.date(2020, 12, 25))
    assert all(value != value for value in values.values())
    assert len(notes) == 2 and any("line 5: alerts_produced is no number" in note for note in notes)


def test_one_digit_dates_and_cut_lines(write):
    """2021-12-1 is 1 December; truncated lines and wrong dates are noted."""
    path = write(
        "counts.csv",
        "\ufeffnight,alerts_produced,avros_stored\r\n2021-12-1,10,9\r\n2021-13-1,5,5\r\n"
        "2021-12-02,7,7\r\n2021-12-0",
    )
    values, notes = counts_of(path, datetime.date(2021, 12, 1))
    assert (
        values == {("alerts_produced", ""): 10, ("avros_stored", ""): 9, ("completeness", ""): 0.9}
        and not notes
    )
    _, notes = counts_of(path, datetime.date(2021, 12, 2))
    assert (
        len(notes) == 2
        and "line 5: fewer cells" in notes[0]
        and "line 3: no night in 'night' (2021-13-1,5,5)" in notes[1]
    )


def test_programids_add_up(write):
    """The programids of a night are nodes, and are added up."""
    path = write(
        "daily.dat",
        "topic,num_alerts\nztf_20201224_programid1,5\nztf_20201224_programid2,3\n"
        "ztf_20201224_programid2,4\nztf_20201225_programid1,8\n",
    )
    settings = {"counts": ["alerts_produced"], "columns": {"alerts_produced": "num_alerts"}}
    values, notes = counts_of(path, CHRISTMAS, **settings)
    assert values == {
        ("alerts_produced", ""): 9,
        ("alerts_produced", "programid1"): 5,
        ("alerts_produced", "programid2"): 4,
    }
    assert len(notes) == 1 and "line 4: the night is listed again" in notes[0]
    assert counts_of(path, datetime.date(2020, 12, 25), **settings)[0] == {
        ("alerts_produced", ""): 8
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (
            "night,alerts_produced,avros_sored\n",
            "has no column 'avros_stored'; did you mean 'avros_sored'?",
        ),
    ],
)
def test_unreadable_counts(write, text, said):
    """An empty file, or one without a column, is an error that names it."""
    path = write("counts.csv", text)
    with pytest.raises(SourceError, match=said.replace("?", r"\?")) as caught:
        counts_of(path, CHRISTMAS, columns={"avros_stored": "avros_stored"})
    assert str(path) in str(caught.value)
