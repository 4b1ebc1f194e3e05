"""What a page is made of, and the text it becomes: context dataclasses, filters, `render_*(context) -> str`.

A template takes one dataclass, and shows it; sorting, sums and dates are done before. Instants are aware datetimes in UTC,
durations seconds, `None` stands for "there is none" and is shown as –. What others wrote is escaped by the templates' environment, always.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar
from urllib.parse import quote

from observing_monitor import columns
from observing_monitor.columns import Column, Summary

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.bccache import Bucket
    from markupsafe import Markup
    from pandas import Series

    from observing_monitor.tables import FileFacts, StageCounts

T = TypeVar("T")
NOTHING = "–"
Json = dict[
    str, Any
]  # a part of a figure: its shape is plotly's, https://plotly.com/javascript/reference


class Figure(TypedDict):
    """A figure as plotly draws it."""

    data: list[Json]  # the traces
    layout: Json


@dataclass
class Link:
    """A link's words and its address, relative to the page."""

    text: str
    href: str


@dataclass
class Finding:
    """One sentence of what a check found, its level (normal, warning, error), and where on the page its rows are."""

    level: str
    text: str
    href: str = ""
    source: str = ""
    node: str = ""  # the one machine, band or queue that it speaks of: charts mark it
    anchor: str = ""  # its own address on the page, the same while only its numbers change
    acknowledged: str = ""  # why it is known and alarms no longer; the text says so too


@dataclass
class SourceLine:
    """One source of a stream: its name, what it is (kind and place), and its fault, if it has one, with since when."""

    name: str
    kind: str
    place: str
    problem: str = ""
    problem_since: datetime.datetime | None = None


@dataclass
class Chart:
    """A figure as plotly draws it, and what it says in words for those who can't see it."""

    chart_id: str  # the chart's address on its page
    title: str
    caption: str
    figure: Figure  # plain, JSON-able, without colours of the page's own theme


@dataclass
class NightRow:
    """A night's summary, by the names of `columns.NIGHTS`, and the address of its page."""

    href: str
    values: Summary


@dataclass
class FileRow:
    """One file, as the table of what needs attention shows it."""

    facts: FileFacts
    detail: str  # the whole message or traceback, "" where the reason is all, or the group has it


@dataclass
class ErrorGroup:
    """Files that need attention for the same reason."""

    anchor: str
    file_class: str
    words: str  # what is said of them all, with … for what differs
    n_files: int
    first_at: (
        datetime.datetime | None
    )  # when the first of them was tried, or had come where none was
    last_at: datetime.datetime | None
    detail: str  # the whole message of the first of them, "" where the words are all
    files: list[FileRow]  # of many, the first
    is_open: bool  # whether it is so small that it needs no click
    acknowledged: str = ""  # why they are known


@dataclass
class Preview:
    """A small picture of a file; `why` there is none, where `href` is empty."""

    label: str  # the exposure and detector, in words
    file_id: str
    exposure: str
    detector: str
    href: str
    width: int
    height: int
    why: str


@dataclass(frozen=True)
class Word:
    """A word of the pages, such as a column's head: what it means, and its address in the glossary."""

    name: str
    label: str
    meaning: str
    anchor: str


@dataclass
class WordGroup:
    """Words of the glossary that belong together."""

    title: str
    anchor: str
    note: str  # what holds for all of them; "" where nothing does
    words: list[Word]


@dataclass
class Headline:
    """A number of every night that the stream's sources put into the first row; its values stand beside those of `columns.NIGHTS`."""

    name: str
    label: str
    meaning: str = ""
    unit: str = ""
    anchor: str = "numbers"  # in the glossary


@dataclass
class MetricNode:
    """The latest value of a metric on one node."""

    node: str
    value: str  # as it is shown


