"""Lasair: its counts and times from files and from its table, with their meaning, and what is wrong with them."""

import datetime
import html
import json
import os
import re
import runpy
import shutil
import socket
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
from running import nights, run

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.metrics.recorder import Metrics, Timer
from observing_monitor.model import columns, frames
from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.readers.sql import Database
from observing_monitor.sources.base import Asked
from observing_monitor.sources.lasair import Lasair, metrics_of, number_of, split_key

NID = 2559
NIGHT = datetime.date(2024, 1, 4)
NOW = datetime.datetime(2024, 1, 4, 13, tzinfo=datetime.UTC)
TABLE = "CREATE TABLE lasair_statistics (nid int NOT NULL, name VARCHAR(32), value FLOAT DEFAULT 0, PRIMARY KEY (nid, name))"


def source(now=NOW, rule="UTC", **settings):
    """The source, as a run at `now` makes it."""
    made = Lasair(Lasair.Settings(**settings), Asked("lasair", NightRule.parse(rule), now))
    made.name = "lasair"
    return made


def site(folder, **settings):
    """A settings file with one stream of this source; its path."""
    path = folder / "site.toml"
    lines = [
        f"{key} = {value if isinstance(value, (int, float)) else json.dumps(str(value))}"
        for key, value in settings.items()
    ]
    head = '[observing_monitor]\noutput_dir = "www"\n[streams.broker]\nnight_rule = "UTC"\n[[streams.broker.sources]]\ntype = "lasair"\n'
    path.write_text(head + "\n".join(lines))
    return path


def page(folder, night=NIGHT):
    """The words of a night's page."""
    text = Path(folder, "www", "broker", f"{night}.html").read_text()
    text = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def stored(folder, night=NIGHT):
    """The night's metrics in the store."""
    return pd.read_parquet(
        Path(folder, "www", "data", "stream=broker", f"night={night}", "metrics.parquet")
    )


def rows(raw):
    """Name and node -> value and text, of raw keys."""
    made, _ = metrics_of(raw, NOW)
    return {
        (r.name_, None if pd.isna(r.node) else r.node): (
            r.value,
            None if pd.isna(r.text) else r.text,
        )
        for r in made.rename(columns={"name": "name_"}).itertuples()
    }


def findings(raw, **settings):
    """What is found in a night with these raw keys: pairs of level and text."""
    metrics, _ = metrics_of(raw, NOW)
    tables = Tables(frames.empty(columns.FILES), frames.empty(columns.INGESTS), metrics)
    return [
        (found.level, found.text)
        for found in Lasair.check(NIGHT, tables, Lasair.Settings(path=Path("x"), **settings))
    ]


# --- end to end --------------------------------------------------------------------------------------------------------


def test_documented_night(tmp_path, shared_data):
    """The documented file is shown whole: numbers with their meaning and unit, −1 and "-1.0" as not available, the checks."""
    settings = site(tmp_path, path=shared_data / "lasair")
    assert run("-c", settings, now=NOW) == 0
    night = nights(tmp_path / "www" / "broker")["2024-01-04"]
    assert (
        night["status"],
        night["today_alert"],
        night["today_filter"],
        night["today_filter_out"],
    ) == ("normal", 4000, 4000, 1424)
    assert night["today_lsst"] is None and night["min_delay"] is None
    words = page(tmp_path)
    assert (
        "icassandra Ingest: time spent this night on storing alerts in Cassandra, by node – "
        in words
        and " 110.3 " in words
    )
    assert "today_alert Alerts that the ingest stage received 4,000 – 01-04 12:16:08" in words
    assert "min_delay Time since the most recent alert not available (-1.0) – h" in words
    assert "counts agree: today_filter and today_alert 4,000" in words
    assert "35.6 % of the alerts: today_filter_out 1,424 of today_filter 4,000" in words
    assert "not available: min_delay, today_lsst, total_count" in words
    metrics = stored(tmp_path)
    documented = json.loads((shared_data / "lasair" / f"status_{NID}.json").read_text())
    assert len(metrics) == len(documented) - len(("nid", "update_time"))
    assert set(metrics["sampled_at"]) == {pd.Timestamp("2024-01-04T12:16:08Z")}
    before = (tmp_path / "www" / "broker" / "2024-01-04.html").stat().st_mtime_ns
    assert run("-c", settings, now=NOW) == 0
    assert (tmp_path / "www" / "broker" / "2024-01-04.html").stat().st_mtime_ns == before


