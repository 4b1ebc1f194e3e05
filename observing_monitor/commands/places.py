"""The output that the options name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from observing_monitor.commands.options import make_redaction
from observing_monitor.errors import UsageError
from observing_monitor.readers.plain_files import is_address
from observing_monitor.settings.storages import storage_of_file
from observing_monitor.storage import layout
from observing_monitor.storage.output import Output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from observing_monitor.settings.stream import Stream
    from observing_monitor.storage.redact import Redaction


NO_OUTPUT = (
    "output_dir is not set; give --output_dir DIR, or output_dir in [observing_monitor] of the "
    "settings file"
)


def open_output(options: argparse.Namespace, streams: Iterable[Stream] = ()) -> Output:
    """Return the output that the options describe.

    Raises
    ------
    UsageError
        There is none, or what `redact` and `hide` hide would be in a store next to the pages.
    """
    if options.output_dir is None:
        raise UsageError(NO_OUTPUT)
    redaction = make_redaction(options)
    if options.redact and options.store_dir is None:
        raise _store_is_public(f"redact hides {options.redact[0]!r} and more")
    hiding = next((stream.name for stream in streams if stream.hide), None)
    if hiding and (options.store_dir is None or _is_below(options.store_dir, options.output_dir)):
        raise _store_is_public(f"[streams.{hiding}] hide hides facts of exposures")
    pages = _output_at("output_dir", options.output_dir, options.config, redaction)
    if options.store_dir is None and not _is_elsewhere(pages):
        return pages
    from observing_monitor.storage.split_output import SplitOutput

    if options.store_dir is None:
        return SplitOutput(pages, Output(pages.store))
    store = _output_at("store_dir", options.store_dir, options.config)
    if store.root == pages.root:
        raise UsageError(f"store_dir {store.root} is output_dir itself; name another folder")
    return SplitOutput(pages, store)


def _store_is_public(hides: str) -> UsageError:
    """Return the error about a public store."""
    words = "the store, which keeps them, would be in the folder of the pages"
    remedy = "set store_dir to a folder that no web server shows"
    return UsageError(f"{hides}, but {words}; {remedy}")


def _is_below(place: str | Path, folder: str | Path) -> bool:
    """True if a place lies inside a folder."""
    if is_address(place) or is_address(folder):
        return str(place).startswith(f"{str(folder).rstrip('/')}/")
    inner, outer = os.path.realpath(place), os.path.realpath(folder)
    return inner != outer and os.path.commonpath([inner, outer]) == outer


def _output_at(
    name: str, place: str | Path, config: str | None, redaction: Redaction | None = None
) -> Output:
    """Return the output at a folder or an address."""
    if not is_address(place):
        return Output(place, redaction)
    from observing_monitor.storage.object_output import ObjectOutput

    try:
        return ObjectOutput(str(place), storage_of_file(config, str(place)), redaction)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _is_elsewhere(output: Output) -> bool:
    """True if `data` is a link or on another disk.

    Raises
    ------
    UsageError
        If it is a link to a folder that holds other things than a store.
    """
    if is_address(output.root):
        return False
    try:
        is_link = os.path.islink(output.store)
        if is_link and not _may_be_store(os.listdir(output.store)):
            real = os.path.realpath(output.store)
            words = f"is a link to {real}, which holds no store and is not empty"
            raise UsageError(f"{output.store} {words}; set store_dir to a folder of its own")
        return is_link or os.stat(output.store).st_dev != os.stat(output.root).st_dev
    except OSError:  # it does not exist yet
        return False


def _may_be_store(names: list[str]) -> bool:
    """True for the names in a store, and for none."""
    beginning = layout.stream_store("").rpartition("/")[2]
    return not names or any(
        name.startswith(beginning) or name in (layout.LEDGER, layout.UNFINISHED) for name in names
    )


def stored_streams(output: Output) -> list[str]:
    """Return the streams that have a store in an output."""
    beginning = layout.stream_store("").rpartition("/")[2]
    names = output.names(layout.STORE)
    return [name.removeprefix(beginning) for name in names if name.startswith(beginning)]


def check_alone(output: Output, streams: list[Stream]) -> None:
    """Raise UsageError if another stream has its pages there."""
    if any(stream.folder for stream in streams):
        return
    others = sorted({*stored_streams(output)} - {stream.name for stream in streams})
    if others:
        words = "choose another folder, or describe the streams in a settings file"
        raise UsageError(
            f"output_dir {output.root} holds the pages of {', '.join(others)}; {words}"
        )
