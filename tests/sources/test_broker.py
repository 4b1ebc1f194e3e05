"""An alert broker's counts and listings: produced, published and stored, side by side."""

import datetime
import json
import re
import sys

import pytest
from conftest import CHECKOUT
from running import nights, run

from observing_monitor.collecting.sources import make_sources
from observing_monitor.errors import SourceError
from observing_monitor.model import columns
from observing_monitor.model.nights import NightRule
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.broker_counts import BrokerCounts
from observing_monitor.sources.bucket_listing import BucketListing, exposed_at

sys.path.insert(0, str(CHECKOUT / "examples"))

NOW = datetime.datetime(2021, 9, 2, tzinfo=datetime.UTC)
UTC = NightRule.parse("UTC")
CHRISTMAS = datetime.date(2020, 12, 24)
SEPTEMBER = datetime.date(2021, 9, 1)
BUCKET = "gs://ardent-cycling-243415_ztf_alert_avro_bucket"
THREE_FORMS = [
    f"{BUCKET}/ztf_20210901_programid1_1630473226123.avro",
    f"{BUCKET}/ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro",
    f"{BUCKET}/ztf_20210901_programid3/ZTF18aaaaaab/1704217901115015002.avro",
]


def asked(rule=UTC):
    return Asked("broker", rule, NOW)


def counts_of(path, night, **settings):
    """A night's metrics, by (name, node), and its notes."""
    reading = BrokerCounts(BrokerCounts.Settings(path=path, **settings), asked()).read(night)
    return {
        (row.name, row.node if isinstance(row.node, str) else ""): row.value
        for row in reading.metrics.itertuples(index=False)
    }, reading.notes


def listed(path, night=SEPTEMBER, rule=UTC, **settings):
    """The Reading of a night from a listing."""
    return BucketListing(BucketListing.Settings(path=path, **settings), asked(rule)).read(night)


def metric(reading, name, node=None):
    rows = reading.metrics[
        (reading.metrics["name"] == name)
        & (reading.metrics["node"].isna() if node is None else reading.metrics["node"] == node)
    ]
    (value,) = rows["value"]
    return value


# --- counts ----------------------------------------------------------------------------------------------------------


