"""Pages of years: calendar, months and years in numbers, and what one change rewrites."""

import datetime
import json
import re
import shutil

import pytest
from gen2tree import later, make_night
from page_samples import summary
from running import nights, run, times

from observing_monitor.pages import year as year_pages

DAYS = [
    datetime.date(2018, 12, 30),
    datetime.date(2018, 12, 31),
    datetime.date(2020, 1, 1),
    datetime.date(2020, 2, 29),
    datetime.date(2020, 3, 1),
]
COUNTS = [
    {"ingested": 3},
    {"ingested": 1, "failed": 2},
    {},
    {"ingested": 2, "missing": 1},
    {"ingested": 5, "pending": 1},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make five nights of two years, two years apart; give folder, clock and arguments."""
    folder = tmp_path_factory.mktemp("years")
    now = later()
    for night, counts in zip(DAYS, COUNTS, strict=True):
        make_night(folder / "input", night, counts, now=now)
    arguments = ("--input_dir", folder / "input", "--output_dir", folder / "pages")
    for night in DAYS:
        assert run(*arguments, "--first_day", night, "--last_day", night, now=now) == 0
    return folder / "pages", now, arguments


def test_calendar_months():
    """A calendar has each day once, on its weekday; nights with a page are links."""
    told = [
        summary("2019-12-31", status="normal", info=""),
        summary("2020-02-29", n_files=0, status="normal", info=""),
    ]
    months = year_pages.months(told, True)
    assert [month.name for month in months] == ["December 2019", "January 2020", "February 2020"]
    for (year, month), shown in zip(((2019, 12), (2020, 1), (2020, 2)), months, strict=True):
        places = {
            day.number: column for week in shown.weeks for column, day in enumerate(week) if day
        }
        days = [datetime.date(year, month, number) for number in places]
        assert [day.weekday() for day in days] == list(places.values())
        assert (days[-1] + datetime.timedelta(days=1)).month != month and days[0].day == 1
    linked = [day for month in months for week in month.weeks for day in week if day and day.href]
    assert [(day.href, day.status, day.word) for day in linked] == [
        ("2019-12-31.html", "normal", "normal"),
        ("2020-02-29.html", "empty", "no files"),
    ]


def test_empty_night_that_is_not_well_keeps_its_status():
    """A night without files is an error in the calendar if its source is silent."""
    (month,) = year_pages.months(
        [summary("2020-02-29", n_files=0, status="error", info="files could not be read")], True
    )
    (day,) = (day for week in month.weeks for day in week if day and day.href)
    assert (day.status, day.words) == ("error", "2020-02-29: error, files could not be read")


def test_numbers_of_periods(made):
    """Months and years are the sums of their nights; shares are of all files expected."""
    pages, _, _ = made
    data = json.loads((pages / "2020.json").read_text())
    assert {row["night"]: row for row in data["nights"]} == {
        k: v for k, v in nights(pages).items() if k.startswith("2020")
    }
    by_month = {row["period"]: row for row in data["months"]}
    assert list(by_month) == ["January 2020", "February 2020", "March 2020"]
    february = by_month["February 2020"]
    assert [
        february[f"n_{name}"] for name in ("nights", "nights_error", "files", "ingested", "error")
    ] == [1, 1, 3, 2, 1]
    assert february["completeness"] == pytest.approx(2 / 3)
    assert (
        by_month["March 2020"]["n_pending"] == 1
        and by_month["January 2020"]["completeness"] is None
    )
    for year, error in (("2018", 1), ("2020", 1)):
        months = json.loads((pages / f"{year}.json").read_text())["months"]
        assert sum(month["n_nights_error"] for month in months) == error


def test_data_of_all_nights_are_those_of_the_years(made, tmp_path):
    """The data of all nights have the years' lines, except damaged ones, below one heading."""
    pages, now, arguments = made
    shutil.copytree(pages, tmp_path / "pages")
    shutil.copytree(pages.parent / "input", tmp_path / "input", symlinks=True)
    whole = (pages / "nights.csv").read_text().splitlines()
    head, *rows = whole
    years = [(pages / f"{year}.csv").read_text().splitlines() for year in (2018, 2020)]
    assert [year[0] for year in years] == [head, head] and [
        row for year in years for row in year[1:]
    ] == rows
    assert [row.partition(",")[0] for row in rows] == [str(day) for day in DAYS]
    (tmp_path / "pages" / "2018.csv").write_text("spoiled\n")
    (tmp_path / "pages" / "2018.json").write_text('{"nights": [\n{"night":"2018-12-30"')
    with open(tmp_path / "input" / "storage" / str(DAYS[-1]) / "late.fits", "wb") as file:
        file.truncate(28_800)
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "pages",
        "--first_day",
        DAYS[-1],
        "--last_day",
        DAYS[-1],
    )
    assert run(*arguments, now=now + datetime.timedelta(hours=2)) == 0
    after = (tmp_path / "pages" / "nights.csv").read_text().splitlines()
    assert after[:-1] == whole[:-1] and after[-1] != whole[-1]
    told, before = nights(tmp_path / "pages"), nights(pages)
    assert [told[str(day)] == before[str(day)] for day in DAYS] == [True] * 4 + [False] and list(
        told
    ) == list(before)


def test_years_lead_to_each_other(made):
    """Years link to their neighbours, nights to their month, and squares to their page."""
    pages, _, _ = made
    of_2018, of_2020 = ((pages / f"{year}.html").read_text() for year in (2018, 2020))
    assert 'href="2020.html" rel="next"' in of_2018 and 'rel="prev"' not in of_2018
    assert '<link rel="prev" href="2018.html">' in of_2020
    assert (
        'href="2020.html#month-2020-02"' in (pages / "2020-02-29.html").read_text()
        and 'id="month-2020-02"' in of_2020
    )
    squares = re.findall(r'<td class="(\w+)"><a href="([\d-]+)\.html"', of_2020)
    assert squares == [("empty", "2020-01-01"), ("error", "2020-02-29"), ("warning", "2020-03-01")]
    index = (pages / "index.html").read_text()
    assert (
        'href="2018.html"' in index
        and 'href="2020.html"' in index
        and index.count('class="month"') == 3
    )


def test_one_night_changes_its_year_alone(made, tmp_path):
    """A changed night rewrites its own page, its year's and the stream's, and no other."""
    pages, now, arguments = made
    shutil.copytree(pages, tmp_path / "pages")
    shutil.copytree(pages.parent / "input", tmp_path / "input", symlinks=True)
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "pages",
        "--first_day",
        DAYS[-1],
    )
    assert run(*arguments, "--last_day", DAYS[-1], now=now) == 0  # the copy's own times
    before = times(tmp_path / "pages")
    with open(tmp_path / "input" / "storage" / str(DAYS[-1]) / "late.fits", "wb") as file:
        file.truncate(28_800)
    assert run(*arguments, "--last_day", DAYS[-1], now=now + datetime.timedelta(hours=2)) == 0
    after = times(tmp_path / "pages")
    written = {name for name in after if name.endswith(".html") and after[name] != before.get(name)}
    assert written == {f"{DAYS[-1]}.html", "2020.html", "index.html", "latest.html"}
