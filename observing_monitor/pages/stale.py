"""Decide which pages must be rewritten, by their fingerprints.

A page is current if it is on disk as it was written, and both the index and the list of our files
(`storage.ownership`) hold its fingerprint: another output of the same store has its own list. Files
are compared for the nights that a run looks at, and for all by `publish` and `--full`. The
fingerprint covers
everything that the page is made of, except what a table in this module, or WITHOUT_EFFECT of the
settings, excludes with a reason. A new field is therefore part of it by default: nobody can forget
it. The clock is never part of it. Time alone changes a night when a pending file turns missing;
the index holds the instant of that change.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, cast

from msgspec import json, to_builtins

from observing_monitor.judging.keys import (
    beside_tables,
    is_as_usual,
    is_judged,
    is_still_valid,
    issues_key,
    neighbours_key,
)
from observing_monitor.judging.left_out import row_findings
from observing_monitor.judging.quiet import is_as_quiet
from observing_monitor.judging.usual_flows import usual_flows
from observing_monitor.model.digest import digest, hex_digest
from observing_monitor.pages.night_files import (
    base_path,
    endings_of,
    has_images,
    is_kept,
    is_small_page,
    usual_endings,
)
from observing_monitor.pages.night_job import NightJob
from observing_monitor.storage import layout
from observing_monitor.storage.hidden_key import key_of_codes
from observing_monitor.storage.index import (
    NO_PROGRAM_PAGES,
    PAGE,
    TABLES,
    IndexRow,
    is_only_page_left,
    is_pruned,
)
from observing_monitor.tables import cross_night

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from observing_monitor.model.columns import Summary
    from observing_monitor.model.finding import Finding
    from observing_monitor.pages.contexts import StreamCard
    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.glossary import WordGroup
    from observing_monitor.pages.other_streams import OtherNight, OtherStream
    from observing_monitor.pages.programs import Program
    from observing_monitor.pages.stream_state import State
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index


# Parts of a night's row that its page does not depend on.
BOOKKEEPING = {
    "page": "the fingerprint itself",
    "made_for": "the run that found the page current",
    "images": "files that the page's writer made",
    "n_exposure_pages": "files that the page's writer made",
    "has_log": "files that the page's writer made",
    "more_csv": "files that the page's writer made",
    "programs": "made of the exposures, which `shown` covers",
    "judged_at": "the clock",
    "next_change_at": "the clock",
    "rhythm": "its effect is in the findings of later nights",
    "dark": "its effect is in the findings",
    "quiet": "its effect is in the findings",
    "news_at": "only the feed shows it",
    "basis": "its effect is in the summary and the findings",
    "beside": "its effect is in `shown`",
    "strays": "counts that find neighbouring nights; their effect is in `shown`",
    "tables": "`shown` covers it",
    "notes": "`shown` covers it",
    "without_effect": "its effect is in the findings",
    "silent": "`shown` covers it",
    "happened": "`shown` covers it",
    "is_told": "`shown` covers it",
    "old_settings": "`shown` covers it",
    "worse": "its effect is in the findings",
    "units": "their effect is in the headlines of the stream's page",
    "aggregates": "their effect is in the headlines of the stream's page",
    "previews": "`_previews` picks what the page shows of it",
    "pruned": "a pruned page is another page: `night_key` covers it",
}


# ends the fingerprint of a small page that an output has in place of a page that is lost
SMALL = "-small"


def common_key(site: Site, stream: Stream) -> str:
    """Fingerprint of the site's and the stream's settings."""
    return digest([site.fingerprint, stream.fingerprint])


def night_key(job: NightJob, row: IndexRow) -> str:
    """Fingerprint of a night's page."""
    # the row has the effect of known issues: a night without any keeps its page
    shown = {name: value for name, value in row.items() if name not in BOOKKEEPING}
    pruned = [row["pruned"][PAGE]] if is_pruned(row, PAGE) else []
    links = [job.previous, job.next]
    others = [part for part in (job.of_others, job.without_page) if part]
    return digest([job.common, sorted(shown.items()), _previews(job, row), pruned, links, *others])


def small_row(job: NightJob) -> IndexRow:
    """Return the row of the small page of a night without tables.

    It holds for one output. Another output of the store may have the night's whole page, which
    nothing can make again: the row in the index must not say that it was pruned.
    """
    row = cast("IndexRow", {**job.row, "pruned": {PAGE: job.row["pruned"][TABLES]}})
    row["page"] = night_key(job, row) + SMALL
    return row


def _previews(job: NightJob, row: IndexRow) -> str | None:
    """Return the fingerprint of the thumbnails that a night's page shows."""
    return (row.get("previews") or {}).get("shown") if job.stream.previews else None


