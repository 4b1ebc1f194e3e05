"""Exposures of a night, joined from the reports of its sources."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from observing_monitor.model import columns, frames
from observing_monitor.model.arrays import index_in, sort_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray
    from pandas import DataFrame, Series

# what identifies an exposure, the surest first
KEYS = ("exposure", "obsid", "seq_num")
SORTED_BY = ["started_at", "exposure", "instrument"]
# facts of which two sources should say the same
COMPARED = ("target", "physical_filter", "exposure_time_s")
# exposure times may differ by so much, since some are what was asked for: seconds, and share
TOLERANCE_S, TOLERANCE = 0.5, 0.02


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
    nothing = pd.DataFrame({"exposure": [], "column": [], "words": []}, dtype="str")
    lost = pd.DataFrame({"exposure": [], "source": []}, dtype="str")
    if reports.empty:
        return Joined(frames.empty(columns.EXPOSURES), nothing, lost)
    ranks = {name: number for number, name in enumerate(order)}
    rank = reports["source"].map(ranks).fillna(len(ranks)).astype("int64")
    rows = reports.assign(_rank=rank).sort_values(["_rank", "source"], kind="stable")
    rows = _with_names(rows.reset_index(drop=True), files)
    groups, is_ambiguous = _groups(rows)
    lost = rows.loc[is_ambiguous, ["exposure", "source"]].reset_index(drop=True)
    if len(np.unique(groups)) < len(groups):
        nothing = _contradictions(rows, groups)
        rows = _first_known(rows, groups)
    return Joined(_finished(rows), nothing, lost)


def _with_names(reports: DataFrame, files: DataFrame) -> DataFrame:
    """Return reports with names that only files have."""
    named = files.dropna(subset=["exposure", "obsid"])
    for known, wanted in (("obsid", "exposure"), ("exposure", "obsid")):
        is_lacking = reports[wanted].isna() & reports[known].notna()
        if is_lacking.any() and len(named):
            pairs = named.drop_duplicates([known, wanted]).drop_duplicates(known, keep=False)
            found = reports.loc[is_lacking, known].map(pairs.set_index(known)[wanted])
            reports = reports.assign(**{wanted: reports[wanted].fillna(found)})
    return reports


def _groups(rows: DataFrame) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each report's group, and True for each that fits several."""
    groups = np.arange(len(rows))
    is_ambiguous = np.zeros(len(rows), dtype=bool)
    sources = rows["source"].to_numpy()
    starts = [0, *np.flatnonzero(sources[1:] != sources[:-1]) + 1]
    # reports of one source are of different exposures
    for first, last in itertools.pairwise([*starts[1:], len(rows)]):
        mine, known = rows.iloc[first:last], rows.iloc[:first]
        left = mine
        for key in KEYS:
            pairs = _pairs(left, known, key, groups)
            per_report, per_group = (pairs[name].value_counts() for name in ("report", "group"))
            is_one = (pairs["report"].map(per_report) == 1) & (pairs["group"].map(per_group) == 1)
            found = pairs[is_one]
            taken = set(groups[first:last]) & set(found["group"])
            found = found[~found["group"].isin(taken)]
            groups[found["report"]] = found["group"]
            is_ambiguous[pairs["report"]] = True
            is_ambiguous[found["report"]] = False
            left = left.drop(found["report"])
    return groups, is_ambiguous


def _pairs(mine: DataFrame, known: DataFrame, key: str, groups: NDArray[np.int64]) -> DataFrame:
    """Return reports and groups with the same key, not of two instruments."""
    one = mine.loc[mine[key].notna(), [key, "instrument"]].rename_axis("report").reset_index()
    other = known.loc[known[key].notna(), [key, "instrument"]]
    other = other.assign(group=groups[other.index])
    pairs = one.merge(other, on=key, suffixes=("", "_there"))
    here, there = pairs["instrument"], pairs["instrument_there"]
    fits = here.isna() | there.isna() | (here == there)
    return pairs.loc[fits, ["report", "group"]].drop_duplicates()


