"""The file of each attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import (
    concatenate,
    fill_missing,
    index_in,
    sort_rows,
    take_rows,
)
from observing_monitor.model.names import FITS_ENDING, kinds, last_parts

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.arrays import AnyArray


# facts that files take over from their attempts
ENRICHED = ("obsid", "exposure", "seq_num", "detector", "exposed_at")


def match(
    files: DataFrame, attempts: DataFrame, made_up: DataFrame | None = None
) -> tuple[DataFrame, DataFrame]:
    """Find the file of each attempt.

    By device and inode, which also finds symbolic and hard links, then by name.

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
        one, of the attempt's source. Every attempt is returned.
    """
    made_up = frames.empty(columns.FILES) if made_up is None else made_up
    if attempts.empty:
        orphans = made_up[index_in(made_up["name"], files["name"]) < 0].assign(on_disk=False)
        return concatenate([files, orphans], columns.FILES), frames.empty(columns.INGESTS)
    files, attempts = sort_rows(files, ["file_id"]), attempts.reset_index(drop=True)
    rows, own_ids = _file_rows(files, attempts), _own_id(attempts)
    is_lone = rows < 0
    new = attempts[is_lone].assign(file_id=own_ids[is_lone]).drop_duplicates(["source", "path"])
    new = new.assign(name=last_parts(new["path"]))
    new = frames.frame(columns.FILES, new.assign(kind=kinds(new["name"]).replace("", "fits")))
    keys = take_rows(files[["file_id"]], rows, attempts.index)["file_id"]
    ingests = frames.frame(columns.INGESTS, attempts.assign(file_id=fill_missing(keys, own_ids)))
    orphans = _unmentioned(made_up, files, attempts, own_ids).assign(on_disk=False)
    return concatenate([_enrich(files, attempts, rows), new, orphans], columns.FILES), ingests


def is_made_up(files: DataFrame) -> Series[bool]:
    """Return True for each file that only attempts mention."""
    return files["file_id"] == files["source"] + ":" + files["path"]


def _own_id(attempts: DataFrame) -> Series[str]:
    """Return the file_ids that attempts give to files that only they mention."""
    return attempts["source"] + ":" + attempts["path"]


def _file_rows(files: DataFrame, attempts: DataFrame) -> NDArray[int64]:
    """Return the row of each attempt's file, or -1.

    A file found by inode is not found by name for another attempt.
    """
    import numpy as np

    rows = _by_inode(files, attempts)
    open_ = np.flatnonzero(rows < 0)
    if len(open_):
        is_free = np.ones(len(files), dtype=bool)
        is_free[rows[rows >= 0]] = False
        free = np.flatnonzero(is_free)
        found = _by_name(files["name"].iloc[free], attempts["names"].iloc[open_])
        rows[open_] = np.where(found >= 0, free[found] if len(free) else -1, -1)
    return rows


def _by_inode(files: DataFrame, attempts: DataFrame) -> NDArray[int64]:
    """Return the row of each attempt's file by inode, or -1."""
    import numpy as np

    rows = np.full(len(attempts), -1)
    there = np.flatnonzero(files["on_disk"] & files["inode"].notna() & files["device"].notna())
    linked = np.flatnonzero(attempts["inode"].notna() & attempts["device"].notna())
    devices_there, devices_linked = (
        table["device"].iloc[at].to_numpy("int64")
        for table, at in ((files, there), (attempts, linked))
    )
    for device in np.unique(devices_linked):
        here, wanted = there[devices_there == device], linked[devices_linked == device]
        inodes = pd.Index(files["inode"].iloc[here].to_numpy("int64"))
        is_first = ~inodes.duplicated()
        found = inodes[is_first].get_indexer(attempts["inode"].iloc[wanted].to_numpy("int64"))
        rows[wanted] = np.where(found >= 0, here[is_first][found] if len(here) else -1, -1)
    return rows


def _by_name(names: Series[str], wanted: Series[str]) -> NDArray[int64]:
    """Return the row of each attempt's file by name, or -1.

    Parameters
    ----------
    names : Series of str
        Names of files.
    wanted : Series of str
        Possible names of each attempt's file, one per line; the first that is found counts.
        FITS endings do not matter.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = np.full(len(wanted), -1)
    lines: AnyArray = pc.split_pattern(pa.array(wanted.fillna("")), "\n")
    parents: AnyArray = pc.list_parent_indices(lines)
    attempts, stems = parents.to_numpy(), name_stems(pc.list_flatten(lines))
    is_empty: AnyArray = pc.equal(stems, pa.scalar(""))
    found = np.where(
        is_empty.to_numpy(zero_copy_only=False), -1, index_in(stems, name_stems(pa.array(names)))
    )
    # backwards, so that the first of an attempt's names is assigned last
    hits = np.flatnonzero(found >= 0)[::-1]
    rows[attempts[hits]] = found[hits]
    return rows


def name_stems(names: AnyArray) -> AnyArray:
    """Return an Arrow array of names without their FITS endings."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(names, f"(?i){FITS_ENDING.pattern}", "")


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
        found = _by_name(made_up["name"], attempts["names"])
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
