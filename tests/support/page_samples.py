"""Contexts of pages to render, with ordinary texts or with nasty ones."""

import dataclasses
import datetime

from observing_monitor.charts.figure import Chart
from observing_monitor.model import columns, finding
from observing_monitor.pages import contexts, glossary
from observing_monitor.settings.headlines import Headline

ASSETS = {
    "style.css": "style-1.css",
    "monitor.js": "monitor-1.js",
    "plotly.min.js": "plotly-1.min.js",
}
NASTY = "<b>&\"'</script><!--{{ 7*7 }}{% raw %}\x1b[31mred\u202ertl\udcff\x00</td>"


def at(text):
    """Return an instant in UTC from ISO text."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def summary(night="2020-02-12", **changed):
    """Return a night's values by the names of columns.NIGHTS: 1,200 of 1,234 ingested."""
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


def file_row(number=1, text="raw/2020-02-12/AT_O_20200212_000022.fits", **changed):
    """Return a failed file with a traceback."""
    facts = {
        "anchor": f"file-{number}",
        "path": text,
        "file_class": "failed",
        "reason": f"failed: {text}",
        "detail": f"Traceback (most recent call last):\n  {text}\nKeyError: 'DATE-OBS'",
        "size_bytes": 95_130,
        "exposure": text,
        "obsid": "AT_O_20200212_000022",
        "seq_num": 22,
        "detector": "0",
        "created_at": at("2020-02-13T03:12:41"),
        "transferred_at": at("2020-02-13T03:12:45"),
        "tried_at": None,
        "n_attempts": 2,
    }
    facts |= changed
    return contexts.FileRow(facts, facts["detail"])


def error_group(text="KeyError: 'DATE-OBS'", **changed):
    """Return fourteen failed files, of which one is shown."""
    values = {
        "anchor": "failed",
        "file_class": "failed",
        "words": text,
        "n_files": 14,
        "first_at": at("2020-02-13T03:12:50"),
        "last_at": at("2020-02-13T04:00:00"),
        "detail": f"Traceback (most recent call last):\n  {text}\nKeyError: 'DATE-OBS'",
        "files": [file_row(text=text)],
        "is_open": False,
    }
    return contexts.ErrorGroup(**values | changed)


def headlines(text="Alerts produced"):
    """Return three headline numbers; the sample night has only the first."""
    return [
        Headline("alerts_produced", text, f"Alerts that the survey issued: {text}"),
        Headline("min_delay", "Min delay", "Time since the most recent alert", "s"),
        Headline("n_expected", "Expected"),
    ]


def entry(text="N20200212S0001.fits", **changed):
    """Return a failed entry of a queue, with its traceback."""
    values = {
        "path": text,
        "state": "failure",
        "since": at("2020-02-13T03:10:00"),
        "reason": "Traceback (most recent call last):",
        "detail": f"Traceback (most recent call last):\n  {text}\nValueError",
        "destination": text,
    }
    return contexts.QueueEntry(**values | changed)


def queue(text="ingest", number=1, **changed):
    """Return a queue of which one of 26 entries is shown, and both of its errors."""
    values = {
        "name": text,
        "anchor": f"queue-{number}",
        "n_waiting": 26,
        "n_errors": 2,
        "waiting": [entry(text, state="deferred", detail="", reason=f"put off: {text}")],
        "errors": [entry(text), entry("N20200212S0002.fits", destination="")],
        "error_words": "2 errors",
    }
    return contexts.Queue(**values | changed)


def stage_row(text="copy", failures=(), number=1):
    """Return a stage that 120 files passed, and in which one failed."""
    counts = {
        "n_done": 120,
        "n_failed": 1,
        "n_waiting": 2,
        "n_running": 3,
        "n_deferred": 4,
        "n_attempts": 125,
    }
    known = {"last_done_at": at("2020-02-13T03:12:41"), "median_s": 3.0, "p90_s": 61.0}
    return contexts.StageRow(
        {"name": text, **counts, **known}, f"stage-{number}", list(failures), "1 file"
    )


def metric_group(text="queue_depth", **changed):
    """Return a metric with 61 nodes, two of which are shown."""
    values = {
        "name": text,
        "value": "12.5",
        "spread": f"0.4 to 0.7 {text}",
        "nodes": [contexts.MetricNode(text, "0.4"), contexts.MetricNode("node2", text)],
        "n_nodes": 61,
        "unit": "s",
        "sampled_at": at("2020-02-13T03:00:00"),
        "meaning": "Length of the queue",
        "source": text,
    }
    return contexts.MetricGroup(**values | changed)


def source_line(text="files", **changed):
    """Return a source with a fault."""
    values = {
        "name": text,
        "kind": "directory",
        "place": "/data/auxTel/storage",
        "problem": f"can't read {text}",
    }
    return contexts.SourceLine(**values | {"problem_since": at("2020-02-13T01:00:00")} | changed)