def _first_known(rows: DataFrame, groups: NDArray[np.int64]) -> DataFrame:
    """Return one row per group: of each fact the first that is known."""
    by_group = rows.groupby(groups, sort=True)
    made = by_group[[c.name for c in columns.EXPOSURES if c.name != "source"]].first()
    counts = by_group.size()
    sources = rows["source"].groupby(groups, sort=True).first()
    several = counts.index[counts > 1]
    named = rows[np.isin(groups, several)]
    joined = (
        named["source"]
        .groupby(groups[named.index], sort=True)
        .agg(lambda names: " ".join(dict.fromkeys(names)))
    )
    sources = sources.astype("object")
    sources.loc[joined.index] = joined
    return made.assign(source=sources).reset_index(drop=True)


def _contradictions(rows: DataFrame, groups: NDArray[np.int64]) -> DataFrame:
    """Return the facts that sources disagree about."""
    found: dict[str, list[str]] = {"exposure": [], "column": [], "words": []}
    for fact in COMPARED:
        known = rows[rows[fact].notna()]
        own = groups[known.index]
        is_several = pd.Series(own).duplicated(keep=False).to_numpy()
        known, own = known[is_several], own[is_several]
        if known.empty:
            continue
        first = known[fact].groupby(own).transform("first")
        is_other = _differ(known[fact], first)
        for group in np.unique(own[is_other]):
            told = known[own == group]
            words = "; ".join(
                f"{source}: {_plain(value)}"
                for source, value in zip(told["source"], told[fact], strict=True)
            )
            found["exposure"].append(str(_name(rows[groups == group])))
            found["column"].append(fact)
            found["words"].append(words)
    return pd.DataFrame(found, dtype="str")


def _differ(values: Series[Any], others: Series[Any]) -> NDArray[np.bool_]:
    """True for values that say something else, not just in another form."""
    if values.dtype == columns.DTYPES["float"]:
        gap = (values - others).abs()
        return (gap > np.maximum(TOLERANCE_S, TOLERANCE * others.abs())).to_numpy()
    plain = (v.str.lower().str.replace(r"[\s_-]+", "", regex=True) for v in (values, others))
    one, other = plain
    return (one != other).to_numpy(dtype=bool)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _name(rows: DataFrame) -> Any:
    """Return the name that the exposure gets."""
    return next((v for v in (*rows["exposure"], *rows["obsid"]) if isinstance(v, str)), "")


def _finished(rows: DataFrame) -> DataFrame:
    """Return exposures with a name and an end, by start."""
    started = rows["started_at"].dt.strftime("%H:%M:%S").astype(columns.DTYPES["text"])
    number = rows["seq_num"].astype("str").astype(columns.DTYPES["text"])
    number = number.where(rows["seq_num"].notna())
    names = rows["exposure"].fillna(rows["obsid"]).fillna(number).fillna(started)
    lasted = pd.to_timedelta(rows["exposure_time_s"], unit="s").fillna(pd.Timedelta(0))
    ended = (rows["started_at"] + lasted).astype(columns.DTYPES["instant"])
    made = rows.assign(exposure=names, ended_at=rows["ended_at"].fillna(ended))
    made = made[made["exposure"].notna()]
    return sort_rows(frames.frame(columns.EXPOSURES, made), SORTED_BY)


def rows_of_files(files: DataFrame, exposures: DataFrame) -> NDArray[np.int64]:
    """Return the position of each file's exposure, or -1.

    By `exposure`, else `obsid`, else `seq_num`. A name that two instruments use is no key.

    Parameters
    ----------
    files : DataFrame
        Columns `columns.FILES`.
    exposures : DataFrame
        From `join_exposures`, with the index 0, 1, 2 …
    """
    found = np.full(len(files), -1)
    if exposures.empty:
        return found
    for key in KEYS:
        is_left = found < 0
        if not is_left.any():
            break
        wanted, among = (frame[key].astype("str") for frame in (files[is_left], exposures))
        is_key = exposures[key].notna() & ~exposures[key].duplicated(keep=False)
        rows = index_in(wanted.where(files.loc[is_left, key].notna()), among.where(is_key))
        found[is_left] = rows
    return found
