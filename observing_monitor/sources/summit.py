"""The Rubin summit's messages: ends of readout, and object-store notices.

An end of readout is a message {"imageName", "imageDate", "timestampEndOfReadout" (unix seconds,
TAI), "requestedExposureTime", "additionalKeys", "additionalValues" …}. A notice is S3's {"Records":
[{"eventTime", "eventName", "s3": {"bucket", "object"}}]} (lsst-dm/data_transfer_monitoring). They
are read from JSON files with one message, a list of messages, or one message per line.
"""

from __future__ import annotations

import datetime
import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from observing_monitor.errors import SourceError
from observing_monitor.model import columns, frames, names
from observing_monitor.model.digest import hex_digest
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import (
    EPOCH,
    ONE_DAY,
    TAI_MINUS_UTC_S,
    iso_utc,
    night_named,
    parse_utc,
)
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.listing import shown_all
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.readers.tree import NightTree
from observing_monitor.sources.base import Telling
from observing_monitor.sources.expected_compare import compare
from observing_monitor.sources.expected_findings import findings
from observing_monitor.sources.expected_rows import TextRow, as_of, as_of_row, text_metrics
from observing_monitor.sources.expected_settings import ExpectedSettings
from observing_monitor.sources.shared.to_tables import in_doubt
from observing_monitor.sources.summit_exposures import Readout, to_exposures

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.readers.listing import Entry
    from observing_monitor.sources.base import Asked


# of one file of messages
MAX_BYTES = 64 * 2**20
_DAY = re.compile(r"(?:^|[_/])((?:19|20)\d{6})(?=[_/])")


class ObjectState(NamedTuple):
    """The state of an object, from a notice."""

    at: datetime.datetime
    bucket: str
    size: Any
    exists: bool


