"""From what sources answered to what a night was: pure functions, DataFrames in, new DataFrames out."""

from __future__ import annotations

import datetime
import functools
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, TypedDict

import pandas as pd

from observing_monitor import columns
from observing_monitor.columns import Column
from observing_monitor.names import FITS_ENDING, folders, in_number_order, kinds, last_parts

if TYPE_CHECKING:
    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.sources import Reading

    AnyArray = Any  # Arrow's arrays: their stubs tell kinds apart that the functions of pyarrow.compute don't
    Texts = Series[str] | AnyArray

DONE = ("success", "lost")
ENRICHED = (
    "obsid",
    "exposure",
    "seq_num",
    "detector",
    "exposed_at",
)  # what files gain from their attempts
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
NEEDS_ATTENTION = (
    "failed",
    "missing",
    "gone",
    "small",
    "pending",
)  # in the order in which a page shows them


@dataclass
class Tables:
    """The three tables of one night, with the columns of `columns.TABLES`."""

    files: pd.DataFrame
    ingests: pd.DataFrame
    metrics: pd.DataFrame

    @classmethod
    def empty(cls) -> Tables:
        return cls(*(columns.empty(described) for described in columns.TABLES.values()))


@dataclass(frozen=True)
class Limits:
    """What a stream's settings say of when a file is late, small or left out."""

    last_stage: str = "ingest"  # a file that passed it is `ingested`; "" where a file that is there is all that is wanted
    pending_limit_s: float = 3600
    small_bytes: int = 10_000
    ignore: tuple[str, ...] = ()  # patterns of names that the ingester leaves out on purpose


def update(known: Tables, readings: Mapping[str, Reading], silent: Collection[str] = ()) -> Tables:
    """A night's tables after its sources were read.

    Parameters
    ----------
    known : Tables
        The night as it was.
    readings : dict of str to Reading
        By source; only sources that answered.
    silent : collection of str
        Sources of the stream that did not answer: all that they told stays. So does what sources told that are no longer among
        the stream's: but for what another tells now, be it the same source by another name.

    Returns
    -------
    Tables
        A source that answered replaces what it told before. A file that it no longer has is kept, as not on disk, and a
        time of transfer once known stays until the file itself changes.
    """
    removed = sources_of(known) - set(readings) - set(silent)
    files = [_of(known.files, silent)]
    for name, reading in readings.items():
        if reading.files is not None:
            files.append(
                _keep_known(_of(known.files, [name]), reading.files.assign(source=name), reading)
            )
    files.append(_of(known.files, removed))
    # where two sources tell of one file, one that still has it comes first, and one that was removed last
    store = _joined(files, columns.FILES)
    if not store["on_disk"].all():
        store = store.sort_values("on_disk", ascending=False, kind="stable")
    if not _is_in_order(store["file_id"]):  # in which nothing comes twice
        store = store.drop_duplicates("file_id")
    attempts = _joined(
        [*_earlier_attempts(known, readings), *_attempts(readings)], columns.ATTEMPTS
    )
    made_up = _of(
        known.files, [name for name, reading in readings.items() if reading.files is None]
    )
    store, found = match(store, attempts, made_up)
    store = _without_doubles(store, removed)
    if logs := [name for name, reading in readings.items() if reading.append_attempts]:
        told_twice = found.duplicated(["source", "file_id", "stage", "attempted_at"], keep="last")
        found = found[~(found["source"].isin(logs) & told_twice)]
    left = _of(known.ingests, removed)
    left = _but(
        left[places_of(left["file_id"], store["file_id"]) >= 0],
        found,
        ["file_id", "stage", "attempted_at"],
    )
    ingests = _joined([_of(known.ingests, silent), found, left], columns.INGESTS)
    metrics = _latest_images(
        _joined([_kept_metrics(known.metrics, readings), *_metrics(readings)], columns.METRICS)
    )
    is_left = metrics["source"].isin(removed)
    left = _but(metrics[is_left], metrics[~is_left], ["name", "node", "sampled_at"])
    metrics = _joined([left, metrics[~is_left]], columns.METRICS)
    return Tables(
        in_order(store, ["file_id"]),
        in_order(ingests, ["file_id", "stage", "attempted_at", "attempt"]),
        in_order(
            metrics.drop_duplicates(["source", "name", "node", "sampled_at"], keep="last"),
            ["name", "node", "sampled_at"],
        ),
    )


