"""What other programs read of a site: `status.json`, a Prometheus textfile, an Atom feed of nights that changed.

The first two are written at every run, and are small; the feed only when it says something else than before. None needs more than
the rows of the index: no table is opened, and nothing heavy is imported.

Sources of the formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4) and RFC 4287 (Atom 1.0).
"""

import contextlib
import datetime
import hashlib
import heapq
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

from observing_monitor import __version__, columns
from observing_monitor.files import Output, as_bytes
from observing_monitor.nights import NightRule, iso_utc, parse_night, parse_utc
from observing_monitor.pages import visible
from observing_monitor.status import LEVELS
from observing_monitor.store import Fault

SITE = "*"  # stands for the site where streams' names do: no stream can have this name
STATUS_JSON, TEXTFILE, FEED = "status.json", "observing_monitor.prom", "changes.atom"
SINCE = "data/since.json"  # since when each status holds
FEED_ID = "data/feed.json"  # what the feed's ids begin with, made once
SCHEMA_VERSION = (
    1  # of status.json: a key is never taken away or given another meaning without a new one
)
MAX_ENTRIES = 50  # of the feed
MAX_FINDINGS = 30  # of one of its entries


@dataclass(frozen=True)
class Standing:
    """How a stream, or the site (`stream` is SITE), stands after a run."""

    site: str  # the site's title
    stream: str
    title: str
    status: str  # normal, warning, error
    info: str  # what is wrong, in words; "" where nothing is
    trouble: str = ""  # the worst of it
    night: str = ""  # the newest night; "" where there is none
    href: str = ""  # of the page, relative to the site
    url: str = ""  # the same in full, where the settings have a site_url
    since: datetime.datetime | None = None  # when a run first saw this status
    latest: Mapping[str, Any] | None = (
        None  # the newest night, by the names of columns.NIGHTS, instants as text
    )
    rule: NightRule = NightRule()
    silent: Mapping[str, Fault] = field(default_factory=dict)  # by source
    sources: Sequence[tuple[str, str]] = ()  # name and kind


@dataclass(frozen=True)
class News:
    """A night that changed: an entry of the feed."""

    stream: str
    title: str
    night: str
    href: str
    status: str
    info: str
    changed_at: str  # when its status, or what is wrong with it, last did
    findings: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Run:
    """What a run did."""

    seconds: float
    n_looked: int  # nights looked at
    n_changed: int
    n_pages: int  # written
    n_problems: int


def address(site_url: str, relative: str) -> str:
    """A page's address in full; "" where the site has no site_url."""
    return f"{site_url.rstrip('/')}/{relative}" if site_url else ""


# --- since when ------------------------------------------------------------------------------------------------------------


def with_since(
    standings: Iterable[Standing], output: Output, now: datetime.datetime
) -> list[Standing]:
    """The same, each with since when its status holds, as far as earlier runs remember; writes only where one changed."""
    record = output.read_json(SINCE) or {}
    before = record.get("standings", record)  # earlier versions had them on top
    before = before if isinstance(before, dict) else {}
    after, made = {}, []
    for standing in standings:
        old = before.get(standing.stream)
        since = str(iso_utc(now.replace(microsecond=0)))
        if (
            isinstance(old, dict)
            and old.get("status") == standing.status
            and _instant(old.get("since"))
        ):
            since = str(old["since"])
        after[standing.stream] = {"status": standing.status, "since": since}
        made.append(replace(standing, since=_instant(since) or now))
    if after != before:
        output.write_json(SINCE, {"standings": after})
    return made


def _instant(text: str | None) -> datetime.datetime | None:
    try:
        return None if text is None else parse_utc(str(text))
    except (ValueError, TypeError):
        return None


# --- status.json -----------------------------------------------------------------------------------------------------------


