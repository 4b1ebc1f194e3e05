"""Tables of pages follow the schema."""

import datetime
import re

import page_samples as samples
import pandas as pd
import pytest
from page_reader import Reader, render

from observing_monitor.model import columns
from observing_monitor.pages import glossary, night_tables, tables
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.stream_tables import StreamTables
from observing_monitor.pages.tables import Cell
from observing_monitor.settings.headlines import Headline

NIGHT = "2020-02-12"
AT = samples.at("2020-02-13T03:12:41")


@pytest.mark.parametrize(
    ("group", "name", "value", "cell", "css"),
    [
        ("night", "n_files", 1234, "1,234", "num"),
        ("night", "n_files", 0, Cell("0", "nought"), "num"),
        ("night", "n_failed", 3, Cell("3", "failed"), "num"),
        ("night", "n_failed", 0, Cell("0", "nought"), "num"),
        ("period", "n_nights_error", 2, Cell("2", "failed"), "num"),
        ("night", "size_bytes", 95_130, "95.1 kB", "num"),
        ("night", "size_bytes", None, "–", "num"),
        ("night", "completeness", 0.5, "50 %", "num"),
        ("night", "ingest_delay_p90_s", 192, "3 min 12 s", "num"),
        ("stage", "median_s", None, "–", "num"),
        ("stage", "last_done_at", AT, Cell("02-13 03:12:41", at="2020-02-13T03:12:41Z"), "num"),
        ("stage", "last_done_at", None, "–", "num"),
        ("number", "value", 1234.5, "1,234.5", "num"),
        ("file", "reason", "no disk", "no disk", ""),
        ("file", "reason", "", "–", ""),
    ],
)
def test_a_value_is_shown_as_its_column_says(group, name, value, cell, css):
    """A column's name and kind say how values are shown."""
    word = WORDS[group][name]
    column = tables.schema_column(name, word, [value], [NIGHT])
    assert (list(column.cells), column.css, column.word) == ([cell], css, word)


def test_every_column_of_the_schema_can_be_shown():
    """Each column can be shown, also without a value."""
    night = samples.nights()[0]
    for name, word in WORDS["night"].items():
        for values in ([night[name]] if word.kind != "instant" else [AT]), [None]:
            (cell,) = tables.schema_column(name, word, values).cells
            assert isinstance(cell, str | Cell)


def test_a_table_in_parts():
    """A part of a table has some of its rows."""
    column = tables.TableColumn(None, ["a", "b", "c"])
    table = tables.Table([column], anchors=["1", "2", "3"], row_css=["x", "y", "z"])
    part = table.part(1)
    assert (part.columns[0].cells, part.anchors, part.row_css) == (
        ["b", "c"],
        ["2", "3"],
        ["y", "z"],
    )
    assert (len(table), len(part), len(table.part(-1)), len(tables.EMPTY)) == (3, 2, 1, 0)


def headings(table):
    return [column.label for column in table.columns]


def test_columns_of_the_table_of_nights():
    """Nights have headlines, then columns of files."""
    made = StreamTables([Headline("lag", "Lag", unit="s")], has_files=True, has_ingest=True)
    table = made.nights(samples.nights(), "All nights")
    assert headings(table)[:5] == ["Night", "Status", "Problems", "Lag", "Files"]
    assert headings(table)[5:13] == [c.label for c in columns.CLASSES]
    assert headings(table)[13:15] == ["Complete", "Last created"]
    assert table.caption == "All nights, newest first; times in UTC"
    assert table.anchors == [f"night-{night['night']}" for night in samples.nights()]
    assert {len(column.cells) for column in table.columns} == {3}


def test_columns_without_files_and_without_ingest():
    """A stream has no columns of what it does not have."""
    nights, period = samples.nights(), samples.period()
    none = StreamTables([], has_files=False, has_ingest=False)
    assert headings(none.nights(nights, "All")) == ["Night", "Status", "Problems"]
    assert headings(none.recent(nights, "cam")) == ["Night", "Status", "Problems"]
    counts = ["Period", "Nights", "With errors", "With warnings"]
    assert headings(none.periods([period], "Years")) == counts
    arrived = StreamTables([], has_files=True, has_ingest=False)
    for table, heading in (
        (arrived.nights(nights, "All"), "Arrived"),
        (arrived.periods([period], "Years"), "Arrived, sum"),
    ):
        assert heading in headings(table)
        assert not any("ngest" in heading for heading in headings(table))


def test_links_of_nights():
    """Nights link to their pages from stream and site."""
    made = samples.tables()
    assert made.nights(samples.nights(), "All").columns[0].cells[0].href == "2020-02-12.html"
    recent = made.recent(samples.nights(), "auxTel")
    assert recent.columns[0].cells[0].href == "auxTel/2020-02-12.html"
    assert (
        samples.tables().recent(samples.nights(), "").columns[0].cells[0].href == "2020-02-12.html"
    )


def test_problems_of_a_night():
    """A night shows its problems, known ones apart."""
    night = samples.nights()[0]
    infos = [("", ""), ("1 file failed", "bad disk"), ("1 file failed", "")]
    nights = [night | {"info": info, "acknowledged": known} for info, known in infos]
    made = samples.tables().nights(nights, "All")
    assert list(made.columns[2].cells) == ["–", *infos[1:]]


def test_total_of_periods():
    """The total of the months has their columns."""
    made = samples.tables().periods([samples.period("May")], "Months", samples.period("2020"))
    assert headings(made.total) == headings(made)
    foot = re.search(r"<tfoot>(.*?)</tfoot>", render("year"), re.DOTALL)[1]
    assert foot.count("<tr") == 1 and foot.count("<td") == len(made.columns) - 1


