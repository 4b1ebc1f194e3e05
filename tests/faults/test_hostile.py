"""Names, messages, files and databases that nobody would make on purpose: no traceback, no hang, and no page that runs or breaks on them.

The campaigns of which these are a sample stand with their figures in docs/quality.md.
"""

import contextlib
import csv
import json
import os
import random
import shutil
import socket

import fuzz
import hostile
import pytest
from hostile import KINDS, NIGHT, NOW, broken, one_night, stream_of, upset
from running import nights, run

from observing_monitor.model import wording

RUN = "window.pwned=1"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f'"><svg onload={RUN}>',
    f"'onmouseover='{RUN}",
    f"<a href=javascript:{RUN}>a</a>",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content=0;url=about:blank>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    "--><!--",
    "]]>",
    "{{ 7*7 }}{% for %}{#",
    "${7*7}`${window.pwned=1}`",
    "%s%n%(x)s{0}",
    "\x1b[31mred\x1b]0;title\x07",
    "a\u202egpj.stif",
    "zero\u200bwidth\u2066",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "-2+3",
    "\t=1+1",
    "\r=1+1",
    "line\nbreak\r\nand\ttab",
    "\x85\u2028\u2029",
    "half \ud83d",
    "“ünï©ödé” 漢字 שלום",
    "&amp;&lt;&#0;",
    "\\u003cscript\\u003e",
    "../../../../etc/passwd",
)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_input(tmp_path, kind):
    """Cut at any byte, with any byte changed or odd values in it, a source's file costs at most this source, in words; the page is made."""
    folder = tmp_path / "input"
    folder.mkdir()
    sources, targets = KINDS[kind](folder)
    stream = stream_of(sources)
    outcome, done = one_night(stream, tmp_path / "whole")
    assert not outcome.problems and not done.problem and done.is_written
    whole = {target: target.read_bytes() for target in targets}
    for number in range(10):
        target = targets[number % len(targets)]
        if target.suffix == ".sqlite3" and number % 4 > 1:
            upset(target, f"{kind} {number}")
        else:
            target.write_bytes(broken(whole[target], f"{kind} {number}"))
        hostile.age(target)
        outcome, done = one_night(stream, tmp_path / "broken")
        assert not done.problem, number
        target.write_bytes(whole[target])
        shutil.rmtree(tmp_path / "broken")


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind in ("gen2", "dbb", "lasair, a table", "sql")]
)
def test_any_type_in_any_cell(tmp_path, kind):
    """SQLite keeps text, bytes and infinity in columns of numbers and times: a night with such cells is still told."""
    folder = tmp_path / "input"
    folder.mkdir()
    sources, (target,) = KINDS[kind](folder)
    stream, whole = stream_of(sources), target.read_bytes()
    for number in range(12):
        target.write_bytes(whole)
        upset(target, f"cell {number}")
        _, done = one_night(stream, tmp_path / "broken")
        assert not done.problem, number
        shutil.rmtree(tmp_path / "broken")


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_inputs_that_the_fuzzer_kept(tmp_path, target):
    """Inputs that take every way through a parser that a fuzzer found (`tests/faults/fuzz.py`) are read, or are a fault in words."""
    once = fuzz.TARGETS[target][1](tmp_path)
    for data in fuzz.corpus(target):
        once(data)


# --- what the program reads back of its own ---------------------------------------------------------------------------------


def of_pages(folder):
    """The bytes of all pages and their data, but for what tells when a run was, or what was new in it."""
    found, of_runs = {}, ("heartbeat.js", "observing_monitor.prom", "changes.atom")
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] != "data" and path.name not in of_runs:
            data = path.read_bytes()
            found[str(relative)] = (
                json.dumps({**json.loads(data), "generated_at": None}).encode()
                if path.name == "nights.json"
                else data
            )
    return found


RECORDS = {
    "index.json",
    "looked.json",
    "heartbeat.json",
    "site.json",
    "since.json",
    "feed.json",
    "told.json",
}


def site_with_all_records(tmp_path):
    """A site in whose store each kind of file is that the program reads back; the arguments of the run that made it."""
    hostile.gen2(tmp_path / "input")
    (tmp_path / "site.toml").write_text(
        f'[observing_monitor]\noutput_dir = "site"\nfirst_day = "{NIGHT}"\nlast_day = "{NIGHT}"\n'
        '[notify.desk]\ntype = "command"\ncommand = ["true"]\n[streams.s]\ninput_dir = "input"\n'
    )
    assert run("-c", tmp_path / "site.toml", now=NOW) == 0
    return "-c", tmp_path / "site.toml"


