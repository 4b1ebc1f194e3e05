"""The static files of a site: style sheet, script and plotly, in `assets/` under names with a hash.

The script is written in one file per feature, `templates/assets/js/*.js`. They are joined into one
script, since a page opened from disk cannot load ES modules.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

from observing_monitor import pages

STYLE, SCRIPT, PLOTLY = "style.css", "monitor.js", "plotly.min.js"

# The files of the script, without their ending, in the order in which they are joined.
SCRIPTS = (
    "dom",
    "ages",
    "heartbeat",
    "tips",
    "reader",
    "renewal",
    "navigation",
    "chart-style",
    "chart-axis",
    "charts",
    "files-columns",
    "files-order",
    "files-search",
    "files-filters",
    "files-rows",
    "files",
    "start",
)


def script_text() -> str:
    """Return the pages' script: all files of SCRIPTS in one scope of its own."""
    folder = pages.templates_dir() / "assets" / "js"
    texts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return '(function () {\n"use strict";\n\n' + "\n".join(texts) + "})();\n"


def asset_bytes(plain: str) -> bytes:
    """Return the content of a static file, by its plain name."""
    if plain == PLOTLY:
        return _plotly_script().read_bytes()
    if plain == SCRIPT:
        return script_text().encode()
    return (pages.templates_dir() / "assets" / plain).read_bytes()


def asset_names() -> dict[str, str]:
    """Return the name in `assets/` of each static file, by its plain name."""
    hashed = {plain: _hashed(plain, asset_bytes(plain)) for plain in (SCRIPT, STYLE)}
    return {**hashed, PLOTLY: f"plotly-{_plotly_version()}.min.js"}


def _hashed(plain: str, data: bytes) -> str:
    stem, _, ending = plain.rpartition(".")
    return f"{stem}-{hashlib.blake2b(data, digest_size=5).hexdigest()}.{ending}"


def _plotly_script() -> Path:
    """Return the path of the installed plotly's script, without importing plotly."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is not installed")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def _plotly_version() -> str:
    """Return the version in the first lines of plotly's script."""
    with open(_plotly_script(), "rb") as file:
        found = re.search(rb"plotly\.js v([\w.]+)", file.read(500))
    if found is None:
        raise ValueError(f"{_plotly_script()}: no version in its first 500 bytes")
    return found[1].decode()
