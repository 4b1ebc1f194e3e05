"""Records of the section "Use of the night"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import wording
from observing_monitor.pages.contexts import Fact, NightUsed, UsePart
from observing_monitor.pages.glossary import WORDS
from observing_monitor.pages.tables import EMPTY, Cell, Table, TableColumn, schema_column, time_cell
from observing_monitor.tables.night_use import GROUPED_BY, SHARES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observing_monitor.pages.glossary import Word
    from observing_monitor.settings.stream import Stream
    from observing_monitor.tables.night_use import Group, NightUse

MAX_GROUPS = 100  # rows of a table of programs or targets
MAX_GAPS = 100

PARTS = {
    "science": "Science",
    "other": "Other types",
    "readout": "Readout",
    "overhead": "Overhead",
    "gaps": "Gaps",
}
_GROUPED = {
    "observation_type": "By type",
    "physical_filter": "By filter",
    "program": "By program",
    "target": "By target",
}


def night_used(use: NightUse, stream: Stream, night: str, hrefs: Mapping[str, str]) -> NightUsed:
    """Return the section about how a night was used.

    `hrefs` say where the row of each exposure is, by its anchor.
    """
    return NightUsed(
        facts=_facts(use),
        bar=_bar(use),
        note=_note(use, stream, night),
        no_gaps=_no_gaps(use, stream),
        tables=[
            table for table in (_gaps(use, night, hrefs), _medians(use), *_groups(use)) if table
        ],
    )


def _facts(use: NightUse) -> list[Fact]:
    words = WORDS["night"]
    facts: list[tuple[Word, str]] = [
        (words["night_s"], wording.seconds(use.night_s)),
        (words["science_s"], wording.seconds(use.science_s)),
        (words["open_shutter_s"], wording.seconds(use.open_shutter_s)),
        (words["n_exposures_science"], wording.count_text(use.n_exposures_science)),
        (words["n_time_gaps"], _gap_words(use)),
        (words["started_late_s"], wording.seconds(use.started_late_s)),
        (words["ended_early_s"], wording.seconds(use.ended_early_s)),
    ]
    return [Fact(word, text) for word, text in facts]


def _gap_words(use: NightUse) -> str:
    if use.gaps is None:
        return wording.NOTHING
    total = sum(gap.length_s for gap in use.gaps)
    return f"{len(use.gaps)} ({wording.seconds(total)})" if use.gaps else "none"


def _note(use: NightUse, stream: Stream, night: str) -> str:
    """Return the twilights, or the setting that is missing."""
    if stream.position is None:
        return (
            "The stream has no position: set latitude_deg and longitude_deg to see the dark time, "
            "its shares, late start and early end."
        )
    if use.night_s is not None and not use.night_s and use.known_until is None:
        return "The Sun does not go down far enough in this night."
    sun = f"The Sun is {stream.twilight_deg:g}° below the horizon"
    evening, morning = (wording.near(at, night) for at in (use.evening_at, use.morning_at))
    begins = f"from {evening}" if use.evening_at else "from before the night begins"
    ends = f"to {morning} UTC" if use.morning_at else "until after it ends"
    known = use.known_until
    until = f" All numbers are those up to {wording.near(known, night)} UTC." if known else ""
    return f"{sun} {begins} {ends}.{until}"


def _bar(use: NightUse) -> list[UsePart]:
    made, x = [], 0.0
    for name, length, share in _shares(use):
        words = f"{wording.seconds(length)}, {wording.percent(share)}"
        made.append(UsePart(name, PARTS[name], words, round(x, 2), round(100 * share, 2)))
        x += 100 * share
    return made


def _shares(use: NightUse) -> list[tuple[str, float, float]]:
    """Return the name, length and share of each part that the night has."""
    if not use.shares or not use.night_s:
        return []
    return [
        (name, use.shares[name], use.shares[name] / use.night_s)
        for name in SHARES
        if use.shares[name] > 0 or name not in ("other", "readout")
    ]


def _gaps(use: NightUse, night: str, hrefs: Mapping[str, str]) -> Table:
    if not use.gaps:
        return EMPTY
    words, gaps = WORDS["use"], use.gaps[:MAX_GAPS]
    more = len(use.gaps) - len(gaps)
    rest = f". The first {len(gaps)}; {more:,} more are not shown" if more else ""
    starts = [time_cell(gap.starts_at, night) for gap in gaps]
    made = [
        TableColumn(words["starts_at"], starts, "num"),
        schema_column("length_s", words["length_s"], [gap.length_s for gap in gaps]),
        TableColumn(words["after"], [_exposure(gap.after, hrefs) for gap in gaps]),
        TableColumn(words["before"], [_exposure(gap.before, hrefs) for gap in gaps]),
    ]
    return Table(made, f"Gaps, times in UTC{rest}", css="use")


def _exposure(name: str, hrefs: Mapping[str, str]) -> str | Cell:
    href = hrefs.get(wording.exposure_anchor(name), "")
    return Cell(name, href=href) if href else name or wording.NOTHING


def _no_gaps(use: NightUse, stream: Stream) -> str:
    if use.gaps is None or use.gaps or use.night_s == 0:
        return ""
    return f"No gap lasted longer than {wording.seconds(stream.gap_min_s)}."


def _medians(use: NightUse) -> Table:
    rows = []
    if use.overhead_s is not None:
        rows.append(("overhead", wording.seconds(use.overhead_s), "", ""))
    if use.airmass is not None:
        rows.append(("airmass", wording.rounded(use.airmass), "", ""))
    rows += [
        (measure.name, wording.rounded(measure.median), measure.unit, wording.count_text(measure.n))
        for measure in use.measures
    ]
    if not rows:
        return EMPTY
    words = WORDS["use"]
    names, medians, units, counts = (list(cells) for cells in zip(*rows, strict=True))
    made = [
        TableColumn(words["measure"], names, is_foreign=True),
        TableColumn(words["median"], medians, "num"),
        TableColumn(words["unit"], units, is_foreign=True),
        TableColumn(words["n_values"], counts, "num"),
    ]
    return Table(made, "Medians; airmass and measures are those of science exposures", css="use")


def _groups(use: NightUse) -> list[Table]:
    return [_grouped(column, use.groups[column]) for column in GROUPED_BY if _tells(use, column)]


def _tells(use: NightUse, column: str) -> bool:
    """True if any exposure has a value of the column."""
    return any(group.name for group in use.groups[column])


def _grouped(column: str, groups: Sequence[Group]) -> Table:
    words, shown = WORDS["use"], groups[:MAX_GROUPS]
    more = len(groups) - len(shown)
    rest = f". The first {len(shown)}; {more:,} more are not shown" if more else ""
    names = [group.name or wording.NOTHING for group in shown]
    made = [
        TableColumn(words[column], names, is_foreign=True),
        TableColumn(words["n_exposures"], [wording.count_text(group.n) for group in shown], "num"),
    ]
    has_closed = column == "observation_type"  # bias and dark have rows of their own
    for name in ("exposure_time_s", "open_shutter_s")[not has_closed :]:
        made += [schema_column(name, words[name], [getattr(group, name) for group in shown])]
    return Table(made, f"{_GROUPED[column]}{rest}", css="use")
