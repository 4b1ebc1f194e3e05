"""Remarks from tables and queries, by a mapping of their columns."""

import datetime
import json

import exposure_tables
import pandas as pd
import pytest
import remark_tables
from conftest import CHECKOUT
from night_tables import plain

from observing_monitor.collecting.sources import make_sources
from observing_monitor.errors import UsageError
from observing_monitor.model import columns
from observing_monitor.model.nights import NightRule
from observing_monitor.model.reading import Tables
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.sql_query import SqlQuery
from observing_monitor.sources.table import Table
from observing_monitor.tables import merge
from observing_monitor.tables.remarks import versions_of

NIGHT = datetime.date(2024, 11, 4)
NOW = datetime.datetime(2024, 11, 6, tzinfo=datetime.UTC)


def utc(text):
    """Return an instant."""
    return pd.Timestamp(text, tz="UTC")


def table(path, rule="UTC-12h", **settings):
    """Return a source on a path."""
    asked = Asked("any", NightRule.parse(rule), NOW)
    return Table(Table.Settings(path=path, feeds="remarks", **settings), asked)


def remarks_of(folder, rows, **settings):
    """Return the reading of a JSON file of one night."""
    (folder / "2024-11-04.json").write_text(json.dumps(rows))
    theirs = {"columns": {"text": "text"}, **settings}
    return table(folder / "{night}.json", **theirs).read(NIGHT)


# --- the examples ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The sources of the example, by name, with made tables."""
    folder = tmp_path_factory.mktemp("remarks")
    text = (CHECKOUT / "examples" / "remarks.toml").read_text()
    (folder / "remarks.toml").write_text(text)
    remark_tables.make_database(folder / "remarks.sqlite3")
    remark_tables.make_tables(folder)
    remark_tables.make_notes(folder / "notes")
    streams = read.streams_of_file(folder / "remarks.toml")
    return {one.name: one for stream in streams for one in make_sources(stream, NOW)}


def current(source):
    """Return the remarks of a night that count, and all."""
    assert source.look(NIGHT, None) is not None
    reading = source.read(NIGHT)
    assert not reading.notes and not any(one.n_left_out for one in reading.counts.values())
    stored = merge.update(Tables.empty(), {source.name: reading}).remarks
    return versions_of(stored), reading


def test_exposurelog(example):
    """Edits replace what they edit, and deleted remarks do not count."""
    found, reading = current(example["exposurelog"])
    junk = ("AT_O_20241104_000017", "guider lost, star out of the slit", "warning", "junk")
    fine = ("AT_O_20241104_000023", "fine again", "info", "none")
    assert plain(found.current, "exposure", "text", "level", "flag") == [junk, fine]
    assert plain(found.current, "author", "tags") == [("observer", "guider"), ("observer", None)]
    assert dict(plain(found.older, "remark_id", "current_id")) == {
        "20241104-1": "20241104-2",
        "20241104-4": None,
    }
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (4, 0)


def test_narrativelog(example):
    """Times are TAI, the time lost is in hours."""
    found, _ = current(example["narrativelog"])
    clouds, rotator, seeing = found.current.to_dict("records")
    assert clouds["begin_at"] == utc("2024-11-05 01:00") == clouds["end_at"] - pd.Timedelta("90min")
    assert (clouds["time_lost_s"], clouds["time_lost_type"]) == (5400.0, "weather")
    assert (rotator["time_lost_s"], rotator["time_lost_type"]) == (900.0, "fault")
    assert rotator["level"] == "urgent" and rotator["urls"] == "https://tickets.example/7"
    assert seeing["time_lost_s"] == 0 and pd.isna(seeing["time_lost_type"])
    assert seeing["level"] == "info" and pd.isna(seeing["urls"])


def test_nightreport(example):
    """Each text of a report is a remark on the night; an empty one is none."""
    found, _ = current(example["nightreport"])
    assert dict(plain(found.current, "category", "text")) == {
        "summary": "Half a night of spectra, then clouds.",
        "weather": "Clouds from 1 h to 2.5 h UTC.",
        "auxiliary telescope": "Spectra of standard stars.",
    }
    assert found.current["begin_at"].isna().all()
    assert set(found.current["urls"]) == {"https://reports.example/night"}


def test_obslog_comment(example):
    """A comment belongs to the night of its exposure."""
    found, _ = current(example["obslog"])
    assert plain(found.current, "exposure", "text") == [("GS-CAL20241104-1-002", "lamp was off")]


