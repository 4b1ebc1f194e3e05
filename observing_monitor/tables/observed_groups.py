"""Find the reports that are about the same exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from observing_monitor.model.arrays import index_in

if TYPE_CHECKING:
    from typing import Any

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


def normal_text(texts: Series[str]) -> Any:
    """Return names as an Arrow array: without blanks around them.

    A number has no zeros in front: a folder may be called 00055555, and its exposure 55555. An
    empty name is null.
    """
    made: Any = pa.array(texts, pa.large_string())
    if isinstance(made, pa.ChunkedArray):
        made = made.combine_chunks()
    made = pc.utf8_trim_whitespace(made)
    if pc.any(pc.starts_with(made, "0")).as_py():
        made = pc.replace_substring_regex(made, r"^0+([0-9]+)$", r"\1")
    return pc.if_else(pc.equal(made, pa.scalar("", made.type)), pa.scalar(None, made.type), made)


def group_reports(rows: DataFrame, files: DataFrame) -> tuple[NDArray[int64], NDArray[bool_]]:
    """Return the number of the exposure of each report.

    Reports are joined by `exposure`, else by `obsid`, else by instrument and `seq_num`, else by
    the files that have both an exposure and an obsid. A key joins only if each source has it
    once: what fits several exposures stays alone.

    Parameters
    ----------
    rows : DataFrame
        The reports, `columns.EXPOSURES`.
    files : DataFrame
        The night's files, `columns.FILES`.

    Returns
    -------
    groups : array of int
        From 0, in the order of their first reports.
    is_ambiguous : array of bool
        For each group, True if it fits several others.
    """
    exposure, obsid = normal_text(rows["exposure"]), normal_text(rows["obsid"])
    facts = pd.DataFrame(
        {
            "exposure": _codes(exposure),
            "obsid": _codes(obsid),
            "instrument": _codes(pc.utf8_lower(normal_text(rows["instrument"]))),
            "source": pd.factorize(rows["source"])[0],
        }
    )
    groups, no_instrument = _by_exposure(facts)
    no_exposure = np.zeros(len(rows), dtype=bool)
    if facts["source"].max() > 0:
        by_file = _by_file(exposure, obsid, files)
        for keys, same in (
            (facts["obsid"].to_numpy(), ()),
            (_numbers(rows["seq_num"]), ("exposure", "obsid")),
            (by_file, ()),
        ):
            if keys is not None:
                groups, is_unsure = _joined_by(keys, groups, facts, same)
                no_exposure |= is_unsure
    groups = pd.factorize(groups)[0]
    is_ambiguous = _any_of(groups, no_exposure) & ~_any_of(groups, facts["exposure"] >= 0)
    is_ambiguous |= _any_of(groups, no_instrument) & ~_any_of(groups, facts["instrument"] >= 0)
    return groups, is_ambiguous


def _any_of(groups: NDArray[int64], is_so: Any) -> NDArray[bool_]:
    """Return True for each group with a report that is so."""
    made = np.zeros(int(groups.max()) + 1, dtype=bool)
    made[groups[np.asarray(is_so)]] = True
    return made


def _numbers(values: Series[int]) -> NDArray[int64]:
    """Return a code for each number, -1 for null."""
    codes = pd.factorize(values.to_numpy("int64", na_value=0))[0]
    return np.where(values.isna(), -1, codes)


def _codes(texts: Any) -> NDArray[int64]:
    """Return a number for each text, -1 for null."""
    indices = pc.dictionary_encode(texts).indices
    return np.asarray(pc.cast(indices, pa.int64()).fill_null(-1))


def _with_instrument(
    keys: NDArray[int64], instrument: NDArray[int64]
) -> tuple[NDArray[int64], NDArray[bool_]]:
    """Return keys that differ for each instrument, -1 for none.

    Without an instrument, a key is that of the only instrument that has it. Also returns True
    for each that several have.
    """
    n = int(instrument.max()) + 1
    if n < 2:
        return keys, np.zeros(len(keys), dtype=bool)
    is_known = (keys >= 0) & (instrument >= 0)
    first = np.full(int(keys.max()) + 2, n)
    last = np.full(int(keys.max()) + 2, -1)
    np.minimum.at(first, keys[is_known], instrument[is_known])
    np.maximum.at(last, keys[is_known], instrument[is_known])
    is_asked = (instrument < 0) & (keys >= 0)
    only = np.where(first == last, last, -1)
    own = np.where(is_asked, only[keys], instrument)
    is_unsure = is_asked & (first < last)[keys]
    return np.where(keys < 0, -1, keys * (n + 1) + own + 1), is_unsure


def _by_exposure(facts: DataFrame) -> tuple[NDArray[int64], NDArray[bool_]]:
    """Return a group for each report, by exposure and instrument.

    Also returns True for each without an instrument that fits several.
    """
    keys, is_unsure = _with_instrument(facts["exposure"].to_numpy(), facts["instrument"].to_numpy())
    groups = np.where(keys < 0, keys.max() + 1 + np.arange(len(keys)), keys)
    return groups, is_unsure


def _by_file(exposure: Any, obsid: Any, files: DataFrame) -> NDArray[int64] | None:
    """Return a key for each report: the exposure, else that of a file.

    None if the files say nothing new.
    """
    is_asked = pc.and_(pc.is_null(exposure), pc.is_valid(obsid))
    if not pc.any(is_asked).as_py():
        return None
    both = files.loc[files["obsid"].notna() & files["exposure"].notna(), ["obsid", "exposure"]]
    both = pd.DataFrame({name: pd.Series(normal_text(both[name]), dtype="str") for name in both})
    both = both.drop_duplicates().drop_duplicates("obsid", keep=False)
    at = index_in(obsid, both["obsid"])
    if not (at >= 0).any():
        return None
    theirs = both["exposure"].array.take(at, allow_fill=True)
    return _codes(pc.coalesce(exposure, pa.array(theirs, pa.large_string())))


def _joined_by(
    keys: NDArray[int64], groups: NDArray[int64], facts: DataFrame, same: tuple[str, ...]
) -> tuple[NDArray[int64], NDArray[bool_]]:
    """Join groups that share a key.

    Parameters
    ----------
    keys, groups : array of int
        Of each report; no key is -1.
    facts : DataFrame
        Numbers of the exposure, obsid, instrument and source of each report.
    same : tuple of str
        Facts that must not differ.

    Returns
    -------
    groups : array of int
    is_unsure : array of bool
        True for each report without an exposure whose key fits several.
    """
    exposure = facts["exposure"].to_numpy()
    keys, is_unsure = _with_instrument(keys, facts["instrument"].to_numpy())
    is_unsure &= exposure < 0
    key = _shared_keys(keys, groups)
    rows = np.flatnonzero(key >= 0)
    if not len(rows):
        return groups, is_unsure
    key, group, source = key[rows], groups[rows], facts["source"].to_numpy()[rows]
    sources, _ = _distinct(key, source)
    # a source with two groups of one key, which it has once per group
    of_source, _ = _distinct(key * (source.max() + 1) + source, group)
    refused = np.unique(_repeated(of_source) // (source.max() + 1))
    for fact in same:
        values = facts[fact].to_numpy()[rows]
        told, _ = _distinct(key[values >= 0], values[values >= 0])
        refused = np.union1d(refused, _repeated(told))
    is_refused = np.isin(key, refused)
    if not is_refused.all():
        first = np.full(int(key.max()) + 1, group.max())
        np.minimum.at(first, key, group)
        new = np.arange(int(groups.max()) + 1)
        new[group[~is_refused]] = first[key[~is_refused]]
        joined = new[groups]
    else:
        joined = groups
    has_exposure = _any_of(groups, exposure >= 0)[group]
    is_odd = is_refused & np.isin(key, _repeated(sources)) & ~has_exposure
    is_unsure[rows[is_odd]] = True
    return joined, is_unsure


def _shared_keys(keys: NDArray[int64], groups: NDArray[int64]) -> NDArray[int64]:
    """Return the key that each report's group shares with others, or -1.

    A group with two such keys counts for the first.
    """
    of_pair, group = _distinct(keys[keys >= 0], groups[keys >= 0])
    is_shared = np.isin(of_pair, _repeated(of_pair))
    group, at = np.unique(group[is_shared], return_index=True)
    of_group = np.full(int(groups.max()) + 1, -1)
    of_group[group] = of_pair[is_shared][at]
    return of_group[groups]


def _distinct(one: NDArray[int64], other: NDArray[int64]) -> tuple[NDArray[int64], NDArray[int64]]:
    """Return the distinct pairs of two columns, sorted."""
    n = int(other.max(initial=0)) + 1
    pairs = np.unique(one * n + other)
    return pairs // n, pairs % n


def _repeated(values: NDArray[int64]) -> NDArray[int64]:
    """Return sorted values that occur several times, each at least once."""
    made: NDArray[int64] = values[1:][values[1:] == values[:-1]]
    return made
