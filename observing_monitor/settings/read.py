"""The settings file: its options and its streams.

The file is TOML. Its table `[observing_monitor]` has what the command line has. Each
`[streams.NAME]` is a stream, and each `[[streams.NAME.sources]]` one of its sources. Each
`[notify.NAME]` and `[streams.NAME.notify.NAME]` is a receiver of changes of status. `[storage]`
says how object stores are reached. Relative paths begin at the file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import configargparse
from msgspec import structs

from observing_monitor.errors import UsageError
from observing_monitor.processes.timelimit import LOOK_S, within
from observing_monitor.readers.object_store import check_address
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings.build import (
    StreamTable,
    build_stream,
    dated_streams,
    read_changes,
)
from observing_monitor.settings.records import StreamSettings
from observing_monitor.settings.source_tables import split_address
from observing_monitor.settings.storages import read_storages
from observing_monitor.settings.toml import (
    EMPTY,
    TABLE,
    Section,
    check_keys,
    folder_of,
    read_settings,
)

if TYPE_CHECKING:
    from typing import TextIO

    from observing_monitor.readers.store_options import Storage
    from observing_monitor.settings.stream import Stream


# options that are paths, or addresses of object stores
PLACES = ("output_dir", "store_dir")
# options that are paths relative to the settings file
PATHS = (*PLACES, "log_file", "prometheus_file", "known_issues")


# ConfigArgParse has no annotations: its classes are Any
class SettingsFileParser(configargparse.ConfigFileParser):  # type: ignore[misc]
    """Reader of the table `[observing_monitor]` for ConfigArgParse."""

    options: Sequence[str] = ()  # names that the table may have; the command line sets them

    def parse(self, stream: TextIO) -> dict[str, str | list[str]]:
        """Return the options of the table."""
        path = Path(stream.name)
        table = read_settings(path).get(TABLE, {})
        check_keys(f"{path}: [{TABLE}]", table, self.options)
        for key in PATHS:
            # an empty path, such as an unset variable, would be the folder of the settings
            if table.get(key) == "":
                raise UsageError(f"{path}: [{TABLE}] {key}: {EMPTY}")
            if isinstance(table.get(key), str) and not (key in PLACES and is_address(table[key])):
                table[key] = str(folder_of(path) / Path(table[key]).expanduser())
        return {key: _as_option(value) for key, value in table.items()}

    def get_syntax_description(self) -> str:
        """Return the text about the settings file for `--help`."""
        return (
            "The settings file is TOML: options in [observing_monitor], "
            "a stream in each [streams.NAME]."
        )


def _as_option(value: object) -> str | list[str]:
    if isinstance(value, list):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def unopened(path: str) -> TextIO:
    """Return an empty file of this name, for ConfigArgParse.

    `SettingsFileParser` reads the file by its name. ConfigArgParse would report a missing file in
    its own words.
    """
    file = io.StringIO()
    file.name = path
    return file


def streams_of_file(path: str | Path) -> list[Stream]:
    """Return the streams of a settings file, in order.

    Raises
    ------
    UsageError
        The file cannot be read, a setting is wrong, or there is no stream.
    """
    settings = read_settings(path)
    tables, storages = settings.get("streams", {}), read_storages(path, settings)
    if not tables:
        raise UsageError(f"{path}: has no stream; add a table [streams.NAME] with input_dir")
    return [_read_stream(Path(path), name, table, storages) for name, table in tables.items()]


def _read_stream(
    path: Path, name: str, settings: dict[str, Any], storages: dict[str, Storage]
) -> Stream:
    """Return a stream with its dated changes."""
    section = Section(f"{path}: [streams.{name}]", folder_of(path))
    dated = Section(f"{path}: [[streams.{name}.from]]", folder_of(path))
    settings, of_address = split_address(dict(settings))
    changes = read_changes(dated, settings.pop("from", []))
    described = section.read(settings, StreamSettings)
    described.sources = [*of_address, *described.sources]
    table = StreamTable(section, name, name, described, storages)
    stream = build_stream(table)
    later = dated_streams(structs.replace(table, section=dated), stream, changes)
    return structs.replace(stream, later=tuple(later))


def stream_of_flags(name: str, input_dir: str | Path, **settings: Any) -> Stream:
    """Return the stream of a command line without settings file.

    Its pages are at the top of the output. `settings` are those of `StreamSettings`.
    """
    if is_address(input_dir):
        check_address(str(input_dir))
        for key in sorted({"gen", "query_links"} & set(settings)):
            words = "an object store has no Butler repository that can be read"
            raise UsageError(f"--{key}: {words}; leave it out, {input_dir} is read for its files")
        sources = [{"type": "files", "path": str(input_dir)}]
        described = StreamSettings(sources=sources, **settings)
    else:
        folder = Path(input_dir)
        # a disk that does not answer is left to its source
        if not within(LOOK_S, folder.is_dir, True):
            words = "--input_dir names the one with storage/ and gen2repo/ or gen3repo/"
            raise UsageError(f"{folder}: no such directory; {words}")
        described = StreamSettings(input_dir=folder.absolute(), **settings)
    section = Section("the command line:", Path())
    return build_stream(StreamTable(section, name, "", described, {}))
