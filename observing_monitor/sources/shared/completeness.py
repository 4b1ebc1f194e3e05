"""How much of what was produced came through: counts of a night compared, step by step.

Counts of one night often come from several places (what the survey says it produced, what a bucket holds), so the check
looks at the night's metrics of all sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observing_monitor.model.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pandas import DataFrame, Series


@dataclass(kw_only=True)
class CountSettings:
    """The settings of a source whose counts are compared."""

    counts: list[str] = field(
        default_factory=list
    )  # metrics to compare, in order, what was produced first; of any source
    error_below: float = 0.9  # less of the first than this is an error
    warning_below: float = 0.99  # less of the first than this is a warning
    twice_above: float = 1.5  # more of the first than this is a replay


def check(metrics: DataFrame, limits: CountSettings) -> list[Finding]:
    """Compare a night's counts with the first of them: a list of `Finding`.

    Parameters
    ----------
    metrics : DataFrame
        A night's, as `columns.METRICS`, of all sources; a row with a node is a part of the one without.
    limits : CountSettings
    """
    if not limits.counts:
        return []
    found, (known, blank, told) = [], _known(metrics, limits.counts)
    for name, values in told.items():
        if values.nunique() > 1:
            said = ", ".join(f"{source} {value:,.0f}" for source, value in values.items())
            found.append(Finding("warning", f"sources disagree on {name}: {said}", "#metrics"))
    if not known:
        return [_no_data(blank)]
    if blank:
        found.append(Finding("normal", f"not available: {', '.join(blank)}", "#metrics"))
    (first, produced), *others = known.items()
    return found + [_compared(first, produced, name, value, limits) for name, value in others]


def share(metrics: DataFrame, limits: CountSettings) -> float | None:
    """The last of the counts that is known, of the first; None where either is not available. Arguments as for `check`."""
    known, *_ = _known(metrics, limits.counts)
    first, *others = limits.counts or [""]
    others = [name for name in others if name in known]
    return known[others[-1]] / known[first] if others and known.get(first) else None


def _known(
    metrics: DataFrame, names: Sequence[str]
) -> tuple[dict[str, float], list[Any], dict[str, Series[Any]]]:
    """The counts that are known, by name; the names of those that are blank; and what each source says of each."""
    known: dict[str, float] = {}
    blank, all_told = [], {}
    for name in names:
        told = _told(metrics[metrics["name"] == name])
        values = all_told[name] = told.dropna()
        if len(values):
            known[name] = float(
                values.max() if not known else values.min()
            )  # where sources disagree, the worse
        elif len(told):
            blank.append(name)
    return known, blank, all_told


def _told(rows: DataFrame) -> Series[Any]:
    """What each source says of one metric, NaN where it says "not available": a Series by source."""
    latest = rows.drop_duplicates(["source", "node"], keep="last")
    whole = latest[latest["node"].isna()].set_index("source")["value"]
    of_nodes = latest.groupby("source")["value"].sum(min_count=1)
    return whole.reindex(of_nodes.index).where(of_nodes.index.isin(whole.index), of_nodes)


def _no_data(blank: list[str]) -> Finding:
    if blank:
        return Finding(
            "warning",
            f"no data: {', '.join(blank)} {'is' if len(blank) == 1 else 'are all'} blank",
            "#metrics",
        )
    return Finding(
        "normal", "no counts of this night yet"
    )  # nor any number that a link could lead to


def _compared(
    first: str, produced: float, name: str, value: float, limits: CountSettings
) -> Finding:
    """One count beside the first, as a finding."""
    if not produced:
        return Finding(
            "warning" if value else "normal",
            f"{value:,.0f} {_verb(name)} of 0 {_verb(first)}",
            "#metrics",
        )
    share = value / produced
    if share >= limits.twice_above:
        return Finding(
            "warning",
            f"{value:,.0f} {_verb(name)} of {produced:,.0f} {_verb(first)}: ×{share:.2g}: a replay",
            "#metrics",
        )
    words = f"{value:,.0f} of {produced:,.0f} {_noun(first)}{_verb(name)}: {_percent(share)}"
    if value > produced:
        return Finding("normal", f"{words}, {value - produced:,.0f} too many", "#metrics")
    level = (
        "error"
        if share < limits.error_below
        else "warning"
        if share < limits.warning_below
        else "normal"
    )
    return Finding(
        level,
        words + (f", {produced - value:,.0f} missing" if value < produced else ""),
        "#metrics",
    )


def _percent(share: float) -> str:
    """A share in per cent; where anything lacks it is never 100 %."""
    return f"{min(share, 0.999) if 0.9995 <= share < 1 else share:.1%}".replace("%", " %")


def _verb(name: str) -> str:
    """`stored` of `avros_stored`."""
    return name.rpartition("_")[2]


def _noun(name: str) -> str:
    """`alerts ` of `alerts_produced`; "" where the name is one word."""
    noun = name.rpartition("_")[0].replace("_", " ")
    return f"{noun} " if noun else ""
