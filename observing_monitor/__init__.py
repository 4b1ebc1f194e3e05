"""Static pages that show for each night what an observatory took, moved and ingested."""

from __future__ import annotations

__version__ = "0.2.0"
