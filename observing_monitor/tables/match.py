"""Match attempts with files."""

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


ENRICHED = (
    "obsid",
    "exposure",
    "seq_num",
    "detector",
    "exposed_at",
)  # what files gain from their attempts


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

    made_up = frames.empty(columns.FILES) if made_up is None else made_up
    if attempts.empty:
        orphans = made_up[index_in(made_up["name"], files["name"]) < 0].assign(on_disk=False)
        return concatenate([files, orphans], columns.FILES), frames.empty(columns.INGESTS)
    files, attempts = sort_rows(files, ["file_id"]), attempts.reset_index(drop=True)
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
    new = frames.frame(columns.FILES, new.assign(kind=kinds(new["name"]).replace("", "fits")))
    keys = take_rows(files[["file_id"]], places, attempts.index)["file_id"]
    ingests = frames.frame(columns.INGESTS, attempts.assign(file_id=fill_missing(keys, own_ids)))
    # its attempt made it up again, or has found its file by now; a raw without a link goes by another name than with one
    is_told_anew = (index_in(made_up["file_id"], own_ids) >= 0) | (
        index_in(made_up["name"], files["name"]) >= 0
    )
    if not is_told_anew.all():
        is_told_anew |= np.isin(
            np.arange(len(made_up)), _by_name(made_up["name"], attempts["names"])
        )
    orphans = made_up[~is_told_anew]
    return concatenate(
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
        is_empty.to_numpy(zero_copy_only=False), -1, index_in(forms, _stems(pa.array(names)))
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
        told = take_rows(attempts[facts], of_file, files.index)
    else:
        told = (
            attempts[facts]
            .iloc[rows]
            .groupby(places[rows])
            .first()
            .reindex(range(len(files)))
            .set_axis(files.index)
        )
    known = {
        fact: fill_missing(told[fact].astype(files[fact].dtype), files[fact]) for fact in ENRICHED
    }
    # what was seen of a file's arrival comes before what a table says that somebody noted of it
    return files.assign(
        **known, transferred_at=fill_missing(files["transferred_at"], told["transferred_at"])
    )
