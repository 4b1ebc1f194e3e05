"""Write the pages of a stream's programs, and their data.

They are made from rows of the index alone.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.model.wording import hours, n_of
from observing_monitor.pages import render
from observing_monitor.pages.contexts import Fact, Link, ProgramPage, ProgramsPage
from observing_monitor.pages.frame import page_frame, site_link
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.program_tables import (
    nights_table,
    part_tables,
    period_tables,
    programs_table,
)
from observing_monitor.pages.programs import (
    Programs,
    program_address,
    programs_of,
)
from observing_monitor.pages.programs_data import program_csv, programs_csv, programs_json
from observing_monitor.pages.stale import common_key, program_key, programs_key, seen_key
from observing_monitor.storage import layout
from observing_monitor.storage.index import NO_PROGRAM_PAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Set

    from observing_monitor.pages.frame import Site
    from observing_monitor.pages.programs import Program
    from observing_monitor.pages.stream_state import State
    from observing_monitor.pages.tables import Table
    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.index import Index, ProgramPages
    from observing_monitor.storage.output import Output

SHOWN = 10  # programs on the stream's page
TITLE = "Programs"
_DATA = (layout.PROGRAMS_JSON, layout.PROGRAMS_CSV)


class OfPrograms(msgspec.Struct, frozen=True):
    """Programs on the stream's page."""

    table: Table  # those observed last
    link: Link  # page of all programs


