"""Modules that a large night is read and published with."""

from __future__ import annotations

# Imported while another process lists the night: pandas takes as long as that.
NIGHT_IMPORTS = (
    "pandas",
    "pyarrow.parquet",
    "pyarrow.csv",
    "jinja2",
    "observing_monitor.tables.match",
    "observing_monitor.tables.merge",
    "observing_monitor.tables.summary",
)
