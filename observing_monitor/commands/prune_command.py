"""The command `prune`: show what would go, then remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.commands.arguments import tell
from observing_monitor.commands.options import OK, counted, end, megabytes
from observing_monitor.errors import UsageError

if TYPE_CHECKING:
    import argparse
    import datetime
    from collections.abc import Mapping, Sequence

    from observing_monitor.commands.prune import PrunePlan
    from observing_monitor.commands.run import Run
    from observing_monitor.settings.stream import Stream


def prune(options: argparse.Namespace, run: Run, nights: Mapping[str, list[datetime.date]]) -> int:
    """Tell what is older than it is kept, and with --yes remove it; returns the exit code."""
    from observing_monitor.commands import prune as prune_commands
    from observing_monitor.commands.prune import SETTINGS, plan
    from observing_monitor.storage import index

    if options.nearness.get("first_day") == 3 or options.nearness.get("last_day") == 3:
        raise UsageError(
            "--first_day and --last_day are not for prune; the ages tell which nights go"
        )
    planned = []
    for stream in run.streams:
        ages = {
            what: _age(options, stream, name, nights[stream.name])
            for what, name in SETTINGS.items()
        }
        tonight = stream.rule.night_of(run.now)
        planned.append((stream, plan(stream, run.output, ages, tonight)))
        tell(f"{stream.name}: tonight is {tonight}")
        for what, going in planned[-1][1].items():
            _print_going(SETTINGS[what], going, what == index.PAGE)
    goings = [going for _, of_stream in planned for going in of_stream.values()]
    n_files, n_bytes = (
        sum(going.n_files for going in goings),
        sum(going.n_bytes for going in goings),
    )
    if not options.yes:
        words = f"nothing was removed; --yes removes these {n_files:,} files, {megabytes(n_bytes)}"
        tell(words if n_files else "nothing is to be removed")
        return OK
    prune_commands.prune(planned, run.output, run.now, run.publish)
    tell(f"{n_files:,} files were removed, {megabytes(n_bytes)}")
    run.n_looked = len(
        {
            (stream.name, night)
            for stream, of_stream in planned
            for going in of_stream.values()
            for night in going.nights
        }
    )
    return end("prune", options, run)


def _age(
    options: argparse.Namespace, stream: Stream, name: str, nights: Sequence[datetime.date]
) -> int | None:
    """How many nights of a stream are kept: as the command line says, else the stream's table, else the settings of all streams."""
    asked, own = getattr(options, name), getattr(stream, name)
    age: int | None = own if own is not None and options.nearness.get(name, 0) < 2 else asked
    if age is not None and age < len(nights):
        words = f"a run looks at {len(nights)} nights of {stream.name}"
        raise UsageError(
            f"{name} = {age} is too few: {words}, and would make anew what was removed; write {len(nights)} or more"
        )
    return age


def _print_going(name: str, going: PrunePlan, is_page: bool) -> None:
    if going.keep_days is None:
        tell(f"  {name:18} not set: all stay")
        return
    words = "nothing older is there"
    if going.nights:
        n_nights, n_files = counted(len(going.nights), "night"), counted(going.n_files, "file")
        words = f"{n_nights}, {going.nights[0]} to {going.nights[-1]}: {n_files}, {megabytes(going.n_bytes)}"
        words += (
            "; a small page with the night's numbers takes the place of each" if is_page else ""
        )
    if going.back:
        comes = "comes" if len(going.back) == 1 else "come"
        words += f"; {counted(len(going.back), 'page')} {comes} back, {going.back[0]} to {going.back[-1]}"
    tell(f"  {name:18} = {going.keep_days}: {words}")
