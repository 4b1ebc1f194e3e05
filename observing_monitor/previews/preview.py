"""A thumbnail and what it shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Preview:
    """A small picture of a file; `why` there is none, where `href` is empty."""

    label: str  # the exposure and detector, in words
    file_id: str
    exposure: str
    detector: str
    href: str
    width: int
    height: int
    why: str
