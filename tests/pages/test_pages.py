"""Pages: their filters, what the templates show of their context, and that what others wrote stays text."""

import dataclasses
import datetime
import inspect
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import markupsafe
import page_samples as samples
import pandas as pd
import pytest

from observing_monitor.charts import figure, over_nights
from observing_monitor.model import columns, finding, wording
from observing_monitor.model.names import in_number_order
from observing_monitor.pages import contexts, glossary
from observing_monitor.pages import render as render_pages
from observing_monitor.pages.frame import make_site
from observing_monitor.pages.render import (
    OF_NIGHT,
    SIGNS,
    _compiled,
    compile_all,
    compiled,
    environment,
    figure_json,
    headline,
    render_exposures,
    render_glossary,
    render_night,
    render_site,
    render_stream,
    render_year,
    templates_dir,
)
from observing_monitor.pages.site import needs_attention
from observing_monitor.settings import headlines
from observing_monitor.storage.output import Output

VOID = {"meta", "link", "input", "br", "col", "img"}
NAMES = {  # by what name the templates hold each kind of context
    contexts.Frame: "page.frame",
    glossary.Word: "said|class|word|column",
    glossary.WordGroup: "group",
    contexts.GlossaryPage: "page",
    contexts.Link: "link|shown|part|page.previous|page.next|page.index|page.site|page.calendar|page.night_page",
    finding.Finding: "finding",
    contexts.SourceLine: "source",
    figure.Chart: "chart",
    contexts.NightRow: "row|page.latest|card.latest",
    contexts.FileRow: "file",
    contexts.ErrorGroup: "group",
    headlines.Headline: "told|described|said",
    contexts.MetricGroup: "metric",
    contexts.MetricNode: "node",
    contexts.StageRow: "stage",
    contexts.QueueEntry: "entry",
    contexts.Queue: "queue",
    contexts.Image: "image",
    contexts.BarPart: "part",
    contexts.Bar: "bar",
    contexts.SmallChart: "chart",
    contexts.StreamCard: "card",
    contexts.SitePage: "page",
    contexts.StreamPage: "page",
    contexts.NightPage: "page",
    contexts.ExposuresPage: "page",
    contexts.ExposureTable: "exposed",
    contexts.PrunedPage: "page",
    contexts.YearPage: "page",
    contexts.Month: "month",
    contexts.Day: "day",
    contexts.RollUp: "row",
}
PAGES = {
    "site": (render_site, samples.site_page),
    "stream": (render_stream, samples.stream_page),
    "night": (render_night, samples.night_page),
    "glossary": (render_glossary, samples.glossary_page),
    "year": (render_year, samples.year_page),
    "exposures": (render_exposures, samples.exposures_page),
}


