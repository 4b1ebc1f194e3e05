"""A file that two sources date differently is on one night: the one where it lies. What became of it is told there.

A file store has a file in the folder of one night, and a registry counts the raw to the night before or after (its `dayObs`): an
exposure that straddles noon, folders named by another clock. The tables keep what each source told of a night: there the file
stands on one night as never tried, and on the other as one that only an attempt tells of, a stray. Which of these are the same is seen
only in both nights' tables, so it is settled when a night is judged: whichever was read first, and however often a run was killed.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import ONE_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from observing_monitor.model.reading import Tables, UnmatchedCounts


# What tells that two rows are one file; the first that both have, and that fits, counts.
KEYS: tuple[tuple[str, ...], ...] = (
    ("device", "inode"),
    ("stem",),
    ("obsid", "detector"),
    ("obsid",),
)


@dataclass(frozen=True)
class CrossNightFiles:
    """Files that a source dates to one night and that lie on another, as the page of one of the two tells it."""

    source: str
    night: datetime.date  # the other night
    n_files: int
    is_here: bool  # whether they lie, and so are counted, on the page's own night
    key: str  # differs when other files are meant, or when what became of them does


def find_unmatched(told: Tables, tellers: Collection[str]) -> Tables:
    """What of a night may have its other half in the night before or after; `tellers` are the sources that tell of attempts.

    Its strays, the files of which one of these tells no attempt, and all attempts on both: all that `settle` asks of a night that lies
    beside another. They are few where all is well, and kept apart, for a full night's tables take long to read.
    """
    from observing_monitor.model import arrays, reading

    if told.files.empty:
        return reading.Tables.empty()
    rows = _strays(told).index
    for name in tellers:
        rows = rows.union(_untried(told, name).index)
    files = told.files.loc[rows]
    ingests = told.ingests[arrays.index_in(told.ingests["file_id"], files["file_id"]) >= 0]
    return reading.Tables(
        files.reset_index(drop=True), ingests.reset_index(drop=True), reading.Tables.empty().metrics
    )


def count_unmatched(halves: Tables, tellers: Collection[str], digest: str) -> UnmatchedCounts:
    """What is counted of a night's `halves`, and a digest of them, so that nobody opens those of two nights in vain."""
    if halves.files.empty:
        return {"strays": {}, "untried": {}, "halves": digest}
    by_source = _strays(halves)["source"].value_counts()
    untried = {name: len(_untried(halves, name)) for name in tellers}
    return {
        "strays": {str(name): int(n) for name, n in sorted(by_source.items())},
        "untried": {name: n for name, n in sorted(untried.items()) if n},
        "halves": digest,
    }


def neighbours(
    rows: Mapping[str, Mapping[str, Any]],
) -> dict[datetime.date, tuple[tuple[datetime.date, str], ...]]:
    """The nights of an index with files whose other half may be in the night before or after; each with these, and a digest."""
    strayed = [
        datetime.date.fromisoformat(night)
        for night, row in rows.items()
        if (own := row.get("strays")) and own["strays"]
    ]
    nights = {
        near
        for night in strayed
        for near in (night - ONE_DAY, night, night + ONE_DAY)
        if near.isoformat() in rows
    }
    return {night: found for night in sorted(nights) if (found := _beside(night, rows))}


def _beside(
    night: datetime.date, rows: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[datetime.date, str], ...]:
    own, found = rows[night.isoformat()].get("strays"), []
    for other in (night - ONE_DAY, night + ONE_DAY) if own else ():
        row = rows.get(other.isoformat()) or {}
        if (
            own
            and (theirs := row.get("strays"))
            and (_may_fit(own, theirs) or _may_fit(theirs, own))
        ):
            found.append((other, str(theirs.get("halves") or row.get("tables"))))
    return tuple(found)


def _may_fit(one: UnmatchedCounts, other: UnmatchedCounts) -> bool:
    return any(name in other["untried"] for name in one["strays"])


def assign_to_nights(
    night: datetime.date, told: Tables, halves: Mapping[datetime.date, Tables]
) -> tuple[Tables, list[CrossNightFiles]]:
    """A night's tables with each file on one night, and what that came to.

    Parameters
    ----------
    told : Tables
        The night, as its sources told it; its `halves` will do where only the second of the results is wanted.
    halves : mapping of date to Tables
        Those of the night itself, and of the nights beside it that `beside` names; empty where it names none.

    Returns
    -------
    tables : Tables
        The night's own files have the attempts that were told of them on another night, and what these know of them; its strays
        whose files lie on another night are not among its files.
    settled : list of Settled
        For each source and other night.
    """
    import pandas as pd

    from observing_monitor.model import arrays, columns, frames, reading

    files, ingests, found = told.files, [told.ingests], list[CrossNightFiles]()
    for other_night, other in halves.items():
        if other_night == night:
            continue
        mine = halves[night]
        away, here = _pairs(mine, other), _pairs(other, mine)
        if not away and not here:
            continue
        files = _with_facts(files[~files["file_id"].isin(list(away))], _called(other.files, here))
        ingests = [
            *(part[~part["file_id"].isin(list(away))] for part in ingests),
            _called(other.ingests, here),
        ]
        found += [
            *_settled(mine, away, other_night, is_here=False),
            *_settled(other, here, other_night, is_here=True),
        ]
    if not found:
        return told, []
    joined = frames.frame(
        columns.INGESTS,
        pd.concat([part for part in ingests if len(part)] or ingests[:1], ignore_index=True),
    )
    by = ["file_id", "stage", "attempted_at", "attempt"]
    return reading.Tables(
        files.reset_index(drop=True), arrays.sort_rows(joined, by), told.metrics
    ), found


