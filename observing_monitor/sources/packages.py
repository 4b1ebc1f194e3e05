"""Call code of other packages, which may fail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from observing_monitor.errors import UsageError
from observing_monitor.model.messages import error_line
from observing_monitor.processes.timelimit import CallThread, TooLateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IMPORT_S = 30.0  # for a package to be imported, and a source to be made
CALL_S = 20.0  # for a function that should depend on its arguments alone
STATIC = ("stages_of", "place_of", "tells_of_files", "queues_of", "headlines")
T = TypeVar("T")

log = logging.getLogger(__name__)


class PackageError(Exception):
    """Code of another package failed; the text says how."""


def call(function: Callable[[], T], limit_s: float = CALL_S) -> T:
    """Return what a function of another package returns.

    Raises
    ------
    UsageError
        As the function raises it.
    PackageError
        If it raises anything else, or takes longer than `limit_s`.
    """
    thread = CallThread("package")
    try:
        return thread.call(function, limit_s)
    except TooLateError:
        raise PackageError(f"it took longer than {limit_s:g} s") from None
    except (UsageError, MemoryError, KeyboardInterrupt):
        raise
    # SystemExit, too: a module may end the process when it is imported
    except BaseException as error:
        log.debug("a package failed", exc_info=True)
        raise PackageError(f"{type(error).__name__}: {error_line(error)}") from error
    finally:
        thread.end()


def load(entry: Any) -> Any:
    """Return the class of an entry point.

    Raises
    ------
    UsageError
        If it can't be imported in time, or is no class.
    """
    package = entry.dist.name if entry.dist else entry.module
    where = f"the source {entry.name!r} of {package}"
    try:
        loaded = call(entry.load, IMPORT_S)
    except PackageError as error:
        lacks = getattr(error.__cause__, "name", None)  # of an ImportError
        why = f"lacks {lacks}" if lacks else f"can't be used ({error})"
        words = "install it anew, with all that it needs"
        raise UsageError(f"{where} {why}; {words}") from error
    if not isinstance(loaded, type) or not hasattr(loaded, "Settings"):
        words = "its entry point is no class with Settings"
        raise UsageError(f"{where} can't be used ({words}); ask who wrote it")
    return loaded


def check_static(kind: str, source: Any, settings: Any) -> None:
    """Call each static method of a source once.

    Raises
    ------
    UsageError
        If one raises something, or does not end.
    """
    for name in STATIC:
        method = getattr(source, name, None)
        try:
            if method is None:
                raise PackageError("there is none")
            call(lambda method=method: method(settings))  # type: ignore[misc]
        except PackageError as error:
            raise UsageError(
                f"the source {kind!r} can't be used ({name}: {error}); ask who wrote it"
            ) from error
