"""The table `[storage]`: how object stores are reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import UsageError
from observing_monitor.readers.object_store import is_plain, lies_in
from observing_monitor.readers.plain_files import is_address
from observing_monitor.readers.store_options import Storage
from observing_monitor.settings.toml import Section, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def storage_of_file(path: str | Path | None, address: str) -> Storage:
    """Return how an address is reached.

    Without a file, and for addresses that it does not name, these are the defaults.
    """
    return storage_for(address, read_storages(path, read_settings(path)) if path else {})


def storage_for(address: str, storages: Mapping[str, Storage]) -> Storage:
    """Return the settings of the nearest address around one."""
    around = [other for other in storages if other and lies_in(address, other)]
    return storages.get(max(around, key=len, default="")) or Storage()


def read_storages(path: str | Path, settings: dict[str, Any]) -> dict[str, Storage]:
    """Return the tables of [storage] by address."""
    table = settings.get("storage", {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: storage is a table; write [storage]")
    of_addresses = {key: value for key, value in table.items() if is_address(key)}
    rest = {key: value for key, value in table.items() if key not in of_addresses}
    section = Section(f"{path}: [storage]", Path())
    storages = {"": _storage(section, rest)}
    for address, own in of_addresses.items():
        if not is_plain(address):
            # not repeated: it may have a password
            words = "has a table whose name is no address such as s3://bucket/prefix"
            raise section.error(f"{words}; leave out user and password")
        part = Section(f'{path}: [storage."{address}"]', Path())
        if not isinstance(own, dict):
            raise part.error(f'is a table; write [storage."{address}"], and its keys below it')
        storages[address] = _storage(part, own)
    return storages


def _storage(section: Section, table: dict[str, Any]) -> Storage:
    storage = section.read(table, Storage)
    try:
        storage.check()
    except UsageError as error:
        raise section.error(str(error)) from error
    return storage
