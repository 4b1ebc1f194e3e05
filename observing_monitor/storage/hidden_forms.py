r"""Ways to write a text: in any case, in HTML, JSON, CSV, addresses.

All cases of a letter are listed in all their forms: `ü`, `Ü`, `%C3%9C`, `&uuml;`, `&#xDC;`,
`\u00dc`, and as a letter with a separate accent.
"""

from __future__ import annotations

import functools
import html.entities
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


# letters whose other case is two ASCII letters
_SHARP_S = "\u00df\u1e9e"
_LAST_CASED = 0x1E944  # no later character has cases
# letters in a row that may be written as one; more of them are written one by one
_MOST_JOINED = 8
# what JSON, CSV and addresses write for a letter, tried before the letter itself
_ESCAPED = {
    '"': [("\\", r'\\*"'), ('"', '"')],
    "'": [("\\", r"\\*'")],
    "/": [("\\", r"\\*/")],
    "\\": [("\\", r"\\+")],
    " ": [("+", "")],
    "&": [],
}

# the bytes that a way to write something may begin with, and a pattern for the rest of it;
# each byte is written as the character with its number
Way = tuple[str, str]
Others = dict[str, set[str]]


class Forms(NamedTuple):
    """All ways to write a text.

    Attributes
    ----------
    pattern
        A regular expression for UTF-8, which needs no flags. It begins with a class of bytes:
        Python's engine then finds the places for a closer look several times as fast.
    anchor
        ASCII letters and digits in lower case that every way contains in some case; may be
        empty.
    """

    pattern: bytes
    anchor: bytes


def forms_of(text: str) -> Forms:
    """Return all ways to write a text that is not empty."""
    folded = _fold(text)
    others = _equals(_SHARP_S if text.isascii() else _cased())
    parts: list[list[Way]] = []
    anchor = run = ""
    place = 0
    while place < len(folded):
        end = _end_of_joined(folded, place, others)
        parts.append(_ways(folded[place:end], others))
        is_plain = len(parts[-1]) == 1 and not parts[-1][0][1]
        run = run + folded[place] if is_plain else ""
        anchor = max(anchor, run, key=len)
        place = end
    pattern = _with_class(parts[0]) + "".join(map(_one_of, parts[1:]))
    return Forms(pattern.encode("latin-1"), anchor.encode())


def _fold(text: str) -> str:
    """Return a text without case, its accents joined to their letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _end_of_joined(folded: str, place: int, others: Others) -> int:
    """Return the end of letters that may be joined, such as ss in ß."""
    end, at = place + 1, place
    while at < end and end - place < _MOST_JOINED:
        lengths = [n for n in (3, 2) if len(part := folded[at : at + n]) == n and part in others]
        end = max([end, *(at + n for n in lengths)])
        at += 1
    return end


def _ways(folded: str, others: Others) -> list[Way]:
    """Return the ways to write a few letters, joined or not."""
    found = []
    for length in range(min(len(folded), 3), 0, -1):
        letters, rest = folded[:length], folded[length:]
        if length == 1 or letters in others:
            after = _one_of(_ways(rest, others)) if rest else ""
            found += [(heads, tail + after) for heads, tail in _cases(letters, others)]
    return found


def _cases(folded: str, others: Others) -> list[Way]:
    """Return the ways to write a letter in all cases."""
    texts = set(others.get(folded, ()))
    if len(folded) == 1:
        texts |= {folded, folded.upper(), folded.title()}
    texts |= {unicodedata.normalize("NFD", text) for text in texts}
    found: dict[Way, None] = {}
    for text in sorted(texts, key=lambda text: (-len(text), text)):
        first, *rest = map(_letter, text)
        after = "".join(map(_one_of, rest))
        found |= dict.fromkeys((heads, tail + after) for heads, tail in first)
    return list(found)


def _one_of(ways: list[Way]) -> str:
    """Return a pattern for one of some ways."""
    texts = [_class(heads) + tail for heads, tail in ways]
    return texts[0] if len(texts) == 1 else f"(?:{'|'.join(texts)})"


def _with_class(ways: list[Way]) -> str:
    """Return a pattern for one of some ways that begins with a class of bytes."""
    heads = _class("".join(dict.fromkeys("".join(heads for heads, _ in ways))))
    if len(ways) == 1:
        return heads + ways[0][1]
    return heads + f"(?:{'|'.join(f'(?<={_class(first)}){tail}' for first, tail in ways)})"


def _class(letters: str) -> str:
    return f"[{re.escape(letters)}]"


@functools.cache
def _letter(letter: str) -> list[Way]:
    """Return the ways to write one character, as itself and escaped."""
    if letter.isascii() and letter.isalnum():
        return [("".join(dict.fromkeys(letter.lower() + letter.upper())), "")]
    code = ord(letter)
    in_utf8 = letter.encode("utf-8", "surrogatepass")
    in_utf16 = letter.encode("utf-16-be", "surrogatepass").hex()
    units = [in_utf16[at : at + 4] for at in range(0, len(in_utf16), 4)]
    entities = "|".join([rf"\#0*{code}", rf"\#[xX]0*{_hex(f'{code:x}')}", *_entities(letter)])
    # %25 is a percent sign that was quoted itself; &amp; and a second backslash likewise
    escapes = [
        ("&", rf"(?:amp;)*(?:{entities});?"),
        _repeated("%", "(?:25)*", (f"{byte:02x}" for byte in in_utf8)),
        _repeated("\\", r"\\*u", units),
        _repeated("\\", r"\\*x", (f"{byte:02x}" for byte in in_utf8)),
        ("\\", rf"\\*U{_hex(f'{code:08x}')}"),
    ]
    if 0x7F < code < 0x100:  # a name in Latin-1
        escapes += [("%", f"(?:25)*{_hex(f'{code:02x}')}"), ("\\", rf"\\*x{_hex(f'{code:02x}')}")]
    written = in_utf8.decode("latin-1")
    plain = (written[0], re.escape(written[1:]))
    if letter in _ESCAPED:
        return [*escapes, *_ESCAPED[letter], plain]
    return [plain, *escapes]


def _repeated(head: str, before: str, numbers: Iterable[str]) -> Way:
    """Return a way of several escapes, such as %C3%BC."""
    parts = [before + _hex(number) for number in numbers]
    return head, _class(head).join(parts)


def _hex(digits: str) -> str:
    return "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in digits)


def _entities(letter: str) -> list[str]:
    """Return HTML's names of a character, the longest first."""
    found = {name.rstrip(";") for name, text in html.entities.html5.items() if text == letter}
    return sorted(map(re.escape, found), key=len, reverse=True)


@functools.cache
def _cased() -> str:
    """Return all characters beyond ASCII with cases."""
    letters = map(chr, range(0x80, _LAST_CASED))
    return "".join(one for one in letters if one.casefold() != one or one.upper() != one)


def _equals(letters: str) -> Others:
    """Return folded text -> characters that equal it without case."""
    found: Others = {}
    for letter in letters:
        for folded in {_fold(letter), letter.casefold(), letter.lower(), _fold(letter.upper())}:
            found.setdefault(folded, set()).add(letter)
    return found
