r"""Codes in place of hidden names.

A name is found in any case, however HTML, JSON or addresses escape it (`hidden_forms`), and with
other characters, or none, between its words: `NGC 1234` also as `ngc_1234`, `NGC%201234` and
`NGC1234`.

- A name of four characters or more, one of them a letter, is found inside longer words as well.
- A shorter name, and a number, is found as a word of its own.
- A weak name, which is a number of up to four digits or a word of up to three letters, is found in
  sentences of this program only next to `_` or `/`, as in the name of a file: other numbers and
  words of a sentence stay.
- A name of one character is not looked for in texts.
- `GN-2026B-Q-…` stands for all names that begin so, and have one more word: of
  `GN-2026B-Q-101-007`, all but `-007` is hidden.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.storage.hidden_forms import forms_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


CODE = "hidden-"
# at the end of a name: it stands for all names that begin so, and have one more word
ANY = "\u2026"
_WORDS = re.compile(r"[^\W_]+")
# what may be between the words of a name: up to three characters, as they are or escaped
_BETWEEN = (
    rb"(?:%(?:25)*(?:2[0-9a-fA-F]|3[a-fA-F]|40|5[b-fB-F]|60|7[b-eB-E])"
    rb"|&(?:amp;)*(?:\#[0-9]{2,4}|\#[xX][0-9a-fA-F]{2,4}|[A-Za-z]{2,6});"
    rb"|\\+u00[2-7][0-9a-fA-F]|\\+[nrt]"
    rb"|\xc2\xa0|\xe2\x80[\x80-\xaf]|\xe2\x88\x92"
    rb"|[^0-9A-Za-z\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]){0,3}"
)
# after the first byte of a word: before it is no letter or digit, unless that ends an escape
_BEGIN = (
    rb"(?:(?<![0-9A-Za-z][\x00-\xff])|(?<=%[0-9A-Fa-f][0-9A-Fa-f][\x00-\xff])"
    rb"|(?<=\\[nrt][\x00-\xff])"
    rb"|(?<=\\u[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][\x00-\xff]))"
)
# a regular expression that begins with a class of bytes is searched for several times as fast
_CLASS = re.compile(rb"\[(?:\\.|[^\]\\])*\]", re.DOTALL)
_END = rb"(?![0-9A-Za-z])"
# UTF-8 has none of these bytes: they separate texts, and stand for codes until all are found
_NEXT, _MARK = b"\xc0", b"\xc1"
_DIGITS = bytes(range(0xF8, 0x100))


class Pattern(NamedTuple):
    """A pattern for a name in UTF-8.

    Attributes
    ----------
    anywhere : bytes
        For texts of others.
    sentence : bytes
        For sentences of this program.
    anchors : tuple of bytes
        In lower case; every match has each of them.
    usual : tuple of bytes
        The usual ways to write a name that is found anywhere.
    """

    anywhere: bytes
    sentence: bytes
    anchors: tuple[bytes, ...]
    usual: tuple[bytes, ...] = ()


def normal_name(name: str) -> str:
    """Return a name without case."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return re.sub(r"[\s_]+", " ", folded).strip()


def code_of(name: str, key: str, of: str = "") -> str:
    """Return the code of a name.

    Without the key, nobody can find the code of a name by trying names.

    Parameters
    ----------
    name : str
        Names that differ only in case and blanks have the same code.
    key : str
        Secret, from the store.
    of : str, optional
        What the code is for, such as a night: others have other codes.
    """
    if not key:
        raise ValueError("a code without a key would give its name away")
    text = f"{of}\0{normal_name(name)}".encode("utf-8", "backslashreplace")
    made = hashlib.blake2b(text, key=key.encode()[:64], digest_size=4)
    return CODE + made.hexdigest()