@dataclass
class MetricGroup:
    """The latest values of one metric: of the whole, and node by node."""

    name: str
    value: str  # as it is shown; "" where there are nodes alone
    spread: str  # what the nodes' values are, in a few words; "" where there are none
    nodes: list[MetricNode]  # of many, the first
    n_nodes: int
    unit: str
    sampled_at: datetime.datetime | None  # the latest of them
    meaning: str = ""
    source: str = ""  # "" where all are of one source


@dataclass
class StageRow:
    """What became of a night's files in one stage."""

    counts: StageCounts
    anchor: str
    failures: list[QueueEntry]  # of many, the first; none where the page shows them elsewhere
    error_words: str = ""  # `2 files`


@dataclass
class QueueEntry:
    """One file in a queue, or one that failed: in what state, since when, and the whole of what was said of it."""

    path: str
    state: str
    since: datetime.datetime | None
    reason: str  # one line
    detail: str  # the whole message, "" where the reason is all
    destination: str


@dataclass
class Queue:
    """One queue: its entries that wait (or are in progress, or put off), and those that failed."""

    name: str
    anchor: str
    n_waiting: int
    n_errors: int
    waiting: list[QueueEntry]  # of many, the first
    errors: list[QueueEntry]
    error_words: str = ""  # `2 errors`


@dataclass
class ExposureTable:
    """Exposures as a page shows them, a list a column, for there may be thousands: text as it stands in the cells."""

    names: list[str]
    seq_nums: list[str]
    n_files: list[str]
    counts: list[
        tuple[tuple[str, int], ...]
    ]  # how many of its files are in which class, only those above 0
    created_at: list[str]  # the latest of its files, as `near` says it
    transferred_at: list[str]
    ingested_at: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def part(self, start: int, end: int | None = None) -> ExposureTable:
        """Those from one place up to another."""
        return ExposureTable(**{name: column[start:end] for name, column in vars(self).items()})


@dataclass
class Image:
    """An image that a system told of, written beside the page."""

    name: str
    node: str
    href: str
    sampled_at: datetime.datetime | None


@dataclass
class BarPart:
    """A part of a bar: its tone, and from where on it goes how far up, in the chart's own units."""

    tone: str
    y: float
    height: float


@dataclass
class Bar:
    """A night in a small chart."""

    x: float
    title: str  # what a hover tells
    parts: list[BarPart]
    mark: str  # the sign of the night's status; "" where all is well


@dataclass
class SmallChart:
    """A chart that needs no script: a bar a night, oldest first."""

    words: str  # the whole of it, for those who can't see it
    legend: list[Link]  # what the tones mean: words, tone
    bars: list[Bar]


@dataclass
class StreamCard:
    """A stream on the site's page: its newest night, and its recent nights, newest first."""

    stream: str  # as the heartbeat knows it
    name: str  # as people call it
    href: str
    status: str
    info: str
    trouble: str  # the worst that is wrong with it, in a few words; "" where all is well
    trouble_href: str  # where that stands
    latest: NightRow | None
    nights: list[NightRow]
    chart: SmallChart | None
    has_files: bool  # whether its sources tell of files at all
    has_ingest: bool  # whether a stage comes after arrival: without one a file that is there is all that is wanted
    headlines: list[Headline]


@dataclass
class Day:
    """A square of the calendar; without `href` there is no page of that night."""

    number: int  # of the month
    href: str
    status: str  # normal, warning or error; "empty" for a night that is well and has no file; "" without a page
    word: str  # the status as the square says it
    words: str  # and the whole of it


@dataclass
class Month:
    """A month of the calendar: weeks from Monday to Sunday, None where a day is another month's."""

    name: str  # March 2020
    anchor: str  # month-2020-03
    weeks: list[list[Day | None]]


@dataclass
class RollUp:
    """A month or a year in numbers, by the names of `columns.PERIODS`, and of the stream's headlines the median over its nights."""

    name: str
    href: str
    values: Summary


