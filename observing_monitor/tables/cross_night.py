"""Files that two sources assign to different nights.

Each is counted once, where it lies.

A file store has a file in the folder of one night, and a registry assigns the raw to the night
before or after (its `dayObs`): an exposure may straddle noon, or folders may be named by another
clock. The tables keep what each source said about a night. There the file is on one night, never
tried, and on the other one as an unmatched file that only an attempt mentions. Only both nights'
tables show which of these are the same. So they are matched when a night is judged, whichever was
read first and however often a run was killed.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import ONE_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from observing_monitor.model.arrays import AnyArray
    from observing_monitor.model.reading import Tables, UnmatchedCounts


# Columns that identify a file in two tables; the first that both have, and that match, count.
KEYS: tuple[tuple[str, ...], ...] = (
    ("device", "inode"),
    ("stem",),
    ("obsid", "detector_key"),
    ("obsid",),
)


class CrossNightFiles(msgspec.Struct, frozen=True):
    """Files that a source assigns to one night and that lie on another.

    As the page of one of the two nights reports them.
    """

    source: str
    # the other night
    night: datetime.date
    n_files: int
    # True if they lie, and so are counted, on the page's own night
    is_here: bool
    # fingerprint of the files and their attempts
    key: str


# --- a night's unmatched files --------------------------------------------------------------------


def find_unmatched(tables: Tables, staged: Collection[str]) -> Tables:
    """Return the files of a night that a neighbouring night may complete.

    These are files that only attempts mention, and files without an attempt of one of the
    sources of attempts, `staged`; with all attempts on them. `assign_to_nights` needs no other
    rows of the night. They are kept apart, because they are usually few and the tables of a full
    night take long to read.
    """
    from observing_monitor.model import arrays, reading

    if tables.files.empty:
        return reading.Tables.empty()
    rows = _without_file(tables).index
    for name in staged:
        rows = rows.union(_untried(tables, name).index)
    files = tables.files.loc[rows]
    ingests = tables.ingests[arrays.index_in(tables.ingests["file_id"], files["file_id"]) >= 0]
    return reading.Tables(
        files.reset_index(drop=True), ingests.reset_index(drop=True), reading.Tables.empty().metrics
    )


def count_unmatched(unmatched: Tables, staged: Collection[str], digest: str) -> UnmatchedCounts:
    """Return the numbers of unmatched files by source, and their digest.

    With these, no run opens the unmatched files of two nights without need.
    """
    if unmatched.files.empty:
        return {"strays": {}, "untried": {}, "halves": digest}
    by_source = _without_file(unmatched)["source"].value_counts()
    untried = {name: len(_untried(unmatched, name)) for name in staged}
    return {
        "strays": {str(name): int(n) for name, n in sorted(by_source.items())},
        "untried": {name: n for name, n in sorted(untried.items()) if n},
        "halves": digest,
    }


def _without_file(tables: Tables) -> DataFrame:
    """Return the files that only attempts mention."""
    import numpy as np

    from observing_monitor.model.arrays import index_in
    from observing_monitor.tables.match import is_made_up

    sources = set(tables.ingests["source"].unique()) & set(tables.files["source"].unique())
    # usually a file store has all files
    if not sources:
        return tables.files[:0]
    made_up = tables.files[tables.files["source"].isin(list(sources))]
    made_up = made_up[is_made_up(made_up)]
    # Attempts are looked up among the few such files, not these among the many attempts, of which
    # an index would have to be made.
    rows = index_in(tables.ingests["file_id"], made_up["file_id"])
    return made_up[np.isin(np.arange(len(made_up)), rows)]


def _untried(tables: Tables, source: str) -> DataFrame:
    """Return a file store's files without an attempt of a source."""
    from observing_monitor.model.arrays import index_in
    from observing_monitor.tables.match import is_made_up

    is_theirs = tables.ingests["source"] == source
    tried = tables.ingests["file_id"]
    tried = tried if is_theirs.all() else tried[is_theirs]
    untried = tables.files[index_in(tables.files["file_id"], tried) < 0]
    return untried[~is_made_up(untried)]