# --- a night -------------------------------------------------------------------------------------


def exposures(n=2, **changed):
    """Return exposures as `group_exposures` does."""
    at = pd.Series([AT] * n).astype("datetime64[us, UTC]")
    values = {
        "name": [f"E{i}" for i in range(n)],
        "seq_num": pd.array([22, None] * (n // 2), dtype="Int64"),
        "n_files": [1234] * n,
        "created_at": at,
        "transferred_at": at,
        "ingested_at": at,
        "ingested": [8] * n,
        "failed": [1, 0] * (n // 2),
    }
    return pd.DataFrame(values | changed)


def test_exposures():
    """An exposure has its numbers, classes and times."""
    made = night_tables.exposures_table(exposures(), NIGHT, has_ingest=True)
    rows = list(zip(*(column.cells for column in made.columns), strict=True))
    chips = (Cell("8 Ingested", "ingested"), Cell("1 Failed", "failed"))
    assert rows == [
        ("E0", "22", "1,234", chips, *["02-13 03:12:41"] * 3),
        ("E1", "–", "1,234", chips[:1], *["02-13 03:12:41"] * 3),
    ]
    arrived = night_tables.exposures_table(exposures(), NIGHT, has_ingest=False)
    assert len(arrived.columns) == 6
    assert arrived.columns[3].cells[0][0].text == "8 Arrived"


def test_delays_without_ingest():
    """Without ingest there is no row of its delays."""
    summary = samples.summary()
    both = night_tables.delays_table(summary, has_ingest=True)
    assert [list(column.cells) for column in both.columns[1:]] == [
        ["4.2 s", "1 min 02 s"],
        ["31 s", "3 min 12 s"],
        ["6 min 51 s", "2 h 30 min"],
    ]
    assert len(night_tables.delays_table(summary, has_ingest=False)) == 1


def test_narrow_tables_repeat_their_headings():
    """Cells repeat their headings for a phone."""
    cells = [attrs for tag, attrs in Reader(render("night")).tags if tag == "td"]
    labels = {attrs["data-label"] for attrs in cells if "data-label" in attrs}
    assert labels == {WORDS["file"][name].label for name in night_tables._NEEDED} - {"File"}


def test_words_of_a_stream_without_ingest():
    """Without ingest, files are called arrived."""
    words = glossary.column_words("night", has_ingest=False)
    assert words["n_ingested"].label == "Arrived"
    assert not [name for name in words if name.startswith(("ingest_", "last_ingest"))]
    assert glossary.class_words(has_ingest=False)["ingested"].label == "Arrived"


# --- metrics -------------------------------------------------------------------------------------


@pytest.fixture
def metrics(monkeypatch):
    """A function that returns the rows of the table of metrics."""
    monkeypatch.setattr(night_tables, "metric_meanings", lambda stream: {"load": "How busy it is"})

    def rows(*values, source="one", name="load"):
        latest = [
            {
                "name": name,
                "node": node,
                "value": value,
                "text": text,
                "unit": unit,
                "sampled_at": AT + datetime.timedelta(seconds=number),
                "source": source,
            }
            for number, (node, value, text, unit) in enumerate(values)
        ]
        table, n = night_tables.metrics_table(None, latest, NIGHT)
        assert n == len(table)
        return list(zip(*(column.cells for column in table.columns), strict=True))

    return rows


def test_metric_of_a_whole(metrics):
    """A metric has its value, unit, meaning and time."""
    (row,) = metrics(("", 46_374_390.0, "", "B/s"))
    assert row[0] == ("load", "How busy it is", "")
    assert row[1:4] == ("46.37", "–", "MB/s")
    assert row[4] == Cell("02-13 03:12:41", at="2020-02-13T03:12:41Z")


def test_metric_of_nodes(metrics):
    """Several nodes are shown with their range."""
    (row,) = metrics(("1", 0.4, "", ""), ("2", 0.7, "", ""), ("3", None, "", ""))
    shown = (("1", "0.4"), ("2", "0.7"), ("3", "–"))
    assert row[1:3] == ("–", ("3", "0.4 to 0.7, 1 not available", shown, ""))
    (row,) = metrics(("1", 0.4, "", ""))
    assert row[2] == ("", "0.4", (("1", "0.4"),), "")
    assert row[4].text == "02-13 03:12:41"


def test_only_node_that_is_the_whole(metrics):
    """A node that equals the whole is not shown."""
    (row,) = metrics(("", 5.0, "", ""), ("1", 5.0, "", ""))
    assert row[1:3] == ("5", "–")
    (row,) = metrics(("", 5.0, "", ""), ("1", 6.0, "", ""))
    assert row[2][2] == (("1", "6"),)


def test_words_of_nodes(metrics):
    """The four most common texts are named, with counts."""
    values = [*["a"] * 3, *["b"] * 2, "c", "d", "e", ""]
    (row,) = metrics(*((str(n), None, text, "") for n, text in enumerate(values)))
    assert row[2].spread == "3 a, 2 b, 1 c, 1 d and 2 more"


def test_values_of_nodes_have_limits(metrics, monkeypatch):
    """If there are many nodes, the first are shown."""
    monkeypatch.setattr(night_tables, "MAX_VALUES", 2)
    (row,) = metrics(*((str(n), 1.0, "", "") for n in range(3)))
    assert len(row[2].shown) == 2
    assert row[2].note == "The first 2. The data files have all."