def _of(frame: DataFrame, sources: Collection[str]) -> DataFrame:
    """The rows of some sources."""
    return frame[frame["source"].isin(list(sources))] if sources else frame[:0]


def sources_of(known: Tables) -> set[str]:
    """The names of all sources that a night's tables have something of."""
    return {
        name
        for table in (known.files, known.ingests, known.metrics)
        for name in table["source"].dropna().unique()
    }


def _but(rows: DataFrame, others: DataFrame, keys: list[str]) -> DataFrame:
    """The rows that are not among others, by some columns."""
    if rows.empty or others.empty:
        return rows
    return rows[~pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(others[keys]))]


def _without_doubles(files: DataFrame, removed: Collection[str]) -> DataFrame:
    """Files without those of sources that were removed which stand for an attempt alone, where another source has the name."""
    if not removed:
        return files
    is_left = files["source"].isin(removed)
    made_up = [
        file_id.startswith(f"{source}:")
        for file_id, source in zip(files["file_id"], files["source"], strict=True)
    ]
    return files[
        ~(
            is_left
            & pd.Series(made_up, index=files.index)
            & (places_of(files["name"], files.loc[~is_left, "name"]) >= 0)
        )
    ]


def split_history(known: Tables) -> tuple[Tables, Tables]:
    """A night's Tables as two: what sources told, and what was taken over from the prototype's database."""
    parts = [
        (frame, frame["source"] == columns.HISTORY)
        for frame in (known.files, known.ingests, known.metrics)
    ]
    return Tables(*(frame[~is_old] for frame, is_old in parts)), Tables(
        *(frame[is_old] for frame, is_old in parts)
    )


def join_history(new: Tables, before: Tables) -> Tables:
    """What is taken over now with what was before: a row of the same file, stage, or metric and time is the new one."""
    joined = {}
    for name, described in columns.TABLES.items():
        now, old = getattr(new, name), getattr(before, name)
        joined[name] = _joined(
            [now, old[~history_keys(name, old).isin(history_keys(name, now))]], described
        )
    return Tables(**joined)


def history_keys(name: str, frame: DataFrame) -> pd.MultiIndex:
    """What tells the rows of one of the tables apart, where two may tell the same history."""
    by = {
        "files": ["file_id"],
        "ingests": ["file_id", "stage"],
        "metrics": ["name", "node", "sampled_at"],
    }[name]
    return pd.MultiIndex.from_frame(frame[by].astype("str"))


def with_history(told: Tables, history: Tables) -> Tables:
    """A night's tables with what was taken over from the prototype's database, in whichever order the two came.

    Parameters
    ----------
    told : Tables
        What the stream's sources tell of the night; empty where they never did.
    history : Tables
        What the prototype knew: all of source `columns.HISTORY`.

    Returns
    -------
    Tables
        A file that both know is one row, the source's, which gains what only the prototype knew of it; so is a stage of it
        that both know. All else that the prototype knew stays. Where a source lists the night's files, those that it does
        not list are no longer on disk.
    """
    if not any(len(frame) for frame in (history.files, history.ingests, history.metrics)):
        return told
    files, old = told.files, history.files
    made_up = is_made_up(files)
    # a raw that only the registry tells of is the file that the prototype saw linked, or listed, there
    by_path = pd.concat(
        [
            history.ingests.dropna(subset=["destination"]).set_index("destination")["file_id"],
            old["file_id"].set_axis(old["file_id"]),
        ]
    )
    same = files.loc[made_up, "path"].map(by_path[~by_path.index.duplicated()]).dropna()
    renamed = dict(zip(files.loc[same.index, "file_id"], same, strict=True))
    ingests = (
        told.ingests.assign(
            file_id=[renamed.get(file_id, file_id) for file_id in told.ingests["file_id"]]
        )
        if renamed
        else told.ingests
    )
    old = _filled(old, files.loc[same.index].assign(file_id=same), ENRICHED)
    if not made_up.all():
        old = old.assign(on_disk=False)
    files = _filled(files.drop(same.index), old, (*ENRICHED, "transferred_at"))
    old = old[places_of(old["file_id"], files["file_id"]) < 0]
    kept = history.ingests[places_of(_of_stage(history.ingests), _of_stage(ingests)) < 0]
    return Tables(
        in_order(_joined([files, old], columns.FILES), ["file_id"]),
        in_order(
            _joined([ingests, kept], columns.INGESTS),
            ["file_id", "stage", "attempted_at", "attempt"],
        ),
        in_order(
            _joined([told.metrics, history.metrics], columns.METRICS),
            ["name", "node", "sampled_at"],
        ),
    )