@pytest.mark.parametrize("form", ["files", "table"])
def test_what_programs_write_is_shown(tmp_path, request, form):
    """What ingest and filter programs record stands on the night's page, its meaning beside it; each run adds a sample."""
    if form == "files":
        where, settings = tmp_path / "status", {"path": tmp_path / "status"}
    else:
        where = request.getfixturevalue("mariadb").create("lasair")
        settings = {"url": where}
    metrics, timer = Metrics(where, create=True), Timer("icassandra", node=3)
    with timer:
        pass
    metrics.add({"today_alert": 2000, "today_filter": 1500, "today_filter_out": 300}, NIGHT)
    timer.add_to(metrics, NID)
    metrics.close()
    toml = site(tmp_path, **settings)
    first = stored_after(run("-c", toml, now=NOW), tmp_path)
    assert set(first["name"]) == {"today_alert", "today_filter", "today_filter_out", "icassandra"}
    words = page(tmp_path)
    assert (
        "today_alert Alerts that the ingest stage received 2,000 –" in words
        and "on storing alerts in Cassandra, by node – 3 :" in words
    )
    assert (
        "500 of 2,000 ingested alerts were not filtered (25.0 %): today_filter 1,500, today_alert 2,000"
        in words
    )
    assert nights(tmp_path / "www" / "broker")["2024-01-04"]["status"] == "warning"
    assert run("metrics", "add", where, "2024-01-04", "today_filter=500") == 0
    if form == "files":  # as if a minute had passed
        path = tmp_path / "status" / f"status_{NID}.json"
        path.write_text(
            re.sub(
                r'"update_time": "[^"]*"', '"update_time": "2030-01-04T12:17:08"', path.read_text()
            )
        )
    second = stored_after(run("-c", toml, now=NOW + datetime.timedelta(minutes=5)), tmp_path)
    assert second[second["name"] == "today_filter"]["value"].tolist() == [1500, 2000]
    assert nights(tmp_path / "www" / "broker")["2024-01-04"]["status"] == "normal"
    assert "secret" not in words and str(where) not in Path(
        tmp_path, "www", "broker", "2024-01-04.html"
    ).read_text().replace(str(tmp_path / "status"), "")


def stored_after(code, folder):
    """The stored metrics, after a run that went well."""
    assert code == 0
    return stored(folder)


def test_names_that_others_wrote_are_text(tmp_path):
    """Quotes and tags in names and values stand on the page as they are, and do nothing."""
    folder = tmp_path / "status"
    folder.mkdir()
    nasty = {
        '<script>alert("1")</script>_0': 3,
        "note": "<img src=x onerror=alert(1)>",
        "it's 100 % ; --": 5,
        "deep": {"<b>": [1]},
    }
    (folder / f"status_{NID}.json").write_text(
        json.dumps({"update_time": "2024-01-04T12:00:00"} | nasty)
    )
    run("-c", site(tmp_path, path=folder), now=NOW)
    text = Path(tmp_path, "www", "broker", "2024-01-04.html").read_text()
    assert "<script>alert" not in text and "<img src=x" not in text
    words = page(tmp_path)
    assert (
        '<script>alert("1")</script> – 0 : 3' in words
        and "<img src=x onerror=alert(1)>" in words
        and "deep is dict, not a number" in words
    )


# --- files -------------------------------------------------------------------------------------------------------------


