"""Pages of programs, from settings to files."""

import csv
import datetime
import re
import subprocess
import sys

import pytest
from dead_links import dead_links
from program_nights import NOW, Telescope
from running import times

from observing_monitor.pages import programs as of_programs
from observing_monitor.storage import marks
from observing_monitor.storage.ledger import SIGN_BYTES

HOSTILE = [
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "x" * 3000,
    "=1+1",
    "\u202eevil",
    "P 1",
]
NIGHTS = {
    "2025-03-16": [("P1", "science", 600, "r", "M 31"), ("P2", "science", 300, "r", "M 33")],
    "2025-03-17": [("P1", "science", 900, "i", "M 31"), ("P1", "flat", 10, "i", "")],
    "2025-03-18": [("p1", "science", 60, "r", "M 1"), ("", "bias", 0, "", "")],
}


@pytest.fixture
def telescope(tmp_path):
    """Three nights of three programs."""
    made = Telescope(tmp_path, {night: list(rows) for night, rows in NIGHTS.items()})
    assert made.run() == 0
    return made


def written(telescope, **settings):
    """Run, and return the names of pages and data that it wrote or removed."""
    before = times(telescope.pages)
    assert telescope.run(**settings) == 0
    after = times(telescope.pages)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def text_of(html):
    """Return the text of a page, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_sums(telescope):
    """A program's page has its nights, hours and exposures."""
    sums = telescope.of_programs()
    assert list(sums) == ["p1", "P1", "P2"]  # the one observed last is first
    p1 = sums["P1"]
    assert (p1["n_nights"], p1["n_exposures"], p1["n_exposures_science"]) == (2, 3, 2)
    assert (p1["open_shutter_s"], p1["science_exposure_s"]) == (1510, 1500)
    assert (p1["first_night"], p1["last_night"]) == ("2025-03-16", "2025-03-17")
    page = telescope.page_of("P1")
    shown = text_of(page)
    assert "0.42 h Science 0.42 h Open shutter 2 Science exp. 3 Exposures 2 Nights" in shown
    assert "2025-03-17 0.25 h 0.25 h 1 2 i 2025-03-16 0.17 h 0.17 h 1 1 r" in shown
    assert 'href="2025-03-17.html"' in page and 'href="2025-03-16.html"' in page
    assert "i 2 0.25 h r 1 0.17 h" in shown
    assert "M 31 2 0.42 h – 1 10 s" in shown and "2025-03-18" not in shown
    assert "Open shutter: 0.42 h in 2 nights; most in 2025-03-17: 0.25 h." in shown


def rows_of(path):
    """Return the rows of a CSV file, with their headings."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_csv(telescope):
    """There are data of all programs, and of each one."""
    rows = rows_of(telescope.pages / "programs.csv")
    assert [(row["program"], row["n_nights"], row["open_shutter_s"]) for row in rows] == [
        ("p1", "1", "60.0"),
        ("P1", "2", "1510.0"),
        ("P2", "1", "300.0"),
    ]
    page = telescope.of_programs()["P1"]["page"]
    data = page.replace(".html", ".csv")
    assert f'<a href="{data}">CSV</a>' in (telescope.pages / page).read_text()
    assert [tuple(row.values()) for row in rows_of(telescope.pages / data)] == [
        ("P1", "2025-03-16", "600.0", "600.0", "1", "1"),
        ("P1", "2025-03-17", "900.0", "910.0", "1", "2"),
    ]


def test_one_click(telescope):
    """21. The stream's page, the log and the use of a night lead to a program."""
    page, pages = telescope.of_programs()["P2"]["page"], telescope.pages
    assert page != telescope.of_programs()["P1"]["page"]
    for name in ("index.html", "programs.html"):
        assert f'<a href="{page}">P2</a>' in (pages / name).read_text()
    night = (pages / "2025-03-16.html").read_text()
    for section in ("use", "exposures"):
        found = re.search(rf'<section aria-labelledby="{section}".*?</section>', night, re.DOTALL)
        assert f'<a href="{page}">P2</a>' in found[0]
    assert not dead_links(telescope.folder / "site")


