"""Rows of the tables that pages show."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, TypedDict

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.arrays import sort_rows
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.names import folders, in_number_order
from observing_monitor.tables.classify import DONE, FAILED, QUEUED, WAITING, last_attempts, shown_as
from observing_monitor.tables.reasons import reasons_of
from observing_monitor.tables.summary import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from pandas import DataFrame, Series


NEEDS_ATTENTION = (
    "failed",
    "missing",
    "gone",
    "small",
    "pending",
)  # in the order in which a page shows them


# --- what a page lists -------------------------------------------------------------------------------------------------


class Entry(TypedDict):
    """An attempt as a list of what waits, or failed, shows it."""

    path: str
    state: str  # a key of columns.STATUSES
    since: datetime.datetime | None
    message: str
    destination: str


class StageCounts(TypedDict):
    """What became of a night's files in one stage."""

    name: str
    n_done: int
    n_failed: int
    n_waiting: int
    n_running: int
    n_deferred: int
    n_attempts: int
    last_done_at: datetime.datetime | None
    median_s: float | None  # from a file's creation until it had passed the stage
    p90_s: float | None


class Stage(StageCounts):
    """The same, and what failed, the earliest first."""

    failures: list[Entry]


class Queue(TypedDict):
    """A source's queue, the longest waiting first."""

    name: str
    source: str
    waiting: list[Entry]
    errors: list[Entry]


class FileFacts(TypedDict):
    """A file that needs attention."""

    anchor: str  # its address on the page
    path: str
    file_class: str
    reason: str  # one line: why it needs attention
    detail: str  # the whole message or traceback, "" where the reason is all
    size_bytes: int | None
    exposure: str
    obsid: str
    seq_num: int | None
    detector: str
    created_at: datetime.datetime | None
    transferred_at: datetime.datetime | None
    tried_at: datetime.datetime | None
    n_attempts: int


class Attention(FileFacts):
    """The same, and why it is known, or ""."""

    acknowledged: str


class AttentionGroup(TypedDict):
    """Files of one class of which the same is said."""

    anchor: str
    file_class: str
    words: str
    detail: str
    first_at: datetime.datetime | None
    last_at: datetime.datetime | None
    acknowledged: str
    rows: list[Attention]


class Sample(TypedDict):
    """The latest value of a metric on one node."""

    name: str
    node: str  # "" for the whole
    value: float | None
    text: str
    unit: str
    sampled_at: datetime.datetime | None
    source: str


class Picture(TypedDict):
    """The latest state of an image that a system told of."""

    name: str
    node: str
    sampled_at: datetime.datetime | None
    text: str  # a data URI


def _rows(frame: DataFrame) -> Iterable[Any]:
    """A frame's rows as named tuples: what a cell holds is the column's to know, and no type checker's."""
    return frame.itertuples()


