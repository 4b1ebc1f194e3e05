"""CSV files run nothing in a spreadsheet, even if the browser saves them."""

import csv

import pytest
from file_tables import file_table
from night_samples import night_page
from page_samples import summary
from script_site import open_night, shown_rows, write_assets, write_night

from observing_monitor.model import columns
from observing_monitor.pages import file_list
from observing_monitor.tables.to_csv import to_csv

PATHS = [
    "=cmd|' /C calc'!A0.fits",
    "+1.fits",
    "@SUM(1).fits",
    "-2.fits",
    "\t=1.fits",
    "\r=1.fits",
    "\n=1.fits",
    "＝1.fits",
    'q"uo,te.fits',
    "folder/=1.fits",
    "plain.fits",
]


@pytest.fixture
def site(tmp_path):
    """A page of files with paths and reasons like formulas."""
    write_assets(tmp_path)
    files = file_table(len(PATHS), path=PATHS, reason=PATHS[::-1])
    counts = summary(n_files=len(PATHS))
    page = night_page(charts=[], files_js="2020-02-12.files.js", summary=counts)
    folder = tmp_path / "auxTel"
    folder.mkdir()
    write_night(folder / "2020-02-12.html", page)
    script = file_list.render_files_js(files)
    (folder / "2020-02-12.files.js").write_text(script, encoding="utf-8")
    (folder / "2020-02-12.csv").write_bytes(b"".join(to_csv(files)))
    return tmp_path


def rows_of(path):
    """Return the rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_saved_csv_runs_no_formula(browser, site):
    """Text like a formula gets an apostrophe, as in the server's file."""
    page = open_night(browser, site, "#files?q=fits")
    shown_rows(page)
    with page.expect_download() as saved:
        page.click("#files-csv")
    by_browser = {row["path"]: row["reason"] for row in rows_of(saved.value.path())}
    page.close()
    by_server = rows_of(site / "auxTel" / "2020-02-12.csv")
    assert by_browser == {row["path"]: row["reason"] for row in by_server}
    assert len(by_browser) == len(PATHS)
    cells = [cell for row in by_browser.items() for cell in row]
    assert not any(cell[0] in columns.FORMULA_HEADS for cell in cells)
    assert {cell.removeprefix("'") for cell in cells} == set(PATHS)


def test_shown_text_has_no_apostrophe(browser, site):
    """The table on the page shows names as they are."""
    page = open_night(browser, site, "#files?q=SUM")
    cells = [cell for row in shown_rows(page) for cell in row]
    assert any("@SUM(1).fits" in cell for cell in cells)
    assert not any("'@SUM" in cell for cell in cells)
    page.close()