def test_file_cut_short_keeps_what_was_known(tmp_path, shared_data):
    """A file cut short is an error that names it; what was read before stays on the page; whole again, it is read."""
    folder = tmp_path / "status"
    folder.mkdir()
    path = Path(shutil.copy(shared_data / "lasair" / f"status_{NID}.json", folder))
    whole, settings = path.read_text(), site(tmp_path, path=folder)
    assert run("-c", settings, now=NOW) == 0
    for damaged in (whole[:300], "", "[]", "[" * 100_000):
        path.write_text(damaged)
        assert run("-c", settings, now=NOW) == 1
        night = nights(tmp_path / "www" / "broker")["2024-01-04"]
        assert (
            night["status"] == "error"
            and night["today_alert"] == 4000
            and str(path) in night["info"]
        )
    assert len(stored(tmp_path)) == 28
    path.write_text(whole.replace("4000", "4500"))
    assert run("-c", settings, now=NOW) == 0
    assert nights(tmp_path / "www" / "broker")["2024-01-04"]["today_alert"] == 4500


def test_purged_files_stay_known(tmp_path, shared_data):
    """A file, or the folder, that is no longer there leaves what is known of its night, and says so."""
    folder = tmp_path / "status"
    folder.mkdir()
    shutil.copy(shared_data / "lasair" / f"status_{NID}.json", folder)
    settings = site(tmp_path, path=folder)
    assert run("-c", settings, now=NOW) == 0
    for purge in (lambda: os.unlink(folder / f"status_{NID}.json"), folder.rmdir):
        purge()
        assert run("-c", settings, now=NOW) == 1
        night = nights(tmp_path / "www" / "broker")["2024-01-04"]
        assert (
            night["status"] == "error"
            and night["today_alert"] == 4000
            and str(folder) in night["info"]
        )


def test_file_locked_by_lasairs_writer(tmp_path):
    """Lasair's older writer renames the file to .lock while it works: that is waited for, and no end of the night."""
    (tmp_path / f"status_{NID}.lock").write_text("{}")
    with pytest.raises(SourceError, match=r"status_2559\.lock"):
        source(path=tmp_path).look(NIGHT, None)
    (tmp_path / f"status_{NID}.lock").rename(tmp_path / f"status_{NID}.json")
    assert source(path=tmp_path).look(NIGHT, None)


def test_nights_of_a_folder(tmp_path):
    """The nights are those of the files' names; what is being written beside, and other files, are none."""
    for name in (
        "status_2559.json",
        "status_0.json",
        ".status_2560.json.new",
        "status_2561.lock",
        "status_x.json",
        "status_02559.json",
        "notes.json",
    ):
        (tmp_path / name).write_text("{}")
    assert source(path=tmp_path).nights() == {NIGHT, datetime.date(2017, 1, 1)}
    assert source(path=tmp_path).look(datetime.date(2024, 1, 5), None) is None
    assert len(source(path=tmp_path).read(datetime.date(2024, 1, 5)).metrics) == 0


@pytest.mark.parametrize(
    ("said", "zone", "sampled_at", "odd"),
    [
        ('"2024-01-04T12:16:08"', "UTC", "2024-01-04T12:16:08Z", ""),
        ('"2024-01-04T12:16:08"', "Pacific/Honolulu", "2024-01-04T22:16:08Z", ""),
        ('"2024-01-04T12:16:08+01:00"', "Pacific/Honolulu", "2024-01-04T11:16:08Z", ""),
        ('"2021-12-1"', "UTC", "2024-01-04T12:30:00Z", "update_time '2021-12-1' is no time"),
        ('"0001-01-01T00:00:00+14:00"', "UTC", "2024-01-04T12:30:00Z", "is no time"),
        ("5", "UTC", "2024-01-04T12:30:00Z", "update_time 5 is no time"),
        ("null", "UTC", "2024-01-04T12:30:00Z", ""),
    ],
)
def test_update_time(tmp_path, said, zone, sampled_at, odd):
    """A sample is of its update_time, in the zone that the settings say; without one that can be read, of the file's own time."""
    path = tmp_path / f"status_{NID}.json"
    path.write_text(f'{{"nid": 2559, "update_time": {said}, "today_alert": 1}}')
    os.utime(path, (1704371400, 1704371400))  # 2024-01-04 12:30 UTC
    reading = source(path=tmp_path, zone=zone).read(NIGHT)
    assert reading.metrics["sampled_at"].tolist() == [pd.Timestamp(sampled_at)]
    assert odd in "".join(reading.notes) and bool(odd) == bool(reading.notes)
    assert reading.append


