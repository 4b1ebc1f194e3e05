"""CSV and JSON files with a mapping of their columns."""

import datetime
import json

import pytest
from running import counts, nights, run

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns
from observing_monitor.model.nights import NightRule
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.sources.base import Asked
from observing_monitor.sources.table import Table

NOW = datetime.datetime(2021, 12, 3, tzinfo=datetime.UTC)
FIRST = datetime.date(2021, 12, 1)
WIDE = {"night_column": "night", "values": {"seeing": "fwhm", "n_raw": "raws"}}


def table(path, rule="UTC", **settings):
    """Return a source on a path."""
    return Table(Table.Settings(path=path, **settings), Asked("any", NightRule.parse(rule), NOW))


def values(reading):
    """Return the metrics by name: a number, or the text in place of it."""
    return {
        row.name: row.value if row.value == row.value else row.text
        for row in reading.metrics.set_index("name", drop=False).itertuples(index=False)
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "night,fwhm,raws\n2021-12-1,0.8,12\n20211202,,\n"),
        ("t.csv.gz", "# a comment\nnight,fwhm,raws\n\n2021-12-1,0.8,12\n2021-12-02,,\n"),
        ("t.tsv", "night\tfwhm\traws\n2021-12-01\t0.8\t12\n2021-12-02\t\t\n"),
        (
            "t.json",
            json.dumps(
                [
                    {"night": "2021-12-01", "fwhm": 0.8, "raws": 12},
                    {"night": "2021-12-02", "fwhm": None},
                ]
            ),
        ),
        (
            "t.json",
            json.dumps(
                {"night": ["2021-12-01", "2021-12-02"], "fwhm": [0.8, None], "raws": [12, None]}
            ),
        ),
        ("t.jsonl.gz", '{"night": "2021-12-01", "fwhm": 0.8, "raws": 12}\n\n{"night": 20211202}\n'),
    ],
)
def test_formats(write, name, text):
    """Every format gives the same nights, plain or gzip."""
    source = table(write(name, text), **WIDE, units={"seeing": "arcsec"})
    assert source.nights() == {FIRST, datetime.date(2021, 12, 2)}
    first = source.read(FIRST)
    assert values(first) == {"seeing": 0.8, "n_raw": 12} and not first.notes
    assert set(first.metrics["unit"].dropna()) == {"arcsec"}
    assert values(source.read(datetime.date(2021, 12, 2))) == {
        "seeing": "no data",
        "n_raw": "no data",
    }
    assert source.read(datetime.date(2021, 12, 3)).metrics.empty


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("nid", "1795"),
        ("mjd", "59549.25"),
        ("%d/%m/%Y", "01/12/2021"),
        ("date", "2021-12-01T23:59:59Z"),
        ("date", "20211201.0"),
    ],
)
def test_ways_to_write_a_night(write, form, text):
    """Nights may be numbers, Modified Julian Dates or any pattern."""
    source = table(write("t.csv", f"night,fwhm,raws\n{text},1,2\n"), **WIDE, night_format=form)
    assert source.nights() == {FIRST}


def test_night_in_the_path(write, tmp_path):
    """The name of a file gives its night; a file that vanished is an error."""
    path = write(
        "status_1795.json",
        '{"nid": 1795, "today": {"alert": 12, "note": "<b>"}, "min_delay": "-1.0"}',
    )
    source = table(
        tmp_path / "status_{night:nid}.json",
        values={"alerts": "today.alert", "note": "today.note", "delay": "min_delay"},
    )
    assert source.nights() == {FIRST}
    assert values(source.read(FIRST)) == {"alerts": 12, "note": "<b>", "delay": -1}
    assert source.read(datetime.date(2021, 12, 2)).metrics.empty
    known = source.look(FIRST, None)
    assert source.look(FIRST, json.loads(json.dumps(known))) == known
    path.unlink()
    with pytest.raises(SourceError, match="no longer there"):
        source.look(FIRST, known)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{night:%Y}/counts_{night:%Y%m%d}.csv", "2021/counts_20211201.csv"),
        ("{night:%Y}/{night:%m}/{night:%d}.csv", "2021/12/01.csv"),
        ("{night}/{night:nid}.csv", "2021-12-01/1795.csv"),
        ("{night:%Y}/{night:%Y-%j}.csv", "2021/2021-335.csv"),
    ],
)
def test_night_in_several_places_of_the_path(write, tmp_path, pattern, name):
    """The place of the path with the whole night counts, else all together."""
    (tmp_path / name).parent.mkdir(parents=True)
    write(name, "night,fwhm,raws\n2021-12-01,0.8,12\n")
    source = table(tmp_path / pattern, **WIDE)
    assert source.nights() == {FIRST} and values(source.read(FIRST)) == {"seeing": 0.8, "n_raw": 12}


