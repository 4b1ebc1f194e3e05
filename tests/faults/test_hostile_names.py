"""Hostile names and messages do nothing to the pages.

The pages are opened in a browser.
"""

import contextlib
import csv
import json
import os
import random
import socket

import hostile
import pandas as pd
import pytest
from breakage import age
from hostile import PAYLOADS, SCRIPT
from running import nights, run
from small_inputs import NIGHT, NOW

from observing_monitor.model import wording

MEGABYTE = 1_000_000
SITE = """
[observing_monitor]
output_dir = "site"
title = '''{title}'''
[streams.names]
title = '''{title}'''
[[streams.names.sources]]
type = "files"
path = "names/storage"
[[streams.names.sources]]
type = "table"
name = "tried"
path = "attempts.jsonl"
feeds = "ingests"
stages = ["ingest", "export"]
[streams.names.sources.columns]
path = "path"
attempted_at = "at"
status = "status"
message = "message"
stage = "stage"
[[streams.names.sources]]
type = "table"
name = "<b>{script}"
path = "not there <img src=x onerror={script}>.csv"
feeds = "files"
columns = {{ path = "path", created_at = "at" }}
[streams.numbers]
[[streams.numbers.sources]]
type = "table"
path = "metrics.jsonl"
[streams.numbers.sources.columns]
name = "name"
node = "node"
sampled_at = "at"
value = "value"
unit = "unit"
text = "text"
[[streams.numbers.sources]]
type = "lwa"
dump = "mon.json"
recorders = ["drvs1-3"]
"""
# the first leads elsewhere by itself; the others show nothing of the data
NOT_LOOKED_AT = ("latest.html", "glossary.html", "2020.html")
FOREIGN = "iframe, object, embed, base, meta[http-equiv], [onload], [onerror], [onmouseover]"
MOUSE_OVER = """
document.querySelectorAll('*').forEach((one) => one.dispatchEvent(new MouseEvent('mouseover')))
"""
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of two streams full of PAYLOADS."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile.make_names(folder / "names", PAYLOADS)
    place = folder / "names" / "storage" / NIGHT.isoformat()
    listening = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(place):  # a socket's path may have 107 bytes
        listening.bind("socket.fits")
    write_attempts(folder / "attempts.jsonl", place)
    write_metrics(folder / "metrics.jsonl")
    write_points(folder / "mon.json")
    title = f"<b>{{{{7*7}}}}</b></script><script>{SCRIPT}</script>"
    (folder / "site.toml").write_text(SITE.format(title=title, script=SCRIPT))
    code = run("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT, now=NOW)
    listening.close()
    assert code == 1  # one source is not there
    assert nights(folder / "site" / "names")[NIGHT.isoformat()]["n_files"] > 280
    return folder / "site"


def write_attempts(path, place):
    """Write failed attempts with hostile messages."""
    chance = random.Random(1)
    names = sorted(
        path.name
        for path in place.iterdir()
        if path.suffix == ".fits" and not path.name.startswith(".") and path.is_file()
    )
    long = "<b>" + "x" * MEGABYTE + f"<script>{SCRIPT}</script>"
    messages = [*PAYLOADS, long, *(f"{a}\n{b}" for a in PAYLOADS for b in PAYLOADS)]
    rows = [
        {
            "path": f"{NIGHT}/{name}",
            "at": "2020-02-12T23:30:00",
            "status": "failure",
            "stage": chance.choice(("ingest", "export")),
            "message": message,
        }
        for name, message in zip(names, messages, strict=False)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_metrics(path):
    """Write metrics with hostile names, nodes and texts."""
    rows = []
    for number, payload in enumerate(PAYLOADS):
        for hour in (1, 2):
            row = {
                "name": f"{number % 4}{payload}",
                "node": payload,
                "unit": payload,
                "at": f"2020-02-13T0{hour}:00:00",
            }
            rows.append(row | ({"text": payload} if number % 2 else {"value": number + hour}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_points(path):
    """Write monitor points with hostile names and values."""
    at, points = 1581559200, {}
    for number, payload in enumerate(PAYLOADS):
        values = {"summary": payload, "info": payload, payload: payload, f"n{number}": number}
        for name, value in values.items():
            point = {"timestamp": at + number, "value": value, "unit": payload}
            points[f"/mon/drvs{number % 3 + 1}/{name}"] = point
    image = {"value": "PHN2Zy8+", "mime": f"image/svg+xml'onload={SCRIPT}"}
    points["/mon/drvs1/image"] = {"timestamp": at} | image
    path.write_text(json.dumps(points))
    age(path)


def watched(context, address, wrong):
    """Return a new page that adds its faults to `wrong`."""
    page = context.new_page()

    def on_console(message):
        if message.type == "error" and "favicon" not in message.text:
            wrong.append(f"console {message.text}")

    def on_request(request):
        if not request.url.startswith((address, "data:")):
            wrong.append(f"asked for {request.url}")

    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(f"error {error}"))
    page.on("console", on_console)
    page.on("request", on_request)
    return page


def look_at(browser, address, site):
    """Return the faults of a site's pages in a browser."""
    wrong = []
    context = browser.new_context()
    for path in sorted(site.rglob("*.html")):
        if path.name in NOT_LOOKED_AT:
            continue
        page = watched(context, address, wrong)
        page.goto(f"{address}/{path.relative_to(site).as_posix()}")
        open_everything(page)
        wrong += [f"{path}: {words}" for words in faults_of(page, address)]
        page.close()
    context.close()
    return wrong


def open_everything(page):
    """Draw a page's charts and open its tables."""
    for place in page.query_selector_all(".plot"):
        place.scroll_into_view_if_needed()
        place.wait_for_selector("svg.main-svg", state="attached")
    if page.query_selector("#all-files"):
        page.locator("#all-files").scroll_into_view_if_needed()
        page.wait_for_selector("#all-files[data-ready]")
        page.fill("#files-search", "<")
    page.evaluate(OPEN_ALL)
    page.evaluate(MOUSE_OVER)


def faults_of(page, address):
    """Yield the faults of an opened page."""
    if page.evaluate("window.pwned !== undefined"):
        yield "a script of the data ran"
    links = page.eval_on_selector_all("a[href]", "all => all.map((one) => one.href)")
    yield from (f"leads to {link}" for link in links if not link.startswith(address))
    yield from page.eval_on_selector_all(FOREIGN, "all => all.map((one) => one.outerHTML)")
    shown = page.evaluate("document.body.innerText + document.title")
    invisible = "\u202e\u2066\u200b\x1b\x07\u2028"
    yield from (f"shows {ord(char):x}" for char in invisible if char in shown)


def test_no_script_of_the_data_runs_from_disk(browser, site):
    """From disk, pages run, load and link no hostile data."""
    assert look_at(browser, site.as_uri(), site) == []


def test_no_script_of_the_data_runs_under_a_policy(browser, site, strict):
    """A policy against inline scripts finds nothing to forbid."""
    with strict(site) as address:
        assert look_at(browser, address, site) == []


def test_pages_stay_small(site):
    """Long messages are cut on pages, but not in the table."""
    assert all(path.stat().st_size < MEGABYTE for path in site.rglob("*.html"))
    data = json.loads((site / "names" / f"{NIGHT}.json").read_text())
    assert data["left_out"]["characters"] > 0.9 * MEGABYTE
    (table,) = site.rglob(f"stream=names/night={NIGHT}/ingests.parquet")
    assert max(map(len, pd.read_parquet(table)["message"].dropna())) >= MEGABYTE


def test_no_cell_is_a_formula(site):
    """No text in a CSV file begins like a formula."""
    csv.field_size_limit(10 * MEGABYTE)
    for path in site.rglob("*.csv"):
        with open(path, newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert cells
        for cell in cells:
            with contextlib.suppress(ValueError):
                float(cell)
                continue
            signs = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
            assert not cell.startswith(signs), cell


def one_night_of(folder):
    """Return the arguments of a run over NIGHT."""
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    return ("--input_dir", folder, "--output_dir", folder / "site", *days)


def test_ten_thousand_names_in_one_folder(tmp_path):
    """Ten thousand odd names are counted once each."""
    place = tmp_path / "storage" / NIGHT.isoformat()
    place.mkdir(parents=True)
    for number in range(10_000):
        (place / f"<i>{number}\u202e\n.fits").touch()
    assert run(*one_night_of(tmp_path), now=NOW) == 1  # there is no registry
    assert nights(tmp_path / "site")[NIGHT.isoformat()]["n_files"] == 10_000
    assert (tmp_path / "site" / f"{NIGHT}.html").stat().st_size < 500_000


def test_names_that_look_alike_stay_apart(tmp_path):
    """Two names that look the same are two files."""
    place = os.fsencode(tmp_path / "storage" / NIGHT.isoformat())
    os.makedirs(place)
    for name in (b"\x80.fits", b"\\x80.fits", b"a\xff", b"a\\xff"):
        with open(os.path.join(place, name), "wb") as file:
            file.truncate(20_000)
    assert run(*one_night_of(tmp_path), now=NOW) == 1  # there is no registry
    assert nights(tmp_path / "site")[NIGHT.isoformat()]["n_files"] == 4


def test_terminals_get_no_commands(tmp_path, capfd):
    """Control characters reach stderr as symbols."""
    name = "x\x1b]0;title\x07\x1b[31m\u202e\nobserving_monitor: all is well.json"
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "table"\n'
        f'path = {json.dumps(name)}\nnight_column = "n"\nvalues = {{ a = "b" }}\n'
    )
    for command in ("run", "check"):
        assert run(command, "-c", tmp_path / "site.toml") == 1
        printed = capfd.readouterr()
        text = printed.err + printed.out
        assert "␛[31m⟨U+202E⟩␊observing_monitor: all is well" in text
        assert not set(text) & set("\x1b\x07\u202e")


def test_invisible_characters_are_shown():
    """Invisible characters are shown as numbers."""
    hidden = "a\u202egpj\u200b\ufeff\U000e0041.\x1b[0m\x7f\x85"
    assert wording.visible(hidden) == "a⟨U+202E⟩gpj⟨U+200B⟩⟨U+FEFF⟩⟨U+E0041⟩.␛[0m␡�"
    assert wording.visible("漢字 שלום é\n\t") == "漢字 שלום é\n\t"


def test_headlines_are_no_formulas(tmp_path):
    """A metric's name in nights.csv is no formula."""
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "t.csv").write_text("n,a\n2020-02-12,-2.5\n")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "table"\n'
        'path = "input/t.csv"\nnight_column = "n"\n'
        'values = { "=1+1" = "a" }\nheadlines = ["=1+1"]\n'
    )
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    assert run("-c", tmp_path / "site.toml", *days, now=NOW) == 0
    with open(tmp_path / "site" / "a" / "nights.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["'=1+1"] == "-2.5" and "=1+1" not in row