@dataclass
class Frame:
    """What every page has around its content."""

    title: str
    root: str  # the way from the page to the site's root: "" or "../"
    status: str  # normal, warning or error; "" where the page is about no night
    info: str  # the status in words; "" where all is well
    version: str  # of this program
    stream: str  # "" on the site's page
    stale_after_s: float  # older than this without a run, and the page warns
    name: str  # the page's own, in its folder
    made_of: str  # differs when the page does: the heartbeat tells that of the newest pages, so that they can renew themselves


@dataclass
class SitePage:
    """`index.html` over several streams."""

    frame: Frame
    line: str  # how many streams need attention, in words; "" where all are well
    troubled: list[StreamCard]  # these streams, the worst first
    streams: list[StreamCard]


@dataclass
class GlossaryPage:
    """`glossary.html`: what the words on all pages mean."""

    frame: Frame
    index: Link  # back to the site's page
    groups: list[WordGroup]


@dataclass
class StreamPage:
    """`index.html` of one stream: its nights, newest first, and charts over them, oldest first."""

    frame: Frame
    site: Link | None  # up to the site's page; None where there is one stream alone
    rule: str  # which instant belongs to which night, in words
    stage: str  # the stream's last stage: what "ingested" means here
    latest: NightRow | None
    nights: list[NightRow]  # the newest; all are on the pages of the years
    n_nights: int
    months: list[Month]  # the newest, in order
    years: list[RollUp]  # newest first
    charts: list[Chart]
    sources: list[SourceLine]
    data: list[Link]  # nights.json, nights.csv
    has_files: bool  # whether its sources tell of files at all
    has_ingest: bool
    headlines: list[Headline]


@dataclass
class YearPage:
    """`YYYY.html`: a year of one stream: its calendar, months in numbers, charts, and all its nights, newest first."""

    frame: Frame
    site: Link | None
    index: Link  # the stream's page
    previous: Link | None  # the year before
    next: Link | None
    year: str
    rule: str
    months: list[Month]
    periods: list[RollUp]  # its months, newest first
    total: RollUp
    nights: list[NightRow]
    charts: list[Chart]
    data: list[Link]
    has_files: bool
    has_ingest: bool
    headlines: list[Headline]


@dataclass
class OfNight:
    """What all pages of a night have: where they lead, which night it is, and its numbers."""

    frame: Frame
    site: Link | None
    index: Link  # the stream's page
    calendar: Link  # the night's month on the page of its year
    previous: Link | None  # older
    next: Link | None  # newer
    night: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    rule: str
    summary: Summary  # by the names of columns.NIGHTS
    headlines: list[Headline]
    has_ingest: bool  # whether a stage comes after arrival


@dataclass
class NightPage(OfNight):
    """`YYYY-MM-DD.html`: one night of one stream."""

    changed_at: datetime.datetime | None  # when the night's data last changed
    findings: list[Finding]  # worst first
    more_findings: list[Finding]  # those for which there is no room on top
    charts: list[Chart]
    attention: list[ErrorGroup]
    n_attention: int  # the files in them
    n_attention_groups: int  # of which `attention` may show only the first
    exposed: ExposureTable  # of many, the newest
    n_exposed: int
    exposures: str  # the page that has all of them; "" where this one has
    has_files: bool  # whether the stream's sources tell of files at all
    stages: list[StageRow]  # in order; none where there is one stage alone
    queues: list[Queue]
    images: list[Image]
    n_images: int
    metrics: list[MetricGroup]
    n_metrics: int  # of which `metrics` may show only the first
    notes: list[str]  # what was odd when the night was read: unreadable folders, vanished files
    sources: list[SourceLine]
    files_js: str  # the script with all files, loaded when wanted; "" where the night has none
    data: list[Link] = field(default_factory=list)  # YYYY-MM-DD.json, .csv
    previews: list[Preview] = field(default_factory=list)  # the newest exposure first
    previews_note: str = ""  # which are not among them


