"""The CSV file that a browser saves runs nothing in a spreadsheet, as the one on the server."""

import csv

import pytest
from file_tables import file_table
from night_samples import night_page
from page_samples import summary
from script_site import ASSETS, open_night, shown_rows

from observing_monitor.model import columns
from observing_monitor.pages import assets, file_list, render
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
    """A page of files whose paths and reasons begin as formulas do, beside its assets."""
    (tmp_path / "assets").mkdir()
    for name in (assets.STYLE, assets.SCRIPT):
        (tmp_path / "assets" / name).write_bytes(assets.asset_bytes(name))
    files = file_table(len(PATHS), path=PATHS, reason=PATHS[::-1])
    counts = summary(n_files=len(PATHS))
    page = night_page(charts=[], files_js="2020-02-12.files.js", summary=counts)
    place = tmp_path / "auxTel"
    place.mkdir()
    (place / "2020-02-12.html").write_text(render.render_night(page, ASSETS), encoding="utf-8")
    script = file_list.render_files_js(files)
    (place / "2020-02-12.files.js").write_text(script, encoding="utf-8")
    (place / "2020-02-12.csv").write_bytes(b"".join(to_csv(files)))
    return tmp_path


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_saved_csv_runs_no_formula(browser, site):
    """Text that a spreadsheet would run has an apostrophe before it, as in the server's file."""
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
    assert any("@SUM(1).fits" in cell for row in shown_rows(page) for cell in row)
    assert not any("'@SUM" in cell for row in shown_rows(page) for cell in row)
    page.close()