class SummitMessages(Telling):
    """Files from the notices, and expected exposures from the ends of readout."""

    meanings = {
        "n_readouts": "Exposures that were read out",
        "n_readouts_missing": "Of these, exposures of which no image came",
    }

    @dataclass
    class Settings:
        """Settings of a source of type `summit`."""

        path: Path = setting(
            REQUIRED,
            "Folder with the messages, at any depth. A folder named after a night holds its "
            "messages.",
            example="/data/messages",
        )
        endings: list[str] = setting(
            [".json", ".jsonl"], "Endings of the names of the files to read."
        )
        kinds: list[str] = setting(
            ["fits"], "Kinds of objects that are images.", affects_reading=False
        )
        wait_s: float = setting(
            1800, "An exposure that was read out less long ago is on its way, not missing."
        )
        level: Literal["normal", "warning", "error"] = setting(
            "warning",
            "Level of the finding on exposures of which no image came.",
            affects_reading=False,
        )

    @staticmethod
    def stages_of(settings: SummitMessages.Settings) -> tuple[str, ...]:
        """Return no stages: notices report files only."""
        return ()

    @staticmethod
    def place_of(settings: SummitMessages.Settings) -> str:
        """Return the folder."""
        return str(settings.path)

    @staticmethod
    def headlines(settings: SummitMessages.Settings) -> tuple[str, ...]:
        """Return the numbers of exposures read out, and of those without image."""
        return ("n_readouts", "n_readouts_missing")

    def __init__(self, settings: SummitMessages.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "summit"
        self.tree = NightTree(settings.path, asked.rule, "folder of messages")

    def nights(self) -> set[datetime.date]:
        """Return the nights of the folders and files."""
        return self.tree.nights()

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return a digest of the messages' files, and the time in steps."""
        self._refuse_purged(night, known)
        text = repr([tuple(entry) for entry in self._entries(night, [])])
        return {
            "glance": {"folders": self.tree.night_folders().get(night, [])},
            "as_of": as_of(self.asked, night, self.settings.wait_s)[0],
            "digest": hex_digest(text, n_bytes=64, errors="surrogatepass")[:32],
        }

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        if "path" not in changed:
            self._refuse_purged(night, earlier)
        return self.look(night, None)

    def _refuse_purged(self, night: datetime.date, known: Known) -> None:
        """Raise SourceError if the night had folders and has none."""
        had = (known or {}).get("glance", {}).get("folders")
        if had and not self.tree.night_folders().get(night):
            words = "the night's folder is no longer there; its messages stay as last seen"
            raise SourceError(f"{self.tree.root}: {words}")

    def read(self, night: datetime.date) -> Reading:
        """Return the night's objects, and the exposures that were read out.

        The day in their names counts, however late the message came.
        """
        notes: list[str] = []
        readouts: dict[str, Readout] = {}
        objects: dict[str, ObjectState] = {}
        for day in (night, night + ONE_DAY):
            if fault := self.tree.fault_of(day):
                raise SourceError(fault)
        found, counts = self._all_messages(night, notes)
        for where, of_day, message in found:
            try:
                if isinstance(message, dict) and "Records" in message:
                    for key, state in self._objects_in(message, night):
                        # notices come in any order: the latest counts
                        if key not in objects or objects[key].at <= state.at:
                            objects[key] = state
                else:
                    readouts |= _readout_of(message, night)
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                of_day.leave_out(where, f"a message makes no sense ({_flaw(error)})")
                notes.append(f"{where}: a message makes no sense ({_flaw(error)}); left out")
        rows: list[TextRow] = [as_of_row(self.asked, night, self.settings.wait_s)]
        for name, readout in readouts.items():
            at, seconds = iso_utc(readout.ended_at), readout.exposure_s
            facts = "\n".join(f"{key}: {value}" for key, value in readout.facts.items())
            rows.append(TextRow("expected_exposures", name, at, seconds, name))
            rows.append(TextRow("end_of_readout", name, at, seconds, facts))
        ended_at = {name: readout.ended_at for name, readout in readouts.items()}
        files = _files(objects, ended_at)
        return Reading(
            files=files,
            exposures=to_exposures(readouts),
            metrics=text_metrics(rows),
            notes=notes,
            counts=counts,
            unread=in_doubt(counts),
        )

    @staticmethod
    def numbers(
        night: datetime.date, tables: Tables, settings: SummitMessages.Settings
    ) -> dict[str, float | None]:
        """Return how many exposures were read out, and how many have no image."""
        compared = compare(tables, _expected(settings))
        if not compared.is_known:
            return {}
        return {"n_readouts": compared.n_listed, "n_readouts_missing": len(compared.missing)}

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: SummitMessages.Settings
    ) -> list[Finding]:
        """Return the exposures that were read out and have no image."""
        expected = _expected(settings)
        return list(findings(compare(tables, expected), expected))

    def _entries(self, night: datetime.date, notes: list[str]) -> list[Entry]:
        """Return the files of the night and the next, as a message may come late."""
        return [entry for entry, _ in self._entries_by_day(night, notes)]

    def _entries_by_day(
        self, night: datetime.date, notes: list[str]
    ) -> list[tuple[Entry, datetime.date]]:
        """Return the files of the night and the next, each with its day."""
        entries: dict[str, tuple[Entry, datetime.date]] = {}
        for day in (night, night + ONE_DAY):
            listing = self.tree.list_night(day)
            entries |= {
                entry.path: (entry, day)
                for entry in listing.entries
                if entry.path.endswith(tuple(self.settings.endings))
            }
            notes.extend(note for note in listing.notes if note not in notes)
        return [entries[path] for path in sorted(entries)]

    def _all_messages(
        self, night: datetime.date, notes: list[str]
    ) -> tuple[list[tuple[str, Counts, Any]], dict[str, Counts]]:
        """Return the messages of the night's files, and counts by place.

        Each message is with its file and the counts of its day. The night after counts those of
        its own day again.
        """
        found: list[tuple[str, Counts, Any]] = []
        counts: dict[str, Counts] = {}
        entries = self._entries_by_day(night, notes)
        paths = [entry.path for entry, _ in entries]
        for (entry, day), shown in zip(entries, shown_all(paths), strict=True):
            where = f"{self.settings.path}/{shown}"
            of_day = counts.setdefault(f"{self.settings.path}, night {day}", Counts())
            path, flaws = os.path.join(self.tree.root, entry.path), list[str]()
            messages = self._messages(path, flaws)
            of_day.n_read += len(messages) + len(flaws)
            for flaw in flaws:
                of_day.leave_out(where, flaw)
            notes += [f"{where}: {flaw}" for flaw in flaws]
            found += [(where, of_day, message) for message in messages]
        return found, counts

    def _messages(self, path: str, flaws: list[str]) -> list[Any]:
        """Return the messages of a file; `flaws` gets what cannot be read."""
        try:
            with open_plain(path, [self.tree.root]) as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError(f"larger than {MAX_BYTES >> 20} MB")
            text = data.decode("utf-8-sig")
        except OSError as error:
            flaws.append(f"{os_error_text(error)}; its messages are not known")
            return []
        except UnicodeDecodeError:
            flaws.append("is no text in UTF-8; its messages are not known")
            return []
        except ValueError as error:
            flaws.append(f"{error}; its messages are not known")
            return []
        try:
            content = parse_json(text)
            return content if isinstance(content, list) else [content]
        except RecursionError:
            flaws.append("is no message; left out")
            return []
        except ValueError:
            return _messages_in_lines(text, flaws)

    def _objects_in(
        self, message: Mapping[str, Any], night: datetime.date
    ) -> list[tuple[str, ObjectState]]:
        """Return what a notice says about objects of the night, by key."""
        objects = []
        for record in message["Records"]:
            bucket, described = record["s3"]["bucket"]["name"], record["s3"]["object"]
            key, at = urllib.parse.unquote_plus(described["key"]), parse_utc(record["eventTime"])
            found = _DAY.search(key)
            if (night_named(found[1]) if found else self.asked.rule.night_of(at)) == night:
                exists = not record["eventName"].removeprefix("s3:").startswith("ObjectRemoved")
                objects.append((key, ObjectState(at, bucket, described.get("size"), exists)))
        return objects


