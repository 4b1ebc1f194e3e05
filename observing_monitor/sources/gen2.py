"""A Gen2 Butler repository: what its registry has, and when each raw was linked.

`registry.sqlite3` holds a table `raw` whose columns differ by camera (lsst/obs_lsst config/*/ingest.py), and no path and
no time of ingest. Both come from the link under `raw/`, which the mapper names after the exposure and the detector:
`raw/<night or run>/[<expId>/]<expId>[-<raftName>-<detectorName>]-det<detector>.fits`.
The registry's writer makes a copy and renames it, so the file is opened anew at every run, read-only and without locks.
"""

import datetime
import os
import sqlite3
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from observing_monitor import columns
from observing_monitor.errors import SourceError
from observing_monitor.names import last_parts, named_pattern
from observing_monitor.nights import iso_utc, night_named
from observing_monitor.sources import Reading, Telling
from observing_monitor.sources.tree import NightTree, shown_all, whole_numbers

MESSAGES = {
    "success": "",
    "lost": "the registry has it, but its file is gone: ",
    "unregistered": "linked, but the registry does not have it: ",
}
WANTED = ("expId", "visit", "detector", "detectorName", "raftName", "dayObs", "seqNum", "obsid", "dateObs", "date", "expTime")


class Gen2Repository(Telling):
    """The raws of a registry, each with its link, and the links that the registry does not know."""

    @dataclass
    class Settings:
        path: Path  # the repository: the directory with registry.sqlite3 and raw/
        query_links: bool = False  # raw/ is not organised by night: look for the links of a night's raws all over it
        raw_pattern: str = r"(?P<exposure>\d+)(?:-.*)?-det(?P<detector>\d+)"  # how a link's name tells what it is

    @staticmethod
    def stages_of(settings):
        return ("ingest",)

    @staticmethod
    def place_of(settings):
        return str(settings.path)

    def __init__(self, settings, asked):
        self.settings = settings
        self.asked = asked
        self.name = "gen2"
        self.registry = settings.path / "registry.sqlite3"
        self.tree = NightTree(settings.path / "raw", asked.rule, "repository's raw/ directory")
        self.pattern = named_pattern("raw_pattern", settings.raw_pattern, "exposure", "detector")
        self._columns = None

    def nights(self):
        if not self.settings.query_links:
            return set(self.tree.night_folders()) | set(self._registered_nights())
        return set(self._registered_nights())

    def look(self, night, known):
        """The registry's size and times, and the link folders' times; of an unsettled night every link's numbers."""
        registry = self._registry_state()
        state = {"registry": registry}
        if self.settings.query_links:
            return {**state, "digest": self.tree.digest()}
        folders = self.tree.night_folders().get(night, [])
        if known and known["registry"] == registry and "folders" in known:
            times = self.tree.folder_times(known["folders"])
            if (
                times == known["folders"]
                and set(folders) <= set(times)
                and self.asked.is_settled(night, max([registry[1], *times.values()]))
            ):
                return known
        return {**state, "folders": self.tree.list_night(night).folders, "digest": self.tree.digest(night)}

    def read(self, night):
        """The night's attempts: `success` where the registry has the raw, `unregistered` where only the link is there."""
        listing = self.tree.list_all() if self.settings.query_links else self.tree.list_night(night)
        self._refuse_unread(listing, night)
        raws = self._raws_of(night)
        notes = list(listing.notes)
        if len(raws) and not self.settings.query_links and not self.tree.night_folders():
            notes.append(f"{self.tree.root}: no folder is named after a night; if raws lie by run, set query_links")
        links = self._links(listing.entries if self.settings.query_links else self._of_night_folders(listing, night))
        both = raws.merge(links, how="outer", on=["exposure", "detector_number"])
        both["is_registered"] = both["is_registered"].eq(True)
        if self.settings.query_links:
            both = self._of_night(both, night)
        return Reading(attempts=_attempts(both), notes=notes)

    def _refuse_unread(self, listing, night):
        """SourceError where a folder that may hold the night's links could not be listed: none of them is lost for that."""
        folders = [""] if self.settings.query_links else self.tree.night_folders().get(night, [])
        for folder in listing.unread:
            if any(not own or folder == own or folder.startswith(own + "/") for own in folders):
                place = shown_all([os.path.join(self.tree.root, folder)])[0]
                raise SourceError(f"{place}: can't be listed; the links below it stay as last seen, let the user that runs this read it")

    # --- links -----------------------------------------------------------------------------------------------------

    def _of_night_folders(self, listing, night):
        """The links in folders of the night; loose ones under raw/ tell no night that could be trusted."""
        folders = tuple(folder + "/" for folder in self.tree.night_folders().get(night, []))
        return [entry for entry in listing.entries if entry.path.startswith(folders)] if folders else []

    def _links(self, entries):
        """Links as a table by exposure and detector number; a name that tells neither is left out."""
        import pandas as pd

        found = [(match, entry) for entry in entries if (match := self.pattern.match(entry.path.rpartition("/")[2])) and _is_plain(match)]
        links = [entry for _, entry in found]
        table = pd.DataFrame(
            {
                "exposure": pd.Series([match["exposure"] for match, _ in found], dtype="str"),
                "detector_number": pd.Series([int(match["detector"] or 0) for match, _ in found], dtype="Int64"),
                "link": pd.Series(["raw/" + path for path in shown_all(entry.path for entry in links)], dtype="str"),
                "linked_ns": whole_numbers([_linked_ns(entry) for entry in links]),
                "night": [self._night_of(match["exposure"], entry) for match, entry in found],
                **{name: whole_numbers([getattr(e, name) for e in links]) for name in ("size", "mtime_ns", "device", "inode")},
                "is_dangling": [entry.is_dangling for entry in links],
            }
        )
        # of two links of one raw, the one that leads to a file
        return table.sort_values("is_dangling", kind="stable").drop_duplicates(["exposure", "detector_number"])

    def _night_of(self, exposure, entry):
        """The night of a link that no registry knows: by its exposure's number, else by when it was made."""
        try:
            # the first digit of the year is raised for controllers other than the telescope's own: 3018 is 2018
            return night_named("2" + exposure[1:8]) or self.asked.rule.night_of_ns(_linked_ns(entry))
        except OverflowError:
            return None

    # --- the registry ----------------------------------------------------------------------------------------------

    def _registry_state(self):
        try:
            state = os.stat(self.registry)
        except OSError as error:
            raise SourceError(f"{self.registry}: {error.strerror.lower()}; a Gen2 repository has its registry there") from error
        return [state.st_size, state.st_mtime_ns, state.st_ino]

    def _query(self, sql, values=()):
        """Rows of the registry. Retried where it was replaced or written in the middle, for nothing locks it."""
        for _ in range(3):
            before = self._registry_state()
            try:
                rows = self._query_once(sql, values)
            except sqlite3.DatabaseError as error:
                if self._registry_state() == before:
                    raise SourceError(f"{self.registry}: {error}; is it a whole Gen2 registry?") from error
                continue
            if self._registry_state() == before:
                return rows
        raise SourceError(f"{self.registry}: changes faster than it can be read; the next run tries again")

    def _query_once(self, sql, values):
        # immutable: SQLite then takes no lock at all, so that the ingest is never kept waiting
        address = f"file:{urllib.parse.quote(os.fsencode(self.registry.absolute()))}?mode=ro&immutable=1"
        connection = sqlite3.connect(address, uri=True)
        connection.text_factory = lambda text: text.decode("utf-8", "backslashreplace")  # one odd text is no reason to read nothing
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def _raw_columns(self):
        """The columns that this camera's `raw` table has, of those that we can use."""
        if self._columns is None:
            there = {row[1] for row in self._query("PRAGMA table_info(raw)")}
            if not there:
                raise SourceError(f"{self.registry}: has no table 'raw'; is it a Gen2 registry into which raws were ingested?")
            if not there & {"expId", "visit"}:
                raise SourceError(f"{self.registry}: its table 'raw' has neither expId nor visit; raws can't be told apart")
            self._columns = [name for name in WANTED if name in there]
        return self._columns

    def _night_condition(self, night):
        """SQL for "the raw is of this night", by what the camera's table has."""
        have = self._raw_columns()
        if "dayObs" in have:
            return "dayObs in (?, ?)", (night.isoformat(), night.strftime("%Y%m%d"))
        date = next((name for name in ("dateObs", "date") if name in have), None)
        if date is None:
            raise SourceError(f"{self.registry}: its table 'raw' has none of dayObs, dateObs and date; the night of a raw can't be told")
        start, end = self.asked.rule.bounds(night)
        return f"{date} >= ? and {date} < ?", tuple(iso_utc(instant)[:19] for instant in (start, end))

    def _raws_of(self, night):
        """The registry's raws of a night, with the columns of WANTED, null where the camera has them not."""
        import pandas as pd

        condition, values = self._night_condition(night)
        have = self._raw_columns()
        rows = self._query(f"select {', '.join(have)} from raw where {condition}", values)
        raws = pd.DataFrame(rows, columns=have).reindex(columns=WANTED)
        number = raws["expId"].fillna(raws["visit"])
        raws["exposure"] = number.map(lambda value: f"{value:.0f}" if isinstance(value, float) else str(value)).astype("str")
        raws["detector_number"] = pd.to_numeric(raws["detector"], errors="coerce").fillna(0).astype("Int64")
        raws["seqNum"] = pd.to_numeric(raws["seqNum"], errors="coerce").astype("Int64")
        text = ["detectorName", "raftName", "obsid"]
        raws["is_registered"] = True
        return raws.astype(dict.fromkeys(text, "str")).drop_duplicates(["exposure", "detector_number"])

    def _of_night(self, both, night):
        """Without the links of other nights: those that are named after one, or whose raw the registry has there."""
        import pandas as pd

        both = both[both["is_registered"] | both["night"].eq(night)]
        known = self._registered_keys(both.loc[~both["is_registered"], "exposure"])
        keys = zip(both["exposure"], both["detector_number"], strict=True)
        is_elsewhere = pd.Series([key in known for key in keys], index=both.index, dtype="bool")
        return both[both["is_registered"] | ~is_elsewhere]

    def _registered_keys(self, exposures):
        """The exposure and detector number of each raw of these exposures that the registry has, on any night."""
        number = "expId" if "expId" in self._raw_columns() else "visit"
        detector = "detector" if "detector" in self._raw_columns() else "0"
        asked, known = sorted({int(value) for value in exposures if value.isdecimal()}), set()
        for start in range(0, len(asked), 900):  # SQLite takes 999 values at the least
            some = asked[start : start + 900]
            rows = self._query(f"select {number}, {detector} from raw where {number} in ({','.join('?' * len(some))})", some)
            known.update((str(exposure), int(detector) if str(detector).isdecimal() else 0) for exposure, detector in rows)
        return known

    def _registered_nights(self):
        have = self._raw_columns()
        if "dayObs" in have:
            texts = [str(row[0]) for row in self._query("select distinct dayObs from raw")]
            return {night for text in texts if (night := night_named(text))}
        date = next((name for name in ("dateObs", "date") if name in have), None)
        hours = {row[0] for row in self._query(f"select distinct substr({date}, 1, 13) from raw")} if date else set()
        return {night for hour in hours if (night := self._night_of_hour(hour))}

    def _night_of_hour(self, text):
        try:
            return self.asked.rule.night_of(datetime.datetime.fromisoformat(f"{text}:30").replace(tzinfo=datetime.UTC))
        except (TypeError, ValueError):
            return None