def test_file_of_another_night(tmp_path):
    """A file whose nid is not its name's is of the night of its name, with a note."""
    (tmp_path / f"status_{NID}.json").write_text('{"nid": 2558, "today_alert": 1}')
    assert "says that it is of night 2558" in source(path=tmp_path).read(NIGHT).notes[0]


@pytest.mark.parametrize(
    ("rule", "is_odd"), [("UTC-12h", True), ("TAI-12h", True), ("UTC", False), ("UTC+4h", False)]
)
def test_night_rule_by_which_a_night_is_late(tmp_path, rule, is_odd):
    """A rule by which a night begins hours after its nid did is told of, with the one to set; a night without numbers says nothing."""
    (tmp_path / f"status_{NID}.json").write_text('{"today_alert": 1}')
    notes = source(path=tmp_path, rule=rule).read(NIGHT).notes
    assert bool(notes) == is_odd and all(note.endswith("set night_rule to UTC") for note in notes)
    assert source(path=tmp_path, rule=rule).read(datetime.date(2024, 1, 3)).notes == []


@pytest.mark.parametrize(
    "settings",
    [{}, {"path": Path("x"), "url": "mysql://h/d"}, {"path": Path("x"), "zone": "Mars/Olympus"}],
)
def test_settings_that_cannot_be(settings):
    """Neither or both of path and url, and a zone that is none, are refused."""
    with pytest.raises(UsageError):
        source(**settings)


# --- keys and values ---------------------------------------------------------------------------------------------------


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
    """A key's ending is its node, an older name is today's, and a topic's counts are by topic."""
    assert split_key(key) == (name, node)


@pytest.mark.parametrize(
    "nodes", [range(10), range(1, 4), range(12), ["Z"], [0, "Z"], ["ingest-a"]]
)
def test_no_node_is_dropped(nodes):
    """Every node has its row, even where 0 to 9 are all there (Lasair's own page drops them), and where there is no 0."""
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
    """What the programs write when they don't know is no number, and the page says so."""
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
    """Nought is a number, and so is text of one."""
    assert number_of(raw) == (number, "")


@pytest.mark.parametrize(
    ("raw", "words"),
    [("up", "up"), ("1_000", "1_000"), (True, "true"), ({"a": 1}, '{"a": 1}'), ("٣", "٣")],
)
def test_texts(raw, words):
    """What is no number stays as text."""
    value, text = number_of(raw)
    assert value != value and text == words


def test_older_and_newer_name():
    """Both names of one number are one row; today's counts, unless only the older has a number; where they differ it is told."""
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
    """Timers are in seconds, the delay in hours, bytes in bytes; counts have no unit. Every known name has a meaning."""
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


# --- checks ------------------------------------------------------------------------------------------------------------


def test_counts_that_agree_not():
    """A stage that has less, or more, than the one before is a warning with both numbers; issued and ingested are compared too."""
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
        "1,000 of 5,000 issued alerts were not ingested (20.0 %): today_alert 4,000, today_lsst 5,000",
        "today_filter 8,000 is more than today_alert 4,000, ×2.00: something was counted twice",
        "10 of 100 received detections were not stored (10.0 %): diaSourceDB 90, diaSource 100",
    ]
    assert (
        "normal",
        "the filters sent on 0.0 % of the alerts: today_filter_out 0 of today_filter 8,000",
    ) in findings(raw)


def test_counts_not_available_are_not_compared():
    """A count that is not available is told, and nothing is compared with it; nought is compared."""
    assert findings({"today_ztf": -1, "today_alert": 4000, "today_filter": 1e9}) == [
        ("normal", "not available: today_lsst, today_filter")
    ]
    assert findings({"today_alert": 4000, "today_filter": 0})[0] == (
        "warning",
        "4,000 of 4,000 ingested alerts were not filtered (100.0 %): today_filter 0, today_alert 4,000",
    )
    assert findings({"today_alert": 0, "today_filter": 0}) == [
        ("normal", "counts agree: today_filter and today_alert 0")
    ]
    assert findings({"today_alert": 0, "today_filter": 3})[0][0] == "warning"


