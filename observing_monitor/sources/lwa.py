"""OVRO-LWA's data recorders: monitor points from etcd or from a dump.

A point is the key `/mon/<id>/<name>` with a JSON value
`{"timestamp": unix seconds, "value": …, "unit": ""}`. The ids are a manager (`drvs`) and its bands
(`drvs1` … `drvs16`, or by host and port `drvs7601` … `drvs8302`). etcd keeps only the latest
value, so each run adds a sample to the history. A row has the point's own instant: a value that
was not written again is not counted twice.
"""

from __future__ import annotations

import datetime
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns, frames
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import EPOCH, iso_utc
from observing_monitor.model.reading import Reading
from observing_monitor.model.setting import setting
from observing_monitor.readers.bounded import LIMITS, Limits, read_json_bytes
from observing_monitor.readers.etcd import Etcd, pairs_of
from observing_monitor.readers.plain_files import open_plain
from observing_monitor.readers.textfiles import parse_json
from observing_monitor.sources.base import Telling
from observing_monitor.sources.lwa_bands import (
    ANY,
    band_counts,
    bands_of,
    check_group,
    levels_of,
    with_found,
)
from observing_monitor.sources.lwa_points import PointReader, node_and_name
from observing_monitor.sources.lwa_recording import check_recording

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pandas import DataFrame

    from observing_monitor.model.finding import Finding
    from observing_monitor.model.reading import Known, Tables
    from observing_monitor.sources.base import Asked
    from observing_monitor.sources.lwa_points import MetricRow