def write_status(
    standings: Sequence[Standing], heartbeat: Mapping[str, Any], output: Output, site_url: str
) -> None:
    """Write `status.json`: the site, its streams, and when each source last answered. `docs/notifications.md` describes it."""
    site = next(standing for standing in standings if standing.stream == SITE)
    document = {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "run_at": heartbeat["run_at"],
        "url": address(site_url, "index.html") or None,
        **_stand(site),
        "streams": [
            _stream_status(standing, heartbeat) for standing in standings if standing.stream != SITE
        ],
    }
    output.write(STATUS_JSON, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _stand(standing: Standing) -> dict[str, Any]:
    return {
        "title": standing.title,
        "status": standing.status,
        "info": standing.info,
        "since": iso_utc(standing.since),
    }


def _stream_status(standing: Standing, heartbeat: Mapping[str, Any]) -> dict[str, Any]:
    beat = heartbeat["streams"].get(standing.stream) or {}
    answered = beat.get("sources") or {}
    sources = []
    for name, kind in standing.sources:
        silent = standing.silent.get(name) or {}
        sources.append(
            {
                "source": name,
                "kind": kind,
                "answered_at": (answered.get(name) or {}).get("answered_at"),
                "silent_since": silent.get("since"),
                "problem": silent.get("problem"),
            }
        )
    return {
        "stream": standing.stream,
        **_stand(standing),
        "href": standing.href,
        "url": standing.url or None,
        "read_at": beat.get("read_at"),
        "latest": standing.latest,
        "sources": sources,
    }


# --- Prometheus ------------------------------------------------------------------------------------------------------------

_PREFIX = "observing_monitor"


class _Metrics:
    """The lines of a textfile: HELP and TYPE once a metric, then its samples."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def add(self, name: str, words: str, value: float | None, **labels: str) -> None:
        """A sample of a gauge; nothing where its value is not known."""
        if value is None:
            return
        name = f"{_PREFIX}_{name}"
        lines = self.lines.setdefault(name, [f"# HELP {name} {words}", f"# TYPE {name} gauge"])
        told = ",".join(f'{label}="{_label(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {float(value)!r}" if told else f"{name} {float(value)!r}")

    def text(self) -> str:
        return "".join(f"{line}\n" for lines in self.lines.values() for line in lines)


def _label(text: str) -> str:
    return str(visible(text)).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unix(instant: datetime.datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def textfile(standings: Sequence[Standing], heartbeat: Mapping[str, Any], run: Run) -> str:
    """The text of the Prometheus textfile: statuses are 0 normal, 1 warning, 2 error; instants are unix seconds."""
    made, site = (
        _Metrics(),
        next(standing.title for standing in standings if standing.stream == SITE),
    )
    made.add(
        "build_info",
        "The version of observing_monitor, as a label.",
        1,
        site=site,
        version=__version__,
    )
    made.add(
        "run_timestamp_seconds",
        "When the last run began.",
        _unix(_instant(heartbeat["run_at"])),
        site=site,
    )
    made.add(
        "run_duration_seconds",
        "How long the last run took, until it wrote this.",
        round(run.seconds, 3),
        site=site,
    )
    made.add(
        "run_problems",
        "What went wrong in the last run: lines on its stderr.",
        run.n_problems,
        site=site,
    )
    made.add("run_nights_looked_at", "Nights that the last run looked at.", run.n_looked, site=site)
    made.add(
        "run_nights_changed", "Nights of which it found something new.", run.n_changed, site=site
    )
    made.add("run_pages_written", "Pages that it wrote.", run.n_pages, site=site)
    for standing in standings:
        if standing.stream == SITE:
            made.add(
                "status",
                "Status of the site: 0 normal, 1 warning, 2 error.",
                LEVELS.index(standing.status),
                site=site,
            )
            made.add(
                "status_since_timestamp_seconds",
                "Since when the site has this status.",
                _unix(standing.since),
                site=site,
            )
        else:
            _add_stream(
                made,
                standing,
                heartbeat["streams"].get(standing.stream) or {},
                {"site": site, "stream": standing.stream},
            )
    return made.text()


def _add_stream(
    made: _Metrics, standing: Standing, beat: Mapping[str, Any], labels: dict[str, str]
) -> None:
    level = LEVELS.index(standing.status)
    made.add(
        "stream_status", "Status of the stream: 0 normal, 1 warning, 2 error.", level, **labels
    )
    made.add(
        "stream_status_since_timestamp_seconds",
        "Since when the stream has this status.",
        _unix(standing.since),
        **labels,
    )
    made.add(
        "stream_read_timestamp_seconds",
        "When the stream's sources were last looked at.",
        _unix(_instant(beat.get("read_at"))),
        **labels,
    )
    for name, _ in standing.sources:
        own, silent = {**labels, "source": name}, standing.silent.get(name) or {}
        answered = _unix(_instant(((beat.get("sources") or {}).get(name) or {}).get("answered_at")))
        made.add(
            "source_up",
            "Whether the source answered when it was last asked: 1 yes, 0 no.",
            0 if silent else 1,
            **own,
        )
        made.add(
            "source_answered_timestamp_seconds", "When the source last answered.", answered, **own
        )
        made.add(
            "source_silent_since_timestamp_seconds",
            "Since when a silent source is silent.",
            _unix(_instant(silent.get("since"))),
            **own,
        )
    if not standing.latest:
        return
    night = standing.latest
    starts_at = standing.rule.bounds(parse_night(night["night"]))[0]
    made.add(
        "night_start_timestamp_seconds", "When the newest night began.", _unix(starts_at), **labels
    )
    for c in columns.CLASSES:
        words = "Files of the newest night by class: the classes add up to all files."
        made.add("night_files", words, night.get(f"n_{c.name}"), **labels, **{"class": c.name})
    counted = {"n_lost": "lost", "n_twice": "twice", "n_acknowledged": "acknowledged"}
    for name, word in counted.items():
        words = "Files of the newest night that are counted beside the classes."
        made.add("night_files_beside", words, night.get(name), **labels, what=word)
    made.add(
        "night_exposures",
        "Exposures of the newest night, where known.",
        night.get("n_exposures"),
        **labels,
    )
    made.add(
        "night_size_bytes",
        "Bytes of all files of the newest night.",
        night.get("size_bytes"),
        **labels,
    )
    made.add(
        "night_completeness_ratio",
        "Ingested, of all that should be, in the newest night.",
        night.get("completeness"),
        **labels,
    )
    for name in ("created", "transferred", "ingested"):
        instant = _unix(_instant(night.get(f"last_{name}_at")))
        made.add(
            f"night_last_{name}_timestamp_seconds",
            f"When the latest file of the newest night was {name}.",
            instant,
            **labels,
        )
    for stage, verb in (("transfer", "arrive"), ("ingest", "be ingested")):
        for name, part in (("median", "0.5"), ("p90", "0.9"), ("max", "1")):
            words = f"Time that files of the newest night took to {verb}, by the part of them that took no longer."
            made.add(
                f"night_{stage}_delay_seconds",
                words,
                night.get(f"{stage}_delay_{name}_s"),
                **labels,
                part=part,
            )


def write_textfile(text: str, output: Output, more: Path | None) -> list[str]:
    """Write the textfile beside the pages, and where the settings want it; a line for what could not be written."""
    output.write(TEXTFILE, text)
    if more is None:
        return []
    # beside its place, under a name that node_exporter does not read, so that it never sees half of it; always the same, so that
    # killed runs leave no more than one
    beside = more.with_name(f".{more.name}.unfinished")
    try:
        beside.write_bytes(output.redaction.file(TEXTFILE, as_bytes(text)))
        os.replace(beside, more)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        return [
            f"{more}: {(error.strerror or str(error)).lower()}; prometheus_file names a file in a folder that can be written"
        ]
    return []


# --- Atom ------------------------------------------------------------------------------------------------------------------


def newest(
    rows: Mapping[str, Mapping[str, Any]], stream: str, title: str, folder: str
) -> list[News]:
    """The news of a stream's nights, the latest first; `rows` are those of its index."""

    def when(item: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
        return item[1].get("news_at") or item[1].get("changed_at") or "", item[0]

    judged = ((night, row) for night, row in rows.items() if row.get("summary"))
    latest = heapq.nlargest(MAX_ENTRIES, judged, key=when)
    return [
        News(
            stream=stream,
            title=title,
            night=night,
            href=f"{folder}/{night}.html" if folder else f"{night}.html",
            status=row["summary"]["status"],
            info=row["summary"]["info"],
            changed_at=when((night, row))[0],
            findings=row.get("findings") or [],
        )
        for night, row in latest
        if when((night, row))[0]
    ]


def write_feed(
    news: Iterable[News], title: str, output: Output, site_url: str, now: datetime.datetime
) -> bool:
    """Write the Atom feed of the nights that changed last, unless it says so already; whether it was written."""
    entries = heapq.nlargest(
        MAX_ENTRIES, news, key=lambda one: (one.changed_at, one.night, one.stream)
    )
    feed_id, made_at = _feed_id(output, now)
    updated = max((entry.changed_at for entry in entries), default=made_at)
    own = address(site_url, FEED) or FEED
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">',
        f"<id>urn:uuid:{feed_id}</id>",
        f"<title>{_xml(title)}: nights that changed</title>",
        f"<updated>{_xml(updated)}</updated>",
        f"<author><name>{_xml(title)}</name></author>",
        f'<generator version="{_xml(__version__)}">observing_monitor</generator>',
        f'<link rel="self" type="application/atom+xml" href="{_xml(own)}"/>',
        f'<link rel="alternate" type="text/html" href="{_xml(address(site_url, "index.html") or "index.html")}"/>',
        *(line for entry in entries for line in _entry(entry, feed_id, site_url)),
        "</feed>",
    ]
    return bool(output.write_changed(FEED, "\n".join(lines) + "\n"))


def _entry(entry: News, feed_id: str, site_url: str) -> list[str]:
    findings = entry.findings[:MAX_FINDINGS]
    said = "".join(
        f"<li>{_html(one.get('level', ''))}: {_html(one.get('text', ''))}</li>" for one in findings
    )
    rest = len(entry.findings) - len(findings)
    more = f"<p>and {rest:,} more</p>" if rest > 0 else ""
    content = f"<p>{_html(entry.status)}</p>" + (
        f"<ul>{said}</ul>{more}" if said else "<p>All is well.</p>"
    )
    return [
        "<entry>",
        f"<id>urn:uuid:{_uuid(f'{feed_id} {entry.stream} {entry.night}')}</id>",
        f"<title>{_xml(entry.title)}, night {_xml(entry.night)}: {_xml(entry.status)}</title>",
        f"<updated>{_xml(entry.changed_at)}</updated>",
        f'<link rel="alternate" type="text/html" href="{_xml(address(site_url, entry.href) or entry.href)}"/>',
        f'<category term="{_xml(entry.status)}"/>',
        f'<content type="html">{_xml(content)}</content>',
        "</entry>",
    ]


def _html(text: Any) -> str:
    """Text of others as HTML: no control characters, everything escaped."""
    return escape(str(visible(str(text))))


def _xml(text: str) -> str:
    return escape(str(visible(text)))


def _feed_id(output: Output, now: datetime.datetime) -> tuple[str, str]:
    """The feed's own UUID and the instant of which it is; made at the first run, and the same for good, wherever the site moves."""
    record = output.read_json(FEED_ID) or {}
    if isinstance(record.get("id"), str) and isinstance(record.get("made_at"), str):
        return record["id"], record["made_at"]
    made = _uuid(os.urandom(16).hex())
    made_at = str(iso_utc(now.replace(microsecond=0)))
    output.write_json(FEED_ID, {"id": made, "made_at": made_at})
    return made, made_at


def _uuid(text: str) -> str:
    """A UUID (version 8, RFC 9562: made as its maker likes) that differs when the text does."""
    digits = bytearray(
        hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()
    )
    digits[6] = digits[6] & 0x0F | 0x80
    digits[8] = digits[8] & 0x3F | 0x80
    plain = digits.hex()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


# --- all of it -------------------------------------------------------------------------------------------------------------


def write_feeds(
    standings: Sequence[Standing],
    news: Iterable[News],
    heartbeat: Mapping[str, Any],
    run: Run,
    output: Output,
    now: datetime.datetime,
    site_url: str = "",
    prometheus_file: Path | None = None,
) -> list[str]:
    """Write all that other programs read, after the pages; a line for what could not be written outside of the output.

    `standings` are the site's and the streams', with their `since`; `heartbeat` is what `publish.write_heartbeat` wrote. Raises
    OutputError.
    """
    title = next(standing.title for standing in standings if standing.stream == SITE)
    write_status(standings, heartbeat, output, site_url)
    write_feed(news, title, output, site_url, now)
    return write_textfile(textfile(standings, heartbeat, run), output, prometheus_file)
