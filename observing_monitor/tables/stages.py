"""Numbers of a night's stages, and the entries of queues."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, TypedDict

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.tables.classify import DONE, FAILED, QUEUED, WAITING, last_attempts
from observing_monitor.tables.summary import as_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from pandas import DataFrame, Series


class AttemptEntry(TypedDict):
    """An attempt in a list of those that wait or failed."""

    path: str
    # a key of columns.STATUSES
    state: str
    since: datetime.datetime | None
    message: str
    destination: str


class StageCounts(TypedDict):
    """Numbers of a night's files in one stage, by last attempt.

    A file that passed the stage and waits for it again is both done and waiting.
    """

    name: str
    n_done: int
    n_failed: int
    n_waiting: int
    n_running: int
    n_deferred: int
    n_attempts: int
    last_done_at: datetime.datetime | None
    # seconds from a file's creation until it passed the stage
    median_s: float | None
    p90_s: float | None


class Stage(StageCounts):
    """Numbers of a stage, and its failures, the earliest first."""

    failures: list[AttemptEntry]


class SourceQueue(TypedDict):
    """A source's queue: what waits and what failed, the longest waiting first."""

    name: str
    source: str
    waiting: list[AttemptEntry]
    errors: list[AttemptEntry]


def stages_there(ingests: DataFrame, stages: Iterable[str]) -> list[str]:
    """Return the stages that a night has attempts of, in their order.

    Stages that are not among `stages` come last.
    """
    there = ingests["stage"].dropna().unique().tolist()
    return [stage for stage in [*stages, *sorted(set(there) - set(stages))] if stage in there]


def done_by_stage(judged: DataFrame, ingests: DataFrame, stages: Sequence[str]) -> DataFrame:
    """Return when each file last passed each stage.

    One column `STAGE_at` per stage, in the rows of `judged`.
    """
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
    """Return the numbers of each stage, in the order of `stages`.

    Times count from a file's creation, or from its arrival or first attempt if that is unknown.
    """
    of_file = judged.set_index("file_id")[["created_at", "transferred_at"]]
    first_attempts = ingests.groupby("file_id")["attempted_at"].min()
    began = of_file["created_at"].fillna(of_file["transferred_at"]).fillna(first_attempts)
    done = done_by_stage(judged, ingests, stages).set_index(judged["file_id"])
    return [
        _stage(stage, ingests[ingests["stage"] == stage], done[f"{stage}_at"], began)
        for stage in stages
    ]


def _stage(name: str, attempts: DataFrame, done_at: Series[Any], began: Series[Any]) -> Stage:
    """Return the numbers of one stage.

    Parameters
    ----------
    name : str
    attempts : DataFrame
        On all files, of this stage.
    done_at, began : Series of instants
        When each file passed the stage, and when its time begins; by file_id.
    """
    last = last_attempts(attempts)
    status = last["status"]
    passed = done_at.dropna()
    passed = passed[status[passed.index].isin([*DONE, *QUEUED])]
    took = (passed - began).dt.total_seconds().dropna()
    failed = last[status.isin(FAILED)].reset_index().sort_values("attempted_at")
    return {
        "name": name,
        "n_done": len(passed),
        "n_failed": int(status.isin(FAILED).sum()),
        "n_waiting": int(status.isin(["waiting", "untried", "rerun", "backfill"]).sum()),
        "n_running": int((status == "running").sum()),
        "n_deferred": int((status == "deferred").sum()),
        "n_attempts": int((~attempts["status"].isin(WAITING)).sum()),
        "last_done_at": as_datetime(passed.max()),
        "median_s": round(float(took.median()), 3) if len(took) else None,
        "p90_s": round(float(took.quantile(0.9)), 3) if len(took) else None,
        "failures": _entries(failed),
    }


def queue_rows(ingests: DataFrame, queues: Iterable[tuple[str, str]]) -> list[SourceQueue]:
    """Return the entries of queues; [] if none has any.

    `queues` are pairs of a source and the stage that is its queue.
    """
    made: list[SourceQueue] = []
    for source, queue in queues:
        own = ingests[(ingests["source"] == source) & (ingests["stage"] == queue)].sort_values(
            "attempted_at", kind="stable"
        )
        waiting, errors = (
            _entries(own[own["status"].isin(states)]) for states in (QUEUED, ("failure",))
        )
        made.append({"name": queue, "source": source, "waiting": waiting, "errors": errors})
    return made if any(queue["waiting"] or queue["errors"] for queue in made) else []


def _entries(attempts: DataFrame) -> list[AttemptEntry]:
    rows: Iterable[Any] = attempts.itertuples()
    return [
        {
            "path": row.file_id,
            "state": row.status,
            "since": as_datetime(row.attempted_at),
            "message": "" if pd.isna(row.message) else row.message,
            "destination": "" if pd.isna(row.destination) else row.destination,
        }
        for row in rows
    ]
