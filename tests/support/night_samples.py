"""Records of a night's pages, as templates get them."""

from observed_samples import observed
from page_samples import at, chart, frame, headlines, sources, summary

from observing_monitor.model import columns, finding
from observing_monitor.pages import contexts
from observing_monitor.pages.glossary import WORDS, column_words
from observing_monitor.pages.night_listed import listed_rows
from observing_monitor.pages.night_tables import (
    MetricName,
    Nodes,
    attention_table,
    delays_table,
    stages_table,
)
from observing_monitor.pages.tables import EMPTY, Cell, Table, TableColumn, time_cell
from observing_monitor.previews.preview import Preview

NIGHT = "2020-02-12"


def file_row(number=1, text="raw/2020-02-12/AT_O_20200212_000022.fits", **changed):
    """A failed file with a traceback."""
    values = {
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
    return values | changed


def file_table(n_files, *rows):
    """Return the table of `n_files` files, some of them shown."""
    return attention_table(rows, [row["detail"] for row in rows], NIGHT, n_files)


def listed_findings(text):
    """Two exposures that never came, and two that lack a detector."""
    never = finding.ListedFinding(
        "warning",
        "2 of 9 expected exposures never came; missing: 3–4",
        "#exposures",
        "summit",
        anchor="finding-never",
        label="never came",
        is_of_exposures=True,
        rows=tuple(finding.Row(f"{text}{n}", "expected, and no image came") for n in (3, 4)),
        n_rows=2,
        acknowledged=text,
    )
    incomplete = [
        finding.ListedFinding(
            "warning",
            f"exposure {n}: 7 of 9 detectors, lacking R22_S11",
            anchor=f"finding-{n}",
            label="incomplete",
            is_of_exposures=True,
            rows=(finding.Row(f"exposure {n}", "7 of 9 detectors, lacking R22_S11"),),
            n_rows=1,
        )
        for n in (65, 66)
    ]
    return [never, *incomplete]


def repeated(text):
    """Twenty-five files that came twice, of which one is shown."""
    return finding.ListedFinding(
        "normal",
        f"25 files came twice under the same name: {text}",
        "#files",
        anchor="finding-twice",
        label="came twice",
        rows=(finding.Row("a.fits", "2020-02-12/a.fits, 2020-02-12/b/a.fits"),),
        n_rows=25,
    )


def error_group(text="KeyError: 'DATE-OBS'", **changed):
    """Fourteen failed files, of which one is shown."""
    values = {
        "anchor": "failed",
        "file_class": "failed",
        "words": text,
        "n_files": 14,
        "first_at": at("2020-02-13T03:12:50"),
        "last_at": at("2020-02-13T04:00:00"),
        "detail": f"Traceback (most recent call last):\n  {text}\nKeyError: 'DATE-OBS'",
        "table": file_table(14, file_row(text=text)),
        "is_open": False,
    }
    return contexts.ErrorGroup(**values | changed)


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
    """Return a queue of 26 entries, of which one is shown."""
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


def stages(text="copy"):
    """Return the table of two stages with one failure."""
    counts = {
        "n_done": 120,
        "n_failed": 1,
        "n_waiting": 2,
        "n_running": 3,
        "n_deferred": 4,
        "n_attempts": 125,
        "last_done_at": at("2020-02-13T03:12:41"),
        "median_s": 3.0,
        "p90_s": 61.0,
    }
    rows = [{"name": name, **counts} for name in (text, "ingest")]
    return stages_table(rows, ["stage-1", "stage-2"], NIGHT)


def metrics(text="queue_depth"):
    """Return the table of a metric with 61 nodes."""
    shown = ((text, "0.4"), ("node2", text))
    cells = {
        "name": (MetricName(text, "Length of the queue", text), "metric"),
        "value": ("12.5", "cell"),
        "by_node": (Nodes("61", f"0.4 to 0.7 {text}", shown, "The first 2."), "nodes"),
        "unit": ("s", "cell"),
        "sampled_at": (time_cell(at("2020-02-13T03:00:00"), NIGHT), "cell"),
    }
    made = [
        TableColumn(WORDS["number"][name], [cell], draw=draw)
        for name, (cell, draw) in cells.items()
    ]
    return Table(made, "Latest values, times in UTC", css="metrics")


def picture(text):
    """Return the preview of a file."""
    return Preview(text, text, text, "0", "2020-02-12.previews/a-012345678901.jpg", 160, 120, "")


def exposed(text, n=1, has_ingest=True):
    """Return the table of exposures of nine files each."""
    words = column_words("night", has_ingest)
    chips = (Cell(f"8 {words['n_ingested'].label}", "ingested"), Cell("1 Failed", "failed"))
    ingested = TableColumn(WORDS["night"]["last_ingested_at"], ["2021-02-13 03:12:41"] * n, "num")
    return Table(
        [
            TableColumn(WORDS["exposure"]["name"], [text] * n, is_foreign=True),
            TableColumn(None, [picture(text)] * n, "thumb", draw="thumb"),
            TableColumn(WORDS["file"]["seq_num"], ["22"] * n, "num"),
            TableColumn(words["n_files"], ["9"] * n, "num"),
            TableColumn(WORDS["exposure"]["counts"], [chips] * n, draw="chips"),
            TableColumn(words["last_created_at"], ["02-13 03:12:41"] * n, "num"),
            TableColumn(words["last_transferred_at"], ["–"] * n, "num"),
            *([ingested] if has_ingest else []),
        ],
        "One row per exposure, times in UTC",
        css="exposures",
        is_light=True,
    )


def exposures_page(text="AT_O_20200212_000022", **changed):
    """Return the second of two pages of exposures."""
    night = night_page(text)
    around = {name: getattr(night, name) for name in contexts.OfNight.__struct_fields__}
    values = {
        "night_page": contexts.Link("2020-02-12", "2020-02-12.html"),
        "exposed": exposed(text),
        "n_exposed": 2001,
        "hidden_note": "2 exposures with hidden facts (until 2021-01-01 00:00 UTC): target.",
        "log": "",
        "parts": [
            contexts.Link("1 to 2,000", "2020-02-12.exposures.html"),
            contexts.Link("2,001 to 2,001", ""),
        ],
    }
    return contexts.ExposuresPage(**around | values | changed)


def night_page(text="AT_O_20200212_000022.fits", has_ingest=True, **changed):
    """Return a night with one of everything.

    `text` is in all that others wrote.
    """
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
        "delays": delays_table(summary(), has_ingest),
        "charts": [chart(text)],
        "headlines": headlines(text),
        "listed": listed_rows(listed_findings(text))[0],
        "remarked": listed_rows([repeated(text)])[0],
        "stages": stages(text),
        "failures": [contexts.StageFailures(text, "1 file", 1, [entry(text)], "failures-1")],
        "queues": [
            queue(text, 1),
            queue("export", 2, waiting=[], n_waiting=0, errors=[], n_errors=0, error_words=""),
        ],
        "metrics": metrics(text),
        "n_metrics": 301,
        "notes": [f"not readable: {text}"],
        "sources": sources(text),
        "data": [contexts.Link(name, name) for name in ("2020-02-12.json", "2020-02-12.csv")],
    }
    parts = _findings(text) | _files(text, has_ingest) | _images(text) | observed(text)
    return contexts.NightPage(**values | parts | changed)