@dataclass
class ExposuresPage(OfNight):
    """`YYYY-MM-DD.exposures.html`, and further parts where one would be too long: a row an exposure, for nights that have many."""

    night_page: Link
    exposed: ExposureTable  # of this part, in the order of their creation
    n_exposed: int  # of all parts
    parts: list[
        Link
    ]  # all of them where there are several; without an address the one that this is


@dataclass
class PrunedPage(OfNight):
    """`YYYY-MM-DD.html` of a night whose page was pruned: what its row of the index tells."""

    pruned_at: datetime.datetime
    findings: list[Finding]  # worst first


Page = (
    SitePage | StreamPage | YearPage | NightPage | ExposuresPage | PrunedPage | GlossaryPage
)  # what a template is given


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

_GLOSSARY = (  # what the anchors of a group's words begin with, its title, what holds for all of them, the words
    (
        "status",
        "Status",
        "The worst that was found in a file rules its night, the worst night its stream, the worst stream the site.",
        columns.LEVELS,
    ),
    (
        "class",
        "What became of a file",
        "Every file is in exactly one class, the first of these that holds: they add up to all files. “Lost” is counted beside them.",
        (*columns.CLASSES, columns.LOST, columns.ARRIVED),
    ),
    ("night", "A night", "", columns.NIGHTS),
    ("period", "A month, or a year", "Sums over its nights, but for the delays.", columns.PERIODS),
    ("delay", "How late files were", "", columns.DELAYS),
    ("file", "A file", "", columns.FILE_LIST),
    ("exposure", "An exposure", "", columns.EXPOSURES),
    ("stage", "The stages", "The last attempt on a file counts.", columns.STAGES),
    ("queue", "The queues", "", columns.QUEUES),
    (
        "attempt",
        "How an attempt can end",
        "",
        [
            Column(name, "text", words[0].upper() + words[1:], name)
            for name, words in columns.STATUSES.items()
        ],
    ),
    ("number", "The systems’ own numbers", "", columns.NUMBERS),
    ("source", "The sources", "", columns.SOURCES),
)


def _words() -> dict[str, dict[str, Word]]:
    """All words that every site has, by group and name; a count of a class is explained where the class is, a column where it is first."""
    made: dict[str, dict[str, Word]] = {}
    known: dict[Column, Word] = {}
    for prefix, _, _, described in _GLOSSARY:
        if prefix == "night":
            known = {
                c: made["class"][c.name.removeprefix("n_")]
                for c in described
                if c.name.removeprefix("n_") in made["class"]
            }
        made[prefix] = {
            c.name: known.setdefault(c, Word(c.name, c.label, c.meaning, f"{prefix}-{c.name}"))
            for c in described
        }
    return made


WORDS = _words()


def words_of(prefix: str, has_ingest: bool) -> dict[str, Word]:
    """Words by their names; where no stage comes after arrival, none of ingest among them, and what had come has another word."""
    if has_ingest:
        return WORDS[prefix]
    kept = {
        name: word
        for name, word in WORDS[prefix].items()
        if not name.startswith(("ingest_", "last_ingest"))
    }
    arrived = {
        name: WORDS["class"][columns.ARRIVED.name]
        for name, word in kept.items()
        if word.anchor == "class-ingested"
    }
    return kept | arrived


def classes_of(has_ingest: bool) -> dict[str, Word]:
    """The classes of a file, in order: name -> word."""
    words = words_of("class", has_ingest)
    return {c.name: words[c.name] for c in columns.CLASSES}


def glossary_groups(told: list[Word]) -> list[WordGroup]:
    """The groups of the glossary; `told` are the words of the numbers that the streams' sources tell."""
    made = []
    for prefix, title, note, _ in _GLOSSARY:
        words = [word for word in WORDS[prefix].values() if word.anchor.startswith(f"{prefix}-")]
        made.append(WordGroup(title, prefix, note, words))
    if told:
        made.append(WordGroup("Numbers, by their sources", "numbers", "", told))
    return made


