"""The state of the recorders' bands, summed up as their manager does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.errors import UsageError
from observing_monitor.model.finding import METRICS, Finding, metric_href
from observing_monitor.sources.lwa_points import MetricRow, number_of

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    import pandas as pd
    from pandas import DataFrame


# summary of a band -> its state, as their manager has it; any other word is an error
LEVEL_OF = {
    "normal": "normal",
    "warning": "warning",
    "booting": "error",
    "shutdown": "error",
    "error": "error",
}
LEVELS = ("normal", "warning", "error")
# the row of the bands' states on the page
STATE_ROW = metric_href("summary")
# in place of a band: all bands of the group that have points
ANY = "*"
MAX_BANDS = 10_000
# states of a band, worst last; their counts add up to the number of bands
STATES = ("normal", "warning", "error", "silent")


class BandState(NamedTuple):
    """A band's state, and the word to show for it."""

    state: str  # one of STATES
    word: str


def bands_of(recorders: list[str]) -> dict[str, list[str]]:
    """Return the bands of each group, in order.

    `["drvs1-16"]` becomes `{"drvs": ["drvs1", …, "drvs16"]}`, and `["drvs*"]` becomes
    `{"drvs": ["*"]}`: bands to be found with `with_found`.

    Raises
    ------
    UsageError
        If a text has another form.
    """
    groups: dict[str, list[str]] = {}
    for text in recorders:
        found = re.fullmatch(r"([A-Za-z]+)(\*|[\d,\s-]*\d)", text)
        numbers = _numbers(found[2]) if found else []
        if not found or not numbers:
            raise UsageError(
                f"recorders: {text!r} names no recorders; write a manager's id and the numbers "
                "of its bands, such as drvs1-16, drvs7601-7602,7701 or drvs*"
            )
        own = groups.setdefault(found[1], [])
        own.extend(ANY if number == ANY else f"{found[1]}{number}" for number in numbers)
    return {group: list(dict.fromkeys(bands)) for group, bands in groups.items()}


def _numbers(text: str) -> list[str]:
    """Return the numbers in a list such as `1-16,18`, or []."""
    if text == ANY:
        return [ANY]
    numbers: list[str] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", part)
        if not found:
            return []
        first, last = int(found[1]), int(found[2] or found[1])
        if not 0 <= last - first < MAX_BANDS:
            return []
        # 01-16 are 01, 02, …
        width = len(found[1]) if found[1].startswith("0") else 1
        numbers += [f"{number:0{width}}" for number in range(first, last + 1)]
    return numbers


def with_found(groups: dict[str, list[str]], nodes: Iterable[str]) -> dict[str, list[str]]:
    """Return groups with the bands among `nodes` in place of each `*`."""
    known = sorted(set(nodes), key=number_of)
    return {
        group: (
            list(
                dict.fromkeys(
                    [
                        *(band for band in bands if band != ANY),
                        *(node for node in known if re.fullmatch(rf"{group}\d+", node)),
                    ]
                )
            )
            if ANY in bands
            else bands
        )
        for group, bands in groups.items()
    }


def levels_of(changed: Mapping[str, str]) -> dict[str, str]:
    """Return the level of each summary; UsageError if one is no level."""
    for word, level in changed.items():
        if level not in LEVELS:
            raise UsageError(
                f"levels: {word} = {level!r} is no level; write one of {', '.join(LEVELS)}"
            )
    return LEVEL_OF | dict(changed)


def band_counts(
    groups: dict[str, list[str]],
    points: list[MetricRow],
    sampled_at: datetime.datetime,
    silent_after_s: float,
    levels: Mapping[str, str] = LEVEL_OF,
) -> list[MetricRow]:
    """Return how many bands of each group, and of all, are in which state."""
    summaries = {
        point.node: (point.sampled_at, point.text) for point in points if point.name == "summary"
    }
    rows: list[MetricRow] = []
    total = dict.fromkeys(STATES, 0)
    for group, bands in groups.items():
        own = [summaries.get(band, (None, None)) for band in bands]
        states = [_state_of(at, word, sampled_at, silent_after_s, levels).state for at, word in own]
        for state in STATES:
            n = states.count(state)
            total[state] += n
            rows.append(MetricRow(f"bands_{state}", group, sampled_at, float(n), None, ""))
    return rows + [
        MetricRow(f"bands_{state}", None, sampled_at, float(n), None, "")
        for state, n in total.items()
    ]


