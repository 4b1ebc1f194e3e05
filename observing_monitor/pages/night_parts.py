"""The parts of a night's page, made from its tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from observing_monitor.model import columns, wording
from observing_monitor.pages import contexts
from observing_monitor.settings.traits import metric_meanings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.settings.stream import Stream
    from observing_monitor.tables.attention import AttentionGroup
    from observing_monitor.tables.latest import LatestValue
    from observing_monitor.tables.stages import AttemptEntry, SourceQueue, Stage


MAX_ATTENTION = 240  # rows of files that need attention; the rest are in the list of all files
MAX_ATTENTION_GROUPS = 60  # of files that need attention for the same reason
MAX_OF_GROUP = 20  # files of one of these
OPEN_GROUPS = 3  # that many of them stand open, if they have no more than …
OPEN_FILES = 3  # … so many files
MAX_METRICS = 300  # rows of the table of metrics, a name each
MAX_VALUES = 3000  # of single nodes in it
MAX_ENTRIES = 25  # of a queue, waiting and failed each
MAX_DETAIL = 100_000  # characters of whole messages among the files that need attention, and as many among the queues


def odd_nodes(found: Iterable[Finding]) -> dict[str, set[str]]:
    """By source: the nodes that its findings complain of."""
    odd: dict[str, set[str]] = {}
    for finding in found:
        if finding.node and finding.level != "normal":
            odd.setdefault(finding.source, set()).add(finding.node)
    return odd


def metric_groups(
    stream: Stream, latest: Sequence[LatestValue]
) -> tuple[list[contexts.MetricGroup], int]:
    """The latest metrics of a page, a row a name: the first MAX_METRICS, and how many there are."""
    meanings = metric_meanings(stream)
    has_several = len({row["source"] for row in latest}) > 1
    groups: dict[tuple[str, str], list[LatestValue]] = {}
    room = MAX_VALUES
    for row in latest:
        groups.setdefault((row["name"], row["source"]), []).append(row)
    shown = []
    for (name, source), rows in list(groups.items())[:MAX_METRICS]:
        whole = next((row for row in rows if not row["node"]), None)
        parts = [row for row in rows if row["node"]]
        by, unit = wording.scale(
            max((abs(row["value"]) for row in rows if row["value"] is not None), default=0),
            rows[0]["unit"],
        )
        if whole and len(parts) == 1 and _value_text(parts[0], by) == _value_text(whole, by):
            parts = []  # the only node is the whole
        nodes = [
            contexts.MetricNode(row["node"], _value_text(row, by)) for row in parts[: max(room, 1)]
        ]
        room -= len(nodes)
        shown.append(
            contexts.MetricGroup(
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


def _value_text(row: LatestValue, by: float) -> str:
    return row["text"][:500] if row["value"] is None else wording.rounded(row["value"] / by)


def _spread(rows: Sequence[LatestValue], by: float) -> str:
    """What many nodes say, in a few words: `0.4 to 0.7`, `11 normal, 2 error`; numbers divided `by` what their unit asks."""
    numbers = [row["value"] / by for row in rows if row["value"] is not None]
    if not rows:
        return ""
    if not numbers:
        words = Counter(row["text"][:40] or "not available" for row in rows).most_common()
        said = ", ".join(f"{count} {word}" if len(rows) > 1 else word for word, count in words[:4])
        return said + (f" and {len(words) - 4:,} more" if len(words) > 4 else "")
    low, high = wording.rounded(min(numbers)), wording.rounded(max(numbers))
    lacking = f", {len(rows) - len(numbers):,} not available" if len(numbers) < len(rows) else ""
    return (low if low == high else f"{low} to {high}") + lacking


def queue_tables(rows: Iterable[SourceQueue]) -> list[contexts.Queue]:
    """The queues as a page shows them."""
    taken: set[str] = set()
    room, made = MAX_DETAIL, []
    for row in rows:
        kept = {}
        for part in ("errors", "waiting"):  # room for whole messages goes to the errors first
            kept[part] = _entries(row[part], room)
            room -= sum(len(entry.detail) for entry in kept[part])
        n_errors = len(row["errors"])
        words = wording.n_of(n_errors, "error") if n_errors else ""
        made.append(
            contexts.Queue(
                row["name"],
                wording.address("queue", row["name"], taken),
                len(row["waiting"]),
                n_errors,
                **kept,
                error_words=words,
            )
        )
    return made


def stage_table(
    stream: Stream, staged: Iterable[Stage], queues: Iterable[contexts.Queue]
) -> list[contexts.StageRow]:
    """The rows of the stages' table; with what failed in a stage, where the page doesn't list it as a queue or as what needs attention."""
    taken: set[str] = set()
    listed, room, made = {stream.last_stage, *(queue.name for queue in queues)}, MAX_DETAIL, []
    for values in staged:
        failures = [] if values["name"] in listed else _entries(values["failures"], room)
        room -= sum(len(entry.detail) for entry in failures)
        words = wording.n_of(values["n_failed"], "file")
        made.append(
            contexts.StageRow(
                values, wording.address("stage", values["name"], taken), failures, words
            )
        )
    return made


def _entries(entries: Sequence[AttemptEntry], room: int) -> list[contexts.QueueEntry]:
    """The first entries of a list, with their whole messages as far as there is room for these."""
    shown = []
    for entry in entries[:MAX_ENTRIES]:
        reason, detail = _folded(entry["message"], room)
        room -= len(detail)
        shown.append(
            contexts.QueueEntry(
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


def exposure_table(exposed: DataFrame, night: str) -> contexts.ExposureTable:
    """The exposures of `tables.group` as pages show them."""
    classes = [c.name for c in columns.CLASSES if c.name in exposed]
    numbers = list(zip(*(exposed[name].tolist() for name in classes), strict=True))
    counts = {
        row: tuple((name, n) for name, n in zip(classes, row, strict=True) if n)
        for row in set(numbers)
    }  # few differ
    n_files = exposed["n_files"].tolist()
    said = {n: wording.count(n) for n in set(n_files)}
    return contexts.ExposureTable(
        names=[name or wording.NOTHING for name in exposed["name"].tolist()],
        seq_nums=exposed["seq_num"].astype("str").fillna(wording.NOTHING).tolist(),
        n_files=[said[n] for n in n_files],
        counts=[counts[row] for row in numbers],
        created_at=wording.all_near(exposed["created_at"], night),
        transferred_at=wording.all_near(exposed["transferred_at"], night),
        ingested_at=wording.all_near(exposed["ingested_at"], night),
    )


def shown_groups(groups: list[AttentionGroup]) -> list[contexts.ErrorGroup]:
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
            files.append(contexts.FileRow(values, own))
        places -= len(files)
        is_open = number < OPEN_GROUPS and len(group["rows"]) <= OPEN_FILES
        made.append(
            contexts.ErrorGroup(
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
