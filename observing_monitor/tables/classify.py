"""Put every file into one class."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns
from observing_monitor.model.arrays import index_in, take_rows
from observing_monitor.model.reading import Tables
from observing_monitor.tables.summary import instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


DONE = ("success", "lost")
QUEUED = ("waiting", "running", "deferred")  # no outcome yet: what was done before still holds
FAILED = ("failure", "invalid", "unknown")
WAITING = (
    "untried",
    "waiting",
    "running",
    "deferred",
    "rerun",
    "backfill",
)  # said of a file, but no attempt
AHEAD_S = 3600  # so far clocks may disagree


@dataclass(frozen=True)
class Limits:
    """What a stream's settings say of when a file is late, small or left out."""

    last_stage: str = "ingest"  # a file that passed it is `ingested`; "" where a file that is there is all that is wanted
    pending_limit_s: float = 3600
    small_bytes: int = 10_000
    ignore: tuple[str, ...] = ()  # patterns of names that the ingester leaves out on purpose


def last_attempts(ingests: DataFrame) -> DataFrame:
    """The attempt that counts, of each file: the latest; a row a file, indexed by file_id."""
    ordered = ingests.sort_values(["attempted_at", "attempt"], na_position="first")
    return ordered.drop_duplicates("file_id", keep="last").set_index("file_id")


def _where(frame: DataFrame, holds: NDArray[bool_]) -> DataFrame:
    """The rows of a frame for which something holds, numbered anew; the frame itself where it holds for all."""
    return (frame if holds.all() else frame[holds]).reset_index(drop=True)


def _last_by_place(ingests: DataFrame, places: NDArray[int64], n: int) -> NDArray[int64]:
    """The row of the attempt that counts, for each of n files; -1 where there is none. `places` tell each attempt's file."""
    import numpy as np

    rows = np.full(n, -1)
    number = ingests["attempt"].to_numpy("int64", na_value=-(2**63))
    order = np.lexsort(
        (number, ingests["attempted_at"].astype("int64"))
    )  # NaT is the smallest number: it comes first
    rows[places[order]] = order  # of several that are written to one place the last stays
    return rows


def classify(
    files: DataFrame,
    ingests: DataFrame,
    limits: Limits,
    now: datetime.datetime,
    is_told: bool = True,
) -> DataFrame:
    """Each file's class, why, and when it passed the last stage.

    Parameters
    ----------
    files, ingests : DataFrame
        One night's, as `columns.FILES` and `columns.INGESTS`.
    limits : Limits
    now : datetime
        Ages are counted up to here.
    is_told : bool
        Whether the last stage's source ever answered for this night: if not, nobody can say that a file was never tried,
        and what is not ingested is pending, however old.

    Returns
    -------
    DataFrame
        `files` with file_class (a name of `columns.CLASSES`), ingested_at, tried_at, n_attempts, last_status, message and
        late_at, the instant when a file that is pending won't be any longer, and is_dated_ahead, True if nothing but
        a time in the future says when it came. `created_at` is the end of the exposure
        where that is known, so that delays run from there; the file's own time, which a copy may lack, where not.
    """
    if files.empty and ingests.empty:
        return _classified_nothing().copy(deep=False)
    return _classified(files, ingests, limits, now, is_told)


@functools.cache  # a history has many empty nights, and to classify nothing takes as long as a thousand files
def _classified_nothing() -> DataFrame:
    nothing = Tables.empty()
    return _classified(
        nothing.files,
        nothing.ingests,
        Limits(),
        datetime.datetime.fromtimestamp(0, datetime.UTC),
        is_told=True,
    )