def test_site_of_pitt_google(tmp_path, shared_data):
    """The real counts, end to end: 24 December is an error, the 27th a replay, 1 January has no data, and no zero."""
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
    later = NOW + datetime.timedelta(days=365)  # nights that are yet to come stand on no index
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=later) == 0
    told = nights(tmp_path / "site" / "notes")
    assert {night: row["status"] for night, row in told.items()} == {
        "2020-12-22": "warning",
        "2020-12-23": "warning",
        "2020-12-24": "error",
        "2020-12-27": "warning",
        "2020-12-28": "normal",
        "2021-01-01": "warning",
    }
    assert told["2020-12-24"]["info"] == "29,072 of 71,144 alerts stored: 40.9 %, 42,072 missing"
    assert told["2020-12-24"]["completeness"] == 29072 / 71144
    assert (
        "577,066 published of 288,533 produced: ×2: a replay; 283,911 of 288,533 alerts stored: 98.4 %"
        in told["2020-12-27"]["info"]
    )
    assert told["2021-01-01"]["info"].startswith("no data")
    assert told["2021-01-01"]["alerts_produced"] is None
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
    """Blanks, words, negative counts and numbers beyond float are "not available", each told in a note with its line; 1,234 is a number."""
    path = write(
        "counts.csv",
        '# produced by hand\nnight,alerts_produced,messages_published,avros_stored\n\n2020-12-24,"71,144",-5,1e999\n2020-12-25,many,,'
        + "9" * 400
        + "\n",
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
    """2021-12-1 is 1 December: it can be no other day. A cut line, and a date that is none, are notes on the last night."""
    path = write(
        "counts.csv",
        "\ufeffnight,alerts_produced,avros_stored\r\n2021-12-1,10,9\r\n2021-13-1,5,5\r\n2021-12-02,7,7\r\n2021-12-0",
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
    """Several programids of a night are its nodes, and their sum its count; a line that comes again replaces the first."""
    path = write(
        "daily.dat",
        "topic,num_alerts\nztf_20201224_programid1,5\nztf_20201224_programid2,3\nztf_20201224_programid2,4\nztf_20201225_programid1,8\n",
    )
    settings = {"counts": ["alerts_produced"], "columns": {"alerts_produced": "num_alerts"}}
    values, notes = counts_of(path, CHRISTMAS, **settings)
    assert values == {
        ("alerts_produced", ""): 9,
        ("alerts_produced", "programid1"): 5,
        ("alerts_produced", "programid2"): 4,
    }
    assert len(notes) == 1 and "line 4: the night stands here again" in notes[0]
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
    """An empty file, or one that lacks a column, is an error that names it, and the nearest column that is there."""
    path = write("counts.csv", text)
    with pytest.raises(SourceError, match=said.replace("?", r"\?")) as caught:
        counts_of(path, CHRISTMAS, columns={"avros_stored": "avros_stored"})
    assert str(path) in str(caught.value)


# --- listings --------------------------------------------------------------------------------------------------------


def test_three_generations_of_names(write):
    """Each form of name gives the night; candid gives the time of the exposure, the oldest form that of Kafka."""
    reading = listed(write("listing.txt", "\n".join(THREE_FORMS) + "\n"))
    assert (
        not reading.notes
        and metric(reading, "avros_stored") == 3
        and metric(reading, "stored_twice") == 0
    )
    assert metric(reading, "avros_stored", "programid1") == 2
    created = dict(
        zip(reading.files["name"], reading.files["created_at"].dt.strftime("%FT%T"), strict=True)
    )
    assert created == {
        "ztf_20210901_programid1_1630473226123.avro": "2021-09-01T05:13:46",
        "ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro": "2021-09-01T05:13:46",
        "1704217901115015002.avro": "2021-09-01T05:13:46",
    }
    assert set(reading.files["exposure"].dropna()) == {"1704217901"}


def test_candid_is_days_since_2017():
    """A candid's time, by an independent sum: also of the first thousand nights, whose candids have a digit less."""
    import pandas as pd

    made = exposed_at(pd.Series(["1704217901015015001", "531500000115010013", None], dtype="str"))
    assert made[0].to_pydatetime().replace(microsecond=0) == datetime.datetime(
        2021, 9, 1, 5, 13, 46, tzinfo=datetime.UTC
    )
    assert made[1].to_pydatetime() == datetime.datetime(2018, 6, 16, 12, tzinfo=datetime.UTC)
    assert made[2] is pd.NaT


def test_long_listing_and_twice(write):
    """Sizes and times of `gsutil ls -l`; an alert under two names, or in two versions, counts once, and is told."""
    other_name = f"{BUCKET}/ztf_20210901_programid1/ZTF18aamyaaj/1704217901015015001.avro"
    lines = [
        f"     65{n}  2021-09-01T05:23:0{n}Z  {name}"
        for n, name in enumerate([*THREE_FORMS, other_name])
    ]
    text = "\n".join(
        [
            f"{BUCKET}/ztf_20210901_programid1/:",
            "",
            *lines,
            lines[0] + "#1630473226000001  metageneration=1",
            "TOTAL: 5 objects, 3263 bytes (3.19 KiB)",
            "",
        ]
    )
    reading = listed(write("listing.txt.gz", text))
    assert not reading.notes, reading.notes
    assert metric(reading, "avros_stored") == 3 and metric(reading, "stored_twice") == 2
    assert reading.files["size_bytes"].max() == 653
    row = reading.files.set_index("name").loc[
        "ZTF18aamyaaj.1704217901015015001.ztf_20210901_programid1.avro"
    ]
    assert (
        row["size_bytes"] == 651
        and row["transferred_at"].isoformat() == "2021-09-01T05:23:01+00:00"
    )


def test_cut_and_odd_listings(write):
    """What names no alert is a note with its line; a long listing without its TOTAL may be cut; an empty one is no empty bucket."""
    odd = listed(
        write(
            "odd.txt",
            f"{THREE_FORMS[0]}\n{BUCKET}/index.html\nCommandException: <b>no\n{THREE_FORMS[1][:-7]}",
        )
    )
    assert (
        metric(odd, "avros_stored") == 1
        and len(odd.notes) == 1
        and "lines 2, 3, 4: no alert's file" in odd.notes[0]
    )
    cut = listed(write("cut.txt", f" 651  2021-09-01T05:23:01Z  {THREE_FORMS[0]}\n"))
    assert len(cut.notes) == 1 and "no TOTAL" in cut.notes[0]
    with pytest.raises(SourceError, match="is empty; did the listing fail"):
        listed(write("empty.txt", ""))
    broken = write("broken.txt.gz", "\n".join(THREE_FORMS * 50))
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(SourceError, match="gzip is cut"):
        listed(broken)


def test_nights_of_listings(write, tmp_path):
    """Between a listing's first and last night nothing stored is 0; beyond them, and in listings by night, it is unknown."""
    later = THREE_FORMS[1].replace("20210901", "20210903")
    path = write("listing.txt", f"{THREE_FORMS[0]}\n{later}\n")
    assert metric(listed(path, datetime.date(2021, 9, 2)), "avros_stored") == 0
    assert listed(path, datetime.date(2021, 9, 4)).metrics.empty
    pattern = tmp_path / "night_{night:%Y%m%d}.txt"
    write("night_20210901.txt", f"{THREE_FORMS[0]}\n{later}\n")
    source = BucketListing(BucketListing.Settings(path=pattern), asked())
    assert source.nights() == {SEPTEMBER}
    reading = source.read(SEPTEMBER)
    assert metric(reading, "avros_stored") == 1 and "1 alert of other nights" in reading.notes[0]
    assert source.read(datetime.date(2021, 9, 2)).metrics.empty
    known = source.look(SEPTEMBER, None)
    (tmp_path / "night_20210901.txt").unlink()
    with pytest.raises(SourceError, match="no longer there"):
        source.look(SEPTEMBER, known)


def test_rule_that_is_not_utc(write):
    """Topics are UTC dates: a stream with another rule is told so."""
    reading = listed(write("listing.txt", THREE_FORMS[0] + "\n"), rule=NightRule())
    assert "set night_rule to UTC" in reading.notes[0]


def test_counts_of_one_source_beside_another(write, tmp_path):
    """What one source produced is compared with what another's bucket holds; two that disagree are told, the worse is taken."""
    write("counts.csv", "night,alerts_produced,avros_stored\n2021-09-01,4,2\n2021-09-02,4,\n")
    write(
        "listing.txt.gz",
        "\n".join([*THREE_FORMS, THREE_FORMS[0].replace("20210901", "20210903")]) + "\n",
    )
    (tmp_path / "site.toml").write_text("""
[observing_monitor]
output_dir = "site"
[streams.broker]
night_rule = "UTC"
[[streams.broker.sources]]
type = "broker_counts"
name = "survey"
path = "counts.csv"
[[streams.broker.sources]]
type = "bucket_listing"
name = "bucket"
path = "listing.txt.gz"
""")
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=NOW) == 0
    told = nights(tmp_path / "site/broker")
    assert told["2021-09-01"]["status"] == "error" and told["2021-09-01"]["n_files"] == 3
    found = [
        (f["level"], f["text"], f["source"])
        for f in json.loads((tmp_path / "site/broker/2021-09-01.json").read_text())["findings"]
    ]
    assert ("error", "2 of 4 alerts stored: 50.0 %, 2 missing", "survey") in found, (
        "in doubt the worse"
    )
    assert ("warning", "sources disagree on avros_stored: bucket 3, survey 2", "survey") in found
    assert told["2021-09-02"]["info"] == "0 of 4 alerts stored: 0.0 %, 4 missing"
    assert (
        "no counts of this night yet" not in (tmp_path / "site/broker/2021-09-03.html").read_text()
    )


def test_tables_have_the_schema(write):
    """What both sources hand over has the columns and kinds of the schema, also where a night has nothing."""
    counts = write("counts.csv", "night,alerts_produced,avros_stored\n2021-09-01,4,2\n")
    listing = write("listing.txt", THREE_FORMS[0] + "\n")
    for night in (SEPTEMBER, datetime.date(2000, 1, 1)):
        for reading in (
            BrokerCounts(BrokerCounts.Settings(path=counts), asked()).read(night),
            listed(listing, night),
        ):
            for table, described in (
                (reading.metrics, columns.METRICS),
                (reading.files, columns.FILES),
            ):
                if table is not None:
                    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
                        c.name: columns.DTYPES[c.kind] for c in described
                    }


