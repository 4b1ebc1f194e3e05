"""Read the `butler.yaml` of a Gen3 repository."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError
from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.fault_words import yaml_words
from observing_monitor.readers.plain_files import open_plain

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


# daf_butler's default name for a datastore's table
RECORDS = "file_datastore_records"
MAX_BYTES = 1_000_000  # of a butler.yaml
MAX_VALUES = 10_000  # in it; aliases may repeat a few lines a billion times
IS_IT = "is it a Butler's configuration?"


@dataclass(frozen=True)
class Repository:
    """The places of a repository's parts.

    Attributes
    ----------
    url
        The registry's database.
    namespace
        Its schema, on PostgreSQL.
    datastores
        Root (a path or URI) and table of records of each datastore.
    """

    url: str
    namespace: str | None
    datastores: tuple[tuple[str, str], ...]


def read_repository(path: Path, url: str = "") -> Repository:
    """Return where the parts of a repository are.

    Parameters
    ----------
    path
        A directory with butler.yaml or gen3repo/butler.yaml, or a butler.yaml.
    url
        The registry's database, if not that of butler.yaml.

    Raises
    ------
    SourceError
        If there is no butler.yaml, or it does not say where things are.
    """
    file = _butler_yaml(path)
    config = _read_yaml(file)
    root = str(config.get("root") or file.parent).rstrip("/")
    registry, datastore = config.get("registry") or {}, config.get("datastore") or {}
    if not isinstance(registry, dict) or not isinstance(datastore, dict):
        raise SourceError(f"{file}: registry and datastore should be tables; {IS_IT}")
    if "remote" in str(config.get("cls", "")).lower():
        remedy = "`path` must lead to the repository itself"
        raise SourceError(f"{file}: is a Butler's that is read over HTTP; {remedy}")

    def filled(text: str) -> str:
        return str(text).replace("<butlerRoot>", root)

    db = registry.get("db") or "sqlite:///<butlerRoot>/gen3.sqlite3"
    if not isinstance(db, str) or "://" not in db:
        raise SourceError(f"{file}: registry.db is no database's address; {IS_IT}")
    database = url or filled(db)
    if database.startswith("sqlite:///") and not database.startswith("sqlite:////"):
        database = "sqlite:///" + os.path.join(root, database.removeprefix("sqlite:///"))
    stores = tuple(
        (filled(where).rstrip("/"), table) for where, table in _datastores(datastore, file)
    )
    return Repository(database, str(registry.get("namespace") or "") or None, stores)


def _butler_yaml(path: Path) -> Path:
    if path.suffix in (".yaml", ".yml"):
        return path
    here, below = path / "butler.yaml", path / "gen3repo" / "butler.yaml"
    for file in (here, below):
        if file.exists():
            return file
    words = "a Gen3 repository has its butler.yaml in one of these places"
    raise SourceError(f"{here}: no such file, nor {below}; {words}")


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        with open_plain(file) as opened:
            data = opened.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SourceError(f"{file}: has more than {MAX_BYTES:,} bytes; {IS_IT}")
        config = yaml.safe_load(data.decode("utf-8"))
    except OSError as error:
        words = "it tells where a Gen3 repository's registry is"
        raise SourceError(f"{file}: {os_error_text(error)}; {words}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise SourceError(f"{file}: {yaml_words(error)}; {IS_IT}") from error
    if not isinstance(config, dict):
        raise SourceError(f"{file}: holds no tables; {IS_IT}")
    if not _is_small(config):
        raise SourceError(f"{file}: has more than {MAX_VALUES:,} values; {IS_IT}")
    return config


def _is_small(value: object) -> bool:
    """True if a value of YAML has few values, with aliases."""
    left, n_values = [value], 0
    while left and n_values <= MAX_VALUES:
        one = left.pop()
        n_values += 1
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return n_values <= MAX_VALUES


def _datastores(config: dict[str, Any], file: Path) -> list[tuple[str, str]]:
    """Return each datastore's root and table of records.

    A chain's datastores keep its order. Those without files are left out.
    """
    inner = config.get("datastores", ())
    records = config.get("records") or {}
    if not (
        isinstance(inner or (), list | tuple)
        and all(isinstance(table, dict) for table in (*(inner or ()), records))
    ):
        raise SourceError(f"{file}: its datastores and their records should be tables; {IS_IT}")
    if "datastores" in config:
        return [store for one in inner or () for store in _datastores(one, file)]
    if str(config.get("cls", "")).endswith("InMemoryDatastore"):
        return []
    root = str(config.get("root") or "<butlerRoot>/datastore")
    return [(root, str(records.get("table") or RECORDS))]
