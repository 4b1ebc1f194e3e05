"""The class of each file, and the times that decide it."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.arrays import fill_missing, index_in, take_rows
from observing_monitor.model.reading import Tables
from observing_monitor.tables.summary import as_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


DONE = ("success", "lost")
# not finished: an earlier success still counts
QUEUED = ("waiting", "running", "deferred")
FAILED = ("failure", "invalid", "unknown")
# states of a file that are no attempt
WAITING = ("untried", "waiting", "running", "deferred", "rerun", "backfill")
# clocks may differ by this much
AHEAD_S = 3600


@dataclass(frozen=True)
class Limits:
    """A stream's settings on when a file is late, small or ignored."""

    # a file that passed it is `ingested`; "" if it is enough that the file is there
    last_stage: str = "ingest"
    pending_limit_s: float = 3600
    small_bytes: int = 10_000
    # patterns of names that the ingester leaves out on purpose
    ignore: tuple[str, ...] = ()


def classify(
    files: DataFrame,
    ingests: DataFrame,
    limits: Limits,
    now: datetime.datetime,
    has_answered: bool = True,
) -> DataFrame:
    """Return files with their class and the facts that decide it.

    Parameters
    ----------
    files, ingests : DataFrame
        Tables of one night, with `columns.FILES` and `columns.INGESTS`.
    limits : Limits
    now : datetime
        Ages of files are counted up to this instant.
    has_answered : bool, optional
        True if the source of the last stage has ever answered for this night. If not, it is
        unknown which files were never tried, so files that are not ingested are pending.

    Returns
    -------
    DataFrame
        `files` with the columns file_class (a name of `columns.CLASSES`), ingested_at,
        tried_at, n_attempts, last_status, message, late_at, the instant until which a
        file may be pending, and is_dated_ahead, True if only a time in the future is known of
        its arrival. `created_at` is the end of the exposure if that is known, so that
        delays count from there, else the file's own time, which a copy may have lost.
    """
    if files.empty and ingests.empty:
        return _classified_nothing().copy(deep=False)
    return _classified(files, ingests, limits, now, has_answered)


# A history has many empty nights, and classifying nothing takes as long as a thousand files.
@functools.cache
def _classified_nothing() -> DataFrame:
    nothing, epoch = Tables.empty(), datetime.datetime.fromtimestamp(0, datetime.UTC)
    return _classified(nothing.files, nothing.ingests, Limits(), epoch, has_answered=True)


def _classified(
    files: DataFrame,
    ingests: DataFrame,
    limits: Limits,
    now: datetime.datetime,
    has_answered: bool,
) -> DataFrame:
    """Return files with their class; arguments as for `classify`."""
    import numpy as np

    stage, instant = limits.last_stage, pd.Timestamp(now)
    rows = index_in(ingests["file_id"], files["file_id"])
    judged, done = _with_attempts(files, ingests, rows, stage)
    status = judged["last_status"]
    # linked and not yet registered, or tried before and to be tried again: time counts anew
    is_again = (status == "unregistered") | (status.isin(WAITING) & (judged["n_attempts"] > 0))
    judged["is_dated_ahead"] = judged["transferred_at"].isna() & (judged["created_at"] > now)
    # no time limit
    is_backlog = status == "backfill"
    since = _known_since(judged, ingests, rows, instant)
    limit = pd.Timedelta(seconds=limits.pending_limit_s)
    judged["late_at"] = (judged["tried_at"].where(is_again, since) + limit).mask(is_backlog)
    is_young = judged["late_at"] > instant
    is_done = (
        status.isin(DONE) | (status.isin(QUEUED) & done.notna()) if stage else judged["on_disk"]
    )
    judged["ingested_at"] = done.where(is_done & bool(stage))
    # the order of the classes in columns.CLASSES
    conditions = {
        "ingested": is_done,
        "gone": ~judged["on_disk"],
        "ignored": (status == "ignored") | matches(judged["name"], limits.ignore),
        "not_fits": judged["kind"] != "fits",
        "failed": status.isin(FAILED) | (is_again & ~is_young & ~is_backlog),
        "pending": is_young | is_backlog | (not has_answered),
        "small": judged["size_bytes"] < limits.small_bytes,
    }
    holds = [held.fillna(False).to_numpy(dtype=bool) for held in conditions.values()]
    names = pd.Series([*conditions, "missing"], dtype="str")
    codes = np.select(holds, range(len(holds)), len(holds))
    judged["file_class"] = names.take(codes).set_axis(files.index)
    return judged


def _with_attempts(
    files: DataFrame, ingests: DataFrame, rows: NDArray[int64], stage: str
) -> tuple[DataFrame, Series[Any]]:
    """Return files with their last attempt, and last success, of a stage.

    `rows` is the row of each attempt's file, or -1.
    """
    import numpy as np

    n = len(files)
    is_here = (rows >= 0) & (ingests["stage"] == stage).to_numpy(dtype=bool)
    of_stage = _where(ingests[["status", "message", "attempted_at", "attempt"]], is_here)
    rows = rows[is_here]
    last = take_rows(
        of_stage[["status", "message", "attempted_at"]],
        _last_attempt(of_stage, rows, n),
        files.index,
    )
    is_tried = ~of_stage["status"].isin(WAITING).to_numpy(dtype=bool)
    judged = files.assign(
        created_at=files["exposed_at"].fillna(files["created_at"]),
        last_status=last["status"],
        message=last["message"],
        tried_at=last["attempted_at"],
        n_attempts=np.bincount(rows[is_tried], minlength=n),
    )
    is_success = of_stage["status"].isin(DONE).to_numpy(dtype=bool)
    succeeded = _where(of_stage[["attempted_at", "attempt"]], is_success)
    last_success = _last_attempt(succeeded, rows[is_success], n)
    done = take_rows(succeeded[["attempted_at"]], last_success, files.index)["attempted_at"]
    return judged, done


