"""Records of a night's pages, for their templates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import structs

from observing_monitor.judging import left_out
from observing_monitor.model.digest import with_instants
from observing_monitor.model.finding import METRICS, Finding
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.wording import new_anchor
from observing_monitor.pages.contexts import ExposuresPage, Link, NightPage, OfNight, PrunedPage
from observing_monitor.pages.frame import night_link, page_frame, site_link
from observing_monitor.pages.hidden import faults_without_names, hidden_note, without_names
from observing_monitor.pages.labels import described_headlines, sources_table
from observing_monitor.pages.night_listed import listed_rows
from observing_monitor.pages.night_observed import observed_parts, program_hrefs
from observing_monitor.pages.night_parts import (
    odd_nodes,
    shown_failures,
    shown_groups,
    shown_queues,
)
from observing_monitor.pages.night_tables import (
    delays_table,
    exposures_table,
    metrics_table,
    stages_table,
)
from observing_monitor.pages.tables import EMPTY
from observing_monitor.settings.traits import reports_files, source_classes
from observing_monitor.storage import layout
from observing_monitor.storage.index import PAGE, PREVIEWS, is_pruned

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from observing_monitor.charts.figure import Chart
    from observing_monitor.pages.contexts import Image, ListedRows, Queue
    from observing_monitor.pages.night_content import NightContent
    from observing_monitor.pages.night_job import JudgedNight, NightJob
    from observing_monitor.pages.tables import Table
    from observing_monitor.previews.preview import Preview
    from observing_monitor.storage.index import IndexRow
    from observing_monitor.tables.attention import AttentionGroup
    from observing_monitor.tables.observing_log import ObservingLog
    from observing_monitor.tables.stages import Stage


MAX_GROUPS = 200  # exposures on the night's page; nights of more have pages of exposures
MAX_OF_PART = 1500  # exposures on one of these: each page stays below 500 kB
LOG = "Observing log"
MAX_OF_LOG = 800  # the same of an observing log, which has more columns
MAX_FINDINGS = 30  # findings on top of the page; the others are folded away


@dataclass(frozen=True)
class NightPages:
    """The page of a night, and its pages of exposures."""

    night: JudgedNight
    content: NightContent
    images: Sequence[Image]  # those that were written
    key: str  # fingerprint of the page

    @cached_property
    def around(self) -> OfNight:
        """The part that all pages of the night have."""
        return of_night(self.night.job, self.night.row, self.key)

    @cached_property
    def exposures(self) -> Table:
        """The table of all exposures, in the order of time."""
        log = self.content.log
        return self._files_by_exposure if log is None else self._log(log)

    @cached_property
    def _files_by_exposure(self) -> Table:
        return exposures_table(self.content.exposures, self.around.night, self.around.has_ingest)

    @cached_property
    def pictures(self) -> dict[int, Preview]:
        """The picture of each exposure, by its row in the log."""
        from observing_monitor.pages.observing_log import first_previews

        previews, _ = self._previews
        return first_previews(previews, self.night.judged) if previews else {}

    def _log(self, log: ObservingLog) -> Table:
        from observing_monitor.pages.observing_log import Shown, log_table

        around, stream = self.around, self.night.job.stream
        shown = Shown(
            around.night,
            stream.gap_min_s,
            reports_files(stream),
            around.has_ingest,
            self.pictures,
            program_hrefs(self.night),
        )
        return log_table(log, shown)

    def _shown_exposures(self) -> dict[str, Any]:
        """Return members of `NightPage` about exposures."""
        from observing_monitor.pages.observing_log import newest_first

        shown, n_exposed = self.exposures.part(-MAX_GROUPS), len(self.exposures)
        is_log = self.content.log is not None
        is_open = is_log and bool(self.night.row.get("is_observed"))
        return {
            "exposed": newest_first(shown) if is_open else shown,
            "n_exposed": n_exposed,
            "exposures": layout.exposures_page(self.night.job.night)
            if n_exposed > MAX_GROUPS
            else "",
            "log": LOG if is_log else "",
            "hidden_note": self._hidden_note(),
            "is_newest_first": is_open,
            "unlogged": self._files_by_exposure.part(-MAX_GROUPS) if is_log else EMPTY,
        }

    def _hidden_note(self) -> str:
        stream = self.night.job.stream
        return hidden_note(self.night.row.get("hidden"), stream.hide, stream.hide_until)

    def _exposure_hrefs(self) -> dict[str, str]:
        """Return where each row of the log is, by anchor."""
        if self.content.log is None:
            return {}
        night, anchors = self.night.job.night, self.exposures.anchors
        made: dict[str, str] = {}
        for number, start in enumerate(range(0, len(anchors), MAX_OF_LOG), 1):
            page = layout.exposures_page(night, number)
            some = anchors[start : start + MAX_OF_LOG]
            made.update(zip(some, map(f"{page}#{{}}".format, some), strict=True))
        here = anchors[-MAX_GROUPS:]
        return made | dict(zip(here, map("#{}".format, here), strict=True))

    def page(self) -> NightPage:
        """Return the page of the night."""
        job, row, content, around = self.night.job, self.night.row, self.content, self.around
        of_exposures = self._exposure_hrefs()
        listed, hrefs = listed_rows(self.night.findings, of_exposures)
        findings = [
            replace(finding, href=_href_of(finding, hrefs, of_exposures))
            for finding in self.night.findings
        ]
        has_files = reports_files(job.stream)
        groups = self._attention_groups()
        queues = shown_queues(content.queues)
        metrics, n_metrics = metrics_table(job.stream, content.latest, around.night)
        anchors = _stage_anchors(content.stages)
        previews, previews_note = self._previews
        page = NightPage(
            **structs.asdict(around),
            changed_at=parse_utc(row.get("changed_at")),
            findings=findings[:MAX_FINDINGS],
            more_findings=findings[MAX_FINDINGS:],
            charts=self._charts(),
            attention=shown_groups(groups, around.night),
            n_attention=len(content.attention),
            n_attention_groups=len(groups),
            **self._shown_exposures(),
            has_files=has_files,
            is_unread=bool(row.get("silent")),
            stages=stages_table(content.stages, anchors, around.night),
            failures=shown_failures(content.stages, self._listed_elsewhere(queues)),
            queues=queues,
            images=list(self.images),
            n_images=len(content.images),
            metrics=metrics,
            n_metrics=n_metrics,
            notes=without_names(
                row, [note for notes in (row.get("notes") or {}).values() for note in notes]
            ),
            sources=sources_table(job.stream, faults_without_names([row], row.get("silent") or {})),
            files_js=layout.night_files_js(job.night)
            if has_files and len(self.night.judged)
            else "",
            log_js=f"{job.night}{layout.LOG_JS}" if content.log is not None else "",
            data=_data_links(job.night, has_files, content),
            previews=previews,
            previews_note=previews_note,
            listed=[rows for rows in listed if _is_fault(rows)],
            remarked=[rows for rows in listed if not _is_fault(rows)],
            **observed_parts(self.night, of_exposures),
        )
        return without_dead_ends(page, of_exposures.values())

    def parts(self) -> list[ExposuresPage]:
        """Return the pages of exposures, if there are many.

        They have the fingerprint of the night's page, and reload themselves with it.
        """
        night, n_exposed = self.night.job.night, len(self.exposures)
        if n_exposed <= MAX_GROUPS:
            return []
        is_log = self.content.log is not None
        most = MAX_OF_LOG if is_log else MAX_OF_PART
        starts = range(0, n_exposed, most)
        texts = [f"{start + 1:,} to {min(start + most, n_exposed):,}" for start in starts]
        hrefs = [layout.exposures_page(night, number) for number in range(1, len(texts) + 1)]
        title = self.around.frame.title
        around = structs.replace(
            self.around, frame=structs.replace(self.around.frame, title=f"Exposures of {title}")
        )
        pieces = [self.exposures.part(start, start + most) for start in starts]
        return [
            ExposuresPage(
                **structs.asdict(around),
                night_page=Link(title, layout.night_page(night)),
                exposed=structs.replace(shown, is_labelled=False),
                log=LOG if is_log else "",
                hidden_note=self._hidden_note(),
                n_exposed=n_exposed,
                parts=_part_links(texts, hrefs, number),
            )
            for number, shown in enumerate(pieces)
        ]

    def _attention_groups(self) -> list[AttentionGroup]:
        from observing_monitor.tables.attention import group_attention

        return group_attention(self.content.attention)

    def _listed_elsewhere(self, queues: Iterable[Queue]) -> set[str]:
        """Return the stages whose failures the page lists elsewhere."""
        return {self.night.job.stream.last_stage, *(queue.name for queue in queues)}

    def _charts(self) -> list[Chart]:
        from observing_monitor.charts.metrics import metric_charts
        from observing_monitor.charts.night import night_charts
        from observing_monitor.charts.under_the_sky import under_the_sky

        stream, starts_at, ends_at = (
            self.night.job.stream,
            self.around.starts_at,
            self.around.ends_at,
        )
        has_timeline = self.content.log is not None
        kinds = {described.name: kind for described, kind in source_classes(stream)}
        odd = odd_nodes(self.night.findings)
        charts = [
            *night_charts(self.night.judged, starts_at, ends_at),
            *metric_charts(self.night.tables.metrics, kinds, starts_at, ends_at, odd),
        ]
        return under_the_sky(
            charts, starts_at, ends_at, stream.position, stream.timezone, not has_timeline
        )

    @cached_property
    def _previews(self) -> tuple[Sequence[Preview], str]:
        """Return the previews, and which files have none."""
        from observing_monitor.previews.plan import previews_of

        job = self.night.job
        if not job.stream.previews or is_pruned(self.night.row, PREVIEWS):
            return [], ""
        return previews_of(job.stream, job.site.output, job.night)


def _href_of(finding: Finding, hrefs: Mapping[str, str], of_exposures: Mapping[str, str]) -> str:
    """Return where a finding leads: to its exposure, else to its rows."""
    of_exposure = of_exposures.get(finding.href.removeprefix("#"))
    return of_exposure or hrefs.get(finding.anchor, finding.href)


def _is_fault(rows: ListedRows) -> bool:
    return rows.level != "normal" or bool(rows.acknowledged)


def of_night(job: NightJob, row: IndexRow, key: str) -> OfNight:
    """Return what all pages of a night share.

    `key` is the fingerprint of the night's page.
    """
    stream, night = job.stream, job.night.isoformat()
    summary, has_ingest = with_instants(row["summary"]), bool(stream.last_stage)
    starts_at, ends_at = stream.rule.bounds(job.night)
    name = layout.night_page(night)
    return OfNight(
        frame=page_frame(
            job.site,
            stream,
            f"{night} {stream.title}",
            summary["status"],
            summary["info"],
            name,
            key,
        ),
        site=site_link(job.site, stream),
        index=Link(stream.title, layout.INDEX_PAGE),
        calendar=Link(f"{job.night:%B %Y}", layout.month_address(job.night)),
        previous=night_link(job.previous),
        next=night_link(job.next),
        night=night,
        starts_at=starts_at,
        ends_at=ends_at,
        rule=stream.rule.text,
        summary=summary,
        delays=delays_table(summary, has_ingest),
        headlines=described_headlines(stream, row.get("units") or {}, row.get("aggregates") or {}),
        has_ingest=has_ingest,
    )


def pruned_page(job: NightJob, row: IndexRow) -> PrunedPage:
    """Return the small page of a pruned night.

    Only the night's row of the index is needed.
    """
    return PrunedPage(
        **structs.asdict(of_night(job, row, row["page"])),
        pruned_at=parse_utc(row["pruned"][PAGE]),
        findings=[
            Finding(finding["level"], finding["text"]) for finding in row.get("findings") or []
        ],
    )


def without_dead_ends(page: NightPage, more: Iterable[str] = ()) -> NightPage:
    """Return the page without dead links in its findings.

    A link to a metric that has no row leads to all metrics. `more` are addresses of rows that may
    be on other pages.
    """
    anchors = {*_anchors(page), left_out.PLACE, *more}

    def href_of(finding: Finding) -> str:
        is_of_metric = finding.href.startswith("#metric-")
        hrefs = (finding.href, METRICS if is_of_metric else "")
        return next((href for href in hrefs if href in anchors), "")

    def checked(findings: Iterable[Finding]) -> list[Finding]:
        return [replace(finding, href=href_of(finding)) for finding in findings]

    return structs.replace(
        page, findings=checked(page.findings), more_findings=checked(page.more_findings)
    )


def _anchors(page: NightPage) -> Collection[str]:
    """Return the addresses that findings may link to."""
    has_files = bool(page.has_files and page.summary["n_files"])
    parts = {
        "#attention": has_files or page.listed or page.failures,
        "#numbers": page.summary["n_files"] or page.headlines,
        "#delays": has_files,
        "#files": page.files_js,
        "#notes": page.notes,
        METRICS: page.metrics,
        "#queues": page.queues,
        "#stages": page.stages,
        "#images": page.images,
        "#previews": page.previews,
        "#exposures": page.exposed,
        "#timeline": page.timeline,
        "#use": page.use,
        "#sky-map": page.sky_map,
        "#charts": page.charts,
    }
    return {
        "#sources",
        *(href for href, is_shown in parts.items() if is_shown),
        *(f"#{anchor}" for anchor in page.metrics.anchors),
        *(f"#{group.anchor}" for group in page.attention),
        *(f"#{stage.anchor}" for stage in page.failures),
        *(f"#{rows.anchor}" for rows in (*page.listed, *page.remarked)),
        *(f"#{anchor}" for rows in (*page.listed, *page.remarked) for anchor in rows.table.anchors),
        *(f"#{anchor}" for group in page.attention for anchor in group.table.anchors),
    }


def _stage_anchors(stages: Iterable[Stage]) -> list[str]:
    taken: set[str] = set()
    return [new_anchor("stage", stage["name"], taken) for stage in stages]


# ending of a further CSV file -> words of its link
_MORE_CSV = {
    layout.LOG_CSV: "exposures as CSV",
    layout.METRICS_CSV: "all metrics as CSV",
    layout.MESSAGES_CSV: "all messages as CSV",
}


def _data_links(night: datetime.date, has_files: bool, content: NightContent) -> list[Link]:
    links = [Link("JSON", layout.night_json(night))]
    if has_files:
        links.append(Link("CSV", layout.night_csv(night)))
    more = [*([layout.LOG_CSV] if content.log is not None else []), *content.more_csv]
    return [*links, *(Link(_MORE_CSV[ending], f"{night}{ending}") for ending in more)]


def _part_links(texts: Sequence[str], hrefs: Sequence[str], here: int) -> list[Link]:
    """Return the links to all parts, if there are several.

    The part `here` is no link.
    """
    links = [
        Link(text, "" if number == here else href)
        for number, (text, href) in enumerate(zip(texts, hrefs, strict=True))
    ]
    return links if len(links) > 1 else []
