"""Find text files by a pattern of their paths.

The pattern may contain the night.
"""

from __future__ import annotations

import datetime
import glob
import os
import re
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model.nights import MJD_ZERO, nid_of, night_of_mjd, night_of_nid
from observing_monitor.readers.plain_files import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from observing_monitor.model.reading import Known


NIGHT_PLACE = re.compile(r"\{night(?::([^{}]*))?\}")
# a date whose year, month and day all differ
A_NIGHT = datetime.date(2001, 2, 3)


def read_night(value: Any, form: str = "date") -> datetime.date | None:
    """Return the night in a cell, or None.

    Parameters
    ----------
    value
        Text, a number, a date or a datetime.
    form
        `date` (2021-12-01, 20211201, the date of an instant, also 2021-12-1), `nid` (ZTF's night
        number), `mjd`, or a pattern of `strptime`.
    """
    if isinstance(value, datetime.date):
        return value.date() if isinstance(value, datetime.datetime) else value
    text = "" if value is None else str(value).strip()
    try:
        if form == "nid":
            return night_of_nid(float(text))
        if form == "mjd":
            return night_of_mjd(float(text))
        if form != "date":
            return datetime.datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
        found = re.match(r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])", text, re.ASCII) or re.fullmatch(
            r"(\d{4})(\d\d)(\d\d)(?:\.0+)?", text, re.ASCII
        )
        return datetime.date(*map(int, found.groups())) if found else None
    except (ValueError, OverflowError, re.error):  # re.error: a pattern with one part twice
        return None


def write_night(night: datetime.date, form: str = "date") -> int | str:
    """Return a night in one of the forms of `read_night`.

    An int for `nid` and `mjd`, else text.
    """
    if form in ("nid", "mjd"):
        return nid_of(night) if form == "nid" else (night - MJD_ZERO).days
    return night.isoformat() if form == "date" else night.strftime(form)


class TextFiles:
    """The files that a path or pattern names.

    Parameters
    ----------
    path
        A path, or a pattern with `*`, `?` or `[…]`. `{night}` is replaced by the night as
        YYYY-MM-DD; `{night:%Y%m%d}`, `{night:nid}` and `{night:mjd}` write it in other ways.
        Without `{night}` each file may hold rows of any night.

    Raises
    ------
    UsageError
        If a `{night:…}` is not one of these.
    """

    def __init__(self, path: Path | str) -> None:
        self.pattern = str(path)
        self.root = os.path.dirname(re.split(r"[*?\[{]", self.pattern, maxsplit=1)[0])
        self.has_night = bool(NIGHT_PLACE.search(self.pattern))
        for form in NIGHT_PLACE.findall(self.pattern):
            if form and form not in ("nid", "mjd") and "%" not in form:
                remedy = "write {night}, {night:%Y%m%d}, {night:nid} or {night:mjd}"
                raise UsageError(f"{self.pattern}: {form!r} is no way to write a night; {remedy}")

    def nights(self) -> set[datetime.date]:
        """Return the nights in the files' names.

        None if the pattern has no `{night}`.
        """
        if not self.has_night:
            return set()
        forms, regex = [form or "date" for form in NIGHT_PLACE.findall(self.pattern)], self._regex()
        found = [match.groups() for path in self._find("*") if (match := regex.fullmatch(path))]
        return {night for texts in found if (night := _night_in(texts, forms))}

    def of_night(self, night: datetime.date | None, known: Iterable[str] = ()) -> list[str]:
        """Return the files with a night's rows, by name.

        Parameters
        ----------
        night
            None if the pattern has no `{night}`.
        known
            Paths that held rows of the night before.

        Raises
        ------
        SourceError
            If the folder, the file, or one of `known` is not there.
        """
        pattern = (
            NIGHT_PLACE.sub(lambda place: str(write_night(night, place[1] or "date")), self.pattern)
            if night
            else self.pattern
        )
        paths = self._find(pattern)
        gone = sorted(set(known) - set(paths))
        if gone:
            raise SourceError(f"{gone[0]}: no longer there; its data stay as last read")
        if not paths and not self.has_night:
            raise SourceError(f"{self.pattern}: no such file; set path to where it is")
        return paths

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return sizes and times of a night's files.

        The result has the form of `Source.look`.
        """
        state = {}
        for path in self.of_night(night, (known or {}).get("files", ())):
            try:
                stat = os.stat(path)
            except OSError as error:
                raise unreadable(path, error) from error
            state[path] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return {"files": state}

    @property
    def roots(self) -> list[str] | None:
        """The folders that files may lie in, as for `open_plain`.

        A pattern may match a link to another folder's file. A path without a pattern may be one.
        """
        is_path = self.pattern == glob.escape(self.pattern) and not self.has_night
        return None if is_path else [self.root or "."]

    def _find(self, pattern: str) -> list[str]:
        """Return the paths that match.

        The pattern "*" allows any night.
        """
        wild = NIGHT_PLACE.sub("*", self.pattern) if pattern == "*" else pattern
        if not os.path.isdir(self.root or "."):
            raise SourceError(f"{self.root}: no such directory; is its disk mounted?")
        if not glob.has_magic(wild):
            return [wild] if _is_there(wild) else []
        found = sorted(glob.glob(wild, recursive=True))
        if not found:
            _check_listed(os.path.dirname(wild))
        return found

    def _regex(self) -> re.Pattern[str]:
        """Return a regular expression with a group for each `{night}`."""
        parts = NIGHT_PLACE.sub("\0", self.pattern).split("\0")
        escaped = [re.escape(part).replace(r"\*", ".*").replace(r"\?", ".") for part in parts]
        return re.compile("([^/]+?)".join(escaped))


def _is_there(path: str) -> bool:
    """True if a file is there; SourceError if nobody can say."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from error
    return True


def _check_listed(pattern: str) -> None:
    """Raise SourceError if a folder is there that can't be listed.

    glob says nothing of it: its files would seem not to be there.
    """
    folders = glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else [pattern or "."]
    for folder in folders:
        try:
            os.scandir(folder).close()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise unreadable(folder, error) from error


def _night_in(texts: Sequence[str], forms: Sequence[str]) -> datetime.date | None:
    """Return the night in the places of a path.

    The first place with a whole date counts; without one all places together do (`%Y/%m/%d`).
    """
    for text, form in zip(texts, forms, strict=True):
        if read_night(write_night(A_NIGHT, form), form) == A_NIGHT:
            return read_night(text, form)
    parts = dict(zip(forms, texts, strict=True))
    return read_night("/".join(parts.values()), "/".join(parts))
