"""Rows that a source leaves out are findings for as long as they are."""

import datetime
import json
import re

import pytest
from page_reader import Reader
from running import nights, run, times

UTC = datetime.UTC
NOW = datetime.datetime(2021, 9, 20, 12, tzinfo=UTC)
DAY = datetime.timedelta(days=1)
SITE = """\
[observing_monitor]
output_dir = "site"
known_issues = "known.yaml"
[streams.s]
night_rule = "UTC"
[[streams.s.sources]]
type = "table"
path = "{path}"
columns = {{ sampled_at = "time" }}
values = {{ v = "v" }}
headlines = ["v"]
"""


@pytest.fixture
def site(tmp_path):
    """A settings file for a table that holds all nights."""
    (tmp_path / "known.yaml").write_text("")
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(path="counts.csv"))
    return path


def put(site, *times_and_values, name="counts.csv"):
    """Write a table of times and values."""
    rows = "".join(f"{time},{value}\n" for time, value in times_and_values)
    (site.parent / name).write_text(f"time,v\n{rows}")


def good(n, first=datetime.date(2021, 8, 1)):
    """Return n rows, one per night."""
    return [(f"{first + number * DAY}T05:00:00", number) for number in range(n)]


def bad(n):
    """Return n rows whose time no form of time is."""
    return [(f"night {number}", number) for number in range(n)]


def source(site):
    """Return what status.json says of the source."""
    status = json.loads((site.parent / "site/status.json").read_text())
    return status["streams"][0]["sources"][0]