def test_nights_that_stand_for_never(write, tmp_path):
    """Rows dated to the ends of the calendar make no night."""
    write("far.csv", "night,n\n0001-01-01,1\n2021-12-01,2\n9999-12-31,3\n")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.s.sources]]\ntype = "table"\n'
        'path = "far.csv"\nnight_column = "night"\nvalues = {n = "n"}\nheadlines = ["n"]\n'
    )
    assert run("rebuild", "-c", tmp_path / "site.toml", "--jobs", "1", now=NOW) == 0
    assert {night: row["n"] for night, row in nights(tmp_path / "site" / "s").items()} == {
        "2021-12-01": 2
    }


@pytest.mark.parametrize(
    ("form", "zone", "text"),
    [
        ("iso", "UTC", "2021-12-01 12:00:00"),
        ("iso", "Pacific/Honolulu", "2021-12-01T02:00:00"),
        ("iso", "Pacific/Honolulu", "2021-12-01T12:00:00Z"),
        ("iso", "TAI", "2021-12-01 12:00:37"),
        ("iso", "UTC", "2021-12-01T02:00-10:00"),
        ("unix", "UTC", "1638360000"),
        ("unix_ns", "TAI", "1638360037000000000"),
        ("mjd", "UTC", "59549.5"),
        ("jd", "UTC", "2459550.0"),
        ("%d.%m.%Y %Hh%M", "Europe/Paris", "01.12.2021 13h00"),
    ],
)
def test_zones_and_scales(write, form, zone, text):
    """An offset in the text wins over the zone; TAI is 37 s ahead of UTC."""
    source = table(
        write("t.csv", f"name,t\na.fits,{text}\n"),
        feeds="files",
        columns={"name": "name", "created_at": "t"},
        time_format=form,
        zone=zone,
    )
    (created,) = source.read(FIRST).files["created_at"]
    assert (
        abs(
            (
                created.to_pydatetime() - datetime.datetime(2021, 12, 1, 12, tzinfo=datetime.UTC)
            ).total_seconds()
        )
        < 1e-3
    )


def test_instants_tell_the_night(write):
    """Without a column for the night, a file's own time gives it."""
    text = (
        "name,t\na.fits,2021-12-02 11:59:59\nb.fits,2021-12-02 12:00:00\n"
        "c.fits,9999-12-31 23:59:59.999999\nd.fits,soon\n"
    )
    source = table(
        write("t.csv", text),
        rule="UTC-12h",
        feeds="files",
        columns={"name": "name", "created_at": "t"},
    )
    assert source.nights() == {FIRST, datetime.date(2021, 12, 2)}
    assert list(source.read(FIRST).files["name"]) == ["a.fits"]
    assert "lines 4, 5: no night" in source.read(datetime.date(2021, 12, 2)).notes[0]


def test_odd_cells(write):
    """Impossible numbers, words and truncated lines are noted, without value."""
    rows = [
        "2021-12-01,1e999,-4",
        "2021-12-01,<b>\"'",
        "2021-12-01,0.7,12,13",
        "2021-12-01,bad,many",
        "2021-12-0",
    ]
    source = table(write("t.csv", "night,fwhm,raws\n" + "\n".join(rows)), **WIDE, counts=["n_raw"])
    reading = source.read(FIRST)
    said = "\n".join(reading.notes)
    for words in (
        "lines 3, 6: fewer cells",
        "line 4: more cells",
        "line 2: seeing is beyond",
        "line 2: n_raw is negative",
        "line 5: n_raw is no number",
    ):
        assert words in said
    assert reading.metrics["value"].isna().all() and set(reading.metrics["text"]) == {
        "not available",
        "bad",
        "many",
    }

    text = f"name,t,size\na.fits,2021-12-01,-1\nb.fits,2021-12-01,{10**30}\n,2021-12-01,5\n"
    reading = table(
        write("f.csv", text),
        feeds="files",
        columns={"name": "name", "created_at": "t", "size_bytes": "size"},
    ).read(FIRST)
    assert reading.files["size_bytes"].isna().all() and len(reading.files) == 2
    assert "line 3: size_bytes" in reading.notes[0] and "line 4: names no file" in reading.notes[1]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "t.csv",
            "night,fwmh,raws\n2021-12-01,1,2\n",
            "has no column 'fwhm'; did you mean 'fwmh'?",
        ),
        ("t.csv", "", "is empty"),
        ("t.json", '[{"night": "2021-12-01", "fw', "no JSON from line 1, character 26 on"),
        ("t.json", "3", "holds neither a list nor an object"),
        ("t.json", "[" * 100_000, "no JSON, or cut short"),
    ],
)
def test_unreadable_files(write, name, text, said):
    """A file that is not understood is an error that says what to do."""
    path = write(name, text)
    with pytest.raises(SourceError) as caught:
        table(path, **WIDE).read(FIRST)
    assert said in str(caught.value) and str(path) in str(caught.value)


