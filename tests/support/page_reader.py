"""Pages as a parser reads them, and the samples rendered."""

from html.parser import HTMLParser

import night_samples
import page_samples
import program_samples

from observing_monitor.pages.render import (
    render_exposures,
    render_glossary,
    render_night,
    render_program,
    render_programs,
    render_site,
    render_stream,
    render_year,
)

_VOID = {"meta", "link", "input", "br", "col", "img"}
# name of a kind of page -> the function that renders it, the function that makes a sample
PAGES = {
    "site": (render_site, page_samples.site_page),
    "stream": (render_stream, page_samples.stream_page),
    "night": (render_night, night_samples.night_page),
    "glossary": (render_glossary, page_samples.glossary_page),
    "year": (render_year, page_samples.year_page),
    "stream with programs": (render_stream, program_samples.stream_page),
    "program": (render_program, program_samples.program_page),
    "programs": (render_programs, program_samples.programs_page),
    "exposures": (render_exposures, night_samples.exposures_page),
}


class Reader(HTMLParser):
    """The elements, ids, links and texts of a page.

    Elements that overlap are an error.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], [], [], []
        self.shown, self.scripts = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Note an element that opens."""
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Check that the last opened element closes."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep a text of a script, or a shown one."""
        (self.scripts if self.open[-1:] == ["script"] else self.shown).append(data)

    @property
    def words(self):
        """All texts that are shown, with single spaces."""
        return " ".join(" ".join(self.shown).split())


def render(name, *args, **changed):
    """Return the text of a sample page of a kind."""
    renderer, sample = PAGES[name]
    return renderer(sample(*args, **changed), page_samples.ASSETS)


def read(name, *args, **changed):
    """Return a sample page as a parser reads it."""
    return Reader(render(name, *args, **changed))
