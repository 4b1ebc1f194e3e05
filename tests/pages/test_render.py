"""Rendering: escaping, tables, icons, compiled templates."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import markupsafe
import page_samples as samples
import pytest
from page_reader import PAGES, Reader, read, render

from observing_monitor.pages import render as rendering
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.render import (
    SIGNS,
    environment,
    figure_json,
)
from observing_monitor.pages.tables import Cell, Table, TableColumn

WORD = WORDS["night"]["night"]
ODD = (
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
)
# what the macro of a cell makes of a Cell in the tests below
CHIP = markupsafe.Markup("<b>1 & 1</b>")


class Cells:
    """Macros of cells that count how often they are called."""

    def __init__(self):
        self.calls = []

    def cell(self, value):
        """Draw a cell."""
        self.calls.append(value)
        return CHIP


def filled(pattern, *columns, **fields):
    """Return the rows of a table with these columns of cells."""
    table = Table([TableColumn(WORD, cells) for cells in columns], **fields)
    return str(rendering.filled(markupsafe.Markup(pattern), table, Cells()))


@pytest.mark.parametrize("odd", [*ODD, Cell("")])
def test_rows_are_filled_as_by_a_loop(odd):
    """Filled rows are what a loop over cells writes."""
    loop = environment().from_string(
        "{% for a, b in rows %}<td>{{ a }}</td><td>{{ b }}</td>\n{% endfor %}"
    )
    for rows in ([(odd, "b")], [("a", "b"), (odd, "b"), ("a", odd)], [("a", "b"), ("c", "d")]):
        made = filled("<td>%s</td><td>%s</td>\n", *zip(*rows, strict=True))
        drawn = [[CHIP if cell == Cell("") else cell for cell in row] for row in rows]
        assert made == loop.render(rows=drawn)


def test_rows_have_their_addresses_and_classes():
    """A row's address and class come before its cells."""
    pattern = '<tr id="%s" class="%s">%s</tr>'
    made = filled(pattern, ["a", "b"], anchors=['"', "2"], row_css=["failed", "<"])
    assert made == '<tr id="&#34;" class="failed">a</tr><tr id="2" class="&lt;">b</tr>'
    assert filled("<td>%s</td>", []) == ""


def test_equal_cells_are_drawn_once():
    """A macro is called once for equal cells."""
    cells, column = Cells(), TableColumn(WORD, [Cell("1"), "text", Cell("2"), Cell("1")])
    made = rendering.filled(markupsafe.Markup("%s;"), Table([column]), cells)
    assert made == f"{CHIP};text;{CHIP};{CHIP};"
    assert sorted(cells.calls) == [Cell("1"), Cell("2")]


def test_import_is_light():
    """Importing the renderer imports no jinja2 or pandas."""
    modules = ("pages.render", "charts.night", "pages.file_list", "pages.publish")
    code = f"import sys, {', '.join(f'observing_monitor.{name}' for name in modules)}"
    loaded = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"jinja2", "pandas", "numpy", "plotly", "pyarrow"} & set(loaded)


def test_undefined_is_an_error():
    """A template that asks for an unknown field fails."""
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ page.nonsense }}").render(page=samples.site_page())


@pytest.mark.parametrize("name", PAGES)
def test_what_others_wrote_is_text(name):
    """Markup and control codes in names change no element."""
    plain, nasty = read(name, "plain"), read(name, samples.NASTY)
    assert [tag for tag, _ in nasty.tags] == [tag for tag, _ in plain.tags]
    assert "<b>&\"'</script><!--{{ 7*7 }}{% raw %}␛[31mred⟨U+202E⟩rtl�␀</td>" in nasty.words


@pytest.mark.parametrize("name", PAGES)
def test_pages_can_be_written(name):
    """A page is valid UTF-8, whatever a name is."""
    text = render(name, samples.NASTY)
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize("name", PAGES)
def test_same_record_same_page(name):
    """The same record gives the same text."""
    assert render(name) == render(name)