def test_only_what_changed(telescope):
    """A run writes the pages of programs that changed, and no other."""
    assert not written(telescope)
    telescope.nights["2025-03-18"].append(("P2", "science", 30, "r", "M 33"))
    of_programs = {name for name in written(telescope) if name.startswith("program-")}
    page = telescope.of_programs()["P2"]["page"]
    assert of_programs == {page, page.replace(".html", ".csv")}
    assert telescope.of_programs()["P2"]["open_shutter_s"] == 330


LIGHT = """
import datetime, sys
from observing_monitor import cli
code = cli.main(sys.argv[1:], datetime.datetime.fromisoformat("{now}"))
print(code, sorted({{"numpy", "pandas"}} & set(sys.modules)))
"""


def test_nothing_new_is_light(telescope):
    """With nothing new, programs need neither numpy nor pandas."""
    days = ("--first_day", min(NIGHTS), "--last_day", max(NIGHTS), "--jobs", "1")
    words = [sys.executable, "-c", LIGHT.format(now=NOW), "-c", telescope.folder / "site.toml"]
    done = subprocess.run([*map(str, words), *days], capture_output=True, text=True, check=True)
    assert done.stdout == "0 []\n", done.stderr


def test_a_page_that_is_lost(telescope):
    """A page that was removed or altered is made again."""
    page = telescope.pages / telescope.of_programs()["P1"]["page"]
    text = page.read_text()
    page.unlink()
    assert telescope.run() == 0 and page.read_text() == text
    data = page.with_suffix(".csv")
    for path in (page, data):
        text = path.read_text()
        path.write_text(text.replace("P1", "P9"))
        assert telescope.run("--full", "--jobs", 1) == 0 and path.read_text() == text


def test_a_program_that_is_gone(telescope):
    """Only our own pages of a program that is gone are removed."""
    of_others = telescope.pages / "program-notes.html"
    of_others.write_text("mine")
    page = telescope.pages / telescope.of_programs()["P2"]["page"]
    telescope.nights["2025-03-16"] = [("P1", "science", 600, "r", "M 31")]
    assert telescope.run() == 0
    assert not page.exists() and not page.with_suffix(".csv").exists()
    assert set(telescope.of_programs()) == {"p1", "P1"}
    assert of_others.read_text() == "mine"
    telescope.nights = {night: [("", "bias", 0, "", "")] for night in NIGHTS}
    assert telescope.run() == 0
    assert {path.name for path in telescope.pages.glob("program*")} == {"program-notes.html"}
    assert not dead_links(telescope.folder / "site")


def test_signs(telescope):
    """Every file of programs shows that it is ours."""
    paths = list(telescope.pages.glob("program*"))
    assert len(paths) == 9
    for path in paths:
        data = path.read_bytes()
        assert marks.is_marked(path.name, data[:SIGN_BYTES], data[-SIGN_BYTES:]), path.name


def test_the_list_of_files_is_lost(telescope):
    """Files of programs still show that they are ours."""
    (telescope.folder / "site/.observing_monitor").unlink()
    page = telescope.pages / telescope.of_programs()["P2"]["page"]
    telescope.nights["2025-03-16"] = [("P1", "science", 700, "r", "M 31")]
    assert telescope.run() == 0
    assert not page.exists() and telescope.of_programs()["P1"]["open_shutter_s"] == 1610


def test_other_changes(telescope):
    """Other changes of a night leave pages of programs as they are."""
    telescope.nights["2025-03-18"].append(("", "dark", 30, "", ""))
    changed = written(telescope)
    assert "2025-03-18.html" in changed and not any("program" in name for name in changed)
    assert not written(telescope)


def test_the_index_is_lost(telescope):
    """All pages of programs are made again from the tables."""
    before = {path.name: path.read_text() for path in telescope.pages.glob("program*")}
    (telescope.folder / "site/data/stream=cam/index.json").unlink()
    (telescope.folder / "table.csv").rename(telescope.folder / "gone.csv")
    telescope.run("--jobs", 1, command=("publish",))
    assert {path.name: path.read_text() for path in telescope.pages.glob("program*")} == before


