"""Files that several sources list, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import fill_missing
from observing_monitor.tables.match_rows import stems

if TYPE_CHECKING:
    from pandas import DataFrame, Series

# what identifies a file or says where it lies, of one source
OWN = ("file_id", "name", "path", "kind", "source")


def join_files(files: DataFrame) -> tuple[DataFrame, dict[str, str]]:
    """Return the files of all sources, each once.

    Two sources list the same file if it has the same name in both; FITS endings do not matter.
    A name that a source lists several times is as many files.

    Parameters
    ----------
    files : DataFrame
        Columns `columns.FILES`, the most important source first.

    Returns
    -------
    files : DataFrame
        Of a file in several sources, the row that is on disk, with an inode if one has it. Facts
        that it lacks are those of the others.
    kept : dict of str to str
        file_id of each row that was left out -> that of the file's row.
    """
    if files["source"].nunique() < 2:
        return files.drop_duplicates("file_id"), {}
    keys = ["stem", "nth"]
    stem = frames.texts(stems(frames.arrow(files["name"]))).set_axis(files.index)
    nth = files.assign(stem=stem).groupby(["source", "stem"]).cumcount()
    ranked = files.assign(stem=stem, nth=nth, rank=_ranks(files))
    ranked = ranked.sort_values("rank", kind="stable").drop_duplicates("file_id")
    is_first = ~ranked.duplicated(keys)
    if is_first.all():
        return ranked[list(files)], {}
    first, others = ranked[is_first], ranked[~is_first]
    rows = first.set_index(keys)["file_id"].reindex(others.set_index(keys).index)
    kept = dict(zip(others["file_id"], rows, strict=True))
    theirs = others.groupby(keys).first().reindex(first.set_index(keys).index)
    facts = {
        column.name: fill_missing(
            first[column.name],
            theirs[column.name].set_axis(first.index).astype(first[column.name].dtype),
        )
        for column in columns.FILES
        if column.kind != "bool" and column.name not in OWN
    }
    return first.assign(**facts)[list(files)], kept


def _ranks(files: DataFrame) -> Series[int]:
    """Return 0 for the best rows, up to 3 for the worst.

    The best are on disk with an inode, the worst are files that only attempts mention.
    """
    is_made_up = files["file_id"] == files["source"] + ":" + files["path"]
    rank = 2 - files["on_disk"].astype(int) - (files["on_disk"] & files["inode"].notna())
    return rank.mask(is_made_up, 3)
