"""The command import-prototype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.commands.options import stream_named
from observing_monitor.commands.prototype_history import HistoryImport
from observing_monitor.commands.run_log import end_run
from observing_monitor.errors import SourceError, UsageError
from observing_monitor.storage import layout

if TYPE_CHECKING:
    import argparse

    from observing_monitor.commands.one_line import Tell
    from observing_monitor.commands.prototype_history import Imported
    from observing_monitor.commands.site_run import SiteRun


def import_prototype_command(options: argparse.Namespace, run: SiteRun, tell: Tell) -> int:
    """Import and publish a history; return the exit code.

    Raises
    ------
    UsageError
        The database cannot be read: nothing was imported.
    """
    stream = stream_named(options, run.streams)
    history = HistoryImport(stream, run.output, run.now)
    try:
        with run.progress(f"{stream.name}: taking over", None) as step:
            done = history.run(options.database, options.gen, step)
    except SourceError as error:
        raise UsageError(f"{error}; nothing was taken over") from error
    run.n_looked, run.n_changed = len(done.nights), done.n_changed
    run.problems += [f"{stream.name}: {problem}" for problem in done.problems]
    run.publish()
    tell(f"{options.database} -> {stream.name}")
    for line in _summary(done):
        tell(line)
    page = run.output.path(stream.folder, layout.INDEX_PAGE)
    tell(f"  {run.n_pages:,} pages written: {page}")
    return end_run("import-prototype", options, run)


def _summary(done: Imported) -> list[str]:
    """Return lines about the tables and the result."""
    lines = []
    for name, n_rows in done.n_rows.items():
        taken = f"{done.n_placed[name]:,} taken over"
        result = f"left in the database: {done.left[name]}" if name in done.left else taken
        lines.append(f"  {name:16} {n_rows:>9,} rows, {result}")
    span = f", {done.nights[0]} to {done.nights[-1]}" if done.nights else ""
    lines.append(f"  {len(done.nights):,} nights{span}, {done.n_changed:,} of them changed by this")
    counts = f"{done.n_files:,} files, {done.n_attempts:,} attempts"
    lines.append(f"  {counts} and {done.n_metrics:,} numbers and texts, all seen in the store")
    return lines
