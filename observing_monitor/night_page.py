"""A night's page and the files beside it: what it shows of the tables, and the fingerprint that tells when it is stale."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observing_monitor import columns, pages
from observing_monitor.nights import parse_utc
from observing_monitor.pages import ExposuresPage, Finding, Link, NightPage, PrunedPage
from observing_monitor.retention import (
    PAGE,
    PREVIEWS,
    exposure_pages,
    exposures_ending,
    is_pruned,
    sweep_page,
)
from observing_monitor.site import as_json, digest, frame, night_link, site_link, with_instants
from observing_monitor.streams import (
    classes_of_sources,
    described_headlines,
    metric_meanings,
    source_lines,
    tells_of_files,
)

if TYPE_CHECKING:
    import datetime

    from pandas import DataFrame

    from observing_monitor.config import Stream
    from observing_monitor.files import Output
    from observing_monitor.judge import NightJob
    from observing_monitor.store import Row
    from observing_monitor.tables import (
        Attention,
        AttentionGroup,
        Entry,
        Picture,
        Queue,
        Sample,
        Stage,
        Tables,
    )

MAX_ATTENTION = 240  # rows of files that need attention; the rest are in the list of all files
MAX_ATTENTION_GROUPS = 60  # of files that need attention for the same reason
MAX_OF_GROUP = 20  # files of one of these
OPEN_GROUPS = 3  # that many of them stand open, if they have no more than …
OPEN_FILES = 3  # … so many files
MAX_GROUPS = 200  # of exposures; nights that have more have a page of these …
MAX_OF_PART = 1500  # … or several, of so many: with these limits each page stays below 500 kB
MANY_FILES = 20_000  # of a night whose pages and data are much
MAX_FINDINGS = 30  # on top; the rest are folded away
MAX_METRICS = 300  # rows of the table of metrics, a name each
MAX_VALUES = 3000  # of single nodes in it
MAX_ENTRIES = 25  # of a queue, waiting and failed each
MAX_DETAIL = 100_000  # characters of whole messages among the files that need attention, and as many among the queues
MAX_IMAGES = 60


def look_of(stream: Stream) -> list[object]:
    """What the pages of a stream's nights show of its settings."""
    return [
        stream.title,
        stream.folder,
        stream.rule.text,
        stream.stale_after_s,
        [(s.name, s.kind) for s in stream.sources],
        [repr(stream.position), stream.timezone],
    ]


def shown_previews(job: NightJob, row: Row) -> str | None:
    return (row.get("previews") or {}).get("shown") if job.stream.previews else None


def page_key(job: NightJob, row: Row) -> str:
    """The fingerprint of a night's page."""
    # the index keeps what was made of the known issues, so that a night which none of them touches keeps its page
    known = [
        row.get(name) for name in ("shown", "summary", "findings", "acknowledged", "changed_at")
    ]
    known.append(shown_previews(job, row))
    known += [row["pruned"][PAGE]] if is_pruned(row, PAGE) else []
    return digest(
        [job.site.key, job.site.title, known, look_of(job.stream), job.previous, job.next]
    )


def endings_of(stream: Stream) -> tuple[str, ...]:
    """What the names of a night's files end with, its page's last; the list of all files only where a source tells of files."""
    return (".files.js", ".csv", ".json", ".html") if tells_of_files(stream) else (".json", ".html")


def endings_there(row: Row, usual: tuple[str, ...]) -> tuple[str, ...]:
    """What the names of those files end with that a night has, as its row says; `usual` are its stream's, by `endings_of`."""
    if is_pruned(row, PAGE):
        return usual[-1:]
    n_parts = row.get("n_exposure_pages", 0)
    return (*map(exposures_ending, range(1, n_parts + 1)), *usual) if n_parts else usual


def files_of(job: NightJob, row: Row) -> list[str]:
    """The files of a night's page, relative to the output: the page is the last."""
    return [f"{files_begin(job)}{ending}" for ending in endings_there(row, endings_of(job.stream))]


