"""Exposures, joined from what each source reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import sort_rows
from observing_monitor.tables.observed_groups import group_reports, normal_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy import bool_, int64
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


# kinds of problems
AMBIGUOUS, CONTRADICTION = "ambiguous", "contradiction"
# facts on which the sources of an exposure must agree -> words
COMPARED = {"target": "target", "physical_filter": "filter", "exposure_time_s": "exposure time"}
# sources measure exposure times, or give those that were asked for: so far may they differ
TOLERANCE_S, TOLERANCE_SHARE = 0.1, 0.01
# the longest time that an exposure without an end can take
LONGEST_S = 10 * 86400.0


def join_exposures(
    reports: DataFrame, order: Sequence[str], files: DataFrame
) -> tuple[DataFrame, DataFrame]:
    """Return a night's exposures, each once, and what is odd.

    Parameters
    ----------
    reports : DataFrame
        Columns `columns.EXPOSURES`, with one source per row.
    order : sequence of str
        Sources. The first one with a value has it; those that are not listed come last.
    files : DataFrame
        The night's, `columns.FILES`. One with both an exposure and an obsid says that they are
        the same.

    Returns
    -------
    exposures : DataFrame
        Columns `columns.EXPOSURES`, sorted.
    problems : DataFrame
        A row per problem: kind (`AMBIGUOUS` or `CONTRADICTION`), exposure and reason.
    """
    if reports.empty:
        return frames.empty(columns.EXPOSURES), _problems([], [], [])
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
    problems = pd.concat(
        [
            *(_contradictions(rows, groups, joined, firsts[fact], fact) for fact in COMPARED),
            _ambiguous(joined, is_ambiguous),
        ],
        ignore_index=True,
    )
    by = ["started_at", "exposure", "instrument"]
    return sort_rows(frames.frame(columns.EXPOSURES, joined), by), problems


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
    patterns, of = np.unique(has[:, ranked], axis=0, return_inverse=True)
    texts = [" ".join(names[ranked[k]] for k in np.flatnonzero(pattern)) for pattern in patterns]
    return pd.Series(texts, dtype="str").take(of.ravel()).reset_index(drop=True)


def _names(made: dict[str, Series[Any]]) -> Series[str]:
    """Return a name for each exposure, unique per instrument."""
    names = made["exposure"].fillna(made["obsid"])
    if names.isna().any():
        started = made["started_at"].dt.strftime("%Y%m%dT%H%M%S").astype("str")
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


# --- problems -------------------------------------------------------------------------------------


def _problems(kinds: list[str], exposures: list[str], reasons: list[str]) -> DataFrame:
    texts = {"kind": kinds, "exposure": exposures, "reason": reasons}
    return pd.DataFrame({name: pd.Series(found, dtype="str") for name, found in texts.items()})


def _contradictions(
    rows: DataFrame,
    groups: NDArray[int64],
    joined: DataFrame,
    first: NDArray[int64],
    fact: str,
) -> DataFrame:
    """Return a problem for each exposure with two values of a fact."""
    others = np.flatnonzero(_differs(rows[fact], first[groups]))
    if not len(others):
        return _problems([], [], [])
    others = others[np.unique(groups[others], return_index=True)[1]]
    of = groups[others]
    said, sources = (rows[name].astype("object").to_numpy() for name in (fact, "source"))
    reasons = [
        f"{COMPARED[fact]}: {said[one]} ({sources[one]}), {said[other]} ({sources[other]})"
        for one, other in zip(first[of], others, strict=True)
    ]
    names = joined["exposure"].to_numpy()[of].tolist()
    return _problems([CONTRADICTION] * len(of), names, reasons)


def _differs(values: Series[Any], first: NDArray[int64]) -> NDArray[bool_]:
    """Return True for values that contradict the value in another row."""
    there = values.notna().to_numpy() & (first >= 0) & (first != np.arange(len(first)))
    at = np.flatnonzero(there)
    made = np.zeros(len(values), dtype=bool)
    if values.dtype.kind == "f":
        mine, theirs = values.to_numpy()[at], values.to_numpy()[first[at]]
        allowed = TOLERANCE_S + TOLERANCE_SHARE * np.abs(theirs)
        made[at] = ~(np.abs(mine - theirs) <= allowed)
    elif len(at):
        codes = pd.factorize(pd.Series(normal_text(values)).str.lower())[0]
        made[at] = codes[at] != codes[first[at]]
    return made


def _ambiguous(joined: DataFrame, is_ambiguous: NDArray[bool_]) -> DataFrame:
    """Return a problem for each report that fits several exposures."""
    found = joined[is_ambiguous]
    reasons = [f"{source} names it so that it fits several" for source in found["source"]]
    return _problems([AMBIGUOUS] * len(found), found["exposure"].tolist(), reasons)
