"""A thumbnail and what it shows."""

from __future__ import annotations

import msgspec


class Preview(msgspec.Struct, frozen=True):
    """A small picture of a file, or why there is none.

    Else `why` says what is odd about it, if anything.
    """

    label: str  # exposure and detector
    file_id: str
    exposure: str
    detector: str
    href: str
    width: int
    height: int
    why: str