@functools.lru_cache(4096)
def pattern_of(name: str) -> Pattern | None:
    """Return the pattern of a name; None if it is too short."""
    words = _WORDS.findall(unicodedata.normalize("NFC", name))
    n_characters = sum(map(len, words))
    if n_characters < 2:
        return None
    forms = [forms_of(word) for word in words]
    body = _BETWEEN.join(form.pattern for form in forms)
    anchors = sorted({form.anchor for form in forms} - {b""}, key=len, reverse=True)
    joined = "".join(words)
    is_number = joined.isdigit()
    if name.endswith(ANY):
        body += _BETWEEN + rb"[0-9A-Za-z]+"
        return None if n_characters < 4 else Pattern(body, body, tuple(anchors))
    if n_characters >= 4 and not is_number:
        usual = {text.encode("utf-8", "surrogatepass") for text in _usual(name, words)}
        return Pattern(body, body, tuple(anchors), tuple(sorted(usual)))
    is_weak = n_characters <= 4 and is_number or joined.isalpha()
    head, rest = _split(body)
    whole = head + _BEGIN + rest + _END
    beside = head + rb"(?:(?<=[_/][\x00-\xff])" + rest + _END
    beside += rb"|" + _BEGIN + rest + rb"(?=[_/]))"
    return Pattern(whole, beside if is_weak else whole, tuple(anchors))


def _usual(name: str, words: Sequence[str]) -> set[str]:
    written = {name, "_".join(words), "-".join(words), "".join(words)}
    return written | {text.lower() for text in written}


def _split(pattern: bytes) -> tuple[bytes, bytes]:
    """Split a pattern after its first class of bytes."""
    found = _CLASS.match(pattern)
    end = found.end() if found else 0
    return pattern[:end], pattern[end:]


class HiddenNames:
    """Hidden names and their codes."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        self.codes = dict(codes)
        # the longest first: a name may contain another one
        names = sorted(self.codes, key=lambda name: (name.endswith(ANY), -len(name), name))
        found = [(pattern_of(name), self.codes[name]) for name in names]
        self._patterns = [(pattern, code) for pattern, code in found if pattern is not None]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def but_those_in(self, texts: Iterable[str]) -> HiddenNames:
        """Return the names that no text has."""
        whole = list(texts)
        has = {name: HiddenNames({name: code}).texts(whole) for name, code in self.codes.items()}
        return HiddenNames({name: self.codes[name] for name in self.codes if has[name] == whole})

    def texts(self, texts: Sequence[str], is_sentence: bool = False) -> list[str]:
        """Return texts with codes for names.

        Parameters
        ----------
        texts : sequence of str
        is_sentence : bool, optional
            True for sentences of this program, in which weak names are left.
        """
        if not self._patterns or not texts:
            return list(texts)
        whole = _NEXT.join(text.encode("utf-8", "surrogatepass") for text in texts)
        # most texts lack most names, and this is known in a hundredth of the time
        lowered, left = whole.lower(), list[tuple[Pattern, bytes, bytes]]()
        for number, (pattern, code) in enumerate(self._patterns):
            if all(anchor in lowered for anchor in pattern.anchors):
                mark = _MARK + _digits(number)
                left.append((pattern, mark, code.encode()))
                for text in pattern.usual:
                    whole = whole.replace(text, mark)
        lowered = whole.lower() if left else lowered
        for pattern, mark, _ in left:
            if all(anchor in lowered for anchor in pattern.anchors):
                search = pattern.sentence if is_sentence else pattern.anywhere
                whole = _compiled(search).sub(mark, whole)
        for _, mark, shown in left:
            whole = whole.replace(mark, shown)
        return [text.decode("utf-8", "surrogatepass") for text in whole.split(_NEXT)]

    def text(self, text: str, is_sentence: bool = False) -> str:
        """Return a text with codes for names."""
        return self.texts([text], is_sentence)[0] if self._patterns else text


@functools.lru_cache(4096)
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def _digits(number: int) -> bytes:
    """Return a number as five digits of `_DIGITS`."""
    return bytes(_DIGITS[number >> shift & 7] for shift in (12, 9, 6, 3, 0))


def names_to_hide(names: Iterable[str], shown: Iterable[str]) -> list[str]:
    """Return names that pages do not show anyway.

    Parameters
    ----------
    names : iterable of str
    shown : iterable of str
        Such as types of exposures: a target `BIAS` says nothing new.
    """
    known = set(map(_plain, shown)) - {""}
    return sorted(name for name in set(names) if _plain(name) not in known)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
