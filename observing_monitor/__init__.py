"""Static pages that tell, night by night, what an observatory took, moved and ingested."""

__version__ = "0.1.0"