def test_records_with_any_bit_changed(tmp_path):
    """Of every JSON file that the program reads back a changed bit is noticed, wherever it is: it is read as it was, or not at all."""
    from observing_monitor.storage.output import Output
    from observing_monitor.storage.sealed import is_sealed

    site_with_all_records(tmp_path)
    output = Output(tmp_path / "site")
    records = sorted((tmp_path / "site" / "data").rglob("*.json"))
    assert {path.name for path in records} == RECORDS
    for path in records:
        whole, relative = path.read_bytes(), path.relative_to(tmp_path / "site").as_posix()
        value = output.read_json(relative)
        assert value and "seal" not in value and is_sealed(whole, or_never=False), relative
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 7]) + whole[at + 1 :])
            read = output.read_json(relative)
            # a bit in the letters of "seal" itself leaves all else as it was
            assert read is None or {name: read[name] for name in value} == value, (relative, at)


def test_store_with_any_byte_changed(tmp_path, capfd):
    """Whatever happens to a file of the store: the next runs end well, without a traceback, with the same pages."""
    given = site_with_all_records(tmp_path)
    shutil.copytree(tmp_path / "site", tmp_path / "good")
    expected = of_pages(tmp_path / "good")
    targets = sorted(
        path.relative_to(tmp_path / "good")
        for path in (tmp_path / "good" / "data").rglob("*")
        if path.is_file()
    )
    assert {path.name for path in targets} >= {*RECORDS, "files.parquet", "ingests.parquet"}
    for number, target in enumerate(targets * 3):
        shutil.rmtree(tmp_path / "site")
        shutil.copytree(tmp_path / "good", tmp_path / "site")
        (tmp_path / "site" / target).write_bytes(
            broken((tmp_path / "good" / target).read_bytes(), number)
        )
        assert [run(*given, now=NOW), run(*given, now=NOW)][1] == 0, (number, target)
        assert of_pages(tmp_path / "site") == expected, (number, target)
    assert "Traceback" not in capfd.readouterr().err


