"""FitsStorage's queues as metrics: their depth and age, and what is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model import columns, frames
from observing_monitor.model.finding import Finding, metric_href
from observing_monitor.sources.fitsstorage_queues import STATES

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator
    from typing import Any

    from pandas import DataFrame, Series

    from observing_monitor.sources.fitsstorage_queues import Entry


MEANINGS = {
    "queue_waiting": "Entries that wait in the queue",
    "queue_running": "Entries in progress",
    "queue_deferred": "Entries put off until later",
    "queue_failed": "Entries that failed and are still in the queue",
    "queue_stuck": "Entries in progress that already were at an earlier look",
    "queue_oldest_s": "Waiting time of the oldest waiting entry",
    "queue_nights": "Nights of the queue's entries, with the number of entries of each",
    "queues_waiting": "Entries that wait in all queues",
    "queues_failed": "Entries that failed in all queues",
}
# metric of each of STATES
_METRICS = ("queue_waiting", "queue_running", "queue_deferred", "queue_failed")
# nights, or stuck entries, that a text names
MAX_NAMED = 20


class QueueRow(NamedTuple):
    """A metric of a queue, or of all queues together."""

    name: str
    node: str | None  # the queue
    value: float | None
    text: str | None = None
    unit: str | None = None


class StuckEntries(NamedTuple):
    """The entries in progress, and those of them that are stuck."""

    since: dict[str, str]  # `Entry.key` -> when it was first seen in progress, ISO 8601
    keys: list[str]  # of those that are stuck
    queues: set[str]  # with stuck entries now or at the last look


def depth_rows(queues: list[str], entries: list[Entry], now: datetime.datetime) -> list[QueueRow]:
    """Return the depth and age of each queue, and the depth of all."""
    rows = []
    for queue in queues:
        own = [entry for entry in entries if entry.queue == queue]
        for name, state in zip(_METRICS, STATES, strict=True):
            rows.append(QueueRow(name, queue, _count(own, state)))
        oldest = min((e.at for e in own if e.state == "waiting" and e.at), default=None)
        age_s = (now - oldest).total_seconds() if oldest else None
        rows.append(QueueRow("queue_oldest_s", queue, age_s, None, "s"))
        nights = sorted({entry.night for entry in own}, reverse=True)[:MAX_NAMED]
        counts = [f"{night}: {sum(entry.night == night for entry in own)}" for night in nights]
        rows.append(QueueRow("queue_nights", queue, None, "; ".join(counts) or "none"))
    if queues:
        rows.append(QueueRow("queues_waiting", None, _count(entries, "waiting")))
        rows.append(QueueRow("queues_failed", None, _count(entries, "failure")))
    return rows


def stuck_rows(queues: list[str], entries: list[Entry], stuck: StuckEntries) -> list[QueueRow]:
    """Return how many entries of each queue are stuck.

    Queues that had stuck entries at the last look are included.
    """
    names = {entry.key: entry.name for entry in entries}
    rows = []
    for queue in sorted({*queues, *stuck.queues}):
        keys = [key for key in stuck.keys if key.split()[0] == queue]
        words = "; ".join(
            f"{names[key] or 'no file'} (since {_minute(stuck.since[key])} UTC or before)"
            for key in keys[:MAX_NAMED]
        )
        rows.append(QueueRow("queue_stuck", queue, float(len(keys)), words or None))
    return rows


def samples(rows: list[QueueRow], sampled_at: datetime.datetime) -> DataFrame:
    """Return rows as a table of metrics, with columns `columns.METRICS`."""
    table: dict[str, list[Any]] = {
        name: [row[i] for row in rows] for i, name in enumerate(QueueRow._fields)
    }
    return frames.frame(columns.METRICS, {**table, "sampled_at": [sampled_at] * len(rows)})


def check_queues(
    metrics: DataFrame, ingests: DataFrame, wait_warning_s: float | None
) -> Iterator[Finding]:
    """Report what is stuck or waits too long, and what failed in other nights.

    Parameters
    ----------
    metrics, ingests : DataFrame
        The night's, with columns `columns.METRICS` and `columns.INGESTS`.
    wait_warning_s : float or None
        Warn if the oldest entry of a queue waits for longer; None never warns.
    """
    latest = metrics.sort_values("sampled_at", kind="stable").drop_duplicates(
        ["name", "node"], keep="last"
    )
    latest = latest.dropna(subset=["node"]).set_index("node")
    stuck, oldest, failed, waiting = (
        latest[latest["name"] == name]
        for name in ("queue_stuck", "queue_oldest_s", "queue_failed", "queue_waiting")
    )
    for queue, row in stuck.iterrows():
        if row["value"] > 0:
            words = (
                f"{queue} queue: {row['value']:.0f} stuck in progress, {_at(row)}: {row['text']}"
            )
            yield Finding("error", words, "#queues")
    for queue, row in oldest.iterrows():
        if wait_warning_s is not None and row["value"] > wait_warning_s:
            n = waiting["value"].get(queue, 0)
            age = f"the oldest for {row['value'] / 3600:.1f} h"
            yield Finding(
                "warning", f"{queue} queue: {n:.0f} waiting, {age}, {_at(row)}", "#queues"
            )
    own = ingests[ingests["status"] == "failure"]["stage"].value_counts()
    for queue, row in failed.iterrows():
        n_others = int(row["value"]) - int(own.get(queue, 0))
        if n_others > 0:
            words = f"{queue} queue: {n_others:,} more failed, of other nights, {_at(row)}"
            yield Finding("normal", words, metric_href("queue_failed"))


def _count(entries: list[Entry], state: str) -> float:
    return float(sum(entry.state == state for entry in entries))


def _at(row: Series[Any]) -> str:
    return f"at {row['sampled_at']:%Y-%m-%d %H:%M} UTC"


def _minute(instant: str) -> str:
    """Return an ISO instant to the minute: `2016-03-19 12:00`."""
    return instant[:16].replace("T", " ")
