"""Tables of the settings file that describe a stream."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from observing_monitor.model.setting import REQUIRED, setting
from observing_monitor.processes.timelimit import LIMIT_S
from observing_monitor.readers.bounded import LIMITS


@dataclass
class StreamSettings:
    """A table `[streams.NAME]`."""

    title: str = setting(
        "",
        "Name of the stream on the pages. By default, its name in the settings.",
        example="Auxiliary telescope",
    )
    input_dir: Path | None = setting(
        None,
        "Folder that stands for two sources: `files` in its `storage/`, and the Butler repository "
        "in its `gen2repo/` or `gen3repo/`. An address such as `s3://bucket/prefix` stands for one "
        "source: the files below it.",
        example="/data/auxTel",
    )
    gen: int = setting(
        2,
        "Generation of the Butler repository in `input_dir`: 2, or 3, whose `butler.yaml` may also "
        "be in `input_dir` itself.",
    )
    query_links: bool = setting(
        False,
        "Set to true if the folders of the Gen2 repository's `raw/` are not named after nights: "
        "the registry is then asked for a night's files, and their links are looked for in all of "
        "`raw/`.",
    )
    transfer_log: str = setting(
        "",
        "Log of rsync (`--log-file`) below `input_dir`, or a pattern of several logs. It tells "
        "when files arrived.",
        example="log/rsync*.log",
    )
    transfer_log_zone: str = setting(
        "UTC", "Time zone of the times in `transfer_log`.", example="America/Santiago"
    )
    transfer_log_prefix: str = setting(
        "",
        "What paths in `transfer_log` have before the path below `storage/`. `OLD => NEW` replaces "
        "folders, and `=> NEW` adds those that the paths lack.",
        example="storage/",
    )
    night_rule: str = setting(
        "UTC-12h",
        "Clock whose date is the night: `UTC`, `UTC-12h`, `UTC+4h`, `TAI-12h`. With `UTC-12h`, "
        "nights run from noon to noon UTC.",
    )
    pending_limit_s: float = setting(
        3600,
        "A file that is not ingested is pending while it is younger than this, and missing after "
        "that.",
    )
    small_bytes: int = setting(10_000, "A smaller file is not an image.")
    last_stage: str = setting(
        "",
        "Stage that makes a file ingested. By default `ingest`, or the last stage if no source "
        "reports `ingest`.",
        example="archive",
    )
    ignore: list[str] = setting(
        [], "Patterns of file names that should not be ingested.", example=["*_guider.fits"]
    )
    delay_warning_s: float | None = setting(
        None,
        "Warn if one file in ten took longer from its creation to its arrival, or to its ingest. "
        "By default, there is no warning.",
        example=600,
    )
    quiet_warning_s: float | None = setting(
        None,
        "Warn if the last file of tonight, or the last one that passed a stage, is older than "
        "this; 0 never warns. By default, 30 minutes or, if that is longer, 3 times the gap that "
        "99 of 100 files of the last 30 nights do not exceed; nothing if fewer than 5 of these "
        "nights have files. It is checked in darkness if the position is set, and in the hours "
        "in which files usually come.",
        example=1800,
    )
    quiet_error_s: float | None = setting(
        None,
        "The same, for an error. By default, 3 times the time for the warning.",
        example=5400,
    )
    stale_after_s: float = setting(
        3600, "Pages say that they are not up to date if the sources were not read for this long."
    )
    time_limit_s: float = setting(
        LIMIT_S,
        "Time that a source has to answer one question. A source that takes longer is not asked "
        "again in that run. A source may have its own limit.",
    )
    max_line_bytes: int = setting(
        LIMITS.line_bytes,
        "A longer line of a table, listing or log is left out, and a note says so.",
    )
    max_record_bytes: int = setting(
        LIMITS.record_bytes,
        "A longer record of a log, such as one with a traceback, is cut here, and a note says so.",
    )
    max_unpacked_bytes: int = setting(
        LIMITS.unpacked_bytes,
        "A compressed table, listing or log may hold this much, counted with 64 bytes for each of "
        "its values. So may a plain JSON file, which is read as a whole. Of a table or listing "
        "that holds more, nothing new is read; of a log, the beginning. The pages say so.",
    )
    previews: bool | dict[str, Any] = setting(
        False,
        "Show small pictures of FITS files on the night pages: true, or a table "
        "`[streams.NAME.previews]`.",
    )
    prototype_urls: bool | str | None = setting(
        None,
        "Keep the addresses of the prototype's pages in this stream's folder (true) or in the "
        "folder of `output_dir` that is named. By default, they are kept if the prototype's "
        "history was imported, or if its database is there.",
        example=True,
    )
    keep_pages_days: int | None = setting(
        None,
        "Number of nights, tonight included, whose pages `prune` keeps. By default, as in "
        "`[observing_monitor]`.",
        example=730,
    )
    keep_tables_days: int | None = setting(
        None,
        "Number of nights, tonight included, whose tables in the store `prune` keeps. By default, "
        "as in `[observing_monitor]`.",
        example=1825,
    )
    keep_previews_days: int | None = setting(
        None,
        "Number of nights, tonight included, whose previews `prune` keeps. By default, as in "
        "`[observing_monitor]`.",
        example=90,
    )
    latitude_deg: float | None = setting(
        None,
        "Latitude of the observatory, north positive. With `longitude_deg`, the charts of a night "
        "show twilight and the Moon.",
        example=-30.24,
    )
    longitude_deg: float | None = setting(
        None, "Longitude of the observatory, east positive.", example=-70.74
    )
    timezone: str = setting(
        "",
        "Time zone of the observatory. The charts of a night then also show local time.",
        example="America/Santiago",
    )
    twilight_deg: float = setting(
        12,
        "The night, whose use its page shows, lasts while the Sun is this far below the horizon: "
        "12 or 18 degrees.",
        example=18,
    )
    gap_min_s: float = setting(
        600, "A longer time without an exposure is a gap; a shorter one is overhead."
    )
    readout_s: float = setting(
        0, "Time that the instrument needs to read an exposure out. It is not overhead.", example=22
    )
    timeline: list[str] = setting(
        [],
        "Metrics that the night page shows below its exposures, by name. Write `STREAM/NAME` for a "
        "metric of another stream.",
        example=["seeing", "weather/humidity"],
    )
    measure_limits: list[dict[str, Any]] = setting(
        [],
        "Limits of numbers that exposures have: tables `[[streams.NAME.measure_limits]]`. If "
        "several limits of a measure fit an exposure, only the first one counts.",
    )
    image_quality: str = setting(
        "",
        "Measure that is the image quality, of which more is worse. Warn if a night's median over "
        "science exposures is worse than usual.",
        example="seeing",
    )
    dome: dict[str, Any] = setting(
        {},
        "Warn of science exposures with the dome closed: a table `[streams.NAME.dome]`. By "
        "default, only exposures that could not see the sky by their source are named.",
    )
    hide: list[str] = setting(
        [],
        "Facts of exposures that are proprietary: `target`, `program`, `ra_deg`, `dec_deg`, "
        "`group`, `observer`, `comment`, `observation_reason`. Nothing that is published shows "
        "them; the store keeps them, so `store_dir` must lie outside `output_dir`. A coordinate "
        "hides all that gives the position away. A target or program is also hidden in names of "
        "files, messages and links. Pictures of these exposures are not shown.",
        example=["target", "ra_deg", "dec_deg", "program"],
    )
    hide_until: Literal["released"] | int = setting(
        "released",
        "When hidden facts are shown: when the exposure is released, as its sources say, or this "
        "many months after the night. Without a date of release, they stay hidden.",
        example=18,
    )
    hide_programs: list[str] = setting(
        [],
        "Patterns of the programs whose exposures have hidden facts. By default, all exposures. "
        "An exposure of an unknown program counts as one of these.",
        example=["GN-2026B-Q-*"],
    )
    notify: dict[str, Any] = setting(
        {},
        "Receivers of a message when this stream's status changes: tables "
        "`[streams.NAME.notify.RECEIVER]`, each with a `type`.",
    )
    sources: list[dict[str, Any]] = setting(
        [], "Sources of the stream: tables `[[streams.NAME.sources]]`, each with a `type`."
    )


@dataclass
class FromSettings:
    """A table `[[streams.NAME.from]]`: settings that change from a night on."""

    night: datetime.date = setting(
        REQUIRED,
        "First night of the change. Earlier nights keep the settings that they were judged by.",
        example=datetime.date(2026, 1, 31),
    )
    pending_limit_s: float | None = setting(None, "As in `[streams.NAME]`.", example=7200)
    small_bytes: int | None = setting(None, "As in `[streams.NAME]`.", example=50_000)
    ignore: list[str] | None = setting(
        None, "As in `[streams.NAME]`, in place of its patterns.", example=["*_guider.fits"]
    )
    delay_warning_s: float | bool | None = setting(
        None, "As in `[streams.NAME]`; false ends the warning.", example=600
    )
    quiet_warning_s: float | None = setting(
        None, "As in `[streams.NAME]`; 0 ends the warning.", example=3600
    )
    quiet_error_s: float | None = setting(
        None, "As in `[streams.NAME]`; 0 ends the error.", example=7200
    )
    last_stage: str | None = setting(None, "As in `[streams.NAME]`.", example="archive")
    twilight_deg: float | None = setting(None, "As in `[streams.NAME]`.", example=12)
    gap_min_s: float | None = setting(None, "As in `[streams.NAME]`.", example=300)
    readout_s: float | None = setting(
        None, "As in `[streams.NAME]`, such as that of a new detector.", example=2
    )
    timeline: list[str] | None = setting(
        None,
        "As in `[streams.NAME]`, in place of its metrics; an empty list ends them.",
        example=["seeing"],
    )
    dome: dict[str, Any] | None = setting(
        None,
        "As in `[streams.NAME]`, in place of its table; an empty table ends the warning.",
        example={"metric": "weather/dome", "closed": ["shut"]},
    )
    measure_limits: list[dict[str, Any]] | None = setting(
        None,
        "As in `[streams.NAME]`, in place of its limits; an empty list ends them.",
        example=[{"measure": "seeing", "warning_above": 1.5}],
    )
    sources: dict[str, dict[str, Any]] = setting(
        {},
        "Settings of sources that change, in a table for each source's name.",
        example={"dome": {"zone": "UTC"}},
    )


# settings that may change from a night on
THRESHOLDS = tuple(
    field.name
    for field in dataclasses.fields(FromSettings)
    if field.name not in ("night", "sources")
)


@dataclass
class PreviewSettings:
    """A table `[streams.NAME.previews]`; `previews = true` takes its defaults."""

    size: int = setting(256, "Length of a picture's longer side in pixels, from 32 to 1024.")
    most: int = setting(
        200,
        "Pictures a night, up to 1000. If there are more images, the newest exposures come first, "
        "and the first detectors of each.",
    )
    seconds: float = setting(
        60,
        "Time in seconds that one run spends on pictures, up to 3600. The next run continues.",
    )
    folders: list[Path] = setting(
        [],
        "Folders whose files may be shown, in addition to those that the sources read.",
        example=["/data/quicklook"],
    )


@dataclass
class MeasureLimit:
    """A table `[[streams.NAME.measure_limits]]`."""

    measure: str = setting(
        REQUIRED,
        "Name of the measure: a metric that its source assigns to an exposure.",
        example="seeing",
    )
    types: list[str] = setting(["science"], "Types of the exposures that it holds for.")
    filters: list[str] = setting(
        [],
        "Filters or bands of these exposures, as the observing log shows them. By default, all.",
        example=["SDSSr", "SDSSi"],
    )
    error_below: float | None = setting(None, "A lower value is an error.", example=0)
    warning_below: float | None = setting(None, "A lower value is a warning.", example=0.2)
    warning_above: float | None = setting(None, "A higher value is a warning.", example=1.5)
    error_above: float | None = setting(None, "A higher value is an error.", example=3)


@dataclass
class DomeSettings:
    """A table `[streams.NAME.dome]`."""

    metric: str = setting(
        REQUIRED,
        "Metric that says if the dome is open, by name. Write `STREAM/NAME` for a metric of "
        "another stream.",
        example="weather/dome",
    )
    closed: list[str | float] = setting(
        REQUIRED,
        "Values that mean that it is closed: words, in any case, or numbers.",
        example=["closed", 0],
    )


@dataclass
class SourceSettings:
    """Keys that every source's table may have, whatever its type."""

    type: str = setting(REQUIRED, "Kind of the source.", example="files")
    name: str = setting(
        "", "Name of the source on the pages. By default, its type.", example="dome"
    )
    time_limit_s: float | None = setting(
        None,
        "Time that the source has to answer one question. By default, as in `[streams.NAME]`.",
        example=30,
    )
