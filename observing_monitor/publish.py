"""Which pages are stale: judge and write those, then the indexes that name them. The sources may all be down.

A page is current when it exists and the fingerprint of all that its template was given, of the templates and of our
version is the one in the index. The clock is no part of it: time alone changes a night when a pending file turns
missing, and the index keeps the instant of that. Assets come before pages, data before the page that links them, and
the indexes last, so that a reader never follows a link to something that is not there yet.
"""

import csv
import datetime
import hashlib
import importlib.util
import io
import json
import logging
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from observing_monitor import __version__, columns, pages, status
from observing_monitor.errors import StoreError
from observing_monitor.nights import iso_utc, parse_night, parse_utc
from observing_monitor.pages import Frame, Link, NightPage, NightRow, SitePage, SourceLine, StreamCard, StreamPage
from observing_monitor.sources import source_class
from observing_monitor.store import Store

log = logging.getLogger(__name__)

MAX_ATTENTION = 60  # rows a class in the table of files that need attention; the rest are in the list of all files
MAX_GROUPS = 600  # of exposures; with these two a night's page stays below 500 kB
RECENT_NIGHTS = 2  # the newest nights, whose worst status is the stream's
CARD_NIGHTS = 7  # the nights that the site's page shows of a stream
INSTANTS = [c.name for c in columns.NIGHTS if c.kind == "instant"]


@dataclass
class Published:
    """What publishing came to."""

    n_pages: int = 0  # pages written
    statuses: dict[str, str] = field(default_factory=dict)  # of each stream
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Site:
    """What all pages of a run have in common."""

    title: str
    streams: tuple  # of config.Stream
    output: object  # files.Output
    assets: dict[str, str]  # a static file's plain name -> its name under assets/
    key: str  # of the templates, the assets and our version

    @property
    def has_site_page(self):
        return any(stream.folder for stream in self.streams)


def make_site(title, streams, output):
    """The Site of a run; reads the templates and the static files' names, writes nothing."""
    templates = pages.templates_dir()
    digest = hashlib.blake2b(__version__.encode(), digest_size=8)
    assets = {}
    for path in sorted([*templates.glob("*.html"), *templates.glob("assets/*")]):
        data = path.read_bytes()
        digest.update(path.name.encode() + b"\0" + data)
        if path.parent.name == "assets":
            assets[path.name] = f"{path.stem}-{hashlib.blake2b(data, digest_size=5).hexdigest()}{path.suffix}"
    assets["plotly.min.js"] = f"plotly-{_plotly_version()}.min.js"
    digest.update(assets["plotly.min.js"].encode())
    return Site(title, tuple(streams), output, assets, digest.hexdigest())


def _plotly_script():
    """Where the installed plotly keeps its script, found without importing it."""
    return Path(importlib.util.find_spec("plotly").origin).parent / "package_data" / "plotly.min.js"


def _plotly_version():
    """The version that plotly's script says it is, in its first lines."""
    with open(_plotly_script(), "rb") as file:
        return re.search(rb"plotly\.js v([\w.]+)", file.read(500))[1].decode()


def _write_assets(site):
    templates = pages.templates_dir()
    for plain, name in site.assets.items():
        if not os.path.exists(site.output.path("assets", name)):
            source = _plotly_script() if plain == "plotly.min.js" else templates / "assets" / plain
            site.output.write(f"assets/{name}", source.read_bytes())


# --- one night ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NightJob:
    """All that a worker needs to judge a night and to write its page."""

    site: Site
    stream: object
    night: datetime.date
    row: dict  # the index's
    previous: datetime.date | None
    next: datetime.date | None
    now: datetime.datetime


@dataclass
class NightDone:
    """A night's new row of the index, and whether its page was written."""

    night: datetime.date
    row: dict
    is_written: bool
    problem: str = ""


def _judging_key(stream):
    """Differs when what a night's summary depends on, beside its tables, does."""
    limits = (stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore, stream.delay_warning_s, stream.sources)
    return _digest([__version__, columns.SCHEMA_VERSION, *map(repr, limits)])


