"""Write a night's pages and other files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from observing_monitor.pages import render
from observing_monitor.pages.night_content import night_content, night_json
from observing_monitor.pages.night_files import (
    base_path,
    endings_of,
    remove_other_files,
    usual_endings,
)
from observing_monitor.pages.night_images import remove_stale_images, write_images
from observing_monitor.pages.night_page import NightPages, pruned_page
from observing_monitor.settings.traits import reports_files
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pandas import DataFrame

    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.contexts import Image
    from observing_monitor.pages.night_content import NightContent
    from observing_monitor.pages.night_job import JudgedNight, NightJob
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.storage.output import Output
    from observing_monitor.tables.observing_log import ObservingLog


MANY_FILES = 20_000  # the files of such a night are made in parallel
MAX_IMAGES = 60


def write_night(night: JudgedNight, key: str) -> None:
    """Write the files that a night's page links to, then the page.

    Its row of the index gets the names of these files; `key` is the fingerprint of the page.
    """
    job, content = night.job, night_content(night)
    output, base = job.site.output, base_path(job)
    images = write_images(job, content.images[:MAX_IMAGES])
    pages = NightPages(night, content, images, key)
    with output.parallel_writes(len(night.judged) > MANY_FILES) as begin:
        if reports_files(job.stream):
            _begin_lists(begin, night, content.stage_names, content.log is not None)
        if content.log is not None:
            begin(_write_log, output, f"{base}{layout.LOG_CSV}", content.log)
            pictures = {row: one.href for row, one in pages.pictures.items()}
            begin(_write_log_script, job, f"{base}{layout.LOG_JS}", content.log, pictures)
        for ending in content.more_csv:
            begin(_write_more_csv, output, f"{base}{ending}", night.tables)
        begin(_write_json, night, content, images)
        parts = pages.parts()
        for number, part in enumerate(parts, 1):
            text = render.render_exposures(part, job.site.assets)
            begin(output.write, f"{base}{layout.exposures_ending(number)}", text)
        text = render.render_night(pages.page(), job.site.assets)
    output.write(f"{base}{layout.PAGE}", text, key)
    if job.stream.previews:
        from observing_monitor.previews import plan

        plan.sweep(job.stream, output, job.night)
    night.row["images"] = [os.path.basename(image.href) for image in images]
    night.row["n_exposure_pages"] = len(parts)
    night.row["has_log"] = content.log is not None
    night.row["more_csv"] = content.more_csv
    _remove_leftovers(job, night.row)


def page_text(night: JudgedNight, key: str) -> str:
    """Return the text of a night's page.

    Its other files must exist already.
    """
    content = night_content(night)
    images = write_images(night.job, content.images[:MAX_IMAGES])
    page = NightPages(night, content, images, key).page()
    return render.render_night(page, night.job.site.assets)


def _begin_lists(
    begin: Callable[..., None], night: JudgedNight, stage_names: Sequence[str], has_log: bool
) -> None:
    """Begin to write the list of all files.

    If there is an observing log, its open rows show when a file was last tried.
    """
    from observing_monitor.pages.file_list import TRIED
    from observing_monitor.tables.listing import file_list
    from observing_monitor.tables.stages import done_by_stage
    from observing_monitor.tables.to_csv import to_csv

    output, base = night.job.site.output, base_path(night.job)
    others = [name for name in stage_names if name != night.job.stream.last_stage]
    done = done_by_stage(night.judged, night.tables.ingests, others)
    if has_log:
        done[TRIED] = night.judged[TRIED].where(night.judged["ingested_at"].isna())
    listed = file_list(night.judged, done)
    begin(_write_script, output, f"{base}{layout.FILES_JS}", listed, others)
    begin(
        output.write_parts,
        f"{base}{layout.CSV}",
        to_csv(listed.drop(columns=TRIED, errors="ignore")),
    )


def _write_script(output: Output, path: str, listed: DataFrame, stages: Sequence[str]) -> None:
    from observing_monitor.pages.file_list import render_files_js

    output.write_changed(path, render_files_js(output.redaction.frame(listed), stages))


def _write_log(output: Output, path: str, log: ObservingLog) -> None:
    """Write the observing log as CSV."""
    from observing_monitor.tables.observing_log import with_measures
    from observing_monitor.tables.to_csv import to_csv

    output.write_parts(path, to_csv(with_measures(log)))


def _write_log_script(
    job: NightJob, path: str, log: ObservingLog, pictures: Mapping[int, str]
) -> None:
    """Write the observing log for the page's script."""
    from observing_monitor.pages.log_script import render_log_js

    redaction, measures = job.site.output.redaction, {}
    for measure in log.measures:
        name = redaction.text(measure.name)
        while name in measures:  # two names may differ in what is redacted alone
            name += "′"
        measures[name] = measure._replace(name=name, unit=redaction.text(measure.unit))
    redacted = log._replace(rows=redaction.frame(log.rows), measures=list(measures.values()))
    shown = {row: href for row, href in pictures.items() if redaction.text(href) == href}
    has_ingest = bool(job.stream.last_stage)
    text = render_log_js(redacted, reports_files(job.stream), has_ingest, shown)
    job.site.output.write_changed(path, text)


def _write_more_csv(output: Output, path: str, tables: Tables) -> None:
    """Write all metrics, or every message of every attempt, as CSV."""
    from observing_monitor.tables.latest import without_images
    from observing_monitor.tables.to_csv import to_csv

    if path.endswith(layout.METRICS_CSV):
        rows = without_images(tables.metrics)
    else:
        rows = tables.ingests[tables.ingests["message"].notna()]
        rows = rows.rename(columns={"file_id": "path"})
    output.write_parts(path, to_csv(rows))


def _write_json(night: JudgedNight, content: NightContent, images: Sequence[Image]) -> None:
    path = f"{base_path(night.job)}{layout.DATA}"
    night.job.site.output.write_changed(path, night_json(night, content, images))


def _remove_leftovers(job: NightJob, row: IndexRow) -> None:
    """Remove files that a night no longer has."""
    output, base = job.site.output, base_path(job)
    remove_stale_images(job, row["images"])
    for path in reversed(layout.exposure_pages(output, base, row["n_exposure_pages"] + 1)):
        output.remove(path)
    endings = {*layout.LOG_ENDINGS, *layout.MORE_CSV, *layout.PAGE_ENDINGS}
    for ending in endings - set(endings_of(row, usual_endings(job.stream))):
        output.remove(f"{base}{ending}")


def write_pruned(job: NightJob, row: IndexRow) -> None:
    """Write the small page of a pruned night.

    Only the night's row of the index is needed.
    """
    text = render.render_pruned(pruned_page(job, row), job.site.assets)
    job.site.output.write(f"{base_path(job)}{layout.PAGE}", text, row.get("page", ""))
    remove_other_files(job.stream, job.site.output, job.night.isoformat())
