"""Judged nights to HTML, JSON and CSV.

`Finding` is imported from here by the sources of other packages.
"""

from observing_monitor.model.finding import Finding

__all__ = ["Finding"]