# --- neighbouring nights --------------------------------------------------------------------------


def neighbours(
    rows: Mapping[str, Mapping[str, Any]],
) -> dict[datetime.date, tuple[tuple[datetime.date, str], ...]]:
    """Return nights that may share files, with their neighbours.

    Parameters
    ----------
    rows : mapping
        The nights of an index.

    Returns
    -------
    dict
        Night -> pairs of a neighbouring night and a digest of its unmatched files.
    """
    with_unmatched = [
        datetime.date.fromisoformat(night)
        for night, row in rows.items()
        if (own := row.get("strays")) and own["strays"]
    ]
    nights = {
        near
        for night in with_unmatched
        for near in (night - ONE_DAY, night, night + ONE_DAY)
        if near.isoformat() in rows
    }
    return {night: found for night in sorted(nights) if (found := _sharing(night, rows))}


def _sharing(
    night: datetime.date, rows: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[datetime.date, str], ...]:
    """Return the neighbours that may share files with a night."""
    own, found = rows[night.isoformat()].get("strays"), []
    for other in (night - ONE_DAY, night + ONE_DAY) if own else ():
        row = rows.get(other.isoformat()) or {}
        if (
            own
            and (theirs := row.get("strays"))
            and (_may_match(own, theirs) or _may_match(theirs, own))
        ):
            found.append((other, str(theirs.get("halves") or row.get("tables"))))
    return tuple(found)


def _may_match(one: UnmatchedCounts, other: UnmatchedCounts) -> bool:
    return any(name in other["untried"] for name in one["strays"])


def assign_to_nights(
    night: datetime.date, tables: Tables, unmatched: Mapping[datetime.date, Tables]
) -> tuple[Tables, list[CrossNightFiles]]:
    """Return a night's tables, each file on one night, and shared files.

    Parameters
    ----------
    night : date
    tables : Tables
        Of the night, as its sources returned them. Its unmatched files are enough if only the
        second result is needed.
    unmatched : mapping of date to Tables
        The unmatched files of the night and of its `neighbours`; empty if it has none.

    Returns
    -------
    tables : Tables
        The night's own files have the attempts and facts from the other night. Files that lie
        on the other night are removed.
    found : list of CrossNightFiles
        One for each source and other night.
    """
    from dataclasses import replace

    import pandas as pd

    from observing_monitor.model import arrays, columns, frames

    files, ingests, found = tables.files, [tables.ingests], list[CrossNightFiles]()
    for other_night, other in unmatched.items():
        if other_night == night:
            continue
        mine = unmatched[night]
        away, here = _pairs(mine, other), _pairs(other, mine)
        if not away and not here:
            continue
        own_files = files[~files["file_id"].isin(list(away))]
        files = _with_facts(own_files, _with_ids(other.files, here))
        ingests = [
            *(part[~part["file_id"].isin(list(away))] for part in ingests),
            _with_ids(other.ingests, here),
        ]
        found += [
            *_by_source(mine, away, other_night, is_here=False),
            *_by_source(other, here, other_night, is_here=True),
        ]
    if not found:
        return tables, []
    joined = frames.frame(
        columns.INGESTS,
        pd.concat([part for part in ingests if len(part)] or ingests[:1], ignore_index=True),
    )
    by = ["file_id", "stage", "attempted_at", "attempt"]
    assigned = replace(
        tables, files=files.reset_index(drop=True), ingests=arrays.sort_rows(joined, by)
    )
    return assigned, found


def _by_source(
    tables: Tables, pairs: Mapping[str, str], night: datetime.date, *, is_here: bool
) -> Iterator[CrossNightFiles]:
    """Yield the matched files of a night, one record per source."""
    import pandas as pd

    matched = tables.files[tables.files["file_id"].isin(list(pairs))]
    for source, of_source in matched.groupby("source"):
        ingests = tables.ingests[tables.ingests["file_id"].isin(of_source["file_id"])]
        hashes = pd.util.hash_pandas_object(ingests, index=False).to_numpy()
        key = hex_digest(hashes.tobytes(), n_bytes=8)
        yield CrossNightFiles(str(source), night, len(of_source), is_here, key)