def test_notes_of_a_killed_run_with_any_byte_changed(tmp_path, capfd):
    """The rows that a killed run left are taken where they are whole, and left where a byte of them changed."""
    from observing_monitor.storage.output import Output
    from observing_monitor.storage.store import Store

    output = Output(tmp_path)
    output.make()
    store = Store(output, "s")
    os.makedirs(tmp_path / "data" / "stream=s")
    row = {"summary": {"night": NIGHT.isoformat(), "n_files": 3}, "basis": "x" * 20}
    store.note(NIGHT, row)
    path = tmp_path / "data" / "stream=s" / "index.notes"
    whole = path.read_bytes()
    assert store.read_index()["nights"] == {NIGHT.isoformat(): row}
    for at in range(len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.read_index()["nights"] == {}, at


def test_a_damaged_table_costs_itself_alone(tmp_path, capfd):
    """Where one table of a night can't be read, the others keep what no source could tell again; it is set aside, and named."""
    (tmp_path / "input").mkdir()
    hostile.lasair(tmp_path / "input")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "lasair"\npath = "input"\n'
    )
    given = ("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*given, now=NOW) == 0
    folder = tmp_path / "site" / "data" / "stream=a" / f"night={NIGHT}"
    ingests, metrics = folder / "ingests.parquet", (folder / "metrics.parquet").read_bytes()
    ingests.write_bytes(ingests.read_bytes()[:-20])
    (tmp_path / "input" / "status_1137.json").unlink()  # nobody can tell the metrics again
    assert run(*given, now=NOW) == 1
    error = capfd.readouterr().err
    assert (
        "ingests.parquet: can't be read" in error
        and "set aside as ingests.parquet.damaged" in error
        and "Traceback" not in error
    )
    assert (folder / "metrics.parquet").read_bytes() == metrics


# --- names and messages, in a browser ---------------------------------------------------------------------------------------


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
columns = {{ path = "path", attempted_at = "at", status = "status", message = "message", stage = "stage" }}
stages = ["ingest", "export"]
[[streams.names.sources]]
type = "table"
name = "<b>{run}"
path = "not there <img src=x onerror={run}>.csv"
feeds = "files"
columns = {{ path = "path", created_at = "at" }}
[streams.numbers]
[[streams.numbers.sources]]
type = "table"
path = "metrics.jsonl"
columns = {{ name = "name", node = "node", sampled_at = "at", value = "value", unit = "unit", text = "text" }}
[[streams.numbers.sources]]
type = "lwa"
dump = "mon.json"
recorders = ["drvs1-3"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of two streams in which whatever others wrote is one of PAYLOADS."""
    folder = tmp_path_factory.mktemp("hostile")
    chance = random.Random(1)
    hostile.make_names(folder / "names", PAYLOADS)
    place = folder / "names" / "storage" / NIGHT.isoformat()
    listening = socket.socket(socket.AF_UNIX)
    with contextlib.chdir(place):  # a socket's path may have 107 bytes
        listening.bind("socket.fits")
    files = [
        path.name
        for path in place.iterdir()
        if path.suffix == ".fits" and not path.name.startswith(".") and path.is_file()
    ]
    long = "<b>" + "x" * 1_000_000 + f"<script>{RUN}</script>"
    tries = [
        {
            "path": f"{NIGHT}/{name}",
            "at": "2020-02-12T23:30:00",
            "status": "failure",
            "stage": chance.choice(("ingest", "export")),
            "message": message,
        }
        for name, message in zip(
            sorted(files),
            [*PAYLOADS, long, *(f"{a}\n{b}" for a in PAYLOADS for b in PAYLOADS)],
            strict=False,
        )
    ]
    (folder / "attempts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tries))
    rows = []
    for number, payload in enumerate(PAYLOADS):
        for hour in (1, 2):
            odd = {"text": payload} if number % 2 else {"value": number + hour}
            rows.append(
                {
                    "name": f"{number % 4}{payload}",
                    "node": payload,
                    "unit": payload,
                    "at": f"2020-02-13T0{hour}:00:00",
                    **odd,
                }
            )
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    points = {}
    for number, payload in enumerate(PAYLOADS):
        for name, value in (
            ("summary", payload),
            ("info", payload),
            (payload, payload),
            (f"n{number}", number),
        ):
            points[f"/mon/drvs{number % 3 + 1}/{name}"] = {
                "timestamp": 1581559200 + number,
                "value": value,
                "unit": payload,
            }
    points["/mon/drvs1/image"] = {
        "timestamp": 1581559200,
        "value": "PHN2Zy8+",
        "mime": f"image/svg+xml'onload={RUN}",
    }
    (folder / "mon.json").write_text(json.dumps(points))
    hostile.age(folder / "mon.json")
    (folder / "site.toml").write_text(
        SITE.format(title=f"<b>{{{{7*7}}}}</b></script><script>{RUN}</script>", run=RUN)
    )
    code = run("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT, now=NOW)
    listening.close()
    assert code == 1  # for one source is not there
    assert nights(folder / "site" / "names")[NIGHT.isoformat()]["n_files"] > 280
    return folder / "site"


def watched(context, address, wrong):
    """A new page of a browser, whose complaints are added to `wrong`."""
    page = context.new_page()

    def said(message):
        if message.type == "error" and "favicon" not in message.text:
            wrong.append(f"console {message.text}")

    def asked(request):
        if not request.url.startswith((address, "data:")):
            wrong.append(f"asked for {request.url}")

    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(f"error {error}"))
    page.on("console", said)
    page.on("request", asked)
    return page


def look_at(browser, address, site):
    """What went wrong on every page of a site, opened in a browser, its charts drawn and its tables opened."""
    wrong = []
    context = browser.new_context()
    for path in sorted(site.rglob("*.html")):
        if path.name in (
            "latest.html",
            "glossary.html",
            "2020.html",
        ):  # the first leads elsewhere by itself; the others say nothing else
            continue
        page = watched(context, address, wrong)
        page.goto(f"{address}/{path.relative_to(site).as_posix()}")
        for place in page.query_selector_all(".plot"):
            place.scroll_into_view_if_needed()
            place.wait_for_selector("svg.main-svg", state="attached")
        if page.query_selector("#all-files"):
            page.locator("#all-files").scroll_into_view_if_needed()
            page.wait_for_selector("#all-files[data-ready]")
            page.fill("#files-search", "<")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.evaluate(
            "document.querySelectorAll('*').forEach((one) => one.dispatchEvent(new MouseEvent('mouseover')))"
        )
        if page.evaluate("window.pwned !== undefined"):
            wrong.append(f"{path}: a script of the data ran")
        links = page.eval_on_selector_all("a[href]", "all => all.map((one) => one.href)")
        wrong += [f"{path}: leads to {link}" for link in links if not link.startswith(address)]
        foreign = (
            "iframe, object, embed, base, meta[http-equiv], [onload], [onerror], [onmouseover]"
        )
        wrong += page.eval_on_selector_all(foreign, "all => all.map((one) => one.outerHTML)")
        shown = page.evaluate("document.body.innerText + document.title")
        wrong += [
            f"{path}: shows {ord(char):x}"
            for char in "\u202e\u2066\u200b\x1b\x07\u2028"
            if char in shown
        ]
        page.close()
    context.close()
    return wrong


def test_no_script_of_the_data_runs_from_disk(browser, site):
    """Opened from disk, where no policy forbids anything: no page runs, loads or leads to what a name or a message says."""
    assert look_at(browser, site.as_uri(), site) == []


def test_no_script_of_the_data_runs_under_a_policy(browser, site, strict):
    """The same on a server whose policy allows no inline script: and the policy finds nothing to forbid."""
    with strict(site) as address:
        assert look_at(browser, address, site) == []


def test_pages_stay_small_whatever_is_told(site):
    """Messages of a megabyte each are cut on the page, and whole in its data."""
    assert all(path.stat().st_size < 1_000_000 for path in site.rglob("*.html"))
    assert "x" * 1_000_000 in (site / "names" / f"{NIGHT}.json").read_text()


def test_no_cell_is_a_formula(site):
    """No cell of a CSV file begins as a spreadsheet's formulas do, but for numbers; without the mark, all is as it was told."""
    for path in site.rglob("*.csv"):
        with open(path, newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert cells
        for cell in cells:
            with contextlib.suppress(ValueError):
                float(cell)
                continue
            assert not cell.startswith(
                ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
            ), cell


def test_ten_thousand_names_in_one_folder(tmp_path):
    """Ten thousand files of odd names in one folder are counted, each once, in a run of seconds."""
    place = tmp_path / "storage" / NIGHT.isoformat()
    place.mkdir(parents=True)
    for number in range(10_000):
        (place / f"<i>{number}\u202e\n.fits").touch()
    given = (
        "--input_dir",
        tmp_path,
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*given, now=NOW) == 1  # there is no registry
    assert nights(tmp_path / "site")[NIGHT.isoformat()]["n_files"] == 10_000
    assert (tmp_path / "site" / f"{NIGHT}.html").stat().st_size < 500_000


def test_names_are_told_apart(tmp_path):
    """A name whose bytes are no text, and another that is how the first is shown, are two files."""
    place = os.fsencode(tmp_path / "storage" / NIGHT.isoformat())
    os.makedirs(place)
    for name in (b"\x80.fits", b"\\x80.fits", b"a\xff", b"a\\xff"):
        with open(os.path.join(place, name), "wb") as file:
            file.truncate(20_000)
    given = (
        "--input_dir",
        tmp_path,
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*given, now=NOW) == 1  # there is no registry
    assert nights(tmp_path / "site")[NIGHT.isoformat()]["n_files"] == 4


def test_terminals_are_not_spoken_to(tmp_path, capfd):
    """What a file's name holds of a terminal's own language is shown on stderr, not acted on, and stays in its line."""
    name = "x\x1b]0;title\x07\x1b[31m\u202e\nobserving_monitor: all is well.json"
    settings = '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "table"\npath = %s\nnight_column = "n"\n'
    (tmp_path / "site.toml").write_text(settings % json.dumps(name) + 'values = { a = "b" }\n')
    for command in ("run", "check"):
        assert run(command, "-c", tmp_path / "site.toml") == 1
        said = capfd.readouterr()
        text = said.err + said.out
        assert "␛[31m⟨U+202E⟩␊observing_monitor: all is well" in text and not set(text) & set(
            "\x1b\x07\u202e"
        )


def test_unseen_characters_are_shown():
    """What turns the direction of writing around, or can't be seen, is told by its number, once for text and once for a page's script."""
    assert (
        wording.visible("a\u202egpj\u200b\ufeff\U000e0041.\x1b[0m\x7f\x85")
        == "a⟨U+202E⟩gpj⟨U+200B⟩⟨U+FEFF⟩⟨U+E0041⟩.␛[0m␡�"
    )
    assert wording.visible("漢字 שלום é\n\t") == "漢字 שלום é\n\t"


def test_headlines_are_no_formulas(tmp_path):
    """A metric whose name, or a title, begins as a formula is text in nights.csv; a number below zero stays a number."""
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "t.csv").write_text("n,a\n2020-02-12,-2.5\n")
    settings = '[observing_monitor]\noutput_dir = "site"\n[[streams.a.sources]]\ntype = "table"\npath = "input/t.csv"\nnight_column = "n"\n'
    (tmp_path / "site.toml").write_text(
        settings + 'values = { "=1+1" = "a" }\nheadlines = ["=1+1"]\n'
    )
    assert (
        run("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT, now=NOW) == 0
    )
    with open(tmp_path / "site" / "a" / "nights.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["'=1+1"] == "-2.5" and "=1+1" not in row


def test_years_of_postgresql_hide_no_row(postgres):
    """Times before the year 1 and after 9999, which PostgreSQL has and Python has not, are none; their rows, and all others, are read."""
    import sqlalchemy

    from observing_monitor.readers.sql import Database

    url = postgres.create("years")
    statement = "select timestamp '4713-01-01 BC' a, timestamptz '20000-01-01' b, date '5874897-12-31' c, interval '178000000 years' d, 7 e"
    with Database(url).connect() as connection:
        (row,) = connection.execute(sqlalchemy.text(statement)).fetchall()
    assert tuple(row) == (None, None, None, None, 7)