def _where(frame: DataFrame, holds: NDArray[bool_]) -> DataFrame:
    """Return the rows where a condition holds, with a new index."""
    return (frame if holds.all() else frame[holds]).reset_index(drop=True)


def _last_attempt(attempts: DataFrame, rows: NDArray[int64], n: int) -> NDArray[int64]:
    """Return the row of the last attempt on each of n files, or -1.

    `rows` is the row of each attempt's file.
    """
    import numpy as np

    last = np.full(n, -1)
    if np.bincount(rows, minlength=1).max() <= 1:  # nothing to sort
        last[rows] = np.arange(len(rows))
        return last
    number = attempts["attempt"].to_numpy("int64", na_value=-(2**63))
    # NaT is the smallest integer, so it comes first
    order = np.lexsort((number, attempts["attempted_at"].astype("int64")))
    # of several attempts on a file, the one assigned last stays
    last[rows[order]] = order
    return last


def _known_since(
    judged: DataFrame, ingests: DataFrame, rows: NDArray[int64], now: pd.Timestamp
) -> Series[pd.Timestamp]:
    """Return when each file was created, arrived or was first tried.

    A creation in the future is used only if nothing else is known. Otherwise a file dated ten
    years ahead would be pending for ten years. `rows` is the row of each attempt's file, or -1.
    """
    created = judged["created_at"].mask(judged["created_at"] > now)
    since = fill_missing(created, judged["transferred_at"])
    if since.isna().any():
        since = since.fillna(_first_attempts(ingests, rows, judged.index))
    return fill_missing(since, judged["created_at"])


def _first_attempts(ingests: DataFrame, rows: NDArray[int64], index: pd.Index[Any]) -> Series[Any]:
    """Return the time of the first attempt on each file, or NaT."""
    import numpy as np

    known = np.flatnonzero((rows >= 0) & ingests["attempted_at"].notna().to_numpy())
    instants = ingests["attempted_at"].iloc[known].astype("int64").to_numpy()
    first = np.full(len(index), -(2**63))  # NaT
    order = np.argsort(-instants, kind="stable")
    first[rows[known][order]] = instants[order]
    return pd.Series(first.view("datetime64[us]"), index=index).dt.tz_localize("UTC")


def matches(names: Series[str], patterns: Iterable[str]) -> Series[bool]:
    """Return True for each name that a pattern fits."""
    matched = pd.Series(False, index=names.index)
    for pattern in patterns:
        matched |= names.map(lambda name, pattern=pattern: fnmatch(name, pattern)).astype(bool)
    return matched


def last_attempts(ingests: DataFrame) -> DataFrame:
    """Return the last attempt on each file, indexed by file_id."""
    ordered = ingests.sort_values(["attempted_at", "attempt"], na_position="first")
    return ordered.drop_duplicates("file_id", keep="last").set_index("file_id")


def first_errors(judged: DataFrame) -> dict[str, datetime.datetime]:
    """Return when the first error of each class occurred.

    Class -> instant, for `failed` and `missing` if they have a file with a time: the attempt of
    a failed file, the arrival, or else the creation, of a missing one.
    """
    times = {
        "failed": judged["tried_at"],
        "missing": judged["transferred_at"].fillna(judged["created_at"]),
    }
    first = {
        name: as_datetime(at[judged["file_class"] == name].min()) for name, at in times.items()
    }
    return {name: at for name, at in first.items() if at}


def misdated(judged: DataFrame) -> Series[float]:
    """Return how many seconds late files are dated.

    That is, after they arrived, by path; only those by more than AHEAD_S. A clock must be wrong.
    """
    seconds = (judged["created_at"] - judged["transferred_at"]).dt.total_seconds()
    is_ahead = seconds > AHEAD_S
    return seconds[is_ahead].set_axis(judged.loc[is_ahead, "file_id"])


def count_misdated(judged: DataFrame) -> tuple[int, float]:
    """Return the number of misdated files, and the largest gap."""
    seconds = misdated(judged)
    return len(seconds), float(seconds.max()) if len(seconds) else 0.0


def next_change(judged: DataFrame, has_answered: bool = True) -> datetime.datetime | None:
    """Return when time alone will change a class, or None."""
    if not has_answered:
        return None
    return as_datetime(judged.loc[judged["file_class"] == "pending", "late_at"].min())


def shown_class(judged: DataFrame) -> Series[str]:
    """Return each file's class as pages show it.

    `lost` if the file was ingested and is no longer in the repository.
    """
    is_lost = (judged["last_status"] == "lost") & (judged["file_class"] == "ingested")
    return judged["file_class"].mask(is_lost, columns.LOST.name)
