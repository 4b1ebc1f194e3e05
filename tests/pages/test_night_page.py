"""A night's page: what it shows of its record."""

import re
from types import SimpleNamespace

import night_samples
import page_samples as samples
import pytest
from msgspec import structs
from page_reader import Reader, read, render

from observing_monitor.model import columns
from observing_monitor.model.finding import Finding, metric_href
from observing_monitor.pages.night_page import without_dead_ends
from observing_monitor.pages.night_tables import metrics_table
from observing_monitor.pages.render import render_night


def render_sample(page):
    """Return a night's page as a parser reads it."""
    return Reader(render_night(page, samples.ASSETS))


def test_all_classes_with_files():
    """Every class with files has a number that leads to them."""
    counts = {f"n_{c.name}": 1000 + i for i, c in enumerate(columns.CLASSES)}
    page = read("night", summary=samples.summary(**counts))
    for i, column in enumerate(columns.CLASSES):
        assert f"{1000 + i:,} {column.label}" in page.words
        assert f"#files?class={column.name}" in page.links


def test_times_and_delays():
    """The latest times and delays are shown."""
    text = render("night")
    assert '<time datetime="2020-02-13T09:44:02Z">2020-02-13 09:44:02 UTC</time>' in text
    delays = "Ingest: arrival to ingest 1 min 02 s 3 min 12 s 2 h 30 min"
    assert delays in Reader(text).words


def test_ages_of_tonight():
    """Only the newest night's times have ages."""
    assert "data-age>2020-02-13 09:41:31" in render("night", next=None)
    assert "data-age>2020-02-13 09:41:31" not in render("night")


def test_files_that_need_attention():
    """Files that need attention are grouped by message."""
    page = read("night")
    assert "file-1" in page.ids and "#file-1" in page.links
    assert "14 Failed AT_O_20200212_000022.fits 02-13 03:12:50 to 02-13 04:00:00" in page.words
    assert "Traceback (most recent call last):" in page.words
    assert "The first 1 of 14. The table “All files” has the others." in page.words
    assert "17 files, grouped by message" in page.words
    assert "The first 2 of 3 groups" in page.words
    groups = {
        attrs["id"]: "open" in attrs
        for tag, attrs in page.tags
        if tag == "details" and "id" in attrs
    }
    assert groups.pop("failures-1") is False
    assert {name: is_open for name, is_open in groups.items() if "rows-" not in name} == {
        "failed": False,
        "missing": True,
    }


def test_rows_of_findings():
    """Exposures that never came are rows."""
    page = read("night", "CC_O")
    assert (
        "2 never came acknowledged 2 of 9 expected exposures never came; missing: 3–4" in page.words
    )
    assert "CC_O3 expected, and no image came" in page.words
    assert "2 incomplete exposure 65 and 1 other" in page.words
    assert "exposure 66 7 of 9 detectors, lacking R22_S11" in page.words
    section = page.words.partition("Files worth a note")[2]
    assert "a.fits 2020-02-12/a.fits, 2020-02-12/b/a.fits" in section
    assert "The first 1 of 25." in section
    assert {"rows-never", "rows-twice", "failures-1"} <= set(page.ids)


def test_facts_of_a_file():
    """A file shows its exposure, number and detector."""
    page = read("night", "E22")
    assert "E22 AT_O_20200212_000022 exposure E22 no. 22 detector 0" in page.words
    row = night_samples.file_row(obsid="", exposure="", seq_num=None, detector="")
    group = night_samples.error_group(table=night_samples.file_table(1, row), n_files=1)
    page = read("night", attention=[group], listed=[])
    assert "detector" not in page.words.partition("Metrics")[0]


def test_night_without_files():
    """A night without files says so, and has no tables of files."""
    page = render_sample(night_samples.empty_night_page())
    assert "No files in this night" in page.words
    assert not {"files", "attention", "charts", "exposures", "numbers"} & set(page.ids)
    assert "no earlier night" in page.words and "no later night" in page.words
    page = render_sample(structs.replace(night_samples.empty_night_page(), is_unread=True))
    assert "No files are known of this night, because a source could not be read" in page.words
    assert "nothing was taken" not in page.words


