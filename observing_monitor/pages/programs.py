"""Programs of a stream over its nights, from rows of the index."""

from __future__ import annotations

import itertools
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

import msgspec

from observing_monitor.model.programs import Part, ProgramNight, from_text
from observing_monitor.storage import layout
from observing_monitor.storage.index import is_only_page_left

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from observing_monitor.storage.index import Index
    from observing_monitor.storage.output import Output

# pages of programs of a stream: those observed last
MAX_PAGES = 2000


class Totals(msgspec.Struct, frozen=True):
    """Exposures of a program in some nights."""

    n_nights: int
    n_exposures_science: int
    n_exposures: int
    science_exposure_s: float
    open_shutter_s: float


class Program(msgspec.Struct, frozen=True):
    """A program with its nights.

    Attributes
    ----------
    name : str
    nights : sequence of (str, ProgramNight)
        Oldest first.
    totals : Totals
        Of all nights.
    """

    name: str
    nights: Sequence[tuple[str, ProgramNight]]
    totals: Totals

    @property
    def first_night(self) -> str:
        """The oldest night."""
        return self.nights[0][0]

    @property
    def last_night(self) -> str:
        """The newest night."""
        return self.nights[-1][0]


class Programs(msgspec.Struct, frozen=True):
    """The programs of a stream.

    Attributes
    ----------
    programs : sequence of Program
        Those that were observed last come first.
    crowded : sequence of str
        Nights with more programs than are kept.
    linked : set of str
        Programs that pages link to which nothing can make again.
    """

    programs: Sequence[Program] = ()
    crowded: Sequence[str] = ()
    linked: Set[str] = frozenset()

    @property
    def with_page(self) -> list[Program]:
        """Those that have a page of their own."""
        older = self.programs[MAX_PAGES:]
        return [*self.programs[:MAX_PAGES], *(one for one in older if one.name in self.linked)]

    @property
    def without_page(self) -> list[str]:
        """Names of the others."""
        older = self.programs[MAX_PAGES:]
        return [program.name for program in older if program.name not in self.linked]


def programs_of(index: Index, nights: Iterable[str]) -> Programs:
    """Return the programs of some nights of a stream.

    Parameters
    ----------
    index : Index
    nights : iterable of str
        In order, the oldest first.
    """
    found: dict[str, list[tuple[str, ProgramNight]]] = {}
    crowded, linked = [], set[str]()
    for night in nights:
        row = index["nights"][night]
        made = from_text(row.get("programs"))
        for program in made.programs:
            found.setdefault(program.name, []).append((night, program))
        if made.n_left_out:
            crowded.append(night)
        if is_only_page_left(row):
            linked.update(program.name for program in made.programs)
    programs = [program_of(name, of_program) for name, of_program in found.items()]
    programs.sort(key=lambda program: program.name)
    programs.sort(key=_time_of_last_night, reverse=True)
    programs.sort(key=lambda program: program.last_night, reverse=True)
    return Programs(programs, crowded, linked)


def program_of(name: str, nights: Sequence[tuple[str, ProgramNight]]) -> Program:
    """Return a program with its sums."""
    return Program(name, nights, totals_of([night for _, night in nights]))


def _time_of_last_night(program: Program) -> tuple[float, float]:
    last = program.nights[-1][1]
    return last.science_exposure_s, last.open_shutter_s


def totals_of(nights: Sequence[ProgramNight]) -> Totals:
    """Return the sums over some nights."""
    return Totals(
        n_nights=len(nights),
        n_exposures_science=sum([night.n_exposures_science for night in nights]),
        n_exposures=sum([night.n_exposures for night in nights]),
        science_exposure_s=round(sum([night.science_exposure_s for night in nights]), 3),
        open_shutter_s=round(sum([night.open_shutter_s for night in nights]), 3),
    )


def periods_of(program: Program, n_letters: int) -> list[tuple[str, Totals]]:
    """Return years (4 letters of a night) or months (7), newest first."""
    groups = itertools.groupby(program.nights, lambda night: night[0][:n_letters])
    made = [(name, totals_of([night for _, night in nights])) for name, nights in groups]
    return made[::-1]


def sums_of(parts: Iterable[Sequence[Part]]) -> list[Part]:
    """Return filters or targets over some nights, the most exposed first.

    Exposures without a value come next to last, and those whose names were left out last.
    """
    sums: dict[str | None, tuple[int, float]] = {}
    for name, n, exposed in itertools.chain.from_iterable(parts):
        n_before, before = sums.get(name, (0, 0.0))
        sums[name] = n_before + n, before + exposed
    made = [(name, n, round(exposed, 3)) for name, (n, exposed) in sums.items()]
    return sorted(
        made,
        key=lambda part: (part[0] is None, part[0] == "", -part[2], -part[1], part[0] or ""),
    )


def program_address(output: Output, program: str, without_page: Collection[str] = ()) -> str:
    """Return the address of a program's page, or "".

    All links to programs, and the names of their pages, are made here.
    """
    if not program or program in without_page:
        return ""
    return layout.program_page(program, output.redaction.text(program))


def addresses_of_night(
    output: Output, text: str | None, without_page: Collection[str]
) -> dict[str, str]:
    """Return the addresses of a night's programs.

    `text` is from `programs.as_text`. Programs without a page are left out.
    """
    hrefs = {
        program.name: program_address(output, program.name, without_page)
        for program in from_text(text).programs
    }
    return {name: href for name, href in hrefs.items() if href}
