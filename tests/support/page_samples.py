"""Records of pages over nights, as templates get them."""

import datetime

from observing_monitor.charts.figure import Chart
from observing_monitor.model import columns
from observing_monitor.model.digest import instants_as_text
from observing_monitor.pages import contexts, glossary
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.labels import SourceCell
from observing_monitor.pages.night_tables import delays_table
from observing_monitor.pages.periods import Period
from observing_monitor.pages.stream_tables import StreamTables
from observing_monitor.pages.tables import EMPTY, Table, TableColumn
from observing_monitor.settings.headlines import Headline

ASSETS = {
    "style.css": "style-1.css",
    "monitor.js": "monitor-1.js",
    "plotly.min.js": "plotly-1.min.js",
}
NASTY = "<b>&\"'</script><!--{{ 7*7 }}{% raw %}\x1b[31mred\u202ertl\udcff\x00</td>"


def at(text):
    """An instant in UTC from ISO text."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def summary(night="2020-02-12", **changed):
    """Return a night's values by the names of columns.NIGHTS.

    Of 1,234 files 1,200 are ingested.
    """
    values = dict.fromkeys(c.name for c in columns.NIGHTS)
    values |= {c.name: 0 for c in columns.NIGHTS if c.kind == "int"}
    values |= {
        "night": night,
        "status": "error",
        "info": "14 files failed, 3 are missing",
        "n_files": 1234,
        "n_ingested": 1200,
        "n_pending": 12,
        "n_failed": 14,
        "n_missing": 3,
        "n_small": 5,
        "n_error": 17,
        "n_twice": 2,
        "n_exposures": 130,
        "size_bytes": 41_234_567_890,
        "completeness": 1200 / 1234,
        "first_created_at": at("2020-02-12T22:01:07"),
        "last_created_at": at("2020-02-13T09:41:00"),
        "last_transferred_at": at("2020-02-13T09:41:31.5"),
        "last_ingested_at": at("2020-02-13T09:44:02"),
        "transfer_delay_median_s": 4.2,
        "transfer_delay_p90_s": 31.0,
        "transfer_delay_max_s": 411.0,
        "ingest_delay_median_s": 62.0,
        "ingest_delay_p90_s": 192.4,
        "ingest_delay_max_s": 9000.0,
    }
    return values | {"alerts_produced": 0.0, "min_delay": None} | changed


def frame(**changed):
    """Return the frame of a page of the stream auxTel."""
    values = {
        "title": "auxTel, night of 2020-02-12",
        "root": "../",
        "status": "error",
        "info": "14 files failed, 3 are missing",
        "version": "0.1.0",
        "stream": "auxTel",
        "stale_after_s": 900.0,
        "name": "2020-02-12.html",
        "made_of": "0123456789",
    }
    return contexts.Frame(**values | changed)


def chart(text="Files over the night", **changed):
    """Return a chart of two points, one of them NaN."""
    figure = {
        "data": [{"type": "scatter", "x": [1, 2], "y": [1.0, float("nan")], "name": text}],
        "layout": {},
    }
    return Chart(
        **{"chart_id": "chart-files", "title": text, "caption": f"{text}: 1,234.", "figure": figure}
        | changed
    )


def headlines(text="Alerts produced"):
    """Return three headline numbers.

    The sample night has only the first.
    """
    return [
        Headline("alerts_produced", text, f"Alerts that the survey issued: {text}"),
        Headline("min_delay", "Min delay", "Time since the most recent alert", "s"),
        Headline("n_expected", "Expected"),
    ]


def sources(text="files", **changed):
    """The table of a source with a fault."""
    fault = SourceCell(text, f"cannot read {text}", at("2020-02-13T01:00:00"))._replace(**changed)
    words = WORDS["source"]
    return Table(
        [
            TableColumn(words["name"], [text], is_foreign=True),
            TableColumn(words["kind"], ["directory"]),
            TableColumn(words["place"], ["/data/auxTel/storage"], "path", is_foreign=True),
            TableColumn(words["answered_at"], [SourceCell(text)], draw="answered"),
            TableColumn(words["problem"], [fault], draw="fault"),
        ],
        "Sources; times in UTC",
    )


def rows(text="files"):
    """The table of rows of a source that left one out."""
    words = WORDS["row"]
    return Table(
        [
            TableColumn(words["name"], [text], is_foreign=True),
            TableColumn(words["n_read"], ["1,200"], "num"),
            TableColumn(words["n_used"], ["1,199"], "num"),
            TableColumn(words["n_left_out"], ["1"], "num"),
            TableColumn(words["examples"], [f"line 2: {text}"], "path", is_foreign=True),
        ],
        "Rows that the sources read",
    )


def nights(text="14 files failed, 3 are missing"):
    """Return three nights of the index: bad, good and empty."""
    good = dict.fromkeys(("n_failed", "n_missing", "n_error", "n_pending"), 0)
    made = [
        summary(info=text),
        summary("2020-02-11", status="normal", info="", **good, completeness=1.0),
        summary("2020-02-10", status="warning", info="no files", n_files=0),
    ]
    return list(map(instants_as_text, made))


def tables(text="auxTel", has_files=True, has_ingest=True):
    """Return the tables of a stream of three headlines."""
    return StreamTables(headlines(text), has_files, has_ingest)


def latest_night(text, folder="", has_ingest=True):
    """The newest night of a stream."""
    values = summary(info=text)
    delays = delays_table(values, has_ingest)
    return contexts.LatestNight(f"{folder}2020-02-12.html", values, delays)


def stream_page(text="auxTel", has_files=True, has_ingest=True, **changed):
    """A stream of three nights."""
    made = tables(text, has_files, has_ingest)
    values = {
        "frame": frame(title="auxTel"),
        "since": "",
        "site": contexts.Link("All streams", "../index.html"),
        "rule": "UTC−12h",
        "stage": "ingest",
        "latest": latest_night(text, has_ingest=has_ingest),
        "nights": made.nights(nights(text), "All nights"),
        "months": [month(text)],
        "years": made.periods([period(text)], "Years"),
        "charts": [chart(text)],
        "programs": EMPTY,
        "all_programs": None,
        "sources": sources(text),
        "rows": rows(text),
        "data": [contexts.Link("nights.json", "nights.json")],
        "has_files": has_files,
        "has_ingest": has_ingest,
        "headlines": headlines(text),
    }
    return contexts.StreamPage(**values | changed)


def glossary_page(text="Alerts"):
    """Return the words of every site and one of a source."""
    told = [glossary.Word("alerts", text, f"Alerts: {text}", "number-table-alerts")]
    nothing = frame(title="Glossary", root="", stream="", status="", info="", name="glossary.html")
    return contexts.GlossaryPage(
        nothing, contexts.Link(text, "index.html"), glossary.glossary_groups(told)
    )


def month(text="February 2020"):
    """Return a month of one week, with days of each status."""
    days = [
        contexts.Day(10, "2020-02-10.html", "normal", "normal", f"2020-02-10: normal {text}"),
        contexts.Day(11, "2020-02-11.html", "error", "error", f"2020-02-11: error, {text}"),
        contexts.Day(12, "2020-02-12.html", "empty", "no files", "2020-02-12: no files"),
    ]
    return contexts.Month(
        text,
        "month-2020-02",
        [[None, contexts.Day(9, "", "", "", f"not read {text}"), *days, None, None]],
    )


def period(text="2020"):
    """A year in numbers."""
    values = dict.fromkeys((c.name for c in columns.PERIODS), 3)
    values |= {"period": text, "completeness": 0.5, "seeing": 0.8}
    return Period("2020.html", values)


def year_page(text="auxTel", has_ingest=True):
    """A year of one month."""
    made = tables(text, has_ingest=has_ingest)
    return contexts.YearPage(
        frame=frame(title="2020 auxTel", name="2020.html"),
        site=contexts.Link("All streams", "../index.html"),
        index=contexts.Link(text, "index.html"),
        previous=contexts.Link("2019", "2019.html"),
        next=None,
        rule="UTC−12h",
        months=[month(text)],
        periods=made.periods([period(text)], "Months of 2020", period(text)),
        nights=made.nights(nights(text), "All nights of 2020"),
        charts=[chart(text)],
        data=[contexts.Link("JSON", "2020.json")],
    )


def card(text="auxTel", **changed):
    """Return a stream with problems on the site's page."""
    values = {
        "stream": "auxTel",
        "name": text,
        "href": "auxTel/index.html",
        "status": "error",
        "info": f"14 files failed {text}",
        "trouble": f"14 files failed since 03:12 {text}",
        "trouble_since": "",
        "trouble_href": "auxTel/2020-02-12.html#findings",
        "latest": latest_night(text, "auxTel/"),
        "nights": tables(text).recent(nights(text), "auxTel"),
        "chart": contexts.SmallChart(
            f"2020-02-12: {text}",
            [contexts.Link(text, "failed")],
            [contexts.Bar(1, text, [contexts.BarPart("failed", 10.0, 50.0)], "✕")],
        ),
        "has_files": True,
        "has_ingest": True,
        "headlines": headlines(text),
    }
    return contexts.StreamCard(**values | changed)


def site_page(text="auxTel"):
    """Return two streams, one of which has no night."""
    nothing = dict.fromkeys(("info", "trouble", "trouble_href"), "")
    empty = card(
        "comCam",
        stream="comCam",
        href="comCam/index.html",
        status="normal",
        latest=None,
        nights=EMPTY,
        chart=None,
        headlines=[],
        **nothing,
    )
    line = "1 stream needs attention"
    around = frame(title="Observing monitor", root="", stream="", info=f"{line}: {text}")
    cards = [card(text), empty]
    return contexts.SitePage(around, line, cards[:1], cards)
