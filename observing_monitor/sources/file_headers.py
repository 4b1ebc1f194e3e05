"""The FITS headers of a file store: each is read once."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.errors import UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.reading import Counts
from observing_monitor.model.wording import n_of
from observing_monitor.processes.parallel import each_in_process
from observing_monitor.readers.fits_header import read_header_in_process
from observing_monitor.sources.shared import headers

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pandas import DataFrame, Series

    from observing_monitor.readers.fits_header import Answer, Value

    # size and time of a file, its keywords, and why they can't be read
    Kept = tuple[str, dict[str, Value], str]

VERSION = 1
FILE_S = 5.0  # for one header
MOST_TASKS = 500  # of one process: more is not worth a longer list of paths
BROKE_OFF = f"reading it took longer than {FILE_S:g} s, or broke off"
TO_COME = "still to be read"  # how `judging` knows a note on what is only late

log = logging.getLogger(__name__)


@dataclass
class Headers:
    """Facts about a night's exposures from their headers.

    Attributes
    ----------
    exposures : DataFrame
        Columns `columns.EXPOSURES`, one row per exposure.
    names : Series of str
        The exposure of each file whose header was read, by file_id.
    counts : Counts
        Headers that were read, and those that could not be.
    n_left : int
        Headers that later runs will read.
    remembered : bytes
        For the next reading.
    was_known : bool
        True if the last reading remembered any.
    """

    exposures: DataFrame
    names: dict[str, str]
    counts: Counts
    n_left: int
    remembered: bytes
    was_known: bool
    place: str = field(default="")

    @property
    def notes(self) -> list[str]:
        """A sentence on headers that are still to be read."""
        if not self.n_left:
            return []
        return [f"{self.place}: {n_of(self.n_left, 'header')} {TO_COME}; the next runs do that"]


class HeaderReader:
    """Reads the headers of new files, while there is time."""

    def __init__(
        self,
        own: bool | Mapping[str, Sequence[str]],
        types: Mapping[str, str],
        limit_s: float,
    ) -> None:
        self.words = headers.keywords(own)
        self.types = types
        self._wanted = headers.wanted(self.words)
        self._needed = headers.needed(self.words, own)
        self._left_s = limit_s
        if limit_s <= 0:
            raise UsageError(f"headers_s: {limit_s:g} s is no time; set at least 1")
        for word in types.values():
            if word not in columns.OBSERVATION_TYPES:
                known = ", ".join(columns.OBSERVATION_TYPES)
                raise UsageError(f"types: {word!r} is no type of exposures; known are {known}")
        text = json.dumps([VERSION, self._wanted, self._needed])
        self._key = hex_digest(text, n_bytes=8)

    @property
    def is_spent(self) -> bool:
        """True if this run has no more time to read headers."""
        return self._left_s <= 0

    def read(
        self,
        files: DataFrame,
        place: str,
        night: datetime.date,
        remembered: bytes | None,
        is_gone: Callable[[str], bool],
    ) -> Headers:
        """Return what the headers of a night's files have.

        One header per exposure is read, if names of files tell the exposure: of the first
        detector, or of the next if it cannot be read.

        Parameters
        ----------
        files
            The night's files, with columns of `columns.FILES`.
        place
            Their folder, for messages.
        night
            The night.
        remembered
            From the last reading.
        is_gone
            Asked about an earlier file that is not there: True if its exposure goes as well.
        """
        kept = self._remembered(remembered)
        was_known = bool(kept)
        images = files[(files["kind"] == "fits") & files["on_disk"]]
        keys = _keys(images)
        n_left = self._read_groups(_groups(images), keys, kept)
        there = {_name(file_id, key) for file_id, key in keys.items()}
        known = {
            file_id: one
            for file_id, one in sorted(kept.items())
            if keys.get(file_id) == one[0]
            # a file that was deleted; not one that moved
            or (file_id not in keys and not is_gone(file_id))
            and _name(file_id, one[0]) not in there
        }
        exposures, names = self._exposures(known, files)
        where = f"{place}, headers of night {night}"
        return Headers(
            exposures=exposures,
            names=names,
            counts=_counts(known),
            n_left=n_left,
            remembered=json.dumps({"key": self._key, "files": known}).encode(),
            was_known=was_known,
            place=where,
        )

    def _remembered(self, remembered: bytes | None) -> dict[str, Kept]:
        import msgspec

        try:
            kept = msgspec.json.decode(remembered or b"{}")
            if kept.get("key") == self._key:
                return {name: (one[0], one[1], one[2]) for name, one in kept["files"].items()}
        except (msgspec.DecodeError, AttributeError, KeyError, IndexError, TypeError):
            pass
        return {}

    def _read_groups(
        self,
        groups: Sequence[Sequence[tuple[str, str]]],
        keys: Mapping[str, str],
        kept: dict[str, Kept],
    ) -> int:
        """Read one header of each group; return how many wait."""

        def is_tried(file_id: str) -> bool:
            return file_id in kept and kept[file_id][0] == keys[file_id]

        while True:
            groups = [
                group
                for group in groups
                if not any(is_tried(name) and not kept[name][2] for name, _ in group)
            ]
            untried = (
                next((one for one in group if not is_tried(one[0])), None) for group in groups
            )
            tasks = [one for one in untried if one]
            if not tasks or self.is_spent:
                return len(tasks)
            for (file_id, _), (found, why) in self._answers(tasks):
                kept[file_id] = keys[file_id], found, why

    def _answers(
        self, tasks: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[tuple[str, str], Answer]]:
        """Yield (file_id, path) with its answer, until the time is over."""
        left = list(tasks)
        while left and not self.is_spent:
            batch = left[:MOST_TASKS]
            began, n_done = time.monotonic(), 0
            questions = [(path, self._wanted, self._needed) for _, path in batch]
            try:
                for answer in each_in_process(read_header_in_process, questions, FILE_S):
                    yield batch[n_done], answer
                    n_done += 1
                    if time.monotonic() - began > self._left_s:
                        break
                else:
                    if n_done < len(batch):
                        yield batch[n_done], ({}, BROKE_OFF)
                        n_done += 1
            except OSError as error:  # no process can start now
                log.warning("no header could be read: %s", os_error_text(error))
                self._left_s = 0
            self._left_s -= time.monotonic() - began
            left = left[n_done:]

    def _exposures(
        self, known: Mapping[str, Kept], files: DataFrame
    ) -> tuple[DataFrame, dict[str, str]]:
        """Return exposures, and the exposure of each file that was read."""
        ids = [file_id for file_id, one in known.items() if not one[2]]
        made = headers.to_exposures([known[file_id][1] for file_id in ids], self.words, self.types)
        own = files.drop_duplicates("file_id").set_index("file_id").reindex(ids)
        for fact in ("exposure", "obsid", "seq_num"):
            made[fact] = own[fact].reset_index(drop=True).fillna(made[fact])
        starts = made.groupby("obsid")["started_at"].transform("nunique")
        obsid = made["obsid"].where(starts <= 1)
        made["exposure"] = made["exposure"].fillna(obsid).fillna(_stems(ids))
        of_files = dict(zip(ids, made["exposure"].tolist(), strict=True))
        # several detectors of an exposure: the first with a value counts
        made["instrument"] = made["instrument"].fillna("")
        once = made.groupby(["exposure", "instrument"], as_index=False, sort=False).first()
        once["instrument"] = once["instrument"].where(once["instrument"] != "")
        return frames.frame(columns.EXPOSURES, once).drop(columns="source"), of_files


def _groups(images: DataFrame) -> list[list[tuple[str, str]]]:
    """Return the files of each exposure, newest first."""
    group = images["exposure"].fillna(images["obsid"]).fillna("\0" + images["file_id"])
    ordered = images.assign(group=group).sort_values(["detector", "file_id"], kind="stable")
    newest = ordered.groupby("group")["created_at"].max().sort_values(ascending=False)
    rows = ordered.groupby("group").indices
    ids, paths = ordered["file_id"].tolist(), ordered["path"].tolist()
    return [[(ids[row], paths[row]) for row in rows[name]] for name in newest.index]


def _name(file_id: str, key: str) -> tuple[str, str]:
    """Return what a file that moved keeps."""
    return file_id.rpartition("/")[2], key


def _stems(file_ids: Sequence[str]) -> Series[str]:
    """Return names without endings, and folders if needed."""
    whole = frames.texts([file_id.split(".fit")[0] for file_id in file_ids])
    short = frames.texts([name.rpartition("/")[2] for name in whole])
    return short.where(~short.duplicated(keep=False), whole)


def _keys(images: DataFrame) -> dict[str, str]:
    """Return the size and time of each file, by file_id."""
    sizes = images["size_bytes"].astype("str").fillna("")
    times = images["created_at"].astype("int64").astype("str")
    return dict(zip(images["file_id"].tolist(), (sizes + "-" + times).tolist(), strict=True))


def _counts(known: Mapping[str, Kept]) -> Counts:
    counts = Counts(len(known))
    for name, (_, _, why) in sorted(known.items()):
        if why:
            counts.leave_out(name, why)
    return counts
