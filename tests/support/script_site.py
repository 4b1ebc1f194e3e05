"""Sample pages with their script, for a browser."""

import json
import random
import shutil
from pathlib import Path

import plotly
import pytest
from chart_nights import BOUNDS, night_of
from file_tables import file_table
from lwa_dump import waterfall
from night_samples import empty_night_page, night_page
from page_samples import NASTY, glossary_page, nights, site_page, stream_page, summary

from observing_monitor.charts.night import night_charts
from observing_monitor.charts.over_nights import stream_charts
from observing_monitor.pages import assets, file_list, render

ASSETS = {name: name for name in (assets.STYLE, assets.SCRIPT, assets.PLOTLY)}


def write_assets(root, with_plotly=False):
    """Write the style sheet, the script and perhaps plotly."""
    (root / "assets").mkdir(exist_ok=True)
    for name in (assets.STYLE, assets.SCRIPT):
        (root / "assets" / name).write_bytes(assets.asset_bytes(name))
    if with_plotly:
        shutil.copy(Path(plotly.__file__).parent / "package_data/plotly.min.js", root / "assets")


def write_night(path, page):
    """Write a night's page."""
    path.write_text(render.render_night(page, ASSETS), encoding="utf-8")


def write_glossary(root):
    """Write the glossary."""
    text = render.render_glossary(glossary_page(), ASSETS)
    (root / "glossary.html").write_text(text, encoding="utf-8")


def write_site(root):
    """Write a night's page with 101 files, one with a nasty name."""
    write_assets(root)
    images = root / "auxTel/2020-02-12.images"
    images.mkdir(parents=True)
    (images / "drvs1-spectra-0123456789.png").write_bytes(waterfall(random.Random(1)))
    files = file_table(101).astype({"path": "object"})
    files.loc[5, "path"] = f"folder/{NASTY}"
    files.loc[5, "file_class"] = "failed"
    numbers = summary(n_files=101, n_ingested=98, n_failed=3)
    page = night_page(charts=[], files_js="2020-02-12.files.js", summary=numbers)
    write_night(root / "auxTel/2020-02-12.html", page)
    script = file_list.render_files_js(files)
    (root / "auxTel/2020-02-12.files.js").write_text(script, encoding="utf-8")
    return root


def write_gallery(root):
    """Write one page of each kind; return their names."""
    write_assets(root, with_plotly=True)
    write_glossary(root)
    stream = stream_page(charts=stream_charts(nights()))
    charts = night_charts(night_of(500), *BOUNDS)
    texts = {
        "index.html": render.render_site(site_page(), ASSETS),
        "auxTel/index.html": render.render_stream(stream, ASSETS),
        "auxTel/2020-02-11.html": render.render_night(empty_night_page(), ASSETS),
        "auxTel/2020-02-13.html": render.render_night(night_page(charts=charts), ASSETS),
    }
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return [*texts, "glossary.html"]


def open_night(browser, root, address="", run_at="2020-02-13T03:12:41Z"):
    """Open the night's page; an error on its console fails.

    The last run was at `run_at`.
    """
    heartbeat = {"run_at": run_at, "streams": {"auxTel": {"read_at": run_at, "sources": {}}}}
    script = f"window.observing_monitor_heartbeat = {json.dumps(heartbeat)};"
    (root / "heartbeat.js").write_text(script)
    page = browser.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.clock.set_fixed_time("2020-02-13T03:16:45Z")
    page.goto(f"{(root / 'auxTel/2020-02-12.html').as_uri()}{address}")
    return page


def shown_rows(page):
    """Return the visible rows of the table of all files."""
    page.wait_for_selector("#all-files[data-ready]")
    return page.eval_on_selector_all(
        "#files-scroll tbody tr:not(.spacer)",
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))",
    )


def wait_for_count(page, n):
    """Wait until the table of all files shows `n` files."""
    text = f"{n} of 101 files"
    page.wait_for_function(f"document.getElementById('files-shown').textContent === '{text}'")