def stream_key(common: str, index: Index, state: State) -> str:
    """Fingerprint of a stream's page, and of its data."""
    # the fingerprints of the nights' pages stand for their summaries
    values = [getattr(state, name) for name in state.__struct_fields__ if name != "summaries"]
    return digest([common, _night_keys(index, state.summaries), *map(to_builtins, values)])


def year_key(
    common: str, index: Index, state: State, years: Sequence[str], nights: Sequence[Summary]
) -> str:
    """Fingerprint of the page of one year."""
    headlines = to_builtins([*state.headlines, state.quality])
    return digest(
        [
            common,
            headlines,
            state.has_files,
            state.has_exposures,
            years,
            _night_keys(index, nights),
        ]
    )


def programs_key(common: str, index: Index, state: State) -> str:
    """Fingerprint of the pages of all programs of a stream."""
    nights = [summary["night"] for summary in state.summaries]
    texts = ((night, index["nights"][night].get("programs")) for night in nights)
    return hex_digest(common, *(f"{night}{text}" for night, text in texts if text), n_bytes=12)


def seen_key(common: str, index: Index, state: State) -> str:
    """Fingerprint of all nights of a stream.

    While it stays, so do their programs. It is found twenty times as fast as `programs_key`.
    """
    return digest([common, _night_keys(index, state.summaries)])


def program_key(common: str, program: Program) -> str:
    """Fingerprint of a program's page."""
    return hex_digest(common, json.encode((program.name, program.nights)), n_bytes=12)


def site_key(site: Site, cards: Sequence[StreamCard]) -> str:
    """Fingerprint of the site's page."""
    return digest([*_all_streams(site), to_builtins(cards)])


def glossary_key(site: Site, groups: Sequence[WordGroup]) -> str:
    """Fingerprint of the glossary."""
    return digest([*_all_streams(site), to_builtins(groups)])


def redirects_key(folder: str, wanted: Mapping[str, str]) -> str:
    """Fingerprint of the pages at the prototype's addresses."""
    return digest([folder, sorted(wanted.items())])


def _all_streams(site: Site) -> list[str]:
    return [site.fingerprint, *(stream.fingerprint for stream in site.streams)]


def _night_keys(index: Index, summaries: Iterable[Summary]) -> list[str | None]:
    return [index["nights"][summary["night"]].get("page") for summary in summaries]


def is_untouched(job: NightJob, names: Collection[str]) -> bool:
    """True if a night's row says that only the clock changed.

    `names` are the files in the folder of its stream.
    """
    if is_only_page_left(job.row):
        return _is_last_page_kept(job, names)
    is_made = job.row.get("made_for") == made_for(job) and (
        is_still_valid(job) or is_pruned(job.row, TABLES)
    )
    return is_made and _are_files_there(job, names)


def _is_current(job: NightJob, names: Collection[str]) -> bool:
    """True if nothing is to do for a night; arguments as for `is_untouched`."""
    if is_only_page_left(job.row):
        return _is_last_page_kept(job, names)
    if is_untouched(job, names):
        return is_as_usual(job.row, job.usual) or is_pruned(job.row, TABLES)
    is_made = (is_judged(job) or is_pruned(job.row, TABLES)) and job.row.get("page") == night_key(
        job, job.row
    )
    return is_made and _are_files_there(job, names)


def _are_files_there(job: NightJob, names: Collection[str]) -> bool:
    night = job.night.isoformat()
    return (
        all(f"{night}{ending}" in names for ending in endings_of(job.row, job.endings))
        and has_images(job, job.row)
        and is_kept(job, job.row)
    )


def _is_last_page_kept(job: NightJob, names: Collection[str]) -> bool:
    """True if the page of a night without tables stays as it is.

    Nothing can make it again: it stays unless it is missing or damaged. If this output has a small
    page instead, that page must be current.
    """
    output, page = job.site.output, f"{base_path(job)}{layout.PAGE}"
    if layout.night_page(job.night) not in names:
        return False
    key = output.listed_key(page) or ""
    if key.endswith(SMALL):
        is_current = key == small_row(job)["page"]
        return is_current and (not job.is_looked_at or output.is_intact(page))
    if not job.is_looked_at:
        return True
    if not key and is_small_page(output, page):
        return False
    return output.is_intact(page) or output.is_whole(page)


def made_for(job: NightJob) -> str:
    """Return what a night's row keeps of the run that found its page current.

    It says without any digest that the page is current; collecting removes it if the row changes.
    """
    known = digest(issues_key(job.issues)) if job.issues else ""
    around = f"{job.previous} {job.next} {neighbours_key(job)}"
    if job.of_others:
        known += digest(job.of_others)
    if job.on_rows:
        known += digest([finding.text for finding in job.on_rows])
    if job.without_page:
        known += digest(job.without_page)
    if beside := beside_tables(job):
        known += digest(beside)
    if job.hidden_key:  # without it, codes are other ones
        known += digest(job.hidden_key)
    return f"{job.common} {around} {_previews(job, job.row)} {known}"


