"""Records of the programs of a night, as the index keeps them.

They are kept as one text per night: a run with nothing new need not take it apart.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

# name -> exposures and seconds with an open shutter; None stands for all names that were left out
Part = tuple[str | None, int, float]


class ProgramNight(msgspec.Struct, frozen=True, array_like=True):
    """The exposures of a program in one night.

    Filters and targets are made by `packed`, and read by `parts_of`: most nights of a program are
    added up without them.
    """

    name: str
    n_exposures: int
    n_exposures_science: int
    open_shutter_s: float  # exposure times of all but bias and dark
    science_exposure_s: float  # exposure times of science exposures
    filters: msgspec.Raw
    targets: msgspec.Raw


class NightPrograms(msgspec.Struct, frozen=True, array_like=True):
    """The programs of a night.

    Attributes
    ----------
    programs : tuple of ProgramNight
        Those with most science first.
    n_left_out : int
        Programs that are not in `programs`, as there are too many.
    """

    programs: tuple[ProgramNight, ...] = ()
    n_left_out: int = 0


NO_PROGRAMS = NightPrograms()


def as_text(programs: NightPrograms) -> str:
    """Return the programs of a night as text."""
    return msgspec.json.encode(programs).decode()


def from_text(text: str | None) -> NightPrograms:
    """Return the programs of a night.

    None if the text has another form: the night was not judged by this version yet.
    """
    if not text:
        return NO_PROGRAMS
    try:
        return _DECODER.decode(text)
    except msgspec.MsgspecError:
        return NO_PROGRAMS


def packed(parts: Iterable[Part]) -> msgspec.Raw:
    """Return packed filters or targets."""
    return msgspec.Raw(msgspec.json.encode(list(parts)))


def parts_of(raw: msgspec.Raw) -> list[Part]:
    """Return filters or targets; none if they have another form."""
    try:
        return _PARTS_DECODER.decode(raw)
    except msgspec.MsgspecError:
        return []


_DECODER = msgspec.json.Decoder(NightPrograms)
_PARTS_DECODER = msgspec.json.Decoder(list[Part])
