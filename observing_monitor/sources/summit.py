"""What the summit of the Rubin Observatory says while it sends images: ends of readout, and the object store's notices.

An end of readout is a message {"imageName", "imageDate", "timestampEndOfReadout" (unix seconds, TAI), "requestedExposureTime",
"additionalKeys", "additionalValues" …}; a notice is S3's {"Records": [{"eventTime", "eventName", "s3": {"bucket", "object"}}]}
(lsst-dm/data_transfer_monitoring). They are read from JSON files: one message each, a list of them, or a message a line.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from observing_monitor.model import columns, frames, names
from observing_monitor.model.nights import (
    EPOCH,
    ONE_DAY,
    TAI_MINUS_UTC_S,
    iso_utc,
    night_named,
    parse_utc,
)
from observing_monitor.model.reading import Reading
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.readers.tree import NightTree, shown_all
from observing_monitor.sources.base import Telling
from observing_monitor.sources.expectations import (
    Expectations,
    as_of,
    as_of_row,
    compare,
    documents,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.readers.tree import Entry
    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.expectations import Document


Told = tuple[
    datetime.datetime, str, Any, bool
]  # of an object: when, its bucket, its size, whether it is there

MAX_BYTES = 64 * 2**20  # of one file of messages
_DAY = re.compile(r"(?:^|[_/])((?:19|20)\d{6})(?=[_/])")


class SummitMessages(Telling):
    """The objects that notices tell of, as files, and the exposures that were read out, as what is expected."""

    meanings = {
        "n_readouts": "Exposures that were read out",
        "n_readouts_missing": "Of these, exposures of which no image came",
    }

    @dataclass
    class Settings:
        path: Path  # the directory with the messages, at any depth; a folder named after a night holds the night's
        endings: list[str] = field(
            default_factory=lambda: [".json", ".jsonl"]
        )  # of the files' names
        kinds: list[str] = field(
            default_factory=lambda: ["fits"]
        )  # the kinds of objects that are images
        wait_s: float = 1800  # an exposure that was read out less long ago is on its way
        level: Literal["normal", "warning", "error"] = (
            "warning"  # what it is when no image of an exposure came
        )

    @staticmethod
    def stages_of(settings: SummitMessages.Settings) -> tuple[str, ...]:
        return ()

    @staticmethod
    def place_of(settings: SummitMessages.Settings) -> str:
        return str(settings.path)

    @staticmethod
    def headlines(settings: SummitMessages.Settings) -> tuple[str, ...]:
        return ("n_readouts", "n_readouts_missing")

    def __init__(self, settings: SummitMessages.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "summit"
        self.tree = NightTree(settings.path, asked.rule, "folder of messages")

    def nights(self) -> set[datetime.date]:
        return self.tree.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """A digest of the numbers of the files that may hold the night's messages, and the time in coarse steps."""
        text = repr([tuple(entry) for entry in self._entries(night, [])])
        return {
            "as_of": as_of(self.asked, night, self.settings.wait_s)[0],
            "digest": hashlib.blake2b(text.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        }

    def read(self, night: datetime.date) -> Reading:
        """The night's objects and exposures, by the day in their names, whenever they were told of."""
        notes: list[str] = []
        readouts: dict[str, Any] = {}
        objects: dict[str, Told] = {}
        entries = self._entries(night, notes)
        for entry, shown in zip(entries, shown_all([entry.path for entry in entries]), strict=True):
            where = f"{self.settings.path}/{shown}"
            for message in self._messages(os.path.join(self.tree.root, entry.path), where, notes):
                try:
                    if isinstance(message, dict) and "Records" in message:
                        for key, told in self._objects_of(message, night):
                            if (
                                key not in objects or objects[key][0] <= told[0]
                            ):  # notices come in any order: the latest counts
                                objects[key] = told
                    else:
                        readouts |= _readout_of(message, night)
                except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                    notes.append(
                        f"{where}: a message makes no sense ({type(error).__name__}: {str(error)[:100]}); left out"
                    )
        rows: list[Document] = [as_of_row(self.asked, night, self.settings.wait_s)]
        for name, (at, seconds, facts) in readouts.items():
            rows.append(("expected_exposures", name, iso_utc(at), seconds, name))
            rows.append(
                (
                    "end_of_readout",
                    name,
                    iso_utc(at),
                    seconds,
                    "\n".join(f"{key}: {value}" for key, value in facts.items()),
                )
            )
        return Reading(
            files=_files(objects, {name: readout[0] for name, readout in readouts.items()}),
            metrics=documents(rows),
            notes=notes,
        )

    @staticmethod
    def numbers(
        night: datetime.date, tables: Tables, settings: SummitMessages.Settings
    ) -> dict[str, float | None]:
        """How many exposures were read out, and of how many of them no image came."""
        judged = compare(tables, _expectations(settings))
        return (
            {"n_readouts": judged.n_listed, "n_readouts_missing": len(judged.never)}
            if judged.is_known
            else {}
        )

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: SummitMessages.Settings
    ) -> list[Finding]:
        """The exposures that were read out, and of which no image came."""
        return Expectations.check(night, tables, _expectations(settings))

    def _entries(self, night: datetime.date, notes: list[str]) -> list[Entry]:
        """The files of the night and of the next, for a message may come late."""
        entries: dict[str, Entry] = {}
        for day in (night, night + ONE_DAY):
            listing = self.tree.list_night(day)
            entries |= {
                entry.path: entry
                for entry in listing.entries
                if entry.path.endswith(tuple(self.settings.endings))
            }
            notes.extend(note for note in listing.notes if note not in notes)
        return [entries[path] for path in sorted(entries)]

    def _messages(self, path: str, where: str, notes: list[str]) -> list[dict[str, Any]]:
        """The messages of a file; what can't be read is noted."""
        try:
            with open_plain(path, [self.tree.root]) as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError(f"larger than {MAX_BYTES >> 20} MB")
            text = data.decode("utf-8-sig")
        except (OSError, ValueError) as error:
            notes.append(
                f"{where}: {getattr(error, 'strerror', None) or error}; its messages are not known"
            )
            return []
        try:
            told = parse_json(text)
            return told if isinstance(told, list) else [told]
        except RecursionError:
            notes.append(f"{where}: is no message; left out")
            return []
        except ValueError:
            return self._lines(text, where, notes)

    @staticmethod
    def _lines(text: str, where: str, notes: list[str]) -> list[dict[str, Any]]:
        messages = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                messages += [parse_json(line)] if line.strip() else []
            except (ValueError, RecursionError):
                notes.append(f"{where}: line {number} is no whole JSON; left out")
                if not messages:  # not a file of lines at all
                    break
        return messages

    def _objects_of(
        self, message: Mapping[str, Any], night: datetime.date
    ) -> list[tuple[str, Told]]:
        """What a notice tells of objects of the night: their keys, and of each a `Told`."""
        objects = []
        for record in message["Records"]:
            bucket, told = record["s3"]["bucket"]["name"], record["s3"]["object"]
            key, at = urllib.parse.unquote_plus(told["key"]), parse_utc(record["eventTime"])
            found = _DAY.search(key)
            if (night_named(found[1]) if found else self.asked.rule.night_of(at)) == night:
                is_there = not record["eventName"].removeprefix("s3:").startswith("ObjectRemoved")
                objects.append((key, (at, bucket, told.get("size"), is_there)))
        return objects