def test_night_of_numbers_alone():
    """If no source reports files, the page has no word of them."""
    night = structs.replace(
        night_samples.empty_night_page(),
        has_files=False,
        metrics=night_samples.metrics(),
        n_metrics=1,
        headlines=samples.headlines(),
        summary=samples.summary(n_files=0),
    )
    words = render_sample(night).words
    assert not any(word in words for word in ("No files", "Ingested", "How late"))
    assert "0 Alerts produced" in words and "– Min delay" in words
    assert "61 nodes: 0.4 to 0.7" in words
    nothing = structs.replace(
        night_samples.empty_night_page(), has_files=False, headlines=[], n_metrics=0
    )
    assert "No data of this night" in render_sample(nothing).words


def test_findings_link_only_to_parts_of_the_page():
    """Findings link only to parts that the page has."""
    rows = "index.html#rows"  # of the stream's page
    hrefs = (
        rows,
        "index.html#other",
        "#queues",
        "#failed",
        "#file-1",
        "#sources",
        "#metrics",
        "#file-9",
        "#nothing",
    )
    findings = [Finding("error", "a finding", href) for href in hrefs]
    page = night_samples.night_page(findings=findings[:2], more_findings=findings[2:], queues=[])
    made = without_dead_ends(page)
    linked = [finding.href for finding in [*made.findings, *made.more_findings] if finding.href]
    assert linked == [rows, "#failed", "#file-1", "#sources", "#metrics"]


def test_finding_links_to_the_row_of_its_metric():
    """Each metric has its own address; without a row it is the section."""
    latest = [
        {"name": name, "node": "", "value": 1.0, "text": "", "unit": "", "sampled_at": None}
        | {"source": source}
        for name, source in (
            ("a/b", "one"),
            ("a/b", "two"),
            ("A B", "one"),
            ("a/b-2", "one"),
            ("12", "one"),
        )
    ]
    metrics, _ = metrics_table(SimpleNamespace(sources=()), latest, "2020-02-12")
    assert metrics.anchors == [
        "metric-a-b",
        "metric-a-b--2",
        "metric-a-b--3",
        "metric-a-b-2",
        "metric-12",
    ]
    names = ("a/b", "a/b-2", "12", "other")
    findings = [Finding("error", "a finding", metric_href(name)) for name in names]
    page = night_samples.night_page(findings=findings, more_findings=[], metrics=metrics)
    hrefs = [finding.href for finding in without_dead_ends(page).findings]
    assert hrefs == ["#metric-a-b", "#metric-a-b-2", "#metric-12", "#metrics"]


def test_links_to_neighbours():
    """Neighbours, stream and site are linked at both ends."""
    links = read("night").links
    for href in ("2020-02-11.html", "2020-02-13.html", "index.html", "../index.html"):
        assert links.count(href) == 2


def test_without_a_script():
    """Without a script, the page points to its data files."""
    page = read("night")
    assert "This table needs JavaScript" in page.words
    wanted = {"2020-02-12.csv", "2020-02-12.json", "2020-02-12.exposures.html"}
    assert wanted <= set(page.links)
    assert "#exposures" in read("night", exposures="").links


def test_queues():
    """A queue's tab shows its numbers and entries."""
    page = read("night")
    assert "AT_O_20200212_000022.fits: 26, 2 errors" in page.words
    assert "export: 0" in page.words
    inputs = [attrs for tag, attrs in page.tags if tag == "input"]
    tabs = [attrs["id"] for attrs in inputs if attrs.get("type") == "radio"]
    assert tabs == ["queue-1", "queue-2"]
    assert "The first 1 of 26. The data files have all." in page.words
    assert "ValueError" in page.words


def test_stages():
    """A stage has a row of numbers and its failures."""
    page = read("night", "copy")
    assert "copy 120 1 2 3 4 125 02-13 03:12:41 3.0 s 1 min 01 s" in page.words
    assert "copy: 1 file failed" in page.words
    assert {"stage-1", "stage-2"} <= set(page.ids)


def test_sources():
    """A source has its fault, and places for the heartbeat."""
    text = render("night", "files")
    assert "cannot read files since 2020-02-13 01:00:00 UTC" in Reader(text).words
    assert text.count('data-source="files"') == text.count('data-fault="files"') == 1
    page = render_sample(night_samples.empty_night_page())
    assert re.search("/data/auxTel/storage – none", page.words)


@pytest.mark.parametrize("has_ingest", [True, False])
def test_words_of_arrival(has_ingest):
    """Without ingest, the page speaks of arrival."""
    words = read("night", has_ingest=has_ingest).words
    assert ("arrival to ingest" in words) == ("Last ingested" in words) == has_ingest
    assert ("Arrived" in words) == (not has_ingest)
