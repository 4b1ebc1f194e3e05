"""The command adopt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.commands.exit_codes import OK
from observing_monitor.commands.run_log import end_run
from observing_monitor.model.wording import n_of
from observing_monitor.storage.takeover import foreign_files

if TYPE_CHECKING:
    import argparse

    from observing_monitor.commands.one_line import Tell
    from observing_monitor.commands.site_run import SiteRun


def adopt_command(options: argparse.Namespace, run: SiteRun, tell: Tell) -> int:
    """Tell or adopt files of others; return the exit code."""
    output = run.output
    found = list(foreign_files(output, [(stream.name, stream.folder) for stream in run.streams]))
    for path in found:
        tell(f"  {output.path(path)}: {output.size(path) or 0:,} bytes")
    if not found:
        tell("nothing is to be adopted: no file of others is where pages will be")
        return OK
    files = n_of(len(found), "file")
    if not options.yes:
        tell(f"nothing was adopted; with --yes, later runs may replace and remove {files}")
        return OK
    for path in found:
        output.adopt(path)
    tell(f"adopted {files}: later runs may replace and remove them")
    return end_run("adopt", options, run)
