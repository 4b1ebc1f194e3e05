"""Parts of a night's page about its exposures: use, timeline, sky map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observing_monitor.judging.night_use import night_use
from observing_monitor.pages.other_streams import metrics_of, split_name
from observing_monitor.pages.programs import addresses_of_night

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observing_monitor.charts.timeline import Metric
    from observing_monitor.pages.night_job import JudgedNight
    from observing_monitor.tables.intervals import Floats


def observed_parts(night: JudgedNight, hrefs: Mapping[str, str]) -> dict[str, Any]:
    """Return members of `NightPage` about exposures.

    None if no exposure is known. `hrefs` say where the row of each exposure is, by its anchor.
    """
    job, exposures = night.job, night.tables.exposures
    use = night_use(job, night.tables)
    if use is None:
        return {}
    from observing_monitor.charts.sky_map import sky_map
    from observing_monitor.charts.timeline import Place, timeline
    from observing_monitor.pages.night_use import night_used

    stream = job.stream
    place = Place(stream.position, stream.timezone)
    series = _series(night)
    return {
        "use": night_used(use, stream, job.night.isoformat(), hrefs, program_hrefs(night)),
        "timeline": timeline(
            exposures, use, stream.rule.bounds(job.night), place, series, hrefs, _late(night)
        ),
        "sky_map": sky_map(exposures, stream.position),
    }


def program_hrefs(night: JudgedNight) -> dict[str, str]:
    """Return the address of the page of each program of a night."""
    job = night.job
    return addresses_of_night(job.site.output, night.row.get("programs"), job.without_page)


def _late(night: JudgedNight) -> Floats:
    """Return when files were created that came late, or were not ingested."""
    from observing_monitor.tables.intervals import seconds
    from observing_monitor.tables.summary import delays

    judged, limit = night.judged, night.job.stream.delay_warning_s
    is_late = judged["file_class"].isin(["failed", "missing", "gone"])
    if limit is not None:
        is_late |= (delays(judged) > limit).any(axis="columns")
    return seconds(judged.loc[is_late, "created_at"].fillna(judged["transferred_at"]))


def _series(night: JudgedNight) -> list[Metric]:
    """Return the metrics that the setting `timeline` names."""
    from observing_monitor.charts.timeline import Metric

    job, made = night.job, []
    for name in job.stream.timeline:
        stream, metric = split_name(name, job.site)
        metrics = (
            metrics_of(job.site.output, stream, job.of_others) if stream else night.tables.metrics
        )
        # no stored night of the other stream: there is no value
        found = night.tables.metrics[:0] if metrics is None else metrics
        made.append(Metric(name, found[found["name"] == metric]))
    return made