class Reader(HTMLParser):
    """A page's elements, ids, links and texts; an element that is closed out of turn is a fault."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.shown, self.scripts = (
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """An element opens."""
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """An element closes."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """A text of a script, or one that is shown."""
        (self.scripts if self.open[-1:] == ["script"] else self.shown).append(data)

    @property
    def words(self):
        """All texts that are shown, with single spaces."""
        return " ".join(" ".join(self.shown).split())


def render(name, *args, **changed):
    """The text of a sample page."""
    renderer, context = PAGES[name]
    return renderer(context(*args, **changed), samples.ASSETS)


def templates_text():
    """All templates in one text, with the filter that shows a headline."""
    return "\n".join(
        [
            *(path.read_text() for path in sorted(templates_dir().glob("**/*.html"))),
            inspect.getsource(headline),
        ]
    )


@pytest.mark.parametrize(
    ("filter_", "value", "text"),
    [
        (wording.utc, samples.at("2020-02-13T03:12:41.9"), "2020-02-13 03:12:41"),
        (
            wording.utc,
            datetime.datetime.fromisoformat("2020-02-13T00:12:41-03:00"),
            "2020-02-13 03:12:41",
        ),
        (wording.utc, pd.Timestamp("2020-02-13T03:12:41Z"), "2020-02-13 03:12:41"),
        (wording.utc, None, "–"),
        (wording.utc, pd.NaT, "–"),
        (wording.iso, samples.at("2020-02-13T03:12:41"), "2020-02-13T03:12:41Z"),
        (wording.iso, pd.NaT, ""),
        (wording.count, 0, "0"),
        (wording.count, 1234567, "1,234,567"),
        (wording.count, pd.NA, "–"),
        (wording.of_bytes, 0, "0 bytes"),
        (wording.of_bytes, 999, "999 bytes"),
        (wording.of_bytes, 95_130, "95.1 kB"),
        (wording.of_bytes, 999_960, "1.0 MB"),
        (wording.of_bytes, None, "–"),
        (wording.seconds, 0, "0.0 s"),
        (wording.seconds, 1.44, "1.4 s"),
        (wording.seconds, 9.96, "10 s"),
        (wording.seconds, 59.6, "1 min 00 s"),
        (wording.seconds, 192, "3 min 12 s"),
        (wording.seconds, 7500, "2 h 05 min"),
        (wording.seconds, 273_600, "3 d 04 h"),
        (wording.seconds, -192, "−3 min 12 s"),
        (wording.seconds, float("nan"), "–"),
        (wording.percent, 1.0, "100 %"),
        (wording.percent, 0.99999, "99.9 %"),
        (wording.percent, 0.9825, "98.2 %"),
        (wording.percent, 29072 / 71144, "40.9 %"),
        (wording.percent, 0.00001, "< 0.1 %"),
        (wording.percent, 0, "0 %"),
        (wording.percent, 1.05, "105 %"),
        (wording.percent, None, "–"),
        (wording.number, 0, "0"),
        (wording.number, 1234567.0, "1,234,567"),
        (wording.number, -0.5, "−0.5"),
        (wording.number, 0.123456789, "0.123457"),
        (wording.number, float("nan"), "–"),
        (lambda v: wording.quantity(v, "B/s"), 46e6, "46.0 MB/s"),
        (lambda v: wording.quantity(v, "h"), 0.25, "0.25 h"),
        (lambda v: wording.quantity(v, "s"), None, "–"),
        (wording.rounded, 0.400474, "0.4005"),
        (wording.rounded, 2453.27, "2,453"),
        (wording.rounded, -1.0, "−1"),
        (wording.rounded, 1e300, "1e+300"),
        (lambda v: wording.scale(v, "B/s"), 46_374_390.0, (1e6, "MB/s")),
        (lambda v: wording.scale(v, "bytes"), 999.0, (1, "bytes")),
        (lambda v: wording.scale(v, "B"), 3e18, (1e15, "PB")),
        (lambda v: wording.scale(v, "s"), 3692.0, (1, "s")),
        (lambda v: wording.scale(v, "fraction"), 0.026, (0.01, "%")),
        (wording.dash, "", "–"),
        (wording.dash, 0, 0),
    ],
)
def test_filters(filter_, value, text):
    """Each kind of value is shown as an observer reads it, and what isn't there as –."""
    assert filter_(value) == text


def test_near():
    """Beside its night an instant goes without the year, unless that is another year than the night's."""
    assert wording.near(samples.at("2020-02-13T03:12:41"), "2020-02-12") == "02-13 03:12:41"
    assert wording.near(samples.at("2020-01-01T03:12:41"), "2019-12-31") == "2020-01-01 03:12:41"
    assert wording.near(None, "2019-12-31") == "–"


def test_near_of_a_column():
    """A column's instants are said as each of them is: in UTC, without their fractions, – for none."""
    times = [
        "2020-02-13T03:12:41.999999Z",
        "2020-12-31T23:59:59Z",
        "2021-01-01T00:00:00Z",
        None,
        "1969-12-31T23:59:59.5Z",
        "0999-02-03T00:00:00Z",
    ]
    column = pd.Series(pd.to_datetime(times, format="ISO8601")).astype("datetime64[us, UTC]")
    for night in ("2020-02-12", "2021-01-01", "1969-12-31"):
        assert wording.all_near(column, night) == [wording.near(at, night) for at in column]
    assert wording.all_near(column[:1].dt.tz_convert("America/Santiago"), "2020-02-12") == [
        "02-13 03:12:41"
    ]
    assert (
        wording.all_near(column[3:4], "2020-02-12") == ["–"]
        and wording.all_near(column[:0], "2020-02-12") == []
    )


