"""The documentation as a site: complete, readable and local."""

import dataclasses
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT, need
from pages import DOCS

from observing_monitor.model import columns
from observing_monitor.sources.registry import BUILT_IN, source_class

ARCHITECTURE = DOCS / "architecture.md"


@pytest.fixture(scope="module")
def generate():
    """The module that makes parts of the documentation."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it; a warning fails."""
    need(importlib.util.find_spec("material"), "there is no mkdocs-material (the extra docs)")
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder]
    # a proxy that is not there: a request would fail, and with it the build
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=os.environ | nowhere | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def test_nothing_is_loaded_from_elsewhere(site):
    """No page and no style of the site asks another host for anything."""
    loaded = re.compile(
        r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc=["']?(?:https?:)?//"""
        r"""|<link\b(?![^>]*rel=["']?canonical)[^>]*\bhref=["']?(?:https?:)?//"""
        r"""|@import\s|url\(["']?(?:https?:)?//"""
    )
    pages = [*site.glob("**/*.html"), *site.glob("**/*.css")]
    assert len(pages) > 40
    assert not {page: found[0] for page in pages if (found := loaded.search(page.read_text()))}


def test_every_page_is_there_without_markers(site):
    """Every page of docs/ is in the site, and no generated part is missing."""
    pages = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.glob("**/*.md")}
    made = {page.relative_to(site) for page in site.glob("**/*.html")}
    assert pages <= made
    assert not [page for page in made if "{{ " in (site / page).read_text()]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("small_bytes", "Settings"),
        ("textfile collector", "Notifications"),
        ("SOON_HOURS", "Lasair"),
    ],
)
def test_search_works_from_disk(site, browser, words, title):
    """Search works on file:// pages, and no request leaves the machine."""
    page = browser.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / "tutorial.html").as_uri())
    page.locator("input.md-search__input").press_sequentially(words)  # the theme waits for keys
    found = page.locator(".md-search-result__item h1", has_text=title).first
    found.wait_for(timeout=20_000)
    found.click()
    page.locator("article h1", has_text=title).wait_for()
    page.close()
    assert not errors
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_every_setting_is_explained(generate):
    """Each key of every table has a type, a meaning and an example."""
    text = (DOCS / "settings.md").read_text()
    for table in ["site", *generate.RECORDS]:
        assert f"{{{{ settings: {table} }}}}" in text
        rows = generate.site_settings() if table == "site" else generate.record_settings(table)
        assert rows
        for row in rows:
            key = row.key.strip("`")
            assert row.type, (table, key)
            assert f"{key} = " in row.example, (table, key)
            assert row.meaning, (table, key)


def test_keys_are_those_of_the_records(generate):
    """The reference of a source has exactly the fields of its settings."""
    for kind in BUILT_IN:
        rows = {row.key.strip("`"): row for row in generate.record_settings(kind)}
        fields = {field.name: field for field in dataclasses.fields(source_class(kind).Settings)}
        assert rows.keys() == fields.keys()
        is_required = {
            name: field.default is field.default_factory is dataclasses.MISSING
            for name, field in fields.items()
        }
        assert is_required == {name: "required" in row.default for name, row in rows.items()}


def test_every_source_has_a_page():
    """Each kind of source has a page with its settings."""
    overview = (DOCS / "sources/index.md").read_text()
    for kind in set(BUILT_IN) - {"objects"}:
        assert f"{{{{ settings: {kind} }}}}" in (DOCS / f"sources/{kind}.md").read_text()
        assert f"]({kind}.md)" in overview


def test_every_column_is_explained(generate):
    """Each table of the schema is documented, with every column."""
    text = "".join(page.read_text() for page in DOCS.glob("**/*.md"))
    tables = {
        name
        for name, value in vars(columns).items()
        if isinstance(value, tuple) and value and isinstance(value[0], columns.Column)
    } - {"ATTEMPTS", "LEVELS"}
    shown = set(re.findall(r"\{\{ columns: (\w+) \}\}", text))
    words = {"STATUSES", "LEVELS_OF_REMARKS", "FLAGS", "TIME_LOST_TYPES"}
    assert shown == tables | words
    for name in tables:
        made = generate.columns_table(name)
        assert all(f"`{c.name}`" in made and c.meaning in made for c in getattr(columns, name))


def test_links_beside_the_docs(generate):
    """Links to files beside docs/ become links to the pages that show them."""
    links = "[a](../SECURITY.md) [b](../examples/gen3.toml) [c](tutorial.md) [d](https://x.org/y)"
    assert generate.rewrite_links(links, "index.md") == (
        "[a](security.md) [b](examples.md#gen3toml) [c](tutorial.md) [d](https://x.org/y)"
    )
    assert generate.rewrite_links("[a](../../CHANGELOG.md#020)", "sources/sql.md") == (
        "[a](../changelog.md#020)"
    )


def code_spans(page):
    """Return a page's code spans, without its code blocks."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def is_there(name):
    """True if a dotted name exists in observing_monitor."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        module = ".".join(["observing_monitor", *parts[:n]])
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            assert module.startswith(error.name), error  # another package's is a fault of ours
            continue
        for part in parts[n:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False


def test_names_of_the_architecture_exist():
    """The architecture's names exist, and it names every package."""
    spans = code_spans(ARCHITECTURE)
    paths = {span for span in spans if "/" in span or span.endswith((".md", ".yml", ".py"))}
    names = {span for span in spans if re.fullmatch(r"\w+(\.\w+)*", span)} - paths
    assert not [path for path in paths if not (CHECKOUT / path).exists()]
    assert not [name for name in sorted(names) if not is_there(name)]
    assert set(spans) - paths - names == {"make lint"}
    packages = {path.parent.name for path in Path(CHECKOUT).glob("observing_monitor/*/__init__.py")}
    assert not [name for name in packages if f"observing_monitor/{name}/" not in paths]
    assert not is_there("tables.classify.no_such_function")
