"""Static pages that show each night of an observatory."""

from __future__ import annotations

__version__ = "0.2.0"