class ProgramsPublisher(msgspec.Struct, frozen=True, dict=True):
    """The pages of a stream's programs.

    Attributes
    ----------
    site : Site
    stream : Stream
    index : Index
        Gets the record of the pages.
    state : State
    """

    site: Site
    stream: Stream
    index: Index
    state: State

    @functools.cached_property
    def found(self) -> Programs:
        """All programs of the stream."""
        nights = [str(summary["night"]) for summary in self.state.summaries[::-1]]
        return programs_of(self.index, nights)

    @functools.cached_property
    def _common(self) -> str:
        return common_key(self.site, self.stream)

    @property
    def _output(self) -> Output:
        return self.site.output

    def publish(self, names: Set[str] | None) -> int:
        """Write the stale pages and their data; return how many pages.

        Pages of programs that are gone are removed.

        Parameters
        ----------
        names : set of str, optional
            Files in the folder of the stream; None if each page must be compared with what was
            written.
        """
        before = self.index.get("programs")
        is_kept = before is not None and self._are_kept(before, names)
        seen = seen_key(self._common, self.index, self.state)
        if before is not None and is_kept and before["seen"] == seen:
            return 0
        key = programs_key(self._common, self.index, self.state)
        if before is not None and is_kept and before["key"] == key:
            self.index["programs"] = {**before, "seen": seen}
            return 0
        return self._publish_all(key, seen, names)

    def on_page(self) -> OfPrograms | None:
        """Return programs for the stream's page; None without any."""
        if not self.index.get("programs", NO_PROGRAM_PAGES)["pages"]:
            return None
        shown, n = self.found.programs[:SHOWN], len(self.found.programs)
        which = "" if n == len(shown) else f": the {len(shown)} observed last of {n:,}"
        table = programs_table(shown, self._hrefs, f"{TITLE}{which}")
        return OfPrograms(table, Link(f"all {n_of(n, 'program')}", layout.PROGRAMS_PAGE))

    def _path(self, name: str) -> str:
        """Return the path of one of the stream's files."""
        return layout.in_folder(self.stream.folder, name)

    def _are_kept(self, before: ProgramPages, names: Set[str] | None) -> bool:
        """True if all pages are there, and their data as written."""
        pages = before["pages"]
        if not pages:
            return True
        files = {*pages, *map(layout.program_csv, pages)}
        compared = [*_DATA, *(files if names is None else ())]
        return (
            self._output.is_intact(self._path(layout.PROGRAMS_PAGE), before["key"])
            and (names is None or names >= files)
            and all(self._output.is_intact(self._path(name)) for name in compared)
        )

    def _publish_all(self, key: str, seen: str, names: Set[str] | None) -> int:
        """Write the stale pages; return how many."""
        found = self.found
        pages: dict[str, Program] = {}
        for program in found.with_page:
            pages.setdefault(program_address(self._output, program.name), program)
        n_pages = sum(self._publish_program(name, pages[name], names) for name in pages)
        self.index["programs"] = {
            "key": key,
            "seen": seen,
            "pages": sorted(pages),
            "without_page": sorted(found.without_page),
        }
        if pages:
            n_pages += self._publish_list(key)
        of_all = layout.OF_PROGRAMS if pages else ()
        self._remove_others({*pages, *map(layout.program_csv, pages), *of_all})
        return n_pages

    def _publish_program(self, name: str, program: Program, names: Set[str] | None) -> bool:
        """Write a program's page if it is stale."""
        path, data = self._path(name), layout.program_csv(name)
        key = program_key(self._common, program)
        if names is None:
            is_current = self._output.is_intact(path, key)
            is_current &= self._output.is_intact(self._path(data))
        else:
            is_current = names >= {name, data} and self._output.listed_key(path) == key
        if not is_current:
            self._output.write_changed(self._path(data), program_csv(program))
            page = self._page(name, program, key)
            self._output.write(path, render.render_program(page, self.site.assets), key)
        return not is_current

    def _page(self, name: str, program: Program, key: str) -> ProgramPage:
        from observing_monitor.charts.program_hours import hours_chart

        chart = hours_chart([(night, one.open_shutter_s) for night, one in program.nights])
        title = f"Program {program.name}, {self.stream.title}"
        return ProgramPage(
            frame=page_frame(self.site, self.stream, title, "", "", name, key),
            site=site_link(self.site, self.stream),
            index=Link(self.stream.title, layout.INDEX_PAGE),
            programs=Link(TITLE, layout.PROGRAMS_PAGE),
            facts=_facts(program),
            charts=[chart] if chart else [],
            periods=period_tables(program),
            parts=[table for table in part_tables(program) if table],
            nights=nights_table(program),
            data=[Link("CSV", layout.program_csv(name))],
        )

    def _publish_list(self, key: str) -> int:
        """Write the page of all programs, and their data."""
        output, found, hrefs = self._output, self.found, self._hrefs
        page = ProgramsPage(
            frame=page_frame(
                self.site,
                self.stream,
                f"{TITLE} of {self.stream.title}",
                "",
                "",
                layout.PROGRAMS_PAGE,
                key,
            ),
            site=site_link(self.site, self.stream),
            index=Link(self.stream.title, layout.INDEX_PAGE),
            note=_note(found),
            programs=programs_table(found.with_page, hrefs, f"{TITLE}, those observed last first"),
            data=[Link("JSON", layout.PROGRAMS_JSON), Link("CSV", layout.PROGRAMS_CSV)],
        )
        output.write_changed(
            self._path(layout.PROGRAMS_JSON), programs_json(self.stream, found, hrefs)
        )
        output.write_changed(self._path(layout.PROGRAMS_CSV), programs_csv(found))
        text = render.render_programs(page, self.site.assets)
        output.write(self._path(layout.PROGRAMS_PAGE), text, key)
        return 1

    @functools.cached_property
    def _hrefs(self) -> dict[str, str]:
        """Program -> address of its page."""
        return {
            program.name: program_address(self._output, program.name)
            for program in self.found.with_page
        }

    def _remove_others(self, wanted: Collection[str]) -> None:
        """Remove pages of programs that we wrote and that are gone."""
        for name in self._output.names(self.stream.folder):
            is_of_programs = layout.is_of_program(name) or name in layout.OF_PROGRAMS
            path = self._path(name)
            if is_of_programs and name not in wanted and self._output.is_listed(path):
                self._output.remove(path)


def _facts(program: Program) -> list[Fact]:
    words, total = WORDS["program"], program.totals
    texts = {
        "science_exposure_s": hours(total.science_exposure_s),
        "open_shutter_s": hours(total.open_shutter_s),
        "n_exposures_science": f"{total.n_exposures_science:,}",
        "n_exposures": f"{total.n_exposures:,}",
        "n_nights": f"{total.n_nights:,}",
        "first_night": program.first_night,
        "last_night": program.last_night,
    }
    return [Fact(words[name], text) for name, text in texts.items()]


def _note(found: Programs) -> str:
    n, n_pages, n_crowded = len(found.programs), len(found.with_page), len(found.crowded)
    parts = [f"{n_of(n, 'program')}."]
    if n > n_pages:
        parts.append(f"The {n_pages:,} observed last have pages; the data files have all.")
    if n_crowded:
        nights = n_of(n_crowded, "night")
        parts.append(f"{nights} with very many programs: those with the least time are left out.")
    return " ".join(parts)
