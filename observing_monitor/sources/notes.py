"""A folder of notes: a text or Markdown file per night."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.nights import zone_named
from observing_monitor.model.reading import Counts, Reading
from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.readers.compressed import decompressed
from observing_monitor.readers.night_paths import TextFiles
from observing_monitor.readers.plain_files import open_plain, unreadable
from observing_monitor.readers.textfiles import at, too_long_words
from observing_monitor.sources.base import Telling
from observing_monitor.sources.notes_text import Clock, split_notes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection
    from typing import Any

    from observing_monitor.model.reading import Known
    from observing_monitor.sources.base import Asked


ENDINGS = ("md", "markdown", "txt")
# `open_plain` gives these for a link that leads outside, and for a folder or a pipe
NO_FILE = (errno.EPERM, errno.EINVAL, errno.EISDIR, errno.ELOOP)
_CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1f]")


class Notes(Telling):
    """Words of people during a night, as remarks."""

    @dataclass(kw_only=True)
    class Settings:
        """Settings of a source of type `notes`."""

        path: Path = setting(
            REQUIRED,
            "Folder with a file per night, such as `2026-11-30.md` or `2026-11-30.txt`, or a path "
            "with the night in it, such as `notes/{night:%Y%m%d}.md`.",
            example="notes",
        )
        zone: str = setting(
            "",
            "Time zone of times in the notes. By default, the stream's `timezone`, else UTC.",
            example="America/Santiago",
        )

    @staticmethod
    def tells_of_files(settings: Notes.Settings) -> bool:
        """Return False: remarks are no files."""
        return False

    @staticmethod
    def stages_of(settings: Notes.Settings) -> tuple[str, ...]:
        """Return none: it reports no attempts."""
        return ()

    @staticmethod
    def place_of(settings: Notes.Settings) -> str:
        """Return the path."""
        return str(settings.path)

    def __init__(self, settings: Notes.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "notes"
        self.zone = zone_named("zone", settings.zone or "UTC")
        files = TextFiles(settings.path)
        patterns = [TextFiles(settings.path / f"{{night}}.{ending}") for ending in ENDINGS]
        self.files = [files] if files.has_night else patterns

    def nights(self) -> set[datetime.date]:
        """Return the nights in the files' names."""
        return {night for files in self.files for night in files.nights()}

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return the sizes and times of the night's files.

        A file that is empty now, and was not, is about to be written: its data stay.
        """
        before = (known or {}).get("files", {})
        found: dict[str, Any] = {}
        for files in self.files:
            found |= files.look(night, None)["files"]
        gone = sorted(set(before) - set(found))
        if gone:
            raise SourceError(f"{gone[0]}: no longer there; its data stay as last read")
        for path, (size, *_) in found.items():
            if not size and before.get(path, [0])[0]:
                words = "is empty now; is it being written? Its data stay as last read"
                raise SourceError(f"{path}: {words}")
        return {"files": found}

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; SourceError if data are gone."""
        return self.look(night, None if "path" in changed else earlier)

    def read(self, night: datetime.date) -> Reading:
        """Return the notes of a night as remarks."""
        from observing_monitor.model import columns, frames

        reading, counts = Reading(), dict[str, Counts]()
        rows: list[dict[str, Any]] = []
        for files in self.files:
            for path in files.of_night(night):
                counts[path] = Counts()
                rows += self._rows(path, night, files.roots, counts[path], reading.notes)
        reading.counts = counts
        made = {c.name: [row.get(c.name) for row in rows] for c in columns.REMARKS[:7]}
        reading.remarks = frames.frame(columns.REMARKS, made if rows else {})
        return reading

    def _rows(
        self,
        path: str,
        night: datetime.date,
        roots: list[str] | None,
        counts: Counts,
        said: list[str],
    ) -> list[dict[str, Any]]:
        """Return the remarks of a file."""
        text = self._text(path, roots, counts, said)
        start, end = self.asked.rule.bounds(night)
        notes = split_notes(text, Clock(start, self.zone))
        for number, time in notes.odd[:3]:
            said.append(f"{path} line {number}: {time!r} is no time; taken as text")
        outside = [
            one.number for one in notes.parts if one.begin_at and not start <= one.begin_at < end
        ]
        if outside:
            said.append(
                f"{path} {at(outside)}: the time is not of night {night}; kept all the same"
            )
        counts.n_read += len(notes.parts)
        name = os.path.basename(path)
        return [
            {
                # as numbers, they sort as in the file
                "remark_id": f"{name} {number:05d}",
                "begin_at": one.begin_at,
                "end_at": one.end_at,
                "text": one.text,
            }
            for number, one in enumerate(notes.parts, 1)
        ]

    def _text(self, path: str, roots: list[str] | None, counts: Counts, said: list[str]) -> str:
        """Return the text of a file; "" if it is left out.

        Raises SourceError if it can't be read, or holds too much.
        """
        limits, too_long = self.asked.limits, list[int]()
        try:
            with (
                open_plain(path, roots) as raw,
                decompressed(raw, path, limits, too_long=too_long, is_whole=True) as data,
            ):
                content = data.read()
        except OSError as error:
            if error.errno not in NO_FILE:
                raise unreadable(path, error) from error
            _leave_out(path, f"{error.strerror}", counts, said)
            return ""
        if too_long:
            counts.n_read += len(too_long)
            counts.leave_out(f"line {too_long[0]}", too_long_words(limits), len(too_long))
            said.append(f"{path} {at(too_long)}: {too_long_words(limits)}; left out")
        return _decoded(path, content, counts, said)


def _leave_out(path: str, reason: str, counts: Counts, said: list[str]) -> None:
    """Count a file that is left out as a whole."""
    counts.n_read += 1
    counts.leave_out("the file", reason)
    said.append(f"{path}: {reason}; left out")


def _decoded(path: str, content: bytes, counts: Counts, said: list[str]) -> str:
    r"""Return a file's text, in UTF-8 or UTF-16.

    Bytes that are not UTF-8 become `\x..`, with a note. A file that is no text is left out.
    """
    is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if is_utf_16 else "utf-8-sig", "backslashreplace")
    if "\0" in text:
        _leave_out(path, "it is no text", counts, said)
        return ""
    try:
        content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        said.append(f"{path} line {number}: is not in UTF-8; write the file in UTF-8")
    # other control characters are of no use in a text
    return _CONTROLS.sub(
        "\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n")
    )
