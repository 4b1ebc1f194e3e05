"""A night's exposures by the settings of now, and what is odd about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.settings.traits import trusted_order

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from pandas import DataFrame

    from observing_monitor.judging.exposure_checks import ExposureFindings
    from observing_monitor.judging.night_work import NightWork
    from observing_monitor.model.reading import Tables


def judge_exposures(
    job: NightWork,
    own: Tables,
    told: Tables,
    judged: DataFrame,
    unmatched: Mapping[datetime.date, Tables],
    dome: DataFrame | None,
) -> tuple[Tables, DataFrame, ExposureFindings]:
    """Return tables with exposures by the settings of now, and findings.

    The files get the column `exposure_row`: the row of their exposure, or -1.
    """
    from observing_monitor.judging.exposure_checks import ExposureFindings, exposure_findings
    from observing_monitor.model.arrays import index_in
    from observing_monitor.tables.observed import (
        join_exposures,
        rows_of_files,
        timed_by_exposure,
    )

    if own.reports.empty:
        return own, judged, ExposureFindings()
    joined = join_exposures(own.reports, trusted_order(job.stream), own.files)
    judged = judged.assign(exposure_row=rows_of_files(judged, joined.exposures))
    # files of the night's exposures may lie on another night, and be counted there
    elsewhere = [told.files] if own.files is not told.files else []
    elsewhere += [other.files for other in unmatched.values()]
    # and exposures of its files may be of another night, from which these have attempts
    asked = judged
    if own.ingests is not told.ingests:
        names = own.ingests["file_id"]
        tried = names[index_in(names, told.ingests["file_id"]) < 0]
        asked = judged[index_in(judged["file_id"], tried) < 0]
    found = exposure_findings(job, joined, asked, elsewhere)
    metrics = timed_by_exposure(own.metrics, joined.exposures)
    own = replace(own, exposures=joined.exposures, metrics=metrics)
    return own, judged, found.and_those(_of_measures(job, own, dome))


def _of_measures(
    job: NightWork, tables: Tables, dome: DataFrame | None
) -> Iterable[ExposureFindings]:
    """Yield findings about numbers of exposures, and about the dome."""
    from observing_monitor.judging.dome_checks import dome_findings
    from observing_monitor.judging.measure_checks import measure_findings

    metrics = tables.metrics
    if metrics["exposure"].notna().any():
        from observing_monitor.judging.named_exposures import unknown_exposures

        yield from unknown_exposures(job, tables.exposures, metrics)
    yield from measure_findings(job, tables.exposures, metrics)
    if dome is None:
        name = job.stream.dome.metric if job.stream.dome else ""
        dome = metrics[metrics["name"] == name]
    yield from dome_findings(job, tables.exposures, dome)
