"""Progress of long work, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from observing_monitor.commands.options import LONG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


log = logging.getLogger(__name__)
LINE_EVERY_S = 30  # between the lines that tell how far a rebuild is, where there is no terminal


@contextlib.contextmanager
def progress(command: str, what: str, total: int | None) -> Iterator[Callable[[Any], None] | None]:
    """A function to call at every step: a bar in a terminal, a line every half minute elsewhere; for what may take long."""
    if command not in LONG:
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
                log.warning("%s: %s", what, _progress_words(n_nights, total, n_files, seconds))

        yield step


def _progress_words(n_nights: int, total: int | None, n_files: int, seconds: float) -> str:
    """`120 of 1,000 nights, 24,000 files/s, 12 min 3 s left`."""
    from observing_monitor.model.wording import seconds as in_words

    words = f"{n_nights:,} of {total:,} nights" if total else f"{n_nights:,} nights"
    words += f", {n_files / seconds:,.0f} files/s" if n_files else ""
    return words + (f", {in_words(seconds / n_nights * (total - n_nights))} left" if total else "")