def _with_ids(frame: DataFrame, new_ids: Mapping[str, str]) -> DataFrame:
    """Return the rows of some files, with new file_ids."""
    rows = frame[frame["file_id"].isin(list(new_ids))]
    return rows.assign(file_id=rows["file_id"].map(new_ids).astype("str"))


def _with_facts(files: DataFrame, others: DataFrame) -> DataFrame:
    """Return files with facts from other rows of the same file_id.

    A registry's fact replaces one from the file's name.
    """
    from observing_monitor.model.arrays import index_in, take_rows
    from observing_monitor.tables.match import ENRICHED

    theirs = take_rows(others, index_in(files["file_id"], others["file_id"]), files.index)
    return files.assign(
        **{fact: theirs[fact].astype(files[fact].dtype).fillna(files[fact]) for fact in ENRICHED}
    )


# --- matching -------------------------------------------------------------------------------------


def _pairs(one: Tables, other: Tables) -> dict[str, str]:
    """Return files of one night that lie on another.

    Only attempts mention them on the one night.

    file_id on the one night -> file_id on the other.
    """
    found: dict[str, str] = {}
    for source, wanted in _with_keys(_without_file(one)).groupby("source"):
        files = _untried(other, str(source))
        # nearly always none, which this finds ten times as fast
        files = _with_keys(files[_may_be_wanted(files, wanted)])
        for keys in map(list, KEYS) if len(files) else ():
            pairs = _matched_by(keys, wanted, files)
            found |= dict(zip(pairs["file_id"], pairs["file_id_there"], strict=True))
            wanted = wanted[~wanted["file_id"].isin(pairs["file_id"])]
            files = files[~files["file_id"].isin(pairs["file_id_there"])]
    return found


def _matched_by(keys: list[str], wanted: DataFrame, files: DataFrame) -> DataFrame:
    """Return pairs of rows with the same keys, unique on both sides."""
    mine, among = wanted.dropna(subset=keys), files.dropna(subset=keys)
    # the inode of a file that is gone may belong to another file by now
    if "inode" in keys:
        mine, among = mine[mine["on_disk"]], among[among["on_disk"]]
    # an obsid alone identifies a file only if the detector is unknown
    if keys == ["obsid"]:
        among = among[among["detector"].isna()]
    mine, among = (
        rows.drop_duplicates(keys, keep=False)[[*keys, "file_id"]] for rows in (mine, among)
    )
    return mine.merge(among, on=keys, suffixes=("", "_there"))


def _may_be_wanted(files: DataFrame, wanted: DataFrame) -> NDArray[np.bool_]:
    """Return True for each file that shares an inode, stem or obsid."""
    from observing_monitor.model.arrays import index_in

    inode, obsid = (index_in(files[name], wanted[name]) >= 0 for name in ("inode", "obsid"))
    return inode | obsid | (index_in(_stems(files), wanted["stem"]) >= 0)


def _with_keys(files: DataFrame) -> DataFrame:
    """Return files with the columns `stem` and `detector_key`.

    A stem is a name without its FITS ending.
    """
    from observing_monitor.model import frames
    from observing_monitor.model.names import detector_key

    keys = {name: detector_key(name) for name in files["detector"].dropna().unique()}
    return files.assign(
        stem=frames.texts(_stems(files)).set_axis(files.index),
        detector_key=files["detector"].map(keys).astype("object"),
    )


def _stems(files: DataFrame) -> AnyArray:
    """Return names without their FITS endings."""
    from observing_monitor.model import frames
    from observing_monitor.tables.match_rows import stems

    return stems(frames.arrow(files["name"]))
