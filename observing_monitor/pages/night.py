"""A night's page and the files beside it: what it shows of the tables, and the fingerprint that tells when it is stale."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observing_monitor.model.digest import instants_as_text, with_instants
from observing_monitor.model.finding import Finding
from observing_monitor.model.nights import parse_utc
from observing_monitor.pages import contexts, render
from observing_monitor.pages.contexts import ExposuresPage, Link, NightPage, PrunedPage
from observing_monitor.pages.frame import night_link, page_frame, site_link
from observing_monitor.pages.labels import described_headlines, source_lines
from observing_monitor.pages.night_files import endings_of, files_begin, images_of, sweep_page
from observing_monitor.pages.night_parts import (
    exposure_table,
    metric_groups,
    odd_nodes,
    queue_tables,
    shown_groups,
    stage_table,
)
from observing_monitor.settings.traits import reports_files, source_classes
from observing_monitor.storage.index import PAGE, PREVIEWS, is_pruned
from observing_monitor.storage.layout import PAGE_ENDINGS, exposure_pages, exposures_ending

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Sequence

    from pandas import DataFrame

    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.night_job import NightJob
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.storage.output import Output
    from observing_monitor.tables.attention import Attention
    from observing_monitor.tables.latest import LatestImage, LatestValue
    from observing_monitor.tables.stages import SourceQueue, Stage


MAX_GROUPS = 200  # of exposures; nights that have more have a page of these …
MAX_OF_PART = 1500  # … or several, of so many: with these limits each page stays below 500 kB
MANY_FILES = 20_000  # of a night whose pages and data are much
MAX_FINDINGS = 30  # on top; the rest are folded away
MAX_IMAGES = 60


_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _write_images(job: NightJob, found: Iterable[LatestImage]) -> list[contexts.Image]:
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
                job.site.output.write_changed(f"{images_of(job)}/{name}", content)
                shown.append(
                    contexts.Image(
                        image["name"],
                        image["node"],
                        f"{os.path.basename(images_of(job))}/{name}",
                        image["sampled_at"],
                    )
                )
    return shown


def _remove_stale_images(job: NightJob, kept: Collection[str]) -> None:
    """Remove the images of a night that its page no longer shows."""
    job.site.output.prune(images_of(job), ".png", kept)


@dataclass(frozen=True)
class _Told:
    """What a night's tables tell, of which its page shows as much as there is room for, and its data have all."""

    staged: list[Stage]  # none where there is one stage alone
    attention: list[Attention]
    latest: list[LatestValue]
    queues: list[SourceQueue]
    exposed: contexts.ExposureTable
    images: list[LatestImage]


def _told(
    stream: Stream, night: str, known: Tables, judged: DataFrame, stages: Sequence[str]
) -> _Told:
    from observing_monitor.tables.attention import attention_rows
    from observing_monitor.tables.exposures import group_exposures
    from observing_monitor.tables.latest import latest_images, latest_metrics
    from observing_monitor.tables.stages import queue_rows, stage_rows

    wanted = [
        (described.name, queue)
        for described, kind in source_classes(stream)
        for queue in kind.queues_of(described.settings)
    ]
    return _Told(
        staged=stage_rows(judged, known.ingests, stages) if len(stages) > 1 else [],
        attention=attention_rows(judged),
        latest=latest_metrics(known.metrics),
        queues=queue_rows(known.ingests, wanted),
        exposed=exposure_table(group_exposures(judged), night),
        images=latest_images(known.metrics),
    )


def write_night(
    job: NightJob, row: IndexRow, known: Tables, judged: DataFrame, found: list[Finding], key: str
) -> None:
    """Write a night's page, and before it the data and the pages that it links; which these are is noted in its row."""
    from observing_monitor.tables import listing, to_csv
    from observing_monitor.tables.stages import done_by_stage, stages_there

    stream, output, place = job.stream, job.site.output, files_begin(job)
    stages = [
        stage
        for stage in stages_there(known.ingests, stream.stages)
        if f"{stage}_at" not in listing.LISTED
    ]
    told = _told(stream, job.night.isoformat(), known, judged, stages)
    around = _around(job, row, key)
    images = _write_images(job, told.images[:MAX_IMAGES])
    with output.at_once(len(judged) > MANY_FILES) as begin:
        if reports_files(stream):
            others = [stage for stage in stages if stage != stream.last_stage]
            listed = listing.file_list(judged, done_by_stage(judged, known.ingests, others))
            begin(_write_list, output, place, listed, others)
            begin(lambda: output.write_parts(f"{place}.csv", to_csv.to_csv(listed)))
        begin(lambda: output.write_changed(f"{place}.json", _night_json(stream, row, told, images)))
        parts = _exposures(around, told.exposed) if len(told.exposed) > MAX_GROUPS else []
        for number, part in enumerate(parts, 1):
            begin(
                output.write,
                f"{place}{exposures_ending(number)}",
                render.render_exposures(part, job.site.assets),
            )
        page = _night_page(job, row, around, known, judged, found, told, images)
        text = render.render_night(_without_dead_ends(page), job.site.assets)
    output.write(f"{place}.html", text)
    if stream.previews:
        from observing_monitor.previews import plan

        plan.sweep(stream, output, job.night)
    row["images"], row["n_exposure_pages"] = (
        [os.path.basename(image.href) for image in images],
        len(parts),
    )
    _remove_leftovers(job, row)


