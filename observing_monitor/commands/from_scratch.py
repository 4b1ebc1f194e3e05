"""Show what `rebuild --from-scratch` would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.commands.exit_codes import INCOMPLETE, OK
from observing_monitor.commands.run import asked_nights
from observing_monitor.model.wording import n_of

if TYPE_CHECKING:
    import argparse
    import datetime

    from observing_monitor.collecting.from_scratch import NightPlan, TableChanges
    from observing_monitor.commands.one_line import Tell
    from observing_monitor.commands.site_run import SiteRun


WORDS = {
    "files": "file",
    "ingests": "attempt",
    "metrics": "value",
    "exposures": "exposure",
    "remarks": "remark",
}


def show_plan(
    options: argparse.Namespace,
    run: SiteRun,
    nights: dict[str, list[datetime.date]],
    tell: Tell,
) -> int:
    """Print what would change; return the exit code."""
    n_changed = 0
    for stream, plan in run.plan_from_scratch(asked_nights("rebuild", options, nights)):
        run.problems += [f"{stream.name} {plan.night}: {text}" for text in plan.problems.values()]
        if plan.tables or plan.kept or plan.is_pruned or plan.problems:
            tell(f"{stream.name} {plan.night}: {_plan_words(plan)}")
        n_changed += bool(plan.tables)
    words = f"nothing was written; --yes changes {n_of(n_changed, 'night')}"
    tell(words if n_changed else "nothing would change")
    for problem in run.problems:
        tell(f"could not be read: {problem}")
    return INCOMPLETE if run.problems else OK


def _plan_words(plan: NightPlan) -> str:
    """Return the changes of a night in words."""
    if plan.is_pruned:
        return "stays as it is: its tables were pruned"
    parts = [_table_words(WORDS[name], one) for name, one in plan.tables.items()]
    for source, counts in plan.kept.items():
        kept = " and ".join(n_of(n, fact.removesuffix("s")) for fact, n in counts.items())
        parts.append(f"{kept} of {source} kept, which it no longer has")
    parts += [f"data of {source} stay as they are" for source in plan.problems]
    return "; ".join(parts)


def _table_words(word: str, changes: TableChanges) -> str:
    counts = {
        "removed": changes.n_removed,
        "added": changes.n_added,
        "changed": changes.n_changed,
    }
    return ", ".join(f"{n_of(n, word)} {verb}" for verb, n in counts.items() if n)
