"""Static files of a site: style sheet, script and plotly.

They are in `assets/`, under names with a hash.

The script is written in one file per feature, `templates/assets/js/*.js`. They are joined into one
script, since a page opened from disk cannot load ES modules.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import OutputError
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.nights import iso_utc, parse_utc
from observing_monitor.pages.render import templates_dir
from observing_monitor.storage import layout

if TYPE_CHECKING:
    from observing_monitor.storage.output import Output

STYLE, SCRIPT, PLOTLY = "style.css", "monitor.js", "plotly.min.js"

# The files of the style sheet, in the order in which they are joined.
STYLES = ("style.css", "observed.css", "log.css")

# The files of the script, without their ending, in the order in which they are joined.
SCRIPTS = (
    "dom",
    "ages",
    "quiet",
    "heartbeat",
    "tips",
    "reader",
    "renewal",
    "navigation",
    "chart-style",
    "chart-axis",
    "charts",
    "table-columns",
    "table-order",
    "table-search",
    "table-rows",
    "table-view",
    "files-filters",
    "files",
    "log-filters",
    "log-detail",
    "log-sky",
    "log",
    "start",
)


def script_text() -> str:
    """Return the pages' script: all files of SCRIPTS in one scope."""
    folder = templates_dir() / "assets" / "js"
    texts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return '(function () {\n"use strict";\n\n' + "\n".join(texts) + "})();\n"


def asset_bytes(plain: str) -> bytes:
    """Return the content of a static file."""
    if plain == PLOTLY:
        return _plotly_script().read_bytes()
    if plain == SCRIPT:
        return script_text().encode()
    folder = templates_dir() / "assets"
    return b"".join((folder / name).read_bytes() for name in STYLES)


def asset_names() -> dict[str, str]:
    """Return each static file's name in `assets/`, by plain name."""
    hashed = {plain: _hashed(plain, asset_bytes(plain)) for plain in (SCRIPT, STYLE)}
    return {**hashed, PLOTLY: f"plotly-{_plotly_version()}.min.js"}


def _hashed(plain: str, data: bytes) -> str:
    stem, _, ending = plain.rpartition(".")
    return f"{stem}-{hex_digest(data, n_bytes=5)}.{ending}"


def _plotly_script() -> Path:
    """Return the path of plotly's script, without importing plotly."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is not installed")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def _plotly_version() -> str:
    """Return the version of plotly's script."""
    with open(_plotly_script(), "rb") as file:
        found = re.search(rb"plotly\.js v([\w.]+)", file.read(500))
    if found is None:
        raise ValueError(f"{_plotly_script()}: no version in its first 500 bytes")
    return found[1].decode()


KEPT_FOR = datetime.timedelta(days=1)  # an open page loads plotly only when a chart is seen
_OURS = re.compile(r"(style-[0-9a-f]{10}\.css|monitor-[0-9a-f]{10}\.js|plotly-\d[\w.]*\.min\.js)")
# entries next to the pages: a site of one stream has thousands of them
_ENDINGS = (
    *layout.LOG_ENDINGS,
    layout.FILES_JS,
    layout.CSV,
    layout.DATA,
    layout.IMAGES,
    layout.PREVIEWS,
)
_NO_PAGES = re.compile(
    rf"{layout.ASSETS}|{layout.STORE}|\..*"
    rf"|\d{{4}}-\d\d-\d\d({'|'.join(map(re.escape, _ENDINGS))})"
)


class _Note(NamedTuple):
    """When to check a replaced asset, and a page that loads it."""

    check_at: datetime.datetime
    page: str


def sweep_assets(output: Output, now: datetime.datetime, current: Collection[str]) -> None:
    """Remove assets replaced a day ago that no page loads.

    A replaced asset is checked a day after it was first seen, then once a day. One page that loads
    it is noted in the store, and is looked at first: pages that are never written again, such as
    those of pruned nights, cost one read a day. Without a replaced asset nothing is read.

    Parameters
    ----------
    output : Output
    now : datetime
    current : collection of str
        Names in `assets/` that pages load which are written now; they always stay.
    """
    names = output.names(layout.ASSETS)
    replaced = {name for name in names if _OURS.fullmatch(name) and name not in current}
    if not replaced and not output.exists(layout.REPLACED_ASSETS):
        return
    before = _read_notes(output)
    # not later than a day from now: a clock that was wrong once must not postpone a check forever
    latest = _Note(now + KEPT_FOR, "")
    notes = {name: min(before.get(name, latest), latest, key=_check_at) for name in replaced}
    due = {name for name, note in notes.items() if note.check_at <= now}
    loading = _pages_loading(output, due, [notes[name].page for name in sorted(due)])
    for name in due:
        if name in loading:
            notes[name] = _Note(now + KEPT_FOR, loading[name])
        else:
            output.remove(layout.asset(name))
            del notes[name]
    _write_notes(output, notes, before)


def _check_at(note: _Note) -> datetime.datetime:
    return note.check_at


def _pages_loading(output: Output, names: Collection[str], first: Iterable[str]) -> dict[str, str]:
    """Return a page that loads each asset, if any does.

    The pages `first` are read first; then others, until there is one for each asset.
    """
    found: dict[str, str] = {}
    if not names:
        return found
    for page in itertools.chain(filter(None, first), _pages(output)):
        for name in _loaded(output, page, names):
            found.setdefault(name, page)
        if len(found) == len(names):
            break
    return found


def _loaded(output: Output, page: str, names: Collection[str]) -> Collection[str]:
    """Return the assets that a page loads; all on an error."""
    try:
        data = output.read(page) or b""
    except OutputError:
        return names
    return [name for name in names if layout.asset(name).encode() in data]


def _pages(output: Output) -> Iterator[str]:
    """Yield the site's pages, those of the oldest nights first."""
    there = sorted(output.names(""))
    folders = [
        name for name in there if not (name.endswith(layout.PAGE) or _NO_PAGES.fullmatch(name))
    ]
    for folder in ["", *folders]:
        with contextlib.suppress(OutputError):  # a folder of others, such as lost+found
            for name in sorted(output.names(folder)):
                if name.endswith(layout.PAGE):
                    yield layout.in_folder(folder, name)


def _read_notes(output: Output) -> dict[str, _Note]:
    """Return the notes on replaced assets, by name."""
    try:
        notes = (output.read_json(layout.REPLACED_ASSETS) or {}).get("replaced", {})
        return {name: _Note(parse_utc(at), str(page)) for name, (at, page) in notes.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _write_notes(output: Output, notes: dict[str, _Note], before: dict[str, _Note]) -> None:
    if not notes:
        output.remove(layout.REPLACED_ASSETS)
    elif notes != before:
        kept = {name: [iso_utc(at), page] for name, (at, page) in sorted(notes.items())}
        output.write_json(layout.REPLACED_ASSETS, {"replaced": kept})
