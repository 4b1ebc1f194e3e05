"""Findings about what was expected and never came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model.finding import Finding, ListedFinding, Row
from observing_monitor.sources.expected_names import count_numbers, missing_ranges, range_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from observing_monitor.sources.expected_compare import (
        Comparison,
        ExposureDetectors,
        MissingExposure,
    )
    from observing_monitor.sources.expected_settings import ExpectedSettings


# a finding names ranges of numbers four times as often as names, as they are short
RANGES_PER_NAME = 4
# rows of a finding on the page
MAX_ROWS = 200
# label of exposures with too few detectors
INCOMPLETE = "incomplete"
# more numbers than these are not compared with other sources' findings
MAX_KEYS = 100_000


def findings(compared: Comparison, settings: ExpectedSettings) -> Iterator[Finding]:
    """Report what never came, then what is in excess."""
    level = settings.level
    if compared.missing:
        yield _missing(compared, settings)
    if compared.gaps:
        yield _gaps(compared, settings)
    yield from _incomplete(compared.incomplete, settings)
    for unit, n, n_expected in compared.counts:
        if n != n_expected:
            share = f"{100 * n / n_expected:.1f} %"
            yield Finding(
                level if n < n_expected else "normal",
                f"{n:,} of {n_expected:,} {unit} expected of a night ({share})",
                "#numbers" if compared.n_images else "",
            )
    if compared.excess:
        yield _excess(compared.excess, settings)


def _missing(compared: Comparison, settings: ExpectedSettings) -> Finding:
    """Return the finding about exposures without images."""
    missing = compared.missing
    words = f"{len(missing):,} of {compared.n_listed:,} expected exposures never came"
    names = _named(missing, settings.max_named)
    return _listed(
        settings.level,
        f"{words}; missing: {names}",
        # a night without a file has no table of exposures
        "#exposures" if compared.n_images else "",
        [Row(one.name, "expected, and no image came") for one in missing],
        (one.name if one.seq_num is None else str(one.seq_num) for one in missing),
    )


def _gaps(compared: Comparison, settings: ExpectedSettings) -> Finding:
    """Return the finding about gaps in the sequence."""
    first, last = compared.span
    n = count_numbers(compared.gaps)
    ranges = range_text(compared.gaps, RANGES_PER_NAME * settings.max_named)
    rows = [
        Row(f"number {a}" if a == b else f"numbers {a}–{b}", f"{b - a + 1:,} in the sequence")
        for a, b in compared.gaps
    ]
    numbers = (str(number) for a, b in compared.gaps for number in range(a, b + 1))
    return _listed(
        settings.level,
        f"{n:,} of the sequence numbers {first}–{last} never came; missing: {ranges}",
        "#exposures",
        rows,
        numbers if n <= MAX_KEYS else (),
    )


def _listed(
    level: str,
    text: str,
    href: str,
    rows: Sequence[Row],
    keys: Iterable[str],
    label: str = "never came",
) -> ListedFinding:
    return ListedFinding(
        level,
        text,
        href,
        label=label,
        is_of_exposures=True,
        rows=tuple(rows[:MAX_ROWS]),
        n_rows=len(rows),
        keys=frozenset(keys),
    )


def _incomplete(
    incomplete: list[ExposureDetectors], settings: ExpectedSettings
) -> Iterator[Finding]:
    level, most, called = settings.level, settings.max_named, settings.called
    rows = []
    for label, n, n_expected, missing in incomplete:
        lacking = f", lacking {_some(missing, most)}" if missing else ""
        words = f"{n} of {n_expected} {called}{lacking}"
        rows.append(Row(f"exposure {label}", words))
    for row, one in zip(rows[:most], incomplete, strict=False):
        keys = (f"{one.label}: {name}" for name in one.names)
        yield _listed(level, f"{row.name}: {row.reason}", "#exposures", [row], keys, INCOMPLETE)
    n_more = len(incomplete) - most
    if n_more > 0:
        words = f"{n_more:,} more exposures lack {called}"
        yield _listed(level, words, "#exposures", rows[most:], (), INCOMPLETE)


def _excess(excess: list[ExposureDetectors], settings: ExpectedSettings) -> Finding:
    most = settings.max_named
    shown = [
        f"exposure {label} ({n} of {n_expected}{': ' + _some(names, most) if names else ''})"
        for label, n, n_expected, names in excess[:most]
    ]
    have = "exposure has" if len(excess) == 1 else "exposures have"
    rest = f" and {len(excess) - most:,} more" if len(excess) > most else ""
    words = f"{len(excess):,} {have} more {settings.called} than expected"
    return Finding("normal", f"{words}: {', '.join(shown)}{rest}", "#exposures")


def _named(missing: Sequence[MissingExposure], most: int) -> str:
    """Return exposures as ranges if each has its own number, else as names."""
    numbers = [one.seq_num for one in missing if one.seq_num is not None]
    if len(set(numbers)) < len(missing):
        return _some([one.name for one in missing], most)
    between = missing_ranges(numbers)
    starts = [min(numbers), *(last + 1 for _, last in between)]
    ends = [*(first - 1 for first, _ in between), max(numbers)]
    return range_text(list(zip(starts, ends, strict=True)), RANGES_PER_NAME * most)


def _some(names: list[str], most: int) -> str:
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