def files_begin(job: NightJob) -> str:
    """What the names of a night's files begin with, relative to the output."""
    return (
        f"{job.stream.folder}/{job.night.isoformat()}"
        if job.stream.folder
        else job.night.isoformat()
    )


def _images_of(job: NightJob) -> str:
    """The folder of a night's images, relative to the output."""
    return f"{files_begin(job)}.images"


def has_images(job: NightJob, row: Row) -> bool:
    images = row.get("images")
    return (
        not images
        or is_pruned(row, PAGE)
        or all(job.site.output.exists(f"{_images_of(job)}/{name}") for name in images)
    )


def is_whole(job: NightJob, row: Row) -> bool:
    """Whether a night's files are all there."""
    return all(job.site.output.exists(relative) for relative in files_of(job, row)) and has_images(
        job, row
    )


def _odd_nodes(found: Iterable[Finding]) -> dict[str, set[str]]:
    """By source: the nodes that its findings complain of."""
    odd: dict[str, set[str]] = {}
    for finding in found:
        if finding.node and finding.level != "normal":
            odd.setdefault(finding.source, set()).add(finding.node)
    return odd


def _metric_groups(stream: Stream, latest: Sequence[Sample]) -> tuple[list[pages.MetricGroup], int]:
    """The latest metrics of a page, a row a name: the first MAX_METRICS, and how many there are."""
    meanings = metric_meanings(stream)
    has_several = len({row["source"] for row in latest}) > 1
    groups: dict[tuple[str, str], list[Sample]] = {}
    room = MAX_VALUES
    for row in latest:
        groups.setdefault((row["name"], row["source"]), []).append(row)
    shown = []
    for (name, source), rows in list(groups.items())[:MAX_METRICS]:
        whole = next((row for row in rows if not row["node"]), None)
        parts = [row for row in rows if row["node"]]
        by, unit = pages.scale(
            max((abs(row["value"]) for row in rows if row["value"] is not None), default=0),
            rows[0]["unit"],
        )
        if whole and len(parts) == 1 and _value_text(parts[0], by) == _value_text(whole, by):
            parts = []  # the only node is the whole
        nodes = [
            pages.MetricNode(row["node"], _value_text(row, by)) for row in parts[: max(room, 1)]
        ]
        room -= len(nodes)
        shown.append(
            pages.MetricGroup(
                name=name,
                value=_value_text(whole, by) if whole else "",
                spread=_spread(parts, by),
                nodes=nodes,
                n_nodes=len(parts),
                unit=unit,
                sampled_at=max(
                    (row["sampled_at"] for row in rows if row["sampled_at"]), default=None
                ),
                meaning=meanings.get(name, ""),
                source=source if has_several else "",
            )
        )
    return shown, len(groups)


def _value_text(row: Sample, by: float) -> str:
    return row["text"][:500] if row["value"] is None else pages.rounded(row["value"] / by)


def _spread(rows: Sequence[Sample], by: float) -> str:
    """What many nodes say, in a few words: `0.4 to 0.7`, `11 normal, 2 error`; numbers divided `by` what their unit asks."""
    numbers = [row["value"] / by for row in rows if row["value"] is not None]
    if not rows:
        return ""
    if not numbers:
        words = Counter(row["text"][:40] or "not available" for row in rows).most_common()
        said = ", ".join(f"{count} {word}" if len(rows) > 1 else word for word, count in words[:4])
        return said + (f" and {len(words) - 4:,} more" if len(words) > 4 else "")
    low, high = pages.rounded(min(numbers)), pages.rounded(max(numbers))
    lacking = f", {len(rows) - len(numbers):,} not available" if len(numbers) < len(rows) else ""
    return (low if low == high else f"{low} to {high}") + lacking


