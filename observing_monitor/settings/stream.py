"""A stream as the settings describe it, with everything checked."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from observing_monitor.model.digest import digest
from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position
from observing_monitor.processes.timelimit import LIMIT_S
from observing_monitor.readers.bounded import LIMITS, Limits
from observing_monitor.settings.records import DomeSettings, MeasureLimit, PreviewSettings
from observing_monitor.sources.registry import source_class, source_version

# settings that change neither a judgement nor a page; all others are part of the fingerprint
WITHOUT_EFFECT = {
    "keep_pages_days": "only `prune` reads it",
    "keep_tables_days": "only `prune` reads it",
    "keep_previews_days": "only `prune` reads it",
    "quiet_warning_s": "only tonight depends on it, and each run compares its findings",
    "quiet_error_s": "only tonight depends on it, and each run compares its findings",
    "prototype_urls": "the pages that redirect have a fingerprint of their own",
    "limits": "they change what is read, and a source's key has them",
    "later": "each version of a stream has its own fingerprint",
}


@dataclass(frozen=True)
class DescribedSource:
    """A source as the settings describe it.

    Each run, and each worker process, makes the source itself from it.
    """

    name: str
    kind: str
    settings: Any  # the `Settings` of the source's own class
    # not in the repr, which fingerprints are made of: no page depends on it
    time_limit_s: float = field(default=LIMIT_S, repr=False)

    @property
    def place(self) -> str:
        """The place that it reads, without any password."""
        return source_class(self.kind).place_of(self.settings)


class Stream(msgspec.Struct, frozen=True, dict=True):
    """A stream, ready to be collected and shown."""

    name: str
    title: str
    rule: NightRule
    sources: tuple[DescribedSource, ...]
    stages: tuple[str, ...]  # in order; a file that passed `last_stage` is ingested
    last_stage: str  # "" if no source reports a stage: then a file only has to exist
    pending_limit_s: float
    small_bytes: int
    ignore: tuple[str, ...]
    delay_warning_s: float | None
    quiet_warning_s: float | None  # None for the defaults of `quiet.limits_of`
    quiet_error_s: float | None
    stale_after_s: float
    position: Position | None  # of the observatory; None if it is not set
    timezone: str  # name of the observatory's time zone; "" if it is not set
    folder: str  # of its pages below output_dir; "" for a stream without a settings file
    previews: PreviewSettings | None = None  # None if there are none
    prototype_urls: bool | str | None = None  # None if it is not set
    keep_pages_days: int | None = None  # None if the stream's own table does not set it
    keep_tables_days: int | None = None
    keep_previews_days: int | None = None
    # of the use of a night
    twilight_deg: float = 12.0
    gap_min_s: float = 600.0
    readout_s: float = 0.0
    timeline: tuple[str, ...] = ()  # metrics below the exposures; those of others as STREAM/NAME
    measure_limits: tuple[MeasureLimit, ...] = ()  # the first one that fits an exposure counts
    image_quality: str = ""  # a measure
    dome: DomeSettings | None = None  # None if no metric says if it is open
    # proprietary facts of exposures: columns, months after the night or "released", and patterns
    hide: tuple[str, ...] = ()
    hide_until: Literal["released"] | int = "released"
    hide_programs: tuple[str, ...] = ()
    limits: Limits = LIMITS  # of lines, records and packed files
    # the stream as it is from a night on, in order of the nights
    later: tuple[tuple[datetime.date, Stream], ...] = ()

    @property
    def versions(self) -> tuple[Stream, ...]:
        """The stream before and after each of its dated changes."""
        return (self, *(stream for _, stream in self.later))

    def at(self, night: datetime.date) -> Stream:
        """Return the one of `versions` that a night has."""
        return next((stream for first, stream in reversed(self.later) if first <= night), self)

    @property
    def shown_metrics(self) -> tuple[str, ...]:
        """Metrics that its nights need, by name."""
        return (*self.timeline, self.dome.metric) if self.dome else self.timeline

    @property
    def names_measures(self) -> bool:
        """True if findings are about metrics it names."""
        return bool(self.measure_limits or self.image_quality or self.dome)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Return a digest of every setting that may change a judgement or a page.

        A new field is part of it unless WITHOUT_EFFECT names it. It also covers the versions of
        the packages that sources come from: an upgrade may judge or word differently.
        """
        values = [
            (name, repr(getattr(self, name)))
            for name in self.__struct_fields__
            if name not in WITHOUT_EFFECT
        ]
        return digest([values, [source_version(source.kind) for source in self.sources]])