def _records(frame: DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as dicts of plain Python values, None for null: in a third of the time that pandas takes."""
    names = [str(name) for name in frame]
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*(_plain(frame[name]) for name in names), strict=True)
    ]


def _plain(values: Series[Any]) -> list[Any]:
    nothing: Any = None
    if values.dtype != columns.DTYPES["instant"]:
        return list(values.to_numpy("object", na_value=nothing))
    naive = values.dt.tz_convert(None).to_numpy("datetime64[us]").tolist()
    return [None if at is None else at.replace(tzinfo=datetime.UTC) for at in naive]


LISTED = (
    "file_id",
    "file_class",
    "size_bytes",
    "obsid",
    "exposure",
    "seq_num",
    "detector",
    "created_at",
    "transferred_at",
    "ingested_at",
)
SAID = (
    "message",
    "is_dated_ahead",
    "acknowledged",
)  # what a file's line is made of beside those; the last is there where something is known


def file_list(judged: DataFrame, done: DataFrame | None = None) -> DataFrame:
    """All files as the page's list and the CSV have them: path, file_class … ingested_at, reason; by creation, then path.

    `done` may have more instants, a column a stage, in the rows of `judged`, as `done_by_stage` has.
    """
    more = [] if done is None else list(done)
    judged = judged[
        [name for name in (*LISTED, *SAID) if name in judged]
    ]  # the others need not be put in order
    judged = (
        judged
        if done is None
        else pd.concat([judged.drop(columns=more, errors="ignore"), done], axis=1)
    )
    ordered = sort_rows(judged, ["created_at", "file_id"])
    listed = ordered[[*LISTED, *more]].rename(columns={"file_id": "path"})
    return listed.assign(reason=reasons_of(ordered))


def stages_there(ingests: DataFrame, stages: Iterable[str]) -> list[str]:
    """Those of the stages that the night has attempts of, in their order; what was never said to be a stage comes last."""
    there = ingests["stage"].dropna().unique().tolist()
    return [stage for stage in [*stages, *sorted(set(there) - set(stages))] if stage in there]


def done_by_stage(judged: DataFrame, ingests: DataFrame, stages: Sequence[str]) -> DataFrame:
    """When each file last passed each stage: a column `STAGE_at` a stage, in the rows of `judged`."""
    if not stages:
        return pd.DataFrame(index=judged.index)
    done = ingests[ingests["status"].isin(DONE) & ingests["stage"].isin(stages)]
    latest = (
        done.groupby(["file_id", "stage"])["attempted_at"]
        .max()
        .unstack()
        .reindex(index=judged["file_id"], columns=list(stages))
    )
    return (
        latest.astype(columns.DTYPES["instant"])
        .set_axis(judged.index)
        .rename(columns="{}_at".format)
    )


def stage_rows(judged: DataFrame, ingests: DataFrame, stages: Sequence[str]) -> list[Stage]:
    """A row a stage, in their order: how many files passed it, failed or wait in it, and how long after their creation they did.

    The last attempt on a file is the one that counts; what was done before and waits again is both done and waiting. A file
    whose creation nobody knows counts from when it arrived, or was first heard of. Each as `Stage` has it.
    """
    of_file = judged.set_index("file_id")[["created_at", "transferred_at"]]
    heard = ingests.groupby("file_id")["attempted_at"].min()
    began = of_file["created_at"].fillna(of_file["transferred_at"]).fillna(heard)
    done = done_by_stage(judged, ingests, stages).set_index(judged["file_id"])
    rows: list[Stage] = []
    for stage in stages:
        of_stage = ingests[ingests["stage"] == stage]
        last = last_attempts(of_stage)["status"]
        passed = done[f"{stage}_at"].dropna()
        passed = passed[last[passed.index].isin([*DONE, *QUEUED])]
        took = (passed - began).dt.total_seconds().dropna()
        tried = of_stage[~of_stage["status"].isin(WAITING)]
        failed = (
            last_attempts(of_stage)
            .pipe(lambda attempts: attempts[attempts["status"].isin(FAILED)])
            .reset_index()
            .sort_values("attempted_at")
        )
        rows.append(
            {
                "name": stage,
                "n_done": len(passed),
                "n_failed": int(last.isin(FAILED).sum()),
                "n_waiting": int(last.isin(["waiting", "untried", "rerun", "backfill"]).sum()),
                "n_running": int((last == "running").sum()),
                "n_deferred": int((last == "deferred").sum()),
                "n_attempts": len(tried),
                "last_done_at": instant(passed.max()),
                "median_s": round(float(took.median()), 3) if len(took) else None,
                "p90_s": round(float(took.quantile(0.9)), 3) if len(took) else None,
                "failures": _entries(failed),
            }
        )
    return rows


def queue_rows(ingests: DataFrame, queues: Iterable[tuple[str, str]]) -> list[Queue]:
    """The queues' entries, a mapping a queue: name, waiting and errors, each a list of entries, the longest waiting first.

    `queues` are pairs of a source and the stage that is its queue. No queue at all where none has an entry.
    """
    made: list[Queue] = []
    for source, queue in queues:
        own = ingests[(ingests["source"] == source) & (ingests["stage"] == queue)].sort_values(
            "attempted_at", kind="stable"
        )
        waiting, errors = (
            _entries(own[own["status"].isin(states)]) for states in (QUEUED, ("failure",))
        )
        made.append({"name": queue, "source": source, "waiting": waiting, "errors": errors})
    return made if any(queue["waiting"] or queue["errors"] for queue in made) else []


def _entries(attempts: DataFrame) -> list[Entry]:
    return [
        {
            "path": row.file_id,
            "state": row.status,
            "since": instant(row.attempted_at),
            "message": "" if pd.isna(row.message) else row.message,
            "destination": "" if pd.isna(row.destination) else row.destination,
        }
        for row in _rows(attempts)
    ]


def attention(judged: DataFrame) -> list[Attention]:
    """The files that need attention, worst class first, each as `Attention` has it."""
    shown = shown_as(judged)
    order = {name: rank for rank, name in enumerate((columns.LOST.name, *NEEDS_ATTENTION))}
    is_needed = shown.isin(order)
    if not is_needed.any():
        return []
    need = judged[is_needed]
    need = need[[name for name in (*LISTED, *SAID, "tried_at", "n_attempts") if name in need]]
    need = need.assign(shown_as=shown[is_needed], reason=reasons_of(need))
    rows: list[Attention] = []
    for row in _records(need):
        detail = row["message"] or ""
        rows.append(
            {
                "anchor": anchor_of(row["file_id"]),
                "path": row["file_id"],
                "file_class": row["shown_as"],
                "reason": row["reason"],
                "detail": detail if len(detail.splitlines()) > 1 or len(detail) > 500 else "",
                "size_bytes": row["size_bytes"],
                "exposure": row["exposure"] or "",
                "obsid": row["obsid"] or "",
                "seq_num": row["seq_num"],
                "detector": row["detector"] or "",
                "created_at": row["created_at"],
                "transferred_at": row["transferred_at"],
                "tried_at": row["tried_at"],
                "n_attempts": row["n_attempts"],
                "acknowledged": row.get("acknowledged") or "",
            }
        )
    last = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return sorted(
        rows, key=lambda row: (order[row["file_class"]], row["created_at"] or last, row["path"])
    )


def anchor_of(file_id: str) -> str:
    """A file's address on its night's page: the same as long as the file has its path, whatever comes or goes beside it."""
    return _anchor("file", file_id)


def _anchor(prefix: str, text: str) -> str:
    return f"{prefix}-{hex_digest(text, n_bytes=5)}"


_PATH = re.compile(r"[^\s'\"(),;:=]*/[^\s'\"(),;:=]+")
_WITH_DIGITS = re.compile(r"[\w.+-]*\d[\w.:+-]*")
_SEVERAL = re.compile(r"…(?:[\s,]*…)+")


def pattern_of(message: str) -> str:
    """A message's words, with … for what differs from file to file: paths, names and numbers."""
    return _SEVERAL.sub("…", _WITH_DIGITS.sub("…", _PATH.sub("…", message)))


def group_attention(rows: Iterable[Attention]) -> list[AttentionGroup]:
    """The rows of `attention` by class and by what is said of them, the worst class first, in it the largest group, what is known last.

    Mappings: anchor (the first group of a class has the class's own address, to which the findings lead), file_class, words (what is
    said: with … for what differs), detail (the whole message of the first file, "" where the words are all), first_at and last_at
    (of the last attempts or, of what was never tried, of creation or arrival), acknowledged (why they are known, or ""), rows.
    """
    groups: dict[tuple[str, str, str], list[Attention]] = {}
    patterns: dict[str, str] = {}
    for row in rows:
        if row["reason"] not in patterns:
            patterns[row["reason"]] = pattern_of(row["reason"])
        groups.setdefault(
            (row["file_class"], patterns[row["reason"]], row["acknowledged"]), []
        ).append(row)
    rank = {
        name: number
        for number, name in enumerate(dict.fromkeys(file_class for file_class, _, _ in groups))
    }
    made: list[AttentionGroup] = []
    seen: set[str] = set()
    for (file_class, pattern, known), own in sorted(
        groups.items(), key=lambda item: (rank[item[0][0]], item[0][2] != "", -len(item[1]))
    ):
        times = [
            at
            for row in own
            if (at := row["tried_at"] or row["created_at"] or row["transferred_at"])
        ]
        made.append(
            {
                "anchor": _anchor("group", f"{file_class} {pattern}")
                if file_class in seen
                else file_class,
                "file_class": file_class,
                "words": own[0]["reason"] if len({row["reason"] for row in own}) == 1 else pattern,
                "detail": next((row["detail"] for row in own if row["detail"]), ""),
                "first_at": min(times, default=None),
                "last_at": max(times, default=None),
                "acknowledged": known,
                "rows": own,
            }
        )
        seen.add(file_class)
    return made


def group(judged: DataFrame) -> DataFrame:
    """The exposures (a folder, where files have none), by creation: how many files each has, and when the latest of them came.

    Columns name, seq_num, n_files, created_at, transferred_at, ingested_at; and one for each class that the night has files of, in the
    order of `columns.CLASSES`: how many of the exposure's files are in it.
    """
    import numpy as np

    named = judged["obsid"].fillna(judged["exposure"])
    if named.isna().any():
        named = named.fillna(folders(judged["file_id"]))
    codes, names = pd.factorize(named)  # numbers are quicker to group by than names
    order = pd.Index(names).argsort()
    places = order.argsort()[codes]
    latest = judged[["seq_num", "created_at", "transferred_at", "ingested_at"]].groupby(places)
    shown = latest.agg(
        {"seq_num": "first", "created_at": "max", "transferred_at": "max", "ingested_at": "max"}
    )
    shown.insert(0, "name", names[order])
    shown.insert(2, "n_files", np.bincount(places, minlength=len(names)))
    class_codes, classes = pd.factorize(judged["file_class"])
    code_of = {str(name): code for code, name in enumerate(classes)}
    for described in columns.CLASSES:
        if described.name in code_of:
            shown[described.name] = np.bincount(
                places[class_codes == code_of[described.name]], minlength=len(names)
            )
    return shown.sort_values("created_at", kind="stable", ignore_index=True)


# Units of metrics whose `text` is a document, not a word beside a number: an image (a data URI), a list of names (one a line).
DOCUMENT = r"(?:image|text)/"


IMAGE = "image/png"


def latest_metrics(metrics: DataFrame) -> list[Sample]:
    """The latest value of each metric and node of each source: name, node, value, text, unit, sampled_at, source.

    Plain Python values, None for "not available", "" for no text; nodes in the order of their numbers. Documents are left out.
    """
    if metrics.empty:
        return []
    metrics = metrics[~metrics["unit"].str.match(DOCUMENT)]
    latest = metrics.drop_duplicates(["source", "name", "node"], keep="last")
    rows: list[Sample] = [
        {
            "name": row.name_,
            "node": "" if pd.isna(row.node) else row.node,
            "value": None if pd.isna(row.value) else float(row.value),
            "text": "" if pd.isna(row.text) else row.text,
            "unit": "" if pd.isna(row.unit) else row.unit,
            "sampled_at": instant(row.sampled_at),
            "source": row.source,
        }
        for row in _rows(latest.rename(columns={"name": "name_"}))
    ]
    return sorted(rows, key=lambda row: (row["name"], row["source"], in_number_order(row["node"])))


def images(metrics: DataFrame) -> list[Picture]:
    """The latest of each image, as mappings: name, node, sampled_at, text (a data URI)."""
    if metrics.empty:
        return []
    shown = (
        metrics[metrics["unit"] == IMAGE]
        .drop_duplicates(["source", "name", "node"], keep="last")
        .dropna(subset=["text"])
    )
    rows: list[Picture] = [
        {
            "name": row.name_,
            "node": "" if pd.isna(row.node) else row.node,
            "sampled_at": instant(row.sampled_at),
            "text": row.text,
        }
        for row in _rows(shown.rename(columns={"name": "name_"}))
    ]
    return sorted(rows, key=lambda row: (row["name"], in_number_order(row["node"])))
