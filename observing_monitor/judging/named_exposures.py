"""Findings about numbers whose exposure is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from observing_monitor.judging.checks import MAX_ROWS
from observing_monitor.judging.exposure_checks import ExposureFindings, of_exposures
from observing_monitor.model.finding import METRICS, Finding, Row
from observing_monitor.model.wording import n_of
from observing_monitor.tables.observed import has_name, rows_of_metrics
from observing_monitor.tables.observed_groups import normal_text
from observing_monitor.tables.summary import as_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame

    from observing_monitor.judging.night_work import NightWork

UNKNOWN = "of exposures that no source reported"
SEVERAL = "not joined, since the exposure fits several"


def unknown_exposures(
    job: NightWork, exposures: DataFrame, metrics: DataFrame
) -> Iterable[ExposureFindings]:
    """Yield findings about numbers of none of the night's exposures.

    The registry may learn of an exposure later than the pipeline that measures it. So nothing is
    said before the number is older than `pending_limit_s`, nor while a source does not answer.

    Parameters
    ----------
    job : NightWork
    exposures : DataFrame
        From `join_exposures`.
    metrics : DataFrame
        Columns `columns.METRICS`.
    """
    told = metrics[metrics["exposure"].notna()]
    if told.empty or job.row.get("silent"):
        return
    lone = told[rows_of_metrics(told, exposures) < 0]
    if lone.empty:
        return
    due = lone["sampled_at"].fillna(pd.Timestamp(job.stream.rule.bounds(job.night)[1]))
    due += pd.Timedelta(seconds=job.stream.pending_limit_s)
    later = as_datetime(due[due > job.now].min())
    lone = lone[due <= job.now]
    fits_several = has_name(normal_text(lone["exposure"]), exposures)
    found = []
    for words, rows in ((UNKNOWN, lone[~fits_several]), (SEVERAL, lone[fits_several])):
        found += [_finding(words, of_source) for _, of_source in rows.groupby("source")]
    yield ExposureFindings(tuple(found), later)


def _finding(words: str, lone: DataFrame) -> Finding:
    """Return the finding about the numbers of a source, by exposure."""
    source, verb = str(lone["source"].iloc[0]), "is" if len(lone) == 1 else "are"
    by_exposure = lone.groupby("exposure", sort=False)["name"]
    rows = [
        Row(str(exposure), ", ".join(dict.fromkeys(names)))
        for exposure, names in list(by_exposure)[:MAX_ROWS]
    ]
    text = f"{source}: {n_of(len(lone), 'number')} {verb} {words}"
    finding = Finding("warning", text, METRICS, source)
    return of_exposures(finding, "numbers without exposure", rows, by_exposure.ngroups)
