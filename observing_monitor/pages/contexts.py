"""Records that templates receive.

Instants are aware and in UTC. A text is "" and an instant None if there is none.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import msgspec

from observing_monitor.charts.drawings import SkyMap, Timeline
from observing_monitor.charts.figure import Chart
from observing_monitor.model.columns import Summary
from observing_monitor.model.finding import Finding
from observing_monitor.pages.glossary import Word, WordGroup
from observing_monitor.pages.tables import Table
from observing_monitor.previews.preview import Preview
from observing_monitor.settings.headlines import Headline

# --- parts of several pages ----------------------------------------------------------------------


class Link(msgspec.Struct, frozen=True):
    """The words of a link and its relative address."""

    text: str
    href: str


class Frame(msgspec.Struct):
    """The frame around the content of a page."""

    title: str
    root: str  # way from the page to the site's root: "" or "../"
    status: str  # none, normal, warning or error; "" if the page is about no night
    info: str  # what is wrong
    version: str  # of this program
    stream: str  # "" on pages of the site
    stale_after_s: float  # the page warns if the last run is older
    name: str  # of the page, in its folder
    made_of: str  # fingerprint: an open page reloads itself if the heartbeat has another one


class Fact(msgspec.Struct):
    """A number with its word."""

    word: Word
    text: str


class LatestNight(msgspec.Struct):
    """The numbers and the page of a stream's newest night."""

    href: str
    values: Summary  # by the names of columns.NIGHTS
    delays: Table


class Day(msgspec.Struct):
    """A day of the calendar."""

    number: int  # of the month
    href: str  # "" if the night has no page
    status: str  # as of a night or, if all is well and there is no file, empty
    word: str  # the status as the square shows it
    words: str  # the status and what is wrong


class Month(msgspec.Struct):
    """A month of the calendar."""

    name: str  # March 2020
    anchor: str  # month-2020-03
    weeks: list[list[Day | None]]  # from Monday to Sunday; None is a day of another month


# --- the site and its streams --------------------------------------------------------------------


class BarPart(msgspec.Struct):
    """Part of a bar, in the chart's own units."""

    tone: str
    y: float  # its upper end, from the top
    height: float


class Bar(msgspec.Struct):
    """A night in a small chart."""

    x: float
    title: str
    parts: list[BarPart]
    mark: str  # sign of the night's status; "" if all is well


class SmallChart(msgspec.Struct):
    """A chart without a script: one bar per night."""

    words: str  # the whole chart, for those who cannot see it
    legend: list[Link]  # pairs of words and a tone
    bars: list[Bar]


class StreamCard(msgspec.Struct):
    """A stream on the page of the site."""

    stream: str  # its name in the heartbeat
    name: str  # its title
    href: str
    status: str
    info: str
    trouble: str  # the worst problem
    trouble_since: str  # since when data stopped, if that is the problem
    trouble_href: str  # where that is explained
    latest: LatestNight | None
    nights: Table  # the recent ones, newest first
    chart: SmallChart | None
    has_files: bool  # True if a source reports files
    has_ingest: bool  # True if a stage comes after arrival
    headlines: list[Headline]


class SitePage(msgspec.Struct):
    """`index.html` of several streams."""

    frame: Frame
    line: str  # how many streams need attention; "" if none does
    troubled: list[StreamCard]  # the streams that need attention, worst first
    streams: list[StreamCard]


class GlossaryPage(msgspec.Struct):
    """`glossary.html`."""

    frame: Frame
    index: Link  # page of the site
    groups: list[WordGroup]


class StreamPage(msgspec.Struct):
    """`index.html` of one stream."""

    frame: Frame
    since: str  # since when data stopped, if that is the worst problem
    site: Link | None  # page of the site; None if there is only one stream
    rule: str  # when nights begin and end
    stage: str  # the last stage, which "ingested" means
    latest: LatestNight | None
    nights: Table  # the newest; the pages of the years have all
    months: list[Month]  # the newest, oldest first
    years: Table  # newest first
    charts: list[Chart]  # over the nights, oldest first
    programs: Table  # those observed last; empty if none is known
    all_programs: Link | None  # page of all programs; None if none is known
    sources: Table
    rows: Table  # that the sources read and left out
    data: list[Link]  # nights.json, nights.csv
    has_files: bool  # True if a source reports files
    has_ingest: bool  # True if a stage comes after arrival
    headlines: list[Headline]


class YearPage(msgspec.Struct):
    """`YYYY.html`: one year of one stream."""

    frame: Frame
    site: Link | None
    index: Link  # page of the stream
    previous: Link | None  # the year before
    next: Link | None
    rule: str
    months: list[Month]
    periods: Table  # its months, newest first, and their total
    nights: Table  # newest first
    charts: list[Chart]
    data: list[Link]


class ProgramPage(msgspec.Struct):
    """`program-NAME.html`: one program of one stream."""

    frame: Frame
    site: Link | None
    index: Link  # page of the stream
    programs: Link  # page of all programs
    facts: list[Fact]
    charts: list[Chart]
    periods: list[Table]  # years and months, newest first; empty if there are few nights
    parts: list[Table]  # by filter and by target
    nights: Table  # newest first
    data: list[Link]  # CSV of its nights


class ProgramsPage(msgspec.Struct):
    """`programs.html`: the programs of one stream."""

    frame: Frame
    site: Link | None
    index: Link  # page of the stream
    note: str  # how many there are, and which have no page
    programs: Table
    data: list[Link]  # programs.json, programs.csv


