"""The documents, and the code blocks in them."""

import re

from conftest import CHECKOUT

DOCS = CHECKOUT / "docs"
README = CHECKOUT / "README.md"
OPERATIONS = DOCS / "operations.md"
PAGES = sorted(
    [
        README,
        CHECKOUT / "SECURITY.md",
        CHECKOUT / "CHANGELOG.md",
        *CHECKOUT.glob("docs/**/*.md"),
        *CHECKOUT.glob("examples/**/*.md"),
        CHECKOUT / "benchmarks/README.md",
    ]
)


def name_of(page):
    """A page's path from the top of the checkout."""
    return str(page.relative_to(CHECKOUT))


def blocks(page, language):
    """The code blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def named(page, language, name):
    """The one code block whose first line says that it is this file."""
    (found,) = [
        block
        for block in blocks(page, language)
        if block.splitlines()[0].partition(";")[0].endswith(name)
    ]
    return found