def test_hostile_names(tmp_path):
    """Any name has one safe page, and is escaped."""
    names = [*HOSTILE, "Q", "q"]
    telescope = Telescope(
        tmp_path, {"2025-03-18": [(name, "science", 60, "r", name) for name in names]}
    )
    assert telescope.run() == 0
    found = telescope.of_programs()
    pages = {one["page"] for one in found.values()}
    assert len({page.lower() for page in pages}) == len(names) == len(found)
    assert {path.name for path in telescope.pages.glob("program-*.html")} == pages
    assert not dead_links(tmp_path / "site")
    assert all("<script>alert" not in (telescope.pages / page).read_text() for page in pages)
    assert "\n'=1+1,1," in (telescope.pages / "programs.csv").read_text()


def test_too_many(telescope, monkeypatch):
    """Only the programs observed last have pages; no link is dead."""
    monkeypatch.setattr(of_programs, "MAX_PAGES", 2)
    telescope.nights["2025-03-18"].append(("P3", "science", 30, "r", "M 33"))
    assert telescope.run() == telescope.run() == 0
    found = telescope.of_programs()
    assert {name for name, one in found.items() if one["page"]} == {"p1", "P3"}
    assert len(list(telescope.pages.glob("program-*.html"))) == 2 and len(found) == 4
    assert not dead_links(telescope.folder / "site")
    shown = text_of((telescope.pages / "programs.html").read_text())
    assert "4 programs. The 2 observed last have pages; the data files have all." in shown
    assert not written(telescope)


def test_a_crowded_night(tmp_path):
    """Pages say that a night has more programs than are kept."""
    rows = [(f"P{n}", "science", 60 + n, "r", "M 1") for n in range(101)]
    telescope = Telescope(tmp_path, {"2025-03-18": rows})
    assert telescope.run() == 0
    shown = text_of((telescope.pages / "programs.html").read_text())
    assert "100 programs. 1 night with very many programs: those with the least time" in shown
    page = text_of((telescope.pages / "index.html").read_text())
    assert "Programs: the 10 observed last of 100" in page and "See all 100 programs ." in page


def test_many_nights(tmp_path):
    """A program of many nights has sums of months and years."""
    first = datetime.date(2024, 12, 25)
    rows = [("P", "science", 1800, "r", "M 31"), ("P", "science", 2700, "r", "M 31")]
    telescope = Telescope(tmp_path, {str(first + datetime.timedelta(n)): rows for n in range(16)})
    assert telescope.run() == 0
    shown = text_of(telescope.page_of("P"))
    assert "2025 9 11.2 h 11.2 h 18 18 2024 7 8.8 h 8.8 h 14 14" in shown
    assert "December 2024 7 8.8 h 8.8 h 14 14" in shown and "20.0 h in 16 nights" in shown


def test_hidden_text(tmp_path):
    """A text that is hidden is in no address of a program."""
    telescope = Telescope(tmp_path, {"2025-03-18": [("box.example 1", "science", 60, "r", "M 1")]})
    options = ("--redact", "box.example", "--store_dir", tmp_path / "store", "--jobs", 1)
    days = ("--first_day", "2025-03-18", "--last_day", "2025-03-18")
    assert telescope.run(*options, *days) == 0
    (page,) = telescope.pages.glob("program-*.html")
    assert page.name.startswith("program-hidden-1-") and not dead_links(tmp_path / "site")
    written = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert not any(
        b"box" in path.read_bytes() or "box" in path.name
        for path in written
        if "assets" not in path.parts
    )


def test_pruned_nights(telescope, monkeypatch):
    """Nights whose tables were removed are added up; links arrive."""
    monkeypatch.setattr(of_programs, "MAX_PAGES", 3)
    before = telescope.of_programs()
    now = NOW + datetime.timedelta(days=400)
    assert telescope.run("--yes", now=now, command=("prune",), keep_tables_days=100) == 0
    assert not list((telescope.folder / "site").rglob("exposures.parquet"))
    telescope.nights = {"2026-04-01": [("P2", "science", 300, "r", ""), ("P4", "flat", 1, "", "")]}
    assert telescope.run(now=now, keep_tables_days=100) == 0
    after = telescope.of_programs()
    assert len(after) == 4 and after["P1"] == before["P1"] and after["P2"]["open_shutter_s"] == 600
    assert not dead_links(telescope.folder / "site")