def _of_stage(ingests: DataFrame) -> Series[str]:
    return ingests["file_id"] + "\0" + ingests["stage"]


def _filled(files: DataFrame, others: DataFrame, facts: Iterable[str]) -> DataFrame:
    """Files with those facts filled, where they are null, that other rows of the same file_id have."""
    theirs = taken(others[list(facts)], places_of(files["file_id"], others["file_id"]), files.index)
    return files.assign(**{fact: files[fact].fillna(theirs[fact]) for fact in facts})


def _joined(frames: Iterable[DataFrame], described: Sequence[Column]) -> DataFrame:
    """Frames one below the other; empty ones are left out, for they would spoil the others' dtypes."""
    kept = [frame for frame in frames if len(frame)]
    return (
        columns.frame(described, pd.concat(kept, ignore_index=True))
        if kept
        else columns.empty(described)
    )


def in_order(frame: DataFrame, by: list[str]) -> DataFrame:
    """A frame in order of these columns, nulls last; as sort_values, but quick with text."""
    if len(frame) < 2:
        return frame.reset_index(drop=True)
    import numpy as np

    if _is_in_order(frame[by[0]]):
        return frame.reset_index(drop=True)
    keys = [_ranks(frame[name]) for name in by]
    keys = [
        key for key in keys if key.min() != key.max()
    ]  # a column of one value says nothing of the order
    order = np.lexsort(keys[::-1]) if keys else np.arange(len(frame))
    if (order[1:] > order[:-1]).all():
        return frame.reset_index(drop=True)
    return frame.take(order).reset_index(drop=True)


def _is_in_order(values: Series[Any]) -> bool:
    """Whether each of a column's texts comes after the one before: then nothing else can change the order."""
    import pyarrow.compute as pc

    if values.dtype != columns.DTYPES["text"]:
        return False
    texts = columns.arrow(values)
    return texts.null_count == 0 and bool(pc.all(pc.less(texts[:-1], texts[1:])).as_py())


def _ranks(values: Series[Any]) -> NDArray[int64]:
    """Whole numbers in the order of a column's values, the largest for null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.dtype == columns.DTYPES["text"]:
        return pc.rank(pa.array(values), tiebreaker="dense").to_numpy()
    largest = np.iinfo("int64").max
    if values.dtype == columns.DTYPES["instant"]:
        return np.where(values.isna(), largest, values.astype("int64"))
    return values.to_numpy("int64", na_value=largest)


def places_of(wanted: Texts, among: Texts) -> NDArray[int64]:
    """Where each of a column of texts first stands in another, -1 where it does not; quicker than pandas' own ways by far."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(wanted) or not len(among):
        return np.full(len(wanted), -1)
    return (
        pc.index_in(pa.array(wanted), value_set=pa.array(among), skip_nulls=True)
        .fill_null(-1)
        .to_numpy()
    )


def _kept_metrics(known: DataFrame, readings: Mapping[str, Reading]) -> DataFrame:
    """The metrics that stay: of sources which did not tell any now, or whose samples add to a history."""
    replaced = [
        name
        for name, reading in readings.items()
        if reading.metrics is not None and not reading.append
    ]
    return known[~known["source"].isin(replaced)]


def _attempts(readings: Mapping[str, Reading]) -> list[DataFrame]:
    return [
        r.attempts.assign(source=name) for name, r in readings.items() if r.attempts is not None
    ]


