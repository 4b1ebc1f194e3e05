"""The settings of a stream."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field, fields
from typing import Any

from observing_monitor.model.digest import digest
from observing_monitor.model.nights import NightRule
from observing_monitor.model.position import Position
from observing_monitor.processes.timelimit import LIMIT_S
from observing_monitor.settings.records import PreviewSettings
from observing_monitor.sources.registry import source_class, source_version

# Settings that change neither a judgement nor a page. Every other setting is part of the fingerprint.
WITHOUT_EFFECT = {
    "keep_pages_days": "only `prune` reads it",
    "keep_tables_days": "only `prune` reads it",
    "keep_previews_days": "only `prune` reads it",
    "prototype_urls": "the pages that redirect have a fingerprint of their own",
    "later": "each version of a stream has its own fingerprint",
}


@dataclass(frozen=True)
class DescribedSource:
    """A source as the settings describe it; made anew for every run, here or in another process."""

    name: str
    kind: str
    settings: Any  # the `Settings` of the source's own class
    time_limit_s: float = field(
        default=LIMIT_S, repr=False
    )  # no part of what a night's page follows from

    @property
    def place(self) -> str:
        """Where it reads, without any password."""
        return source_class(self.kind).place_of(self.settings)


@dataclass(frozen=True)
class Stream:
    """A stream, ready to be collected and shown."""

    name: str
    title: str
    rule: NightRule
    sources: tuple[DescribedSource, ...]
    stages: tuple[str, ...]  # in order; a file that passed `last_stage` is ingested
    last_stage: str  # "" where no source tells of any stage: then a file that is there is all that is wanted
    pending_limit_s: float
    small_bytes: int
    ignore: tuple[str, ...]
    delay_warning_s: float | None
    stale_after_s: float
    position: Position | None  # of the observatory; None where the settings don't tell it
    timezone: str  # the name of its zone; "" where the settings don't tell it
    folder: str  # where its pages are, below output_dir: "" for a stream without a settings file
    previews: PreviewSettings | None = None  # None where the stream asks for none
    prototype_urls: bool | str | None = (
        None  # None keeps them where the prototype's history was taken over, or its database lies
    )
    keep_pages_days: int | None = None  # None where the stream's table doesn't tell it
    keep_tables_days: int | None = None
    keep_previews_days: int | None = None
    later: tuple[
        tuple[datetime.date, Stream], ...
    ] = ()  # what it is from a night on, in order of these

    @property
    def versions(self) -> tuple[Stream, ...]:
        """The stream as it is described, and as it is from each night on of which the settings tell other thresholds: Streams."""
        return (self, *(stream for _, stream in self.later))

    def at(self, night: datetime.date) -> Stream:
        """The stream as its settings have it for a night: always one of `versions`."""
        return next((stream for first, stream in reversed(self.later) if first <= night), self)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Return a digest of every setting that may change a judgement or a page.

        A new field is part of it unless WITHOUT_EFFECT names it. It also covers the versions of
        the packages that sources come from: an upgrade may judge or word differently.
        """
        values = [
            (f.name, repr(getattr(self, f.name)))
            for f in fields(self)
            if f.name not in WITHOUT_EFFECT
        ]
        return digest([values, [source_version(source.kind) for source in self.sources]])
