"""Environment variables that nothing reads."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from observing_monitor.settings.receivers import Receiver
    from observing_monitor.settings.stream import Stream


PREFIX = "OBSMON_"
# of cron_observing_monitor.sh
OF_CRON = ("OBSMON_CONFIG", "OBSMON_LOG", "OBSMON_LOG_BYTES", "OBSMON_VENV")
# of the tests, the benchmarks and `make`
OF_TESTS = ("OBSMON_CHROMIUM", "OBSMON_REQUIRE", "OBSMON_SHARED_DATA")


def unknown_variables(
    environment: Iterable[str],
    options: argparse.Namespace,
    streams: Iterable[Stream],
    receivers: Iterable[Receiver],
) -> list[str]:
    """Return a sentence per variable that nothing reads.

    Values are left out: they may be secrets.

    Parameters
    ----------
    environment
        Names of variables.
    options
        Of the command line: each can be given by a variable.
    streams, receivers
        Of the settings, which may name variables of passwords.
    """
    of_options = {f"{PREFIX}{name.upper()}" for name in vars(options) if name != "nearness"}
    known = {*of_options, *OF_CRON, *OF_TESTS}
    unknown = {name for name in environment if name.startswith(PREFIX)} - known
    if not unknown:
        return []
    import difflib

    versions = [version for stream in streams for version in stream.versions]
    settings = [source.settings for version in versions for source in version.sources]
    unknown -= {*_named_in([*settings, *(receiver.settings for receiver in receivers)])}
    sentences = []
    for name in sorted(unknown):
        ends = [one.removeprefix(PREFIX) for one in known]
        near = difflib.get_close_matches(name.removeprefix(PREFIX), ends, 1)
        remedy = f"did you mean {PREFIX}{near[0]}?" if near else "no option has this name"
        sentences.append(f"{name} in the environment has no effect; {remedy}")
    return sentences


def _named_in(settings: Iterable[Any]) -> Iterator[str]:
    """Yield the variables that settings name."""
    for record in settings:
        if dataclasses.is_dataclass(record) and not isinstance(record, type):
            for field in dataclasses.fields(record):
                value = getattr(record, field.name)
                if field.name.endswith("_env") and isinstance(value, str):
                    yield value
                yield from _named_in([value])
