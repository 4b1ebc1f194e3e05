"""The textfile for Prometheus, in its text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/ describes the format.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from observing_monitor import __version__
from observing_monitor.feeds.site_status import SITE, instant_of
from observing_monitor.model import columns
from observing_monitor.model.finding import rank
from observing_monitor.model.messages import os_error_text
from observing_monitor.model.nights import parse_night
from observing_monitor.model.wording import visible
from observing_monitor.readers.plain_files import check_plain, plain
from observing_monitor.storage import layout
from observing_monitor.storage.sealed import as_bytes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from observing_monitor.feeds.site_status import RunSummary, Status
    from observing_monitor.storage.output import Output


_PREFIX = "observing_monitor"
_RANKS = "-1 nothing yet, 0 normal, 1 warning, 2 error"


class _Gauges:
    """Lines of a textfile: HELP, TYPE and samples of each metric."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, meaning: str, value: float | None, **labels: str) -> None:
        """Add a sample of a gauge, if it is known."""
        if value is None:
            return
        name = f"{_PREFIX}_{name}"
        header = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
        pairs = ",".join(f'{label}="{_label(text)}"' for label, text in labels.items())
        sample = f"{name}{{{pairs}}}" if pairs else name
        self._lines.setdefault(name, header).append(f"{sample} {float(value)!r}")

    def text(self) -> str:
        return "".join(f"{line}\n" for lines in self._lines.values() for line in lines)


