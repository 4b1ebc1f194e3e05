"""Tables of a night's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model import wording
from observing_monitor.model.finding import metric_href
from observing_monitor.pages.glossary import WORDS, class_words, column_words
from observing_monitor.pages.tables import (
    EMPTY,
    Cell,
    Table,
    TableColumn,
    schema_columns,
    time_cell,
)
from observing_monitor.settings.traits import metric_meanings

if TYPE_CHECKING:
    from pandas import DataFrame

    from observing_monitor.model.columns import Summary
    from observing_monitor.settings.stream import Stream
    from observing_monitor.tables.attention import Attention
    from observing_monitor.tables.latest import LatestValue
    from observing_monitor.tables.stages import Stage


MAX_METRICS = 300  # rows, one per name
MAX_VALUES = 3000  # values of nodes in all rows
MAX_TEXT = 500  # characters of a metric that is a text

# columns of the files that need attention
_NEEDED = ("path", "reason", "size_bytes", "created_at", "transferred_at", "tried_at", "n_attempts")


class FileCell(NamedTuple):
    """Cell with a file's path and facts."""

    anchor: str  # address of its row
    path: str
    facts: tuple[tuple[str, str], ...]  # pairs of a noun, such as "detector", and a value


class Reason(NamedTuple):
    """Cell with one line of a message, and its full text."""

    text: str
    detail: str


class MetricName(NamedTuple):
    """Cell with the name of a metric."""

    text: str
    meaning: str
    source: str  # "" if all metrics are of one source


class Nodes(NamedTuple):
    """Cell with a metric's values on nodes."""

    total: str  # number of nodes; "" if there is only one
    spread: str  # their range
    shown: tuple[tuple[str, str], ...]  # pairs of a node and its value
    note: str  # that some are left out; "" otherwise


# --- exposures -----------------------------------------------------------------------------------


def exposures_table(exposures: DataFrame, night: str, has_ingest: bool) -> Table:
    """Return the table of the exposures of `group_exposures`."""
    words = column_words("night", has_ingest)
    n_files = exposures["n_files"].tolist()
    texts = {n: wording.count_text(n) for n in set(n_files)}
    names = [name or wording.NOTHING for name in exposures["name"].tolist()]
    numbers = exposures["seq_num"].astype("str").fillna(wording.NOTHING).tolist()
    made = [
        TableColumn(WORDS["exposure"]["name"], names, is_foreign=True),
        TableColumn(WORDS["file"]["seq_num"], numbers, "num"),
        TableColumn(words["n_files"], [texts[n] for n in n_files], "num"),
        TableColumn(WORDS["exposure"]["counts"], _chips(exposures, has_ingest), draw="chips"),
    ]
    for name in ("created_at", "transferred_at", "ingested_at"):
        if f"last_{name}" in words:
            times = wording.all_near(exposures[name], night)
            made.append(TableColumn(words[f"last_{name}"], times, "num"))
    caption = "One row per exposure, times in UTC"
    return Table(made, caption, css="exposures", is_light=True)


def _chips(exposures: DataFrame, has_ingest: bool) -> list[tuple[Cell, ...]]:
    """Return each exposure's numbers of files by class."""
    words = class_words(has_ingest)
    names = [name for name in words if name in exposures]
    rows = list(zip(*(exposures[name].tolist() for name in names), strict=True))
    # few rows differ
    made = {
        row: tuple(
            Cell(f"{wording.count_text(n)} {words[name].label}", name)
            for name, n in zip(names, row, strict=True)
            if n
        )
        for row in set(rows)
    }
    return [made[row] for row in rows]


# --- files that need attention -------------------------------------------------------------------


def attention_table(
    rows: Sequence[Attention], details: Sequence[str], night: str, n_files: int
) -> Table:
    """Return the table of a group of files.

    Parameters
    ----------
    rows : sequence of Attention
        The files to show.
    details : sequence of str
        Full message of each, "" if it is not shown.
    night : str
    n_files : int
        Number of files of the group, which may be more.
    """
    words = {name: WORDS["file"][name] for name in _NEEDED}
    made = schema_columns(words, rows, night)
    paths = [FileCell(row["anchor"], row["path"], _facts(row)) for row in rows]
    reasons = [Reason(row["reason"], detail) for row, detail in zip(rows, details, strict=True)]
    made["path"] = TableColumn(words["path"], paths, "path", "file")
    made["reason"] = TableColumn(words["reason"], reasons, "why", "reason")
    shown = f"The first {len(rows):,} of {n_files:,}. The table “All files” has the others."
    return Table(
        list(made.values()),
        caption=shown if n_files > len(rows) else "",
        css="attention",
        anchors=[row["anchor"] for row in rows],
        row_css=[row["file_class"] for row in rows],
        is_labelled=True,
    )


def _facts(row: Attention) -> tuple[tuple[str, str], ...]:
    """Return facts about a file besides its path."""
    exposure = row["exposure"] if row["exposure"] != row["obsid"] else ""
    number = "" if row["seq_num"] is None else str(row["seq_num"])
    facts = (
        ("", row["obsid"]),
        ("exposure", exposure),
        ("no.", number),
        ("detector", row["detector"]),
    )
    return tuple((noun, value) for noun, value in facts if value)


# --- stages, delays ------------------------------------------------------------------------------


def stages_table(stages: Sequence[Stage], anchors: Sequence[str], night: str) -> Table:
    """Return the table of stages; `anchors` are its rows' addresses."""
    made = schema_columns(WORDS["stage"], stages, night)
    links = [
        Cell(stage["name"], href=f"#{anchor}")
        for stage, anchor in zip(stages, anchors, strict=True)
    ]
    made["name"] = TableColumn(WORDS["stage"]["name"], links)
    caption = "Files by stage; the last attempt on a file counts. Times in UTC."
    return Table(list(made.values()), caption, css="stages", anchors=anchors)