def _earlier_attempts(known: Tables, readings: Mapping[str, Reading]) -> list[DataFrame]:
    """What logs told earlier, as attempts that look for their files again; what was under way then is told anew."""
    earlier = known.ingests[
        known.ingests["source"].isin([n for n, r in readings.items() if r.append_attempts])
        & (known.ingests["status"] != "running")
    ]
    if earlier.empty:
        return []
    files = (
        known.files.drop_duplicates("file_id")
        .set_index("file_id")
        .reindex(earlier["file_id"])
        .set_axis(earlier.index)
    )
    facts = {
        name: files[name]
        for name in ("size_bytes", "created_at", "obsid", "exposure", "seq_num", "detector")
    }
    own = earlier["source"] + ":"
    path = [
        i.removeprefix(o) if i.startswith(o) else name
        for i, o, name in zip(earlier["file_id"], own, files["name"], strict=True)
    ]
    return [earlier.assign(path=path, names=files["name"], **facts).dropna(subset=["names"])]


def _metrics(readings: Mapping[str, Reading]) -> list[DataFrame]:
    return [r.metrics.assign(source=name) for name, r in readings.items() if r.metrics is not None]


def _latest_images(metrics: DataFrame) -> DataFrame:
    """Metrics with each image in its latest state alone: a history of images would outgrow all else."""
    is_image = metrics["unit"].str.startswith("image/")
    if not is_image.any():
        return metrics
    latest = (
        metrics[is_image]
        .sort_values("sampled_at", kind="stable")
        .drop_duplicates(["source", "name", "node"], keep="last")
    )
    return pd.concat([metrics[~is_image], latest], ignore_index=True)


def _keep_known(known: DataFrame, seen: DataFrame, reading: Reading) -> DataFrame:
    """A source's files now, with what was known of them before and of those that it no longer has."""
    import numpy as np

    if known.empty:
        return seen
    places = places_of(seen["file_id"], known["file_id"])
    was = taken(
        known[["size_bytes", "inode", "created_at", "transferred_at", *ENRICHED]],
        places,
        seen.index,
    )
    is_same = pd.Series(True, index=seen.index)
    for fact in ("size_bytes", "inode", "created_at"):
        is_same &= (was[fact] == seen[fact]).fillna(False).astype(bool)
    # a change time moves when a link is made or the mode is set, though nothing came anew: the earliest is the arrival
    is_earlier = is_same & (
        (was["transferred_at"] < seen["transferred_at"]) | seen["transferred_at"].isna()
    )
    facts = {}
    if is_earlier.any():
        facts["transferred_at"] = seen["transferred_at"].mask(is_earlier, was["transferred_at"])
    # what a registry told of the file stays, for it may not answer this time
    for fact in ENRICHED:
        if seen[fact].isna().any():
            facts[fact] = _or_else(seen[fact], was[fact].where(is_same))
    seen = seen.assign(**facts)
    is_absent = np.ones(len(known), dtype=bool)
    is_absent[places[places >= 0]] = False
    if not is_absent.any():
        return seen
    absent = known[is_absent & ~known["file_id"].isin(reading.elsewhere)]
    unread = tuple(f"{folder}/" if folder else "" for folder in reading.unread)
    return pd.concat(
        [seen, absent.assign(on_disk=absent["on_disk"] & absent["file_id"].str.startswith(unread))]
    )


def _or_else(values: Series[Any], others: Series[Any]) -> Series[Any]:
    """As `fillna`: without the work of it where, as often in a full night, nothing is null or all is."""
    absent = values.isna()
    return others if absent.all() else values.fillna(others) if absent.any() else values


def taken(frame: DataFrame, places: NDArray[int64], index: pd.Index[Any]) -> DataFrame:
    """The rows of a frame at these places, with a new index; nulls where a place is -1."""
    taken = frame.reset_index(drop=True)
    if (places < 0).any():
        return taken.reindex(places).set_axis(index)
    return taken.take(places).set_axis(index)