def _classified(
    files: DataFrame, ingests: DataFrame, limits: Limits, now: datetime.datetime, is_told: bool
) -> DataFrame:
    import numpy as np

    stage, now, n = limits.last_stage, pd.Timestamp(now), len(files)
    all_places = index_in(ingests["file_id"], files["file_id"])
    is_here = (all_places >= 0) & (ingests["stage"] == stage).to_numpy(dtype=bool)
    of_stage, places = (
        _where(ingests[["status", "message", "attempted_at", "attempt"]], is_here),
        all_places[is_here],
    )
    told = take_rows(
        of_stage[["status", "message", "attempted_at"]],
        _last_by_place(of_stage, places, n),
        files.index,
    )
    tried = ~of_stage["status"].isin(WAITING).to_numpy(dtype=bool)
    judged = files.assign(
        created_at=files["exposed_at"].fillna(files["created_at"]),
        last_status=told["status"],
        message=told["message"],
        tried_at=told["attempted_at"],
        n_attempts=np.bincount(places[tried], minlength=n),
    )
    status = judged["last_status"]
    is_success = of_stage["status"].isin(DONE).to_numpy(dtype=bool)
    succeeded, its_places = (
        _where(of_stage[["attempted_at", "attempt"]], is_success),
        places[is_success],
    )
    done = take_rows(
        succeeded[["attempted_at"]], _last_by_place(succeeded, its_places, n), files.index
    )["attempted_at"]
    first_heard = _first_heard(ingests, all_places, files.index)
    limit = pd.Timedelta(seconds=limits.pending_limit_s)
    # linked and not yet registered, or tried before and to be tried again: the time counts from then
    is_again = (status == "unregistered") | (status.isin(WAITING) & (judged["n_attempts"] > 0))
    # a time that is yet to come says when nothing was: a file dated in ten years would be pending for so long
    created = judged["created_at"].mask(judged["created_at"] > now)
    since = (
        created.fillna(judged["transferred_at"]).fillna(first_heard).fillna(judged["created_at"])
    )
    judged["is_dated_ahead"] = judged["transferred_at"].isna() & (judged["created_at"] > now)
    is_backlog = status == "backfill"  # nobody expects it by any time
    judged["late_at"] = (judged["tried_at"].where(is_again, since) + limit).mask(is_backlog)
    young = judged["late_at"] > now
    is_done = (
        status.isin(DONE) | (status.isin(QUEUED) & done.notna()) if stage else judged["on_disk"]
    )
    judged["ingested_at"] = done.where(is_done & bool(stage))
    conditions = [
        ("ingested", is_done),
        ("gone", ~judged["on_disk"]),
        ("ignored", (status == "ignored") | _matches(judged["name"], limits.ignore)),
        ("not_fits", judged["kind"] != "fits"),
        ("failed", status.isin(FAILED) | (is_again & ~young & ~is_backlog)),
        ("pending", young | is_backlog | (not is_told)),
        ("small", judged["size_bytes"] < limits.small_bytes),
    ]
    holds = [held.fillna(False).to_numpy(dtype=bool) for _, held in conditions]
    words = pd.Series([*(name for name, _ in conditions), "missing"], dtype="str")
    judged["file_class"] = words.take(np.select(holds, range(len(holds)), len(holds))).set_axis(
        files.index
    )
    return judged


def _first_heard(ingests: DataFrame, places: NDArray[int64], index: pd.Index[Any]) -> Series[Any]:
    """The earliest instant at which any attempt told of each file; NaT where none did."""
    import numpy as np

    known = np.flatnonzero((places >= 0) & ingests["attempted_at"].notna().to_numpy())
    instants = ingests["attempted_at"].iloc[known].astype("int64").to_numpy()
    first = np.full(len(index), -(2**63))  # pandas' NaT
    order = np.argsort(-instants, kind="stable")
    first[places[known][order]] = instants[order]
    return pd.Series(first.view("datetime64[us]"), index=index).dt.tz_localize("UTC")


def _matches(names: Series[str], patterns: Iterable[str]) -> Series[bool]:
    matched = pd.Series(False, index=names.index)
    for pattern in patterns:
        matched |= names.map(lambda name, pattern=pattern: fnmatch(name, pattern)).astype(bool)
    return matched


def since(judged: DataFrame) -> dict[str, datetime.datetime]:
    """When the first file of each class that is an error was tried, or had come where none was: class -> instant."""
    times = {
        "failed": judged["tried_at"],
        "missing": judged["transferred_at"].fillna(judged["created_at"]),
    }
    first = {name: instant(at[judged["file_class"] == name].min()) for name, at in times.items()}
    return {name: at for name, at in first.items() if at}


def ahead(judged: DataFrame) -> tuple[int, float]:
    """How many files are dated more than AHEAD_S after they had come, and by how many seconds at most: some clock is wrong."""
    seconds = (judged["created_at"] - judged["transferred_at"]).dt.total_seconds()
    seconds = seconds[seconds > AHEAD_S]
    return len(seconds), float(seconds.max()) if len(seconds) else 0.0


def next_change(judged: DataFrame, is_told: bool = True) -> datetime.datetime | None:
    """The instant when time alone will next change a class, or None."""
    return (
        instant(judged.loc[judged["file_class"] == "pending", "late_at"].min()) if is_told else None
    )


def shown_as(judged: DataFrame) -> Series[str]:
    """Each file's class as a page lists it: `lost` for what was ingested, and is since gone from the repository."""
    is_lost = (judged["last_status"] == "lost") & (judged["file_class"] == "ingested")
    return judged["file_class"].mask(is_lost, columns.LOST.name)