def _findings(text):
    """Return the findings of a night's page."""
    failed = f"14 files failed, the first: {text}"
    pending = "12 files are pending since 03:12"
    more = finding.Finding("normal", f"told: {text}", "#metrics", text, anchor="finding-c")
    return {
        "findings": [
            finding.Finding("error", failed, "#attention", "files", anchor="finding-a"),
            finding.Finding("warning", pending, "#files", anchor="finding-b"),
        ],
        "more_findings": [more],
    }


def _files(text, has_ingest):
    """Return the files of a night's page: those with problems, and exposures."""
    row = file_row(2, "b.fits", file_class="missing", detail="", reason="never tried")
    missing = error_group(
        "never tried; here since …",
        anchor="missing",
        file_class="missing",
        n_files=3,
        detail="",
        table=file_table(3, row),
        is_open=True,
    )
    return {
        "has_files": True,
        "is_unread": False,
        "has_ingest": has_ingest,
        "attention": [error_group(text), missing],
        "n_attention": 17,
        "n_attention_groups": 3,
        "exposed": exposed(text, has_ingest=has_ingest),
        "n_exposed": 130,
        "log": "",
        "is_newest_first": False,
        "hidden_note": "2 exposures with hidden facts (until 2021-01-01 00:00 UTC): target.",
        "unlogged": EMPTY,
        "exposures": "2020-02-12.exposures.html",
        "files_js": "2020-02-12.files.js",
    }


def _images(text):
    """Return the images of a night's page, one of 70."""
    path = "2020-02-12.images/drvs1-spectra-0123456789.png"
    image = contexts.Image(text, "drvs1", path, at("2020-02-13T03:00:00"))
    return {"images": [image], "n_images": 70}


def empty_night_page():
    """Return a night without files, its stream's only one."""
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
        stages=EMPTY,
        failures=[],
        listed=[],
        remarked=[],
        queues=[],
        images=[],
        n_images=0,
        metrics=EMPTY,
        n_metrics=0,
        notes=[],
        sources=sources(problem="", since=None),
        files_js="",
        data=[],
    )
