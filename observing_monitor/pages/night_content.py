"""Content of a night's page and data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from observing_monitor.model.digest import instants_as_text
from observing_monitor.settings.traits import source_classes
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pandas import DataFrame

    from observing_monitor.model.reading import Tables
    from observing_monitor.pages.contexts import Image
    from observing_monitor.pages.night_job import JudgedNight
    from observing_monitor.settings.stream import Stream
    from observing_monitor.tables.attention import Attention
    from observing_monitor.tables.latest import LatestImage, LatestValue
    from observing_monitor.tables.observing_log import ObservingLog
    from observing_monitor.tables.stages import SourceQueue, Stage


Rows = TypeVar("Rows", bound="Sequence[Any] | DataFrame")

# of a night's JSON file: the stored tables, and the CSV of all files, have everything
MAX_ROWS = 20_000  # rows of one list
SHORT_TEXT = 1000  # characters that every text may have
MAX_TEXT = 100_000  # characters of one text
MAX_TEXTS = 20_000_000  # characters of all long texts


@dataclass(frozen=True)
class NightContent:
    """Content of a night, made from its tables.

    Its page and its data have as much of it as there is room for.
    """

    stage_names: list[str]  # stages that the night has attempts of, but those of every table
    stages: list[Stage]  # empty if there is only one stage
    attention: list[Attention]
    latest: list[LatestValue]
    queues: list[SourceQueue]
    exposures: DataFrame  # files by exposure; with a log, those of no exposure in it
    log: ObservingLog | None  # None if no source reported exposures
    images: list[LatestImage]
    more_csv: list[str]  # endings of further CSV files, of `layout.MORE_CSV`


def night_content(night: JudgedNight) -> NightContent:
    """Return the content of a night."""
    from observing_monitor.tables.attention import attention_rows
    from observing_monitor.tables.exposures import group_exposures
    from observing_monitor.tables.latest import latest_images, latest_metrics
    from observing_monitor.tables.stages import queue_rows, stage_rows

    tables, judged, stream = night.tables, night.judged, night.job.stream
    names = _stage_names(stream, tables)
    log = None
    if len(tables.exposures):
        from observing_monitor.tables.observing_log import observing_log

        log = observing_log(tables.exposures, judged, tables.metrics)
    return NightContent(
        stage_names=names,
        stages=stage_rows(judged, tables.ingests, names) if len(names) > 1 else [],
        attention=attention_rows(judged),
        latest=latest_metrics(tables.metrics),
        queues=queue_rows(tables.ingests, _queues(stream)),
        exposures=group_exposures(judged) if log is None else log.others,
        log=log,
        images=latest_images(tables.metrics),
        more_csv=_more_csv(tables, judged),
    )


def _more_csv(tables: Tables, judged: DataFrame) -> list[str]:
    """Return the endings of the CSV files of metrics and of messages."""
    from observing_monitor.tables.latest import without_images

    n_messages = int(tables.ingests["message"].notna().sum())
    has = {
        layout.METRICS_CSV: len(without_images(tables.metrics)) > 0,
        # the list of files has that of the last attempt of the last stage
        layout.MESSAGES_CSV: n_messages > int(judged["message"].notna().sum()),
    }
    return [ending for ending, is_there in has.items() if is_there]


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
    """Return the text of a night's JSON file.

    Long lists and messages are cut; `left_out` then counts what is missing.
    """
    import msgspec

    row, bounds = night.row, Bounds()
    data = {
        "stream": night.job.stream.name,
        **row["summary"],
        "findings": bounds.first("findings", row["findings"]),
        "stages": [
            instants_as_text(stage) | {"failures": bounds.rows("failures", stage["failures"])}
            for stage in content.stages
        ],
        "queues": [
            queue | {part: bounds.rows(part, queue[part]) for part in ("waiting", "errors")}
            for queue in content.queues
        ],
        "attention": bounds.rows("attention", content.attention),
        "metrics": bounds.rows("metrics", content.latest),
        "exposures": _logged(content.log, bounds),
        "images": [
            {"name": image.name, "node": image.node, "href": image.href} for image in images
        ],
    }
    if bounds.left_out:
        data["left_out"] = bounds.left_out
    # with an indent, this is 20 times as fast as `json.dumps`
    return msgspec.json.format(msgspec.json.encode(data), indent=1).decode() + "\n"


def _logged(log: ObservingLog | None, bounds: Bounds) -> list[Any]:
    """Return the exposures of a night, without what is unknown."""
    if log is None:
        return []
    import msgspec
    import pandas as pd

    from observing_monitor.tables.listing import as_structs, known_values

    # nearly all exposures have the same few columns of all: nulls would be most of the file
    rows = bounds.frame("exposures", log.rows)
    made = known_values(rows)
    if log.measures:
        numbers = {measure.name: measure.values[: len(rows)] for measure in log.measures}
        has_any = pd.DataFrame(numbers).notna().any(axis=1).tolist()
        structs = as_structs(known_values(numbers))
        made["measures"] = [
            one if has else msgspec.UNSET for one, has in zip(structs, has_any, strict=True)
        ]
    return as_structs(made)


class Bounds:
    """Cuts the lists and messages of a night's JSON file.

    Attributes
    ----------
    left_out
        Name of a list -> how many of its rows are missing; `characters` -> how many characters
        of long texts.
    """

    def __init__(self) -> None:
        self.left_out: dict[str, int] = {}
        self._room = MAX_TEXTS

    def first(self, name: str, rows: Rows) -> Rows:
        """Return the first rows of a list or table."""
        self._count(name, len(rows) - MAX_ROWS)
        return rows[:MAX_ROWS]  # type: ignore[return-value]  # a slice is of the same type

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the first rows of a list, with instants as text."""
        return [
            {key: self._text(value) for key, value in instants_as_text(row).items()}
            for row in self.first(name, rows)
        ]

    def frame(self, name: str, rows: DataFrame) -> DataFrame:
        """Return the first rows of a table."""
        rows = self.first(name, rows)
        long = [
            str(name)
            for name, values in rows.items()
            if values.dtype == "str" and values.str.len().max() > SHORT_TEXT
        ]
        return rows.assign(**{name: rows[name].map(self._text) for name in long})

    def _text(self, value: Any) -> Any:
        """Return a value; a long text is cut, by less while there is room."""
        if not isinstance(value, str) or len(value) <= SHORT_TEXT:
            return value
        most = min(MAX_TEXT, max(self._room, SHORT_TEXT))
        self._room -= min(len(value), most)
        if len(value) <= most:
            return value
        n_more = len(value) - most
        self._count("characters", n_more)
        return f"{value[:most]}… ({n_more:,} more characters)"

    def _count(self, name: str, number: int) -> None:
        if number > 0:
            self.left_out[name] = self.left_out.get(name, 0) + number