def _settled(
    told: Tables, pairs: Mapping[str, str], night: datetime.date, *, is_here: bool
) -> Iterator[CrossNightFiles]:
    """What is said of a night's strays that were paired, a source each."""
    import pandas as pd

    strays = told.files[told.files["file_id"].isin(list(pairs))]
    for source, of_source in strays.groupby("source"):
        ingests = told.ingests[told.ingests["file_id"].isin(of_source["file_id"])]
        hashes = pd.util.hash_pandas_object(ingests, index=False).to_numpy()
        key = hex_digest(hashes.tobytes(), n_bytes=8)
        yield CrossNightFiles(str(source), night, len(of_source), is_here, key)


def _called(frame: DataFrame, names: Mapping[str, str]) -> DataFrame:
    """The rows of some files, under other file_ids."""
    rows = frame[frame["file_id"].isin(list(names))]
    return rows.assign(file_id=rows["file_id"].map(names).astype("str"))


def _with_facts(files: DataFrame, known: DataFrame) -> DataFrame:
    """Files with what is known of some of them elsewhere: a registry's word comes before what a file's name says."""
    from observing_monitor.model.arrays import index_in, take_rows
    from observing_monitor.tables.match import ENRICHED

    theirs = take_rows(known, index_in(files["file_id"], known["file_id"]), files.index)
    return files.assign(
        **{fact: theirs[fact].astype(files[fact].dtype).fillna(files[fact]) for fact in ENRICHED}
    )


def _strays(told: Tables) -> DataFrame:
    """The files that only attempts tell of."""
    import numpy as np

    from observing_monitor.model.arrays import index_in
    from observing_monitor.tables.match import is_made_up

    tellers = set(told.ingests["source"].unique()) & set(told.files["source"].unique())
    if not tellers:  # a store has the files
        return told.files[:0]
    made_up = told.files[told.files["source"].isin(list(tellers))]
    made_up = made_up[is_made_up(made_up)]
    # asked the other way round: hardly any file is one, and nearly every attempt would have to be learnt
    return made_up[
        np.isin(np.arange(len(made_up)), index_in(told.ingests["file_id"], made_up["file_id"]))
    ]


def _untried(told: Tables, source: str) -> DataFrame:
    """The files of which a source tells no attempt, but for what only attempts tell of."""
    from observing_monitor.model.arrays import index_in
    from observing_monitor.tables.match import is_made_up

    is_theirs = told.ingests["source"] == source
    tried = told.ingests["file_id"] if is_theirs.all() else told.ingests.loc[is_theirs, "file_id"]
    untried = told.files[index_in(told.files["file_id"], tried) < 0]
    return untried[~is_made_up(untried)]


def _pairs(one: Tables, other: Tables) -> dict[str, str]:
    """The strays of one night that are files of another: a stray's file_id -> the file's."""
    found: dict[str, str] = {}
    for source, strays in _with_stems(_strays(one)).groupby("source"):
        files = _with_stems(_untried(other, str(source)))
        files = files[
            _may_be_among(files, strays)
        ]  # nearly always none, which is told in a tenth of the time
        for keys in map(list, KEYS) if len(files) else ():
            mine, among = strays.dropna(subset=keys), files.dropna(subset=keys)
            if "inode" in keys:  # the number of a file that is gone may be another's by now
                mine, among = mine[mine["on_disk"]], among[among["on_disk"]]
            if keys == [
                "obsid"
            ]:  # which names one file only where nothing tells its detectors apart
                among = among[among["detector"].isna()]
            mine, among = (
                rows.drop_duplicates(keys, keep=False)[[*keys, "file_id"]] for rows in (mine, among)
            )
            both = mine.merge(among, on=keys, suffixes=("", "_there"))
            found |= dict(zip(both["file_id"], both["file_id_there"], strict=True))
            strays, files = (
                strays[~strays["file_id"].isin(both["file_id"])],
                files[~files["file_id"].isin(both["file_id_there"])],
            )
    return found


def _may_be_among(files: DataFrame, strays: DataFrame) -> NDArray[np.bool_]:
    """Of each file whether it has anything in common with a stray by which KEYS could find it."""
    from observing_monitor.model.arrays import index_in

    inode, stem, obsid = (
        index_in(files[name], strays[name]) >= 0 for name in ("inode", "stem", "obsid")
    )
    return inode | stem | obsid


def _with_stems(files: DataFrame) -> DataFrame:
    """Files with a column `stem`: their names without the FITS ending."""
    from observing_monitor.model.names import FITS_ENDING

    return files.assign(stem=files["name"].str.replace(FITS_ENDING, "", regex=True))