def _flaw(error: Exception) -> str:
    """Return what is wrong with a message, from the error of reading it."""
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}"
    return "a value has the wrong type or form"


def _messages_in_lines(text: str, flaws: list[str]) -> list[Any]:
    """Return the messages of a file with one per line."""
    messages = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            messages += [parse_json(line)] if line.strip() else []
        except (ValueError, RecursionError):
            flaws.append(f"line {number} is no whole JSON; left out")
            # a file whose first line is none has no messages in lines at all
            if not messages:
                break
    return messages


def _readout_of(message: Mapping[str, Any], night: datetime.date) -> dict[str, Readout]:
    """Return a message's exposure by obsid, {} for another night."""
    if night_named(str(message["imageDate"])) != night:
        return {}
    at = EPOCH + datetime.timedelta(
        seconds=float(message["timestampEndOfReadout"]) - TAI_MINUS_UTC_S
    )
    seconds = message.get("requestedExposureTime")
    keys = split_escaped(message.get("additionalKeys") or "")
    values = split_escaped(message.get("additionalValues") or "")
    facts = dict(zip(keys, values, strict=False))
    return {
        str(message["imageName"]): Readout(at, None if seconds is None else float(seconds), facts)
    }


def split_escaped(text: str) -> list[str]:
    r"""Return the parts between colons; `\:` is a colon inside a part."""
    if not text:
        return []
    parts = re.findall(r"(?:^|:)((?:[^:\\]|\\.)*)", text)
    return [re.sub(r"\\(.)", r"\1", part) for part in parts]


def _expected(settings: SummitMessages.Settings) -> ExpectedSettings:
    """Return the settings with which exposures are compared.

    Of the path, only its presence counts: the exposures are those of a list.
    """
    return ExpectedSettings(
        exposures=settings.path, kinds=settings.kinds, wait_s=settings.wait_s, level=settings.level
    )


def _files(
    objects: Mapping[str, ObjectState], ended_at: Mapping[str, datetime.datetime]
) -> DataFrame:
    """Return objects as files.

    They are created at the end of their exposure's readout, if it is known.
    """
    import pandas as pd

    keys = pd.Series(list(objects), dtype="str")
    states = list(objects.values())
    name = names.last_parts(keys)
    from_names = names.read_names(name)
    sizes = pd.Series([state.size for state in states], dtype="object")
    noticed_at = pd.Series([state.at for state in states])
    return frames.frame(
        columns.FILES,
        {
            "file_id": keys,
            "name": name,
            "path": [f"s3://{state.bucket}/{key}" for key, state in objects.items()],
            "kind": name.map(names.kind_of),
            "size_bytes": frames.whole_numbers(sizes),
            "created_at": pd.to_datetime(from_names["obsid"].map(ended_at), utc=True),
            "transferred_at": pd.to_datetime(noticed_at, utc=True),
            "on_disk": [state.exists for state in states],
            **{str(column): values for column, values in from_names.items()},
        },
    )
