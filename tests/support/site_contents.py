"""Compares sites, without their stores."""

import fnmatch
import json
import re
import shutil
from pathlib import Path

from running import contents


def site_of(folder):
    """Return the bytes of each file of a site, by its path.

    Left out are the store and the times of the feed's entries: a night first judged with other
    settings changed when these did.
    """
    found = {name: data for name, data in contents(folder).items() if not name.startswith("data/")}
    if "changes.atom" in found:
        found["changes.atom"] = _feed(found["changes.atom"])
    return found


def shown(site):
    """Return a site without the fingerprints in its pages."""
    # of YYYY-MM-DD.files.js and YYYY-MM-DD.exposures.js
    pattern = rb' data-made-of="\w*"|(?<=s\.js\?)\w+'
    return {name: re.sub(pattern, b"", data) for name, data in site.items()}


def _feed(data):
    """Return a feed without ids and times, in one order."""
    plain = re.sub(rb"<(id|updated)>[^<]*</\1>\n?", b"", data)
    entries = re.findall(rb"<entry>.*?</entry>\n", plain, re.DOTALL)
    head = plain.partition(b"<entry>")[0]
    return head + b"".join(sorted(entries))


def copy_site(folder, target):
    """Copy a site; files of `assets/` become links."""

    def copy(source, made):
        if Path(source).parent.name == "assets":
            Path(made).hardlink_to(source)
        else:
            shutil.copy2(source, made)

    return Path(shutil.copytree(folder, target, copy_function=copy))


def assert_same(found, expected, leftovers=""):
    """Fail with a line per file that differs.

    Files of `found` that match `leftovers` may be extra.
    """
    found = {
        name: data
        for name, data in found.items()
        if name in expected or not fnmatch.fnmatchcase(name, leftovers)
    }
    lines = differences(found, expected)
    if lines:
        raise AssertionError("\n".join(lines))


def differences(found, expected):
    """Return a line per file of two sites that differs."""
    lines = []
    for name in sorted({*found, *expected}):
        mine, other = found.get(name), expected.get(name)
        if mine is None or other is None:
            lines.append(f"{name}: is {'missing' if mine is None else 'left over'}")
        elif mine != other:
            lines.append(f"{name}: {_first_difference(mine, other)}")
    return lines


def _first_difference(mine, other):
    at = next(
        (n for n, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b),
        min(len(mine), len(other)),
    )
    shown = [
        json.dumps(data[max(0, at - 40) : at + 60].decode(errors="replace"))
        for data in (mine, other)
    ]
    return f"byte {at}: {shown[0]}, should be {shown[1]}"
