"""Records of pages of programs, as templates get them."""

import page_samples
from page_samples import chart, frame

from observing_monitor.model.programs import ProgramNight, packed
from observing_monitor.pages import contexts
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.program_tables import (
    nights_table,
    part_tables,
    period_tables,
    programs_table,
)
from observing_monitor.pages.programs import program_of

STREAM, SITE = contexts.Link("auxTel", "index.html"), contexts.Link("All", "../index.html")


def program(text="P1", n_nights=20):
    """Return a program of the nights before 2020-02-12."""
    stored = text.replace("\udcff", "")  # no table holds half a character
    parts = packed([(stored, 3, 600.0), ("", 1, 20.0), (None, 2, 40.0)])
    nights = [f"20{19 + n // 12}-{1 + n % 12:02}-12" for n in range(n_nights)]
    return program_of(
        text, [(night, ProgramNight(text, 6, 3, 660.0, 600.0, parts, parts)) for night in nights]
    )


def program_page(text="P1"):
    """A program with years and months."""
    made = program(text)
    return contexts.ProgramPage(
        frame=frame(title=f"Program {text}", status="", info="", name="program-p1.html"),
        site=SITE,
        index=STREAM,
        programs=contexts.Link("Programs", "programs.html"),
        facts=[contexts.Fact(WORDS["program"]["n_nights"], "20")],
        charts=[chart(text)],
        periods=period_tables(made),
        parts=part_tables(made),
        nights=nights_table(made),
        data=[contexts.Link("CSV", "program-p1.csv")],
    )


def table(text="P1"):
    """The table of two programs, one of them without a page."""
    return programs_table([program(text), program("old", 1)], {text: "program-p1.html"}, "Programs")


def programs_page(text="P1"):
    """The page of all programs."""
    return contexts.ProgramsPage(
        frame=frame(title="Programs", status="", info="", name="programs.html"),
        site=SITE,
        index=STREAM,
        note=f"2 programs. {text}",
        programs=table(text),
        data=[contexts.Link("JSON", "programs.json")],
    )


def stream_page(text="P1"):
    """A stream with programs."""
    link = contexts.Link(f"all 2 programs {text}", "programs.html")
    return page_samples.stream_page(text, programs=table(text), all_programs=link)