def _label(text: str) -> str:
    return str(visible(text)).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unix(instant: datetime.datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _unix_of(text: str | None) -> float | None:
    """Return an instant in unix seconds."""
    return _unix(instant_of(text))


def textfile(statuses: Sequence[Status], heartbeat: Mapping[str, Any], run: RunSummary) -> str:
    """Return the text of the Prometheus textfile.

    Statuses are -1 nothing yet, 0 normal, 1 warning, 2 error; instants are unix seconds.
    """
    gauges = _Gauges()
    site = next(status for status in statuses if status.stream == SITE)
    _add_run(gauges, run, heartbeat, site.title)
    for status in statuses:
        if status.stream == SITE:
            _add_site(gauges, status)
            continue
        labels = {"site": site.title, "stream": status.stream}
        beat = heartbeat["streams"].get(status.stream) or {}
        _add_stream(gauges, status, beat, labels)
        for name, _ in status.sources:
            _add_source(gauges, status, beat, name, labels)
        if status.latest:
            _add_night(gauges, status, status.latest, labels)
            _add_night_times(gauges, status.latest, labels)
    return gauges.text()


def _add_run(gauges: _Gauges, run: RunSummary, heartbeat: Mapping[str, Any], site: str) -> None:
    version = "The version of observing_monitor, as a label."
    gauges.add("build_info", version, 1, site=site, version=__version__)
    run_at = _unix_of(heartbeat["run_at"])
    gauges.add(
        "run_timestamp_seconds", "When the last run that read the sources began.", run_at, site=site
    )
    for name, meaning, value in (
        (
            "duration_seconds",
            "How long the last run took, until it wrote this.",
            round(run.seconds, 3),
        ),
        ("problems", "Problems of the last run: lines on its stderr.", run.n_problems),
        ("nights_looked_at", "Nights that the last run looked at.", run.n_looked),
        ("nights_changed", "Nights that had something new.", run.n_changed),
        ("pages_written", "Pages that the last run wrote.", run.n_pages),
    ):
        gauges.add(f"run_{name}", meaning, value, site=site)


def _add_site(gauges: _Gauges, status: Status) -> None:
    level = f"Status of the site: {_RANKS}."
    gauges.add("status", level, rank(status.status), site=status.title)
    since = "Since when the site has this status."
    at = _unix(status.since)
    gauges.add("status_since_timestamp_seconds", since, at, site=status.title)


def _add_stream(
    gauges: _Gauges, status: Status, beat: Mapping[str, Any], labels: dict[str, str]
) -> None:
    level = f"Status of the stream: {_RANKS}."
    gauges.add("stream_status", level, rank(status.status), **labels)
    since = "Since when the stream has this status."
    gauges.add("stream_status_since_timestamp_seconds", since, _unix(status.since), **labels)
    read = "When the stream's sources were last looked at."
    gauges.add("stream_read_timestamp_seconds", read, _unix_of(beat.get("read_at")), **labels)


def _add_source(
    gauges: _Gauges, status: Status, beat: Mapping[str, Any], name: str, labels: dict[str, str]
) -> None:
    own, silent = {**labels, "source": name}, status.silent.get(name) or {}
    up = "Whether the source answered when it was last asked: 1 yes, 0 no."
    gauges.add("source_up", up, 0 if silent else 1, **own)
    answered_at = ((beat.get("sources") or {}).get(name) or {}).get("answered_at")
    answered = "When the source last answered."
    gauges.add("source_answered_timestamp_seconds", answered, _unix_of(answered_at), **own)
    since = "Since when a silent source is silent."
    at = _unix_of(silent.get("since"))
    gauges.add("source_silent_since_timestamp_seconds", since, at, **own)
    if rows := status.rows.get(name):
        meaning = "Rows that the source read, used and left out for the two newest nights."
        n_read, n_left_out = rows["n_read"], rows["n_left_out"]
        for what, n in (
            ("read", n_read),
            ("used", n_read - n_left_out),
            ("left_out", n_left_out),
        ):
            gauges.add("source_rows", meaning, n, **own, what=what)


def _add_night(
    gauges: _Gauges, status: Status, night: Mapping[str, Any], labels: dict[str, str]
) -> None:
    """Add the counts of the newest night."""
    start = status.rule.bounds(parse_night(night["night"]))[0]
    began = "When the newest night began."
    gauges.add("night_start_timestamp_seconds", began, _unix(start), **labels)
    files = "Files of the newest night by class: the classes add up to all files."
    for c in columns.CLASSES:
        count = night.get(f"n_{c.name}")
        gauges.add("night_files", files, count, **labels, **{"class": c.name})
    also = "Files of the newest night that are counted in addition to the classes."
    for what in ("lost", "twice", "acknowledged"):
        gauges.add("night_files_beside", also, night.get(f"n_{what}"), **labels, what=what)
    exposures = "Exposures of the newest night, where known."
    gauges.add("night_exposures", exposures, night.get("n_exposures"), **labels)
    size = "Bytes of all files of the newest night."
    gauges.add("night_size_bytes", size, night.get("size_bytes"), **labels)
    share = "Ingested files of the newest night, of all that should be ingested."
    gauges.add("night_completeness_ratio", share, night.get("completeness"), **labels)


def _add_night_times(gauges: _Gauges, night: Mapping[str, Any], labels: dict[str, str]) -> None:
    """Add the times and delays of the newest night."""
    for name in ("created", "transferred", "ingested"):
        meaning = f"When the latest file of the newest night was {name}."
        at = _unix_of(night.get(f"last_{name}_at"))
        gauges.add(f"night_last_{name}_timestamp_seconds", meaning, at, **labels)
    for stage, verb in (("transfer", "arrive"), ("ingest", "be ingested")):
        meaning = (
            f"Time to {verb} in the newest night: the share `part` of its files took no longer."
        )
        for name, part in (("median", "0.5"), ("p90", "0.9"), ("max", "1")):
            delay_s = night.get(f"{stage}_delay_{name}_s")
            gauges.add(f"night_{stage}_delay_seconds", meaning, delay_s, **labels, part=part)


def _check_ours(path: Path) -> None:
    """Raise OSError if others wrote a file."""
    from observing_monitor.storage.ledger import SIGN_BYTES
    from observing_monitor.storage.marks import is_marked

    check_plain(path)
    with contextlib.suppress(FileNotFoundError), open(path, "rb", opener=plain) as file:
        head = file.read(SIGN_BYTES)
        # a killed run may leave an empty one
        if head and not is_marked(layout.TEXTFILE, head, head):
            words = "observing_monitor did not write it, so it stays as it is"
            raise FileExistsError(errno.EEXIST, words, os.fspath(path))


def write_textfile(text: str, output: Output, copy: Path | None) -> list[str]:
    """Write the textfile, and its copy if one is set.

    Returns
    -------
    list of str
        A line if the copy could not be written.
    """
    output.write(layout.TEXTFILE, text)
    if copy is None:
        return []
    # node_exporter does not read files of this name, and so never reads half a file; the name is
    # always the same, so that killed runs leave only one
    unfinished = copy.with_name(f".{copy.name}.unfinished")
    try:
        for path in (copy, unfinished):
            _check_ours(path)
        with open(unfinished, "wb", opener=plain) as file:
            file.write(output.redaction.file(layout.TEXTFILE, as_bytes(text)))
        os.replace(unfinished, copy)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        words = "prometheus_file names a file in a folder that can be written"
        if isinstance(error, FileExistsError):
            words = "remove it, or let prometheus_file name another"
        return [f"{copy}: {os_error_text(error)}; {words}"]
    return []
