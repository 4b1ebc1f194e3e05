"""The observing log as a table of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from observing_monitor.model import columns, wording
from observing_monitor.pages.glossary import WORDS, Word, class_words
from observing_monitor.pages.tables import Cell, Table, TableColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pandas import DataFrame, Series

    from observing_monitor.previews.preview import Preview
    from observing_monitor.tables.observing_log import Measure, ObservingLog


# columns that are left out if no exposure has a value
_FACTS = (
    "obsid",
    "instrument",
    "seq_num",
    "observation_type",
    "target",
    "program",
    "physical_filter",
    "exposure_time_s",
    "airmass",
)
MAX_COMMENT = 200  # characters of a comment


class Shown(NamedTuple):
    """Facts of the stream for its observing log."""

    night: str  # its date: times are shown without the year
    gap_min_s: float  # a longer gap is marked
    has_files: bool  # True if a source reports files
    has_ingest: bool  # True if a stage comes after arrival
    previews: Mapping[int, Preview]  # row of an exposure -> the first picture of its files


def first_previews(previews: Sequence[Preview], judged: DataFrame) -> dict[int, Preview]:
    """Return the first picture of each exposure's files, by the row of the exposure."""
    pictures = [preview for preview in previews if preview.href]
    rows = judged.set_index("file_id")["exposure_row"]
    of_pictures = rows.reindex([preview.file_id for preview in pictures]).fillna(-1).astype("int64")
    made = dict(zip(of_pictures.tolist()[::-1], pictures[::-1], strict=True))
    made.pop(-1, None)
    return made


def log_table(log: ObservingLog, shown: Shown) -> Table:
    """Return the observing log, in the order of its rows."""
    words, rows = WORDS["observed"], _shown(log.rows)
    anchors = anchors_of(rows)
    made = [
        TableColumn(words["started_at"], wording.all_near(rows["started_at"], shown.night), "num"),
        TableColumn(words["exposure"], _texts(rows["exposure"]), is_foreign=True, anchors=anchors),
    ]
    if shown.previews:
        pictures = [shown.previews.get(row) for row in range(len(rows))]
        made.append(TableColumn(None, pictures, "thumb", draw="thumb"))
    made += [_fact(words[name], rows[name]) for name in _FACTS if _is_told(rows, name)]
    made.append(
        TableColumn(words["gap_before_s"], _gaps(rows["gap_before_s"], shown.gap_min_s), "num")
    )
    made += [_measure(measure) for measure in log.measures]
    if shown.has_files:
        chips = _chips(rows, shown.has_ingest)
        made.append(TableColumn(words["n_files"], chips, draw="chips"))
    if rows["comment"].notna().any():
        comments = [_short(text) for text in _texts(rows["comment"])]
        made.append(TableColumn(words["comment"], comments, "why", is_foreign=True))
    return Table(
        made,
        "One row per exposure, times in UTC",
        css="log",
        anchors=anchors,
        is_labelled=True,
    )


def anchors_of(rows: DataFrame) -> list[str]:
    """Return the address of each exposure's row, each once."""
    anchors = wording.exposure_anchors(_texts(rows["exposure"]))
    if len(set(anchors)) == len(anchors):
        return anchors
    taken: dict[str, int] = {}
    made = []
    for anchor in anchors:
        taken[anchor] = number = taken.get(anchor, 0) + 1
        made.append(anchor if number == 1 else f"{anchor}-{number}")
    return made


def _shown(rows: DataFrame) -> DataFrame:
    """Return rows with the band where no filter is known."""
    return rows.assign(physical_filter=rows["physical_filter"].fillna(rows["band"]))


def _is_told(rows: DataFrame, name: str) -> bool:
    """True if a column says something."""
    if name == "instrument":
        return bool(rows[name].nunique() > 1)
    if name in ("obsid", "seq_num"):
        told = rows[rows[name].notna()]
        return bool((told[name].astype("str") != told["exposure"]).any())
    return bool(rows[name].notna().any())


def _texts(values: Series[Any]) -> list[str]:
    return list(values.fillna("").tolist())


def _fact(word: Word, values: Series[Any]) -> TableColumn:
    if word.kind == "text":
        texts = [text or wording.NOTHING for text in _texts(values)]
        return TableColumn(word, texts, is_foreign=True)
    shows: dict[str, Callable[[Any], str]] = {"int": str, "float": _rounded}
    show = wording.seconds if word.name.endswith("_s") else shows[word.kind]
    made = {value: show(value) for value in values.dropna().unique()}
    return TableColumn(word, [made.get(value, wording.NOTHING) for value in values], "num")


def _rounded(value: float) -> str:
    return wording.NOTHING if value != value else wording.rounded(value)


def _gaps(values: Series[float], gap_min_s: float) -> list[str | Cell]:
    """Return gaps; long ones are marked."""
    made: dict[float, str | Cell] = {}
    for value in values.dropna().unique():
        text = wording.seconds(value)
        made[value] = Cell(text, "gap") if value >= gap_min_s else text
    return [made.get(value, wording.NOTHING) for value in values]


def _measure(measure: Measure) -> TableColumn:
    unit = f" ({measure.unit})" if measure.unit else ""
    word = msgspec.structs.replace(
        WORDS["number"]["value"],
        label=f"{measure.name}{unit}",
        meaning=f"Latest value of {measure.name} for the exposure",
    )
    return TableColumn(word, [_rounded(v) for v in measure.values], "num")


def _chips(rows: DataFrame, has_ingest: bool) -> list[tuple[Cell, ...]]:
    """Return each exposure's numbers of files by class."""
    words = class_words(has_ingest)
    names = [c.name for c in columns.CLASSES if c.name in rows]
    counts = list(zip(*(rows[name].tolist() for name in names), strict=True))
    made = {
        row: tuple(
            Cell(f"{wording.count_text(n)} {words[name].label}", name)
            for name, n in zip(names, row, strict=True)
            if n
        )
        or (Cell("none"),)
        for row in set(counts)
    }
    return [made[row] for row in counts] if names else [(Cell("none"),)] * len(rows)


def _short(text: str) -> str:
    return text if len(text) <= MAX_COMMENT else f"{text[:MAX_COMMENT]}…"


def newest_first(table: Table) -> Table:
    """Return a table with its rows turned round."""

    def turned(values: Sequence[Any]) -> Sequence[Any]:
        return values[::-1]

    replace = msgspec.structs.replace
    return replace(
        table,
        columns=[
            replace(c, cells=turned(c.cells), anchors=turned(c.anchors)) for c in table.columns
        ],
        anchors=turned(table.anchors),
    )