def _is_plain(match):
    """Whether a link's numbers are such as a registry can hold."""
    detector = match["detector"] or "0"
    return len(match["exposure"]) <= 18 and detector.isdecimal() and len(detector) <= 9


def _linked_ns(entry):
    """When a raw was ingested: a symlink's own modification time; the change time of a hard link or a copy."""
    return entry.ctime_ns if entry.link_ns is None else entry.link_ns


def _attempts(both):
    """Registered raws and links, side by side, as `columns.ATTEMPTS`."""
    import pandas as pd

    is_there = both["link"].notna() & ~both["is_dangling"].eq(True)
    status = pd.Series("success", index=both.index).where(is_there, "lost").where(both["is_registered"], "unregistered")
    place = both["link"].fillna("no link under raw/")
    attempts = {
        "stage": "ingest",
        "attempted_at": both["linked_ns"],
        "status": status,
        "message": status.map(MESSAGES).str.cat(place).where(status != "success", ""),
        "attempt": 1,
        "destination": both["link"],
        "path": both["link"].fillna("raw/" + _plain_name(both)),
        "names": _names_of(both),
        "size_bytes": both["size"],
        "created_at": both["mtime_ns"],
        "obsid": both["obsid"],
        "exposure": both["exposure"],
        "seq_num": both["seqNum"],
        "detector": _detector_of(both),
        "on_disk": is_there,
        "device": both["device"].where(is_there),
        "inode": both["inode"].where(is_there),
    }
    return columns.frame(columns.ATTEMPTS, pd.DataFrame(attempts, index=both.index))


def _plain_name(both):
    """The name of a raw's link without raft and sensor: 3018092000065-det000."""
    return both["exposure"] + "-det" + both["detector_number"].astype("str").str.zfill(3)


def _detector_of(both):
    """A detector's name as people say it: R22_S11 where the registry has raft and name, else its number."""
    named = both["raftName"].str.cat(both["detectorName"], sep="_")
    return named.where(both["raftName"].notna() & both["detectorName"].notna(), both["detector_number"].astype("str"))


def _names_of(both):
    """The names that a raw's file may have where it was transferred to, for matching copies: a text a row, by lines."""
    link = last_parts(both["link"]).fillna("")
    obsid, raft, sensor = (both[name].fillna("") for name in ("obsid", "raftName", "detectorName"))
    names = link + "\n" + _plain_name(both)
    for form in (obsid + "-" + raft + sensor, obsid + "_" + raft + "_" + sensor):
        names = names + "\n" + form.where((raft != "") & (obsid != ""), "")
    # the observation's name alone tells the file where a camera has one detector
    alone = obsid.where(~both.duplicated("obsid", keep=False), "")
    return names + "\n" + alone
