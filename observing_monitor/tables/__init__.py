"""Pure functions over DataFrames.

`Tables` is imported from here by the sources of other packages.
"""

from observing_monitor.model.reading import Tables

__all__ = ["Tables"]