def match(
    files: DataFrame, attempts: DataFrame, made_up: DataFrame | None = None
) -> tuple[DataFrame, DataFrame]:
    """Find each attempt's file: by device and inode, which covers symlinks and hard links, then by name.

    Parameters
    ----------
    files, attempts : DataFrame
        Columns `columns.FILES` and `columns.ATTEMPTS` with `source`; a `file_id` occurs once.
    made_up : DataFrame, optional
        Files that earlier attempts were all that told of; kept, as not on disk, if neither is told of now.

    Returns
    -------
    files, ingests : DataFrame
        Columns `columns.FILES` and `columns.INGESTS`. The files gain what their attempts know of them: `ENRICHED`, and the
        arrival where nothing else tells it. An attempt without a file makes one, of the attempt's source. Every attempt
        is returned.
    """
    import numpy as np

    made_up = columns.empty(columns.FILES) if made_up is None else made_up
    if attempts.empty:
        orphans = made_up[places_of(made_up["name"], files["name"]) < 0].assign(on_disk=False)
        return _joined([files, orphans], columns.FILES), columns.empty(columns.INGESTS)
    files, attempts = in_order(files, ["file_id"]), attempts.reset_index(drop=True)
    places = _by_inode(files, attempts)
    open_ = np.flatnonzero(places < 0)
    if len(open_):
        is_free = np.ones(len(files), dtype=bool)
        is_free[places[places >= 0]] = False
        free = np.flatnonzero(is_free)
        found = _by_name(files["name"].iloc[free], attempts["names"].iloc[open_])
        places[open_] = np.where(found >= 0, free[found] if len(free) else -1, -1)
    lone, own_ids = places < 0, _own_id(attempts)
    new = attempts[lone].assign(file_id=own_ids[lone]).drop_duplicates(["source", "path"])
    new = new.assign(name=last_parts(new["path"]))
    new = columns.frame(columns.FILES, new.assign(kind=kinds(new["name"]).replace("", "fits")))
    keys = taken(files[["file_id"]], places, attempts.index)["file_id"]
    ingests = columns.frame(columns.INGESTS, attempts.assign(file_id=_or_else(keys, own_ids)))
    # its attempt made it up again, or has found its file by now; a raw without a link goes by another name than with one
    is_told_anew = (places_of(made_up["file_id"], own_ids) >= 0) | (
        places_of(made_up["name"], files["name"]) >= 0
    )
    if not is_told_anew.all():
        is_told_anew |= np.isin(
            np.arange(len(made_up)), _by_name(made_up["name"], attempts["names"])
        )
    orphans = made_up[~is_told_anew]
    return _joined(
        [_enrich(files, attempts, places), new, orphans.assign(on_disk=False)], columns.FILES
    ), ingests


def is_made_up(files: DataFrame) -> Series[bool]:
    """Of each file whether only attempts tell of it, and no source that has files."""
    return files["file_id"] == files["source"] + ":" + files["path"]


def _own_id(attempts: DataFrame) -> Series[str]:
    """The file_id of a file that only a source's attempts tell of."""
    return attempts["source"] + ":" + attempts["path"]


def _by_inode(files: DataFrame, attempts: DataFrame) -> NDArray[int64]:
    """Where each attempt's file stands among the files, by device and inode; -1 where none has them."""
    import numpy as np

    places = np.full(len(attempts), -1)
    there = np.flatnonzero(files["on_disk"] & files["inode"].notna() & files["device"].notna())
    asked = np.flatnonzero(attempts["inode"].notna() & attempts["device"].notna())
    there_on, asked_on = (
        table["device"].iloc[rows].to_numpy("int64")
        for table, rows in ((files, there), (attempts, asked))
    )
    for device in np.unique(asked_on):
        here, wanted = there[there_on == device], asked[asked_on == device]
        inodes = pd.Index(files["inode"].iloc[here].to_numpy("int64"))
        is_first = ~inodes.duplicated()
        found = inodes[is_first].get_indexer(attempts["inode"].iloc[wanted].to_numpy("int64"))
        places[wanted] = np.where(found >= 0, here[is_first][found] if len(here) else -1, -1)
    return places


def _by_name(names: Series[str], wanted: Series[str]) -> NDArray[int64]:
    """Where the first of each attempt's names (a text each, by lines) stands among files' names, with or without a FITS ending; or -1."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places = np.full(len(wanted), -1)
    lines: AnyArray = pc.split_pattern(pa.array(wanted.fillna("")), "\n")
    parents: AnyArray = pc.list_parent_indices(lines)
    rows, forms = parents.to_numpy(), _stems(pc.list_flatten(lines))
    is_empty: AnyArray = pc.equal(forms, pa.scalar(""))
    found = np.where(
        is_empty.to_numpy(zero_copy_only=False), -1, places_of(forms, _stems(pa.array(names)))
    )
    hits = np.flatnonzero(found >= 0)[
        ::-1
    ]  # backwards, so that the first of an attempt's names is written last
    places[rows[hits]] = found[hits]
    return places


def _stems(names: AnyArray) -> AnyArray:
    """An Arrow array of names without their FITS endings."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(names, f"(?i){FITS_ENDING.pattern}", "")


