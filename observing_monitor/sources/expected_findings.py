"""Findings about what was expected and never came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model.finding import Finding
from observing_monitor.sources.expected_names import count_numbers, missing_ranges, range_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from observing_monitor.sources.expected_compare import (
        Comparison,
        ExposureDetectors,
        MissingExposure,
    )
    from observing_monitor.sources.expected_settings import ExpectedSettings


# a finding names ranges of numbers four times as often as names, as they are short
RANGES_PER_NAME = 4


def findings(compared: Comparison, settings: ExpectedSettings) -> Iterator[Finding]:
    """Report what never came, then what is in excess."""
    level, most = settings.level, settings.max_named
    if compared.missing:
        n, n_listed = len(compared.missing), compared.n_listed
        words = f"{n:,} of {n_listed:,} expected exposures never came"
        # a night without a file has no table of exposures
        href = "#exposures" if compared.n_images else ""
        yield Finding(level, f"{words}; missing: {_named(compared.missing, most)}", href)
    if compared.gaps:
        first, last = compared.span
        words = f"{count_numbers(compared.gaps):,} of the sequence numbers {first}–{last}"
        ranges = range_text(compared.gaps, RANGES_PER_NAME * most)
        yield Finding(level, f"{words} never came; missing: {ranges}", "#exposures")
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


def _incomplete(
    incomplete: list[ExposureDetectors], settings: ExpectedSettings
) -> Iterator[Finding]:
    level, most, called = settings.level, settings.max_named, settings.called
    for label, n, n_expected, missing in incomplete[:most]:
        lacking = f", lacking {_some(missing, most)}" if missing else ""
        words = f"exposure {label}: {n} of {n_expected} {called}{lacking}"
        yield Finding(level, words, "#exposures")
    n_more = len(incomplete) - most
    if n_more > 0:
        yield Finding(level, f"{n_more:,} more exposures lack {called}", "#exposures")


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
