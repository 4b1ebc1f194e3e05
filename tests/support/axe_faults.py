"""Faults that axe finds on a page."""

from axe_playwright_python.sync_playwright import Axe

RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # the other rules give the same result in the dark
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
# rows, words and cards that are like those before them
ALIKE = [
    ["tbody tr:nth-child(n+6)"],
    [".glossary div:nth-child(n+4)"],
    [".card:nth-child(n+9)"],
    [".js-plotly-plot svg"],
]


def faults_of(page, rules):
    """Return what axe finds wrong with a page."""
    options = {"preload": False, "resultTypes": ["violations"], "runOnly": rules}
    found = Axe().run(page, context={"exclude": ALIKE}, options=options)
    return [(fault["id"], fault["nodes"][0]["html"]) for fault in found.response["violations"]]
