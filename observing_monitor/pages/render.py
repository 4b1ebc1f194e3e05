"""What a page is made of, and the text it becomes: context dataclasses, filters, `render_*(context) -> str`.

A template takes one dataclass, and shows it; sorting, sums and dates are done before. Instants are aware datetimes in UTC,
durations seconds, `None` stands for "there is none" and is shown as –. What others wrote is escaped by the templates' environment, always.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from observing_monitor.model import columns
from observing_monitor.model.wording import (
    count,
    dash,
    iso,
    near,
    number,
    of_bytes,
    percent,
    quantity,
    seconds,
    utc,
    visible,
)
from observing_monitor.pages.glossary import WORDS, classes_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from jinja2 import Environment
    from jinja2.bccache import Bucket
    from markupsafe import Markup

    from observing_monitor.charts.figure import Figure
    from observing_monitor.model.columns import Summary
    from observing_monitor.model.wording import T
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
    from observing_monitor.settings.headlines import Headline


# The signs beside the words: status is never told by colour alone. The icon's shape tells it too, in a row of tabs.
SIGNS = {"normal": "✓", "warning": "!", "error": "✕"}
_ICON_SHAPES = {
    "": (
        "#5a6472",
        "<circle cx='16' cy='16' r='15'/>",
        "M11 12a5 5 0 1 1 7 4.5c-2 1-2 2-2 3.5m0 4v2",
    ),
    "normal": ("#1a7f37", "<circle cx='16' cy='16' r='15'/>", "M9 16.5l5 5 9-11"),
    "warning": ("#9a5b00", "<path d='M16 1l15.5 29H.5z'/>", "M16 11v9m0 4v2"),
    "error": (
        "#c0262d",
        "<rect x='1' y='1' width='30' height='30' rx='5'/>",
        "M10 10l12 12m0-12L10 22",
    ),
}


def render_site(page: SitePage, assets: Mapping[str, str]) -> str:
    """The text of the site's page; `assets` maps a static file's plain name to the name it has in `assets/`."""
    return _render("site.html", page, assets)


def render_stream(page: StreamPage, assets: Mapping[str, str]) -> str:
    """The text of a stream's page; `assets` as for `render_site`."""
    return _render("stream.html", page, assets)


def render_year(page: YearPage, assets: Mapping[str, str]) -> str:
    """The text of the page of a stream's year; `assets` as for `render_site`."""
    return _render("year.html", page, assets)


def render_night(page: NightPage, assets: Mapping[str, str]) -> str:
    """The text of a night's page; `assets` as for `render_site`."""
    return _render("night.html", page, assets)


def render_exposures(page: ExposuresPage, assets: Mapping[str, str]) -> str:
    """The text of a page of a night's exposures; `assets` as for `render_site`."""
    return _render("exposures.html", page, assets)


def render_pruned(page: PrunedPage, assets: Mapping[str, str]) -> str:
    """The text of a night's page that was pruned; `assets` as for `render_site`."""
    return _render("pruned.html", page, assets)


def render_glossary(page: GlossaryPage, assets: Mapping[str, str]) -> str:
    """The text of the glossary; `assets` as for `render_site`."""
    return _render("glossary.html", page, assets)


def render_moved(href: str) -> str:
    """The text of a page that leads on to another address, relative to it."""
    return environment().get_template("moved.html").render(href=href)


def render_latest(page: StreamPage, assets: Mapping[str, str]) -> str:
    """The text of `latest.html`, which leads to the newest night of a `StreamPage`; `assets` as for `render_site`."""
    return _render("latest.html", page, assets)


def _render(template: str, page: Page, assets: Mapping[str, str]) -> str:
    return environment().get_template(template).render(page=page, assets=assets)


def templates_dir() -> Path:
    """The directory of the templates: inside the package where it is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "templates", package.parent / "templates"):
        if (place / "base.html").is_file():
            return place
    raise FileNotFoundError(
        f"no templates in {package} nor beside it: is observing_monitor installed whole?"
    )


def template_files() -> list[Path]:
    """Return the files that pages are made of: templates, style sheet, script."""
    folder = templates_dir()
    patterns = ("**/*.html", "assets/*.css", "assets/js/*.js")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


_compiled: dict[
    str, bytes
] = {}  # by the key that jinja2 gives it: each template's code, as it has it, by which others know it again
_begun: list[
    Callable[[], dict[str, bytes] | None]
] = []  # what gives those that another process was asked for
_compiling = threading.Lock()


_PARTS = "findings numbers queues stages attention metrics images exposures previews files sources"
_MACROS = "charts entries exposures numbers sources status values words"
OF_NIGHT = [
    *(f"{name}.html" for name in ("base", "neighbours", "night", "exposures")),
    *(f"night/_{name}.html" for name in _PARTS.split()),
    *(f"macros/{name}.html" for name in _MACROS.split()),
]


def compiled(names: Iterable[str] = OF_NIGHT) -> dict[str, bytes]:
    """Templates compiled, for `take_compiled` of another process: a night's take 0.1 s, which is much for one night's page."""
    for name in names:
        with _compiling:
            environment().get_template(name)
    return dict(_compiled)  # to which another thread may add


def compile_all() -> None:
    """Compile all templates, a night's first."""
    compiled([*OF_NIGHT, *environment().list_templates(extensions=["html"])])