def test_comments_of_desi(example):
    """Exposures without a comment are no remarks; the bars are cut."""
    found, reading = current(example["comments"])
    rows = exposure_tables.exposures_of(NIGHT)
    said = [str(row["EXPID"]) for row in rows if row["COMMENTS"] != "|"]
    assert said and found.current["exposure"].tolist() == said
    assert set(found.current["text"]) == {"clouds"}
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (len(rows), 0)


def test_notes(example):
    """Times of the notes are those of Chile."""
    found, _ = current(example["notes"])
    timed = found.current.dropna(subset=["begin_at"])
    assert timed["begin_at"].tolist() == [
        *[utc("2024-11-05 00:10"), utc("2024-11-05 01:00"), utc("2024-11-05 03:20")]
    ]
    assert timed["end_at"].dropna().tolist() == [utc("2024-11-05 02:30")]
    assert len(found.current) == 5


# --- words and values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "level"),
    [
        *[("INFO", "info"), (" Warning ", "warning"), ("error", "urgent"), ("urgent", "urgent")],
        *[(10, "info"), (20, "info"), (30, "warning"), (39, "warning"), (40, "urgent")],
        *[(None, "info"), ("", "info"), ("hot", "urgent"), (25, "warning")],
    ],
)
def test_levels(tmp_path, word, level):
    """Levels are words or numbers; those of the settings come first."""
    own = {"columns": {"text": "text", "level": "l"}, "levels": {"Hot": "urgent", "25": "warning"}}
    reading = remarks_of(tmp_path, [{"text": "a", "l": word}, {"text": "b", "l": "info"}], **own)
    assert reading.remarks["level"].tolist() == [level, "info"] and not reading.notes


@pytest.mark.parametrize(
    ("word", "flag", "note"),
    [
        *[("junk", "junk", ""), ("BAD|", "junk", ""), ("suspect", "questionable", "")],
        *[(None, "none", ""), ("good", "none", ""), ("trash", "junk", "")],
        ("odd", "questionable", "'odd': no flag of ours; add it to flags; taken as questionable"),
    ],
)
def test_flags(tmp_path, word, flag, note):
    """An unknown flag is questionable, with a note."""
    own = {"columns": {"text": "text", "flag": "f"}, "flags": {"trash": "junk"}}
    reading = remarks_of(tmp_path, [{"text": "a", "f": word}], **own)
    assert reading.remarks["flag"].tolist() == [flag]
    assert [one.partition(": ")[2] for one in reading.notes] == [note] * bool(note)


def test_unknown_level_is_noted(tmp_path):
    """A level that nobody knows is information, with a note."""
    own = {"columns": {"text": "text", "level": "l"}}
    reading = remarks_of(tmp_path, [{"text": "a", "l": "x"}], **own)
    (note,) = reading.notes
    assert note.endswith("row 1: 'x': no level of ours; add it to levels; taken as info")


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1.5), ("min", 90.0), ("h", 5400.0)])
def test_time_lost(tmp_path, unit, seconds):
    """The time lost has a unit, and a reason if it is not zero."""
    rows = [
        {"text": "a", "lost": 1.5, "why": "rain"},
        {"text": "b", "lost": 1.5, "why": None},
        {"text": "c", "lost": 0, "why": None},
        {"text": "d", "lost": -1, "why": "FAULT"},
        {"text": "e", "lost": 1.5, "why": "ghosts"},
    ]
    own = {
        "columns": {"text": "text", "time_lost_s": "lost", "time_lost_type": "why"},
        "time_lost_types": {"rain": "weather"},
        "time_lost_unit": unit,
    }
    reading = remarks_of(tmp_path, rows, **own)
    assert plain(reading.remarks, "time_lost_s", "time_lost_type") == [
        (seconds, "weather"),
        (seconds, "other"),
        (0.0, None),
        (None, "fault"),
        (seconds, "other"),
    ]
    assert ["below zero" in note or "'ghosts'" in note for note in reading.notes] == [True, True]


