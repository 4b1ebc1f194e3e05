"""Static pages that tell, night by night, what an observatory took, moved and ingested."""

from __future__ import annotations

__version__ = "0.1.0"
