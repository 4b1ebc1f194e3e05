"""Exposures, joined from what each source reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import index_in, sort_rows
from observing_monitor.tables.observed_groups import group_reports, normal_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


# facts of which two sources should say the same
COMPARED = ("target", "physical_filter", "exposure_time_s")
# exposure times may differ by so much, since some are what was asked for: seconds, and share
TOLERANCE_S, TOLERANCE = 0.5, 0.02
# a longer exposure time is no fact
LONGEST_S = 10 * 86400.0


@dataclass(frozen=True)
class Joined:
    """Exposures of a night, and what is odd about their reports.

    Attributes
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`, one row per exposure, by start.
    contradictions : DataFrame
        Columns exposure, column, words: what sources disagree about.
    ambiguous : DataFrame
        Columns exposure, source: reports that may belong to several exposures. Each is a row of
        its own.
    """

    exposures: DataFrame
    contradictions: DataFrame
    ambiguous: DataFrame


def join_exposures(reports: DataFrame, order: Sequence[str], files: DataFrame) -> Joined:
    """Join the reports of several sources on the same exposures.

    A report belongs to the exposure of the same `exposure`, else `obsid`, else `seq_num` and
    instrument. A name that only the file has counts too. A report that fits several is not joined.

    Parameters
    ----------
    reports : DataFrame
        Columns `columns.EXPOSURES`, all of one night, each row of one source.
    order : sequence of str
        Sources, the most trusted first. Of each fact the first one that is known counts.
    files : DataFrame
        Columns `columns.FILES`: names that complete those of the reports.
    """
    if reports.empty:
        nothing = _texts(exposure=[], column=[], words=[])
        return Joined(frames.empty(columns.EXPOSURES), nothing, _texts(exposure=[], source=[]))
    rows = _by_priority(reports, order)
    groups, is_ambiguous = group_reports(rows, files)
    by_group = np.argsort(groups, kind="stable")
    rows, groups = rows.take(by_group).reset_index(drop=True), groups[by_group]
    firsts = {c.name: _first_rows(rows[c.name], groups) for c in columns.EXPOSURES}
    made = {c.name: _taken(rows[c.name], firsts[c.name]) for c in columns.EXPOSURES}
    made["source"] = _contributors(rows, groups, order)
    made["exposure"] = _names(made)
    joined = pd.DataFrame(made)
    joined["ended_at"] = _ends(joined)
    disagreed = [_disagreed(rows, groups, joined, firsts[fact], fact) for fact in COMPARED]
    ambiguous = joined.loc[is_ambiguous, ["exposure", "source"]].reset_index(drop=True)
    by = ["started_at", "exposure", "instrument"]
    return Joined(
        sort_rows(frames.frame(columns.EXPOSURES, joined), by),
        pd.concat(disagreed, ignore_index=True),
        ambiguous,
    )


def _by_priority(reports: DataFrame, order: Sequence[str]) -> DataFrame:
    """Return reports in the order of their sources."""
    ranks = _ranks(reports["source"], order)
    return reports.take(np.argsort(ranks, kind="stable")).reset_index(drop=True)


def _ranks(sources: Series[str], order: Sequence[str]) -> NDArray[int64]:
    codes, names = pd.factorize(sources)
    place = {name: n for n, name in enumerate([*order, *sorted(set(names) - set(order))])}
    return np.array([place[name] for name in names])[codes]


# --- values ---------------------------------------------------------------------------------------


def _first_rows(values: Series[Any], groups: NDArray[int64]) -> NDArray[int64]:
    """Return each group's first row with a value, or -1.

    `groups` are sorted, and count from 0.
    """
    first = np.full(int(groups[-1]) + 1, -1)
    there = np.flatnonzero(values.notna().to_numpy())
    of = groups[there]
    is_first = np.ones(len(of), dtype=bool)
    is_first[1:] = of[1:] != of[:-1]
    first[of[is_first]] = there[is_first]
    return first


def _taken(values: Series[Any], rows: NDArray[int64]) -> Series[Any]:
    """Return values by position; null for -1."""
    return pd.Series(values.array.take(rows, allow_fill=True), dtype=values.dtype)


def _contributors(rows: DataFrame, groups: NDArray[int64], order: Sequence[str]) -> Series[str]:
    """Return the sources of each group, separated by blanks."""
    codes, names = pd.factorize(rows["source"])
    ranked = np.argsort(_ranks(pd.Series(names, dtype="str"), order))
    has = np.zeros((int(groups[-1]) + 1, len(names)), dtype=bool)
    has[groups, codes] = True
    packed = np.packbits(has[:, ranked], axis=1)
    patterns, of = np.unique(packed, axis=0, return_inverse=True)
    told = np.unpackbits(patterns, axis=1, count=len(names))
    texts = [" ".join(names[ranked[k]] for k in np.flatnonzero(pattern)) for pattern in told]
    return pd.Series(texts, dtype="str").take(of.ravel()).reset_index(drop=True)


def _names(made: dict[str, Series[Any]]) -> Series[str]:
    """Return a name for each exposure, unique per instrument."""
    names = made["exposure"].fillna(made["obsid"])
    if names.isna().any():
        started = made["started_at"].dt.strftime("%H:%M:%S").astype("str")
        names = names.fillna(made["seq_num"].astype("str")).fillna(started).fillna(made["source"])
    by = pd.DataFrame({"name": names, "instrument": made["instrument"]})
    is_again = by.duplicated()
    if is_again.any():
        number = by.groupby(["name", "instrument"], dropna=False).cumcount() + 1
        names = names.where(~is_again, names + "-" + number.astype("str"))
    return names.astype("str")


def _ends(joined: DataFrame) -> Series[pd.Timestamp]:
    """Return when exposures ended: by default, start and exposure time."""
    ended, taken = joined["ended_at"], joined["exposure_time_s"]
    is_known = ended.isna() & joined["started_at"].notna() & taken.between(0, LONGEST_S)
    if not is_known.any():
        return ended
    lasted = pd.to_timedelta(taken.where(is_known), unit="s").dt.round("us")
    ends = (joined["started_at"] + lasted).astype(ended.dtype)
    return frames.in_calendar(ended.where(~is_known, ends))


# --- contradictions -------------------------------------------------------------------------------


def _texts(**found: list[str]) -> DataFrame:
    return pd.DataFrame({name: pd.Series(texts, dtype="str") for name, texts in found.items()})


def _disagreed(
    rows: DataFrame,
    groups: NDArray[int64],
    joined: DataFrame,
    first: NDArray[int64],
    fact: str,
) -> DataFrame:
    """Return the exposures with two values of a fact, and both values."""
    others = np.flatnonzero(_differs(rows[fact], first[groups]))
    others = others[np.unique(groups[others], return_index=True)[1]]
    of = groups[others]
    said, sources = (rows[name].astype("object").to_numpy() for name in (fact, "source"))
    words = [
        f"{sources[one]}: {_plain(said[one])}; {sources[other]}: {_plain(said[other])}"
        for one, other in zip(first[of], others, strict=True)
    ]
    names = joined["exposure"].to_numpy()[of].tolist()
    return _texts(exposure=names, column=[fact] * len(of), words=words)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differs(values: Series[Any], first: NDArray[int64]) -> NDArray[bool_]:
    """Return True for values that contradict the value in another row."""
    there = values.notna().to_numpy() & (first >= 0) & (first != np.arange(len(first)))
    at = np.flatnonzero(there)
    made = np.zeros(len(values), dtype=bool)
    if values.dtype.kind == "f":
        mine, theirs = values.to_numpy()[at], values.to_numpy()[first[at]]
        allowed = np.maximum(TOLERANCE_S, TOLERANCE * np.abs(theirs))
        made[at] = ~(np.abs(mine - theirs) <= allowed)
    elif len(at):
        # another form of a name is no other name
        codes, names = pd.factorize(values)
        plain = pd.Series(names).str.lower().str.replace(r"[\s_-]+", "", regex=True)
        codes = pd.factorize(plain)[0][codes]
        made[at] = codes[at] != codes[first[at]]
    return made


# --- the files of exposures -----------------------------------------------------------------------


def rows_of_files(files: DataFrame, exposures: DataFrame) -> NDArray[int64]:
    """Return the row of each file's exposure, or -1.

    By `exposure`, else `obsid`, either of which may be the other's name, else `seq_num`. A name
    that two instruments use is no key.

    Parameters
    ----------
    files : DataFrame
        Columns `columns.FILES`.
    exposures : DataFrame
        From `join_exposures`, with the index 0, 1, 2 …
    """
    found = np.full(len(files), -1)
    if exposures.empty or files.empty:
        return found
    names = {name: normal_text(files[name]) for name in ("exposure", "obsid")}
    known = {name: normal_text(exposures[name]) for name in ("exposure", "obsid")}
    for one, other in (
        ("exposure", "exposure"),
        ("obsid", "obsid"),
        ("obsid", "exposure"),
        ("exposure", "obsid"),
    ):
        if (found < 0).any():
            found = np.where(found < 0, index_in(names[one], _once(known[other])), found)
    if (found < 0).any() and exposures["seq_num"].notna().any():
        numbers = [pa.array(frame["seq_num"]) for frame in (files, exposures)]
        rows = index_in(numbers[0], _once(numbers[1]))
        for name in names:
            # an exposure of another name is another exposure
            is_other = _differ(
                names[name], pc.take(known[name], pa.array(np.maximum(rows, 0), pa.int64()))
            )
            rows = np.where(is_other, -1, rows)
        found = np.where(found < 0, rows, found)
    return found


def _differ(texts: Any, others: Any) -> NDArray[bool_]:
    """Return True where both are known and differ."""
    return np.asarray(pc.fill_null(pc.not_equal(texts, others), pa.scalar(False)))


def _once(values: Any) -> Any:
    """Return values with null for those that occur several times."""
    counts: Any = pc.value_counts(values)
    several = counts.field("values").filter(pc.greater(counts.field("counts"), pa.scalar(1)))
    return pc.if_else(pc.is_in(values, several), pa.scalar(None, values.type), values)