def test_example_settings(tmp_path):
    """The example's settings are such as the program takes, also those that are commented out."""
    text = (CHECKOUT / "examples/pitt_google.toml").read_text()
    path = tmp_path / "all.toml"
    path.write_text(re.sub(r"^# (?=\[\[|\w+ = )", "", text, flags=re.MULTILINE))
    streams = read.streams_of_file(path)
    assert [source.kind for source in streams[0].sources] == [
        "broker_counts",
        "broker_counts",
        "bucket_listing",
    ]
    for stream in streams:
        make_sources(stream, NOW)


def test_example_broker(tmp_path):
    """The example's broker: each of its incidents is told on its night, and on no other."""
    import broker

    first = datetime.date(2021, 8, 23)
    broker.make_broker(tmp_path / "broker", NOW, first)
    (tmp_path / "site.toml").write_text("""
[observing_monitor]
output_dir = "site"
[streams.alerts]
night_rule = "UTC"
[[streams.alerts.sources]]
type = "broker_counts"
path = "broker/counts.csv"
[[streams.alerts.sources]]
type = "bucket_listing"
path = "broker/listings/{night:%Y%m%d}.txt.gz"
""")
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=NOW) == 0
    told = nights(tmp_path / "site/alerts")
    assert len(told) == 10
    wrong = {
        (datetime.date.fromisoformat(night) - first).days: row["info"]
        for night, row in told.items()
        if row["status"] != "normal"
    }
    assert sorted(wrong) == [2, 5, 7]
    assert "missing" in wrong[2] and "×2: a replay" in wrong[5] and wrong[7].startswith("no data")
    complete = [told[str(first + datetime.timedelta(days=n))]["completeness"] for n in (0, 2, 5, 7)]
    assert complete[0] == complete[2] == 1 and 0.4 < complete[1] < 0.42 and complete[3] is None
    assert (
        told["2021-08-31"]["stored_twice"] == 25
        and told["2021-08-31"]["avros_stored"] == told["2021-08-31"]["alerts_produced"]
    )
    assert 480 < told["2021-08-31"]["transfer_delay_median_s"] < 600
