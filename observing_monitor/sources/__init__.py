"""Kinds of sources, and their interface.

There is one module per kind. A source only reads. It returns DataFrames in a `Reading`. Another
package adds a kind of source through the entry-point group `observing_monitor.sources`.
"""

from observing_monitor.model.reading import Counts, Known, Reading
from observing_monitor.sources.base import Asked, Source, Telling
from observing_monitor.sources.registry import (
    BUILT_IN,
    ENTRY_POINTS,
    SourceClass,
    source_class,
    source_kinds,
)

__all__ = [
    "BUILT_IN",
    "ENTRY_POINTS",
    "Asked",
    "Counts",
    "Known",
    "Reading",
    "Source",
    "SourceClass",
    "Telling",
    "source_class",
    "source_kinds",
]
