"""Entries of a file of known issues, as they are written."""

from __future__ import annotations

import itertools
import re
import textwrap

# key of an entry -> words that people write for it
KEYS = {
    "night": ("night", "nights", "date", "dates", "from", "first", "since"),
    "pattern": ("pattern", "patterns", "file", "files", "match"),
    "reason": ("reason", "reasons", "why", "because"),
    "stream": ("stream", "streams"),
    "until": ("until", "till", "to", "last"),
    "who": ("who", "by", "author"),
}
_KEY_OF = {word: key for key, words in KEYS.items() for word in words}

# key -> its line in the entry, from 0, and its values
Entry = dict[str, tuple[int, list[str]]]
# a line, a key as written, and its values
Pairs = list[tuple[int, str, list[str]]]


class EntryError(Exception):
    """An entry that cannot be understood, with its line, from 0."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(words)
        self.line = line


def suggestion(word: str, known: list[str], shown: list[str]) -> str:
    """Return "did you mean …?", or the known words."""
    import difflib

    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(shown)}"


def split_entries(text: str) -> list[tuple[int, str]]:
    """Return a file's entries, each with its first line's number, from 1.

    The dash at the beginning of an entry is replaced by a space.
    """
    lines = [line.replace("\t", "    ") for line in text.splitlines()]
    starts = [
        number
        for number, line in enumerate(lines)
        if re.match(r"\s*-\s+[\"']?[\w ]+[\"']?\s*:|-(\s|$)", line)
    ]
    if not starts:  # no list: blank lines or --- separate the entries
        has_content = [_has_content(line) for line in lines]
        starts = [n for n, has in enumerate(has_content) if has and not (n and has_content[n - 1])]
    elif any(_has_content(line) for line in lines[: starts[0]]):
        starts = [next(n for n, line in enumerate(lines) if _has_content(line)), *starts]
    entries = []
    for start, end in itertools.pairwise([*starts, len(lines)]):
        own = [re.sub(r"^(\s*)-(?=\s|$)", r"\1 ", lines[start]), *lines[start + 1 : end]]
        own = ["" if line.strip() in ("---", "...") else line for line in own]
        entries.append((start + 1, "\n".join(own)))
    return entries


def _has_content(line: str) -> bool:
    """True if a line has content.

    Not a blank line, a comment, a heading such as `known:`, or a separator.
    """
    heading = re.fullmatch(r"(\w+)\s*:\s*(#.*)?", line.strip())
    is_heading = heading is not None and heading[1].lower() not in _KEY_OF
    return (
        bool(line.strip())
        and not is_heading
        and not re.fullmatch(r"\s*(#.*|---|\.\.\.|\[\s*\]|%.*)\s*", line)
    )


def parse_entry(text: str) -> Entry:
    """Return an entry by the keys of `KEYS`.

    The rules of YAML apply if the text follows them; else it is read line by line. Raises
    EntryError for an unknown or repeated key, or a line without a key.
    """
    pairs = None if _is_simple(text) else _by_yaml(text)
    if pairs is None:
        pairs = _by_line(text)
    entry: Entry = {}
    for line, word, values in pairs:
        key = _KEY_OF.get(word.strip().lower())
        if key is None:
            hint = suggestion(word.strip().lower(), list(_KEY_OF), list(KEYS))
            raise EntryError(line, f"unknown key {word.strip()!r}; {hint}")
        if key in entry:
            raise EntryError(line, f"a second {key!r} in one entry; each entry begins with a dash")
        entry[key] = (line, [value.strip() for value in values if value.strip()])
    return entry


_SIMPLE = re.compile(
    r"\s*(?:#.*|\w[\w -]*:(?:\s+(?:[^\s\[\]{}|>&!%@'\"#-][^\n]*|\"[^\"\\]*\"|'[^']*'))?\s*)?"
)


def _is_simple(text: str) -> bool:
    """True if each line is a key and its value.

    Then YAML would read the same. Importing it takes longer than the rest of a run with nothing
    new.
    """
    return all(_SIMPLE.fullmatch(line) for line in text.splitlines())


def _by_yaml(text: str) -> Pairs | None:
    """Return the pairs of a YAML mapping, else None.

    All values stay text, also a date or a `no`.
    """
    import yaml

    try:
        # the C loader crashes on deep nesting
        node = yaml.compose(textwrap.dedent(text), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs = []
    for key, value in node.value:
        values = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not isinstance(key, yaml.ScalarNode) or not all(
            isinstance(one, yaml.ScalarNode) for one in values
        ):
            return None
        pairs.append((key.start_mark.line, key.value, [one.value for one in values]))
    return pairs


def _by_line(text: str) -> Pairs:
    """Return the pairs of an entry with `key: value` lines.

    Other lines, and deeply indented ones without a known key, continue the value above.
    """
    pairs: Pairs = []
    for number, line in enumerate(text.splitlines()):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*[\"']?(\w[\w -]{0,20}?)[\"']?\s*:(?:\s+(.*))?", line)
        is_more = (
            found is not None
            and bool(pairs)
            and found[1].lower() not in _KEY_OF
            and line.startswith(" " * 6)
        )
        if found and not is_more:
            value = re.sub(r"\s+#.*$", "", found[2] or "").strip()
            quoted = re.fullmatch(r"([\"'])(.*)\1", value)
            pairs.append((number, found[1], [quoted[2] if quoted else value]))
        elif pairs:
            pairs[-1][2][0] += f" {line.strip()}"
        else:
            remedy = "write night: YYYY-MM-DD, pattern: and reason: below each other"
            raise EntryError(number, f"{line.strip()[:60]!r} is no entry; {remedy}")
    return pairs
