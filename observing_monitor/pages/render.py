"""Text of pages from the records of `contexts`.

A template gets one record and shows it; sorting, sums and dates belong to Python. Whatever others
wrote is escaped by the environment.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from observing_monitor.model import columns
from observing_monitor.model.wording import (
    count_text,
    dash,
    iso,
    near,
    of_bytes,
    percent,
    seconds,
    utc,
    visible,
)
from observing_monitor.pages.glossary import WORDS, class_words, column_words
from observing_monitor.pages.labels import headline_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import Any

    from jinja2 import Environment
    from jinja2.bccache import Bucket
    from markupsafe import Markup

    from observing_monitor.charts.figure import Figure
    from observing_monitor.pages.contexts import (
        ExposuresPage,
        GlossaryPage,
        NightPage,
        Page,
        PrunedPage,
        SitePage,
        StreamPage,
        YearPage,
    )
    from observing_monitor.pages.tables import Table


# Signs next to the words, and shapes of the icons in the tabs: colour alone never tells a status.
SIGNS = {"none": "·", "normal": "✓", "warning": "!", "error": "✕"}
_CIRCLE = "<circle cx='16' cy='16' r='15'/>"
_TRIANGLE = "<path d='M16 1l15.5 29H.5z'/>"
_SQUARE = "<rect x='1' y='1' width='30' height='30' rx='5'/>"
STATUS_TEXTS = {column.name: column.label for column in columns.STATUS_WORDS}
# status -> colour, shape, strokes
_ICONS = {
    "": ("#5a6472", _CIRCLE, "M11 12a5 5 0 1 1 7 4.5c-2 1-2 2-2 3.5m0 4v2"),
    "none": ("#5a6472", _CIRCLE, "M9 16h14"),
    "normal": ("#1a7f37", _CIRCLE, "M9 16.5l5 5 9-11"),
    "warning": ("#9a5b00", _TRIANGLE, "M16 11v9m0 4v2"),
    "error": ("#c0262d", _SQUARE, "M10 10l12 12m0-12L10 22"),
}


def render_site(page: SitePage, assets: Mapping[str, str]) -> str:
    """Return the text of the site's page.

    Parameters
    ----------
    page : SitePage
    assets : mapping
        Plain name of a static file -> its name in `assets/`.
    """
    return _render("site.html", page, assets)


def render_stream(page: StreamPage, assets: Mapping[str, str]) -> str:
    """Return the text of a stream's page."""
    return _render("stream.html", page, assets)


def render_year(page: YearPage, assets: Mapping[str, str]) -> str:
    """Return the text of a year's page."""
    return _render("year.html", page, assets)


def render_night(page: NightPage, assets: Mapping[str, str]) -> str:
    """Return the text of a night's page."""
    return _render("night.html", page, assets)


def render_exposures(page: ExposuresPage, assets: Mapping[str, str]) -> str:
    """Return the text of a page of exposures."""
    return _render("exposures.html", page, assets)


def render_pruned(page: PrunedPage, assets: Mapping[str, str]) -> str:
    """Return the text of a pruned page."""
    return _render("pruned.html", page, assets)


def render_glossary(page: GlossaryPage, assets: Mapping[str, str]) -> str:
    """Return the text of the glossary."""
    return _render("glossary.html", page, assets)


def render_moved(href: str) -> str:
    """Return the text of a redirect to `href`."""
    return environment().get_template("moved.html").render(href=href)


def render_latest(page: StreamPage, assets: Mapping[str, str]) -> str:
    """Return the text of a redirect to the newest night.

    `assets` as for `render_site`.
    """
    return _render("latest.html", page, assets)


def _render(template: str, page: Page, assets: Mapping[str, str]) -> str:
    return environment().get_template(template).render(page=page, assets=assets)


def templates_dir() -> Path:
    """Return the folder of the templates.

    It is in an installed package, and next to the package in a checkout.
    """
    package = Path(__file__).resolve().parent.parent
    for place in (package / "templates", package.parent / "templates"):
        if (place / "base.html").is_file():
            return place
    raise FileNotFoundError(
        f"no templates in {package} or next to it; install observing_monitor again"
    )


def template_files() -> list[Path]:
    """Return the files of all templates, styles and scripts."""
    folder = templates_dir()
    patterns = ("**/*.html", "assets/*.css", "assets/js/*.js")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


