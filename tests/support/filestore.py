"""A file store for tests, and its source."""

import datetime
import os
from pathlib import Path

from observing_monitor.model.nights import NightRule
from observing_monitor.sources.base import Asked
from observing_monitor.sources.file_store import FileStore

NIGHT = datetime.date(2020, 2, 12)
NOW = datetime.datetime(2020, 3, 1, tzinfo=datetime.UTC)


def store(path, now=NOW, **settings):
    return FileStore(FileStore.Settings(Path(path), **settings), Asked("auxTel", NightRule(), now))


def put(path, size=20_000, at="2020-02-13T03:12:41"):
    """Make a file with size and modification time (UTC)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
    seconds = datetime.datetime.fromisoformat(at + "+00:00").timestamp()
    os.utime(path, (seconds, seconds))
    return path


def read(path, night=NIGHT, **settings):
    return store(path, **settings).read(night)
