"""Plan and remove what is too old.

A night's row of the index says if its page, tables or previews were pruned, and when. The mark
is written first, then the pages are published accordingly, and the files are removed last. If a
run is killed in between, the pages are whole, and the next `prune` finds what is left.

- A pruned page is a small page with the night's numbers and findings, made from its row of the
  index, so that no link to it is dead. Its lists, images and data files are removed.
- A night whose tables were pruned is never read or judged again. Its page and its row, which
  `looked.json` has as well, stay as they are.
- A night whose previews were pruned gets no new ones.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from observing_monitor.model import columns
from observing_monitor.model.nights import iso_utc, parse_night
from observing_monitor.pages.night_files import files_to_prune
from observing_monitor.pages.spare_page import has_spare_page, shows_previews, use_spare_page
from observing_monitor.storage import layout
from observing_monitor.storage.index import (
    PAGE,
    PREVIEWS,
    TABLES,
    IndexRow,
    is_only_page_left,
    is_pruned,
)
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output


# kind of files -> the setting that says how many nights keep them
SETTINGS = {PAGE: "keep_pages_days", TABLES: "keep_tables_days", PREVIEWS: "keep_previews_days"}


@dataclass
class PrunePlan:
    """Pages, tables or previews of a stream to remove."""

    keep_days: int | None  # None keeps all
    nights: list[datetime.date] = field(default_factory=list)
    n_files: int = 0
    n_bytes: int = 0
    # nights whose pruned page returns: they are now younger than the limit
    back: list[datetime.date] = field(default_factory=list)


@dataclass(frozen=True)
class StreamPlan:
    """A stream, and what of it is removed."""

    stream: Stream
    plans: Mapping[str, PrunePlan]


def make_plan(
    stream: Stream, output: Output, ages: Mapping[str, int | None], tonight: datetime.date
) -> StreamPlan:
    """Return what `prune` would remove of a stream.

    Parameters
    ----------
    stream : Stream
    output : Output
    ages : mapping
        PAGE, TABLES and PREVIEWS -> number of nights, tonight included, that keep them; None
        keeps all.
    tonight : date
    """
    index = Store(output, stream.name).read_index()
    plans = {what: PrunePlan(ages[what]) for what in SETTINGS}
    for text, row in sorted(index["nights"].items()):
        night = parse_night(text)
        for what, plan in plans.items():
            if plan.keep_days is None:
                continue
            if (tonight - night).days < plan.keep_days:
                if what == PAGE and is_pruned(row, PAGE) and not is_pruned(row, TABLES):
                    plan.back.append(night)
                continue
            files = files_to_prune(stream, output, text, what)
            # a night that may get previews is marked, though it has none yet
            is_to_mark = what == PREVIEWS and stream.previews and not is_pruned(row, what)
            if what == PREVIEWS and files and _must_stay(stream, output, night, row):
                continue
            if row.get("summary") and (files or is_to_mark):
                plan.nights.append(night)
                plan.n_files += len(files)
                plan.n_bytes += sum(output.size(path) or 0 for path in files)
    return StreamPlan(stream, plans)


def _must_stay(stream: Stream, output: Output, night: datetime.date, row: IndexRow) -> bool:
    """True if a page shows previews and can be neither made nor replaced.

    Its tables were pruned by a version that wrote no spare page, or another output of the store
    used the spare page.
    """
    return (
        is_only_page_left(row)
        and not has_spare_page(stream, output, night)
        and shows_previews(stream, output, night)
    )


def carry_out(
    plans: Sequence[StreamPlan],
    output: Output,
    now: datetime.datetime,
    publish: Callable[[], None],
    spare: Callable[[Stream, Collection[datetime.date]], None],
) -> None:
    """Remove what is planned.

    Parameters
    ----------
    plans : sequence of StreamPlan
    output : Output
        Its lock is held.
    now : datetime
    publish : callable
        Publishes the pages, between marking and removing: no page may show what is removed.
    spare : callable
        Makes the spare pages of some nights of a stream (`pages.spare_page`).
    """
    for plan in plans:
        _mark(plan, output, now)
    publish()
    for plan in plans:
        index = Store(output, plan.stream.name).read_index()
        if nights := _nights_to_spare(plan, index):
            spare(plan.stream, nights)
        _remove(plan, output, now)


def _mark(plan: StreamPlan, output: Output, now: datetime.datetime) -> None:
    """Note what is pruned, and which pages return."""
    store = Store(output, plan.stream.name)
    index = store.read_index()
    marks: dict[datetime.date, dict[str, str]] = {}

    def marks_of(night: datetime.date) -> dict[str, str]:
        return marks.get(night) or index["nights"][night.isoformat()].get("pruned") or {}

    for what in (PAGE, PREVIEWS):
        for night in plan.plans[what].nights:
            marks[night] = {**marks_of(night), what: marks_of(night).get(what) or iso_utc(now)}
    for night in plan.plans[PAGE].back:
        marks[night] = {what: at for what, at in marks_of(night).items() if what != PAGE}
    for night, pruned in marks.items():
        row = index["nights"][night.isoformat()]
        row.pop("made_for", None)  # its page has to be looked at
        _note(store, night, row, pruned)
        index.pop("is_settled", None)
    if marks:
        store.write_index(index)


def _remove(plan: StreamPlan, output: Output, now: datetime.datetime) -> None:
    """Remove previews and tables that no page needs."""
    stream, store = plan.stream, Store(output, plan.stream.name)
    index = store.read_index()
    for night in plan.plans[PREVIEWS].nights:
        name = night.isoformat()
        if is_pruned(index["nights"][name], TABLES):
            use_spare_page(stream, output, night)
        for path in files_to_prune(stream, output, name, PREVIEWS):
            output.remove(path)
        folder = layout.in_folder(stream.folder, layout.previews_folder(name))
        output.prune(folder, "", ())  # the folder as well
    for night in plan.plans[TABLES].nights:
        row = index["nights"][night.isoformat()]
        if not is_pruned(row, TABLES):
            _note(store, night, row, {**(row.get("pruned") or {}), TABLES: iso_utc(now)})
        for path in files_to_prune(stream, output, night.isoformat(), TABLES):
            output.remove(path)
        store.forget_attempts()  # the cached ones may be of this night
    store.write_index(index)


def _note(store: Store, night: datetime.date, row: IndexRow, pruned: dict[str, str]) -> None:
    """Write a night's marks into its row and into looked.json."""
    row["pruned"] = pruned
    if PREVIEWS in pruned:
        row.pop("previews", None)
    looked = store.read_looked(night)
    looked["pruned"] = pruned
    if TABLES in pruned:  # the row can no longer be made from them
        kept = {name: value for name, value in row.items() if name != "made_for"}
        looked = {
            "schema_version": columns.SCHEMA_VERSION,
            "pruned": pruned,
            "row": cast(IndexRow, kept),
            # a run that looks at the night still knows what its sources left out
            "rows": looked.get("rows") or {},
        }
    store.write_looked(night, looked)
    store.note(night, row)


def _nights_to_spare(plan: StreamPlan, index: Index) -> list[datetime.date]:
    """Return the nights whose tables go before their thumbnails."""
    return [
        night
        for night in plan.plans[TABLES].nights
        if not is_pruned(row := index["nights"][night.isoformat()], TABLES)
        and not is_pruned(row, PAGE)
        and not is_pruned(row, PREVIEWS)
        and (row.get("previews") or {}).get("n_pictures")
    ]