def _digest(value):
    text = json.dumps(value, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


def _basis(stream, row):
    """What a night's summary was made from, but for the clock."""
    return _digest([_judging_key(stream), *(row.get(name) for name in ("tables", "notes", "silent", "is_told"))])


def _is_judged(job):
    late_at = parse_utc(job.row.get("next_change_at"))
    return job.row.get("basis") == _basis(job.stream, job.row) and (late_at is None or job.now < late_at)


def _page_key(job, row):
    """The fingerprint of a night's page."""
    known = [row.get(name) for name in ("basis", "summary", "findings", "changed_at")]
    stream = [
        job.stream.title,
        job.stream.folder,
        job.stream.rule.text,
        job.stream.stale_after_s,
        [(s.name, s.kind) for s in job.stream.sources],
    ]
    return _digest([job.site.key, job.site.title, known, stream, job.previous, job.next])


def _files_of(job):
    """The files of a night's page, relative to the output: the page is the last."""
    night, folder = job.night.isoformat(), f"{job.stream.folder}/" if job.stream.folder else ""
    return [f"{folder}{night}{ending}" for ending in (".files.js", ".csv", ".json", ".html")]


def _is_current(job, names, common):
    """Whether nothing has to be done for a night; `names` are the files that its stream's folder has, `common` is `_common_key`."""
    if not all(relative.rpartition("/")[2] in names for relative in _files_of(job)):
        return False
    if job.row.get("made_for") == _made_for(job, common):  # that, but for the clock, nothing changed is told without any digest
        return job.row.get("next_change_at") is None or _is_judged(job)
    return _is_judged(job) and job.row.get("page") == _page_key(job, job.row)


def _common_key(site, stream):
    """Differs when something did that all pages of a stream's nights depend on."""
    look = (stream.title, stream.folder, stream.rule.text, stream.stale_after_s)
    return _digest([site.key, site.title, _judging_key(stream), look])


def _made_for(job, common):
    """What a night's row keeps of the run that found its page current; collecting takes it out when the row changes."""
    return f"{common} {job.previous} {job.next}"


def publish_night(job):
    """Judge a night and write its page and data: a `NightDone`. Writes nothing else, so that it can be done anywhere."""
    from observing_monitor import tables

    stream, row = job.stream, dict(job.row)
    try:
        known = Store(job.site.output, stream.name).load(job.night)
    except StoreError as error:
        return NightDone(job.night, row, False, str(error))
    limits = tables.Limits(stream.last_stage, stream.pending_limit_s, stream.small_bytes, stream.ignore)
    is_told = bool(row.get("is_told"))
    judged = tables.classify(known.files, known.ingests, limits, job.now, is_told)
    summary = tables.summarise(judged)
    night = status.Night(summary, row.get("silent") or {}, row.get("notes") or {}, is_told, stream.delay_warning_s)
    found = status.findings(night, _found_by_sources(job, known))
    word, info = status.sum_up(found)
    row["summary"] = {"night": job.night.isoformat(), "status": word, "info": info, **_plain(summary), **_headlines(job, known)}
    row["findings"] = [asdict(finding) for finding in found]
    row["next_change_at"] = iso_utc(tables.next_change(judged, is_told))
    row["basis"] = _basis(stream, row)
    key = _page_key(job, row)
    is_stale = row.get("page") != key or not all(os.path.exists(job.site.output.path(relative)) for relative in _files_of(job))
    if is_stale:
        _write_night(job, row, known, judged, found)
        row["page"] = key
    return NightDone(job.night, row, is_stale)


def _metric_rows(stream, latest):
    """The metrics of a page, each with what the stream's sources say that its name means."""
    meanings = {}
    for described in stream.sources:
        meanings = source_class(described.kind).meanings | meanings
    return [pages.MetricRow(**values, meaning=meanings.get(values["name"], "")) for values in latest]


def _found_by_sources(job, known):
    """What the sources' own checks find in the night, each finding named after its source."""
    found = []
    for described in job.stream.sources:
        for finding in source_class(described.kind).check(job.night, known, described.settings):
            found.append(replace(finding, source=finding.source or described.name))
    return found


def _headlines(job, known):
    """The night's values of what the stream's sources call headlines; None where one is not available."""
    values, metrics = {}, known.metrics
    for described in job.stream.sources:
        kind = source_class(described.kind)
        own = metrics[metrics["source"] == described.name].drop_duplicates("name", keep="last").set_index("name")["value"]
        own = {**own.to_dict(), **kind.numbers(job.night, known, described.settings)}
        for name in kind.headlines(described.settings):
            value = own.get(name)
            values[name] = None if value is None or value != value else float(value)
    return values


def _plain(values):
    return {name: iso_utc(value) if isinstance(value, datetime.datetime) else value for name, value in values.items()}


def _aware(summary):
    """A summary from the index, its instants as datetimes."""
    return {name: parse_utc(value) if name in INSTANTS else value for name, value in summary.items()}


def _write_night(job, row, known, judged, found):
    from observing_monitor import charts, filetable, tables

    stream, output = job.stream, job.site.output
    files_js, to_csv, to_json, to_html = _files_of(job)
    starts_at, ends_at = stream.rule.bounds(job.night)
    listed = tables.file_list(judged)
    attention = tables.attention(judged)
    groups, n_groups = tables.group(judged, MAX_GROUPS)
    summary = _aware(row["summary"])
    page = NightPage(
        frame=_frame(job.site, stream, f"{job.night} {stream.title}", summary["status"], summary["info"]),
        site=_site_link(job.site, stream),
        index=Link(stream.title, "index.html"),
        previous=_night_link(job.previous),
        next=_night_link(job.next),
        night=job.night.isoformat(),
        starts_at=starts_at,
        ends_at=ends_at,
        rule=stream.rule.text,
        changed_at=parse_utc(row.get("changed_at")),
        summary=summary,
        findings=found,
        charts=charts.night_charts(judged, starts_at, ends_at),
        attention=[pages.FileRow(**values) for values in _first_of_each(attention)],
        n_attention=len(attention),
        groups=[pages.GroupRow(**values) for values in groups],
        n_groups=n_groups,
        metrics=_metric_rows(stream, tables.latest_metrics(known.metrics)),
        notes=[note for notes in (row.get("notes") or {}).values() for note in notes],
        sources=_source_lines(stream, row.get("silent") or {}),
        files_js=os.path.basename(files_js) if len(judged) else "",
        data=[Link("JSON", os.path.basename(to_json)), Link("CSV", os.path.basename(to_csv))],
    )
    output.write_changed(files_js, filetable.render_files_js(listed))
    output.write_changed(to_csv, tables.to_csv(listed))
    data = {"stream": stream.name, **row["summary"], "findings": row["findings"], "attention": [_plain(values) for values in attention]}
    output.write_changed(to_json, json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    output.write(to_html, pages.render_night(page, job.site.assets))


def _first_of_each(attention):
    """The first files of each class: every class that has files is shown, however many another has."""
    shown = Counter()
    for values in attention:
        shown[values["file_class"]] += 1
        if shown[values["file_class"]] <= MAX_ATTENTION:
            yield values


# --- what pages have in common -----------------------------------------------------------------------------------------


def _frame(site, stream, title, word, info):
    return Frame(
        title=title,
        root="../" if stream and stream.folder else "",
        status=word,
        info=info,
        version=__version__,
        stream=stream.name if stream else "",
        stale_after_s=stream.stale_after_s if stream else min((s.stale_after_s for s in site.streams), default=3600),
    )


def _site_link(site, stream):
    return Link(site.title, "../index.html") if stream.folder else None


def _night_link(night):
    return Link(night.isoformat(), f"{night.isoformat()}.html") if night else None


def _source_lines(stream, silent):
    lines = []
    for described in stream.sources:
        fault = silent.get(described.name) or {}
        lines.append(SourceLine(described.name, described.kind, described.place, fault.get("problem", ""), parse_utc(fault.get("since"))))
    return lines


# --- a stream and the site ---------------------------------------------------------------------------------------------


def publish(site, now, executor=None, progress=None):
    """Write every page of a site that is not current; a `Published`.

    Parameters
    ----------
    site : Site
    now : datetime
    executor : workers.Workers, optional
        Where night pages are made; here, one after the other, without one.
    progress : callable, optional
        Called with each `NightDone` as it comes.
    """
    _write_assets(site)
    done = Published()
    cards = []
    for stream in site.streams:
        index = Store(site.output, stream.name).read_index()
        _publish_nights(site, stream, index, now, executor, progress, done)
        cards.append(_publish_stream(site, stream, index, now, done))
        done.statuses[stream.name] = cards[-1].status
    if site.has_site_page:
        _publish_site(site, cards, done)
    return done


def _publish_nights(site, stream, index, now, executor, progress, done):
    """The pages of a stream's nights; keeps the index in step, so that a killed run is resumed."""
    store = Store(site.output, stream.name)
    try:
        there = set(os.listdir(site.output.path(stream.folder)))
    except FileNotFoundError:
        there = set()
    common = _common_key(site, stream)
    jobs = {}
    for job in _jobs(site, stream, index, now):
        if _is_current(job, there, common):
            job.row["made_for"] = _made_for(job, common)
        else:
            jobs[job.night] = job
    try:
        for result in _results(list(jobs.values()), executor):
            index["nights"][result.night.isoformat()] = result.row
            if not result.problem:
                result.row["made_for"] = _made_for(jobs[result.night], common)
            store.note(result.night, result.row)
            done.n_pages += result.is_written
            if result.problem:
                done.problems.append(result.problem)
            if progress:
                progress(result)
    finally:
        if jobs:
            store.write_index(index)


def _jobs(site, stream, index, now):
    nights = [parse_night(text) for text in sorted(index["nights"])]
    for before, night, after in zip([None, *nights[:-1]], nights, [*nights[1:], None], strict=True):
        yield NightJob(site, stream, night, index["nights"][night.isoformat()], before, after, now)


def _results(jobs, executor):
    if executor is None:
        yield from map(_guarded, jobs)
        return
    yield from executor.results(_guarded, [(job,) for job in jobs], _lost)


def _lost(job):
    return NightDone(job.night, job.row, False, f"{job.stream.name} {job.night}: its worker died each time that its page was made")


def _guarded(job):
    """One night's page, at whose edge the unforeseen stops: logged whole, counted, and the other pages are still made."""
    from observing_monitor.errors import OutputError

    try:
        return publish_night(job)
    except OutputError:
        raise
    except Exception as error:
        log.exception("%s %s: its page could not be made", job.stream.name, job.night)
        words = f"{job.stream.name} {job.night}: its page could not be made ({type(error).__name__}: {error})"
        return NightDone(job.night, job.row, False, words)


def _publish_stream(site, stream, index, now, done):
    """A stream's index page, its data, and `latest.html`; returns the stream's card for the site's page."""
    folder = f"{stream.folder}/" if stream.folder else ""
    summaries = [row["summary"] for _, row in sorted(index["nights"].items(), reverse=True) if row.get("summary")]
    recent = summaries[:RECENT_NIGHTS]
    silent = {name: fault for name, fault in index["sources"].items() if fault}
    word = status.worst([*(s["status"] for s in recent), *("error" for _ in silent)])
    info = "; ".join(f"{s['night']}: {s['info']}" for s in recent if s["status"] == word and s["info"])
    key = _digest([site.key, site.title, stream.title, stream.rule.text, stream.stale_after_s, summaries, index["sources"], word, info])
    names = [f"{folder}{name}" for name in ("nights.json", "nights.csv", "latest.html", "index.html")]
    rows = [NightRow(f"{summary['night']}.html", _aware(summary)) for summary in summaries]
    if index.get("page") != key or not all(os.path.exists(site.output.path(name)) for name in names):
        page = _stream_page(site, stream, rows, word, info, silent)
        site.output.write(names[0], _nights_json(stream, now, reversed(summaries)))
        site.output.write_changed(names[1], _nights_csv(reversed(summaries)))
        site.output.write_changed(names[2], pages.render_latest(page, site.assets))
        site.output.write(names[3], pages.render_stream(page, site.assets))
        index["page"] = key
        Store(site.output, stream.name).write_index(index)
        done.n_pages += 1
    cards = [NightRow(f"{stream.folder}/{row.href}", row.values) for row in rows[:CARD_NIGHTS]]
    return StreamCard(stream.title, f"{stream.folder}/index.html", word, info, cards[0] if cards else None, cards)


def _stream_page(site, stream, rows, word, info, silent):
    from observing_monitor import charts

    return StreamPage(
        frame=_frame(site, stream, stream.title, word, info),
        site=_site_link(site, stream),
        rule=stream.rule.text,
        stage=stream.last_stage or "transfer",
        latest=rows[0] if rows else None,
        nights=rows,
        charts=charts.stream_charts([row.values for row in reversed(rows)]),
        sources=_source_lines(stream, silent),
        data=[Link("JSON", "nights.json"), Link("CSV", "nights.csv")],
    )


def _nights_json(stream, now, summaries):
    """The nights as JSON, a line each."""
    about = json.dumps({"stream": stream.name, "generated_at": iso_utc(now.replace(microsecond=0))}, ensure_ascii=False)
    lines = ",\n".join(json.dumps(summary, ensure_ascii=False) for summary in summaries)
    return f'{about[:-1]}, "nights": [\n{lines}\n]}}\n'


def _nights_csv(summaries):
    text = io.StringIO()
    writer = csv.DictWriter(text, [c.name for c in columns.NIGHTS], lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(summaries)
    return text.getvalue()


def _publish_site(site, cards, done):
    word = status.worst(card.status for card in cards)
    troubled = [card.name for card in cards if card.status == word] if word != "normal" else []
    info = (
        f"{status.n_of(len(troubled), 'stream')} need{'s' if len(troubled) == 1 else ''} attention: {', '.join(troubled)}"
        if troubled
        else ""
    )
    page = SitePage(_frame(site, None, site.title, word, info), cards)
    done.n_pages += _write_if_new(site, "index.html", page, _digest([site.key, site.title, [asdict(card) for card in cards]]))


def _write_if_new(site, relative, page, key):
    """Write the site's page unless the one there was made from the same; whether it was written."""
    record = site.output.read_json("data/site.json") or {}
    if record.get("page") == key and os.path.exists(site.output.path(relative)):
        return False
    site.output.write(relative, pages.render_site(page, site.assets))
    site.output.write("data/site.json", json.dumps({"page": key}))
    return True


def write_heartbeat(site, now, read):
    """Write the small script that every page loads: when each stream and each of its sources was last read.

    `read` maps a stream's name to {source: problem or None}, for the streams that were collected in this run; what
    earlier runs wrote of others is kept.
    """
    at = iso_utc(now.replace(microsecond=0))
    before = _read_heartbeat(site)
    streams = {}
    for stream in site.streams:
        old = before.get("streams", {}).get(stream.name, {})
        if stream.name in read:
            sources = {}
            for name, problem in read[stream.name].items():
                answered = (old.get("sources", {}).get(name) or {}).get("answered_at") if problem else at
                sources[name] = {"answered_at": answered, "problem": problem}
            old = {"read_at": at, "sources": sources}
        streams[stream.name] = old
    beat = {"run_at": at, "streams": streams}
    site.output.write("data/heartbeat.json", json.dumps(beat, ensure_ascii=False))
    site.output.write("heartbeat.js", f"window.observing_monitor_heartbeat = {json.dumps(beat)};\n")


def _read_heartbeat(site):
    beat = site.output.read_json("data/heartbeat.json")
    return beat if isinstance(beat, dict) else {}