def _queues(rows: Iterable[Queue]) -> list[pages.Queue]:
    """The queues as a page shows them."""
    taken: set[str] = set()
    room, made = MAX_DETAIL, []
    for row in rows:
        kept = {}
        for part in ("errors", "waiting"):  # room for whole messages goes to the errors first
            kept[part] = _entries(row[part], room)
            room -= sum(len(entry.detail) for entry in kept[part])
        n_errors = len(row["errors"])
        words = pages.n_of(n_errors, "error") if n_errors else ""
        made.append(
            pages.Queue(
                row["name"],
                pages.address("queue", row["name"], taken),
                len(row["waiting"]),
                n_errors,
                **kept,
                error_words=words,
            )
        )
    return made


def _stages(
    stream: Stream, staged: Iterable[Stage], queues: Iterable[pages.Queue]
) -> list[pages.StageRow]:
    """The rows of the stages' table; with what failed in a stage, where the page doesn't list it as a queue or as what needs attention."""
    taken: set[str] = set()
    listed, room, made = {stream.last_stage, *(queue.name for queue in queues)}, MAX_DETAIL, []
    for values in staged:
        failures = [] if values["name"] in listed else _entries(values["failures"], room)
        room -= sum(len(entry.detail) for entry in failures)
        words = pages.n_of(values["n_failed"], "file")
        made.append(
            pages.StageRow(values, pages.address("stage", values["name"], taken), failures, words)
        )
    return made


def _entries(entries: Sequence[Entry], room: int) -> list[pages.QueueEntry]:
    """The first entries of a list, with their whole messages as far as there is room for these."""
    shown = []
    for entry in entries[:MAX_ENTRIES]:
        reason, detail = _folded(entry["message"], room)
        room -= len(detail)
        shown.append(
            pages.QueueEntry(
                entry["path"], entry["state"], entry["since"], reason, detail, entry["destination"]
            )
        )
    return shown


def _folded(message: str, room: int) -> tuple[str, str]:
    """A message's one line (of a traceback the last), and the whole of it where that is more and there is room for it."""
    lines = message.strip().splitlines() or [""]
    first = lines[-1 if lines[0].startswith("Traceback") else 0].strip()
    is_more = first != message or len(first) > 200
    return first[:200] + ("…" if len(first) > 200 else ""), message if is_more and len(
        message
    ) <= room else ""


_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _write_images(job: NightJob, found: Iterable[Picture]) -> list[pages.Image]:
    """Write a night's images as files; what a page shows of them. A new image has a new name, so none is out of date in a cache."""
    shown = []
    for image in found:
        head, _, data = image["text"].partition(",")
        with contextlib.suppress(binascii.Error, ValueError):
            content = base64.b64decode(data, validate=True)
            if head == "data:image/png;base64" and content.startswith(_SIGNATURE):
                digest = hashlib.blake2b(
                    f"{image['name']} {image['node']} ".encode("utf-8", "backslashreplace")
                    + content,
                    digest_size=5,
                )
                plain = job.site.output.redaction.text(f"{image['node']} {image['name']}")
                plain = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:80]
                name = f"{plain}-{digest.hexdigest()}.png"
                job.site.output.write_changed(f"{_images_of(job)}/{name}", content)
                shown.append(
                    pages.Image(
                        image["name"],
                        image["node"],
                        f"{os.path.basename(_images_of(job))}/{name}",
                        image["sampled_at"],
                    )
                )
    return shown


def _remove_stale_images(job: NightJob, kept: Collection[str]) -> None:
    """Remove the images of a night that its page no longer shows."""
    job.site.output.prune(_images_of(job), ".png", kept)


@dataclass(frozen=True)
class _Told:
    """What a night's tables tell, of which its page shows as much as there is room for, and its data have all."""

    staged: list[Stage]  # none where there is one stage alone
    attention: list[Attention]
    latest: list[Sample]
    queues: list[Queue]
    exposed: pages.ExposureTable
    images: list[Picture]


def _told(
    stream: Stream, night: str, known: Tables, judged: DataFrame, stages: Sequence[str]
) -> _Told:
    from observing_monitor import tables

    wanted = [
        (described.name, queue)
        for described, kind in classes_of_sources(stream)
        for queue in kind.queues_of(described.settings)
    ]
    return _Told(
        staged=tables.stage_rows(judged, known.ingests, stages) if len(stages) > 1 else [],
        attention=tables.attention(judged),
        latest=tables.latest_metrics(known.metrics),
        queues=tables.queue_rows(known.ingests, wanted),
        exposed=_exposure_table(tables.group(judged), night),
        images=tables.images(known.metrics),
    )


