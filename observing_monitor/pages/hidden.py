"""Notes on hidden facts, and texts without names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observing_monitor.model import columns
from observing_monitor.model.nights import parse_utc
from observing_monitor.model.wording import clock, n_of
from observing_monitor.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from observing_monitor.judging.hidden_names import HiddenNames
    from observing_monitor.storage.index import Hidden, Index, IndexRow, SourceRows
    from observing_monitor.storage.output import Output

# the newest nights, whose hidden names are in no text about sources
NAMED_NIGHTS = 30


def hidden_note(hidden: Hidden | None, hide: Collection[str], setting: object) -> str:
    """Return a sentence on hidden facts, or "".

    Parameters
    ----------
    hidden : dict or None
        From the night's row of the index.
    hide : collection of str
        Hidden columns of exposures.
    setting : object
        `hide_until`.
    """
    if hidden is None or not hidden["n_exposures"]:
        return ""
    first, last, n_unknown = hidden["first_at"], hidden["last_at"], hidden["n_unknown"]
    times = [clock(at) for text in (first, last) if (at := parse_utc(text))]
    until = [f"until {' to '.join(dict.fromkeys(times))} UTC"] if times else []
    if n_unknown:
        until.append(f"{n_of(n_unknown, 'exposure')} without a known date of release")
    labels = [column.label for column in columns.EXPOSURES if column.name in hide]
    facts = f"{n_of(hidden['n_exposures'], 'exposure')} with hidden facts"
    settings = "" if setting == "released" else f", hide_until = {setting}"
    return f"{facts} ({', '.join(until)}): {', '.join(labels)}. Settings: hide{settings}."


def without_names(row: IndexRow, texts: Collection[str]) -> list[str]:
    """Return sentences without hidden names."""
    hidden = row.get("hidden")
    if not hidden or not texts:
        return list(texts)
    from observing_monitor.judging.hiding import hidden_names

    return hidden_names([hidden]).texts(list(texts), is_sentence=True)


def faults_without_names(rows: Iterable[IndexRow], faults: Mapping[str, Any]) -> dict[str, Any]:
    """Return faults of sources without hidden names."""
    kept = [hidden for row in rows if (hidden := row.get("hidden"))]
    if not kept or not any(faults.values()):
        return dict(faults)
    from observing_monitor.judging.hiding import hidden_names

    names = hidden_names(kept)
    return {
        source: {**fault, "problem": names.text(fault["problem"])} if fault else fault
        for source, fault in faults.items()
    }


def rows_without_names(
    rows: Iterable[IndexRow], read: Mapping[str, SourceRows]
) -> dict[str, SourceRows]:
    """Return rows of sources without hidden names."""
    kept = [hidden for row in rows if (hidden := row.get("hidden"))]
    if not kept:
        return dict(read)
    from observing_monitor.judging.hiding import hidden_names

    names = hidden_names(kept)
    return {source: _without_names(names, one) for source, one in read.items()}


def _without_names(names: HiddenNames, read: SourceRows) -> SourceRows:
    made, shown = read.copy(), names.text
    examples = read.get("examples") or ()
    made["examples"] = [(shown(place), shown(where), shown(why)) for place, where, why in examples]
    return made


def problems_without_names(
    output: Output, stream: str, problems: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return problems of sources without hidden names."""
    rows = newest_rows(Store(output, stream).read_index())
    kept = [hidden for row in rows if (hidden := row.get("hidden"))]
    if not kept:
        return dict(problems)
    from observing_monitor.judging.hiding import hidden_names

    names = hidden_names(kept)
    return {source: names.text(text) if text else text for source, text in problems.items()}


def newest_rows(index: Index) -> list[IndexRow]:
    """Return the rows of the newest nights."""
    return [index["nights"][night] for night in sorted(index["nights"])[-NAMED_NIGHTS:]]
