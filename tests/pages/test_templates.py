"""Templates show every field and escape everything."""

import dataclasses
import inspect
import re
import shutil

import msgspec
import pytest
from page_reader import PAGES, read, render
from page_samples import NASTY

from observing_monitor.charts import drawings, figure
from observing_monitor.model import finding
from observing_monitor.pages import contexts, glossary, labels, night_tables, stream_tables, tables
from observing_monitor.pages import render as rendering
from observing_monitor.pages.frame import make_site
from observing_monitor.pages.labels import headline_text
from observing_monitor.pages.render import templates_dir
from observing_monitor.settings import headlines
from observing_monitor.storage.output import Output

LINKS = "link|shown|part|target|" + "|".join(
    f"page.{name}"
    for name in (
        *("previous", "next", "index", "site", "calendar", "night_page"),
        *("programs", "all_programs"),
    )
)
# kind of record -> names that it has in templates
NAMES = {
    contexts.Frame: "page.frame|frame",
    glossary.Word: "it|class|word|column",
    glossary.WordGroup: "group",
    contexts.GlossaryPage: "page",
    contexts.Link: LINKS,
    finding.Finding: "finding",
    figure.Chart: "chart",
    contexts.LatestNight: "page.latest|card.latest",
    contexts.ErrorGroup: "group",
    headlines.Headline: "headline|it",
    contexts.QueueEntry: "entry",
    contexts.Queue: "queue",
    contexts.StageFailures: "stage",
    contexts.ListedRows: "rows",
    contexts.Image: "image",
    contexts.BarPart: "part",
    contexts.Bar: "bar",
    contexts.SmallChart: "chart",
    contexts.StreamCard: "card",
    contexts.SitePage: "page",
    contexts.StreamPage: "page",
    contexts.NightPage: "page",
    contexts.ExposuresPage: "page",
    contexts.PrunedPage: "page",
    contexts.YearPage: "page",
    contexts.ProgramPage: "page",
    contexts.ProgramsPage: "page",
    contexts.Month: "month",
    contexts.Day: "day",
    tables.Table: "it",
    tables.TableColumn: "column",
    tables.Cell: "it",
    labels.SourceCell: "it",
    night_tables.FileCell: "it",
    night_tables.Reason: "it",
    night_tables.MetricName: "it",
    night_tables.Nodes: "it",
    stream_tables.Info: "it",
    contexts.UsePart: "part",
    contexts.Fact: "fact",
    contexts.NightUsed: "page.use",
    drawings.Mark: "mark",
    drawings.Strip: "strip",
    drawings.Tick: "tick",
    drawings.Box: "box",
    drawings.Line: "line",
    drawings.Curve: "curve",
    drawings.Timeline: "page.timeline|all",
    drawings.Pointing: "it",
    drawings.Kind: "kind",
    drawings.Moon: "page.sky_map.moon",
    drawings.SkyMap: "page.sky_map",
}
# fields that only Python uses
NOT_SHOWN = {
    ("Finding", "node"): "charts mark it",
    ("Headline", "over_nights"): "the headings of months and years name it",
    ("Word", "name"): "names a column",
    ("Word", "kind"): "says how its cells are shown",
    ("TableColumn", "cells"): "`filled` puts them into the rows",
    ("TableColumn", "draw"): "`filled` calls it",
}


def templates_text():
    """Return all templates in one text."""
    paths = sorted(templates_dir().glob("**/*.html"))
    return "\n".join([*(path.read_text() for path in paths), inspect.getsource(headline_text)])


def fields_of(record):
    """Return the names of a record's fields."""
    if dataclasses.is_dataclass(record):
        return [field.name for field in dataclasses.fields(record)]
    return list(getattr(record, "__struct_fields__", ()) or record._fields)


@pytest.mark.parametrize("record", NAMES, ids=lambda record: record.__name__)
def test_templates_use_every_field(record):
    """Some template shows each field of a record."""
    text = templates_text()
    wanted = [name for name in fields_of(record) if (record.__name__, name) not in NOT_SHOWN]
    unused = [name for name in wanted if not re.search(rf"\b(?:{NAMES[record]})\.{name}\b", text)]
    assert unused == []


def test_every_record_is_checked():
    """The test above knows every kind of record."""
    modules = (contexts, drawings, tables, labels, night_tables, stream_tables)
    records = {
        kind
        for module in modules
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and not name.startswith("_")
    }
    python_only = {contexts.OfNight, stream_tables.StreamTables}  # a base, and what makes tables
    assert records - set(NAMES) == python_only


def columns_in(value):
    """Yield every column of every table in a record."""
    if isinstance(value, tables.TableColumn):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from columns_in(one)
    elif dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
        for name in fields_of(value):
            yield from columns_in(getattr(value, name))


def test_every_macro_of_cells_is_used():
    """The samples' columns name every macro of cells."""
    macros = re.findall(r"{% macro (\w+)\(", (templates_dir() / "macros/cells.html").read_text())
    drawn = {column.draw for _, sample in PAGES.values() for column in columns_in(sample())}
    assert drawn == set(macros)


def test_templates_have_no_way_around_escaping():
    """No template turns escaping off, or has a script."""
    text = templates_text()
    assert not re.search(r"\|\s*safe|autoescape|\son[a-z]+=", text)
    scripts = re.findall(r"<script(.*?)>", text)
    assert scripts and all("src=" in s or "application/json" in s for s in scripts)


def test_site_key_covers_every_template(tmp_path, monkeypatch):
    """A change of any template changes the site's key."""
    folder, output = tmp_path / "templates", Output(tmp_path / "site")
    shutil.copytree(templates_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(rendering, "templates_dir", lambda: folder)
    keys = {make_site("Site", (), output).key}
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(path.read_bytes() + b" ")
        keys.add(make_site("Site", (), output).key)
    assert len(keys) == len(files) + 1


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", ["plain", NASTY], ids=["plain", "nasty"])
def test_pages_are_sound(name, text):
    """Elements nest, ids are unique, inner links arrive."""
    made, page = render(name, text), read(name, text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == tags.count("main") == 1
    assert made.partition("<body")[0].count("<title>") == 1
    assert len(page.ids) == len(set(page.ids))
    inside = [link for link in page.links if link.startswith("#")]
    assert [link for link in inside if link[1:] not in page.ids] == []


def test_every_heading_explains_itself():
    """Every heading has its meaning of the glossary as a tip."""
    lines = dict(
        re.findall(r'<div id="([^"]+)">.*?<dd><bdi>(.*?)\.</bdi></dd>', render("glossary"))
    )
    of_sources = {"numbers"}  # where the headlines of the samples lead
    n_headings = 0
    for name in ("site", "stream", "year", "program", "programs", "night", "exposures"):
        # the headings of a calendar are days
        text = re.sub(r'<table class="month".*?</table>', "", render(name), flags=re.DOTALL)
        headings = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', text, re.DOTALL)
        words = [
            re.fullmatch(
                r'\s*<a class="word" href="(?:\.\./)?glossary\.html#([^"]+)" title="([^"]*)">'
                r"<bdi>[^<]+</bdi></a>",
                heading,
            )
            for heading in headings
        ]
        assert all(words), [h for h, word in zip(headings, words, strict=True) if not word]
        assert all(lines[word[1]] == word[2] for word in words if word[1] not in of_sources)
        n_headings += len(words)
    assert n_headings > 120
