"""Records of the programs of a night, as the index keeps them.

They are kept as one text per night: a run with nothing new need not take it apart.
"""

from __future__ import annotations

import msgspec

# name -> exposures and seconds; None stands for all names that were left out
Part = tuple[str | None, int, float]


class ProgramNight(msgspec.Struct, frozen=True, array_like=True):
    """The exposures of a program in one night."""

    name: str
    n_exposures: int
    n_exposures_science: int
    open_shutter_s: float  # exposure times of all but bias and dark
    science_exposure_s: float  # exposure times of science exposures
    filters: tuple[Part, ...]  # the most exposed first
    targets: tuple[Part, ...]


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
    """Return the programs of a night from their text.

    None if the text has another form: the night was not judged by this version yet.
    """
    if not text:
        return NO_PROGRAMS
    try:
        return _DECODER.decode(text)
    except msgspec.MsgspecError:
        return NO_PROGRAMS


_DECODER = msgspec.json.Decoder(NightPrograms)