def delays_table(summary: Summary, has_ingest: bool) -> Table:
    """Return the table of a night's delays."""
    rows = {"Transfer: creation to arrival": "transfer"}
    rows |= {"Ingest: arrival to ingest": "ingest"} if has_ingest else {}
    made = [
        TableColumn(
            word,
            [wording.seconds(summary[f"{stage}_delay_{name}_s"]) for stage in rows.values()],
            "num",
        )
        for name, word in WORDS["delay"].items()
    ]
    return Table([TableColumn(None, list(rows)), *made], "Delays", css="delays")


# --- metrics -------------------------------------------------------------------------------------


class _MetricRow(NamedTuple):
    name: MetricName
    value: str | None
    by_node: Nodes | str
    unit: str
    sampled_at: str | Cell


def metrics_table(stream: Stream, latest: Iterable[LatestValue], night: str) -> tuple[Table, int]:
    """Return the table of metrics, and how many there are.

    The table may have fewer.

    A row has one metric of one source: its value of the whole, and those of its nodes.
    """
    groups: dict[tuple[str, str], list[LatestValue]] = {}
    for sample in latest:
        groups.setdefault((sample["name"], sample["source"]), []).append(sample)
    if not groups:
        return EMPTY, 0
    meanings = metric_meanings(stream)
    has_several = len({source for _, source in groups}) > 1
    room, rows = MAX_VALUES, []
    for (name, source), samples in list(groups.items())[:MAX_METRICS]:
        metric = MetricName(name, meanings.get(name, ""), source if has_several else "")
        row, n_shown = _metric_row(metric, samples, room, night)
        room -= n_shown
        rows.append(row)
    names, values, by_node, units, times = zip(*rows, strict=True)
    words = WORDS["number"]
    made = [
        TableColumn(words["name"], names, draw="metric"),
        TableColumn(words["value"], values, "num", is_foreign=True),
        TableColumn(words["by_node"], by_node, draw="nodes"),
        TableColumn(words["unit"], units, is_foreign=True),
        TableColumn(words["sampled_at"], times, "num"),
    ]
    anchors = _metric_anchors(row.name.text for row in rows)
    caption = "Latest values, times in UTC"
    return Table(made, caption, css="metrics", anchors=anchors), len(groups)


def _metric_anchors(names: Iterable[str]) -> list[str]:
    """Return the addresses of metrics' rows.

    The first row of a name has that of `metric_href`.
    """
    counts, anchors = Counter[str](), list[str]()
    for name in names:
        anchor = metric_href(name).removeprefix("#")
        counts[anchor] += 1
        # two dashes: no address of another name has them
        anchors.append(anchor if counts[anchor] == 1 else f"{anchor}--{counts[anchor]}")
    return anchors


def _metric_row(
    name: MetricName, samples: Sequence[LatestValue], room: int, night: str
) -> tuple[_MetricRow, int]:
    """Return a metric's row, and its number of nodes."""
    largest = max((abs(s["value"]) for s in samples if s["value"] is not None), default=0)
    by, unit = wording.scale(largest, samples[0]["unit"])
    whole = next((_value_text(s, by) for s in samples if not s["node"]), None)
    parts = [s for s in samples if s["node"]]
    if whole is not None and len(parts) == 1 and _value_text(parts[0], by) == whole:
        parts = []  # the only node is the whole
    shown = parts[: max(room, 1)]
    at = max((s["sampled_at"] for s in samples if s["sampled_at"]), default=None)
    by_node = _nodes(parts, shown, by)
    return _MetricRow(name, wording.dash(whole), by_node, unit, time_cell(at, night)), len(shown)


def _nodes(parts: Sequence[LatestValue], shown: Sequence[LatestValue], by: float) -> Nodes | str:
    """Return the cell with a metric's nodes."""
    if not parts:
        return wording.NOTHING
    values = tuple((s["node"], wording.dash(_value_text(s, by))) for s in shown)
    note = f"The first {len(shown):,}. The data files have all." if len(parts) > len(shown) else ""
    total = f"{len(parts):,}" if len(parts) > 1 else ""
    return Nodes(total, _spread(parts, by), values, note)


def _value_text(sample: LatestValue, by: float) -> str:
    if sample["value"] is None:
        return sample["text"][:MAX_TEXT]
    return wording.rounded(sample["value"] / by)


def _spread(parts: Sequence[LatestValue], by: float) -> str:
    """Return a range, such as `0.4 to 0.7` or `11 normal, 2 error`.

    Numbers are divided by `by`, as their unit asks.
    """
    numbers = [s["value"] / by for s in parts if s["value"] is not None]
    if not numbers:
        return _most_common(s["text"][:40] or "not available" for s in parts)
    low, high = wording.rounded(min(numbers)), wording.rounded(max(numbers))
    lacking = len(parts) - len(numbers)
    missing = f", {lacking:,} not available" if lacking else ""
    return (low if low == high else f"{low} to {high}") + missing


def _most_common(texts: Iterable[str]) -> str:
    """Return the most common texts with their counts."""
    counts = Counter(texts)
    has_several = counts.total() > 1
    texts_shown = [f"{n} {text}" if has_several else text for text, n in counts.most_common(4)]
    more = f" and {len(counts) - 4:,} more" if len(counts) > 4 else ""
    return ", ".join(texts_shown) + more