def night_jobs(
    site: Site,
    stream: Stream,
    index: Index,
    now: datetime.datetime,
    read_at: datetime.datetime | None = None,
    looked_at: Collection[datetime.date] | None = (),
    others: Mapping[str, OtherStream] | None = None,
) -> Iterator[NightJob]:
    """Yield a job for each night of a stream, oldest first.

    Parameters
    ----------
    site : Site
    stream : Stream
    index : Index
    now : datetime
    read_at : datetime, optional
        When the sources were last read. In the night of this instant, data may have stopped.
    looked_at : collection of date, optional
        Nights whose files are compared with what was written; None for all.
    others : mapping, optional
        Other streams whose metrics the nights need, from `other_streams`.
    """
    tonight = stream.rule.night_of(read_at) if read_at else None
    rows, near = sorted(index["nights"].items()), cross_night.neighbours(index["nights"])
    nights = [datetime.date.fromisoformat(text) for text, _ in rows]
    recent = [night for night in nights if night <= stream.rule.night_of(now)][-2:]
    known = [issue for issue in site.known if not issue.streams or stream.name in issue.streams]
    of_versions = _of_versions(site, stream)
    hidden_key = key_of_codes(site.output) if stream.hide else ""
    for before, night, after, (_, row) in zip(
        [None, *nights], nights, [*nights[1:], None], rows, strict=False
    ):
        then = stream.at(night)
        common, endings = of_versions[id(then)]
        of_others = _of_others(others, then, night) if others else ()
        yield NightJob(
            site=site,
            stream=then,
            night=night,
            row=row,
            previous=before,
            next=after,
            now=now,
            issues=tuple(issue for issue in known if issue.holds(stream.name, night)),
            neighbours=near.get(night, ()),
            common=common,
            endings=endings,
            on_rows=_on_rows(index, row) if [night] == recent[-1:] else (),
            of_others=of_others,
            of_dome=_of_dome(then, of_others) if of_others else "",
            is_recent=night in recent,
            without_page=_without_page(index, row),
            flows=usual_flows(index["nights"], night, then) if night == tonight else None,
            read_at=read_at,
            hidden_key=hidden_key,
            is_looked_at=looked_at is None or night in looked_at,
        )


def _of_others(
    others: Mapping[str, OtherStream], stream: Stream, night: datetime.date
) -> tuple[OtherNight, ...]:
    """Return the nights of other streams whose metrics a night needs."""
    from observing_monitor.pages.other_streams import nights_of_others

    return tuple(nights_of_others(others, stream.rule.bounds(night)))


def _of_versions(site: Site, stream: Stream) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return fingerprint and endings of each version, by its id."""
    return {
        id(version): (common_key(site, version), usual_endings(version))
        for version in stream.versions
    }


def _without_page(index: Index, row: IndexRow) -> tuple[str, ...]:
    """Return the programs of a night that have no page."""
    without_page = index.get("programs", NO_PROGRAM_PAGES)["without_page"]
    if not without_page:
        return ()
    from observing_monitor.model.programs import from_text

    names = {program.name for program in from_text(row.get("programs")).programs}
    return tuple(sorted(names.intersection(without_page)))


def _of_dome(stream: Stream, of_others: Iterable[OtherNight]) -> str:
    """Return the digest of another stream's nights for the dome, or ""."""
    metric = stream.dome.metric if stream.dome else ""
    own = [other for other in of_others if metric.startswith(f"{other.stream}/")]
    return digest(own) if own else ""


def _on_rows(index: Index, row: IndexRow) -> tuple[Finding, ...]:
    """Return the findings on rows that sources left out, for the newest night."""
    return tuple(row_findings(index.get("rows") or {}, row.get("silent") or {}))


def stale_nights(
    asked: Iterable[NightJob],
    names: Collection[str],
    untouched: Collection[datetime.date],
) -> list[NightJob]:
    """Return the jobs of nights that must be judged or published.

    Parameters
    ----------
    asked : iterable of NightJob
        The rows of current nights are marked.
    names : collection of str
        The files in the folder of the stream.
    untouched : collection of date
        Nights for which `is_untouched` holds.
    """
    stale = []
    for job in asked:
        if job.night in untouched and (
            is_pruned(job.row, TABLES) or (is_as_usual(job.row, job.usual) and is_as_quiet(job))
        ):
            continue
        if _is_current(job, names):
            job.row["made_for"] = made_for(job)
        else:
            stale.append(job)
    return stale
