"""The file of each attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import (
    concatenate,
    fill_missing,
    index_in,
    sort_rows,
    take_rows,
)
from observing_monitor.model.names import kinds, last_parts
from observing_monitor.tables.match_rows import by_name, file_rows, joint_ids

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


# facts that files take over from their attempts
ENRICHED = ("obsid", "exposure", "seq_num", "detector", "exposed_at")


def match(
    files: DataFrame, attempts: DataFrame, made_up: DataFrame | None = None
) -> tuple[DataFrame, DataFrame]:
    """Find the file of each attempt.

    By device and inode, which also finds symbolic and hard links, then by name, as
    `match_rows.file_rows` says.

    Parameters
    ----------
    files, attempts : DataFrame
        Columns `columns.FILES` and `columns.ATTEMPTS` with `source`; `file_id` is unique.
    made_up : DataFrame, optional
        Files that only earlier attempts mentioned. They are kept, as not on disk, if neither
        files nor attempts mention them now.

    Returns
    -------
    files, ingests : DataFrame
        Columns `columns.FILES` and `columns.INGESTS`. Files take over the facts `ENRICHED`
        from their attempts, and the arrival if it is unknown. An attempt without a file makes
        one, of the attempt's source; attempts of several sources on it make one file. Every
        attempt is returned.
    """
    made_up = frames.empty(columns.FILES) if made_up is None else made_up
    if attempts.empty:
        orphans = made_up[index_in(made_up["name"], files["name"]) < 0].assign(on_disk=False)
        return concatenate([files, orphans], columns.FILES), frames.empty(columns.INGESTS)
    files, attempts = sort_rows(files, ["file_id"]), attempts.reset_index(drop=True)
    own_ids = _own_id(attempts)
    rows = file_rows(files, attempts, own_ids)
    is_lone = rows < 0
    new_ids = joint_ids(attempts[is_lone], own_ids[is_lone])
    new = _with_earlier_facts(_new_files(attempts[is_lone], new_ids), made_up)
    keys = take_rows(files[["file_id"]], rows, attempts.index)["file_id"]
    file_ids = fill_missing(keys, new_ids.reindex(attempts.index))
    ingests = frames.frame(columns.INGESTS, attempts.assign(file_id=file_ids))
    orphans = _unmentioned(made_up, files, attempts, own_ids).assign(on_disk=False)
    return concatenate([_enrich(files, attempts, rows), new, orphans], columns.FILES), ingests


def is_made_up(files: DataFrame) -> Series[bool]:
    """Return True for each file that only attempts mention."""
    return files["file_id"] == files["source"] + ":" + files["path"]


def _own_id(attempts: DataFrame) -> Series[str]:
    """Return the file_ids that attempts give to files that only they mention."""
    return attempts["source"] + ":" + attempts["path"]


def _new_files(attempts: DataFrame, file_ids: Series[str]) -> DataFrame:
    """Return the files that only attempts mention.

    Facts that the attempt which gives a file its id lacks are those of the others on it.
    """
    tried = attempts.assign(file_id=file_ids)
    is_own = file_ids == _own_id(attempts)
    new = tried[is_own].drop_duplicates("file_id")
    others = tried[~is_own]
    if len(others):
        first = others.groupby("file_id").first()
        theirs = first.reindex(new["file_id"]).set_axis(new.index)
        facts = [c.name for c in columns.FILES if c.name in first and c.kind != "bool"]
        new = new.assign(
            **{
                fact: fill_missing(new[fact], theirs[fact].astype(new[fact].dtype))
                for fact in facts
                if fact not in ("path", "source")
            }
        )
    new = new.assign(name=last_parts(new["path"]))
    return frames.frame(columns.FILES, new.assign(kind=kinds(new["name"]).replace("", "fits")))


def _with_earlier_facts(new: DataFrame, made_up: DataFrame) -> DataFrame:
    """Return files with facts that a source told earlier."""
    rows = index_in(new["file_id"], made_up["file_id"])
    if (rows < 0).all():
        return new
    were = take_rows(made_up[list(ENRICHED)], rows, new.index)
    return new.assign(
        **{fact: fill_missing(new[fact], were[fact].astype(new[fact].dtype)) for fact in ENRICHED}
    )


def _unmentioned(
    made_up: DataFrame, files: DataFrame, attempts: DataFrame, own_ids: Series[str]
) -> DataFrame:
    """Return the files of earlier attempts that nothing mentions now.

    Not those that an attempt makes again, and not those that were found meanwhile. A raw has
    another name without its link than with it, so names count as well.
    """
    import numpy as np

    is_mentioned = (index_in(made_up["file_id"], own_ids) >= 0) | (
        index_in(made_up["name"], files["name"]) >= 0
    )
    if not is_mentioned.all():
        found = by_name(made_up["name"], attempts["names"])
        is_mentioned |= np.isin(np.arange(len(made_up)), found)
    return made_up[~is_mentioned]


def _enrich(files: DataFrame, attempts: DataFrame, rows: NDArray[int64]) -> DataFrame:
    """Return files with the facts of their attempts.

    A registry's fact replaces one from the file's name. `rows` is the row of each attempt's
    file, or -1.
    """
    import numpy as np

    matched = np.flatnonzero(rows >= 0)
    facts = [*ENRICHED, "transferred_at"]
    if np.bincount(rows[matched], minlength=1).max() <= 1:
        of_file = np.full(len(files), -1)
        of_file[rows[matched]] = matched
        theirs = take_rows(attempts[facts], of_file, files.index)
    else:
        theirs = (
            attempts[facts]
            .iloc[matched]
            .groupby(rows[matched])
            .first()
            .reindex(range(len(files)))
            .set_axis(files.index)
        )
    enriched = {
        fact: fill_missing(theirs[fact].astype(files[fact].dtype), files[fact]) for fact in ENRICHED
    }
    # an arrival seen on disk counts before one that a table notes
    return files.assign(
        **enriched, transferred_at=fill_missing(files["transferred_at"], theirs["transferred_at"])
    )
