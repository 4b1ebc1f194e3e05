"""The pages of a stream, a year, the site and the glossary: what they show of their records."""

import re

import page_samples as samples
import pytest
from page_reader import Reader, read, render

from observing_monitor.charts import over_nights
from observing_monitor.model import columns
from observing_monitor.pages import contexts
from observing_monitor.pages.render import render_site, render_stream
from observing_monitor.pages.site import needs_attention
from observing_monitor.pages.tables import EMPTY


def test_stream_has_a_row_per_night():
    """Each night of a stream is a row that links to its page and has its status in a word."""
    page = read("stream")
    nights = [link for link in page.links if re.fullmatch(r"2020-02-1\d\.html", link)]
    assert nights[-3:] == ["2020-02-12.html", "2020-02-11.html", "2020-02-10.html"]
    assert all(word in page.words for word in ("✓ normal", "✕ error", "! warning"))


def test_stream_and_site_without_nights():
    """A new stream, and a site without streams, have pages that say so."""
    stream = samples.stream_page(latest=None, nights=EMPTY, charts=[], site=None, data=[])
    assert "No night has been read yet" in Reader(render_stream(stream, samples.ASSETS)).words
    frame = samples.frame(root="", stream="", status="normal", info="")
    site = contexts.SitePage(frame, "", [], [])
    assert "No streams are set up" in Reader(render_site(site, samples.ASSETS)).words


def test_headlines_among_the_nights():
    """A headline is a column with its meaning; unknown values are dashes, and 0 is 0."""
    text = render("stream", has_files=False)
    headings = re.findall(r'<th scope="col"[^>]*>\s*<a [^>]* title="([^"]*)"', text)
    assert "Alerts that the survey issued: auxTel" in headings
    assert not {c.meaning for c in columns.CLASSES} & set(headings)
    assert "normal – 0 – –" in Reader(text).words


def test_site_at_a_glance():
    """The first line names the stream that needs attention, and why; each card has a chart."""
    text = render("site")
    page = Reader(text)
    line = "1 stream needs attention: ✕ error auxTel , 14 files failed since 03:12 auxTel"
    assert line in page.words
    assert {"auxTel/index.html", "auxTel/2020-02-12.html#findings"} <= set(page.links)
    assert 'aria-label="Night by night: 2020-02-12: auxTel"' in text and text.count("<svg") == 1


@pytest.mark.parametrize(
    ("levels", "line"),
    [
        (
            ("warning", "normal", "error", "warning"),
            "3 streams need attention, 1 with errors, 2 with warnings",
        ),
        (("warning",), "1 stream needs attention"),
        (("error", "error"), "2 streams need attention"),
        (("normal",), ""),
    ],
)
def test_streams_that_need_attention_are_counted(levels, line):
    """The line counts streams with errors and with warnings; those with errors come first."""
    cards = [samples.card(str(n), status=level) for n, level in enumerate(levels)]
    said, troubled = needs_attention(cards)
    assert said == line
    expected = sorted(level for level in levels if level != "normal")
    assert [card.status for card in troubled] == expected


def test_words_of_arrival():
    """Without a stage after arrival, no table or chart of a stream speaks of ingest."""
    words = read("stream", has_ingest=False).words
    assert "Arrived" in words
    assert "arrival to ingest" not in words and "Last ingested" not in words
    assert "Ingest 90 %" in read("year").words
    assert "Ingest 90 %" not in read("year", has_ingest=False).words
    charts = over_nights.stream_charts(samples.nights(), has_ingest=False)
    assert "Arrived" in charts[0].caption
    assert not any(chart.title == "Completeness" for chart in charts)


def test_the_glossary_has_all_words():
    """Each column that pages show, each class and each status is explained once."""
    page = read("glossary")
    of_nights = [c for c in columns.NIGHTS if c.name != "n_lost"]
    described = (
        *of_nights,
        *columns.CLASSES,
        columns.LOST,
        *columns.STAGES,
        *columns.FILE_LIST,
        *columns.SOURCES,
        *columns.LEVELS,
    )
    assert [c.label for c in described if f"{c.label} {c.meaning}." not in page.words] == []
    anchors = {"class-failed", "night-completeness", "number-table-alerts", "status-error"}
    assert anchors <= set(page.ids)
    # a count of a class is explained where the class is
    assert not {f"night-n_{c.name}" for c in columns.CLASSES} & set(page.ids)
