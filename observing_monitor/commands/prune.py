"""The command prune: show or remove what is too old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.commands.exit_codes import OK
from observing_monitor.commands.pruning import SETTINGS, StreamPlan, carry_out, make_plan
from observing_monitor.commands.run_log import end_run
from observing_monitor.errors import UsageError
from observing_monitor.model.wording import n_of
from observing_monitor.storage.index import PAGE

if TYPE_CHECKING:
    import argparse
    import datetime
    from collections.abc import Mapping, Sequence

    from observing_monitor.commands.one_line import Tell
    from observing_monitor.commands.pruning import PrunePlan
    from observing_monitor.commands.site_run import SiteRun
    from observing_monitor.settings.stream import Stream


def prune_command(
    options: argparse.Namespace,
    run: SiteRun,
    nights: Mapping[str, list[datetime.date]],
    tell: Tell,
) -> int:
    """Show or remove old parts; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
    run : SiteRun
        It publishes the pages.
    nights : mapping
        The nights that a run looks at, by stream: none of them is removed.
    tell : callable
        Prints a line.
    """
    if options.nearness.get("first_day") == 3 or options.nearness.get("last_day") == 3:
        raise UsageError("--first_day and --last_day are not for prune; set the ages instead")
    plans = []
    for stream in run.streams:
        ages = {
            what: _age(options, stream, setting, nights[stream.name])
            for what, setting in SETTINGS.items()
        }
        tonight = stream.rule.night_of(run.now)
        plans.append(make_plan(stream, run.output, ages, tonight))
        tell(f"{stream.name}: tonight is {tonight}")
        for what, plan in plans[-1].plans.items():
            tell(_plan_line(SETTINGS[what], plan, what == PAGE))
    each = [plan for of_stream in plans for plan in of_stream.plans.values()]
    n_files = sum(plan.n_files for plan in each)
    total = f"{n_of(n_files, 'file')}, {_megabytes(sum(plan.n_bytes for plan in each))}"
    if not options.yes:
        words = f"nothing was removed; --yes removes {total}"
        tell(words if n_files else "nothing is to be removed")
        return OK
    carry_out(plans, run.output, run.now, run.publish, run.write_spare_pages)
    tell(f"removed {total}")
    run.n_looked = _n_nights(plans)
    return end_run("prune", options, run)


def _age(
    options: argparse.Namespace, stream: Stream, setting: str, nights: Sequence[datetime.date]
) -> int | None:
    """Return how many nights are kept; None for all.

    The command line wins over the stream's own table, and that over the settings of all streams.
    """
    of_all, own = getattr(options, setting), getattr(stream, setting)
    is_own = own is not None and options.nearness.get(setting, 0) < 2
    age: int | None = own if is_own else of_all
    if age is not None and age < len(nights):
        words = f"a run looks at {len(nights)} nights of {stream.name}"
        remedy = f"and would make again what was removed; write {len(nights)} or more"
        raise UsageError(f"{setting} = {age} is too few: {words}, {remedy}")
    return age


def _plan_line(setting: str, plan: PrunePlan, is_page: bool) -> str:
    """Return what a plan removes in one line."""
    if plan.keep_days is None:
        return f"  {setting:18} not set: all stay"
    words = "nothing older is there"
    if plan.nights:
        span = f"{n_of(len(plan.nights), 'night')}, {plan.nights[0]} to {plan.nights[-1]}"
        words = f"{span}: {n_of(plan.n_files, 'file')}, {_megabytes(plan.n_bytes)}"
        words += "; a small page with the night's numbers replaces each" if is_page else ""
    if plan.back:
        comes = "comes" if len(plan.back) == 1 else "come"
        span = f"{plan.back[0]} to {plan.back[-1]}"
        words += f"; {n_of(len(plan.back), 'page')} {comes} back, {span}"
    return f"  {setting:18} = {plan.keep_days}: {words}"


def _n_nights(plans: Sequence[StreamPlan]) -> int:
    """Count nights of which something is removed."""
    return len(
        {
            (of_stream.stream.name, night)
            for of_stream in plans
            for plan in of_stream.plans.values()
            for night in plan.nights
        }
    )


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
