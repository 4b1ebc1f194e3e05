"""The sources, one module per kind, and the interface for those of other packages.

Another package adds a kind through the entry-point group `observing_monitor.sources`.
A source only reads. It returns DataFrames in a `Reading`.
"""

from observing_monitor.model.reading import Known, Reading
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
    "Known",
    "Reading",
    "Source",
    "SourceClass",
    "Telling",
    "source_class",
    "source_kinds",
]