def test_rows_are_filled_as_a_loop_would():
    """Rows that are filled in at once are those that a loop writes cell by cell, whatever stands in a cell, or in one of many."""
    loop = environment().from_string(
        "{% for a, b in rows %}<td>{{ a }}</td><td>{{ b }}</td>\n{% endfor %}"
    )
    chip = markupsafe.Markup("<b>1 & 1</b>")
    for odd in (
        "",
        "%s",
        "50 %",
        "é",
        "<b>",
        "a&b",
        "'",
        '"',
        "&lt;",
        "\x1b[31m",
        "\x00",
        "\u202e",
        "\ud800",
        "\n",
        samples.NASTY,
        chip,
    ):
        for rows in ([(odd, "b")], [("a", "b"), (odd, "b"), ("a", odd)], [("a", "b"), ("c", "d")]):
            filled = render_pages.filled(
                markupsafe.Markup("<td>%s</td><td>%s</td>\n"), zip(*rows, strict=True)
            )
            assert str(filled) == loop.render(rows=rows)
    assert (
        render_pages.filled(markupsafe.Markup("<td>%s</td>"), [[chip, chip]])
        == f"<td>{chip}</td>" * 2
    )
    assert render_pages.filled(markupsafe.Markup("<td>%s</td>"), [[]]) == ""


def test_what_is_equal_is_drawn_once():
    """Of equal values a macro is asked once, and each value has what it drew."""
    asked = []

    def draw(value):
        asked.append(value)
        return markupsafe.Markup(f"<b>{value}</b>")

    assert render_pages.drawn([1, 2, 1, 1], draw) == [
        "<b>1</b>",
        "<b>2</b>",
        "<b>1</b>",
        "<b>1</b>",
    ] and asked == [1, 2]


def test_import_is_light():
    """Importing the room imports neither jinja2 nor pandas: a run with nothing new needs neither."""
    code = "import sys, observing_monitor.pages.render, observing_monitor.charts.night, observing_monitor.pages.file_list; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"jinja2", "pandas", "numpy", "plotly", "pyarrow"} & set(loaded)


@pytest.mark.parametrize("context", NAMES, ids=lambda c: c.__name__)
def test_templates_use_every_field(context):
    """There is no field of the contract that no template shows, but for what only charts do."""
    text = templates_text()
    fields = [
        f for f in dataclasses.fields(context) if (context.__name__, f.name) != ("Finding", "node")
    ]
    unused = [f.name for f in fields if not re.search(rf"\b(?:{NAMES[context]})\.{f.name}\b", text)]
    assert unused == []


def test_templates_have_no_way_around_escaping():
    """No template marks text as safe, switches escaping off, or has a script or a handler of its own in it."""
    text = templates_text()
    assert not re.search(r"\|\s*safe|autoescape|\son[a-z]+=", text)
    scripts = re.findall(r"<script(.*?)>", text)
    assert scripts and all("src=" in s or "application/json" in s for s in scripts)


def test_undefined_is_an_error():
    """A template that asks for what its context lacks fails, it doesn't show nothing."""
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ page.nonsense }}").render(page=samples.site_page())


def test_site_key_covers_every_template(tmp_path, monkeypatch):
    """A change of any template or asset, also of one in a subfolder, changes the site's key."""
    folder, output = tmp_path / "templates", Output(tmp_path / "site")
    shutil.copytree(templates_dir(), folder)
    monkeypatch.setattr(render_pages, "templates_dir", lambda: folder)
    keys = {make_site("Site", (), output).key}
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(path.read_bytes() + b" ")
        keys.add(make_site("Site", (), output).key)
    assert len(keys) == len(files) + 1


