"""One column of a table of the schema."""

from __future__ import annotations

import msgspec


class Column(msgspec.Struct, frozen=True):
    """One column of a table.

    Attributes
    ----------
    name : str
    kind : str
        A key of `DTYPES`.
    meaning : str
        For the glossary.
    label : str
        Its heading on a page.
    since : int
        Version of the schema that brought it. A later column than the first version's is
        written only if it has a value.
    """

    name: str
    kind: str
    meaning: str
    label: str = ""
    since: int = 1
