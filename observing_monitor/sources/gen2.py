"""Gen2 Butler repositories.

The source reads which raws a registry has, and when each was linked. The registry has neither
paths nor times of ingest. Both come from the links below `raw/`, whose names give exposure and
detector (see `gen2_links`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import night_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.listing import shown_all
from observing_monitor.readers.patterns import Pattern
from observing_monitor.readers.tree import NightTree
from observing_monitor.sources.base import Telling
from observing_monitor.sources.gen2_attempts import join_raws, to_attempts
from observing_monitor.sources.gen2_exposures import check_zone, to_exposures
from observing_monitor.sources.gen2_links import RAW, links_below
from observing_monitor.sources.gen2_registry import Gen2Registry
from observing_monitor.sources.shared.night_imports import NIGHT_IMPORTS

if TYPE_CHECKING:
    import datetime

    from pandas import DataFrame

    from observing_monitor.model.reading import Known
    from observing_monitor.readers.listing import Listing
    from observing_monitor.sources.base import Asked


class Gen2Repository(Telling):
    """The raws of a registry, and all links."""

    looks_at_all = True

    @dataclass
    class Settings:
        """Settings of a source of type `gen2`."""

        path: Path = setting(
            REQUIRED,
            "Repository: the folder with `registry.sqlite3` and `raw/`.",
            example="/data/auxTel/gen2repo",
        )
        query_links: bool = setting(
            False,
            "With `true`, links of a night's raws are looked for in all of `raw/`. Set it if "
            "`raw/` is not organised by night.",
        )
        raw_pattern: str = setting(
            RAW, "Regular expression for the names of links, with groups exposure and detector."
        )
        zone: str = setting(
            "TAI",
            "Time zone of `dateObs` in the registry, or `TAI`, as obs_lsst writes it.",
            example="UTC",
        )

    @staticmethod
    def stages_of(settings: Gen2Repository.Settings) -> tuple[str, ...]:
        """Return the stage `ingest`."""
        return ("ingest",)

    @staticmethod
    def place_of(settings: Gen2Repository.Settings) -> str:
        """Return the repository."""
        return str(settings.path)

    def __init__(self, settings: Gen2Repository.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "gen2"
        self.registry = Gen2Registry(settings.path / "registry.sqlite3", asked.rule)
        self.tree = NightTree(settings.path / "raw", asked.rule, "repository's raw/ directory")
        check_zone(settings.zone)
        self.pattern = Pattern("raw_pattern", settings.raw_pattern, "exposure", "detector")
        # with query_links: read once for all nights
        self._all_links: DataFrame | None = None

    def nights(self) -> set[datetime.date]:
        """Return the nights of the raws and of the links' folders."""
        if not self.settings.query_links:
            return set(self.tree.night_folders()) | self.registry.nights()
        return self.registry.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return digests of the night's links and rows.

        The links of a settled night are not listed while its folders' times stay the same, and
        the registry is not asked while its file does.
        """
        registry = self.registry.state()
        if self.settings.query_links:
            return {"registry": registry, "digest": self.tree.digest()}
        folders = self.tree.night_folders().get(night, [])
        before = (known or {}).get("glance", {})
        if before and set(folders) <= set(before["folders"]):
            times = self.tree.folder_times(before["folders"])
            newest = max((ns for ns in times.values() if ns is not None), default=0)
            if times == before["folders"] and self.asked.is_settled(night, newest):
                is_same = registry == before["registry"]
                rows = known["rows"] if is_same else self.registry.digest(night)
                return {**known, "glance": {**before, "registry": registry}, "rows": rows}
            if times != before["folders"]:
                self.tree.begin(night, before.get("n_files", 0), NIGHT_IMPORTS)
        listing = self.tree.list_night(night)
        is_same = before and registry == before["registry"] and not self.asked.look_at_everything
        return {
            "glance": {"registry": registry, "folders": listing.folders, "n_files": len(listing)},
            "digest": self.tree.digest(night),
            "rows": known["rows"] if is_same else self.registry.digest(night),
        }

    def read(self, night: datetime.date) -> Reading:
        """Return exposures, and an attempt per raw and per link without a raw."""
        listing = self.tree.list_all() if self.settings.query_links else self.tree.list_night(night)
        self._refuse_unread(listing, night)
        notes = list(listing.notes)
        n_raws = self.registry.n_raws(night)
        counts = {f"{self.registry.path}, night {night}": Counts(n_raws)}
        if not len(listing) and not n_raws:
            self.tree.forget(night)
            return Reading(
                attempts=frames.empty(columns.ATTEMPTS),
                exposures=frames.empty(columns.EXPOSURES),
                notes=notes,
                counts=counts,
            )
        raws = self.registry.raws_of(night)
        exposures = to_exposures(*self.registry.exposures_of(night), self.settings.zone)
        self.tree.forget(night)
        self.registry.forget()
        if len(raws) and not self.settings.query_links and not self.tree.night_folders():
            words = "no folder is named after a night; if raws lie by run, set query_links"
            notes.append(f"{self.tree.root}: {words}")
        links = self._links(listing, night)
        counts |= self._count_links(listing, links, night)
        both = join_raws(raws, links)
        notes += self.pattern.take_notes()
        if self.settings.query_links:
            both = self._without_other_nights(both, night)
        return Reading(
            attempts=to_attempts(both),
            exposures=exposures,
            notes=notes,
            counts=counts,
            without_effect=self.pattern.flaws(),
        )

    def _count_links(
        self, listing: Listing, links: DataFrame, night: datetime.date
    ) -> dict[str, Counts]:
        """Count the links, and FITS files that `raw_pattern` does not match."""
        place = self.tree.root
        folders: tuple[str, ...] = ("",)
        if not self.settings.query_links:
            place = f"{place}, night {night}"
            folders = tuple(folder + "/" for folder in self.tree.night_folders().get(night, []))
        counts = Counts(len(links))
        if len(links) < len(listing):
            known = set(links["link"])
            for path in shown_all(listing.paths):
                is_fits = names.kind_of(path.rpartition("/")[2]) == "fits"
                if is_fits and path.startswith(folders) and f"raw/{path}" not in known:
                    counts.n_read += 1
                    counts.leave_out(path, "raw_pattern finds no exposure and detector in its name")
        return {place: counts}

    def _refuse_unread(self, listing: Listing, night: datetime.date) -> None:
        """Raise SourceError if a folder with links was not listed.

        Otherwise their raws would be reported as lost.
        """
        folders = [""] if self.settings.query_links else self.tree.night_folders().get(night, [])
        for folder in listing.unread:
            if any(not own or folder == own or folder.startswith(own + "/") for own in folders):
                place = shown_all([os.path.join(self.tree.root, folder)])[0]
                words = "can't be listed; the links below it stay as last seen"
                remedy = "let the user that runs this read it"
                raise SourceError(f"{place}: {words}, {remedy}")

    def _links(self, listing: Listing, night: datetime.date) -> DataFrame:
        """Return the links that may be the night's.

        The columns are those of `links_below`.
        """
        if not self.settings.query_links:
            # without those directly below raw/: their own times are not the night's
            folders = tuple(folder + "/" for folder in self.tree.night_folders().get(night, []))
            return links_below(listing, self.pattern, folders)
        if self._all_links is None:
            self._all_links = links_below(listing, self.pattern, ("",))
        return self._all_links

    def _without_other_nights(self, both: DataFrame, night: datetime.date) -> DataFrame:
        """Return the rows without the links of other nights.

        A link is of another night if its name or its time says so, or the registry has its raw
        there.
        """
        import numpy as np

        loose = both[~both["is_registered"]]
        exposures, linked = loose["exposure"].tolist(), loose["linked_at"].array.asi8.tolist()
        is_of_night = [
            self._night_of(exposure, us * 1000) == night
            for exposure, us in zip(exposures, linked, strict=True)
        ]
        loose = loose[np.array(is_of_night, dtype=bool)]
        known = self.registry.keys_of(loose["exposure"])
        keys = zip(loose["exposure"].tolist(), loose["detector_number"].tolist(), strict=True)
        loose = loose[np.array([key not in known for key in keys], dtype=bool)]
        return both.loc[both["is_registered"] | both.index.isin(loose.index)].reset_index(drop=True)

    def _night_of(self, exposure: str, linked_ns: int) -> datetime.date | None:
        """Return the night of an exposure, else of the link."""
        try:
            # controllers other than the telescope's own write 3018 for 2018
            return night_named("2" + exposure[1:8]) or self.asked.rule.night_of_ns(linked_ns)
        except OverflowError:
            return None
