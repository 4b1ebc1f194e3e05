"""The progress of long commands."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from observing_monitor.commands.options import LONG_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


log = logging.getLogger(__name__)
LINE_EVERY_S = 30  # between two lines of a log


@contextlib.contextmanager
def progress(command: str, what: str, total: int | None) -> Iterator[Callable[[Any], None] | None]:
    """Show the progress of a long command, as a bar or as lines.

    Parameters
    ----------
    command : str
        Nothing is shown for a short one.
    what : str
        The work, such as "auxTel: collecting".
    total : int or None
        Number of nights, if it is known.

    Yields
    ------
    callable or None
        Is called with the result of each night, which may have an `n_files`.
    """
    if command not in LONG_COMMANDS:
        yield None
        return
    from tqdm import tqdm

    started = last = time.monotonic()
    n_nights = n_files = 0
    with tqdm(total=total, desc=what, unit="night", disable=None) as bar:

        def step(result: Any) -> None:
            nonlocal last, n_nights, n_files
            n_nights, n_files = n_nights + 1, n_files + getattr(result, "n_files", 0)
            seconds = max(time.monotonic() - started, 1e-3)
            if n_files:
                bar.set_postfix_str(f"{n_files / seconds:,.0f} files/s", refresh=False)
            bar.update()
            if bar.disable and time.monotonic() - last > LINE_EVERY_S:
                last = time.monotonic()
                log.warning("%s: %s", what, _progress_text(n_nights, total, n_files, seconds))

        yield step


def _progress_text(n_nights: int, total: int | None, n_files: int, seconds: float) -> str:
    """Return `120 of 1,000 nights, 24,000 files/s, 12 min 3 s left`."""
    from observing_monitor.model.wording import seconds as duration

    text = f"{n_nights:,} of {total:,} nights" if total else f"{n_nights:,} nights"
    text += f", {n_files / seconds:,.0f} files/s" if n_files else ""
    return text + (f", {duration(seconds / n_nights * (total - n_nights))} left" if total else "")
