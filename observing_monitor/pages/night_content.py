"""Content of a night's page and data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observing_monitor.model.digest import instants_as_text
from observing_monitor.settings.traits import source_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pandas import DataFrame

    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.contexts import Image
    from observing_monitor.pages.night_job import JudgedNight
    from observing_monitor.settings.stream import Stream
    from observing_monitor.tables.attention import Attention
    from observing_monitor.tables.latest import LatestImage, LatestValue
    from observing_monitor.tables.stages import SourceQueue, Stage


@dataclass(frozen=True)
class NightContent:
    """Content of a night, made from its tables.

    Its data have all of it, its page as much as there is room for.
    """

    stage_names: list[str]  # stages that the night has attempts of, but those of every table
    stages: list[Stage]  # empty if there is only one stage
    attention: list[Attention]
    latest: list[LatestValue]
    queues: list[SourceQueue]
    exposures: DataFrame
    images: list[LatestImage]


def night_content(night: JudgedNight) -> NightContent:
    """Return the content of a night."""
    from observing_monitor.tables.attention import attention_rows
    from observing_monitor.tables.exposures import group_exposures
    from observing_monitor.tables.latest import latest_images, latest_metrics
    from observing_monitor.tables.stages import queue_rows, stage_rows

    tables, judged, stream = night.tables, night.judged, night.job.stream
    names = _stage_names(stream, tables)
    return NightContent(
        stage_names=names,
        stages=stage_rows(judged, tables.ingests, names) if len(names) > 1 else [],
        attention=attention_rows(judged),
        latest=latest_metrics(tables.metrics),
        queues=queue_rows(tables.ingests, _queues(stream)),
        exposures=group_exposures(judged),
        images=latest_images(tables.metrics),
    )


def _stage_names(stream: Stream, tables: Tables) -> list[str]:
    """Return a night's stages, but those that all lists show."""
    from observing_monitor.tables.listing import LISTED
    from observing_monitor.tables.stages import stages_there

    names = stages_there(tables.ingests, stream.stages)
    return [name for name in names if f"{name}_at" not in LISTED]


def _queues(stream: Stream) -> list[tuple[str, str]]:
    """Return a stream's queues: pairs of source and stage."""
    return [
        (described.name, queue)
        for described, kind in source_classes(stream)
        for queue in kind.queues_of(described.settings)
    ]


def night_json(night: JudgedNight, content: NightContent, images: Iterable[Image]) -> str:
    """Return the text of a night's JSON file."""
    row = night.row
    data = {
        "stream": night.job.stream.name,
        **row["summary"],
        "findings": row["findings"],
        "stages": [
            instants_as_text(stage) | {"failures": _as_text(stage["failures"])}
            for stage in content.stages
        ],
        "queues": [
            queue | {part: _as_text(queue[part]) for part in ("waiting", "errors")}
            for queue in content.queues
        ],
        "attention": _as_text(content.attention),
        "metrics": _as_text(content.latest),
        "images": [
            {"name": image.name, "node": image.node, "href": image.href} for image in images
        ],
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _as_text(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [instants_as_text(row) for row in rows]