def exposed(text, n=1, **changed):
    """Return exposures of nine files, of which one failed."""
    values = {
        "names": [text] * n,
        "seq_nums": ["22"] * n,
        "n_files": ["9"] * n,
        "counts": [(("ingested", 8), ("failed", 1))] * n,
        "created_at": ["02-13 03:12:41"] * n,
        "transferred_at": ["–"] * n,
        "ingested_at": ["2021-02-13 03:12:41"] * n,
    }
    return contexts.ExposureTable(**values | changed)


def exposures_page(text="AT_O_20200212_000022", **changed):
    """Return the second of two pages of a night's exposures."""
    night = night_page(text)
    around = {
        field.name: getattr(night, field.name) for field in dataclasses.fields(contexts.OfNight)
    }
    values = {
        "night_page": contexts.Link("2020-02-12", "2020-02-12.html"),
        "exposed": exposed(text),
        "n_exposed": 2001,
        "parts": [
            contexts.Link("1 to 2,000", "2020-02-12.exposures.html"),
            contexts.Link("2,001 to 2,001", ""),
        ],
    }
    return contexts.ExposuresPage(**around | values | changed)


def night_page(text="AT_O_20200212_000022.fits", **changed):
    """Return a night with one of everything; `text` is in all that others wrote."""
    values = {
        "frame": frame(),
        "site": contexts.Link("All streams", "../index.html"),
        "calendar": contexts.Link("February 2020", "2020.html#month-2020-02"),
        "index": contexts.Link("auxTel", "index.html"),
        "previous": contexts.Link("2020-02-11", "2020-02-11.html"),
        "next": contexts.Link("2020-02-13", "2020-02-13.html"),
        "night": "2020-02-12",
        "starts_at": at("2020-02-12T12:00:00"),
        "ends_at": at("2020-02-13T12:00:00"),
        "rule": "UTC−12h",
        "changed_at": at("2020-02-13T09:44:02"),
        "summary": summary(),
        "charts": [chart(text)],
        "headlines": headlines(text),
        "stages": [stage_row(text, [entry(text)]), stage_row("ingest", [], number=2)],
        "queues": [
            queue(text, 1),
            queue("export", 2, waiting=[], n_waiting=0, errors=[], n_errors=0, error_words=""),
        ],
        "metrics": [metric_group(text)],
        "n_metrics": 301,
        "notes": [f"not readable: {text}"],
        "sources": [source_line(text)],
        "data": [contexts.Link(name, name) for name in ("2020-02-12.json", "2020-02-12.csv")],
    }
    parts = night_findings(text) | night_files(text) | night_images(text)
    return contexts.NightPage(**values | parts | changed)


def night_findings(text):
    """Return the findings of a night's page."""
    failed = f"14 files failed, the first: {text}"
    pending = "12 files are pending since 03:12"
    told = finding.Finding("normal", f"told: {text}", "#metrics", text, anchor="finding-c")
    return {
        "findings": [
            finding.Finding("error", failed, "#attention", "files", anchor="finding-a"),
            finding.Finding("warning", pending, "#files", anchor="finding-b"),
        ],
        "more_findings": [told],
    }


def night_files(text):
    """Return the files of a night's page: those that need attention, and exposures."""
    missing = file_row(2, "b.fits", file_class="missing", detail="", reason="never tried")
    of_missing = {"anchor": "missing", "file_class": "missing", "detail": "", "is_open": True}
    return {
        "has_files": True,
        "has_ingest": True,
        "attention": [
            error_group(text),
            error_group("never tried; here since …", n_files=3, files=[missing], **of_missing),
        ],
        "n_attention": 17,
        "n_attention_groups": 3,
        "exposed": exposed(text),
        "n_exposed": 130,
        "exposures": "2020-02-12.exposures.html",
        "files_js": "2020-02-12.files.js",
    }


def night_images(text):
    """Return the images of a night's page, of which one of 70 is shown."""
    path = "2020-02-12.images/drvs1-spectra-0123456789.png"
    shown = contexts.Image(text, "drvs1", path, at("2020-02-13T03:00:00"))
    return {"images": [shown], "n_images": 70}


def empty_night_page():
    """Return a night without files, the only one of its stream."""
    nothing = dict.fromkeys(summary()) | {c.name: 0 for c in columns.NIGHTS if c.kind == "int"}
    return night_page(
        frame=frame(status="normal", info=""),
        site=None,
        previous=None,
        next=None,
        changed_at=None,
        summary=nothing | {"night": "2020-02-12", "status": "normal", "info": ""},
        findings=[],
        charts=[],
        attention=[],
        n_attention=0,
        n_attention_groups=0,
        exposed=exposed("", 0),
        n_exposed=0,
        exposures="",
        headlines=[],
        more_findings=[],
        stages=[],
        queues=[],
        images=[],
        n_images=0,
        metrics=[],
        n_metrics=0,
        notes=[],
        sources=[source_line(problem="", problem_since=None)],
        files_js="",
        data=[],
    )