class LwaRecorders(Telling):
    """The monitor points of groups of recorders, and the state of their bands."""

    meanings = {
        "bands_normal": "Bands that report to be normal",
        "bands_warning": "Bands that warn",
        "bands_error": "Bands in error, booting or shut down",
        "bands_silent": "Bands that have not updated in time, or never did",
        "summary": "State that the recorder reports: normal, warning, error, booting or shutdown",
        "info": "Reason for the state",
        "op-type": "Current operation: idle, waiting or recording",
        "op-tag": "File that is being recorded",
        "version": "Version of the recorder's program",
        "bifrost/pipeline_lag": "Delay of the pipeline behind the data",
        "bifrost/max_acquire": "Longest wait for data",
        "bifrost/max_process": "Longest time to process a block of data",
        "bifrost/max_reserve": "Longest wait for room",
        "bifrost/rx_rate": "Data received",
        "bifrost/rx_missing": "Share of the packets that never came",
        "bifrost/error_count": "Errors of the pipeline",
        "storage/active_disk_size": "Size of the disk that is recorded to",
        "storage/active_disk_free": "Free space on that disk",
        "storage/active_directory": "Directory that is recorded to",
        "storage/active_directory_size": "Size of that directory",
        "storage/active_directory_count": "Files in that directory",
        "system/load_average/one_minute": "Load of the machine over 1 minute",
        "system/load_average/five_minute": "Load of the machine over 5 minutes",
        "system/load_average/fifteen_minute": "Load of the machine over 15 minutes",
        "statistics/min": "Lowest power of an antenna; median over the antennas",
        "statistics/avg": "Average power of an antenna; median over the antennas",
        "statistics/max": "Highest power of an antenna; median over the antennas",
        "latest_frequency": "Frequency of the latest data",
        "latest_time_tag": "Instant of the latest data",
    }
    histories = (
        "bands_error",
        "bands_silent",
        "bifrost/rx_rate",
        "bifrost/rx_missing",
        "bifrost/pipeline_lag",
        "storage/active_disk_free",
        "system/load_average/five_minute",
    )

    @dataclass
    class Settings:
        """Settings of a source of type `lwa`."""

        url: str = setting(
            "",
            "Address of etcd's gateway. Set either this or `dump`.",
            example="http://etcdv3service:2379",
        )
        dump: Path | None = setting(
            None,
            "JSON file of keys and values. Its modification time counts as the time of the run. "
            "Set either this or `url`.",
            example="mon.json",
        )
        recorders: list[str] = setting(
            ["drvs1-16", "drvf1-16"],
            "Ids of the managers, with the numbers of their bands. `drvs*` takes all bands that "
            "have points.",
            example=["drvs7601-7602,7701-7702", "drvf*"],
        )
        points: list[str] = setting(
            ["*"],
            "Patterns of the points to keep. `summary` and `info` are always kept.",
            example=["bifrost/*", "storage/*"],
        )
        silent_after_s: float = setting(120, "A band whose summary is older is an error.")
        levels: dict[str, str] = setting(
            {},
            "Level of a summary: `normal`, `warning` or `error`. By default as in the manager, "
            "where `booting` and `shutdown` are errors.",
            example={"booting": "warning", "shutdown": "warning"},
        )
        no_file_after_s: float = setting(
            7200,
            "A band that records for so long while the files in its directory do not change is an "
            "error. 0 turns this off.",
            affects_reading=False,
        )
        dump_late_after_s: float = setting(
            3600, "A dump that is older is an error.", affects_reading=False
        )
        user: str = setting(
            "", "User of etcd, if it has users.", example="monitor", affects_reading=False
        )
        password_env: str = setting(
            "",
            "Environment variable with the user's password.",
            example="ETCD_PASSWORD",
            affects_reading=False,
        )
        timeout_s: float = setting(10, "Time that etcd has to answer.", affects_reading=False)
        max_image_bytes: int = setting(300_000, "Larger images are left out.")

    @staticmethod
    def tells_of_files(settings: LwaRecorders.Settings) -> bool:
        """Return False: monitor points concern no files."""
        return False

    @staticmethod
    def stages_of(settings: LwaRecorders.Settings) -> tuple[str, ...]:
        """Return no stages."""
        return ()

    @staticmethod
    def place_of(settings: LwaRecorders.Settings) -> str:
        """Return the dump, or etcd's address without the user."""
        return str(settings.dump) if settings.dump else _etcd(settings).place

    @staticmethod
    def headlines(settings: LwaRecorders.Settings) -> tuple[str, ...]:
        """Return the numbers of bands that are not normal."""
        return ("bands_error", "bands_silent", "bands_warning")

    def __init__(self, settings: LwaRecorders.Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.name = "lwa"
        if bool(settings.url) == bool(settings.dump):
            raise UsageError("an lwa source reads etcd or a dump of it; set either url or dump")
        self.groups = bands_of(settings.recorders)
        self.levels = levels_of(settings.levels)
        self.etcd = None if settings.dump else _etcd(settings)
        # nights that are read again with other settings
        self._again: set[datetime.date] = set()
        # raises UsageError for a wrong address before any work
        self.place = self.place_of(settings)

    def nights(self) -> set[datetime.date]:
        """Return the night of the sample."""
        return {self.asked.rule.night_of(self._sampled_at())}

    def look(self, night: datetime.date, known: Known) -> Known:
        """Return when the sample was taken; for other nights `known`, at no cost."""
        tonight = self.asked.rule.night_of(self.asked.now)
        if self.settings.dump:
            return self._look_at_dump(self.settings.dump, night, known, tonight)
        if night != tonight:
            return known
        etcd = self._connected_etcd()
        for group in self.groups:
            etcd.count(*_key_range(group))  # raises SourceError if etcd does not answer
        return {"sampled_at": iso_utc(self.asked.now)}

    def look_again(self, night: datetime.date, earlier: Known, changed: Collection[str]) -> Known:
        """Return `look`; `read` tells more then."""
        self._again.add(night)
        return self.look(night, None)

    def read(self, night: datetime.date) -> Reading:
        """Return the sample, or nothing if it is of another night."""
        sampled_at = self._sampled_at()
        if night != self.asked.rule.night_of(sampled_at):
            return Reading()
        settings = self.settings
        values = read_dump(settings.dump, self.asked.limits) if settings.dump else self._read_etcd()
        groups = with_found(self.groups, (node_and_name(key)[0] for key in values))
        reader = PointReader(self.place, groups, settings, sampled_at)
        points = reader.rows(values)
        counts = band_counts(groups, points, sampled_at, settings.silent_after_s, self.levels)
        return Reading(
            metrics=_metrics([*points, *counts]),
            notes=reader.notes,
            append=True,
            has_own_times=True,
            still_there=self._still_there(values, sampled_at) if night in self._again else None,
            counts={self.place: reader.counts},
        )

    def _still_there(self, values: dict[str, bytes], sampled_at: datetime.datetime) -> Reading:
        """Return all points, also those left out."""
        settings = replace(self.settings, points=["*"], max_image_bytes=sys.maxsize)
        nodes = [node_and_name(key)[0] for key in values]
        groups = with_found({node.rstrip("0123456789"): [ANY] for node in nodes}, nodes)
        points = PointReader(self.place, groups, settings, sampled_at).rows(values)
        silent_after_s = settings.silent_after_s
        counts = band_counts(groups, points, sampled_at, silent_after_s, self.levels)
        return Reading(metrics=_metrics([*points, *counts]))

    @staticmethod
    def check(
        night: datetime.date, tables: Tables, settings: LwaRecorders.Settings
    ) -> list[Finding]:
        """Return the state of each group's bands, worst first."""
        metrics, levels = tables.metrics, levels_of(settings.levels)
        nodes = metrics.loc[metrics["name"] == "summary", "node"].dropna()
        return [
            finding
            for group, bands in with_found(bands_of(settings.recorders), nodes.unique()).items()
            for finding in [
                *check_recording(bands, metrics, settings.no_file_after_s),
                *check_group(group, bands, metrics, settings.silent_after_s, levels),
            ]
        ]

    def _sampled_at(self) -> datetime.datetime:
        """Return when the sample was taken: now, or when the dump was written."""
        if not self.settings.dump:
            return self.asked.now
        return EPOCH + datetime.timedelta(microseconds=_state_of(self.settings.dump)[1] // 1000)

    def _look_at_dump(
        self, dump: Path, night: datetime.date, known: Known, tonight: datetime.date
    ) -> Known:
        """Return the dump's state if it is new and of this night, else `known`."""
        state, written_at = _state_of(dump), self._sampled_at()
        is_new = night == self.asked.rule.night_of(written_at) and known != state
        late_s = (self.asked.now - written_at).total_seconds()
        if night == tonight and not is_new and late_s > self.settings.dump_late_after_s:
            raise SourceError(
                f"{dump}: not written since {iso_utc(written_at)[:16]}Z; "
                "is the program that writes it still running?"
            )
        return state if is_new else known

    def _connected_etcd(self) -> Etcd:
        if self.etcd is None:
            raise ValueError("this source reads a dump")
        return self.etcd

    def _read_etcd(self) -> dict[str, bytes]:
        """Return the values of all groups by key."""
        values: dict[str, bytes] = {}
        for group in self.groups:
            values |= self._connected_etcd().read(*_key_range(group))
        return values


def read_dump(dump: Path, limits: Limits = LIMITS) -> dict[str, bytes]:
    """Return a dump's values by key.

    A dump is an object of keys and values, or the answer of etcd's gateway.
    """
    try:
        with open_plain(dump) as file:
            content = parse_json(read_json_bytes(file, dump, limits))
    except OSError as error:
        raise SourceError(
            f"{dump}: {os_error_text(error)}; make the dump of the monitor points readable"
        ) from error
    except (ValueError, RecursionError):
        raise SourceError(
            f"{dump}: is no JSON; write the dump under another name and rename it when complete"
        ) from None
    if not isinstance(content, dict):
        raise SourceError(f"{dump}: holds no keys; it should be an object of keys and values")
    if isinstance(content.get("kvs"), list):
        return pairs_of(content, str(dump))
    return {
        key: (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")
        for key, value in content.items()
    }


def _state_of(dump: Path) -> list[int]:
    """Return a dump's size and modification time in ns."""
    try:
        state = dump.stat()
    except OSError as error:
        raise SourceError(
            f"{dump}: {os_error_text(error)}; the dump of the monitor points should be there"
        ) from error
    return [state.st_size, state.st_mtime_ns]


def _key_range(group: str) -> tuple[str, str]:
    """Return the keys between which those of a manager and its bands lie.

    In ASCII, "/" is followed by the digits, and these by ":".
    """
    return f"/mon/{group}/", f"/mon/{group}:"


def _etcd(settings: LwaRecorders.Settings) -> Etcd:
    return Etcd(settings.url, settings.user, settings.password_env, settings.timeout_s)


def _metrics(rows: Iterable[MetricRow]) -> DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows, columns=["name", "node", "sampled_at", "value", "text", "unit"])
    instants = pd.to_datetime(table["sampled_at"], utc=True)
    return frames.frame(columns.METRICS, table.assign(sampled_at=instants))
