"""Paths of the files of a night."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observing_monitor.storage.output import Output


PAGE_ENDINGS = (".files.js", ".csv", ".json", ".html")


def exposures_ending(number: int) -> str:
    """How the name of a page of a night's exposures ends, by its number among them, from 1."""
    return ".exposures.html" if number == 1 else f".exposures-{number}.html"


def exposure_pages(output: Output, beside: str, first: int = 1) -> list[str]:
    """The pages of a night's exposures that are there, from the `first` on; `beside` is what their names begin with."""
    names = (f"{beside}{exposures_ending(number)}" for number in itertools.count(first))
    return list(itertools.takewhile(output.exists, names))