def test_templates_that_another_process_compiled():
    """A process that is handed compiled templates compiles none of these itself; one that is not the same here is compiled anew."""
    code = """if True:
        import pickle, sys
        import jinja2
        import page_samples as samples
        from observing_monitor.pages import render as pages
        pages.take_compiled(pickle.load(sys.stdin.buffer))
        compiled, compile = [], jinja2.Environment.compile
        jinja2.Environment.compile = lambda self, source, name, *args: compiled.append(name) or compile(self, source, name, *args)
        read = jinja2.FileSystemLoader.get_source
        def another(self, environment, name):
            source, *rest = read(self, environment, name)
            return source + "!" * (name == "latest.html"), *rest
        jinja2.FileSystemLoader.get_source = another
        pages.render_night(samples.night_page(), samples.ASSETS)
        pages.render_exposures(samples.exposures_page(), samples.ASSETS)
        print(len(compiled))
        pages.render_latest(samples.stream_page(), samples.ASSETS)
        print(*compiled)
    """
    compile_all()
    assert len(compiled()) == len(list(templates_dir().glob("**/*.html")))
    _compiled.clear(), environment.cache_clear()
    made = compiled()
    assert len(made) == len(OF_NIGHT)
    paths = [Path(samples.__file__).parent, Path(render_pages.__file__).parents[2]]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    told = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(made),
        capture_output=True,
        env=env,
        check=False,
    )
    assert told.stdout.decode() == "0\nlatest.html\n", told.stderr.decode()


def test_templates_that_a_process_beside_compiled():
    """A process that had another compile the templates beside it compiles none itself; all, where that process came to nothing."""
    code = """if True:
        import os
        import jinja2
        import page_samples as samples
        from observing_monitor.pages import render as pages
        from observing_monitor.processes import parallel
        compiled, compile = [], jinja2.Environment.compile
        jinja2.Environment.compile = lambda self, source, name, *args: compiled.append(name) or compile(self, source, name, *args)
        pages.begin_compiling()
        pages.render_night(samples.night_page(), samples.ASSETS)
        print(len(compiled))
        pages._compiled.clear(), pages.environment.cache_clear()
        pages._begun.append(parallel.start_process(os._exit, 1))
        pages.render_night(samples.night_page(), samples.ASSETS)
        print("night.html" in compiled)
    """
    paths = [Path(samples.__file__).parent, Path(render_pages.__file__).parents[2]]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=False)
    assert told.stdout.decode() == "0\nTrue\n", told.stderr.decode()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", ["plain", samples.NASTY], ids=["plain", "nasty"])
def test_pages_are_sound(name, text):
    """Whatever stands in the data: elements nest, ids occur once, links within the page arrive, one h1, one main."""
    made = render(name, text)
    read = Reader(made)
    tags = [tag for tag, _ in read.tags]
    assert (tags.count("h1"), tags.count("main"), made.partition("<body")[0].count("<title>")) == (
        1,
        1,
        1,
    )
    assert len(read.ids) == len(set(read.ids))
    assert [link for link in read.links if link.startswith("#") and link[1:] not in read.ids] == []


@pytest.mark.parametrize("name", PAGES)
def test_what_others_wrote_is_text(name):
    """Markup, template code, a script's end and a terminal's colours in names and messages change no element of the page."""
    plain, nasty = Reader(render(name, "plain")), Reader(render(name, samples.NASTY))
    assert [tag for tag, _ in nasty.tags] == [tag for tag, _ in plain.tags]
    assert "<b>&\"'</script><!--{{ 7*7 }}{% raw %}␛[31mred⟨U+202E⟩rtl�␀</td>" in nasty.words