def check_group(
    group: str,
    bands: list[str],
    metrics: DataFrame,
    silent_after_s: float,
    levels: Mapping[str, str] = LEVEL_OF,
) -> list[Finding]:
    """Return the findings on one group, from its latest sample in the night.

    Parameters
    ----------
    group : str
        The manager's id.
    bands : list of str
        The ids of its bands.
    metrics : DataFrame
        The night's, with columns `columns.METRICS`.
    silent_after_s : float
        A band or manager whose summary is older has not updated.
    levels : mapping of str to str
        The level of each summary.
    """
    samples = metrics[(metrics["name"] == "bands_silent") & (metrics["node"] == group)]
    if samples.empty:
        return []
    if not bands:
        words = f"no sub-bands of {group} were found: none has ever reported its state"
        return [Finding("error", words, METRICS)]
    read_at = samples["sampled_at"].max()
    latest = _latest(metrics, [group, *bands])
    bands_by_state: dict[BandState, list[str]] = {}
    for band in bands:
        summary = latest.get(("summary", band))
        state = _state_of(
            summary and summary.sampled_at,
            summary and summary.text,
            read_at,
            silent_after_s,
            levels,
        )
        bands_by_state.setdefault(state, []).append(band)
    normal = [
        band for state, own in bands_by_state.items() if state.state == "normal" for band in own
    ]
    found = list(_not_normal(bands_by_state, latest, silent_after_s))
    if not found:
        words = f"all {len(bands)} sub-bands of {group} are normal"
        found.append(Finding("normal", words, STATE_ROW))
    found += _earlier_trouble(metrics, normal, levels)
    manager = latest.get(("summary", group))
    if manager and (read_at - manager.sampled_at).total_seconds() > silent_after_s:
        words = f"the manager {group} has not updated in {silent_after_s:g} s"
        found.append(Finding("warning", words, STATE_ROW))
    return found


def _state_of(
    at: datetime.datetime | pd.Timestamp | None,
    word: str | None,
    read_at: datetime.datetime | pd.Timestamp,
    silent_after_s: float,
    levels: Mapping[str, str],
) -> BandState:
    """Return the state of a band, from the instant and text of its summary."""
    if at is None or word == "timeout" or (read_at - at).total_seconds() > silent_after_s:
        return BandState("silent", "silent")
    shown = word if isinstance(word, str) and word else "of unknown state"
    return BandState(levels.get(word or "", "error"), shown)


def _latest(metrics: DataFrame, nodes: list[str]) -> dict[tuple[str, str], Any]:
    """Return the latest summary and info rows by name and node."""
    own = metrics[
        metrics["name"].isin(["summary", "info"]) & metrics["node"].isin(nodes)
    ].drop_duplicates(["name", "node"], keep="last")
    return dict(zip(zip(own["name"], own["node"], strict=True), own.itertuples(), strict=True))


def _not_normal(
    bands_by_state: dict[BandState, list[str]],
    latest: dict[tuple[str, str], Any],
    silent_after_s: float,
) -> Iterator[Finding]:
    """Report the bands that are not normal, a finding per state, worst first."""
    silent = bands_by_state.get(BandState("silent", "silent"), [])
    if silent:
        have = "sub-band has" if len(silent) == 1 else "sub-bands have"
        words = f"{len(silent)} {have} not updated in {silent_after_s:g} s: {', '.join(silent)}"
        yield Finding("error", words, STATE_ROW)
    others = [item for item in bands_by_state.items() if item[0].state in ("warning", "error")]
    others.sort(key=lambda item: (-STATES.index(item[0].state), item[0].word))
    for state, bands in others:
        infos = [latest.get(("info", band)) for band in bands]
        words = "; ".join(
            f"{band}={info.text}" if info and isinstance(info.text, str) and info.text else band
            for band, info in zip(bands, infos, strict=True)
        )
        plural = "" if len(bands) == 1 else "s"
        words = f"{len(bands)} sub-band{plural} {state.word}: {words}"
        yield Finding(state.state, words, STATE_ROW)


def _earlier_trouble(
    metrics: DataFrame, bands: list[str], levels: Mapping[str, str]
) -> Iterator[Finding]:
    """Report which bands that are normal now were not earlier in the night."""
    summaries = metrics[
        (metrics["name"] == "summary") & metrics["node"].isin(bands) & metrics["text"].notna()
    ]
    level_of = {word: levels.get(word, "error") for word in summaries["text"].unique()}
    troubled = summaries[summaries["text"].map(level_of) != "normal"]
    texts = []
    for name, rows in troubled.groupby("node"):
        band = str(name)
        worst = max(rows["text"], key=lambda word: STATES.index(level_of[word]))
        first, last = rows["sampled_at"].min(), rows["sampled_at"].max()
        texts.append((number_of(band), f"{band} {worst} {_span(first, last)}"))
    if texts:
        were = "sub-band was" if len(texts) == 1 else "sub-bands were"
        names = ", ".join(text for _, text in sorted(texts))
        words = f"earlier in the night {len(texts)} {were} not normal: {names}"
        yield Finding("normal", words, STATE_ROW)


def _span(first: datetime.datetime, last: datetime.datetime) -> str:
    """Return a span in UTC, such as `2020-02-13 03:12–04:00 UTC`."""
    end = f"{last:%H:%M}" if first.date() == last.date() else f" {last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M}–{end} UTC"