def _enrich(files: DataFrame, attempts: DataFrame, places: NDArray[int64]) -> DataFrame:
    """Files with what their attempts know: the registry's word before what the file's name says."""
    import numpy as np

    rows = np.flatnonzero(places >= 0)
    facts = [*ENRICHED, "transferred_at"]
    if np.bincount(places[rows], minlength=1).max() <= 1:
        of_file = np.full(len(files), -1)
        of_file[places[rows]] = rows
        told = taken(attempts[facts], of_file, files.index)
    else:
        told = (
            attempts[facts]
            .iloc[rows]
            .groupby(places[rows])
            .first()
            .reindex(range(len(files)))
            .set_axis(files.index)
        )
    known = {fact: _or_else(told[fact].astype(files[fact].dtype), files[fact]) for fact in ENRICHED}
    # what was seen of a file's arrival comes before what a table says that somebody noted of it
    return files.assign(
        **known, transferred_at=_or_else(files["transferred_at"], told["transferred_at"])
    )


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
        late_at, the instant when a file that is pending won't be any longer. `created_at` is the end of the exposure
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
    all_places = places_of(ingests["file_id"], files["file_id"])
    is_here = (all_places >= 0) & (ingests["stage"] == stage).to_numpy(dtype=bool)
    of_stage, places = (
        _where(ingests[["status", "message", "attempted_at", "attempt"]], is_here),
        all_places[is_here],
    )
    told = taken(
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
    done = taken(
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
        "missing": judged["created_at"].fillna(judged["transferred_at"]),
    }
    first = {name: _instant(at[judged["file_class"] == name].min()) for name, at in times.items()}
    return {name: at for name, at in first.items() if at}


def ahead(judged: DataFrame) -> tuple[int, float]:
    """How many files are dated more than AHEAD_S after they had come, and by how many seconds at most: some clock is wrong."""
    seconds = (judged["created_at"] - judged["transferred_at"]).dt.total_seconds()
    seconds = seconds[seconds > AHEAD_S]
    return len(seconds), float(seconds.max()) if len(seconds) else 0.0


def next_change(judged: DataFrame, is_told: bool = True) -> datetime.datetime | None:
    """The instant when time alone will next change a class, or None."""
    return (
        _instant(judged.loc[judged["file_class"] == "pending", "late_at"].min())
        if is_told
        else None
    )


def delays(judged: DataFrame) -> DataFrame:
    """Seconds from creation to arrival and from arrival (or creation) to ingest: transfer_s and ingest_s, by row."""
    transfer = judged["transferred_at"] - judged["created_at"]
    ingest = judged["ingested_at"] - judged["transferred_at"].fillna(judged["created_at"])
    return pd.DataFrame(
        {"transfer_s": transfer.dt.total_seconds(), "ingest_s": ingest.dt.total_seconds()}
    )


ALARMING = ("failed", "missing", "gone", "small")  # classes; beside them, whatever was lost


def shown_as(judged: DataFrame) -> Series[str]:
    """Each file's class as a page lists it: `lost` for what was ingested, and is since gone from the repository."""
    is_lost = (judged["last_status"] == "lost") & (judged["file_class"] == "ingested")
    return judged["file_class"].mask(is_lost, columns.LOST.name)


def acknowledge(
    judged: DataFrame, reason_of: Callable[[str, Sequence[str], str], str]
) -> DataFrame:
    """The files with a column `acknowledged`: for what known reason each that would alarm does not; "" for all others.

    `reason_of` is called for each that would: with its class, its names (path, name, exposure, obsid) and what is said of it.
    """
    acknowledged: Series[Any] = pd.Series("", index=judged.index)
    shown = shown_as(judged)
    need = judged[shown.isin([*ALARMING, columns.LOST.name])]
    if len(need):
        names = [need[name].fillna("") for name in ("file_id", "name", "exposure", "obsid")]
        told = zip(shown[need.index], zip(*names, strict=True), _said(need), strict=True)
        acknowledged.loc[need.index] = [reason_of(*values) for values in told]
    return judged.assign(acknowledged=acknowledged)


def count_acknowledged(judged: DataFrame) -> dict[str, dict[str, int]]:
    """How many files of each class (or lost) are acknowledged, for which reason: class -> {reason: count}."""
    known = judged[judged["acknowledged"] != ""]
    made: dict[str, dict[str, int]] = {}
    for name, reason in zip(shown_as(known), known["acknowledged"], strict=True):
        made.setdefault(name, {}).setdefault(reason, 0)
        made[name][reason] += 1
    return made


def summarise(judged: DataFrame) -> dict[str, Any]:
    """A night in numbers: the names of `columns.NIGHTS` but for night, status and info; plain Python values."""
    n = len(judged)
    of_class = judged["file_class"].value_counts()
    counts = {f"n_{c.name}": int(of_class.get(c.name, 0)) for c in columns.CLASSES}
    due = n - counts["n_ignored"] - counts["n_not_fits"]
    is_known = (
        judged["acknowledged"] != ""
        if "acknowledged" in judged
        else pd.Series(False, index=judged.index)
    )
    summary = {
        "n_files": n,
        **counts,
        "n_error": counts["n_failed"] + counts["n_missing"],
        "n_acknowledged": int(is_known.sum()),
        "n_acknowledged_errors": int(
            (is_known & judged["file_class"].isin(["failed", "missing"])).sum()
        ),
        "n_lost": int((judged["last_status"] == "lost").sum()),
        "n_twice": _n_twice(judged.loc[judged["on_disk"], "name"]),
        "n_exposures": int(judged["exposure"].fillna(judged["obsid"]).nunique()),
        "size_bytes": int(judged["size_bytes"].sum())
        if judged["size_bytes"].notna().any()
        else None,
        "completeness": counts["n_ingested"] / due if due else None,
        "first_created_at": _instant(judged["created_at"].min()),
    }
    for stage in ("created", "transferred", "ingested"):
        summary[f"last_{stage}_at"] = _instant(judged[f"{stage}_at"].max())
    late = delays(judged)
    for stage in ("transfer", "ingest"):
        seconds = late[f"{stage}_s"].dropna()
        points = seconds.quantile([0.5, 0.9, 1.0]) if len(seconds) else [None] * 3
        for name, point in zip(("median", "p90", "max"), points, strict=True):
            summary[f"{stage}_delay_{name}_s"] = None if point is None else round(float(point), 3)
    return summary


def _n_twice(names: Series[str]) -> int:
    """How many of a column of names came before."""
    import pyarrow.compute as pc

    if _is_in_order(names):  # as those of files in one folder are
        return 0
    return len(names) - int(pc.count_distinct(columns.arrow(names), mode="all").as_py())


def _instant(value: Any) -> datetime.datetime | None:
    return (
        None
        if value is pd.NaT or pd.isna(value)
        else value.to_pydatetime().astimezone(datetime.UTC)
    )


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
CSV_ROWS = 8192
SAID = (
    "message",
    "acknowledged",
)  # what a file's line is made of beside those; the second is there where something is known


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
    ordered = in_order(judged, ["created_at", "file_id"])
    listed = ordered[[*LISTED, *more]].rename(columns={"file_id": "path"})
    return listed.assign(reason=_reasons(ordered))


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
                "last_done_at": _instant(passed.max()),
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
            "since": _instant(row.attempted_at),
            "message": "" if pd.isna(row.message) else row.message,
            "destination": "" if pd.isna(row.destination) else row.destination,
        }
        for row in _rows(attempts)
    ]