def _readout_of(message: Mapping[str, Any], night: datetime.date) -> dict[str, Any]:
    """The exposure of an end of readout, if it is of the night: obsid -> (when it ended, exposure time in s, what else is said)."""
    if night_named(str(message["imageDate"])) != night:
        return {}
    at = EPOCH + datetime.timedelta(
        seconds=float(message["timestampEndOfReadout"]) - TAI_MINUS_UTC_S
    )
    seconds = message.get("requestedExposureTime")
    facts = dict(
        zip(
            split_escaped(message.get("additionalKeys") or ""),
            split_escaped(message.get("additionalValues") or ""),
            strict=False,
        )
    )
    return {str(message["imageName"]): (at, None if seconds is None else float(seconds), facts)}


def split_escaped(text: str) -> list[str]:
    r"""The parts of a list that is joined by colons, in which `\:` is a colon: times are written so."""
    return (
        [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:^|:)((?:[^:\\]|\\.)*)", text)]
        if text
        else []
    )


def _expectations(settings: SummitMessages.Settings) -> Expectations.Settings:
    return Expectations.Settings(
        exposures=settings.path, kinds=settings.kinds, wait_s=settings.wait_s, level=settings.level
    )


def _files(objects: Mapping[str, Told], ended_at: Mapping[str, datetime.datetime]) -> DataFrame:
    """Objects as files; created at the end of their exposure's readout, where that is known."""
    import pandas as pd

    keys = pd.Series(list(objects), dtype="str")
    name = names.last_parts(keys)
    told = names.read_names(name)
    return frames.frame(
        columns.FILES,
        {
            "file_id": keys,
            "name": name,
            "path": [f"s3://{bucket}/{key}" for key, (_, bucket, _, _) in objects.items()],
            "kind": name.map(names.kind_of),
            "size_bytes": frames.whole_numbers(
                pd.Series([size for _, _, size, _ in objects.values()], dtype="object")
            ),
            "created_at": pd.to_datetime(told["obsid"].map(ended_at), utc=True),
            "transferred_at": pd.to_datetime(
                pd.Series([at for at, _, _, _ in objects.values()]), utc=True
            ),
            "on_disk": [is_there for _, _, _, is_there in objects.values()],
            **{str(column): values for column, values in told.items()},
        },
    )
