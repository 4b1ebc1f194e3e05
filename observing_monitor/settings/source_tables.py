"""The sources of a stream."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import UsageError
from observing_monitor.model.columns import HISTORY
from observing_monitor.readers.object_store import check_address
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings.limits import check_time_limit
from observing_monitor.settings.records import SourceSettings, StreamSettings
from observing_monitor.settings.storages import storage_for
from observing_monitor.settings.stream import DescribedSource
from observing_monitor.sources.registry import BUILT_IN, source_class, source_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observing_monitor.readers.store_options import Storage
    from observing_monitor.settings.toml import Section


# keys of every source's table that its own record does not have
COMMON_KEYS = tuple(field.name for field in dataclasses.fields(SourceSettings))


def split_address(table: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Split an address from a stream's table.

    The second value is a list of no or one source table.
    """
    address = table.get("input_dir")
    if not (isinstance(address, str) and is_address(address)):
        return table, []
    rest = {key: value for key, value in table.items() if key != "input_dir"}
    return rest, [{"type": "files", "path": address}]


def read_sources(
    section: Section,
    name: str,
    described: StreamSettings,
    storages: Mapping[str, Storage],
    changes: Mapping[str, dict[str, Any]],
) -> tuple[DescribedSource, ...]:
    """Return the sources of a stream, those of input_dir first.

    Parameters
    ----------
    section : Section
        The stream's table.
    name : str
        The stream's name.
    described : StreamSettings
    storages : mapping
        As `read_storages` returns it.
    changes : mapping
        Name of a source -> settings that replace those of its table.
    """
    tables = [*_tables_of_input_dir(section, described), *described.sources]
    if not tables:
        words = f"set input_dir, or add a table [[streams.{name}.sources]]"
        raise section.error(f"has no source; {words}")
    sources = []
    for table in tables:
        changed = changes.get(str(table.get("name", table.get("type"))), {})
        source = _read_source(section, table | changed, described.time_limit_s, storages)
        if source.kind == "notes" and not source.settings.zone:
            source.settings.zone = described.timezone
        sources.append(source)
    names = [source.name for source in sources]
    for twice in {name for name in names if names.count(name) > 1}:
        raise section.error(f"has two sources named {twice!r}; give one of them another name")
    return tuple(sources)


def _tables_of_input_dir(section: Section, described: StreamSettings) -> list[dict[str, Any]]:
    if described.input_dir is None:
        return []
    files = {
        "type": "files",
        "path": described.input_dir / "storage",
        "transfer_log": described.transfer_log,
        "transfer_log_zone": described.transfer_log_zone,
        "transfer_log_prefix": described.transfer_log_prefix,
    }
    if described.gen == 2:
        repository = described.input_dir / "gen2repo"
        gen2 = {"type": "gen2", "path": repository, "query_links": described.query_links}
        return [files, gen2]
    if described.gen == 3:
        return [{**files, "optional": True}, {"type": "gen3", "path": described.input_dir}]
    raise section.error(f"gen: {described.gen} is no generation of the Butler; write 2 or 3")


def _read_source(
    section: Section,
    table: dict[str, Any],
    time_limit_s: float,
    storages: Mapping[str, Storage],
) -> DescribedSource:
    """Return one source of a stream."""
    kind, name = table.get("type"), table.get("name", table.get("type"))
    if kind not in BUILT_IN and kind not in source_kinds():
        known = ", ".join(source_kinds())
        raise section.error(f"the type of a source is {kind!r}; it is one of {known}")
    if not (isinstance(name, str) and name and name.isprintable()) or name == HISTORY:
        words = f"write plain text other than {HISTORY!r}"
        raise section.error(f"the name of a source is {name!r}; {words}")
    if kind == "files" and is_address(table.get("path")):
        kind = "objects"
    section = section.within(f"source {name!r}:")
    own = {key: value for key, value in table.items() if key not in COMMON_KEYS}
    common = section.read({k: v for k, v in table.items() if k in COMMON_KEYS}, SourceSettings)
    limit_s = time_limit_s if common.time_limit_s is None else common.time_limit_s
    check_time_limit(section, limit_s)
    if kind == "objects" and isinstance(own.get("path"), str):
        try:
            own["path"] = check_address(own["path"])
        except UsageError as error:
            raise section.error(f"path: {error}") from error
    settings: Any = section.read(own, source_class(kind).Settings, ["time_limit_s"])
    if kind == "objects" and "storage" not in own:
        settings.storage = storage_for(settings.path, storages)
    if kind not in BUILT_IN:
        from observing_monitor.sources.packages import check_static

        check_static(kind, source_class(kind), settings)
    return DescribedSource(name, kind, settings, float(limit_s))