def write_night(
    job: NightJob, row: Row, known: Tables, judged: DataFrame, found: list[Finding], key: str
) -> None:
    """Write a night's page, and before it the data and the pages that it links; which these are is noted in its row."""
    from observing_monitor import tables

    stream, output, place = job.stream, job.site.output, files_begin(job)
    stages = [
        stage
        for stage in tables.stages_there(known.ingests, stream.stages)
        if f"{stage}_at" not in tables.LISTED
    ]
    told = _told(stream, job.night.isoformat(), known, judged, stages)
    around = _around(job, row, key)
    images = _write_images(job, told.images[:MAX_IMAGES])
    with output.at_once(len(judged) > MANY_FILES) as begin:
        if tells_of_files(stream):
            others = [stage for stage in stages if stage != stream.last_stage]
            listed = tables.file_list(judged, tables.done_by_stage(judged, known.ingests, others))
            begin(_write_list, output, place, listed, others)
            begin(lambda: output.write_parts(f"{place}.csv", tables.to_csv(listed)))
        begin(lambda: output.write_changed(f"{place}.json", _night_json(stream, row, told, images)))
        parts = _exposures(around, told.exposed) if len(told.exposed) > MAX_GROUPS else []
        for number, part in enumerate(parts, 1):
            begin(
                output.write,
                f"{place}{exposures_ending(number)}",
                pages.render_exposures(part, job.site.assets),
            )
        page = _night_page(job, row, around, known, judged, found, told, images)
        text = pages.render_night(_without_dead_ends(page), job.site.assets)
    output.write(f"{place}.html", text)
    if stream.previews:
        from observing_monitor import previews

        previews.sweep(stream, output, job.night)
    row["images"], row["n_exposure_pages"] = (
        [os.path.basename(image.href) for image in images],
        len(parts),
    )
    _remove_stale_images(job, row["images"])
    for path in reversed(exposure_pages(output, place, len(parts) + 1)):
        output.remove(path)


def _write_list(output: Output, place: str, listed: DataFrame, stages: Sequence[str]) -> None:
    """Write all files of a night, for its page."""
    from observing_monitor import filetable

    output.write_changed(
        f"{place}.files.js", filetable.render_files_js(output.redaction.frame(listed), stages)
    )


def _night_page(
    job: NightJob,
    row: Row,
    around: pages.OfNight,
    known: Tables,
    judged: DataFrame,
    found: list[Finding],
    told: _Told,
    images: list[pages.Image],
) -> NightPage:
    from observing_monitor import charts, previews, tables

    stream = job.stream
    error_groups = tables.group_attention(told.attention)
    metrics, n_metrics = _metric_groups(stream, told.latest)
    queues = _queues(told.queues)
    has_previews = stream.previews and not is_pruned(row, PREVIEWS)
    pictures, pictures_note = (
        previews.previews_of(stream, job.site.output, job.night) if has_previews else ([], "")
    )
    tellers = {described.name: kind for described, kind in classes_of_sources(stream)}
    numbers = charts.metric_charts(
        known.metrics, tellers, around.starts_at, around.ends_at, _odd_nodes(found)
    )
    drawn = charts.night_charts(judged, around.starts_at, around.ends_at) + numbers
    has_files = tells_of_files(stream)
    return NightPage(
        **vars(around),
        changed_at=parse_utc(row.get("changed_at")),
        findings=found[:MAX_FINDINGS],
        more_findings=found[MAX_FINDINGS:],
        charts=charts.under_the_sky(
            drawn, around.starts_at, around.ends_at, stream.position, stream.timezone
        ),
        attention=_error_groups(error_groups),
        n_attention=len(told.attention),
        n_attention_groups=len(error_groups),
        exposed=told.exposed.part(-MAX_GROUPS),
        n_exposed=len(told.exposed),
        exposures=f"{around.night}{exposures_ending(1)}" if len(told.exposed) > MAX_GROUPS else "",
        has_files=has_files,
        stages=_stages(stream, told.staged, queues),
        queues=queues,
        images=images,
        n_images=len(told.images),
        metrics=metrics,
        n_metrics=n_metrics,
        notes=[note for notes in (row.get("notes") or {}).values() for note in notes],
        sources=source_lines(stream, row.get("silent") or {}),
        files_js=f"{around.night}.files.js" if has_files and len(judged) else "",
        data=[
            Link(name.upper(), f"{around.night}.{name}")
            for name in (("json", "csv") if has_files else ("json",))
        ],
        previews=pictures,
        previews_note=pictures_note,
    )