def _reasons(judged: DataFrame) -> Series[str]:
    """Why each file is what it is, in one line; "" where that goes without saying."""
    import pyarrow as pa

    # most files of most nights were ingested without a word: only the others' lines are made
    is_said = (
        (judged["file_class"] != "ingested") | judged["message"].fillna("").ne("")
    ).to_numpy()
    lines = pa.array(["", *_said(judged[is_said])], pa.large_string())
    reasons = columns.texts(lines.take(pa.array(is_said.cumsum() * is_said))).set_axis(judged.index)
    known = judged.get("acknowledged")
    return (
        reasons
        if known is None
        else (reasons + ("; known: " + known).where(known != "", "")).astype("str")
    )


def _said(judged: DataFrame) -> Series[str]:
    since = columns.to_the_second(judged["created_at"].fillna(judged["transferred_at"]))
    facts = zip(
        judged["file_class"], judged["message"].fillna(""), since, judged["size_bytes"], strict=True
    )
    said = [
        _line(file_class, _first_line(message), at, size) for file_class, message, at, size in facts
    ]
    return pd.Series(said, index=judged.index, dtype="str")


def _line(file_class: str, said: str, since: str | None, size: int) -> str:
    """Why a file is in its class, and after it what was said of it."""
    at = f"{since} UTC" if since else "an unknown time"
    if file_class == "missing":
        words = f"never tried; here since {at}"
    elif file_class == "pending":
        words = f"waiting since {at}"
    elif file_class == "small":
        words = f"{size:,} bytes: too small to be an image, and never tried"
    else:
        words = _WORDS.get(file_class, "")
    return f"{words}; {said}" if words and said else words or said


