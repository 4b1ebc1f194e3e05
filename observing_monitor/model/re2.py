r"""Translate Python's regular expressions to RE2.

Both engines find the same in a text of printable ASCII letters if the pattern has only parts that
this module knows. All others are refused: look-around and back references, which RE2 lacks, and
parts whose meaning differs, such as a group that may or may not take part in an empty match.
In other texts `\d`, `\w`, `$` and letters' cases differ, so these are not for RE2 either.
"""

from __future__ import annotations

import re
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

PRINTABLE = r"\A[ -~]+\z"  # in RE2's syntax: the texts that both engines read the same way
LAST = 0x7E
LOOK_AROUND, BACK_REFERENCE = "a look-ahead or look-behind", "a back reference"
REFUSED = {
    "ASSERT": LOOK_AROUND,
    "ASSERT_NOT": LOOK_AROUND,
    "GROUPREF": BACK_REFERENCE,
    "GROUPREF_EXISTS": BACK_REFERENCE,
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
}
PLACES = {
    "AT_BEGINNING": r"\A",
    "AT_BEGINNING_STRING": r"\A",
    "AT_END": r"\z",
    "AT_END_STRING": r"\z",
    "AT_BOUNDARY": r"\b",
    "AT_NON_BOUNDARY": r"\B",
}
CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


class Linear(NamedTuple):
    """A pattern in RE2's syntax.

    Attributes
    ----------
    pattern
        Only its named groups are groups.
    may_be_empty
        The groups that take part in every match, and may match nothing. RE2 as Arrow calls it
        reports "" for these, and for groups that took no part.
    """

    pattern: str
    may_be_empty: frozenset[str]


class RefusedError(Exception):
    """RE2 cannot match a pattern as Python does; the text names the part."""


def translate(pattern: str) -> Linear:
    """Return a valid pattern of Python in RE2's syntax.

    RE2 may still find it too large.

    Raises
    ------
    RefusedError
        If it has a part that RE2 lacks or reads in another way.
    """
    parsed = _parser.parse(pattern)
    names = {number: name for name, number in parsed.state.groupdict.items()}
    writer = _Writer(names)
    text = writer.sequence(parsed, is_sure=True, is_repeated=False)
    if parsed.state.flags & re.IGNORECASE:
        text = f"(?i:{text})"
    return Linear(text, frozenset(writer.may_be_empty))


class _Writer:
    """Write a parsed pattern as RE2's text.

    `is_sure` is True for parts that take part in every match, `is_repeated` for those that a
    match may go through several times.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.may_be_empty: set[str] = set()

    def sequence(self, parts: Any, is_sure: bool, is_repeated: bool) -> str:
        return "".join(self.part(str(kind), value, is_sure, is_repeated) for kind, value in parts)

    def part(self, kind: str, value: Any, is_sure: bool, is_repeated: bool) -> str:
        if kind == "LITERAL":
            return _letter(value)
        if kind == "NOT_LITERAL":
            return f"[^{_letter(value)}]"
        if kind == "ANY":
            return "."
        if kind == "AT" and str(value) in PLACES:
            return PLACES[str(value)]
        if kind == "IN":
            return f"[{''.join(_member(str(name), one) for name, one in value)}]"
        if kind == "BRANCH":
            branches = (self.sequence(branch, False, is_repeated) for branch in value[1])
            return f"(?:{'|'.join(branches)})"
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            return self.repeat(kind, value, is_sure, is_repeated)
        if kind == "SUBPATTERN":
            return self.group(value, is_sure, is_repeated)
        raise RefusedError(REFUSED.get(kind, f"a part that RE2 does not know ({kind})"))

    def repeat(self, kind: str, value: Any, is_sure: bool, is_repeated: bool) -> str:
        least, most, body = value
        if most != 1 and body.getwidth()[0] == 0:
            raise RefusedError("a repetition of a part that may be empty")
        inner = self.sequence(body, is_sure and least > 0, is_repeated or most != 1)
        upto = "" if most == _parser.MAXREPEAT else int(most)
        lazy = "?" if kind == "MIN_REPEAT" else ""
        return f"(?:{inner}){{{int(least)},{upto}}}{lazy}"

    def group(self, value: Any, is_sure: bool, is_repeated: bool) -> str:
        number, add, remove, body = value
        inner = self.sequence(body, is_sure, is_repeated)
        case = "i" if add & re.IGNORECASE else "-i" if remove & re.IGNORECASE else ""
        name = self.names.get(number)
        if name is None:
            return f"(?{case}:{inner})"
        if not name.isascii():
            raise RefusedError("a group's name with letters beyond ASCII")
        if is_repeated:
            raise RefusedError("a named group in a repetition")
        if body.getwidth()[0] == 0:
            if not is_sure:
                raise RefusedError("a named group that may be left out, and may be empty")
            self.may_be_empty.add(name)
        return f"(?P<{name}>{inner})"


def _member(kind: str, value: Any) -> str:
    """Return a part of a class `[…]`."""
    if kind == "NEGATE":
        return "^"
    if kind == "LITERAL":
        return _letter(value)
    if kind == "RANGE":
        return f"{_letter(value[0])}-{_letter(value[1])}"
    if kind == "CATEGORY" and str(value) in CATEGORIES:
        return CATEGORIES[str(value)]
    raise RefusedError(f"a part of a class that RE2 does not know ({kind})")


def _letter(code: int) -> str:
    if code > LAST:
        raise RefusedError("a letter beyond ASCII")
    return f"\\x{code:02x}"