@pytest.mark.parametrize("name", PAGES)
def test_pages_can_be_written(name):
    """A page is always valid UTF-8 without control characters, even of a file whose name isn't."""
    text = render(name, samples.NASTY)
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_figures_are_data():
    """A figure's JSON can't end its element, has null for NaN and infinity, and is what was given."""
    text = figure_json({"data": [{"y": [1.0, float("nan"), float("inf")], "name": samples.NASTY}]})
    assert not re.search("[<>&]", text)
    assert json.loads(text) == {"data": [{"y": [1.0, None, None], "name": samples.NASTY}]}
    scripts = [json.loads(s) for s in Reader(render("night", samples.NASTY)).scripts if s.strip()]
    assert scripts[0]["data"][0]["name"] == samples.NASTY


@pytest.mark.parametrize("name", [name for name in PAGES if name != "glossary"])
def test_status_by_sign_word_and_icon(name):
    """The status stands in the title, in the icon and on the page by sign and word."""
    text = render(name)
    read = Reader(text)
    assert re.search(r"<title>✕ .*: error</title>", text)
    assert "✕ error" in read.words
    assert any(
        attrs.get("rel") == "icon" and attrs["href"].startswith("data:image/svg+xml,")
        for _, attrs in read.tags
    )


def test_icons_differ_in_shape():
    """Each status has its own icon, in which a quote or a `#` can do no harm."""
    icons = {render_pages.icon(status) for status in SIGNS}
    assert len(icons) == len(SIGNS)
    assert all("#" not in icon and '"' not in icon for icon in icons)


def test_assets_by_their_names():
    """Styles and scripts are addressed from the page's root by the names they were given."""
    text = render("night")
    for name in samples.ASSETS.values():
        assert f'"../assets/{name}"' in text
    assert '<script defer src="../heartbeat.js">' in text
    assert 'href="assets/style-1.css"' in render("site")


def test_night_shows_all_classes_there_are():
    """Every class with files is on the night's page with its number, and leads to its rows."""
    counts = {f"n_{c.name}": 1000 + i for i, c in enumerate(columns.CLASSES)}
    read = Reader(render("night", summary=samples.summary(**counts)))
    for i, column in enumerate(columns.CLASSES):
        assert f"{1000 + i:,} {column.label}" in read.words
        assert f"#files?class={column.name}" in read.links


def test_night_has_its_times_and_delays():
    """The latest times and the delays are on the night's page, to the second, for machines too."""
    text = render("night")
    words = Reader(text).words
    assert '<time datetime="2020-02-13T09:44:02Z">2020-02-13 09:44:02 UTC</time>' in text
    assert "Ingest: arrival to ingest 1 min 02 s 3 min 12 s 2 h 30 min" in words


def test_tonight_has_ages():
    """The newest night has the age of its latest times beside them; an older one doesn't count its years."""
    assert "data-age>2020-02-13 09:41:31" in render("night", next=None)
    assert "data-age>2020-02-13 09:41:31" not in render("night")


def test_attention():
    """Files that need attention stand by what is said of them, with the whole message and an address each; small groups are open."""
    read = Reader(render("night"))
    assert "file-1" in read.ids and "#file-1" in read.links
    assert "14 Failed AT_O_20200212_000022.fits 02-13 03:12:50 to 02-13 04:00:00" in read.words
    assert "Traceback (most recent call last):" in read.words and "The first 1 of 14" in read.words
    assert "17 files, grouped by message" in read.words and "The first 2 of 3 groups" in read.words
    groups = {
        attrs["id"]: "open" in attrs
        for tag, attrs in read.tags
        if tag == "details" and "id" in attrs
    }
    assert groups == {"failed": False, "missing": True}


def test_night_without_files():
    """A night without files says so, has no tables of them, and no link to nights that aren't there."""
    read = Reader(render_night(samples.empty_night_page(), samples.ASSETS))
    assert "No files in this night" in read.words
    assert not {"files", "attention", "charts", "exposures", "numbers"} & set(read.ids)
    assert "no earlier night" in read.words and "no later night" in read.words


def test_ways():
    """A night's page leads to the nights beside it, to its stream and to the site, on top and at the bottom."""
    links = Reader(render("night")).links
    for href in ("2020-02-11.html", "2020-02-13.html", "index.html", "../index.html"):
        assert links.count(href) == 2


