"""The names of the pages of programs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from observing_monitor.storage.layout import is_of_program, program_csv, program_page

# no space, no upper case, no separator; other systems and addresses take them as they are
SAFE = re.compile(r"program-[a-z0-9]+(?:[._-][a-z0-9]+)*\.html")


def test_readable():
    """Names that are plain words are readable."""
    assert program_page("dark") == "program-dark.html"
    assert program_page("2016a-q-1") == "program-2016a-q-1.html"
    assert program_page("GN-2016A-Q-1").startswith("program-gn-2016a-q-1-")


def test_distinct():
    """Names that differ only a little have pages of their own."""
    digest = program_page("Dark").removeprefix("program-").removesuffix(".html")
    names = ["dark", "Dark", "DARK", "dark ", "d/ark", "d-ark", "../dark", "", " ", "暗", digest]
    names += ["a" * 300, "a" * 299 + "b", "<b>", "b"]
    pages = {program_page(name).lower() for name in names}
    assert len(pages) == len(names)


@given(st.text() | st.text("aA-._/0f", max_size=5))
def test_safe(name):
    """Every name has an address of safe letters, of limited length."""
    page = program_page(name)
    assert SAFE.fullmatch(page) and len(page) < 100 and is_of_program(page)
    assert page == program_page(name) and is_of_program(program_csv(page))


def test_hidden():
    """An address shows no text that pages hide, and tells programs apart."""
    one, two = (program_page(name, "P [hidden]") for name in ("P a.example", "P b.example"))
    assert one != two and one.startswith("program-p-hidden-") and "example" not in one