@pytest.mark.parametrize(
    ("tags", "made"),
    [
        (["a b", "c"], "a b\nc"),
        ('["a", "c"]', "a\nc"),
        ('{"a b",c}', "a b\nc"),
        ("a, c;", "a\nc"),
        ("[not json", "[not json"),
        *[("", None), ("[]", None), ([], None), (None, None), (7, "7")],
    ],
)
def test_lists(tmp_path, tags, made):
    """Tags are a list, JSON, an array of PostgreSQL, or have separators."""
    own = {"columns": {"text": "text", "tags": "t"}}
    rows = [{"text": "a", "t": tags}, {"text": "b", "t": "x"}]
    assert plain(remarks_of(tmp_path, rows, **own).remarks, "tags") == [made, "x"]


def test_addresses(tmp_path):
    """Addresses may contain commas; blanks separate them."""
    own = {"columns": {"text": "text", "urls": "u"}}
    rows = [{"text": "a", "u": "https://a.example/1,2 https://a.example/3"}]
    made = remarks_of(tmp_path, rows, **own).remarks
    assert plain(made, "urls") == ["https://a.example/1,2\nhttps://a.example/3"]


def test_remark_ends_before_it_begins(tmp_path):
    """Such an end is ignored, with a note; ranges of exposures are kept."""
    rows = [
        {"text": "a", "b": "2024-11-05T02:00", "e": "2024-11-05T01:00", "x": 17, "y": 18},
        {"text": None, "b": None, "e": None, "x": 19, "y": None},
    ]
    names = {"begin_at": "b", "end_at": "e", "exposure": "x", "last_exposure": "y"}
    reading = remarks_of(tmp_path, rows, columns={"text": "text", **names})
    assert plain(reading.remarks, "begin_at", "end_at", "exposure", "last_exposure") == [
        (utc("2024-11-05 02:00"), None, "17", "18")
    ]
    assert [note.rpartition(": ")[2] for note in reading.notes] == [
        "end_at is before begin_at; ignored"
    ]


def test_flag_without_text_is_a_remark(tmp_path):
    """Junk is junk, also if nobody said why."""
    own = {"columns": {"text": "text", "flag": "f", "exposure": "x"}}
    rows = [{"text": "", "f": "junk", "x": "17"}, {"text": " ", "f": "none", "x": "18"}]
    assert plain(remarks_of(tmp_path, rows, **own).remarks, "exposure", "text") == [("17", None)]


def test_night_by_time(tmp_path):
    """A remark's time gives its night; without one it is left out."""
    path = tmp_path / "log.csv"
    path.write_text("t,said\n2024-11-05T11:59,in\n2024-11-05T12:00,next\n,never\n")
    source = table(path, columns={"begin_at": "t", "text": "said"})
    assert source.nights() == {NIGHT, NIGHT + datetime.timedelta(days=1)}
    reading = source.read(NIGHT)
    assert plain(reading.remarks, "text") == ["in"]
    assert reading.remarks["begin_at"].tolist() == [utc("2024-11-05 11:59")]
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (3, 1)
    assert counts.examples == [("line 4", "'t' is empty")]


def test_whole_table_has_our_columns(tmp_path):
    """A night without remarks has an empty table: that is an answer."""
    made = remarks_of(tmp_path, []).remarks
    assert made.empty and list(made) == [c.name for c in columns.REMARKS]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"columns": {"author": "a"}}, "nothing tells what was said; set columns.text"),
        ({"values": {"a": "b"}}, "values is for metrics"),
        ({"measures": {"a": "b"}}, "measures needs feeds"),
        (
            {"levels": {"a": "urgnt"}},
            "levels: 'urgnt' is no level of remarks; did you mean 'urgent'",
        ),
        ({"flags": {"a": "jnk"}}, "flags: 'jnk' is no flag of exposures; did you mean 'junk'"),
        ({"time_lost_types": {"a": "wind"}}, "time_lost_types: 'wind' is no reason of lost time"),
        ({"columns": {"text": "a", "txt": "b"}}, "our table of remarks has no column 'txt'"),
    ],
)
def test_settings_that_cannot_work(tmp_path, settings, words):
    """A wrong mapping names what is wrong."""
    made = {"columns": {"text": "a"}, **settings}
    with pytest.raises(UsageError, match=words.replace("'", ".")):
        table(tmp_path / "{night}.csv", **made)
    with pytest.raises(UsageError, match=words.replace("'", ".")):
        query = {"file": tmp_path / "x.db", "query": "select 1 where :night"}
        asked = Asked("any", NightRule.parse("UTC"), NOW)
        SqlQuery(SqlQuery.Settings(feeds="remarks", **query, **made), asked)