# Characters that change how others are shown, or can't be seen: directions of writing (U+202E turns gpj.exe around), joiners, tags.
_UNSEEN = "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{_UNSEEN}]")


def address(kind: str, words: str, taken: set[str]) -> str:
    """An address on a page for what is said in some words: `kind-` and these in plain letters, told apart from those `taken` (a set)."""
    plain = (
        re.sub(r"[^a-z0-9]+", "-", re.sub(r"\b\d[\d,.:]*", "", words.lower()))
        .strip("-")[:60]
        .rstrip("-")
    )
    made = first = f"{kind}-{plain or 'other'}"
    number = 1
    while made in taken:
        number += 1
        made = f"{first}-{number}"
    taken.add(made)
    return made


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
    package = Path(__file__).resolve().parent
    for place in (package / "templates", package.parent / "templates"):
        if (place / "base.html").is_file():
            return place
    raise FileNotFoundError(
        f"no templates in {package} nor beside it: is observing_monitor installed whole?"
    )


def template_files() -> list[Path]:
    """Return the files that pages are made of: templates, style sheet, script."""
    folder = templates_dir()
    patterns = ("*.html", "assets/*.css", "assets/js/*.js")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


_compiled: dict[
    str, bytes
] = {}  # by the key that jinja2 gives it: each template's code, as it has it, by which others know it again
_begun: list[
    Callable[[], dict[str, bytes] | None]
] = []  # what gives those that another process was asked for
_compiling = threading.Lock()


OF_NIGHT = ("_macros.html", "base.html", "night.html", "neighbours.html", "exposures.html")


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
    from observing_monitor.workers import beside

    if not _compiled and not _begun:
        _begun.append(beside(compiled))


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


def visible(value: T) -> T | str:
    """Text with its control characters as pictures of them, ⟨U+202E⟩ for the unseen, � for what is no character; other values as they are.

    A terminal's colour codes in a message would vanish, a NUL ends some parsers, half a surrogate pair (a file name that
    isn't UTF-8) can't be written at all, and a mark that turns the direction of writing around makes one name look like another.
    """
    if (
        not isinstance(value, str) or value.isprintable() or hasattr(value, "__html__")
    ):  # what is printable has none of them
        return value
    return _CONTROLS.sub(_picture, value)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20 or code == 0x7F:
        return chr(0x2400 + code) if code < 0x20 else "␡"
    return (
        "�"
        if 0x80 <= code < 0xA0 or 0xD800 <= code < 0xE000 or 0xFFFE <= code <= 0xFFFF
        else f"⟨U+{code:04X}⟩"
    )


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


def is_nothing(value: object) -> bool:
    """Whether a value stands for "there is none": None, "", NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, str | float) and (
        value == "" or value != value
    )  # an instant of pandas takes long to differ from text


def dash(value: T) -> T | str:
    """The value itself, or – where there is none."""
    return NOTHING if is_nothing(value) else value


def utc(value: datetime.datetime | None) -> str:
    """An instant as `2020-02-13 03:12:41`, in UTC."""
    if value is None or is_nothing(value):
        return NOTHING
    return (value if value.tzinfo is datetime.UTC else value.astimezone(datetime.UTC)).isoformat(
        " ", "seconds"
    )[:19]


def iso(value: datetime.datetime | None) -> str:
    """An instant for machines: `2020-02-13T03:12:41Z`."""
    return (
        ""
        if value is None or is_nothing(value)
        else f"{value.astimezone(datetime.UTC).isoformat('T', 'seconds')[:19]}Z"
    )


def near(value: datetime.datetime | None, night: str) -> str:
    """An instant without its year, `02-13 03:12:41`, where that is the year of the night (`YYYY-MM-DD`) beside it."""
    text = utc(value)
    return text[5:] if text[:5] == night[:5] else text


def all_near(values: Series[Any], night: str) -> list[str]:
    """What `near` says of each instant of a column, in a twentieth of the time."""
    year = night[:5]
    return [
        NOTHING if text is None else text[5:] if text.startswith(year) else text
        for text in columns.to_the_second(values)
    ]


def clock(value: datetime.datetime, night: str) -> str:
    """An instant to the minute as it is said of a night (`YYYY-MM-DD`): `03:12`, with its date where that is not the night's."""
    at = value.astimezone(datetime.UTC)
    days = (at.date() - datetime.date.fromisoformat(night)).days
    return f"{at:%H:%M}" if days in (0, 1) else f"{at:%Y-%m-%d %H:%M}"