def test_figures_are_data():
    """A figure's JSON cannot end its element."""
    text = figure_json({"data": [{"y": [1.0, float("nan"), float("inf")], "name": samples.NASTY}]})
    assert not re.search("[<>&]", text)
    assert json.loads(text) == {"data": [{"y": [1.0, None, None], "name": samples.NASTY}]}
    scripts = [json.loads(s) for s in read("night", samples.NASTY).scripts if s.strip()]
    assert scripts[0]["data"][0]["name"] == samples.NASTY


@pytest.mark.parametrize("name", [name for name in PAGES if name != "glossary"])
def test_status_by_sign_word_and_icon(name):
    """The status is in title, icon, sign and word."""
    text = render(name)
    page = Reader(text)
    assert re.search(r"<title>✕ .*: error</title>", text)
    assert "✕ error" in page.words
    icons = [attrs["href"] for _, attrs in page.tags if attrs.get("rel") == "icon"]
    assert len(icons) == 1 and icons[0].startswith("data:image/svg+xml,")


def test_icons_differ_in_shape():
    """Each status has its own icon."""
    icons = {rendering.icon(status) for status in SIGNS}
    assert len(icons) == len(SIGNS)
    assert all("#" not in icon and '"' not in icon for icon in icons)


def test_assets_by_their_names():
    """Pages load styles and scripts by the names they are given."""
    text = render("night")
    for name in samples.ASSETS.values():
        assert f'"../assets/{name}"' in text
    assert '<script defer src="../heartbeat.js">' in text
    assert 'href="assets/style-1.css"' in render("site")


# --- compiled templates --------------------------------------------------------------------------

# Prints which templates this process compiles itself.
COUNTING = """
import jinja2, night_samples, page_samples
from observing_monitor.pages import render as pages
names, compile = [], jinja2.Environment.compile
def counting(self, source, name, *args):
    names.append(name)
    return compile(self, source, name, *args)
jinja2.Environment.compile = counting
read = jinja2.FileSystemLoader.get_source
def another(self, environment, name):
    source, *rest = read(self, environment, name)
    return source + "{{ 1 }}" * (name == CHANGED), *rest
jinja2.FileSystemLoader.get_source = another
pages.render_latest(page_samples.stream_page(), page_samples.ASSETS)
print(*sorted(names))
"""


def compiled_by_a_process(folder, changed="", **variables):
    """Return the templates that a process compiles, which keeps them in a folder."""
    paths = [Path(samples.__file__).parent, Path(rendering.__file__).parents[2]]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {"PYTHONPYCACHEPREFIX": str(folder), **variables}
    code = f"CHANGED = {changed!r}{COUNTING}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split()


def kept(folder):
    """Return the compiled templates in a folder."""
    return [path for path in folder.rglob("*") if path.suffix == f".{sys.implementation.cache_tag}"]


def test_compiled_templates_are_kept(tmp_path):
    """The next process compiles only what changed, or is damaged."""
    names = compiled_by_a_process(tmp_path)
    assert "latest.html" in names and len(kept(tmp_path)) == len(names)
    assert compiled_by_a_process(tmp_path) == []
    assert compiled_by_a_process(tmp_path, "latest.html") == ["latest.html"]
    assert compiled_by_a_process(tmp_path) == ["latest.html"]
    for path in kept(tmp_path):
        path.write_bytes(path.read_bytes()[:-50])
    assert compiled_by_a_process(tmp_path) == names
    assert compiled_by_a_process(tmp_path) == []


def test_compiled_templates_that_cannot_be_kept(tmp_path):
    """Without a place, or if Python keeps none, each process compiles its own."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    for variables in ({"PYTHONPYCACHEPREFIX": str(in_the_way)}, {"PYTHONDONTWRITEBYTECODE": "1"}):
        for _ in range(2):
            assert "latest.html" in compiled_by_a_process(tmp_path, **variables)
        assert kept(tmp_path) == []