def _remove_leftovers(job: NightJob, row: IndexRow) -> None:
    """Remove files of a night that its page no longer has, such as lists of a source without files."""
    output, place = job.site.output, files_begin(job)
    _remove_stale_images(job, row["images"])
    for path in reversed(exposure_pages(output, place, row["n_exposure_pages"] + 1)):
        output.remove(path)
    for ending in set(PAGE_ENDINGS) - set(endings_of(job.stream)):
        output.remove(f"{place}{ending}")


def _write_list(output: Output, place: str, listed: DataFrame, stages: Sequence[str]) -> None:
    """Write all files of a night, for its page."""
    from observing_monitor.pages import file_list

    output.write_changed(
        f"{place}.files.js", file_list.render_files_js(output.redaction.frame(listed), stages)
    )


def _night_page(
    job: NightJob,
    row: IndexRow,
    around: contexts.OfNight,
    known: Tables,
    judged: DataFrame,
    found: list[Finding],
    told: _Told,
    images: list[contexts.Image],
) -> NightPage:
    from observing_monitor.charts import under_the_sky
    from observing_monitor.charts.metrics import metric_charts
    from observing_monitor.charts.night import night_charts
    from observing_monitor.previews import plan
    from observing_monitor.tables.attention import group_attention

    stream = job.stream
    error_groups = group_attention(told.attention)
    metrics, n_metrics = metric_groups(stream, told.latest)
    queues = queue_tables(told.queues)
    has_previews = stream.previews and not is_pruned(row, PREVIEWS)
    pictures, pictures_note = (
        plan.previews_of(stream, job.site.output, job.night) if has_previews else ([], "")
    )
    tellers = {described.name: kind for described, kind in source_classes(stream)}
    numbers = metric_charts(
        known.metrics, tellers, around.starts_at, around.ends_at, odd_nodes(found)
    )
    drawn = night_charts(judged, around.starts_at, around.ends_at) + numbers
    has_files = reports_files(stream)
    return NightPage(
        **vars(around),
        changed_at=parse_utc(row.get("changed_at")),
        findings=found[:MAX_FINDINGS],
        more_findings=found[MAX_FINDINGS:],
        charts=under_the_sky.under_the_sky(
            drawn, around.starts_at, around.ends_at, stream.position, stream.timezone
        ),
        attention=shown_groups(error_groups),
        n_attention=len(told.attention),
        n_attention_groups=len(error_groups),
        exposed=told.exposed.part(-MAX_GROUPS),
        n_exposed=len(told.exposed),
        exposures=f"{around.night}{exposures_ending(1)}" if len(told.exposed) > MAX_GROUPS else "",
        has_files=has_files,
        stages=stage_table(stream, told.staged, queues),
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


def _night_json(
    stream: Stream, row: IndexRow, told: _Told, images: Iterable[contexts.Image]
) -> str:
    """The data beside a night's page."""
    data = {
        "stream": stream.name,
        **row["summary"],
        "findings": row["findings"],
        "stages": [
            instants_as_text(stage)
            | {"failures": [instants_as_text(entry) for entry in stage["failures"]]}
            for stage in told.staged
        ],
        "queues": [
            queue
            | {part: [instants_as_text(e) for e in queue[part]] for part in ("waiting", "errors")}
            for queue in told.queues
        ],
        "attention": [instants_as_text(values) for values in told.attention],
        "metrics": [instants_as_text(values) for values in told.latest],
        "images": [
            {"name": image.name, "node": image.node, "href": image.href} for image in images
        ],
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _exposures(around: contexts.OfNight, exposed: contexts.ExposureTable) -> list[ExposuresPage]:
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


def write_pruned(job: NightJob, row: IndexRow) -> None:
    """Write, of the row alone, the small page of a night whose page was pruned; then remove what lay beside the large one."""
    page = PrunedPage(
        **vars(_around(job, row, row["page"])),
        pruned_at=parse_utc(row["pruned"][PAGE]),
        findings=[
            Finding(finding["level"], finding["text"]) for finding in row.get("findings") or []
        ],
    )
    job.site.output.write(f"{files_begin(job)}.html", render.render_pruned(page, job.site.assets))
    sweep_page(job.stream, job.site.output, job.night.isoformat())


def _around(job: NightJob, row: IndexRow, key: str) -> contexts.OfNight:
    """What all pages of a night have."""
    stream, night, summary = job.stream, job.night.isoformat(), with_instants(row["summary"])
    starts_at, ends_at = stream.rule.bounds(job.night)
    return contexts.OfNight(
        frame=page_frame(
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
        headlines=described_headlines(stream, row.get("units") or {}, row.get("aggregates") or {}),
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