_WORDS = {
    "gone": "no longer on disk, and never ingested",
    "not_fits": "not an image",
    "ignored": "left out on purpose",
}


def _first_line(message: str) -> str:
    """A message's first line; of a traceback the last, which says what went wrong."""
    message = message.strip()
    return (
        message.rpartition("\n")[2]
        if message.startswith("Traceback")
        else message.partition("\n")[0]
    )[:500]


def attention(judged: DataFrame) -> list[Attention]:
    """The files that need attention, worst class first, each as `Attention` has it."""
    shown = shown_as(judged)
    order = {name: rank for rank, name in enumerate((columns.LOST.name, *NEEDS_ATTENTION))}
    is_needed = shown.isin(order)
    if not is_needed.any():
        return []
    need = judged[is_needed]
    need = need[[name for name in (*LISTED, *SAID, "tried_at", "n_attempts") if name in need]]
    need = need.assign(shown_as=shown[is_needed], reason=_reasons(need))
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
    return f"{prefix}-{hashlib.blake2b(text.encode('utf-8', 'backslashreplace'), digest_size=5).hexdigest()}"


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
            "sampled_at": _instant(row.sampled_at),
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
            "sampled_at": _instant(row.sampled_at),
            "text": row.text,
        }
        for row in _rows(shown.rename(columns={"name": "name_"}))
    ]
    return sorted(rows, key=lambda row: (row["name"], in_number_order(row["node"])))


def to_csv(listed: DataFrame) -> Iterator[bytes]:
    """A file list as CSV, as bytes: header, then a row a file; instants in ISO 8601 with Z, nothing where there is nothing.

    In parts of CSV_ROWS rows: as a whole, that of a full night takes 20 MB, and as much again while it is made.
    """
    import io

    import pyarrow as pa
    import pyarrow.csv

    whole = pa.table(
        {str(name): pa.array(values) for name, values in listed.items()}
    ).combine_chunks()
    for start in range(0, len(listed) or 1, CSV_ROWS):
        rows = whole.slice(start, CSV_ROWS)
        cells = pa.table(
            {
                name: _cells(values)
                for name, values in zip(rows.column_names, rows.columns, strict=True)
            }
        )
        buffer = io.BytesIO()
        pyarrow.csv.write_csv(cells, buffer, pyarrow.csv.WriteOptions(include_header=start == 0))
        yield buffer.getvalue()


def _cells(values: AnyArray) -> AnyArray:
    """An Arrow column as a CSV file has it: instants in ISO 8601, no text that a spreadsheet would run as a formula."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(
        values.type
    ):  # without its zone it becomes text in a tenth of the time: 2020-02-12 23:00:00.000000
        text = values.cast(pa.timestamp("us")).cast(pa.string()).cast(pa.binary())
        return pc.binary_replace_slice(
            pc.binary_replace_slice(text, 10, 11, b"T"), 26, 26, b"Z"
        ).cast(pa.string())
    if pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
        heads = pc.unique(
            pc.binary_slice(values.cast(pa.large_binary()), 0, 1)
        ).to_pylist()  # nearly always none that matters: told soon
        if not {head.encode()[:1] for head in columns.FORMULA_HEADS}.isdisjoint(heads):
            return pc.replace_substring_regex(values, columns.FORMULA, r"'\1")
    return values