# --- a night -------------------------------------------------------------------------------------


class ErrorGroup(msgspec.Struct):
    """Files that need attention for the same reason."""

    anchor: str
    file_class: str
    words: str  # the reason, with … for what differs from file to file
    n_files: int
    first_at: datetime.datetime | None  # first attempt; creation or arrival if there was none
    last_at: datetime.datetime | None
    detail: str  # full message of the first file; "" if `words` are all of it
    table: Table  # its first files
    acknowledged: str = ""  # why they are a known problem
    is_open: bool = False  # True if it is shown without a click


class ListedRows(msgspec.Struct):
    """Rows of findings, such as exposures that never came."""

    anchor: str
    label: str  # what they have in common, such as "never came"
    level: str  # of the findings
    words: str
    n_rows: int
    table: Table  # the first ones
    acknowledged: str = ""  # why they are a known problem
    is_open: bool = False  # True if it is shown without a click


class QueueEntry(msgspec.Struct):
    """A file in a queue, or one that failed."""

    path: str
    state: str
    since: datetime.datetime | None
    reason: str  # one line
    detail: str  # full message; "" if `reason` is all of it
    destination: str


class Queue(msgspec.Struct):
    """A queue: entries that wait, and those that failed."""

    name: str
    anchor: str
    n_waiting: int
    n_errors: int
    waiting: list[QueueEntry]  # the first ones
    errors: list[QueueEntry]  # the first ones
    error_words: str  # "2 errors"


class StageFailures(msgspec.Struct):
    """Files that failed in a stage."""

    name: str
    words: str  # "2 files"
    n_failed: int
    entries: list[QueueEntry]  # the first ones
    anchor: str = ""


class Image(msgspec.Struct):
    """An image that a system reported."""

    name: str
    node: str
    href: str
    sampled_at: datetime.datetime | None


class UsePart(msgspec.Struct):
    """Part of the bar that stands for a night."""

    css: str
    label: str
    words: str  # its length and share
    x: float  # percent of the bar
    width: float


class NightUsed(msgspec.Struct):
    """The section "Use of the night"."""

    facts: list[Fact]
    bar: list[UsePart]  # empty without twilights
    note: str  # which setting is missing, or up to when the night is known
    no_gaps: str  # sentence if there is no gap; "" if there are some, or it is unknown
    tables: list[Table]  # gaps, medians, exposures by type, filter, program, target


class OfNight(msgspec.Struct):
    """The part that all pages of a night have."""

    frame: Frame
    site: Link | None
    index: Link  # page of the stream
    calendar: Link  # the night's month on the page of its year
    previous: Link | None  # older
    next: Link | None  # newer
    night: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    rule: str
    summary: Summary  # by the names of columns.NIGHTS
    delays: Table
    headlines: list[Headline]
    has_ingest: bool  # True if a stage comes after arrival


class NightPage(OfNight):
    """`YYYY-MM-DD.html`: one night of one stream."""

    changed_at: datetime.datetime | None  # when the night's data last changed
    findings: list[Finding]  # worst first
    more_findings: list[Finding]  # those that are folded away
    charts: list[Chart]
    attention: list[ErrorGroup]  # the first groups
    n_attention: int  # files of all groups
    n_attention_groups: int
    exposed: Table  # the newest exposures
    n_exposed: int
    exposures: str  # page that has all exposures; "" if this one has
    log: str  # heading of an observing log; "" if exposures are known from files alone
    is_newest_first: bool  # the log
    unlogged: Table  # files of no exposure in the log
    has_files: bool  # True if a source of the stream reports files
    is_unread: bool  # True if a source of the stream could not be read
    stages: Table  # empty if there is only one stage
    failures: list[StageFailures]
    queues: list[Queue]
    images: list[Image]  # the first ones
    n_images: int
    metrics: Table  # the first ones
    n_metrics: int
    notes: list[str]  # problems of reading the night, such as unreadable folders
    sources: Table
    files_js: str  # script with all files; "" if the night has none
    log_js: str = ""  # script with the observing log; "" if there is none
    data: list[Link] = []  # YYYY-MM-DD.json, .csv
    previews: Sequence[Preview] = []  # newest exposure first
    previews_note: str = ""  # which files have no preview
    listed: list[ListedRows] = []  # rows of findings, the worst first
    remarked: list[ListedRows] = []  # rows of findings that are no fault
    use: NightUsed | None = None  # None if no exposure is known
    timeline: Timeline | None = None
    sky_map: SkyMap | None = None
    hidden_note: str = ""  # which facts of exposures are hidden, and until when; "" if none are


class ExposuresPage(OfNight):
    """`YYYY-MM-DD.exposures.html` and further parts: all exposures."""

    night_page: Link
    exposed: Table  # of this part, in order of time
    log: str  # heading of an observing log; "" if exposures are known from files alone
    n_exposed: int  # of all parts
    parts: list[Link]  # all parts if there are several; this one without an address
    hidden_note: str = ""  # which facts of exposures are hidden, and until when; "" if none are


class PrunedPage(OfNight):
    """`YYYY-MM-DD.html` of a pruned night."""

    pruned_at: datetime.datetime
    findings: list[Finding]  # worst first


Page = (
    SitePage
    | StreamPage
    | YearPage
    | ProgramPage
    | ProgramsPage
    | NightPage
    | ExposuresPage
    | PrunedPage
    | GlossaryPage
)