def begin_compiling() -> None:
    """Have a night's templates compiled by a process beside this one, for pages that are made soon, but not at once."""
    from observing_monitor.processes.parallel import start_process

    if not _compiled and not _begun:
        _begun.append(start_process(compiled))


def take_compiled(templates: Mapping[str, bytes]) -> None:
    """Take what another process has `compiled`; of a template that is another one here, or for another Python, nothing is used."""
    _compiled.update(templates)


@functools.cache
def environment() -> Environment:
    """The jinja2 environment of all pages: everything escaped, nothing undefined, our filters by their names."""
    import jinja2

    class Handed(jinja2.BytecodeCache):
        """The templates' code that this process was handed, and may hand on; on no disk, from where whoever writes could have us run it."""

        def load_bytecode(self, bucket: Bucket) -> None:
            if _begun:
                take_compiled(_begun.pop()() or {})
            if bucket.key in _compiled:
                bucket.bytecode_from_string(_compiled[bucket.key])

        def dump_bytecode(self, bucket: Bucket) -> None:
            _compiled[bucket.key] = bucket.bytecode_to_string()

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        bytecode_cache=Handed(),
        optimized=False,  # that is, not for constants, of which there are few: a tenth of the time of compiling
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    filters = (
        utc,
        iso,
        near,
        class_counts,
        count,
        of_bytes,
        seconds,
        percent,
        number,
        headline,
        dash,
        sign,
        icon,
        figure_json,
        drawn,
        filled,
    )
    made.filters |= {f.__name__: f for f in filters} | {"bytes": of_bytes}
    made.globals |= {f"{prefix}_columns": words for prefix, words in WORDS.items()}
    made.globals |= {"words_of": words_of, "classes_of": classes_of}
    return made


def drawn(values: Iterable[T], draw: Callable[[T], Markup]) -> list[Markup]:
    """What a macro makes of each value; of equal ones it is made once."""
    values = list(values)
    made = {value: draw(value) for value in dict.fromkeys(values)}
    return [made[value] for value in values]


def filled(pattern: Markup, cells: Iterable[Sequence[str]]) -> Markup:
    """A table's rows: a pattern as often as its columns have values, with these, escaped as everything is, for its `%s`, column by column.

    In a twentieth of the time that a loop takes which writes each cell.
    """
    from markupsafe import Markup

    rows = zip(*map(_escaped, cells), strict=True)
    return Markup("".join(map(str(pattern).__mod__, rows)))


def _escaped(texts: Sequence[str]) -> Sequence[str]:
    """Texts as they may stand in a page. Most need nothing, which is told of all at once."""
    from markupsafe import Markup, escape

    whole = "".join(texts)
    is_plain = whole.isprintable() and escape(whole) == whole
    return (
        texts
        if is_plain or set(map(type, texts)) == {Markup}
        else [escape(visible(text)) for text in texts]
    )


_COUNTED = [(c.name, f"n_{c.name}") for c in columns.CLASSES]


def class_counts(values: Summary) -> list[tuple[str, int]]:
    """How many of a night's files are in each class, in order: the class's name, or `nought` where none is, and the number."""
    return [(name if values[column] else "nought", values[column]) for name, column in _COUNTED]


def headline(value: float | None, described: Headline) -> str:
    """The value of a `Headline` in a night: completeness as a share, others with their unit."""
    return percent(value) if described.name == "completeness" else quantity(value, described.unit)


def sign(status: str) -> str:
    """The sign that stands beside a status' word."""
    return SIGNS[status]


def icon(status: str) -> str:
    """The tab's icon that tells a status by shape and colour: an SVG as a `data:` address."""
    colour, shape, stroke = _ICON_SHAPES[status]
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><g fill='{colour}'>{shape}</g>"
        f"<path d='{stroke}' fill='none' stroke='#fff' stroke-width='4' stroke-linecap='round'/></svg>"
    )
    return "data:image/svg+xml," + quote(svg, safe="/:='() ")


def figure_json(figure: Figure) -> Markup:
    """A figure as JSON that may stand inside a `<script>` element: no `<`, `>` or `&` in it, and null for NaN."""
    from jinja2.utils import htmlsafe_json_dumps

    dumps = functools.partial(
        htmlsafe_json_dumps, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    try:
        return dumps(figure)
    except ValueError:  # it has a number that JSON doesn't have
        return dumps(_finite(figure))


def _finite(value: Any) -> Any:
    """The same lists, dicts and values, with None for each number that JSON doesn't have."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