def test_count_tolerance():
    """What lies within the stream's tolerance is told, and is no warning."""
    raw = {"today_alert": 4000, "today_filter": 3980}
    assert [level for level, _ in findings(raw, count_tolerance=0.01)] == ["normal"]
    assert [level for level, _ in findings(raw, count_tolerance=0.001)] == ["warning"]


def test_a_node_out_of_line():
    """A node that took more than three times the median of the others is named, with its timer and how many times."""
    raw = {f"icassandra_{n}": seconds for n, seconds in enumerate((100, 110, 105, 420))} | {
        f"itotal_{n}": 500 for n in range(4)
    }
    assert findings(raw) == [
        (
            "warning",
            "node 3 is out of line: icassandra 420 s, 4 times the median of the other nodes (105 s)",
        )
    ]
    assert findings(raw, node_ratio=5.0) == []
    assert (
        findings({f"icassandra_{n}": s for n, s in enumerate((1, 2, 9))}) == []
    )  # a few seconds are nobody's fault
    assert findings({"icassandra_0": 100, "icassandra_1": 20})[0][1].startswith(
        "node 0 is out of line: icassandra 100 s, 5 times"
    )
    assert (
        findings({"icassandra_0": 100, "icassandra_1": -1})
        == []
        == findings({"icassandra_0": 1000})
    )


def test_an_idle_node():
    """Of three or more nodes, the one that did next to nothing is named; one that is merely quicker, or beside a slow one, is not."""
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
    """Checks look at the latest value of each metric, not at the history."""
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


# --- the table ---------------------------------------------------------------------------------------------------------


def test_lasairs_own_table(mariadb):
    """Lasair's table, with its 4-byte FLOAT: every digit it has is read, 140.8 is 140.8, and its row nid is no metric."""
    url = mariadb.create("lasair")
    mariadb.execute(
        TABLE,
        "INSERT INTO lasair_statistics VALUES (2559,'nid',2559), (2559,'today_alert',1234567), (2559,'diaSource',16777217), "
        "(2559,'itotal_0',140.8),"
        " (2559,'today_lsst',-1), (2559,'min_delay',1e9), (2559,'x',NULL), (2558,'today_alert',1), (-3,'a',1), (2000000000,'a',1)",
        database="lasair",
    )
    lasair = source(url=url)
    assert lasair.nights() == {NIGHT, datetime.date(2024, 1, 3)}
    reading = lasair.read(NIGHT)
    values = reading.metrics.set_index("name")["value"]
    assert (values["today_alert"], values["diaSource"], values["itotal"]) == (
        1234567,
        16777216,
        140.8,
    )
    assert values[["today_lsst", "min_delay", "x"]].isna().all() and "nid" not in values
    assert (
        set(reading.metrics["sampled_at"]) == {pd.Timestamp(NOW)}
        and reading.append
        and reading.notes == []
    )


def test_a_look_tells_of_any_change(mariadb):
    """A look differs when a number does, and else not; rows that were deleted leave what is known as it was."""
    url = mariadb.create("lasair")
    with Metrics(url, create=True) as metrics:
        assert metrics.read(NID) == {} and source(url=url).look(NIGHT, None) is None
        metrics.set({"today_alert": 1, "itotal_0": 2.5}, NID)
        first = source(url=url).look(NIGHT, None)
        assert first == source(url=url).look(NIGHT, first) == json.loads(json.dumps(first))
        metrics.add({"itotal_0": 0.25}, NID)
        assert source(url=url).look(NIGHT, first) != first
        metrics.delete(NID)
        with pytest.raises(SourceError, match="night 2559 of lasair_statistics is no longer there"):
            source(url=url).look(NIGHT, first)


def test_another_tables_name(mariadb):
    """The table may have another name, in another database of the server, whatever letters it has."""
    url = mariadb.create("lasair")
    mariadb.create("other")
    mariadb.execute(
        TABLE.replace("lasair_statistics", "`odd-name`"),
        "INSERT INTO `odd-name` VALUES (2559, 'today_alert', 5)",
        database="other",
    )
    assert source(url=url, table="other.odd-name").read(NIGHT).metrics["value"].tolist() == [5]


