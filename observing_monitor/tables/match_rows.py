"""The row of each attempt's file: by inode, path and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.model import frames
from observing_monitor.model.arrays import index_in
from observing_monitor.model.names import FITS_ENDING, detector_key, read_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

    from observing_monitor.model.arrays import AnyArray


def file_rows(files: DataFrame, attempts: DataFrame, own_ids: Series[str]) -> NDArray[int64]:
    """Return the row of each attempt's file, or -1.

    All attempts of a source on one path are on one file. A file that one of its attempts found
    by inode is not found by name for another path of this source, but it is for other sources.
    A file of a source that is silent now, which only its attempts mention, is also found by
    exposure and detector, as its other names are not known now.

    Parameters
    ----------
    files, attempts : DataFrame
    own_ids : Series of str
        Source and path of each attempt.
    """
    import numpy as np

    rows = _by_inode(files, attempts)
    if (rows >= 0).all():
        return rows
    _share(rows, own_ids)
    by_inode, names = rows.copy(), frames.arrow(files["name"])
    for of_source in _of_each_source(attempts):
        open_ = np.flatnonzero(of_source & (by_inode < 0))
        is_free = np.ones(len(files), dtype=bool)
        is_free[by_inode[of_source & (by_inode >= 0)]] = False
        free = np.flatnonzero(is_free)
        if len(open_) and len(free):
            # usually few: most files were found by inode
            found = _first_named(stems(names.take(free)), attempts["names"].iloc[open_])
            rows[open_] = np.where(found >= 0, free[found], -1)
    _share(rows, own_ids, (rows >= 0) & (by_inode < 0))
    is_made_up = (files["file_id"] == files["source"] + ":" + files["path"]).to_numpy(dtype=bool)
    if is_made_up.any() and (rows < 0).any():
        open_, made_up = np.flatnonzero(rows < 0), np.flatnonzero(is_made_up)
        found = _by_exposure(files.iloc[made_up], attempts.iloc[open_])
        rows[open_] = np.where(found >= 0, made_up[found], -1)
    return rows


def _of_each_source(attempts: DataFrame) -> Iterator[NDArray[bool_]]:
    """Yield which attempts are of a source, for each source."""
    sources = attempts["source"]
    for source in sources.unique():
        yield (sources == source).to_numpy(dtype=bool)


def _share(
    rows: NDArray[int64], own_ids: Series[str], is_new: NDArray[bool_] | None = None
) -> None:
    """Give attempts the file of another on their path.

    `is_new` are the attempts whose files are not shared yet; by default, all that have one.
    """
    import numpy as np

    open_ = np.flatnonzero(rows < 0)
    is_new = rows >= 0 if is_new is None else is_new
    wanted = own_ids.iloc[open_]
    # the few paths that are wanted become a hash table, not the many that are matched
    matched = np.flatnonzero(is_new & (index_in(own_ids, wanted) >= 0))
    if len(matched):
        found = index_in(wanted, own_ids.iloc[matched])
        rows[open_] = np.where(found >= 0, rows[matched][found], -1)


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


def _by_exposure(files: DataFrame, attempts: DataFrame) -> NDArray[int64]:
    """Return each attempt's file by exposure, or -1.

    If an attempt's detector is unknown, the obsid of a single file counts. What an attempt lacks
    is read from its first name.
    """
    import numpy as np

    from_names = read_names(attempts["names"].fillna("").str.partition("\n")[0].astype("str"))
    obsid = attempts["obsid"].fillna(from_names["obsid"])
    detector = attempts["detector"].fillna(from_names["detector"])
    wanted, there = (
        _with_detector(obsid, detector),
        _with_detector(files["obsid"], files["detector"]),
    )
    rows = index_in(wanted, there.mask(there.duplicated(keep=False)))
    alone = files["obsid"].mask(files["obsid"].duplicated(keep=False))
    by_obsid = index_in(obsid.mask(detector.notna()), alone)
    return np.where(rows >= 0, rows, by_obsid)


def _with_detector(obsid: Series[str], detector: Series[str]) -> Series[str]:
    """Return obsid and detector as one text, null if either is."""
    keys = {name: detector_key(name) for name in detector.dropna().unique()}
    return obsid + "/" + detector.map(keys).astype("str")


# --- names ----------------------------------------------------------------------------------------


def by_name(names: Series[str], wanted: Series[str]) -> NDArray[int64]:
    """Return the row of each attempt's file by name, or -1.

    Parameters
    ----------
    names : Series of str
        Names of files.
    wanted : Series of str
        Possible names of each attempt's file, one per line; the first that is found counts.
        FITS endings do not matter.
    """
    return _first_named(stems(frames.arrow(names)), wanted)


def _first_named(among: AnyArray, wanted: Series[str]) -> NDArray[int64]:
    """Return the position of each attempt's first found name."""
    import numpy as np

    rows = np.full(len(wanted), -1)
    attempts, names = _each_name(wanted)
    found = index_in(names, among)
    # backwards, so that the first of an attempt's names is assigned last
    hits = np.flatnonzero(found >= 0)[::-1]
    rows[attempts[hits]] = found[hits]
    return rows


def _each_name(names: Series[str]) -> tuple[NDArray[int64], AnyArray]:
    """Return attempt and stem of each possible name."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lines: AnyArray = pc.split_pattern(pa.array(names.fillna(""), pa.large_string()), "\n")
    parents: AnyArray = pc.list_parent_indices(lines)
    found = stems(pc.list_flatten(lines))
    is_empty: AnyArray = pc.equal(found, pa.scalar("", found.type))
    return parents.to_numpy(), pc.if_else(is_empty, None, found)


def stems(names: AnyArray) -> AnyArray:
    """Return names without their FITS endings."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(names, f"(?i){FITS_ENDING.pattern}", "")


# --- attempts without a file ----------------------------------------------------------------------


def joint_ids(attempts: DataFrame, own_ids: Series[str]) -> Series[str]:
    """Return the file_ids of files that no source lists.

    Each is source and path of an attempt. Attempts of several sources have the same id if they
    share an inode or a possible name. Sources that know several names of a file come first, as
    they join those that know one each.
    """
    import numpy as np

    if attempts["source"].nunique() < 2:
        return own_ids
    of_each = list(_of_each_source(attempts))
    n_names = attempts["names"].fillna("").str.count("\n").to_numpy()
    of_each.sort(key=lambda of_source: -int(n_names[of_source].max()))
    ids = own_ids.to_numpy(dtype=object).copy()
    is_placed = np.zeros(len(attempts), dtype=bool)
    for of_source in of_each:
        placed, own = np.flatnonzero(is_placed), np.flatnonzero(of_source)
        if len(placed):
            found = _joined(attempts.iloc[placed], attempts.iloc[own])
            _share(found, own_ids.iloc[own])
            ids[own] = np.where(found >= 0, ids[placed][found], ids[own])
        is_placed |= of_source
    return pd.Series(ids, index=attempts.index, dtype="str")


def _joined(placed: DataFrame, attempts: DataFrame) -> NDArray[int64]:
    """Return an earlier attempt on each attempt's file, or -1."""
    import numpy as np

    rows = _by_inode(placed, attempts)
    open_ = np.flatnonzero(rows < 0)
    if len(open_):
        parents, names = _each_name(placed["names"])
        found = _first_named(names, attempts["names"].iloc[open_])
        rows[open_] = np.where(found >= 0, parents[found] if len(parents) else -1, -1)
    return rows
