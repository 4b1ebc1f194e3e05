"""A source on a folder of FitsStorage logs."""

import datetime

from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.registry import source_class

NOW = datetime.datetime(2016, 3, 19, 4, 0, tzinfo=datetime.UTC)


def source(folder, now=NOW, rule="UTC", **settings):
    """Return the source on a folder, as of `now`."""
    kind = source_class("fitsstorage_logs")
    return kind(
        kind.Settings(**{"path": folder, "zone": "UTC", **settings}),
        Asked("gemini", NightRule.parse(rule), now),
    )


def attempts(reading, stage):
    """Return a stage's attempts: (name, status) in order."""
    own = reading.attempts[reading.attempts["stage"] == stage]
    return list(zip(own["path"], own["status"], strict=True))


def samples(reading, name, node):
    """Return a reading's values of a metric."""
    own = reading.metrics[(reading.metrics["name"] == name) & (reading.metrics["node"] == node)]
    return own["value"].tolist()


def site_of(folder, zone="UTC", rule="UTC", last_stage="ingest"):
    """Write settings beside the folder `logs`; return their path."""
    path = folder / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "site"\n'
        f'[streams.gemini]\nnight_rule = "{rule}"\nlast_stage = "{last_stage}"\n'
        f'[[streams.gemini.sources]]\ntype = "fitsstorage_logs"\npath = "logs"\nzone = "{zone}"\n'
    )
    return path