def test_without_a_script():
    """Where no script runs, the table of all files points to the data files, which the page links."""
    read = Reader(render("night"))
    assert "This table needs JavaScript" in read.words
    assert {"2020-02-12.csv", "2020-02-12.json", "2020-02-12.exposures.html"} <= set(read.links)
    assert "#exposures" in Reader(render("night", exposures="")).links, (
        "where the page itself has a row an exposure"
    )


def test_stream_has_a_row_a_night():
    """Each night of a stream is a row that leads to its page and tells its status in a word."""
    read = Reader(render("stream"))
    assert [link for link in read.links if re.fullmatch(r"2020-02-1\d\.html", link)][-3:] == [
        "2020-02-12.html",
        "2020-02-11.html",
        "2020-02-10.html",
    ]
    assert "✓ normal" in read.words and "✕ error" in read.words and "! warning" in read.words


def test_stream_and_site_without_nights():
    """A new stream, and a site of none, have pages that say that there is nothing yet."""
    stream = samples.stream_page(latest=None, nights=[], charts=[], site=None, data=[])
    assert "No night has been read yet" in Reader(render_stream(stream, samples.ASSETS)).words
    site = contexts.SitePage(
        samples.frame(root="", stream="", status="normal", info=""), "", [], []
    )
    assert "No streams are set up" in Reader(render_site(site, samples.ASSETS)).words


def test_every_head_explains_itself():
    """Every column's head of every table is a word that says what it means and leads to its line of the glossary, which says the same."""
    lines = dict(
        re.findall(r'<div id="([^"]+)">.*?<dd><bdi>(.*?)\.</bdi></dd>', render("glossary"))
    )
    of_sources = {"numbers"}  # where headlines of the samples lead
    n_heads = 0
    for name in ("site", "stream", "year", "night", "exposures"):
        text = re.sub(
            r'<table class="month".*?</table>', "", render(name), flags=re.DOTALL
        )  # a calendar's heads are days
        heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', text, re.DOTALL)
        words = [
            re.fullmatch(
                r'\s*<a class="word" href="(?:\.\./)?glossary\.html#([^"]+)" title="([^"]*)"><bdi>[^<]+</bdi></a>',
                h,
            )
            for h in heads
        ]
        assert all(words), [head for head, word in zip(heads, words, strict=True) if not word]
        assert all(lines[word[1]] == word[2] for word in words if word[1] not in of_sources)
        n_heads += len(words)
    assert n_heads > 120


def test_the_glossary_has_all_words():
    """Each column of the schema that pages show, each class and each status is explained once, under an address of its own."""
    read = Reader(render("glossary"))
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
    assert [c.label for c in described if f"{c.label} {c.meaning}." not in read.words] == []
    assert {"class-failed", "night-completeness", "number-table-alerts", "status-error"} <= set(
        read.ids
    )
    assert not {f"night-n_{c.name}" for c in columns.CLASSES} & set(read.ids), (
        "a count of a class is explained where the class is"
    )


@pytest.mark.parametrize("name", PAGES)
def test_same_context_same_page(name):
    """The same context renders to the same text."""
    assert render(name) == render(name)


def test_a_night_of_numbers_alone():
    """Where no source tells of files the night has its headlines and metrics, and no word, tile or table of files."""
    night = samples.empty_night_page()
    known = samples.night_page(metrics=[samples.metric_group()])
    night = dataclasses.replace(
        night,
        has_files=False,
        metrics=known.metrics,
        n_metrics=1,
        headlines=samples.headlines(),
        summary=known.summary,
    )
    read = Reader(
        render_night(dataclasses.replace(night, summary=samples.summary(n_files=0)), samples.ASSETS)
    )
    assert (
        "No files" not in read.words
        and "Ingested" not in read.words
        and "How late" not in read.words
    )
    assert (
        "0 Alerts produced" in read.words
        and "– Min delay" in read.words
        and "61 nodes: 0.4 to 0.7" in read.words
    )
    nothing = dataclasses.replace(
        night, metrics=[], headlines=[], summary=samples.empty_night_page().summary
    )
    assert "No data of this night" in Reader(render_night(nothing, samples.ASSETS)).words


