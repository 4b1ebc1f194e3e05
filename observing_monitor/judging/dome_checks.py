"""Findings about science exposures with the dome closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from observing_monitor.judging.checks import MAX_ROWS
from observing_monitor.judging.exposure_checks import ExposureFindings, of_exposures, told_of
from observing_monitor.judging.measure_checks import unknown
from observing_monitor.model.finding import Finding, Row
from observing_monitor.model.wording import clock, exposure_anchor, n_of
from observing_monitor.tables import intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pandas import DataFrame

    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.settings.records import DomeSettings
    from observing_monitor.tables.intervals import Flags, Floats, Taken


def dome_findings(
    job: NightWork, exposures: DataFrame, samples: DataFrame
) -> Iterable[ExposureFindings]:
    """Yield findings about science with the dome closed.

    Parameters
    ----------
    job : NightWork
    exposures : DataFrame
        Columns `columns.EXPOSURES`.
    samples : DataFrame
        Columns `columns.METRICS`: the values of the metric that `dome` names.
    """
    science = exposures[exposures["observation_type"] == "science"]
    if science.empty:
        return
    dome, closed_at = job.stream.dome, np.full(len(science), np.nan)
    if dome is not None:
        closed_at = _closed_at(intervals.of_exposures(science), samples, dome)
        if samples.empty:
            n_science = n_of(len(science), "science exposure")
            yield unknown(job, science, f"dome: no value of {dome.metric} with {n_science}")
    is_closed = ~np.isnan(closed_at)
    if is_closed.any():
        metric = dome.metric if dome else ""
        why = [
            f"{metric}: closed at {clock(pd.Timestamp(at, unit='s', tz='UTC').to_pydatetime())} UTC"
            for at in closed_at[is_closed][:MAX_ROWS]
        ]
        yield _finding(science[is_closed], "science with the dome closed", why)
    is_blind = ~is_closed & (~science["can_see_sky"]).fillna(False).to_numpy(bool)
    if is_blind.any():
        why = ["by its source"] * min(int(is_blind.sum()), MAX_ROWS)
        yield _finding(science[is_blind], "science that could not see the sky", why)


def _finding(exposures: DataFrame, words: str, why: Sequence[str]) -> ExposureFindings:
    """Return the finding about exposures; `why` has a text for each row."""
    first = exposures.head(MAX_ROWS)
    facts = (first[name] for name in ("exposure", "observation_type", "target", "started_at"))
    rows = [
        Row(str(name), f"{told_of(*more)}; {text}")
        for text, name, *more in zip(why, *facts, strict=True)
    ]
    sources = {name for names in exposures["source"].dropna().unique() for name in names.split()}
    text = f"{words}: {n_of(len(exposures), 'exposure')}, the first is {rows[0].name}"
    href = f"#{exposure_anchor(rows[0].name)}"
    finding = Finding("warning", text, href, ", ".join(sorted(sources)))
    return ExposureFindings((of_exposures(finding, words, rows, len(exposures)),))


def _closed_at(taken: Taken, samples: DataFrame, dome: DomeSettings) -> Floats:
    """Return when the dome was closed in each exposure, or NaN.

    That is the time of the last value at its start, or of one before its end. Of several nodes,
    such as two shutters, one is enough.
    """
    found = np.full(len(taken.starts), np.nan)
    known = samples[samples["sampled_at"].notna()].sort_values("sampled_at", kind="stable")
    is_closed, nodes = _is_closed(known, dome), known["node"].fillna("").to_numpy()
    times = intervals.seconds(known["sampled_at"])
    for node in pd.unique(nodes):
        own = nodes == node
        one = _first_closed(taken, times[own], is_closed[own])
        found = np.where(np.isnan(found), one, found)
    return found


def _is_closed(samples: DataFrame, dome: DomeSettings) -> Flags:
    """Return True for values of a closed dome."""
    words = [value.strip().lower() for value in dome.closed if isinstance(value, str)]
    numbers = [value for value in dome.closed if not isinstance(value, str)]
    is_word = samples["text"].str.strip().str.lower().isin(words)
    return (is_word | samples["value"].isin(numbers)).to_numpy(bool)


def _first_closed(taken: Taken, times: Floats, is_closed: Flags) -> Floats:
    """Return the first time of a closed dome in each exposure, or NaN."""
    closed = np.flatnonzero(is_closed)
    first = np.maximum(np.searchsorted(times, taken.starts, "right") - 1, 0)
    ends = np.searchsorted(times, taken.ends, "left")
    # a value at the very start of an exposure without length counts
    ends = np.maximum(ends, np.searchsorted(times, taken.starts, "right"))
    places = np.searchsorted(closed, first)
    found = np.append(closed, len(times))[places]
    is_in = (found < ends) & ~np.isnan(taken.starts)
    return np.where(is_in, np.append(times, np.nan)[found], np.nan)