def test_a_table_that_lacks_a_column(mariadb, tmp_path):
    """A table without its column, and one that is not there, are told with the table's place and without the password."""
    url = mariadb.create("lasair")
    for prepare, words in (
        ("SELECT 1", "doesn't exist"),
        ("CREATE TABLE lasair_statistics (nid int, name text)", "Unknown column 'value'"),
    ):
        mariadb.execute(prepare, database="lasair")
        with pytest.raises(SourceError, match=words) as caught:
            source(url=url).look(NIGHT, None)
        assert "secret" not in str(caught.value) and f"127.0.0.1:{mariadb.port}/lasair" in str(
            caught.value
        )


def test_a_source_only_reads(mariadb):
    """The source's connection can't write, whatever its user may."""
    url = mariadb.create("lasair")
    mariadb.execute(TABLE, database="lasair")
    with pytest.raises(SourceError, match="READ ONLY"), Database(url).connect() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO lasair_statistics VALUES (1, 'a', 1)"))


def test_a_server_that_is_down_slow_or_refuses(mariadb, tmp_path, capfd):
    """Whatever the server does, the night stays as known, the page says why, and no password is anywhere."""
    with Metrics(mariadb.create("lasair"), create=True) as metrics:
        metrics.set({"today_alert": 4000}, NID)
    assert run("-c", site(tmp_path, url=mariadb.url("lasair")), now=NOW) == 0
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        slow = mariadb.url("lasair", "hunter2").replace(str(mariadb.port), str(port))
        refused, settings = mariadb.url("lasair", "hunter2"), {"name": "lasair"}
        for url, words in ((slow, "timed out"), (refused, "denied")):
            assert run("-c", site(tmp_path, url=url, timeout_s=1, **settings), now=NOW) == 1
            night = nights(tmp_path / "www" / "broker")["2024-01-04"]
            assert (
                night["status"] == "error"
                and night["today_alert"] == 4000
                and words in night["info"]
            )
    assert run("-c", site(tmp_path, url=slow, timeout_s=1, **settings), now=NOW) == 1
    assert "refused" in nights(tmp_path / "www" / "broker")["2024-01-04"]["info"]
    for path in (tmp_path / "www").rglob("*"):
        if path.is_file():
            assert (
                b"hunter2" not in path.read_bytes()
                and mariadb.password.encode() not in path.read_bytes()
            )
    assert "hunter2" not in "".join(capfd.readouterr())


# --- the example -------------------------------------------------------------------------------------------------------


def test_example(tmp_path):
    """The example's settings work as they stand, on its own nights, and show its three incidents."""
    from conftest import CHECKOUT

    (tmp_path / "examples").mkdir()
    settings = Path(shutil.copy(CHECKOUT / "examples" / "lasair.toml", tmp_path / "examples"))
    runpy.run_path(CHECKOUT / "examples" / "lasair_status.py")["make_status"](
        tmp_path / "lasair" / "status", NOW
    )
    assert run("-c", settings, "--num_days", "10", now=NOW) == 0
    told = list(nights(tmp_path / "lasair" / "site" / "lasair").values())
    told.sort(key=lambda night: night["night"])
    assert [night["status"] for night in told] == [
        "warning" if n in (3, 5) else "normal" for n in range(10)
    ]
    assert (
        "not filtered (8.3 %)" in told[3]["info"]
        and "node 2 is out of line" in told[5]["info"]
        and told[7]["today_lsst"] is None
    )


def test_half_of_a_character(tmp_path):
    """Half of a character in a name or a value, as a cut message leaves it, hides no other number."""
    (tmp_path / f"status_{NID}.json").write_text(
        '{"today_lsst": 100, "say\\ud83d": "lone \\ud83d"}'
    )
    metrics = source(path=tmp_path).read(NIGHT).metrics
    assert metrics.set_index("name")["value"]["today_lsst"] == 100 and "lone \\ud83d" in set(
        metrics["text"]
    )
    (tmp_path / f"status_{NID}.json").write_bytes(
        b'{"today_lsst": 100, "say": "lone \xed\xa0\xbd"}'
    )  # the same, as some programs write it
    assert "lone \\ud83d" in set(source(path=tmp_path).read(NIGHT).metrics["text"])