def test_headlines_among_the_nights():
    """Each headline is a column that explains itself; nothing known is –, and 0 is 0. Without files there are no columns of files."""
    read = Reader(render("stream", has_files=False))
    heads = re.findall(
        r'<th scope="col"[^>]*>\s*<a [^>]* title="([^"]*)"', render("stream", has_files=False)
    )
    assert "Alerts that the survey issued: auxTel" in heads and not {
        c.meaning for c in columns.CLASSES
    } & set(heads)
    assert "14 files failed, 3 are missing" not in heads and "normal – 0 – –" in read.words


def test_queues_at_a_glance():
    """A queue's tab has its totals and errors in its title; its entries open to the whole traceback, with no script."""
    text = render("night")
    read = Reader(text)
    assert "AT_O_20200212_000022.fits: 26, 2 errors" in read.words and "export: 0" in read.words
    assert [
        attrs["id"] for tag, attrs in read.tags if tag == "input" and attrs.get("type") == "radio"
    ] == ["queue-1", "queue-2"]
    assert (
        "The first 1 of 26. The data files have all." in read.words and "ValueError" in read.words
    )


def test_site_at_a_glance():
    """The site's first line names the stream that needs attention, what is wrong there and since when; each card has its nights as bars."""
    text = render("site")
    read = Reader(text)
    assert (
        "1 stream needs attention: ✕ error auxTel , 14 files failed since 03:12 auxTel"
        in read.words
    )
    assert {"auxTel/index.html", "auxTel/2020-02-12.html#findings"} <= set(read.links)
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
def test_all_that_need_attention_are_counted(levels, line):
    """The site's line counts streams with errors and streams with warnings; those with errors are named first."""
    cards = [
        dataclasses.replace(samples.site_page().streams[0], name=str(n), status=level)
        for n, level in enumerate(levels)
    ]
    said, troubled = needs_attention(cards)
    assert said == line
    assert [card.status for card in troubled] == sorted(
        level for level in levels if level != "normal"
    )


def test_clock():
    """An instant of a finding has its date, for it is also read beside other nights'."""
    assert wording.clock(samples.at("2020-02-13T03:12:41")) == "2020-02-13 03:12"
    at = datetime.datetime.fromisoformat("2020-02-13T00:12:41+09:00")
    assert wording.clock(at) == "2020-02-12 15:12"


def test_where_nothing_comes_after_arrival():
    """A stream without a stage has files that arrived: no page of it speaks of ingest, neither in heads, tiles, delays nor charts."""
    for name in ("stream", "night"):
        words = Reader(render(name, has_ingest=False)).words
        assert (
            "Arrived" in words and "arrival to ingest" not in words and "Last ingested" not in words
        )
    year = dataclasses.replace(samples.year_page(), has_ingest=False)
    assert "Ingest 90 %" not in Reader(render_year(year, samples.ASSETS)).words
    drawn = over_nights.stream_charts(
        [row.values for row in samples.night_rows()], has_ingest=False
    )
    assert "Arrived" in drawn[0].caption and not any(
        chart.title == "Completeness" for chart in drawn
    )


@pytest.mark.parametrize(
    "names",
    [
        ["2", "10"],
        ["drvs2", "drvs10"],
        ["a1-b2", "a1-b10", "a2-b1"],
        ["x07", "x8"],
        ["", "1" * 9000],
    ],
)
def test_names_in_the_order_of_their_numbers(names):
    """Names of nodes are sorted as people do, by the numbers in them, however long these are."""
    assert (
        max(names, key=in_number_order) == names[-1] and min(names, key=in_number_order) == names[0]
    )


def test_what_is_printable_is_shown_as_it_is():
    """No character that is to be shown as a picture is printable, so that text of printable ones needs no search."""
    pictured = wording._CONTROLS.findall("".join(map(chr, range(0x110000))))
    assert len(pictured) > 2000 and not any(map(str.isprintable, pictured))
