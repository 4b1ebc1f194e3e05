"""What other programs read of a site: `status.json`, a Prometheus textfile, an Atom feed of nights that changed.

The first two are written at every run, and are small; the feed only when it says something else than before. None needs more than
the rows of the index: no table is opened, and nothing heavy is imported.

Sources of the formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4) and RFC 4287 (Atom 1.0).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.feeds.site_status import SITE, instant_of
from observing_monitor.model import columns
from observing_monitor.model.finding import LEVELS
from observing_monitor.model.nights import parse_night
from observing_monitor.model.wording import visible
from observing_monitor.storage.sealed import as_bytes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from observing_monitor.feeds.site_status import RunSummary, Status
    from observing_monitor.storage.output import Output


TEXTFILE = "observing_monitor.prom"


# --- Prometheus ------------------------------------------------------------------------------------------------------------

_PREFIX = "observing_monitor"


class _Metrics:
    """The lines of a textfile: HELP and TYPE once a metric, then its samples."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def add(self, name: str, words: str, value: float | None, **labels: str) -> None:
        """A sample of a gauge; nothing where its value is not known."""
        if value is None:
            return
        name = f"{_PREFIX}_{name}"
        lines = self.lines.setdefault(name, [f"# HELP {name} {words}", f"# TYPE {name} gauge"])
        told = ",".join(f'{label}="{_label(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {float(value)!r}" if told else f"{name} {float(value)!r}")

    def text(self) -> str:
        return "".join(f"{line}\n" for lines in self.lines.values() for line in lines)


def _label(text: str) -> str:
    return str(visible(text)).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unix(instant: datetime.datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def textfile(standings: Sequence[Status], heartbeat: Mapping[str, Any], run: RunSummary) -> str:
    """The text of the Prometheus textfile: statuses are 0 normal, 1 warning, 2 error; instants are unix seconds."""
    made, site = (
        _Metrics(),
        next(standing.title for standing in standings if standing.stream == SITE),
    )
    made.add(
        "build_info",
        "The version of observing_monitor, as a label.",
        1,
        site=site,
        version=__version__,
    )
    made.add(
        "run_timestamp_seconds",
        "When the last run began.",
        _unix(instant_of(heartbeat["run_at"])),
        site=site,
    )
    made.add(
        "run_duration_seconds",
        "How long the last run took, until it wrote this.",
        round(run.seconds, 3),
        site=site,
    )
    made.add(
        "run_problems",
        "What went wrong in the last run: lines on its stderr.",
        run.n_problems,
        site=site,
    )
    made.add("run_nights_looked_at", "Nights that the last run looked at.", run.n_looked, site=site)
    made.add(
        "run_nights_changed", "Nights of which it found something new.", run.n_changed, site=site
    )
    made.add("run_pages_written", "Pages that it wrote.", run.n_pages, site=site)
    for standing in standings:
        if standing.stream == SITE:
            made.add(
                "status",
                "Status of the site: 0 normal, 1 warning, 2 error.",
                LEVELS.index(standing.status),
                site=site,
            )
            made.add(
                "status_since_timestamp_seconds",
                "Since when the site has this status.",
                _unix(standing.since),
                site=site,
            )
        else:
            _add_stream(
                made,
                standing,
                heartbeat["streams"].get(standing.stream) or {},
                {"site": site, "stream": standing.stream},
            )
    return made.text()


def _add_stream(
    made: _Metrics, standing: Status, beat: Mapping[str, Any], labels: dict[str, str]
) -> None:
    level = LEVELS.index(standing.status)
    made.add(
        "stream_status", "Status of the stream: 0 normal, 1 warning, 2 error.", level, **labels
    )
    made.add(
        "stream_status_since_timestamp_seconds",
        "Since when the stream has this status.",
        _unix(standing.since),
        **labels,
    )
    made.add(
        "stream_read_timestamp_seconds",
        "When the stream's sources were last looked at.",
        _unix(instant_of(beat.get("read_at"))),
        **labels,
    )
    for name, _ in standing.sources:
        own, silent = {**labels, "source": name}, standing.silent.get(name) or {}
        answered = _unix(
            instant_of(((beat.get("sources") or {}).get(name) or {}).get("answered_at"))
        )
        made.add(
            "source_up",
            "Whether the source answered when it was last asked: 1 yes, 0 no.",
            0 if silent else 1,
            **own,
        )
        made.add(
            "source_answered_timestamp_seconds", "When the source last answered.", answered, **own
        )
        made.add(
            "source_silent_since_timestamp_seconds",
            "Since when a silent source is silent.",
            _unix(instant_of(silent.get("since"))),
            **own,
        )
    if not standing.latest:
        return
    night = standing.latest
    starts_at = standing.rule.bounds(parse_night(night["night"]))[0]
    made.add(
        "night_start_timestamp_seconds", "When the newest night began.", _unix(starts_at), **labels
    )
    for c in columns.CLASSES:
        words = "Files of the newest night by class: the classes add up to all files."
        made.add("night_files", words, night.get(f"n_{c.name}"), **labels, **{"class": c.name})
    counted = {"n_lost": "lost", "n_twice": "twice", "n_acknowledged": "acknowledged"}
    for name, word in counted.items():
        words = "Files of the newest night that are counted beside the classes."
        made.add("night_files_beside", words, night.get(name), **labels, what=word)
    made.add(
        "night_exposures",
        "Exposures of the newest night, where known.",
        night.get("n_exposures"),
        **labels,
    )
    made.add(
        "night_size_bytes",
        "Bytes of all files of the newest night.",
        night.get("size_bytes"),
        **labels,
    )
    made.add(
        "night_completeness_ratio",
        "Ingested, of all that should be, in the newest night.",
        night.get("completeness"),
        **labels,
    )
    for name in ("created", "transferred", "ingested"):
        instant = _unix(instant_of(night.get(f"last_{name}_at")))
        made.add(
            f"night_last_{name}_timestamp_seconds",
            f"When the latest file of the newest night was {name}.",
            instant,
            **labels,
        )
    for stage, verb in (("transfer", "arrive"), ("ingest", "be ingested")):
        for name, part in (("median", "0.5"), ("p90", "0.9"), ("max", "1")):
            words = f"Time that files of the newest night took to {verb}, by the part of them that took no longer."
            made.add(
                f"night_{stage}_delay_seconds",
                words,
                night.get(f"{stage}_delay_{name}_s"),
                **labels,
                part=part,
            )


def write_textfile(text: str, output: Output, more: Path | None) -> list[str]:
    """Write the textfile beside the pages, and where the settings want it; a line for what could not be written."""
    output.write(TEXTFILE, text)
    if more is None:
        return []
    # beside its place, under a name that node_exporter does not read, so that it never sees half of it; always the same, so that
    # killed runs leave no more than one
    beside = more.with_name(f".{more.name}.unfinished")
    try:
        beside.write_bytes(output.redaction.file(TEXTFILE, as_bytes(text)))
        os.replace(beside, more)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        return [
            f"{more}: {(error.strerror or str(error)).lower()}; prometheus_file names a file in a folder that can be written"
        ]
    return []