def test_cut_jsonl(write):
    """A truncated line of a JSON lines file costs that line only."""
    source = table(
        write(
            "t.jsonl", '{"night": "2021-12-01", "fwhm": 1, "raws": "\\ud800"}\n[1]\n{"night": "2021'
        ),
        **WIDE,
    )
    reading = source.read(FIRST)
    assert values(reading)["seeing"] == 1 and "\\ud800" in values(reading)["n_raw"]
    assert any("line 3: no JSON" in note for note in reading.notes) and any(
        "line 2: no object" in note for note in reading.notes
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**WIDE, "columns": {"nmae": "x"}}, "no column 'nmae'; did you mean 'name'?"),
        ({**WIDE, "zone": "Mars/Olympus"}, "is no time zone"),
        (
            {**WIDE, "feeds": "ingests", "columns": {"path": "p"}, "statuses": {"OK": "sucess"}},
            "did you mean 'success'?",
        ),
        ({"values": {"a": "b"}}, "nothing tells the night"),
        ({"night_column": "night"}, "nothing tells the metrics"),
    ],
)
def test_wrong_settings(tmp_path, settings, said):
    """A mapping that is wrong is refused before anything is read."""
    with pytest.raises(UsageError) as caught:
        table(tmp_path / "t.csv", **settings)
    assert said in str(caught.value)


def test_site_of_ingests(write, tmp_path):
    """Attempts of one table join the files of another, as text."""
    write(
        "taken.csv",
        "frame,when,bytes\nA_1.fits,2021-12-02 03:00:00,50000\n"
        "A_2.fits,2021-12-02 03:01:00,50000\nA_3.fits,2021-12-02 03:02:00,50000\n",
    )
    lines = [
        {"file": "A_1.fits", "at": "2021-12-01 17:05:00", "result": "DONE", "error": None},
        {
            "file": "A_2.fits",
            "at": "2021-12-01 17:06:00",
            "result": "CRASH",
            "error": 'Traceback:\n it\'s <b>"bad"</b>',
        },
        {"file": "A_3.fits", "at": "2021-12-01 17:07:00", "result": "HUH", "error": ""},
    ]
    write("ingests.jsonl", "\n".join(map(json.dumps, lines)))
    (tmp_path / "site.toml").write_text("""
[observing_monitor]
output_dir = "site"
[streams.camera]
[[streams.camera.sources]]
type = "table"
name = "taken"
path = "taken.csv"
feeds = "files"
columns = { name = "frame", created_at = "when", size_bytes = "bytes" }
[[streams.camera.sources]]
type = "table"
name = "archive"
path = "ingests.jsonl"
feeds = "ingests"
columns = { path = "file", attempted_at = "at", status = "result", message = "error" }
statuses = { done = "success", crash = "failure" }
zone = "Pacific/Honolulu"
""")
    assert (
        run("-c", tmp_path / "site.toml", "--last_day", "2021-12-01", "--num_days", "1", now=NOW)
        == 0
    )
    night = nights(tmp_path / "site/camera")["2021-12-01"]
    assert counts(night) == {"ingested": 1, "failed": 2} and night["n_files"] == 3
    assert night["last_ingested_at"] == "2021-12-02T03:05:00Z"
    page = (tmp_path / "site/camera/2021-12-01.html").read_text()
    assert "it&#39;s &lt;b&gt;" in page and "&#39;HUH&#39;: no status of ours" in page
    before = (tmp_path / "site/camera/2021-12-01.html").stat().st_mtime_ns
    assert (
        run("-c", tmp_path / "site.toml", "--last_day", "2021-12-01", "--num_days", "1", now=NOW)
        == 0
    )
    assert (tmp_path / "site/camera/2021-12-01.html").stat().st_mtime_ns == before


def test_tables_have_the_schema(write):
    """All tables have the schema's columns and types, also empty ones."""
    path = write("t.csv", "name,t,status,v\na.fits,2021-12-01,success,1\n")
    mapped = {
        "files": {"name": "name", "created_at": "t"},
        "ingests": {"path": "name", "attempted_at": "t", "status": "status"},
        "metrics": {"name": "name", "value": "v", "sampled_at": "t"},
    }
    described = {"files": columns.FILES, "ingests": columns.ATTEMPTS, "metrics": columns.METRICS}
    for feeds, names in mapped.items():
        for night, n in ((FIRST, 1), (datetime.date(2000, 1, 1), 0)):
            reading = table(path, feeds=feeds, columns=names).read(night)
            made = {
                "files": reading.files,
                "ingests": reading.attempts,
                "metrics": reading.metrics,
            }[feeds]
            assert len(made) == n
            assert {name: str(dtype) for name, dtype in made.dtypes.items()} == {
                c.name: columns.DTYPES[c.kind] for c in described[feeds]
            }


def test_half_of_a_character():
    """Half of a character in JSON is shown as it was written."""
    assert parse_json('{"a": ["\\ud83d!", "\\ud83d\\ude00", 1e999]}') == {
        "a": ["\\ud83d!", "😀", float("inf")]
    }
    assert parse_json(b'"\\uD800"') == "\\ud800"
