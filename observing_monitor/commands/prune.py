"""Retention: which nights' pages, tables and previews are older than the settings keep them, and how they go.

A night's row of the index says what of it was pruned, and when: {"pruned": {"page": instant, "tables": instant, "previews":
instant}}. A mark comes first, then the pages follow it, then the files go: whoever is killed in between has pages that are
whole, and the next `prune` finds what is left.

- A page that was pruned is a small page with the night's numbers and findings, made of the index's row alone: no link to it
  dies. Its lists, images and data files are gone.
- A night whose tables were pruned is never read nor judged again: its row, which `looked.json` keeps as well, and its page stay
  as they were, whatever the settings, the templates or the sources say later.
- A night whose previews were pruned gets none again.
"""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from observing_monitor.model import columns
from observing_monitor.model.nights import iso_utc, parse_night
from observing_monitor.pages.night_files import beside, files_to_prune
from observing_monitor.storage.index import PAGE, PREVIEWS, TABLES, IndexRow, is_pruned
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.output import Output


SETTINGS = {PAGE: "keep_pages_days", TABLES: "keep_tables_days", PREVIEWS: "keep_previews_days"}


@dataclass
class PrunePlan:
    """What of a stream goes, or went: of one of PAGE, TABLES, PREVIEWS."""

    keep_days: int | None  # None where no age is set: then nothing goes
    nights: list[datetime.date] = field(default_factory=list)
    n_files: int = 0
    n_bytes: int = 0
    back: list[datetime.date] = field(
        default_factory=list
    )  # whose pages come back: they are younger than what is kept now


def plan(
    stream: Stream, output: Output, ages: dict[str, int | None], tonight: datetime.date
) -> dict[str, PrunePlan]:
    """What `prune` would remove of a stream, by PAGE, TABLES and PREVIEWS; nothing is written.

    Parameters
    ----------
    stream : config.Stream
    output : files.Output
    ages : dict
        For each of SETTINGS' keys how many nights are kept, tonight the first of them; None keeps all.
    tonight : date
    """
    index = Store(output, stream.name).read_index()
    made = {what: PrunePlan(ages[what]) for what in SETTINGS}
    for text, row in sorted(index["nights"].items()):
        night = parse_night(text)
        for what, going in made.items():
            if going.keep_days is None:
                continue
            is_due = (tonight - night).days >= going.keep_days
            files = files_to_prune(stream, output, text, what)
            if (
                is_due
                and row.get("summary")
                and (files or (what == PREVIEWS and stream.previews and not is_pruned(row, what)))
            ):
                going.nights.append(night)
                going.n_files += len(files)
                going.n_bytes += sum(output.size(path) or 0 for path in files)
            elif (
                what == PAGE and not is_due and is_pruned(row, PAGE) and not is_pruned(row, TABLES)
            ):
                going.back.append(night)
    return made


def prune(
    planned: Sequence[tuple[Stream, dict[str, PrunePlan]]],
    output: Output,
    now: datetime.datetime,
    publish: Callable[[], None],
) -> None:
    """Remove what is planned of each stream; `publish` makes the pages anew in between, for no page may show what goes."""
    for stream, going in planned:
        mark(stream, output, going, now)
    publish()
    for stream, going in planned:
        remove(stream, output, going, now)


def mark(
    stream: Stream, output: Output, going: dict[str, PrunePlan], now: datetime.datetime
) -> None:
    """Note in the index which pages and previews are to go, and which pages come back; publishing makes the pages so."""
    store = Store(output, stream.name)
    index = store.read_index()
    marks: dict[datetime.date, dict[str, str]] = {}
    for what in (PAGE, PREVIEWS):
        for night in going[what].nights:
            pruned = index["nights"][night.isoformat()].get("pruned") or {}
            marks[night] = {
                **(marks.get(night) or pruned),
                **({} if what in pruned else {what: iso_utc(now)}),
            }
    for night in going[PAGE].back:
        pruned = marks.get(night) or index["nights"][night.isoformat()]["pruned"]
        marks[night] = {name: at for name, at in pruned.items() if name != PAGE}
    for night, pruned in marks.items():
        row = index["nights"][night.isoformat()]
        row.pop("made_for", None)  # its page has to be looked at
        _note(store, night, row, pruned)
        index.pop("is_settled", None)
    if marks:
        store.write_index(index)


def remove(
    stream: Stream, output: Output, going: dict[str, PrunePlan], now: datetime.datetime
) -> None:
    """Remove the previews and the tables that are to go; for when the pages have been made without them."""
    store = Store(output, stream.name)
    index = store.read_index()
    for night in going[PREVIEWS].nights:
        if is_pruned(index["nights"][night.isoformat()], TABLES):
            _without_previews(stream, output, night.isoformat(), now)
        for path in files_to_prune(stream, output, night.isoformat(), PREVIEWS):
            output.remove(path)
        output.prune(beside(stream, night.isoformat(), ".previews"), "", ())  # the folder as well
    for night in going[TABLES].nights:
        row = index["nights"][night.isoformat()]
        if not is_pruned(row, TABLES):
            _note(store, night, row, {**(row.get("pruned") or {}), TABLES: iso_utc(now)})
        for path in files_to_prune(stream, output, night.isoformat(), TABLES):
            output.remove(path)
        store.forget_attempts()  # which may be of this night
    store.write_index(index)


def _note(store: Store, night: datetime.date, row: IndexRow, pruned: dict[str, str]) -> None:
    """Keep a night's marks: in `looked.json`, so that an index which is remade has them, and in its row."""
    row["pruned"] = pruned
    if PREVIEWS in pruned:
        row.pop("previews", None)
    looked = store.read_looked(night)
    looked["pruned"] = pruned
    if TABLES in pruned:  # nothing is left to make the row from
        looked = {
            "schema_version": columns.SCHEMA_VERSION,
            "pruned": pruned,
            "row": cast(IndexRow, {k: v for k, v in row.items() if k != "made_for"}),
        }
    store.write_looked(night, looked)
    store.note(night, row)


_SECTION = re.compile(
    rb'(<section aria-labelledby="previews">\s*<h2 id="previews">[^<]*</h2>).*?(</section>)',
    re.DOTALL,
)


def _without_previews(stream: Stream, output: Output, night: str, now: datetime.datetime) -> None:
    """Take the pictures out of a page that can't be made anew, for its tables are gone: no link to them is to be dead."""
    relative = os.path.join(stream.folder, f"{night}.html")
    page = output.read(relative)
    if page:
        words = f"\n<p>They were removed on {now:%Y-%m-%d}, as the settings ask.</p>\n".encode()
        output.write_changed(
            relative, _SECTION.sub(lambda found: found[1] + words + found[2], page)
        )