def cells(site):
    """Return the row of the table of rows on the stream's page."""
    html = (site.parent / "site/s/index.html").read_text()
    table = html.partition('id="rows"')[2].partition("</table>")[0].partition("<tbody>")[2]
    return [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", table)]


def test_rows_left_out_are_a_warning(site, capsys):
    """Some rows left out: exit 0, a warning, and one line when it begins."""
    put(site, *good(5), *bad(2))
    for number in range(3):
        assert run("-c", site, now=NOW + number * datetime.timedelta(minutes=5)) == 0
        lines = capsys.readouterr().err.splitlines()
        words = (
            f"table: 2 rows left out since 2021-09-20 12:00 UTC; "
            f"first: {site.parent}/counts.csv line 7, 'time' is 'night 0'"
        )
        assert lines == ([] if number else [f"observing_monitor: s: {words}"])
        found = nights(site.parent / "site/s")
        assert [(night["status"], night["info"]) for night in found.values()] == [
            ("normal", ""),
            ("warning", words),
        ]
    rows = source(site)["rows"]
    assert (rows["n_read"], rows["n_used"], rows["n_left_out"]) == (7, 5, 2)
    assert rows["left_out_since"] == "2021-09-20T12:00:00Z"
    assert rows["examples"][0] == {
        "place": f"{site.parent}/counts.csv",
        "where": "line 7",
        "reason": "'time' is 'night 0'",
    }
    assert cells(site)[:4] == ["table", "7", "5", "2"]
    gauges = (site.parent / "site/observing_monitor.prom").read_text()
    assert 'source="table",what="read"} 7.0' in gauges
    assert 'source="table",what="used"} 5.0' in gauges
    assert 'source="table",what="left_out"} 2.0' in gauges


def test_unchanged_rows_rewrite_no_page(site):
    """A run with the same rows left out writes no page."""
    put(site, *good(5), *bad(2))
    run("-c", site, now=NOW)
    before = times(site.parent / "site")
    run("-c", site, now=NOW + datetime.timedelta(minutes=5))
    assert times(site.parent / "site") == before


def test_rows_left_out_stay_a_warning_on_the_next_night(site, capsys):
    """The finding moves to the newest night; the night before is judged anew."""
    put(site, *good(5), *bad(2))
    run("-c", site, now=NOW)
    run("-c", site, now=NOW + DAY)
    found = nights(site.parent / "site/s")
    assert {night: row["status"] for night, row in found.items()} == {
        "2021-09-19": "normal",
        "2021-09-20": "normal",
        "2021-09-21": "warning",
    }
    assert "since 2021-09-20 12:00 UTC" in found["2021-09-21"]["info"]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_rows_left_out_recover(site, capsys):
    """The finding ends with its cause; if it begins again, a line says so."""
    put(site, *good(5), *bad(2))
    run("-c", site, now=NOW)
    put(site, *good(6))
    run("-c", site, now=NOW + datetime.timedelta(minutes=5))
    assert nights(site.parent / "site/s")["2021-09-20"]["status"] == "none"
    assert source(site)["rows"]["left_out_since"] is None
    capsys.readouterr()
    put(site, *good(6), *bad(1))
    run("-c", site, now=NOW + datetime.timedelta(minutes=10))
    assert "1 row left out since 2021-09-20 12:10 UTC" in capsys.readouterr().err


def test_nothing_understood_is_an_error(site, capsys):
    """No row understood: exit 1, one line on every run, and what was known."""
    put(site, *good(5, first=datetime.date(2021, 9, 16)))
    assert run("-c", site, now=NOW) == 0
    assert nights(site.parent / "site/s")["2021-09-20"]["v"] == 4
    put(site, *bad(412))
    for number in range(1, 4):
        now = NOW + number * datetime.timedelta(minutes=5)
        assert run("-c", site, now=now) == 1
        words = (
            f"{site.parent}/counts.csv: 412 rows, none understood; "
            "first: line 2, 'time' is 'night 0'"
        )
        assert capsys.readouterr().err.splitlines() == [f"observing_monitor: s: {words}"]
        tonight = nights(site.parent / "site/s")["2021-09-20"]
        assert (tonight["status"], tonight["v"]) == ("error", 4)
        assert tonight["info"] == f"table could not be read since 2021-09-20 12:05 UTC: {words}"
    assert source(site)["problem"] == words
    assert source(site)["rows"]["n_used"] == 0
    assert words in Reader((site.parent / "site/s/2021-09-20.html").read_text()).words
    put(site, *good(5, first=datetime.date(2021, 9, 16)))
    assert run("-c", site, now=NOW + DAY) == 0
    assert nights(site.parent / "site/s")["2021-09-21"]["status"] == "none"


def test_one_of_several_files_is_not_understood(site, capsys):
    """A file that is not understood is an error, although others are."""
    site.write_text(SITE.format(path="*.csv"))
    put(site, *good(5, first=datetime.date(2021, 9, 16)), name="a.csv")
    put(site, *bad(3), name="b.csv")
    for number in range(2):
        assert run("-c", site, now=NOW + number * datetime.timedelta(minutes=5)) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith("b.csv: 3 rows, none understood; first: line 2, 'time' is 'night 0'")
        tonight = nights(site.parent / "site/s")["2021-09-20"]
        assert (tonight["status"], tonight["v"]) == ("error", 4)
        assert tonight["info"].startswith(f"table: {site.parent}/b.csv: 3 rows, none understood")
    assert source(site)["problem"] is None
    assert cells(site)[:4] == ["table", "8", "5", "3"]


def test_share_jumps(site, capsys):
    """Many more rows left out than usual are a finding, and one line."""
    for number in range(4):
        put(site, *good(100), *bad(1))
        run("-c", site, now=NOW + number * DAY)
    assert len(capsys.readouterr().err.splitlines()) == 1
    put(site, *good(100), *bad(10))
    for _ in range(2):
        assert run("-c", site, now=NOW + 4 * DAY) == 0
        info = nights(site.parent / "site/s")["2021-09-24"]["info"]
        assert "table: more rows left out than usual: 9.1 %, usually 1 %" in info
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("table: more rows left out than usual: 9.1 %, usually 1 %")


def test_a_few_rows_more_are_no_jump(site, capsys):
    """A share that grows by a few rows is no jump."""
    for number, n_bad in enumerate([1, 1, 1, 4]):
        put(site, *good(100), *bad(n_bad))
        run("-c", site, now=NOW + number * DAY)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert "usual" not in nights(site.parent / "site/s")["2021-09-23"]["info"]


def test_files_of_nights_are_added_up(site):
    """Files of nights are added up, a file of all nights is counted once."""
    site.write_text(SITE.format(path="{night}.csv"))
    put(site, *good(3), name="2021-09-19.csv")
    put(site, *good(4), name="2021-09-20.csv")
    run("-c", site, now=NOW)
    assert source(site)["rows"]["n_read"] == 7
    site.write_text(SITE.format(path="all.csv"))
    put(site, *good(3), name="all.csv")
    run("-c", site, now=NOW)
    assert source(site)["rows"]["n_read"] == 3


def test_known_issue_silences(site):
    """A known issue of the newest night silences the findings on rows."""
    put(site, *good(5), *bad(2))
    known = "- night: 2021-09-20\n  pattern: 'table: 2 rows left out'\n  reason: old lines\n"
    (site.parent / "known.yaml").write_text(known)
    assert run("-c", site, now=NOW) == 0
    tonight = nights(site.parent / "site/s")["2021-09-20"]
    assert (tonight["status"], tonight["info"]) == ("none", "")
    assert tonight["acknowledged"].endswith("known: old lines")


def test_left_out_rows_of_tonight_are_one_finding(site):
    """Rows left out are one warning, which one known issue silences."""
    put(site, (NOW.strftime("%FT05:00:00"), 1), *bad(2))
    run("-c", site, now=NOW)
    assert nights(site.parent / "site/s")["2021-09-20"]["info"] == (
        f"table: 2 rows left out since 2021-09-20 12:00 UTC; "
        f"first: {site.parent}/counts.csv line 3, 'time' is 'night 0'"
    )
    run("-c", site, now=NOW + DAY)
    night = nights(site.parent / "site/s")["2021-09-20"]
    assert night["info"] == "table: rows left out, listed on the night's page"
    (site.parent / "known.yaml").write_text(
        "- night: since 2021-09-01\n  pattern: 'table: * left out'\n  reason: old station\n"
    )
    run("-c", site, now=NOW + DAY)
    told = nights(site.parent / "site/s")
    assert [told[f"2021-09-{day}"]["status"] for day in (20, 21)] == ["normal", "none"]


def test_damaged_index_loses_no_count(site):
    """If the index is remade, the rows left out are known again."""
    put(site, *good(5), *bad(2))
    run("-c", site, now=NOW)
    (site.parent / "site/data/stream=s/index.json").write_text("{")
    run("-c", site, now=NOW + datetime.timedelta(minutes=5))
    assert source(site)["rows"]["n_left_out"] == 2
    assert nights(site.parent / "site/s")["2021-09-20"]["status"] == "warning"


def test_publish_shows_the_rows_last_read(site, capsys):
    """`publish` reads no source, and keeps what is known of the rows."""
    put(site, *good(5), *bad(2))
    run("-c", site, now=NOW)
    (site.parent / "counts.csv").unlink()
    capsys.readouterr()
    assert run("publish", "-c", site, now=NOW) == 0
    assert capsys.readouterr().err == ""
    assert source(site)["rows"]["n_left_out"] == 2


def test_check_shows_rows(site, capsys):
    """`check` says how many rows are understood; none is a failure."""
    put(site, *good(5), *bad(2))
    assert run("check", "-c", site, now=NOW) == 0
    said = capsys.readouterr().out
    assert "rows: 7 read, 5 understood, 2 left out" in said
    assert "counts.csv line 7: 'time' is 'night 0'" in said
    put(site, *bad(2))
    assert run("check", "-c", site, now=NOW) == 1
    assert "counts.csv: 2 rows, none understood; first: line 2" in capsys.readouterr().out
