"""Matches of Python's own engine, the reference for RE2."""

import re

import pyarrow as pa


def groups_by_python(pattern, texts, at_start=False):
    """Return the named groups of each text's first match.

    For null they are null.
    """
    compiled = re.compile(pattern)
    find = compiled.match if at_start else compiled.search
    found = [None if text is None else find(text) for text in texts]
    return {
        name: pa.array([one and one.group(name) for one in found], pa.large_string())
        for name in compiled.groupindex
    }