# --- the environment -----------------------------------------------------------------------------


@functools.cache
def environment() -> Environment:
    """Return the environment of all pages.

    Everything is escaped, and undefined names are errors.
    """
    import jinja2

    class Cache(jinja2.FileSystemBytecodeCache):
        """Compiled templates next to the templates, as Python keeps compiled modules."""

        def load_bytecode(self, bucket: Bucket) -> None:
            with contextlib.suppress(OSError):
                super().load_bytecode(bucket)

        def dump_bytecode(self, bucket: Bucket) -> None:
            if sys.dont_write_bytecode:
                return
            # without the right to write, each run compiles what it needs: 0.1 s for a night
            with contextlib.suppress(OSError):
                os.makedirs(self.directory, exist_ok=True)
                super().dump_bytecode(bucket)

    folder = templates_dir()
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        bytecode_cache=Cache(
            os.path.dirname(importlib.util.cache_from_source(str(folder / "base.py"))),
            f"%s.{sys.implementation.cache_tag}",
        ),
        auto_reload=False,
        optimized=False,  # saves a tenth of the time of compiling; there are few constants
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    filters = (utc, iso, near, count_text, seconds, percent, dash, sign, icon, figure_json, filled)
    made.filters |= {f.__name__: f for f in (*filters, status_text)}
    made.filters |= {"bytes": of_bytes, "headline": headline_text}
    made.globals |= {f"{prefix}_columns": words for prefix, words in WORDS.items()}
    made.globals |= {"column_words": column_words, "class_words": class_words}
    return made


# --- filters -------------------------------------------------------------------------------------


def filled(pattern: Markup, table: Table, cells: ModuleType) -> Markup:
    """Return the rows of a table, made from a pattern.

    Text is escaped; other cells are drawn by macros. Twenty times as fast as a loop in a template
    that writes each cell.

    Parameters
    ----------
    pattern : Markup
        A row with a `%s` for its address and its class, if rows have any, and for each cell;
        before it another, if cells of its column have addresses.
    table : Table
    cells : module
        The macros of `macros/cells.html`.
    """
    from markupsafe import Markup

    texts = [texts for texts in (table.anchors, table.row_css) if texts]
    for column in table.columns:
        texts += [column.anchors] if column.anchors else []
        texts.append(_drawn(column.cells, getattr(cells, column.draw)))
    rows = zip(*map(_escaped, texts), strict=True)
    return Markup("".join(map(str(pattern).__mod__, rows)))


def _drawn(values: Sequence[Any], draw: Callable[[Any], Markup]) -> Sequence[str]:
    """Return a column's cells as text, equal ones drawn once."""
    if set(map(type, values)) <= {str}:
        return values
    made = {value: value if type(value) is str else draw(value) for value in set(values)}
    return [made[value] for value in values]


def _escaped(texts: Sequence[str]) -> Sequence[str]:
    """Return texts escaped.

    If no text needs a change, one look at all of them tells.
    """
    from markupsafe import Markup, escape

    if set(map(type, texts)) == {Markup}:
        return texts
    whole = "".join(texts)
    is_plain = whole.isprintable() and escape(whole) == whole
    return texts if is_plain else [escape(visible(text)) for text in texts]


def sign(status: str) -> str:
    """Return the sign of a status."""
    return SIGNS[status]


def status_text(status: str) -> str:
    """Return a status in words."""
    return STATUS_TEXTS[status]


def icon(status: str) -> str:
    """Return a tab's icon as a data URI.

    It has another shape and colour for each status.
    """
    colour, shape, strokes = _ICONS[status]
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        f"<g fill='{colour}'>{shape}</g>"
        f"<path d='{strokes}' fill='none' stroke='#fff' stroke-width='4' stroke-linecap='round'/>"
        "</svg>"
    )
    return "data:image/svg+xml," + quote(svg, safe="/:='() ")


def figure_json(figure: Figure) -> Markup:
    """Return a figure as JSON for a `<script>` element.

    It has no `<`, `>` and `&`, and null for NaN.
    """
    from jinja2.utils import htmlsafe_json_dumps

    dumps = functools.partial(
        htmlsafe_json_dumps, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    try:
        return dumps(figure)
    except ValueError:  # NaN or infinity
        return dumps(_finite(figure))


def _finite(value: Any) -> Any:
    """Return the same value with None for NaN and infinity."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