def night_rows(text="14 files failed, 3 are missing"):
    """Return three nights, newest first: a bad one, a good one, an empty one."""
    return [
        contexts.NightRow("2020-02-12.html", summary(info=text)),
        contexts.NightRow(
            "2020-02-11.html",
            summary(
                "2020-02-11",
                status="normal",
                info="",
                n_failed=0,
                n_missing=0,
                n_error=0,
                n_pending=0,
                completeness=1.0,
            ),
        ),
        contexts.NightRow(
            "2020-02-10.html", summary("2020-02-10", status="warning", info="no files", n_files=0)
        ),
    ]


def stream_page(text="auxTel", **changed):
    """Return a stream of three nights."""
    values = {
        "frame": frame(title="auxTel"),
        "site": contexts.Link("All streams", "../index.html"),
        "rule": "UTC−12h",
        "stage": "ingest",
        "latest": night_rows(text)[0],
        "nights": night_rows(text),
        "n_nights": 3,
        "months": [month(text)],
        "years": [roll_up(text)],
        "charts": [chart(text)],
        "sources": [source_line(text)],
        "data": [contexts.Link("nights.json", "nights.json")],
        "has_files": True,
        "has_ingest": True,
        "headlines": headlines(text),
    }
    return contexts.StreamPage(**values | changed)


def glossary_page(text="Alerts"):
    """Return the words that every site has, and one of a source."""
    told = [glossary.Word("alerts", text, f"Alerts: {text}", "number-table-alerts")]
    nothing = frame(title="Glossary", root="", stream="", status="", info="", name="glossary.html")
    return contexts.GlossaryPage(
        nothing, contexts.Link(text, "index.html"), glossary.glossary_groups(told)
    )


def month(text="February 2020"):
    """Return a month of one week.

    Its days are one of another month, one without a page, a good night, a bad night and one
    without files.
    """
    days = [
        contexts.Day(10, "2020-02-10.html", "normal", "normal", f"2020-02-10: normal {text}"),
        contexts.Day(11, "2020-02-11.html", "error", "error", f"2020-02-11: error, {text}"),
        contexts.Day(12, "2020-02-12.html", "empty", "no files", "2020-02-12: no files"),
    ]
    return contexts.Month(
        text,
        "month-2020-02",
        [[None, contexts.Day(9, "", "", "", f"not looked at {text}"), *days, None, None]],
    )


def roll_up(text="2020"):
    """Return a year in numbers."""
    values = dict.fromkeys((c.name for c in columns.PERIODS), 3) | {
        "period": text,
        "completeness": 0.5,
        "seeing": 0.8,
    }
    return contexts.RollUp(text, "2020.html", values)


def year_page(text="auxTel"):
    """Return a year of one month."""
    return contexts.YearPage(
        frame=frame(title="2020 auxTel", name="2020.html"),
        site=contexts.Link("All streams", "../index.html"),
        index=contexts.Link(text, "index.html"),
        previous=contexts.Link("2019", "2019.html"),
        next=None,
        year="2020",
        rule="UTC−12h",
        months=[month(text)],
        periods=[roll_up(text)],
        total=roll_up(text),
        nights=night_rows(text),
        charts=[chart(text)],
        data=[contexts.Link("JSON", "2020.json")],
        has_files=True,
        has_ingest=True,
        headlines=headlines(text),
    )


def site_page(text="auxTel"):
    """Return two streams, one of which has no night."""
    cards = [
        contexts.StreamCard(
            stream="auxTel",
            name=text,
            href="auxTel/index.html",
            status="error",
            info=f"14 files failed {text}",
            trouble=f"14 files failed since 03:12 {text}",
            trouble_href="auxTel/2020-02-12.html#findings",
            latest=night_rows(text)[0],
            nights=night_rows(text),
            chart=contexts.SmallChart(
                f"2020-02-12: {text}",
                [contexts.Link(text, "failed")],
                [contexts.Bar(1, text, [contexts.BarPart("failed", 10.0, 50.0)], "✕")],
            ),
            has_files=True,
            has_ingest=True,
            headlines=headlines(text),
        ),
        contexts.StreamCard(
            "comCam",
            "comCam",
            "comCam/index.html",
            "normal",
            "",
            "",
            "",
            None,
            [],
            None,
            True,
            True,
            [],
        ),
    ]
    line = "1 stream needs attention"
    return contexts.SitePage(
        frame(title="Observing monitor", root="", stream="", info=f"{line}: {text}"),
        line,
        cards[:1],
        cards,
    )