_COUNTED = [(c.name, f"n_{c.name}") for c in columns.CLASSES]


def class_counts(values: Summary) -> list[tuple[str, int]]:
    """How many of a night's files are in each class, in order: the class's name, or `nought` where none is, and the number."""
    return [(name if values[column] else "nought", values[column]) for name, column in _COUNTED]


def count(value: float | None) -> str:
    """A whole number with its thousands grouped: `12,345`."""
    return NOTHING if value is None or is_nothing(value) else f"{int(value):,}"


def of_bytes(value: float | None) -> str:
    """A size in units of 1000: `95.1 kB`."""
    if value is None or is_nothing(value):
        return NOTHING
    size, unit = float(value), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if abs(size) < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def seconds(value: float | None) -> str:
    """A duration in the two largest units that tell it: `1.4 s`, `3 min 12 s`, `2 h 05 min`, `3 d 04 h`."""
    if value is None or is_nothing(value):
        return NOTHING
    minus, size = ("−", -value) if value < 0 else ("", value)
    if size < 9.95:
        return f"{minus}{size:.1f} s"
    whole = round(size)
    if whole < 60:
        return f"{minus}{whole} s"
    if whole < 3600:
        return f"{minus}{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{minus}{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{minus}{whole // 86_400:,} d {whole % 86_400 // 3600:02} h"


def n_of(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(value: float | None) -> str:
    """A share as `98.2 %`; never 100 % while anything lacks, never 0 % while there is some."""
    if value is None or is_nothing(value):
        return NOTHING
    tenths = round(value * 1000)
    tenths = min(tenths, 999) if value < 1 else tenths
    if value > 0 and tenths == 0:
        return "< 0.1 %"
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def number(value: float | None) -> str:
    """A number as it is read: whole ones grouped, others with six digits."""
    if value is None or is_nothing(value):
        return NOTHING
    if float(value).is_integer() and abs(value) < 1e16:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:,.{6 if abs(value) < 1e6 else 10}g}".replace("-", "−")


_SCALES = {"B/s": ("B/s", "kB/s", "MB/s", "GB/s", "TB/s")} | dict.fromkeys(
    ("B", "bytes"), ("bytes", "kB", "MB", "GB", "TB", "PB")
)


def scale(largest: float, unit: str) -> tuple[float, str]:
    """By what numbers of a unit are divided, so that the largest of them reads well, and the unit that they have then: `1e6, "MB/s"`."""
    if unit == "fraction":
        return 0.01, "%"
    by, names = 1.0, _SCALES.get(unit, (unit,))
    for larger in names[1:]:
        if abs(largest) / by < 999.95:
            break
        by, unit = by * 1000, larger
    return by, unit


def rounded(value: float) -> str:
    """A number to be compared with others: whole ones grouped, others with four digits."""
    whole = float(value).is_integer() or 1000 <= abs(value) < 1e15
    return number(round(value)) if whole else number(float(f"{value:.4g}"))


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit, as people say it: durations, sizes and shares by their own rules."""
    if value is None or is_nothing(value):
        return NOTHING
    said = {
        "s": seconds,
        "B": of_bytes,
        "bytes": of_bytes,
        "B/s": lambda v: f"{of_bytes(v)}/s",
        "fraction": percent,
    }.get(unit)
    return said(value) if said else f"{number(value)} {unit}".strip()


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