def _night_json(stream: Stream, row: Row, told: _Told, images: Iterable[pages.Image]) -> str:
    """The data beside a night's page."""
    data = {
        "stream": stream.name,
        **row["summary"],
        "findings": row["findings"],
        "stages": [
            as_json(stage) | {"failures": [as_json(entry) for entry in stage["failures"]]}
            for stage in told.staged
        ],
        "queues": [
            queue | {part: [as_json(e) for e in queue[part]] for part in ("waiting", "errors")}
            for queue in told.queues
        ],
        "attention": [as_json(values) for values in told.attention],
        "metrics": [as_json(values) for values in told.latest],
        "images": [
            {"name": image.name, "node": image.node, "href": image.href} for image in images
        ],
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _exposure_table(exposed: DataFrame, night: str) -> pages.ExposureTable:
    """The exposures of `tables.group` as pages show them."""
    classes = [c.name for c in columns.CLASSES if c.name in exposed]
    numbers = list(zip(*(exposed[name].tolist() for name in classes), strict=True))
    counts = {
        row: tuple((name, n) for name, n in zip(classes, row, strict=True) if n)
        for row in set(numbers)
    }  # few differ
    n_files = exposed["n_files"].tolist()
    said = {n: pages.count(n) for n in set(n_files)}
    return pages.ExposureTable(
        names=[name or pages.NOTHING for name in exposed["name"].tolist()],
        seq_nums=exposed["seq_num"].astype("str").fillna(pages.NOTHING).tolist(),
        n_files=[said[n] for n in n_files],
        counts=[counts[row] for row in numbers],
        created_at=pages.all_near(exposed["created_at"], night),
        transferred_at=pages.all_near(exposed["transferred_at"], night),
        ingested_at=pages.all_near(exposed["ingested_at"], night),
    )


def _exposures(around: pages.OfNight, exposed: pages.ExposureTable) -> list[ExposuresPage]:
    """The pages that list all exposures of a night. They have the name and fingerprint of the night's page, to renew themselves with it."""
    starts = range(0, len(exposed), MAX_OF_PART)
    names = [
        Link(f"{start + 1:,} to {min(start + MAX_OF_PART, len(exposed)):,}", exposures_ending(n))
        for n, start in enumerate(starts, 1)
    ]
    made = []
    for number, start in enumerate(starts):
        parts = [
            Link(name.text, f"{around.night}{name.href}" if n != number else "")
            for n, name in enumerate(names)
        ]
        of_part = replace(
            around, frame=replace(around.frame, title=f"Exposures of {around.frame.title}")
        )
        made.append(
            ExposuresPage(
                **vars(of_part),
                night_page=Link(around.frame.title, f"{around.night}.html"),
                exposed=exposed.part(start, start + MAX_OF_PART),
                n_exposed=len(exposed),
                parts=parts if len(parts) > 1 else [],
            )
        )
    return made


def write_pruned(job: NightJob, row: Row) -> None:
    """Write, of the row alone, the small page of a night whose page was pruned; then remove what lay beside the large one."""
    page = PrunedPage(
        **vars(_around(job, row, row["page"])),
        pruned_at=parse_utc(row["pruned"][PAGE]),
        findings=[
            Finding(finding["level"], finding["text"]) for finding in row.get("findings") or []
        ],
    )
    job.site.output.write(f"{files_begin(job)}.html", pages.render_pruned(page, job.site.assets))
    sweep_page(job.stream, job.site.output, job.night.isoformat())


def _around(job: NightJob, row: Row, key: str) -> pages.OfNight:
    """What all pages of a night have."""
    stream, night, summary = job.stream, job.night.isoformat(), with_instants(row["summary"])
    starts_at, ends_at = stream.rule.bounds(job.night)
    return pages.OfNight(
        frame=frame(
            job.site,
            stream,
            f"{night} {stream.title}",
            summary["status"],
            summary["info"],
            f"{night}.html",
            key,
        ),
        site=site_link(job.site, stream),
        index=Link(stream.title, "index.html"),
        calendar=_calendar_link(job.night),
        previous=night_link(job.previous),
        next=night_link(job.next),
        night=night,
        starts_at=starts_at,
        ends_at=ends_at,
        rule=stream.rule.text,
        summary=summary,
        headlines=described_headlines(stream, row.get("units") or {}),
        has_ingest=bool(stream.last_stage),
    )


def _calendar_link(night: datetime.date) -> Link:
    """To the night's month on the page of its year."""
    return Link(f"{night:%B %Y}", f"{night:%Y}.html#month-{night:%Y-%m}")


def _without_dead_ends(page: NightPage) -> NightPage:
    """The page with those findings as plain text whose rows it does not show."""
    there = {"#sources", *(f"#{group.anchor}" for group in page.attention)}
    there |= {f"#{file.facts['anchor']}" for group in page.attention for file in group.files}
    parts = {
        "#attention": page.has_files and page.summary["n_files"],
        "#delays": page.has_files and page.summary["n_files"],
        "#files": page.files_js,
        "#notes": page.notes,
        "#metrics": page.metrics,
        "#queues": page.queues,
        "#stages": page.stages,
        "#images": page.images,
        "#previews": page.previews,
        "#exposures": page.exposed,
        "#charts": page.charts,
    }
    there |= {href for href, is_shown in parts.items() if is_shown}

    def alive(findings: Iterable[Finding]) -> list[Finding]:
        return [
            finding if finding.href in there else replace(finding, href="") for finding in findings
        ]

    return replace(page, findings=alive(page.findings), more_findings=alive(page.more_findings))


def _error_groups(groups: list[AttentionGroup]) -> list[pages.ErrorGroup]:
    """The files that need attention as the page shows them: the first groups, but of every class the first; and of each its first files."""
    rest = len(groups) - MAX_ATTENTION_GROUPS
    if rest > 0:
        small = sorted(
            (g for g in groups if g["anchor"] != g["file_class"]), key=lambda g: len(g["rows"])
        )[:rest]
        left_out = {g["anchor"] for g in small}
        groups = [g for g in groups if g["anchor"] not in left_out]
    room = MAX_DETAIL  # of whole messages: first that of each group, then those of files that say something else
    details = []
    for group in groups:
        details.append(group["detail"] if len(group["detail"]) <= room else "")
        room -= len(details[-1])
    made, places = [], MAX_ATTENTION
    for number, (group, detail) in enumerate(zip(groups, details, strict=True)):
        n_shown = max(1, min(MAX_OF_GROUP, places - (len(groups) - number - 1)))
        files = []
        for values in group["rows"][:n_shown]:
            own = (
                values["detail"]
                if values["detail"] != group["detail"] and len(values["detail"]) <= room
                else ""
            )
            room -= len(own)
            files.append(pages.FileRow(values, own))
        places -= len(files)
        is_open = number < OPEN_GROUPS and len(group["rows"]) <= OPEN_FILES
        made.append(
            pages.ErrorGroup(
                anchor=group["anchor"],
                file_class=group["file_class"],
                words=group["words"],
                n_files=len(group["rows"]),
                first_at=group["first_at"],
                last_at=group["last_at"],
                detail=detail,
                files=files,
                is_open=is_open,
                acknowledged=group["acknowledged"],
            )
        )
    return made
